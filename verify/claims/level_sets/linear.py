"""Sublevel sets of linear networks: connected if the hidden layers are wide enough, and not at equality."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Bounds, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import FREEMAN_BRUNA_2017
from verify.claims.level_sets.unbroken import unbroken, whole_paths
from verify.lectures.level_sets import COMPLEX, PATHS

Array = NDArray[np.float64]

SHAPES = {"two layers": (3, 4, 5), "three layers": (4, 3, 3, 2), "four layers": (2, 3, 4, 3, 3)}
DEFICIENT = ("a layer of zeros", "rank one", "all zeros", "nearly dependent rows")
SAMPLES = 8
PER_PIECE = 8
EQUALITY = (3, 2, 2)
"""Widths with a hidden layer exactly as wide as min(n_0, n_L)."""
DETOURS = (0.01, 0.1, 1.0)
CORNERS = 7
NOISE = 0.1
"""Of the targets, and of the weights at ends that compute nearly the same."""


def pairs(seed: int, count: int, widths: str) -> dict[str, Array]:
    """The largest loss on the path above the larger end, for random pairs; beside it that of the straight line.

    And what tells whether the path is one: see `unbroken`. Losses are over max(1, loss of the larger end). Every second
    pair has an end of less than full rank; of four pairs two are independent, and two compute nearly the same. The
    targets are those of the first end, with noise.
    """
    source = np.random.default_rng(seed)
    sizes = tuple(int(width) for width in widths.split())
    steps = np.linspace(0, 1, 65)[:, None]
    found: dict[str, list[float]] = {"path": [], "line": [], "missed": [], "apart": [], "part": []}
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
        path = theory.linear_path(sizes, first, last)
        samples = path.sample(PER_PIECE)
        for name, value in unbroken(path, samples, first, last).items():
            found[name].append(value)
        for name, way in (
            ("path", samples),
            ("line", (1 - steps) * first + steps * last),
        ):
            top = max(_loss(theta, sizes, x, y) for theta in way)
            found[name].append((top - max(ends)) / max(1.0, *ends))
    return {name: np.array(values) for name, values in found.items()}


def walls(seed: int, count: int) -> dict[str, Array]:
    """Largest losses between the two signs of a unit at equality, over the exact barrier, for random target matrices.

    The loss is |W_2 W_1 - Y|^2. "straight": on the path that shrinks the unit of the least singular value to 0 and lets
    it grow again with both signs turned. "wider": on the constructed path between the same two networks with a third
    hidden unit, idle at both. "detour": on polygons with corners moved off that path, by more and more. On
    each segment the largest loss is taken over its ends and the zeros of det W_2, which every such path passes.
    """
    source = np.random.default_rng(seed)
    found: dict[str, list[float]] = {"straight": [], "wider": [], "detour": []}
    for place in range(count):
        target, singular, corner = factored(source.normal(size=(EQUALITY[2], EQUALITY[0])))
        barrier = 2 * float(theory.minimiser_barrier().at(part="no further direction", s=float(singular)))
        shares = np.linspace(1, -1, CORNERS)
        found["straight"].append(max(_gap(*corner(share), target) for share in shares) / barrier)
        found["wider"].append(_with_idle_unit(corner, target).max() / barrier)
        scale = DETOURS[place % len(DETOURS)]
        polygon = [corner(1.0)]
        for outer, inner in map(corner, shares[1:-1]):
            polygon.append((outer + scale * source.normal(size=(2, 2)), inner + scale * source.normal(size=(2, 3))))
        polygon.append(corner(-1.0))
        found["detour"].append(max(_largest(*pair, target) for pair in itertools.pairwise(polygon)) / barrier)
    return {name: np.array(values) for name, values in found.items()}


def factored(target: Array) -> tuple[Array, float, Callable[[float], tuple[Array, Array]]]:
    """A target matrix, its least singular value, and weights that fit it but for a factor on the last hidden unit."""
    left, values, right = np.linalg.svd(target, full_matrices=False)
    outer, inner = left * np.sqrt(values), np.sqrt(values)[:, None] * right

    def corner(share: float) -> tuple[Array, Array]:
        factors = np.array([1.0] * (len(values) - 1) + [share])
        return outer * factors, factors[:, None] * inner

    return target, float(values[-1]), corner


def _gap(outer: Array, inner: Array, target: Array) -> float:
    return float(((outer @ inner - target) ** 2).sum())


def _largest(start: tuple[Array, Array], end: tuple[Array, Array], target: Array) -> float:
    """The largest loss at the ends of a segment and where det W_2, a parabola along it, is 0."""
    values = [np.linalg.det((1 - time) * start[0] + time * end[0]) for time in (0.0, 0.5, 1.0)]
    second = 2 * (values[0] - 2 * values[1] + values[2])
    zeros = np.roots([second, values[2] - values[0] - second, values[0]])
    times = [0.0, 1.0, *(float(zero.real) for zero in zeros if zero.imag == 0 and 0 <= zero.real <= 1)]
    return max(
        _gap((1 - time) * start[0] + time * end[0], (1 - time) * start[1] + time * end[1], target) for time in times
    )


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
    source=Source(FREEMAN_BRUNA_2017, "proposition 2.2, which prints “at least” for “more than”", COMPLEX),
    assumptions=(
        "the loss is a convex function of the product of all layers, without weight decay; in the measurement, the "
        "squared error, a mean over examples",
        "every hidden layer is wider than the inputs or the outputs, whichever are fewer",
        "at equality: one hidden layer and the loss $|W_2 W_1 - Y|^2$, as on whitened inputs; the "
        "derivation for larger networks has half of that",
    ),
    expects={Verdict.SUPPORTED},
    corrects="level-sets.linear-equality-as-printed",
)
def linear_connected(bench: Workbench) -> Iterator[Comparison]:
    r"""Let $n_\ell > \min(n_0, n_L)$ for every hidden layer of the linear network $W_L \cdots W_1$. Then any two
    parameters are joined by a path on which the loss is nowhere above that of the larger end: all sublevel sets are
    connected. The path is constructed, for weights of any rank: first all partial products get full rank while the
    product stays as it is, then they turn from those of one end to those of the other, and in the end the last layer
    moves straight.

    A width of $\min(n_0, n_L)$ is not enough. One hidden unit fits $y$ by $w_2 w_1$ at both signs of the weights, and
    every path between the two passes the loss $y^2$. With one hidden layer of $\min(n_0, n_2)$ units and the loss
    $|W_2 W_1 - Y|^2$, two minimisers that differ by the sign of one unit are separated by the square of the least
    singular value of $Y$: a path meets it, and none undercuts it. One unit more takes the wall away.
    """
    equality = theory.linear_equality_case()
    (y,) = equality.value.free_symbols
    yield Identity(
        "the least maximum of the loss on a path between the two signs, with one hidden unit",
        derivation=equality,
        claimed=y**2,
        rival=Rival("zero: connected at equality too", 0 * y),
    )
    (seed,) = bench.seeds("walls", 1)
    count = bench.size(quick=30, standard=300, full=3000)
    (walls_found,) = bench.map("walls", walls, [{"seed": seed, "count": count}])
    yield Agrees(
        f"largest loss on the path between the two signs at equality, widths {EQUALITY}, over the exact barrier",
        measured=walls_found["straight"],
        predicted=1,
        tolerance=1e-12,
        reason="rounding in products of the weights",
        rival=Rival("none: connected at equality too", 0),
    )
    yield Agrees(
        f"the same with one hidden unit more, idle at both ends, instead of widths {EQUALITY}",
        measured=walls_found["wider"],
        predicted=0,
        tolerance=1e-12,
        reason="rounding in products of the weights",
        rival=Rival("as at equality", walls_found["straight"]),
    )
    yield Bounds(
        f"the exact barrier, over the largest loss on random detours at equality, widths {EQUALITY}",
        smaller=1 / walls_found["detour"],
        larger=1,
        tolerance=1e-9,
        reason="rounding in the places where a determinant is 0",
        rival=Rival("the barrier is twice as high", 0.5),
    )
    batches = bench.size(quick=2, standard=8, full=32)
    seen = []
    for name, widths in SHAPES.items():
        items = [
            {"seed": seed, "count": bench.size(quick=8, standard=24, full=24), "widths": " ".join(map(str, widths))}
            for seed in bench.seeds(name, batches)
        ]
        results = bench.map(name, pairs, items)
        found = {key: np.concatenate([result[key] for result in results]) for key in results[0]}
        yield Agrees(
            f"loss on the path above the larger end, over max(1, that end's loss): {name}, widths {widths}",
            measured=np.maximum(found["path"], 0),
            predicted=0,
            tolerance=1e-12,
            reason="rounding in products of the weights, over the larger of 1 and the loss",
            rival=Rival("as on the straight line between the ends", np.maximum(found["line"], 0)),
        )
        seen.append(found)
    yield from whole_paths(seen)
    figure = bench.figure(
        "wall",
        title="Linear networks between the two signs of a hidden unit",
        x="share of the path",
        y="loss",
        caption="Three inputs, two outputs, the target has the singular values 2 and 1. With two hidden units the best "
        "path passes the loss 1; with a third one, idle at both ends, the constructed path stays at 0.",
    )
    for label, losses in profiles().items():
        figure.line(np.linspace(0, 1, len(losses)), losses, label)


def profiles() -> dict[str, Array]:
    """Losses between the two signs of a unit: the best path of two hidden units, the constructed one of three."""
    target, _, corner = factored(np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    alone = np.array([_gap(*corner(share), target) for share in np.linspace(1, -1, 65)])
    return {"two hidden units": alone, "three hidden units": _with_idle_unit(corner, target)}


def _with_idle_unit(corner: Callable[[float], tuple[Array, Array]], target: Array) -> Array:
    """Losses on the constructed path between the two signs, with a third hidden unit that is idle at both ends."""
    ends = []
    for share in (1.0, -1.0):
        outer, inner = corner(share)
        ends.append(np.concatenate([inner.ravel(), np.zeros(3), np.pad(outer, ((0, 0), (0, 1))).ravel()]))
    path = theory.linear_path((3, 3, 2), *ends).sample(PER_PIECE)
    return np.array([_gap(theta[9:].reshape(2, 3), theta[:9].reshape(3, 3), target) for theta in path])


@claim(
    "level-sets.linear-equality-as-printed",
    title="Linear networks are connected with hidden layers exactly as wide as the inputs or outputs, as printed",
    source=Source(FREEMAN_BRUNA_2017, "proposition 2.2"),
    assumptions=(
        "one hidden layer exactly as wide as the inputs or the outputs, whichever are fewer; here one unit, the loss "
        "$(w_2 w_1 - y)^2$, $y > 0$, and no weight decay",
    ),
    expects={Verdict.REFUTED},
    right="All sublevel sets are connected if $n_\\ell > \\min(n_0, n_L)$ for every hidden layer.",
    flaw="misprint",
)
def linear_equality_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: all sublevel sets of a linear network are connected if $n_\ell \geq \min(n_0, n_L)$ for every hidden
    layer. Then a path of loss 0 would join the two networks of one hidden unit that fit $y$, with $w_1 = w_2 = \sqrt y$
    and $w_1 = w_2 = -\sqrt y$.

    (Each such path passes $w_1 = 0$, where the loss is $y^2$. The lecture has the strict condition, which is enough.)
    """
    equality = theory.linear_equality_case()
    (y,) = equality.value.free_symbols
    yield Identity(
        "the least maximum of the loss on a path between the two signs, with one hidden unit",
        derivation=equality,
        claimed=0 * y,
        rival=Rival("the square of the target", y**2),
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
