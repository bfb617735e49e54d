"""Critical energies: at which energy the Hessian of the random-matrix model gets its first negative eigenvalue."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

import theory
from verify import Comparison, Enclosure, Identity, Rival, Slide, Source, Verdict, Workbench, claim
from verify.bibliography import PENNINGTON_BAHRI_2017
from verify.sources import OXFORD_C65

TOY_SLIDE = Slide(OXFORD_C65, "Fraction of negative eigenvalues (Pennington et al. 17')")
RELU_SLIDE = Slide(OXFORD_C65, "The two layer ReLU net (Pennington et al. 17')")
FREE = "the Gauss-Newton part is Marchenko-Pastur of ratio $\\phi$ and free from the residual part"
RATIOS = tuple(Fraction(k, 21) for k in range(1, 21))
HALVINGS = 44


def onset_of_the_index(model: Any) -> Any:
    """Bracket the energy at which the certified index of a law leaves zero, by halving; nothing else is used.

    Args:
        model: A law whose one free parameter is the energy. Its index is an exact zero below the onset and a ball
            above zero beyond it.

    Returns:
        A ball that holds the onset.
    """

    def negative(energy: Fraction) -> bool:
        return bool(model.at(epsilon=energy).index(digits=30).lower > 0)

    below, above = Fraction(0), Fraction(1)
    while not negative(above):
        below, above = above, 2 * above
    for _ in range(HALVINGS):
        middle = (below + above) / 2
        if negative(middle):
            above = middle
        else:
            below = middle
    return theory.Ball((below + above) / 2, (above - below) / 2, digits=12)


def onsets(model: Any) -> list[Any]:
    """Bracket the onset at each of the twenty ratios."""
    return [onset_of_the_index(model.at(phi=ratio)) for ratio in RATIOS]


def balls(derivation: Any, ratios: tuple[Fraction, ...] = RATIOS) -> list[Any]:
    """Evaluate a critical energy at the ratios."""
    return [derivation.at(phi=ratio, digits=30) for ratio in ratios]


@claim(
    "index.critical-energy-toy",
    title="Critical energy, Wishart plus Wigner",
    source=Source(PENNINGTON_BAHRI_2017, "critical energy of the simplified model", TOY_SLIDE),
    assumptions=(FREE, "the residual part is a semicircle of variance $2\\epsilon$", "$0 < \\phi < 1$"),
    expects={Verdict.CERTIFIED},
)
def critical_energy_toy(bench: Workbench) -> Iterator[Comparison]:
    r"""With a Wigner matrix for the residual part, negative eigenvalues appear at

    $$\epsilon_c = \frac{1}{16}\left(1 - 20\phi - 8\phi^2 + (1 + 8\phi)^{3/2}\right), \qquad \phi = 2n/m < 1.$$
    """
    phi = theory.phi
    toy = theory.critical_energy(theory.wishart_wigner_hessian())
    linear = theory.critical_energy(theory.linear_hessian())
    yield Identity(
        "the formula, derived from the left edge of the spectrum",
        derivation=toy,
        claimed=(1 - 20 * phi - 8 * phi**2 + (1 + 8 * phi) ** Fraction(3, 2)) / 16,
        rival=Rival("the linear network's own residual law", linear.value),
    )
    ratios = np.linspace(0.01, 0.99, 99)
    figure = bench.figure(
        "critical-energies",
        title="Critical energies of the three models",
        x="parameters per residual, φ = 2n/m",
        y="critical energy ε_c",
        y_scale="log",
        caption="Lines: the closed forms, for a Gauss-Newton part of mean s. With weights of variance 1/n linear units "
        "have s = 1 and ReLU units s = 1/2; with variance 2/n ReLU units have s = 1. Points: where the certified index "
        "leaves zero. A network at zero output has energy 1/2.",
    )
    for name, model in models().items():
        derivation = theory.critical_energy(model)
        figure.line(ratios, [float(derivation.at(phi=str(round(r, 2)), digits=10)) for r in ratios], name)
    half = theory.critical_energy(theory.relu_hessian(scale="1/2"))
    values = [float(half.at(phi=str(round(r, 2)), digits=10)) for r in ratios]
    figure.line(ratios, values, "ReLU network, s = 1/2")
    brackets = onsets(theory.wishart_wigner_hessian())
    figure.points([float(r) for r in RATIOS], [float(b) for b in brackets], "onset of the index, Wishart + Wigner")
    yield Enclosure(
        "where the certified index leaves zero, at 20 ratios",
        values=brackets,
        predicted=balls(toy),
        digits=12,
        rival=Rival("the linear network's own residual law", balls(linear)),
    )


def models() -> dict[str, Any]:
    """Name the three models of the Hessian, with energy and ratio free and a Gauss-Newton part of mean 1."""
    return {
        "Wishart + Wigner": theory.wishart_wigner_hessian(),
        "linear network": theory.linear_hessian(),
        "ReLU network": theory.relu_hessian(),
    }


@claim(
    "index.critical-energy-relu",
    title="Critical energy, ReLU network",
    corrects="index.critical-energy-relu-scale",
    source=Source(PENNINGTON_BAHRI_2017, "critical energy with ReLU units", RELU_SLIDE),
    assumptions=(FREE, "each unit is active on half of the samples, independently of the residuals", "$0 < \\phi < 1$"),
    expects={Verdict.CERTIFIED},
)
def critical_energy_relu(bench: Workbench) -> Iterator[Comparison]:
    r"""With the residual part of a ReLU network and a Gauss-Newton part of mean $s$, negative eigenvalues appear at

    $$\epsilon_c = s^2\, \frac{27 - 18\xi - \xi^2 + 8\xi^{3/2}}{32\,\phi\,(1 - \phi)^3},
    \qquad \xi = 1 + 16\phi - 8\phi^2.$$

    Half of the samples are switched off in $H_0$, too: weights of variance $1/n$ give $s = 1/2$, of variance $2/n$
    $s = 1$.
    """
    phi, scale = theory.phi, theory.s
    xi = 1 + 16 * phi - 8 * phi**2
    numerator = 27 - 18 * xi - xi**2 + 8 * xi ** Fraction(3, 2)
    linear = theory.critical_energy(theory.linear_hessian())
    yield Identity(
        "the formula, for any mean of the Gauss-Newton part",
        derivation=theory.critical_energy(theory.relu_hessian(scale=scale)),
        claimed=scale**2 * numerator / (32 * phi * (1 - phi) ** 3),
        rival=Rival("the linear network's residual law", scale**2 * linear.value),
    )
    yield Enclosure(
        "where the certified index leaves zero, at 20 ratios",
        values=onsets(theory.relu_hessian()),
        predicted=balls(theory.critical_energy(theory.relu_hessian())),
        digits=12,
        rival=Rival("the linear network's residual law", balls(linear)),
    )


@claim(
    "index.critical-energy-relu-scale",
    title="Scale of the ReLU critical energy",
    source=Source(printed=RELU_SLIDE),
    assumptions=(FREE, "Wishart entries have variance $\\sigma^2/p$, as on the slide that defines them"),
    expects={Verdict.REFUTED},
    right=r"The prefactor is $\sigma^4$; or it is $\sigma^2$, for entries of variance $\sigma/p$.",
)
def critical_energy_relu_scale(bench: Workbench) -> Iterator[Comparison]:
    r"""With Wishart entries of variance $\sigma^2/p$, the critical energy of the ReLU network has the
    prefactor $\sigma^2$:

    $$\epsilon_c = \sigma^2\, \frac{27 - 18\xi - \xi^2 + 8\xi^{3/2}}{32\,\phi\,(1 - \phi)^3}.$$

    (The Gauss-Newton part then has mean $\sigma^2$, and $\epsilon_c$ goes with its square: the prefactor is $\sigma^4$.
    The slides' edges, density and this prefactor agree with one another if $\sigma$ is itself the variance; the one
    symbol at odds with them is the $\sigma^2$ in the entries, the same slip as in the edges of the Wishart law.)
    """
    phi, variance = theory.phi, theory.s
    xi = 1 + 16 * phi - 8 * phi**2
    unit = (27 - 18 * xi - xi**2 + 8 * xi ** Fraction(3, 2)) / (32 * phi * (1 - phi) ** 3)
    yield Identity(
        "prefactor, in terms of the variance $s = \\sigma^2$",
        derivation=theory.critical_energy(theory.relu_hessian(scale=variance)),
        claimed=variance * unit,
        rival=Rival("the prefactor $\\sigma^4$", variance**2 * unit),
    )


@claim(
    "index.critical-energy-linear",
    title="Critical energy, linear network",
    source=Source(PENNINGTON_BAHRI_2017, "the simplified model, with another residual part derived here", TOY_SLIDE),
    assumptions=(FREE, "residuals are independent of the inputs", "$0 < \\phi < 1$"),
    expects={Verdict.PROVED},
)
def critical_energy_linear(bench: Workbench) -> Iterator[Comparison]:
    r"""With the law that the residual part of a linear network has at random weights and independent residuals, in
    place of a semicircle, negative eigenvalues appear at

    $$\epsilon_c = \frac{8 (1 - \phi)^3 (1 + v)}{\phi\,(3 + v)^3}, \qquad v^2 = 1 + 12\phi - 4\phi^2.$$

    The same formula holds for all three models, with $v^2 = 1 + 8\phi + 4c\phi(1 - \phi)$ and the prefactor $1/2$,
    $1/\phi$, $2/\phi$ in place of $1/\phi$: $c = 0$ for the Wigner matrix, $1$ for linear and $2$ for ReLU units.
    """
    phi = theory.phi
    factors = {"Wishart + Wigner": (0, Fraction(1, 2)), "linear network": (1, 1 / phi), "ReLU network": (2, 2 / phi)}
    for name, model in models().items():
        sparsity, prefactor = factors[name]
        v = (1 + 8 * phi + 4 * sparsity * phi * (1 - phi)) ** Fraction(1, 2)
        other = (1 + 8 * phi + 4 * (sparsity + 1) * phi * (1 - phi)) ** Fraction(1, 2)
        yield Identity(
            f"the one closed form, {name}",
            derivation=theory.critical_energy(model),
            claimed=8 * prefactor * (1 - phi) ** 3 * (1 + v) / (3 + v) ** 3,
            rival=Rival("the next model's radical", 8 * prefactor * (1 - phi) ** 3 * (1 + other) / (3 + other) ** 3),
        )
