"""Whether noisy descent leaves a sharp minimum for a flat one: one weight, two wells of equal depth."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Comparison, Identity, Ordering, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.claims.flatness.landscapes import TwoWells, ends_of_descent
from verify.lectures.flatness import SGD_AND_FLAT_MINIMA

WELLS = {"flat": 1.0, "sharp": 9.0, "top": 4.0, "height": 1.0}
RATE, STEPS = 0.03, 6000
HOTTEST = 0.6  # the temperature D of batches of one; of B, it is the B-th part
BATCHES = (8, 4, 2, 1)
OWN_WELLS = {"flat": 1.0, "sharp": 3.0, "top": 4.0, "height": 1.0}
OWN = 0.15  # D over the curvature, for noise in proportion to it
GROUPS = 20
MARGIN = 0.12  # half of the distance to one half: steps are not small, and runs are not many


@claim(
    "flatness.escapes-sharp",
    title="How often SGD ends in the flat well and not in the sharp one",
    source=Source(printed=SGD_AND_FLAT_MINIMA),
    assumptions=(
        "one weight, two wells of equal depth with the curvatures $a < b$; $\\eta a$, $\\eta b$ and $D$ over the "
        "height $h$ of the barrier are small",
        "the noise of a step is the same everywhere; or, where that is said, of a variance in proportion to the "
        "curvature of the well",
        "Kramers' formula for the rates",
        "measured with $h = 1$: $a = 1$, $b = 9$, or $b = 3$ for noise in proportion; all runs start in the sharp well",
    ),
    expects={Verdict.SUPPORTED},
)
def escapes_sharp(bench: Workbench) -> Iterator[Comparison]:
    r"""SGD leaves sharp minima for flat ones. In a small model: one weight, two wells of equal depth, a flat one of
    curvature $a$ and a sharp one of curvature $b$. With learning rate $\eta$, batches of $B$ and the variance $C$ of
    single gradients, SGD is a diffusion of temperature $D = \eta C/(2B)$.

    *Noise that is the same everywhere.* In the end SGD is in the flat well with the probability

    $$P = \frac{\sqrt b}{\sqrt a + \sqrt b},$$

    because the flat well is wider, and $\sqrt{b/a}$ times harder to leave. That is more than one half, and does not
    depend on $\eta/B$. What does is how long it takes: $e^{h/D}$ steps or so. After a given number of steps, before the
    limit is reached, the larger $\eta/B$, the more runs have left the sharp well, none at all if it is small.

    *Noise in proportion to the curvature*, $D = ka$ in one well and $kb$ in the other, which is closer to minibatches.
    Now the flat well is cold, and

    $$\frac{P_a}{P_b} = \frac ba\, e^{\frac hk \left(\frac1a - \frac1b\right)},$$

    exponentially in favour of the flat one, the more the *smaller* $\eta/B$ is.
    """
    import sympy as sp

    a, b, h, k = sp.symbols("a b h k", positive=True)
    derivation = theory.stationary_share()
    yield Identity(
        "probability of the flat well, in the limit of little noise",
        derivation=derivation,
        claimed=sp.sqrt(b) / (sp.sqrt(a) + sp.sqrt(b)),
        rival=Rival("one half", sp.Rational(1, 2)),
    )
    yield Identity(
        "rate of escape from the flat well over that from the sharp one",
        derivation=derivation,
        part="rates",
        claimed=sp.sqrt(a / b),
        rival=Rival("one, as for equal barriers", sp.Integer(1)),
    )
    yield Identity(
        "odds of the flat well with noise in proportion to the curvature",
        derivation=derivation,
        part="proportional",
        claimed=b / a * sp.exp(h / (a * k)) * sp.exp(-h / (b * k)),
        rival=Rival("those of equal noise", sp.sqrt(b / a)),
    )
    runs = bench.size(quick=2000, standard=4000, full=10_000)
    spread = float(np.sqrt(2 * HOTTEST / RATE))
    common = {"rate": RATE, "steps": STEPS, "runs": runs}
    items: list[dict[str, Any]] = [
        {**WELLS, **common, "seed": seed, "batch": batch, "spread": spread, "proportional": False}
        for seed, batch in zip(bench.seeds("equal noise", len(BATCHES)), BATCHES, strict=True)
    ]
    equal = bench.map("equal noise", ends_of_descent, items)
    flat_share = theory.flat_well_share(WELLS["flat"], WELLS["sharp"])
    wells = TwoWells(**WELLS)
    for place, batch in enumerate(BATCHES):
        if batch <= 2:
            share = wells.share(HOTTEST / batch)
            yield Proportion(
                f"runs in the flat well in the end, $D$ = {HOTTEST / batch:g}, against the density $e^{{-L/D}}$",
                successes=int(equal[place]["flat"].sum()),
                trials=runs,
                within=(share - MARGIN, share + MARGIN),
                rival=Rival("one half", 0.5),
            )
    yield Ordering(
        "runs that have left the sharp well, in groups, against the learning rate over the batch size",
        trend=np.array([each["flat"].reshape(GROUPS, -1).mean(axis=1) for each in equal]).T,
        direction="increasing",
    )
    item = {**OWN_WELLS, **common, "seed": bench.seeds("own noise", 1)[0], "batch": 1, "proportional": True}
    (own,) = bench.map("own noise", ends_of_descent, [item | {"spread": float(np.sqrt(2 * OWN / RATE))}])
    yield Proportion(
        f"runs in the flat well in the end, noise in proportion to the curvature, $k$ = {OWN:g}",
        successes=int(own["flat"].sum()),
        trials=runs,
        within=(0.93, 1),
        rival=Rival("as with equal noise", theory.flat_well_share(OWN_WELLS["flat"], OWN_WELLS["sharp"])),
    )
    _draw_wells(bench)
    _draw_shares(bench, equal, flat_share)


def _draw_wells(bench: Workbench) -> None:
    """Draw the two wells, and the density of the hottest runs."""
    wells = TwoWells(**WELLS)
    left, right = wells.minima
    places = np.linspace(left - 1.6, right + 0.6, 300)
    loss = wells.loss(places)
    figure = bench.figure(
        "wells",
        title="A flat and a sharp well of equal depth",
        x="weight",
        y="loss",
        caption="The curvatures are 1 and 9, the barrier has the height 1. The density of SGD after a long time is as "
        "high in both wells; the flat one holds more of it because it is wider.",
    )
    figure.line(places, loss, "loss").line(
        places, np.exp(-loss / HOTTEST), f"density over its highest, D = {HOTTEST:g}"
    )


def _draw_shares(bench: Workbench, found: list[dict[str, NDArray[Any]]], limit: float) -> None:
    """Draw the share of runs in the flat well against the number of steps."""
    figure = bench.figure(
        "shares",
        title="Runs in the flat well, all started in the sharp one",
        x="steps",
        y="share of the runs",
        caption="Noise that is the same everywhere. The batch size sets when runs leave the sharp well, by powers of "
        "e; where they are in the end does not depend on it.",
    )
    for batch, each in zip(BATCHES, found, strict=True):
        steps = (np.arange(len(each["share"])) + 1) * (STEPS // 50)
        figure.line(steps, each["share"], f"batches of {batch}")
    figure.line([0, STEPS], [limit, limit], "limit for each, 3/4").line([0, STEPS], [0.5, 0.5], "one half")
