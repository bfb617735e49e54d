"""A module as a pure function: layout, ensembles, ties, and a module that is left as it was."""

import copy
import pickle

import pytest
import torch
from torch import nn

from numerics import FunctionalModule, Mlp


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _net() -> nn.Module:
    """Convolution, norm, max-pooling, dense: everything that a classifier of images has."""
    return (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 3))
        .double()
        .eval()
    )


class Tied(nn.Module):
    """An autoencoder whose decoder is its encoder, transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(4, 4, bias=False)
        self.decoder = nn.Linear(4, 4, bias=False)
        self.decoder.weight = self.encoder.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x).tanh())


class Pair(nn.Module):
    """Two outputs in a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.inner(x), x


def test_the_layout_is_that_of_the_named_parameters() -> None:
    module = _net()
    view = FunctionalModule(module)
    expected = torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
    assert torch.equal(view.theta[0], expected)
    assert list(view.layers) == [name for name, _ in module.named_parameters()]
    for name, parameter in module.named_parameters():
        assert torch.equal(view.theta[0, view.layers[name]], parameter.flatten())
        assert torch.equal(view.unflatten(view.theta)[name][0], parameter)


def test_at_its_own_parameters_the_view_is_the_module(device: str) -> None:
    module = _net().to(device)
    view, x = FunctionalModule(module), _normal(5, 1, 8, 8).to(device)
    torch.testing.assert_close(view.forward(view.theta, x)[0], module(x), rtol=1e-13, atol=1e-13)


def test_an_ensemble_is_its_members_side_by_side(device: str) -> None:
    view = FunctionalModule(_net().to(device))
    theta = view.init(range(3), sigma_b=0.5)
    shared, own = _normal(5, 1, 8, 8).to(device), _normal(3, 5, 1, 8, 8).to(device)
    together, apart = view.forward(theta, shared), view.forward(theta, own, shared=False)
    for member in range(3):
        one = theta[member : member + 1]
        torch.testing.assert_close(together[member : member + 1], view.forward(one, shared), rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(apart[member : member + 1], view.forward(one, own[member]), rtol=1e-12, atol=1e-13)


def test_an_ensemble_through_max_pooling_can_be_differentiated_twice() -> None:
    view, x = FunctionalModule(_net()), _normal(4, 1, 8, 8)
    theta = view.init(range(2)).requires_grad_()
    (gradient,) = torch.autograd.grad(view.forward(theta, x).square().sum(), theta, create_graph=True)
    (together,) = torch.autograd.grad(gradient.square().sum(), theta)
    for member in range(2):
        one = theta[member : member + 1].detach().requires_grad_()
        (slope,) = torch.autograd.grad(view.forward(one, x).square().sum(), one, create_graph=True)
        (alone,) = torch.autograd.grad(slope.square().sum(), one)
        torch.testing.assert_close(together[member : member + 1], alone, rtol=1e-10, atol=1e-10)


def test_a_perceptron_as_a_module_has_the_layout_of_an_mlp() -> None:
    network = Mlp((3, 4, 2), "tanh", bias=True)
    view = FunctionalModule(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double())
    theta, x = network.init([0, 1], sigma_b=0.3), _normal(6, 3)
    assert torch.equal(theta, view.init([0, 1], sigma_b=0.3))
    torch.testing.assert_close(view.forward(theta, x), network.forward(theta, x), rtol=1e-13, atol=1e-14)
    assert list(network.layers.values()) == list(view.layers.values())
    assert list(network.layers) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert list(Mlp((3, 4, 2)).layers) == ["0.weight", "1.weight"]


def test_tied_parameters_count_once_and_move_together() -> None:
    view = FunctionalModule(Tied().double())
    assert view.parameters == 16
    weight, x = _normal(4, 4, seed=1), _normal(5, 4)
    expected = (x @ weight.T).tanh() @ weight.T
    torch.testing.assert_close(view.forward(weight.reshape(1, 16), x)[0], expected, rtol=1e-13, atol=1e-14)


def test_frozen_parameters_are_constants() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double()
    module[0].requires_grad_(False)
    view, x = FunctionalModule(module), _normal(5, 3)
    assert list(view.layers) == ["1.weight", "1.bias"]
    torch.testing.assert_close(view.forward(torch.zeros_like(view.theta), x), torch.zeros(1, 5, 2).double())
    torch.testing.assert_close(view.forward(view.theta, x)[0], module(x), rtol=1e-13, atol=1e-14)


def test_later_training_does_not_reach_the_view_nor_the_view_the_module() -> None:
    module = _net()
    module(_normal(2, 1, 8, 8)).sum().backward()
    before = copy.deepcopy(module.state_dict()), [parameter.grad.clone() for parameter in module.parameters()]
    view, x = FunctionalModule(module), _normal(3, 1, 8, 8)
    outputs = view.forward(view.theta, x)
    view.theta.zero_()
    assert torch.equal(outputs, view.forward(view.theta, x))
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in before[0].items())
    assert all(torch.equal(old, new.grad) for old, new in zip(before[1], module.parameters(), strict=True))
    module.train()
    module(x)
    with torch.no_grad():
        module[0].weight.zero_()
    assert torch.equal(outputs, view.forward(view.theta, x))


def test_theta_fixes_the_dtype_of_buffers_too() -> None:
    module = _net().float()
    view, x = FunctionalModule(module), _normal(3, 1, 8, 8)
    outputs = view.forward(view.theta.double(), x)
    torch.testing.assert_close(outputs[0], copy.deepcopy(module).double()(x), rtol=1e-12, atol=1e-13)


def test_weights_are_scaled_by_fan_in_and_the_scales_of_a_norm_are_kept() -> None:
    view = FunctionalModule(nn.Sequential(nn.Conv2d(4, 64, 5), nn.BatchNorm2d(64)).eval())
    theta = view.init(range(8), sigma_w=2.0, sigma_b=3.0, dtype=torch.float64)
    assert theta.dtype == torch.float64
    weight, bias = theta[:, view.layers["0.weight"]], theta[:, view.layers["0.bias"]]
    # standard errors of a standard deviation: s/sqrt(2 n), for 51200 and 512 draws
    assert abs(float(weight.std()) - 2 / 10) < 5 * 0.2 / (2 * weight.numel()) ** 0.5
    assert abs(float(bias.std()) - 3) < 5 * 3 / (2 * bias.numel()) ** 0.5
    assert bool((theta[:, view.layers["1.weight"]] == 1).all())
    assert torch.equal(theta[:2], view.init([0, 1], sigma_w=2.0, sigma_b=3.0, dtype=torch.float64))


def test_a_view_travels_to_another_process() -> None:
    view, x = FunctionalModule(_net()), _normal(2, 1, 8, 8)
    other = pickle.loads(pickle.dumps(view))
    assert torch.equal(other.forward(other.theta, x), view.forward(view.theta, x))
    assert repr(other) == "FunctionalModule(Sequential, 81 parameters)"


def _active(layer: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), layer).train()


class Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def __deepcopy__(self, memo: object) -> "Odd":
        raise RuntimeError("there is only one of me")


def _two_dtypes() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())


def _not_finite() -> nn.Module:
    module = nn.Linear(2, 2)
    with torch.no_grad():
        module.weight[0, 0] = torch.inf
    return module


REFUSED = {
    "no module": (lambda: Mlp((2, 2)), TypeError, r"module must be a torch.nn.Module, got Mlp"),
    "no parameters": (lambda: nn.ReLU(), ValueError, r"must have trainable parameters, but ReLU has none"),
    "frozen": (lambda: nn.Linear(2, 2).requires_grad_(False), ValueError, r"but Linear has none"),
    "empty": (lambda: nn.ParameterList([torch.zeros(0)]), ValueError, r"but all of them are empty"),
    "lazy": (lambda: nn.LazyLinear(2), ValueError, r"must be initialised, but parameter weight has no shape"),
    "two dtypes": (_two_dtypes, ValueError, r"of one dtype and device, got torch.float32 on cpu, torch.float64 on cpu"),
    "half": (lambda: nn.Linear(2, 2).half(), ValueError, r"parameter weight must be a dense tensor of torch.float32"),
    "not finite": (_not_finite, ValueError, r"module's parameters must be finite"),
    "meta": (lambda: nn.Linear(2, 2, device="meta"), ValueError, r"must hold numbers"),
    "no copies": (Odd, ValueError, r"copy.deepcopy can copy, but it says: there is only one of me"),
    "dropout": (lambda: _active(nn.Dropout(0.5)), ValueError, r"dropout is active in 1 \(Dropout\): call .eval\(\)"),
    "alpha dropout": (lambda: _active(nn.AlphaDropout(0.5)), ValueError, r"active in 1 \(AlphaDropout\)"),
    "recurrent dropout": (
        lambda: nn.LSTM(2, 2, num_layers=2, dropout=0.5),
        ValueError,
        r"active in the module itself \(LSTM\)",
    ),
    "attention dropout": (lambda: nn.MultiheadAttention(4, 2, dropout=0.1), ValueError, r"\(MultiheadAttention\)"),
    "rrelu": (lambda: _active(nn.RReLU()), ValueError, r"active in 1 \(RReLU\)"),
    "batch norm": (lambda: _active(nn.BatchNorm1d(2)), ValueError, r"but 1 \(BatchNorm1d\) is in training mode"),
    "instance norm": (
        lambda: _active(nn.InstanceNorm1d(2, track_running_stats=True)),
        ValueError,
        r"but 1 \(InstanceNorm1d\) is in training mode and keeps statistics",
    ),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_pure_function_of_finite_parameters_is_refused(name: str) -> None:
    build, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        FunctionalModule(build())


def test_the_same_layers_are_taken_in_eval_mode() -> None:
    for layer in (nn.Dropout(0.5), nn.BatchNorm1d(2), nn.RReLU()):
        FunctionalModule(_active(layer).eval())
    FunctionalModule(_active(nn.Dropout(0.0)))


@pytest.mark.usefixtures("unchecked")
def test_arguments_that_do_not_fit_are_refused() -> None:
    view = FunctionalModule(nn.Linear(3, 2).double())
    x = _normal(5, 3)
    with pytest.raises(ValueError, match=r"theta must have shape \(members, 8\), got \(8,\)"):
        view.forward(torch.zeros(8).double(), x)
    with pytest.raises(TypeError, match=r"x must be a torch tensor, got list"):
        view.forward(view.theta, [1.0])
    with pytest.raises(ValueError, match=r"x must have theta's dtype and device, torch.float64 on cpu, got torch.flo"):
        view.forward(view.theta, x.float())
    with pytest.raises(ValueError, match=r"x must have shape \(batch, ...\), got \(\)"):
        view.forward(view.theta, x[0, 0])
    with pytest.raises(ValueError, match=r"x must have shape \(2, batch, ...\), got \(5, 3\)"):
        view.forward(view.init([0, 1]), x, shared=False)
    pair = FunctionalModule(Pair().double())
    with pytest.raises(TypeError, match=r"module must return one tensor, got tuple"):
        pair.forward(pair.theta, _normal(5, 2))
    with pytest.raises(ValueError, match=r"sigma_w must be a finite number >= 0, got -1"):
        view.init([0], sigma_w=-1)
    with pytest.raises(ValueError, match=r"sigma_w and sigma_b must leave entries"):
        view.init([0], sigma_w=1e300, dtype=torch.float32)
    with pytest.raises(ValueError, match=r"dtype must be torch.float32 or torch.float64"):
        view.init([0], dtype=torch.float16)
