"""Small ReLU networks trained as in the talk, and what is read off the eigenvalues of their Hessians.

Conventions. Two hidden layers with biases; weights start N(0, 2/fan_in), biases at 0; the loss is the mean
cross-entropy over the training set. Training is stochastic gradient descent, batches of 50, learning rate 0.1, until
the loss over the whole training set is low enough: networks are compared at equal loss, not after equal time, because
eigenvalues fall along with the loss once most examples are fitted. Eigenvalues stand in descending order on the last
axis.

**Outliers.** The detector was fixed before any claim was run: the largest ratio of two neighbours among the first 21
eigenvalues separates the outliers from the bulk, so that their number is 1, ..., 20. It knows nothing of the number of
classes, which is 10 at most.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import numerics

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]

PLACES = 20
"""Behind this many eigenvalues a gap is looked for."""

NEAR_ZERO = 1e-3
"""What counts as near zero, over the spectral radius."""

LEARNING_RATE = 0.1
BATCH_SIZE = 50
MOST_STEPS = 10_000
CHECK_EVERY = 5  # steps: the loss over the training set is looked at so often that equal losses are so to a few percent
ACCURACY = 1e-3  # of matrix-free eigenvalues, over the largest; the smallest that matter are a hundredth of it
TRAINING = (
    f"stochastic gradient descent, batches of {BATCH_SIZE}, learning rate {LEARNING_RATE:g}, to a given loss over the "
    "training set"
)
NETWORKS = "two hidden ReLU layers with biases, mean cross-entropy, weights start as $N(0, 2/\\text{fan-in})$"


@dataclass(frozen=True)
class Classifiers:
    """ReLU classifiers at a point of their parameter space, with their training data.

    Attributes:
        network: What they have in common.
        theta: Parameters, one row per member.
        x: Inputs, shared or one set per member.
        labels: Labels, shared or one set per member.
        arrived: Which members have come down to the loss that was asked for; all, before training.
        relative_gradient: Relative gradient norm of every member; none before training.
        loss: The loss of every member over the training set; none before training.
    """

    network: "numerics.Mlp"
    theta: "torch.Tensor"
    x: "torch.Tensor"
    labels: "torch.Tensor"
    arrived: "torch.Tensor"
    relative_gradient: "torch.Tensor"
    loss: "torch.Tensor"

    def trained(self, seed: int, to: float) -> "Classifiers":
        """The same networks after training to a loss, in an order of the examples that the seed decides."""
        end = numerics.sgd(
            self.network,
            self.theta,
            self.x,
            self.labels,
            numerics.CrossEntropy(),
            learning_rate=LEARNING_RATE,
            batch_size=BATCH_SIZE,
            seeds=range(seed, seed + len(self.theta)),
            steps=MOST_STEPS,
            stop_at=to,
            check_every=CHECK_EVERY,
        )
        arrived = end.loss <= to
        return Classifiers(self.network, end.theta, self.x, self.labels, arrived, end.relative_gradient, end.loss)

    def fall_along_last_layer(self) -> Array:
        """How fast the loss falls as the last layer grows, -d log(loss) / d log(scale), one number per member.

        It is positive at least where all examples are classified right, whatever else the parameters are: no such point
        is critical.
        """
        loss, gradient = numerics.loss_and_gradient(
            self.network, self.theta, self.x, self.labels, numerics.CrossEntropy()
        )
        last = slice(self.network.layers["2.weight"].start, None)
        return np.asarray((-(gradient * self.theta)[:, last].sum(1) / loss).cpu().numpy())

    def spectra(self) -> Array:
        """All eigenvalues of every member, from the assembled Hessian, (members, parameters)."""
        import torch

        rows = []
        for member in range(len(self.theta)):
            theta, x, labels = self._one(member)
            hessian = numerics.dense_hessian(self.network, theta[None], x, labels, numerics.CrossEntropy()).total[0]
            rows.append(torch.linalg.eigvalsh(hessian).flip(0).cpu().numpy())
        return np.stack(rows)

    def operators(self) -> "list[numerics.HessianOperator]":
        """The Hessian of every member by its products."""
        loss, operators = numerics.CrossEntropy(), []
        for member in range(len(self.theta)):
            theta, x, labels = self._one(member)
            operators.append(numerics.HessianOperator(self.network, loss, (x, labels), theta=theta))
        return operators

    def largest(self, count: int, seed: int) -> tuple[Array, NDArray[np.bool_]]:
        """The largest eigenvalues of every member, (members, count), and where the solver vouches for them."""
        import torch

        rows, sure = [], []
        for member, operator in enumerate(self.operators()):
            generator = torch.Generator().manual_seed(seed + member)
            pairs = numerics.eigenpairs(
                operator, count, which="LA", tol=ACCURACY, generator=generator, method="estimated"
            )
            rows.append(pairs.values.cpu().numpy())
            sure.append(bool(pairs.converged.all()) and pairs.complete)
        return np.stack(rows), np.array(sure)

    def _one(self, member: int) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
        own = self.x.ndim == 3
        return (
            self.theta[member],
            self.x[member] if own else self.x,
            self.labels[member] if own else self.labels,
        )


def untrained(
    hidden: tuple[int, int], x: "torch.Tensor", labels: "torch.Tensor", *, classes: int, seed: int, networks: int
) -> Classifiers:
    """Draw networks for data, by seeds that count up from one."""
    import torch

    network = numerics.Mlp((x.shape[-1], *hidden, classes), "relu", bias=True)
    theta = network.init(range(seed, seed + networks), sigma_w=2**0.5, device=x.device)
    everybody = torch.ones(networks, dtype=torch.bool, device=x.device)
    nothing = torch.full_like(theta[:, 0], torch.nan)
    return Classifiers(network, theta, x, labels, everybody, nothing, nothing)


def gap_ratios(eigenvalues: Array) -> Array:
    """The ratio of each of the first twenty eigenvalues to the next, on the last axis.

    A next one that is zero or negative counts as 1e-12 of the largest.

    Examples:
        >>> gap_ratios(2.0 ** -np.arange(30.0))[:3].tolist()
        [2.0, 2.0, 2.0]
    """
    floor = 1e-12 * eigenvalues[..., :1]
    head = np.maximum(eigenvalues[..., : PLACES + 1], floor)
    return np.asarray(head[..., :-1] / head[..., 1:])


def outliers(eigenvalues: Array) -> NDArray[np.int64]:
    """How many eigenvalues stand before the largest gap.

    Examples:
        >>> int(outliers(np.array([9.0, 8.0, 7.0] + [1.0 - k / 50 for k in range(30)])))
        3
    """
    return np.asarray(gap_ratios(eigenvalues).argmax(axis=-1) + 1)


def mass_near_zero(eigenvalues: Array) -> Array:
    """The share of the eigenvalues within 1e-3 of the spectral radius of zero, of whole spectra.

    Examples:
        >>> float(mass_near_zero(np.array([1.0, 0.5, 1e-4, -2e-4])))
        0.5
    """
    size = np.abs(eigenvalues)
    return np.asarray((size <= NEAR_ZERO * size.max(axis=-1, keepdims=True)).mean(axis=-1))
