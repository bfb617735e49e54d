"""Descent with penalties: closed forms, optimality, and what it shares with plain descent."""

import pytest
import torch

from numerics import CrossEntropy, Mlp, SquaredError, gradient_descent, proximal_descent

LINE = Mlp((2, 1), "linear")


def test_without_penalty_and_momentum_it_is_gradient_descent(device: str) -> None:
    network = Mlp((3, 4, 2), "tanh", bias=True)
    theta = network.init([0, 1], device=device)
    x = torch.linspace(-1, 1, 15, dtype=torch.float64, device=device).reshape(5, 3)
    labels = torch.tensor([0, 1, 1, 0, 1], device=device)
    plain = gradient_descent(network, theta, x, labels, CrossEntropy(), learning_rate=0.3, steps=7).theta
    found = proximal_descent(network, theta, x, labels, CrossEntropy(), learning_rate=0.3, steps=7)
    torch.testing.assert_close(found, plain, rtol=1e-12, atol=1e-14)


def test_it_ends_at_the_soft_threshold_where_that_is_the_minimiser() -> None:
    """With x'x/n = 1, |y - x t|^2/(2n) + a|t|_1 + (b/2)|t|^2 is least at S(x'y/n)/(1 + b)."""
    x = 2**0.5 * torch.eye(2, dtype=torch.float64)
    y = torch.tensor([[1.0], [-0.1]], dtype=torch.float64)
    start = torch.tensor([[3.0, 2.0]], dtype=torch.float64)
    for momentum in (0.0, 0.5):
        found = proximal_descent(
            LINE,
            start,
            x,
            y,
            SquaredError(0.5),
            learning_rate=0.4,
            steps=300,
            decay=0.25,
            lasso=0.2,
            momentum=momentum,
        )
        assert found[0, 0].item() == pytest.approx((2**0.5 / 2 - 0.2) / 1.25, rel=1e-12)
        assert found[0, 1].item() == 0.0


def test_weight_decay_alone_shrinks_by_the_same_factor_every_step() -> None:
    start = torch.tensor([[3.0, -2.0]], dtype=torch.float64)
    nothing = torch.zeros(1, 2, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    found = proximal_descent(LINE, start, *nothing, SquaredError(), learning_rate=0.5, steps=3, decay=0.2)
    torch.testing.assert_close(found, start * 0.9**3, rtol=1e-14, atol=0.0)


def test_the_start_is_not_touched_and_no_step_leaves_it() -> None:
    start = torch.ones(1, 2, dtype=torch.float64)
    one = torch.ones(1, 2, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    found = proximal_descent(LINE, start, *one, SquaredError(), learning_rate=0.1, steps=0, lasso=1.0)
    assert torch.equal(found, start)
    assert found.data_ptr() != start.data_ptr()
    proximal_descent(LINE, start, *one, SquaredError(), learning_rate=0.1, steps=2, lasso=1.0, momentum=0.9)
    assert torch.equal(start, torch.ones_like(start))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"learning_rate": 0.0}, r"learning_rate must be .*got 0"),
        ({"decay": -1.0}, r"decay must be .*got -1"),
        ({"lasso": -1.0}, r"lasso must be .*got -1"),
        ({"steps": -1}, r"steps must be an integer >= 0, got -1"),
        ({"steps": 1.5}, r"steps must be an integer >= 0, got 1.5"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\), got 1.0"),
    ],
)
def test_a_number_out_of_range_is_refused(wrong: dict[str, float], message: str) -> None:
    x, y = torch.ones(1, 2), torch.zeros(1, 1)
    given = {"learning_rate": 0.1, "steps": 1} | wrong
    with pytest.raises(ValueError, match=message):
        proximal_descent(LINE, torch.ones(1, 2), x, y, SquaredError(), **given)  # type: ignore[arg-type]
