r"""Stochastic Lanczos quadrature with deflation: the spectral measure of an operator from its products.

For a uniformly random unit vector v the mean of v' f(H) v is the mean of f over the eigenvalues, and m products give it
for every polynomial of degree 2 m - 1. Two errors remain: of the probes, which a few large eigenvalues dominate, and of
the steps, which is proportional to the width of the spectrum. Both shrink with the outer eigenvalues, so half of the
products go into one long run; its converged Ritz pairs are eigenvalues and are known, and all other probes live in the
complement of their vectors. What is left of the long run's own start is taken as one more probe there. It is not
quite one: which pairs have converged depends on that start, and late ones that it hardly meets are among the rest. That
biases its moments by about a tenth of their standard deviation, one probe of several.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_generator, checked_sizes
from numerics.curvature.cost import choose
from numerics.curvature.estimate import Method
from numerics.curvature.gauss_quadrature import GaussQuadrature
from numerics.curvature.lanczos import BREAKDOWN, FALL
from numerics.curvature.linear_operator import (
    SymmetricOperator,
    as_operator,
    power_of_two,
    product,
    refuse_skew,
    symmetric_part,
)
from numerics.curvature.measure import SpectralMeasure
from numerics.progress import Bar

MEMORY = 2**30
"""Bytes that the basis of the long run, and those of the other probes, may each take; one probe's always may."""
CONVERGED = 1e-6
"""A Ritz pair is an eigenpair if its residual is below this part of the spectral radius, or what the products' rounding
makes of it: with float32 products up to twice that. Its value is closer, by the square where it stands alone."""
_SIMPLE = 25.0  # mass in units of 1/size that a simple eigenvalue has in a random vector with probability 6e-7 only


def spectral_measure(
    operator: SymmetricOperator | Float[Tensor, "size size"],
    *,
    probes: int = 10,
    steps: int = 80,
    generator: torch.Generator,
    deflate: bool = True,
    method: Literal["auto", "exact", "estimated"] = "auto",
) -> SpectralMeasure:
    """Estimate the spectral measure of a symmetric operator with ``probes`` times ``steps`` products.

    With deflation ``probes // 2`` times ``steps`` products go into one run, as far as a basis of ``MEMORY`` bytes
    allows, and the others into probes of ``steps`` products beside its converged pairs. Probes that fit together into
    ``MEMORY`` bytes are multiplied as a block.

    Args:
        operator: A symmetric operator or matrix. Products are in its dtype, and so are the bases that are kept; the
            recurrence and all numbers are in float64.
        probes: Random vectors, at least 2, for one has no error bar.
        steps: Products a probe, as many as there are columns at most.
        generator: On the CPU.
        deflate: Whether to find outer eigenvalues first; with few products or no outliers it gains nothing.
        method: "exact" diagonalises the matrix, "estimated" does not, "auto" takes what the measured cost says.

    Returns:
        The measure. With method "exact" its nodes are all eigenvalues, of H's symmetric part.

    Raises:
        TypeError: If it is no operator, or the generator none.
        ValueError: If a number or the method is out of range, or products are not finite or contradict symmetry by
            more than rounding.

    Examples:
        >>> matrix = torch.diag(torch.linspace(-1, 1, 200, dtype=torch.float64))
        >>> draw = torch.Generator().manual_seed(0)
        >>> measure = spectral_measure(matrix, probes=4, steps=20, generator=draw, method="estimated")
        >>> measure.wasserstein(matrix.diagonal()) < 0.05
        True

    References:
        Ubaru, Chen and Saad, SIAM J. Matrix Anal. Appl. 38 (2017) 1075; Ghorbani, Krishnan and Xiao (2019),
        arXiv:1901.10159; on exact treatment of a Krylov space's part, Chen and Hallman (2022), arXiv:2205.01736.
    """
    operator = as_operator(operator)
    checked_sizes(probes=probes, steps=steps)
    if probes < 2:
        raise ValueError(f"probes must be >= 2, for the spread of several is the error, got {probes}.")
    checked_generator(generator)
    if method not in ("auto", "exact", "estimated"):
        raise ValueError(f"method must be 'auto', 'exact' or 'estimated', got {method!r}.")
    steps = min(steps, operator.size)
    chosen: Method
    spent, reason = 0, ""
    if method == "auto":
        choice = choose(operator, products_if_estimated=probes * steps, basis=max(1, probes // 2) * steps)
        chosen, spent, reason = choice.method, choice.products, choice.reason
    else:
        chosen = method
    if chosen == "exact":
        return _diagonalised(operator, spent, reason)
    return _estimated(operator, probes, steps, generator, deflate, spent, reason)


def _estimated(
    operator: SymmetricOperator,
    probes: int,
    steps: int,
    generator: torch.Generator,
    deflate: bool,
    spent: int,
    reason: str,
) -> SpectralMeasure:
    size, budget = operator.size, probes * steps
    quadratures: list[GaussQuadrature] = []
    known = torch.zeros(0, dtype=torch.float64, device=operator.device)
    locked = torch.zeros(0, size, dtype=operator.dtype, device=operator.device)
    used, radius = 0, 0.0
    with Bar(budget, "spectral measure: products") as bar:
        heard = _Heard(operator, bar)
        if deflate:
            room = max(steps, MEMORY // (operator.dtype.itemsize * size) // steps * steps)
            start = _unit_vectors(size, 1, generator, operator.device)
            ((quadrature, basis),) = _krylov(heard, start, min(probes // 2 * steps, room, size), locked, 0.0)
            used = heard.products
            deflated = _Deflated(quadrature, basis, size, steps)
            radius = deflated.radius
            if len(deflated.values) == size:
                return SpectralMeasure(size, heard.unit * deflated.values, (), used + spent, "exact", reason)
            left = (budget - used) // steps
            if deflated.rest is None and left < 2:  # no second probe: take the long run as an ordinary one
                quadratures.append(quadrature)
            else:
                known, locked = deflated.values, deflated.vectors
                quadratures += [] if deflated.rest is None else [deflated.rest]
            del basis
        count = (budget - used) // steps
        together = max(1, MEMORY // (operator.dtype.itemsize * size * steps))
        while count > 0:
            some = min(together, count)
            starts = _unit_vectors(size, some, generator, operator.device)
            found = _krylov(heard, starts, min(steps, size - len(known)), locked, radius)
            quadratures += [quadrature for quadrature, _ in found]
            count -= some
    unit = heard.unit
    resolution = 2 * CONVERGED * radius * unit if len(known) else 0.0
    scaled = tuple(GaussQuadrature(one.diagonal * unit, one.off_diagonal * unit) for one in quadratures)
    return SpectralMeasure(size, known * unit, scaled, heard.products + spent, "estimated", reason, resolution)


class _Heard:
    """An operator whose products are counted and heard of, in a unit near the first of them: no square overflows."""

    def __init__(self, operator: SymmetricOperator, bar: Bar) -> None:
        self.operator, self.bar, self.products = operator, bar, 0
        self.dtype, self.unit, self.scaled = operator.dtype, 1.0, False

    def images(self, rows: Float[Tensor, "probes size"]) -> Float[Tensor, "probes size"]:
        """Products of rows, in rows."""
        image = product(self.operator, rows.mT).mT
        if not self.scaled and (largest := float(image.abs().max())) > 0.0:
            self.unit, self.scaled = power_of_two(largest), True
        self.products += len(rows)
        self.bar.advance(len(rows))
        return image / self.unit


class _Deflated:
    """What a long run knows: eigenvalues, their vectors, and its start's measure on the others.

    A converged pair is left to the estimate if its mass says that its eigenvalue is repeated, for the run has seen one
    vector of a whole eigenspace. ``rest`` is None if the masses of the pairs together say so, or few nodes are left.
    """

    def __init__(self, run: GaussQuadrature, basis: Float[Tensor, "steps size"], size: int, steps: int) -> None:
        values, vectors = run.eigen
        exhausted = run.degree == float("inf")
        residuals = run.off_diagonal[-1] * vectors[-1].abs()
        masses = size * vectors[0].square()
        self.radius = float(values.abs().max())
        converged = (residuals <= CONVERGED * self.radius) & (masses <= _SIMPLE)
        found = int(converged.sum())
        self.values = values[converged]
        self.vectors = vectors[:, converged].mT.to(basis) @ basis
        self.rest: GaussQuadrature | None = None
        nodes, weights = values[~converged], masses[~converged] / size
        enough = len(nodes) >= (1 if exhausted else max(2, steps // 4))
        simple = float(masses[converged].sum()) <= found + 4 * (2 * found) ** 0.5
        if enough and simple and float(weights.sum()) > 0.0:
            # the last step would pretend that nothing was truncated
            self.rest = GaussQuadrature.of_atoms(nodes, weights, len(nodes) - (0 if exhausted else 1))


def _krylov(
    operator: _Heard,
    starts: Float[Tensor, "probes size"],
    steps: int,
    locked: Float[Tensor, "known size"],
    scale: float,
) -> list[tuple[GaussQuadrature, Float[Tensor, "steps size"]]]:
    """Lanczos from several starts side by side, in the complement of orthonormal rows, one product a step for all.

    The three terms of the recurrence are taken off first, in float64, which leaves rounding along the locked rows and
    the rest of the basis; that is taken off after, so that one pass leaves a basis orthonormal to a few units of
    rounding. Bases are kept in the dtype of the products, whose rounding is not worth more. A probe whose Krylov space
    is exhausted goes on with zeros. What a product has along older vectors beyond the three terms is rounding if the
    operator is symmetric, and refused if it is more. All is in the operator's unit.
    """
    probes, size = starts.shape
    bases = torch.zeros(probes, steps, size, dtype=operator.dtype, device=starts.device)
    diagonal = torch.zeros(probes, steps, dtype=torch.float64, device=starts.device)
    off_diagonal = torch.zeros_like(diagonal)
    scales = torch.full((probes,), scale, dtype=torch.float64, device=starts.device)
    rounding = BREAKDOWN * torch.finfo(operator.dtype).eps
    current, last = starts, torch.zeros_like(starts)
    for _ in range(2):
        current = current - ((current.to(locked) @ locked.mT) @ locked).to(current)
        current = current / torch.linalg.vector_norm(current, dim=1, keepdim=True)
    for step in range(steps):
        bases[:, step] = current
        image = operator.images(bases[:, step])
        ahead = (current * image).sum(1)
        image = torch.addcmul(image, current, ahead[:, None], value=-1)
        if step:
            image.addcmul_(last, off_diagonal[:, step - 1, None], value=-1)
        left, unforeseen = _take_off(image, locked, bases[:, : step + 1])
        diagonal[:, step] = ahead
        scales = torch.maximum(scales, ahead.abs() + left)
        refuse_skew(unforeseen, scales, operator.dtype, operator.unit)
        left = torch.where(left <= rounding * scales, 0.0, left)
        off_diagonal[:, step] = left
        if not bool(left.any()):
            break
        last, current = current, torch.where(left[:, None] > 0, image / left[:, None].clamp(min=1e-300), 0.0)
    found = []
    for one, coupling, basis in zip(diagonal, off_diagonal, bases, strict=True):
        ended = (coupling == 0.0).nonzero()
        length = int(ended[0]) + 1 if len(ended) else steps
        found.append((GaussQuadrature(one[:length], coupling[:length]), basis[:length]))
    return found


def _take_off(
    image: Float[Tensor, "probes size"],
    locked: Float[Tensor, "known size"],
    bases: Float[Tensor, "probes steps size"],
) -> tuple[Float[Tensor, " probes"], Float[Tensor, " probes"]]:
    """Make rows orthogonal to the locked ones, and each to its own basis, in place.

    Hands back the norms that are left, and those of what each row had along its basis.

    Where a norm fell by more than ``FALL`` the remainder may be rounding, and all is done once more (the criterion of
    Daniel, Gragg, Kaufman and Stewart, Math. Comp. 30 (1976) 772).
    """
    left: Tensor = torch.linalg.vector_norm(image, dim=1)
    along = []
    for _ in range(2):
        before = left
        if len(locked):
            image -= ((image.to(locked) @ locked.mT) @ locked).to(image)
        for row, basis in zip(image, bases, strict=True):
            coefficients = basis @ row.to(basis)
            along.append(torch.linalg.vector_norm(coefficients))
            row -= (basis.mT @ coefficients).to(row)
        left = torch.linalg.vector_norm(image, dim=1)
        if bool((left >= FALL * before).all()):
            break
    return left, torch.stack(along[: len(image)]).to(left)


def _diagonalised(operator: SymmetricOperator, spent: int, reason: str) -> SpectralMeasure:
    """All eigenvalues, of the dense matrix that the operator hands out, or of its products with unit vectors."""
    matrix, unit, products = symmetric_part(operator)
    values = torch.linalg.eigvalsh(matrix) * unit
    return SpectralMeasure(operator.size, values, (), products + spent, "exact", reason)


def _unit_vectors(
    size: int, count: int, generator: torch.Generator, device: torch.device
) -> Float[Tensor, "count size"]:
    """Rows uniform on the unit sphere."""
    draws = torch.randn(count, size, generator=generator, dtype=torch.float64)
    rows: Tensor = draws / torch.linalg.vector_norm(draws, dim=1, keepdim=True)
    return rows.to(device)
