r"""One function, many spectra: numbers of eigenvalues, trace and largest eigenvalue along one orbit of rescalings.

Conventions: a two-layer network, T_alpha (theta_1, theta_2) = (alpha theta_1, theta_2 / alpha); the loss is the sum of
squared residuals over 2m for m samples. All counts are exact, by congruence and by signs of coefficients.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.proof import Relation
from theory.rescaling.block_matrix import eigenvalue_count_by_signs, exact_eigenvalue_count
from theory.rescaling.diagonal_maps import layer_rescaling

__all__ = ["orbit_counts"]

_alpha, _x, _y = sp.symbols("alpha x y", positive=True)
_THRESHOLD = 300
_ALPHAS = (sp.Rational(1, 8), sp.Rational(1, 2), sp.Integer(1), sp.Integer(2), sp.Integer(8))


@cache
def orbit_counts() -> Derivation:
    r"""Derive that counts of large eigenvalues, trace and largest eigenvalue are no properties of the function.

    For the net y = v relu(w x) of two weights at a fit, w = v = 1 and x = 1, the Hessian along the orbit has the
    eigenvalues 0 and

    .. math:: \lambda_1 = \mathrm{tr}\, H = \alpha^2 + \alpha^{-2} \ge 2

    Returns:
        A derivation; the value is that eigenvalue. The part "least" is its least value, at alpha = 1.

    Examples:
        >>> orbit_counts().at(alpha=10)
        10001/100
    """
    w, v = sp.symbols("w v", positive=True)
    toy = (v * w - 1) ** 2 / 2
    hessian = sp.ImmutableMatrix(sp.hessian(toy, (w, v)).subs({w: _alpha, v: 1 / _alpha}))
    largest = _alpha**2 + _alpha**-2
    trace = sp.expand(hessian.trace())
    net = _fitted()
    counts, rank = _counts(), sp.Integer(exact_rank(net.hessian()))
    traces = sp.Tuple(*(point.hessian().trace() for point in _orbit()))
    outputs = sp.Tuple(*(point.residuals() for point in _orbit()))
    return Derivation(
        "Counts of large eigenvalues, trace and largest eigenvalue vary along an orbit of one function",
        sp.Eq(sp.Symbol("lambda_1"), largest),
        (
            Step(
                "Two weights, L = (v w - 1)^2 / 2 at w = alpha, v = 1/alpha: the loss is 0 all along.",
                Relation(toy.subs({w: _alpha, v: 1 / _alpha}), "=", 0),
                "exact",
                shown=r"L = \frac{1}{2} (v w - 1)^2 = 0 \quad (w = \alpha, \ v = 1 / \alpha)",
            ),
            Step(
                "One eigenvalue is 0,",
                Relation(hessian.det(), "=", 0),
                "exact",
                shown=r"\det H = \det \left(\begin{array}{cc} \alpha^{-2} & 1 \\ 1 & \alpha^2 \end{array}\right) = 0",
            ),
            Step(
                "so that the other is the trace.",
                Relation(trace, "=", largest),
                "exact",
                lambda: _other_root(hessian),
                shown=r"\lambda_1 = \mathrm{tr} H = \alpha^2 + \alpha^{-2}",
            ),
            Step(
                "It has no upper bound: it exceeds alpha^2,",
                Relation(_alpha**2, "<", largest),
                "exact",
                shown=r"\lambda_1 > \alpha^2",
            ),
            Step(
                "and never falls below 2.",
                Relation(largest - (_alpha - 1 / _alpha) ** 2, "=", 2),
                "exact",
                lambda: largest.subs(_alpha, 1),
                shown=r"\alpha^2 + \alpha^{-2} = 2 + \left(\alpha - \frac{1}{\alpha}\right)^2 \ge 2",
            ),
            Step(
                "A ReLU network 2-3-1 that fits four samples, at alpha = 1/8, 1/2, 1, 2, 8: all outputs are fitted.",
                Relation(outputs, "=", sp.Tuple(*(sp.ImmutableMatrix(sp.zeros(1, 4)) for _ in _ALPHAS))),
                "exact",
                lambda: sp.Tuple(*([net.residuals()] * len(_ALPHAS))),
                shown=r"y(\alpha \theta_1, \theta_2 / \alpha) = y(\theta_1, \theta_2)",
            ),
            Step(
                "The number of positive eigenvalues stays,",
                Relation(
                    sp.Tuple(*(sp.Integer(exact_eigenvalue_count(point.hessian()).above) for point in _orbit())),
                    "=",
                    sp.Tuple(*([rank] * len(_ALPHAS))),
                ),
                "exact",
                lambda: sp.Tuple(*(sp.Integer(exact_rank(point.hessian())) for point in _orbit())),
                shown=rf"\#\{{\lambda > 0\}} = {rank}",
            ),
            Step(
                "that of eigenvalues above 300 does not,",
                Relation(sp.Tuple(*counts), "=", sp.Tuple(*_counts(by_signs=True))),
                "exact",
                lambda: sp.Tuple(*_counts_from_transform()),
                shown=r"\#\{\lambda > 300\} = " + ", ".join(str(count) for count in counts),
            ),
            Step(
                "so that it is no property of the function.",
                Relation(min(counts), "<", max(counts)),
                "exact",
                shown=rf"{min(counts)} < {max(counts)}",
            ),
            Step(
                "Nor is the trace.",
                Relation(traces, "=", sp.Tuple(*_traces_from_blocks())),
                "exact",
                lambda: sp.Tuple(*(sum(map(sum, _squares(point)), sp.Integer(0)) for point in _orbit())),
                shown=r"\mathrm{tr} H = " + ", ".join(_short(value) for value in traces),
            ),
        ),
        Domain(alpha=(0, sp.oo)),
        parts={"least": sp.Eq(sp.Symbol("lambda_1"), sp.Integer(2))},
        titles={
            "least": "least largest eigenvalue of the orbit",
        },
        assumptions=("the loss is the mean squared error, and no unit is on its kink at a sample",),
        source="Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933, on Hessian-based measures",
        shown={
            "result": r"\lambda_1 = \mathrm{tr} H = \alpha^2 + \alpha^{-2}",
            "least": r"\min_{\alpha} \lambda_1 = 2",
        },
    )


@cache
def _fitted() -> ExactTwoLayer:
    return ExactTwoLayer.sample(2, 3, 1, samples=4, seed=6, relu=True).with_residuals_times(sp.Integer(0))


@cache
def _orbit() -> tuple[ExactTwoLayer, ...]:
    net = _fitted()
    return tuple(
        ExactTwoLayer(net.first * alpha, net.second / alpha, net.inputs, net.targets, relu=True) for alpha in _ALPHAS
    )


@cache
def _counts(*, by_signs: bool = False) -> list[sp.Integer]:
    """Eigenvalues above 300 along the orbit, each Hessian differentiated at its own point."""
    count = eigenvalue_count_by_signs if by_signs else exact_eigenvalue_count
    return [sp.Integer(count(point.hessian(), _THRESHOLD).above) for point in _orbit()]


def _counts_from_transform() -> list[sp.Integer]:
    """The same from one Hessian, transformed."""
    net = _fitted()
    sizes = (len(net.first), len(net.second))
    moved = (layer_rescaling((alpha, 1 / alpha), sizes).hessian(net.hessian()) for alpha in _ALPHAS)
    return [sp.Integer(exact_eigenvalue_count(hessian, _THRESHOLD).above) for hessian in moved]


def _traces_from_blocks() -> list[sp.Expr]:
    """The traces from those of the two diagonal blocks of one Hessian."""
    net = _fitted()
    hessian, size = net.hessian(), len(net.first)
    first = sum((hessian[i, i] for i in range(size)), sp.Integer(0))
    second = hessian.trace() - first
    return [first / alpha**2 + second * alpha**2 for alpha in _ALPHAS]


def _squares(net: ExactTwoLayer) -> list[list[sp.Expr]]:
    """Squared derivatives of the residuals over the number of samples: their sum is the trace where all fit."""
    return [[entry**2 / net.samples for entry in net.jacobian().row(row)] for row in range(net.jacobian().rows)]


def _other_root(hessian: sp.ImmutableMatrix) -> sp.Expr:
    """The root other than 0 of the characteristic polynomial."""
    unknown = sp.Symbol("lambda")
    polynomial = sp.expand((hessian - unknown * sp.eye(2)).det())
    return sp.solve(sp.cancel(polynomial / unknown), unknown)[0]


def _short(value: sp.Rational) -> str:
    return str(value) if value.is_Integer else rf"\frac{{{value.p}}}{{{value.q}}}"
