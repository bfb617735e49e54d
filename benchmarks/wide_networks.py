"""Wide networks: tangent kernels, descent of ensembles and functional ranks, beside torch.func and torch.nn.

Run it from the root with one thread, ``OMP_NUM_THREADS=1 python benchmarks/wide_networks.py``; ``--device cuda`` runs
the same rows on a GPU. Runs take turns, the time is the median, and the error is the largest difference between ours
and the peer's result relative to the largest entry: of kernels, of losses at the end, or how many ranks differ.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import wide_networks_peers as peers
from table import heading, row
from torch import Tensor

from numerics import Mlp, SquaredError, functional_rank, tangent_kernel, wide_descent

PAIRS = 2**11  # pairs of examples up to which the recipe by products runs
INPUTS = 10


def data(samples: int, device: str) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(0)
    x, y = (torch.randn(samples, features, generator=draws, dtype=torch.float64) for features in (INPUTS, 1))
    return x.to(device), y.to(device)


def medians(runs: Mapping[str, Callable[[], Tensor]], rounds: int, device: str) -> tuple[dict[str, float], dict]:
    """Seconds of this process's cores on a CPU, which others' work does not count in; of the clock on a GPU."""
    on_cpu = device == "cpu"
    clock = time.process_time if on_cpu else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in runs}
    results = {name: run() for name, run in runs.items()}  # warm
    for _ in range(rounds):
        for name, run in runs.items():
            if not on_cpu:
                torch.cuda.synchronize()
            begin = clock()
            results[name] = run()
            if not on_cpu:
                torch.cuda.synchronize()
            times[name].append(clock() - begin)
    return {name: statistics.median(some) for name, some in times.items()}, results


def report(item: str, runs: Mapping[str, Callable[[], Tensor]], rounds: int, device: str) -> None:
    """A row for each peer; the first run is ours."""
    seconds, results = medians(runs, rounds, device)
    (ours, mine), *others = results.items()
    for peer, other in others:
        error = float((mine - other).abs().max() / other.abs().max())
        row(item, seconds[ours], error, peer=peer, theirs=seconds[peer])


def kernel(widths: tuple[int, ...], samples: int, members: int, rounds: int, device: str) -> None:
    network, (x, _) = Mlp(widths, "tanh"), data(samples, device)
    theta = network.init(range(members), device=device)
    runs: dict[str, Callable[[], Tensor]] = {
        "ours": lambda: tangent_kernel(network, theta, x).total,
        "contracted Jacobians": lambda: peers.contracted(network, theta, x),
    }
    if members * (samples * widths[-1]) ** 2 * max(widths) <= PAIRS * 2**10:
        runs["kernel-vector products"] = lambda: peers.by_products(network, theta, x)
    report(f"kernel, {named(widths)}, {samples} examples, {members} nets", runs, rounds, device)


def descent(width: int, samples: int, members: int, steps: int, rounds: int, device: str) -> None:
    network, (x, y) = Mlp((INPUTS, width, 1), "tanh"), data(samples, device)
    theta = network.init(range(members), device=device)
    loss = SquaredError()
    rates = wide_descent(network, theta, x, y, loss, edge=0.5, steps=0).learning_rate
    assert rates is not None

    def descended(number: int) -> Tensor:
        return wide_descent(network, theta, x, y, loss, edge=0.5, steps=number, record_at=[]).loss[-1]

    runs: dict[str, Callable[[], Tensor]] = {
        "ours": lambda: descended(steps),
        "loop of modules, SGD": lambda: peers.loop_of_modules(network, theta, x, y, rates, steps),
        "stacked modules": lambda: peers.stacked_modules(network, theta, x, y, rates, steps),
    }
    # ours takes the kernels at both ends too, which the peers do not
    seconds, results = medians({**runs, "no step": lambda: descended(0)}, rounds, device)
    steps_alone = seconds["ours"] - seconds["no step"]
    for peer in list(runs)[1:]:
        error = float((results["ours"] / results[peer] - 1).abs().max())
        item = f"{steps} steps, {named(network.widths)}, {samples} examples, {members} nets"
        row(item, steps_alone, error, peer=peer, theirs=seconds[peer])
    share = seconds["no step"] / seconds["ours"]
    row("", seconds["ours"], target=f"with the kernels at both ends, {share:.0%} of it")


def rank(widths: tuple[int, ...], samples: int, members: int, rounds: int, device: str) -> None:
    network, (drawn, _) = Mlp(widths, "relu", bias=True), data(samples, device)
    x = drawn[:, : widths[0]].contiguous()
    theta = network.init(range(members), sigma_b=1.0, device=device)
    runs: dict[str, Callable[[], Tensor]] = {
        "ours": lambda: functional_rank(network, theta, x).rank,
        "jacrev, matrix_rank": lambda: peers.jacobian_ranks(network, theta, x),
    }
    seconds, results = medians(runs, rounds, device)
    differ = int((results["ours"] != results["jacrev, matrix_rank"]).sum())
    row(
        f"rank, {named(widths)} with bias, {samples} examples, {members} nets",
        seconds["ours"],
        peer="jacrev, matrix_rank",
        theirs=seconds["jacrev, matrix_rank"],
        target=f"{differ} of {members} ranks differ",
    )


def named(widths: tuple[int, ...]) -> str:
    return "-".join(map(str, widths))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    device, rounds = options.device, options.rounds
    name = torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"
    setting = f"torch {torch.__version__}, {name}, {torch.get_num_threads()} thread(s), float64"
    heading(f"wide networks, {setting}, medians of {rounds} by turns")
    for widths, samples, members in (
        ((INPUTS, 2**8, 1), 20, 1),
        ((INPUTS, 2**8, 1), 20, 16),
        ((INPUTS, 2**11, 1), 20, 16),
        ((INPUTS, 2**11, 1), 200, 1),
        ((INPUTS, 2**14, 1), 20, 1),
        ((INPUTS, 2**14, 1), 200, 1),
        ((INPUTS, 2**8, 2**8, 1), 50, 4),
        ((INPUTS, 2**8, 2**8, 3), 20, 4),
    ):
        kernel(widths, samples, members, rounds, device)
    for width, samples, members, steps in ((2**8, 20, 16, 100), (2**11, 50, 8, 30), (2**14, 100, 4, 10)):
        descent(width, samples, members, steps, rounds, device)
    for widths, samples, members in (((2, 10, 1), 200, 16), ((4, 12, 12, 1), 300, 4), ((10, 30, 1), 300, 4)):
        rank(widths, samples, members, rounds, device)


if __name__ == "__main__":
    main()
