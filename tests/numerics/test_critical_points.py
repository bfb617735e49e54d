"""Critical points: a linear network's whole list, bounds that hold for every network, and honesty about the rest."""

import itertools
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import (
    CriticalPoints,
    CrossEntropy,
    Mlp,
    SquaredError,
    dense_hessian,
    descent_starts,
    follow_eigenvectors,
    gaussian_memorisation,
    inertia,
    loss_and_gradient,
    minimise_gradient_norm,
    sample_critical_points,
    solve_gradient,
)
from numerics.critical_points.eigenvector_following import _restricted
from numerics.critical_points.evidence import CUT, FLAT, OUTCOMES, SEARCHING, joined, newton_step, polished
from numerics.critical_points.landscape import checked_landscape

HALF = SquaredError(prefactor=0.5)
FINDERS = (follow_eigenvectors, solve_gradient)


def problem(
    widths: tuple[int, int, int], samples: int, members: int, *, name: str = "tanh", device: str = "cpu"
) -> tuple[Mlp, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A network, starts on the way down from random weights, inputs and targets."""
    network = Mlp(widths, name)
    x, y = gaussian_memorisation(
        inputs=widths[0], outputs=widths[2], samples=samples, seeds=range(members), device=device
    )
    theta = network.init(range(100, 100 + members), device=device)
    return network, descent_starts(network, theta, x, y, HALF, seeds=range(members)), x, y


def enumerated(x: np.ndarray, y: np.ndarray, hidden: int) -> list[tuple[float, int, int]]:
    """Loss, index and nullity of every critical set of a linear network: one a subset of the singular directions."""
    samples, inputs, outputs = len(x), x.shape[1], y.shape[1]
    values, vectors = np.linalg.eigh(x.T @ x / samples)
    root = vectors / np.sqrt(values) @ vectors.T
    s = np.linalg.svd(y.T @ x / samples @ root, compute_uv=False)
    most = min(inputs, outputs)
    sets = []
    for rank in range(min(hidden, most) + 1):
        for chosen in itertools.combinations(range(most), rank):
            crossings = sum(s[j] > s[i] for i in chosen for j in range(most) if j not in chosen)
            loss = (np.square(y).sum() / samples - sum(s[i] ** 2 for i in chosen)) / 2
            index = (hidden - rank) * (most - rank) + int(crossings)
            nullity = hidden**2 - (hidden - rank) ** 2 + (hidden - rank) * abs(inputs - outputs)
            sets.append((float(loss), index, nullity))
    return sets


@pytest.mark.parametrize("finder", FINDERS)
@pytest.mark.parametrize("widths", [(4, 4, 4), (5, 3, 4), (3, 5, 4), (2, 4, 5)])
@pytest.mark.usefixtures("unchecked")
def test_every_point_found_on_a_linear_network_is_one_of_those_enumerated(
    widths: tuple[int, int, int], finder: Callable[..., CriticalPoints], device: str
) -> None:
    """Loss to 1e-12, index and zero modes exactly."""
    network, starts, x, y = problem(widths, 16, 16, name="linear", device=device)
    found = finder(network, starts, x, y, HALF, max_steps=50)
    assert int(found.converged.sum()) >= 9
    for member in found.converged.nonzero().flatten().tolist():
        sets = enumerated(x[member].cpu().numpy(), y[member].cpu().numpy(), widths[1])
        loss, index, nullity = min(sets, key=lambda one: abs(one[0] - float(found.loss[member])))
        assert abs(loss - float(found.loss[member])) < 1e-12
        assert (index, nullity) == (int(found.index[member]), int(found.zero_modes[member]))


@pytest.fixture(scope="module")
def tanh_points() -> tuple[CriticalPoints, Mlp, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Searches on 40 draws of a tanh network of width 4, with weight decay 1e-3."""
    network, starts, x, y = problem((4, 4, 4), 16, 40)
    return follow_eigenvectors(network, starts, x, y, HALF, weight_decay=1e-3, max_steps=100), network, starts, x, y


def test_most_searches_on_tanh_networks_arrive(tanh_points: tuple) -> None:
    found = tanh_points[0]
    assert int(found.converged.sum()) >= 30
    assert len(set(found.index[found.converged].tolist())) >= 6


def test_the_evidence_agrees_with_the_functions_that_others_call(tanh_points: tuple) -> None:
    found, network, _, x, y = tanh_points
    value, gradient = loss_and_gradient(network, found.theta, x, y, HALF)
    hessian = dense_hessian(network, found.theta, x, y, HALF).total
    hessian.diagonal(dim1=1, dim2=2).add_(1e-3)
    counts = inertia(hessian, tolerance=CUT)
    torch.testing.assert_close(found.loss, value, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(found.gradient_norm, (gradient + 1e-3 * found.theta).norm(dim=1), rtol=1e-3, atol=1e-14)
    torch.testing.assert_close(found.length, found.theta.norm(dim=1))
    assert torch.equal(found.index, counts.negative)
    assert torch.equal(found.inertia.positive, counts.positive)
    torch.testing.assert_close(found.inertia.tolerance, counts.tolerance)
    step = torch.linalg.solve(hessian, (gradient + 1e-3 * found.theta)[..., None]).squeeze(-1).norm(dim=1)
    assert (step[found.converged] < 1e-10).all()


def test_every_point_has_all_that_is_asked_of_it(tanh_points: tuple) -> None:
    found = tanh_points[0]
    there = found.converged
    assert (found.relative_gradient[there] <= 1e-9).all()
    assert (found.newton_step[there] <= 1e-6 * found.length[there].clamp(min=1)).all()
    assert (found.zero_modes[there] == 0).all()
    assert (found.gap[there] > 0).all()
    total = found.inertia.negative + found.inertia.unresolved + found.inertia.positive
    assert (total == 32).all()
    assert [reason == OUTCOMES[0] for reason in found.reasons] == there.tolist()


def test_critical_points_lie_below_the_zero_network_and_in_the_ball_that_weight_decay_sets(tanh_points: tuple) -> None:
    """L <= L(0) - |o|^2/(2m) and |W2|^2 <= L(0)/(2 decay), from <W2, dF/dW2> = 0 alone."""
    found, network, _, x, y = tanh_points
    there = found.converged
    at_zero = y.square().sum(dim=(1, 2)) / (2 * 16)
    size = network.forward(found.theta, x).square().sum(dim=(1, 2)) / (2 * 16)
    assert (found.loss[there] <= (at_zero - size)[there]).all()
    last = network.unflatten(found.theta)[1][0].square().sum(dim=(1, 2))
    assert (last[there] <= at_zero[there] / 2e-3).all()
    exact = (size * 2 - (network.forward(found.theta, x) * y).sum(dim=(1, 2)) / 16)[there]
    torch.testing.assert_close(exact, -1e-3 * last[there], rtol=1e-6, atol=1e-12)


def test_a_member_does_not_depend_on_the_others(tanh_points: tuple) -> None:
    """To rounding: paths that cross many eigenvectors magnify it, so only the first steps can be compared."""
    _, network, starts, x, y = tanh_points
    together, alone = (
        follow_eigenvectors(network, starts[rows], x[rows], y[rows], HALF, weight_decay=1e-3, max_steps=8)
        for rows in (slice(0, 6), slice(3, 5))
    )
    torch.testing.assert_close(alone.theta, together.theta[3:5], rtol=1e-7, atol=1e-7)
    assert torch.equal(alone.steps, together.steps[3:5])


def test_a_critical_point_is_found_where_it_is(tanh_points: tuple) -> None:
    """From a critical point no step is taken; from one moved a little Newton's steps lead back, whatever the aim."""
    found, network, _, x, y = tanh_points
    rows = (found.converged & (found.gap > 1e-4)).nonzero().flatten()[:10]
    there, x, y = found.theta[rows], x[rows], y[rows]
    for finder in FINDERS:
        still = finder(network, there, x, y, HALF, weight_decay=1e-3)
        assert still.converged.all()
        torch.testing.assert_close(still.theta, there, rtol=0.0, atol=1e-10)
    moved = there + 1e-5 * torch.sin(torch.arange(there.numel(), dtype=torch.float64)).reshape(there.shape)
    back = follow_eigenvectors(network, moved, x, y, HALF, weight_decay=1e-3, index=torch.zeros_like(rows))
    torch.testing.assert_close(back.theta, there, rtol=0.0, atol=1e-9)
    assert torch.equal(back.index, found.index[rows])
    assert (back.steps <= 6).all()


@pytest.mark.usefixtures("unchecked")
def test_the_aim_decides_what_is_found() -> None:
    """From the same starts, aims of 0 end in points of lower index and loss than aims of the start's own index."""
    network, starts, x, y = problem((4, 4, 4), 16, 24)
    low, own = (
        follow_eigenvectors(network, starts, x, y, HALF, weight_decay=1e-3, index=aim, max_steps=100)
        for aim in (torch.zeros(24, dtype=torch.int64), None)
    )
    both = low.converged & own.converged
    assert int(both.sum()) >= 15
    assert (low.index <= own.index)[both].double().mean() > 0.9
    assert low.loss[both].mean() < own.loss[both].mean()
    assert int((low.index[both] == 0).sum()) >= 5


@pytest.mark.usefixtures("unchecked")
def test_one_aim_for_all_is_the_same_aim_for_each() -> None:
    network, starts, x, y = problem((2, 2, 2), 8, 4)
    one, each = (
        follow_eigenvectors(network, starts, x, y, HALF, weight_decay=1e-2, index=aim)
        for aim in (1, torch.ones(4, dtype=torch.int64))
    )
    assert torch.equal(one.theta, each.theta)
    assert torch.equal(one.steps, each.steps)


def test_records_print_in_one_line_without_their_numbers() -> None:
    network, starts, x, y = problem((2, 2, 2), 8, 3)
    ends = minimise_gradient_norm(network, starts, x, y, HALF, weight_decay=1e-2, max_steps=1)
    shown = "GradientNormMinima(3 members; 0 accepted, of these 0 critical, 0 not)"
    assert repr(ends) == shown
    assert repr(ends.points) == "CriticalPoints(3 members; 0 converged)"
    zero = follow_eigenvectors(network, torch.zeros_like(starts), x, y, HALF, weight_decay=1e-2)
    assert re.fullmatch(r"CriticalPoints\(3 members; 3 converged: loss [\d.]+ to [\d.]+, index 4\)", repr(zero))


@pytest.mark.usefixtures("unchecked")
def test_without_weight_decay_runaways_are_no_critical_points() -> None:
    """Separable data of one unit: the gradient decays along a ray, and no threshold on it makes an end critical."""
    x = torch.tensor([[-1.0], [2.0]], dtype=torch.float64)
    y = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    network = Mlp((1, 1, 1), "tanh")
    ray = torch.tensor([[30.0, 1.0], [3.0, 1.0]], dtype=torch.float64)
    for finder in FINDERS:
        ends = finder(network, ray, x, y, HALF, bound=50.0, max_steps=40)
        assert not ends.converged.any(), finder
    assert bool((minimise_gradient_norm(network, ray, x, y, HALF, bound=50.0, max_steps=40).flat).all())


@pytest.mark.usefixtures("unchecked")
def test_gradient_flat_points_pass_the_threshold_and_are_not_critical() -> None:
    """There the gradient lies in the kernel of the Hessian; nothing that is accepted and critical does more harm."""
    network, starts, x, y = problem((4, 4, 4), 16, 24)
    ends = minimise_gradient_norm(network, starts, x, y, HALF, weight_decay=1e-3, max_steps=60)
    assert torch.equal(ends.accepted, ends.points.gradient_norm.square() < 1e-6)
    assert torch.equal(ends.flat | ends.critical, ends.accepted)
    assert int(ends.flat.sum()) >= 2
    assert bool((ends.critical & ~ends.points.converged).any()) is False
    flat = ends.flat & (ends.points.outcome == FLAT)
    assert (ends.alignment[flat] < 0.05).all()
    assert (ends.points.relative_gradient[ends.flat] > 1e-9).all()
    assert {"accepted", "alignment", "index"} <= set(ends.record())


def test_the_zero_network_is_a_critical_point_with_half_the_directions_negative() -> None:
    """n-n-n: the Hessian is [[0, A], [A', 0]] up to weight decay, so n^2 eigenvalues are negative."""
    network = Mlp((3, 3, 3), "tanh")
    x, y = gaussian_memorisation(inputs=3, outputs=3, samples=12, seeds=range(4))
    for finder in FINDERS:
        found = finder(network, torch.zeros(4, 18, dtype=torch.float64), x, y, HALF)
        assert found.converged.all()
        assert found.index.tolist() == [9] * 4
        assert found.steps.tolist() == [0] * 4
        torch.testing.assert_close(found.loss, y.square().sum(dim=(1, 2)) / 24)


def test_zero_modes_make_a_point_of_a_nonlinear_network_none() -> None:
    """A unit whose weights vanish on data that do not span the inputs leaves directions without curvature."""
    x = torch.tensor([[1.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    y = torch.ones(2, 1, dtype=torch.float64)
    start = torch.zeros(1, 3, dtype=torch.float64)
    found = solve_gradient(Mlp((2, 1, 1), "tanh"), start, x, y, HALF)
    assert found.zero_modes.tolist() == [1]
    assert not found.converged.any()
    assert found.reasons == (OUTCOMES[5],)
    assert solve_gradient(Mlp((2, 1, 1), "linear"), start, x, y, HALF).converged.all()


@pytest.mark.parametrize("finder", FINDERS)
@pytest.mark.usefixtures("unchecked")
def test_no_index_is_told_where_the_whole_hessian_vanishes(finder: Callable[..., CriticalPoints]) -> None:
    """(1 + v^2 tanh^2 w)/2 is least at 0, but of a negative curvature around it, relative to its own Hessian's size.

    Of three layers the Hessian of the zero network vanishes whatever the data.
    """
    x, y = torch.tensor([[1.0], [-1.0]], dtype=torch.float64), torch.ones(2, 1, dtype=torch.float64)
    network = Mlp((1, 1, 1), "tanh")
    starts = torch.cat([torch.tensor([[0.4, 0.4]], dtype=torch.float64), network.init(range(12))])
    ends = finder(network, starts, x, y, HALF)
    assert not ends.converged.any()
    assert bool((ends.zero_modes[ends.length < 1e-4] == 2).any())
    for widths, size in (((1, 1, 1, 1), 1.0), ((2, 2, 2, 2), 0.3)):
        network = Mlp(widths, "tanh")
        x, y = gaussian_memorisation(inputs=widths[0], outputs=widths[-1], samples=8, seeds=range(1))
        ends = finder(network, size * network.init(range(10)), x[0], y[0], HALF, max_steps=100)
        assert not (ends.converged & (ends.length < 1e-2)).any()


@given(layers=st.integers(1, 4), inputs=st.floats(1e-60, 1e60), targets=st.floats(1e-60, 1e60), bias=st.booleans())
@settings(max_examples=25)
def test_the_scale_of_hessians_has_the_units_of_a_linear_network_at_its_critical_points(
    layers: int, inputs: float, targets: float, bias: bool
) -> None:
    """Weights ~ (Y/X)^(1/D), Hessians ~ L/weights^2; of two layers it bounds the zero network's spectral radius."""
    network = Mlp((2,) * (layers + 1), "linear", bias=bias)
    x, y = (one[0] for one in gaussian_memorisation(inputs=2, outputs=2, samples=5, seeds=[0]))
    zero = torch.zeros(1, network.parameters, dtype=torch.float64)
    scale = checked_landscape(network, zero, x, y, HALF, 0.0).hessian_scale
    if not bias:
        other = checked_landscape(network, zero, inputs * x, targets * y, HALF, 0.0).hessian_scale
        torch.testing.assert_close(other / targets**2 * (targets / inputs) ** (2 / layers), scale, rtol=1e-9, atol=0.0)
    if layers == 2:
        hessian = checked_landscape(network, zero, x, y, HALF, 0.0).hessian(zero)
        assert float(torch.linalg.matrix_norm(hessian, 2)) <= float(scale) * (1 + 1e-12) or bias
    none = checked_landscape(network, zero, x, 0 * y, HALF, 0.0).hessian_scale
    size = x.square().sum() / 5 + float(bias)
    torch.testing.assert_close(none, size[None], rtol=1e-12, atol=0.0)


@pytest.mark.usefixtures("unchecked")
def test_counts_do_not_depend_on_the_unit_of_the_targets() -> None:
    network, starts, x, y = problem((3, 3, 3), 12, 8, name="linear")
    one, other = (solve_gradient(network, c * starts, x, c**2 * y, HALF) for c in (1.0, 2.0**-16))
    assert int(one.converged.sum()) >= 4
    for name in ("converged", "index", "zero_modes"):
        assert torch.equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("decay", [1e-12, 1e-10, 1e-9, 1e-8])
@pytest.mark.usefixtures("unchecked")
def test_an_unbalanced_linear_network_with_weight_decay_is_no_critical_point(decay: float) -> None:
    """With decay W1 W1' = W2' W2 at a critical point: of the orbits only rotations are left, however small it is."""
    x = torch.ones(1, 1, dtype=torch.float64)
    theta = torch.tensor([[2.0, 0.5]], dtype=torch.float64)
    end = solve_gradient(Mlp((1, 1, 1), "linear"), theta, x, x, HALF, weight_decay=decay)
    assert not end.converged.any()
    assert float(end.newton_step) > 0.1
    network, starts, x, y = problem((3, 3, 3), 12, 6, name="linear")
    assert not solve_gradient(network, starts, x, y, HALF, weight_decay=decay, max_steps=30).converged.any()


def test_of_linear_networks_with_weight_decay_the_rotations_are_the_zero_modes() -> None:
    """Rank r of the hidden layer: r(r-1)/2 rotations within the active directions and r(h-r) out of them."""
    network, starts, x, y = problem((3, 3, 3), 12, 16, name="linear")
    found = follow_eigenvectors(network, starts, x, y, HALF, weight_decay=1e-2)
    there = found.converged
    assert int(there.sum()) >= 4
    first, second = (layer[0] for layer in network.unflatten(found.theta[there]))
    torch.testing.assert_close(first @ first.mT, second.mT @ second, rtol=0.0, atol=1e-9)
    rank = (torch.linalg.svdvals(second @ first) > 1e-6).sum(1)
    assert torch.equal(found.zero_modes[there], rank * (rank - 1) // 2 + rank * (3 - rank))
    x, network = torch.ones(1, 1, dtype=torch.float64), Mlp((1, 2, 1), "linear")
    balanced = torch.full((1, 4), 0.5**0.5, dtype=torch.float64)
    for decay, told in ((1e-6, True), (1e-11, False)):  # no decay below the cut: what it bends cannot be told
        end = solve_gradient(network, balanced * (1 - decay) ** 0.5, x, x, HALF, weight_decay=decay)
        assert end.converged.tolist() == [told]


@pytest.mark.parametrize("finder", [*FINDERS, minimise_gradient_norm])
def test_a_problem_whose_hessian_overflows_is_refused_and_a_huge_bound_is_none(finder: Callable[..., object]) -> None:
    network, starts, x, y = problem((3, 3, 3), 12, 2, name="linear")
    with pytest.raises(ValueError, match=r"theta, x and y must be small enough for the Hessian to be finite"):
        finder(network, starts, 1e160 * x, y, HALF)
    with pytest.raises(ValueError, match=r"theta, x and y must be small enough for the Hessian to be finite"):
        finder(network, 1e170 * starts, x, y, HALF)
    finder(network, starts, x, y, HALF, bound=1e300, max_steps=2)


def test_a_search_that_leaves_the_bound_is_given_up_and_says_so() -> None:
    network, starts, x, y = problem((3, 3, 3), 12, 4)
    for finder in FINDERS:
        ends = finder(network, 100 * starts, x, y, HALF, weight_decay=1e-3, bound=0.5, max_steps=3)
        assert set(ends.reasons) <= {OUTCOMES[2], OUTCOMES[3]}
    there = follow_eigenvectors(network, starts, x, y, HALF, weight_decay=1e-3, max_steps=60)
    small = follow_eigenvectors(network, there.theta[there.converged], *(one[there.converged] for one in (x, y)), HALF,
                                weight_decay=1e-3, bound=1e-3)  # fmt: skip
    assert set(small.reasons) == {OUTCOMES[3]}
    assert not small.converged.any()


def test_steps_that_are_used_up_are_said_to_be() -> None:
    network, starts, x, y = problem((3, 3, 3), 12, 4)
    ends = follow_eigenvectors(network, starts, x, y, HALF, weight_decay=1e-3, max_steps=1)
    assert ends.reasons == (OUTCOMES[1],) * 4
    assert ends.steps.tolist() == [1] * 4


def test_a_small_gradient_with_a_long_newton_step_is_not_enough() -> None:
    network, starts, x, y = problem((3, 3, 3), 12, 6)
    landscape = checked_landscape(network, starts, x, y, HALF, 1e-3)
    gradient = landscape.gradient(starts)
    loose = float(landscape.relative(starts, gradient).max()) * 1.01
    codes = torch.full((6,), SEARCHING)
    ends = polished(landscape, starts, torch.zeros(6, dtype=torch.int64), codes, tolerance=min(loose, 0.99), bound=10.0)
    stuck = ends.newton_step > 1e-6 * ends.length.clamp(min=1)
    assert bool(stuck.any())
    assert all(OUTCOMES[4] == reason for reason, far in zip(ends.reasons, stuck.tolist(), strict=True) if far)


@given(seed=st.integers(0, 2**32), size=st.integers(1, 8))
@settings(max_examples=30)
def test_the_restricted_step_stays_in_the_trust_region_and_is_newtons_where_that_fits(seed: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    eigenvalues = torch.randn(3, size, generator=generator, dtype=torch.float64).sort(dim=1).values
    components = torch.randn(3, size, generator=generator, dtype=torch.float64)
    radius = torch.rand(3, generator=generator, dtype=torch.float64) + 1e-3
    index = torch.randint(0, size + 1, (3, 1), generator=generator)
    climbing = torch.arange(size) < index
    move = _restricted(eigenvalues, components, climbing, radius)
    assert (move.norm(dim=1) <= radius * (1 + 1e-9)).all()
    uphill = components * move  # along every climbed eigenvector the function rises, along every other it falls
    assert (uphill[climbing] >= 0).all()
    assert (uphill[~climbing] <= 0).all()
    newton = -components / eigenvalues
    fits = ((eigenvalues < 0) == climbing).all(1) & (newton.norm(dim=1) <= radius)
    torch.testing.assert_close(move[fits], newton[fits])


def test_newtons_step_ignores_what_is_not_resolved() -> None:
    eigenvalues = torch.tensor([[-2.0, 1e-12, 4.0]], dtype=torch.float64)
    basis, gradient = torch.eye(3, dtype=torch.float64)[None], torch.ones(1, 3, dtype=torch.float64)
    step = newton_step(eigenvalues, basis, gradient, torch.full((1, 1), 1e-10, dtype=torch.float64))
    assert step.tolist() == [[0.5, 0.0, -0.25]]


def test_groups_of_members_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    network, starts, x, y = problem((3, 3, 3), 12, 5)
    whole = follow_eigenvectors(network, starts, x, y, HALF, weight_decay=1e-3, max_steps=8)
    monkeypatch.setattr("numerics.critical_points.landscape.GROUP", 2 * 18**2)
    parts = follow_eigenvectors(network, starts, x, y, HALF, weight_decay=1e-3, max_steps=8)
    for name, value in whole.record().items():
        assert parts.record()[name].shape == value.shape
    torch.testing.assert_close(parts.theta, whole.theta, rtol=1e-7, atol=1e-7)
    assert torch.equal(joined([whole]).theta, whole.theta)


@pytest.mark.usefixtures("unchecked")
def test_starts_lie_on_the_way_down_and_depend_on_their_own_seeds() -> None:
    network = Mlp((3, 3, 3), "tanh")
    x, y = gaussian_memorisation(inputs=3, outputs=3, samples=12, seeds=range(30))
    theta = network.init(range(30))
    starts = descent_starts(network, theta, x, y, HALF, seeds=range(30))
    before, after = (loss_and_gradient(network, one, x, y, HALF)[0] for one in (theta, starts))
    assert (after <= before).all()
    assert (after < before).double().mean() > 0.9
    again = descent_starts(network, theta[4:6], x[4:6], y[4:6], HALF, seeds=[4, 5])
    torch.testing.assert_close(again, starts[4:6], rtol=1e-12, atol=1e-14)
    other = descent_starts(network, theta[4:6], x[4:6], y[4:6], HALF, seeds=[6, 7])
    assert not torch.allclose(other, starts[4:6])
    wild = descent_starts(network, theta, x, y, HALF, seeds=range(30), learning_rate=1e3)
    assert (loss_and_gradient(network, wild, x, y, HALF)[0] <= before).all()


def sample(**changes: object) -> dict[str, torch.Tensor]:
    config = {
        "max_steps": 60,
        "widths": [3, 3, 3], "samples": 12, "activation": "tanh", "weight_decay": 1e-3, "seed": 5, "draws": 2,
        "starts": 6,
    }  # fmt: skip
    return sample_critical_points(**{**config, **changes})  # type: ignore[arg-type]


def test_a_sample_has_its_evidence_entry_by_entry(device: str) -> None:
    found = sample(device=device)
    assert {len(value) for value in found.values()} == {12}
    assert found["draw"].tolist() == [0] * 6 + [1] * 6
    x, y = gaussian_memorisation(inputs=3, outputs=3, samples=12, seeds=[5, 6], device=device)
    network = Mlp((3, 3, 3), "tanh")
    for draw in range(2):
        theta = found["theta"][6 * draw : 6 * draw + 6]
        loss = loss_and_gradient(network, theta, x[draw], y[draw], HALF)[0]
        torch.testing.assert_close(found["energy"][6 * draw : 6 * draw + 6], loss / (3 * y[draw].square().mean()))
    assert (found["energy"][found["converged"]] < 0.5).all()


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"aim": "below"}, {"aim"}),
        ({"method": "gradient", "activation": "linear", "weight_decay": 0.0}, set()),
        ({"method": "gradient-norm"}, {"accepted", "alignment"}),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_prefix_of_draws_is_that_of_a_longer_sample(changes: dict[str, object], more: set[str]) -> None:
    both, first = (sample(max_steps=8, draws=draws, **changes) for draws in (2, 1))
    assert set(both) == set(first) >= more
    torch.testing.assert_close(first["start_energy"], both["start_energy"][:6])
    torch.testing.assert_close(first["theta"], both["theta"][:6], rtol=1e-7, atol=1e-7)


@pytest.mark.usefixtures("unchecked")
def test_points_found_twice_count_once() -> None:
    """A linear network of width 2 has four critical sets per draw of the data."""
    found = sample(
        widths=[2, 2, 2], samples=8, activation="linear", weight_decay=0.0, starts=40, draws=3, method="gradient"
    )
    fresh = found["fresh"].reshape(3, 40).sum(1)
    assert ((fresh >= 2) & (fresh <= 4)).all()
    assert (found["converged"] >= found["fresh"]).all()
    first = found["converged"].reshape(3, 40).to(torch.int64).argmax(1)
    assert bool(found["fresh"].reshape(3, 40)[range(3), first].all())


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("finder", [*FINDERS, minimise_gradient_norm])
def test_what_cannot_be_searched_is_refused(finder: Callable[..., object]) -> None:
    network, starts, x, y = problem((3, 3, 3), 12, 2)

    def search(**changes: object) -> None:
        given = {"network": network, "theta": starts, "x": x, "y": y, "loss": HALF, "weight_decay": 1e-3, **changes}
        finder(**given)

    with pytest.raises(TypeError, match=r"network must be an Mlp, got Linear"):
        search(network=torch.nn.Linear(3, 3))
    with pytest.raises(TypeError, match=r"loss must be a SquaredError, got CrossEntropy"):
        search(loss=CrossEntropy())
    with pytest.raises(ValueError, match=r"network must have a smooth activation, got relu"):
        search(network=Mlp((3, 3, 3), "relu"))
    with pytest.raises(ValueError, match=r"theta must be float64 .* got torch.float32"):
        search(theta=starts.float(), x=x.float(), y=y.float())
    with pytest.raises(ValueError, match=r"weight_decay must be a finite number >= 0, got -1"):
        search(weight_decay=-1)
    with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\), got 2"):
        search(tolerance=2)
    with pytest.raises(ValueError, match=r"max_steps must be an integer >= 1, got 0"):
        search(max_steps=0)
    with pytest.raises(ValueError, match=r"bound must be a finite number > 0, got 0"):
        search(bound=0)
    with pytest.raises(ValueError, match=r"theta must be finite"):
        search(theta=starts * torch.nan)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "index",
    [torch.tensor([1]), torch.tensor([0, 19]), torch.tensor([-1, 0]), torch.tensor([0.0, 1.0]), 19, -1, 2.0, True],
)
def test_an_aim_that_is_no_index_is_refused(index: object) -> None:
    network, starts, x, y = problem((3, 3, 3), 12, 2)
    with pytest.raises(ValueError, match=r"index must be an integer in 0\.\.18, or .* each of 2 members, got"):
        follow_eigenvectors(network, starts, x, y, HALF, index=index)  # type: ignore[arg-type]


@pytest.mark.usefixtures("unchecked")
def test_a_threshold_or_starts_out_of_range_are_refused() -> None:
    network, starts, x, y = problem((3, 3, 3), 12, 2)
    with pytest.raises(ValueError, match=r"threshold must be a finite number > 0, got -1"):
        minimise_gradient_norm(network, starts, x, y, HALF, threshold=-1)
    with pytest.raises(ValueError, match="seeds must hold one integer per member, 2, got 3"):
        descent_starts(network, starts, x, y, HALF, seeds=[1, 2, 3])
    with pytest.raises(ValueError, match=r"learning_rate must be a finite number > 0, got 0"):
        descent_starts(network, starts, x, y, HALF, seeds=[1, 2], learning_rate=0)
    with pytest.raises(ValueError, match=r"steps must be an integer >= 1, got 0"):
        descent_starts(network, starts, x, y, HALF, seeds=[1, 2], steps=0)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"widths": [3, 3]}, r"widths must be n0, n1 and n2, got \[3, 3\]"),
        ({"widths": 3}, r"widths must be n0, n1 and n2, got 3"),
        ({"branch_decays": 1e-3}, r"branch_decays must be a sequence of positive numbers, got 0.001"),
        ({"seed": 2**63 - 1}, r"seed must leave 2 consecutive seeds below 2\*\*63, got 9223372036854775807"),
        ({"method": "luck"}, r"method must be one of eigenvectors, gradient, gradient-norm, got 'luck'"),
        ({"aim": "high"}, r"aim must be one of start, below, got 'high'"),
        ({"seed": -1}, r"seed must be an integer in \[0, 2\*\*63\), got -1"),
        ({"draws": 0}, r"draws must be an integer >= 1, got 0"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        sample(**changes)
