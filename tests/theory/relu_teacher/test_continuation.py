"""A spurious minimum followed from an orthonormal teacher to another one: it is where other routes find it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from theory import (
    NoCertificateError,
    certify_spurious_minimum,
    continue_spurious_minimum,
    relu_teacher_gradient,
    relu_teacher_hessian,
    relu_teacher_loss,
)
from theory.relu_teacher import continuation


def _teacher(units: int, inputs: int, seed: int) -> np.ndarray:
    table = np.random.default_rng(seed).normal(size=(units, inputs))
    return np.asarray(table / np.linalg.norm(table, axis=1)[:, None])


def test_a_rotated_orthonormal_teacher_has_the_certified_minimum_itself() -> None:
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(9, 9)))[0]
    found, known = continue_spurious_minimum(rotation[:7]), certify_spurious_minimum(7)
    assert float(found.minimum.loss) == pytest.approx(float(known.loss), rel=1e-12)
    assert found.least_on_the_way == pytest.approx(float(known.least_eigenvalue), abs=1e-12)
    np.testing.assert_allclose(found.minimum.weights, known.weights, atol=1e-12)


def test_the_minimum_is_one_in_the_teachers_own_coordinates() -> None:
    """The gradient vanishes in all inputs; the least curvature there is the lesser one of span and outside."""
    teacher = _teacher(8, 40, 3)
    found = continue_spurious_minimum(teacher)
    frame = np.array(found.frame)
    np.testing.assert_allclose(frame @ frame.T, teacher @ teacher.T, atol=1e-14)
    weights = np.array(found.minimum.weights) @ np.linalg.solve(frame, teacher)
    assert abs(relu_teacher_gradient(weights, teacher)).max() < 1e-13
    assert relu_teacher_loss(weights, teacher) == pytest.approx(float(found.minimum.loss), abs=1e-13)
    least = min(found.minimum.least_eigenvalue, found.minimum.least_outside)
    assert np.linalg.eigvalsh(relu_teacher_hessian(weights, teacher))[0] == pytest.approx(float(least), abs=1e-9)


def test_a_slow_walk_of_equal_steps_ends_at_the_same_minimum() -> None:
    """Gram matrices in a hundred equal steps, one Newton step each, in triangular frames in place of symmetric ones."""
    teacher = _teacher(8, 64, 4)
    gram = teacher @ teacher.T
    weights, frame = certify_spurious_minimum(8).weights, np.eye(8)
    for share in np.linspace(0, 1, 101)[1:]:
        aim = np.linalg.cholesky((1 - share) * np.eye(8) + share * gram)
        weights = weights @ np.linalg.solve(frame, aim)
        frame = aim
        slope = relu_teacher_gradient(weights, frame).ravel()
        weights = weights - np.linalg.solve(relu_teacher_hessian(weights, frame), slope).reshape(8, 8)
    found = continue_spurious_minimum(teacher)
    assert relu_teacher_loss(weights, frame) == pytest.approx(float(found.minimum.loss), rel=1e-6)
    ends = np.array(found.minimum.weights)
    np.testing.assert_allclose(weights @ weights.T, ends @ ends.T, atol=1e-4)


def test_the_minimum_follows_its_unit_when_the_teachers_units_are_permuted() -> None:
    """The last unit is the one left unlearnt; the order of the others does not matter."""
    teacher = _teacher(9, 400, 5)
    first, second, third = (
        float(continue_spurious_minimum(teacher[order]).minimum.loss)
        for order in ([0, 1, 2, 3, 4, 5, 6, 7, 8], [3, 1, 0, 2, 4, 5, 6, 7, 8], [8, 1, 2, 3, 4, 5, 6, 7, 0])
    )
    assert second == pytest.approx(first, rel=1e-12)
    assert third != pytest.approx(first, rel=1e-6)


def test_where_the_minimum_is_gone_it_is_said_how_far_it_went() -> None:
    """Six units: the least eigenvalue is so small that teachers in few dimensions are too far away."""
    with pytest.raises(NoCertificateError, match=r"minimum continues, got one to which it goes 0\.\d+ of the way"):
        continue_spurious_minimum(_teacher(6, 12, 6))


def test_a_proof_elsewhere_or_of_no_loss_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = _teacher(8, 2000, 7)
    proved = continue_spurious_minimum(teacher).minimum
    moved = replace(proved, weights=tuple(tuple(2 * entry for entry in row) for row in proved.weights))
    monkeypatch.setattr(continuation, "certify_teacher_minimum", lambda *_: moved)
    with pytest.raises(NoCertificateError, match=r"minimum can be proved, got a descent that moved by 1"):
        continue_spurious_minimum(teacher)


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ("abc", "teacher must hold real numbers in equal rows"),
        (np.ones(7), r"teacher must have the shape units x inputs, got \(7,\)"),
        (np.eye(5), "teacher must have from 6 to 24 units, got 5"),
        (np.eye(25), "teacher must have from 6 to 24 units, got 25"),
        (3 * np.eye(6), r"teacher must have units of lengths from 0\.5 to 2\.0, got one of 3\."),
        (1e200 * np.eye(6), r"teacher must have units of lengths from 0\.5 to 2\.0"),
        (np.ones((6, 0)), r"teacher must have units of lengths from 0\.5 to 2\.0"),
        (np.eye(6)[[0, 1, 2, 3, 4, 4]], "teacher must have linearly independent units"),
        (np.eye(6, 6) * np.nan, "teacher must be finite"),
    ],
)
def test_a_teacher_that_is_none_is_refused(teacher: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        continue_spurious_minimum(teacher)
