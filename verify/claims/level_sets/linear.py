"""Sublevel sets of linear networks: connected if the hidden layers are wide enough, and not at equality."""

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.lectures.level_sets import COMPLEX, PATHS
from verify.sources import FREEMAN_BRUNA_2017

Array = NDArray[np.float64]

SHAPES = {"two layers": (3, 4, 5), "three layers": (4, 3, 3, 2), "four layers": (2, 3, 4, 3, 3)}
DEFICIENT = ("a layer of zeros", "rank one", "all zeros", "nearly dependent rows")
SAMPLES = 8
PER_PIECE = 8
NOISE = 0.1
"""Of the targets, and of the weights at ends that compute nearly the same."""


def pairs(seed: int, count: int, widths: str) -> dict[str, Array]:
    """The largest loss on the path above the larger end, for random pairs; beside it that of the straight line.

    Both are over max(1, loss of the larger end). Every second pair has an end of less than full rank; of four
    pairs two are independent, and two compute nearly the same. The targets are those of the first end, with noise.
    """
    source = np.random.default_rng(seed)
    sizes = tuple(int(width) for width in widths.split())
    steps = np.linspace(0, 1, 65)[:, None]
    found: dict[str, list[float]] = {"path": [], "line": []}
    for place in range(count):
        start, end = _weights(source, sizes), _weights(source, sizes)
        if place % 2:
            start = _deficient(start, DEFICIENT[(place // 2 + place // 8) % len(DEFICIENT)])
        if place % 4 > 1:
            end = _turned(source, start)
        first, last = (np.concatenate([weight.ravel() for weight in weights]) for weights in (start, end))
        x = source.normal(size=(sizes[0], SAMPLES))
        y = _outputs(first, sizes, x) + NOISE * source.normal(size=(sizes[-1], SAMPLES))
        ends = [_loss(theta, sizes, x, y) for theta in (first, last)]
        for name, way in (
            ("path", theory.linear_path(sizes, first, last).sample(PER_PIECE)),
            ("line", (1 - steps) * first + steps * last),
        ):
            top = max(_loss(theta, sizes, x, y) for theta in way)
            found[name].append((top - max(ends)) / max(1.0, *ends))
    return {name: np.array(values) for name, values in found.items()}


def _weights(source: np.random.Generator, sizes: tuple[int, ...]) -> list[Array]:
    return [source.normal(size=(b, a)) for a, b in itertools.pairwise(sizes)]


def _deficient(weights: list[Array], kind: str) -> list[Array]:
    """The weights with less than full rank, exactly or up to rounding."""
    if kind == "a layer of zeros":
        return [0 * weights[0], *weights[1:]]
    if kind == "rank one":
        return [np.outer(weight[:, 0], weight[0]) for weight in weights]
    if kind == "all zeros":
        return [0 * weight for weight in weights]
    return [np.concatenate([weight[:-1], weight[:1] * (1 + 1e-9)]) for weight in weights]


def _turned(source: np.random.Generator, weights: list[Array]) -> list[Array]:
    """Nearly the same function by other weights: hidden layers turned by random orthogonal matrices, and moved."""
    turns = [np.linalg.qr(source.normal(size=(len(weight), len(weight))))[0] for weight in weights[:-1]]
    after = [*turns, np.eye(len(weights[-1]))]
    before = [np.eye(weights[0].shape[1]), *turns]
    return [
        a @ weight @ b.T + NOISE * source.normal(size=weight.shape)
        for a, weight, b in zip(after, weights, before, strict=True)
    ]


def _outputs(theta: Array, sizes: tuple[int, ...], x: Array) -> Array:
    outputs, start = x, 0
    for a, b in itertools.pairwise(sizes):
        outputs = theta[start : start + a * b].reshape(b, a) @ outputs
        start += a * b
    return outputs


def _loss(theta: Array, sizes: tuple[int, ...], x: Array, y: Array) -> float:
    return float(((_outputs(theta, sizes, x) - y) ** 2).sum() / SAMPLES)


@claim(
    "level-sets.linear-connected",
    title="Wide enough linear networks have connected sublevel sets",
    source=Source(FREEMAN_BRUNA_2017, "proposition 2.2, which prints at least for more than", COMPLEX),
    assumptions=(
        "the loss is a convex function of the product of all layers, without weight decay; in the measurement, the "
        "squared error, a mean over examples",
        "every hidden layer is wider than the inputs or the outputs, whichever are fewer",
    ),
    expects={Verdict.SUPPORTED},
)
def linear_connected(bench: Workbench) -> Iterator[Comparison]:
    r"""Let $n_\ell > \min(n_0, n_L)$ for every hidden layer of the linear network $W_L \cdots W_1$. Then any two
    parameters are joined by a path on which the loss is nowhere above that of the larger end: all sublevel sets are
    connected. The path is constructed, for weights of any rank: first all partial products get full rank while the
    product stays as it is, then they turn from those of one end to those of the other, and in the end the last layer
    moves straight.

    More than $\min(n_0, n_L)$ it must be. With $n_\ell = \min(n_0, n_L)$, as is also printed, one hidden unit fits $y$
    by $w_2 w_1$ at both signs of the weights, and every path between the two passes the loss $y^2$.
    """
    equality = theory.linear_equality_case()
    (y,) = equality.value.free_symbols
    yield Identity(
        "the least maximum of the loss on a path between the two signs, with one hidden unit",
        derivation=equality,
        claimed=y**2,
        rival=Rival("zero: connected at equality too", 0 * y),
    )
    batches = bench.size(quick=2, standard=8, full=32)
    for name, widths in SHAPES.items():
        items = [
            {"seed": seed, "count": bench.size(quick=8, standard=24, full=24), "widths": " ".join(map(str, widths))}
            for seed in bench.seeds(name, batches)
        ]
        results = bench.map(name, pairs, items)
        excess, line = (np.concatenate([result[key] for result in results]) for key in ("path", "line"))
        yield Agrees(
            f"loss on the path above the larger end, over max(1, that end's loss): {name}, widths {widths}",
            measured=np.maximum(excess, 0),
            predicted=0,
            tolerance=1e-12,
            reason="rounding in products of the weights, over the larger of 1 and the loss",
            rival=Rival("as on the straight line between the ends", np.maximum(line, 0)),
        )


@claim(
    "level-sets.weight-decay-as-printed",
    title="Linear networks of any depth with weight decay have no spurious minima, as printed",
    source=Source(FREEMAN_BRUNA_2017, "section 2, for two layers", PATHS),
    assumptions=("scalar layers, the loss $(w_3 w_2 w_1 - y)^2 + \\kappa |w|^2$ with $y > 0$, $\\kappa > 0$",),
    expects={Verdict.REFUTED},
    right="Any depth without weight decay, $\\kappa = 0$; two layers only with it, $\\kappa > 0$.",
    flaw="overstatement",
)
def weight_decay_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: for linear networks of any number of layers with the regulariser $\kappa |\theta|^2$ every local
    minimum is global. Then the zero network would have a direction in which the loss falls whenever it is not global,
    as it has with two layers, where the least curvature is $2 \kappa - 2y$.

    (With three layers the curvature at zero is $2 \kappa$ in every direction: zero is a strict local minimum of loss
    $y^2$, and not global if $\kappa < y^{4/3}/3$.)
    """
    derivation = theory.ridge_with_three_layers()
    (y,) = derivation.value.free_symbols
    (kappa,) = derivation.parts["curvature"].rhs.free_symbols
    yield Identity(
        "curvature of three layers at zero, in the direction in which it is least",
        derivation=derivation,
        part="curvature",
        claimed=2 * kappa - 2 * y,
        rival=Rival("2 kappa in every direction", 2 * kappa),
    )
