"""What convexity says of local minima, what the sign of the Hessian alone does not, and that risks are not convex."""

from collections.abc import Iterator
from typing import Any

import theory
from verify import Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import BERNER_2022
from verify.lectures.local_minima import CONVEX, LOCAL_SHAPE, PROBLEMS


@claim(
    "level-sets.convexity-classes",
    title="Local minima of convex functions are global, and one negative curvature rules convexity out",
    source=Source(BERNER_2022, "section 1.2", CONVEX),
    assumptions=("the function is defined on all of $R^n$; for the second part it is three times differentiable",),
    expects={Verdict.PROVED},
)
def convexity_classes(bench: Workbench) -> Iterator[Comparison]:
    r"""Let $f$ be convex and $f(y) < f(x)$. Then $f((1 - t) x + t y) \le f(x) - t\, (f(x) - f(y))$: there are lower
    points as near to $x$ as one likes, so that every local minimum of a convex function is global. A function whose
    Hessian has a negative eigenvalue $-c$ at one point is not convex: along that direction the mean of $f$ at distance
    $t$ on both sides is less than $f$ in the middle, by $c t^2/2$ to second order.
    """
    import sympy as sp

    value, drop, t, curvature = sp.symbols("F d t c", positive=True)
    yield Identity(
        "bound of f between x and a lower point",
        derivation=theory.convex_local_minimum(),
        claimed=value - t * drop,
        rival=Rival("the height of x: nothing lower near x", value),
    )
    yield Identity(
        "mean on both sides less the middle, along a direction of negative curvature",
        derivation=theory.indefinite_chord(),
        claimed=-curvature * t**2 / 2,
        rival=Rival("that of a convex function: not negative", curvature * t**2 / 2),
    )


@claim(
    "level-sets.example-midpoint",
    title="The risk of a network is not convex: two minimisers, their midpoint, and a way around it",
    source=Source(BERNER_2022, "example 1.20", PROBLEMS),
    assumptions=(
        "the network is $\\theta_1 \\max(0, \\theta_3 x + \\theta_5) + \\theta_2 \\max(0, \\theta_4 x + \\theta_6)$; "
        "the risk is the mean of the squared errors on the sample $((-1, 0), (1, 1))$, without a half",
    ),
    expects={Verdict.PROVED},
)
def example_midpoint(bench: Workbench) -> Iterator[Comparison]:
    r"""The parameters $(1, -1, 1, 1, 1, 0)$ and $(-1, 1, 1, 1, 0, 1)$ are the same function
    $\max(0, x + 1) - \max(0, x)$, of risk 0; their midpoint $(0, 0, 1, 1, \frac12, \frac12)$ is the function 0, of
    risk $\frac12$. So the risk is not convex in the parameters. It does not follow that its level sets are
    disconnected: five segments lead from the one minimiser to the other, on which the risk is 0 throughout.
    """
    yield Identity(
        "risk at the midpoint",
        derivation=theory.equal_networks_midpoint(),
        claimed=_rational(1, 2),
        rival=Rival("at most 0, as for a convex risk", _rational(0)),
    )
    yield Identity(
        "risk on the way around it",
        derivation=theory.equal_networks_midpoint(),
        part="on the polyline",
        claimed=_rational(0),
        rival=Rival("that of the midpoint: disconnected", _rational(1, 2)),
    )


@claim(
    "level-sets.positive-definite-as-printed",
    title="One minimiser where the Hessian is positive definite, as printed",
    source=Source(printed=LOCAL_SHAPE),
    assumptions=("the Hessian is positive definite at every point",),
    expects={Verdict.REFUTED},
    right="There is *at most* one minimiser; that there is one takes more, such as growth at infinity.",
    flaw="overstatement",
)
def positive_definite_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: a function whose Hessian is positive definite is convex and has a single global minimum and a unique
    minimiser.

    (It is strictly convex, and has at most one: between two minimisers it would lie below its least value. But it may
    have none: $e^x$ has a positive second derivative everywhere, and comes as near to 0 as one likes without taking
    that value.)
    """
    yield Identity(
        "number of minimisers of $e^x$, as if there were one",
        derivation=theory.positive_curvature_without_minimiser(),
        claimed=_rational(1),
        rival=Rival("none", _rational(0)),
    )


@claim(
    "level-sets.positive-semidefinite-as-printed",
    title="Several minimisers where the Hessian is positive semidefinite, as printed",
    source=Source(printed=LOCAL_SHAPE),
    assumptions=("the Hessian is positive semidefinite at every point, and singular at some",),
    expects={Verdict.REFUTED},
    right="The minimisers form a convex set, which may be a single point, or empty.",
    flaw="overstatement",
)
def positive_semidefinite_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: a function whose Hessian is positive semidefinite has a single global minimum and, because of the
    null space, more than one minimiser.

    (The Hessian and its null space describe the function to second order only. That of $x^4 + y^2$ has a null space of
    dimension one at its only minimiser; and the function $x$, whose Hessian is zero everywhere, has the slope 1, and no
    minimiser at all.)
    """
    yield Identity(
        "dimension of the minimisers of $x^4 + y^2$, as that of the null space of the Hessian",
        derivation=theory.flat_minimiser(),
        claimed=_rational(1),
        rival=Rival("zero: a single point", _rational(0)),
    )
    yield Identity(
        "slope of the function $x$, as at a minimiser",
        derivation=theory.flat_minimiser(),
        part="slope",
        claimed=_rational(0),
        rival=Rival("one, everywhere", _rational(1)),
    )


def _rational(top: int, bottom: int = 1) -> Any:
    """A rational number as a formula."""
    import sympy as sp

    return sp.Rational(top, bottom)
