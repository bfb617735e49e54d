import random
from fractions import Fraction

import mpmath
import pytest
import sympy as sp

from theory.derivation import Derivation
from theory.energy_curve import EnergyCurve
from theory.family import cubic, threshold_family
from theory.free_probability.laws import (
    compound_poisson,
    linear_hessian,
    marchenko_pastur,
    point_mass,
    relu_hessian,
    residual_hessian,
    semicircle,
    wishart_wigner_hessian,
)
from theory.index import critical_energy, index_power_law
from theory.model import recognise
from theory.proof import exact_difference
from theory.symbols import delta, epsilon, phi, s

Q = sp.Rational
HALF = Q(1, 2)
XI = 1 + 16 * phi - 8 * phi**2
PUBLISHED = {
    "toy": (1 - 20 * phi - 8 * phi**2 + (1 + 8 * phi) ** Q(3, 2)) / 16,
    "ReLU": (27 - 18 * XI - XI**2 + 8 * XI ** Q(3, 2)) / (32 * phi * (1 - phi) ** 3),
}
MODELS = {"toy": wishart_wigner_hessian(), "linear": linear_hessian(), "ReLU": relu_hessian()}
SPARSITY = {"toy": 0, "linear": 1, "ReLU": 2}
THREE_JUMPS = compound_poisson([(3, HALF), (2, Q(1, 3)), (HALF, -Q(1, 5))]) + semicircle(2 * epsilon)
OWN_LAWS = {
    "three jumps": THREE_JUMPS,
    "unpaired root": compound_poisson([(3, HALF), (2, Q(1, 3)), (HALF, -sp.sqrt(epsilon))]),
    "pair and semicircle": compound_poisson(
        [(3, HALF), (2, Q(1, 3)), (HALF, -sp.sqrt(epsilon)), (HALF, sp.sqrt(epsilon))]
    )
    + semicircle(epsilon / 10),
    "shifted": marchenko_pastur("1/4") + point_mass(-epsilon),
    "bound ReLU": relu_hessian().at(phi="1/3"),
}


def failures(derivation: Derivation) -> list[str]:
    return [f"{record.title}: {record.detail}" for record in derivation.check() if not record.passed]


@pytest.mark.parametrize("name", MODELS)
def test_critical_energies_are_proved(name: str) -> None:
    derivation = critical_energy(MODELS[name])
    assert failures(derivation) == []
    assert derivation.evidence == "exact"
    assert str(derivation.domain) == "0 < phi < 1"


@pytest.mark.parametrize("name", PUBLISHED)
def test_critical_energies_end_in_the_published_formulas(name: str) -> None:
    derivation = critical_energy(MODELS[name])
    assert exact_difference(derivation.value, PUBLISHED[name], derivation.domain).status == "zero"


@pytest.mark.parametrize(("name", "value"), [("toy", ".0112712"), ("linear", ".0426302"), ("ReLU", ".0810367")])
def test_critical_energies_at_one_half(name: str, value: str) -> None:
    ball = critical_energy(MODELS[name]).at(phi="1/2", digits=20)
    assert abs(ball.midpoint - Fraction(value)) < Fraction(6, 10**8)


def test_the_linear_threshold_solves_its_quadratic() -> None:
    """The equation in epsilon is the discriminant of Wishart plus linear residual law."""
    e = critical_energy(linear_hessian())
    quadratic = (
        e.value**2 * (phi**4 - 6 * phi**3 + 12 * phi**2 - 8 * phi)
        + e.value * (-4 * phi**4 + 24 * phi**3 - 16 * phi**2 - 60 * phi + 2)
        + 4 * phi**4
        - 24 * phi**3
        + 48 * phi**2
        - 40 * phi
        + 12
    )
    assert exact_difference(quadratic, sp.Integer(0), e.domain).status == "zero"


def test_a_wishart_scale_enters_by_its_square() -> None:
    """If sigma is a standard deviation, the scale is sigma^2 and the prefactor sigma^4, not sigma^2."""
    sigma = sp.Symbol("sigma", positive=True)
    derivation = critical_energy(relu_hessian(sigma**2))
    assert failures(derivation) == []
    assert exact_difference(derivation.value, sigma**4 * PUBLISHED["ReLU"], derivation.domain).status == "zero"
    assert exact_difference(derivation.value, sigma**2 * PUBLISHED["ReLU"], derivation.domain).status == "nonzero"


@pytest.mark.parametrize("name", MODELS)
def test_the_threshold_is_the_maximum_of_the_level_to_fifty_digits_at_twenty_ratios(name: str) -> None:
    """Second route: F = F_h = 0 solved by Newton's method from a grid, without any closed form."""
    derivation, curve = critical_energy(MODELS[name]), EnergyCurve(MODELS[name], epsilon)
    function = curve.transform - 1 / curve.h
    slope = sp.diff(function, curve.h)
    both = sp.lambdify([curve.h, epsilon, phi], [function, slope], "mpmath")
    source = random.Random(3)
    with mpmath.workdps(60):
        for _ in range(20):
            ratio = Fraction(source.randrange(30, 950), 1000)
            value = derivation.at(phi=ratio, digits=55)
            h = -derivation.parts["edge point"].rhs.subs(phi, sp.Rational(ratio))
            start = [mpmath.mpf(sp.N(h, 6)), mpmath.mpf(float(value))]
            exact_ratio = mpmath.mpf(ratio.numerator) / ratio.denominator
            root = mpmath.findroot(lambda x, e, at=exact_ratio: both(x, e, at), start, tol=1e-100)
            exact = mpmath.mpf(value.midpoint.numerator) / value.midpoint.denominator
            assert abs(root[1] - exact) < mpmath.mpf(10) ** -50 * exact


def test_limits_of_small_and_large_ratio() -> None:
    toy, relu = critical_energy(MODELS["toy"]), critical_energy(MODELS["ReLU"])
    tiny, near = Fraction(1, 10**12), 1 - Fraction(1, 10**12)
    assert abs(toy.at(phi=tiny, digits=20).midpoint - Fraction(1, 8)) < Fraction(1, 10**10)
    assert abs(2 * tiny * relu.at(phi=tiny, digits=20).midpoint - 1) < Fraction(1, 10**10)
    for derivation in (toy, relu):
        assert 0 < derivation.at(phi=near, digits=20).lower < Fraction(1, 10**30)


@pytest.mark.parametrize("name", MODELS)
def test_a_wrong_right_hand_side_of_a_threshold_fails(name: str) -> None:
    derivation = critical_energy(MODELS[name])
    for step in derivation.checked_steps():
        for wrong in step.planted_errors():
            assert not wrong.check(derivation.domain).passed, step.title


@pytest.mark.parametrize("name", OWN_LAWS)
def test_a_law_of_ones_own_has_an_algebraic_threshold(name: str) -> None:
    law = OWN_LAWS[name]
    derivation = critical_energy(law)
    assert failures(derivation) == []
    assert derivation.evidence == "exact"
    value = derivation.at(digits=30).midpoint
    below, above = (law.at(epsilon=value * (1 + sign * Fraction(1, 10**9))).index(digits=40) for sign in (-1, 1))
    assert below.upper <= 0 < above.lower
    for step in derivation.checked_steps():
        for wrong in step.planted_errors():
            assert not wrong.check(derivation.domain).passed, step.title


def test_a_shifted_law_of_free_ratio_has_the_edge_of_its_wishart_part() -> None:
    derivation = critical_energy(marchenko_pastur(phi, s) + point_mass(-epsilon))
    assert exact_difference(derivation.value, s * (1 - sp.sqrt(phi)) ** 2, derivation.domain).status == "zero"
    assert failures(derivation) == []


def test_bound_and_free_thresholds_agree() -> None:
    for law in MODELS.values():
        free = critical_energy(law).value.subs(phi, Q(1, 3))
        assert (critical_energy(law.at(phi="1/3")).value - free).equals(0)


def test_one_closed_form_holds_the_three_models() -> None:
    family = threshold_family()
    assert failures(family) == []
    assert family.evidence == "exact"
    for name, part in (("toy", "Wigner model"), ("linear", "linear units"), ("ReLU", "ReLU units")):
        own = critical_energy(MODELS[name])
        assert exact_difference(own.value, family.parts[part].rhs, own.domain).status == "zero"
        assert exact_difference(own.value, own.parts["in factors"].rhs, own.domain).status == "zero"


def test_a_wrong_right_hand_side_of_the_family_fails() -> None:
    family = threshold_family()
    for step in family.checked_steps():
        for wrong in step.planted_errors():
            assert not wrong.check(family.domain).passed, step.title


@pytest.mark.parametrize("name", MODELS)
def test_the_power_law_is_proved(name: str) -> None:
    derivation = index_power_law(MODELS[name])
    assert failures(derivation) == []
    assert derivation.evidence == "exact"
    v = sp.sqrt(1 + 8 * phi + 4 * SPARSITY[name] * phi * (1 - phi))
    amplitude = (1 - phi) * (1 + v) * (3 + v) / (3 * sp.pi * sp.sqrt(v) * (1 + v + 2 * phi) ** 2)
    assert exact_difference(derivation.parts["amplitude"].rhs, amplitude, derivation.domain).status == "zero"
    assert derivation.parts["exponent"].rhs == Q(3, 2)


def test_the_published_amplitude_at_one_half() -> None:
    parts = index_power_law(wishart_wigner_hessian()).parts
    assert float(parts["amplitude"].rhs.subs(phi, HALF)) == pytest.approx(0.0335007, rel=3e-6)


def test_a_wrong_constant_of_the_power_law_fails() -> None:
    derivation = index_power_law(relu_hessian().at(phi="1/2"))
    for step in derivation.checked_steps():
        for wrong in step.planted_errors():
            assert not wrong.check(derivation.domain).passed, step.title


@pytest.mark.parametrize("name", MODELS)
def test_three_terms_miss_the_index_by_the_third_power_of_the_excess(name: str) -> None:
    law = MODELS[name].at(phi="1/2")
    threshold = critical_energy(MODELS[name]).at(phi="1/2", digits=60).midpoint
    power_law = index_power_law(MODELS[name])
    errors = []
    for excess in (Fraction(1, 10**3), Fraction(1, 10**4)):
        exact = law.at(epsilon=threshold * (1 + excess)).index(digits=40).midpoint
        errors.append(abs(float(power_law.at(phi="1/2", delta=excess, digits=40).midpoint / exact - 1)))
    assert errors[0] < 1e-8
    assert errors[0] / errors[1] == pytest.approx(1000, rel=0.02)


def test_a_dilated_model_has_the_same_power_law() -> None:
    parts, own = index_power_law(linear_hessian(3)).parts, index_power_law(linear_hessian()).parts
    assert all(parts[name].rhs.equals(own[name].rhs) for name in ("amplitude", "A1", "A2"))


def test_recognition_is_of_members_only() -> None:
    assert recognise(relu_hessian(s), epsilon).scale == s  # type: ignore[union-attr]
    for law in (
        THREE_JUMPS,
        marchenko_pastur(phi) + semicircle(epsilon**2),
        residual_hessian(1),
        marchenko_pastur(phi),
    ):
        member = recognise(law, epsilon)
        assert member is None or member.strength == 0


def test_the_cubic_has_its_maximum_at_the_edge_point() -> None:
    x = sp.Symbol("x")
    assert cubic(x).subs(x, 0) == 1
    assert sp.simplify(sp.diff(cubic(x), x).subs(x, 0)) == 0


def test_what_has_no_threshold_is_refused() -> None:
    with pytest.raises(TypeError, match="law must be a SpectralLaw, got 3"):
        critical_energy(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="law must be a SpectralLaw, got 'toy'"):
        index_power_law("toy")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="energy must be a symbol, got 'epsilon'"):
        critical_energy(wishart_wigner_hessian(), "epsilon")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="energy must be a parameter of the law, got delta"):
        critical_energy(wishart_wigner_hessian(), delta)
    with pytest.raises(ValueError, match="left edge that falls as epsilon grows"):
        critical_energy(marchenko_pastur("1/2") + point_mass(epsilon))
    with pytest.raises(ValueError, match="positive left edge at small epsilon"):
        critical_energy(marchenko_pastur(2) + semicircle(epsilon))
    with pytest.raises(ValueError, match="negative left edge at large epsilon"):
        critical_energy(point_mass(5) + semicircle(epsilon / (1 + epsilon)))


def test_a_threshold_without_closed_form_names_its_degree_and_what_to_bind() -> None:
    law = compound_poisson([(3, phi), (2, Q(1, 3)), (1, HALF)]) + semicircle(2 * epsilon)
    with pytest.raises(ValueError, match=r"algebraic of degree \d+ .* bind them by law.at\(phi=...\)"):
        critical_energy(law)
    with pytest.raises(ValueError, match="law must be a Wishart part plus a residual part"):
        index_power_law(law)
    with pytest.raises(ValueError, match="of degree 2 in epsilon"):
        critical_energy(marchenko_pastur(phi) + semicircle(2 * epsilon) + residual_hessian(1))
