r"""Connecting paths within the sublevel sets of linear networks of any depth.

Conventions: x -> W_L ... W_1 x without biases, widths (n_0, ..., n_L), parameters in the flat layout of an ``Mlp``. The
loss may be any convex function of the end-to-end matrix P = W_L ... W_1, so that no data enter. Partial products are
A_l = W_l ... W_1, n_l x n_0.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.level_sets.parameter_path import (
    Parameter,
    ParameterPath,
    flat_parameter,
    layers_of,
    polygon,
)
from theory.level_sets.rotations import completed, nearest_orthogonal, rotation_path

__all__ = ["linear_path"]

Matrix = NDArray[np.float64]
_WELL = 0.1  # singular values of a partial product below this share of the largest are raised
_TINY = 1e-100  # a partial product below this share of the norm of its last factor counts as 0
_LARGEST = 1000  # binary exponent; what is raised or inverted grows by less than 2^24


def linear_path(widths: Sequence[int], start: Any, end: Any) -> ParameterPath:
    r"""Connect two linear networks by a path on which no convex loss of W_L ... W_1 exceeds the larger end.

    It exists if every hidden layer is wider than min(n_0, n_L). **Proof**, which is the algorithm. By transposing
    (W_l becomes the transpose of W_(L+1-l)) let n_0 <= n_L, so n_l > n_0 for 0 < l < L.

    1. *Raise.* For l = 1, ..., L - 1, with A_(l-1) already of full column rank (A_0 = 1): as n_l > n_0 there is a unit
       vector z orthogonal to the columns of A_l. Move W_(l+1) straight to W_(l+1) (1 - z z'); since z'A_l = 0 no later
       product changes. Now W_(l+1) z = 0, and W_l may move straight to W_l + h z v' A_(l-1)^+, which adds h z v' to
       A_l and nothing to A_(l+1). For a right singular vector v of A_l this raises its singular value s to
       (s^2 + h^2)^(1/2). So all of them become positive: A_l gets full column rank, and P was constant.
    2. *Straighten.* Move W_l straight to A_l A_(l-1)^+ for all l at once. The change of W_l vanishes on A_(l-1), so
       that all A_l are constant.
    3. *Turn.* Let A_1, ..., A_(L-1) follow paths A_l(t) of full column rank from those of one end to those of the
       other, with P constant, by W_l(t) = A_l(t) A_(l-1)(t)^+, where A_L(t) = P. Such a path is R(t) Q S(t), for
       A_l = Q S with orthonormal Q: S(t) is the segment between two positive definite matrices, and R(t) leads from
       the identity to a rotation that takes one Q to the other. It exists since Q has fewer columns than rows, so that
       the determinant of a completion can be chosen.
    4. *Cross.* Move W_L straight from P A_(L-1)^+ to P* A_(L-1)^+. The end-to-end matrix runs straight from P to P*,
       so a convex loss stays below the larger of its two ends.
    5. Undo steps 2 and 1 for the other end.

    If a layer of either end is 0, the path by way of the parameter 0 does it: P is constant on one half of it, and
    runs straight on the other.

    Rounding adds a few eps times the product of the largest weights of all layers, whatever their scales are: each is
    kept as numbers below 1 and a power of two, no rank is decided by a threshold other than relative to these, and the
    powers are made alike in all layers but the last, with P constant, before step 3. The partial products in steps 2 to
    4 have condition numbers of about 10, whatever the ends are. Where P underflows it is kept to the least positive
    number.

    Args:
        widths: Units of every layer, inputs and outputs included.
        start: A flat parameter.
        end: Another one.

    Returns:
        The path, of at most 4 min(n_0, n_L) (L - 1) + 6 pieces.

    Raises:
        ValueError: If a width is not positive, a hidden layer is too narrow, a parameter does not fit, or its weights
            or their end-to-end matrix reach 2^1000.

    Examples:
        >>> path = linear_path((1, 2, 1), [1, 0, 1, 0], [-1, 0, -1, 0])  # both compute x
        >>> products = [theta[2:] @ theta[:2] for theta in path.sample(8)]
        >>> bool(max(abs(np.array(products) - 1)) < 1e-14)
        True

    References:
        Freeman and Bruna (2017), arXiv:1611.01540, proposition 2.2, which prints >= for >: at equality it is false.
    """
    try:
        sizes = tuple(widths)
    except TypeError as error:
        raise ValueError(f"widths must be at least two integers >= 1, got {widths!r}.") from error
    if len(sizes) < 2 or any(isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1 for n in sizes):
        raise ValueError(f"widths must be at least two integers >= 1, got {widths!r}.")
    sizes = tuple(int(n) for n in sizes)
    least = min(sizes[0], sizes[-1])
    for layer, width in enumerate(sizes[1:-1], start=1):
        if width <= least:
            raise ValueError(
                f"widths must exceed min(n_0, n_L) = {least} in every hidden layer, got {width} in {layer}."
            )
    count = sum(a * b for a, b in itertools.pairwise(sizes))
    first, last = flat_parameter("start", start, count), flat_parameter("end", end, count)
    if len(sizes) == 2:
        return polygon([first, last])
    mirrored = sizes[0] > sizes[-1]

    def read(parameter: Parameter) -> list[Matrix]:
        weights = layers_of(parameter, sizes)
        return [weight.T for weight in reversed(weights)] if mirrored else weights

    def written(weights: Sequence[Matrix]) -> Parameter:
        ordered = [weight.T for weight in reversed(weights)] if mirrored else weights
        return np.concatenate([weight.ravel() for weight in ordered])

    if not all(weight.any() for weight in (*read(first), *read(last))):
        return polygon([first, np.zeros(count), last])
    up, down = _Climb("start", read(first)), _Climb("end", read(last))
    pace = max(up.exponent, down.exponent) // (len(sizes) - 1)
    rise, fall = (
        polygon([flat, *(written(weights) for weights in climb.corners)]).then(_path(climb.paced(pace), written))
        for flat, climb in ((first, up), (last, down))
    )
    turn, cross = _turned(up, down, pace)
    return rise.then(_path(turn, written)).then(_path(cross, written)).then(fall.reversed())


class _Climb:
    """Steps 1 and 2 for one end, with the scale of every layer as a power of two.

    Attributes:
        corners: The weights after each straight move.
        products: Partial products A_1, ..., A_L after the last one, each up to the power of two that makes it about 1.
        factors: The weights that have these for partial products.
        exponent: P is the last of the products times 2 to this.
    """

    def __init__(self, name: str, weights: list[Matrix]) -> None:
        self._exponents = [_exponent(weight) for weight in weights]
        if max(self._exponents) > _LARGEST:
            raise ValueError(f"{name} must have weights below 2^{_LARGEST}, got one of 2^{max(self._exponents) - 1}.")
        parts = [np.ldexp(weight, -power) for weight, power in zip(weights, self._exponents, strict=True)]
        self.corners: list[list[Matrix]] = []
        parts = self._raise(parts)
        self.products: list[Matrix] = []
        self.factors: list[Matrix] = []
        product = np.eye(weights[0].shape[1])
        for place, part in enumerate(parts):
            partial, before = part @ product, np.linalg.pinv(product)
            # where P is 0 its scale is none, and holds up nothing
            shift = _exponent(partial) if partial.any() else -_LARGEST - sum(self._exponents)
            product = np.ldexp(partial, -shift)
            self._exponents[place] += shift
            self.products.append(product)
            self.factors.append(product @ before)
        self.exponent = sum(self._exponents)
        if self.exponent > _LARGEST:
            raise ValueError(
                f"{name} must have an end-to-end matrix below 2^{_LARGEST}, got one of 2^{self.exponent - 1}."
            )
        self._keep(self.factors)

    def paced(self, pace: int) -> Callable[[float], list[Matrix]]:
        """Give all layers but the last one the same power of two, so that A_l is about 2^(l pace)."""
        last = self.exponent - (len(self.factors) - 1) * pace
        moves = list(zip(self._exponents, [*[pace] * (len(self.factors) - 1), last], strict=True))

        def weights(time: float) -> list[Matrix]:
            found = []
            for factor, (here, there) in zip(self.factors, moves, strict=True):
                power = here + Fraction(time) * (there - here)  # exact: errors would be multiplied by its size
                whole = math.floor(power)
                found.append(np.ldexp(factor * 2.0 ** float(power - whole), whole))
            return found

        return weights

    def _raise(self, parts: list[Matrix]) -> list[Matrix]:
        parts = list(parts)
        product = np.eye(parts[0].shape[1])
        for layer in range(len(parts) - 1):
            before = np.linalg.pinv(product)
            for _ in range(4 * len(product.T)):
                partial = parts[layer] @ product
                left, values, right = np.linalg.svd(partial, full_matrices=True)
                lost = values[0] <= _TINY * abs(parts[layer]).max()
                low = np.arange(len(values)) if lost else np.flatnonzero(values < _WELL * values[0])
                if not len(low):
                    break
                spare = left[:, len(values) :]
                raised = low[-spare.shape[1] :]  # the smallest ones, as many as there is room for
                spare = spare[:, : len(raised)]
                height = float(abs(parts[layer]).max() if lost else values[0])
                parts[layer + 1] = parts[layer + 1] - (parts[layer + 1] @ spare) @ spare.T
                self._keep(parts)
                parts[layer] = parts[layer] + height * spare @ (right[raised] @ before)
                self._keep(parts)
            partial = parts[layer] @ product
            product = np.ldexp(partial, -_exponent(partial))
        return parts

    def _keep(self, parts: list[Matrix]) -> None:
        self.corners.append([np.ldexp(part, power) for part, power in zip(parts, self._exponents, strict=True)])


def _exponent(matrix: Matrix) -> int:
    """The power of two just above the largest entry."""
    return int(np.frexp(abs(matrix).max())[1])


def _path(weights: Callable[[float], list[Matrix]], written: Callable[[Sequence[Matrix]], Parameter]) -> ParameterPath:
    def piece(time: float) -> Parameter:
        return written(weights(time))

    return ParameterPath(piece(0.0), piece(1.0), (piece,))


def _turned(
    first: _Climb, second: _Climb, pace: int
) -> tuple[Callable[[float], list[Matrix]], Callable[[float], list[Matrix]]]:
    """Steps 3 and 4, between weights that are paced alike."""
    moves = [_full_rank_path(a, b) for a, b in zip(first.products[:-1], second.products[:-1], strict=True)]
    inputs = np.eye(len(first.products[0].T))

    def last(climb: _Climb, before: Matrix) -> Matrix:
        whole = climb.products[-1] @ np.linalg.pinv(before)
        return np.asarray(np.ldexp(whole, climb.exponent - len(moves) * pace))

    def turn(time: float) -> list[Matrix]:
        products = [inputs, *(move(time) for move in moves)]
        weights = [after @ np.linalg.pinv(before) for before, after in itertools.pairwise(products)]
        return [*(np.ldexp(weight, pace) for weight in weights), last(first, products[-1])]

    turned = turn(1.0)
    goal = last(second, second.products[-2])

    def cross(time: float) -> list[Matrix]:
        return [*turned[:-1], (1 - time) * turned[-1] + time * goal]

    return turn, cross


def _full_rank_path(first: Matrix, second: Matrix) -> Callable[[float], Matrix]:
    """A path of matrices of full column rank with more rows than columns, by polar decomposition."""
    bases = [nearest_orthogonal(matrix) for matrix in (first, second)]
    stretches = [base.T @ matrix for base, matrix in zip(bases, (first, second), strict=True)]
    frames = [completed(base) for base in bases]
    turn = rotation_path(frames[1] @ frames[0].T)

    def path(time: float) -> Matrix:
        return np.asarray(turn(time) @ bases[0] @ ((1 - time) * stretches[0] + time * stretches[1]))

    return path
