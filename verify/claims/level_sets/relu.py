"""Spurious valleys of ReLU networks: their exact floors and walls, on data that are given."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np

import theory
from verify import Comparison, Enclosure, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import FREEMAN_BRUNA_2017, VENTURI_BANDEIRA_BRUNA_2019
from verify.lectures.level_sets import COMPLEX, MAIN_RESULT

SETTING = (
    "networks have one hidden layer of ReLU units, or several of one unit each, and a linear output; the loss is the "
    "sum of squared errors over the examples, without a half and without a mean; components are counted in the space "
    "of all parameters"
)


@dataclass(frozen=True)
class Data:
    """A data set, a width, and the components of its sublevel sets worked out by hand.

    Args:
        x: Inputs.
        y: Targets.
        width: Hidden units.
        bias: Whether they have biases.
        births: Levels at which components appear, the lowest first.
        deaths: Levels at which all but the first of them join a lower one.
    """

    x: tuple[tuple[int, ...], ...]
    y: tuple[int, ...]
    width: int
    births: tuple[Fraction | int, ...]
    deaths: tuple[Fraction | int, ...] = ()
    bias: bool = False


LINE = ((-1,), (1,))
MIDDLE = ((-1,), (0,), (1,))
TRIANGLE = ((1, 0), (0, 1), (-1, -1))
TETRAHEDRON = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, -1, -1))
DATA = {
    "two points, targets 1 and 2": Data(LINE, (1, 2), 1, (1, 4), (5,)),
    "two points, targets 1 and 2, two units": Data(LINE, (1, 2), 2, (0, 0), (1,)),
    "two points, targets 1 and 2, three units": Data(LINE, (1, 2), 3, (0,)),
    "two points, targets 1 and -2": Data(LINE, (1, -2), 1, (1, 4), (5,)),
    "two points, targets 2 and 2": Data(LINE, (2, 2), 1, (4, 4), (8,)),
    "three points on a line, targets 1, 0 and 1, a bias": Data(
        MIDDLE, (1, 0, 1), 1, (Fraction(2, 3), 1, 1), (Fraction(6, 5),) * 2, bias=True
    ),
    "corners of a triangle, targets 1, 2 and 2": Data(TRIANGLE, (1, 2, 2), 1, (1, 4, 4), (5, 5)),
    "corners of a triangle, targets 1, 2 and 2, two units": Data(TRIANGLE, (1, 2, 2), 2, (0,)),
    "corners of a triangle, targets 3, 1 and 2": Data(TRIANGLE, (3, 1, 2), 1, (1, 4, 9), (5, 10)),
    "corners of a tetrahedron, targets 2, 3, 5 and 4": Data(TETRAHEDRON, (2, 3, 5, 4), 1, (4, 9, 16, 25), (13, 20, 29)),
}


@claim(
    "level-sets.relu-valleys",
    title="Spurious valleys of ReLU networks, with their exact walls",
    source=Source(VENTURI_BANDEIRA_BRUNA_2019, "on spurious valleys of ReLU networks", COMPLEX),
    assumptions=(
        SETTING,
        "the data are those named; biases, if there are any, in the first layer and at the output only",
    ),
    expects={Verdict.CERTIFIED},
    corrects="level-sets.connected-at-every-level-as-printed",
)
def relu_valleys(bench: Workbench) -> Iterator[Comparison]:
    r"""There are data for which the sublevel sets $\{L \le \lambda\}$ of a ReLU network fall into several components,
    some of which do not contain a global minimum: spurious valleys. The smallest example is one unit on the examples
    $(1, 1)$ and $(-1, 2)$: only one of the two sees the unit. In the valley the loss is 4, in the other component 1,
    and every path between them passes 5.

    On $n + 1$ inputs in $n$ dimensions that add up to zero, any $n$ of them independent, with positive targets $y_k$,
    one unit has a component born at $y_k^2$ for each of them, which joins the lowest at

    $$y_k^2 + y_{\min}^2.$$

    At any depth a network with one unit in each hidden layer, with biases at most in the first layer and at the output,
    has exactly these components, with the same floors and walls: its outputs are those of one unit with the outer
    weight $a \, \max(0, w_2) \cdots \max(0, w_L)$, and from every parameter a path on which the outputs stay as they
    are leads to inner weights 1, also where a unit is dead.

    A second unit takes the valleys away from the triangle, though two units on two points still have two components of
    global minima. All births and deaths of components are rational numbers; they are found by comparing all activation
    patterns of all units, and are the ones that one finds by hand.

    Nothing is proved of networks with several hidden layers of which one has two units or more. With one hidden layer
    there are data with a valley at every width, but they are other data at each.
    """
    yield Identity(
        "the wall around the smallest valley",
        derivation=theory.smallest_relu_valley(),
        claimed=_whole(5),
        rival=Rival("the floor of the valley: no wall", _whole(4)),
    )
    yield Identity(
        "the floor of the smallest valley",
        derivation=theory.smallest_relu_valley(),
        part="valley",
        claimed=_whole(4),
        rival=Rival("the global minimum", _whole(1)),
    )
    derivation = theory.simplex_valleys()
    letters = derivation.symbols
    target, least = letters["y_k"], letters["m"]
    yield Identity(
        "the level at which a valley on the corners of a simplex joins the lowest one",
        derivation=derivation,
        claimed=target**2 + least**2,
        rival=Rival("that of its floor: no wall", target**2),
    )
    longer = theory.chain_of_units()
    letters = longer.symbols
    outer, inner = letters["a"], letters["w"]
    yield Identity(
        "outer weight of the shorter chain with the same outputs, inner weight w > 0",
        derivation=longer,
        claimed=outer * inner,
        rival=Rival("that of the longer one", outer),
    )
    yield Identity(
        "the same with an inner weight -w < 0, where the unit is dead",
        derivation=longer,
        part="dead",
        claimed=_whole(0),
        rival=Rival("the product, as in a linear network", -outer * inner),
    )
    trees = {name: theory.merge_tree(data.x, data.y, data.width, data.bias) for name, data in DATA.items()}
    yield Enclosure(
        "number of components that ever appear, data set by data set",
        values=[len(tree.bars) for tree in trees.values()],
        predicted=[len(data.births) for data in DATA.values()],
        digits=1,
        rival=Rival("one: connected at every level", [1]),
    )
    yield Enclosure(
        "levels at which components appear, on all data sets",
        values=[Fraction(birth) for tree in trees.values() for birth, _ in tree.bars],
        predicted=list(chain.from_iterable(data.births for data in DATA.values())),
        digits=30,
        rival=Rival(
            "all at the global minimum of their data set: no valley is spurious",
            [data.births[0] for data in DATA.values() for _ in data.births],
        ),
    )
    yield Enclosure(
        "levels at which they join a lower one, on all data sets",
        values=[Fraction(death) for tree in trees.values() for _, death in tree.bars[1:]],
        predicted=list(chain.from_iterable(data.deaths for data in DATA.values())),
        digits=30,
        rival=Rival(
            "those at which they appear: no walls",
            list(chain.from_iterable(data.births[1:] for data in DATA.values())),
        ),
    )
    figure = bench.figure(
        "valley",
        title="The smallest valley: one unit on (1, 1) and (-1, 2)",
        x="w, the first weight, with outer weight 1",
        y="sum of squared errors",
        caption="The valley's floor is 4, the other component's 1; every way between them passes 5.",
    )
    first = np.linspace(-4.0, 3.2, 73)
    figure.line(first, (np.maximum(first, 0) - 1) ** 2 + (np.maximum(-first, 0) - 2) ** 2, "loss")
    for level, label in ((5, "wall"), (4, "floor of the valley"), (1, "global minimum")):
        figure.line([-4.0, 3.2], [level, level], label)
    drawn = {
        "two points": "two points, targets 1 and 2",
        "equal targets": "two points, targets 2 and 2",
        "triangle": "corners of a triangle, targets 3, 1 and 2",
        "tetrahedron": "corners of a tetrahedron, targets 2, 3, 5 and 4",
    }
    figure = bench.figure(
        "bars",
        title="Components of the sublevel sets, from floor to wall",
        x="",
        y="level λ of the sum of squares",
        caption="One unit, no bias. Each upright line is a component, from the level at which it appears to that at "
        "which it joins the lowest one. The lowest never ends, and is cut off at λ = 40.",
        x_categories=tuple(drawn),
        y_scale="log",
    )
    lowest: list[tuple[float, float, float]] = []
    valleys: list[tuple[float, float, float]] = []
    for place, name in enumerate(drawn.values()):
        (first_birth, _), *rest = trees[name].bars
        left = place - 0.1 * len(rest)
        lowest.append((left, float(first_birth), 40.0))
        valleys += [(left + 0.2 * k, float(birth), float(death)) for k, (birth, death) in enumerate(rest, start=1)]
    for bars, label in ((valleys, "a component that ends at its wall"), (lowest, "the lowest component")):
        places, births, deaths = zip(*bars, strict=True)
        figure.segments(places, births, places, deaths, label)


@claim(
    "level-sets.connected-at-every-level-as-printed",
    title="Level sets of wide networks connected at every level, as printed",
    source=Source(FREEMAN_BRUNA_2017, "on the asymptotic connectedness of ReLU networks", MAIN_RESULT),
    assumptions=(SETTING, "the width is finite"),
    expects={Verdict.REFUTED},
    right="Points below $\\lambda$ are joined below $\\max(\\lambda, \\epsilon)$; at finite width $\\epsilon > 0$.",
    flaw="overstatement",
)
def connected_at_every_level_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: since the gap satisfies $\epsilon = O(m^{-1/n})$ in the width $m$, the level sets become connected
    at all levels of the energy. Then no component would have a wall: the level of its floor would be the one at which
    it joins the others.

    (What is shown is a bound for each pair of points: they are joined below $\max(\lambda, \epsilon)$. At any finite
    width $\epsilon$ is positive, and there are data for which some level set is not connected: with one unit on two
    points, one unit on $n + 1$ points in $n$ dimensions, and two units where the inputs lie on two subspaces.)
    """
    yield Identity(
        "the wall around the valley of one unit on two points, as its floor",
        derivation=theory.smallest_relu_valley(),
        claimed=_whole(4),
        rival=Rival("a wall of 5 around a floor of 4", _whole(5)),
    )
    corners = theory.simplex_valleys()
    letters = corners.symbols
    yield Identity(
        "the wall around a valley of one unit on the corners of a simplex, as its floor",
        derivation=corners,
        claimed=letters["y_k"] ** 2,
        rival=Rival("higher by the square of the least target", letters["y_k"] ** 2 + letters["m"] ** 2),
    )
    sides = theory.two_sided_valley()
    yield Identity(
        "the wall around the valley of two units on inputs from two subspaces, as its floor",
        derivation=sides,
        claimed=sides.parts["valley"].rhs,
        rival=Rival("higher, by a multiple of the squared target", _two_sided_wall(sides.value.free_symbols)),
    )


def _whole(value: int) -> Any:
    """An integer as a formula."""
    import sympy as sp

    return sp.Integer(value)


def _two_sided_wall(symbols: set[Any]) -> Any:
    """The wall b^2/4 + a^2 c_2, with the constant written out."""
    import sympy as sp

    letters = {symbol.name: symbol for symbol in symbols}
    a, b = letters["a"], letters["b"]
    return b**2 / 4 + a**2 * (sp.Rational(7, 32) - 1 / (4 * sp.pi) - 1 / (2 * sp.pi**2))
