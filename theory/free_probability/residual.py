r"""The R-transform of the residual part of the Hessian of a network with one hidden layer, derived twice.

Conventions: width n everywhere, m samples, phi = 2n/m, residuals E (n x M) with entries N(0, 2 epsilon), independent of
inputs X (n x M) with entries N(0, 1), of the M = q m samples on which a hidden unit is active. For each unit the
residual part is a block T = [[0, K], [K', 0]] with K = (1/m) E X'. Of a law with moments m_k let

.. math:: \psi(z) = \sum_{k \ge 1} m_k z^k, \qquad \chi = \psi^{-1}, \qquad S(y) = \frac{1 + y}{y}\, \chi(y),

so that y S(y) is the inverse of g R(g), and S-transforms of free factors multiply.
"""

from collections.abc import Iterator
from functools import lru_cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import exact_number
from theory.exact_two_layer import ExactTwoLayer
from theory.free_probability.laws import marchenko_pastur, residual_hessian
from theory.free_probability.moments import moment_from_cumulants
from theory.proof import Relation
from theory.symbols import epsilon, g, m, n, phi

__all__ = ["residual_transform"]

_ORDER = 4  # moments of K K' that are enumerated, from words of 4, 8, 12 and 16 Gaussian letters
_y = sp.Symbol("y", positive=True)


def residual_transform(active: object) -> Derivation:
    r"""Derive R of the residual part for units that are active on a fraction q of the samples.

    Residuals and inputs enter as two independent Wishart matrices E'E and X'X, which are asymptotically free. Their
    S-transforms multiply; what remains is algebra. The moments of K K' by planar pairings of the letters of two
    Gaussian matrices are the second route.

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
        Pennington and Bahri (2017); Voiculescu (1991), Limit laws for random matrices and free products.
    """
    fraction = exact_number("active", active)
    if not (fraction.is_positive and (1 - fraction).is_nonnegative):
        raise ValueError(f"active must be a fraction in (0, 1], got {fraction}.")
    return _derivation(fraction)


@lru_cache(maxsize=16)
def _derivation(active: sp.Expr) -> Derivation:
    square = phi**2 * epsilon / 2
    rate = active / phi
    transform = 2 * active * epsilon * phi * g / (2 - epsilon * phi**2 * g**2)
    ratio = phi / (2 * active)  # n/M
    of_residuals = epsilon * phi / (1 - 2 * active * epsilon * g)
    of_inputs = phi / (2 - 2 * active * g)
    first = 1 / (epsilon * phi + 2 * active * epsilon * _y)
    second = 2 / (phi + 2 * active * _y)
    product = 2 / (epsilon * (phi + 2 * active * _y) ** 2)
    small = 2 / (epsilon * phi * (1 + _y) * (2 * active + phi * _y))
    inverse = 2 * _y / (epsilon * phi * (2 * active + phi * _y))
    cumulants = [_cumulant(order, rate, square) for order in range(1, 2 * _ORDER + 1)]
    steps = (
        Step(
            "E'E/m is M x M, a sum of n terms of rank one and of size 2 epsilon M/m: its R-transform",
            Relation(_free_poisson(ratio, 2 * epsilon * active), "=", of_residuals),
            "exact",
            lambda: marchenko_pastur(1 / ratio, epsilon * phi).r_transform(g),
            shown=f"R(g) = {sp.latex(of_residuals)}",
        ),
        Step(
            "X'X/m likewise, of size M/m",
            Relation(_free_poisson(ratio, active), "=", of_inputs),
            "exact",
            lambda: marchenko_pastur(1 / ratio, phi / 2).r_transform(g),
            shown=f"R(g) = {sp.latex(of_inputs)}",
        ),
        Step(
            "S of the first: y S(y) solves g R(g) = y",
            Relation((g * of_residuals).subs(g, _y * first), "=", _y),
            "exact",
            shown=f"S(y) = {sp.latex(first)}",
        ),
        Step(
            "S of the second",
            Relation((g * of_inputs).subs(g, _y * second), "=", _y),
            "exact",
            shown=f"S(y) = {sp.latex(second)}",
        ),
        Step(
            "They are free, so that S of the product E'E X'X/m^2 is the product",
            Relation(first * second, "=", product),
            "exact",
            shown=rf"S(y) = {sp.latex(product)}",
        ),
        *_same_traces(),
        Step(
            "From size M to size n: psi is divided by n/M, hence chi(y) becomes chi(y n/M)",
            Relation(_resized(product, ratio), "=", small),
            "exact",
            shown=f"S(y) = {sp.latex(small)}",
        ),
        Step(
            "T is symmetric: chi of T squared is chi of T^2, whose law is that of K K'",
            Relation(small * _y / (1 + _y) * (1 + _y) ** 2, "=", inverse),
            "exact",
            shown=r"g^2 = (1 + y)^2 \chi(y)^2 = " + sp.latex(inverse),
        ),
        Step(
            "There y = g R(g) is the inverse of g = (1 + y) chi(y)",
            Relation(inverse.subs(_y, g * transform), "=", g**2),
            "exact",
            shown=f"R(g) = {sp.latex(transform)}",
        ),
        Step(
            "In partial fractions: a free compound Poisson law of two opposite jumps",
            Relation(transform, "=", sum(rate * a / (1 - a * g) for a in (sp.sqrt(square), -sp.sqrt(square)))),
            "exact",
            lambda: residual_hessian(active).r_transform(g),
        ),
        Step(
            "The square of the jumps is the inverse square of the pole",
            Relation(1 / sp.solve(2 - epsilon * phi**2 * g**2, g)[0] ** 2, "=", square),
            "exact",
            shown=f"a^2 = {sp.latex(square)}",
        ),
        Step(
            "Their rate, from the variance 2 r a^2",
            Relation(transform.diff(g).subs(g, 0) / (2 * square), "=", rate),
            "exact",
            lambda: (active * m / (2 * n)).subs(m, 2 * n / phi),
            shown=f"r = {sp.latex(rate)}",
        ),
        Step(
            f"Second route: moments of K K' to order {_ORDER} by planar pairings of the Gaussian letters",
            Relation(
                sp.Tuple(*(moment_from_cumulants(2 * order, cumulants) for order in range(1, _ORDER + 1))),
                "=",
                sp.Tuple(*(_paired_moment(order, active) for order in range(1, _ORDER + 1))),
            ),
            "exact",
            shown=r"\lim_{n \to \infty} \frac{1}{n} E\, \mathrm{tr} (K K^T)^r = "
            + r",\ ".join(sp.latex(_paired_moment(order, active)) for order in (1, 2))
            + r",\ \ldots",
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
        assumptions=(
            "n and m grow together, phi = 2n/m being fixed, and the number of active samples is q m to leading order",
            "residuals are independent N(0, 2 epsilon) and inputs independent N(0, 1), independent of each other",
            "the active samples are chosen independently of e x', as by a ReLU gate: (e, x) and (-e, -x) are equally "
            "likely and have one e x', but one of them is active",
        ),
        theorems=(_freeness(), _multiplication(of_residuals, of_inputs)),
        source="Pennington and Bahri (2017) for ReLU units; derived here",
    )


def _freeness() -> Theorem:
    """Asymptotic freeness of independent invariant matrices; the invariance is checked in each plane."""
    t = sp.Symbol("t", real=True)
    turn = sp.Matrix([[1 - t**2, -2 * t], [2 * t, 1 - t**2]]) / (1 + t**2)  # every rotation but one, by its half-angle
    entries = sp.Matrix(2, 2, sp.symbols("e_1:3_1:3", real=True))
    turned = entries * turn

    def weight(matrix: sp.Matrix) -> sp.Expr:
        return sum((entry**2 for entry in matrix), sp.S(0)) / (4 * epsilon)

    return Theorem(
        "asymptotic freeness of independent Wishart matrices",
        "independent random matrices of growing size, whose laws are invariant under conjugation by orthogonal "
        "matrices and whose moments converge (in mean, with products of traces factorising), are asymptotically "
        "free; Wishart matrices $E^T E$, $X^T X$ of independent Gaussian entries are such matrices",
        "Voiculescu (1991), Limit laws for random matrices and free products; for orthogonal invariance Collins and "
        "Sniady (2006), Integration with respect to the Haar measure on unitary, orthogonal and symplectic group",
        (
            Step(
                "E -> E O leaves the Gaussian density as it is, O a rotation of two samples",
                Relation(weight(turned), "=", weight(entries)),
                "exact",
                shown=r"|E O|^2 = |E|^2",
            ),
            Step(
                "O is orthogonal; with changes of sign, which leave squares, such O generate all others",
                Relation(turn.T * turn, "=", sp.eye(2)),
                "exact",
                shown="O^T O = 1",
            ),
        ),
    )


def _multiplication(*transforms: sp.Expr) -> Theorem:
    return Theorem(
        "multiplicativity of the S-transform",
        "if $a$ and $b$ are free and neither has mean zero, the moments of $a b$ have the S-transform $S_a(y) S_b(y)$",
        "Voiculescu (1987), Multiplication of certain non-commuting random variables",
        tuple(
            Step(f"The mean of the {which} factor is positive", Relation(0, "<", transform.subs(g, 0)), "exact")
            for which, transform in zip(("first", "second"), transforms, strict=True)
        ),
    )


def _same_traces() -> tuple[Step, Step]:
    """Two facts of linear algebra, at one exact instance each: 2 x 3 matrices of integers."""
    net = ExactTwoLayer.sample(2, 2, 2, samples=3, seed=9)
    e, x = sp.Matrix(net.residuals()), sp.Matrix(net.inputs)
    block = e * x.T
    both = sp.BlockMatrix([[sp.zeros(2), block], [block.T, sp.zeros(2)]]).as_explicit()
    unknown = sp.Symbol("lambda")
    wide, small = e.T * e * x.T * x, block * block.T
    return (
        Step(
            "It has the eigenvalues of m^2 K K' = E X'X E' and M - n zeros more (an exact instance, n = 2 and M = 3)",
            Relation(wide.charpoly(unknown).as_expr(), "=", unknown * small.charpoly(unknown).as_expr()),
            "exact",
            shown=r"\det(\lambda - E^T E\, X^T X) = \lambda^{M - n} \det(\lambda - E X^T X E^T)",
        ),
        Step(
            "The square of T has each of them twice (the same instance)",
            Relation((both**2).charpoly(unknown).as_expr(), "=", small.charpoly(unknown).as_expr() ** 2),
            "exact",
            shown=r"\det(\lambda - T^2) = \det(\lambda - K K^T)^2",
        ),
    )


def _free_poisson(rate: sp.Expr, size: sp.Expr) -> sp.Expr:
    return rate * size / (1 - size * g)


def _cumulant(order: int, rate: sp.Expr, square: sp.Expr) -> sp.Expr:
    return 2 * rate * square ** (order // 2) if order % 2 == 0 else sp.Integer(0)


def _resized(transform: sp.Expr, ratio: sp.Expr) -> sp.Expr:
    """S of a matrix of size n from that of one of size M with the same non-zero eigenvalues, n/M the ratio."""
    large = transform * _y / (1 + _y)  # chi
    return (1 + _y) / _y * large.subs(_y, ratio * _y)


def _paired_moment(order: int, active: sp.Expr) -> sp.Expr:
    """The limit of E tr(K K')^order / n, as a sum over planar pairings of its 4 order Gaussian letters.

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
