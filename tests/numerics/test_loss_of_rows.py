"""The loss of many rows: in chunks, with the data of their members, and with less where memory runs out."""

import pytest
import torch
from torch import nn

from numerics import CrossEntropy, FunctionalModule, Mlp, Network, SquaredError, loss_and_gradient
from numerics.loss_of_rows import LossOfRows


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("network", [Mlp((3, 2), "linear"), FunctionalModule(nn.Linear(3, 2, bias=False).double())])
@pytest.mark.parametrize("own", [True, False])
def test_rows_take_the_data_of_their_members(network: Network, own: bool) -> None:
    theta, rows, members = _normal(3, 6), _normal(7, 6, seed=1), torch.tensor([2, 0, 0, 1, 2, 2, 1])
    x, y = (_normal(3, 5, 3), _normal(3, 5, 2)) if own else (_normal(5, 3), _normal(5, 2))
    problem = LossOfRows(network, theta, x, y, SquaredError(), chunk=3)
    value, gradient = problem.slopes(rows, members)
    torch.testing.assert_close(problem.values(rows, members), value, rtol=1e-12, atol=0.0)
    for row, member in enumerate(members.tolist()):
        data = (x[member : member + 1], y[member : member + 1]) if own else (x, y)
        one, slope = loss_and_gradient(network, rows[row : row + 1], *data, SquaredError())
        torch.testing.assert_close(value[row : row + 1], one, rtol=1e-12, atol=0.0)
        torch.testing.assert_close(gradient[row : row + 1], slope, rtol=1e-12, atol=1e-15)


def test_inputs_of_their_own_go_with_targets_that_are_shared() -> None:
    network, theta, x, y = Mlp((3, 2), "linear"), _normal(2, 6), _normal(2, 5, 3), torch.arange(5) % 2
    problem = LossOfRows(network, theta, x, y, CrossEntropy(), chunk=1)
    value, _ = loss_and_gradient(network, theta, x, y, CrossEntropy())
    torch.testing.assert_close(problem.values(theta, torch.arange(2)), value, rtol=1e-12, atol=0.0)


def test_chunks_are_halved_where_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    network, theta = Mlp((3, 2), "linear"), _normal(1, 6)
    problem = LossOfRows(network, theta, _normal(5, 3), _normal(5, 2), SquaredError(), chunk=8)
    rows, forward = _normal(8, 6, seed=1), Mlp.forward

    def small(self: Mlp, theta: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        if len(theta) > 2:
            raise MemoryError
        return forward(self, theta, x)

    wanted = problem.values(rows)
    monkeypatch.setattr(Mlp, "forward", small)
    torch.testing.assert_close(problem.values(rows), wanted, rtol=1e-12, atol=0.0)
    assert problem.chunk == 2


def test_a_chunk_is_a_positive_number() -> None:
    with pytest.raises(ValueError, match="chunk must be an integer >= 1, got 0"):
        LossOfRows(Mlp((1, 1)), _normal(1, 1), _normal(1, 1), _normal(1, 1), SquaredError(), chunk=0)
