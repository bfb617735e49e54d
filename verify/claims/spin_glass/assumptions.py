"""What has to hold for the loss of a network to be the Hamiltonian of a spin glass, one assumption at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify import OPEN, AtLeast, AtMost, Comparison, Equals, Rival, Source, Workbench, claim
from verify.bibliography import CHOROMANSKA_2015
from verify.claims.spin_glass.paths import BATCH_SIZE, LEARNING_RATE, LOSS, trained_networks
from verify.lectures.spin_glass import NETWORKS
from verify.workbench import key

TRAINED = (
    "ReLU networks with two hidden layers and no biases, trained on scikit-learn's digits by stochastic gradient "
    f"descent (batches of {BATCH_SIZE}, learning rate {LEARNING_RATE:g}) to a mean cross-entropy of {LOSS:g}; weights "
    "start as $N(0, 2/\\text{fan-in})$"
)
TOGETHER = 8  # networks per item of work
SHARED = "spin-glass.assumptions"  # in the place of a claim's id where seeds are drawn


def measured(bench: Workbench) -> tuple[dict[str, NDArray[Any]], int]:
    """Train networks and return what was measured on those that arrived, and how many did not.

    Every assumption is tried on the same networks: their seeds do not depend on the claim.
    """
    networks, hidden, samples = bench.size(quick=(64, 12, 500), standard=(96, 24, 1000), full=(160, 40, 1797))
    items = [
        {"seed": seed, "networks": TOGETHER, "hidden": hidden, "samples": samples, "device": bench.device}
        for seed in (key(bench.seed, SHARED, "networks", place) for place in range(networks // TOGETHER))
    ]
    results = bench.map("networks", trained_networks, items)
    arrived = np.concatenate([one["arrived"] for one in results]).astype(bool)
    every = {name: np.concatenate([one[name] for one in results])[arrived] for name in results[0]}
    return every, int(np.count_nonzero(~arrived))


@claim(
    "spin-glass.paths-are-independent",
    title="Whether paths are active independently of each other",
    source=Source(CHOROMANSKA_2015, "section 3, activations as independent Bernoulli variables", printed=NETWORKS),
    assumptions=(TRAINED,),
    expects=OPEN,
)
def paths_are_independent(bench: Workbench) -> Iterator[Comparison]:
    r"""The output of a ReLU network is a sum over paths from an input to an output, of the input times the weights on
    the path, where every unit on it is active. The reduction to a spin glass takes the activations of paths for
    independent Bernoulli variables. Paths that share a unit cannot be; are the others?

    The paper calls its assumptions simplifications. Fixed beforehand, and ours: over all pairs of paths that have no
    hidden unit in common, the root mean square correlation of their activations over the training inputs is at most
    0.05, what chance would give taken off. It does not hold if it is 0.1 or more.
    """
    found, dropped = measured(bench)
    yield AtMost(
        "root mean square correlation of the activations of two paths without a common unit",
        bound=0.05,
        replicates=found["between paths"],
        rival=Rival("dependent paths", 0.1),
        dropped=dropped,
    )


@claim(
    "spin-glass.paths-are-independent-of-inputs",
    title="Whether paths are active independently of the input",
    source=Source(CHOROMANSKA_2015, "section 3, inputs independent of activations", printed=NETWORKS),
    assumptions=(TRAINED,),
    expects=OPEN,
)
def paths_are_independent_of_inputs(bench: Workbench) -> Iterator[Comparison]:
    r"""The reduction to a spin glass takes the activation of a path to be independent of the input at which the path
    starts, although it is a function of all inputs. In a list of the open problems that they left (Choromanska, LeCun
    and Ben Arous, COLT 2015) the authors call this one unrealistic themselves.

    Fixed beforehand, and ours: over all paths, the root mean square correlation of a path's activation with the pixel
    where it starts is at most 0.05 over the training inputs, chance taken off. It does not hold if it is 0.1 or more.
    """
    found, dropped = measured(bench)
    yield AtMost(
        "root mean square correlation of a path's activation with its input",
        bound=0.05,
        replicates=found["with inputs"],
        rival=Rival("dependent on the input", 0.1),
        dropped=dropped,
    )


@claim(
    "spin-glass.weights-are-redundant",
    title="Whether few distinct weights are enough",
    source=Source(CHOROMANSKA_2015, "section 3, redundancy in network parametrization", printed=NETWORKS),
    assumptions=(TRAINED,),
    expects=OPEN,
)
def weights_are_redundant(bench: Workbench) -> Iterator[Comparison]:
    r"""The reduction to a spin glass replaces the weights by $\Lambda = \Psi^{1/H}$ distinct values, $\Psi$ the number
    of paths and $H$ that of layers, and takes the predictions to stay nearly the same.

    Fixed beforehand, and ours: each weight is replaced by the nearest of $\Lambda$ evenly spaced values between the
    least and the greatest; then at least 98 % of the predicted classes on the training inputs stay. It does not hold if
    95 % or less do. For networks as small as these $\Lambda$ is 46 to 101, so that this is no more than rounding
    weights to about six bits.
    """
    found, dropped = measured(bench)
    yield AtLeast(
        "share of the predictions that stay with $\\Lambda$ evenly spaced weights",
        bound=0.98,
        replicates=found["nearest"],
        rival=Rival("one prediction of twenty changes", 0.95),
        dropped=dropped,
    )


@claim(
    "spin-glass.weights-are-uniform",
    title="Whether the distinct weights are spread evenly over the paths",
    source=Source(CHOROMANSKA_2015, "section 3, uniformity", printed=NETWORKS),
    assumptions=(TRAINED,),
    expects=OPEN,
)
def weights_are_uniform(bench: Workbench) -> Iterator[Comparison]:
    r"""The reduction to a spin glass takes the distinct weights to be distributed uniformly: every product of $H$ of
    them stands on equally many paths. As a path takes one weight from each layer, every layer has to use all values
    equally often.

    Fixed beforehand, and ours: the weights of all layers together are put into ten groups of one size, in order; each
    layer's shares of the groups are within 0.15 of a tenth each in total variation. It does not hold from 0.25 on.
    Chance alone would give about 0.1 in the smallest layers here.

    And: with the weights of all layers in $\Lambda = \Psi^{1/H}$ groups of one size, in order, and each weight replaced
    by the mean of its group, at least 98 % of the predictions stay. It does not hold if 95 % or less do.
    """
    found, dropped = measured(bench)
    yield AtMost(
        "total variation between the groups that a layer uses and all groups evenly, worst layer",
        bound=0.15,
        replicates=found["unevenness"],
        rival=Rival("layers of different weights", 0.25),
        dropped=dropped,
    )
    yield AtLeast(
        "share of the predictions that stay with $\\Lambda$ weights used equally often",
        bound=0.98,
        replicates=found["equally often"],
        rival=Rival("one prediction of twenty changes", 0.95),
        dropped=dropped,
    )


@claim(
    "spin-glass.weights-on-a-sphere",
    title="Whether training stays on a sphere",
    source=Source(CHOROMANSKA_2015, "section 3, the spherical constraint", printed=NETWORKS),
    assumptions=(TRAINED,),
    expects=OPEN,
)
def weights_on_a_sphere(bench: Workbench) -> Iterator[Comparison]:
    r"""A spherical spin glass has its spins on a sphere: the mean square of the weights is fixed. Any weights lie on
    some sphere, and the paper says nothing about training. Our reading of what would be needed, stronger than what it
    assumes: that training stays on the sphere where it started.

    Fixed beforehand: the mean square of all weights after training is within a tenth of that before. A network whose
    mean square doubles is the rival.
    """
    found, dropped = measured(bench)
    yield Equals(
        "mean square of the weights after training over that before",
        predicted=1.0,
        replicates=found["growth"],
        absolute=0.1,
        rival=Rival("it doubles", 2.0),
        dropped=dropped,
    )
