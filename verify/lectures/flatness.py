r"""What the lecture in Edinburgh says about flat minima, in this project's words, and what tries it.

What an outlier costs, what sharpness is, which algorithms look for flat minima, and why stochastic gradient descent is
said to find them. Claims name a slide by its title here. Text is Markdown with LaTeX between dollars.
"""

from typing import Final

from verify.sources import EDINBURGH_MLT, Slide, Slip, Statement

OUTLIER: Final = Slide(EDINBURGH_MLT, "Probability curves for classification")
ALGORITHMS: Final = Slide(EDINBURGH_MLT, "Algorithms")
REDUNDANT: Final = Slide(EDINBURGH_MLT, "Flat minima")
STABLE: Final = Slide(EDINBURGH_MLT, "Flat minima are also more likely to be stable")
CURVATURE: Final = Slide(EDINBURGH_MLT, "Curvature as a sharpness measure")
SHARPNESS: Final = Slide(EDINBURGH_MLT, "ε-Sharpness")
HIGH_DIMENSIONS: Final = Slide(EDINBURGH_MLT, "Model spaces are high dimensional")
FLAT_OR_SHARP: Final = Slide(EDINBURGH_MLT, "Flat and sharp minima")
FLAT_GENERALISE: Final = Slide(EDINBURGH_MLT, "Flat and sharp minima: Flat minima generalize better")
SGD_AND_FLAT_MINIMA: Final = Slide(EDINBURGH_MLT, "SGD and Flat minima")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        OUTLIER,
        r"What is the cross-entropy at the outlier?",
        ("flatness.confident-error", "classifier.outlier"),
    ),
    Statement(
        FLAT_OR_SHARP,
        r"A minimum of the loss can be flat or sharp.",
        ("flatness.epsilon-sharpness", "hessian.principal-curvatures"),
    ),
    Statement(
        FLAT_GENERALISE,
        r"Flat minima generalise better; sharper ones are likely to represent overfitting.",
        ("flatness.predicts-generalisation", "flatness.no-prediction-after-rescaling"),
        found="After random rescalings of the layers no order is left by which sharpness could tell; how well it "
        "tells without them is left open.",
    ),
    Statement(
        STABLE,
        r"Flat minima are also more likely to be stable.",
        ("flatness.noise-robust", "flatness.bits"),
        found="On average it is a small trace that makes weights robust, and a rescaling of the layers changes the "
        "trace and no output.",
    ),
    Statement(
        CURVATURE,
        r"For one weight curvature is the second derivative; the larger it is, the sharper the minimum.",
        ("flatness.epsilon-sharpness",),
    ),
    Statement(
        SHARPNESS,
        r"The sharpness of a minimum is the largest rise of the loss in a ball around it, over one plus the loss.",
        ("flatness.epsilon-sharpness",),
    ),
    Statement(
        SHARPNESS,
        r"The ball is Euclidean, and the rise is divided by one plus the loss.",
        Slip(
            "this is shown as the definition of sharpness",
            "so Dinh et al. (2017) define it; Keskar et al. (2017), who introduced it, take a box with sides that grow "
            "with the sizes of the weights, and a factor of 100",
        ),
    ),
    Statement(
        HIGH_DIMENSIONS,
        r"In high dimensions the definition of $\epsilon$-sharpness applies directly, curvature takes the Hessian.",
        ("flatness.epsilon-sharpness", "hessian.principal-curvatures"),
    ),
    Statement(
        ALGORITHMS,
        r"Sharpness-aware minimisation uses $\epsilon$-sharpness: it minimises the loss plus its rise nearby.",
        ("flatness.sam-as-printed", "flatness.sam-objective"),
    ),
    Statement(
        ALGORITHMS,
        r"Entropy-SGD optimises a different function.",
        ("flatness.local-entropy",),
    ),
    Statement(
        ALGORITHMS,
        r"Stochastic weight averaging averages the weights of the last $c$ models.",
        ("flatness.weight-averaging",),
    ),
    Statement(
        ALGORITHMS,
        r"Sharpness-aware minimisation is listed among algorithms for flat minima (that it ends flatter is tried, not "
        r"printed).",
        ("flatness.sam-finds-flatter",),
    ),
    Statement(
        ALGORITHMS,
        r"Entropy-SGD is computationally very expensive (listed like the others).",
        ("flatness.cost-per-step", "flatness.entropy-sgd-finds-flatter"),
    ),
    Statement(
        ALGORITHMS,
        r"Averaging the weights of the last models (stochastic weight averaging) produces flat minima.",
        ("flatness.swa-finds-flatter",),
        found="The average is flatter than the end of descent at a low rate, but most of the smaller trace comes "
        "from the high rate and not from averaging.",
    ),
    Statement(
        REDUNDANT,
        r"Flat minima are generally agreed to be good, but the full picture is not clear.",
        ("flatness.predicts-generalisation", "flatness.no-prediction-after-rescaling"),
    ),
    Statement(
        REDUNDANT,
        r"Sometimes sharp minima work well.",
        ("rescaling.same-function", "flatness.winner-by-rescaling"),
    ),
    Statement(
        REDUNDANT,
        r"Networks are highly redundant, for example symmetric: many weights have one function.",
        ("rescaling.symmetry-orbit", "connectivity.permutation-recovery"),
    ),
    Statement(
        REDUNDANT,
        r"Weights can be changed such that the function, and so the loss, stays the same while the curvature does not.",
        ("flatness.winner-by-rescaling",),
    ),
    Statement(
        SGD_AND_FLAT_MINIMA,
        r"Large batches approximate a smooth gradient, small batches make a more random, jumpy trajectory.",
        ("flatness.noise-covariance",),
    ),
    Statement(
        SGD_AND_FLAT_MINIMA,
        r"Small learning rates approximate a smooth gradient.",
        Slip(
            "large batches and small learning rates are said to approximate a smooth gradient",
            r"the batch size alone sets the noise of the gradient; a small learning rate $\eta$ takes smaller steps "
            r"and so averages over more batches, such that what counts for the weights is $\eta/B$",
        ),
    ),
    Statement(
        SGD_AND_FLAT_MINIMA,
        r"Descent by small batches is biased toward minima that are flat and generalise well; large batches are more "
        r"likely to find a sharp one.",
        ("flatness.small-batch-is-flatter",),
    ),
    Statement(
        SGD_AND_FLAT_MINIMA,
        r"Small batches and large learning rates skip over sharp minima and jump away from them; at a flat one a step "
        r"away stays in the same basin.",
        ("flatness.stability-edge", "flatness.escapes-sharp"),
    ),
)
"""The statements of the lecture, in the order of the slides."""
