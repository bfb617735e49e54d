r"""Connecting paths within the sublevel sets of linear networks of any depth.

Conventions: x -> W_L ... W_1 x without biases, widths (n_0, ..., n_L), parameters in the flat layout of an ``Mlp``. The
loss may be any convex function of the end-to-end matrix P = W_L ... W_1, so that no data enter. Partial products are
A_l = W_l ... W_1, n_l x n_0.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.level_sets.parameter_path import (
    Parameter,
    ParameterPath,
    Piece,
    flat_parameter,
    layers_of,
    polygon,
)
from theory.level_sets.rotations import completed, nearest_orthogonal, rotation_path

__all__ = ["linear_path"]

Matrix = NDArray[np.float64]
_WELL = 0.1  # singular values of a partial product below this share of the largest are raised
_TINY = 1e-100


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

    Rounding adds a few eps times the squared norms of the weights: the partial products in steps 2 to 4 have condition
    numbers of about 10, whatever the ends are.

    Args:
        widths: Units of every layer, inputs and outputs included.
        start: A flat parameter.
        end: Another one.

    Returns:
        The path, of at most 4 min(n_0, n_L) (L - 1) + 4 pieces.

    Raises:
        ValueError: If a width is not positive, a hidden layer is too narrow, or a parameter does not fit.

    Examples:
        >>> path = linear_path((1, 2, 1), [1, 0, 1, 0], [-1, 0, -1, 0])  # both compute x
        >>> products = [theta[2:] @ theta[:2] for theta in path.sample(8)]
        >>> bool(max(abs(np.array(products) - 1)) < 1e-14)
        True

    References:
        Freeman and Bruna (2017), arXiv:1611.01540, proposition 2.2, which prints >= for >: at equality it is false.
    """
    sizes = tuple(widths)
    if len(sizes) < 2 or any(isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1 for n in sizes):
        raise ValueError(f"widths must be at least two integers >= 1, got {widths!r}.")
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

    there, back = _raised(read(first)), _raised(read(last))
    rise = polygon([first, *(written(weights) for weights in there[1:])])
    fall = polygon([last, *(written(weights) for weights in back[1:])]).reversed()
    turn, cross = _turned(there[-1], back[-1])
    middle: list[Piece] = [lambda time: written(turn(time)), lambda time: written(cross(time))]
    across = ParameterPath(middle[0](0.0), middle[1](1.0), tuple(middle))
    return rise.then(across).then(fall)


def _raised(weights: list[Matrix]) -> list[list[Matrix]]:
    """The corners of steps 1 and 2, as lists of weights."""
    corners = [weights]
    weights = list(weights)
    product = np.eye(weights[0].shape[1])
    for layer in range(len(weights) - 1):
        before = np.linalg.pinv(product)
        for _ in range(4 * len(product.T)):
            partial = weights[layer] @ product
            left, values, right = np.linalg.svd(partial, full_matrices=True)
            low = np.flatnonzero(values < _WELL * values[0]) if values[0] > _TINY else np.arange(len(values))
            if not len(low):
                break
            spare = left[:, len(values) :]
            raised = low[-spare.shape[1] :]  # the smallest ones, as many as there is room for
            spare = spare[:, : len(raised)]
            height = float(values[0]) if values[0] > _TINY else 1.0
            weights = list(weights)
            weights[layer + 1] = weights[layer + 1] - (weights[layer + 1] @ spare) @ spare.T
            corners.append(weights)
            weights = list(weights)
            weights[layer] = weights[layer] + height * spare @ (right[raised] @ before)
            corners.append(weights)
        product = weights[layer] @ product
    straight, product = [], np.eye(weights[0].shape[1])
    for weight in weights:
        partial = weight @ product
        straight.append(partial @ np.linalg.pinv(product))
        product = partial
    return [*corners, straight]


def _turned(
    weights: list[Matrix], others: list[Matrix]
) -> tuple[Callable[[float], list[Matrix]], Callable[[float], list[Matrix]]]:
    """Steps 3 and 4, from straightened weights to others."""
    first, second = _partial(weights), _partial(others)
    moves = [_full_rank_path(a, b) for a, b in zip(first[:-1], second[:-1], strict=True)]
    inputs = np.eye(weights[0].shape[1])

    def turn(time: float) -> list[Matrix]:
        products = [inputs, *(move(time) for move in moves), first[-1]]
        return [after @ np.linalg.pinv(before) for before, after in itertools.pairwise(products)]

    last = turn(1.0)
    inverse = np.linalg.pinv(second[-2])

    def cross(time: float) -> list[Matrix]:
        return [*last[:-1], ((1 - time) * first[-1] + time * second[-1]) @ inverse]

    return turn, cross


def _partial(weights: list[Matrix]) -> list[Matrix]:
    products: list[Matrix] = []
    for weight in weights:
        products.append(weight @ products[-1] if products else weight)
    return products


def _full_rank_path(first: Matrix, second: Matrix) -> Callable[[float], Matrix]:
    """A path of matrices of full column rank with more rows than columns, by polar decomposition."""
    bases = [nearest_orthogonal(matrix) for matrix in (first, second)]
    stretches = [base.T @ matrix for base, matrix in zip(bases, (first, second), strict=True)]
    frames = [completed(base) for base in bases]
    turn = rotation_path(frames[1] @ frames[0].T)

    def path(time: float) -> Matrix:
        return np.asarray(turn(time) @ bases[0] @ ((1 - time) * stretches[0] + time * stretches[1]))

    return path
