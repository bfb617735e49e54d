"""Spectral measures of matrices: nodes and weights, error bars, and distances to other measures and laws.

The spectral measure of a symmetric matrix gives each eigenvalue the mass 1/size. Here it is either exact, or the sum of
a few eigenvalues that are known, with that mass each, and of an estimate of the rest: the mean of one Gauss quadrature
per random probe. The spread of these quadratures is the error of moments; a probe's mass on a fraction F of ``rest``
eigenvalues has the variance 2 F (1 - F)/(rest + 2), which is the error of the cdf together with what the Lanczos steps
do not resolve.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_finite, checked_number, checked_sizes, checked_tensors
from numerics.curvature.distances import Law, kolmogorov_distance, wasserstein_distance
from numerics.curvature.estimate import Estimate, Method, widening
from numerics.curvature.gauss_quadrature import GaussQuadrature
from numerics.curvature.linear_operator import power_of_two

_ROUNDING = 1e-13  # of a sum of masses: an interval may have shrunk to a point


@dataclass(frozen=True, eq=False)
class CdfEstimate:
    """Values of a cdf with intervals.

    Attributes:
        value: Estimates of the mass up to x.
        error: Their standard errors over the probes; what the steps do not resolve is in the interval only.
        lower: Lower ends of the intervals.
        upper: Upper ends.
        level: The probability with which each interval, taken alone, covers; all is 1 if the measure is exact.
    """

    value: Float[Tensor, "..."]
    error: Float[Tensor, "..."]
    lower: Float[Tensor, "..."]
    upper: Float[Tensor, "..."]
    level: float


@dataclass(frozen=True, eq=False)
class SpectralMeasure:
    """A discrete measure of mass one that stands for a matrix's eigenvalues.

    Attributes:
        size: Rows of the matrix.
        eigenvalues: Those that are known, ascending; each has mass 1/size.
        quadratures: Of the measure of all the others, one per probe, each of mass one; none if all are known.
        products: Products with the operator that were taken.
        method: "exact" if all eigenvalues are known, else "estimated".
        reason: Why this method, in a sentence, where it was chosen by the cost.
        resolution: How far a known eigenvalue may lie from its place, at most; 0 to rounding if all are known.

    Examples:
        >>> measure = SpectralMeasure.exact(torch.tensor([0.0, 3.0, 0.0], dtype=torch.float64))
        >>> measure.nodes.tolist(), measure.weights.tolist()[2] == 1 / 3
        ([0.0, 0.0, 3.0], True)
        >>> print(*measure.moments(2), sep="; ")
        1 +- 0 (0 products, exact); 3 +- 0 (0 products, exact)
    """

    size: int
    eigenvalues: Float[Tensor, " known"]
    quadratures: tuple[GaussQuadrature, ...]
    products: int
    method: Method
    reason: str = ""
    resolution: float = 0.0

    @classmethod
    def exact(cls, eigenvalues: Float[Tensor, " size"], *, products: int = 0, reason: str = "") -> "SpectralMeasure":
        """The measure of eigenvalues that are all known, in any order.

        Raises:
            TypeError: If they are no tensor.
            ValueError: If there is none, or one is not finite.
        """
        values = _checked_points("eigenvalues", eigenvalues).sort().values
        return cls(len(values), values, (), products, "exact", reason)

    @property
    def rest(self) -> int:
        """How many eigenvalues are not known but estimated."""
        return self.size - len(self.eigenvalues)

    @cached_property
    def _merged(self) -> tuple[Tensor, Tensor]:
        nodes = [self.eigenvalues, *(quadrature.nodes for quadrature in self.quadratures)]
        weights = [torch.full_like(self.eigenvalues, 1.0 / self.size)]
        share = self.rest / self.size / max(len(self.quadratures), 1)
        weights += [share * quadrature.weights for quadrature in self.quadratures]
        merged, order = torch.cat(nodes).sort(stable=True)
        mass = torch.cat(weights)[order]
        return merged, mass / mass.sum()

    @property
    def nodes(self) -> Float[Tensor, " nodes"]:
        """Where the mass is, ascending, of all probes."""
        return self._merged[0]

    @property
    def weights(self) -> Float[Tensor, " nodes"]:
        """The mass at each node; the sum is one."""
        return self._merged[1]

    @property
    def radius(self) -> float:
        """The largest absolute value of a node."""
        return float(self.nodes.abs().max())

    def moments(self, order: int) -> tuple[Estimate, ...]:
        """The moments of order 1 to ``order``, the means of powers of the eigenvalues, with jackknife errors.

        Gauss quadrature is exact up to the degree 2 steps - 1; a probe of fewer steps is left out of moments beyond.
        The errors are widened so that two of them cover what they do for Student's t with one degree of freedom less
        than there are probes.

        Raises:
            ValueError: If the order is not positive, or beyond the degree of all quadratures but one, or the powers
                leave the range of float64.

        Examples:
            >>> print(*SpectralMeasure.exact(torch.tensor([1.0, 3.0])).moments(1))
            2 +- 0 (0 products, exact)
        """
        checked_sizes(order=order)
        degrees = sorted((quadrature.degree for quadrature in self.quadratures), reverse=True)
        if degrees and order > degrees[min(1, len(degrees) - 1)]:
            raise ValueError(
                f"order must be <= {degrees[min(1, len(degrees) - 1)]:.0f}, up to which two quadratures are exact, "
                f"got {order}."
            )
        if (radius := self.radius) > 0.0:
            room = math.log(self.size) + 1.0
            lowest, highest = math.log(2.0**-1022) + room, math.log(2.0**1023) - room
            if not lowest <= order * math.log(radius) <= highest:
                raise ValueError(f"order must leave powers of {radius:.1e} that float64 can hold, got {order}.")
        found = []
        for power in range(1, order + 1):
            known = float(self.eigenvalues.pow(power).sum()) / self.size
            if not self.quadratures:
                found.append(Estimate(known, 0.0, self.products, self.method))
                continue
            able = [quadrature for quadrature in self.quadratures if quadrature.degree >= power]
            each = torch.stack([(one.weights * one.nodes.pow(power)).sum() for one in able])
            share = self.rest / self.size
            unit = power_of_two(float(each.abs().max()))  # the squares of moments must not overflow
            error = share * unit * float((each / unit).std()) * widening(len(each) - 1) / math.sqrt(len(each))
            found.append(Estimate(known + share * float(each.mean()), error, self.products, self.method))
        return tuple(found)

    def cdf(self, x: Float[Tensor, "..."] | float, *, level: float = 0.9) -> CdfEstimate:
        """The mass up to x, with intervals.

        The value is the middle of what Lanczos proves of each probe's measure (the inequalities of Chebyshev, Markov
        and Stieltjes), which is much closer than the steps of the nodes. Two errors are left:

        - of the probes, which is random with known variance: its score interval;
        - of the steps, which is the same in every draw: a slack to both sides, half the mass that stays at x (twice
          that at full less that at half the steps, since what is smooth halves) and how far the middle moved between
          half the steps and all of them, but never more than half the mass that is proven.

        The interval covers with the probability ``level`` wherever in the slack the truth lies (Imbens and Manski),
        which takes fewer deviations than a slack of zero would. Where the steps resolve the spectrum around x the slack
        is small, and the interval covers about as often as ``level`` says. Where they do not, in a cluster or beside an
        atom, the error hardly varies between draws: no interval could miss it in one draw of ten, and this one is wide
        and covers nearly always.

        A known eigenvalue within ``resolution`` of x may lie on either side of it, and both count.

        Diagonalises one matrix of steps + 1 rows per point and probe, and one of half as many.

        Args:
            x: Where, any shape. An eigenvalue that equals x to rounding may count as below or above it.
            level: Probability to cover, in (0, 1), for each point alone.

        Raises:
            ValueError: If a point is not finite or the level does not lie in (0, 1).

        Examples:
            >>> SpectralMeasure.exact(torch.tensor([1.0, 2.0])).cdf(1.5).value
            tensor(0.5000, dtype=torch.float64)

        References:
            Wilson, J. Amer. Statist. Assoc. 22 (1927) 209; Imbens and Manski, Econometrica 72 (2004) 1845.
        """
        if not 0.0 < checked_number("level", level, above=0.0) < 1.0:
            raise ValueError(f"level must lie in (0, 1), got {level!r}.")
        points = x if isinstance(x, Tensor) else torch.tensor(checked_number("x", x), dtype=torch.float64)
        checked_tensors(x=points)
        checked_finite(x=points)
        shape, points = points.shape, points.to(self.eigenvalues).reshape(-1)
        known = torch.searchsorted(self.eigenvalues, points, right=True).to(points) / self.size
        nothing = torch.zeros_like(points)
        if not self.quadratures:
            value, error, lower, upper = known, nothing, known, known
        else:
            middle, slack = self._rest_cdf(points)
            share, probes = self.rest / self.size, len(self.quadratures)
            draws = (self.rest + 2) * probes / 2.0  # a frequency among so many draws has the probes' variance
            spread = (middle * (1 - middle) / draws).sqrt()
            z = _deviations(level, slack, spread)
            value, error = known + share * middle, share * spread
            at_least, at_most = (
                torch.searchsorted(self.eigenvalues, points + side, right=True).to(points) / self.size
                for side in (-self.resolution, self.resolution)
            )
            lower = (at_least + share * _score(middle - slack, draws, -z) - _ROUNDING).clamp(min=0.0)
            upper = (at_most + share * _score(middle + slack, draws, z) + _ROUNDING).clamp(max=1.0)
        value, error, lower, upper = (part.reshape(shape) for part in (value, error, lower, upper))
        return CdfEstimate(value, error, lower, upper, level)

    def _rest_cdf(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over the probes of the middle of the bounds, and how far truncation may have moved it."""
        middles, masses, atoms, moves = [], [], [], []
        for quadrature in self.quadratures:
            below, at = quadrature.bounds(points)
            middles.append(below + at / 2)
            masses.append(at)
            if quadrature.degree == math.inf:  # nothing was truncated; an eigenvalue that is x counts
                middles[-1] = below + at
                atoms.append(torch.zeros_like(at))
                moves.append(torch.zeros_like(at))
                continue
            half_below, half_at = quadrature.shortened((len(quadrature.diagonal) + 1) // 2).bounds(points)
            atoms.append(2 * at - half_at)
            moves.append(middles[-1] - half_below - half_at / 2)
        middle, mass, atom, move = (torch.stack(each).mean(0) for each in (middles, masses, atoms, moves))
        return middle.clamp(0.0, 1.0), torch.minimum(atom.clamp(min=0.0) / 2 + move.abs(), mass / 2)

    def wasserstein(self, other: "SpectralMeasure | Float[Tensor, ' eigenvalues'] | Law") -> float:
        """The Wasserstein-1 distance, the area between the two cdfs.

        Args:
            other: A measure, the eigenvalues of a matrix, or the cdf of a law: a function of a numpy array, of a tensor
                or of a number. The area to a cdf is found by refining until its monotony proves it to 1e-4 of the
                width of both supports (to 1e-6 or better where the cdf is smooth).

        Raises:
            TypeError: If it is none of these.
            ValueError: If there is no eigenvalue, or a function is not a cdf that rises from 0 to 1.

        Examples:
            >>> SpectralMeasure.exact(torch.tensor([0.0, 1.0])).wasserstein(torch.tensor([0.0, 3.0]))
            1.0
        """
        return wasserstein_distance(self.nodes, self.weights, _target(other))

    def kolmogorov(
        self, other: "SpectralMeasure | Float[Tensor, ' eigenvalues'] | Law", *, left: Law | None = None
    ) -> float:
        """The largest distance between the two cdfs, exact.

        Args:
            other: A measure, the eigenvalues of a matrix, or the cdf of a law: a function of a numpy array, of a tensor
                or of a number.
            left: If that law has atoms, the mass strictly below x; otherwise it is taken to be the cdf.

        Raises:
            TypeError: If it is none of these.
            ValueError: If there is no eigenvalue, a function is no cdf, or ``left`` comes without one.

        Examples:
            >>> SpectralMeasure.exact(torch.tensor([0.0, 1.0])).kolmogorov(torch.tensor([0.0, 3.0]))
            0.5
        """
        return kolmogorov_distance(self.nodes, self.weights, _target(other), left)

    def smoothed(self, grid: Float[Tensor, " points"], width: float | None = None) -> Float[Tensor, " points"]:
        """A density for plots: each node widened to a Gaussian. Nothing should be concluded from it.

        Args:
            grid: Where.
            width: Standard deviation of the Gaussians, in units of the eigenvalues; by default a hundredth of the range
                of the grid.

        Raises:
            ValueError: If the grid is not finite or the width not positive.

        Examples:
            >>> SpectralMeasure.exact(torch.tensor([0.0])).smoothed(torch.tensor([0.0]), width=1.0)
            tensor([0.3989], dtype=torch.float64)
        """
        points = _checked_points("grid", grid).to(self.nodes)
        if width is None:
            width = float(points.max() - points.min()) / 100 or 1.0
        width = checked_number("width", width, above=0.0)
        density = torch.zeros_like(points)
        for first in range(0, len(self.nodes), 1024):
            away = (points[:, None] - self.nodes[first : first + 1024]) / width
            density += torch.exp(-away.square() / 2) @ self.weights[first : first + 1024]
        return density / (width * math.sqrt(2 * math.pi))

    def __str__(self) -> str:
        """Size, method and what is known."""
        if self.method == "exact":
            return f"spectral measure of {self.size} eigenvalues (exact)"
        known = len(self.eigenvalues)
        return (
            f"spectral measure of {self.size} eigenvalues, {known} known, the others from {len(self.quadratures)} "
            f"probes ({self.products} products, estimated)"
        )


def _deviations(
    level: float, slack: Float[Tensor, " points"], spread: Float[Tensor, " points"]
) -> Float[Tensor, " points"]:
    """How many standard deviations beyond the slack cover: z with Phi(z + 2 slack/spread) - Phi(-z) = level."""
    ratio = torch.where(spread > 0.0, 2 * slack / spread.clamp(min=1e-300), 0.0)
    ends = torch.special.ndtri(slack.new_tensor([level, (1 + level) / 2]))  # one-sided, two-sided
    low, high = torch.zeros_like(slack) + ends[0].clamp(min=0.0), torch.zeros_like(slack) + ends[1]
    for _ in range(50):
        middle = (low + high) / 2
        covered = torch.special.ndtr(middle + ratio) - torch.special.ndtr(-middle) >= level
        low, high = torch.where(covered, low, middle), torch.where(covered, middle, high)
    found: Tensor = high
    return found


def _score(middle: Tensor, draws: float, z: Tensor) -> Tensor:
    """One end of Wilson's score interval for a frequency among so many draws; the sign of z says which."""
    middle = middle.clamp(0.0, 1.0)
    centre = middle + z * z / (2 * draws)
    spread = (middle * (1 - middle) / draws + z * z / (4 * draws * draws)).sqrt()
    return ((centre + z * spread) / (1 + z * z / draws)).clamp(0.0, 1.0)


def _checked_points(name: str, points: Tensor) -> Float[Tensor, " points"]:
    """Refuse what is not a vector of finite numbers; hand it back in float64."""
    checked_tensors(**{name: points})
    if points.ndim != 1 or len(points) == 0:
        raise ValueError(f"{name} must be a vector of at least one number, got shape {tuple(points.shape)}.")
    checked_finite(**{name: points})
    return points.to(torch.float64)


def _target(other: "SpectralMeasure | Tensor | Law") -> tuple[Tensor, Tensor] | Callable[..., object]:
    """Nodes and weights of what is discrete, and a cdf as it is."""
    if isinstance(other, SpectralMeasure):
        return other.nodes, other.weights
    if isinstance(other, Tensor):
        values = _checked_points("other", other).sort().values
        return values, torch.full_like(values, 1.0 / len(values))
    if callable(other):
        return other
    raise TypeError(f"other must be a spectral measure, a tensor of eigenvalues or a cdf, got {type(other).__name__}.")
