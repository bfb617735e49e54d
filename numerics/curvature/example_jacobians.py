"""Jacobians of single examples, and what they make of the Gauss-Newton part: the sum over examples of J_b' L''_b J_b.

The derivatives of all examples of a chunk are taken at once, which a few layers of torch do not have and some have
wrong: ``factors_agree`` finds out.
"""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import jacrev, vmap

from numerics.curvature.batch_curvature import GraphCurvature
from numerics.curvature.memory_limits import halving, ran_out_of_memory
from numerics.curvature.training_problem import TrainingProblem, differentiable_twice
from numerics.functional_module import FunctionalModule

WORK = 2**23
"""Numbers in the Jacobians of one chunk: 64 MiB in float64."""


def module_jacobian(
    network: FunctionalModule,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "..."],
    *,
    shared: bool = True,
) -> Float[Tensor, "members batch outputs parameters"]:
    """Jacobian of all outputs with respect to the parameters, chunk by chunk of examples.

    Allocates the result and the Jacobian of a chunk, at most 64 MiB, once more. Where memory runs out the chunks halve.

    Args:
        network: The module; one row of outputs per example.
        theta: Parameters, one row per member.
        x: Inputs, (batch, ...), or (members, batch, ...) if not shared.
        shared: Whether all members have the same inputs.

    Returns:
        d output / d parameter for every member and example.

    Raises:
        ValueError: If theta or x is empty, does not fit, or the outputs are no row per example.
    """
    if 0 in theta.shape or 0 in x.shape:
        raise ValueError(f"theta and x must not be empty, got shapes {tuple(theta.shape)} and {tuple(x.shape)}.")
    with torch.no_grad():
        outputs = network.forward(theta[:1], x[:1] if shared else x[:1, :1], shared=shared)
        if not shared and len(x) != len(theta):
            network.forward(theta, x, shared=False)
    if outputs.ndim != 3 or outputs.shape[1] != 1:
        raise ValueError(
            f"network must give one row of outputs per example, got {tuple(outputs.shape[1:])} for one example."
        )
    batch = x.shape[0 if shared else 1]
    result = theta.new_empty(len(theta), batch, outputs.shape[2], theta.shape[1])
    chunk = max(1, min(batch, WORK // result[0, 0].numel()))

    def row(point: Tensor, example: Tensor) -> Tensor:
        return network.forward(point[None], example[None])[0, 0]

    for member, point in enumerate(theta):
        own = x if shared else x[member]

        def fill(size: int, member: int = member, point: Tensor = point, own: Tensor = own) -> None:
            for start in range(0, batch, size):
                some = own[start : start + size]
                result[member, start : start + size] = _jacobian(row, point, some)

        chunk, _ = halving(fill, chunk, theta.device)
    return result


def factors(
    problem: TrainingProblem, places: Mapping[str, slice], x: Tensor, y: Tensor
) -> tuple[Float[Tensor, "batch outputs size"], Float[Tensor, "batch outputs outputs"]]:
    """Jacobian and second derivative of the loss by the outputs, example by example."""
    shapes = [leaf.shape for leaf in problem.leaves(places)]
    point = torch.cat([problem.theta[problem.network.layers[name]] for name in places])

    def row(point: Tensor, example: Tensor) -> Tensor:
        pieces = torch.split(point, [shape.numel() for shape in shapes])
        shaped = [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]
        return problem.outputs_through(dict(zip(places, shaped, strict=True)), example[None]).flatten()

    jacobian = _jacobian(row, point, x)
    with differentiable_twice():
        at = problem.outputs(problem.theta, x).detach().requires_grad_()
        (pull,) = torch.autograd.grad(problem.value(at, y), at, create_graph=True)
        if not pull.requires_grad:  # a loss that is linear in the outputs
            return jacobian, jacobian.new_zeros(*jacobian.shape[:2], jacobian.shape[1])
        sums = pull.flatten(1).sum(0).unbind()  # over examples, none of which moves another one's derivative
        rows = [torch.autograd.grad(one, at, retain_graph=True, materialize_grads=True)[0] for one in sums]
    return jacobian, torch.stack([one.flatten(1) for one in rows], dim=1)


def factors_agree(problem: TrainingProblem, places: Mapping[str, slice], x: Tensor, y: Tensor) -> bool:
    """Whether the factors of a few examples multiply a vector as their graph does.

    Some layers have no batched derivative, some a wrong one, and a loss may couple examples.
    """
    curvature = GraphCurvature(problem, x, y, part="gauss_newton", places=places)
    vector = random_rows(1, curvature.size, problem.theta)
    expected = curvature.product(vector)[0]
    try:
        jacobian, inner = factors(problem, places, x, y)
    except Exception as error:  # a forward of one's own may fail in any way on a batched example
        if ran_out_of_memory(error):
            raise
        return False
    pushed = inner @ (jacobian @ vector[0])[..., None]
    return agree((jacobian.mT @ pushed).sum(0)[:, 0], expected)


def add_factors(matrix: Tensor, jacobian: Tensor, inner: Tensor, weight: float, block: int = 512) -> None:
    """Add weight x sum of J' L'' J to the upper triangle."""
    left, right = jacobian.flatten(0, 1).mT, (inner @ jacobian).flatten(0, 1)
    for row in range(0, len(matrix), block):
        matrix[row : row + block, row:].addmm_(left[row : row + block], right[:, row:], alpha=weight)


def _jacobian(
    row: Callable[[Tensor, Tensor], Tensor], point: Float[Tensor, " size"], x: Tensor
) -> Float[Tensor, "batch outputs size"]:
    """Derivatives by a point of what ``row`` makes of single examples, all at once."""
    with differentiable_twice():
        jacobian: Tensor = vmap(jacrev(row), in_dims=(None, 0))(point.detach(), x)
    return jacobian.detach()


def random_rows(count: int, size: int, like: Tensor) -> Float[Tensor, "count size"]:
    """The same normal vectors at every call, with dtype and device of another tensor."""
    draws = torch.randn(count, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64, device="cpu")
    return draws.to(dtype=like.dtype).to(device=like.device)


def agree(found: Tensor, expected: Tensor) -> bool:
    """Whether two vectors differ by rounding only."""
    tolerance = torch.finfo(expected.dtype).eps ** 0.75
    largest = expected.abs().max().clamp(min=torch.finfo(expected.dtype).tiny)  # squares may vanish or overflow
    return bool(((found - expected) / largest).norm() <= tolerance * (expected / largest).norm())
