"""Pictures of what is exact: the bar code of a merge tree, the loss along a path."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_bars", "plot_losses"]


def plot_bars(bars: Sequence[tuple[Fraction, Fraction | float]], *, axes: "Axes | None" = None) -> "Axes":
    """Draw every bar from its birth to its death, the first at the bottom; one without a death ends in an arrow.

    Args:
        bars: Pairs (birth, death).
        axes: Where to draw; a new figure if None.
    """
    axes = axes or _new_axes()
    finite = [float(level) for bar in bars for level in bar if level != math.inf]
    low, high = min(finite), max(finite)
    end = high + 0.2 * ((high - low) or 1.0)
    for place, (birth, death) in enumerate(bars, start=1):
        lasts = death == math.inf
        axes.plot([float(birth), end if lasts else float(death)], [place, place], color="C0", linewidth=3)
        if lasts:
            axes.plot([end], [place], ">", color="C0")
    axes.set_xlabel("level of the sum of squares")
    axes.set_ylabel("component")
    axes.set_yticks(range(1, len(bars) + 1) if len(bars) <= 12 else [1, len(bars)])
    return axes


def plot_losses(values: Sequence[float], *, axes: "Axes | None" = None) -> "Axes":
    """Draw the losses at equally spaced places of a path, and the larger of those at the ends.

    Args:
        values: The losses from start to end.
        axes: Where to draw; a new figure if None.
    """
    axes = axes or _new_axes()
    axes.plot(np.linspace(0, 1, len(values)), values, color="C0")
    axes.axhline(max(values[0], values[-1]), color="C1", linestyle="--", label="the larger end")
    axes.set_xlabel("place on the path")
    axes.set_ylabel("loss")
    axes.legend()
    return axes


def _new_axes() -> "Axes":
    import matplotlib.pyplot as plt

    return plt.figure().add_subplot()
