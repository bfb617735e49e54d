r"""All local minima of the square loss of a logistic neuron whose examples lie on the axes: exponentially many.

Conventions: L(w) = sum_j (y_j - s(w.x_j))^2, a sum over examples, s(z) = 1/(1 + e^-z), no bias; inputs are examples x
inputs. If every example has at most one input that is not 0, L is a constant plus one function of each weight. Then w
is critical if each weight is, its Hessian is diagonal, and the local minima are all combinations of a minimum of each:
k of them on each of d axes make k^d.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

from theory.ball import Ball
from theory.certified_precision import check_digits
from theory.exact_numbers import as_fraction, exact_number
from theory.logistic_neuron.axis_loss import AxisMinima, isolated_minima
from theory.real_arrays import positive_integer

__all__ = ["LogisticMinima", "axis_examples", "logistic_minima"]

_MOST_EXAMPLES = 10**4
Row = tuple[Fraction, ...]


@dataclass(frozen=True)
class LogisticMinima:
    """All critical points of the loss of a neuron whose examples lie on the axes.

    Args:
        axes: Those in each weight.
        constant: The share of examples whose inputs are all 0.
    """

    axes: tuple[AxisMinima, ...]
    constant: Fraction

    @property
    def count(self) -> int:
        """The number of local minima, all strict."""
        return prod(len(axis.minima) for axis in self.axes)

    @property
    def critical_points(self) -> int:
        """The number of all critical points."""
        return prod(len(axis.minima) + len(axis.maxima) for axis in self.axes)

    def minima(self) -> Iterator[tuple[tuple[Ball, ...], Ball]]:
        """Yield the place and the loss of each local minimum, the last weight fastest."""
        for choice in product(*(range(len(axis.minima)) for axis in self.axes)):
            chosen = list(zip(self.axes, choice, strict=True))
            loss = sum((axis.losses[place] for axis, place in chosen), Ball.exact(self.constant))
            yield tuple(axis.minima[place] for axis, place in chosen), loss


def axis_examples(
    examples: int, inputs: int, *, ratio: object = 100, label: object = "3/4"
) -> tuple[tuple[Row, ...], Row]:
    """Return a data set with floor(examples / inputs)^inputs local minima, if the ratio is large enough.

    On each axis lie floor(examples / inputs) of them, at 1, 1/ratio, 1/ratio^2, ..., all with the same label. What is
    left over lies at the origin, where it adds a constant.

    Args:
        examples: From 1 to 10000; examples times inputs at most a million.
        inputs: From 1 to the number of examples.
        ratio: Between successive inputs, above 1. With five examples on an axis the count of minima is 2, 4, 5 at the
            ratios 3, 5, 8 for the label 3/4, and 1, 1, 4, 5 at 3, 5, 8, 10 for the label 7/10.
        label: Between 1/2 and 1.

    Returns:
        The inputs, examples x inputs, and the labels.

    Raises:
        TypeError: If a number is of the wrong kind.
        ValueError: If one is out of range.

    Examples:
        >>> x, y = axis_examples(5, 2)
        >>> [[str(entry) for entry in row] for row in x]
        [['1', '0'], ['1/100', '0'], ['0', '1'], ['0', '1/100'], ['0', '0']]

    References:
        Auer, Herbster and Warmuth (1995), Exponentially many local minima for single neurons.
    """
    count, axes = positive_integer("examples", examples), positive_integer("inputs", inputs)
    if axes > count:
        raise ValueError(f"inputs must be at most the number of examples, got {inputs} and {examples}.")
    if count > _MOST_EXAMPLES or count * axes > _MOST_EXAMPLES * 100:
        raise ValueError(
            f"examples must be at most {_MOST_EXAMPLES}, and {100 * _MOST_EXAMPLES} times inputs, got {count} and "
            f"{axes}."
        )
    steps, target = _number("ratio", ratio), _number("label", label)
    if steps <= 1:
        raise ValueError(f"ratio must be above 1, got {ratio}.")
    if not Fraction(1, 2) < target < 1:
        raise ValueError(f"label must lie between 1/2 and 1, got {label}.")
    each = count // axes
    rows = [
        tuple(Fraction(int(place == axis)) / steps**power for place in range(axes))
        for axis in range(axes)
        for power in range(each)
    ]
    rows += [(Fraction(0),) * axes] * (count - axes * each)
    return tuple(rows), (target,) * count


def logistic_minima(inputs: Any, labels: Any, *, digits: int = 15) -> LogisticMinima:
    """Find all local minima of the square loss of a logistic neuron whose examples lie on the axes.

    Args:
        inputs: Examples x inputs, each row with at most one entry that is not 0, each column with at least one; or one
            number an example. Numbers are read exactly, floats as their shortest decimals.
        labels: One for each example, strictly between 0 and 1 (at 0 or 1 the best weight may be infinite).
        digits: Significant digits of places and losses, 1 to 100.

    Returns:
        The critical points in each weight, each enclosed, none missing; `count` is the number of local minima.

    Raises:
        TypeError: If inputs or labels are no sequence or an entry is no number.
        ValueError: If shapes or ranges do not fit, or an example is not on an axis.
        NoCertificateError: If two critical points lie so close together that they may be one, degenerate.

    Examples:
        >>> found = logistic_minima([1, "1/1000"], ["7/10", "7/10"], digits=6)
        >>> found.count, [str(place) for place in found.axes[0].minima], [str(loss) for _, loss in found.minima()]
        (2, ['0.848431', '847.298'], ['0.0399153', '0.0900000'])
        >>> logistic_minima(*axis_examples(6, 3)).count
        8

    References:
        Auer, Herbster and Warmuth (1995), Exponentially many local minima for single neurons.
    """
    digits = check_digits(digits, most=100)
    for name, values in (("inputs", inputs), ("labels", labels)):
        if not hasattr(values, "__len__") or isinstance(values, str):
            raise TypeError(f"{name} must be a sequence with one entry for each example, got {values!r}.")
    rows = [_row(place, entry) for place, entry in enumerate(inputs)]
    targets = [_number(f"labels[{place}]", entry) for place, entry in enumerate(labels)]
    if not rows or len(rows) != len(targets):
        raise ValueError(f"labels must be as many as the examples, at least one, got {len(targets)} and {len(rows)}.")
    for place, target in enumerate(targets):
        if not 0 < target < 1:
            raise ValueError(f"labels[{place}] must lie strictly between 0 and 1, got {target}.")
    size = len(rows[0])
    data: list[tuple[list[Fraction], list[Fraction]]] = [([], []) for _ in range(size)]
    constant = Fraction(0)
    for place, (row, target) in enumerate(zip(rows, targets, strict=True)):
        used = [axis for axis, entry in enumerate(row) if entry]
        if len(row) != size or len(used) > 1:
            raise ValueError(
                f"inputs[{place}] must have {size} entries, at most one of them not 0, got "
                f"{', '.join(map(str, row)) or 'none'}."
            )
        if used:
            data[used[0]][0].append(row[used[0]])
            data[used[0]][1].append(target)
        else:
            constant += (target - Fraction(1, 2)) ** 2
    for axis, (places, _) in enumerate(data):
        if not places:
            raise ValueError(f"inputs must use every axis, or its weight is free, got no example on axis {axis}.")
    return LogisticMinima(tuple(isolated_minima(*axis, digits=digits) for axis in data), constant)


def _row(place: int, entry: Any) -> Row:
    entries = entry if hasattr(entry, "__len__") and not isinstance(entry, str) else (entry,)
    return tuple(_number(f"inputs[{place}]", value) for value in entries)


def _number(name: str, value: object) -> Fraction:
    return as_fraction(exact_number(name, value))
