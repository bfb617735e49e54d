r"""Dense Hessian of an ensemble of perceptrons, layer pair by layer pair.

The Hessian of a loss L(o(theta)) splits into H = H0 + H1: the Gauss-Newton part H0 = sum_b J_b' l''_b J_b and the
residual part H1 = sum_b sum_k (dl_b/do_k) d^2 o_k. In a perceptron z_l = W_l h_(l-1) + b_l, with delta_l = dL/dz_l,
both have Kronecker structure in every example. For layers l <= l' let Q = d^2 L/(dz_l' dz_l) be the second derivative
through z_l' and write h~ = (h, 1) for what a layer with biases takes in. Then

.. math::
    \frac{\partial^2 L}{\partial W_l[i,a]\,\partial W_{l'}[j,c]}
    = \sum_b Q[j,i]\, \tilde h_{l'-1}[c]\, \tilde h_{l-1}[a]
    + \sum_b \delta_{l'}[j]\, \frac{\partial h_{l'-1}[c]}{\partial z_l[i]}\, \tilde h_{l-1}[a],

the last term for l < l' only. Q comes by a backward recursion, once from l'' alone without activation curvature (H0)
and once from the activations' curvature alone (H1); the residuals enter through delta, so no factor for the number of
outputs is left. Every block is one matrix product over the examples, for b examples 2 b entries operations; symmetric
pairs of indices are computed once, which makes the result symmetric to the last bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from numerics.arguments import checked_sizes
from numerics.curvature.dense_products import module_parts
from numerics.curvature.example_jacobians import module_jacobian
from numerics.functional_module import FunctionalModule, Network, checked_network
from numerics.losses import Loss, Targets
from numerics.networks import Mlp
from numerics.objective import Inputs, check_problem

_WORK = 2**23  # numbers in one chunk's operands: 64 MiB in float64


@dataclass(frozen=True)
class HessianParts:
    """The two parts of a Hessian, one matrix per member.

    Attributes:
        gauss_newton: H0 = sum_b J_b' l''_b J_b, positive semidefinite for a convex loss.
        residual: H1 = sum_b sum_k (dl_b/do_k) d^2 o_k, linear in the residuals.
    """

    gauss_newton: Float[Tensor, "members parameters parameters"]
    residual: Float[Tensor, "members parameters parameters"]

    @property
    def total(self) -> Float[Tensor, "members parameters parameters"]:
        """The Hessian H0 + H1, a new tensor at every call."""
        return self.gauss_newton + self.residual


def dense_hessian(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    y: Targets,
    loss: Loss,
    *,
    chunk: int | None = None,
) -> HessianParts:
    """Assemble the Hessian of the loss of every member, Gauss-Newton and residual part apart.

    Exactly symmetric; agrees with automatic differentiation to a few units of rounding of the largest entry. At a
    kink of a piecewise linear activation the second derivative counts as 0. No gradient flows through the result.

    Allocates the result, 2 members parameters^2 numbers; beside it, for a perceptron, the blocks of a few members, at
    most as much again, and for one chunk of examples about chunk x (widest layer)^2 x layers^2 numbers per member; for
    a view of a module, which is differentiated automatically, what ``dense_products`` states.

    Args:
        network: The network, a perceptron or a view of any module.
        theta: Parameters, one row per member. Fixes dtype and device.
        x: Inputs, shared or one set per member; those of a module are shared exactly if the targets are.
        y: Targets of the loss, shared or one set per member.
        loss: The loss.
        chunk: Examples at a time; chosen for operands of about 64 MiB if None. Changes rounding only.

    Returns:
        The two parts.

    Raises:
        TypeError: If the network is a ``torch.nn.Module``: take ``FunctionalModule(module)``, or, for the Hessian of
            the module as it is, ``HessianOperator(module, loss, (x, y)).dense()``.
        ValueError: If shapes, dtypes or devices do not fit, something is not finite, a label is out of range, the
            chunk is not positive, or the Hessian overflows.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> x, y = torch.ones(1, 1), torch.zeros(1, 1)
        >>> network, theta = Mlp((1, 1, 1), "linear"), torch.tensor([[2.0, 3.0]])
        >>> parts = dense_hessian(network, theta, x, y, SquaredError(prefactor=0.5))
        >>> parts.gauss_newton  # outer product of (v, u) at (u, v) = (2, 3)
        tensor([[[9., 6.],
                 [6., 4.]]])
        >>> parts.residual  # residual u v = 6 off the diagonal
        tensor([[[0., 6.],
                 [6., 0.]]])
    """
    if isinstance(network, nn.Module):
        raise TypeError(
            f"network must be an Mlp or a FunctionalModule, got {type(network).__name__}: take "
            f"FunctionalModule(module), or HessianOperator(module, loss, (x, y)).dense()."
        )
    check_problem(network, theta, x, y, loss)
    if chunk is not None:
        checked_sizes(chunk=chunk)
    with torch.no_grad():
        if isinstance(network, FunctionalModule):
            parts = HessianParts(*module_parts(network, theta, x, y, loss, chunk=chunk))
        else:
            parts = assemble(network, theta, x, y, loss, chunk=chunk)
        for part in (parts.gauss_newton, parts.residual):
            if not bool(part.sum().isfinite()) and not bool(part.isfinite().all()):
                raise ValueError("theta, x and y must be small enough for the Hessian to be finite, but it overflows.")
    return parts


def assemble(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "*members batch inputs"],
    y: Targets,
    loss: Loss,
    *,
    chunk: int | None = None,
) -> HessianParts:
    """``dense_hessian`` of a problem that has been checked: the same without a look at the numbers."""
    members, parameters = theta.shape
    batch = x.shape[-2]
    operands = sum(_operand_sizes(network))
    group = max(1, min(members, _WORK // parameters**2, max(1, _WORK // operands)))
    if chunk is None:
        chunk = min(batch, max(64, _WORK // (group * operands)))
    parts = tuple(theta.new_zeros(members, parameters, parameters) for _ in range(2))
    for first in range(0, members, group):
        some = slice(first, first + group)
        own_x = x[some] if x.ndim == 3 else x
        own_y = y[some] if y.ndim == (3 if y.is_floating_point() else 2) else y
        blocks = [_Blocks(network), _Blocks(network)]
        for start in range(0, batch, chunk):
            stop = min(start + chunk, batch)
            share = (stop - start) / batch
            _add_examples(
                blocks, network, theta[some], own_x[..., start:stop, :], loss.part(own_y, start, stop), loss, share
            )
        for part, block in zip(parts, blocks, strict=True):
            block.write(part[some])
    return HessianParts(*parts)


def output_jacobian(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    *,
    shared: bool = True,
) -> Float[Tensor, "members batch outputs parameters"]:
    """Jacobian of all outputs with respect to the parameters.

    Allocates the result, members x batch x outputs x parameters numbers, and as much again for its largest layer.

    Args:
        network: The network, a perceptron or a view of any module.
        theta: Parameters, one row per member.
        x: Inputs, shared or one set per member.
        shared: For a module, False if x has a members axis in front; the inputs of a perceptron say so themselves.

    Returns:
        d output / d parameter for every member and example.

    Raises:
        TypeError: If the network is neither a perceptron nor a view of a module.
        ValueError: If a shape does not fit.

    Examples:
        >>> output_jacobian(Mlp((1, 1, 1), "linear"), torch.tensor([[2.0, 3.0]]), torch.ones(1, 1))
        tensor([[[[3., 2.]]]])
    """
    checked_network(network)
    if isinstance(network, FunctionalModule):
        return module_jacobian(network, theta, x, shared=shared)
    trace = network.trace(theta, x)
    members, batch, outputs = trace.outputs.shape
    if 0 in (members, batch):
        raise ValueError(f"theta and x must not be empty, got shapes {tuple(theta.shape)} and {tuple(x.shape)}.")
    identity = torch.eye(outputs, dtype=theta.dtype, device=theta.device)
    back = identity.expand(members, batch, outputs, outputs)
    pieces = []
    for layer in reversed(range(len(trace.pre))):
        if network.bias:
            pieces.append(back)
        pieces.append((back[..., :, None] * trace.inputs[layer][:, :, None, None, :]).flatten(-2))
        if layer:
            back = _through(back, trace.weights[layer], network.nonlinearity.slope(trace.pre[layer - 1]))
    return torch.cat(pieces[::-1], dim=-1)


class _Blocks:
    """Sums over examples for the upper layer pairs of one part, in the order in which the products make them.

    ``paired[l, l']`` holds the first term for l < l' as (j i, c a); ``own[l]`` the same for l = l' with pairs j <= i,
    c <= a only; ``unit[l]`` that term where Q is diagonal, as (i, pairs); ``skip[l, l']`` the second term as (c i, j
    a), and ``next[l]`` the second term for l' = l + 1, where c = i, as (i, j a).
    """

    def __init__(self, network: Mlp) -> None:
        self.network = network
        self.sums: dict[tuple[str, int, int], Tensor] = {}

    def add(self, kind: str, layers: tuple[int, int], left: Tensor, right: Tensor) -> None:
        """Add left' right, a sum over the examples (members, examples, columns)."""
        key = (kind, *layers)
        if key in self.sums:
            self.sums[key].baddbmm_(left.mT, right)
        else:
            self.sums[key] = left.mT @ right

    def write(self, matrix: Float[Tensor, "members parameters parameters"]) -> None:
        """Add everything to both triangles of the matrices, and let go of it."""
        while self.sums:
            (kind, low, high), product = self.sums.popitem()
            fans = self._fan(low), self._fan(high)
            units = self.network.widths[low + 1], self.network.widths[high + 1]
            if kind == "own":
                pairs = _square_of_pairs(units[0], product.device)
                inner = _square_of_pairs(fans[0], product.device)
                block = product.index_select(2, inner).index_select(1, pairs)
                block = torch.unflatten(torch.unflatten(block, 1, (units[0], units[0])), -1, (fans[0], fans[0]))
                self._put(matrix, low, low, block.permute(0, 1, 3, 2, 4))
            elif kind == "unit":
                inner = _square_of_pairs(fans[0], product.device)
                block = torch.unflatten(product.index_select(2, inner), -1, (fans[0], fans[0]))
                for rows, columns, view in self._views(matrix, low, low):
                    view.diagonal(dim1=1, dim2=3).add_(block[:, :, rows, columns].permute(0, 2, 3, 1))
            else:
                if kind == "paired":
                    block = torch.unflatten(torch.unflatten(product, 1, (units[1], units[0])), -1, (fans[1], fans[0]))
                    block = block.permute(0, 2, 4, 1, 3)
                elif kind == "skip":
                    block = torch.unflatten(torch.unflatten(product, 1, (-1, units[0])), -1, (units[1], fans[0]))
                    block = block.permute(0, 2, 4, 3, 1)
                else:
                    block = torch.diag_embed(torch.unflatten(product, -1, (units[1], fans[0])).permute(0, 3, 2, 1))
                    block = block.permute(0, 3, 1, 2, 4)
                self._put(matrix, low, high, block)
                self._put(matrix, high, low, block.permute(0, 3, 4, 1, 2))

    def _fan(self, layer: int) -> int:
        return self.network.widths[layer] + int(self.network.bias)

    def _put(self, matrix: Tensor, row: int, column: int, block: Tensor) -> None:
        """Add a block (members, i, a, j, c) where its layers' parameters stand. A bias is the last a, if any."""
        for rows, columns, view in self._views(matrix, row, column):
            part = block[:, :, rows][:, :, :, :, columns]
            if part.numel():
                view.add_(part)

    def _views(self, matrix: Tensor, row: int, column: int) -> Iterator[tuple[slice, slice, Tensor]]:
        """The parts of a layer pair in the flat layout as (members, i, a, j, c), with the a and c that each holds."""
        for rows, (row_start, row_stop) in self._segments(row):
            for columns, (column_start, column_stop) in self._segments(column):
                view = matrix[:, row_start:row_stop, column_start:column_stop]
                view = torch.unflatten(view, 2, (self.network.widths[column + 1], -1))
                yield rows, columns, torch.unflatten(view, 1, (self.network.widths[row + 1], -1))

    def _segments(self, layer: int) -> list[tuple[slice, tuple[int, int]]]:
        start, middle, end = self.network.spans[layer]
        fan = self.network.widths[layer]
        weight = (slice(0, fan), (start, middle))
        return [weight, (slice(fan, fan + 1), (middle, end))] if self.network.bias else [weight]


def _add_examples(
    blocks: list[_Blocks], network: Mlp, theta: Tensor, x: Tensor, y: Targets, loss: Loss, share: float
) -> None:
    """Add a chunk of examples to the blocks of (Gauss-Newton, residual) part; ``share`` is its part of the batch."""
    trace, f = network.trace(theta, x), network.nonlinearity
    last = len(trace.pre) - 1
    inputs = [torch.nn.functional.pad(h, (0, 1), value=1.0) if network.bias else h for h in trace.inputs]
    slopes = [f.slope(z) for z in trace.pre[:-1]]

    # delta[l] = dL/dz_l, and bends[l] = f''(z_l) dL/dh_l, the activations' own curvature
    delta = [loss.gradient(trace.outputs, y) * share]
    bends: list[Tensor] = []
    for layer in reversed(range(last)):
        back = delta[0] @ trace.weights[layer + 1]
        if not f.piecewise_linear:
            bends.insert(0, f.bend(trace.pre[layer]) * back)
        delta.insert(0, back * slopes[layer])

    # curvature[part][l] = d^2 L/dz_l dz_l as (members, examples, i, i), or only its diagonal, or None for zero
    gauss_newton: Tensor = loss.hessian(trace.outputs, y) * share
    residual: Tensor | None = None
    flow: dict[int, Tensor] = {}  # dz_high/dz_low for the present low, by high
    for high in range(last, -1, -1):
        for part, q in ((blocks[0], gauss_newton), (blocks[1], residual)):
            if q is not None:
                _add_pairs(part, q, high, inputs, slopes, trace.weights)
        if high and (high < last or bends):
            residual = _pulled(residual, trace.weights[high], slopes[high - 1], bends[high - 1] if bends else None)
        if high:
            pulled = _pulled(gauss_newton, trace.weights[high], slopes[high - 1], None)
            gauss_newton = pulled if pulled is not None else gauss_newton

    # second term: W_l' acts on h_(l'-1), which depends on z_l
    for low in range(last - 1, -1, -1):
        outer = (delta[low + 1][..., :, None] * inputs[low][..., None, :]).flatten(2)
        blocks[1].add("next", (low, low + 1), slopes[low], outer)
        flow = {high: _through(dz, trace.weights[low + 1], slopes[low]) for high, dz in flow.items()}
        flow[low + 1] = trace.weights[low + 1][:, None] * slopes[low][..., None, :]
        for high in range(low + 2, last + 1):
            dh = slopes[high - 1][..., :, None] * flow[high - 1]
            outer = (delta[high][..., :, None] * inputs[low][..., None, :]).flatten(2)
            blocks[1].add("skip", (low, high), dh.flatten(2), outer)


def _add_pairs(
    part: _Blocks,
    q: Tensor,
    high: int,
    inputs: list[Tensor],
    slopes: list[Tensor],
    weights: tuple[Tensor, ...],
) -> None:
    """Add the first term of all pairs (low, high): Q[j, i] h[c] h[a], summed over the examples."""
    pairs = torch.triu_indices(inputs[high].shape[-1], inputs[high].shape[-1], device=q.device)
    squares = inputs[high][..., pairs[0]] * inputs[high][..., pairs[1]]
    if q.ndim == 3:  # diagonal
        part.add("unit", (high, high), q, squares)
        if high:
            q = q[..., :, None] * weights[high][:, None] * slopes[high - 1][..., None, :]
    else:
        pairs = torch.triu_indices(q.shape[-1], q.shape[-1], device=q.device)
        part.add("own", (high, high), q[..., pairs[0], pairs[1]], squares)
        if high:
            q = _through(q, weights[high], slopes[high - 1])
    for low in range(high - 1, -1, -1):
        outer = (inputs[high][..., :, None] * inputs[low][..., None, :]).flatten(2)
        part.add("paired", (low, high), q.flatten(2), outer)
        if low:
            q = _through(q, weights[low], slopes[low - 1])


def _pulled(q: Tensor | None, weight: Tensor, slope: Tensor, bend: Tensor | None) -> Tensor | None:
    """Curvature one layer down: D W' Q W D + diag(bend); diagonal as long as Q is zero, None if all is zero."""
    if q is None:
        return bend
    if q.ndim == 3:
        half = (q[..., :, None] * weight[:, None]) * slope[..., None, :]
    else:
        half = _through(q, weight, slope)
    pulled = _through(half.mT, weight, slope)
    if bend is not None:
        pulled.diagonal(dim1=-2, dim2=-1).add_(bend)
    return pulled


def _through(rows: Tensor, weight: Tensor, slope: Tensor) -> Tensor:
    """Move rows (members, examples, r, n_l) times dz_l/dz_(l-1) = W_l D_(l-1), as one product per member."""
    members, examples, count, _ = rows.shape
    moved = torch.unflatten((rows.reshape(members, examples * count, -1) @ weight), 1, (examples, count))
    return moved * slope[:, :, None, :]


def _square_of_pairs(size: int, device: torch.device) -> Tensor:
    """For each (i, j) of a square, flattened, the position of its unordered pair in ``torch.triu_indices``."""
    rows, columns = torch.triu_indices(size, size, device=device)
    square = torch.empty(size, size, dtype=torch.int64, device=device)
    square[rows, columns] = torch.arange(len(rows), device=device)
    square[columns, rows] = square[rows, columns]
    return square.flatten()


def _operand_sizes(network: Mlp) -> list[int]:
    """Numbers per member and example in the operands of each layer pair, roughly."""
    widths = network.widths
    fans = [width + int(network.bias) for width in widths]
    return [
        3 * widths[high + 1] * widths[low + 1] + fans[high] * fans[low] + widths[high + 1] * fans[low]
        for high in range(len(widths) - 1)
        for low in range(high + 1)
    ]
