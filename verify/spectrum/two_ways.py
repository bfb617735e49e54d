"""A spectrum by either way, all eigenvalues of the matrix or estimates from products, behind the same questions."""

from typing import TYPE_CHECKING, Literal

import numpy as np

import numerics
from verify.spectrum.bulk_fit import WINDOW
from verify.spectrum.record import Counts, Eigenvalue, Method, Quantity
from verify.spectrum.settings import LOW, Settings
from verify.spectrum.weighted import EXACT, Array, WeightedSpectrum

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from numerics import HessianOperator

TRACE_PRODUCTS = 100
"""Products for an estimate of the trace, and as many for that of the Frobenius norm."""
BEYOND = 10
"""Largest eigenvalues that are sought beyond those listed, where outliers are searched for."""

Pairs = tuple[Eigenvalue, ...]


class Exact:
    """A spectrum of which all eigenvalues are known.

    Args:
        matrix: The symmetric matrix.
        settings: What is measured; the seed draws nothing here.
    """

    method: Method = "exact"

    def __init__(self, matrix: "Tensor", settings: Settings) -> None:
        import torch

        from numerics.curvature.inertia import rounding_level

        measure = numerics.spectral_measure(
            matrix, probes=2, steps=1, generator=generator("density", settings), method="exact"
        )
        self.eigenvalues: Array = measure.eigenvalues.cpu().numpy()
        self.size = len(matrix)
        self.rounding = rounding_level(torch.as_tensor(self.eigenvalues), matrix.dtype)
        self.probes = self.steps = 0

    def ends(self, top: int, low: int, *, search: bool = False) -> tuple[Pairs, Pairs]:
        """The largest and the smallest eigenvalues, each within the rounding."""

        def known(values: Array) -> Pairs:
            return tuple(Eigenvalue(value=float(value), residual=self.rounding, converged=True) for value in values)

        return known(self.eigenvalues[::-1][:top]), known(self.eigenvalues[:low])

    def searched(self) -> tuple[list[float], list[float]]:
        """The eigenvalues of either end among which outliers are looked for, whatever is listed."""
        window = max(1, min(WINDOW, self.size // 2))
        return self.eigenvalues[::-1][:window].tolist(), self.eigenvalues[:window].tolist()

    def zero(self, radius: float, norm: float) -> float:
        """Absolute value up to which rounding cannot tell an eigenvalue from zero."""
        return self.rounding

    def sums(self) -> tuple[Quantity, Quantity]:
        """Trace and Frobenius norm."""
        squares = float(np.linalg.norm(self.eigenvalues))
        return Quantity(value=float(self.eigenvalues.sum())), Quantity(value=squares)

    def inertia(self, relative: float, radius: float) -> Counts:
        """Counts of eigenvalues beyond the cut by more than the rounding, as ``numerics.inertia`` counts them."""
        cut = relative * radius
        negative, positive = (int((sign * self.eigenvalues > cut + self.rounding).sum()) for sign in (-1, 1))
        return Counts(
            negative=negative,
            unresolved=self.size - negative - positive,
            positive=positive,
            tolerance=cut,
            relative=relative,
            method="exact",
        )

    def weighted(self) -> WeightedSpectrum:
        """All eigenvalues, each of the same weight."""
        return WeightedSpectrum.of_eigenvalues(self.eigenvalues)


class Estimated:
    """A spectrum that is known by products.

    Args:
        operator: The operator.
        settings: What is measured, and at which expense.
    """

    method: Method = "estimated"

    def __init__(self, operator: "HessianOperator", settings: Settings) -> None:
        self.operator, self.settings = operator, settings
        self.size = operator.size
        self.probes, self.steps = 0, min(settings.steps, operator.size)
        self._known: tuple[list[float], list[float]] = [], []

    def ends(self, top: int, low: int, *, search: bool = False) -> tuple[Pairs, Pairs]:
        """The largest and the smallest eigenvalues; where outliers are to be searched for, more are sought."""
        more = (top + BEYOND, max(low, LOW)) if search else (top, low)
        upper, lower = self._end("LA", top, min(more[0], self.size)), self._end("SA", low, min(more[1], self.size))
        self._known = _certain(upper), _certain(lower)
        return upper[:top], lower[:low]

    def searched(self) -> tuple[list[float], list[float]]:
        """The eigenvalues of either end that are known for certain, one in any case."""
        return self._known

    def zero(self, radius: float, norm: float) -> float:
        """Absolute value up to which rounding cannot tell an eigenvalue from zero."""
        from numerics.curvature.inertia import ROUNDING

        return precision(self.operator.dtype) * min(self.size * radius, ROUNDING * norm)

    def _end(self, which: Literal["LA", "SA"], wanted: int, sought: int) -> Pairs:
        """Seek some more than are wanted, and only these if the products do not suffice."""
        pairs = self._sought(which, sought)
        if sought > wanted and not all(pair.converged for pair in pairs[:wanted]):
            return self._sought(which, wanted)
        return pairs

    def _sought(self, which: Literal["LA", "SA"], count: int) -> Pairs:
        pairs = numerics.eigenpairs(
            self.operator,
            count,
            which=which,
            generator=generator(which, self.settings),
            tol=max(1e-6, 256 * precision(self.operator.dtype)),
            max_products=max(self.settings.products, count + 1),
            method="estimated",
        )
        return tuple(
            Eigenvalue(value=value, residual=residual, converged=converged and pairs.complete)
            for value, residual, converged in zip(
                pairs.values.tolist(), pairs.residuals.tolist(), pairs.converged.tolist(), strict=True
            )
        )

    def sums(self) -> tuple[Quantity, Quantity]:
        """Trace and Frobenius norm, with their errors."""
        found = [
            estimate(self.operator, products=TRACE_PRODUCTS, generator=generator(purpose, self.settings))
            for purpose, estimate in (("trace", numerics.trace), ("norm", numerics.frobenius_norm))
        ]
        trace, norm = (Quantity(value=one.value, error=one.error) for one in found)
        return trace, norm

    def inertia(self, relative: float, radius: float) -> Counts:
        """Lower bounds from both ends."""
        counts = numerics.inertia(
            self.operator,
            tolerance=relative,
            generator=generator("inertia", self.settings),
            method="estimated",
            max_products=self.settings.products,
        )
        return Counts(
            negative=int(counts.negative[0]),
            unresolved=int(counts.unresolved[0]),
            positive=int(counts.positive[0]),
            tolerance=float(counts.tolerance[0]),
            relative=relative,
            method=counts.method,
        )

    def weighted(self) -> WeightedSpectrum:
        """The quadratures of all probes beside the eigenvalues that have converged."""
        measure = numerics.spectral_measure(
            self.operator,
            probes=self.settings.probes,
            steps=self.settings.steps,
            generator=generator("density", self.settings),
            method="estimated",
        )
        known = measure.eigenvalues.cpu().numpy()
        share = measure.rest / measure.size / max(len(measure.quadratures), 1)
        nodes, weights = [known], [np.full(known.shape, 1 / measure.size)]
        groups = [np.full(known.shape, EXACT)]
        for probe, quadrature in enumerate(measure.quadratures):
            nodes.append(quadrature.nodes.cpu().numpy())
            weights.append(share * np.clip(quadrature.weights.cpu().numpy(), 0.0, None))
            groups.append(np.full(nodes[-1].shape, probe))
        self.probes = len(measure.quadratures)
        return WeightedSpectrum(np.concatenate(nodes), np.concatenate(weights), np.concatenate(groups))


def generator(purpose: str, settings: Settings) -> "torch.Generator":
    """The random numbers of one purpose."""
    from numerics.seeded import generators

    return next(generators(f"spectrum/{purpose}", [settings.seed]))


def precision(dtype: "torch.dtype") -> float:
    """Machine precision of a dtype."""
    import torch

    return float(torch.finfo(dtype).eps)


def _certain(pairs: Pairs) -> list[float]:
    """Return the eigenvalues before the first that has not converged, and one in any case."""
    count = next((place for place, pair in enumerate(pairs) if not pair.converged), len(pairs))
    return [pair.value for pair in pairs[: max(count, 1)]]
