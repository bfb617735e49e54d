"""The page of a network's spectrum: one HTML file in the report's style, drawn from the record; JSON goes beside it."""

from decimal import Decimal
from pathlib import Path

from markupsafe import Markup

from verify.figure import Figure
from verify.refusal import BadInputError
from verify.report import wording
from verify.report.figures import figure_svg
from verify.report.pages import fragment, rendered
from verify.report.prose import Prose
from verify.spectrum import summary
from verify.spectrum.bulk_fit import FITS_WITHIN, GAP
from verify.spectrum.figures import layer_figure, spectrum_figures
from verify.spectrum.record import Quantity
from verify.spectrum.result import NetworkSpectrum
from verify.store import json_bytes, write_together

MOST_LAYERS = 16
"""Densities of layers that are drawn, those of the layers with most parameters; the table has all."""


def check_target(out: Path) -> Path:
    """Return where the JSON file belongs, beside the page.

    Raises:
        BadInputError: If the page cannot be a file there.
    """
    if out.is_dir():
        raise BadInputError(f"out must be an .html file, got the folder {out}.")
    if out.suffix.lower() not in (".html", ".htm"):
        raise BadInputError(f"out must be an .html file, got {out}.")
    if not out.parent.is_dir():
        raise BadInputError(f"out must lie in a folder that exists, got {out}.")
    beside = out.with_suffix(".json")
    if beside.is_dir():
        raise BadInputError(f"out must leave room for a JSON file beside it, but {beside} is a folder.")
    return beside


def write_spectrum(spectrum: NetworkSpectrum, out: str | Path) -> tuple[Path, Path]:
    """Write the page, and what it shows as JSON beside it.

    Args:
        spectrum: What was measured.
        out: An ``.html`` file; the other one has the same name and ends in ``.json``.

    Returns:
        The two files.

    Raises:
        TypeError: If it is no spectrum, or out is no path.
        BadInputError: If they cannot be written there; then neither is.
    """
    if not isinstance(spectrum, NetworkSpectrum):
        raise TypeError(f"spectrum must be what network_spectrum returns, got {type(spectrum).__name__}.")
    if not isinstance(out, str | Path):
        raise TypeError(f"out must be the path of an .html file, got {type(out).__name__}.")
    page = Path(out)
    try:
        beside = check_target(page)
        html = spectrum_page(spectrum, beside.name)
        write_together({beside: json_bytes(spectrum.record()), page: html.encode()})
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise BadInputError(f"out must be the path of an .html file, got {str(page)!r}: {error}.") from error
    except OSError as error:
        raise BadInputError(f"out must be a file that can be written, got {page}: {error.strerror}.") from error
    return page, beside


def spectrum_page(spectrum: NetworkSpectrum, beside: str = "") -> str:
    """Return the page; ``beside`` is the name of the JSON file that it points to."""
    prose = Prose(lenient=True)
    body = _body(spectrum, prose)
    page = rendered(
        "spectrum.html.j2", "the spectrum", prose=prose, spectrum=spectrum, summary=summary, body=body, beside=beside
    )
    return str(page).replace("<!--glyphs-->", prose.formulas.glyphs(), 1)


def spectrum_html(spectrum: NetworkSpectrum) -> str:
    """Return the spectrum as a fragment for a notebook, with its own style and glyphs."""
    prose = Prose(lenient=True)
    return fragment(_body(spectrum, prose), prose)


def _body(spectrum: NetworkSpectrum, prose: Prose) -> Markup:
    drawn = sorted(spectrum.layers, key=lambda layer: -layer.size)[:MOST_LAYERS]
    figures = [layer_figure(layer, place) for place, layer in enumerate(spectrum.layers) if layer in drawn]
    return rendered(
        "spectrum_body.html.j2",
        "the spectrum",
        prose=prose,
        spectrum=spectrum,
        summary=summary,
        figures=[(figure.record(), _picture(figure)) for figure in spectrum_figures(spectrum)],
        layer_figures=[(figure.record(), _picture(figure)) for figure in figures if figure is not None],
        number=number,
        quantity=quantity,
        fits_within=FITS_WITHIN,
        gap=GAP,
    )


def number(value: float | None, digits: int = 5) -> Markup:
    """Write a number for the page.

    Examples:
        >>> print(number(-12.34567), number(3.2e-9, 2), number(None))
        −12.346 3.2 × 10<sup>−9</sup> –
    """
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return Markup("–")
    return wording.number(Decimal(repr(float(value))), digits)


def quantity(measured: Quantity, digits: int = 5) -> Markup:
    """Write a number with its standard error, to the digits that the error leaves.

    Examples:
        >>> print(quantity(Quantity(value=12.34567, error=0.02)), quantity(Quantity(value=2.0)))
        12.346 ± 0.02 2
    """
    if measured.error == 0:
        return number(measured.value, digits)
    if number(measured.error) == "–":
        return number(measured.value, digits) + Markup(" ± ?")
    value, error = (Decimal(repr(float(part))) for part in (measured.value, measured.error))
    known = value.adjusted() - error.adjusted() + (2 if str(error.normalize().as_tuple().digits[0]) in "12" else 1)
    shown = wording.number(value, max(known, 1)) if known > 0 else wording.number(value, 1)
    return shown + Markup(" ± ") + wording.number(error, 2 if error.normalize().as_tuple().digits[0] < 3 else 1)


def _picture(figure: Figure) -> Markup:
    return figure_svg(figure.record(), figure.arrays(), key=f"spectrum/{figure.name}")
