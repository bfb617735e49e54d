"""A spectrum as weighted eigenvalues: all of them, or the nodes of an estimate that is a mean over probes.

Conventions. Weights sum to one. An estimated spectrum comes in groups, one a random probe; the estimate is the mean
over the groups, and nodes that are known exactly (deflated outer eigenvalues) belong to all of them. Errors are
jackknife standard errors over the groups: 0 where there are none, for then nothing is random.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

EXACT = -1
"""The group of a node that is known exactly."""


@dataclass(frozen=True)
class WeightedSpectrum:
    """Eigenvalues with their shares of the spectrum.

    Args:
        nodes: Places, in any order; kept sorted.
        weights: Share of each, not negative, of sum 1 (to 1e-6).
        groups: Which probe each node comes from, from 0; `EXACT` for nodes that are known.

    Raises:
        ValueError: If the three are not vectors of one length, a number is not finite, a weight is negative, or the
            weights do not sum to 1.

    Examples:
        >>> spectrum = WeightedSpectrum.of_eigenvalues([3.0, 1.0, 2.0, 2.0])
        >>> spectrum.nodes, spectrum.mass(1.5, 2.5)
        (array([1., 2., 2., 3.]), 0.5)
        >>> two_probes = WeightedSpectrum([0.0, 1.0, 0.0, 1.0], [0.1, 0.4, 0.2, 0.3], [0, 0, 1, 1])
        >>> counts, errors = two_probes.counts([-0.5, 0.5, 1.5], size=10)
        >>> counts, errors
        (array([3., 7.]), array([1., 1.]))
    """

    nodes: Array
    weights: Array
    groups: NDArray[np.int64]

    def __post_init__(self) -> None:
        nodes, weights = (np.asarray(part, dtype=np.float64) for part in (self.nodes, self.weights))
        groups = np.asarray(self.groups, dtype=np.int64)
        if nodes.ndim != 1 or not nodes.size or not nodes.shape == weights.shape == groups.shape:
            raise ValueError(
                "nodes, weights and groups must be vectors of one length >= 1, got shapes "
                f"{nodes.shape}, {weights.shape} and {groups.shape}."
            )
        if not (np.isfinite(nodes).all() and np.isfinite(weights).all()):
            raise ValueError("nodes and weights must be finite, got NaN or infinity.")
        if weights.min() < 0 or abs(weights.sum() - 1) > 1e-6:
            raise ValueError(f"weights must be shares of sum 1, got {weights.min():g}.. of sum {weights.sum():g}.")
        order = np.argsort(nodes, kind="stable")
        for name, array in (("nodes", nodes), ("weights", weights), ("groups", groups)):
            object.__setattr__(self, name, array[order])

    @classmethod
    def of_eigenvalues(cls, eigenvalues: object) -> "WeightedSpectrum":
        """Take all eigenvalues of a matrix, each of the same weight."""
        nodes = np.asarray(eigenvalues, dtype=np.float64)
        return cls(nodes, np.full(nodes.shape, 1 / max(nodes.size, 1)), np.full(nodes.shape, EXACT))

    @property
    def probes(self) -> int:
        """Number of groups; 0 if all is known."""
        return int(np.unique(self.groups[self.groups != EXACT]).size)

    def mass(self, lower: float, upper: float) -> float:
        """Share of the spectrum in [lower, upper]."""
        return float(self.weights[(self.nodes >= lower) & (self.nodes <= upper)].sum())

    def counts(self, edges: object, *, size: int) -> tuple[Array, Array]:
        """Count the eigenvalues in bins, of ``size`` in all, with standard errors; both ends of the last bin count."""

        def binned(weights: Array) -> Array:
            return np.histogram(self.nodes, bins=np.asarray(edges, dtype=np.float64), weights=weights)[0] * size

        return binned(self.weights), self.standard_error(binned)

    def standard_error(self, statistic: Callable[[Array], Array]) -> Array:
        """Jackknife error, over the probes, of a function of the weights; the nodes stay.

        With a single probe it is infinite, for nothing tells how far another one would come out.
        """
        labels = np.unique(self.groups[self.groups != EXACT])
        whole = np.asarray(statistic(self.weights), dtype=np.float64)
        if labels.size == 0:
            return np.zeros_like(whole)
        if labels.size == 1:
            return np.full_like(whole, np.inf)
        spread = labels.size / (labels.size - 1)
        known = self.groups == EXACT
        without = [
            statistic(np.where(known, self.weights, np.where(self.groups == label, 0.0, self.weights * spread)))
            for label in labels
        ]
        replicates = np.stack([np.asarray(one, dtype=np.float64) for one in without])
        return np.asarray(np.sqrt(((replicates - replicates.mean(0)) ** 2).sum(0) / spread), dtype=np.float64)
