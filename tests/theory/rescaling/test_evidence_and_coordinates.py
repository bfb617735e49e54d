"""Evidence moves with its prior, sharpness with its coordinates, and hidden units can trade places."""

from fractions import Fraction
from itertools import permutations, product
from math import factorial

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.rescaling.bayesian_evidence import evidence_along_orbit, laplace_evidence
from theory.rescaling.coordinate_maps import (
    coordinates_of_sharpness,
    coordinates_of_spectrum,
    hessian_in_coordinates,
)
from theory.rescaling.coordinate_sharpness import any_sharpness
from theory.rescaling.determinants import gaussian_integral, product_of_determinants, rank_one_determinant
from theory.rescaling.diagonal_maps import layer_rescaling
from theory.rescaling.symmetry_orbit import relu_orbit_pieces, symmetry_orbit_size, unit_symmetries

POSITIVE = st.fractions(Fraction(1, 20), 20, max_denominator=20)
ENTRIES = st.integers(-3, 3)


@pytest.mark.parametrize("derive", [evidence_along_orbit, any_sharpness, unit_symmetries])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=20)
@given(alpha=POSITIVE, rows=st.lists(ENTRIES, min_size=6, max_size=6), theta=st.lists(ENTRIES, min_size=3, max_size=3))
def test_the_evidence_is_unchanged_if_the_prior_moves_along(alpha: Fraction, rows: list[int], theta: list[int]) -> None:
    factor = sp.Matrix(3, 2, rows)
    hessian, precision = factor * factor.T, sp.Matrix([[2, 1, 0], [1, 2, 0], [0, 0, 1]])
    t = layer_rescaling((alpha, 1 / alpha), (2, 1))
    here = laplace_evidence(hessian, theta, precision)
    assert laplace_evidence(t.hessian(hessian), t.moved(theta), t.hessian(precision)) == here
    assert 0 < here <= 1


@settings(max_examples=20)
@given(alpha=POSITIVE)
def test_with_a_fixed_prior_it_follows_the_derived_formula(alpha: Fraction) -> None:
    t = layer_rescaling((alpha, 1 / alpha), (1, 1))
    found = laplace_evidence(t.hessian([[1, 1], [1, 1]]), t.moved([1, 1]), sp.eye(2))
    assert float(found) == pytest.approx(float(evidence_along_orbit().at(alpha=alpha)), rel=1e-14)
    assert (found == evidence_along_orbit().parts["moved"].rhs) == (alpha == 1)


def test_the_evidence_is_the_integral_on_a_fine_grid() -> None:
    hessian, theta, precision = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, -0.5]), np.array([[1.0, 0], [0, 2]])
    axis = np.linspace(-9, 9, 901)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    loss = np.einsum("...i,ij,...j->...", x - theta, hessian, x - theta) / 2
    prior = np.exp(-np.einsum("...i,ij,...j->...", x, precision, x) / 2) * np.sqrt(2) / (2 * np.pi)
    total = (np.exp(-loss) * prior).sum() * (axis[1] - axis[0]) ** 2
    exact = laplace_evidence([[2, 1], [1, 3]], [1, "-0.5"], [[1, 0], [0, 2]])
    assert total == pytest.approx(float(exact), rel=1e-10)


@settings(max_examples=10)
@given(curvature=POSITIVE, sharpness=POSITIVE, minimum=ENTRIES)
def test_the_bijection_gives_the_minimum_the_wanted_sharpness(
    curvature: Fraction, sharpness: Fraction, minimum: int
) -> None:
    g = coordinates_of_sharpness(curvature, sharpness, minimum)
    (eta,) = g.variables
    lam = sp.Rational(curvature.numerator, curvature.denominator)
    loss = lam * (g.expr - minimum) ** 2 / 2
    assert loss.diff(eta, 2).subs(eta, minimum) == sp.Rational(sharpness.numerator, sharpness.denominator)
    assert g(minimum) == minimum
    places = np.linspace(-3, 3, 13) + minimum
    assert np.all(np.diff([float(g(x)) for x in places]) > 0)


@settings(max_examples=15)
@given(rows=st.lists(ENTRIES, min_size=9, max_size=9), wanted=st.lists(POSITIVE, min_size=3, max_size=3))
def test_linear_coordinates_give_a_positive_definite_hessian_any_spectrum(
    rows: list[int], wanted: list[Fraction]
) -> None:
    factor = sp.Matrix(3, 3, rows)
    hessian = factor * factor.T + sp.eye(3)
    found = hessian_in_coordinates(hessian, coordinates_of_spectrum(hessian, wanted)).applyfunc(sp.simplify)
    assert found == sp.diag(*(sp.Rational(x.numerator, x.denominator) for x in wanted))


@settings(max_examples=30)
@given(units=st.lists(st.tuples(st.integers(-1, 1), st.integers(-1, 1)), min_size=1, max_size=4), odd=st.booleans())
def test_the_size_of_an_orbit_is_the_number_of_points_that_the_group_reaches(
    units: list[tuple[int, int]], odd: bool
) -> None:
    signs = list(product((1, -1), repeat=len(units))) if odd else [(1,) * len(units)]
    reached = {
        tuple((sign * w, sign * v) for sign, (w, v) in zip(choice, order, strict=True))
        for order in permutations(units)
        for choice in signs
    }
    assert symmetry_orbit_size([[w] for w, _ in units], [[v] for _, v in units], odd=odd) == len(reached)


@pytest.mark.parametrize("h", [2, 3, 4, 5])
def test_distinct_units_have_the_derived_orbits(h: int) -> None:
    incoming, outgoing = [[j, 1] for j in range(1, h + 1)], [[1]] * h
    assert symmetry_orbit_size(incoming, outgoing, odd=True) == unit_symmetries().at(h=h) == 2**h * factorial(h)
    assert symmetry_orbit_size(incoming, outgoing) == factorial(h)
    assert relu_orbit_pieces(incoming, outgoing) == (h, factorial(h))


def test_units_that_are_rescalings_of_each_other_join_pieces() -> None:
    assert relu_orbit_pieces([[1, 2], [2, 4], [1, 1]], [[6], [3], [1]]) == (3, 3)
    assert relu_orbit_pieces([[0, 0], [0, 0]], [[1], [3]]) == (2, 1)
    assert relu_orbit_pieces([[0], [1]], [[0], [1]]) == (1, 2)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"hessian, minimum and precision must have one size, got 1, 2 and 1"):
        laplace_evidence([[1]], [1, 2], [[1]])
    with pytest.raises(ValueError, match=r"hessian must be positive semidefinite, got 1 negative eigenvalues"):
        laplace_evidence([[-1]], [1], [[1]])
    with pytest.raises(ValueError, match=r"precision must be positive definite, got an eigenvalue that is not"):
        laplace_evidence([[1]], [1], [[0]])
    with pytest.raises(ValueError, match=r"sharpness must be positive, got 0"):
        coordinates_of_sharpness(1, 0)
    with pytest.raises(ValueError, match=r"jacobian must have 2 rows of one length, got \[1\]"):
        hessian_in_coordinates(sp.eye(2), [[1]])
    with pytest.raises(ValueError, match=r"hessian must be positive definite, got an eigenvalue that is not positive"):
        coordinates_of_spectrum([[0]], [1])
    with pytest.raises(ValueError, match=r"eigenvalues must be 1 positive numbers, got \[-1\]"):
        coordinates_of_spectrum([[1]], [-1])
    with pytest.raises(ValueError, match=r"must have one row for each hidden unit, got 0 and 0"):
        symmetry_orbit_size([], [])
    with pytest.raises(ValueError, match=r"incoming must have rows of one length, got \[1, 2\]"):
        relu_orbit_pieces([[1], [1, 2]], [[1], [1]])


def test_what_is_said_for_all_sizes_is_said_by_steps_of_any_size() -> None:
    """Theorems on determinants carry n dimensions; their instances are of sizes 2, 3 and 4."""
    for derive, theorems in (
        (evidence_along_orbit, [product_of_determinants(), gaussian_integral()]),
        (any_sharpness, [rank_one_determinant(sp.Symbol("b", positive=True))]),
    ):
        result = derive()
        names = [theorem.name for theorem in result.theorems]
        assert all(theorem.name in names for theorem in theorems)
        assert all(step.how == "exact" for theorem in result.theorems for step in theorem.hypotheses)
        assert not [step.title for step in result.steps if "two dimensions)" in step.title]


@given(entries=st.lists(ENTRIES, min_size=25, max_size=25), scales=st.lists(POSITIVE, min_size=5, max_size=5))
@settings(max_examples=10)
def test_the_determinant_of_d_m_d_is_that_of_m_times_a_square_in_five_dimensions(
    entries: list[int], scales: list[Fraction]
) -> None:
    matrix, scale = sp.Matrix(5, 5, entries), sp.diag(*(sp.Rational(x) for x in scales))
    assert (scale * matrix * scale).det() == scale.det() ** 2 * matrix.det()


@given(place=st.lists(st.fractions(-3, 3, max_denominator=9), min_size=5, max_size=5), shift=POSITIVE)
@settings(max_examples=10)
def test_the_radial_map_has_the_derived_determinant_in_five_dimensions(place: list[Fraction], shift: Fraction) -> None:
    t, b = sp.Matrix([sp.Rational(x) for x in place]), sp.Rational(shift)
    square = (t.T * t)[0]
    jacobian = (square + b) * sp.eye(5) + 2 * t * t.T
    assert jacobian.det() == (square + b) ** 4 * (3 * square + b)
