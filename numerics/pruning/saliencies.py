r"""Scores of weights that need no training: SynFlow, which needs no data, and SNIP and GraSP, which need a batch.

Conventions. The larger the score, the more a weight is worth keeping; biases have the score 0. With w a weight, g the
gradient of the loss and H its Hessian,

    SNIP    |w dL/dw|           how far the loss moves, to first order, as the weight goes,
    GraSP   w (H g)             minus half of how far |g|^2 moves: its published score is the negative, removed on top,
    SynFlow |w dR/dw|,          R = 1' |W_L| ... |W_1| 1, the sum over all paths of the product of absolute weights.

R is of degree 1 in every layer, so that the SynFlow scores of each layer add up to R, the same for all layers: a layer
of few weights has large ones, which is why removing a little at a time never empties it.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.func import vjp

from numerics.arguments import checked_finite, checked_number
from numerics.functional_module import FunctionalModule, Network
from numerics.losses import Loss, Targets
from numerics.networks import Mlp
from numerics.objective import Inputs, check_problem, slope
from numerics.pruning.masks import mask_of_largest
from numerics.pruning.rounds import removed_shares
from numerics.training.descent import checked_mask, kept


def synflow_scores(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    mask: Bool[Tensor, "members parameters"] | None = None,
) -> Float[Tensor, "members parameters"]:
    """Score every weight by the paths through it, each the product of its absolute weights: |w dR/dw|.

    Whatever the network's activation is, R is that of linear units. Allocates a handful of copies of the parameters.

    Args:
        network: The perceptron.
        theta: Parameters, one row per member.
        mask: Weights that count; None for all.

    Returns:
        The scores, 0 of biases and of weights outside the mask.

    Raises:
        TypeError: If the network is no Mlp, or the parameters are no tensor.
        ValueError: If shapes do not fit, or a parameter is not finite.

    Examples:
        >>> synflow_scores(Mlp((1, 2, 1)), torch.tensor([[2.0, -3.0, 5.0, 1.0]]))
        tensor([[10.,  3., 10.,  3.]])

    References:
        Tanaka, Kunin, Yamins and Ganguli (2020), arXiv:2006.05467, equation 3 and theorem 1.
    """
    _check_network(network)
    network.unflatten(theta)
    checked_finite(theta=theta)
    size = kept(checked_mask(mask, theta), theta.abs()) * _weights(network, theta)
    paths = Mlp(network.widths, "linear", bias=network.bias)
    trace = paths.trace(size, torch.ones(1, network.widths[0], dtype=theta.dtype, device=theta.device))
    return size * paths.pullback(trace, torch.ones_like(trace.outputs))


def synflow_mask(
    network: Mlp, theta: Float[Tensor, "members parameters"], *, sparsity: float, rounds: int = 100
) -> Bool[Tensor, "members parameters"]:
    """Remove the weights of least SynFlow score in n rounds with scores anew: (1 - sparsity)^(r/n) are left after r.

    Args:
        network: The perceptron.
        theta: Parameters at which nothing has been trained, one row per member.
        sparsity: Share of all weights that is removed in the end, in [0, 1).
        rounds: How many rounds, n; in one round alone layers may collapse.

    Returns:
        The mask.

    Raises:
        TypeError: As ``synflow_scores``.
        ValueError: As ``synflow_scores`` and ``mask_of_largest``, or if the rounds are no positive integer.

    Examples:
        >>> theta = torch.tensor([[2.0, -3.0, 5.0, 1.0]])
        >>> synflow_mask(Mlp((1, 2, 1)), theta, sparsity=0.5)
        tensor([[ True, False,  True, False]])

    References:
        Tanaka, Kunin, Yamins and Ganguli (2020), arXiv:2006.05467, algorithm 1.
    """
    _check_network(network)
    network.unflatten(theta)
    mask = torch.ones_like(theta, dtype=torch.bool)
    for share in removed_shares(sparsity, rounds):
        mask = mask_of_largest(network, synflow_scores(network, theta, mask), sparsity=share, within=mask)
    return mask


def snip_scores(
    network: Network, theta: Float[Tensor, "members parameters"], x: Inputs, y: Targets, loss: Loss
) -> Float[Tensor, "members parameters"]:
    """Score every weight by how far the loss on a batch moves as it goes, to first order: |w dL/dw|.

    Args:
        network: A perceptron or a view of a module.
        theta: Parameters, one row per member.
        x: Inputs of the batch, shared or one set per member.
        y: Their targets.
        loss: The loss.

    Returns:
        The scores, 0 of whatever is no weight.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite.

    Examples:
        >>> from numerics import SquaredError
        >>> x, y = torch.tensor([[1.0, 2.0]]), torch.zeros(1, 1)
        >>> snip_scores(Mlp((2, 1), "linear"), torch.tensor([[3.0, -1.0]]), x, y, SquaredError(0.5))
        tensor([[3., 2.]])

    References:
        Lee, Ajanthan and Torr (2019), arXiv:1810.02340, equations 5 and 6, before the scores are divided by their sum.
    """
    check_problem(network, theta, x, y, loss)
    return (theta * slope(network, theta, x, y, loss)[1]).abs() * _weights(network, theta)


def grasp_scores(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    y: Targets,
    loss: Loss,
    *,
    temperature: float = 200.0,
) -> Float[Tensor, "members parameters"]:
    """Score every weight by what it adds to the squared gradient on a batch: w (H g), of either sign.

    The loss is that of the outputs over a temperature, as in its authors' program, where that is 200: near outputs of
    zero every class is as likely, and a gradient is not made large by outputs that are confidently wrong. Takes one
    derivative of the gradient, through both of its passes.

    Args:
        network: The perceptron.
        theta: Parameters, one row per member.
        x: Inputs of the batch, shared or one set per member.
        y: Their targets.
        loss: The loss.
        temperature: What the outputs are divided by, positive; 1 for the loss itself.

    Returns:
        The scores, 0 of biases.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, or the temperature is not positive.

    Examples:
        >>> from numerics import SquaredError
        >>> x, y = torch.tensor([[1.0, 2.0]]), torch.zeros(1, 1)
        >>> grasp_scores(Mlp((2, 1), "linear"), torch.tensor([[3.0, -1.0]]), x, y, SquaredError(0.5), temperature=1)
        tensor([[ 15., -10.]])

    References:
        Wang, Zhang and Grosse (2020), arXiv:2002.07376, equation 8 with the other sign.
    """
    _check_network(network)
    check_problem(network, theta, x, y, loss)
    over = 1 / checked_number("temperature", temperature, above=0.0)

    def gradient(point: Tensor) -> Tensor:
        trace = network.trace(point, x)
        return network.pullback(trace, loss.gradient(trace.outputs * over, y) * over)

    here, pull = vjp(gradient, theta)[:2]
    product: Tensor = pull(here)[0]  # the Hessian is symmetric
    return theta * product * _weights(network, theta)


def _weights(network: Network, theta: Tensor) -> Tensor:
    """1 where a weight stands, 0 where another parameter does."""
    place = torch.zeros(network.parameters, dtype=theta.dtype, device=theta.device)
    if isinstance(network, FunctionalModule):
        for where in network.weights.values():
            place[where] = 1
        return place
    for start, middle, _ in network.spans:
        place[start:middle] = 1
    return place


def _check_network(network: Mlp) -> None:
    if not isinstance(network, Mlp):
        raise TypeError(f"network must be an Mlp, whose layers are a chain, got {type(network).__name__}.")
