"""Spurious minima of ReLU units that learn from orthonormal ones: what is certified is so by other routes."""

from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest

from theory import (
    NoCertificateError,
    certify_spurious_minimum,
    certify_teacher_minimum,
    relu_teacher_gradient,
    relu_teacher_hessian,
    relu_teacher_loss,
)
from theory.relu_teacher.least_eigenvalue import least_eigenvalue
from theory.relu_teacher.spurious_minimum import _critical_point, _family_minimum, _widest_convex_box
from theory.relu_teacher.symmetric_family import TwoGroups


@pytest.mark.parametrize(("k", "loss", "least"), [(6, "0.02508058100", "0.00470"), (8, "0.0215080", "0.02135")])
def test_the_most_common_minimum_has_the_known_loss_and_curvature(k: int, loss: str, least: str) -> None:
    found = certify_spurious_minimum(k)
    for ball, known in ((found.loss, loss), (found.least_eigenvalue, least)):
        half_a_digit = Fraction(1, 2 * 10 ** (len(known) - 2))
        assert ball.within(Fraction(known) - half_a_digit, Fraction(known) + half_a_digit)


@pytest.mark.parametrize(("k", "swapped"), [(6, 1), (7, 1), (8, 2), (6, 6), (7, 7)])
def test_the_certificate_is_what_dense_algebra_finds(k: int, swapped: int) -> None:
    found = certify_spurious_minimum(k, swapped=swapped)
    assert abs(relu_teacher_gradient(found.weights)).max() < 1e-15
    assert relu_teacher_loss(found.weights) == pytest.approx(float(found.loss), abs=2e-14)
    assert np.linalg.eigvalsh(relu_teacher_hessian(found.weights))[0] == pytest.approx(
        float(found.least_eigenvalue), abs=1e-13
    )
    wide, teacher = np.c_[found.weights, np.zeros(k)], np.eye(k, k + 1)
    outside = relu_teacher_hessian(wide, teacher).reshape(k, k + 1, k, k + 1)[:, k, :, k]
    assert np.linalg.eigvalsh(outside)[0] == pytest.approx(float(found.least_outside), abs=1e-13)


def test_random_starts_end_at_it() -> None:
    """A quarter of random starts at k = 10 do; the losses found are 0 and certified levels."""
    k, step = 10, 0.5
    weights = np.random.default_rng(4).normal(size=(12, k, k)) / k**0.5
    for _ in range(800):
        weights = weights - step * relu_teacher_gradient(weights)
    levels = [0.0, *(float(certify_spurious_minimum(k, swapped=swapped).loss) for swapped in (1, 2))]
    ends = relu_teacher_loss(weights)
    counts = [int((abs(ends - level) < 1e-6).sum()) for level in levels]
    assert counts[1] >= 3
    assert counts[0] >= 3


def test_nothing_else_is_critical_where_it_is_said_to_be_unique() -> None:
    """Newton's method from the corners of the box comes back to the same point; the Hessian there is positive."""
    found = certify_spurious_minimum(6)
    half_width = float(found.unique_within)
    assert half_width > 1e-6
    random = np.random.default_rng(5)
    for _ in range(10):
        corner = found.weights + half_width * random.choice([-1, 1], size=(6, 6))
        hessian = relu_teacher_hessian(corner)
        assert np.linalg.eigvalsh(hessian)[0] > 0
        back = corner - np.linalg.solve(hessian, relu_teacher_gradient(corner).ravel()).reshape(6, 6)
        assert abs(back - found.weights).max() < half_width / 10


def test_more_digits_narrow_the_same_balls() -> None:
    rough, fine = certify_spurious_minimum(6, digits=6), certify_spurious_minimum(6, digits=40)
    for name in ("loss", "least_eigenvalue", "least_outside"):
        assert getattr(rough, name).overlaps(getattr(fine, name))
        assert getattr(fine, name).radius < Fraction(1, 10**40)


@pytest.mark.parametrize("k", [3, 4, 5])
def test_fewer_than_six_units_have_no_such_minimum(k: int) -> None:
    with pytest.raises(NoCertificateError, match=rf"k = {k} with swapped = 1 .* eigenvalue of the Hessian is -0\.\d"):
        certify_spurious_minimum(k)


def test_what_the_descent_does_not_find_is_said() -> None:
    with pytest.raises(NoCertificateError, match=r"swapped = 1 has no such minimum: .* ends at a global one"):
        certify_spurious_minimum(2)
    with pytest.raises(NoCertificateError, match="ends where all units are alike"):
        certify_spurious_minimum(6, swapped=5)
    with pytest.raises(NoCertificateError, match="k = 7 with swapped = 2 has no such minimum"):
        certify_spurious_minimum(7, swapped=2)


def test_no_proof_is_forced_out_of_a_point_that_is_not_critical_or_not_curved() -> None:
    groups = TwoGroups(5, 1)
    with flint.ctx.workprec(160):
        with pytest.raises(NoCertificateError, match="ends at no critical point that can be proved, at the loss"):
            _critical_point(groups, np.array([1.0, 0.1, 0.2, 0.4, 0.1]), 15)
        entries, error = _critical_point(groups, _family_minimum(groups), 15)
        with pytest.raises(NoCertificateError, match="got none that is wide enough to tell"):
            _widest_convex_box(groups, entries, error, flint.arb(10) ** -30)


@pytest.mark.parametrize(("settled", "swapped"), [(5, 1), (4, 3), (2, 2), (0, 5), (1, 3), (3, 0), (1, 1)])
def test_the_blocks_hold_the_whole_hessian(settled: int, swapped: int) -> None:
    """Copies times multiplicities fill k^2, and the blocks' eigenvalues with them are those of the dense matrix."""
    groups = TwoGroups(settled, swapped)
    k = groups.size
    assert sum(len(block.patterns) * block.multiplicity for block in groups.blocks) == k * k
    assert sum(len(block.patterns) * block.multiplicity for block in groups.row_blocks) == k
    trivial = groups.blocks[0].patterns
    entries = np.random.default_rng(6).normal(size=len(trivial))
    hessian = relu_teacher_hessian(np.tensordot(entries, trivial, 1))
    eigenvalues: list[float] = []
    for block in groups.blocks:
        flat = block.patterns.reshape(len(block.patterns), -1)
        unit = flat / np.linalg.norm(flat, axis=1)[:, None]
        np.testing.assert_allclose(unit @ unit.T, np.eye(len(unit)), atol=1e-15)
        np.testing.assert_allclose(hessian @ unit.T, unit.T @ (unit @ hessian @ unit.T), atol=1e-13)
        eigenvalues += list(np.repeat(np.linalg.eigvalsh(unit @ hessian @ unit.T), block.multiplicity))
    np.testing.assert_allclose(sorted(eigenvalues), np.linalg.eigvalsh(hessian), atol=1e-13)


def test_the_dense_proof_agrees_with_that_of_the_family() -> None:
    family = certify_spurious_minimum(6)
    near = family.weights + 1e-3 * np.random.default_rng(7).normal(size=(6, 6))
    dense = certify_teacher_minimum(near)
    assert dense.loss.overlaps(family.loss)
    assert float(dense.least_eigenvalue) == pytest.approx(float(family.least_eigenvalue), rel=1e-6)
    assert float(dense.least_outside) == pytest.approx(float(family.least_outside), rel=1e-6)
    assert dense.distance < Fraction(1, 10**12) < dense.unique_within
    assert np.abs(np.array(dense.weights) - family.weights).max() < 1e-12


def test_a_teacher_that_is_nearly_orthonormal_has_the_minimum_too() -> None:
    """The certified minimum of the orthonormal teacher continues to a random teacher in many dimensions."""
    k = 9
    teacher = np.random.default_rng(8).normal(size=(k, 4000))
    teacher /= np.linalg.norm(teacher, axis=1)[:, None]
    # in the teacher's own span, in coordinates in which it is nearly the identity
    values, vectors = np.linalg.eigh(teacher @ teacher.T)
    root = (vectors * np.sqrt(values)) @ vectors.T
    found = certify_teacher_minimum(certify_spurious_minimum(k).weights @ root, root)
    assert found.loss.within(Fraction(1, 60), Fraction(1, 40))


def test_no_minimum_is_proved_at_a_saddle_a_global_minimum_or_far_from_any() -> None:
    with pytest.raises(NoCertificateError, match="a Hessian with 1 negative eigenvalue"):
        certify_teacher_minimum([[1.0, 1.0], [-1.0, -1.0]])
    for start in (np.eye(3), np.random.default_rng(0).normal(size=(6, 6))):
        with pytest.raises(NoCertificateError, match=r"a descent to the loss .*: a global minimum, of which nothing"):
            certify_teacher_minimum(start)
    with pytest.raises(NoCertificateError, match="close to a local minimum"):
        certify_teacher_minimum([[4000.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])


def test_a_minimum_is_proved_at_every_scale() -> None:
    """One unit that learns from two, at 1/2 + 1/pi of their sum; the loss grows with the square of the scale."""
    ordinary = certify_teacher_minimum([[1.0, 1.1]])
    for power in (-40, 400):
        scaled = certify_teacher_minimum([[2.0**power, 1.1 * 2.0**power]], np.eye(2) * 2.0**power)
        # the teacher is brought to 1/2 and not to 1
        assert abs(scaled.loss.midpoint / Fraction(4) ** power - ordinary.loss.midpoint) < 1e-15
        assert scaled.weights[0][0] == pytest.approx(ordinary.weights[0][0] * 2.0**power, rel=1e-12)
        assert 0 < scaled.distance < scaled.unique_within < Fraction(2) ** power


@pytest.mark.parametrize(
    ("k", "options", "error", "message"),
    [
        (1, {}, ValueError, "k must be from 2 to 40, got 1"),
        (41, {}, ValueError, "k must be from 2 to 40, got 41"),
        (6.0, {}, TypeError, r"k must be an integer, got 6\.0"),
        (6, {"swapped": 7}, ValueError, "swapped must be at most k, got 7 of 6"),
        (6, {"swapped": 0}, ValueError, "swapped must be >= 1"),
        (6, {"digits": 0}, ValueError, "digits must be an integer from 1 to 100, got 0"),
    ],
)
def test_bad_arguments_are_refused(k: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        certify_spurious_minimum(k, **options)


def test_a_batch_or_too_many_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="without a batch"):
        certify_teacher_minimum(np.ones((2, 3, 3)))
    with pytest.raises(ValueError, match="at most 600 numbers, got 625"):
        certify_teacher_minimum(np.random.default_rng(0).normal(size=(25, 25)))


def test_a_least_eigenvalue_is_enclosed_or_refused() -> None:
    matrix = np.diag([3.0, 1.0, 2.0]) + 0.25
    with flint.ctx.workprec(128):
        exact = [flint.arb_mat(matrix.tolist()), flint.arb_mat([[5]])]
        least = least_eigenvalue(exact, flint.arb(10) ** -30)
        assert float(least) == pytest.approx(np.linalg.eigvalsh(matrix)[0], rel=1e-15)
        assert float(least.rad()) < 1e-29
        wide = flint.arb_mat([[flint.arb(entry, 1e-3) for entry in row] for row in matrix.tolist()])
        with pytest.raises(NoCertificateError, match="balls too wide to keep it above"):
            least_eigenvalue([wide], flint.arb(10) ** -30)
        # an eigenvalue that the shift meets exactly
        assert float(least_eigenvalue([flint.arb_mat([[1, 0], [0, 2]])], flint.arb(10) ** -30)) == pytest.approx(1)
