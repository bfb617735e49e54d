"""Inertia: counts that add up, a cut that is stated, and matrices that are none of this function's business."""

import pytest
import torch

from numerics import inertia, sample_wishart


def _orthogonal(size: int, seed: int) -> torch.Tensor:
    square = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.linalg.qr(square).Q


def test_prescribed_spectra_are_counted(device: str) -> None:
    spectra = [[-3.0, -1e-3, 0.0, 1e-9, 2.0], [-1.0, -1.0, -1.0, 0.5, 4.0], [0.0, 0.0, 0.0, 0.0, 0.0]]
    matrices = []
    for seed, spectrum in enumerate(spectra):
        q = _orthogonal(5, seed)
        matrices.append(q @ torch.diag(torch.tensor(spectrum, dtype=torch.float64)) @ q.T)
    counts = inertia(torch.stack(matrices).to(device), tolerance=1e-6)
    assert counts.negative.tolist() == [2, 3, 0]
    assert counts.unresolved.tolist() == [2, 0, 5]
    assert counts.positive.tolist() == [1, 2, 0]
    torch.testing.assert_close(
        counts.tolerance.cpu(), torch.tensor([3e-6, 4e-6, 0.0], dtype=torch.float64), rtol=1e-12, atol=0.0
    )


def test_exact_zeros_of_a_wishart_matrix_are_unresolved_and_not_negative() -> None:
    counts = inertia(sample_wishart(60, ratio=2.0, seeds=range(5)), tolerance=1e-12)
    assert counts.negative.tolist() == [0] * 5
    assert counts.unresolved.tolist() == [30] * 5


def test_inertia_survives_congruence() -> None:
    """Sylvester's law: S A S' has the inertia of A."""
    a = torch.diag(torch.tensor([-2.0, -1.0, 1.0, 5.0], dtype=torch.float64))
    s = torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = inertia((s @ a @ s.T)[None], tolerance=1e-10)
    assert (moved.negative.item(), moved.positive.item()) == (2, 2)


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1.0, 1e200, 3e307])
def test_counts_do_not_depend_on_the_scale(scale: float) -> None:
    q = _orthogonal(5, 7)
    matrix = q @ torch.diag(torch.tensor([-3.0, -1e-3, 0.0, 1e-9, 2.0], dtype=torch.float64)) @ q.T
    counts = inertia(scale * (matrix + matrix.T)[None] / 2, tolerance=1e-6)
    assert [each.item() for each in (counts.negative, counts.unresolved, counts.positive)] == [2, 2, 1]
    assert counts.tolerance.item() == pytest.approx(3e-6 * scale, rel=1e-6)


def test_an_eigenvalue_on_the_cut_is_unresolved_and_clusters_are_counted_whole() -> None:
    """The cut is closed: |eigenvalue| = tolerance x radius is unresolved, the next float beyond it is not."""
    diagonal = torch.tensor([-1.0, -0.25, 0.25, 0.25 + 2e-16, -0.25 - 2e-16, 0.0, 1.0], dtype=torch.float64)
    counts = inertia(torch.diag(diagonal)[None], tolerance=0.25)
    assert [each.item() for each in (counts.negative, counts.unresolved, counts.positive)] == [2, 3, 2]
    cluster = torch.tensor([1.0] * 20 + [-1e-9] * 20 + [1e-9] * 20 + [0.0] * 20, dtype=torch.float64)
    q = _orthogonal(80, 3)
    fine, coarse = (inertia((q @ torch.diag(cluster) @ q.T)[None], tolerance=t) for t in (1e-12, 1e-6))
    assert [each.item() for each in (fine.negative, fine.unresolved, fine.positive)] == [20, 20, 40]
    assert [each.item() for each in (coarse.negative, coarse.unresolved, coarse.positive)] == [0, 60, 20]


@pytest.mark.parametrize("transposed", [False, True])
def test_a_matrix_that_is_nearly_symmetric_counts_by_its_symmetric_part(transposed: bool) -> None:
    matrix = torch.tensor([[1.0, 0.0], [0.08, 0.0]], dtype=torch.float64)
    counts = inertia((matrix.T if transposed else matrix)[None], tolerance=0.1)
    assert counts.tolerance.item() == pytest.approx(0.1 * (0.5 + (0.25 + 0.04**2) ** 0.5), rel=1e-13)


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"matrix must have shape \(members, size, size\), got \(3, 3\)"):
        inertia(torch.eye(3), tolerance=1e-3)
    with pytest.raises(ValueError, match="matrix must be finite, got NaN or infinity"):
        inertia(torch.full((1, 2, 2), float("nan")), tolerance=1e-3)
    with pytest.raises(ValueError, match=r"matrix must be symmetric, but member 0 differs from its transpose by 1.0"):
        inertia(torch.tensor([[[0.0, 1.0], [0.0, 0.0]]]), tolerance=1e-3)
    for tolerance in (0.0, -1.0, 1.0, float("nan"), 1e-17, "1", None, 1j, True):
        with pytest.raises(ValueError, match=r"tolerance must lie in \[size \* machine precision, 1\)"):
            inertia(torch.eye(3, dtype=torch.float64)[None], tolerance=tolerance)
