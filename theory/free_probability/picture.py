"""Drawing a law: the density as a line, atoms as stems whose height says their weight."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from theory.free_probability.law import SpectralLaw

__all__ = ["plot_law"]


def plot_law(law: "SpectralLaw", *, axes: "Axes | None" = None, points: int = 800) -> "Axes":
    """Draw the density of a bound law and its atoms.

    Args:
        law: A law without free parameters.
        axes: Where to draw; a new figure if None.
        points: Places per interval of the support, at least 2, denser towards the edges.

    Raises:
        ValueError: If ``points`` < 2.
    """
    if isinstance(points, bool) or not isinstance(points, int) or points < 2:
        raise ValueError(f"points must be an integer >= 2, got {points!r}.")
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.figure().add_subplot()
    share = (1 - np.cos(np.linspace(0, np.pi, points))) / 2
    for left, right in law.support():
        if left < right:
            x = left + (right - left) * share
            density = law.density(x)
            axes.plot(x, np.where(np.isfinite(density), density, np.nan), color="C0")
    for place, weight in law.atoms():
        axes.vlines(float(place), 0, float(weight), color="C3")
        axes.plot([float(place)], [float(weight)], "o", color="C3", label=f"atom of weight {weight}")
        axes.legend()
    axes.set_xlabel("eigenvalue")
    axes.set_ylabel("density")
    axes.set_ylim(bottom=0, auto=True)  # what is drawn on top later may be taller
    return axes
