"""Critical points with zero units: how the index grows when units without weights are appended.

Conventions: n-n-n networks W2 f(W1 x) without biases and without weight decay, f = tanh; a zero unit has only zero
weights into and out of it, r units are active.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

import numerics
import theory
from verify import Agrees, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import PENNINGTON_BAHRI_2017
from verify.claims.index.found_points import FIGURE_6, MEMORISATION

CUT: Final = 1e-10  # of the spectral radius: below it eigenvalues count as zero


def grown_points(
    width: int, active: int, samples: int, seed: int, draws: int, starts: int, device: str
) -> Mapping[str, Any]:
    """Find critical points of n-r-n tanh networks, append n - r zero units, and count the eigenvalues of both.

    Returns:
        ``before``: index with r units; ``negative``, ``zero`` and ``positive``: of the grown network; ``gradient``: its
        gradient norm over that of the zero network; for the zero network of each draw ``zero_negative``.
    """
    import torch

    found = numerics.sample_critical_points(
        widths=(width, active, width),
        samples=samples,
        activation="tanh",
        weight_decay=0.0,
        seed=seed,
        draws=draws,
        starts=starts,
        aim="below",
        device=device,
    )
    kept = found["fresh"]
    theta, draw = found["theta"][kept], found["draw"][kept]
    x, y = numerics.gaussian_memorisation(
        inputs=width, outputs=width, samples=samples, seeds=[seed + number for number in range(draws)], device=device
    )
    first = theta.new_zeros(len(theta), width, width)
    second = torch.zeros_like(first)
    first[:, :active] = theta[:, : active * width].reshape(-1, active, width)
    second[:, :, :active] = theta[:, active * width :].reshape(-1, width, active)
    grown = torch.cat([first.flatten(1), second.flatten(1)], dim=1)
    network, loss = numerics.Mlp((width, width, width), "tanh", bias=False), numerics.SquaredError(prefactor=0.5)
    zero = numerics.inertia(
        numerics.dense_hessian(network, torch.zeros_like(x.new_empty(draws, 2 * width**2)), x, y, loss).total,
        tolerance=CUT,
    )
    counts = numerics.inertia(numerics.dense_hessian(network, grown, x[draw], y[draw], loss).total, tolerance=CUT)
    grown.requires_grad_()
    values = loss.value(network.forward(grown, x[draw]), y[draw])
    (slope,) = torch.autograd.grad(values.sum(), grown)
    return {
        "before": found["index"][kept],
        "negative": counts.negative,
        "zero": counts.unresolved,
        "positive": counts.positive,
        "gradient": slope.norm(dim=1),
        "zero_negative": zero.negative,
        "searches": draws * starts,
    }


@claim(
    "index.dead-unit-chain",
    title="Every zero unit adds n negative eigenvalues, without decay",
    source=Source(PENNINGTON_BAHRI_2017, "the networks of figure 6; the statement is this project's", FIGURE_6),
    assumptions=(
        MEMORISATION,
        "$f(0) = 0$, $f'(0) \\ne 0$, $f$ twice differentiable, as for tanh",
        "no weight decay: with decay $\\lambda$ a zero unit adds only as many negative eigenvalues as $E X^T/m$ has "
        "singular values above $\\lambda/|f'(0)|$, and the other claims on tanh networks have a decay",
        "with the residuals $E$, $E X^T$ has full rank",
    ),
    expects={Verdict.SUPPORTED},
)
def dead_unit_chain(bench: Workbench) -> Iterator[Comparison]:
    r"""Append $n - r$ zero units, whose weights all vanish, to a critical point of a network with $r$ active units.
    The point of the $n$-$n$-$n$ network is critical, and its index is

    $$\mathrm{index} = \mathrm{index}_r + n (n - r).$$

    So critical points of small networks are saddles of large ones (Fukumizu and Amari, 2000, embed them with other
    weights too). The zero network, $r = 0$, has
    $\alpha = \mathrm{index}/(2n^2) = 1/2$, at the energy $1/2$.
    """
    from sympy import Rational

    derivation = theory.dead_unit_index()
    square = derivation.parts["square"].rhs
    symbols = {symbol.name: symbol for symbol in square.free_symbols}
    n, r, before = symbols["n"], symbols["r"], symbols["index_r"]
    yield Identity(
        "the index with n - r zero units",
        derivation=derivation,
        part="square",
        claimed=before + n * (n - r),
        rival=Rival("one negative eigenvalue a zero unit", before + n - r),
    )
    yield Identity(
        "the fraction of negative eigenvalues of the zero network",
        derivation=derivation,
        part="zero alpha, square",
        claimed=Rational(1, 2),
        rival=Rival("all of them", Rational(1)),
    )
    width, samples, draws, starts = bench.size(quick=(4, 16, 10, 2), standard=(6, 24, 20, 4), full=(8, 32, 40, 6))
    active = tuple(range(1, width))
    items = [
        {
            "width": width,
            "active": units,
            "samples": samples,
            "seed": seed,
            "draws": draws,
            "starts": starts,
            "device": bench.device,
        }
        for units, seed in zip(active, bench.seeds("data", len(active)), strict=True)
    ]
    results = bench.map("grown points", grown_points, items)
    column = {
        name: np.concatenate([np.asarray(result[name]) for result in results])
        for name in ("before", "negative", "zero", "positive", "gradient", "zero_negative")
    }
    added = np.concatenate(
        [np.full(len(result["before"]), width * (width - units)) for units, result in zip(active, results, strict=True)]
    )
    searches = sum(result["searches"] for result in results)
    yield Agrees(
        f"gradient norm with zero units, at {len(added)} distinct critical points, found by {searches} searches",
        measured=column["gradient"],
        predicted=0.0,
        tolerance=1e-8,
        reason="a relative gradient norm of at most 1e-9 at points of energy of order one",
        rival=Rival("as large as the weights are moved", 1.0),
    )
    yield Agrees(
        f"index of the same points, 1 to {width - 1} active units of {width}",
        measured=column["negative"],
        predicted=column["before"] + added,
        tolerance=0,
        reason=f"a count of eigenvalues beyond {CUT:g} of the radius",
        rival=Rival("unchanged", column["before"]),
    )
    yield Agrees(
        "zero eigenvalues of the same points: none, as many positive as negative ones are added",
        measured=column["zero"],
        predicted=0,
        tolerance=0,
        reason=f"a count of eigenvalues within {CUT:g} of the radius",
        rival=Rival("all those of zero units", 2 * added),
    )
    yield Agrees(
        "negative eigenvalues of the zero network, one draw of the data each",
        measured=column["zero_negative"],
        predicted=width**2,
        tolerance=0,
        reason=f"a count of eigenvalues beyond {CUT:g} of the radius",
        rival=Rival("all of them", 2 * width**2),
    )
