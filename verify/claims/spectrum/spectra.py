"""Spectra of sampled matrices, ensembles of them by size, and how a law is drawn over them.

Conventions. A replicate is one matrix. The distance of its spectrum to the limit law falls like 1/N, and is about 3/N
standard deviations: a law is met if the distance at the largest size N is at most 8/N.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from verify import Figure, Workbench

if TYPE_CHECKING:
    import torch

    from theory import SpectralLaw

Array = NDArray[np.float64]

DRAWS = 24  # per size; with twenty, one unlucky matrix decides (the interval of a median is then the whole sample)
CHUNK = 6  # matrices per item of work


def matrix_sizes(bench: Workbench) -> tuple[int, ...]:
    """Name the four sizes at which a law is met, by profile."""
    smallest = bench.size(quick=50, standard=200, full=400)
    return smallest, 2 * smallest, 4 * smallest, 8 * smallest


def within(bench: Workbench) -> float:
    """Return the largest distance to the law, in standard deviations, that is allowed at the largest size."""
    return 8 / matrix_sizes(bench)[-1]


def ensembles(
    bench: Workbench,
    purpose: str,
    function: Callable[..., Mapping[str, Any]],
    sizes: Sequence[int] | None = None,
    replicates: int = DRAWS,
    **fixed: Any,
) -> dict[str, dict[int, Array]]:
    """Compute replicates at each size, by default all, and sort them: by the result's name, then by size.

    The function takes ``size``, ``seed``, ``draws``, ``device`` and what is fixed, and returns arrays with one row per
    replicate.
    """
    sizes = sizes or matrix_sizes(bench)
    items = [
        {"size": size, "seed": seed, "draws": CHUNK, "device": bench.device, **fixed}
        for size in sizes
        for seed in bench.seeds(f"{purpose} of size {size}", replicates // CHUNK)
    ]
    results = bench.map(purpose, function, items)
    sorted_results: dict[str, dict[int, Array]] = {name: {} for name in results[0]}
    for name, by_size in sorted_results.items():
        for size in sizes:
            rows = [
                np.atleast_1d(result[name]) for item, result in zip(items, results, strict=True) if item["size"] == size
            ]
            by_size[size] = np.concatenate(rows)
    return sorted_results


def eigenvalues(matrices: "torch.Tensor") -> Array:
    """Return the eigenvalues of symmetric matrices, one ascending row per matrix."""
    import torch

    rows: Array = torch.linalg.eigvalsh(matrices).cpu().numpy()
    return rows


def wishart_wigner_spectra(
    size: int, seed: int, draws: int, device: str, ratio: float, scale: float, variance: float
) -> dict[str, Array]:
    """Sample Wishart plus Wigner matrices and return their eigenvalues; ratio 0 leaves the first part out, variance 0
    the second.
    """
    import numerics

    parts = []
    if ratio > 0:
        seeds = range(seed, seed + draws)
        parts.append(numerics.sample_wishart(size, ratio=ratio, scale=scale, seeds=seeds, device=device))
    if variance > 0:
        seeds = range(seed + draws, seed + 2 * draws)
        parts.append(numerics.sample_wigner(size, sigma=variance**0.5, seeds=seeds, device=device))
    return {"eigenvalues": eigenvalues(sum(parts[1:], start=parts[0]))}


def density_curve(law: "SpectralLaw", points: int = 160) -> tuple[Array, Array]:
    """Return places and densities on every interval of the support, dense at its edges, with gaps between them."""
    places: list[Array] = []
    heights: list[Array] = []
    angles = np.linspace(0, np.pi, points)
    for lower, upper in law.support():
        if upper <= lower:
            continue
        inside = (lower + upper) / 2 - (upper - lower) / 2 * np.cos(angles)
        curve = np.asarray(law.density(inside[1:-1]), dtype=np.float64)
        places += [inside, np.array([np.nan])]
        heights += [np.concatenate([[0.0], curve, [0.0]]), np.array([np.nan])]
    return np.concatenate(places[:-1]), np.concatenate(heights[:-1])


def draw_spectrum(figure: Figure, spectrum: Array, label: str, bins: int = 60) -> Figure:
    """Add a histogram of eigenvalues without those at 0, whose area is the share that is left."""
    values = np.ravel(spectrum)
    spread = np.abs(values).max()
    moved = values[np.abs(values) > 1e-10 * spread]
    counts, edges = np.histogram(moved, bins=bins)
    return figure.histogram(edges=edges, density=counts / (values.size * np.diff(edges)), label=label)
