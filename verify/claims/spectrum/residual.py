"""The residual part of the Hessian: its block structure, its law for linear and ReLU units, and what it is not."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import numerics
import theory
from verify import (
    Agrees,
    Comparison,
    Equals,
    Identity,
    Rival,
    SameLaw,
    Slide,
    Source,
    Verdict,
    Workbench,
    claim,
)
from verify.claims.spectrum.networks import networks_with_residuals
from verify.claims.spectrum.spectra import (
    DRAWS,
    Array,
    density_curve,
    draw_spectrum,
    ensembles,
    matrix_sizes,
    within,
)
from verify.sources import OXFORD_C65, PENNINGTON_BAHRI_2017

SHAPE_SLIDE = Slide(OXFORD_C65, "Local shape of loss landscape")
RELU_SLIDE = Slide(OXFORD_C65, "The two layer ReLU net")
JOINT_SLIDE = Slide(OXFORD_C65, "Stieltjes and R Transform for joint spectra")
INDEPENDENT = "residuals $N(0, 2\\epsilon)$, inputs $N(0, 1)$, independent of each other in all coordinates"
EPSILON = 0.3
RATIO = 1.0  # phi = 2n/m


@claim(
    "spectrum.residual-linear",
    title="The residual part of a linear network is free compound Poisson",
    source=Source(
        PENNINGTON_BAHRI_2017, "the Hessian of one hidden layer, without its activation", printed=JOINT_SLIDE
    ),
    assumptions=(INDEPENDENT, "the limit of large width at fixed $\\phi = 2n/m$"),
    expects={Verdict.SUPPORTED},
    corrects="spectrum.residual-is-wigner",
)
def residual_linear(bench: Workbench) -> Iterator[Comparison]:
    r"""For linear units, the residual part of the Hessian of a network with one hidden layer has the R-transform

    $$R_{H_1}(g) = \frac{2\epsilon\phi\, g}{2 - \epsilon\phi^2 g^2}, \qquad \phi = 2n/m:$$

    every sample adds a term of rank two with the eigenvalues $\pm\phi\sqrt{\epsilon/2}$, at the rate $1/\phi$ each. Its
    variance is $\epsilon\phi$, not $2\epsilon$, and it is not a semicircle.
    """
    yield from _residual_law(bench, "linear", 1)


@claim(
    "spectrum.residual-relu",
    title="The residual part of a ReLU network is free compound Poisson at half the rate",
    source=Source(PENNINGTON_BAHRI_2017, "the single-hidden-layer ReLU network, its R-transform", printed=RELU_SLIDE),
    assumptions=(
        INDEPENDENT,
        "each unit is active on half of the samples, independently of residuals and inputs",
        "the limit of large width at fixed $\\phi = 2n/m$",
    ),
    expects={Verdict.SUPPORTED},
)
def residual_relu(bench: Workbench) -> Iterator[Comparison]:
    r"""For ReLU units, the residual part of the Hessian of a network with one hidden layer has the R-transform

    $$R_{H_1}(g) = \frac{\epsilon\phi\, g}{2 - \epsilon\phi^2 g^2}, \qquad \phi = 2n/m,$$

    half of that of linear units, because half of the samples reach a unit; nothing else of the ReLU enters.
    """
    yield from _residual_law(bench, "relu", "1/2")


def _residual_law(bench: Workbench, kind: str, active: Any) -> Iterator[Comparison]:
    yield Identity(
        "R-transform of the residual part",
        derivation=theory.residual_transform(active),
        rival=Rival("a semicircle of variance 2 epsilon", 2 * theory.epsilon * theory.g),
    )
    width, samples = 8, 40
    items = [{"seed": seed, "width": width, "samples": samples, "kind": kind} for seed in bench.seeds("real", 1)]
    (real,) = bench.map("real networks", residual_part_against_blocks, items)
    yield Agrees(
        f"eigenvalues of the residual part of {DRAWS} real networks against the singular values of their blocks",
        measured=real["hessian"],
        predicted=real["blocks"],
        tolerance=1e-12,
        reason="rounding in eigenproblems of size 128, some 1e-15 of the radius",
        rival=Rival(
            "blocks of the loss without its 1/2" if kind == "linear" else "blocks over all samples, active or not",
            real["wrong"],
        ),
    )
    law = theory.residual_hessian(active).at(phi=RATIO, epsilon=EPSILON)
    spectra = ensembles(bench, "blocks", block_spectra, kind=kind)["eigenvalues"]
    yield SameLaw(
        f"sampled blocks at phi = {RATIO:g}, epsilon = {EPSILON}",
        law=law,
        spectra=spectra,
        within=within(bench),
        rival=Rival("a semicircle of the same variance", theory.semicircle(law.free_cumulant(2))),
    )
    size = matrix_sizes(bench)[-1]
    figure = bench.figure(
        "residual-part",
        title=f"Spectrum of the residual part, {'ReLU' if kind == 'relu' else 'linear'} units",
        x="eigenvalue",
        y="density",
        caption=f"Eigenvalues of {DRAWS} sampled residual blocks of width {size // 2} at $\\phi = {RATIO:g}$, "
        f"$\\epsilon = {EPSILON}$ (histogram), the derived law (first line), and the semicircle of variance "
        "$2\\epsilon$ that the slide takes in its place (second line).",
    )
    draw_spectrum(figure, spectra[size], "sampled").line(*density_curve(law), "free compound Poisson")
    figure.line(*density_curve(theory.semicircle(2 * EPSILON)), "semicircle as printed")


def block_spectra(size: int, seed: int, draws: int, device: str, kind: str) -> dict[str, Array]:
    """Sample residual blocks of width size/2 and return their symmetric spectra."""
    blocks = numerics.sample_residual_blocks(
        size // 2,
        samples=round(size / RATIO),
        epsilon=EPSILON,
        active=kind,  # type: ignore[arg-type]  # a JSON scalar travels as a plain string
        seeds=range(seed, seed + draws),
        device=device,
    )
    return {"eigenvalues": numerics.symmetric_spectrum(blocks).cpu().numpy()}


def residual_part_against_blocks(seed: int, width: int, samples: int, kind: str) -> dict[str, Array]:
    """Return the eigenvalues of H1 of random networks, once from the Hessian and once from the blocks
    (1/m) sum e D x' of their units.
    """
    import torch

    net = networks_with_residuals(width, samples, kind, epsilon=EPSILON, seeds=range(seed, seed + DRAWS))
    dense = torch.linalg.eigvalsh(net.hessian().residual)
    active = net.active_samples()
    blocks = {"blocks": active, "wrong": 2 * active if kind == "linear" else active.new_ones(active.shape)}
    result = {"hessian": dense.numpy()}
    for name, weights in blocks.items():
        of_units = torch.einsum("smo,smu,smi->suoi", net.residuals, weights, net.x) / samples
        spectra = [numerics.symmetric_spectrum(member).flatten() for member in of_units]
        result[name] = torch.stack(spectra).sort(dim=1).values.numpy()
    return result


@claim(
    "spectrum.residual-is-wigner",
    title="The residual part as a Wigner matrix",
    source=Source(PENNINGTON_BAHRI_2017, "the Wishart + Wigner model", printed=JOINT_SLIDE),
    assumptions=(INDEPENDENT, "linear units, as on the slide"),
    expects={Verdict.REFUTED},
)
def residual_is_wigner(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed, for the two-layer network without activation: the residual part of the Hessian has the R-transform
    $R_{H_1}(g) = 2\epsilon g$, that is, its spectrum is a semicircle of variance $2\epsilon$.
    """
    derivation = theory.residual_transform(1)
    yield Identity(
        "R-transform of the residual part",
        derivation=derivation,
        claimed=2 * theory.epsilon * theory.g,
        rival=Rival("the free compound Poisson law of its blocks", derivation.value),
    )
    size = matrix_sizes(bench)[-1]
    spectra = ensembles(bench, "blocks", block_spectra, (size,), kind="linear")["eigenvalues"][size]
    variances = (spectra**2).mean(axis=1)
    excess = (spectra**4).mean(axis=1) / variances**2 - 2
    yield Equals(
        f"variance at phi = {RATIO:g}, epsilon = {EPSILON}",
        predicted=2 * EPSILON,
        replicates=variances,
        absolute=0.1,
        rival=Rival("epsilon phi", EPSILON * RATIO),
    )
    yield Equals(
        "fourth free cumulant over the variance squared",
        predicted=0.0,
        replicates=excess,
        absolute=0.2,
        rival=Rival("phi/2", RATIO / 2),
    )


@claim(
    "spectrum.residual-is-indefinite",
    title="The residual part has zero diagonal blocks and a symmetric spectrum",
    source=Source(PENNINGTON_BAHRI_2017, "the single-hidden-layer ReLU network", printed=SHAPE_SLIDE),
    assumptions=("one hidden layer of linear, ReLU or leaky units, none of them on a kink at a sample",),
    expects={Verdict.PROVED},
)
def residual_is_indefinite(bench: Workbench) -> Iterator[Comparison]:
    r"""In a network with one hidden layer of piecewise linear units the output is linear in the weights of each layer
    alone, so the residual part couples the two layers only:

    $$H_1 = \begin{pmatrix} 0 & M \\ M^T & 0 \end{pmatrix}, \qquad S H_1 S = -H_1, \quad S = \mathrm{diag}(1, -1).$$

    Its spectrum is symmetric about 0, and it is indefinite unless it vanishes. This holds for linear units as well as
    for ReLU: the ReLU does not make the blocks, it only halves the rate at which samples enter them.
    """
    derivation = theory.residual_block_structure()
    yield Identity(
        "conjugation by S changes the sign",
        derivation=derivation,
        rival=Rival("it leaves the residual part as it is", -1 * derivation.value),
    )


@claim(
    "spectrum.residual-variance",
    title="Residuals have twice the energy as their variance",
    source=Source(
        PENNINGTON_BAHRI_2017,
        "the assumptions of the model",
        printed=Slide(OXFORD_C65, "Random matrix model of the Hessian"),
    ),
    assumptions=(
        "residuals are independent, centred and normal with one variance",
        "for the gradient: residuals are independent of weights and inputs",
    ),
    expects={Verdict.SUPPORTED},
)
def residual_variance(bench: Workbench) -> Iterator[Comparison]:
    r"""With the loss $L = \frac{1}{2m} \sum_{\mu, i} e_{i\mu}^2$, residuals $e \sim N(0, v)$ have $v = 2\epsilon$
    exactly if the energy is $\epsilon = L/n$. At fixed weights the entries of the gradient then have the variance
    $2\epsilon/m$ times the diagonal of the Gauss-Newton part, whose mean is 1 for linear units with weights
    $N(0, 1/n)$, so that the gradient vanishes for large $m$.
    """
    derivation = theory.residual_variance()
    yield Identity("residual variance", derivation=derivation, rival=Rival("epsilon", theory.epsilon))
    width, samples = 8, 32
    networks = bench.size(quick=2000, standard=20_000, full=200_000)
    items = [
        {"seed": seed, "width": width, "samples": samples, "networks": 500}
        for seed in bench.seeds("networks", networks // 500)
    ]
    results = bench.map("gradients", residuals_in_loss_and_gradient, items)
    yield Equals(
        "loss over n at residual variance 2 epsilon",
        predicted=EPSILON,
        replicates=np.concatenate([result["energy"] for result in results]),
        relative=0.05,
        rival=Rival("half of it, as if the variance were epsilon", EPSILON / 2),
    )
    yield Equals(
        "mean square of the gradient entries, times m",
        predicted=2 * EPSILON,
        replicates=np.concatenate([result["gradient"] for result in results]),
        relative=0.15,
        rival=Rival("epsilon", EPSILON),
    )


def residuals_in_loss_and_gradient(seed: int, width: int, samples: int, networks: int) -> dict[str, Array]:
    """Give linear networks residuals N(0, 2 epsilon) and return, for each, L/n and m times the mean square of the
    gradient's entries.
    """
    net = networks_with_residuals(width, samples, "linear", epsilon=EPSILON, seeds=range(seed, seed + networks))
    loss, gradient = numerics.loss_and_gradient(net.network, net.theta, net.x, net.y, net.loss)
    return {
        "energy": (loss / width).numpy(),
        "gradient": (samples * gradient.square().mean(dim=1)).numpy(),
    }
