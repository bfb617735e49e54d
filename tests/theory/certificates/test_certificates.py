"""Certificates: what they prove is so by other routes, and what is not so they do not prove."""

import itertools
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from theory.certificates import NoCertificateError, certified_signs, certify_critical_point, critical_point
from theory.certificates.krawczyk import contraction, rough_inverse
from theory.certificates.network_balls import NetworkBalls
from theory.rescaling.block_matrix import exact_eigenvalue_count

entries = arrays(np.int64, (5, 5), elements=st.integers(-4, 4))


@settings(deadline=None, max_examples=60)
@given(entries)
def test_signs_are_those_of_the_exact_congruence_and_no_singular_matrix_passes(draw: Any) -> None:
    matrix = draw + draw.T
    exact = exact_eigenvalue_count(matrix.tolist())
    determinant = int(flint.fmpz_mat(matrix.tolist()).det())
    if determinant == 0:
        with pytest.raises(NoCertificateError, match="no eigenvalue may be zero"):
            certified_signs(matrix)
        return
    signs = certified_signs(matrix)
    assert (signs.negative, signs.positive) == (exact.below, exact.above)
    least = abs(np.linalg.eigvalsh(matrix)).min()
    assert 0.99 * least <= float(signs.least) <= least * (1 + 1e-9)


def test_a_hilbert_matrix_is_positive_definite_and_one_too_close_to_singular_is_not_decided_wrongly() -> None:
    hilbert = np.array([[Fraction(1, i + j + 1) for j in range(8)] for i in range(8)], dtype=float)
    assert certified_signs(hilbert).positive == 8
    # in double precision the entries of a larger one are rounded, and the exact signs are those of what was stored
    large = np.array([[1 / (i + j + 1) for j in range(13)] for i in range(13)])
    exact = exact_eigenvalue_count([[Fraction(value) for value in row] for row in large.tolist()])
    try:
        signs = certified_signs(large)
    except NoCertificateError:
        return
    assert (signs.negative, signs.positive) == (exact.below, exact.above)


def test_krawczyk_proves_nothing_where_there_is_no_zero_or_there_are_two() -> None:
    def system(x: Any) -> Any:
        return flint.arb_mat([[x[0, 0] * x[0, 0] - 2]])

    def slope(x: Any) -> Any:
        return flint.arb_mat([[2 * x[0, 0]]])

    away = flint.arb_mat([[2.0]])
    assert contraction(system, slope, away, flint.arb(0.5), rough_inverse(slope(away))) is None
    both = flint.arb_mat([[0.1]])
    assert contraction(system, slope, both, flint.arb(2), rough_inverse(slope(both))) is None
    near = flint.arb_mat([[1.4]])
    distance = contraction(system, slope, near, flint.arb(0.1), rough_inverse(slope(near)))
    assert distance is not None
    assert abs(1.4 - 2**0.5) <= float(distance) < 0.1


@pytest.mark.parametrize("activation", ["tanh", "linear"])
@pytest.mark.parametrize(("widths", "bias"), [((2, 3, 2), False), ((2, 2, 3, 1), True), ((3, 2), True)])
def test_gradient_and_hessian_are_difference_quotients_of_the_loss(
    widths: tuple[int, ...], bias: bool, activation: str
) -> None:
    random = np.random.default_rng(3)
    with flint.ctx.workprec(400):
        x, y = (flint.arb_mat(random.normal(size=(width, 4)).tolist()) for width in (widths[0], widths[-1]))
        network = NetworkBalls(widths, activation, bias, x, y, flint.arb(0.5), flint.arb(0.25))
        size = network.parameters
        theta = flint.arb_mat(size, 1, random.normal(size=size).tolist())
        gradient, hessian = network.gradient(theta), network.hessian(theta)
        step = flint.arb(2) ** -100

        def loss(at: Any) -> Any:
            return network.data_loss(at) + sum((e * e for e in at.entries()), flint.arb(0)) / 8

        def moved(place: int, sign: int) -> Any:
            shift = flint.arb_mat(size, 1, [sign * step if other == place else 0 for other in range(size)])
            return theta + shift

        for place in range(size):
            up, down = moved(place, 1), moved(place, -1)
            assert abs(float((loss(up) - loss(down)) / (2 * step) - gradient[place, 0])) < 1e-25
            column = (network.gradient(up) - network.gradient(down)) * (1 / (2 * step))
            assert max(abs(float(column[i, 0] - hessian[i, place])) for i in range(size)) < 1e-25


def test_the_balls_over_a_box_hold_the_values_at_its_points() -> None:
    random = np.random.default_rng(5)
    x, y = (flint.arb_mat(random.normal(size=(2, 5)).tolist()) for _ in range(2))
    network = NetworkBalls((2, 2, 2), "tanh", False, x, y, flint.arb(0.5), flint.arb(0))
    middle = random.normal(size=8)
    box = flint.arb_mat(8, 1, [flint.arb(value, 0.05) for value in middle.tolist()])
    gradient, hessian = network.gradient(box), network.hessian(box)
    for _ in range(20):
        point = flint.arb_mat(8, 1, (middle + random.uniform(-0.05, 0.05, 8)).tolist())
        assert gradient.contains(network.gradient(point))
        assert hessian.contains(network.hessian(point))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_regularised_linear_net_of_two_weights_has_its_minima_where_algebra_puts_them(sign: int) -> None:
    # (1 - w1 w2)^2 / 2 + d (w1^2 + w2^2) / 2 has its minima at w1 = w2 = +-sqrt(1 - d), with the data loss d^2 / 2
    weight = sign * 0.75**0.5
    found = certify_critical_point((1, 1, 1), [weight] * 2, [[1.0]], [[1.0]], activation="linear", weight_decay="1/4")
    assert (found.index, found.positive) == (0, 2)
    assert found.data_loss.contains(Fraction(1, 32))
    assert found.distance < Fraction(1, 10**12) < found.unique_within
    # eigenvalues there: 2 - 3d + d = 3/2 along the orbit's normal, and 2d along it
    assert Fraction(49, 100) < found.least_eigenvalue <= Fraction(1, 2)


def test_the_zero_network_is_a_saddle_whose_index_is_half_of_all_weights() -> None:
    random = np.random.default_rng(8)
    x, y = random.normal(size=(9, 3)), random.normal(size=(9, 3))
    found = certify_critical_point((3, 3, 3), np.zeros(18), x, y)
    assert (found.index, found.positive) == (9, 9)
    assert found.data_loss.contains(sum(Fraction(value) ** 2 for value in y.ravel().tolist()) / 18)


def test_the_box_is_the_widest_of_all_that_are_proved_and_most_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """(1 - w1 w2)^2/2 + d (w1^2 + w2^2)/2 at its minimum, at most a hundredth of the width away from it."""
    tried: list[float] = []

    def counted(system: Any, jacobian: Any, point: Any, radius: Any, inverse: Any) -> Any:
        tried.append(float(radius))
        return contraction(system, jacobian, point, radius, inverse)

    monkeypatch.setattr(critical_point, "contraction", counted)
    for activation, decay, moved in itertools.product(("linear", "tanh"), ("1/4", "1/100"), (0.0, 1e-9, 1e-6, 1e-5)):
        start = np.full(2, 0.9)
        scale = float(Fraction(decay))
        for _ in range(60):  # Newton's method in floating point, from the definition
            network = NetworkBalls((1, 1, 1), activation, False, *[flint.arb_mat([[1]])] * 2, flint.arb(0.5), scale)
            at = flint.arb_mat(2, 1, start.tolist())
            gradient = [float(one) for one in network.gradient(at).entries()]
            hessian = [[float(network.hessian(at)[i, j]) for j in range(2)] for i in range(2)]
            start = start - np.linalg.solve(hessian, gradient)
        theta = start + moved * np.array([1, -0.3])
        tried.clear()
        found = certify_critical_point(
            (1, 1, 1), theta, [[1.0]], [[1.0]], activation=activation, weight_decay=Fraction(decay)
        )
        assert len(tried) <= 4
        point, inverse = flint.arb_mat(2, 1, theta.tolist()), rough_inverse(network.hessian(at))
        widths = [Fraction(1, 10**power) for power in range(2, 13)]
        held = [
            contraction(network.gradient, network.hessian, point, flint.arb(float(width)), inverse) is not None
            for width in widths
        ]
        assert found.unique_within == widths[held.index(True)]


def test_a_flat_region_without_a_critical_point_gets_no_certificate() -> None:
    # a saturated unit: the gradient is tiny, but it points to infinity
    theta, x, y = [14.0, 1.0], [[1.0]], [[1.0]]
    with pytest.raises(NoCertificateError, match="close to a critical point"):
        certify_critical_point((1, 1, 1), theta, x, y)


def test_a_minimum_of_a_continuous_family_gets_no_certificate() -> None:
    with pytest.raises(NoCertificateError, match="must be"):
        certify_critical_point((1, 1, 1), [1.0, 1.0], [[1.0]], [[1.0]], activation="linear")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": (1,)}, "widths must be a tuple"),
        ({"widths": (1, 0, 1)}, r"widths\[1\] must be >= 1"),
        ({"theta": [0.0]}, "theta must have the 2 parameters"),
        ({"theta": [0.0, np.nan]}, "theta"),
        ({"x": [[1.0, 2.0]]}, "x must have the shape samples x 1"),
        ({"x": [["a"]]}, "x must hold real numbers in equal rows, got 'a'"),
        ({"x": [[1j]]}, "x must hold real numbers in equal rows, got 1j"),
        ({"y": [[Fraction(1, 3)]]}, "y must hold numbers that are exact in double precision"),
        ({"theta": [0, 2**53 + 1]}, "theta must hold numbers that are exact in double precision"),
        ({"activation": ["tanh"]}, r"twice differentiable, got \['tanh'\]"),
        ({"weight_decay": sp.sqrt(2)}, r"weight_decay must be a rational number, got sqrt\(2\)"),
        ({"y": [[np.inf]]}, "y must be finite"),
        ({"y": [[1.0], [2.0]]}, "y must have as many rows as x"),
        ({"activation": "relu"}, "twice differentiable, got 'relu'"),
        ({"bias": 1}, "bias must be True or False"),
        ({"prefactor": 0}, "prefactor must be > 0"),
        ({"weight_decay": -1}, "weight_decay >= 0"),
        ({"digits": 0}, "digits must be an integer from 1 to 100"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(change: dict[str, Any], message: str) -> None:
    problem: dict[str, Any] = {"widths": (1, 1, 1), "theta": [0.0, 0.0], "x": [[1.0]], "y": [[1.0]]} | change
    with pytest.raises(ValueError, match=message):
        certify_critical_point(**problem)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1.0, 2.0]], "matrix must be square"),
        ([[np.nan]], "matrix must be finite"),
        ([[1.0, 2.0], [3.0, 1.0]], "must equal its transpose exactly"),
        (np.array([[1 + 5j, 2j], [2j, 3]]), "matrix must hold real numbers in equal rows, got the type complex128"),
        ([["1"]], "matrix must hold real numbers in equal rows, got '1'"),
        ([[True]], "matrix must hold real numbers in equal rows, got True"),
        ([[None]], "matrix must hold real numbers in equal rows, got None"),
        ([[1, 2], [3]], "matrix must hold real numbers in equal rows, got list"),
        ([[10**400]], "matrix must be finite"),
        (np.ma.masked_array([[1.0]], mask=[[True]]), "got an array with a mask"),
        (torch.ones(1, 1, requires_grad=True), "got Tensor"),
    ],
    ids=str,
)
def test_what_is_no_symmetric_matrix_is_refused(matrix: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        certified_signs(matrix)


@pytest.mark.parametrize(
    "entry", [Fraction(1, 3), 2**53 + 1, np.int64(2**53 + 1), np.longdouble(1) / 3, sp.Rational(1, 3), sp.pi], ids=str
)
def test_nothing_is_proved_of_rounded_numbers(entry: Any) -> None:
    for matrix in ([[entry]], np.array([[entry]])):
        with pytest.raises(ValueError, match="matrix must hold numbers that are exact in double precision"):
            certified_signs(matrix)
    assert certified_signs([[Fraction(1, 2)]]).least <= Fraction(1, 2)


def test_the_largest_numbers_have_signs_too() -> None:
    signs = certified_signs([[1.7e308, 1.6e308], [1.6e308, -1.7e308]])
    assert (signs.negative, signs.positive) == (1, 1)


def test_a_singular_jacobian_has_no_inverse() -> None:
    with pytest.raises(NoCertificateError, match="invertible at the point"):
        rough_inverse(flint.arb_mat([[1, 1], [1, 1]]))


def test_a_point_far_from_the_one_that_it_leads_to_is_refused() -> None:
    """Without inputs the loss is quadratic: one Newton step leads to 0 from anywhere, but that is no certificate."""
    with pytest.raises(NoCertificateError, match=r"got one at the distance 3 and no proof that it is alone"):
        certify_critical_point((1, 1, 1), [3.0, 3.0], [[0.0]], [[1.0]], weight_decay=1)
