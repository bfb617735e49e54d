r"""A proof that a network has an exact zero of its loss near parameters that were found, and of the rank there.

Conventions: those of `theory.global_minima.zero_loss_set`; parameters are flat, layer by layer, each weight matrix
(outputs x inputs, row by row) and then its bias. As many parameters as there are residuals, r N, are let free, those
whose columns of J are the most independent; the others stay at the binary numbers they are. Krawczyk's operator for
these r N equations in as many unknowns then encloses a zero. It also proves that their columns of J are independent at
every point of its box: J has rank r N at the zero, around which the set of zero loss is a smooth manifold of dimension
P - r N, regular labels or not.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import flint
import numpy as np

from theory.ball import Ball
from theory.certificates.inertia import signs_of_balls
from theory.certificates.krawczyk import NoCertificateError, contraction, entries_of, polished, rough_inverse
from theory.certified_precision import ball_from_arb
from theory.real_arrays import binary_array, positive_integer

__all__ = ["ZeroCertificate", "certify_zero"]

_PRECISION = 192
_DIGITS = 15
_HALF_WIDTHS = tuple(Fraction(1, 10**power) for power in (20, 16, 12, 9, 7, 5))  # of boxes around the polished point


def _tanh(z: Any) -> tuple[Any, Any]:
    value = z.tanh()
    return value, 1 - value * value


def _softplus(z: Any) -> tuple[Any, Any]:
    return (1 + z.exp()).log(), 1 / (1 + (-z).exp())


_ACTIVATIONS: dict[str, Callable[[Any], tuple[Any, Any]]] = {"tanh": _tanh, "softplus": _softplus}


@dataclass(frozen=True)
class ZeroCertificate:
    """What is proved about the set of zero loss near given parameters.

    Args:
        distance: How far an exact zero is from the parameters at most, in the coordinate where that is largest.
        equations: r N, the rank of J at the zero.
        dimension: P - r N, that of the set of zero loss around it.
        least_eigenvalue: A lower bound of the least eigenvalue of JJ' there, positive.
    """

    distance: Ball
    equations: int
    dimension: int
    least_eigenvalue: Ball


def certify_zero(
    widths: tuple[int, ...], theta: Any, x: Any, y: Any, *, activation: str = "tanh", bias: bool = True
) -> ZeroCertificate:
    r"""Prove that the loss has a zero near given parameters, around which its zeros form a smooth manifold.

    Args:
        widths: Inputs, hidden widths, outputs.
        theta: Parameters, flat, as the module's heading has them.
        x: Inputs, data x inputs.
        y: Labels, data x outputs; at most as many numbers as parameters.
        activation: "tanh" or "softplus".
        bias: Whether layers have biases.

    Returns:
        The certificate. 0.1 s for 40 parameters and 10 labels.

    Raises:
        TypeError: If the widths are no sequence of integers.
        ValueError: If shapes do not fit, a number is not finite, no real number or would have to be rounded, there are
            more labels than parameters, or the activation is unknown.
        NoCertificateError: If nothing is proved: there is no zero so near, or J has not full rank there, or hardly.

    Examples:
        >>> certificate = certify_zero((1, 1, 1), [1.0, 2.0], [[1.0]], [[1.523188]], bias=False)
        >>> certificate.dimension, float(certificate.distance) < 1e-6
        (1, True)
    """
    if activation not in _ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(_ACTIVATIONS)}, got {activation!r}.")
    if not isinstance(widths, Iterable):
        raise TypeError(f"widths must be a sequence of integers, got {widths!r}.")
    sizes = [positive_integer(f"widths[{place}]", width) for place, width in enumerate(widths)]
    if len(sizes) < 2:
        raise ValueError(f"widths must name at least inputs and outputs, got {widths!r}.")
    point, inputs, labels = binary_array("theta", theta), binary_array("x", x), binary_array("y", y)
    total = sum((before + bias) * after for before, after in pairwise(sizes))
    wanted = {"theta": (total,), "x": (len(inputs), sizes[0]), "y": (len(inputs), sizes[-1])}
    for name, array in (("theta", point), ("x", inputs), ("y", labels)):
        if array.shape != wanted[name] or not array.size:
            raise ValueError(f"{name} must have the shape {wanted[name]}, got {array.shape}.")
    if labels.size > total:
        raise ValueError(f"y must hold at most {total} numbers, one per parameter, got {labels.size}.")
    with flint.ctx.workprec(_PRECISION):
        net = _Equations(sizes, activation, bias, flint.arb_mat(inputs.T.tolist()), labels.ravel())
        start = entries_of(point)
        free = _most_independent(net.jacobian(start), labels.size)

        def whole(part: Any) -> Any:
            entries = start.entries()
            for place, entry in zip(free, part.entries(), strict=True):
                entries[place] = entry
            return flint.arb_mat(total, 1, entries)

        def system(part: Any) -> Any:
            return net.residuals(whole(part))

        def slopes(part: Any) -> Any:
            rows = net.jacobian(whole(part))
            return flint.arb_mat([[rows[i, j] for j in free] for i in range(labels.size)])

        here = entries_of(point[free])
        near = polished(system, here, rough_inverse(slopes(here)), steps=8)
        inverse = rough_inverse(slopes(near))
        near = polished(system, near, inverse, steps=8)
        for half_width in _HALF_WIDTHS:
            radius = flint.arb(flint.fmpq(half_width.numerator, half_width.denominator))
            if (gap := contraction(system, slopes, near, radius, inverse)) is not None:
                break
        else:
            raise NoCertificateError("theta must be close to a zero of the loss with a full Jacobian, got none there.")
        box = whole(flint.arb_mat(len(free), 1, [flint.arb(entry, gap) for entry in near.entries()]))
        rows = net.jacobian(box)
        least = signs_of_balls(rows * rows.transpose()).least
        moved = max((abs(entry).abs_upper() for entry in (near - here).entries()), key=float) + gap
        distance = ball_from_arb(flint.arb(moved.abs_upper()), _DIGITS)
    return ZeroCertificate(distance, labels.size, total - labels.size, Ball.exact(least))


@dataclass(frozen=True)
class _Equations:
    """Residuals and Jacobian in balls: datum by datum, in each output by output."""

    widths: list[int]
    activation: str
    bias: bool
    inputs: Any
    labels: Any

    def residuals(self, theta: Any) -> Any:
        outputs = self._passes(theta)[-1]
        flat = [outputs[k, s] for s in range(outputs.ncols()) for k in range(outputs.nrows())]
        return flint.arb_mat(
            len(flat), 1, [value - float(label) for value, label in zip(flat, self.labels, strict=True)]
        )

    def jacobian(self, theta: Any) -> Any:
        weights, entering, slopes, outputs = self._passes(theta)
        count, samples = outputs.nrows(), outputs.ncols()
        rows: list[list[Any]] = [[] for _ in range(count * samples)]
        for k in range(count):
            delta = flint.arb_mat(count, samples, [int(i == k) for i in range(count) for _ in range(samples)])
            for layer in reversed(range(len(weights))):
                for s in range(samples):
                    deltas = [delta[i, s] for i in range(delta.nrows())]
                    values = [entering[layer][i, s] for i in range(entering[layer].nrows())]
                    part = [d * value for d in deltas for value in values] + deltas * self.bias
                    rows[s * count + k] = part + rows[s * count + k]
                if layer:
                    back = weights[layer].transpose() * delta
                    scaled = [a * b for a, b in zip(back.entries(), slopes[layer - 1].entries(), strict=True)]
                    delta = flint.arb_mat(back.nrows(), samples, scaled)
        return flint.arb_mat(rows)

    def _passes(self, theta: Any) -> tuple[list[Any], list[Any], list[Any], Any]:
        """Weights, what enters each layer, slopes of the hidden layers, outputs; matrices of width x data."""
        flat, samples, start = theta.entries(), self.inputs.ncols(), 0
        weights, entering, slopes, h = [], [], [], self.inputs
        for layer, (before, after) in enumerate(pairwise(self.widths)):
            middle = start + before * after
            end = middle + after * self.bias
            weights.append(flint.arb_mat(after, before, flat[start:middle]))
            shifts = [entry for entry in flat[middle:end] for _ in range(samples)] or [0] * (after * samples)
            entering.append(h)
            h = weights[-1] * h + flint.arb_mat(after, samples, shifts)
            if layer < len(self.widths) - 2:
                pairs = [_ACTIVATIONS[self.activation](entry) for entry in h.entries()]
                h, slope = (flint.arb_mat(after, samples, list(part)) for part in zip(*pairs, strict=True))
                slopes.append(slope)
            start = end
        return weights, entering, slopes, h


def _most_independent(jacobian: Any, count: int) -> list[int]:
    """Columns of a matrix that are well independent, by elimination with column pivots in double precision."""
    from scipy.linalg import qr

    matrix = np.array([[float(jacobian[i, j].mid()) for j in range(jacobian.ncols())] for i in range(jacobian.nrows())])
    return [int(place) for place in qr(matrix, mode="r", pivoting=True)[1][:count]]
