r"""How many zero modes the Gauss-Newton part of a two-layer network has, and why.

Conventions: outputs W2 f(W1 X) with W1 hidden x inputs (n1 x n0), W2 outputs x hidden (n2 x n1) and the m inputs in the
columns of X. A zero mode is a change (dW1, dW2) of the weights that moves no output at any sample to first order; their
number is the number of weights minus the rank of the Jacobian, and the number of zero eigenvalues of H0 = J'J/m.
Capital letters in the steps are matrices of any size: their symbols do not commute, and the inverse of a rectangular
one stands for a one-sided inverse used on that side alone.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.proof import Relation

__all__ = ["gauge_zero_modes", "rescaling_zero_modes"]

_SOURCE = "Pennington and Bahri (2017), Geometry of neural network loss surfaces via random matrix theory"
_REFERENCE = "Horn and Johnson, Matrix Analysis, section 0.4.6"

# shapes (inputs, hidden, outputs) and ranks (of W1, of W2) of the exact instances
_SHAPES = (
    ((2, 3, 2), (2, 2)),
    ((2, 3, 2), (1, 2)),
    ((3, 2, 2), (2, 1)),
    ((2, 2, 3), (1, 1)),
    ((3, 1, 2), (1, 1)),
    ((3, 4, 2), (2, 0)),
)


@cache
def gauge_zero_modes() -> Derivation:
    r"""Derive the zero modes of a linear two-layer network: exactly n^2 for n-n-n, from the gauge group GL(n).

    The product W2 W1 does not change under (W1, W2) -> (A W1, W2 A^-1). With invertible weights and inputs of full row
    rank (so m >= n) these are the only zero modes. In a rectangular network with weights of ranks r1 and r2 their
    number is

    .. math:: n_1 (n_0 + n_2) - n_0 n_2 + (n_0 - r_1)(n_2 - r_2).

    Returns:
        A derivation for every n; part "rectangular" for every shape and all ranks.

    Examples:
        >>> gauge_zero_modes().at(n=16)
        256
        >>> gauge_zero_modes().evidence
        'exact'
    """
    n = sp.Symbol("n", integer=True, positive=True)
    n0, n1, n2, r1, r2 = sp.symbols("n_0 n_1 n_2 r_1 r_2", integer=True, nonnegative=True)
    first, second, change1, change2, gauge, image, x = sp.symbols("W_1 W_2 dW_1 dW_2 A E X", commutative=False)
    moved = change2 * first + second * change1
    p1, q1, p2, q2, unit1, unit2 = sp.symbols("P_1 Q_1 P_2 Q_2 I_1 I_2", commutative=False)
    rectangular = n1 * (n0 + n2) - n0 * n2 + (n0 - r1) * (n2 - r2)
    normal = moved.subs({first: p1 * unit1 * q1, second: p2 * unit2 * q2})
    sizes = ((1, 2), (2, 2), (2, 4), (3, 3))
    squares = [ExactTwoLayer.sample(k, k, k, samples=samples, seed=k) for k, samples in sizes]
    shapes = [
        ExactTwoLayer.sample(*shape, samples=shape[0] + 1, seed=index, ranks=ranks)
        for index, (shape, ranks) in enumerate(_SHAPES)
    ]
    predicted = [
        rectangular.subs(dict(zip((n0, n1, n2, r1, r2), (*shape, *ranks), strict=True))) for shape, ranks in _SHAPES
    ]
    normal_form = Theorem(
        "Rank normal form",
        "Every matrix of rank $r$ is $P \\, \\mathrm{diag}(1, \\ldots, 1, 0, \\ldots, 0) \\, Q$ with $r$ ones and "
        "invertible $P$, $Q$.",
        _REFERENCE,
        (
            Step(
                "Entries in the first r2 rows or the first r1 columns, by inclusion and exclusion.",
                Relation(n2 * r1 + n0 * r2 - r1 * r2, "=", n0 * n2 - (n0 - r1) * (n2 - r2)),
                "exact",
            ),
        ),
    )
    return Derivation(
        "The zero modes of a linear two-layer network are its gauge modes",
        sp.Eq(sp.Symbol("nullity"), n**2),
        (
            Step(
                "A gauge direction dW1 = A W1, dW2 = -W2 A moves no output.",
                Relation(moved.subs({change1: gauge * first, change2: -second * gauge}, simultaneous=True), "=", 0),
                "exact",
                shown=r"dW_2 W_1 + W_2 dW_1 = -W_2 A W_1 + W_2 A W_1 = 0",
            ),
            Step(
                "If the outputs E X do not move then E = dW2 W1 + W2 dW1 is zero, X having a right inverse.",
                Relation(image * x * x**-1, "=", image),
                "exact",
                shown=r"E X X^{-1} = E",
            ),
            Step(
                "E and dW1 give dW2 back, W1 being invertible: with E = 0 the zero modes are a graph over dW1.",
                Relation(moved * first**-1 - second * change1 * first**-1, "=", change2),
                "exact",
            ),
            Step(
                "Each of them is the gauge direction of A = dW1 W1^-1.",
                Relation(change1 * first**-1 * first, "=", change1),
                "exact",
                shown=r"A W_1 = dW_1 W_1^{-1} W_1 = dW_1",
            ),
            Step(
                "Every E is reached, by dW1 = 0 and dW2 = E W1^-1, the rank is n^2 and n^2 of 2 n^2 are zero.",
                Relation(moved.subs({change1: 0, change2: image * first**-1}), "=", image),
                "exact",
                shown=r"E W_1^{-1} W_1 = E",
            ),
            Step(
                "Exact instances, n = 1, 2, 2, 3 with m = 2, 2, 4, 3 samples: weights minus the rank of J.",
                Relation(sp.Tuple(*(net.zero_modes() for net in squares)), "=", sp.Tuple(1, 4, 4, 9)),
                "exact",
                shown=r"2 n^2 - \mathrm{rank}\, J = 1, 4, 4, 9",
            ),
            Step(
                "Rectangular weights of rank r1, r2, in normal form: invertible factors only change coordinates.",
                Relation(p2**-1 * normal * q1**-1, "=", p2**-1 * change2 * p1 * unit1 + unit2 * q2 * change1 * q1**-1),
                "exact",
            ),
            Step(
                "So E ranges over the entries in the first r2 rows or the first r1 columns: weights less their number.",
                Relation(n1 * (n0 + n2) - (n2 * r1 + n0 * r2 - r1 * r2), "=", rectangular),
                "exact",
            ),
            Step(
                "At equal widths and full ranks that is n^2.",
                Relation(rectangular.subs({n0: n, n1: n, n2: n, r1: n, r2: n}), "=", n**2),
                "exact",
                shown=r"n (n + n) - n n + (n - n)(n - n) = n^2",
            ),
            Step(
                "Exact instances: six shapes and ranks, weights minus the rank of J.",
                Relation(sp.Tuple(*(net.zero_modes() for net in shapes)), "=", sp.Tuple(*predicted)),
                "exact",
                shown=r"n_1 (n_0 + n_2) - \mathrm{rank}\, J = " + ", ".join(map(str, predicted)),
            ),
        ),
        Domain(),
        parts={"rectangular": sp.Eq(sp.Symbol("nullity"), rectangular)},
        titles={
            "rectangular": "nullity with layers of any sizes",
        },
        assumptions=(
            "X has full row rank, which needs m >= n samples",
            "the result: W1 and W2 are invertible; the part: W1 and W2 have ranks r1 and r2",
        ),
        theorems=(normal_form,),
        source=_SOURCE,
    )


@cache
def rescaling_zero_modes() -> Derivation:
    r"""Derive the zero modes of a ReLU n-n-n network: at least n, and exactly n under a condition on ranks.

    Multiplying the incoming weights of a unit by c > 0 and dividing the outgoing ones by c changes no output: n zero
    modes, unless a unit has w = v = 0. Let W2 be invertible, and B_k the matrix with one row per sample and 2n columns:
    the activations of all units, then the inputs where unit k is active and zeros elsewhere. Then

    .. math:: \mathrm{nullity} = \sum_{k=1}^n (2n - \mathrm{rank}\, B_k),

    where rank B_k <= 2n - 1, so it is n exactly if each rank is 2n - 1. That is so if, for each unit, (a) the inputs at
    which it is active have rank n and (b) the activations of the other units where it is inactive have rank n - 1;
    hence the counts of at least n active and n - 1 inactive samples. (a) is necessary, (b) is not.

    Returns:
        A derivation for every n; part "ranks" is the formula above.

    Examples:
        >>> rescaling_zero_modes().at(n=16)
        16
    """
    n = sp.Symbol("n", integer=True, positive=True)
    index, unit = sp.symbols("i k", integer=True, positive=True)
    c = sp.Symbol("c", positive=True)
    outgoing, slope, rest, scale = sp.symbols("v_k D R U_kk", real=True)
    w, dw, x = (sp.Function(name)(index) for name in ("w", "dw", "x"))
    across = (index, 1, n)
    other = sp.Symbol("j", integer=True, positive=True)
    others = sp.Sum(sp.Function("U")(other) * sp.Function("a")(other), (other, 1, n - 1))
    rescaled = outgoing / c * slope * sp.Sum(c * w * x, across) + rest
    row = others + slope * (scale * sp.Sum(w * x, across) + sp.Sum(dw * x, across))
    second, change, activation, moved = sp.symbols("W_2 dW_2 a da", commutative=False)
    ranks = sp.Sum(2 * n - sp.Function("rho")(unit), (unit, 1, n))
    full = tuple(_instance(size, samples=samples) for size, samples in ((2, 9), (3, 11)))
    few = ExactTwoLayer.sample(3, 3, 3, samples=5, seed=2, relu=True)
    idle, busy = _with_active_samples(full[1], 2), _with_active_samples(full[1], 11)
    nets = (*full, few, idle, busy)
    return Derivation(
        "The zero modes of a ReLU network are the rescalings of its units",
        sp.Eq(sp.Symbol("nullity"), n),
        (
            Step(
                "Rescaling a unit, w -> c w and v -> v/c, moves no output: its tangent (w, -v) is a zero mode.",
                Relation(rescaled.diff(c), "=", 0),
                "exact",
            ),
            Step(
                "A zero mode has dW2 a + W2 da = 0 at every sample; with U = W2^-1 dW2 that is U a + da = 0.",
                Relation(
                    second**-1 * (change * activation + second * moved), "=", second**-1 * change * activation + moved
                ),
                "exact",
            ),
            Step(
                "Its rows k are uncoupled: 2n unknowns U_k and dw_k each, with the matrix B_k, so nullities add up.",
                Relation(sp.Sum(2 * n, (unit, 1, n)) - sp.Sum(sp.Function("rho")(unit), (unit, 1, n)), "=", ranks),
                "exact",
            ),
            Step(
                "The activation of unit k itself is a combination of its active inputs, so rank B_k <= 2n - 1.",
                Relation(row - others, "=", slope * sp.Sum((scale * w + dw) * x, across)),
                "exact",
            ),
            Step(
                "Where unit k is inactive its row involves the other units alone: by (b) their U_kj vanish, by (a) the "
                "combination U_kk w_k + dw_k does.",
                Relation(row.subs(slope, 0), "=", others),
                "exact",
                shown=r"\sum_{j \neq k} U_{kj} a_j + D \sum_i (U_{kk} w_i + dw_i) x_i"
                r" = \sum_{j \neq k} U_{kj} a_j \quad (D = 0)",
            ),
            Step(
                "With all ranks 2n - 1 the nullities add up to n.",
                Relation(sp.Sum(2 * n - (2 * n - 1), (unit, 1, n)).doit(), "=", n),
                "exact",
                shown=r"\sum_{k=1}^{n} \left(2 n - (2 n - 1)\right) = n",
            ),
            Step(
                "Exact instances, n = 2 and 3, in which (a) and (b) hold: weights minus the rank of J.",
                Relation(sp.Tuple(*(net.zero_modes() for net in full)), "=", sp.Tuple(2, 3)),
                "exact",
                shown=r"2 n^2 - \mathrm{rank}\, J = 2, 3",
            ),
            Step(
                "Exact instances against the sum over ranks: those, one with few samples, one with a unit hardly "
                "active, one with a unit that is always active.",
                Relation(sp.Tuple(*(net.zero_modes() for net in nets)), "=", sp.Tuple(*map(_by_ranks, nets))),
                "exact",
                shown=r"2 n^2 - \mathrm{rank}\, J = \sum_k (2 n - \mathrm{rank}\, B_k)",
            ),
            Step(
                "A unit active at fewer than n samples, against (a), leaves more than n = 3 zero modes.",
                Relation(3, "<", idle.zero_modes()),
                "exact",
            ),
            Step(
                "A unit that is always active, against (b), need not.",
                Relation(busy.zero_modes(), "=", 3),
                "exact",
                shown=r"2 n^2 - \mathrm{rank}\, J = 3 \quad (n = 3)",
            ),
        ),
        Domain(),
        parts={"ranks": sp.Eq(sp.Symbol("nullity"), ranks)},
        titles={
            "ranks": "nullity from the ranks of the layers",
        },
        assumptions=(
            "no unit sits on its kink at a sample",
            "W2 is invertible; every B_k has rank 2n - 1, as under (a) and (b)",
        ),
        source=f"{_SOURCE}; positive homogeneity of ReLU",
    )


def _activations(net: ExactTwoLayer) -> sp.MatrixBase:
    return net.active.multiply_elementwise(net.first * net.inputs)


def _by_ranks(net: ExactTwoLayer) -> int:
    """The sum of 2n - rank B_k over the units."""
    total = 0
    for unit in range(net.first.rows):
        seen = net.inputs * sp.diag(*net.active.row(unit))
        total += 2 * net.first.rows - exact_rank(sp.Matrix.vstack(_activations(net), seen))
    return total


def _meets_conditions(net: ExactTwoLayer) -> bool:
    """Whether (a) and (b) hold for every unit."""
    hidden, activations = net.first.rows, _activations(net)
    for unit in range(hidden):
        on = [sample for sample in range(net.samples) if net.active[unit, sample]]
        off = [sample for sample in range(net.samples) if not net.active[unit, sample]]
        others = [row for row in range(hidden) if row != unit]
        if exact_rank(net.inputs.extract(list(range(net.inputs.rows)), on)) < net.inputs.rows:
            return False
        if exact_rank(activations.extract(others, off)) < hidden - 1:
            return False
    return True


def _instance(n: int, *, samples: int) -> ExactTwoLayer:
    """The first network of a fixed sequence that meets both conditions."""
    seed = 0
    while not _meets_conditions(net := ExactTwoLayer.sample(n, n, n, samples=samples, seed=seed, relu=True)):
        seed += 1
    return net


def _with_active_samples(net: ExactTwoLayer, count: int) -> ExactTwoLayer:
    """Reflect inputs so that the first unit is active at the first ``count`` samples and at no other."""
    before = net.first.row(0) * net.inputs
    signs = [1 if (before[sample] > 0) == (sample < count) else -1 for sample in range(net.samples)]
    reflected = sp.ImmutableMatrix(net.inputs * sp.diag(*signs))
    return ExactTwoLayer(net.first, net.second, reflected, net.targets, relu=True)
