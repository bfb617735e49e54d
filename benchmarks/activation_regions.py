"""The regions of ReLU networks on a plane and on a segment: this package beside its peers, by turns.

Run it from the root with one thread, ``OMP_NUM_THREADS=1 python benchmarks/activation_regions.py``. The error is the
largest relative error of a count, against ours where they are confirmed: all patterns of the points that were found
are different, and areas sum up to that of the square. A peer that is not installed (regioncam, relucent; neither is
in the extra ``peers``) is skipped with a line that says so. Times are each process's own best, by turns.

regioncam works in float32, on a plane alone; relucent in any dimension, here on the whole plane, beside ours on a
square that is so large that it meets all regions. Points on a grid or along the segment are what one counts patterns of
without any such package: they miss regions.

Where regioncam, which is compiled, is faster the rows say so. Ours spends a fixed time on each unit, whatever it cuts,
which members share.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from table import Peers, by_turns, heading, row
from torch import Tensor

from numerics import Mlp, PolygonRegions, polygon_regions, segment_regions

ROUNDS = 2
SQUARE = torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)
ORIGIN, AXES = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)


def patterns(network: Mlp, theta: Tensor, x: Tensor) -> list[Tensor]:
    """Which hidden units are on, for one member, all points."""
    return [pre[0] > 0 for pre in network.trace(theta[None], x).pre[:-1]]


def count_of_points(network: Mlp, theta: Tensor, x: Tensor) -> Tensor:
    """How many patterns there are at some inputs, by member."""
    codes = [torch.cat(patterns(network, point, x), dim=1) for point in theta]
    return torch.tensor([len(torch.unique(code, dim=0)) for code in codes])


def confirmed(network: Mlp, theta: Tensor, found: PolygonRegions, area: float) -> bool:
    """Whether no two regions have one pattern, and their areas leave nothing out."""
    whole = torch.zeros(len(theta), dtype=torch.float64).index_add(0, found.members, found.areas)
    points = [found.inner_points[found.members == member] for member in range(len(theta))]
    own = [count_of_points(network, theta[[k]], inside) for k, inside in enumerate(points)]
    return bool((whole / area - 1).abs().max() < 1e-9) and torch.equal(torch.cat(own), found.counts)


def error(counts: Tensor | list[int], truth: Tensor) -> float:
    return float((torch.as_tensor(counts) / truth - 1).abs().max())


def drawn(network: Mlp, members: int) -> Tensor:
    return network.init(range(members), sigma_w=2**0.5, sigma_b=0.5)


def layers(network: Mlp, theta: Tensor) -> list[list[list[object]]]:
    """The weights and biases as lists."""
    pieces = network.unflatten(theta)
    return [
        [[weight[k].tolist(), [] if bias is None else bias[k].tolist()] for weight, bias in pieces]
        for k in range(len(theta))
    ]


def polygons(hidden: tuple[int, ...], members: int, peers: Peers) -> None:
    """A square of side 2 around the origin."""
    network = Mlp((2, *hidden, 1), "relu", bias=True)
    theta = drawn(network, members)
    axis = torch.linspace(-1, 1, 101, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    runs = {
        "ours": lambda: polygon_regions(network, theta, SQUARE, ORIGIN, AXES),
        "grid of 101 x 101": lambda: count_of_points(network, theta, grid),
    }
    if peers.has("regioncam"):
        peers.call("networks", layers=layers(network, theta))
        runs["regioncam, float32"] = lambda: peers.call("regioncam_polygon", size=1.0)
    best, results = by_turns(runs, ROUNDS)
    found = results.pop("ours")
    sure = confirmed(network, theta, found, 4.0)
    item = f"square, {'-'.join(map(str, network.widths))}, {members} nets, {int(found.counts.sum())} regions"
    for peer, counts in results.items():
        row(
            item,
            best["ours"],
            0.0 if sure else None,
            peer=peer,
            theirs=best[peer],
            their_error=error(counts, found.counts),
        )


def planes(hidden: tuple[int, ...], peers: Peers) -> None:
    """All of the plane."""
    if not peers.has("relucent"):
        return
    network = Mlp((2, *hidden, 1), "relu", bias=True)
    theta, size = drawn(network, 2), 1e3
    peers.call("networks", layers=layers(network, theta))
    peers.call("relucent_plane")
    best, results = by_turns(
        {
            "ours": lambda: polygon_regions(network, theta, size * SQUARE, ORIGIN, AXES),
            "relucent": lambda: peers.call("relucent_plane"),
        },
        1,
    )
    counts = results["ours"].counts
    item = f"plane, {'-'.join(map(str, network.widths))}, 2 nets, {int(counts.sum())} regions"
    their_error = error(results["relucent"], counts)
    row(item, best["ours"], peer="relucent", theirs=best["relucent"], their_error=their_error)


def segments(hidden: tuple[int, ...], members: int) -> None:
    """A segment between two random inputs of ten numbers, beside 2000 points on it."""
    network = Mlp((10, *hidden, 1), "relu", bias=True)
    theta = drawn(network, members)
    start, end = torch.randn(2, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    points = torch.lerp(start, end, torch.linspace(0, 1, 2_000, dtype=torch.float64)[:, None])
    best, results = by_turns(
        {
            "ours": lambda: segment_regions(network, theta, start, end).counts,
            "2000 points": lambda: count_of_points(network, theta, points),
        },
        ROUNDS,
    )
    counts = results["ours"]
    row(
        f"segment, {'-'.join(map(str, network.widths))}, {members} nets, {int(counts.sum())} regions",
        best["ours"],
        peer="2000 points",
        theirs=best["2000 points"],
        their_error=error(results["2000 points"], counts),
    )


def main() -> None:
    with Peers(Path(__file__).with_name("activation_regions_peers.py")) as peers:
        heading(
            f"activation regions, torch {torch.__version__}, {torch.get_num_threads()} thread(s), float64, by turns"
        )
        for hidden, members in (((30,), 1), ((30,), 16), ((30, 30), 4), ((100,), 1), ((100,), 4)):
            polygons(hidden, members, peers)
        planes((8, 6), peers)
        for hidden, members in (((30,), 8), ((64, 64), 8), ((32, 32, 32, 32), 8)):
            segments(hidden, members)


if __name__ == "__main__":
    main()
