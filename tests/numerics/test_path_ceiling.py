"""Upper bounds on the loss along a path: nothing on it is higher, and bisection brings them down to the maximum."""

import pytest
import torch
from torch import Tensor

from numerics import BezierCurve, CrossEntropy, Mlp, Path, SquaredError, connect, loss_ceiling

X = torch.linspace(-1, 1, 7, dtype=torch.float64)[:, None]


def _line(activation: str, *, pairs: int = 4, bias: bool = True, y: Tensor | None = None) -> Path:
    network = Mlp((1, 4, 3, 2), activation, bias=bias)
    theta = network.init(range(2 * pairs), sigma_w=1.5, sigma_b=0.5 if bias else 0.0)
    targets = torch.cat([X**2, X], dim=1) if y is None else y
    return connect(network, theta[:pairs], theta[pairs:], X, targets, SquaredError(prefactor=0.5))


@pytest.mark.parametrize("bias", [True, False], ids=["biases", "none"])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid"])
def test_no_loss_on_a_path_is_above_its_ceiling_however_coarse(activation: str, bias: bool) -> None:
    path = _line(activation, bias=bias)
    largest = path.losses(2001).amax(dim=1)
    for halvings in (1, 4, 24):
        ceiling = loss_ceiling(path, tolerance=1e-3, halvings=halvings)
        assert bool((ceiling.loss >= largest * (1 - 1e-12)).all())
        assert bool((ceiling.largest <= path.peak.loss * (1 + 1e-9)).all())
    assert bool(ceiling.settled.all())
    torch.testing.assert_close(ceiling.loss, largest, rtol=2e-3, atol=0.0)


def test_the_derivative_is_bounded_too_and_not_only_the_maximum() -> None:
    """One piece over the whole line: the bound must hold although the loss at its centre is far below."""
    path = _line("tanh")
    one = loss_ceiling(path, halvings=1, most=1)
    assert bool((one.pieces == 1).all())
    assert bool((one.loss > path.losses(0.5)).all())
    assert not bool(one.settled.any())


def test_a_string_is_below_its_level_everywhere_and_a_line_is_not() -> None:
    network, x = Mlp((1, 4, 1), "tanh", bias=True), X
    theta = network.init(range(4), sigma_w=1.0)
    y = torch.stack([x * 0.0, x * 0.0])  # one set of targets per pair
    y[1] += 0.1
    path = connect(network, theta[:2], theta[2:], x, y, SquaredError())
    top = path.peak.loss
    above = loss_ceiling(path, level=float(top.max()) * 1.01)
    assert bool(above.settled.all())
    below = loss_ceiling(path, level=float(top.min()) * 0.99, halvings=10)
    assert not bool(below.settled.any())
    assert bool((below.loss >= top * (1 - 1e-12)).all())


def test_what_intervals_cannot_bound_is_refused(unchecked: None) -> None:
    path = _line("tanh")
    with pytest.raises(TypeError, match="path must be a Path, got int"):
        loss_ceiling(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="level must be a finite number > 0, got 0"):
        loss_ceiling(path, level=0.0)
    with pytest.raises(ValueError, match="halvings must be an integer >= 1, got 0"):
        loss_ceiling(path, halvings=0)
    with pytest.raises(ValueError, match=r"the activation must be one of linear, .* got sine"):
        loss_ceiling(_line("sine"))
    network = Mlp((1, 4, 3, 2), "tanh", bias=True)
    labels = torch.zeros(7, dtype=torch.int64)
    ends = network.init([0]), network.init([1])
    with pytest.raises(TypeError, match="must connect perceptrons with squared errors, got Mlp with CrossEntropy"):
        loss_ceiling(connect(network, *ends, X, labels, CrossEntropy()))
    y = torch.cat([X, X], dim=1)
    curve = connect(network, *ends, X, y, SquaredError(), method=BezierCurve(steps=1), seeds=[0])
    with pytest.raises(ValueError, match=r"path must be made of straight pieces, got Path\(bezier"):
        loss_ceiling(curve)
