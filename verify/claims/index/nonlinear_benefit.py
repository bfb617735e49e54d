"""What tanh units gain over linear ones: the minima of both on the same draws of the data."""

from collections.abc import Iterator

import numpy as np

from verify import OPEN, Comparison, Equals, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import PENNINGTON_BAHRI_2017
from verify.claims.index.found_points import FIGURE_6, MEMORISATION, RESCALED
from verify.claims.index.trained_minima import RATIOS, TRAINED, minima


@claim(
    "index.nonlinear-benefit",
    title="Tanh minima lie below linear ones",
    source=Source(PENNINGTON_BAHRI_2017, "figure 6, last sentence of the caption", FIGURE_6),
    assumptions=(MEMORISATION, RESCALED, TRAINED),
    expects={Verdict.SUPPORTED},
)
def nonlinear_benefit(bench: Workbench) -> Iterator[Comparison]:
    r"""On the same draw of the data, the minimum that a tanh network is trained to lies below the global minimum of the
    linear network of the same widths.
    """
    width, draws = bench.size(quick=(6, 20), standard=(8, 40), full=(16, 100))
    figure = bench.figure(
        "minima-on-the-same-draws",
        title=f"Minima of tanh and linear networks on the same draws, n = {width}",
        x="least energy of the linear network",
        y="energy of the tanh minimum",
        caption="One point per draw of the data; the line is equality.",
    )
    figure.line([0.2, 0.5], [0.2, 0.5], "equal")
    for ratio in RATIOS:
        tanh, linear, arrived = minima(bench, width, ratio, draws)
        figure.points(linear[arrived], tanh[arrived], f"φ = {ratio}")
        yield Ordering(
            f"energy of the tanh minimum below the linear one, phi = {ratio}, width {width}",
            lower=tanh[arrived],
            higher=linear[arrived],
            dropped=int((~arrived).sum()),
        )


@claim(
    "index.nonlinear-benefit-size",
    title="How much tanh units gain over linear ones",
    source=Source(PENNINGTON_BAHRI_2017, "figure 6, the difference of its two curves", FIGURE_6),
    assumptions=(MEMORISATION, RESCALED, TRAINED, "the widths that were trained; not their limit"),
    expects=OPEN,
    decided_from="standard",
)
def nonlinear_benefit_size(bench: Workbench) -> Iterator[Comparison]:
    r"""The mean energy that tanh units gain is the distance of the rule $(1 - \phi)^2/2$ from the exact minimum of
    linear networks,

    $$\tfrac12 \left(1 - \tfrac{\phi}{2}\right) - \tfrac12 (1 - \phi)^2 = \tfrac{\phi}{4} (3 - 2\phi),$$

    and not, as with the printed $(1 - \phi)/2$ for linear networks, $\tfrac{\phi}{2} (1 - \phi)$; within 15 percent.
    """
    width, draws = bench.size(quick=(4, 20), standard=(10, 100), full=(16, 200))
    for ratio in RATIOS:
        tanh, linear, arrived = minima(bench, width, ratio, draws)
        yield Equals(
            f"mean gain at phi = {ratio}, width {width}",
            predicted=float(ratio * (3 - 2 * ratio) / 4),
            replicates=np.asarray(linear - tanh)[arrived],
            dropped=int((~arrived).sum()),
            relative=0.15,
            rival=Rival("with the printed energy of linear networks", float(ratio * (1 - ratio) / 2)),
        )
