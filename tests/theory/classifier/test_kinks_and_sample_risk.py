"""The chain rule at a kink, and empirical risks: their derivations against autograd-free arithmetic and enumeration."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from theory.classifier.kink_slopes import kink_chain_rule
from theory.classifier.sample_risk import coin_minimum, least_squares_risks


def test_no_slope_at_the_kink_is_right_for_both_functions() -> None:
    rule = kink_chain_rule()
    assert rule.evidence == "exact"
    for slope in ("0", "1/2", "1"):
        right_for_the_sum = rule.at(s=slope) == rule.at(part="derivative")
        right_for_twice = Fraction(slope) ** 2 == Fraction(slope)
        assert right_for_the_sum != right_for_twice


@pytest.mark.parametrize("half", [1, 2, 3, 4])
def test_the_least_empirical_risk_of_two_answers_is_below_a_half(half: int) -> None:
    tosses = 2 * half
    risks = [Fraction(min(sum(row), tosses - sum(row)), tosses) for row in product((0, 1), repeat=tosses)]
    assert coin_minimum().at(n=half) == sum(risks) / len(risks) < Fraction(1, 2)


def test_least_squares_leaves_the_derived_part_of_the_errors() -> None:
    risks = least_squares_risks()
    source = np.random.default_rng(3)
    x = source.standard_normal((7, 3))
    rest = np.eye(7) - x @ np.linalg.pinv(x)
    assert float(risks.at(sigma=2, d=3, m=7)) == pytest.approx(4 * np.square(rest).sum() / 7, rel=1e-12)
    both = float(risks.at(sigma=2, d=3, m=7) + risks.at(part="new", sigma=2, d=3, m=7))
    assert both == pytest.approx(8, rel=1e-12)
    with pytest.raises(ValueError, match="must lie in the domain"):
        risks.at(sigma=1, d=7, m=3)
