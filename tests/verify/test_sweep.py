"""Searches for critical points give the same points wherever they run, and none is repeated when a sweep is cut short.

Small networks; the sweep's own file is ``sweep_of_critical_points.py``.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verify.ledger import load_claim_file
from verify.pool import Pool, open_pool
from verify.store import RunFolder
from verify.workbench import Workbench

SWEEP = Path(__file__).with_name("sweep_of_critical_points.py")
SIZE = 6  # batches, of which every worker gets some


@pytest.fixture(scope="module")
def pools(cluster: str) -> Iterator[dict[str, Pool]]:
    """This process, two spawned ones, and a cluster of two worker processes."""
    opened = {"serial": open_pool(), "processes": open_pool(jobs=2), "cluster": open_pool(scheduler=cluster)}
    yield opened
    for pool in opened.values():
        pool.close()


def swept(bench: Workbench, marks: Path) -> list[dict[str, Any]]:
    """Compute the sweep's batches on a bench, each leaving a mark."""
    sweep = load_claim_file(SWEEP)
    return bench.map("searches", sweep.batch, [{**item, "marks": str(marks)} for item in sweep.items(bench)])


def times_computed(marks: Path) -> list[int]:
    """How many times each batch was computed."""
    return list(Counter(mark.name.partition("-")[0] for mark in marks.iterdir()).values())


def assert_same_points(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert list(one) == list(other)
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name], strict=True, err_msg=name)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The sweep's results, computed in this process at one go."""
    folder, marks = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("marks")
    results = swept(Workbench("sweep.points", folder=folder), marks)
    assert times_computed(marks) == [1] * SIZE
    return results


def test_a_sweep_finds_true_critical_points_of_several_indices(undisturbed: list[dict[str, Any]]) -> None:
    found = np.concatenate([result["converged"] for result in undisturbed])
    gradients = np.concatenate([result["relative_gradient"] for result in undisturbed])
    indices = np.concatenate([result["index"] for result in undisturbed])
    assert found.mean() > 0.8
    assert (gradients[found] <= 1e-9).all()
    assert len(np.unique(indices[found])) > 4


@pytest.mark.parametrize("kind", ["processes", "cluster"])
def test_two_workers_find_the_points_that_one_process_finds(
    pools: dict[str, Pool], undisturbed: list[dict[str, Any]], tmp_path: Path, kind: str
) -> None:
    (tmp_path / "marks").mkdir()
    found = swept(Workbench("sweep.points", folder=tmp_path / "store", pool=pools[kind]), tmp_path / "marks")
    assert_same_points(found, undisturbed)
    workers = {int(mark.name.rpartition("-")[2]) for mark in (tmp_path / "marks").iterdir()}
    assert os.getpid() not in workers
    assert times_computed(tmp_path / "marks") == [1] * SIZE


@pytest.mark.parametrize("kind", ["serial", "processes", "cluster"])
def test_a_sweep_that_is_cut_short_goes_on_where_it_was(
    pools: dict[str, Pool], undisturbed: list[dict[str, Any]], tmp_path: Path, kind: str
) -> None:
    """Ctrl-C comes when half of the batches are stored; the rest is computed here, and no stored batch again.

    What is in flight on other workers then is lost, and is computed once more.
    """
    folder, marks = tmp_path / "store", tmp_path / "marks"
    marks.mkdir()

    def ctrl_c(purpose: str, done: int, total: int) -> None:
        if done == SIZE // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        swept(Workbench("sweep.points", folder=folder, pool=pools[kind], progress=ctrl_c), marks)
    stored = {path: path.read_bytes() for path in (folder / "searches").iterdir()}
    assert len([path for path in stored if path.suffix == ".json"]) == SIZE // 2

    heard: list[int] = []
    bench = Workbench("sweep.points", folder=folder, progress=lambda purpose, done, total: heard.append(done))
    found = swept(bench, marks)
    assert_same_points(found, undisturbed)
    assert heard == [3, 4, 5, 6]
    assert stored == {path: path.read_bytes() for path in stored}
    if kind == "serial":
        assert times_computed(marks) == [1] * SIZE


def test_the_command_runs_a_sweep_on_a_cluster_and_finds_the_points_of_a_serial_run(
    lossproof: Any, cluster: str, undisturbed: list[dict[str, Any]], tmp_path: Path
) -> None:
    ended = lossproof("run", "sweep.*", "--claims", SWEEP, "--scheduler", cluster, "--out", tmp_path / "run")
    assert ended.returncode == 0, ended.stderr
    run = RunFolder.open(tmp_path / "run")
    assert run.manifest["scheduler"] == cluster
    assert run.claim("sweep.points")["verdict"] == "SUPPORTED"
    energy, index = (
        np.concatenate([result[name][result["converged"]] for result in undisturbed]) for name in ("energy", "index")
    )
    (figure,) = run.claim("sweep.points")["figures"]
    arrays = run.arrays("sweep.points")
    (layer,) = figure["layers"]
    np.testing.assert_array_equal(arrays[layer["arrays"]["x"]], energy)
    np.testing.assert_array_equal(arrays[layer["arrays"]["y"]], index)
