"""The other ways to critical points, one start at a time: scipy's solvers on what torch's autograd says.

The function is that of the networks n0-n1-n2 without biases, (1/2m) sum |o - y|^2 + (decay/2) |theta|^2, written out
here; the spin glass is handed over with its own energies and gradients, so that only the methods differ.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize, root
from torch import Tensor
from torch.func import grad, hessian, vjp

from numerics import SphericalSpinGlass

Vector = NDArray[np.float64]
ACCEPTED = 1e-6


@dataclass(frozen=True)
class Ends:
    """Where a peer's searches ended, and which of them it calls a success."""

    theta: Tensor
    success: Tensor


@dataclass(frozen=True)
class Landscape:
    """The regularised loss of one network on shared data, and its derivatives by autograd."""

    widths: tuple[int, int, int]
    x: Tensor
    y: Tensor
    weight_decay: float

    def value(self, theta: Tensor) -> Tensor:
        inputs, hidden, outputs = self.widths
        first = theta[: inputs * hidden].view(hidden, inputs)
        second = theta[inputs * hidden :].view(outputs, hidden)
        residuals = torch.tanh(self.x @ first.T) @ second.T - self.y
        return residuals.square().sum() / (2 * len(self.x)) + self.weight_decay / 2 * theta.square().sum()

    def gradient(self, theta: Vector) -> Vector:
        return grad(self.value)(self.x.new_tensor(theta)).cpu().numpy()

    def curvature(self, theta: Vector) -> Vector:
        return hessian(self.value)(self.x.new_tensor(theta)).cpu().numpy()

    def squared_gradient(self, theta: Vector) -> tuple[float, Vector]:
        """|grad F|^2 and its gradient 2 H grad F, by a second backward pass."""
        slope, pull = vjp(grad(self.value), self.x.new_tensor(theta))
        return float(slope @ slope), 2 * pull(slope)[0].cpu().numpy()


def gradient_norm(landscape: Landscape, starts: Tensor, *, iterations: int) -> Ends:
    """Minimise |grad F|^2 by L-BFGS and accept what ends below 1e-6, as Pennington and Bahri (2017) did."""
    options = {"maxiter": iterations, "maxfun": 2 * iterations, "gtol": 1e-14, "ftol": 0.0}

    def search(start: Vector) -> tuple[Vector, bool]:
        found = minimize(landscape.squared_gradient, start, jac=True, method="L-BFGS-B", options=options)
        return found.x, bool(found.fun < ACCEPTED)

    return _each(search, starts)


def solved(landscape: Landscape, starts: Tensor, *, method: str, iterations: int) -> Ends:
    """Solve grad F = 0 by one of scipy's methods, "hybr" or "lm", given the Hessian."""
    options = {
        "hybr": {"maxfev": iterations, "xtol": 1e-14},
        "lm": {"maxiter": iterations, "xtol": 1e-14, "ftol": 1e-14},
    }

    def search(start: Vector) -> tuple[Vector, bool]:
        found = root(landscape.gradient, start, jac=landscape.curvature, method=method, options=options[method])
        return found.x, bool(found.success)

    return _each(search, starts)


def spherical_minima(glass: SphericalSpinGlass, starts: Tensor) -> Ends:
    """Minimise H(sqrt(N) v/|v|) over vectors v by L-BFGS."""
    radius = math.sqrt(glass.spins)
    options = {"maxiter": 20_000, "maxfun": 40_000, "gtol": 1e-10, "ftol": 0.0, "maxcor": 20}

    def energy(vector: Vector) -> tuple[float, Vector]:
        value, slope = glass.energy_and_gradient(glass.on_sphere(starts.new_tensor(vector)[None]))
        # the Riemannian gradient is orthogonal to v, so this is all of it
        return glass.spins * float(value), radius / float(np.linalg.norm(vector)) * slope[0].cpu().numpy()

    def search(start: Vector) -> tuple[Vector, bool]:
        found = minimize(energy, start, jac=True, method="L-BFGS-B", options=options)
        return found.x, bool(found.success)

    ends = _each(search, starts)
    return Ends(glass.on_sphere(ends.theta), ends.success)


def _each(search: Callable[[Vector], tuple[Vector, bool]], starts: Tensor) -> Ends:
    ends, success = zip(*(search(start) for start in starts.cpu().numpy()), strict=True)
    return Ends(starts.new_tensor(np.stack(ends)), torch.tensor(success))
