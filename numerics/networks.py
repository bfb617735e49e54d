"""Multi-layer perceptrons as pure functions of a flat parameter tensor with a leading members axis.

Conventions. A network of widths (n_0, ..., n_L) maps h_0 = x through z_l = W_l h_(l-1) + b_l and h_l = f(z_l); the
last layer has no activation. The flat layout goes layer by layer: the weight (outputs x inputs, row-major), then the
bias. Data are (batch, features), shared by all members, or (members, batch, features).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.activations import Activation, activation
from numerics.arguments import (
    checked_device,
    checked_dtype,
    checked_number,
    checked_scale,
    checked_sizes,
    checked_tensors,
)
from numerics.seeded import seeded_normal

Layer = tuple[Float[Tensor, "members out in"], Float[Tensor, "members out"] | None]


@dataclass(frozen=True)
class Trace:
    """What one pass through a network leaves behind, layer by layer.

    Attributes:
        weights: W_l, shape (members, n_l, n_(l-1)).
        inputs: h_(l-1), what layer l takes in, shape (members, batch, n_(l-1)).
        pre: z_l, shape (members, batch, n_l); the last one is the network's output.
    """

    weights: tuple[Float[Tensor, "members _ _"], ...]
    inputs: tuple[Float[Tensor, "members batch _"], ...]
    pre: tuple[Float[Tensor, "members batch _"], ...]

    @property
    def outputs(self) -> Float[Tensor, "members batch outputs"]:
        """The network's outputs."""
        return self.pre[-1]


@dataclass(frozen=True)
class Mlp:
    """A multi-layer perceptron without parameters of its own.

    Args:
        widths: Units of every layer, input and output included; at least two.
        activation: One of linear, relu, leaky_relu, tanh, sigmoid, softplus, erf, sine, quadratic, or an
            ``Activation``.
        bias: Whether layers have biases.

    Raises:
        ValueError: If there are fewer than two widths, one is not positive, the activation is unknown, or ``bias`` is
            no truth value.

    Examples:
        >>> network = Mlp((3, 4, 2), "tanh", bias=True)
        >>> network.parameters
        26
        >>> theta = network.init([0, 1])
        >>> network.forward(theta, torch.ones(5, 3, dtype=torch.float64)).shape
        torch.Size([2, 5, 2])
    """

    widths: tuple[int, ...]
    activation: str | Activation = "tanh"
    bias: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.widths, tuple) or len(self.widths) < 2:
            raise ValueError(f"widths must be a tuple that names at least inputs and outputs, got {self.widths!r}.")
        checked_sizes(**{f"widths[{layer}]": width for layer, width in enumerate(self.widths)})
        activation(self.activation)
        if not isinstance(self.bias, bool):
            raise ValueError(f"bias must be True or False, got {self.bias!r}.")

    @property
    def nonlinearity(self) -> Activation:
        """The activation with its derivatives."""
        return activation(self.activation)

    @cached_property
    def spans(self) -> tuple[tuple[int, int, int], ...]:
        """Where each layer lies in the flat tensor: start of its weight, start of its bias, end."""
        spans, start = [], 0
        for fan_in, fan_out in zip(self.widths[:-1], self.widths[1:], strict=True):
            middle = start + fan_in * fan_out
            end = middle + (fan_out if self.bias else 0)
            spans.append((start, middle, end))
            start = end
        return tuple(spans)

    @property
    def layers(self) -> Mapping[str, slice]:
        """Where each weight and bias lies in the flat tensor, by name: 0.weight, 0.bias, 1.weight, ..."""
        places = {}
        for layer, (start, middle, end) in enumerate(self.spans):
            places[f"{layer}.weight"] = slice(start, middle)
            if self.bias:
                places[f"{layer}.bias"] = slice(middle, end)
        return places

    @property
    def parameters(self) -> int:
        """Number of parameters of one member."""
        return self.spans[-1][-1]

    def init(
        self,
        seeds: Sequence[int],
        *,
        sigma_w: float = 1.0,
        sigma_b: float = 0.0,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, "members parameters"]:
        """Draw one random network per seed: weights N(0, sigma_w^2/fan_in), biases N(0, sigma_b^2).

        A member depends on its own seed alone. Allocates the parameters once on the CPU and once where they are moved.

        Args:
            seeds: One per member.
            sigma_w: Weight scale, at least 0.
            sigma_b: Bias scale, at least 0.
            dtype: float32 or float64; draws are made in float64 and rounded.
            device: Where the parameters shall be.

        Returns:
            The flat parameters.

        Raises:
            ValueError: If a scale is negative, not finite or too large for the dtype, the dtype is not real floating
                point, or there is no seed or no such device.
        """
        sigma_w, sigma_b = checked_number("sigma_w", sigma_w, least=0.0), checked_number("sigma_b", sigma_b, least=0.0)
        checked_dtype(dtype)
        device = checked_device(device)
        scales = torch.empty(self.parameters, dtype=torch.float64, device="cpu")
        for (start, middle, end), fan_in in zip(self.spans, self.widths[:-1], strict=True):
            scales[start:middle] = sigma_w / math.sqrt(fan_in)
            scales[middle:end] = sigma_b
        draws = seeded_normal("network", (self.parameters,), seeds=seeds, dtype=torch.float64, device="cpu")
        scaled = (draws * scales).to(dtype=dtype)
        return checked_scale("sigma_w and sigma_b", max(sigma_w, sigma_b), scaled).to(device=device)

    def unflatten(self, theta: Float[Tensor, "members parameters"]) -> list[Layer]:
        """Views of the flat parameters: for each layer its weight (members, out, in) and bias (members, out) or None.

        Raises:
            ValueError: If ``theta`` is not (members, parameters).
        """
        checked_tensors(theta=theta)
        if theta.ndim != 2 or theta.shape[1] != self.parameters:
            raise ValueError(f"theta must have shape (members, {self.parameters}), got {tuple(theta.shape)}.")
        layers: list[Layer] = []
        for (start, middle, end), fan_in in zip(self.spans, self.widths[:-1], strict=True):
            weight = torch.unflatten(theta[:, start:middle], 1, (-1, fan_in))
            layers.append((weight, theta[:, middle:end] if self.bias else None))
        return layers

    def forward(
        self,
        theta: Float[Tensor, "members parameters"],
        x: Float[Tensor, "batch inputs"] | Float[Tensor, "members batch inputs"],
    ) -> Float[Tensor, "members batch outputs"]:
        """Outputs of every member. Allocates members x batch x (units of two layers) at a time.

        A pure function that may be differentiated and vmapped: no number is looked at, and NaN in is NaN out.

        Raises:
            ValueError: If ``theta`` or ``x`` does not fit the network or the other.
        """
        layers = self.unflatten(theta)
        h = self.spread(theta, x)
        for layer, (weight, bias) in enumerate(layers):
            z = affine(h, weight, bias)
            h = z if layer == len(layers) - 1 else self.nonlinearity(z)
        return h

    def trace(
        self,
        theta: Float[Tensor, "members parameters"],
        x: Float[Tensor, "batch inputs"] | Float[Tensor, "members batch inputs"],
    ) -> Trace:
        """The forward pass with every layer kept: members x batch x (all units, twice) numbers.

        Raises:
            ValueError: If ``theta`` or ``x`` does not fit the network or the other.
        """
        layers = self.unflatten(theta)
        inputs, pre = [self.spread(theta, x)], []
        for weight, bias in layers:
            pre.append(affine(inputs[-1], weight, bias))
            inputs.append(self.nonlinearity(pre[-1]) if len(pre) < len(layers) else pre[-1])
        return Trace(tuple(weight for weight, _ in layers), tuple(inputs[:-1]), tuple(pre))

    def pullback(
        self, trace: Trace, cotangent: Float[Tensor, "members batch outputs"]
    ) -> Float[Tensor, "members parameters"]:
        """Gradient of sum over examples and outputs of cotangent x output, at the point where the trace was taken.

        Args:
            trace: From ``.trace(theta, x)``.
            cotangent: One number per member, example and output.

        Returns:
            The gradient in the flat layout.

        Raises:
            ValueError: If the cotangent's shape is not that of the outputs.
        """
        if cotangent.shape != trace.outputs.shape:
            raise ValueError(
                f"cotangent must have the outputs' shape {tuple(trace.outputs.shape)}, got {tuple(cotangent.shape)}."
            )
        delta, pieces = cotangent, []
        for layer in reversed(range(len(trace.pre))):
            if self.bias:
                pieces.append(delta.sum(1))
            inputs = trace.inputs[layer]
            # of the two orders the one with fewer rows, which takes a third of the time
            few = inputs.shape[2] < delta.shape[2]
            pieces.append(((inputs.mT @ delta).mT if few else delta.mT @ inputs).flatten(1))
            if layer:
                moved = delta @ trace.weights[layer]
                delta = self.nonlinearity.pull(moved, trace.pre[layer - 1], trace.inputs[layer])
        return torch.cat(pieces[::-1], dim=1)

    def spread(self, theta: Tensor, x: Tensor) -> Tensor:
        """The inputs with a members axis, without a copy."""
        checked_tensors(x=x)
        shared = x.ndim == 2
        fits = x.ndim in (2, 3) and x.shape[-1] == self.widths[0] and (shared or x.shape[0] == theta.shape[0])
        if not fits:
            raise ValueError(
                f"x must have shape (batch, {self.widths[0]}) or ({theta.shape[0]}, batch, {self.widths[0]}), "
                f"got {tuple(x.shape)}."
            )
        if x.dtype != theta.dtype or x.device != theta.device:
            raise ValueError(
                f"x must have theta's dtype and device, {theta.dtype} on {theta.device}, got {x.dtype} on {x.device}."
            )
        return x.expand(theta.shape[0], -1, -1) if shared else x


def affine(h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Apply one layer of each member to its rows, (members, rows, inputs) to (members, rows, outputs)."""
    if bias is None:
        return h @ weight.mT
    return torch.baddbmm(bias[:, None, :], h, weight.mT)
