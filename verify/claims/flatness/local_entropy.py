"""Entropy-SGD: whether the smoothed loss leads to flatter points than the loss itself."""

from collections.abc import Iterator

import numpy as np

from verify import OPEN, AtMost, Comparison, Ordering, Rival, Source, Workbench, claim
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
    kept, dropped = both_arrived(plain, entropic)
    yield AtMost(
        "difference of the training losses of a pair, over the loss asked for",
        bound=0.1,
        replicates=np.abs(plain["loss"] - entropic["loss"])[kept] / target,
        rival=Rival("a fifth, which would explain a difference of a tenth in the eigenvalues", 0.2),
        dropped=dropped,
    )
    for name, label in (("largest", "largest eigenvalue"), ("trace", "trace")):
        yield Ordering(
            f"{label}: Entropy-SGD below SGD", lower=entropic[name][kept], higher=plain[name][kept], dropped=dropped
        )
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
    figure.points(plain["trace"], entropic["trace"], "pairs")
    ends = [plain["trace"].min(), plain["trace"].max()]
    figure.line(ends, ends, "equal")
