"""The minima of a logistic neuron: all of them, and no more."""

import itertools
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import NoCertificateError, axis_examples, entropic_convexity, logistic_minima

_inputs = st.sampled_from(["1", "-1", "3", "1/4", "-1/20", "1/100", "7/3"])
_labels = st.sampled_from(["1/10", "1/3", "1/2", "3/5", "3/4", "9/10"])


def _half_gradient(w: np.ndarray, x: list[float], y: list[float]) -> np.ndarray:
    """Half the derivative of the sum of squares, in float64."""
    z = np.multiply.outer(w, x)
    decay = np.exp(-abs(z))
    output = np.where(z > 0, 1 / (1 + decay), decay / (1 + decay))
    return np.asarray(((output - y) * decay / (1 + decay) ** 2 * x).sum(-1))


@pytest.mark.parametrize(("examples", "inputs", "count"), [(6, 1, 6), (6, 2, 9), (6, 3, 8), (8, 2, 16), (12, 3, 64)])
def test_the_count_is_the_power_that_is_claimed(examples: int, inputs: int, count: int) -> None:
    found = logistic_minima(*axis_examples(examples, inputs))
    assert found.count == (examples // inputs) ** inputs == count
    assert found.critical_points == (2 * (examples // inputs) - 1) ** inputs
    assert len(list(found.minima())) == count


@pytest.mark.parametrize(
    ("label", "ratio", "count"),
    [("3/4", 3, 2), ("3/4", 5, 4), ("3/4", 8, 5), ("7/10", 3, 1), ("7/10", 5, 1), ("7/10", 8, 4), ("7/10", 10, 5)],
)
def test_with_too_small_a_ratio_between_inputs_there_are_fewer(label: str, ratio: int, count: int) -> None:
    assert logistic_minima(*axis_examples(5, 1, ratio=ratio, label=label)).count == count


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(_inputs, _labels), min_size=1, max_size=4))
def test_every_change_of_sign_on_a_fine_grid_is_one_critical_point_and_conversely(data: Any) -> None:
    x, y = [Fraction(a) for a, _ in data], [Fraction(b) for _, b in data]
    axis = logistic_minima(x, y).axes[0]
    assert len(axis.minima) == len(axis.maxima) + 1
    floats = [float(value) for value in x], [float(value) for value in y]
    places = [float(place) for place in sorted((*axis.minima, *axis.maxima), key=float)]
    reach = 2 + 2 * max(abs(place) for place in places)
    grid = np.concatenate([-np.geomspace(1e-3, reach, 3001)[::-1], np.geomspace(1e-3, reach, 3001)]) + 1e-7
    signs = np.sign(_half_gradient(grid, *floats))
    changes = grid[:-1][signs[:-1] != signs[1:]]
    assert len(changes) == len(places)
    for place in places:
        room = 1e-6 * (1 + abs(place))
        left, right = _half_gradient(np.array([place - room, place + room]), *floats)
        assert left * right < 0


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(_inputs, _labels), min_size=1, max_size=3), st.sampled_from(["-1", "2", "1/3"]))
def test_scaling_all_inputs_scales_all_minima_and_keeps_their_losses(data: Any, factor: str) -> None:
    x, y = [Fraction(a) for a, _ in data], [Fraction(b) for _, b in data]
    scale = Fraction(factor)
    one, other = (logistic_minima(inputs, y).axes[0] for inputs in (x, [scale * value for value in x]))
    order = slice(None, None, -1 if scale < 0 else 1)
    assert len(one.minima) == len(other.minima)
    for place, scaled in zip(one.minima, other.minima[order], strict=True):
        assert (place * (1 / scale)).overlaps(scaled)
    for loss, same in zip(one.losses, other.losses[order], strict=True):
        assert loss.overlaps(same)


@settings(deadline=None, max_examples=25)
@given(st.lists(_inputs, min_size=1, max_size=5), st.sampled_from(["-2", "1/7", "1", "5/2"]))
def test_labels_that_one_neuron_fits_leave_one_minimum(inputs: list[str], weight: str) -> None:
    """Labels s(w x), rounded: only the fitting weight is left, with almost no loss."""
    x = [Fraction(value) for value in inputs]
    fits = [1 / (1 + mpmath.exp(-mpmath.mpf(float(Fraction(weight) * value)))) for value in x]
    axis = logistic_minima(x, [Fraction(float(value)) for value in fits]).axes[0]
    assert len(axis.minima) == 1
    assert float(axis.minima[0]) == pytest.approx(float(Fraction(weight)), rel=1e-9)
    assert axis.losses[0].upper < Fraction(1, 10**25)


def test_the_known_minima_of_two_and_three_examples() -> None:
    two = logistic_minima([1, "1/1000"], ["7/10"] * 2)
    assert [round(float(place), 2) for place in two.axes[0].minima] == [0.85, 847.3]
    assert [round(float(loss), 4) for _, loss in two.minima()] == [0.0399, 0.09]
    three = logistic_minima([1, "1e-3", "1e-6"], [0.7] * 3)
    assert [float(f"{float(place):.3g}") for place in three.axes[0].minima] == [0.848, 848, 847000]


def test_descent_from_many_starts_finds_these_minima_and_no_other() -> None:
    """Gradient flow in log w, one sign step at a time, from starts in every basin of a product of two axes."""
    x, y = axis_examples(6, 2, ratio=10)
    found = logistic_minima(x, y)
    axis = found.axes[0]
    ends = dict.fromkeys(range(len(axis.minima)), 0)
    inputs, labels = [float(row[0]) for row in x[:3]], [0.75] * 3
    barriers = [float(place) for place in axis.maxima]
    for start in np.geomspace(0.1, 1e4, 60):
        low, high = 1e-3, 1e6
        slope = _half_gradient(np.array([start]), inputs, labels)[0]
        # downhill from the start to the first change of sign
        path = np.geomspace(start, low if slope > 0 else high, 4000)
        signs = np.sign(_half_gradient(path, inputs, labels))
        end = path[np.argmax(signs != signs[0])]
        nearest = int(np.argmin([abs(np.log(end / float(place))) for place in axis.minima]))
        assert abs(np.log(end / float(axis.minima[nearest]))) < 0.01
        assert nearest == int(np.searchsorted(barriers, start))
        ends[nearest] += 1
    assert all(ends.values())
    assert found.count == len(axis.minima) ** 2


def test_places_and_losses_of_a_product_are_those_of_its_axes() -> None:
    rows = [[1, 0], ["1/50", 0], [0, 2], [0, "1/50"], [0, 0]]
    labels = ["3/4", "3/4", "4/5", "4/5", "1/3"]
    found = logistic_minima(rows, labels)
    first, second = (
        logistic_minima([row[axis] for row in rows[part]], labels[part]).axes[0]
        for axis, part in ((0, slice(0, 2)), (1, slice(2, 4)))
    )
    pairs = itertools.product(
        zip(first.minima, first.losses, strict=True), zip(second.minima, second.losses, strict=True)
    )
    for (place, loss), ((w1, l1), (w2, l2)) in zip(found.minima(), pairs, strict=True):
        assert place == (w1, w2)
        assert loss.overlaps(l1 + l2 + Fraction(1, 36))
    assert found.constant == Fraction(1, 36)
    assert all(curvature.lower > 0 for axis in found.axes for curvature in axis.curvatures)


def test_more_digits_narrow_the_same_balls() -> None:
    rough, fine = (logistic_minima([1, "1/30"], ["3/4"] * 2, digits=digits).axes[0] for digits in (5, 60))
    assert all(a.overlaps(b) for a, b in zip(rough.minima, fine.minima, strict=True))
    assert all(place.radius < Fraction(1, 10**60) for place in fine.minima)


def test_where_a_minimum_and_a_maximum_meet_nothing_is_claimed() -> None:
    """The ratio at which the second minimum appears, to fifty digits; a little to each side it is decided."""
    with mpmath.workdps(60):
        label = mpmath.mpf(7) / 10

        def bell(z: Any) -> Any:
            return mpmath.exp(-z) / (1 + mpmath.exp(-z)) ** 2

        def gradient(w: Any, small: Any) -> Any:
            return sum(x * bell(w * x) * (1 / (1 + mpmath.exp(-w * x)) - label) for x in (1, small))

        def slope(w: Any, small: Any) -> Any:
            return mpmath.diff(lambda u: gradient(u, small), w)

        counts = {size: logistic_minima([1, Fraction(1, size)], ["7/10"] * 2).count for size in range(4, 20)}
        last = max(size for size, count in counts.items() if count == 1)
        low = logistic_minima([1, Fraction(1, last + 1)], ["7/10"] * 2).axes[0]
        start = (mpmath.sqrt(float(low.maxima[0]) * float(low.minima[1])), mpmath.mpf(1) / (last + 0.5))
        _, small = mpmath.findroot(lambda w, x: [gradient(w, x), slope(w, x)], start, tol=1e-80)
        critical = Fraction(mpmath.nstr(small, 50))
    assert Fraction(1, last + 1) < critical < Fraction(1, last)
    for change, count in ((Fraction(1, 10**6), 1), (-Fraction(1, 10**6), 2)):
        assert logistic_minima([1, critical + change], ["7/10"] * 2).count == count
    with pytest.raises(NoCertificateError, match="got two that may be one near w = "):
        logistic_minima([1, critical], ["7/10"] * 2)


def test_the_entropic_curvature_is_positive_everywhere_and_the_square_one_is_not() -> None:
    derived = entropic_convexity()
    assert derived.passed
    assert derived.evidence == "exact"
    square = derived.parts["square loss"].rhs
    for s in np.linspace(0.01, 0.99, 25):
        assert float(derived.at(s=float(s))) > 0
    values = {str(symbol): symbol for symbol in square.free_symbols}
    assert square.subs({values["s"]: 0.99, values["y"]: 0.75}) < 0 < square.subs({values["s"]: 0.6, values["y"]: 0.75})


@pytest.mark.parametrize(
    ("inputs", "labels", "options", "message"),
    [
        ([1], [1], {}, r"labels\[0\] must lie strictly between 0 and 1, got 1"),
        ([1, 2], ["1/2"], {}, "labels must be as many as the examples, at least one, got 1 and 2"),
        ([], [], {}, "labels must be as many as the examples, at least one, got 0 and 0"),
        ([[1, 1]], ["1/2"], {}, r"inputs\[0\] must have 2 entries, at most one of them not 0, got 1, 1"),
        ([[1, 0], [1]], ["1/2"] * 2, {}, r"inputs\[1\] must have 2 entries"),
        ([[1, 0]], ["1/2"], {}, "no example on axis 1"),
        ([1], ["1/2"], {"digits": 101}, "digits must be an integer from 1 to 100, got 101"),
    ],
)
def test_bad_data_are_refused(inputs: Any, labels: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        logistic_minima(inputs, labels, **options)


@pytest.mark.parametrize(("inputs", "labels"), [(3, ["1/2"]), ([1], "1/2")])
def test_what_is_no_sequence_is_refused(inputs: Any, labels: Any) -> None:
    with pytest.raises(TypeError, match="must be a sequence with one entry for each example, got"):
        logistic_minima(inputs, labels)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((2, 3), {}, "inputs must be at most the number of examples, got 3 and 2"),
        ((0, 1), {}, "examples must be >= 1"),
        ((10**8, 1), {}, "examples must be at most 10000, and 1000000 times inputs, got 100000000 and 1"),
        ((3, 1), {"ratio": 1}, "ratio must be above 1, got 1"),
        ((3, 1), {"label": "1/2"}, "label must lie between 1/2 and 1, got 1/2"),
    ],
)
def test_data_sets_that_there_are_not_are_refused(
    arguments: tuple[int, int], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        axis_examples(*arguments, **options)
