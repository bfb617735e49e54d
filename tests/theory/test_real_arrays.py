"""Numbers, vectors and matrices are read as doubles, and refused by name."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from theory.real_arrays import (
    finite_result,
    nonnegative_number,
    positive_integer,
    positive_number,
    real_vector,
    symmetric_matrix,
    truth_value,
)


def test_numbers_of_every_kind_are_read() -> None:
    assert positive_number("eta", Fraction(1, 4)) == positive_number("eta", np.float32(0.25)) == 0.25
    assert nonnegative_number("loss", 0) == 0.0
    assert positive_integer("steps", np.int64(3)) == 3


@pytest.mark.parametrize("value", [True, "1", None, 1j])
def test_what_is_no_real_number_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=r"eta must be a real number, got"):
        positive_number("eta", value)
    with pytest.raises(TypeError, match=r"steps must be an integer, got"):
        positive_integer("steps", value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"eta must be finite, got"):
        positive_number("eta", value)
    with pytest.raises(ValueError, match=r"v must be finite"):
        real_vector("v", [1.0, value])


def test_signs_are_checked() -> None:
    with pytest.raises(ValueError, match=r"eta must be > 0, got 0"):
        positive_number("eta", 0)
    with pytest.raises(ValueError, match=r"loss must be >= 0, got -1"):
        nonnegative_number("loss", -1)
    with pytest.raises(ValueError, match=r"steps must be >= 1, got 0"):
        positive_integer("steps", 0)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"v must be a vector of at least one number, got the shape \(1, 2\)"):
        real_vector("v", [[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"h must be a square matrix, got the shape \(1, 2\)"):
        symmetric_matrix("h", [[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"h must hold real numbers in equal rows, got list"):
        symmetric_matrix("h", [[1.0, 2.0], [1.0]])
    with pytest.raises(ValueError, match=r"h must be symmetric, got entries that differ .* by 1"):
        symmetric_matrix("h", [[1.0, 2.0], [1.0, 1.0]])


def test_rounding_errors_of_a_symmetric_matrix_are_averaged_out() -> None:
    matrix = symmetric_matrix("h", [[1.0, 2.0], [2.0 + 1e-12, 5.0]])
    assert (matrix == matrix.T).all()


@pytest.mark.parametrize("entry", [1j, "1", True, None, np.complex128(1)])
def test_an_entry_that_is_no_real_number_is_refused(entry: object) -> None:
    for rows in ([[entry]], np.array([[entry]])):
        with pytest.raises(ValueError, match=r"h must hold real numbers in equal rows, got"):
            symmetric_matrix("h", rows)


def test_exact_numbers_and_integers_are_read_and_no_number_is_too_large_for_a_sentence() -> None:
    assert real_vector("v", [Fraction(1, 4), np.int64(2), sp.sqrt(4), sp.Rational(1, 2)]).tolist() == [0.25, 2, 2, 0.5]
    with pytest.raises(ValueError, match=r"v must be finite, got a number that is not"):
        real_vector("v", [10**400])
    with pytest.raises(ValueError, match=r"eta must be finite, got 1000"):
        positive_number("eta", 10**400)


def test_a_matrix_is_symmetrised_without_overflow_and_without_losing_a_last_bit() -> None:
    for size in (1.7e308, 1.0, 5e-324):
        assert (symmetric_matrix("h", [[size, size], [size, -size]]) == [[size, size], [size, -size]]).all()
    with pytest.raises(ValueError, match=r"h must be symmetric, got entries that differ .* by inf"):
        symmetric_matrix("h", [[1.0, 1.7e308], [-1.7e308, 1.0]])


def test_a_result_that_doubles_do_not_hold_is_refused() -> None:
    assert finite_result("the rise", 2.0) == 2.0
    with pytest.raises(ValueError, match=r"the rise must be finite in double precision, got inf for radius = 1e\+200"):
        finite_result("the rise", float("inf"), radius=1e200)


def test_a_truth_value_is_true_or_false_and_no_number() -> None:
    assert truth_value("bias", True) is truth_value("bias", np.bool_(True)) is True
    with pytest.raises(TypeError, match="bias must be True or False, got 1"):
        truth_value("bias", 1)
