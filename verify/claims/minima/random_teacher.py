"""Random targets in high dimension: how often the minimum that is proved for orthonormal ones is there as well."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Comparison, Ordering, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import SAFRAN_SHAMIR_2018
from verify.claims.minima.relu_teacher import SETTING
from verify.intervals import clopper_pearson
from verify.lectures.local_minima import RELU_TEACHER

UNITS = 8
DIMENSIONS = (32, 128, 512, 2048)
DRAWN = 0.05
"""The figure's intervals leave out the true share with at most this probability."""


def continued_minima(seed: int, teachers: int, units: int, dimension: int) -> dict[str, NDArray[np.float64]]:
    """Draw teachers and say of each whether the orthonormal minimum is followed to it and proved there.

    Units are independent and uniform on the unit sphere. Beside it stand the loss and a lower bound of the least
    eigenvalue of the Hessian, both of the proof; not a number where nothing is proved.
    """
    source = np.random.default_rng(seed)
    rows = []
    for _ in range(teachers):
        teacher = source.normal(size=(units, dimension))
        teacher /= np.linalg.norm(teacher, axis=1, keepdims=True)
        try:
            proved = theory.continue_spurious_minimum(teacher).minimum
        except theory.NoCertificateError:
            rows.append((0.0, np.nan, np.nan))
        else:
            least = min(proved.least_eigenvalue, proved.least_outside)
            rows.append((1.0, float(proved.loss), float(least)))
    table = np.array(rows)
    return {"continued": table[:, 0], "loss": table[:, 1], "least": table[:, 2]}


@claim(
    "minima.relu-teacher-random-targets",
    title="Random targets of eight units in high dimension have a spurious minimum, as orthonormal ones do",
    source=Source(
        SAFRAN_SHAMIR_2018,
        "abstract, on nearly all targets in high dimension",
        RELU_TEACHER,
    ),
    assumptions=(
        SETTING,
        f"$k = {UNITS}$ units learn from as many, whose weights are independent and uniform on the unit sphere of "
        "$\\mathbb{R}^d$",
        "followed means: along the segment from the identity to the teacher's Gram matrix, in steps after each of "
        "which Newton's method contracts by four from a first correction of at most 0.05 and ends at a positive "
        "definite Hessian; the way is walked in double precision; the end is proved, for the teacher's Gram matrix "
        "rounded to double precision",
        "a teacher counts by the one minimum that leaves its last unit unlearnt; some that do not count may have "
        "another spurious minimum",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def relu_teacher_random_targets(bench: Workbench) -> Iterator[Comparison]:
    r"""Random units in high dimension are nearly orthonormal: their inner products are of the order $d^{-1/2}$. So the
    spurious minimum that is proved for $k = 8$ orthonormal ones can be followed to them, and where it arrives a strict
    minimum with a loss above 0 is proved again, in all $d$ dimensions. In $d = 2048$ that is so for more than nine in
    ten random targets; in $d = 32$ for fewer than eight in ten; the share grows with $d$.
    """
    batches = bench.size(quick=1, standard=24, full=96)
    teachers = bench.size(quick=1, standard=6, full=12)
    counts = []
    for dimension in DIMENSIONS:
        items = [
            {"seed": seed, "teachers": teachers, "units": UNITS, "dimension": dimension}
            for seed in bench.seeds(f"teachers in {dimension}", batches)
        ]
        results = bench.map(f"teachers in {dimension}", continued_minima, items)
        counts.append([int(np.sum(result["continued"])) for result in results])
    table = np.array(counts)
    totals, trials = table.sum(axis=1), batches * teachers
    yield Proportion(
        f"random targets in d = {DIMENSIONS[-1]} to which the minimum continues, proved there",
        successes=int(totals[-1]),
        trials=trials,
        within=(0.9, 1),
        rival=Rival("at most half of them", (0, 0.5)),
    )
    yield Proportion(
        f"the same in d = {DIMENSIONS[0]}",
        successes=int(totals[0]),
        trials=trials,
        within=(0, 0.8),
        rival=Rival("nearly all, whatever the dimension", (0.9, 1)),
    )
    yield Ordering(
        f"the number among {teachers}, over d = {', '.join(map(str, DIMENSIONS))}",
        trend=table.T,
        direction="increasing",
    )
    lower, upper = clopper_pearson(totals, trials, DRAWN)
    shares = totals / trials
    figure = bench.figure(
        "random-targets",
        title="Random targets to which the proved spurious minimum of the orthonormal one continues",
        x="input dimension d",
        y="share of the targets",
        x_scale="log",
        y_limits=(0, 1.05),
        caption=f"Targets of k = {UNITS} units, {trials} for each dimension; intervals of 95 %. Where a target is "
        "counted, a strict minimum of a loss above 0 is proved.",
    )
    figure.points(DIMENSIONS, shares, "followed and proved", errors=[shares - lower, upper - shares])
    figure.line([DIMENSIONS[0], DIMENSIONS[-1]], [1, 1], "all, the limit of high dimension")
