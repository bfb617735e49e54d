r"""Scores of weights that need no training: SynFlow, which needs no data, and SNIP and GraSP, which need a batch.

Conventions. The larger the score, the more a weight is worth keeping; biases have the score 0. With w a weight, g the
gradient of the loss and H its Hessian,

    SNIP    |w dL/dw|           how far the loss moves, to first order, as the weight goes,
    GraSP   w (H g)             minus half of how far |g|^2 moves: its published score is the negative, removed on top,
    SynFlow |w dR/dw|,          R = 1' |W_L| ... |W_1| 1, the sum over all paths of the product of absolute weights.

R is of degree 1 in every layer, so that the SynFlow scores of each layer add up to R, the same for all layers: a layer
of few weights has large ones, which is why removing a little at a time never empties it.

R of a module is the sum of its outputs for ones at absolute weights and without biases, and counts paths where what is
between its weights keeps what is not negative, chooses, or averages: ReLU units, pooling, norms of stored statistics,
which divide by their deviation, and whose mean counts as a bias. R is a product over the layers, which leaves the range
of single precision soon, and is computed in double.
"""

import copy
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.func import vjp

from numerics.arguments import checked_finite, checked_mask, checked_number, checked_sizes
from numerics.functional_module import FunctionalModule, Network
from numerics.losses import Loss, Targets
from numerics.networks import Mlp
from numerics.objective import Inputs, check_problem, outputs_and_pullback, slope
from numerics.pruning.masks import check_rows, mask_of_largest
from numerics.pruning.rounds import removed_shares
from numerics.training.descent import kept

Slope = Callable[[Tensor], Tensor]  # absolute parameters -> derivative of the sum over all paths


def synflow_scores(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    mask: Bool[Tensor, "members parameters"] | None = None,
    *,
    shape: tuple[int, ...] | None = None,
) -> Float[Tensor, "members parameters"]:
    """Score every weight by the paths through it, each the product of its absolute weights: |w dR/dw|.

    Whatever a perceptron's activation is, R is that of linear units. Allocates a handful of copies of the parameters
    in double precision, and what a module's passes take.

    Args:
        network: A perceptron or a view of a module.
        theta: Parameters, one row per member.
        mask: Weights that count; None for all.
        shape: Of one example, which a module must be told.

    Returns:
        The scores, 0 of whatever is no weight and of weights outside the mask.

    Raises:
        TypeError: If the network is neither a perceptron nor a view of a module, or the parameters are no tensor.
        ValueError: If shapes do not fit, a parameter is not finite, scores are too large or all too small for theta's
            dtype, or a module's outputs are all 0, or not twice as large for inputs twice as large, as those of tanh
            units are not.

    Examples:
        >>> synflow_scores(Mlp((1, 2, 1)), torch.tensor([[2.0, -3.0, 5.0, 1.0]]))
        tensor([[10.,  3., 10.,  3.]])

    References:
        Tanaka, Kunin, Yamins and Ganguli (2020), arXiv:2006.05467, equation 3 and theorem 1.
    """
    check_rows(network, theta=theta)
    checked_finite(theta=theta)
    if mask is not None:
        checked_mask("mask", mask, theta.shape, theta.device)
    size = _sizes(network, theta.double())
    left = kept(mask, size)
    exact = left * _slope_of_paths(network, size, shape)(left) * _weights(network, size)
    scores = _finite(exact.to(theta.dtype), "theta")
    lost = exact.any(dim=1) & ~scores.any(dim=1)
    if bool(lost.any()):
        raise ValueError(
            f"theta must be of a scale at which not all scores are 0 in {theta.dtype}, got those of {int(lost.sum())} "
            "of its rows: they are not in torch.float64."
        )
    return scores


def synflow_mask(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    *,
    sparsity: float,
    rounds: int = 100,
    shape: tuple[int, ...] | None = None,
) -> Bool[Tensor, "members parameters"]:
    """Remove the weights of least SynFlow score in n rounds with scores anew: (1 - sparsity)^(r/n) are left after r.

    Args:
        network: A perceptron or a view of a module.
        theta: Parameters at which nothing has been trained, one row per member.
        sparsity: Share of all weights that is removed in the end, in [0, 1).
        rounds: How many rounds, n; in one round alone layers may collapse.
        shape: As in ``synflow_scores``.

    Returns:
        The mask.

    Raises:
        TypeError: As ``synflow_scores``.
        ValueError: As ``synflow_scores`` and ``mask_of_largest``, or if the rounds are no positive integer, or all
            scores are 0, so that they tell no weight from another.

    Examples:
        >>> theta = torch.tensor([[2.0, -3.0, 5.0, 1.0]])
        >>> synflow_mask(Mlp((1, 2, 1)), theta, sparsity=0.5)
        tensor([[ True, False,  True, False]])

        A mask for ``prune_module``, of a module of one's own that takes images of 4 by 4 pixels:

        >>> from torch import nn
        >>> view = FunctionalModule(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1)))
        >>> synflow_mask(view, view.theta, sparsity=0.5, shape=(1, 4, 4))[0].sum()  # 13 weights and three biases
        tensor(16)

    References:
        Tanaka, Kunin, Yamins and Ganguli (2020), arXiv:2006.05467, algorithm 1.
    """
    check_rows(network, theta=theta)
    checked_finite(theta=theta)
    size = _sizes(network, theta.double())
    slope_of_paths = _slope_of_paths(network, size, shape)
    mask = torch.ones_like(theta, dtype=torch.bool)
    for done, share in enumerate(removed_shares(sparsity, rounds)):
        left = size * mask
        scores = _finite(left * slope_of_paths(left), "theta")
        without = int((~scores.any(dim=1)).sum())
        if without and not done:  # later a layer may have collapsed, in few rounds
            raise ValueError(
                f"theta must have a path whose weights have a product other than 0 in every row, got none in {without}."
            )
        mask = mask_of_largest(network, scores, sparsity=share, within=mask)
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
        ValueError: If the problem's pieces do not fit or are not finite, or a score is not.

    Examples:
        >>> from numerics import SquaredError
        >>> x, y = torch.tensor([[1.0, 2.0]]), torch.zeros(1, 1)
        >>> snip_scores(Mlp((2, 1), "linear"), torch.tensor([[3.0, -1.0]]), x, y, SquaredError(0.5))
        tensor([[3., 2.]])

    References:
        Lee, Ajanthan and Torr (2019), arXiv:1810.02340, equations 5 and 6, before the scores are divided by their sum.
    """
    check_problem(network, theta, x, y, loss)
    return _finite((theta * slope(network, theta, x, y, loss)[1]).abs() * _weights(network, theta), "theta")


def grasp_scores(
    network: Network,
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
        network: A perceptron or a view of a module.
        theta: Parameters, one row per member.
        x: Inputs of the batch, shared or one set per member.
        y: Their targets.
        loss: The loss.
        temperature: What the outputs are divided by, positive; 1 for the loss itself.

    Returns:
        The scores, 0 of whatever is no weight.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, the temperature is not positive, or a score
            is not finite, as at temperatures too small for theta's dtype.

    Examples:
        >>> from numerics import SquaredError
        >>> x, y = torch.tensor([[1.0, 2.0]]), torch.zeros(1, 1)
        >>> grasp_scores(Mlp((2, 1), "linear"), torch.tensor([[3.0, -1.0]]), x, y, SquaredError(0.5), temperature=1)
        tensor([[ 15., -10.]])

    References:
        Wang, Zhang and Grosse (2020), arXiv:2002.07376, equation 8 with the other sign.
    """
    check_problem(network, theta, x, y, loss)
    over = 1 / checked_number("temperature", temperature, above=0.0)

    def gradient(point: Tensor) -> Tensor:
        outputs, pull = outputs_and_pullback(network, point, x, y)
        return pull(loss.gradient(outputs * over, y) * over)

    here, pull = vjp(gradient, theta)[:2]
    product: Tensor = pull(here)[0]  # the Hessian is symmetric
    return _finite(theta * product * _weights(network, theta), "theta over temperature")


def _slope_of_paths(network: Network, size: Tensor, shape: tuple[int, ...] | None) -> Slope:
    """The derivative of the sum of the outputs for ones, a perceptron's with linear units."""
    if isinstance(network, Mlp):
        if shape not in (None, network.widths[:1]):
            raise ValueError(f"shape must be None or {network.widths[:1]}, the network's inputs, got {shape!r}.")
        linear = Mlp(network.widths, "linear", bias=network.bias)

        def slope_of_paths(left: Tensor) -> Tensor:
            trace = linear.trace(left, left.new_ones(1, linear.widths[0]))
            return linear.pullback(trace, torch.ones_like(trace.outputs))

        return slope_of_paths
    if not isinstance(shape, tuple) or not shape:
        raise ValueError(f"shape must be that of one example, a tuple, for a module, got {shape!r}.")
    checked_sizes(**{f"shape[{axis}]": length for axis, length in enumerate(shape)})
    bare = _without_means(network)
    ones = size.new_ones(1, *shape)
    steps = (ones.flatten().cumsum(0) / ones.numel()).reshape(ones.shape)
    try:
        once, twice = (bare.forward(size, factor * steps) for factor in (1, 2))
    except RuntimeError as error:
        raise ValueError(f"shape must be that of an example that the module takes, got {shape}: {error}") from error
    if bool(((twice - 2 * once).abs() > torch.finfo(size.dtype).eps ** 0.5 * twice.abs()).any()):
        raise ValueError(
            "network must double its outputs, with absolute weights and no biases, as its inputs double, as ReLU units "
            "and pooling do: view a copy of the module with nn.Identity() in the place of its other activations."
        )
    if not bool(once.flatten(start_dim=1).any(dim=1).all()):
        raise ValueError(
            "network must have outputs other than 0 with absolute weights and no biases for positive inputs, got none: "
            "a sign is lost on the way, or theta has a layer of zeros."
        )

    def slope_of_outputs(left: Tensor) -> Tensor:
        outputs, pull = vjp(lambda point: bare.forward(point, ones), left)[:2]
        slope_there: Tensor = pull(torch.ones_like(outputs))[0]
        return slope_there

    return slope_of_outputs


@torch.inference_mode(False)
def _without_means(network: FunctionalModule) -> FunctionalModule:
    """The same view with the stored means of its norms, which work as biases, at 0."""
    module = copy.deepcopy(network.module)
    means = [layer.running_mean for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._NormBase)]
    if not any(mean is not None and bool(mean.any()) for mean in means):
        return network
    for mean in means:
        if mean is not None:
            mean.zero_()
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name in network.layers)
    return FunctionalModule(module)


def _finite(scores: Tensor, cause: str) -> Tensor:
    """The scores, if the cause lets them be finite."""
    beyond = int((~scores.isfinite()).sum())
    if beyond:
        raise ValueError(f"{cause} must be of a scale at which scores are finite, got {beyond} that are not.")
    return scores


def _sizes(network: Network, theta: Tensor) -> Tensor:
    """Absolute parameters, with biases at 0."""
    counted = _weights(network, theta)
    if isinstance(network, FunctionalModule):
        for name, place in network.layers.items():
            if "bias" not in name.rpartition(".")[2]:
                counted[place] = 1
    return theta.abs() * counted


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
