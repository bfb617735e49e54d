"""Squared distances to cones, against scipy and the conditions that characterise them."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from theory.level_sets.nearest_in_cone import ConeDistance

_vectors = st.lists(st.tuples(*[st.integers(-4, 4)] * 4).filter(any), min_size=1, max_size=7)


@settings(max_examples=80)
@given(target=st.tuples(*[st.integers(-9, 9)] * 4), generators=_vectors)
def test_the_distance_satisfies_the_conditions_of_a_nearest_point_exactly(
    target: tuple[int, ...], generators: list[tuple[int, ...]]
) -> None:
    cone = ConeDistance(target, generators)
    mask = 2 ** len(generators) - 1
    weights = cone.weights(mask)
    rest = [
        Fraction(entry) - sum(weight * generators[place][row] for place, weight in weights.items())
        for row, entry in enumerate(target)
    ]
    assert all(weight > 0 for weight in weights.values())
    assert sum(entry**2 for entry in rest) == cone.squared(mask)
    for place, generator in enumerate(generators):
        slope = sum(a * b for a, b in zip(generator, rest, strict=True))
        assert slope == 0 if place in weights else slope <= 0
    _, norm = nnls(np.array(generators, dtype=float).T, np.array(target, dtype=float))
    np.testing.assert_allclose(float(cone.squared(mask)), norm**2, rtol=1e-9, atol=1e-12)


def test_more_generators_are_nearer() -> None:
    cone = ConeDistance((1, 2, 3), [(1, 0, 0), (0, 1, -1), (1, 1, 1), (-1, 0, 2)])
    assert all(cone.squared(mask | 8) <= cone.squared(mask) for mask in range(8))


@pytest.mark.parametrize("generator", [(0, 0), (1, 2, 3)])
def test_generators_must_be_vectors(generator: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="generators must be vectors of length 2 other than 0"):
        ConeDistance((1, 1), [generator])
