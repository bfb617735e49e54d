"""Quadratic units: paths at the least widths, from every kind of degenerate start."""

import numpy as np
import pytest

from theory.level_sets import output_matrix, quadratic_descent, quadratic_path
from theory.level_sets.quadratic_frames import QuadraticUnits, to_frame
from theory.level_sets.quadratic_tracking import assign

_KINDS = (
    "random",
    "one sign",
    "idle units",
    "one line",
    "all zero",
    "cancelling",
    "nearly cancelling",
    "scales",
    "nearly one line",
    "dependent",
    "small integers",
    "blind to an input",
    "outer scales",
    "cancelling but for rounding",
)


def _start(kind: str, inputs: int, units: int, seed: int) -> np.ndarray:
    source = np.random.default_rng([seed, inputs, units])
    outer, columns = source.normal(size=units), source.normal(size=(inputs, units))
    half = units // 2
    rest = units - half
    if kind == "one sign":
        outer[:] = 1
    if kind == "idle units":
        outer[::2] = 0
    if kind == "one line":
        columns[:] = columns[:, :1]
    if kind == "all zero":
        columns[:] = 0
    if "cancelling" in kind:
        noise = {"cancelling": 0.0, "nearly cancelling": 1e-9}.get(kind, 1e-13)
        columns[:, half:] = columns[:, :rest] * (1 + noise * source.normal(size=(inputs, rest)))
        outer[half:] = -outer[:rest]
    if kind == "scales":
        columns *= 10.0 ** source.uniform(-8, 0, size=units)
    if kind == "nearly one line":
        columns[:, 1:] = columns[:, :1] + 1e-7 * columns[:, 1:]
    if kind == "dependent":
        columns[:, -1] = columns[:, :-1] @ source.normal(size=units - 1)
    if kind == "small integers":
        columns, outer = np.round(columns), np.sign(outer)
    if kind == "blind to an input":
        columns[0] = 0
    if kind == "outer scales":
        outer *= 10.0 ** source.uniform(-12, 1, size=units)
    return np.concatenate([columns.T.ravel(), outer])


def _loss(theta: np.ndarray, target: np.ndarray) -> float:
    """E (x'(A - T) x)^2 for standard normal inputs."""
    gap = output_matrix(theta, len(target)) - target
    return float(2 * (gap**2).sum() + np.trace(gap) ** 2)


def _targets(inputs: int) -> list[np.ndarray]:
    drawn = np.random.default_rng(inputs).normal(size=(inputs, inputs))
    signs = np.diag(np.where(np.arange(inputs) % 2, -1.0, 2.0))
    return [drawn + drawn.T, signs, -np.ones((inputs, inputs))]


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize(("inputs", "units"), [(1, 1), (2, 2), (3, 3), (3, 5), (4, 4)])
def test_a_path_descends_from_everywhere_at_width_n(kind: str, inputs: int, units: int) -> None:
    start = _start(kind, inputs, units, seed=1)
    for target in _targets(inputs):
        path = quadratic_descent(start, target, inputs)
        sample = path.sample(4)
        assert np.array_equal(sample[0], start)
        losses = np.array([_loss(theta, target) for theta in sample])
        assert np.diff(losses).max(initial=0.0) <= 1e-13 * max(1.0, losses[0])
        np.testing.assert_allclose(output_matrix(path.end, inputs), target, atol=1e-13)


@pytest.mark.parametrize("place", range(len(_KINDS)))
@pytest.mark.parametrize("inputs", [1, 2, 3, 4])
def test_a_path_connects_everything_at_width_n_plus_one(place: int, inputs: int) -> None:
    start = _start(_KINDS[place], inputs, inputs + 1, seed=2)
    end = _start(_KINDS[(5 * place + inputs) % len(_KINDS)], inputs, inputs + 1, seed=3)
    sample = quadratic_path(start, end, inputs).sample(4)
    assert np.array_equal(sample[0], start)
    assert np.array_equal(sample[-1], end)
    for target in _targets(inputs):
        losses = [_loss(theta, target) for theta in sample]
        assert max(losses) - max(losses[0], losses[-1]) <= 1e-13 * max(1.0, losses[0], losses[-1])


@pytest.mark.parametrize("kinds", [("random", "random"), ("cancelling", "one line"), ("nearly one line", "idle units")])
def test_the_path_is_continuous(kinds: tuple[str, str]) -> None:
    """Pieces join, and within each the largest step falls when it is cut in 64."""
    path = quadratic_path(_start(kinds[0], 3, 4, 5), _start(kinds[1], 3, 4, 6), 3)
    for before, after in zip(path.pieces[:-1], path.pieces[1:], strict=True):
        np.testing.assert_allclose(before(1.0), after(0.0), atol=1e-12)
    for piece in path.pieces:
        steps = abs(np.diff([piece(k / 32) for k in range(33)], axis=0)).max(axis=1)
        widest = int(steps.argmax())
        inner = abs(np.diff([piece((widest + k / 64) / 32) for k in range(65)], axis=0)).max()
        assert inner <= steps[widest] / 3 + 1e-6  # a root of an eigenvalue that starts at 0 falls by 1/8


@pytest.mark.parametrize("kind", _KINDS)
def test_a_frame_has_orthogonal_columns_and_the_same_outputs(kind: str) -> None:
    units = QuadraticUnits.read("start", _start(kind, 3, 5, seed=4), 3, 5)
    frame = to_frame(units).now
    size = max(1.0, float((abs(units.outer) * units.columns**2).sum()))
    assert set(frame.outer) <= {1.0, -1.0}
    products = frame.columns.T @ frame.columns
    assert abs(products - np.diag(np.diag(products))).max() <= 1e-14 * size
    np.testing.assert_allclose(frame.matrix, units.matrix, atol=1e-14 * size)
    assert (frame.columns != 0).any(axis=0).sum() <= 3


def test_at_width_n_two_minima_may_have_no_path() -> None:
    """One unit, one input: u w^2 = 2 has the components w > 0 and w < 0, and no path is offered."""
    with pytest.raises(ValueError, match="width must exceed the number 1 of inputs, got 1"):
        quadratic_path([1, 2], [-1, 2], 1)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="inputs must be >= 1, got 0"):
        quadratic_descent([1, 1], [[1]], 0)
    with pytest.raises(ValueError, match="start must have 3 parameters per unit, got 4 parameters"):
        quadratic_descent([1, 1, 1, 1], np.eye(2), 2)
    with pytest.raises(ValueError, match="width must be at least the number 2 of inputs, got 1"):
        quadratic_descent([1, 1, 1], np.eye(2), 2)
    with pytest.raises(ValueError, match=r"target must be a matrix of shape \(1, 1\), got \(2, 2\)"):
        quadratic_descent([1, 1], np.eye(2), 1)
    with pytest.raises(ValueError, match="target must be symmetric"):
        quadratic_descent([1.0] * 6, [[0, 1], [0, 0]], 2)
    with pytest.raises(ValueError, match="end must be a vector of 4 parameters"):
        quadratic_path([1, 2, 1, 1], [1, 2, 1], 1)
    with pytest.raises(ValueError, match=r"width must be at least 2 \+ 1, got 2"):
        assign(to_frame(QuadraticUnits.read("start", [1, 1, 1, 1], 1, 2)), 2, 1)
