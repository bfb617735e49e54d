r"""The empirical risk as an estimate of the risk: right on average for a fixed hypothesis, too low at its minimiser.

Conventions: the empirical risk of m samples is the mean of their losses, the risk its expectation. Least squares has d
parameters, m > d fixed inputs of full rank, errors of mean 0 and variance sigma^2, and a squared error without a half.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["coin_minimum", "least_squares_risks"]

_BOOK = "Hastie, Tibshirani and Friedman (2009), The elements of statistical learning, section 7.4"


@cache
def least_squares_risks() -> Derivation:
    r"""Derive the empirical risk of least squares at its minimiser, on average, and its risk for new labels.

    .. math:: \sigma^2 \left(1 - \frac{d}{m}\right), \qquad \sigma^2 \left(1 + \frac{d}{m}\right)

    At the true parameter both are sigma^2.

    Returns:
        A derivation; the value is the first. Parts: "new", the second; "fixed", the mean empirical risk of a
        hypothesis with the risk r that was fixed before.

    Examples:
        >>> risks = least_squares_risks()
        >>> risks.at(sigma=1, d=2, m=8), risks.at(part="new", sigma=1, d=2, m=8)
        (3/4, 5/4)
    """
    d, m = (sp.Symbol(name, positive=True, integer=True) for name in "dm")
    r, sigma = sp.symbols("r sigma", positive=True)
    x = sp.Matrix([[1, 0], [1, 1], [1, 2], [1, 5]])
    projection = x * (x.T * x).inv() * x.T
    rest = sp.eye(4) - projection
    losses = sp.symbols("l_1:4", real=True)
    low, gap = sp.symbols("l g", positive=True)

    def squares(matrix: sp.Matrix) -> sp.Expr:
        """What |matrix e|^2 is on average, for independent errors e of variance 1."""
        return sp.Add(*(entry**2 for entry in matrix))

    train, new = sigma**2 * (1 - d / m), sigma**2 * (1 + d / m)
    return Derivation(
        "The empirical risk at a fixed hypothesis and at its minimiser",
        sp.Eq(sp.Symbol("R"), train),
        (
            Step(
                "A loss that takes three values with equal chances has, over all pairs of samples, the mean risk",
                Relation(
                    sp.Add(*((first + second) / 2 for first in losses for second in losses)) / 9,
                    "=",
                    sp.Add(*losses) / 3,
                ),
                "exact",
                shown=r"\frac{1}{9} \sum_{i, j} \frac{l_i + l_j}{2} = \frac{l_1 + l_2 + l_3}{3}",
            ),
            Step(
                "and m samples of a hypothesis with the risk r, whatever its losses are,",
                Relation(sp.Sum(r, (sp.Symbol("i"), 1, m)).doit() / m, "=", r),
                "exact",
                shown=r"\frac{1}{m} \sum_{i = 1}^{m} r = r",
            ),
            Step(
                "A minimum over hypotheses is nowhere more than the risk of one of them, and less where another has "
                "less: so it is on average at most the least risk.",
                Relation(sp.Min(low, low + gap), "<", low + gap),
                "exact",
                shown=r"\min(l, l + g) < l + g \quad (g > 0)",
            ),
            Step(
                "Least squares leaves (I - H) e of the errors e, with the projection H onto the columns of X. For four "
                "inputs and two parameters the mean of its square is, in sigma^2,",
                Relation(squares(rest), "=", sp.Integer(2)),
                "exact",
                lambda: rest.trace(),
                shown=r"\sum_{ij} (I - H)_{ij}^2 = \mathrm{tr}(I - H) = 4 - 2",
            ),
            Step(
                "in general m less the d eigenvalues 1 of H:",
                Relation(sigma**2 * (m - d) / m, "=", train),
                "exact",
                shown=r"\frac{\sigma^2 (m - d)}{m} = \sigma^2 \left(1 - \frac{d}{m}\right)",
            ),
            Step(
                "New labels e' at the same inputs leave e' - H e, whose mean square in the example is",
                Relation(squares(sp.eye(4)) + squares(projection), "=", sp.Integer(6)),
                "exact",
                lambda: 4 + projection.trace(),
                shown=r"\sum_{ij} (I_{ij}^2 + H_{ij}^2) = 4 + 2",
            ),
            Step(
                "and in general",
                Relation(sigma**2 * (m + d) / m, "=", new),
                "exact",
                shown=r"\frac{\sigma^2 (m + d)}{m} = \sigma^2 \left(1 + \frac{d}{m}\right)",
            ),
        ),
        Domain(d=(0, sp.oo), m=(0, sp.oo), sigma=(0, sp.oo), l=(0, sp.oo), g=(0, sp.oo))
        .with_integers("d", "m")
        .where(d < m),
        parts={"new": sp.Eq(sp.Symbol("N"), new), "fixed": sp.Eq(sp.Symbol("F"), r)},
        titles={
            "new": "risk on new examples",
            "fixed": "empirical risk at a fixed hypothesis",
        },
        assumptions=(
            "errors of different samples are independent, with mean 0 and one variance",
            "the mean of a sum is the sum of the means, whatever the loss and the number of samples",
            "a projection onto the columns of any X of full rank d has d eigenvalues 1 and no others than 0 beside",
        ),
        source=_BOOK,
        shown={
            "result": r"E \hat R(\hat h) = \sigma^2 \left(1 - \frac{d}{m}\right)",
            "new": r"E R(\hat h) = \sigma^2 \left(1 + \frac{d}{m}\right)",
            "fixed": r"E \hat R(h) = r",
        },
    )


@cache
def coin_minimum() -> Derivation:
    r"""Derive the least empirical risk, on average, of the two constant answers to 2n tosses of a fair coin.

    .. math:: \frac12 - \frac{1}{2^{2n + 1}} \binom{2n}{n}

    Either answer has the risk 1/2.

    Returns:
        A derivation; the value is the mean, in n.

    Examples:
        >>> coin_minimum().at(n=1), coin_minimum().at(n=50, digits=5)
        (1/4, <Ball 0.46021, radius 1.8e-15>)
    """
    n = sp.Symbol("n", positive=True, integer=True)
    k = sp.Symbol("k", nonnegative=True, integer=True)
    even = sp.factorial(2 * n) / sp.factorial(n) ** 2 / 4**n  # the share of sequences with as many heads as tails
    value = sp.Rational(1, 2) - even / 2
    counted = [
        sp.Rational(
            sum(min(f"{tosses:b}".count("1"), 2 * half - f"{tosses:b}".count("1")) for tosses in range(4**half)),
            2 * half * 4**half,
        )
        for half in range(1, 6)
    ]
    return Derivation(
        "The least empirical risk of two answers to a coin",
        sp.Eq(sp.Symbol("R"), value),
        (
            Step(
                "Of k heads in 2n tosses fewer than n: the share of sequences of 2n - 1 tosses with k heads less that "
                "with k - 1, out of those of 2n with k, is",
                Relation((2 * n - k) / (2 * n) - k / (2 * n), "=", (n - k) / n),
                "exact",
                shown=r"\left(\binom{2n - 1}{k} - \binom{2n - 1}{k - 1}\right) \Big/ \binom{2n}{k} = \frac{n - k}{n}",
            ),
            Step(
                "so that the sum of (n - k) times the binomials, k < n, telescopes; for n up to 5",
                Relation(
                    sp.Tuple(*(sp.Add(*((h - j) * sp.binomial(2 * h, j) for j in range(h))) for h in range(1, 6))),
                    "=",
                    sp.Tuple(*(h * sp.binomial(2 * h, h) / 2 for h in range(1, 6))),
                ),
                "exact",
                shown=r"\sum_{k < n} (n - k) \binom{2n}{k} = n \binom{2n - 1}{n - 1} = \frac{n}{2} \binom{2n}{n}",
            ),
            Step(
                "The smaller of k and 2n - k is n less that, twice, over 2n tosses:",
                Relation(
                    (n - n * even) / (2 * n),
                    "=",
                    value,
                ),
                "exact",
                shown=r"\frac{1}{2n} \left(n - \frac{n}{2^{2n}} \binom{2n}{n}\right) = "
                r"\frac{1}{2} - \frac{1}{2^{2n + 1}} \binom{2n}{n}",
            ),
            Step(
                "All sequences of two to ten tosses, one by one, have the means",
                Relation(sp.Tuple(*counted), "=", sp.Tuple(*(value.subs(n, half) for half in range(1, 6)))),
                "exact",
                shown=r"\frac{1}{4}, \ \frac{5}{16}, \ \frac{11}{32}, \ \frac{93}{256}, \ \frac{193}{512}",
            ),
        ),
        Domain(n=(0, sp.oo), k=(-1, sp.oo)).with_integers("n", "k"),
        source="De Moivre (1730), Miscellanea analytica, on the mean deviation of tosses",
        shown={"result": r"R = \frac{1}{2} - \frac{1}{2^{2n + 1}} \binom{2n}{n}"},
    )
