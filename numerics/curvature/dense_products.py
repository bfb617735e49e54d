r"""Dense Hessian and Jacobian of any module, by automatic differentiation.

With pull_k = dL/do_k held fixed and s(theta) = sum_k pull_k o_k(theta), the two parts of the Hessian are

.. math:: H_0 = \sum_b J_b^\top l''_b J_b, \qquad H_1 = \nabla^2 s.

H0 comes from the Jacobians of single examples, one matrix product for each chunk of them. H1 comes row by row, each a
backward pass through the recorded gradient of s. The row of a parameter in layer l is computed for the layers from l on
only and mirrored: rows of late layers, which are most of a convolution net with a dense head, then never reach back
into the early ones. That makes H1 symmetric to the last bit, and where s is linear in a layer its block exactly 0.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import jacrev, vmap

from numerics.curvature.training_problem import differentiable_twice
from numerics.functional_module import FunctionalModule
from numerics.losses import Loss, Targets
from numerics.objective import has_own_targets
from numerics.progress import Bar, progress

Result = TypeVar("Result")

_WORK = 2**23  # numbers in the Jacobians of one chunk: 64 MiB in float64
_EXAMPLES = 128  # in one chunk, at most: what a CPU's cache holds is differentiated faster
_ROWS_ON_CPU = 1  # of H1 at a time: a CPU gains nothing from a block
_ROWS_ON_DEVICE = 32  # the same on an accelerator


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

    Takes parameters backward passes for every chunk of examples, batch parameters^2 outputs operations, and progress is
    shown. Allocates the result, 2 members parameters^2 numbers, and beside it one matrix of that size, the Jacobian of
    a chunk three times, at most 192 MiB, and what two backward passes keep of a chunk. Where a device runs out of
    memory the chunks halve.

    Args:
        network: The module.
        theta: Parameters, one row per member.
        x: Inputs, shared, or one set per member if the targets are.
        y: Targets, shared or one set per member.
        loss: The loss.
        chunk: Examples at a time; at most 128, as fit into the bounds above, if None. Changes rounding only.

    Returns:
        The two parts.
    """
    members, parameters = theta.shape
    own = has_own_targets(y)
    batch = x.shape[1 if own else 0]
    with torch.no_grad():
        outputs = network.forward(theta[:1], x[0, :1] if own else x[:1]).shape[-1]
    if chunk is None:
        chunk = max(1, min(batch, _EXAMPLES, _WORK // (outputs * parameters)))
    gauss_newton, residual = (theta.new_zeros(members, parameters, parameters) for _ in range(2))
    chunks = -(-batch // chunk)
    with progress(members * chunks * parameters, "rows of dense Hessians") as bar:
        for member in range(members):
            own_x, own_y = (x[member], y[member]) if own else (x, y)

            def fill(size: int, member: int = member, x: Tensor = own_x, y: Tensor = own_y) -> None:
                into = gauss_newton[member].zero_(), residual[member].zero_()
                for start in range(0, batch, size):
                    stop = min(start + size, batch)
                    some, share = loss.part(y, start, stop), (stop - start) / batch
                    _add_examples(*into, network, theta[member], x[start:stop], some, loss, share, bar)

            chunk, _ = halving(fill, chunk)
            gauss_newton[member] = (gauss_newton[member] + gauss_newton[member].mT) / 2
    return gauss_newton, residual


def module_jacobian(
    network: FunctionalModule,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "..."],
    *,
    shared: bool = True,
) -> Float[Tensor, "members batch outputs parameters"]:
    """Jacobian of all outputs with respect to the parameters, chunk by chunk of examples.

    Allocates the result and the Jacobian of a chunk, at most 64 MiB, once more. Where a device runs out of memory the
    chunks halve.

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
    chunk = max(1, min(batch, _WORK // result[0, 0].numel()))
    for member, point in enumerate(theta):
        own = x if shared else x[member]

        def fill(size: int, member: int = member, point: Tensor = point, own: Tensor = own) -> None:
            for start in range(0, batch, size):
                result[member, start : start + size] = _jacobian(network, point, own[start : start + size])

        chunk, _ = halving(fill, chunk)
    return result


def halving(work: Callable[[int], Result], chunk: int) -> tuple[int, Result]:
    """Do work in chunks of some size, or of half that size and so on as long as a device runs out of memory.

    Args:
        work: Takes the size, and starts anew when it is called again.
        chunk: The size to begin with.

    Returns:
        The size that fitted, and what the work gave.

    Examples:
        >>> halving(lambda size: 2 * size, 8)
        (8, 16)
    """
    while True:
        try:
            return chunk, work(chunk)
        except torch.OutOfMemoryError:
            if chunk == 1:
                raise
        chunk //= 2  # outside of the handler, which keeps what did not fit
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _add_examples(
    gauss_newton: Float[Tensor, "parameters parameters"],
    residual: Float[Tensor, "parameters parameters"],
    network: FunctionalModule,
    theta: Float[Tensor, " parameters"],
    x: Tensor,
    y: Targets,
    loss: Loss,
    share: float,
    bar: Bar,
) -> None:
    """Add a chunk of examples, ``share`` of the batch, to both parts."""
    with torch.no_grad():
        outputs = network.forward(theta[None], x)
        pull = loss.gradient(outputs, y)[0] * share
        inner = loss.hessian(outputs, y)[0] * share
        jacobian = _jacobian(network, theta, x)
        gauss_newton.addmm_(jacobian.flatten(0, 1).mT, (inner @ jacobian).flatten(0, 1))
        del jacobian, inner
    _add_residual_rows(residual, network, theta, x, pull, bar)


def _jacobian(
    network: FunctionalModule, theta: Float[Tensor, " parameters"], x: Tensor
) -> Float[Tensor, "batch outputs parameters"]:
    with differentiable_twice():
        one = jacrev(lambda point, example: network.forward(point[None], example[None])[0, 0])
        jacobian: Tensor = vmap(one, in_dims=(None, 0))(theta.detach(), x)
    return jacobian.detach()


def _add_residual_rows(
    residual: Float[Tensor, "parameters parameters"],
    network: FunctionalModule,
    theta: Float[Tensor, " parameters"],
    x: Tensor,
    pull: Float[Tensor, "batch outputs"],
    bar: Bar,
) -> None:
    """Add the second derivative of sum_k pull_k o_k."""
    places = list(network.layers.values())
    at_once = _ROWS_ON_CPU if theta.device.type == "cpu" else _ROWS_ON_DEVICE
    with differentiable_twice():
        named = network.shaped({name: theta.detach()[place] for name, place in network.layers.items()})
        leaves = [piece.clone().requires_grad_() for piece in named.values()]
        value = (network.call(dict(zip(named, leaves, strict=True)), x) * pull).sum()
        if not value.requires_grad:  # no parameter enters
            bar.advance(len(theta))
            return
        slopes = torch.autograd.grad(value, leaves, create_graph=True, materialize_grads=True)
    for layer, (slope, place) in enumerate(zip(slopes, places, strict=True)):
        size = place.stop - place.start
        if slope.requires_grad:
            block = at_once if at_once > 1 and _blocks_agree(slope, leaves[layer:], at_once) else 1
            rows = theta.new_empty(size, len(theta) - place.start)
            for start in range(0, size, block):
                some = slice(start, min(start + block, size))
                rows[some] = _rows(slope, leaves[layer:], _units(slope, some))
                bar.advance(some.stop - some.start)
            own, later = rows[:, :size], rows[:, size:]
            residual[place, place] += (own + own.mT) / 2
            residual[place, place.stop :] += later
            residual[place.stop :, place] += later.mT
        else:  # and so it is zero for this layer and all later ones
            bar.advance(size)


def _blocks_agree(slope: Tensor, leaves: list[Tensor], block: int) -> bool:
    """Whether the rows of a block add up to the product with the sum of their unit vectors.

    Some derivatives of torch are wrong where they are batched (the scale of a LayerNorm, in torch.func.hessian).
    """
    units = _units(slope, slice(0, min(block, slope.numel())))
    together, single = _rows(slope, leaves, units).sum(dim=0), _rows(slope, leaves, units.sum(dim=0, keepdim=True))[0]
    rounding = 1e3 * torch.finfo(slope.dtype).eps
    return bool((together - single).abs().max() <= rounding * single.abs().max())


def _units(slope: Tensor, some: slice) -> Float[Tensor, "rows size"]:
    units = torch.zeros(some.stop - some.start, slope.numel(), dtype=slope.dtype, device=slope.device)
    units[:, some].fill_diagonal_(1.0)
    return units


def _rows(slope: Tensor, leaves: list[Tensor], cotangents: Float[Tensor, "rows size"]) -> Float[Tensor, "rows columns"]:
    """The derivative of a gradient with respect to some parameters, times cotangents from the left."""
    many = len(cotangents) > 1
    shaped = cotangents.reshape(-1, *slope.shape)
    pieces = torch.autograd.grad(
        slope, leaves, shaped if many else shaped[0], retain_graph=True, allow_unused=True, is_grads_batched=many
    )
    columns = zip(pieces, leaves, strict=True)
    flat = [slope.new_zeros(len(shaped), leaf.numel()) if piece is None else piece for piece, leaf in columns]
    return torch.cat([piece.reshape(len(shaped), -1) for piece in flat], dim=1)
