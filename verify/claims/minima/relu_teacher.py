"""Spurious minima of ReLU units that learn from as many orthonormal ones: proved one by one, and how often met."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Comparison, Enclosure, Ordering, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import SAFRAN_SHAMIR_2018
from verify.lectures.local_minima import RELU_TEACHER

SETTING = (
    "the loss is $F(W) = \\frac{1}{2} E \\left(\\sum_i \\max(0, w_i \\cdot x) - \\sum_j \\max(0, v_j \\cdot x)"
    "\\right)^2$ with inputs $x$ of the standard normal law, on the population and not on a sample; the outer weights "
    "are one and stay so"
)
LEVELS = {6: Fraction("0.0250805810"), 8: Fraction("0.0215080")}
"""Losses of the minima at which descents from random starts end most often, and how many digits are known below."""

LEVEL_DIGITS = 6
LEAST = {6: Fraction("0.00470"), 8: Fraction("0.02135")}
"""Least eigenvalues of the Hessian there, in five digits."""

GLOBAL = 1e-9
"""A loss below this is one at a global minimum, up to what a descent leaves."""


@claim(
    "minima.relu-teacher",
    title="Spurious minima of a ReLU network that learns from one of its own size, proved",
    source=Source(SAFRAN_SHAMIR_2018, "theorem 1", RELU_TEACHER),
    assumptions=(SETTING, "$k$ units learn from $k$ units with orthonormal weights $v_j$, in $k$ or more dimensions"),
    expects={Verdict.CERTIFIED},
)
def relu_teacher(bench: Workbench) -> Iterator[Comparison]:
    r"""Let $k$ ReLU units learn from $k$ orthonormal ones. The global minimum has loss 0. For $6 \le k \le 20$ there is
    another minimum, at a loss above 0:

    $$\nabla F(W) = 0, \qquad \nabla^2 F(W) \succ 0, \qquad F(W) > 0.$$

    In it $k - 1$ units have nearly learnt one of the teacher's each, and the last one points away from the unit that is
    left. That this point exists is proved by Krawczyk's operator within the matrices that share its symmetry; the
    Hessian is split into small blocks, whose least eigenvalues are enclosed, and it stays positive definite on a box
    around the point in all $k^2$ coordinates, so that the minimum is strict and the only one there. In further input
    dimensions it is a minimum as well. For $k \le 5$ descent within this family finds none.
    """
    sizes = range(6, bench.size(quick=8, standard=20, full=20) + 1)
    found = {k: theory.certify_spurious_minimum(k) for k in sizes}
    ks = f"k = 6 to {max(sizes)}"
    yield Enclosure(
        f"loss at the critical point, {ks}",
        values=[minimum.loss for minimum in found.values()],
        within=(Fraction(1, 200), None),
        rival=Rival("zero, as at every global minimum", [0]),
    )
    yield Enclosure(
        f"least eigenvalue of the Hessian there, within the teacher's span and outside, {ks}",
        values=[value for minimum in found.values() for value in (minimum.least_eigenvalue, minimum.least_outside)],
        within=(Fraction(1, 1000), None),
        rival=Rival("no larger than zero, as at a saddle or a flat minimum", [0]),
    )
    yield Enclosure(
        f"half-width of a box in all coordinates that holds no other critical point, {ks}",
        values=[minimum.unique_within for minimum in found.values()],
        within=(Fraction(1, 10**6), None),
        rival=Rival("the point alone", [0]),
    )
    yield Enclosure(
        f"entry of the last unit along the teacher's unit that is left, {ks}",
        values=[minimum.entries[3] for minimum in found.values()],
        within=(-1, Fraction(-1, 2)),
        rival=Rival("learnt, like those of the other units", [minimum.entries[0] for minimum in found.values()]),
    )
    yield Enclosure(
        "loss at k = 6 and 8, against those at which descents from random starts end",
        values=[found[k].loss for k in LEVELS],
        predicted=list(LEVELS.values()),
        digits=LEVEL_DIGITS,
        rival=Rival("without the half in the loss", [2 * level for level in LEVELS.values()]),
    )
    yield Enclosure(
        "least eigenvalue at k = 6 and 8, against those found by descent",
        values=[found[k].least_eigenvalue for k in LEAST],
        predicted=list(LEAST.values()),
        digits=5,
        rival=Rival("without the half in the loss", [2 * value for value in LEAST.values()]),
    )
    figure = bench.figure(
        "certified-minima",
        title="Spurious minima that are proved, by the number of units",
        x="units k",
        y="loss, and least eigenvalue of the Hessian",
        caption="Enclosed by intervals narrower than the points. The Hessian in directions outside the teacher's span "
        "has one eigenvalue block of its own.",
    )
    for label, values in (
        ("loss F", [minimum.loss for minimum in found.values()]),
        ("least eigenvalue", [minimum.least_eigenvalue for minimum in found.values()]),
        ("least eigenvalue outside the span", [minimum.least_outside for minimum in found.values()]),
    ):
        figure.points(list(sizes), [float(value) for value in values], label)
    boxes = bench.figure(
        "certified-boxes",
        title="How large a box is proved to hold no second critical point",
        x="units k",
        y="half-width of the box",
        y_scale="log",
        caption="In every one of the $k^2$ coordinates a weight may be changed by as much, and the Hessian stays "
        "positive definite. Only powers of two are tried, from the largest down.",
    )
    boxes.points(list(sizes), [float(minimum.unique_within) for minimum in found.values()], "proved")


def ends_of_descents(seed: int, starts: int, units: int, teachers: int) -> dict[str, NDArray[np.float64]]:
    """Descend from random starts and say where: 0 at a global minimum, 1 at a certified other one, 2 elsewhere.

    Weights begin with the variance one over the number of inputs, which is that of the teacher's units. A run counts as
    at a spurious minimum only if a proof there encloses the loss away from 0.
    """
    from scipy.optimize import minimize

    source = np.random.default_rng(seed)
    shape = (units, teachers)
    target = np.eye(teachers)
    kinds, losses = [], []
    for _ in range(starts):
        end = minimize(
            lambda flat: float(theory.relu_teacher_loss(flat.reshape(shape), target)),
            source.normal(scale=teachers**-0.5, size=units * teachers),
            jac=lambda flat: theory.relu_teacher_gradient(flat.reshape(shape), target).ravel(),
            method="L-BFGS-B",
            options={"maxiter": 20000, "maxfun": 40000, "ftol": 0, "gtol": 1e-9},
        )
        kind, loss = 0.0, float(end.fun)
        if loss > GLOBAL:
            try:
                proved = theory.certify_teacher_minimum(end.x.reshape(shape), target).loss
                kind, loss = 1.0 if proved.lower > GLOBAL else 2.0, float(proved)
            except theory.NoCertificateError:
                kind = 2.0
        kinds.append(kind)
        losses.append(loss)
    return {"kind": np.array(kinds), "loss": np.array(losses)}


CASES = {"k": (8, 8), "fewer": (6, 6), "one more": (9, 8), "two more": (10, 8)}
"""Units, and teacher's units."""


@claim(
    "minima.relu-teacher-hits",
    title="How often descent from a random start ends at a spurious minimum that is proved",
    source=Source(SAFRAN_SHAMIR_2018, "section 4, on how common spurious minima are", RELU_TEACHER),
    assumptions=(
        SETTING,
        "descent is L-BFGS from independent weights of the law $N(0, 1/k)$, run until it stops; a run counts only "
        "where a strict minimum of a loss above 0 is proved at its end, and one whose end is neither that nor global "
        "has not converged",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def relu_teacher_hits(bench: Workbench) -> Iterator[Comparison]:
    r"""With $n = k = 8$ units descent ends at a spurious minimum in at least one of twenty runs; with $n = k = 6$
    less often; with one unit more than the teacher, $n = k + 1$, in fewer than one of twenty, and with two more in
    fewer than one of fifty. Every spurious minimum that counts is proved: runs that are cut short, and counted by their
    loss alone, would be counted although none of them is at a minimum.
    """
    batches = bench.size(quick=1, standard=30, full=96)
    starts = bench.size(quick=3, standard=25, full=25)
    counts: dict[str, NDArray[np.float64]] = {}
    dropped: dict[str, int] = {}
    for name, (units, teachers) in CASES.items():
        items = [
            {"seed": seed, "starts": starts, "units": units, "teachers": teachers}
            for seed in bench.seeds(name, batches)
        ]
        kinds = np.array([result["kind"] for result in bench.map(name, ends_of_descents, items)])
        counts[name] = (kinds == 1).sum(axis=1)
        dropped[name] = int((kinds == 2).sum())
    trials = batches * starts
    for name, within, rival in (
        ("k", (0.05, 1), Rival("never", 0)),
        ("one more", (0, 0.05), Rival("in more than one of ten, as without it", (0.1, 1))),
        ("two more", (0, 0.02), Rival("in more than one of twenty, as without them", (0.05, 1))),
    ):
        units, teachers = CASES[name]
        yield Proportion(
            f"runs that end at a certified spurious minimum, {units} units for {teachers} of the teacher",
            successes=int(counts[name].sum()),
            trials=trials,
            within=within,
            dropped=dropped[name],
            rival=rival,
        )
    yield Ordering(
        f"certified spurious minima in {starts} runs, k = 6 against k = 8",
        lower=counts["fewer"],
        higher=counts["k"],
    )
    yield Ordering(
        f"certified spurious minima in {starts} runs, one unit more than the teacher against as many",
        lower=counts["one more"],
        higher=counts["k"],
    )
