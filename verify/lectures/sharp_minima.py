r"""What the talk on Dinh, Pascanu, Bengio and Bengio (2017) says, in this project's words, and what tries it.

Sharp minima can generalise: how the weights of a ReLU network can be rescaled without changing its function, and what
that makes of flatness. Claims name a slide by its title here; where several have one title, or none, the slide's own
opening words follow. Text is Markdown with LaTeX between dollars.
"""

from typing import Final

from verify.lectures.curvature import HESSIAN_MEASURES, OPEN_QUESTIONS
from verify.sources import DINH_TALK, Slide, Slip, Statement, Untried

GOALS: Final = Slide(DINH_TALK, "Loss landscape")
NOT_COVERED_PAPERS: Final = Slide(DINH_TALK, "Not covered in this presentation")
EMPIRICAL: Final = Slide(DINH_TALK, "Empirical studies")
FLAT_MINIMA: Final = Slide(DINH_TALK, "Flat minima")
MOTIVATION: Final = Slide(DINH_TALK, "Flat minima: Motivation")
INSIGHTS: Final = Slide(DINH_TALK, "Sharp minima can generalise: Interesting insights")
DEFINITIONS: Final = Slide(DINH_TALK, "All definitions are given in a neighbourhood of a minimum")
SHARPNESS_DEFINED: Final = Slide(DINH_TALK, "ε-sharpness")
SETTING: Final = Slide(DINH_TALK, "Setting")
HOMOGENEITY: Final = Slide(DINH_TALK, "Methodology")
EQUIVALENCE: Final = Slide(DINH_TALK, "Methodology: Observational equivalence")
NAVIGATING: Final = Slide(DINH_TALK, "Navigating the parameter space")
METHODOLOGY: Final = Slide(DINH_TALK, "Methodology: Parameter transformations")
STRATEGY: Final = Slide(DINH_TALK, "Results: Strategy")
FLATNESS_PROOF: Final = Slide(DINH_TALK, "ε-flatness: Proof provided for a 2-dimensional NN")
SECOND_ORDER: Final = Slide(DINH_TALK, "Second order measures: Preliminary results")
NON_DEGENERATE: Final = Slide(DINH_TALK, "Second order measures: Given a minimum with non degenerate Hessian")
OTHER_COORDINATES: Final = Slide(DINH_TALK, "(c) Loss function with another reparametrization")
WIDE_VALLEYS: Final = Slide(DINH_TALK, "Full eigenspectrum: Wide valleys")
DIAGONAL: Final = Slide(DINH_TALK, "Full eigenspectrum: then, eq. 1 becomes")
FULL_SPECTRUM: Final = Slide(DINH_TALK, "Full eigenspectrum: If the Hessian has rank r")
SUMMARY: Final = Slide(DINH_TALK, "Full eigenspectrum: Summary")
FLATNESS: Final = Slide(DINH_TALK, "ε-flatness: One-layer rectifier network")
FLATNESS_CASE_1: Final = Slide(DINH_TALK, "ε-flatness: Case 1")
FLATNESS_CASE_2: Final = Slide(DINH_TALK, "ε-flatness: Case 2")
SHARPNESS: Final = Slide(DINH_TALK, "ε-sharpness: One-layer rectifier network")
SHARPNESS_PROVIDED: Final = Slide(DINH_TALK, "ε-sharpness: Proof provided")
SHARPNESS_GOAL: Final = Slide(DINH_TALK, "ε-sharpness: goal")
SPECTRAL_NORM: Final = Slide(DINH_TALK, "Spectral norm: One-layer rectifier network")
SPECTRAL_NORM_GOAL: Final = Slide(DINH_TALK, "Spectral norm: goal")
K_LAYERS: Final = Slide(DINH_TALK, "K-layer rectifier network")
HORN: Final = Slide(DINH_TALK, "K-layer rectifier network: Horn's inequalities")
WEIGHT_NORMALISATION: Final = Slide(DINH_TALK, "Weight normalisation")
WEIGHT_NORMALISED: Final = Slide(DINH_TALK, "Weight normalisation: Implications")
NOT_COVERED: Final = Slide(DINH_TALK, "Theoretical studies: Not covered in this presentation")
BAYESIAN: Final = Slide(DINH_TALK, "Sharp minima can generalise: Bayesian argument")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        GOALS,
        r"Given strong assumptions on architecture or data, the minima found by gradient descent can be characterised.",
        ("level-sets.fixed-output-signs", "minima.wide-layer", "level-sets.linear-connected"),
    ),
    Statement(
        GOALS,
        r"The hypothesis is that SGD goes to regions with good minima, global ones under strong assumptions.",
        ("level-sets.valleys-are-low", "minima.relu-teacher-hits", "minima.gradient-does-not-always-arrive"),
    ),
    Statement(
        GOALS,
        r"Empirical studies of the geometry attempt to drive optimisation towards wide basins.",
        ("flatness.sam-finds-flatter", "flatness.entropy-sgd-finds-flatter", "flatness.swa-finds-flatter"),
    ),
    Statement(
        NOT_COVERED_PAPERS,
        r"Among the papers is one on large-batch training, generalisation and sharp minima.",
        Slip(
            "the title of Keskar et al. is given without a word",
            "it is on the *generalization gap* and sharp minima",
        ),
    ),
    Statement(
        NOT_COVERED,
        r"Soltanolkotabi, Javanmard and Lee (2018) show it for a network of a single layer.",
        Slip(
            "the network is said to have a single layer, and of the conditions synthetic data alone are named",
            "the network has one hidden layer; that all local minima are global, whatever the labels, is for quadratic "
            "units, at least twice as many as inputs, with fixed output weights of both signs",
        ),
    ),
    Statement(
        EMPIRICAL,
        r"In a flat minimum the loss varies slowly in a relatively large neighbourhood.",
        ("flatness.epsilon-sharpness", "flatness.noise-robust"),
    ),
    Statement(
        FLAT_MINIMA,
        r"Flat minima are robust to perturbations of the parameters and to numerical errors.",
        ("flatness.noise-robust", "flatness.bits"),
        found="On average it is a small trace that makes weights robust, and a rescaling of the layers changes the "
        "trace and no output.",
    ),
    Statement(
        FLAT_MINIMA,
        r"Weights of low precision encode less information from the training data.",
        ("flatness.bits",),
        found="Flatter minima need fewer bits, as long as layers are not rescaled: the number is no property of the "
        "function.",
    ),
    Statement(
        FLAT_MINIMA,
        r"Hence they favour a simpler model and tend to generalise well in practice.",
        ("flatness.predicts-generalisation", "flatness.no-prediction-after-rescaling"),
        found="After random rescalings of the layers no order is left by which flatness could tell; how well it "
        "tells without them is left open.",
    ),
    Statement(
        MOTIVATION,
        r"Chaudhari et al. (2016): wide valleys of the loss contain minima that are close to optimal.",
        ("flatness.local-entropy", "flatness.entropy-sgd-finds-flatter"),
        found="Local entropy prefers wide valleys; that the minima in them are close to optimal is not tried.",
    ),
    Statement(
        MOTIVATION,
        r"Keskar et al. (2016): with small batches SGD finds wider basins than with large ones, and they were observed "
        r"to generalise better.",
        ("flatness.small-batch-is-flatter", "hessian.large-batch-is-sharper"),
    ),
    Statement(
        MOTIVATION,
        r"Hinton and van Camp (1993) give a Bayesian argument.",
        Slip(
            "the argument is called Bayesian",
            "theirs is by the length of a description of the weights; with noisy weights that is what a variational "
            "approximation to Bayes minimises",
        ),
    ),
    Statement(
        NOT_COVERED,
        r"Nguyen and Hein (2017): with square activation, square loss and weight matrices of maximal rank at each "
        r"critical point, every critical point is a global minimum.",
        ("minima.square-activation-as-printed", "minima.wide-layer", "minima.wide-layer-on-networks"),
    ),
    Statement(
        MOTIVATION,
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
        found="So it is if the prior moves along with the parameters; with one fixed prior the evidence changes.",
    ),
    Statement(
        BAYESIAN,
        r"The Bayesian argument is non-parametric.",
        Slip(
            "independence of the parametrisation is called non-parametric",
            "in statistics that names models without a fixed number of parameters; invariant under a change of "
            "parameters is meant",
        ),
    ),
    Statement(
        BAYESIAN,
        r"Every measure of how the weights should change for a given change in behaviour depends on the geometry that "
        r"the architecture induces on the parameters.",
        ("rescaling.any-coordinates", "rescaling.counts-are-not-invariant"),
    ),
    Statement(
        INSIGHTS,
        r"ReLU induces a geometry on the parameter space, by which eigenvalues can be controlled and the behaviour of "
        r"the model stays as it is.",
        ("rescaling.symmetry-orbit", "rescaling.controllable-eigenvalues"),
    ),
    Statement(
        INSIGHTS,
        r"For a minimum that generalises well there is another with the same generalisation and any measure of "
        r"flatness.",
        ("rescaling.same-function", "rescaling.spectral-norm", "flatness.sharp-equivalent"),
        found="As sharp as you like; that it can be made as flat as you like is not shown.",
    ),
    Statement(
        DEFINITIONS,
        r"Flatness is defined around a minimum: $\epsilon$-flatness (Hochreiter and Schmidhuber), "
        r"$\epsilon$-sharpness (Keskar et al.), eigenvalues, spectral norm and trace of the Hessian.",
        ("flatness.infinite-volume", "flatness.epsilon-sharpness", "hessian.principal-curvatures"),
    ),
    Statement(
        SHARPNESS_DEFINED,
        r"A figure shows $\epsilon$-sharpness.",
        Untried(
            "the figure is lost and no formula is printed; a letter e or c in some places for $\\epsilon$ is "
            "noise of the transcript, as are numbers of slides"
        ),
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
        FLATNESS_PROOF,
        r"The largest connected region of nearly constant loss around a minimum contains one of infinite volume.",
        ("flatness.infinite-volume",),
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
        FLATNESS_PROOF,
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
        DIAGONAL,
        r"With $K$ layers the Hessian becomes $D_\alpha (\nabla^2 L) D_\alpha$, where $D_\alpha$ is the inverse of the "
        r"Jacobian of the rescaling.",
        ("rescaling.hessian-transform",),
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
