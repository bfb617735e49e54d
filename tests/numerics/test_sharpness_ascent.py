"""Sharpness by ascent: formulas where the loss is quadratic, brute force in two dimensions, and honest lower bounds."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from numerics import (
    CrossEntropy,
    FunctionalModule,
    Mlp,
    Sharpness,
    SquaredError,
    box_sharpness,
    epsilon_sharpness,
    loss_and_gradient,
    random_basis,
    rescaling_factors,
    unit_rescaling_factors,
)
from numerics.projected_ascent import ascend

HALF = SquaredError(0.5)


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _quadratic(size: int, members: int = 3) -> tuple[Mlp, Tensor, Tensor, Tensor]:
    """L = |X theta - y|^2/(2 m): each member has its own X of rank size, and fits its own y at theta."""
    network, x = Mlp((size, 1), "linear"), _normal(members, 2 * size, size)
    theta = _normal(members, size, seed=1)
    return network, theta, x, network.forward(theta, x)


def _hessian(x: Tensor) -> Tensor:
    return x.mT @ x / x.shape[-2]


def _trust_region(hessian: Tensor, gradient: Tensor, epsilon: float) -> float:
    """max g z + z'Hz/2 over |z| <= epsilon for H > 0: (mu - H) z = g with mu above the spectrum and |z| = epsilon."""
    values, vectors = torch.linalg.eigh(hessian)
    g = vectors.mT @ gradient
    low, high = float(values[-1]), float(values[-1] + g.norm() / epsilon)
    for _ in range(200):
        mu = (low + high) / 2
        low, high = (mu, high) if float((g / (mu - values)).norm()) > epsilon else (low, mu)
    z = g / (high - values)
    return float(g @ z + (values * z * z).sum() / 2)


class TestWhereTheLossIsQuadratic:
    @pytest.mark.parametrize("size", [1, 2, 10, 40])
    def test_the_ball_has_the_largest_eigenvalue(self, size: int, device: str) -> None:
        network, theta, x, y = (each.to(device) if isinstance(each, Tensor) else each for each in _quadratic(size))
        found = epsilon_sharpness(
            network, theta, x, y, HALF, epsilon=0.3, seeds=range(3), restarts=6, lambda_max="dense"
        )
        exact = 0.3**2 / 2 * torch.linalg.eigvalsh(_hessian(x))[:, -1]
        assert found.quadratic is not None
        assert found.bound is not None
        torch.testing.assert_close(found.quadratic, exact, rtol=1e-9, atol=0.0)
        torch.testing.assert_close(found.value, exact, rtol=1e-6, atol=0.0)
        assert bool((found.by_restart <= found.bound[:, None] * (1 + 1e-12)).all())
        assert bool(found.converged.all())
        assert found.spread.max() < 1e-5 * exact.max()
        given = epsilon_sharpness(
            network, theta, x, y, HALF, epsilon=0.3, seeds=range(3), lambda_max=2 * exact / 0.3**2
        )
        torch.testing.assert_close(given.quadratic, exact, rtol=1e-12, atol=0.0)

    @pytest.mark.parametrize("epsilon", [1e-2, 0.3, 3.0])
    def test_away_from_critical_points_it_is_a_trust_region_problem(self, epsilon: float) -> None:
        network, theta, x, y = _quadratic(12)
        theta = theta + _normal(3, 12, seed=5)
        found = epsilon_sharpness(
            network, theta, x, y, HALF, epsilon=epsilon, seeds=range(3), restarts=6, lambda_max="dense"
        )
        value, gradient = loss_and_gradient(network, theta, x, y, HALF)
        exact = [_trust_region(_hessian(own), g, epsilon) for own, g in zip(x, gradient, strict=True)]
        wanted = torch.tensor(exact, dtype=torch.float64) / (1 + value)
        torch.testing.assert_close(found.value, wanted, rtol=1e-6, atol=0.0)
        assert found.bound is not None
        assert bool((found.value <= found.bound).all())
        assert bool((found.value >= 0.5 * found.bound).all())

    @pytest.mark.parametrize("size", [1, 2, 7])
    def test_the_box_has_its_best_corner(self, size: int) -> None:
        network, theta, x, y = _quadratic(size)
        found = box_sharpness(network, theta, x, y, HALF, epsilon=1e-2, seeds=range(3), restarts=24, dense=True)
        corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=size)), dtype=torch.float64)
        for member in range(3):
            z = corners * 1e-2 * (theta[member].abs() + 1)
            exact = 100 * float(((z @ _hessian(x[member])) * z).sum(1).max()) / 2
            assert float(found.value[member]) == pytest.approx(exact, rel=1e-9)
            assert found.bound is not None
            assert exact <= float(found.bound[member]) * (1 + 1e-12)
        assert found.quadratic is None

    def test_away_from_critical_points_the_bound_of_a_box_counts_the_gradient(self) -> None:
        network, theta, x, y = _quadratic(6)
        found = box_sharpness(network, theta + 1, x, y, HALF, epsilon=1e-3, seeds=range(3), dense=True)
        assert found.bound is not None
        assert bool((found.value <= found.bound).all())
        assert bool((found.value >= 0.95 * found.bound).all())

    def test_a_subspace_has_the_curvature_that_it_sees(self) -> None:
        network, theta, x, y = _quadratic(20)
        basis = random_basis(20, 4, seeds=range(3))
        found = epsilon_sharpness(
            network, theta, x, y, HALF, epsilon=0.1, seeds=range(3), basis=basis, lambda_max="dense"
        )
        whole = torch.linalg.eigvalsh(_hessian(x))[:, -1]
        seen = torch.linalg.eigvalsh(basis.mT @ _hessian(x) @ basis)[:, -1]
        torch.testing.assert_close(found.value, 0.1**2 / 2 * seen, rtol=1e-6, atol=0.0)
        assert bool((seen < whole).all())
        shared = epsilon_sharpness(network, theta, x, y, HALF, epsilon=0.1, seeds=range(3), basis=basis[0])
        assert float(shared.value[0]) == pytest.approx(float(found.value[0]), rel=1e-6)

    def test_the_box_of_a_subspace_is_measured_in_its_coordinates(self) -> None:
        network, theta, x, y = _quadratic(5)
        basis = 3 * random_basis(5, 2, seeds=range(3))
        found = box_sharpness(network, theta, x, y, HALF, epsilon=1e-2, seeds=range(3), basis=basis, dense=True)
        coordinates = torch.linalg.lstsq(basis, theta[:, :, None]).solution.squeeze(-1)
        corners = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
        for member in range(3):
            z = corners * 1e-2 * (coordinates[member].abs() + 1) @ basis[member].mT
            exact = 50 * float(((z @ _hessian(x[member])) * z).sum(1).max())
            assert float(found.value[member]) == pytest.approx(exact, rel=1e-9)

    def test_the_adaptive_ball_has_the_curvature_in_units_of_the_parameters(self) -> None:
        network, theta, x, y = _quadratic(10)
        found = epsilon_sharpness(
            network, theta, x, y, HALF, epsilon=0.1, seeds=range(3), adaptive=True, lambda_max="dense"
        )
        scaled = x * theta.abs()[:, None]
        exact = 0.1**2 / 2 * torch.linalg.eigvalsh(_hessian(scaled))[:, -1]
        torch.testing.assert_close(found.value, exact, rtol=1e-6, atol=0.0)
        torch.testing.assert_close(found.quadratic, exact, rtol=1e-9, atol=0.0)

    def test_the_identity_is_the_whole_space(self) -> None:
        network, theta, x, y = _quadratic(3)
        for measure in (epsilon_sharpness, box_sharpness):
            plain = measure(network, theta, x, y, HALF, epsilon=0.1, seeds=range(3))
            same = measure(network, theta, x, y, HALF, epsilon=0.1, seeds=range(3), basis=torch.eye(3).double())
            torch.testing.assert_close(plain.value, same.value, rtol=1e-9, atol=0.0)


@pytest.mark.parametrize("measure", [epsilon_sharpness, box_sharpness])
@pytest.mark.parametrize("kind", ["tanh", "relu", "sine"])
@pytest.mark.parametrize("epsilon", [0.1, 1.5])
@pytest.mark.usefixtures("unchecked")
def test_in_two_dimensions_it_is_what_brute_force_finds(
    measure: Callable[..., Sharpness], kind: str, epsilon: float
) -> None:
    network = Mlp((1, 1, 1), kind)
    x, y = _normal(10, 1), _normal(10, 1, seed=1)
    theta = torch.tensor([[0.8, -0.6], [1.5, 2.0]], dtype=torch.float64)
    found = measure(network, theta, x, y, SquaredError(), epsilon=epsilon, seeds=[0, 1], restarts=16)
    ball, unit = measure is epsilon_sharpness, 1.0 if measure is epsilon_sharpness else 100.0
    fine = torch.linspace(-1, 1, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(fine, fine)
    angle = torch.linspace(0, 2 * math.pi, 20_001, dtype=torch.float64)
    if ball:
        grid = torch.cat([grid[grid.norm(dim=1) <= 1], torch.stack([angle.cos(), angle.sin()], dim=1)])
    for member, point in enumerate(theta):
        size = epsilon if ball else epsilon * (point.abs() + 1)
        points = torch.cat([point[None], point + size * grid]).split(10_000)
        value = torch.cat([SquaredError().value(network.forward(some, x), y) for some in points])
        brute = unit * float((value.max() - value[0]) / (1 + value[0]))
        assert float(found.value[member]) == pytest.approx(brute, rel=1e-3)
        assert float(found.value[member]) >= brute * (1 - 1e-6)


@pytest.mark.usefixtures("unchecked")
def test_a_rescaled_network_is_as_sharp_as_the_zero_function_is_bad() -> None:
    """With |theta_1'| = epsilon the ball holds (0, theta_2'); where it was flat the same epsilon hardly mattered."""
    network, epsilon = Mlp((3, 6, 1), "relu"), 1e-2
    theta, x = 1.5 * network.init(range(3), sigma_w=1.4), _normal(40, 3)
    y = network.forward(theta, x)
    start = theta[:, : network.spans[0][2]].norm(dim=1)
    factors = torch.stack([rescaling_factors(network, (epsilon / float(one), float(one) / epsilon)) for one in start])
    zero = HALF.value(torch.zeros_like(y), y)
    flat, sharp = (
        epsilon_sharpness(network, point, x.expand(3, -1, -1), y, HALF, epsilon=epsilon, seeds=range(3))
        for point in (theta, factors * theta)
    )
    assert float((flat.loss - sharp.loss).abs().max()) < 1e-20
    assert bool((sharp.value >= zero).all())
    assert bool((flat.value < 0.01 * zero).all())


@pytest.mark.usefixtures("unchecked")  # the other tests check the shapes
@pytest.mark.parametrize("by", ["layers", "units"])
def test_the_adaptive_ball_does_not_see_a_rescaling_which_the_others_do(by: str) -> None:
    network, x, labels = Mlp((3, 5, 4, 2), "relu", bias=True), _normal(20, 3), torch.arange(20) % 2
    theta = network.init([0, 1], sigma_w=1.4, sigma_b=0.3)
    if by == "layers":
        factors = rescaling_factors(network, (30.0, 0.1, 1 / 3))
    else:
        factors = unit_rescaling_factors(network, [10 ** _normal(5), 10 ** _normal(4, seed=1)])

    def both(measure: Callable[..., Sharpness], **options: bool) -> tuple[Tensor, Tensor]:
        one, other = (
            measure(
                network, point, x, labels, CrossEntropy(), epsilon=0.1, seeds=[0, 1], restarts=3, **options
            ).by_restart
            for point in (theta, factors * theta)
        )
        return one, other

    torch.testing.assert_close(*both(epsilon_sharpness, adaptive=True), rtol=1e-6, atol=0.0)
    for measure in (epsilon_sharpness, box_sharpness):
        before, after = both(measure)
        assert bool(((after / before).log().abs() > 0.5).all())


def test_the_point_is_in_the_region_and_as_high_as_it_says() -> None:
    network, x, labels = Mlp((3, 4, 2), "relu", bias=True), _normal(12, 3), torch.arange(12) % 2
    theta = network.init([0, 1], sigma_b=0.3)
    for measure in (epsilon_sharpness, box_sharpness):
        found = measure(network, theta, x, labels, CrossEntropy(), epsilon=0.2, seeds=[0, 1], restarts=3)
        value, _ = loss_and_gradient(network, found.theta, x, labels, CrossEntropy())
        torch.testing.assert_close(value, found.highest, rtol=1e-12, atol=0.0)
        unit = 1 if measure is epsilon_sharpness else 100
        wanted = unit * (found.highest - found.loss) / (1 + found.loss)
        torch.testing.assert_close(found.value, wanted, rtol=1e-12, atol=0.0)
        torch.testing.assert_close(found.by_restart.amax(1), found.value)
        torch.testing.assert_close(found.spread, found.value - found.by_restart.amin(1))
        away = (found.theta - theta).abs()
        if measure is epsilon_sharpness:
            assert bool((away.norm(dim=1) <= 0.2 * (1 + 1e-12)).all())
        else:
            assert bool((away <= 0.2 * (theta.abs() + 1) * (1 + 1e-12)).all())


def test_members_and_restarts_do_not_see_one_another() -> None:
    network, x, y = Mlp((3, 4, 2), "tanh"), _normal(3, 12, 3), _normal(3, 12, 2, seed=1)
    theta = network.init(range(3))

    def run(members: slice, restarts: int, **options: int) -> Sharpness:
        seeds = range(3)[members]
        own = theta[members], x[members], y[members]
        return epsilon_sharpness(network, *own, HALF, epsilon=0.5, seeds=seeds, restarts=restarts, **options)

    together, chunked, few = run(slice(3), 5), run(slice(3), 5, chunk=2), run(slice(3), 2)
    torch.testing.assert_close(chunked.by_restart, together.by_restart, rtol=1e-9, atol=0.0)
    torch.testing.assert_close(few.by_restart, together.by_restart[:, :2], rtol=1e-9, atol=0.0)
    for member in range(3):
        alone = run(slice(member, member + 1), 5)
        torch.testing.assert_close(alone.by_restart, together.by_restart[member : member + 1], rtol=1e-9, atol=0.0)


def test_a_module_is_taken_as_a_perceptron_is() -> None:
    network = Mlp((3, 4, 2), "tanh", bias=True)
    view = FunctionalModule(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double())
    theta, x, y = network.init([0, 1]), _normal(12, 3), _normal(12, 2, seed=1)
    one, other = (
        box_sharpness(each, theta, x, y, HALF, epsilon=0.1, seeds=[0, 1], restarts=2) for each in (network, view)
    )
    torch.testing.assert_close(one.value, other.value, rtol=1e-9, atol=0.0)
    data = x.expand(2, -1, -1).clone(), y.expand(2, -1, -1)
    own = box_sharpness(view, theta, *data, HALF, epsilon=0.1, seeds=[0, 1], restarts=2)
    torch.testing.assert_close(own.value, other.value, rtol=1e-9, atol=0.0)


@pytest.mark.parametrize("measure", [epsilon_sharpness, box_sharpness])
def test_a_module_with_a_loss_of_torchs_is_as_sharp_as_its_view(measure: Callable[..., Sharpness], device: str) -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Tanh(), nn.Linear(4, 2)).double().eval().to(device)
    view, x, labels = FunctionalModule(module), _normal(12, 3).to(device), torch.arange(12, device=device) % 2
    whole = {"lambda_max": "dense"} if measure is epsilon_sharpness else {"dense": True}
    options = {"epsilon": 0.1, "seeds": [0], "restarts": 3, **whole}
    one = measure(view, view.theta, x, labels, CrossEntropy(), **options)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    drawn = torch.random.get_rng_state()
    other = measure(module, None, x, labels, nn.CrossEntropyLoss(), **options)
    for name in ("loss", "value", "bound", "by_restart"):
        torch.testing.assert_close(getattr(other, name), getattr(one, name), rtol=1e-6, atol=1e-12)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in module.parameters())
    assert torch.equal(torch.random.get_rng_state(), drawn)
    basis, plane = random_basis(view.parameters, 3, seeds=[0], device=device), {**options, "basis": None}
    plane["basis"] = basis
    torch.testing.assert_close(
        measure(module, None, x, labels, nn.functional.cross_entropy, **plane).value,
        measure(view, view.theta, x, labels, CrossEntropy(), **plane).value,
        rtol=1e-6,
        atol=1e-12,
    )


def test_every_member_of_a_module_may_be_sharp_under_a_loss_of_ones_own() -> None:
    network = Mlp((3, 4, 2), "tanh", bias=True)
    theta, x, y = network.init([0, 1]), _normal(12, 3), _normal(12, 2, seed=1)
    options = {"epsilon": 0.1, "seeds": [0, 1], "restarts": 2, "lambda_max": "dense"}
    one = epsilon_sharpness(network, theta, x, y, SquaredError(0.5), **options)  # type: ignore[arg-type]
    half = epsilon_sharpness(network, theta, x, y, lambda o, t: (o - t).square().mean(), **options)  # type: ignore[arg-type]
    torch.testing.assert_close(half.value, one.value, rtol=1e-6, atol=0.0)
    torch.testing.assert_close(half.quadratic, one.quadratic, rtol=1e-9, atol=0.0)


def test_words_in_and_a_row_of_numbers_out_are_taken_with_a_loss_of_ones_own() -> None:
    module = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 1), nn.Flatten(0)).double()
    x, y = torch.arange(20).reshape(10, 2) % 5, _normal(10)
    found = epsilon_sharpness(module, None, x, y, nn.MSELoss(), epsilon=0.2, seeds=[0], restarts=2)
    with torch.no_grad():
        assert float(found.loss) == pytest.approx(float((module(x) - y).square().mean()))
        nn.utils.vector_to_parameters(found.theta[0], module.parameters())
        assert float(found.highest) == pytest.approx(float((module(x) - y).square().mean()))
    assert float(found.value) > 0


def test_neither_inference_mode_nor_autocast_of_the_caller_changes_what_a_module_is_found_to_be() -> None:
    module, loss = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), nn.CrossEntropyLoss()
    x, labels = _normal(12, 3).float(), torch.arange(12) % 2
    options = {"epsilon": 0.1, "seeds": [0], "restarts": 2, "lambda_max": "dense"}
    plain = epsilon_sharpness(module, None, x, labels, loss, **options)  # type: ignore[arg-type]
    with torch.inference_mode():
        inside = epsilon_sharpness(module, None, x.clone(), labels.clone(), loss, **options)  # type: ignore[arg-type]
    with torch.autocast("cpu"):
        rounded = epsilon_sharpness(module, None, x, labels, loss, **options)  # type: ignore[arg-type]
    for other in (inside, rounded):
        assert torch.equal(other.value, plain.value)
        torch.testing.assert_close(other.quadratic, plain.quadratic, rtol=1e-5, atol=0.0)


@pytest.mark.usefixtures("unchecked")
def test_a_loss_of_ones_own_must_be_a_mean_and_a_module_must_be_still() -> None:
    module, x, y = nn.Linear(3, 2).double(), _normal(12, 3), _normal(12, 2, seed=1)

    def call(network: Any = module, loss: Any = None, theta: Any = None, **data: Tensor) -> None:
        pieces = {"x": x, "y": y, **data}
        epsilon_sharpness(network, theta, **pieces, loss=loss or nn.MSELoss(), epsilon=0.1, seeds=[0])

    with pytest.raises(ValueError, match=r"loss must be a mean over examples, .* use reduction='mean'"):
        call(loss=nn.MSELoss(reduction="sum"))
    with pytest.raises(ValueError, match=r"loss must return one number, the mean over examples, got shape \(12, 2\)"):
        call(loss=nn.MSELoss(reduction="none"))
    with pytest.raises(ValueError, match="loss must be a mean over examples, but for 12 of them it is"):
        call(loss=lambda o, t: (o - t.sum(0)).square().mean())
    with pytest.raises(TypeError, match=r"loss must be a loss such as SquaredError\(\) or a function of two tensors"):
        call(loss="mse")
    with pytest.raises(TypeError, match=r"loss must be a loss such as SquaredError\(\), got <class"):
        call(loss=SquaredError)
    with pytest.raises(ValueError, match=r"module must be deterministic, but dropout is active in 1 \(Dropout\)"):
        call(nn.Sequential(module, nn.Dropout()))
    with pytest.raises(ValueError, match="theta must be given with an Mlp, which has no parameters of its own"):
        call(Mlp((3, 2)))
    with pytest.raises(ValueError, match=r"theta must have shape \(members, 8\), got \(1, 2\)"):
        call(theta=torch.ones(1, 2).double())
    with pytest.raises(ValueError, match=r"theta must hold one member at least, got shape \(0, 8\)"):
        call(theta=torch.ones(0, 8).double())


def test_sharpness_reads_in_one_line() -> None:
    network, theta, x, y = _quadratic(4)
    found = epsilon_sharpness(network, theta, x, y, HALF, epsilon=0.3, seeds=range(3), restarts=4, lambda_max="dense")
    low, high = (f"{float(each):.3g}" for each in (found.value.min(), found.value.max()))
    assert repr(found) == (
        f"Sharpness(3 members: {low} to {high}; 12 of 12 restarts within 1 % of the best; quadratic {low} to {high}; "
        f"bound {low} to {high})"
    )
    cut = epsilon_sharpness(network, theta[:1], x[:1], y[:1], HALF, epsilon=0.3, seeds=[0], restarts=1, steps=1)
    assert repr(cut).endswith("; 1 of 1 restart within 1 % of the best; 1 cut off while still rising)")


def test_single_precision_finds_what_double_precision_does() -> None:
    network, x, labels = Mlp((3, 5, 2), "relu", bias=True), _normal(20, 3), torch.arange(20) % 2
    theta = network.init([0, 1], sigma_w=1.4, sigma_b=0.3)
    for measure in (epsilon_sharpness, box_sharpness):
        one, other = (
            measure(network, theta.to(dtype), x.to(dtype), labels, CrossEntropy(), epsilon=0.1, seeds=[0, 1])
            for dtype in (torch.float64, torch.float32)
        )
        assert other.value.dtype == torch.float32
        torch.testing.assert_close(other.value.double(), one.value, rtol=1e-3, atol=0.0)
        assert float(other.settled.double().mean()) > 0.8  # some run may still creep along a kink


def test_a_dead_network_is_not_sharp() -> None:
    network, x = Mlp((1, 1, 1), "relu"), torch.ones(4, 1).double()
    theta = torch.tensor([[-5.0, 1.0]], dtype=torch.float64)
    found = epsilon_sharpness(network, theta, x, x, HALF, epsilon=1.0, seeds=[0], lambda_max="dense")
    assert torch.equal(found.theta, theta)
    assert float(found.value) == float(found.spread) == 0.0
    assert bool(found.converged.all())
    assert found.bound is not None
    assert float(found.bound) == 0.0


@pytest.mark.parametrize("epsilon", [1e-5, 1e-4, 2e-4])
def test_a_rise_within_the_rounding_of_the_loss_is_none(epsilon: float) -> None:
    """(theta^2 + (theta - 2)^2)/2 = 1 + (theta - 1)^2: float32 cannot tell what double precision does."""
    x, y = torch.ones(2, 1), torch.tensor([[0.0], [2.0]])

    def found(dtype: torch.dtype) -> Sharpness:
        return epsilon_sharpness(
            Mlp((1, 1), "linear"),
            torch.ones(1, 1, dtype=dtype),
            x.to(dtype),
            y.to(dtype),
            SquaredError(),
            epsilon=epsilon,
            seeds=[0],
            lambda_max="dense",
        )

    single, double = found(torch.float32), found(torch.float64)
    assert single.bound is not None
    assert 0.0 == float(single.value) <= float(single.bound) < float(single.resolution)
    assert not single.converged.any()
    assert single.unresolved.all()
    assert torch.equal(single.theta, torch.ones(1, 1))
    assert repr(single).endswith("8 without a rise above the resolution, 4.77e-07)")
    assert float(double.value) == pytest.approx(epsilon**2 / 2, rel=1e-4)
    assert double.converged.all()
    assert float(double.resolution) == 4 * torch.finfo(torch.float64).eps
    large = epsilon_sharpness(
        Mlp((1, 1), "linear"), torch.ones(1, 1), x, y, SquaredError(), epsilon=0.1, seeds=[0], lambda_max="dense"
    )
    assert large.converged.all()
    assert float(large.value) == pytest.approx(0.005, rel=1e-4)


def test_the_resolution_of_a_box_is_in_its_unit_and_none_at_a_loss_of_zero() -> None:
    x, y, network = torch.ones(2, 1), torch.tensor([[0.0], [2.0]]), Mlp((1, 1), "linear")
    found = box_sharpness(network, torch.ones(1, 1), x, y, SquaredError(), epsilon=1e-5, seeds=[0])
    assert float(found.resolution) == 400 * torch.finfo(torch.float32).eps
    assert found.unresolved.all()
    exact = epsilon_sharpness(network, torch.zeros(1, 1), x, 0 * y, SquaredError(), epsilon=1e-5, seeds=[0])
    assert float(exact.resolution) == 0.0
    assert exact.converged.all()
    assert float(exact.value) == pytest.approx(1e-10, rel=1e-6)


@pytest.mark.parametrize("measure", [epsilon_sharpness, box_sharpness])
def test_regions_whose_squares_overflow_have_infinite_bounds(measure: Callable[..., Sharpness]) -> None:
    options = {"lambda_max": "dense"} if measure is epsilon_sharpness else {"dense": True}
    network, theta, x, y = _quadratic(2)
    found = measure(network, theta, x, y, HALF, epsilon=1e155, seeds=range(3), **options)
    assert found.bound is not None
    assert found.bound.isposinf().all()
    assert found.value.isposinf().all()
    assert "24 of 24 restarts" in repr(found)
    flat = measure(network, theta, 0 * x, 0 * y, HALF, epsilon=1e155, seeds=range(3), **options)
    assert flat.bound is not None
    assert not flat.bound.any()
    assert flat.converged.all()


def test_a_loss_that_overflows_is_infinitely_sharp() -> None:
    network, x = Mlp((1, 1, 1), "quadratic"), torch.ones(2, 1)
    theta = torch.tensor([[1.0, 1.0]])
    found = epsilon_sharpness(network, theta, x, x, HALF, epsilon=1e12, seeds=[0], restarts=2)
    assert found.value.tolist() == [math.inf]
    assert found.highest.tolist() == [math.inf]


def test_what_was_cut_off_says_so_and_what_lies_at_a_kink_settles() -> None:
    network, theta, x, y = _quadratic(40)
    cut = epsilon_sharpness(network, theta, x, y, HALF, epsilon=0.3, seeds=range(3), steps=2)
    assert not bool(cut.converged.any() | cut.settled.any())
    assert cut.evaluations.unique().tolist() == [3]

    def ridge(u: Tensor, runs: Tensor) -> tuple[Tensor, Tensor]:  # high along a bent line, which has a kink
        off = u[:, 0] - u[:, 1].square() / 2
        slope = torch.stack([-2 * off.sign(), 1 + 2 * off.sign() * u[:, 1]], dim=1)
        return u[:, 1] - 2 * off.abs(), slope

    start = torch.tensor([[0.3, 0.1], [-0.5, 0.2]], dtype=torch.float64)
    end = ascend(ridge, start, "cube", base=start.new_zeros(2), steps=400, tolerance=1e-9, what="ascent")
    assert not bool(end.converged.any())
    assert bool(end.settled.all())
    assert int(end.evaluations.max()) <= 151  # without that it goes on until steps fall below rounding


def test_on_the_sphere_close_eigenvalues_do_not_hold_ascent_up() -> None:
    """The power method, which plain steps amount to, has an error of .5 % after 150 products here."""
    values = torch.linspace(0.99, 1.0, 30, dtype=torch.float64)
    values[-1] = 1.0005
    end = ascend(
        lambda u, runs: ((values * u * u).sum(1) / 2, values * u),
        _normal(20, 30),
        "ball",
        base=torch.zeros(20).double(),
        steps=150,
        tolerance=1e-6,
        what="ascent",
    )
    assert bool(end.converged.all())
    assert float((1 - end.value / (1.0005 / 2)).abs().max()) < 1e-6
    assert float(end.evaluations.double().mean()) < 60


@pytest.mark.parametrize("region", ["ball", "cube"])
def test_no_ascent_ends_below_its_start_or_outside_of_its_region(region: str) -> None:
    def hills(u: Tensor, runs: Tensor) -> tuple[Tensor, Tensor]:
        return (7 * u).sin().sum(1), 7 * (7 * u).cos()

    start = 0.9 * _normal(50, 3).tanh()
    end = ascend(hills, start, region, base=start.new_zeros(50), steps=100, tolerance=1e-6, what="ascent")  # type: ignore[arg-type]
    inside = start / start.norm(dim=1, keepdim=True).clamp(min=1.0) if region == "ball" else start
    assert bool((end.value >= hills(inside, torch.arange(50))[0] - 1e-12).all())
    assert bool((end.point.norm(dim=1) if region == "ball" else end.point.abs().amax(1)).max() <= 1 + 1e-15)
    assert float(end.converged.double().mean()) > 0.9
    assert float(end.value.max()) <= 3


def test_random_bases_are_orthonormal_and_favour_no_direction() -> None:
    bases = random_basis(6, 2, seeds=range(2000))
    torch.testing.assert_close(bases.mT @ bases, torch.eye(2).double().expand(2000, 2, 2))
    projections = bases @ bases.mT
    error = (projections.mean(0) - torch.eye(6).double() / 3) / (projections.std(0) / math.sqrt(2000))
    assert float(error.abs().max()) < 4.5
    assert float(bases.mean(0).abs().max()) < 4.5 / math.sqrt(6 * 2000)
    assert torch.equal(random_basis(6, 2, seeds=[5])[0], bases[5])
    assert random_basis(3, 3, seeds=[0], dtype=torch.float32).dtype == torch.float32


@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    @pytest.mark.parametrize("measure", [epsilon_sharpness, box_sharpness])
    def test_numbers(self, measure: Callable[..., Sharpness]) -> None:
        network, theta, x, y = _quadratic(2)

        def call(**changes: object) -> None:
            measure(network, theta, x, y, HALF, **{"epsilon": 0.1, "seeds": range(3), **changes})

        for epsilon in (0.0, -1.0, math.nan, math.inf, "a", None):
            with pytest.raises(ValueError, match="epsilon must be a finite number > 0, got"):
                call(epsilon=epsilon)
        for epsilon, sizes in ((1e39, "1e\\+39"), (1e-50, "1e-50")):
            with pytest.raises(ValueError, match=f"epsilon must be a number that torch.float32 can hold, got {sizes}"):
                measure(network, theta.float(), x.float(), y.float(), HALF, epsilon=epsilon, seeds=range(3))
        for name in ("restarts", "steps", "chunk"):
            with pytest.raises(ValueError, match=f"{name} must be an integer >= 1, got 0"):
                call(**{name: 0})
        with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\), got 1"):
            call(tolerance=1)
        with pytest.raises(ValueError, match="seeds must hold one integer per member, 3, got 2"):
            call(seeds=[0, 1])
        with pytest.raises(ValueError, match=r"seeds must hold one integer in \[0, 2\*\*64\) per member, got -1"):
            call(seeds=[-1, 0, 1])

    def test_curvature(self) -> None:
        network, theta, x, y = _quadratic(2)
        for wrong in ("sparse", 3.0):
            with pytest.raises(ValueError, match="lambda_max must be a tensor, 'dense' or None, got"):
                epsilon_sharpness(network, theta, x, y, HALF, epsilon=0.1, seeds=range(3), lambda_max=wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"lambda_max must have shape \(3,\), one per member, got \(2,\)"):
            epsilon_sharpness(network, theta, x, y, HALF, epsilon=0.1, seeds=range(3), lambda_max=torch.ones(2))
        with pytest.raises(ValueError, match="lambda_max must be finite, got NaN"):
            epsilon_sharpness(
                network, theta, x, y, HALF, epsilon=0.1, seeds=range(3), lambda_max=torch.full((3,), math.nan)
            )
        for options, sentence in (
            ({"adaptive": 1}, "adaptive must be True or False, got 1"),
            ({"adaptive": True, "basis": torch.eye(2).double()}, "adaptive must be False where a basis is given"),
        ):
            with pytest.raises(ValueError, match=sentence):
                epsilon_sharpness(network, theta, x, y, HALF, epsilon=0.1, seeds=range(3), **options)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="dense must be True or False, got 'yes'"):
            box_sharpness(network, theta, x, y, HALF, epsilon=0.1, seeds=range(3), dense="yes")  # type: ignore[arg-type]

    def test_bases(self) -> None:
        network, theta, x, y = _quadratic(2)

        def call(basis: object) -> None:
            epsilon_sharpness(network, theta, x, y, HALF, epsilon=0.1, seeds=range(3), basis=basis)  # type: ignore[arg-type]

        with pytest.raises(TypeError, match="basis must be a torch tensor, got list"):
            call([[1.0]])
        for shape in ((3, 1), (2, 3), (2, 0), (2,), (2, 2, 1)):
            with pytest.raises(ValueError, match=r"basis must have shape \(2, k\) or \(3, 2, k\), 1 <= k <= 2, got"):
                call(torch.ones(shape, dtype=torch.float64))
        with pytest.raises(ValueError, match=r"basis must have theta's dtype and device, torch.float64 on cpu, got"):
            call(torch.ones(2, 1))
        with pytest.raises(ValueError, match="basis must be finite, got NaN"):
            call(torch.full((2, 1), math.nan, dtype=torch.float64))
        with pytest.raises(ValueError, match="basis must have linearly independent columns"):
            call(torch.ones(2, 2, dtype=torch.float64))
        with pytest.raises(ValueError, match="dimension must be at most 2, the number of parameters, got 3"):
            random_basis(2, 3, seeds=[0])
        with pytest.raises(ValueError, match="dimension must be an integer >= 1, got 0"):
            random_basis(2, 0, seeds=[0])

    @pytest.mark.parametrize("measure", [epsilon_sharpness, box_sharpness])
    @pytest.mark.parametrize("least", [-1.0, -2.0])
    def test_losses_that_are_no_more_than_minus_one(self, measure: Callable[..., Sharpness], least: float) -> None:
        def shifted(outputs: Tensor, targets: Tensor) -> Tensor:
            return (outputs - targets).square().mean() + least

        theta, x, y = torch.zeros(1, 1), torch.ones(4, 1), torch.zeros(4, 1)
        with pytest.raises(ValueError, match=rf"loss must be above -1 at theta, .* units of 1 \+ loss, got {least:g}"):
            measure(Mlp((1, 1), "linear"), theta, x, y, shifted, epsilon=0.1, seeds=[0])

    def test_problems(self) -> None:
        network, theta, x, y = _quadratic(2)
        with pytest.raises(ValueError, match="theta must be finite, got NaN"):
            epsilon_sharpness(network, theta * math.nan, x, y, HALF, epsilon=0.1, seeds=range(3))
        with pytest.raises(TypeError, match="network must be an Mlp, a FunctionalModule or a module, got str"):
            epsilon_sharpness("net", theta, x, y, HALF, epsilon=0.1, seeds=range(3))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="small enough for loss and gradient to be finite, but they overflow"):
            box_sharpness(network, theta * 1e200, x, y, HALF, epsilon=0.1, seeds=range(3))
