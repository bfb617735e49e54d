"""Data: independent, reproducible, and the digits as scikit-learn stores them."""

import pytest
import torch

from numerics import digits, gaussian_memorisation


def test_memorisation_data_are_independent_standard_normal(device: str) -> None:
    x, y = gaussian_memorisation(inputs=3, outputs=2, samples=500, seeds=range(20), device=device)
    assert (x.shape, y.shape) == ((20, 500, 3), (20, 500, 2))
    both = torch.cat([x, y], dim=-1).flatten(0, 1)
    covariance = both.T @ both / len(both)
    assert float((covariance - torch.eye(5, device=device)).abs().max()) < 5 * (2 / len(both)) ** 0.5


def test_memorisation_data_depend_on_the_members_own_seed_alone() -> None:
    many, one = (gaussian_memorisation(inputs=3, outputs=2, samples=4, seeds=seeds) for seeds in ([5, 6], [6]))
    for a, b in zip(many, one, strict=True):
        assert torch.equal(a[1:], b)


def test_float32_data_are_the_float64_data_rounded() -> None:
    double = gaussian_memorisation(inputs=3, outputs=2, samples=4, seeds=[7])
    single = gaussian_memorisation(inputs=3, outputs=2, samples=4, seeds=[7], dtype=torch.float32)
    for a, b in zip(double, single, strict=True):
        assert torch.equal(a.float(), b)


def test_digits_are_pixels_between_zero_and_one_with_labels(device: str) -> None:
    x, labels = digits(device=device)
    assert x.shape == (1797, 64)
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)
    assert labels.dtype == torch.int64
    assert sorted(set(labels.tolist())) == list(range(10))
    first, _ = digits(samples=20, dtype=torch.float32)
    assert torch.equal(first, x[:20].float().cpu())


@pytest.mark.usefixtures("unchecked")
def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="outputs must be an integer >= 1, got -2"):
        gaussian_memorisation(inputs=3, outputs=-2, samples=4, seeds=[0])
    with pytest.raises(ValueError, match="seeds must hold one integer per member, got none"):
        gaussian_memorisation(inputs=3, outputs=2, samples=4, seeds=[])
    with pytest.raises(ValueError, match="samples must be an integer >= 1, got 0"):
        digits(samples=0)
    with pytest.raises(ValueError, match="samples must be at most 1797, the number of digits there are, got 1798"):
        digits(samples=1798)
    with pytest.raises(ValueError, match="dtype must be"):
        digits(dtype=torch.int32)
