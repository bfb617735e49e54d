from itertools import pairwise

import mpmath
import pytest
import sympy as sp

from theory.derivation import Derivation
from theory.domain import Domain
from theory.free_probability.laws import (
    linear_hessian,
    marchenko_pastur,
    relu_hessian,
    residual_hessian,
    semicircle,
    wishart_wigner_hessian,
)
from theory.free_probability.residual import _paired_moment, residual_transform
from theory.free_probability.sums import free_sum_curve, more_semicircular
from theory.free_probability.transforms import marchenko_pastur_transform, semicircle_transform
from theory.proof import exact_difference
from theory.symbols import epsilon, g, phi, s, v

DERIVATIONS = {
    "semicircle": semicircle_transform,
    "Marchenko-Pastur": marchenko_pastur_transform,
    "linear residual": lambda: residual_transform(1),
    "ReLU residual": lambda: residual_transform("1/2"),
    "free sum": lambda: free_sum_curve(marchenko_pastur(phi, s), residual_hessian("1/2")),
    "more semicircular": more_semicircular,
}


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_step_is_exact_and_passes(name: str) -> None:
    derivation = DERIVATIONS[name]()
    assert [record.title for record in derivation.check() if not record.passed] == []
    assert derivation.evidence == "exact"


@pytest.mark.parametrize("name", DERIVATIONS)
def test_a_right_hand_side_off_by_a_thousandth_fails(name: str) -> None:
    derivation = DERIVATIONS[name]()
    for step in derivation.checked_steps():
        for wrong in step.planted_errors():
            assert not wrong.check(derivation.domain).passed, step.title


def same(left: sp.Expr, right: sp.Expr, derivation: Derivation) -> bool:
    return exact_difference(left, right, derivation.domain).status == "zero"


def test_the_transforms_are_those_of_the_laws() -> None:
    for derivation, law in (
        (semicircle_transform(), semicircle(v)),
        (marchenko_pastur_transform(), marchenko_pastur(phi, s)),
        (residual_transform(1), residual_hessian(1)),
        (residual_transform("1/2"), residual_hessian("1/2")),
    ):
        assert same(derivation.value, law.r_transform(g), derivation)


def test_edges_and_atom_are_those_of_the_certified_law() -> None:
    parts = marchenko_pastur_transform().parts
    at = {phi: sp.Rational(9, 4), s: 2}
    low, high = parts["left edge"].rhs.subs(at), parts["right edge"].rhs.subs(at)
    assert (low, high) == (sp.Rational(1, 2), sp.Rational(25, 2))
    law = marchenko_pastur("9/4", 2)
    left, right = law.support()[-1]
    assert left == pytest.approx(0.5, rel=1e-14)
    assert right == pytest.approx(12.5, rel=1e-14)
    weight = next(value for name, value in parts.items() if name.startswith("atom")).rhs.subs(at)
    assert law.atoms() == ((0, weight),)


def test_a_scale_read_as_a_standard_deviation_is_exposed() -> None:
    """Entries N(0, sigma^2/p) give edges sigma^2 (1 -+ sqrt(phi))^2, not sigma (1 -+ sqrt(phi))^2."""
    derivation = marchenko_pastur_transform()
    sigma = sp.Symbol("sigma", positive=True)
    right = derivation.parts["right edge"].rhs.subs(s, sigma**2)
    printed = sigma * (1 + sp.sqrt(phi)) ** 2
    box = Domain(phi=(0, sp.oo), sigma=(1, sp.oo))
    assert exact_difference(right, printed, box).status == "nonzero"
    assert exact_difference(right, sigma * printed, box).status == "zero"


def test_the_residual_part_is_no_semicircle() -> None:
    derivation = residual_transform(1)
    assert exact_difference(derivation.value, 2 * epsilon * g, derivation.domain).status == "nonzero"


def test_planar_pairings_count_catalan_words() -> None:
    """With one sample per width the moments of K K' are those of a product of two Gaussian square matrices."""
    fuss_catalan = [1, 3, 12, 55]
    for order, count in enumerate(fuss_catalan, 1):
        moment = _paired_moment(order, sp.Integer(1)).subs({phi: 2, epsilon: sp.Rational(1, 2)})
        assert moment == count


def test_standardised_cumulants_fall_to_zero_at_sampled_energies() -> None:
    derivation = more_semicircular()
    values = [derivation.at(phi="1/2", epsilon=energy, digits=20) for energy in (1, 10, 100, 10**6)]
    assert all(b.upper < a.lower for a, b in pairwise(values))
    assert values[-1].upper < 1e-9


@pytest.mark.parametrize("law", [wishart_wigner_hessian(), linear_hessian(), relu_hessian()])
def test_the_curve_is_solved_by_the_stieltjes_transform(law) -> None:  # type: ignore[no-untyped-def]
    curve = free_sum_curve(law, semicircle("1/3")).value
    bound = (law + semicircle("1/3")).at(phi="1/2", epsilon="1/5")
    z = 0.3 + 0.2j
    value = complex(curve.subs({phi: sp.Rational(1, 2), epsilon: sp.Rational(1, 5), g: sp.sympify(bound.stieltjes(z))}))
    assert abs(value - z) < 1e-12
    assert mpmath.isfinite(value.real)


def test_what_is_no_fraction_or_law_is_refused() -> None:
    with pytest.raises(ValueError, match=r"active must be a fraction in \(0, 1\], got 3/2"):
        residual_transform("3/2")
    with pytest.raises(ValueError, match=r"active must be a fraction in \(0, 1\], got 0"):
        residual_transform(0)
    with pytest.raises(TypeError, match="active must be a real number"):
        residual_transform(None)
    with pytest.raises(TypeError, match="second must be a SpectralLaw, got 3"):
        free_sum_curve(semicircle(1), 3)  # type: ignore[arg-type]
