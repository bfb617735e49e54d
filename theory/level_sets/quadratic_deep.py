r"""What several layers of quadratic units can compute: homogeneous polynomials of degree 2^l in the inputs.

Conventions: h_0 = x with N inputs, h_l = (W_l h_(l-1))^2 entry by entry, without biases; d = 2^l. Monomials count once,
whatever the order of their factors.
"""

import itertools
import random
from functools import cache

import sympy as sp
from flint import fmpz_mat

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["quadratic_layers_dimension"]

_N = sp.Symbol("N", positive=True)


@cache
def quadratic_layers_dimension() -> Derivation:
    r"""Derive the dimension of the space of functions that units of the l-th quadratic layer span.

    .. math:: \binom{N + 2^l - 1}{2^l} \leq N^{2^l}

    Every entry of h_l is a homogeneous polynomial of degree 2^l in the N inputs. So whatever the widths, the units of a
    layer lie in a space of that many dimensions, which is what a width of a multiple of N^(2^l) answers to: N is the
    number of inputs. The number of data does not enter.

    Returns:
        A derivation; the value is the dimension for two layers, the parts "one layer", "three layers" and "bound".

    Examples:
        >>> quadratic_layers_dimension().at(N=2), quadratic_layers_dimension().at(part="bound", N=2)
        (5, 16)
    """
    one, two, three = (_dimension(layers) for layers in (1, 2, 3))
    place = sp.Symbol("k", positive=True)
    factor = (_N + place) / (1 + place)
    return Derivation(
        "The dimension of what layers of quadratic units span",
        sp.Eq(sp.Symbol("dim_2"), two),
        (
            Step(
                "A unit of the first layer is homogeneous of degree 2, one of the next is the square of a sum of such: "
                "scaling the inputs by t scales it by t^4 (two inputs, two units).",
                _scaled(),
                "exact",
                shown=r"h_l(t x) = t^{2^l} h_l(x)",
            ),
            Step(
                "Monomials of degree d in N inputs: d marks and N - 1 bars in a row. One layer, d = 2:",
                Relation(sp.binomial(_N + 1, 2).expand(func=True), "=", one),
                "exact",
                lambda N, claimed: claimed == _monomials(int(N), 2),
                shown=r"\binom{N + 1}{2} = \frac{N (N + 1)}{2}",
                domain=_whole(),
            ),
            Step(
                "Two layers, d = 4. Units with random weights do span them all.",
                Relation(sp.binomial(_N + 3, 4).expand(func=True), "=", two),
                "exact",
                lambda N, claimed: claimed == _monomials(int(N), 4) == _rank(int(N)),
                shown=r"\binom{N + 3}{4} = \frac{N (N + 1) (N + 2) (N + 3)}{24}",
                domain=_whole(),
            ),
            Step(
                "Three layers, d = 8:",
                Relation(sp.binomial(_N + 7, 8).expand(func=True), "=", three),
                "exact",
                lambda N, claimed: claimed == _monomials(int(N), 8),
                shown=r"\binom{N + 7}{8}",
                domain=_whole(),
            ),
            Step(
                "In general the dimension is the product of (N + k)/(1 + k) for k = 0, ..., d - 1, and no factor is "
                "above N,",
                Relation(sp.together(_N - factor), "=", place * (_N - 1) / (1 + place)),
                "exact",
                shown=r"N - \frac{N + k}{1 + k} = \frac{k (N - 1)}{1 + k} \geq 0",
                domain=Domain(N=(0, sp.oo), k=(0, sp.oo)),
            ),
            Step("so that it is at most N^d. For two layers:", Relation(two, "<", _N**4), "exact"),
            Step("Which is less than the width that is printed.", Relation(_N**4, "<", 3 * _N**4), "exact"),
        ),
        Domain(N=(1, sp.oo)),
        parts={
            "one layer": sp.Eq(sp.Symbol("dim_1"), one),
            "three layers": sp.Eq(sp.Symbol("dim_3"), three),
            "bound": sp.Eq(sp.Symbol("bound"), _N**4),
        },
        titles={
            "one layer": "dimension with one layer",
            "three layers": "dimension with three layers",
            "bound": "bound with two layers",
        },
        assumptions=("no biases",),
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, on deep networks of polynomial activations",
        shown={
            "result": r"\dim_2 = \binom{N + 3}{4} = \frac{N (N + 1) (N + 2) (N + 3)}{24}",
            "one layer": r"\dim_1 = \binom{N + 1}{2}",
            "three layers": r"\dim_3 = \binom{N + 7}{8}",
            "bound": r"\dim_2 \leq N^4",
        },
    )


def _dimension(layers: int) -> sp.Expr:
    """The product of (N + k)/(1 + k) for k below 2^l."""
    degree = 2**layers
    return sp.Mul(*(_N + k for k in range(degree))) / sp.factorial(degree)


def _whole() -> Domain:
    return Domain(N=(1, 6)).with_integers("N")


def _monomials(inputs: int, degree: int) -> int:
    """Counted one by one."""
    return sum(1 for _ in itertools.combinations_with_replacement(range(inputs), degree))


def _rank(inputs: int) -> int:
    """The rank of the outputs of units of a second layer with fixed whole weights, on as many fixed whole inputs."""
    size, source = _monomials(inputs, 4) + 2, random.Random(inputs)

    def drawn(rows: int, columns: int) -> fmpz_mat:
        return fmpz_mat([[source.randint(-9, 9) for _ in range(columns)] for _ in range(rows)])

    first = _squared(drawn(size, inputs) * drawn(inputs, size))
    return int(_squared(first * drawn(size, size)).rank())


def _squared(matrix: fmpz_mat) -> fmpz_mat:
    """Entry by entry."""
    return fmpz_mat([[entry**2 for entry in row] for row in matrix.tolist()])


def _scaled() -> Relation:
    x, y, t = sp.symbols("x_1 x_2 t", real=True)
    a, b, c, d, e, f = sp.symbols("a b c d e f", real=True)

    def unit(first: sp.Expr, second: sp.Expr) -> sp.Expr:
        return (e * (a * first + b * second) ** 2 + f * (c * first + d * second) ** 2) ** 2

    return Relation(sp.expand(unit(t * x, t * y)), "=", sp.expand(t**4 * unit(x, y)))
