"""Critical points: this package beside scipy's solvers, from the same starts, in one process and by turns.

Run it from the root with one thread, ``OMP_NUM_THREADS=1 python benchmarks/critical_points.py``; ``--device cuda`` runs
the same rows on a GPU; ``--starts``, ``--peer-starts``, ``--iterations`` and ``--rounds`` set the size. A time is the
time per *true* critical point: all searches' time over the number of ends with a relative gradient of at most 1e-9 and
bounded weights, whatever the method itself says (spin glasses: of at most 1e-6, for L-BFGS stops at 1e-8). The error
beside it is the largest relative gradient among the ends that the method calls critical. Our searches run as one batch;
the peers get the first of the same starts, one after the other.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import critical_points_peers as peers
import torch
from critical_points_peers import Ends
from table import by_turns, heading, row
from torch import Tensor

from numerics import (
    Mlp,
    SphericalSpinGlass,
    SquaredError,
    descent_starts,
    follow_eigenvectors,
    gaussian_memorisation,
    minimise_gradient_norm,
    spherical_critical_points,
    spherical_minima,
)
from numerics.critical_points.landscape import checked_landscape

DECAY, BOUND = 1e-3, 10.0
TRUE, NEAR = 1e-9, 1e-6  # relative gradients
SAME = 1e-9  # two points of equal loss to this are one


@dataclass(frozen=True)
class Size:
    """How much is run: searches of ours and of each peer, a peer's iterations, turns."""

    device: str
    starts: int
    peer_starts: int
    iterations: int
    rounds: int


@dataclass(frozen=True)
class Judged:
    """The ends of one method, by one measure.

    Attributes:
        starts: How many searches.
        true: Ends with a relative gradient of at most 1e-9 and bounded weights.
        near: The same with 1e-6, where a polish by Newton's method might do.
        points: Ends that are good enough for this table, over which the time is spread.
        distinct: How many those are without repeats.
        called: How many ends the method calls critical.
        right: How many of these are true.
        worst: Largest relative gradient among these.
        level: Mean index as a share of all eigenvalues, or mean energy, of those points.
    """

    starts: int
    true: int
    near: int
    points: int
    distinct: int
    called: int
    right: int
    worst: float | None
    level: float

    def __str__(self) -> str:
        return (
            f"true {self.true}/{self.starts}, to 1e-6 {self.near}, distinct {self.distinct}; "
            f"calls critical {self.called}, right in {self.right}"
            + (f"; level {self.level:.3g}" if self.points else "")
        )


def judged(
    relative: Tensor, bounded: Tensor, called: Tensor, loss: Tensor, level: Tensor, *, timed: float = TRUE
) -> Judged:
    """Judge ends by their relative gradients; those up to ``timed`` are the points of this table."""
    relative, bounded, called, loss, level = (one.cpu() for one in (relative, bounded, called, loss, level))
    true, near, some = (bounded & (relative <= cut) for cut in (TRUE, NEAR, timed))
    repeats = int((loss[some].sort().values.diff() <= SAME).sum())
    return Judged(
        starts=len(true),
        true=int(true.sum()),
        near=int(near.sum()),
        points=int(some.sum()),
        distinct=int(some.sum()) - repeats,
        called=int(called.sum()),
        right=int((called & true).sum()),
        worst=float(relative[called].max()) if bool(called.any()) else None,
        level=float(level[some].double().mean()),
    )


def report(item: str, best: dict[str, float], found: dict[str, Judged], mine: int) -> None:
    """Print a row for each method, time per point; the first ``mine`` are ours, the first is compared."""
    seconds: dict[str, float | str] = {
        name: best[name] / one.points if one.points else "none" for name, one in found.items()
    }
    first = next(iter(found))
    for place, (name, one) in enumerate(found.items()):
        if place < mine:
            rate = f"{one.points / best[name]:.3g} points/s, "
            row(f"{item}: {name}", seconds[name], one.worst, target=rate + str(one))
        else:
            ours = seconds[first]
            row("", ours, found[first].worst, peer=name, theirs=seconds[name], their_error=one.worst, target=str(one))


def networks(width: int, size: Size) -> None:
    """Tanh networks n-n-n at phi = 2n/m = 1/2, one draw of the data; the level is the mean index per eigenvalue."""
    widths, samples, starts = (width, width, width), 4 * width, size.starts
    network, loss = Mlp(widths, "tanh"), SquaredError(prefactor=0.5)
    data = gaussian_memorisation(inputs=width, outputs=width, samples=samples, seeds=[0], device=size.device)
    x, y = (one[0] for one in data)
    begin = network.init(range(starts), device=size.device)
    begin = descent_starts(network, begin, x, y, loss, seeds=range(starts))
    mine: dict[str, Callable[[], Any]] = {
        "eigenvector following": lambda: follow_eigenvectors(network, begin, x, y, loss, weight_decay=DECAY),
        "gradient norm": lambda: minimise_gradient_norm(network, begin, x, y, loss, weight_decay=DECAY),
    }
    few, landscape = begin[: size.peer_starts], peers.Landscape(widths, x, y, DECAY)
    some = {"iterations": size.iterations}
    theirs: dict[str, Callable[[], Ends]] = {
        "L-BFGS on |grad|^2": lambda: peers.gradient_norm(landscape, few, **some),
        "root hybr": lambda: peers.solved(landscape, few, method="hybr", **some),
        "root lm": lambda: peers.solved(landscape, few, method="lm", **some),
    }
    best, results = by_turns({**mine, **theirs}, size.rounds)
    judge = checked_landscape(network, begin, x, y, loss, DECAY)

    def verdict(theta: Tensor, called: Tensor) -> Judged:
        relative = judge.relative(theta, judge.gradient(theta))
        bounded = theta.square().mean(dim=1).sqrt() <= BOUND
        index = (torch.linalg.eigvalsh(judge.hessian(theta)) < 0).sum(1) / network.parameters
        return judged(relative, bounded, called, judge.data_loss(theta), index)

    following, norm = results["eigenvector following"], results["gradient norm"]
    found = {
        "eigenvector following": verdict(following.theta, following.converged),
        "gradient norm": verdict(norm.points.theta, norm.accepted),
        **{name: verdict(results[name].theta, results[name].success) for name in theirs},
    }
    report(f"n = {width}, {network.parameters} weights", best, found, len(mine))


def spin_glass(spins: int, size: Size) -> None:
    """Minima of a spherical 3-spin glass from random points; the level is their mean energy per spin."""
    glass = SphericalSpinGlass.draw(order=3, spins=spins, seed=0, device=size.device)
    begin = glass.random_points(range(size.starts))
    mine = {
        "eigenvectors to index 0": lambda: spherical_critical_points(glass, begin, index=0),
        "gradient flow": lambda: spherical_minima(glass, begin),
    }
    few = begin[: size.peer_starts]
    best, results = by_turns({**mine, "L-BFGS": lambda: peers.spherical_minima(glass, few)}, size.rounds)

    def verdict(points: Tensor, called: Tensor) -> Judged:
        energy, gradient = glass.energy_and_gradient(points)
        relative = glass.relative_gradient(gradient)
        return judged(relative, torch.ones_like(called), called, energy, energy, timed=NEAR)

    found = {name: verdict(results[name].points, results[name].converged) for name in mine}
    ends: Ends = results["L-BFGS"]
    report(f"3-spin, N = {spins}", best, {**found, "L-BFGS": verdict(ends.theta, ends.success)}, len(mine))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--starts", type=int, default=64)
    parser.add_argument("--peer-starts", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=1000, help="of the peers, each start")
    parser.add_argument("--rounds", type=int, default=1)
    size = Size(**vars(parser.parse_args()))
    name = torch.cuda.get_device_name() if size.device.startswith("cuda") else "CPU"
    setting = f"torch {torch.__version__}, {name}, {torch.get_num_threads()} thread(s), float64, by turns"
    number = f"{size.starts} starts, peers {min(size.starts, size.peer_starts)}"
    heading(f"critical points of tanh networks, phi = 1/2, weight decay {DECAY:g}, {number}, {setting}")
    for width in (4, 6, 8):
        networks(width, size)
    heading(f"minima of spin glasses, {number}, {setting}")
    for spins in (50, 100):
        spin_glass(spins, size)


if __name__ == "__main__":
    main()
