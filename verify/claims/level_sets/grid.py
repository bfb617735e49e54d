"""Exact walls between components of sublevel sets, looked at from a grid of losses that knows nothing of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Exponent, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import VENTURI_BANDEIRA_BRUNA_2019
from verify.claims.level_sets.relu import LINE, MIDDLE, SETTING, TRIANGLE
from verify.lectures.level_sets import COMPLEX

Array = NDArray[np.float64]

REACH = 2.1
"""Half the width of a grid on two points."""

WALL = 5
"""The exact wall of the valley on two points with the targets 1 and 2."""

SPACINGS = (0.16, 0.12, 0.09, 0.07)


@dataclass(frozen=True)
class Sampled:
    """A network with few parameters, and the exact components of one hidden layer of a single unit.

    Args:
        x: Inputs.
        y: Targets.
        hidden: Hidden layers, of one unit each.
        bias: Whether the first unit has a bias; the output has none.
        reach: Parameters between plus and minus this.
    """

    x: tuple[tuple[int, ...], ...]
    y: tuple[int, ...]
    hidden: int = 1
    bias: bool = False
    reach: float = REACH

    def grid(self, points: int) -> Array:
        """Births, the lowest first, and deaths, of the components that the grid sees for longest."""
        exact = self.exact()
        axes = [np.linspace(-self.reach, self.reach, points)] * (len(self.x[0]) + self.hidden + self.bias)
        axes += [np.zeros(1)] * self.bias
        bars = grid_bars(self.x, self.y, self.hidden, self.bias, axes)
        kept = bars[np.argsort(bars[:, 0] - bars[:, 1], kind="stable")][: (len(exact) + 1) // 2]
        births, deaths = np.sort(kept[:, 0]), np.sort(kept[:, 1])[:-1]
        return np.concatenate([births, deaths])

    def exact(self) -> Array:
        """The same from the exact merge tree; by theory a chain of units has that of one unit."""
        bars = theory.merge_tree(self.x, self.y, 1, self.bias).bars
        deaths = sorted(Fraction(death) for _, death in bars[1:])
        return np.array([float(level) for level in (*(birth for birth, _ in bars), *deaths)])

    def floors(self) -> Array:
        """Births, and births in the place of deaths, as where there are no walls."""
        births = self.exact()[: (len(self.exact()) + 1) // 2]
        return np.concatenate([births, births[1:]])


DATA = {
    "two points, targets 1 and 2": Sampled(LINE, (1, 2)),
    "two points, targets 1 and -2": Sampled(LINE, (1, -2)),
    "three points on a line, a bias": Sampled(MIDDLE, (1, 0, 1), bias=True, reach=1.55),
    "corners of a triangle": Sampled(TRIANGLE, (3, 1, 2), reach=3.05),
    "two points, two hidden layers": Sampled(LINE, (1, 2), hidden=2),
}


def grid_bars(x: Any, y: Any, hidden: int, bias: bool, axes: list[Array]) -> Array:
    """Births and deaths of components of the sum of squares of a ReLU network on a grid, (bars, 2)."""
    import torch

    inputs, targets = (torch.tensor(values, dtype=torch.float64) for values in (x, y))
    network = numerics.Mlp((inputs.shape[1], *(1,) * hidden, 1), "relu", bias=bias)
    loss = numerics.SquaredError(prefactor=float(len(targets)))
    losses = numerics.loss_grid(network, [torch.as_tensor(axis) for axis in axes], inputs, targets[:, None], loss)
    found: Array = numerics.grid_bars(losses.squeeze()).bars.numpy()
    return found


def missed_walls(seed: int) -> dict[str, Array]:
    """The death of the valley on two points on grids of several spacings whose vertices miss the wall at v = 0.

    At each spacing the wall lies at the same place between two vertices.
    """
    share = np.random.default_rng(seed).uniform(0.2, 0.8)
    deaths = []
    for spacing in SPACINGS:
        half = round(REACH / spacing)
        v = np.array((np.arange(-half, half) + share) * spacing, dtype=np.float64)
        outer = np.linspace(-REACH, REACH, 2 * half)
        bars = grid_bars(LINE, (1, 2), 1, False, [v, outer])
        finite = bars[np.isfinite(bars[:, 1])]
        deaths.append(finite[np.argmax(finite[:, 1] - finite[:, 0]), 1])
    return {"death": np.array(deaths)}


@claim(
    "level-sets.grid-persistence",
    title="A grid of losses sees the exact components and their walls",
    source=Source(VENTURI_BANDEIRA_BRUNA_2019, "on spurious valleys of ReLU networks", COMPLEX),
    assumptions=(
        SETTING,
        "the loss is known at the vertices of a grid of all parameters, and two neighbours along an axis are joined at "
        "the larger of their losses",
    ),
    expects={Verdict.SUPPORTED},
)
def grid_persistence(bench: Workbench) -> Iterator[Comparison]:
    r"""The components of $\{L \le \lambda\}$ and their walls, which are found exactly from activation patterns, are
    those that the loss on a grid shows, by the persistence of a cubical complex: for one ReLU unit on two points, on
    three with a bias and on a triangle, and for two hidden layers of one unit each, which have the bars of one.

    Where vertices miss a wall, the grid sees it too low, by an error of first order in the spacing $h$. On two points
    with targets 1 and 2 the wall is at $v = 0$; beside it, at an outer weight of at most $A$, the loss falls by at most
    $2 A |v|$ on one side and $4 A |v|$ on the other. So the higher of two neighbours across the wall lies below it by
    at most

    $$\tfrac{4}{3} A h.$$
    """
    bench.require("gudhi", extra="topology")
    points = {2: bench.size(quick=41, standard=161, full=401), 3: bench.size(quick=31, standard=61, full=101)}
    sizes = {name: points[len(data.x[0]) + data.hidden + data.bias] for name, data in DATA.items()}
    seen = {name: data.grid(sizes[name]) for name, data in DATA.items()}
    yield Agrees(
        "levels at which components appear and join on a grid through the walls, on all data",
        measured=np.concatenate(list(seen.values())),
        predicted=np.concatenate([data.exact() for data in DATA.values()]),
        tolerance=0.04,
        reason="the loss of the vertex next to a minimum or a wall; the least wall is 1/5 high",
        rival=Rival("no walls: joined at their floors", np.concatenate([data.floors() for data in DATA.values()])),
    )
    seeds = bench.seeds("missed walls", 20)
    found = bench.map("missed walls", missed_walls, [{"seed": seed} for seed in seeds])
    deaths = np.array([result["death"] for result in found])
    missing, steps = WALL - deaths, np.array(SPACINGS)
    yield Exponent(
        "how far the wall is seen too low, in the spacing of a grid that misses it",
        predicted=1,
        x=SPACINGS,
        y=missing,
        absolute=0.2,
        rival=Rival("two, as at minima", 2),
    )
    yield Bounds(
        "how far the wall is seen too low, and too high, on grids that miss it",
        smaller=np.stack([missing, -missing]),
        larger=np.stack([np.broadcast_to(4 / 3 * REACH * steps, missing.shape), 0 * missing]),
        tolerance=1e-12,
        reason="rounding in the loss",
        rival=Rival(
            "too low by an error of second order, $A h^2$",
            np.stack([np.broadcast_to(REACH * steps**2, missing.shape), 0 * missing]),
        ),
    )
    figure = bench.figure(
        "missed-wall",
        title="The wall of the smallest valley, on grids that miss it",
        x="spacing of the grid",
        y="level at which the valley ends",
        caption="Points: 20 places of the wall between two vertices. The floor of the valley is 4.",
    )
    figure.points(np.tile(steps, len(deaths)), deaths.ravel(), "seen on a grid")
    ends = np.array([0, max(SPACINGS)])
    figure.line(ends, [WALL, WALL], "exact wall")
    figure.line(ends, WALL - 4 / 3 * REACH * ends, "4Ah/3 below")
