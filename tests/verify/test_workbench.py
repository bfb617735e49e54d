from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from verify.functions import FunctionName
from verify.refusal import MissingRequirementError
from verify.workbench import Workbench

CALLS: list[int] = []


def square(*, k: int, sign: float = 1.0) -> Mapping[str, Any]:
    CALLS.append(k)
    if k == 13:
        raise ArithmeticError("unlucky")
    row = np.arange(6).reshape(2, 3).T[:, k % 2]  # not contiguous
    return {
        "square": sign * k * k,
        "tensor": torch.full((2,), float(k), requires_grad=True),
        "row": row,
        "scalar": np.float64(k),
        "infinite": float("-inf"),
        "nothing": None,
        "name": f"k{k}",
        "flag": True,
    }


def nested(*, k: int) -> Mapping[str, Any]:
    return {"one": {"two": k}}


def no_mapping(*, k: int) -> Mapping[str, Any]:
    return [k]  # type: ignore[return-value]


def complex_array(*, k: int) -> Mapping[str, Any]:
    return {"z": np.array([1j * k])}


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    CALLS.clear()
    return Workbench("index.example", folder=tmp_path)


def other(bench: Workbench, claim: str = "index.example", seed: int = 0) -> Workbench:
    return Workbench(claim, folder=bench._folder, seed=seed)


def test_longer_lists_of_seeds_begin_with_the_shorter(bench: Workbench) -> None:
    assert bench.seeds("networks", 100)[:7] == bench.seeds("networks", 7)


def test_seeds_differ_between_claims_purposes_and_root_seeds(bench: Workbench) -> None:
    lists = [
        bench.seeds("networks", 50),
        bench.seeds("data", 50),
        other(bench, "index.other").seeds("networks", 50),
        other(bench, seed=1).seeds("networks", 50),
    ]
    seeds = [seed for seeds in lists for seed in seeds]
    assert len(set(seeds)) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeds_are_the_same_on_every_machine(bench: Workbench) -> None:
    assert bench.seeds("networks", 2) == [4502007206645916156, 6410037406237175050]


def test_generators_are_keyed_like_seeds(bench: Workbench) -> None:
    def draw(purpose: str, index: int = 0) -> torch.Tensor:
        return torch.randn(4, generator=bench.generator(purpose, index), dtype=bench.dtype)

    assert torch.equal(draw("data"), draw("data"))
    assert not torch.equal(draw("data"), draw("networks"))
    assert not torch.equal(draw("data"), draw("data", 1))
    assert draw("data").dtype is torch.float64


@pytest.mark.parametrize(("profile", "size"), [("quick", 1), ("standard", 2), ("full", 3)])
def test_sizes_follow_the_profile(tmp_path: Path, profile: Any, size: int) -> None:
    assert Workbench("a.b", folder=tmp_path, profile=profile).size(quick=1, standard=2, full=3) == size


def test_a_missing_package_skips_the_claim(bench: Workbench) -> None:
    bench.require("numpy", extra="data")
    with pytest.raises(MissingRequirementError, match=r"no_such_package is not installed .*pip install -e .\.\[data\]"):
        bench.require("no_such_package", extra="data")


def test_results_come_back_in_order_and_as_they_were(bench: Workbench) -> None:
    results = bench.map("squares", square, [{"k": k, "sign": -1.0} for k in (3, 1, 2)])
    assert [result["square"] for result in results] == [-9, -1, -4]
    assert list(results[0]) == ["square", "tensor", "row", "scalar", "infinite", "nothing", "name", "flag"]
    np.testing.assert_array_equal(results[0]["tensor"], [3.0, 3.0])
    np.testing.assert_array_equal(results[0]["row"], [3, 4, 5])
    np.testing.assert_array_equal(results[2]["row"], [0, 1, 2])
    assert results[0]["infinite"] == float("-inf")
    assert results[0]["nothing"] is None
    assert results[0]["flag"] is True
    assert isinstance(results[0]["scalar"], float)


def test_an_item_is_computed_once(bench: Workbench) -> None:
    first = bench.map("squares", square, [{"k": k} for k in (1, 2, 1)])
    again = other(bench).map("squares", square, [{"k": k} for k in (2, 1, 5)])
    assert CALLS == [1, 2, 5]
    assert [result["square"] for result in first] == [1, 4, 1]
    assert [result["square"] for result in again] == [4, 1, 25]


def test_an_item_that_fails_is_named_and_the_others_are_kept(bench: Workbench) -> None:
    with pytest.raises(ArithmeticError, match="unlucky") as failure:
        bench.map("squares", square, [{"k": k} for k in (1, 13)])
    assert "for {'k': 13}" in failure.value.__notes__[0]
    with pytest.raises(ArithmeticError):
        bench.map("squares", square, [{"k": k} for k in (1, 13)])
    assert CALLS == [1, 13, 13]


def test_progress_is_told_item_by_item(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    bench = Workbench("a.b", folder=tmp_path, progress=lambda *words: heard.append(words))
    bench.map("squares", square, [{"k": k} for k in (1, 2)])
    assert heard == [("squares", 0, 2), ("squares", 1, 2), ("squares", 2, 2)]


def test_functions_that_cannot_travel_are_refused(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def local(*, k: int) -> Mapping[str, Any]:
        return {"k": k}

    for function, message in [
        (lambda k: {"k": k}, "got a lambda"),
        (local, r"got .*<locals>.local"),
        (dict, "got <class 'dict'>"),
    ]:
        with pytest.raises(ValueError, match=f"function must stand at the top of a module .*{message}"):
            bench.map("squares", function, [{"k": 1}])
    monkeypatch.setattr(square, "__module__", "__main__")
    with pytest.raises(ValueError, match="got square of __main__: put it into a file"):
        bench.map("squares", square, [{"k": 1}])


def test_functions_travel_by_name() -> None:
    assert FunctionName.of(square).find() is square


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"k": [1]}, r"got k = \[1\] \(list\) in item 0"),
        ({"k": np.int64(1)}, r"\(int64\)"),
        ({"k": float("nan")}, r"got k = nan \(float\)"),
    ],
)
def test_items_hold_json_scalars_only(bench: Workbench, item: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"items must hold finite JSON scalars, .*{message}"):
        bench.map("squares", square, [item])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (nested, "got one of type dict"),
        (no_mapping, "flat dict of scalars and arrays, got list"),
        (complex_array, "got z of type ndarray complex128"),
    ],
)
def test_results_are_flat(bench: Workbench, function: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        bench.map("results", function, [{"k": 1}])


def test_other_bad_arguments_are_refused(bench: Workbench) -> None:
    with pytest.raises(ValueError, match=r"purpose must be letters, .* got '\.\./up'"):
        bench.map("../up", square, [])
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        bench.seeds("networks", 0)
    bench.figure("density", title="A density", x="x", y="y")
    with pytest.raises(ValueError, match="got a second figure 'density'"):
        bench.figure("density", title="A density", x="x", y="y")
