r"""The R-transform of the residual part of the Hessian of a network with one hidden layer, derived twice.

Conventions: width n everywhere, m samples, phi = 2n/m, residuals e_mu with entries N(0, 2 epsilon) independent of
inputs x_mu with entries N(0, 1); a fraction q of the samples is active. For each hidden unit the residual part is a
block [[0, M], [M', 0]], M = (1/m) sum over active samples of e_mu x_mu', a sum of terms of rank two in dimension 2n.
"""

from collections.abc import Iterator
from functools import lru_cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import exact_number
from theory.free_probability.laws import residual_hessian
from theory.free_probability.moments import moment_from_cumulants
from theory.proof import Relation
from theory.symbols import epsilon, g, m, n, phi

__all__ = ["residual_transform"]

_ORDER = 4  # moments of M M' that are enumerated, from words of 4, 8, 12 and 16 Gaussian letters


def residual_transform(active: object) -> Derivation:
    r"""Derive R of the residual part for units that are active on a fraction q of the samples.

    First as a free compound Poisson law, each active sample adding a term of rank two; then the moments of M M' by
    planar pairings of the letters of two Gaussian matrices.

    Args:
        active: The fraction q, 0 < q <= 1: 1 for linear units, 1/2 for ReLU.

    Returns:
        A derivation of R(g) = 2 q epsilon phi g/(2 - epsilon phi^2 g^2).

    Raises:
        TypeError: If the fraction is no real number.
        ValueError: If it lies outside (0, 1].

    Examples:
        >>> residual_transform("1/2").value
        epsilon*g*phi/(-epsilon*g**2*phi**2 + 2)

    References:
        Pennington and Bahri (2017), section 4.3.
    """
    fraction = exact_number("active", active)
    if not (fraction.is_positive and (1 - fraction).is_nonnegative):
        raise ValueError(f"active must be a fraction in (0, 1], got {fraction}.")
    return _derivation(fraction)


@lru_cache(maxsize=16)
def _derivation(active: sp.Expr) -> Derivation:
    size = phi * sp.sqrt(epsilon / 2)
    square = phi**2 * epsilon / 2
    rate = active / phi
    transform = 2 * active * epsilon * phi * g / (2 - epsilon * phi**2 * g**2)
    first, second = sp.symbols("a b", positive=True)  # |e| and |x|
    unknown = sp.Symbol("lambda")
    plane = sp.Matrix([[0, first * second / m], [first * second / m, 0]])  # on the units along (e, 0) and (0, x)
    cumulants = [
        rate * size**order + rate * (-size) ** order if order % 2 == 0 else sp.Integer(0)
        for order in range(1, 2 * _ORDER + 1)
    ]
    steps = (
        Step(
            "The term of one sample, on the plane of (e, 0) and (0, x), has two opposite eigenvalues",
            Relation((plane - unknown * sp.eye(2)).det(), "=", unknown**2 - (first * second / m) ** 2),
            "exact",
            shown=r"\lambda = \pm \frac{|e| |x|}{m}",
        ),
        Step(
            "With |e|^2 = 2 epsilon n and |x|^2 = n, as for large n, their square is",
            Relation(
                ((first * second / m) ** 2).subs({first: sp.sqrt(2 * epsilon * n), second: sp.sqrt(n), m: 2 * n / phi}),
                "=",
                square,
            ),
            "exact",
        ),
        Step(
            "There are q m active samples in dimension 2n: each size has the rate",
            Relation((active * m / (2 * n)).subs(m, 2 * n / phi), "=", rate),
            "exact",
        ),
        Step(
            "The R-transform of the free compound Poisson law",
            Relation(rate * size / (1 - size * g) - rate * size / (1 + size * g), "=", transform),
            "exact",
            lambda: residual_hessian(active).r_transform(g),
        ),
        Step(
            "Its coefficients satisfy k_(2r+2) = (epsilon phi^2/2) k_(2r) from k_2 = q epsilon phi on",
            Relation(transform, "=", active * epsilon * phi * g + square * g**2 * transform),
            "exact",
            shown=r"k_{2r} = \frac{2 q}{\varphi} \left(\frac{\epsilon \varphi^2}{2}\right)^r",
        ),
        Step(
            f"Second route: moments of M M' to order {_ORDER} by planar pairings of the Gaussian letters",
            Relation(
                sp.Tuple(*(moment_from_cumulants(2 * order, cumulants) for order in range(1, _ORDER + 1))),
                "=",
                sp.Tuple(*(_paired_moment(order, active) for order in range(1, _ORDER + 1))),
            ),
            "exact",
            shown=r"\lim_{n \to \infty} \frac{1}{n} E\, \mathrm{tr} (M M')^r",
        ),
    )
    return Derivation(
        title="The R-transform of the residual part",
        result=sp.Eq(sp.Function("R")(g), transform),
        steps=steps,
        domain=Domain(phi=(0, sp.oo), epsilon=(0, sp.oo)),
        parts={
            "square of the jumps": sp.Eq(sp.Symbol("a") ** 2, square),
            "rate of each jump": sp.Eq(sp.Symbol("r"), rate),
        },
        theorems=(
            Theorem(
                "the free Poisson limit theorem",
                "independent terms of fixed rank and fixed eigenvalues, in uniform directions, add up to the free "
                "compound Poisson law with these jumps",
                "Nica and Speicher (2006), Lectures on the combinatorics of free probability, lecture 12",
                (Step("The rate is positive", Relation(0, "<", rate), "exact"),),
            ),
        ),
        source="Pennington and Bahri (2017), section 4.3, for ReLU units",
    )


def _paired_moment(order: int, active: sp.Expr) -> sp.Expr:
    """The limit of E tr(M M')^order / n, as a sum over planar pairings of its 4 order Gaussian letters.

    Along the trace the indices are, in turns, of width and of sample; letters 1 and 4 of every four belong to the
    residuals, the others to the inputs. A pairing identifies indices; each free width index gives n = phi m/2, each
    free sample index q m, and there are 2 order + 1 of them in a planar pairing.
    """
    letters = 4 * order
    total = sp.Integer(0)
    for pairing in _planar_pairings(tuple(range(letters))):
        if any((a % 4 in (0, 3)) != (b % 4 in (0, 3)) for a, b in pairing):
            continue
        label = list(range(letters))  # index k stands before letter k

        def find(index: int, label: list[int] = label) -> int:
            while label[index] != index:
                index = label[index]
            return index

        for a, b in pairing:  # traversed in opposite directions
            label[find(a)] = find((b + 1) % letters)
            label[find((a + 1) % letters)] = find(b)
        free = {find(index) for index in range(letters)}
        widths = sum(index % 2 == 0 for index in free)
        total += (phi / 2) ** (widths - 1) * active ** (len(free) - widths)
    return sp.expand((2 * epsilon) ** order * total)


def _planar_pairings(letters: tuple[int, ...]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield the pairings of a word without crossings."""
    if not letters:
        yield ()
        return
    for position in range(1, len(letters), 2):
        for inner in _planar_pairings(letters[1:position]):
            for outer in _planar_pairings(letters[position + 1 :]):
                yield ((letters[0], letters[position]), *inner, *outer)
