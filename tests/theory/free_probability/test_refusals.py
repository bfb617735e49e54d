"""Bad input gets one sentence that names the argument, the rule and the value."""

from fractions import Fraction

import matplotlib
import numpy as np
import pytest
import sympy as sp

from theory.free_probability.grid import LawGrid
from theory.free_probability.law import SpectralLaw
from theory.free_probability.laws import (
    compound_poisson,
    marchenko_pastur,
    point_mass,
    residual_hessian,
    semicircle,
    wishart_wigner_hessian,
)
from theory.symbols import epsilon, phi

matplotlib.use("Agg")
TOY = wishart_wigner_hessian()
BOUND = TOY.at(phi="1/2", epsilon="1/10")


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: semicircle(-1), ValueError, "variance must not be negative, got -1"),
        (lambda: semicircle(-epsilon), ValueError, "variance must not be negative, got -epsilon"),
        (lambda: semicircle(sp.I), ValueError, "variance must be a finite real number, got I"),
        (lambda: semicircle(sp.I * phi), ValueError, "variance must be real, finite and exact, got I"),
        (lambda: semicircle("__import__('os')"), ValueError, "variance must be an integer, a decimal or p/q"),
        (lambda: semicircle([1]), TypeError, "variance must be a real number, got"),
        (lambda: point_mass(float("nan")), ValueError, "place must be a finite real number, got nan"),
        (lambda: marchenko_pastur(0), ValueError, "ratio must be positive, got 0"),
        (lambda: marchenko_pastur(1, scale=-2), ValueError, "scale must be positive, got -2"),
        (lambda: compound_poisson([(-1, 2)]), ValueError, "rate must not be negative, got -1 .*not a free Levy triple"),
        (lambda: compound_poisson([1, 2]), TypeError, r"jumps must be pairs \(rate, size\)"),
        (lambda: residual_hessian(2), ValueError, r"active must be a fraction in \(0, 1\], got 2"),
        (lambda: residual_hessian(0), ValueError, r"active must be a fraction in \(0, 1\], got 0"),
        (lambda: TOY + 1, TypeError, r"a law plus the number 1 is ambiguous: add point_mass\(1\)"),
        (lambda: 1 + TOY, TypeError, r"the number 1 plus a law is ambiguous: add point_mass\(1\)"),
        (lambda: TOY - 2, TypeError, r"a law minus the number 2 is ambiguous: subtract point_mass\(2\)"),
        (lambda: TOY + "x", TypeError, "unsupported operand"),
        (lambda: TOY * "x", TypeError, "can't multiply|unsupported operand"),
        (lambda: TOY.free_cumulant(0), ValueError, "order must be an integer >= 1, got 0"),
        (lambda: TOY.moment(-1), ValueError, "order must be an integer >= 0, got -1"),
        (lambda: TOY.at(sigma=1), ValueError, "sigma is no parameter of this law; its parameters are: epsilon, phi"),
        (lambda: TOY.at(phi=0), ValueError, "phi must be positive, got phi = 0"),
        (lambda: TOY.at(phi=True), TypeError, "phi must be a real number, got the truth value True"),
        (lambda: TOY.at(phi=float("inf")), ValueError, "phi must be a finite real number, got inf"),
        (lambda: TOY.index(), ValueError, r"bind the parameters of the law first: law.at\(epsilon=..., phi=...\)"),
        (lambda: TOY.at(phi=1).support(), ValueError, r"bind the parameters of the law first: law.at\(epsilon=...\)"),
        (lambda: TOY.plot(), ValueError, "bind the parameters of the law first"),
        (lambda: TOY.integrated_density(0, 1, digits=5), ValueError, "bind the parameters of the law first"),
        (lambda: BOUND.density("x"), ValueError, "x must be an integer, a decimal or p/q"),
        (lambda: BOUND.density([1j]), TypeError, "x must be a real number or an array of them"),
        (lambda: BOUND.cdf(float("nan")), ValueError, "x must not be NaN, got nan"),
        (lambda: BOUND.stieltjes("x"), TypeError, "z must be a complex number or an array of them, got 'x'"),
        (lambda: BOUND.stieltjes(float("inf")), ValueError, "z must be finite, got inf"),
        (lambda: BOUND.index(digits=0), ValueError, "digits must be an integer from 1 to 10000, got 0"),
        (lambda: BOUND.integrated_density(1, 0, digits=5), ValueError, "lower must not exceed upper, got lower = 1"),
        (lambda: BOUND.plot(points=1), ValueError, "points must be an integer >= 2, got 1"),
        (
            lambda: TOY.at(phi=np.array([1.0])),
            ValueError,
            "with an array every parameter must be bound; missing: epsil",
        ),
        (lambda: TOY.at(phi=[1.0, 2.0], epsilon=[1.0] * 3), ValueError, "the arrays of parameters must broadcast"),
        (lambda: TOY.at(phi=[1.0, -2.0], epsilon=1), ValueError, "phi must be positive everywhere, got phi = -2.0"),
        (lambda: TOY.at(phi=[1.0, np.nan], epsilon=1), ValueError, "phi must be finite everywhere, got nan"),
        (
            lambda: TOY.at(phi=[1j], epsilon=1),
            TypeError,
            "phi must be an array of real numbers, got one of type complex",
        ),
        (lambda: TOY.at(phi=["1", "-1"], epsilon=1), ValueError, "phi must be positive, got phi = -1"),
    ],
)
def test_bad_input_is_refused(make, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        make()


def test_an_undecided_sign_is_decided_when_numbers_are_bound() -> None:
    v = sp.Symbol("v", real=True)
    law = semicircle(v)
    assert law.at(v=1) == semicircle(1)
    with pytest.raises(ValueError, match="variance must not be negative, got -1"):
        law.at(v=-1)
    with pytest.raises(ValueError, match=r"variance must be real, finite and not negative, got -1.0 at grid\[\(1,\)\]"):
        law.at(v=[1.0, -1.0])


def test_a_grid_refuses_what_only_one_law_has() -> None:
    grid = TOY.at(phi=np.array([0.5, 1.0]), epsilon=0.1)
    assert isinstance(grid, LawGrid)
    assert len(grid) == 2
    for question in ("support", "atoms", "plot"):
        with pytest.raises(
            TypeError, match=rf"{question}\(\) of a grid is not defined: bind scalars, or take grid\[i\]"
        ):
            getattr(grid, question)()
    with pytest.raises(TypeError, match=r"digits= of a grid is not defined: bind scalars, or take grid\[i\]"):
        grid.index(digits=5)
    with pytest.raises(TypeError, match=r"a grid of shape \(\) has no length"):
        len(TOY.at(phi=np.array(0.5), epsilon=0.1))


def test_a_grid_may_hold_a_point_mass_beside_a_semicircle() -> None:
    v = sp.Symbol("v", nonnegative=True)
    grid = (semicircle(v) + point_mass(1)).at(v=np.array([0.0, 1.0]))
    np.testing.assert_allclose(grid.cdf(1.0), [1.0, 0.5], atol=1e-15)
    np.testing.assert_allclose(grid.mass_below(1.0), [0.0, 0.5], atol=1e-15)


def test_the_point_mass_answers_everything() -> None:
    law = point_mass("1/3")
    assert law.support() == ((1 / 3, 1 / 3),)
    assert law.atoms() == ((sp.Rational(1, 3), 1),)
    assert law.cdf([0.0, 1.0]).tolist() == [0.0, 1.0]
    assert law.density(0.0) == 0
    assert law.mass_below("1/3", digits=5).contains(0)
    assert law.cdf("1/3", digits=5).contains(1)
    assert law.stieltjes(1.0) == pytest.approx(1.5)
    assert law.stieltjes(1, digits=10).real.contains(Fraction(3, 2))
    assert law.support(digits=5)[0][0].contains(Fraction(1, 3))


def test_a_value_that_cannot_be_certified_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    law = SpectralLaw(variance=1)
    monkeypatch.setattr("theory.certified_precision._ATTEMPTS", 0)
    with pytest.raises(ArithmeticError, match="the value at 1 is not certified to 5 digits"):
        law.density(1, digits=5)


def test_a_plot_draws_density_and_atoms() -> None:
    axes = marchenko_pastur(2).plot(points=20)
    assert len(axes.lines) == 2
    assert axes.get_legend() is not None
    same = BOUND.plot(axes=axes)
    assert same is axes


def test_what_is_drawn_over_a_plot_is_not_cut_off() -> None:
    axes = BOUND.plot()
    axes.plot([0, 1], [50, 60])
    assert axes.get_ylim()[1] > 60
