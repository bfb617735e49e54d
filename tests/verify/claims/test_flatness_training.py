"""Networks trained in search of flat minima: what they hand to the claims, and how their verdicts depend on it."""

from pathlib import Path

import numpy as np
import pytest
import torch

import numerics
from verify import Verdict, Workbench, discover
from verify.claims.flatness import local_entropy, pairs, sharpness_aware, training, weight_average

CLAIMS = {claim.id: claim for claim in discover()}

Array = np.ndarray


def test_trace_and_largest_eigenvalue_are_those_of_the_assembled_hessian() -> None:
    network, end = training.trained(3, 2, "SGD", 80, "cpu", gradients=40)
    (x, labels), _ = training.images(80, "cpu")
    hessian = numerics.dense_hessian(network, end.theta, x, labels, numerics.CrossEntropy()).total
    diagonal = hessian.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(training.traces(network, end.theta, x), diagonal.sum(1), rtol=1e-12, atol=0)
    first, last = training.block_traces(network, end.theta, x)
    torch.testing.assert_close(first, diagonal[:, : 64 * training.HIDDEN].sum(1), rtol=1e-12, atol=0)
    torch.testing.assert_close(last, diagonal[:, 64 * training.HIDDEN :].sum(1), rtol=1e-12, atol=0)
    largest, sure = training.largest_eigenvalues(network, end.theta, x, labels, seed=0)
    assert sure.all()
    torch.testing.assert_close(largest, torch.linalg.eigvalsh(hessian)[:, -1], rtol=training.ACCURACY, atol=0)


def test_training_and_test_images_are_disjoint_and_centred_by_the_former() -> None:
    (x, labels), (others, their_labels) = training.images(100, "cpu")
    assert (len(x), len(labels), len(others), len(their_labels)) == (100, 100, 1697, 1697)
    assert float(x.mean(0).abs().max()) < 1e-12
    plain, _ = numerics.digits()
    torch.testing.assert_close(others - x[:1], plain[100:] - plain[:1])


def test_all_recipes_start_at_the_weights_of_the_seed() -> None:
    names = ("SGD", "SAM", "far SAM", "ASAM", "Entropy-SGD", "low rate", "high rate", "quiet", "middle batch")
    starts = [training.trained(5, 2, name, 64, "cpu", gradients=0)[1].theta for name in names]
    assert all(torch.equal(start, starts[0]) for start in starts)


@pytest.mark.parametrize(("name", "steps"), [("SGD", 40), ("SAM", 20), ("Entropy-SGD", 2)])
def test_a_number_of_gradients_is_kept_to(name: str, steps: int) -> None:
    found = training.ends(1, 2, name, 64, "cpu", gradients=40)
    assert found["steps"].tolist() == [steps, steps]
    assert found["gradients"].tolist() == [40.0, 40.0]
    assert found["arrived"].tolist() == [1.0, 1.0]


def test_a_network_that_misses_the_loss_has_not_arrived() -> None:
    missed = training.ends(1, 1, "SGD", 64, "cpu", target=1e-9, gradients=10)
    assert missed["arrived"].tolist() == [0.0]
    reached = training.ends(1, 1, "SGD", 64, "cpu", target=9.0, gradients=10)
    assert (reached["arrived"].tolist(), reached["steps"].tolist()) == ([1.0], [0.0])
    kept, dropped = training.both_arrived(missed, reached)
    assert (kept.tolist(), dropped) == ([False], 1)


def test_a_rescaled_winner_computes_the_same_and_has_another_hessian() -> None:
    found = sharpness_aware.rescaled_winners(2, 2, 100, 1.0, "cpu")
    assert (found["change"] < 1e-12).all()
    assert (found["distance"] > 1e-4).all()
    assert (found["rescaled largest"] > 2 * found["SAM largest"]).all()
    assert found["arrived"].tolist() == [1.0, 1.0]


def test_a_trajectory_is_measured_after_the_gradients_that_it_says() -> None:
    short, long = (sharpness_aware.along_training(4, "SAM", 64, moments, "cpu") for moments in ("0 20", "0 20 40"))
    assert long["gradients"].tolist() == [0.0, 20.0, 40.0]
    np.testing.assert_allclose(long["largest"][:2], short["largest"], rtol=1e-3)
    assert (np.diff(long["loss"]) < 0).all()
    _, end = training.trained(4, 1, "SAM", 64, "cpu", gradients=40)
    np.testing.assert_allclose(long["loss"][-1], float(end.loss[0]))


def _ends(largest: float, trace: float, loss: float = 0.05, each: int = 1, arrived: int = 40) -> dict[str, Array]:
    spread = np.linspace(0.9, 1.1, 40)
    steps = np.full(40, 100.0)
    return {
        "largest": largest * spread,
        "trace": trace * spread,
        "loss": loss * (1 + 1e-3 * spread),
        "steps": steps,
        "gradients": steps * each,
        "accuracy": spread / 2,
        "arrived": (np.arange(40) < arrived).astype(float),
    }


def _verdicts(
    module: object, name: str, ends: dict[str, dict[str, Array]], tmp_path: Path, patch: pytest.MonkeyPatch
) -> list[Verdict | None]:
    patch.setattr(module, "measured", lambda bench, recipe, **settings: ends[recipe])
    patch.setattr(sharpness_aware, "_draw_trajectories", lambda bench, target: None)
    bench = Workbench(name, folder=tmp_path)
    return [comparison.decide().verdict for comparison in CLAIMS[name].check(bench)]


def test_the_line_of_equality_spans_all_that_is_drawn_on_square_axes(tmp_path: Path) -> None:
    figure = Workbench("a.b", folder=tmp_path).figure("pairs", title="Pairs", x="x", y="y", square=True)
    pairs.draw_pairs(figure, "trace", {"trace": np.array([2.0, 3.0])}, {"others": {"trace": np.array([1.0, 2.5])}})
    assert figure.layers[-1].arrays["x"].tolist() == figure.layers[-1].arrays["y"].tolist() == [1.0, 3.0]


def test_eigenvalues_are_drawn_as_the_loss_falls_with_the_loss_that_the_claim_is_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = {"loss": np.array([2.0, 0.5, 0.04]), "largest": np.array([1.0, 3.0, 0.5])}
    bench = Workbench("flatness.sam-finds-flatter", folder=tmp_path)
    monkeypatch.setattr(Workbench, "map", lambda *_: [path] * 3)
    sharpness_aware._draw_trajectories(bench, 0.05)
    figure = bench.figures["trajectories"]
    assert figure.x_limits is not None
    assert figure.x_limits[0] > 0.05 > figure.x_limits[1]
    *lines, mark = figure.layers
    assert [line.arrays["x"].tolist() for line in lines] == [path["loss"].tolist()] * 3
    assert (mark.label, mark.arrays["x"].tolist()) == ("loss 0.05", [0.05, 0.05])


S, R, U = Verdict.SUPPORTED, Verdict.REFUTED, Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("aware", "verdicts"),
    [
        (_ends(0.8, 0.9), [S, S, S]),
        (_ends(1.2, 0.9), [S, R, S]),
        (_ends(0.8, 0.9, loss=0.035), [R, S, S]),
        (_ends(0.8, 0.9, arrived=30), [U, U, U]),
    ],
    ids=["flatter", "sharper", "at a lower loss", "too few arrived"],
)
def test_pairs_decide_whether_sam_is_flatter(
    aware: dict[str, Array], verdicts: list[Verdict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = {"SGD": _ends(1.0, 1.0), "SAM": _varied(aware)}
    assert _verdicts(sharpness_aware, "flatness.sam-finds-flatter", ends, tmp_path, monkeypatch) == verdicts


def _varied(ends: dict[str, Array]) -> dict[str, Array]:
    """The same with losses that are not proportional to those of the other member of a pair."""
    return ends | {"loss": ends["loss"] * (1 + 1e-3 * np.sin(np.arange(40.0)))}


@pytest.mark.parametrize(
    ("high", "verdicts"),
    [(_ends(0.8, 0.8), [S, S, S, S]), (_ends(1.0, 1.0), [S, S, S, R])],
    ids=["the rate does it", "averaging does it"],
)
def test_the_control_tells_whether_the_rate_or_the_mean_makes_an_average_flatter(
    high: dict[str, Array], verdicts: list[Verdict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mean = _varied(_ends(0.8, 0.79, loss=0.02))
    mean["trace"] = mean["trace"] * (1 + 1e-3 * np.cos(np.arange(40.0)))
    ends = {"low rate": _ends(1.0, 1.0, loss=0.02), "high rate": high, "average": mean}
    assert _verdicts(weight_average, "flatness.swa-finds-flatter", ends, tmp_path, monkeypatch) == verdicts


@pytest.mark.parametrize(("size", "verdicts"), [(0.85, [S, S, S, R]), (0.995, [S, S, S, S]), (1.1, [S, R, R, S])])
def test_how_much_entropy_sgd_gains_is_bounded_apart_from_whether_it_does(
    size: float, verdicts: list[Verdict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entropic = _varied(_ends(size, size))
    entropic["trace"] = entropic["trace"] * (1 + 1e-3 * np.cos(np.arange(40.0)))
    ends = {"SGD": _ends(1.0, 1.0), "Entropy-SGD": entropic}
    assert _verdicts(local_entropy, "flatness.entropy-sgd-finds-flatter", ends, tmp_path, monkeypatch) == verdicts


@pytest.mark.parametrize("sharper", [True, False])
def test_costs_are_counted_and_compared(sharper: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = {name: values[:20] for name, values in _ends(1.0, 1.0).items()}
    ends = {"SGD": short}
    for name, each in (("SAM", 2), ("Entropy-SGD", 20)):
        other = _ends(1.3 if sharper else 0.7, 1.0, loss=0.1, each=each)
        ends[name] = {key: values[:20] for key, values in other.items()}
    verdict = S if sharper else R
    assert _verdicts(sharpness_aware, "flatness.cost-per-step", ends, tmp_path, monkeypatch) == [
        S, S, verdict, S, verdict,
    ]  # fmt: skip
