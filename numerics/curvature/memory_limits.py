"""What to do where memory runs out: recognise it, release what is cached, and go on with smaller chunks."""

from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")

_CPU_MESSAGES = ("can't allocate memory", "not enough memory")  # of torch's allocators on Unix and on Windows


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory has run out: an accelerator's has a class of its own, a CPU's a message only.

    Examples:
        >>> ran_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"))
        True
        >>> ran_out_of_memory(RuntimeError("The size of tensor a (3) must match the size of tensor b (2)"))
        False
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in _CPU_MESSAGES)


def release_cached_memory(device: torch.device) -> None:
    """Give cached blocks back to a device that has run out of memory."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def halving(work: Callable[[int], Result], chunk: int, device: torch.device) -> tuple[int, Result]:
    """Do work in chunks of some size, or of half that size and so on as long as memory runs out.

    Args:
        work: Takes the size, and starts anew when it is called again.
        chunk: The size to begin with.
        device: Where the work is done.

    Returns:
        The size that fitted, and what the work gave.

    Examples:
        >>> halving(lambda size: 2 * size, 8, torch.device("cpu"))
        (8, 16)
    """
    while True:
        try:
            return chunk, work(chunk)
        except (RuntimeError, MemoryError) as error:
            if chunk == 1 or not ran_out_of_memory(error):
                raise
        chunk //= 2  # outside of the handler, which keeps what did not fit
        release_cached_memory(device)
