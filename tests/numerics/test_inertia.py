"""Inertia: counts that add up, a cut that is stated, and matrices that are none of this function's business."""

import itertools

import pytest
import torch

from numerics import HessianOperator, Mlp, SquaredError, dense_hessian, inertia, sample_wishart
from numerics.curvature import cost
from numerics.curvature.inertia import rounding_level
from numerics.curvature.linear_operator import Counted

EPS = torch.finfo(torch.float64).eps


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
    with pytest.raises(ValueError, match=r"matrix must have shape \(members, size, size\), got \(3,\)"):
        inertia(torch.ones(3), tolerance=1e-3)
    with pytest.raises(ValueError, match=r"matrix must have shape \(size, size\), got \(3, 2\)"):
        inertia(torch.ones(3, 2), tolerance=1e-3)
    with pytest.raises(ValueError, match="matrix must be finite, got NaN or infinity"):
        inertia(torch.full((1, 2, 2), float("nan")), tolerance=1e-3)
    with pytest.raises(ValueError, match=r"matrix must be symmetric, but member 0 differs from its transpose by 1.0"):
        inertia(torch.tensor([[[0.0, 1.0], [0.0, 0.0]]]), tolerance=1e-3)
    for tolerance in (0.0, -1.0, 1.0, float("nan"), 1e-17, "1", None, 1j, True):
        with pytest.raises(ValueError, match=r"tolerance must lie in \[size \* machine precision, 1\)"):
            inertia(torch.eye(3, dtype=torch.float64)[None], tolerance=tolerance)


class _Diagonal:
    """A diagonal operator known by its products alone."""

    def __init__(self, diagonal: torch.Tensor) -> None:
        self.diagonal = diagonal
        self.size, self.dtype, self.device = len(diagonal), diagonal.dtype, diagonal.device

    def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
        return self.diagonal.view(-1, *[1] * (vectors.ndim - 1)) * vectors


def _counts(found: object) -> list[int]:
    return [int(getattr(found, name)) for name in ("negative", "unresolved", "positive", "zero_modes")]


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _spectrum(kind: str, size: int, generator: torch.Generator) -> torch.Tensor:
    noise = torch.randn(size, generator=generator, dtype=torch.float64)
    place = torch.randint(0, 4, (size,), generator=generator)
    return {
        "zero": torch.zeros(size, dtype=torch.float64),
        "normal": noise,
        "repeated": torch.tensor([-2.0, -1e-3, 0.5, 2.0], dtype=torch.float64)[place],
        "clustered": torch.tensor([-2.0, -1e-3, 0.0, 2.0], dtype=torch.float64)[place] * (1 + 1e-9 * noise),
        "rank-deficient": torch.where(place == 0, noise, 0.0),
        "tiny gaps": 1.0 + 1e-10 * noise,
        "wide": noise * 10 ** (-3.0 * place),
        "semidefinite": noise.square() * (place > 1),
        "on the cut": torch.cat([torch.tensor([1.0]), 1e-4 * (1 + 1e-15 * noise[1:]) * noise[1:].sign()]),
        "near the cut": torch.cat([torch.tensor([1.0]), 1e-4 * (1 + 1e-2 * noise[1:]) * noise[1:].sign()]),
    }[kind]


KINDS = ["zero", "normal", "repeated", "clustered", "rank-deficient", "tiny gaps", "wide", "semidefinite"]
KINDS += ["on the cut", "near the cut"]


@pytest.mark.parametrize("method", ["exact", "estimated"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("unchecked")
def test_two_hundred_prescribed_spectra_are_counted_or_unresolved(kind: str, method: str, device: str) -> None:
    """No eigenvalue is counted on the wrong side, and what is clearly beyond the cut is counted."""
    for seed in range(20):
        size = 1 if seed == 0 else 3 * seed
        generator = _generator(seed)
        spectrum = _spectrum(kind, size, generator)
        q = _orthogonal(size, seed + 100)
        operator = Counted(((q * spectrum) @ q.T).to(device))
        found = inertia(operator, tolerance=1e-4, method=method, generator=generator)
        radius = float(spectrum.abs().max())
        assert float(found.tolerance) == pytest.approx(1e-4 * radius, rel=1e-9)
        assert found.finished
        assert (found.method, sum(_counts(found))) == (method, size)
        rounding = 20 * size * EPS * radius
        clear = rounding if method == "exact" else 1e-7 * radius  # a thousandth of the cut
        for sign, count in ((-1, int(found.negative)), (1, int(found.positive))):
            beyond = sign * spectrum - 1e-4 * radius
            assert int((beyond > clear).sum()) <= count <= int((beyond > -rounding).sum()), (seed, size)
            if kind == "on the cut" and sign < 0:
                assert count == 0


@pytest.mark.usefixtures("unchecked")
def test_a_large_operator_is_followed_from_both_ends_to_the_cut(device: str) -> None:
    """30 negative and 60 positive eigenvalues of 20000, equal ones among them; nearly all others are zero."""
    generator = _generator(3)
    diagonal = 1e-5 * torch.randn(20_000, generator=generator, dtype=torch.float64)
    diagonal[:30] = -torch.linspace(0.01, 0.5, 10, dtype=torch.float64).repeat(3)
    diagonal[30:90] = torch.linspace(0.02, 1.0, 60, dtype=torch.float64)
    operator = Counted(_Diagonal(diagonal.to(device)))
    found = inertia(operator, tolerance=1e-3, generator=generator)
    assert _counts(found) == [30, 19_910, 60, 0]
    assert (found.method, found.finished) == ("estimated", True)
    assert found.products == operator.products
    assert "both ends were followed to the cut" in found.reason


@pytest.mark.parametrize("products", [66, 67, 130, 194])
@pytest.mark.usefixtures("unchecked")
def test_a_search_that_a_budget_cuts_short_never_takes_what_it_has_not_seen_for_inside(products: int) -> None:
    """Eight equal eigenvalues just beyond the cut: the last run has a few steps, and says nothing about them."""
    bulk = torch.linspace(-0.05, 0.05, 3991, dtype=torch.float64)
    diagonal = torch.cat([torch.tensor([1.0] + 8 * [0.105], dtype=torch.float64), bulk])
    for seed in range(5):
        found = inertia(
            _Diagonal(diagonal), tolerance=0.1, generator=_generator(seed), method="estimated", max_products=products
        )
        assert int(found.positive) <= 9
        assert int(found.negative) == 0
        assert not found.finished or int(found.positive) == 9


@pytest.mark.usefixtures("unchecked")
def test_a_count_against_an_early_and_smaller_cut_is_not_kept() -> None:
    """The radius is seen late, at the end of a dense spectrum; what lay beyond the first cut lies inside the last."""
    isolated = -torch.tensor([0.9993, 0.9990, 0.9985, 0.998, 0.997, 0.99], dtype=torch.float64)
    diagonal = torch.cat([torch.linspace(0.001, 1.0, 994, dtype=torch.float64), isolated])
    for seed in range(4):
        found = inertia(_Diagonal(diagonal), tolerance=0.9995, generator=_generator(seed), method="estimated")
        assert int(found.negative) == 0
        assert int(found.positive) <= int((diagonal > 0.9995).sum())


def test_a_budget_that_runs_out_leaves_the_rest_unresolved_and_says_so() -> None:
    diagonal = torch.linspace(-1.0, 1.0, 700, dtype=torch.float64)
    for products in (1, 2, 40, 300):
        operator = Counted(_Diagonal(diagonal))
        found = inertia(operator, tolerance=0.1, generator=_generator(), method="estimated", max_products=products)
        assert operator.products == found.products <= products
        assert not found.finished
        assert f"{found.products} products were used up before the cut" in found.reason
        assert int(found.negative) <= 315
        assert int(found.positive) <= 315
    assert int(found.negative) > 20
    small = inertia(
        _Diagonal(diagonal), tolerance=0.1, generator=_generator(), method="estimated", memory=24 * 700 * 40
    )
    assert not small.finished
    assert "GB of vectors were full before the cut" in small.reason


def test_a_search_that_does_not_reach_the_cut_is_followed_by_the_exact_way_where_memory_holds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rather than the answer that nobody knows."""
    speeds = cost.Speeds(product=1.0, dense=1e9, eigenvalues=0.0, orthogonalisation=0.0)
    monkeypatch.setattr(cost, "measured_speeds", lambda operator: speeds)
    diagonal = torch.linspace(-1.0, 1.0, 600, dtype=torch.float64)
    for memory, method, products in ((24 * 600**2, "exact", 40 + 600), (24 * 600**2 - 1, "estimated", 40)):
        operator = Counted(_Diagonal(diagonal))
        found = inertia(operator, tolerance=0.1, generator=_generator(), max_products=40, memory=memory)
        assert (found.method, found.products, operator.products) == (method, products, products)
        assert found.finished == (method == "exact")
        assert found.reason.startswith(method)
        if method == "exact":
            assert _counts(found) == [270, 60, 270, 0]
            assert "a search from both ends did not reach the cut in 40 products" in found.reason
    asked = inertia(_Diagonal(diagonal), tolerance=0.1, generator=_generator(), max_products=40, method="estimated")
    assert (asked.method, asked.finished) == ("estimated", False)


def test_ritz_values_count_before_they_converge() -> None:
    """Interlacing: 40 products show negative eigenvalues of a continuous spectrum, none of which has converged."""
    diagonal = torch.linspace(-1.0, 1.0, 5000, dtype=torch.float64)
    found = inertia(_Diagonal(diagonal), tolerance=0.1, generator=_generator(), method="estimated", max_products=40)
    assert 15 <= int(found.negative) <= 20
    assert not found.finished


def test_known_zero_modes_are_projected_out_and_counted_apart(device: str) -> None:
    for method, seed in itertools.product(("exact", "estimated"), range(3)):
        q = _orthogonal(30, seed)
        spectrum = torch.cat([torch.zeros(4), torch.tensor([-1.0, -1e-6]), torch.linspace(0.1, 2, 24)]).double()
        operator = Counted(((q * spectrum) @ q.T).to(device))
        mix = torch.randn(4, 4, generator=_generator(seed), dtype=torch.float64)
        found = inertia(
            operator, tolerance=1e-9, zero_modes=(q[:, :4] @ mix).to(device), method=method, generator=_generator(seed)
        )
        assert _counts(found) == [2, 0, 24, 4], method
        assert operator.products >= 4


def test_zero_modes_that_are_none_are_refused() -> None:
    matrix = torch.diag(torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    basis = torch.eye(3, dtype=torch.float64)
    tilted = basis[:, :1] + 1e-3 * basis[:, 2:]
    for method in ("exact", "estimated"):
        with pytest.raises(ValueError, match=r"zero_modes must vanish .* tolerance, 1.0e-06, but \|H z\| is 1.0e-03"):
            inertia(matrix, tolerance=1e-6, zero_modes=tilted, method=method, generator=_generator())
    for columns in ([0, 0], [0, 1]):
        modes = basis[:, columns] * torch.tensor([1.0, 1e-30], dtype=torch.float64)
        if columns == [0, 1]:  # independent, however small
            assert _counts(inertia(matrix, tolerance=1e-6, zero_modes=modes)) == [0, 0, 1, 2]
        else:
            with pytest.raises(ValueError, match="zero_modes must be linearly independent columns"):
                inertia(matrix, tolerance=1e-6, zero_modes=modes)
    with pytest.raises(ValueError, match="zero_modes must be linearly independent columns"):
        inertia(matrix, tolerance=1e-6, zero_modes=torch.zeros(3, 1, dtype=torch.float64))


def test_single_precision_products_widen_the_error_and_not_the_count() -> None:
    diagonal = torch.cat([torch.full((3,), -0.1), torch.zeros(50), torch.full((5,), 1.0)])
    for method in ("exact", "estimated"):
        found = inertia(_Diagonal(diagonal), tolerance=1e-3, method=method, generator=_generator())
        assert _counts(found) == [3, 50, 5, 0]


def test_rounding_is_that_of_the_frobenius_norm_where_many_eigenvalues_are_small() -> None:
    """Errors of a float32 matrix of a thousand rows reach 2e-6 of its radius, not size x eps = 1.2e-4."""
    diagonal = torch.zeros(1000)
    diagonal[:4] = torch.tensor([1.0, 1e-3 + 1e-5, -1e-3 - 1e-5, 1e-3 + 1e-6])
    found = inertia(_Diagonal(diagonal), tolerance=1e-3, method="exact")
    assert _counts(found) == [1, 997, 2, 0]


@pytest.mark.parametrize("seed", range(4))
def test_the_rounding_level_bounds_what_single_precision_does_to_a_hessian(seed: int) -> None:
    """The same weights and data, assembled in float32 and in float64: every eigenvalue moves by less."""
    network = Mlp((6, 12, 3), "tanh", bias=True)
    theta = network.init([seed], dtype=torch.float32)
    x, y = (torch.randn(50, n, generator=_generator(seed)) for n in (6, 3))
    coarse, fine = (
        torch.linalg.eigvalsh(
            HessianOperator(network, SquaredError(), (x.to(kind), y.to(kind)), theta=theta.to(kind)).dense().double()
        )
        for kind in (torch.float32, torch.float64)
    )
    moved = float((coarse - fine).abs().max())
    assert 0 < moved < rounding_level(coarse, torch.float32)
    assert rounding_level(coarse, torch.float32) < 123 * torch.finfo(torch.float32).eps * float(coarse.abs().max())


def test_the_measured_cost_decides_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    diagonal = torch.cat([-torch.ones(3), torch.zeros(594), torch.ones(3)]).double()
    for dense, method in ((0.0, "exact"), (1e9, "estimated")):
        speeds = cost.Speeds(product=1.0, dense=dense, eigenvalues=0.0, orthogonalisation=0.0)
        monkeypatch.setattr(cost, "measured_speeds", lambda operator, speeds=speeds: speeds)
        found = inertia(_Diagonal(diagonal), tolerance=1e-6, generator=_generator())
        assert found.method == method
        assert found.reason.startswith(method)
        assert _counts(found) == [3, 594, 3, 0]


def test_the_hessian_of_a_network_is_counted_both_ways_and_its_products_with_it() -> None:
    network = Mlp((3, 4, 2), "tanh", bias=True)
    generator = _generator()
    x = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    y = torch.randn(9, 2, generator=generator, dtype=torch.float64)
    theta = network.init([0])
    truth = inertia(dense_hessian(network, theta, x, y, SquaredError()).total, tolerance=1e-6)
    for method in ("exact", "estimated"):
        hessian = HessianOperator(network, SquaredError(), (x, y), theta=theta)
        found = inertia(hessian, tolerance=1e-6, method=method, generator=generator)
        assert _counts(found) == _counts(truth)
        assert found.products == hessian.products
        assert (found.products == 0) == (method == "exact")


@pytest.mark.usefixtures("unchecked")
def test_bad_input_of_an_operator_is_refused() -> None:
    operator = _Diagonal(torch.ones(600, dtype=torch.float64))
    with pytest.raises(TypeError, match="operator must be a symmetric operator or matrix, got list"):
        inertia([1.0], tolerance=1e-3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"generator must be a torch.Generator on the CPU .*, got None"):
        inertia(operator, tolerance=1e-3)
    with pytest.raises(ValueError, match="method must be 'auto', 'exact' or 'estimated', got 'lanczos'"):
        inertia(operator, tolerance=1e-3, method="lanczos")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="are for one matrix or operator, but matrix is a batch"):
        inertia(torch.eye(3)[None], tolerance=1e-3, method="estimated")
    with pytest.raises(ValueError, match="max_products must be an integer >= 1, got 0"):
        inertia(operator, tolerance=1e-3, max_products=0, generator=_generator())
    with pytest.raises(
        ValueError, match=r"zero_modes must have shape \(600, count\) with 0 < count < 600, got \(3, 1\)"
    ):
        inertia(operator, tolerance=1e-3, zero_modes=torch.ones(3, 1), generator=_generator())
    with pytest.raises(ValueError, match="zero_modes must have the operator's dtype and device"):
        inertia(operator, tolerance=1e-3, zero_modes=torch.ones(600, 1), generator=_generator())
    with pytest.raises(ValueError, match="operator must have finite products, got NaN or infinity"):
        inertia(_Diagonal(torch.full((3,), torch.inf)), tolerance=1e-3, method="exact")
    skew = _Diagonal(torch.ones(3, dtype=torch.float64))
    skew.__class__ = type("Skew", (_Diagonal,), {"__matmul__": lambda self, v: v.cumsum(0)})
    with pytest.raises(ValueError, match=r"operator must be symmetric, but differs from its transpose by 1\.0"):
        inertia(skew, tolerance=1e-3)
