"""What an operator finds out about model, loss and data by running them, and what it leaves as it was."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, dropout, mse_loss
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

from numerics import CrossEntropy, FunctionalModule, HessianOperator, dense_hessian
from numerics.curvature.training_problem import TrainingProblem
from numerics.curvature.verification import refuse_wrong_derivatives


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _filled(module: nn.Module, seed: int = 3) -> nn.Module:
    """In float64 and eval mode, with parameters that are no special values."""
    size = sum(parameter.numel() for parameter in module.double().parameters())
    nn.utils.vector_to_parameters(_normal(size, seed=seed), module.parameters())
    return module.eval()


def _net() -> nn.Module:
    return _filled(nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)))


X, LABELS = _normal(12, 5, seed=1), torch.arange(12) % 3
NET = _net()


class Layer(nn.Module):
    """A linear layer followed by any function of its outputs and of a buffer that counts the calls."""

    def __init__(self, then: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.inner, self.then = nn.Linear(5, 3), then
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.add_(1)
        return self.then(self.inner(x), self.calls)


class Scaled(nn.Module):
    """Logits over a temperature, which is a parameter without axes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.temperature = nn.Linear(5, 3), nn.Parameter(torch.tensor(2.0))
        self.nothing = nn.Parameter(torch.zeros(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) / self.temperature + self.nothing.sum()


class Detached(torch.autograd.Function):
    """tanh whose derivative takes its own value for a constant."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, x: torch.Tensor) -> torch.Tensor:
        context.value = x.tanh()
        return context.value.clone()

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, pull: torch.Tensor) -> torch.Tensor:
        return pull * (1 - context.value.detach() ** 2)


class Apply(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.inner, self.outer, self.reentrant = nn.Linear(5, 4), nn.Linear(4, 3), reentrant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = checkpoint(lambda x: self.inner(x).tanh(), x, use_reentrant=self.reentrant)
        return self.outer(hidden)


class Words(nn.Module):
    def __init__(self, sparse: bool) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(6, 4, sparse=sparse), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.words(x).mean(1).tanh())


class SquaredReLU(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.relu().square()


def _raises(error: Exception) -> Callable[..., torch.Tensor]:
    def fail(*_: object) -> torch.Tensor:
        raise error

    return fail


IGNORED = LABELS.clone()
IGNORED[8:10] = -100
WEIGHTED = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 20.0]).double())
SORTED = LABELS.sort().values


@pytest.mark.parametrize("chunk", [None, 1, 4, 5])
@pytest.mark.parametrize("batch", [1, 4, 12])
def test_a_loss_that_is_no_mean_is_found_in_any_batch_and_across_batches(chunk: int | None, batch: int) -> None:
    for loss, labels in ((cross_entropy, IGNORED), (WEIGHTED, SORTED), (WEIGHTED, LABELS)):
        data = list(zip(X.split(batch), labels.split(batch), strict=True))
        with pytest.raises(ValueError, match=r"loss must be (a mean over examples, but for \d+ of them|finite)"):
            HessianOperator(NET, loss, data, chunk=chunk)


@pytest.mark.parametrize("mixing", [1.0, 1e-6])
@pytest.mark.parametrize("chunk", [None, 1, 5])
def test_a_model_that_mixes_examples_is_found_in_any_batch(mixing: float, chunk: int | None) -> None:
    def mixed(outputs: torch.Tensor, calls: torch.Tensor) -> torch.Tensor:
        return outputs + mixing * (outputs.roll(1, 0) if len(outputs) > 1 else 0.0)

    model = _filled(Layer(mixed))
    with pytest.raises(ValueError, match=r"model must treat each example by itself"):
        HessianOperator(model, cross_entropy, (X, LABELS), chunk=chunk)


def test_a_random_loss_is_told_from_one_that_is_no_mean() -> None:
    with pytest.raises(ValueError, match=r"must be deterministic, but two passes .* change the loss by"):
        HessianOperator(NET, lambda o, y: cross_entropy(dropout(o, 0.5), y), (X, LABELS))


def test_parameters_without_axes_or_numbers_have_their_rows() -> None:
    model = _filled(Scaled())
    operator = HessianOperator(model, cross_entropy, (X, LABELS))
    everything = operator @ torch.eye(operator.size).double()
    view = FunctionalModule(model)

    def loss(theta: torch.Tensor) -> torch.Tensor:
        return cross_entropy(view.forward(theta[None], X)[0], LABELS)

    expected = torch.autograd.functional.hessian(loss, view.theta[0])
    for found in (everything, operator.dense(), dense_hessian(view, view.theta, X, LABELS, CrossEntropy()).total[0]):
        assert torch.allclose(found, expected, rtol=1e-10, atol=1e-13)
    alone = operator.restricted("temperature")
    assert torch.allclose(alone.dense(), expected[:1, :1] * 0 + alone @ torch.ones(1, 1).double())
    with pytest.raises(ValueError, match=r"parameters must hold at least one number, but nothing are empty"):
        operator.restricted("nothing")


def test_autocast_around_the_operator_changes_nothing() -> None:
    model, x = _net().float(), X.float()
    unit = torch.eye(39)
    plain = HessianOperator(model, cross_entropy, (x, LABELS))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        operator = HessianOperator(model, cross_entropy, (x, LABELS))
        product, matrix, again = operator @ unit, operator.dense(), plain @ unit
    assert torch.equal(product, plain @ unit)
    assert torch.equal(again, plain @ unit)
    assert torch.equal(matrix, plain.dense())
    assert operator.loss() == plain.loss()


@pytest.mark.parametrize("memory", [1, 2**30])
def test_data_that_model_and_loss_change_in_place_stay_as_they_were(memory: int) -> None:
    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        outputs.mul_(0.5)
        return mse_loss(outputs, targets.mul_(0.5).clamp_(max=0.1))

    model = _filled(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(5, 3)))
    x, y = X.clone(), _normal(12, 3, seed=2)
    operator = HessianOperator(model, loss, (x, y), memory=memory)
    expected = HessianOperator(model[1], lambda o, t: 0.25 * mse_loss(o, t), (X.relu(), y)).dense()
    for part in ("hessian", "gauss_newton"):
        one = operator.with_part(part)
        assert torch.allclose(one.dense(), expected, rtol=1e-12, atol=1e-14)
        assert torch.allclose(one @ torch.eye(18).double(), expected, rtol=1e-12, atol=1e-14)
    assert torch.equal(x, X)
    assert torch.equal(y, _normal(12, 3, seed=2))


def test_buffers_that_change_in_a_forward_do_not_drift_from_product_to_product() -> None:
    model = _filled(Layer(lambda outputs, calls: outputs * (1.0 + calls)))
    operator = HessianOperator(model, cross_entropy, (X, LABELS), memory=1)
    vector = torch.ones(18).double()
    expected = 4 * HessianOperator(model.inner, lambda o, y: cross_entropy(2 * o, y) / 4, (X, LABELS)).dense() @ vector
    for _ in range(5):
        assert torch.allclose(operator @ vector, expected, rtol=1e-12)
    assert int(model.calls) == 0


@pytest.mark.parametrize("kind", ["function", "checkpoint"])
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_derivatives_that_are_symmetric_and_wrong_are_refused(kind: str) -> None:
    layers = nn.Sequential(nn.Linear(5, 4), Apply(Detached.apply), nn.Linear(4, 3))
    model = _filled(layers if kind == "function" else Checkpointed(reentrant=True))
    with pytest.raises(ValueError, match=r"right second derivatives, but a product misses the change of the gradient"):
        HessianOperator(model, cross_entropy, (X, LABELS))
    if kind == "function":
        view = FunctionalModule(model)
        with pytest.raises(ValueError, match=r"right second derivatives"):
            dense_hessian(view, view.theta, X, LABELS, CrossEntropy())


@pytest.mark.parametrize(
    "activation",
    [nn.ReLU(), nn.LeakyReLU(), nn.ELU(), nn.PReLU(), nn.Hardtanh(), nn.Hardswish(), SquaredReLU()],
    ids=str,
)
def test_a_kink_is_no_wrong_derivative(activation: nn.Module) -> None:
    """Blank images and biases of 0 put units exactly on their kinks, where differences never agree."""
    for seed in range(8):
        blank = seed % 2 == 0
        layers = [nn.Conv2d(1, 3, 3, padding=1), activation, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 5)]
        model = _filled(nn.Sequential(*layers, activation, nn.Linear(5, 3)), seed)
        images, targets = _normal(8, 1, 4, 4, seed=seed), _normal(8, 3, seed=seed).sign()
        if blank:
            images[:, :, :3] = 0.0
            for layer in (model[0], model[4], model[6]):
                nn.init.zeros_(layer.bias)
        for loss in (mse_loss, nn.HuberLoss(), nn.SmoothL1Loss(beta=0.5)):
            refuse_wrong_derivatives(TrainingProblem(model, loss, (images, targets), None), 8)


def test_a_word_that_is_padding_is_no_hidden_dependence() -> None:
    """Torch holds its vector constant, though the outputs depend on it."""
    model = _filled(Words(sparse=False))
    model.words.padding_idx = 0
    words = torch.arange(48).reshape(12, 4) % 6
    matrix = HessianOperator(model, cross_entropy, (words, LABELS)).dense()
    assert not matrix[:4].any()
    assert matrix[4:].any(1).all()
    tied = nn.Sequential(nn.Embedding(6, 5, padding_idx=0), nn.Tanh(), nn.Flatten(0, 1), nn.Linear(5, 6, bias=False))
    tied[3].weight = tied[0].weight
    HessianOperator(_filled(tied), cross_entropy, (words[:, :1], words[:, 1]))


def test_differences_beyond_the_edge_of_a_loss_are_not_held_against_it() -> None:
    edge = nn.Linear(1, 1, bias=False).double()
    nn.init.ones_(edge.weight)
    ones = torch.ones(2, 1).double()

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.where(outputs > 1, torch.inf, outputs.square()).mean()

    problem = TrainingProblem(edge, loss, (ones, ones), None)
    refuse_wrong_derivatives(problem, 2)


def test_a_sparse_embedding_is_differentiated_like_a_dense_one() -> None:
    words = torch.randint(0, 6, (12, 4), generator=torch.Generator().manual_seed(0))
    dense, sparse = (
        HessianOperator(_filled(Words(kind)), cross_entropy, (words, LABELS)).dense() for kind in (False, True)
    )
    assert torch.equal(dense, sparse)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_tiny_and_huge_losses_scale_the_matrix(scale: float) -> None:
    plain = HessianOperator(NET, cross_entropy, (X, LABELS)).dense()
    operator = HessianOperator(NET, lambda o, y: scale * cross_entropy(o, y), (X, LABELS))
    assert torch.allclose(operator.dense() / scale, plain, rtol=1e-9, atol=1e-14)
    assert torch.allclose((operator @ torch.eye(39).double()) / scale, plain, rtol=1e-9, atol=1e-14)
    with pytest.raises(ValueError, match=r"loss must be a mean over examples"):
        HessianOperator(NET, lambda o, y: scale * cross_entropy(o, y, reduction="sum"), (X, LABELS))


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "checkpoint": (
        lambda: HessianOperator(_filled(Checkpointed(reentrant=False)), cross_entropy, (X, LABELS)),
        ValueError,
        r"model must keep what its layers compute, but it checkpoints some: switch checkpointing off",
    ),
    "nan": (
        lambda: HessianOperator(
            _filled(nn.Linear(5, 3)), lambda o, y: (o - 1 * o.detach()).abs().pow(1.5).mean(), (X, LABELS)
        ),
        ValueError,
        r"must have finite second derivatives, but a product holds NaN or infinity",
    ),
    "underflow": (
        lambda: HessianOperator(NET, lambda o, y: 1e-300 * cross_entropy(o, y), (X, LABELS)),
        ValueError,
        r"loss must have second derivatives that torch.float64 can hold, but the largest .*: multiply the loss",
    ),
    "complex": (
        lambda: HessianOperator(NET, lambda o, y: (o + 0j).mean(), (X, LABELS)),
        ValueError,
        r"loss must return a real number, got torch.complex128",
    ),
    "sparse": (
        lambda: HessianOperator(NET, cross_entropy, (X.to_sparse(), LABELS)),
        ValueError,
        r"data must be dense tensors, but x of batch 0 is torch.sparse_coo",
    ),
    "single examples": (
        lambda: HessianOperator(_filled(nn.Linear(6, 6)), mse_loss, TensorDataset(_normal(7, 6), _normal(7, 6))),
        ValueError,
        r"x of \(3,\) fails: .*: a Dataset gives single examples, a DataLoader of it batches",
    ),
    "parameters": (
        lambda: HessianOperator(NET, cross_entropy, (X, LABELS), parameters=3),
        TypeError,
        r"parameters must be names or patterns, got int",
    ),
    **{
        f"{type(error).__name__} of the {part}": (build, ValueError, message)
        for error in (KeyError("a"), AssertionError("a"), TypeError("a"), ValueError("a"), NotImplementedError("a"))
        for part, build, message in (
            (
                "model",
                lambda error=error: HessianOperator(_filled(Layer(_raises(error))), cross_entropy, (X, LABELS)),
                r"(module must take x of shape|data must be what the model takes, but x of) \(12, 5\).* fails: .*a",
            ),
            (
                "loss",
                lambda error=error: HessianOperator(NET, _raises(error), (X, LABELS)),
                r"loss must take outputs and targets, but outputs \(12, 3\) and targets \(12,\) fail: .*a",
            ),
        )
    },
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_run_is_refused_in_one_sentence(name: str) -> None:
    attempt, error, message = REFUSED[name]
    with pytest.raises(error, match=message) as caught:
        attempt()
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_module_is_refused() -> None:
    with pytest.raises(ValueError, match=r"module must be one of Python, but RecursiveScriptModule is compiled"):
        HessianOperator(torch.jit.script(nn.Linear(5, 3).double()), cross_entropy, (X, LABELS))


@pytest.mark.parametrize("listed", [False, True])
def test_data_changed_in_place_after_the_construction_are_refused(listed: bool) -> None:
    x = X.clone()
    operator = HessianOperator(NET, cross_entropy, [(x, LABELS)] if listed else (x, LABELS))
    operator @ torch.ones(39).double()
    x.mul_(2)
    for attempt in (lambda: operator @ torch.ones(39).double(), operator.dense):
        with pytest.raises(ValueError, match=r"data must stay as they were .*, but one of its tensors was changed"):
            attempt()


@pytest.mark.parametrize("memory", [1, 2**30])
def test_no_global_random_number_is_used_up(memory: int) -> None:
    random = _filled(Layer(lambda outputs, calls: dropout(outputs, 0.5)))
    loader = DataLoader(TensorDataset(X, LABELS), batch_size=5)
    before = torch.random.get_rng_state()
    with pytest.raises(ValueError, match=r"must be deterministic"):
        HessianOperator(random, cross_entropy, (X, LABELS), memory=memory)
    operator = HessianOperator(NET, cross_entropy, loader, memory=memory)
    operator @ torch.ones(39).double()
    operator.with_part("gauss_newton").dense()
    assert torch.equal(torch.random.get_rng_state(), before)
