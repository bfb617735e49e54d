r"""Which measures of flatness a rescaling changes: the absolute ones, and a table of them all.

Conventions: a rescaling changes no output of the network; per layer, (alpha theta_1, theta_2/alpha), per unit, each
hidden unit with a factor of its own. Rescalings of layers are among those of units, so that a measure that sees the
first kind sees the second. The example is the valley of minima (alpha, 1/alpha) of L = (u v - 1)^2/2, one weight in
each layer, all of them one function.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.flatness.filter_normalisation import filter_normalised_slice
from theory.flatness.linear_stability import descent_stability
from theory.flatness.local_entropy import local_entropy_of_a_quadratic
from theory.flatness.relative_measures import layer_relative_trace, relative_trace
from theory.flatness.subspace_sharpness import subspace_curvature
from theory.flatness.weight_precision import weight_bits
from theory.proof import Relation
from theory.rescaling.sharp_equivalents import sharper_equivalent

__all__ = ["MeasureInvariance", "absolute_measures", "measure_table"]

_alpha = sp.Symbol("alpha", positive=True)


@dataclass(frozen=True)
class MeasureInvariance:
    """What rescalings do to one measure of flatness at a minimum.

    Args:
        measure: Its name, in words.
        layers: Whether it is the same after every rescaling of layers.
        units: Whether it is the same after every rescaling of units.
        derivation: What proves or refutes it.
    """

    measure: str
    layers: bool
    units: bool
    derivation: Callable[[], Derivation]

    def __str__(self) -> str:
        kind = {(True, True): "layers and units", (True, False): "layers only", (False, False): "neither"}
        return f"{self.measure}: {kind[self.layers, self.units]}"


@cache
def absolute_measures() -> Derivation:
    r"""Derive that absolute measures of flatness change along a valley of equal functions, and what does not.

    Along (alpha, 1/alpha) the largest eigenvalue, the trace, the Frobenius norm and the product of the non-zero
    eigenvalues are all alpha^2 + alpha^-2; the numbers of positive, negative and zero eigenvalues are constant.

    Returns:
        A derivation; the value is that. The parts are "box", Keskar's sharpness for epsilon = 1, and "determinant", the
        factor of the determinant for layers of n_1 and n_2 weights.

    Examples:
        >>> absolute_measures().at(alpha=2)
        17/4
    """
    u, v, bound = sp.symbols("u v M", positive=True)
    first, second = sp.symbols("n_1 n_2", positive=True)
    loss = (u * v - 1) ** 2 / 2
    hessian = sp.ImmutableMatrix(sp.hessian(loss, (u, v)).subs({u: _alpha, v: 1 / _alpha}))
    value = _alpha**2 + _alpha**-2
    across = sp.Matrix([1 / _alpha, _alpha])
    box = 50 * (2 + _alpha + 1 / _alpha) ** 2
    corner = sp.Matrix([_alpha + 1, 1 / _alpha + 1])
    matrix = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"H_{min(i, j) + 1}{max(i, j) + 1}", real=True))
    one_two = sp.diag(1 / _alpha, _alpha, _alpha)
    determinant = _alpha ** (2 * (second - first))
    x = sp.Symbol("x", real=True)
    return Derivation(
        "Absolute measures of flatness change along a valley of equal functions",
        sp.Eq(sp.Symbol("lambda_1"), value),
        (
            Step(
                "Along the valley the function is one and the same, x times",
                Relation((u * v * x).subs({u: _alpha, v: 1 / _alpha}), "=", x),
                "exact",
                shown=r"\alpha \cdot \alpha^{-1} x = x",
            ),
            Step(
                "The trace of the Hessian there.",
                Relation(hessian.trace(), "=", value),
                "exact",
                shown=r"\mathrm{tr} H = \alpha^2 + \alpha^{-2}",
            ),
            Step(
                "The largest eigenvalue,",
                Relation(hessian * across, "=", value * across),
                "exact",
                shown=r"H \left(\alpha^{-1}, \alpha\right) = \left(\alpha^2 + \alpha^{-2}\right)"
                r" \left(\alpha^{-1}, \alpha\right)",
            ),
            Step(
                "the other one being 0, along the valley.",
                Relation(hessian * sp.Matrix([_alpha, -1 / _alpha]), "=", sp.zeros(2, 1)),
                "exact",
                shown=r"H \left(\alpha, - \alpha^{-1}\right) = 0",
            ),
            Step(
                "So the Frobenius norm is that as well, squared:",
                Relation((hessian.T * hessian).trace(), "=", value**2),
                "exact",
                shown=r"\|H\|_F^2 = \left(\alpha^2 + \alpha^{-2}\right)^2",
            ),
            Step(
                "It is 2 at alpha = 1, and more elsewhere.",
                Relation(value - 2, "=", (_alpha - 1 / _alpha) ** 2),
                "exact",
                shown=r"\alpha^2 + \alpha^{-2} - 2 = \left(\alpha - \alpha^{-1}\right)^2 \ge 0",
            ),
            Step(
                "Eigenvalues above the threshold 3: none at alpha = 1, one at alpha = 2.",
                Relation(sp.Tuple(value.subs(_alpha, 1), 3), "<", sp.Tuple(3, value.subs(_alpha, 2))),
                "exact",
                shown=r"2 < 3 < \frac{17}{4}",
            ),
            Step(
                "It exceeds every M.",
                Relation(bound, "<", value.subs(_alpha, sp.sqrt(bound))),
                "exact",
                shown=r"M < \alpha^2 + \alpha^{-2} \quad (\alpha^2 = M)",
            ),
            Step(
                "Keskar's sharpness, epsilon = 1: the half-widths are alpha + 1 and 1/alpha + 1, the best corner is "
                "that of equal signs.",
                Relation(50 * (corner.T * hessian * corner)[0], "=", box),
                "exact",
                shown=r"S_{box} = 50 \left(\frac{\alpha + 1}{\alpha} + \alpha \left(\frac{1}{\alpha} + 1\right)"
                r"\right)^2"
                r" = 50 \left(2 + \alpha + \alpha^{-1}\right)^2",
            ),
            Step(
                "It changes, too.",
                Relation(box.subs(_alpha, 1), "<", box.subs(_alpha, 2)),
                "exact",
                shown=r"50 \cdot 4^2 < 50 \cdot \left(\frac{9}{2}\right)^2",
            ),
            Step(
                "The determinant, layers of one and of two weights and any symmetric H.",
                Relation(
                    (one_two * matrix * one_two).det(), "=", determinant.subs({first: 1, second: 2}) * matrix.det()
                ),
                "exact",
                shown=r"\det D H D = \alpha^{2 (n_2 - n_1)} \det H",
            ),
            Step(
                "The exponents, weight by weight.",
                Relation(sp.powsimp((_alpha ** (-first) * _alpha**second) ** 2), "=", determinant),
                "exact",
                shown=r"\left(\det D\right)^2 = \left(\alpha^{-n_1} \alpha^{n_2}\right)^2 = \alpha^{2 (n_2 - n_1)}",
            ),
        ),
        Domain(alpha=(0, sp.oo), M=(0, sp.oo), n_1=(0, sp.oo), n_2=(0, sp.oo)).with_integers("n_1", "n_2"),
        parts={"box": sp.Eq(sp.Symbol("S"), box), "determinant": sp.Eq(sp.Symbol("d"), determinant)},
        titles={
            "box": "sharpness over a box",
            "determinant": "determinant along the orbit",
        },
        assumptions=("both weights are positive, where the ReLU is the identity",),
        theorems=(_inertia(),),
        source="Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933",
        shown={
            "result": r"\lambda_1 = \mathrm{tr} H = \|H\|_F = \alpha^2 + \alpha^{-2}",
            "box": r"S_{box} = 50 \left(2 + \alpha + \alpha^{-1}\right)^2",
            "determinant": r"\det D H D = \alpha^{2 (n_2 - n_1)} \det H",
        },
    )


def measure_table() -> tuple[MeasureInvariance, ...]:
    """Return, for each measure of flatness, whether rescalings of layers or of units change it, and what proves that.

    Examples:
        >>> print(measure_table()[0])
        largest eigenvalue of the Hessian: neither
        >>> [row.measure for row in measure_table() if row.layers and not row.units]
        ['squared length of a layer times the trace of its block', 'slice along a filter-normalised direction']
    """
    rows: tuple[tuple[str, bool, bool, Callable[[], Derivation]], ...] = (
        ("largest eigenvalue of the Hessian", False, False, absolute_measures),
        ("trace of the Hessian", False, False, absolute_measures),
        ("Frobenius norm of the Hessian", False, False, absolute_measures),
        ("number of eigenvalues above a threshold", False, False, absolute_measures),
        ("product of the non-zero eigenvalues", False, False, absolute_measures),
        ("numbers of positive, negative and zero eigenvalues", True, True, absolute_measures),
        ("sharpness over a ball", False, False, sharper_equivalent),
        ("sharpness over the box of Keskar et al.", False, False, absolute_measures),
        ("mean sharpness over a random subspace", False, False, subspace_curvature),
        ("local entropy", False, False, local_entropy_of_a_quadratic),
        ("largest stable learning rate of gradient descent", False, False, descent_stability),
        ("bits per weight on one grid", False, False, weight_bits),
        ("squared length of a layer times the trace of its block", True, False, layer_relative_trace),
        ("slice along a filter-normalised direction", True, False, filter_normalised_slice),
        ("trace of the Hessian relative to the weights", True, True, relative_trace),
        ("largest eigenvalue of the Hessian relative to the weights", True, True, relative_trace),
        ("form of the Hessian in the weights", True, True, relative_trace),
        ("sharpness over the ellipsoid of ASAM", True, True, relative_trace),
        ("sharpness over the ellipsoid of ASAM with a stabiliser", False, False, relative_trace),
        ("sharpness over a box relative to the weights", True, True, relative_trace),
    )
    return tuple(MeasureInvariance(*row) for row in rows)


def _inertia() -> Theorem:
    t, s = sp.symbols("t s", positive=True)
    return Theorem(
        "Sylvester's law of inertia",
        "A congruence $D H D$ with invertible $D$ keeps the numbers of positive, negative and zero eigenvalues.",
        "Horn and Johnson, Matrix Analysis, theorem 4.5.8",
        (
            Step(
                "A diagonal matrix of positive factors is invertible.",
                Relation(0, "<", sp.diag(1 / t, 1 / s).det()),
                "exact",
                shown=r"\det D = \frac{1}{t s} > 0",
            ),
        ),
    )
