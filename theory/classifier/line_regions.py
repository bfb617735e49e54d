r"""Into how many regions a deep ReLU network cuts a line: counted exactly, bounded, and folded to nearly the bound.

Conventions: the network takes one number t in (0, 1); a layer is a tuple of rows (weights ..., bias) of rational
numbers, one per unit; the last layer is the output. A region is a largest open interval on which every hidden unit of
every layer keeps its sign.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import prod

import sympy as sp

from theory.classifier.exact_rows import counted, fraction_rows, listed_layers
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_numbers import listed
from theory.proof import Relation

__all__ = ["folding_network", "line_region_bound", "line_regions", "most_line_regions"]

_MOST = 1000  # folds, and layers

Number = Fraction | int
Layer = tuple[tuple[Number, ...], ...]


def most_line_regions(widths: Sequence[int]) -> int:
    r"""Return a bound of the regions on a line for hidden layers of the given widths, \prod_l (n_l + 1).

    It is reached for one layer.

    Raises:
        TypeError: If a width is no integer, or they are no sequence.
        ValueError: If a width is below 1.

    Examples:
        >>> most_line_regions([7]), most_line_regions([3, 3])
        (8, 16)
    """
    return prod(counted("a width", width, least=1) + 1 for width in listed("widths", widths))


def line_regions(layers: Sequence[Layer]) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
    """Return the ends of all regions in (0, 1), with 0 and 1, and the network's output there.

    Vertices are pushed forward layer by layer, in rational numbers: a unit is affine between two of them, and adds
    one where it changes its sign.

    Raises:
        TypeError: If something is no number or no sequence.
        ValueError: If there is no layer, a row does not fit what it takes in, a number is not finite or not rational,
            or the last layer has more units than one.

    Examples:
        >>> tent = [((1, 0), (1, Fraction(-1, 2))), ((2, -4, 0),)]  # 2 relu(t) - 4 relu(t - 1/2)
        >>> [tuple(map(str, part)) for part in line_regions(tent)]
        [('0', '1/2', '1'), ('0', '1', '0')]
    """
    places = [Fraction(0), Fraction(1)]
    values: list[tuple[Fraction, ...]] = [(place,) for place in places]
    *hidden, last = listed_layers(layers)
    for layer in hidden:
        rows = fraction_rows("a layer", layer, len(values[0]), "bias")
        pre = _affine(rows, values)
        shares = [
            sorted({Fraction(u, u - v) for u, v in zip(left, right, strict=True) if u * v < 0})
            for left, right in pairwise(pre)
        ]
        new_places, new_pre = [], []
        for gap, inner in enumerate(shares):
            for share in (Fraction(0), *inner):
                new_places.append(places[gap] + share * (places[gap + 1] - places[gap]))
                new_pre.append(tuple(u + share * (v - u) for u, v in zip(pre[gap], pre[gap + 1], strict=True)))
        places, pre = [*new_places, places[-1]], [*new_pre, pre[-1]]
        values = [tuple(max(z, Fraction(0)) for z in point) for point in pre]
    rows = fraction_rows("a layer", last, len(values[0]), "bias")
    if len(rows) != 1:
        raise ValueError(f"the last layer must have one unit, got {len(rows)}.")
    return tuple(places), tuple(point[0] for point in _affine(rows, values))


def folding_network(folds: int, depth: int) -> tuple[Layer, ...]:
    r"""Return a ReLU network whose ``depth`` hidden layers each fold (0, 1) onto itself, ``folds`` times.

    A layer computes the zigzag n relu(t) - 2n relu(t - 1/n) + 2n relu(t - 2/n) - ... with n units, and the next one
    takes that in: n^L regions in (0, 1) with n L units.

    Raises:
        TypeError: If one is no integer.
        ValueError: If there is less than one fold or layer, or more than 1000.

    Examples:
        >>> len(line_regions(folding_network(3, 2))[0]) - 1
        9

    References:
        Montufar, Pascanu, Cho and Bengio (2014), arXiv:1402.1869, section 3; Telgarsky (2016), arXiv:1602.04485.
    """
    folds, depth = counted("folds", folds, least=1, most=_MOST), counted("depth", depth, least=1, most=_MOST)
    outer = tuple(folds if unit == 0 else (-1) ** unit * 2 * folds for unit in range(folds))
    shifts = [Fraction(-unit, folds) for unit in range(folds)]
    first: Layer = tuple((1, shift) for shift in shifts)
    later: Layer = tuple((*outer, shift) for shift in shifts)
    return (first, *((later,) * (depth - 1)), ((*outer, 0),))


def _affine(rows: list[list[Fraction]], points: list[tuple[Fraction, ...]]) -> list[tuple[Fraction, ...]]:
    return [
        tuple(sum((a * h for a, h in zip(row, (*point, Fraction(1)), strict=True)), Fraction(0)) for row in rows)
        for point in points
    ]


@cache
def line_region_bound() -> Derivation:
    r"""Derive how many regions L layers of n ReLU units can make on a line.

    .. math:: (n + 1)^L

    Returns:
        A derivation; the value is the bound, in n and L. Parts: "folded", n^L, which `folding_network` makes, and
        "shallow", n L + 1, the most that the same number of units makes in one layer.

    Examples:
        >>> bound = line_region_bound()
        >>> bound.at(n=3, L=2), bound.at(part="folded", n=3, L=2), bound.at(part="shallow", n=3, L=2)
        (16, 9, 7)
    """
    n, depth = (sp.Symbol(name, positive=True, integer=True) for name in "nL")
    u, v, s = sp.symbols("u v s", positive=True)
    zero = u / (u + v)
    tried = [(folds, layers) for folds in (1, 2, 3, 4) for layers in (1, 2, 3)]
    counted = [len(line_regions(folding_network(*case))[0]) - 1 for case in tried]
    slopes = [sp.Integer((-1) ** fold * 5) for fold in range(5)]
    ends, heights = line_regions(folding_network(5, 1))
    rises = [(heights[k + 1] - heights[k]) / (ends[k + 1] - ends[k]) for k in range(5)]
    return Derivation(
        "Regions of a deep ReLU network on a line",
        sp.Le(sp.Symbol("R"), (n + 1) ** depth),
        (
            Step(
                "Where the layers below are affine, a unit that is u > 0 at one end and -v < 0 at the other has one "
                "zero,",
                Relation((u * (1 - s) - v * s).subs(s, zero), "=", sp.Integer(0)),
                "exact",
                shown=r"u (1 - s) - v s = 0 \quad \mathrm{at} \quad s = \frac{u}{u + v}",
            ),
            Step(
                "beyond which it stays below 0,",
                Relation((u * (1 - s) - v * s).subs(s, zero + s), "<", 0),
                "exact",
                shown=r"u (1 - s) - v s < 0 \quad \left(s > \frac{u}{u + v}\right)",
            ),
            Step(
                "so that n units cut each region of the layers below into at most n + 1.",
                Relation(sp.powsimp((n + 1) ** (depth - 1) * (n + 1)), "=", (n + 1) ** depth),
                "exact",
                shown=r"(n + 1)^{L - 1} (n + 1) = (n + 1)^L",
            ),
            Step(
                "A zigzag of n units has slopes n and -n in turn, here for five,",
                Relation(sp.Tuple(*map(sp.sympify, rises)), "=", sp.Tuple(*slopes)),
                "exact",
                shown=r"5, \ -5, \ 5, \ -5, \ 5",
            ),
            Step(
                "so that it maps each of n intervals onto (0, 1), where the next one cuts n times: for n up to 4 and "
                "L up to 3, counted in rational numbers,",
                Relation(sp.Tuple(*counted), "=", sp.Tuple(*(folds**layers for folds, layers in tried))),
                "exact",
                shown=r"1, 1, 1, \ 2, 4, 8, \ 3, 9, 27, \ 4, 16, 64",
            ),
            Step(
                "and in general",
                Relation(sp.powsimp(n ** (depth - 1) * n), "=", n**depth),
                "exact",
                shown=r"n^{L - 1} n = n^L",
            ),
            Step(
                "In one layer n L units change once each.",
                Relation(1 + sp.Sum(n, (sp.Symbol("l"), 1, depth)).doit(), "=", n * depth + 1),
                "exact",
                shown=r"1 + \sum_{l = 1}^{L} n = n L + 1",
            ),
        ),
        Domain(u=(0, sp.oo), v=(0, sp.oo), s=(0, sp.oo), n=(0, sp.oo), L=(0, sp.oo)).with_integers("n", "L"),
        parts={
            "folded": sp.Eq(sp.Symbol("F"), n**depth),
            "shallow": sp.Eq(sp.Symbol("S"), n * depth + 1),
        },
        titles={
            "folded": "regions of the folding network",
            "shallow": "regions of one layer",
        },
        assumptions=("all hidden layers have n units; with others the bound is the product of their n_l + 1",),
        source="Montufar, Pascanu, Cho and Bengio (2014), arXiv:1402.1869, section 3; Raghu et al. (2017), "
        "arXiv:1606.05336, theorem 1",
        shown={"result": r"R \le (n + 1)^L", "folded": r"F = n^L", "shallow": r"S = n L + 1"},
    )
