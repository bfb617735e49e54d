r"""The Gauss-Newton part of a linear two-layer network with many samples: a classical convolution, not a free law.

Conventions: an n-n-n network with outputs W2 W1 X on m samples, H0 = J'J/m over the directions (U, V) of (W1, W2),
C = XX'/m, inputs N(0, 1) and weights N(0, 1/n). A direction moves the outputs by F X with F = W2 U + V W1. First m goes
to infinity at fixed n, then n.
"""

from functools import cache
from math import comb
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_two_layer import ExactTwoLayer
from theory.free_probability.laws import marchenko_pastur, point_mass
from theory.gaussian_pairings import wishart_mean
from theory.proof import Relation
from theory.symbols import m, n

__all__ = ["gauss_newton_limit"]

_ORDER = 6
_w1, _w1t, _w2, _w2t, _f, _v, _u = sp.symbols("W1 W1^T W2 W2^T F v^T u", commutative=False)
_lambda, _mu = sp.symbols("lambda mu")


@cache
def gauss_newton_limit() -> Derivation:
    r"""Derive the moments of the non-zero half of H0 for linear units, as phi goes to 0.

    .. math:: H_0 \text{ has the eigenvalues } \lambda_i(W_2 W_2^T) + \mu_j(W_1^T W_1) \text{ and } n^2 \text{ zeros},

    so that for large n the non-zero half is the classical convolution of two Marchenko-Pastur laws of ratio 1:

    .. math:: E\,(\lambda + \mu)^k = \sum_j \binom kj C_j C_{k-j}, \qquad C_j = \frac{1}{j + 1} \binom{2j}{j}

    Returns:
        A derivation of its moments of order 1 to 6; its part "whole spectrum" has those of H0 with its zeros.

    Examples:
        >>> gauss_newton_limit().value
        (2, 6, 22, 92, 424, 2108)
    """
    one = marchenko_pastur(1)
    orders = range(1, _ORDER + 1)
    summed = sp.Tuple(
        *(sum(sp.binomial(k, j) * one.moment(j) * one.moment(k - j) for j in range(k + 1)) for k in orders)
    )
    moments = sp.Tuple(*(sum(comb(k, j) * _catalan(j) * _catalan(k - j) for j in range(k + 1)) for k in orders))
    free = one + one
    image = _w2 * (_w2t * _f) + (_f * _w1t) * _w1
    vector = _u * _v
    on_vector = sp.expand(image.subs(_f, vector)).subs({_w2 * _w2t * _u: _lambda * _u, _v * _w1t * _w1: _mu * _v})
    spread = wishart_mean([2], n, m) / m**2 - 2 * wishart_mean([1], n, m) / m + n
    net = _with_white_inputs()
    characteristic, predicted = _characteristic(net)
    steps = (
        Step(
            "The covariance of the inputs tends to 1: E tr (C - 1)^2, from all pairings of its letters",
            Relation(spread, "=", n * (n + 1) / m),
            "exact",
            shown=r"E\, \mathrm{tr}(C - 1)^2 = \frac{n (n + 1)}{m} \to 0 \quad (m \to \infty)",
        ),
        Step(
            "At C = 1 J'J has the non-zero eigenvalues of J J', which maps F to W2 (W2' F) + (F W1') W1.",
            Relation(sp.expand(image), "=", _w2 * _w2t * _f + _f * _w1t * _w1),
            "exact",
            shown=r"J J^T : F \mapsto W_2 W_2^T F + F W_1^T W_1",
        ),
        Step(
            "F = u v' is an eigenvector if u is one of W2 W2' and v of W1' W1, with the sum of their eigenvalues.",
            Relation(on_vector, "=", (_lambda + _mu) * vector),
            "exact",
            shown=r"W_2 W_2^T u v^T + u v^T W_1^T W_1 = (\lambda + \mu) u v^T",
        ),
        Step(
            "These are n^2 of 2 n^2, the others are zeros (an exact instance, n = 2, inputs of covariance 1)",
            Relation(characteristic, "=", predicted),
            "exact",
            shown=r"\det(z - H_0) = z^{4} \det\left(z - W_2 W_2^T \otimes 1 - 1 \otimes W_1^T W_1\right)",
        ),
        Step(
            "The moments of each summand: Marchenko-Pastur of ratio 1, Catalan numbers",
            Relation(
                sp.Tuple(*(one.moment(k) for k in orders)), "=", sp.Tuple(*(sp.Integer(_catalan(k)) for k in orders))
            ),
            "exact",
            lambda: sp.Tuple(*(_leading_moment(k) if k <= 4 else sp.catalan(k) for k in orders)),
            shown=r"E \lambda^k = C_k = \frac{1}{k + 1} \binom{2k}{k}",
        ),
        Step(
            "All pairs occur equally often, so that lambda and mu are as if independent: classical convolution",
            Relation(summed, "=", moments),
            "exact",
            _by_exponential_series,
            shown=r"E (\lambda + \mu)^k = \sum_{j=0}^{k} \binom{k}{j} C_j C_{k-j} = "
            + ", ".join(str(moment) for moment in moments),
        ),
        Step(
            "The whole spectrum, with its zeros, has half of that",
            Relation(_halved(summed), "=", _halved(moments)),
            "exact",
            shown=r"\frac{1}{2 n^2} \mathrm{tr}\, H_0^k \to " + ", ".join(str(moment) for moment in _halved(moments)),
        ),
        Step(
            "A free sum of the two would have another fourth moment",
            Relation(free.moment(4), "!=", moments[3]),
            "exact",
        ),
        Step(
            "and the Marchenko-Pastur law of ratio phi and mean 1, which tends to the point 1, a lesser variance.",
            Relation(point_mass(1).moment(2) - 1, "<", _halved(moments)[1] - 1),
            "exact",
        ),
    )
    return Derivation(
        title="The Gauss-Newton part of a linear network with many samples",
        result=sp.Eq(sp.Tuple(*sp.symbols(f"m_1:{_ORDER + 1}")), moments, evaluate=False),
        steps=steps,
        domain=Domain(n=(0, sp.oo), m=(0, sp.oo)),
        parts={
            "whole spectrum": sp.Eq(sp.Tuple(*sp.symbols(f"h_1:{_ORDER + 1}")), _halved(moments), evaluate=False),
            "distance of the covariance from 1": sp.Eq(sp.Symbol("d"), n * (n + 1) / m),
        },
        titles={
            "whole spectrum": "eigenvalues with their numbers",
        },
        assumptions=(
            "linear units; inputs are independent N(0, 1), weights independent N(0, 1/n)",
            "first m goes to infinity at fixed n, then n",
        ),
        theorems=(_marchenko_pastur_theorem(), _products_theorem()),
        source="Marchenko and Pastur (1967) for the summands; derived here",
    )


def _catalan(order: int) -> int:
    return comb(2 * order, order) // (order + 1)


def _halved(moments: sp.Tuple) -> sp.Tuple:
    return sp.Tuple(*(moment / 2 for moment in moments))


def _leading_moment(order: int) -> sp.Expr:
    """The limit of E tr (W W')^order / n for W of size n with entries N(0, 1/n), from all pairings."""
    return sp.Poly(wishart_mean([order], n, n), n).coeff_monomial(n ** (order + 1))


def _by_exponential_series() -> sp.Tuple:
    """The moments from the generating function of independent summands, the square of that of one.

    For the Marchenko-Pastur law of ratio 1 it is exp(2t) (I_0(2t) - I_1(2t)) in modified Bessel functions.
    """
    t = sp.Symbol("t")
    terms = range(_ORDER + 1)
    bessel = sum(
        t ** (2 * k) / sp.factorial(k) ** 2 - t ** (2 * k + 1) / (sp.factorial(k) * sp.factorial(k + 1)) for k in terms
    )
    exponential = sum((2 * t) ** k / sp.factorial(k) for k in terms)
    square = sp.Poly(sp.expand((exponential * bessel) ** 2), t)
    return sp.Tuple(*(square.coeff_monomial(t**k) * sp.factorial(k) for k in range(1, _ORDER + 1)))


def _with_white_inputs() -> ExactTwoLayer:
    """A 2-2-2 network on four samples whose inputs have the covariance 1 exactly."""
    net = ExactTwoLayer.sample(2, 2, 2, samples=4, seed=17)
    inputs = sp.ImmutableMatrix([[1, 1, 1, 1], [1, -1, 1, -1]])
    return ExactTwoLayer(net.first, net.second, inputs, net.targets)


def _characteristic(net: ExactTwoLayer) -> tuple[sp.Expr, sp.Expr]:
    """The characteristic polynomial of H0, and the one predicted."""
    z = sp.Symbol("z")
    first, second = net.first.T * net.first, net.second * net.second.T
    both = sp.KroneckerProduct(second, sp.eye(2)).doit() + sp.KroneckerProduct(sp.eye(2), first).doit()
    predicted: Any = z**4 * sp.Matrix(both).charpoly(z).as_expr()
    return net.gauss_newton().charpoly(z).as_expr(), predicted


def _products_theorem() -> Theorem:
    jacobian = sp.Matrix(2, 3, [1, 2, 3, 4, 5, 7])
    z = sp.Symbol("z")
    wide, small = (jacobian.T * jacobian).charpoly(z).as_expr(), (jacobian * jacobian.T).charpoly(z).as_expr()
    return Theorem(
        "products in both orders have the same non-zero eigenvalues",
        "$J^T J$ and $J J^T$ have the same non-zero eigenvalues with multiplicity",
        "Horn and Johnson, Matrix Analysis, theorem 1.3.22",
        (Step("An exact instance, 2 x 3", Relation(wide, "=", z * small), "exact"),),
    )


def _marchenko_pastur_theorem() -> Theorem:
    return Theorem(
        "the Marchenko-Pastur law",
        "the eigenvalues of $W W^T$, $W$ of size $n$ with independent entries $N(0, 1/n)$, tend to the law of ratio 1",
        "Marchenko and Pastur (1967), Distribution of eigenvalues for some sets of random matrices",
        (
            Step(
                "The means of the first four moments, from all pairings, tend to its own",
                Relation(
                    sp.Tuple(*(_leading_moment(k) for k in range(1, 5))),
                    "=",
                    sp.Tuple(*(marchenko_pastur(1).moment(k) for k in range(1, 5))),
                ),
                "exact",
                shown=r"\lim_{n \to \infty} \frac{1}{n} E\, \mathrm{tr} (W W^T)^k = 1, 2, 5, 14",
            ),
        ),
    )
