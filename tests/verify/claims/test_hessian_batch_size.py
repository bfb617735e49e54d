"""Batch size and negative eigenvalues: what the networks hand to the claims, the comparisons, the worked example."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import numerics
from verify import Comparison, Verdict, Workbench
from verify.claims.hessian import batch_size, convolutional, negative

EXAMPLE = Path(__file__).parents[3] / "examples" / "digits_spectrum.py"

Array = np.ndarray


def test_small_mnist_images_are_averages_of_the_centre_and_digits_are_as_they_are() -> None:
    small, labels = convolutional.images("mnist-12", samples=7, device="cpu")
    whole, same = convolutional.images("mnist", samples=7, device="cpu")
    assert (small.shape, whole.shape) == ((7, 144), (7, 784))
    assert torch.equal(labels, same)
    centre = whole.reshape(7, 28, 28)[:, 2:26, 2:26]
    expected = centre.reshape(7, 12, 2, 12, 2).mean(dim=(2, 4)).flatten(1)
    torch.testing.assert_close(small, expected, rtol=1e-6, atol=1e-7)
    x, _ = convolutional.images("digits", samples=7, device="cpu")
    assert torch.equal(x, numerics.digits(samples=7, dtype=torch.float32)[0])


def test_a_pair_starts_at_the_same_weights_and_goes_different_ways() -> None:
    def ends(size: int, steps: int) -> Array:
        return batch_size.largest_eigenvalues(
            seed=5, networks=2, device="cpu", data="digits", samples=64, batch_size=size, learning_rate=0.1,
            target=0.0, steps=steps, check_every=5, top=1,
        )["values"]  # fmt: skip

    np.testing.assert_array_equal(ends(4, 0), ends(32, 0))
    assert not np.isclose(ends(4, 5), ends(32, 5), rtol=1e-3).any()


def test_the_largest_eigenvalues_are_those_of_the_assembled_hessian() -> None:
    found = batch_size.largest_eigenvalues(
        seed=1, networks=1, device="cpu", data="digits", samples=24, batch_size=8, learning_rate=0.1, target=9.0,
        steps=3, check_every=1, top=6,
    )  # fmt: skip
    start = convolutional.untrained("digits", samples=24, seeds=[1], device="cpu")
    exact = torch.linalg.eigvalsh(start.hessian(0).dense().double()).flip(0)[:6]
    np.testing.assert_allclose(found["values"][0], exact.numpy(), atol=convolutional.ACCURACY * float(exact[0]))
    assert found["arrived"].tolist() == [1.0]  # the loss of random weights is below 9
    assert found["steps"].tolist() == [0.0]


def test_a_network_that_misses_the_loss_has_not_arrived() -> None:
    found = batch_size.largest_eigenvalues(
        seed=1, networks=1, device="cpu", data="digits", samples=24, batch_size=8, learning_rate=0.1, target=1e-3,
        steps=2, check_every=1, top=1,
    )  # fmt: skip
    assert found["arrived"].tolist() == [0.0]


def _ends(largest: Array, arrived: int, top: int, slope: float = 0.0) -> dict[str, Array]:
    count = len(largest)
    flags = (np.arange(count) < arrived).astype(float)
    decay = 0.9 ** np.arange(top)
    loss = 0.1 * largest**slope  # the networks' own numbers, so that two slopes give ratios that differ
    return {"values": largest[:, None] * decay, "arrived": flags, "steps": np.full(count, 9.0), "loss": loss}


@pytest.mark.parametrize("top", [1, 40])
@pytest.mark.parametrize(
    ("factor", "arrived", "verdict"),
    [(2.0, 24, Verdict.SUPPORTED), (0.5, 24, Verdict.REFUTED), (2.0, 20, Verdict.UNDECIDED)],
)
def test_pairs_decide_by_their_order_and_are_dropped_where_one_has_not_arrived(
    factor: float, arrived: int, verdict: Verdict, top: int, tmp_path: Path
) -> None:
    bench = Workbench("hessian.large-batch-is-sharper", folder=tmp_path, seed=11)
    small = np.linspace(1.0, 3.0, 24)
    ends = {10: _ends(small, 24, top), 512: _ends(factor * small, arrived, top, slope=0.05)}
    *orders, losses = batch_size._compare(bench, "digits", ends, {10: 0.1, 512: 0.1})
    assert {comparison.decide().verdict for comparison in orders} == {verdict}
    assert losses.decide().verdict is (Verdict.SUPPORTED if arrived == 24 else Verdict.UNDECIDED)
    assert len(orders) == (1 if top == 1 else 2)
    (figure,) = bench.figures.values()
    assert f": {arrived}. Batches" in figure.caption
    assert "0.01 over the batch size," in figure.caption
    assert "0.0002 over the batch size," in figure.caption


def test_networks_at_losses_a_factor_of_two_apart_are_told_from_networks_at_equal_loss(tmp_path: Path) -> None:
    bench = Workbench("hessian.large-batch-is-sharper", folder=tmp_path, seed=11)
    small = np.linspace(1.0, 3.0, 24)
    ends = {10: _ends(small, 24, 1), 512: _ends(2 * small, 24, 1, slope=1.0)}
    *_, losses = batch_size._compare(bench, "digits", ends, {10: 0.1, 512: 0.1})
    assert losses.decide().verdict is Verdict.REFUTED


def _measured(least: float, residual: float, norm: float) -> dict[str, Array]:
    spread = np.linspace(0.9, 1.1, 24)
    after = {"least after": least, "residual least after": residual, "residual norm after": norm}
    before = {"least before": 0.2, "residual least before": 0.25, "residual norm before": 0.3}
    return {name: value * spread for name, value in (after | before).items()} | {"arrived": np.ones(24)}


def _verdicts(comparisons: list[Comparison]) -> list[Verdict | None]:
    return [comparison.decide().verdict for comparison in comparisons]


def test_small_negative_eigenvalues_within_their_bounds_are_supported() -> None:
    found = list(negative._compare("networks", _measured(0.01, 0.02, 0.03), 1e-10, "rounding"))
    assert _verdicts(found) == [Verdict.SUPPORTED] * 5


@pytest.mark.parametrize(
    ("sizes", "refuted"),
    [
        ((0.5, 0.6, 0.7), [0, 2]),
        ((1e-8, 1e-3, 1e-3), [1]),
        ((0.01, 0.005, 0.02), [3]),
        ((0.03, 0.005, 0.02), [3, 4]),
    ],
    ids=["large", "none", "below the residual part's least", "beyond the residual part"],
)
def test_large_ones_and_those_beyond_a_bound_are_refuted(sizes: tuple[float, float, float], refuted: list[int]) -> None:
    verdicts = _verdicts(list(negative._compare("networks", _measured(*sizes), 1e-10, "rounding")))
    assert [place for place, verdict in enumerate(verdicts) if verdict is Verdict.REFUTED] == refuted


def test_whole_spectra_end_at_one_and_obey_weyl() -> None:
    found = negative.whole_spectra(seed=2, networks=2, device="cpu", data="digits", samples=60, width=5, target=1.0)
    assert found["arrived"].tolist() == [1.0, 1.0]
    for when in ("before", "after"):
        spectrum = found[f"spectrum {when}"]
        np.testing.assert_allclose(spectrum[:, -1], 1.0)
        np.testing.assert_allclose(found[f"least {when}"], -spectrum[:, 0])
        assert (spectrum[:, 0] < 0).all()
        assert (found[f"least {when}"] <= found[f"residual least {when}"] + negative.ROUNDING).all()
        assert (found[f"residual least {when}"] <= found[f"residual norm {when}"]).all()


def test_ends_of_spectra_are_those_of_the_assembled_parts() -> None:
    settings: dict[str, Any] = {"seed": 4, "networks": 1, "device": "cpu", "data": "digits", "samples": 24}
    found = negative.trained_ends_of_spectra(**settings, batch_size=8, learning_rate=0.1, target=9.0, tail=3)
    found |= negative.ends_of_spectra(**settings)
    assert (found["sure"], found["arrived"]) == (1.0, 1.0)
    hessian = convolutional.untrained("digits", samples=24, seeds=[4], device="cpu").hessian(0)
    total, residual = (
        torch.linalg.eigvalsh(hessian.with_part(part).dense().double()).numpy() for part in ("hessian", "residual")
    )
    for name, exact in {
        "least": -total[0],
        "residual least": -residual[0],
        "residual norm": np.abs(residual).max(),
    }.items():
        for when in ("before", "after"):  # no step was taken: the loss starts below 9
            assert abs(found[f"{name} {when}"][0] - exact / total[-1]) < convolutional.ACCURACY
    np.testing.assert_allclose(found["tail after"][0], total[:3] / total[-1], atol=convolutional.ACCURACY)
    assert found["tail parameters"] == 1034


def test_a_least_eigenvalue_above_zero_has_no_size_below_it() -> None:
    one = torch.ones(1)
    sizes = negative._sizes(0.5 * one, -3 * one, 2 * one, 2 * one, "after")
    assert {name: float(value) for name, value in sizes.items()} == {
        "least after": 0.0,
        "residual least after": 1.5,
        "residual norm after": 1.5,
    }


@pytest.fixture
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("digits_spectrum", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_trains_its_network_and_draws_both_spectra(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(example, "mnist_subset", lambda samples, dtype: numerics.digits(samples=samples, dtype=dtype))
    monkeypatch.setattr(example, "IMAGES", 100)
    monkeypatch.setattr(example, "EPOCHS", 50)
    picture = tmp_path / "spectra.png"
    monkeypatch.setattr(sys, "argv", ["digits_spectrum.py", "--out", str(picture)])
    example.main()
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in capsys.readouterr().out.splitlines()[:6:3]]
    assert losses[1] < 0.5 * losses[0]
    assert picture.read_bytes().startswith(b"\x89PNG")
