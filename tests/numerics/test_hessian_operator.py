"""Products with the Hessian of any model: dense oracles, laws, models that stay as they were, and refusals."""

import copy
import functools
import itertools
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy, dropout, mse_loss
from torch.utils.data import DataLoader, TensorDataset

from numerics import CrossEntropy, FunctionalModule, HessianOperator, Mlp, SquaredError, dense_hessian
from numerics.curvature import batch_curvature

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
    _close(operator @ vectors, expected @ vectors, 1e-12)
    dense = operator.dense()
    _close(dense, expected, 1e-12)
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
    _close(gauss_newton, jacobian.T @ middle @ jacobian, 1e-12)
    _close(gauss_newton + operator.with_part("residual").dense(), operator.dense(), 1e-12)


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


@pytest.mark.parametrize("patterns", [("0.*",), ("1.weight",), ("2.bias",), ("*.bias",), ("0.bias", "2.weight")])
@pytest.mark.parametrize("part", PARTS)
def test_a_subset_is_a_block_of_the_whole(part: str, patterns: tuple[str, ...]) -> None:
    network, theta, x, y, loss = _perceptron()
    module = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    named = [pattern.replace("2.", "4.").replace("1.", "2.") for pattern in patterns]
    whole = HessianOperator(network, loss, (x, y), theta=theta, part=part)
    matrix = whole.dense()
    block = whole.restricted(*patterns)
    index = torch.cat([torch.arange(whole.layers[name].start, whole.layers[name].stop) for name in block.layers])
    expected = matrix[index][:, index]
    vectors = _normal(block.size, 2)
    for one in (
        block,
        HessianOperator(network, loss, (x, y), theta=theta, part=part, parameters=patterns),
        HessianOperator(module, loss, (x, y), theta=theta, part=part, parameters=named),
        HessianOperator(module, loss, (x, y), theta=theta, part=part).restricted(*named),
    ):
        assert (one.size, one.part) == (len(index), part)
        torch.testing.assert_close(one @ vectors, expected @ vectors, rtol=0, atol=1e-14)
        torch.testing.assert_close(one.dense(), expected, rtol=0, atol=1e-14)


def test_restricting_twice_is_restricting_once() -> None:
    network, theta, x, y, loss = _perceptron()
    operator = HessianOperator(network, loss, (x, y), theta=theta)
    twice = operator.restricted("0.*", "1.*").restricted("1.*")
    assert twice.layers == {"1.weight": slice(0, 20), "1.bias": slice(20, 24)}
    assert torch.equal(twice @ torch.ones(24).double(), operator.restricted("1.*") @ torch.ones(24).double())


def test_a_dense_block_of_few_parameters_does_not_need_the_whole_matrix() -> None:
    network, theta, x, y, loss = _perceptron()
    operator = HessianOperator(network, loss, (x, y), theta=theta, parameters="2.*", memory=2000)
    assert not operator.dense_cost().multiplications  # by rows
    _close(operator.dense(), dense_hessian(network, theta, x, y, loss).total[0, -10:, -10:])
    assert operator.products == 0


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


@pytest.mark.parametrize("part", PARTS)
def test_what_does_not_fit_into_memory_is_made_again_and_changes_rounding_only(part: str) -> None:
    module, x, y = MODULES["batch norm in eval mode"]
    network, theta, inputs, labels, loss = _perceptron()
    for build in (
        lambda memory: HessianOperator(module, cross_entropy, (x, y), part=part, memory=memory),
        lambda memory: HessianOperator(network, loss, (inputs, labels), theta=theta, part=part, memory=memory),
    ):
        kept, rebuilt = build(2**30), build(600)
        assert kept.cached
        assert not rebuilt.cached
        assert rebuilt.chunk < kept.chunk == kept.examples
        assert "cached" in repr(kept)
        assert f"rebuilt {rebuilt.chunk} examples at a time" in repr(rebuilt)
        vector = _normal(kept.size)
        for _ in range(2):
            _close(rebuilt @ vector, kept @ vector)


def test_the_graph_is_recorded_once_while_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x, y = MODULES["batch norm in eval mode"]
    built = []
    original = batch_curvature.GraphCurvature.__init__

    def counted(self: object, *args: object, **options: object) -> None:
        built.append(1)
        original(self, *args, **options)

    operator = HessianOperator(module, cross_entropy, [(x[:4], y[:4]), (x[4:], y[4:])])
    monkeypatch.setattr(batch_curvature.GraphCurvature, "__init__", counted)
    for _ in range(3):
        operator @ torch.ones(operator.size).double()
    assert len(built) == 2
    assert operator.products == 3


def test_the_bytes_of_a_graph_grow_with_its_examples() -> None:
    module, x, y = MODULES["batch norm in eval mode"]
    operator = HessianOperator(module, cross_entropy, (x.repeat(8, 1), y.repeat(8)))
    problem = operator._problem
    sizes = [
        batch_curvature.probed_graph(
            problem, *next(problem.batches(count)), part="hessian", places=operator.layers
        ).nbytes
        for count in (7, 14, 28)
    ]
    assert sizes[0] > 7 * 8 * (5 + 5 + 3)  # at least the activations
    assert sizes[0] < sizes[1] < sizes[2] <= 4 * sizes[0]


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
    assert [curvature.batched for _, curvature in operator._cache] == [False]
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


@pytest.mark.parametrize("analytic", [True, False])
def test_out_of_memory_halves_the_chunks_and_goes_on(analytic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that holds three examples: everything larger runs out of memory, in verifying as in multiplying."""
    network, theta, x, y, loss = _perceptron()
    own = loss if analytic else cross_entropy
    expected = HessianOperator(network, own, (x, y), theta=theta) @ torch.ones(network.parameters, 5).double()
    fits = 20

    def small(original: Callable[..., object]) -> Callable[..., object]:
        def guarded(self: object, theta: torch.Tensor, inputs: torch.Tensor, **options: object) -> object:
            if inputs.shape[-2] > fits:
                raise torch.OutOfMemoryError("the device is full")
            return original(self, theta, inputs, **options)

        return guarded

    for method in ("forward", "trace"):
        monkeypatch.setattr(Mlp, method, small(getattr(Mlp, method)))
    operator = HessianOperator(network, own, (x, y), theta=theta)
    assert (operator.cached, operator.chunk) == (True, 20)
    fits = 3
    _close(operator @ torch.ones(network.parameters, 5).double(), expected)
    assert (operator.cached, operator.chunk) == (False, 2)
    from_the_start = HessianOperator(network, own, (x, y), theta=theta)
    assert from_the_start.chunk <= 3
    _close(from_the_start @ torch.ones(network.parameters, 5).double(), expected)
    fits = 0
    for attempt in (
        lambda: operator @ torch.ones(network.parameters).double(),
        lambda: HessianOperator(network, own, (x, y), theta=theta),
    ):
        with pytest.raises(torch.OutOfMemoryError, match="the device is full"):
            attempt()


class Shuffled:
    """Batches in another order at every pass, with a seed of its own."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x, self.y, self.passes = x, y, 0

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        self.passes += 1
        order = torch.randperm(len(self.x), generator=torch.Generator().manual_seed(self.passes))
        yield from zip(self.x[order].split(5), self.y[order].split(5), strict=True)


class Shrinking:
    """All batches for a while, then fewer."""

    def __init__(self, batches: list[tuple[torch.Tensor, torch.Tensor]], after: int) -> None:
        self.batches, self.left = batches, after

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        self.left -= 1
        return iter(self.batches if self.left >= 0 else self.batches[:1])


class Random(nn.Linear):
    """Dropout by a function, which no layer shows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return dropout(super().forward(x), 0.5)


class Mixing(nn.Linear):
    """Outputs less their mean over the batch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs = super().forward(x)
        return outputs - outputs.mean(0)


class Pooled(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).mean()


class Crooked(torch.autograd.Function):
    """A product whose derivative by its first factor forgets that it depends on the second."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        context.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, pull: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        a, b = context.saved_tensors
        return pull * b.detach(), pull * a


class Wrong(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Crooked.apply(super().forward(x), self.bias)


class Deaf(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


X, Y = _normal(20, 3, seed=1), _normal(20, 3, seed=2)
LINEAR = _filled(nn.Linear(3, 3))
BATCHES = list(zip(X.split(5), Y.split(5), strict=True))
WEIGHTED = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0]).double())
Refusal = tuple[Callable[[], object], type[Exception], str]


def _build(model: object = LINEAR, loss: object = mse_loss, data: object = (X, Y), **options: object) -> object:
    return HessianOperator(model, loss, data, **options)


REFUSED: dict[str, Refusal] = {
    "model": (lambda: _build(model=abs), TypeError, r"model must be a torch.nn.Module, FunctionalModule or Mlp, got b"),
    "loss": (lambda: _build(loss="mse"), TypeError, r"loss must be a loss such as SquaredError\(\) or .*, got 'mse'"),
    "loss class": (lambda: _build(loss=CrossEntropy), TypeError, r"loss must be a loss such as"),
    "no theta": (
        lambda: _build(model=Mlp((3, 3)), loss=SquaredError()),
        ValueError,
        r"theta must be given with an Mlp, which has no parameters of its own",
    ),
    "theta shape": (
        lambda: _build(theta=torch.zeros(2, 12).double()),
        ValueError,
        r"theta must have shape \(12,\) or \(1, 12\), got \(2, 12\)",
    ),
    "theta nan": (lambda: _build(theta=torch.full((12,), torch.nan)), ValueError, r"theta must be finite"),
    "theta kind": (lambda: _build(theta=[0.0] * 12), TypeError, r"theta must be a torch tensor, got list"),
    "part": (lambda: _build(part="fisher"), ValueError, r"part must be one of hessian, gauss_newton, residual, got 'f"),
    "chunk": (lambda: _build(chunk=0), ValueError, r"chunk must be an integer >= 1, got 0"),
    "memory": (lambda: _build(memory=-1), ValueError, r"memory must be an integer >= 1, got -1"),
    "unknown parameter": (
        lambda: _build(parameters=("weight", "head.*")),
        ValueError,
        r"parameters must name some of weight, bias, got 'head",
    ),
    "no parameter": (lambda: _build(parameters=[]), ValueError, r"at least one of weight, bias, got none"),
    "parameter kind": (lambda: _build(parameters=[1]), TypeError, r"parameters must be names or patterns, got int"),
    "no trainable": (lambda: _build(model=nn.ReLU()), ValueError, r"must have trainable parameters, but ReLU has none"),
    "dropout": (
        lambda: _build(model=nn.Sequential(LINEAR, nn.Dropout()).train()),
        ValueError,
        r"must be deterministic, but dropout is active in 1 \(Dropout\)",
    ),
    "hidden dropout": (
        lambda: _build(model=_filled(Random(3, 3))),
        ValueError,
        r"must be deterministic, but two passes over the same data change .*: is dropout active in it\?",
    ),
    "batch norm": (
        lambda: _build(model=nn.Sequential(LINEAR, nn.BatchNorm1d(3).double()).train()),
        ValueError,
        r"each example by itself, but 1 \(BatchNorm1d\) is in training mode",
    ),
    "mixed examples": (
        lambda: _build(model=_filled(Mixing(3, 3))),
        ValueError,
        r"model must treat each example by itself, but its outputs for half a batch are not those for all of it",
    ),
    "outputs": (lambda: _build(model=_filled(Pooled(3, 3))), ValueError, r"one row of outputs per example, got \(\)"),
    "deaf": (lambda: _build(model=_filled(Deaf(3, 3))), ValueError, r"must depend on its trainable parameters"),
    "sum": (
        lambda: _build(loss=nn.MSELoss(reduction="sum")),
        ValueError,
        r"loss must be a mean over examples, but for 20 of them it is .* and the mean over the two halves is",
    ),
    "sum of single examples": (
        lambda: _build(loss=nn.MSELoss(reduction="sum"), data=list(zip(X.split(1), Y.split(1), strict=True))),
        ValueError,
        r"loss must be a mean over examples, but for 2 of them",
    ),
    "class weights": (
        lambda: _build(loss=WEIGHTED, data=(X, _labels(20, 3))),
        ValueError,
        r"loss must be a mean over examples",
    ),
    "no reduction": (
        lambda: _build(loss=nn.MSELoss(reduction="none")),
        ValueError,
        r"loss must return one number, the mean over examples, got shape \(20, 3\)",
    ),
    "loss value": (lambda: _build(loss=lambda o, t: 1.0), TypeError, r"loss must return a tensor, got float"),
    "flat loss": (
        lambda: _build(loss=lambda o, t: (o > t).double().mean()),
        ValueError,
        r"loss must be differentiable in the outputs",
    ),
    "infinite loss": (
        lambda: _build(loss=lambda o, t: o.square().mean() / 0),
        ValueError,
        r"loss must be finite, but examples 0..19 give inf",
    ),
    "nan in a later batch": (
        lambda: _build(data=[*BATCHES, (X[:2] * torch.nan, Y[:2])]),
        ValueError,
        r"loss must be finite, but examples 20..21 give nan",
    ),
    "infinite slope": (
        lambda: _build(model=_filled(nn.Linear(3, 3)), loss=lambda o, t: (o - o.detach()).abs().sqrt().sum(1).mean()),
        ValueError,
        r"loss must have a finite gradient, but that of examples 0..19 overflows",
    ),
    "loss and targets": (
        lambda: _build(loss=cross_entropy, data=(X, _labels(20, 9) + 3)),
        ValueError,
        r"loss must take outputs and targets, but outputs \(20, 3\) and targets \(20,\) fail",
    ),
    "inputs": (lambda: _build(data=(X[:, :2], Y)), ValueError, r"what the model takes, but x of \(20, 2\) fails: "),
    "no second derivative": (
        lambda: _build(loss=nn.MultiMarginLoss(), data=(X, _labels(20, 3))),
        ValueError,
        r"model and loss must have second derivatives, but torch says: derivative for aten::multi_margin_loss_back",
    ),
    "wrong second derivative": (
        lambda: _build(model=_filled(Wrong(3, 3))),
        ValueError,
        r"must have symmetric second derivatives, but .* differ by .* of their size: torch has those of a layer wrong",
    ),
    "no data": (lambda: _build(data=None), TypeError, r"data must be \(x, y\) or give batches \(x, y\), got NoneType"),
    "one tensor": (lambda: _build(data=X), TypeError, r"data must be \(x, y\) or give batches \(x, y\), got Tensor"),
    "iterator": (lambda: _build(data=iter(BATCHES)), ValueError, r"but a list_iterator is used up by one pass"),
    "generator": (lambda: _build(data=(b for b in BATCHES)), ValueError, r"but a generator is used up by one pass"),
    "no batches": (lambda: _build(data=[]), ValueError, r"data must hold at least one batch, got none"),
    "empty batch": (
        lambda: _build(data=(X[:0], Y[:0])),
        ValueError,
        r"not be empty, but x of batch 0 has shape \(0, 3",
    ),
    "lengths": (lambda: _build(data=(X, Y[:5])), ValueError, r"x and y of batch 0 have shapes \(20, 3\) and \(5, 3\)"),
    "no batch axis": (lambda: _build(data=TensorDataset(X, Y[:, 0])), ValueError, r"have shapes \(3,\) and \(\)"),
    "batch kind": (lambda: _build(data=[{"x": X}]), TypeError, r"two tensors, but batch 0 is a dict"),
    "dtype": (
        lambda: _build(data=(X.float(), Y)),
        ValueError,
        r"parameters' dtype and device, torch.float64 on cpu, but x of batch 0 is torch.float32 on cpu",
    ),
    "device": (lambda: _build(data=(X, Y.to("meta"))), ValueError, r"but y of batch 0 is torch.float64 on meta"),
    "shuffling": (
        lambda: _build(data=Shuffled(X, Y)),
        ValueError,
        r"every pass, but the batch of example 0 was another one the second time: the loader shuffles or augments",
    ),
    "shuffling for an Mlp": (
        lambda: _build(Mlp((3, 3)), SquaredError(), Shuffled(X, Y), theta=torch.zeros(9).double()),
        ValueError,
        r"the loader shuffles or augments",
    ),
    "shrinking": (
        lambda: _build(data=Shrinking(BATCHES, 2)),
        ValueError,
        r"the same at every pass, but 20 examples became 5: the loader shuffles or augments",
    ),
    "vectors": (lambda: _build() @ torch.ones(3).double(), ValueError, r"vectors must have shape \(12,\) or \(12, k\)"),
    "vectors' dtype": (lambda: _build() @ torch.ones(12), ValueError, r"vectors must have the operator's dtype"),
    "vectors' kind": (lambda: _build() @ [1.0] * 12, TypeError, r"vectors must be a torch tensor, got list"),
    "restricted": (lambda: _build().restricted("2.*"), ValueError, r"must name some of weight, bias, got '2.\*'"),
    "with part": (lambda: _build().with_part("ggn"), ValueError, r"part must be one of"),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_hessian_by_products_is_refused_in_one_sentence(name: str) -> None:
    attempt, error, message = REFUSED[name]
    with pytest.raises(error, match=message) as caught:
        attempt()
    assert "\n" not in str(caught.value).partition(" fail")[0]


def test_a_loader_that_changes_after_the_verification_is_refused_when_it_does() -> None:
    operator = HessianOperator(LINEAR, mse_loss, Shrinking(BATCHES, 4))
    with pytest.raises(ValueError, match=r"data must be the same at every pass, but 20 examples became 5"):
        operator @ torch.ones(12).double()


def test_only_an_analytic_problem_is_multiplied_by_hand() -> None:
    operator = HessianOperator(LINEAR, mse_loss, (X, Y))
    with pytest.raises(TypeError, match=r"problem must be an Mlp with one of this floor's losses"):
        operator._perceptron(X, Y)
    with pytest.raises(TypeError, match=r"model must be an Mlp with one of this floor's losses"):
        operator._assembled()
