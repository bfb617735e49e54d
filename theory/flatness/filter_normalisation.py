r"""Slices of the loss along filter-normalised directions, and which rescalings they do not see.

Conventions: a filter is the group of incoming weights of one unit. A raw direction d is normalised filter by filter,
d_f -> d_f |theta_f|/|d_f|, and the slice is s -> L(theta + s d). The raw direction is fixed while the weights are
rescaled, per layer or per unit (each hidden unit with a factor of its own); random raw directions have independent
components of one symmetric law that no rotation of a filter changes, such as Gaussian ones.
"""

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_numbers import listed
from theory.proof import Relation
from theory.real_arrays import hessian_and_point
from theory.rescaling.rectifier_example import POINT, SYMBOLS, layer_factors, minimum_hessian, outputs, unit_factors

__all__ = ["filter_normalised_slice", "mean_slice_curvature"]

_FILTERS = ((0, 1), (2, 3), (4, 5))
_RAW = tuple(map(sp.Integer, (1, 0, 0, 1, 4, 3)))
_FACTOR = sp.Rational(9, 5)


@cache
def filter_normalised_slice() -> Derivation:
    r"""Derive that a filter-normalised slice is the same after a rescaling of layers, and another after one of units.

    The mean curvature of a slice in a random direction is

    .. math:: E\, d^T H d = \sum_f \frac{|\theta_f|^2}{n_f} \, \mathrm{tr} H_{ff}

    with n_f the number of weights of filter f; it is the same after rescalings of layers, not of units.

    Returns:
        A derivation; the value is the mean curvature for two filters of two weights, of lengths r_1 and r_2. The parts
        are "before" and "after", that of a ReLU network of six weights before and after one unit is rescaled by 9/5.

    Examples:
        >>> filter_normalised_slice().parts["before"].rhs, filter_normalised_slice().parts["after"].rhs
        (625/2, 34789/90)
    """
    alpha, x, y = sp.symbols("alpha x y", positive=True)
    p, q, s = sp.symbols("p q s", real=True)
    r1, r2, h11, h22, h33, h44 = sp.symbols("r_1 r_2 H_11 H_22 H_33 H_44", positive=True)
    direction = sp.symbols("d_1:7", real=True)
    factors = layer_factors(alpha)
    along = [weight + s * d for weight, d in zip(SYMBOLS, direction, strict=True)]
    along_there = [factor * (w + s * d) for factor, w, d in zip(factors, SYMBOLS, direction, strict=True)]
    unit = unit_factors(_FACTOR, sp.Integer(1))
    there = [factor * weight for factor, weight in zip(unit, POINT, strict=True)]
    here_direction, there_direction = _normalised(POINT), _normalised(there)
    carried = [factor * d for factor, d in zip(unit, here_direction, strict=True)]
    curvatures = [
        (sp.Matrix([d]) * minimum_hessian(weights) * sp.Matrix(d))[0]
        for weights, d in ((POINT, here_direction), (there, there_direction))
    ]
    before, after = _mean_curvature(POINT), _mean_curvature(there)
    mean = r1**2 * (h11 + h22) / 2 + r2**2 * (h33 + h44) / 2
    return Derivation(
        "A filter-normalised slice does not see rescalings of layers, and sees those of units",
        sp.Eq(sp.Symbol("kappa"), mean),
        (
            Step(
                "Per layer, a filter and its length are multiplied by one number: so is the normalised direction.",
                Relation(
                    sp.Matrix([p, q]) * sp.sqrt((alpha * x) ** 2 + (alpha * y) ** 2) / sp.sqrt(p**2 + q**2),
                    "=",
                    alpha * sp.Matrix([p, q]) * sp.sqrt(x**2 + y**2) / sp.sqrt(p**2 + q**2),
                ),
                "exact",
                shown=r"d_f \frac{|\alpha \theta_f|}{|d_f|} = \alpha \, d_f \frac{|\theta_f|}{|d_f|}",
            ),
            Step(
                "A place on the slice is carried to the same place of the new slice, where the outputs of a ReLU "
                "network are the same, at every s:",
                Relation(outputs(along_there), "=", outputs(along)),
                "exact",
                shown=r"L(T \theta + s T d) = L(T (\theta + s d)) = L(\theta + s d)",
            ),
            Step(
                "Per unit, here w_1 = (2, -1), w_2 = (-1, 2), v = (3, 4) with the first unit times 9/5, the outputs "
                "are the same as well,",
                Relation(outputs(there), "=", outputs(POINT)),
                "exact",
                shown=r"y = (6, 8, 7)",
            ),
            Step(
                "but the filter v becomes (5/3, 4), which is no multiple of it: the normalised direction is not "
                "carried along (raw direction (4, 3)),",
                Relation(sp.Matrix(there_direction[4:]), "!=", sp.Matrix(carried[4:])),
                "exact",
                shown=r"\left(\frac{52}{15}, \frac{13}{5}\right) \neq \left(\frac{20}{9}, 3\right)",
            ),
            Step(
                "and the slice is another: its curvature, raw directions (1, 0), (0, 1), (4, 3).",
                Relation(curvatures[1], "!=", curvatures[0]),
                "exact",
                shown=r"d'^{T} H' d' \neq d^{T} H d",
            ),
            Step(
                "The mean over random directions, by quarter turns of every filter (two filters of two weights, any "
                "symmetric H): blocks between filters cancel.",
                Relation(_averaged(r1, r2, (h11, h22, h33, h44)), "=", mean),
                "exact",
                shown=r"E \, d^{T} H d = \sum_f \frac{|\theta_f|^2}{n_f} \, \mathrm{tr} H_{ff}",
            ),
            Step(
                "It is the same after a rescaling of layers,",
                Relation(
                    mean.subs(
                        {r1: alpha * r1, h11: h11 / alpha**2, h22: h22 / alpha**2, r2: r2 / alpha}
                        | {h33: h33 * alpha**2, h44: h44 * alpha**2},
                        simultaneous=True,
                    ),
                    "=",
                    mean,
                ),
                "exact",
                shown=r"\frac{|\alpha \theta_f|^2}{n_f} \frac{1}{\alpha^2} \mathrm{tr} H_{ff}"
                r" = \frac{|\theta_f|^2}{n_f} \mathrm{tr} H_{ff}",
            ),
            Step(
                "and not after that of a unit: before,",
                Relation(before, "=", sp.Rational(625, 2)),
                "exact",
                lambda: _by_traces(POINT),
                shown=r"\frac{625}{2}",
            ),
            Step(
                "after,",
                Relation(after, "=", sp.Rational(34789, 90)),
                "exact",
                lambda: _by_traces(there),
                shown=r"\frac{34789}{90}",
            ),
            Step("which is more.", Relation(before, "<", after), "exact", shown=r"\frac{625}{2} < \frac{34789}{90}"),
        ),
        Domain(
            alpha=(0, sp.oo),
            r_1=(0, sp.oo),
            r_2=(0, sp.oo),
            x=(0, sp.oo),
            y=(0, sp.oo),
        ),
        parts={"before": sp.Eq(sp.Symbol("kappa"), before), "after": sp.Eq(sp.Symbol("kappa"), after)},
        titles={
            "before": "curvature before a unit is rescaled",
            "after": "curvature after a unit is rescaled",
        },
        assumptions=(
            "the raw direction is the same for both networks",
            "the mean: components independent, of a law that no rotation of a filter changes; curvature at the minimum",
        ),
        source="Li, Xu, Taylor, Studer and Goldstein (2018), Visualizing the loss landscape, arXiv:1712.09913",
        shown={
            "result": r"E \, d^{T} H d = \sum_f \frac{|\theta_f|^2}{n_f} \, \mathrm{tr} H_{ff}",
            "before": r"\frac{625}{2}",
            "after": r"\frac{34789}{90}",
        },
    )


def mean_slice_curvature(hessian: Any, weights: Any, filters: Sequence[Sequence[int]]) -> float:
    """Return the mean curvature at s = 0 of a filter-normalised slice in a random direction.

    Args:
        hessian: Symmetric, n x n.
        weights: n numbers.
        filters: The places of the weights of each filter; no place twice. Places of no filter have direction 0.

    Raises:
        TypeError: If the filters are no sequences of integers.
        ValueError: If shapes do not fit, something is not finite, a filter is empty, or a place is unknown or given
            twice.

    Examples:
        >>> mean_slice_curvature([[2.0, 1.0], [1.0, 4.0]], [1.0, 0.5], [[0], [1]])
        3.0
    """
    matrix, place = hessian_and_point(hessian, weights)
    groups = [listed("a filter", group) for group in listed("filters", filters)]
    chosen = [index for group in groups for index in group]
    if any(isinstance(index, bool | np.bool_) or not isinstance(index, int | np.integer) for index in chosen):
        raise TypeError(f"filters must hold integers, the places of weights, got {chosen}.")
    if len(set(chosen)) < len(chosen) or any(not 0 <= index < len(place) for index in chosen):
        raise ValueError(f"filters must name places from 0 to {len(place) - 1}, none twice, got {chosen}.")
    if any(len(group) == 0 for group in groups):
        raise ValueError("filters must each have a weight, got an empty one.")
    diagonal = np.diag(matrix)
    return float(sum((place[group] ** 2).sum() * diagonal[group].sum() / len(group) for group in groups))


def _normalised(weights: Sequence[Any]) -> list[Any]:
    """The raw direction, normalised filter by filter."""
    direction: list[Any] = []
    for group in _FILTERS:
        size = sp.sqrt(sum((weights[i] ** 2 for i in group), sp.Integer(0)))
        length = sp.sqrt(sum((_RAW[i] ** 2 for i in group), sp.Integer(0)))
        direction += [_RAW[i] * size / length for i in group]
    return direction


def _turned(pair: Sequence[Any]) -> list[list[Any]]:
    """A direction in a plane, turned by all four quarter turns."""
    x, y = pair
    return [[x, y], [-y, x], [-x, -y], [y, -x]]


def _mean_curvature(weights: Sequence[Any]) -> sp.Expr:
    """The mean of the curvature over quarter turns of every filter of the normalised direction."""
    hessian, direction = minimum_hessian(weights), _normalised(weights)
    turns = product(*(_turned([direction[i] for i in group]) for group in _FILTERS))
    moved = [sp.Matrix([entry for part in choice for entry in part]) for choice in turns]
    return sp.expand(sum(((d.T * hessian * d)[0] for d in moved), sp.Integer(0))) / len(moved)


def _by_traces(weights: Sequence[Any]) -> sp.Expr:
    """The same by the formula, filter by filter."""
    hessian = minimum_hessian(weights)
    parts = [
        sum((weights[i] ** 2 for i in group), sp.Integer(0))
        * sum((hessian[i, i] for i in group), sp.Integer(0))
        / len(group)
        for group in _FILTERS
    ]
    return sum(parts, sp.Integer(0))


def _averaged(r1: sp.Expr, r2: sp.Expr, diagonal: tuple[sp.Expr, ...]) -> sp.Expr:
    """The mean of d'Hd for two filters of two weights at any angles, by quarter turns."""
    angles = sp.symbols("tau_1 tau_2", real=True)
    pairs = [
        (length * (1 - angle**2) / (1 + angle**2), length * 2 * angle / (1 + angle**2))
        for length, angle in zip((r1, r2), angles, strict=True)
    ]
    off = {(i, j): sp.Symbol(f"H_{i + 1}{j + 1}", real=True) for i in range(4) for j in range(i + 1, 4)}
    matrix = sp.Matrix(4, 4, lambda i, j: diagonal[i] if i == j else off[min(i, j), max(i, j)])
    u = sp.symbols("u_1:5", real=True)
    moved = [sp.Matrix(first + second) for first, second in product(_turned(u[:2]), _turned(u[2:]))]
    form = sum(((d.T * matrix * d)[0] for d in moved), sp.Integer(0)) / len(moved)
    values = dict(zip(u, (*pairs[0], *pairs[1]), strict=True))
    return sp.expand(form).subs(values)
