"""Where descent from random points ends on the spherical p-spin, and whether its minima lie in the band."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import OPEN, Comparison, Limit, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.claims.spin_glass.complexity import MODEL
from verify.functions import Result
from verify.lectures.spin_glass import SPIN_GLASS
from verify.sources import AUFFINGER_BEN_AROUS_CERNY_2013, CHOROMANSKA_2015

Array = NDArray[np.float64]

ORDER = 3
REACHED = -1.58  # mean energy per spin at N = 200, to two digits, known before these claims were written
MARGIN = 0.02
POWERS = (2 / 3, 1.0)
DESCENT = (
    "the gradient flow from a uniform random point of the sphere to the end, a minimum to a relative gradient of "
    "$10^{-9}$"
)


def minima_of_descent(seed: int, *, order: int, spins: int, draws: int, starts: int, device: str) -> Mapping[str, Any]:
    """Descend from random starts on several draws of the couplings.

    Energies per spin come as (draws, starts), and so does which ends are minima.
    """
    energies, minima = [], []
    for draw in range(draws):
        glass = numerics.SphericalSpinGlass.draw(order=order, spins=spins, seed=seed + draw, device=device)
        first = seed + draw * starts
        end = numerics.spherical_minima(glass, glass.random_points(range(first, first + starts)))
        energies.append(end.energy.cpu().numpy())
        minima.append((end.converged & (end.inertia.positive == spins - 1)).cpu().numpy())
    return {"energy": np.stack(energies), "minimum": np.stack(minima)}


def replicates_by_size(
    bench: Workbench, order: int, sizes: Sequence[int], draws: Sequence[int], starts: int, replicates: int
) -> list[list[Result]]:
    """Return the results of every size, one per replicate.

    A replicate is an independent set of draws, more of them where N is small, because small systems differ more.
    """
    found = []
    for spins, several in zip(sizes, draws, strict=True):
        purpose = f"p {order} N {spins}"
        common = {"order": order, "spins": spins, "draws": several, "starts": starts, "device": bench.device}
        items = [common | {"seed": seed} for seed in bench.seeds(purpose, replicates)]
        found.append(bench.map(purpose, minima_of_descent, items))
    return found


def mean_of(results: Sequence[Result], value: Any = lambda energy: energy) -> Array:
    """The mean over draws and starts of a value of the minima's energies, one number per replicate."""
    good = [one["minimum"].astype(bool) for one in results]
    return np.array([value(one["energy"][keep]).mean() for one, keep in zip(results, good, strict=True)])


def lost(found: Sequence[Sequence[Result]]) -> int:
    """How many replicates hold an end that is no minimum, at the size where most do."""
    return max(sum(not one["minimum"].astype(bool).all() for one in results) for results in found)


@claim(
    "spin-glass.descent-reaches-the-threshold",
    title="Whether descent ends at the threshold energy",
    source=Source(CHOROMANSKA_2015, "the conjecture on where descent converges", printed=SPIN_GLASS),
    assumptions=(
        MODEL,
        "$p = 3$; " + DESCENT,
        "finite-size effects fall as $N^{-2/3}$, with $1/N$ as the other extrapolation",
    ),
    expects=OPEN,
    decided_from="standard",
)
def descent_reaches_the_threshold(bench: Workbench) -> Iterator[Comparison]:
    r"""Does descent from a random point end at $-E_\infty = -2\sqrt{(p-1)/p}$, the upper end of the band of the minima,
    as $N$ grows?

    A descent ends where the index has fallen to zero. By the law of the index, $N \alpha(u)$ is about one where
    $|u|$ lies below $E_\infty$ by something of the order $N^{-2/3}$, so that is how the mean energy should approach the
    limit. The exponent and the margin were fixed before the run, and a descent that falls no further than at
    $N = 200$, where the mean is about $-1.58$, is the rival. The interval holds what the extrapolation takes for
    granted: it covers $N^{-2/3}$ and $1/N$.
    """
    sizes, draws, starts, replicates = bench.size(
        quick=((10, 15, 22), (1, 1, 1), 4, 6),
        standard=((25, 50, 100), (16, 4, 1), 8, 24),
        full=((50, 100, 200), (8, 4, 2), 8, 40),
    )
    found = replicates_by_size(bench, ORDER, sizes, draws, starts, replicates)
    table = np.stack([mean_of(results) for results in found], axis=1)
    limit = -float(theory.threshold_energy(ORDER, np.inf))
    scaled = np.array(sizes, dtype=float) ** (-2 / 3)
    slope, intercept = np.polyfit(scaled, table.mean(axis=0), 1)
    figure = bench.figure(
        "descent",
        title="Mean energy of the minima of descent, p = 3",
        x="$N^{-2/3}$",
        y="energy per spin",
        caption=f"$N$ = {', '.join(map(str, sizes))}; {replicates} replicates, bars: two standard errors. The line is "
        f"the least-squares fit: {intercept:.3f} {'+' if slope > 0 else '-'} {abs(slope):.2f} $N^{{-2/3}}$.",
    )
    reach = np.array([0.0, 1.05 * scaled.max()])
    low, _ = theory.minima_band(ORDER)
    figure.band(reach, [low, low], [limit, limit], "band of the minima")
    figure.line(reach, intercept + slope * reach, "fit")
    error = table.std(axis=0, ddof=1) / np.sqrt(replicates)
    figure.points(scaled, table.mean(axis=0), "mean energy", errors=2 * error)
    yield Limit(
        "mean energy of the minima that descent finds, extrapolated in $N^{-2/3}$ and $1/N$",
        predicted=limit,
        sizes=sizes,
        values=table,
        powers=POWERS,
        absolute=MARGIN,
        rival=Rival("no fall below the mean at N = 200", REACHED),
        dropped=lost(found),
    )


@claim(
    "spin-glass.minima-band",
    title="Minima of descent come closer to the band",
    source=Source(AUFFINGER_BEN_AROUS_CERNY_2013, "section 2, the band of the minima", printed=SPIN_GLASS),
    assumptions=(MODEL, DESCENT),
    expects={Verdict.SUPPORTED},
)
def minima_band(bench: Workbench) -> Iterator[Comparison]:
    r"""For large $N$ almost all minima lie in the narrow band between $-E_0$, the least energy of all, and $-E_\infty$:
    for $p = 3$ it is 0.024 wide. The minima that descent finds are on the way there: their mean distance from the band
    falls as $N$ grows.

    At these sizes most of them are not inside: the second picture shows what share is.
    """
    families = bench.size(
        quick=((3, (10, 40), (4, 1), 8, 24),),
        standard=((3, (20, 35, 60), (6, 3, 1), 8, 24), (4, (12, 20, 32), (6, 3, 1), 8, 24)),
        full=((3, (50, 100, 200), (8, 4, 2), 8, 40), (4, (16, 32, 64), (8, 4, 2), 8, 40)),
    )
    common: dict[str, Any] = {"x": "spins N", "x_scale": "log"}
    away = bench.figure(
        "distance",
        title="How far minima of descent are from the band",
        y="mean distance in energy per spin",
        caption="Bars: two standard errors. Minima below the band count as well as those above it.",
        **common,
    )
    inner = bench.figure(
        "share",
        title="Minima of descent inside the band",
        y="share of the minima",
        caption="Bars: two standard errors. The band is narrow, and systems of a few dozen spins scatter over more.",
        **common,
    )
    for order, sizes, draws, starts, replicates in families:
        low, high = theory.minima_band(order)

        def distance(energy: Array, low: float = low, high: float = high) -> Array:
            return np.maximum(np.maximum(low - energy, energy - high), 0.0)

        def inside(energy: Array, low: float = low, high: float = high) -> Array:
            return ((low <= energy) & (energy <= high)).astype(np.float64)

        found = replicates_by_size(bench, order, sizes, draws, starts, replicates)
        for figure, value in ((inner, inside), (away, distance)):
            columns = np.stack([mean_of(results, value) for results in found])
            error = 2 * columns.std(axis=1, ddof=1) / np.sqrt(replicates)
            figure.points(sizes, columns.mean(axis=1), f"p = {order}", errors=error)
        yield Ordering(
            f"mean distance from the band falls with $N$ = {', '.join(map(str, sizes))}, $p$ = {order}",
            trend=np.stack([mean_of(results, distance) for results in found], axis=1),
            direction="decreasing",
            dropped=lost(found),
        )
