"""Claims: statements with a check, and where they are found.

A claim is a decorated function; its docstring is the statement, and it yields comparisons. There is no registry:
:func:`discover` imports the modules of ``verify.claims`` and collects what they define, :func:`claims_from_file` does
the same for a file of the user's own.
"""

import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from verify.comparison import Comparison, Finding
from verify.sources import Source
from verify.verdict import OPEN, PROFILES, Position, Status, Verdict

Check = Callable[[Any], Iterable[Comparison]]

Flaw = Literal["misprint", "overstatement", "assumption"]
"""What is wrong with an erratum: a formula misprinted, a statement too broad, or a modelling assumption that fails."""

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z0-9]+(-[a-z0-9]+)*")

_FILE_PREFIX = "lossproof_claims_"


class ClaimFileError(ValueError):
    """A claim file, or a module of claims, that cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Outcome:
    """What a claim came out as.

    Args:
        verdict: The weakest verdict of the decided findings, None where there is none.
        status: DECIDED, or why there is no verdict.
        as_expected: Whether that is what the claim expects.
        why_not: A sentence where it is not.
    """

    verdict: Verdict | None
    status: Status
    as_expected: bool
    why_not: str = ""


@dataclass(frozen=True)
class Claim:
    """A statement, where it comes from, what is expected of it, and the check that tries it.

    Made by the decorator :func:`claim`.
    """

    id: str
    title: str
    statement: str
    source: Source
    check: Check
    assumptions: tuple[str, ...] = ()
    expects: frozenset[Verdict] = OPEN
    corrects: str | None = None
    decided_from: str = "quick"
    flaw: Flaw = "misprint"
    right: str = ""

    def __post_init__(self) -> None:
        for name, kind in (("id", str), ("title", str), ("source", Source)):
            if not isinstance(given := getattr(self, name), kind):
                raise TypeError(f"{name} of a claim must be a {kind.__name__}, got {given!r}.")
        if not all(isinstance(text, str) for text in self.assumptions):
            raise TypeError(f"assumptions of {self.id} must be sentences, got {self.assumptions!r}.")
        if not all(isinstance(verdict, Verdict) for verdict in self.expects):
            raise TypeError(f"expects of {self.id} must be a set of verdicts, got {set(self.expects)!r}.")
        if not _ID.fullmatch(self.id):
            raise ValueError(f"id must be of the form theme.name-in-lower-case, got {self.id!r}.")
        if not self.statement:
            raise ValueError(f"the check of {self.id} must have a docstring that states the claim, got none.")
        if self.expects != OPEN and (len(self.expects) != 1 or Verdict.ERROR in self.expects):
            given = ", ".join(str(verdict) for verdict in sorted(self.expects)) or "none"
            raise ValueError(f"expects of {self.id} must be one verdict other than ERROR, or OPEN, got {given}.")
        if self.corrects is not None and (not _ID.fullmatch(self.corrects) or self.corrects == self.id):
            raise ValueError(f"corrects of {self.id} must be the id of another claim, got {self.corrects!r}.")
        if self.flaw not in get_args(Flaw):
            raise ValueError(f"flaw of {self.id} must be one of {', '.join(get_args(Flaw))}, got {self.flaw!r}.")
        if not isinstance(self.right, str):
            raise TypeError(f"right of {self.id} must be a sentence, got {self.right!r}.")
        if self.right and not self.erratum:
            raise ValueError(f"right of {self.id} must be empty unless the claim expects REFUTED, got {self.right!r}.")
        if self.decided_from not in PROFILES:
            raise ValueError(
                f"decided_from of {self.id} must be one of {', '.join(PROFILES)}, got {self.decided_from!r}."
            )

    @property
    def theme(self) -> str:
        """The part of the id before the dot."""
        return self.id.partition(".")[0]

    @property
    def open(self) -> bool:
        """Whether the claim is an open question, for which any honest outcome is expected."""
        return self.expects == OPEN

    @property
    def erratum(self) -> bool:
        """Whether the claim is a formula as printed that is expected to be refuted."""
        return self.expects == {Verdict.REFUTED}

    def to_record(self) -> dict[str, Any]:
        """Return what the claim says of itself as plain JSON data."""
        return {
            "id": self.id,
            "theme": self.theme,
            "title": self.title,
            "statement": self.statement,
            "source": self.source.to_record(),
            "assumptions": list(self.assumptions),
            "expects": [str(verdict) for verdict in sorted(self.expects)],
            "open": self.open,
            "erratum": self.erratum,
            "flaw": self.flaw if self.erratum else None,
            "corrects": self.corrects,
        }

    def judge(self, bench: Any, profile: str | None = None) -> Iterator[Finding]:
        """Run the check and decide its comparisons one by one.

        Args:
            bench: The workbench that the check draws on.
            profile: The profile of the run; None decides whatever the size.

        Yields:
            One finding per comparison.

        Raises:
            TypeError: If the check yields something else than a comparison, or returns instead of yielding.
            ValueError: If two comparisons have one title.
        """
        titles = set()
        found = self.check(bench)
        if not isinstance(found, Iterable):
            returned = "None" if found is None else f"a returned {type(found).__name__}"
            raise TypeError(f"the check of {self.id} must yield its comparisons, got {returned}.")
        for comparison in found:
            if not isinstance(comparison, Comparison):
                raise TypeError(f"the check of {self.id} must yield comparisons, got {type(comparison).__name__}.")
            if comparison.title in titles:
                raise ValueError(f"titles must be unique in {self.id}, got {comparison.title!r} twice.")
            titles.add(comparison.title)
            yield comparison.decide(profile, self.decided_from)

    def conclude(self, findings: Sequence[Finding], error: str | None = None) -> Outcome:
        """Sum up the findings of a run.

        Args:
            findings: The findings that the check yielded.
            error: What went wrong, in a sentence, where the check failed.

        Returns:
            The weakest decided verdict, and whether the claim came out as it is expected to.
        """
        if error is not None:
            return Outcome(Verdict.ERROR, Status.DECIDED, False, f"The check failed: {error}")
        if not findings:
            return Outcome(Verdict.ERROR, Status.DECIDED, False, "The check yielded no comparison.")
        verdicts = [finding.verdict for finding in findings if finding.verdict is not None]
        if not verdicts:
            some_skipped = any(finding.status is Status.SKIPPED for finding in findings)
            return Outcome(None, Status.SKIPPED if some_skipped else Status.DEFERRED, True)
        verdict = min(verdicts)
        why_not = self._why_not(verdict, findings, waiting=len(verdicts) < len(findings))
        return Outcome(verdict, Status.DECIDED, not why_not, why_not)

    def _why_not(self, verdict: Verdict, findings: Sequence[Finding], *, waiting: bool) -> str:
        """Say why the findings are not as expected; empty where they are."""
        if verdict is Verdict.ERROR:
            return "A comparison ended in an error."
        if self.open:
            return ""
        decided = [finding for finding in findings if finding.verdict is not None]
        if self.erratum:
            for finding in decided:
                if finding.verdict is not Verdict.REFUTED:
                    return f"Expected REFUTED, but {finding.title!r} is {finding.verdict}: {finding.message}"
                if finding.rival_position is not Position.INSIDE:
                    position = finding.rival_position or "not judged"
                    return f"{finding.title!r} is refuted, but its correction does not stand (the rival is {position})."
            return ""
        expected = min(self.expects)
        if verdict == expected or (waiting and verdict > expected):
            return ""
        weakest = next(finding for finding in decided if finding.verdict is verdict)
        return f"Expected {expected}, got {verdict}: {weakest.title!r}: {weakest.message}"

    def __str__(self) -> str:
        expected = "an open question" if self.open else f"expected {min(self.expects)}"
        return f"{self.id} ({expected}): {self.title}"


def claim(
    id: str,
    *,
    source: Source,
    title: str | None = None,
    assumptions: Sequence[str] = (),
    expects: Iterable[Verdict] = OPEN,
    corrects: str | None = None,
    decided_from: str = "quick",
    flaw: Flaw = "misprint",
    right: str = "",
) -> Callable[[Check], Claim]:
    r"""Turn a check into a claim; its docstring is the statement, LaTeX in Markdown.

    Args:
        id: ``theme.name``; the theme is the name of the module that holds the claim.
        source: Where the statement comes from.
        title: A short title; by default the function's name in words.
        assumptions: What the statement takes for granted.
        expects: One verdict, registered before the first run, or ``OPEN``.
        corrects: The id of the erratum that this claim replaces.
        decided_from: The smallest profile that decides comparisons which do not say so themselves.
        flaw: What is wrong with an erratum, a claim that expects REFUTED; ignored otherwise.
        right: The correction of an erratum, in Markdown with LaTeX: what should have been printed.

    Returns:
        A decorator of functions that take a workbench and yield comparisons.

    Raises:
        TypeError: If ``expects`` is a verdict and not a set, or ``assumptions`` a string and not a sequence.
        ValueError: If the id, the docstring, the expectation or the profile is malformed, or something is ``right``
            that is no erratum.

    Examples:
        >>> from verify.bibliography import PENNINGTON_BAHRI_2017
        >>> @claim("index.demo", source=Source(PENNINGTON_BAHRI_2017, "section 4"), expects={Verdict.PROVED})
        ... def the_index_vanishes(bench):
        ...     '''The index vanishes.'''
        ...     yield from ()
        >>> print(the_index_vanishes)
        index.demo (expected PROVED): The index vanishes
    """
    if isinstance(expects, Verdict | str) or not isinstance(expects, Iterable):
        kind = "the verdict " if isinstance(expects, Verdict) else ""
        raise TypeError(f"expects must be a set of verdicts, got {kind}{expects}.")
    if isinstance(assumptions, str):
        raise TypeError(f"assumptions must be a sequence of sentences, got the string {assumptions!r}.")

    def decorate(check: Check) -> Claim:
        words = getattr(check, "__name__", id).replace("_", " ")
        return Claim(
            id=id,
            title=title or words[:1].upper() + words[1:],
            statement=inspect.getdoc(check) or "",
            source=source,
            check=check,
            assumptions=tuple(assumptions),
            expects=frozenset(expects),
            corrects=corrects,
            decided_from=decided_from,
            flaw=flaw,
            right=right,
        )

    return decorate


def discover(package: str = "verify.claims") -> tuple[Claim, ...]:
    """Import every theme of a package and return its claims: themes in alphabetical order, modules in that of the
    theme's ``READING_ORDER`` if it has one, then of the alphabet, claims in that of their definition.

    Raises:
        ClaimFileError: If two claims have one id, or an id does not start with the name of its theme.
    """
    parent = importlib.import_module(package)
    found: list[Claim] = []
    for theme in sorted(module.name for module in pkgutil.iter_modules(parent.__path__)):
        prefix = theme.replace("_", "-") + "."
        for module in _modules(f"{package}.{theme}"):
            claims = _defined_in(module)
            for item in claims:
                if not item.id.startswith(prefix):
                    raise ClaimFileError(
                        f"claims in {module.__name__} must have ids that start with {prefix!r}, got {item.id!r}."
                    )
            found.extend(claims)
    return _unique(found, package)


def claims_from_file(path: str | Path) -> tuple[Claim, ...]:
    """Load a file of claims by its path and return them in the order of their definition.

    Raises:
        ClaimFileError: If the file cannot be read or imported, defines no claim, or one id twice.
    """
    claims = _defined_in(load_claim_file(path))
    if not claims:
        raise ClaimFileError(f"claims must name a file that defines at least one claim, got {str(path)!r} without any.")
    return _unique(claims, str(path))


def load_claim_file(path: str | Path) -> types.ModuleType:
    """Import a Python file by its path, under a name made from it, the same in every process; its folder does not
    enter ``sys.path``.

    Raises:
        ClaimFileError: If the file does not exist, is no Python file, or raises on import.
    """
    file = Path(path).resolve()
    if file.suffix != ".py" or not file.is_file():
        raise ClaimFileError(f"claims must name an existing Python file, got {str(path)!r}.")
    stem = re.sub(r"[^0-9A-Za-z]", "_", file.stem)
    digest = hashlib.sha256(str(file).encode() + file.read_bytes()).hexdigest()[:8]  # an edited file is another module
    name = f"{_FILE_PREFIX}{stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ClaimFileError(f"claims must name a file that Python can import, got {str(path)!r}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        place = f" (line {lines[-1]})" if lines else ""
        raise ClaimFileError(
            f"claims must name a file that imports, got {str(path)!r}: {type(error).__name__}: {error}{place}"
        ) from error
    return module


def loaded_claim_file(name: str) -> Path | None:
    """Return the file that :func:`load_claim_file` has imported under this name; None for any other module."""
    module = sys.modules.get(name)
    origin = getattr(module, "__file__", None)
    return Path(origin) if name.startswith(_FILE_PREFIX) and origin else None


def _modules(name: str) -> Iterator[types.ModuleType]:
    """Import a module and, if it is a package, all that is below it."""
    module = importlib.import_module(name)
    yield module
    below = sorted(item.name for item in pkgutil.iter_modules(getattr(module, "__path__", ())))
    first = [one for one in getattr(module, "READING_ORDER", ()) if one in below]
    for one in dict.fromkeys([*first, *below]):
        yield from _modules(f"{name}.{one}")


def _defined_in(module: types.ModuleType) -> list[Claim]:
    """Return the claims that a module defines itself, not those that it imports."""
    claims = (item for item in vars(module).values() if isinstance(item, Claim))
    return list(dict.fromkeys(item for item in claims if item.check.__module__ == module.__name__))


def _unique(claims: Sequence[Claim], where: str) -> tuple[Claim, ...]:
    seen: set[str] = set()
    for item in claims:
        if item.id in seen:
            raise ClaimFileError(f"ids must be unique in {where}, got {item.id!r} twice.")
        seen.add(item.id)
    return tuple(claims)
