"""The dimension of the set of zero loss, its exceptions, and when there is a zero at all."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import theory
from theory.exact_two_layer import exact_rank
from theory.global_minima.zero_loss_set import fitting_net


@pytest.mark.parametrize(("parameters", "outputs", "samples", "dimension"), [(38, 2, 5, 28), (67, 3, 7, 46)])
def test_the_dimension_is_parameters_less_labels(parameters: int, outputs: int, samples: int, dimension: int) -> None:
    assert theory.zero_loss_dimension().at(P=parameters, r=outputs, N=samples) == dimension


def test_as_many_labels_as_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the parameters must lie in the domain .*, got P = 10, r = 2, N = 5"):
        theory.zero_loss_dimension().at(P=10, r=2, N=5)


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 2)),
    samples=st.integers(1, 4),
    seed=st.integers(0, 50),
)
@settings(max_examples=12)
def test_no_rational_network_has_a_rank_above_the_number_of_labels(
    shape: tuple[int, int, int], samples: int, seed: int
) -> None:
    net = fitting_net(*shape, samples=samples, seed=seed)
    assert exact_rank(net.jacobian()) <= min(shape[2] * samples, len(net.first) + len(net.second))


def test_the_least_loss_at_a_repeated_input_is_met_by_least_squares() -> None:
    features = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 5.0]])
    labels = np.array([3.0, 4.0, 7.0])
    _, left, *_ = np.linalg.lstsq(features, labels, rcond=None)
    assert left[0] == pytest.approx(float(theory.repeated_inputs().at(y_1=3, y_2=4)), rel=1e-12)


def test_linear_networks_have_the_rank_of_their_inputs_times_outputs() -> None:
    source = np.random.default_rng(0)
    first, second, x = source.normal(size=(4, 3)), source.normal(size=(2, 4)), source.normal(size=(3, 6))
    jacobian = np.hstack([np.kron(second, x.T), np.kron(np.eye(2), (first @ x).T)])
    assert np.linalg.matrix_rank(jacobian) == theory.linear_units_fit().at(r=2, n_0=3)


@given(gaps=st.lists(st.floats(0.1, 3), min_size=2, max_size=7))
@settings(max_examples=25)
def test_above_the_stated_steepness_tanh_features_and_a_constant_are_independent(gaps: list[float]) -> None:
    data, count = np.cumsum(gaps), len(gaps)
    least = min(gaps[1:])
    steepness = 2 / least * np.arctanh((count - 1.5) / count)  # T just above (N - 2)/N
    thresholds = (data[1:] + data[:-1]) / 2
    features = np.tanh(steepness * (data[:, None] - thresholds))
    rows = np.diff(features, axis=0)
    diagonal = np.abs(np.diag(rows))
    margin = float(theory.interpolating_layer().at(part="dominance", N=count, T=Fraction(2 * count - 3, 2 * count)))
    assert (2 * diagonal - np.abs(rows).sum(axis=1)).min() >= margin - 1e-12
    assert np.linalg.matrix_rank(np.column_stack([np.ones(count), features])) == count


def test_the_determinant_of_steep_units_is_that_of_signs() -> None:
    data, thresholds = np.arange(5.0), np.arange(5.0) - 0.5
    steep = np.tanh(40 * (data[:, None] - thresholds))
    assert np.linalg.det(steep) == pytest.approx(theory.interpolating_layer().at(N=5), rel=1e-12)


def test_the_hessian_of_one_tanh_unit_on_its_curve_of_zeros_has_one_zero_eigenvalue() -> None:
    w, v = sp.symbols("w v")
    loss = (v * sp.tanh(w) - 2) ** 2 / 2
    hessian = sp.hessian(loss, (w, v)).subs({v: 2 / sp.tanh(w)}).subs(w, sp.Rational(3, 4))
    values = sorted(np.linalg.eigvalsh(np.array(hessian.evalf(30), dtype=float)))
    assert abs(values[0]) < 1e-14 < values[1]


@pytest.mark.parametrize(
    ("shape", "samples", "kernel"), [((2, 3, 1), 4, 8), ((1, 2, 1), 6, 0), ((2, 2, 2), 9, 0), ((3, 4, 2), 4, 16)]
)
def test_a_fit_has_flat_directions_exactly_if_parameters_exceed_labels(
    shape: tuple[int, int, int], samples: int, kernel: int
) -> None:
    assert theory.kernel_at_a_fit(*shape, samples=samples) == kernel


def test_a_network_without_data_is_refused() -> None:
    with pytest.raises(ValueError, match="samples must be >= 1, got 0"):
        theory.kernel_at_a_fit(1, 1, 1, samples=0)
    with pytest.raises(ValueError, match="samples must leave the Jacobian at most 1000000 entries, got 3000000000"):
        theory.kernel_at_a_fit(1, 1, 1, samples=10**9)
    with pytest.raises(TypeError, match="seed must be an integer, got 'a'"):
        theory.kernel_at_a_fit(1, 1, 1, samples=1, seed="a")  # type: ignore[arg-type]


def test_all_weights_of_a_dead_unit_are_in_the_kernel_at_a_fit() -> None:
    grown = fitting_net(2, 3, 2, samples=7, seed=2).with_dead_units(1)
    small = theory.kernel_at_a_fit(2, 3, 2, samples=7, seed=2)
    total = len(grown.first) + len(grown.second)
    assert total - exact_rank(grown.jacobian()) - small == theory.dead_unit_sheets().at(n_0=3, r=2)


def test_every_exceptional_dimension_exceeds_the_generic_one() -> None:
    for samples, different in itertools.product((4, 5), (2, 3)):
        generic = theory.zero_loss_dimension().at(P=40, r=2, N=samples)
        assert theory.repeated_inputs().at(part="dimension", P=40, r=2, D=different) - generic == 2 * (
            samples - different
        )
