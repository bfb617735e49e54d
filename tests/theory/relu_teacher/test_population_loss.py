"""The population loss of ReLU units: what its formulas must obey, and what they must agree with."""

from typing import Any

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from theory import arc_cosine_kernel, relu_teacher_gradient, relu_teacher_hessian, relu_teacher_loss
from theory.certificates.krawczyk import NoCertificateError
from theory.relu_teacher.loss_balls import TeacherBalls

_entries = st.floats(-2, 2).map(lambda value: round(value, 3))
_weights = arrays(np.float64, (3, 4), elements=_entries).filter(lambda w: (np.linalg.norm(w, axis=1) > 0.1).all())


def _net(units: int, inputs: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(units, inputs))


def _balls(weights: np.ndarray, teacher: np.ndarray, width: float = 0.0) -> TeacherBalls:
    rows = [[flint.arb(entry, width) for entry in row] for row in weights.tolist()]
    return TeacherBalls(flint.arb_mat(rows), flint.arb_mat(teacher.tolist()))


def _floats(matrix: Any) -> np.ndarray:
    return np.array([float(entry) for entry in matrix.entries()]).reshape(matrix.nrows(), matrix.ncols())


@settings(deadline=None, max_examples=30)
@given(_weights, st.integers(0, 2**32))
def test_the_loss_does_not_see_which_unit_is_which_nor_a_rotation_of_all(weights: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    teacher = random.normal(size=(2, 4))
    rotation = np.linalg.qr(random.normal(size=(4, 4)))[0]
    loss = relu_teacher_loss(weights, teacher)
    turned = relu_teacher_loss(weights[random.permutation(3)] @ rotation, teacher @ rotation)
    assert turned == pytest.approx(loss, rel=1e-12, abs=1e-13)
    assert loss > -1e-14


@settings(deadline=None, max_examples=30)
@given(_weights, st.floats(0.25, 4))
def test_the_loss_is_homogeneous_of_degree_two_in_learner_and_teacher_together(
    weights: np.ndarray, factor: float
) -> None:
    teacher = _net(2, 4, 1)
    assert relu_teacher_loss(factor * weights, factor * teacher) == pytest.approx(
        factor**2 * relu_teacher_loss(weights, teacher), rel=1e-11, abs=1e-13
    )


@settings(deadline=None, max_examples=30)
@given(_weights)
def test_a_unit_split_in_two_parallel_ones_changes_neither_loss_nor_gradient(weights: np.ndarray) -> None:
    split = np.concatenate([weights[:1] / 4, weights[:1] * 3 / 4, weights[1:]])
    assert relu_teacher_loss(split) == pytest.approx(relu_teacher_loss(weights), rel=1e-12, abs=1e-13)
    both, one = relu_teacher_gradient(split), relu_teacher_gradient(weights)
    np.testing.assert_allclose(both[[0, 1]], one[[0, 0]], atol=1e-13)
    np.testing.assert_allclose(both[2:], one[1:], atol=1e-13)


def test_the_gradient_sums_to_eulers_identity_against_each_unit() -> None:
    """w.grad is the derivative along a stretch of one unit: a second route through the loss alone."""
    weights, teacher = _net(3, 5, 2), _net(2, 5, 3)
    gradient = relu_teacher_gradient(weights, teacher)
    for place in range(3):
        stretch = np.ones(3)
        values = []
        for factor in (1 - 1e-5, 1 + 1e-5):
            stretch[place] = factor
            values.append(relu_teacher_loss(weights * stretch[:, None], teacher))
        assert (values[1] - values[0]) / 2e-5 == pytest.approx(weights[place] @ gradient[place], rel=1e-8)


@pytest.mark.parametrize(("units", "inputs", "targets"), [(1, 2, 1), (3, 4, 2), (5, 3, 3)])
def test_gradient_and_hessian_are_difference_quotients(units: int, inputs: int, targets: int) -> None:
    weights, teacher = _net(units, inputs, units), _net(targets, inputs, 7)
    gradient, hessian = relu_teacher_gradient(weights, teacher), relu_teacher_hessian(weights, teacher)
    step = 1e-6
    for place in range(weights.size):
        shift = np.zeros(weights.size)
        shift[place] = step
        up, down = weights + shift.reshape(weights.shape), weights - shift.reshape(weights.shape)
        slope = (relu_teacher_loss(up, teacher) - relu_teacher_loss(down, teacher)) / (2 * step)
        assert slope == pytest.approx(gradient.ravel()[place], abs=1e-8)
        column = (relu_teacher_gradient(up, teacher) - relu_teacher_gradient(down, teacher)).ravel() / (2 * step)
        np.testing.assert_allclose(column, hessian[place], atol=1e-8)
    assert (hessian == hessian.T).all()


def test_the_hessian_is_continuous_where_units_become_parallel_or_opposite() -> None:
    """The second derivatives have limits at both ends of the angle; the distance to them falls with the angle."""
    base = np.array([[1.0, 0.0, 0.0], [0.7, 0.0, 0.0]])
    for sign in (1, -1):
        at = relu_teacher_hessian(base * [[1], [sign]])
        gaps = []
        for angle in (1e-2, 1e-4, 1e-6, 1e-9):
            near = base * [[1], [sign]]
            near[1, 1] = angle
            gaps.append(abs(relu_teacher_hessian(near) - at).max())
        assert all(gap <= 4 * angle for gap, angle in zip(gaps, (1e-2, 1e-4, 1e-6, 1e-9), strict=True))


def test_a_batch_is_its_members() -> None:
    weights, teacher = np.random.default_rng(5).normal(size=(2, 3, 4, 5)), _net(3, 5, 6)
    for function in (relu_teacher_loss, relu_teacher_gradient, relu_teacher_hessian):
        whole = function(weights, teacher)
        for place in np.ndindex(2, 3):
            np.testing.assert_allclose(whole[place], function(weights[place], teacher), rtol=1e-12, atol=1e-14)


def test_the_loss_is_the_mean_over_gaussian_inputs() -> None:
    """A sample mean within five standard errors."""
    weights, teacher = _net(4, 3, 8), _net(2, 3, 9)
    x = np.random.default_rng(10).normal(size=(200_000, 3))
    error = np.maximum(x @ weights.T, 0).sum(1) - np.maximum(x @ teacher.T, 0).sum(1)
    sample = error**2 / 2
    assert abs(sample.mean() - relu_teacher_loss(weights, teacher)) < 5 * sample.std() / len(sample) ** 0.5


def test_permuted_teachers_are_global_minima_with_a_flat_gradient() -> None:
    permuted = np.eye(5)[[2, 0, 1, 4, 3]]
    assert abs(relu_teacher_loss(permuted)) < 1e-14
    assert abs(relu_teacher_gradient(permuted)).max() < 1e-15
    assert np.linalg.eigvalsh(relu_teacher_hessian(permuted))[0] > 0.05


def test_balls_agree_with_the_vectorised_formulas() -> None:
    weights, teacher = _net(4, 5, 11), _net(3, 5, 12)
    with flint.ctx.workprec(128):
        balls = _balls(weights, teacher)
        assert float(balls.loss()) == pytest.approx(relu_teacher_loss(weights, teacher), rel=1e-13)
        np.testing.assert_allclose(
            _floats(balls.gradient()).reshape(4, 5), relu_teacher_gradient(weights, teacher), atol=1e-14
        )
        np.testing.assert_allclose(_floats(balls.hessian()), relu_teacher_hessian(weights, teacher), atol=1e-14)


def test_balls_over_a_box_hold_the_values_at_its_points() -> None:
    weights, teacher = _net(3, 3, 13), np.eye(3)
    random = np.random.default_rng(14)
    with flint.ctx.workprec(128):
        box = _balls(weights, teacher, 0.02)
        loss, gradient, hessian = box.loss(), box.gradient(), box.hessian()
        for _ in range(20):
            point = _balls(weights + random.uniform(-0.02, 0.02, weights.shape), teacher)
            assert loss.contains(point.loss())
            assert gradient.contains(point.gradient())
            assert hessian.contains(point.hessian())


def test_one_more_input_adds_the_outside_block_and_nothing_else() -> None:
    weights, teacher = _net(3, 3, 15), _net(2, 3, 16)
    wide = [np.c_[table, np.zeros(len(table))] for table in (weights, teacher)]
    hessian = relu_teacher_hessian(*wide).reshape(3, 4, 3, 4)
    with flint.ctx.workprec(128):
        outside = _floats(_balls(weights, teacher).hessian_outside())
    np.testing.assert_allclose(hessian[:, 3, :, 3], outside, atol=1e-14)
    assert abs(hessian[:, 3, :, :3]).max() < 1e-15


def test_no_ball_is_given_where_units_may_be_parallel_or_zero() -> None:
    with flint.ctx.workprec(128):
        with pytest.raises(NoCertificateError, match="no two parallel units"):
            _balls(np.eye(2), np.eye(2)).loss()
        with pytest.raises(NoCertificateError, match="no unit that may be 0"):
            _balls(_net(2, 2, 17) * 0.01, np.eye(2), 0.5)


def test_the_kernel_is_the_integral_over_the_plane() -> None:
    """By quadrature over both angles and radii, at one set of lengths and an obtuse angle."""
    angle = mpmath.mpf(2)

    def inner(a: mpmath.mpf) -> mpmath.mpf:
        return mpmath.cos(a) * mpmath.cos(a - angle)

    plane = mpmath.quad(inner, [angle - mpmath.pi / 2, mpmath.pi / 2]) / mpmath.pi
    derived = arc_cosine_kernel()
    assert derived.evidence == "exact"
    assert float(derived.at(w=3, v="1/2", t=2)) == pytest.approx(float(1.5 * plane), rel=1e-14)


def test_the_derived_parts_are_those_that_the_code_uses() -> None:
    """One unit against one of the teacher's: gradient and Hessian of the loss, less the unit's own share."""
    w, v, t = 1.3, 0.6, 0.9
    unit, target = np.array([[w, 0.0, 0.0]]), v * np.array([[np.cos(t), np.sin(t), 0.0]])
    derived = arc_cosine_kernel()
    at = dict(zip(derived.domain.names, (w, v, t), strict=True))

    def part(name: str) -> float:
        expression = derived.parts[name].rhs
        return float(expression.subs({symbol: at[symbol.name] for symbol in expression.free_symbols}))

    gradient = relu_teacher_gradient(unit, target)[0]
    assert unit[0] / 2 - gradient == pytest.approx([part("gradient along"), part("gradient across"), 0], abs=1e-14)
    own = np.eye(3) / 2 - relu_teacher_hessian(unit, target)
    np.testing.assert_allclose(own, np.diag([0, part("own across"), part("own outside")]), atol=1e-14)
    both = relu_teacher_hessian(np.concatenate([unit, target]), np.eye(3))[:3, 3:]
    across, between = part("mixed across"), part("mixed between")
    expected = np.array([[part("mixed along"), between, 0], [between, across, 0], [0, 0, part("mixed outside")]])
    np.testing.assert_allclose(both, expected, atol=1e-14)


@pytest.mark.parametrize(
    ("weights", "teacher", "message"),
    [
        ([1.0, 2.0], None, r"weights must have the shape units x inputs, got \(2,\)"),
        ([["a"]], None, "weights must hold real numbers in equal rows"),
        (
            [[1e200, 1.0]],
            None,
            r"weights must have units of 0 or with a largest entry from 1e-150 to 1e\+150, got one of",
        ),
        (
            [[1.0, 1.0]],
            [[1e-200, 0.0]],
            "teacher must have units of 0 or with a largest entry from .* got one of 1e-200",
        ),
        ([[1.0, np.nan]], None, "weights must be finite"),
        ([[1.0, 2.0]], [[1.0]], r"teacher must have the shape units x 2, as weights have, got \(1, 1\)"),
        ([[1.0, 0.0], [0.0, 0.0]], None, "weights must have no unit of zeros"),
    ],
)
def test_bad_input_is_refused(weights: Any, teacher: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        relu_teacher_gradient(weights, teacher)
