"""Which measures of flatness a rescaling changes: the table, tried on a small ReLU network in floats."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.flatness.filter_normalisation import filter_normalised_slice, mean_slice_curvature
from theory.flatness.invariant_measures import MeasureInvariance, absolute_measures, measure_table
from theory.flatness.keskar_box import sharpness_in_box
from theory.flatness.relative_measures import layer_relative_trace, relative_hessian, relative_trace
from theory.flatness.sharpness_of_quadratics import sharpness_in_ball
from theory.flatness.smoothed_quadratics import negative_local_entropy
from theory.flatness.subspace_sharpness import subspace_curvature_range
from theory.flatness.weight_precision import bits_per_weight
from theory.rescaling.rectifier_example import POINT, layer_factors, minimum_hessian, outputs, unit_factors

Measure = Callable[[np.ndarray, np.ndarray], float]

WEIGHTS = np.array([float(weight) for weight in POINT])
FILTERS = [[0, 1], [2, 3], [4, 5]]
INPUTS = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def _outputs(weights: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(INPUTS @ weights[:4].reshape(2, 2).T, 0) @ weights[4:])


def _hessian(weights: np.ndarray) -> np.ndarray:
    """J'J by hand: the loss is half the sum of squares and the targets are fitted."""
    rows = []
    for x in INPUTS:
        before = weights[:4].reshape(2, 2) @ x
        active = (before > 0).astype(float)
        rows.append(np.concatenate([np.outer(weights[4:] * active, x).ravel(), np.maximum(before, 0)]))
    jacobian = np.array(rows)
    return np.asarray(jacobian.T @ jacobian)


def _ellipsoid(hessian: np.ndarray, weights: np.ndarray, stabiliser: float = 0.0) -> float:
    sizes = abs(weights) + stabiliser
    return float(np.linalg.eigvalsh(sizes[:, None] * hessian * sizes)[-1])


def _best_corner(hessian: np.ndarray, weights: np.ndarray) -> float:
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 6)).reshape(6, -1).T
    return float(np.einsum("si,ij,sj->s", signs, relative_hessian(hessian, weights), signs).max())


def _normalised_slice(hessian: np.ndarray, weights: np.ndarray) -> float:
    raw = np.array([1.0, 2.0, -1.0, 1.0, 4.0, 3.0])
    direction = np.concatenate(
        [raw[group] * np.linalg.norm(weights[group]) / np.linalg.norm(raw[group]) for group in FILTERS]
    )
    return float(direction @ hessian @ direction)


def _nonzero(hessian: np.ndarray) -> np.ndarray:
    values = np.linalg.eigvalsh(hessian)
    return np.asarray(values[values > 1e-9 * values[-1]])


MEASURES: dict[str, Measure] = {
    "largest eigenvalue of the Hessian": lambda h, w: float(np.linalg.eigvalsh(h)[-1]),
    "trace of the Hessian": lambda h, w: float(np.trace(h)),
    "Frobenius norm of the Hessian": lambda h, w: float(np.linalg.norm(h)),
    "number of eigenvalues above a threshold": lambda h, w: float((np.linalg.eigvalsh(h) > 40).sum()),
    "product of the non-zero eigenvalues": lambda h, w: float(_nonzero(h).prod()),
    "numbers of positive, negative and zero eigenvalues": lambda h, w: float(len(_nonzero(h))),
    "sharpness over a ball": lambda h, w: sharpness_in_ball(h, 0.1),
    "sharpness over the box of Keskar et al.": lambda h, w: sharpness_in_box(h, w, 0.1),
    "mean sharpness over a random subspace": lambda h, w: subspace_curvature_range(h, 1)[0],
    "local entropy": lambda h, w: negative_local_entropy(h, np.zeros(6), 1.0),
    "largest stable learning rate of gradient descent": lambda h, w: 2 / float(np.linalg.eigvalsh(h)[-1]),
    "bits per weight on one grid": lambda h, w: bits_per_weight(h, 1e-3),
    "squared length of a layer times the trace of its block": lambda h, w: float(
        (w[4:] ** 2).sum() * np.trace(h[4:, 4:])
    ),
    "slice along a filter-normalised direction": _normalised_slice,
    "trace of the Hessian relative to the weights": lambda h, w: float(np.trace(relative_hessian(h, w))),
    "largest eigenvalue of the Hessian relative to the weights": lambda h, w: _ellipsoid(h, w),
    "form of the Hessian in the weights": lambda h, w: float(w @ h @ w),
    "sharpness over the ellipsoid of ASAM": lambda h, w: _ellipsoid(h, w) * 0.1**2 / 2,
    "sharpness over the ellipsoid of ASAM with a stabiliser": lambda h, w: _ellipsoid(h, w, 0.5),
    "sharpness over a box relative to the weights": _best_corner,
}


@pytest.mark.parametrize("derive", [absolute_measures, relative_trace, layer_relative_trace, filter_normalised_slice])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


def test_the_network_in_floats_is_that_in_symbols() -> None:
    np.testing.assert_array_equal(_outputs(WEIGHTS), [float(y) for y in outputs(POINT)])
    np.testing.assert_array_equal(_hessian(WEIGHTS), np.array(minimum_hessian(POINT).tolist(), dtype=float))


def test_the_table_names_every_measure_that_is_tried() -> None:
    assert [row.measure for row in measure_table()] == list(MEASURES)


@pytest.mark.parametrize("row", measure_table(), ids=lambda row: row.measure)
def test_a_row_of_the_table_is_what_the_network_shows(row: MeasureInvariance) -> None:
    assert row.derivation().passed
    here = MEASURES[row.measure](_hessian(WEIGHTS), WEIGHTS)
    for expected, factors in (
        (row.layers, [layer_factors(alpha) for alpha in (0.3, 2.5, 10.0)]),
        (row.units, [unit_factors(1.8, 1.0), unit_factors(0.2, 5.0), unit_factors(7.0, 3.0)]),
    ):
        values = []
        for factor in factors:
            weights = np.array([float(f) for f in factor]) * WEIGHTS
            np.testing.assert_allclose(_outputs(weights), _outputs(WEIGHTS), rtol=1e-12)
            values.append(MEASURES[row.measure](_hessian(weights), weights))
        same = [value == pytest.approx(here, rel=1e-9) for value in values]
        assert all(same) if expected else not all(same)


def test_a_row_prints_as_a_sentence() -> None:
    told = [str(row) for row in measure_table()]
    assert "trace of the Hessian: neither" in told
    assert "slice along a filter-normalised direction: layers only" in told
    assert "form of the Hessian in the weights: layers and units" in told


def test_the_mean_curvature_of_a_slice_is_that_of_sampled_directions() -> None:
    hessian, source = _hessian(WEIGHTS), np.random.default_rng(2)
    raw = source.normal(size=(20000, 6))
    for group in FILTERS:
        lengths = np.linalg.norm(raw[:, group], axis=1, keepdims=True)
        raw[:, group] *= np.linalg.norm(WEIGHTS[group]) / lengths
    curvatures = np.einsum("ni,ij,nj->n", raw, hessian, raw)
    expected = mean_slice_curvature(hessian, WEIGHTS, FILTERS)
    assert abs(curvatures.mean() - expected) < 5 * curvatures.std(ddof=1) / np.sqrt(len(raw))
    assert expected == float(filter_normalised_slice().parts["before"].rhs)
    rescaled = np.array([float(f) for f in unit_factors(1.8, 1.0)]) * WEIGHTS
    after = mean_slice_curvature(_hessian(rescaled), rescaled, FILTERS)
    assert after == pytest.approx(float(filter_normalised_slice().parts["after"].rhs))


@settings(max_examples=30)
@given(alpha=st.floats(0.05, 20.0))
def test_the_valley_has_the_derived_values(alpha: float) -> None:
    hessian = np.array([[alpha**-2, 1.0], [1.0, alpha**2]])
    value = float(absolute_measures().at(alpha=alpha))
    assert np.linalg.eigvalsh(hessian)[-1] == pytest.approx(value)
    box = absolute_measures().parts["box"].rhs
    (symbol,) = box.free_symbols
    assert sharpness_in_box(hessian, [alpha, 1 / alpha], 1.0) == pytest.approx(float(box.subs(symbol, alpha)))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"weights must have one number per row of hessian, 1, got 2"):
        relative_hessian([[1.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"weights must have one number per row of hessian, 1, got 2"):
        mean_slice_curvature([[1.0]], [1.0, 2.0], [[0]])
    with pytest.raises(ValueError, match=r"filters must name places from 0 to 0, none twice, got \[0, 0\]"):
        mean_slice_curvature([[1.0]], [1.0], [[0], [0]])
    with pytest.raises(ValueError, match=r"filters must name places from 0 to 0, none twice, got \[1\]"):
        mean_slice_curvature([[1.0]], [1.0], [[1]])
    with pytest.raises(ValueError, match=r"filters must each have a weight, got an empty one"):
        mean_slice_curvature([[1.0]], [1.0], [[0], []])
