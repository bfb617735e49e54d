r"""The bulk of a spectrum, what lies outside it, and the laws of free probability that are laid against it.

**Outliers.** Among the largest eigenvalues l_1 >= l_2 >= ... that are known, the width of a gap l_i - l_(i+1) is taken
in medians of the next `BEHIND` spacings (of `ENOUGH` at least). Those above the last gap of at least `GAP` of them, and
of at least `CLEAR` of the widest, are outliers: a gap of 300 is not overruled by one of 7 that chance has put into the
bulk behind it. Below zero the same is done with the absolute values. Levels repel each other, so that in a bulk such
gaps are rare, whatever its shape. A tail in which each eigenvalue is a fixed part of the one before it has none. What
is left is the bulk; its edges are its own extreme eigenvalues. An end of which too few eigenvalues are known is not
searched, and then no law is laid against what may hold outliers.
Eigenvalues that rounding cannot tell from zero (units that are dead, inputs that never vary) are an atom, counted and
put aside.

**Laws.** A small family, each fitted by the edges [a, b] of the bulk and, where these do not suffice, by its mean; no
shape is looked at, so that the shape is a prediction:

- the semicircle with the edges a and b;
- Marchenko-Pastur with the edges a and b, s (1 -+ sqrt(ratio))^2; it has none below zero;
- the free sum of Marchenko-Pastur and a semicircle, the random-matrix model of a Hessian, with the edges a and b and
  the bulk's mean.

**Quality.** The W1 distance between the bulk and the law over the bulk's standard deviation; a law fits if that is
below `FITS_WITHIN`, by two standard errors. The spectra of trained networks are sharply peaked at zero and usually far
from all three: then the edges and the outliers still stand, and the law is said not to fit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import theory
from verify.spectrum.record import BulkFit, Fit, Histogram, LawFit, Quantity
from verify.spectrum.weighted import Array, WeightedSpectrum

GAP = 6.0
"""How many times the median spacing behind it a gap must be to part outliers from the bulk."""
CLEAR = 0.1
"""How wide, as a part of the widest gap, one must be to overrule the gaps before it."""
BEHIND = 8
"""Spacings behind a gap that it is compared with."""
ENOUGH = 5
"""Spacings behind a gap without which it is not judged."""
NEEDED = ENOUGH + 2
"""Eigenvalues of an end without which it is not searched: a gap, and `ENOUGH` spacings behind it."""
WINDOW = 40
"""Eigenvalues of either end that are searched if all are known, or half of them if they are fewer."""
FITS_WITHIN = 0.05
"""W1 distance, in standard deviations of the bulk, up to which a law is said to fit."""
FEWEST = 30
"""Eigenvalues that a bulk must have before a law is laid against it."""
_BINS = 60
_GRID = 2000

Ends = tuple[float, float]
Cdf = Callable[[Array], Array]
Mask = NDArray[np.bool_]


def bulk_and_outliers(
    spectrum: WeightedSpectrum,
    *,
    size: int,
    largest: Sequence[float],
    smallest: Sequence[float],
    zero: float,
) -> tuple[BulkFit, Histogram | None]:
    """Part the outliers from the bulk, lay the laws against it, and count it in bins beside the nearest one.

    Args:
        spectrum: The whole spectrum.
        size: Number of eigenvalues.
        largest: The largest eigenvalues that are known for certain, decreasing.
        smallest: The smallest ones, increasing.
        zero: Absolute value up to which rounding cannot tell an eigenvalue from zero.

    Returns:
        The fit, and the bulk's counts; no counts if the bulk is empty or a single place.

    Raises:
        ValueError: If no extreme eigenvalue is known.
    """
    if not len(largest) or not len(smallest):
        raise ValueError("largest and smallest must hold at least one eigenvalue each, got none.")
    upper, lower = _parted(list(largest), zero), _parted([-value for value in smallest], zero)
    above, below, right, left = upper.outliers, lower.outliers, upper.first, -lower.first
    unsearched = [_unsearched(end, exact=spectrum.probes == 0) for end in (upper, lower)]
    if spectrum.probes == 0:
        exact = spectrum.nodes[below : spectrum.nodes.size - above]
        inside = exact[np.abs(exact) > zero]
        left, right = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 0.0)
        at_zero = int(exact.size - inside.size)
    else:
        at_zero = 0
        left, right = (0.0 if abs(edge) <= zero else edge for edge in (left, right))
    slack = 1e-9 * max(abs(left), abs(right))
    member = (spectrum.nodes > -lower.cut) & (spectrum.nodes < upper.cut)
    if spectrum.probes == 0:
        member &= np.abs(spectrum.nodes) > zero
    count = size * float(spectrum.weights[member].sum())
    edges = (left, right)
    laws: list[tuple[LawFit, Cdf | None]] = []
    reason = ""
    if right - left <= slack:
        reason = "the bulk is a single place" if count >= 1 else "nothing is left beside the outliers and zero"
    elif count < FEWEST:
        reason = f"the bulk has {count:.0f} eigenvalues, and a law is laid against {FEWEST} or more"
    elif not 1e-100 < right - left < 1e100:
        reason = f"the bulk is {right - left:.1g} wide, and laws are laid against one from 1e-100 to 1e100"
    elif any(unsearched):
        side = "upper" if unsearched[0] else "lower"
        reason = f"the {side} end was not searched for outliers: {unsearched[0] or unsearched[1]}"
    else:
        laws = _laws(spectrum, member, edges)
    fit = BulkFit(
        edges=edges,
        outliers_above=above,
        outliers_below=below,
        outliers=(*map(float, largest[:above]), *map(float, smallest[:below])),
        gap_above=upper.gap,
        gap_below=lower.gap,
        searched=(len(largest), len(smallest)),
        unsearched_above=unsearched[0],
        unsearched_below=unsearched[1],
        at_zero=at_zero,
        zero=zero,
        count=count,
        laws=tuple(one for one, _ in laws),
        reason=reason,
    )
    if right - left <= slack:
        return fit, None
    places = np.linspace(left, right, _BINS + 1)
    counts, errors = _counts_inside(spectrum, member, places, size)
    expected: tuple[float, ...] = ()
    if laws and (nearest := laws[0][1]) is not None:
        expected = tuple(np.diff(nearest(places)) * count)
    return fit, Histogram(edges=tuple(places), counts=tuple(counts), errors=tuple(errors), expected=expected)


@dataclass(frozen=True)
class _End:
    """The upper end of a spectrum, parted.

    Attributes:
        outliers: How many there are.
        gap: The gap behind them, or the widest one without outliers; none if nothing can be a gap.
        first: The bulk's first value.
        cut: The middle of the gap, where no error of an eigenvalue reaches; infinite without outliers.
        known: How many eigenvalues were looked at.
        searched: Whether these were enough.
    """

    outliers: int
    gap: float | None
    first: float
    cut: float
    known: int
    searched: bool


def _unsearched(end: _End, *, exact: bool) -> str:
    """Say why an end was not searched; nothing if it was."""
    if end.searched:
        return ""
    known = f"{end.known} eigenvalue{'' if end.known == 1 else 's'}"
    return f"{known} {'in that half of the spectrum' if exact else 'known'}, {NEEDED} or more are needed"


def _parted(values: list[float], zero: float) -> _End:
    """Count the outliers at the upper end."""
    heights = np.array([value if value > zero else 0.0 for value in values])
    if heights[-1] == 0:  # and so are all that follow, as far as this end is concerned
        heights = np.concatenate([heights, np.zeros(BEHIND)])
    spacings = -np.diff(heights)
    ratios = []
    for place in range(min(spacings.size - ENOUGH, int((heights > 0).sum()))):
        typical = float(np.median(spacings[place + 1 : place + 1 + BEHIND]))
        ratios.append(float(spacings[place]) / typical if typical > 0 else np.inf if spacings[place] > 0 else 0.0)
    widest = max(ratios, default=None)
    wide = [place for place, ratio in enumerate(ratios) if ratio >= max(GAP, CLEAR * (widest or 0.0))]
    outliers = wide[-1] + 1 if wide else 0
    first = values[outliers] if outliers < len(values) else 0.0
    return _End(
        outliers=outliers,
        gap=ratios[outliers - 1] if wide else widest,
        first=first,
        cut=(values[outliers - 1] + first) / 2 if outliers else np.inf,
        known=len(values),
        searched=bool(ratios) or heights[0] == 0,  # where no eigenvalue is beyond zero, none is an outlier
    )


def _counts_inside(spectrum: WeightedSpectrum, member: Mask, places: Array, size: int) -> tuple[Array, Array]:

    def binned(weights: Array) -> Array:
        inside = spectrum.nodes[member].clip(places[0], places[-1])  # an edge has an error of its own
        return np.histogram(inside, bins=places, weights=weights[member])[0] * size

    return binned(spectrum.weights), spectrum.standard_error(binned)


def _laws(
    spectrum: WeightedSpectrum, member: Mask, edges: Ends
) -> list[tuple[LawFit, Callable[[Array], Array] | None]]:
    nodes, weights = spectrum.nodes[member], spectrum.weights[member]
    share = weights / weights.sum()
    mean = float(share @ nodes)
    variance = float(share @ (nodes - mean) ** 2)
    found: list[tuple[LawFit, Cdf | None]] = []
    for name, family in (
        ("semicircle", _semicircle),
        ("Marchenko-Pastur", _marchenko_pastur),
        ("Marchenko-Pastur + semicircle", _free_sum),
    ):
        parameters = family(edges, mean)
        if isinstance(parameters, str):
            empty = LawFit(name=name, parameters={}, edges=None, distance=None, verdict=None, reason=parameters)
            found.append((empty, None))
            continue
        law = _law(**parameters)
        support = law.support()
        distance = _distance(spectrum, member, law.cdf, (support[0][0], support[-1][1]), variance**0.5)
        fit = LawFit(
            name=name,
            parameters=parameters,
            edges=(float(support[0][0]), float(support[-1][1])),
            distance=distance,
            verdict=_verdict(distance),
        )
        found.append((fit, law.cdf))
    return sorted(found, key=_merit)


def _merit(pair: tuple[LawFit, Cdf | None]) -> tuple[int, int, float]:
    """Sort what fits before what does not, there the law of fewest parameters first, and then by distance."""
    law = pair[0]
    if law.distance is None:
        return 2, 0, 0.0
    fits = law.verdict == "fits"
    return (0, len(law.parameters), law.distance.value) if fits else (1, 0, law.distance.value)


def _law(*, scale: float = 0.0, ratio: float = 0.0, variance: float = 0.0, centre: float = 0.0) -> "theory.SpectralLaw":
    parts = [theory.point_mass(centre)] if centre else []
    parts += [theory.marchenko_pastur(ratio, scale)] if scale else []
    parts += [theory.semicircle(variance)] if variance else []
    return sum(parts[1:], parts[0])


def _semicircle(edges: Ends, mean: float) -> dict[str, float]:
    left, right = edges
    return {"centre": (left + right) / 2, "variance": ((right - left) / 4) ** 2}


def _marchenko_pastur(edges: Ends, mean: float) -> dict[str, float] | str:
    left, right = edges
    if left < 0:
        return "it has no eigenvalue below zero, and the bulk has"
    low, high = left**0.5, right**0.5
    return {"ratio": ((high - low) / (high + low)) ** 2, "scale": ((high + low) / 2) ** 2}


def _free_sum(edges: Ends, mean: float) -> dict[str, float] | str:
    r"""Solve for the member with the bulk's mean s and edges.

    With K(g) = R(g) + 1/g the edges are K(g) at its critical points on either side of 0. K' = 0 gives the variance
    v = 1/g^2 - s^2 ratio/(1 - s ratio g)^2, which leaves one equation in g for each edge; the two variances must agree.
    """
    from scipy.optimize import brentq

    left, right = edges
    if mean <= 0:
        return "its mean is positive, and the bulk's is not"
    left, right = left / mean, right / mean

    def variance(ratio: float, edge: float, end: float) -> float:
        def excess(g: float) -> float:
            rest = 1 - ratio * g
            return 1 / rest + 2 / g - ratio * g / rest**2 - edge

        g = float(brentq(excess, 1e-12 * end, end, xtol=1e-15 * abs(end)))
        return 1 / g**2 - ratio / (1 - ratio * g) ** 2

    def difference(ratio: float) -> float:
        root = ratio**0.5  # at the ends of the brackets the variance is 0: Marchenko-Pastur alone
        far = -1 / (root - ratio) if ratio < 1 else -1e9
        return variance(ratio, right, 1 / (root + ratio)) - variance(ratio, left, far)

    widest = (right**0.5 - 1) ** 2 if right > 1 else 0.0
    try:
        ratio = float(brentq(difference, 1e-6 * widest, (1 - 1e-9) * widest, xtol=1e-12 * widest))
    except (ValueError, ZeroDivisionError):  # no change of sign
        return "no member of the family has the bulk's mean and edges"
    return {"ratio": ratio, "scale": mean, "variance": mean**2 * variance(ratio, right, 1 / (ratio**0.5 + ratio))}


def _distance(
    spectrum: WeightedSpectrum, member: Mask, cdf: Callable[[Array], Array], support: Ends, unit: float
) -> Quantity:
    """W1 distance of the bulk and a law, over the bulk's standard deviation, with its error over the probes."""
    nodes = spectrum.nodes[member]
    low, high = min(support[0], nodes[0]), max(support[1], nodes[-1])
    places = np.union1d(np.linspace(low, high, _GRID), nodes)
    law = np.asarray(cdf(places), dtype=np.float64)
    widths = np.diff(places)
    rank = np.searchsorted(nodes, places[:-1], side="right")

    def transport(weights: Array) -> Array:
        inside = weights[member]
        steps = np.concatenate([[0.0], np.cumsum(inside) / inside.sum()])[rank]
        apart = (np.abs(steps - law[:-1]) + np.abs(steps - law[1:])) / 2  # exact but where the two cross
        return np.asarray(apart @ widths / unit)

    return Quantity(value=float(transport(spectrum.weights)), error=float(spectrum.standard_error(transport)))


def _verdict(distance: Quantity) -> Fit:
    if distance.value + 2 * distance.error <= FITS_WITHIN:
        return "fits"
    return "does not fit" if distance.value - 2 * distance.error > FITS_WITHIN else "cannot be told"
