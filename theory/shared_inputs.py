r"""The two parts of the Hessian are not free of each other, because they share the inputs.

Conventions: an n-n-n network on m samples, phi = 2n/m, at weights N(0, 1/n) and inputs N(0, 1); the residuals e are
N(0, 2 epsilon), independent of weights and inputs. A unit is active on each sample with probability q: q = 1 for
linear units, q = 1/2 for ReLU. Directions in weight space are pairs, of the shape of W1 and of that of W2, so that

.. math:: H_0 = \begin{pmatrix} P & Q \\ Q^T & S \end{pmatrix}, \qquad
          H_1 = \begin{pmatrix} 0 & B \\ B^T & 0 \end{pmatrix}

Means are over weights, inputs and residuals, and tr is the sum of the diagonal over N = 2 n^2.
"""

from collections.abc import Hashable
from functools import cache, lru_cache
from itertools import product
from typing import Any

import sympy as sp
from sympy.polys.rings import ring

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import exact_number
from theory.free_probability.laws import marchenko_pastur
from theory.gaussian_pairings import Letter, binomial_moments, gaussian_moment, paired_mean
from theory.proof import Relation
from theory.symbols import epsilon, m, n, phi

__all__ = ["parts_overlap"]

_SIZES = ((1, 1), (1, 2), (2, 1), (1, 3), (2, 2))  # at which the mean is taken from the network itself
_active = sp.Symbol("A", positive=True)  # the number of samples on which a unit is active


def parts_overlap(active: object) -> Derivation:
    r"""Derive the mean of tr H0 H1 H0 H1 over its value for free parts, exactly at every size and in the limit.

    .. math:: \frac{E\, \mathrm{tr}\, H_0 H_1 H_0 H_1}{(E\, \mathrm{tr}\, H_0)^2\; E\, \mathrm{tr}\, H_1^2}
              \longrightarrow 1 + \frac{\phi}{2 q}

    It would be 1 for free parts. Both parts are made of the same inputs, and 1 + phi/(2q) is the second moment of the
    inputs' covariance over the active samples.

    Args:
        active: The fraction q of samples on which a unit is active, 0 < q <= 1: 1 for linear units, 1/2 for ReLU.

    Returns:
        A derivation of the limit in phi; its part "at finite size" is the exact quotient of means in n and m.

    Raises:
        TypeError: If the fraction is no real number.
        ValueError: If it lies outside (0, 1].

    Examples:
        >>> parts_overlap(1).value, parts_overlap("1/2").value
        (phi/2 + 1, phi + 1)
    """
    fraction = exact_number("active", active)
    if not (fraction.is_positive and (1 - fraction).is_nonnegative):
        raise ValueError(f"active must be a fraction in (0, 1], got {fraction}.")
    return _derivation(fraction)


@lru_cache(maxsize=16)
def _derivation(active: sp.Expr) -> Derivation:
    p, q, s, b, bt, qt = sp.symbols("P Q S B B^T Q^T", commutative=False)
    first, second = sp.ImmutableMatrix([[p, q], [qt, s]]), sp.ImmutableMatrix([[0, b], [bt, 0]])
    word = first * second * first * second
    straight, crossed = _straight(), _crossed()
    diagonal = sp.Tuple(q * bt * q * bt + p * b * s * bt, s * bt * p * b + qt * b * qt * b)
    plain = n**4 * _active * (n * _active + 4) * (n + _active + 1)
    mixed = n**3 * _active * (n**2 + _active**2 + 3 * n * _active + 3 * n + 3 * _active + 4)
    scale = r"\frac{2 \epsilon}{n^2 m^4}"
    moments = binomial_moments(m, active, 3)
    powers = dict(zip((_active, _active**2, _active**3), moments, strict=True))

    def averaged(polynomial: sp.Expr) -> sp.Expr:
        terms = sp.Poly(polynomial, _active).terms()
        return sum((value * (powers[_active**power] if power else 1) for (power,), value in terms), sp.Integer(0))

    mean = sp.factor(2 * epsilon * averaged(straight + crossed) / (n**4 * m**4))
    expected = 2 * epsilon * averaged(sp.expand((plain + mixed) / n**3)) / (n * m**4)
    trace, square = active, active * epsilon * phi
    free = active**2 * 2 * epsilon * n * active / m
    finite = sp.factor(expected / free)
    inverse = sp.Symbol("k", positive=True)  # 1/n
    limit = sp.expand(sp.cancel(finite.subs(m, 2 * n / phi).subs(n, 1 / inverse))).subs(inverse, 0)
    result = 1 + phi / (2 * active)
    half = sp.Symbol("x", real=True)
    density = sp.exp(-(half**2) / 2) / sp.sqrt(2 * sp.pi)
    gates = tuple(sp.integrate(half ** (2 * k) * density, (half, 0, sp.oo)) for k in range(4))
    a1, a2, b1, b2 = sp.symbols("a_1 a_2 b_1 b_2")
    steps = [
        Step(
            "The blocks of H0 H1 H0 H1 on the diagonal; P B S B' and its transpose have one trace, as have the others",
            Relation(sp.Tuple(word[0, 0], word[1, 1]), "=", diagonal),
            "exact",
        ),
        Step(
            "tr P B S B': sum over all pairings of its letters, for A active samples, variances and 1/m^4 apart",
            Relation(straight, "=", plain),
            "exact",
            shown=rf"E\, \mathrm{{tr}}\, P B S B^{{T}} = {scale} E\left[{sp.latex(plain)}\right]",
        ),
        Step(
            "tr Q B' Q B': likewise; of lower order by n^2",
            Relation(crossed, "=", mixed),
            "exact",
            shown=rf"E\, \mathrm{{tr}}\, Q B^{{T}} Q B^{{T}} = {scale} E\left[{sp.latex(mixed)}\right]",
        ),
        Step(
            "The number A of active samples is binomial: its moments",
            Relation(sp.Tuple(*moments), "=", sp.Tuple(*_by_enumerated_successes(active))),
            "exact",
            shown=rf"E A = {sp.latex(active * m)}, \quad A \sim \mathrm{{Bin}}(m, {sp.latex(active)})",
        ),
        Step(
            "The mean of tr H0 H1 H0 H1",
            Relation(mean, "=", expected),
            "exact",
            shown=rf"E\, \mathrm{{tr}}\, H_0 H_1 H_0 H_1 = {sp.latex(sp.factor(expected))}",
        ),
        Step(
            "The mean of tr H0, whose blocks are P and S",
            Relation(_trace_of_gauss_newton().subs(_active, active * m), "=", trace),
            "exact",
            shown=rf"E\, \mathrm{{tr}}\, H_0 = {sp.latex(trace)}",
        ),
        Step(
            "The mean of tr H1^2",
            Relation(_square_of_residual().subs({_active: active * m, m: 2 * n / phi}), "=", square),
            "exact",
            shown=rf"E\, \mathrm{{tr}}\, H_1^2 = {sp.latex(square)}",
        ),
        Step(
            "Second route: the means at n, m = 1, 1; 1, 2; 2, 1; 1, 3; 2, 2 from derivatives of the network's outputs",
            Relation(
                sp.Tuple(
                    *(
                        value.subs(phi, 2 * n / m).subs({n: width, m: samples})
                        for width, samples in _SIZES
                        for value in (expected, trace, square)
                    )
                ),
                "=",
                sp.Tuple(*(value for width, samples in _SIZES for value in _from_the_network(width, samples, active))),
            ),
            "exact",
            shown=r"E\, \mathrm{tr} H_0 H_1 H_0 H_1 = "
            + ", ".join(sp.latex(_from_the_network(*size, active)[0]) for size in _SIZES),
        ),
        Step(
            "For free parts tr H0 H1 H0 H1 would be a_2 b_1^2 + a_1^2 b_2 - a_1^2 b_1^2, and b_1 = 0",
            Relation(
                (a2 * b1**2 + a1**2 * b2 - a1**2 * b1**2).subs(b1, 0).subs({a1: trace, b2: square}),
                "=",
                active**3 * epsilon * phi,
            ),
            "exact",
            shown=r"a_1^2 b_2 = " + sp.latex(active**3 * epsilon * phi),
        ),
        Step(
            "The quotient at finite size",
            Relation(expected / free, "=", finite),
            "exact",
            shown=sp.latex(finite),
        ),
        Step(
            "Its limit as n grows with m = 2n/phi, held against the second moment of the inputs' covariance",
            Relation(limit, "=", result),
            "exact",
            lambda: marchenko_pastur(phi / (2 * active)).moment(2),
            shown=r"r_n \to " + sp.latex(result),
        ),
        Step("is above 1 for every phi, so that the parts are not free", Relation(1, "<", result), "exact"),
    ]
    wick = Theorem(
        "Wick's theorem",
        "the mean of a product of centred jointly normal letters is the sum over all pairings of the products of their "
        "covariances",
        "Isserlis (1918); Mingo and Speicher (2017), Free Probability and Random Matrices, chapter 1",
        (
            Step(
                "Fourth moments: three pairings",
                Relation(sp.integrate(half**4 * density, (half, -sp.oo, sp.oo)), "=", 3),
                "exact",
                shown="E x^4 = 3",
            ),
        ),
    )
    assumptions = [
        "weights are independent N(0, 1/n), inputs independent N(0, 1), residuals independent N(0, 2 epsilon), and "
        "residuals are independent of weights and inputs",
        "the quotient is one of means over these draws, at every size and in the limit",
    ]
    if active != 1:
        steps.insert(
            0,
            Step(
                "A gate is open on half of the line, and even moments there are half of all: it is independent of x x'",
                Relation(
                    sp.Tuple(*gates), "=", sp.Tuple(*(gaussian_moment(2 * k, sp.Integer(1)) / 2 for k in range(4)))
                ),
                "exact",
                shown=r"\int_0^{\infty} x^{2k} \frac{\exp(-x^2/2)}{\sqrt{2 \pi}} dx = \frac{1}{2} E x^{2k}",
            ),
        )
        assumptions.append(
            "a unit's gate is independent of its weights, of x x' and of e x': true of a ReLU gate, which is open on "
            "half of the inputs, because (e, x) and (-e, -x) are equally likely; after the mean over W2, which sets "
            "the units i and i' equal, only the gates of one unit occur"
        )
    return Derivation(
        title="The two parts of the Hessian are not free of each other",
        result=sp.Eq(sp.Symbol("r"), result),
        steps=tuple(steps),
        domain=Domain(phi=(0, sp.oo), epsilon=(0, sp.oo), m=(0, sp.oo), n=(0, sp.oo)),
        parts={
            "at finite size": sp.Eq(sp.Symbol("r_n"), finite),
            "mean of tr H0": sp.Eq(sp.Symbol("a_1"), trace),
            "mean of tr H1^2": sp.Eq(sp.Symbol("b_2"), square),
        },
        assumptions=tuple(assumptions),
        theorems=(wick,),
    )


def _ranges(widths: str, samples: str) -> dict[Hashable, sp.Expr]:
    return dict.fromkeys(widths.split(), n) | dict.fromkeys(samples.split(), _active)


@cache
def _straight() -> sp.Expr:
    """The sum over pairings for P B S B', of indices (i j), (i' j'), (l i'), (l i)."""
    letters: list[Letter] = [
        *(("W2", "k", "i"), ("W2", "k", "i'"), ("x", "j", "mu"), ("x", "j'", "mu")),  # P
        *(("e", "l", "nu"), ("x", "j'", "nu")),  # B
        *(("W1", "i'", "a"), ("x", "a", "rho"), ("W1", "i", "b"), ("x", "b", "rho")),  # S
        *(("e", "l", "sigma"), ("x", "j", "sigma")),  # B'
    ]
    return paired_mean(letters, _ranges("i i' j j' k l a b", "mu nu rho sigma"))


@cache
def _crossed() -> sp.Expr:
    """The sum over pairings for Q B' Q B', of indices (i j), (k i'), (i' j'), (k' i)."""
    letters: list[Letter] = [
        *(("W2", "k", "i"), ("x", "j", "mu"), ("W1", "i'", "a"), ("x", "a", "mu")),  # Q
        *(("e", "k", "nu"), ("x", "j'", "nu")),  # B'
        *(("W2", "k'", "i'"), ("x", "j'", "rho"), ("W1", "i", "b"), ("x", "b", "rho")),  # Q
        *(("e", "k'", "sigma"), ("x", "j", "sigma")),  # B'
    ]
    return paired_mean(letters, _ranges("i i' j j' k k' a b", "mu nu rho sigma"))


def _trace_of_gauss_newton() -> sp.Expr:
    first = paired_mean(
        [("W2", "k", "i"), ("W2", "k", "i"), ("x", "j", "mu"), ("x", "j", "mu")], _ranges("i j k", "mu")
    )
    second = paired_mean(
        [("W1", "i", "a"), ("W1", "i", "b"), ("x", "a", "mu"), ("x", "b", "mu")], _ranges("i k a b", "mu")
    )
    return (first + second) / (n * m) / (2 * n**2)


def _square_of_residual() -> sp.Expr:
    letters: list[Letter] = [("e", "l", "nu"), ("x", "j", "nu"), ("e", "l", "sigma"), ("x", "j", "sigma")]
    return 2 * 2 * epsilon * paired_mean(letters, _ranges("i j l", "nu sigma")) / m**2 / (2 * n**2)


def _by_enumerated_successes(active: sp.Expr) -> tuple[sp.Expr, ...]:
    """Moments of a binomial number: a power of a sum of indicators, by how many of them are different."""
    falling = [sp.expand(sp.ff(m, k)) * active**k for k in range(4)]
    return tuple(
        sum((sp.functions.combinatorial.numbers.stirling(order, k) * falling[k] for k in range(1, order + 1)), sp.S(0))
        for order in (1, 2, 3)
    )


@lru_cache(maxsize=64)
def _from_the_network(width: int, samples: int, active: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The means of tr (H0 H1)^2, tr H0 and tr H1^2 over N, from the second derivatives of the network's outputs."""
    names = [f"{kind}{row}{column}" for kind in "wv" for row in range(width) for column in range(width)]
    names += [f"{kind}{row}{sample}" for kind in "xe" for row in range(width) for sample in range(samples)]
    algebra, *generators = ring(names, sp.QQ)
    letter = dict(zip(names, generators, strict=True))
    weights = generators[: 2 * width**2]
    size = len(weights)
    variances = {"w": sp.Rational(1, width), "v": sp.Rational(1, width), "x": sp.Integer(1), "e": 2 * epsilon}
    totals = [sp.Integer(0)] * 3
    for pattern in product((0, 1), repeat=width * samples):
        chance = active ** sum(pattern) * (1 - active) ** (len(pattern) - sum(pattern))
        if chance == 0:
            continue
        first = [[algebra.zero] * size for _ in weights]
        second = [[algebra.zero] * size for _ in weights]
        for sample, output in product(range(samples), range(width)):
            value = algebra.zero
            for unit in range(width):
                if pattern[unit * samples + sample]:
                    before = sum((letter[f"w{unit}{j}"] * letter[f"x{j}{sample}"] for j in range(width)), algebra.zero)
                    value += letter[f"v{output}{unit}"] * before
            gradient = [value.diff(weight) for weight in weights]
            for row, column in product(range(size), repeat=2):
                first[row][column] += gradient[row] * gradient[column]
                second[row][column] += letter[f"e{output}{sample}"] * gradient[row].diff(weights[column])
        both = [
            [sum((first[a][c] * second[c][b] for c in range(size)), algebra.zero) for b in range(size)]
            for a in range(size)
        ]
        found = (
            sum((both[a][b] * both[b][a] for a, b in product(range(size), repeat=2)), algebra.zero),
            sum((first[a][a] for a in range(size)), algebra.zero),
            sum((second[a][b] ** 2 for a, b in product(range(size), repeat=2)), algebra.zero),
        )
        for place, polynomial in enumerate(found):
            totals[place] += chance * _mean(polynomial, [variances[name[0]] for name in names])
    scales = (samples**4, samples, samples**2)
    return tuple(sp.expand(total / (scale * size)) for total, scale in zip(totals, scales, strict=True))


def _mean(polynomial: Any, variances: list[sp.Expr]) -> sp.Expr:
    """The mean of a polynomial in independent normal letters, monomial by monomial."""
    total = sp.Integer(0)
    for powers, coefficient in polynomial.terms():
        if not any(power % 2 for power in powers):
            total += sp.QQ.to_sympy(coefficient) * sp.Mul(
                *(gaussian_moment(power, variance) for power, variance in zip(powers, variances, strict=True) if power)
            )
    return total
