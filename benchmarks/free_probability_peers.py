"""The peers of ``free_probability.py``, each as its documentation uses it; started by that script.

rmtool takes a law as a polynomial curve and returns all roots above degree 3, to be isolated by ``best_density``.
freealg's ``FreeLevy`` takes positive jumps and evaluates slightly above the real line.
"""

import functools
import importlib.util
import sys
import warnings
from typing import Any

import numpy as np
from table import serve

warnings.simplefilter("ignore")


def installed(name: str) -> bool:
    """Say whether a package can be imported."""
    return importlib.util.find_spec(name) is not None


@functools.cache
def _curve(transform: str) -> Any:
    import rmtool
    import sympy as sp

    polynomial = sp.numer(sp.together(rmtool.r - sp.sympify(transform, locals={"g": rmtool.g})))
    return rmtool.Lrg2Lmz(polynomial)


def rmtool_setup(transform: str) -> None:
    """Turn an R-transform into rmtool's curve."""
    _curve.cache_clear()
    _curve(transform)


def rmtool_density(transform: str, x: list[float]) -> np.ndarray:
    """Return the density; above degree 3 the right root is the one with the largest imaginary part."""
    import rmtool

    return np.nan_to_num(rmtool.Lmz2pdf(_curve(transform), np.array(x)).best_density())


def rmtool_moments(transform: str, count: int) -> list[str]:
    """Return the first moments."""
    import rmtool

    return [str(moment) for moment in rmtool.Lmz2MomS(_curve(transform), count)]


def freealg_density(sizes: list[float], rates: list[float], variance: float, x: list[float]) -> np.ndarray:
    """Return the density of a law with positive jumps, by freealg's defaults."""
    from freealg.distributions import FreeLevy

    total = sum(rates)
    law = FreeLevy(sizes, [rate / total for rate in rates], total, sigma=variance**0.5)
    return np.asarray(law.density(np.array(x)))


if __name__ == "__main__" and "--serve" in sys.argv:
    serve({f.__name__: f for f in (installed, rmtool_setup, rmtool_density, rmtool_moments, freealg_density)})
