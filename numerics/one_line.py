"""How results read in one line, where a dataclass would print every number of theta."""

from jaxtyping import Shaped
from torch import Tensor


def counted(number: int, thing: str) -> str:
    """So many things.

    Examples:
        >>> counted(1, "member"), counted(3, "member")
        ('1 member', '3 members')
    """
    return f"{number} {thing}{'' if number == 1 else 's'}"


def spanned(values: Shaped[Tensor, "..."]) -> str:
    """One value, or the smallest and the largest, to three digits.

    Examples:
        >>> import torch
        >>> spanned(torch.tensor([0.12345])), spanned(torch.tensor([3.0, 1e-7, 2.0]))
        ('0.123', '1e-07 to 3')
    """
    if not values.numel():
        return "none"
    low, high = f"{float(values.min()):.3g}", f"{float(values.max()):.3g}"
    return low if low == high else f"{low} to {high}"
