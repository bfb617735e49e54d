r"""What the talk on Dinh, Pascanu, Bengio and Bengio (2017) says of rescaled weights and of Hessians along the way.

The weights of a ReLU network can be rescaled without changing its function; the Hessian changes. Slides without a title
of their own go by their opening words. Text is Markdown with LaTeX between dollars, in this project's words.
"""

from typing import Final

from verify.lectures.curvature import OPEN_QUESTIONS
from verify.sources import DINH_TALK, Slide, Slip, Statement, Untried

SETTING: Final = Slide(DINH_TALK, "Setting")
HOMOGENEITY: Final = Slide(DINH_TALK, "Methodology")
EQUIVALENCE: Final = Slide(DINH_TALK, "Methodology: Observational equivalence")
METHODOLOGY: Final = Slide(DINH_TALK, "Methodology: Parameter transformations")
NAVIGATING: Final = Slide(DINH_TALK, "Navigating the parameter space")
STRATEGY: Final = Slide(DINH_TALK, "Results: Strategy")
SECOND_ORDER: Final = Slide(DINH_TALK, "Second order measures: Preliminary results")
NON_DEGENERATE: Final = Slide(DINH_TALK, "Second order measures: Given a minimum with non degenerate Hessian")
OTHER_COORDINATES: Final = Slide(DINH_TALK, "(c) Loss function with another reparametrization")
WIDE_VALLEYS: Final = Slide(DINH_TALK, "Full eigenspectrum: Wide valleys")
DIAGONAL: Final = Slide(DINH_TALK, "Full eigenspectrum: then, eq. 1 becomes")
FULL_SPECTRUM: Final = Slide(DINH_TALK, "Full eigenspectrum: If the Hessian has rank r")
SUMMARY: Final = Slide(DINH_TALK, "Full eigenspectrum: Summary")
SPECTRAL_NORM: Final = Slide(DINH_TALK, "Spectral norm: One-layer rectifier network")
SPECTRAL_NORM_GOAL: Final = Slide(DINH_TALK, "Spectral norm: goal")
K_LAYERS: Final = Slide(DINH_TALK, "K-layer rectifier network")
HORN: Final = Slide(DINH_TALK, "K-layer rectifier network: Horn's inequalities")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        SETTING,
        r"The setting is supervised learning with deep rectifier networks of one output, without biases, and a loss "
        r"that is not negative.",
        Untried("a definition"),
    ),
    Statement(
        SETTING,
        r"The loss has continuous second derivatives in a neighbourhood of the minimum.",
        ("classifier.relu-kinks",),
        found="ReLU has kinks, and where examples pull against each other training leaves more of them near to "
        "kinks than there were at the start.",
    ),
    Statement(
        HOMOGENEITY,
        r"ReLU is homogeneous: a factor $\alpha > 0$ of its argument is one of its value.",
        ("rescaling.same-function", "rescaling.symmetry-orbit"),
    ),
    Statement(
        EQUIVALENCE,
        r"Parameters are observationally equivalent if they give the same outputs for all inputs, such as "
        r"$(\theta_1, \theta_2)$ and $(\alpha \theta_1, \alpha^{-1} \theta_2)$.",
        ("rescaling.same-function",),
    ),
    Statement(
        METHODOLOGY,
        r"ReLU units are homogeneous: $(\theta_1, \theta_2)$ and $(\alpha \theta_1, \alpha^{-1} \theta_2)$ give the "
        r"same outputs.",
        ("rescaling.same-function", "rescaling.symmetry-orbit"),
    ),
    Statement(
        NAVIGATING,
        r"The same loss, architecture and input imply the same generalisation error.",
        ("rescaling.same-loss-same-error-as-printed",),
    ),
    Statement(
        NAVIGATING,
        r"The same function does not imply the same flatness.",
        ("rescaling.same-function", "rescaling.counts-are-not-invariant"),
    ),
    Statement(
        NAVIGATING,
        r"The definitions depend on the parameter $\theta$.",
        ("rescaling.counts-are-not-invariant",),
    ),
    Statement(
        STRATEGY,
        r"Along a level set of the loss all measures of flatness can be made to diverge.",
        ("flatness.infinite-volume", "flatness.sharp-equivalent", "rescaling.spectral-norm"),
    ),
    Statement(
        STRATEGY,
        r"Norms are equivalent in finite spaces.",
        Slip("the spaces are called finite", "they are of finite dimension: only there all norms are equivalent"),
    ),
    Statement(
        SECOND_ORDER,
        r"Loss and Hessian depend on the rescaling $T_\alpha$.",
        Slip(
            "the loss is said to depend on the rescaling",
            "it does not, which is what is differentiated; gradient and Hessian depend on it",
        ),
    ),
    Statement(
        SECOND_ORDER,
        r"The gradient at the rescaled weights is that before times $\operatorname{diag}(\alpha^{-1}, \alpha)$, the "
        r"Hessian has this matrix on both sides.",
        ("rescaling.hessian-transform",),
    ),
    Statement(
        NON_DEGENERATE,
        r"Given a minimum with a non-degenerate Hessian, there is an equivalent one with an arbitrarily large "
        r"spectral norm.",
        ("rescaling.non-degenerate-hessian-as-printed", "rescaling.singular-hessian"),
    ),
    Statement(
        NON_DEGENERATE,
        r"With the spectral norm the trace norm and the spectral radius become arbitrarily large.",
        ("rescaling.spectral-norm", "rescaling.same-function"),
    ),
    Statement(
        OTHER_COORDINATES,
        r"In other coordinates the loss has the same minima with other curvatures.",
        ("rescaling.any-coordinates",),
    ),
    Statement(
        WIDE_VALLEYS,
        r"For $\alpha_k > 0$ with $\prod_{k=1}^K \alpha_K = 1$ the rescaling of all layers leaves the function as it "
        r"is.",
        Slip(
            "the product over $k$ of $\\alpha_K$ is one",
            "the product over $k$ of $\\alpha_k$: as printed it would say that $\\alpha_K = 1$",
        ),
    ),
    Statement(
        DIAGONAL,
        r"With $K$ layers the Hessian becomes $D_\alpha (\nabla^2 L) D_\alpha$, where $D_\alpha$ is the inverse of the "
        r"Jacobian of the rescaling.",
        ("rescaling.hessian-transform",),
    ),
    Statement(
        FULL_SPECTRUM,
        r"In networks of any depth, with the Hessian of rank $r$, there is a rescaling that makes $r - n_k$ "
        r"eigenvalues arbitrarily large; the zeros cannot be controlled.",
        ("rescaling.controllable-eigenvalues",),
    ),
    Statement(
        SUMMARY,
        r"Up to $r - n_k$ eigenvalues can be made arbitrarily large.",
        ("rescaling.up-to-so-many-eigenvalues-as-printed",),
    ),
    Statement(
        OPEN_QUESTIONS,
        r"What is the geometry induced on the parameter space by the size of each layer?",
        ("rescaling.layer-sizes",),
    ),
    Statement(
        SPECTRAL_NORM,
        r"At every minimum with a Hessian other than zero the spectral norm can be made larger than any bound.",
        ("rescaling.spectral-norm",),
    ),
    Statement(
        SPECTRAL_NORM_GOAL,
        r"A Hessian other than zero has at a minimum a positive eigenvalue $\gamma$, for example for $\theta_1$, so "
        r"that its norm is at least $\alpha^{-2} \gamma$ after the rescaling.",
        ("rescaling.curved-first-layer-as-printed",),
    ),
    Statement(
        SPECTRAL_NORM_GOAL,
        r"There is an $r > 0$ with $r |A|_F \le |A|_2$ for all symmetric matrices, so that $\alpha < \sqrt{r\gamma/M}$ "
        r"is enough.",
        ("rescaling.spectral-norm",),
    ),
    Statement(
        K_LAYERS,
        r"At a minimum with a Hessian of rank $r$ there is for every $M$ a rescaling that makes $r - \min_k n_k$ "
        r"eigenvalues greater than $M$.",
        ("rescaling.controllable-eigenvalues",),
    ),
    Statement(
        HORN,
        r"With $\alpha_k = \beta^{-1}$ and $\alpha_K = \beta^{K - 1}$ Horn's inequalities bound the eigenvalues from "
        r"below by $\lambda_{i + n_K}\,\beta^2$ (the talk prints $n_k$).",
        ("rescaling.controllable-eigenvalues",),
    ),
    Statement(
        HORN,
        r"The layers $k \le K$ take the factor $\alpha_k = \beta^{-1}$.",
        Slip(
            "the last layer is among those that are divided by $\\beta$",
            "those are the layers $k < K$; the last one takes $\\beta^{K - 1}$, such that the product is one",
        ),
    ),
    Statement(
        HORN,
        r"The inequalities are applied to singular values of the square root of $(\nabla^2 L) D_\alpha^2$, which are "
        r"the square roots of the eigenvalues of $D_\alpha (\nabla^2 L) D_\alpha$.",
        Slip(
            "the matrix is said to be the square root of $(\\nabla^2 L) D_\\alpha^2$, which is not symmetric",
            "it is $(\\nabla^2 L)^{1/2} D_\\alpha$; the squares of its singular values are the eigenvalues of both "
            "$D_\\alpha (\\nabla^2 L) D_\\alpha$ and $(\\nabla^2 L) D_\\alpha^2$",
        ),
    ),
)
"""The statements of the talk on rescalings and the Hessian, in the order of the slides."""
