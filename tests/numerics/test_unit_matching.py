"""Matching of hidden units: a planted order is found again, and matching never changes a function."""

import pytest
import torch
from torch import Tensor, nn

from numerics import FunctionalModule, MatchedLine, Mlp, SquaredError, connect, match_units
from numerics.paths.hidden_units import hidden_layers
from numerics.seeded import generators


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _shuffled(network: Mlp | FunctionalModule, theta: Tensor, *, signs: bool = False) -> Tensor:
    """The same functions with hidden units in random order, some with the opposite sign."""
    for number, layer in enumerate(hidden_layers(network)):
        draws = list(generators(f"shuffle {number}", range(len(theta))))
        order = torch.stack([torch.randperm(layer.units, generator=one) for one in draws])
        sign = torch.stack([2.0 * torch.randint(2, (layer.units,), generator=one) - 1 for one in draws]).double()
        theta = layer.reordered(theta, order, sign if signs else torch.ones_like(sign))
    return theta


def _convolutional() -> FunctionalModule:
    module = nn.Sequential(
        nn.Unflatten(1, (1, 6, 6)),
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.GELU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Sequential(nn.Linear(16, 5), nn.Tanh()),
        nn.Linear(5, 2),
    )
    return FunctionalModule(module.double().eval())


NETWORKS = [
    (Mlp((4, 9, 3), "relu", bias=True), False),
    (Mlp((4, 9, 3), "tanh"), True),
    (Mlp((4, 6, 7, 5, 3), "tanh", bias=True), True),
    (Mlp((4, 6, 7, 3), "quadratic", bias=True), True),
    (Mlp((4, 6, 5, 3), "sigmoid"), False),
]


@pytest.mark.parametrize(("network", "signs"), NETWORKS, ids=repr)
@pytest.mark.parametrize("by", ["weights", "activations"])
def test_a_planted_order_is_recovered_exactly(network: Mlp, signs: bool, by: str) -> None:
    theta, x = _normal(4, network.parameters), _normal(30, 4)
    shuffled = _shuffled(network, theta, signs=signs)
    assert not torch.equal(shuffled, theta)
    torch.testing.assert_close(network.forward(shuffled, x), network.forward(theta, x), rtol=1e-9, atol=1e-10)
    matching = match_units(network, theta, shuffled, by=by, x=x)  # type: ignore[arg-type]
    assert torch.equal(matching.theta, theta)
    torch.testing.assert_close(matching.product, theta.square().sum(dim=1), rtol=1e-12, atol=0.0)


def test_the_matched_line_of_a_reordered_copy_has_no_barrier() -> None:
    network = Mlp((4, 12, 6, 3), "tanh", bias=True)
    theta, x = _normal(3, network.parameters), _normal(20, 4)
    y = network.forward(theta, x)  # which both ends fit
    shuffled = _shuffled(network, theta, signs=True)
    line = connect(network, theta, shuffled, x, y, SquaredError())
    assert bool((line.barrier > 0.1).all())
    for method in ("matched-line", MatchedLine(by="activations")):
        matched = connect(network, theta, shuffled, x, y, SquaredError(), method=method)
        assert matched.barrier.tolist() == matched.length.tolist() == [0.0] * 3
        assert matched.matching is not None
        assert torch.equal(matched.at(1.0), matched.matching.theta)


@pytest.mark.parametrize("by", ["weights", "activations"])
def test_a_planted_order_of_a_module_is_recovered_exactly(by: str) -> None:
    view = _convolutional()
    assert [(layer.units, layer.parity) for layer in hidden_layers(view)] == [(4, "none"), (5, "odd")]
    theta, x = _normal(2, view.parameters), _normal(10, 36)
    shuffled = _shuffled(view, theta)
    torch.testing.assert_close(view.forward(shuffled, x), view.forward(theta, x), rtol=1e-9, atol=1e-10)
    matching = match_units(view, theta, shuffled, by=by, x=x)  # type: ignore[arg-type]
    assert torch.equal(matching.theta, theta)


@pytest.mark.parametrize(("network", "signs"), NETWORKS, ids=repr)
def test_matching_changes_no_function_and_never_lowers_the_product(network: Mlp, signs: bool) -> None:
    one, other, x = _normal(3, network.parameters), _normal(3, network.parameters, seed=1), _normal(8, 4)
    matching = match_units(network, one, other)
    torch.testing.assert_close(network.forward(matching.theta, x), network.forward(other, x), rtol=1e-9, atol=1e-10)
    assert bool((matching.product >= (one * other).sum(dim=1)).all())
    assert torch.equal(matching.theta.abs().sort(dim=1).values, other.abs().sort(dim=1).values)  # nothing is rounded
    unsigned = match_units(network, one, other, signs=False)
    assert all(bool((sign == 1).all()) for sign in unsigned.signs)
    if signs and len(network.widths) == 3:  # solved exactly, so that more freedom cannot be worse
        assert bool((matching.product >= unsigned.product).all())
    replayed = other
    for layer, order, sign in zip(hidden_layers(network), matching.orders, matching.signs, strict=True):
        replayed = layer.reordered(replayed, order, sign)
    assert torch.equal(replayed, matching.theta)


def test_of_one_hidden_layer_no_order_does_better() -> None:
    """All 24 orders and 16 signs of four units."""
    from itertools import permutations, product

    network = Mlp((2, 4, 1), "tanh", bias=True)
    one, other = _normal(1, network.parameters), _normal(1, network.parameters, seed=1)
    (layer,) = hidden_layers(network)
    best = max(
        float((layer.reordered(other, torch.tensor([order]), torch.tensor([sign], dtype=torch.float64)) * one).sum())
        for order in permutations(range(4))
        for sign in product((-1.0, 1.0), repeat=4)
    )
    assert float(match_units(network, one, other).product) == pytest.approx(best, rel=1e-12)


def test_networks_without_hidden_layers_are_left_as_they_are() -> None:
    network, one, other = Mlp((3, 2), "tanh"), _normal(2, 6), _normal(2, 6, seed=1)
    matching = match_units(network, one, other)
    assert torch.equal(matching.theta, other)
    assert repr(matching) == "UnitMatching(2 pairs, hidden units [])"


def test_what_cannot_be_matched_is_refused(unchecked: None) -> None:
    network, theta = Mlp((3, 4, 2), "tanh"), _normal(2, 20)
    with pytest.raises(ValueError, match=r"theta_b must have theta_a's shape, .* got \(1, 20\)"):
        match_units(network, theta, theta[:1])
    with pytest.raises(ValueError, match="theta_a must be finite"):
        match_units(network, theta / 0, theta)
    with pytest.raises(ValueError, match='by must be "weights" or "activations", got 3'):
        match_units(network, theta, theta, by=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="signs must be True or False, got 1"):
        match_units(network, theta, theta, signs=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"x must be the inputs at which activations are compared .* got None"):
        match_units(network, theta, theta, by="activations")
    with pytest.raises(ValueError, match="x must be finite"):
        match_units(network, theta, theta, by="activations", x=torch.full((2, 3), torch.nan).double())
    with pytest.raises(ValueError, match="theta_a, theta_b and x must leave finite products of units, but they over"):
        match_units(network, 1e200 * theta, 1e200 * theta)
    with pytest.raises(TypeError, match=r"theta_b must hold rows of parameters, got the module Linear"):
        match_units(network, theta, nn.Linear(3, 2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='by must be "weights" or "activations", got 3'):
        MatchedLine(by=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="signs must be True or False, got 1"):
        MatchedLine(signs=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)), "network must be a chain of layers and"),
        (nn.Sequential(nn.Linear(3, 4), nn.PReLU(4), nn.Linear(4, 2)), r"1 \(PReLU\) has a slope for each unit"),
        (nn.Bilinear(3, 3, 2), r"elementwise activations .*: Bilinear is no nn.Sequential; put its layers into one"),
        (
            nn.Sequential(nn.Conv1d(2, 4, 1), nn.ReLU(), nn.Conv1d(4, 4, 1, groups=2)),
            r"those of 0.weight cannot: its convolutions are grouped",
        ),
    ],
    ids=["layer norm", "slopes", "no chain", "groups"],
)
def test_modules_whose_units_cannot_be_reordered_are_refused(module: nn.Module, message: str) -> None:
    view = FunctionalModule(module)
    with pytest.raises(ValueError, match=message):
        match_units(view, view.theta, view.theta)


def test_a_frozen_layer_is_refused() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    module[0].weight.requires_grad_(False)
    view = FunctionalModule(module)
    with pytest.raises(ValueError, match=r"trainable layers for its units to be matched, but 0.weight is frozen"):
        match_units(view, view.theta, view.theta)
