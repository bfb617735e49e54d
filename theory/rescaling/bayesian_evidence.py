r"""Bayesian evidence does not change under rescaling if the prior moves along; with a fixed Gaussian prior it does.

Conventions: the evidence of a region R is the integral over R of exp(-L) times the prior density; L already holds the
number of samples. The prior moved by T has the density p(T^-1 theta) / det T. Around a minimum theta* of a quadratic
L = (theta - theta*)' H (theta - theta*) / 2 with a Gaussian prior of mean 0 and precision P (the inverse covariance)

.. math:: Z = \sqrt{\frac{\det P}{\det(H + P)}} \, \exp\Bigl(-\tfrac12 \theta^{*T} H (H + P)^{-1} P \, \theta^*\Bigr)

is the whole integral, which Laplace's method takes for any L. Moved by T, P becomes D P D with D the inverse of T.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_numbers import exact_number, listed
from theory.proof import Relation
from theory.rescaling.block_matrix import exact_eigenvalue_count, symmetric_matrix
from theory.rescaling.determinants import gaussian_integral, product_of_determinants
from theory.rescaling.diagonal_maps import layer_rescaling

__all__ = ["evidence_along_orbit", "laplace_evidence"]

_SOURCE = "MacKay (1992), Bayesian interpolation, for the evidence; the statement is that of a talk on arXiv:1703.04933"
_alpha, _h, _p, _x = sp.symbols("alpha h p x", positive=True)
_scale = sp.Symbol("det_D", positive=True)
_place, _real = sp.symbols("t y", real=True)


def laplace_evidence(hessian: Any, minimum: Sequence[object], precision: Any) -> sp.Expr:
    r"""Return the evidence of a quadratic loss around its minimum under a Gaussian prior of mean 0, exactly.

    Args:
        hessian: H, positive semidefinite with rational entries, n x n, or a sequence of rows.
        minimum: theta*, n exact numbers; the loss is 0 there.
        precision: P, positive definite with rational entries, n x n, or a sequence of rows.

    Returns:
        An exact number between 0 and 1.

    Raises:
        ValueError: If a matrix is malformed, the sizes differ, H has a negative eigenvalue or P one that is not
            positive.
        TypeError: If an entry is not a number.

    Examples:
        >>> laplace_evidence([[3]], [0], [[1]])
        1/2
        >>> laplace_evidence([[1, 1], [1, 1]], [1, 1], [[1, 0], [0, 1]])
        sqrt(3)*exp(-2/3)/3
    """
    h, p = symmetric_matrix(hessian, "hessian"), symmetric_matrix(precision, "precision")
    theta = sp.Matrix([exact_number("an entry of minimum", x) for x in listed("minimum", minimum)])
    if not h.rows == p.rows == theta.rows:
        raise ValueError(f"hessian, minimum and precision must have one size, got {h.rows}, {theta.rows} and {p.rows}.")
    if negative := exact_eigenvalue_count(h).below:
        raise ValueError(f"hessian must be positive semidefinite, got {negative} negative eigenvalues.")
    if exact_eigenvalue_count(p).above < p.rows:
        raise ValueError("precision must be positive definite, got an eigenvalue that is not positive.")
    return _evidence(sp.Matrix(h), theta, sp.Matrix(p))


@cache
def evidence_along_orbit() -> Derivation:
    r"""Derive the evidence along an orbit of rescalings: constant if the prior moves along, not with a fixed one.

    For y = v w and L = (v w - 1)^2 / 2 at w = alpha, v = 1/alpha with a standard Gaussian prior Laplace's evidence is

    .. math:: Z = \frac{1}{\sqrt{1 + \sigma}} \, e^{-2/(1 + \sigma)}, \qquad \sigma = \alpha^2 + \alpha^{-2}

    while with the prior moved along it is that at alpha = 1 throughout. Without a prior it is infinite: H is singular.

    Returns:
        A derivation; the value is Z with the fixed prior. The parts are "moved", with the prior moved along, "exact",
        the evidence of the region 0 < w < 1, 0 < v < 1 moved by T_alpha, with the weight w v and the prior
        exp(-w - v) fixed, "exact moved", with that prior moved along, and "small region", the change of log Z of a
        small region with a fixed standard Gaussian prior, for s_k = |theta_k|^2.

    Examples:
        >>> evidence_along_orbit().at(alpha=1)
        sqrt(3)*exp(-2/3)/3
    """
    spread = _alpha**2 + _alpha**-2
    fixed = sp.exp(-2 / (1 + spread)) / sp.sqrt(1 + spread)
    moved = fixed.subs(_alpha, 1)
    w, v = sp.symbols("w v", positive=True)
    curvature = sp.hessian((w * v - 1) ** 2 / 2, (w, v)).subs({w: _alpha, v: 1 / _alpha})
    point = sp.Matrix([_alpha, 1 / _alpha])
    scale = sp.diag(1 / _alpha, _alpha)
    region = (1 - (1 + _alpha) * sp.exp(-_alpha)) * (1 - (1 + 1 / _alpha) * sp.exp(-1 / _alpha))
    region_moved = sp.expand((1 - 2 * sp.exp(-1)) ** 2)
    n1, n2, s1, s2 = sp.symbols("n_1 n_2 s_1 s_2", positive=True)
    change = (n1 - n2) * sp.log(_alpha) - (_alpha**2 - 1) * s1 / 2 - (_alpha**-2 - 1) * s2 / 2
    d, h, p, m, theta, theta_t = sp.symbols("D H P M theta theta_T", commutative=False)
    det_p, det_m, size = sp.symbols("det_P det_M n", positive=True)
    one = sp.exp(-_h * _p * _place**2 / (2 * (_h + _p))) * sp.sqrt(_p / (_h + _p))
    return Derivation(
        "The evidence is constant along an orbit of rescalings if the prior moves along, and not with a fixed Gaussian "
        "one",
        sp.Eq(sp.Symbol("Z"), fixed),
        (
            Step(
                "The prior moved along has the density p / det T at T theta: times the volume det T of the image it is "
                "what it was (two parameters, density exp(-w - v)).",
                Relation(
                    _moved_prior(w, v).subs({w: _alpha * w, v: v / _alpha}, simultaneous=True) * scale.inv().det(),
                    "=",
                    sp.exp(-w) * sp.exp(-v),
                ),
                "exact",
                shown=r"p(T^{-1} T \theta) \, \frac{1}{\det T} \cdot \det T = p(\theta)",
            ),
            Step(
                "So integrals over a region and its image agree, for L(T theta) = L(theta): the weight w v over the "
                "unit square, the prior exp(-w - v) moved along.",
                Relation(_integral(_moved_prior(w, v), w, v), "=", region_moved),
                "exact",
                lambda: sp.expand(sp.integrate(w * sp.exp(-w), (w, 0, 1)) ** 2),
                shown=r"\int_{T_{\alpha} [0, 1]^2} w v \, e^{-w / \alpha - \alpha v} = (1 - 2 e^{-1})^2",
            ),
            Step(
                "With the prior left where it is the evidence of the image depends on alpha,",
                Relation(_integral(sp.exp(-w - v), w, v), "=", sp.expand(region)),
                "exact",
                lambda: sp.expand(_gamma(_alpha) * _gamma(1 / _alpha)),
                shown=r"\int_{T_{\alpha} [0, 1]^2} w v \, e^{-w - v}"
                r" = (1 - (1 + \alpha) e^{-\alpha}) (1 - (1 + \alpha^{-1}) e^{-1/\alpha})",
            ),
            Step(
                "for instance at alpha = 4.",
                Relation(region.subs(_alpha, 4), "!=", region_moved),
                "exact",
                shown=r"\alpha = 4: \quad (1 - 5 e^{-4}) (1 - 1.25 e^{-1/4}) \neq (1 - 2 e^{-1})^2",
            ),
            Step(
                "As a product:",
                Relation(_gamma(_alpha) * _gamma(1 / _alpha), "=", region),
                "exact",
                lambda: sp.expand(region),
                shown=r"(1 - (1 + \alpha) e^{-\alpha}) (1 - (1 + \alpha^{-1}) e^{-1/\alpha})",
            ),
            Step(
                "For layers of any sizes a small region around T theta has the evidence of that around theta times "
                "det T p(T theta) / p(theta); for a standard Gaussian p its logarithm, with s_k = |theta_k|^2, is",
                Relation(_log_prior(n1, n2, s1, s2), "=", change),
                "exact",
                lambda: sp.integrate(((n1 - n2) / _x - _x * s1 + s2 / _x**3), (_x, 1, _alpha)),
                shown=r"(n_1 - n_2) \log \alpha - \frac{\alpha^2 - 1}{2} s_1 - \frac{\alpha^{-2} - 1}{2} s_2",
            ),
            Step(
                "Laplace's form is an integral of Gaussians: on the line, a minimum at t of curvature h, a prior of "
                "precision p.",
                Relation(_gaussian_integral(), "=", one),
                "exact",
                lambda: _density_at(1 / _h + 1 / _p) * sp.sqrt(2 * sp.pi / _h),
                shown=r"\int e^{-\frac{h}{2} (x - t)^2} \sqrt{\frac{p}{2 \pi}} e^{-\frac{p}{2} x^2} d x"
                r" = \sqrt{\frac{p}{h + p}} \, e^{-\frac{h p t^2}{2 (h + p)}}",
            ),
            Step(
                "In n dimensions, M = H + P, for matrices of any size: the square is completed around M^-1 H theta, "
                "and H M^-1 P is left,",
                Relation(*_completed_in_general()),
                "exact",
                shown=r"(x - \theta)^{T} H (x - \theta) + x^{T} P x"
                r" = (x - m)^{T} M (x - m) + \theta^{T} H M^{-1} P \theta, \quad m = M^{-1} H \theta",
            ),
            Step(
                "for instance with two parameters, all entries free.",
                Relation(*_completed()),
                "exact",
                shown=r"(x - \theta)^{T} H (x - \theta) + x^{T} P x"
                r" = (x - m)^{T} M (x - m) + \theta^{T} H M^{-1} P \theta \quad (n = 2)",
            ),
            Step(
                "What is left to integrate is a Gaussian, see the theorem: the powers of 2 pi cancel, for any n.",
                Relation(
                    sp.sqrt(det_p) / (2 * sp.pi) ** (size / 2) * (2 * sp.pi) ** (size / 2) / sp.sqrt(det_m),
                    "=",
                    sp.sqrt(det_p / det_m),
                ),
                "exact",
                shown=r"\frac{\sqrt{\det P}}{(2 \pi)^{n/2}} \cdot \frac{(2 \pi)^{n/2}}{\sqrt{\det M}}"
                r" = \sqrt{\frac{\det P}{\det(H + P)}}",
            ),
            Step(
                "With H, P and theta moved along the exponent stays, for any sizes and any T = D^-1,",
                Relation(
                    (theta_t * d**-1) * (d * h * d) * (d**-1 * m**-1 * d**-1) * (d * p * d) * (d**-1 * theta),
                    "=",
                    theta_t * h * m**-1 * p * theta,
                ),
                "exact",
                shown=r"(T \theta)^{T} D H D (D M D)^{-1} D P D \, T \theta = \theta^{T} H M^{-1} P \theta",
            ),
            Step(
                "D M D being D H D + D P D,",
                Relation((d * h * d + d * (m - h) * d) * (d**-1 * m**-1 * d**-1), "=", 1),
                "exact",
                shown=r"(D H D + D P D) (D M D)^{-1} = 1",
            ),
            Step(
                "and so does the quotient of determinants, for any sizes: both are multiplied by the square of det D, "
                "see the theorem,",
                Relation(_scale**2 * det_p / (_scale**2 * det_m), "=", det_p / det_m),
                "exact",
                shown=r"\frac{\det D P D}{\det(D H D + D P D)} = \frac{(\det D)^2 \det P}{(\det D)^2 \det(H + P)}"
                r" = \frac{\det P}{\det(H + P)}",
            ),
            Step(
                "for instance with two parameters, all entries free.",
                Relation(_quotient(moved=True), "=", _quotient(moved=False)),
                "exact",
                _quotient_by_product,
                shown=r"\frac{\det D P D}{\det(D H D + D P D)} = \frac{\det P}{\det(H + P)} \quad (n = 2)",
            ),
            Step(
                "The example: w v fits 1 along the orbit, where H is singular: without a prior Laplace's evidence is "
                "infinite.",
                Relation(sp.ImmutableMatrix(curvature).det(), "=", 0),
                "exact",
                shown=r"\det H = 0",
            ),
            Step(
                "With the prior moved along, P = D^2, the evidence is the same at every alpha,",
                Relation(_evidence(curvature, point, scale**2), "=", moved),
                "exact",
                lambda: laplace_evidence([[1, 1], [1, 1]], [1, 1], sp.eye(2)),
                shown=r"Z = \frac{e^{-2/3}}{\sqrt{3}}",
            ),
            Step(
                "with the prior left at P = 1 it is not:",
                Relation(_evidence(curvature, point, sp.eye(2)), "=", fixed),
                "exact",
                lambda: _density_at(1 + spread).subs(_place, 2) * sp.sqrt(2 * sp.pi),
                shown=r"Z = \frac{1}{\sqrt{1 + \sigma}} \, e^{-2/(1 + \sigma)}, \quad \sigma = \alpha^2 + \alpha^{-2}",
            ),
            Step(
                "ten times as far out it is less.",
                Relation(fixed.subs(_alpha, 10), "<", moved),
                "exact",
                shown=r"Z(10) < Z(1)",
            ),
        ),
        Domain(
            alpha=(0, sp.oo),
            h=(0, sp.oo),
            p=(0, sp.oo),
            t=(-sp.oo, sp.oo),
            w=(0, sp.oo),
            v=(0, sp.oo),
            n_1=(0, sp.oo),
            n_2=(0, sp.oo),
        ).with_integers("n_1", "n_2"),
        parts={
            "moved": sp.Eq(sp.Symbol("Z"), moved),
            "exact": sp.Eq(sp.Symbol("Z"), region),
            "exact moved": sp.Eq(sp.Symbol("Z"), region_moved),
            "small region": sp.Eq(sp.Symbol("log Z"), change),
        },
        titles={
            "moved": "evidence with the prior moved along",
            "exact": "evidence of a region, exactly",
            "exact moved": "the same with the prior moved along",
            "small region": "change for a small region",
        },
        assumptions=(
            "L(T theta) = L(theta), and the evidence is that of a region or of a minimum: over all parameters a fixed "
            "prior has one evidence, which no map of them changes",
        ),
        theorems=(product_of_determinants(), gaussian_integral()),
        source=_SOURCE,
        shown={
            "result": r"Z = \frac{1}{\sqrt{1 + \sigma}} \, e^{-2/(1 + \sigma)}, \quad \sigma = \alpha^2 + \alpha^{-2}",
            "moved": r"Z = \frac{e^{-2/3}}{\sqrt{3}}",
            "exact": r"Z = (1 - (1 + \alpha) e^{-\alpha}) (1 - (1 + \alpha^{-1}) e^{-1/\alpha})",
            "exact moved": r"Z = (1 - 2 e^{-1})^2",
            "small region": r"\Delta \log Z = (n_1 - n_2) \log \alpha - \frac{\alpha^2 - 1}{2} |\theta_1|^2"
            r" - \frac{\alpha^{-2} - 1}{2} |\theta_2|^2",
        },
    )


def _evidence(h: sp.Matrix, theta: sp.Matrix, p: sp.Matrix) -> sp.Expr:
    total = h + p
    exponent = sp.cancel((theta.T * h * total.inv() * p * theta)[0])
    return sp.sqrt(sp.cancel(p.det() / total.det())) * sp.exp(-exponent / 2)


def _moved_prior(w: sp.Symbol, v: sp.Symbol) -> sp.Expr:
    """The density exp(-w - v), moved by T_alpha of two parameters, whose determinant is 1."""
    return sp.exp(-w / _alpha) * sp.exp(-_alpha * v)


def _integral(prior: sp.Expr, w: sp.Symbol, v: sp.Symbol) -> sp.Expr:
    """The integral of w v times a density over the image of the unit square."""
    inner = sp.integrate(sp.expand(w * v * prior), (w, 0, _alpha))
    return sp.expand(sp.integrate(sp.expand(inner), (v, 0, 1 / _alpha)))


def _gamma(bound: sp.Expr) -> sp.Expr:
    """The integral of x exp(-x) from 0 to a bound."""
    return -(bound + 1) * sp.exp(-bound) + 1


def _log_prior(n1: sp.Symbol, n2: sp.Symbol, s1: sp.Symbol, s2: sp.Symbol) -> sp.Expr:
    """Log det T + log p(T theta) - log p(theta) for a standard Gaussian."""
    there, here = -(_alpha**2 * s1 + s2 / _alpha**2) / 2, -(s1 + s2) / 2
    return n1 * sp.log(_alpha) - n2 * sp.log(_alpha) + there - here


def _gaussian_integral() -> sp.Expr:
    integrand = sp.exp(-_h * (_real - _place) ** 2 / 2 - _p * _real**2 / 2) * sp.sqrt(_p / (2 * sp.pi))
    return sp.simplify(sp.integrate(integrand, (_real, -sp.oo, sp.oo)))  # one exponential for several


def _density_at(variance: sp.Expr) -> sp.Expr:
    """The density at t of a Gaussian of mean 0: t is the sum of two, the minimum's and the prior's."""
    return sp.exp(-(_place**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


def _free() -> tuple[sp.Matrix, sp.Matrix]:
    a, b, c, d, e, f = sp.symbols("h_11 h_12 h_22 p_11 p_12 p_22", positive=True)
    return sp.Matrix([[a, b], [b, c]]), sp.Matrix([[d, e], [e, f]])


def _completed() -> tuple[sp.Expr, Any, sp.Expr]:
    h, p = _free()
    x, theta = sp.Matrix(sp.symbols("x_1 x_2", real=True)), sp.Matrix(sp.symbols("theta_1 theta_2", real=True))
    total = h + p
    middle = total.inv() * h * theta
    left = ((x - theta).T * h * (x - theta))[0] + (x.T * p * x)[0]
    right = ((x - middle).T * total * (x - middle))[0] + (theta.T * h * total.inv() * p * theta)[0]
    return left, "=", right


def _completed_in_general() -> tuple[sp.Expr, Any, sp.Expr]:
    """The same for matrices of any size: symbols that do not commute, rows with the index T, P = M - H."""
    h, m, x, row_x, theta, row_theta = sp.symbols("H M x x_T theta theta_T", commutative=False)
    middle, row_middle = m**-1 * h * theta, row_theta * h * m**-1
    left = (row_x - row_theta) * h * (x - theta) + row_x * (m - h) * x
    right = (row_x - row_middle) * m * (x - middle) + row_theta * h * m**-1 * (m - h) * theta
    return left, "=", right


def _quotient_by_product() -> sp.Expr:
    """One over the determinant of 1 + H P^-1."""
    h, p = _free()
    return 1 / (sp.eye(2) + h * p.inv()).det()


def _quotient(*, moved: bool) -> sp.Expr:
    h, p = _free()
    if moved:
        t = layer_rescaling((_alpha, 1 / _alpha), (1, 1))
        h, p = sp.Matrix(t.hessian(h)), sp.Matrix(t.hessian(p))
    return p.det() / (h + p).det()
