"""The least eigenvalue of the kernel of hidden features: linear in the width, at the right variance of the start."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import AtMost, Comparison, Exponent, Identity, Limit, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import BERNER_2022
from verify.lectures.lazy_training import KERNEL, PARAMETERS

Array = NDArray[np.float64]

INPUTS = 5
SAMPLES = 8
"""More than linear features of 5 coordinates can tell apart, fewer than quadratic ones can."""

PLANE = 2
LINEAR, QUADRATIC = PLANE + 1, (PLANE + 1) * (PLANE + 2) // 2
"""Samples in the plane that linear and that quadratic features can tell apart."""

FEWEST = 200
"""Units of the narrowest networks."""

PORTIONS = 3
"""Portions of 40 networks."""

MARGIN = 0.25
NEAR = 0.15
"""Of a limit: ten times what 120 networks let the extrapolation err by, about a hundredth."""

MODEL = (
    "$K_{ij} = \\sum_k \\varrho(z_{ki}) \\varrho(z_{kj})$ with $z_{ki} = \\langle w_k, (x_i, 1) \\rangle$ is not "
    "divided by the number $n$ of units; hidden weights are independent and normal"
)
MEASURED = "measured on normal inputs of 5 coordinates, with weights drawn anew at each width"
IN_THE_PLANE = "where numbers of samples are compared inputs have 2 coordinates"


def least_eigenvalues(
    seed: int, activation: str, samples: int, inputs: int, printed: bool, fewest: int, octaves: int, replicates: int
) -> dict[str, Array]:
    """Least eigenvalues of the kernel of the hidden features of networks that grow.

    Args:
        seed: Of weights and inputs.
        activation: Of the hidden units.
        samples: Inputs of each network.
        inputs: Their coordinates.
        printed: Whether hidden weights have the variance 1/n and not 1.
        fewest: Units of the narrowest networks.
        octaves: How often that number is doubled.
        replicates: Networks of each width, with the same inputs at all widths.

    Returns:
        "least", by replicate, width and number of samples, the first of them, up to all; "mean", that of the mean
        kernel of ReLU units on all samples at the variance 1, over n, one per replicate.
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    x = torch.ones(replicates, samples, inputs + 1, dtype=torch.float64)
    x[:, :, :inputs] = torch.randn(replicates, samples, inputs, generator=source, dtype=x.dtype)
    columns = []
    for units in widths(fewest, octaves):
        network = numerics.Mlp((inputs + 1, units, 1), activation, bias=False)
        theta = torch.randn(replicates, network.parameters, generator=source, dtype=x.dtype)
        if printed:
            theta /= units**0.5
        features = network.trace(theta, x).inputs[1]
        # singular values of the features, because the least eigenvalue of their kernel can be below its rounding
        triangle = torch.linalg.qr(features.mT, mode="r")[1]
        least = [torch.linalg.svdvals(triangle[:, :count, :count])[:, -1] ** 2 for count in range(1, samples + 1)]
        columns.append(torch.stack(least, dim=1).numpy())
    lengths = x.norm(dim=2)
    products = lengths[:, :, None] * lengths[:, None, :]
    angles = torch.arccos(((x @ x.mT) / products).clamp(-1, 1))
    angles.diagonal(dim1=1, dim2=2).zero_()
    kernel = products * (torch.sin(angles) + (torch.pi - angles) * torch.cos(angles)) / (2 * torch.pi)
    return {"least": np.stack(columns, axis=1), "mean": torch.linalg.eigvalsh(kernel)[:, 0].numpy()}


def widths(fewest: int, octaves: int) -> tuple[int, ...]:
    """The widths that are tried: the fewest units, doubled so many times."""
    return tuple(fewest * 2**octave for octave in range(octaves + 1))


def measured(bench: Workbench, activation: str, *, printed: bool) -> tuple[tuple[int, ...], Array, Array]:
    """Widths, least eigenvalues and those of the mean kernel at this profile's sizes."""
    octaves = bench.size(quick=4, standard=6, full=8)
    case = {"activation": activation, "samples": SAMPLES, "inputs": INPUTS, "printed": printed}
    purpose = f"{activation}{' printed' if printed else ''}"
    least, mean = _ensemble(bench, purpose, {**case, "fewest": FEWEST, "octaves": octaves})
    return widths(FEWEST, octaves), least[:, :, -1], mean


def measured_in_plane(bench: Workbench) -> tuple[tuple[int, ...], Array]:
    """Widths and least eigenvalues of softplus units at the printed variance, on each number of inputs in the plane.

    Networks are wider and more than elsewhere where the power of the fourth order is decided: the mean of z^8 has the
    relative variance 183/n.
    """
    fewest = bench.size(quick=FEWEST, standard=8 * FEWEST, full=8 * FEWEST)
    case = {"activation": "softplus", "samples": QUADRATIC + 1, "inputs": PLANE, "printed": True}
    portions = bench.size(quick=PORTIONS, standard=4 * PORTIONS, full=8 * PORTIONS)
    least, _ = _ensemble(bench, "plane", {**case, "fewest": fewest, "octaves": 4}, portions)
    return widths(fewest, 4), least


def _ensemble(bench: Workbench, purpose: str, case: dict[str, object], portions: int = PORTIONS) -> tuple[Array, Array]:
    items = [{"seed": seed, **case, "replicates": 40} for seed in bench.seeds(purpose, portions)]
    found = bench.map(purpose, least_eigenvalues, items)
    least, mean = (np.concatenate([each[name] for each in found]) for name in ("least", "mean"))
    return least, mean


@claim(
    "lazy.lambda-min-grows",
    title="The least eigenvalue of the kernel grows like the width where hidden weights start with variance one",
    source=Source(BERNER_2022, "section 5.2", KERNEL),
    assumptions=(
        MODEL,
        "the inputs differ; $X$ and $Y$ are the lengths of $(x, 1)$ and $(y, 1)$ and $t$ is their angle; $X_i$ is that "
        "of $(x_i, 1)$, and $x$ has $d$ coordinates",
        "for the first two bounds there are more than $d + 1$ samples, and $|\\varrho''| \\le M$, or $\\varrho$ is odd "
        "with $|\\varrho^{(3)}| \\le M_3$; for the third there are more than $(d + 1)(d + 2)/2$, "
        "$\\varrho^{(3)}(0) = 0$ as for softplus units, and $|\\varrho^{(4)}| \\le M_4$",
        MEASURED,
        IN_THE_PLANE,
    ),
    expects={Verdict.SUPPORTED},
    corrects="lazy.lambda-min-as-printed",
)
def lambda_min_grows(bench: Workbench) -> Iterator[Comparison]:
    r"""With hidden weights of variance one $\lambda_{\min}(K)$ grows like $n$, for ReLU and for softplus units; for
    ReLU units $\lambda_{\min}(K)/n$ tends to the least eigenvalue of the mean kernel over $n$.

    With the variance $v$ the mean kernel of ReLU units is

    $$E K = v \frac{n X Y}{2 \pi} (\sin t + (\pi - t) \cos t),$$

    so that nothing grows at $v = 1/n$. Smooth units become linear in $(x, 1)$ as $v$ falls. On more samples than linear
    features can tell apart, $m > d + 1$,

    $$E \lambda_{\min}(K) \le \frac{3}{4} M^2 n v^2 \sum_i X_i^4, \qquad
      E \lambda_{\min}(K) \le \frac{5}{12} M_3^2 n v^3 \sum_i X_i^6 \; \text{for odd } \varrho,$$

    at $v = 1/n$ of the orders $1/n$ and $1/n^2$. The second order tells as many samples apart as there are monomials of
    degree two in $(x, 1)$. On more, $m > (d + 1)(d + 2)/2$, units without a third order, such as softplus ones, get

    $$E \lambda_{\min}(K) \le \frac{35}{192} M_4^2 n v^4 \sum_i X_i^8,$$

    at $v = 1/n$ of the order $n^{-3}$. In the plane, where linear features tell 3 samples apart and quadratic ones 6,
    the least eigenvalue of softplus units at $v = 1/n$ neither grows nor falls on 3 samples, falls like $1/n$ on 4 and
    on 6, and like $n^{-3}$ on 7.
    """
    import sympy as sp

    n, first, second, t, v = sp.symbols("n X Y t v", positive=True)
    bound, third, fourths, sixths = sp.symbols("M M_3 Q S", positive=True)
    fourth, eighths = sp.symbols("M_4 T", positive=True)
    one = first * second * (sp.sin(t) + (sp.pi - t) * sp.cos(t)) / (2 * sp.pi)
    yield Identity(
        "mean entry of $K$ at the variance $v$, ReLU",
        derivation=theory.relu_kernel_at_variance(),
        claimed=v * n * one,
        rival=Rival("the same at every variance", n * one),
    )
    yield Identity(
        "bound on the mean least eigenvalue",
        derivation=theory.linearised_features(),
        claimed=3 * bound**2 * n * v**2 * fourths / 4,
        rival=Rival("in proportion to the variance, as for ReLU units", 3 * bound**2 * n * v * fourths / 4),
    )
    yield Identity(
        "bound on the mean least eigenvalue, odd activations",
        derivation=theory.linearised_features(),
        part="odd",
        claimed=5 * third**2 * n * v**3 * sixths / 12,
        rival=Rival("of the order of other smooth units", 5 * third**2 * n * v**2 * sixths / 12),
    )
    yield Identity(
        "bound on the mean least eigenvalue, more than (d + 1)(d + 2)/2 samples",
        derivation=theory.linearised_features(),
        part="many samples at the printed variance",
        claimed=35 * fourth**2 * eighths / (192 * n**3),
        rival=Rival("like 1/n at every number of samples", 35 * fourth**2 * eighths / (192 * n)),
    )
    sizes, relu, mean = measured(bench, "relu", printed=False)
    yield Exponent(
        "power of the width in the least eigenvalue: ReLU, variance 1",
        predicted=1,
        x=sizes,
        y=relu,
        absolute=MARGIN,
        rival=Rival("no growth", 0),
    )
    yield Limit(
        "least eigenvalue over that of the mean kernel: ReLU, variance 1",
        predicted=1,
        sizes=sizes,
        values=relu / (mean[:, None] * np.array(sizes)),
        powers=(0.5, 1),
        relative=NEAR,
        rival=Rival("twice that, with Cho and Saul's factor 1/pi in the place of 1/(2 pi)", 2),
    )
    curves = [("ReLU, variance 1", sizes, relu)]
    _, softplus, _ = measured(bench, "softplus", printed=False)
    yield Exponent(
        "power of the width in the least eigenvalue: softplus, variance 1",
        predicted=1,
        x=sizes,
        y=softplus,
        absolute=MARGIN,
        rival=Rival("no growth", 0),
    )
    curves.append(("softplus, variance 1", sizes, softplus))
    wide, plane = measured_in_plane(bench)
    for samples, power, words, other in (
        (LINEAR, 0, "falls like 1/n at every number of samples", -1),
        (LINEAR + 1, -1, "bounded, as on one sample less", 0),
        (QUADRATIC, -1, "as on one sample more", -3),
        (QUADRATIC + 1, -3, "like 1/n as soon as there are more than d + 1 samples", -1),
    ):
        values = plane[:, :, samples - 1]
        yield Exponent(
            f"power of the width in the least eigenvalue: softplus, variance 1/n, {samples} samples in the plane",
            predicted=power,
            x=wide,
            y=values,
            absolute=MARGIN,
            rival=Rival(words, other),
            decided_from="standard" if samples > QUADRATIC else None,
        )
        if samples != LINEAR + 1:
            curves.append((f"softplus, 1/n, {samples} in the plane", wide, values))
    slopes = np.polyfit(np.log(wide), np.log(plane[:, :, -1]).T, 1)[0]
    yield AtMost(
        f"log-log slope of the same, {QUADRATIC + 1} samples in the plane",
        bound=-2.5,
        replicates=slopes,
        rival=Rival("like 1/n as soon as there are more than d + 1 samples", -1.5),
    )
    figure = bench.figure(
        "growth",
        title="Least eigenvalue of the kernel by width and variance of the start",
        x="units n",
        y="least eigenvalue",
        x_scale="log",
        y_scale="log",
        caption="Medians of at least 120 networks, with the middle half of them. Line: n times the least eigenvalue of "
        "the mean kernel of ReLU units.",
    )
    for name, units, values in curves:
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
        figure.points(units, middle, name, [middle - low, high - middle])
    figure.line(sizes, np.median(mean) * np.array(sizes), "mean kernel, ReLU")


@claim(
    "lazy.lambda-min-as-printed",
    title="With hidden weights of variance 1/n the least eigenvalue of the kernel grows like n, as printed",
    source=Source(BERNER_2022, "section 5.2", PARAMETERS),
    assumptions=(MODEL, "all of them start with the variance $1/n$", MEASURED),
    expects={Verdict.REFUTED},
    right="With hidden weights of variance one it grows like $n$. With the variance $1/n$ it stays bounded for ReLU "
    "units, whose kernel is then that of variance one over $n$. For softplus units it falls: like $1/n$ on $d + 2$ to "
    "$(d + 1)(d + 2)/2$ samples, and faster on more.",
    flaw="misprint",
)
def lambda_min_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: $\Theta^{(1)}_j \sim N(0, 1/n)^{d+1}$, and the least eigenvalue of the kernel $K = \sum_k v_k v_k^T$
    grows linearly in $n$.
    """
    import sympy as sp

    n, first, second, t = sp.symbols("n X Y t", positive=True)
    one = first * second * (sp.sin(t) + (sp.pi - t) * sp.cos(t)) / (2 * sp.pi)
    yield Identity(
        "mean entry of $K$ at the variance $1/n$, ReLU",
        derivation=theory.relu_kernel_at_variance(),
        part="printed variance",
        claimed=n * one,
        rival=Rival("the same at every width", one),
    )
    for activation, power in (("relu", 0), ("softplus", -1)):
        sizes, values, _ = measured(bench, activation, printed=True)
        yield Exponent(
            f"power of the width in the least eigenvalue: {activation}, variance 1/n",
            predicted=1,
            x=sizes,
            y=values,
            absolute=MARGIN,
            rival=Rival(f"a power of {power}", power),
        )
