"""Splitting sets and fitting three threshold units, against weights that are written down and other solvers."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

import theory
from theory.set_splitting import _examples

TRIANGLE = (0b011, 0b110, 0b101)


@pytest.mark.parametrize("elements", [1, 2, 3])
def test_a_network_fits_if_and_only_if_the_family_can_be_split(elements: int) -> None:
    for family in theory.set_families(elements):
        network = theory.three_node_network(elements, family)
        assert (network is None) == (theory.splitting_colour(elements, family) is None)
        if network is not None:
            positives, negatives = _examples(elements, family)
            assert all(network(x) for x in positives)
            assert not any(network(x) for x in negatives)


def test_the_written_weights_fit_the_examples_of_a_split_family() -> None:
    elements, family = 5, (0b00111, 0b11100, 0b10001, 0b01010)
    colour = theory.splitting_colour(elements, family)
    assert colour is not None
    inside = np.array([colour >> place & 1 for place in range(elements)])
    first = np.array([*np.where(inside, -1, elements), -1, -1, 1])
    second = np.array([*np.where(inside, elements, -1), 1, 1, -1])
    positives, negatives = _examples(elements, family)
    assert all(min(first @ x, second @ x) > -0.5 for x in positives)
    assert all(min(first @ x, second @ x) < -0.5 for x in negatives)


def test_floating_point_linear_programmes_agree_that_the_triangle_cannot_be_fitted() -> None:
    positives, negatives = _examples(3, TRIANGLE)

    def divides(cut: list[tuple[int, ...]]) -> bool:
        rows = [[-bit for bit in (*x, 1)] for x in positives] + [[*x, 1] for x in cut]
        return bool(linprog(np.zeros(7), rows, -np.ones(len(rows)), bounds=(None, None)).status == 0)

    for choice in product([False, True], repeat=3):  # how the elements are divided decides
        parts = [[x for x, side in zip(negatives, choice, strict=False) if side is one] for one in (True, False)]
        assert not all(divides(part) for part in parts)
    assert divides(negatives[:1])


def test_families_contain_no_set_that_contains_another() -> None:
    families = list(theory.set_families(4))
    assert len(set(families)) == len(families) == 114
    assert all(a & b not in (a, b) for family in families for a in family for b in family if a != b)
    assert () in families
    assert theory.splitting_colour(4, (0b0110, 0b1001)) is not None


def test_bad_instances_are_refused() -> None:
    with pytest.raises(ValueError, match=r"elements must be from 1 to 5, got 6"):
        theory.set_families(6)
    with pytest.raises(ValueError, match=r"sets must be masks of some of 3 elements, got 8"):
        theory.splitting_colour(3, [8])
    with pytest.raises(ValueError, match=r"sets must be masks of some of 3 elements, got 0"):
        theory.three_node_network(3, [0])
    with pytest.raises(TypeError, match=r"elements must be an integer, got 2.5"):
        theory.three_node_network(2.5, [])  # type: ignore[arg-type]
