r"""Dense Hessian of any module and any loss, by automatic differentiation.

The Gauss-Newton part, the sum over examples of J_b' L''_b J_b, comes from the Jacobians of single examples, one matrix
product for each chunk of them, as long as there are few outputs. The residual part comes row by row, each a backward
pass through the recorded gradient. So does the Hessian, unless the module has convolutions: their rows take long and
many of those of the residual part are zero, so that the sum of the two parts is cheaper. Of the row of a parameter only

- what lies on the diagonal's block or right of it, parameter by parameter in the order of the module: rows of late
  layers, most of a convolution net with a dense head, then never reach back into the early ones;
- what is not zero: a block whose product with a random vector is exactly 0 is 0 and left out. In the residual part of a
  piecewise linear network all blocks on the diagonal are.

is computed. The lower triangle is the mirrored upper one, so that the matrix is symmetric to the last bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.curvature.batch_curvature import GraphCurvature, Part, probed_graph
from numerics.curvature.cost import DenseCost, seconds_of
from numerics.curvature.example_jacobians import WORK, add_factors, agree, factors, factors_agree, random_rows
from numerics.curvature.memory_limits import halving, ran_out_of_memory
from numerics.curvature.training_problem import TrainingProblem, own_precision, own_randomness
from numerics.curvature.verification import first_batch, refuse_wrong_derivatives
from numerics.functional_module import FunctionalModule
from numerics.losses import Loss, Targets
from numerics.objective import has_own_targets
from numerics.progress import Bar, progress

_OUTPUTS = 64  # of an example, up to which its Jacobian is cheaper than rows
_CPU_BYTES = 2**22  # that the graph of a chunk may keep: beyond a processor's cache a row takes longer per example
_DEVICE_BYTES = 2**28  # the same on an accelerator
_ROWS = 32  # at a time, at most, and as far as their graphs stay within the same bytes
_PROBED = 16  # examples on which graph and Jacobian are tried


def dense_part(
    problem: TrainingProblem,
    *,
    part: Part,
    places: Mapping[str, slice],
    chunk: int,
    bytes_per_example: float,
    examples: int,
    total: int | None = None,
) -> Float[Tensor, "size size"]:
    """One part of the Hessian of a problem that has been verified; only the upper triangle is filled in.

    Allocates the result, the graph of a chunk and a block of rows, and for the Gauss-Newton part the Jacobian of a
    chunk three times, at most 192 MiB. Where memory runs out the chunks halve. Progress is shown.

    Args:
        problem: The problem.
        part: Which part.
        places: Where each chosen parameter lies in the matrix, by name.
        chunk: Examples at a time, at most. Changes rounding only.
        bytes_per_example: What a graph keeps of an example; the chunk is chosen so that it stays within a cache.
        examples: Number of examples of the problem.
        total: Examples over which the mean is taken, ``examples`` if None.

    Returns:
        The matrix, to be completed by ``mirrored``.

    Raises:
        ValueError: If the data are not the same at every pass.
    """
    theta, size = problem.theta, _size(places)
    matrix = torch.zeros(size, size, dtype=theta.dtype, device=theta.device)
    way = _way(problem, part, places, chunk, bytes_per_example, examples)

    def fill(chunk: int) -> None:
        matrix.zero_()
        if way.factorised:
            some = max(1, min(way.largest, 8 * way.chunk) * chunk // way.chunk)
            for x, y in problem.batches(some, examples):
                add_factors(matrix, *factors(problem, places, x, y), len(x) / (total or examples))
        if way.rest is not None:
            with progress(size * -(-examples // chunk), "rows of a dense Hessian") as bar:
                for x, y in problem.batches(chunk, examples):
                    curvature = GraphCurvature(problem, x, y, part=way.rest, places=places)
                    _add_rows(
                        matrix,
                        curvature,
                        list(places.values()),
                        len(x) / (total or examples),
                        way.rows_at_once(chunk),
                        bar,
                    )

    with own_precision():
        halving(fill, way.chunk, theta.device)
    return matrix


def dense_part_cost(
    problem: TrainingProblem,
    *,
    part: Part,
    places: Mapping[str, slice],
    chunk: int,
    bytes_per_example: float,
    examples: int,
) -> DenseCost:
    """What ``dense_part`` takes, from a few rows of each parameter for one chunk and the factors of a few examples.

    Args:
        problem: The problem.
        part: Which part.
        places: Where each chosen parameter lies in the matrix, by name.
        chunk: Examples at a time, at most.
        bytes_per_example: What a graph keeps of an example.
        examples: Number of examples of the problem.

    Returns:
        Seconds and multiplications.
    """
    device, size = problem.theta.device, _size(places)
    way = _way(problem, part, places, chunk, bytes_per_example, examples)
    seconds, multiplications = 0.0, 0.0
    if way.factorised:
        x, y = next(problem.batches(min(way.chunk, way.largest, _PROBED)))
        seconds += seconds_of(lambda: factors(problem, places, x, y), device, repeats=2) * examples / len(x)
        multiplications += examples * way.outputs * size**2 / 2

    def measure(chunk: int) -> float:
        if way.rest is None:
            return 0.0
        x, y = next(problem.batches(chunk))
        curvature = GraphCurvature(problem, x, y, part=way.rest, places=places)
        whole = 0.0
        for number, leaf in enumerate(curvature.leaves):
            columns = _columns(curvature, number)
            if columns:
                block = _block(curvature, number, columns, way.rows_at_once(chunk))
                some = random_rows(block, leaf.numel(), leaf)
                taken = seconds_of(lambda: curvature.rows(number, some, columns), device, repeats=2)  # noqa: B023
                whole += taken * leaf.numel() / block
        return whole * examples / len(x)

    _, rows = halving(measure, way.chunk, device)
    return DenseCost(seconds + rows, multiplications)


def mirrored(matrix: Float[Tensor, "size size"], block: int = 1024) -> Float[Tensor, "size size"]:
    """The symmetric matrix that has this one's upper triangle, in place.

    Examples:
        >>> mirrored(torch.tensor([[1.0, 2.0], [7.0, 3.0]]))
        tensor([[1., 2.],
                [2., 3.]])
    """
    for row in range(0, len(matrix), block):
        own = matrix[row : row + block, row : row + block]
        own.copy_(own.triu() + own.triu(1).mT)
        matrix[row + block :, row : row + block] = matrix[row : row + block, row + block :].mT
    return matrix


def module_parts(
    network: FunctionalModule,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "..."],
    y: Targets,
    loss: Loss,
    *,
    chunk: int | None = None,
) -> tuple[Float[Tensor, "members parameters parameters"], Float[Tensor, "members parameters parameters"]]:
    """Gauss-Newton and residual part of a problem that has been checked, both exactly symmetric.

    Allocates the result, 2 members parameters^2 numbers, and beside it what ``dense_part`` does.

    Args:
        network: The module.
        theta: Parameters, one row per member.
        x: Inputs, shared, or one set per member if the targets are.
        y: Targets, shared or one set per member.
        loss: The loss.
        chunk: Examples at a time, at most; chosen if None. Changes rounding only.

    Returns:
        The two parts.

    Raises:
        ValueError: If torch lacks a second derivative of the module, or has it wrong.
    """
    members, parameters = theta.shape
    own = has_own_targets(y)
    parts = theta.new_empty(2, members, parameters, parameters)
    for member, point in enumerate(theta):
        problem = TrainingProblem(network, loss, (x[member], y[member]) if own else (x, y), point)
        examples = x.shape[1 if own else 0]
        if member == 0:
            with own_randomness(theta.device):
                few = first_batch(problem, _PROBED)
                kept = max(1.0, probed_graph(problem, *few, part="hessian", places=network.layers).nbytes / len(few[0]))
                refuse_wrong_derivatives(problem, _PROBED)
        names: tuple[Part, Part] = ("gauss_newton", "residual")
        for part, into in zip(names, parts[:, member], strict=True):
            found = dense_part(
                problem,
                part=part,
                places=network.layers,
                chunk=chunk or examples,
                bytes_per_example=kept,
                examples=examples,
            )
            into.copy_(mirrored(found))
    return parts[0], parts[1]


@dataclass(frozen=True)
class _Way:
    """How a part is made: by factors, by rows of what is left, or both, and in which chunks."""

    factorised: bool
    rest: Part | None
    outputs: int
    chunk: int
    largest: int
    room: int
    bytes_per_example: float

    def rows_at_once(self, chunk: int) -> int:
        """How many rows of a chunk stay within a cache together."""
        return max(1, min(_ROWS, int(self.room / (chunk * self.bytes_per_example))))


def _way(
    problem: TrainingProblem,
    part: Part,
    places: Mapping[str, slice],
    chunk: int,
    bytes_per_example: float,
    examples: int,
) -> _Way:
    with torch.no_grad():
        outputs = problem.outputs(problem.theta, next(problem.batches(1))[0]).numel()
    largest = max(1, min(examples, WORK // (outputs * _size(places))))
    factorised = outputs <= _OUTPUTS and (
        part == "gauss_newton" or (part == "hessian" and any(leaf.ndim > 2 for leaf in problem.leaves(places)))
    )
    if factorised:
        few = min(chunk, largest, _PROBED)
        _, factorised = halving(
            lambda count: factors_agree(problem, places, *next(problem.batches(count))), few, problem.theta.device
        )
    rest: Part | None = part
    if factorised:
        rest = "residual" if part == "hessian" else None
    room = _CPU_BYTES if problem.theta.device.type == "cpu" else _DEVICE_BYTES
    chunk = max(1, min(chunk, examples, int(room / bytes_per_example)))
    return _Way(factorised, rest, outputs, chunk, largest, room, bytes_per_example)


def _size(places: Mapping[str, slice]) -> int:
    return sum(place.stop - place.start for place in places.values())


def _add_rows(
    matrix: Tensor, curvature: GraphCurvature, places: list[slice], weight: float, at_once: int, bar: Bar
) -> None:
    """Add weight x the rows of a chunk to the upper triangle, ``at_once`` of them at a time where torch can."""
    for number, place in enumerate(places):
        own = place.stop - place.start
        columns = _columns(curvature, number)
        block = _block(curvature, number, columns, at_once) if columns else max(1, own)
        for start in range(0, own, block):
            some = slice(start, min(start + block, own))
            if columns:
                units = matrix.new_zeros(some.stop - some.start, own)
                units[:, some].fill_diagonal_(1.0)
                rows = matrix[place.start + some.start : place.start + some.stop]
                for column, piece in zip(columns, curvature.rows(number, units, columns), strict=True):
                    if piece is not None:
                        rows[:, places[column]].add_(piece, alpha=weight)
            bar.advance(some.stop - some.start)


def _columns(curvature: GraphCurvature, number: int) -> list[int]:
    """The parameters from this one on whose blocks in its rows are not zero; none for an empty parameter."""
    leaf, later = curvature.leaves[number], range(number, len(curvature.leaves))
    if not leaf.numel():
        return []
    found = curvature.rows(number, random_rows(1, leaf.numel(), leaf), later)
    return [column for column, piece in zip(later, found, strict=True) if piece is not None and piece.any()]


def _block(curvature: GraphCurvature, number: int, columns: list[int], most: int) -> int:
    """How many rows are taken at once: ``most``, or one where torch has no such derivative, or a wrong one."""
    leaf = curvature.leaves[number]
    block = min(most, leaf.numel())
    if block == 1:
        return 1
    vectors = random_rows(block, leaf.numel(), leaf)
    single = curvature.rows(number, vectors.sum(dim=0, keepdim=True), columns)
    try:
        together = curvature.rows(number, vectors, columns)
    except RuntimeError as error:
        if ran_out_of_memory(error):
            raise
        return 1
    for one, many in zip(single, together, strict=True):
        if one is None or many is None or not agree(many.sum(dim=0), one[0]):
            return 1
    return block
