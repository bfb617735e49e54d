"""Random draws with one seed per member.

Every ensemble of this floor is drawn here. Member k depends on ``seeds[k]`` and on the shape of its own draw, on
nothing else: not on the other members, not on their number, not on the device and not on the dtype. Numbers are drawn
in float64 on the CPU, then rounded to the dtype and moved, so that a float32 ensemble on a GPU is the float64 one of
the CPU, rounded.
"""

import operator
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def checked_sizes(**sizes: int) -> None:
    """Refuse a size that is not a positive integer.

    Args:
        sizes: The sizes by the name of their argument.

    Raises:
        ValueError: If one of them is not an integer of at least 1.

    Examples:
        >>> checked_sizes(width=3)
        >>> checked_sizes(width=0)
        Traceback (most recent call last):
        ...
        ValueError: width must be an integer >= 1, got 0.
    """
    for name, size in sizes.items():
        try:
            fits = operator.index(size) >= 1
        except TypeError:
            fits = False
        if not fits:
            raise ValueError(f"{name} must be an integer >= 1, got {size!r}.")


def checked_dtype(dtype: torch.dtype) -> None:
    """Refuse everything but the two real floating point types that this floor computes in.

    Raises:
        ValueError: If ``dtype`` is neither float32 nor float64.
    """
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}.")


def generators(seeds: Sequence[int]) -> Iterator[torch.Generator]:
    """One CPU generator a member, in order.

    Args:
        seeds: One integer in [0, 2**64) per member.

    Raises:
        ValueError: If there is no seed or one is out of range.
    """
    if len(seeds) == 0:
        raise ValueError("seeds must hold one integer per member, got none.")
    for seed in seeds:
        if not 0 <= operator.index(seed) < 2**64:
            raise ValueError(f"seeds must lie in [0, 2**64), got {seed}.")
    return (torch.Generator().manual_seed(operator.index(seed)) for seed in seeds)


def seeded_normal(
    shape: Sequence[int], *, seeds: Sequence[int], dtype: torch.dtype, device: torch.device | str
) -> Float[Tensor, "members ..."]:
    """Draw standard normal numbers, one block of the given shape per member.

    Allocates the result once in float64 on the CPU and once more where it is moved or rounded.

    Args:
        shape: Shape of one member's block.
        seeds: One per member.
        dtype: float32 or float64.
        device: Where the result shall be.

    Returns:
        The blocks, members first.

    Raises:
        ValueError: If a size is not positive, there is no seed, or the dtype is not real floating point.

    Examples:
        >>> two = seeded_normal((3,), seeds=[7, 8], dtype=torch.float64, device="cpu")
        >>> one = seeded_normal((3,), seeds=[7], dtype=torch.float64, device="cpu")
        >>> torch.equal(two[:1], one)
        True
    """
    checked_sizes(**{f"shape[{axis}]": size for axis, size in enumerate(shape)})
    checked_dtype(dtype)
    draws = [torch.randn(*shape, generator=one, dtype=torch.float64) for one in generators(seeds)]
    return torch.stack(draws).to(dtype=dtype).to(device=device)
