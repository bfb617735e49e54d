"""Whether the two parts of the Hessian are free of each other: they share the inputs, and are not."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

import theory
from verify import Comparison, Equals, Identity, Rival, Slide, Source, Verdict, Workbench, claim
from verify.bibliography import PENNINGTON_BAHRI_2017
from verify.claims.spectrum.networks import networks_with_residuals
from verify.claims.spectrum.spectra import Array
from verify.sources import OXFORD_C65

if TYPE_CHECKING:
    import torch

MODEL_SLIDE = Slide(OXFORD_C65, "One can interpret properties of the landscape through the Hessian")
IDEAL = (
    "weights $N(0, 1/n)$, inputs $N(0, 1)$, residuals $N(0, 2\\epsilon)$, all independent",
    "$\\phi = 2n/m$, linear or ReLU units",
)
SAMPLES_PER_INPUT = 4  # phi = 2n/m = 1/2
ENERGY = 0.3
CHUNK = 50  # networks per item of work
FREE = "freeness of the two parts"
# One network's moment varies by 0.6, 0.45, 0.25 (linear; ReLU 0.9, 0.6, 0.3) at the three widths of the quick profile,
# as some hundred networks of other seeds had it. A tenth of the margin is to be 1.3 standard errors or more.
COUNTS = {"linear": (3000, 1600, 500), "relu": (900, 600, 250)}
ACTIVE = {"linear": 1.0, "relu": 0.5}
NAMES = {"linear": "linear", "relu": "ReLU"}


@claim(
    "spectrum.parts-are-free",
    title="The two parts of the Hessian as free of each other",
    source=Source(PENNINGTON_BAHRI_2017, "the assumptions of the model", printed=MODEL_SLIDE),
    assumptions=IDEAL,
    expects={Verdict.REFUTED},
    flaw="assumption",
    right=(
        r"$H_0$ and $H_1$ share the inputs: $\mathbb{E}\, \tau(H_0 H_1 H_0 H_1)$ is $1 + \phi/2$ times $\tau(H_0)^2\, "
        r"\tau(H_1^2)$ for linear units and $1 + \phi$ times that for ReLU, in the limit of large width. They are "
        "nearly free for few parameters per residual only."
    ),
)
def parts_are_free(bench: Workbench) -> Iterator[Comparison]:
    r"""As assumed: $H_0$ and $H_1$ are freely independent, so that the spectrum of their sum follows from the two
    spectra. Then $\mathrm{tr}\, H_0 H_1 H_0 H_1$ would be $\tau(H_0)^2 \tau(H_1^2)$, with the normalised trace $\tau$,
    because $\tau(H_1) = 0$.
    """
    phi = theory.phi
    for kind, active, value in (("linear", 1, 1 + phi / 2), ("relu", "1/2", 1 + phi)):
        yield Identity(
            f"mixed moment over its value for free parts, {NAMES[kind]} units",
            derivation=theory.parts_overlap(active),
            claimed=1,
            rival=Rival("they share the inputs", value),
        )
    width = _widths(bench)[1]
    for kind in NAMES:
        expected = _at_size(kind, width)
        yield Equals(
            f"mixed moment over its value for free parts, {NAMES[kind]} networks of width {width}, phi = 1/2",
            predicted=1.0,
            replicates=_measured(bench, kind, width, COUNTS[kind][1]),
            absolute=0.45 * (expected - 1),
            rival=Rival("the exact value at this width", expected),
        )


@claim(
    "spectrum.parts-are-not-free",
    title="The two parts of the Hessian share the inputs and are not free",
    source=Source(locator="derived here", printed=MODEL_SLIDE),
    assumptions=IDEAL,
    expects={Verdict.SUPPORTED},
    corrects="spectrum.parts-are-free",
)
def parts_are_not_free(bench: Workbench) -> Iterator[Comparison]:
    r"""Even where weights, inputs and residuals are ideal, independent and normal, $H_0$ and $H_1$ are not free of each
    other, because both are made of the same inputs $X$:

    $$\frac{\mathbb{E}\, \tau(H_0 H_1 H_0 H_1)}{\tau(H_0)^2\, \tau(H_1^2)} \to 1 + \frac{\phi}{2q}$$

    as $n \to \infty$, with the normalised trace $\tau$ and the share $q$ of samples on which a unit is active: $1 +
    \phi/2$ for linear units, $1 + \phi$ for ReLU. It would be 1 for free matrices. The excess is that of the second
    moment of the inputs' covariance over the active samples, $\tau(C^2) = 1 + n/(qm)$: the model holds for few
    parameters per residual only.

    Measured against the exact mean at each width. A draw's moment is taken less its linear dependence on $\tau(H_0)$
    and $\tau(H_1^2)$, whose means are known exactly; that leaves the mean as it is and the spread smaller.
    """
    phi = theory.phi
    for kind, active, value in (("linear", 1, 1 + phi / 2), ("relu", "1/2", 1 + phi)):
        yield Identity(
            f"mixed moment over its value for free parts, {NAMES[kind]} units",
            derivation=theory.parts_overlap(active),
            claimed=value,
            rival=Rival(FREE, 1),
        )
    widths = _widths(bench)
    figure = bench.figure(
        "mixed-moment",
        title="Mixed moment of the two parts of the Hessian, $\\phi = 1/2$",
        x="width $n$",
        y="over its value for free parts",
        caption="Means over random networks with independent residuals and their standard errors. Lines: the exact "
        "means, their limits $1 + \\phi/2$ (linear) and $1 + \\phi$ (ReLU), and 1, as for free parts.",
    )
    grid = np.arange(widths[0], 4 * widths[-1] + 1)
    for kind, name in NAMES.items():
        figure.line(grid, [_at_size(kind, int(width)) for width in grid], f"exact, {name}")
        limit = 1 + 1 / (SAMPLES_PER_INPUT * ACTIVE[kind])
        figure.line([grid[0], grid[-1]], [limit, limit], f"limit, {name}")
        means, errors = [], []
        for width, count in zip(widths, COUNTS[kind], strict=True):
            measured = _measured(bench, kind, width, count)
            means.append(measured.mean())
            errors.append(measured.std() / count**0.5)
            expected = _at_size(kind, width)
            yield Equals(
                f"mixed moment over its value for free parts, {name} networks of width {width}, phi = 1/2",
                predicted=expected,
                replicates=measured,
                absolute=0.45 * (expected - 1),
                rival=Rival(FREE, 1.0),
            )
        figure.points(widths, means, f"{name} networks", errors=errors)
    figure.line([grid[0], grid[-1]], [1, 1], "free")


def _widths(bench: Workbench) -> tuple[int, int, int]:
    """Name three widths. In larger networks a draw varies less, so that the counts are the same."""
    middle = bench.size(quick=8, standard=12, full=16)
    return middle - 2, middle, 3 * middle // 2


def _at_size(kind: str, width: int) -> float:
    """The exact mean of the mixed moment over its free value at one width."""
    derivation = theory.parts_overlap({"linear": 1, "relu": "1/2"}[kind])
    sizes = {"n": width, "m": SAMPLES_PER_INPUT * width}
    value: Any = derivation.parts["at finite size"].rhs
    return float(value.subs({symbol: sizes[symbol.name] for symbol in value.free_symbols}))


def _measured(bench: Workbench, kind: str, width: int, count: int) -> Array:
    purpose = f"{kind} networks of width {width}"
    items = [
        {"seed": seed, "width": width, "kind": kind, "expected": _at_size(kind, width), "device": bench.device}
        for seed in bench.seeds(purpose, count // CHUNK)
    ]
    return np.concatenate([result["moment"] for result in bench.map(purpose, mixed_moments, items)])


def mixed_moments(seed: int, width: int, kind: str, expected: float, device: str) -> dict[str, Array]:
    """Return tr(H0 H1 H0 H1) of random networks over its mean for free parts, with the known means as controls."""
    net = networks_with_residuals(
        width, SAMPLES_PER_INPUT * width, kind, epsilon=ENERGY, seeds=range(seed, seed + CHUNK), device=device
    )
    parts = net.hessian()
    active = ACTIVE[kind]
    mean, square, mixed = traces(parts.gauss_newton, parts.residual)
    first, second = mean / active, square / (active * ENERGY * 2 / SAMPLES_PER_INPUT)
    moment = mixed / (active**3 * ENERGY * 2 / SAMPLES_PER_INPUT)
    return {"moment": (moment - expected * (2 * (first - 1) + (second - 1))).cpu().numpy()}


def traces(a: "torch.Tensor", b: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Return the normalised traces of a, of b^2 and of abab, one number per pair of symmetric matrices."""
    size = a.shape[-1]
    product = a @ b
    mixed = (product * product.mT).sum(dim=(1, 2)) / size
    return a.diagonal(dim1=1, dim2=2).mean(dim=1), b.square().sum(dim=(1, 2)) / size, mixed
