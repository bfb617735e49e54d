r"""R-transforms derived from the densities: integrate the Stieltjes transform, then invert it.

Conventions: on an interval of centre c and half-width 2 r put x = c + r (zeta + 1/zeta) with |zeta| = 1, and outside it
z = c + r (u + 1/u) with |u| < 1. For a density that is the root of the product of the distances to the edges, over a
polynomial in x, the Stieltjes transform becomes an integral of a rational function f around the unit circle:

.. math:: G(z) = \int \frac{\rho(x)\,dx}{z - x} = \frac{1}{2\pi i} \oint f(\zeta)\,d\zeta.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation
from theory.symbols import g, phi, s, v

__all__ = ["marchenko_pastur_transform", "semicircle_transform"]

_zeta = sp.Symbol("zeta")
_u = sp.Symbol("u", positive=True)
_x, _z = sp.Symbol("x"), sp.Symbol("z")
_R = sp.Function("R")(g)


@cache
def semicircle_transform() -> Derivation:
    r"""Derive R(g) = v g from the density of the semicircle of variance v.

    Returns:
        A derivation with the edges among its parts.

    Examples:
        >>> semicircle_transform().value
        g*v

    References:
        Voiculescu, Dykema and Nica (1992), Free random variables, example 3.4.4.
    """
    sigma = sp.sqrt(v)
    square = 4 * v - _x**2
    density = sp.sqrt(square) / (2 * sp.pi * v)
    place = _mapped(0, sigma, _zeta)
    outside = _mapped(0, sigma, _u)
    integrand = _integrand(1 / (2 * v), sigma, place, outside)
    at_zero, at_u = _residue(integrand, 0, 2), _residue(integrand, _u, 1)
    stieltjes = _u / sigma
    image = _mapped(0, sigma, sigma * g)
    left, right = -2 * sigma, 2 * sigma
    steps = (
        Step(
            "On the circle the density's square is the square of an odd function",
            Relation(square.subs(_x, place), "=", -v * (_zeta - 1 / _zeta) ** 2),
            "exact",
            shown=rf"\rho(x) = {sp.latex(density)}",
        ),
        Step(
            "Residue of the integrand at zeta = 0",
            Relation(_coefficient(integrand, 0, 2), "=", at_zero),
            "exact",
            shown=r"\mathrm{Res}_{\zeta = 0} f(\zeta) = " + sp.latex(at_zero),
        ),
        Step(
            "Residue at zeta = u; the pole 1/u lies outside",
            Relation(_coefficient(integrand, _u, 1), "=", at_u),
            "exact",
        ),
        Step(
            "Their sum is the Stieltjes transform",
            Relation(at_zero + at_u, "=", stieltjes),
            "exact",
            _quadrature(density, lambda v: (-2 * mpmath.sqrt(v), 2 * mpmath.sqrt(v)), outside),
            shown=f"G(z) = {sp.latex(stieltjes)}, \\quad z = {sp.latex(outside)}",
        ),
        Step("Solving G = g gives u, and z is R(g) + 1/g", Relation(image - 1 / g, "=", v * g), "exact"),
        *_edges(v * g, left, right, -1 / sigma, 1 / sigma),
        Step(
            "The density has total mass one: z G(z) tends to 1",
            Relation((outside * stieltjes).expand().subs(_u, 0), "=", 1),
            "exact",
            shown=r"\lim_{z \to \infty} z G(z) = 1",
        ),
    )
    return Derivation(
        title="The R-transform of the semicircle",
        result=sp.Eq(_R, v * g),
        steps=steps,
        domain=Domain(v=(0, sp.oo), u=(0, 1)),
        parts={
            "left edge": sp.Eq(sp.Symbol("lambda_minus"), left),
            "right edge": sp.Eq(sp.Symbol("lambda_plus"), right),
        },
        titles={
            "left edge": "left edge of the law",
            "right edge": "right edge of the law",
        },
        theorems=(_residue_theorem(),),
        source="Wigner (1955); Voiculescu, Dykema and Nica (1992), Free random variables",
    )


@cache
def marchenko_pastur_transform() -> Derivation:
    r"""Derive R(g) = s/(1 - s phi g) from the density and the atom of the Marchenko-Pastur law.

    The law has ratio phi and scale s; q stands for the root of phi.

    Returns:
        A derivation with the edges and the weight of the atom at zero among its parts.

    Examples:
        >>> marchenko_pastur_transform().value
        s/(-g*phi*s + 1)

    References:
        Marchenko and Pastur (1967), Distribution of eigenvalues for some sets of random matrices.
    """
    root = sp.Symbol("q", positive=True)  # of phi
    centre, half = s * (1 + root**2), s * root
    left, right = s * (1 - root) ** 2, s * (1 + root) ** 2
    square = (right - _x) * (_x - left)
    density = sp.sqrt(square) / (2 * sp.pi * s * root**2 * _x)
    place, outside = _mapped(centre, half, _zeta), _mapped(centre, half, _u)
    integrand = _integrand(1 / (2 * s * root**2 * place), half, place, outside)
    at_zero, at_u = _residue(integrand, 0, 1), _residue(integrand, _u, 1)
    narrow, wide = _residue(integrand, -root, 1), _residue(integrand, -1 / root, 1)
    stieltjes = _u / (s * root * (1 + root * _u))
    inverse = s * root * g / (1 - s * root**2 * g)
    transform = s / (1 - s * phi * g)
    lower, upper = s * (1 - sp.sqrt(phi)) ** 2, s * (1 + sp.sqrt(phi)) ** 2
    weight = 1 - 1 / phi
    few, many = Domain(q=(0, 1), s=(0, sp.oo), u=(0, 1)), Domain(q=(1, sp.oo), s=(0, sp.oo), u=(0, 1))

    def edges(q: Any, s: Any) -> tuple[Any, Any]:
        return s * (1 - q) ** 2, s * (1 + q) ** 2

    steps = (
        Step(
            "On the circle the product of distances to the edges is the square of an odd function",
            Relation(square.subs(_x, place), "=", -(half**2) * (_zeta - 1 / _zeta) ** 2),
            "exact",
            shown=rf"\rho(x) = {sp.latex(density.subs(root**2, phi))}",
        ),
        Step(
            "and x is a product of two factors",
            Relation(place, "=", s * (1 + root * _zeta) * (1 + root / _zeta)),
            "exact",
        ),
        Step(
            "Residue of the integrand at zeta = 0",
            Relation(_coefficient(integrand, 0, 1), "=", at_zero),
            "exact",
            shown=r"\mathrm{Res}_{\zeta = 0} f(\zeta) = " + sp.latex(at_zero),
        ),
        Step("Residue at zeta = u", Relation(_coefficient(integrand, _u, 1), "=", at_u), "exact"),
        Step(
            "Residue at zeta = -q, inside for q < 1", Relation(_coefficient(integrand, -root, 1), "=", narrow), "exact"
        ),
        Step(
            "Residue at zeta = -1/q, inside for q > 1",
            Relation(_coefficient(integrand, -1 / root, 1), "=", wide),
            "exact",
        ),
        Step(
            "For q < 1 the sum is the Stieltjes transform",
            Relation(at_zero + at_u + narrow, "=", stieltjes),
            "exact",
            _quadrature(density, edges, outside),
            shown=f"G(z) = {sp.latex(stieltjes)}, \\quad z = {sp.latex(outside)}, \\quad q = \\sqrt{{\\varphi}}",
            domain=few,
        ),
        Step(
            "For q > 1 the same, once the atom at zero is added",
            Relation(at_zero + at_u + wide + (1 - 1 / root**2) / outside, "=", stieltjes),
            "exact",
            _quadrature(density, edges, outside, lambda q, z: (1 - 1 / q**2) / z),
            domain=many,
        ),
        Step("whose weight is positive there", Relation(0, "<", 1 - 1 / root**2), "exact", domain=many),
        Step(
            "In terms of phi = q^2 it is",
            Relation((1 - 1 / root**2).subs(root, sp.sqrt(phi)), "=", weight),
            "exact",
            shown=r"1 - \frac{1}{q^2} = 1 - \frac{1}{\phi}",
        ),
        Step("Solving G = g gives u", Relation(stieltjes.subs(_u, inverse), "=", g), "exact"),
        Step(
            "and z is R(g) + 1/g",
            Relation((_mapped(centre, half, inverse) - 1 / g).subs(root, sp.sqrt(phi)), "=", transform),
            "exact",
        ),
        *_edges(transform.subs(phi, root**2), left, right, 1 / (s * root * (root - 1)), 1 / (s * root * (root + 1))),
        Step(
            "In terms of phi the left edge is",
            Relation(left.subs(root, sp.sqrt(phi)), "=", lower),
            "exact",
            shown=r"s (1 - q)^2 = s \left(1 - \sqrt{\phi}\right)^2",
        ),
        Step(
            "and the right edge",
            Relation(right.subs(root, sp.sqrt(phi)), "=", upper),
            "exact",
            shown=r"s (1 + q)^2 = s \left(1 + \sqrt{\phi}\right)^2",
        ),
    )
    return Derivation(
        title="The R-transform of the Marchenko-Pastur law",
        result=sp.Eq(_R, transform),
        steps=steps,
        domain=Domain(phi=(0, sp.oo), s=(0, sp.oo)),
        parts={
            "left edge": sp.Eq(sp.Symbol("lambda_minus"), lower),
            "right edge": sp.Eq(sp.Symbol("lambda_plus"), upper),
            "atom at zero, for a ratio above one": sp.Eq(sp.Symbol("w_0"), weight),
        },
        titles={
            "left edge": "left edge of the law",
            "right edge": "right edge of the law",
        },
        theorems=(_residue_theorem(),),
        source="Marchenko and Pastur (1967), Distribution of eigenvalues for some sets of random matrices",
    )


def _residue_theorem() -> Theorem:
    inside, outside = Relation(_u, "<", 1), Relation(1, "<", 1 / _u)
    box = Domain(u=(0, 1))
    return Theorem(
        "the residue theorem",
        "an integral over the unit circle is the sum of the residues inside",
        "Cauchy (1826)",
        (
            Step("The pole u lies inside the unit circle", inside, "exact", domain=box),
            Step("and the pole 1/u outside", outside, "exact", domain=box),
        ),
    )


def _mapped(centre: Any, half: Any, point: Any) -> sp.Expr:
    return centre + half * (point + 1 / point)


def _integrand(weight: sp.Expr, half: sp.Expr, place: sp.Expr, outside: sp.Expr) -> sp.Expr:
    """The rational function whose contour integral is the Stieltjes transform: half of the circle is the interval.

    The density is weight/pi times the root; both it and dx bring r (zeta - 1/zeta), and d theta = d zeta/(i zeta).
    """
    return -(half**2) * (_zeta - 1 / _zeta) ** 2 * weight / ((outside - place) * _zeta)


def _residue(function: sp.Expr, pole: Any, order: int) -> sp.Expr:
    """The residue at a pole of known order, in lowest terms."""
    return sp.factor(_coefficient(function, pole, order))


def _coefficient(function: sp.Expr, pole: Any, order: int) -> sp.Expr:
    """The residue by the formula with derivatives."""
    regular = sp.cancel(sp.together(function) * (_zeta - pole) ** order)
    return sp.diff(regular, _zeta, order - 1).subs(_zeta, pole) / sp.factorial(order - 1)


def _edges(transform: sp.Expr, left: sp.Expr, right: sp.Expr, first: sp.Expr, last: sp.Expr) -> tuple[Step, ...]:
    """Show that the edges are the stationary values of R(g) + 1/g."""
    curve = transform + 1 / g
    slope = sp.diff(curve, g)
    return (
        Step(
            "R(g) + 1/g is stationary at two points",
            Relation(sp.Tuple(slope.subs(g, first), slope.subs(g, last)), "=", sp.Tuple(0, 0)),
            "exact",
            shown=rf"\frac{{d}}{{dg}} \left({sp.latex(curve)}\right) = 0 \quad \text{{at}} \quad g = "
            rf"{sp.latex(first)},\ {sp.latex(last)}",
        ),
        Step(
            "where it takes the value of the left edge",
            Relation(curve.subs(g, first), "=", left),
            "exact",
            shown=rf"R(g) + \frac{{1}}{{g}} = {sp.latex(left)} \quad \text{{at}} \quad g = {sp.latex(first)}",
        ),
        Step(
            "and of the right edge",
            Relation(curve.subs(g, last), "=", right),
            "exact",
            shown=rf"R(g) + \frac{{1}}{{g}} = {sp.latex(right)} \quad \text{{at}} \quad g = {sp.latex(last)}",
        ),
    )


def _quadrature(
    density: sp.Expr,
    edges: Callable[..., tuple[Any, Any]],
    outside: sp.Expr,
    atom: Callable[[Any, Any], Any] | None = None,
) -> Callable[..., bool]:
    """Return a witness that integrates the density over z - x to thirty digits."""

    def witness(claimed: Any, **values: Fraction) -> bool:
        with mpmath.workdps(40):
            numbers = {name: mpmath.mpf(x.numerator) / x.denominator for name, x in values.items()}
            point = {symbol: numbers[symbol.name] for symbol in (density.free_symbols | outside.free_symbols) - {_x}}
            inner = {name: x for name, x in numbers.items() if name != "u"}
            left, right = edges(**inner)
            names = sorted(density.free_symbols - {_x}, key=str)
            rho = sp.lambdify([_x, *names], density, "mpmath")
            z = sp.lambdify(sorted(outside.free_symbols, key=str), outside, "mpmath")(
                *(point[symbol] for symbol in sorted(outside.free_symbols, key=str))
            )
            centre, half = (left + right) / 2, (right - left) / 2

            def integrand(angle: Any) -> Any:
                x = centre + half * mpmath.cos(angle)
                return mpmath.re(rho(x, *(point[name] for name in names))) / (z - x) * half * mpmath.sin(angle)

            total = mpmath.quad(integrand, mpmath.linspace(0, mpmath.pi, 9))
            if atom is not None:
                total += atom(inner["q"], z)
            value = mpmath.mpmathify(sp.N(claimed, 40))
            return bool(abs(total - value) <= mpmath.mpf(10) ** -12 * abs(value))

    return witness
