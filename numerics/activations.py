"""Elementwise activations with their first two derivatives.

A piecewise linear activation has second derivative 0 wherever it has one; at a kink this floor uses the left derivative
(0 for ReLU), as autograd does. The delta functions at the kinks are no part of any Hessian that is computed here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import leaky_relu, softplus

Elementwise = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Activation:
    """An elementwise function and its derivatives.

    Args:
        name: How it is called in messages.
        function: The function, elementwise and differentiable by torch.
        first: Its derivative; found by automatic differentiation if None.
        second: Its second derivative; found by automatic differentiation if None. Never called if piecewise linear.
        piecewise_linear: Whether the second derivative is 0 almost everywhere.
        backward: The cotangent times its derivative, of the cotangent, z and the value at z, in one pass through them;
            two factors are multiplied if None.

    Examples:
        >>> cube = Activation("cube", lambda z: z**3)
        >>> cube.slope(torch.tensor([2.0])), cube.bend(torch.tensor([2.0]))
        (tensor([12.]), tensor([12.]))
    """

    name: str
    function: Elementwise
    first: Elementwise | None = None
    second: Elementwise | None = None
    piecewise_linear: bool = False
    backward: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None

    def __call__(self, z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The activation at the pre-activations z."""
        return self.function(z)

    def slope(self, z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The first derivative at z."""
        return _derivative(self.function)(z) if self.first is None else self.first(z)

    def pull(
        self, cotangent: Float[Tensor, "..."], z: Float[Tensor, "..."], value: Float[Tensor, "..."]
    ) -> Float[Tensor, "..."]:
        """The cotangent times the first derivative at z, where the activation has a value that is known already."""
        return cotangent * self.slope(z) if self.backward is None else self.backward(cotangent, z, value)

    def bend(self, z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The second derivative at z."""
        if self.piecewise_linear:
            return torch.zeros_like(z)
        if self.second is not None:
            return self.second(z)
        return _derivative(self.slope)(z)


def activation(name: str | Activation) -> Activation:
    """Look an activation up by its name; one that is given is handed back.

    Raises:
        ValueError: If there is no activation of that name.

    Examples:
        >>> activation("relu").piecewise_linear
        True
    """
    if isinstance(name, Activation):
        return name
    if name not in _KNOWN:
        raise ValueError(f"activation must be one of {', '.join(_KNOWN)} or an Activation, got {name!r}.")
    return _KNOWN[name]


def _derivative(function: Elementwise) -> Elementwise:
    """The derivative of an elementwise function: its vector-Jacobian product with ones."""

    def derivative(z: Tensor) -> Tensor:
        pull = torch.func.vjp(function, z)[1]
        return torch.as_tensor(pull(torch.ones_like(z))[0])

    return derivative


def _tanh_slope(z: Tensor) -> Tensor:
    return 1 - z.tanh().square()


def _tanh_backward(cotangent: Tensor, z: Tensor, value: Tensor) -> Tensor:
    return torch.as_tensor(torch.ops.aten.tanh_backward(cotangent, value))


def _relu_backward(cotangent: Tensor, z: Tensor, value: Tensor) -> Tensor:
    return torch.as_tensor(torch.ops.aten.threshold_backward(cotangent, z, 0))


def _tanh_bend(z: Tensor) -> Tensor:
    t = z.tanh()
    return -2 * t * (1 - t * t)


def _sigmoid_slope(z: Tensor) -> Tensor:
    return z.sigmoid() * (-z).sigmoid()


def _sigmoid_bend(z: Tensor) -> Tensor:
    s, t = z.sigmoid(), (-z).sigmoid()
    return s * t * (t - s)


def _erf_slope(z: Tensor) -> Tensor:
    return (-z.square()).exp() * (2 / math.sqrt(math.pi))


def _step(z: Tensor) -> Tensor:
    return (z > 0).to(z.dtype)


_KNOWN = {
    known.name: known
    for known in (
        Activation("linear", lambda z: z, torch.ones_like, torch.zeros_like, piecewise_linear=True),
        Activation("relu", torch.relu, _step, torch.zeros_like, piecewise_linear=True, backward=_relu_backward),
        Activation("leaky_relu", leaky_relu, lambda z: 0.01 + 0.99 * _step(z), torch.zeros_like, piecewise_linear=True),
        Activation("tanh", torch.tanh, _tanh_slope, _tanh_bend, backward=_tanh_backward),
        Activation("sigmoid", torch.sigmoid, _sigmoid_slope, _sigmoid_bend),
        Activation("softplus", lambda z: softplus(z, threshold=40.0), torch.sigmoid, _sigmoid_slope),
        Activation("erf", torch.erf, _erf_slope, lambda z: -2 * z * _erf_slope(z)),
        Activation("sine", torch.sin, torch.cos, lambda z: -z.sin()),
        Activation("quadratic", torch.square, lambda z: 2 * z, lambda z: torch.full_like(z, 2.0)),
    )
}
