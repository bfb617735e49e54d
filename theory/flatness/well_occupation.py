r"""How often noisy descent sits in a flat well and how often in a sharp one, where both are equally deep.

Conventions: one weight, a loss L with two wells of equal depth and the curvatures a (flat) and b (sharp). SGD with a
small learning rate eta and noise of variance sigma^2 in its gradient is the diffusion

.. math:: dx = - L'(x) \, dt + \sqrt{2 D} \, dW, \qquad D = \frac{\eta \sigma^2}{2},

in the time t = eta times the number of steps; for minibatches sigma^2 is kappa C, so that D is eta/(2B) times the
variance of the samples for B << n. This is the limit of small eta a and eta b, with noise that does not depend on x.
"""

import math
from functools import cache
from typing import Any

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.flatness.minibatch_noise import batch_covariance
from theory.proof import Relation
from theory.real_arrays import nonnegative_number, positive_number

__all__ = ["escape_ratio", "flat_well_share", "stationary_share"]

_flat, _sharp, _noise, _rate, _height = sp.symbols("a b D eta h", positive=True)
_SOURCE = (
    "Edinburgh, Machine Learning Theory, slide SGD and Flat minima; Risken, The Fokker-Planck Equation, section 5.10"
)


@cache
def stationary_share() -> Derivation:
    r"""Derive the share of its time that noisy descent spends in the flat one of two equally deep wells.

    .. math:: p \propto e^{-L/D}, \qquad P_{flat} \to \frac{\sqrt b}{\sqrt a + \sqrt b} \quad (D \to 0), \qquad
              \frac{r_{flat \to sharp}}{r_{sharp \to flat}} = \sqrt{\frac ab}

    The flat well is favoured by its width alone: in the limit of little noise the share does not depend on eta/B, which
    sets how soon it is reached. At equal depth it is never one half, unless a = b. If the noise is in proportion to the
    curvature of the well the flat one is favoured exponentially, the more the smaller eta/B is.

    Returns:
        A derivation; the value is the share of the flat well in the limit of little noise. The parts are "temperature",
        D for minibatches of B out of n samples of variance C, "rates", the ratio of the rates of escape, and
        "proportional", the flat share over the sharp one if the noise is k times the curvature in each well, below a
        barrier of height h.

    Examples:
        >>> stationary_share().at(a=1, b=9)
        3/4
    """
    width = sp.Symbol("w", positive=True)
    place = sp.Symbol("x", real=True)
    loss = sp.Function("L")(place)
    density = sp.exp(-loss / _noise)
    top = sp.Symbol("c", positive=True)  # minus the curvature at the barrier
    gauss = sp.integrate(sp.exp(-width * place**2 / 2), (place, -sp.oo, sp.oo))
    masses = [gauss.subs(width, curvature / _noise) for curvature in (_flat, _sharp)]
    share = sp.sqrt(_sharp) / (sp.sqrt(_flat) + sp.sqrt(_sharp))
    samples, batch, variance = sp.symbols("n B C", positive=True)
    temperature = _rate * variance * (samples - batch) / (2 * batch * (samples - 1))
    rate = {a: sp.sqrt(a * top) / (2 * sp.pi) for a in (_flat, _sharp)}  # times exp(-h/D), the same for both
    here, there = sp.symbols("D_a D_b", positive=True)
    strength = sp.Symbol("k", positive=True)
    ratio = sp.sqrt(there * _sharp / (here * _flat)) * sp.exp(_height / here) * sp.exp(-_height / there)
    own = {here: strength * _flat, there: strength * _sharp}
    local = sp.exp((_height - loss) / here) / here
    proportional = _sharp / _flat * sp.exp(_height / (strength * _flat)) * sp.exp(-_height / (strength * _sharp))
    return Derivation(
        "Noisy descent between a flat and a sharp well of equal depth",
        sp.Eq(sp.Symbol("P"), share),
        (
            Step(
                "The density e^(-L/D) has no flux: what the slope carries in, the noise carries out.",
                Relation(-loss.diff(place) * density - _noise * density.diff(place), "=", 0),
                "exact",
                shown=r"- L' p - D p' = 0, \quad p = e^{-L/D}",
            ),
            Step(
                "Well by well, in the limit of little noise, its mass is a Gaussian integral.",
                Relation(gauss.subs(width, _flat / _noise), "=", sp.sqrt(2 * sp.pi * _noise / _flat)),
                "exact",
                shown=r"\int e^{-a x^2/(2 D)} \, dx = \sqrt{\frac{2 \pi D}{a}}",
            ),
            Step(
                "The share of the flat one: D cancels.",
                Relation(masses[0] / (masses[0] + masses[1]), "=", share),
                "exact",
                lambda a, b: _by_quadrature(a, b),
                shown=r"\frac{a^{-1/2}}{a^{-1/2} + b^{-1/2}} = \frac{\sqrt{b}}{\sqrt{a} + \sqrt{b}}",
            ),
            Step(
                "It is more than one half where a < b.",
                Relation(sp.Rational(1, 2), "<", share.subs(_sharp, _flat * (1 + width) ** 2)),
                "exact",
                shown=r"\frac{1}{2} < \frac{\sqrt{b}}{\sqrt{a} + \sqrt{b}} \quad (a < b)",
                domain=Domain(a=(0, sp.oo), w=(0, sp.oo)),
            ),
            Step(
                "Kramers' rates over a barrier of height h and curvature -c, the ratio of the two ways: only the "
                "curvatures of the wells are left.",
                Relation(rate[_flat] / rate[_sharp], "=", sp.sqrt(_flat / _sharp)),
                "exact",
                shown=r"\frac{r_{a}}{r_{b}} = \frac{\sqrt{a c} \, e^{-h/D}}{\sqrt{b c} \, e^{-h/D}}"
                r" = \sqrt{\frac{a}{b}}",
            ),
            Step(
                "They keep the shares in balance.",
                Relation(share * rate[_flat], "=", (1 - share) * rate[_sharp]),
                "exact",
                shown=r"P \, r_{a} = (1 - P) \, r_{b}",
            ),
            Step(
                "If each well has its own noise, D_a and D_b, the density in one is e^((h - L)/D_a)/D_a: no flux,",
                Relation(-loss.diff(place) * local - (here * local).diff(place), "=", 0),
                "exact",
                shown=r"- L' p - (D_a p)' = 0, \quad p = \frac{1}{D_a} e^{(h - L)/D_a}",
            ),
            Step(
                "and the products D p of both meet at the barrier, L = h.",
                Relation((here * local).subs(loss, _height), "=", 1),
                "exact",
                shown=r"D_a \, p = 1 = D_b \, p \quad (L = h)",
            ),
            Step(
                "The masses of the two wells, flat over sharp.",
                Relation(
                    gauss.subs(width, _flat / here)
                    / here
                    * sp.exp(_height / here)
                    / (gauss.subs(width, _sharp / there) / there)
                    * sp.exp(-_height / there),
                    "=",
                    ratio,
                ),
                "exact",
                shown=r"\frac{P_a}{P_b} = \sqrt{\frac{D_b b}{D_a a}} \, e^{h/D_a - h/D_b}",
            ),
            Step(
                "With noise in proportion to the curvature, D_a = k a and D_b = k b, the flat well is favoured by its "
                "coldness, the more the smaller k is.",
                Relation(ratio.subs(own), "=", proportional),
                "exact",
                lambda a, b, h, k: _two_masses(a, b, h, k),
                shown=r"\frac{P_a}{P_b} = \frac{b}{a} \, \exp \left(\frac{h}{k} \left(\frac{1}{a}"
                r" - \frac{1}{b}\right)\right)",
            ),
            Step(
                "The temperature of minibatches: the variance of their gradient is kappa C.",
                Relation(_rate * batch_covariance().value * variance / 2, "=", temperature),
                "exact",
                shown=r"D = \frac{\eta}{2} \, \frac{n - B}{B (n - 1)} \, C",
            ),
            Step(
                "Learning rate over batch size is what it depends on, for B much less than n.",
                Relation(sp.limit(temperature, samples, sp.oo), "=", _rate * variance / (2 * batch)),
                "exact",
                shown=r"D \to \frac{\eta}{B} \, \frac{C}{2} \quad (n \to \infty)",
            ),
        ),
        Domain(
            a=(0, sp.oo),
            b=(0, sp.oo),
            D=(0, sp.oo),
            eta=(0, sp.oo),
            n=(1, sp.oo),
            B=(0, sp.oo),
            C=(0, sp.oo),
            c=(0, sp.oo),
            h=(0, sp.oo),
            k=(1, sp.oo),
        )
        .with_integers("n", "B")
        .where(batch <= samples),
        parts={
            "temperature": sp.Eq(sp.Symbol("D"), temperature),
            "rates": sp.Eq(sp.Symbol("r"), sp.sqrt(_flat / _sharp)),
            "proportional": sp.Eq(sp.Symbol("P"), proportional),
        },
        titles={
            "temperature": "diffusion by minibatches",
            "rates": "ratio of the rates of escape",
            "proportional": "shares if noise follows curvature",
        },
        assumptions=(
            "eta times each curvature is small; the noise is the same everywhere, or in each well (Ito's reading)",
            "the wells are equally deep, and D is small against the height h of the barrier between them",
            "Kramers' formula for the rates is taken from the reference",
        ),
        source=_SOURCE,
        shown={
            "result": r"P_{flat} = \frac{\sqrt{b}}{\sqrt{a} + \sqrt{b}}",
            "temperature": r"D = \frac{\eta}{2} \, \frac{n - B}{B (n - 1)} \, C",
            "rates": r"\frac{r_{a}}{r_{b}} = \sqrt{\frac{a}{b}}",
            "proportional": r"\frac{P_a}{P_b} = \frac{b}{a} \, \exp \left(\frac{h}{k} \left(\frac{1}{a}"
            r" - \frac{1}{b}\right)\right)",
        },
    )


def flat_well_share(flat: float, sharp: float, *, height: float = 0.0, strength: float | None = None) -> float:
    """Return the share of its time that noisy descent spends in the flat one of two equally deep wells.

    Args:
        flat: Curvature a > 0 of the flat well.
        sharp: Curvature b > 0 of the other one.
        height: Height h >= 0 of the barrier; matters only for noise in proportion to the curvature.
        strength: k > 0 if the noise is D = k a in the one and k b in the other well; None for equal noise.

    Returns:
        The limit of little noise.

    Raises:
        TypeError: If a number is none.
        ValueError: If a curvature or the strength is not positive, or the height is negative.

    Examples:
        >>> flat_well_share(1.0, 9.0)
        0.75
    """
    first, second = positive_number("flat", flat), positive_number("sharp", sharp)
    height = nonnegative_number("height", height)
    if strength is None:
        return math.sqrt(second) / (math.sqrt(first) + math.sqrt(second))
    strength = positive_number("strength", strength)
    colder = (second - first) / first / second  # 1/a - 1/b
    pull = height / strength * colder if height and colder else 0.0
    advantage = pull + math.log(second) - math.log(first)
    return 1 / (1 + math.exp(-advantage)) if advantage > -700 else 0.0


def escape_ratio(flat: float, sharp: float) -> float:
    """Return the rate of escape from the flat well over that from the sharp one, at equal barriers and noise.

    Raises:
        TypeError: If a number is none.
        ValueError: If a curvature is not positive.

    Examples:
        >>> escape_ratio(1.0, 4.0)
        0.5
    """
    return math.sqrt(positive_number("flat", flat)) / math.sqrt(positive_number("sharp", sharp))


def _gauss(curvature: Any, noise: Any) -> Any:
    """The integral of e^(-a x^2/(2 D)) by quadrature."""
    unit = mpmath.sqrt(noise / curvature)
    return 2 * mpmath.quad(lambda x: mpmath.exp(-curvature * x**2 / (2 * noise)), [0, 3 * unit, 8 * unit, 20 * unit])


def _mpf(value: Any) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator


def _by_quadrature(flat: Any, sharp: Any) -> Any:
    """The share of the flat well at D = 1, by quadrature."""
    with mpmath.workdps(50):
        first, second = (_gauss(_mpf(curvature), mpmath.mpf(1)) for curvature in (flat, sharp))
        return first / (first + second)


def _two_masses(flat: Any, sharp: Any, height: Any, strength: Any) -> Any:
    """The ratio of the masses with noise in proportion to the curvature, by quadrature."""
    with mpmath.workdps(50):
        masses = []
        for curvature in (_mpf(flat), _mpf(sharp)):
            noise = _mpf(strength) * curvature
            masses.append(_gauss(curvature, noise) / noise * mpmath.exp(_mpf(height) / noise))
        return masses[0] / masses[1]
