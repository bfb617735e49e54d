"""The shared symbols of the theory, with the assumptions under which every formula of it holds.

Conventions: ``phi`` is the ratio of parameters to residuals, ``epsilon`` the energy, i.e. the loss divided by
the number of outputs, ``alpha`` the index as a fraction of the parameters, ``g`` the Stieltjes transform and ``z`` its
argument. Widths and numbers of samples are positive integers. sympy keys a symbol by its name *and* assumptions, so
take symbols from here instead of making new ones.
"""

import sympy as sp

__all__ = ["alpha", "delta", "epsilon", "g", "m", "n", "phi", "s", "v", "z"]

phi = sp.Symbol("phi", positive=True)
"""Parameters per residual, 2n/m for one hidden layer of width n and m samples."""

epsilon = sp.Symbol("epsilon", positive=True)
"""Energy: the loss divided by the number of outputs."""

alpha = sp.Symbol("alpha", nonnegative=True)
"""Index: the fraction of negative eigenvalues."""

delta = sp.Symbol("delta", positive=True)
"""Relative excess of the energy over the critical one."""

g = sp.Symbol("g")
"""The Stieltjes transform, argument of an R-transform."""

z = sp.Symbol("z")
"""A spectral parameter, argument of a Stieltjes transform."""

s = sp.Symbol("s", positive=True)
"""Scale of a Wishart matrix: the mean of its eigenvalues."""

v = sp.Symbol("v", positive=True)
"""A variance."""

n = sp.Symbol("n", integer=True, positive=True)
"""Width of a layer."""

m = sp.Symbol("m", integer=True, positive=True)
"""Number of samples."""
