"""Which modules are chains of layers whose scale can be shifted from one layer to the next, and which are not.

Conventions. A chain is ``nn.Sequential``, nested or not, or a single layer. Its *weight layers* are the linear and
convolutional ones. Between them only positively homogeneous modules may stand, f(c z) = c f(z) for c > 0; what stands
before the first or behind the last of them may be anything without parameters. A *unit* is an output of a linear layer
or an output channel of a convolution. Inputs have an axis of examples in front.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_WEIGHTED = (nn.Linear, *_CONVOLUTIONS)
_POOLINGS = tuple(
    (getattr(nn, f"{kind}Pool1d"), getattr(nn, f"{kind}Pool2d"), getattr(nn, f"{kind}Pool3d"))
    for kind in ("Max", "Avg", "AdaptiveMax", "AdaptiveAvg")
)
_AXES = {kind: axes for kinds in (_CONVOLUTIONS, *_POOLINGS) for axes, kind in enumerate(kinds, 1)}
"""Of how many axes of space a convolution or a pooling is."""
_REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_ELEMENTWISE = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.Identity)
_RESHAPING = (nn.Flatten, nn.Unflatten)
_NORMS = (
    nn.modules.batchnorm._NormBase,
    *(nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm, nn.CrossMapLRN2d, nn.RMSNorm),
)
_KNOWN = "ReLU, LeakyReLU, PReLU, pooling, Flatten, Unflatten, Identity and inactive dropout"


@dataclass(frozen=True)
class WeightLayer:
    """A linear or convolutional layer in a chain.

    Attributes:
        weight: The name of its weight.
        bias: The name of its bias, None if it has none.
        shape: Of the weight: outputs, inputs of one group, kernel.
        groups: Of a convolution; 1 otherwise.
        repeats: How the units of the layer before make up the inputs: each so often in a row, all of it so often.
        mixed: Why the units of the layer before cannot be told apart in the inputs; empty if they can.
    """

    weight: str
    bias: str | None
    shape: tuple[int, ...]
    groups: int = 1
    repeats: tuple[int, int] = (1, 1)
    mixed: str = ""

    @property
    def units(self) -> int:
        """Number of outputs or output channels."""
        return self.shape[0]

    @property
    def inputs(self) -> int:
        """Number of inputs or input channels."""
        return self.shape[1] * self.groups


def weight_layers(model: nn.Module) -> list[WeightLayer]:
    """The weight layers of a chain, in order.

    Args:
        model: The chain.

    Raises:
        TypeError: If it is no module.
        ValueError: If it is no chain, has no weight layer, a layer's weight or bias is no real parameter of its own, or
            the scale of a layer cannot be shifted to the next one.

    Examples:
        >>> layers = weight_layers(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2)))
        >>> [(layer.weight, layer.units, layer.repeats) for layer in layers]
        [('0.weight', 4, (1, 1)), ('3.weight', 2, (9, 1))]
        >>> weight_layers(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)))
        Traceback (most recent call last):
        ...
        ValueError: model must have positively homogeneous activations, but 1 (Tanh) is not: f(2 z) is not 2 f(z).
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
    chain = list(_chain(model, ""))
    places = [place for place, (_, module) in enumerate(chain) if type(module) in _WEIGHTED]
    if not places:
        raise ValueError(
            f"model must have a linear or convolutional layer in an nn.Sequential, got {type(model).__name__}."
        )
    for place, (name, module) in enumerate(chain):
        if places[0] < place < places[-1]:
            _check_between(name, module)
        elif type(module) not in _WEIGHTED and any(True for _ in module.parameters()):
            raise ValueError(f"model must be a chain of layers that rescaling knows, but {name} is no such layer.")
    _check_own_parameters(chain)
    layers: list[WeightLayer] = []
    before = 0
    for place in places:
        name, module = chain[place]
        named = dict(module.named_parameters(recurse=False))
        shape, groups = tuple(named["weight"].shape), getattr(module, "groups", 1)
        repeats, mixed = (1, 1), ""
        if layers:
            repeats, mixed = _passage(chain[before : place + 1], layers[-1].units, shape[1] * groups)
        bias = _joined(name, "bias") if "bias" in named else None
        layers.append(WeightLayer(_joined(name, "weight"), bias, shape, groups, repeats, mixed))
        before = place
    return layers


def _joined(name: str, leaf: str) -> str:
    return f"{name}.{leaf}" if name else leaf


def _called(name: str, module: nn.Module) -> str:
    return f"{name or 'the model itself'} ({type(module).__name__})"


def _chain(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """The modules in the order in which they are applied, with their names."""
    if module._forward_hooks or module._forward_pre_hooks or is_parametrized(module):
        raise ValueError(
            f"model must have plain parameters, but {_called(name, module)} has hooks or a parametrization, such as "
            f"weight normalisation."
        )
    if type(module).forward is nn.Sequential.forward:
        for own, child in module._modules.items():
            if child is not None:
                yield from _chain(child, _joined(name, own))
    else:
        yield name, module


def _check_between(name: str, module: nn.Module) -> None:
    """Refuse what may not stand between weight layers."""
    kind, where = type(module), _called(name, module)
    if isinstance(module, nn.modules.dropout._DropoutNd | nn.RReLU):
        if module.training and not (isinstance(module, nn.modules.dropout._DropoutNd) and module.p == 0):
            raise ValueError(f"model must be deterministic, but {where} draws random numbers: call .eval() first.")
    elif isinstance(module, _NORMS):
        raise ValueError(
            f"model must hand the scale of a layer on to the next one, but {where} normalises it: the symmetry is "
            f"another one there."
        )
    elif kind not in (*_WEIGHTED, *_ELEMENTWISE, *_AXES, *_RESHAPING):
        if kind.__module__ == "torch.nn.modules.activation":
            raise ValueError(
                f"model must have positively homogeneous activations, but {where} is not: f(2 z) is not 2 f(z)."
            )
        raise ValueError(
            f"model must have nothing but {_KNOWN} between its linear and convolutional layers, got {where}."
        )


def _check_own_parameters(chain: list[tuple[str, nn.Module]]) -> None:
    """Refuse what is no parameter, or one that two layers share, which would have to be scaled in two ways."""
    owner: dict[int, str] = {}
    slopes: set[int] = set()  # several activations may share theirs, which are not scaled
    for name, module in chain:
        if type(module) not in (*_WEIGHTED, nn.PReLU):
            continue
        for leaf in ("weight", "bias"):
            parameter, own = getattr(module, leaf, None), _joined(name, leaf)
            if parameter is None and leaf == "bias":
                continue
            if not isinstance(parameter, nn.Parameter) or module._parameters.get(leaf) is not parameter:
                raise ValueError(
                    f"model must have weights and biases that are parameters, but {own} is a plain "
                    f"{type(parameter).__name__}."
                )
            if parameter.layout != torch.strided or parameter.dtype not in _REAL:
                raise ValueError(
                    f"model must have dense parameters of a real floating point dtype of 16 bits at least, but {own} "
                    f"is of {parameter.dtype} and {parameter.layout}."
                )
            if not parameter.numel():
                raise ValueError(f"model must have one unit at least in every layer, but {own} is empty.")
            place = parameter.data_ptr() or id(parameter)  # a view of another layer's weight is tied to it, too
            if place in owner and not (place in slopes and type(module) is nn.PReLU):
                raise ValueError(
                    f"model must not tie weights, but {own} is {owner[place]}, and both would need the same scale."
                )
            owner[place] = own
            if type(module) is nn.PReLU:
                slopes.add(place)


def _passage(between: list[tuple[str, nn.Module]], units: int, inputs: int) -> tuple[tuple[int, int], str]:
    """How units of the first layer become inputs of the last one, or why they cannot be told apart there."""
    first, last = between[0][1], between[-1][1]
    axis = "channels" if isinstance(first, _CONVOLUTIONS) else "features"
    flat = False
    for name, module in between[1:-1]:
        where = _called(name, module)
        if type(module) in _AXES and (axis == "features" or flat):
            return (1, 1), f"{where} pools over them"
        if type(module) in _AXES and _AXES[type(module)] != _AXES[type(first)]:
            return (1, 1), f"{where} takes other axes than {_called(*between[0])} makes"
        if isinstance(module, nn.Unflatten) or (
            isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) != (1, -1)
        ):
            return (1, 1), f"{where} moves them to other axes"
        flat = flat or isinstance(module, nn.Flatten)
    where = _called(*between[-1])
    if axis == "channels" and not flat and _AXES.get(type(last), _AXES[type(first)]) != _AXES[type(first)]:
        return (1, 1), f"{where} takes other axes than {_called(*between[0])} makes"
    dense = isinstance(last, nn.Linear)
    if (
        dense == (axis == "channels" and not flat)
        or (flat and not dense)
        or inputs % units
        or (inputs != units and not flat)
    ):
        return (1, 1), f"{where} does not take them along the axis on which they lie"
    return ((inputs // units, 1) if axis == "channels" else (1, inputs // units)), ""
