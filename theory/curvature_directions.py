r"""Curvature along directions: its extremes are the eigenvalues of the Hessian, its sum over axes their sum.

Conventions: the curvature of f along a unit direction u is the second derivative of f(w + s u) by s at 0, which is
u'Hu with the Hessian H at w. In the plane H has the entries a, b (twice) and c, and the direction of angle t is
(cos t, sin t), written with tau = tan(t/2) as ((1 - tau^2)/(1 + tau^2), 2 tau/(1 + tau^2)), which leaves out only
t = pi, the same line as t = 0. In n dimensions c_i are the coordinates of u along the eigenvectors, and eigenvalues
descend: lambda_1 is the largest.
"""

from functools import cache
from itertools import product

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation
from theory.symbols import n

__all__ = ["plane_curvatures", "principal_curvatures"]

_a, _b, _c, _tau, _s, _theta = sp.symbols("a b c tau s theta", real=True)
_PLANE = Domain(a=(-sp.oo, sp.oo), b=(-sp.oo, sp.oo), c=(-sp.oo, sp.oo), tau=(-sp.oo, sp.oo))
_KAPPA = r"\kappa(t) = a \cos^2 t + 2 b \cos t \sin t + c \sin^2 t"
_LARGEST = r"\frac{a + c}{2} + \sqrt{\left(\frac{a - c}{2}\right)^2 + b^2}"
_LEAST = r"\frac{a + c}{2} - \sqrt{\left(\frac{a - c}{2}\right)^2 + b^2}"
_i, _k = sp.symbols("i k", integer=True, positive=True)
_eigenvalue, _coordinate = sp.Function("lambda"), sp.Function("c")


@cache
def plane_curvatures() -> Derivation:
    r"""Derive the extreme curvatures of a function of two weights, and the directions in which they lie.

    .. math:: \lambda_{1, 2} = \frac{a + c}{2} \pm \sqrt{\Bigl(\frac{a - c}{2}\Bigr)^2 + b^2}, \qquad
              \tan 2t = \frac{2b}{a - c}

    Returns:
        A derivation for every symmetric 2 x 2 matrix. The value is the pair, the largest first; the parts are "sum",
        the sum of the curvatures along any two perpendicular directions, "product", and "equal axes", the largest
        curvature where both axes have the curvature a.

    Examples:
        >>> plane_curvatures().at(a=2, b=2, c=2)
        (4, 0)
    """
    hessian = sp.ImmutableMatrix([[_a, _b], [_b, _c]])
    mean, half = (_a + _c) / 2, (_a - _c) / 2
    radius = sp.sqrt(half**2 + _b**2)
    first, second = mean + radius, mean - radius
    cosine, sine = (1 - _tau**2) / (1 + _tau**2), 2 * _tau / (1 + _tau**2)
    along, across = sp.ImmutableMatrix([cosine, sine]), sp.ImmutableMatrix([-sine, cosine])
    double_cosine, double_sine = cosine**2 - sine**2, 2 * sine * cosine
    curvature = (along.T * hessian * along)[0]
    perpendicular = (across.T * hessian * across)[0]
    off = half * double_sine - _b * double_cosine
    strongest, weakest = sp.ImmutableMatrix([_b, radius - half]), sp.ImmutableMatrix([radius - half, -_b])
    equal = first.subs(_c, _a)
    unknown = sp.Symbol("lambda")
    return Derivation(
        "The eigenvalues of a 2 x 2 Hessian are the extreme curvatures along directions",
        sp.Eq(sp.Tuple(*sp.symbols("lambda_1 lambda_2")), sp.Tuple(first, second), evaluate=False),
        (
            Step(
                "The second derivative of a function along (cos t, sin t), third derivatives included, is u'Hu.",
                Relation(_along_a_line(cosine, sine), "=", curvature),
                "exact",
                shown=_KAPPA,
            ),
            Step(
                "The roots of the characteristic polynomial.",
                Relation(sp.expand((unknown - first) * (unknown - second)), "=", hessian.charpoly(unknown).as_expr()),
                "exact",
                lambda: unknown**2 - (_a + _c) * unknown + _a * _c - _b**2,
                shown=r"\det(\lambda - H) = (\lambda - \lambda_1)(\lambda - \lambda_2), \quad \lambda_{1, 2} = "
                r"\frac{a + c}{2} \pm \sqrt{\left(\frac{a - c}{2}\right)^2 + b^2}",
            ),
            Step(
                "No direction leaves the interval between them: the square of the distance from its middle.",
                Relation((curvature - mean) ** 2, "=", radius**2 - off**2),
                "exact",
                shown=r"\left(\kappa(t) - \frac{a + c}{2}\right)^2 = \left(\frac{a - c}{2}\right)^2 + b^2"
                r" - \left(\frac{a - c}{2} \sin 2t - b \cos 2t\right)^2",
            ),
            Step(
                "The ends are reached where the last square is 0. It is the part of Hu across u: u is an eigenvector.",
                Relation((across.T * hessian * along)[0], "=", -off),
                "exact",
                shown=r"u_{\perp}^{T} H u = b \cos 2t - \frac{a - c}{2} \sin 2t = 0"
                r" \quad \Leftrightarrow \quad \tan 2t = \frac{2b}{a - c}",
            ),
            Step(
                "Half of the slope of the curvature by the angle is that part: the extremes are where it vanishes.",
                Relation(curvature.diff(_tau) * (1 + _tau**2) / 4, "=", -off),
                "exact",
                shown=r"\frac{1}{2} \kappa'(t) = b \cos 2t - \frac{a - c}{2} \sin 2t",
            ),
            Step(
                "The direction of the largest curvature.",
                Relation(hessian * strongest, "=", first * strongest),
                "exact",
                shown=r"H v_1 = \lambda_1 v_1, \quad v_1 = \left(b, \lambda_1 - a\right)",
            ),
            Step(
                "The direction of the least.",
                Relation(hessian * weakest, "=", second * weakest),
                "exact",
                shown=r"H v_2 = \lambda_2 v_2, \quad v_2 = \left(\lambda_1 - a, -b\right)",
            ),
            Step(
                "The two are perpendicular.",
                Relation((strongest.T * weakest)[0], "=", 0),
                "exact",
                shown=r"v_1 \cdot v_2 = 0",
            ),
            Step(
                "Along any two perpendicular directions the curvatures add up to the trace.",
                Relation(curvature + perpendicular, "=", _a + _c),
                "exact",
                lambda: first + second,
                shown=r"\kappa(t) + \kappa\left(t + \frac{\pi}{2}\right) = a + c = \lambda_1 + \lambda_2",
            ),
            Step(
                "The product of the eigenvalues is the determinant.",
                Relation(first * second, "=", _a * _c - _b**2),
                "exact",
                lambda: hessian.det(),
                shown=r"\lambda_1 \lambda_2 = a c - b^2",
            ),
            Step(
                "If both axes have the curvature a, the largest is a + b, for b > 0 along the diagonal,",
                Relation(equal, "=", _a + _b),
                "exact",
                lambda: (sp.ones(1, 2) * hessian.subs(_c, _a) * sp.ones(2, 1))[0] / 2,
                shown=r"\lambda_1 = a + b \quad (c = a, \ b > 0)",
                domain=_UP,
            ),
            Step(
                "so that both axes lie below it.", Relation(_a, "<", equal), "exact", shown=r"a < \lambda_1", domain=_UP
            ),
            Step(
                "For instance with all second derivatives 2: both axes have the curvature 2, the diagonal 4.",
                Relation(sp.Tuple(first, second).subs({_a: 2, _b: 2, _c: 2}), "=", sp.Tuple(4, 0)),
                "exact",
                shown=r"a = b = c = 2: \quad \lambda_1 = 4, \quad \lambda_2 = 0",
            ),
            _pair(first, second),
        ),
        _PLANE,
        parts={
            "sum": sp.Eq(sp.Symbol("tr H"), _a + _c),
            "product": sp.Eq(sp.Symbol("det H"), _a * _c - _b**2),
            "equal axes": sp.Eq(sp.Symbol("lambda_1"), _a + _b),
        },
        titles={
            "sum": "sum of two perpendicular curvatures",
            "product": "product of the eigenvalues",
            "equal axes": "largest eigenvalue with equal axes",
        },
        assumptions=(
            "the function is twice differentiable at the weights",
            "directions are given by tau, the tangent of half the angle t to the first axis",
            "b is not 0, where v_1 and v_2 are named; with b = 0 the axes are principal, with a = c every direction is",
        ),
        source="Edinburgh, Machine Learning Theory, slide Curvature directions; Horn and Johnson, section 4.2",
        shown={
            "result": rf"\lambda_1 = {_LARGEST}, \quad \lambda_2 = {_LEAST}",
            "sum": r"\kappa(t) + \kappa\left(t + \frac{\pi}{2}\right) = \mathrm{tr} H = a + c",
            "product": r"\lambda_1 \lambda_2 = \det H = a c - b^2",
            "equal axes": r"\lambda_1 = a + b \quad (c = a, \ b > 0)",
        },
    )


_UP = Domain(a=(-sp.oo, sp.oo), b=(0, sp.oo))


def _pair(first: sp.Expr, second: sp.Expr) -> Step:
    """The two eigenvalues together, against sympy's own."""
    matrix = sp.Matrix([[_a, _b], [_b, _c]])
    return Step(
        "Both together, the largest first.",
        Relation(sp.Tuple(first, second), "=", sp.Tuple(first, second)),
        "exact",
        lambda: sp.Tuple(
            *sorted(matrix.eigenvals(), key=lambda root: -float(root.subs({_a: 1, _b: 1, _c: 2}).evalf()))
        ),
        shown=rf"\lambda_1 = {_LARGEST}, \quad \lambda_2 = {_LEAST}",
    )


def _along_a_line(cosine: sp.Expr, sine: sp.Expr) -> sp.Expr:
    """The second derivative at s = 0 along a line of a function known to third order."""
    value, slope, other, *third = sp.symbols("f f_x f_y f_xxx f_xxy f_xyy f_yyy", real=True)
    x, y = _s * cosine, _s * sine
    cubic = sum(weight * x ** (3 - power) * y**power for power, weight in enumerate(third))
    whole = value + slope * x + other * y + (_a * x**2 + 2 * _b * x * y + _c * y**2) / 2 + cubic
    return whole.diff(_s, 2).subs(_s, 0)


@cache
def principal_curvatures() -> Derivation:
    r"""Derive that the eigenvalues of a Hessian are its extreme curvatures and that their sum is the trace.

    .. math:: \kappa(u) = u^T H u = \sum_i \lambda_i c_i^2, \qquad \lambda_n \le \kappa(u) \le \lambda_1, \qquad
              \sum_j \kappa(u_j) = \mathrm{tr}\, H = \sum_i \lambda_i

    for unit u and orthonormal bases u_j. With random signs z in place of a basis the mean of z'Hz is the trace as well.

    Returns:
        A derivation for any number of weights. The value is the curvature; the parts are "one neuron", the largest
        curvature of (w_1 + ... + w_n)^2/2, whose axes all have the curvature 1, and "variance", that of z'Hz for
        independent random signs z.

    Examples:
        >>> principal_curvatures().evidence
        'exact'
    """
    eigenvalue, coordinate, other = _eigenvalue(_i), _coordinate(_i), sp.Function("e")(_i)
    everywhere, later = (_i, 1, n), (_i, _k, n)
    curvature = sp.Sum(eigenvalue * coordinate**2, everywhere)
    norm = sp.Sum(coordinate**2, everywhere)
    moved = sp.Sum(eigenvalue * (sp.Function("x")(_i) + _s * coordinate) ** 2, everywhere) / 2
    turned = sp.Sum(eigenvalue * (coordinate + _s * other) ** 2, everywhere)
    ones = sp.Sum(1, (sp.Symbol("j", integer=True), 1, n)).doit()
    entries, matrix = _symmetric()
    signs = [sp.Matrix(choice) for choice in product((1, -1), repeat=3)]
    forms = [sp.expand((z.T * matrix * z)[0]) for z in signs]
    mean = sum(forms, sp.Integer(0)) / len(forms)
    variance = sp.expand(sum(((form - matrix.trace()) ** 2 for form in forms), sp.Integer(0)) / len(forms))
    frobenius = sum((entry**2 for entry in matrix), sp.Integer(0))
    off_diagonal = 2 * (frobenius - sum((matrix[j, j] ** 2 for j in range(3)), sp.Integer(0)))
    return Derivation(
        "The eigenvalues of the Hessian are the principal curvatures, and the trace is their sum",
        sp.Eq(sp.Symbol("kappa"), curvature),
        (
            Step(
                "Along a line the second derivative is a sum over the eigenvectors, by the squares of coordinates.",
                Relation(moved.diff(_s, 2).doit(), "=", curvature),
                "exact",
                shown=r"\kappa(u) = \frac{d^2}{ds^2} \frac{1}{2} \sum_{i=1}^{n} \lambda_i (x_i + s c_i)^2"
                r" = \sum_{i=1}^{n} \lambda_i c_i^2",
            ),
            Step(
                "It is at most the largest eigenvalue: the difference is a sum of terms that are not negative,",
                Relation(
                    _eigenvalue(1) * norm - curvature,
                    "=",
                    sp.Sum((_eigenvalue(1) - eigenvalue) * coordinate**2, everywhere),
                ),
                "exact",
                shown=r"\lambda_1 \sum_i c_i^2 - \kappa(u) = \sum_{i=1}^{n} (\lambda_1 - \lambda_i) c_i^2 \ge 0",
            ),
            Step(
                "and at least the least one.",
                Relation(
                    curvature - _eigenvalue(n) * norm,
                    "=",
                    sp.Sum((eigenvalue - _eigenvalue(n)) * coordinate**2, everywhere),
                ),
                "exact",
                shown=r"\kappa(u) - \lambda_n \sum_i c_i^2 = \sum_{i=1}^{n} (\lambda_i - \lambda_n) c_i^2 \ge 0",
            ),
            Step(
                "Among directions perpendicular to the first k - 1 eigenvectors the largest curvature is the k-th.",
                Relation(
                    _eigenvalue(_k) * sp.Sum(coordinate**2, later) - sp.Sum(eigenvalue * coordinate**2, later),
                    "=",
                    sp.Sum((_eigenvalue(_k) - eigenvalue) * coordinate**2, later),
                ),
                "exact",
                shown=r"\lambda_k \sum_{i=k}^{n} c_i^2 - \kappa(u) = \sum_{i=k}^{n} (\lambda_k - \lambda_i) c_i^2 \ge 0"
                r" \quad (c_1 = \ldots = c_{k-1} = 0)",
            ),
            Step(
                "Turning u towards a perpendicular direction e changes it at the rate 2 e'Hu: 0 for all e only if u is "
                "an eigenvector.",
                Relation(
                    turned.diff(_s).subs(_s, 0).doit(), "=", 2 * sp.Sum(eigenvalue * coordinate * other, everywhere)
                ),
                "exact",
                shown=r"\frac{d}{ds} \kappa(u + s e) = 2 \sum_{i=1}^{n} \lambda_i c_i e_i = 2 e^{T} H u \quad (s = 0)",
            ),
            Step(
                "The axes need not show it: all second derivatives of (w_1 + ... + w_n)^2/2 are 1, and H^2 = n H.",
                Relation(ones, "=", n),
                "exact",
                lambda: (
                    sp.Sum(1 / sp.sqrt(n), (_i, 1, n)).doit() ** 2
                ),  # (w_1 + ... + w_n)^2 at the unit vector of the diagonal
                shown=r"H_{ij} = 1, \quad (H^2)_{ij} = \sum_{k=1}^{n} 1 = n = n H_{ij}, \quad \lambda_1 = n",
            ),
            Step(
                "Random signs z: the mean of z'Hz over all of them is the trace (three weights).",
                Relation(mean, "=", matrix.trace()),
                "exact",
                shown=r"E z^{T} H z = \sum_{i, j} H_{ij} E z_i z_j = \sum_i H_{ii} = \mathrm{tr} H",
            ),
            Step(
                "Its variance comes from the entries off the diagonal (three weights).",
                Relation(variance, "=", sp.expand(off_diagonal)),
                "exact",
                lambda: 4 * (entries["ab"] ** 2 + entries["ac"] ** 2 + entries["bc"] ** 2),
                shown=r"\mathrm{Var}\, z^{T} H z = 2 \sum_{i \neq j} H_{ij}^2",
            ),
        ),
        Domain(n=(0, sp.oo)),
        parts={
            "one neuron": sp.Eq(sp.Symbol("lambda_1"), n),
            "variance": sp.Eq(sp.Symbol("Var"), sp.expand(off_diagonal)),
        },
        titles={
            "one neuron": "largest curvature of one neuron",
            "variance": "variance of the quadratic form",
        },
        assumptions=("the function is twice continuously differentiable at the weights",),
        theorems=(_spectral_theorem(), _trace_theorem()),
        source="Horn and Johnson, Matrix Analysis, section 4.2 (Courant and Fischer); Hutchinson (1989)",
        shown={
            "result": r"\kappa(u) = u^{T} H u = \sum_{i=1}^{n} \lambda_i c_i^2",
            "variance": r"\mathrm{Var}\, z^{T} H z = 2 \sum_{i \neq j} H_{ij}^2 \quad (n = 3)",
        },
    )


def _symmetric() -> tuple[dict[str, sp.Symbol], sp.ImmutableMatrix]:
    """A symmetric matrix of size three with free entries."""
    names = ("aa", "ab", "ac", "bb", "bc", "cc")
    entries = {name: sp.Symbol(f"H_{name}", real=True) for name in names}
    rows = [["aa", "ab", "ac"], ["ab", "bb", "bc"], ["ac", "bc", "cc"]]
    return entries, sp.ImmutableMatrix([[entries[name] for name in row] for row in rows])


def _rotation() -> sp.ImmutableMatrix:
    """A rotation of space by a quaternion (1, x, y, z): all but the half-turns, which are limits of these."""
    x, y, z = sp.symbols("x y z", real=True)
    cross = sp.Matrix([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return sp.ImmutableMatrix(sp.eye(3) + 2 * (cross + cross**2) / (1 + x**2 + y**2 + z**2))


def _spectral_theorem() -> Theorem:
    x, y = sp.symbols("theta_i theta_j", real=True)
    cubic = sum(sp.Symbol(f"f_{p}{q}", real=True) * x**p * y**q for p in range(4) for q in range(4 - p))
    return Theorem(
        "the spectral theorem",
        "A real symmetric matrix has an orthonormal basis of eigenvectors, with real eigenvalues.",
        "Horn and Johnson, Matrix Analysis, theorem 4.1.5",
        (
            Step(
                "The Hessian is symmetric (of a function known to third order).",
                Relation(cubic.diff(x).diff(y), "=", cubic.diff(y).diff(x)),
                "exact",
                shown=r"\frac{\partial}{\partial \theta_j} \frac{\partial f}{\partial \theta_i}"
                r" = \frac{\partial}{\partial \theta_i} \frac{\partial f}{\partial \theta_j}",
            ),
        ),
    )


def _trace_theorem() -> Theorem:
    _, matrix = _symmetric()
    rotation = _rotation()
    total = sum(((rotation.col(j).T * matrix * rotation.col(j))[0] for j in range(3)), sp.Integer(0))
    return Theorem(
        "the trace does not depend on the orthonormal basis",
        "$\\sum_j u_j^T H u_j = \\mathrm{tr}\\, U^T H U = \\mathrm{tr}\\, H U U^T = \\mathrm{tr}\\, H$, which in the "
        "basis of eigenvectors is the sum of the eigenvalues.",
        "Horn and Johnson, Matrix Analysis, section 1.3",
        (
            Step(
                "The columns of a rotation of space are orthonormal.",
                Relation(rotation.T * rotation, "=", sp.eye(3)),
                "exact",
                shown=r"U^{T} U = 1",
            ),
            Step(
                "The curvatures along them add up to the trace, for every rotation.",
                Relation(total, "=", matrix.trace()),
                "exact",
                shown=r"\sum_j u_j^{T} H u_j = \mathrm{tr} H",
            ),
        ),
    )
