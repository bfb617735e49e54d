"""One hidden layer made wider: what that adds to the Hessian at zero loss, and where its largest eigenvalue goes."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import theory
from verify import (
    OPEN,
    Agrees,
    AtLeast,
    Comparison,
    Identity,
    Ordering,
    Rival,
    Source,
    Verdict,
    Workbench,
    claim,
)
from verify.bibliography import COOPER_2021
from verify.claims.hessian.zero_loss import (
    COUNT,
    GENERIC,
    NO_LOSS,
    counts_at_zero_loss,
    largest_at_zero_loss,
    weights_of,
    widths_of,
)
from verify.lectures.curvature import OPEN_QUESTIONS

# the place of the widened layer, the incoming and outgoing weights of each of its units, and the weights elsewhere
WIDENED = {
    "one hidden layer, tanh": {"widths": "4 {} 2", "activation": "tanh", "samples": 12, "d": 4, "u": 2, "r": 2},
    "second of two hidden layers, tanh": {
        "widths": "4 8 {} 2",
        "activation": "tanh",
        "samples": 12,
        "d": 8,
        "u": 2,
        "r": 42,
    },
    "one hidden layer, ReLU": {"widths": "6 {} 2", "activation": "relu", "samples": 8, "d": 6, "u": 2, "r": 2},
}
TOGETHER = 32  # data sets in one batch
WIDTHS = {
    "one hidden layer, tanh": (8, 12, 16, 24, 32),
    "second of two hidden layers, tanh": (8, 12, 16, 24),
    "one hidden layer, ReLU": (24, 32, 40),
}


@claim(
    "hessian.one-wider-layer",
    title="One wider hidden layer, at zero loss",
    source=Source(COOPER_2021, "the dimension of the set of global minima", OPEN_QUESTIONS),
    assumptions=(GENERIC, NO_LOSS, "squared error, no unit on a kink at a sample"),
    expects={Verdict.SUPPORTED},
)
def one_wider_layer(bench: Workbench) -> Iterator[Comparison]:
    r"""How does the over-parametrisation of a hidden layer affect the Hessian at a minimum? Its rank cannot grow beyond
    the $Nk$ residuals. So once a network is wide enough to fit $N$ generic samples at full rank, it has at zero loss

    $$P - N k \text{ zero eigenvalues}, \qquad P = r + n (d + 1 + u),$$

    with $n$ units in the layer, each of $d$ incoming weights, one bias and $u$ outgoing weights, and $r$ weights
    elsewhere. Each weight that a new unit brings is one more zero eigenvalue, and none is positive. These are far more
    zeros than the symmetries of the network can account for: rescaling gives one for each ReLU unit, and none for a
    tanh unit.
    """
    import sympy as sp

    derivation = theory.wider_layer()
    symbols = derivation.symbols
    incoming, bias, outgoing = (symbols[name] for name in ("d", "a", "u"))
    yield Identity(
        "zero eigenvalues that one more unit adds",
        derivation=derivation,
        part="unit",
        claimed=incoming + bias + outgoing,
        rival=Rival("one, its rescaling", sp.Integer(1)),
    )
    networks = bench.size(quick=20, standard=80, full=160)
    figure = bench.figure(
        "zeros-by-width",
        title="Eigenvalues at zero loss while one layer is widened",
        x="weights $P$ of the network",
        y="number of eigenvalues",
        caption="Medians of the counts over trained networks; from left to right the layer has more units. Lines: "
        "$P - Nk$, on which each further weight is a further zero. Tanh networks with one and with two hidden layers.",
    )
    measured, predicted, rescalings, dropped = [], [], [], 0
    drawn: dict[str, dict[str, list[float]]] = {}
    for name, case in WIDENED.items():
        widths = WIDTHS[name]
        samples = int(str(case["samples"]))
        results = bench.map(
            name.replace(",", ""),
            counts_at_zero_loss,
            [
                {
                    "seed": seed,
                    "networks": networks,
                    "widths": str(case["widths"]).format(width),
                    "activation": case["activation"],
                    "samples": samples,
                    "device": bench.device,
                }
                for width, seed in zip(widths, bench.seeds(name, len(widths)), strict=True)
            ],
        )
        sizes: dict[str, Any] = {name: case[name] for name in ("d", "u", "r")} | {"a": 1, "N": samples, "k": 2}
        zeros = [float(derivation.at(n=width, **sizes)) for width in widths]
        for width, zero, result in zip(widths, zeros, results, strict=True):
            fitted = result["fitted"]
            measured.append(result["zero"][fitted])
            predicted.append(np.full(int(fitted.sum()), zero))
            rescalings.append(np.full(int(fitted.sum()), float(width)))
            dropped += int((~fitted).sum())
        total = [weights_of(widths_of(str(case["widths"]).format(width))) for width in widths]
        kind = "tanh, $Nk = 24$" if case["activation"] == "tanh" else "ReLU, $Nk = 16$"
        row = drawn.setdefault(kind, {"total": [], "predicted": [], "zero": [], "positive": []})
        row["total"] += total
        row["predicted"] += zeros
        for count in ("zero", "positive"):
            row[count] += [float(np.median(result[count])) for result in results]
    for kind, row in drawn.items():
        order = np.argsort(row["total"])
        figure.line(np.array(row["total"])[order], np.array(row["predicted"])[order], f"$P - Nk$, {kind}")
        figure.points(row["total"], row["zero"], f"zero, {kind}").points(
            row["total"], row["positive"], f"positive, {kind}"
        )
    yield Agrees(
        "zero eigenvalues of trained networks, a layer of theirs widened by factors up to four",
        measured=np.concatenate(measured),
        predicted=np.concatenate(predicted),
        tolerance=0,
        reason=COUNT,
        rival=Rival("one for each unit of the layer, its rescaling", np.concatenate(rescalings)),
        dropped=dropped,
    )


@claim(
    "hessian.one-wider-layer-top-eigenvalue",
    title="Does the largest eigenvalue at zero squared error grow with the width of one layer?",
    source=Source(printed=OPEN_QUESTIONS),
    assumptions=(GENERIC, NO_LOSS, "squared error with the factor 1/2, mean over samples, sum over outputs"),
    expects=OPEN,
)
def one_wider_layer_top_eigenvalue(bench: Workbench) -> Iterator[Comparison]:
    r"""Does the largest eigenvalue of the Hessian at zero squared error grow when one hidden layer is widened, on the
    same data? SUPPORTED means that it does, in all the networks tried. Two effects compete. The derivatives of the
    outputs by the outgoing weights of the layer are its activations, so that the sum of their squares grows with the
    number of units: were the units still as they were at the start, the largest eigenvalue would be in proportion to
    their number. But a narrow layer has to move its weights further to fit, which makes its Jacobian larger.

    Asked here: does the largest eigenvalue rise in most of the data sets over widths that differ by a factor of eight
    or more; and is it at the widest at least double that at the narrowest?

    This is another question than that of `hessian.width-grows-the-bulk`, after Sagun et al., where the large
    eigenvalues hardly change: there the loss is cross-entropy and networks are compared at equal loss, above zero;
    here it is squared error, at zero loss on fixed data. The two answers do not contradict each other.
    """
    networks = bench.size(quick=64, standard=192, full=384)
    windows = bench.size(
        quick=((16, 32, 64, 128, 256), (64, 128, 256, 512)),
        standard=((16, 32, 64, 128, 256, 512), (64, 128, 256, 512, 1024)),
        full=((16, 32, 64, 128, 256, 512, 1024), (64, 128, 256, 512, 1024, 2048)),
    )
    figure = bench.figure(
        "largest-by-width",
        title="Largest eigenvalue at zero loss against the width of one layer",
        x="units in the layer",
        y="largest eigenvalue",
        x_scale="log",
        y_scale="log",
        caption="Medians over data sets, bars from the lower to the upper quartile. The straight line is in proportion "
        "to the width, as in the limit in which units do not move.",
    )
    for name, case in WIDENED.items():
        widths = windows[1] if case["activation"] == "relu" else windows[0]
        seeds = bench.seeds(f"data, {name}".replace(",", ""), networks // TOGETHER)
        items = [
            {
                "seed": seed,
                "networks": TOGETHER,
                "widths": str(case["widths"]).format(width),
                "activation": case["activation"],
                "samples": case["samples"],
                "device": bench.device,
            }
            for width in widths
            for seed in seeds
        ]
        parts = bench.map(name.replace(",", ""), largest_at_zero_loss, items)
        results = [
            {key: np.concatenate([part[key] for part in parts[start : start + len(seeds)]]) for key in parts[0]}
            for start in range(0, len(parts), len(seeds))
        ]
        fitted = np.all([result["fitted"] for result in results], axis=0)
        largest = np.stack([result["largest"] for result in results], axis=1)[fitted]
        dropped = int((~fitted).sum())
        yield Ordering(
            f"{name}: the largest eigenvalue rises with the width, {widths[0]} to {widths[-1]} units",
            trend=largest,
            direction="increasing",
            dropped=dropped,
        )
        yield AtLeast(
            f"{name}: the largest eigenvalue at {widths[-1]} units over that at {widths[0]}",
            bound=2.0,
            replicates=largest[:, -1] / largest[:, 0],
            rival=Rival("no growth, or a fall", 1.0),
            dropped=dropped,
        )
        lower, middle, upper = np.quantile(largest, (0.25, 0.5, 0.75), axis=0)
        figure.line(widths, middle, name).points(widths, middle, name, errors=[middle - lower, upper - middle])
    span = np.array([windows[0][0], windows[1][-1]], dtype=np.float64)
    figure.line(span, 2 * span / span[0], "in proportion")
