r"""What the talk on Dinh, Pascanu, Bengio and Bengio (2017) says for flat minima, and how it defines flatness.

Claims name a slide by its title here; where several have one title, or none, the slide's own opening words follow. Text
is Markdown with LaTeX between dollars, in this project's words.
"""

from typing import Final

from verify.lectures.curvature import HESSIAN_MEASURES
from verify.sources import DINH_TALK, Slide, Slip, Statement, Untried

GOALS: Final = Slide(DINH_TALK, "Loss landscape")
NOT_COVERED_PAPERS: Final = Slide(DINH_TALK, "Not covered in this presentation")
NOT_COVERED: Final = Slide(DINH_TALK, "Theoretical studies: Not covered in this presentation")
EMPIRICAL: Final = Slide(DINH_TALK, "Empirical studies")
FLAT_MINIMA: Final = Slide(DINH_TALK, "Flat minima")
MOTIVATION: Final = Slide(DINH_TALK, "Flat minima: Motivation")
BAYESIAN: Final = Slide(DINH_TALK, "Sharp minima can generalise: Bayesian argument")
INSIGHTS: Final = Slide(DINH_TALK, "Sharp minima can generalise: Interesting insights")
DEFINITIONS: Final = Slide(DINH_TALK, "All definitions are given in a neighbourhood of a minimum")
SHARPNESS_DEFINED: Final = Slide(DINH_TALK, "ε-sharpness")

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
        NOT_COVERED,
        r"Nguyen and Hein (2017): with square activation, square loss and weight matrices of maximal rank at each "
        r"critical point, every critical point is a global minimum.",
        ("minima.square-activation-as-printed", "minima.wide-layer", "minima.wide-layer-on-networks"),
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
        SHARPNESS_DEFINED,
        r"A figure shows $\epsilon$-sharpness.",
        Untried(
            "the figure is lost and no formula is printed; a letter e or c in some places for $\\epsilon$ is "
            "noise of the transcript, as are numbers of slides"
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
)
"""The statements of the talk on what flat minima are and why they are sought, in the order of the slides."""
