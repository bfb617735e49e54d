"""Model, loss and data of a curvature, verified by running them, not taken on trust.

Two passes over the data. The first takes each batch whole and compares the loss of its outputs with the mean over two
parts of them, and the loss of two batches with the mean over both: a loss that is no mean over examples would make the
curvature depend on how the data are cut. The second takes each batch in two halves, so that a model which mixes
examples, is random, or meets other data gives itself away.

Torch's second derivatives are not taken on trust either: one product is compared with differences of the gradient.
"""

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.data import Dataset

from numerics.curvature.batch_curvature import GraphCurvature, second_derivatives
from numerics.curvature.memory_limits import ran_out_of_memory
from numerics.curvature.training_problem import Batch, TrainingProblem, differentiable_twice, said
from numerics.functional_module import FunctionalModule

_COMPARED = 8  # examples whose product is compared with differences: few kinks lie near few examples
_STEPS = (1e-7, 1e-8)  # of such a difference, relative to the parameters
_MISFIT = 0.05  # of a product, beyond which torch has a derivative wrong


@dataclass(frozen=True)
class _Seen:
    """One batch of the first pass: its first example, checksum of inputs and targets, and a sum over its outputs."""

    start: int
    checksum: int
    sketch: complex


@dataclass(frozen=True)
class Passed:
    """What one pass over the data has found.

    Attributes:
        examples: Their number.
        largest: Examples in the largest batch.
        loss: The loss.
        gradient: Its gradient with respect to all parameters.
    """

    examples: int
    largest: int
    loss: float
    gradient: Float[Tensor, " parameters"]


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


@torch.inference_mode(False)
def verified(problem: TrainingProblem, chunk: int) -> Passed:
    """Loss and gradient by two passes over the data that must agree, with a loss that must be a mean over examples.

    What is known beforehand is not measured: tensors do not change between passes, and the losses and perceptrons of
    this floor are deterministic means.

    Raises:
        TypeError: If a batch or what the loss returns is nothing of the kind.
        ValueError: If the data, the model or the loss is not what it has to be.
    """
    first, seen = _whole_batches(problem, chunk)
    if problem.analytic and problem.paired:
        return first
    second = _halved_batches(problem, chunk, first.examples, seen)
    if not problem.analytic:
        scale = max(abs(first.loss), abs(second.loss), float(first.gradient.norm()))
        change = max(abs(first.loss - second.loss), float((first.gradient - second.gradient).norm()))
        if change > _tolerance(problem) * scale:
            raise ValueError(_random(change, "loss or gradient"))
    return first


@torch.inference_mode(False)
def refuse_wrong_derivatives(problem: TrainingProblem, examples: int) -> None:
    """Compare the Hessian of a few examples, times one vector, with differences of their gradient.

    A custom backward that detaches what depends on the parameters, or a checkpoint that cuts the graph, gives products
    that may be symmetric and wrong. Kinks are no such thing: there differences forwards and backwards, or over two
    steps, differ from each other as much as from the product, and nothing is refused. In float32, where differences
    are too coarse, nothing is compared.

    Args:
        problem: The problem.
        examples: How many fit into memory; at most 8 are taken.

    Raises:
        ValueError: If all differences agree with each other and not with the product.
    """
    theta = problem.theta
    if problem.analytic or theta.dtype != torch.float64:
        return
    x, y = first_batch(problem, min(examples, _COMPARED))
    with second_derivatives():
        curvature = GraphCurvature(problem, x, y, part="hessian", places=problem.network.layers)
        draws = torch.randn(len(theta), generator=torch.Generator().manual_seed(0), dtype=theta.dtype, device="cpu")
        direction = draws.to(theta.device)
        product = curvature.product(direction[None])[0]

    def gradient(point: Tensor) -> Tensor:
        return _slope(problem, point.requires_grad_(), x, y, 0)[2]

    here = gradient(theta.clone())
    direction[_constant_rows(curvature, here, product)] = 0.0
    for place in _padding(problem):
        direction[place] = 0.0
    direction *= (float(theta.norm()) or 1.0) / (float(direction.norm()) or 1.0)
    with second_derivatives():
        product = curvature.product(direction[None])[0]
    found = []
    for step in (sign * size for size in _STEPS for sign in (1.0, -1.0)):
        try:
            found.append((gradient(theta + step * direction) - here) / step)
        except ValueError:  # at the edge of where the loss is finite
            return
    spread = max(_distance(one, other) for one in found for other in found)
    misfit = min(_distance(one, product) for one in found)
    scale = max(_distance(one, torch.zeros_like(one)) for one in [product, *found])
    if misfit > max(_MISFIT * scale, 10 * spread):
        raise ValueError(
            f"model and loss must have right second derivatives, but a product misses the change of the gradient by "
            f"{misfit / scale:.0%}: does a custom backward, a checkpoint or a detach() hide a dependence?"
        )


def _constant_rows(curvature: GraphCurvature, gradient: Tensor, product: Tensor) -> Tensor:
    """Entries of rows that have no derivatives where other rows of their parameter have: a word that is padding."""
    still = torch.split((gradient == 0) & (product == 0), [leaf.numel() for leaf in curvature.leaves])
    found = []
    for one, leaf in zip(still, curvature.leaves, strict=True):
        rows = one.reshape(len(leaf), -1).all(1) if leaf.ndim > 1 and leaf.numel() else one.new_zeros(1)
        found.append((rows & ~rows.all())[:, None].expand(-1, one.numel() // len(rows)).flatten())
    return torch.cat(found)


def _padding(problem: TrainingProblem) -> list[slice]:
    """Where the vectors of padding lie, which torch holds constant even in an embedding that is a head as well."""
    if not isinstance(problem.network, FunctionalModule):
        return []
    names = {id(weight): name for name, weight in problem.network.module.named_parameters()}
    found = []
    for layer in problem.network.module.modules():
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag) and layer.padding_idx is not None:
            place = problem.network.layers.get(names.get(id(layer.weight), ""))
            if place is not None:
                start = place.start + layer.padding_idx * layer.embedding_dim
                found.append(slice(start, start + layer.embedding_dim))
    return found


def _whole_batches(problem: TrainingProblem, chunk: int) -> tuple[Passed, list[_Seen]]:
    """The first pass, in which the loss must be a mean over the examples of each batch and of any two in a row."""
    theta = problem.theta.clone().requires_grad_()
    gradient, loss = torch.zeros_like(problem.theta), 0.0
    examples, largest, seen = 0, 0, list[_Seen]()
    before: Batch | None = None
    for x, y in problem.batches(chunk):
        outputs, value, slope = _slope(problem, theta, x, y, examples)
        if not problem.analytic:
            for cut in sorted({len(x) // 2, 1} - {0, len(x)}, reverse=True):
                _refuse_other_than_mean(problem, outputs, y, cut)
            if before is not None and before[0].shape[1:] == outputs.shape[1:] and before[1].shape[1:] == y.shape[1:]:
                both = torch.cat([before[0], outputs]), torch.cat([before[1], y])
                _refuse_other_than_mean(problem, *both, len(before[0]))
            before = outputs, y
        loss += value * len(x)
        gradient.add_(slope, alpha=len(x))
        seen.append(_Seen(examples, _checksum(problem, x, y), _sketch(outputs)))
        examples, largest = examples + len(x), max(largest, len(x))
    return Passed(examples, largest, loss / examples, gradient / examples), seen


def _halved_batches(problem: TrainingProblem, chunk: int, expected: int, seen: list[_Seen]) -> Passed:
    """The second pass, in which data and outputs must be those of the first though batches are halved."""
    theta = problem.theta.clone().requires_grad_()
    gradient, loss = torch.zeros_like(problem.theta), 0.0
    examples, largest, changed = 0, 0, list[int]()
    single: Batch | None = None
    for number, (x, y) in enumerate(problem.batches(chunk)):
        if number < len(seen) and (examples, _checksum(problem, x, y)) != (seen[number].start, seen[number].checksum):
            changed.append(seen[number].start)
        if not problem.analytic and number < len(seen) and not changed:
            parts, middle = list[Tensor](), max(1, len(x) // 2)
            for some, targets in zip((x[:middle], x[middle:]), (y[:middle], y[middle:]), strict=True):
                if len(some):
                    outputs, value, slope = _slope(problem, theta, some, targets, examples)
                    loss += value * len(some)
                    gradient.add_(slope, alpha=len(some))
                    parts.append(outputs)
            _refuse_other_outputs(problem, x, parts, seen[number].sketch)
            if len(x) == 1 and single is not None and single[0].shape == x.shape:
                pair = torch.cat([single[0], x])
                with torch.no_grad():
                    together = _sketch(problem.outputs(problem.theta, pair))
                if single[1].shape == parts[0].shape:
                    _refuse_other_outputs(problem, pair, [single[1], parts[0]], together)
                single = None
            else:
                single = (x, parts[0]) if len(x) == 1 else None
        examples, largest = examples + len(x), max(largest, len(x))
    if changed or examples != expected:
        where = f"{expected} examples became {examples}"
        if changed:
            where = f"the batch of example {changed[0]} was another one the second time"
        raise ValueError(f"data must be the same at every pass, but {where}: the loader shuffles or augments.")
    return Passed(examples, largest, loss / examples, gradient / examples)


def _slope(problem: TrainingProblem, theta: Tensor, x: Tensor, y: Tensor, start: int) -> tuple[Tensor, float, Tensor]:
    """Outputs, loss and gradient of one batch, refused in one sentence if the model cannot take it."""
    examples = f"examples {start}..{start + len(x) - 1}"
    with differentiable_twice():
        try:
            outputs = problem.outputs(theta, x)
        except (RuntimeError, IndexError) as error:
            if ran_out_of_memory(error):
                raise
            hint = ": a Dataset gives single examples, a DataLoader of it batches" if _single(problem) else ""
            raise ValueError(
                f"data must be what the model takes, but x of {tuple(x.shape)} fails: {said(error)}{hint}"
            ) from error
        if outputs.ndim == 0 or len(outputs) != len(x):
            raise ValueError(
                f"model must return one row of outputs per example, got {tuple(outputs.shape)} for {len(x)} examples."
            )
        try:
            value = problem.value(outputs.clone(), y)
        except (RuntimeError, IndexError) as error:
            if ran_out_of_memory(error):
                raise
            shapes = f"outputs {tuple(outputs.shape)} and targets {tuple(y.shape)}"
            raise ValueError(f"loss must take outputs and targets, but {shapes} fail: {said(error)}") from error
        if not bool(value.isfinite()):
            raise ValueError(f"loss must be finite, but {examples} give {float(value.detach())}.")
        if not value.requires_grad:
            raise ValueError("model's outputs must depend on its trainable parameters, but they do not.")
        with second_derivatives():
            (slope,) = torch.autograd.grad(value, theta)
    if not bool(slope.isfinite().all()):
        raise ValueError(f"loss must have a finite gradient, but that of {examples} overflows.")
    return outputs.detach(), float(value.detach()), slope


def _single(problem: TrainingProblem) -> bool:
    return isinstance(problem.data, Dataset) and hasattr(problem.data, "__getitem__")


def _refuse_other_than_mean(problem: TrainingProblem, outputs: Tensor, y: Tensor, cut: int) -> None:
    """Compare the loss of some outputs, and its derivative by them, with those of two parts."""
    examples = len(outputs)

    def part(some: slice) -> tuple[float, Tensor]:
        point = outputs[some].clone().requires_grad_()
        value = problem.value(point, y[some])
        weight = len(point) / examples
        return float(value.detach()) * weight, torch.autograd.grad(value, point)[0] * weight

    with differentiable_twice():
        whole, slope = part(slice(0, examples))
        ends = [part(slice(0, cut)), part(slice(cut, examples))]
        again, _ = part(slice(0, examples))
    if again != whole:
        raise ValueError(_random(abs(again - whole), "the loss"))
    apart = ends[0][0] + ends[1][0]
    scale = max(abs(whole), *(abs(value) for value, _ in ends)) or 1.0
    bends = torch.cat([own for _, own in ends])
    size = _distance(slope, torch.zeros_like(slope)) or 1.0
    if not (
        abs(whole - apart) <= _tolerance(problem) * scale and _distance(slope, bends) <= _tolerance(problem) * size
    ):
        _refuse_broadcast(outputs, y)
        parts = "the two halves" if 2 * cut in (examples, examples - 1) else f"the first {cut} and the others"
        raise ValueError(
            f"loss must be a mean over examples, but for {examples} of them it is {whole:.6g} and the mean "
            f"over {parts} is {apart:.6g}{_summing(whole, ends, cut, examples, _tolerance(problem))}."
        )


def _refuse_broadcast(outputs: Tensor, y: Tensor) -> None:
    """Refuse targets that torch stretches to another shape, so that each output meets the targets of others."""
    if not y.is_floating_point() or y.shape == outputs.shape:
        return
    try:
        stretched = (torch.empty(outputs.shape, device="meta") + torch.empty(y.shape, device="meta")).shape
    except RuntimeError:
        return
    raise ValueError(
        f"targets must have the shape of the outputs, {tuple(outputs.shape)}, got {tuple(y.shape)}: the loss compares "
        f"them as {tuple(stretched)}, each output with the targets of other examples."
    )


def _summing(whole: float, ends: list[tuple[float, Tensor]], cut: int, examples: int, tolerance: float) -> str:
    """Say what to change where the loss is a sum over examples; empty where it is not."""
    summed = ends[0][0] * examples / cut + ends[1][0] * examples / (examples - cut)
    close = abs(whole - summed) <= tolerance * (abs(whole) or 1.0)
    return ", for it is their sum: use reduction='mean'" if close else ""


def _refuse_other_outputs(problem: TrainingProblem, x: Tensor, parts: Iterable[Tensor], expected: complex) -> None:
    """Compare outputs for the parts of a batch with those for all of it, of which a sum is known."""
    apart = torch.cat(list(parts))
    scale = _tolerance(problem) * float(apart.abs().double().square().sum().sqrt())
    if not abs(_sketch(apart) - expected) > scale:
        return
    with torch.no_grad():
        again = [_sketch(problem.outputs(problem.theta, x)) for _ in range(4)]
    change = max(abs(one - expected) for one in [*again, *([_sketch(apart)] if len(x) == 1 else [])])
    if change > scale:
        raise ValueError(_random(change, "outputs"))
    raise ValueError(
        "model must treat each example by itself, but its outputs for half a batch are not those for all of it."
    )


def _random(change: float, what: str) -> str:
    return (
        f"model and loss must be deterministic, but two passes over the same data change {what} by {change:.1e}: "
        f"is dropout active in it?"
    )


def _tolerance(problem: TrainingProblem) -> float:
    return math.sqrt(torch.finfo(problem.theta.dtype).eps)


def _distance(one: Tensor, other: Tensor) -> float:
    """Euclidean distance, which neither overflows nor vanishes where squares do."""
    apart = (one - other).abs().flatten().double()
    largest = float(apart.max()) if len(apart) else 0.0
    relative: float = torch.linalg.vector_norm(apart / largest).item() if 0.0 < largest < math.inf else 1.0
    return largest * relative


def _sketch(outputs: Tensor) -> complex:
    """A sum over all outputs, each with a weight of its own on the unit circle."""
    flat = (torch.view_as_real(outputs) if outputs.is_complex() else outputs).detach().flatten().double()
    phase = torch.arange(1, len(flat) + 1, dtype=flat.dtype, device=flat.device).square_().mul_(2.399963)
    return complex(float(flat @ phase.cos()), float(flat @ phase.sin()))


def _checksum(problem: TrainingProblem, x: Tensor, y: Tensor) -> int:
    return 0 if problem.paired else zlib.crc32(_bytes(y), zlib.crc32(_bytes(x)))


def _bytes(tensor: Tensor) -> memoryview:
    """The numbers of a tensor as they lie in memory, on the CPU."""
    flat = tensor.detach().cpu().contiguous().flatten()
    return flat.view(torch.uint8).numpy().data
