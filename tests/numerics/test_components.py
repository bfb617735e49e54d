"""Bars of a sampled loss: known components, known levels, and an error that shrinks with the grid."""

import math
import sys

import pytest
import torch
from torch import Tensor

from numerics import FunctionalModule, Mlp, SquaredError, grid_bars, loss_and_gradient, loss_grid

pytest.importorskip("gudhi", reason="needs the extra topology")


def _axis(points: int, reach: float = 2.0) -> Tensor:
    return torch.linspace(-reach, reach, points, dtype=torch.float64)


def test_a_double_well_has_two_bars_at_its_levels() -> None:
    """x^4/4 - x^2/2 + x/10 + y^2: a minimum on each side of a pass, whatever the axes' order."""
    x, y = _axis(401), _axis(101)
    profile = x**4 / 4 - x**2 / 2 + x / 10
    roots = sorted(root.real for root in __import__("numpy").roots([1, 0, -1, 0.1]))
    low, top, high = (root**4 / 4 - root**2 / 2 + root / 10 for root in roots)
    for losses in (profile[:, None] + y**2, profile + y[:, None] ** 2):
        found = grid_bars(losses, threshold=1e-9)
        assert found.bars.shape == (2, 2)
        torch.testing.assert_close(found.bars[0], torch.tensor([low, math.inf]).double(), rtol=0, atol=2e-4)
        torch.testing.assert_close(found.bars[1], torch.tensor([high, top]).double(), rtol=0, atol=2e-4)
        assert all(float(losses[place]) == float(bar[0]) for place, bar in zip(found.minima, found.bars, strict=True))
        assert [found.count(level) for level in (low - 1, (low + high) / 2, (high + top) / 2, 1.0)] == [0, 1, 2, 1]


def test_the_error_covers_the_distance_to_the_true_levels_and_falls_with_the_grid() -> None:
    """(w_1 w_2 - 1)^2: two sheets of minima at 0 that meet at the origin, at 1."""
    network, one = Mlp((1, 1, 1), "linear"), torch.ones(1, 1, dtype=torch.float64)
    errors = []
    for points in (24, 48, 96):  # even, so that the pass is no vertex
        losses = loss_grid(network, [_axis(points)] * 2, one, one, SquaredError())
        found = grid_bars(losses, threshold=0.3)
        assert len(found.bars) == 2
        true = torch.tensor([[0.0, math.inf], [0.0, 1.0]], dtype=torch.float64)
        away = (found.bars - true).nan_to_num(0.0).abs().amax(dim=1)
        assert bool((away <= found.error).all())
        errors.append(float(found.error.max()))
    assert errors[2] < 0.6 * errors[1] < 0.36 * errors[0]


def test_two_relu_data_have_a_spurious_valley() -> None:
    """One unit a relu(w x) on x = (-1, 1), y = (1, 2): bars (1, infinity) and (4, 5) of the SUM of squares."""
    network = Mlp((1, 1, 1), "relu")
    x, y = (torch.tensor(column, dtype=torch.float64)[:, None] for column in ([-1.0, 1.0], [1.0, 2.0]))
    losses = loss_grid(network, [_axis(161), _axis(161)], x, y, SquaredError(prefactor=2.0))  # two examples
    found = grid_bars(losses, threshold=0.2)
    torch.testing.assert_close(found.bars, torch.tensor([[1.0, math.inf], [4.0, 5.0]]).double(), rtol=0, atol=1e-3)
    assert repr(grid_bars(losses, threshold=0.9)).startswith("GridBars((")


def test_an_infinite_loss_is_a_wall_and_a_plateau_one_component() -> None:
    losses = torch.tensor([[0.0, math.inf, 1.0], [0.0, math.inf, 1.0]], dtype=torch.float64)
    assert grid_bars(losses).bars.tolist() == [[0.0, math.inf], [1.0, math.inf]]
    assert grid_bars(torch.zeros(3, 4)).bars.tolist() == [[0.0, math.inf]]
    assert grid_bars(torch.zeros(3, 4)).error.tolist() == [0.0]


def test_of_a_row_the_younger_component_dies_where_it_joins() -> None:
    found = grid_bars(torch.tensor([0.0, 3.0, 1.0, 4.0], dtype=torch.float64))
    assert repr(found) == "GridBars((0, inf), (1, 3))"
    assert found.error.tolist() == [3.0, 3.0]
    assert found.minima == ((0,), (2,))
    uneven = torch.tensor([[0.0, 3.0, 1.0, 4.0], [5.0, 2.5, 2.0, 9.0]])
    assert grid_bars(uneven).bars.tolist() == grid_bars(uneven.mT).bars.tolist() == [[0.0, math.inf], [1.0, 3.0]]
    assert grid_bars(uneven.mT).minima == ((0, 0), (2, 0))


def test_many_bars_are_said_in_one_line() -> None:
    said = repr(grid_bars(torch.tensor([0.0, 9.0] * 7)))
    assert said == "GridBars((0, inf), (0, 9), (0, 9), (0, 9), (0, 9), ... 7 in all)"


def test_a_grid_holds_the_losses_of_its_points(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x, y = Mlp((1, 1, 1), "tanh", bias=True), torch.randn(5, 1).double(), torch.randn(5, 1).double()
    axes = [_axis(3), _axis(2), _axis(4), _axis(1)]
    whole = loss_grid(network, axes, x, y, SquaredError())
    assert whole.shape == (3, 2, 4, 1)
    value, _ = loss_and_gradient(network, torch.tensor([[2.0, -2.0, 2.0, -2.0]]).double(), x, y, SquaredError())
    torch.testing.assert_close(whole[2, 0, 3, 0], value[0])
    monkeypatch.setattr("numerics.components._POINTS", 4 * 5)
    assert torch.equal(loss_grid(network, axes, x, y, SquaredError()), whole)
    module = FunctionalModule(torch.nn.Linear(1, 1).double())
    assert loss_grid(module, axes[:2], x, y, SquaredError()).shape == (3, 2)


def test_what_is_no_grid_is_refused(unchecked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    network, one = Mlp((1, 1, 1), "linear"), torch.ones(1, 1, dtype=torch.float64)
    with pytest.raises(ValueError, match="axes must be one for each of the 2 parameters, got 3"):
        loss_grid(network, [_axis(2)] * 3, one, one, SquaredError())
    with pytest.raises(ValueError, match=r"axes\[1\] must be a row of at least one number, got shape \(0,\)"):
        loss_grid(network, [_axis(2), _axis(0)], one, one, SquaredError())
    with pytest.raises(ValueError, match=r"axes\[1\] must be finite"):
        loss_grid(network, [_axis(2), _axis(2) / 0], one, one, SquaredError())
    with pytest.raises(ValueError, match=r"axes\[1\] must have the dtype and device of axes\[0\], torch.float64 .*32"):
        loss_grid(network, [_axis(2), _axis(2).float()], one, one, SquaredError())
    with pytest.raises(ValueError, match=r"axes must have fewer than 2\*\*40 points in all, got 1048576 x 1048576"):
        loss_grid(network, [torch.zeros(2**20).double()] * 2, one, one, SquaredError())
    for level in ("a", math.nan, math.inf):
        with pytest.raises(ValueError, match=f"level must be a finite number, got {level!r}"):
            grid_bars(torch.tensor([1.0])).count(level)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"losses must lie on a grid with one to four axes, got shape \(\)"):
        grid_bars(torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"losses must be numbers or \+infinity, got NaN or -infinity"):
        grid_bars(torch.tensor([1.0, math.nan]))
    with pytest.raises(ValueError, match="threshold must be a finite number >= 0, got -1"):
        grid_bars(torch.tensor([1.0]), threshold=-1)
    monkeypatch.setitem(sys.modules, "gudhi.cubical_complex", None)
    with pytest.raises(ImportError, match="grid_bars needs gudhi, which the extra `topology` of lossproof installs"):
        grid_bars(torch.tensor([1.0]))
