"""Names are typeset as papers print them."""

import pytest
import sympy as sp

from theory.proof import Relation
from theory.typesetting import latex


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("g_star", "g_{*}"),
        ("lambda_min", r"\lambda_{\min}"),
        ("lambda_plus", r"\lambda_{+}"),
        ("E(2 epsilon)", r"\mathbb{E}(2 \epsilon)"),
        ("Cov(g_i, g_j)", r"\mathrm{Cov}(g_{i}, g_{j})"),
        ("margin_2", r"\mathrm{margin}_{2}"),
        ("epsilon_1", r"\epsilon_{1}"),
        ("nullity", r"\mathrm{nullity}"),
        ("kappa", r"\kappa"),
        ("dW", "dW"),
        ("x_i", "x_{i}"),
    ],
)
def test_a_name_is_typeset(name: str, expected: str) -> None:
    assert latex(sp.Symbol(name)) == expected


def test_names_are_typeset_inside_expressions_and_matrices() -> None:
    edge = sp.Symbol("g_star")
    assert latex(sp.Eq(edge, sp.Rational(1, 2))) == r"g_{*} = \frac{1}{2}"
    assert "g_{*}" in latex(sp.Matrix([edge]))
    assert latex(3) == "3"


def test_two_sides_that_came_out_equal_are_written_once() -> None:
    assert Relation(2, "=", 2).latex() == r"\ldots = 2"
    assert Relation(1, "<", 2).latex() == "1 < 2"
