r"""What the lecture in Edinburgh says of perceptrons, of softmax and of the cross-entropy, and what tries it.

Text is Markdown with LaTeX between dollars, in this project's words. A slide without a title goes by its first item.
"""

from typing import Final

from verify.sources import EDINBURGH_MLT, Slide, Slip, Statement, Untried

PERCEPTRONS: Final = Slide(EDINBURGH_MLT, "Neural networks")
CHALLENGES: Final = Slide(EDINBURGH_MLT, "Challenges with perceptron and 0-1 values")
SIGMOID: Final = Slide(EDINBURGH_MLT, "Sigmoid")
STRUCTURE: Final = Slide(EDINBURGH_MLT, "Neural network structure")
WHY_SOFTMAX: Final = Slide(EDINBURGH_MLT, "Question: Why softmax?")
CROSS_ENTROPY: Final = Slide(EDINBURGH_MLT, "Cross entropy loss")
CURVES: Final = Slide(EDINBURGH_MLT, "Overfitting in neural networks")
OUTLIER_CURVES: Final = Slide(EDINBURGH_MLT, "Probability curves for classification")
OVERFITTING: Final = Slide(EDINBURGH_MLT, "Overfitting")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        PERCEPTRONS,
        r"Each perceptron defines a half plane; together they form boundaries from arrangements of half spaces.",
        ("classifier.regions", "classifier.capacity"),
    ),
    Statement(
        PERCEPTRONS,
        r"More perceptrons make more regions of the arrangement available.",
        ("classifier.regions", "classifier.activation-regions"),
    ),
    Statement(
        CHALLENGES,
        r"Gradients of 0-1 values are of little use: a small change may change the class of no point.",
        ("classifier.step-has-no-gradient",),
    ),
    Statement(
        CHALLENGES,
        r"It is hard to apply methods such as SGD to 0-1 values.",
        ("classifier.step-has-no-gradient",),
    ),
    Statement(
        CHALLENGES,
        r"Sometimes it is useful to have real values.",
        Untried("a matter of practice; what they are wanted for here is a gradient, and that is tried"),
    ),
    Statement(
        SIGMOID,
        r"The sigmoid is $f(x) = 1/(1 + e^x)$.",
        ("classifier.sigmoid-as-printed",),
    ),
    Statement(
        STRUCTURE,
        r"ReLU and activations like it agree better with gradients than steps and sigmoids do.",
        ("classifier.step-has-no-gradient", "classifier.relu-kinks"),
        found="Steps have no gradient and sigmoids shrink it, an active ReLU does neither; at its kinks, though, "
        "programs may return what is no derivative.",
    ),
    Statement(
        STRUCTURE,
        r"ReLU and activations like it are easy to compute.",
        Untried("a matter of programs and machines: a ReLU takes a comparison, a sigmoid an exponential"),
    ),
    Statement(
        STRUCTURE,
        r"The middle layers produce a vector of scores for the classes, called logits.",
        Slip(
            "the scores are put down to the middle layers",
            "the last layer makes the scores, before softmax; the middle ones make the features that it weighs",
        ),
    ),
    Statement(
        STRUCTURE,
        r"The last layer turns scores $y_i$ into $e^{y_i}/\sum_j e^{y_j}$.",
        ("classifier.softmax",),
    ),
    Statement(
        WHY_SOFTMAX,
        r"Hard max makes of $[2, 3, 5, 2, 6, 4, 9, 2, 2, 4]$ the vector $[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]$.",
        ("classifier.hard-max-as-printed",),
    ),
    Statement(
        WHY_SOFTMAX,
        r"Softmax stands in for hard max, is differentiable, and its values can be treated as probabilities.",
        ("classifier.softmax",),
    ),
    Statement(
        CROSS_ENTROPY,
        r"Networks are usually trained on the cross-entropy of their outputs.",
        Untried("a custom"),
    ),
    Statement(
        CROSS_ENTROPY,
        r"The vector of labels is one-hot: 1 for the true class and 0 for the others.",
        Untried("a definition"),
    ),
    Statement(
        CROSS_ENTROPY,
        r"The cross-entropy $-\sum_i t_i \ln p_i$ measures the difference between labels and probabilities.",
        ("classifier.cross-entropy",),
    ),
    Statement(
        CROSS_ENTROPY,
        r"The example has $p = [0.1, 0.5, 0.2, 0.2]$ and $t = [0, 1, 0, 0]$.",
        ("classifier.cross-entropy",),
    ),
    Statement(
        CURVES,
        r"A network has one probability curve for each class: what should they look like where it overfits?",
        ("classifier.outlier",),
    ),
    Statement(
        OUTLIER_CURVES,
        r"A reasonable model sacrifices the outlier for better generalisation.",
        ("classifier.outlier",),
        found="The small network does; the large one bends its curve for the outlier, and does worse on new points "
        "in most pairs.",
    ),
    Statement(
        OVERFITTING,
        r"The optimiser modifies the probability curves so that large losses become smaller.",
        ("classifier.outlier",),
    ),
    Statement(
        OVERFITTING,
        r"The architecture restricts the possible arrangements of hyperplanes, and so how far every point is fitted.",
        ("classifier.regions", "classifier.capacity", "classifier.activation-regions"),
    ),
)
