"""Masks on the weights of one's own torch module, kept by ``torch.nn.utils.prune`` whatever an optimiser does.

Conventions. The flat layout is that of ``FunctionalModule``: the trainable parameters in the order of
``named_parameters()``. Each parameter that loses an entry becomes ``<name>_orig`` with a buffer ``<name>_mask``, and
the layer computes with their product, so that momentum moves the first and never revives what is removed.
A mask comes from ``magnitude_mask(view, view.theta, ...)[0]`` and its like, with ``view = FunctionalModule(module)``.
``torch.nn.utils.prune.remove`` makes that product a plain parameter again.
"""

import torch
from jaxtyping import Bool
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.nn.utils import prune

from numerics.arguments import checked_mask


def prune_module(module: nn.Module, mask: Bool[Tensor, " parameters"]) -> int:
    """Remove the entries of a module's parameters at which a mask is False, in place.

    Args:
        module: The module.
        mask: One truth value per trainable parameter, flat; on any device.

    Returns:
        How many entries are removed.

    Raises:
        TypeError: If the module is none, or the mask no tensor.
        ValueError: If the mask does not fit, or a parameter that loses an entry is used by two layers, is already
            computed from others, or belongs to the output layer of ``nn.MultiheadAttention``, which is read without
            being called, so that its mask would not be kept.

    Examples:
        >>> layer = nn.Linear(2, 2, bias=False)
        >>> prune_module(layer, torch.tensor([True, False, False, True]))
        2
        >>> (layer.weight == 0).tolist(), prune.is_pruned(layer)
        ([[False, True], [True, False]], True)
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}.")
    trainable = [(name, value) for name, value in module.named_parameters() if value.requires_grad]
    size = sum(value.numel() for _, value in trainable)
    checked_mask("mask", mask, (size,))
    owners: dict[int, list[str]] = {}
    for name, value in module.named_parameters(remove_duplicate=False):
        owners.setdefault(id(value), []).append(name)
    pieces = [
        (name, value, piece.reshape(value.shape))
        for (name, value), piece in zip(
            trainable, torch.split(mask, [value.numel() for _, value in trainable]), strict=True
        )
        if not bool(piece.all())
    ]
    for name, value, _ in pieces:
        if len(owners[id(value)]) > 1:
            raise ValueError(f"module must use {name} in one layer alone, got {', '.join(owners[id(value)])}.")
        if name.endswith("_orig") or ".parametrizations." in f".{name}":
            raise ValueError(f"module must hold {name} itself to lose entries of it, but computes a weight from it.")
        if isinstance(module.get_submodule(name.rpartition(".")[0]), NonDynamicallyQuantizableLinear):
            raise ValueError(
                f"module must call the layer of {name} for a mask to be kept, but nn.MultiheadAttention reads its "
                f"weight alone: leave the entries of {name} in the mask."
            )
    for name, value, piece in pieces:
        path, _, own = name.rpartition(".")
        prune.custom_from_mask(module.get_submodule(path), own, piece.to(value))  # type: ignore[no-untyped-call]
    return int((~mask).sum())
