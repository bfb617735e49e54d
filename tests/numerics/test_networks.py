"""Networks as pure functions: layout, activations and their derivatives, pullback, seeds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import Activation, Mlp
from numerics.activations import activation

NAMES = ["linear", "relu", "leaky_relu", "tanh", "sigmoid", "softplus", "erf", "sine", "quadratic"]


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("bias", [False, True])
def test_the_flat_layout_is_weight_then_bias_layer_by_layer(bias: bool) -> None:
    network = Mlp((2, 3, 1), "tanh", bias=bias)
    theta = torch.arange(network.parameters, dtype=torch.float64)[None] / 10
    values = theta[0].tolist()
    w1 = torch.tensor([values[0:2], values[2:4], values[4:6]], dtype=torch.float64)
    b1 = torch.tensor(values[6:9] if bias else [0.0] * 3, dtype=torch.float64)
    w2 = torch.tensor([values[9:12] if bias else values[6:9]], dtype=torch.float64)
    b2 = torch.tensor(values[12:] if bias else [0.0], dtype=torch.float64)
    x = _normal(4, 2)
    expected = torch.tanh(x @ w1.T + b1) @ w2.T + b2
    torch.testing.assert_close(network.forward(theta, x)[0], expected, rtol=1e-14, atol=1e-15)


def test_an_ensemble_is_its_members_side_by_side(device: str) -> None:
    network = Mlp((3, 5, 4, 2), "softplus", bias=True)
    theta = network.init(range(4), sigma_b=0.5, device=device)
    own = _normal(4, 6, 3).to(device)
    together = network.forward(theta, own)
    for member in range(4):
        alone = network.forward(theta[member : member + 1], own[member])
        torch.testing.assert_close(together[member], alone[0], rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(network.forward(theta, own[0])[0], together[0], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_slope_and_bend_are_the_derivatives(name: str) -> None:
    f = activation(name)
    z = torch.linspace(-3, 3, 40, dtype=torch.float64)  # misses 0, where the kinks are
    for derivative, function in ((f.slope, f.function), (f.bend, f.slope)):
        expected = torch.func.jacrev(function)(z).diagonal()
        torch.testing.assert_close(derivative(z), expected, rtol=1e-12, atol=1e-14)
    cotangent = _normal(40)
    torch.testing.assert_close(f.pull(cotangent, z, f(z)), cotangent * f.slope(z), rtol=1e-14, atol=1e-16)
    assert torch.equal(f.pull(cotangent, 0 * z, f(0 * z)), cotangent * f.slope(0 * z))  # at the kinks too


def test_an_activation_of_ones_own_gets_its_derivatives() -> None:
    z = torch.linspace(-2, 2, 9, dtype=torch.float64)
    mine = Activation("mine", lambda t: t * t.tanh())
    torch.testing.assert_close(mine.slope(z), z.tanh() + z / z.cosh() ** 2, rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(
        mine.bend(z), 2 / z.cosh() ** 2 - 2 * z * z.tanh() / z.cosh() ** 2, rtol=1e-12, atol=1e-15
    )
    assert Mlp((2, 3, 1), mine).nonlinearity is mine


@pytest.mark.parametrize("bias", [False, True])
def test_pullback_is_the_transposed_jacobian(bias: bool) -> None:
    network = Mlp((3, 4, 5, 2), "tanh", bias=bias)
    theta, x, cotangent = network.init([1, 2]), _normal(7, 3), _normal(2, 7, 2)
    _, pull = torch.func.vjp(lambda t: network.forward(t, x), theta)
    mine = network.pullback(network.trace(theta, x), cotangent)
    torch.testing.assert_close(mine, pull(cotangent)[0], rtol=1e-12, atol=1e-14)


def test_initial_weights_have_variance_over_fan_in() -> None:
    network = Mlp((16, 40, 10), "relu", bias=True)
    layers = network.unflatten(network.init(range(200), sigma_w=1.5, sigma_b=0.3))
    for weight, bias in layers:
        assert bias is not None
        assert abs(float(weight.var()) * weight.shape[2] / 1.5**2 - 1) < 5 * (2 / weight.numel()) ** 0.5
        assert abs(float(bias.var()) / 0.3**2 - 1) < 5 * (2 / bias.numel()) ** 0.5


@settings(deadline=None, derandomize=True, max_examples=25)
@given(seed=st.integers(0, 2**64 - 1), extra=st.lists(st.integers(0, 2**64 - 1), max_size=3))
def test_a_network_depends_on_its_own_seed_alone(seed: int, extra: list[int]) -> None:
    network = Mlp((2, 3, 1), "tanh")
    alone = network.init([seed])
    assert torch.equal(network.init([seed, *extra])[:1], alone)
    assert torch.equal(network.init([seed], dtype=torch.float32), alone.float())


def test_relu_networks_are_homogeneous_in_each_layer() -> None:
    network = Mlp((3, 4, 2), "relu")
    theta, x = network.init([0]), _normal(5, 3)
    scaled = theta.clone()
    scaled[:, :12] *= 4.0
    torch.testing.assert_close(network.forward(scaled, x), 4 * network.forward(theta, x), rtol=1e-14, atol=0.0)


@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    def test_networks(self) -> None:
        with pytest.raises(ValueError, match=r"widths must be a tuple that names at least inputs .* got \(3,\)"):
            Mlp((3,))
        with pytest.raises(ValueError, match=r"widths\[1\] must be an integer >= 1, got 0"):
            Mlp((3, 0, 1))
        with pytest.raises(ValueError, match=r"activation must be one of linear, .* got 'swish'"):
            Mlp((3, 1), "swish")

    def test_initialisation(self) -> None:
        network = Mlp((3, 1))
        with pytest.raises(ValueError, match="sigma_w must be a finite number >= 0, got -1"):
            network.init([0], sigma_w=-1)
        with pytest.raises(ValueError, match="sigma_b must be a finite number >= 0, got inf"):
            network.init([0], sigma_b=float("inf"))
        with pytest.raises(ValueError, match="seeds must hold one integer per member, got none"):
            network.init([])

    def test_shapes(self) -> None:
        network = Mlp((3, 2))
        theta = network.init([0, 1])
        with pytest.raises(ValueError, match=r"theta must have shape \(members, 6\), got \(6,\)"):
            network.forward(theta[0], _normal(5, 3))
        with pytest.raises(ValueError, match=r"x must have shape \(batch, 3\) or \(2, batch, 3\), got \(5, 4\)"):
            network.forward(theta, _normal(5, 4))
        with pytest.raises(ValueError, match=r"x must have shape .* got \(3, 5, 3\)"):
            network.trace(theta, _normal(3, 5, 3))
        with pytest.raises(ValueError, match=r"x must have theta's dtype and device, torch.float64 on cpu"):
            network.forward(theta, _normal(5, 3).float())
        with pytest.raises(ValueError, match=r"cotangent must have the outputs' shape \(2, 5, 2\), got \(5, 2\)"):
            network.pullback(network.trace(theta, _normal(5, 3)), _normal(5, 2))
