r"""Small classifiers of handwritten digits, trained in several ways, and how flat they end: what the workers run.

Conventions. 64 inputs, one hidden layer of 16 ReLU units, 10 outputs, no biases; weights start as N(0, 2/fan_in). The
loss is the mean cross-entropy over the training images, which are centred; the images that are left over are for
testing. A pair of networks starts at the same weights and goes through the same images in the same order, but in
batches as large as its recipe says. Networks are compared at the same training loss, or after the same number of
gradients of batches: once most images are fitted, eigenvalues under the cross-entropy fall along with the loss (before,
the largest one rises), so that time alone makes a network flatter.
"""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import Workbench

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

HIDDEN: Final = 16
TOGETHER: Final = 20  # networks that a worker trains in one batch
MOST_GRADIENTS: Final = 60_000
ACCURACY: Final = 1e-4  # of the largest eigenvalue, relative; differences that matter are a hundredth at least

NETWORK: Final = "64 inputs, 16 hidden ReLU units, 10 outputs, no biases; weights start as $N(0, 2/\\text{fan-in})$"
DATA: Final = (
    "handwritten digits of 8 by 8 pixels, 600 for training in the quick profile, else 1200, the others for testing"
)
PAIRS: Final = "networks that are compared start at the same weights and end at the same training loss"
SETTING: Final = (NETWORK, DATA, PAIRS)


def recipe(name: str) -> dict[str, Any]:
    """The arguments of ``numerics.sgd`` that belong to a way of training.

    Examples:
        >>> recipe("SGD")
        {'learning_rate': 0.2, 'batch_size': 32, 'check_every': 10}
    """
    plain = {"learning_rate": 0.2, "batch_size": 32, "check_every": 10}
    noisy = {"learning_rate": 0.5, "batch_size": 4, "check_every": 5}
    recipes: dict[str, dict[str, Any]] = {
        "SGD": plain,
        "SAM": plain | {"rule": numerics.SharpnessAware(rho=0.2)},
        "ASAM": plain | {"rule": numerics.SharpnessAware(rho=0.5, adaptive=True)},
        # every step goes to the mean of the walk
        "Entropy-SGD": {
            "learning_rate": 1.0,
            "batch_size": 32,
            "check_every": 1,
            "rule": numerics.LocalEntropy(gamma=0.1, langevin_steps=20, langevin_rate=0.2),
        },
        "low rate": noisy | {"learning_rate": 0.1, "check_every": 20},
        "high rate": noisy,
        "average": noisy | {"average": numerics.WeightAverage(start=300)},
        "small batch": noisy | {"check_every": 1},
        "large batch": noisy | {"batch_size": 512},
        "middle batch": noisy | {"batch_size": 32},
        "quiet": noisy | {"learning_rate": 0.0625, "check_every": 20},
        "far SAM": plain | {"rule": numerics.SharpnessAware(rho=0.5)},
        "plain average": plain | {"average": numerics.WeightAverage(start=200)},
    }
    return recipes[name]


def gradients_per_step(name: str) -> int:
    """Gradients of a batch that a step of a recipe takes.

    Examples:
        >>> [gradients_per_step(name) for name in ("SGD", "SAM", "Entropy-SGD")]
        [1, 2, 20]
    """
    rule = recipe(name).get("rule")
    return 1 if rule is None else int(rule.gradients_per_step)


def images(samples: int, device: str) -> "tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]":
    """Images and labels for training and those left over for testing, centred by the mean training image."""
    x, labels = numerics.digits(device=device)
    x = x - x[:samples].mean(0)
    return (x[:samples], labels[:samples]), (x[samples:], labels[samples:])


def trained(
    seed: int,
    networks: int,
    name: str,
    samples: int,
    device: str,
    *,
    target: float | None = None,
    gradients: int = MOST_GRADIENTS,
    record_at: tuple[int, ...] = (),
) -> "tuple[numerics.Mlp, numerics.TrainingResult]":
    """Networks at the end of training, to a loss or by a number of gradients."""
    seeds = range(seed, seed + networks)
    (x, labels), _ = images(samples, device)
    network = numerics.Mlp((x.shape[1], HIDDEN, 10), "relu")
    start = network.init(seeds, sigma_w=2**0.5, device=device)
    end = numerics.sgd(
        network,
        start,
        x,
        labels,
        numerics.CrossEntropy(),
        seeds=seeds,
        steps=gradients // gradients_per_step(name),
        stop_at=target,
        record_at=record_at,
        **recipe(name),
    )
    return network, end


def largest_eigenvalues(
    network: "numerics.Mlp", theta: "Tensor", x: "Tensor", labels: "Tensor", seed: int
) -> "tuple[Tensor, Tensor]":
    """The largest eigenvalue of the Hessian of every member by its products, and where the solver vouches for it."""
    import torch

    values, sure = [], []
    for member, own in enumerate(theta):
        operator = numerics.HessianOperator(network, numerics.CrossEntropy(), (x, labels), theta=own)
        generator = torch.Generator().manual_seed(seed + member)
        # no second start: a missed copy of a repeated eigenvalue would not change its value
        pairs = numerics.eigenpairs(
            operator, 1, which="LA", tol=ACCURACY, missing=1.0, method="estimated", generator=generator
        )
        values.append(pairs.values[0])
        sure.append(pairs.converged.all())
    return torch.stack(values), torch.stack(sure)


def block_traces(network: "numerics.Mlp", theta: "Tensor", x: "Tensor") -> "tuple[Tensor, Tensor]":
    r"""The traces of the two layers' blocks of the Hessian of every member, exactly, from one forward pass.

    No second derivative within a layer of ReLU units is other than zero, so they are those of the Gauss-Newton part,
    the mean over images of sum_c p_c |J_c|^2 - |sum_c p_c J_c|^2, p the probabilities and J_c the gradient of output
    c: it is h in row c of the last layer, and (W_2c on the active units) x' in the first.
    """
    (first, _), (second, _) = network.unflatten(theta)
    units = (x @ first.mT).clamp(min=0)
    share = (units @ second.mT).softmax(-1)
    last = units.square().sum(-1) * (1 - share.square().sum(-1))
    variances = share @ second.square() - (share @ second).square()  # of W_2c over the classes
    slopes = ((units > 0).to(theta) * variances).sum(-1)
    return (x.square().sum(-1) * slopes).mean(1), last.mean(1)


def traces(network: "numerics.Mlp", theta: "Tensor", x: "Tensor") -> "Tensor":
    """The trace of the Hessian of every member."""
    first, last = block_traces(network, theta, x)
    return first + last


def ends(
    seed: int,
    networks: int,
    name: str,
    samples: int,
    device: str,
    target: float | None = None,
    gradients: int = MOST_GRADIENTS,
) -> dict[str, Array]:
    """Train networks and measure them at the end."""
    network, end = trained(seed, networks, name, samples, device, target=target, gradients=gradients)
    (x, labels), (others, their_labels) = images(samples, device)
    largest, sure = largest_eigenvalues(network, end.theta, x, labels, seed)
    arrived = sure if end.reached is None else sure.to(end.reached) & end.reached
    right = [
        (network.forward(end.theta, inputs).argmax(-1) == wanted).double().mean(1)
        for inputs, wanted in ((x, labels), (others, their_labels))
    ]
    found = {
        "largest": largest,
        "trace": traces(network, end.theta, x),
        "loss": end.loss,
        "steps": end.steps,
        "gradients": end.steps * gradients_per_step(name),
        "train accuracy": right[0],
        "accuracy": right[1],
        "arrived": arrived,
    }
    return {key: value.double().cpu().numpy() for key, value in found.items()}


def measured(
    bench: Workbench,
    name: str,
    *,
    pairs: int,
    target: float | None = None,
    gradients: int = MOST_GRADIENTS,
) -> dict[str, Array]:
    """Train one network a pair by a recipe, with seeds that do not depend on the recipe; values by name."""
    items = [
        {
            "seed": seed,
            "networks": TOGETHER,
            "name": name,
            "samples": samples(bench),
            "device": bench.device,
            "target": target,
            "gradients": gradients,
        }
        for seed in bench.seeds("networks", pairs // TOGETHER)
    ]
    results = bench.map(name, ends, items)
    return {key: np.concatenate([result[key] for result in results]) for key in results[0]}


def samples(bench: Workbench) -> int:
    """Training images in a profile."""
    return bench.size(quick=600, standard=1200, full=1200)


def both_arrived(*groups: dict[str, Array]) -> tuple[NDArray[np.bool_], int]:
    """Pairs of which every network came down to its loss and was measured, and how many did not."""
    kept = np.logical_and.reduce([group["arrived"].astype(bool) for group in groups])
    return kept, int(np.count_nonzero(~kept))
