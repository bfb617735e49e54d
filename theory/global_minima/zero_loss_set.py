r"""The set on which a network fits its data exactly: how many dimensions it has, and the Hessian there.

Conventions: P parameters, N data, r outputs; F maps the parameters to all r N outputs, y holds the labels, and J = F'
has r N rows and P columns. The loss is the sum of squared residuals over 2N, so that the Hessian at zero loss is J'J/N.
A label is *regular* if J has rank r N at every parameter with F = y.
"""

import random
from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_nonlinear_net import ExactNonlinearNet
from theory.exact_two_layer import exact_rank
from theory.proof import Relation
from theory.rank_at_interpolation import interpolation_rank
from theory.real_arrays import integer, positive_integer
from theory.rescaling.block_matrix import exact_eigenvalue_count

__all__ = ["kernel_at_a_fit", "zero_loss_dimension"]

_MOST_ENTRIES = 10**6
_SHAPES = (((1, 2, 1), 3), ((2, 4, 2), 4), ((3, 6, 2), 5))  # inputs, hidden units, outputs; data


@cache
def zero_loss_dimension() -> Derivation:
    r"""Derive the dimension of the set of zero loss for a smooth activation and generic labels.

    .. math:: \dim \{\theta : F(\theta) = y\} = P - r N

    unless the set is empty. Almost every y is a regular value of F (Sard), and the preimage of a regular value is a
    smooth submanifold. The Hessian of the loss there has r N positive eigenvalues, P - r N zeros, and none below.

    Returns:
        A derivation; the value is the dimension, the part "positive" the number of positive eigenvalues.

    Examples:
        >>> zero_loss_dimension().at(P=38, r=2, N=5)
        28

    References:
        Cooper (2021), arXiv:1804.10200, who counts n parameters and d data there, d parameters and n data in the
        printed version.
    """
    parameters, outputs, samples = sp.symbols("P r N", integer=True, positive=True)
    rank = interpolation_rank().value
    renamed = rank.subs({symbol: outputs for symbol in rank.free_symbols if symbol.name == "k"})
    dimension = parameters - outputs * samples
    first, second, x, label = sp.symbols("w v x y", real=True)
    output = second * sp.tanh(first * x)
    slopes = sp.Matrix([[output.diff(first), output.diff(second)]])
    hessian = sp.hessian((output - label) ** 2 / 2, (first, second))
    fitted = {second: label / sp.tanh(first * x)}
    a, size = sp.symbols("a b", positive=True)  # tanh w x, and v x
    nets = [fitting_net(*shape, samples=count, seed=1) for shape, count in _SHAPES]
    sizes = [
        (len(net.first) + len(net.second), shape[2] * count) for net, (shape, count) in zip(nets, _SHAPES, strict=True)
    ]
    counts = [exact_eigenvalue_count(net.hessian()) for net in nets[:2]]
    return Derivation(
        "The dimension of the set on which a network fits its data",
        sp.Eq(sp.Symbol("dim"), dimension),
        (
            Step(
                "The loss is zero where all residuals are: r equations for each of N data.",
                Relation(sp.Sum(outputs, (sp.Symbol("b", integer=True), 1, samples)).doit(), "=", outputs * samples),
                "exact",
                shown=r"L = \frac{1}{2 N} |F(\theta) - y|^2 = 0 \quad \Leftrightarrow \quad F(\theta) = y, \quad "
                r"F: \mathbb{R}^P \to \mathbb{R}^{r N}",
            ),
            Step(
                "For a regular label J has full rank on the set, which is therefore a smooth manifold, with the kernel "
                "of J as its tangent space.",
                Relation(parameters - renamed, "=", dimension),
                "exact",
                shown=r"\dim \ker J = P - \mathrm{rank}\, J = P - r N",
            ),
            Step(
                "The smallest case, one tanh unit without biases and one datum: the Jacobian",
                Relation(
                    slopes,
                    "=",
                    sp.Matrix([[second * x * (1 - sp.tanh(first * x) ** 2), sp.tanh(first * x)]]),
                ),
                "exact",
                shown=r"F = v \tanh w x, \quad J = \left(v x (1 - \tanh^2 w x), \ \tanh w x\right)",
            ),
            Step(
                "is not zero where the label is not, for then a = |tanh w x| and b = |v x| are not: its square is",
                Relation(0, "<", a**2 + (size * (1 - a**2)) ** 2),
                "exact",
                shown=r"|J|^2 = a^2 + b^2 (1 - a^2)^2 > 0",
                domain=Domain(a=(0, 1), b=(0, sp.oo)),
            ),
            Step(
                "So the set of zero loss is two smooth curves, w > 0 and w < 0, of dimension P - r N = 2 - 1:",
                Relation(output.subs(fitted), "=", label),
                "exact",
                shown=r"v = \frac{y}{\tanh w x} \quad \Rightarrow \quad F = y",
            ),
            Step(
                "along them the Hessian is J'J, with one eigenvalue |J|^2, its trace,",
                Relation(hessian.trace().subs(fitted), "=", (slopes * slopes.T)[0].subs(fitted)),
                "exact",
                shown=r"\mathrm{tr}\, H = |J|^2 > 0",
            ),
            Step(
                "and one eigenvalue 0.",
                Relation(hessian.det().subs(fitted), "=", 0),
                "exact",
                shown=r"\det H = 0",
            ),
            Step(
                "Only the label 0 is not regular: there J vanishes at the origin, where the set of zero loss, w = 0 or "
                "v = 0, is a cross and no manifold.",
                Relation(slopes.subs({first: 0, second: 0}), "=", sp.zeros(1, 2)),
                "exact",
                shown=r"y = 0: \quad J(0, 0) = 0",
            ),
            Step(
                "Exact instances, f(z) = z/(1 + z^2) and a constant among the inputs: 1-2-1 on 3 data, 2-4-2 on 4, "
                "3-6-2 on 5, labels moved onto the outputs. Parameters less the rank of J.",
                Relation(
                    sp.Tuple(
                        *(total - exact_rank(net.jacobian()) for net, (total, _) in zip(nets, sizes, strict=True))
                    ),
                    "=",
                    sp.Tuple(*(dimension.subs(_sizes(shape, count)) for shape, count in _SHAPES)),
                ),
                "exact",
                shown=r"P - \mathrm{rank}\, J = P - r N = 3, \ 12, \ 26",
            ),
            Step(
                "The Hessians of the first two, differentiated twice: their negative, zero and positive eigenvalues, "
                "counted exactly.",
                Relation(
                    sp.Tuple(*(sp.Tuple(count.below, count.at, count.above) for count in counts)),
                    "=",
                    sp.Tuple(*(sp.Tuple(0, total - equations, equations) for total, equations in sizes[:2])),
                ),
                "exact",
                shown=r"(n_-, n_0, n_+) = (0, \ P - r N, \ r N)",
            ),
        ),
        Domain(P=(0, sp.oo), r=(0, sp.oo), N=(0, sp.oo))
        .with_integers("P", "r", "N")
        .where(outputs * samples < parameters),
        parts={"positive": sp.Eq(sp.Symbol("n_+"), outputs * samples)},
        titles={
            "positive": "number of positive eigenvalues",
        },
        assumptions=(
            "the activation is smooth, and there are more parameters than labels, P > r N",
            "the labels are regular, as all are but a null set; and the set is not empty",
        ),
        theorems=(_sard(), _preimage()),
        source="Cooper (2021), arXiv:1804.10200",
        shown={"result": r"\dim \{L = 0\} = P - r N", "positive": r"n_+ = r N"},
    )


def kernel_at_a_fit(inputs: int, hidden: int, outputs: int, *, samples: int, seed: int = 1) -> int:
    r"""Count the directions in which a network with rational weights keeps fitting its data at first order, exactly.

    The network has units z/(1 + z^2), biases in the hidden layer and its own outputs as labels. If the count is P - r N
    the zeros of the loss around it are a manifold of that dimension; if it is 0 there are no others around it.

    Args:
        inputs: Numbers in a datum.
        hidden: Units.
        outputs: Numbers in a label, r.
        samples: Data, N.
        seed: Of weights and data, small rational numbers.

    Returns:
        P less the rank of the Jacobian, P = hidden (inputs + 1 + outputs).

    Raises:
        ValueError: If a size is less than 1, or P r N is above a million.
        TypeError: If one, or the seed, is no integer.

    Examples:
        >>> kernel_at_a_fit(3, 6, 2, samples=5), kernel_at_a_fit(1, 1, 1, samples=4)
        (26, 0)
    """
    for name, size in (("inputs", inputs), ("hidden", hidden), ("outputs", outputs), ("samples", samples)):
        positive_integer(name, size)
    seed = integer("seed", seed)
    if (entries := hidden * (inputs + 1 + outputs) * outputs * samples) > _MOST_ENTRIES:
        raise ValueError(f"samples must leave the Jacobian at most {_MOST_ENTRIES} entries, got {entries}.")
    net = fitting_net(inputs, hidden, outputs, samples=samples, seed=seed)
    return len(net.first) + len(net.second) - exact_rank(net.jacobian())


def fitting_net(inputs: int, hidden: int, outputs: int, *, samples: int, seed: int) -> ExactNonlinearNet:
    """Draw a network of units z/(1 + z^2) on different data that it fits, with a constant one as first input."""
    source = random.Random(seed)

    def draw(rows: int, columns: int) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(
            rows, columns, lambda i, j: sp.Rational(source.choice((-3, -2, -1, 1, 2, 3)), source.choice((1, 2)))
        )

    data: dict[tuple[sp.Rational, ...], None] = {}  # in order, each once
    while len(data) < samples:
        data[tuple(sp.Rational(source.randint(-2 * samples, 2 * samples), 2) for _ in range(inputs))] = None
    x = sp.ImmutableMatrix([[sp.Integer(1)] * samples, *zip(*data, strict=True)])
    residuals = sp.ImmutableMatrix(sp.zeros(outputs, samples))
    return ExactNonlinearNet(draw(hidden, inputs + 1), draw(outputs, hidden), x, residuals, _unit)


def _unit(z: sp.Rational) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Value, slope and second derivative of z/(1 + z^2)."""
    below = 1 + z**2
    return z / below, (1 - z**2) / below**2, 2 * z * (z**2 - 3) / below**3


def _sizes(shape: tuple[int, int, int], samples: int) -> dict[sp.Symbol, int]:
    """P, r and N of a network with a constant among its inputs."""
    inputs, hidden, outputs = shape
    values = {"P": hidden * (inputs + 1) + outputs * hidden, "r": outputs, "N": samples}
    return {sp.Symbol(name, integer=True, positive=True): value for name, value in values.items()}


def _sard() -> Theorem:
    z = sp.Symbol("z", real=True)
    logistic, exponential = sp.exp(z) / (1 + sp.exp(z)), sp.Symbol("E", positive=True)
    share = exponential / (1 + exponential)
    return Theorem(
        "Sard's theorem",
        "The values of a smooth map $\\mathbb{R}^P \\to \\mathbb{R}^q$ at points where its derivative has not the rank "
        "$q$ are a null set.",
        "Sard (1942), The measure of the critical values of differentiable maps",
        (
            Step(
                "The derivative of tanh is a polynomial in tanh, so that all of them exist.",
                Relation(sp.tanh(z).diff(z), "=", 1 - sp.tanh(z) ** 2),
                "exact",
                shown=r"\tanh' = 1 - \tanh^2",
            ),
            Step(
                "That of softplus is the logistic function,",
                Relation(sp.log(1 + sp.exp(z)).diff(z), "=", logistic),
                "exact",
                lambda: 1 - 1 / (1 + sp.exp(z)),
                shown=r"\frac{d}{dz} \log (1 + e^z) = \frac{e^z}{1 + e^z} = s",
            ),
            Step(
                "whose derivative is a polynomial in itself.",
                Relation(exponential * share.diff(exponential), "=", share * (1 - share)),
                "exact",
                shown=r"\frac{ds}{dz} = E \frac{d}{dE} \frac{E}{1 + E} = s (1 - s), \quad E = e^z",
            ),
        ),
    )


def _preimage() -> Theorem:
    return Theorem(
        "Regular value theorem",
        "The preimage of a regular value of a smooth map $\\mathbb{R}^P \\to \\mathbb{R}^q$ is empty or a smooth "
        "submanifold of dimension $P - q$; its tangent space is the kernel of the derivative.",
        "Milnor, Topology from the Differentiable Viewpoint, section 2",
    )
