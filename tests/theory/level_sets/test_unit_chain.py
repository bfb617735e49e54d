"""A chain of ReLU units is one unit, and can be moved to it without any change of its outputs."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

WEIGHT = st.one_of(st.just(0.0), st.floats(-3, 3))
X = np.array([-2.0, -0.5, 0.0, 0.7, 3.0])


def outputs(first: float, inner: list[float], outer: float) -> np.ndarray:
    hidden = np.maximum(first * X, 0)
    for weight in inner:
        hidden = np.maximum(weight * hidden, 0)
    return outer * hidden


def shorter(inner: list[float], outer: float) -> tuple[list[float], float]:
    """Phi: one layer less."""
    return inner[:-1], outer * max(inner[-1], 0.0)


@settings(max_examples=50)
@given(first=WEIGHT, inner=st.lists(WEIGHT, min_size=1, max_size=4), outer=WEIGHT)
def test_a_chain_of_any_depth_and_signs_has_the_outputs_of_one_unit(
    first: float, inner: list[float], outer: float
) -> None:
    rest, weight = inner, outer
    while rest:
        rest, weight = shorter(rest, weight)
    np.testing.assert_allclose(outputs(first, inner, outer), outputs(first, [], weight), rtol=1e-12, atol=1e-12)


@settings(max_examples=50)
@given(first=WEIGHT, inner=st.lists(WEIGHT, min_size=1, max_size=3), outer=WEIGHT, time=st.floats(0, 1))
def test_the_way_to_the_image_keeps_the_outputs(first: float, inner: list[float], outer: float, time: float) -> None:
    *before, last = inner
    kept = outputs(first, inner, outer)
    between = (1 - time) * last + time
    if last > 0:
        ways = [([*before, between], outer * last / between)]
    else:  # the outer weight first, and then the inner one
        ways = [(inner, (1 - time) * outer), ([*before, between], 0.0)]
    for weights, factor in ways:
        np.testing.assert_allclose(outputs(first, weights, factor), kept, rtol=1e-9, atol=1e-12)
