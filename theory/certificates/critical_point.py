r"""A proof that a network has exactly one critical point near a point that was found, and of its index.

Where a gradient is small there need not be a critical point. Two applications of Krawczyk's operator to grad L = 0
decide: one on a box around the given point, as wide as succeeds, shows that there is one critical point in it and no
other; one on a tiny box around the same point, polished in long numbers, encloses it so tightly that loss and index
can be read off. The data and the given point count as the binary numbers they are.

A critical point that is one of a continuous family has a singular Hessian and no such proof: at weight decay 0, those
of linear networks (where `critical_points` enumerates them exactly) and those with a unit that the loss does not see.
"""

import math
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from theory.ball import Ball
from theory.certificates.inertia import signs_of_balls
from theory.certificates.krawczyk import NoCertificateError, contraction, entries_of, polished, rough_inverse
from theory.certificates.network_balls import ACTIVATIONS, NetworkBalls
from theory.certified_precision import ball_from_arb, check_digits
from theory.exact_numbers import as_fraction, exact_number
from theory.real_arrays import binary_array, positive_integer

__all__ = ["CriticalPointCertificate", "certify_critical_point"]

_WIDEST, _FIRST, _NARROWEST = 2, 8, 12  # half-widths of boxes that are tried: 10 to minus these powers
_MAX_PARAMETERS = 200


@dataclass(frozen=True, repr=False)
class CriticalPointCertificate:
    """What is proved about the critical point near a given point.

    Args:
        distance: Upper bound of its distance from the given point, in the coordinate where that is largest.
        unique_within: It is the only critical point whose coordinates all differ by at most this from the given ones.
        index: How many eigenvalues of the Hessian of the regularised loss are negative; none is zero.
        positive: How many are positive.
        least_eigenvalue: A lower bound of the least absolute value of an eigenvalue.
        data_loss: The loss there without the weight decay.
    """

    distance: Fraction
    unique_within: Fraction
    index: int
    positive: int
    least_eigenvalue: Fraction
    data_loss: Ball

    def __repr__(self) -> str:
        return (
            f"CriticalPointCertificate(index {self.index}, {self.positive} positive, at most "
            f"{float(self.distance):.3g} away, unique within {float(self.unique_within):.3g}, "
            f"data loss {self.data_loss})"
        )


def certify_critical_point(
    widths: tuple[int, ...],
    theta: Any,
    x: Any,
    y: Any,
    *,
    activation: str = "tanh",
    bias: bool = False,
    prefactor: object = "1/2",
    weight_decay: object = 0,
    digits: int = 20,
) -> CriticalPointCertificate:
    r"""Prove that a network has a critical point near a given point, that it is the only one there, and its index.

    The loss is prefactor x mean over samples x sum over outputs of squared residuals + (weight decay)/2 |theta|^2.

    Args:
        widths: Inputs, hidden widths, outputs; at most 200 parameters in all. The work grows with parameters^3 and
            with parameters x samples: 0.3 s for 50 parameters and 13 samples.
        theta: The point, flat: layer by layer, each weight (outputs x inputs, row by row), then its bias.
        x: Inputs, samples x inputs.
        y: Targets, samples x outputs.
        activation: "tanh" or "linear".
        bias: Whether layers have biases.
        prefactor: Positive, read exactly; a float is read as its shortest decimal, a string as p/q or a decimal.
        weight_decay: Not negative, read in the same way.
        digits: Significant digits of the loss, 1 to 100.

    Returns:
        The certificate; index and positive add up to the number of parameters.

    Raises:
        ValueError: If shapes do not fit, a number is not finite, no real number or would have to be rounded, or an
            argument is out of range.
        NoCertificateError: If nothing is proved: the point is too far from a critical one, or the Hessian is singular
            there or nearly so.

    Examples:
        >>> certificate = certify_critical_point((1, 1, 1), [0.0, 0.0], [[1.0]], [[1.0]])
        >>> certificate.index, certificate.positive, str(certificate.data_loss)
        (1, 1, '0.50000000000000000000')
        >>> certify_critical_point((1, 1, 1), [0.0, 0.0], [[1.0]], [[1.0]], digits=3)
        CriticalPointCertificate(index 1, 1 positive, at most 1e-11 away, unique within 0.01, data loss 0.500)
    """
    digits = check_digits(digits, most=100)
    with flint.ctx.workprec(64 + 7 * digits):
        network, point = _network(widths, theta, x, y, activation, bias, prefactor, weight_decay)
        start = entries_of(point)
        inverse = rough_inverse(network.hessian(start))
        near = polished(network.gradient, start, inverse, steps=4 + digits // 6)
        tiny = flint.arb(10) ** -(digits + 8)
        if contraction(network.gradient, network.hessian, near, tiny, inverse) is None:
            step = max(float(abs(entry)) for entry in (inverse * network.gradient(start)).entries())
            raise NoCertificateError(
                "theta must be close to a critical point with an invertible Hessian, got a point whose Newton step is "
                f"{step:.3g} long and leads to none that can be proved."
            )
        distance = max((abs(entry).upper() for entry in (near - start).entries()), key=float) + tiny
        unique = _widest(network, start, inverse, distance)
        if not distance < _exactly(unique):
            alone = f"a proof that it is alone within {float(unique):.3g}" if unique else "no proof that it is alone"
            raise NoCertificateError(
                f"theta must be closer to a critical point, got one at the distance {float(distance):.3g} and {alone}."
            )
        box = flint.arb_mat(len(point), 1, [flint.arb(entry, tiny) for entry in near.entries()])
        signs = signs_of_balls(network.hessian(box))
        return CriticalPointCertificate(
            ball_from_arb(distance, 15).upper,
            unique,
            signs.negative,
            signs.positive,
            signs.least,
            ball_from_arb(network.data_loss(box), digits),
        )


def _widest(network: NetworkBalls, point: Any, inverse: Any, distance: Any) -> Fraction:
    """The half-width of the widest box around the point that provably holds one critical point and no other, or 0.

    Boxes are as wide as powers of ten. The first that is tried is some ten times as wide as the critical point is away
    (to which distance Newton's steps have led), and at least 10^-8. From one that is proved, how far the Hessian varies
    in it, as the half-width does, foretells how wide one can still be: so most points take two or three boxes.
    """

    def proved(power: int) -> Any | None:
        return contraction(network.gradient, network.hessian, point, _exactly(Fraction(1, 10**power)), inverse)

    power = min(_FIRST, max(_WIDEST, math.floor(-math.log10(float(distance))) - 1))
    while (bound := proved(power)) is None:
        power += 1
        if power > _NARROWEST:
            return Fraction(0)
    while bound is not None:
        # the bound is the distance and K width^2, and has to be smaller than the width
        spread = max(float(bound) - float(distance), sys.float_info.min)
        wider = max(_WIDEST, math.ceil(2 * power + math.log10(spread)))
        bound = None
        while wider < power and (bound := proved(wider)) is None:
            wider += 1
        power = min(power, wider)
    return Fraction(1, 10**power)


def _exactly(value: Fraction) -> Any:
    return flint.arb(flint.fmpq(value.numerator, value.denominator))


def _network(
    widths: tuple[int, ...],
    theta: Any,
    x: Any,
    y: Any,
    activation: str,
    bias: bool,
    prefactor: object,
    weight_decay: object,
) -> tuple[NetworkBalls, NDArray[np.float64]]:
    """Read what the caller gave, and refuse what does not fit together."""
    if not isinstance(widths, tuple) or len(widths) < 2:
        raise ValueError(f"widths must be a tuple that names at least inputs and outputs, got {widths!r}.")
    for place, width in enumerate(widths):
        positive_integer(f"widths[{place}]", width)
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATIONS)}, which are twice differentiable, got {activation!r}."
        )
    if not isinstance(bias, bool):
        raise ValueError(f"bias must be True or False, got {bias!r}.")
    inputs, targets = _samples("x", x, widths[0]), _samples("y", y, widths[-1])
    if len(inputs) != len(targets):
        raise ValueError(f"y must have as many rows as x, got {len(targets)} and {len(inputs)}.")
    numbers = [_rational(name, value) for name, value in (("prefactor", prefactor), ("weight_decay", weight_decay))]
    if numbers[0] <= 0 or numbers[1] < 0:
        raise ValueError(f"prefactor must be > 0 and weight_decay >= 0, got {prefactor} and {weight_decay}.")
    columns = [flint.arb_mat(table.T.tolist()) for table in (inputs, targets)]
    network = NetworkBalls(widths, activation, bias, *columns, *map(_exactly, numbers))
    point = binary_array("theta", theta)
    if point.ndim != 1 or len(point) != network.parameters or len(point) > _MAX_PARAMETERS:
        raise ValueError(
            f"theta must have the {network.parameters} parameters of the network, at most {_MAX_PARAMETERS}, got the "
            f"shape {point.shape}."
        )
    return network, point


def _rational(name: str, value: object) -> Fraction:
    number = exact_number(name, value)
    if not number.is_Rational:
        raise ValueError(f"{name} must be a rational number, got {value}.")
    return as_fraction(number)


def _samples(name: str, values: Any, columns: int) -> NDArray[np.float64]:
    table = binary_array(name, values)
    if table.ndim != 2 or table.shape[1] != columns or not len(table):
        raise ValueError(f"{name} must have the shape samples x {columns}, got {table.shape}.")
    return table
