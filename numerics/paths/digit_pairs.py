"""Barriers between independently trained networks on the handwritten digits, from seeds and small numbers.

The one function here is what an executor maps: it takes what JSON can hold, draws everything from seeds, and hands
back flat arrays, so that a long measurement is many small calls whose results can be stored as they come and need not
be computed again.
"""

import math
from collections.abc import Sequence

from torch import Tensor

from numerics.arguments import checked_sizes, integer
from numerics.data import digits
from numerics.losses import CrossEntropy
from numerics.networks import Mlp
from numerics.paths.connection import Method, connect
from numerics.paths.curves import BezierCurve, PolygonalChain
from numerics.paths.elastic_band import ElasticBand
from numerics.paths.plane import path_plane
from numerics.training.descent import adam

METHODS = ("line", "matched-line", "bezier", "polygon", "band")
PLANE = 25
"""Points of a plane in either direction."""

_CYCLES = 4  # of a band


def sample_digit_barriers(
    *,
    hidden: Sequence[int],
    seed: int,
    pairs: int,
    methods: Sequence[str] = ("line", "matched-line", "bezier"),
    activation: str = "tanh",
    sigma_w: float = 1.0,
    samples: int = 1797,
    training_steps: int = 400,
    training_rate: float = 0.03,
    steps: int = 1000,
    learning_rate: float = 0.05,
    examples: int = 256,
    profile: int = 0,
    plane: bool = False,
    device: str = "cpu",
) -> dict[str, Tensor]:
    """Train pairs of networks on the digits by Adam, connect them in several ways, and measure the largest losses.

    Pair p has the seeds ``2 (seed + p)`` and ``2 (seed + p) + 1``, weights N(0, sigma_w^2/fan_in) and biases 0 at the
    start, and full-batch steps of Adam on the mean cross-entropy. All pairs are one batched computation; a pair depends
    on its seeds alone, to rounding, so that one call for 20 pairs and 20 calls for one each measure the same.

    Args:
        hidden: Units of each hidden layer.
        seed: Of the first pair; the next ones follow.
        pairs: Pairs.
        methods: Names of those that ``connect`` knows, all but "string". The bands take ``steps`` in 4 cycles together.
        activation: By name.
        sigma_w: Weight scale at the start; sqrt(2) is usual for ReLU.
        samples: Digits, from the first.
        training_steps: Of Adam for each network.
        training_rate: Its learning rate.
        steps: Of Adam for each learnt path.
        learning_rate: Its learning rate.
        examples: Drawn at each of these steps.
        profile: Points, at equal steps from one network to the other, at which the loss on each path is handed back.
        plane: Whether the loss on the plane of each Bezier curve is handed back, on 25 x 25 points.
        device: Where to compute.

    Returns:
        One entry per pair: ``ends``, the losses of both networks, (pairs, 2); and by method, with its name in front,
        ``line.largest`` (largest loss), ``line.barrier``, ``line.slack`` and ``line.stretch`` (length over distance).
        With a profile ``line.profile``, (pairs, profile), too; with a plane ``plane.along``, ``plane.across``,
        ``plane.losses`` and ``plane.bend``, as ``numerics.path_plane`` has them.

    Raises:
        ValueError: If a method is unknown, a plane is asked for without a curve, or a number is out of range.

    Examples:
        >>> found = sample_digit_barriers(
        ...     hidden=(4,), seed=0, pairs=2, samples=50, training_steps=20, steps=20, examples=10
        ... )
        >>> found["ends"].shape, bool((found["matched-line.barrier"] >= 0).all())
        (torch.Size([2, 2]), True)
    """
    checked_sizes(pairs=pairs, steps=steps, examples=examples)
    if integer(seed) is None or not 0 <= seed < 2**62:
        raise ValueError(f"seed must be an integer in [0, 2**62), got {seed!r}.")
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise ValueError(f"methods must be among {', '.join(METHODS)}, got {unknown[0]!r}.")
    if integer(profile) is None or profile < 0 or profile == 1:
        raise ValueError(f"profile must be 0 or an integer >= 2, got {profile!r}.")
    if plane and "bezier" not in methods:
        raise ValueError(f"plane must be False where there is no curve among the methods, {', '.join(methods)}.")
    learnt: dict[str, Method] = {
        "bezier": BezierCurve(steps=steps, learning_rate=learning_rate, examples=examples),
        "polygon": PolygonalChain(bends=3, steps=steps, learning_rate=learning_rate, examples=examples),
        "band": ElasticBand(
            cycles=_CYCLES, steps=math.ceil(steps / _CYCLES), learning_rate=learning_rate, examples=examples
        ),
    }
    x, y = digits(samples=samples, device=device)
    network, loss = Mlp((x.shape[1], *hidden, 10), activation, bias=True), CrossEntropy()
    first = 2 * seed
    start = network.init(range(first, first + 2 * pairs), sigma_w=sigma_w, device=device)
    theta = adam(network, start, x, y, loss, learning_rate=training_rate, steps=training_steps).theta
    found: dict[str, Tensor] = {}
    for name in methods:
        seeds = range(seed, seed + pairs)
        path = connect(network, theta[::2], theta[1::2], x, y, loss, method=learnt.get(name, name), seeds=seeds)
        found.setdefault("ends", path.ends)
        found[f"{name}.largest"] = path.peak.loss
        found[f"{name}.barrier"] = path.barrier
        found[f"{name}.slack"] = path.slack
        found[f"{name}.stretch"] = path.length / path.distance
        if profile:
            found[f"{name}.profile"] = path.losses(profile)
        if plane and name == "bezier":
            drawn = path_plane(path, points=PLANE)
            found |= {f"plane.{part}": getattr(drawn, part) for part in ("along", "across", "losses", "bend")}
    return found
