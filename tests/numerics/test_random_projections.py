"""Random projections: against the matrices that they stand for, and the lengths that they keep."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard

from numerics import random_projection, walsh_hadamard
from numerics.random_projections import FastfoodProjection, Projection, SparseProjection

KINDS = ("dense", "sparse", "fastfood")


def matrix(projection: Projection) -> torch.Tensor:
    """What it does to the unit vectors, (members, parameters, dimension)."""
    members, _, dimension = projection.shape
    units = torch.eye(dimension, dtype=torch.float64)
    return torch.stack([projection.push(unit.expand(members, -1)) for unit in units], dim=2)


@pytest.mark.parametrize("size", [1, 2, 8, 32])
def test_the_fast_transform_is_multiplication_by_the_matrix(size: int) -> None:
    x = torch.randn(3, 2, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    table = torch.as_tensor(hadamard(size), dtype=torch.float64)
    torch.testing.assert_close(walsh_hadamard(x), x @ table, rtol=1e-12, atol=1e-12)


def test_the_transform_of_single_numbers_is_a_copy() -> None:
    x = torch.ones(3, 1)
    walsh_hadamard(x).zero_()
    assert x.all()


def test_the_transform_twice_is_a_multiple_of_nothing_done() -> None:
    x = torch.arange(16, dtype=torch.float64)
    assert torch.equal(walsh_hadamard(walsh_hadamard(x)), 16 * x)


def test_fastfood_is_the_product_of_its_five_matrices() -> None:
    fast = random_projection("fastfood", 21, 6, seeds=[3, 4])
    assert isinstance(fast, FastfoodProjection)
    table, eye = torch.as_tensor(hadamard(8), dtype=torch.float64), torch.eye(8, dtype=torch.float64)
    for member in range(2):
        blocks = [
            table @ gains.diag() @ eye[order] @ table @ signs.diag()
            for signs, order, gains in zip(fast.signs[member], fast.order[member], fast.gains[member], strict=True)
        ]
        dense = torch.cat(blocks)[:21, :6]
        torch.testing.assert_close(matrix(fast)[member], dense, rtol=1e-12, atol=1e-14)
        lengths = torch.cat(blocks).norm(dim=1)
        torch.testing.assert_close(lengths, torch.full_like(lengths, (8 / 21) ** 0.5), rtol=1e-12, atol=0.0)


@settings(max_examples=12)
@given(parameters=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 2**40), kind=st.sampled_from(KINDS))
def test_pulling_back_is_the_transpose_of_pushing(parameters: int, share: float, seed: int, kind: str) -> None:
    dimension = max(1, round(share * parameters))
    projection = random_projection(kind, parameters, dimension, seeds=[seed, seed + 1])
    assert projection.shape == (2, parameters, dimension)
    generator = torch.Generator().manual_seed(5)
    z = torch.randn(2, dimension, generator=generator, dtype=torch.float64)
    g = torch.randn(2, parameters, generator=generator, dtype=torch.float64)
    left, right = (projection.push(z) * g).sum(1), (z * projection.pull(g)).sum(1)
    torch.testing.assert_close(left, right, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_columns_have_unit_length_on_average_and_members_differ(kind: str) -> None:
    projection = random_projection(kind, 1024, 16, seeds=range(20))
    squares = matrix(projection).square().sum(1)
    spread = float(squares.std()) / np.sqrt(squares.numel())
    assert abs(float(squares.mean()) - 1) < 4 * spread + 1e-9
    first, second = matrix(projection)[:2]
    assert not torch.allclose(first, second)
    alone = random_projection(kind, 1024, 16, seeds=[1])
    torch.testing.assert_close(matrix(alone)[0], second)


def test_dense_columns_are_orthonormal_and_sparse_ones_mostly_zero() -> None:
    dense = matrix(random_projection("dense", 30, 7, seeds=[2]))[0]
    torch.testing.assert_close(dense.mT @ dense, torch.eye(7, dtype=torch.float64))
    sparse = random_projection("sparse", 400, 7, seeds=[2])
    assert isinstance(sparse, SparseProjection)
    assert sparse.rows.shape == (1, 7, 20)
    assert int((matrix(sparse) != 0).sum()) <= 7 * 20


@pytest.mark.usefixtures("unchecked")
def test_bad_projections_are_refused() -> None:
    with pytest.raises(ValueError, match=r"kind must be dense, sparse or fastfood, got 'thin'"):
        random_projection("thin", 4, 2, seeds=[0])
    with pytest.raises(ValueError, match=r"dimension must be at most 4, the number of parameters, got 5"):
        random_projection("fastfood", 4, 5, seeds=[0])
    with pytest.raises(ValueError, match=r"power of two, got 6"):
        walsh_hadamard(torch.ones(6))
    for wrong in (torch.tensor(1.0), torch.ones(2, 0)):
        with pytest.raises(ValueError, match=r"power of two, got 0"):
            walsh_hadamard(wrong)
    with pytest.raises(TypeError, match="x must be a torch tensor, got list"):
        walsh_hadamard([1.0, 2.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x must be finite, got NaN or infinity"):
        walsh_hadamard(torch.tensor([1.0, torch.nan]))


@pytest.mark.usefixtures("unchecked")
def test_sizes_may_be_integers_of_numpy() -> None:
    assert random_projection("fastfood", np.int64(10), np.int64(3), seeds=[0]).shape == (1, 10, 3)
