r"""Bring your own claims: a small landscape with a long valley, tried from five sides.

The loss is $L(u, v) = \tfrac12 (uv - 1)^2$, a linear network with one weight a layer. Its global minima form the curve
$uv = 1$; this file is about how sharp they are and which of them descent finds. Run it by

    .venv/bin/lossproof run --claims examples/my_claims.py

A claim is a function with a statement (its docstring), a source, and an expectation registered before the first run.
It yields comparisons; each names a rival, the wrong prediction that it must be able to refute. Heavy imports stand
inside the functions, so that listing the claims stays quick.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

import theory
from verify import (
    OPEN,
    Comparison,
    Enclosure,
    Exponent,
    Identity,
    Ordering,
    Reference,
    Rival,
    Source,
    Verdict,
    Workbench,
    claim,
)

if TYPE_CHECKING:
    import sympy as sp

NOTES = Reference("my-notes-2026", "A. Researcher", 2026, "Notes on a valley, unpublished")


def sharpness() -> "theory.Derivation":
    """Derive the largest eigenvalue of the Hessian at the minimum (t, 1/t)."""
    import sympy as sp

    u, v, eigenvalue = sp.symbols("u v lambda")
    t = sp.Symbol("t", positive=True)
    hessian = sp.hessian((u * v - 1) ** 2 / 2, (u, v)).subs({u: t, v: 1 / t})
    claimed = t**2 + 1 / t**2
    return theory.Derivation(
        title="The sharpness of the minimum (t, 1/t)",
        result=sp.Eq(eigenvalue, claimed),
        steps=(
            theory.Step(
                "The determinant vanishes, along the valley.",
                theory.Relation(hessian.det(), "=", 0),
                "exact",
                shown=r"\det H = 0",
            ),
            theory.Step(
                "So the trace is the other eigenvalue.",
                theory.Relation(hessian.trace(), "=", claimed),
                "exact",
                shown=r"\mathrm{tr}\, H = t^2 + t^{-2}",
            ),
        ),
        domain=theory.Domain(t=(0, sp.oo)),
    )


@claim(
    "valley.sharpness",
    source=Source(NOTES, "eq. 2"),
    title="The sharpness of a minimum",
    expects={Verdict.PROVED},
    corrects="valley.sharpness-as-printed",
)
def the_sharpness_of_a_minimum(bench: Workbench) -> Iterator[Comparison]:
    r"""The Hessian at the minimum $(t, 1/t)$ has the eigenvalues $0$ and $t^2 + t^{-2}$."""
    derivation = sharpness()
    (t,) = derivation.value.free_symbols
    yield Identity(
        "the largest eigenvalue",
        derivation=derivation,
        claimed=t**2 + 1 / t**2,
        rival=Rival("without the inverse", t**2 + 1),
    )


@claim(
    "valley.sharpness-as-printed",
    source=Source(NOTES, "first draft, eq. 2"),
    title="Equally sharp minima, as printed",
    expects={Verdict.REFUTED},
)
def equally_sharp_minima_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""Every global minimum is equally sharp: the largest eigenvalue is $2$."""
    derivation = sharpness()
    correction: sp.Expr = derivation.value
    yield Identity(
        "the largest eigenvalue",
        derivation=derivation,
        claimed=correction.subs(dict.fromkeys(correction.free_symbols, 1)),
        rival=Rival("the correction", correction),
    )


@claim("valley.flattest", source=Source(NOTES, "eq. 3"), title="The flattest minimum", expects={Verdict.CERTIFIED})
def the_flattest_minimum(bench: Workbench) -> Iterator[Comparison]:
    r"""No minimum is flatter than the balanced one: $t^2 + t^{-2} \ge 2$, here for 39 values of $t$."""
    places = [Fraction(k, 20) for k in range(1, 60) if k != 20]
    excess = [theory.Ball.exact(t**2 + 1 / t**2 - 2) for t in places]
    above_two = [theory.Ball.exact(t**2 + 1 / t**2 - Fraction(17, 4)) for t in places if Fraction(1, 2) < t < 2]
    yield Enclosure(
        "sharpness above that of the balanced minimum",
        values=excess,
        within=(0, None),
        rival=Rival("none is flatter than t = 2", above_two),
    )


def descend(*, seed: int, step: float, time: float) -> dict[str, Any]:
    """Descend from a random start; an item of `Workbench.map`: scalars in, scalars and arrays out."""
    u, v = (1 + abs(x) for x in np.random.default_rng(seed).standard_normal(2))
    balance = u * u - v * v
    for _ in range(round(time / step)):
        slope = u * v - 1
        u, v = u - step * slope * v, v - step * slope * u
    return {"drift": abs(u * u - v * v - balance), "sharpness": u * u + v * v, "end": np.array([u, v])}


@claim(
    "valley.balance",
    source=Source(NOTES, "eq. 5"),
    title="Descent keeps the balance",
    assumptions=("step sizes below 1/100",),
    expects={Verdict.SUPPORTED},
)
def descent_keeps_the_balance(bench: Workbench) -> Iterator[Comparison]:
    r"""Gradient descent changes $u^2 - v^2$ by an amount proportional to its step $\eta$."""
    steps = [0.01 / 2**k for k in range(bench.size(quick=4, standard=6, full=8))]
    seeds = bench.seeds("starts", 24)
    runs = bench.map(
        "descent", descend, [{"seed": seed, "step": step, "time": 4.0} for seed in seeds for step in steps]
    )
    drifts = np.array([run["drift"] for run in runs]).reshape(len(seeds), len(steps))
    medians = np.median(drifts, axis=0)
    bench.figure("drift", title="Drift of the balance", x=r"step $\eta$", y="drift", x_scale="log", y_scale="log").line(
        steps, medians[-1] * np.array(steps) / steps[-1], "slope 1"
    ).points(steps, medians, "median of 24 starts")
    yield Exponent(
        "drift against step",
        predicted=1.0,
        x=steps,
        y=drifts,
        absolute=0.1,
        rival=Rival("a second-order method", 2.0),
    )


@claim("valley.large-steps", source=Source(NOTES, "section 3"), title="Large steps find flat minima?", expects=OPEN)
def large_steps_find_flat_minima(bench: Workbench) -> Iterator[Comparison]:
    r"""From one start, descent with the step $0.15$ ends in a flatter minimum than with the step $0.01$."""
    seeds = bench.seeds("starts", 24)
    ends = {
        step: bench.map("ends", descend, [{"seed": seed, "step": step, "time": 30.0} for seed in seeds])
        for step in (0.01, 0.15)
    }
    flat, sharp = ([run["sharpness"] for run in ends[step]] for step in (0.15, 0.01))
    yield Ordering("sharpness where descent ends", lower=flat, higher=sharp)
