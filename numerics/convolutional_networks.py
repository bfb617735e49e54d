"""Small ReLU convolutional networks for square images: two convolutions with max-pooling, two dense layers.

Conventions. An image is a row of side x side grey values, row by row, as ``digits`` and ``mnist_subset`` return them.
Convolutions keep the side (kernel odd, padded with zeros), each pooling halves it. Fan-in counts what one output unit
sees: channels x kernel^2 in a convolution.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from numerics.arguments import checked_device, checked_dtype, checked_number, checked_sizes, integer
from numerics.seeded import generators


def convolutional_net(
    *,
    side: int,
    channels: Sequence[int] = (4, 8),
    hidden: int = 16,
    classes: int = 10,
    kernel: int = 3,
    seed: int,
    sigma_w: float = math.sqrt(2),
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> nn.Sequential:
    """Build (convolution, ReLU, 2 x 2 max-pooling) twice, then (dense, ReLU, dense), and draw its parameters.

    Weights are N(0, sigma_w^2/fan_in), biases 0. With channels (c, d) there are c (k^2 + 1) + d (c k^2 + 1)
    + h (d (side/4)^2 + 1) + classes (h + 1) parameters for kernel k and h hidden units. Torch's global random state is
    neither read nor moved.

    Args:
        side: Pixels on a side, a multiple of 4.
        channels: Of the first and the second convolution.
        hidden: Units of the first dense layer.
        classes: Outputs.
        kernel: Side of the convolutions' kernels, odd.
        seed: Of the weights; equal seeds give equal networks on every device.
        sigma_w: Weight scale; sqrt(2) keeps the mean square of a ReLU layer (He et al. 2015).
        dtype: float32 or float64; draws are made in float64 and rounded.
        device: Where the parameters shall be.

    Returns:
        A module that takes (batch, side^2) to (batch, classes), with layers named convolution1, convolution2, dense1
        and dense2.

    Raises:
        ValueError: If a size is not positive, the side is no multiple of 4, the kernel is even, there are not two
            numbers of channels, the weight scale is negative or not finite, the dtype is not real floating point, or
            there is no such device.

    Examples:
        >>> net = convolutional_net(side=8, seed=0)
        >>> net(torch.zeros(3, 64, dtype=torch.float64)).shape
        torch.Size([3, 10])
        >>> sum(parameter.numel() for parameter in net.parameters())
        1034

    References:
        The networks of Sagun, Evci, Guney, Dauphin and Bottou (2017), arXiv:1706.04454; He et al. (2015),
        arXiv:1502.01852, eq. 10.
    """
    if not isinstance(channels, Sequence) or len(channels) != 2:
        raise ValueError(f"channels must be two numbers, one a convolution, got {channels!r}.")
    checked_sizes(
        **{f"channels[{place}]": count for place, count in enumerate(channels)},
        side=side,
        hidden=hidden,
        classes=classes,
        kernel=kernel,
    )
    if side % 4:
        raise ValueError(f"side must be a multiple of 4, halved by two poolings, got {side}.")
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, so that a convolution keeps the side, got {kernel}.")
    if integer(seed) is None:
        raise ValueError(f"seed must be an integer, got {seed!r}.")
    sigma_w = checked_number("sigma_w", sigma_w, least=0.0)
    checked_dtype(dtype)
    device = checked_device(device)
    first, second = channels
    net = nn.Sequential(
        OrderedDict(
            image=nn.Unflatten(1, (1, side, side)),
            convolution1=nn.Conv2d(1, first, kernel, padding=kernel // 2, device="meta"),
            relu1=nn.ReLU(),
            pooling1=nn.MaxPool2d(2),
            convolution2=nn.Conv2d(first, second, kernel, padding=kernel // 2, device="meta"),
            relu2=nn.ReLU(),
            pooling2=nn.MaxPool2d(2),
            features=nn.Flatten(),
            dense1=nn.Linear(second * (side // 4) ** 2, hidden, device="meta"),
            relu3=nn.ReLU(),
            dense2=nn.Linear(hidden, classes, device="meta"),
        )
    )
    net = net.to(dtype).to_empty(device=device)  # from the meta device, which draws no random numbers
    generator = next(generators("convolutional network", [seed]))
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim == 1:
                parameter.zero_()
                continue
            draw = torch.randn(parameter.shape, generator=generator, dtype=torch.float64, device="cpu")
            parameter.copy_(draw * (sigma_w / math.sqrt(parameter[0].numel())))
    return net
