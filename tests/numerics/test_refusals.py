"""A hostile user: every argument of every public function, wrong in every way, is refused by one sentence."""

import functools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from numerics import (
    CrossEntropy,
    Mlp,
    SquaredError,
    adam,
    dense_hessian,
    digits,
    gaussian_memorisation,
    gradient_descent,
    inertia,
    levenberg_marquardt,
    loss_and_gradient,
    output_jacobian,
    relative_gradient_norm,
    sample_residual_blocks,
    sample_wigner,
    sample_wishart,
    sgd,
    symmetric_spectrum,
    threshold_spectrum,
)

pytestmark = pytest.mark.usefixtures("unchecked")

Call = Callable[..., object]

NETWORK = Mlp((3, 4, 2), "tanh", bias=True)
THETA = NETWORK.init([0, 1])
X, Y = (data[0] for data in gaussian_memorisation(inputs=3, outputs=2, samples=5, seeds=[0]))
LABELS = torch.tensor([0, 1, 0, 1, 1])

PROBLEMS: dict[str, Call] = {
    "loss_and_gradient": loss_and_gradient,
    "relative_gradient_norm": relative_gradient_norm,
    "dense_hessian": dense_hessian,
    "levenberg_marquardt": functools.partial(levenberg_marquardt, max_steps=2),
    "gradient_descent": functools.partial(gradient_descent, learning_rate=0.1, steps=2),
    "adam": functools.partial(adam, learning_rate=0.1, steps=2),
    "sgd": functools.partial(sgd, learning_rate=0.1, batch_size=2, seeds=[0, 1], steps=2),
}


def _solve(name: str, **changes: object) -> object:
    pieces = {"network": NETWORK, "theta": THETA, "x": X, "y": Y, "loss": SquaredError(), **changes}
    return PROBLEMS[name](**pieces)


NUMBERS: dict[str, tuple[str, Call]] = {
    "wigner": ("sigma", lambda value: sample_wigner(3, sigma=value, seeds=[0])),
    "wishart ratio": ("ratio", lambda value: sample_wishart(3, ratio=value, seeds=[0])),
    "wishart scale": ("scale", lambda value: sample_wishart(3, ratio=1.0, scale=value, seeds=[0])),
    "residual": (
        "epsilon",
        lambda value: sample_residual_blocks(3, samples=4, epsilon=value, active="linear", seeds=[0]),
    ),
    "weights": ("sigma_w", lambda value: NETWORK.init([0], sigma_w=value)),
    "biases": ("sigma_b", lambda value: NETWORK.init([0], sigma_b=value)),
    "squared error": ("prefactor", SquaredError),
    "cross-entropy": ("prefactor", CrossEntropy),
    "descent": ("learning_rate", lambda value: _solve_descent(learning_rate=value)),
    "adam rate": ("learning_rate", lambda value: _solve_adam(learning_rate=value)),
    "adam": ("epsilon", lambda value: _solve_adam(epsilon=value)),
    "levenberg-marquardt": (
        "weight_decay",
        lambda value: levenberg_marquardt(NETWORK, THETA, X, Y, SquaredError(), weight_decay=value),
    ),
}


def _solve_descent(**changes: object) -> object:
    return gradient_descent(NETWORK, THETA, X, Y, SquaredError(), **{"learning_rate": 0.1, "steps": 2, **changes})  # type: ignore[arg-type]


def _solve_adam(**changes: object) -> object:
    return adam(NETWORK, THETA, X, Y, SquaredError(), **{"learning_rate": 0.1, "steps": 2, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_finite_and_in_range(name: str) -> None:
    argument, call = NUMBERS[name]
    for value in (-1.0, math.nan, math.inf, "3", None, 1j, True, 10**400, torch.tensor(1.0), [1.0]):
        with pytest.raises(ValueError, match=rf"{argument} must be a finite number >=? 0, got "):
            call(value)
    call(np.float64(0.5))


def test_sizes_are_positive_integers() -> None:
    calls: dict[str, Call] = {
        "size": lambda value: sample_wigner(value, seeds=[0]),
        "width": lambda value: sample_residual_blocks(value, samples=4, epsilon=0.1, active="linear", seeds=[0]),
        "inputs": lambda value: gaussian_memorisation(inputs=value, outputs=1, samples=2, seeds=[0]),
        "samples": lambda value: digits(samples=value),
        "chunk": lambda value: dense_hessian(NETWORK, THETA, X, Y, SquaredError(), chunk=value),
        "max_steps": lambda value: levenberg_marquardt(NETWORK, THETA, X, Y, SquaredError(), max_steps=value),
        r"widths\[1\]": lambda value: Mlp((3, value)),
    }
    for argument, call in calls.items():
        for value in (0, -1, 2.0, True, "3", 1j, math.nan):
            with pytest.raises(ValueError, match=rf"{argument} must be an integer >= 1, got "):
                call(value)
        with pytest.raises(ValueError, match=rf"{argument} must be below 2\*\*40, got 1000000000000000"):
            call(10**30)
        call(np.int64(2))


def test_scales_that_the_dtype_cannot_hold_are_refused() -> None:
    single = {"seeds": [0], "dtype": torch.float32}
    for call in (
        lambda: sample_wigner(3, sigma=1e300, **single),
        lambda: sample_wishart(3, ratio=1.0, scale=1e300, **single),
        lambda: sample_residual_blocks(3, samples=4, epsilon=1e300, active="linear", **single),
        lambda: NETWORK.init([0], sigma_w=1e300, dtype=torch.float32),
    ):
        with pytest.raises(ValueError, match=r"must leave entries that torch.float32 can hold, got 1e"):
            call()  # type: ignore[no-untyped-call]
    with pytest.raises(ValueError, match=r"ratio must leave fewer than 2\*\*40 columns"):
        sample_wishart(3, ratio=1e-300, seeds=[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64, torch.complex128, torch.bool])
def test_dtypes_other_than_the_two_are_refused(dtype: torch.dtype) -> None:
    for call in (
        lambda: NETWORK.init([0], dtype=dtype),
        lambda: sample_wishart(3, ratio=1.0, seeds=[0], dtype=dtype),
        lambda: gaussian_memorisation(inputs=1, outputs=1, samples=1, seeds=[0], dtype=dtype),
    ):
        with pytest.raises(ValueError, match=rf"dtype must be torch.float32 or torch.float64, got {dtype}"):
            call()  # type: ignore[no-untyped-call]
    matrix = torch.eye(3).to(dtype)[None]
    rule = rf"must be a dense tensor of torch.float32 or torch.float64, got {dtype}"
    for call in (
        lambda: symmetric_spectrum(matrix),
        lambda: threshold_spectrum(matrix, matrix),
        lambda: inertia(matrix, tolerance=1e-3),
        lambda: NETWORK.forward(THETA.to(dtype), X),
        lambda: NETWORK.forward(THETA, X.to(dtype)),
        lambda: SquaredError().value(torch.zeros(1, 2, 3).to(dtype), torch.zeros(2, 3)),
        lambda: SquaredError().value(torch.zeros(1, 2, 3), torch.zeros(2, 3).to(dtype)),
    ):
        with pytest.raises(ValueError, match=rule):
            call()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", PROBLEMS)
def test_pieces_of_a_problem_are_refused_one_by_one(name: str) -> None:
    for argument in ("theta", "x", "y"):
        for nothing in (None, [[1.0]], np.ones((2, 2))):
            with pytest.raises(TypeError, match=rf"{argument} must be a torch tensor, got "):
                _solve(name, **{argument: nothing})
    for argument, value in (("theta", THETA), ("x", X)):
        with pytest.raises(ValueError, match=rf"{argument} must be a dense tensor .* with a sparse layout"):
            _solve(name, **{argument: value.to_sparse()})
    for argument, value in (("x", X), ("y", Y)):
        with pytest.raises(ValueError, match=r"must have theta's dtype and device, torch.float64 on cpu, got .* meta"):
            _solve(name, **{argument: value.to("meta")})
        with pytest.raises(ValueError, match=rf"{argument} must be finite, got NaN or infinity"):
            _solve(name, **{argument: value * math.nan})
    with pytest.raises(ValueError, match="theta must hold numbers, got a tensor on the meta device"):
        _solve(name, theta=THETA.to("meta"), x=X.to("meta"), y=Y.to("meta"))
    with pytest.raises(TypeError, match=r"network must be an Mlp( or a FunctionalModule)?, got Linear"):
        _solve(name, network=torch.nn.Linear(3, 2))
    if name != "levenberg_marquardt":
        for loss in (None, "mse", SquaredError, torch.nn.MSELoss()):
            with pytest.raises(TypeError, match=r"loss must be a loss such as SquaredError\(\), got "):
                _solve(name, loss=loss)
        for labels in ([0, 1, 0, 1, 2], [0, -1, 0, 0, 0]):
            with pytest.raises(ValueError, match=r"targets must hold labels in \[0, 2\), got -?\d\.\.\d"):
                _solve(name, y=torch.tensor(labels), loss=CrossEntropy())
        with pytest.raises(ValueError, match="targets must be int64 labels"):
            _solve(name, y=LABELS.int(), loss=CrossEntropy())


def test_losses_look_at_their_targets_themselves() -> None:
    outputs = torch.zeros(2, 3, 4)
    for method in ("value", "gradient", "hessian"):
        with pytest.raises(ValueError, match=r"targets must hold labels in \[0, 4\), got 0\.\.4"):
            getattr(CrossEntropy(), method)(outputs, torch.tensor([0, 4, 1]))
        with pytest.raises(ValueError, match="targets must be on the outputs' device, cpu, got meta"):
            getattr(CrossEntropy(), method)(outputs, torch.tensor([0, 3, 1]).to("meta"))
        with pytest.raises(TypeError, match="targets must be a torch tensor, got list"):
            getattr(CrossEntropy(), method)(outputs, [0, 1, 2])
        with pytest.raises(ValueError, match=r"targets must have the outputs' dtype and device, torch.float32 on cpu"):
            getattr(SquaredError(), method)(outputs, outputs.double())


def test_numbers_of_the_descent_are_refused() -> None:
    for solve in (_solve_descent, _solve_adam):
        for value in (-1, 2.5, None, "3", True, math.nan):
            with pytest.raises(ValueError, match="steps must be an integer >= 0, got "):
                solve(steps=value)
        for value in (0, None, [0.5], [3], [-1], ["1"], [True]):
            with pytest.raises(ValueError, match=r"record_at must lie in 0\.\.2, the steps that are taken, got "):
                solve(record_at=value)
        for value in (0, 1, math.nan, None, "1", 1j):
            with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\), got "):
                solve(tolerance=value)
    for value in (0.9, None, (0.9,), (0.9, "1"), (True, 0.9), (math.nan, 0.9), (-0.1, 0.9)):
        with pytest.raises(ValueError, match=r"betas must be two numbers in \[0, 1\), got "):
            _solve_adam(betas=value)


def test_networks_are_refused() -> None:
    for widths in (3, None, [3, 2], (3,), "32"):
        with pytest.raises(ValueError, match="widths must be a tuple that names at least inputs and outputs, got "):
            Mlp(widths)  # type: ignore[arg-type]
    for bias in (0, 1, None, "no"):
        with pytest.raises(ValueError, match="bias must be True or False, got "):
            Mlp((3, 2), bias=bias)  # type: ignore[arg-type]
    for theta, x in ((THETA[:0], X), (THETA, X[:0])):
        with pytest.raises(ValueError, match="theta and x must not be empty"):
            output_jacobian(NETWORK, theta, x)


def test_pairs_of_matrices_are_refused() -> None:
    one = torch.eye(2)[None]
    with pytest.raises(ValueError, match=r"wigner must have wishart's dtype and device, torch.float32 on cpu, got"):
        threshold_spectrum(one, one.double())
    with pytest.raises(ValueError, match="wishart must be far enough from singular, but member 0 overflows"):
        threshold_spectrum(one * 1e-30, one * 1e30)
    with pytest.raises(ValueError, match="blocks must hold numbers, got a tensor on the meta device"):
        symmetric_spectrum(one.to("meta"))


@pytest.mark.parametrize("activation", ["quadratic", "softplus", "sine", "relu", "tanh"])
@pytest.mark.parametrize("scale", [1e100, 1e160, 1e300])
def test_overflow_is_infinity_or_refused_and_never_nan(activation: str, scale: float) -> None:
    network = Mlp((3, 4, 4, 2), activation, bias=True)
    theta = network.init([0, 1]) * scale
    for loss, y in ((SquaredError(), Y), (CrossEntropy(), LABELS)):
        value, gradient = loss_and_gradient(network, theta, X, y, loss)
        assert not value.isnan().any()
        assert not gradient.isnan().any()
        assert not relative_gradient_norm(network, theta, X, y, loss).isnan().any()
        end = gradient_descent(network, theta, X, y, loss, learning_rate=0.1, steps=3)
        assert end.theta.isfinite().all()
        assert not end.loss.isnan().any()
    end = levenberg_marquardt(network, theta, X, Y, SquaredError(), max_steps=5)
    assert end.theta.isfinite().all()
    assert not (end.loss.isnan() | end.relative_gradient.isnan()).any()
    with pytest.raises(ValueError, match="must be small enough for the Hessian to be finite, but it overflows"):
        dense_hessian(
            Mlp((3, 4, 2), "quadratic"), torch.full((1, 20), 1e160, dtype=torch.float64), X, Y, SquaredError()
        )


def test_views_and_inputs_that_require_gradients_change_nothing() -> None:
    theta, x, y = (torch.stack([each, each], dim=-1)[..., 0].requires_grad_() for each in (THETA, X, Y))
    assert not x.is_contiguous()
    hessian = dense_hessian(NETWORK, theta, x, y, SquaredError())
    assert not hessian.total.requires_grad
    assert torch.equal(hessian.total, dense_hessian(NETWORK, THETA, X, Y, SquaredError()).total)
    for solve in ("levenberg_marquardt", "gradient_descent", "adam"):
        end, plain = _solve(solve, theta=theta, x=x, y=y), _solve(solve)
        assert torch.equal(end.theta, plain.theta)  # type: ignore[attr-defined]
        assert not end.theta.requires_grad  # type: ignore[attr-defined]
