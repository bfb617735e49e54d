"""The spectrum of a network as one frozen record: the page, the table and the JSON file show it."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from verify.spectrum.record import Counts, Density, Eigenvalue, LayerSpectrum, Method, Quantity
from verify.spectrum.summary import PARTS, counted, inertia_sentence, law_sentence, outlier_sentence

SCHEMA_VERSION = 1
_ROWS = 10  # of a table in the terminal; the page has all


@dataclass(frozen=True, kw_only=True)
class NetworkSpectrum:
    """The Hessian spectrum of a network at its present parameters; shows itself in a terminal and in a notebook.

    Attributes:
        name: Where the problem came from, or the model's class.
        model: The model's class.
        part: ``"hessian"``, ``"gauss_newton"`` or ``"residual"``.
        parameters: The globs that selected parameters; empty means all.
        size: Number of selected parameters, the size of the matrix.
        examples: Examples that the loss is a mean over.
        loss: The loss.
        gradient_norm: Euclidean norm of the loss's gradient with respect to the selected parameters.
        method: Whether the matrix was diagonalised or estimated from products.
        reason: Why that way.
        products: Matrix-vector products used, all estimates together.
        seconds: Time spent measuring.
        dtype: Precision of the products.
        device: Where they were computed.
        seed: Seed of the random vectors.
        largest: Largest eigenvalues, decreasing.
        smallest: Smallest eigenvalues, increasing.
        trace: Trace.
        frobenius_norm: Square root of the sum of squared eigenvalues.
        inertia: Numbers of negative, unresolved and positive eigenvalues.
        density: The spectral density, if asked for.
        layers: The spectra of the layers, if asked for.
        versions: Versions of what can move a number.
        command: The command that measured it; empty if it was called from Python.
        started: When, in UTC.
    """

    name: str
    model: str
    part: str
    parameters: tuple[str, ...]
    size: int
    examples: int
    loss: float
    gradient_norm: float
    method: Method
    reason: str
    products: int
    seconds: float
    dtype: str
    device: str
    seed: int
    largest: tuple[Eigenvalue, ...]
    smallest: tuple[Eigenvalue, ...]
    trace: Quantity
    frobenius_norm: Quantity
    inertia: Counts
    density: Density | None
    layers: tuple[LayerSpectrum, ...]
    versions: dict[str, str]
    command: str
    started: str

    @property
    def radius(self) -> float:
        """The largest eigenvalue in absolute value."""
        ends = [pair.value for pair in (*self.largest[:1], *self.smallest[:1])]
        return max(map(abs, ends), default=0.0)

    @property
    def scope(self) -> str:
        """How many parameters, and which if not all."""
        chosen = f" chosen by {', '.join(self.parameters)}" if self.parameters else ""
        return f"{counted(self.size, 'parameter')}{chosen}"

    def record(self) -> dict[str, Any]:
        """Return what the JSON file holds; a number that is not finite is null."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return {"schema": SCHEMA_VERSION, **plain}

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from verify.spectrum.page import spectrum_html  # the report's pen, which a terminal does not wait for

        return spectrum_html(self)


def _lines(spectrum: NetworkSpectrum) -> list[str]:
    """What a terminal shows: what was measured, and tables of the extreme eigenvalues and of the layers."""
    facts = [
        (PARTS[spectrum.part], f"of {spectrum.name}: {spectrum.model}, {spectrum.scope}"),
        ("loss", f"{spectrum.loss:.6g} over {counted(spectrum.examples, 'example')}"),
        ("gradient norm", f"{spectrum.gradient_norm:.6g}{', of the chosen parameters' if spectrum.parameters else ''}"),
        ("computed", f"{spectrum.reason}; {spectrum.dtype} on {spectrum.device}, {spectrum.seconds:.1f} s"),
        ("trace", str(spectrum.trace)),
        ("Frobenius norm", str(spectrum.frobenius_norm)),
        ("inertia", inertia_sentence(spectrum.inertia)),
    ]
    if spectrum.density is not None:
        facts.append(("outliers", outlier_sentence(spectrum.density.fit)))
        facts.append(("bulk law", law_sentence(spectrum.density.fit)))
    width = max(len(name) for name, _ in facts) + 2
    lines = [f"{name:{width}}{text}" for name, text in facts]
    rows = [["", "largest", "residual", "smallest", "residual"]]
    shown = max(min(len(spectrum.largest), _ROWS), min(len(spectrum.smallest), _ROWS))
    rows += [[str(rank + 1), *_pair(spectrum.largest, rank), *_pair(spectrum.smallest, rank)] for rank in range(shown)]
    lines += ["", *_aligned(rows)]
    if len(spectrum.largest) > shown:
        lines.append(f"  and {counted(len(spectrum.largest) - shown, 'more largest one')} on the page")
    if not all(pair.converged for pair in (*spectrum.largest, *spectrum.smallest)):
        lines.append("  * not converged: an eigenvalue lies within the residual, but others may have been missed")
    if spectrum.layers:
        lines += ["", *_aligned(_layer_rows(spectrum.layers))]
    return lines


def _pair(pairs: tuple[Eigenvalue, ...], rank: int) -> list[str]:
    if rank >= len(pairs):
        return ["", ""]
    pair = pairs[rank]
    return [f"{pair.shown:.6g}", f"{pair.residual:.0e}{' ' if pair.converged else '*'}"]


def _layer_rows(layers: tuple[LayerSpectrum, ...]) -> list[list[str]]:
    rows = [["layer", "parameters", "largest", "smallest", "trace", ""]]
    for layer in layers:
        ends = [f"{pair.shown:.4g}{'' if pair.converged else '*'}" for pair in (layer.largest, layer.smallest)]
        rows.append([layer.title, str(layer.size), *ends, str(layer.trace), layer.method])
    return rows


def _aligned(rows: list[list[str]]) -> list[str]:
    """Set rows below each other: words to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            f"{cell:>{width}}" if place else f"{cell:<{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
