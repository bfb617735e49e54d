r"""How many eigenvalues of an operator lie beyond a cut on either side of zero, from its products alone.

**Every count is a lower bound.** Let W have orthonormal columns and let W' H W = D + E with D diagonal. By Cauchy's
interlacing and Weyl's inequality the k-th lowest eigenvalue of H is at most the k-th lowest entry of D plus |E|, so H
has at least as many eigenvalues below -cut as D has entries below -(cut + |E|), converged or not; likewise above. W is
made of Lanczos bases, each orthogonal to all eigenvectors locked before it, whose residuals r_j bound |E| by
2 (sum |r_j|^2)^(1/2); known zero modes Z add 2 |H Z|, rounding adds size times the machine precision of the radius.

**Whether anything is left** no product can prove, but a random start can make it unlikely: the search ends when a fresh
start in the complement of all that was locked has seen nothing beyond the cut, and would have overlooked an eigenvalue
there with a probability of at most ``MISSING`` (:func:`~numerics.curvature.lanczos.probability_of_missing`), shared out
between all starts. Copies of a multiple eigenvalue are found one by one in that way.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.curvature.lanczos import lanczos, probability_of_missing, random_direction
from numerics.curvature.linear_operator import SymmetricOperator
from numerics.progress import progress

FIRST_STEPS = 64
"""Products of the first round; a round that locks less than a quarter of its steps is followed by one twice as long."""
MISSING = 1e-3
"""The probability with which an eigenvalue beyond the cut may be missed by a search that ended there."""
_RESIDUAL = 1e-5  # of the cut: what a locked eigenvector may be off by


@dataclass(frozen=True)
class EigenvalueCount:
    """What a search found.

    Attributes:
        negative: Eigenvalues below -cut, at least.
        positive: Eigenvalues above cut, at least.
        cut: The tolerance times the radius.
        products: Products that were taken.
        ended: Why the search ended: "inside" if nothing is left beyond the cut, but for a probability of at most
            ``MISSING``; else "products" or "memory".
    """

    negative: int
    positive: int
    cut: float
    products: int
    ended: str


def eigenvalues_beyond(
    operator: SymmetricOperator,
    *,
    tolerance: float,
    generator: torch.Generator,
    max_products: int,
    memory: int,
    zero_modes: Float[Tensor, "size count"] | None = None,
    coupling: float = 0.0,
) -> EigenvalueCount:
    """Search an operator from both ends for eigenvalues beyond tolerance x its spectral radius.

    Allocates the locked eigenvectors and one Lanczos basis in float64, at most ``memory`` bytes.

    Args:
        operator: The operator.
        tolerance: The cut relative to the radius, at least size times the machine precision.
        generator: On the CPU; draws the starts.
        max_products: Products that may be taken.
        memory: Bytes for all vectors.
        zero_modes: Orthonormal columns that are kept out of the search.
        coupling: |H Z| of the zero modes.

    Returns:
        Both counts, and why the search ended.
    """
    size, rounding = operator.size, float(torch.finfo(operator.dtype).eps)
    kept = torch.zeros(0, size, dtype=torch.float64, device=operator.device)
    if zero_modes is not None:
        kept = zero_modes.mT.to(kept)
    known: list[float] = []  # locked eigenvalues
    remainder = 0.0  # norm of all locked pairs' residuals
    rounds: list[tuple[Tensor, float]] = []  # entries of D with the |E| of each round, but for rounding
    radius, products, steps = 0.0, 0, FIRST_STEPS
    room = max(memory // (24 * size), 2)  # vectors, beside two copies
    with progress(max_products, "products for the inertia") as bar:
        while True:
            free = size - len(kept)
            if free == 0:
                ended = "inside"
                break
            length = min(steps, max_products - products, room - len(kept), free)
            if length < min(2, free):
                ended = "memory" if room - len(kept) < min(2, free) else "products"
                break
            start = random_direction(kept, generator)
            locked_rows = kept.mT if len(kept) else None
            run = lanczos(operator, start, length, generator=generator, locked=locked_rows, radius=radius)
            products += run.products
            bar.advance(run.products)
            values, vectors, residuals = run.ritz()
            radius = max([radius, float(values.abs().max()), *map(abs, known)])
            cut = tolerance * radius
            rounds.append((torch.cat([values.cpu(), torch.tensor(known, dtype=torch.float64)]), 2 * remainder))
            betas = torch.cat([run.off_diagonal.cpu(), torch.tensor([run.residual_norm], dtype=torch.float64)])
            remainders, precision = float(betas.log().sum()), rounding * radius
            chance = sum(
                probability_of_missing(remainders, cut - sign * values, free=free, rounding=precision)
                for sign in (-1, 1)
            )
            share = 1 / (len(rounds) * (len(rounds) + 1))  # these sum up to 1
            if chance <= share * MISSING or run.products == free:  # or the whole space was searched
                ended = "inside"
                break
            sharp = residuals <= max(_RESIDUAL * cut, 64 * rounding * radius)
            locked = torch.nonzero((values.abs() > cut) & sharp)[:, 0]
            if len(locked):
                remainder = math.hypot(remainder, *residuals[locked].tolist())
                known.extend(values[locked].tolist())
                eigenvectors = run.basis @ vectors[:, locked].to(run.basis)
                kept = _joined(kept, eigenvectors.mT)
            elif length == room - len(kept):  # no room for a basis in which anything converges
                ended = "memory"
                break
            if 4 * len(locked) < length:
                steps *= 2
    cut, error = tolerance * radius, 2 * coupling + size * rounding * radius  # the last radius is the largest
    negative, positive = (
        max((int((sign * found > cut + error + own).sum()) for found, own in rounds), default=0) for sign in (-1, 1)
    )
    return EigenvalueCount(negative, positive, cut, products, ended)


def _joined(kept: Tensor, rows: Tensor) -> Tensor:
    """Orthonormal rows and further ones, orthonormal to rounding, made exactly so."""
    rows = rows - (rows @ kept.mT) @ kept
    return torch.cat([kept, torch.linalg.qr(rows.mT).Q.mT])
