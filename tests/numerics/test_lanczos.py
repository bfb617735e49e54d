"""Lanczos: an orthonormal basis, a tridiagonal that is the projected operator, and no ghosts."""

import pytest
import torch

from numerics.curvature.lanczos import lanczos, norm, orthogonalised
from numerics.curvature.linear_operator import Counted


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=_generator(seed), dtype=torch.float64)


def _symmetric(size: int, seed: int = 0) -> torch.Tensor:
    matrix = _normal(size, size, seed=seed)
    return (matrix + matrix.T) / 2


def _dense(diagonal: torch.Tensor, off_diagonal: torch.Tensor) -> torch.Tensor:
    return torch.diag(diagonal) + torch.diag(off_diagonal, 1) + torch.diag(off_diagonal, -1)


def _identity(size: int) -> torch.Tensor:
    return torch.eye(size, dtype=torch.float64)


def test_the_tridiagonal_is_the_projected_operator(device: str) -> None:
    matrix, start = _symmetric(50).to(device), _normal(50, seed=1).to(device)
    run = lanczos(matrix, start, 20, generator=_generator(2))
    tridiagonal = _dense(run.diagonal, run.off_diagonal)
    torch.testing.assert_close(run.basis.mT @ matrix @ run.basis, tridiagonal, rtol=0.0, atol=1e-12)
    torch.testing.assert_close(run.basis.mT @ run.basis, _identity(20).to(device), rtol=0.0, atol=1e-13)
    torch.testing.assert_close(run.basis[:, 0], start / start.norm(), rtol=1e-13, atol=1e-15)
    rest = matrix @ run.basis - run.basis @ tridiagonal
    assert float(rest[:, :-1].norm()) < 1e-12
    assert float(rest[:, -1].norm()) == pytest.approx(run.residual_norm, rel=1e-12)
    assert run.products == 20


def test_residuals_of_ritz_pairs_are_those_of_products() -> None:
    matrix = _symmetric(60)
    run = lanczos(matrix, _normal(60, seed=3), 25, generator=_generator(0))
    values, vectors, residuals = run.ritz()
    ritz = run.basis @ vectors
    defects = torch.linalg.vector_norm(matrix @ ritz - ritz * values, dim=0)
    torch.testing.assert_close(residuals, defects, rtol=1e-9, atol=1e-12)
    eigenvalues = torch.linalg.eigvalsh(matrix)
    nearest = (values[:, None] - eigenvalues).abs().min(1).values
    assert bool((nearest <= residuals + 1e-12).all())


def test_squared_first_entries_are_the_measure_of_the_start() -> None:
    """Gauss quadrature: moments of degree below twice the steps are exact."""
    matrix, start = _symmetric(40) / 10, _normal(40, seed=4)
    start = start / start.norm()
    values, vectors, _ = lanczos(matrix, start, 6, generator=_generator(0)).ritz()
    for degree in range(12):
        moment = (vectors[0] ** 2 * values**degree).sum()
        truth = start @ torch.linalg.matrix_power(matrix, degree) @ start
        torch.testing.assert_close(moment, truth, rtol=1e-12, atol=1e-14)


def test_a_converged_value_never_comes_back_as_a_ghost() -> None:
    """The plain recurrence has several copies of the largest eigenvalues long before step 120."""
    spectrum = torch.cat([torch.tensor([100.0, 50.0, 25.0]), torch.linspace(0, 1, 197)]).to(torch.float64)
    run = lanczos(torch.diag(spectrum), _normal(200), 120, generator=_generator(0))
    assert float((run.basis.T @ run.basis - _identity(120)).abs().max()) < 1e-13
    values, _, _ = run.ritz()
    torch.testing.assert_close(values.flip(0)[:3], spectrum[:3], rtol=1e-14, atol=0.0)
    assert float(values[-4]) <= 1.0 + 1e-13


def test_an_exhausted_start_is_followed_by_one_orthogonal_to_all_before() -> None:
    """Three distinct eigenvalues: a piece has three steps, and T splits between the pieces."""
    q = torch.linalg.qr(_normal(12, 12, seed=5)).Q
    matrix = (q * (torch.arange(12, dtype=torch.float64) % 3 + 1)) @ q.T
    run = lanczos((matrix + matrix.T) / 2, _normal(12), 12, generator=_generator(1))
    assert (run.off_diagonal == 0).nonzero().flatten().tolist() == [2, 5, 8]
    values, _, residuals = run.ritz()
    torch.testing.assert_close(
        values, torch.tensor([1.0] * 4 + [2.0] * 4 + [3.0] * 4, dtype=torch.float64), rtol=1e-13, atol=0.0
    )
    assert run.residual_norm == 0.0
    assert bool((residuals == 0).all())
    torch.testing.assert_close(run.basis.T @ run.basis, _identity(12), rtol=0.0, atol=1e-13)
    alone = lanczos((matrix + matrix.T) / 2, _normal(12), 12, generator=_generator(1), go_on=False)
    assert alone.products == 3
    torch.testing.assert_close(alone.diagonal, run.diagonal[:3], rtol=0.0, atol=0.0)


def test_zero_and_tiny_spaces_end_by_themselves() -> None:
    zero = lanczos(torch.zeros(4, 4), torch.ones(4), 9, generator=_generator(0))
    assert zero.products == 4
    assert zero.diagonal.tolist() == [0.0] * 4
    assert zero.off_diagonal.tolist() == [0.0] * 3
    one = lanczos(torch.tensor([[-2.0]]), torch.tensor([3.0]), 5, generator=_generator(0))
    assert (one.diagonal.tolist(), one.off_diagonal.tolist(), one.residual_norm) == ([-2.0], [], 0.0)


@pytest.mark.parametrize("scale", [1e-250, 1e-150, 1e150, 1e250])
def test_scaling_the_operator_scales_the_tridiagonal(scale: float) -> None:
    matrix, start = _symmetric(30), _normal(30, seed=6)
    plain = lanczos(matrix, start, 15, generator=_generator(0))
    scaled = lanczos(scale * matrix, start / scale**0.5, 15, generator=_generator(0))
    torch.testing.assert_close(scaled.diagonal / scale, plain.diagonal, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(scaled.off_diagonal / scale, plain.off_diagonal, rtol=1e-9, atol=0.0)
    assert scaled.residual_norm / scale == pytest.approx(plain.residual_norm, rel=1e-9)


def test_locked_vectors_are_projected_out() -> None:
    matrix = _symmetric(25)
    values, vectors = torch.linalg.eigh(matrix)
    locked = vectors[:, -5:]
    run = lanczos(matrix, _normal(25, seed=7), 40, generator=_generator(0), locked=locked)
    assert run.products == 20
    assert float((locked.T @ run.basis).abs().max()) < 1e-13
    torch.testing.assert_close(run.ritz()[0], values[:20], rtol=1e-11, atol=1e-12)


def test_locked_vectors_need_not_be_eigenvectors() -> None:
    matrix = _symmetric(20)
    locked = torch.linalg.qr(_normal(20, 6, seed=8)).Q
    run = lanczos(matrix, _normal(20, seed=9), 14, generator=_generator(0), locked=locked)
    projector = _identity(20) - locked @ locked.T
    projected = torch.linalg.eigvalsh(projector @ matrix @ projector + 1e3 * locked @ locked.T)[:14]
    torch.testing.assert_close(run.ritz()[0], projected, rtol=0.0, atol=1e-10)


def test_single_precision_products_keep_a_basis_in_double() -> None:
    matrix = _symmetric(80).to(torch.float32)
    run = lanczos(matrix, _normal(80), 60, generator=_generator(0))
    assert {run.diagonal.dtype, run.off_diagonal.dtype, run.basis.dtype} == {torch.float64}
    assert float((run.basis.T @ run.basis - _identity(60)).abs().max()) < 1e-13
    wide = lanczos(matrix.to(torch.float64), _normal(80), 60, generator=_generator(0))
    torch.testing.assert_close(run.ritz()[0][-3:], wide.ritz()[0][-3:], rtol=1e-6, atol=0.0)


def test_each_step_is_one_product() -> None:
    operator = Counted(_symmetric(30))
    assert lanczos(operator, _normal(30), 11, generator=_generator(0)).products == operator.products == 11


def test_norms_neither_overflow_nor_underflow() -> None:
    assert norm(torch.tensor([3e200, -4e200], dtype=torch.float64)) == pytest.approx(5e200, rel=1e-15)
    assert norm(torch.tensor([3e-200, 4e-200], dtype=torch.float64)) == pytest.approx(5e-200, rel=1e-15)
    assert norm(torch.tensor([3e-320, 4e-320], dtype=torch.float64)) == pytest.approx(5e-320, rel=1e-3)
    assert norm(torch.zeros(3, dtype=torch.float64)) == 0.0
    assert norm(torch.tensor([1.0, float("inf")], dtype=torch.float64)) == float("inf")


def test_components_taken_off_are_handed_back() -> None:
    rows = torch.linalg.qr(_normal(9, 4)).Q.T.contiguous()
    vector = _normal(9, seed=1)
    rest, coefficients, clean = orthogonalised(vector, rows)
    assert clean
    assert float((rows @ rest).abs().max()) < 1e-15
    torch.testing.assert_close(rest + rows.T @ coefficients, vector, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("along", [1.0, 1e6, 1e12])
def test_what_is_left_is_orthogonal_to_rounding_of_its_own_length_however_much_is_taken_off(along: float) -> None:
    rows = torch.linalg.qr(_normal(60, 20)).Q.T.contiguous()
    vector = _normal(60, seed=1) + along * rows[:15].sum(0)  # nothing of it along the last rows
    rest, coefficients, clean = orthogonalised(vector, rows)
    assert clean
    assert float((rows @ rest).abs().max()) < 1e-14 * float(rest.norm())
    torch.testing.assert_close(rest + rows.T @ coefficients, vector, rtol=1e-13, atol=0)


def test_a_vector_of_the_space_leaves_nothing_that_is_called_orthogonal_or_rounding() -> None:
    rows = torch.eye(5, dtype=torch.float64)[:4]
    rest, coefficients, clean = orthogonalised(rows.sum(0), rows)
    assert not clean
    assert torch.equal(coefficients, torch.ones(4, dtype=torch.float64))
    assert not rest.any()


@pytest.mark.usefixtures("unchecked")
def test_bad_arguments_are_refused() -> None:
    matrix, start, generator = _symmetric(4), torch.ones(4, dtype=torch.float64), _generator(0)
    with pytest.raises(ValueError, match=r"start must have shape \(4,\), got \(3,\)"):
        lanczos(matrix, start[:3], 2, generator=generator)
    with pytest.raises(ValueError, match="start must not be zero"):
        lanczos(matrix, 0 * start, 2, generator=generator)
    with pytest.raises(ValueError, match="start must be finite, got NaN or infinity"):
        lanczos(matrix, start / 0, 2, generator=generator)
    with pytest.raises(TypeError, match="start must be a torch tensor, got list"):
        lanczos(matrix, [1.0] * 4, 2, generator=generator)  # type: ignore[arg-type]
    for steps in (0, 1.5, "3"):
        with pytest.raises(ValueError, match="steps must be an integer >= 1"):
            lanczos(matrix, start, steps, generator=generator)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"locked must have shape \(4, columns\), got \(2, 4\)"):
        lanczos(matrix, start, 2, generator=generator, locked=torch.ones(2, 4))
    with pytest.raises(ValueError, match="locked must have orthonormal columns"):
        lanczos(matrix, start, 2, generator=generator, locked=torch.ones(4, 2))
    with pytest.raises(ValueError, match="start must not lie in the span of the locked vectors"):
        lanczos(matrix, start, 2, generator=generator, locked=start[:, None] / 2)
    with pytest.raises(ValueError, match="start must not lie in the span of the locked vectors"):
        lanczos(matrix, start, 2, generator=generator, locked=_identity(4))
    with pytest.raises(TypeError, match="operator must be a symmetric operator or matrix, got str"):
        lanczos("matrix", start, 2, generator=generator)  # type: ignore[arg-type]


def test_products_that_are_not_finite_are_refused() -> None:
    class Broken:
        size, dtype, device = 3, torch.float64, torch.device("cpu")

        def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
            return vectors / 0

    with pytest.raises(ValueError, match="operator must have finite products, got NaN or infinity"):
        lanczos(Broken(), torch.ones(3), 2, generator=_generator(0))
