r"""Trace and Frobenius norm of an operator from a few products, each with its standard error.

Both estimates split the operator H by the range of H Omega, Omega a few random vectors: what H does on it is computed,
what it does beside it is estimated. In the manner of XTrace each vector omega_i in turn is left out of the range Q_i
and serves as the probe of what is left, so that every product is used twice and the mean T of the t_i is unbiased:

.. math::
    t_i = \operatorname{tr}(Q_i' H Q_i) + s_i\,\omega_i' (1 - Q_i Q_i') H (1 - Q_i Q_i')\,\omega_i .

The projected probe is scaled to the length it has on average, s_i = (size - m + 1)/|(1 - Q_i Q_i') omega_i|^2, for m
vectors: it is then uniform on a sphere. The Frobenius norm is the root of the same estimate of H^2, whose entries
between H Omega and Omega are inner products of what has been multiplied already.

The t_i are not independent, and on a decaying spectrum their spread alone is half of what T is off. Their covariance
can be estimated: write t_i^{(j)} for t_i from the same products without vector j. Given all other vectors t_i and
t_i^{(j)} have the mean tr H, and t_i^{(j)} does not know omega_j, so that all but one of the terms in the covariance
vanish:

.. math::
    \operatorname{Cov}(t_i, t_j) = \operatorname{E} (t_i - t_i^{(j)}) (t_j - t_j^{(i)}), \qquad
    \operatorname{Var} T = \operatorname{E} \Big[ \frac{s^2}{m} + (t_1 - t_1^{(2)}) (t_2 - t_2^{(1)}) \Big]

with s^2 the sample variance of the t_i. The mean c of these products over pairs of the first ``PAIRED`` vectors is
unbiased but scatters, most where the spectrum falls quickly; the stated error is on the safe side,

.. math:: \text{error}^2 = \tau^2 \big( s^2/m + \min(\max(c, 0) + \sigma_c, m s^2) \big) + \text{rounding}^2,

sigma_c the standard error of c. The bound m s^2 counts only where t_i that agree prove that nothing is left beside
the range, and tau makes two errors cover what they do for Student's t with m - 1 degrees of freedom. (A plain
jackknife, the spread of T without one vector, is 2 to 8 times too large on decaying spectra: a vector less is more that
is left for all others.)
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_generator, checked_sizes
from numerics.curvature.estimate import Estimate, widening
from numerics.curvature.linear_operator import SymmetricOperator, as_operator, power_of_two, product, refuse_skew

BLOCK = 2**27
"""Bytes of unit vectors that are multiplied at a time where the result is exact."""
PAIRED = 32
"""How many of the vectors are left out once more, one at a time, for the error; their small matrices cost m^3 each."""

_BATCH = 2**23  # numbers of the small matrices that are factorised side by side


def trace(
    operator: SymmetricOperator | Float[Tensor, "size size"], *, products: int = 100, generator: torch.Generator
) -> Estimate:
    """Estimate the trace of a symmetric operator, or compute it if products for every column are allowed.

    Exact to rounding for an operator of rank below products / 2; elsewhere the error falls with the norm of what is
    left of the spectrum beside its products / 2 largest eigenvalues. The square of the error is on average at least the
    variance, by some tenths in most spectra, by more where they fall quickly and products are few; where the rank is
    products / 2 or just above the estimate is skewed and two errors cover 93 % only. Allocates 2 ``products`` vectors
    in float64.

    Args:
        operator: A symmetric operator or matrix.
        products: How many products may be taken, at least 4, or as many as the operator has columns.
        generator: On the CPU.

    Returns:
        The trace with its standard error; error 0 and method "exact" if ``products`` is at least the size.

    Raises:
        TypeError: If it is no operator, or the generator none.
        ValueError: If there are too few products, or they are not finite or contradict symmetry by more than rounding.

    Examples:
        >>> matrix = torch.diag(torch.arange(100, dtype=torch.float64))
        >>> print(trace(matrix, products=100, generator=torch.Generator().manual_seed(0)))
        4950 +- 0 (100 products, exact)
        >>> estimate = trace(matrix, products=60, generator=torch.Generator().manual_seed(0))
        >>> abs(estimate.value - 4950) < 4 * estimate.error
        True

    References:
        Epperly, Tropp and Webber (2023), XTrace, arXiv:2301.07825, who state the spread of the t_i as the error.
    """
    operator = _checked(operator, products, generator)
    if products >= operator.size:
        return Estimate(sum(float(block.sum()) for block in _diagonal(operator)), 0.0, operator.size, "exact")
    probes, images, basis, image, unit = _sketched(operator, products // 2, generator)
    return _mean(
        _Sketch(
            operator.size,
            basis.mT @ images,
            basis.mT @ probes,
            basis.mT @ image,
            image.mT @ probes,
            _dots(probes, images),
        ),
        operator.dtype,
    ).mapped(lambda value: unit * value, unit)


def frobenius_norm(
    operator: SymmetricOperator | Float[Tensor, "size size"], *, products: int = 100, generator: torch.Generator
) -> Estimate:
    """Estimate the Frobenius norm of a symmetric operator, the root of the sum of its squared eigenvalues.

    As ``trace``, of the operator's square; the error of the root is by the delta method. The root of an unbiased
    estimate is too small by half its relative variance. Allocates 2 ``products`` vectors in float64.

    Args:
        operator: A symmetric operator or matrix.
        products: How many products may be taken, at least 4, or as many as the operator has columns.
        generator: On the CPU.

    Returns:
        The norm with its standard error; error 0 and method "exact" if ``products`` is at least the size.

    Raises:
        TypeError: If it is no operator, or the generator none.
        ValueError: If there are too few products, or they are not finite or contradict symmetry by more than rounding.

    Examples:
        >>> print(frobenius_norm(torch.diag(torch.tensor([3.0, 4.0])), products=2, generator=torch.Generator()))
        5 +- 0 (2 products, exact)

    References:
        Epperly, Tropp and Webber (2023), arXiv:2301.07825, whose leave-one-out is applied to |H omega|^2.
    """
    operator = _checked(operator, products, generator)
    if products >= operator.size:
        norms = torch.cat([torch.linalg.vector_norm(block, dim=0) for block in _columns(operator)])
        return Estimate(float(torch.linalg.vector_norm(norms)), 0.0, operator.size, "exact")
    probes, images, basis, image, unit = _sketched(operator, products // 2, generator)
    square = _mean(
        _Sketch(
            operator.size,
            basis.mT @ images,
            basis.mT @ probes,
            image.mT @ image,
            image.mT @ images,
            images.square().sum(0),
        ),
        operator.dtype,
    )
    root = math.sqrt(max(square.value, 0.0))
    slope = unit / (2 * root) if root > 0.0 else 0.0
    return square.mapped(lambda value: unit * math.sqrt(max(value, 0.0)), slope)


@dataclass(frozen=True)
class _Sketch:
    """All that the estimates need of A, which is H or H^2, in an orthonormal basis Q of the range of H Omega.

    Attributes:
        size: Rows of A.
        range: Q' H Omega.
        probes: Q' Omega.
        gram: Q' A Q.
        crossed: Q' A Omega.
        squares: omega_i' A omega_i.
    """

    size: int
    range: Float[Tensor, "m m"]
    probes: Float[Tensor, "m m"]
    gram: Float[Tensor, "m m"]
    crossed: Float[Tensor, "m m"]
    squares: Float[Tensor, " m"]

    def estimates(self, kept: Int[Tensor, "times vectors"]) -> Float[Tensor, "times vectors"]:
        """The t_i from some of the vectors, whose numbers are a row, for each row."""
        vectors = kept.shape[1]
        basis, triangle = torch.linalg.qr(self.range[:, kept].transpose(0, 1))
        # a column that depends on the others leaves a diagonal entry of zero: any direction is then as good
        floor = torch.finfo(torch.float64).eps * triangle.abs().amax((1, 2))[:, None].clamp(min=1e-290)
        pivots = triangle.diagonal(dim1=1, dim2=2)
        triangle = triangle + torch.diag_embed(torch.where(pivots.abs() < floor, floor, 0.0))
        # Q_i Q_i' = Q (1 - l_i l_i') Q', l_i the direction in the basis that only vector i has
        identity = torch.eye(vectors, dtype=torch.float64, device=kept.device)
        left_out = torch.linalg.solve_triangular(triangle.mT, identity, upper=False)
        left_out = left_out / left_out.abs().amax(1, keepdim=True)
        left_out = left_out / torch.linalg.vector_norm(left_out, dim=1, keepdim=True)
        inside = basis.mT @ self.probes[:, kept].transpose(0, 1)
        inside = inside - left_out * _dots(left_out, inside)[:, None]
        gram = basis.mT @ self.gram @ basis
        along = gram.diagonal(dim1=1, dim2=2).sum(1, keepdim=True) - _dots(left_out, gram @ left_out)
        crossed = _dots(inside, basis.mT @ self.crossed[:, kept].transpose(0, 1))
        beside = self.squares[kept] - 2 * crossed + _dots(inside, gram @ inside)
        outside = (self.size - _dots(inside, inside)).clamp(min=torch.finfo(torch.float64).eps * self.size)
        found: Tensor = along + (self.size - vectors + 1) / outside * beside
        return found


def _sketched(
    operator: SymmetricOperator, m: int, generator: torch.Generator
) -> tuple[Float[Tensor, "size m"], Float[Tensor, "size m"], Float[Tensor, "size m"], Float[Tensor, "size m"], float]:
    """Random vectors of length root size, their products, an orthonormal basis of these, and its products.

    Products are in units of a power of two, the last result, so that no square of them over- or underflows.
    """
    probes = torch.randn(operator.size, m, generator=generator, dtype=torch.float64).to(operator.device)
    probes = probes * (operator.size**0.5 / torch.linalg.vector_norm(probes, dim=0))
    images = product(operator, probes)
    unit = power_of_two(float(images.abs().max()))
    images = images / unit
    crossed = probes.mT @ images
    # an entry of crossed less its transpose has the variance |H - H'|_F^2, an image has on average the length |H|_F
    refuse_skew((crossed - crossed.mT) / (m - 1) ** 0.5, images, operator.dtype, unit)
    basis = torch.linalg.qr(images).Q
    return probes, images, basis, product(operator, basis) / unit, unit


def _mean(sketch: _Sketch, dtype: torch.dtype) -> Estimate:
    """The mean of the t_i and its error, of products in this dtype."""
    m = len(sketch.squares)
    vectors = torch.arange(m, device=sketch.squares.device)
    each = sketch.estimates(vectors[None])[0]
    unit = float(each.abs().max()) or 1.0  # fourth powers must not overflow
    paired = min(m, PAIRED)
    others = ~torch.eye(paired, m, dtype=torch.bool, device=vectors.device)
    kept = vectors.expand(paired, m)[others].reshape(paired, m - 1)
    without = torch.cat([sketch.estimates(some) for some in torch.split(kept, max(1, _BATCH // m**2))])
    moved = each.expand(paired, m) - each.expand(paired, m).scatter(1, kept, without)  # [j, i]: t_i - t_i^(j)
    moved = moved[:, :paired] / unit
    first, second = torch.triu_indices(paired, paired, 1, device=each.device)
    shared = moved[first, second] * moved[second, first]
    scatter = float(shared.std()) / math.sqrt(len(shared)) if len(shared) > 1 else 0.0
    spread = float((each / unit).var())
    variance = spread / m + min(max(float(shared.mean()), 0.0) + scatter, m * spread)
    summed = float(sketch.gram.diagonal().abs().sum() + sketch.squares.abs().mean())
    rounding = 2 * torch.finfo(dtype).eps * summed
    error = math.hypot(unit * widening(m - 1) * math.sqrt(variance), rounding)
    return Estimate(float(each.mean()), error, 2 * m, "estimated")


def _dots(left: Float[Tensor, "... rows m"], right: Float[Tensor, "... rows m"]) -> Float[Tensor, "... m"]:
    """Inner products column by column."""
    return (left * right).sum(-2)


def _columns(operator: SymmetricOperator) -> Iterator[Float[Tensor, "size columns"]]:
    """The operator's columns in float64, a block at a time."""
    width = max(1, BLOCK // (8 * operator.size))
    for first in range(0, operator.size, width):
        last = min(first + width, operator.size)
        block = torch.zeros(operator.size, last - first, dtype=torch.float64, device=operator.device)
        block[first:last].fill_diagonal_(1.0)
        image = product(operator, block)
        unit = power_of_two(float(image.abs().max()))
        square = image[first:last] / unit  # all of the matrix where it fits into one block
        refuse_skew(square - square.mT, square, operator.dtype, unit)
        yield image


def _diagonal(operator: SymmetricOperator) -> Iterator[Float[Tensor, " columns"]]:
    """The operator's diagonal, a block at a time."""
    first = 0
    for block in _columns(operator):
        yield block[first : first + block.shape[1]].diagonal()
        first += block.shape[1]


def _checked(
    operator: SymmetricOperator | Float[Tensor, "size size"], products: int, generator: torch.Generator
) -> SymmetricOperator:
    """Refuse what is no operator, no generator, or fewer products than an error can be had from."""
    operator = as_operator(operator)
    checked_sizes(products=products)
    checked_generator(generator)
    if products < min(4, operator.size):
        raise ValueError(
            f"products must be >= 4, or the size {operator.size}, for a trace with an error, got {products}."
        )
    return operator
