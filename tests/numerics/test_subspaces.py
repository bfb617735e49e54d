"""Bases of random subspaces: of real floating point numbers, on a device that there is, or not at all."""

import pytest
import torch

from numerics import random_basis


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_basis_has_the_dtype_that_was_asked_for_and_is_orthonormal(dtype: torch.dtype) -> None:
    basis = random_basis(7, 3, seeds=[0, 1], dtype=dtype)
    assert basis.dtype == dtype
    assert (basis.mT @ basis - torch.eye(3, dtype=dtype)).abs().max() < 8 * torch.finfo(dtype).eps


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64, torch.float16, None])
def test_a_basis_of_other_numbers_is_refused(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=rf"dtype must be torch.float32 or torch.float64, got {dtype}"):
        random_basis(4, 2, seeds=[0], dtype=dtype)


@pytest.mark.usefixtures("unchecked")
def test_a_basis_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="device must be one of this machine such as \"cpu\", got 'gpu'"):
        random_basis(4, 2, seeds=[0], device="gpu")
