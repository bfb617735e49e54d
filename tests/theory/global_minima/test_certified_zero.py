"""Exact zeros of the loss, proved to be near points that were found."""

from typing import Any

import numpy as np
import pytest

import theory

WIDTHS, DATA = (2, 6, 1), 5


def _fitted(activation: str = "tanh") -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A network whose labels are its rounded outputs."""
    source = np.random.default_rng(4)
    theta, x = source.normal(size=25), source.normal(size=(DATA, 2))
    first, shift, second = theta[:12].reshape(6, 2), theta[12:18], theta[18:24]
    z = x @ first.T + shift
    h = np.tanh(z) if activation == "tanh" else np.log1p(np.exp(z))
    return theta, x, (h @ second + theta[24])[:, None]


@pytest.mark.parametrize("activation", ["tanh", "softplus"])
def test_outputs_rounded_to_double_precision_have_an_exact_zero_nearby(activation: str) -> None:
    theta, x, y = _fitted(activation)
    proved = theory.certify_zero(WIDTHS, theta, x, y, activation=activation)
    assert (proved.equations, proved.dimension) == (5, 20)
    assert proved.distance.upper < 1e-12
    assert proved.least_eigenvalue.lower > 0


def test_the_eigenvalue_is_that_of_the_jacobian() -> None:
    theta, x, y = _fitted()
    slope = 1e-6
    shifts = slope * np.eye(25)
    outputs = [_outputs(theta + shift, x) - _outputs(theta - shift, x) for shift in shifts]
    jacobian = np.array(outputs).T / (2 * slope)
    least = np.linalg.svd(jacobian)[1].min() ** 2
    assert float(theory.certify_zero(WIDTHS, theta, x, y).least_eigenvalue) == pytest.approx(least, rel=1e-6)


def _outputs(theta: np.ndarray[Any, Any], x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    value: np.ndarray[Any, Any] = np.tanh(x @ theta[:12].reshape(6, 2).T + theta[12:18]) @ theta[18:24] + theta[24]
    return value


def test_labels_that_are_moved_have_their_zero_as_far_away_as_they_need() -> None:
    theta, x, y = _fitted()
    assert theory.certify_zero(WIDTHS, theta, x, y + 1).distance.lower > 0.1


def test_labels_that_no_tanh_unit_reaches_are_not_certified() -> None:
    theta, x = np.array([1.0, 1.0]), np.array([[1.0], [2.0]])
    with pytest.raises(
        theory.NoCertificateError, match="theta must be close to a zero of the loss with a full Jacobian"
    ):
        theory.certify_zero((1, 1, 1), theta, x, [[1.0], [3.0]], bias=False)  # tanh 2w < 2 tanh w for w > 0


def test_a_repeated_input_is_not_certified() -> None:
    theta, x, y = _fitted()
    x[1], y[1] = x[0], y[0]
    with pytest.raises(theory.NoCertificateError, match="the Jacobian must be invertible at the point"):
        theory.certify_zero(WIDTHS, theta, x, y)


def test_widths_that_are_no_sequence_are_refused() -> None:
    with pytest.raises(TypeError, match="widths must be a sequence of integers, got 3"):
        theory.certify_zero(3, [1.0], [[1.0]], [[1.0]])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"activation": "relu"}, "activation must be one of tanh, softplus, got 'relu'"),
        ({"widths": (2,)}, r"widths must name at least inputs and outputs, got \(2,\)"),
        ({"theta": [1.0]}, r"theta must have the shape \(25,\), got \(1,\)"),
        ({"x": [[1.0]]}, r"x must have the shape \(1, 2\), got \(1, 1\)"),
        ({"x": np.ones((30, 2)), "y": np.ones((30, 1))}, "y must hold at most 25 numbers, one per parameter, got 30"),
    ],
)
def test_bad_arguments_are_refused(changed: dict[str, Any], message: str) -> None:
    theta, x, y = _fitted()
    with pytest.raises(ValueError, match=message):
        theory.certify_zero(**({"widths": WIDTHS, "theta": theta, "x": x, "y": y} | changed))
