r"""Put the hidden units of one network in the order of another's.

A network's function does not change when its hidden units are reordered, and for odd and even activations when their
signs are (``numerics.paths.hidden_units``). Of two networks that were trained from different starts the second can
therefore be moved, without a change of its function, to where a straight line from the first meets a lower barrier.

**By weights** (Ainsworth, Hayase and Srinivasa 2022, arXiv:2209.04836, Algorithm 1): make <theta_a, pi theta_b> as
large as possible, which is to make |theta_a - pi theta_b| small. For one layer at a time, the others fixed, that is a
linear assignment problem with the matrix C_ij = <rows_i, rows'_j> + <column_i, column'_j>, solved exactly; with signs
it is |C_ij| (odd) or |<rows_i, rows'_j>| + <column_i, column'_j> (even). Layers take turns until none improves. One
hidden layer is solved at once; more of them to a point that no single layer improves, from two starts: the units as
they are, and what matching forward through the layers by rows alone gives. The latter recovers a planted order at any
depth, by the inequality of Cauchy and Schwarz, and so does the better of the two.

**By activations** (the same, section 3.1): C_ij = <z_i, z'_j>, the products of the units' pre-activations over data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from numerics.arguments import checked_finite, checked_tensors
from numerics.functional_module import FunctionalModule, Network
from numerics.networks import Mlp
from numerics.paths.hidden_units import HiddenLayer, hidden_layers
from numerics.paths.refreshed_norms import refreshed

By = Literal["weights", "activations"]

_ROUNDS = 100  # of all layers; each raises a bounded product, and in practice ten are enough


@dataclass(frozen=True, eq=False)
class UnitMatching:
    """The second network of every pair with its units in the order of the first.

    Attributes:
        theta: Its parameters: the given ones, reordered, some with the opposite sign; not one is rounded.
        orders: For each hidden layer which of the given units stands in each place.
        signs: For each hidden layer 1 or -1 by which each of them was multiplied.
        product: <theta_a, theta>, what matching by weights makes large.
    """

    theta: Float[Tensor, "pairs parameters"]
    orders: tuple[Int[Tensor, "pairs _"], ...]
    signs: tuple[Float[Tensor, "pairs _"], ...]
    product: Float[Tensor, " pairs"]

    def __repr__(self) -> str:
        pairs, units = len(self.theta), [order.shape[1] for order in self.orders]
        return f"UnitMatching({pairs} pair{'s' * (pairs != 1)}, hidden units {units})"


def match_units(
    network: Network | nn.Module,
    theta_a: Float[Tensor, "pairs parameters"],
    theta_b: Float[Tensor, "pairs parameters"],
    *,
    by: By = "weights",
    x: Tensor | None = None,
    signs: bool = True,
) -> UnitMatching:
    """Reorder the hidden units of each second network so that they resemble those of the first.

    One assignment problem for each pair and hidden layer, cubic in its units, on the CPU; by activations beforehand one
    forward pass and members x batch x units numbers.

    Args:
        network: A perceptron, or an ``nn.Sequential`` that is a chain of layers.
        theta_a: Parameters of the first networks, one row per pair.
        theta_b: Parameters of the second networks.
        by: "weights" or "activations".
        x: The inputs at which activations are compared, shared by all pairs; one set for each is possible for a
            perceptron.
        signs: Whether units may change their sign, too, where the activation is odd or even.

    Returns:
        The second networks, reordered, and how.

    Raises:
        TypeError: If a piece is of the wrong kind.
        ValueError: If the pieces do not fit or are not finite, there are no inputs to compare activations at, units of
            the network cannot be reordered, or their products overflow.

    Examples:
        >>> network = Mlp((3, 5, 2), "tanh")
        >>> theta = network.init([0])
        >>> order = torch.tensor([[4, 2, 0, 1, 3]])
        >>> shuffled = hidden_layers(network)[0].reordered(theta, order, torch.ones(1, 5))
        >>> torch.equal(match_units(network, theta, shuffled).theta, theta)
        True

    References:
        Ainsworth, Hayase and Srinivasa (2022), arXiv:2209.04836, sections 3.1 and 3.2.
    """
    view = network if isinstance(network, Mlp) else refreshed(network)
    checked_ends(view, theta_a, theta_b)
    if by not in ("weights", "activations"):
        raise ValueError(f'by must be "weights" or "activations", got {by!r}.')
    if not isinstance(signs, bool):
        raise ValueError(f"signs must be True or False, got {signs!r}.")
    theta_a, theta_b = theta_a.detach(), theta_b.detach()
    layers = hidden_layers(view)
    if by == "weights":
        return _by_weights(layers, theta_a, theta_b, signs)
    if x is None:
        raise ValueError('x must be the inputs at which activations are compared if by is "activations", got None.')
    checked_tensors(x=x)
    checked_finite(x=x)
    first, second = _pre_activations(view, layers, theta_a, x), _pre_activations(view, layers, theta_b, x)
    moves = _Moves(layers, theta_b)
    for number, layer in enumerate(layers):
        products = first[number] @ second[number].mT
        moves.apply(number, *_assignment(products, torch.zeros_like(products), layer, signs))
    return moves.matching(theta_a)


def checked_ends(network: Network, theta_a: Tensor, theta_b: Tensor) -> None:
    """Refuse what is not one row of parameters for either network of every pair.

    Raises:
        TypeError: If one is no tensor.
        ValueError: If one is not finite, or a shape, dtype or device does not fit.
    """
    for name, theta in (("theta_a", theta_a), ("theta_b", theta_b)):
        if isinstance(theta, nn.Module):
            raise TypeError(
                f"{name} must hold rows of parameters, got the module {type(theta).__name__}: its row is "
                f"torch.nn.utils.parameters_to_vector(module.parameters())[None]."
            )
        checked_tensors(**{name: theta})
        if theta.ndim != 2 or theta.shape[1] != network.parameters:
            raise ValueError(f"{name} must have shape (pairs, {network.parameters}), got {tuple(theta.shape)}.")
        checked_finite(**{name: theta})
    if theta_a.shape != theta_b.shape or theta_a.dtype != theta_b.dtype or theta_a.device != theta_b.device:
        raise ValueError(
            f"theta_b must have theta_a's shape, dtype and device, {tuple(theta_a.shape)} of {theta_a.dtype} on "
            f"{theta_a.device}, got {tuple(theta_b.shape)} of {theta_b.dtype} on {theta_b.device}."
        )


class _Moves:
    """Parameters whose units are being reordered, and how they were."""

    def __init__(self, layers: list[HiddenLayer], theta: Tensor) -> None:
        self.layers, self.theta = layers, theta
        members = len(theta)
        self.orders = [torch.arange(one.units, device=theta.device).expand(members, -1) for one in layers]
        self.signs = [theta.new_ones(members, one.units) for one in layers]

    def apply(self, number: int, order: Tensor, sign: Tensor) -> None:
        """Reorder the units of one layer."""
        self.theta = self.layers[number].reordered(self.theta, order, sign)
        self.orders[number] = self.orders[number].gather(1, order)
        self.signs[number] = self.signs[number].gather(1, order) * sign

    def matching(self, theta_a: Tensor) -> UnitMatching:
        product = (theta_a * self.theta).sum(dim=1)
        return UnitMatching(self.theta, tuple(self.orders), tuple(self.signs), product)


def _by_weights(layers: list[HiddenLayer], theta_a: Tensor, theta_b: Tensor, signs: bool) -> UnitMatching:
    forward = _Moves(layers, theta_b)
    for number, layer in enumerate(layers):
        rows = layer.incoming(theta_a) @ layer.incoming(forward.theta).mT
        forward.apply(number, *_assignment(rows, torch.zeros_like(rows), layer, signs))
    found = [_improved(moves, theta_a, signs).matching(theta_a) for moves in (forward, _Moves(layers, theta_b))]
    first, second = found
    better = (first.product >= second.product)[:, None]

    def chosen(one: Tensor, other: Tensor) -> Tensor:
        return torch.where(better, one, other)

    return UnitMatching(
        chosen(first.theta, second.theta),
        tuple(chosen(one, other) for one, other in zip(first.orders, second.orders, strict=True)),
        tuple(chosen(one, other) for one, other in zip(first.signs, second.signs, strict=True)),
        torch.maximum(first.product, second.product),
    )


def _improved(moves: _Moves, theta_a: Tensor, signs: bool) -> _Moves:
    """Let layers take turns until none of them improves the product of any pair."""
    for _ in range(_ROUNDS):
        improved = False
        for number, layer in enumerate(moves.layers):
            rows = layer.incoming(theta_a) @ layer.incoming(moves.theta).mT
            columns = layer.outgoing(theta_a) @ layer.outgoing(moves.theta).mT
            order, sign = _assignment(rows, columns, layer, signs)
            after = layer.reordered(moves.theta, order, sign)
            gain = ((after - moves.theta) * theta_a).sum(dim=1)
            better = gain > 1e-12 * theta_a.norm(dim=1) * moves.theta.norm(dim=1)  # above rounding, or it never ends
            if bool(better.any()):
                improved = True
                stay = torch.arange(layer.units, device=order.device)
                order = torch.where(better[:, None], order, stay)
                moves.apply(number, order, torch.where(better[:, None], sign, torch.ones_like(sign)))
        if not improved:
            break
    return moves


def _assignment(rows: Tensor, columns: Tensor, layer: HiddenLayer, signs: bool) -> tuple[Tensor, Tensor]:
    """For each place the unit that fits it best, all places considered, and its sign."""
    from scipy.optimize import linear_sum_assignment

    score, flip = rows + columns, torch.ones_like(rows)
    if signs and layer.parity == "odd":
        score, flip = score.abs(), torch.where(score < 0, -flip, flip)
    elif signs and layer.parity == "even":
        score, flip = rows.abs() + columns, torch.where(rows < 0, -flip, flip)
    if not bool(score.isfinite().all()):
        raise ValueError("theta_a, theta_b and x must leave finite products of units, but they overflow.")
    picked = [linear_sum_assignment(one, maximize=True)[1] for one in score.double().cpu().numpy()]
    order = torch.stack([torch.as_tensor(one) for one in picked]).to(device=rows.device)
    return order, flip.gather(2, order[..., None])[..., 0]


def _pre_activations(network: Network, layers: list[HiddenLayer], theta: Tensor, x: Tensor) -> list[Tensor]:
    """What each hidden unit has before its activation, (members, units, examples and places)."""
    if isinstance(network, Mlp):
        return [pre.mT for pre in network.trace(theta, x).pre[:-1]]
    members = [_listened(network, layers, one, x) for one in theta]
    return [torch.stack([found[number] for found in members]) for number in range(len(layers))]


def _listened(network: FunctionalModule, layers: list[HiddenLayer], theta: Tensor, x: Tensor) -> list[Tensor]:
    """One member's pre-activations, overheard while the module is called."""
    heard: dict[str, Tensor] = {}

    def listener(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def listen(module: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
            heard[name] = outputs.movedim(-1 if isinstance(module, nn.Linear) else 1, 0).flatten(1)

        return listen

    names = [layer.name.rpartition(".")[0] for layer in layers]
    hooks = [network.module.get_submodule(name).register_forward_hook(listener(name)) for name in names]
    try:
        network.forward(theta[None], x)
    finally:
        for hook in hooks:
            hook.remove()
    return [heard[name] for name in names]
