"""Free sums of laws: this package beside its peers, by turns.

Run it from the root with one thread, ``OMP_NUM_THREADS=1 python benchmarks/free_probability.py [--peers PYTHON]``;
PYTHON is an interpreter in which rmtool and freealg are installed, by default ``$LOSSPROOF_PEERS`` or this one. A peer
that is not installed is skipped with a line that says so. Our times start after ``.at()``, on laws that were asked
nothing before; the peers' after their own set-up. Errors are largest differences from certified balls.

The problem: Marchenko-Pastur of ratio 1/2 plus a semicircle of variance 1/5 (toy), and the ReLU model at the same ratio
and energy 1/10.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mpmath as mp
import numpy as np
import sympy as sp
from scipy.integrate import quad
from table import Peers, by_turns, heading, row

from theory import SpectralLaw, critical_energy, relu_hessian, wishart_wigner_hessian

POINTS = 2000
INDICES = 20_000
VALUES = {"phi": "1/2", "epsilon": "1/10"}
MODELS = {"toy": wishart_wigner_hessian(), "ReLU": relu_hessian()}
TARGETS = {"toy": (3e-3, 50), "ReLU": (7e-3, 17)}
ROUNDS = 7

g = sp.Symbol("g")


class Fresh:
    """Questions to a law that remembers nothing: it is bound anew, untimed, before each."""

    def __init__(self, law: SpectralLaw) -> None:
        self._law = law
        self.bind()

    def bind(self) -> None:
        """Forget."""
        self.law = self._law.at(**VALUES)

    def time(self, ask: Callable[[SpectralLaw], Any], rounds: int = ROUNDS) -> tuple[float, Any]:
        """Return the best time and the answer."""
        best, answers = by_turns({"ours": lambda: ask(self.law)}, rounds, self.bind)
        return best["ours"], answers["ours"]


def floats(balls: Any) -> np.ndarray:
    """Round balls."""
    return np.array([float(ball) for ball in balls])


def coefficients(law: SpectralLaw, x: Any) -> list[sp.Expr]:
    """Return the polynomial whose root is G(x)."""
    return sp.Poly(sp.numer(sp.together(law.r_transform(g) + 1 / g - x)), g).all_coeffs()


def density(name: str, law: SpectralLaw, peers: Peers) -> None:
    """Density at 2000 points, in float64 and to 50 digits."""
    fresh = Fresh(law)
    transform = str(fresh.law.r_transform(g))
    (low, high), *_ = fresh.law.support()
    x = np.linspace(low + 1e-3, high - 1e-3, POINTS)
    exact = floats(fresh.law.density(x, digits=20))
    runs: dict[str, Callable[[], Any]] = {"ours": lambda: fresh.law.density(x)}
    at, _ = by_turns({"ours": lambda: law.at(**VALUES)}, ROUNDS)
    setup = None
    if peers.has("rmtool"):
        runs["rmtool"] = lambda: peers.call("rmtool_density", transform=transform, x=x.tolist())
        setup = by_turns({"rmtool": lambda: peers.call("rmtool_setup", transform=transform)}, 2)[0]["rmtool"]
    best, results = by_turns(runs, ROUNDS, fresh.bind)
    error = {run: float(np.abs(np.array(values) - exact).max()) for run, values in results.items()}
    limit, ratio = TARGETS[name]
    fast = best["ours"] <= limit and best.get("rmtool", np.inf) >= ratio * best["ours"]
    row(f"set-up, {name}", at["ours"], peer="rmtool", theirs=setup, target="5 ms", holds=at["ours"] <= 5e-3)
    row(
        f"density, {POINTS} points, {name}",
        best["ours"],
        error["ours"],
        peer="rmtool",
        theirs=best.get("rmtool"),
        their_error=error.get("rmtool"),
        target=f"{1e3 * limit:.0f} ms, {ratio}x, 1e-13",
        holds=fast and error["ours"] <= 1e-13,
    )

    few = x[:: POINTS // 20]

    def roots() -> None:
        with mp.workdps(50):
            for place in few:
                numbers = [mp.mpf(str(sp.N(c, 60))) for c in coefficients(fresh.law, sp.Rational(str(place)))]
                mp.polyroots(numbers, maxsteps=200, extraprec=200)

    best, results = by_turns({"ours": lambda: fresh.law.density(x, digits=50), "polyroots": roots}, 2, fresh.bind)
    row(
        f"certified density, 50 digits, {name}",
        best["ours"],
        max(float(ball.radius) for ball in results["ours"]),
        peer="mp.polyroots, scaled",
        theirs=best["polyroots"] * POINTS / len(few),
        target="0.3 s, 1e-50",
        holds=best["ours"] <= 0.3 and max(ball.radius for ball in results["ours"]) <= sp.Rational(1, 10**50),
    )


def index(name: str, law: SpectralLaw) -> None:
    """Mass below zero: on a random grid, to 50 digits, and just above the critical energy."""
    fresh, generator = Fresh(law), np.random.default_rng(0)
    ratios, energies = generator.uniform(0.05, 4, INDICES), 10 ** generator.uniform(-4, 1, INDICES)
    low = fresh.law.support()[0][0]
    numbers = [sp.lambdify(sp.Symbol("x"), c) for c in coefficients(fresh.law, sp.Symbol("x"))]

    def by_roots(x: float) -> float:
        return max(0.0, -np.roots([float(number(x)) for number in numbers]).imag.min() / np.pi)

    grids: list[Any] = []
    best, results = by_turns(
        {
            "ours": lambda: grids[0].index(),
            "quad": lambda: quad(by_roots, low, 0, epsabs=1e-6)[0],
        },
        3,
        lambda: grids.__setitem__(slice(None), [law.at(phi=ratios, epsilon=energies)]),
    )
    checked = range(0, INDICES, INDICES // 50)
    exact = [float(grids[0][place].index(digits=20)) for place in checked]
    error = float(np.abs(results["ours"][list(checked)] - exact).max())
    each = best["ours"] / INDICES
    row(
        f"index, random grid of {INDICES}, each, {name}",
        each,
        error,
        peer="scipy quad of roots",
        theirs=best["quad"],
        their_error=abs(results["quad"] - float(fresh.law.index(digits=20))),
        target="5 us, 1e-15",
        holds=each <= 5e-6 and error <= 1e-15,
    )
    seconds, ball = fresh.time(lambda bound: bound.index(digits=50), 3 * ROUNDS)
    row(f"index, 50 certified digits, {name}", seconds, float(ball.radius), target="0.2 ms", holds=seconds <= 2e-4)
    threshold = critical_energy(law).at(phi="1/2", digits=60).midpoint
    worst = 0.0
    for power in range(9):
        bound = law.at(phi="1/2", epsilon=threshold * (1 + sp.Rational(1, 10**power)))
        worst = max(worst, abs(bound.index() / float(bound.index(digits=25)) - 1))
    row(f"index, excess 1 to 1e-8, relative, {name}", "", worst, target="1e-10", holds=worst <= 1e-10)


def edges_and_moments(name: str, law: SpectralLaw, peers: Peers) -> None:
    """Support edges in float64 and to 200 bits; exact moments."""
    fresh = Fresh(law)
    seconds, ends = fresh.time(lambda bound: bound.support(), 5 * ROUNDS)
    certified, balls = fresh.time(lambda bound: bound.support(digits=61), 3 * ROUNDS)
    error = max(
        abs(end - float(ball)) / abs(float(ball)) for end, ball in zip(sum(ends, ()), sum(balls, ()), strict=True)
    )
    row(f"support edges, {name}", seconds, error, target="0.5 ms, 1e-14", holds=seconds <= 5e-4 and error <= 1e-14)
    radius = max(float(ball.radius) for ball in sum(balls, ()))
    row(f"support edges, 200 bits, {name}", certified, radius, target="1 ms", holds=certified <= 1e-3)
    symbolic = by_turns({"ours": lambda: [law.moment(order) for order in range(1, 9)]}, 2)[0]["ours"]
    row(f"8 exact moments, symbols, {name}", symbolic, target="20 ms", holds=symbolic <= 0.02)
    runs: dict[str, Callable[[], Any]] = {"ours": lambda: [fresh.law.moment(order) for order in range(1, 9)]}
    if peers.has("rmtool"):
        transform = str(fresh.law.r_transform(g))
        runs["rmtool"] = lambda: peers.call("rmtool_moments", transform=transform, count=8)
    best, results = by_turns(runs, 2)
    agree = "rmtool" not in results or [str(fresh.law.moment(k)) for k in range(9)] == results["rmtool"]
    row(
        f"8 exact moments, numbers, {name}",
        best["ours"],
        0.0 if agree else None,
        peer="rmtool",
        theirs=best.get("rmtool"),
        target="20 ms, 75x",
        holds=best["ours"] <= 0.02 and best.get("rmtool", np.inf) >= 75 * best["ours"] and agree,
    )
    seconds = by_turns({"ours": lambda: law.moment(30)}, 3)[0]["ours"]
    row(f"exact moment of order 30, {name}", seconds, target="100 ms", holds=seconds <= 0.1)


def hard_regimes(peers: Peers) -> None:
    """The toy from ratio 1/16 to 10 and from energy 1e-10 to 40; wrong means off by 1e-6 of the peak, or negative."""
    wrong = {"ours": 0, "freealg": 0}
    worst, mass, points, negative = 0.0, 0.0, 0, 0
    has_freealg = peers.has("freealg")
    for ratio in ("1/16", "1/2", "1", "5/2", "10"):
        for energy in ("1e-10", "1e-4", "2", "40"):
            law = MODELS["toy"].at(phi=ratio, epsilon=energy)
            bands = [band for band in law.support() if band[0] < band[1]]
            x = np.concatenate([np.linspace(a, b, 2 + 16 // len(bands))[1:-1] for a, b in bands])
            exact = floats(law.density(x, digits=20))
            peak, values = exact.max(), {"ours": law.density(x)}
            if has_freealg:
                sizes, rates = ([float(jump[k]) for jump in law.jumps] for k in (1, 0))
                arguments = {"sizes": sizes, "rates": rates, "variance": float(law.variance), "x": x.tolist()}
                values["freealg"] = np.array(peers.call("freealg_density", **arguments).value)
            for run, found in values.items():
                wrong[run] += int((~(np.abs(found - exact) <= 1e-6 * peak) | ~(found >= 0)).sum())
            worst = max(worst, float(np.abs(values["ours"] - exact).max() / peak))
            negative += int((values["ours"] < 0).sum())
            mass = max(mass, abs(law.cdf(bands[-1][1] + 1) - 1))
            points += len(x)
    row(
        f"hard regimes, toy: wrong of {points}",
        str(wrong["ours"]),
        worst,
        peer="freealg FreeLevy",
        theirs=str(wrong["freealg"]) if has_freealg else None,
        target="none wrong, 1e-12 of the peak",
        holds=wrong["ours"] == negative == 0 and worst <= 1e-12,
    )
    row("hard regimes, toy: total mass", "", mass, target="1e-12", holds=mass <= 1e-12)


def imports() -> None:
    """Time ``import theory`` with its face touched against ``import sympy``."""
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"

    def run(module: str) -> float:
        return float(subprocess.run([sys.executable, "-c", code.format(module)], capture_output=True, text=True).stdout)

    times: dict[str, list[float]] = {"sympy": [], "theory": [], "theory; theory.SpectralLaw": []}
    for _ in range(4):
        for module, seconds in times.items():
            seconds.append(run(module))
    sympy, theory, touched = (min(seconds) for seconds in times.values())
    row("import theory; theory.SpectralLaw", touched, peer="import sympy", theirs=sympy)
    row(
        "import theory",
        theory,
        peer="import sympy",
        theirs=sympy,
        target="1.2 times sympy",
        holds=theory <= 1.2 * sympy,
    )


def main() -> None:
    """Print every row."""
    with Peers(Path(__file__).with_name("free_probability_peers.py")) as peers:
        heading("free probability, float64, best of several rounds by turns")
        for name, law in MODELS.items():
            density(name, law, peers)
            index(name, law)
            edges_and_moments(name, law, peers)
        hard_regimes(peers)
        imports()


if __name__ == "__main__":
    main()
