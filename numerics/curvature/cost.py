r"""What it costs to be exact, and what to estimate: seconds predicted from a handful of measurements.

Exact means the whole matrix and all its eigenvalues, estimated means products inside a Krylov basis that is kept
orthogonal twice over. For n parameters and p products in bases of b vectors

.. math::
    t_{exact} = t_{dense} + a n^2 + c n^3, \qquad t_{estimated} = p\,(t_{product} + 2 r\, b\, n),

with t_product measured on the operator, t_dense measured on its columns unless the operator has a ``dense_cost`` of its
own, and the machine's a, c (eigenvalues of two small matrices) and r (one orthogonalisation) measured once per device
and dtype.
An exact answer has no error, so it is worth some waiting: it is preferred until it takes ``PREMIUM`` times as long.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributed import ProcessGroup, ReduceOp, all_reduce, get_backend

from numerics.arguments import checked_sizes
from numerics.curvature.linear_operator import Counted, MatrixOperator, SymmetricOperator, as_operator

SMALL = 512
"""Up to this size the answer is exact, and nothing is measured."""
MEMORY = 2**31
"""Bytes that three matrices may take for the answer to be exact: the matrix, a copy to work on, and the result."""
PREMIUM = 2.0
"""How many times longer an exact answer may take than an estimate."""

_PATIENCE = 0.1  # seconds: a product that takes longer is not repeated, and stands for the columns of a block too
_COLUMNS = 4  # of the block on which columns are measured


@dataclass(frozen=True)
class Choice:
    """How a spectrum is to be had, and why.

    Attributes:
        method: "exact" or "estimated".
        seconds_exact: Predicted for the exact way; NaN where size alone decided and nothing was measured.
        seconds_estimated: Predicted for the estimate, or NaN.
        reason: The same in a sentence.
        products: Products of the operator that the measurement has used up.
    """

    method: Literal["exact", "estimated"]
    seconds_exact: float
    seconds_estimated: float
    reason: str
    products: int = 0


@dataclass(frozen=True)
class DenseCost:
    """What it takes to make an operator's matrix, as a method ``dense_cost()`` of the operator may say.

    Attributes:
        seconds: Predicted from a sample of the work.
        multiplications: In products of matrices, beside that.
    """

    seconds: float
    multiplications: float


@dataclass(frozen=True)
class Speeds:
    """Seconds that an operator and the machine were measured, or are supposed, to take.

    Attributes:
        product: One product of the operator with one vector.
        dense: The whole matrix.
        eigenvalues: All eigenvalues of a matrix of the operator's size.
        orthogonalisation: Per number of the basis, once.
        products: Products that the measurement took.
    """

    product: float
    dense: float
    eigenvalues: float
    orthogonalisation: float
    products: int = 0


def choose(
    operator: SymmetricOperator | Float[Tensor, "size size"],
    *,
    products_if_estimated: int,
    basis: int | None = None,
    memory: int = MEMORY,
    speeds: Speeds | None = None,
) -> Choice:
    """Choose between the exact spectrum and an estimate.

    Small matrices (``SMALL``) are exact, matrices of which three do not fit into ``memory`` are estimated; in between
    the predicted seconds decide. The choice may therefore differ between machines, never the meaning of the result.
    Measuring takes at most 7 products of the operator, 2 if it is slow.

    Args:
        operator: The operator, or a matrix, which is its own dense form. If it has a method ``dense_cost()``, that is
            taken for its dense form, instead of one product a column. If it has a process
            ``group``, the slowest rank's seconds count on all of them, so that all choose alike.
        products_if_estimated: Products that an estimate would take.
        basis: Vectors of the Krylov basis that is kept orthogonal; all products of the estimate if None.
        memory: Bytes that three matrices may take together.
        speeds: Seconds to reckon with instead of measured ones.

    Returns:
        The method, the predicted seconds and the reason.

    Raises:
        TypeError: If the operator is none.
        ValueError: If a number is not a positive integer.

    Examples:
        >>> choose(torch.eye(3), products_if_estimated=100).reason
        'exact: 3 parameters are few'
        >>> speeds = Speeds(product=0.003, dense=1.5, eigenvalues=6.0, orthogonalisation=1e-9)
        >>> choose(torch.eye(600), products_if_estimated=60, speeds=speeds).reason
        'estimated: about 0.18 s for 60 products, against 7.5 s for the exact spectrum'
    """
    operator = as_operator(operator)
    checked_sizes(products_if_estimated=products_if_estimated, memory=memory)
    if basis is not None:
        checked_sizes(basis=basis)
    size, unknown = operator.size, math.nan
    needed = 3 * size**2 * operator.dtype.itemsize
    if size <= SMALL:
        return Choice("exact", unknown, unknown, f"exact: {size} parameters are few")
    if needed > memory:
        reason = f"estimated: three matrices of {size} x {size} numbers take {needed / 1e9:.3g} GB, more than "
        return Choice("estimated", unknown, unknown, reason + f"the {memory / 1e9:.3g} GB that are allowed")
    if speeds is None:
        speeds = measured_speeds(operator)
    exact = speeds.dense + speeds.eigenvalues
    kept = min(basis or products_if_estimated, size)
    estimated = products_if_estimated * (speeds.product + 2 * speeds.orthogonalisation * kept * size)
    work = f"{products_if_estimated} product{'s' if products_if_estimated > 1 else ''}"
    if exact <= PREMIUM * estimated:
        reason = f"exact: about {exact:.2g} s for the exact spectrum, against {estimated:.2g} s for {work}"
        if exact > estimated:
            reason += f"; what has no error may take up to {PREMIUM:g} times as long"
        return Choice("exact", exact, estimated, reason, speeds.products)
    reason = f"estimated: about {estimated:.2g} s for {work}, against {exact:.2g} s for the exact spectrum"
    return Choice("estimated", exact, estimated, reason, speeds.products)


def measured_speeds(operator: SymmetricOperator) -> Speeds:
    """Measure an operator by at most 7 products, and the machine once per device, dtype and number of threads."""
    size, dtype, device = operator.size, operator.dtype, operator.device
    machine = _machine(str(device), dtype, torch.get_num_threads())
    vectors = torch.full((size, _COLUMNS), size**-0.5, dtype=dtype, device=device)

    inner = operator
    while isinstance(inner, Counted):
        inner = inner.operator
    group = getattr(inner, "group", None)

    def product() -> object:
        return operator @ vectors[:, 0]

    (first,) = _agreed([seconds_of(product, device)], group)
    repeats = 1 if first > _PATIENCE else 2
    (one,) = _agreed([seconds_of(product, device, repeats=repeats)], group)  # the first one may have built a graph
    products = 1 + repeats
    if isinstance(inner, MatrixOperator):
        dense = 0.0
    elif hasattr(inner, "dense_cost"):
        cost = inner.dense_cost()
        dense = cost.seconds + cost.multiplications * machine.multiplication
    else:
        column = one
        if one < _PATIENCE:
            column = min(one, seconds_of(lambda: operator @ vectors, device) / _COLUMNS)
            products += _COLUMNS
        dense = size * column
    seconds = [one, dense, machine.eigenvalues(size), machine.orthogonalisation]
    one, dense, eigenvalues, orthogonalisation = _agreed(seconds, group)
    return Speeds(one, dense, eigenvalues, orthogonalisation, products)


def _agreed(seconds: list[float], group: ProcessGroup | None) -> list[float]:
    """The seconds of the slowest rank, so that no rank waits for products that another one does not take."""
    if group is None:
        return seconds
    slowest = torch.tensor(seconds, dtype=torch.float64, device="cuda" if get_backend(group) == "nccl" else "cpu")
    all_reduce(slowest, op=ReduceOp.MAX, group=group)
    return [float(number) for number in slowest]


@dataclass(frozen=True)
class _Machine:
    """What a device takes: eigenvalues in square n^2 + cube n^3 seconds, one multiplication, one orthogonalisation."""

    square: float
    cube: float
    multiplication: float
    orthogonalisation: float

    def eigenvalues(self, size: int) -> float:
        """Seconds for all eigenvalues of a matrix."""
        return self.square * size**2 + self.cube * size**3


@lru_cache(maxsize=32)
def _machine(device: str, dtype: torch.dtype, threads: int) -> _Machine:
    """Measure a device, in less than a tenth of a second on a CPU. Threads count only to tell measurements apart."""
    where = torch.device(device)
    few, many = 256, 512
    matrix = torch.randn(many, many, dtype=dtype, generator=torch.Generator().manual_seed(0)).to(where)
    matrix = matrix + matrix.mT
    small, large = (
        seconds_of(lambda n=n: torch.linalg.eigvalsh(matrix[:n, :n]), where, repeats=3)  # type: ignore[misc]
        for n in (few, many)
    )
    cube = max(large / many**2 - small / few**2, 0.0) / (many - few)
    cube = min(cube, 0.6 * large / many**3)  # whatever the noise: half the time at this size is not cubic yet
    square = max(large / many**2 - cube * many, 0.0)
    basis = matrix.repeat(8, 1)[:, :64].contiguous()
    vector = basis[:, 0].clone()
    return _Machine(
        square,
        cube,
        seconds_of(lambda: matrix @ matrix, where, repeats=3) / many**3,
        seconds_of(lambda: vector - basis @ (basis.mT @ vector), where, repeats=3) / basis.numel(),
    )


def seconds_of(work: Callable[[], object], device: torch.device, *, repeats: int = 1) -> float:
    """The least of a few runs, in seconds; a device that works on its own is waited for."""
    least = math.inf
    for _ in range(repeats):
        _wait(device)
        start = perf_counter()
        work()
        _wait(device)
        least = min(least, perf_counter() - start)
    return least


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
