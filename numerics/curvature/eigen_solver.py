r"""Extreme eigenpairs of a symmetric operator, each with its residual, and the probability that one was missed.

Rayleigh-Ritz in a Krylov space gives orthonormal vectors, so that no pair is a copy of another, and residuals
:math:`|H v - \lambda v|`, so that an eigenvalue of H lies that close to each value. What a Krylov space cannot show is
the second copy of a repeated eigenvalue. Therefore a *second start* follows, a random one in the complement of the
space. Write X for the k vectors that were found, r for the norm of their residuals together.

1. If H on the complement of X has no eigenvalue above a level, then by Weyl's inequality the i-th largest eigenvalue of
   H is at least the i-th value, and at most r above it or above the level.
2. H on the complement of X has an eigenvalue above the level if and only if the *tilted* operator A on the complement
   of the whole space has one (:meth:`KrylovSpace.tilt`). The space already holds what makes A small.
3. Lanczos steps with A from a random start bound the probability that it has one
   (:func:`~numerics.curvature.lanczos.probability_of_missing`).

So as soon as that bound is at most p it is safe to say that nothing was missed: one is wrong with a probability of at
most p, whatever the matrix. Unlike the bound of Kuczynski and Wozniakowski (1992) this one makes
use of what the steps have shown. If they do show something new, it belongs to the space, and all goes on.

Probabilities are over the generator's draws; p is shared out between all second starts and both ends of the spectrum.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from numerics.arguments import checked_generator, checked_number, checked_sizes, integer
from numerics.curvature.cost import choose
from numerics.curvature.krylov_space import KrylovSpace, Tilt
from numerics.curvature.lanczos import norm, probability_of_missing
from numerics.curvature.linear_operator import SymmetricOperator, as_operator, product, symmetric_part
from numerics.progress import Bar, progress

Which = Literal["LM", "LA", "SA", "BE"]
Method = Literal["auto", "exact", "estimated"]

BASIS_BYTES = 2**30
"""What the basis may take unless a limit is given, if that is enough for twice the eigenvalues asked for."""
COMPARED = 4
"""So many products of a second start are enough to compare the relation with."""
IDLE = 4
"""So many second starts in a row that decide nothing are enough."""


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenvalues at the ends of a spectrum, with what is known of their errors.

    Attributes:
        values: In the order asked for, each a Rayleigh quotient.
        vectors: Orthonormal columns.
        residuals: Norms of H v - value v; an eigenvalue lies that close to each value.
        converged: Whether the residual is at most the tolerance times the radius.
        missing: Bound on the probability that an eigenvalue was missed, so that the values, each by more than the
            tolerance times the radius, are not those asked for. 0 if they were computed exactly, 1 if nobody looked.
        complete: Whether that probability is at most what was asked for.
        products: Products that were taken, also to choose the method; 0 if the matrix was at hand.
        method: "exact" or "estimated".
        radius: The largest absolute value of an eigenvalue, if estimated a lower bound that converges with the pairs.
    """

    values: Float[Tensor, " k"]
    vectors: Float[Tensor, "size k"]
    residuals: Float[Tensor, " k"]
    converged: Bool[Tensor, " k"]
    missing: float
    complete: bool
    products: int
    method: Literal["exact", "estimated"]
    radius: float


def eigenpairs(
    operator: SymmetricOperator | Float[Tensor, "size size"],
    k: int,
    *,
    which: Which = "LM",
    tol: float = 1e-6,
    generator: torch.Generator,
    missing: float = 1e-3,
    max_products: int | None = None,
    basis_limit: int | None = None,
    method: Method = "auto",
) -> Eigenpairs:
    """Find k eigenpairs at the ends of the spectrum, repeated eigenvalues as often as they are repeated.

    Exactly, by assembling and diagonalising the matrix, or by Lanczos with full orthogonalisation, thick restart and a
    second start (see the module). A small or flat spectrum costs more products, never a wrong flag.

    Allocates two matrices, or up to ``basis_limit`` vectors (and half as many again while restarting), in float64.

    Args:
        operator: A symmetric operator or matrix.
        k: How many pairs, at most the size.
        which: The largest in absolute value ("LM"), the largest ("LA"), the smallest ("SA"), or half from each end,
            with the odd one from the upper ("BE"). They come by decreasing absolute value, decreasing, ascending and
            ascending.
        tol: Largest residual and largest error of a missed eigenvalue, relative to the spectral radius, in (0, 1).
            Below 4096 units of rounding of the operator's dtype the latter stays at that.
        generator: On the CPU; draws the starts.
        missing: The largest probability with which an eigenvalue may be missed, in (0, 1]. With 1 no second start is
            made: a fifth of the products is saved, and of a repeated eigenvalue one copy may be all there is.
        max_products: Where to stop at the latest, at least k + 1; None: 10 times the size, and 20.
        basis_limit: Largest dimension of the space, at least k + 2; None: what fits into a gibibyte.
        method: "exact", "estimated", or by a cost model measured on the operator ("auto").

    Returns:
        The pairs. One that has not converged, or a spectrum that is not complete, is said to be so.

    Raises:
        TypeError: If it is no operator, or the generator none.
        ValueError: If an argument is out of range, products are not finite, or they contradict symmetry: by a part of
            the matrix as large as the fourth root of machine precision, or in a space by ``CONTRADICTION``. Less than
            that is found in the residuals.

    Examples:
        >>> matrix = torch.diag(torch.tensor([3.0, -5.0, 3.0, 1.0], dtype=torch.float64))
        >>> pairs = eigenpairs(matrix, 3, generator=torch.Generator().manual_seed(0))
        >>> pairs.values, pairs.complete
        (tensor([-5.,  3.,  3.], dtype=torch.float64), True)

    References:
        Wu and Simon, SIAM J. Matrix Anal. Appl. 22 (2000) 602 (thick restart); Kuczynski and Wozniakowski, SIAM J.
        Matrix Anal. Appl. 13 (1992) 1094 (random starts).
    """
    operator = as_operator(operator)
    checked_generator(generator)
    size = operator.size
    tol, missing, limit, budget = _checked(size, k, which, tol, missing, max_products, basis_limit)
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}.")
    spent = 0
    if method == "auto":
        choice = choose(operator, products_if_estimated=min(3 * k + 10, budget), basis=min(3 * k + 10, limit))
        method, spent = choice.method, choice.products
    if method == "exact":
        return _exact(operator, k, which, tol, spent)
    search = _Search(operator, k, which, tol, missing, limit, budget, generator)
    return search.result(*search.run(), spent)


def _checked(
    size: int, k: int, which: str, tol: float, missing: float, max_products: int | None, basis_limit: int | None
) -> tuple[float, float, int, int]:
    """Refuse what is out of range; tolerance, probability, basis limit and largest number of products."""
    number = integer(k)
    if number is None or not 1 <= number <= size:
        raise ValueError(f"k must be an integer in 1..{size}, the operator's size, got {k!r}.")
    if which not in get_args(Which):
        raise ValueError(f"which must be one of {', '.join(get_args(Which))}, got {which!r}.")
    tol = checked_number("tol", tol, above=0.0)
    if tol >= 1.0:
        raise ValueError(f"tol must lie in (0, 1), got {tol!r}.")
    missing = checked_number("missing", missing, above=0.0)
    if missing > 1.0:
        raise ValueError(f"missing must be a probability in (0, 1], got {missing!r}.")
    if max_products is None:
        max_products = 10 * size + 20
    checked_sizes(max_products=max_products)
    if max_products <= k:
        raise ValueError(f"max_products must be at least k + 1 = {k + 1}, got {max_products!r}.")
    if basis_limit is None:
        basis_limit = max(2 * k + 20, min(BASIS_BYTES // (8 * size), 1024))
    checked_sizes(basis_limit=basis_limit)
    if basis_limit < min(k + 2, size):
        raise ValueError(f"basis_limit must be at least k + 2 = {k + 2}, got {basis_limit!r}.")
    return tol, missing, min(basis_limit, size), max_products


def _ranked(values: Float[Tensor, " n"], which: str) -> Int[Tensor, " n"]:
    """Places of ascending values in the order in which they are wanted."""
    places = torch.arange(len(values), device=values.device)
    if which == "LM":
        return values.abs().argsort(descending=True, stable=True)
    if which == "LA":
        return places.flip(0)
    if which == "SA":
        return places
    return torch.stack([places.flip(0), places], dim=1).flatten()[: len(values)]


def _ordered(values: Float[Tensor, " n"], k: int, which: str) -> Int[Tensor, " k"]:
    """Places of the k wanted ones of ascending values, in the order in which they are handed back."""
    places = _ranked(values, which)[:k]
    return places.sort().values if which == "BE" else places


def _exact(operator: SymmetricOperator, k: int, which: str, tol: float, spent: int) -> Eigenpairs:
    """Assemble the matrix and diagonalise it."""
    matrix, unit, products = symmetric_part(operator)
    values, vectors = torch.linalg.eigh(matrix)
    places = _ordered(values, k, which)
    radius = float(values.abs().max())
    values, vectors = values[places], vectors[:, places]
    residuals = torch.linalg.vector_norm(matrix @ vectors - vectors * values, dim=0)
    converged = residuals <= tol * radius
    values, residuals, radius, products = values * unit, residuals * unit, radius * unit, spent + products
    return Eigenpairs(values, vectors, residuals, converged, 0.0, True, products, "exact", radius)


class _Search:
    """The estimate: a Krylov space until the pairs have converged, second starts until none is missing."""

    def __init__(
        self,
        operator: SymmetricOperator,
        k: int,
        which: str,
        tol: float,
        missing: float,
        limit: int,
        budget: int,
        generator: torch.Generator,
    ) -> None:
        self.operator, self.k, self.which, self.tol, self.missing = operator, k, which, tol, missing
        self.space = KrylovSpace(operator, limit, generator)
        self.budget = budget - 1  # one product checks the residuals
        self.rounding = torch.finfo(operator.dtype).eps
        self.aim = tol / 12  # levels must stand off from the values by less than the tolerance
        self.open_ends = {"LM": [1, -1], "LA": [1], "SA": [-1], "BE": [1, -1] if k > 1 else [1]}[which]
        self.ends = len(self.open_ends)
        self.attempts = 0
        self.bound = 0.0  # on the probability that an eigenvalue is missing at an end that is closed
        self.unseen: Tensor | None = None  # how far products were from what the relation says of them

    def run(self) -> tuple[float, bool]:
        """Find the pairs; the probability that one is missing, and whether it is small enough."""
        idle = 0
        with progress(None, "products for eigenvalues") as bar:
            while True:
                values = self._converge(bar)
                if self.space.full:
                    return 0.0, True
                if self.missing >= 1.0 or self.space.products >= self.budget or idle > IDLE:
                    return 1.0, False
                ends, probability = len(self.open_ends), self._second_start(bar)
                if not self.open_ends:
                    self.aim = 0.9 * self.tol  # what the last start has added may rank among the wanted
                    self._converge(bar)
                    return self.bound, True
                if self.space.products >= self.budget:
                    return min(1.0, self.bound + probability), False
                new = self.space.ritz()[0]
                found = new[_ranked(new, self.which)[: self.k]]
                news = bool((found - values).abs().max() > self.tol * new.abs().max())
                idle = 0 if news or len(self.open_ends) < ends else idle + 1
                self.aim = self.aim if idle == 0 else max(self.aim / 10, min(self.tol, 1e-14))

    def _converge(self, bar: Bar) -> Float[Tensor, " k"]:
        """Extend the space until the residuals of the wanted pairs are small; their values, in order of rank."""
        space, check, key = self.space, self.k, self.space.latest
        while True:
            stop = space.full or space.products >= self.budget
            if stop or space.dimension >= min(check, space.limit):
                values, vectors, residuals = space.ritz()
                wanted = _ranked(values, self.which)[: self.k]
                worst = int(wanted[residuals[wanted].argmax()])
                if stop or float(residuals[worst]) <= self.aim * float(values.abs().max()):
                    return values[wanted]
                key = space.strongest(vectors[:, worst])
                if space.dimension == space.limit:
                    self._restart((space.limit + self.k) // 2)
                check = space.dimension + max(1, space.dimension // 32)
            space.extend(key)
            key = space.latest
            bar.advance()

    def _restart(self, kept: int) -> None:
        """Compress the space to its best Ritz vectors, with at least one place to go on."""
        values, vectors, _ = self.space.ritz()
        places = _ranked(values, self.which)[: min(max(kept, self.k), self.space.limit - 1)].sort().values
        self.space.compress(vectors[:, places], values[places])
        self.unseen = None

    def _levels(self, wanted: Float[Tensor, " k"], slack: float) -> dict[int, float]:
        """For each open end of the spectrum, as a sign, the level beyond which nothing may be missing."""
        if self.which == "LM":
            return dict.fromkeys(self.open_ends, float(wanted.abs().min()) + slack)
        # from both ends the ranks take turns, beginning with the upper one
        found = {1: wanted[0::2], -1: wanted[1::2]} if self.which == "BE" else dict.fromkeys((1, -1), wanted)
        return {sign: float((sign * found[sign]).min()) + slack for sign in self.open_ends}

    def _second_start(self, bar: Bar) -> float:
        """Run from a random start in the complement, until nothing can be missing at an end of the spectrum.

        Closes the ends where nothing can. Returns a bound on the probability that something is missing at the others.
        """
        space = self.space
        if space.limit < self.operator.size and space.limit - space.dimension < (space.limit - self.k) // 2:
            self._restart(self.k + (space.limit - self.k) // 4)
        values, vectors, residuals = space.ritz()
        ranked = _ranked(values, self.which)
        wanted, others = ranked[: self.k], ranked[self.k :]
        radius = float(values.abs().max()) or 1.0  # of zeros alone any level will do
        slack = max(self.tol, 4096 * self.rounding) * radius
        slack -= float(torch.linalg.vector_norm(residuals[wanted]))
        levels = self._levels(values[wanted], slack)
        if slack <= 0.0 or any(bool((sign * values[others] >= level).any()) for sign, level in levels.items()):
            return 1.0
        tilts = {sign: space.tilt(sign, level, values[others], vectors[:, others]) for sign, level in levels.items()}
        # the Krylov space is that of the operator with the tilt of the end where the room is least
        sign = min(levels, key=lambda end: levels[end] - max((end * values[others]).tolist(), default=0.0))
        tilt = tilts[sign]
        rooms = {end: level - (0.0 if end == sign else tilt.norm_with(tilts[end])) for end, level in levels.items()}

        self.attempts += 1
        share = 0.75 if self.attempts == 1 else 0.25 / (self.attempts * (self.attempts - 1))  # these sum up to 1
        known, free = space.dimension, self.operator.size - space.dimension
        allowed = self.missing * len(levels) / self.ends
        bounds, remainders, key, closed_at = dict.fromkeys(levels, 1.0), 0.0, None, 0
        while space.dimension < space.limit:
            space.extend(key, tilt)
            bar.advance()
            key = space.latest
            length = space.remainder_norm(key)
            remainders += math.log(length) if length > 0.0 else -math.inf
            inner = torch.linalg.eigvalsh(sign * space.matrix[known:, known:] + tilt.seen_from(space.rows[known:]))
            for end, room in rooms.items():
                gaps = room - sign * end * inner
                chance = probability_of_missing(remainders, gaps, free=free, rounding=self.rounding * radius)
                bounds[end] = min(1.0, chance / share)
            steps = space.dimension - known
            if bool((inner >= levels[sign]).any()) or sum(bounds.values()) <= allowed or key is None:
                break
            if space.products >= self.budget + (steps >= COMPARED):  # then the comparison needs no product
                break
            if max(bounds.values()) < 1.0 or bounds[sign] > allowed / len(levels):
                closed_at = steps
            elif steps > closed_at + 2:  # this end is done, and the other one needs its own start
                break
        self._compare(tilt, known, free)
        done = sum(bounds.values()) <= allowed
        for end, bound in bounds.items():
            if done or bound <= allowed / len(levels):
                self.open_ends.remove(end)
                self.bound += bound
        return math.fsum(bound for end, bound in bounds.items() if end in self.open_ends)

    def _compare(self, tilt: Tilt, known: int, free: int) -> None:
        """Hold the relation against the products of a second start, which knew nothing of it."""
        space = self.space
        predicted = (space.rows[known:] @ tilt.directions.mT) @ tilt.coefficients
        self.unseen = (space.matrix[known:, :known] - predicted) * math.sqrt(free / (space.dimension - known))

    def result(self, probability: float, complete: bool, spent: int) -> Eigenpairs:
        """Take the pairs from the space, and hold their residuals against products."""
        space = self.space
        values, coefficients, residuals = space.ritz()
        places = _ordered(values, self.k, self.which)
        radius = float(values.abs().max())
        values, residuals, coefficients = values[places], residuals[places], coefficients[:, places]
        vectors = space.combined(coefficients)
        if self.unseen is not None and len(self.unseen) >= COMPARED:
            noise = torch.linalg.vector_norm(self.unseen @ coefficients[: self.unseen.shape[1]], dim=0)
        else:
            signs = torch.randint(0, 2, (self.k,), generator=space.generator).to(vectors) * 2 - 1
            probe = self._defect(vectors @ signs / self.k**0.5, vectors @ (signs * values) / self.k**0.5)
            excess = max(probe**2 - float(residuals.square().mean()), 0.0)  # the mean of the noise's squares
            noise = torch.full_like(residuals, (excess * self.k) ** 0.5)  # none is more than their sum
            spent += 1
        if bool((noise > 0.1 * self.tol * radius).any()) and space.products + self.k <= self.budget:
            defects = [self._defect(vector, value * vector) for vector, value in zip(vectors.mT, values, strict=True)]
            residuals = torch.tensor(defects, dtype=torch.float64, device=vectors.device)
            spent += self.k
        else:
            residuals = torch.hypot(residuals, noise)
        converged, products, unit = residuals <= self.tol * radius, spent + space.products, space.unit
        values, residuals, radius = values * unit, residuals * unit, radius * unit
        return Eigenpairs(values, vectors, residuals, converged, probability, complete, products, "estimated", radius)

    def _defect(self, vector: Float[Tensor, " size"], claimed: Float[Tensor, " size"]) -> float:
        """How far the product with a vector is from what is claimed of it."""
        return norm(product(self.operator, vector) / self.space.unit - claimed)
