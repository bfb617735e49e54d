"""The barrier between the sheets of minimisers: a path attains it, and no point of the wall lies below it."""

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray

from theory.linear_network import critical_table, minimiser_barrier

Array = NDArray[np.float64]
SHAPES = [(2, 1, 2), (3, 2, 3), (3, 3, 3), (2, 2, 4), (4, 2, 2), (4, 1, 3), (1, 1, 1)]


def _singular_values(inputs: int, outputs: int) -> Array:
    return np.sort(np.random.default_rng(inputs + 7 * outputs).uniform(0.3, 2, min(inputs, outputs)))[::-1].copy()


def _next(values: Array, hidden: int) -> float:
    return float(values[hidden]) if hidden < len(values) else 0.0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_no_point_with_a_singular_leading_block_lies_below_the_wall(shape: tuple[int, int, int]) -> None:
    """Loss of the best A for 3000 random B whose first n1 rows are singular, in whitened coordinates."""
    inputs, hidden, outputs = shape
    values = _singular_values(inputs, outputs)
    target = np.zeros((outputs, inputs))
    np.fill_diagonal(target, values)
    barrier = (values[hidden - 1] ** 2 - _next(values, hidden) ** 2) / 2
    least = (values[hidden:] ** 2).sum() / 2
    source = np.random.default_rng(0)
    lowest = np.inf
    for draw in range(3000):
        second = source.standard_normal((outputs, hidden))
        normal = source.standard_normal(hidden) * 10.0 ** (-np.arange(hidden)[::-1] * (draw % 4))
        normal /= np.linalg.norm(normal)
        second[:hidden] -= np.outer(normal, normal @ second[:hidden])
        if draw % 2:  # close to the wall's lowest place, which is direction n1 + 1 in place of n1
            second = 1e-3 * second
            second[: hidden - 1, : hidden - 1] += np.eye(hidden - 1)
            if hidden < outputs:
                second[hidden, hidden - 1] += 1
            second[:hidden] -= np.outer(normal, normal @ second[:hidden])
        basis = np.linalg.svd(second, full_matrices=False)
        basis_of_range = basis[0][:, basis[1] > 1e-12 * basis[1][0]]
        rest = target - basis_of_range @ (basis_of_range.T @ target)
        lowest = min(lowest, (rest**2).sum() / 2)
    assert lowest >= (least + barrier) * (1 - 1e-12)
    assert lowest <= (least + barrier) * 1.05  # and the bound is sharp


def test_a_path_between_the_sheets_attains_it() -> None:
    """Half a turn of the last fitted direction ends on the other sheet; its highest point is the wall."""
    values = np.array([3.0, 2.0, 1.0])
    tops = []
    for angle in np.linspace(0, np.pi, 181):
        first, second = np.zeros((2, 3)), np.zeros((3, 2))
        second[0, 0], second[1, 1], second[2, 1] = 1, np.cos(angle), np.sin(angle)
        first = second.T @ np.diag(values)
        tops.append(((second @ first - np.diag(values)) ** 2).sum() / 2)
    assert max(tops) - tops[0] == pytest.approx(float(minimiser_barrier().at(s=2, t=1)), rel=1e-12)
    assert tops[-1] == pytest.approx(tops[0], rel=1e-12)
    assert np.linalg.det(second[:2]) < 0


def test_it_is_the_rise_to_the_lowest_saddle_of_the_table() -> None:
    source = np.random.default_rng(4)
    x, y = source.standard_normal((11, 4)), source.standard_normal((11, 4))
    for hidden in (1, 2, 3, 4):
        table = critical_table(x, y, hidden)
        values = table.singular_values
        rise = 4 * (table.energy[1] - table.energy[0])
        assert table.index[1] == 1
        expected = (values[hidden - 1] ** 2 - _next(values, hidden) ** 2) / 2
        kept = [tuple(np.flatnonzero(row)) for row in table.chosen]
        swapped = tuple(range(hidden - 1)) + ((hidden,) if hidden < 4 else ())
        place = kept.index(swapped)
        assert table.index[place] == 1
        assert 4 * (table.energy[place] - table.energy[0]) == pytest.approx(expected, rel=1e-10)
        assert rise <= expected * (1 + 1e-12)


def test_scalar_networks_have_half_the_square_of_the_slope() -> None:
    """(w2 w1 - y)^2/2 has its wall at 0, where it is y^2/2: s = y, no further direction."""
    s = sp.Symbol("s", positive=True)
    assert minimiser_barrier().parts["no further direction"].rhs.subs(s, 3) == sp.Rational(9, 2)
    table = critical_table([[1.0]], [[3.0]], 1)
    assert table.energy.tolist() == [0, 4.5]
    with pytest.raises(ValueError, match=r"t must lie in the domain"):
        minimiser_barrier().at(s=3, t=0)
    with pytest.raises(ValueError, match=r"must lie in the domain .* t < s, got s = 1, t = 3"):
        minimiser_barrier().at(s=1, t=3)
