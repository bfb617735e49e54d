r"""Where the set of zero loss has not the generic dimension: repeated inputs, linear units, and dead units.

Conventions: those of `theory.global_minima.zero_loss_set`, P parameters, N data, r outputs, J with r N rows; D of the N
inputs are different. The least loss is that of the SUM of squares, without a half.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_nonlinear_net import ExactNonlinearNet
from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.global_minima.zero_loss_set import fitting_net
from theory.proof import Relation

__all__ = ["dead_unit_sheets", "linear_units_fit", "repeated_inputs"]


@cache
def repeated_inputs() -> Derivation:
    r"""Derive what a repeated input does: with different labels no zero of the loss, with equal ones more of them.

    .. math:: (o - y_1)^2 + (o - y_2)^2 \ge \frac{(y_1 - y_2)^2}{2}, \qquad \dim = P - r D

    Equal labels on equal inputs are a null set of labels, so that Sard's theorem allows them another dimension.

    Returns:
        A derivation; the value is the least sum of squares at a repeated input, the part "dimension" that of the set
        for equal labels, where J has rank r D.

    Examples:
        >>> repeated_inputs().at(y_1=1, y_2=3), repeated_inputs().at(part="dimension", P=38, r=2, D=4)
        (2, 30)
    """
    output, first, second = sp.symbols("o y_1 y_2", real=True)
    parameters, outputs, different = sp.symbols("P r D", integer=True, positive=True)
    whole = (output - first) ** 2 + (output - second) ** 2
    least = (first - second) ** 2 / 2
    net = fitting_net(2, 4, 2, samples=3, seed=1)
    repeated = _with_first_again(net)
    total = len(net.first) + len(net.second)
    copies = sp.Matrix.hstack(sp.eye(6), sp.Matrix.vstack(sp.eye(2), sp.zeros(4, 2))).T
    return Derivation(
        "Repeated inputs leave no zero of the loss, or more of them",
        sp.Eq(sp.Symbol("least"), least),
        (
            Step(
                "One output for two labels, with their mean:",
                Relation(whole, "=", 2 * (output - (first + second) / 2) ** 2 + least),
                "exact",
                shown=r"(o - y_1)^2 + (o - y_2)^2 = 2 \left(o - \frac{y_1 + y_2}{2}\right)^2 + \frac{(y_1 - y_2)^2}{2}",
            ),
            Step(
                "which is attained at the mean and not zero unless the labels are equal.",
                Relation(whole.subs(output, (first + second) / 2), "=", least),
                "exact",
                lambda: sp.integrate(whole.diff(output), (output, 0, (first + second) / 2)) + whole.subs(output, 0),
                shown=r"\min_o = \frac{(y_1 - y_2)^2}{2}",
            ),
            Step(
                "With equal labels the equations of the copy are those of the input: r D equations are left.",
                Relation(
                    parameters - sp.Sum(outputs, (sp.Symbol("b", integer=True), 1, different)).doit(),
                    "=",
                    parameters - outputs * different,
                ),
                "exact",
                shown=r"\dim = P - r D",
            ),
            Step(
                "An exact instance, 2-4-2 on 3 data, the first one once more: the rows of J are repeated,",
                Relation(repeated.jacobian(), "=", copies * net.jacobian()),
                "exact",
                shown=r"J_{r N + j} = J_j, \quad j = 1, 2",
            ),
            Step(
                "and its kernel has P - r D dimensions, two more than with the rank r N.",
                Relation(
                    sp.Integer(total - exact_rank(repeated.jacobian())),
                    "=",
                    (parameters - outputs * different).subs({parameters: total, outputs: 2, different: 3}),
                ),
                "exact",
                shown=r"P - \mathrm{rank}\, J = 20 - 2 \cdot 3",
            ),
        ),
        Domain(P=(0, sp.oo), r=(0, sp.oo), D=(0, sp.oo), o=(-sp.oo, sp.oo))
        .with_integers("P", "r", "D")
        .where(outputs * different < parameters),
        parts={"dimension": sp.Eq(sp.Symbol("dim"), parameters - outputs * different)},
        titles={
            "dimension": "dimension of the set for equal labels",
        },
        assumptions=("the part: equal inputs have equal labels, and the labels of the D different ones are regular",),
        source="Cooper (2021), arXiv:1804.10200, on generic labels",
        shown={"result": r"\min_o = \frac{(y_1 - y_2)^2}{2}", "dimension": r"\dim = P - r D"},
    )


@cache
def linear_units_fit() -> Derivation:
    r"""Derive the rank of J for linear units: r n_0 at most, less than r N if there are more data than inputs.

    Hence generic labels are not fitted for N > n_0; those that are, Y = A X, are fitted on a set of dimension

    .. math:: P - r n_0, \qquad P = n_1 (n_0 + r).

    Returns:
        A derivation; the value is the rank of J at weights and inputs of full rank.

    Examples:
        >>> linear_units_fit().at(r=2, n_0=3)
        6
    """
    inputs, outputs = sp.symbols("n_0 r", integer=True, positive=True)
    second, first, x, move1, move2 = sp.symbols("W_2 W_1 X dW_1 dW_2", commutative=False)
    moved = sp.expand(((second + move2) * (first + move1) - second * first - move2 * move1) * x)
    shapes = ((2, 3, 1), (2, 3, 2), (3, 4, 2))
    nets = [ExactTwoLayer.sample(*shape, samples=shape[0] + 3, seed=7) for shape in shapes]
    return Derivation(
        "Linear units fit generic labels of no more data than inputs",
        sp.Eq(sp.Symbol("rank"), outputs * inputs),
        (
            Step(
                "All changes of the outputs at first order are of the form E X, E = W2 dW1 + dW2 W1 with r n0 entries.",
                Relation(moved, "=", sp.expand((second * move1 + move2 * first) * x)),
                "exact",
                shown=r"d(W_2 W_1 X) = (W_2 \, dW_1 + dW_2 \, W_1) X",
            ),
            Step(
                "With W1 of rank n0 every E is reached, by dW2 = E W1^-1: r n0 dimensions, if X has rank n0.",
                Relation(sp.Sum(outputs, (sp.Symbol("i", integer=True), 1, inputs)).doit(), "=", outputs * inputs),
                "exact",
                shown=r"\mathrm{rank}\, J = r n_0",
            ),
            Step(
                "Exact instances, 2-3-1, 2-3-2 and 3-4-2, three data more than inputs: the rank of J",
                Relation(
                    sp.Tuple(*(sp.Integer(net.parameters - net.zero_modes()) for net in nets)),
                    "=",
                    sp.Tuple(*((outputs * inputs).subs({outputs: s[2], inputs: s[0]}) for s in shapes)),
                ),
                "exact",
                shown=r"\mathrm{rank}\, J = r n_0 = 2, 4, 6",
            ),
            Step(
                "is less than that of all labels, r N.",
                Relation(
                    sp.Tuple(*(sp.Integer(net.parameters - net.zero_modes()) for net in nets)),
                    "<",
                    sp.Tuple(*(s[2] * net.samples for s, net in zip(shapes, nets, strict=True))),
                ),
                "exact",
                shown=r"\mathrm{rank}\, J < r N = 5, 10, 12",
            ),
        ),
        Domain(r=(0, sp.oo), n_0=(0, sp.oo)),
        assumptions=("W1 and X have rank n0, which needs n1 >= n0 and N >= n0",),
        source="Cooper (2021), arXiv:1804.10200, whose activations are not linear",
        shown={"result": r"\mathrm{rank}\, J = r n_0"},
    )


@cache
def dead_unit_sheets() -> Derivation:
    r"""Derive what a dead unit does at a fit: it leaves flat directions, however many data there are.

    If a network with one unit less fits the labels, the unit may have any incoming weights w with outgoing ones v = 0,
    or any v with w = 0, for f(0) = 0 and without a bias of its own: fits form sheets of n_0 and of r dimensions. They
    meet where the unit is dead, w = v = 0, and there all its n_0 + r weights are in the kernel of J, whatever P - r N
    is.

    Returns:
        A derivation; the value is the number of flat directions that a dead unit adds.

    Examples:
        >>> dead_unit_sheets().at(n_0=3, r=2)
        5
    """
    inputs, outputs = sp.symbols("n_0 r", integer=True, positive=True)
    rest, w, v, x = sp.symbols("F_0 w v x", real=True)
    output = rest + v * sp.tanh(w * x)
    shapes = (((1, 1, 1), 4), ((1, 2, 1), 7), ((2, 2, 2), 6))
    nets = [fitting_net(*shape, samples=samples, seed=3) for shape, samples in shapes]
    grown = [net.with_dead_units(1) for net in nets]
    return Derivation(
        "A dead unit leaves flat directions at a fit, however many data there are",
        sp.Eq(sp.Symbol("flat"), inputs + outputs),
        (
            Step(
                "With no outgoing weight the unit changes nothing, whatever comes in; and with no incoming one, "
                "whatever goes out.",
                Relation(sp.Tuple(output.subs(v, 0), output.subs(w, 0)), "=", sp.Tuple(rest, rest)),
                "exact",
                shown=r"F_0 + 0 \cdot \tanh w x = F_0 + v \tanh 0 = F_0",
            ),
            Step(
                "Where it is dead all derivatives by its weights are zero:",
                Relation(sp.Matrix([output.diff(w), output.diff(v)]).subs({w: 0, v: 0}), "=", sp.zeros(2, 1)),
                "exact",
                shown=r"\frac{\partial F}{\partial w} = v x = 0, \quad \frac{\partial F}{\partial v} = \tanh 0 = 0",
            ),
            Step(
                "its incoming and outgoing weights are flat at first order.",
                Relation(sp.Sum(1, (sp.Symbol("i", integer=True), 1, inputs)).doit() + outputs, "=", inputs + outputs),
                "exact",
                shown=r"n_0 + r",
            ),
            Step(
                "Moving both kinds at once moves the outputs at second order.",
                Relation(output.diff(w, v).subs({w: 0, v: 0}), "=", x),
                "exact",
                shown=r"\frac{\partial^2 F}{\partial w \, \partial v} = x",
            ),
            Step(
                "Exact instances, f(z) = z/(1 + z^2) and a constant among the inputs: 1-1-1 on 4 data, 1-2-1 on 7, "
                "2-2-2 on 6, isolated fits; the kernel of J without and with a dead unit.",
                Relation(
                    sp.Tuple(
                        *(
                            sp.Integer(len(net.first) + len(net.second) - exact_rank(net.jacobian()))
                            for net in (*nets, *grown)
                        )
                    ),
                    "=",
                    sp.Tuple(
                        0,
                        0,
                        0,
                        *((inputs + outputs).subs({inputs: s[0] + 1, outputs: s[2]}) for s, _ in shapes),
                    ),
                ),
                "exact",
                shown=r"\dim \ker J = 0, 0, 0 \to 3, 3, 5",
            ),
        ),
        Domain(n_0=(0, sp.oo), r=(0, sp.oo)),
        assumptions=("the activation is zero at 0 and the unit has no bias beside its n_0 incoming weights",),
        source="Cooper (2021), arXiv:1804.10200, on generic labels",
        shown={"result": r"\mathrm{flat} = n_0 + r"},
    )


def _with_first_again(net: ExactNonlinearNet) -> ExactNonlinearNet:
    """The same network with its first datum once more at the end."""
    x = sp.ImmutableMatrix(sp.Matrix.hstack(sp.Matrix(net.inputs), sp.Matrix(net.inputs.col(0))))
    residuals = sp.ImmutableMatrix(sp.zeros(net.second.rows, net.samples + 1))
    return ExactNonlinearNet(net.first, net.second, x, residuals, net.activation)
