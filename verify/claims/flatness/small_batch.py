"""Small against large batches in fully connected networks: where they end, and how well what they learned serves."""

from collections.abc import Iterator

import numpy as np

from verify import OPEN, Comparison, Ordering, Source, Workbench, claim
from verify.bibliography import KESKAR_2017
from verify.claims.flatness.pairs import draw_pairs, first_is_flatter
from verify.claims.flatness.training import SETTING, Array, both_arrived, measured, recipe, samples
from verify.lectures.flatness import SGD_AND_FLAT_MINIMA


@claim(
    "flatness.small-batch-is-flatter",
    title="Small batches against large ones: curvature and test accuracy at the same training loss",
    source=Source(KESKAR_2017, "section 2 and table 3", printed=SGD_AND_FLAT_MINIMA),
    assumptions=(
        *SETTING,
        "one learning rate, 0.5, for batches of 4 and of 512; at equal noise 0.0625 for batches of 4 and 0.5 for those "
        "of 32, which is one ratio of learning rate to batch size",
    ),
    expects=OPEN,
)
def small_batch_is_flatter(bench: Workbench) -> Iterator[Comparison]:
    r"""Do small batches lead to points where the largest eigenvalue and the trace of the Hessian are smaller, and to a
    better accuracy on images that were not trained on? All are trained to one loss, the mean cross-entropy: 0.02; in
    the quick profile 0.05 at one learning rate, and 0.3 at equal noise, where nothing is decided then.

    Two controls tell what a batch might do by itself. The largest eigenvalue that full batches bear at a learning rate
    $\eta$ is $2/\eta$; the captions say how far away it is. And at equal noise, $\eta/B$ the same for both sizes $B$,
    a difference would have to come from the size alone; at equal $\eta$ it may come from the noise. For larger
    networks see *hessian.large-batch-is-sharper*.
    """
    sizes = {
        "equal rate": ("small batch", "large batch", "quick"),
        "equal noise": ("quiet", "middle batch", "standard"),
    }
    for setting, (first, second, decided_from) in sizes.items():
        pairs = bench.size(quick=20, standard=40, full=80)
        target = bench.size(quick=0.05 if decided_from == "quick" else 0.3, standard=0.02, full=0.02)
        small, large = (measured(bench, name, pairs=pairs, target=target) for name in (first, second))
        both = {"small batches": small, f"large ones at {setting}": large}
        yield from first_is_flatter(both, target=target, within=0.15, decided_from=decided_from)
        kept, dropped = both_arrived(small, large)
        yield Ordering(
            f"test accuracy: small batches above large ones at {setting}",
            lower=large["accuracy"][kept],
            higher=small["accuracy"][kept],
            dropped=dropped,
            decided_from=decided_from,
        )
        _draw(bench, setting, {first: small, second: large}, target)


def _draw(bench: Workbench, setting: str, ends: dict[str, dict[str, Array]], target: float) -> None:
    """Draw traces of pairs against each other, and say what else is different."""
    names = {name: f"batches of {recipe(name)['batch_size']}" for name in ends}
    small, large = ends
    controls = " ".join(
        f"{names[name].capitalize()}: learning rate {recipe(name)['learning_rate']:g}, "
        f"{np.median(end['steps']) * recipe(name)['batch_size'] / samples(bench):.0f} epochs, largest eigenvalue "
        f"{np.median(end['largest']):.2g} where full batches bear {2 / recipe(name)['learning_rate']:g}, test accuracy "
        f"{end['accuracy'].mean():.2%}."
        for name, end in ends.items()
    )
    figure = bench.figure(
        setting.replace(" ", "-"),
        title=f"Traces of pairs at {setting}",
        x=f"trace, {names[large]}",
        y=f"trace, {names[small]}",
        square=True,
        caption=f"{len(ends[small]['trace'])} pairs at a training loss of {target:g}. {controls}",
    )
    draw_pairs(figure, "trace", ends[large], {"pairs": ends[small]})
