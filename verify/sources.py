"""Where the statements come from: what a source is, and the lectures.

A claim names its source: the paper and the equation, and the slide of a lecture that printed the statement. Each
statement of a lecture that the ledger covers is listed in ``verify.lectures``, in this project's words, with the
claims that try it, with a :class:`Slip`, a note on wording or attribution that no computation could try, or with
:class:`Untried`, the reason why there is nothing to try.
"""

import re
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Reference:
    """A publication.

    Args:
        key: A short label, such as ``pennington-bahri-2017``.
        authors: Family names, in the order of the paper.
        year: The year of publication.
        title: The title, and where it appeared.
        arxiv: The arXiv identifier, without a version.
        doi: The DOI, without a resolver in front.

    Raises:
        ValueError: If the arXiv identifier or the DOI is malformed.

    Examples:
        >>> from verify.bibliography import PENNINGTON_BAHRI_2017
        >>> print(PENNINGTON_BAHRI_2017)
        Pennington and Bahri (2017)
    """

    key: str
    authors: str
    year: int
    title: str
    arxiv: str | None = None
    doi: str | None = None

    def __post_init__(self) -> None:
        if self.arxiv is not None and not re.fullmatch(r"\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7}", self.arxiv):
            raise ValueError(f"arxiv must be an identifier such as 1804.10200, got {self.arxiv!r}.")
        if self.doi is not None and not re.fullmatch(r"10\.\d{4,9}/\S+", self.doi):
            raise ValueError(f"doi must look like 10.1137/19M1308943, got {self.doi!r}.")

    def to_record(self) -> dict[str, Any]:
        """Return the reference as plain JSON data."""
        return {
            "key": self.key,
            "authors": self.authors,
            "year": self.year,
            "title": self.title,
            "arxiv": self.arxiv,
            "doi": self.doi,
        }

    def __str__(self) -> str:
        return f"{self.authors} ({self.year})"


@dataclass(frozen=True)
class Lecture:
    """A lecture or talk whose slides are tried.

    Args:
        key: A short label.
        title: The title of the lecture.
        where: The course or seminar, the speaker, the place.
        about: What it covers, in a sentence.
    """

    key: str
    title: str
    where: str
    about: str

    def __str__(self) -> str:
        return self.where


@dataclass(frozen=True)
class Slide:
    """The slide of a lecture that printed a statement.

    Args:
        lecture: The lecture.
        title: The title of the slide.
    """

    lecture: Lecture
    title: str

    def __str__(self) -> str:
        return f"{self.lecture}, slide “{self.title}”"


@dataclass(frozen=True)
class Source:
    """Where a claim's statement comes from.

    Args:
        reference: The publication that makes the statement; None where only a slide does.
        locator: The equation, section, figure or theorem in it.
        printed: The slide that printed the statement.

    Examples:
        >>> from verify.bibliography import PENNINGTON_BAHRI_2017
        >>> print(Source(PENNINGTON_BAHRI_2017, "figure 6"))
        Pennington and Bahri (2017), figure 6
        >>> print(Source(printed=Slide(OXFORD_C65, "Wigner and Wishart distributions")))
        Theories of Deep Learning, Oxford C6.5, lecture 9 (J. Tanner), slide “Wigner and Wishart distributions”

    Raises:
        TypeError: If the reference is something else, or the locator no text.
        ValueError: If there is neither a reference nor a slide.
    """

    reference: Reference | None = None
    locator: str = ""
    printed: Slide | None = None

    def __post_init__(self) -> None:
        if self.reference is not None and not isinstance(self.reference, Reference):
            raise TypeError(f"reference of a source must be a Reference or None, got {self.reference!r}.")
        if not isinstance(self.locator, str):
            raise TypeError(f"locator of a source must be a text, got {self.locator!r}.")
        if self.reference is None and self.printed is None:
            raise ValueError("a source must name a reference or a slide, got neither.")

    def to_record(self) -> dict[str, Any]:
        """Return the source as plain JSON data."""
        slide = None
        if self.printed is not None:
            slide = {"lecture": str(self.printed.lecture), "slide": self.printed.title}
        reference = None if self.reference is None else self.reference.to_record()
        return {"reference": reference, "locator": self.locator, "printed": slide}

    def __str__(self) -> str:
        return ", ".join(str(part) for part in (self.reference, self.locator, self.printed) if part)


@dataclass(frozen=True)
class Slip:
    """A note on a statement whose wording or attribution is off, and which no computation could try.

    Args:
        said: What the slide says, in this project's words.
        meant: What it should say.
    """

    said: str
    meant: str

    def __str__(self) -> str:
        return f"{self.said}: {self.meant}"


@dataclass(frozen=True)
class Untried:
    """A note on a statement that no claim tries although its wording is right: a definition, a custom, a lost figure.

    Args:
        why: Why there is nothing to try.
    """

    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True)
class Statement:
    """A statement of a lecture, and what the ledger makes of it.

    Args:
        slide: Where it stands.
        text: What it says, in this project's words.
        covered: The ids of the claims that try it, or the note on it.
        found: A sentence on what the claims find where they contradict or qualify the statement; empty where they
            agree, and where the verdict on the words as printed says it already.

    Raises:
        ValueError: If something is found without claims, or does not end with a full stop.
    """

    slide: Slide
    text: str
    covered: tuple[str, ...] | Slip | Untried
    found: str = ""

    def __post_init__(self) -> None:
        if self.found and not isinstance(self.covered, tuple):
            raise ValueError(f"found must be empty for a statement that no claim tries, got {self.found!r}.")
        if self.found and not self.found.endswith("."):
            raise ValueError(f"found must be a sentence with a full stop at its end, got {self.found!r}.")


EDINBURGH_MLT: Final = Lecture(
    "edinburgh-mlt",
    "Neural networks and non-convex optimisation",
    "Machine Learning Theory, Edinburgh (R. Sarkar)",
    "Perceptrons and activations, flat minima, sharpness measures, optimisers that seek flatness, pruning.",
)
DINH_TALK: Final = Lecture(
    "dinh-talk",
    "Sharp minima can generalize for deep networks",
    "talk on Dinh et al. 2017 (M. Gamba, KTH)",
    "How rescaling the layers changes flatness, sharpness and the Hessian without changing the function.",
)
OXFORD_C65: Final = Lecture(
    "oxford-c65-9",
    "Topology of the loss landscape: global and local structures",
    "Theories of Deep Learning, Oxford C6.5, lecture 9 (J. Tanner)",
    "Connected level sets, the random-matrix model of the Hessian, the manifold of global minimisers.",
)
OPTIMALITY_TALK: Final = Lecture(
    "optimality-talk",
    "¿Por qué la solución al problema de optimalidad funciona?",
    "talk in Spanish on why optimisation works",
    "Empirical risk, spin glasses, paths and level sets, convergence in the lazy regime.",
)
LECTURES: Final = (EDINBURGH_MLT, DINH_TALK, OXFORD_C65, OPTIMALITY_TALK)
