r"""What the sizes of layers have to do with rescaling: volumes, and how many eigenvalues can be made large.

Conventions: a two-layer network without biases, d inputs, h hidden units, o outputs, N samples that it fits exactly:
n_1 = h d and n_2 = h o weights, n = n_1 + n_2. T_alpha (theta_1, theta_2) = (alpha theta_1, theta_2 / alpha). r is the
rank of the Hessian, N o for squared error if the Jacobian has full rank.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.proof import Relation
from theory.rank_at_interpolation import interpolation_rank
from theory.rescaling.diagonal_maps import controllable_eigenvalues
from theory.rescaling.eigenvalue_control import EigenvalueFates, eigenvalue_fates
from theory.rescaling.group import rescaling_group

__all__ = ["width_and_rescaling"]

_h, _d, _o, _samples = sp.symbols("h d o N", integer=True, positive=True)
_WIDTHS = (2, 3, 4, 5, 6)


@cache
def width_and_rescaling() -> Derivation:
    r"""Derive how volumes and controllable eigenvalues depend on the number of hidden units.

    .. math:: \det D T_\alpha = \alpha^{h (d - o)}, \qquad r - \min(n_1, n_2) = o (N - h) \quad (o \le d)

    The number of eigenvalues that are sure to become large falls with every hidden unit and is nothing once there are
    as many of them as samples. The exact number does not: in wide networks all N o grow.

    Returns:
        A derivation; the value is o (N - h). The parts are "volume", the power of alpha, "zeros", the number of zero
        eigenvalues, which no rescaling changes, and "unit", what one more hidden unit takes from the bound.

    Examples:
        >>> width_and_rescaling().at(o=2, N=10, h=4)
        12
    """
    j = sp.Symbol("j", integer=True, positive=True)
    alpha = sp.Symbol("alpha", positive=True)
    first, second = _h * _d, _h * _o
    power, sure = _h * (_d - _o), _o * (_samples - _h)
    zeros = _h * (_d + _o) - _samples * _o
    determinant = rescaling_group().value
    sizes = {symbol.name: symbol for symbol in determinant.free_symbols}
    rank = interpolation_rank().value
    outputs = next(symbol for symbol in rank.free_symbols if symbol.name == "k")
    number = next(symbol for symbol in rank.free_symbols if symbol.name == "N")
    fates = _fates()
    more = sp.Symbol("m", nonnegative=True)
    return Derivation(
        "Wider layers: fewer eigenvalues are sure to become large, and yet all of them do",
        sp.Eq(sp.Symbol("count"), sure),
        (
            Step(
                "The two layers differ by d - o weights for each hidden unit.",
                Relation(sp.Sum(_d - _o, (j, 1, _h)).doit(), "=", sp.expand(power)),
                "exact",
                lambda: sp.expand(first - second),
                shown=r"n_1 - n_2 = \sum_{j=1}^{h} (d - o) = h (d - o)",
            ),
            Step(
                "That is the power of alpha by which volumes grow.",
                Relation(
                    sp.log(determinant.subs({sizes["n_1"]: 3 * _d, sizes["n_2"]: 3 * _o})), "=", _three_units(alpha)
                ),
                "exact",
                shown=r"\log \det D T_{\alpha} = 3 (d - o) \log \alpha \quad (h = 3)",
            ),
            Step(
                "In general:",
                Relation(first - second, "=", power),
                "exact",
                lambda: _h * _d - _h * _o,
                shown=r"\det D T_{\alpha} = \alpha^{n_1 - n_2} = \alpha^{h (d - o)}",
            ),
            Step(
                "At exact fit the rank is N o.",
                Relation(rank.subs({outputs: _o, number: _samples}, simultaneous=True), "=", _samples * _o),
                "exact",
                lambda: sp.Sum(_o, (j, 1, _samples)).doit(),
                shown=r"r = N o",
            ),
            Step(
                "With fewer outputs than inputs the second layer is the smaller one: o = d - m.",
                Relation(second.subs(_o, _d - more), "<", first + 1),
                "exact",
                shown=r"n_2 = h (d - m) \le h d = n_1 \quad (m \ge 0)",
                domain=Domain(h=(0, sp.oo), d=(0, sp.oo), m=(0, sp.oo)),
            ),
            Step(
                "So r - n_2 eigenvalues are sure to become large,",
                Relation(_samples * _o - second, "=", sure),
                "exact",
                lambda: sp.Sum(_samples - _h, (j, 1, _o)).doit(),
                shown=r"r - \min(n_1, n_2) = N o - h o = o (N - h)",
            ),
            Step(
                "o less with every hidden unit,",
                Relation(sure.subs(_h, _h + 1) - sure, "=", -_o),
                "exact",
                lambda: sure.diff(_h),
                shown=r"o (N - h - 1) - o (N - h) = - o",
            ),
            Step(
                "while there are more zero eigenvalues, which stay.",
                Relation(first + second - _samples * _o, "=", zeros),
                "exact",
                lambda: sp.Sum(_d + _o, (j, 1, _h)).doit() - _samples * _o,
                shown=r"n - r = h (d + o) - N o",
            ),
            Step(
                "Exact instances, ReLU networks 2-h-1 that fit four samples, h = 2, 3, 4, 5, 6: sure to become large",
                Relation(
                    sp.Tuple(*(sp.Integer(fate.guaranteed) for fate in fates)),
                    "=",
                    sp.Tuple(*(sp.Max(0, sure.subs({_o: 1, _samples: 4, _h: h})) for h in _WIDTHS)),
                ),
                "exact",
                lambda: sp.Tuple(*(sp.Integer(controllable_eigenvalues((2 * h, h), 4)) for h in _WIDTHS)),
                shown=r"\max(0, 4 - h) = " + ", ".join(str(fate.guaranteed) for fate in fates),
            ),
            Step(
                "are fewer and fewer, and yet all four do.",
                Relation(
                    sp.Tuple(*(sp.Integer(fate.growing) for fate in fates)),
                    "=",
                    sp.Tuple(*(sp.Integer(exact_rank(net.hessian())) for net in _networks())),
                ),
                "exact",
                lambda: sp.Tuple(*(sp.Integer(exact_rank(_first_columns(net))) for net in _networks())),
                shown=r"\mathrm{rank} H_{cc} = 4, 4, 4, 4, 4",
            ),
        ),
        Domain(alpha=(0, sp.oo), h=(0, sp.oo), d=(0, sp.oo), o=(0, sp.oo), N=(0, sp.oo))
        .with_integers("h", "d", "o", "N")
        .where(_o <= _d, _h <= _samples, _samples * _o <= _h * (_d + _o)),
        parts={
            "volume": sp.Eq(sp.Symbol("power"), power),
            "zeros": sp.Eq(sp.Symbol("zeros"), zeros),
            "unit": sp.Eq(sp.Symbol("change"), -_o),
        },
        titles={
            "volume": "factor of volumes",
            "zeros": "number of zero eigenvalues",
            "unit": "what one more unit takes from it",
        },
        assumptions=(
            "the network fits its N samples exactly and its Jacobian has full rank N o",
            "there are at most as many outputs as inputs; otherwise the first layer is the smaller one, with d for o",
            "there are at most as many hidden units as samples; with more of them nothing is sure",
        ),
        theorems=(_full_rank(),),
        source="A question of a talk on Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933, answered here",
        shown={
            "result": r"r - \min(n_1, n_2) = o (N - h)",
            "volume": r"\det D T_{\alpha} = \alpha^{h (d - o)}",
            "zeros": r"n - r = h (d + o) - N o",
            "unit": r"- o",
        },
    )


def _three_units(alpha: sp.Symbol) -> sp.Expr:
    """The logarithms of the diagonal of three units' rescaling, each d of alpha and o of 1/alpha, together as one."""
    return sp.log(alpha ** (3 * _d - 3 * _o))


@cache
def _networks() -> tuple[ExactTwoLayer, ...]:
    """The first networks 2-h-1 of a fixed sequence at four samples, fitted, whose Hessian has rank four."""
    found = []
    for h in _WIDTHS:
        seed = h
        while True:
            net = ExactTwoLayer.sample(2, h, 1, samples=4, seed=seed, relu=True).with_residuals_times(sp.Integer(0))
            if exact_rank(net.hessian()) == net.samples:
                break
            seed += 1
        found.append(net)
    return tuple(found)


@cache
def _fates() -> tuple[EigenvalueFates, ...]:
    return tuple(eigenvalue_fates(net.hessian(), (len(net.first), len(net.second))) for net in _networks())


def _first_columns(net: ExactTwoLayer) -> sp.ImmutableMatrix:
    """The derivatives of the residuals by the first layer: where all fit, H_cc is their Gram matrix over m."""
    return sp.ImmutableMatrix(net.jacobian()[:, : len(net.first)])


def _full_rank() -> Theorem:
    return Theorem(
        "the rank at zero loss",
        "At zero squared error the rank of the Hessian is that of the Jacobian, at most $N o$.",
        "Horn and Johnson, Matrix Analysis, section 0.4",
        (
            Step(
                "The same five networks: the rank of the Jacobian is that of the Hessian.",
                Relation(
                    sp.Tuple(*(sp.Integer(exact_rank(net.jacobian())) for net in _networks())),
                    "=",
                    sp.Tuple(*(sp.Integer(exact_rank(net.hessian())) for net in _networks())),
                ),
                "exact",
                shown=r"\mathrm{rank} J = \mathrm{rank} H = 4",
            ),
        ),
    )
