"""Training within random subspaces: what can be reached there, and the dimension at which a score is reached."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import Mlp, SquaredError, crossing_dimension, random_projection, train_in_subspace

NETWORK = Mlp((4, 6, 2), "tanh", bias=True)


def problem() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    return NETWORK.init([1, 2]), x, torch.randn(5, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("kind", ["dense", "sparse", "fastfood"])
def test_the_end_lies_in_the_subspace_and_has_the_loss_that_is_told(kind: str) -> None:
    theta, x, y = problem()
    projection = random_projection(kind, NETWORK.parameters, 9, seeds=[5, 6])
    end = train_in_subspace(NETWORK, theta, x, y, SquaredError(), projection, learning_rate=0.1, steps=60)
    torch.testing.assert_close(end.theta, theta + projection.push(end.coordinates))
    outputs = NETWORK.forward(end.theta, x)
    torch.testing.assert_close(end.loss, SquaredError().value(outputs, y))
    assert (end.loss < 0.7 * SquaredError().value(NETWORK.forward(theta, x), y)).all()


def test_a_linear_problem_ends_at_the_least_squares_solution_of_its_subspace() -> None:
    network = Mlp((12, 1), "linear")
    generator = torch.Generator().manual_seed(1)
    x, y = torch.eye(12, dtype=torch.float64), torch.randn(12, 1, generator=generator, dtype=torch.float64)
    projection = random_projection("dense", 12, 5, seeds=[3])
    start = torch.zeros(1, 12, dtype=torch.float64)
    end = train_in_subspace(network, start, x, y, SquaredError(), projection, learning_rate=0.05, steps=500)
    torch.testing.assert_close(end.coordinates, projection.pull(y.T), rtol=1e-4, atol=1e-5)


@settings(max_examples=15)
@given(level=st.floats(0.05, 0.95))
def test_a_score_that_is_the_logarithm_of_dimension_is_crossed_where_it_should_be(level: float) -> None:
    scores = torch.tensor([[0.0, 0.5, 1.0]], dtype=torch.float64)
    found = crossing_dimension([1, 10, 100], scores, torch.tensor([level], dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor([100.0**level], dtype=torch.float64))


def test_a_score_that_is_never_reached_or_from_the_start() -> None:
    scores = torch.tensor([[0.5, 0.4], [0.9, 0.2], [0.1, 0.1]])
    assert crossing_dimension([3, 6], scores, torch.tensor([0.6, 0.8, 0.1])).tolist() == [torch.inf, 3, 3]


@pytest.mark.usefixtures("unchecked")
def test_bad_subspaces_are_refused() -> None:
    theta, x, y = problem()
    other = random_projection("dense", 10, 2, seeds=[5, 6])
    with pytest.raises(ValueError, match=r"projection must be of \(2, 44\) members and parameters, got \(2, 10, 2\)"):
        train_in_subspace(NETWORK, theta, x, y, SquaredError(), other, learning_rate=0.1, steps=1)
    with pytest.raises(TypeError, match="projection must be one of random_projection, got NoneType"):
        train_in_subspace(NETWORK, theta, x, y, SquaredError(), None, learning_rate=0.1, steps=1)  # type: ignore[arg-type]
    for wrong, told in (
        ([4, 2], r"\[4, 2\]"),
        ([True, 2], r"\[True, 2\]"),
        ([1, 2.5], r"\[1, 2\.5\]"),
        ([3], r"\[3\]"),
    ):
        with pytest.raises(ValueError, match=rf"dimensions must be integers, .* increasing, got {told}"):
            crossing_dimension(wrong, torch.zeros(1, 2), torch.zeros(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="dimensions must be a sequence of integers, got None"):
        crossing_dimension(None, torch.zeros(1, 2), torch.zeros(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="scores must be a torch tensor, got list"):
        crossing_dimension([2, 4], [[0.1, 0.2]], torch.zeros(1))  # type: ignore[arg-type]
    for scores, level in ((torch.nan, 0.5), (0.5, torch.nan)):
        with pytest.raises(ValueError, match="must be finite, got NaN or infinity"):
            crossing_dimension([2, 4], torch.full((1, 2), scores), torch.full((1,), level))
    with pytest.raises(ValueError, match=r"scores and level must have shapes"):
        crossing_dimension([2, 4], torch.zeros(1, 3), torch.zeros(1))
