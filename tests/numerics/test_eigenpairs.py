"""Eigenpairs: every flag is true, whatever the spectrum, its scale and its multiplicities."""

from collections.abc import Callable

import pytest
import torch

from numerics import Eigenpairs, eigenpairs
from numerics.curvature.krylov_space import KrylovSpace
from numerics.curvature.linear_operator import Counted, MatrixOperator

ENDS = ("LM", "LA", "SA", "BE")


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _rotated(spectrum: torch.Tensor, seed: int) -> torch.Tensor:
    """A symmetric matrix with that spectrum in a random basis."""
    size = len(spectrum)
    q = torch.linalg.qr(torch.randn(size, size, generator=_generator(seed), dtype=torch.float64)).Q
    matrix = (q * spectrum) @ q.T
    return (matrix + matrix.T) / 2


def _wanted(spectrum: torch.Tensor, k: int, which: str) -> torch.Tensor:
    """The truth, by sorting."""
    ordered = spectrum.sort().values
    if which == "LM":
        return ordered[ordered.abs().argsort(descending=True, stable=True)[:k]]
    if which == "LA":
        return ordered.flip(0)[:k]
    if which == "SA":
        return ordered[:k]
    return torch.cat([ordered[: k // 2], ordered[len(ordered) - (k + 1) // 2 :]])


def _error(pairs: Eigenpairs, spectrum: torch.Tensor, which: str) -> float:
    """The largest error of a value, relative to the radius; signs may be swapped among values of one magnitude."""
    truth, values = _wanted(spectrum, len(pairs.values), which), pairs.values
    error = values.abs() - truth.abs() if which == "LM" else values - truth
    return float(error.abs().max() / (spectrum.abs().max() or 1.0))


def _normal(size: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(size, generator=generator, dtype=torch.float64)


def _rank_deficient(size: int, generator: torch.Generator) -> torch.Tensor:
    spectrum = torch.zeros(size, dtype=torch.float64)
    spectrum[: max(1, size // 6)] = _normal(max(1, size // 6), generator)
    return spectrum


def _plus_and_minus(size: int, generator: torch.Generator) -> torch.Tensor:
    half = torch.linspace(0.1, 1, max(1, size // 2), dtype=torch.float64)
    return torch.cat([half, -half, half[:1]])[:size]


def _outliers(size: int, generator: torch.Generator) -> torch.Tensor:
    spectrum = 1e-3 * _normal(size + 6, generator)
    spectrum[-6:] = torch.tensor([3.0, 2.0, 2.0, 2.0, -1.0, 1.0])
    return spectrum[-size:]


KINDS: dict[str, Callable[[int, torch.Generator], torch.Tensor]] = {
    "clustered": lambda n, g: torch.arange(n) % 5 + 1e-7 * _normal(n, g),
    "repeated": lambda n, g: torch.arange(n) % 4 - 1.5,
    "rank-deficient": _rank_deficient,
    "tiny gaps": lambda n, g: 1 + 1e-9 * torch.arange(n, dtype=torch.float64),
    "double": lambda n, g: _normal((n + 1) // 2, g).repeat(2)[:n],
    "zero": lambda n, g: torch.zeros(n),
    "geometric": lambda n, g: 0.7 ** torch.arange(n, dtype=torch.float64),
    "plus and minus": _plus_and_minus,
    "uniform": lambda n, g: torch.rand(n, generator=g, dtype=torch.float64) - 0.3,
    "identity": lambda n, g: -torch.ones(n),
    "outliers": _outliers,
}
"""Spectra that make eigensolvers lie."""


@pytest.mark.usefixtures("unchecked")
def test_no_flag_is_false_in_two_hundred_problems() -> None:
    """Complete: the values are the true ones, copies counted. Converged: the residual is what it is said to be."""
    generator = _generator(0)
    unlimited = complete = 0
    for problem in range(200):
        kind = list(KINDS)[problem % len(KINDS)]
        size = 1 if problem % 40 == 7 else int(torch.randint(2, 121, (), generator=generator))
        scale = 10.0 ** int(torch.randint(-150, 151, (), generator=generator)) if problem % 3 == 0 else 1.0
        spectrum = KINDS[kind](size, generator).to(torch.float64) * scale
        k = int(torch.randint(1, min(size, 20) + 1, (), generator=generator))
        which, tol = ENDS[problem % 4], 10.0 ** -(2 + problem % 8)
        matrix = _rotated(spectrum, problem)
        limit = None if problem % 5 else min(size, k + 12)
        pairs = eigenpairs(matrix, k, which=which, tol=tol, generator=generator, basis_limit=limit, method="estimated")
        told = f"problem {problem}: {kind}, size {size}, {which}, k = {k}, tol = {tol}, limit {limit}"

        radius = float(spectrum.abs().max()) or 1.0
        defects = torch.linalg.vector_norm(
            (matrix / radius) @ pairs.vectors - pairs.vectors * (pairs.values / radius), dim=0
        )
        assert bool((defects <= pairs.residuals / radius + 1e-13).all()), told
        assert torch.equal(pairs.converged, pairs.residuals <= tol * pairs.radius), told
        identity = torch.eye(k, dtype=torch.float64)
        assert float((pairs.vectors.T @ pairs.vectors - identity).abs().max()) < 1e-12, told
        assert pairs.products <= 10 * size + 20, told
        if pairs.complete:
            assert _error(pairs, spectrum, which) <= max(tol, 1e-12) + 1e-13, told
            assert 0.0 <= pairs.missing <= 1e-3, told
            complete += 1
        if limit is None:
            assert pairs.complete, told
            assert bool(pairs.converged.all()), told
            unlimited += 1
    assert unlimited == 160
    assert complete >= 180  # where memory binds it may be too short to be sure


@pytest.mark.parametrize("which", ENDS)
@pytest.mark.parametrize("method", ["exact", "estimated"])
def test_pairs_come_in_the_order_asked_for(which: str, method: str, device: str) -> None:
    spectrum = torch.linspace(-1.0, 1.3, 60, dtype=torch.float64)
    matrix = _rotated(spectrum, 3).to(device)
    pairs = eigenpairs(matrix, 5, which=which, tol=1e-8, generator=_generator(1), method=method)  # type: ignore[arg-type]
    assert pairs.method == method
    assert pairs.complete
    assert bool(pairs.converged.all())
    assert pairs.vectors.device.type == device
    torch.testing.assert_close(pairs.values.cpu(), _wanted(spectrum, 5, which), rtol=0.0, atol=1e-8)
    torch.testing.assert_close(matrix @ pairs.vectors, pairs.vectors * pairs.values, rtol=0.0, atol=2e-8)
    assert pairs.radius == pytest.approx(1.3, rel=1e-8)


def test_every_copy_is_found_only_because_of_the_second_start() -> None:
    """Of an eigenvalue of multiplicity three one Krylov space shows one copy, without any sign that there are more."""
    spectrum = torch.cat([torch.tensor([5.0, 5.0, 5.0, 3.0, 2.0]), torch.linspace(0, 1, 195)]).to(torch.float64)
    matrix = _rotated(spectrum, 0)
    blind = eigenpairs(matrix, 3, tol=1e-3, generator=_generator(0), missing=1.0, method="estimated")
    assert bool(blind.converged.all())
    assert (blind.complete, blind.missing) == (False, 1.0)
    torch.testing.assert_close(blind.values, spectrum[2:5], rtol=1e-4, atol=0.0)
    pairs = eigenpairs(matrix, 3, tol=1e-3, generator=_generator(0), method="estimated")
    assert pairs.complete
    torch.testing.assert_close(pairs.values, spectrum[:3], rtol=1e-5, atol=0.0)


@pytest.mark.usefixtures("unchecked")
def test_a_second_start_misses_no_more_often_than_it_says() -> None:
    """A hidden copy is missed in at most a fifth of 100 runs, if that is what is allowed: 40 is 5 standard errors."""
    spectrum = torch.cat([torch.tensor([1.0, 1.0]), torch.linspace(0.0, 0.9, 38)]).to(torch.float64)
    missed = 0
    for seed in range(100):
        pairs = eigenpairs(
            torch.diag(spectrum), 2, tol=1e-2, generator=_generator(seed), missing=0.2, method="estimated"
        )
        assert pairs.complete
        assert pairs.missing <= 0.2
        missed += float(pairs.values[1]) < 0.98
    assert missed <= 40


def test_shifting_moves_the_values_and_scaling_scales_them() -> None:
    spectrum = _normal(80, _generator(5))
    matrix = _rotated(spectrum, 5)

    def solve(changed: torch.Tensor) -> Eigenpairs:
        return eigenpairs(changed, 6, which="LA", tol=1e-9, generator=_generator(2), method="estimated")

    plain = solve(matrix)
    shifted = solve(matrix + 2.5 * torch.eye(80, dtype=torch.float64))
    torch.testing.assert_close(shifted.values, plain.values + 2.5, rtol=0.0, atol=1e-9 * 5)
    for scale in (1e-150, 2.0**-40, 1e150):
        scaled = solve(scale * matrix)
        assert scaled.products == plain.products
        torch.testing.assert_close(scaled.values / scale, plain.values, rtol=1e-10, atol=0.0)
        torch.testing.assert_close(scaled.residuals / scale, plain.residuals, rtol=1e-2, atol=1e-14)
        assert torch.equal(scaled.converged, plain.converged)


def test_a_rotation_changes_no_value() -> None:
    spectrum = torch.cat([torch.tensor([4.0, 4.0, -3.0]), torch.linspace(-1, 1, 70)]).to(torch.float64)
    for seed in range(3):
        pairs = eigenpairs(_rotated(spectrum, seed), 3, tol=1e-9, generator=_generator(0), method="estimated")
        torch.testing.assert_close(pairs.values, spectrum[:3], rtol=1e-9, atol=0.0)


def test_products_are_counted_and_never_exceed_what_is_allowed() -> None:
    spectrum = torch.linspace(0.0, 1.0, 300, dtype=torch.float64)
    for allowed in (6, 9, 17, 40, None):
        operator = Counted(_rotated(spectrum, 1))
        pairs = eigenpairs(operator, 5, generator=_generator(0), max_products=allowed, method="estimated")
        assert pairs.products == operator.products
        assert allowed is None or pairs.products <= allowed
        assert pairs.complete is (allowed is None)
        assert bool(pairs.converged.all()) is (allowed is None)
        defects = torch.linalg.vector_norm(operator @ pairs.vectors - pairs.vectors * pairs.values, dim=0)
        assert bool((defects <= 1.01 * pairs.residuals + 1e-13).all())


def test_a_thick_restart_needs_more_products_but_gives_the_same_pairs() -> None:
    spectrum = torch.cat([0.9 ** torch.arange(30, dtype=torch.float64), torch.zeros(270, dtype=torch.float64)])
    matrix = _rotated(spectrum, 7)
    free, bound = (
        eigenpairs(matrix, 4, tol=1e-8, generator=_generator(0), basis_limit=limit, method="estimated")
        for limit in (None, 14)
    )
    assert bound.products > free.products
    assert bool(bound.converged.all())
    torch.testing.assert_close(bound.values, free.values, rtol=1e-9, atol=0.0)
    torch.testing.assert_close(bound.values, spectrum[:4], rtol=1e-9, atol=0.0)


def test_single_precision_products_give_residuals_that_they_can_have() -> None:
    """The flags are about what float32 products say, and true of the matrix in float64 to their rounding."""
    spectrum = torch.cat([torch.tensor([3.0, -2.0, 2.0, 2.0]), 0.1 * _normal(196, _generator(0))]).to(torch.float64)
    single = _rotated(spectrum, 2).to(torch.float32)
    double = single.to(torch.float64)
    for tol in (1e-3, 1e-5, 1e-12):
        pairs = eigenpairs(single, 4, tol=tol, generator=_generator(0), method="estimated")
        assert pairs.values.dtype == pairs.vectors.dtype == pairs.residuals.dtype == torch.float64
        defects = torch.linalg.vector_norm(double @ pairs.vectors - pairs.vectors * pairs.values, dim=0)
        assert bool((defects <= 1.5 * pairs.residuals + 2e-6).all())
        assert pairs.complete
        assert bool(pairs.converged.all()) is (tol > 1e-6)
        assert _error(pairs, spectrum, "LM") < 1e-6 + tol
        identity = torch.eye(4, dtype=torch.float64)
        assert float((pairs.vectors.T @ pairs.vectors - identity).abs().max()) < 1e-12


class _Noisy:
    """Products that differ from one time to the next, as those of a model with active dropout."""

    dtype, device = torch.float64, torch.device("cpu")

    def __init__(self, matrix: torch.Tensor, noise: float) -> None:
        self.matrix, self.size, self.noise, self.generator = matrix, len(matrix), noise, _generator(9)

    def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
        return self.matrix @ vectors + self.noise * torch.randn(
            vectors.shape, generator=self.generator, dtype=torch.float64
        )


@pytest.mark.parametrize("missing", [1e-3, 1.0])
def test_products_that_contradict_each_other_let_nothing_converge(missing: float) -> None:
    matrix = _rotated(torch.cat([torch.tensor([3.0, 2.0]), torch.linspace(0, 1, 98)]).to(torch.float64), 1)
    noisy = _Noisy(matrix, 1e-3)
    pairs = eigenpairs(
        noisy, 2, tol=1e-6, generator=_generator(0), method="estimated", missing=missing, max_products=80
    )
    assert not bool(pairs.converged.any())
    assert bool((pairs.residuals > 1e-3).all())


def test_exact_needs_products_only_of_what_holds_no_matrix() -> None:
    spectrum = torch.linspace(-1, 2, 70, dtype=torch.float64)
    matrix = _rotated(spectrum, 0)
    held = eigenpairs(matrix, 3, generator=_generator(0), method="exact")
    operator = Counted(matrix)
    made = eigenpairs(operator, 3, generator=_generator(0), method="exact")
    assert (held.products, made.products, operator.products) == (0, 70, 70)
    torch.testing.assert_close(made.values, held.values, rtol=1e-14, atol=0.0)
    assert made.missing == 0.0
    assert eigenpairs(matrix, 3, generator=_generator(0)).method == "exact"  # few parameters
    for scale in (1e-300, 1e300):
        scaled = eigenpairs(scale * matrix, 3, generator=_generator(0), method="exact")
        torch.testing.assert_close(scaled.values / scale, held.values, rtol=1e-13, atol=0.0)


def test_a_large_operator_is_estimated_unless_told_otherwise() -> None:
    class Diagonal:
        size, dtype, device = 40000, torch.float64, torch.device("cpu")
        entries = 0.5 ** torch.arange(40000, dtype=torch.float64)

        def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
            return self.entries * vectors if vectors.ndim == 1 else self.entries[:, None] * vectors

    pairs = eigenpairs(Diagonal(), 3, generator=_generator(0))
    assert pairs.method == "estimated"
    assert pairs.complete
    torch.testing.assert_close(pairs.values, Diagonal.entries[:3], rtol=1e-6, atol=0.0)


def test_the_relation_of_the_space_holds_after_restarts_tilts_and_new_starts() -> None:
    """Residuals and G are those of the products, however the space came about."""
    matrix = _rotated(_normal(40, _generator(1)), 1)
    space = KrylovSpace(MatrixOperator(matrix), 24, _generator(0))
    for _ in range(12):
        space.extend(space.latest)
    values, vectors, _ = space.ritz()
    space.compress(vectors[:, -8:], values[-8:])
    values, vectors, _ = space.ritz()
    tilt = space.tilt(1, float(values[-3]) + 0.1, values[:-3], vectors[:, :-3])
    key = None
    for _ in range(6):
        space.extend(key, tilt)
        key = space.latest
    tilted = space.matrix[8:, 8:] + tilt.seen_from(space.rows[8:])
    beyond = tilted - torch.triu(torch.tril(tilted, 1), -1)
    assert float(beyond.abs().max()) < 1e-12  # a Lanczos process of the tilted operator
    for key in (0, None, 0):
        space.extend(key)
    rows, unit = space.rows, space.unit
    torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows), dtype=torch.float64), rtol=0.0, atol=1e-13)
    torch.testing.assert_close(unit * space.matrix, rows @ matrix @ rows.T, rtol=0.0, atol=1e-12)
    values, vectors, residuals = space.ritz()
    ritz = space.combined(vectors)
    defects = torch.linalg.vector_norm(matrix @ ritz - ritz * values * unit, dim=0)
    torch.testing.assert_close(unit * residuals, defects, rtol=1e-10, atol=1e-12)


def test_the_tilted_complement_has_the_eigenvalues_that_the_space_does_not_show() -> None:
    """Sylvester's law: as many above the level in the tilted complement as on the complement of the shown pairs."""
    for seed in range(5):
        matrix = _rotated(_normal(30, _generator(seed)), seed)
        space = KrylovSpace(MatrixOperator(matrix), 10, _generator(seed))
        for _ in range(10):
            space.extend(space.latest)
        values, vectors, _ = space.ritz()
        for sign in (1, -1):
            shown = sign * values < torch.quantile(sign * values, 0.8)
            level = float((sign * values[shown]).max()) + 0.05
            tilt = space.tilt(sign, level / 1.0, values[shown], vectors[:, shown])
            outside = torch.linalg.qr(torch.cat([space.rows, torch.eye(30, dtype=torch.float64)]).T).Q[:, 10:]
            complement = sign * outside.T @ matrix @ outside / space.unit + tilt.seen_from(outside.T)
            found = space.combined(vectors[:, ~shown])
            rest = torch.linalg.qr(torch.cat([found.T, torch.eye(30, dtype=torch.float64)]).T).Q[:, found.shape[1] :]
            direct = sign * rest.T @ matrix @ rest / space.unit
            above = [int((torch.linalg.eigvalsh(each) > level).sum()) for each in (complement, direct)]
            assert above[0] == above[1]


@pytest.mark.usefixtures("unchecked")
def test_bad_arguments_are_refused() -> None:
    matrix = torch.eye(4, dtype=torch.float64)

    def solve(k: object = 2, **changes: object) -> Eigenpairs:
        return eigenpairs(matrix, k, generator=_generator(0), **changes)  # type: ignore[arg-type]

    for k in (0, 5, -1, 2.0, True, "2", None):
        with pytest.raises(ValueError, match=r"k must be an integer in 1\.\.4, the operator's size, got"):
            solve(k)
    for which in ("LR", "la", None, 1):
        with pytest.raises(ValueError, match="which must be one of LM, LA, SA, BE, got"):
            solve(which=which)
    for tol in (0.0, -1e-3, float("nan"), "1", None):
        with pytest.raises(ValueError, match="tol must be a finite number > 0, got"):
            solve(tol=tol)
    with pytest.raises(ValueError, match=r"tol must lie in \(0, 1\), got 1"):
        solve(tol=1)
    with pytest.raises(ValueError, match="missing must be a finite number > 0, got 0"):
        solve(missing=0)
    with pytest.raises(ValueError, match=r"missing must be a probability in \(0, 1\], got 1.5"):
        solve(missing=1.5)
    for products in (0, 2.5, -3):
        with pytest.raises(ValueError, match="max_products must be an integer >= 1"):
            solve(max_products=products)
    with pytest.raises(ValueError, match=r"max_products must be at least k \+ 1 = 3, got 2"):
        solve(max_products=2)
    with pytest.raises(ValueError, match="basis_limit must be an integer >= 1"):
        solve(basis_limit="many")
    with pytest.raises(ValueError, match=r"basis_limit must be at least k \+ 2 = 4, got 3"):
        solve(basis_limit=3)
    with pytest.raises(ValueError, match="method must be one of auto, exact, estimated, got 'lanczos'"):
        solve(method="lanczos")
    with pytest.raises(TypeError, match="operator must be a symmetric operator or matrix, got list"):
        eigenpairs([1.0], 1, generator=_generator(0))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["exact", "estimated"])
def test_products_that_are_not_finite_are_refused(method: str) -> None:
    broken = _Noisy(torch.eye(5, dtype=torch.float64), float("inf"))
    with pytest.raises(ValueError, match="operator must have finite products, got NaN or infinity"):
        eigenpairs(broken, 2, generator=_generator(0), method=method)  # type: ignore[arg-type]


def test_a_full_space_cannot_be_extended() -> None:
    space = KrylovSpace(MatrixOperator(torch.eye(3)), 2, _generator(0))
    space.extend(None)
    space.extend(None)
    with pytest.raises(ValueError, match="limit must exceed the dimension 2, got 2"):
        space.extend(None)
