"""Minima of zero loss, of quadratics and of trained networks, and small steps away from them: what the workers run."""

from typing import TYPE_CHECKING, Final

import numerics

if TYPE_CHECKING:
    from torch import Tensor

FITTED: Final = 1e-18  # largest loss of a network that counts as one that fits its data
TRAINED: Final = (
    "the networks have one hidden layer of 12 tanh units and are trained to zero loss, by Levenberg-Marquardt, on 12 "
    "samples of independent standard normal numbers"
)


def quadratics(
    seed: int, members: int, weights: int, device: str
) -> tuple["numerics.Mlp", "Tensor", "Tensor", "Tensor"]:
    """Quadratics with a minimum of loss 0: one linear unit, inputs of its own, targets of random weights.

    Returns:
        The network, the minima (members x weights), inputs and targets; with 2 weights samples the Hessian has full
        rank, and its eigenvalues are spread by a factor of some ten.
    """
    network = numerics.Mlp((weights, 1), "linear")
    seeds = [seed + member for member in range(members)]
    x, _ = numerics.gaussian_memorisation(inputs=weights, outputs=1, samples=2 * weights, seeds=seeds, device=device)
    theta = network.init([each + members for each in seeds], device=device)
    return network, theta, x, network.forward(theta, x)


def fitted(seed: int, members: int, device: str) -> tuple["numerics.Mlp", "Tensor", "Tensor", "Tensor"]:
    """Networks trained to zero loss on data of their own: the network, the weights, inputs and targets.

    Raises:
        ArithmeticError: If training ended above zero loss.
    """
    seeds = [seed + member for member in range(members)]
    x, y = numerics.gaussian_memorisation(inputs=4, outputs=2, samples=12, seeds=seeds, device=device)
    network = numerics.Mlp((4, 12, 2), "tanh", bias=True)
    start = network.init([each + members for each in seeds], device=device)
    end = numerics.levenberg_marquardt(network, start, x, y, half_square(), tolerance=1e-13, max_steps=1000)
    if not bool((end.loss <= FITTED).all()):
        raise ArithmeticError(f"training must end at a loss of at most {FITTED:g}, got {float(end.loss.max()):g}.")
    return network, end.theta, x, y


def half_square() -> "numerics.SquaredError":
    """Half the mean over samples of the squared error: its Hessian at zero loss is J'J/n."""
    return numerics.SquaredError(prefactor=0.5)


def problem(kind: str, seed: int, members: int, device: str) -> tuple["numerics.Mlp", "Tensor", "Tensor", "Tensor"]:
    """Return the minima of ``"quadratics"`` of 8 weights, or of ``"networks"``."""
    return quadratics(seed, members, 8, device) if kind == "quadratics" else fitted(seed, members, device)
