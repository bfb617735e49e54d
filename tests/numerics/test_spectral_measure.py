"""Spectral measures: exact where they can be, intervals that cover, distances that are areas, and one budget."""

import math

import numpy as np
import pytest
import torch

from numerics import SpectralMeasure, spectral_measure
from numerics.curvature.gauss_quadrature import GaussQuadrature
from numerics.curvature.linear_operator import Counted


class Diagonal:
    """A diagonal matrix known by its products; uniform probes see it as they see any matrix with its spectrum."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values, self.size, self.dtype, self.device = values, len(values), values.dtype, values.device

    def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
        return self.values * vectors if vectors.ndim == 1 else self.values[:, None] * vectors


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _semicircle(count: int) -> torch.Tensor:
    """Quantiles of the semicircle law on [-1, 1]."""
    x = torch.linspace(-1, 1, 20001, dtype=torch.float64)
    cdf = 0.5 + (x * (1 - x * x).clamp(min=0).sqrt() + torch.asin(x)) / math.pi
    return x[torch.searchsorted(cdf, (torch.arange(count, dtype=torch.float64) + 0.5) / count)]


def _trained() -> torch.Tensor:
    """What the Hessian of a trained network looks like: a bulk, an atom at zero, outliers."""
    outliers = torch.tensor([20.0, 12.0, 8.0, 6.0, 4.0, 3.0, 2.5, -2.0], dtype=torch.float64)
    return torch.cat([_semicircle(500), torch.zeros(100, dtype=torch.float64), outliers]).sort().values


def _estimated(
    values: torch.Tensor, seed: int = 0, *, probes: int = 6, steps: int = 40, **options: bool
) -> SpectralMeasure:
    return spectral_measure(
        Diagonal(values), probes=probes, steps=steps, generator=_generator(seed), method="estimated", **options
    )


def test_small_matrices_are_exact(device: str) -> None:
    values = torch.linspace(-2, 3, 60, dtype=torch.float64)
    q = torch.linalg.qr(torch.randn(60, 60, generator=_generator(0), dtype=torch.float64)).Q
    matrix = q @ torch.diag(values) @ q.mT
    found = spectral_measure(((matrix + matrix.mT) / 2).to(device), probes=2, steps=5, generator=_generator(0))
    assert found.method == "exact"
    torch.testing.assert_close(found.nodes.cpu(), values, rtol=0, atol=1e-13)
    assert found.weights.tolist() == pytest.approx([1 / 60] * 60)
    assert [one.error for one in found.moments(3)] == [0.0] * 3
    inside = found.cdf(0.0)
    assert float(inside.value) == float(inside.lower) == float(inside.upper) == 24 / 60
    assert str(found) == "spectral measure of 60 eigenvalues (exact)"


def test_an_operator_without_a_matrix_is_diagonalised_by_its_products() -> None:
    operator = Counted(Diagonal(torch.tensor([3.0, -1.0, 2.0])))
    found = spectral_measure(operator, probes=2, steps=2, generator=_generator(0), method="exact")
    assert found.nodes.tolist() == pytest.approx([-1.0, 2.0, 3.0], rel=1e-6)
    assert found.products == operator.products == 3


def test_weights_are_a_measure_and_the_budget_is_kept() -> None:
    operator = Counted(Diagonal(_trained()))
    for probes, deflate in ((2, True), (3, True), (7, True), (4, False)):
        operator.products = 0
        found = spectral_measure(
            operator, probes=probes, steps=25, generator=_generator(probes), deflate=deflate, method="estimated"
        )
        assert found.products == operator.products <= probes * 25
        assert float(found.weights.sum()) == pytest.approx(1.0, abs=1e-12)
        assert bool((found.weights >= 0).all())
        assert bool((found.nodes.diff() >= 0).all())
        assert len(found.quadratures) >= 2
        assert (len(found.eigenvalues) > 0) == deflate


def test_known_eigenvalues_are_eigenvalues_and_the_outliers_are_among_them() -> None:
    values = _trained()
    known = _estimated(values).eigenvalues
    away = (known[:, None] - values).abs().amin(1)
    assert float(away.max()) < 1e-8 * 20
    assert known[-7:].tolist() == pytest.approx([2.5, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0], abs=1e-9)


CROWDED = {
    "clusters": torch.cat([c + 1e-7 * torch.linspace(-1, 1, 60) for c in (-1.0, 0.0, 0.5, 10.0)] + [_semicircle(300)]),
    "falling to zero": torch.cat([torch.logspace(0, -8, 150), torch.zeros(350)]),
    "repeated": torch.cat([torch.linspace(1, 2, 25).repeat_interleave(12), torch.zeros(200)]),
    "far outliers": torch.cat([torch.tensor([1e6, 1e4, 1e3]), _semicircle(400)]),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("spectrum", CROWDED)
def test_no_eigenvalue_is_known_twice(spectrum: str, dtype: torch.dtype, unchecked: None) -> None:
    """A run of 200 steps whose vectors lost their orthogonality would find copies ("ghosts") of what has converged."""
    values = CROWDED[spectrum].to(dtype)
    found = _estimated(values, probes=4, steps=100)
    known, wide = found.eigenvalues, values.double()
    assert len(known) > 0
    near = 3e-6 * float(wide.abs().max())  # the tolerance on residuals, twice for float32, and its rounding
    counts = [int(((known - one).abs() <= near).sum()) for one in known]
    places = [int(((wide - one).abs() <= 2 * near).sum()) for one in known]
    assert all(count <= place for count, place in zip(counts, places, strict=True))


def test_repeated_outliers_keep_their_mass() -> None:
    """One run finds one vector of an eigenspace; the others of it are left to the probes beside."""
    values = torch.cat([_semicircle(300), torch.full((5,), 6.0), torch.full((40,), -3.0)]).double()
    found = [_estimated(values, seed, probes=8, steps=20) for seed in range(10)]
    for place, mass in ((6.0, 5 / 345), (-3.0, 40 / 345)):
        masses = torch.tensor([float(one.weights[(one.nodes - place).abs() < 0.1].sum()) for one in found])
        assert abs(float(masses.mean()) - mass) <= 4 * max(float(masses.std()) / 10**0.5, 1e-4)


def test_deflation_divides_the_error() -> None:
    values = _trained()
    with_it, without = (
        [_estimated(values, seed, probes=8, steps=25, deflate=deflate).wasserstein(values) for seed in range(8)]
        for deflate in (True, False)
    )
    assert max(with_it) < min(without)
    assert sum(with_it) < 0.5 * sum(without)


@pytest.mark.parametrize(("probes", "steps"), [(6, 40), (10, 20)])
def test_intervals_of_the_cdf_cover(probes: int, steps: int, unchecked: None) -> None:
    """90 % intervals hold the truth at every place in 80 % of 50 draws, and not always where the steps resolve it.

    Near the atom the steps' error is the same in all draws and the interval is as wide as it may be; it covers always.
    """
    values = _trained()
    bulk, near = [-0.8, -0.5, -0.3, 0.3, 0.6, 0.9], [-0.1, -0.03, -0.01, 0.01, 0.03, 0.1]
    x = torch.tensor(bulk + near, dtype=torch.float64)
    truth = torch.searchsorted(values, x, right=True).double() / len(values)
    covered, scores = [], []
    for seed in range(50):
        cdf = _estimated(values, 1000 + seed, probes=probes, steps=steps).cdf(x)
        covered.append(((cdf.lower <= truth) & (truth <= cdf.upper)).double())
        scores.append(((cdf.value - truth) / cdf.error)[: len(bulk)])
    share = torch.stack(covered).mean(0)
    assert float(share.min()) >= 0.8
    assert 0.86 <= float(share[: len(bulk)].mean()) <= 0.97  # 300 draws, not independent: 90 % - 4 x 1 % or more
    # the standard error is right: the root mean square of 50 independent draws is 1 +- 0.1
    assert 0.8 <= float(torch.stack(scores).square().mean().sqrt()) <= 1.2


def test_an_interval_of_a_higher_level_holds_the_others() -> None:
    measure, x = _estimated(_trained()), torch.linspace(-1.1, 1.1, 45, dtype=torch.float64)
    inner = measure.cdf(x, level=0.3)
    for level in (0.5, 0.9, 0.999):
        outer = measure.cdf(x, level=level)
        assert torch.equal(outer.value, inner.value)
        assert bool((outer.lower <= inner.lower + 1e-12).all() and (inner.upper <= outer.upper + 1e-12).all())
        assert bool((outer.lower <= outer.value).all() and (outer.value <= outer.upper).all())
        inner = outer


def test_between_known_outliers_the_cdf_is_exact() -> None:
    cdf = _estimated(_trained()).cdf(torch.tensor([5.0, 10.0, 30.0], dtype=torch.float64))
    assert cdf.value.tolist() == pytest.approx([604 / 608, 606 / 608, 1.0], abs=1e-12)
    assert float((cdf.upper - cdf.lower).max()) < 0.004


def test_moments_are_unbiased_and_their_jackknife_errors_cover(unchecked: None) -> None:
    values = _semicircle(400) + 0.2
    truth = [float(values.pow(order).mean()) for order in (1, 2, 3)]
    found = [_estimated(values, seed, probes=12, steps=10).moments(3) for seed in range(40)]
    for order in range(3):
        misses = torch.tensor([one[order].value - truth[order] for one in found])
        assert abs(float(misses.mean())) <= 4 * float(misses.std()) / 40**0.5
        covered = sum(abs(one[order].value - truth[order]) <= 3 * one[order].error for one in found)
        assert covered >= 34  # Student's t with 6 degrees of freedom: 97.6 % of 40, less four deviations


def test_scaling_and_shifting_the_matrix_moves_the_nodes() -> None:
    values = _trained()
    one, other = _estimated(values, 3), _estimated(-2.5 * values, 3)
    mirrored = SpectralMeasure.exact(-2.5 * one.eigenvalues)
    torch.testing.assert_close(other.eigenvalues, mirrored.eigenvalues, rtol=1e-9, atol=1e-9)
    assert other.wasserstein(-2.5 * values) == pytest.approx(2.5 * one.wasserstein(values), rel=1e-4)
    tiny = _estimated(1e-120 * values, 3)
    assert tiny.wasserstein(1e-120 * values) == pytest.approx(1e-120 * one.wasserstein(values), rel=1e-3)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e300])
@pytest.mark.parametrize("deflate", [False, True])
def test_no_power_of_ten_is_too_much(scale: float, deflate: bool) -> None:
    values = _semicircle(300)
    one, other = (_estimated(factor * values, probes=4, steps=10, deflate=deflate) for factor in (1.0, scale))
    torch.testing.assert_close(other.nodes / scale, one.nodes, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(other.weights, one.weights, rtol=1e-6, atol=1e-9)
    assert other.moments(1)[0].error == pytest.approx(scale * one.moments(1)[0].error, rel=1e-6)
    x = torch.linspace(-1.5, 1.5, 7, dtype=torch.float64)
    torch.testing.assert_close(other.cdf(scale * x).value, one.cdf(x).value, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1.0, 1e100])
def test_far_outside_of_the_spectrum_the_cdf_is_zero_or_one(scale: float) -> None:
    measure = _estimated(scale * _semicircle(300), probes=4, steps=20)
    for far in (1e2, 1e4, 1e6, 1e9, 1e16, 1e30, 1e100):
        above, below = measure.cdf(far * scale), measure.cdf(-far * scale)
        assert float(above.value) == pytest.approx(1.0, abs=1e-12)
        assert float(above.upper) == pytest.approx(1.0, abs=1e-12)
        assert float(below.value) == pytest.approx(0.0, abs=1e-12)
        assert float(below.lower) == pytest.approx(0.0, abs=1e-12)
    assert float(measure.cdf(1e300).value) == pytest.approx(1.0, abs=1e-12)


def test_few_steps_prove_no_more_of_the_cdf_than_cantelli() -> None:
    quadrature = GaussQuadrature(torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    x = torch.tensor([2.0, 1e2, 1e4], dtype=torch.float64)  # the mean is 0 and the variance 1
    below, at = quadrature.bounds(x)
    torch.testing.assert_close(1 - below, 1 / (1 + x * x), rtol=1e-6, atol=0.0)
    torch.testing.assert_close(below + at, torch.ones(3, dtype=torch.float64), rtol=0.0, atol=1e-12)


def test_powers_that_leave_the_range_of_floats_are_refused() -> None:
    for values in torch.tensor([[1e200, -1e200], [1e-200, 0.0]], dtype=torch.float64):
        found = SpectralMeasure.exact(values)
        assert found.moments(1)[0].error == 0.0
        with pytest.raises(ValueError, match=r"order must leave powers of 1.0e[+-]200 that float64 can hold, got 2"):
            found.moments(2)
    assert [one.value for one in SpectralMeasure.exact(torch.zeros(3)).moments(9)] == [0.0] * 9


@pytest.mark.parametrize("probes", [2, 3, 6])
def test_two_errors_of_a_moment_cover_what_students_t_says(probes: int, unchecked: None) -> None:
    values = _semicircle(300)
    truth = float(values.square().mean())
    found = [_estimated(values, seed, probes=probes, steps=6, deflate=False).moments(2)[1] for seed in range(150)]
    covered = sum(abs(one.value - truth) <= 2 * one.error for one in found)
    assert covered >= 0.954 * 150 - 4 * (0.954 * 0.046 * 150) ** 0.5


def test_float32_products_keep_the_distance() -> None:
    values = _trained()
    wide, narrow = (
        spectral_measure(
            Diagonal(values.to(dtype)), probes=6, steps=40, generator=_generator(7), method="estimated"
        ).wasserstein(values)
        for dtype in (torch.float64, torch.float32)
    )
    assert narrow == pytest.approx(wide, rel=0.05)


def test_the_bounds_of_a_vectors_measure_hold_and_are_attained() -> None:
    """A measure of few atoms has its cdf between L and L + rho after any number of steps, and all steps give it."""
    nodes = torch.linspace(-1, 2, 30, dtype=torch.float64)
    weights = torch.rand(30, generator=_generator(0), dtype=torch.float64)
    weights /= weights.sum()
    x = torch.linspace(-1.2, 2.2, 101, dtype=torch.float64)
    truth = ((nodes <= x[:, None]) * weights).sum(1)
    for steps in (1, 3, 10, 20, 29):
        below, at = GaussQuadrature.of_atoms(nodes, weights, steps).bounds(x)
        assert bool((below <= truth + 1e-9).all())
        assert bool((truth <= below + at + 1e-9).all())
    below, at = GaussQuadrature.of_atoms(nodes, weights, 30).bounds(x)
    torch.testing.assert_close(below + at, truth, rtol=0, atol=1e-9)


def test_all_steps_of_a_simple_spectrum_are_exact_and_the_zero_matrix_is_an_atom() -> None:
    values = torch.linspace(1, 2, 20, dtype=torch.float64)
    found = _estimated(values, probes=4, steps=50)
    assert found.method == "exact"
    torch.testing.assert_close(found.nodes, values, rtol=1e-12, atol=0.0)
    zero = _estimated(torch.zeros(50, dtype=torch.float64))
    assert zero.nodes.abs().max() == 0.0
    assert float(zero.cdf(0.1).value) == pytest.approx(1.0)
    assert float(zero.cdf(-0.1).value) == pytest.approx(0.0)
    assert zero.moments(2)[1].value == 0.0
    assert zero.products < 20
    one = _estimated(torch.tensor([3.0], dtype=torch.float64), probes=2, steps=4)
    assert (one.nodes.tolist(), one.method) == ([3.0], "exact")


def test_a_low_rank_matrix_is_known_but_for_its_zeros() -> None:
    values = torch.zeros(400, dtype=torch.float64)
    values[:30] = torch.linspace(1, 5, 30)
    found = _estimated(values, probes=4, steps=25)
    assert int((found.eigenvalues > 0.5).sum()) == 30
    assert found.wasserstein(values) < 1e-9


def test_distances_between_discrete_measures_are_those_of_sorted_points() -> None:
    first = torch.randn(50, generator=_generator(0), dtype=torch.float64)
    second = torch.randn(50, generator=_generator(1), dtype=torch.float64)
    one, other = SpectralMeasure.exact(first), SpectralMeasure.exact(second)
    area = float((first.sort().values - second.sort().values).abs().mean())
    assert one.wasserstein(other) == pytest.approx(area, rel=1e-12)
    assert one.wasserstein(second) == other.wasserstein(one) == one.wasserstein(other)
    grid = torch.cat([first, second])
    gap = ((first <= grid[:, None]).double().mean(1) - (second <= grid[:, None]).double().mean(1)).abs().max()
    assert one.kolmogorov(other) == pytest.approx(float(gap), rel=1e-12)
    assert one.wasserstein(one) == one.kolmogorov(one) == 0.0


CDFS = {
    "numpy": lambda x: np.clip((x + 1) / 2, 0, 1),
    "torch": lambda x: torch.clamp((torch.as_tensor(x) + 1) / 2, 0, 1),
    "a number": lambda x: min(max((x + 1) / 2, 0.0), 1.0),
}


@pytest.mark.parametrize("kind", CDFS)
def test_distances_to_a_law_are_those_to_its_quantiles(kind: str) -> None:
    """Against the uniform law on [-1, 1], n equally spaced nodes are off by 1/(2 n) in area, 1/(2 n) in height."""
    count = 40
    measure = SpectralMeasure.exact(2 * (torch.arange(count, dtype=torch.float64) + 0.5) / count - 1)
    assert measure.wasserstein(CDFS[kind]) == pytest.approx(1 / (2 * count), abs=1e-6)
    assert measure.kolmogorov(CDFS[kind]) == pytest.approx(1 / (2 * count), rel=1e-12)
    moved = SpectralMeasure.exact(measure.nodes + 5)
    assert moved.wasserstein(CDFS[kind]) == pytest.approx(5.0, rel=1e-6)


def test_a_law_with_an_atom_is_compared_from_both_sides() -> None:
    measure = SpectralMeasure.exact(torch.zeros(3, dtype=torch.float64))

    def upto(x: np.ndarray) -> np.ndarray:
        return (x >= 0).astype(float)

    def below(x: np.ndarray) -> np.ndarray:
        return (x > 0).astype(float)

    assert measure.kolmogorov(upto, left=below) == 0.0
    assert measure.kolmogorov(upto) == 1.0  # as if the law had no atom
    assert measure.wasserstein(upto) < 1e-4


def test_a_smoothed_density_has_mass_one_and_is_for_plots() -> None:
    measure = _estimated(_semicircle(200), probes=4, steps=20)
    grid = torch.linspace(-3, 3, 2001, dtype=torch.float64)
    for width in (None, 0.2):
        assert float(torch.trapezoid(measure.smoothed(grid, width), grid)) == pytest.approx(1.0, abs=1e-6)


def test_the_cost_decides_and_the_measure_says_which() -> None:
    few = spectral_measure(Diagonal(_semicircle(100)), probes=2, steps=5, generator=_generator(0))
    assert (few.method, few.reason) == ("exact", "exact: 100 parameters are few")


def test_moments_reach_the_degree_of_the_steps_with_deflation_too() -> None:
    """What deflation leaves of the long run has fewer nodes, and is left out of moments beyond its degree."""
    spectrum = torch.cat([torch.linspace(0.1, 1, 60), 1e-3 * torch.linspace(-1, 1, 240)]).double()
    measure = spectral_measure(Diagonal(spectrum), probes=8, steps=20, generator=_generator(1), method="estimated")
    assert min(quadrature.degree for quadrature in measure.quadratures) < 39
    for power, moment in enumerate(measure.moments(39), 1):
        assert abs(moment.value - float(spectrum.pow(power).mean())) <= 5 * moment.error + 1e-9


def test_known_eigenvalues_closer_to_x_than_they_are_known_widen_the_interval() -> None:
    spectrum = torch.cat([torch.linspace(0.1, 1, 20), torch.zeros(240), torch.linspace(1e-7, 1e-5, 40)]).double()
    x, truth = torch.tensor([1e-9, 1.00001]).double(), torch.tensor([0.8, 1.0]).double()
    for seed in range(20):
        found = spectral_measure(Diagonal(spectrum), probes=4, steps=30, generator=_generator(seed), method="estimated")
        assert 0.0 < found.resolution <= 3e-6
        interval = found.cdf(x)
        assert bool(((interval.lower <= truth + 1e-12) & (truth - 1e-12 <= interval.upper)).all())


def test_bad_arguments_are_refused_in_one_sentence(unchecked: None) -> None:
    operator = Diagonal(torch.linspace(0, 1, 30, dtype=torch.float64))

    def measured(**changes: object) -> SpectralMeasure:
        options = {"probes": 4, "steps": 5, "generator": _generator(0), "method": "estimated"} | changes
        return spectral_measure(operator, **options)  # type: ignore[arg-type]

    for changes, message in (
        ({"probes": 1}, r"probes must be >= 2, for the spread of several is the error, got 1"),
        ({"probes": 2.5}, r"probes must be an integer >= 1, got 2.5"),
        ({"steps": 0}, r"steps must be an integer >= 1, got 0"),
        ({"method": "fast"}, r"method must be 'auto', 'exact' or 'estimated', got 'fast'"),
    ):
        with pytest.raises(ValueError, match=message):
            measured(**changes)
    with pytest.raises(TypeError, match=r"generator must be a torch.Generator, got NoneType"):
        measured(generator=None)
    broken = Diagonal(torch.full((30,), math.inf))
    for deflate in (True, False):
        for method in ("estimated", "exact"):
            with pytest.raises(ValueError, match=r"operator must have finite products"):
                spectral_measure(broken, probes=4, steps=5, generator=_generator(0), deflate=deflate, method=method)
    found = measured(deflate=False)
    with pytest.raises(ValueError, match=r"order must be <= 9, up to which two quadratures are exact, got 10"):
        found.moments(10)
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), got 1"):
        found.cdf(0.0, level=1)
    with pytest.raises(ValueError, match=r"x must be finite"):
        found.cdf(torch.tensor([math.nan]))
    with pytest.raises(ValueError, match=r"width must be a finite number > 0, got 0"):
        found.smoothed(torch.zeros(3), 0)
    with pytest.raises(ValueError, match=r"grid must be a vector of at least one number, got shape \(2, 2\)"):
        found.smoothed(torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"eigenvalues must be a vector of at least one number, got shape \(0,\)"):
        SpectralMeasure.exact(torch.zeros(0))
    with pytest.raises(TypeError, match=r"other must be a spectral measure, .* or a cdf, got int"):
        found.wasserstein(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"other must be a cdf that rises from 0 to 1, got one off by"):
        found.kolmogorov(lambda x: 1 - x)
    with pytest.raises(ValueError, match=r"other must be a cdf .* does not reach them"):
        found.wasserstein(lambda x: 0.5 + 0 * x)
    with pytest.raises(ValueError, match=r"other must be a cdf with one finite value for each x"):
        found.kolmogorov(lambda x: x * math.nan)
    with pytest.raises(ValueError, match=r"other must be a cdf .* does not reach them"):
        found.kolmogorov(lambda x: 0 * x)
    for compare in (found.wasserstein, found.kolmogorov):
        with pytest.raises(ValueError, match=r"other must be a cdf .*, but calling it raises ZeroDivisionError: "):
            compare(lambda x: 1 / 0)
        with pytest.raises(ValueError, match=r"other must be a cdf .*, but calling it raises TypeError: "):
            compare(lambda x: None)
    with pytest.raises(ValueError, match=r"x must be a finite number, got 'a'"):
        found.cdf("a")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"left must come with the cdf of a law"):
        found.kolmogorov(torch.zeros(3), left=lambda x: x)


def test_ten_probes_of_eighty_steps_are_taken_unless_said_and_a_small_operator_is_exact() -> None:
    matrix = torch.diag(torch.linspace(-1, 1, 600, dtype=torch.float64))
    given = {"method": "estimated", "deflate": False}
    plain = spectral_measure(matrix, generator=torch.Generator().manual_seed(0), **given)
    said = spectral_measure(matrix, probes=10, steps=80, generator=torch.Generator().manual_seed(0), **given)
    assert plain.products == said.products == 800
    assert spectral_measure(matrix[:40, :40], generator=torch.Generator()).method == "exact"
