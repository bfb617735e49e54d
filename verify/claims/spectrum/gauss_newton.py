"""The Gauss-Newton part of two-layer networks: what it is for linear units, and that it is no Wishart matrix."""

from collections.abc import Iterator

import numpy as np

import numerics
import theory
from verify import Agrees, AtMost, Comparison, Equals, Identity, Rival, Slide, Source, Verdict, Workbench, claim
from verify.bibliography import PENNINGTON_BAHRI_2017
from verify.claims.spectrum.networks import NETWORKS, over_networks, random_networks
from verify.claims.spectrum.spectra import Array, density_curve, draw_spectrum, eigenvalues, ensembles, matrix_sizes
from verify.rules.transport import distances_to_law, standard_deviation
from verify.sources import OXFORD_C65

JOINT_SLIDE = Slide(OXFORD_C65, "Stieltjes and R Transform for joint spectra")
SAMPLES_PER_INPUT = 4  # phi = 2n/m = 1/2
KINDS = {"linear": "linear", "relu": "ReLU"}


@claim(
    "spectrum.gauss-newton-is-wishart",
    title="The Gauss-Newton part as a Wishart matrix",
    source=Source(PENNINGTON_BAHRI_2017, "the Wishart model of the Gauss-Newton part (figure 1)", printed=JOINT_SLIDE),
    assumptions=("random weights $N(0, 1/n)$, standard normal inputs, $\\phi = 2n/m$", "linear or ReLU units"),
    expects={Verdict.REFUTED},
    flaw="assumption",
    right=(
        r"For linear units the eigenvalues of $H_0$ are $n^2$ zeros and those of $W_2 W_2^T \otimes C + 1 \otimes "
        "C^{1/2} W_1^T W_1 C^{1/2}$, with $C = X X^T/m$. For ReLU units it is no Marchenko-Pastur law either."
    ),
)
def gauss_newton_is_wishart(bench: Workbench) -> Iterator[Comparison]:
    r"""As assumed: the Gauss-Newton part $H_0 = J J^T/m$ can be modelled by a Wishart matrix, whose spectrum is the
    Marchenko-Pastur law of ratio $\phi = 2n/m$; for ReLU units this is called less clear an assumption.

    The columns of $J$ are products of weights and inputs, not independent draws. Here each spectrum is divided by its
    own mean, so that shape alone is compared. In a second, more charitable reading the zero modes of the network's
    symmetries are left out and ratio and mean are those of the rest. More samples do not help.
    """
    width = bench.size(quick=10, standard=16, full=24)
    figures = {}
    for kind in ("linear", "relu"):
        for factor in (SAMPLES_PER_INPUT, 16):
            spectra = over_networks(
                bench, f"{kind} {factor}", gauss_newton_spectra, width=width, samples=factor * width, kind=kind
            )["eigenvalues"]
            zeros = width**2 if kind == "linear" else width
            for name, part, ratio in (
                ("all eigenvalues", spectra, 2 / factor),
                ("without zero modes", spectra[:, zeros:], 2 / factor * (1 - zeros / (2 * width**2))),
            ):
                scaled = part / part.mean(axis=1, keepdims=True)
                law = theory.marchenko_pastur(ratio)
                yield AtMost(
                    f"distance to Marchenko-Pastur in standard deviations: {KINDS[kind]}, phi = 1/{factor // 2}, "
                    f"{name}",
                    bound=0.1,
                    replicates=distances_to_law(scaled, law) / standard_deviation(law),
                    rival=Rival("a quarter of a standard deviation or more", 0.25),
                )
                figures[kind, factor, name] = scaled, law
    for kind in ("linear", "relu"):
        scaled, law = figures[kind, SAMPLES_PER_INPUT, "without zero modes"]
        figure = bench.figure(
            f"gauss-newton-{kind}",
            title=f"Gauss-Newton part of random {KINDS[kind]} networks, $\\phi = 1/2$",
            x="eigenvalue over the mean",
            y="density",
            caption=f"Eigenvalues other than zero modes of {NETWORKS} networks of width {width}, each spectrum "
            "divided by its mean, and the Marchenko-Pastur law of the same mean and ratio. The networks have more "
            "small and more large eigenvalues.",
        )
        clipped = scaled[scaled < 6]
        draw_spectrum(figure, clipped, "measured (up to 6)").line(*density_curve(law), "Marchenko-Pastur")


def gauss_newton_spectra(
    seed: int, networks: int, device: str, width: int, samples: int, kind: str
) -> dict[str, Array]:
    """Return the eigenvalues of H0 of random networks, ascending."""
    net = random_networks(width, samples, kind, seeds=range(seed, seed + networks), device=device)
    return {"eigenvalues": eigenvalues(net.hessian().gauss_newton)}


@claim(
    "spectrum.gauss-newton-linear",
    title="The Gauss-Newton part of a linear network: sums of eigenvalues of two Wishart matrices",
    source=Source(locator="linear algebra, derived here", printed=JOINT_SLIDE),
    assumptions=(
        "linear units, one hidden layer, all widths $n$",
        "the limit: weights $N(0, 1/n)$, and first $m \\to \\infty$, then $n \\to \\infty$",
    ),
    expects={Verdict.SUPPORTED},
    corrects="spectrum.gauss-newton-is-wishart",
)
def gauss_newton_linear(bench: Workbench) -> Iterator[Comparison]:
    r"""For linear units a change of the weights moves the matrix of the network by $dW_2 W_1 + W_2\, dW_1$. So, with
    $C = X X^T/m$, the eigenvalues of $H_0$ are $n^2$ zeros and those of

    $$W_2 W_2^T \otimes C + 1 \otimes C^{1/2} W_1^T W_1 C^{1/2}.$$

    As $\phi = 2n/m \to 0$ the matrix $C$ tends to 1, and the eigenvalues are the sums of one of $W_2 W_2^T$ and one of
    $W_1^T W_1$. As $n \to \infty$ the law of these sums is the classical convolution of two Marchenko-Pastur laws of
    ratio 1, of mean 2, variance 2 and fourth central moment 12. It is neither a Marchenko-Pastur law, which would have
    shrunk to a point for $\phi \to 0$, nor the free convolution, whose fourth central moment is 10.
    """
    from sympy import Tuple, binomial, catalan

    orders = range(1, 7)
    yield Identity(
        "moments of the sums, orders 1 to 6",
        derivation=theory.gauss_newton_limit(),
        claimed=Tuple(*(sum(binomial(k, j) * catalan(j) * catalan(k - j) for j in range(k + 1)) for k in orders)),
        rival=Rival("the free convolution", Tuple(2, 6, 22, 90, 394, 1806)),
    )
    for white, what in ((False, "n = 6, m = 24"), (True, "n = 6, m = 24, inputs with C = 1")):
        (real,) = bench.map(
            f"real networks {'with white inputs' if white else ''}".strip(),
            gauss_newton_against_sums,
            [{"seed": seed, "width": 6, "samples": 24, "white": white} for seed in bench.seeds(f"sums {white}", 1)],
        )
        yield Agrees(
            f"eigenvalues of the Gauss-Newton part of {NETWORKS} real networks, {what}, in units of the largest",
            measured=real["hessian"],
            predicted=real["sums"],
            tolerance=1e-12,
            reason="rounding in eigenproblems of size 72, some 1e-15 of the radius",
            rival=Rival("Gauss-Newton part of a loss without its 1/2", 2 * real["sums"]),
        )
    size = matrix_sizes(bench)[-1]
    sums = ensembles(bench, "pairs", sums_of_pairs, (size,))
    yield Equals(
        f"variance of the sums at n = {size}",
        predicted=2.0,
        replicates=sums["variance"][size],
        relative=0.1,  # one draw varies by some 4/n = 0.01 at n = 400, and the mean is off by as much
        rival=Rival("0, as for a Marchenko-Pastur law at phi = 0", 0.0),
    )
    yield Equals(
        f"fourth central moment of the sums at n = {size}",
        predicted=12.0,
        replicates=sums["fourth"][size],
        absolute=0.8,  # one draw varies by some 40/n = 0.1 at n = 400, and the mean is off by as much
        rival=Rival("the free convolution", 10.0),
    )
    figure = bench.figure(
        "sums",
        title="Gauss-Newton part of linear networks with many samples",
        x="eigenvalue",
        y="density",
        caption=f"Sums of pairs of eigenvalues of two square Wishart matrices of size {size} (histogram): the limit of "
        "the Gauss-Newton part's other half as $\\phi \\to 0$. Line: the free convolution of the same two laws.",
    )
    draw_spectrum(figure, sums["sample"][size], "sums of pairs")
    figure.line(*density_curve(theory.marchenko_pastur(1) + theory.marchenko_pastur(1)), "free convolution")


def gauss_newton_against_sums(seed: int, width: int, samples: int, white: bool) -> dict[str, Array]:
    """Return the eigenvalues of H0 of random linear networks, from the Hessian and from weights and inputs alone."""
    import torch

    net = random_networks(width, samples, "linear", seeds=range(seed, seed + NETWORKS))
    if white:
        net = net.with_inputs(torch.linalg.qr(net.x)[0] * samples**0.5)
    dense = eigenvalues(net.hessian().gauss_newton)
    (first, _), (second, _) = net.network.unflatten(net.theta)
    one = torch.eye(width, dtype=net.x.dtype)
    if white:
        incoming, outgoing = (torch.linalg.eigvalsh(w) for w in (first.mT @ first, second @ second.mT))
        others = (incoming[:, :, None] + outgoing[:, None, :]).flatten(1).sort(dim=1).values.numpy()
    else:
        values, vectors = torch.linalg.eigh(net.x.mT @ net.x / samples)
        root = vectors @ torch.diag_embed(values.sqrt()) @ vectors.mT
        product = zip(second @ second.mT, root, root @ first.mT @ first @ root, strict=True)
        others = eigenvalues(torch.stack([torch.kron(w, c @ c) + torch.kron(one, v) for w, c, v in product]))
    sums = np.concatenate([np.zeros_like(others), others], axis=1)
    unit = dense[:, -1:]
    return {"hessian": dense / unit, "sums": sums / unit}


def sums_of_pairs(size: int, seed: int, draws: int, device: str) -> dict[str, Array]:
    """Return moments of the sums of an eigenvalue of one square Wishart matrix and one of another, and some sums."""
    first, second = (
        eigenvalues(numerics.sample_wishart(size, ratio=1.0, seeds=range(start, start + draws), device=device))
        for start in (seed, seed + draws)
    )
    sums = (first[:, :, None] + second[:, None, :]).reshape(draws, -1)
    centred = sums - sums.mean(axis=1, keepdims=True)
    return {
        "variance": (centred**2).mean(axis=1),
        "fourth": (centred**4).mean(axis=1),
        "sample": sums[:, ::37],  # enough for a histogram
    }
