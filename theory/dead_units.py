r"""What hidden units with zero weights add to a critical point: negative curvature for each of them, and how much.

Conventions: n0-n1-n2 networks without biases, outputs W2 f(W1 x), f(0) = 0 and f'(0) != 0, twice differentiable (tanh,
the identity; not ReLU, which has a kink at 0, nor a sigmoid, which is not 0 there); the loss L is the sum of squared
residuals over 2m. r units are active, n1 - r are dead: all weights into and out of them are zero. E is the matrix of
residuals (n2 x m), rho the rank of E X' (n2 x n0). Energies are L/n2 over the mean square of the targets.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_nonlinear_net import ExactNonlinearNet
from theory.exact_two_layer import exact_rank
from theory.linear_network import critical_set_index
from theory.proof import Relation
from theory.rescaling.block_matrix import exact_eigenvalue_count
from theory.symbols import epsilon

__all__ = ["dead_unit_index"]

_hidden, _active, _inputs, _outputs, _rho = sp.symbols("n1 r n0 n2 rho", nonnegative=True)
_index, _nullity = sp.symbols("index_r nullity_r", nonnegative=True)

# inputs, active units, outputs, dead units, lost ranks of E X'
_INSTANCES = ((2, 1, 2, 1, 0), (2, 1, 2, 2, 0), (3, 1, 2, 1, 0), (2, 2, 3, 1, 0), (2, 1, 2, 1, 1), (1, 1, 2, 2, 0))


@cache
def dead_unit_index() -> Derivation:
    r"""Derive the index of a critical point to which dead units are appended.

    .. math:: \mathrm{index} = \mathrm{index}_r + (n_1 - r)\, \rho, \qquad
              \mathrm{nullity} = \mathrm{nullity}_r + (n_1 - r)(n_0 + n_2 - 2 \rho), \qquad
              \rho = \mathrm{rank}\, E X^T \le \min(n_0, n_2)

    Any critical point of the network of the r active units stays critical. For n-n-n networks with E X' invertible the
    index is index_r + n (n - r); the zero network has alpha = 1/2 and, rescaled, the energy 1/2.

    Returns:
        A derivation; the value is the index. The parts are "nullity", "square", and for the zero network "zero alpha"
        (at full rank, any widths), "zero alpha, square" and "zero energy". With the widths n0 and n2, which may be
        given beside the others, ranks and indices that they do not allow are refused.

    Examples:
        >>> dead_unit_index().at(index_r=1, n1=4, r=2, rho=4)
        9
    """
    n = sp.Symbol("n", positive=True)
    idle = _hidden - _active
    index = _index + idle * _rho
    nullity = _nullity + idle * (_inputs + _outputs - 2 * _rho)
    square = _index + n * (n - _active)
    directions, extra, inversions = sp.symbols("p k inversions", nonnegative=True)
    linear = {_index: inversions, _nullity: _active**2, _rho: directions - _active}
    whole, blocks = _two_units()
    powers, samples = sp.symbols("T m", positive=True)
    nets = [_instance(*case[:3], case[4], seed=seed) for seed, case in enumerate(_INSTANCES)]
    grown = [net.with_dead_units(case[3]) for net, case in zip(nets, _INSTANCES, strict=True)]
    counts = [
        (exact_eigenvalue_count(before.hessian()), exact_eigenvalue_count(after.hessian()))
        for before, after in zip(nets, grown, strict=True)
    ]
    ranks = [exact_rank(net.residuals * net.inputs.T) for net in nets]
    zeros = [_zero_tanh_net(*sizes) for sizes in ((2, 2, 2), (3, 2, 2), (2, 3, 3))]
    return Derivation(
        "Dead units add negative curvature",
        sp.Eq(sp.Symbol("index"), index),
        (
            Step(
                "A dead unit, moved to weights t w in and t v out, puts out t v f(t w x): nothing at first order, at "
                "second order what a linear unit of slope f'(0) does (f to third order).",
                Relation(sp.Tuple(*_orders()), "=", sp.Tuple(0, 0, _V * _W * _SLOPE)),
                "exact",
                shown=r"t v f(t w x) = t^2 f'(0) \, v \, w x + O(t^3)",
            ),
            Step(
                "So the point stays critical, and dead units share no second derivative with other units: the Hessian "
                "of one active and one dead unit, two samples, f to third order.",
                Relation(whole, "=", blocks),
                "exact",
                shown=r"\nabla^2 L = \mathrm{diag}\left(\nabla^2 L_r, \; \begin{matrix} 0 & f'(0) E x^{T}/m \\"
                r" f'(0) E x^{T}/m & 0 \end{matrix}\right)",
            ),
            Step(
                "With many inputs and outputs a dead unit has the quadratic form 2 f'(0) v' (E X'/m) w; invertible "
                "changes of v and w bring E X' = P N Q to its normal form N, rho ones on the diagonal.",
                Relation((_v * _p**-1) * (_p * _n * _qq) * (_qq**-1 * _w), "=", _v * _n * _w),
                "exact",
                shown=r"v^{T} P^{-1} (P N Q) Q^{-1} w = v^{T} N w",
            ),
            Step(
                "Each one is a positive and a negative square, whatever the sign of f'(0) = c.",
                Relation(2 * _SLOPE * _V * _W, "=", _SLOPE / 2 * ((_V + _W) ** 2 - (_V - _W) ** 2)),
                "exact",
                shown=r"2 c v w = \frac{c}{2} \left((v + w)^2 - (v - w)^2\right)",
            ),
            Step(
                "So each of n1 - r dead units adds rho negative eigenvalues,",
                Relation(_index + sp.Sum(_rho, (sp.Symbol("j"), 1, idle)).doit(), "=", index),
                "exact",
                shown=r"\mathrm{index} = \mathrm{index}_r + \sum_{j=1}^{n_1 - r} \rho",
            ),
            Step(
                "rho positive ones, and zeros for the rest of its n0 + n2 weights.",
                Relation(_nullity + idle * (_inputs + _outputs) - 2 * idle * _rho, "=", nullity),
                "exact",
                shown=r"\mathrm{nullity} = \mathrm{nullity}_r + (n_1 - r)(n_0 + n_2 - 2 \rho)",
            ),
            Step(
                "For n-n-n networks with E X' of full rank n.",
                Relation(index.subs({_hidden: n, _rho: n}), "=", square),
                "exact",
                shown=r"\mathrm{index} = \mathrm{index}_r + n (n - r)",
            ),
            Step(
                "Linear units: fitting r directions leaves E X' the rank p - r, and r units have the inversions as "
                "their index and r^2 zero modes. This is the index derived for linear networks, and its nullity.",
                Relation(
                    sp.Tuple(index.subs(linear), nullity.subs(linear).subs(_inputs + _outputs, 2 * directions + extra)),
                    "=",
                    sp.Tuple(critical_set_index().value, critical_set_index().parts["nullity"].rhs),
                ),
                "exact",
                shown=r"\mathrm{inversions} + (n_1 - r)(p - r), \quad r^2 + (n_1 - r)(2 p + k - 2 (p - r))",
            ),
            Step(
                "The zero network has E = -Y and no active unit; for generic data rho = min(n0, n2) = p.",
                Relation(
                    index.subs({_index: 0, _active: 0, _rho: directions}) / (_hidden * (_inputs + _outputs)),
                    "=",
                    directions / (_inputs + _outputs),
                ),
                "exact",
                shown=r"\alpha = \frac{n_1 p}{n_1 (n_0 + n_2)}",
            ),
            Step(
                "At equal widths that is",
                Relation(
                    (directions / (_inputs + _outputs)).subs({directions: n, _inputs: n, _outputs: n}), "=", _HALF
                ),
                "exact",
                shown=r"\alpha = \frac{n}{2 n} = \frac{1}{2}",
            ),
            Step(
                "and its energy over the mean square T/(m n2) of the targets, T = |Y|^2,",
                Relation(powers / (2 * samples) / _outputs / (powers / (samples * _outputs)), "=", _HALF),
                "exact",
                shown=r"\epsilon = \frac{|Y|^2/(2 m n_2)}{|Y|^2/(m n_2)} = \frac{1}{2}",
            ),
            Step(
                f"Exact instances, f = z + z^2/2 - z^3/3 and -2 z + z^2, {len(nets)} networks at rational critical "
                "points: the gradient with dead units is 0,",
                Relation(
                    sp.Tuple(*(sum(entry**2 for entry in net.gradient()) for net in grown)),
                    "=",
                    sp.Tuple(*[0] * len(grown)),
                ),
                "exact",
                shown=r"\nabla L = 0",
            ),
            Step(
                "the negative eigenvalues that the dead units add, counted in rational numbers,",
                Relation(
                    sp.Tuple(*(after.below - before.below for before, after in counts)),
                    "=",
                    sp.Tuple(*(case[3] * rank for case, rank in zip(_INSTANCES, ranks, strict=True))),
                ),
                "exact",
                shown=r"\mathrm{index} - \mathrm{index}_r = (n_1 - r) \rho",
            ),
            Step(
                "and the zeros.",
                Relation(
                    sp.Tuple(*(after.at - before.at for before, after in counts)),
                    "=",
                    sp.Tuple(
                        *(
                            case[3] * (case[0] + case[2] - 2 * rank)
                            for case, rank in zip(_INSTANCES, ranks, strict=True)
                        )
                    ),
                ),
                "exact",
                shown=r"\mathrm{nullity} - \mathrm{nullity}_r = (n_1 - r)(n_0 + n_2 - 2 \rho)",
            ),
            Step(
                "The zero network with tanh, 2-2-2, 3-2-2 and 2-3-3: tanh has the derivatives 0, 1, 0 at 0.",
                Relation(
                    sp.Tuple(*(exact_eigenvalue_count(net.hessian()).below for net in zeros)), "=", sp.Tuple(4, 4, 6)
                ),
                "exact",
                shown=r"\mathrm{index} = n_1 \min(n_0, n_2) = 4, 4, 6",
            ),
        ),
        Domain(
            **dict.fromkeys(("n1", "n0", "n2", "n", "p"), (0, sp.oo)),
            **dict.fromkeys(("r", "rho", "index_r", "nullity_r"), (-1, sp.oo)),
        )
        .with_integers("n1", "n0", "n2", "n", "p", "r", "rho", "index_r", "nullity_r")
        .where(
            *(_active <= width for width in (_hidden, n)),
            *(rank <= width for rank in (_rho, directions) for width in (_inputs, _outputs)),
            _index + _nullity <= _active * (_inputs + _outputs),
        ),
        parts={
            "nullity": sp.Eq(sp.Symbol("nullity"), nullity),
            "square": sp.Eq(sp.Symbol("index"), square),
            "zero alpha": sp.Eq(sp.Symbol("alpha"), directions / (_inputs + _outputs)),
            "zero alpha, square": sp.Eq(sp.Symbol("alpha"), _HALF),
            "zero energy": sp.Eq(epsilon, _HALF),
        },
        titles={
            "nullity": "number of zero eigenvalues",
            "square": "index with square layers",
            "zero alpha": "index of the zero network",
            "zero alpha, square": "index of the zero network, square layers",
            "zero energy": "energy of the zero network",
        },
        assumptions=(
            "f is twice differentiable with f(0) = 0 and f'(0) != 0; no biases, without weight decay",
            "the r active units are at a critical point of their own network, whose index and nullity are given",
            "the zero network: Y X' has full rank min(n0, n2)",
        ),
        theorems=(_normal_form(), _sylvester()),
        shown={
            "result": r"\mathrm{index} = \mathrm{index}_r + (n_1 - r) \rho",
            "nullity": r"\mathrm{nullity} = \mathrm{nullity}_r + (n_1 - r)(n_0 + n_2 - 2 \rho)",
            "square": r"\mathrm{index} = \mathrm{index}_r + n (n - r)",
        },
    )


_HALF = sp.Rational(1, 2)
_V, _W, _SLOPE = sp.symbols("v w c", real=True)
_BEND, _CUBE = sp.symbols("f_2 f_3", real=True)
_v, _w, _p, _n, _qq = sp.symbols("v^T w P N Q", commutative=False)


def _function(place: sp.Expr) -> sp.Expr:
    """A generic function with f(0) = 0, to third order."""
    return _SLOPE * place + _BEND * place**2 / 2 + _CUBE * place**3 / 6


def _orders() -> list[sp.Expr]:
    """The coefficients of 1, t and t^2 of t v f(t w)."""
    t = sp.Symbol("t")
    output = sp.expand(t * _V * _function(t * _W))
    return [output.coeff(t, order) for order in range(3)]


def _two_units() -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
    """The Hessian of a 1-2-1 network with one dead unit, and its blocks; two samples."""
    inner, outer, x1, x2, y1, y2 = sp.symbols("a b x_1 x_2 y_1 y_2", real=True)

    def loss(dead: bool) -> sp.Expr:
        def residual(x: sp.Expr, y: sp.Expr) -> sp.Expr:
            return outer * _function(inner * x) + (_V * _function(_W * x) if dead else 0) - y

        return (residual(x1, y1) ** 2 + residual(x2, y2) ** 2) / 4

    whole = sp.hessian(loss(True), (inner, outer, _W, _V)).subs({_V: 0, _W: 0}).applyfunc(sp.expand)
    alone = sp.hessian(loss(False), (inner, outer)).applyfunc(sp.expand)
    errors = [(outer * _function(inner * x) - y, x) for x, y in ((x1, y1), (x2, y2))]
    pull = sp.expand(_SLOPE * sum((e * x for e, x in errors), sp.Integer(0)) / 2)
    blocks = sp.diag(alone, sp.Matrix([[0, pull], [pull, 0]]))
    return sp.ImmutableMatrix(whole), sp.ImmutableMatrix(blocks)


def _polynomial(place: sp.Rational) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The activation z + z^2/2 - z^3/3 with its first two derivatives."""
    return place + place**2 / 2 - place**3 / 3, 1 + place - place**2, 1 - 2 * place


def _steep(place: sp.Rational) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The activation -2 z + z^2 with its first two derivatives."""
    return -2 * place + place**2, -2 + 2 * place, sp.Integer(2)


def _instance(inputs: int, active: int, outputs: int, deficiency: int, *, seed: int) -> ExactNonlinearNet:
    return ExactNonlinearNet.critical(
        inputs,
        active,
        outputs,
        samples=active * (inputs + 1) + deficiency * inputs + 1,
        activation=_steep if seed % 2 else _polynomial,
        seed=seed,
        deficiency=deficiency,
    )


def _zero_tanh_net(inputs: int, hidden: int, outputs: int) -> ExactNonlinearNet:
    """The zero network with tanh on small integers, E = -Y."""
    z = sp.Symbol("z")
    jet = tuple(sp.tanh(z).diff(z, order).subs(z, 0) for order in range(3))
    data = ExactNonlinearNet.critical(inputs, 1, outputs, samples=6, activation=lambda _: jet, seed=3)
    empty = ExactNonlinearNet(
        sp.ImmutableMatrix(sp.zeros(0, inputs)),
        sp.ImmutableMatrix(sp.zeros(outputs, 0)),
        data.inputs,
        sp.ImmutableMatrix(outputs, 6, lambda j, s: (3 * j + 2 * s + j * s * s) % 5 - 2),
        lambda _: jet,
    )
    return empty.with_dead_units(hidden)


def _normal_form() -> Theorem:
    a, b = sp.symbols("a b", real=True)
    matrix = sp.Matrix([[1, a], [b, a * b]])
    return Theorem(
        "Rank normal form",
        "A matrix $M$ of rank $r$ is $P N Q$ with $P$ and $Q$ invertible and $N$ zero but for $r$ ones on its "
        "diagonal.",
        "Horn and Johnson, Matrix Analysis, section 0.4.6",
        (
            Step(
                "An instance of rank 1, any a and b.",
                Relation(sp.Matrix([[1, 0], [b, 1]]) * sp.diag(1, 0) * sp.Matrix([[1, a], [0, 1]]), "=", matrix),
                "exact",
                shown=r"P \, \mathrm{diag}(1, 0) \, Q = \begin{matrix} 1 & a \\ b & a b \end{matrix}",
            ),
        ),
    )


def _sylvester() -> Theorem:
    return Theorem(
        "Sylvester's law of inertia",
        "An invertible linear change of coordinates keeps the numbers of negative, zero and positive squares of a "
        "quadratic form.",
        "Horn and Johnson, Matrix Analysis, theorem 4.5.8",
        (
            Step(
                "Sum and difference of v and w are new coordinates.",
                Relation(sp.Matrix([_V + _W, _V - _W]).jacobian([_V, _W]).det(), "=", -2),
                "exact",
                shown=r"\det \frac{\partial (v + w, \, v - w)}{\partial (v, w)} = -2",
            ),
        ),
    )
