"""One weight and two wells of equal depth, a flat and a sharp one, and SGD between them: what the workers run."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FAR: Final = 6.0  # standard deviations beyond a well's minimum at which densities are cut off


@dataclass(frozen=True)
class TwoWells:
    """Two parabolas of equal depth, joined smoothly by a third one, upside down, whose top is at 0.

    The flat well lies at x < 0, the sharp one at x > 0; the loss is 0 at both minima.

    Args:
        flat: Curvature of the flat well.
        sharp: Curvature of the sharp well.
        top: Minus the curvature at the barrier.
        height: Of the barrier.

    Examples:
        >>> wells = TwoWells(flat=1.0, sharp=4.0, top=4.0, height=1.0)
        >>> wells.minima[1] == -1 * TwoWells(flat=4.0, sharp=4.0, top=4.0, height=1.0).minima[0]
        True
        >>> [round(float(wells.loss(np.array(x))), 12) for x in (*wells.minima, 0.0)]
        [0.0, 0.0, 1.0]
    """

    flat: float
    sharp: float
    top: float
    height: float

    def joint(self, curvature: float) -> float:
        """Distance from the barrier to where the parabola of a well begins."""
        return float(np.sqrt(2 * self.height / (self.top * (1 + self.top / curvature))))

    @property
    def minima(self) -> tuple[float, float]:
        """Places of the flat and of the sharp minimum."""
        flat, sharp = (self.joint(curvature) * (1 + self.top / curvature) for curvature in (self.flat, self.sharp))
        return -flat, sharp

    def loss(self, x: Array) -> Array:
        """The loss."""
        left, right = self.minima
        well = np.where(x < 0, self.flat * (x - left) ** 2, self.sharp * (x - right) ** 2) / 2
        return np.where(self._near(x), self.height - self.top * x**2 / 2, well)

    def slope(self, x: Array) -> Array:
        """Its derivative."""
        left, right = self.minima
        well = np.where(x < 0, self.flat * (x - left), self.sharp * (x - right))
        return np.where(self._near(x), -self.top * x, well)

    def share(self, temperature: float) -> float:
        """Share of the flat well in the density e^(-L/D), at any D: by a sum over a fine grid."""
        left, right = self.minima
        ends = (
            left - FAR * np.sqrt(temperature / self.flat),
            right + FAR * np.sqrt(temperature / self.sharp),
        )
        masses = []
        for low, high in ((ends[0], 0.0), (0.0, ends[1])):
            places = np.linspace(low, high, 20_001)
            density = np.exp(-self.loss(places) / temperature)
            masses.append(float((density.sum() - (density[0] + density[-1]) / 2) * (places[1] - places[0])))
        return masses[0] / (masses[0] + masses[1])

    def _near(self, x: Array) -> NDArray[np.bool_]:
        return (x > -self.joint(self.flat)) & (x < self.joint(self.sharp))


def ends_of_descent(
    seed: int,
    flat: float,
    sharp: float,
    top: float,
    height: float,
    rate: float,
    batch: int,
    spread: float,
    proportional: bool,
    steps: int,
    runs: int,
) -> dict[str, Array]:
    """Run SGD from the sharp minimum, and tell how often it is in the flat well, on the way and in the end.

    The gradient of a batch is the slope of the loss plus the mean of so many independent numbers +-spread; with
    ``proportional`` these are +-spread sqrt(curvature) of the well that the weight is in.

    Returns:
        "share" of the runs in the flat well after each 50th part of the steps, and "flat", which are in it at the end.
    """
    wells = TwoWells(flat, sharp, top, height)
    generator = np.random.default_rng(seed)
    place = np.full(runs, wells.minima[1])
    shares = []
    for step in range(1, steps + 1):
        noise = spread * (2 * generator.binomial(batch, 0.5, runs) - batch) / batch
        if proportional:
            noise = noise * np.sqrt(np.where(place < 0, flat, sharp))
        place = place - rate * (wells.slope(place) + noise)
        if step % max(1, steps // 50) == 0:
            shares.append(float((place < 0).mean()))
    return {"share": np.array(shares), "flat": place < 0}
