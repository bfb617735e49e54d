"""How large the second derivatives of a wide two-layer network are, and how they fall with its width."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Comparison, Exponent, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import BERNER_2022
from verify.lectures.lazy_training import CONTROL

Array = NDArray[np.float64]

WIDTHS = (64, 256, 1024, 4096)
DRAWS = 2**14
"""Units drawn at each width, in as many networks as they make."""

SMALL, INPUTS = 6, 2


def second_derivatives(seed: int, members: int) -> dict[str, Array]:
    """The Hessian of the output of small networks by automatic differentiation, beside the formulas for its entries.

    Args:
        seed: Of weights and inputs.
        members: Networks.

    Returns:
        "hessian", one matrix per member; "formula", what it should be; "mirrored", the same with the unit's second
        derivative in the place of its first and the other way round.
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    network = numerics.Mlp((INPUTS + 1, SMALL, 1), "erf", bias=False)
    theta = torch.randn(members, network.parameters, generator=source, dtype=torch.float64)
    x = torch.ones(1, INPUTS + 1, dtype=torch.float64)
    x[:, :INPUTS] = torch.randn(1, INPUTS, generator=source, dtype=torch.float64)
    moving = theta.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(network.forward(moving, x).sum(), moving, create_graph=True)
    rows = [
        torch.autograd.grad(slopes[:, place].sum(), moving, retain_graph=True)[0] for place in range(slopes.shape[1])
    ]
    found = torch.stack(rows, dim=1)
    hidden, outer = network.unflatten(theta)[0][0], network.unflatten(theta)[1][0][:, 0]
    z = hidden @ x[0]
    slope, bend = network.nonlinearity.slope(z), network.nonlinearity.bend(z)
    count = INPUTS + 1
    cases = []
    for first, second in ((slope, bend), (bend, slope)):
        matrix = torch.zeros_like(found)
        for unit in range(SMALL):
            place = slice(unit * count, (unit + 1) * count)
            mixed = first[:, unit, None] * x[0]
            matrix[:, place, place] = (outer * second)[:, unit, None, None] * torch.outer(x[0], x[0])
            matrix[:, place, SMALL * count + unit] = mixed
            matrix[:, SMALL * count + unit, place] = mixed
        cases.append(matrix.numpy())
    return {"hessian": found.numpy(), "formula": cases[0], "mirrored": cases[1]}


def mean_squares(seed: int, replicates: int) -> dict[str, Array]:
    """Mean squares of rho'(z) and of a rho''(z) over many units, at X^2 = 3, with hidden weights of two variances.

    Args:
        seed: Of the weights.
        replicates: Independent draws.

    Returns:
        One row per replicate and one column per width: "mixed" and "own" at variance 1, "mixed printed" and "own
        printed" at variance 1/n, and "softplus printed", "own printed" of softplus units.
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    unit, softplus = (numerics.Mlp((1, 1), name).nonlinearity for name in ("erf", "softplus"))
    rows: dict[str, list[Array]] = {}
    for width in WIDTHS:
        z = torch.randn(replicates, DRAWS, generator=source, dtype=torch.float64) * 3**0.5
        outer = torch.randn(replicates, DRAWS, generator=source, dtype=torch.float64) / width**0.5
        for name, arguments in (("", z), (" printed", z / width**0.5)):
            rows.setdefault(f"mixed{name}", []).append(unit.slope(arguments).square().mean(1).numpy())
            rows.setdefault(f"own{name}", []).append((outer * unit.bend(arguments)).square().mean(1).numpy())
        rows.setdefault("softplus printed", []).append((outer * softplus.bend(arguments)).square().mean(1).numpy())
    return {name: np.stack(columns, axis=1) for name, columns in rows.items()}


@claim(
    "lazy.second-derivatives",
    title="Second derivatives of a wide network: none, bounded, and of the order 1/n",
    source=Source(BERNER_2022, "section 5.2", CONTROL),
    assumptions=(
        "the network is $\\Phi(x) = \\sum_k a_k \\varrho(z_k)$, $z_k = \\langle w_k, (x, 1) \\rangle$, with $n$ units "
        "and no factor before the sum; weights are independent, $w_k \\sim N(0, v)$ and $a_k \\sim N(0, 1/n)$",
        "closed forms are for $\\varrho = \\mathrm{erf}$, orders for softplus, too, "
        "where it is named; a ReLU has no second derivative at its kink and 0 elsewhere",
    ),
    expects={Verdict.SUPPORTED},
)
def orders_of_second_derivatives(bench: Workbench) -> Iterator[Comparison]:
    r"""Of the output of a wide network the second derivatives are: for two output weights 0; for weights of two
    different units 0; and for weights of one unit, with $s = v |(x, 1)|^2$,

    $$E \Bigl( \frac{\partial^2 \Phi}{\partial a_k \partial w_{kc}} \Bigr)^2 =
      \frac{4}{\pi} \frac{x_c^2}{\sqrt{1 + 4 s}}, \qquad
      E \Bigl( \frac{\partial^2 \Phi}{\partial w_{kc} \partial w_{kb}} \Bigr)^2 =
      \frac{1}{n} \cdot \frac{16}{\pi} \frac{s \, x_c^2 x_b^2}{(1 + 4 s)^{3/2}}.$$

    At $v = 1$ these are of the orders 1 and $1/n$. At $v = 1/n$, as the lecture starts, they are of the orders 1 and
    $1/n^2$: the printed bounds hold there too, the second with a factor $1/n$ to spare. That is because the second
    derivative of erf is zero at 0; softplus units, with 1/4 there, have the order $1/n$ and nothing to spare.
    """
    import sympy as sp

    n, s, length = sp.symbols("n s X", positive=True)
    x, y = sp.symbols("x_c x_b", real=True)
    derivation = theory.lazy_second_derivatives()
    own = 16 * s * x**2 * y**2 / (sp.pi * (1 + 4 * s) ** sp.Rational(3, 2))
    yield Identity(
        "mean square for two hidden weights of one unit",
        derivation=derivation,
        claimed=own / n,
        rival=Rival("as large at every width", own),
    )
    yield Identity(
        "mean square for an output weight and a hidden weight",
        derivation=derivation,
        part="output and hidden",
        claimed=4 * x**2 / (sp.pi * sp.sqrt(1 + 4 * s)),
        rival=Rival("falling like 1/n", 4 * x**2 / (n * sp.pi * sp.sqrt(1 + 4 * s))),
    )
    yield Identity(
        "mean square for two hidden weights at the variance 1/n, times n^2, at large n",
        derivation=derivation,
        part="printed variance",
        claimed=16 * length**2 * x**2 * y**2 / sp.pi,
        rival=Rival("infinite, as if it fell like 1/n alone", 16 * length**2 * x**2 * y**2 * n / sp.pi),
    )
    (seed,) = bench.seeds("entries", 1)
    (entries,) = bench.map("entries", second_derivatives, [{"seed": seed, "members": 10}])
    yield Agrees(
        "Hessian of the output by automatic differentiation, all entries",
        measured=entries["hessian"],
        predicted=entries["formula"],
        tolerance=1e-10,
        reason="rounding",
        rival=Rival("slope and second derivative of the unit exchanged", entries["mirrored"]),
    )
    (seed,) = bench.seeds("units", 1)
    replicates = bench.size(quick=20, standard=40, full=100)
    (found,) = bench.map("units", mean_squares, [{"seed": seed, "replicates": replicates}])
    for name, words, power, rival in (
        ("mixed", "output weight and hidden weight, variance 1", 0, -1),
        ("own", "two hidden weights, variance 1", -1, 0),
        ("mixed printed", "output weight and hidden weight, variance 1/n", 0, -1),
        ("own printed", "two hidden weights, variance 1/n", -2, -1),
        ("softplus printed", "two hidden weights, variance 1/n, softplus", -1, -2),
    ):
        yield Exponent(
            f"power of the width in the mean square: {words}",
            predicted=power,
            x=WIDTHS,
            y=found[name],
            absolute=0.2,
            rival=Rival(f"a power of {rival}", rival),
        )
    figure = bench.figure(
        "orders",
        title="Mean squares of second derivatives of a wide network",
        x="units n",
        y="mean square of second derivatives",
        x_scale="log",
        y_scale="log",
        caption="Lines: the closed forms at an input of squared length 3, coordinates 1. Points: medians, with the "
        "range of all draws.",
    )
    fine = np.geomspace(WIDTHS[0], WIDTHS[-1], 12)
    for name, words, variance in (
        ("mixed", "output and hidden, variance 1", np.ones_like(fine)),
        ("own", "two hidden, variance 1", np.ones_like(fine)),
        ("own printed", "two hidden, variance 1/n", 1 / fine),
    ):
        spread = 3 * variance
        law = 4 / np.pi / np.sqrt(1 + 4 * spread)
        if name != "mixed":
            law = 16 * spread / (np.pi * fine * (1 + 4 * spread) ** 1.5)
        figure.line(fine, law, f"{words}, formula")
        middle = np.median(found[name], axis=0)
        ends = [middle - found[name].min(axis=0), found[name].max(axis=0) - middle]
        figure.points(WIDTHS, middle, f"{words}, measured", ends)
