"""Optimisers for one's own module: steps by hand, parameters put back bit for bit, runs that go on where they were."""

import copy
import io
import itertools
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from numerics import ASAM, SAM, EntropySGD, digits

Make = Callable[..., Optimizer]

X = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.randint(0, 2, (12,), generator=torch.Generator().manual_seed(1))


def _module() -> nn.Sequential:
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def _closure(module: nn.Module, calls: list[float] | None = None) -> Callable[[], torch.Tensor]:
    def closure() -> torch.Tensor:
        value = nn.functional.cross_entropy(module(X), Y)
        value.backward()  # type: ignore[no-untyped-call]
        if calls is not None:
            calls.append(value.item())
        return value

    return closure


def _flat(module: nn.Module) -> torch.Tensor:
    return nn.utils.parameters_to_vector(module.parameters()).detach().clone()


def _entropy(parameters: Any, base: Any = torch.optim.SGD, **options: Any) -> EntropySGD:
    settings = {"gamma": 0.5, "langevin_steps": 3, "noise": 0.2, "generator": torch.Generator().manual_seed(3)}
    return EntropySGD(parameters, base, **{**settings, **options})


MAKERS: dict[str, Make] = {"sam": SAM, "asam": ASAM, "entropy": _entropy}
makers = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def test_a_step_of_sam_is_the_base_step_along_the_gradient_uphill() -> None:
    """By hand, with two groups: one norm over both, a length and a learning rate each, and Adam inside."""
    module, twin = _module(), _module()
    groups = [
        {"params": list(net[place].parameters()), "rho": rho, "lr": lr}
        for net in (module,)
        for place, rho, lr in ((0, 0.3, 0.1), (2, 0.1, 0.02))
    ]
    optimiser = SAM(groups, torch.optim.Adam)
    by_hand = torch.optim.Adam(
        [{"params": list(twin[place].parameters()), "lr": lr} for place, lr in ((0, 0.1), (2, 0.02))]
    )
    for _ in range(5):
        calls: list[float] = []
        assert optimiser.step(_closure(module, calls)).item() == calls[0]
        assert len(calls) == 2
        assert calls[1] > calls[0]
        before = [parameter.detach().clone() for parameter in twin.parameters()]
        by_hand.zero_grad()
        _closure(twin)()
        norm = math.sqrt(sum(float(parameter.grad.square().sum()) for parameter in twin.parameters()))  # type: ignore[union-attr]
        with torch.no_grad():
            for parameter, rho in zip(twin.parameters(), (0.3, 0.3, 0.1, 0.1), strict=True):
                parameter += rho / norm * parameter.grad
        by_hand.zero_grad()
        _closure(twin)()
        with torch.no_grad():
            for parameter, place in zip(twin.parameters(), before, strict=True):
                parameter.copy_(place)
        by_hand.step()
        torch.testing.assert_close(_flat(module), _flat(twin), rtol=1e-12, atol=1e-14)


def test_weights_may_climb_adaptively_and_biases_plainly() -> None:
    module, twin = _module(), _module()
    weights, biases = ([p for name, p in module.named_parameters() if kind in name] for kind in ("weight", "bias"))
    optimiser = ASAM([{"params": weights}, {"params": biases, "adaptive": False}], rho=0.4, eta=0.1, lr=1.0)
    start = _flat(module)
    optimiser.step(_closure(module))
    _closure(twin)()
    named = {name: (p, p.grad) for name, p in twin.named_parameters()}
    sizes = {name: p.detach().abs() + 0.1 if "weight" in name else torch.ones_like(p) for name, (p, _) in named.items()}
    norm = math.sqrt(sum(float((sizes[name] * g).square().sum()) for name, (_, g) in named.items() if g is not None))
    with torch.no_grad():
        for name, (p, g) in named.items():
            assert g is not None
            p += 0.4 * sizes[name] ** 2 * g / norm
    twin.zero_grad()
    _closure(twin)()
    gradient = torch.cat([p.grad.flatten() for p in twin.parameters() if p.grad is not None])
    torch.testing.assert_close(_flat(module), start - gradient, rtol=1e-12, atol=1e-13)


@makers
def test_without_learning_rate_the_parameters_are_where_they_were_bit_for_bit(make: Make) -> None:
    module = _module()
    start = _flat(module)
    optimiser = make(module.parameters(), lr=0.0)
    optimiser.step(_closure(module))
    assert torch.equal(_flat(module), start)


@makers
def test_a_closure_that_fails_halfway_leaves_the_parameters_where_they_were(make: Make) -> None:
    module, calls = _module(), []
    start, closure = _flat(module), _closure(module, calls)

    def failing() -> torch.Tensor:
        if len(calls) == 1:
            assert not torch.equal(_flat(module), start)
            raise RuntimeError("out of batches")
        return closure()

    optimiser = make(module.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="out of batches"):
        optimiser.step(failing)
    assert torch.equal(_flat(module), start)


@makers
def test_clearing_gradients_in_the_closure_or_not_is_the_same(make: Make) -> None:
    ends = []
    for clear in (None, True, False):
        module = _module()
        optimiser, closure = make(module.parameters(), lr=0.1), _closure(module)
        for _ in range(3):

            def clearing(
                clear: bool | None = clear, optimiser: Optimizer = optimiser, closure: Any = closure
            ) -> torch.Tensor:
                if clear is not None:
                    optimiser.zero_grad(set_to_none=clear)
                return closure()  # type: ignore[no-any-return]

            optimiser.step(clearing)  # type: ignore[arg-type]
        ends.append(_flat(module))
    assert torch.equal(ends[0], ends[1])
    assert torch.equal(ends[0], ends[2])


@makers
def test_zero_gradients_give_no_nan(make: Make) -> None:
    """With a loss that is flat the sharpness-aware do not move, and the walk is noise alone."""
    parameter = nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimiser = make([parameter], lr=1.0)

    def flat() -> torch.Tensor:
        value = 0 * parameter.sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(flat)
    assert parameter.isfinite().all()
    assert torch.equal(parameter.detach(), torch.ones(3, dtype=torch.float64)) == (
        not isinstance(optimiser, EntropySGD)
    )


@makers
def test_parameters_without_gradient_stay_out(make: Make) -> None:
    module, unused = _module(), nn.Parameter(torch.ones(2, dtype=torch.float64))
    module[0].bias.requires_grad_(False)
    frozen = module[0].bias.clone()
    optimiser = make([*module.parameters(), unused], torch.optim.SGD, lr=0.1, weight_decay=0.1, momentum=0.9)
    closure = _closure(module)

    def watching() -> torch.Tensor:
        assert torch.equal(module[0].bias, frozen)
        return closure()

    for _ in range(2):
        optimiser.step(watching)  # type: ignore[arg-type]
    assert torch.equal(module[0].bias, frozen)
    assert torch.equal(unused.detach(), torch.ones(2, dtype=torch.float64))
    assert unused.grad is None
    assert len(optimiser.state) == 3


@makers
def test_parameters_of_any_shape_take_part(make: Make) -> None:
    """A number without axes, and one tensor that is empty."""
    scale, nothing = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.empty(0, 3))
    optimiser = make([scale, nothing], lr=0.1)

    def closure() -> torch.Tensor:
        value = scale.square() + nothing.sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(closure)  # type: ignore[arg-type]
    assert 0 < scale.item() < 2


@pytest.mark.parametrize(
    ("base", "options"),
    [
        (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        (torch.optim.Adam, {"amsgrad": True}),
        (torch.optim.AdamW, {"foreach": True}),
    ],
)
@makers
def test_a_run_goes_on_from_its_state_dict_bit_for_bit(make: Make, base: type[Optimizer], options: Any) -> None:
    """Through a file, into an optimiser that was made with other numbers, with a scheduler."""

    def setup(lr: float, **more: Any) -> tuple[nn.Module, Optimizer, torch.optim.lr_scheduler.StepLR]:
        module = _module()
        optimiser = make(module.parameters(), base, lr=lr, **options, **more)
        return module, optimiser, torch.optim.lr_scheduler.StepLR(optimiser, step_size=3, gamma=0.5)

    own = {"scoping": 0.1} if make is _entropy else {}
    module, optimiser, scheduler = setup(0.05, **own)
    for step in range(10):
        if step == 5:
            file = io.BytesIO()
            torch.save([module.state_dict(), optimiser.state_dict(), scheduler.state_dict()], file)
        optimiser.step(_closure(module))
        scheduler.step()
    other, resumed, other_scheduler = setup(0.7)
    resumed.step(_closure(other))
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    for part, state in zip((other, resumed, other_scheduler), saved, strict=True):
        part.load_state_dict(state)
    for _ in range(5):
        resumed.step(_closure(other))
        other_scheduler.step()
    assert torch.equal(_flat(other), _flat(module))
    assert resumed.param_groups[0]["lr"] == optimiser.param_groups[0]["lr"] == pytest.approx(0.05 / 8)


@makers
def test_a_copy_goes_its_own_way_and_the_same(make: Make) -> None:
    module = _module()
    optimiser = make(module.parameters(), lr=0.1, momentum=0.9)
    optimiser.step(_closure(module))
    twin, copied = copy.deepcopy((module, optimiser))
    pickled_module, pickled = pickle.loads(pickle.dumps((module, optimiser)))
    for net, other in ((twin, copied), (pickled_module, pickled), (module, optimiser)):
        other.step(_closure(net))
    assert torch.equal(_flat(twin), _flat(module))
    assert torch.equal(_flat(pickled_module), _flat(module))


@makers
def test_the_checkpoint_of_the_bare_base_optimiser_loads(make: Make) -> None:
    module = _module()
    bare = torch.optim.SGD(module.parameters(), lr=0.3, momentum=0.9)
    _closure(module)()
    bare.step()
    optimiser = make(module.parameters(), lr=0.1, momentum=0.5)
    optimiser.load_state_dict(bare.state_dict())
    group = optimiser.param_groups[0]
    assert (group["lr"], group["momentum"]) == (0.3, 0.9)
    parameter = module[0].weight
    assert torch.equal(optimiser.state[parameter]["momentum_buffer"], bare.state[parameter]["momentum_buffer"])
    start = _flat(module)
    optimiser.step(_closure(module))
    assert not torch.equal(_flat(module), start)


@makers
def test_groups_added_later_take_part(make: Make) -> None:
    module, twin = _module(), _module()
    late = make(module[0].parameters(), lr=0.1)
    late.add_param_group({"params": list(module[2].parameters()), "lr": 0.3})
    early = make([{"params": list(twin[0].parameters())}, {"params": list(twin[2].parameters()), "lr": 0.3}], lr=0.1)
    late.step(_closure(module))
    early.step(_closure(twin))
    assert torch.equal(_flat(module), _flat(twin))
    assert not torch.equal(_flat(module), _flat(_module()))


def test_scoping_grows_gamma_in_the_groups_and_the_walk_is_of_its_length() -> None:
    module, calls = _module(), []
    optimiser = _entropy(module.named_parameters(), scoping=0.5, lr=0.1)
    for _ in range(3):
        optimiser.step(_closure(module, calls))
    assert len(calls) == 9
    assert optimiser.param_groups[0]["gamma"] == pytest.approx(0.5 * 1.5**3)
    assert optimiser.param_groups[0]["param_names"] == [name for name, _ in module.named_parameters()]


@pytest.mark.usefixtures("unchecked")
def test_entropy_sgd_goes_to_the_mean_by_default_and_stays_there_however_stiff_the_spring_grows() -> None:
    """With a learning rate of 1/gamma along gamma (x - mean), the way is passed once gamma has doubled."""
    x = nn.Parameter(torch.tensor([3.0, -2.0], dtype=torch.float64))
    curvature = torch.tensor([1.0, 4.0], dtype=torch.float64)

    def closure() -> torch.Tensor:
        value = (curvature * x.square()).sum() / 2
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser = EntropySGD([x], gamma=0.1, scoping=0.02, langevin_steps=20, noise=0.0, generator=None)
    assert optimiser.param_groups[0]["lr"] == 1.0
    losses = [optimiser.step(closure).item() for _ in range(400)]
    assert all(later <= before for before, later in itertools.pairwise(losses))
    assert losses[-1] < 1e-12
    assert optimiser.param_groups[0]["gamma"] == 10.0  # 1/langevin_rate
    assert EntropySGD([x], torch.optim.Adam, gamma=0.1, generator=None, noise=0.0).param_groups[0]["lr"] == 1e-3


@pytest.mark.parametrize("gamma", [1e-4, 0.5])
@pytest.mark.parametrize("base", [torch.optim.SGD, torch.optim.Adam])
def test_entropy_sgd_decays_weights_in_the_walk_as_if_the_loss_had_the_term(base: Any, gamma: float) -> None:
    module, twin = _module(), _module()
    options = {"gamma": gamma, "lr": 0.5 if base is torch.optim.SGD else 1e-2}
    optimiser = _entropy(module.parameters(), base, weight_decay=0.3, **options)
    without = _entropy(twin.parameters(), base, **options)

    def penalised() -> torch.Tensor:
        value = nn.functional.cross_entropy(twin(X), Y) + 0.15 * sum(p.square().sum() for p in twin.parameters())
        value.backward()
        return value

    for _ in range(5):
        optimiser.step(_closure(module))
        without.step(penalised)
    torch.testing.assert_close(_flat(module), _flat(twin), rtol=1e-11, atol=1e-13)
    assert optimiser.param_groups[0]["weight_decay"] == 0.3


def test_decoupled_decay_stays_with_the_outer_step() -> None:
    module, twin = _module(), _module()
    start = _flat(module)
    _entropy(module.parameters(), torch.optim.AdamW, weight_decay=0.3, lr=1e-2).step(_closure(module))
    _entropy(twin.parameters(), torch.optim.AdamW, weight_decay=0.0, lr=1e-2).step(_closure(twin))
    torch.testing.assert_close(_flat(module), _flat(twin) - 0.3 * 1e-2 * start, rtol=1e-12, atol=1e-14)


def test_sharpness_aware_optimisers_decay_weights_on_the_step_alone() -> None:
    module, twin = _module(), _module()
    start = _flat(module)
    SAM(module.parameters(), lr=0.1, weight_decay=0.3).step(_closure(module))
    SAM(twin.parameters(), lr=0.1).step(_closure(twin))
    torch.testing.assert_close(_flat(module), _flat(twin) - 0.1 * 0.3 * start, rtol=1e-12, atol=1e-14)


@makers
def test_a_closure_that_forgets_backward_is_refused_and_moves_nothing(make: Make) -> None:
    module = _module()
    start, optimiser = _flat(module), make(module.parameters(), lr=0.1, weight_decay=0.1)

    def forgetful() -> torch.Tensor:
        return nn.functional.cross_entropy(module(X), Y)

    with pytest.raises(ValueError, match=r"closure must call backward\(\) on the loss, but it leaves no parameter"):
        optimiser.step(forgetful)  # type: ignore[arg-type]
    assert torch.equal(_flat(module), start)


@makers
def test_where_all_is_frozen_a_step_is_a_call_of_the_closure(make: Make) -> None:
    module, calls = _module(), []
    optimiser = make(module.parameters(), lr=0.1, weight_decay=0.1, momentum=0.9)
    optimiser.step(_closure(module))
    start, options = _flat(module), copy.deepcopy(optimiser.param_groups[0])
    module.requires_grad_(False)

    def closure() -> float:
        calls.append(1)
        return 7.0

    assert optimiser.step(closure) == 7.0
    assert len(calls) == 1
    assert torch.equal(_flat(module), start)
    assert {**options, "params": 0} == {**optimiser.param_groups[0], "params": 0}
    module.requires_grad_(True)
    optimiser.step(_closure(module))
    assert not torch.equal(_flat(module), start)


@makers
def test_a_closure_that_fails_leaves_neither_gradients_of_elsewhere_nor_other_noise(make: Make) -> None:
    module, twin, calls = _module(), _module(), []
    optimiser, undisturbed = make(module.parameters(), lr=0.1), make(twin.parameters(), lr=0.1)
    closure = _closure(module, calls)

    def failing() -> torch.Tensor:
        value = closure()
        if len(calls) == 2:
            raise RuntimeError("out of batches")
        return value

    with pytest.raises(RuntimeError, match="out of batches"):
        optimiser.step(failing)  # type: ignore[arg-type]
    assert all(parameter.grad is None for parameter in module.parameters())
    optimiser.step(closure)  # type: ignore[arg-type]
    if isinstance(optimiser, EntropySGD):
        undisturbed.generator.set_state(torch.Generator().manual_seed(3).get_state())  # type: ignore[attr-defined]
    undisturbed.step(_closure(twin))
    assert torch.equal(_flat(module), _flat(twin))


def test_a_half_precision_climb_is_as_long_where_the_norm_overflows() -> None:
    """Four gradients of 40960 have norm 81920, beyond float16; the climb is rho all the same."""
    x, seen = nn.Parameter(torch.ones(4, dtype=torch.float16)), []

    def closure() -> torch.Tensor:
        seen.append(x.detach().clone())
        value = 40960 * x.float().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    for optimiser, there in ((SAM([x], rho=0.5, lr=0.0), 1.25), (ASAM([x], rho=0.5, eta=1.0, lr=0.0), 1.5)):
        seen.clear()
        optimiser.step(closure)
        assert torch.equal(seen[1], torch.full_like(x, there))
        assert torch.equal(x.detach(), torch.ones(4, dtype=torch.float16))


@makers
def test_what_a_checkpoint_or_a_hand_has_put_into_any_group_is_looked_at_before_a_step(make: Make) -> None:
    module = _module()
    start = _flat(module)
    groups = [{"params": list(module[place].parameters())} for place in (0, 2)]
    optimiser = make(groups, lr=0.1)
    ascending = torch.optim.SGD([dict(group) for group in groups], lr=0.1)
    ascending.param_groups[1]["maximize"] = True
    optimiser.load_state_dict(ascending.state_dict())
    with pytest.raises(ValueError, match="maximize must be False, as the loss is minimised, got True"):
        optimiser.step(_closure(module))
    assert torch.equal(_flat(module), start)


def test_noise_that_comes_later_needs_a_generator_too_and_leaves_the_global_one_alone() -> None:
    module = _module()
    noisy = EntropySGD(module.parameters(), gamma=1.0, noise=0.5, generator=torch.Generator(), lr=0.1)
    silent = EntropySGD(module.parameters(), gamma=1.0, noise=0.0, generator=None, lr=0.1)
    before, start = torch.get_rng_state(), _flat(module)
    silent.load_state_dict(noisy.state_dict())
    refusal = pytest.raises(
        TypeError, match=r"generator must be a torch\.Generator where noise > 0, got None for noise 0\.5"
    )
    with refusal:
        silent.step(_closure(module))
    silent.param_groups[0]["noise"] = 0.0
    silent.step(_closure(module))
    assert not torch.equal(_flat(module), start)
    assert torch.equal(torch.get_rng_state(), before)


def test_walks_of_different_length_are_refused_however_they_came_about() -> None:
    module = _module()
    optimiser = _entropy([{"params": list(module[place].parameters())} for place in (0, 2)], lr=0.1)
    optimiser.param_groups[1]["langevin_steps"] = 7
    with pytest.raises(ValueError, match="langevin_steps must be the same in all groups, got 3, 7"):
        optimiser.step(_closure(module))


@makers
@pytest.mark.usefixtures("unchecked")
def test_every_optimiser_learns_the_digits(make: Make) -> None:
    x, y = digits(samples=200, dtype=torch.float32)
    generator = torch.Generator().manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    with torch.no_grad():
        for layer in (module[0], module[2]):
            layer.weight.normal_(0.0, 0.2, generator=generator)
    options = {"noise": 1e-4, "langevin_rate": 0.3, "lr": 1.0} if make is _entropy else {"lr": 0.3}
    optimiser = make(module.parameters(), torch.optim.SGD, momentum=0.8, **options)

    def closure() -> torch.Tensor:
        some = torch.randint(0, 200, (50,), generator=generator)
        value = nn.functional.cross_entropy(module(x[some]), y[some])
        value.backward()  # type: ignore[no-untyped-call]
        return value

    def whole() -> float:
        with torch.no_grad():
            return float(nn.functional.cross_entropy(module(x), y))

    assert whole() > 2
    for _ in range(70):
        optimiser.step(closure)  # type: ignore[arg-type]
    assert whole() < 0.15


@pytest.mark.usefixtures("unchecked")
@makers
def test_what_no_optimiser_can_take_is_refused(make: Make) -> None:
    parameter = nn.Parameter(torch.ones(2))
    for closure in (None, 3):
        with pytest.raises(TypeError, match=rf"closure must be a function that .* needs anew, got {closure}"):
            make([parameter], lr=0.1).step(closure)  # type: ignore[arg-type]
    for base in (torch.optim.LBFGS, lambda groups: SAM(groups, torch.optim.Adagrad), lambda groups: _entropy(groups)):
        with pytest.raises(TypeError, match=r"base_optimizer must step along a gradient without .* the loss, which"):
            make([parameter], base)
    with pytest.raises(TypeError, match="base_optimizer must be an optimiser's class, got one SGD"):
        make([parameter], torch.optim.SGD([parameter]))
    with pytest.raises(TypeError, match="base_optimizer must be an optimiser's class, got one str"):
        make([parameter], "sgd")
    with pytest.raises(TypeError, match="base_optimizer must make an optimiser, got list"):
        make([parameter], lambda groups: groups)
    with pytest.raises(ValueError, match="maximize must be False, as the loss is minimised, got True"):
        make([parameter], lr=0.1, maximize=True)
    with pytest.raises(ValueError, match=r"params must be real floating point tensors, got torch\.complex64"):
        make([nn.Parameter(torch.ones(2, dtype=torch.complex64))], lr=0.1)
    optimiser = make([parameter], lr=0.1)
    with pytest.raises(ValueError, match="maximize must be False"):
        optimiser.add_param_group({"params": [nn.Parameter(torch.ones(2))], "maximize": True})
    assert len(optimiser.param_groups) == 1

    def sparse() -> torch.Tensor:
        value = nn.functional.embedding(torch.tensor([0]), table, sparse=True).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    table = nn.Parameter(torch.ones(3, 2))
    with pytest.raises(ValueError, match=r"gradients must be dense, got one of layout torch\.sparse_coo"):
        make([table], lr=0.1).step(sparse)  # type: ignore[arg-type]
    assert torch.equal(table.detach(), torch.ones(3, 2))


@pytest.mark.usefixtures("unchecked")
def test_options_out_of_range_are_refused() -> None:
    parameters = [nn.Parameter(torch.ones(2))]
    with pytest.raises(ValueError, match="rho must be a finite number >= 0, got -1"):
        SAM(parameters, rho=-1)
    with pytest.raises(ValueError, match="eta must be a finite number >= 0, got -1"):
        ASAM(parameters, eta=-1)
    with pytest.raises(TypeError, match="adaptive must be True or False, got 0"):
        SAM([{"params": parameters, "adaptive": 0}])
    with pytest.raises(TypeError, match=r"adaptive must be left to ASAM, .* or be set in a parameter group, got False"):
        ASAM(parameters, adaptive=False)
    with pytest.raises(ValueError, match="base_optimizer must have no option named rho, got Adadelta"):
        SAM(parameters, torch.optim.Adadelta)
    with pytest.raises(ValueError, match="gamma must be a finite number > 0, got 0"):
        _entropy(parameters, gamma=0)
    with pytest.raises(ValueError, match=r"langevin_rate must be below 2/gamma = 4, .* got 5"):
        _entropy(parameters, langevin_rate=5)
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator, got int"):
        _entropy(parameters, generator=3)
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator where noise > 0, got None"):
        _entropy(parameters, generator=None)
    other = {"params": [nn.Parameter(torch.ones(1))], "langevin_steps": 4}
    with pytest.raises(ValueError, match="langevin_steps must be the same in all groups, got 3, 4"):
        _entropy([{"params": parameters}, other])
    optimiser = SAM(parameters, lr=0.1)
    optimiser.param_groups[0]["rho"] = math.nan
    with pytest.raises(ValueError, match="rho must be a finite number >= 0, got nan"):
        optimiser.step(lambda: parameters[0].sum().backward())


class _OnDevice(torch.Generator):
    """A generator that says it were on an accelerator, where there is none."""

    device = torch.device("cuda", 0)


def test_a_generator_on_an_accelerator_is_refused() -> None:
    with pytest.raises(ValueError, match="generator must be on the CPU, got one on cuda:0"):
        _entropy([nn.Parameter(torch.ones(2))], generator=_OnDevice())
