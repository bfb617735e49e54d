r"""What the talk on Dinh, Pascanu, Bengio and Bengio (2017) says, in this project's words, and what tries it.

Sharp minima can generalise: how the weights of a ReLU network can be rescaled without changing its function, and what
that makes of flatness. Claims name a slide by its title here; where several have one title, or none, the slide's own
opening words follow. Text is Markdown with LaTeX between dollars.
"""

from typing import Final

from verify.lectures.curvature import HESSIAN_MEASURES, OPEN_QUESTIONS
from verify.sources import DINH_TALK, Slide, Slip, Statement

NAVIGATING: Final = Slide(DINH_TALK, "Navigating the parameter space")
METHODOLOGY: Final = Slide(DINH_TALK, "Methodology: Parameter transformations")
SECOND_ORDER: Final = Slide(DINH_TALK, "Second order measures: Preliminary results")
NON_DEGENERATE: Final = Slide(DINH_TALK, "Second order measures: Given a minimum with non degenerate Hessian")
OTHER_COORDINATES: Final = Slide(DINH_TALK, "(c) Loss function with another reparametrization")
FULL_SPECTRUM: Final = Slide(DINH_TALK, "Full eigenspectrum: If the Hessian has rank r")
SUMMARY: Final = Slide(DINH_TALK, "Full eigenspectrum: Summary")
FLATNESS: Final = Slide(DINH_TALK, "ε-flatness: One-layer rectifier network")
FLATNESS_CASE_1: Final = Slide(DINH_TALK, "ε-flatness: Case 1")
FLATNESS_CASE_2: Final = Slide(DINH_TALK, "ε-flatness: Case 2")
SHARPNESS: Final = Slide(DINH_TALK, "ε-sharpness: One-layer rectifier network")
SHARPNESS_PROVIDED: Final = Slide(DINH_TALK, "ε-sharpness: Proof provided")
SPECTRAL_NORM: Final = Slide(DINH_TALK, "Spectral norm: One-layer rectifier network")
SPECTRAL_NORM_GOAL: Final = Slide(DINH_TALK, "Spectral norm: goal")
WEIGHT_NORMALISATION: Final = Slide(DINH_TALK, "Weight normalisation")
WEIGHT_NORMALISED: Final = Slide(DINH_TALK, "Weight normalisation: Implications")
NOT_COVERED: Final = Slide(DINH_TALK, "Theoretical studies: Not covered in this presentation")
BAYESIAN: Final = Slide(DINH_TALK, "Sharp minima can generalise: Bayesian argument")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        NOT_COVERED,
        r"Nguyen and Hein (2017): with square activation, square loss and weight matrices of maximal rank at each "
        r"critical point, every critical point is a global minimum.",
        ("minima.square-activation-as-printed", "minima.wide-layer", "minima.wide-layer-on-networks"),
    ),
    Statement(
        Slide(DINH_TALK, "Flat minima: Motivation"),
        r"Training with small batches finds wider basins, which were observed to generalise better than the wider "
        r"basins that training with large batches finds.",
        Slip(
            "the basins of large batches are called wider as well",
            "they are sharper: small batches find the wider basins, and those were observed to generalise better",
        ),
    ),
    Statement(
        BAYESIAN,
        r"The Bayesian argument for flat minima does not depend on the parametrisation of the weights; the "
        r"definitions of flatness do.",
        ("rescaling.evidence-is-invariant",),
    ),
    Statement(
        Slide(DINH_TALK, "ε-flatness: For ε > 0, flatness is defined"),
        r"Flatness is the largest connected region of parameters in which the error is constant up to a factor of "
        r"$\epsilon$.",
        Slip(
            "the error is constant up to a factor of $\\epsilon$",
            "up to an added $\\epsilon$: the largest connected set that contains $\\theta$ and on which "
            "$L(\\theta') < L(\\theta) + \\epsilon$",
        ),
    ),
    Statement(
        HESSIAN_MEASURES,
        r"The trace norm is proportional to the sum of the eigenvalues.",
        Slip(
            "the trace norm is said to be proportional to the sum of the eigenvalues",
            "the trace norm is the sum of the eigenvalues only where none is negative, as at the minima that the slide "
            "is about",
        ),
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
        OTHER_COORDINATES,
        r"In other coordinates the loss has the same minima with other curvatures.",
        ("rescaling.any-coordinates",),
    ),
    Statement(
        Slide(DINH_TALK, "ε-flatness: Proof provided for a 2-dimensional NN"),
        r"The proofs are for a 2-dimensional neural network.",
        Slip("the network is called 2-dimensional", "it has two layers: one hidden layer of any width"),
    ),
    Statement(
        FULL_SPECTRUM,
        r"In networks of any depth, with the Hessian of rank $r$, there is a rescaling that makes $r - n_k$ "
        r"eigenvalues arbitrarily large; the zeros cannot be controlled.",
        ("rescaling.controllable-eigenvalues",),
    ),
    Statement(
        Slide(DINH_TALK, "Full eigenspectrum: Wide valleys"),
        r"For $\alpha_k > 0$ with $\prod_{k=1}^K \alpha_K = 1$ the rescaling of all layers leaves the function as it "
        r"is.",
        Slip(
            "the product over $k$ of $\\alpha_K$ is one",
            "the product over $k$ of $\\alpha_k$: as printed it would say that $\\alpha_K = 1$",
        ),
    ),
    Statement(
        SUMMARY,
        r"Up to $r - n_k$ eigenvalues can be made arbitrarily large.",
        ("rescaling.up-to-so-many-eigenvalues-as-printed",),
    ),
    Statement(
        FLATNESS,
        r"Every minimum with both layers other than zero is contained in a region of infinite volume with "
        r"approximately constant loss: all minima are equally flat.",
        ("flatness.infinite-volume",),
    ),
    Statement(
        FLATNESS_CASE_1,
        r"The box around a minimum has the volume $v = 2 r^{n_1 + n_2}$.",
        ("flatness.box-volume-as-printed",),
    ),
    Statement(
        FLATNESS_CASE_1,
        r"The volume of the image is $v\,\alpha^{n_1 - n_2}$, so that an arbitrarily large $\alpha$ makes it "
        r"arbitrarily large.",
        ("flatness.growing-factor-as-printed",),
    ),
    Statement(
        FLATNESS_CASE_1,
        r"There is an $r$ such that the loss is approximately constant on the box $B_\infty(\epsilon, \theta)$.",
        Slip(
            "the box has the radius $\\epsilon$",
            "$B_\\infty(r, \\theta)$: the radius is the $r$ that continuity gives for $\\epsilon$",
        ),
    ),
    Statement(
        FLATNESS_CASE_2,
        r"For $n_1 = n_2$ the boxes $T_\alpha^k(B)$ are disjoint with $\alpha = 2 (|\theta_1|_\infty + "
        r"r)/(|\theta_2|_\infty - r)$.",
        ("flatness.disjoint-factor-as-printed",),
    ),
    Statement(
        FLATNESS_CASE_2,
        r"The intersection of two boxes is 0; the volume of the region is greater than $v + v + v + \ldots$; the "
        r"region has approximately constant volume.",
        Slip(
            "an intersection equal to 0, a volume greater than infinity, a region of constant volume",
            "the intersection is empty; the volume is at least $v + v + \\ldots$, which is infinite; it is the loss "
            "that is approximately constant",
        ),
    ),
    Statement(
        SHARPNESS_PROVIDED,
        r"The maximum of the loss near $\theta'$ is as high as the loss of the model with output zero.",
        ("flatness.sharp-equivalent",),
    ),
    Statement(
        SHARPNESS,
        r"For every $\epsilon > 0$ there is an equivalent minimum $\theta'$ of a higher $\epsilon$-sharpness than "
        r"$\theta$.",
        ("flatness.sharper-equivalent-as-printed",),
    ),
    Statement(
        Slide(DINH_TALK, "ε-sharpness: goal"),
        r"Because $|\theta_1|_2 \le |\theta|_2$ the network with $\theta_1 = 0$ lies in the ball around "
        r"$T_\alpha(\theta)$.",
        Slip(
            "the reason is said to be that $|\\theta_1|_2 \\le |\\theta|_2$",
            "its distance is $|\\alpha \\theta_1|_2 = \\epsilon$ exactly, so that it lies in the closed ball; an open "
            "one takes a slightly smaller $\\alpha$",
        ),
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
        WEIGHT_NORMALISATION,
        r"With $w = s\,v/|v|$ the rescaling $v \mapsto \alpha v$ leaves $w$ as it is for every $\alpha \neq 0$.",
        ("flatness.any-factor-as-printed",),
    ),
    Statement(
        WEIGHT_NORMALISED,
        r"Every minimum has infinite volume $\epsilon$-flatness and is equivalent to an infinitely sharp one, and to "
        r"ones of high full-space $\epsilon$-sharpness.",
        ("flatness.weight-normalised",),
    ),
    Statement(
        WEIGHT_NORMALISED,
        r"Every minimum is equivalent to an infinitely flat one by the eigenvalues of the Hessian, and to one of "
        r"arbitrarily low full-space $\epsilon$-sharpness.",
        ("flatness.infinitely-flat-as-printed",),
    ),
    Statement(
        OPEN_QUESTIONS,
        r"What is the geometry induced on the parameter space by the size of each layer?",
        ("rescaling.layer-sizes",),
    ),
    Statement(
        OPEN_QUESTIONS,
        r"Is $\epsilon$-sharpness a well-defined measure when it is averaged over random subspaces of the parameter "
        r"space?",
        ("flatness.random-subspaces",),
    ),
)
"""The statements of the talk on rescaling and flatness, in the order of the slides."""
