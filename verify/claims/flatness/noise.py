"""The noise of a minibatch gradient: the covariance of the samples, times a factor of the batch size."""

from collections.abc import Iterator

import numpy as np

import theory
from verify import Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.lectures.flatness import SGD_AND_FLAT_MINIMA

SAMPLES = 60


@claim(
    "flatness.noise-covariance",
    title="How noisy the gradient of a minibatch is",
    source=Source(printed=SGD_AND_FLAT_MINIMA),
    assumptions=(
        "every set of $B$ different samples out of $n$ is equally likely, $1 \\le B \\le n$ and $n \\ge 2$",
        "$C$ is the covariance of the $n$ gradients with $1/n$ in front",
    ),
    expects={Verdict.PROVED},
)
def noise_covariance(bench: Workbench) -> Iterator[Comparison]:
    r"""Large batches make the gradient smooth, small ones make it jump. By how much: if $C$ is the covariance of the
    gradients of the $n$ single samples, the mean gradient $g_B$ over a random batch of $B$ different samples has

    $$\operatorname{Cov}(g_B) = \kappa\, C, \qquad \kappa = \frac{n - B}{B (n - 1)}.$$

    It is $1/B$ only for samples drawn with replacement. Without, it is smaller by $(n - B)/(n - 1)$ and vanishes for
    $B = n$, where the gradient is the whole one. Two disjoint batches of one epoch are correlated, with the covariance
    $-C/(n - 1)$: over an epoch the noise cancels, to first order in the learning rate.

    Shown by counting, for all $n$ and $B$, and by going through every batch with free gradients for $n$ up to 5.
    """
    import sympy as sp

    derivation = theory.batch_covariance()
    n, B = sp.symbols("n B", positive=True)
    yield Identity(
        "covariance of a batch without replacement, over that of the samples",
        derivation=derivation,
        claimed=1 / B - (B - 1) / (B * (n - 1)),
        rival=Rival("1/B, as with replacement", 1 / B),
    )
    yield Identity(
        "covariance of a batch with replacement, over that of the samples",
        derivation=derivation,
        part="replacement",
        claimed=1 / B,
        rival=Rival("the standard deviation in its place", 1 / sp.sqrt(B)),
    )
    yield Identity(
        "covariance between two disjoint batches of one epoch, over that of the samples",
        derivation=derivation,
        part="epoch",
        claimed=-1 / (n - 1),
        rival=Rival("none, as for independent batches", sp.Integer(0)),
    )
    sizes = np.arange(1, SAMPLES)  # at the whole set the noise is 0, which has no place on the axis
    figure = bench.figure(
        "batch-size",
        title=f"Noise of the gradient against the batch size, {SAMPLES} samples",
        x="batch size $B$",
        y="variance, over that of one sample",
        x_scale="log",
        y_scale="log",
        caption="Without replacement the noise is gone when the batch is the whole set. Up to a tenth of the set "
        "the two ways of drawing differ by less than a tenth.",
    )
    figure.line(sizes, 1 / sizes, "with replacement, $1/B$")
    figure.line(sizes, [float(theory.batch_noise_factor(SAMPLES, int(size))) for size in sizes], "without")
