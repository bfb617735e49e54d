"""Trace and Frobenius norm: exact where they can be, unbiased elsewhere, and with errors that mean what they say."""

import math

import pytest
import torch

from numerics import Estimate, frobenius_norm, trace
from numerics.curvature.linear_operator import Counted

FUNCTIONS = {"trace": trace, "frobenius_norm": frobenius_norm}


class Diagonal:
    """A diagonal matrix known by its products."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values, self.size, self.dtype, self.device = values, len(values), values.dtype, values.device

    def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
        return self.values * vectors if vectors.ndim == 1 else self.values[:, None] * vectors


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _matrix(values: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """A dense matrix with these eigenvalues."""
    square = torch.randn(len(values), len(values), generator=_generator(seed), dtype=torch.float64)
    q = torch.linalg.qr(square).Q
    matrix = q @ torch.diag(values) @ q.mT
    return (matrix + matrix.mT) / 2


def _truth(name: str, values: torch.Tensor) -> float:
    return float(values.sum()) if name == "trace" else float(values.square().sum().sqrt())


_PLACES = torch.arange(1, 201, dtype=torch.float64)
SPECTRA = {
    "outliers and a bulk": torch.cat([torch.tensor([50.0, 20.0, -10.0]), torch.linspace(-1, 1.2, 197)]).double(),
    "a power law": _PLACES**-1.0,
    "flat": torch.linspace(1, 2, 200, dtype=torch.float64),
    "indefinite": _PLACES**-1.0 * torch.where(_PLACES % 2 == 0, -1.0, 1.0),
    "geometric": 0.8**_PLACES,
    "of rank 6": torch.where(_PLACES <= 6, _PLACES, 0.0),
    "of rank 20": torch.where(_PLACES <= 20, _PLACES, 0.0),
    "tiny": torch.linspace(-1, 2, 13, dtype=torch.float64),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_enough_products_make_it_exact(name: str, device: str) -> None:
    values = torch.linspace(-1, 3, 40, dtype=torch.float64)
    operator = Counted(_matrix(values).to(device))
    found = FUNCTIONS[name](operator, products=1000, generator=_generator(0))
    assert found.value == pytest.approx(_truth(name, values), rel=1e-13)
    assert (found.error, found.products, found.method) == (0.0, 40, "exact")
    assert operator.products == 40


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("rank", [1, 9, 11])
def test_a_rank_below_half_the_products_is_exact_to_rounding(name: str, rank: int, device: str) -> None:
    values = torch.zeros(120, dtype=torch.float64)
    values[:11] = torch.tensor([7.0, 3.0, 3.0, -1.0, -2.0, 0.5, 0.1, 1e-3, 5.0, -0.3, 2.0])
    values[rank:] = 0.0
    found = FUNCTIONS[name](_matrix(values).to(device), products=24, generator=_generator(1))
    assert found.value == pytest.approx(_truth(name, values), rel=1e-12)
    assert found.error < 1e-12
    assert found.method == "estimated"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_where_only_rounding_is_left_two_errors_cover_it(name: str, dtype: torch.dtype) -> None:
    values = torch.zeros(150, dtype=dtype)
    values[:8] = torch.tensor([7.0, 3.3, 3.1, -1.7, -2.0, 0.5, 0.1, 1e-3])
    found = [FUNCTIONS[name](Diagonal(values), products=24, generator=_generator(seed)) for seed in range(100)]
    truth = _truth(name, values.double())
    assert sum(abs(one.value - truth) <= 2 * one.error for one in found) >= 92
    assert max(one.error for one in found) <= 50 * torch.finfo(dtype).eps * truth + 50 * torch.finfo(dtype).eps * 18


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("products", "spectrum"),
    [(12, one) for one in SPECTRA] + [(40, one) for one in SPECTRA if one not in ("tiny", "of rank 6")],
)
def test_it_is_unbiased_and_two_errors_cover(name: str, products: int, spectrum: str, unchecked: None) -> None:
    """Over 400 draws the mean is within four standard errors, and 95.4 % - 3 x 1.0 % or more lie within two errors.

    The squared error is the variance or more on average; with 20 numbers it is not much more, unless each vector takes
    most of what is left: then those with one vector less, of which it is made, vary much more than the estimate.
    """
    values = SPECTRA[spectrum]
    truth = _truth(name, values)
    found = [FUNCTIONS[name](Diagonal(values), products=products, generator=_generator(seed)) for seed in range(400)]
    misses = torch.tensor([one.value - truth for one in found], dtype=torch.float64)
    if name == "trace":  # the root of an unbiased square is too small by half its relative variance
        assert abs(float(misses.mean())) <= 4 * float(misses.std()) / math.sqrt(len(misses))
    assert sum(abs(one.value - truth) <= 2 * one.error for one in found) >= 0.92 * 400
    typical = math.sqrt(sum(one.error**2 for one in found) / len(found))
    assert typical >= 0.9 * float(misses.square().mean().sqrt())
    if products == 40 and spectrum not in ("geometric", "of rank 20"):
        assert typical <= 1.6 * float(misses.square().mean().sqrt())


def test_outliers_cost_nothing() -> None:
    """Plain averages over probes have an error of the outliers' size; here they are found and taken out."""
    values = SPECTRA["outliers and a bulk"]
    for name, function in FUNCTIONS.items():
        misses, rival = [], []
        for seed in range(20):
            misses.append(function(Diagonal(values), products=40, generator=_generator(seed)).value)
            probes = torch.randn(200, 40, generator=_generator(seed), dtype=torch.float64)
            probes *= 200**0.5 / probes.norm(dim=0)
            image = values[:, None] * probes
            mean = (probes * image).sum(0).mean() if name == "trace" else image.square().sum(0).mean().sqrt()
            rival.append(float(mean))
        scatter, other = (
            torch.tensor(each).sub(_truth(name, values)).square().mean().sqrt() for each in (misses, rival)
        )
        assert scatter < 0.5 * other


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("scale", [-3.0, 1e-150, 1e150])
def test_it_scales_with_the_matrix(name: str, scale: float) -> None:
    values = SPECTRA["a power law"]
    one, many = (FUNCTIONS[name](Diagonal(c * values), products=30, generator=_generator(3)) for c in (1.0, scale))
    sign = scale if name == "trace" else abs(scale)
    assert many.value == pytest.approx(sign * one.value, rel=1e-9)
    assert many.error == pytest.approx(abs(scale) * one.error, rel=1e-6)


def test_a_shift_by_the_identity_adds_the_size_within_the_errors() -> None:
    values = SPECTRA["a power law"]
    one, more = (trace(Diagonal(values + c), products=40, generator=_generator(4)) for c in (0.0, 1.0))
    assert abs(more.value - one.value - 200) <= 4 * math.hypot(one.error, more.error)
    identity = trace(Diagonal(torch.ones(200, dtype=torch.float64)), products=40, generator=_generator(5))
    assert identity.value == pytest.approx(200.0, rel=1e-12)


def test_float32_products_cost_rounding_only() -> None:
    values = SPECTRA["outliers and a bulk"]
    for function in FUNCTIONS.values():
        wide = function(Diagonal(values), products=40, generator=_generator(0))
        narrow = function(Diagonal(values.float()), products=40, generator=_generator(0))
        assert narrow.value == pytest.approx(wide.value, abs=1e-3 * wide.error + 1e-4)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_zero_matrix_and_one_number(name: str) -> None:
    zero = FUNCTIONS[name](Diagonal(torch.zeros(50, dtype=torch.float64)), products=10, generator=_generator(0))
    assert (zero.value, zero.error) == (0.0, 0.0)
    one = FUNCTIONS[name](torch.tensor([[2.0]]), products=1, generator=_generator(0))
    assert (one.value, one.error, one.method) == (2.0, 0.0, "exact")


def test_products_are_counted() -> None:
    operator = Counted(Diagonal(SPECTRA["flat"]))
    found = trace(operator, products=31, generator=_generator(0))
    assert operator.products == found.products == 30


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bad_arguments_are_refused_in_one_sentence(name: str, unchecked: None) -> None:
    function, operator = FUNCTIONS[name], Diagonal(torch.ones(20, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"products must be >= 4, or the size 20, .* got 3"):
        function(operator, products=3, generator=_generator(0))
    with pytest.raises(ValueError, match=r"products must be an integer >= 1, got 0"):
        function(operator, products=0, generator=_generator(0))
    with pytest.raises(TypeError, match=r"generator must be a torch.Generator, got int"):
        function(operator, products=8, generator=0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"operator must be a symmetric operator or matrix, got list"):
        function([1.0], products=8, generator=_generator(0))  # type: ignore[arg-type]
    for products in (8, 20):
        with pytest.raises(ValueError, match=r"operator must have finite products, got NaN or infinity"):
            function(Diagonal(torch.full((20,), math.nan)), products=products, generator=_generator(0))


def test_an_estimate_prints_to_the_digit_of_its_error() -> None:
    assert str(Estimate(12.34, 0.43, 200, "estimated")) == "12.3 +- 0.4 (200 products, estimated)"
    assert str(Estimate(12.34, 0.143, 1, "estimated")) == "12.34 +- 0.14 (1 product, estimated)"
    assert str(Estimate(12345.0, 96.0, 9, "estimated")) == "12345 +- 96 (9 products, estimated)"
    assert str(Estimate(1.5e-9, 2e-11, 9, "estimated")) == "1.50e-09 +- 2.0e-11 (9 products, estimated)"
    assert str(Estimate(2.0, 0.0, 3, "exact")) == "2 +- 0 (3 products, exact)"
    assert float(Estimate(2.0, 0.0, 3, "exact")) == 2.0
    with pytest.raises(ValueError, match=r"slope must be a finite number, got nan"):
        Estimate(2.0, 0.0, 3, "exact").mapped(math.sqrt, math.nan)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_hundred_products_are_taken_unless_said_and_a_small_operator_is_exact(name: str) -> None:
    function = FUNCTIONS[name]
    large, small = (torch.diag(torch.linspace(1.0, 2.0, size, dtype=torch.float64)) for size in (150, 40))
    assert function(large, generator=_generator(0)).products == 100
    assert function(small, generator=_generator(0)).method == "exact"
