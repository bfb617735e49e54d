"""Symbolic critical energies: derived and checked here, beside the same discriminant worked out by hand in sympy.

Run it from the root, ``python benchmarks/critical_energy.py``. Both start with empty caches. The error is the largest
relative difference, at 20 random ratios and 50 digits, from the maximum of the level, solved by Newton's method.
"""

import random
import sys
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mpmath
import sympy as sp
from sympy.core.cache import clear_cache
from table import by_turns, heading, row

from theory import SpectralLaw, critical_energy, linear_hessian, relu_hessian, wishart_wigner_hessian
from theory.closed_threshold import closed_form
from theory.energy_curve import EnergyCurve
from theory.symbols import epsilon, g, phi

ROUNDS = 3
DIGITS = 50


def by_hand(law: SpectralLaw) -> sp.Expr:
    """Solve the discriminant of the edge equation for the energy and pick the root that is right at phi = 1/2."""
    numerator, _ = sp.fraction(sp.together(law.r_transform(g) + 1 / g))
    factor = max(
        (f for f, _ in sp.factor_list(sp.discriminant(numerator, g))[1] if f.has(epsilon)),
        key=lambda f: sp.degree(f, epsilon),
    )
    target = critical_energy(law).at(phi="1/2", digits=15)
    roots = sp.solve(factor, epsilon)
    near = min(roots, key=lambda root: abs(complex(root.subs(phi, sp.Rational(1, 2))) - float(target)))
    return sp.simplify(near)


def error(law: SpectralLaw, formula: sp.Expr) -> float:
    """The largest relative error of a formula at 20 random ratios."""
    curve = EnergyCurve(law, epsilon)
    function = curve.transform - 1 / curve.h
    equations = sp.lambdify([curve.h, epsilon, phi], [function, sp.diff(function, curve.h)], "mpmath")
    edge = critical_energy(law).parts["edge point"].rhs
    source, worst = random.Random(1), 0.0
    with mpmath.workdps(2 * DIGITS):
        for _ in range(20):
            ratio = Fraction(source.randrange(1, 99), 100)
            at = {phi: sp.Rational(ratio)}
            start = [mpmath.mpmathify(sp.N(-edge.subs(at), 8)), mpmath.mpmathify(sp.N(formula.subs(at), 8))]
            exact_ratio = mpmath.mpf(ratio.numerator) / ratio.denominator
            root = mpmath.findroot(lambda h, e, at=exact_ratio: equations(h, e, at), start, tol=1e-150)[1]
            worst = max(worst, float(abs(mpmath.mpmathify(sp.N(formula.subs(at), DIGITS + 10)) / root - 1)))
    return worst


def main() -> None:
    """Print one row for each model and route."""
    heading("symbolic critical energy, empty caches, best of rounds by turns")
    for name, law in (
        ("Wishart + Wigner", wishart_wigner_hessian()),
        ("linear units", linear_hessian()),
        ("ReLU units", relu_hessian()),
    ):
        runs = {
            "derived": lambda law=law: closed_form(EnergyCurve(law, epsilon)).value,
            "derived and checked": lambda law=law: _checked(law),
            "by hand": lambda law=law: by_hand(law),
        }
        best, formulas = by_turns(runs, ROUNDS, clear_cache)
        for route in ("derived", "derived and checked"):
            mistake = error(law, formulas[route])
            row(
                f"{name}, {route}",
                best[route],
                mistake,
                peer="sympy, by hand",
                theirs=best["by hand"],
                their_error=error(law, formulas["by hand"]),
                target="1 s, 1e-50" if route == "derived" else "1e-50",
                holds=(best[route] <= 1 or route != "derived") and mistake <= 1e-50,
            )


def _checked(law: SpectralLaw) -> sp.Expr:
    derivation = closed_form(EnergyCurve(law, epsilon))
    if not all(record.passed for record in derivation.check()):
        raise ArithmeticError(f"a step of the critical energy of {law} fails.")
    return derivation.value


if __name__ == "__main__":
    main()
