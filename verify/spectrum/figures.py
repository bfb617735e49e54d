"""The pictures of a network's spectrum, as stored figures that the report's pen can draw.

Counts are drawn on a logarithmic axis: a bin with less than `LEAST` of an eigenvalue is empty. Error bars are standard
errors over the probes of an estimate.
"""

import math

import numpy as np

from verify.figure import Figure
from verify.spectrum.record import Density, Histogram, LayerSpectrum
from verify.spectrum.result import NetworkSpectrum
from verify.spectrum.summary import counted, zeros_sentence

LEAST = 0.3
"""Expected eigenvalues in a bin below which nothing is drawn there."""
VISIBLE = 0.05
"""Standard errors below this part of a count are not drawn."""


def spectrum_figures(spectrum: NetworkSpectrum) -> list[Figure]:
    """Return the figures of the whole spectrum: eigenvalues in order, and if measured the densities."""
    figures = [_in_order(spectrum)]
    if spectrum.density is not None:
        figures += [_whole(spectrum, spectrum.density), _bulk(spectrum.density)]
    return [figure for figure in figures if figure.layers]


def layer_figure(layer: LayerSpectrum, place: int) -> Figure | None:
    """Return the density of one layer's block, if it was measured."""
    if layer.histogram is None:
        return None
    title = f"{_code(layer.title)}, {counted(layer.size, 'parameter')}"
    unit, label = _unit(layer.histogram)
    figure = Figure(name=f"layer-{place}", title=title, x=label, y="eigenvalues per bin", y_scale="log")
    return _counts(figure, layer.histogram, "", unit)


def _in_order(spectrum: NetworkSpectrum) -> Figure:
    figure = Figure(
        name="in-order",
        title="The extreme eigenvalues in order",
        x="rank",
        y="absolute value",
        y_scale="log",
        caption="Bars are residuals: an eigenvalue lies that close." if spectrum.method == "estimated" else "",
    )
    for pairs, label in (
        ([pair for pair in spectrum.largest if pair.value > 0], r"largest, $\lambda > 0$"),
        ([pair for pair in spectrum.smallest if pair.value < 0], r"smallest, $\lambda < 0$"),
    ):
        if pairs:
            heights = np.array([abs(pair.value) for pair in pairs])
            residuals = np.array([pair.residual for pair in pairs])
            errors = [np.minimum(residuals, 0.9 * heights), residuals] if spectrum.method == "estimated" else None
            figure.points(np.arange(1, len(pairs) + 1), heights, label, errors)
    return figure


def _whole(spectrum: NetworkSpectrum, density: Density) -> Figure:
    fit = density.fit
    unit, label = _unit(density.whole)
    figure = Figure(
        name="density",
        title="The spectral density",
        x=label,
        y="eigenvalues per bin",
        y_scale="log",
        caption=_how(density),
    )
    _counts(figure, density.whole, "eigenvalues", unit)
    outside = [value / unit for value in fit.outliers]
    if outside:
        figure.points(outside, np.ones(len(outside)), counted(len(outside), "outlier"))
    return figure


def _bulk(density: Density) -> Figure:
    unit, label = (1.0, "") if density.bulk is None else _unit(density.bulk)
    figure = Figure(
        name="bulk",
        title="The bulk, between its edges",
        x=label,
        y="eigenvalues per bin",
        y_scale="log",
        caption=zeros_sentence(density),
    )
    if density.bulk is None:
        return figure
    _counts(figure, density.bulk, "eigenvalues", unit)
    best = density.fit.best
    if density.bulk.expected and best is not None:
        edges = np.array(density.bulk.edges) / unit
        expected = np.array(density.bulk.expected)
        seen = expected >= LEAST
        drawn = (edges[:-1][seen], expected[seen], edges[1:][seen], expected[seen])
        figure.segments(*drawn, f"{best.name}, {best.verdict}")
    return figure


def _unit(histogram: Histogram) -> tuple[float, str]:
    """Return the power of ten in which a histogram's places are written, and the label of their axis."""
    largest = max(map(abs, histogram.edges))
    exponent = math.floor(math.log10(largest)) if largest > 0 else 0
    if -2 <= exponent <= 3:
        return 1.0, r"eigenvalue $\lambda$"
    return 10.0**exponent, rf"eigenvalue $\lambda$, in units of $10^{{{exponent}}}$"


def _counts(figure: Figure, histogram: Histogram, label: str, unit: float) -> Figure:
    edges, counts, errors = (np.array(part) for part in (histogram.edges, histogram.counts, histogram.errors))
    edges = edges / unit
    seen = counts >= LEAST
    figure.histogram(edges=edges, density=np.where(seen, counts, 0.0), label=label)
    uncertain = seen & (errors > VISIBLE * counts)
    if np.isfinite(errors).all() and uncertain.any():
        middles = (edges[:-1] + edges[1:])[uncertain] / 2
        bars = [np.minimum(errors, 0.9 * counts)[uncertain], errors[uncertain]]
        figure.points(middles, counts[uncertain], "standard errors" if label else "", bars)
    return figure


def _how(density: Density) -> str:
    if density.method == "exact":
        return "Every eigenvalue is counted."
    return f"Estimated by {counted(density.probes, 'random probe')} of {counted(density.steps, 'Lanczos step')} each."


def _code(name: str) -> str:
    return f"`{name}`" if "`" not in name else name
