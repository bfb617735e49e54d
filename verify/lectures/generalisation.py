"""What the Edinburgh lecture says of networks with more parameters than data points, and what tries it.

Text is Markdown with LaTeX between dollars, in this project's words.
"""

from typing import Final

from verify.sources import EDINBURGH_MLT, Slide, Slip, Statement, Untried

OVERPARAMETERISED: Final = Slide(EDINBURGH_MLT, "Overparameterised neural networks")
DOUBLE_DESCENT: Final = Slide(EDINBURGH_MLT, "Double descent")
GAP: Final = Slide(EDINBURGH_MLT, "Generalisation gap for neural networks")
WEIGHTS: Final = Slide(EDINBURGH_MLT, "Distribution of weights on trained NNs")
DIMENSION: Final = Slide(EDINBURGH_MLT, "Pruning and dimension")
QUESTION: Final = Slide(EDINBURGH_MLT, "Pruning and dimension: Question")
PRUNING: Final = Slide(EDINBURGH_MLT, "Pruning")
TICKETS: Final = Slide(EDINBURGH_MLT, "Lottery ticket hypothesis")
PRUNING_METHODS: Final = Slide(EDINBURGH_MLT, "Standard pruning methods")
OTHER_RESULTS: Final = Slide(EDINBURGH_MLT, "Other results")
GAP_QUESTION: Final = Slide(EDINBURGH_MLT, "Generalisation gap for neural networks: How does is grow?")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        OVERPARAMETERISED,
        r"Parameters are unknowns, data points are like equations.",
        ("minima.dimension", "index.interpolation-threshold"),
    ),
    Statement(
        OVERPARAMETERISED,
        r"Modern networks have many more parameters than data points.",
        Untried("an observation of practice"),
    ),
    Statement(
        OVERPARAMETERISED,
        r"By classical statistics the need for data grows with the number of parameters: many more parameters than "
        r"data points should overfit and do badly on new data.",
        ("generalisation.double-descent", "generalisation.second-descent"),
        found="Beyond a peak the risk comes down again; in a linear model the best one has more parameters than "
        "examples where the signal is spread over many inputs and the noise is weak, and fewer otherwise.",
    ),
    Statement(
        DOUBLE_DESCENT,
        r"With far more parameters than data points the test error is small again.",
        (
            "generalisation.second-descent",
            "generalisation.double-descent",
            "generalisation.double-descent-networks",
        ),
        found="The error falls again beyond a peak; whether it comes below its best before the peak depends on "
        "signal and noise, and in the linear models tried it rises again as the parameters become far more.",
    ),
    Statement(
        DOUBLE_DESCENT,
        r"Of the many models with a small training loss, SGD finds ones with a small test loss.",
        ("generalisation.implicit-bias", "generalisation.max-margin-bias"),
        found="In linear regression gradient descent from zero finds the fit of least norm, in linear classification "
        "the largest margin, slowly; on digits the fits that SGD finds are far better than others that are as perfect "
        "on the same images.",
    ),
    Statement(
        DOUBLE_DESCENT,
        r"Neural tangent kernels are pointed to.",
        ("lazy.mean-kernels", "lazy.gradient-bound"),
    ),
    Statement(
        PRUNING,
        r"Edges of tiny weight are removed; sometimes 80 to 90 % of the edges can go with a comparable performance.",
        ("generalisation.pruning", "generalisation.pruning-nine-tenths", "generalisation.pruned-quadratics"),
        found="So it was on the digits tried, with training after the removal.",
    ),
    Statement(
        PRUNING,
        r"With fewer edges networks sometimes generalise better.",
        ("generalisation.pruning-sometimes-better",),
        found="Better than the whole network trained as long where half of the labels were random, and worse than the "
        "whole network that stopped earlier; with right labels at most half a point was gained.",
    ),
    Statement(
        TICKETS,
        r"A random dense network contains a subnetwork, a winning ticket, that can perform well: train, prune the "
        r"small weights, and reset the others to their original random values.",
        ("generalisation.lottery-ticket",),
        found="Shown by a search on images of digits: what is left trains better from its own first weights than "
        "from new ones, though in most pairs not as well as rounds that just train on.",
    ),
    Statement(
        TICKETS,
        r"This works surprisingly well on MNIST, with a test performance comparable to that of a well trained network.",
        ("generalisation.lottery-ticket",),
        found="On smaller images of digits, comparable was tried with 83 % of the weights gone, in three rounds: "
        "within two points at the median.",
    ),
    Statement(
        TICKETS,
        r"It works surprisingly well on CIFAR, too.",
        Untried("no images of CIFAR are at hand here, and networks for them take a GPU for hours"),
    ),
    Statement(
        PRUNING_METHODS,
        r"In one shot: train, remove small weights, return to the initial weights and train again.",
        ("generalisation.lottery-ticket",),
    ),
    Statement(
        PRUNING_METHODS,
        r"Iterative pruning sets random weights, trains, removes edges with small weights, and starts over.",
        ("generalisation.start-over-as-printed", "generalisation.pruning-rate-as-printed"),
        found="Which random weights, the slide does not say: not new ones. Nor does it say how much a round removes; "
        "Frankle and Carbin do, with a misprint.",
    ),
    Statement(
        OTHER_RESULTS,
        r"There are proofs for special cases by Malach et al. and by Bartoldson et al. (2020).",
        Slip(
            "Bartoldson et al. (2020) are named for a proof",
            "their paper, on the stability of pruning, is empirical; proofs are in Malach et al., Pensia et al. and "
            "Orseau et al. (2020)",
        ),
    ),
    Statement(
        OTHER_RESULTS,
        r"Pruning, and finding winning tickets, works without data: Wang et al. and Tanaka et al. (2020).",
        ("generalisation.tickets-without-data", "generalisation.layer-collapse"),
        found="Of the three only SynFlow needs no data; its masks, like those of SNIP and GraSP, are in most networks "
        "better than random ones, and than the same ones shuffled within the layers, and worse than those of a trained "
        "network. In a hundred rounds it keeps every layer as long as that is possible; at once most networks lose one "
        "earlier, by each of them.",
    ),
    Statement(
        OTHER_RESULTS,
        r"Both Wang et al. and Tanaka et al. (2020) need no data.",
        Slip(
            "Wang et al. (2020) are named for pruning without data",
            "their method, GraSP, needs no training but a batch of data with its labels; only SynFlow, of Tanaka et "
            "al., needs no data",
        ),
    ),
    Statement(
        DIMENSION,
        r"The dimension of the set of functions is determined by the number of parameters.",
        ("generalisation.functional-dimension",),
        found="Not by their number alone: a tanh network with one hidden layer has as many dimensions as "
        "parameters, a ReLU network fewer, by one for every hidden unit at least.",
    ),
    Statement(
        DIMENSION,
        r"Pruning and lottery tickets suggest that there are subspaces of lower dimension with good solutions.",
        ("generalisation.intrinsic-dimension",),
    ),
    Statement(
        GAP_QUESTION,
        r"What do the curves of training loss and test loss look like?",
        ("generalisation.gap",),
    ),
    Statement(
        GAP,
        r"How does the generalisation gap grow: what we might expect, and what we find.",
        ("generalisation.gap",),
    ),
    Statement(
        WEIGHTS,
        r"After training a large fraction of the weights is close to zero, a small one far from it.",
        ("generalisation.weights-concentrate",),
        found="That depends on what was minimised: without a penalty about as many weights are near zero as at the "
        "start, while the tails grow; with weight decay those of whole units and pixels are, with an l1 penalty most "
        "weights.",
    ),
    Statement(
        WEIGHTS,
        r"Edges of zero weight conduct no information, those of almost zero weight have little effect: many weights do "
        r"little or nothing after training.",
        ("generalisation.small-weights-small-effect", "generalisation.weights-concentrate"),
        found="Weights near zero have little effect; that they are many takes a penalty.",
    ),
    Statement(
        QUESTION,
        r"If a small network is good enough, why are we using a large one?",
        ("generalisation.why-large",),
    ),
    Statement(
        OTHER_RESULTS,
        r"For special cases it is proved that a random network contains a good subnetwork.",
        ("generalisation.strong-ticket",),
    ),
)
