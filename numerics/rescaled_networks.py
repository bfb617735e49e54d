r"""Rescaled networks: other parameters, the same function.

Conventions. A network has K layers with weights. A positively homogeneous activation, f(c z) = c f(z) for c > 0, lets
the outputs of a hidden layer be multiplied by c > 0 if the next layer divides by it. With *hidden scales*
c_1, ..., c_(K-1), one for each hidden layer (or one for each of its units), c_0 = c_K = 1, the rescaled network has

.. math:: W_k' = c_k W_k / c_{k-1}, \qquad b_k' = c_k b_k .

Its hidden outputs are c_k times those before, and its outputs are the same. By layers one writes
alpha_k = c_k / c_(k-1), so that W_k' = alpha_k W_k, c_k = alpha_1 ... alpha_k, and the product of all alphas is one
(Dinh, Pascanu, Bengio and Bengio 2017, arXiv:1703.04933, section 3).

A rescaling multiplies every parameter by a factor, theta' = F theta with F diagonal. Where L is twice differentiable

.. math:: \nabla L(\theta') = F^{-1} \nabla L(\theta), \qquad H(\theta') = F^{-1} H(\theta) F^{-1} .
"""

import copy
from collections.abc import Sequence
from typing import Any, SupportsFloat

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from numerics.activations import Activation
from numerics.arguments import checked_finite
from numerics.functional_module import Network, checked_network
from numerics.homogeneous_layers import WeightLayer, weight_layers
from numerics.networks import Mlp

Numbers = Sequence[SupportsFloat] | Sequence[Sequence[SupportsFloat]] | NDArray[Any] | Float[Tensor, "..."]

_PRODUCT = 1e-9
"""So far from one may the product of alphas in double precision be; the last layer makes up for it."""


def rescale(model: nn.Module, alphas: Numbers) -> nn.Module:
    """Multiply the weights of each layer by its alpha, and biases such that the function stays the same.

    The weight of layer k becomes alpha_k W_k and its bias (alpha_1 ... alpha_k) b_k; the product of all alphas is one.

    Args:
        model: ``nn.Sequential``, nested or not, or a single layer. Between its first and its last layer with weights
            (linear or convolutional) only what is positively homogeneous: ReLU, LeakyReLU, PReLU (its slopes stay),
            max and average pooling, Flatten, Unflatten, Identity, and dropout that is not active.
        alphas: Positive, one per layer with weights, with product one up to the rounding of their dtype; or one fewer,
            and the last layer takes the inverse of their product. Anything that ``float`` takes will do, such as
            fractions.

    Returns:
        A deep copy with other parameters and without gradients; the model is left as it was.

    Raises:
        TypeError: If ``model`` is no module.
        ValueError: If the symmetry does not hold for the model (another activation, a norm, tied weights, a module that
            is not known), or the alphas are not positive and finite, have another number or another product, or take
            a weight out of the range of its dtype.

    Examples:
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
        >>> x = torch.ones(1, 3, dtype=torch.float64)
        >>> sharper = rescale(net, (1e-3, 1e3))
        >>> bool((sharper(x) - net(x)).abs().max() < 1e-12)
        True
        >>> round(float((sharper[2].weight / net[2].weight).mean().detach()))
        1000
    """
    layers = weight_layers(model)
    return _rescaled(model, _factors(layers, _layer_scales(alphas, len(layers), batched=False), ()))


def rescale_units(model: nn.Module, scales: Sequence[Float[Tensor, " _"]]) -> nn.Module:
    """Multiply what each hidden unit takes in by its scale and divide what it hands on.

    A unit of a convolution is an output channel. As ``rescale`` otherwise; layers of convolutions have to come before
    dense ones, with one Flatten between them.

    Args:
        model: As for ``rescale``; pooling only after convolutions, where it keeps units apart.
        scales: One tensor for each layer with weights but the last, one positive number per unit.

    Returns:
        A deep copy with other parameters and without gradients; the model is left as it was.

    Raises:
        TypeError: If ``model`` is no module.
        ValueError: If the symmetry does not hold for the model, or the scales are not positive and finite, have other
            shapes, or take a weight out of the range of its dtype.

    Examples:
        >>> net = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1, bias=False))
        >>> scaled = rescale_units(net, [torch.tensor([2.0, 4.0])])
        >>> (scaled[0].weight / net[0].weight).flatten().tolist(), (scaled[2].weight / net[2].weight).tolist()
        ([2.0, 4.0], [[0.5, 0.25]])
    """
    layers = weight_layers(model)
    return _rescaled(model, _factors(layers, _unit_scales(scales, layers, batched=False), ()))


def rescaling_factors(network: Network, alphas: Numbers) -> Float[Tensor, "... parameters"]:
    """What a rescaling by layers multiplies each parameter with, for as many rescalings as one likes.

    The rescaled parameters are ``factors * theta`` for one rescaling, and ``factors[:, None] * theta`` of shape
    (rescalings, members, parameters) for several; cast them by ``.to(theta)`` where theta is not float64 on the CPU.
    Gradients are divided by the factors, and Hessians by their outer product.

    Args:
        network: A perceptron with a positively homogeneous activation, or a view of a module that ``rescale`` takes,
            without frozen weights or biases.
        alphas: Positive, shape (..., layers) with product one along the last axis, or (..., layers - 1), where the last
            layer takes the inverse of the product.

    Returns:
        The factors in float64 on the CPU or the alphas' device, shape (..., parameters).

    Raises:
        TypeError: If ``network`` is neither of the two.
        ValueError: If the symmetry does not hold for the network, or the alphas do not fit.

    Examples:
        >>> rescaling_factors(Mlp((1, 2, 1), "relu", bias=True), [[2.0, 0.5], [4.0, 0.25]])
        tensor([[2.0000, 2.0000, 2.0000, 2.0000, 0.5000, 0.5000, 1.0000],
                [4.0000, 4.0000, 4.0000, 4.0000, 0.2500, 0.2500, 1.0000]],
               dtype=torch.float64)
    """
    layers = _layers(network)
    found = _layer_scales(alphas, len(layers), batched=True)
    front = tuple(_checked_numbers("alphas", alphas)[0].shape[:-1])
    return _flat(network, _factors(layers, found, front), front)


def unit_rescaling_factors(
    network: Network, scales: Sequence[Float[Tensor, "... _"]]
) -> Float[Tensor, "... parameters"]:
    """What a rescaling by units multiplies each parameter with; see ``rescaling_factors``.

    Args:
        network: A perceptron with a positively homogeneous activation, or a view of a module that ``rescale_units``
            takes, without frozen weights or biases.
        scales: One tensor for each hidden layer, positive, shape (..., units), with the same axes in front.

    Returns:
        The factors in float64 on the CPU or the scales' device, shape (..., parameters).

    Raises:
        TypeError: If ``network`` is neither of the two.
        ValueError: If the symmetry does not hold for the network, or the scales do not fit.

    Examples:
        >>> unit_rescaling_factors(Mlp((1, 2, 1), "relu"), [torch.tensor([2.0, 4.0])])
        tensor([2.0000, 4.0000, 0.5000, 0.2500], dtype=torch.float64)
    """
    layers = _layers(network)
    found = _unit_scales(scales, layers, batched=True)
    front = tuple(found[0].shape[:-1]) if found else ()
    return _flat(network, _factors(layers, found, front), front)


def _layers(network: Network) -> list[WeightLayer]:
    checked_network(network)
    if isinstance(network, Mlp):
        if len(network.widths) > 2:
            _check_homogeneous(network.nonlinearity)
        return [
            WeightLayer(f"{layer}.weight", f"{layer}.bias" if network.bias else None, (fan_out, fan_in))
            for layer, (fan_in, fan_out) in enumerate(zip(network.widths[:-1], network.widths[1:], strict=True))
        ]
    layers = weight_layers(network.module)
    for layer in layers:
        for name in (layer.weight, layer.bias):
            if name is not None and name not in network.layers:
                raise ValueError(f"network must have trainable weights and biases, but {name} is frozen.")
    return layers


def _check_homogeneous(activation: Activation) -> None:
    """Compare f(z) with |z| f(sign z) at magnitudes from 1/1024 to 1024, and f(0) with 0."""
    size = torch.logspace(-10, 10, 41, base=2, dtype=torch.float64)
    size[0] = 0.0
    for sign in (1.0, -1.0):
        found, wanted = activation(sign * size), size * activation(torch.full_like(size, sign))
        error = (found - wanted).abs()
        if not bool((error <= 1e-12 * size).all()):
            worst = int(error.nan_to_num(torch.inf).argmax())
            raise ValueError(
                f"network must have a positively homogeneous activation, f(c z) = c f(z) for c > 0, but "
                f"{activation.name} takes {sign * float(size[worst]):g} to {float(found[worst]):g}, not to "
                f"{float(wanted[worst]):g}."
            )


def _checked_numbers(name: str, numbers: object) -> tuple[Float[Tensor, "..."], float]:
    """Positive finite numbers in float64, and to how many digits they were given: the spacing of their dtype at one."""
    found = _as_array(numbers)
    if found is None:
        raise ValueError(f"{name} must be positive finite numbers in one rectangular dense array, got {numbers!r}.")
    spacing = torch.finfo(found.dtype).eps if found.is_floating_point() else 0.0
    found = found.detach().double()
    wrong = ~(found.isfinite() & (found > 0))
    if bool(wrong.any()):
        raise ValueError(f"{name} must be positive finite numbers, got {float(found[wrong][0]):g}.")
    return found, spacing


def _as_array(numbers: object) -> Tensor | None:
    """Real numbers as a dense tensor of their own dtype, of float64 where they are none of torch's or numpy's."""
    if isinstance(numbers, Tensor):
        known = numbers.layout == torch.strided and not (numbers.dtype == torch.bool or numbers.is_complex())
        return numbers if known and not numbers.is_meta else None
    try:
        array = np.asarray(numbers)
        if array.dtype == object:  # fractions, sympy's and mpmath's numbers: whatever float takes, but text and truth
            if any(isinstance(number, bool | str | bytes | np.bool_) for number in array.flat):
                return None
            array = np.array([float(number) for number in array.flat], dtype=np.float64).reshape(array.shape)
        elif array.dtype.kind not in "iuf":
            return None
        return torch.as_tensor(array.astype(np.float64) if array.dtype.itemsize > 8 else array)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def _layer_scales(alphas: object, layers: int, *, batched: bool) -> list[Float[Tensor, "... 1"]]:
    """The scale of every hidden layer, c_k = alpha_1 ... alpha_k."""
    numbers, spacing = _checked_numbers("alphas", alphas)
    if numbers.ndim == 0 or (numbers.ndim > 1 and not batched) or numbers.shape[-1] not in (layers - 1, layers):
        front = "..., " if batched else ""
        raise ValueError(
            f"alphas must have shape ({front}{layers}), one per layer with weights, or ({front}{layers - 1}), all but "
            f"the last, got {tuple(numbers.shape)}."
        )
    products = numbers.log().sum(-1).exp().flatten()
    tolerance = max(_PRODUCT, 2 * layers * spacing)
    if numbers.shape[-1] == layers and bool(((products - 1).abs() > tolerance).any()):
        worst = float(products[(products.log()).abs().argmax()])
        raise ValueError(f"alphas must have product one, got {worst:.12g}.")
    scales = numbers[..., : layers - 1].cumprod(-1)
    if not bool((scales.isfinite() & (scales > 0)).all()):
        raise ValueError("alphas must have products that float64 can hold, but one overflows or vanishes.")
    return [scales[..., layer, None] for layer in range(layers - 1)]


def _unit_scales(scales: object, layers: list[WeightLayer], *, batched: bool) -> list[Float[Tensor, "... _"]]:
    """The scales of the units of every hidden layer, checked."""
    if not isinstance(scales, list | tuple) or len(scales) != len(layers) - 1:
        got = f"{len(scales)} of them" if isinstance(scales, list | tuple) else type(scales).__name__
        raise ValueError(f"scales must be a list of {len(layers) - 1} tensors, one per hidden layer, got {got}.")
    found = [_checked_numbers(f"scales[{place}]", one)[0] for place, one in enumerate(scales)]
    front = tuple(found[0].shape[:-1]) if batched and found else ()
    for place, (own, layer, following) in enumerate(zip(found, layers[:-1], layers[1:], strict=True)):
        if following.mixed:
            raise ValueError(f"model must keep the units of a layer apart up to the next one, but {following.mixed}.")
        if tuple(own.shape) != (*front, layer.units):
            raise ValueError(
                f"scales[{place}] must have shape {(*front, layer.units)}, one number per unit, got {tuple(own.shape)}."
            )
    return found


def _factors(layers: list[WeightLayer], scales: list[Tensor], front: tuple[int, ...]) -> dict[str, Tensor]:
    """What every weight, (*front, *its shape), and bias, (*front, units), is multiplied with, by name."""
    one = torch.ones(*front, 1, dtype=torch.float64, device=scales[0].device if scales else None)
    factors = {}
    for layer, before, after in zip(layers, [one, *scales], [*scales, one], strict=True):
        if before.shape[-1] > 1:  # one number per unit: spread them over the inputs
            row, whole = layer.repeats
            before = before.repeat_interleave(row, -1).repeat(*[1] * len(front), whole)
        before, after = before.expand(*front, layer.inputs), after.expand(*front, layer.units)
        grouped = torch.unflatten(after, -1, (layer.groups, -1, 1)) / torch.unflatten(before, -1, (layer.groups, 1, -1))
        weight = grouped.reshape(*front, *layer.shape[:2], *[1] * (len(layer.shape) - 2))
        factors[layer.weight] = weight.expand(*front, *layer.shape)
        if layer.bias is not None:
            factors[layer.bias] = after
    return factors


def _rescaled(model: nn.Module, factors: dict[str, Tensor]) -> nn.Module:
    """A deep copy of the model whose parameters are multiplied by the factors."""
    try:
        rescaled = copy.deepcopy(model)
    except Exception as error:
        raise ValueError(f"model must be one that copy.deepcopy can copy, but it says: {error}") from error
    named = dict(rescaled.named_parameters())
    with torch.no_grad():
        for name, factor in factors.items():
            before = named[name]
            checked_finite(**{name: before})
            after = (before.double() * factor.to(before.device)).to(before.dtype)
            tiny = torch.finfo(before.dtype).tiny  # below it digits are lost
            if not bool(((after.abs() >= tiny) | (before.abs() < tiny)).all() & after.isfinite().all()):
                raise ValueError(f"{name} must stay within what {before.dtype} can hold, but would overflow or vanish.")
            before.copy_(after)
    return rescaled


def _flat(network: Network, factors: dict[str, Tensor], front: tuple[int, ...]) -> Float[Tensor, "... parameters"]:
    """The factors in the network's flat layout."""
    one = torch.ones((), dtype=torch.float64, device=next(iter(factors.values())).device)  # of what stays: slopes
    pieces = [
        factors[name].flatten(len(front)) if name in factors else one.expand(*front, place.stop - place.start)
        for name, place in network.layers.items()
    ]
    return torch.cat(pieces, -1)
