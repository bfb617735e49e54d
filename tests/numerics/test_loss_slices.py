"""Slices of the loss: what they show, and which of them a rescaling leaves as they are."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from numerics import (
    CrossEntropy,
    FunctionalModule,
    Mlp,
    SquaredError,
    loss_and_gradient,
    loss_slice,
    random_directions,
    rescaling_factors,
    unit_rescaling_factors,
)

STEPS = torch.linspace(-1, 1, 9, dtype=torch.float64)


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _convolutional() -> FunctionalModule:
    module = nn.Sequential(
        nn.Unflatten(1, (1, 6, 6)), nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2)
    )
    return FunctionalModule(module.double())


def test_a_plane_holds_the_losses_of_its_points(device: str) -> None:
    network, x, y = Mlp((3, 4, 2), "tanh", bias=True), _normal(10, 3).to(device), _normal(10, 2, seed=1).to(device)
    theta = network.init(range(3), sigma_b=0.3).to(device)
    directions = random_directions(network, theta, seeds=range(3), count=2, vectors="keep")
    other = torch.tensor([0.0, 0.5])
    found = loss_slice(network, theta, directions, x, y, SquaredError(), steps=(STEPS.to(device), other.to(device)))
    assert found.losses.shape == (3, 9, 2)
    assert [len(axis) for axis in found.steps] == [9, 2]
    for one, s in enumerate(STEPS.tolist()):
        for two, t in enumerate(other.tolist()):
            value, _ = loss_and_gradient(network, theta + s * directions[0] + t * directions[1], x, y, SquaredError())
            torch.testing.assert_close(found.losses[:, one, two], value, rtol=1e-12, atol=0.0)


def test_members_with_data_of_their_own_keep_them_whatever_the_chunk() -> None:
    for network in (Mlp((3, 2), "linear"), FunctionalModule(nn.Linear(3, 2, bias=False).double())):
        theta, x, y = _normal(4, 6), _normal(4, 5, 3), torch.arange(20).reshape(4, 5) % 2
        directions = random_directions(network, theta, seeds=range(4), normalisation="none")
        whole = loss_slice(network, theta, directions, x, y, CrossEntropy(), steps=STEPS)
        parts = loss_slice(network, theta, directions, x, y, CrossEntropy(), steps=STEPS, chunk=4)
        torch.testing.assert_close(parts.losses, whole.losses, rtol=1e-12, atol=0.0)
        for member in range(4):
            one = slice(member, member + 1)
            alone = loss_slice(network, theta[one], directions[:, one], x[one], y[one], CrossEntropy(), steps=STEPS)
            torch.testing.assert_close(alone.losses, whole.losses[one], rtol=1e-12, atol=0.0)


def test_a_long_slice_is_laid_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    network, theta, x, y = Mlp((3, 2), "linear"), _normal(2, 6), _normal(5, 3), _normal(5, 2)
    directions = random_directions(network, theta, seeds=range(2), count=2)
    whole = loss_slice(network, theta, directions, x, y, SquaredError(), steps=STEPS)
    monkeypatch.setattr("numerics.loss_slices._POINTS", 6 * 50)
    parts = loss_slice(network, theta, directions, x, y, SquaredError(), steps=STEPS)
    torch.testing.assert_close(parts.losses, whole.losses, rtol=1e-12, atol=0.0)


def test_of_a_quadratic_loss_a_slice_is_a_parabola_with_its_curvature() -> None:
    network, x = Mlp((5, 1), "linear"), _normal(20, 5)
    theta = _normal(1, 5, seed=2)
    y = network.forward(theta, x)[0]
    d = random_directions(network, theta, seeds=[3])
    found = loss_slice(network, theta, d, x, y, SquaredError(), steps=STEPS).losses[0]
    curvature = (x @ d[0, 0]).square().mean()
    torch.testing.assert_close(found, curvature * STEPS**2, rtol=1e-10, atol=1e-28)


class TestDirections:
    def test_filters_have_the_norms_of_the_parameters(self) -> None:
        view = _convolutional()
        theta = view.init([0, 1], sigma_b=0.5)
        named = view.unflatten(theta)
        for normalisation, axes in (("filter", 2), ("layer", 1)):
            d = view.unflatten(random_directions(view, theta, seeds=[0, 1], normalisation=normalisation)[0])  # type: ignore[arg-type]
            for name, value in named.items():
                if value.ndim == 2:
                    assert not d[name].any()
                else:
                    norms = [each.flatten(axes).norm(dim=axes) for each in (d[name], value)]
                    torch.testing.assert_close(*norms, rtol=1e-12, atol=0.0)
        kept = view.unflatten(random_directions(view, theta, seeds=[0, 1], vectors="keep")[0])
        torch.testing.assert_close(kept["1.bias"].norm(dim=1), named["1.bias"].norm(dim=1), rtol=1e-12, atol=0.0)
        assert not torch.allclose(kept["1.bias"].abs(), named["1.bias"].abs())  # all of it is one filter
        copied = view.unflatten(random_directions(view, theta, seeds=[0, 1], vectors="copy")[0])
        assert torch.equal(copied["1.bias"], named["1.bias"])

    def test_directions_are_random_and_depend_on_their_seed_alone(self) -> None:
        network = Mlp((10, 30, 10), "relu")
        theta = network.init(range(2))
        both = random_directions(network, theta, seeds=[7, 8], count=2, normalisation="none")
        assert torch.equal(random_directions(network, theta[1:], seeds=[8], normalisation="none")[0, 0], both[0, 1])
        flat = both.flatten(0, 1)
        overlap = (flat @ flat.mT) / 600
        assert float((overlap - torch.eye(4).double()).abs().max()) < 4.5 * math.sqrt(2 / 600)
        entries = random_directions(network, theta, seeds=[7, 8], normalisation="element")[0]
        torch.testing.assert_close(entries, both[0] * theta.abs(), rtol=1e-13, atol=0.0)

    def test_a_filter_of_zeros_is_not_moved(self) -> None:
        network = Mlp((2, 2), "linear")
        theta = torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64)
        d = random_directions(network, theta, seeds=[0])[0, 0]
        assert d[:2].tolist() == [0.0, 0.0]
        assert float(d[2:].norm()) == pytest.approx(math.sqrt(2))

    @pytest.mark.parametrize("normalisation", ["filter", "layer", "element"])
    @pytest.mark.parametrize(
        ("dtype", "powers"), [(torch.float32, (1, -90, -75, 75, 120)), (torch.float64, (1, -900, -600, 600, 1000))]
    )
    def test_directions_grow_with_the_parameters_as_far_as_numbers_go(
        self, normalisation: str, dtype: torch.dtype, powers: tuple[int, ...]
    ) -> None:
        """Also where squares of the parameters overflow or vanish."""
        network, options = Mlp((3, 4, 2), "relu"), {"seeds": [0, 1], "normalisation": normalisation}
        theta = network.init([0, 1]).to(dtype)
        near = random_directions(network, theta, **options)  # type: ignore[arg-type]
        assert near.dtype == dtype
        for power in powers:
            far = random_directions(network, theta * 2.0**power, **options)  # type: ignore[arg-type]
            torch.testing.assert_close(far / 2.0**power, near, rtol=4 * torch.finfo(dtype).eps, atol=0.0)

    def test_perceptrons_and_modules_have_the_same(self) -> None:
        network = Mlp((3, 4, 2), "relu", bias=True)
        view = FunctionalModule(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double())
        theta = network.init([0, 1], sigma_b=1.0)
        one, other = (random_directions(each, theta, seeds=[0, 1], vectors="keep") for each in (network, view))
        assert torch.equal(one, other)


class TestRescaling:
    """The same function at other parameters: the slices along directions of the same seed."""

    def _slices(self, normalisation: str, vectors: str, by: str) -> tuple[Tensor, Tensor]:
        network, x, labels = Mlp((4, 8, 6, 3), "relu", bias=True), _normal(30, 4), torch.arange(30) % 3
        theta = network.init([0, 1], sigma_w=1.4, sigma_b=0.3)
        if by == "layers":
            factors = rescaling_factors(network, (30.0, 0.2, 1 / 6))
        else:
            factors = unit_rescaling_factors(network, [10 ** _normal(8), 10 ** _normal(6, seed=1)])
        found = []
        for point in (theta, factors * theta):
            directions = random_directions(
                network,
                point,
                seeds=[5, 6],
                count=2,
                normalisation=normalisation,
                vectors=vectors,  # type: ignore[arg-type]
            )
            found.append(loss_slice(network, point, directions, x, labels, CrossEntropy(), steps=STEPS).losses)
        return found[0], found[1]

    @pytest.mark.parametrize("vectors", ["zero", "keep", "copy"])
    @pytest.mark.parametrize(
        ("normalisation", "by"),
        [("filter", "layers"), ("layer", "layers"), ("element", "layers"), ("element", "units")],
    )
    def test_leaves_these_slices_alone(self, normalisation: str, vectors: str, by: str) -> None:
        before, after = self._slices(normalisation, vectors, by)
        torch.testing.assert_close(after, before, rtol=1e-11, atol=0.0)
        assert float(before.std()) > 0.1

    @pytest.mark.parametrize("vectors", ["zero", "keep", "copy"])
    @pytest.mark.parametrize(
        ("normalisation", "by"), [("none", "layers"), ("none", "units"), ("layer", "units"), ("filter", "units")]
    )
    def test_changes_these(self, normalisation: str, vectors: str, by: str) -> None:
        before, after = self._slices(normalisation, vectors, by)
        assert float((after - before).abs().max()) > 0.5
        centre = len(STEPS) // 2
        torch.testing.assert_close(after[:, centre, centre], before[:, centre, centre], rtol=1e-11, atol=0.0)

    def test_takes_a_direction_to_its_image(self) -> None:
        """Along F d the slice of F theta is that of theta along d, for every d."""
        network, x, y = Mlp((4, 8, 3), "relu", bias=True), _normal(30, 4), _normal(30, 3, seed=1)
        theta = network.init([0, 1], sigma_w=1.4, sigma_b=0.3)
        factors = unit_rescaling_factors(network, [10 ** _normal(8)])
        d = random_directions(network, theta, seeds=[0, 1], normalisation="none", vectors="keep")
        one, other = (
            loss_slice(network, scale * theta, scale * d, x, y, SquaredError(), steps=STEPS).losses
            for scale in (torch.ones_like(factors), factors)
        )
        torch.testing.assert_close(other, one, rtol=1e-11, atol=0.0)


def test_coordinates_may_be_plain_numbers() -> None:
    network, x, y = Mlp((3, 2), "linear"), _normal(5, 3), _normal(5, 2)
    theta = network.init([0, 1])
    directions = random_directions(network, theta, seeds=[0, 1], count=2)

    def losses(steps: Any, count: int = 2) -> Tensor:
        return loss_slice(network, theta, directions[:count], x, y, SquaredError(), steps=steps).losses

    whole = losses((torch.tensor([0.0, 0.5]), torch.tensor([0.0, 0.5])))
    for steps in ([0, 0.5], (0.0, 0.5), torch.tensor([0.0, 0.5]), np.array([0.0, 0.5]), [[0.0, 0.5], [0, 0.5]]):
        assert torch.equal(losses(steps), whole)
    assert torch.equal(losses([np.array([0.0, 0.5]), torch.tensor([0.5])]), whole[:, :, 1:])
    assert torch.equal(losses([0.0, 0.5], 1), whole[:, :, 0])
    assert torch.equal(losses([[0.0, 0.5]], 1), whole[:, :, 0])
    assert losses([0.0, 0.1], 1).dtype == torch.float64
    assert torch.equal(losses([0.1], 1), losses(torch.tensor([0.1], dtype=torch.float64), 1))


def test_a_slice_reads_in_one_line() -> None:
    network, x = Mlp((1, 1), "linear"), torch.ones(1, 1)
    found = loss_slice(network, x, torch.ones(2, 1, 1), x, 0 * x, SquaredError(), steps=[-1.0, 0.0, 1.0])
    assert repr(found) == "LossSlice(1 member, 3 x 3 points, losses 0 to 9)"


def test_a_module_with_a_loss_of_torchs_has_the_slice_of_its_view(device: str) -> None:
    module = _convolutional().module.requires_grad_().to(device)
    view, x, labels = FunctionalModule(module), _normal(12, 36).to(device), torch.arange(12, device=device) % 2
    directions = random_directions(module, None, seeds=[3], count=2)
    assert torch.equal(directions, random_directions(view, view.theta, seeds=[3], count=2))
    one = loss_slice(view, view.theta, directions, x, labels, CrossEntropy(), steps=STEPS)
    for network, theta in ((module, None), (view, view.theta)):
        other = loss_slice(network, theta, directions, x, labels, nn.CrossEntropyLoss(), steps=STEPS)
        torch.testing.assert_close(other.losses, one.losses, rtol=1e-12, atol=0.0)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in module.parameters())


def test_where_the_loss_overflows_it_is_infinite() -> None:
    network, x = Mlp((1, 1), "linear"), torch.ones(1, 1)
    theta, direction = torch.ones(1, 1), torch.full((1, 1, 1), 1e30)
    found = loss_slice(network, theta, direction, x, x, SquaredError(), steps=torch.tensor([0.0, 1.0]))
    assert found.losses.tolist() == [[0.0, math.inf]]


@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    NETWORK, THETA = Mlp((2, 1), "linear"), torch.ones(1, 2)

    def test_directions(self) -> None:
        def call(**changes: object) -> None:
            pieces = {"network": self.NETWORK, "theta": self.THETA, "seeds": [0], **changes}
            random_directions(pieces.pop("network"), pieces.pop("theta"), **pieces)  # type: ignore[arg-type]

        with pytest.raises(TypeError, match="network must be an Mlp, a FunctionalModule or a module, got list"):
            call(network=[])
        with pytest.raises(ValueError, match=r"theta must have shape \(members, 2\), got \(1, 3\)"):
            call(theta=torch.ones(1, 3))
        with pytest.raises(ValueError, match="theta must be finite, got NaN"):
            call(theta=torch.full((1, 2), math.nan))
        for normalisation in ("filter", "layer", "element"):
            with pytest.raises(ValueError, match=r"theta must be small .* of its size to be finite in torch\.float32"):
                call(network=Mlp((60, 1)), theta=torch.full((1, 60), 3e38), normalisation=normalisation)
        with pytest.raises(ValueError, match="seeds must hold one integer per member, 1, got 2"):
            call(seeds=[0, 1])
        for count in (0, 3, True, "2"):
            with pytest.raises(ValueError, match="count must be 1 or 2, got"):
                call(count=count)
        with pytest.raises(ValueError, match="normalisation must be one of filter, layer, element, none, got 'row'"):
            call(normalisation="row")
        with pytest.raises(ValueError, match="vectors must be one of zero, keep, copy, got None"):
            call(vectors=None)

    def test_slices(self) -> None:
        x = torch.ones(3, 2)

        def call(directions: object = None, steps: object = None, **changes: object) -> None:
            directions = torch.ones(1, 1, 2) if directions is None else directions
            steps = torch.ones(2) if steps is None else steps
            y = torch.ones(3, 1)
            loss_slice(self.NETWORK, self.THETA, directions, x, y, SquaredError(), steps=steps, **changes)  # type: ignore[arg-type]

        with pytest.raises(TypeError, match="directions must be a torch tensor, got list"):
            call([[1.0]])
        for shape in ((1, 2), (3, 1, 2), (1, 2, 2), (0, 1, 2)):
            with pytest.raises(ValueError, match=r"directions must have shape \(1 or 2, 1, 2\), got"):
                call(torch.ones(shape))
        with pytest.raises(
            ValueError, match=r"directions must have theta's dtype and device, torch.float32 on cpu, got"
        ):
            call(torch.ones(1, 1, 2).double())
        with pytest.raises(ValueError, match="directions must be finite, got NaN"):
            call(torch.full((1, 1, 2), math.inf))
        for steps in (3.0, (torch.ones(2), torch.ones(2)), "ab"):
            with pytest.raises(
                ValueError, match=r"steps must be a row of coordinates, or one for each direction, .* 1, got"
            ):
                call(steps=steps)
        for steps in (torch.ones(2, 2), torch.ones(0)):
            with pytest.raises(ValueError, match="steps must have one axis and at least one coordinate, got"):
                call(steps=steps)
        with pytest.raises(TypeError, match="steps must be numbers or torch tensors, got str"):
            call(steps=["1"])
        with pytest.raises(ValueError, match="steps must have one axis and at least one coordinate, got"):
            call(steps=[])
        with pytest.raises(ValueError, match="theta must be given with an Mlp, which has no parameters of its own"):
            random_directions(self.NETWORK, None, seeds=[0])
        with pytest.raises(ValueError, match="steps must be finite, got NaN"):
            call(steps=torch.tensor([math.nan]))
        with pytest.raises(ValueError, match="chunk must be an integer >= 1, got 0"):
            call(chunk=0)
