r"""The population loss of ReLU units that learn from ReLU units, in closed form: value, gradient, Hessian in float64.

Conventions: F(W) = (1/2) E (sum_i relu(w_i.x) - sum_j relu(v_j.x))^2, x ~ N(0, I), output weights 1. Units are the
rows of ``weights`` (... x units x inputs) and of ``teacher`` (units x inputs, the rows of the identity unless given);
leading axes are a batch. With f(w, v) the arc-cosine kernel (see `theory.relu_teacher.gaussian_integrals`),

.. math:: F = \tfrac12 \sum_{ij} f(w_i, w_j) - \sum_{ij} f(w_i, v_j) + \tfrac12 \sum_{ij} f(v_i, v_j)

The loss is twice continuously differentiable wherever no unit is 0. Angles are formed from sums and differences of
unit vectors, so that nearly parallel units lose no digits; the Hessian's terms at such pairs tend to those at t = 0.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory.real_arrays import real_array

__all__ = ["read_units", "relu_teacher_gradient", "relu_teacher_hessian", "relu_teacher_loss"]

Array = NDArray[np.float64]
_LARGEST = 1e150


def relu_teacher_loss(weights: Any, teacher: Any = None) -> Any:
    """Return the population loss F(W).

    Args:
        weights: ... x units x inputs; units may be 0.
        teacher: Units x inputs; None for the identity, an orthonormal teacher with as many units as inputs.

    Returns:
        A float, or an array over the batch. Rounding is about 1e-16 times the sum of the terms, not of F: of order
        1e-15 near the global minima, where F = 0. Allocates batch x units x units x inputs numbers.

    Raises:
        ValueError: If shapes do not fit or a number is not finite.

    Examples:
        >>> float(relu_teacher_loss([[1.0, 0.0], [0.0, 1.0]]))
        0.0
        >>> round(float(relu_teacher_loss([[0.0, 0.0], [0.0, 0.0]])), 6)  # (1 + 1/pi)/2
        0.659155

    References:
        Safran and Shamir (2018), arXiv:1712.08968.
    """
    learner, target = read_units(weights, teacher)
    own, between, fixed = (_kernel(*pair) for pair in ((learner, learner), (learner, target), (target, target)))
    return _plain(own.sum((-2, -1)) / 2 - between.sum((-2, -1)) + fixed.sum((-2, -1)) / 2)


def relu_teacher_gradient(weights: Any, teacher: Any = None) -> Array:
    """Return the gradient of the population loss, of the shape of the weights.

    Args:
        weights: ... x units x inputs; no unit may be 0, where the loss has a kink.
        teacher: Units x inputs; None for the identity.

    Raises:
        ValueError: If shapes do not fit, a number is not finite or a unit is 0.

    Examples:
        >>> relu_teacher_gradient([[2.0, 0.0], [0.0, 1.0]]).round(6).tolist()
        [[0.5, 0.0], [0.25, 0.159155]]
    """
    learner, target = read_units(weights, teacher, nonzero=True)
    return _pull(learner, learner) - _pull(learner, target)


def relu_teacher_hessian(weights: Any, teacher: Any = None) -> Array:
    """Return the Hessian of the population loss, units and inputs flattened row by row.

    Args:
        weights: ... x units x inputs; no unit may be 0.
        teacher: Units x inputs; None for the identity.

    Returns:
        ... x (units * inputs) x (units * inputs), symmetric.

    Raises:
        ValueError: If shapes do not fit, a number is not finite or a unit is 0.

    Examples:
        >>> relu_teacher_hessian([[1.0, 0.0], [0.0, 1.0]]).diagonal().tolist()
        [0.5, 0.5, 0.5, 0.5]
    """
    learner, target = read_units(weights, teacher, nonzero=True)
    units, inputs = learner.shape[-2:]
    pairs, towards = _pairs(learner, learner), _pairs(learner, target)
    one = np.eye(inputs)
    n, u = _normals(pairs), pairs.first[..., :, None, :]
    away = _normals(towards)
    un = u[..., :, None] * n[..., None, :]
    turn = pairs.sine[..., None, None] * (un + un.swapaxes(-1, -2))
    stretch = pairs.cosine[..., None, None] * (u[..., :, None] * u[..., None, :] - n[..., :, None] * n[..., None, :])
    blocks = (np.pi - pairs.angle)[..., None, None] * one + pairs.sine[..., None, None] * (turn + stretch)
    blocks /= 2 * np.pi  # ... x units x units x inputs x inputs, 1/2 on the diagonal
    for place in range(units):
        blocks[..., place, place, :, :] += _own(pairs, n, place) - _own(towards, away, place)
    size = units * inputs
    hessian = np.moveaxis(blocks, -3, -2).reshape(*learner.shape[:-2], size, size)
    return np.asarray((hessian + hessian.swapaxes(-1, -2)) / 2)


def read_units(weights: Any, teacher: Any, *, nonzero: bool = False) -> tuple[Array, Array]:
    """Read learner and teacher as arrays of float64.

    Raises:
        ValueError: If shapes do not fit, a number is not finite, a unit is so long or short that squares of its
            length are none in double precision, or a unit is 0 and ``nonzero`` is asked for.
    """
    learner = _table("weights", weights)
    inputs = learner.shape[-1]
    target = np.eye(inputs) if teacher is None else _table("teacher", teacher)
    for name, table in (("weights", learner), ("teacher", target)):
        sizes = abs(table).max(-1)
        outside = sizes[(sizes > _LARGEST) | ((sizes < 1 / _LARGEST) & (sizes > 0))]
        if len(outside):
            raise ValueError(
                f"{name} must have units of 0 or with a largest entry from {1 / _LARGEST:g} to {_LARGEST:g}, got one "
                f"of {outside[0]:g}."
            )
    if target.ndim != 2 or target.shape[-1] != inputs:
        raise ValueError(f"teacher must have the shape units x {inputs}, as weights have, got {target.shape}.")
    if nonzero and not (learner != 0).any(-1).all():
        raise ValueError("weights must have no unit of zeros, where the loss has no gradient, got one.")
    return learner, target


class _Pairs(NamedTuple):
    """What is needed of each pair of units: unit vectors, lengths, and their angle."""

    first: Array
    lengths: Array
    others: Array
    second: Array
    angle: Array
    sine: Array
    cosine: Array


def _pairs(first: Array, second: Array) -> _Pairs:
    lengths, others = _length(first), _length(second)
    u = first / np.where(lengths > 0, lengths, 1)[..., None]
    e = second / np.where(others > 0, others, 1)[..., None]
    left, right = u[..., :, None, :], e[..., None, :, :]
    angle = 2 * np.arctan2(_length(left - right), _length(left + right))
    return _Pairs(u, lengths, others, e, angle, np.sin(angle), np.cos(angle))


def _normals(pairs: _Pairs) -> Array:
    """The directions, at right angles to each of the first units, that lead to each of the second ones."""
    left, right = pairs.first[..., :, None, :], pairs.second[..., None, :, :]
    rest = right - (left * right).sum(-1, keepdims=True) * left
    size = _length(rest)[..., None]
    # parallel units: the normal is multiplied by a sine that is 0
    return np.asarray(rest / np.where(size > 0, size, 1))


def _length(vectors: Array) -> Array:
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", vectors, vectors)))


def _kernel(first: Array, second: Array) -> Array:
    pairs = _pairs(first, second)
    shape = pairs.sine + (np.pi - pairs.angle) * pairs.cosine
    return np.asarray(pairs.lengths[..., :, None] * pairs.others[..., None, :] * shape / (2 * np.pi))


def _pull(first: Array, second: Array) -> Array:
    """The sum over the second units of the kernel's gradient in the first ones."""
    pairs = _pairs(first, second)
    length = pairs.others[..., None, :]
    along = (length * pairs.sine).sum(-1)[..., None] * pairs.first
    return np.asarray((along + (length * (np.pi - pairs.angle)) @ pairs.second) / (2 * np.pi))


def _own(pairs: _Pairs, normals: Array, place: int) -> Array:
    """The sum over the second units of the kernel's Hessian in one of the first ones."""
    weight = pairs.others * pairs.sine[..., place, :] / pairs.lengths[..., place, None]
    u, n = pairs.first[..., place, :], normals[..., place, :, :]
    plain = np.eye(u.shape[-1]) - u[..., :, None] * u[..., None, :]
    return np.asarray(
        (weight.sum(-1)[..., None, None] * plain + (n * weight[..., None]).swapaxes(-1, -2) @ n) / (2 * np.pi)
    )


def _table(name: str, values: Any) -> Array:
    table = real_array(name, values)
    if table.ndim < 2 or not table.shape[-1] or not table.shape[-2]:
        raise ValueError(f"{name} must have the shape units x inputs, got {table.shape}.")
    return table


def _plain(value: Array) -> Any:
    return float(value) if np.ndim(value) == 0 else value
