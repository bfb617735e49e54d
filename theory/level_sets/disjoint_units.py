r"""Crossing from one two-layer network to another over disjoint sets of hidden units.

Conventions: outputs V f(W x + b) + c with p hidden units, any activation f; here ``first`` is (W, b), p rows, one more
column if there are biases, and ``outer`` is V, one column per unit. The *support* of a network is the set of units
whose column of V is not 0. Parameters are in the flat layout of an ``Mlp`` of widths (inputs, p, outputs).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.level_sets.parameter_path import Parameter, flat_parameter

__all__ = ["HiddenUnits", "crossing"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class HiddenUnits:
    """The parameters of a network with one hidden layer.

    Args:
        first: (W, b), shape (units, inputs) or (units, inputs + 1).
        outer: V, shape (outputs, units).
        offset: c, shape (outputs,), or None without biases.
    """

    first: Matrix
    outer: Matrix
    offset: Matrix | None

    @classmethod
    def read(cls, name: str, parameter: Any, sizes: tuple[int, int, int], bias: bool) -> "HiddenUnits":
        """Read a flat parameter.

        Raises:
            ValueError: If its length is not that of the sizes (inputs, units, outputs).
        """
        inputs, units, outputs = sizes
        places = np.cumsum([units * inputs, units * bias, outputs * units, outputs * bias])
        flat = flat_parameter(name, parameter, int(places[-1]))
        weight, bias_, outer, offset = np.split(flat, places[:-1])
        first = weight.reshape(units, inputs)
        if bias:
            first = np.hstack([first, bias_[:, None]])
        return cls(first, outer.reshape(outputs, units), offset if bias else None)

    def flat(self) -> Parameter:
        """Return the flat parameter."""
        if self.offset is None:
            return np.concatenate([self.first.ravel(), self.outer.ravel()])
        return np.concatenate([self.first[:, :-1].ravel(), self.first[:, -1], self.outer.ravel(), self.offset])

    @property
    def support(self) -> NDArray[np.bool_]:
        """Which units have an outer weight that is not 0."""
        return np.asarray((self.outer != 0).any(axis=0))


def crossing(start: HiddenUnits, end: HiddenUnits) -> list[HiddenUnits]:
    """Return the corners of a path along which the outputs run straight from those of one network to the other's.

    It exists if the supports S and T of the two have at most p units together. **Proof.** If they share units, there
    are as many units outside both. Move the shared units of the end to such places: give the idle unit there the same
    first weights, which changes no output as its outer weight is 0, then hand over the outer weights, along which the
    outputs are constant since the two units have the same features. So let S and T be disjoint. The units outside S
    are idle at the start: move their first weights to those of the end. Now move all outer weights and biases straight:
    the features on S and on T are constant, so the outputs move straight. Then the units in S are idle: move them.

    Args:
        start: Where the path starts.
        end: Where it ends.

    Returns:
        The corners after the start, the end included. Between two of them the outputs, on any data, are constant or
        move straight, so that a convex loss stays below the larger end.

    Raises:
        ValueError: If the supports have more units than there are.
    """
    units = len(start.first)
    mine, theirs = start.support, end.support
    if (needed := int(mine.sum() + theirs.sum())) > units:
        raise ValueError(f"width must be at least the {needed} units of both supports, got {units}.")
    shared = np.flatnonzero(mine & theirs)
    idle = np.flatnonzero(~mine & ~theirs)[: len(shared)]
    first, outer = end.first.copy(), end.outer.copy()
    first[idle] = end.first[shared]
    copied = replace(end, first=first)
    outer[:, idle], outer[:, shared] = end.outer[:, shared], 0.0
    moved = replace(copied, outer=outer)
    ready = replace(start, first=np.where(mine[:, None], start.first, moved.first))
    crossed = HiddenUnits(ready.first, moved.outer, moved.offset)
    return [ready, crossed, moved, copied, end]
