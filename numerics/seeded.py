"""Random draws with one seed per member.

Every ensemble of this floor is drawn here. Member k depends on ``seeds[k]``, on what is drawn (its purpose) and on the
shape of its own draw, on nothing else: not on the other members, not on their number, not on the device and not on the
dtype. Numbers are drawn in float64 on the CPU, then rounded to the dtype and moved, so that a float32 ensemble on a GPU
is the float64 one of the CPU, rounded.

Weights and data of one seed are independent, and so are a Wishart and a Wigner matrix: a generator starts from a hash
of purpose and seed. All 64 bits of a seed enter the hash, of which torch's CPU generator (Mersenne twister) keeps 32:
among n draws of one purpose two are equal by chance with probability n^2/2^33, about 1e-4 for a thousand.
"""

import hashlib
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_device, checked_dtype, checked_sizes, integer


def checked_seeds(seeds: Sequence[int], members: int | None = None) -> tuple[int, ...]:
    """Refuse seeds that are not integers in [0, 2**64), none at all, or another number of them than of members.

    Args:
        seeds: One per member; numpy's integers and those of an integer tensor count, ``True`` does not.
        members: How many there are; as many as there are seeds if None.

    Returns:
        The seeds as Python's integers.

    Raises:
        ValueError: If there is no seed, one is not an integer or out of range, or there is not one per member.

    Examples:
        >>> checked_seeds(range(3))
        (0, 1, 2)
        >>> checked_seeds([-1])
        Traceback (most recent call last):
        ...
        ValueError: seeds must hold one integer in [0, 2**64) per member, got -1.
    """
    if not hasattr(seeds, "__len__") or not hasattr(seeds, "__iter__"):
        raise ValueError(f"seeds must be a sequence of one integer in [0, 2**64) per member, got {seeds!r}.")
    if len(seeds) == 0:
        raise ValueError("seeds must hold one integer per member, got none.")
    numbers = []
    for seed in seeds:
        number = integer(seed)
        if number is None or not 0 <= number < 2**64:
            raise ValueError(f"seeds must hold one integer in [0, 2**64) per member, got {seed!r}.")
        numbers.append(number)
    if members not in (None, len(numbers)):
        raise ValueError(f"seeds must hold one integer per member, {members}, got {len(numbers)}.")
    return tuple(numbers)


def generators(purpose: str, seeds: Sequence[int]) -> Iterator[torch.Generator]:
    """One CPU generator a member, in order, each started from a hash of purpose and seed.

    Args:
        purpose: What is drawn. Equal seeds for different purposes give independent draws.
        seeds: One integer in [0, 2**64) per member.

    Raises:
        ValueError: If there is no seed, or one is not an integer or out of range.

    Examples:
        >>> one, other = (next(generators(purpose, [7])) for purpose in ("wigner", "wishart"))
        >>> bool(torch.rand(1, generator=one) == torch.rand(1, generator=other))
        False
    """
    return (torch.Generator().manual_seed(_start(purpose, seed)) for seed in checked_seeds(seeds))


def seeded_normal(
    purpose: str, shape: Sequence[int], *, seeds: Sequence[int], dtype: torch.dtype, device: torch.device | str
) -> Float[Tensor, "members ..."]:
    """Draw standard normal numbers, one block of the given shape per member.

    Allocates the result once in float64 on the CPU and once more where it is moved or rounded.

    Args:
        purpose: What is drawn. Equal seeds for different purposes give independent numbers.
        shape: Shape of one member's block.
        seeds: One per member.
        dtype: float32 or float64.
        device: Where the result shall be.

    Returns:
        The blocks, members first.

    Raises:
        ValueError: If a size is not positive, there is no seed or no such device, or the dtype is no real floating
            point.

    Examples:
        >>> two = seeded_normal("noise", (3,), seeds=[7, 8], dtype=torch.float64, device="cpu")
        >>> one = seeded_normal("noise", (3,), seeds=[7], dtype=torch.float64, device="cpu")
        >>> torch.equal(two[:1], one)
        True
    """
    checked_sizes(**{f"shape[{axis}]": size for axis, size in enumerate(shape)})
    checked_dtype(dtype)
    device, home, double = checked_device(device), torch.device("cpu"), torch.float64
    draws = [torch.randn(*shape, generator=one, dtype=double, device=home) for one in generators(purpose, seeds)]
    return torch.stack(draws).to(dtype=dtype).to(device=device)


def _start(purpose: str, seed: int) -> int:
    """The 32 bits from which torch's CPU generator starts."""
    return int.from_bytes(hashlib.blake2b(f"{purpose}:{seed}".encode(), digest_size=4).digest(), "big")
