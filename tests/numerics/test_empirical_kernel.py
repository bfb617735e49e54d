"""The tangent kernel: a Gram matrix of Jacobians, layer by layer, in closed form for one hidden layer."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import numerics
from numerics import FunctionalModule, Mlp, TangentKernel, tangent_kernel

CLOSE = {"rtol": 1e-11, "atol": 1e-12}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gram(network: Mlp, theta: Tensor, x: Tensor, others: Tensor) -> Tensor:
    left, right = (numerics.output_jacobian(network, theta, inputs) for inputs in (x, others))
    return torch.einsum("mbop,mcqp->mbocq", left, right)


@pytest.mark.parametrize("activation", ["tanh", "softplus", "relu"])
@pytest.mark.parametrize("bias", [True, False])
def test_the_kernel_is_the_gram_matrix_of_the_jacobian(activation: str, bias: bool, device: str) -> None:
    network = Mlp((3, 5, 4, 2), activation, bias=bias)
    theta, x = network.init([0, 1], sigma_b=0.3, device=device), drawn(6, 3).to(device)
    kernel = tangent_kernel(network, theta, x)
    assert tuple(kernel.parts) == tuple(network.layers)
    torch.testing.assert_close(kernel.total, gram(network, theta, x, x), **CLOSE)


def test_each_part_is_the_gram_matrix_of_its_own_columns() -> None:
    network, x = Mlp((3, 5, 2), "tanh", bias=True), drawn(2, 4, 3)
    theta = network.init([3, 4], sigma_b=0.5)
    jacobian = numerics.output_jacobian(network, theta, x)
    kernel = tangent_kernel(network, theta, x)
    for name, place in network.layers.items():
        rows = jacobian[..., place].flatten(1, 2)
        torch.testing.assert_close(kernel.matrix(name), rows @ rows.mT, **CLOSE)


def test_of_one_hidden_layer_it_is_the_closed_form() -> None:
    network, x, theta = Mlp((3, 50, 1), "softplus"), drawn(4, 3), drawn(1, 200, seed=1)
    hidden, outer = theta[0, :150].reshape(50, 3), theta[0, 150:]
    z = x @ hidden.T
    features, slopes = torch.nn.functional.softplus(z), torch.sigmoid(z) * outer
    kernel = tangent_kernel(network, theta, x)
    torch.testing.assert_close(kernel.matrix("1.weight")[0], features @ features.T, **CLOSE)
    torch.testing.assert_close(kernel.matrix("0.weight")[0], slopes @ slopes.T * (x @ x.T), **CLOSE)


def test_between_two_sets_of_inputs_it_is_a_corner_of_the_kernel_of_their_union() -> None:
    network, x, others = Mlp((3, 7, 2)), drawn(4, 3), drawn(2, 3, seed=5)
    theta = network.init([0, 1])
    union = tangent_kernel(network, theta, torch.cat([x, others])).total
    torch.testing.assert_close(tangent_kernel(network, theta, x, others).total, union[:, :4, :, 4:], **CLOSE)


@pytest.mark.parametrize("own", [True, False])
def test_a_module_has_the_kernel_of_the_perceptron_that_it_is(own: bool) -> None:
    network = Mlp((3, 5, 2), "tanh", bias=True)
    view = FunctionalModule(nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double())
    theta, x = network.init([0, 1], sigma_b=1.0), drawn(*((2, 4, 3) if own else (4, 3)))
    found, expected = tangent_kernel(view, theta, x, shared=not own), tangent_kernel(network, theta, x)
    torch.testing.assert_close(found.total, expected.total, **CLOSE)
    assert tuple(found.parts) == tuple(view.layers)


@pytest.mark.parametrize("work", [1, 60, 200])
def test_chunks_of_members_and_examples_change_nothing(work: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network, x, others = Mlp((3, 5, 2)), drawn(3, 7, 3), drawn(3, 2, 3, seed=2)
    theta = network.init([0, 1, 2])
    whole = [tangent_kernel(network, theta, x).total, tangent_kernel(network, theta, x, others).total]
    monkeypatch.setattr("numerics.empirical_kernel.WORK", work)
    pieces = [tangent_kernel(network, theta, x).total, tangent_kernel(network, theta, x, others).total]
    for one, other in zip(whole, pieces, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**62))
def test_it_is_symmetric_and_has_no_negative_eigenvalue(seed: int) -> None:
    network = Mlp((2, 6, 2), "tanh", bias=True)
    matrix = tangent_kernel(network, network.init([seed], sigma_b=1.0), drawn(5, 2)).matrix()
    torch.testing.assert_close(matrix, matrix.mT, **CLOSE)
    assert torch.linalg.eigvalsh(matrix).min() > -1e-12 * matrix.norm()


def test_outputs_move_by_the_kernel_times_the_pull_of_the_loss() -> None:
    network, x, y, loss = Mlp((3, 20, 2)), drawn(4, 3), drawn(4, 2, seed=1), numerics.SquaredError()
    theta, step = network.init([0]), 1e-7
    _, gradient = numerics.loss_and_gradient(network, theta, x, y, loss)
    outputs, moved = network.forward(theta, x), network.forward(theta - step * gradient, x)
    pull = 2 / 4 * (outputs - y)
    expected = -torch.einsum("mbocq,mcq->mbo", tangent_kernel(network, theta, x).total, pull)
    torch.testing.assert_close((moved - outputs) / step, expected, rtol=1e-5, atol=1e-6)


def test_it_reads_in_one_line() -> None:
    network = Mlp((3, 5, 2))
    text = repr(tangent_kernel(network, network.init([0]), drawn(4, 3)))
    assert text == "TangentKernel(1 member, 4 x 4 examples, 2 outputs: 0.weight, 1.weight)"


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused() -> None:
    network, x = Mlp((3, 5, 2)), drawn(4, 3)
    theta = network.init([0, 1])
    view = FunctionalModule(nn.Linear(3, 2).double())
    with pytest.raises(TypeError, match=r"network must be an Mlp or a FunctionalModule, got str\."):
        tangent_kernel("net", theta, x)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"theta and others must not be empty, got \(2, 25\) and \(0, 3\)\."):
        tangent_kernel(network, theta, x, x[:0])
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 3\)"):
        tangent_kernel(network, theta, x[:, :2])
    with pytest.raises(ValueError, match=r"x must have shape \(2, batch, \.\.\.\), got \(4, 3\)\."):
        tangent_kernel(view, view.init([0, 1]), x, shared=False)
    with pytest.raises(ValueError, match="theta must be finite, got NaN or infinity"):
        tangent_kernel(network, theta / 0, x)
    with pytest.raises(ValueError, match="others must be finite, got NaN or infinity"):
        tangent_kernel(network, theta, x, x * torch.nan)
    with pytest.raises(ValueError, match=r"names must be among 0\.weight, 1\.weight, got '2\.weight'\."):
        tangent_kernel(network, theta, x).matrix("2.weight")


def test_parts_add_up() -> None:
    one = torch.ones(1, 1, 1, 1, 1)
    assert TangentKernel({"a": one, "b": 2 * one}).matrix().tolist() == [[[3.0]]]
