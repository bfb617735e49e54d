r"""What the lectures say about the random-matrix model of the Hessian, in this project's words, and what tries it.

The model is that of Pennington and Bahri (2017): a net with one hidden layer and all widths n on m samples, squared
error, the energy epsilon = L/n, and phi = 2n/m parameters per residual (the slides write tau). Text is Markdown with
LaTeX between dollars.
"""

from typing import Final

from verify.sources import OXFORD_C65, Slide, Slip, Statement, Untried


def _slide(title: str, text: str, *covered: str | Slip | Untried, found: str = "") -> Statement:
    """List a statement of the lecture with the claims that try it, or with the note on it."""
    notes = [cover for cover in covered if not isinstance(cover, str)]
    ids = tuple(cover for cover in covered if isinstance(cover, str))
    return Statement(Slide(OXFORD_C65, title), text, notes[0] if notes else ids, found)


_NETWORK = "Consider a data set and a very simple two layer net"  # no title: its opening words
_HESSIAN = "Hessian for two layer net (without activation)"
_SHAPE = "Local shape of loss landscape"
_MODEL = "One can interpret properties of the landscape through the Hessian"  # no title: its opening words
_LAWS = "Wigner and Wishart distributions"
_TRANSFORMS = "Method to compute the spectrum under addition"
_JOINT = "Stieltjes and R Transform for joint spectra"
_FRACTION = "Fraction of negative eigenvalues (Pennington et al. 17')"
_RELU = "The two layer ReLU net (Pennington et al. 17')"
_FIGURE_6 = "Empirical values of ε_c and α (Pennington et al. 17')"
_SUMMARY = "Structure of the loss landscape dimensionality dependence"

STATEMENTS: Final[tuple[Statement, ...]] = (
    _slide(
        _NETWORK,
        r"The network has two layers without biases, a ReLU after the first and none after the second, and for "
        r"simplicity as many outputs as inputs.",
        Untried("a definition; what holds for other sizes is in the claims"),
    ),
    _slide(
        _NETWORK,
        r"The loss $(2m)^{-1} \sum_{\mu=1}^m \sum_{i=1}^n (\hat y_{i\mu} - y_{i\mu})^2$ is the average sum of squares.",
        Slip(
            "the loss is called the average sum of squares",
            "it is half of that (the talk in Spanish has no half, and every eigenvalue of the Hessian is then twice as "
            "large)",
        ),
    ),
    _slide(
        _NETWORK,
        r"The weighted accuracy of the loss is $\epsilon = L/n$.",
        "spectrum.residual-variance",
    ),
    _slide(
        _HESSIAN,
        r"The Hessian is $H_0 + H_1$, with $H_0 = JJ^T/m$ positive semidefinite and $H_1$ linear in the residuals.",
        "spectrum.hessian-split",
    ),
    _slide(
        _HESSIAN,
        r"The diagonal matrices of a nonlinear activation are left out.",
        "spectrum.residual-linear",
        "spectrum.gauss-newton-linear",
        "index.critical-energy-linear",
    ),
    _slide(
        _HESSIAN,
        r"The net is over-parameterised when $\tau = 2n/m$ exceeds 1 and under-parameterised when it is below 1.",
        "index.interpolation-threshold",
    ),
    _slide(
        _SHAPE,
        r"A function with a positive definite Hessian is convex, with one global minimum and one minimiser.",
        "level-sets.positive-definite-as-printed",
        "level-sets.convexity-classes",
    ),
    _slide(
        _SHAPE,
        r"A function with a positive semidefinite Hessian has one global minimum and, because of the null space, more "
        r"than one minimiser.",
        "level-sets.positive-semidefinite-as-printed",
    ),
    _slide(
        _SHAPE,
        r"A function with an indefinite Hessian is not convex.",
        "level-sets.convexity-classes",
    ),
    _slide(
        _SHAPE,
        r"A function with an indefinite Hessian may have several local minimisers.",
        Slip(
            "an indefinite Hessian is said to hint at several local minimisers",
            r"nothing follows on minimisers: $x^2 - y^2$ has none, $\log(1 + x^2) + y^2$ one, $(x^2 - 1)^2 + y^2$ two",
        ),
    ),
    _slide(
        _SHAPE,
        r"$H_0$ does not depend on the size of the error, and $H_1$ is as large as the error is.",
        "spectrum.residual-scale",
        "spectrum.residual-along-training",
    ),
    _slide(_SHAPE, r"$H_1$ is indefinite.", "spectrum.residual-is-indefinite"),
    _slide(
        _MODEL,
        r"Weights are independent normal variables, data are independent, residuals are normal, and $H_0$ and $H_1$ "
        r"are freely independent.",
        "spectrum.assumptions-on-trained-nets",
        "spectrum.assumptions-after-descent",
        "spectrum.parts-are-free",
        "spectrum.parts-are-not-free",
    ),
    _slide(
        _MODEL,
        r"Residuals have variance $2\epsilon$ with $\epsilon = L/n$.",
        "spectrum.residual-variance",
    ),
    _slide(
        _MODEL,
        r"With such residuals the gradient vanishes as $n$ and $m$ grow in proportion: each of its entries does.",
        "spectrum.residual-variance",
    ),
    _slide(
        _MODEL,
        r"With such residuals the gradient vanishes as $n$ and $m$ grow in proportion: its norm does (it does not: "
        r"$|\nabla L|^2/L$ tends to $2\phi$).",
        "spectrum.residual-variance",
        found="Its norm does not vanish, only each of its entries does.",
    ),
    _slide(
        _LAWS,
        r"A Wigner matrix with entries of variance $\sigma^2$ follows the semicircle law on $[-2\sigma, 2\sigma]$.",
        "spectrum.semicircle",
        "spectrum.wigner-scale-as-printed",
    ),
    _slide(
        _LAWS,
        r"A Wishart matrix $JJ^T$ with entries of variance $\sigma^2/p$ follows the Marchenko-Pastur law with edges "
        r"$\sigma(1 \pm \sqrt\tau)^2$ and, for $\tau > 1$, an atom of weight $1 - 1/\tau$ at 0.",
        "spectrum.marchenko-pastur",
        "spectrum.wishart-scale-as-printed",
    ),
    _slide(
        _LAWS,
        r"The eigenvalues of random matrices are drawn from these laws.",
        Slip(
            "the eigenvalues are said to be drawn from the law",
            "they repel each other and are far from independent draws; it is the distribution of all eigenvalues of "
            "one matrix that tends to the law as the matrix grows",
        ),
    ),
    _slide(
        _TRANSFORMS,
        r"The Stieltjes transform is defined for $z$ in $\mathbb{C}/\mathbb{R}$.",
        Slip(
            "a quotient of the complex by the real numbers",
            r"the set difference $\mathbb{C} \setminus \mathbb{R}$: the transform is defined off the real line",
        ),
    ),
    _slide(
        _TRANSFORMS,
        r"$R(G(z)) + 1/G(z) = z$, the density is the boundary value of $-\operatorname{Im} G/\pi$, and R-transforms of "
        r"freely independent variables add.",
        "spectrum.semicircle",
        "spectrum.marchenko-pastur",
        "spectrum.free-sum",
        "index.closed-form",
    ),
    _slide(
        _JOINT,
        r"$H_0$ can be modelled by a Wishart matrix with $R = 1/(1 - \tau z)$.",
        "spectrum.gauss-newton-is-wishart",
        "spectrum.gauss-newton-linear",
        "spectrum.gauge-zero-modes",
    ),
    _slide(
        _JOINT,
        r"$H_1$ can be modelled by a Wigner matrix with $R = 2\epsilon z$.",
        "spectrum.residual-is-wigner",
        "spectrum.residual-linear",
    ),
    _slide(
        _JOINT,
        r"As the energy grows the spectrum becomes more semicircular and negative eigenvalues emerge (figure 1).",
        "spectrum.more-semicircular",
        "spectrum.free-sum",
    ),
    _slide(
        _FRACTION,
        r"The fraction of negative eigenvalues is the mass of the spectral density below 0.",
        "index.closed-form",
        "index.sampled-curve",
    ),
    _slide(
        _FRACTION,
        r"When the index $\alpha$ is small it is about $\alpha_0 |(\epsilon - \epsilon_c)/\epsilon_c|^{3/2}$.",
        "index.three-halves",
        "index.absolute-value-as-printed",
        "index.sampled-curve",
    ),
    _slide(
        _FRACTION,
        r"$\epsilon_c = (1 - 20\tau - 8\tau^2 + (1 + 8\tau)^{3/2})/16$ for the Wishart plus Wigner model.",
        "index.critical-energy-toy",
        "index.critical-energy-linear",
    ),
    _slide(
        _RELU,
        r"ReLU sets about half of the entries to zero, so that $R_{H_1} = \epsilon\tau z/(2 - \epsilon\tau^2 z^2)$.",
        "spectrum.residual-relu",
    ),
    _slide(
        _RELU,
        r"ReLU gives $H_1$ its structure of off-diagonal blocks.",
        Slip(
            "the block structure is credited to ReLU",
            "units without activation have the same blocks; ReLU halves the rate of the jumps and changes nothing else",
        ),
    ),
    _slide(
        _RELU,
        r"$H_0$ can still be modelled by a Wishart matrix, which is less clear an assumption.",
        "spectrum.gauss-newton-is-wishart",
    ),
    _slide(
        _RELU,
        r"$\epsilon_c = \sigma^2(27 - 18\xi - \xi^2 + 8\xi^{3/2})/(32\tau(1 - \tau)^3)$, $\xi = 1 + 16\tau - 8\tau^2$.",
        "index.critical-energy-relu",
        "index.critical-energy-relu-scale",
    ),
    _slide(
        _RELU,
        r"With ReLU too a small index is about $\tilde\alpha_0 |(\epsilon - \epsilon_c)/\epsilon_c|^{3/2}$.",
        "index.three-halves",
        "index.absolute-value-as-printed",
    ),
    _slide(
        _FIGURE_6,
        r"Each point is the mean energy of critical points of one index over about 200 training runs.",
        Untried("the protocol of a figure whose data are not given; what the protocol is worth is tried"),
    ),
    _slide(
        _FIGURE_6,
        r"The fits of index against energy support the exponent 3/2 on trained nets.",
        Slip(
            "the fits of figure 6(a) are said to support the exponent 3/2",
            "fits over a finite range of energies return exponents below 3/2 even for the model itself, where the "
            "power 3/2 holds within about a percent of the critical energy (the local exponent is 1.49 one percent "
            "above it, 1.43 ten percent above, about 1.1 at twice the critical energy); so the figure cannot tell",
        ),
    ),
    _slide(
        _FIGURE_6,
        r"Critical points of tanh nets have the more negative eigenvalues, the higher their energy is.",
        "index.grows-with-energy",
        "index.certified-points",
        "index.gradient-flat",
        "index.dead-unit-chain",
        "index.linear-oracle",
        "index.linear-exponents",
    ),
    _slide(
        _FIGURE_6,
        r"Their index grows from $\epsilon_c$ on as $|\epsilon - \epsilon_c|^{3/2}$.",
        "index.three-halves-on-networks",
    ),
    _slide(
        _FIGURE_6,
        r"The model's critical energy is that of trained nets.",
        "index.model-is-qualitative",
    ),
    _slide(
        _FIGURE_6,
        r"Minima of tanh nets have an energy of about $(1 - \phi)^2/2$, and there negative eigenvalues begin.",
        "index.tanh-minimum",
        "index.tanh-threshold",
    ),
    _slide(
        _FIGURE_6,
        r"Minima of linear nets have the energy $(1 - \phi)/2$.",
        "index.linear-minimum-as-printed",
        "index.linear-minimum",
    ),
    _slide(
        _FIGURE_6,
        r"The difference between the two is what a nonlinear activation gains.",
        "index.nonlinear-benefit",
        "index.nonlinear-benefit-size",
    ),
    _slide(
        _SUMMARY,
        r"Near a minimum the Hessian has no negative eigenvalue.",
        "index.near-a-minimum-as-printed",
    ),
)
"""The statements of Oxford C6.5, lecture 9, on the model, in the order of the slides."""
