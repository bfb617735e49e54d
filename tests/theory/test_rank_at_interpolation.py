"""The rank of the Hessian at zero loss, and the zeros that a wider layer adds."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.rank_at_interpolation import interpolation_rank, wider_layer


@pytest.mark.parametrize("derive", [interpolation_rank, wider_layer])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=20)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3)),
    samples=st.integers(1, 5),
    relu=st.booleans(),
    seed=st.integers(0, 99),
)
def test_no_fitted_network_exceeds_the_rank_and_none_has_a_residual_part(
    shape: tuple[int, int, int], samples: int, relu: bool, seed: int
) -> None:
    net = ExactTwoLayer.sample(*shape, samples=samples, seed=seed, relu=relu).with_residuals_times(sp.Integer(0))
    hessian = net.hessian()
    assert hessian == net.gauss_newton()
    assert exact_rank(hessian) == exact_rank(net.jacobian()) <= interpolation_rank().at(N=samples, k=shape[2])


def test_linear_units_stay_below_it_however_wide_they_are() -> None:
    """The product of the weights has inputs x outputs entries, fewer than the residuals."""
    net = ExactTwoLayer.sample(2, 6, 2, samples=4, seed=0).with_residuals_times(sp.Integer(0))
    assert exact_rank(net.hessian()) == 4 < interpolation_rank().at(N=4, k=2) == 8 < net.parameters


@pytest.mark.parametrize("outputs", [2, 3, 5])
def test_the_logits_of_a_softmax_have_one_flat_direction(outputs: int) -> None:
    p = np.random.default_rng(outputs).dirichlet(np.ones(outputs))
    eigenvalues = np.linalg.eigvalsh(np.diag(p) - np.outer(p, p))
    part = interpolation_rank().parts["cross-entropy"].rhs
    one_sample = part.subs({symbol: {"N": 1, "k": outputs}[symbol.name] for symbol in part.free_symbols})
    assert np.count_nonzero(eigenvalues > 1e-12) == one_sample == outputs - 1
    np.testing.assert_allclose((np.diag(p) - np.outer(p, p)) @ np.ones(outputs), 0, atol=1e-15)


@pytest.mark.parametrize("hidden", [4, 5, 7])
def test_the_zeros_of_a_wider_layer_are_counted_by_the_formula(hidden: int) -> None:
    net = ExactTwoLayer.sample(3, hidden, 2, samples=4, seed=6, relu=True).with_residuals_times(sp.Integer(0))
    predicted = wider_layer().at(n=hidden, d=3, a=0, u=2, r=0, N=4, k=2)
    assert net.parameters - exact_rank(net.hessian()) == predicted == 5 * hidden - 8


def test_what_one_unit_adds_is_the_number_of_its_weights() -> None:
    sizes = {"d": 3, "a": 1, "u": 2, "r": 2, "N": 4, "k": 2}
    difference = wider_layer().at(n=8, **sizes) - wider_layer().at(n=7, **sizes)
    unit = wider_layer().parts["unit"].rhs
    assert difference == unit.subs({symbol: sizes[symbol.name] for symbol in unit.free_symbols}) == 6
