"""Entropy-SGD: whether the smoothed loss leads to flatter points than the loss itself."""

from collections.abc import Iterator

import numpy as np

from verify import OPEN, AtMost, Comparison, Rival, Source, Workbench, claim
from verify.claims.flatness.pairs import draw_pairs, first_is_flatter
from verify.claims.flatness.training import SETTING, both_arrived, measured
from verify.lectures.flatness import ALGORITHMS
from verify.sources import CHAUDHARI_2017


@claim(
    "flatness.entropy-sgd-finds-flatter",
    title="Entropy-SGD against SGD at the same training loss",
    source=Source(CHAUDHARI_2017, "section 5 and figure 1", printed=ALGORITHMS),
    assumptions=(
        *SETTING,
        "batches of 32; SGD has learning rate 0.2; Entropy-SGD walks 20 steps at that rate with noise 0.0001, "
        "$\\gamma = 0.1$ without scoping, and goes to the mean of the walk",
    ),
    expects=OPEN,
)
def entropy_sgd_finds_flatter(bench: Workbench) -> Iterator[Comparison]:
    r"""Does Entropy-SGD, which descends the local entropy $-\log\int e^{-L(\theta') - \gamma|\theta'-\theta|^2/2}
    d\theta'$ in place of the loss, end flatter than SGD with the same step size and the same loss?

    On a quadratic it caps every curvature $\lambda$ at $\lambda\gamma/(\lambda + \gamma)$, but that moves no minimum.
    "Flatter" is put in two ways: smaller in more than half of all pairs, and a trace smaller by one part in twenty,
    half of what SAM makes of it in the same setting.
    """
    target = bench.size(quick=0.05, standard=0.01, full=0.01)
    pairs = bench.size(quick=20, standard=40, full=80)
    plain, entropic = (measured(bench, name, pairs=pairs, target=target) for name in ("SGD", "Entropy-SGD"))
    yield from first_is_flatter({"Entropy-SGD": entropic, "SGD": plain}, target=target)
    kept, dropped = both_arrived(plain, entropic)
    yield AtMost(
        "trace after Entropy-SGD, over that after SGD",
        bound=0.95,
        replicates=(entropic["trace"] / plain["trace"])[kept],
        rival=Rival("no difference", 0.99),
        dropped=dropped,
    )
    figure = bench.figure(
        "pairs",
        title="Where SGD and Entropy-SGD end",
        x="trace, SGD",
        y="trace, Entropy-SGD",
        caption=f"{np.count_nonzero(kept)} pairs. Gradients in the median: SGD {np.median(plain['gradients']):.0f}, "
        f"Entropy-SGD {np.median(entropic['gradients']):.0f}.",
    )
    draw_pairs(figure, "trace", plain, {"pairs": entropic})
