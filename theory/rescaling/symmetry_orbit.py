r"""How many parameters symmetries make of one network: permutations and sign flips of hidden units, and rescalings.

Conventions: two layers, y = sum_j v_j s(w_j . x) without biases, h hidden units; a unit is the pair (w_j, v_j). Every
order of the units gives the same function: h! permutations. If s is odd (tanh), so does a unit with both signs changed:
2^h flips. If s is homogeneous of degree one (ReLU), so does (c_j w_j, v_j / c_j) for every c_j > 0: the orbit is
a manifold of h dimensions, in h! pieces for units that are no rescalings of each other.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import permutations, product
from math import factorial, prod

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_numbers import exact_number, listed_rows
from theory.exact_two_layer import exact_rank
from theory.proof import Relation
from theory.rescaling.euler_identity import orbit_tangents

__all__ = ["relu_orbit_pieces", "symmetry_orbit_size", "unit_symmetries"]

_HEIGHTS = (2, 3, 4, 5)
_Unit = tuple[tuple[sp.Expr, ...], tuple[sp.Expr, ...]]


def symmetry_orbit_size(
    incoming: Sequence[Sequence[object]], outgoing: Sequence[Sequence[object]], *, odd: bool = False
) -> int:
    r"""Return how many points permutations, and sign flips for an odd activation, make of one two-layer network.

    .. math:: \frac{h!}{\prod_c m_c!} \, 2^{h'}, \qquad h' = \#\{j: (w_j, v_j) \ne 0\} \ \text{or} \ 0

    with m_c the numbers of equal units, up to sign if flips count. For distinct units other than 0 that is h!, times
    2^h.

    Args:
        incoming: For each hidden unit its incoming weights w_j (and bias, if any), exact numbers.
        outgoing: For each hidden unit its outgoing weights v_j.
        odd: Whether the activation is odd, such as tanh.

    Raises:
        ValueError: If there is no unit or the lengths differ.
        TypeError: If a weight is not a number.

    Examples:
        >>> symmetry_orbit_size([[1], [2], [3]], [[1], [1], [1]])
        6
        >>> symmetry_orbit_size([[1], [2], [3]], [[1], [1], [1]], odd=True)
        48
        >>> symmetry_orbit_size([[1], [1], [3]], [[1], [1], [1]])
        3
    """
    units = _units(incoming, outgoing)
    kinds = Counter(_up_to_sign(unit) if odd else unit for unit in units)
    flips = sum(any(unit[0]) or any(unit[1]) for unit in units) if odd else 0
    return factorial(len(units)) // prod(map(factorial, kinds.values())) << flips


def relu_orbit_pieces(incoming: Sequence[Sequence[object]], outgoing: Sequence[Sequence[object]]) -> tuple[int, int]:
    r"""Return the dimension and the number of connected pieces of the orbit of a ReLU network.

    The orbit is that of all permutations and all rescalings (c_j w_j, v_j / c_j), c_j > 0. Its dimension is the number
    of units with weights other than 0; its pieces are the orders of the units up to rescalings of each.

    Args:
        incoming: For each hidden unit its incoming weights (and bias, if any), exact numbers.
        outgoing: For each hidden unit its outgoing weights.

    Raises:
        ValueError: If there is no unit or the lengths differ.
        TypeError: If a weight is not a number.

    Examples:
        >>> relu_orbit_pieces([[1, 0], [1, 1]], [[1], [2]])
        (2, 2)
        >>> relu_orbit_pieces([[1, 0], [2, 0]], [[4], [2]])
        (2, 1)
    """
    units = _units(incoming, outgoing)
    kinds = Counter(_up_to_scale(unit) for unit in units)
    dimension = sum(any(unit[0]) or any(unit[1]) for unit in units)
    return dimension, factorial(len(units)) // prod(map(factorial, kinds.values()))


@cache
def unit_symmetries() -> Derivation:
    r"""Derive the symmetries of hidden units and count their orbits by enumeration for h = 2, 3, 4, 5.

    .. math:: h! \ \text{(any activation)}, \qquad 2^h h! \ \text{(odd ones)}, \qquad
              h! \ \text{pieces of} \ h \ \text{dimensions (ReLU)}

    Returns:
        A derivation; the value is the size 2^h h! of the orbit for an odd activation. The parts are "permutations", h!,
        and "dimension", h.

    Examples:
        >>> unit_symmetries().at(h=5)
        3840
    """
    h = sp.Symbol("h", integer=True, positive=True)
    j = sp.Symbol("j", integer=True, positive=True)
    size = 2**h * sp.factorial(h)
    a, b, x = sp.symbols("w v x", real=True)
    c = sp.Symbol("c", positive=True)
    orders = [sp.factorial(n) for n in _HEIGHTS]
    flipped = [2**n * sp.factorial(n) for n in _HEIGHTS]
    return Derivation(
        "Hidden units can be permuted, flipped if the activation is odd, rescaled if it is homogeneous",
        sp.Eq(sp.Symbol("size"), size),
        (
            Step(
                "Any order of the units has the same sum (three units).",
                Relation(_output((2, 0, 1)), "=", _output((0, 1, 2))),
                "exact",
                shown=r"v_3 s(w_3 x) + v_1 s(w_1 x) + v_2 s(w_2 x) = \sum_{j=1}^{3} v_j s(w_j x)",
            ),
            Step(
                "With an odd activation both signs of a unit can be changed: tanh, by its exponentials.",
                Relation(-b * _tanh(-a * x), "=", b * _tanh(a * x)),
                "exact",
                shown=r"(-v) \tanh(-w x) = v \tanh(w x)",
            ),
            Step(
                "With ReLU it cannot: at w x = 1.",
                Relation(-sp.Max(-sp.Integer(1), 0), "!=", sp.Max(sp.Integer(1), 0)),
                "exact",
                shown=r"- \mathrm{relu}(-1) = 0 \neq 1 = \mathrm{relu}(1)",
            ),
            Step(
                "It can be multiplied by c > 0 and divided by it.",
                Relation(b / c * (c * a * x + sp.Abs(c * a * x)) / 2, "=", b * (a * x + sp.Abs(a * x)) / 2),
                "exact",
                shown=r"\frac{v}{c} \, \mathrm{relu}(c w x) = v \, \mathrm{relu}(w x)",
            ),
            Step(
                "With tanh it cannot: at w x = 1, c = 2.",
                Relation(sp.tanh(2) / 2, "!=", sp.tanh(1)),
                "exact",
                shown=r"\frac{1}{2} \tanh 2 \neq \tanh 1",
            ),
            Step(
                "Orders of distinct units, enumerated for h = 2, 3, 4, 5: all parameters found by permuting,",
                Relation(_sizes_of_orbits(odd=False), "=", sp.Tuple(*orders)),
                "exact",
                lambda: sp.Tuple(*(sp.Integer(_same_function(n, odd=False)) for n in _HEIGHTS)),
                shown=r"2, 6, 24, 120 = h!",
            ),
            Step(
                "and with all flips of signs. The second route searches units with weights from a finite set for all "
                "that have the same coefficients of tanh(w_1 x), ..., tanh(w_h x), which are independent functions.",
                Relation(_sizes_of_orbits(odd=True), "=", sp.Tuple(*flipped)),
                "exact",
                lambda: sp.Tuple(*(sp.Integer(_same_function(n, odd=True)) for n in _HEIGHTS)),
                shown=r"8, 48, 384, 3840 = 2^h h!",
            ),
            Step(
                "In general each of h! orders has 2^h signs.",
                Relation(sp.factorial(h) * sp.Product(2, (j, 1, h)).doit(), "=", size),
                "exact",
                lambda: sp.factorial(h) * sp.Product(2, (j, 0, h - 1)).doit(),
                shown=r"\prod_{j=1}^{h} 2 \cdot h! = 2^h h!",
            ),
            Step(
                "The number of orders: h choices for the first place, h - 1 for the next.",
                Relation(sp.Product(j, (j, 1, h)).doit(), "=", sp.factorial(h)),
                "exact",
                lambda: size / 2**h,
                shown=r"h (h - 1) \cdots 1 = h!",
            ),
            Step(
                "Rescalings, h = 2, 3, 4, 5: the rank of the tangents (w_j, -v_j).",
                Relation(sp.Tuple(*(_tangent_rank(n) for n in _HEIGHTS)), "=", sp.Tuple(*_HEIGHTS)),
                "exact",
                lambda: sp.Tuple(*(sp.Integer(relu_orbit_pieces(*_network(n))[0]) for n in _HEIGHTS)),
                shown=r"2, 3, 4, 5 = h",
            ),
            Step(
                "One dimension for every unit:",
                Relation(sp.Sum(1, (j, 1, h)).doit(), "=", h),
                "exact",
                lambda: sp.Sum(1, (j, 0, h - 1)).doit(),
                shown=r"\sum_{j=1}^{h} 1 = h",
            ),
            Step(
                "Rescaling keeps every sign and the product of norms, so that it joins no two orders of units that are "
                "no rescalings of each other: h! pieces, enumerated.",
                Relation(sp.Tuple(*(sp.Integer(len(_pieces(n))) for n in _HEIGHTS)), "=", sp.Tuple(*orders)),
                "exact",
                lambda: sp.Tuple(*(sp.Integer(relu_orbit_pieces(*_network(n))[1]) for n in _HEIGHTS)),
                shown=r"2, 6, 24, 120 = h!",
            ),
        ),
        Domain(c=(0, sp.oo), w=(0, sp.oo), x=(0, sp.oo)),
        parts={
            "permutations": sp.Eq(sp.Symbol("size"), sp.factorial(h)),
            "dimension": sp.Eq(sp.Symbol("dim"), h),
        },
        titles={
            "permutations": "number of permutations",
            "dimension": "dimension of the orbit",
        },
        assumptions=(
            "the units are distinct, up to sign for odd activations, up to rescaling for ReLU, and none is 0",
            "the search for other parameters with the same function is over a finite set of weights, and for tanh",
        ),
        source="Hecht-Nielsen (1990); Sussmann (1992) for tanh: there are no other symmetries",
        shown={"result": r"2^h \, h!", "permutations": r"h!", "dimension": r"\dim = h"},
    )


def _units(into: Sequence[Sequence[object]], out: Sequence[Sequence[object]]) -> list[_Unit]:
    incoming, outgoing = listed_rows("incoming", into), listed_rows("outgoing", out)
    if len(incoming) == 0 or len(incoming) != len(outgoing):
        raise ValueError(
            f"incoming and outgoing must have one row for each hidden unit, got {len(incoming)} and {len(outgoing)}."
        )
    for name, rows in (("incoming", incoming), ("outgoing", outgoing)):
        if len({len(row) for row in rows}) != 1:
            raise ValueError(f"{name} must have rows of one length, got {[len(row) for row in rows]}.")
    read = [
        [tuple(exact_number(f"a weight of {name}", x) for x in row) for row in rows]
        for name, rows in (("incoming", incoming), ("outgoing", outgoing))
    ]
    return list(zip(*read, strict=True))


def _up_to_sign(unit: _Unit) -> _Unit:
    """The one of a unit and its negative whose first weight other than 0 is positive."""
    first = next((x for side in unit for x in side if x != 0), sp.Integer(1))
    return unit if first > 0 else (tuple(-x for x in unit[0]), tuple(-x for x in unit[1]))


def _up_to_scale(unit: _Unit) -> _Unit:
    """The rescaled unit whose incoming, or else outgoing, weights have the largest absolute value 1."""
    into, out = (max((abs(x) for x in side), default=sp.Integer(0)) for side in unit)
    factor = 1 / into if into != 0 else (out if out != 0 else sp.Integer(1))
    return tuple(x * factor for x in unit[0]), tuple(x / factor for x in unit[1])


def _network(h: int) -> tuple[list[list[int]], list[list[int]]]:
    """H units with the incoming weights 1, ..., h and distinct outgoing ones."""
    return [[j] for j in range(1, h + 1)], [[j * j + 1] for j in range(1, h + 1)]


@cache
def _enumerated(h: int, *, odd: bool) -> frozenset[tuple[tuple[int, int], ...]]:
    """All points of the orbit, by applying every permutation and every choice of signs."""
    incoming, outgoing = _network(h)
    units = [(w[0], v[0]) for w, v in zip(incoming, outgoing, strict=True)]
    signs = list(product((1, -1), repeat=h)) if odd else [(1,) * h]
    return frozenset(
        tuple((sign * w, sign * v) for sign, (w, v) in zip(choice, order, strict=True))
        for order in permutations(units)
        for choice in signs
    )


def _sizes_of_orbits(*, odd: bool) -> sp.Tuple:
    return sp.Tuple(*(sp.Integer(len(_enumerated(h, odd=odd))) for h in _HEIGHTS))


@cache
def _same_function(h: int, *, odd: bool) -> int:
    """How many networks with w and v from a finite set have the coefficients of the given one, by search."""
    incoming, outgoing = _network(h)
    target = {w[0]: v[0] for w, v in zip(incoming, outgoing, strict=True)}
    signs = (1, -1) if odd else (1,)
    candidates = [(sign * w, value) for w in target for v in target.values() for value in (v, -v) for sign in signs]

    def extend(left: int, coefficients: dict[int, int]) -> int:
        missing = sum(coefficients.get(w, 0) != v for w, v in target.items())
        if missing > left:  # a unit changes one coefficient
            return 0
        if left == 0:
            return 1
        total = 0
        for w, v in candidates:
            key, value = abs(w), v if w > 0 else -v
            total += extend(left - 1, coefficients | {key: coefficients.get(key, 0) + value})
        return total

    return extend(h, {})


@cache
def _pieces(h: int) -> frozenset[tuple[tuple[int, int], ...]]:
    """The orders of units, each unit given by the sign of w and the product w v, which rescaling keeps."""
    incoming, outgoing = _network(h)
    invariants = [(1 if w[0] > 0 else -1, w[0] * v[0]) for w, v in zip(incoming, outgoing, strict=True)]
    return frozenset(permutations(invariants))


def _tangent_rank(h: int) -> sp.Integer:
    incoming, outgoing = _network(h)
    theta = [w[0] for w in incoming] + [v[0] for v in outgoing]
    return sp.Integer(exact_rank(orbit_tangents(theta, (1, h, 1))))


def _output(order: tuple[int, ...]) -> sp.Expr:
    """The output of three units in some order, of an activation of which nothing is known."""
    x = sp.Symbol("x", real=True)
    activation = sp.Function("s")
    return sum((sp.Symbol(f"v_{j}") * activation(sp.Symbol(f"w_{j}") * x) for j in order), sp.Integer(0))


def _tanh(z: sp.Expr) -> sp.Expr:
    """The hyperbolic tangent as a quotient of exponentials."""
    return (sp.exp(z) - 1 / sp.exp(z)) / (sp.exp(z) + 1 / sp.exp(z))
