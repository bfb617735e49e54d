r"""Weight normalisation: rescaling a direction changes the curvature in the direction, and not that in the scale.

Conventions: w = s v / |v| with a direction v other than 0 and a scale s > 0, the weights of one unit; a loss L depends
on them through w alone. T_alpha: v -> alpha v for alpha > 0; T_alpha leaves w as it is, while alpha < 0 turns w to -w.
u = v / |v|, and P = 1 - u u' takes off the part along u. g and H are the gradient and Hessian of L by w, g_v, g_s,
H_vv, H_vs, H_ss those by v and s.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import exact_number, listed
from theory.proof import Relation
from theory.rescaling.block_matrix import symmetric_matrix

__all__ = ["weight_normalised_curvature", "weight_normalised_hessian"]

_SOURCE = "Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933, on weight normalisation, corrected"
_alpha, _scale, _v1, _v2 = sp.symbols("alpha s v_1 v_2", positive=True)
_eps, _length = sp.symbols("epsilon r", positive=True)
_NAMES = ("g_1", "g_2", "h_11", "h_12", "h_22")


def weight_normalised_curvature(
    direction: Sequence[object], scale: object, gradient: Sequence[object], hessian: Any
) -> tuple[tuple[sp.Expr, ...], sp.ImmutableMatrix]:
    r"""Return gradient and Hessian by (v, s) from those by the weights w = s v / |v|, exactly.

    .. math:: g_v = \tfrac{s}{|v|} P g, \quad H_{ss} = u^T H u, \quad H_{vs} = \tfrac{1}{|v|} P (g + s H u), \quad
              H_{vv} = \tfrac{s^2}{|v|^2} P H P - \tfrac{s}{|v|^2} (P g \, u^T + u \, (P g)^T + (u \cdot g) P)

    Args:
        direction: v, exact numbers, not all 0.
        scale: s, an exact number.
        gradient: g, exact numbers, as many as v has.
        hessian: H, a symmetric matrix of rational numbers, or a sequence of rows.

    Returns:
        The entries of the gradient, first those of v, then that of s, and the Hessian in the same order.

    Raises:
        ValueError: If v is 0, the sizes differ or the matrix is malformed.
        TypeError: If an entry is not a number.

    Examples:
        >>> weight_normalised_curvature([2, 0], 1, [0, 0], [[3, 0], [0, 4]])
        ((0, 0, 0), Matrix([
        [0, 0, 0],
        [0, 1, 0],
        [0, 0, 3]]))
    """
    v = sp.Matrix([exact_number("an entry of direction", x) for x in listed("direction", direction)])
    g = sp.Matrix([exact_number("an entry of gradient", x) for x in listed("gradient", gradient)])
    h, s = sp.Matrix(symmetric_matrix(hessian, "hessian")), exact_number("scale", scale)
    if not any(v):
        raise ValueError("direction must not be 0.")
    if not v.rows == g.rows == h.rows:
        raise ValueError(f"direction, gradient and hessian must have one size, got {v.rows}, {g.rows} and {h.rows}.")
    return _by_formula(v, s, g, h)


@cache
def weight_normalised_hessian() -> Derivation:
    r"""Derive how the Hessian changes under v -> alpha v, and what a trainable scale leaves of infinitely flat minima.

    .. math:: H(\alpha v, s) = \begin{pmatrix} H_{vv} / \alpha^2 & H_{vs} / \alpha \\ H_{sv} / \alpha & H_{ss}
              \end{pmatrix}, \qquad v \cdot g_v = 0, \qquad H_{vv} v = - g_v

    Small alpha makes H as large as you like. Large alpha makes H_vv as small as you like, but the largest eigenvalue
    never falls below that of H_ss: only with a fixed scale there are infinitely flat minima.

    Returns:
        A derivation; the value is the Hessian for one entry of v. The parts are "volume", the factor of volumes for n_v
        weights in v, "floor", H_ss for two weights, "flat", the largest curvature by directions for L = |w - w*|^2 / 2
        at the minimum, and "sharpness", the rise of that loss if the scale moves by epsilon.

    Examples:
        >>> weight_normalised_hessian().evidence
        'exact'
    """
    w = _weights(_v1, _v2, _scale)
    loss, g, h = _quadratic(w)
    v = sp.Matrix([_v1, _v2])
    gradient = sp.Matrix([loss.diff(x) for x in (_v1, _v2, _scale)])
    hessian = sp.ImmutableMatrix(sp.hessian(loss, (_v1, _v2, _scale)))
    at_w = dict(zip(sp.symbols("w_1 w_2", real=True), w, strict=True))
    by_formula = _by_formula(v, _scale, (g + h * sp.Matrix(list(at_w))).subs(at_w), h)
    scaled = {_v1: _alpha * _v1, _v2: _alpha * _v2}
    d = sp.diag(1 / _alpha, 1 / _alpha, 1)
    n, i = sp.symbols("n_v i", integer=True, positive=True)
    vv, vs, ss = sp.symbols("H_vv H_vs H_ss", real=True)
    small = sp.ImmutableMatrix([[vv / _alpha**2, vs / _alpha], [vs / _alpha, ss]])
    entries = sp.Tuple(small[0, 0], small[0, 1], small[1, 1])
    floor = sp.expand((w.T * h * w)[0] / _scale**2)
    flat = _scale**2 / (_alpha**2 * _length**2)
    rise = _eps**2 / 2
    return Derivation(
        "Weight normalisation: the curvature in the direction scales, that in the scale stays",
        sp.Eq(sp.Tuple(*sp.symbols("H_vv H_vs H_ss")), entries, evaluate=False),
        (
            Step(
                "Positive factors of v change no weight (two weights),",
                Relation(_weights(_alpha * _v1, _alpha * _v2, _scale), "=", sp.ImmutableMatrix(w)),
                "exact",
                lambda: sp.ImmutableMatrix(_by_angle(_v2 / _v1, _scale)),
                shown=r"w(\alpha v, s) = s \frac{\alpha v}{\alpha |v|} = w(v, s)",
            ),
            Step(
                "negative ones turn it round.",
                Relation(_weights(-_alpha * _v1, -_alpha * _v2, _scale), "=", -sp.ImmutableMatrix(w)),
                "exact",
                lambda: sp.ImmutableMatrix(-_by_angle(_v2 / _v1, _scale)),
                shown=r"w(- \alpha v, s) = - w(v, s)",
            ),
            Step(
                "Volumes grow with alpha, whatever the numbers of weights: n_v entries alpha, the scale stays.",
                Relation(sp.Product(_alpha, (i, 1, n)).doit(), "=", _alpha**n),
                "exact",
                lambda: sp.Product(1 / _alpha, (i, 1, n)).doit() ** -1,
                shown=r"\det D T_{\alpha} = \alpha^{n_v} \to \infty",
            ),
            Step(
                "Euler's identity: the derivative along v vanishes, for any quadratic loss of two weights.",
                Relation(_v1 * gradient[0] + _v2 * gradient[1], "=", 0),
                "exact",
                lambda: loss.subs(scaled).diff(_alpha).subs(_alpha, 1),
                shown=r"v \cdot g_v = 0",
            ),
            Step(
                "Once more by v:",
                Relation(sp.ImmutableMatrix(hessian[:2, :2] * v), "=", -sp.ImmutableMatrix(gradient[:2, :])),
                "exact",
                lambda: _along_orbit(gradient, scaled),
                shown=r"H_{vv} v = - g_v",
            ),
            Step(
                "and by s.",
                Relation((hessian[2, :2] * v)[0], "=", 0),
                "exact",
                shown=r"H_{sv} v = 0",
            ),
            Step(
                "The gradient by v and s, from that by w,",
                Relation(sp.ImmutableMatrix(gradient), "=", sp.ImmutableMatrix(list(by_formula[0]))),
                "exact",
                shown=r"g_v = \frac{s}{|v|} P g, \quad g_s = u \cdot g",
            ),
            Step(
                "and the Hessian, in blocks.",
                Relation(hessian, "=", by_formula[1]),
                "exact",
                shown=r"H_{vv} = \frac{s^2}{|v|^2} P H P - \frac{s}{|v|^2} (P g u^{T} + u g^{T} P + (u \cdot g) P),"
                r" \ H_{vs} = \frac{1}{|v|} P (g + s H u)",
            ),
            Step(
                "Three weights in the same way, at v = (1, 2, 2).",
                Relation(_three_weights(direct=True), "=", _three_weights(direct=False)),
                "exact",
                shown=r"|v| = 3, \quad \nabla^2 L(s v / |v|) = \left(\begin{array}{cc} H_{vv} & H_{vs} \\ H_{sv} &"
                r" H_{ss} \end{array}\right)",
            ),
            Step(
                "At alpha v every block of v has one more factor 1/alpha for each v.",
                Relation(hessian.subs(scaled, simultaneous=True), "=", sp.ImmutableMatrix(d * hessian * d)),
                "exact",
                shown=r"H(\alpha v, s) = D H(v, s) D, \quad D = \mathrm{diag}\left(\frac{1}{\alpha}, 1\right)",
            ),
            Step(
                "For one entry of v:",
                Relation(_three_entries(vv, vs, ss), "=", entries),
                "exact",
                lambda: sp.Tuple(*(vv, vs, ss)).subs({vv: vv * _alpha**-2, vs: vs * _alpha**-1}, simultaneous=True),
                shown=r"H(\alpha v, s) = \left(\begin{array}{cc} \alpha^{-2} H_{vv} & \alpha^{-1} H_{vs} \\"
                r" \alpha^{-1} H_{sv} & H_{ss} \end{array}\right)",
            ),
            Step(
                "The second derivative by the scale knows only the direction.",
                Relation(hessian[2, 2].subs(scaled, simultaneous=True), "=", floor),
                "exact",
                lambda: (sp.Matrix(_by_angle(_v2 / _v1, sp.Integer(1))).T * h * _by_angle(_v2 / _v1, sp.Integer(1)))[0],
                shown=r"H_{ss}(\alpha v, s) = u^{T} H u = H_{ss}(v, s)",
            ),
            Step(
                "It is what is left for large alpha: the largest eigenvalue is at least that of H_ss, and tends to it.",
                Relation(sp.ImmutableMatrix(small.subs(_alpha, 1 / _alpha)).subs(_alpha, 0), "=", sp.diag(0, ss)),
                "exact",
                shown=r"\lambda_1(H(\alpha v, s)) \ge \lambda_1(H_{ss}), \quad"
                r" \lim_{\alpha \to \infty} H(\alpha v, s) = \mathrm{diag}(0, H_{ss})",
            ),
            Step(
                "For L = |w - w*|^2 / 2 at its minimum, |v| = r: curvature 1 by the scale, s^2/(alpha r)^2 across v, "
                "0 along v.",
                Relation(_of_distance(), "=", sp.diag(0, flat, 1)),
                "exact",
                _of_distance_by_formula,
                shown=r"H = \mathrm{diag}\left(0, \frac{s^2}{\alpha^2 r^2}, 1\right)",
            ),
            Step(
                "Across v a step t along the circle of w costs (s t / (alpha r))^2 / 2.",
                Relation(_across(), "=", flat),
                "exact",
                lambda: _of_distance()[1, 1],
                shown=r"\kappa = \frac{s^2}{\alpha^2 r^2}",
            ),
            Step(
                "That takes any positive value, but 1 stays: above alpha = s/r it is the larger.",
                Relation(flat.subs(_alpha, _scale / _length * (1 + _eps)), "<", 1),
                "exact",
                shown=r"\frac{s^2}{\alpha^2 r^2} < 1 \quad \left(\alpha > \frac{s}{r}\right)",
            ),
            Step(
                "Nor does the sharpness in a ball of radius epsilon vanish: the scale alone raises the loss.",
                Relation(((_scale + _eps) - _scale) ** 2 / 2, "=", rise),
                "exact",
                lambda: sp.integrate(sp.Symbol("x", positive=True), (sp.Symbol("x", positive=True), 0, _eps)),
                shown=r"\max_{|\theta' - \theta| \le \epsilon} L(\theta') - L(\theta) \ge L(s + \epsilon) - L(s)"
                r" = \frac{\epsilon^2}{2}",
            ),
            Step(
                "It can be made large: with alpha = epsilon/(4r) the ball also holds -alpha v, with the weights -w.",
                Relation((2 * _alpha * _length).subs(_alpha, _eps / (4 * _length)), "<", _eps),
                "exact",
                shown=r"|\alpha v - (- \alpha v)| = 2 \alpha r = \frac{\epsilon}{2} < \epsilon",
            ),
        ),
        Domain(alpha=(0, sp.oo), s=(0, sp.oo), v_1=(0, sp.oo), v_2=(0, sp.oo), epsilon=(0, sp.oo), r=(0, sp.oo)),
        parts={
            "volume": sp.Eq(sp.Symbol("det"), _alpha**n),
            "floor": sp.Eq(sp.Symbol("H_ss"), floor),
            "flat": sp.Eq(sp.Symbol("kappa"), flat),
            "sharpness": sp.Eq(sp.Symbol("rise"), rise),
        },
        titles={
            "volume": "factor of volumes",
            "floor": "bound on the largest curvature",
            "flat": "largest curvature by directions",
            "sharpness": "rise along the scale",
        },
        assumptions=(
            "the loss depends on v and s through w = s v/|v| alone and is twice differentiable there",
            "alpha is positive: a negative one changes the weights to their negatives",
            "the steps with two weights are for v with positive entries; the others follow by turning the axes",
        ),
        theorems=(_principal(),),
        source=_SOURCE,
        shown={
            "result": r"H(\alpha v, s) = \left(\begin{array}{cc} \alpha^{-2} H_{vv} & \alpha^{-1} H_{vs} \\"
            r" \alpha^{-1} H_{sv} & H_{ss} \end{array}\right)",
            "volume": r"\det D T_{\alpha} = \alpha^{n_v}",
            "floor": r"\lambda_1 \ge H_{ss} = u^{T} H u",
            "flat": r"\kappa = \frac{s^2}{\alpha^2 r^2}",
            "sharpness": r"L(s + \epsilon) - L(s) = \frac{\epsilon^2}{2}",
        },
    )


def _weights(v1: sp.Expr, v2: sp.Expr, s: sp.Expr) -> sp.ImmutableMatrix:
    return sp.ImmutableMatrix([v1, v2]) * s / sp.sqrt(v1**2 + v2**2)


def _by_angle(slope: sp.Expr, s: sp.Expr) -> sp.Matrix:
    """The weights by the tangent of the angle of v."""
    return sp.Matrix([1, slope]) * s / sp.sqrt(1 + slope**2)


def _quadratic(w: sp.ImmutableMatrix) -> tuple[sp.Expr, sp.Matrix, sp.Matrix]:
    """A quadratic loss of two weights with free coefficients, its linear part and its Hessian."""
    g1, g2, p, q, r = sp.symbols(" ".join(_NAMES), real=True)
    g, h = sp.Matrix([g1, g2]), sp.Matrix([[p, q], [q, r]])
    return (g.T * w)[0] + (w.T * h * w)[0] / 2, g, h


def _by_formula(v: sp.Matrix, s: sp.Expr, g: sp.Matrix, h: sp.Matrix) -> tuple[tuple[sp.Expr, ...], sp.ImmutableMatrix]:
    """Gradient and Hessian by v and s from those by w."""
    length = sp.sqrt((v.T * v)[0])
    u = v / length
    project = sp.eye(v.rows) - u * u.T
    across, along = project * g, (u.T * g)[0]
    first = s / length * across
    vv = (s**2 * project * h * project - s * (across * u.T + u * across.T + along * project)) / length**2
    vs = (across + s * project * h * u) / length
    whole = sp.Matrix.vstack(sp.Matrix.hstack(vv, vs), sp.Matrix.hstack(vs.T, u.T * h * u))
    return (*first, along), sp.ImmutableMatrix(whole)


def _along_orbit(gradient: sp.Matrix, scaled: dict[sp.Symbol, sp.Expr]) -> sp.ImmutableMatrix:
    """The derivative of the gradient by v along alpha v at alpha = 1."""
    moved = gradient[:2, :].subs(scaled, simultaneous=True)
    return sp.ImmutableMatrix([entry.diff(_alpha).subs(_alpha, 1) for entry in moved])


def _three_entries(vv: sp.Symbol, vs: sp.Symbol, ss: sp.Symbol) -> sp.Tuple:
    """The second derivatives of a quadratic of (v / alpha, s)."""
    x, y = sp.symbols("x y", real=True)
    form = (vv * (x / _alpha) ** 2 + 2 * vs * (x / _alpha) * y + ss * y**2) / 2
    return sp.Tuple(form.diff(x, 2), form.diff(x, y), form.diff(y, 2))


def _three_weights(*, direct: bool) -> sp.ImmutableMatrix:
    """The Hessian by (v, s) of a loss of three weights at v = (1, 2, 2), differentiated or by the formula."""
    g = sp.Matrix(sp.symbols("g_1:4", real=True))
    h = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"h_{min(i, j) + 1}{max(i, j) + 1}", real=True))
    point = (1, 2, 2)
    if not direct:
        v = sp.Matrix(point)
        return _by_formula(v, _scale, g + h * v * _scale / 3, h)[1]
    v = sp.Matrix(sp.symbols("v_1:4", real=True))
    w = v * _scale / sp.sqrt((v.T * v)[0])
    loss = (g.T * w)[0] + (w.T * h * w)[0] / 2
    return sp.ImmutableMatrix(sp.hessian(loss, (*v, _scale)).subs(dict(zip(v, point, strict=True))))


def _of_distance() -> sp.ImmutableMatrix:
    """The Hessian of |w - w*|^2 / 2 at w = w* = (s, 0), v = (alpha r, 0), by differentiating."""
    x, y, t = sp.symbols("x y t", real=True)
    length = sp.sqrt(x**2 + y**2)
    loss = ((t * x / length - _scale) ** 2 + (t * y / length) ** 2) / 2
    return sp.ImmutableMatrix(sp.hessian(loss, (x, y, t)).subs({x: _alpha * _length, y: 0, t: _scale}))


def _across() -> sp.Expr:
    """The curvature of the same loss along v = (alpha r, t): that of s^2 (1 - cos(angle)), the angle t/(alpha r)."""
    t = sp.Symbol("t", real=True)
    return sp.diff(_scale**2 * (1 - sp.cos(t / (_alpha * _length))), t, 2).subs(t, 0)


def _of_distance_by_formula() -> sp.ImmutableMatrix:
    return _by_formula(sp.Matrix([_alpha * _length, 0]), _scale, sp.zeros(2, 1), sp.eye(2))[1]


def _principal() -> Theorem:
    x, y, a, b, c = sp.symbols("x y a b c", real=True)
    return Theorem(
        "the largest eigenvalue is at least that of any principal block",
        "$\\lambda_1(A) \\ge x^T A x$ for every unit vector $x$, also for those that vanish outside the block.",
        "Horn and Johnson, Matrix Analysis, section 4.2",
        (
            Step(
                "On vectors without entries in v the form of H is that of H_ss (one entry in v, two scales).",
                Relation(
                    (sp.Matrix([[0, x, y]]) * _with_block(a, b, c) * sp.Matrix([0, x, y]))[0],
                    "=",
                    sp.expand(a * x**2 + 2 * b * x * y + c * y**2),
                ),
                "exact",
                shown=r"(0, x)^{T} H (0, x) = x^{T} H_{ss} x",
            ),
        ),
    )


def _with_block(a: sp.Symbol, b: sp.Symbol, c: sp.Symbol) -> sp.Matrix:
    vv, first, second = sp.symbols("H_vv H_vs1 H_vs2", real=True)
    x, y = first / _alpha, second / _alpha
    return sp.Matrix([[vv / _alpha**2, x, y], [x, a, b], [y, b, c]])
