"""Equality and sign, decided exactly or not at all."""

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from theory.componentwise import scalar_parts, subtract
from theory.domain import Domain
from theory.normal_form import ExactForm, UndecidedError

x, y = sp.symbols("x y", positive=True)
t = sp.Symbol("t", real=True)
f = sp.Function("f")
UNIT = Domain(x=(0, 1), y=(0, 1))
u = sp.sqrt(1 + 8 * x)

IDENTITIES = [
    ((3 - u) ** 3 * (1 + u) / 128, (1 - 20 * x - 8 * x**2 + u**3) / 16),
    (sp.sqrt((x - 1) ** 2), 1 - x),
    (sp.sqrt(x - 1), sp.I * sp.sqrt(1 - x)),
    (sp.sqrt(x) * sp.sqrt(y), sp.sqrt(x * y)),
    (sp.sqrt(6), sp.sqrt(2) * sp.sqrt(3)),
    (sp.sqrt(x / (1 - y)) * sp.sqrt(1 - y), sp.sqrt(x)),
    (1 / (sp.sqrt(2) - 1), 1 + sp.sqrt(2)),
    (sp.root(x**2 * y, 3) ** 3, x**2 * y),
    (sp.sqrt(5 + 2 * sp.sqrt(6)), sp.sqrt(2) + sp.sqrt(3)),
    (sp.cbrt(2 + sp.sqrt(5)) + sp.cbrt(2 - sp.sqrt(5)), sp.cbrt(2 + sp.sqrt(5)) + sp.cbrt(2 - sp.sqrt(5))),
    (sp.log(2 * x * y + 2 * x), sp.log(2 * x * (1 + y))),
    (sp.Abs(x - 2), 2 - x),
    (sp.Abs(t) * 2, sp.Abs(t) + sp.Abs(t)),
    (f(t + t) - f(2 * t), 0),
    (sp.pi * (x + 1) / sp.pi, x + 1),
]
NOT_IDENTITIES = [
    (sp.sqrt((x - 1) ** 2), x - 1),
    (sp.sqrt(t**2), t),  # of unknown sign
    (sp.sqrt(2), sp.Rational(141421356237309504880, 10**20)),
    (sp.sqrt(x + y), sp.sqrt(x) + sp.sqrt(y)),
    (sp.log(x * y), sp.log(x)),
    (f(x), f(y)),
]


@pytest.mark.parametrize(("left", "right"), IDENTITIES, ids=str)
def test_an_identity_has_remainder_zero(left: sp.Expr, right: sp.Expr) -> None:
    assert ExactForm(UNIT).is_zero(sp.sympify(left - right))


@pytest.mark.parametrize(("left", "right"), NOT_IDENTITIES, ids=str)
def test_what_is_no_identity_has_another_remainder(left: sp.Expr, right: sp.Expr) -> None:
    assert not ExactForm(UNIT).is_zero(left - right)


@given(a=st.integers(-9, 9), b=st.integers(1, 9), c=st.integers(0, 30))
def test_rational_functions_and_radicals_form_a_field(a: int, b: int, c: int) -> None:
    element = a + b * sp.sqrt(x + c) + 1 / (x + b)
    assert ExactForm(UNIT).is_zero((element**2 - 1) / (element - 1) - element - 1) or element == 1


@pytest.mark.parametrize(
    ("expression", "sign"),
    [
        (1 - x, 1),
        (x - 2, -1),
        (3 - u, 1),
        (u - 1, 1),
        (u - 3, -1),
        (x**2 - x * y + y**2, 1),
        (x**4 - x + 1, 1),
        (sp.sqrt(2) - sp.Rational(7, 5), 1),
        (sp.sqrt(1 + x) + sp.sqrt(2) - x - 1, 1),
        (x**2 - 2 * x - y, -1),
        (sp.sqrt(x) - sp.sqrt(x + y), -1),
        (1 / (x - 1), -1),
        (sp.Abs(x - 1) - 1, -1),
        (sp.pi - sp.Rational(22, 7), -1),
    ],
    ids=str,
)
def test_a_sign_is_proved_on_the_whole_box(expression: sp.Expr, sign: int) -> None:
    assert ExactForm(UNIT).sign(expression) == sign


@pytest.mark.parametrize(
    "expression", [x - y, 2 * x - 1, t, t**2, x - sp.sqrt(y), sp.sqrt(x) - sp.Rational(1, 2)], ids=str
)
def test_no_sign_is_claimed_where_there_is_none_or_none_is_known(expression: sp.Expr) -> None:
    with pytest.raises(UndecidedError):
        ExactForm(UNIT).sign(expression)


def test_a_sign_depends_on_the_box() -> None:
    assert ExactForm(Domain(x=(1, 5))).sign(x**2 - 6 * x + 4) == -1
    with pytest.raises(UndecidedError, match="changes sign, by Sturm's count"):
        ExactForm(Domain(x=(0, 5))).sign(x**2 - 6 * x + 4)


def test_a_denominator_that_vanishes_is_not_divided_by() -> None:
    zero = (x + 1) ** 2 - x**2 - 2 * x - 1
    with pytest.raises(UndecidedError, match="vanishes identically"):
        ExactForm(UNIT).is_zero(sp.Pow(zero, -1, evaluate=False) * x)
    hidden = sp.sqrt(2) - sp.root(2, 4) ** 2 + sp.sqrt(sp.root(2, 4) ** 2) - sp.root(2, 4)
    assert hidden == 0 or not ExactForm(UNIT).is_zero(1 / hidden)


def test_floats_are_not_exact() -> None:
    with pytest.raises(UndecidedError, match=r"the float 0\.1.* is not exact"):
        ExactForm(UNIT).is_zero(x + sp.Float(0.1))


def test_words_in_non_commuting_symbols_are_independent() -> None:
    a, b = sp.symbols("A B", commutative=False)
    assert scalar_parts(a * b - b * a) == [1, -1]
    assert all(part == 0 for part in scalar_parts((a + b) ** 2 - a**2 - a * b - b * a - b**2))
    assert scalar_parts(a**-1 * (a * b) - b) == [0]


def test_sums_over_one_range_are_linear_and_a_captured_name_is_not_moved_inside() -> None:
    k, count = sp.symbols("k N", integer=True, positive=True)
    over = (k, 1, count)
    assert scalar_parts(3 * sp.Sum(f(k), over) + sp.Sum(k * f(k), over) - sp.Sum((3 + k) * f(k), over)) == [0]
    assert scalar_parts(k * sp.Sum(f(k), over) - sp.Sum(k * f(k), over)) != [0]
    assert scalar_parts(sp.Sum(f(k), over) - sp.Sum(f(k), (k, 2, count))) != [0]


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="both sides must be tuples of one length"):
        subtract(sp.Tuple(1, 2), sp.Tuple(1))
    with pytest.raises(ValueError, match="both sides must be matrices of one shape"):
        subtract(sp.eye(2), sp.eye(3))
    with pytest.raises(ValueError, match="both sides must be matrices of one shape"):
        subtract(sp.eye(2), sp.Integer(1))


def test_sums_of_sums_are_multiplied_out() -> None:
    """Lagrange's identity, for any number of summands; what depends on the outer index stays inside."""
    i, j, count = sp.symbols("i j n", integer=True, positive=True)
    f, g = sp.Function("f"), sp.Function("g")

    def total(summand: sp.Expr, index: sp.Symbol = i, last: sp.Expr = count) -> sp.Sum:
        return sp.Sum(summand, (index, 1, last))

    pairs = total(total((f(i) * g(j) - f(j) * g(i)) ** 2), j) / 2
    product = total(f(i) ** 2) * total(g(i) ** 2)
    assert scalar_parts(pairs - product + total(f(j) * g(j), j) ** 2) == [0]
    assert scalar_parts(pairs - product) != [0]
    assert scalar_parts(total(total(f(i) * j, i, j), j) - total(j * total(f(i), i, j), j)) == [0]
    assert scalar_parts(total(total(f(i), i, j), j) - total(1, j) * total(f(i))) != [0]
    assert scalar_parts(1 / total(3 * f(i)) - 1 / (3 * total(f(j), j))) == [0]
