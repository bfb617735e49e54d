"""Free sums of laws: this package beside its peers, in one process and alternating.

Run it from the root with one thread, ``OMP_NUM_THREADS=1 python benchmarks/free_probability.py``. A peer that is not
installed (extra ``peers``) is skipped with a line that says so. Times are after ``.at()``, and no law answers the same
question twice. Errors are against certified balls. The problem: Marchenko-Pastur of ratio 1/2 plus a semicircle of
variance 1/5 (toy), and the ReLU model at the same ratio and energy 1/10.
"""

import importlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mpmath as mp
import numpy as np
import sympy as sp
from scipy.integrate import quad

from theory import SpectralLaw, relu_hessian, wishart_wigner_hessian

POINTS = 2000
INDICES = 20_000
VALUES = {"phi": "1/2", "epsilon": "1/10"}
MODELS = {"toy": wishart_wigner_hessian(), "ReLU": relu_hessian()}


def fresh(law: SpectralLaw) -> SpectralLaw:
    """Return a bound law that remembers nothing."""
    return law.at(**VALUES)


def best(run: Callable[[], Any], rounds: int = 5) -> tuple[float, Any]:
    """Return the best time in milliseconds, and the last result."""
    shortest, result = float("inf"), None
    for _ in range(rounds):
        start = time.perf_counter()
        result = run()
        shortest = min(shortest, time.perf_counter() - start)
    return 1e3 * shortest, result


def best_fresh(law: SpectralLaw, question: Callable[[SpectralLaw], Any], rounds: int = 9) -> tuple[float, Any]:
    """Time a question on laws that remember nothing."""
    shortest, result = float("inf"), None
    for _ in range(rounds):
        bound = fresh(law)
        start = time.perf_counter()
        result = question(bound)
        shortest = min(shortest, time.perf_counter() - start)
    return 1e3 * shortest, result


def line(item: str, ours: float, error: str, peer: str = "", peer_ms: float | None = None) -> None:
    """Print one row."""
    ratio = "" if peer_ms is None else f"   {peer} {peer_ms:.4g} ms: {peer_ms / ours:.0f}x"
    print(f"{item:<44} {ours:10.4g} ms   {error}{ratio}")


def optional(name: str) -> Any:
    """Import a peer, or say that it is skipped."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed: skipped (pip install 'lossproof[peers]')")
        return None


def polynomial_roots(law: SpectralLaw, x: float) -> float:
    """Return the density by numpy's polynomial roots, as one would write it by hand."""
    g = sp.Symbol("g")
    place = sp.Symbol("x")
    numerator = sp.Poly(sp.numer(sp.together(law.r_transform(g) + 1 / g - place)), g)
    functions = [sp.lambdify(place, coefficient) for coefficient in numerator.all_coeffs()]
    return max(0.0, -np.roots([float(f(x)) for f in functions]).imag.min() / np.pi)


def rmtool_density(rmtool: Any, law: SpectralLaw, x: np.ndarray) -> Callable[[], np.ndarray]:
    """Return a run of rmtool's density on the same curve, in its convention m = -G."""
    m, z = rmtool.m, rmtool.z
    curve = sp.expand(sp.numer(sp.together(law.r_transform(-m) - 1 / m - z)))

    def run() -> np.ndarray:
        result = rmtool.Lmz2pdf(curve, x)
        values = getattr(result, "density", getattr(result, "pdf", None))
        return np.asarray(result[1] if values is None else values, dtype=float)

    return run


def main() -> None:
    """Print every row."""
    rmtool = optional("rmtool")
    for name, law in MODELS.items():
        bound = fresh(law)
        (low, high), *_ = bound.support()
        x = np.linspace(low + 1e-3, high - 1e-3, POINTS)
        exact = np.array([float(ball) for ball in bound.density(x, digits=20)])
        ours, density = best(lambda law=law, x=x: fresh(law).density(x))
        error = f"error {np.abs(density - exact).max():.1e}"
        if rmtool is None:
            line(f"density, {POINTS} points, {name}", ours, error)
        else:
            try:
                theirs, values = best(rmtool_density(rmtool, bound, x), 2)
                error += f" (theirs {np.abs(values - exact).max():.1e})"
                line(f"density, {POINTS} points, {name}", ours, error, "rmtool", theirs)
            except Exception as failure:  # a peer's failure is a result
                line(f"density, {POINTS} points, {name}", ours, f"{error} (rmtool failed: {failure})")
        milliseconds, balls = best_fresh(law, lambda bound, x=x: bound.density(x, digits=50), 2)
        few = x[:: POINTS // 20]
        symbol = sp.Symbol("g")
        with mp.workdps(50):
            start = time.perf_counter()
            for place in few:
                equation = law.at(**VALUES).r_transform(symbol) + 1 / symbol - sp.Rational(str(place))
                coefficients = sp.Poly(sp.numer(sp.together(equation)), symbol).all_coeffs()
                mp.polyroots([mp.mpf(str(sp.N(c, 60))) for c in coefficients], maxsteps=200, extraprec=200)
            theirs = 1e3 * (time.perf_counter() - start) * POINTS / len(few)
        radius = max(float(ball.radius) for ball in balls)
        line(f"certified density, 50 digits, {name}", milliseconds, f"radius {radius:.0e}", "mp.polyroots", theirs)
        milliseconds, ball = best_fresh(law, lambda bound: bound.index(digits=50))
        line(f"index, 50 certified digits, {name}", milliseconds, f"radius {float(ball.radius):.0e}")
        energies = np.linspace(0.05, 0.5, INDICES)
        milliseconds, _ = best(lambda law=law, e=energies: law.at(phi=np.full(INDICES, 0.5), epsilon=e).index(), 3)
        theirs, value = best(lambda b=bound, lo=low: quad(lambda p: polynomial_roots(b, p), lo, 0, epsabs=1e-6)[0], 1)
        line(
            f"index, vectorised, {name}, each",
            milliseconds / INDICES,
            f"quad - ours {value - bound.index():.0e}",
            "quad",
            theirs,
        )
        milliseconds, _ = best_fresh(law, lambda bound: bound.support())
        line(f"support edges, {name}", milliseconds, "")
        milliseconds, ends = best_fresh(law, lambda bound: bound.support(digits=61))
        line(f"support edges, 200 bits, {name}", milliseconds, f"radius {float(ends[0][0].radius):.0e}")
        milliseconds, _ = best(lambda law=law: [law.moment(order) for order in range(1, 9)], 2)
        line(f"8 exact moments, {name}", milliseconds, "exact")
        milliseconds, _ = best(lambda law=law: law.moment(30), 2)
        line(f"exact moment of order 30, {name}", milliseconds, "exact")
    times = {}
    for module in ("sympy", "theory; theory.SpectralLaw", "theory"):
        code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(3)]
        times[module] = min(float(run.stdout) for run in runs)
    ratios = ", ".join(f"{module}: {seconds / times['sympy']:.2f}" for module, seconds in times.items())
    print(f"import, against import sympy: {ratios}")


if __name__ == "__main__":
    main()
