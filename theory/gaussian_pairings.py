r"""Means of products of Gaussian letters: a sum over all pairings, exact at every size.

Conventions: a letter is (family, row index, column index), an entry of a Gaussian matrix whose entries are independent
and centred with variance 1; letters of different families are independent, and every index is summed over its range.
By Wick's theorem the mean of a product is the sum, over all pairings of letters of one family, of what is left when
the indices of paired letters are set equal: one range for each index that stays free.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import product

import sympy as sp

__all__ = ["Letter", "binomial_moments", "gaussian_moment", "paired_mean", "pairings", "wishart_mean"]

Letter = tuple[str, Hashable, Hashable]


def paired_mean(letters: Sequence[Letter], ranges: Mapping[Hashable, sp.Expr]) -> sp.Expr:
    """Return the mean of a product of letters, summed over all indices.

    Args:
        letters: The letters of the product.
        ranges: The number of values of each index; indices that stand on no letter are summed over, too.

    Returns:
        A polynomial in the ranges, exact at every size.

    Examples:
        >>> n, m = sp.symbols("n m")
        >>> square = [("x", "i", "a"), ("x", "j", "a"), ("x", "j", "b"), ("x", "i", "b")]  # tr (X X')^2
        >>> sp.factor(paired_mean(square, {"i": n, "j": n, "a": m, "b": m}))
        m*n*(m + n + 1)
    """
    families = sorted({family for family, _, _ in letters})
    groups = [[position for position, letter in enumerate(letters) if letter[0] == family] for family in families]
    total = sp.Integer(0)
    for choice in product(*(list(pairings(tuple(group))) for group in groups)):
        label = {index: index for index in ranges}

        def find(index: Hashable, label: dict[Hashable, Hashable] = label) -> Hashable:
            while label[index] != index:
                index = label[index]
            return index

        for first, second in (pair for pairing in choice for pair in pairing):
            for side in (1, 2):
                label[find(letters[first][side])] = find(letters[second][side])
        total += sp.Mul(*(ranges[index] for index in ranges if find(index) == index))
    return sp.expand(total)


def pairings(positions: tuple[int, ...]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield all pairings of some positions; none if their number is odd."""
    if not positions:
        yield ()
    for place in range(1, len(positions)):
        for rest in pairings((*positions[1:place], *positions[place + 1 :])):
            yield ((positions[0], positions[place]), *rest)


def wishart_mean(powers: Sequence[int], rows: sp.Expr, columns: sp.Expr) -> sp.Expr:
    """Return E of the product of tr (X X')^k over the powers k, X of entries N(0, 1).

    Examples:
        >>> n, m = sp.symbols("n m")
        >>> sp.factor(wishart_mean([1, 1], n, m))
        m*n*(m*n + 2)
    """
    letters: list[Letter] = []
    ranges: dict[Hashable, sp.Expr] = {}
    for trace, power in enumerate(powers):
        for place in range(power):
            here, column, following = (trace, place), (trace, place, "column"), (trace, (place + 1) % power)
            letters += [("x", here, column), ("x", following, column)]
            ranges |= {here: rows, column: columns}
    return paired_mean(letters, ranges)


def gaussian_moment(power: int, variance: sp.Expr) -> sp.Expr:
    """Return E w^power for w of law N(0, variance): 1 times 3 times ... times power - 1 for even powers."""
    return sp.Integer(0) if power % 2 else sp.factorial2(power - 1) * variance ** (power // 2)


def binomial_moments(trials: sp.Expr, share: sp.Expr, count: int) -> tuple[sp.Expr, ...]:
    """Return E A, E A^2, ... of a binomial number of successes, from its generating function.

    Examples:
        >>> n, q = sp.symbols("n q")
        >>> [sp.expand(moment - n * q) for moment in binomial_moments(n, q, 2)]
        [0, n**2*q**2 - n*q**2]
    """
    t = sp.Symbol("t")
    generating = (1 - share + share * sp.exp(t)) ** trials
    return tuple(sp.expand(generating.diff(t, order).subs(t, 0)) for order in range(1, count + 1))
