"""Dense Hessians and Jacobians of modules against automatic differentiation, and against the assembled ones."""

import pytest
import torch
from torch import nn

from numerics import (
    CrossEntropy,
    FunctionalModule,
    HessianParts,
    Loss,
    Mlp,
    SquaredError,
    dense_hessian,
    output_jacobian,
)
from numerics.curvature import dense_products, example_jacobians
from numerics.curvature.batch_curvature import GraphCurvature

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


class _Tied(nn.Module):
    """One weight used twice, a frozen one, and one that does not enter."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 4), nn.Linear(4, 3, bias=False)
        self.frozen = nn.Parameter(torch.ones(4), requires_grad=False)
        self.idle = nn.Parameter(torch.ones(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outer(torch.tanh(self.inner(self.frozen * torch.sin(self.inner(x)))))


def _convolutional(activation: type[nn.Module]) -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 6, 6)),
        nn.Conv2d(1, 3, 3),
        activation(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.LayerNorm(12),
        nn.Linear(12, 5),
        activation(),
        nn.Linear(5, 3),
    )


def _module(name: str) -> tuple[FunctionalModule, int]:
    torch.manual_seed(0)
    modules = {
        "smooth convolutional": (_convolutional(nn.Tanh), 36),
        "convolutional with kinks": (_convolutional(nn.ReLU), 36),
        "tied": (_Tied(), 4),
        "linear": (nn.Linear(4, 3), 4),
        "normalised": (nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.GELU(), nn.Linear(6, 3)).eval(), 4),
    }
    module, features = modules[name]
    return FunctionalModule(module.double()), features


NAMES = ["smooth convolutional", "convolutional with kinks", "tied", "linear", "normalised"]


def _problem(
    features: int, loss: Loss, *, batch: int = 9, members: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    front = (batch,) if members is None else (members, batch)
    x = torch.randn(*front, features, generator=generator, dtype=torch.float64)
    if isinstance(loss, SquaredError):
        return x, torch.randn(*front, 3, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 3, front, generator=generator)


def _reference(
    network: FunctionalModule, t: torch.Tensor, x: torch.Tensor, y: torch.Tensor, loss: Loss
) -> HessianParts:
    """The slow, obvious way for one member. Row by row: torch.func.hessian is wrong in the scale of a LayerNorm."""
    total = torch.autograd.functional.hessian(lambda p: loss.value(network.forward(p[None], x), y)[0], t)
    jacobian = torch.func.jacrev(lambda p: network.forward(p[None], x)[0])(t)
    inner = loss.hessian(network.forward(t[None], x), y)[0]
    gauss_newton = torch.einsum("bkp,bkl,blq->pq", jacobian, inner, jacobian)
    return HessianParts(gauss_newton[None], (total - gauss_newton)[None])


def _same(mine: HessianParts, truth: HessianParts, relative: float = 1e-13) -> None:
    scale = truth.total.abs().max() + truth.gauss_newton.abs().max()
    for part in ("gauss_newton", "residual", "total"):
        assert (getattr(mine, part) - getattr(truth, part)).abs().max() <= relative * scale, part


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("loss", [SquaredError(0.5), CrossEntropy(1.7)])
def test_both_parts_of_any_module_agree_with_automatic_differentiation(name: str, loss: Loss, device: str) -> None:
    network, features = _module(name)
    x, y = (data.to(device) for data in _problem(features, loss))
    theta = network.theta.to(device)
    mine = dense_hessian(network, theta, x, y, loss)
    _same(mine, _reference(network, theta[0], x, y, loss))
    for part in (mine.gauss_newton, mine.residual, mine.total):
        assert torch.equal(part, part.mT)


@pytest.mark.parametrize("name", NAMES)
def test_the_jacobian_of_any_module_agrees_with_automatic_differentiation(name: str, device: str) -> None:
    network, features = _module(name)
    x, _ = _problem(features, SquaredError())
    theta, x = network.theta.to(device), x.to(device)
    truth = torch.func.jacrev(lambda p: network.forward(p[None], x)[0])(theta[0])
    torch.testing.assert_close(output_jacobian(network, theta, x)[0], truth, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("loss", [SquaredError(), CrossEntropy()])
def test_a_perceptron_has_the_same_hessian_as_a_module(loss: Loss) -> None:
    """Assembled by hand and differentiated automatically: two ways that share no line."""
    mlp = Mlp((4, 5, 6, 3), "tanh", bias=True)
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    network = FunctionalModule(module)
    theta = mlp.init([1, 2], sigma_b=0.3)
    x, y = _problem(4, loss, members=2)
    _same(dense_hessian(network, theta, x, y, loss), dense_hessian(mlp, theta, x, y, loss))
    _same(dense_hessian(network, theta, x[0], y[0], loss), dense_hessian(mlp, theta, x[0], y[0], loss))
    own = output_jacobian(network, theta, x, shared=False)
    torch.testing.assert_close(own, output_jacobian(mlp, theta, x), rtol=1e-12, atol=1e-14)
    assert torch.equal(output_jacobian(network, theta, x[0])[0], own[0])


def test_what_is_linear_in_a_layer_has_no_residual_block_there() -> None:
    network, features = _module("convolutional with kinks")
    loss = SquaredError()
    residual = dense_hessian(network, network.theta, *_problem(features, loss), loss).residual[0]
    for name in ("8.weight", "8.bias", "6.weight"):
        assert not residual[network.layers[name], network.layers[name]].any()
    assert residual.any()
    linear, features = _module("linear")
    assert not dense_hessian(linear, linear.theta, *_problem(features, loss), loss).residual.any()


def test_at_interpolation_the_residual_part_is_exactly_zero() -> None:
    network, features = _module("smooth convolutional")
    x, _ = _problem(features, SquaredError())
    outputs = network.forward(network.theta, x)[0].detach()
    parts = dense_hessian(network, network.theta, x, outputs, SquaredError())
    assert not parts.residual.any()
    assert parts.gauss_newton.any()


@pytest.mark.parametrize("chunk", [1, 4, 9, 100])
def test_chunks_change_nothing_but_rounding(chunk: int) -> None:
    network, features = _module("smooth convolutional")
    loss = CrossEntropy()
    x, y = _problem(features, loss)
    whole = dense_hessian(network, network.theta, x, y, loss)
    _same(dense_hessian(network, network.theta, x, y, loss, chunk=chunk), whole, 1e-14)


def _one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_products, "_ROWS", 1)


def test_rows_in_a_block_are_rows_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    network, features = _module("smooth convolutional")
    loss = SquaredError()
    x, y = _problem(features, loss)
    in_blocks = dense_hessian(network, network.theta, x, y, loss)
    _one_by_one(monkeypatch)
    _same(in_blocks, dense_hessian(network, network.theta, x, y, loss), 1e-14)


def test_a_block_of_rows_that_torch_gets_wrong_is_taken_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    network, features = _module("smooth convolutional")
    loss = SquaredError()
    x, y = _problem(features, loss)
    rows, blocks = GraphCurvature.rows, []

    def wrong(self, number, cotangents, columns):  # type: ignore[no-untyped-def]
        blocks.append(len(cotangents))
        found = rows(self, number, cotangents, columns)
        return [piece if piece is None or len(cotangents) == 1 else 1.01 * piece for piece in found]

    monkeypatch.setattr(GraphCurvature, "rows", wrong)
    guarded = dense_hessian(network, network.theta, x, y, loss).total
    assert max(blocks) > 1
    _one_by_one(monkeypatch)
    blocks.clear()
    assert torch.equal(guarded, dense_hessian(network, network.theta, x, y, loss).total)
    assert max(blocks) == 1


def test_factors_that_torch_gets_wrong_are_replaced_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or that it does not have: a layer may lack batched derivatives."""
    network, features = _module("smooth convolutional")
    loss = CrossEntropy()
    x, y = _problem(features, loss)
    truth = dense_hessian(network, network.theta, x, y, loss)
    factors = example_jacobians.factors

    def wrong(*arguments):  # type: ignore[no-untyped-def]
        jacobian, inner = factors(*arguments)
        return 1.01 * jacobian, inner

    def missing(*arguments):  # type: ignore[no-untyped-def]
        raise RuntimeError("Batching rule not implemented")

    for replaced in (wrong, missing):
        for module in (dense_products, example_jacobians):
            monkeypatch.setattr(module, "factors", replaced)
        _same(dense_hessian(network, network.theta, x, y, loss), truth, 1e-14)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_chunks_halve_where_memory_runs_out(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    network, features = _module("smooth convolutional")
    loss = SquaredError()
    x, y = _problem(features, loss)
    whole, jacobian = dense_hessian(network, network.theta, x, y, loss), output_jacobian(network, network.theta, x)
    add, taken, room = dense_products._add_rows, [], 3
    differentiated = example_jacobians._jacobian

    def crowded(matrix, curvature, *others):  # type: ignore[no-untyped-def]
        add(matrix, curvature, *others)
        if len(curvature.outputs) > room:  # late, when half the work is done
            raise error
        taken.append(len(curvature.outputs))

    monkeypatch.setattr(dense_products, "_add_rows", crowded)
    _same(dense_hessian(network, network.theta, x, y, loss), whole, 1e-14)
    assert taken == [2, 2, 2, 2, 1]
    room = 0
    with pytest.raises(type(error)):
        dense_hessian(network, network.theta, x, y, loss)

    def narrow(row, point, x):  # type: ignore[no-untyped-def]
        if len(x) > 4:
            raise error
        return differentiated(row, point, x)

    monkeypatch.setattr(example_jacobians, "_jacobian", narrow)
    torch.testing.assert_close(output_jacobian(network, network.theta, x), jacobian, rtol=1e-13, atol=1e-15)
    room = 9
    _same(dense_hessian(network, network.theta, x, y, loss), whole, 1e-14)


def test_the_module_is_left_alone() -> None:
    module = _convolutional(nn.ReLU).double()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    network = FunctionalModule(module)
    loss = CrossEntropy()
    with torch.no_grad():
        dense_hessian(network, network.theta, *_problem(36, loss), loss)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_refused() -> None:
    network, features = _module("tied")
    x, y = _problem(features, SquaredError())
    theta = network.theta
    with pytest.raises(
        TypeError,
        match=r"network must be an Mlp or a FunctionalModule, got Linear: take FunctionalModule\(module\), "
        r"or HessianOperator\(module, loss, \(x, y\)\)\.dense\(\)\.$",
    ):
        dense_hessian(nn.Linear(4, 3), theta, x, y, SquaredError())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="network must be an Mlp or a FunctionalModule, got Linear"):
        output_jacobian(nn.Linear(4, 3), theta, x)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"theta and x must not be empty, got shapes \(1, 29\) and \(0, 4\)"):
        output_jacobian(network, theta[:, :29], x[:0])
    rows = FunctionalModule(nn.Sequential(nn.Linear(4, 4), nn.Unflatten(1, (2, 2))).double())
    with pytest.raises(ValueError, match=r"network must give one row of outputs per example, got \(1, 2, 2\)"):
        output_jacobian(rows, rows.theta, x)
    with pytest.raises(ValueError, match="chunk must be an integer >= 1, got 0"):
        dense_hessian(network, theta, x, y, SquaredError(), chunk=0)
