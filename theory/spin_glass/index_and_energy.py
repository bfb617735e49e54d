r"""The fraction of negative directions at a critical point of the spherical p-spin, against its energy.

Conventions: those of `theory.spin_glass.arguments`; x = u/E_inf, and delta = 1 - |u|/E_inf near -E_inf. The fraction
is the mass of the semicircle on [-1, 1] below x, for every p.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from theory.balls_of_expressions import real_ball
from theory.certified_precision import check_digits
from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import exact_number
from theory.free_probability.arguments import plain, real_places
from theory.free_probability.laws import semicircle
from theory.proof import Relation
from theory.spin_glass.arguments import order_of_spins, p, threshold_limit, u
from theory.spin_glass.hessian_law import covariances_given_energy, spin_glass_hessian
from theory.symbols import alpha, delta, g

__all__ = ["index_against_energy", "index_fraction", "index_near_threshold"]

_SOURCE = "Auffinger, Ben Arous and Cerny (2013), arXiv:1003.1129, section 3; derived here"
_x = sp.Symbol("x", real=True)
_SMALL = 0.5
_TERMS = 12
_EXCESS = Fraction(1, 10**10)
_DIGITS = 60


def index_fraction(p: Any, u: Any, *, digits: int | None = None) -> Any:
    r"""Return the fraction of negative eigenvalues of the Hessian at critical points of energy N u.

    .. math:: \alpha(u) = P(S < u/E_\infty), \quad S \text{ semicircular on } [-1, 1]

    0 below -E_inf, 1/2 at u = 0, 1 above E_inf. In float64 its relative error near -E_inf is that of 1 - |u|/E_inf.

    Args:
        p: How many spins meet in a coupling, an integer >= 2.
        u: Energy per spin, or an array of energies.
        digits: None for float64, else the number of certified digits; these come from the engine of `SpectralLaw`.

    Raises:
        TypeError: If p is no integer or u no real number.
        ValueError: If p < 2.

    Examples:
        >>> round(index_fraction(3, -1.2), 6), index_fraction(3, 0), index_fraction(3, -1.7)
        (0.078609, 0.5, 0.0)
        >>> print(index_fraction(3, "-1.2", digits=20))
        0.078609154284640849620

    Derived in `index_against_energy` and, near -E_inf, in `index_near_threshold`.
    """
    order = order_of_spins(p)
    if digits is not None:
        return spin_glass_hessian().at(p=order, u=exact_number("u", u)).index(digits=check_digits(digits))
    places = real_places("u", u)
    edge = 2 * np.sqrt((order - 1) / order)
    deficit = np.clip((edge - abs(places)) / edge, 0, 1)  # 1 - |u|/E_inf = 1 - cos b
    angle = np.where(deficit < _SMALL, 2 * np.arcsin(np.sqrt(deficit / 2)), np.arccos(1 - deficit))
    small = np.minimum(angle, _SMALL)
    series = np.zeros_like(small)
    for term in range(_TERMS, 0, -1):
        series = -(1 + series) * 4 * small * small / ((2 * term + 2) * (2 * term + 3))
    near = (1 + series) * 2 * small**3 / 3
    tail = np.where(angle < _SMALL, near, angle - np.sin(2 * angle) / 2) / np.pi
    return plain(np.where(places < 0, tail, 1 - tail))


@cache
def index_against_energy() -> Derivation:
    r"""Derive the index fraction of critical points of the spherical p-spin at energy u = x E_inf.

    .. math:: \alpha = \frac12 + \frac1\pi \Bigl(x \sqrt{1 - x^2} + \arcsin x\Bigr), \quad -1 < x < 1

    Returns:
        A derivation on -1 < x < 1, for every p; part "threshold" is E_inf in p.

    Examples:
        >>> index_against_energy().at(x=0)
        1/2
        >>> print(index_against_energy().at(x="-1/2", digits=10))
        0.1955011095
    """
    radius = 2 * sp.sqrt(p * (p - 1))
    law = spin_glass_hessian()
    sine = _x / sp.sqrt(1 - _x**2)
    result = _closed()
    density = 2 * sp.sqrt(1 - _x**2) / sp.pi
    angle, top = sp.symbols("b B", real=True)
    mass = sp.integrate(2 * sp.cos(angle) ** 2 / sp.pi, (angle, -sp.pi / 2, top))
    diagonal, coupled, other = covariances_given_energy()
    scaled = law.r_transform(g / radius) / radius

    def engine(p: Fraction, x: Fraction) -> Any:
        energy_here = sp.Rational(x) * threshold_limit().subs(sp.Symbol("p", positive=True), sp.Rational(p))
        return law.at(p=p, u=energy_here).index(digits=30)

    concentration = Theorem(
        "concentration of the spectrum (Ben Arous and Guionnet)",
        "The spectrum of an $N \\times N$ matrix of the Gaussian orthogonal ensemble deviates from the semicircle with "
        "probability $\\exp(-O(N^2))$, while the weight $|\\det|$ of the Kac-Rice formula is $\\exp(O(N))$: the "
        "fraction at almost all critical points of energy near $N u$ is that of the law.",
        "Ben Arous and Guionnet (1997), Large deviations for Wigner's law and Voiculescu's non-commutative entropy",
        (
            Step(
                "The matrix is of that ensemble: independent entries, twice the variance on the diagonal.",
                Relation(sp.Tuple(diagonal, coupled), "=", sp.Tuple(2 * other, 0)),
                "exact",
                shown=r"\frac{2 p (p - 1)}{N} = 2 \cdot \frac{p (p - 1)}{N}",
            ),
        ),
    )
    return Derivation(
        "The index of critical points of the spherical p-spin against their energy",
        sp.Eq(alpha, result),
        (
            Step(
                "Given the energy N u the Hessian has the semicircle of variance p (p - 1) about -p u.",
                Relation(law.r_transform(g), "=", -p * u + p * (p - 1) * g),
                "exact",
                shown=r"R(g) = - p u + p (p - 1) g, \quad \text{radius} \quad 2 \sqrt{p (p - 1)}",
            ),
            Step(
                "Its left edge is 0 where p E is the radius, at u = -E_inf.",
                Relation(radius / p, "=", threshold_limit()),
                "exact",
                shown=r"p E = 2 \sqrt{p (p - 1)}, \quad E = E_\infty = 2 \sqrt{\frac{p - 1}{p}}",
            ),
            Step(
                "In units of the radius, at u = x E_inf, it is the semicircle on [-1, 1] about -x, for every p.",
                Relation(scaled.subs(u, _x * threshold_limit()), "=", -_x + g / 4),
                "exact",
                shown=r"\frac{1}{2 \sqrt{p (p - 1)}} R \left(\frac{g}{2 \sqrt{p (p - 1)}}\right) = - x + \frac{g}{4}",
            ),
            Step(
                "The index is the mass of the semicircle on [-1, 1] below x = sin B.",
                Relation(mass.subs(top, sp.atan(sine)), "=", result),
                "exact",
                engine,
                shown=r"\alpha = \frac{2}{\pi} \int_{-\pi/2}^{\arcsin x} \cos^2 b \, db = "
                r"\frac{1}{2} + \frac{x \sqrt{1 - x^2} + \arcsin x}{\pi}",
            ),
            Step(
                "Its slope is the density at x.",
                Relation(result.diff(_x), "=", density),
                "exact",
                lambda x: semicircle(sp.Rational(1, 4)).density(x, digits=30),
            ),
            Step(
                "It is 0 at -E_inf, 1/2 at 0 and 1 at E_inf.",
                Relation(
                    sp.Tuple(*(mass.subs(top, end) for end in (-sp.pi / 2, 0, sp.pi / 2))),
                    "=",
                    sp.Tuple(0, sp.Rational(1, 2), 1),
                ),
                "exact",
                shown=r"\alpha(-1) = 0, \quad \alpha(0) = \frac{1}{2}, \quad \alpha(1) = 1",
            ),
        ),
        Domain(p=(1, sp.oo), x=(-1, 1)).with_integers("p"),
        parts={"threshold": sp.Eq(sp.Symbol("E_inf"), threshold_limit())},
        titles={
            "threshold": "energy of the threshold",
        },
        assumptions=("N tends to infinity at fixed p and u",),
        theorems=(concentration,),
        source=_SOURCE,
        shown={
            "result": r"\alpha = \frac{1}{2} + \frac{1}{\pi} \left(x \sqrt{1 - x^2} + \arcsin x\right)",
            "threshold": r"E_\infty = 2 \sqrt{\frac{p - 1}{p}}",
        },
    )


@cache
def index_near_threshold() -> Derivation:
    r"""Derive the power law of the index above -E_inf, in delta = 1 - |u|/E_inf.

    .. math:: \alpha = \frac{4 \sqrt2}{3 \pi} \delta^{3/2} \Bigl(1 - \frac{3}{20} \delta
              - \frac{3}{224} \delta^2\Bigr) + O(\delta^{9/2})

    Returns:
        A derivation on 0 < delta < 1, for every p; parts exponent, amplitude, A1, A2 as in `index_power_law`.

    Examples:
        >>> law = index_near_threshold()
        >>> law.parts["exponent"].rhs, law.parts["amplitude"].rhs, law.evidence
        (3/2, 4*sqrt(2)/(3*pi), 'exact')
    """
    exponent = sp.Rational(3, 2)
    amplitude = 4 * sp.sqrt(2) / (3 * sp.pi)
    first, second = -sp.Rational(3, 20), -sp.Rational(3, 224)
    result = amplitude * delta**exponent * (1 + first * delta + second * delta**2)
    root = sp.series(sp.sqrt(1 - delta / 2), delta, 0, 3).removeO()
    terms = [root.coeff(delta, k) * 2 * sp.sqrt(2) / sp.pi / (k + exponent) for k in range(3)]
    slope = (2 / sp.pi) * sp.sqrt(2 * delta) * root
    shown = (
        r"\alpha_0 = \frac{2 \sqrt{2}}{\pi} \cdot \frac{2}{3} = \frac{4 \sqrt{2}}{3 \pi}",
        r"A_1 = - \frac{1}{4} \cdot \frac{3}{5} = - \frac{3}{20}",
        r"A_2 = - \frac{1}{32} \cdot \frac{3}{7} = - \frac{3}{224}",
    )
    leading = terms[0] * delta**exponent
    return Derivation(
        "The index of the spherical p-spin leaves zero with the exponent 3/2",
        sp.Eq(alpha, result),
        (
            Step(
                "The slope of the index in delta is the density of the semicircle at x = -1 + delta.",
                Relation(
                    _closed().diff(_x).subs(_x, delta - 1), "=", 2 * sp.sqrt(2 * delta) * sp.sqrt(1 - delta / 2) / sp.pi
                ),
                "exact",
                shown=r"\frac{d \alpha}{d \delta} = \frac{2}{\pi} \sqrt{1 - (1 - \delta)^2} = \frac{2}{\pi}"
                r" \sqrt{2 \delta} \sqrt{1 - \frac{\delta}{2}}",
            ),
            Step(
                "The second root, as a series: its square is 1 - delta/2 up to order 2.",
                Relation(sp.expand(root**2 - (1 - delta / 2)), "=", sp.Rational(1, 64) * delta**3 + delta**4 / 1024),
                "exact",
                shown=r"\left(1 - \frac{\delta}{4} - \frac{\delta^2}{32}\right)^2 - \left(1 - \frac{\delta}{2}\right)"
                r" = \frac{\delta^3}{64} + \frac{\delta^4}{1024}",
            ),
            Step("The amplitude.", Relation(terms[0], "=", amplitude), "exact", _fit("amplitude"), shown[0]),
            Step("The first correction.", Relation(terms[1] / terms[0], "=", first), "exact", _fit("first"), shown[1]),
            Step(
                "The second correction.", Relation(terms[2] / terms[0], "=", second), "exact", _fit("second"), shown[2]
            ),
            Step(
                "The exponent.",
                Relation(delta * leading.diff(delta) / leading, "=", exponent),
                "exact",
                _fit("exponent"),
                shown=r"\frac{d \log \alpha}{d \log \delta} \to \frac{3}{2}",
            ),
            Step(
                "The index, integrated term by term.",
                Relation(sp.integrate(sp.expand(slope), (delta, 0, delta)), "=", result),
                "exact",
                shown=r"\alpha = \frac{2}{\pi} \int_0^{\delta} \sqrt{2 t} \left(1 - \frac{t}{4} - \frac{t^2}{32}"
                r"\right) dt",
            ),
        ),
        Domain(delta=(0, 1)),
        parts={
            "exponent": sp.Eq(sp.Symbol("exponent"), exponent),
            "amplitude": sp.Eq(sp.Symbol("alpha_0"), amplitude),
            "A1": sp.Eq(sp.Symbol("A1"), first),
            "A2": sp.Eq(sp.Symbol("A2"), second),
        },
        titles={
            "exponent": "exponent of the law",
            "amplitude": "amplitude of the law",
            "A1": "first correction",
            "A2": "second correction",
        },
        assumptions=("N tends to infinity at fixed p and u",),
        source=_SOURCE,
        shown={
            "result": r"\alpha = \frac{4 \sqrt{2}}{3 \pi} \delta^{3/2} \left(1 - \frac{3}{20} \delta"
            r" - \frac{3}{224} \delta^2\right) + O(\delta^{9/2})"
        },
    )


def _closed() -> sp.Expr:
    """The mass of the semicircle on [-1, 1] below x."""
    root = sp.sqrt(1 - _x**2)
    return sp.Rational(1, 2) + (_x * root + sp.atan(_x / root)) / sp.pi


def _fit(name: str) -> Callable[..., bool]:
    """Return a second route: the index in balls, by the engine of `SpectralLaw`, at three tiny excesses for p = 3."""

    def witness(claimed: Any) -> bool:
        found = _fitted()[name]
        return bool(abs(found - sp.N(claimed, _DIGITS)) <= abs(found) / 10**5)

    return witness


@cache
def _fitted() -> dict[str, sp.Expr]:
    """Fit the constants of the power law to the index in balls at three tiny excesses."""
    law = spin_glass_hessian().at(p=3)
    heights = []
    for multiple in (1, 2, 3):
        excess = sp.Rational(multiple * _EXCESS)
        ball = law.at(u=-(1 - excess) * threshold_limit(3)).index(digits=_DIGITS)
        heights.append(sp.Rational(ball.midpoint) / real_ball(sp.sqrt(excess) ** 3, {}, _DIGITS).midpoint)
    one, two, three = (sp.N(height, _DIGITS) for height in heights)
    step = sp.Rational(_EXCESS)
    constant = 3 * one - 3 * two + three
    return {
        "amplitude": constant,
        "first": (-5 * one + 8 * two - 3 * three) / (2 * step) / constant,
        "second": (one - 2 * two + three) / (2 * step**2) / constant,
        "exponent": sp.Rational(3, 2) + sp.log(two / one, 2),
    }
