r"""The Hessian of a linear network at its critical points, brought to diagonal form: index and nullity of each.

Conventions: those of `classification`: the loss is |B A - D|^2/2 and a constant, D zero off its diagonal s_1 > ... >
s_p > 0, p = min(n0, n2), k = |n0 - n2|; r is the number of directions that are fitted, q = n1 - r, an inversion is a
pair of directions of which only the one with the smaller singular value is fitted. Changes of A and B are a and b; the
quadratic form Q is twice the second-order change of the loss, as a Hessian has it.
"""

from functools import cache
from itertools import combinations

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.linear_network.exact_critical_point import ExactCriticalPoint
from theory.proof import Relation

__all__ = ["critical_set_index"]

_hidden, _directions, _rank, _extra, _inversions = sp.symbols("n1 p r k inversions", nonnegative=True)
_s_i, _s_j, _gap = sp.symbols("s_i s_j delta", positive=True)

_INPUTS, _OUTPUTS = 2, 3  # of the instances with symbols for all entries


@cache
def critical_set_index() -> Derivation:
    r"""Derive the index and the nullity of every critical point of a linear network with one hidden layer.

    .. math:: \mathrm{index} = (n_1 - r)(p - r) + \#\{i \in I, j \notin I, j \le p: s_j > s_i\}, \qquad
              \mathrm{nullity} = n_1^2 - (n_1 - r)^2 + (n_1 - r) k

    The nullity is the dimension of the critical set: there are no zero modes but those along it.

    Returns:
        A derivation; the value is the index, with the number of inversions; the parts are "nullity" and "positive".

    Examples:
        >>> critical_set_index().at(n1=3, p=3, r=1, inversions=2)
        6
    """
    hidden, p, r, k = _hidden, _directions, _rank, _extra
    q = hidden - r
    index = q * (p - r) + _inversions
    nullity = hidden**2 - q**2 + q * k
    positive = r**2 + r * (p - r) + (r * (p - r) - _inversions) + r * k + q * (p - r)
    t = sp.Symbol("t")
    e, et, f, ft, g, gt = sp.symbols("E E^T F F^T G G^T", commutative=False)
    a, b, u, w, pull = sp.symbols("a b u w c", real=True)
    shifted = w - pull**2 * u / (2 * _s_j)
    cases = [(2, kept) for rank in range(3) for kept in combinations(range(2), rank)] + [(3, (1,))]
    forms, blocks = ([make(width, kept) for width, kept in cases] for make in (_quadratic_form, _by_blocks))
    points = ExactCriticalPoint.collection()
    moved, derived = _first_order()
    counts = [point.inertia() for point in points]
    sylvester = Theorem(
        "Sylvester's law of inertia",
        "An invertible linear change of coordinates keeps the numbers of negative, zero and positive squares of a "
        "quadratic form.",
        "Horn and Johnson, Matrix Analysis, theorem 4.5.8",
        (
            Step(
                "The changes of coordinates made here, one row off another, are invertible.",
                Relation(
                    sp.Tuple(
                        sp.Matrix([a - _s_j * b, b]).jacobian([a, b]).det(),
                        sp.Matrix([u, shifted]).jacobian([u, w]).det(),
                    ),
                    "=",
                    sp.Tuple(1, 1),
                ),
                "exact",
                shown=r"\det \frac{\partial (a - s_j b, \, b)}{\partial (a, b)} = 1",
            ),
        ),
    )
    return Derivation(
        "Index and nullity of the critical points of a linear network",
        sp.Eq(sp.Symbol("index"), index),
        (
            Step(
                "To second order the loss changes by half of Q = |F|^2 + 2 tr E' G, with F = b A + B a and G = b a.",
                Relation(
                    sp.expand((e + t * f + t**2 * g) * (et + t * ft + t**2 * gt)).coeff(t, 2),
                    "=",
                    f * ft + e * gt + g * et,
                ),
                "exact",
                shown=r"[t^2] \, |E + t F + t^2 G|^2 = |F|^2 + 2 \, \mathrm{tr} \, E^{T} G",
            ),
            Step(
                "A and B may be exchanged with their transposes (here 2-2-3), so let n2 = n0 + k.",
                Relation(_loss(transpose=False), "=", _loss(transpose=True)),
                "exact",
                shown=r"|B A - D|^2 = |A^{T} B^{T} - D^{T}|^2",
            ),
            Step(
                "A change of basis in the hidden layer makes the first r units carry the fitted directions I; the "
                "other units are idle. B is 1 on I and some beta from idle units to the k further outputs K; A is S "
                "on I. First-order changes, in blocks of any size: rows I, J (left out) and K, columns I and J.",
                Relation(moved, "=", derived),
                "exact",
                shown=r"F = \begin{matrix} b_{I} S + a_{I} & a_{J} \\ b_{J} S & 0 \\"
                r" b_{K} S + \beta a'_{I} & \beta a'_{J} \end{matrix}",
            ),
            Step(
                "There E is -s_j on the diagonal of J and 0 elsewhere, so Q is a sum of blocks that share no "
                "coordinate. Here 2-2-3 for every set, and 2-3-3 for one, with the free entries as symbols.",
                Relation(sp.Tuple(*forms), "=", sp.Tuple(*blocks)),
                "exact",
                shown=r"Q = \sum_{i, i' \in I} (s_{i'} b_{ii'} + a_{ii'})^2"
                r" + \sum_{i, j} (a_{ij}^2 - 2 s_j a_{ij} b_{ji} + s_i^2 b_{ji}^2)"
                r" + \sum_{l, i} (s_i b_{li} + \beta_l \cdot a_i)^2"
                r" + \sum_{j} (|\beta a_j|^2 - 2 s_j \, b_j \cdot a_j)",
            ),
            Step(
                "A direction i that is fitted and a direction j that is not: two squares.",
                Relation(
                    a**2 - 2 * _s_j * a * b + _s_i**2 * b**2, "=", (a - _s_j * b) ** 2 + (_s_i**2 - _s_j**2) * b**2
                ),
                "exact",
            ),
            Step(
                "The second one is negative if s_j = s_i + delta is the larger value: an inversion",
                Relation(_s_i**2 - (_s_i + _gap) ** 2, "<", 0),
                "exact",
                lambda: -_gap * (2 * _s_i + _gap),
            ),
            Step(
                "and positive if s_i = s_j + delta is.",
                Relation(0, "<", (_s_j + _gap) ** 2 - _s_j**2),
                "exact",
            ),
            Step(
                "A direction j that is not fitted and each of the q idle units: one negative and one positive square, "
                "whatever the free entries (c) of the set are.",
                Relation(pull**2 * u**2 - 2 * _s_j * w * u, "=", _s_j / 2 * ((u - shifted) ** 2 - (u + shifted) ** 2)),
                "exact",
                shown=r"c^2 u^2 - 2 s_j w u = \frac{s_j}{2} \left((u - w')^2 - (u + w')^2\right),"
                r" \quad w' = w - \frac{c^2 u}{2 s_j}",
            ),
            Step(
                "Negative squares: q for each of the p - r directions left out, and one for each inversion.",
                Relation(sp.Sum(q, (sp.Symbol("j"), 1, p - r)).doit() + _inversions, "=", index),
                "exact",
                shown=r"\mathrm{index} = (n_1 - r)(p - r) + \mathrm{inversions}",
            ),
            Step(
                "Coordinates in no square: r^2 of the first block, 2 q r entries of a and b between idle units and "
                "fitted directions, q k further entries of b.",
                Relation(r**2 + 2 * q * r + q * k, "=", nullity),
                "exact",
            ),
            Step(
                "Positive squares, block by block; together they are all the n1 (n0 + n2) = n1 (2p + k) weights.",
                Relation(sp.expand(hidden * (2 * p + k) - index - nullity), "=", positive),
                "exact",
            ),
            Step(
                f"Exact instances: {len(points)} points, every set of {len(ExactCriticalPoint.SHAPES)} shapes; "
                "negative eigenvalues of the Hessian, differentiated and counted in rational numbers,",
                Relation(
                    sp.Tuple(*(count.below for count in counts)),
                    "=",
                    sp.Tuple(*(_at(index, point) for point in points)),
                ),
                "exact",
                shown=r"\mathrm{index} = (n_1 - r)(p - r) + \mathrm{inversions}",
            ),
            Step(
                "and zero eigenvalues.",
                Relation(
                    sp.Tuple(*(count.at for count in counts)),
                    "=",
                    sp.Tuple(*(_at(nullity, point) for point in points)),
                ),
                "exact",
                shown=r"\mathrm{nullity} = n_1^2 - (n_1 - r)^2 + (n_1 - r) k",
            ),
        ),
        Domain(
            **dict.fromkeys(("n1", "p"), (0, sp.oo)),
            **dict.fromkeys(("r", "k", "inversions"), (-1, sp.oo)),
            **dict.fromkeys(("delta", "s_i", "s_j"), (0, sp.oo)),
        )
        .with_integers("n1", "p", "r", "k", "inversions")
        .where(r <= hidden, r <= p, _inversions <= r * (p - r)),
        parts={
            "nullity": sp.Eq(sp.Symbol("nullity"), nullity),
            "positive": sp.Eq(sp.Symbol("positive"), positive),
        },
        titles={
            "nullity": "number of zero eigenvalues",
            "positive": "number of positive eigenvalues",
        },
        assumptions=(
            "generic data: X has full row rank, the p singular values are distinct and not 0",
            "no biases; without weight decay",
        ),
        theorems=(sylvester,),
        source="Baldi and Hornik (1989) show that all but the minima are saddles; the counts are derived here",
    )


def _at(formula: sp.Expr, point: ExactCriticalPoint) -> sp.Expr:
    inputs, hidden, outputs = point.sizes
    return formula.subs(
        {
            _hidden: hidden,
            _directions: min(inputs, outputs),
            _rank: len(point.chosen),
            _extra: abs(inputs - outputs),
            _inversions: point.inversions,
        }
    )


def _first_order() -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
    """The change b A + B a at a critical point in normal form, by blocks, and what it comes to."""
    s, free = sp.symbols("S beta", commutative=False)
    a_i, a_j, idle_i, idle_j = sp.symbols("a_I a_J a'_I a'_J", commutative=False)
    b_i, b_j, b_k, idle_bi, idle_bj, idle_bk = sp.symbols("b_I b_J b_K b'_I b'_J b'_K", commutative=False)
    first, second = sp.Matrix([[s, 0], [0, 0]]), sp.Matrix([[1, 0], [0, 0], [0, free]])
    change_a = sp.Matrix([[a_i, a_j], [idle_i, idle_j]])
    change_b = sp.Matrix([[b_i, idle_bi], [b_j, idle_bj], [b_k, idle_bk]])
    derived = sp.Matrix([[b_i * s + a_i, a_j], [b_j * s, 0], [b_k * s + free * idle_i, free * idle_j]])
    return sp.ImmutableMatrix(change_b * first + second * change_a), sp.ImmutableMatrix(derived)


def _loss(*, transpose: bool) -> sp.Expr:
    first = sp.Matrix(2, 2, sp.symbols("A_1:5", real=True))
    second = sp.Matrix(3, 2, sp.symbols("B_1:7", real=True))
    target = sp.Matrix([[sp.Symbol("s_1"), 0], [0, sp.Symbol("s_2")], [0, 0]])
    rest = first.T * second.T - target.T if transpose else second * first - target
    return sp.expand(sum(entry**2 for entry in rest))


def _symbols(hidden: int) -> tuple[list[sp.Symbol], sp.Matrix, sp.Matrix, sp.Matrix]:
    """Singular values, changes a and b, and the free entries beta of the rows of B beyond the inputs."""
    outputs, inputs = _OUTPUTS, _INPUTS
    values = [sp.Symbol(f"s_{i}", positive=True) for i in range(inputs)]
    change_a = sp.Matrix(hidden, inputs, lambda i, j: sp.Symbol(f"a_{i}{j}"))
    change_b = sp.Matrix(outputs, hidden, lambda i, j: sp.Symbol(f"b_{i}{j}"))
    free = sp.Matrix(outputs, hidden, lambda i, j: sp.Symbol(f"beta_{i}{j}"))
    return values, change_a, change_b, free


def _quadratic_form(hidden: int, kept: tuple[int, ...]) -> sp.Expr:
    """Q at the point of a set in normal form, from the second-order coefficient of |B A - D|^2."""
    outputs, inputs = _OUTPUTS, _INPUTS
    values, change_a, change_b, free = _symbols(hidden)
    a, b = sp.zeros(hidden, inputs), sp.zeros(outputs, hidden)
    for unit, direction in enumerate(kept):
        a[unit, direction], b[direction, unit] = values[direction], 1
    for output in range(inputs, outputs):
        for unit in range(len(kept), hidden):
            b[output, unit] = free[output, unit]
    target = sp.Matrix(outputs, inputs, lambda i, j: values[i] if i == j else 0)
    t = sp.Symbol("t")
    rest = (b + t * change_b) * (a + t * change_a) - target
    return sum((sp.expand(entry**2).coeff(t, 2) for entry in rest), sp.Integer(0)).expand()


def _by_blocks(hidden: int, kept: tuple[int, ...]) -> sp.Expr:
    """The same as the sum of blocks of the derivation."""
    outputs, inputs = _OUTPUTS, _INPUTS
    s, a, b, beta = _symbols(hidden)
    idle, left = range(len(kept), hidden), [j for j in range(inputs) if j not in kept]
    total = sp.Integer(0)
    for unit, i in enumerate(kept):
        total += sum((s[i] * b[other, unit] + a[place, i]) ** 2 for place, other in enumerate(kept))
        total += sum(a[unit, j] ** 2 - 2 * s[j] * a[unit, j] * b[j, unit] + s[i] ** 2 * b[j, unit] ** 2 for j in left)
        for row in range(inputs, outputs):
            total += (s[i] * b[row, unit] + sum(beta[row, v] * a[v, i] for v in idle)) ** 2
    for j in left:
        total += sum(sum(beta[row, v] * a[v, j] for v in idle) ** 2 for row in range(inputs, outputs))
        total -= sum(2 * s[j] * b[j, v] * a[v, j] for v in idle)
    return sp.expand(total)
