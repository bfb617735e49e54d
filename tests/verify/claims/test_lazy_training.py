"""Training of wide networks: the claims at another seed, and what their workers measure."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import theory
from verify import Status, Verdict, Workbench, discover
from verify.claims.lazy import noise, training


@pytest.mark.parametrize(
    ("name", "decided", "deferred"),
    [("descent-not-sgd", 7, 2), ("exponential-convergence", 7, 4), ("parameters-stay", 2, 5)],
)
def test_what_quick_decides_is_supported_at_another_seed(
    name: str, decided: int, deferred: int, make_bench: Callable[[str], Workbench]
) -> None:
    (claim,) = (one for one in discover() if one.id == f"lazy.{name}")
    bench = make_bench(claim.id)
    findings = list(claim.judge(bench, "quick"))
    verdicts = [finding.verdict for finding in findings if finding.status is Status.DECIDED]
    assert set(verdicts) <= {Verdict.PROVED, Verdict.SUPPORTED}
    assert (len(verdicts), len(findings) - len(verdicts)) == (decided, deferred)
    assert bench.figures
    for figure in bench.figures.values():
        assert figure.caption.endswith(".")
        assert all(layer.label for layer in figure.layers)


def test_a_network_is_the_same_whatever_else_is_trained_and_a_wider_one_moves_less() -> None:
    narrow, again, wide = (training.trained(5, 2, units, 256, False) for units in (8, 8, 256))
    for name, values in narrow.items():
        np.testing.assert_array_equal(values, again[name])
    assert (wide["relative"] < narrow["relative"]).all()


def test_the_risk_starts_at_its_bound_and_ends_below_it_at_the_share_asked_for() -> None:
    found = training.trained(3, 3, 64, 64, False)
    assert (found["risk"][0] == 1).all()
    assert (found["bound"][0] == 1).all()
    assert (found["risk"][1:] < found["bound"][1:]).all()
    assert (found["risk"][-1] <= training.SHARE).all()
    np.testing.assert_allclose(found["rival"], found["bound"] ** 4, rtol=1e-12)
    assert (found["time"] <= found["times"][-1]).all()


def test_a_wide_network_takes_as_long_as_linearised_and_a_narrow_one_does_not() -> None:
    narrow, wide = (training.trained(3, 4, units, 2048, False) for units in (16, 2048))
    np.testing.assert_allclose(wide["linear"], wide["time"], rtol=0.02)
    assert (abs(narrow["time"] / narrow["linear"] - 1) > 0.02).any()


def test_the_condition_of_the_theorem_and_its_bound_on_the_path_have_its_constants() -> None:
    """The path is as long as the radius where the least eigenvalue is just enough, and shorter in proportion beyond."""
    found = training.trained(3, 3, 64, 64, False)
    theorem = theory.lazy_convergence()
    values = {name: found[name] for name in ("least", "enough", "reach")}
    for least, enough, reach in zip(*values.values(), strict=True):
        width = float(theorem.at(part="radius", lambda_=str(least), X=1, digits=15).midpoint)
        squares = (4 * width / reach / (least / enough)) ** 2  # the sum of the squared lengths, 16 times
        assert training.SAMPLES < squares / 16 < 2 * training.SAMPLES * (training.INPUTS + 1)
    assert (found["top"] > found["least"]).all()
    np.testing.assert_allclose(found["steps"], found["time"] * found["top"] * 2 / training.SAMPLES)


def test_sums_of_exponentials_are_solved_for_their_time() -> None:
    rates, parts = (torch.tensor(rows, dtype=torch.float64) for rows in ([[2.0, 2.0], [1.0, 3.0]], [[5, 1], [1, 4]]))
    times = training.exponentials_time(rates, parts, 0.1)
    assert float(times[0]) == pytest.approx(np.log(10) / 2, rel=1e-14)
    np.testing.assert_allclose((parts * (-rates * times[:, None]).exp()).sum(1) / parts.sum(1), 0.1, rtol=1e-12)


def test_in_mean_field_scaling_networks_move_as_far_as_they_are_long() -> None:
    lazy, mean_field = (training.trained(3, 4, 64, 64, scaling) for scaling in (False, True))
    assert (mean_field["relative"] > 0.5).all()
    assert (mean_field["relative"] > 5 * lazy["relative"]).all()
    assert (mean_field["kernel"] > lazy["kernel"]).all()


def test_the_bounds_on_the_path_have_the_powers_of_the_derivation() -> None:
    assert training._orders() == (-0.5, -1.0)


def test_all_examples_go_the_same_way_whether_labels_agree_or_not_and_batches_do_not() -> None:
    found = noise.stalled(seed=2, members=3, share=0.4, steps=60, averaged=1, only_apart=False)
    apart, full, equal, different = found["ways"]
    assert full[0] == apart[0] == equal[0] == different[0] == 1
    assert (np.diff(full) < 0).all()
    assert found["apart"].min() > 100 * found["full"].max()
    assert found["equal"].max() < 0.1
    assert found["different"].max() < 0.5
    assert found["least"].min() > 0.01


def test_the_pace_is_in_proportion_to_the_rate_and_lies_between_the_bounds_of_the_trace() -> None:
    """Of inputs that occur twice the mean eigenvalue is between 1/8 and 1/2 of the largest."""
    one, half = (noise.stalled(2, 2, share, 1, 1, True) for share in (0.2, 0.1))
    np.testing.assert_allclose(one["pace"], 2 * half["pace"], rtol=1e-12)
    assert (one["pace"] <= 0.2 * 2).all()
    assert (one["pace"] >= 0.2 / 2).all()
