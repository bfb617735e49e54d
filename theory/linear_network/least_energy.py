r"""The law of the least energy of linear two-layer networks on Gaussian targets, exact at every size.

Conventions: widths n0, n1, n2 and m > n0 samples; the hidden layer is no bottleneck, n1 >= min(n0, n2). Energies are
L/n2 over the draw's own mean square of the targets, |Y|^2/(m n2), so that the zero network has 1/2 and the least energy
is half of the share u of |Y|^2 that lies outside the row space of X. A narrower hidden layer keeps only some singular
directions, and the law of its least energy is not of this form.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import flint
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theory.ball import Ball
from theory.certified_precision import ball_from_arb
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_numbers import as_fraction, exact_number
from theory.free_probability.arguments import real_places
from theory.linear_network.minimum_energy import cochran_theorem
from theory.proof import Relation
from theory.real_arrays import positive_integer

__all__ = ["LeastEnergyLaw", "least_energy_density", "least_energy_law"]

_u = sp.Symbol("u", positive=True)
_a, _b, _t = sp.symbols("a b t", positive=True)


@dataclass(frozen=True)
class LeastEnergyLaw:
    """The law of the rescaled least energy: half of a Beta variable.

    Args:
        outside: Degrees of freedom of the targets outside the row space of X, n2 (m - n0).
        inside: Those inside, n0 n2.
    """

    outside: int
    inside: int

    @property
    def mean(self) -> Fraction:
        """The mean, (1 - n0/m)/2."""
        return Fraction(self.outside, 2 * (self.outside + self.inside))

    @property
    def variance(self) -> Fraction:
        """The variance, a quarter of that of the Beta variable."""
        total = self.outside + self.inside
        return Fraction(self.outside * self.inside, 2 * total**2 * (total + 2))

    def cdf(self, energy: Any) -> NDArray[np.float64]:
        """Return P(least energy <= energy), for an array of energies of any shape.

        Raises:
            TypeError: If something is no real number.
            ValueError: If something is NaN.
        """
        from scipy.special import betainc

        share = 2 * np.clip(real_places("energy", energy), 0, 0.5)
        return np.asarray(betainc(self.outside / 2, self.inside / 2, share))

    def quantile(self, probability: Any) -> NDArray[np.float64]:
        """Return the energy below which the least energy lies with a probability, for an array of any shape.

        Raises:
            TypeError: If something is no real number.
            ValueError: If a probability is not in [0, 1].
        """
        from scipy.special import betaincinv

        level = real_places("probability", probability)
        if not ((level >= 0) & (level <= 1)).all():
            raise ValueError(f"probability must lie in [0, 1], got {probability}.")
        return np.asarray(betaincinv(self.outside / 2, self.inside / 2, level) / 2)

    def certified_cdf(self, energy: object, digits: int) -> Ball:
        """Return P(least energy <= energy) at a rational energy, as a ball.

        Raises:
            ValueError: If the energy is not a rational number in (0, 1/2), or digits < 1.
        """
        place = exact_number("energy", energy)
        if not (place.is_Rational and 0 < place < sp.Rational(1, 2)):
            raise ValueError(f"energy must be a rational number in (0, 1/2), got {energy}.")
        if digits < 1:
            raise ValueError(f"digits must be >= 1, got {digits}.")
        exact = 2 * as_fraction(place)
        outer = flint.ctx.prec
        try:
            flint.ctx.prec = int(3.33 * digits) + 64
            share = flint.arb(flint.fmpq(exact.numerator, exact.denominator))
            a, b = flint.arb(self.outside) / 2, flint.arb(self.inside) / 2
            return ball_from_arb(share.beta_lower(a, b, 1), digits)
        finally:
            flint.ctx.prec = outer


def least_energy_law(inputs: int, outputs: int, samples: int) -> LeastEnergyLaw:
    """Return the law of the least energy over the draw's mean square of the targets, exact at every size.

    Args:
        inputs: The width n0.
        outputs: The width n2.
        samples: The number m of samples, more than n0.

    Raises:
        TypeError: If a size is no integer.
        ValueError: If a size is not positive or there are too few samples.

    Examples:
        >>> law = least_energy_law(10, 10, 40)
        >>> law.mean, float(law.quantile(law.cdf(0.375)).round(12))
        (Fraction(3, 8), 0.375)
    """
    sizes = [
        positive_integer(name, size) for name, size in (("inputs", inputs), ("outputs", outputs), ("samples", samples))
    ]
    if samples <= inputs:
        raise ValueError(f"samples must be > inputs = {inputs}, or the least energy is 0, got {samples}.")
    return LeastEnergyLaw(sizes[1] * (sizes[2] - sizes[0]), sizes[0] * sizes[1])


@cache
def least_energy_density() -> Derivation:
    r"""Derive the density of u, twice the rescaled least energy, for rectangular networks of any size.

    .. math:: u \sim \mathrm{Beta}(a, b), \qquad a = \frac{n_2 (m - n_0)}{2}, \quad b = \frac{n_0 n_2}{2}

    Returns:
        A derivation on 0 < u < 1; the value is the density. The parts "a" and "b" are the shapes, "mean" and "variance"
        those of u in the widths.

    Examples:
        >>> least_energy_density().at(n0=2, n2=2, m=4, u="1/3")
        4/3
    """
    n0, n2, m = sp.symbols("n0 n2 m", positive=True)
    shapes = {_a: n2 * (m - n0) / 2, _b: n0 * n2 / 2}
    shape_a, shape_b = shapes[_a], shapes[_b]
    x, y = sp.symbols("x y", positive=True)
    joint = sp.log(_chi_square(x, _a)) + sp.log(_chi_square(y, _b))
    jacobian = sp.Matrix([_u * _t, (1 - _u) * _t]).jacobian([_u, _t]).det()
    logarithm = sp.expand_log(joint.subs({x: _u * _t, y: (1 - _u) * _t}), force=True) + sp.log(jacobian)
    radial = (_a + _b - 1) * sp.log(_t) - _t / 2
    angular = (_a - 1) * sp.log(_u) + (_b - 1) * sp.log(1 - _u)
    constants = -sp.log(2) * (_a + _b) - sp.log(sp.gamma(_a)) - sp.log(sp.gamma(_b))
    density = _beta_density(_u, shape_a, shape_b)
    moments = [
        sp.expand_func(sp.gamma(_a + k)) / sp.gamma(_a) * sp.gamma(_a + _b) / sp.expand_func(sp.gamma(_a + _b + k))
        for k in (1, 2)
    ]
    mean, variance = (sp.factor(value.subs(shapes)) for value in (moments[0], moments[1] - moments[0] ** 2))
    sizes = [dict(zip((n0, n2, m), size, strict=True)) for size in _SIZES]
    return Derivation(
        "The least energy of linear networks is half of a Beta variable",
        sp.Eq(sp.Symbol("density"), density),
        (
            Step(
                "|Y (1 - P)|^2 is chi-square with 2a = n2 (m - n0) degrees of freedom, |Y P|^2 with 2b = n0 n2, and "
                "they are independent. As polar coordinates, x = u t and y = (1 - u) t; the area element is t du dt.",
                Relation(jacobian, "=", _t),
                "exact",
                shown=r"\frac{\partial (x, y)}{\partial (u, t)} = t",
            ),
            Step(
                "The joint density is a product of a function of u and one of t: the share does not depend on the "
                "size.",
                Relation(sp.expand(logarithm), "=", sp.expand(radial + angular + constants)),
                "exact",
                shown=r"\log f(u t) f((1 - u) t) t = \left[(a + b - 1) \log t - \frac{t}{2}\right]"
                r" + \left[(a - 1) \log u + (b - 1) \log (1 - u)\right] + \mathrm{const}",
            ),
            Step(
                "The function of t integrates to a Gamma function (here a + b = 1, 3/2, 2, 5/2, ..., 6).",
                Relation(
                    sp.Tuple(*(sp.integrate(_t ** (s - 1) * sp.exp(-_t / 2), (_t, 0, sp.oo)) for s in _HALVES)),
                    "=",
                    sp.Tuple(*(2**s * sp.gamma(s) for s in _HALVES)),
                ),
                "exact",
                shown=r"\int_0^{\infty} t^{a + b - 1} e^{-t/2} dt = 2^{a + b} \, \Gamma(a + b)",
            ),
            Step(
                "What is left is the Beta density of u with these shapes.",
                Relation(_beta_density(_u, _a, _b).subs(shapes), "=", density),
                "exact",
                shown=r"\frac{\Gamma(a + b)}{\Gamma(a) \Gamma(b)} u^{a - 1} (1 - u)^{b - 1},"
                r" \quad a = \frac{n_2 (m - n_0)}{2}, \ b = \frac{n_0 n_2}{2}",
            ),
            Step(
                "Its first shape: as many degrees of freedom as the rank m - n0 of 1 - P allows, for each output.",
                Relation(sp.Sum(m - n0, (sp.Symbol("j"), 1, n2)).doit() / 2, "=", shape_a),
                "exact",
                shown=r"a = \frac{1}{2} \sum_{j=1}^{n_2} (m - n_0)",
            ),
            Step("Its second shape.", Relation(n0 * n2 / 2, "=", shape_b), "exact", shown=r"b = \frac{n_0 n_2}{2}"),
            Step(
                f"The total mass is 1 (sizes (n0, n2, m) = {', '.join(map(str, _SIZES))}).",
                Relation(
                    sp.Tuple(*(_moment(density.subs(size), 0) for size in sizes)),
                    "=",
                    sp.Tuple(*[1] * len(sizes)),
                ),
                "exact",
                shown=r"\int_0^1 \mathrm{density} \, du = 1",
            ),
            Step(
                "For n0 = n2 = 1 and m = 2 the targets have a uniform direction in the plane, u is the square "
                "of the sine of its angle with x: the arcsine law.",
                Relation((2 / sp.pi * sp.asin(sp.sqrt(_u))).diff(_u), "=", density.subs({n0: 1, n2: 1, m: 2})),
                "exact",
                shown=r"\frac{d}{du} \frac{2}{\pi} \arcsin \sqrt{u} = \frac{1}{\pi \sqrt{u (1 - u)}}",
            ),
            Step(
                "For n0 = 1, n2 = 1 and m = 3 the height sqrt(1 - u) on the sphere is uniform (Archimedes).",
                Relation((1 - sp.sqrt(1 - _u)).diff(_u), "=", density.subs({n0: 1, n2: 1, m: 3})),
                "exact",
                shown=r"\frac{d}{du} \left(1 - \sqrt{1 - u}\right) = \frac{1}{2 \sqrt{1 - u}}",
            ),
            Step("The mean of u: twice that of the energy.", Relation(mean, "=", 1 - n0 / m), "exact"),
            Step(
                "The variance of u.",
                Relation(variance, "=", n0 / m * (1 - n0 / m) / (m * n2 / 2 + 1)),
                "exact",
            ),
            Step(
                "Mean and mean square by integration, at the same sizes.",
                Relation(
                    sp.Tuple(*(_moment(density.subs(size), power) for size in sizes for power in (1, 2))),
                    "=",
                    sp.Tuple(*(value.subs(size) for size in sizes for value in (mean, variance + mean**2))),
                ),
                "exact",
                shown=r"\int_0^1 u \, \mathrm{density} \, du = 1 - \frac{n_0}{m}",
            ),
        ),
        Domain(u=(0, 1), n0=(0, sp.oo), n2=(0, sp.oo), m=(1, sp.oo)).with_integers("n0", "n2", "m").where(n0 < m),
        parts={
            "a": sp.Eq(sp.Symbol("a"), shape_a),
            "b": sp.Eq(sp.Symbol("b"), shape_b),
            "mean": sp.Eq(sp.Symbol("E(u)"), 1 - n0 / m),
            "variance": sp.Eq(sp.Symbol("Var(u)"), n0 / m * (1 - n0 / m) / (m * n2 / 2 + 1)),
        },
        titles={
            "a": "first shape of the law",
            "b": "second shape of the law",
            "mean": "mean of the law",
            "variance": "variance of the law",
        },
        assumptions=(
            "targets are independent N(0, 1) and independent of X, which has full row rank n0 < m; only the uniform "
            "direction of Y matters",
            "the hidden layer is no bottleneck, n1 >= min(n0, n2), so that W2 W1 takes every value",
            "energies are rescaled by the draw's own mean square of the targets",
        ),
        theorems=(cochran_theorem(),),
        source="Cochran's theorem, applied here to least squares",
    )


_SIZES = ((2, 1, 4), (4, 1, 6), (2, 2, 4), (2, 2, 5), (3, 2, 5), (4, 2, 5))  # n0, n2, m with whole shapes
_HALVES = tuple(sp.Rational(k, 2) for k in range(2, 13))


def _chi_square(place: sp.Expr, half: sp.Expr) -> sp.Expr:
    """The density of chi-square with twice ``half`` degrees of freedom."""
    return place ** (half - 1) * sp.exp(-place / 2) / (2**half * sp.gamma(half))


def _beta_density(share: sp.Expr, a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return sp.gamma(a + b) / (sp.gamma(a) * sp.gamma(b)) * share ** (a - 1) * (1 - share) ** (b - 1)


def _moment(density: sp.Expr, power: int) -> sp.Expr:
    return sp.integrate(sp.expand(_u**power * density), (_u, 0, 1))
