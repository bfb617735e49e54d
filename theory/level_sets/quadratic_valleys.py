r"""Quadratic units with too few of them: a spurious valley at p = n - 1, disconnected minima at p = n.

Conventions: outputs x'A x, A = sum_j u_j w_j w_j' with p units, n >= 2 inputs with law N(0, 1); the loss is
L = E (x'(A - T) x)^2 without a half, T = diag(2, ..., 2, -1). With B = A - T it is 2 |B|^2 + (tr B)^2, which depends on
the spectrum of B alone.
"""

from collections.abc import Sequence
from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["one_quadratic_unit", "quadratic_minima_at_equal_width", "quadratic_valley"]

_n = sp.Symbol("n", positive=True)
_shift, _kept, _squares_off, _sum_off = sp.symbols("c k q s", real=True)
_BOX = Domain(n=(1, sp.oo))


@cache
def quadratic_valley() -> Derivation:
    r"""Derive the strict spurious valley of n - 1 quadratic units on n inputs, with its three levels.

    .. math:: L_{\min} = 2 + \frac{2}{n + 1}, \qquad \text{valley } 8 + \frac{8}{n + 1}, \qquad
              \text{wall } 10 + \frac{2}{n}

    One eigenvalue of T cannot be fitted. The global minimum leaves out -1, with all u_j > 0; the valley leaves out a 2,
    with one u_j < 0. On the way the last negative u_j becomes 0, so that A is positive semidefinite of rank n - 2. With
    one more unit there is a way down from everywhere (`theory.quadratic_descent`).

    Returns:
        A derivation; the value is the wall, the parts are "global" and "valley", for any n >= 2.

    Examples:
        >>> quadratic_valley().at(n=2), quadratic_valley().parts["valley"].rhs
        (11, 8 + 8/(n + 1))
    """
    wall, valley, least = 10 + 2 / _n, 8 + 8 / (_n + 1), 2 + 2 / (_n + 1)
    level, best = _level(), _best_shift()
    return Derivation(
        "The valley of n - 1 quadratic units",
        sp.Eq(sp.Symbol("wall"), wall),
        (
            gaussian_loss_step(),
            _level_step(level, best),
            Step(
                "the least value of a convex function: its derivative is 0 there.",
                Relation(_loss().diff(_shift).subs(_shift, best), "=", 0),
                "exact",
                shown=r"\frac{dL}{dc} = 4 k c + 2 k (k c - s) = 0",
            ),
            Step(
                "The global minimum leaves out -1 (q = 1, k = n - 1; s is the sum of what is left out):",
                Relation(level.subs({_squares_off: 1, _sum_off: -1, _kept: _n - 1}), "=", least),
                "exact",
                shown=r"L_{\min} = 2 + \frac{2}{n + 1}",
            ),
            Step(
                "With some u < 0 at most n - 2 eigenvalues of A are positive, so that a 2 is left out; with just one:",
                Relation(level.subs({_squares_off: 4, _sum_off: 2, _kept: _n - 1}), "=", valley),
                "exact",
                shown=r"8 + \frac{8}{n + 1}",
            ),
            Step(
                "So a path to lower points comes to all u >= 0. There the last u < 0 becomes 0; both are left out:",
                Relation(level.subs({_squares_off: 5, _sum_off: 1, _kept: _n - 2}), "=", wall),
                "exact",
                shown=r"\mathrm{wall} = 10 + \frac{2}{n}",
            ),
            Step("The valley is above the global minimum", Relation(least, "<", valley), "exact"),
            Step("and below the wall, by 2 (n - 1)^2/(n (n + 1)).", Relation(valley, "<", wall), "exact"),
            Step(
                "The eigenvalues that are kept have the signs of the units, so that the minima are in those sets: at "
                "the global minimum, in the valley (2 and, reversed, -1), on the wall.",
                Relation(sp.zeros(4, 1), "<", sp.Matrix(list(_signed_eigenvalues()))),
                "exact",
                shown=r"2 - \frac{1}{n + 1}, \ 2 + \frac{2}{n + 1}, \ 1 - \frac{2}{n + 1}, \ 2 + \frac{1}{n} > 0",
            ),
            Step(
                "The straight way from the valley's matrix to the wall's, by the unit of u < 0 alone and shifts of the "
                "others, is convex, and so is the way down with that unit put on the direction left out. So the wall "
                "is attained. At n = 2 and 3 from the definition: loss and gradient at a parameter in the valley,",
                Relation(_at_valley(), "=", sp.Tuple(sp.Rational(32, 3), *[0] * 3, 10, *[0] * 8)),
                "exact",
                shown=r"L = \frac{32}{3}, \ \nabla L = 0 \ (n = 2); \quad L = 10, \ \nabla L = 0 \ (n = 3)",
            ),
        ),
        _BOX,
        parts={"global": sp.Eq(sp.Symbol("L_least"), least), "valley": sp.Eq(sp.Symbol("valley"), valley)},
        titles={
            "global": "loss of the global minimum",
            "valley": "loss of the valley",
        },
        assumptions=("n >= 2 inputs with law N(0, 1); T = diag(2, ..., 2, -1)",),
        theorems=(_hoffman_wielandt(),),
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, for width above 2 n",
        shown={
            "result": r"\mathrm{wall} = 10 + \frac{2}{n}",
            "global": r"L_{\min} = 2 + \frac{2}{n + 1}",
            "valley": r"8 + \frac{8}{n + 1}",
        },
    )


@cache
def quadratic_minima_at_equal_width() -> Derivation:
    r"""Derive that at p = n the global minima have several components, and the exact barrier between them.

    .. math:: \min_{\text{paths}} \max_{\text{path}} L = 2 + \frac{2}{n + 1}, \qquad L_{\min} = 0

    A = T has full rank, so that no u_j and no determinant of the w_j can be 0: their signs are constant on a component.
    There is no spurious valley at p = n, and with one more unit all sublevel sets are connected
    (`theory.quadratic_path`).

    Returns:
        A derivation; the value is the barrier.

    Examples:
        >>> quadratic_minima_at_equal_width().at(n=2)
        8/3
    """
    barrier = 2 + 2 / (_n + 1)
    level, best = _level(), _best_shift()
    m = sp.Matrix(2, 2, sp.symbols("w_11 w_12 w_21 w_22", real=True))
    u = sp.symbols("u_1:3", real=True)
    target = sp.diag(2, -1)
    alone = level.subs({_squares_off: _squares_off**2, _sum_off: _squares_off, _kept: _n - 1})
    exchanged = sp.Matrix([[0, 1], [1, 0]])
    return Derivation(
        "Global minima of n quadratic units that no path joins at their level",
        sp.Eq(sp.Symbol("barrier"), barrier),
        (
            gaussian_loss_step(),
            Step(
                "The determinant of A is that of the weights squared, times all u_j (here n = 2).",
                Relation(sp.expand((m * sp.diag(*u) * m.T).det()), "=", sp.expand(m.det() ** 2 * u[0] * u[1])),
                "exact",
                shown=r"\det (W D W^{T}) = (\det W)^2 u_1 \cdots u_n",
            ),
            Step(
                "At a global minimum A = T, of determinant -2^(n - 1), here n = 2, not 0: so no u_j is 0 and the w_j "
                "are independent.",
                Relation(target.det(), "=", -2),
                "exact",
                shown=r"\det T = -2",
            ),
            Step(
                "There are minima of other signs: two units exchanged.",
                Relation(exchanged * sp.diag(-1, 2) * exchanged.T, "=", target),
                "exact",
                shown=r"\sum_j u_j w_j w_j^{T} = T, \quad u = (-1, 2)",
            ),
            _level_step(level, best),
            Step(
                "A path between such components passes rank n - 1. An eigenvalue tau that is left out costs",
                Relation(sp.factor(alone), "=", 2 * _squares_off**2 * (_n + 2) / (_n + 1)),
                "exact",
                shown=r"2 \tau^2 + \frac{2 \tau^2}{n + 1}, \quad \tau = q",
                domain=Domain(n=(1, sp.oo), q=(0, sp.oo)),
            ),
            Step(
                "which is least for tau = -1:",
                Relation(level.subs({_squares_off: 1, _sum_off: -1, _kept: _n - 1}), "=", barrier),
                "exact",
                shown=r"2 + \frac{2}{n + 1}",
            ),
            Step("less than for tau = 2.", Relation(barrier, "<", 4 * barrier), "exact"),
            Step(
                "It is attained: let the unit of u = -1 go to 0, the others following on a straight line, along which "
                "the loss is convex; turn its w round or exchange it with another unit; go back. Eigenvalues stay "
                "positive: the others are at",
                Relation(2 + best.subs({_sum_off: -1, _kept: _n - 1}), "=", 2 - 1 / (_n + 1)),
                "exact",
                shown=r"2 - \frac{1}{n + 1}",
            ),
        ),
        _BOX,
        assumptions=("n >= 2 inputs with law N(0, 1); T = diag(2, ..., 2, -1)",),
        theorems=(_hoffman_wielandt(),),
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, on spurious valleys",
        shown={"result": r"\mathrm{barrier} = 2 + \frac{2}{n + 1}"},
    )


@cache
def one_quadratic_unit() -> Derivation:
    r"""Derive the two valleys of one quadratic unit with the loss |u w w' - diag(2, -1)|^2 on matrices.

    The sign of u cannot change without passing the output 0: minima 1 (u > 0) and 4 (u < 0), wall 5. So the sublevel
    sets have two components for levels in [4, 5).

    Returns:
        A derivation; the value is the wall, the parts are "global" and "valley".

    Examples:
        >>> one_quadratic_unit().value, [part.rhs for part in one_quadratic_unit().parts.values()]
        (5, [1, 4])
    """
    u, r, tau = sp.symbols("u r tau", real=True)
    cosine, sine = (1 - tau**2) / (1 + tau**2), 2 * tau / (1 + tau**2)
    w = r * sp.Matrix([cosine, sine])
    loss = _norm(u * w * w.T - sp.diag(2, -1))
    form = 2 * cosine**2 - sine**2
    return Derivation(
        "Two valleys of one quadratic unit",
        sp.Eq(sp.Symbol("wall"), sp.Integer(5)),
        (
            Step(
                "With w = r (cos, sin) the loss is a square and a function of the angle.",
                Relation(loss, "=", (u * r**2 - form) ** 2 + 5 - form**2),
                "exact",
                shown=r"L = (u r^2 - f)^2 + 5 - f^2, \quad f = 2 \cos^2 - \sin^2",
            ),
            Step(
                "f runs from -1 to 2: f + 1 = 3 cos^2 and 2 - f = 3 sin^2.",
                Relation(sp.Tuple(form + 1, 2 - form), "=", sp.Tuple(3 * cosine**2, 3 * sine**2)),
                "exact",
                shown=r"f + 1 = 3 \cos^2, \quad 2 - f = 3 \sin^2",
            ),
            Step(
                "For u > 0 the least loss has f = 2 = u r^2:",
                Relation(loss.subs({tau: 0, u: 2, r: 1}), "=", 1),
                "exact",
                shown=r"5 - 2^2 = 1",
            ),
            Step(
                "For u < 0 it has f = -1 = u r^2; with f > 0 the loss is above 5.",
                Relation(loss.subs({tau: 1, u: -1, r: 1}), "=", 4),
                "exact",
                shown=r"5 - (-1)^2 = 4",
            ),
            Step("Where u = 0 the loss is", Relation(loss.subs(u, 0), "=", 5), "exact", shown=r"2^2 + 1^2 = 5"),
            Step(
                "the top of the straight way from u = -1, f = -1.",
                Relation(loss.subs({tau: 1, r: 1, u: -sp.Symbol("t", positive=True)}), "<", 5),
                "exact",
                shown=r"(1 - t)^2 + 4 < 5",
                domain=Domain(t=(0, 1)),
            ),
        ),
        Domain(),
        parts={
            "global": sp.Eq(sp.Symbol("L_least"), sp.Integer(1)),
            "valley": sp.Eq(sp.Symbol("valley"), sp.Integer(4)),
        },
        titles={
            "global": "loss of the global minimum",
            "valley": "loss of the other valley",
        },
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, on spurious valleys",
        shown={"result": r"\mathrm{wall} = 5", "global": r"L_{\min} = 1", "valley": r"\mathrm{valley} = 4"},
    )


def _loss() -> sp.Expr:
    """The loss where k eigenvalues of T are kept with a shift c and the others are replaced by 0."""
    return 2 * (_kept * _shift**2 + _squares_off) + (_kept * _shift - _sum_off) ** 2


def _best_shift() -> sp.Expr:
    return _sum_off / (_kept + 2)


def _level() -> sp.Expr:
    return 2 * _squares_off + 2 * _sum_off**2 / (_kept + 2)


def _level_step(level: sp.Expr, best: sp.Expr) -> Step:
    return Step(
        "Let k eigenvalues of T be kept, but for a shift c, and the others be replaced by 0; q and s are the sums of "
        "their squares and of themselves. At c = s/(k + 2) the loss is",
        Relation(_loss().subs(_shift, best), "=", level),
        "exact",
        shown=r"L = 2 (k c^2 + q) + (k c - s)^2 = 2 q + \frac{2 s^2}{k + 2}",
        domain=Domain(k=(0, sp.oo)),
    )


def gaussian_loss_step() -> Step:
    """E (x'B x)^2, here for two inputs, by the moments of the normal law."""
    x = sp.symbols("x_1 x_2", real=True)
    b = sp.symbols("b_11 b_12 b_22", real=True)
    matrix = sp.Matrix([[b[0], b[1]], [b[1], b[2]]])
    form = sp.Poly((sp.Matrix([x]) * matrix * sp.Matrix(x))[0] ** 2, *x)
    moments = {0: 1, 1: 0, 2: 1, 3: 0, 4: 3}
    mean = sum(
        (factor * sp.Mul(*(moments[power] for power in powers)) for powers, factor in form.terms()), sp.Integer(0)
    )
    return Step(
        "The mean over normal inputs (here two; in general by pairings):",
        Relation(mean, "=", 2 * _norm(matrix) + matrix.trace() ** 2),
        "exact",
        shown=r"E (x^{T} B x)^2 = 2 |B|^2 + (\mathrm{tr} B)^2",
    )


def _hoffman_wielandt() -> Theorem:
    a, b = sp.symbols("a b", real=True)
    m = sp.Matrix(2, 2, sp.symbols("w_11 w_12 w_21 w_22", real=True))
    return Theorem(
        "The Hoffman-Wielandt theorem",
        "For symmetric matrices $|A - T|^2$ is at least the sum of squares of the differences of sorted eigenvalues.",
        "Horn and Johnson, Matrix Analysis, section 6.3",
        (
            Step(
                "A is symmetric, and the trace of A - T depends on the eigenvalues alone: the least loss for given "
                "eigenvalues has A diagonal, sorted like T.",
                Relation(sp.expand(m * sp.diag(a, b) * m.T), "=", sp.expand((m * sp.diag(a, b) * m.T).T)),
                "exact",
                shown=r"A = A^{T}",
            ),
        ),
    )


def _signed_eigenvalues() -> Sequence[sp.Expr]:
    best = _best_shift()
    return (
        2 + best.subs({_sum_off: -1, _kept: _n - 1}),
        2 + best.subs({_sum_off: 2, _kept: _n - 1}),
        1 - best.subs({_sum_off: 2, _kept: _n - 1}),
        2 + best.subs({_sum_off: 1, _kept: _n - 2}),
    )


def _at_valley() -> sp.Tuple:
    """Loss and gradient by all parameters at a parameter in the valley, for n = 2 and 3, from the definition."""
    found: list[sp.Expr] = []
    for size in (2, 3):
        outer = sp.symbols(f"u_1:{size}", real=True)
        columns = [sp.Matrix(sp.symbols(f"w_{unit}_1:{size + 1}", real=True)) for unit in range(size - 1)]
        matrix = sum((u * w * w.T for u, w in zip(outer, columns, strict=True)), sp.zeros(size, size))
        gap = matrix - sp.diag(*[2] * (size - 1), -1)
        loss = sp.expand(2 * _norm(gap) + gap.trace() ** 2)
        shift = sp.Rational(2, size + 1)
        places = [*range(size - 2), size - 1]  # the first 2s and the -1
        point: dict[sp.Symbol, sp.Expr] = {}
        for u, w, place in zip(outer, columns, places, strict=True):
            point[u] = (2 if place < size - 1 else -1) + shift
            point |= {entry: sp.Integer(row == place) for row, entry in enumerate(w)}
        weights = [*outer, *(entry for w in columns for entry in w)]
        found += [loss.subs(point), *(loss.diff(weight).subs(point) for weight in weights)]
    return sp.Tuple(*found)


def _norm(matrix: sp.MatrixBase) -> sp.Expr:
    return sum((entry**2 for entry in matrix), sp.Integer(0))
