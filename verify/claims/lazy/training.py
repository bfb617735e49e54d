"""Training of wide networks: the risk stays under an exponential, and neither parameters nor kernels go far."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import (
    AtLeast,
    AtMost,
    Bounds,
    Comparison,
    Exponent,
    Identity,
    Limit,
    Ordering,
    Rival,
    Source,
    Verdict,
    Workbench,
    claim,
)
from verify.bibliography import BERNER_2022, CHIZAT_OYALLON_BACH_2019
from verify.lectures.lazy_training import CONCLUSION

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]

SAMPLES: Final = 6
RATE: Final = 4 / SAMPLES
"""What an eigenvalue of the kernel is multiplied by in the rate of the risk, a mean of squares without a half."""

INPUTS: Final = 10
TARGETS: Final = 4.0
"""Standard deviation of the targets: outputs start with less than 1, so that all widths have about equal errors."""

SHARE: Final = 0.01
"""Of the risk at the start: there training ends."""

TIMES: Final = (*np.arange(1.0, 41.0).tolist(), *np.geomspace(45.0, 4000.0, 40).tolist())
"""Times of records, in units of each network's 1/L."""

QUICK: Final = (32, 64, 128)
STANDARD: Final = (256, 1024, 4096, 16384)
MEAN_FIELD: Final = (64, 256, 1024)
TOGETHER: Final = 10
"""Networks of one item."""

SETTING: Final = (
    "networks $\\sum_k a_k \\tanh \\langle w_k, (x, 1) \\rangle$ with $n$ units start from independent normal weights, "
    "$w_k$ of variance 1 and $a_k$ of variance $1/n$; the risk is the mean of squared errors, without a half",
    f"{SAMPLES} standard normal inputs in {INPUTS} dimensions, normal targets of standard deviation {TARGETS:g}; "
    f"gradient flow until the risk is {SHARE:g} of that at the start",
)


def trained(seed: int, members: int, units: int, most: int, mean_field: bool) -> dict[str, Array]:
    """Gradient flow of networks of one width. Of one seed all widths have the same data and share their first units.

    Args:
        seed: Of data and weights.
        members: Networks, each with its own data.
        units: n.
        most: Units of the widest network of that seed.
        mean_field: Whether outputs are means over the units, with output weights of variance 1, instead of sums with
            output weights of variance 1/n.

    Returns:
        One entry per member: "time" until the risk has come down to the share of its start, "linear", that time of
        the flow linearised at the start, and "steps", the time in units of 1/L; "least", the least eigenvalue of the
        kernel of the features at the start, "top", the largest of the tangent kernel, and "enough", the least one from
        which the flow is known to converge; "reach", what then bounds the path; how far parameters moved,
        "absolute" and "relative" to their length at the start; "kernel", the relative change of the Gram matrix of the
        features, and "tangent", that of the tangent kernel. One row per record and one column per member: "times",
        "risk" over that at the start; "bound", the exponential of half of the rate that the start guarantees, and
        "rival", that of twice the rate.
    """
    import torch

    source = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(members, *shape, generator=source, dtype=torch.float64)

    x, y = normal(SAMPLES, INPUTS + 1), TARGETS * normal(SAMPLES, 1)
    x[:, :, -1] = 1
    hidden, outer = normal(most, INPUTS + 1)[:, :units], normal(most)[:, :units]
    activation: Any = "tanh"
    if mean_field:
        activation = numerics.Activation(
            "tanh over the width", lambda z: z.tanh() / units, lambda z: (1 - z.tanh() ** 2) / units
        )
    else:
        outer = outer / units**0.5
    network = numerics.Mlp((INPUTS + 1, units, 1), activation, bias=False)
    theta = torch.cat([hidden.flatten(1), outer], dim=1)
    way = numerics.wide_flow(network, theta, x, y, numerics.SquaredError(), times=TIMES, stop_at=SHARE, tolerance=1e-4)
    guaranteed = RATE * torch.linalg.eigvalsh(way.kernels[0].matrix("1.weight"))[:, 0]
    values, vectors = torch.linalg.eigh(way.kernels[0].matrix())
    parts = (vectors.mT @ (network.forward(theta, x) - y))[:, :, 0].square()
    least = guaranteed / RATE
    spread = (SAMPLES * way.loss[0]).sqrt()
    records = int((way.times.diff(dim=0) > 0).any(1).sum()) + 1
    times = way.times[:records]
    found = {
        "time": way.time_to(SHARE),
        "linear": exponentials_time(RATE * values, parts, SHARE),
        "steps": way.time_to(SHARE) * values[:, -1] * RATE / 2,
        "least": least,
        "top": values[:, -1],
        "enough": 4 * x.square().sum(dim=(1, 2)).sqrt() * spread,
        "reach": 2 * spread / least.sqrt(),
        "absolute": way.distance[-1],
        "relative": way.relative_distance[-1],
        "kernel": way.kernel_change("1.weight"),
        "tangent": way.kernel_change(),
        "times": times,
        "risk": way.loss[:records] / way.loss[0],
        "bound": (-guaranteed / 2 * times).exp(),
        "rival": (-guaranteed * 2 * times).exp(),
    }
    return {name: values.numpy() for name, values in found.items()}


def exponentials_time(rates: "torch.Tensor", parts: "torch.Tensor", share: float) -> "torch.Tensor":
    """When sums of falling exponentials have come down to a share of their start.

    Args:
        rates: Positive numbers, one row per sum.
        parts: The exponentials at the start, positive.
        share: Between 0 and 1.

    Returns:
        One time per row, to rounding: an interval that holds it is halved until it is that short.
    """
    import torch

    low = torch.zeros_like(rates[:, 0])
    high = -math.log(share) / rates.min(dim=1).values
    for _ in range(60):
        middle = (low + high) / 2
        above = (parts * (-rates * middle[:, None]).exp()).sum(1) > share * parts.sum(1)
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return high


def _ways(
    bench: Workbench, widths: Sequence[int], members: int, *, most: int, mean_field: bool = False
) -> list[dict[str, Any]]:
    """What ``trained`` finds, one dictionary per width and in it one list of arrays, one per item, under each name."""
    together = min(members, TOGETHER)
    found = []
    for units in widths:
        items = [
            {"seed": seed, "members": together, "units": units, "most": most, "mean_field": mean_field}
            for seed in bench.seeds("networks", members // together)
        ]
        results = bench.map("mean field" if mean_field else "networks", trained, items)
        found.append({name: [result[name] for result in results] for name in results[0]})
    return found


def _columns(ways: Sequence[dict[str, Any]], name: str) -> Array:
    """One row per network and one column per width."""
    return np.stack([np.concatenate(way[name]) for way in ways], axis=1)


@claim(
    "lazy.exponential-convergence",
    title="The risk of wide networks falls exponentially, the faster in time the wider they are, but not in steps",
    source=Source(BERNER_2022, "section 5.2", CONCLUSION),
    assumptions=(
        *SETTING,
        "$\\lambda_{\\min}(K)$ is the least eigenvalue of the Gram matrix of the features at the start; the tangent "
        "kernel $K + K_1$ is that of the gradients in all weights; neither is divided by $n$",
        "for the theorem no slope of the activation exceeds 1, as of tanh, and $X^2 = \\sum_i |(x_i, 1)|^2$",
    ),
    expects={Verdict.SUPPORTED},
)
def exponential_convergence(bench: Workbench) -> Iterator[Comparison]:
    r"""A theorem: if $\lambda = \lambda_{\min}(K)$ is at least $4 X \sqrt{m r_0}$ at the start, gradient flow satisfies

    $$r(t) \le r_0 \, e^{-\lambda t/m}, \qquad
      |\theta(t) - \theta(0)| < 2 \sqrt{\frac{m r_0}{\lambda}} \le \frac{\sqrt \lambda}{2 X}$$

    at all times. Nothing is assumed of the way: up to the last of these distances a quarter is left of the bound at the
    start, $|\nabla r|^2 \ge \mu r$ with $\mu = \frac{4}{m} \lambda$, and with that quarter the path is shorter. As
    $\lambda$ grows like $n$ and $r_0$ does not, networks satisfy the condition from some width on, 4096 units here.

    In every network that was tried, however narrow, $r(t) \le r_0 \, e^{-\mu t/2}$ at all times. The wider the
    network, the closer it keeps to the flow that is linearised at the start, where the error along an eigenvector of
    the tangent kernel $K + K_1$ with the eigenvalue $\lambda_j$ contributes to the risk in proportion to
    $e^{-4 \lambda_j t/m}$: the time until the risk is a hundredth of that at the start, over that of the linearised
    flow, tends to 1. The time itself is in proportion to $1/n$: the rate grows like the width, as $\lambda_{\min}(K)$
    does. That is the time of the flow. The curvature $L = \frac{2}{m} \lambda_{\max}(K + K_1)$ grows like the width,
    too, so that the largest stable step of descent, $2/L$, shrinks like $1/n$: the number of steps is much the same
    at every width.
    """
    import sympy as sp

    least, length, start, t = sp.symbols("lambda X r_0 t", positive=True)
    m = sp.Symbol("m", integer=True, positive=True)
    yield Identity(
        "least eigenvalue at the start from which the flow converges",
        derivation=theory.lazy_convergence(),
        part="enough",
        claimed=4 * length * sp.sqrt(m * start),
        rival=Rival(
            "half of it, as if the bound on the gradient did not shrink on the way", 2 * length * sp.sqrt(m * start)
        ),
    )
    yield Identity(
        "risk from then on",
        derivation=theory.lazy_convergence(),
        claimed=start * sp.exp(-least * t / m),
        rival=Rival("with the rate at the start", start * sp.exp(-4 * least * t / m)),
    )
    widths = bench.size(quick=QUICK, standard=STANDARD[:3], full=STANDARD)
    ways = _ways(bench, widths, bench.size(quick=40, standard=40, full=100), most=widths[-1])
    over = {name: np.concatenate([_over(way, name) for way in ways]) for name in ("risk", "rival")}
    yield Bounds(
        "risk over its bound from the start, at all times",
        smaller=over["risk"],
        larger=1,
        tolerance=1e-3,
        reason="steps of the flow, whose errors are 1e-4 of the way that parameters have come",
        rival=Rival("four times the rate", over["rival"]),
    )
    yield from _theorem(ways[0], ways[-1])
    times = _columns(ways, "time")
    yield Limit(
        "time to a hundredth over that of the linearised flow",
        predicted=1,
        sizes=widths,
        values=times / _columns(ways, "linear"),
        powers=(1, 2),
        relative=0.2,
        rival=Rival("twice as long, with the rate of the errors, 2/m, for that of their squares", 2),
    )
    yield Exponent(
        "power of the width in the rate, log(100) over the time to a hundredth",
        predicted=1,
        x=widths,
        y=-math.log(SHARE) / times,
        absolute=0.2,
        rival=Rival("the same rate at every width", 0),
        decided_from="standard",
    )
    steps, wider = _columns(ways, "steps"), widths[-1] / widths[0]
    for rule, bound, words, other in (
        (AtLeast, 0.5, "the wider, the fewer, as of the time of the flow", 1 / wider),
        (AtMost, 2, "the wider, the more, in proportion to the weights", wider),
    ):
        yield rule(
            f"steps of the length 1/L to a hundredth: {widths[-1]} units over {widths[0]}, at "
            f"{'least' if bound < 1 else 'most'}",
            bound=bound,
            replicates=steps[:, -1] / steps[:, 0],
            rival=Rival(words, other),
        )
    figure = bench.figure(
        "risk",
        title="Risk of networks of two widths under gradient flow",
        x="time times width",
        y="risk over that at the start",
        y_scale="log",
        caption="One network of each width on the same data, and the exponentials that the least eigenvalue of its "
        "kernel at the start guarantees, with half of the rate. Over time without the factor the wide one is "
        f"{widths[-1] // widths[0]} times as fast.",
    )
    for units, way in ((widths[0], ways[0]), (widths[-1], ways[-1])):
        place = way["times"][0][:, 0] * units
        last = int(np.argmax(place)) + 1
        some = np.unique(np.linspace(0, last - 1, 16).astype(int))
        figure.line(place[some], way["bound"][0][some, 0], f"bound, {units} units")
        figure.points(place[some], way["risk"][0][some, 0], f"measured, {units} units")


@claim(
    "lazy.parameters-stay",
    title="The wider a network, the less its parameters and the kernel of its features move",
    source=Source(CHIZAT_OYALLON_BACH_2019, "on the scale of the start", CONCLUSION),
    assumptions=(
        *SETTING,
        "movements are distances from start to end in the Euclidean norm, all parameters together; that of the Gram "
        "matrix $K$ of the features is in the Frobenius norm, relative to its start",
        "in mean-field scaling outputs are means over the units and output weights have variance 1; data and the "
        "draws of weights are the same",
    ),
    expects={Verdict.SUPPORTED},
)
def parameters_stay(bench: Workbench) -> Iterator[Comparison]:
    r"""Until gradient flow has reduced the risk to a hundredth, all parameters together move by the order $n^{-1/2}$,
    as the bound $\sqrt{m r_0/(c n)}$ on the path has it, and by the order $n^{-1}$ relative to their length. The kernel
    $K$ of the features (not the tangent kernel, $K + K_1$) changes by the order $n^{-2}$ relative to its start. (Why
    so little: a hidden weight moves by the order $n^{-3/2}$, with the sign of its output weight, so that most of what
    it does to $K$ averages out.)

    That is due to the scale of the start and not to the width alone. In mean-field scaling the same networks on the
    same data move by a share of their length, and change $K$ by a share, that does not fall with the width.
    """
    widths = bench.size(quick=QUICK, standard=STANDARD, full=STANDARD)
    members = bench.size(quick=20, standard=40, full=100)
    ways = _ways(bench, widths, members, most=widths[-1])
    absolute, relative = _orders()
    moved = {name: _columns(ways, name) for name in ("absolute", "relative", "kernel")}
    for name, words in (
        ("relative", "parameters move, over their length"),
        ("kernel", "K changes, relative to its start"),
    ):
        yield Ordering(
            f"how far {words}: {widths[-1]} units less than {widths[0]}",
            lower=moved[name][:, -1],
            higher=moved[name][:, 0],
        )
    for name, title, power, margin, rival in (
        ("absolute", "distance from the start", absolute, 0.2, Rival("growing as in mean-field scaling", 0.5)),
        (
            "relative",
            "distance over the length at the start",
            relative,
            0.2,
            Rival("none, as in mean-field scaling", 0.0),
        ),
        (
            "kernel",
            "relative change of K",
            -2,
            0.4,
            Rival("one order less, as where both layers learn at equal pace", -1.0),
        ),
    ):
        yield Exponent(
            f"power of the width in the {title}",
            predicted=power,
            x=widths,
            y=moved[name],
            absolute=margin,
            rival=rival,
            decided_from="standard",
        )
    others = bench.size(quick=QUICK, standard=MEAN_FIELD, full=MEAN_FIELD)
    far = _ways(bench, others, bench.size(quick=2, standard=40, full=100), most=widths[-1], mean_field=True)
    for name, title, margin, lazy in (
        ("relative", "distance over the length at the start", 0.2, -1),
        ("kernel", "relative change of K", 0.4, -2),
    ):
        yield Exponent(
            f"mean-field scaling: power of the width in the {title}",
            predicted=0,
            x=others,
            y=_columns(far, name),
            absolute=margin,
            rival=Rival("as small as in the lazy scaling", lazy),
            decided_from="standard",
        )
    for name, words, power in (("relative", "parameters", -1), ("kernel", "the kernel of the features", -2)):
        figure = bench.figure(
            words.rpartition(" ")[2],
            title=f"How far training moves {words}",
            x="units n",
            y="distance from the start, over the norm there",
            x_scale="log",
            y_scale="log",
            caption="Medians over networks, with the range of the middle 80 percent. The line has the slope "
            f"{power} and passes through the widest network.",
        )
        line = np.median(moved[name][:, -1]) * (np.array(widths) / widths[-1]) ** power
        figure.line(widths, line, f"slope {power}")
        for sizes, movement, label in (
            (widths, moved[name], "lazy: outputs are sums over units"),
            (others, _columns(far, name), "mean-field: means"),
        ):
            low, middle, high = np.quantile(movement, [0.1, 0.5, 0.9], axis=0)
            figure.points(sizes, middle, label, errors=[middle - low, high - middle])


def _theorem(narrow: dict[str, Any], wide: dict[str, Any]) -> Iterator[Comparison]:
    """What gradient flow is known to do where the least eigenvalue is large enough: not at the first width."""
    for way, rule, words, value, decided in (
        (narrow, AtMost, "narrowest", 2.0, None),
        (wide, AtLeast, "widest", 0.5, "standard"),
    ):
        share = np.concatenate(way["least"]) / np.concatenate(way["enough"])
        yield rule(
            f"least eigenvalue over that from which the flow is known to converge: {words} networks",
            bound=1,
            replicates=share,
            rival=Rival("twice" if value > 1 else "half", value),
            decided_from=decided,
        )
    known = [least >= enough for least, enough in zip(wide["least"], wide["enough"], strict=True)]
    if not np.concatenate(known).any():
        known = [np.ones_like(each) for each in known]  # too narrow networks, of which nothing is decided
    fall = np.concatenate(
        [(a / b**0.5)[:, k].ravel() for a, b, k in zip(wide["risk"], wide["bound"], known, strict=True)]
    )
    rival = np.concatenate(
        [(b ** (SAMPLES / 2 - 0.5))[:, k].ravel() for b, k in zip(wide["bound"], known, strict=True)]
    )
    yield Bounds(
        "risk over the bound that is known beforehand, at all times",
        smaller=fall,
        larger=1,
        tolerance=1e-3,
        reason="steps of the flow, whose errors are 1e-4 of the way that parameters have come",
        rival=Rival("m times the rate, as if the risk were a sum", rival),
        decided_from="standard",
    )
    moved, reach, least, top = (
        np.concatenate([values[k] for values, k in zip(wide[name], known, strict=True)])
        for name in ("absolute", "reach", "least", "top")
    )
    yield Bounds(
        "distance from the start over the bound that is known beforehand",
        smaller=moved / reach,
        larger=1,
        tolerance=1e-3,
        reason="steps of the flow, whose errors are 1e-4 of the way that parameters have come",
        rival=Rival("errors along the largest eigenvalue of the tangent kernel alone", np.sqrt(least / top) / 2),
        decided_from="standard",
    )


def _over(way: dict[str, Any], name: str) -> Array:
    """The risk, or the rival bound, over the bound: all records of all networks in one row."""
    pieces = [(values / bound).ravel() for values, bound in zip(way[name], way["bound"], strict=True)]
    return np.concatenate(pieces)


def _orders() -> tuple[float, float]:
    """The powers of the width in the bounds on the path, absolute and relative, from the derivation."""
    import sympy as sp

    parts = theory.lazy_flow().parts
    powers = []
    for part, root in (("absolute", 1), ("relative", 2)):
        value = parts[part].rhs
        (n,) = (symbol for symbol in value.free_symbols if symbol.name == "n")
        power = sp.simplify(sp.limit(sp.simplify(n * sp.diff(sp.log(value), n)), n, sp.oo))
        powers.append(float(power) / root)
    return powers[0], powers[1]
