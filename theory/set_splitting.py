r"""Training three threshold units by splitting sets, and the other way round, in rational numbers.

Conventions: a family of subsets of {0, ..., n - 1} is *split* by a colouring of the elements in two colours if no set
has one colour only; a set is a bit mask. A threshold unit is positive at x if w.x > b. The network has two of them and
a third one on their outputs: exclusive or is no threshold function, so that it is positive on the intersection or on
the union of two half-spaces (the complement of one is another one, and at finitely many examples closed ones do not
differ from open ones).

**The examples** (Blum and Rivest) have n + 3 bits. Positive are 0, every set, and 101 and 011 in the last three bits;
negative are every element alone, and 100, 010, 001 and 111 in the last three.

**From a splitting to a network.** With the colouring T the units w.x > -1/2 and v.x > -1/2 fit all examples, where w is
-1 on T, n outside, and (-1, -1, 1) on the last bits; v is -1 outside T, n on T, and (1, 1, -1) on the last bits.

**From a network to a splitting.** A union does not fit: the means of any two of the positive 0, 101 and 011 are means
of two negative examples, so that three half-spaces would be needed. In an intersection colour an element by a
half-space that cuts it off. A set c of one colour would have all its elements cut off by one half-space that contains 0
and c: but the mean of its m elements is the point c/m between 0 and c.

That this is so is decided here for small n without either argument, by linear programmes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from theory.level_sets.nearest_in_cone import ConeDistance
from theory.real_arrays import positive_integer

__all__ = ["ThresholdNetwork", "set_families", "splitting_colour", "three_node_network"]

_MOST_ELEMENTS = 5
_EXTRA_POSITIVE = ((1, 0, 1), (0, 1, 1))
_EXTRA_NEGATIVE = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1))

Point = tuple[int, ...]


@dataclass(frozen=True)
class ThresholdNetwork:
    """Two threshold units and how the third one joins them.

    Args:
        output: "and" or "or".
        weights: Of the two units, each with minus its threshold at the end.
    """

    output: str
    weights: tuple[tuple[Fraction, ...], tuple[Fraction, ...]]

    def __call__(self, x: Point) -> bool:
        """Tell whether the output is positive.

        Examples:
            >>> three_node_network(2, [0b11])((1, 1, 0, 0, 0))
            True
        """
        ons = [sum((w * bit for w, bit in zip(unit, (*x, 1), strict=True)), Fraction(0)) > 0 for unit in self.weights]
        return all(ons) if self.output == "and" else any(ons)


def set_families(elements: int) -> Iterator[tuple[int, ...]]:
    """Yield all families of subsets of at least two elements in which no set contains another one.

    A set that contains another one is split with it: these families are all that matters.

    Args:
        elements: How many elements there are, 1 to 5.

    Raises:
        TypeError: If the number is no integer.
        ValueError: If it is out of range.

    Examples:
        >>> [len(list(set_families(n))) for n in (1, 2, 3, 4)]
        [1, 2, 9, 114]
    """
    count = _number_of_elements(elements)
    sets = [mask for mask in range(1, 2**count) if mask.bit_count() >= 2]

    def extended(family: tuple[int, ...], start: int) -> Iterator[tuple[int, ...]]:
        yield family
        for place in range(start, len(sets)):
            if all(sets[place] & other not in (sets[place], other) for other in family):
                yield from extended((*family, sets[place]), place + 1)

    return extended((), 0)


def splitting_colour(elements: int, family: tuple[int, ...] | list[int]) -> int | None:
    """Return the elements of one colour of a colouring that splits a family, as a mask; None if there is none.

    Raises:
        TypeError: If the number of elements is no integer.
        ValueError: If it is out of range, or a set is empty or has further elements.

    Examples:
        >>> splitting_colour(3, [0b011, 0b110]), splitting_colour(3, [0b011, 0b110, 0b101])
        (2, None)
    """
    count = _number_of_elements(elements)
    _refuse_other_sets(count, family)
    for colour in range(2**count):
        if all(0 < colour & one < one for one in family):
            return colour
    return None


def three_node_network(elements: int, family: tuple[int, ...] | list[int]) -> ThresholdNetwork | None:
    """Return a network of three threshold units that fits the examples of a family; None if there is none.

    Every way to divide the negative examples between two half-spaces that contain the positive ones is tried, and
    every way to divide the positive ones between two that contain none of the negative. Whether a half-space divides
    two sets of points is a linear programme, solved exactly: by Gordan's theorem the alternative is a convex
    combination of the points with a bit 1 added, those of one side taken negative, that is 0.

    Args:
        elements: How many elements there are, 1 to 5.
        family: Sets as bit masks.

    Raises:
        TypeError: If the number of elements is no integer.
        ValueError: If it is out of range, or a set is empty or has further elements.

    Examples:
        >>> three_node_network(3, [0b011, 0b110]).output
        'and'
        >>> three_node_network(3, [0b011, 0b110, 0b101]) is None
        True

    References:
        Blum and Rivest (1992), Neural Networks 5(1), 117-127.
    """
    positives, negatives = _examples(elements, family)
    for output, fixed, divided in (("and", positives, negatives), ("or", negatives, positives)):
        side = 1 if output == "and" else -1
        signed = [tuple(side * bit for bit in (*x, 1)) for x in fixed]
        signed += [tuple(-side * bit for bit in (*x, 1)) for x in divided]
        cone = ConeDistance((0,) * len(signed[0]) + (1,), [(*vector, 1) for vector in signed])
        always = 2 ** len(fixed) - 1
        everything = 2 ** len(divided) - 1
        for chosen in range(2 ** (len(divided) - 1)):
            masks = [always | part << len(fixed) for part in (everything - chosen, chosen)]
            if all(cone.squared(mask) > 0 for mask in masks):
                units = [_separating(cone, mask, signed) for mask in masks]
                return ThresholdNetwork(output, (units[0], units[1]))
    return None


def _separating(cone: ConeDistance, mask: int, signed: list[Point]) -> tuple[Fraction, ...]:
    """Weights whose product with every vector of the mask is positive: minus the rest of the nearest point."""
    weights = cone.weights(mask)
    length = len(signed[0])
    return tuple(sum((c * signed[place][row] for place, c in weights.items()), Fraction(0)) for row in range(length))


def _examples(elements: int, family: tuple[int, ...] | list[int]) -> tuple[list[Point], list[Point]]:
    """The positive and the negative examples of a family."""
    count = _number_of_elements(elements)
    _refuse_other_sets(count, family)
    none = (0,) * count
    positives = [(*none, 0, 0, 0)] + [(*_bits(one, count), 0, 0, 0) for one in family]
    positives += [(*none, *extra) for extra in _EXTRA_POSITIVE]
    negatives = [(*_bits(1 << place, count), 0, 0, 0) for place in range(count)]
    negatives += [(*none, *extra) for extra in _EXTRA_NEGATIVE]
    return positives, negatives


def _bits(mask: int, count: int) -> Point:
    return tuple(mask >> place & 1 for place in range(count))


def _number_of_elements(elements: int) -> int:
    count = positive_integer("elements", elements)
    if count > _MOST_ELEMENTS:
        raise ValueError(f"elements must be from 1 to {_MOST_ELEMENTS}, got {elements}.")
    return count


def _refuse_other_sets(count: int, family: tuple[int, ...] | list[int]) -> None:
    for one in family:
        if not 0 < one < 2**count:
            raise ValueError(f"sets must be masks of some of {count} elements, got {one}.")
