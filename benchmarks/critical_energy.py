"""Symbolic critical energies: derived and checked here, beside the same discriminant worked out by hand in sympy.

Run it from the root, ``python benchmarks/critical_energy.py``. Both start with empty caches. The error is the largest
relative difference, at 20 random ratios and 50 digits, from the maximum of the level, solved by Newton's method.
"""

import random
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mpmath
import sympy as sp
from sympy.core.cache import clear_cache

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


def best_time(run: Callable[[], object]) -> float:
    """The best time of a few runs with empty caches."""
    best = float("inf")
    for _ in range(ROUNDS):
        clear_cache()
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


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
    for name, law in (
        ("Wishart + Wigner", wishart_wigner_hessian()),
        ("linear units", linear_hessian()),
        ("ReLU units", relu_hessian()),
    ):
        print(f"\nsymbolic critical energy, {name}")
        derivation = critical_energy(law)
        rows = {
            "lossproof, derived": (lambda law=law: closed_form(EnergyCurve(law, epsilon)), derivation.value),
            "lossproof, derived and checked": (
                lambda law=law: closed_form(EnergyCurve(law, epsilon)).check(),
                derivation.value,
            ),
            "sympy, by hand, unchecked": (lambda law=law: by_hand(law), by_hand(law)),
        }
        ours = None
        for label, (run, formula) in rows.items():
            seconds = best_time(run)
            ours = ours or seconds
            print(f"  {label:34} {seconds:8.2f} s   error {error(law, formula):.1e}   {seconds / ours:5.1f} x ours")


if __name__ == "__main__":
    main()
