"""Model, parameters, loss and data of which a curvature is wanted: what has to be true of them, verified once.

The loss is a mean over examples, so that batches may be weighted by their size, and loss and data are the same at every
pass, since each product is one. Both are verified by running the model, not taken on trust.
"""

import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from numerics.arguments import checked_finite, checked_tensors
from numerics.curvature.memory_limits import ran_out_of_memory
from numerics.functional_module import FunctionalModule, Network
from numerics.losses import Loss
from numerics.networks import Mlp

LossFunction = Loss | Callable[[Tensor, Tensor], Tensor]
Batch = tuple[Tensor, Tensor]
Data = Batch | Iterable[Batch]


@dataclass(frozen=True)
class Passed:
    """What one pass over the data has found.

    Attributes:
        examples: Their number.
        largest: Examples in the largest batch.
        loss: The loss.
        gradient: Its gradient with respect to all parameters.
        checksums: For each batch its first example's number and a checksum of inputs and targets.
    """

    examples: int
    largest: int
    loss: float
    gradient: Float[Tensor, " parameters"]
    checksums: tuple[tuple[int, int], ...]


class TrainingProblem:
    """A model, its parameters, a loss and data that fit together.

    Args:
        model: A module, whose parameters are those of today, a FunctionalModule or an Mlp.
        loss: One of this floor's losses, or any function (outputs, targets) -> scalar that is a mean over examples.
        data: Inputs and targets, or something that gives batches of them, the same at every pass.
        theta: The parameters, (parameters,) or (1, parameters); today's if None, which an Mlp does not have.

    Raises:
        TypeError: If one of them is nothing of that kind.
        ValueError: If the parameters do not fit or are not finite, or the data can be read only once.
    """

    def __init__(self, model: nn.Module | Network, loss: LossFunction, data: Data, theta: Tensor | None) -> None:
        if not isinstance(model, nn.Module | FunctionalModule | Mlp):
            raise TypeError(f"model must be a torch.nn.Module, FunctionalModule or Mlp, got {type(model).__name__}.")
        self.network: Network = FunctionalModule(model) if isinstance(model, nn.Module) else model
        if isinstance(loss, type) or not (isinstance(loss, Loss) or callable(loss)):
            raise TypeError(f"loss must be a loss such as SquaredError() or a function of two tensors, got {loss!r}.")
        self.loss = loss
        self.theta = self._checked_theta(theta)
        self.data = data
        self.paired = isinstance(data, tuple | list) and len(data) == 2 and all(isinstance(d, Tensor) for d in data)
        if isinstance(data, Tensor) or not (hasattr(data, "__iter__") or hasattr(data, "__getitem__")):
            raise TypeError(f"data must be (x, y) or give batches (x, y), got {type(data).__name__}.")
        if hasattr(data, "__next__"):
            raise ValueError(
                f"data must be readable again and again, but a {type(data).__name__} is used up by one pass: "
                f"give a list or a loader."
            )

    @property
    def analytic(self) -> bool:
        """Whether layers and loss have derivatives by hand."""
        return isinstance(self.network, Mlp) and isinstance(self.loss, Loss)

    def batches(self, chunk: int | None = None, expected: int | None = None) -> Iterator[Batch]:
        """The data, in batches of at most ``chunk`` examples.

        Args:
            chunk: Examples in a batch, at most.
            expected: Their number in all, if it is known.

        Raises:
            TypeError: If a batch is not a pair of tensors.
            ValueError: If a batch is empty, its two halves differ in length, one does not have the parameters' dtype
                and device, or there are more or fewer examples than expected.
        """
        examples = 0
        source = [self.data] if self.paired else self.data
        for number, batch in enumerate(source):
            x, y = self._checked_batch(f"batch {number}", batch)
            examples += len(x)
            step = len(x) if chunk is None else chunk
            for start in range(0, len(x), step):
                yield x[start : start + step], y[start : start + step]
        if expected is not None and examples != expected:
            raise ValueError(f"data must be the same at every pass, but {expected} examples became {examples}.")

    def outputs(self, theta: Float[Tensor, " parameters"], x: Tensor) -> Float[Tensor, "batch ..."]:
        """The outputs of one batch."""
        with differentiable_twice():
            return self.network.forward(theta.unsqueeze(0), x).squeeze(0)

    def leaves(self, names: Iterable[str]) -> list[Tensor]:
        """Copies of some parameters, by name, that may be differentiated: in the module's shapes, flat for an Mlp."""
        with differentiable_twice():
            pieces = {name: self.theta[self.network.layers[name]].clone() for name in names}
            shaped = pieces if isinstance(self.network, Mlp) else self.network.shaped(pieces)
            return [piece.requires_grad_() for piece in shaped.values()]

    def outputs_through(self, leaves: Mapping[str, Tensor], x: Tensor) -> Float[Tensor, "batch ..."]:
        """The outputs of one batch with some parameters, by name, taken from ``leaves``: only they are differentiated.

        Args:
            leaves: The chosen parameters, in the shapes that ``leaves`` gives them.
            x: Inputs.
        """
        places = self.network.layers.items()
        others = {name: self.theta[place] for name, place in places if name not in leaves}
        with differentiable_twice():
            if isinstance(self.network, Mlp):
                flat = [leaves[name] if name in leaves else others[name] for name, _ in places]
                return self.network.forward(torch.cat(flat).unsqueeze(0), x).squeeze(0)
            return self.network.call({**self.network.shaped(others), **leaves}, x)

    def value(self, outputs: Float[Tensor, "batch ..."], y: Tensor) -> Float[Tensor, ""]:
        """The loss of one batch.

        Raises:
            TypeError: If a loss of one's own does not return a tensor.
            ValueError: If it returns more than one number, or one that cannot be differentiated.
        """
        if isinstance(self.loss, Loss):
            return self.loss.value(outputs[None], y)[0]
        value = self.loss(outputs, y)
        if not isinstance(value, Tensor):
            raise TypeError(f"loss must return a tensor, got {type(value).__name__}.")
        if value.ndim:
            raise ValueError(f"loss must return one number, the mean over examples, got shape {tuple(value.shape)}.")
        if outputs.requires_grad and not value.requires_grad:
            raise ValueError("loss must be differentiable in the outputs, but what it returns does not depend on them.")
        return value

    def _checked_theta(self, theta: Tensor | None) -> Float[Tensor, " parameters"]:
        if theta is None:
            if isinstance(self.network, Mlp):
                raise ValueError("theta must be given with an Mlp, which has no parameters of its own.")
            return self.network.theta[0]
        checked_tensors(theta=theta)
        size = self.network.parameters
        if theta.shape not in ((size,), (1, size)):
            raise ValueError(f"theta must have shape ({size},) or (1, {size}), got {tuple(theta.shape)}.")
        checked_finite(theta=theta)
        return theta.detach().reshape(size).clone()

    def _checked_batch(self, name: str, batch: object) -> Batch:
        if not isinstance(batch, tuple | list) or len(batch) != 2 or not all(isinstance(d, Tensor) for d in batch):
            raise TypeError(f"data must give batches (x, y) of two tensors, but {name} is a {type(batch).__name__}.")
        x, y = (tensor.clone() if tensor.is_inference() else tensor.detach() for tensor in batch)
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise ValueError(
                f"data must have one target per example along the first axis, but x and y of {name} have shapes "
                f"{tuple(x.shape)} and {tuple(y.shape)}."
            )
        if not x.numel():
            raise ValueError(f"data must not be empty, but x of {name} has shape {tuple(x.shape)}.")
        for one, tensor in (("x", x), ("y", y)):
            if tensor.device != self.theta.device or (tensor.is_floating_point() and tensor.dtype != self.theta.dtype):
                raise ValueError(
                    f"data must have the parameters' dtype and device, {self.theta.dtype} on {self.theta.device}, "
                    f"but {one} of {name} is {tensor.dtype} on {tensor.device}."
                )
        return x, y


def differentiable_twice() -> AbstractContextManager[object]:
    """A context in which gradients are recorded, and attention is computed by formulas that have second derivatives."""
    stack = ExitStack()
    stack.enter_context(torch.inference_mode(False))
    stack.enter_context(torch.enable_grad())
    stack.enter_context(sdpa_kernel(SDPBackend.MATH))
    return stack


@torch.inference_mode(False)
def first_batch(problem: TrainingProblem, examples: int) -> Batch:
    """The first few examples, on which the model has been run.

    Raises:
        TypeError: If a batch or what the loss returns is nothing of the kind.
        ValueError: If there are no data, the batch does not fit the model, or the loss is not finite.
    """
    batch = next(problem.batches(examples), None)
    if batch is None:
        raise ValueError("data must hold at least one batch, got none.")
    _slope(problem, problem.theta.clone().requires_grad_(), *batch, 0)
    return batch


def one_pass(problem: TrainingProblem, chunk: int) -> Passed:
    """Loss, gradient and checksums of the data by one pass over them, ``chunk`` examples at a time.

    Raises:
        TypeError: If a batch or what the loss returns is nothing of the kind.
        ValueError: If a batch does not fit the model, or the loss is not finite.
    """
    theta = problem.theta.clone().requires_grad_()
    gradient, loss = torch.zeros_like(problem.theta), problem.theta.new_zeros((), dtype=torch.float64)
    examples, largest, checksums = 0, 0, []
    for x, y in problem.batches(chunk):
        value, slope = _slope(problem, theta, x, y, examples)
        loss += value.double() * len(x)
        gradient.add_(slope, alpha=len(x))
        checksums.append((examples, 0 if problem.paired else zlib.crc32(_bytes(y), zlib.crc32(_bytes(x)))))
        examples, largest = examples + len(x), max(largest, len(x))
    return Passed(examples, largest, float(loss) / examples, gradient / examples, tuple(checksums))


@torch.inference_mode(False)
def verified(problem: TrainingProblem, chunk: int) -> Passed:
    """Two passes over the data that must agree, and a loss that must be a mean over examples.

    What is known beforehand is not measured: tensors do not change between passes, and the losses and perceptrons of
    this floor are deterministic means.

    Raises:
        TypeError: If a batch or what the loss returns is nothing of the kind.
        ValueError: If the data, the model or the loss is not what it has to be.
    """
    first = one_pass(problem, chunk)
    if problem.analytic and problem.paired:
        return first
    second = one_pass(problem, chunk)
    if first.checksums != second.checksums:
        changes = (one for one, other in zip(first.checksums, second.checksums, strict=False) if one != other)
        changed = next(changes, None)
        where = f"{first.examples} examples became {second.examples}"
        if changed is not None:
            where = f"the batch of example {changed[0]} was another one the second time"
        raise ValueError(f"data must be the same at every pass, but {where}: the loader shuffles or augments.")
    if not problem.analytic:
        tolerance = torch.finfo(problem.theta.dtype).eps ** 0.5
        scale = max(abs(first.loss), abs(second.loss), float(first.gradient.norm()))
        change = max(abs(first.loss - second.loss), float((first.gradient - second.gradient).norm()))
        if change > tolerance * scale:
            raise ValueError(
                f"model and loss must be deterministic, but two passes over the same data change loss or gradient by "
                f"{change:.1e}: is dropout active in it?"
            )
        _refuse_other_than_mean(problem, chunk, tolerance)
    return first


def matching_names(patterns: str | tuple[str, ...] | list[str] | None, names: list[str]) -> list[str]:
    """The names, in order, that fit one of the patterns such as "0.*"; all without any.

    Raises:
        TypeError: If a pattern is no text.
        ValueError: If there are no patterns, or one fits no name.
    """
    if patterns is None:
        return names
    asked = [patterns] if isinstance(patterns, str) else list(patterns)
    if not asked:
        raise ValueError(f"parameters must name at least one of {', '.join(names)}, got none.")
    for pattern in asked:
        if not isinstance(pattern, str):
            raise TypeError(f"parameters must be names or patterns, got {type(pattern).__name__}.")
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ValueError(f"parameters must name some of {', '.join(names)}, got {pattern!r}.")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in asked)]


def _slope(problem: TrainingProblem, theta: Tensor, x: Tensor, y: Tensor, start: int) -> tuple[Tensor, Tensor]:
    """Loss and gradient of one batch, refused in one sentence if the model cannot take it."""
    examples = f"examples {start}..{start + len(x) - 1}"
    with differentiable_twice():
        try:
            outputs = problem.outputs(theta, x)
        except (RuntimeError, IndexError) as error:
            if ran_out_of_memory(error):
                raise
            raise ValueError(f"data must be what the model takes, but x of {tuple(x.shape)} fails: {error}") from error
        if outputs.ndim == 0 or len(outputs) != len(x):
            raise ValueError(
                f"model must return one row of outputs per example, got {tuple(outputs.shape)} for {len(x)} examples."
            )
        try:
            value = problem.value(outputs, y)
        except (RuntimeError, IndexError) as error:
            if ran_out_of_memory(error):
                raise
            shapes = f"outputs {tuple(outputs.shape)} and targets {tuple(y.shape)}"
            raise ValueError(f"loss must take outputs and targets, but {shapes} fail: {error}") from error
        if not bool(value.isfinite()):
            raise ValueError(f"loss must be finite, but {examples} give {float(value.detach())}.")
        if not value.requires_grad:
            raise ValueError("model's outputs must depend on its trainable parameters, but they do not.")
        (slope,) = torch.autograd.grad(value, theta)
    if not bool(slope.isfinite().all()):
        raise ValueError(f"loss must have a finite gradient, but that of {examples} overflows.")
    return value.detach(), slope


def _refuse_other_than_mean(problem: TrainingProblem, chunk: int, tolerance: float) -> None:
    """Compare the loss of a batch, and its derivative by the outputs, with those of its two halves."""
    batches = problem.batches(min(chunk, 1024))
    x, y = next(batches)
    if len(x) == 1:
        pair = [(x, y), *itertools.islice(batches, 1)]
        x, y = torch.cat([one for one, _ in pair]), torch.cat([one for _, one in pair])
    middle, examples = len(x) // 2, len(x)
    if not middle:
        return
    with differentiable_twice():
        parts = [slice(0, middle), slice(middle, examples)]
        outputs = problem.outputs(problem.theta, x).detach()
        apart = torch.cat([problem.outputs(problem.theta, x[part]).detach() for part in parts])
        if float((outputs - apart).norm()) > tolerance * float(outputs.norm()):
            raise ValueError(
                "model must treat each example by itself, but its outputs for half a batch are not those for all of it."
            )
        values, slopes = [], []
        for part in [slice(0, examples), *parts]:
            point = outputs[part].clone().requires_grad_()
            value = problem.value(point, y[part])
            values.append(value.detach() * len(point) / examples)
            slopes.append(torch.autograd.grad(value, point)[0] * len(point) / examples)
    skew = float((values[0] - values[1] - values[2]).abs()) / (float(values[0].abs()) or 1.0)
    bent = float((slopes[0] - torch.cat(slopes[1:])).norm()) / (float(slopes[0].norm()) or 1.0)
    if max(skew, bent) > tolerance:
        raise ValueError(
            f"loss must be a mean over examples, but for {examples} of them it is {float(values[0]):.6g} and the mean "
            f"over the two halves is {float(values[1] + values[2]):.6g}."
        )


def _bytes(tensor: Tensor) -> memoryview:
    """The numbers of a tensor as they lie in memory, on the CPU."""
    flat = tensor.detach().cpu().contiguous().flatten()
    return flat.view(torch.uint8).numpy().data
