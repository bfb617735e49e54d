r"""Trace and Frobenius norm of an operator from a few products, each with its standard error.

Both estimates split the operator H by the range of H Omega, Omega a few random vectors: what H does on it is computed,
what it does beside it is estimated. In the manner of XTrace each vector omega_i in turn is left out of the range Q_i
and serves as the probe of what is left, so that every product is used twice and the mean is unbiased:

.. math::
    t_i &= \operatorname{tr}(Q_i' H Q_i) + s_i\,\omega_i' (1 - Q_i Q_i') H (1 - Q_i Q_i')\,\omega_i, \\
    f_i &= \|H Q_i\|_F^2 + s_i\,\|H (1 - Q_i Q_i')\,\omega_i\|^2 .

The projected probe is scaled to the length it has on average, s_i = (size - m + 1)/|(1 - Q_i Q_i') omega_i|^2, for m
vectors: it is then uniform on a sphere. The second line needs no further product, since H (1 - Q_i Q_i') omega_i is a
combination of H omega_i and H Q. The standard error is that of the mean of the m numbers as if they were independent.
For a flat bulk with outliers that is right to a few percent; where the spectrum decays slowly (1/k) their correlation
makes it too small, by a factor of up to 2. With fewer than about ten numbers it is rough.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_sizes
from numerics.curvature.estimate import Estimate
from numerics.curvature.linear_operator import SymmetricOperator, as_operator

BLOCK = 2**27
"""Bytes of unit vectors that are multiplied at a time where the result is exact."""


def trace(
    operator: SymmetricOperator | Float[Tensor, "size size"], *, products: int, generator: torch.Generator
) -> Estimate:
    """Estimate the trace of a symmetric operator, or compute it if products for every column are allowed.

    Exact to rounding for an operator of rank below products / 2; elsewhere the error falls with the norm of what is
    left of the spectrum beside its products / 2 largest eigenvalues. Allocates 2 ``products`` vectors in float64.

    Args:
        operator: A symmetric operator or matrix.
        products: How many products may be taken, at least 4, or as many as the operator has columns.
        generator: On the CPU.

    Returns:
        The trace with its standard error; error 0 and method "exact" if ``products`` is at least the size.

    Raises:
        TypeError: If it is no operator, or the generator none.
        ValueError: If there are too few products, or one of them is not finite.

    Examples:
        >>> matrix = torch.diag(torch.arange(100, dtype=torch.float64))
        >>> print(trace(matrix, products=100, generator=torch.Generator().manual_seed(0)))
        4950 +- 0 (100 products, exact)
        >>> estimate = trace(matrix, products=60, generator=torch.Generator().manual_seed(0))
        >>> abs(estimate.value - 4950) < 4 * estimate.error
        True

    References:
        Epperly, Tropp and Webber (2023), XTrace, arXiv:2301.07825.
    """
    operator = _checked(operator, products, generator)
    if products >= operator.size:
        return Estimate(sum(float(block.sum()) for block in _diagonal(operator)), 0.0, operator.size, "exact")
    sketch = _Sketch.of(operator, products // 2, generator)
    gram = sketch.basis.mT @ sketch.image  # Q'HQ
    along = torch.trace(gram) - _dots(sketch.left_out, gram @ sketch.left_out)
    crossed = _dots(sketch.image.mT @ sketch.probes, sketch.inside)
    beside = _dots(sketch.probes, sketch.products) - 2 * crossed + _dots(sketch.inside, gram @ sketch.inside)
    return _mean(along + sketch.scale * beside, products // 2 * 2)


def frobenius_norm(
    operator: SymmetricOperator | Float[Tensor, "size size"], *, products: int, generator: torch.Generator
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
        ValueError: If there are too few products, or one of them is not finite.

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
    sketch = _Sketch.of(operator, products // 2, generator)
    unit = float(sketch.image.abs().max()) or 1.0  # squares must not overflow
    image = sketch.image / unit
    along = image.square().sum() - (image @ sketch.left_out).square().sum(0)
    beside = (sketch.products / unit - image @ sketch.inside).square().sum(0)
    square = _mean(along + sketch.scale * beside, products // 2 * 2)
    root = math.sqrt(max(square.value, 0.0))
    slope = unit / (2 * root) if root > 0.0 else 0.0
    return square.mapped(lambda value: unit * math.sqrt(max(value, 0.0)), slope)


@dataclass(frozen=True)
class _Sketch:
    """Random probes, their products, an orthonormal basis Q of these and its product; probe i in parts.

    ``left_out`` s_i is the direction in the basis that only product i has: Q_i Q_i' = Q (1 - s_i s_i') Q'. ``inside``
    are the coordinates of Q_i Q_i' omega_i in the basis, ``scale`` the s_i of the module's formula.
    """

    probes: Float[Tensor, "size m"]
    products: Float[Tensor, "size m"]
    basis: Float[Tensor, "size m"]
    image: Float[Tensor, "size m"]
    left_out: Float[Tensor, "m m"]
    inside: Float[Tensor, "m m"]
    scale: Float[Tensor, " m"]

    @classmethod
    def of(cls, operator: SymmetricOperator, m: int, generator: torch.Generator) -> "_Sketch":
        """Take 2 m products in two blocks."""
        size = operator.size
        probes = torch.randn(size, m, generator=generator, dtype=torch.float64).to(operator.device)
        probes = probes * (size**0.5 / torch.linalg.vector_norm(probes, dim=0))
        products = _product(operator, probes)
        unit = float(products.abs().max()) or 1.0
        basis, triangle = torch.linalg.qr(products / unit)
        # a column that depends on the others leaves a diagonal entry of zero: any direction is then as good
        floor = torch.finfo(torch.float64).eps * (float(triangle.abs().max()) or 1.0)
        pivots = triangle.diagonal()
        triangle = triangle + torch.diag(torch.where(pivots.abs() < floor, floor, 0.0))
        identity = torch.eye(m, dtype=torch.float64, device=probes.device)
        left_out = torch.linalg.solve_triangular(triangle.mT, identity, upper=False)
        left_out = left_out / left_out.abs().amax(dim=0)
        left_out = left_out / torch.linalg.vector_norm(left_out, dim=0)
        inside = basis.mT @ probes
        inside = inside - left_out * _dots(left_out, inside)
        outside = size - inside.square().sum(0)
        return cls(
            probes,
            products,
            basis,
            _product(operator, basis),
            left_out,
            inside,
            (size - m + 1) / outside.clamp(min=torch.finfo(torch.float64).eps * size),
        )


def _mean(estimates: Float[Tensor, " m"], products: int) -> Estimate:
    """Mean and standard error of the mean."""
    error = float(estimates.std()) / math.sqrt(len(estimates))
    return Estimate(float(estimates.mean()), error, products, "estimated")


def _dots(left: Float[Tensor, "rows m"], right: Float[Tensor, "rows m"]) -> Float[Tensor, " m"]:
    """Inner products column by column."""
    return (left * right).sum(0)


def _product(operator: SymmetricOperator, block: Float[Tensor, "size columns"]) -> Float[Tensor, "size columns"]:
    """The operator's product with float64 columns, in float64."""
    image = (operator @ block.to(operator.dtype)).to(torch.float64)
    if not bool(image.isfinite().all()):
        raise ValueError("operator must have finite products, got NaN or infinity.")
    return image


def _columns(operator: SymmetricOperator) -> Iterator[Float[Tensor, "size columns"]]:
    """The operator's columns in float64, a block at a time."""
    width = max(1, BLOCK // (8 * operator.size))
    for first in range(0, operator.size, width):
        last = min(first + width, operator.size)
        block = torch.zeros(operator.size, last - first, dtype=torch.float64, device=operator.device)
        block[first:last].fill_diagonal_(1.0)
        yield _product(operator, block)


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
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}.")
    if products < min(4, operator.size):
        raise ValueError(
            f"products must be >= 4, or the size {operator.size}, for a trace with an error, got {products}."
        )
    return operator
