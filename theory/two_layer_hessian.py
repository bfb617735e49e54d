r"""What is exactly true of the Hessian of a two-layer network under squared error.

Conventions: the loss is L = (1/2m) times the sum of all squared residuals e over m samples; the Hessian splits into the
Gauss-Newton part H0 = (1/m) J'J, J the derivatives of the residuals (rows) by the weights (columns), and the residual
part H1 = (1/m) sum e d^2 e; the energy is epsilon = L/n for n outputs. Sums over samples and outputs together run
over one index mu. Sizes are general unless a step says that it is an exact instance.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_two_layer import ExactTwoLayer
from theory.proof import Relation
from theory.symbols import m

__all__ = [
    "hessian_split",
    "residual_block_structure",
    "residual_scaling",
]

_SPLIT = (
    r"\frac{1}{m} \sum_{\mu} \partial_i e_{\mu} \partial_j e_{\mu}"
    r" + \frac{1}{m} \sum_{\mu} e_{\mu} \partial_i \partial_j e_{\mu}"
)
_SCALED = (
    r"H_{ij}(c) = \frac{1}{m} \sum_{\mu} \partial_i f_{\mu} \partial_j f_{\mu}"
    r" + \frac{c}{m} \sum_{\mu} (f_{\mu} - y_{\mu}) \partial_i \partial_j f_{\mu}"
)
_SOURCE = "Pennington and Bahri (2017), Geometry of neural network loss surfaces via random matrix theory"
_POSITIVE_SIZES = Domain(m=(0, sp.oo))
_a, _b = sp.symbols("theta_i theta_j", real=True)
_mu, _count = sp.symbols("mu M", integer=True, positive=True)
_range = (_mu, 1, _count)


@cache
def hessian_split() -> Derivation:
    r"""Derive H = H0 + H1 with a positive semidefinite Gauss-Newton part.

    .. math:: H_{ij} = \frac1m \sum_\mu \partial_i e_\mu \partial_j e_\mu + \frac1m \sum_\mu e_\mu \partial_{ij} e_\mu

    Returns:
        A derivation for any model, any number of parameters and any number of residuals.

    Examples:
        >>> hessian_split().evidence
        'exact'
    """
    e = sp.Function("e")(_mu, _a, _b)
    loss = sp.Sum(e**2, _range) / (2 * m)
    gauss_newton = sp.Sum(e.diff(_a) * e.diff(_b), _range) / m
    residual = sp.Sum(e * e.diff(_a, _b), _range) / m
    split = gauss_newton + residual

    def by_taylor() -> sp.Expr:
        """The coefficient of s t in the loss at (theta_i + s, theta_j + t)."""
        s, t = sp.symbols("s t")
        grown = sp.expand((e + s * e.diff(_a) + t * e.diff(_b) + s * t * e.diff(_a, _b)) ** 2)
        return sp.Sum(grown.coeff(s, 1).coeff(t, 1), _range) / (2 * m)

    direction = sp.symbols("u_1:4", real=True)
    jacobian = sp.Matrix(2, 3, sp.symbols("J_1:3_1:4", real=True))
    moved = jacobian * sp.Matrix(direction)
    form = (sp.Matrix([direction]) * jacobian.T * jacobian * sp.Matrix(direction))[0]
    gram = Theorem(
        "Gram matrices are positive semidefinite",
        "The quadratic form of $J^T J / m$ is $|J u|^2/m$, a sum of squares.",
        "Horn and Johnson, Matrix Analysis, section 7.2",
        (
            Step("The number of samples is positive.", Relation(0, "<", 1 / m), "exact"),
            Step(
                "The quadratic form of J'J is a sum of squares (two residuals, three weights).",
                Relation(form, "=", moved[0] ** 2 + moved[1] ** 2),
                "exact",
                shown=r"u^T J^T J u = (J u)_1^2 + (J u)_2^2",
            ),
        ),
    )
    net = ExactTwoLayer.sample(2, 2, 2, samples=3, seed=7)
    kinked = ExactTwoLayer.sample(2, 2, 2, samples=4, seed=8, relu=True)
    return Derivation(
        "The Hessian is a Gauss-Newton part plus a residual part",
        sp.Eq(sp.Symbol("H_ij"), split),
        (
            Step(
                "Differentiate the loss by two weights.",
                Relation(loss.diff(_a, _b), "=", split),
                "exact",
                by_taylor,
                shown=r"\frac{\partial^2}{\partial \theta_i \partial \theta_j} \frac{1}{2m} \sum_{\mu} e_{\mu}^2 = "
                + _SPLIT,
            ),
            Step(
                "Differentiate twice by one weight.",
                Relation(loss.diff(_a, 2), "=", sp.Sum(e.diff(_a) ** 2 + e * e.diff(_a, 2), _range) / m),
                "exact",
                shown=r"\frac{\partial^2}{\partial \theta_i^2} \frac{1}{2m} \sum_{\mu} e_{\mu}^2 = "
                r"\frac{1}{m} \sum_{\mu} \left((\partial_i e_{\mu})^2 + e_{\mu} \partial_i^2 e_{\mu}\right)",
            ),
            Step(
                "An exact instance: a linear 2-2-2 network on three samples.",
                Relation(net.hessian(), "=", net.gauss_newton() + net.residual_part()),
                "exact",
                shown=r"H = \frac{1}{m} J^{T} J + \frac{1}{m} \sum_{\mu} e_{\mu} \nabla^{2} e_{\mu}",
            ),
            Step(
                "An exact instance: a ReLU 2-2-2 network on four samples.",
                Relation(kinked.hessian(), "=", kinked.gauss_newton() + kinked.residual_part()),
                "exact",
                shown=r"H = \frac{1}{m} J^{T} J + \frac{1}{m} \sum_{\mu} e_{\mu} \nabla^{2} e_{\mu}",
            ),
        ),
        _POSITIVE_SIZES,
        assumptions=("residuals are twice differentiable at the weights in question",),
        theorems=(gram,),
        source=_SOURCE,
        shown={"result": "H_{ij} = " + _SPLIT},
    )


@cache
def residual_block_structure() -> Derivation:
    r"""Derive that H1 of one hidden layer of piecewise linear units is indefinite with a spectrum symmetric about 0.

    Its diagonal blocks vanish because the output is linear in each layer's weights alone, for linear, ReLU and leaky
    units
    alike: the slope D of a unit is locally constant and enters only as a factor.

    .. math:: H_1 = \begin{pmatrix} 0 & M \\ M^T & 0 \end{pmatrix}, \qquad S H_1 S = - H_1, \quad S = \mathrm{diag}(1,
    -1)

    Returns:
        A derivation for general sizes. The result is S H1 S as a block matrix, which is -H1.

    Examples:
        >>> residual_block_structure().value
        Matrix([
        [ 0,  -M],
        [-M^T, 0]])
    """
    w, w2, u, second, other, x, x2, rest, rest2, rest3 = sp.symbols("w_i w_k u_i v v' x_i x_k r r' R", real=True)
    slope, slope2 = sp.symbols("D D'", real=True)
    output = second * slope * (w * x + w2 * x2 + rest) + other * slope2 * (u * x + rest2) + rest3
    block, transposed = sp.Symbol("M", commutative=False), sp.Symbol("M^T", commutative=False)
    hessian = sp.ImmutableMatrix([[0, block], [transposed, 0]])
    flip = sp.ImmutableMatrix([[1, 0], [0, -1]])
    square = sp.ImmutableMatrix([[block * transposed, 0], [0, transposed * block]])
    similar = Theorem(
        "Similar matrices have one characteristic polynomial",
        "If $S^2 = 1$ then $S H_1 S$ and $H_1$ have the same eigenvalues with multiplicity.",
        "Horn and Johnson, Matrix Analysis, section 1.3",
        (
            Step(
                "S is its own inverse.",
                Relation(flip * flip, "=", sp.eye(2)),
                "exact",
                shown="S^2 = 1",
            ),
        ),
    )
    residual, slopes, inputs = (sp.Function(name)(_mu) for name in ("e", "D", "x"))
    local = second * slopes * (w * inputs + sp.Function("r")(_mu))
    z = sp.Symbol("z")
    instances = []
    for name, relu, seed in (("linear", False, 3), ("ReLU", True, 4)):
        part = ExactTwoLayer.sample(2, 2, 1, samples=4, seed=seed, relu=relu).residual_part()
        polynomial = part.charpoly(z).as_expr()
        instances.append(
            Step(
                f"An exact instance: the characteristic polynomial of H1 is even, {name} units (2-2-1, four samples).",
                Relation(polynomial.subs(z, -z), "=", polynomial),
                "exact",
                shown=r"\det(-z - H_1) = \det(z - H_1)",
            )
        )
    return Derivation(
        "The residual part of one hidden layer has zero diagonal blocks and a symmetric spectrum",
        sp.Eq(sp.Symbol("S H_{1} S"), sp.ImmutableMatrix([[0, -block], [-transposed, 0]]), evaluate=False),
        (
            Step(
                "Two weights of the first layer, of one unit or of two: all second derivatives vanish.",
                Relation(sp.Tuple(output.diff(w, w), output.diff(w, w2), output.diff(w, u)), "=", sp.Tuple(0, 0, 0)),
                "exact",
                shown=r"\frac{\partial^2 f}{\partial w_i^2} = \frac{\partial^2 f}{\partial w_i \partial w_k}"
                r" = \frac{\partial^2 f}{\partial w_i \partial u_i} = 0",
            ),
            Step(
                "Two weights of the second layer: all second derivatives vanish.",
                Relation(sp.Tuple(output.diff(second, second), output.diff(second, other)), "=", sp.Tuple(0, 0)),
                "exact",
                shown=r"\frac{\partial^2 f}{\partial v^2} = \frac{\partial^2 f}{\partial v \partial v'} = 0",
            ),
            Step(
                "One of each: the slope times the input if they belong to one unit, else nothing.",
                Relation(sp.Tuple(output.diff(second, w), output.diff(second, u)), "=", sp.Tuple(slope * x, 0)),
                "exact",
                shown=r"\frac{\partial^2 f}{\partial v \partial w_i} = D x_i,"
                r" \quad \frac{\partial^2 f}{\partial v \partial u_i} = 0",
            ),
            Step(
                "So the block of a unit and an output is the mean of residual, slope and input.",
                Relation(
                    sp.Sum(residual * local.diff(second, w), _range) / m,
                    "=",
                    sp.Sum(residual * slopes * inputs, _range) / m,
                ),
                "exact",
                shown=r"\frac{1}{m} \sum_{\mu} e_{\mu} \frac{\partial^2 f_{\mu}}{\partial v \partial w}"
                r" = \frac{1}{m} \sum_{\mu} e_{\mu} D_{\mu} x_{\mu}",
            ),
            Step(
                "Conjugate by S = diag(1, -1), blockwise.",
                Relation(flip * hessian * flip, "=", -hessian),
                "exact",
                lambda: hessian.applyfunc(lambda entry: -entry),
                shown="S H_1 S = - H_1",
            ),
            Step(
                "The eigenvalues are the singular values of M with both signs.",
                Relation(hessian**2, "=", square),
                "exact",
                shown=r"H_1^2 = \left[\begin{matrix} M M^T & 0 \\ 0 & M^T M \end{matrix}\right]",
            ),
            *instances,
        ),
        _POSITIVE_SIZES,
        assumptions=("no unit sits on a kink at a sample", "squared error, one hidden layer, no skip connection"),
        theorems=(similar,),
        source=_SOURCE,
    )


@cache
def residual_scaling() -> Derivation:
    r"""Derive that at fixed weights e -> c e multiplies H1 by c and leaves H0.

    The targets are moved so that each residual is multiplied by c, which moves nothing else.

    .. math:: H_{ij}(c) = \frac1m \sum_\mu \partial_i f_\mu \partial_j f_\mu
              + \frac{c}{m} \sum_\mu (f_\mu - y_\mu) \partial_{ij} f_\mu

    Returns:
        A derivation for any model and size.

    Examples:
        >>> residual_scaling().evidence
        'exact'
    """
    c = sp.Symbol("c", real=True)
    f, here, y = sp.Function("f")(_mu, _a, _b), sp.Function("f_0")(_mu), sp.Function("y")(_mu)
    targets = here - c * (here - y)
    loss = sp.Sum((f - targets) ** 2, _range) / (2 * m)
    hessian = loss.diff(_a, _b).subs(here, f)
    gauss_newton = sp.Sum(f.diff(_a) * f.diff(_b), _range) / m
    residual = sp.Sum((f - y) * f.diff(_a, _b), _range) / m
    original = (sp.Sum((f - y) ** 2, _range) / (2 * m)).diff(_a, _b)
    net = ExactTwoLayer.sample(2, 2, 2, samples=3, seed=11)
    factor = sp.Rational(5, 3)
    moved = net.with_residuals_times(factor)
    return Derivation(
        "Scaling the residuals scales the residual part alone",
        sp.Eq(sp.Symbol("H_{ij}(c)"), gauss_newton + c * residual),
        (
            Step(
                "Differentiate the loss whose targets multiply the residuals by c.",
                Relation(hessian, "=", gauss_newton + c * residual),
                "exact",
                shown=_SCALED,
            ),
            Step(
                "At c = 1 that is the Hessian of the loss itself.",
                Relation(hessian.subs(c, 1), "=", original.doit()),
                "exact",
                shown="H_{ij}(1) = H_{ij}",
            ),
            Step(
                "H1 is its derivative by c, at every c.",
                Relation(hessian.diff(c).doit(), "=", residual),
                "exact",
                shown=r"\frac{d H_{ij}(c)}{d c} = "
                r"\frac{1}{m} \sum_{\mu} (f_{\mu} - y_{\mu}) \partial_i \partial_j f_{\mu}",
            ),
            Step(
                "H0 is what remains at c = 0.",
                Relation(hessian.subs(c, 0), "=", gauss_newton),
                "exact",
                shown=r"H_{ij}(0) = \frac{1}{m} \sum_{\mu} \partial_i f_{\mu} \partial_j f_{\mu}",
            ),
            Step(
                "An exact instance: H1 of a 2-2-2 network, residuals times 5/3.",
                Relation(moved.residual_part(), "=", factor * net.residual_part()),
                "exact",
                lambda: moved.hessian() - net.gauss_newton(),
                shown=r"H_{1}\left(\frac{5}{3} e\right) = \frac{5}{3} H_{1}(e)",
            ),
            Step(
                "The same instance: H0 stays.",
                Relation(moved.gauss_newton(), "=", net.gauss_newton()),
                "exact",
                shown=r"H_{0}\left(\frac{5}{3} e\right) = H_{0}(e)",
            ),
        ),
        Domain(m=(0, sp.oo), c=(-sp.oo, sp.oo)),
        assumptions=("the weights are fixed and only the targets move", "squared error"),
        source=_SOURCE,
        shown={"result": _SCALED},
    )
