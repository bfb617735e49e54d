r"""What the Oxford lecture and the talk in Spanish say of level sets and of paths in them, and what tries it.

Text is Markdown with LaTeX between dollars, in this project's words. A slide without a title goes by its opening words.
"""

from typing import Final

from verify.sources import DINH_TALK, OPTIMALITY_TALK, OXFORD_C65, Slide, Slip, Statement

LEVEL_SETS: Final = Slide(OXFORD_C65, "Consider our loss function and its associated level set")
COMPLEX: Final = Slide(OXFORD_C65, "There are datasets for which ReLU has a complex landscape")
OVER_PARAMETERISED: Final = Slide(OXFORD_C65, "Over parameterisation can generate a single connected component")
SUMMARY: Final = Slide(OXFORD_C65, "Structure of the loss landscape dimensionality dependence")
THEORETICAL: Final = Slide(DINH_TALK, "Theoretical studies: Not covered in this presentation")
PATHS: Final = Slide(OPTIMALITY_TALK, "1.2 Caminos a lo largo del espacio de parámetros")
MAIN_RESULT: Final = Slide(OPTIMALITY_TALK, "Resultado principal")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        LEVEL_SETS,
        r"If all sublevel sets are connected, there are no isolated local minima, and any descent method can reach a "
        r"global one.",
        Slip(
            "connected sublevel sets are said to exclude isolated local minima and to let every descent succeed",
            "they exclude strict local minima that are not global; the minimum of $x^2$ is isolated and global, and on "
            "plateaus and at saddles descent may stop",
        ),
    ),
    Statement(
        LEVEL_SETS,
        r"The loss is $n^{-1} \sum_{\mu=1}^n \ell(\theta; x_\mu, y_\mu)$.",
        Slip(
            "$n$ counts the data",
            "on the slides before and after it is the number of inputs, and the data are $m$; here there is no half "
            "before the sum, there there is",
        ),
    ),
    Statement(
        LEVEL_SETS,
        r"With more than one component there may be spurious valleys: components whose minima are not global.",
        ("level-sets.relu-valleys", "level-sets.two-gaussians"),
    ),
    Statement(
        LEVEL_SETS,
        r"With connected sublevel sets any descent method can reach a global minimum.",
        ("level-sets.descent-stalls",),
        found="Not so: gradient descent may stop on a plateau far above the global minimum, from which a path that "
        "never rises leads on.",
    ),
    Statement(
        COMPLEX,
        r"Linear networks whose hidden layers are all wider than $\min(n_0, n_L)$ have connected sublevel sets.",
        ("level-sets.linear-connected", "level-sets.linear-equality-as-printed"),
    ),
    Statement(
        COMPLEX,
        r"For ReLU networks of any widths there are data with more than one component.",
        (
            "level-sets.relu-valleys",
            "level-sets.grid-persistence",
            "level-sets.two-sided-barrier",
            "level-sets.two-sided-search",
        ),
    ),
    Statement(
        COMPLEX,
        r"The layers of the ReLU network are $h^{(\ell)} = \max(0, W^{(\ell)} h^{(\ell - 1)})$ up to the output.",
        Slip(
            "the last layer is printed with a ReLU of its own",
            "the last layer is linear, as on the other slides and in Freeman and Bruna (2017)",
        ),
    ),
    Statement(
        OVER_PARAMETERISED,
        r"Two parameters of a two-layer ReLU network of width $m$ on $n$ inputs with losses of at most $\lambda$ are "
        r"joined by a path with losses of at most $\max(\lambda, m^{-1/n})$.",
        ("level-sets.nearly-connected-as-printed", "level-sets.freeman-bruna-gap"),
    ),
    Statement(
        OVER_PARAMETERISED,
        r"In that bound $m$ is the number of rows of $W^{(1)}$.",
        Slip(
            "$m$ is the number of data entries on the slides before and after",
            "here it is the width, the number of hidden units, and $n$ the number of inputs",
        ),
    ),
    Statement(
        OVER_PARAMETERISED,
        r"With one layer of quadratic units, more than $2N$ of them for $N$ data entries, there is a single component.",
        ("level-sets.quadratic", "level-sets.quadratic-width-as-printed"),
    ),
    Statement(
        OVER_PARAMETERISED,
        r"With $n_\ell \geq 3 N^{2^\ell}$ in layers of quadratic units and $N$ data entries there is one component.",
        ("level-sets.quadratic-deep", "level-sets.quadratic-deep-strings"),
        found="The source has the number of inputs for $N$, not that of data; that this width gives one component "
        "is not shown, only that trained networks that were tried are joined at a low loss.",
    ),
    Statement(
        OVER_PARAMETERISED,
        r"The condition is one on the number $n_\ell$ of parameters.",
        Slip(
            r"$n_\ell$ is called the number of parameters",
            r"it is the width of the layer: its weights are a matrix of $n_\ell \times n_{\ell - 1}$ parameters",
        ),
    ),
    Statement(
        SUMMARY,
        r"The components of a level curve of the loss can be analysed.",
        Slip(
            "level curves are named",
            "sublevel sets are meant: the level curve $x^2 = 1$ has two components, the sublevel set $x^2 \\le 1$ one",
        ),
    ),
    Statement(
        SUMMARY,
        r"More width can improve the loss landscape.",
        ("connectivity.width-helps", "level-sets.freeman-bruna-gap", "level-sets.valleys-are-low"),
    ),
    Statement(
        THEORETICAL,
        r"For networks of a single layer and the squared error all local minima are global, independent of the labels.",
        ("level-sets.fixed-output-signs",),
        found="Shown for quadratic units with fixed output weights, at least as many of either sign as there are "
        "inputs; with a single positive one there is a counterexample on two inputs.",
    ),
    Statement(
        PATHS,
        r"A path from every point to the global minimum along which the risk does not increase excludes local minima "
        r"that are not global.",
        ("level-sets.monotone-path-as-printed",),
    ),
    Statement(
        PATHS,
        r"To be minimised is the empirical risk $F(\theta) = \frac{1}{L} \sum_{i=1}^L |\Phi(x_i; \theta) - y_i|^2 + "
        r"\kappa R(\theta)$.",
        Slip(
            "the sum with the regulariser is called the empirical risk",
            "it is the regularised risk; $L$ is the number of examples, there is no half, and $R$, which is the risk "
            "itself on other slides, is here the regulariser",
        ),
    ),
    Statement(
        PATHS,
        r"Level sets are $\Omega_F(\lambda) = \{\theta : F(\theta) \le \lambda\}$.",
        Slip("these are called level sets", "they are the sublevel sets; a level set has $F(\\theta) = \\lambda$"),
    ),
    Statement(
        PATHS,
        r"If $\{F \le \lambda\}$ is connected for all $\lambda$, every local minimum is global.",
        ("level-sets.monotone-path-as-printed",),
    ),
    Statement(
        PATHS,
        r"Connected level sets are sufficient and not necessary: isolated minima may lie at one level, as for networks "
        r"of several layers.",
        ("level-sets.quadratic", "level-sets.linear-connected"),
        found="They exclude strict local minima that are not global; plateaus above the global minimum may remain.",
    ),
    Statement(
        PATHS,
        r"Linear networks of any depth with the regulariser $|\theta|^2$ have no local minima that are not global.",
        ("level-sets.weight-decay-as-printed",),
    ),
    Statement(
        PATHS,
        r"For ReLU networks there are data for which the level sets are not all connected.",
        ("level-sets.relu-valleys",),
    ),
    Statement(
        PATHS,
        r"Counterexamples can be constructed, and show that the difficulty depends on the distribution of the data.",
        ("level-sets.two-gaussians", "level-sets.two-gaussians-as-printed"),
    ),
    Statement(
        MAIN_RESULT,
        r"The result is about an asymptotic scenario, given by a fixed neuron $m$ of the layer.",
        Slip(
            "the scenario is called asymptotic and $m$ a neuron",
            "theorem 2.4 of Freeman and Bruna (2017) is not asymptotic: $m$ is the fixed size of the hidden layer, and "
            "the risk is that on the population",
        ),
    ),
    Statement(
        MAIN_RESULT,
        r"Two parameters with risks of at most $\lambda$ are joined by a path with a risk of at most $\max(\lambda, "
        r"\epsilon)$, where $\epsilon$ falls with over-parameterisation.",
        ("level-sets.freeman-bruna-gap", "level-sets.bisector-bound"),
    ),
    Statement(
        MAIN_RESULT,
        r"The gap satisfies $\epsilon = O(m^{-1/n})$.",
        ("level-sets.freeman-bruna-gap",),
    ),
    Statement(
        MAIN_RESULT,
        r"As the width grows, level sets become connected at every level of the energy.",
        ("level-sets.connected-at-every-level-as-printed",),
    ),
)
