"""The report of a run: one HTML file, drawn from the store alone, that asks nothing of the network.

The file holds its style, its script, its formulas and its pictures. It opens from disk, is read on a phone, on paper,
in light and in dark, and without its script. Nothing here runs a check or imports the theory: a report can be drawn
again at any time, elsewhere, from the folder of a run, and comes out the same to the byte.
"""

import contextlib
import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from verify.refusal import BadInputError
from verify.report.figures import figure_svg
from verify.report.lean_page import lean, with_short_names
from verify.report.pages import fragment, rendered
from verify.report.prose import Prose
from verify.store import RunFolder, write_bytes

Record = Mapping[str, Any]
Arrays = Mapping[str, NDArray[Any]]
Pictures = Mapping[str, Markup]
T = TypeVar("T")


class Workers(Protocol):
    """Processes in which pictures are drawn."""

    def begin(self, work: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Have a worker call ``work(*arguments)`` as soon as one is free."""


def write_report(run_folder: Path, target: Path | None = None, *, pool: Workers | None = None) -> Path:
    """Draw the report of a stored run.

    Args:
        run_folder: The folder of a run, finished or not.
        target: The file to write; default ``report.html`` in the folder.
        pool: Where pictures are drawn while this process draws formulas; by default here, as are those that dying
            workers leave. The page is the same.

    Returns:
        The file written.

    Raises:
        BadInputError: If the folder holds no readable run, a record lacks something, or the file cannot be written.
    """
    folder = RunFolder.open(Path(run_folder))
    claims = folder.records()
    place, drawn = folder.path.absolute(), [claim["id"] for claim in claims if claim["figures"]]
    elsewhere = _begun(pool, place, drawn) if pool else {}
    prose = Prose(lenient=True)
    seen: dict[str, str] = {}
    sections: dict[str, Markup] = {}
    undrawn: list[str] = []
    for claim in claims:
        before = len(prose.undrawn)
        pictures = functools.partial(_pictures_from, elsewhere.get(claim["id"]), folder, claim)
        sections[claim["id"]] = _claim(claim, pictures, prose, seen)
        if len(prose.undrawn) > before:
            undrawn.append(claim["id"])
    page = rendered(
        "report.html.j2",
        f"the run in {folder.path}",
        prose=prose,
        run=folder.manifest,
        claims=claims,
        sections=sections,
        sources={
            claim["source"]["reference"]["key"]: claim for claim in reversed(claims) if claim["source"]["reference"]
        },
        lectures=_in_order(claim["source"]["printed"]["lecture"] for claim in claims if claim["source"]["printed"]),
        themes=_in_order(claim["theme"] for claim in claims),
        corrections=_corrections(claims),
        undrawn=undrawn,
        notes=folder.manifest.get("notes", []),
        unfinished=[identifier for identifier in folder.claim_ids if identifier not in sections],
    )
    page = Markup(with_short_names(lean(page).replace("<!--glyphs-->", prose.formulas.glyphs(), 1)))
    path = Path(target) if target is not None else folder.path / "report.html"
    try:
        write_bytes(path, page.encode())
    except OSError as error:
        raise BadInputError(f"the report must be a file that can be written, got {path}: {error.strerror}.") from error
    return path


def claim_html(record: Record, arrays: Arrays | None = None) -> str:
    """Draw one claim as a fragment for a notebook, with its own style and glyphs.

    Args:
        record: The claim as stored.
        arrays: The arrays of its figures by the names in the record; without them the figures are left out.

    Raises:
        BadInputError: If the record lacks something.
    """
    prose = Prose(lenient=True)
    shown = dict(record) if arrays is not None else {**record, "figures": []}
    return fragment(_claim(shown, lambda: _pictures(shown, arrays or {}), prose, {}), prose)


def finding_html(record: Record) -> str:
    """Draw one finding as a fragment for a notebook: what was predicted, measured and decided, and in words.

    Raises:
        BadInputError: If the record lacks something.
    """
    prose = Prose(lenient=True)
    title = f"finding {record.get('title', '')!r}"
    return fragment(rendered("finding.html.j2", title, prose=prose, finding=record), prose)


def run_html(run: Record, claims: Sequence[Record], report: str) -> str:
    """Draw a run as a fragment for a notebook: a sentence, a table of its claims, and where its report is.

    Args:
        run: The content of ``run.json``.
        claims: The records of its finished claims.
        report: The address of the report.

    Raises:
        BadInputError: If a record lacks something.
    """
    prose = Prose(lenient=True)
    body = rendered("run.html.j2", "the run", prose=prose, run=run, claims=claims, report=report)
    return fragment(body, prose)


def _claim(claim: Record, pictures: Callable[[], Pictures], prose: Prose, seen: dict[str, str]) -> Markup:
    """Draw a claim; a derivation in ``seen``, by its text, is shown under the claim named there."""
    drawn = functools.cache(pictures)

    def picture(figure: Record) -> Markup:
        return drawn()[figure["name"]]

    title = f"claim {claim.get('id', '')!r}"
    return rendered(
        "claim.html.j2", title, prose=prose, claim=claim, picture=picture, derivations=_derivations(claim, seen)
    )


def _pictures(claim: Record, arrays: Arrays) -> Pictures:
    """Draw the pictures of a claim, by the names of its figures."""
    doubles = {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}
    return {
        figure["name"]: figure_svg(figure, doubles, key=f"{claim['id']}/{figure['name']}")
        for figure in claim["figures"]
    }


def _stored_pictures(folder: RunFolder, claim: Record) -> Pictures:
    return _pictures(claim, _arrays(folder, claim))


def _begun(pool: Workers, run: Path, claims: Iterable[str]) -> "dict[str, Future[Pictures]]":
    """Hand pictures to workers, as long as there are any."""
    begun: dict[str, Future[Pictures]] = {}
    with contextlib.suppress(BrokenExecutor):
        for claim in claims:
            begun[claim] = pool.begin(_pictures_of, run, claim)
    return begun


def _pictures_from(ahead: "Future[Pictures] | None", folder: RunFolder, claim: Record) -> Pictures:
    """Take the pictures that a worker has drawn, or draw them."""
    if ahead is not None:
        with contextlib.suppress(BrokenExecutor):
            return ahead.result()
    return _stored_pictures(folder, claim)


def _pictures_of(run: Path, claim: str) -> Pictures:
    """Draw the pictures of a stored claim, in a worker."""
    folder = RunFolder.open(run)
    return _stored_pictures(folder, folder.claim(claim))


def _derivations(claim: Record, seen: dict[str, str]) -> list[tuple[Record, str]]:
    """Return the derivations of a claim, each once, with the id of an earlier claim that shows it already."""
    found: dict[str, tuple[Record, str]] = {}
    for finding in claim.get("findings", ()):
        if derivation := finding.get("derivation"):
            text = json.dumps(derivation, sort_keys=True)
            found.setdefault(text, (derivation, seen.get(text, "")))
    for text in found:
        seen.setdefault(text, claim["id"])
    return list(found.values())


def _corrections(claims: Sequence[Record]) -> dict[str, list[Record]]:
    corrected: dict[str, list[Record]] = {}
    for claim in claims:
        if claim["corrects"]:
            corrected.setdefault(claim["corrects"], []).append(claim)
    return corrected


def _arrays(folder: RunFolder, claim: Record) -> Arrays:
    try:
        return folder.arrays(claim["id"]) if claim["figures"] else {}
    except Exception as error:  # safetensors has an error class of its own, beside those of the file system
        raise BadInputError(f"the arrays of claim {claim['id']!r} must be safetensors, got {error}.") from error


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
