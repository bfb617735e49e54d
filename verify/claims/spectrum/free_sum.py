"""The free sum of the two laws: R-transforms add, sampled sums follow, and with the energy it becomes a semicircle."""

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

import numerics
import theory
from verify import Comparison, Enclosure, Equals, Identity, Rival, SameLaw, Slide, Source, Verdict, Workbench, claim
from verify.claims.spectrum.spectra import (
    DRAWS,
    Array,
    density_curve,
    draw_spectrum,
    eigenvalues,
    ensembles,
    matrix_sizes,
    within,
)
from verify.sources import OXFORD_C65, PENNINGTON_BAHRI_2017, VOICULESCU_1986

RATIOS = ("1/4", "1/2", "3/4")
ENERGIES = (
    "1/50",
    "1/5",
    "1",
)  # the first is below the threshold of negative eigenvalues at ratio 1/4, above it at 3/4
SCALES = (1, 2, 4, 8)  # standard deviations of the sum at which its distance to the semicircle is certified
PLACES = 40  # places between the edges at which distribution functions are compared
DIGITS = 15


@claim(
    "spectrum.free-sum",
    title="R-transforms of free matrices add",
    source=Source(
        VOICULESCU_1986, "theorem 4.1", printed=Slide(OXFORD_C65, "Method to compute the spectrum under addition")
    ),
    assumptions=(
        "the summands are free: here because one of them is rotationally invariant",
        "the limit of large size",
    ),
    expects={Verdict.SUPPORTED},
)
def free_sum(bench: Workbench) -> Iterator[Comparison]:
    r"""If $H_0$ and $H_1$ are freely independent, the R-transforms of their spectra add: $R_{H_0 + H_1} = R_{H_0} +
    R_{H_1}$. So the spectrum of a Wishart matrix of ratio $\phi$ plus an independent Wigner matrix of variance
    $2\epsilon$ follows from

    $$\frac{1}{1 - \phi g} + 2\epsilon g + \frac1g = z, \qquad
    \rho(\lambda) = -\frac1\pi\, \mathrm{Im}\, g(\lambda + i0).$$

    Tried at three ratios and three energies.
    """
    curve = theory.free_sum_curve(theory.marchenko_pastur(theory.phi), theory.semicircle(2 * theory.epsilon))
    yield Identity(
        "curve of the free sum",
        derivation=curve,
        rival=Rival("the inverse transforms added, with 1/g counted twice", curve.value + 1 / theory.g),
    )
    for ratio in RATIOS:
        measured = ensembles(bench, f"ratio {ratio}".replace("/", " to "), spectra_at_energies, ratio=ratio)
        for energy in ENERGIES:
            law = theory.wishart_wigner_hessian().at(phi=ratio, epsilon=energy)
            yield SameLaw(
                f"spectra at phi = {ratio}, epsilon = {energy}",
                law=law,
                spectra=measured[f"eigenvalues at {energy}"],
                within=within(bench),
                rival=_competing_law(ratio, energy),
            )
        _draw_figure_1(bench, ratio, measured)
        size = matrix_sizes(bench)[-1]
        yield Equals(
            f"mixed moment tr(H0 W H0 W)/N at phi = {ratio}, W of variance 1",
            predicted=1.0,
            replicates=measured["mixed moment"][size],
            relative=0.1,
            rival=Rival("1 + phi, as for independent numbers", 1 + float(Fraction(ratio))),
        )


def spectra_at_energies(size: int, seed: int, draws: int, device: str, ratio: str) -> dict[str, Array]:
    """Sample H0 + sqrt(2 epsilon) W at every energy from the same Wishart H0 and Wigner W, and tr(H0 W H0 W)/N."""
    wishart = numerics.sample_wishart(
        size, ratio=float(Fraction(ratio)), seeds=range(seed, seed + draws), device=device
    )
    wigner = numerics.sample_wigner(size, seeds=range(seed + draws, seed + 2 * draws), device=device)
    product = wishart @ wigner
    result = {"mixed moment": ((product * product.mT).sum(dim=(1, 2)) / size).cpu().numpy()}
    for energy in ENERGIES:
        scale = (2 * float(Fraction(energy))) ** 0.5
        result[f"eigenvalues at {energy}"] = eigenvalues(wishart + scale * wigner)
    return result


def _competing_law(ratio: str, energy: str) -> "Rival[theory.SpectralLaw]":
    """Return the nearest wrong law that matters: at low energy the shape is in question, at high energy the width."""
    if energy == ENERGIES[0]:
        law = theory.wishart_wigner_hessian().at(phi=ratio, epsilon=energy)
        shape = theory.point_mass(law.free_cumulant(1)) + theory.semicircle(law.free_cumulant(2))
        return Rival("a semicircle of the same mean and variance", shape)
    narrow = theory.marchenko_pastur(ratio) + theory.semicircle(energy)
    return Rival("residual variance epsilon in place of 2 epsilon", narrow)


def _draw_figure_1(bench: Workbench, ratio: str, measured: dict[str, dict[int, Array]]) -> None:
    size = matrix_sizes(bench)[-1]
    figure = bench.figure(
        f"figure-1-ratio-{ratio.replace('/', '-')}",
        title=f"Spectrum of the Wishart + Wigner model, $\\phi = {ratio}$",
        x="eigenvalue $\\lambda$",
        y="density",
        caption=f"Eigenvalues of {DRAWS} sums of sampled matrices of size {size} at three energies (histograms), and "
        "the curve that the added R-transforms give (lines). With the energy the spectrum widens, becomes more "
        "semicircular, and reaches below 0.",
    )
    for energy in ENERGIES:
        draw_spectrum(figure, measured[f"eigenvalues at {energy}"][size], f"sampled, $\\epsilon = {energy}$")
        law = theory.wishart_wigner_hessian().at(phi=ratio, epsilon=energy)
        figure.line(*density_curve(law), f"free sum, $\\epsilon = {energy}$")


@claim(
    "spectrum.more-semicircular",
    title="The spectrum becomes more semicircular with the energy",
    source=Source(
        PENNINGTON_BAHRI_2017,
        "caption of figure 1",
        printed=Slide(OXFORD_C65, "Stieltjes and R Transform for joint spectra"),
    ),
    assumptions=("the Wishart + Wigner model",),
    expects={Verdict.CERTIFIED},
)
def more_semicircular(bench: Workbench) -> Iterator[Comparison]:
    r"""As the energy $\epsilon$ of a critical point increases, the spectrum of the Wishart + Wigner model becomes more
    semicircular: its standardised third and fourth free cumulants, which vanish for a semicircle,

    $$\frac{\kappa_3}{\kappa_2^{3/2}} = \frac{\phi^2}{(\phi + 2\epsilon)^{3/2}}, \qquad
    \frac{\kappa_4}{\kappa_2^2} = \frac{\phi^3}{(\phi + 2\epsilon)^2},$$

    fall to 0, and so does the distance of its distribution function to that of the semicircle of the same mean and
    variance.
    """
    derivation = theory.more_semicircular()
    phi, width = theory.phi, theory.phi + 2 * theory.epsilon
    yield Identity(
        "third standardised free cumulant",
        derivation=derivation,
        rival=Rival("standardised by the wrong power", phi**2 / width),
    )
    fourth = "fourth standardised free cumulant"
    yield Identity(
        fourth,
        derivation=derivation,
        part=fourth,
        rival=Rival("residual variance epsilon in place of 2 epsilon", phi**3 / (phi + theory.epsilon) ** 2),
    )
    distances = {ratio: [_distance(ratio, scale) for scale in SCALES] for ratio in RATIOS}
    pairs = [pair for row in distances.values() for pair in itertools.pairwise(row)]
    yield Enclosure(
        f"distance at {len(SCALES)} energies and {len(RATIOS)} ratios: twice the width has less than a quarter of it",
        values=[Fraction(1, 4) * before - after for before, after in pairs],
        within=(0, None),
        rival=Rival("it does not fall", [after - before for before, after in pairs]),
    )
    skews = [Fraction(ratio) ** 2 / Fraction(scale) ** 3 for ratio in RATIOS for scale in SCALES]
    kurtoses = [Fraction(ratio) ** 3 / Fraction(scale) ** 4 for ratio in RATIOS for scale in SCALES]
    flat = [distance for row in distances.values() for distance in row]
    yield Enclosure(
        "distance at most a fifth of the standardised third cumulant",
        values=[skew / 5 - distance for skew, distance in zip(skews, flat, strict=True)],
        within=(0, None),
        rival=Rival(
            "at most a fifth of the fourth",
            [kurtosis / 5 - distance for kurtosis, distance in zip(kurtoses, flat, strict=True)],
        ),
    )
    figure = bench.figure(
        "distance",
        title="Distance to the semicircle against the energy",
        x="energy $\\epsilon$",
        y="largest difference of distribution functions",
        x_scale="log",
        y_scale="log",
        caption=f"Largest difference, over {PLACES - 1} places between the edges of the semicircle, between the "
        "distribution function of the Wishart + Wigner model and that of the semicircle of the same mean and "
        "variance. Every point is certified to 15 digits. The line is a tenth of the standardised third free "
        "cumulant at ratio 1/2.",
    )
    for ratio, row in distances.items():
        energies = [float(_energy(ratio, scale)) for scale in SCALES]
        figure.points(energies, [float(distance) for distance in row], f"$\\phi = {ratio}$")
    grid = np.geomspace(0.1, 32, 60)
    figure.line(grid, 0.1 * 0.25 / (0.5 + 2 * grid) ** 1.5, "$\\kappa_3 / (10\\, \\kappa_2^{3/2})$ at $\\phi = 1/2$")


def _energy(ratio: str, scale: int) -> Fraction:
    """Return the energy at which the spectrum has standard deviation ``scale``: phi + 2 epsilon = scale^2."""
    return (Fraction(scale) ** 2 - Fraction(ratio)) / 2


def _distance(ratio: str, scale: int) -> "theory.Ball":
    """Enclose the largest difference of the two distribution functions over the places."""
    law = theory.wishart_wigner_hessian().at(phi=ratio, epsilon=_energy(ratio, scale))
    semicircle = theory.point_mass(1) + theory.semicircle(scale**2)
    places = [1 + Fraction(2 * scale * (2 * k - PLACES), PLACES) for k in range(1, PLACES)]
    pairs = zip(law.cdf(places, digits=DIGITS), semicircle.cdf(places, digits=DIGITS), strict=True)
    return _largest([model - limit for model, limit in pairs])


def _largest(differences: "Sequence[theory.Ball]") -> "theory.Ball":
    """Enclose the largest absolute value of several balls."""
    lower = max(max(ball.lower, -ball.upper, Fraction(0)) for ball in differences)
    upper = max(max(ball.upper, -ball.lower) for ball in differences)
    return theory.Ball((lower + upper) / 2, (upper - lower) / 2, DIGITS)
