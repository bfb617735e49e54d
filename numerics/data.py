"""Training data: Gaussian targets to memorise, and scikit-learn's handwritten digits.

Data are (batch, features), shared by all members, or (members, batch, features), one set per member.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_dtype, checked_sizes
from numerics.seeded import seeded_normal


def gaussian_memorisation(
    *,
    inputs: int,
    outputs: int,
    samples: int,
    seeds: Sequence[int],
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> tuple[Float[Tensor, "members samples inputs"], Float[Tensor, "members samples outputs"]]:
    """Draw inputs and targets that have nothing to do with each other: all entries independent N(0, 1).

    The "memorisation" task of Pennington and Bahri (2017): there is nothing to generalise, the loss counts parameters.
    Allocates the draw in float64 on the CPU and its copy where it is moved.

    Args:
        inputs: Features of an example.
        outputs: Coordinates of a target.
        samples: Examples per member.
        seeds: One per member, each with data of its own.
        dtype: float32 or float64.
        device: Where the data shall be.

    Returns:
        Inputs and targets.

    Raises:
        ValueError: If a size is not positive or there is no seed.

    Examples:
        >>> x, y = gaussian_memorisation(inputs=3, outputs=2, samples=5, seeds=[0, 1])
        >>> tuple(x.shape), tuple(y.shape)
        ((2, 5, 3), (2, 5, 2))

    References:
        Pennington and Bahri, Geometry of Neural Network Loss Surfaces via Random Matrix Theory, ICML 2017.
    """
    checked_sizes(inputs=inputs, outputs=outputs, samples=samples)
    both = seeded_normal("memorisation", (samples, inputs + outputs), seeds=seeds, dtype=dtype, device=device)
    return both[..., :inputs].contiguous(), both[..., inputs:].contiguous()


def digits(
    *, samples: int | None = None, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
) -> tuple[Float[Tensor, "samples 64"], Int[Tensor, " samples"]]:
    """Load scikit-learn's 8 x 8 handwritten digits, pixels divided by 16, in the order in which they are stored.

    Args:
        samples: How many, from the start; all 1797 if None.
        dtype: float32 or float64, of the pixels.
        device: Where the data shall be.

    Returns:
        Pixels in [0, 1] and labels 0..9.

    Raises:
        ValueError: If ``samples`` is not between 1 and 1797.

    Examples:
        >>> x, labels = digits(samples=10)
        >>> labels.tolist()
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    from sklearn.datasets import load_digits

    checked_dtype(dtype)
    pixels, labels = load_digits(return_X_y=True)
    if samples is None:
        samples = len(labels)
    checked_sizes(samples=samples)
    if samples > len(labels):
        raise ValueError(f"samples must be at most {len(labels)}, the number of digits there are, got {samples}.")
    x = torch.as_tensor(pixels[:samples] / 16, dtype=dtype).to(device)
    return x, torch.as_tensor(labels[:samples], dtype=torch.int64).to(device)
