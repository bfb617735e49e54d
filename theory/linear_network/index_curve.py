r"""The curves of index against energy of wide linear networks, in double precision.

Conventions: n-n-n networks, m = 2n/phi samples, 0 < phi < 2, inputs and targets independent N(0, 1); alpha =
index/(2n^2), energies epsilon = L/n, epsilon_c = (1 - phi/2)/2 the mean energy of the minima, d = epsilon - epsilon_c;
a critical set is a set of r directions, q = 1 - r/n the share of those that are not fitted.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theory.exact_numbers import exact_number

__all__ = ["linear_index_curve"]


def linear_index_curve(
    phi: object, left_out: Any, order: Literal["greedy", "uniform"] = "greedy"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return d = epsilon - epsilon_c and alpha of wide linear networks, for shares q of directions left out.

    The whole curve, not its beginning: for greedy sets q is the mass of Beta(1/2, 3/2) below u and 4d/phi that of
    Beta(3/2, 3/2), which keeps all digits at small q.

    Args:
        phi: Weights per residual, 0 < phi < 2.
        left_out: Shares q in [0, 1], an array of any shape.
        order: Which sets of directions, "greedy" or "uniform".

    Returns:
        d and alpha, arrays of that shape.

    Raises:
        ValueError: If phi or a share is out of range, or the order is another word.

    Examples:
        >>> linear_index_curve(1, [0.0, 1.0])
        (array([0.  , 0.25]), array([0. , 0.5]))
    """
    from scipy.special import betainc, betaincinv

    ratio = float(exact_number("phi", phi))
    if not 0 < ratio < 2:
        raise ValueError(f"phi must lie in (0, 2), got {phi}.")
    shares = np.asarray(left_out, dtype=np.float64)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"left_out must hold shares in [0, 1], got {left_out}.")
    if order == "greedy":
        return np.asarray(ratio / 4 * betainc(1.5, 1.5, betaincinv(0.5, 1.5, shares))), shares**2 / 2
    if order == "uniform":
        return ratio * shares / 4, (shares + shares**2) / 4
    raise ValueError(f"order must be 'greedy' or 'uniform', got {order!r}.")
