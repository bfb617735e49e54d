"""Small convolutional networks: what they compute, how they are drawn, and what is refused."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import numerics
from numerics import FunctionalModule, convolutional_net


def pixels(count: int, side: int, dtype: torch.dtype = torch.float64, device: str = "cpu") -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.rand(count, side**2, generator=generator, dtype=torch.float64).to(device=device, dtype=dtype)


@pytest.mark.parametrize(("side", "channels", "hidden", "kernel"), [(8, (4, 8), 16, 3), (12, (2, 3), 5, 5)])
def test_the_number_of_parameters_is_the_documented_one(
    side: int, channels: tuple[int, int], hidden: int, kernel: int
) -> None:
    net = convolutional_net(side=side, channels=channels, hidden=hidden, kernel=kernel, classes=7, seed=0)
    c, d = channels
    square = kernel**2
    expected = c * (square + 1) + d * (c * square + 1) + hidden * (d * (side // 4) ** 2 + 1) + 7 * (hidden + 1)
    assert sum(parameter.numel() for parameter in net.parameters()) == expected


def test_it_computes_what_plain_loops_over_pixels_compute() -> None:
    net = convolutional_net(side=4, channels=(2, 3), hidden=4, classes=3, seed=5)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(torch.linspace(-0.3, 0.4, parameter.numel(), dtype=torch.float64))
    weights = {name: parameter.detach().numpy() for name, parameter in net.named_parameters()}
    x = pixels(2, 4)
    for row, outputs in zip(x.numpy(), net(x).detach().numpy(), strict=True):
        image = row.reshape(1, 4, 4)
        for layer in ("convolution1", "convolution2"):
            image = pooled(convolved(image, weights[f"{layer}.weight"], weights[f"{layer}.bias"]))
        dense = np.maximum(weights["dense1.weight"] @ image.ravel() + weights["dense1.bias"], 0)
        np.testing.assert_allclose(outputs, weights["dense2.weight"] @ dense + weights["dense2.bias"], rtol=1e-12)


def convolved(image: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Slide a kernel over an image with a border of zeros, and cut off what is negative."""
    size = image.shape[1]
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    out = np.empty((len(weight), size, size))
    for row in range(size):
        for column in range(size):
            patch = padded[:, row : row + 3, column : column + 3]
            out[:, row, column] = (weight * patch).sum(axis=(1, 2, 3)) + bias
    return out.clip(min=0)


def pooled(image: np.ndarray) -> np.ndarray:
    """The largest of every 2 x 2 block."""
    half = image.shape[1] // 2
    blocks = image.reshape(len(image), half, 2, half, 2)
    return np.asarray(blocks.max(axis=(2, 4)))


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_without_biases_outputs_scale_with_the_image_and_with_each_layer(factor: float) -> None:
    net, x = convolutional_net(side=8, seed=1), pixels(5, 8)
    before = net(x)
    torch.testing.assert_close(net(factor * x), factor * before, rtol=1e-12, atol=1e-14)
    with torch.no_grad():
        net.get_parameter("convolution2.weight").mul_(factor)
    torch.testing.assert_close(net(x), factor * before, rtol=1e-12, atol=1e-14)


def test_weights_have_the_variance_of_he_and_biases_are_zero() -> None:
    net = convolutional_net(side=16, channels=(32, 64), hidden=64, seed=2)
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        else:
            scaled = parameter.detach() * math.sqrt(parameter[0].numel() / 2)
            error = math.sqrt(2 / parameter.numel())  # of the mean square of normal numbers
            assert abs(float(scaled.square().mean()) - 1) < 5 * error, name


def test_equal_seeds_give_equal_networks_in_any_precision_and_others_differ(device: str) -> None:
    one, same, other = (convolutional_net(side=8, seed=seed) for seed in (7, 7, 8))
    rounded = convolutional_net(side=8, seed=7, dtype=torch.float32, device=device)
    for left, right, low in zip(one.parameters(), same.parameters(), rounded.parameters(), strict=True):
        assert torch.equal(left, right)
        assert torch.equal(left.float(), low.cpu())
    assert not torch.equal(one.get_parameter("dense2.weight"), other.get_parameter("dense2.weight"))


def test_the_global_random_state_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    convolutional_net(side=8, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_ensemble_of_views_agrees_with_the_modules(device: str) -> None:
    nets = [convolutional_net(side=8, seed=seed, device=device) for seed in range(3)]
    view = FunctionalModule(nets[0])
    theta = torch.cat([FunctionalModule(net).theta for net in nets])
    x = pixels(4, 8, device=device)
    expected = torch.stack([net(x).detach() for net in nets])
    torch.testing.assert_close(view.forward(theta, x), expected, rtol=1e-12, atol=1e-13)


def test_its_layers_have_names_for_spectra_by_layer() -> None:
    names = [name for name, layer in convolutional_net(side=8, seed=0).named_modules() if list(layer.parameters(False))]
    assert names == ["convolution1", "convolution2", "dense1", "dense2"]


@pytest.mark.usefixtures("unchecked")
def test_it_learns_the_digits() -> None:
    net = FunctionalModule(convolutional_net(side=8, seed=0, dtype=torch.float32))
    x, labels = numerics.digits(samples=256, dtype=torch.float32)
    trained = numerics.sgd(
        net, net.theta, x, labels, numerics.CrossEntropy(), learning_rate=0.1, batch_size=16, seeds=[0], steps=400
    )
    right = net.forward(trained.theta, x)[0].argmax(dim=1) == labels
    assert float(right.float().mean()) > 0.9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": 10}, r"side must be a multiple of 4, .* got 10"),
        ({"side": 0}, r"side must .* got 0"),
        ({"kernel": 4}, r"kernel must be odd, .* got 4"),
        ({"channels": (4,)}, r"channels must be two numbers, .* got \(4,\)"),
        ({"channels": (4, 0)}, r"channels\[1\] must .* got 0"),
        ({"hidden": 2.5}, r"hidden must .* got 2.5"),
        ({"seed": "a"}, r"seed must be an integer, got 'a'"),
        ({"sigma_w": -1.0}, r"sigma_w must .* got -1"),
        ({"dtype": torch.int64}, r"dtype must .* got torch.int64"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_network_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        convolutional_net(**{"side": 8, "seed": 0, **change})


def test_it_is_a_plain_module() -> None:
    assert isinstance(convolutional_net(side=8, seed=0), nn.Sequential)
