"""What is measured of a network's Hessian, part by part, as frozen records: ``result`` puts them together.

Conventions. Everything is plain Python numbers, words and tuples. A `Quantity` is a value with its standard error, 0
where it was computed exactly. Counts are of eigenvalues; estimated ones need not be whole. Nothing here computes.
"""

import math
from dataclasses import dataclass
from typing import Literal

Method = Literal["exact", "estimated"]
Fit = Literal["fits", "does not fit", "cannot be told"]


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number with its standard error; 0 if it was computed exactly, infinite if nothing is known of it."""

    value: float
    error: float = 0.0

    def __str__(self) -> str:
        if self.error == 0:
            return f"{self.value:.6g}"
        return f"{self.value:.6g} +- {self.error:.1g}" if math.isfinite(self.error) else f"{self.value:.6g} +- ?"


@dataclass(frozen=True, kw_only=True)
class Eigenvalue:
    """One eigenvalue: an eigenvalue of the matrix lies within ``residual`` of ``value``.

    Attributes:
        value: The eigenvalue.
        residual: Norm of H v - value v for its unit vector v.
        converged: Whether the residual is below the tolerance of the solver, and no eigenvalue is missing before it.
    """

    value: float
    residual: float
    converged: bool

    @property
    def shown(self) -> float:
        """What tables show: the value, or 0 if its residual does not tell it from 0."""
        return 0.0 if abs(self.value) <= self.residual else self.value


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Numbers of eigenvalues below, around and above zero.

    Attributes:
        negative: Eigenvalues below -tolerance.
        unresolved: Eigenvalues in [-tolerance, tolerance], and those whose sign is not known.
        positive: Eigenvalues above tolerance.
        tolerance: The absolute cut.
        relative: The cut over the spectral radius.
        method: Whether they were counted or bounded from the two ends.
    """

    negative: int
    unresolved: int
    positive: int
    tolerance: float
    relative: float
    method: Method


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Numbers of eigenvalues in bins, with standard errors; ``expected`` is what a fitted law has there, if any."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]
    errors: tuple[float, ...]
    expected: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LawFit:
    """One law laid against the bulk.

    Attributes:
        name: The law in words.
        parameters: Its parameters by name; empty if no member of the family meets the conditions.
        edges: Ends of its support.
        distance: W1 distance between the bulk and the law, over the bulk's standard deviation.
        verdict: Whether the distance is below the bound, beyond it, or too uncertain to say.
        reason: Why there is no fit, if there is none.
    """

    name: str
    parameters: dict[str, float]
    edges: tuple[float, float] | None
    distance: Quantity | None
    verdict: Fit | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class BulkFit:
    """The bulk of a spectrum and the laws laid against it.

    Attributes:
        edges: The bulk's own extreme eigenvalues, which the laws are fitted to.
        outliers_above: Eigenvalues beyond the right edge, parted from it by a gap.
        outliers_below: Eigenvalues beyond the left edge, parted from it by a gap.
        outliers: These eigenvalues, each end from outside inwards.
        gap_above: The gap behind the outliers above, in median spacings of the eigenvalues that follow; infinite if
            these are zero; the widest such gap if none is an outlier; none if there are too few to say.
        gap_below: The same below.
        searched: How many of the largest and of the smallest eigenvalues the gaps were looked for among.
        unsearched_above: Why the upper end could not be searched; empty if it was.
        unsearched_below: The same of the lower end.
        at_zero: Eigenvalues that rounding cannot tell from zero, put aside; in an estimate they stay in the bulk.
        zero: The absolute value up to which rounding cannot tell them.
        count: Eigenvalues in the bulk.
        laws: Those that fit, the one of fewest parameters first; then the others, the nearest first; then those that
            have no member with the bulk's edges.
        reason: Why no law was laid against the bulk, if none was.
    """

    edges: tuple[float, float]
    outliers_above: int
    outliers_below: int
    outliers: tuple[float, ...]
    gap_above: float | None
    gap_below: float | None
    searched: tuple[int, int]
    unsearched_above: str
    unsearched_below: str
    at_zero: int
    zero: float
    count: float
    laws: tuple[LawFit, ...]
    reason: str = ""

    @property
    def best(self) -> LawFit | None:
        """The first law, if any has a member with these edges."""
        return self.laws[0] if self.laws and self.laws[0].distance is not None else None


@dataclass(frozen=True, kw_only=True)
class Density:
    """The spectral density: counts over the whole spectrum and over its bulk, and the laws fitted to the bulk.

    Attributes:
        whole: Counts from the smallest to the largest eigenvalue.
        bulk: Counts between the bulk's edges, with those of the nearest law.
        fit: The bulk and the laws.
        method: Whether all eigenvalues were counted or the counts are estimates.
        probes: Random probes of an estimate.
        steps: Lanczos steps of each.
    """

    whole: Histogram
    bulk: Histogram | None
    fit: BulkFit
    method: Method
    probes: int = 0
    steps: int = 0


@dataclass(frozen=True, kw_only=True)
class LayerSpectrum:
    """The diagonal block of the Hessian that belongs to one layer.

    Attributes:
        name: Name of the layer in the model.
        kind: Its class; empty for a parameter that the model holds itself.
        size: Its trainable parameters that were selected.
        largest: The block's largest eigenvalue.
        smallest: The block's smallest eigenvalue.
        trace: The block's trace.
        method: Whether all eigenvalues of the block were computed.
        histogram: Counts of its eigenvalues, if asked for.
    """

    name: str
    kind: str
    size: int
    largest: Eigenvalue
    smallest: Eigenvalue
    trace: Quantity
    method: Method
    histogram: Histogram | None = None

    @property
    def title(self) -> str:
        """Name and class."""
        return f"{self.name} {self.kind}".rstrip()
