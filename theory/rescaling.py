r"""The rescalings that leave a network of positively homogeneous units as it is: a group of diagonal maps.

Conventions: a network y = W_K s(... s(W_1 x)) without biases has the layers theta_1, ..., theta_K with n_k weights
each. The rescaling of layers T_alpha multiplies theta_k by alpha_k > 0, the product of all alpha_k being one; for two
layers T_alpha (theta_1, theta_2) = (alpha theta_1, theta_2 / alpha). The rescaling of units multiplies what enters
unit i of layer k by c_ki > 0 and divides what leaves it by c_ki; that of layers is the case c_ki = alpha_1 ... alpha_k.
In the flat order of weights (layer by layer, each row by row, outputs x inputs, then its biases) both are diagonal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import mul
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_numbers import exact_number
from theory.proof import Relation

__all__ = ["Rescaling", "layer_rescaling", "rescaling_group", "unit_rescaling"]

_SOURCE = "Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933, on properties of rectified networks"


@dataclass(frozen=True)
class Rescaling:
    r"""A diagonal map of parameters with positive entries, exactly.

    `layer_rescaling` and `unit_rescaling` make those that change no output; the product of two is their composition.

    Args:
        scales: One positive exact number, or positive sympy expression, for each parameter.

    Raises:
        ValueError: If there is no scale or one is not known to be positive.
        TypeError: If a scale is not a number.

    Examples:
        >>> t = layer_rescaling((2, "1/2"), (2, 1))
        >>> t.moved([1, 2, 3]), t.determinant
        ((2, 4, 3/2), 2)
        >>> (t * t.inverse()).moved([1, 2, 3])
        (1, 2, 3)
        >>> t.hessian([[4, 0, 2], [0, 4, 0], [2, 0, 1]])
        Matrix([
        [1, 0, 2],
        [0, 1, 0],
        [2, 0, 4]])
    """

    scales: tuple[sp.Expr, ...]

    def __post_init__(self) -> None:
        if len(self.scales) == 0:
            raise ValueError("scales must hold one factor for each parameter, got none.")
        object.__setattr__(self, "scales", tuple(_positive("a scale", value) for value in self.scales))

    @property
    def determinant(self) -> sp.Expr:
        """The Jacobian determinant: the factor by which volumes grow."""
        return reduce(mul, self.scales, sp.Integer(1))

    def inverse(self) -> "Rescaling":
        """Return the map that undoes this one."""
        return Rescaling(tuple(1 / scale for scale in self.scales))

    def moved(self, theta: Sequence[object]) -> tuple[sp.Expr, ...]:
        """Return the image of a point.

        Raises:
            ValueError: If it has another number of parameters.
        """
        return tuple(scale * x for scale, x in zip(self.scales, self._entries("theta", theta), strict=True))

    def gradient(self, gradient: Sequence[object]) -> tuple[sp.Expr, ...]:
        r"""Return the gradient at the image, :math:`D g` with D the inverse of the Jacobian, from g at the point.

        Raises:
            ValueError: If it has another number of entries.
        """
        return tuple(g / scale for scale, g in zip(self.scales, self._entries("gradient", gradient), strict=True))

    def hessian(self, hessian: Any) -> sp.ImmutableMatrix:
        """Return the Hessian at the image, D H D, from H at the point.

        Args:
            hessian: A square matrix of exact numbers, or a sequence of rows.

        Raises:
            ValueError: If it has another size.
        """
        size = len(self.scales)
        rows = hessian.tolist() if isinstance(hessian, sp.MatrixBase) else [list(row) for row in hessian]
        if len(rows) != size or any(len(row) != size for row in rows):
            raise ValueError(f"hessian must have the size {size} x {size}, got {len(rows)} rows.")
        entries = [self._entries("a row of hessian", row) for row in rows]
        return sp.ImmutableMatrix(size, size, lambda i, j: entries[i][j] / (self.scales[i] * self.scales[j]))

    def __mul__(self, other: object) -> "Rescaling":
        """Compose two maps.

        Raises:
            ValueError: If they act on different numbers of parameters.
        """
        if not isinstance(other, Rescaling):
            return NotImplemented
        if len(other.scales) != len(self.scales):
            raise ValueError(f"both maps must act on {len(self.scales)} parameters, got {len(other.scales)}.")
        return Rescaling(tuple(a * b for a, b in zip(self.scales, other.scales, strict=True)))

    def _entries(self, name: str, values: Sequence[object]) -> tuple[sp.Expr, ...]:
        if len(values) != len(self.scales):
            raise ValueError(f"{name} must have {len(self.scales)} entries, got {len(values)}.")
        return tuple(value if _is_symbolic(value) else exact_number(f"an entry of {name}", value) for value in values)


def layer_rescaling(alphas: Sequence[object], block_sizes: Sequence[int]) -> Rescaling:
    r"""Rescale whole layers: T_alpha, which multiplies the n_k weights of layer k by alpha_k.

    Layers with biases are no case of this: their biases go with the units, see `unit_rescaling`.

    Args:
        alphas: One positive exact number, or positive sympy expression, for each layer, with the product one.
        block_sizes: The numbers n_k of weights, at least 1 each.

    Returns:
        The map of n_1 + ... + n_K parameters; its determinant is the product of the alpha_k^(n_k).

    Raises:
        ValueError: If the lengths differ, a size or an alpha is not positive, or the product is not one.
        TypeError: If an alpha is not a number or a size no integer.

    Examples:
        >>> layer_rescaling((4, "1/2", "1/2"), (1, 2, 1)).determinant
        1/2
    """
    sizes = checked_sizes(block_sizes)
    if len(alphas) != len(sizes):
        raise ValueError(f"alphas must have one factor for each of {len(sizes)} layers, got {len(alphas)}.")
    factors = [_positive("alphas", value) for value in alphas]
    product = sp.cancel(reduce(mul, factors))
    if product != 1:
        raise ValueError(f"alphas must multiply to 1, got the product {product}.")
    return Rescaling(tuple(factor for factor, size in zip(factors, sizes, strict=True) for _ in range(size)))


def unit_rescaling(
    factors: Sequence[Sequence[object]], widths: Sequence[int], *, bias: Sequence[bool] | bool = False
) -> Rescaling:
    r"""Rescale hidden units one by one: what enters a unit times c, what leaves it over c.

    The weight from unit j of layer k - 1 to unit i of layer k is multiplied by c_ki / c_(k-1)j, the bias of unit i by
    c_ki; inputs and outputs have c = 1.

    Args:
        factors: For each hidden layer one positive exact number, or positive sympy expression, for each unit.
        widths: Numbers of inputs, of units in each hidden layer, of outputs, at least 1 each.
        bias: Whether layers have biases; for all layers, or one truth value for each.

    Returns:
        The map of all weights and biases in the flat order.

    Raises:
        ValueError: If the lengths do not fit or a width or a factor is not positive.
        TypeError: If a factor is not a number or a width no integer.

    Examples:
        >>> unit_rescaling([[2, 3]], (1, 2, 1)).scales
        (2, 3, 1/2, 1/3)
    """
    sizes = checked_sizes(widths, "widths")
    if len(sizes) < 2 or [len(row) for row in factors] != sizes[1:-1]:
        got = [len(row) for row in factors]
        raise ValueError(f"factors must hold one factor for each hidden unit of the widths {sizes}, got {got}.")
    biases = [bias] * (len(sizes) - 1) if isinstance(bias, bool) else list(bias)
    if len(biases) != len(sizes) - 1:
        raise ValueError(f"bias must have one value for each of {len(sizes) - 1} layers, got {len(biases)}.")
    read = [[_positive("factors", value) for value in row] for row in factors]
    units = [[sp.Integer(1)] * sizes[0], *read, [sp.Integer(1)] * sizes[-1]]
    scales: list[sp.Expr] = []
    for before, after, has_bias in zip(units[:-1], units[1:], biases, strict=True):
        scales += [out / into for out in after for into in before]
        scales += after if has_bias else []
    return Rescaling(tuple(scales))


@cache
def rescaling_group() -> Derivation:
    r"""Derive that rescalings are a group, and by which factor they change volumes.

    .. math:: T_\alpha \circ T_\beta = T_{\alpha \beta}, \qquad
              \det D T_\alpha = \prod_k \alpha_k^{n_k} = \alpha^{n_1 - n_2} \quad (K = 2)

    Returns:
        A derivation; the value is the determinant for two layers. The parts are "layers", the logarithm of the
        determinant for K layers in terms of l_k = log alpha_k, "all but one", the same with the last alpha eliminated,
        and "unit", the determinant for one hidden unit with d incoming and u outgoing weights.

    Examples:
        >>> rescaling_group().at(alpha=2, n_1=6, n_2=3)
        8
    """
    a, b, c = sp.symbols("alpha beta c", positive=True)
    first, second = sp.symbols("theta_1 theta_2", real=True)
    n1, n2, d, u, depth = sp.symbols("n_1 n_2 d u K", integer=True, positive=True)
    k, i = sp.symbols("k i", integer=True, positive=True)
    log1, log2, size = (sp.Function(name, real=True)(k) for name in ("l", "m", "n"))
    layers = (k, 1, depth)
    last = sp.Function("n", real=True)(depth)
    determinant, unit = a ** (n1 - n2), c ** (d - u)
    log_determinant = sp.Sum(size * log1, layers)
    eliminated = sp.Sum((size - last) * log1, layers)
    shapes = ((2, 1), (1, 3), (2, 2))
    two, two_more = (layer_rescaling((x, 1 / x), (1, 1)) for x in (a, b))
    widths, logs = sp.symbols("w_0:5", positive=True), sp.symbols("l_1:4", real=True)
    return Derivation(
        "Rescalings of layers and units are a group of diagonal maps",
        sp.Eq(sp.Symbol("det"), determinant),
        (
            Step(
                "One rescaling after another is a rescaling, by the product,",
                Relation(
                    sp.Tuple(*two.moved(two_more.moved((first, second)))),
                    "=",
                    sp.Tuple(a * b * first, second / (a * b)),
                ),
                "exact",
                lambda: sp.Tuple(*(two * two_more).moved((first, second))),
                shown=r"T_{\alpha} \left(\beta \theta_1, \frac{\theta_2}{\beta}\right)"
                r" = \left(\alpha \beta \theta_1, \frac{\theta_2}{\alpha \beta}\right)"
                r" = T_{\alpha \beta} (\theta_1, \theta_2)",
            ),
            Step(
                "with the inverse 1/alpha.",
                Relation(sp.Tuple(*two.inverse().moved(two.moved((first, second)))), "=", sp.Tuple(first, second)),
                "exact",
                lambda: sp.Tuple(first, second),
                shown=r"T_{1 / \alpha} \circ T_{\alpha} = 1",
            ),
            Step(
                "With K layers the logarithms l_k, m_k of the factors add: if both sums are 0, so is that of the "
                "product, and K - 1 of them are free.",
                Relation(sp.Sum(log1 + log2, layers), "=", sp.Sum(log1, layers) + sp.Sum(log2, layers)),
                "exact",
                shown=r"\sum_{k=1}^{K} (l_k + m_k) = \sum_{k=1}^{K} l_k + \sum_{k=1}^{K} m_k = 0",
            ),
            Step(
                "The determinant for two layers: n_1 entries alpha and n_2 entries 1/alpha.",
                Relation(_product(a, n1, n2), "=", determinant),
                "exact",
                lambda: sp.Product(a, (i, 1, n1 - n2)).doit(),  # pairs of alpha and 1/alpha cancel
                shown=r"\det D T_{\alpha} = \alpha^{n_1} \left(\frac{1}{\alpha}\right)^{n_2} = \alpha^{n_1 - n_2}",
            ),
            Step(
                "Instances, by differentiating the map: layers of 2 and 1, of 1 and 3, of 2 and 2 weights.",
                Relation(
                    sp.Tuple(*(_jacobian_determinant(a, shape) for shape in shapes)),
                    "=",
                    sp.Tuple(*(determinant.subs(dict(zip((n1, n2), shape, strict=True))) for shape in shapes)),
                ),
                "exact",
                lambda: sp.Tuple(*(layer_rescaling((a, 1 / a), shape).determinant for shape in shapes)),
                shown=r"\alpha, \quad \alpha^{-2}, \quad 1",
            ),
            Step(
                "With K layers its logarithm is a sum over the layers.",
                Relation(sp.Sum(sp.Sum(log1, (i, 1, size)).doit(), layers), "=", log_determinant),
                "exact",
                shown=r"\log \det D T_{\alpha} = \sum_{k=1}^{K} \sum_{i=1}^{n_k} l_k = \sum_{k=1}^{K} n_k l_k",
            ),
            Step(
                "The sum of all l_k is 0, and so are its multiples. Volumes stay under all rescalings only if all "
                "layers have equally many weights.",
                Relation(log_determinant - last * sp.Sum(log1, layers), "=", eliminated),
                "exact",
                shown=r"\sum_{k=1}^{K} n_k l_k - n_K \sum_{k=1}^{K} l_k = \sum_{k=1}^{K-1} (n_k - n_K) l_k",
            ),
            Step(
                "One hidden unit: d entries c and u entries 1/c.",
                Relation(_product(c, d, u), "=", unit),
                "exact",
                lambda: sp.Product(c, (i, 1, d - u)).doit(),
                shown=r"\det = c^{d} c^{-u} = c^{d - u}",
            ),
            Step(
                "Units all of whose layer have c = alpha_1 ... alpha_k rescale layers: the determinants of four layers "
                "with the widths w_0, ..., w_4 agree.",
                Relation(_by_units(widths, logs), "=", _by_layers(widths, logs)),
                "exact",
                lambda: _by_weights(widths, logs),
                shown=r"\sum_{k=1}^{3} w_k (w_{k-1} - w_{k+1}) (l_1 + \ldots + l_k)"
                r" = \sum_{k=1}^{4} w_k w_{k-1} l_k, \quad l_4 = - l_1 - l_2 - l_3",
            ),
        ),
        Domain(alpha=(0, sp.oo), beta=(0, sp.oo), c=(0, sp.oo)),
        parts={
            "layers": sp.Eq(sp.Symbol("log det"), log_determinant),
            "all but one": sp.Eq(sp.Symbol("log det"), eliminated),
            "unit": sp.Eq(sp.Symbol("det"), unit),
        },
        assumptions=("all factors are positive, and those of layers have the product one",),
        source=_SOURCE,
        shown={
            "result": r"\det D T_{\alpha} = \alpha^{n_1 - n_2}",
            "layers": r"\log \det D T_{\alpha} = \sum_{k=1}^{K} n_k \log \alpha_k",
            "all but one": r"\log \det D T_{\alpha} = \sum_{k=1}^{K-1} (n_k - n_K) \log \alpha_k",
            "unit": r"\det = c^{d - u}",
        },
    )


def checked_sizes(sizes: Sequence[int], name: str = "block_sizes") -> list[int]:
    """Read sizes of layers.

    Raises:
        ValueError: If there is none or one is less than 1.
        TypeError: If one is no integer.
    """
    read = []
    for size in sizes:
        number = exact_number(name, size)
        if not number.is_Integer:
            raise TypeError(f"{name} must be integers, got {size!r}.")
        read.append(int(number))
    if not read or min(read) < 1:
        raise ValueError(f"{name} must be at least 1 each, got {read}.")
    return read


def _is_symbolic(value: object) -> bool:
    return isinstance(value, sp.Expr) and bool(value.free_symbols)


def _positive(name: str, value: object) -> sp.Expr:
    number = value if isinstance(value, sp.Expr) and _is_symbolic(value) else exact_number(name, value)
    if not number.is_positive:
        raise ValueError(f"{name} must be positive, got {number}.")
    return number


def _product(factor: sp.Symbol, times: sp.Symbol, over: sp.Symbol) -> sp.Expr:
    """So many entries of a diagonal, and so many of their inverses, multiplied."""
    place = sp.Symbol("i", integer=True, positive=True)
    entries = sp.Product(factor, (place, 1, times)).doit() * sp.Product(1 / factor, (place, 1, over)).doit()
    return sp.powsimp(entries)


def _jacobian_determinant(a: sp.Symbol, shape: tuple[int, int]) -> sp.Expr:
    """The determinant of the derivatives of (theta_1, theta_2) -> (alpha theta_1, theta_2/alpha)."""
    weights = sp.symbols(f"x_1:{sum(shape) + 1}", real=True)
    image = [a * x if index < shape[0] else x / a for index, x in enumerate(weights)]
    return sp.Matrix(image).jacobian(weights).det()


def _by_layers(widths: Sequence[sp.Expr], logs: Sequence[sp.Expr]) -> sp.Expr:
    every = [*logs, -sum(logs, sp.Integer(0))]
    return sum((widths[k + 1] * widths[k] * log for k, log in enumerate(every)), sp.Integer(0))


def _by_units(widths: Sequence[sp.Expr], logs: Sequence[sp.Expr]) -> sp.Expr:
    terms = [
        widths[k] * (widths[k - 1] - widths[k + 1]) * sum(logs[:k], sp.Integer(0)) for k in range(1, len(widths) - 1)
    ]
    return sum(terms, sp.Integer(0))


def _by_weights(widths: Sequence[sp.Expr], logs: Sequence[sp.Expr]) -> sp.Expr:
    """Each layer's weights times the difference of the logarithms of c on either side of it."""
    depth = len(widths) - 1
    units = [sum(logs[:k], sp.Integer(0)) if k < depth else sp.Integer(0) for k in range(depth + 1)]
    return sum((widths[k] * widths[k - 1] * (units[k] - units[k - 1]) for k in range(1, depth + 1)), sp.Integer(0))
