"""Zero modes: the gauge group of a linear network, the rescalings of a ReLU network."""

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.zero_modes import gauge_zero_modes, rescaling_zero_modes


@pytest.mark.parametrize("derive", [gauge_zero_modes, rescaling_zero_modes])
def test_the_counts_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=30)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    drawn=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    extra=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_linear_zero_modes_follow_the_rectangular_formula(
    shape: tuple[int, int, int], drawn: tuple[int, int], extra: int, seed: int
) -> None:
    inputs, hidden, outputs = shape
    ranks = (min(drawn[0], hidden, inputs), min(drawn[1], hidden, outputs))
    net = ExactTwoLayer.sample(*shape, samples=inputs + extra, seed=seed, ranks=ranks)
    formula = gauge_zero_modes().parts["rectangular"].rhs
    values = dict(zip(("n_0", "n_1", "n_2", "r_1", "r_2"), (*shape, *ranks), strict=True))
    assert net.zero_modes() == formula.subs({symbol: values[symbol.name] for symbol in formula.free_symbols})


@pytest.mark.parametrize(("n", "samples"), [(1, 1), (2, 2), (2, 5), (3, 3)])
def test_square_linear_networks_have_n_squared(n: int, samples: int) -> None:
    assert ExactTwoLayer.sample(n, n, n, samples=samples, seed=n).zero_modes() == gauge_zero_modes().at(n=n) == n**2


def test_with_fewer_samples_than_inputs_there_are_more() -> None:
    assert ExactTwoLayer.sample(3, 3, 3, samples=2, seed=0).zero_modes() > 9


@settings(max_examples=15)
@given(n=st.integers(1, 2), samples=st.integers(1, 6), seed=st.integers(0, 99))
def test_relu_networks_have_at_least_one_zero_mode_per_unit(n: int, samples: int, seed: int) -> None:
    net = ExactTwoLayer.sample(n, n, n, samples=samples, seed=seed, relu=True)
    assert net.zero_modes() >= n
    for unit in range(n):  # the tangent of its rescaling
        tangent = sp.zeros(net.parameters, 1)
        for column in range(n):
            tangent[unit * n + column] = net.first[unit, column]
            tangent[n * n + column * n + unit] = -net.second[column, unit]
        assert (net.jacobian() * tangent).is_zero_matrix


def test_the_zero_modes_are_the_zero_eigenvalues_of_the_gauss_newton_part() -> None:
    net = ExactTwoLayer.sample(2, 2, 2, samples=9, seed=1, relu=True)
    assert net.parameters - exact_rank(net.gauss_newton()) == net.zero_modes()
