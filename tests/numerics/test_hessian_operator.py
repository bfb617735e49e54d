"""Products with the Hessian of any model: dense oracles, laws, models that stay as they were, and refusals."""

import copy
import functools
import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.utils.data import DataLoader, TensorDataset

from numerics import CrossEntropy, FunctionalModule, HessianOperator, Mlp, SquaredError, dense_hessian

PARTS = ("hessian", "gauss_newton", "residual")


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _labels(count: int, classes: int) -> torch.Tensor:
    return torch.randint(classes, (count,), generator=torch.Generator().manual_seed(5))


class Tied(nn.Module):
    """An autoencoder whose decoder is its encoder, transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
        self.decoder.weight = self.encoder.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x).tanh())


class Attention(nn.Module):
    """One layer of a transformer, read out at its mean."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x).mean(1))


def _filled(module: nn.Module) -> nn.Module:
    """In float64 and eval mode, with parameters and buffers that are no special values."""
    module = module.double().eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for tensor in itertools.chain(module.parameters(), module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(0.3 + torch.rand(tensor.shape, generator=generator, dtype=torch.float64))
                tensor.mul_(torch.where(torch.rand(tensor.shape, generator=generator) < 0.4, -1.0, 1.0))
        for name, buffer in module.named_buffers():
            if name.endswith("var"):
                buffer.abs_()
    return module


def _modules() -> dict[str, tuple[nn.Module, torch.Tensor, torch.Tensor]]:
    images, labels = _normal(6, 1, 6, 6), _labels(6, 3)
    convolution = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3))
    norm = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Sigmoid(), nn.Linear(5, 3))
    return {
        "convolution with max-pooling": (_filled(convolution), images, labels),
        "batch norm in eval mode": (_filled(norm), _normal(7, 4), _labels(7, 3)),
        "tied weights": (_filled(Tied()), _normal(5, 4), _normal(5, 4, seed=1)),
        "attention": (_filled(Attention()), _normal(4, 3, 4), _labels(4, 2)),
    }


MODULES = _modules()


def _loss_for(y: torch.Tensor) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    return mse_loss if y.is_floating_point() else cross_entropy


def _by_autograd(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    view = FunctionalModule(module)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return torch.autograd.functional.hessian(
            lambda theta: _loss_for(y)(view.forward(theta[None], x)[0], y), view.theta[0]
        )


@functools.cache
def _perceptron(
    activation: str = "tanh", bias: bool = True, classes: bool = True
) -> tuple[Mlp, torch.Tensor, torch.Tensor, torch.Tensor, CrossEntropy | SquaredError]:
    network = Mlp((3, 5, 4, 2), activation, bias=bias)
    y = _labels(20, 2) if classes else _normal(20, 2, seed=2)
    loss = CrossEntropy(prefactor=1.5) if classes else SquaredError(prefactor=0.5)
    return network, network.init([0], sigma_b=0.4), _normal(20, 3, seed=1), y, loss


def _close(found: torch.Tensor, expected: torch.Tensor, eps: float = 1e-13) -> None:
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0.0, atol=eps * scale)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "relu", "quadratic", "linear"])
def test_a_perceptron_is_multiplied_as_by_its_assembled_matrix(activation: str, classes: bool, bias: bool) -> None:
    network, theta, x, y, loss = _perceptron(activation, bias, classes)
    parts = dense_hessian(network, theta, x, y, loss)
    vectors = _normal(network.parameters, 3)
    operator = HessianOperator(network, loss, (x, y), theta=theta)
    for part, matrix in zip(PARTS, (parts.total, parts.gauss_newton, parts.residual), strict=True):
        one = operator.with_part(part)
        _close(one @ vectors, matrix[0] @ vectors)
        _close(one @ vectors[:, 1], matrix[0] @ vectors[:, 1])
        _close(one.dense(), matrix[0])


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_multiplied_as_by_its_matrix_from_autograd(name: str, device: str) -> None:
    module, x, y = (copy.deepcopy(piece).to(device) for piece in MODULES[name])
    expected = _by_autograd(module, x, y)
    operator = HessianOperator(module, _loss_for(y), (x, y))
    vectors = _normal(operator.size, 2).to(device)
    _close(operator @ vectors, expected @ vectors)
    dense = operator.dense()
    _close(dense, expected)
    assert torch.equal(dense, dense.mT)


@pytest.mark.parametrize("name", MODULES)
def test_the_two_parts_add_up_and_gauss_newton_is_that_of_the_jacobian(name: str) -> None:
    module, x, y = MODULES[name]
    view = FunctionalModule(module)
    operator = HessianOperator(module, _loss_for(y), (x, y))
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        jacobian = torch.autograd.functional.jacobian(lambda theta: view.forward(theta[None], x)[0], view.theta[0])
        outputs = view.forward(view.theta, x)[0]
    jacobian = jacobian.flatten(0, 1)
    middle = torch.autograd.functional.hessian(
        lambda flat: _loss_for(y)(flat.reshape(outputs.shape), y), outputs.flatten()
    )
    gauss_newton = operator.with_part("gauss_newton").dense()
    _close(gauss_newton, jacobian.T @ middle @ jacobian)
    _close(gauss_newton + operator.with_part("residual").dense(), operator.dense())


def test_an_mlp_with_a_loss_of_ones_own_goes_through_the_graph() -> None:
    network, theta, x, y, loss = _perceptron()
    assert isinstance(loss, CrossEntropy)
    by_hand = HessianOperator(network, loss, (x, y), theta=theta)
    by_graph = HessianOperator(network, lambda o, t: 1.5 * cross_entropy(o, t), (x, y), theta=theta[0])
    for part in PARTS:
        _close(by_graph.with_part(part).dense(), by_hand.with_part(part).dense())
    assert by_graph.loss() == pytest.approx(by_hand.loss(), rel=1e-14)
    _close(by_graph.gradient(), by_hand.gradient())


def test_a_loss_of_this_floor_takes_the_outputs_of_a_module() -> None:
    module, x, y = MODULES["batch norm in eval mode"]
    own = HessianOperator(module, CrossEntropy(), (x, y))
    _close(own.dense(), HessianOperator(module, cross_entropy, (x, y)).dense())


def test_loss_and_gradient_are_those_of_autograd() -> None:
    module, x, y = MODULES["convolution with max-pooling"]
    operator = HessianOperator(module, cross_entropy, [(x[:4], y[:4]), (x[4:], y[4:])])
    copied = copy.deepcopy(module)
    value = cross_entropy(copied(x), y)
    value.backward()
    assert operator.loss() == pytest.approx(value.item(), rel=1e-14)
    _close(operator.gradient(), torch.cat([parameter.grad.flatten() for parameter in copied.parameters()]))
    _close(operator.restricted("0.*").gradient(), operator.gradient()[:20])
    assert operator.examples == 6


@pytest.mark.parametrize("sizes", [(16, 4), (1, 19), (7, 7, 6)])
def test_batches_weigh_as_much_as_they_hold(sizes: tuple[int, ...]) -> None:
    network, theta, x, y, loss = _perceptron()
    batches = list(zip(x.split(sizes), y.split(sizes), strict=True))
    vector = _normal(network.parameters)
    whole = HessianOperator(network, loss, (x, y), theta=theta)
    for part in PARTS:
        _close(
            HessianOperator(network, loss, batches, theta=theta, part=part) @ vector,
            whole.with_part(part) @ vector,
            1e-14,
        )
    by_graph = HessianOperator(network, cross_entropy, batches, theta=theta)
    _close(by_graph @ vector, whole @ vector / 1.5, 1e-14)
    assert by_graph.loss() == pytest.approx(whole.loss() / 1.5, rel=1e-14)
    _close(HessianOperator(network, loss, batches, theta=theta).dense(), whole.dense(), 1e-13)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(a=st.floats(-3, 3), b=st.floats(-3, 3), seed=st.integers(0, 2**31), part=st.sampled_from(PARTS))
def test_products_are_linear_and_symmetric(a: float, b: float, seed: int, part: str) -> None:
    module, x, y = MODULES["convolution with max-pooling"]
    network, theta, inputs, labels, loss = _perceptron()
    for operator in (
        HessianOperator(module, cross_entropy, (x, y), part=part),
        HessianOperator(network, loss, (inputs, labels), theta=theta, part=part),
    ):
        u, v = _normal(operator.size, seed=seed), _normal(operator.size, seed=seed + 1)
        hu, hv = operator @ u, operator @ v
        scale = float(u.norm() * v.norm() * (hu.norm() / u.norm() + hv.norm() / v.norm()))
        torch.testing.assert_close(u @ hv, v @ hu, rtol=0, atol=1e-13 * scale)
        torch.testing.assert_close(operator @ (a * u + b * v), a * hu + b * hv, rtol=0, atol=1e-13 * scale)


def test_at_interpolation_the_residual_part_is_zero_to_the_last_bit() -> None:
    module, x, _ = MODULES["tied weights"]
    y = FunctionalModule(module).forward(FunctionalModule(module).theta, x)[0]
    operator = HessianOperator(module, mse_loss, (x, y), part="residual")
    assert torch.equal(operator @ torch.ones(operator.size).double(), torch.zeros(operator.size).double())


def test_a_model_that_is_linear_in_its_parameters_has_no_residual_part() -> None:
    module, x, y = _filled(nn.Linear(4, 2)), _normal(5, 4), _normal(5, 2)
    operator = HessianOperator(module, mse_loss, (x, y))
    assert not operator.with_part("residual").dense().any()
    _close(operator.with_part("gauss_newton").dense(), operator.dense())
    flat = HessianOperator(module, lambda o, t: (o * t).sum(1).mean(), (x, y))  # linear in the outputs as well
    assert not flat.dense().any()
    assert not flat.with_part("gauss_newton").dense().any()


def test_parameters_that_do_not_enter_have_zero_rows() -> None:
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.used(x).tanh()

    operator = HessianOperator(_filled(Unused()), mse_loss, (_normal(4, 3), _normal(4, 2)))
    matrix = operator.dense()
    assert matrix[:8, :8].any()
    assert not matrix[8:].any()
    assert not matrix[:, 8:].any()
    for part in PARTS:
        assert not operator.with_part(part).restricted("unused.*").dense().any()


class Unbatched(torch.autograd.Function):
    """A cube whose derivative looks at its numbers, which no batched derivative can."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, z: torch.Tensor) -> torch.Tensor:
        context.save_for_backward(z)
        return z**3

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, pull: torch.Tensor) -> torch.Tensor:
        (z,) = context.saved_tensors
        return 3 * z**2 * pull if bool(pull.any()) else torch.zeros_like(z)


class Cubic(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Unbatched.apply(super().forward(x))


def test_a_layer_without_batched_derivatives_takes_one_vector_after_the_other() -> None:
    x, y = _normal(5, 3), _normal(5, 2)
    module = _filled(Cubic(3, 2))
    view = FunctionalModule(module)
    expected = torch.autograd.functional.hessian(
        lambda theta: mse_loss((x @ theta[:6].reshape(2, 3).T + theta[6:]) ** 3, y), view.theta[0]
    )
    operator = HessianOperator(module, mse_loss, (x, y))
    _close(operator @ torch.eye(8).double(), expected)
    assert [curvature.batched for _, curvature in operator._bounded._cache] == [False]
    _close(operator.dense(), expected)


def test_float32_is_float64_rounded() -> None:
    network, theta, x, y, loss = _perceptron()
    module, images, labels = MODULES["convolution with max-pooling"]
    for part in PARTS:
        for exact, rough in (
            (
                HessianOperator(network, loss, (x, y), theta=theta, part=part),
                HessianOperator(network, loss, (x.float(), y), theta=theta.float(), part=part),
            ),
            (
                HessianOperator(module, cross_entropy, (images, labels), part=part),
                HessianOperator(copy.deepcopy(module).float(), cross_entropy, (images.float(), labels), part=part),
            ),
        ):
            vector = _normal(exact.size)
            product = rough @ vector.float()
            assert product.dtype == torch.float32
            _close(product.double(), exact @ vector, 3e-6)


def test_the_model_is_as_it_was() -> None:
    module, x, y = MODULES["batch norm in eval mode"]
    module = copy.deepcopy(module)
    module[3].train()
    cross_entropy(module(x), y).backward()
    state = copy.deepcopy(module.state_dict())
    grads = [parameter.grad.clone() for parameter in module.parameters()]
    leaves = [(parameter, parameter._version) for parameter in module.parameters()]
    operator = HessianOperator(module, cross_entropy, (x, y))
    for part in PARTS:
        operator.with_part(part) @ torch.ones(operator.size).double()
    operator.restricted("0.*").dense()
    assert all(torch.equal(state[name], value) for name, value in module.state_dict().items())
    assert all(torch.equal(old, new.grad) for old, new in zip(grads, module.parameters(), strict=True))
    assert all(
        old is new and old._version == version for (old, version), new in zip(leaves, module.parameters(), strict=True)
    )
    assert [layer.training for layer in module] == [False, False, False, True]
    before = operator @ torch.ones(operator.size).double()
    with torch.no_grad():
        module[0].weight.zero_()
    assert torch.equal(operator @ torch.ones(operator.size).double(), before)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_products_do_not_mind_where_gradients_are_switched_off(context: Callable[[], object]) -> None:
    module, x, y = MODULES["tied weights"]
    network, theta, inputs, labels, loss = _perceptron()
    expected = HessianOperator(module, mse_loss, (x, y))
    by_hand = HessianOperator(network, loss, (inputs, labels), theta=theta)
    with context():
        x, theta = x.clone(), theta.clone()
        operators = (
            HessianOperator(module, mse_loss, (x, y)),
            HessianOperator(network, loss, (inputs, labels), theta=theta),
        )
    for operator, like in zip(operators, (expected, by_hand), strict=True):
        for part in PARTS:
            with context():
                one = operator.with_part(part)
                found = one @ torch.ones(one.size).double()
            ones = torch.ones(one.size).double()
            assert not found.requires_grad
            assert torch.equal(one @ ones, found)
            assert torch.equal(found, like.with_part(part) @ ones)


def test_a_loader_that_keeps_its_order_is_taken() -> None:
    network, theta, x, y, loss = _perceptron()
    loader = DataLoader(TensorDataset(x, y), batch_size=7)
    whole = HessianOperator(network, loss, (x, y), theta=theta)
    vector = _normal(network.parameters)
    _close(HessianOperator(network, loss, loader, theta=theta) @ vector, whole @ vector, 1e-14)
    assert HessianOperator(network, loss, loader, theta=theta, memory=1000).chunk < 7


def test_no_vectors_give_no_products() -> None:
    network, theta, x, y, loss = _perceptron()
    for model, own in ((network, loss), (network, cross_entropy)):
        operator = HessianOperator(model, own, (x, y), theta=theta)
        assert (operator @ torch.zeros(operator.size, 0).double()).shape == (operator.size, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scipys_solvers_take_the_operator(dtype: torch.dtype, device: torch.device) -> None:
    from scipy.sparse.linalg import eigsh

    module = _filled(nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))).to(device, dtype)
    x, y = _normal(20, 3).to(device, dtype), _normal(20, 2, seed=1).to(device, dtype)
    operator = HessianOperator(module, mse_loss, (x, y))
    linear, dense = operator.to_scipy(), operator.dense().cpu().double()
    assert operator.shape == linear.shape == (32, 32)
    assert linear.dtype == dense.to(dtype).numpy().dtype
    accuracy = 1e-4 if dtype == torch.float32 else 1e-10
    start = _normal(32, seed=2).numpy()
    found = torch.from_numpy(eigsh(linear, 3, which="LA", v0=start, return_eigenvectors=False)).double()
    torch.testing.assert_close(found.sort().values, torch.linalg.eigvalsh(dense)[-3:], rtol=accuracy, atol=accuracy)
    block = _normal(32, 4, seed=3)
    for product, vectors in ((linear @ block.numpy(), block), (linear @ block[:, 0].numpy(), block[:, 0])):
        torch.testing.assert_close(torch.from_numpy(product).double(), dense @ vectors, rtol=accuracy, atol=accuracy)
