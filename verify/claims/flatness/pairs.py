"""Pairs of networks trained from the same weights: which of the two is flatter, at one training loss."""

from collections.abc import Iterator, Mapping

import numpy as np

from verify import AtMost, Comparison, Figure, Ordering, Rival
from verify.claims.flatness.training import Array, both_arrived

Ends = dict[str, Array]


def first_is_flatter(
    ends: Mapping[str, Ends], *, target: float, within: float = 0.1, decided_from: str | None = None
) -> Iterator[Comparison]:
    """Compare the two members of each pair: their losses are equal, and the first has the smaller curvature.

    A difference of the losses matters, since eigenvalues fall along with the loss once most images are fitted.

    Args:
        ends: What ``measured`` returns for either member, by what a reader calls it, the flatter one first.
        target: The training loss that both were to reach.
        within: How far apart their losses may be, over that loss.
        decided_from: The smallest profile that decides.

    Yields:
        The difference of the losses, and the order of the largest eigenvalues and of the traces.
    """
    (first, flat), (second, sharp) = ends.items()
    kept, dropped = both_arrived(flat, sharp)
    yield AtMost(
        f"difference of the training losses of {first} and {second}, over {target:g}, the loss asked for",
        bound=within,
        replicates=np.abs(sharp["loss"] - flat["loss"])[kept] / target,
        rival=Rival("a fifth, which would explain a difference of a tenth in the eigenvalues", 0.2),
        dropped=dropped,
        decided_from=decided_from,
    )
    for key, label in (("largest", "largest eigenvalue"), ("trace", "trace")):
        yield Ordering(
            f"{label}: {first} below {second}",
            lower=flat[key][kept],
            higher=sharp[key][kept],
            dropped=dropped,
            decided_from=decided_from,
        )


def draw_pairs(figure: Figure, key: str, across: Ends, others: Mapping[str, Ends]) -> None:
    """Draw a value of one member against that of others, with the line on which both are equal."""
    for label, ends in others.items():
        figure.points(across[key], ends[key], label)
    values = np.concatenate([across[key], *(ends[key] for ends in others.values())])
    edges = [values.min(), values.max()]
    figure.line(edges, edges, "equal")
