"""A valley of ReLU networks at any width: its wall proved from below, bounded from above by a path, and searched."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Bounds, Comparison, Enclosure, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import VENTURI_BANDEIRA_BRUNA_2019
from verify.lectures.level_sets import COMPLEX

Array = NDArray[np.float64]

SETTING = (
    "inputs have $n > p$ entries: with probability 1/2 the last one is 0 and the others are standard normal, with "
    "probability 1/2 it is the other way round; targets are $a (\\max(0, x_1) + \\dots + \\max(0, x_p)) "
    "- b \\max(0, x_n)$ with $b > a > 0$; networks have $p$ ReLU units without biases and a linear output; the risk is "
    "the mean of the squared error, without a half, on the population and not on a sample"
)
SEARCHED = {3: Fraction("0.0768338588"), 4: Fraction("0.0697429306")}
"""The least losses of p - 1 units against p at which descents from random starts ended in a trial, in ten digits."""

FACTORS = (2.0, 3.0)
"""The factors a and b in the searches."""

ROUNDING = 1e-12
BEADS = 40
STEP = 0.1
BETWEEN = 8
"""Points at which the risk is looked at between two beads of a path, beside those where an outer weight vanishes."""


@claim(
    "level-sets.two-sided-barrier",
    title="At every width there are data with a spurious valley behind a wall that no width makes low",
    source=Source(VENTURI_BANDEIRA_BRUNA_2019, "theorem on spurious valleys of non-linear networks", COMPLEX),
    assumptions=(
        SETTING,
        "for $p > 2$ the bound from above is the loss at a strict local minimum over $p - 1$ units, at the widths "
        "tried; that it is the global one is not proved",
    ),
    expects={Verdict.CERTIFIED},
    corrects="level-sets.connected-at-every-level-as-printed",
)
def two_sided_barrier(bench: Workbench) -> Iterator[Comparison]:
    r"""At every width $p$ there are data on which a ReLU network of $p$ units has a spurious valley. It fits the first
    side and not the last entry, at the risk $b^2/4$. All lower risks need a negative outer weight, and when the first
    one vanishes on the way there, $p - 1$ units are left for the $p$ directions of the first side. So every path
    from the valley to a lower risk passes at least

    $$\frac{b^2}{4} + a^2 c_p, \qquad c_p = \min \frac{1}{2} E \Bigl(
    \sum_{i < p} \max(0, w_i \cdot x) - \sum_{j \le p} \max(0, x_j)\Bigr)^2.$$

    $c_p$ does not grow with $p$, and no width makes it small: $c_p \ge \frac{1}{8} (1 - \frac{2}{\pi}) > 0.045$, in
    any dimension. Losses at strict local minima bound it from above, $c_3 \le 0.07683386$ and $c_4 \le 0.06974294$;
    $c_2$ is known in closed form. Search suggests that the others are global minima too, which is not proved.

    A path from the valley to a lower risk climbs no higher than $b^2/4 + a^2 F$ with $F$ the loss at that minimum: one
    unit shrinks to nothing while the others move straight to the minimum over $p - 1$ units, and then grows with the
    other sign on the last entry. If that minimum is global, as it is for $p = 2$, this is the height of the wall.
    """
    import sympy as sp

    derivation = theory.missing_unit_bound()
    letters = {symbol.name: symbol for symbol in derivation.parts["wall"].rhs.free_symbols}
    a, b = letters["a"], letters["b"]
    yield Identity(
        "what one unit too few costs at least, at every width",
        derivation=derivation,
        claimed=(1 - 2 / sp.pi) / 8,
        rival=Rival("nothing: wide networks have no wall", sp.Integer(0)),
    )
    yield Identity(
        "a level below which no path leaves the valley, at every width",
        derivation=derivation,
        part="wall",
        claimed=b**2 / 4 + a**2 * (1 - 2 / sp.pi) / 8,
        rival=Rival("the floor of the valley", b**2 / 4),
    )
    widths = range(2, bench.size(quick=5, standard=10, full=12) + 1)
    found = {p: theory.certify_two_sided_barrier(p) for p in widths}
    losses = {p: barrier.loss for p, barrier in found.items()}
    named = f"p = 2 to {max(widths)}"
    exact = theory.two_sided_valley().at(part="c_2", digits=15)
    yield Enclosure(
        "loss at the minimum of one unit against two, as in closed form",
        values=[losses[2]],
        predicted=[exact],
        digits=12,
        rival=Rival("without the half", [2 * exact]),
    )
    yield Enclosure(
        "losses at the minima of two units against three and of three against four, as found by search",
        values=[losses[p] for p in SEARCHED],
        predicted=list(SEARCHED.values()),
        digits=9,
        rival=Rival("those of one unit less", [losses[p - 1] for p in SEARCHED]),
    )
    yield Enclosure(
        f"least eigenvalue of the Hessian there, within the span of the targets and outside, {named}",
        values=[
            value
            for barrier in found.values()
            for value in (barrier.minimum.least_eigenvalue, barrier.minimum.least_outside)
        ],
        within=(Fraction(1, 1000), None),
        rival=Rival("no larger than zero, as at a saddle or a flat minimum", [0]),
    )
    yield Enclosure(
        f"how far the path stays below that loss after the minimum, down to the valley's first network, {named}",
        values=[barrier.loss - barrier.rest for barrier in found.values()],
        within=(0, None),
        rival=Rival(
            "as where one unit shrinks and the others stay: up to a loss of 1/4",
            [loss - Fraction(1, 4) for loss in losses.values()],
        ),
    )
    figure = bench.figure(
        "barriers",
        title="The wall around the valley, by the number of units",
        x="units p",
        y="wall less floor, over a²",
        caption="Points: losses of p - 1 units against p, enclosed more narrowly than is drawn; a path leaves the "
        "valley no higher than there. No path leaves the valley below the line, at any p.",
        y_limits=(0.04, 0.095),
    )
    figure.points(list(widths), [float(loss) for loss in losses.values()], "a path: minimum over p - 1 units")
    figure.line([2, max(widths)], [float(derivation.value)] * 2, "proved: (1 - 2/π)/8")


@claim(
    "level-sets.two-sided-search",
    title="Search finds no way below the wall around a valley",
    source=Source(VENTURI_BANDEIRA_BRUNA_2019, "theorem on spurious valleys of non-linear networks", COMPLEX),
    assumptions=(
        SETTING,
        "$a = 2$, $b = 3$ and $p = 2, 3, 4$; $c_p$ is the loss enclosed at a minimum of $p - 1$ units",
        "paths start as broken lines through a random parameter and are lowered by a string of beads",
    ),
    expects={Verdict.SUPPORTED},
)
def two_sided_search(bench: Workbench) -> Iterator[Comparison]:
    r"""No descent of $p - 1$ units from a random start ends below the losses $c_p$ at which minima are proved, in $p$
    dimensions and in more: that they are global is not proved for $p > 2$. The path that is constructed reaches the
    risk $\frac{b^2}{4} + a^2 c_p$ and nothing above it. Paths that are found by search, through random detours and then
    lowered, all stay above it.
    """
    barriers = {p: theory.certify_two_sided_barrier(p) for p in (2, 3, 4, 5)}
    losses = {p: float(barrier.loss) for p, barrier in barriers.items()}
    searched = (2, 3, 4)
    a, b = FACTORS
    walls = {p: b**2 / 4 + a**2 * losses[p] for p in searched}
    cases = [(p, inputs) for p in searched for inputs in (p, p + 2)]
    starts = bench.size(quick=4, standard=40, full=200)
    items = [
        {"seed": seed, "starts": starts, "units": p, "inputs": inputs}
        for (p, inputs), seed in zip(cases, bench.seeds("descents", len(cases)), strict=True)
    ]
    ends = [result["loss"] for result in bench.map("descents", ends_of_descents, items)]
    yield Agrees(
        f"least loss at the ends of {starts} descents of p - 1 units in p and p + 2 dimensions, p = 2, 3, 4",
        measured=np.array([end.min() for end in ends]),
        predicted=np.array([losses[p] for p, _ in cases]),
        tolerance=1e-9,
        reason="where descents stop; the enclosures are narrower",
        rival=Rival("as low as with one unit and one target more", np.array([losses[p + 1] for p, _ in cases])),
    )
    profiles = {p: risk(barriers[p].path(a, b).sample(16), p) for p in searched}
    yield Agrees(
        "largest risk on the path that is constructed, p = 2, 3, 4",
        measured=np.array([profile.max() for profile in profiles.values()]),
        predicted=np.array(list(walls.values())),
        tolerance=ROUNDING,
        reason="rounding in the risk",
        rival=Rival("that of the valley's floor: no wall", b**2 / 4),
    )
    steps, count = bench.size(quick=150, standard=1500, full=6000), bench.size(quick=6, standard=24, full=48)
    items = [
        {"seed": seed, "count": count, "units": p, "steps": steps}
        for p, seed in zip(searched, bench.seeds("detours", len(searched)), strict=True)
    ]
    tops = [result["top"] for result in bench.map("detours", lowered_detours, items)]
    short = np.array([walls[p] - top for p, top in zip(searched, tops, strict=True)])
    yield Bounds(
        f"how far the largest risk on each of {count} found paths lies below the wall, p = 2, 3, 4",
        smaller=short,
        larger=0.0,
        tolerance=ROUNDING,
        reason="rounding in the risk",
        rival=Rival(
            "above a higher wall, as where a unit is given up and the others stay: $c_p = 1/4$",
            np.array([[a**2 * (losses[p] - 0.25)] * count for p in searched]),
        ),
    )
    figure = bench.figure(
        "detours",
        title="Largest risk on paths that were found, above the wall",
        x="units",
        y="risk above the wall",
        caption=f"One point a path, {steps} steps after a random detour. None lies below the wall.",
        x_categories=tuple(f"p = {p}" for p in searched),
        y_scale="log",
    )
    for place, p in enumerate(searched):
        figure.points([place] * count, np.maximum(-short[place], ROUNDING), f"p = {p}")
    figure = bench.figure(
        "profile",
        title="The path that is constructed, from the valley over the wall",
        x="pieces of the path",
        y="risk",
        caption="a = 2, b = 3. The valley's floor is 9/4. One unit shrinks (pieces 1 and 2), changes the sign of its "
        "outer weight (3) and grows on the last entry (4).",
    )
    for p, profile in profiles.items():
        figure.line(np.arange(len(profile)) / 16, profile, f"p = {p}")


def ends_of_descents(seed: int, starts: int, units: int, inputs: int) -> dict[str, Array]:
    """The losses at which descents of ``units - 1`` ReLU units against ``units`` orthonormal ones end."""
    from scipy.optimize import minimize

    source = np.random.default_rng(seed)
    shape, target = (units - 1, inputs), np.eye(units, inputs)
    ends = [
        minimize(
            lambda flat: float(theory.relu_teacher_loss(flat.reshape(shape), target)),
            source.normal(scale=units**-0.5, size=(units - 1) * inputs),
            jac=lambda flat: theory.relu_teacher_gradient(flat.reshape(shape), target).ravel(),
            method="L-BFGS-B",
            options={"maxiter": 20000, "maxfun": 40000, "ftol": 0, "gtol": 1e-8},
        ).fun
        for _ in range(starts)
    ]
    return {"loss": np.array(ends, dtype=float)}


def lowered_detours(seed: int, count: int, units: int, steps: int) -> dict[str, Array]:
    """The largest risk on each of some paths from the valley to a lower risk, which a string of beads has lowered.

    A path begins as two straight lines, by way of a random parameter, to an end whose units are in a random order. Then
    each bead descends, and the beads are put at equal distances on the broken line through them again.
    """
    source = np.random.default_rng(seed)
    known = theory.certify_two_sided_barrier(units).path(*FACTORS)
    halves = np.linspace(0, 1, BEADS // 2 + 1)[:, None]
    strings = []
    for _ in range(count):
        first, outer = np.split(known.end, [units * (units + 1)])
        order = source.permutation(units)
        end = np.concatenate([first.reshape(units, -1)[order].ravel(), outer[order]])
        way = source.normal(size=end.size)
        strings.append(np.concatenate([known.start + halves * (way - known.start), way + halves[1:] * (end - way)]))
    beads = np.array(strings)
    for _ in range(steps):
        beads[:, 1:-1] -= STEP * slope(beads[:, 1:-1], units)
        beads = np.array([_evenly(string) for string in beads])
    return {"top": np.array([_top(string, units) for string in beads])}


def _evenly(string: Array) -> Array:
    """Beads at equal distances on the broken line through some beads."""
    lengths = np.linalg.norm(np.diff(string, axis=0), axis=1)
    places = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.linspace(0, places[-1], len(places))
    return np.stack([np.interp(wanted, places, column) for column in string.T], axis=-1)


def _top(string: Array, units: int) -> float:
    """The largest risk on a broken line at points of each piece, among them those where an outer weight vanishes."""
    points = [string[-1:]]
    for first, second in pairwise(string):
        u, v = first[-units:], second[-units:]
        turned = u * v < 0
        times = np.concatenate([np.arange(BETWEEN) / BETWEEN, u[turned] / (u - v)[turned]])
        points.append(first + (second - first) * times[:, None])
    return float(risk(np.concatenate(points), units).max())


def risk(theta: Array, units: int) -> Array:
    """The population risk of networks, ... x parameters in the layout of an ``Mlp`` of widths (p + 1, p, 1)."""
    return _Sides(theta, units).risk()


def slope(theta: Array, units: int) -> Array:
    """Its gradient."""
    return _Sides(theta, units).slope()


class _Sides:
    """Networks on the two sides, each of which sees the part of the first layer that it does.

    On the first one the risk is a quadratic form of the kernel of `theory.arc_cosine_kernel` between all units, the
    targets' among them; on the second one outputs are linear for positive and for negative inputs.
    """

    def __init__(self, theta: Array, units: int) -> None:
        self.units = units
        first = theta[..., :-units].reshape(*theta.shape[:-1], units, units + 1)
        self.inner, self.last, self.outer = first[..., :-1], first[..., -1], theta[..., -units:]
        a, b = FACTORS
        self.vectors = np.concatenate([self.inner, np.broadcast_to(np.eye(units), self.inner.shape)], axis=-2)
        self.weights = np.concatenate([self.outer, np.full(self.outer.shape, -a)], axis=-1)
        self.lengths = np.linalg.norm(self.vectors, axis=-1)
        products = self.vectors @ self.vectors.swapaxes(-1, -2)
        sizes = self.lengths[..., :, None] * self.lengths[..., None, :]
        cosines = np.clip(products / np.where(sizes > 0, sizes, 1), -1, 1)
        self.sines, self.rest = np.sqrt(1 - cosines**2), np.arccos(-cosines)
        kernel = (sizes * self.sines + self.rest * products) / (2 * np.pi)
        self.pull = (kernel @ self.weights[..., None])[..., 0]
        self.up = (self.outer * np.maximum(self.last, 0)).sum(-1) + b
        self.down = (self.outer * np.maximum(-self.last, 0)).sum(-1)

    def risk(self) -> Array:
        """The mean over both sides."""
        return np.asarray((self.weights * self.pull).sum(-1) / 2 + (self.up**2 + self.down**2) / 4)

    def slope(self) -> Array:
        """Its gradient; 0 for the direction of a unit that is 0."""
        units, up, down = self.units, self.up[..., None], self.down[..., None]
        outer = self.pull[..., :units] + (up * np.maximum(self.last, 0) + down * np.maximum(-self.last, 0)) / 2
        turned = self.weights[..., None, :] * self.sines[..., :units, :] * self.lengths[..., None, :]
        own = self.lengths[..., :units]
        along = (turned.sum(-1) / np.where(own > 0, own, 1))[..., None] * self.inner
        toward = (self.weights[..., None, :] * self.rest[..., :units, :]) @ self.vectors
        inner = self.outer[..., None] * (along + toward) / (2 * np.pi)
        last = self.outer * (up * (self.last > 0) - down * (self.last < 0)) / 2
        first: Any = np.concatenate([inner, last[..., None]], axis=-1)
        return np.concatenate([first.reshape(*first.shape[:-2], -1), outer], axis=-1)
