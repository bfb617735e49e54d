"""The assembled Hessian against automatic differentiation, and the laws that it obeys."""

import itertools

import pytest
import torch

from numerics import (
    Activation,
    CrossEntropy,
    HessianParts,
    Loss,
    Mlp,
    SquaredError,
    dense_hessian,
    loss_and_gradient,
    output_jacobian,
    relative_gradient_norm,
)

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

SHAPES = [(3, 2), (1, 1, 1), (3, 4, 2), (3, 4, 5, 2), (2, 3, 4, 3, 2)]
NAMES = ["linear", "relu", "leaky_relu", "tanh", "sigmoid", "softplus", "erf", "sine", "quadratic"]


def _problem(
    widths: tuple[int, ...], loss: Loss, *, members: int = 2, batch: int = 7, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(members, batch, widths[0], generator=generator, dtype=torch.float64)
    if isinstance(loss, SquaredError):
        return x, torch.randn(members, batch, widths[-1], generator=generator, dtype=torch.float64)
    return x, torch.randint(0, widths[-1], (members, batch), generator=generator)


def _reference(network: Mlp, theta: torch.Tensor, x: torch.Tensor, y: torch.Tensor, loss: Loss) -> HessianParts:
    """The slow, obvious way: one member at a time by automatic differentiation."""
    totals, firsts = [], []
    for t, own_x, own_y in zip(theta, x, y, strict=True):

        def outputs(p: torch.Tensor, own_x: torch.Tensor = own_x) -> torch.Tensor:
            return network.forward(p[None], own_x)

        def value(p: torch.Tensor, own_y: torch.Tensor = own_y, outputs=outputs) -> torch.Tensor:  # type: ignore[no-untyped-def]
            return loss.value(outputs(p), own_y)[0]

        totals.append(torch.func.hessian(value)(t))
        jacobian = torch.func.jacrev(outputs)(t)[0]
        inner = loss.hessian(outputs(t), own_y)[0]
        firsts.append(torch.einsum("bkp,bkl,blq->pq", jacobian, inner, jacobian))
    gauss_newton = torch.stack(firsts)
    return HessianParts(gauss_newton, torch.stack(totals) - gauss_newton)


def _same(mine: HessianParts, truth: HessianParts, relative: float = 1e-13) -> None:
    scale = truth.total.abs().amax(dim=(1, 2), keepdim=True) + truth.gauss_newton.abs().amax(dim=(1, 2), keepdim=True)
    for part in ("gauss_newton", "residual", "total"):
        error = (getattr(mine, part) - getattr(truth, part)).abs()
        assert (error <= relative * scale).all(), part


@pytest.mark.parametrize("widths", SHAPES)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("loss", [SquaredError(0.5), CrossEntropy(1.7)])
def test_both_parts_agree_with_automatic_differentiation(
    widths: tuple[int, ...], bias: bool, loss: Loss, device: str
) -> None:
    x, y = (data.to(device) for data in _problem(widths, loss))
    for name in NAMES:
        network = Mlp(widths, name, bias=bias)
        theta = network.init([1, 2], sigma_b=0.3, device=device)
        mine = dense_hessian(network, theta, x, y, loss)
        largest = float(network.forward(theta, x).abs().max())  # a softmax is off by this much rounding
        _same(mine, _reference(network, theta, x, y, loss), 1e-13 * max(1.0, largest))
        for part in (mine.gauss_newton, mine.residual, mine.total):
            assert torch.equal(part, part.mT)


def test_an_activation_of_ones_own_is_as_exact() -> None:
    loss = SquaredError()
    network = Mlp((3, 4, 4, 2), Activation("swish", lambda z: z * z.sigmoid()), bias=True)
    x, y = _problem(network.widths, loss)
    theta = network.init([1, 2], sigma_b=0.3)
    _same(dense_hessian(network, theta, x, y, loss), _reference(network, theta, x, y, loss))


@pytest.mark.parametrize("loss", [SquaredError(0.5), CrossEntropy()])
def test_shared_data_and_chunks_change_nothing_but_rounding(loss: Loss) -> None:
    network = Mlp((3, 5, 4, 2), "tanh", bias=True)
    x, y = _problem(network.widths, loss, members=3)
    theta = network.init([1, 2, 3])
    own = dense_hessian(network, theta, x[:1].expand(3, -1, -1), y[:1].expand(3, *y.shape[1:]), loss)
    shared = dense_hessian(network, theta, x[0], y[0], loss)
    assert torch.equal(own.total, shared.total)
    for chunk in (1, 3, 100):
        _same(dense_hessian(network, theta, x[0], y[0], loss, chunk=chunk), shared, 1e-14)


def test_groups_of_members_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = SquaredError()
    network = Mlp((3, 4, 2), "tanh", bias=True)
    x, y = _problem(network.widths, loss, members=5)
    theta = network.init(range(5))
    together = dense_hessian(network, theta, x, y, loss)
    monkeypatch.setattr("numerics.curvature.assembly._WORK", 2 * network.parameters**2)
    _same(dense_hessian(network, theta, x, y, loss), together, 1e-15)


def test_float32_is_right_to_single_precision(device: str) -> None:
    loss = CrossEntropy()
    network = Mlp((3, 5, 4, 2), "tanh", bias=True)
    x, y = (data.to(device) for data in _problem(network.widths, loss))
    theta = network.init([1, 2], device=device)
    single = dense_hessian(network, theta.float(), x.float(), y, loss)
    assert single.total.dtype == torch.float32
    as_double = HessianParts(single.gauss_newton.double(), single.residual.double())
    _same(as_double, dense_hessian(network, theta, x, y, loss), 1e-5)


def test_the_prefactor_multiplies_both_parts() -> None:
    network = Mlp((3, 4, 2), "softplus")
    x, y = _problem(network.widths, SquaredError())
    theta = network.init([1, 2])
    one, three = (dense_hessian(network, theta, x, y, SquaredError(c)) for c in (1.0, 3.0))
    _same(three, HessianParts(3 * one.gauss_newton, 3 * one.residual), 1e-15)


def test_residuals_scale_the_residual_part_and_leave_gauss_newton() -> None:
    """At fixed weights e -> c e multiplies H1 by c and leaves H0, for the squared error."""
    loss, network = SquaredError(0.5), Mlp((3, 4, 2), "tanh", bias=True)
    x, y = _problem(network.widths, loss)
    theta = network.init([1, 2])
    outputs = network.forward(theta, x)
    before = dense_hessian(network, theta, x, y, loss)
    after = dense_hessian(network, theta, x, outputs - 5 * (outputs - y), loss)
    assert torch.equal(after.gauss_newton, before.gauss_newton)
    _same(HessianParts(before.gauss_newton, after.residual / 5), before, 1e-14)


@pytest.mark.parametrize("name", ["linear", "relu", "tanh"])
def test_blocks_transform_under_a_permutation_of_hidden_units(name: str) -> None:
    """Renaming hidden units permutes parameters, and with them rows and columns of both parts."""
    loss, network = SquaredError(), Mlp((2, 4, 3), name, bias=True)
    x, y = _problem(network.widths, loss, members=1)
    theta = network.init([1], sigma_b=0.5)
    before = dense_hessian(network, theta, x, y, loss)
    for order in itertools.islice(itertools.permutations(range(4)), 1, 24, 5):
        (w1, b1), (w2, b2) = network.unflatten(torch.arange(network.parameters)[None].double())
        assert b1 is not None
        assert b2 is not None
        moved = torch.cat([w1[0, order].flatten(), b1[0, order], w2[0][:, order].flatten(), b2[0]]).long()
        after = dense_hessian(network, theta[:, moved], x, y, loss)
        permuted = HessianParts(before.gauss_newton[:, moved][:, :, moved], before.residual[:, moved][:, :, moved])
        _same(after, permuted, 1e-14)


@pytest.mark.parametrize("loss", [SquaredError(), CrossEntropy()])
def test_the_gauss_newton_part_is_semidefinite(loss: Loss) -> None:
    network = Mlp((3, 6, 4, 2), "tanh", bias=True)
    x, y = _problem(network.widths, loss, members=4)
    eigenvalues = torch.linalg.eigvalsh(dense_hessian(network, network.init(range(4)), x, y, loss).gauss_newton)
    assert (eigenvalues[:, 0] > -1e-14 * eigenvalues[:, -1]).all()


@pytest.mark.parametrize("name", ["linear", "relu"])
def test_one_hidden_layer_of_piecewise_linear_units_has_a_residual_part_symmetric_about_zero(name: str) -> None:
    """H1 couples the two layers only: its diagonal blocks are exactly 0."""
    loss, network = SquaredError(), Mlp((4, 5, 3), name)
    x, y = _problem(network.widths, loss)
    residual = dense_hessian(network, network.init([1, 2]), x, y, loss).residual
    assert not residual[:, :20, :20].any()
    assert not residual[:, 20:, 20:].any()
    spectrum = torch.linalg.eigvalsh(residual)
    torch.testing.assert_close(spectrum, -spectrum.flip(-1), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("bias", [False, True])
def test_a_linear_model_is_exactly_quadratic(bias: bool) -> None:
    """Without a hidden layer the second-order expansion is the loss."""
    loss, network = SquaredError(0.5), Mlp((4, 3), "tanh", bias=bias)
    x, y = _problem(network.widths, loss)
    start, move = network.init([1, 2], sigma_b=0.1), network.init([3, 4], sigma_b=0.1)
    value, gradient = loss_and_gradient(network, start, x, y, loss)
    parts = dense_hessian(network, start, x, y, loss)
    assert not parts.residual.any()
    expansion = value + (gradient * move).sum(1) + torch.einsum("mp,mpq,mq->m", move, parts.total, move) / 2
    torch.testing.assert_close(loss_and_gradient(network, start + move, x, y, loss)[0], expansion, rtol=1e-13, atol=0)


def test_the_hessian_is_the_derivative_of_the_gradient_along_a_line() -> None:
    loss, network = CrossEntropy(), Mlp((3, 8, 6, 4), "tanh", bias=True)
    x, y = _problem(network.widths, loss)
    theta, move = network.init([1, 2]), network.init([3, 4])
    h = 1e-5
    ahead, behind = (loss_and_gradient(network, theta + s * h * move, x, y, loss)[1] for s in (1, -1))
    product = torch.einsum("mpq,mq->mp", dense_hessian(network, theta, x, y, loss).total, move)
    torch.testing.assert_close(product, (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("widths", SHAPES)
@pytest.mark.parametrize("bias", [False, True])
def test_the_output_jacobian_is_that_of_automatic_differentiation(widths: tuple[int, ...], bias: bool) -> None:
    network = Mlp(widths, "tanh", bias=bias)
    x, _ = _problem(widths, SquaredError())
    theta = network.init([1, 2])
    jacobian = output_jacobian(network, theta, x)
    for member in range(2):

        def outputs(p: torch.Tensor, member: int = member) -> torch.Tensor:
            return network.forward(p[None], x[member])[0]

        torch.testing.assert_close(jacobian[member], torch.func.jacrev(outputs)(theta[member]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("loss", [SquaredError(0.5), CrossEntropy(2.0)])
def test_the_relative_gradient_norm_is_its_definition(loss: Loss) -> None:
    network = Mlp((3, 4, 5, 2), "softplus", bias=True)
    x, y = _problem(network.widths, loss)
    theta = network.init([1, 2])
    gradient = loss_and_gradient(network, theta, x, y, loss)[1]
    outputs = network.forward(theta, x)
    pulls = [loss.gradient(at, y).flatten(1).norm(dim=1) for at in (outputs, torch.zeros_like(outputs))]
    jacobian = output_jacobian(network, theta, x).flatten(1).norm(dim=1)
    expected = gradient.norm(dim=1) / (jacobian * torch.maximum(*pulls))
    mine = relative_gradient_norm(network, theta, x, y, loss)
    torch.testing.assert_close(mine, expected, rtol=1e-12, atol=0.0)
    assert (mine <= 1).all()


@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    network = Mlp((3, 4, 2), "tanh")

    def _call(self, **changes: object) -> None:
        x, y = _problem(self.network.widths, SquaredError())
        arguments = {"theta": self.network.init([0, 1]), "x": x, "y": y, "loss": SquaredError(), **changes}
        dense_hessian(self.network, **arguments)  # type: ignore[arg-type]

    def test_shapes(self) -> None:
        with pytest.raises(ValueError, match=r"theta must have shape \(members, 20\), got \(2, 7\)"):
            self._call(theta=torch.zeros(2, 7, dtype=torch.float64))
        with pytest.raises(ValueError, match=r"x must have shape \(batch, 3\) or \(2, batch, 3\), got \(7, 2\)"):
            self._call(x=torch.zeros(7, 2, dtype=torch.float64))
        with pytest.raises(ValueError, match=r"targets must have shape \(7, 2\) or \(2, 7, 2\), got \(6, 2\)"):
            self._call(y=torch.zeros(6, 2, dtype=torch.float64))
        with pytest.raises(ValueError, match="theta and x must not be empty"):
            self._call(theta=torch.zeros(0, 20, dtype=torch.float64), x=torch.zeros(7, 3, dtype=torch.float64))
        with pytest.raises(ValueError, match=r"y must have theta's dtype and device, torch.float64 on cpu"):
            self._call(y=torch.zeros(7, 2))
        with pytest.raises(ValueError, match="chunk must be an integer >= 1, got 0"):
            self._call(chunk=0)

    @pytest.mark.parametrize("name", ["theta", "x", "y"])
    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_numbers(self, name: str, value: float) -> None:
        shape = {"theta": (2, 20), "x": (7, 3), "y": (7, 2)}[name]
        with pytest.raises(ValueError, match=f"{name} must be finite, got NaN or infinity"):
            self._call(**{name: torch.full(shape, value, dtype=torch.float64)})

    @pytest.mark.parametrize("labels", [[0, 2], [-1, 0]])
    def test_labels(self, labels: list[int]) -> None:
        with pytest.raises(ValueError, match=r"targets must hold labels in \[0, 2\), got"):
            self._call(x=torch.zeros(2, 3, dtype=torch.float64), y=torch.tensor(labels), loss=CrossEntropy())
