"""What the cross-entropy makes of an outlier: one confident error, and how much of the loss is its own."""

from collections.abc import Iterator
from typing import Final

import numpy as np

import theory
from verify import AtLeast, Bounds, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.claims.flatness.rescaled_measures import SMALL, losses_of_errors
from verify.claims.flatness.training import both_arrived
from verify.lectures.flatness import OUTLIER

NETWORKS: Final = 24


@claim(
    "flatness.confident-error",
    title="One confident error costs as much as you like, and pulls on its output by less than one",
    source=Source(printed=OUTLIER),
    assumptions=("labels are hard: one class has the probability 1", SMALL),
    expects={Verdict.SUPPORTED},
)
def confident_error(bench: Workbench) -> Iterator[Comparison]:
    r"""A reasonable model gives up an outlier. But what is the cross-entropy there? With the probability $p$ of the
    label it is $-\log p$: a sample of $p = e^{-M}$ costs $M$, and no number bounds that. It costs as much as $n - 1$
    others of probability $q$ together if $p = q^{n - 1}$. So means of the cross-entropy, and gaps between test and
    training loss, are about few errors: on trained networks the images that are classified wrongly have more than three
    times the share of the test loss that they have of the images.

    What pulls on the network, on the other hand, is bounded. The derivative by the output of the label is

    $$\frac{\partial}{\partial o_c} (-\log p) = p - 1,$$

    between $-1$ and $0$.
    """
    import sympy as sp

    derivation = theory.confident_error()
    (size,) = derivation.value.free_symbols
    (p,) = derivation.parts["gradient"].rhs.free_symbols
    yield Identity(
        "cross-entropy in the probability of the label",
        derivation=theory.softmax_cross_entropy_parts(),
        claimed=-sp.log(p),
        rival=Rival("the probability of the others", 1 - p),
    )
    yield Identity(
        "cross-entropy of a label of probability $e^{-M}$",
        derivation=derivation,
        claimed=size,
        rival=Rival("one error, as the accuracy counts it", sp.Integer(1)),
    )
    yield Identity(
        "derivative by the output of the label",
        derivation=derivation,
        part="gradient",
        claimed=p - 1,
        rival=Rival("that by the probability, which has no bound", -1 / p),
    )
    items = [
        {"seed": seed, "networks": NETWORKS, "target": bench.size(quick=0.2, standard=0.05, full=0.05)}
        | {"device": bench.device}
        for seed in bench.seeds("networks", bench.size(quick=1, standard=2, full=4))
    ]
    results = bench.map("errors", losses_of_errors, items)
    found = {key: np.concatenate([result[key] for result in results]) for key in results[0]}
    kept, dropped = both_arrived(found)
    yield AtLeast(
        "share of the test loss that wrongly classified images have, over their share of the images",
        bound=3.0,
        replicates=(found["loss"] / found["images"])[kept],
        rival=Rival("every image costs alike", 1.0),
        dropped=dropped,
    )
    yield Bounds(
        "largest size of a derivative of a test image's loss by the output of its label, against 1",
        smaller=found["pull"][kept],
        larger=1.0,
        tolerance=1e-9,
        reason="rounding",
        dropped=dropped,
        rival=Rival("half of that", 0.5),
    )
    figure = bench.figure(
        "shares",
        title="What wrongly classified images cost",
        x="share of the test images",
        y="share of the test loss",
        caption=f"{np.count_nonzero(kept)} networks. Images that are classified wrongly are few and make most of the "
        "loss.",
    )
    figure.points(found["images"][kept], found["loss"][kept], "classified wrongly")
    ends = [0.0, float(found["images"].max())]
    figure.line(ends, ends, "every image costs alike")
