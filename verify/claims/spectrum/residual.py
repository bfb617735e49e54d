"""The residual part of the Hessian: its block structure, its law for linear and ReLU units, and what it is not."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

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
from verify.bibliography import PENNINGTON_BAHRI_2017
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
from verify.sources import OXFORD_C65

if TYPE_CHECKING:
    import torch

SHAPE_SLIDE = Slide(OXFORD_C65, "Local shape of loss landscape")
MODEL_SLIDE = Slide(OXFORD_C65, "One can interpret properties of the landscape through the Hessian")
RELU_SLIDE = Slide(OXFORD_C65, "The two layer ReLU net (Pennington et al. 17')")
JOINT_SLIDE = Slide(OXFORD_C65, "Stieltjes and R Transform for joint spectra")
INDEPENDENT = "residuals $N(0, 2\\epsilon)$, inputs $N(0, 1)$, independent of each other in all coordinates"
EPSILON = 0.3
BLOCK_DRAWS = 48  # one slope in twelve lies above -1/2, so that twenty-four draws leave the median's interval across it
RATIO = 1.0  # phi = 2n/m
SAMPLES_PER_INPUT = 4  # for the gradient: phi = 1/2
GRADIENT_WIDTHS = (8, 16, 24, 32)


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
        "weights of any law: a unit is active where its input is positive, and no sample lies on the kink",
        "the limit of large width at fixed $\\phi = 2n/m$",
    ),
    expects={Verdict.SUPPORTED},
)
def residual_relu(bench: Workbench) -> Iterator[Comparison]:
    r"""For ReLU units, the residual part of the Hessian of a network with one hidden layer has the R-transform

    $$R_{H_1}(g) = \frac{\epsilon\phi\, g}{2 - \epsilon\phi^2 g^2}, \qquad \phi = 2n/m,$$

    half of that of linear units, because half of the samples reach a unit; nothing else of the ReLU enters.

    The gate depends on the input, but not on the product $e x^T$ that it lets through: $(e, x) \to (-e, -x)$ leaves the
    product as it is and opens a closed gate. The sampled blocks are those of two units of opposite weights on common
    data, whose gates let through every sample once.
    """
    yield from _residual_law(bench, "relu", "1/2")


def _residual_law(bench: Workbench, kind: str, active: Any) -> Iterator[Comparison]:
    phi, epsilon, g = theory.phi, theory.epsilon, theory.g
    below = 2 - epsilon * phi**2 * g**2
    formulas = {"linear": 2 * epsilon * phi * g / below, "relu": epsilon * phi * g / below}
    yield Identity(
        "R-transform of the residual part",
        derivation=theory.residual_transform(active),
        claimed=formulas[kind],
        rival=Rival("a semicircle of variance 2 epsilon, as in the simpler model", 2 * epsilon * g),
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
    spectra = ensembles(bench, "blocks", block_spectra, replicates=BLOCK_DRAWS, kind=kind)["eigenvalues"]
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
        caption=f"Eigenvalues of {BLOCK_DRAWS} sampled residual blocks of width {size // 2} at $\\phi = {RATIO:g}$, "
        f"$\\epsilon = {EPSILON}$ (histogram), the derived law (first line), and the semicircle of variance "
        "$2\\epsilon$ that the slide takes in its place (second line).",
    )
    draw_spectrum(figure, spectra[size], "sampled").line(*density_curve(law), "free compound Poisson")
    figure.line(*density_curve(theory.semicircle(2 * EPSILON)), "semicircle as printed")


def block_spectra(size: int, seed: int, draws: int, device: str, kind: str) -> dict[str, Array]:
    """Sample residual blocks of width size/2 and return their symmetric spectra; of ReLU networks two blocks each.

    The number of samples that one gate lets through varies by 1/sqrt(m) of itself, and the spectrum with it, more than
    by all else that is of finite size. Two units of opposite weights let through every sample once: in the mean of
    their spectra what is of first order in that number cancels, and what is left falls like 1/m.
    """
    width, samples = size // 2, round(size / RATIO)
    seeds = range(seed, seed + draws)
    if kind == "linear":
        blocks = numerics.sample_residual_blocks(
            width, samples=samples, epsilon=EPSILON, active="linear", seeds=seeds, device=device
        )
        return {"eigenvalues": numerics.symmetric_spectrum(blocks).cpu().numpy()}
    rows = [numerics.symmetric_spectrum(opposite_units(width, samples, one, device)) for one in seeds]
    return {"eigenvalues": np.stack([row.flatten().sort().values.cpu().numpy() for row in rows])}


def opposite_units(width: int, samples: int, seed: int, device: str) -> "torch.Tensor":
    """Return the blocks (1/m) sum e D x' of two ReLU units with the weights w and -w, w N(0, 1/n), on common data."""
    import torch

    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> "torch.Tensor":
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(device)

    residuals, x, weights = normal(samples, width), normal(samples, width), normal(width)
    inputs = x @ weights
    scale = (2 * EPSILON) ** 0.5 / samples
    return torch.stack([scale * residuals[gate].mT @ x[gate] for gate in (inputs > 0, inputs < 0)])


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
    source=Source(PENNINGTON_BAHRI_2017, "the Wishart + Wigner approximation (figure 1)", printed=JOINT_SLIDE),
    assumptions=(INDEPENDENT, "linear units, as on the slide"),
    expects={Verdict.REFUTED},
    flaw="assumption",
    right=(
        r"$R_{H_1}(g) = \frac{2\epsilon\phi\, g}{2 - \epsilon\phi^2 g^2}$: the variance is $\epsilon\phi$, and the "
        r"spectrum a semicircle as $\phi \to 0$ only."
    ),
)
def residual_is_wigner(bench: Workbench) -> Iterator[Comparison]:
    r"""As assumed, for the two-layer network without activation: the residual part of the Hessian can be modelled by a
    Wigner matrix with the R-transform $R_{H_1}(g) = 2\epsilon g$, that is, its spectrum is a semicircle of variance
    $2\epsilon$.

    The mismatch depends on $\phi$. The variance is $\epsilon\phi$: the two agree if and only if $\phi = 2$, as many
    samples as inputs. The shape is that of a semicircle for small $\phi$ only: the fourth free cumulant over the square
    of the variance is $\phi/2$.
    """
    phi, epsilon, g = theory.phi, theory.epsilon, theory.g
    yield Identity(
        "R-transform of the residual part",
        derivation=theory.residual_transform(1),
        claimed=2 * epsilon * g,
        rival=Rival(
            "the free compound Poisson law of its blocks", 2 * epsilon * phi * g / (2 - epsilon * phi**2 * g**2)
        ),
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
    from sympy import ImmutableMatrix, symbols

    block, transposed = symbols("M M^T", commutative=False)
    yield Identity(
        "conjugation by S changes the sign",
        derivation=theory.residual_block_structure(),
        claimed=-ImmutableMatrix([[0, block], [transposed, 0]]),
        rival=Rival("block-diagonal, each layer coupled to itself", ImmutableMatrix([[block, 0], [0, transposed]])),
    )


@claim(
    "spectrum.residual-variance",
    title="Residuals have twice the energy as their variance",
    source=Source(PENNINGTON_BAHRI_2017, "the assumptions of the model", printed=MODEL_SLIDE),
    assumptions=(
        "residuals are independent, centred and normal with one variance",
        "for the gradient: residuals are independent of weights and inputs",
    ),
    expects={Verdict.SUPPORTED},
)
def residual_variance(bench: Workbench) -> Iterator[Comparison]:
    r"""With the loss $L = \frac{1}{2m} \sum_{\mu, i} e_{i\mu}^2$, residuals $e \sim N(0, v)$ have $v = 2\epsilon$
    exactly if the energy is $\epsilon = L/n$.

    At fixed weights the entries of the gradient then have the variance $2\epsilon/m$ times the diagonal of the
    Gauss-Newton part, whose mean is 1 for linear units with weights $N(0, 1/n)$. So every entry vanishes for large $m$,
    but the gradient as a whole does not: its $2n^2$ entries have

    $$\mathbb{E}\, |\nabla L|^2 = 2n^2 \cdot \frac{2\epsilon}{m} = 2\phi L, \qquad \phi = 2n/m,$$

    which grows with $n$ at fixed $\phi$ and $\epsilon$. Residuals that are independent of the inputs do not make a
    critical point.
    """
    from theory.symbols import m

    epsilon = theory.epsilon
    derivation = theory.residual_variance()
    yield Identity(
        "residual variance",
        derivation=derivation,
        claimed=2 * epsilon,
        rival=Rival("epsilon, as for a loss without its 1/2", epsilon),
    )
    yield Identity(
        "variance of a gradient entry",
        derivation=derivation,
        part="gradient variance",
        claimed=2 * epsilon / m,
        rival=Rival("epsilon/m, as for a loss without its 1/2", epsilon / m),
    )
    networks = bench.size(quick=400, standard=4000, full=40_000)
    items = [
        {"seed": seed, "width": width, "samples": SAMPLES_PER_INPUT * width, "networks": 100}
        for width in GRADIENT_WIDTHS
        for seed in bench.seeds(f"networks of width {width}", networks // 100)
    ]
    results = bench.map("gradients", residuals_in_loss_and_gradient, items)
    by_width = {
        name: np.stack(
            [
                np.concatenate([r[name] for item, r in zip(items, results, strict=True) if item["width"] == width])
                for width in GRADIENT_WIDTHS
            ],
            axis=1,
        )
        for name in results[0]
    }
    widths = ", ".join(map(str, GRADIENT_WIDTHS))
    cells = np.ones(len(GRADIENT_WIDTHS))
    yield Equals(
        f"loss over n at residual variance 2 epsilon, n = {widths}",
        predicted=EPSILON * cells,
        replicates=by_width["energy"],
        # one network varies by sqrt(2/(mn)) = 0.09 at n = 8, the mean of 400 by 0.0045
        relative=0.1,
        rival=Rival("half of it, as if the variance were epsilon", EPSILON / 2 * cells),
    )
    ratio = 2 / SAMPLES_PER_INPUT
    yield Equals(
        f"square of the gradient over the loss at phi = {ratio:g}, n = {widths}",
        predicted=2 * ratio * cells,
        replicates=by_width["gradient"],
        # one network varies by about 2/n = 0.25 at n = 8 (weights 1.4/n, residuals 1/n), the mean of 400 by 0.0125
        relative=0.2,
        rival=Rival("0, a gradient that vanishes", 0 * cells),
    )
    figure = bench.figure(
        "gradient",
        title=f"The gradient at independent residuals, $\\phi = {ratio:g}$, $\\epsilon = {EPSILON:g}$",
        x="width $n$",
        y="square of the gradient",
        caption=f"Means over {networks} linear networks with standard deviations, and the line "
        "$2\\epsilon\\phi n$. The entries become small, the gradient does not.",
    )
    squares = by_width["gradient"] * by_width["energy"] * np.array(GRADIENT_WIDTHS)
    figure.line([0, GRADIENT_WIDTHS[-1]], [0, 2 * EPSILON * ratio * GRADIENT_WIDTHS[-1]], "$2\\epsilon\\phi n$")
    figure.points(GRADIENT_WIDTHS, squares.mean(axis=0), "measured", errors=squares.std(axis=0))


def residuals_in_loss_and_gradient(seed: int, width: int, samples: int, networks: int) -> dict[str, Array]:
    """Give linear networks residuals N(0, 2 epsilon) and return, for each, L/n and the gradient's square over L."""
    net = networks_with_residuals(width, samples, "linear", epsilon=EPSILON, seeds=range(seed, seed + networks))
    loss, gradient = numerics.loss_and_gradient(net.network, net.theta, net.x, net.y, net.loss)
    return {
        "energy": (loss / width).numpy(),
        "gradient": (gradient.square().sum(dim=1) / loss).numpy(),
    }
