r"""Weight matrices that some permutations leave alone, and the blocks into which these split the Hessian.

Conventions: k units with k inputs, teacher the identity. Two groups of places, the first p and the last m = k - p. A
permutation of the places within the groups acts on a matrix by permuting rows and columns alike; the loss does not
change, since a permutation of the units leaves the sum alone and one of the inputs takes the teacher to itself.

A matrix that all of them leave alone has at most six different entries (five if m = 1): the **patterns** of the
trivial block. At such a point the Hessian commutes with the group, so that by Schur's lemma it acts within each kind
of irreducible part of the matrices, and on a kind that occurs r times as one symmetric r x r matrix, times the
identity of the part (irreducible representations of symmetric groups are absolutely irreducible). One vector of each
copy, moved to the others by the group's own maps, shows that matrix.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "TwoGroups"]

Patterns = NDArray[np.int64]


class Block(NamedTuple):
    """One kind of irreducible part.

    Args:
        name: What moves.
        patterns: Copies x k x k, orthogonal to each other, one corresponding vector of each copy.
        multiplicity: The dimension of the part: how often each eigenvalue of the block occurs in the Hessian.
    """

    name: str
    patterns: Patterns
    multiplicity: int


@dataclass(frozen=True)
class TwoGroups:
    """Two groups of places, the first ``settled`` and the last ``swapped`` ones; one of them may be empty.

    Examples:
        >>> groups = TwoGroups(5, 1)
        >>> [(block.name, len(block.patterns), block.multiplicity) for block in groups.blocks]
        [('none', 5, 1), ('settled', 5, 4), ('settled, symmetric', 1, 5), ('settled, antisymmetric', 1, 6)]
    """

    settled: int
    swapped: int

    @property
    def size(self) -> int:
        """The number k of places."""
        return self.settled + self.swapped

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of a symmetric map on k x k matrices; copies times multiplicities add up to k^2."""
        p, m = self.settled, self.swapped
        first, last = range(p), range(p, self.size)
        kinds = [("none", self._invariant(), 1)]
        for name, inner, outer in (("settled", first, last), ("swapped", last, first)):
            start, count = inner.start, len(inner)
            difference = self._vector({start: 1, start + 1: -1} if count > 1 else {})
            kinds.append((name, self._standard(difference, inner, outer), count - 1))
            kinds.append((f"{name}, symmetric", self._four_places(start, count), count * (count - 3) // 2))
            kinds.append((f"{name}, antisymmetric", self._cycle(start, count), (count - 1) * (count - 2) // 2))
        if p > 1 and m > 1:
            u, v = self._vector({0: 1, 1: -1}), self._vector({p: 1, p + 1: -1})
            kinds.append(("both", [np.outer(u, v), np.outer(v, u)], (p - 1) * (m - 1)))
        kept = [(name, [table for table in tables if table.any()], times) for name, tables, times in kinds]
        return tuple(Block(name, np.array(tables), times) for name, tables, times in kept if tables)

    @cached_property
    def row_blocks(self) -> tuple[Block, ...]:
        """The same for symmetric maps on k numbers, one for each unit; patterns are copies x k."""
        p, m = self.settled, self.swapped
        groups = [self._ones(places) for places in (range(p), range(p, p + m)) if len(places)]
        blocks = [Block("none", np.array(groups), 1)]
        for name, start, count in (("settled", 0, p), ("swapped", p, m)):
            if count > 1:
                blocks.append(Block(name, self._vector({start: 1, start + 1: -1})[None], count - 1))
        return tuple(blocks)

    def places(self) -> tuple[tuple[int, int], ...]:
        """One place (unit, input) of each entry that the group does not carry to another one."""
        return tuple(
            (int(np.argwhere(table)[0][0]), int(np.argwhere(table)[0][1])) for table in self.blocks[0].patterns
        )

    def _ones(self, places: range) -> NDArray[np.int64]:
        return self._vector(dict.fromkeys(places, 1))

    def _vector(self, entries: dict[int, int]) -> NDArray[np.int64]:
        vector = np.zeros(self.size, dtype=np.int64)
        for place, value in entries.items():
            vector[place] = value
        return vector

    def _invariant(self) -> list[NDArray[np.int64]]:
        """Own entry, entries at the group's other places, entries at the other group's: for both groups."""
        groups = [self._ones(range(self.settled)), self._ones(range(self.settled, self.size))]
        tables = []
        for one, other in (groups, groups[::-1]):
            tables += [np.diag(one), np.outer(one, one) - np.diag(one), np.outer(one, other)]
        return tables

    def _standard(self, u: NDArray[np.int64], inner: range, outer: range) -> list[NDArray[np.int64]]:
        """The five images of a vector of sum 0: on the diagonal, along rows and columns of both kinds."""
        ones, others = self._ones(inner), self._ones(outer)
        rows, columns = np.outer(u, ones) - np.diag(u), np.outer(ones, u) - np.diag(u)
        return [np.diag(u), rows + columns, rows - columns, np.outer(u, others), np.outer(others, u)]

    def _four_places(self, start: int, count: int) -> list[NDArray[np.int64]]:
        """A symmetric matrix with zero diagonal and zero row sums, from (1 - 2)(3 - 4)."""
        if count < 4:
            return []
        u = self._vector({start: 1, start + 1: -1})
        v = self._vector({start + 2: 1, start + 3: -1})
        return [np.outer(u, v) + np.outer(v, u)]

    def _cycle(self, start: int, count: int) -> list[NDArray[np.int64]]:
        """An antisymmetric matrix with zero row sums, from the cycle (1 2 3)."""
        if count < 3:
            return []
        table = np.zeros((self.size, self.size), dtype=np.int64)
        for place in range(3):
            here, there = start + place, start + (place + 1) % 3
            table[here, there], table[there, here] = 1, -1
        return [table]
