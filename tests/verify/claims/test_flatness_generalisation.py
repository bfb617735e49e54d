"""Batch size, sharpness and generalisation: what is measured, and how the verdicts depend on it."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

import numerics
from verify import Verdict, Workbench, discover
from verify.claims.flatness import generalisation, rescaled_measures, small_batch, training

CLAIMS = {claim.id: claim for claim in discover()}

Array = np.ndarray
S, R, U = Verdict.SUPPORTED, Verdict.REFUTED, Verdict.UNDECIDED


def test_kendalls_tau_counts_pairs_in_order_less_pairs_out_of_order() -> None:
    rows, values = np.random.default_rng(3).normal(size=(4, 9)), np.random.default_rng(4).normal(size=9)
    pairs = list(itertools.combinations(range(9), 2))
    alike = np.array([[(row[i] < row[j]) == (values[i] < values[j]) for i, j in pairs] for row in rows])
    np.testing.assert_allclose(generalisation.kendall(rows, values), 2 * alike.mean(axis=1) - 1, rtol=1e-12)
    np.testing.assert_array_equal(generalisation.kendall(np.exp(rows), values), generalisation.kendall(rows, values))


def test_the_gap_is_that_of_the_losses() -> None:
    found = generalisation.sharpness_and_gap(3, 2, "SGD", 100, 1.0, "cpu")
    network, end = training.trained(3, 2, "SGD", 100, "cpu", target=1.0)
    (x, labels), (others, theirs) = training.images(100, "cpu")
    loss = numerics.CrossEntropy()
    gap = loss.value(network.forward(end.theta, others), theirs) - loss.value(network.forward(end.theta, x), labels)
    np.testing.assert_allclose(found["gap"], gap.numpy(), rtol=1e-10)
    assert found["arrived"].tolist() == [1.0, 1.0]
    np.testing.assert_allclose(found["trace"], training.traces(network, end.theta, x).numpy(), rtol=1e-10)


def test_the_local_entropy_is_that_of_more_draws_and_above_the_loss() -> None:
    found = generalisation.sharpness_and_gap(3, 2, "SGD", 100, 1.0, "cpu")
    network, end = training.trained(3, 2, "SGD", 100, "cpu", target=1.0)
    (x, labels), _ = training.images(100, "cpu")
    sampled = numerics.sampled_local_entropy(
        network, end.theta, x, labels, numerics.CrossEntropy(), gamma=generalisation.STIFFNESS, seeds=[3, 4], pairs=400
    )
    errors = 5 * sampled.error.numpy()  # of a twenty-fifth of the draws
    assert (np.abs(found["entropy"] - sampled.value.numpy()) < 5 * errors).all()
    assert (found["entropy"] > found["loss"]).all()


def test_networks_are_measured_where_the_rescaling_takes_them() -> None:
    found = rescaled_measures.measures_on_orbits(7, 3, 2, 10.0, 1.0, "cpu")
    assert {key: value.shape for key, value in found.items()} == {
        **dict.fromkeys(("largest", "trace", "sharpness"), (3, 3)),
        **dict.fromkeys(("gap", "arrived", "change", "distance"), (3,)),
    }
    again = rescaled_measures.measures_on_orbits(7, 3, 1, 1.0, 1.0, "cpu")  # factors of one
    for key in ("largest", "trace", "sharpness"):
        np.testing.assert_allclose(again[key][1], again[key][0], rtol=1e-6)
        np.testing.assert_allclose(again[key][0], found[key][0], rtol=1e-6)
        assert (np.abs(found[key][1:] / found[key][0] - 1) > 0.01).all()
    assert found["change"].max() < 1e-12
    assert found["distance"].min() > 0.01


def test_the_largest_eigenvalue_and_the_trace_on_an_orbit_are_those_of_hessians_assembled_there() -> None:
    spread, seed = 10.0, 7
    found = rescaled_measures.measures_on_orbits(seed, 1, 2, spread, 1.0, "cpu")
    (x, labels), _ = training.images(rescaled_measures.SAMPLES, "cpu")
    network, loss, x = (
        numerics.Mlp(rescaled_measures.WIDTHS, "relu"),
        numerics.CrossEntropy(),
        rescaled_measures.pooled(x),
    )
    start = network.init([seed], sigma_w=2**0.5)
    theta = numerics.sgd(
        network, start, x, labels, loss, seeds=[seed], steps=5000, stop_at=1.0, **training.recipe("SGD")
    ).theta
    alphas = [1.0, *(spread ** np.random.default_rng(seed).uniform(-1.0, 1.0, (2, 1)))[:, 0]]
    for place, alpha in enumerate(alphas):
        moved = theta * numerics.rescaling_factors(network, (float(alpha), float(1 / alpha)))
        values = torch.linalg.eigvalsh(numerics.dense_hessian(network, moved, x, labels, loss).total[0])
        assert found["largest"][place, 0] == pytest.approx(float(values[-1]), rel=1e-5)
        assert found["trace"][place, 0] == pytest.approx(float(values.sum()), rel=1e-9)


def test_the_sharpness_is_reached_within_the_ball() -> None:
    found = generalisation.sharpness_and_gap(5, 1, "SGD", 60, 1.0, "cpu")
    network, end = training.trained(5, 1, "SGD", 60, "cpu", target=1.0)
    (x, labels), _ = training.images(60, "cpu")
    value, slope = numerics.loss_and_gradient(network, end.theta, x, labels, numerics.CrossEntropy())
    uphill = end.theta + generalisation.RADIUS * slope / slope.norm()
    higher, _ = numerics.loss_and_gradient(network, uphill, x, labels, numerics.CrossEntropy())
    assert found["sharpness"][0] >= float(torch.relu(higher - value)[0] / (1 + value[0])) * (1 - 1e-9)


def test_errors_are_few_and_cost_most(tmp_path: Path) -> None:
    found = rescaled_measures.losses_of_errors(5, 2, 0.5, "cpu")
    network, end, _, (x, labels) = rescaled_measures.small_networks(5, 2, 0.5, "cpu")
    for member, own in enumerate(network.forward(end.theta, x)):
        losses = torch.nn.functional.cross_entropy(own, labels, reduction="none")
        wrong = own.argmax(-1) != labels
        assert found["images"][member] == pytest.approx(float(wrong.double().mean()))
        assert found["loss"][member] == pytest.approx(float(losses[wrong].sum() / losses.sum()))
        assert found["pull"][member] == pytest.approx(1 - float((-losses).exp().min()))
    name = "flatness.confident-error"
    findings = [comparison.decide() for comparison in CLAIMS[name].check(Workbench(name, folder=tmp_path, seed=11))]
    assert [finding.verdict for finding in findings] == [Verdict.PROVED] * 3 + [S, S]
    assert {str(finding.rival_position) for finding in findings} == {"disjoint"}


def _sharp(order: Array, gap: Array, place: int) -> dict[str, Array]:
    """Twenty starts of the network at a place of an order, of which the gap knows."""
    spread = np.linspace(0.9, 1.1, 20)
    value = (1.0 + 0.1 * order[place]) * spread
    return {
        "largest": value,
        "trace": 2 * value,
        "sharpness": value / 3,
        "entropy": value / 4,
        "loss": (1.0 + 0.1 * gap[place]) * spread,
        "gap": (1.0 + 0.1 * gap[place]) * spread,
        "arrived": np.ones(20),
    }


@pytest.mark.parametrize(("direction", "verdict"), [(1, S), (-1, R)])
def test_gap_and_loss_have_to_grow_with_sharpness_from_every_start(
    direction: int, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = np.array([0, 2, 4, 1, 3])
    places = {name: place for place, name in enumerate(generalisation.RECIPES)}
    monkeypatch.setattr(
        generalisation, "_found", lambda bench, name, target, starts: _sharp(order, direction * order, places[name])
    )
    name = "flatness.predicts-generalisation"
    found = [comparison.decide() for comparison in CLAIMS[name].check(Workbench(name, folder=tmp_path))]
    assert [finding.verdict for finding in found] == [verdict] * 8


def _orbits(seed: int, networks: int, draws: int, spread: float, target: float, device: str) -> dict[str, Array]:
    """Networks whose layers have equal shares of a trace, at random places of their orbits."""
    before = np.linspace(1.0, 1.5, networks)
    squares = spread ** (2 * np.random.default_rng(0).uniform(-1.0, 1.0, (draws, networks)))
    rows = np.vstack([before, before / 2 * (squares + 1 / squares)])
    return dict.fromkeys(("largest", "trace", "sharpness"), rows) | {
        "gap": before,
        "arrived": np.ones(networks),
        "change": np.zeros(networks),
        "distance": np.ones(networks),
    }


@pytest.mark.parametrize(("spread", "verdict"), [(1e3, S), (1.3, R)], ids=["rescaled", "hardly rescaled"])
def test_only_rescaling_takes_the_order_away(
    spread: float, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Workbench,
        "map",
        lambda bench, purpose, function, items: [_orbits(**(item | {"spread": spread})) for item in items],
    )
    name = "flatness.no-prediction-after-rescaling"
    found = [comparison.decide().verdict for comparison in CLAIMS[name].check(Workbench(name, folder=tmp_path))]
    assert found == [S, *[verdict] * 3]


def _ends(size: float, accuracy: float) -> dict[str, Array]:
    spread = np.linspace(0.9, 1.1, 20)
    return {
        "largest": size * spread,
        "trace": size * spread,
        "loss": 0.05 * (1 + 1e-2 * size * np.sin(np.arange(20.0))),
        "steps": np.full(20, 100.0),
        "accuracy": accuracy * spread,
        "arrived": np.ones(20),
    }


def test_pairs_decide_at_equal_rate_and_at_equal_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = {
        "small batch": _ends(0.8, 0.6),
        "large batch": _ends(1.0, 0.5),
        "quiet": _ends(1.2, 0.4),
        "middle batch": _ends(1.0, 0.5),
    }
    monkeypatch.setattr(small_batch, "measured", lambda bench, name, **settings: ends[name])
    name = "flatness.small-batch-is-flatter"
    bench = Workbench(name, folder=tmp_path)
    found = [comparison.decide() for comparison in CLAIMS[name].check(bench)]
    assert [finding.verdict for finding in found] == [S, S, S, S, S, R, R, R]
    assert {figure.name for figure in bench.figures.values()} == {"equal-rate", "equal-noise"}
    assert "batches of 512: learning rate 0.5" in bench.figures["equal-rate"].caption.lower()


@pytest.mark.parametrize(("small", "large"), [("small batch", "large batch"), ("quiet", "middle batch")])
def test_one_thing_is_the_same_for_both_sizes(small: str, large: str) -> None:
    first, second = training.recipe(small), training.recipe(large)
    noise = [each["learning_rate"] / each["batch_size"] for each in (first, second)]
    assert first["batch_size"] < second["batch_size"]
    assert (noise[0] == noise[1]) is (small == "quiet")
    assert (first["learning_rate"] == second["learning_rate"]) is (small == "small batch")
