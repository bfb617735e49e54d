"""Where gradient descent on least squares ends, against gradient descent and the pseudo-inverse."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import theory

places = st.floats(-3, 3)


@settings(max_examples=20)
@given(a=st.floats(0.2, 3), b=st.floats(0.2, 3), y=st.floats(0.1, 5), u=places, v=places)
def test_the_end_has_the_norm_that_is_derived(a: float, b: float, y: float, u: float, v: float) -> None:
    x, theta = np.array([a, b]), np.array([u, v])
    for _ in range(200):
        theta = theta + 0.5 / (x @ x) * x * (y - x @ theta)
    found = theory.least_norm_descent().at(a=a, b=b, y=y, u=u, v=v)
    np.testing.assert_allclose(theta @ theta, float(found), rtol=1e-9)


def test_from_zero_it_is_that_of_the_pseudo_inverse() -> None:
    least = np.linalg.pinv(np.array([[3.0, 4.0]])) @ [10.0]
    found = float(theory.least_norm_descent().at(a=3, b=4, y=10, u=0, v=0))
    np.testing.assert_allclose(found, least @ least, rtol=1e-14)


def test_it_is_exact() -> None:
    assert theory.least_norm_descent().passed
    assert theory.least_norm_descent().evidence == "exact"
