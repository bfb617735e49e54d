"""Any ``torch.nn.Module`` as a pure function of a flat parameter tensor with a leading members axis.

Conventions. The flat layout holds the trainable parameters in the order of ``module.named_parameters()``, each
row-major and each once, however often it is used. Frozen parameters and buffers belong to the function: they have the
values of today. The first axis of inputs and outputs counts the examples.
"""

import copy
import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.parameter import is_lazy

from numerics.arguments import (
    checked_device,
    checked_dtype,
    checked_finite,
    checked_number,
    checked_scale,
    checked_tensors,
)
from numerics.networks import Mlp
from numerics.seeded import seeded_normal


class FunctionalModule:
    """A frozen view of a module: its architecture, buffers and mode of today, and parameters that are an argument.

    The module is copied, so that neither the view touches the module (parameters, ``.grad``, buffers, mode) nor later
    training the view.

    Args:
        module: In a mode in which its outputs depend on nothing but parameters and inputs, example by example: no
            active dropout, no batch norm in training mode. Its trainable parameters have one dtype, float32 or
            float64, and one device.

    Raises:
        TypeError: If it is no module.
        ValueError: If it has no trainable parameters, some are not initialised or not finite, they have several dtypes
            or devices, a layer is random or keeps statistics in training mode, or the module cannot be copied.

    Examples:
        >>> view = FunctionalModule(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)))
        >>> view.parameters, list(view.layers)
        (26, ['0.weight', '0.bias', '2.weight', '2.bias'])
        >>> view.forward(view.theta, torch.ones(5, 3)).shape
        torch.Size([1, 5, 2])
    """

    @torch.inference_mode(False)  # what is copied there could not be differentiated
    def __init__(self, module: nn.Module) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}.")
        trainable = {name: value for name, value in module.named_parameters() if value.requires_grad}
        if not trainable:
            raise ValueError(f"module must have trainable parameters, but {type(module).__name__} has none.")
        for name, value in trainable.items():
            if is_lazy(value):
                raise ValueError(f"module must be initialised, but parameter {name} has no shape before a first call.")
        kinds = sorted({f"{value.dtype} on {value.device}" for value in trainable.values()})
        if len(kinds) > 1:
            raise ValueError(f"module must have parameters of one dtype and device, got {', '.join(kinds)}.")
        checked_tensors(**{f"module's parameter {name}": value for name, value in trainable.items()})
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                f"module must be one of Python, but {type(module).__name__} is compiled: give what it was made from."
            )
        _refuse_impure(module)
        try:
            self.module = copy.deepcopy(module)
        except Exception as error:
            raise ValueError(f"module must be one that copy.deepcopy can copy, but it says: {error}") from error
        self.module.requires_grad_(False)
        for parameter in self.module.parameters():
            parameter.grad = None
        for layer in self.module.modules():
            if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
                layer.sparse = False  # the same function, whose gradient then is dense like all others
        self._shapes = {name: value.shape for name, value in trainable.items()}
        places: dict[str, slice] = {}
        start = 0
        for name, shape in self._shapes.items():
            places[name] = slice(start, start + shape.numel())
            start += shape.numel()
        if not start:
            raise ValueError("module must have trainable parameters, but all of them are empty.")
        self._places: dict[str, slice] = places
        self._theta = torch.cat([value.detach().flatten() for value in trainable.values()])[None]
        checked_finite(**{"module's parameters": self._theta})
        self._buffers = [name for name, _ in self.module.named_buffers()]
        self._constants: dict[tuple[torch.dtype, torch.device], dict[str, Tensor]] = {}

    @property
    def parameters(self) -> int:
        """Number of trainable parameters, each counted once."""
        return self._theta.shape[1]

    @property
    def theta(self) -> Float[Tensor, "1 parameters"]:
        """The module's own parameters when the view was taken, a copy."""
        return self._theta.clone()

    @property
    def layers(self) -> Mapping[str, slice]:
        """Where each parameter lies in the flat tensor, by its name in the module."""
        return dict(self._places)

    @property
    def weights(self) -> Mapping[str, slice]:
        """Where each weight lies: those of ``layers`` with two or more axes, no bias and no scale of a norm."""
        return {name: place for name, place in self._places.items() if len(self._shapes[name]) >= 2}

    def init(
        self,
        seeds: Sequence[int],
        *,
        sigma_w: float = 1.0,
        sigma_b: float = 0.0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> Float[Tensor, "members parameters"]:
        """Draw one random network per seed: weights N(0, sigma_w^2/fan_in), biases N(0, sigma_b^2).

        Weights are the parameters with two or more axes, fan_in is the product of all sizes but the first; biases are
        those with one axis and "bias" in their name. Other parameters, such as the scales of a norm, keep today's
        values. A member depends on its own seed alone.

        Args:
            seeds: One per member.
            sigma_w: Weight scale, at least 0.
            sigma_b: Bias scale, at least 0.
            dtype: float32 or float64, the module's own if None; draws are made in float64 and rounded.
            device: Where the parameters shall be; the module's own if None.

        Returns:
            The flat parameters.

        Raises:
            ValueError: If a scale is negative, not finite or too large for the dtype, the dtype is not real floating
                point, or there is no seed or no such device.
        """
        sigma_w, sigma_b = checked_number("sigma_w", sigma_w, least=0.0), checked_number("sigma_b", sigma_b, least=0.0)
        dtype = self._theta.dtype if dtype is None else dtype
        checked_dtype(dtype)
        device = self._theta.device if device is None else checked_device(device)
        scales = torch.zeros(self.parameters, dtype=torch.float64, device="cpu")
        kept = self._theta[0].to(dtype=torch.float64, device="cpu").clone()
        for name, place in self._places.items():
            shape = self._shapes[name]
            if len(shape) >= 2:
                scales[place], kept[place] = sigma_w / math.sqrt(shape[1:].numel()), 0.0
            elif len(shape) == 1 and "bias" in name.rpartition(".")[2]:
                scales[place], kept[place] = sigma_b, 0.0
        draws = seeded_normal("network", (self.parameters,), seeds=seeds, dtype=torch.float64, device="cpu")
        scaled = (draws * scales + kept).to(dtype=dtype)
        checked_scale("sigma_w and sigma_b", max(sigma_w, sigma_b), scaled)
        return scaled.to(device=device)

    def unflatten(self, theta: Float[Tensor, "members parameters"]) -> dict[str, Tensor]:
        """Views of the flat parameters by name, each of shape (members, *its own shape).

        Raises:
            ValueError: If ``theta`` is not (members, parameters).
        """
        checked_tensors(theta=theta)
        if theta.ndim != 2 or theta.shape[1] != self.parameters:
            raise ValueError(f"theta must have shape (members, {self.parameters}), got {tuple(theta.shape)}.")
        sizes = [shape.numel() for shape in self._shapes.values()]
        pieces = torch.split(theta, sizes, dim=1)  # one node in a graph, where slices would be one each
        return {
            name: piece.reshape(len(theta), *shape)
            for (name, shape), piece in zip(self._shapes.items(), pieces, strict=True)
        }

    def forward(
        self, theta: Float[Tensor, "members parameters"], x: Tensor, *, shared: bool = True
    ) -> Float[Tensor, "members batch ..."]:
        """Outputs of every member; several members are one batched computation.

        A pure function that may be differentiated and vmapped. theta fixes dtype and device: frozen parameters and
        buffers follow it. Allocates members times what the module allocates.

        Args:
            theta: Parameters, one row per member.
            x: Inputs, (batch, ...), the same for all members; a floating point tensor has theta's dtype.
            shared: False if x has a members axis in front, (members, batch, ...), one set of inputs for each.

        Raises:
            TypeError: If ``x`` is no tensor, or the module does not return one.
            ValueError: If ``theta`` or ``x`` does not fit the module or the other.
        """
        named = self.unflatten(theta)
        if not isinstance(x, Tensor):
            raise TypeError(f"x must be a torch tensor, got {type(x).__name__}.")
        if x.device != theta.device or (x.is_floating_point() and x.dtype != theta.dtype):
            raise ValueError(
                f"x must have theta's dtype and device, {theta.dtype} on {theta.device}, got {x.dtype} on {x.device}."
            )
        if x.ndim == 0 or (not shared and (x.ndim < 2 or len(x) != len(theta))):
            wanted = "(batch, ...)" if shared else f"({len(theta)}, batch, ...)"
            raise ValueError(f"x must have shape {wanted}, got {tuple(x.shape)}.")
        if len(theta) == 1:
            own = {name: value.squeeze(0) for name, value in named.items()}
            return self.call(own, x if shared else x.squeeze(0)).unsqueeze(0)
        outputs: Tensor = vmap(self.call, in_dims=(0, None if shared else 0))(named, x)
        return outputs

    def call(self, named: Mapping[str, Tensor], x: Tensor) -> Float[Tensor, "batch ..."]:
        """Outputs of one member, from all of its parameters by name; nothing is checked beforehand.

        Raises:
            TypeError: If the module does not return a tensor.
            ValueError: If its forward fails.
        """
        constants = self._constants_like(next(iter(named.values())))
        buffers = {name: constants[name].clone() for name in self._buffers}  # may be changed in place, as may x
        try:
            outputs = functional_call(self.module, (dict(named), {**constants, **buffers}), (x.clone(),))
        except (RuntimeError, IndexError, MemoryError):  # torch's own: shapes that do not fit, or no memory
            raise
        except Exception as error:
            said = " ".join(str(error).split())
            raise ValueError(
                f"module must take x of shape {tuple(x.shape)}, but fails: {type(error).__name__}: {said}"
            ) from error
        if not isinstance(outputs, Tensor):
            raise TypeError(f"module must return one tensor, got {type(outputs).__name__}.")
        return outputs

    def shaped(self, flat: Mapping[str, Float[Tensor, " size"]]) -> dict[str, Tensor]:
        """Each parameter of one member in its own shape, from flat pieces by name."""
        return {name: piece.reshape(self._shapes[name]) for name, piece in flat.items()}

    def _constants_like(self, theta: Tensor) -> dict[str, Tensor]:
        """Frozen parameters and buffers, floating point ones in theta's dtype, all on theta's device."""
        key = theta.dtype, theta.device
        if key not in self._constants:
            named = dict(self.module.named_parameters()) | dict(self.module.named_buffers())
            self._constants[key] = {
                name: value.detach().to(theta.device, theta.dtype if value.is_floating_point() else value.dtype)
                for name, value in named.items()
                if name not in self._places
            }
        return self._constants[key]

    def __repr__(self) -> str:
        return f"FunctionalModule({type(self.module).__name__}, {self.parameters} parameters)"


Network = Mlp | FunctionalModule


def checked_network(network: object) -> None:
    """Refuse what is neither a perceptron nor a view of a module.

    Raises:
        TypeError: If it is neither.

    Examples:
        >>> checked_network(nn.Linear(2, 1))
        Traceback (most recent call last):
        ...
        TypeError: network must be an Mlp or a FunctionalModule, got Linear: FunctionalModule(module) is a view of it.
    """
    if not isinstance(network, Network):
        view = ": FunctionalModule(module) is a view of it" if isinstance(network, nn.Module) else ""
        raise TypeError(f"network must be an Mlp or a FunctionalModule, got {type(network).__name__}{view}.")


def _refuse_impure(module: nn.Module) -> None:
    """Refuse layers that draw random numbers or keep statistics in the mode in which they are."""
    for name, layer in module.named_modules():
        if not layer.training:
            continue
        where = f"{name or 'the module itself'} ({type(layer).__name__})"
        if isinstance(layer, nn.modules.dropout._DropoutNd | nn.AlphaDropout):
            active = layer.p > 0
        elif isinstance(layer, nn.RNNBase | nn.MultiheadAttention):
            active = layer.dropout > 0
        else:
            active = isinstance(layer, nn.RReLU)
        if active:
            raise ValueError(f"module must be deterministic, but dropout is active in {where}: call .eval() first.")
        statistics = isinstance(layer, nn.modules.batchnorm._NormBase)
        if statistics and (isinstance(layer, nn.modules.batchnorm._BatchNorm) or layer.track_running_stats):
            raise ValueError(
                f"module must treat each example by itself, but {where} is in training mode and keeps statistics of "
                f"the batch: call .eval() first."
            )
