"""Paths at width 2 N for any activation, and crossing on disjoint units."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from theory.level_sets import wide_path

_ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": np.tanh,
    "sine": np.sin,
    "square": np.square,
    "step": lambda z: (z > 0) * 1.0,
}


def _outputs(theta: np.ndarray, x: np.ndarray, activation: Any, units: int, outputs: int, bias: bool) -> np.ndarray:
    inputs = x.shape[1]
    places = np.cumsum([units * inputs, units * bias, outputs * units])
    weight, first, outer, offset = np.split(theta, places)
    before = x @ weight.reshape(units, inputs).T + (first if bias else 0)
    return np.asarray(activation(before) @ outer.reshape(outputs, units).T + (offset if bias else 0))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("data", "outputs", "extra"), [(1, 1, 0), (3, 2, 0), (6, 1, 1)])
@pytest.mark.parametrize("name", _ACTIVATIONS)
def test_no_convex_loss_exceeds_the_larger_end(name: str, data: int, outputs: int, extra: int, bias: bool) -> None:
    source = np.random.default_rng(data)
    units, activation = 2 * data + extra, _ACTIVATIONS[name]
    size = units * (2 + bias + outputs) + outputs * bias
    x, y = source.normal(size=(data, 2)), source.normal(size=(data, outputs))
    start, end = source.normal(size=(2, size))
    path = wide_path(x, start, end, activation=activation, outputs=outputs, bias=bias)
    sample = path.sample(8)
    assert np.array_equal(sample[0], start)
    assert np.array_equal(sample[-1], end)
    found = [_outputs(theta, x, activation, units, outputs, bias) for theta in sample]
    for power in (1, 2):
        losses = [float((abs(values - y) ** power).sum()) for values in found]
        assert max(losses) - max(losses[0], losses[-1]) <= 1e-12 * max(1.0, losses[0], losses[-1])


def test_nearly_dependent_features_cost_nothing() -> None:
    """Twelve scalar inputs close together: the features of tanh units have numerical rank four or so."""
    x = np.linspace(0, 1e-2, 12)[:, None]
    source = np.random.default_rng(0)
    start, end = source.normal(size=(2, 24 * 3 + 1))
    sample = wide_path(x, start, end, activation=np.tanh, bias=True).sample(8)
    outputs = np.array([_outputs(theta, x, np.tanh, 24, 1, True)[:, 0] for theta in sample])
    low, high = np.minimum(outputs[0], outputs[-1]), np.maximum(outputs[0], outputs[-1])
    assert (outputs >= low - 1e-12).all()
    assert (outputs <= high + 1e-12).all()


def test_less_width_does_where_the_features_are_dependent() -> None:
    x = np.ones((4, 1))  # rank one
    path = wide_path(x, [1, 2, 1, 1], [3, 1, -1, 2], activation=np.tanh)
    outputs = [float(_outputs(theta, x, np.tanh, 2, 1, False)[0, 0]) for theta in path.sample(4)]
    assert max(outputs) <= max(outputs[0], outputs[-1]) + 1e-15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [1.0]}, "x must be finite numbers of shape \\(batch, inputs\\), got the shape \\(1,\\)"),
        ({"start": [1, 2, 3]}, "start must have 2 parameters per unit, got 3 parameters"),
        ({"start": [1, 2], "bias": True}, "start must have 3 parameters per unit and 1 biases of the outputs"),
        ({"end": [1, 2]}, "end must be a vector of 4 parameters"),
        ({"outputs": 0}, "outputs must be >= 1, got 0"),
        ({"x": [[1.0], [2.0]]}, "width must be at least the 4 units of both supports, got 2"),
        ({"x": [[1.0], [1.0, 2.0]]}, "x must hold real numbers in equal rows"),
        ({"start": None}, "start must hold real numbers in equal rows"),
        ({"activation": np.sum}, "activation must return finite numbers of the shape \\(1, 2\\)"),
        ({"activation": lambda z: z / 0 * np.inf}, "with numbers that are not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bad_input_is_refused(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "x": [[1.0]],
        "start": [1, 2, 1, 2],
        "end": [2, 1, 1, 1],
        "activation": np.tanh,
    } | change
    with pytest.raises(ValueError, match=message):
        wide_path(**arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "tanh"}, "activation must be a function of numpy arrays, got 'tanh'"),
        ({"outputs": True}, "outputs must be an integer, got True"),
        ({"bias": "no"}, "bias must be True or False, got 'no'"),
    ],
)
def test_what_is_of_another_type_is_refused(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"x": [[1.0]], "start": [1, 2, 1, 2], "end": [2, 1, 1, 1], "activation": np.tanh}
    with pytest.raises(TypeError, match=message):
        wide_path(**(arguments | change))
