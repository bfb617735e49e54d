r"""Starts for paths of quadratic networks: one parameter of each degenerate kind.

Conventions: outputs sum_j u_j (w_j . x)^2, n inputs and p units, in the flat layout of an ``Mlp`` of widths (n, p, 1)
without biases. Every kind departs in its own way from u_j and w_j that are independent standard normal numbers.
"""

import numpy as np
from numpy.typing import NDArray

from theory.real_arrays import integer, positive_integer

__all__ = ["QUADRATIC_KINDS", "degenerate_start"]

Parameter = NDArray[np.float64]

QUADRATIC_KINDS = (
    "random",
    "one sign",
    "idle units",
    "one line",
    "all zero",
    "cancelling",
    "cancelling but for rounding",
    "nearly cancelling",
    "scales",
    "nearly one line",
    "dependent",
    "small integers",
    "blind to an input",
    "outer scales",
)
_MOST_PARAMETERS = 10**7
_NOISE = {"cancelling": 0.0, "cancelling but for rounding": 1e-13, "nearly cancelling": 1e-9}
_SPREAD = 1e-7  # of directions that are nearly one line, relative to their length


def degenerate_start(kind: str, inputs: int, units: int, seed: int) -> Parameter:
    """Return a parameter of one kind: u of one sign, idle units, directions on one line, weights of many scales, ...

    Args:
        kind: One of ``QUADRATIC_KINDS``.
        inputs: n, >= 1.
        units: p, >= 1.
        seed: Of the draw; another one gives another parameter of that kind.

    Returns:
        A flat parameter, shape (p (n + 1),).

    Raises:
        TypeError: If a number is no integer.
        ValueError: If the kind is unknown, the seed is negative, another number is < 1, or there are more than 10^7
            parameters.

    Examples:
        >>> degenerate_start("all zero", 2, 1, seed=0).round(2)
        array([0.  , 0.  , 0.24])
    """
    if not isinstance(kind, str) or kind not in QUADRATIC_KINDS:
        raise ValueError(f"kind must be one of {', '.join(QUADRATIC_KINDS)}, got {kind!r}.")
    inputs, units = positive_integer("inputs", inputs), positive_integer("units", units)
    if (count := units * (inputs + 1)) > _MOST_PARAMETERS:
        raise ValueError(f"units must leave at most {_MOST_PARAMETERS} parameters, got {count}.")
    if integer("seed", seed) < 0:
        raise ValueError(f"seed must be >= 0, got {seed}.")
    source = np.random.default_rng([seed, inputs, units])
    outer, columns = source.normal(size=units), source.normal(size=(inputs, units))
    half = units // 2
    rest = units - half
    if kind == "one sign":
        outer[:] = 1
    if kind == "idle units":
        outer[::2] = 0
    if kind == "one line":
        columns[:] = columns[:, :1]
    if kind == "all zero":
        columns[:] = 0
    if kind in _NOISE:
        columns[:, half:] = columns[:, :rest] * (1 + _NOISE[kind] * source.normal(size=(inputs, rest)))
        outer[half:] = -outer[:rest]
    if kind == "scales":
        columns *= 10.0 ** source.uniform(-8, 0, size=units)
    if kind == "nearly one line":
        columns[:, 1:] = columns[:, :1] + _SPREAD * columns[:, 1:]
    if kind == "dependent":
        columns[:, -1] = columns[:, :-1] @ source.normal(size=units - 1)
    if kind == "small integers":
        columns, outer = np.round(columns), np.sign(outer)
    if kind == "blind to an input":
        columns[0] = 0
    if kind == "outer scales":
        outer *= 10.0 ** source.uniform(-12, 1, size=units)
    return np.concatenate([columns.T.ravel(), outer])
