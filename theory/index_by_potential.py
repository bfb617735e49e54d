r"""The index in closed form: the imaginary part of the logarithmic potential at zero.

Conventions: a law with R-transform R(g) = m + v g + sum_j r_j s_j/(1 - s_j g), Phi the primitive of R that vanishes at
0, G its Stieltjes transform and U(z) = E log(z - X) its logarithmic potential in the upper half plane; G without an
argument is G(0 + i0), and log is the principal branch.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.free_probability.law import SpectralLaw
from theory.free_probability.laws import point_mass, semicircle
from theory.proof import Relation
from theory.symbols import alpha, g, z

__all__ = ["index_formula"]


@cache
def index_formula() -> Derivation:
    r"""Derive the index of every law with a free Levy triple from its Stieltjes transform at zero.

    .. math:: \alpha = 1 + \frac1\pi\, \mathrm{Im}\bigl[\log G + \Phi(G)\bigr]

    With P(g, z) = g z - log g - Phi(g): P is stationary in g at g = G(z), its slope in z is G there, so that P - 1 is
    the potential U, whose imaginary part at 0 is pi times the mass above 0.

    Returns:
        A derivation in I = Im[log G + Phi(G)].

    Examples:
        >>> index_formula().value
        I/pi + 1

    References:
        Voiculescu (1986), Addition of certain non-commuting random variables, for the R-transform.
    """
    drift, variance, size = sp.symbols("m_0 v_0 s_1", real=True)
    rate, x, b = sp.symbols("r_1 x b", positive=True)
    a = sp.Symbol("a", real=True)
    law = SpectralLaw(drift, sp.Symbol("v_0", nonnegative=True), ((rate, size),))
    transform = law.r_transform(g).subs(sp.Symbol("v_0", nonnegative=True), variance)
    primitive = drift * g + variance * g**2 / 2 - rate * sp.log(1 - size * g)
    potential = g * z - sp.log(g) - primitive
    curve = transform + 1 / g
    on_curve = g * curve - sp.log(g) - primitive
    share = sp.Symbol("I", real=True)  # Im[log G + Phi(G)]
    place = sp.Symbol("x_0", real=True)
    spread, height = sp.symbols("v w", positive=True)
    root = (place - sp.I * height) / (2 * spread)
    result = 1 + share / sp.pi
    value, mass = _semicircle_instance()
    steps = (
        Step(
            "P is stationary in g on the curve z = R(g) + 1/g (one jump stands for all)",
            Relation(potential.diff(g).subs(z, curve), "=", 0),
            "exact",
            shown=r"\frac{\partial P}{\partial g} = z - \frac{1}{g} - R(g) = 0",
        ),
        Step(
            "so that along it the slope of P in z is its partial slope, g = G(z)",
            Relation(on_curve.diff(g), "=", g * curve.diff(g)),
            "exact",
            lambda: potential.diff(z) * curve.diff(g),
            shown=r"\frac{d P}{d z} = \frac{\partial P}{\partial z} = G(z) = U'(z)",
        ),
        Step(
            "At large z, small g, P - 1 and U = log z + O(1/z) agree",
            Relation((on_curve - 1 + sp.log(g) - sp.log(1 + g * transform)).expand().subs(g, 0), "=", 0),
            "exact",
            shown=r"\lim_{g \to 0} \left(P - 1 - \log\left(R(g) + \frac{1}{g}\right)\right) = 0",
        ),
        Step(
            "Both are analytic in the upper half plane: there Im G < 0, and 1 - s G stays on one side of the real axis",
            Relation(sp.im(sp.expand(1 - size * (a - sp.I * b))), "=", size * b),
            "exact",
            shown=r"\mathrm{Im}\left(1 - s (a - i b)\right) = s b",
        ),
        Step(
            "At z = 0 the curve gives R(G) = -1/G, and U = P - 1 is",
            Relation((potential - 1).subs(z, 0), "=", -sp.log(g) - primitive - 1),
            "exact",
            shown=r"U(0 + i0) = - \log G - \Phi(G) - 1",
        ),
        Step(
            "The imaginary part of log(z - x) at z = 0 + i0 is pi for x > 0 and 0 for x < 0",
            Relation(sp.Tuple(sp.arg(-x), sp.arg(x)), "=", sp.Tuple(sp.pi, 0)),
            "exact",
            shown=r"\mathrm{Im}\, U(0 + i0) = \pi (1 - \alpha)",
        ),
        Step(
            "The index, with I = Im[log G + Phi(G)]",
            Relation(sp.solve(sp.pi * (1 - alpha) + share, alpha)[0], "=", result),
            "exact",
            shown=r"\alpha = 1 + \frac{1}{\pi} \mathrm{Im} \left(\log G + \Phi(G)\right)",
        ),
        Step(
            "The density, slope of the mass below x, is -Im G(x + i0)/pi; for the semicircle v G^2 + 1 = x G",
            Relation((spread * root**2 - place * root + 1).subs(spread, (place**2 + height**2) / 4), "=", 0),
            "exact",
            shown=r"G = \frac{x - i w}{2 v}, \quad w = \sqrt{4 v - x^2}",
        ),
        Step(
            "and that is its density",
            Relation(-sp.im(sp.expand(root)) / sp.pi, "=", height / (2 * sp.pi * spread)),
            "exact",
            shown=r"\rho(x) = - \frac{1}{\pi} \mathrm{Im}\, G(x + i0) = \frac{\sqrt{4 v - x^2}}{2 \pi v}",
        ),
        Step(
            "An exact instance: the semicircle of variance 1/2 about 1, by integration of its density",
            Relation(result.subs(share, value), "=", mass),
            "exact",
            shown=rf"\alpha = 1 + \frac{{1}}{{\pi}} \left({sp.latex(value)}\right) = {sp.latex(mass)}",
        ),
    )
    continuation = Theorem(
        "the identity theorem",
        "analytic functions on a connected open set with one derivative and one limit at infinity are equal",
        "Ahlfors (1979), Complex Analysis, chapter 4",
        (
            Step(
                "The curve inverts G near infinity: z g tends to 1 there",
                Relation((g * curve).expand().subs(g, 0), "=", 1),
                "exact",
                shown=r"\lim_{g \to 0} g \left(R(g) + \frac{1}{g}\right) = 1",
            ),
        ),
    )
    return Derivation(
        title="The index is the imaginary part of a potential at zero",
        result=sp.Eq(alpha, result),
        steps=steps,
        domain=Domain(),
        assumptions=("there is no atom at 0, and G continues to 0 from the upper half plane",),
        theorems=(continuation,),
        shown={"result": r"\alpha = 1 + \frac{1}{\pi} \mathrm{Im} \left(\log G + \Phi(G)\right)"},
    )


def _semicircle_instance() -> tuple[sp.Expr, sp.Expr]:
    """Im[log G + Phi(G)] and the mass below zero of the semicircle of variance 1/2 about 1."""
    law = point_mass(1) + semicircle(sp.Rational(1, 2))
    place = next(root for root in sp.solve(g * law.r_transform(g) + 1, g) if sp.im(root) < 0)
    primitive = sp.integrate(law.r_transform(g), (g, 0, place))
    value = sp.im(sp.expand_complex(sp.log(place) + primitive))
    angle = sp.Symbol("t", real=True)  # x = 1 + sqrt(2) sin t, density sqrt(2 - (x - 1)^2)/pi
    weight = 2 * sp.cos(angle) ** 2 / sp.pi
    return value, sp.expand(sp.integrate(weight, (angle, -sp.pi / 2, -sp.pi / 4)))
