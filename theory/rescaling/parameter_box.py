"""Boxes of parameters, their images under rescaling, and the factors that the box construction needs, exactly.

Conventions: two layers, T_alpha (theta_1, theta_2) = (alpha theta_1, theta_2 / alpha). B holds all points whose
coordinates differ from those of theta by less than r. Boxes are open: two that touch have no point in common.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import mul

import sympy as sp

from theory.exact_numbers import exact_number, listed
from theory.rescaling.diagonal_maps import checked_sizes, layer_rescaling

__all__ = ["ParameterBox", "disjoint_factor", "rescaling_for_volume"]


@dataclass(frozen=True)
class ParameterBox:
    """A box of parameters with rational sides.

    Args:
        lower: The lower ends, one for each parameter.
        upper: The upper ends.
    """

    lower: tuple[sp.Rational, ...]
    upper: tuple[sp.Rational, ...]

    @property
    def volume(self) -> sp.Rational:
        """The product of the sides."""
        return reduce(mul, (b - a for a, b in zip(self.lower, self.upper, strict=True)), sp.Integer(1))

    def meets(self, other: "ParameterBox") -> bool:
        """Whether the two boxes, without their boundaries, have a point in common."""
        sides = zip(self.lower, self.upper, other.lower, other.upper, strict=True)
        return all(max(a, c) < min(b, d) for a, b, c, d in sides)

    @classmethod
    def around(
        cls, theta: Sequence[object], radius: object, alpha: object, block_sizes: Sequence[int]
    ) -> "ParameterBox":
        """Return T_alpha(B), for the box B of all points closer to theta than a radius in every coordinate.

        Args:
            theta: The parameters, rational numbers, first those of layer 1.
            radius: Half the side of B, a positive rational number.
            alpha: The factor of layer 1, a positive rational number.
            block_sizes: The numbers of weights of two layers.

        Raises:
            ValueError: If the sizes do not fit or a number is not rational or not positive.
            TypeError: If a number is none or a size no integer.

        Examples:
            >>> ParameterBox.around([1, 2], "1/10", 2, (1, 1))
            ParameterBox(lower=(9/5, 19/20), upper=(11/5, 21/20))
        """
        sizes, point = _two(block_sizes), [_exact("theta", x) for x in listed("theta", theta)]
        if len(point) != sum(sizes):
            raise ValueError(f"theta must have {sum(sizes)} entries, got {len(point)}.")
        r, a = _rational("radius", radius), _rational("alpha", alpha)
        map_ = layer_rescaling((a, 1 / a), sizes)
        return cls(map_.moved([x - r for x in point]), map_.moved([x + r for x in point]))


def disjoint_factor(theta_1: Sequence[object], radius: object) -> sp.Rational:
    r"""Return :math:`\alpha = 2 (t + r) / (t - r)`, for which the boxes B, T_alpha(B), T_alpha^2(B), ... are disjoint.

    Args:
        theta_1: The weights of layer 1, rational numbers; t is the largest absolute value.
        radius: r, a rational number between 0 and t.

    Raises:
        ValueError: If a number is not rational, or the radius not below t.
        TypeError: If a number is none.

    Examples:
        >>> disjoint_factor([1, "1/2"], "1/10")
        22/9
    """
    r = _rational("radius", radius)
    largest = max((abs(_exact("theta_1", x)) for x in listed("theta_1", theta_1)), default=sp.Integer(0))
    if not r < largest:
        raise ValueError(f"radius must be below the largest |theta_1| = {largest}, got {r}.")
    return 2 * (largest + r) / (largest - r)


def rescaling_for_volume(block_sizes: Sequence[int], radius: object, volume: object) -> sp.Rational:
    r"""Return a rational alpha for which T_alpha(B) has more than a given volume, for layers of different sizes.

    .. math:: v \, \alpha^{n_1 - n_2} > V, \qquad v = (2r)^{n_1 + n_2}

    alpha is an integer or one over it: large if layer 1 has more weights, small if layer 2 has.

    Args:
        block_sizes: The numbers of weights n_1 and n_2, which must differ.
        radius: r, a positive rational number.
        volume: V, a positive rational number.

    Raises:
        ValueError: If the sizes are equal or not two, or a number is not positive and rational.
        TypeError: If a number is none or a size no integer.

    Examples:
        >>> rescaling_for_volume((3, 1), "1/2", 99), rescaling_for_volume((1, 3), "1/2", 99)
        (10, 1/10)
    """
    sizes = _two(block_sizes)
    if sizes[0] == sizes[1]:
        raise ValueError(f"block_sizes must differ, because equal ones keep the volume, got {sizes}.")
    r, wanted = _rational("radius", radius), _rational("volume", volume)
    quotient = wanted / (2 * r) ** sum(sizes)
    power = abs(sizes[0] - sizes[1])
    factor = sp.Integer(sp.integer_nthroot(int(sp.floor(quotient)), power)[0] + 1)
    return factor if sizes[0] > sizes[1] else 1 / factor


def _two(block_sizes: Sequence[int]) -> list[int]:
    sizes = checked_sizes(block_sizes)
    if len(sizes) != 2:
        raise ValueError(f"block_sizes must hold two layers, got {sizes}.")
    return sizes


def _exact(name: str, value: object) -> sp.Rational:
    number = exact_number(name, value)
    if not number.is_Rational:
        raise ValueError(f"{name} must be rational, got {number}.")
    return number


def _rational(name: str, value: object) -> sp.Rational:
    number = _exact(name, value)
    if not number > 0:
        raise ValueError(f"{name} must be positive, got {number}.")
    return number
