r"""Where the hidden units of a network lie in its flat parameters, so that they can be reordered.

Conventions. A *unit* is an output of a hidden linear layer or an output channel of a hidden convolution. Its *rows* are
what it owns: the weights with which it takes in, its bias, and the scale and shift of a batch norm behind it. Its
*column* is what the next layer takes from it. Reordering the rows of a layer and its columns alike leaves the function
as it is, for any elementwise activation. If the activation is odd (tanh), so does a change of sign of a unit's rows and
its column; if it is even (a square), one of its rows alone.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from numerics.activations import Activation
from numerics.functional_module import FunctionalModule, Network
from numerics.homogeneous_layers import weight_layers
from numerics.networks import Mlp
from numerics.paths.refreshed_norms import RefreshedNorm

Parity = Literal["odd", "even", "none"]

_ELEMENTWISE = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Sigmoid),
    *(nn.LogSigmoid, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.Hardshrink, nn.Threshold, nn.Tanh, nn.Softsign),
    *(nn.Softshrink, nn.Tanhshrink, nn.Identity),
)
_ODD = (nn.Tanh, nn.Softsign, nn.Tanhshrink, nn.Identity)
_NORMS = (nn.modules.batchnorm._BatchNorm, RefreshedNorm)


@dataclass(frozen=True)
class HiddenLayer:
    """The units of one hidden layer in the flat layout.

    Attributes:
        name: How it is called in messages.
        units: Their number.
        rows: Where tensors lie whose first axis counts the units.
        column: Where the next layer's weight lies.
        columns: Its shape as (outputs, so often all units, units, so often each).
        parity: Of the activation behind it.
    """

    name: str
    units: int
    rows: tuple[slice, ...]
    column: slice
    columns: tuple[int, int, int, int]
    parity: Parity

    def incoming(self, theta: Tensor) -> Tensor:
        """The rows of every unit, side by side: (members, units, numbers)."""
        return torch.cat([theta[:, place].reshape(len(theta), self.units, -1) for place in self.rows], dim=2)

    def outgoing(self, theta: Tensor) -> Tensor:
        """The column of every unit: (members, units, numbers)."""
        whole = theta[:, self.column].reshape(len(theta), *self.columns)
        return whole.movedim(3, 1).flatten(2)

    def reordered(self, theta: Tensor, order: Tensor, signs: Tensor) -> Tensor:
        """The same functions, with unit ``order[j]`` times ``signs[j]`` in place j of each member.

        The sign of an even unit's column stays.
        """
        moved = theta.clone()
        for place in self.rows:
            rows = theta[:, place].reshape(len(theta), self.units, -1)
            picked = rows.gather(1, order[..., None].expand(-1, -1, rows.shape[2])) * signs[..., None]
            moved[:, place] = picked.flatten(1)
        whole = theta[:, self.column].reshape(len(theta), *self.columns)
        picked = whole.gather(3, order[:, None, None, :, None].expand_as(whole))
        if self.parity == "odd":
            picked = picked * signs[:, None, None, :, None]
        moved[:, self.column] = picked.flatten(1)
        return moved


def hidden_layers(network: Network) -> list[HiddenLayer]:
    """The hidden layers of a perceptron, or of a module that is a chain of layers.

    Args:
        network: A perceptron; or a view of an ``nn.Sequential``, nested or not, of linear layers, convolutions,
            elementwise activations, batch norms, poolings and Flatten.

    Raises:
        ValueError: If the module is no such chain, or a layer's units cannot be reordered one by one.

    Examples:
        >>> [(layer.name, layer.units, layer.parity) for layer in hidden_layers(Mlp((3, 4, 5, 1), "tanh"))]
        [('0.weight', 4, 'odd'), ('1.weight', 5, 'odd')]
    """
    return _of_perceptron(network) if isinstance(network, Mlp) else _of_chain(network)


def parity(function: Activation) -> Parity:
    """Whether an activation is odd or even, to rounding at 64 points; "none" if it is neither.

    Examples:
        >>> from numerics.activations import activation
        >>> [parity(activation(name)) for name in ("tanh", "quadratic", "relu", "sigmoid")]
        ['odd', 'even', 'none', 'none']
    """
    z = torch.linspace(0, 4, 64, dtype=torch.float64, device="cpu")
    here, there = function(z), function(-z)
    scale = 1e-14 * (1 + here.abs())
    if bool(((here + there).abs() <= scale).all()):
        return "odd"
    return "even" if bool(((here - there).abs() <= scale).all()) else "none"


def _of_perceptron(network: Mlp) -> list[HiddenLayer]:
    layers, kind = [], parity(network.nonlinearity)
    for layer, ((start, middle, end), (after, stop, _)) in enumerate(pairwise(network.spans)):
        rows = (slice(start, middle), slice(middle, end)) if network.bias else (slice(start, middle),)
        columns = (network.widths[layer + 2], 1, network.widths[layer + 1], 1)
        layers.append(HiddenLayer(f"{layer}.weight", columns[2], rows, slice(after, stop), columns, kind))
    return layers


def _of_chain(network: FunctionalModule) -> list[HiddenLayer]:
    chain = list(_flattened(network.module, ""))
    try:
        found = weight_layers(_skeleton(copy.deepcopy(network.module)))
    except ValueError as error:
        kind, why = type(network.module), str(error)
        if kind.forward is not nn.Sequential.forward:
            why = (
                f"{kind.__name__} is no nn.Sequential; put its layers into one, in the order in which it applies them."
            )
        raise ValueError(
            f"network must be a chain of layers and elementwise activations for its units to be matched: {why}"
        ) from error
    places = network.layers
    frozen = [name for layer in found for name in (layer.weight, layer.bias) if name is not None and name not in places]
    if frozen:
        raise ValueError(f"network must have trainable layers for its units to be matched, but {frozen[0]} is frozen.")
    where = {name: number for number, (name, _) in enumerate(chain)}
    layers = []
    for this, after in pairwise(found):
        if after.mixed or this.groups > 1 or after.groups > 1:
            why = after.mixed or "its convolutions are grouped"
            raise ValueError(
                f"network must have units that can be told apart, but those of {this.weight} cannot: {why}."
            )
        first, last = where[_parent(this.weight)], where[_parent(after.weight)]
        between = chain[first + 1 : last]
        names = [this.weight, *([this.bias] if this.bias else [])]
        normed = [name for name, module in between if isinstance(module, _NORMS)]
        names += [f"{name}.{leaf}" for name in normed for leaf in ("weight", "bias") if f"{name}.{leaf}" in places]
        kernel = 1
        for size in after.shape[2:]:
            kernel *= size
        each, whole = after.repeats
        odd = not normed and all(isinstance(module, (*_ODD, nn.Flatten, nn.Dropout)) for _, module in between)
        layers.append(
            HiddenLayer(
                this.weight,
                this.units,
                tuple(places[name] for name in names),
                places[after.weight],
                (after.units, whole, this.units, each * kernel),
                "odd" if odd else "none",
            )
        )
    return layers


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _flattened(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """The modules in the order in which they are applied, with their names."""
    if type(module).forward is not nn.Sequential.forward:
        yield name, module
        return
    for own, child in module._modules.items():
        if child is not None:
            yield from _flattened(child, f"{name}.{own}" if name else own)


def _skeleton(module: nn.Module) -> nn.Module:
    """The chain with ReLU for every elementwise activation and nothing for a batch norm: what hangs together."""
    for own, child in module._modules.items():
        if isinstance(child, _ELEMENTWISE):
            module._modules[own] = nn.ReLU()
        elif isinstance(child, _NORMS):
            module._modules[own] = nn.Identity()
        elif isinstance(child, nn.PReLU) and child.num_parameters > 1:
            raise ValueError(f"{own} (PReLU) has a slope for each unit.")
        elif child is not None:
            _skeleton(child)
    return module
