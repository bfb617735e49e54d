r"""How many dimensions the functions of a network have around a generic one: the rank of parameters -> function.

Conventions: widths (n, h_1, ..., k), n inputs, k outputs, biases in every layer, linear outputs; P parameters. The
*functional dimension* at a parameter is the rank of the Jacobian of all outputs at as many inputs as one likes, all
over the input space. One hidden layer has h units and P = h (n + 1) + k (h + 1). Ranks are of integer or rational
matrices: a ReLU network with integer weights and inputs has an integer Jacobian, and tanh of a multiple of ln 2 is
rational, tanh(u ln 2) = (4^u - 1)/(4^u + 1).
"""

import random
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import flint
import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import listed
from theory.proof import Relation
from theory.real_arrays import integer, positive_integer

__all__ = ["functional_dimension", "relu_functional_rank", "tanh_functional_rank"]

_inputs, _hidden, _outputs = sp.symbols("n h k", integer=True, positive=True)
_SHALLOW = ((1, 2, 1), (2, 3, 1), (3, 4, 2), (2, 5, 3))
_DEEP = ((2, 4, 3, 1), (2, 5, 4, 2))
_SEEDS = 12
_FREE = 20


def relu_functional_rank(widths: Sequence[int], *, seed: int, samples: int) -> int:
    """Compute the rank of the Jacobian of a ReLU network of any depth exactly, at integer inputs.

    It bounds the functional dimension from below, and is equal to it once there are enough samples in every region.

    Args:
        widths: Units of every layer, inputs and outputs included, at least one hidden layer.
        seed: Of weights, biases and inputs, small integers.
        samples: Inputs.

    Raises:
        TypeError: If a size or the seed is no integer.
        ValueError: If there are fewer than three widths, or a size is less than 1.

    Examples:
        >>> relu_functional_rank((2, 3, 1), seed=1, samples=60)
        10
    """
    widths = _checked_widths(widths, seed, samples)
    source = random.Random(f"relu {seed}")
    layers = [
        (
            [[source.randint(-9, 9) for _ in range(fan_in)] for _ in range(fan_out)],
            [source.randint(-_FREE, _FREE) for _ in range(fan_out)],
        )
        for fan_in, fan_out in pairwise(widths)
    ]
    rows = []
    for _ in range(samples):
        rows += _relu_rows(layers, [source.randint(-_FREE, _FREE) for _ in range(widths[0])])
    return int(flint.fmpz_mat(rows).rank())


def tanh_functional_rank(widths: Sequence[int], *, seed: int, samples: int) -> int:
    """Compute the rank of the Jacobian of a tanh network with one hidden layer exactly.

    Weights and biases of the hidden layer are integers times ln 2, inputs and output weights are integers, so that
    every entry is rational: the weights of the hidden layer, as any parameters do, count up to a factor.

    Args:
        widths: Inputs, hidden units, outputs.
        seed: Of weights, biases and inputs, small integers.
        samples: Inputs.

    Raises:
        TypeError: If a size or the seed is no integer.
        ValueError: If there are not three widths, or a size is less than 1.

    Examples:
        >>> tanh_functional_rank((2, 3, 1), seed=1, samples=40)
        13
    """
    widths = _checked_widths(widths, seed, samples)
    if len(widths) != 3:
        raise ValueError(f"widths must name inputs, hidden units and outputs, got {tuple(widths)}.")
    inputs, hidden, outputs = widths
    source = random.Random(f"tanh {seed}")
    first = [[source.choice((-3, -2, -1, 1, 2, 3)) for _ in range(inputs)] for _ in range(hidden)]
    bias = [source.randint(-4, 4) for _ in range(hidden)]
    second = [[source.choice((-2, -1, 1, 2)) for _ in range(hidden)] for _ in range(outputs)]
    rows = []
    for _ in range(samples):
        x = [source.randint(-5, 5) for _ in range(inputs)]
        values = []
        for weights, shift in zip(first, bias, strict=True):
            power = flint.fmpq(4) ** (sum(w * entry for w, entry in zip(weights, x, strict=True)) + shift)
            values.append((power - 1) / (power + 1))
        for output in range(outputs):
            row: list[flint.fmpq] = []
            for unit, value in enumerate(values):
                row += [second[output][unit] * (1 - value * value) * entry for entry in (*x, 1)]
            for other in range(outputs):
                row += [value if other == output else flint.fmpq(0) for value in (*values, flint.fmpq(1))]
            rows.append(row)
    return int(flint.fmpq_mat(rows).rank())


@cache
def functional_dimension() -> Derivation:
    r"""Derive the functional dimension of one hidden layer: P for tanh, P - h for h ReLU units.

    .. math:: P = h (n + 1) + k (h + 1), \qquad P - h = h (n + k) + k

    A ReLU unit computes the same if its incoming weights are multiplied by a factor and the outgoing ones divided by
    it: one direction a unit that no output sees. In deeper networks the same holds for every hidden unit, and
    P - (h_1 + h_2 + ...) is an upper bound that not all parameters reach.

    Returns:
        A derivation; the value is that of ReLU units. The part "tanh" is that of tanh units.

    Examples:
        >>> functional_dimension().at(n=3, h=4, k=2), functional_dimension().at(part="tanh", n=3, h=4, k=2)
        (22, 26)

    References:
        Grigsby, Lindsey, Meyerhoff and Wu (2022), arXiv:2209.04036; Fukumizu (1996), Neural Networks 9(5), 871-879.
    """
    weight, bias, out, x = sp.symbols("w b v x", real=True)
    along, aside, beyond = sp.symbols("alpha beta gamma", real=True)
    active = out * (weight * x + bias)
    parameters = _hidden * (_inputs + 1) + _outputs * (_hidden + 1)
    relu = _hidden * (_inputs + _outputs) + _outputs
    combined = along * active.diff(weight) + aside * active.diff(bias) + beyond * active.diff(out)
    kept = sp.solve(combined.subs(x, -bias / weight), aside)[0]
    left = sp.expand(combined.subs(aside, kept).diff(x))
    unit = sp.Symbol("u", integer=True, positive=True)
    return Derivation(
        "The functional dimension of one hidden layer",
        sp.Eq(sp.Symbol("dim"), relu),
        (
            Step(
                "The parameters: a hidden unit has n weights and a bias, an output h and one.",
                Relation(
                    sp.Sum(_inputs + 1, (unit, 1, _hidden)).doit() + sp.Sum(_hidden + 1, (unit, 1, _outputs)).doit(),
                    "=",
                    parameters,
                ),
                "exact",
                shown=r"P = h (n + 1) + k (h + 1)",
            ),
            Step(
                "Where a ReLU unit is active it adds v (w x + b), whose derivatives obey",
                Relation(weight * active.diff(weight) + bias * active.diff(bias), "=", out * active.diff(out)),
                "exact",
                shown=r"w \, \partial_w f + b \, \partial_b f = v \, \partial_v f",
            ),
            Step(
                "and so do they where it is not, all being 0: one relation a hidden unit, and of its own parameters.",
                Relation(parameters - sp.Sum(1, (unit, 1, _hidden)).doit(), "=", relu),
                "exact",
                shown=r"\mathrm{rank}\, J \leq P - h = h (n + k) + k",
            ),
            Step(
                "There is no other. Only the unit itself has a kink at its hyperplane, here x = -b/w, where a relation "
                "alpha d_w f + beta d_b f + gamma d_v f = 0 has to vanish,",
                Relation(kept, "=", along * bias / weight),
                "exact",
                shown=r"\left(\alpha x + \beta\right) v = 0 \ \text{at} \ x = -\frac{b}{w} \quad \Rightarrow \quad "
                r"\beta = \alpha \frac{b}{w}",
            ),
            Step(
                "and so has its slope:",
                Relation(sp.solve(left, beyond)[0], "=", -along * out / weight),
                "exact",
                shown=r"\alpha v + \gamma w = 0 \quad \Rightarrow \quad (\alpha, \beta, \gamma) "
                r"= \frac{\alpha}{w} (w, b, -v)",
            ),
            Step(
                "Exact ranks of integer Jacobians, ReLU networks 1-2-1, 2-3-1, 3-4-2, 2-5-3 with integer weights:",
                Relation(
                    sp.Tuple(*(sp.Integer(relu_functional_rank(s, seed=1, samples=25 * s[1])) for s in _SHALLOW)),
                    "=",
                    sp.Tuple(*(_at(relu, shape) for shape in _SHALLOW)),
                ),
                "exact",
                shown=r"\mathrm{rank}\, J = P - h = 5, \ 10, \ 22, \ 28",
            ),
            Step(
                "A tanh unit has no such factor. Its values at weights that are integers times ln 2 are rational, as",
                Relation(sp.tanh(3 * sp.log(2)).rewrite(sp.exp).simplify(), "=", sp.Rational(63, 65)),
                "exact",
                shown=r"\tanh(u \ln 2) = \frac{4^u - 1}{4^u + 1}, \quad \tanh(3 \ln 2) = \frac{63}{65}",
            ),
            Step(
                "so that ranks are exact again. The same four shapes with tanh units: no relation at all.",
                Relation(
                    sp.Tuple(*(sp.Integer(tanh_functional_rank(s, seed=1, samples=60)) for s in _SHALLOW)),
                    "=",
                    sp.Tuple(*(_at(parameters, shape) for shape in _SHALLOW)),
                ),
                "exact",
                shown=r"\mathrm{rank}\, J = P = 7, \ 13, \ 26, \ 33",
            ),
            Step(
                "Deeper ReLU networks, 2-4-3-1 and 2-5-4-2: the largest rank of a dozen draws is P less the number of "
                "hidden units.",
                Relation(
                    sp.Tuple(*(sp.Integer(max(_deep_ranks(shape))) for shape in _DEEP)),
                    "=",
                    sp.Tuple(*(sp.Integer(_parameters(shape) - sum(shape[1:-1])) for shape in _DEEP)),
                ),
                "exact",
                shown=r"\max \mathrm{rank}\, J = P - h_1 - h_2 = "
                + r", \ ".join(str(_parameters(shape) - sum(shape[1:-1])) for shape in _DEEP),
            ),
        ),
        Domain(n=(0, sp.oo), h=(0, sp.oo), k=(0, sp.oo)).with_integers("n", "h", "k"),
        parts={"tanh": sp.Eq(sp.Symbol("dim"), parameters)},
        titles={
            "tanh": "dimension with tanh units",
        },
        assumptions=(
            "generic parameters: no incoming or outgoing weights of a unit all zero, no two units that are equal or "
            "opposite, or switch at one hyperplane",
            "outputs are compared all over the input space: where a unit is dead or always active on the data, "
            "the rank is lower",
        ),
        theorems=(
            Theorem(
                "Regular information matrices",
                "The derivatives of a tanh network with one hidden layer are linearly independent functions exactly "
                "if no unit can be removed.",
                "Fukumizu (1996), A regularity condition of the information matrix of a multilayer perceptron network",
            ),
        ),
        source="Grigsby, Lindsey, Meyerhoff and Wu (2022), arXiv:2209.04036; for tanh Fukumizu (1996)",
        shown={"result": r"\dim = P - h = h (n + k) + k", "tanh": r"\dim = P = h (n + 1) + k (h + 1)"},
    )


def _relu_rows(layers: list[tuple[list[list[int]], list[int]]], x: list[int]) -> list[list[int]]:
    """Derivatives of each output by all parameters, layer by layer: weight row by row, then bias."""
    taken, signs = [x], []
    for weight, bias in layers:
        before = [
            sum(w * h for w, h in zip(row, taken[-1], strict=True)) + b for row, b in zip(weight, bias, strict=True)
        ]
        signs.append([int(entry > 0) for entry in before])
        taken.append([max(entry, 0) for entry in before])
    rows = []
    for output in range(len(layers[-1][1])):
        delta = [int(unit == output) for unit in range(len(layers[-1][1]))]
        pieces: list[list[int]] = []
        for layer in reversed(range(len(layers))):
            pieces.append([d * h for d in delta for h in taken[layer]] + delta)
            if layer:
                back = zip(*layers[layer][0], strict=True)
                delta = [
                    sum(d * w for d, w in zip(delta, column, strict=True)) * sign
                    for column, sign in zip(back, signs[layer - 1], strict=True)
                ]
        rows.append([entry for piece in reversed(pieces) for entry in piece])
    return rows


@cache
def _deep_ranks(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(relu_functional_rank(shape, seed=seed, samples=120) for seed in range(_SEEDS))


def _parameters(shape: Sequence[int]) -> int:
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(shape))


def _at(count: sp.Expr, shape: Sequence[int]) -> sp.Expr:
    return count.subs(dict(zip((_inputs, _hidden, _outputs), shape, strict=True)))


def _checked_widths(widths: Sequence[int], seed: int, samples: int) -> tuple[int, ...]:
    given = tuple(listed("widths", widths))
    if len(given) < 3:
        raise ValueError(f"widths must name inputs, hidden units and outputs, got {given}.")
    positive_integer("samples", samples)
    integer("seed", seed)
    return tuple(positive_integer(f"widths[{place}]", width) for place, width in enumerate(given))
