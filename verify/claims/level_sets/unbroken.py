"""Whether a path leads from where it should to where it should, in small steps: no loss on it means anything if not."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Bounds, Comparison, Rival

Array = NDArray[np.float64]

PARTS = 8
"""Into so many parts the longest step of each piece is divided."""


def unbroken(path: "theory.ParameterPath", samples: Array, start: Array, end: Array) -> dict[str, float]:
    """How far a path's ends are from two parameters, how far these are from one another, and how finely it divides.

    Args:
        path: The path.
        samples: What it samples at some number of steps in each piece.
        start: Where it should begin.
        end: Where it should end.

    Returns:
        "missed" and "apart", the largest differences of a coordinate; "part", the longest eighth of the longest step of
        any piece, over the longest step: about 1/8 where the path is smooth, 1 where it jumps.
    """
    per_piece = (len(samples) - 1) // max(len(path.pieces), 1)
    steps = np.linalg.norm(np.diff(samples, axis=0), axis=1)
    longest = 0.0
    for number, piece in enumerate(path.pieces):
        place = number * per_piece + int(steps[number * per_piece : (number + 1) * per_piece].argmax())
        first = place % per_piece
        inner = [piece((first + part / PARTS) / per_piece) for part in range(1, PARTS)]
        parts = np.array([samples[place], *inner, samples[place + 1]])
        longest = max(longest, float(np.linalg.norm(np.diff(parts, axis=0), axis=1).max()))
    return {
        "missed": max(float(abs(samples[0] - start).max()), float(abs(samples[-1] - end).max())),
        "apart": float(abs(end - start).max()),
        "part": longest / max(float(steps.max(initial=0.0)), 1e-300),
    }


def whole_paths(seen: Sequence[Mapping[str, Array]]) -> Iterator[Comparison]:
    """Compare what `unbroken` measures with what it is on a path that jumps, or that does not lead to its end."""
    missed, apart, part = (np.concatenate([each[name] for each in seen]) for name in ("missed", "apart", "part"))
    yield Agrees(
        "distance of the ends of all these paths from where they should begin and end, in any parameter",
        measured=missed,
        predicted=0,
        tolerance=0,
        reason="ends are kept bit for bit",
        rival=Rival("they stay where they begin", apart),
    )
    yield Bounds(
        "the longest eighth of the longest step of a piece, over the longest step of its path, on all these paths",
        smaller=part,
        larger=0.8,
        tolerance=0.01,
        reason="steps are not equally long; it is 1 where a path jumps",
        rival=Rival("nothing: they stay where they begin", 0.0),
    )
