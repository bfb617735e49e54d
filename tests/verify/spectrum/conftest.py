"""Spectra made by hand: what the page and the table are drawn from, without a network."""

from collections.abc import Callable

import numpy as np
import pytest

from verify.spectrum.bulk_fit import bulk_and_outliers
from verify.spectrum.record import (
    Counts,
    Density,
    Eigenvalue,
    Histogram,
    LayerSpectrum,
    Quantity,
)
from verify.spectrum.result import NetworkSpectrum
from verify.spectrum.weighted import WeightedSpectrum

Made = Callable[..., NetworkSpectrum]


def spiked_wishart(size: int = 300, spikes: tuple[float, ...] = (9.0, 14.0)) -> np.ndarray:
    """Eigenvalues of a Wishart matrix of ratio 1/2, and some more."""
    sample = np.random.default_rng(0).normal(size=(size, 2 * size)) / (2 * size) ** 0.5
    return np.sort(np.concatenate([np.linalg.eigvalsh(sample @ sample.T), spikes]))


@pytest.fixture
def made() -> Made:
    """A record of the given eigenvalues; any field can be replaced."""

    def make(eigenvalues: np.ndarray | None = None, *, top: int = 20, **changes: object) -> NetworkSpectrum:
        values = spiked_wishart() if eigenvalues is None else np.sort(eigenvalues)
        size = values.size
        largest, smallest = values[::-1][:top], values[:top]
        fit, bulk = bulk_and_outliers(
            WeightedSpectrum.of_eigenvalues(values), size=size, largest=largest, smallest=smallest, zero=1e-12
        )
        counts, edges = np.histogram(values, bins=50)
        whole = Histogram(edges=tuple(edges.tolist()), counts=tuple(map(float, counts)), errors=(0.0,) * counts.size)
        pairs = [
            tuple(Eigenvalue(value=float(value), residual=1e-13, converged=True) for value in end)
            for end in (largest, smallest)
        ]
        layers = tuple(
            LayerSpectrum(
                name=name,
                kind="Linear",
                size=size // 2,
                largest=pairs[0][0],
                smallest=pairs[1][0],
                trace=Quantity(value=float(values.sum() / 2)),
                method="exact",
                histogram=whole,
            )
            for name in ("0", "2")
        )
        fields: dict[str, object] = {
            "name": "my_module:problem",
            "model": "Sequential",
            "part": "hessian",
            "parameters": (),
            "size": size,
            "examples": 1000,
            "loss": 0.25,
            "gradient_norm": 0.5,
            "method": "exact",
            "reason": "exact: 302 parameters are few",
            "products": 0,
            "seconds": 1.5,
            "dtype": "float64",
            "device": "cpu",
            "seed": 0,
            "largest": pairs[0],
            "smallest": pairs[1],
            "trace": Quantity(value=float(values.sum())),
            "frobenius_norm": Quantity(value=float((values**2).sum() ** 0.5)),
            "inertia": Counts(
                negative=int((values < -1e-3).sum()),
                unresolved=int((np.abs(values) <= 1e-3).sum()),
                positive=int((values > 1e-3).sum()),
                tolerance=1e-3,
                relative=1e-3,
                method="exact",
            ),
            "density": Density(whole=whole, bulk=bulk, fit=fit, method="exact"),
            "layers": layers,
            "versions": {"python": "3.11"},
            "command": "lossproof spectrum my_module:problem",
            "started": "2026-01-01T00:00:00+00:00",
        }
        return NetworkSpectrum(**{**fields, **changes})  # type: ignore[arg-type]

    return make
