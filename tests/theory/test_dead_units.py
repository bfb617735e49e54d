"""Dead units: the derived index against dense Hessians of tanh networks at critical points made for the purpose."""

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray

from theory import dead_unit_index
from theory.exact_nonlinear_net import ExactNonlinearNet
from theory.exact_two_layer import ExactTwoLayer

Array = NDArray[np.float64]
SHAPES = [(2, 1, 2), (3, 2, 3), (3, 2, 2), (2, 2, 4), (1, 2, 2)]  # inputs, active units, outputs


def _tanh_critical(inputs: int, active: int, outputs: int, seed: int = 0) -> tuple[Array, Array, Array, Array]:
    """Weights, inputs and residuals (outputs - targets) at which the gradient of the active units vanishes."""
    source = np.random.default_rng(seed)
    samples = active * (inputs + outputs) + 3
    first, second = source.standard_normal((active, inputs)), source.standard_normal((outputs, active))
    x = source.standard_normal((inputs, samples))
    rows = _jacobian(first, second, x).reshape(-1, outputs * samples)
    kernel = np.linalg.svd(rows)[2][np.linalg.matrix_rank(rows) :]
    residuals = (source.standard_normal(len(kernel)) @ kernel).reshape(outputs, samples)
    return first, second, x, residuals


def _jacobian(first: Array, second: Array, x: Array) -> Array:
    """Derivatives of the outputs by the weights: weights x outputs x samples."""
    units, slopes = np.tanh(first @ x), 1 - np.tanh(first @ x) ** 2
    by_first = np.einsum("ou,us,is->uios", second, slopes, x).reshape(-1, len(second), x.shape[1])
    by_second = np.einsum("op,us->oups", np.eye(len(second)), units).reshape(-1, len(second), x.shape[1])
    return np.concatenate([by_first, by_second])


def _hessian(first: Array, second: Array, x: Array, residuals: Array) -> Array:
    samples, split = x.shape[1], first.size
    rows = _jacobian(first, second, x).reshape(split + second.size, -1)
    hessian = rows @ rows.T
    units = np.tanh(first @ x)
    slopes = 1 - units**2
    bends = np.einsum("os,ou,us,is,js->uij", residuals, second, -2 * units * slopes, x, x)
    for unit, block in enumerate(bends):
        place = slice(unit * x.shape[0], (unit + 1) * x.shape[0])
        hessian[place, place] += block
    mixed = np.einsum("os,us,is,uv->uiov", residuals, slopes, x, np.eye(len(first))).reshape(split, second.size)
    hessian[:split, split:] += mixed
    hessian[split:, :split] += mixed.T
    return hessian / samples


def _counts(matrix: Array) -> tuple[int, int]:
    eigenvalues = np.linalg.eigvalsh(matrix)
    return int((eigenvalues < -1e-10).sum()), int((abs(eigenvalues) <= 1e-10).sum())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_tanh_networks_with_dead_units_have_the_derived_counts(shape: tuple[int, int, int]) -> None:
    inputs, active, outputs = shape
    first, second, x, residuals = _tanh_critical(inputs, active, outputs)
    assert abs(np.einsum("wos,os->w", _jacobian(first, second, x), residuals)).max() < 1e-12
    index, nullity = _counts(_hessian(first, second, x, residuals))
    rank = int(np.linalg.matrix_rank(residuals @ x.T))
    for dead in (1, 2, 3):
        wide = np.vstack([first, np.zeros((dead, inputs))]), np.hstack([second, np.zeros((outputs, dead))])
        assert abs(np.einsum("wos,os->w", _jacobian(*wide, x), residuals)).max() < 1e-12
        found = _counts(_hessian(*wide, x, residuals))
        result = dead_unit_index()
        names = {symbol.name: symbol for symbol in result.parts["nullity"].rhs.free_symbols}
        values = {"nullity_r": nullity, "n1": active + dead, "r": active, "n0": inputs, "n2": outputs, "rho": rank}
        at = result.at(index_r=index, n1=active + dead, r=active, rho=rank)
        assert found == (at, result.parts["nullity"].rhs.subs({names[name]: value for name, value in values.items()}))


def test_the_zero_network_has_half_of_its_eigenvalues_negative() -> None:
    source = np.random.default_rng(5)
    x, y = source.standard_normal((3, 8)), source.standard_normal((3, 8))
    found = _counts(_hessian(np.zeros((3, 3)), np.zeros((3, 3)), x, -y))
    assert found == (9, 0)
    assert dead_unit_index().parts["zero alpha, square"].rhs == sp.Rational(9, 18)
    assert dead_unit_index().parts["zero energy"].rhs == sp.Rational(1, 2)


def test_everything_is_exact() -> None:
    result = dead_unit_index()
    assert result.passed
    assert result.evidence == "exact"


@pytest.mark.parametrize(
    "values",
    [
        {"n1": 4, "r": 9, "rho": 4},
        {"n1": 4, "r": 2, "rho": 40, "n0": 4},
        {"n1": 4, "r": 2, "rho": 3, "n2": 2},
        {"n1": 4, "r": 2, "rho": 2, "n0": 2, "n2": 2, "nullity_r": 8},
        {"n1": 4, "r": "1/2", "rho": 2},
    ],
)
def test_counts_that_no_network_has_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must lie in the domain"):
        dead_unit_index().at(index_r=1, **values)


def test_the_square_case_is_a_chain_of_steps_of_n() -> None:
    """With each unit that dies the index rises by n, if E X' keeps its full rank."""
    result = dead_unit_index()
    values = [result.at(index_r=0, n1=4, r=active, rho=4) for active in (4, 3, 2, 1, 0)]
    assert values == [0, 4, 8, 12, 16]


def test_the_exact_hessian_of_linear_units_is_that_of_the_other_route() -> None:
    """With the identity it is the polynomial of the weights, differentiated twice."""
    net = ExactNonlinearNet.critical(2, 1, 2, samples=5, activation=lambda z: (z, sp.Integer(1), sp.Integer(0)), seed=1)
    targets = sp.ImmutableMatrix(net.second * net.first * net.inputs - net.residuals)
    other = ExactTwoLayer(net.first, net.second, net.inputs, targets)
    assert net.gradient() == sp.zeros(4, 1)
    assert net.hessian() == other.hessian()
    assert any(net.residuals)


def test_the_exact_hessian_of_curved_units_is_the_derivative_of_the_loss() -> None:
    """With f = z + z^3 at a rational point, by symbols; the gradient of the same loss vanishes."""
    net = ExactNonlinearNet.critical(2, 1, 2, samples=5, activation=lambda z: (z + z**3, 1 + 3 * z**2, 6 * z), seed=2)
    weights = sp.symbols("w_1:5")
    first, second = sp.Matrix(1, 2, weights[:2]), sp.Matrix(2, 1, weights[2:])
    point = dict(zip(weights, (*net.first, *net.second), strict=True))
    outputs = second * (first * net.inputs).applyfunc(lambda z: z + z**3)
    residuals = outputs - outputs.subs(point) + net.residuals
    loss = sum(entry**2 for entry in residuals) / (2 * net.samples)
    assert sp.Matrix([loss.diff(w) for w in weights]).subs(point) == sp.zeros(4, 1)
    assert sp.hessian(loss, weights).subs(point) == net.hessian()


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match=r"samples must leave the residuals free, got 2 for \d+ conditions"):
        ExactNonlinearNet.critical(2, 1, 1, samples=2, activation=lambda z: (z, sp.Integer(1), sp.Integer(0)), seed=0)
