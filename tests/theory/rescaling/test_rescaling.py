"""Rescalings: a group that changes no output, transforms curvature by a congruence, and leaves minima singular."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.rescaling.activation_pattern import PatternNetwork
from theory.rescaling.curvature_transform import least_trace, rescaled_hessian
from theory.rescaling.diagonal_maps import Rescaling, layer_rescaling, unit_rescaling
from theory.rescaling.euler_identity import orbit_tangents, singular_hessian
from theory.rescaling.group import rescaling_group
from theory.rescaling.homogeneous_units import homogeneity_defect, observational_equivalence
from theory.rescaling.layer_sizes import width_and_rescaling
from theory.rescaling.trace_norm import trace_norm_surplus

POSITIVE = st.fractions(Fraction(1, 1000), 1000, max_denominator=1000)
WIDTHS = st.lists(st.integers(1, 3), min_size=3, max_size=5)


def _layers(alphas: list[Fraction]) -> list[Fraction]:
    """Complete positive numbers to factors with the product one."""
    product = Fraction(1)
    for alpha in alphas:
        product *= alpha
    return [*alphas, 1 / product]


def _output(
    theta: list[Fraction], widths: list[int], x: list[Fraction], slopes: tuple[Fraction, Fraction]
) -> list[Fraction]:
    """A network of units with one slope above 0 and one below, in exact numbers."""
    values, start = x, 0
    for layer, (into, out) in enumerate(pairwise(widths), start=1):
        rows = [theta[start + i * into : start + (i + 1) * into] for i in range(out)]
        sums = [sum((w * v for w, v in zip(row, values, strict=True)), Fraction(0)) for row in rows]
        values = sums if layer == len(widths) - 1 else [slopes[z < 0] * z for z in sums]
        start += into * out
    return values


@pytest.mark.parametrize(
    "derive",
    [
        rescaling_group,
        observational_equivalence,
        rescaled_hessian,
        singular_hessian,
        width_and_rescaling,
        trace_norm_surplus,
    ],
)
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=30)
@given(
    first=st.lists(POSITIVE, min_size=2, max_size=2),
    second=st.lists(POSITIVE, min_size=2, max_size=2),
    sizes=st.lists(st.integers(1, 3), min_size=3, max_size=3),
)
def test_rescalings_of_layers_are_a_commutative_group(
    first: list[Fraction], second: list[Fraction], sizes: list[int]
) -> None:
    a, b = _layers(first), _layers(second)
    one, other = layer_rescaling(a, sizes), layer_rescaling(b, sizes)
    product = layer_rescaling([x * y for x, y in zip(a, b, strict=True)], sizes)
    assert one * other == other * one == product
    assert one * one.inverse() == layer_rescaling([1, 1, 1], sizes)
    assert product.determinant == one.determinant * other.determinant


@settings(max_examples=30)
@given(alpha=POSITIVE, sizes=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_the_determinant_of_two_layers_is_the_derived_power(alpha: Fraction, sizes: tuple[int, int]) -> None:
    derived = rescaling_group().at(alpha=alpha, n_1=sizes[0], n_2=sizes[1])
    assert layer_rescaling((alpha, 1 / alpha), sizes).determinant == derived


@settings(max_examples=25)
@given(widths=WIDTHS, data=st.data())
def test_rescaled_networks_of_any_depth_and_homogeneous_units_have_the_same_outputs(
    widths: list[int], data: st.DataObject
) -> None:
    factors = [data.draw(st.lists(POSITIVE, min_size=w, max_size=w)) for w in widths[1:-1]]
    weights = st.integers(-3, 3).map(Fraction)
    count = sum(a * b for a, b in pairwise(widths))
    theta = data.draw(st.lists(weights, min_size=count, max_size=count))
    x = data.draw(st.lists(weights, min_size=widths[0], max_size=widths[0]))
    moved = unit_rescaling(factors, widths).moved(theta)
    after = [Fraction(int(value.p), int(value.q)) for value in moved]
    slopes = data.draw(st.sampled_from([(1, 0), (1, Fraction(1, 100)), (1, -1), (-2, 3)]), label="slopes")
    assert _output(after, widths, x, slopes) == _output(theta, widths, x, slopes)


@settings(max_examples=30)
@given(widths=st.lists(st.integers(1, 3), min_size=4, max_size=4), drawn=st.lists(POSITIVE, min_size=2, max_size=2))
def test_units_of_a_layer_with_one_factor_rescale_layers(widths: list[int], drawn: list[Fraction]) -> None:
    alphas = _layers(drawn)
    by_layer = layer_rescaling(alphas, [a * b for a, b in pairwise(widths)])
    by_unit = unit_rescaling([[alphas[0]] * widths[1], [alphas[0] * alphas[1]] * widths[2]], widths)
    assert by_layer == by_unit


def test_numpy_arrays_are_transformed_exactly_as_the_binary_numbers_they_hold() -> None:
    t = layer_rescaling((2, "1/2"), (2, 1))
    assert t.hessian(np.diag([4.0, 8.0, 0.5])) == sp.diag(1, 2, 2)
    assert t.moved(np.array([0.25, 1.0, 3.0])) == (sp.Rational(1, 2), 2, sp.Rational(3, 2))


def test_biases_are_multiplied_with_what_enters_their_unit() -> None:
    assert unit_rescaling([[2, 3]], (1, 2, 1), bias=True).scales == (
        2,
        3,
        2,
        3,
        sp.Rational(1, 2),
        sp.Rational(1, 3),
        1,
    )
    assert unit_rescaling([[2]], (1, 1, 1), bias=(True, False)).scales == (2, 2, sp.Rational(1, 2))


@settings(max_examples=15)
@given(alpha=POSITIVE, seed=st.integers(0, 50))
def test_gradient_and_hessian_of_relu_networks_transform_as_derived(alpha: Fraction, seed: int) -> None:
    net = ExactTwoLayer.sample(2, 2, 1, samples=3, seed=seed, relu=True)
    a = sp.Rational(alpha.numerator, alpha.denominator)
    moved = ExactTwoLayer(net.first * a, net.second / a, net.inputs, net.targets, relu=True)
    t = layer_rescaling((a, 1 / a), (4, 2))
    assert moved.hessian() == t.hessian(net.hessian())
    assert moved.residuals() == net.residuals()
    gradient = list(net.jacobian().T * net.residuals().T / net.samples)
    assert tuple(moved.jacobian().T * moved.residuals().T / net.samples) == t.gradient(gradient)


@settings(max_examples=10)
@given(seed=st.integers(0, 50), units=st.integers(1, 3))
def test_the_hessian_maps_tangents_of_the_orbit_to_the_gradient_with_signs(seed: int, units: int) -> None:
    net = ExactTwoLayer.sample(2, units, 1, samples=3, seed=seed, relu=True)
    tangents = orbit_tangents([*net.first, *net.second], (2, units, 1))
    gradient = list(net.jacobian().T * net.residuals().T / net.samples)
    assert net.hessian() * tangents == -orbit_tangents(gradient, (2, units, 1))


def test_tangents_of_a_deep_network_are_independent_and_stationary() -> None:
    net = PatternNetwork((2, 2, 2, 1), 2)
    numbers = {weight: place for place, weight in enumerate(net.weights, start=1)}
    tangents = orbit_tangents(net.weights, net.widths)
    assert sp.expand(net.gradient.T * tangents) == sp.zeros(1, 4)
    assert exact_rank(sp.Matrix(tangents.subs(numbers))) == 4


@settings(max_examples=30)
@given(alpha=POSITIVE)
def test_no_point_of_the_orbit_has_a_trace_below_the_least(alpha: Fraction) -> None:
    hessian = sp.Matrix([[8, 1, 0], [1, 1, 1], [0, 1, 4]])
    least = least_trace(hessian, (2, 1))
    moved = layer_rescaling((alpha, 1 / alpha), (2, 1)).hessian(hessian)
    assert moved.trace() >= least == 12
    assert least_trace(moved, (2, 1)) == least


def test_the_least_trace_of_three_layers_is_a_geometric_mean() -> None:
    assert least_trace(sp.diag(1, 4, 16), (1, 1, 1)) == 12


@settings(max_examples=30)
@given(c=POSITIVE, z=st.fractions(-5, 5, max_denominator=10))
def test_leaky_relu_is_homogeneous_and_tanh_is_not(c: Fraction, z: Fraction) -> None:
    assert homogeneity_defect(lambda x: sp.Max(x, x / 10), c, z) == 0
    assert (homogeneity_defect(sp.tanh, c, z) == 0) == (z == 0 or c == 1)


def test_the_printed_claim_of_invertible_hessians_needs_more_than_the_origin() -> None:
    assert singular_hessian().parts["origin"].rhs == -4
    assert singular_hessian().at(g_1=0, g_2=0) == sp.Tuple(0, 0)


def test_a_wider_layer_makes_fewer_eigenvalues_sure_to_grow() -> None:
    assert [width_and_rescaling().at(o=2, N=10, h=h) for h in (2, 5, 10)] == [16, 10, 0]


def test_the_trace_norm_of_a_saddle_exceeds_its_trace() -> None:
    formula = trace_norm_surplus().parts["plane"].rhs
    values = dict(zip("abc", (3, 4, -2), strict=True))
    found = float(formula.subs({symbol: values[symbol.name] for symbol in formula.free_symbols}))
    eigenvalues = np.linalg.eigvalsh([[3.0, 4.0], [4.0, -2.0]])
    assert found == pytest.approx(np.abs(eigenvalues).sum()) != eigenvalues.sum()


def test_bad_rescalings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"alphas must multiply to 1, got the product 2"):
        layer_rescaling((2, 1), (1, 1))
    with pytest.raises(ValueError, match=r"alphas must be positive, got -1"):
        layer_rescaling((-1, -1), (1, 1))
    with pytest.raises(ValueError, match=r"alphas must have one factor for each of 3 layers, got 2"):
        layer_rescaling((1, 1), (1, 1, 1))
    with pytest.raises(ValueError, match=r"block_sizes must be at least 1 each, got \[0, 1\]"):
        layer_rescaling((1, 1), (0, 1))
    with pytest.raises(TypeError, match=r"block_sizes must be integers, got 1.5"):
        layer_rescaling((1, 1), (1.5, 1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"factors must hold one factor for each hidden unit of the widths \[1, 2"):
        unit_rescaling([[1]], (1, 2, 1))
    with pytest.raises(ValueError, match=r"bias must have one value for each of 2 layers, got 3"):
        unit_rescaling([[1]], (1, 1, 1), bias=(True, True, False))
    with pytest.raises(ValueError, match=r"scales must hold one factor for each parameter, got none"):
        Rescaling(())
    with pytest.raises(ValueError, match=r"a scale must be positive, got x"):
        Rescaling((sp.Symbol("x"),))


def test_points_and_matrices_of_another_size_are_refused() -> None:
    t = layer_rescaling((2, "1/2"), (1, 1))
    with pytest.raises(ValueError, match=r"theta must have 2 entries, got 3"):
        t.moved([1, 2, 3])
    with pytest.raises(ValueError, match=r"gradient must have 2 entries, got 1"):
        t.gradient([1])
    with pytest.raises(ValueError, match=r"hessian must have the size 2 x 2, got 3 rows"):
        t.hessian(sp.eye(3))
    with pytest.raises(ValueError, match=r"both maps must act on 2 parameters, got 3"):
        t * layer_rescaling((2, "1/2"), (1, 2))
    with pytest.raises(TypeError, match=r"unsupported operand"):
        t * 2  # type: ignore[operator]


def test_bad_orbits_traces_and_networks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"widths must hold inputs, hidden layers and outputs, got \[1, 2\]"):
        orbit_tangents([1, 2], (1, 2))
    with pytest.raises(ValueError, match=r"theta must have 4 weights for the widths \[1, 2, 1\], got 1"):
        orbit_tangents([1], (1, 2, 1))
    with pytest.raises(ValueError, match=r"hessian must have diagonal blocks of positive trace, got .* \[1, 0\]"):
        least_trace([[1, 0], [0, 0]], (1, 1))
    with pytest.raises(ValueError, match=r"factor must be positive, got 0"):
        homogeneity_defect(sp.tanh, 0, 1)
    with pytest.raises(ValueError, match=r"widths must be inputs, hidden units and one output, .* got \(1, 2\)"):
        PatternNetwork((1, 2), 1)
