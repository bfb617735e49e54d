"""Rescaled networks: the same function, other gradients and Hessians, and refusals where the symmetry does not hold."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from numerics import (
    Activation,
    FunctionalModule,
    Mlp,
    SquaredError,
    convolutional_net,
    dense_hessian,
    loss_and_gradient,
    rescale,
    rescale_units,
    rescaling_factors,
    unit_rescaling_factors,
)

ALPHAS = torch.logspace(-3, 3, 16, dtype=torch.float64)


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _filled(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in float64 and in evaluation mode, with parameters of a seed, biases too."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 2)
    return module


def _dense() -> nn.Module:
    return _filled(
        nn.Sequential(
            nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.5)),
            nn.Linear(6, 5, bias=False),
            nn.LeakyReLU(0.2),
            nn.Linear(5, 3),
            nn.LogSoftmax(dim=-1),
        )
    )


def _convolutional() -> nn.Module:
    """Groups, both poolings, dropout, dense layers behind, and something unknown in front."""
    return _filled(
        nn.Sequential(
            OrderedDict(
                image=nn.Unflatten(1, (2, 8, 8)),
                squash=nn.Tanh(),
                one=nn.Conv2d(2, 6, 3, padding=1, padding_mode="circular"),
                relu=nn.ReLU(),
                pool=nn.MaxPool2d(2),
                two=nn.Conv2d(6, 4, 3, groups=2, bias=False),
                leaky=nn.LeakyReLU(),
                mean=nn.AvgPool2d(2, ceil_mode=True),
                drop=nn.Dropout2d(0.3),
                flat=nn.Flatten(),
                three=nn.Linear(4, 5),
                relu3=nn.PReLU(5),
                again=nn.RReLU(),
                four=nn.Linear(5, 3),
            )
        )
    )


NETS = {"dense": (_dense, 4, 3), "convolutional": (_convolutional, 128, 4)}


def _assert_same(one: Tensor, other: Tensor, tolerance: float = 1e-12) -> None:
    assert (one - other).abs().max() <= tolerance * other.abs().max()


@pytest.mark.parametrize("name", NETS)
def test_a_rescaled_module_is_the_same_function(name: str) -> None:
    make, inputs, layers = NETS[name]
    net, x = make(), _normal(20, inputs)
    before = copy.deepcopy(net.state_dict())
    for alpha in ALPHAS.tolist():
        for place in range(layers):
            alphas = [1.0] * layers
            alphas[place], alphas[place - 1] = alpha, 1 / alpha
            _assert_same(rescale(net, alphas)(x), net(x))
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_weights_take_their_alpha_and_biases_the_product_up_to_there() -> None:
    net = _dense()
    scaled = rescale(net, (4.0, 0.5, 0.5))
    for key, factor in {"0.0.weight": 4, "0.0.bias": 4, "1.weight": 0.5, "3.weight": 0.5, "3.bias": 1}.items():
        assert torch.equal(scaled.get_parameter(key), factor * net.get_parameter(key))
    short = rescale(net, torch.tensor([4.0, 0.5]))
    assert all(torch.equal(one, other) for one, other in zip(short.parameters(), scaled.parameters(), strict=True))


@pytest.mark.parametrize("name", NETS)
def test_rescaling_units_leaves_the_function(name: str) -> None:
    make, inputs, _ = NETS[name]
    net, x = make(), _normal(20, inputs)
    units = [parameter.shape[0] for parameter in net.parameters() if parameter.ndim > 1][:-1]
    scales = [
        10 ** (3 * (2 * torch.rand(count, generator=torch.Generator().manual_seed(count)) - 1)) for count in units
    ]
    scaled = rescale_units(net, scales)
    _assert_same(scaled(x), net(x))
    assert not torch.allclose(next(scaled.parameters()), next(net.parameters()))
    uniform = rescale_units(net, [torch.full((count,), 2.0) for count in units])
    by_layers = rescale(net, [2.0, *[1.0] * (len(units) - 1), 0.5])
    assert all(torch.equal(one, other) for one, other in zip(uniform.parameters(), by_layers.parameters(), strict=True))


def test_flattened_features_of_dense_layers_keep_their_order() -> None:
    net = _filled(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)))
    x = _normal(5, 2, 3)
    _assert_same(rescale_units(net, [torch.tensor([1.0, 10.0, 100.0, 1e-3])])(x), net(x))


def test_the_example_network_of_this_floor_can_be_rescaled_in_single_precision_too() -> None:
    net, x = convolutional_net(side=8, seed=0, dtype=torch.float32), _normal(5, 64).float()
    _assert_same(rescale(net, (1e2, 1e-1, 1e1, 1e-2))(x), net(x), 1e-5)


def test_the_copy_shares_nothing_with_the_model_and_has_no_gradients() -> None:
    net = _dense()
    net(_normal(2, 4)).sum().backward()
    net[1].weight.requires_grad_(False)
    scaled = rescale(net, (1.0, 1.0, 1.0))
    assert all(parameter.grad is None for parameter in scaled.parameters())
    assert [p.requires_grad for p in scaled.parameters()] == [p.requires_grad for p in net.parameters()]
    with torch.no_grad():
        scaled[1].weight.zero_()
    assert net[1].weight.abs().max() > 0


@given(
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=5),
    kind=st.sampled_from(["relu", "leaky_relu", "linear"]),
    bias=st.booleans(),
    data=st.data(),
)
def test_rescalings_of_perceptrons_are_a_group_that_leaves_the_function(
    widths: list[int], kind: str, bias: bool, data: st.DataObject
) -> None:
    network, layers = Mlp(tuple(widths), kind, bias), len(widths) - 1
    theta, x = network.init([0, 1], sigma_b=1.0), _normal(3, widths[0])
    logs = st.lists(st.floats(-3, 3), min_size=layers - 1, max_size=layers - 1)
    one, two = (10 ** torch.tensor(data.draw(logs), dtype=torch.float64) for _ in range(2))
    factors = rescaling_factors(network, one)
    before = network.forward(theta, x)
    torch.testing.assert_close(network.forward(factors * theta, x), before, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(factors * rescaling_factors(network, two), rescaling_factors(network, one * two))
    whole = torch.cat([one, 1 / one.prod()[None]])
    torch.testing.assert_close(rescaling_factors(network, whole), factors, rtol=1e-12, atol=0.0)
    scales = [
        10 ** torch.tensor(data.draw(st.lists(st.floats(-3, 3), min_size=width, max_size=width)), dtype=torch.float64)
        for width in widths[1:-1]
    ]
    by_units = unit_rescaling_factors(network, scales) * theta
    torch.testing.assert_close(network.forward(by_units, x), before, rtol=1e-10, atol=1e-12)


def test_sixteen_rescalings_of_several_members_are_one_computation() -> None:
    network = Mlp((4, 6, 5, 3), "relu", bias=True)
    theta, x = network.init(range(3), sigma_b=0.5), _normal(10, 4)
    alphas = torch.stack([ALPHAS, ALPHAS.flip(0) ** 0.5, ALPHAS**-0.5], dim=1)
    alphas[:, 2] = 1 / alphas[:, :2].prod(1)
    points = rescaling_factors(network, alphas)[:, None] * theta
    assert points.shape == (16, 3, network.parameters)
    outputs = network.forward(points.flatten(0, 1), x).unflatten(0, (16, 3))
    for scaled in outputs:
        _assert_same(scaled, network.forward(theta, x))
    several = [10 ** _normal(16, width, seed=width) for width in (6, 5)]
    points = unit_rescaling_factors(network, several)[:, None] * theta
    for scaled in network.forward(points.flatten(0, 1), x).unflatten(0, (16, 3)):
        _assert_same(scaled, network.forward(theta, x))


def test_the_hessian_becomes_d_h_d_and_the_gradient_d_g() -> None:
    """D = 1/factors, for a trained-like network at sixteen alphas, and at a rescaling of its units."""
    network, loss = Mlp((4, 5, 3, 2), "relu", bias=True), SquaredError(0.5)
    theta, x, y = network.init([3], sigma_b=0.3), _normal(12, 4), _normal(12, 2, seed=1)
    hessian = dense_hessian(network, theta, x, y, loss).total
    _, gradient = loss_and_gradient(network, theta, x, y, loss)
    ones = torch.ones_like(ALPHAS)
    units = [10 ** _normal(1, width, seed=width) for width in (5, 3)]
    for factors in (
        rescaling_factors(network, torch.stack([ALPHAS, ones, 1 / ALPHAS], dim=1)),
        unit_rescaling_factors(network, units),
    ):
        points = factors * theta
        d = 1 / factors
        found = dense_hessian(network, points, x, y, loss).total
        wanted = d[:, :, None] * hessian * d[:, None, :]
        error = (found - wanted).flatten(1).norm(dim=1) / wanted.flatten(1).norm(dim=1)
        assert error.max() < 1e-12
        value, slope = loss_and_gradient(network, points, x, y, loss)
        torch.testing.assert_close(slope, d * gradient, rtol=1e-9, atol=1e-12 * float((d * gradient).abs().max()))
        assert (value - loss_and_gradient(network, theta, x, y, loss)[0]).abs().max() < 1e-13


def test_factors_of_a_module_are_those_of_its_rescaled_copy() -> None:
    net = _convolutional()
    view, alphas = FunctionalModule(net), (2.0, 4.0, 0.5, 0.25)
    factors = rescaling_factors(view, alphas)
    assert torch.equal(factors * view.theta, FunctionalModule(rescale(net, alphas)).theta)
    scales = [torch.arange(1.0, 1 + count) for count in (6, 4, 5)]
    found = unit_rescaling_factors(view, scales) * view.theta
    torch.testing.assert_close(found, FunctionalModule(rescale_units(net, scales)).theta, rtol=1e-14, atol=0.0)


def test_a_single_layer_has_nothing_to_shift() -> None:
    layer = _filled(nn.Linear(3, 2))
    for alphas in ((), (1.0,)):
        assert torch.equal(rescale(layer, alphas).get_parameter("weight"), layer.get_parameter("weight"))
    assert torch.equal(rescale_units(layer, []).get_parameter("bias"), layer.get_parameter("bias"))
    assert rescaling_factors(Mlp((3, 2), "tanh"), torch.ones(5, 1)).shape == (5, 6)


@pytest.mark.parametrize(
    "alphas",
    [
        (Fraction(1, 3), Fraction(6), Fraction(1, 2)),
        [mpmath.mpf("0.1"), Fraction(20), 0.5],
        np.array([1, 4, 0.25], dtype=object),
        np.array([0.1, 100.0, 0.1], dtype=np.longdouble),
    ],
)
def test_alphas_are_whatever_float_takes(alphas: object) -> None:
    net, x = _dense(), _normal(5, 4)
    _assert_same(rescale(net, alphas)(x), net(x))  # type: ignore[arg-type]
    numbers = [float(alpha) for alpha in alphas]  # type: ignore[attr-defined]
    wanted = rescaling_factors(Mlp((1, 1, 1, 1), "relu"), numbers)
    assert torch.equal(rescaling_factors(Mlp((1, 1, 1, 1), "relu"), alphas), wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_alphas_have_product_one_as_far_as_their_dtype_goes(dtype: torch.dtype) -> None:
    alphas = torch.tensor([0.1, 10.0], dtype=dtype)
    factors = rescaling_factors(Mlp((1, 1, 1), "relu"), alphas)
    assert factors.prod() == pytest.approx(1.0, rel=1e-15)
    assert factors[0] == alphas[0]
    with pytest.raises(ValueError, match="alphas must have product one, got"):
        rescaling_factors(Mlp((1, 1, 1), "relu"), alphas * (1 + 16 * torch.finfo(dtype).eps + 1e-8))


def test_no_rescalings_are_no_factors() -> None:
    network = Mlp((2, 3, 1), "relu", bias=True)
    assert rescaling_factors(network, np.ones((0, 2))).shape == (0, network.parameters)
    assert rescaling_factors(network, torch.ones(4, 0, 1)).shape == (4, 0, network.parameters)
    assert unit_rescaling_factors(network, [torch.ones(0, 3)]).shape == (0, network.parameters)


def test_activations_may_share_their_slopes() -> None:
    slopes = nn.PReLU()
    net = _filled(nn.Sequential(nn.Linear(3, 4), slopes, nn.Linear(4, 4), slopes, nn.Linear(4, 2)))
    other = _filled(nn.Sequential(nn.Linear(3, 4), nn.PReLU(), nn.Linear(4, 4), nn.PReLU(), nn.Linear(4, 2)))
    other[1].weight = other[3].weight
    x = _normal(5, 3)
    for one in (net, other):
        _assert_same(rescale(one, (4.0, 0.5, 0.5))(x), one(x))


class Residual(nn.Module):
    """x + W relu(x)."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x.relu())


def _tied() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    return net


def _transposed() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = nn.Parameter(net[0].weight.detach().T)
    return net


def _twice() -> nn.Module:
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


def _with_plain(leaf: str) -> nn.Module:
    """A layer whose weight or bias is a buffer."""
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    plain = getattr(net[0], leaf).detach()
    delattr(net[0], leaf)
    net[0].register_buffer(leaf, plain)
    return net


def _slopes_from_biases() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4), nn.PReLU(4), nn.Linear(4, 4))
    net[1].weight = net[0].bias
    return net


def _between(module: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), module, nn.Linear(4, 4))


def _hooked() -> nn.Module:
    net = _between(nn.ReLU())
    net[1].register_forward_hook(lambda module, inputs, outputs: outputs + 1)
    return net


@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    @pytest.mark.parametrize(
        ("model", "sentence"),
        [
            (_between(nn.Tanh()), r"positively homogeneous activations, but 1 \(Tanh\) is not: f\(2 z\) is not 2 f"),
            (_between(nn.GELU()), r"positively homogeneous activations, but 1 \(GELU\)"),
            (_between(nn.BatchNorm1d(4)).eval(), r"scale of a layer on to the next one, but 1 \(BatchNorm1d\)"),
            (_between(nn.LayerNorm(4)), r"scale of a layer on to the next one, but 1 \(LayerNorm\)"),
            (_between(nn.Dropout(0.5)), r"but 1 \(Dropout\) draws random numbers: call .eval\(\) first"),
            (_between(Residual()), r"nothing but ReLU, .* between its linear .* layers, got 1 \(Residual\)"),
            (nn.Sequential(Residual(), nn.Linear(4, 4)), "chain of layers that rescaling knows, but 0 is no such"),
            (Residual(), r"a linear or convolutional layer in an nn.Sequential, got Residual"),
            (nn.Sequential(nn.ReLU()), r"a linear or convolutional layer in an nn.Sequential, got Sequential"),
            (_with_plain("bias"), "weights and biases that are parameters, but 0.bias is a plain Tensor"),
            (_with_plain("weight"), "weights and biases that are parameters, but 0.weight is a plain Tensor"),
            (_slopes_from_biases(), r"must not tie weights, but 1.weight is 0.bias"),
            (
                nn.Sequential(nn.Linear(4, 4, dtype=torch.complex64), nn.Linear(4, 4)),
                r"real floating point dtype .* 0.weight is of torch.complex64",
            ),
            (
                _between(nn.ReLU()).to(torch.float8_e4m3fn),
                r"of 16 bits at least, but 0.weight is of torch.float8_e4m3fn",
            ),
            (_tied(), r"must not tie weights, but 2.weight is 0.weight"),
            (_transposed(), r"must not tie weights, but 2.weight is 0.weight"),
            (_twice(), r"must not tie weights, but 2.weight is 0.weight"),
            (nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), r"hooks or a parametrization, such as weight"),
            (_hooked(), r"plain parameters, but 1 \(ReLU\) has hooks"),
            (_between(nn.ReLU()).to("meta"), r"0.weight must hold numbers, got a tensor on the meta device"),
        ],
    )
    def test_models(self, model: nn.Module, sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            rescale(model, (1.0, 1.0) if len(list(model.children())) > 2 else (1.0,))

    @pytest.mark.parametrize("use", [rescaling_factors, unit_rescaling_factors])
    def test_views_of_models(self, use: Callable[..., Tensor]) -> None:
        scales = (1.0, 1.0) if use is rescaling_factors else [torch.ones(4)]
        for leaf in ("weight", "bias"):
            with pytest.raises(ValueError, match=f"but 0.{leaf} is a plain Tensor"):
                use(FunctionalModule(_with_plain(leaf)), scales)

    @pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
    def test_layers_without_units(self) -> None:
        net = nn.Sequential(nn.Linear(3, 0), nn.ReLU(), nn.Linear(0, 2))
        for call in (lambda: rescale(net, (2.0, 0.5)), lambda: rescale_units(net, [torch.ones(0)])):
            with pytest.raises(ValueError, match=r"one unit at least in every layer, but 0.weight is empty"):
                call()

    def test_what_is_no_model(self) -> None:
        with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got list"):
            rescale([nn.Linear(1, 1)], (1.0,))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="network must be an Mlp or a FunctionalModule, got Linear"):
            rescaling_factors(nn.Linear(1, 1), (1.0,))  # type: ignore[arg-type]
        net = _between(nn.ReLU())
        net.note = (_ for _ in ())  # type: ignore[assignment]
        with pytest.raises(ValueError, match=r"model must be one that copy.deepcopy can copy, but it says"):
            rescale(net, (1.0, 1.0))

    @pytest.mark.parametrize("call", ["module", "factors"])
    def test_alphas(self, call: str) -> None:
        def use(alphas: object) -> None:
            if call == "module":
                rescale(_dense(), alphas)  # type: ignore[arg-type]
            else:
                rescaling_factors(Mlp((1, 1, 1, 1), "relu"), alphas)  # type: ignore[arg-type]

        for number in (0.0, -1.0, float("nan"), float("inf")):
            with pytest.raises(ValueError, match=rf"alphas must be positive finite numbers, got {number:g}"):
                use([1.0, number, 1.0])
        for nonsense in (
            "abc",
            None,
            [1j, 1.0],
            [[1.0], [1.0, 1.0]],
            [True, True],
            [{}],
            [Fraction(1), True],
            [Fraction(1), "1"],
        ):
            with pytest.raises(ValueError, match=r"alphas must be positive finite numbers in one .* array, got"):
                use(nonsense)
        with pytest.raises(ValueError, match=r"alphas must have product one, got 1\.01"):
            use([1.01, 2.0, 0.5])
        for kind in (torch.ones(3).to_sparse(), torch.ones(3, dtype=torch.complex128), torch.ones(3, device="meta")):
            with pytest.raises(ValueError, match=r"alphas must be positive finite numbers in one .* dense array, got"):
                use(kind)
        for wrong in ([1.0], [1.0] * 4, 1.0, []):
            with pytest.raises(ValueError, match=r"alphas must have shape .*3\), one per layer .* got \("):
                use(wrong)
        with pytest.raises(ValueError, match="alphas must have products that float64 can hold"):
            use([1e-200, 1e-200])

    def test_one_model_takes_one_rescaling(self) -> None:
        with pytest.raises(ValueError, match=r"alphas must have shape \(3\), .* got \(2, 3\)"):
            rescale(_dense(), torch.ones(2, 3))

    def test_alphas_that_the_dtype_cannot_hold(self) -> None:
        for alpha in (1e-37, 1e37):
            with pytest.raises(ValueError, match=r"weight must stay within what torch.float32 can hold, but would"):
                rescale(_dense().float(), (alpha, 1.0, 1 / alpha))

    def test_scales_of_units(self) -> None:
        for scales in (None, torch.ones(2, 6), [torch.ones(6)], "ab"):
            with pytest.raises(ValueError, match="scales must be a list of 2 tensors, one per hidden layer, got"):
                rescale_units(_dense(), scales)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"scales\[1\] must have shape \(5,\), one number per unit, got \(4,\)"):
            rescale_units(_dense(), [torch.ones(6), torch.ones(4)])
        with pytest.raises(ValueError, match=r"scales\[0\] must be positive finite numbers, got 0"):
            rescale_units(_dense(), [torch.zeros(6), torch.ones(5)])
        with pytest.raises(ValueError, match=r"scales\[1\] must have shape \(2, 1\), one number per unit, got \(1,\)"):
            unit_rescaling_factors(Mlp((1, 1, 1, 1), "relu"), [torch.ones(2, 1), torch.ones(1)])

    @pytest.mark.parametrize(
        ("net", "sentence"),
        [
            (nn.Sequential(nn.Linear(4, 4), nn.MaxPool1d(2), nn.Linear(2, 1)), r"1 \(MaxPool1d\) pools over them"),
            (nn.Sequential(nn.Conv1d(1, 4, 1), nn.Linear(4, 1)), r"1 \(Linear\) does not take them along the axis"),
            (nn.Sequential(nn.Linear(4, 4), nn.Conv1d(4, 4, 1)), r"1 \(Conv1d\) does not take them along the axis"),
            (
                nn.Sequential(nn.Linear(4, 4), nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 4, 1)),
                r"1 \(Unflatten\) moves them to other axes",
            ),
            (
                nn.Sequential(
                    nn.Conv1d(2, 4, 3, padding=1), nn.MaxPool2d((3, 1), stride=1, padding=(1, 0)), nn.Conv1d(4, 3, 3)
                ),
                r"1 \(MaxPool2d\) takes other axes than 0 \(Conv1d\) makes",
            ),
            (
                nn.Sequential(nn.Conv2d(2, 4, 3), nn.AdaptiveAvgPool1d(2), nn.Conv2d(4, 3, 1)),
                r"1 \(AdaptiveAvgPool1d\) takes other axes than 0 \(Conv2d\) makes",
            ),
            (
                nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 1)),
                r"2 \(Conv2d\) takes other axes than 0 \(Conv1d\) makes",
            ),
        ],
    )
    def test_units_that_are_mixed(self, net: nn.Module, sentence: str) -> None:
        with pytest.raises(ValueError, match=rf"model must keep the units of a layer apart .* but {sentence}"):
            rescale_units(net, [torch.ones(4)])
        rescale(net, (2.0, 0.5))

    def test_perceptrons_without_the_symmetry(self) -> None:
        wrong = {"tanh": r"tanh takes", "quadratic": r"quadratic takes", "softplus": r"softplus takes"}
        for kind, sentence in wrong.items():
            with pytest.raises(ValueError, match=rf"have a positively homogeneous activation, .* {sentence}"):
                rescaling_factors(Mlp((1, 1, 1), kind), (1.0, 1.0))
        shifted = Activation("shifted", lambda z: torch.relu(z - 1e-3), piecewise_linear=True)
        with pytest.raises(ValueError, match="shifted takes"):
            unit_rescaling_factors(Mlp((1, 1, 1), shifted), [torch.ones(1)])
        absolute = Activation("absolute", torch.abs, piecewise_linear=True)
        assert rescaling_factors(Mlp((1, 1, 1), absolute), (2.0, 0.5)).tolist() == [2.0, 0.5]

    def test_frozen_weights_have_no_place_in_a_flat_layout(self) -> None:
        net = _dense()
        net[1].weight.requires_grad_(False)
        with pytest.raises(ValueError, match=r"network must have trainable weights and biases, but 1.weight is frozen"):
            rescaling_factors(FunctionalModule(net), (1.0, 1.0, 1.0))
