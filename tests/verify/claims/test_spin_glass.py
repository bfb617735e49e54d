"""The claims on spin glasses: registry, the measurements behind them, outcomes at another root seed."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

import numerics
import theory
from verify import OPEN, STATEMENTS, Claim, Slip, Status, Verdict, Workbench, discover
from verify.claims.spin_glass import assumptions, descent, index_and_energy, mean_number, paths
from verify.lectures import spin_glass
from verify.report.formulas import refuse_bad_formula

EXPECTED = {
    "complexity": Verdict.CERTIFIED,
    "thresholds": Verdict.CERTIFIED,
    "index-energy": Verdict.SUPPORTED,
    "mean-number": Verdict.SUPPORTED,
    "descent-reaches-the-threshold": None,
    "minima-band": Verdict.SUPPORTED,
    "paths-are-independent": None,
    "paths-are-independent-of-inputs": None,
    "weights-are-redundant": None,
    "weights-are-uniform": None,
    "weights-on-a-sphere": None,
}
CLAIMS = {claim.id: claim for claim in discover() if claim.theme == "spin-glass"}

MakeBench = Callable[[str], Workbench]


def test_they_are_registered_in_reading_order_with_their_expectations() -> None:
    assert list(CLAIMS) == [f"spin-glass.{name}" for name in EXPECTED]
    assert [claim.expects for claim in CLAIMS.values()] == [
        OPEN if verdict is None else {verdict} for verdict in EXPECTED.values()
    ]


def test_statements_of_the_talks_lead_to_all_of_them_and_three_are_slips() -> None:
    assert set(spin_glass.STATEMENTS) <= set(STATEMENTS)
    covered = [statement.covered for statement in spin_glass.STATEMENTS]
    assert {name for entry in covered if isinstance(entry, tuple) for name in entry} >= set(CLAIMS)
    slips = [entry for entry in covered if isinstance(entry, Slip)]
    assert len(slips) == 3
    assert "an energy of the configuration alone" in slips[0].meant
    assert "couplings" in slips[1].meant


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=str)
def test_statements_are_complete_and_their_formulas_can_be_drawn(claim: Claim) -> None:
    assert claim.assumptions
    for text in (claim.statement, *claim.assumptions):
        pieces = text.split("$")
        assert len(pieces) % 2 == 1
        for formula in pieces[1::2]:
            if formula:
                refuse_bad_formula(formula)


def test_importing_them_loads_neither_torch_nor_sympy() -> None:
    program = (
        "import sys, verify.claims.spin_glass.complexity, verify.claims.spin_glass.index_and_energy;"
        "import verify.claims.spin_glass.mean_number, verify.claims.spin_glass.descent;"
        "import verify.claims.spin_glass.assumptions;"
        "print([name for name in ('torch', 'sympy', 'scipy.stats') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_points_on_the_curve_deviate_by_nothing_and_points_on_the_line_by_what_the_rival_says() -> None:
    edge = float(theory.threshold_energy(3, np.inf))
    energy = np.linspace(-edge, 0, 4001)
    everywhere = np.ones_like(energy)
    curve = {"energy": energy, "negative": 10 * theory.index_fraction(3, energy), "critical": everywhere}
    line = {"energy": energy, "negative": 10 * (1 + energy / edge) / 2, "critical": everywhere}
    found = index_and_energy.deviations([curve, line], 3, 11)
    np.testing.assert_allclose(found, [0, index_and_energy.STRAIGHT], atol=5e-5)


def test_points_that_are_not_critical_do_not_count_in_a_deviation() -> None:
    one = {"energy": np.array([-1.0, -1.0]), "negative": np.array([0.0, 99.0]), "critical": np.array([1, 0])}
    expected = theory.index_fraction(3, -1.0)
    np.testing.assert_allclose(index_and_energy.deviations([one], 3, 12), [expected], rtol=1e-14)


def test_a_cloud_holds_critical_points_of_many_indices() -> None:
    found = index_and_energy.cloud_of_critical_points(5, order=3, spins=12, points=8, lowest=-1.2, device="cpu")
    assert found["critical"].all()
    assert len(set(found["negative"].tolist())) > 2


def test_the_law_is_tried_elsewhere_at_points_whose_gradients_are_not_zero() -> None:
    found = index_and_energy.points_on_the_way_down(5, order=3, spins=20, points=8, lowest=-1.0, device="cpu")
    assert found["critical"].all()
    assert (found["gradient"] > 1e-3).all()
    assert len(set(found["negative"].tolist())) > 2


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_the_exponent_between_the_windows_is_that_of_a_power_law(power: float) -> None:
    edge = float(theory.threshold_energy(3, np.inf))
    delta = np.array([0.05, 0.2, 0.5, 0.9])  # the first and the last lie in no window
    alpha = np.array([9.0, 0.2**power, 0.5**power, 9.0])
    assert index_and_energy.exponent_between(edge * (delta - 1), alpha, 3) == pytest.approx(power, rel=1e-12)


def test_no_exponent_is_read_where_a_window_holds_no_point_or_no_negative_eigenvalue() -> None:
    edge = float(theory.threshold_energy(3, np.inf))
    energy = edge * (np.array([0.2, 0.5]) - 1)
    assert np.isnan(index_and_energy.exponent_between(energy[:1], np.ones(1), 3))
    assert np.isnan(index_and_energy.exponent_between(energy, np.array([0.0, 1.0]), 3))


def test_exponents_of_points_on_the_curve_are_its_own_whatever_is_not_critical() -> None:
    edge = float(theory.threshold_energy(3, np.inf))
    windows = []
    for low, high in (index_and_energy.NEAR, index_and_energy.FAR):
        energy = edge * (np.linspace(low, high, 9, endpoint=False) - 1)
        negative = 10 * theory.index_fraction(3, energy)
        energy, negative = np.append(energy, energy[0]), np.append(negative, 99.0)
        windows.append({"energy": energy, "negative": negative, "critical": np.arange(10) < 9})
    measured, exact = index_and_energy.exponents(windows, 3, 11)
    np.testing.assert_allclose(measured, exact, rtol=1e-12)
    assert 1.42 < exact[0] < 1.46


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_critical_points_of_a_draw_satisfy_morse_and_come_in_pairs(seed: int) -> None:
    counts = mean_number.counted_points(seed, spins=5, starts=80, device="cpu")["counts"]
    assert mean_number.euler_characteristic(counts) == 2
    assert (counts == counts[::-1]).all()
    assert counts[0] >= 1


def test_heights_of_minima_are_those_above_the_limit_of_the_band_and_a_slower_search_finds_the_same() -> None:
    found = mean_number.counted_points(2, spins=5, starts=80, device="cpu")
    glass = numerics.SphericalSpinGlass.draw(order=3, spins=5, seed=2)
    ends = numerics.spherical_minima(glass, glass.random_points(range(300)))
    minima = mean_number.distinct(ends.points[ends.converged].numpy())
    energy = glass.energy(torch.as_tensor(minima)).numpy()
    assert found["counts"][0] == len(energy)
    assert found["above"] == pytest.approx((energy + np.sqrt(8 / 3)).sum(), rel=1e-9)


def test_the_mean_height_of_minima_is_the_integral_of_their_exact_density() -> None:
    places = np.linspace(-3.5, 0.5, 161)
    number = theory.mean_critical_points(3, 5, places, 0)
    middle = (places[1:] + places[:-1]) / 2
    expected = ((middle + np.sqrt(8 / 3)) * np.diff(number)).sum()
    assert mean_number.exact_height(5) == pytest.approx(expected, rel=1e-4)


def test_a_matrix_of_the_size_of_the_hessian_would_miss_the_count_of_rice() -> None:
    assert mean_number.exact_mean(None, 2) == pytest.approx(2 * 7**0.5)
    assert mean_number.of_smaller_matrix(0, 5) > 1.26 * mean_number.exact_mean(0, 5)
    assert all(mean_number.MARGINS[index] > 0 for index in mean_number.NAMES)


def test_nearly_all_minima_lie_above_the_band_at_finite_size_and_about_where_the_leading_order_says() -> None:
    low, high = theory.minima_band(3)
    for spins in (10, 20, 40):
        below, inside_too, every = theory.mean_critical_points(3, spins, [low, high, np.inf], 0)
        assert descent.share_inside(3, spins) == pytest.approx((inside_too - below) / every)
        assert inside_too / every < 0.025
        place = high + descent.leading_distance(3, [spins])[0]
        assert 0.2 < theory.mean_critical_points(3, spins, place, 0) / every < 0.8
    shares = [theory.mean_critical_points(3, spins, high, 0, log=True) for spins in (10, 20, 40)]
    every = [theory.mean_critical_points(3, spins, np.inf, 0, log=True) for spins in (10, 20, 40)]
    assert (np.diff(np.subtract(shares, every)) < 0).all()


def test_on_three_spins_the_counts_are_those_of_a_grid_of_the_sphere() -> None:
    """A minimum is a cell of a fine grid that lies lower than all cells around it."""
    polar, azimuth = np.meshgrid(np.linspace(0, np.pi, 400), np.linspace(0, 2 * np.pi, 800, endpoint=False))
    points = np.sqrt(3) * np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1
    )
    for seed in (1, 2, 3, 4):
        glass = numerics.SphericalSpinGlass.draw(order=3, spins=3, seed=seed)
        energy = glass.energy(torch.as_tensor(points.reshape(-1, 3))).numpy().reshape(polar.shape)
        shifts = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]
        inner = energy[:, 1:-1]
        lowest = np.all(
            [inner < np.roll(energy, a, axis=0)[:, 1 + b : energy.shape[1] - 1 + b] for a, b in shifts], axis=0
        )
        counts = mean_number.counted_points(seed, spins=3, starts=40, device="cpu")["counts"]
        assert counts[0] == np.count_nonzero(lowest)


def test_descent_ends_in_minima_and_a_draw_depends_on_its_own_seed_alone() -> None:
    options = {"order": 3, "spins": 12, "starts": 4, "device": "cpu"}
    both = descent.minima_of_descent(7, draws=2, **options)  # type: ignore[arg-type]
    one = descent.minima_of_descent(7, draws=1, **options)  # type: ignore[arg-type]
    assert both["minimum"].all()
    assert both["energy"].shape == (2, 4)
    np.testing.assert_allclose(both["energy"][:1], one["energy"], rtol=1e-12)


def test_ends_that_are_no_minima_are_left_out_of_the_mean_and_counted() -> None:
    results = [
        {"energy": np.array([[-1.0, -2.0]]), "minimum": np.array([[1, 1]])},
        {"energy": np.array([[-1.0, 5.0]]), "minimum": np.array([[1, 0]])},
    ]
    np.testing.assert_array_equal(descent.mean_of(results), [-1.5, -1.0])
    assert descent.lost([results, results[:1]]) == 1


def test_paths_are_active_where_both_of_their_units_are() -> None:
    network = numerics.Mlp((5, 3, 3, 2), "relu", bias=False)
    theta = network.init([3], sigma_w=1.4)
    x = torch.randn(7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (first, _), (second, _), _ = network.unflatten(theta)
    found = paths.path_activations(network, theta, x)
    for sample in range(7):
        hidden = (first[0] @ x[sample]).relu()
        last = (second[0] @ hidden).relu()
        for one in range(3):
            for two in range(3):
                assert bool(found[sample, 3 * one + two]) == bool(hidden[one] > 0 and last[two] > 0)


def test_the_output_is_the_sum_over_active_paths() -> None:
    network = numerics.Mlp((5, 3, 3, 2), "relu", bias=False)
    theta = network.init([4], sigma_w=1.4)
    x = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weights = [weight[0] for weight, _ in network.unflatten(theta)]
    active = paths.path_activations(network, theta, x).unflatten(1, (3, 3))
    summed = torch.einsum("si,ai,ba,cb,sab->sc", x, *weights, active)
    torch.testing.assert_close(summed, network.forward(theta, x)[0], rtol=1e-12, atol=1e-12)


def test_independent_paths_show_no_correlation_and_copies_show_a_whole_one() -> None:
    generator = torch.Generator().manual_seed(2)
    active = (torch.rand(4000, 16, dtype=torch.float64, generator=generator) < 0.3).double()
    assert paths.correlation_between_paths(active, 4) < 0.01
    copies = active[:, :1].expand(-1, 16)
    torch.testing.assert_close(
        paths.correlation_between_paths(copies, 4), torch.ones((), dtype=torch.float64), rtol=1e-3, atol=0
    )
    x = torch.rand(4000, 6, dtype=torch.float64, generator=generator)
    assert paths.correlation_with_inputs(active, x) < 0.01
    assert paths.correlation_with_inputs((x > 0.5).double()[:, :1], x[:, :1]) > 0.8


def test_paths_that_never_change_are_left_out() -> None:
    active = torch.zeros(50, 4, dtype=torch.float64)
    active[::2, 0] = active[::2, 3] = 1
    found = paths.correlation_between_paths(active, 2)
    torch.testing.assert_close(found, torch.tensor((1 - 1 / 49) ** 0.5, dtype=torch.float64))


def test_weights_used_equally_often_and_evenly_spaced_ones_are_as_few_as_asked_for() -> None:
    theta = torch.randn(2, 200, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    equal = paths.with_equally_used_weights(theta, 20)
    for row in equal:
        values, counts = row.unique(return_counts=True)
        assert len(values) == 20
        assert (counts == 10).all()
    torch.testing.assert_close(equal.mean(1), theta.mean(1))
    even = paths.with_evenly_spaced_weights(theta, 21)
    assert all(len(row.round(decimals=9).unique()) <= 21 for row in even)
    step = (theta.amax(1) - theta.amin(1)) / 20
    assert ((even - theta).abs().amax(1) <= step / 2 + 1e-12).all()


def test_layers_of_one_law_are_even_and_layers_of_different_scales_are_not() -> None:
    network = numerics.Mlp((30, 30, 30, 30), "relu", bias=False)
    theta = network.init(range(3))
    assert (paths.unevenness_of_layers(network, theta) < 0.1).all()
    theta[:, network.layers["2.weight"]] *= 10
    assert (paths.unevenness_of_layers(network, theta) > 0.25).all()


def test_every_assumption_is_tried_on_the_same_networks(make_bench: MakeBench) -> None:
    one, two = (assumptions.measured(make_bench(name))[0] for name in list(CLAIMS)[-2:])
    np.testing.assert_array_equal(one["growth"], two["growth"])
    assert len(one["growth"]) == 64


@pytest.mark.parametrize("name", ["index-energy", "paths-are-independent"])
def test_a_claim_comes_out_as_expected_at_another_root_seed(name: str, make_bench: MakeBench) -> None:
    claim = CLAIMS[f"spin-glass.{name}"]
    bench = make_bench(claim.id)
    findings = list(claim.judge(bench, "quick"))
    outcome = claim.conclude(findings)
    assert outcome.as_expected, outcome.why_not
    later = [finding for finding in findings if finding.status is not Status.DECIDED]
    assert [finding.status for finding in later] == [Status.DEFERRED] * (2 if name == "index-energy" else 0)
    assert all(finding.title.startswith("exponent of the index between") for finding in later)
    for figure in bench.figures.values():
        assert figure.caption.endswith(".")
        assert all(layer.label for layer in figure.layers)


def test_whether_descent_reaches_the_threshold_waits_for_larger_sizes(make_bench: MakeBench) -> None:
    claim = CLAIMS["spin-glass.descent-reaches-the-threshold"]
    (finding,) = claim.judge(make_bench(claim.id), "quick")
    assert finding.status is Status.DEFERRED
