"""The rank of the Hessian where a network fits its data exactly."""

from collections.abc import Iterator

import numpy as np

import theory
from verify import Agrees, Bounds, Comparison, Control, Exponent, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import SAGUN_2018
from verify.claims.hessian.zero_loss import (
    COUNT,
    GENERIC,
    NO_LOSS,
    counts_at_zero_loss,
    cross_entropy_ranks,
    parts_near_zero_loss,
    weights_of,
    widths_of,
)
from verify.lectures.curvature import OPEN_QUESTIONS

# widths, activation, samples: all with more weights than residuals
NETWORKS = (("4 12 1", "tanh", 20), ("4 12 2", "tanh", 12), ("4 10 8 2", "tanh", 12), ("6 32 2", "relu", 8))


@claim(
    "hessian.rank-at-interpolation",
    title="Rank of the Hessian at zero loss",
    source=Source(SAGUN_2018, "the generalised Gauss-Newton decomposition, for one output", OPEN_QUESTIONS),
    assumptions=(GENERIC, NO_LOSS, "no unit on a kink at a sample"),
    expects={Verdict.SUPPORTED},
)
def rank_at_interpolation(bench: Workbench) -> Iterator[Comparison]:
    r"""Let a network with $k$ outputs and $P$ weights fit $N$ samples exactly, with squared error. Then the residual
    part of its Hessian vanishes, the Gauss-Newton part is left, and with the Jacobian $J$ of all $Nk$ outputs

    $$\operatorname{rank} H = \operatorname{rank} J \le N k.$$

    No eigenvalue is negative. On generic data, with curved units and enough weights, exactly $Nk$ are positive, not $N$
    as for one output, and the $P - Nk$ others are zero. The bound need not be reached: linear units stop at outputs
    times inputs, the bias counted as an input. Nearby, the residual part is in proportion to the square root of the
    loss.

    With cross-entropy and hard labels there is no such point: at finite weights the derivative of the loss by the
    output of the label is $p - 1 < 0$. Its Gauss-Newton part has rank at most $N (k - 1)$, because adding one number to
    all the outputs of a sample changes nothing.
    """
    derivation = theory.interpolation_rank()
    symbols = derivation.symbols
    samples, outputs = symbols["N"], symbols["k"]
    yield Identity(
        "the rank at zero squared error, at full rank of J",
        derivation=derivation,
        claimed=samples * outputs,
        rival=Rival("the number of samples", samples),
    )
    yield Identity(
        "the rank of the Gauss-Newton part with cross-entropy",
        derivation=derivation,
        part="cross-entropy",
        claimed=samples * outputs - samples,
        rival=Rival("samples times outputs, as with squared error", samples * outputs),
    )
    networks = bench.size(quick=24, standard=96, full=160)
    items = [
        {"networks": networks, "widths": widths, "activation": activation, "samples": count, "device": bench.device}
        for widths, activation, count in (*NETWORKS, ("4 8 2", "linear", 12))
    ]
    seeds = bench.seeds("networks", len(items))
    results = bench.map(
        "fitted networks", counts_at_zero_loss, [i | {"seed": s} for i, s in zip(items, seeds, strict=True)]
    )
    residuals = np.array([count * widths_of(widths)[-1] for widths, _, count in NETWORKS], dtype=np.float64)
    curved, fitted = results[:-1], [result["fitted"] for result in results]
    positive, zero, negative = (
        np.concatenate([result[name][result["fitted"]] for result in curved])
        for name in ("positive", "zero", "negative")
    )
    each = np.concatenate([np.full(int(mask.sum()), value) for mask, value in zip(fitted, residuals, strict=False)])
    alone = np.concatenate(
        [np.full(int(mask.sum()), float(count)) for mask, (_, _, count) in zip(fitted, NETWORKS, strict=False)]
    )
    weights = np.concatenate(
        [
            np.full(int(mask.sum()), float(weights_of(widths_of(w))))
            for mask, (w, _, _) in zip(fitted, NETWORKS, strict=False)
        ]
    )
    dropped = int(sum((~mask).sum() for mask in fitted[:-1]))
    yield Agrees(
        "positive eigenvalues at zero loss: tanh networks with one and two outputs, one with two layers, ReLU networks",
        measured=positive,
        predicted=each,
        tolerance=0,
        reason=COUNT,
        rival=Rival("one for each sample", alone),
        dropped=dropped,
    )
    yield Agrees(
        "zero eigenvalues of the same networks",
        measured=zero,
        predicted=weights - each,
        tolerance=0,
        reason=COUNT,
        rival=Rival("none: full rank", 0.0),
        dropped=dropped,
    )
    yield Bounds(
        "negative and positive eigenvalues together, linear networks too, over the number of residuals",
        smaller=np.concatenate([(positive + negative) / each, results[-1]["positive"][fitted[-1]] / 24]),
        larger=1.0,
        tolerance=0,
        reason=COUNT,
        rival=Rival("at most one for each sample", np.concatenate([alone / each, np.full(int(fitted[-1].sum()), 0.5)])),
        dropped=dropped + int((~fitted[-1]).sum()),
    )
    yield Agrees(
        "positive eigenvalues of linear networks 4-8-2 that fit 12 samples: 4 inputs and a bias, times 2 outputs",
        measured=results[-1]["positive"][fitted[-1]],
        predicted=10.0,
        tolerance=0,
        reason=COUNT,
        rival=Rival("samples times outputs, as for curved units", 24.0),
        dropped=int((~fitted[-1]).sum()),
    )
    distances = (1e-5, 1e-4, 1e-3)
    (near,) = bench.map(
        "away from zero loss",
        parts_near_zero_loss,
        [items[1] | {"seed": bench.seeds("walks", 1)[0], "distances": " ".join(map(repr, distances))}],
    )
    yield Exponent(
        "the residual part against the distance from zero loss, where the loss is quadratic",
        predicted=1,
        x=distances,
        y=near["residual"][near["fitted"]],
        absolute=0.05,
        rival=Rival("in proportion to the loss", 2),
        control=Control(2, near["loss"][near["fitted"]]),
        dropped=int((~near["fitted"]).sum()),
    )
    (softmax,) = bench.map(
        "cross-entropy",
        cross_entropy_ranks,
        [
            {
                "seed": bench.seeds("cross-entropy", 1)[0],
                "networks": networks,
                "widths": "4 12 3",
                "samples": 8,
                "device": bench.device,
            }
        ],
    )
    yield Agrees(
        "positive eigenvalues of the Gauss-Newton part with cross-entropy, tanh networks 4-12-3 on 8 samples",
        measured=softmax["positive"],
        predicted=16.0,
        tolerance=0,
        reason=COUNT,
        rival=Rival("samples times outputs, as with squared error", 24.0),
    )
    figure = bench.figure(
        "staircase",
        title="Eigenvalues at zero loss, in order",
        x="number of the eigenvalue",
        y="size, over the largest",
        y_scale="log",
        caption="One network of each kind. With squared error, at zero loss: $Nk$ eigenvalues, then rounding. With "
        "cross-entropy, the Gauss-Newton part: $N(k - 1)$. Upright lines stand at these numbers.",
    )
    shown = [
        ("tanh 4-12-1, $N k = 20$", curved[0]["spectrum"], 20),
        ("tanh 4-12-2, $N k = 24$", curved[1]["spectrum"], 24),
        ("cross-entropy, tanh 4-12-3, $N(k - 1) = 16$", softmax["spectrum"], 16),
    ]
    for label, spectrum, bound in shown:
        sizes = np.abs(spectrum) / np.abs(spectrum).max()
        sizes = np.sort(np.maximum(sizes, 1e-17))[::-1][:48]
        figure.points(np.arange(1, len(sizes) + 1), sizes, label)
        figure.segments([bound + 0.5], [1e-17], [bound + 0.5], [1.0], f"at {bound}")
