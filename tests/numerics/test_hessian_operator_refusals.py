"""Models, losses and data that have no Hessian by products: one sentence each, which says why."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, dropout, mse_loss
from torch.utils.data import TensorDataset

from numerics import CrossEntropy, HessianOperator, Mlp, SquaredError
from numerics.curvature.batch_curvature import PerceptronCurvature


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _filled(module: nn.Module) -> nn.Module:
    """In float64 and eval mode, with parameters that are no special values."""
    size = sum(parameter.numel() for parameter in module.double().parameters())
    nn.utils.vector_to_parameters(_normal(size, seed=3), module.parameters())
    return module.eval()


def _labels(count: int, classes: int) -> torch.Tensor:
    return torch.randint(classes, (count,), generator=torch.Generator().manual_seed(5))


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


def _stretching_mean(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """What MSELoss does with targets of another shape, without its warning."""
    return (outputs - targets).square().mean()


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
        r"loss must be a mean over examples, but for 20 of them it is .* and the mean over the two halves is .*, "
        r"for it is their sum: use reduction='mean'\.$",
    ),
    "sum of single examples": (
        lambda: _build(loss=nn.MSELoss(reduction="sum"), data=list(zip(X.split(1), Y.split(1), strict=True))),
        ValueError,
        r"loss must be a mean over examples, but for 2 of them",
    ),
    "stretched targets": (
        lambda: _build(model=_filled(nn.Linear(3, 1)), loss=_stretching_mean, data=(X, Y[:, 0])),
        ValueError,
        r"targets must have the shape of the outputs, \(20, 1\), got \(20,\): the loss compares them as \(20, 20\)",
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
        PerceptronCurvature(operator._problem, X, Y, part="hessian", places=operator.layers)
    with pytest.raises(TypeError, match=r"model must be an Mlp with one of this floor's losses"):
        operator._assembled()
