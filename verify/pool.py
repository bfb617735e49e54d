"""Where items are computed: in this process, in a pool of spawned processes, or on a dask cluster.

Conventions. Every item is computed by one thread, so that its numbers are the same wherever it runs. A pool of
processes takes whole tasks too, such as claims. Processes are spawned, never forked. Workers ignore Ctrl-C, which
is for the runner to answer, and end when the runner is gone, however it ended.
"""

import contextlib
import os
import re
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import parent_process
from multiprocessing.connection import wait as wait_for_sentinel
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Protocol, TypeVar, cast

from verify.functions import FunctionName, Item, Result, perform
from verify.interruption import interrupts_held_back
from verify.partial import PartialResults
from verify.provenance import thread_count
from verify.refusal import BadInputError, install_command

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")

_ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx)://)?[^\s/]+:\d+|inproc://\S+")

T = TypeVar("T")

Items = Mapping[str, Item]
"""Items by the keys under which their results are kept."""

Completed = Callable[[], None]

TICK = 1.0
"""Seconds between two looks at a run whose tasks keep their time."""


class Pool(Protocol):
    """Computes items and keeps each result as it completes."""

    def compute(self, function: FunctionName, items: Items, results: PartialResults, completed: Completed) -> None:
        """Compute all items; ``completed()`` is called in this thread, once for every item that is kept."""

    def close(self, *, abandon: bool = False) -> None:
        """Give back what the pool holds; with ``abandon``, without waiting for the items in flight."""


class SerialPool:
    """One item after another, in this process."""

    def compute(self, function: FunctionName, items: Items, results: PartialResults, completed: Completed) -> None:
        """Compute all items."""
        with _one_thread():
            for key, item in items.items():
                results.save(key, function, item, computed(function, item))
                completed()

    def close(self, *, abandon: bool = False) -> None:
        """Do nothing."""


class ProcessPool:
    """A pool of spawned processes of one thread each, started when it is first needed."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._context = _Spawn()
        self._executor: ProcessPoolExecutor | None = None

    def compute(self, function: FunctionName, items: Items, results: PartialResults, completed: Completed) -> None:
        """Compute all items; at most two a worker are handed out at a time."""
        try:
            _compute(self._started(), perform, 2 * self.jobs, function, items, results, completed)
        except BrokenProcessPool as error:
            self.close(abandon=True)
            error.add_note("if no worker starts: guard the script that starts it by if __name__ == '__main__':")
            raise

    def compute_tasks(
        self,
        work: Callable[..., T],
        tasks: Sequence[tuple[Any, ...]],
        begun: Callable[[int], None],
        *,
        assist: Callable[[], None] | None = None,
        tick: Callable[[], None] = lambda: None,
    ) -> Iterator[tuple[int, T | None]]:
        """Call ``work(*task)`` for all tasks, one a worker at a time, and yield each place with what came of it.

        Args:
            work: Stands at the top of a module.
            tasks: What it is called with; anything that can be pickled.
            begun: Called with a task's place when it is handed out.
            assist: What a worker does that finds no task left to begin, while others are in flight; can be pickled.
            tick: Called in this thread about once a second.

        Yields:
            Place and result in the order of completion; None for a task that was in flight when a worker died: it
            may or may not be the one to blame. New workers compute the rest.
        """
        waiting = deque(range(len(tasks)))
        in_flight: dict[Future[T], int] = {}
        helpers: set[Future[None]] = set()
        try:
            while waiting or in_flight:
                try:
                    while waiting and len(in_flight) < self.jobs:
                        in_flight[self._submit(work, *tasks[waiting[0]])] = waiting[0]
                        begun(waiting.popleft())
                    while assist and len(in_flight) + len(helpers) < self.jobs:
                        helpers.add(self._submit(assist))
                    both: list[Future[Any]] = [*in_flight, *helpers]
                    done, _ = wait(both, timeout=TICK, return_when=FIRST_COMPLETED)
                    for future in done:
                        if future in in_flight:
                            result = future.result()
                            yield in_flight.pop(future), result
                        elif not isinstance(future.exception(), BrokenProcessPool):
                            helpers.discard(future)
                            assist = None  # it finds nothing to help with any more, or cannot
                        else:
                            future.result()
                except BrokenProcessPool:
                    lost = list(in_flight.values())
                    in_flight.clear()
                    helpers.clear()
                    self.close(abandon=True)
                    yield from ((place, None) for place in lost)
                tick()
        finally:
            pending: list[Future[Any]] = [*in_flight, *helpers]
            for future in pending:
                future.cancel()

    def begin(self, work: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Have a worker call ``work(*arguments)`` as soon as one is free."""
        return self._submit(work, *arguments)

    def _submit(self, work: Callable[..., T], *arguments: Any) -> "Future[T]":
        with interrupts_held_back():  # a process started here inherits the mask: it never sees Ctrl-C
            return self._started().submit(work, *arguments)

    def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            with interrupts_held_back():  # the process that keeps account of its locks is started here and inherits it
                self._executor = ProcessPoolExecutor(self.jobs, mp_context=self._context, initializer=_start_worker)
        return self._executor

    def close(self, *, abandon: bool = False) -> None:
        """End the workers."""
        executor, self._executor = self._executor, None
        if executor is None:
            return
        if not abandon:
            executor.shutdown(wait=True, cancel_futures=True)
            return
        self._context.terminate()
        ending = threading.Thread(target=executor.shutdown, kwargs={"cancel_futures": True}, daemon=True)
        ending.start()
        ending.join(timeout=5)  # a worker that ended while it sent a result could keep the executor waiting


class DaskPool:
    """The workers of a dask cluster that is already there."""

    TIMEOUT = 10.0
    """Seconds to wait for the scheduler."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise BadInputError(
                f"scheduler needs the package distributed ({install_command('distributed')}), got {address!r}."
            ) from None
        rule = "scheduler must be the address of a running dask scheduler"
        if not _ADDRESS.fullmatch(address):  # the client would wait for its own end for 20 seconds
            raise BadInputError(f"{rule}, such as tcp://10.0.0.1:8786, got {address!r}.")
        try:
            self._client: Any = cast("Any", Client)(address, timeout=self.TIMEOUT, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise BadInputError(f"{rule}, got {address!r}.") from error
        self._executor: Executor = self._client.get_executor(pure=False)

    def compute(self, function: FunctionName, items: Items, results: PartialResults, completed: Completed) -> None:
        """Compute all items; at most four a worker thread are handed out at a time."""
        threads = sum(self._client.nthreads().values())
        _compute(self._executor, _perform_by_one_thread, max(4 * threads, 4), function, items, results, completed)

    def close(self, *, abandon: bool = False) -> None:
        """Leave the cluster as it was, taking back what is pending."""
        if self._client.status != "closed":
            self._executor.shutdown(wait=not abandon)
            self._client.close(timeout=5)


def open_pool(*, jobs: int = 1, scheduler: str | None = None) -> Pool:
    """Return the pool of a run.

    Args:
        jobs: Number of processes; 1 computes in this one.
        scheduler: Address of a dask scheduler, instead of ``jobs``.

    Raises:
        BadInputError: If ``jobs`` is below 1, or the scheduler cannot be reached.
    """
    if jobs < 1:
        raise BadInputError(f"jobs must be at least 1, got {jobs}.")
    if scheduler is not None:
        return DaskPool(scheduler)
    return SerialPool() if jobs == 1 else ProcessPool(jobs)


def _compute(
    executor: Executor,
    work: Callable[[FunctionName, Item], Result],
    width: int,
    function: FunctionName,
    items: Items,
    results: PartialResults,
    completed: Completed,
) -> None:
    """Keep ``width`` items handed out until all are done; on any failure take back what is pending."""
    remaining = iter(items.items())
    in_flight: dict[Future[Result], tuple[str, Item]] = {}

    def hand_out() -> None:
        for key, item in remaining:
            with interrupts_held_back():  # a process started here inherits the mask: it never sees Ctrl-C
                in_flight[executor.submit(work, function, item)] = (key, item)
            if len(in_flight) >= width:
                return

    try:
        hand_out()
        while in_flight:
            done, _ = wait(in_flight, return_when=FIRST_COMPLETED)
            for future in done:
                key, item = in_flight.pop(future)
                results.save(key, function, item, _named(function, item, future.result))
                completed()
            hand_out()
    finally:
        for future in in_flight:
            future.cancel()


def computed(function: FunctionName, item: Item) -> Result:
    """Compute one item here, or say in which it failed."""
    return _named(function, item, lambda: perform(function, item))


def _named(function: FunctionName, item: Item, compute: Callable[[], Result]) -> Result:
    """Return a result, or say in which item it failed."""
    try:
        return compute()
    except Exception as error:
        error.add_note(f"while computing {function} for {item}")
        raise


def _perform_by_one_thread(function: FunctionName, item: Item) -> Result:
    """Compute one item in a worker that others have set up."""
    with _one_thread():
        return perform(function, item)


def _start_worker() -> None:
    """Prepare a spawned process: deaf to Ctrl-C, not to the runner, one thread, gone when the runner is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGHUP})
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    if "numpy" in sys.modules:  # loaded by the runner's main module: too late for the environment to count
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
    threading.Thread(target=_end_with_runner, daemon=True).start()


def _end_with_runner() -> None:
    runner = parent_process()
    if runner is not None:
        wait_for_sentinel([runner.sentinel])
        os._exit(1)


class _Spawn(SpawnContext):
    """The spawn context, remembering what it started."""

    def __init__(self) -> None:
        super().__init__()
        self._started: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        """Return a process, as `multiprocessing.Process` does."""
        process = SpawnProcess(*args, **kwargs)
        self._started.append(process)
        return process

    def terminate(self) -> None:
        """End every process started so far that still runs."""
        for process in self._started:
            if process.is_alive():
                process.terminate()
        self._started.clear()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Compute by one thread in here, also in libraries that are loaded only in here."""
    from threadpoolctl import threadpool_limits

    before = {variable: os.environ.get(variable) for variable in THREAD_VARIABLES}
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else None
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    if torch:
        torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        for variable, value in before.items():
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value
        torch = sys.modules.get("torch")
        if torch:
            torch.set_num_threads(threads or thread_count())
