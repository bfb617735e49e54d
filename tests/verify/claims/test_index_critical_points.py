"""The claims on critical points of networks: registry, what the workers hand over, fits, and outcomes."""

import math
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import numerics
import theory
from verify import OPEN, STATEMENTS, Claim, Status, Verdict, Workbench, discover
from verify.claims.index import dead_units, found_points, linear_oracle, networks_and_model, tanh_points, trained_minima
from verify.comparison import LEVEL
from verify.intervals import clopper_pearson
from verify.report.formulas import refuse_bad_formula

EXPECTED: dict[str, frozenset[Verdict]] = {
    "certified-points": frozenset({Verdict.SUPPORTED}),
    "dead-unit-chain": frozenset({Verdict.SUPPORTED}),
    "gradient-flat": frozenset({Verdict.SUPPORTED}),
    "grows-with-energy": frozenset({Verdict.SUPPORTED}),
    "linear-exponents": frozenset({Verdict.SUPPORTED}),
    "linear-oracle": frozenset({Verdict.SUPPORTED}),
    "model-is-qualitative": frozenset({Verdict.REFUTED}),
    "nonlinear-benefit": frozenset({Verdict.SUPPORTED}),
    "nonlinear-benefit-size": OPEN,
    "tanh-threshold": OPEN,
    "three-halves-on-networks": frozenset({Verdict.UNDECIDED}),
}
CLAIMS = {claim.id: claim for claim in discover() if claim.id.removeprefix("index.") in EXPECTED}

MakeBench = Callable[[str], Workbench]


def some_cloud(draws: int = 3) -> found_points.Cloud:
    """Two points on the first draw, three on the second, none on the third."""
    return found_points.Cloud(
        width=2,
        samples=8,
        searches=9,
        draw=np.array([0, 0, 1, 1, 1]),
        index=np.array([0, 4, 1, 2, 3]),
        energy=np.array([0.2, 0.5, 0.1, 0.4, 0.3]),
        draws=draws,
    )


def test_they_are_registered_with_their_expectations() -> None:
    assert {id_: claim.expects for id_, claim in CLAIMS.items()} == {
        f"index.{name}": verdicts for name, verdicts in EXPECTED.items()
    }


def test_a_statement_of_a_lecture_leads_to_each() -> None:
    named = {name for statement in STATEMENTS if isinstance(statement.covered, tuple) for name in statement.covered}
    assert CLAIMS.keys() <= named


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=str)
def test_statements_are_complete_and_their_formulas_can_be_drawn(claim: Claim) -> None:
    assert claim.statement.endswith((".", "?", ")"))
    assert claim.assumptions
    for text in (claim.statement, *claim.assumptions):
        pieces = text.split("$")
        assert len(pieces) % 2 == 1
        for formula in filter(None, pieces[1::2]):
            refuse_bad_formula(formula)


def test_importing_them_loads_neither_torch_nor_sympy() -> None:
    program = (
        "import sys, verify.claims.index.linear_oracle, verify.claims.index.dead_units;"
        "import verify.claims.index.tanh_points, verify.claims.index.networks_and_model;"
        "import verify.claims.index.nonlinear_benefit;"
        "print([name for name in ('torch', 'sympy', 'scipy.stats') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_found_points_carry_their_evidence_and_only_new_critical_ones_enter_a_cloud() -> None:
    found = found_points.found_points(2, 8, 1e-3, 4, found_points.TOGETHER, 3, "eigenvectors", "cpu")
    points = found_points.cloud([found, found], 2, 8)
    fresh = found["fresh"].numpy()
    assert len(points.index) == 2 * fresh.sum() <= points.searches == 2 * len(fresh)
    assert (found["relative_gradient"].numpy()[fresh] <= 1e-9).all()
    assert (found["zero_modes"].numpy()[fresh] == 0).all()
    assert points.draw.max() < points.draws == 2 * found_points.TOGETHER
    np.testing.assert_array_equal(points.energy, np.tile(found["energy"].numpy()[fresh], 2))
    assert points.ratio == Fraction(1, 2)


def test_aims_that_do_not_know_the_start_find_critical_points_of_the_same_data() -> None:
    found = found_points.independently_aimed_points(2, 8, 1e-3, 4, 3, 6, "cpu")
    fresh = found["fresh"]
    assert fresh.sum() >= 3
    again = found_points.independently_aimed_points(2, 8, 1e-3, 4, 3, 6, "cpu")
    np.testing.assert_array_equal(again["energy"], found["energy"])
    kept = set(zip(found["draw"][fresh], found["index"][fresh], found["energy"][fresh].round(8), strict=True))
    assert len(kept) == fresh.sum()
    everything = found_points.found_points(2, 8, 1e-3, 4, 3, 40, "eigenvectors", "cpu")
    listed = {
        (draw, index, round(energy, 7))
        for draw, index, energy, real in zip(
            *(everything[name].tolist() for name in ("draw", "index", "energy", "converged")), strict=True
        )
        if real
    }
    seen = {(int(draw), int(index), round(float(energy), 7)) for draw, index, energy in kept}
    assert len(seen & listed) > len(seen) / 2


def test_gradient_flat_ends_are_told_from_critical_and_from_unfinished_ones(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = {
        "energy": np.full(5, 0.1),
        "index": np.full(5, 4),
        "accepted": np.array([True, True, True, True, False]),
        "converged": np.array([True, False, False, False, False]),
        "outcome": np.array([0, 1, 2, 2, 2]),
        "alignment": np.array([0.5, 1e-5, 1e-5, 0.1, 1e-5]),
    }
    monkeypatch.setattr(tanh_points, "searched", lambda *arguments, **options: [ends])
    _, alpha, accepted, critical, flat = tanh_points.norm_ends(make_bench("index.example"), 2, 8, 5)
    assert alpha.tolist() == [0.5] * 5
    assert accepted.sum() == 4
    assert np.flatnonzero(critical).tolist() == [0]
    assert np.flatnonzero(flat).tolist() == [2]
    assert "gradient-flat" in numerics.critical_points.evidence.OUTCOMES[tanh_points.FLAT_OUTCOME]


def test_nearly_every_run_at_standard_has_draws_enough_if_shares_are_those_of_the_pilot() -> None:
    flat, accepted, draws = tanh_points.FLAT_PILOT
    power = 0.0
    for count in range(100, 300):
        many = np.arange(count + 1)
        supported = clopper_pearson(many, count, LEVEL)[0] > 0.5
        chance = binom.pmf(many, count, flat / accepted)[supported].sum()
        power += chance * binom.pmf(count, tanh_points.FLAT_DRAWS, accepted / draws)
    assert power > 0.99


def test_a_search_takes_no_more_steps_than_it_is_given() -> None:
    few, many = (
        found_points.found_points(2, 8, 1e-3, 4, 3, 2, "gradient-norm", "cpu", max_steps=steps)["steps"].max()
        for steps in (3, 300)
    )
    assert few <= 8 < many


def test_the_same_data_are_searched_at_every_decay_and_by_every_method(make_bench: MakeBench) -> None:
    bench = make_bench("index.example")
    seen = [
        found_points.searched(bench, 1, 4, 5, 1, decay=decay, method=method)[0]["start_energy"]
        for decay, method in ((1e-3, "eigenvectors"), (1e-2, "eigenvectors"), (1e-3, "gradient-norm"))
    ]
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[0], seen[2])


def test_draws_that_fill_no_batch_are_refused(make_bench: MakeBench) -> None:
    with pytest.raises(ValueError, match=r"draws must be a multiple of 5, got 7"):
        found_points.searched(make_bench("index.example"), 2, 8, 7, 2)
    with pytest.raises(ValueError, match=r"must be whole and draws a multiple of 10, got width = 4, ratio = 3/4"):
        trained_minima.minima(make_bench("index.example"), 4, Fraction(3, 4), 10)


def test_a_draw_with_few_points_has_no_trend_and_the_others_have_kendalls_tau() -> None:
    taus, dropped = tanh_points.trends(some_cloud())
    assert dropped == 2
    assert taus.tolist() == [pytest.approx(1 / 3)]  # 1-2 and 1-3 in order, 2-3 not


def test_points_of_one_index_are_neither_in_order_nor_out_of_it() -> None:
    cloud = some_cloud(1)
    flat = found_points.Cloud(2, 8, 9, np.zeros(4, int), np.ones(4, int), np.arange(4.0), 1)
    assert tanh_points.trends(flat)[0].tolist() == [0.0]
    alpha, energy = cloud.of_draw(1)
    assert alpha.tolist() == [1 / 8, 2 / 8, 3 / 8]
    assert energy.tolist() == [0.1, 0.4, 0.3]


def test_mean_energies_weigh_every_draw_once_in_their_error() -> None:
    alpha, energy, errors = some_cloud().mean_energies(1)
    assert alpha.tolist() == [pytest.approx(10 / 5 / 8)]
    assert energy.tolist() == [pytest.approx(0.3)]
    means = np.array([0.35, 0.8 / 3])
    assert errors.tolist() == [pytest.approx(means.std(ddof=1) / 2**0.5)]


@settings(max_examples=20)
@given(start=st.floats(0.01, 0.4), slope=st.floats(0.1, 2))
def test_a_fit_starts_where_an_exact_power_law_starts(start: float, slope: float) -> None:
    alpha = np.array([0.02, 0.05, 0.1, 0.2, 0.4])
    energy = start + slope * alpha ** (2 / 3)
    energy[-1] = 7.0  # outside the window
    assert networks_and_model.start_of_fit(alpha, energy) == pytest.approx(start, rel=1e-9)


def test_a_fit_needs_three_indices_and_the_jackknife_is_that_of_a_mean() -> None:
    assert math.isnan(networks_and_model.start_of_fit(np.array([0.1, 0.1, 0.2]), np.ones(3)))
    draws, noise = 12, np.random.default_rng(0).normal(size=12) / 100
    index = np.tile([1, 2, 3], draws)  # each draw is an exact law with a start of its own
    points = found_points.Cloud(
        3, 12, 99, np.repeat(np.arange(draws), 3), index, 0.1 + np.repeat(noise, 3) + (index / 18) ** (2 / 3), draws
    )
    centre, error = networks_and_model.jackknifed_start(points)
    assert centre == pytest.approx(0.1 + noise.mean())
    assert error == pytest.approx(noise.std(ddof=1) / draws**0.5)
    np.testing.assert_allclose(networks_and_model.starts_of_fits(points), 0.1 + noise)


def test_the_two_regressions_agree_on_a_power_law_and_differ_with_noise() -> None:
    excess = np.geomspace(0.2, 3, 30)
    exact = networks_and_model.both_fits(excess, 0.03 * excess**1.5)
    for fit in exact:
        assert networks_and_model.exponent_of(fit) == pytest.approx(1.5)
    noisy = 0.03 * excess**1.5 * np.exp(np.random.default_rng(1).normal(size=30))
    first, second = (networks_and_model.exponent_of(fit) for fit in networks_and_model.both_fits(excess, noisy))
    assert first < second


def test_at_standard_starts_of_fits_are_drawn_and_left_to_full_and_all_else_is_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).normal(size=100)

    def energies(bench: Workbench, width: int, ratio: Fraction, draws: int, decay: float) -> tuple[object, ...]:
        rule = float((1 - ratio) ** 2 / 2)
        return rule * (1 + noise[:draws] / 100), np.ones(draws), np.ones(draws, dtype=bool)

    monkeypatch.setattr(networks_and_model, "minima", energies)
    monkeypatch.setattr(networks_and_model, "searched", lambda *arguments, **options: [])
    monkeypatch.setattr(networks_and_model, "cloud", lambda *arguments: some_cloud())
    model = SimpleNamespace(at=lambda **point: 0.1)  # is drawn, and slow
    monkeypatch.setattr(theory, "critical_energy", lambda law: model, raising=False)
    bench = Workbench("index.tanh-threshold", folder=tmp_path, profile="standard")
    *others, fits = CLAIMS["index.tanh-threshold"].judge(bench, "standard")
    assert [finding.verdict for finding in others] == [Verdict.SUPPORTED] * 7
    assert (fits.status, fits.decided_from) == (Status.DEFERRED, "full")
    assert sum(layer.label.startswith("fit") for layer in bench.figures["energy-of-minima"].layers) == 3


def test_no_decay_is_where_a_line_through_both_decays_leads() -> None:
    values = tuple(np.array([0.3 + 2 * decay, 0.1 - decay]) for decay in networks_and_model.DECAYS)
    np.testing.assert_allclose(networks_and_model.at_no_decay(values), [0.3, 0.1])


def test_minima_have_no_negative_eigenvalue_and_linear_ones_are_the_least_squares() -> None:
    found = trained_minima.minima_of_draws(3, 12, 1e-3, 5, 3, "cpu")
    assert found["arrived"].all()
    x, y = numerics.gaussian_memorisation(inputs=3, outputs=3, samples=12, seeds=[5, 6, 7])
    for draw in range(3):
        rest = np.linalg.lstsq(x[draw].numpy(), y[draw].numpy(), rcond=None)[1].sum()
        assert found["linear"][draw] == pytest.approx(rest / (2 * float(y[draw].square().sum())), rel=1e-10)


def test_linear_points_are_listed_and_the_second_nearest_is_another() -> None:
    found = linear_oracle.points_and_sets(3, 2, 4, 12, 1, 2, 3, "cpu")
    assert (found["error"] <= linear_oracle.EQUAL).all()
    assert (found["second"] > 1e-6).all()
    assert (found["off_map"] <= linear_oracle.SAME_MAP).all()
    assert (found["second_map"] > 1e3 * linear_oracle.SAME_MAP).all()
    np.testing.assert_array_equal(found["index"], found["listed_index"])
    np.testing.assert_array_equal(found["zeros"], found["listed_zeros"])


def test_greedy_sets_follow_their_index_exactly_and_uniform_ones_on_average() -> None:
    found = linear_oracle.index_and_excess(100, 200, 3, 400)
    count = np.arange(1, 61)
    np.testing.assert_allclose(found["greedy"], count**2 / (2 * 100**2))
    assert (np.diff(found["greedy_excess"]) > 0).all()
    share = np.rint(linear_oracle.SHARES * 100) / 100
    variance = theory.uniform_index_law().parts["variance"].rhs
    values = {symbol: {"n": 100, "q": 0.08}[symbol.name] for symbol in variance.free_symbols}
    spread = float(variance.subs(values) / 400) ** 0.5
    assert np.abs(found["uniform"] - (share + share**2) / 4).max() < 5 * spread


def test_zero_units_keep_the_gradient_and_add_as_many_positive_as_negative_eigenvalues() -> None:
    found = dead_units.grown_points(3, 1, 12, 2, 3, 2, "cpu")
    assert len(found["before"]) > 0
    assert (found["gradient"] < 1e-10).all()
    assert torch.equal(found["negative"], found["before"] + 6)
    assert torch.equal(found["positive"], 18 - found["before"] - 6)
    assert (found["zero_negative"] == 9).all()


def test_certificates_agree_with_counts_and_bound_the_distance() -> None:
    found = tanh_points.certified_points(2, 8, 1e-3, 9, 2, 2, "cpu")
    np.testing.assert_array_equal(found["proved"], found["index"])
    assert (found["distance"] < 1e-9).all()


def test_what_cannot_be_proved_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise theory.NoCertificateError("nothing is proved.")

    monkeypatch.setattr(theory, "certify_critical_point", refuse, raising=False)
    found = tanh_points.certified_points(2, 8, 1e-3, 9, 2, 2, "cpu")
    assert (found["proved"] == -1).all()
    assert np.isnan(found["distance"]).all()
