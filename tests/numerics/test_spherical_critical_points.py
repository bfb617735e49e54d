"""Critical points on the sphere: the eigenvectors of p = 2, every index, the flow's minima, and honest evidence."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import (
    SphericalSpinGlass,
    inertia,
    sample_spherical_critical_points,
    spherical_critical_points,
    spherical_descent,
    spherical_minima,
)

GLASS = SphericalSpinGlass.draw(order=3, spins=20, seed=0)
STARTS = GLASS.random_points(range(6))


@settings(max_examples=6)
@given(seed=st.integers(0, 2**64 - 1), spins=st.integers(2, 9))
def test_critical_points_of_two_spin_products_are_the_eigenvectors_in_the_order_of_their_index(
    seed: int, spins: int
) -> None:
    generator = torch.Generator().manual_seed(seed % 2**63)
    couplings = torch.randn(spins, spins, generator=generator, dtype=torch.float64)
    values = torch.linalg.eigvalsh((couplings + couplings.T) / 2)
    glass = SphericalSpinGlass.from_couplings(couplings)
    found = spherical_critical_points(glass, glass.random_points(range(spins)), index=range(spins))
    assert found.converged.all()
    torch.testing.assert_close(found.energy, values / spins**0.5, rtol=1e-10, atol=1e-12)
    assert found.inertia.negative.tolist() == list(range(spins))
    assert found.inertia.positive.tolist() == list(range(spins - 1, -1, -1))


def test_minima_of_two_spin_products_are_the_lowest_eigenvector_whatever_the_start() -> None:
    glass = SphericalSpinGlass.draw(order=2, spins=12, seed=5)
    found = spherical_minima(glass, glass.random_points(range(10)))
    assert found.converged.all()
    torch.testing.assert_close(found.energy, found.energy[:1].expand(10), rtol=1e-12, atol=0)
    overlaps = found.points @ found.points.T / 12
    torch.testing.assert_close(overlaps.abs(), torch.ones_like(overlaps), rtol=1e-8, atol=0)


@pytest.mark.parametrize(("order", "spins"), [(3, 14), (4, 10)])
def test_critical_points_of_every_index_are_found_with_their_evidence(order: int, spins: int, device: str) -> None:
    glass = SphericalSpinGlass.draw(order=order, spins=spins, seed=1, device=device)
    found = spherical_critical_points(glass, glass.random_points(range(spins)), index=range(spins))
    assert found.converged.all()
    assert found.inertia.negative.tolist() == list(range(spins))
    assert not found.inertia.unresolved.any()
    assert not found.inertia.zero_modes.any()
    assert (found.inertia.negative + found.inertia.positive == spins - 1).all()
    assert (found.gap > 1e-4).all()
    assert (found.newton_step < 1e-7).all()
    # the same from the Hamiltonian alone
    gradient = glass.relative_gradient(glass.gradient(found.points))
    assert (gradient <= 1e-9).all()
    torch.testing.assert_close(found.points.square().sum(1), torch.full_like(found.energy, spins), rtol=1e-13, atol=0)
    torch.testing.assert_close(found.energy, glass.energy(found.points), rtol=1e-12, atol=1e-14)
    spectra = torch.linalg.eigvalsh(glass.hessian(found.points))
    torch.testing.assert_close(found.eigenvalues, spectra, rtol=1e-10, atol=1e-11)
    counts = inertia(glass.hessian(found.points), tolerance=1e-8)
    assert torch.equal(counts.negative, found.inertia.negative)
    typical = 2 * math.sqrt(order * (order - 1)) * glass.coupling_scale
    unit = spectra.abs().amax(1).clamp(min=typical)
    torch.testing.assert_close(found.gap, spectra.abs().amin(1) / unit, rtol=1e-7, atol=0)
    torch.testing.assert_close(found.inertia.tolerance, 1e-8 * unit, rtol=1e-12, atol=0)


def test_a_flat_hamiltonian_is_critical_everywhere_and_nothing_of_it_is_resolved() -> None:
    """p = 2 with J = 1 is constant on the sphere; rounding is not taken for curvature."""
    glass = SphericalSpinGlass.from_couplings(torch.eye(9, dtype=torch.float64))
    found = spherical_critical_points(glass, glass.random_points(range(3)))
    assert found.converged.all()
    assert found.inertia.unresolved.tolist() == [8, 8, 8]
    assert (found.gap < 1e-8).all()
    torch.testing.assert_close(found.energy, torch.full_like(found.energy, 1 / 3), rtol=1e-14, atol=0)


def test_odd_orders_pair_every_critical_point_with_its_opposite() -> None:
    """H(-s) = -H(s): energy and eigenvalues change sign, so that index k becomes N - 1 - k."""
    found = spherical_critical_points(GLASS, STARTS, index=[0, 1, 4, 7, 9, 12])
    opposite = spherical_critical_points(GLASS, -found.points)
    assert found.converged.all()
    assert opposite.steps.tolist() == [0] * 6
    torch.testing.assert_close(opposite.energy, -found.energy, rtol=1e-12, atol=0)
    torch.testing.assert_close(opposite.eigenvalues, -found.eigenvalues.flip(1), rtol=1e-9, atol=1e-10)
    assert torch.equal(opposite.inertia.negative, found.inertia.positive)


def test_newtons_step_tells_the_distance_from_the_exact_point() -> None:
    exact = spherical_critical_points(GLASS, STARTS, index=[0, 1, 2, 3, 4, 5], tolerance=1e-13)
    offset = torch.randn(6, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    near = spherical_critical_points(GLASS, exact.points + 1e-6 * offset, index=[0, 1, 2, 3, 4, 5], tolerance=1e-3)
    distance = (near.points - exact.points).norm(dim=1) / 20**0.5
    torch.testing.assert_close(near.newton_step, distance, rtol=1e-3, atol=0)
    assert near.steps.tolist() == [0] * 6
    assert not near.moved.any()


def test_minima_are_those_of_the_flow_and_do_not_depend_on_its_step() -> None:
    fine, coarse = (spherical_minima(GLASS, STARTS, step=step) for step in (0.1, 0.5))
    for found in (fine, coarse):
        assert found.converged.all()
        assert not found.inertia.negative.any()
        assert (found.moved < 0.2).all()
        assert (found.energy < -1).all()
    torch.testing.assert_close(coarse.energy, fine.energy, rtol=1e-12, atol=0)


def test_descent_never_climbs_and_stops_at_its_level() -> None:
    level = torch.tensor([-0.1, -0.3, -0.5, -0.7, -0.9, -1.1], dtype=torch.float64)
    before = None
    for steps in (5, 10, 20, 40):
        end = spherical_descent(GLASS, STARTS, max_steps=steps)
        assert before is None or (end.energy < before).all()
        assert (end.steps == steps).all()
        assert not end.arrived.any()
        before = end.energy
    stopped = spherical_descent(GLASS, STARTS, level=level)
    assert stopped.arrived.all()
    assert (stopped.energy <= level).all()
    one_before = [spherical_descent(GLASS, STARTS, max_steps=int(steps) - 1) for steps in stopped.steps]
    assert all(float(end.energy[row]) > float(level[row]) for row, end in enumerate(one_before))
    at_once = spherical_descent(GLASS, STARTS, level=10.0)
    assert at_once.steps.tolist() == [0] * 6
    torch.testing.assert_close(at_once.points, STARTS, rtol=1e-14, atol=1e-15)


def test_a_level_below_every_minimum_is_not_reached_and_that_is_said() -> None:
    end = spherical_descent(GLASS, STARTS, level=-5.0)
    assert not end.arrived.any()
    assert (end.steps < 20000).all()
    assert (end.relative_gradient < 0.1).all()
    assert spherical_descent(GLASS, STARTS).arrived.all()


def test_records_print_in_one_line_without_their_numbers() -> None:
    glass = SphericalSpinGlass.from_couplings(torch.diag(torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)))
    start = glass.on_sphere(torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64))
    found = spherical_critical_points(glass, start[:1])
    assert repr(glass) == "SphericalSpinGlass(order=2, spins=3, torch.float64 on cpu, coupling_scale=1.871)"
    assert repr(found) == "SphericalCriticalPoints(1 start; 1 converged: energy 0.577, index 0)"
    late = spherical_critical_points(glass, start[1:], index=1, max_steps=1)
    assert repr(late) == "SphericalCriticalPoints(1 start; 0 converged)"
    end = spherical_descent(glass, start[1:], level=10.0)
    assert repr(end) == "SphericalDescent(1 start, 0 steps, energy 1.35; 1 arrived)"


def test_too_few_steps_are_reported_and_not_hidden() -> None:
    found = spherical_critical_points(GLASS, STARTS, index=3, max_steps=2)
    assert not found.converged.any()
    assert (found.relative_gradient > 1e-9).all()
    assert (found.steps == 2).all()


def test_the_index_sought_is_that_of_the_start_unless_told() -> None:
    negative = (torch.linalg.eigvalsh(GLASS.hessian(STARTS)) < 0).sum(1)
    found = spherical_critical_points(GLASS, STARTS)
    assert found.converged.all()
    assert torch.equal(found.inertia.negative, negative)
    told = spherical_critical_points(GLASS, STARTS, index=negative.tolist())
    assert torch.equal(told.points, found.points)


def test_a_start_does_not_depend_on_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for rounding: minima are compared, which hardly magnify it."""
    together = spherical_minima(GLASS, STARTS)
    alone = torch.cat([spherical_minima(GLASS, start[None]).points for start in STARTS])
    torch.testing.assert_close(alone, together.points, rtol=1e-6, atol=1e-7)
    for module in ("descent", "eigenvector_following", "evidence"):
        monkeypatch.setattr(f"numerics.p_spin.{module}._WORK", 800)
    grouped = spherical_minima(GLASS, STARTS)
    torch.testing.assert_close(grouped.points, together.points, rtol=1e-6, atol=1e-7)
    assert grouped.inertia.negative.shape == grouped.inertia.tolerance.shape == (6,)


def test_energies_of_found_points_shift_the_spectrum_by_minus_p_u() -> None:
    """The mean eigenvalue is -p u but for fluctuations of sqrt(2 p (p-1))/N in one draw; and alpha rises with u."""
    spins, draws, shifts, energies, shares = 24, 8, [], [], []
    for seed in range(draws):
        glass = SphericalSpinGlass.draw(order=3, spins=spins, seed=seed)
        cloud = sample_spherical_critical_points(glass, seeds=[2 * seed, 2 * seed + 1], lowest=-1.4)
        assert cloud.converged.all()
        shifts.append(cloud.eigenvalues.mean(1) + 3 * cloud.energy)
        energies.append(cloud.energy)
        shares.append(cloud.inertia.negative / (spins - 1))
    shift = torch.stack(shifts).mean(1)
    assert abs(float(shift.mean())) < 4.5 * float(shift.std()) / draws**0.5
    assert float(shift.std()) < 3 * math.sqrt(12) / spins
    ranks = torch.stack([torch.cat(energies), torch.cat(shares)])
    assert float(torch.corrcoef(ranks)[0, 1]) > 0.95


def test_a_cloud_is_reproducible_and_every_point_has_its_own_seed() -> None:
    cloud, same, prefix = (
        sample_spherical_critical_points(GLASS, seeds=seeds, lowest=-1.2, highest=-0.6)
        for seeds in (range(3), range(3), range(2))
    )
    assert torch.equal(cloud.points, same.points)
    assert torch.equal(cloud.inertia.negative[:2], prefix.inertia.negative)


def test_single_precision_reaches_what_it_can(device: str) -> None:
    glass = SphericalSpinGlass.draw(order=3, spins=12, seed=2, dtype=torch.float32, device=device)
    found = spherical_minima(glass, glass.random_points([0, 1]))
    assert found.converged.all()
    assert (found.relative_gradient < 1e-5).all()
    assert spherical_critical_points(glass, glass.random_points([0, 1])).converged.all()
    assert sample_spherical_critical_points(glass, seeds=[0, 1], lowest=-1.0).converged.all()
    assert found.energy.dtype == torch.float32
    assert not found.inertia.negative.any()


def test_a_tolerance_below_rounding_is_not_met_and_the_best_point_is_handed_back() -> None:
    glass = SphericalSpinGlass.draw(order=3, spins=12, seed=2, dtype=torch.float32)
    found = spherical_critical_points(glass, glass.random_points(range(4)), tolerance=1e-9, max_steps=150)
    assert not found.converged.any()
    assert (found.relative_gradient < 1e-5).all()
    assert (found.steps < 150).all()


def test_walks_in_circles_are_ended_by_a_long_step_and_not_only_by_the_limit() -> None:
    """Of the starts of this draw one goes round for ever where the sixth curvature passes through 0."""
    glass = SphericalSpinGlass.draw(order=3, spins=20, seed=8)
    start = spherical_descent(glass, glass.random_points([5]), level=-0.52)
    found = spherical_critical_points(glass, start.points, index=5)
    assert int(found.steps) > 50
    assert found.converged.all()
    assert found.inertia.negative.tolist() == [5]


def test_scaled_couplings_have_the_same_critical_points() -> None:
    generator = torch.Generator().manual_seed(3)
    couplings = torch.randn(8, 8, 8, generator=generator, dtype=torch.float64)
    one, many = (SphericalSpinGlass.from_couplings(c * couplings) for c in (1.0, 1e6))
    found = [spherical_minima(glass, one.random_points(range(4))) for glass in (one, many)]
    torch.testing.assert_close(found[1].points, found[0].points, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(found[1].energy, 1e6 * found[0].energy, rtol=1e-10, atol=0)


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "step": (lambda: spherical_descent(GLASS, STARTS, step=2.0), ValueError, r"step must lie in \(0, 2\).* got 2.0"),
    "no step": (lambda: spherical_minima(GLASS, STARTS, step=0.0), ValueError, "step must be a finite number > 0"),
    "level": (lambda: spherical_descent(GLASS, STARTS, level=math.nan), ValueError, "level must be a finite number"),
    "levels": (
        lambda: spherical_descent(GLASS, STARTS, level=torch.zeros(5)),
        ValueError,
        r"level must be one finite energy per start, shape \(6,\)",
    ),
    "infinite level": (
        lambda: spherical_descent(GLASS, STARTS, level=torch.full((6,), -math.inf)),
        ValueError,
        "level must be one finite energy per start",
    ),
    "complex levels": (
        lambda: spherical_descent(GLASS, STARTS, level=torch.zeros(6, dtype=torch.complex128)),
        ValueError,
        "level must be a dense tensor of torch.float32 or torch.float64, got torch.complex128",
    ),
    "yes and no as levels": (
        lambda: spherical_descent(GLASS, STARTS, level=torch.zeros(6, dtype=torch.bool)),
        ValueError,
        "level must be a dense tensor of torch.float32 or torch.float64, got torch.bool",
    ),
    "steps": (lambda: spherical_descent(GLASS, STARTS, max_steps=0), ValueError, "max_steps must be an integer >= 1"),
    "starts": (lambda: spherical_descent(GLASS, STARTS[:, 1:]), ValueError, r"points must have shape \(starts, 20\)"),
    "no starts": (lambda: spherical_minima(GLASS, [1.0]), TypeError, "points must be a torch tensor"),  # type: ignore[arg-type]
    "index": (
        lambda: spherical_critical_points(GLASS, STARTS, index=20),
        ValueError,
        r"index must lie in 0..19, the directions there are, got 20",
    ),
    "half": (
        lambda: spherical_critical_points(GLASS, STARTS, index=0.5),  # type: ignore[arg-type]
        ValueError,
        "index must lie in 0..19",
    ),
    "indices": (
        lambda: spherical_critical_points(GLASS, STARTS, index=[1, 2]),
        ValueError,
        "index must be one integer or one per start, 6, got 2",
    ),
    "tolerance": (
        lambda: spherical_critical_points(GLASS, STARTS, tolerance=1.0),
        ValueError,
        r"tolerance must lie in \(0, 1\)",
    ),
    "minima's tolerance": (lambda: spherical_minima(GLASS, STARTS, tolerance=0), ValueError, "tolerance must lie in"),
    "cloud": (
        lambda: sample_spherical_critical_points(GLASS, seeds=[0], lowest=0.0),
        ValueError,
        "lowest must be an energy below highest = 0.0, got 0.0",
    ),
    "a wide cloud": (
        lambda: sample_spherical_critical_points(GLASS, seeds=[0], lowest=-1e308, highest=1e308),
        ValueError,
        r"lowest must lie at a finite distance from highest = 1e\+308, got -1e\+308",
    ),
    "no cloud": (
        lambda: sample_spherical_critical_points(GLASS, seeds=[], lowest=-1.0),
        ValueError,
        "seeds must hold one integer per member, got none",
    ),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(name: str) -> None:
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call()
