"""The four assumptions of the random-matrix model, tried on networks after training and on the ideal ones.

Conventions. Every measure has a value that is exact if the assumption holds, at every width: for normal W (n x n) and
E (m x n) moments of the spectra of W W' and E E' over powers of their traces do not depend on the traces, so that the
mean of the quotient is the quotient of the means.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

import theory
from verify import OPEN, AtLeast, AtMost, Comparison, Equals, Rival, Slide, Source, Workbench, claim
from verify.bibliography import PENNINGTON_BAHRI_2017
from verify.claims.spectrum.freeness import traces
from verify.claims.spectrum.networks import networks_with_residuals, over_networks, trained_networks
from verify.claims.spectrum.spectra import Array
from verify.sources import OXFORD_C65

if TYPE_CHECKING:
    import torch

MODEL_SLIDE = Slide(OXFORD_C65, "One can interpret properties of the landscape through the Hessian")
TRAINED = 80  # networks of the largest width
SAMPLES_PER_INPUT = 4  # phi = 2n/m = 1/2
KINDS = {"linear": "linear", "relu": "ReLU", "tanh": "tanh"}
ENERGY = 0.3
DATA = "standard normal inputs and targets, $\\phi = 1/2$"
FIGURES = {
    "overlap": ("Overlap of the layers", "overlap of $W_1 W_1^T$ and $W_2^T W_2$"),
    "weights": ("Spread of the weights' singular values", "second moment of $W_1 W_1^T$ over the expected"),
    "share": ("Residuals in the span of the inputs", "share over $n/m$"),
    "freeness": ("Mixed moment of the two parts of the Hessian", "over its value for free parts"),
}


@claim(
    "spectrum.assumptions-on-trained-nets",
    title="The model's four assumptions at critical points",
    source=Source(PENNINGTON_BAHRI_2017, "the assumptions of the model", printed=MODEL_SLIDE),
    assumptions=("linear and tanh networks at critical points (tanh with weight decay 0.001)", DATA),
    expects=OPEN,
)
def assumptions_on_trained_nets(bench: Workbench) -> Iterator[Comparison]:
    r"""The random-matrix model takes for granted that weights are independent normal variables, that data are
    independent, that residuals are normal and independent of the data, and that $H_0$ and $H_1$ are freely independent.
    At critical points, is that so? Measured, against their values under the assumption:

    - weights: the excess kurtosis of each layer's entries, 0; the second moment of $W_1 W_1^T$ over the square of its
      first, $(2n^2 + n)/(n^2 + 2)$ if the entries are independent and normal; and
      $n\,\mathrm{tr}(W_1 W_1^T W_2^T W_2) / (\mathrm{tr}\,W_1 W_1^T\, \mathrm{tr}\,W_2^T W_2)$, 1 if the layers are
      independent;
    - residuals: their excess kurtosis, 0; the second moment of $E E^T$ over the square of its first,
      $n(n + m + 1)/(nm + 2)$ if they are independent of each other; and the share of their square that lies in the span
      of the inputs, $n/m$ if they are independent of the inputs;
    - $\mathrm{tr}(H_0 H_1 H_0 H_1)$ against its value for free matrices, which ideal networks exceed too.

    Two reasons are known. At a critical point the gradient vanishes: for linear units with invertible $W_2$ this means
    $E X^T = 0$, no residual in the span of the inputs, and $H_1 = 0$; for tanh units $E$ is orthogonal to the
    activations, which go along with the inputs. And random targets leave little to explain, so that training makes the
    product $W_2 W_1$ small, by turning the large directions of one layer away from those of the other. No independence
    of whole laws is tested, only these moments.
    """
    yield from _try(bench, ("linear", "tanh"))
    for kind in ("linear", "relu"):
        width = _widths(bench)[-1]
        measured = over_networks(bench, f"{kind} random", departures, TRAINED, kind=kind, trained=False, **_size(width))
        yield from _of_weights(f"control, random {KINDS[kind]} networks", measured, width, 0)


@claim(
    "spectrum.assumptions-after-descent",
    title="The model's four assumptions after gradient descent",
    source=Source(PENNINGTON_BAHRI_2017, "the assumptions of the model", printed=MODEL_SLIDE),
    assumptions=(
        "ReLU networks after 3000 steps of gradient descent, which are not critical points: minima lie on kinks",
        DATA,
    ),
    expects=OPEN,
)
def assumptions_after_descent(bench: Workbench) -> Iterator[Comparison]:
    r"""The four assumptions of the random-matrix model, measured as at critical points, on ReLU networks that gradient
    descent has trained. Its gradient is small and not zero, so that residuals in the span of the inputs are few, as far
    as the activations go along with the inputs.
    """
    yield from _try(bench, ("relu",))


def _widths(bench: Workbench) -> tuple[int, ...]:
    largest = bench.size(quick=8, standard=12, full=16)
    return largest // 2, 3 * largest // 4, largest


def _size(width: int) -> dict[str, int]:
    return {"width": width, "samples": SAMPLES_PER_INPUT * width}


def _try(bench: Workbench, kinds: Sequence[str]) -> Iterator[Comparison]:
    """Measure networks of three widths, compare those of the largest, and draw how the medians drift with the width."""
    widths = _widths(bench)
    figures = {
        name: bench.figure(
            name,
            title=f"{title}, $\\phi = 1/2$",
            x="width $n$",
            y=label,
            caption="Medians and middle halves over trained networks. The horizontal line is the assumption's value."
            + (" The upper line is the exact mean of ideal ReLU networks." if name == "freeness" else ""),
        )
        for name, (title, label) in FIGURES.items()
    }
    for figure in figures.values():
        figure.line([widths[0], widths[-1]], [1.0, 1.0], "as assumed")
    for kind in kinds:
        drawn: dict[str, list[Array]] = {name: [] for name in FIGURES}
        for width in widths:
            count = TRAINED if width == widths[-1] else TRAINED // 4
            purpose = f"{kind} trained of width {width}"
            measured = over_networks(bench, purpose, departures, count, kind=kind, trained=True, **_size(width))
            arrived = measured["converged"] > 0 if kind != "relu" else np.ones(count, dtype=bool)
            kept = {key: values[arrived] for key, values in measured.items()}
            for name in FIGURES:
                scale = _independent_moment(width) if name == "weights" else 1.0
                drawn[name].append(np.quantile(kept[name] / scale, [0.25, 0.5, 0.75]))
        dropped = int((~arrived).sum())
        label = f"{KINDS[kind]}, n = {widths[-1]}"
        yield from _of_weights(label, kept, widths[-1], dropped)
        yield from _of_residuals(label, kept, widths[-1], dropped)
        if kind != "linear":
            yield from _of_freeness(label, kept, dropped)
        for name, figure in figures.items():
            if kind == "linear" and name in ("share", "freeness"):
                continue  # 0 at every critical point
            low, middle, high = np.array(drawn[name]).T
            figure.points(widths, middle, KINDS[kind], errors=np.stack([middle - low, high - middle]))
    ideal = [_ideal_freeness(width) for width in widths]
    figures["freeness"].line(widths, ideal, "ideal ReLU networks")


def _of_weights(name: str, measured: dict[str, Array], width: int, dropped: int) -> Iterator[Comparison]:
    kurtoses = np.stack([measured["first layer"], measured["second layer"]], axis=1)
    yield AtMost(
        f"{name}: weights have no heavier tails than normal ones, excess kurtosis of both layers",
        bound=(0.75, 0.75),
        replicates=kurtoses,
        rival=Rival("that of a logistic law or more", (1.2, 1.2)),
        dropped=dropped,
    )
    yield AtLeast(
        f"{name}: weights have no lighter tails than normal ones, excess kurtosis of both layers",
        bound=(-0.75, -0.75),
        replicates=kurtoses,
        rival=Rival("that of a uniform law or less", (-1.2, -1.2)),
        dropped=dropped,
    )
    yield Equals(
        f"{name}: weights of the first layer are independent, second moment of W1 W1'",
        predicted=_independent_moment(width),
        replicates=measured["weights"],
        absolute=0.4,  # one network varies by some 0.2, the mean of 80 by 0.02
        rival=Rival("1, equal singular values", 1.0),
        dropped=dropped,
    )
    yield Equals(
        f"{name}: layers are independent, overlap",
        predicted=1.0,
        replicates=measured["overlap"],
        absolute=0.4,  # one network varies by 1.4/n = 0.2, the mean of 80 by 0.02
        rival=Rival("balanced layers, W1 W1' = W2' W2", _independent_moment(width)),
        dropped=dropped,
    )


def _of_residuals(name: str, measured: dict[str, Array], width: int, dropped: int) -> Iterator[Comparison]:
    samples = SAMPLES_PER_INPUT * width
    yield AtMost(
        f"{name}: residuals have no heavier tails than normal ones, excess kurtosis",
        bound=0.75,
        replicates=measured["residuals"],
        rival=Rival("that of a logistic law or more", 1.2),
        dropped=dropped,
    )
    yield AtLeast(
        f"{name}: residuals have no lighter tails than normal ones, excess kurtosis",
        bound=-0.75,
        replicates=measured["residuals"],
        rival=Rival("that of a uniform law or less", -1.2),
        dropped=dropped,
    )
    independent, left = (width * (width + count + 1) / (width * count + 2) for count in (samples, samples - width))
    yield Equals(
        f"{name}: residuals are independent of each other, second moment of E E'",
        predicted=independent,
        replicates=measured["correlation"],
        absolute=0.45 * (left - independent),
        rival=Rival("independent in m - n directions only, none in the span of the inputs", left),
        dropped=dropped,
    )
    yield Equals(
        f"{name}: residuals are independent of the inputs, share in their span over n/m",
        predicted=1.0,
        replicates=measured["share"],
        absolute=0.3,  # one network varies by 1.2/n = 0.15, the mean of 80 by 0.017
        rival=Rival("0, as at critical points of linear networks", 0.0),
        dropped=dropped,
    )


def _of_freeness(name: str, measured: dict[str, Array], dropped: int) -> Iterator[Comparison]:
    ideal = 1 / SAMPLES_PER_INPUT  # the excess of linear networks in the limit; ReLU networks have twice it
    yield AtMost(
        f"{name}: H0 and H1 are free, ratio not above 1",
        bound=1 + ideal / 2,
        replicates=measured["freeness"],
        rival=Rival("that of ideal linear networks, 1 + phi/2, or more", 1 + ideal),
        dropped=dropped,
    )
    yield AtLeast(
        f"{name}: H0 and H1 are free, ratio not below 1",
        bound=1 - ideal / 2,
        replicates=measured["freeness"],
        rival=Rival("as far below", 1 - ideal),
        dropped=dropped,
    )


def _independent_moment(width: int) -> float:
    """N tr (W W')^2 over (tr W W')^2 in the mean, for independent normal entries."""
    return (2 * width**2 + width) / (width**2 + 2)


def _ideal_freeness(width: int) -> float:
    """The exact mean of the mixed moment over its free value for ReLU networks with independent residuals."""
    value = theory.parts_overlap("1/2").parts["at finite size"].rhs
    sizes = {"n": width, "m": SAMPLES_PER_INPUT * width}
    return float(value.subs({symbol: sizes[symbol.name] for symbol in value.free_symbols}))


def departures(
    seed: int, networks: int, device: str, width: int, samples: int, kind: str, trained: bool
) -> dict[str, Array]:
    """Measure what the assumptions are about, on trained networks or on random ones with ideal residuals."""
    import torch

    seeds = range(seed, seed + networks)
    if trained:
        result = trained_networks(width, samples, kind, seeds=seeds, device=device)
        net, converged = result.end, result.converged
    else:
        net = networks_with_residuals(width, samples, kind, epsilon=ENERGY, seeds=seeds, device=device)
        converged = torch.ones(networks, dtype=torch.bool)
    (first, _), (second, _) = net.network.unflatten(net.theta)
    residuals = net.residuals
    span = torch.linalg.qr(net.x)[0]
    share = (span.mT @ residuals).square().sum(dim=(1, 2)) / residuals.square().sum(dim=(1, 2))
    parts = net.hessian()
    overlap = overlap_of(first @ first.mT, second.mT @ second)
    measured = {
        "first layer": excess_kurtosis(first),
        "second layer": excess_kurtosis(second),
        "weights": overlap_of(first @ first.mT, first @ first.mT),
        "overlap": overlap,
        "residuals": excess_kurtosis(residuals),
        "correlation": overlap_of(residuals.mT @ residuals, residuals.mT @ residuals),
        "share": share * samples / width,
        "freeness": mixed_moment_over_free(parts.gauss_newton, parts.residual),
        "converged": converged.to(overlap),
    }
    return {name: values.cpu().numpy() for name, values in measured.items()}


def overlap_of(a: "torch.Tensor", b: "torch.Tensor") -> "torch.Tensor":
    """Return n tr(ab) over tr(a) tr(b), one number per pair of symmetric n x n matrices."""
    first, second = (matrix.diagonal(dim1=1, dim2=2).sum(dim=1) for matrix in (a, b))
    return a.shape[-1] * (a * b).sum(dim=(1, 2)) / (first * second)


def excess_kurtosis(values: "torch.Tensor") -> "torch.Tensor":
    """Return the fourth moment over the square of the second, less 3, of each member's values."""
    flat = values.flatten(1)
    centred = flat - flat.mean(dim=1, keepdim=True)
    return centred.pow(4).mean(dim=1) / centred.square().mean(dim=1).square() - 3


def mixed_moment_over_free(a: "torch.Tensor", b: "torch.Tensor") -> "torch.Tensor":
    """Return tr(abab) over its value for free matrices, one number per pair of symmetric matrices."""
    mean_a, square_b, mixed = traces(a, b)
    mean_b, square_a, _ = traces(b, a)
    return mixed / (square_a * mean_b**2 + mean_a**2 * square_b - mean_a**2 * mean_b**2)
