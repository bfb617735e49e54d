"""Functional dimensions: exact ranks against the formula, for shapes that no step of the derivation tries."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import theory

sizes = st.integers(1, 3)


@settings(max_examples=12)
@given(n=sizes, h=st.integers(1, 4), k=sizes, seed=st.integers(0, 200))
def test_no_network_has_more_dimensions_than_the_formula(n: int, h: int, k: int, seed: int) -> None:
    found = theory.functional_dimension()
    assert theory.relu_functional_rank((n, h, k), seed=seed, samples=40) <= found.at(n=n, h=h, k=k)
    assert theory.tanh_functional_rank((n, h, k), seed=seed, samples=30) <= found.at(part="tanh", n=n, h=h, k=k)


@pytest.mark.parametrize("shape", [(1, 3, 2), (2, 4, 2), (4, 3, 1)])
def test_some_network_has_exactly_as_many(shape: tuple[int, int, int]) -> None:
    found = theory.functional_dimension()
    n, h, k = shape
    relu = max(theory.relu_functional_rank(shape, seed=seed, samples=100) for seed in range(4))
    tanh = max(theory.tanh_functional_rank(shape, seed=seed, samples=50) for seed in range(4))
    assert (relu, tanh) == (found.at(n=n, h=h, k=k), found.at(part="tanh", n=n, h=h, k=k))
    assert tanh - relu == h


def test_a_deep_network_loses_a_dimension_for_each_hidden_unit_and_samples_often_show_less() -> None:
    ranks = [theory.relu_functional_rank((2, 3, 3, 1), seed=seed, samples=80) for seed in range(12)]
    assert max(ranks) == (9 + 12 + 4) - 6
    assert min(ranks) < max(ranks)


def test_it_is_exact_and_bad_shapes_are_refused() -> None:
    assert theory.functional_dimension().passed
    with pytest.raises(ValueError, match=r"widths must name inputs, hidden units and outputs, got \(2, 1\)"):
        theory.relu_functional_rank((2, 1), seed=0, samples=3)
    with pytest.raises(ValueError, match=r"widths must name inputs, hidden units and outputs, got \(2, 3, 3, 1\)"):
        theory.tanh_functional_rank((2, 3, 3, 1), seed=0, samples=3)
    for seed in (None, 1.5, "a", [1], True):
        with pytest.raises(TypeError, match="seed must be an integer, got "):
            theory.relu_functional_rank((2, 3, 1), seed=seed, samples=3)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="seed must be an integer, got "):
            theory.tanh_functional_rank((2, 3, 1), seed=seed, samples=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"samples must be"):
        theory.relu_functional_rank((2, 3, 1), seed=0, samples=0)
