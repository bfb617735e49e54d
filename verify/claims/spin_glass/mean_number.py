"""The mean number of critical points at finite N: exact formulas against all the points that are found."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Comparison, Equals, Identity, Rival, Source, Verdict, Workbench, claim
from verify.claims.spin_glass.complexity import MODEL
from verify.lectures.spin_glass import SKETCH
from verify.sources import AUFFINGER_BEN_AROUS_CERNY_2013

ORDER = 3
SAME = 1e-6  # cosine distance below which two points are one
MARGIN = 0.34  # the rates alone are 0.73 off and more
STEPS, ROUNDS = 40, 5


def counted_points(seed: int, *, spins: int, starts: int, device: str) -> Mapping[str, Any]:
    """Count the critical points of one draw of the 3-spin, index by index, from many starts each.

    H(-s) = -H(s), so that with s of index k there is -s of index N - 1 - k: only half of the indices are searched,
    and each point found stands for two. A walk that takes long is given up. As long as Morse's theorem says that
    points are missing, as many starts again are tried, five times in all.
    """
    import torch

    glass = numerics.SphericalSpinGlass.draw(order=ORDER, spins=spins, seed=seed, device=device)
    sought = [index for index in range((spins + 1) // 2) for _ in range(starts)]
    known: list[NDArray[np.float64]] = [np.empty((0, spins))] * spins
    for turn in range(ROUNDS):
        points = glass.random_points(range(seed + turn * starts, seed + (turn + 1) * starts))
        everywhere = torch.cat([points] * ((spins + 1) // 2))
        found = numerics.spherical_critical_points(glass, everywhere, index=sought, max_steps=STEPS)
        good = found.points[found.converged].cpu().numpy()
        indices = found.inertia.negative[found.converged].cpu().numpy()
        for index in range(spins):
            mirrored = -good[indices == spins - 1 - index]
            known[index] = distinct(np.concatenate([known[index], good[indices == index], mirrored]))
        counts = np.array([len(one) for one in known])
        if euler_characteristic(counts) == 2:
            break
    return {"counts": counts}


def distinct(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the different ones of points on a sphere, the first of each.

    Examples:
        >>> distinct(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1e-9]])).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    same = points @ points.T >= (1 - SAME) * (points**2).sum(axis=1)
    first: NDArray[np.float64] = points[~np.tril(same, -1).any(axis=1)]
    return first


def euler_characteristic(counts: NDArray[np.int64]) -> int:
    """The alternating sum of the counts, which by Morse's theorem is that of the sphere, whatever the function.

    Examples:
        >>> euler_characteristic(np.array([2, 3, 3, 2])), euler_characteristic(np.array([1, 0, 1]))
        (0, 2)
    """
    return int(counts @ (-1) ** np.arange(len(counts)))


def exact_mean(name: str, spins: int) -> float:
    """The mean number of minima, or of all critical points."""
    return float(theory.mean_critical_points(ORDER, spins, k=0 if name == "minima" else None))


def rate_alone(name: str, spins: int) -> float:
    """What the exponential rate alone would give for it."""
    return float(np.exp(spins * theory.complexity(ORDER, 0, 0 if name == "minima" else None)))


@claim(
    "spin-glass.mean-number",
    title="The mean number of critical points at finite size",
    source=Source(AUFFINGER_BEN_AROUS_CERNY_2013, "section 2; the exact number at every N is worked out here", SKETCH),
    assumptions=(
        MODEL,
        "measured at $p = 3$ and a handful of spins; points are found from many starts by following eigenvectors to "
        "each index",
        "$N$ is odd, and starts are added until the points of a draw satisfy Morse's theorem: the alternating sum of "
        "their numbers is 2, that of the sphere (for even $N$ it is 0 whatever is missed); a draw where they never do "
        "is left out",
        "a replicate is the mean over 4 draws (8 from the standard profile on)",
    ),
    expects={Verdict.SUPPORTED},
)
def mean_number(bench: Workbench) -> Iterator[Comparison]:
    r"""At every $N$, not in the limit alone, the mean number of critical points of index $k$ is

    $$2 \sqrt{\frac2p}\, (p-1)^{N/2}\; \mathbb{E} \exp\left(-\frac{p-2}{2p} \mu_k^2\right),$$

    $\mu_k$ the eigenvalue of rank $k$, counted from 0, of a matrix of the Gaussian orthogonal ensemble of size $N$ with
    variance $1/2$ off the diagonal. On draws of the couplings of a few spins, where all points can be found, the mean
    number of minima and of all critical points is what that gives. The exponential rate alone is far off there: it
    would have about one minimum.
    """
    import sympy as sp

    p, size = sp.symbols("p N", positive=True)
    power = size * sp.log(p - 1) / 2
    yield Identity(
        "logarithm of the factor in front",
        derivation=theory.mean_number_by_index(),
        claimed=3 * sp.log(2) / 2 - sp.log(p) / 2 + power,
        rival=Rival("the exponential rate alone", power),
    )
    sizes, draws, together, starts = bench.size(
        quick=((5,), 128, 4, 60), standard=((5, 7), 240, 8, 120), full=((5, 7, 9), 400, 8, 400)
    )
    shares: dict[str, list[NDArray[Any]]] = {"minima": [], "critical points": []}
    rates: dict[str, list[float]] = {"minima": [], "critical points": []}
    means: dict[str, list[float]] = {"minima": [], "critical points": []}
    complete = np.ones(draws, dtype=bool)
    for spins in sizes:
        purpose = f"{spins} spins"
        common = {"spins": spins, "starts": starts, "device": bench.device}
        items = [common | {"seed": seed} for seed in bench.seeds(purpose, draws)]
        counts = np.stack([one["counts"] for one in bench.map(purpose, counted_points, items)])
        complete &= np.array([euler_characteristic(row) == 2 for row in counts])
        for name, number in (("minima", counts[:, 0]), ("critical points", counts.sum(axis=1))):
            means[name].append(exact_mean(name, spins))
            shares[name].append(number / means[name][-1])
            rates[name].append(rate_alone(name, spins) / means[name][-1])
    figure = bench.figure(
        "numbers",
        title="Mean number of critical points of the 3-spin",
        x="spins N",
        y="mean number",
        y_scale="log",
        caption=f"Over {int(complete.sum())} draws of the couplings; bars: two standard errors. The "
        "exponential rate alone would have about one minimum at these sizes.",
    )
    around = range(3, max(sizes) + 2)
    for name in means:
        kept = np.stack(shares[name], axis=1)[complete]
        table = kept[: len(kept) // together * together].reshape(-1, together, len(sizes)).mean(axis=1)
        centre = table.mean(axis=0) * means[name]
        error = 2 * table.std(axis=0, ddof=1) / np.sqrt(len(table)) * means[name]
        figure.line(around, [exact_mean(name, spins) for spins in around], f"{name}, exact")
        figure.points(sizes, centre, f"{name}, found", errors=error)
        figure.line(around, [rate_alone(name, spins) for spins in around], f"{name}, the rate alone")
        yield Equals(
            f"number of {name} found over the exact mean, $N$ = {', '.join(map(str, sizes))}",
            predicted=[1.0] * len(sizes),
            replicates=table,
            absolute=MARGIN,
            rival=Rival("the exponential rate alone", rates[name]),
            dropped=-(-int(np.count_nonzero(~complete)) // together),
            decided_from="standard" if name == "minima" else None,  # so few draws have too few different means
        )
