"""Deleting edges: which are the smallest, and that outputs move by no more than the bounds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import Mlp, carried_deletion_bound, deletion_bound, smallest_edges


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    activation=st.sampled_from(["linear", "relu", "leaky_relu", "tanh", "sine"]),
    share=st.floats(0, 1),
    layers=st.integers(1, 4),
)
def test_no_output_moves_farther_than_either_bound(seed: int, activation: str, share: float, layers: int) -> None:
    network = Mlp((3, *[4] * (layers - 1), 2), activation)
    theta = network.init([seed, seed + 1], sigma_w=2.0)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    places = torch.rand(theta.shape, generator=generator, dtype=torch.float64)
    for scores in (theta, places):
        deleted = smallest_edges(network, scores, share)
        moved = network.forward(theta, x) - network.forward(theta.masked_fill(deleted, 0.0), x)
        carried, norms = (bound(network, theta, deleted, x) for bound in (carried_deletion_bound, deletion_bound))
        assert bool((moved.norm(dim=-1) <= carried * (1 + 1e-12) + 1e-14).all())
        assert bool((carried <= norms * (1 + 1e-12) + 1e-14).all())


def test_a_single_edge_a_layer_moves_the_output_by_the_bound(device: str) -> None:
    network = Mlp((1, 1, 1, 1), "relu")
    theta = torch.tensor([[2.0, 3.0, 5.0]], dtype=torch.float64, device=device)
    x = torch.tensor([[7.0]], dtype=torch.float64, device=device)
    for edge in range(3):
        deleted = torch.zeros_like(theta, dtype=torch.bool)
        deleted[0, edge] = True
        assert deletion_bound(network, theta, deleted, x).item() == 210.0
        assert carried_deletion_bound(network, theta, deleted, x).item() == 210.0


@pytest.mark.parametrize("activation", ["linear", "relu", "leaky_relu"])
def test_where_every_unit_loses_equally_many_of_equal_edges_both_bounds_are_the_change(activation: str) -> None:
    """Three layers of 5 units: 1, 3 and 2 of the five edges of each unit go, on a ring."""
    network = Mlp((5, 5, 5, 5), activation)
    theta = torch.tensor([2.0, 3.0, 0.5], dtype=torch.float64).repeat_interleave(25)[None] / 5
    ring = (torch.arange(5)[:, None] - torch.arange(5)) % 5
    deleted = torch.cat([(ring < lost).flatten() for lost in (1, 3, 2)])[None]
    x = torch.ones(1, 5, dtype=torch.float64)
    moved = (network.forward(theta, x) - network.forward(theta.masked_fill(deleted, 0.0), x)).norm()
    assert moved.item() == pytest.approx(5**0.5 * (3 - 3 * 4 / 5 * 2 / 5 * 3 / 5), rel=1e-12)
    for bound in (deletion_bound, carried_deletion_bound):
        assert bound(network, theta, deleted, x).item() == pytest.approx(moved.item(), rel=1e-12)


def test_where_only_the_last_layer_loses_edges_the_change_is_what_they_carry() -> None:
    network = Mlp((3, 6, 4), "tanh")
    theta = network.init([0, 1, 2])
    deleted = smallest_edges(network, theta, 0.4)
    deleted[:, : network.spans[-1][0]] = False
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = network.forward(theta, x) - network.forward(theta.masked_fill(deleted, 0.0), x)
    torch.testing.assert_close(
        carried_deletion_bound(network, theta, deleted, x), moved.norm(dim=-1), rtol=1e-12, atol=1e-14
    )


def test_deleting_nothing_moves_nothing() -> None:
    network = Mlp((3, 4, 2), "tanh")
    theta = network.init([0])
    none = smallest_edges(network, theta, 0.0)
    assert not none.any()
    assert deletion_bound(network, theta, none, torch.ones(2, 3, dtype=torch.float64)).tolist() == [[0.0, 0.0]]


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), share=st.floats(0, 1))
def test_of_every_layer_the_same_share_goes_and_none_that_stays_is_smaller(seed: int, share: float) -> None:
    network = Mlp((3, 5, 2), bias=True)
    theta = network.init([seed, seed + 1], sigma_b=1e-9)
    chosen = smallest_edges(network, theta, share)
    for start, middle, end in network.spans:
        sizes, gone = theta[:, start:middle].abs(), chosen[:, start:middle]
        assert (gone.sum(1) == round(share * (middle - start))).all()
        assert not chosen[:, middle:end].any()
        for size, out in zip(sizes, gone, strict=True):
            assert not (out.any() and not out.all()) or size[out].max() <= size[~out].min()


@pytest.mark.usefixtures("unchecked")
def test_what_the_bound_is_not_for_is_refused() -> None:
    x = torch.ones(1, 2, dtype=torch.float64)
    plain = Mlp((2, 2, 1), "relu")
    theta = plain.init([0])
    none = torch.zeros_like(theta, dtype=torch.bool)
    for share in (-0.1, 1.1, float("nan"), "0.5", True):
        with pytest.raises(ValueError, match=r"share must lie in \[0, 1\], got "):
            smallest_edges(plain, theta, share)  # type: ignore[arg-type]
    for wrong in (theta * torch.nan, theta * torch.inf):
        with pytest.raises(ValueError, match="theta must be finite, got NaN or infinity"):
            smallest_edges(plain, wrong, 0.5)
    for bound in (deletion_bound, carried_deletion_bound):
        with pytest.raises(ValueError, match=r"network must have no biases, got one that has"):
            bound(Mlp((2, 2), "relu", bias=True), Mlp((2, 2), bias=True).init([0]), none, x)
        with pytest.raises(ValueError, match=r"activation must be one of linear, .* got sigmoid"):
            bound(Mlp((2, 2, 1), "sigmoid"), theta, none, x)
        with pytest.raises(ValueError, match=r"deleted must be truth values of shape \(1, 6\) on cpu, got "):
            bound(plain, theta, theta, x)
        with pytest.raises(ValueError, match="x must be finite, got NaN or infinity"):
            bound(plain, theta, none, x / 0)
        with pytest.raises(TypeError, match="deleted must be a torch tensor, got list"):
            bound(plain, theta, [False], x)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="network must be an Mlp, got Linear"):
            bound(torch.nn.Linear(2, 1), theta, none, x)  # type: ignore[arg-type]
        for wrong in (theta * torch.nan, theta * torch.inf):
            with pytest.raises(ValueError, match="theta must be finite, got NaN or infinity"):
                bound(plain, wrong, none, x)
