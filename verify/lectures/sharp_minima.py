r"""What the talk on Dinh, Pascanu, Bengio and Bengio (2017) says of how flat and how sharp a rescaled minimum is.

By the volume of the flat region and by the rise of the loss near by, and the same for weights that are normalised.
Slides without a title of their own go by their opening words. Text is Markdown with LaTeX between dollars, in this
project's words.
"""

from typing import Final

from verify.lectures.curvature import OPEN_QUESTIONS
from verify.sources import DINH_TALK, Slide, Slip, Statement

FLATNESS_PROOF: Final = Slide(DINH_TALK, "ε-flatness: Proof provided for a 2-dimensional NN")
SHARPNESS_PROVIDED: Final = Slide(DINH_TALK, "ε-sharpness: Proof provided")
FLATNESS: Final = Slide(DINH_TALK, "ε-flatness: One-layer rectifier network")
FLATNESS_CASE_1: Final = Slide(DINH_TALK, "ε-flatness: Case 1")
FLATNESS_CASE_2: Final = Slide(DINH_TALK, "ε-flatness: Case 2")
SHARPNESS: Final = Slide(DINH_TALK, "ε-sharpness: One-layer rectifier network")
SHARPNESS_GOAL: Final = Slide(DINH_TALK, "ε-sharpness: goal")
WEIGHT_NORMALISATION: Final = Slide(DINH_TALK, "Weight normalisation")
WEIGHT_NORMALISED: Final = Slide(DINH_TALK, "Weight normalisation: Implications")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        FLATNESS_PROOF,
        r"The largest connected region of nearly constant loss around a minimum contains one of infinite volume.",
        ("flatness.infinite-volume",),
    ),
    Statement(
        FLATNESS_PROOF,
        r"The proofs are for a 2-dimensional neural network.",
        Slip("the network is called 2-dimensional", "it has two layers: one hidden layer of any width"),
    ),
    Statement(
        SHARPNESS_PROVIDED,
        r"The maximum of the loss near $\theta'$ is as high as the loss of the model with output zero.",
        ("flatness.sharp-equivalent",),
    ),
    Statement(
        SHARPNESS_PROVIDED,
        r"For each minimum it is possible to find another one of high $\epsilon$-sharpness.",
        ("flatness.sharp-equivalent", "flatness.sharper-equivalent-as-printed"),
    ),
    Statement(
        OPEN_QUESTIONS,
        r"Is $\epsilon$-sharpness a well-defined measure when it is averaged over random subspaces of the parameter "
        r"space?",
        ("flatness.random-subspaces",),
    ),
    Statement(
        FLATNESS,
        r"Every minimum with both layers other than zero is contained in a region of infinite volume with "
        r"approximately constant loss: all minima are equally flat.",
        ("flatness.infinite-volume",),
    ),
    Statement(
        FLATNESS,
        r"$T_\alpha$ has the Jacobian determinant $\alpha^{n_1 - n_2}$, and $T_\alpha T_\beta = T_{\alpha \beta}$.",
        ("flatness.infinite-volume", "rescaling.hessian-transform"),
    ),
    Statement(
        FLATNESS_CASE_1,
        r"By continuity of the loss the region contains a box around the minimum.",
        ("flatness.infinite-volume",),
    ),
    Statement(
        FLATNESS_CASE_1,
        r"The volume of the box is positive because $\theta_1 \neq 0$ and $\theta_2 \neq 0$.",
        Slip(
            "the volume is put down to weights other than zero",
            "every box of a positive radius has a positive volume; that $\\theta_1$ is not zero is needed in case 2, "
            "for disjoint boxes",
        ),
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
        r"The union of the images of a box is a connected region, and each of them has the volume of the box.",
        ("flatness.infinite-volume",),
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
        SHARPNESS,
        r"For $\theta_1 = 0$ the prediction is 0 for all inputs.",
        ("flatness.sharp-equivalent",),
    ),
    Statement(
        SHARPNESS,
        r"For every $\epsilon > 0$ there is an equivalent minimum $\theta'$ of a higher $\epsilon$-sharpness than "
        r"$\theta$.",
        ("flatness.sharper-equivalent-as-printed",),
    ),
    Statement(
        SHARPNESS_GOAL,
        r"Because $|\theta_1|_2 \le |\theta|_2$ the network with $\theta_1 = 0$ lies in the ball around "
        r"$T_\alpha(\theta)$.",
        Slip(
            "the reason is said to be that $|\\theta_1|_2 \\le |\\theta|_2$",
            "its distance is $|\\alpha \\theta_1|_2 = \\epsilon$ exactly, so that it lies in the closed ball; an open "
            "one takes a slightly smaller $\\alpha$",
        ),
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
        found="The infinite volume and the sharpness are in the directions $v$, on whose length no output depends.",
    ),
    Statement(
        WEIGHT_NORMALISED,
        r"Every minimum is equivalent to an infinitely flat one by the eigenvalues of the Hessian, and to one of "
        r"arbitrarily low full-space $\epsilon$-sharpness.",
        ("flatness.infinitely-flat-as-printed",),
    ),
)
"""The statements of the talk on flatness and sharpness of rescaled minima, in the order of the slides."""
