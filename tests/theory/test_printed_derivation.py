"""What a terminal shows of a derivation, word for word."""

from pathlib import Path

import pytest
import sympy as sp

import theory
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

PRINTED = Path(__file__).parent / "printed"
x = sp.Symbol("x", positive=True)
y = sp.Symbol("y")


@pytest.mark.parametrize("name", ["growing_boxes", "descent_stability", "horn_inequality"])
def test_it_prints_as_it_did(name: str) -> None:
    printed = "\n".join(line.rstrip() for line in str(getattr(theory, name)()).splitlines())
    assert printed + "\n" == (PRINTED / f"{name}.txt").read_text(encoding="utf-8")


def printed(step: Step) -> str:
    end = Step("It ends.", Relation(x + 1, "=", 1 + x), "exact")
    return str(Derivation("A title", sp.Eq(y, x + 1), (step, end), Domain(x=(0, 1))))


def test_sides_that_came_out_alike_are_written_once() -> None:
    assert "Alike. [exact]\n  2⋅x\n  (by two routes)\n" in printed(Step("Alike.", Relation(x + x, "=", 2 * x), "exact"))


def test_a_step_with_its_own_domain_says_so() -> None:
    step = Step("Below.", Relation(x, "<", 2), "exact", domain=Domain(x=(0, 2)))
    assert "Below. [exact, for 0 < x < 2]\n  x < 2\n" in printed(step)
    assert "Below. [exact]\n" in printed(Step("Below.", Relation(x, "<", 2), "exact", domain=Domain(x=(0, 1))))


def test_what_does_not_fit_is_told_by_its_size() -> None:
    wide = sp.ImmutableMatrix(12, 12, lambda i, j: sp.Symbol(f"h_{i}{j}") * x)
    step = Step("Wide.", Relation(wide, "=", 2 * wide / 2), "exact")
    assert "Wide. [exact]\n  (a matrix of 12 x 12)\n  (by two routes)\n" in printed(step)
    several = sp.Tuple(*wide[0, :], *wide[1, :])
    assert "  (24 expressions) ≠ (24 expressions)\n" in printed(
        Step("Wide.", Relation(several, "!=", sp.Tuple(*(2 * entry for entry in several))), "exact")
    )
    long = sp.expand((x + y) ** 40)
    assert "symbols, numbers and operations)" in printed(Step("Long.", Relation((x + y) ** 40, "=", long), "exact"))


def test_a_step_in_prose_is_its_title() -> None:
    assert "A title\n\nIt is well known.\n\nIt ends." in printed(Step("It is well known.", None, "argued"))
