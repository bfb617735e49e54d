r"""What the lectures say about the curvature of trained networks, in this project's words, and what tries it.

The empirical part is a summary of Sagun, Evci, Güney, Dauphin and Bottou (2018): the Hessian of small ReLU networks
before and after training. Claims name a slide by its title here; where a slide has none but continues the one before,
the title is that one's with the slide's own opening words. Text is Markdown with LaTeX between dollars.
"""

from typing import Final

from verify.sources import DINH_TALK, EDINBURGH_MLT, Slide, Slip, Statement, Untried

DERIVATIVES: Final = Slide(EDINBURGH_MLT, "Partial derivatives")
CURVATURE_DIRECTIONS: Final = Slide(EDINBURGH_MLT, "Curvature directions")
THE_METHOD: Final = Slide(EDINBURGH_MLT, "So, the method is")
IN_PRACTICE: Final = Slide(DINH_TALK, "Full eigenspectrum: Summary")
HESSIAN_MEASURES: Final = Slide(DINH_TALK, "Hessian based measures")
BEFORE_AND_AFTER: Final = Slide(DINH_TALK, "Hessian matrix in practice")
DATA: Final = Slide(DINH_TALK, "Hessian matrix in practice: Data vs eigenvalues")
NUMBER_OF_PARAMETERS: Final = Slide(DINH_TALK, "Hessian matrix in practice: Number of parameters vs eigenvalues")
BATCH_SIZE: Final = Slide(DINH_TALK, "Hessian matrix in practice: Batch size vs eigenvalues")
NEGATIVE_EIGENVALUES: Final = Slide(DINH_TALK, "Negative eigenvalues")
NEGATIVE_BY_BATCH_SIZE: Final = Slide(DINH_TALK, "Negative eigenvalues: CNN with ReLU and maxpooling")
OPEN_QUESTIONS: Final = Slide(DINH_TALK, "Open questions")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        DERIVATIVES,
        r"$\partial f/\partial x$ is the same as $df/dx$, only that there are other variables to consider.",
        Slip(
            "partial and total derivative are said to be the same",
            "the partial derivative holds the other variables fixed; where they depend on $x$, $df/dx$ counts what "
            "their change adds as well",
        ),
    ),
    Statement(
        DERIVATIVES,
        r"The curvature along $x$ is $\partial^2 f/\partial x^2$; the Hessian is the matrix of all second derivatives, "
        r"mixed ones included.",
        ("hessian.principal-curvatures",),
    ),
    Statement(
        CURVATURE_DIRECTIONS,
        r"The directions of strongest curvature need not be those of the weights: the eigenvalues of the Hessian are "
        r"the principal curvatures, its eigenvectors their directions.",
        ("hessian.principal-curvatures",),
    ),
    Statement(
        CURVATURE_DIRECTIONS,
        r"Larger eigenvalues of the Hessian imply sharper minima.",
        ("flatness.epsilon-sharpness", "rescaling.counts-are-not-invariant"),
        found="For given coordinates: a rescaling of the layers changes the eigenvalues and not the function.",
    ),
    Statement(
        CURVATURE_DIRECTIONS,
        r"Think of the principal components of the matrix of curvatures.",
        ("hessian.principal-curvatures",),
    ),
    Statement(
        THE_METHOD,
        r"Eigenvalues of the Hessian come in a distribution, at which one should look.",
        ("hessian.bulk-and-outliers",),
    ),
    Statement(
        THE_METHOD,
        r"To tell how sharp a minimum is, take the Hessian, compute its eigenvalues and look at their distribution: "
        r"more large ones mean a sharper minimum.",
        Slip(
            "more large eigenvalues are said to imply a sharper minimum",
            "that is one definition of sharpness, and a property of the weights rather than of the function that they "
            "compute: rescaling the layers of a ReLU network changes the eigenvalues and no output",
        ),
    ),
    Statement(
        HESSIAN_MEASURES,
        r"Flatness is characterised by the eigenvalues of the Hessian, or by their sum, the trace.",
        ("hessian.principal-curvatures", "rescaling.counts-are-not-invariant"),
        found="That is flatness of weights, not of the function: a rescaling of the layers changes both measures "
        "and no output.",
    ),
    Statement(
        IN_PRACTICE,
        r"How does the Hessian at a minimum look in practice?",
        ("hessian.bulk-and-outliers", "hessian.rank-at-interpolation"),
    ),
    Statement(
        BEFORE_AND_AFTER,
        r"The interesting case is a rectifier network of depth 2 with a scalar output.",
        Slip(
            "the case that is called interesting has depth 2 and one output",
            "that is the case of the proofs; the networks of the figures that follow have two hidden layers, so depth "
            "3, and an output for each class",
        ),
    ),
    Statement(
        BEFORE_AND_AFTER,
        r"After training most eigenvalues of a ReLU network with two hidden layers are near zero, and a few are large.",
        ("hessian.bulk-and-outliers",),
    ),
    Statement(
        DATA,
        r"On $k$ clusters of data, told apart by $k$ outputs, the number of large eigenvalues is $k$.",
        ("hessian.outliers-count-clusters",),
        found="The number is $k - 1$ by an exact argument, and classes count, not clusters.",
    ),
    Statement(
        NUMBER_OF_PARAMETERS,
        r"The number of parameters hardly changes the number and the size of the large eigenvalues.",
        ("hessian.width-grows-the-bulk",),
    ),
    Statement(
        BATCH_SIZE,
        r"Training with batches of 512 ends at larger positive eigenvalues than with batches of 10.",
        ("hessian.large-batch-is-sharper", "hessian.large-batch-is-sharper-at-scaled-rates"),
    ),
    Statement(
        NEGATIVE_EIGENVALUES,
        r"At the end of training negative eigenvalues remain, much smaller in size than the positive ones.",
        ("hessian.negative-eigenvalues-are-small",),
    ),
    Statement(
        NEGATIVE_EIGENVALUES,
        r"The share of small eigenvalues is on the horizontal axis.",
        Untried("the caption of a figure; its data are not given"),
    ),
    Statement(
        NEGATIVE_BY_BATCH_SIZE,
        r"Negative eigenvalues of a convolutional network, trained with batches of 10 and of 512, are small as well.",
        ("hessian.negative-eigenvalues-are-small",),
    ),
    Statement(
        OPEN_QUESTIONS,
        r"How does the over-parametrisation of a hidden layer affect the Hessian at a minimum?",
        (
            "hessian.rank-at-interpolation",
            "hessian.one-wider-layer",
            "hessian.one-wider-layer-top-eigenvalue",
        ),
    ),
)
"""The statements of the Edinburgh lecture and of the talk on Dinh et al., in the order of the slides."""
