"""Sampled matrices: their moments, their seeds, and the one eigenproblem that gives every index."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import (
    sample_residual_blocks,
    sample_wigner,
    sample_wishart,
    symmetric_spectrum,
    threshold_spectrum,
)

SEEDS = [3, 1, 4, 15, 9, 2, 6, 5]


def _moment(eigenvalues: torch.Tensor, order: int) -> torch.Tensor:
    return eigenvalues.pow(order).mean(-1)


def test_wigner_moments_are_the_catalan_numbers_times_powers_of_the_variance(device: str) -> None:
    sigma = 1.5
    eigenvalues = torch.linalg.eigvalsh(sample_wigner(300, seeds=SEEDS, sigma=sigma, device=device))
    for order, catalan in ((2, 1), (4, 2), (6, 5)):
        moments = _moment(eigenvalues, order) / sigma**order
        assert abs(float(moments.mean()) - catalan) < 0.05 * catalan
    assert abs(float(eigenvalues.max(-1).values.mean()) - 2 * sigma) < 0.1


def test_wigner_entries_have_the_variances_of_the_orthogonal_ensemble() -> None:
    matrices = sample_wigner(100, seeds=range(40))
    diagonal = matrices.diagonal(dim1=1, dim2=2)
    above = matrices[:, *torch.triu_indices(100, 100, offset=1)]
    assert abs(float(above.var()) * 100 - 1) < 5 * (2 / above.numel()) ** 0.5
    assert abs(float(diagonal.var()) * 100 - 2) < 5 * 2 * (2 / diagonal.numel()) ** 0.5


@pytest.mark.parametrize("ratio", [0.25, 0.5, 1.0, 2.0])
def test_wishart_moments_are_those_of_marchenko_pastur(ratio: float, device: str) -> None:
    scale = 0.7
    eigenvalues = torch.linalg.eigvalsh(sample_wishart(200, ratio=ratio, scale=scale, seeds=SEEDS, device=device))
    expected = {1: 1.0, 2: 1 + ratio, 3: 1 + 3 * ratio + ratio**2}
    for order, value in expected.items():
        assert abs(float((_moment(eigenvalues, order) / scale**order).mean()) - value) < 0.05 * value


def test_wishart_above_ratio_one_has_the_rank_of_its_columns() -> None:
    eigenvalues = torch.linalg.eigvalsh(sample_wishart(60, ratio=3.0, seeds=SEEDS))
    assert ((eigenvalues > 1e-10).sum(-1) == 20).all()


@pytest.mark.parametrize(("active", "share"), [("linear", 1.0), ("relu", 0.5)])
def test_residual_blocks_have_the_second_and_fourth_moment_of_a_compound_poisson_law(
    active: str, share: float, device: str
) -> None:
    """k2 = q eps phi, k4 = k2 eps phi^2/2 and, the odd ones being 0, m4 = k4 + 2 k2^2."""
    width, samples, epsilon = 150, 600, 0.3
    phi = 2 * width / samples
    blocks = sample_residual_blocks(
        width,
        samples=samples,
        epsilon=epsilon,
        active=active,
        seeds=SEEDS,
        device=device,  # type: ignore[arg-type]
    )
    spectrum = symmetric_spectrum(blocks)
    k2 = share * epsilon * phi
    k4 = k2 * epsilon * phi**2 / 2
    assert abs(float(_moment(spectrum, 2).mean()) - k2) < 0.03 * k2
    assert abs(float(_moment(spectrum, 4).mean()) - (k4 + 2 * k2**2)) < 0.05 * (k4 + 2 * k2**2)


def test_residual_blocks_scale_with_the_root_of_the_energy_and_vanish_with_it() -> None:
    def blocks(epsilon: float) -> torch.Tensor:
        return sample_residual_blocks(5, samples=8, epsilon=epsilon, active="relu", seeds=SEEDS)

    torch.testing.assert_close(blocks(0.4), 2 * blocks(0.1), rtol=1e-14, atol=0.0)
    assert not blocks(0.0).any()


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (3, 5), (5, 2)])
def test_symmetric_spectrum_is_that_of_the_block_matrix(rows: int, columns: int, device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    blocks = torch.randn(2, rows, columns, generator=generator, dtype=torch.float64).to(device)
    whole = blocks.new_zeros(2, rows + columns, rows + columns)
    whole[:, :rows, rows:] = blocks
    whole[:, rows:, :rows] = blocks.mT
    spectrum = symmetric_spectrum(blocks)
    torch.testing.assert_close(spectrum, torch.linalg.eigvalsh(whole), rtol=1e-13, atol=1e-14)
    assert torch.equal(spectrum, -spectrum.flip(-1))


def test_threshold_spectrum_counts_the_negative_eigenvalues_at_every_energy(device: str) -> None:
    wishart = sample_wishart(60, ratio=0.5, seeds=SEEDS, device=device)
    wigner = sample_wigner(60, seeds=[seed + 100 for seed in SEEDS], device=device)
    thresholds = threshold_spectrum(wishart, wigner)
    for epsilon in (0.0, 0.01, 0.1, 1.0, 10.0):
        s = (2 * epsilon) ** 0.5
        negative = (torch.linalg.eigvalsh(wishart + s * wigner) < 0).sum(-1)
        assert torch.equal((s * thresholds > 1).sum(-1), negative)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(seed=st.integers(0, 2**64 - 1), extra=st.lists(st.integers(0, 2**64 - 1), max_size=3))
def test_a_member_depends_on_its_own_seed_alone(seed: int, extra: list[int]) -> None:
    draws = (
        lambda seeds, dtype: sample_wigner(7, seeds=seeds, dtype=dtype),
        lambda seeds, dtype: sample_wishart(7, ratio=0.5, seeds=seeds, dtype=dtype),
        lambda seeds, dtype: sample_residual_blocks(
            7, samples=10, epsilon=0.1, active="linear", seeds=seeds, dtype=dtype
        ),
    )
    for draw in draws:
        alone = draw([seed], torch.float64)
        assert torch.equal(draw([seed, *extra], torch.float64)[:1], alone)
        single = draw([seed], torch.float32)
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), alone, rtol=1e-4, atol=1e-5)


def test_wigner_and_wishart_are_symmetric_to_the_last_bit(device: str) -> None:
    for dtype in (torch.float32, torch.float64):
        wigner = sample_wigner(50, seeds=SEEDS, dtype=dtype, device=device)
        wishart = sample_wishart(50, ratio=0.7, seeds=SEEDS, dtype=dtype, device=device)
        assert torch.equal(wigner, wigner.mT)
        assert torch.equal(wishart, wishart.mT)


@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    def test_sizes(self) -> None:
        for size in (0, -3, 2.5):
            with pytest.raises(ValueError, match="size must be an integer >= 1, got"):
                sample_wigner(size, seeds=[0])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="samples must be an integer >= 1, got 0"):
            sample_residual_blocks(3, samples=0, epsilon=0.1, active="linear", seeds=[0])

    def test_seeds(self) -> None:
        with pytest.raises(ValueError, match="seeds must hold one integer per member, got none"):
            sample_wigner(3, seeds=[])
        with pytest.raises(ValueError, match=r"seeds must hold one integer in \[0, 2\*\*64\) per member, got -1"):
            sample_wishart(3, ratio=1.0, seeds=[-1])

    def test_numbers(self) -> None:
        with pytest.raises(ValueError, match="sigma must be a finite number > 0, got nan"):
            sample_wigner(3, sigma=float("nan"), seeds=[0])
        with pytest.raises(ValueError, match="ratio must be a finite number > 0, got 0"):
            sample_wishart(3, ratio=0, seeds=[0])
        with pytest.raises(ValueError, match="ratio must leave at least one column"):
            sample_wishart(3, ratio=10.0, seeds=[0])
        with pytest.raises(ValueError, match="epsilon must be a finite number >= 0, got -1"):
            sample_residual_blocks(3, samples=4, epsilon=-1, active="linear", seeds=[0])

    def test_kinds(self) -> None:
        with pytest.raises(ValueError, match="active must be 'linear' or 'relu', got 'tanh'"):
            sample_residual_blocks(3, samples=4, epsilon=1.0, active="tanh", seeds=[0])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"samples must be even for active='relu', .* got 5"):
            sample_residual_blocks(3, samples=5, epsilon=1.0, active="relu", seeds=[0])
        with pytest.raises(ValueError, match=r"dtype must be torch.float32 or torch.float64, got torch.float16"):
            sample_wigner(3, seeds=[0], dtype=torch.float16)

    def test_matrices(self) -> None:
        with pytest.raises(ValueError, match=r"blocks must have shape \(members, rows, columns\), got \(3, 3\)"):
            symmetric_spectrum(torch.eye(3))
        with pytest.raises(ValueError, match="blocks must be finite"):
            symmetric_spectrum(torch.full((1, 2, 2), float("nan")))
        with pytest.raises(ValueError, match=r"wishart must be square matrices, got shape \(1, 2, 3\)"):
            threshold_spectrum(torch.ones(1, 2, 3), torch.ones(1, 2, 3))
        with pytest.raises(ValueError, match=r"wigner must have the shape of wishart, \(1, 2, 2\), got \(1, 3, 3\)"):
            threshold_spectrum(torch.eye(2)[None], torch.eye(3)[None])
        with pytest.raises(ValueError, match="wishart must be positive definite, but member 0 is not"):
            threshold_spectrum(-torch.eye(2)[None], torch.eye(2)[None])
