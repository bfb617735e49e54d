"""The derived classification and counts, and exact critical points of shapes that the derivations do not use."""

from itertools import combinations

import pytest
import sympy as sp

from theory.linear_network import critical_set_index, linear_critical_sets
from theory.linear_network.exact_critical_point import ExactCriticalPoint
from theory.rescaling.block_matrix import eigenvalue_count_by_signs

OTHER_SHAPES = [(2, 4, 2), (1, 1, 3), (4, 2, 1), (2, 2, 4), (3, 3, 3)]


def test_everything_is_exact() -> None:
    for result in (linear_critical_sets(), critical_set_index()):
        assert result.passed
        assert result.evidence == "exact"


@pytest.mark.parametrize("shape", OTHER_SHAPES, ids=str)
def test_exact_hessians_of_other_shapes_have_the_derived_counts(shape: tuple[int, int, int]) -> None:
    inputs, hidden, outputs = shape
    p, extra = min(inputs, outputs), abs(inputs - outputs)
    for rank in range(min(hidden, p) + 1):
        for chosen in list(combinations(range(p), rank))[:2]:
            point = ExactCriticalPoint.sample(*shape, chosen=chosen, seed=11)
            assert point.gradient() == sp.zeros(hidden * (inputs + outputs), 1)
            assert point.loss() == point.predicted_loss()
            found = eigenvalue_count_by_signs(point.network.hessian())  # not the route of the derivation
            at = critical_set_index().at(n1=hidden, p=p, r=rank, inversions=point.inversions)
            assert found.below == at
            assert found.at == linear_critical_sets().at(n1=hidden, r=rank, k=extra)


def test_the_nullity_is_the_dimension_of_the_set() -> None:
    assert sp.expand(critical_set_index().parts["nullity"].rhs - linear_critical_sets().value) == 0


def test_counts_of_no_set_are_refused() -> None:
    for values in ({"r": 4, "inversions": 0}, {"r": 1, "inversions": 3}, {"r": "1/2", "inversions": 0}):
        with pytest.raises(ValueError, match=r"must lie in the domain"):
            critical_set_index().at(n1=3, p=3, **values)
    with pytest.raises(ValueError, match=r"must lie in the domain .*, got n1 = 3, r = 4"):
        linear_critical_sets().at(n1=3, r=4)


def test_only_the_leading_directions_have_index_zero() -> None:
    """By the formula: with hidden >= p all of them, else the first n1; the zero network has n1 p."""
    index = critical_set_index()
    assert index.at(n1=5, p=3, r=3, inversions=0) == 0
    assert index.at(n1=2, p=3, r=2, inversions=0) == 0
    assert index.at(n1=2, p=3, r=2, inversions=1) == 1
    assert index.at(n1=4, p=3, r=0, inversions=0) == 12
