r"""The rescalings that leave a network of positively homogeneous units as it is: a group of diagonal maps.

Conventions: a network y = W_K s(... s(W_1 x)) without biases has the layers theta_1, ..., theta_K with n_k weights
each. The rescaling of layers T_alpha multiplies theta_k by alpha_k > 0, the product of all alpha_k being one; for two
layers T_alpha (theta_1, theta_2) = (alpha theta_1, theta_2 / alpha). The rescaling of units multiplies what enters
unit i of layer k by c_ki > 0 and divides what leaves it by c_ki; that of layers is the case c_ki = alpha_1 ... alpha_k.
In the flat order of weights (layer by layer, each row by row, outputs x inputs, then its biases) both are diagonal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Any

import sympy as sp

from theory.exact_numbers import exact_number, listed, listed_rows

__all__ = ["Rescaling", "controllable_eigenvalues", "layer_rescaling", "unit_rescaling"]


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
        scales = listed("scales", self.scales)
        if not scales:
            raise ValueError("scales must hold one factor for each parameter, got none.")
        object.__setattr__(self, "scales", tuple(_positive("a scale", value) for value in scales))

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
        rows = listed_rows("hessian", hessian)
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

    def _entries(self, name: str, given: Sequence[object]) -> tuple[sp.Expr, ...]:
        values = listed(name, given)
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
    factors = [_positive("alphas", value) for value in listed("alphas", alphas)]
    if len(factors) != len(sizes):
        raise ValueError(f"alphas must have one factor for each of {len(sizes)} layers, got {len(factors)}.")
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
    rows = listed_rows("factors", factors)
    got = [len(row) for row in rows]
    if len(sizes) < 2 or got != sizes[1:-1]:
        raise ValueError(f"factors must hold one factor for each hidden unit of the widths {sizes}, got {got}.")
    biases = [bias] * (len(sizes) - 1) if isinstance(bias, bool) else list(bias)
    if len(biases) != len(sizes) - 1:
        raise ValueError(f"bias must have one value for each of {len(sizes) - 1} layers, got {len(biases)}.")
    read = [[_positive("factors", value) for value in row] for row in rows]
    units = [[sp.Integer(1)] * sizes[0], *read, [sp.Integer(1)] * sizes[-1]]
    scales: list[sp.Expr] = []
    for before, after, has_bias in zip(units[:-1], units[1:], biases, strict=True):
        scales += [out / into for out in after for into in before]
        scales += after if has_bias else []
    return Rescaling(tuple(scales))


def controllable_eigenvalues(block_sizes: Sequence[int], rank: int, special: int | None = None) -> int:
    r"""Return how many eigenvalues rescalings are sure to bring above any bound: at least r - n_s.

    .. math:: \max(0, r - n_s), \qquad n_s = \min_k n_k \ \text{for the best choice of the special layer}

    Args:
        block_sizes: The numbers of weights of two or more layers.
        rank: The rank r of a positive semidefinite Hessian, an integer from 0 to the sum of the sizes.
        special: The place of the special layer, from 0; the smallest one if None.

    Returns:
        The number; 0 says that nothing is sure. How many grow exactly, for a given Hessian and one special layer, says
        `eigenvalue_fates`; for some Hessians more of them grow with another special layer than the smallest one.

    Raises:
        ValueError: If there are fewer than two layers, or a size, the rank or the place is out of range.
        TypeError: If the sizes are no sequence, or one of the numbers is no integer.

    Examples:
        >>> controllable_eigenvalues((6, 4, 3, 5), rank=18)
        15
        >>> controllable_eigenvalues((6, 4, 3, 5), rank=18, special=0)
        12
    """
    sizes = checked_sizes(block_sizes)
    return max(0, _integer("rank", rank, sum(sizes)) - sizes[special_layer(sizes, special)])


def checked_sizes(sizes: Sequence[int], name: str = "block_sizes") -> list[int]:
    """Read sizes of layers.

    Raises:
        ValueError: If there is none or one is less than 1.
        TypeError: If it is no sequence, or one is no integer.
    """
    read = []
    for size in listed(name, sizes):
        number = exact_number(name, size)
        if not number.is_Integer:
            raise TypeError(f"{name} must be integers, got {size!r}.")
        read.append(int(number))
    if not read or min(read) < 1:
        raise ValueError(f"{name} must be at least 1 each, got {read}.")
    return read


def special_layer(sizes: Sequence[int], special: int | None) -> int:
    """Read the place of one layer; the smallest one if None.

    Raises:
        ValueError: If there are fewer than two layers or the place is out of range.
        TypeError: If the place is no integer.
    """
    if len(sizes) < 2:
        raise ValueError(f"block_sizes must hold at least two layers, got {list(sizes)}.")
    if special is None:
        return min(range(len(sizes)), key=lambda k: sizes[k])
    return _integer("special", special, len(sizes) - 1)


def _integer(name: str, value: int, largest: int) -> int:
    number = exact_number(name, value)
    if not number.is_Integer:
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    if not 0 <= number <= largest:
        raise ValueError(f"{name} must lie between 0 and {largest}, got {number}.")
    return int(number)


def _is_symbolic(value: object) -> bool:
    return isinstance(value, sp.Expr) and bool(value.free_symbols)


def _positive(name: str, value: object) -> sp.Expr:
    number = value if isinstance(value, sp.Expr) and _is_symbolic(value) else exact_number(name, value)
    if not number.is_positive:
        raise ValueError(f"{name} must be positive, got {number}.")
    return number
