"""What connected level sets, or paths that never rise, exclude: strict local minima only."""

from collections.abc import Iterator

import theory
from verify import Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import FREEMAN_BRUNA_2017
from verify.lectures.level_sets import PATHS


@claim(
    "level-sets.monotone-path-as-printed",
    title="Paths that never rise exclude local minima that are not global, as printed",
    source=Source(FREEMAN_BRUNA_2017, "section 2", PATHS),
    assumptions=("the function is continuous, its local minima need not be strict",),
    expects={Verdict.REFUTED},
    right="Every *strict* local minimum is global; plateaus need not be.",
    flaw="overstatement",
)
def monotone_path_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: if a path along which the risk does not increase leads from every point to a global minimum, or if
    all sublevel sets are connected, then every local minimum is global.

    (Every *strict* local minimum is. Otherwise take the function that is $-x$ for $x \le 0$, $0$ for $0 \le x \le 1$,
    $1 - x$ for $1 \le x \le 2$ and $-1$ beyond. It never rises, so that all sublevel sets are half-lines and every path
    to the right ends at the global minimum, of value $-1$; and yet all points between 0 and 1 are local minima, of
    value 0.)
    """
    import sympy as sp

    yield Identity(
        "value of the local minima between 0 and 1, as that of the global one",
        derivation=theory.plateau_counterexample(),
        claimed=sp.Integer(-1),
        rival=Rival("higher by one", sp.Integer(0)),
    )
