"""A device that is none, or that this machine does not have, is refused wherever one can be named."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from numerics import (
    CrossEntropy,
    FunctionalModule,
    HessianOperator,
    Mlp,
    convolutional_net,
    digits,
    gaussian_clusters,
    gaussian_memorisation,
    mnist_subset,
)

MAKERS: dict[str, Callable[..., object]] = {
    "clusters": lambda device: gaussian_clusters(
        clusters=2, features=2, samples=4, spread=0.5, seeds=[0], device=device
    ),
    "memorisation": lambda device: gaussian_memorisation(inputs=2, outputs=2, samples=4, seeds=[0], device=device),
    "digits": lambda device: digits(samples=3, device=device),
    "mnist": lambda device: mnist_subset(samples=3, device=device),
    "convolutional net": lambda device: convolutional_net(side=8, seed=0, device=device),
    "perceptron": lambda device: Mlp((2, 2)).init([0], device=device),
    "module": lambda device: FunctionalModule(nn.Linear(2, 2)).init([0], device=device),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("device", ["cudda", 3, "cuda:99"])
@pytest.mark.parametrize("name", MAKERS)
def test_an_unknown_device_is_refused_in_one_sentence(name: str, device: object) -> None:
    with pytest.raises(ValueError, match=r"device must be one of this machine such as \"cpu\", got (cud|'cud|3)"):
        MAKERS[name](device)


def test_networks_and_curvatures_do_not_depend_on_the_default_device() -> None:
    network = Mlp((3, 4, 2))
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x, labels = torch.ones(5, 3).double(), torch.tensor([0, 1, 1, 0, 0])
    ones = torch.ones(26).double()
    torch.set_default_device("meta")
    try:
        x_drawn, _ = gaussian_clusters(clusters=2, features=2, samples=4, spread=0.5, seeds=[0])
        views = network.init([0]), FunctionalModule(module).init([0]), x_drawn
        operator = HessianOperator(module, CrossEntropy(), (x, labels))
        matrix, product = operator.dense(), operator @ ones
        by_hand = HessianOperator(network, CrossEntropy(), (x, labels), theta=views[0]).dense()
    finally:
        torch.set_default_device("cpu")
    assert {one.device.type for one in (*views, matrix, product, by_hand)} == {"cpu"}
    assert torch.allclose(matrix @ ones, product, rtol=1e-12, atol=1e-14)
