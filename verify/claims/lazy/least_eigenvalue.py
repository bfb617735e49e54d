"""The least eigenvalue of the kernel of hidden features: linear in the width, at the right variance of the start."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Comparison, Exponent, Identity, Limit, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import BERNER_2022
from verify.lectures.lazy_training import KERNEL, PARAMETERS

Array = NDArray[np.float64]

INPUTS = 5
MANY, ONE_MORE, FEW = 8, INPUTS + 2, 4
"""Samples: many, one more than features that are linear in (x, 1) can tell apart, and fewer."""

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


def least_eigenvalues(
    seed: int, activation: str, samples: int, printed: bool, octaves: int, replicates: int
) -> dict[str, Array]:
    """Least eigenvalues of the kernel of the hidden features of networks that grow.

    Args:
        seed: Of weights and inputs.
        activation: Of the hidden units.
        samples: Inputs of each network.
        printed: Whether hidden weights have the variance 1/n and not 1.
        octaves: How often 200 units are doubled.
        replicates: Networks of each width, with the same inputs at all widths.

    Returns:
        "least", one row per replicate and one column per width; "mean", that of the mean kernel of ReLU units at the
        variance 1, over n, one per replicate.
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    x = torch.ones(replicates, samples, INPUTS + 1, dtype=torch.float64)
    x[:, :, :INPUTS] = torch.randn(replicates, samples, INPUTS, generator=source, dtype=x.dtype)
    columns = []
    for units in widths(octaves):
        network = numerics.Mlp((INPUTS + 1, units, 1), activation, bias=False)
        theta = torch.randn(replicates, network.parameters, generator=source, dtype=x.dtype)
        if printed:
            theta /= units**0.5
        features = network.trace(theta, x).inputs[1]
        columns.append(torch.linalg.eigvalsh(features @ features.mT)[:, 0].numpy())
    lengths = x.norm(dim=2)
    products = lengths[:, :, None] * lengths[:, None, :]
    angles = torch.arccos(((x @ x.mT) / products).clamp(-1, 1))
    angles.diagonal(dim1=1, dim2=2).zero_()
    kernel = products * (torch.sin(angles) + (torch.pi - angles) * torch.cos(angles)) / (2 * torch.pi)
    return {"least": np.stack(columns, axis=1), "mean": torch.linalg.eigvalsh(kernel)[:, 0].numpy()}


def widths(octaves: int) -> tuple[int, ...]:
    """The widths that are tried: 200 units, doubled so many times."""
    return tuple(200 * 2**octave for octave in range(octaves + 1))


def measured(bench: Workbench, activation: str, samples: int, *, printed: bool) -> tuple[tuple[int, ...], Array, Array]:
    """Widths, least eigenvalues and those of the mean kernel at this profile's sizes."""
    octaves = bench.size(quick=4, standard=6, full=8)
    case = {"activation": activation, "samples": samples, "printed": printed, "octaves": octaves, "replicates": 40}
    purpose = f"{activation} {samples}{' printed' if printed else ''}"
    items = [{"seed": seed, **case} for seed in bench.seeds(purpose, PORTIONS)]
    found = bench.map(purpose, least_eigenvalues, items)
    least, mean = (np.concatenate([each[name] for each in found]) for name in ("least", "mean"))
    return widths(octaves), least, mean


@claim(
    "lazy.lambda-min-grows",
    title="The least eigenvalue of the kernel grows like the width where hidden weights start with variance one",
    source=Source(BERNER_2022, "section 5.2", KERNEL),
    assumptions=(
        MODEL,
        "the inputs differ; $X$ and $Y$ are the lengths of $(x, 1)$ and $(y, 1)$ and $t$ is their angle; $X_i$ is that "
        "of $(x_i, 1)$, and $x$ has $d$ coordinates",
        "for the bounds there are more than $d + 1$ samples, and $|\\varrho''| \\le M$, or $\\varrho$ is odd with "
        "$|\\varrho'''| \\le M_3$",
        MEASURED,
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

    at $v = 1/n$ of the orders $1/n$ and $1/n^2$. Softplus units reach the first of these; with $m \le d + 1$ samples
    their least eigenvalue neither grows nor falls there.
    """
    import sympy as sp

    n, first, second, t, v = sp.symbols("n X Y t v", positive=True)
    bound, third, fourths, sixths = sp.symbols("M M_3 Q S", positive=True)
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
    sizes, relu, mean = measured(bench, "relu", MANY, printed=False)
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
    curves = [("ReLU, variance 1", relu)]
    for activation, samples, printed, power, other in (
        ("softplus", MANY, False, 1, 0),
        ("softplus", ONE_MORE, True, -1, 0),
        ("softplus", FEW, True, 0, -1),
    ):
        _, values, _ = measured(bench, activation, samples, printed=printed)
        words = f"{activation}, {samples} samples, variance {'1/n' if printed else '1'}"
        yield Exponent(
            f"power of the width in the least eigenvalue: {words}",
            predicted=power,
            x=sizes,
            y=values,
            absolute=MARGIN,
            rival=Rival(f"a power of {other}", other),
        )
        curves.append((words, values))
    figure = bench.figure(
        "growth",
        title="Least eigenvalue of the kernel by width and variance of the start",
        x="units n",
        y="least eigenvalue",
        x_scale="log",
        y_scale="log",
        caption="Medians of 120 networks, with the middle half of them. Line: n times the least eigenvalue of the mean "
        "kernel of ReLU units.",
    )
    for name, values in curves:
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
        figure.points(sizes, middle, name, [middle - low, high - middle])
    figure.line(sizes, np.median(mean) * np.array(sizes), "mean kernel, ReLU")


@claim(
    "lazy.lambda-min-as-printed",
    title="With hidden weights of variance 1/n the least eigenvalue of the kernel grows like n, as printed",
    source=Source(BERNER_2022, "section 5.2", PARAMETERS),
    assumptions=(MODEL, "all of them start with the variance $1/n$", MEASURED),
    expects={Verdict.REFUTED},
    right="With hidden weights of variance one it grows like $n$. With the variance $1/n$ it stays bounded for ReLU "
    "units, whose kernel is then that of variance one over $n$, and falls like $1/n$ for softplus units as soon as "
    "there are more samples than $d + 1$.",
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
        sizes, values, _ = measured(bench, activation, MANY, printed=True)
        yield Exponent(
            f"power of the width in the least eigenvalue: {activation}, variance 1/n",
            predicted=1,
            x=sizes,
            y=values,
            absolute=MARGIN,
            rival=Rival(f"a power of {power}", power),
        )
