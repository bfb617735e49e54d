"""Branches of critical points in weight decay: their slope, the way back, and where they are lost."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import (
    CriticalPoints,
    Mlp,
    SquaredError,
    decay_branches,
    descent_starts,
    follow_eigenvectors,
    gaussian_memorisation,
    loss_and_gradient,
    sample_critical_points,
)
from numerics.critical_points.evidence import LOST, OUTCOMES

HALF = SquaredError(prefactor=0.5)
NETWORK = Mlp((3, 3, 3), "tanh")
FIRST = 1e-2


@pytest.fixture(scope="module")
def found() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Critical points of twelve draws at weight decay 1e-2, with their data."""
    x, y = gaussian_memorisation(inputs=3, outputs=3, samples=12, seeds=range(16))
    starts = descent_starts(NETWORK, NETWORK.init(range(16)), x, y, HALF, seeds=range(16))
    ends = follow_eigenvectors(NETWORK, starts, x, y, HALF, weight_decay=FIRST, max_steps=100)
    rows = ends.converged
    assert int(rows.sum()) >= 10
    return ends.theta[rows], x[rows], y[rows]


def whole(end: CriticalPoints, decay: float) -> torch.Tensor:
    """F at the points."""
    return end.loss + decay / 2 * end.length.square()


def test_the_value_changes_along_a_branch_as_weight_decay_says(found: tuple[torch.Tensor, ...]) -> None:
    """dF/dd = |theta|^2/2 at a critical point, whatever theta does: by the trapezoid rule to third order."""
    theta, x, y = found
    decays = (FIRST, 0.98 * FIRST)
    first, second = decay_branches(NETWORK, theta, x, y, HALF, weight_decays=decays)
    both = second.converged
    assert int(both.sum()) >= 8
    change = (whole(second, decays[1]) - whole(first, decays[0])) / (decays[1] - decays[0])
    middle = (first.length.square() + second.length.square()) / 4
    torch.testing.assert_close(change[both], middle[both], rtol=1e-3, atol=1e-9)
    assert torch.equal(first.index[both], second.index[both])


@pytest.mark.usefixtures("unchecked")  # the other tests check the shapes
def test_the_way_back_leads_to_where_it_began(found: tuple[torch.Tensor, ...]) -> None:
    theta, x, y = found
    decays = (FIRST, 0.5 * FIRST, FIRST)
    ends = decay_branches(NETWORK, theta, x, y, HALF, weight_decays=decays)
    back = ends[-1].converged
    assert int(back.sum()) >= 5
    torch.testing.assert_close(ends[-1].theta[back], theta[back], rtol=0.0, atol=1e-8)
    assert bool((ends[1].length[back] > 0).all())


@pytest.mark.usefixtures("unchecked")  # the other tests check the shapes
def test_every_end_is_critical_for_its_own_weight_decay_and_a_lost_branch_stays_lost(
    found: tuple[torch.Tensor, ...],
) -> None:
    theta, x, y = found
    decays = (FIRST, 3e-3, 1e-3, 1e-4)
    ends = decay_branches(NETWORK, theta, x, y, HALF, weight_decays=decays)
    for decay, end in zip(decays, ends, strict=True):
        gradient = loss_and_gradient(NETWORK, end.theta, x, y, HALF)[1] + decay * end.theta
        assert (gradient[end.converged].norm(dim=1) < 1e-9).all()
        assert (end.outcome[~end.converged] > 0).all()
    alive = torch.stack([end.converged for end in ends])
    assert (alive[1:] <= alive[:-1]).all()
    lost = ends[-1].outcome == LOST
    assert bool(lost.any())
    assert ends[-1].reasons[int(lost.nonzero()[0])] == OUTCOMES[LOST]
    fine, coarse = ends[1], decay_branches(NETWORK, theta, x, y, HALF, weight_decays=decays[:2], stages=4)[-1]
    assert (coarse.converged <= fine.converged).all()
    same = coarse.converged
    torch.testing.assert_close(coarse.theta[same], fine.theta[same], rtol=0.0, atol=1e-7)


def test_what_is_not_critical_has_no_branch(found: tuple[torch.Tensor, ...]) -> None:
    theta, x, y = found
    first, second = decay_branches(NETWORK, theta + 0.1, x, y, HALF, weight_decays=(FIRST, FIRST / 2))
    assert not first.converged.any()
    assert not second.converged.any()
    assert torch.equal(second.theta, theta + 0.1)
    assert second.outcome.tolist() == [LOST] * len(theta)


@given(labels=st.lists(st.floats(0.3, 0.9), min_size=4, max_size=4), decay=st.floats(1e-3, 2e-2))
@settings(max_examples=3)
@pytest.mark.usefixtures("unchecked")
def test_one_unit_on_one_example_is_followed_to_its_exact_minimum(labels: list[float], decay: float) -> None:
    """(v tanh(w) - y)^2 + d (v^2 + w^2)/2: at the minimum d v^2 = d w cosh(w) sinh(w) by eliminating the residual."""
    y = torch.tensor(labels, dtype=torch.float64)
    x, network, loss = torch.ones(4, 1, 1, dtype=torch.float64), Mlp((1, 1, 1), "tanh"), SquaredError()
    start, aim = y.sqrt()[:, None].expand(-1, 2), torch.zeros(4, dtype=torch.int64)
    first = follow_eigenvectors(network, start, x, y[:, None, None], loss, index=aim, weight_decay=2e-2)
    ends = decay_branches(network, first.theta, x, y[:, None, None], loss, weight_decays=(2e-2, decay))
    assert [end.index.tolist() for end in ends] == [[0] * 4] * 2
    w, v = ends[1].theta.T
    assert ends[1].converged.all()
    torch.testing.assert_close(v.square(), w * torch.cosh(w) * torch.sinh(w), rtol=1e-9, atol=0.0)
    residual = v * torch.tanh(w) - y
    torch.testing.assert_close(2 * residual * torch.tanh(w), -decay * v, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("unchecked")
def test_a_sample_hands_its_branches_over() -> None:
    found = sample_critical_points(
        widths=[3, 3, 3], samples=12, activation="tanh", weight_decay=1e-2, seed=3, draws=2, starts=4, max_steps=60,
        branch_decays=[8e-3, 5e-3],
    )  # fmt: skip
    alive = found["branch_converged"]
    assert alive.shape == found["branch_energy"].shape == found["branch_index"].shape == (8, 2)
    assert bool((alive[:, 1] <= alive[:, 0]).all())
    assert bool((alive[:, 0] <= found["converged"]).all())
    assert bool(alive[:, 1].any())
    lower = (found["branch_energy"][:, 0] < found["energy"])[alive[:, 0] & (found["index"] == 0)]
    assert bool(lower.all())  # the data loss of a minimum falls with weight decay


@pytest.fixture(scope="module")
def one_unit() -> torch.Tensor:
    """The minimum of (1 - v tanh(w))^2/2 + d (v^2 + w^2)/2 at d = 1e-2, and the zero network."""
    x, aim = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.int64)
    start = torch.tensor([[1.0, 1.3]], dtype=torch.float64)
    minimum = follow_eigenvectors(Mlp((1, 1, 1), "tanh"), start, x, x, HALF, index=aim, weight_decay=1e-2).theta
    return torch.cat([minimum, 0 * minimum])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("stages", [1, 2, 15, 16, 17, 18, 40])
def test_a_branch_ends_in_its_pitchfork_and_is_not_followed_into_the_zero_network(
    stages: int, one_unit: torch.Tensor
) -> None:
    """(1 - v tanh(w))^2/2 + d (v^2 + w^2)/2: the minimum meets its mirror image in the zero network at d = 1.

    Near there v^2 ~ w^2 ~ (1 - d) 3/2, so close to 1 the branch is still the one that it was.
    """
    x, network = torch.ones(1, 1, dtype=torch.float64), Mlp((1, 1, 1), "tanh")
    ends = decay_branches(network, one_unit, x, x, HALF, weight_decays=(1e-2, 0.9, 3.0), stages=stages)
    assert [end.converged.tolist() for end in ends] == [[True] * 2, [True] * 2, [False] * 2]
    assert ends[2].reasons == (OUTCOMES[LOST],) * 2
    assert [end.index.tolist() for end in ends[:2]] == [[0, 1], [0, 1]]  # of the zero network 1, and from d = 1 on 0
    assert float(ends[1].theta[0].min()) > 0.2


@pytest.mark.usefixtures("unchecked")  # the other tests check the shapes
def test_all_that_is_followed_keeps_its_index(found: tuple[torch.Tensor, ...]) -> None:
    theta, x, y = (one[:8] for one in found)
    first, last = decay_branches(NETWORK, theta, x, y, HALF, weight_decays=(FIRST, 5e-3), stages=8)
    both = last.converged
    assert bool(both.any())
    assert torch.equal(first.index[both], last.index[both])
    nothing = decay_branches(NETWORK, theta, x, y, HALF, weight_decays=(FIRST, 10.0), stages=4)[-1]
    assert not nothing.converged.any()  # the zero network alone is left, of index 0, and no branch leads to it


@pytest.mark.usefixtures("unchecked")
def test_branches_that_cannot_be_followed_are_refused(found: tuple[torch.Tensor, ...]) -> None:
    theta, x, y = found
    with pytest.raises(ValueError, match=r"weight_decays must hold at least the one at which theta is critical"):
        decay_branches(NETWORK, theta, x, y, HALF, weight_decays=())
    with pytest.raises(ValueError, match=r"weight_decays must be a finite number > 0, got 0"):
        decay_branches(NETWORK, theta, x, y, HALF, weight_decays=(1e-2, 0))
    for wrong in (0.01, None):
        with pytest.raises(ValueError, match=rf"weight_decays must be a sequence of positive numbers, got {wrong}"):
            decay_branches(NETWORK, theta, x, y, HALF, weight_decays=wrong)
    with pytest.raises(ValueError, match=r"network must be nonlinear"):
        decay_branches(Mlp((3, 3, 3), "linear"), theta, x, y, HALF, weight_decays=(1e-2,))
    with pytest.raises(ValueError, match=r"stages must be an integer >= 1, got 0"):
        decay_branches(NETWORK, theta, x, y, HALF, weight_decays=(1e-2, 1e-3), stages=0)
    with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\), got 1"):
        decay_branches(NETWORK, theta, x, y, HALF, weight_decays=(1e-2,), tolerance=1)
