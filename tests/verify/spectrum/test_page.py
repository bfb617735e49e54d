import dataclasses
import importlib.resources
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from verify.figure import Figure
from verify.spectrum.figures import spectrum_figures
from verify.spectrum.page import check_target, number, quantity, spectrum_page, write_spectrum
from verify.spectrum.record import Density, Eigenvalue, Quantity
from verify.spectrum.result import NetworkSpectrum

Made = Callable[..., NetworkSpectrum]


def spiked_wishart() -> np.ndarray:
    sample = np.random.default_rng(0).normal(size=(300, 600)) / 600**0.5
    return np.concatenate([np.linalg.eigvalsh(sample @ sample.T), [9.0, 14.0]])


def figure_named(spectrum: NetworkSpectrum, name: str) -> Figure:
    return next(figure for figure in spectrum_figures(spectrum) if figure.name == name)


def schema() -> dict:
    text = importlib.resources.files("verify.spectrum").joinpath("spectrum.schema.json").read_text(encoding="utf-8")
    return json.loads(text)


def test_the_page_stands_alone_and_holds_every_number(made: Made) -> None:
    page = spectrum_page(made(), "spectrum.json")
    assert page.startswith("<!DOCTYPE html>")
    assert not re.findall(r"(?:src|href)=\"(?!#|data:|spectrum\.json)[^\"]*\"", page)
    assert "url(http" not in page
    for words in ("my_module:problem", "prefers-color-scheme: dark", "324.22", "Marchenko-Pastur", "2 above the bulk"):
        assert words in page
    assert page.count('class="canvas"') == 3 + 2  # in order, density, bulk, and one a layer
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_json_beside_the_page_is_what_its_schema_says(made: Made, tmp_path: Path) -> None:
    spectrum = made()
    page, beside = write_spectrum(spectrum, tmp_path / "mine.html")
    assert (page.name, beside.name) == ("mine.html", "mine.json")
    stored = json.loads(beside.read_text(), parse_constant=lambda word: pytest.fail(f"{word} in the JSON"))
    jsonschema.validate(stored, schema())
    assert stored["largest"][0] == {"value": 14.0, "residual": 1e-13, "converged": True}
    assert stored["density"]["fit"]["outliers_above"] == 2


def test_what_is_not_finite_is_null(made: Made) -> None:
    spectrum = made(trace=Quantity(value=1.0, error=math.inf), loss=math.nan)
    stored = spectrum.record()
    assert stored["trace"] == {"value": 1.0, "error": None}
    jsonschema.validate(stored, schema())
    assert " ± ?" in spectrum_page(spectrum)


def test_without_density_and_layers_the_page_has_neither(made: Made) -> None:
    page = spectrum_page(made(density=None, layers=()))
    assert page.count('class="canvas"') == 1
    assert 'id="bulk"' not in page
    assert 'id="layers"' not in page


def test_zeros_that_the_bulk_is_drawn_without_are_in_its_caption(made: Made) -> None:
    with_zeros = made(np.concatenate([spiked_wishart(), np.zeros(40)]))
    assert figure_named(with_zeros, "bulk").caption == "40 eigenvalues within $10^{-12}$ of zero are left out."
    assert "of zero are left out." in spectrum_page(with_zeros)
    assert "40 eigenvalues are zero to rounding, 1e-12" in str(with_zeros)
    density = with_zeros.density
    assert density is not None
    one = dataclasses.replace(density, fit=dataclasses.replace(density.fit, zero=0.003, at_zero=1))
    caption = figure_named(dataclasses.replace(with_zeros, density=one), "bulk").caption
    assert caption == r"1 eigenvalue within $3 \times 10^{-3}$ of zero is left out."
    assert figure_named(made(), "bulk").caption == ""
    density = made().density
    assert density is not None
    estimated = made(density=dataclasses.replace(density, method="estimated", probes=4, steps=80))
    words = "cannot be counted in an estimate, and are left in."
    assert figure_named(estimated, "bulk").caption.endswith(words)
    assert spectrum_page(estimated).count(words) == 2


def test_all_outliers_are_drawn_however_few_are_listed(made: Made) -> None:
    spectrum = made()
    drawn = figure_named(dataclasses.replace(spectrum, largest=spectrum.largest[:1]), "density")
    (points,) = [layer for layer in drawn.layers if layer.label == "2 outliers"]
    assert sorted(points.arrays["x"]) == [9.0, 14.0]


def test_a_value_within_its_residual_of_zero_is_zero_in_every_table(made: Made) -> None:
    blurred = made().smallest[0].value * 1.5
    pairs = tuple(dataclasses.replace(pair, residual=blurred) for pair in made().smallest)
    layers = tuple(dataclasses.replace(layer, smallest=pairs[0]) for layer in made().layers)
    spectrum = made(smallest=pairs, layers=layers)
    page = spectrum_page(spectrum)
    assert "<dt>Smallest eigenvalue</dt><dd>0</dd>" in page
    assert "<tr><td>1</td><td>0</td>" in page
    assert page.count('<td data-label="smallest">0</td>') == 2
    assert f"{pairs[0].value:.6g}" not in str(spectrum)
    assert spectrum.record()["smallest"][0]["value"] == pairs[0].value


def test_layers_have_their_class_and_rows_that_stack_on_a_narrow_screen(made: Made) -> None:
    spectrum = made()
    page = spectrum_page(spectrum)
    assert "<code>0</code> Linear" in page
    assert "2 Linear" in str(spectrum)
    assert page.count('class="numbers wide stacked"') == 2
    assert page.count('data-label="W1 / s.d."') == page.count('data-label="fits"') > 0


def test_the_gradient_of_chosen_parameters_is_said_to_be_theirs(made: Made) -> None:
    for parameters, expected in (((), False), (("0.*",), True)):
        spectrum = made(parameters=parameters)
        assert ("of the chosen parameters" in str(spectrum)) == expected
        assert ("of the chosen parameters alone" in spectrum_page(spectrum)) == expected


def test_an_end_that_was_not_searched_is_said_on_the_page(made: Made) -> None:
    spectrum = made(top=3)
    for text in (str(spectrum), spectrum_page(spectrum)):
        assert "above the bulk not searched: 3 eigenvalues in that half of the spectrum, 7 or more are needed" in text
        assert "none was tried: the upper end was not searched for outliers" in text


def test_a_spectrum_of_zeros_is_drawn(made: Made) -> None:
    spectrum = made(np.zeros(40))
    page = spectrum_page(spectrum)
    assert "none was tried: nothing is left beside the outliers and zero" in page
    assert "none was tried" in str(spectrum)


def test_that_no_law_fits_is_said_plainly(made: Made) -> None:
    spectrum = made(0.97 ** np.arange(400))
    for text in (str(spectrum), spectrum_page(spectrum)):
        assert "no law of the family fits; the nearest is" in text


def test_estimates_show_their_errors_and_what_has_not_converged(made: Made) -> None:
    exact = made()
    pairs = tuple(Eigenvalue(value=p.value, residual=1e-3, converged=p.value < 5) for p in exact.largest)
    density = exact.density
    assert density is not None
    errors = tuple(0.3 * count for count in density.whole.counts)
    whole = type(density.whole)(edges=density.whole.edges, counts=density.whole.counts, errors=errors)
    spectrum = made(
        method="estimated",
        largest=pairs,
        trace=Quantity(value=324.2188, error=0.0231),
        density=Density(whole=whole, bulk=density.bulk, fit=density.fit, method="estimated", probes=6, steps=80),
    )
    page = spectrum_page(spectrum)
    for words in ("324.219 ± 0.023", "not converged", "standard errors", "6 random probes of 80 Lanczos steps each"):
        assert words in page
    assert "* not converged" in str(spectrum)
    assert "324.219 +- 0.02" in str(spectrum)


@pytest.mark.parametrize(("scale", "unit"), [(1e-6, "in units of $10^{-5}$"), (1e7, "in units of $10^{8}$"), (1.0, "")])
def test_an_axis_says_its_power_of_ten(made: Made, scale: float, unit: str) -> None:
    figures = {figure.name: figure for figure in spectrum_figures(made(scale * spiked_wishart()))}
    density = figures["density"]
    assert density.x.endswith(unit or r"$\lambda$")
    assert 1 <= max(density.layers[0].arrays["edges"]) < 100


def test_a_notebook_shows_the_same_without_a_page_around_it(made: Made) -> None:
    fragment = made()._repr_html_()
    assert fragment.startswith('<div class="lossproof">')
    assert "<html" not in fragment
    assert fragment.count('class="canvas"') == 5


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (2.0, 0.0, "2"),
        (12.34567, 0.02, "12.346 ± 0.02"),
        (12.34567, 0.5, "12.3 ± 0.5"),
        (0.1, 3.0, "0.1 ± 3"),
        (-1e-9, 4e-11, "−10<sup>−9</sup> ± 4 × 10<sup>−11</sup>"),
        (0.0, 0.5, "0 ± 0.5"),
    ],
)
def test_a_quantity_has_the_digits_that_its_error_leaves(value: float, error: float, text: str) -> None:
    assert quantity(Quantity(value=value, error=error)) == text


def test_no_number_is_a_dash() -> None:
    assert number(None) == number(math.nan) == number(math.inf) == "–"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("folder.html", "out must be an .html file, got the folder"),
        ("spectrum.json", "out must be an .html file, got"),
        ("nowhere/spectrum.html", "out must lie in a folder that exists, got"),
        ("taken.html", "out must leave room for a JSON file beside it"),
    ],
)
def test_a_target_that_cannot_be_is_refused(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "taken.json").mkdir()
    with pytest.raises(ValueError, match=sentence):
        check_target(tmp_path / name)


@pytest.mark.parametrize("failing", [".html", ".json"])
def test_page_and_numbers_are_written_together_or_not_at_all(
    failing: str, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if failing in path.name:
            raise OSError(28, "No space left on device")
        return write(path, content)

    for name in ("spectrum.html", "spectrum.json"):
        (tmp_path / name).write_text("old")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ValueError, match=r"out must be a file that can be written, got .*: No space left on device"):
        write_spectrum(made(), tmp_path / "spectrum.html")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "spectrum.html": "old",
        "spectrum.json": "old",
    }


def test_what_is_no_spectrum_and_no_path_is_refused(made: Made, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"spectrum must be what network_spectrum returns, got dict"):
        write_spectrum({}, tmp_path / "a.html")  # type: ignore[arg-type]
    for out, kind in ((None, "NoneType"), (5, "int"), (b"a.html", "bytes")):
        with pytest.raises(TypeError, match=rf"out must be the path of an .html file, got {kind}"):
            write_spectrum(made(), out)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"out must be the path of an .html file, got 'a.*null"):
        write_spectrum(made(), "a\0.html")
    with pytest.raises(ValueError, match=r"out must be a file that can be written"):
        write_spectrum(made(), tmp_path / f"{300 * 'a'}.html")
