"""The p-spin Hamiltonian: its derivatives, its symmetries, its law over draws, and the matrices of p = 2."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import SphericalSpinGlass

SHAPES = [(2, 7), (3, 6), (4, 5), (5, 4)]


def _couplings(order: int, spins: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*[spins] * order, generator=generator, dtype=torch.float64)


def _sum(couplings: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
    """The sum over all indices, as it is printed."""
    spins = len(point)
    terms = (
        couplings[place] * point[list(place)].prod() for place in itertools.product(range(spins), repeat=couplings.ndim)
    )
    return spins ** (-(couplings.ndim - 1) / 2) * torch.stack(list(terms)).sum()


@pytest.mark.parametrize(("order", "spins"), SHAPES)
def test_the_energy_is_the_sum_over_all_couplings(order: int, spins: int, device: str) -> None:
    couplings = _couplings(order, spins)
    glass = SphericalSpinGlass.from_couplings(couplings.to(device))
    points = glass.random_points([0, 1])
    energies = torch.stack([_sum(couplings, point) for point in points.cpu()]) / spins
    torch.testing.assert_close(glass.energy(points).cpu(), energies, rtol=1e-12, atol=1e-14)


def test_many_spins_in_one_product_are_symmetrised_and_drawn() -> None:
    couplings = _couplings(12, 2)
    glass = SphericalSpinGlass.from_couplings(couplings)
    points = glass.random_points([0])
    torch.testing.assert_close(glass.energy(points)[0], _sum(couplings, points[0]) / 2, rtol=1e-10, atol=1e-14)
    mean = sum(_couplings(4, 3).permute(axes) for axes in itertools.permutations(range(4))) / 24
    one, other = SphericalSpinGlass.from_couplings(_couplings(4, 3)), SphericalSpinGlass.from_couplings(mean)
    torch.testing.assert_close(one.couplings, other.couplings, rtol=1e-12, atol=1e-14)
    assert one.coupling_scale == pytest.approx(other.coupling_scale, rel=1e-12)
    large = SphericalSpinGlass.draw(order=200, spins=2, seed=0)
    assert bool(large.energy(large.random_points(range(4))).isfinite().all())
    assert bool(large.hessian(large.random_points(range(4))).isfinite().all())


@pytest.mark.parametrize(("order", "spins"), SHAPES)
def test_gradient_and_hessian_are_those_of_the_energy_on_the_sphere(order: int, spins: int) -> None:
    """Pulling s + B t back to the sphere follows great circles to second order."""
    glass = SphericalSpinGlass.draw(order=order, spins=spins, seed=3)
    points = glass.random_points([5, 6])
    energy, gradient = glass.energy_and_gradient(points)
    for member, basis in enumerate(glass.tangent_basis(points)):

        def along(t: torch.Tensor, member: int = member, basis: torch.Tensor = basis) -> torch.Tensor:
            return spins * glass.slope(glass.on_sphere((points[member] + basis @ t)[None]))[0][0]

        origin = torch.zeros(spins - 1, dtype=torch.float64)
        slope = basis @ torch.autograd.functional.jacobian(along, origin)
        torch.testing.assert_close(gradient[member], slope, rtol=1e-12, atol=1e-13)
        bend = torch.autograd.functional.hessian(along, origin)
        torch.testing.assert_close(glass.hessian(points)[member], bend, rtol=1e-11, atol=1e-12)
        assert float(along(origin)) == pytest.approx(spins * float(energy[member]), rel=1e-13)


@pytest.mark.parametrize(("order", "spins"), SHAPES)
def test_gradients_and_bases_are_tangent_and_bases_orthonormal(order: int, spins: int) -> None:
    glass = SphericalSpinGlass.draw(order=order, spins=spins, seed=1)
    points = torch.cat([glass.random_points([0]), torch.eye(spins, dtype=torch.float64), -torch.eye(spins).double()])
    points = glass.on_sphere(points)
    basis = glass.tangent_basis(points)
    identity = torch.eye(spins - 1, dtype=torch.float64).expand(len(points), -1, -1)
    torch.testing.assert_close(basis.mT @ basis, identity, rtol=0, atol=1e-14)
    assert float((points[:, None, :] @ basis).abs().max()) < 1e-14
    assert float((points * glass.gradient(points)).sum(1).abs().max()) < 1e-13
    hessian = glass.hessian(points)
    assert torch.equal(hessian, hessian.mT)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**64 - 1), order=st.integers(2, 4), length=st.floats(1e-150, 1e150))
def test_points_are_pulled_back_to_the_sphere_and_their_opposites_have_the_parity_of_p(
    seed: int, order: int, length: float
) -> None:
    glass = SphericalSpinGlass.draw(order=order, spins=5, seed=seed)
    points = glass.random_points([seed])
    torch.testing.assert_close(points.square().sum(1), torch.tensor([5.0]).double(), rtol=1e-14, atol=0)
    torch.testing.assert_close(glass.energy(length * points), glass.energy(points), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(glass.energy(-points), (-1) ** order * glass.energy(points), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(
        glass.gradient(-points), (-1) ** (order - 1) * glass.gradient(points), rtol=1e-12, atol=1e-13
    )


@pytest.mark.parametrize(("order", "spins"), SHAPES)
def test_a_rotation_of_couplings_and_points_changes_nothing(order: int, spins: int) -> None:
    rotation = torch.linalg.qr(_couplings(2, spins, seed=9)).Q
    couplings = _couplings(order, spins)
    turned = couplings
    for _ in range(order):  # each product moves its axis to the end, so that all axes are turned once
        turned = torch.tensordot(turned, rotation, ([0], [1]))
    one, other = SphericalSpinGlass.from_couplings(couplings), SphericalSpinGlass.from_couplings(turned)
    points = one.random_points([0, 1, 2])
    image = points @ rotation.T
    assert other.coupling_scale == pytest.approx(one.coupling_scale, rel=1e-13)
    torch.testing.assert_close(other.energy(image), one.energy(points), rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(other.gradient(image), one.gradient(points) @ rotation.T, rtol=1e-11, atol=1e-12)
    spectra = [torch.linalg.eigvalsh(glass.hessian(s)) for glass, s in ((one, points), (other, image))]
    torch.testing.assert_close(*spectra, rtol=1e-11, atol=1e-12)


def test_energies_gradients_and_hessians_are_proportional_to_the_couplings() -> None:
    one, many = (SphericalSpinGlass.from_couplings(c * _couplings(3, 6)) for c in (1.0, -40.0))
    points = one.random_points([0])
    for of in (one.energy, one.gradient, one.hessian):
        scaled = getattr(many, of.__name__)(points)
        torch.testing.assert_close(scaled, -40 * of(points), rtol=1e-12, atol=1e-12)
    relative = [glass.relative_gradient(glass.gradient(points)) for glass in (one, many)]
    torch.testing.assert_close(*relative, rtol=1e-12, atol=0)


def test_only_the_symmetric_part_of_couplings_matters() -> None:
    couplings = _couplings(3, 5)
    mean = torch.stack([couplings.permute(axes) for axes in itertools.permutations(range(3))]).mean(0)
    one, other = SphericalSpinGlass.from_couplings(couplings), SphericalSpinGlass.from_couplings(mean)
    torch.testing.assert_close(one.couplings, other.couplings, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_energies_of_draws_have_the_covariance_of_the_spherical_model(order: int) -> None:
    """E H(s) H(t) = N (s.t/N)^p, which is the whole law of a Gaussian field; in standard errors."""
    spins, draws = 4, 600
    reference = SphericalSpinGlass.draw(order=order, spins=spins, seed=0).random_points(range(4))
    reference[3] = -reference[0]
    glasses = (SphericalSpinGlass.draw(order=order, spins=spins, seed=seed) for seed in range(draws))
    fields = spins * torch.stack([glass.energy(reference) for glass in glasses])
    products = fields[:, :, None] * fields[:, None, :]
    expected = spins * (reference @ reference.T / spins) ** order
    errors = (products.mean(0) - expected) / (products.std(0) / draws**0.5)
    assert float(errors.abs().max()) < 4.5
    assert float((fields.mean(0) / (fields.std(0) / draws**0.5)).abs().max()) < 4.5


@pytest.mark.parametrize(("order", "spins"), [(3, 120), (4, 40)])
def test_hessians_are_shifted_goe_matrices(order: int, spins: int) -> None:
    """Off-diagonal variance p (p-1)/N, twice that on the diagonal about -p u, and edges 2 sqrt(p (p-1)) from it."""
    glass = SphericalSpinGlass.draw(order=order, spins=spins, seed=2)
    points = glass.random_points([1])
    goe = glass.hessian(points)[0]
    goe.diagonal().add_(order * glass.energy(points))
    above = goe[*torch.triu_indices(spins - 1, spins - 1, offset=1)]
    variance = order * (order - 1) / spins
    assert abs(float(above.square().mean()) / variance - 1) < 4.5 * (2 / len(above)) ** 0.5
    assert abs(float(goe.diagonal().square().mean()) / (2 * variance) - 1) < 4.5 * (2 / spins) ** 0.5
    edges = torch.linalg.eigvalsh(goe)[[0, -1]].abs() / (2 * math.sqrt(order * (order - 1)))
    assert float((edges - 1).abs().max()) < 2 * spins ** (-2 / 3)
    typical = glass.relative_gradient(glass.gradient(points))
    assert abs(float(typical) - 1) < 4.5 / spins**0.5


def test_two_spins_are_the_energy_of_a_symmetric_matrix() -> None:
    """H = N^(-1/2) s'Js: the Hessian on the sphere at an eigenvector has the differences to its eigenvalue, twice."""
    couplings = _couplings(2, 9)
    values, vectors = torch.linalg.eigh((couplings + couplings.T) / 2)
    glass = SphericalSpinGlass.from_couplings(couplings)
    points = 3 * vectors.T
    torch.testing.assert_close(glass.energy(points), values / 3, rtol=1e-12, atol=1e-14)
    assert float(glass.relative_gradient(glass.gradient(points)).max()) < 1e-14
    for rank, spectrum in enumerate(torch.linalg.eigvalsh(glass.hessian(points))):
        others = torch.cat([values[:rank], values[rank + 1 :]])
        torch.testing.assert_close(spectrum, 2 * (others - values[rank]) / 3, rtol=1e-11, atol=1e-12)
        assert int((spectrum < 0).sum()) == rank


def test_draws_are_reproducible_and_points_depend_on_their_own_seed_alone(device: str) -> None:
    one, same, other = (SphericalSpinGlass.draw(order=3, spins=9, seed=seed, device=device) for seed in (4, 4, 5))
    assert torch.equal(one.couplings, same.couplings)
    assert not torch.equal(one.couplings, other.couplings)
    assert torch.equal(one.random_points(range(5))[:2], one.random_points(range(2)))
    on_cpu = SphericalSpinGlass.draw(order=3, spins=9, seed=4)
    assert torch.equal(one.couplings.cpu(), on_cpu.couplings)
    single = SphericalSpinGlass.draw(order=3, spins=9, seed=4, dtype=torch.float32, device=device)
    assert torch.equal(single.couplings, one.couplings.float())
    points = single.random_points([0])
    assert points.dtype == single.energy(points).dtype == single.hessian(points).dtype == torch.float32


def test_groups_of_points_are_what_the_points_are_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    glass = SphericalSpinGlass.draw(order=3, spins=6, seed=0)
    points = glass.random_points(range(7))
    whole = glass.energy_and_gradient(points)
    monkeypatch.setattr("numerics.p_spin.hamiltonian._WORK", 72)
    for one, other in zip(whole, glass.energy_and_gradient(points), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-15)
    assert torch.equal(glass.couplings, SphericalSpinGlass.draw(order=3, spins=6, seed=0).couplings)


GLASS = SphericalSpinGlass.draw(order=3, spins=4, seed=0)
ONES = torch.ones(2, 4, dtype=torch.float64)

REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "one spin": (
        lambda: SphericalSpinGlass.draw(order=3, spins=1, seed=0),
        ValueError,
        "spins must be an integer >= 2",
    ),
    "no product": (
        lambda: SphericalSpinGlass.draw(order=1, spins=4, seed=0),
        ValueError,
        "order must be an integer >= 2",
    ),
    "half a spin": (
        lambda: SphericalSpinGlass.draw(order=3, spins=2.5, seed=0),  # type: ignore[arg-type]
        ValueError,
        "spins must be an integer >= 2, got 2.5",
    ),
    "endless": (lambda: SphericalSpinGlass.draw(order=3, spins=2**41, seed=0), ValueError, "spins must be below"),
    "too large": (
        lambda: SphericalSpinGlass.draw(order=4, spins=200, seed=0),
        ValueError,
        r"couplings of at most memory = 2147483648 bytes, got order = 4 and spins = 200, which take 3.23e\+09",
    ),
    "seed": (lambda: SphericalSpinGlass.draw(order=3, spins=4, seed=-1), ValueError, "seeds must hold one integer"),
    "numbers beyond float64": (
        lambda: SphericalSpinGlass.draw(order=1030, spins=2, seed=0),
        ValueError,
        r"order and spins must be such that torch.float64 can hold spins\*\*order, got order = 1030 and spins = 2",
    ),
    "numbers beyond float32": (
        lambda: SphericalSpinGlass.draw(order=130, spins=2, seed=0, dtype=torch.float32),
        ValueError,
        "torch.float32 can hold",
    ),
    "a huge order": (lambda: SphericalSpinGlass.draw(order=10**6, spins=2, seed=0), ValueError, "order = 1000000"),
    "many indices": (
        lambda: SphericalSpinGlass.draw(order=640, spins=3, seed=0),
        ValueError,
        r"couplings of at most memory = 2147483648 bytes, .* which take 3.14e\+09 with their indices",
    ),
    "dtype": (
        lambda: SphericalSpinGlass.draw(order=3, spins=4, seed=0, dtype=torch.int64),
        ValueError,
        "dtype must be torch.float32 or torch.float64",
    ),
    "device": (
        lambda: SphericalSpinGlass.draw(order=3, spins=4, seed=0, device="gpu"),
        ValueError,
        "device must be one of this machine",
    ),
    "no tensor": (
        lambda: SphericalSpinGlass.from_couplings([[1.0]]),  # type: ignore[arg-type]
        TypeError,
        "couplings must be a torch tensor",
    ),
    "vector": (
        lambda: SphericalSpinGlass.from_couplings(torch.ones(3)),
        ValueError,
        r"couplings must have p >= 2 equal axes of at least 2 spins, got shape \(3,\)",
    ),
    "number": (lambda: SphericalSpinGlass.from_couplings(torch.ones(())), ValueError, "p >= 2 equal axes"),
    "unequal": (lambda: SphericalSpinGlass.from_couplings(torch.ones(3, 4)), ValueError, r"got shape \(3, 4\)"),
    "infinite": (
        lambda: SphericalSpinGlass.from_couplings(torch.full((3, 3), math.inf)),
        ValueError,
        "couplings must be finite",
    ),
    "antisymmetric": (
        lambda: SphericalSpinGlass.from_couplings(torch.tensor([[0.0, 1.0], [-1.0, 0.0]])),
        ValueError,
        "couplings must have a symmetric part that is finite and not 0, got one of size 0",
    ),
    "points of no kind": (lambda: GLASS.energy([1.0]), TypeError, "points must be a torch tensor"),  # type: ignore[arg-type]
    "one point": (lambda: GLASS.energy(ONES[0]), ValueError, r"points must have shape \(starts, 4\), got \(4,\)"),
    "no point": (lambda: GLASS.gradient(ONES[:0]), ValueError, r"points must have shape \(starts, 4\), got \(0, 4\)"),
    "other spins": (lambda: GLASS.hessian(ONES[:, 1:]), ValueError, r"got \(2, 3\)"),
    "single precision": (
        lambda: GLASS.tangent_basis(ONES.float()),
        ValueError,
        "points must have the couplings' dtype and device, torch.float64 on cpu, got torch.float32 on cpu",
    ),
    "not a number": (lambda: GLASS.energy(math.nan * ONES), ValueError, "points must be finite"),
    "origin": (lambda: GLASS.energy(0 * ONES), ValueError, "points must differ from 0"),
    "starts": (lambda: GLASS.random_points([]), ValueError, "seeds must hold one integer per member, got none"),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(name: str) -> None:
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call()
