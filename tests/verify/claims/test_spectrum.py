"""The claims on the spectrum: their errata, the statistics that they measure, and their figures."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch

import numerics
import theory
from verify import Finding, Workbench, discover
from verify.claims.spectrum import assumptions, freeness, laws, networks, residual, spectra, structure
from verify.claims.spectrum.distance import largest_difference
from verify.claims.spectrum.free_sum import _distance, _energy

CLAIMS = {claim.id: claim for claim in discover() if claim.theme == "spectrum"}

MakeBench = Callable[[str], Workbench]
Tried = Callable[[str], tuple[list[Finding], Workbench]]


def test_every_erratum_is_corrected_and_says_what_its_flaw_is() -> None:
    corrected = {claim.corrects for claim in CLAIMS.values()} - {None}
    errata = {claim.id for claim in CLAIMS.values() if claim.erratum}
    assert errata == corrected
    assert {claim.id: claim.flaw for claim in CLAIMS.values() if claim.erratum} == {
        "spectrum.wigner-scale-as-printed": "misprint",
        "spectrum.wishart-scale-as-printed": "misprint",
        "spectrum.residual-is-wigner": "assumption",
        "spectrum.gauss-newton-is-wishart": "assumption",
        "spectrum.parts-are-free": "assumption",
    }


def test_a_misprint_of_the_slide_names_no_paper() -> None:
    assert all(
        claim.source.reference is None for claim in CLAIMS.values() if claim.erratum and claim.flaw == "misprint"
    )


CHEAP = (
    "residual-is-wigner",
    "residual-is-indefinite",
    "residual-variance",
    "residual-relu",
    "wigner-scale-as-printed",
    "gauss-newton-is-wishart",
    "gauss-newton-linear",
    "parts-are-free",
    "residual-scale",
)


@pytest.mark.parametrize("name", CHEAP)
def test_a_claim_comes_out_as_expected_at_another_root_seed(name: str, tried: Tried) -> None:
    tried(f"spectrum.{name}")


def test_weights_and_data_of_one_seed_are_independent() -> None:
    """A seed gives one stream; without care the first weights and the first inputs would be the same numbers."""
    net = networks.random_networks(8, 16, "linear", seeds=range(400))
    weights = net.theta[:, :128] * 8**0.5
    inputs = torch.cat([net.x, net.y], dim=2).flatten(1)[:, :128]
    correlation = (weights * inputs).mean(dim=0).abs().max()
    assert correlation < 5.5 / 400**0.5  # standard errors, the largest of 128


def test_prescribed_residuals_are_met_and_do_not_depend_on_the_inputs() -> None:
    net = networks.networks_with_residuals(6, 300, "relu", epsilon=0.5, seeds=range(40))
    assert float(net.residuals.square().mean()) == pytest.approx(1.0, abs=5 * (2 / net.residuals.numel()) ** 0.5)
    assert float(net.energy.mean()) == pytest.approx(0.5, abs=0.02)
    cross = torch.einsum("smo,smi->soi", net.residuals, net.x) / 300
    assert float(cross.mean().abs()) < 5 / (300 * 40 * 36) ** 0.5


def test_the_residual_part_of_a_trained_linear_network_vanishes() -> None:
    result = networks.trained_networks(4, 16, "linear", seeds=range(10))
    assert bool(result.converged.all())
    parts = result.end.hessian()
    assert float(parts.residual.abs().max()) < 1e-7 * float(parts.gauss_newton.abs().max())
    assert float(result.end.energy.min()) > 0.1


def test_tanh_networks_reach_critical_points_and_few_relu_networks_do() -> None:
    assert bool(networks.trained_networks(4, 16, "tanh", seeds=range(5)).converged.all())
    assert int(networks.trained_networks(4, 16, "relu", seeds=range(20)).converged.sum()) < 10


def test_the_mixed_moment_of_free_matrices_has_its_free_value_and_that_of_commuting_ones_has_not() -> None:
    size = 300
    wishart = numerics.sample_wishart(size, ratio=0.5, seeds=range(4))
    wigner = numerics.sample_wigner(size, seeds=range(10, 14)) + torch.eye(size, dtype=torch.float64)
    free = assumptions.mixed_moment_over_free(wishart, wigner)
    assert free.tolist() == pytest.approx([1.0] * 4, abs=0.05)
    diagonal, other = (torch.diag_embed(torch.linalg.eigvalsh(matrix)) for matrix in (wishart, wigner))
    assert float(assumptions.mixed_moment_over_free(diagonal, other).min()) > 1.05


def test_the_excess_kurtosis_is_that_of_the_normal_and_of_the_uniform_law() -> None:
    generator = torch.Generator().manual_seed(3)
    normal = torch.randn(4, 100, 1000, generator=generator, dtype=torch.float64)
    uniform = torch.rand(4, 100, 1000, generator=generator, dtype=torch.float64)
    assert assumptions.excess_kurtosis(normal).tolist() == pytest.approx([0.0] * 4, abs=5 * (24 / 1e5) ** 0.5)
    assert assumptions.excess_kurtosis(3 * uniform - 7).tolist() == pytest.approx([-1.2] * 4, abs=0.02)


@pytest.mark.parametrize("ratio", ["1/2", "2"])
def test_a_drawn_density_has_the_mass_of_the_continuous_part(ratio: str) -> None:
    x, density = spectra.density_curve(theory.marchenko_pastur(ratio), points=400)
    atoms = sum(float(weight) for _, weight in theory.marchenko_pastur(ratio).atoms())
    assert float(np.trapezoid(density, x)) == pytest.approx(1 - atoms, abs=1e-3)


def test_a_density_on_two_intervals_is_drawn_with_a_gap() -> None:
    law = theory.semicircle("1/100") + theory.compound_poisson([("1/4", 5)])
    x, density = spectra.density_curve(law)
    assert len(law.support()) == 2
    assert np.isnan(x).sum() == np.isnan(density).sum() == 1


def test_a_drawn_spectrum_has_the_share_of_eigenvalues_that_are_not_zero(make_bench: MakeBench) -> None:
    figure = make_bench("spectrum.example").figure("one", title="one", x="x", y="y")
    spectra.draw_spectrum(figure, np.concatenate([np.zeros(30), np.linspace(1, 2, 70)]), "measured")
    arrays = figure.layers[0].arrays
    assert float((arrays["density"] * np.diff(arrays["edges"])).sum()) == pytest.approx(0.7)


def test_an_ensemble_holds_the_draws_of_every_size_and_both_parts_of_a_sum(make_bench: MakeBench) -> None:
    bench = make_bench("spectrum.example")
    sums = spectra.ensembles(bench, "sums", spectra.wishart_wigner_spectra, ratio=0.5, scale=2.0, variance=1.0)
    tables = sums["eigenvalues"]
    assert {size: table.shape for size, table in tables.items()} == {
        size: (spectra.DRAWS, size) for size in (50, 100, 200, 400)
    }
    assert float(tables[400].mean()) == pytest.approx(2.0, abs=0.02)
    assert float(tables[400].var()) == pytest.approx(4 * 0.5 + 1, rel=0.03)


def test_the_largest_difference_of_two_semicircles_is_enclosed_between_the_places() -> None:
    """Moved by 2 delta, the difference is largest half way: the mass of (-delta, delta), 2 delta/pi + O(delta^3)."""
    delta = Fraction(1, 100)
    moved = theory.point_mass(2 * delta) + theory.semicircle(1)
    found = largest_difference(
        theory.semicircle(1), moved, ends=(Fraction(-3), Fraction(3)), tolerance=Fraction(1, 50), places=7
    )
    (below,) = theory.semicircle(1).cdf([-delta], digits=15)
    (above,) = theory.semicircle(1).cdf([delta], digits=15)
    exact = above - below
    assert found.contains(exact.midpoint)
    assert found.upper < Fraction(103, 100) * exact.lower


def test_a_difference_is_not_sought_where_mass_is_left_out_or_no_difference_is() -> None:
    law = theory.semicircle(1)
    with pytest.raises(ValueError, match=r"ends must hold all the mass of both laws, got -1 and 3"):
        largest_difference(law, theory.semicircle(2), ends=(Fraction(-1), Fraction(3)), tolerance=Fraction(1, 10))
    with pytest.raises(ValueError, match=r"law and other must differ at one of the places"):
        largest_difference(law, law, ends=(Fraction(-3), Fraction(3)), tolerance=Fraction(1, 10))


def test_the_energies_of_the_distance_give_the_spectrum_a_whole_standard_deviation() -> None:
    law = theory.wishart_wigner_hessian().at(phi="1/4", epsilon=_energy("1/4", Fraction(2)))
    assert law.free_cumulant(2) == 4
    assert float(_distance("1/4", Fraction(2))) == pytest.approx(9.0e-4, rel=4e-2)


def test_unscaled_edges_grow_like_the_root_of_the_size() -> None:
    edges = [
        laws.unscaled_wigner_edges(size=size, seed=5, draws=8, device="cpu", sigma=0.1)["edge"].mean()
        for size in (50, 200)
    ]
    assert edges[1] / edges[0] == pytest.approx(2, rel=0.1)


def test_two_relu_units_of_one_pattern_have_more_zero_modes_than_their_rescalings() -> None:
    """Each unit is active on 20 samples of 40; the second has a weight vector next to the first one's."""
    net = networks.random_networks(3, 40, "relu", seeds=[0])
    (first, _), _ = net.network.unflatten(net.theta)
    first[0, 1] = first[0, 0] * (1 + 1e-3) + 1e-3
    sums, meets = structure.zero_modes_by_ranks(net)
    (counted,) = numerics.inertia(net.hessian().gauss_newton, tolerance=1e-12).unresolved.tolist()
    assert sums == [counted]
    assert counted > 3
    assert meets == [False]


def test_the_mixed_moment_at_random_weights_has_its_exact_mean() -> None:
    """Within five standard errors, which some hundred networks of width 6 make a tenth of the excess."""
    expected = freeness._at_size("relu", 6)
    moments = [freeness.mixed_moments(seed, 6, "relu", expected, "cpu")["moment"] for seed in range(0, 800, 50)]
    values = np.concatenate(moments)
    assert abs(values.mean() - expected) < 5 * values.std() / values.size**0.5 < 0.25 * (expected - 1)


def test_measures_of_independence_have_their_exact_means_on_normal_matrices() -> None:
    generator = torch.Generator().manual_seed(8)
    first, second = torch.randn(2, 4000, 5, 5, generator=generator, dtype=torch.float64)
    one, other = first @ first.mT, second @ second.mT
    for values, mean in (
        (assumptions.overlap_of(one, other), 1.0),
        (assumptions.overlap_of(one, one), assumptions._independent_moment(5)),
    ):
        assert abs(float(values.mean()) - mean) < 5 * float(values.std()) / 4000**0.5


def test_two_relu_units_of_opposite_weights_let_through_every_sample_once() -> None:
    """So their blocks add up to a linear unit's, and the mean variance of their entries is half of its 2 epsilon/m."""
    width, samples = 40, 80
    blocks = residual.opposite_units(width, samples, 3, "cpu")
    generator = torch.Generator().manual_seed(3)
    residuals, x = (torch.randn(samples, width, generator=generator, dtype=torch.float64) for _ in range(2))
    whole = (2 * residual.EPSILON) ** 0.5 / samples * residuals.mT @ x
    torch.testing.assert_close(blocks.sum(0), whole, rtol=0, atol=1e-14)
    assert float(blocks.square().mean()) == pytest.approx(residual.EPSILON / samples, rel=0.1)
