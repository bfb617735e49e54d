"""The index of critical points of the spherical p-spin against their energy: the shifted semicircle, and samples."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import AtMost, Comparison, Identity, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.claims.spin_glass.complexity import MODEL
from verify.lectures.spin_glass import SKETCH
from verify.sources import AUFFINGER_BEN_AROUS_CERNY_2013

Array = NDArray[Any]

ORDER = 3
LOWEST = -1.4  # energies per spin from which eigenvectors are followed reach from here to 0
STRAIGHT = 0.0416  # root mean square over energies from -E_inf to 0 of the straight line minus the semicircle's mass


def cloud_of_critical_points(
    seed: int, *, order: int, spins: int, points: int, lowest: float, device: str
) -> Mapping[str, Any]:
    """Sample critical points of one draw of couplings: energy per spin, index, and whether each is critical."""
    glass = numerics.SphericalSpinGlass.draw(order=order, spins=spins, seed=seed, device=device)
    found = numerics.sample_spherical_critical_points(
        glass, seeds=range(seed, seed + points), lowest=lowest, tolerance=1e-9
    )
    resolved = found.converged & (found.inertia.unresolved == 0)
    return {"energy": found.energy, "negative": found.inertia.negative, "critical": resolved}


def deviations(results: Sequence[Mapping[str, Array]], order: int, spins: int) -> Array:
    """The root mean square distance of the index fraction from the semicircle's, one number per draw."""
    rows = []
    for one in results:
        good = one["critical"].astype(bool)
        error = one["negative"][good] / (spins - 1) - theory.index_fraction(order, one["energy"][good])
        rows.append(np.sqrt(np.mean(error**2)))
    return np.array(rows)


@claim(
    "spin-glass.index-energy",
    title="Index against energy on a spin glass",
    source=Source(AUFFINGER_BEN_AROUS_CERNY_2013, "section 3, the Hessian at given energy", printed=SKETCH),
    assumptions=(
        MODEL,
        "$N \\to \\infty$ for the law; measured at $p = 3$ and the sizes given, at energies from about $-1.4$ up: what "
        "is said of the threshold itself is derived, not measured",
        "points are found by following eigenvectors from where the gradient flow passes energies between $-1.4$ and "
        "0, with as many negative eigenvalues as the Hessian has there: a sample, but not a uniform one",
    ),
    expects={Verdict.SUPPORTED},
)
def index_energy(bench: Workbench) -> Iterator[Comparison]:
    r"""At a critical point of energy $u$ per spin the Hessian on the sphere is a Wigner matrix moved by $-pu$, so that
    for every $p$ the fraction of negative eigenvalues is a mass of the semicircle on $[-1, 1]$: with
    $x = u/E_\infty$,

    $$\alpha(u) = P(S < x) = \frac12 + \frac1\pi \left(x \sqrt{1 - x^2} + \arcsin x\right).$$

    It leaves zero at $-E_\infty$ with the exponent 3/2, as in the random-matrix model of networks: with
    $\delta = 1 - |u|/E_\infty$,

    $$\alpha = \frac{4\sqrt2}{3\pi} \delta^{3/2} \left(1 - \tfrac{3}{20} \delta + \dots\right).$$

    Critical points found on draws of the couplings follow the curve to within one eigenvalue, root mean square, and the
    closer the larger $N$. A straight line between the same ends, the only rival here, would be off by $0.042$.

    The same law holds at points that are not critical: at one place the Hessian, given the energy, is independent of
    the gradient. So this tries the law of the Hessian, and that the search finds points that obey it; that they are
    critical has its own evidence, their gradient.
    """
    import sympy as sp

    x = sp.Symbol("x", real=True)
    law, near = theory.index_against_energy(), theory.index_near_threshold()
    yield Identity(
        "fraction of negative eigenvalues, from the law of the Hessian",
        derivation=law,
        claimed=sp.Rational(1, 2) + (x * sp.sqrt(1 - x**2) + sp.atan(x / sp.sqrt(1 - x**2))) / sp.pi,  # the arcsine
        rival=Rival("a straight line", (1 + x) / 2),
    )
    yield Identity(
        "exponent at the threshold",
        derivation=near,
        part="exponent",
        claimed=sp.Rational(3, 2),
        rival=Rival("1, as for a straight line", sp.Integer(1)),
    )
    yield Identity(
        "amplitude at the threshold",
        derivation=near,
        part="amplitude",
        claimed=4 * sp.sqrt(2) / (3 * sp.pi),
        rival=Rival("half of it", 2 * sp.sqrt(2) / (3 * sp.pi)),
    )
    sizes, draws, points = bench.size(
        quick=((16, 36), 20, 6), standard=((20, 40, 80), 32, 12), full=((50, 100, 200), 40, 24)
    )
    found, dropped = {}, 0
    for spins in sizes:
        purpose = f"{spins} spins"
        common = {"order": ORDER, "spins": spins, "points": points, "lowest": LOWEST, "device": bench.device}
        items = [common | {"seed": seed} for seed in bench.seeds(purpose, draws)]
        found[spins] = bench.map(purpose, cloud_of_critical_points, items)
        dropped += sum(int((~one["critical"].astype(bool)).sum()) for one in found[spins])
    largest = sizes[-1]
    by_size = np.stack([deviations(found[spins], ORDER, spins) for spins in sizes], axis=1)
    _draw(bench, found)
    lost = -(-dropped // points)  # as draws, rounded up: what is missing is never forgotten
    yield AtMost(
        f"root mean square distance from the semicircle at $N$ = {largest}, against one eigenvalue of {largest - 1}",
        bound=1 / (largest - 1),
        replicates=by_size[:, -1],
        rival=Rival("as far as the straight line is", STRAIGHT),
        dropped=lost,
    )
    yield Ordering(
        f"that distance falls with $N$ = {', '.join(map(str, sizes))}",
        trend=by_size,
        direction="decreasing",
        dropped=lost,
    )


def _draw(bench: Workbench, found: Mapping[int, Sequence[Mapping[str, Array]]]) -> None:
    """Draw the cloud of critical points at the largest size, with the curve and the band of the minima."""
    low, high = theory.minima_band(ORDER)
    spins = max(found)
    places = np.linspace(-1.7, 0.05, 176)
    figure = bench.figure(
        "cloud",
        title=f"Critical points of the 3-spin, N = {spins}",
        x="energy per spin u",
        y="fraction of negative eigenvalues",
        caption=f"Each point is a critical point, of {len(found[spins])} draws of the couplings. As N grows minima "
        "close in on the narrow band; at finite sizes some points lie to the left or to the right of the curve by "
        "about one eigenvalue.",
    )
    figure.band([low, high], [0.0, 0.0], [0.55, 0.55], "band of the minima")
    energies = np.concatenate([one["energy"][one["critical"].astype(bool)] for one in found[spins]])
    indices = np.concatenate([one["negative"][one["critical"].astype(bool)] for one in found[spins]])
    figure.points(energies, indices / (spins - 1), "critical points")
    figure.line(places, theory.index_fraction(ORDER, places), "shifted semicircle")
    edge = math.sqrt(8 / 3)
    figure.line([-edge, 0.0], [0.0, 0.5], "straight line")
