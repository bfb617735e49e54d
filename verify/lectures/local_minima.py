r"""What the lectures say of local and global minima, saddles, convexity and the set of network functions.

Counts of local minima, points where descent is slow or stops, the manifold of global minimisers, and the set of
functions that a network computes: statements of the talk in Spanish, of the Oxford lecture and of the talk on Dinh et
al., with what tries them. Text is Markdown with LaTeX between dollars. A slide without a title goes by its opening
words.
"""

from typing import Final

from verify.lectures.curvature import OPEN_QUESTIONS
from verify.sources import OPTIMALITY_TALK, OXFORD_C65, Slide, Slip, Statement, Untried

LANDSCAPE: Final = Slide(OXFORD_C65, "Loss landscape example: 56 layers fully connected")
SUMMARY: Final = Slide(OXFORD_C65, "Structure of the loss landscape dimensionality dependence")
GLOBAL_MANIFOLD: Final = Slide(OXFORD_C65, "Dimension of global minimizer submanifold")
LOCAL_SHAPE: Final = Slide(OXFORD_C65, "Local shape of loss landscape")
REMINDER: Final = Slide(OPTIMALITY_TALK, "Recordemos")
CONVEX: Final = Slide(OPTIMALITY_TALK, "Problemas convexos")
ALONG_TRAINING: Final = Slide(OPTIMALITY_TALK, "Función de pérdida en redes neuronales")
EXAMPLE: Final = Slide(OPTIMALITY_TALK, "Ejemplo 1.20")
PROBLEMS: Final = Slide(OPTIMALITY_TALK, "Se presentan problemas")
MORE_PROBLEMS: Final = Slide(OPTIMALITY_TALK, "Más problemas")
FUNCTION_SET: Final = Slide(OPTIMALITY_TALK, "very non-convex and non-closed set")
EXPLANATIONS: Final = Slide(OPTIMALITY_TALK, "Algunas posibles explicaciones")
NO_FORMULA: Final = Slide(OPTIMALITY_TALK, "In view of these considerations")
ONE_NEURON: Final = Slide(OPTIMALITY_TALK, "Resultados: We show that for a single neuron")
RELU_TEACHER: Final = Slide(OPTIMALITY_TALK, "Resultados: We consider the optimization problem")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        OPEN_QUESTIONS,
        r"Does the gradient always find a minimiser?",
        ("minima.gradient-does-not-always-arrive",),
    ),
    Statement(
        LANDSCAPE,
        r"The picture shows the loss of a fully connected network with 56 layers.",
        Slip(
            "the network of the picture is said to be fully connected",
            "it is a convolutional one, ResNet-56 without its skip connections, on CIFAR-10",
        ),
    ),
    Statement(
        LANDSCAPE,
        r"Loss landscapes of deep networks are typically not convex.",
        ("level-sets.example-midpoint",),
        found="Shown by an example with two hidden units; how often it is so is not tried.",
    ),
    Statement(
        GLOBAL_MANIFOLD,
        r"Networks from $\mathbb{R}^n$ to $\mathbb{R}^r$ with smooth activations fit $d$ data on a smooth submanifold "
        r"of $\mathbb{R}^d$ of dimension $d - rn$.",
        ("minima.dimension-as-printed", "minima.dimension"),
    ),
    Statement(
        GLOBAL_MANIFOLD,
        r"That is so after an arbitrarily small perturbation, for smooth activations and distinct data.",
        ("minima.dimension",),
    ),
    Statement(
        GLOBAL_MANIFOLD,
        r"The submanifold may be empty.",
        ("minima.fit-exists",),
        found="It is not where the last hidden layer has as many units as there are data.",
    ),
    Statement(
        GLOBAL_MANIFOLD,
        r"The loss over $d$ data is $(2m)^{-1} \sum_{\mu=1}^d |H(x_\mu; \theta) - y_\mu|^2$.",
        Slip(
            "the sum over $d$ data is divided by $2m$",
            "by twice the number of data, one letter for both; where the loss is zero no factor matters",
        ),
    ),
    Statement(
        SUMMARY,
        r"When the amount of data exceeds the product of the input and output dimensions, networks that fit do so on a "
        r"smooth manifold of known dimension.",
        ("minima.more-data-than-sizes-as-printed",),
    ),
    Statement(
        SUMMARY,
        r"Loss landscapes can be non-convex and hence difficult to optimise.",
        ("level-sets.example-midpoint", "level-sets.convexity-classes"),
    ),
    Statement(
        REMINDER,
        r"How well a hypothesis approximates the target function is measured by an error, the loss penalises a wrong "
        r"class or value of one example, and learning minimises a cost.",
        Untried("definitions"),
    ),
    Statement(
        REMINDER,
        r"A cost is the empirical risk, the mean of the losses of the examples.",
        ("classifier.empirical-risk",),
    ),
    Statement(
        REMINDER,
        r"The loss function is evaluated at a function $f_z$ of the hypothesis space and written $L(f_s, z)$.",
        Slip(
            r"the hypothesis is $f_z$ in the sentence and $f_s$ in the formula",
            r"$f_s$: it depends on the whole sample $s$, and $z$ is the one example at which the loss is taken",
        ),
    ),
    Statement(
        REMINDER,
        r"Gradient descent repeats its step for ever.",
        Slip(
            "the loop of the printed program has no end",
            "it is stopped after a number of steps, or where the gradient is small",
        ),
    ),
    Statement(
        CONVEX,
        r"For convex functions every local minimum is global.",
        ("level-sets.convexity-classes",),
    ),
    Statement(
        CONVEX,
        r"The empirical risk of networks is in general not convex.",
        ("level-sets.example-midpoint",),
    ),
    Statement(
        ALONG_TRAINING,
        r"A figure shows the loss along the training of a network.",
        Untried("the figure is lost, and neither network nor data are named"),
    ),
    Statement(
        EXAMPLE,
        r"For $\theta = (1, -1, 1, 1, 1, 0)$ and $\bar\theta = (-1, 1, 1, 1, 0, 1)$ a network of two ReLU units "
        r"computes the same function.",
        ("level-sets.example-midpoint",),
    ),
    Statement(
        PROBLEMS,
        r"Both have risk 0 on the sample $((-1, 0), (1, 1))$, their midpoint has risk $1/2$: the risk is not convex.",
        ("level-sets.example-midpoint",),
    ),
    Statement(
        MORE_PROBLEMS,
        r"There are several local minima.",
        ("minima.logistic-count", "minima.relu-teacher", "level-sets.relu-valleys"),
    ),
    Statement(
        MORE_PROBLEMS,
        r"There are saddles, some of a high order, where the Hessian vanishes.",
        ("minima.slow-saddles",),
    ),
    Statement(
        MORE_PROBLEMS,
        r"The gradient is very small, so that it takes long.",
        ("minima.slow-saddles",),
    ),
    Statement(
        MORE_PROBLEMS,
        r"In $L^p$ norms the set of network functions is far from convex and closed.",
        ("level-sets.not-closed", "level-sets.not-convex"),
        found="It is neither closed nor convex; how far it is from either is not tried.",
    ),
    Statement(
        MORE_PROBLEMS,
        r"In spite of these problems deep learning by SGD works very well in practice.",
        Untried("an observation of practice, without a measure"),
    ),
    Statement(
        MORE_PROBLEMS,
        r"Classical learning theory does not explain this.",
        ("generalisation.double-descent",),
        found="For least squares the classical asymptotics of random matrices do give the second descent; bounds by "
        "a count of parameters do not.",
    ),
    Statement(
        EXPLANATIONS,
        r"Two possible explanations are the landscape of the loss and the convergence of SGD for over-parameterised "
        r"networks, which can be proved.",
        ("lazy.polyak-lojasiewicz", "lazy.descent-not-sgd", "level-sets.valleys-are-low"),
        found="What the talk shows of convergence is for the full gradient. Of minibatches at a constant rate it can "
        "be proved, too, where the data can be interpolated, as wide networks can; elsewhere they stall.",
    ),
    Statement(
        EXPLANATIONS,
        r"The convergence of SGD is what can be proved.",
        ("lazy.descent-not-sgd",),
        found="It can, for wide networks, by an argument on the noise of minibatches that the talk does not give.",
    ),
    Statement(
        FUNCTION_SET,
        r"The set of network functions is very non-convex and not closed.",
        ("level-sets.not-closed", "level-sets.not-convex"),
    ),
    Statement(
        FUNCTION_SET,
        r"The map from parameters to functions is no quotient map: it is not continuously invertible, even after "
        r"parameters of one function are identified.",
        ("level-sets.not-a-quotient",),
    ),
    Statement(
        FUNCTION_SET,
        r"In various situations it is NP-hard to find the global minimum.",
        ("minima.np-hard",),
    ),
    Statement(
        FUNCTION_SET,
        r"The picture shows more than one minimum.",
        ("level-sets.slice-minima",),
        found="In most slices that show several minima none but the one chosen is a minimum of the loss.",
    ),
    Statement(
        FUNCTION_SET,
        r"In practice one neglects that the loss is only almost everywhere differentiable.",
        ("classifier.relu-kinks",),
    ),
    Statement(
        NO_FORMULA,
        r"No formula guarantees that a network converges to a good solution, that it does so swiftly, or that it "
        r"converges at all.",
        ("minima.gradient-does-not-always-arrive", "minima.slow-saddles"),
    ),
    Statement(
        NO_FORMULA,
        r"Convergence is yet quite often observed, with little theoretical explanation in the classical set-up.",
        ("generalisation.why-large", "minima.relu-teacher-hits"),
    ),
    Statement(
        ONE_NEURON,
        r"For a single logistic neuron under the square loss the number of local minima can grow exponentially in the "
        r"dimension.",
        ("minima.logistic-count",),
    ),
    Statement(
        RELU_TEACHER,
        r"ReLU networks of $6 \le k \le 20$ units that learn from one of their own size with orthonormal weights have "
        r"spurious local minima, in any dimension.",
        ("minima.relu-teacher",),
    ),
    Statement(
        RELU_TEACHER,
        r"In high input dimension nearly all target networks of these sizes lead to spurious local minima.",
        ("minima.relu-teacher-random-targets",),
    ),
    Statement(
        RELU_TEACHER,
        r"Such minima are hit with a high probability, which grows with the size; a few more units make them rare.",
        ("minima.relu-teacher-hits",),
    ),
    Statement(
        RELU_TEACHER,
        r"So a positive result here needs an assumption of over-parameterisation.",
        ("minima.relu-teacher", "connectivity.width-helps"),
        found="With as many units as the teacher spurious minima exist, so that some assumption is needed; that it "
        "must be over-parameterisation is not shown.",
    ),
)
"""The statements, lecture by lecture, in the order of the slides."""
