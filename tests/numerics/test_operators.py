"""What every method asks of an operator: it keeps the protocol, is symmetric, and may do as it likes with its argument.

The laws hold for each method that takes products, exact and estimated.
"""

from collections.abc import Callable

import pytest
import torch

from numerics import eigenpairs, frobenius_norm, inertia, spectral_measure, trace
from numerics.curvature.lanczos import lanczos
from numerics.curvature.linear_operator import MatrixOperator, as_operator, product, symmetric_part

SIZE = 80
SPECTRUM = torch.linspace(-1, 3, SIZE, dtype=torch.float64)


class Operator:
    """Any function of vectors that calls itself an operator."""

    def __init__(self, times: Callable[[torch.Tensor], object], **changes: object) -> None:
        self.times = times
        self.size: object = SIZE
        self.dtype: object = torch.float64
        self.device: object = torch.device("cpu")
        vars(self).update(changes)

    def __matmul__(self, vectors: torch.Tensor) -> object:
        return self.times(vectors)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _random() -> torch.Tensor:
    return torch.randn(SIZE, SIZE, generator=_generator(), dtype=torch.float64) / SIZE**0.5


def _diagonal(vectors: torch.Tensor) -> torch.Tensor:
    entries = SPECTRUM.to(vectors)
    return entries * vectors if vectors.ndim == 1 else entries[:, None] * vectors


METHODS: dict[str, Callable[..., object]] = {
    "eigenpairs": lambda op: eigenpairs(op, 2, generator=_generator(), method="estimated").values,
    "eigenpairs, exact": lambda op: eigenpairs(op, 2, generator=_generator(), method="exact").values,
    "spectral measure": lambda op: (
        spectral_measure(op, probes=4, steps=20, generator=_generator(), method="estimated").nodes
    ),
    "spectral measure, exact": lambda op: (
        spectral_measure(op, probes=4, steps=20, generator=_generator(), method="exact").nodes
    ),
    "inertia": lambda op: inertia(op, tolerance=1e-2, generator=_generator(), method="estimated").negative,
    "inertia, exact": lambda op: inertia(op, tolerance=1e-2, generator=_generator(), method="exact").negative,
    "trace": lambda op: torch.tensor(trace(op, products=40, generator=_generator()).value),
    "trace, exact": lambda op: torch.tensor(trace(op, products=SIZE, generator=_generator()).value),
    "norm": lambda op: torch.tensor(frobenius_norm(op, products=40, generator=_generator()).value),
    "norm, exact": lambda op: torch.tensor(frobenius_norm(op, products=SIZE, generator=_generator()).value),
    "lanczos": lambda op: lanczos(op, torch.ones(SIZE, dtype=torch.float64), 10, generator=_generator()).ritz()[0],
}


@pytest.mark.parametrize("name", METHODS)
def test_what_is_not_symmetric_is_refused(name: str) -> None:
    random = _random()
    slightly = torch.diag(SPECTRUM) + 0.2 * torch.triu(random, 1)
    for matrix in (random, random - random.T, slightly):
        with pytest.raises(ValueError, match=r"operator must be symmetric, but differs from its transpose by \d"):
            METHODS[name](Operator(matrix.__matmul__))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", METHODS)
def test_rounding_is_no_contradiction_of_symmetry(name: str, dtype: torch.dtype) -> None:
    """An operator whose products are symmetric to rounding only, with a factor of 1e4 between its entries."""
    left = torch.linalg.qr(_random()).Q.to(dtype)
    strong = SPECTRUM.clone()
    strong[-1] = 1e4
    middle = strong.to(dtype)

    def times(vectors: torch.Tensor) -> torch.Tensor:
        columns = vectors if vectors.ndim == 2 else vectors[:, None]
        return (left @ (middle[:, None] * (left.T @ columns))).reshape(vectors.shape)

    METHODS[name](Operator(times, dtype=dtype))


@pytest.mark.parametrize("name", METHODS)
def test_half_a_percent_of_skew_is_rounding_in_float32(name: str) -> None:
    """As much as the Hessian of a network has whose training loss is 1e-7: there probabilities cancel."""
    rounding = _random().float()
    rounding *= 5e-3 * float(SPECTRUM.norm() / (rounding - rounding.T).norm())

    def times(vectors: torch.Tensor) -> torch.Tensor:
        return _diagonal(vectors) + rounding @ vectors

    METHODS[name](Operator(times, dtype=torch.float32))


def test_locked_vectors_hide_the_size_of_rounding() -> None:
    """Rounding is that of the largest eigenvalue, which a recurrence beside its vector never sees."""
    q = torch.linalg.qr(_random()).Q
    values = 1e-7 * SPECTRUM
    values[0] = 1.0
    matrix = ((q * values) @ q.T).float()
    operator = Operator(((matrix + matrix.T) / 2).__matmul__, dtype=torch.float32)
    start = torch.ones(SIZE, dtype=torch.float64)
    for radius in (None, 1.0):
        run = lanczos(operator, start, 20, generator=_generator(), locked=q[:, :1], radius=radius)  # type: ignore[arg-type]
        assert float(run.diagonal.abs().max()) < 1e-6
    skew = Operator((_random() - _random().T).__matmul__)
    with pytest.raises(ValueError, match="operator must be symmetric, but differs from its transpose by"):
        lanczos(skew, start, 20, generator=_generator(), locked=q[:, :1], radius=1.0)  # type: ignore[arg-type]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", METHODS)
def test_products_that_break_the_protocol_are_refused(name: str) -> None:
    kinds: dict[str, Callable[[torch.Tensor], object]] = {
        r"operator must have tensors as products, got NoneType": lambda v: None,
        r"operator must have tensors as products, got ndarray": lambda v: v.numpy(),
        r"operator must have dense products of .*, got shape \(\)": lambda v: v.sum(),
        r"operator must have dense products of .*, got shape \(5": lambda v: v[:5],
        r"got .* in torch.int32": lambda v: _diagonal(v).int(),
        r"got .* in torch.float32": lambda v: _diagonal(v).float(),
        r"got .* in torch.complex128": lambda v: _diagonal(v) + 1j,
        r"got .* on meta": lambda v: v.to("meta"),
        r"operator must have finite products, got NaN or infinity": lambda v: v / 0,
    }
    for message, times in kinds.items():
        with pytest.raises((TypeError, ValueError), match=message):
            METHODS[name](Operator(times))


@pytest.mark.parametrize("name", METHODS)
def test_an_operator_may_overwrite_its_argument_or_hand_out_its_own_memory(name: str) -> None:
    expected = METHODS[name](Operator(_diagonal))

    def overwriting(vectors: torch.Tensor) -> torch.Tensor:
        return vectors.copy_(_diagonal(vectors))

    memory: dict[tuple[int, ...], torch.Tensor] = {}

    def one_buffer(vectors: torch.Tensor) -> torch.Tensor:
        return memory.setdefault(tuple(vectors.shape), torch.empty(vectors.shape, dtype=vectors.dtype)).copy_(
            _diagonal(vectors)
        )

    for times in (overwriting, one_buffer):
        torch.testing.assert_close(METHODS[name](Operator(times)), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", METHODS)
def test_gradients_end_at_an_operator(name: str) -> None:
    entries = SPECTRUM.clone().requires_grad_()
    matrix = torch.diag(SPECTRUM).requires_grad_()

    def times(vectors: torch.Tensor) -> torch.Tensor:
        return entries * vectors if vectors.ndim == 1 else entries[:, None] * vectors

    for operator in (matrix, Operator(times)):
        found = METHODS[name](operator)
        assert isinstance(found, torch.Tensor)
        assert not found.requires_grad


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", METHODS)
def test_size_dtype_and_device_are_looked_at_first(name: str) -> None:
    for changes, message in (
        ({"size": -1}, r"operator.size must be an integer >= 1, got -1"),
        ({"size": 0}, r"operator.size must be an integer >= 1, got 0"),
        ({"size": "a"}, r"operator.size must be an integer >= 1, got 'a'"),
        ({"size": 600.0}, r"operator.size must be an integer >= 1, got 600.0"),
        ({"dtype": "float64"}, r"operator.dtype must be torch.float32 or torch.float64, got 'float64'"),
        ({"dtype": torch.float16}, r"operator.dtype must be .*, got torch.float16"),
        ({"dtype": torch.int64}, r"operator.dtype must be .*, got torch.int64"),
        ({"device": "cpu"}, r"operator.device must be a torch.device that holds numbers, got 'cpu'"),
        ({"device": torch.device("meta")}, r"operator.device must be .*, got device\(type='meta'\)"),
    ):
        with pytest.raises(ValueError, match=message):
            METHODS[name](Operator(_diagonal, **changes))


@pytest.mark.usefixtures("unchecked")
def test_a_generator_is_looked_at_by_every_method_in_the_same_words() -> None:
    matrix = torch.diag(SPECTRUM)
    for generator in (5, "a"):
        for solve in (
            lambda one: eigenpairs(matrix, 2, generator=one),
            lambda one: eigenpairs(matrix, 2, generator=one, method="estimated"),
            lambda one: inertia(matrix, tolerance=1e-2, generator=one),
            lambda one: inertia(matrix, tolerance=1e-2, generator=one, method="estimated"),
            lambda one: spectral_measure(matrix, probes=4, steps=4, generator=one),
            lambda one: trace(matrix, products=8, generator=one),
            lambda one: frobenius_norm(matrix, products=8, generator=one),
            lambda one: lanczos(matrix, SPECTRUM, 3, generator=one),
        ):
            with pytest.raises(
                TypeError, match=rf"generator must be a torch.Generator, got {type(generator).__name__}"
            ):
                solve(generator)


def test_the_symmetric_part_is_half_of_both_and_its_unit_a_power_of_two(device: str) -> None:
    matrix = torch.tensor([[1.0, 3.0 + 1e-7], [3.0, -6.0]], dtype=torch.float64, device=device)
    for scale in (1.0, 1e300, 1e-300):
        operator = Operator(lambda v, scale=scale: scale * matrix @ v, size=2, device=torch.device(device))
        found, unit, products = symmetric_part(operator)  # type: ignore[arg-type]
        torch.testing.assert_close(unit * found, scale * (matrix + matrix.T) / 2, rtol=1e-15, atol=0.0)
        assert 0.5 <= float(found.abs().max()) < 1.0
        assert products == 2


@pytest.mark.usefixtures("unchecked")
def test_a_matrix_that_an_operator_hands_out_has_to_fit_it() -> None:
    for dense, message in (
        (lambda: torch.eye(3, dtype=torch.float64), r"operator.dense\(\) must have shape \(80, 80\), got \(3, 3\)"),
        (lambda: [[1.0]], r"operator.dense\(\) must be a torch tensor, got list"),
        (lambda: torch.full((SIZE, SIZE), torch.inf), r"operator must have finite products"),
        (_random, r"operator must be symmetric, but differs from its transpose by"),
    ):
        for name in ("eigenpairs, exact", "spectral measure, exact"):
            with pytest.raises((TypeError, ValueError), match=message):
                METHODS[name](Operator(_diagonal, dense=dense))


def test_a_product_is_rounded_to_the_dtype_and_widened(device: str) -> None:
    operator = as_operator(torch.eye(3, device=device))
    vector = torch.tensor([1 / 3, 1.0, 2.0], dtype=torch.float64, device=device)
    image = product(operator, vector)
    assert image.dtype == torch.float64
    assert torch.equal(image, vector.float().double())
    matrix = torch.eye(3, dtype=torch.float64, device=device, requires_grad=True)
    assert not MatrixOperator(matrix).dense().requires_grad
