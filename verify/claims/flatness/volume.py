"""Flatness as a volume: every minimum lies in a region of infinite volume in which the loss hardly changes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

import numerics
import theory
from verify import Agrees, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import DINH_2017
from verify.claims.rescaling.networks import NETWORK, Array, block_sizes, gathered, loss, taught
from verify.lectures.sharp_minima import FLATNESS, FLATNESS_CASE_1, FLATNESS_CASE_2

if TYPE_CHECKING:
    from torch import Tensor

EQUAL, MORE, FEWER = "4 3 4", "4 3 2", "2 3 4"  # widths: n_1 = n_2, n_1 > n_2, n_1 < n_2
SAMPLES: Final = 60
RADIUS: Final = 1e-2
LEVEL: Final = 0.1  # the allowed rise of the loss
BOXES: Final = 9
POINTS: Final = 200  # in each box
FACTOR: Final = 2.0  # between boxes, where the layers have different sizes
BOXED: Final = (
    NETWORK,
    f"half squared error; the networks fit the outputs of a teacher of their own shape at {SAMPLES} standard normal "
    "inputs",
    f"a box around a minimum holds all weights within {RADIUS:g} of those of the minimum",
)


def corners(
    theta: "Tensor", sizes: tuple[int, ...], radius: float, factors: "Tensor", *, moved: bool = True
) -> tuple["Tensor", "Tensor"]:
    """The corners of the images of a box under (alpha theta_1, theta_2 / alpha), one image for each factor.

    Not ``moved`` they have the shapes of the images, but the centre of the first box.
    """
    import torch

    first = torch.arange(len(theta), device=theta.device) < sizes[0]
    scales = torch.where(first, factors[:, None], 1 / factors[:, None])
    centres = scales * theta if moved else theta.expand_as(scales)
    return centres - radius * scales, centres + radius * scales


def meeting_pairs(lower: "Tensor", upper: "Tensor") -> int:
    """How many pairs of boxes, without their boundaries, have a point in common.

    Examples:
        >>> import torch
        >>> lower = torch.tensor([[0.0], [0.5], [1.0]])
        >>> meeting_pairs(lower, lower + 1)
        2
    """
    meets = ((lower[:, None] < upper) & (lower < upper[:, None])).all(dim=2)
    return (int(meets.sum()) - len(lower)) // 2


def boxes_around_minima(seed: int, networks: int, widths: str, device: str) -> dict[str, Array]:
    """Images of a box around each minimum: their volumes, those that meet, and losses at random points in them."""
    import torch

    network, theta, x, y, _ = taught(seed, networks, widths, "relu", SAMPLES, device)
    sizes = block_sizes(widths)
    rows = []
    for member, weights in enumerate(theta):
        largest = float(weights[: sizes[0]].abs().max())
        factor = 2 * (largest + RADIUS) / (largest - RADIUS) if sizes[0] == sizes[1] else FACTOR
        step = factor if sizes[0] >= sizes[1] else 1 / factor
        powers = torch.arange(BOXES, dtype=theta.dtype, device=device)
        lower, upper = corners(weights, sizes, RADIUS, step**powers)
        above: list[int] = []
        above_unmoved: list[int] = []
        draw = torch.Generator().manual_seed(seed + member)
        for moved, found in ((True, above), (False, above_unmoved)):
            low, high = corners(weights, sizes, RADIUS, step**powers, moved=moved)
            for box in range(BOXES):
                share = numerics.share_below(
                    network,
                    low[box : box + 1],
                    high[box : box + 1],
                    x[member],
                    y[member],
                    loss(),
                    level=LEVEL,
                    samples=POINTS,
                    generator=draw,
                )
                found.append(POINTS - share.below)
        union = numerics.union_volume(lower, upper, samples=2000, generator=draw)
        volume = (2 * RADIUS) ** sum(sizes)
        rows.append(
            {
                "above": above,
                "above unmoved": above_unmoved,
                "pairs": meeting_pairs(lower, upper),
                "boxes": union.value / volume,
                "volumes": (upper - lower).log().sum(dim=1).cpu().numpy() - np.log(volume),
                "step": step,
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def boxes_as_printed(seed: int, networks: int, device: str) -> dict[str, Array]:
    """Five images of a box under the printed factor, around networks whose layer 2 is large, and under the right one.

    Every network has an equivalent one with max |theta_2| = 2 max |theta_1| + 3r, at which the printed factor is 1.
    """
    import torch

    _, theta, _, _, _ = taught(seed, networks, EQUAL, "relu", SAMPLES, device)
    sizes = block_sizes(EQUAL)
    powers = torch.arange(5, dtype=theta.dtype, device=device)
    found = []
    for weights in theta:
        one, two = (float(part.abs().max()) for part in weights.split(sizes))
        scale = (-3 * RADIUS + (9 * RADIUS**2 + 8 * one * two) ** 0.5) / (4 * one)  # two/c = 2 c one + 3r
        place = torch.cat([weights[: sizes[0]] * scale, weights[sizes[0] :] / scale])
        one, two = one * scale, two / scale
        printed, right = 2 * (one + RADIUS) / (two - RADIUS), 2 * (one + RADIUS) / (one - RADIUS)
        pairs = [meeting_pairs(*corners(place, sizes, RADIUS, step**powers)) for step in (printed, right)]
        found.append([printed, *pairs])
    table = np.array(found)
    return {name: table[:, column] for column, name in enumerate(("factor", "pairs", "right"))}


def boxes_with_growing_factors(seed: int, networks: int, device: str) -> dict[str, Array]:
    """Logarithms of the volumes of images of a box under growing factors, where layer 2 has more weights."""
    import torch

    _, theta, _, _, _ = taught(seed, networks, FEWER, "relu", SAMPLES, device)
    factors = FACTOR ** torch.arange(BOXES, dtype=theta.dtype, device=device)
    volumes = []
    for weights in theta:
        lower, upper = corners(weights, block_sizes(FEWER), RADIUS, factors)
        volumes.append((upper - lower).log().sum(dim=1) - theta.shape[1] * np.log(2 * RADIUS))
    return {"volumes": torch.stack(volumes).cpu().numpy()}


def _items(bench: Workbench, purpose: str, **more: str) -> list[dict[str, str | int]]:
    batches = bench.size(quick=1, standard=4, full=16)
    return [{"seed": seed, "networks": 8, "device": bench.device, **more} for seed in bench.seeds(purpose, batches)]


@claim(
    "flatness.infinite-volume",
    title="Every minimum is flat in a region of infinite volume",
    source=Source(DINH_2017, "on volume flatness", FLATNESS),
    assumptions=(*BOXED, "the loss is continuous, and neither layer of the minimum is zero"),
    expects={Verdict.SUPPORTED},
    corrects="flatness.disjoint-factor-as-printed",
)
def infinite_volume(bench: Workbench) -> Iterator[Comparison]:
    r"""Measure the flatness of a minimum $\theta$ by the volume of the largest connected region around it in which the
    loss stays below $L(\theta) + \epsilon$. For a ReLU network of two layers, with $n_1$ and $n_2$ weights, this volume
    is infinite at every minimum and for every $\epsilon > 0$, so that all minima are equally flat.

    By continuity the region holds a box $B$ of side $2r$. It also holds all images of the box under $T_\alpha:
    (\theta_1, \theta_2) \mapsto (\alpha \theta_1, \theta_2/\alpha)$, because these change no output, and their volume
    is

    $$\operatorname{vol} T_\alpha(B) = (2r)^{n_1 + n_2} \alpha^{n_1 - n_2}.$$

    It has no bound: let $\alpha$ grow if $n_1 > n_2$, and fall to zero if $n_1 < n_2$. If $n_1 = n_2$ all images have
    one volume, but with $t$ the largest absolute value of a weight of layer 1, $r < t$ and

    $$\alpha = 2\,\frac{t + r}{t - r}$$

    the boxes $B, T_\alpha(B), T_\alpha^2(B), \ldots$ are disjoint, and there are infinitely many.
    """
    growing, disjoint = theory.growing_boxes(), theory.disjoint_boxes()
    letters = {symbol.name: symbol for symbol in (growing.value.free_symbols | disjoint.value.free_symbols)}
    alpha, n1, n2 = (letters[name] for name in ("alpha", "n_1", "n_2"))
    radius = next(symbol for symbol in growing.value.free_symbols if symbol.name == "r")
    yield Identity(
        "volume of the image of a box",
        derivation=growing,
        claimed=(2 * radius) ** (n1 + n2) * alpha ** (n1 - n2),
        rival=Rival("that of the box", (2 * radius) ** (n1 + n2)),
    )
    t, r = letters["t"], next(symbol for symbol in disjoint.value.free_symbols if symbol.name == "r")
    yield Identity(
        "factor between disjoint images, for layers of equal sizes",
        derivation=disjoint,
        claimed=2 * (t + r) / (t - r),
        rival=Rival("2, its limit for small boxes", 2),
    )
    found = {}
    for widths, words in ((EQUAL, "$n_1 = n_2$"), (MORE, "$n_1 > n_2$"), (FEWER, "$n_1 < n_2$")):
        found[widths] = gathered(
            bench.map(f"boxes {widths}", boxes_around_minima, _items(bench, f"boxes {widths}", widths=widths))
        )
        yield Agrees(
            f"random points in {BOXES} images of a box at which the loss is above the level, networks with {words}",
            measured=found[widths]["above"],
            predicted=0,
            tolerance=0,
            reason="a count",
            rival=Rival(
                "as many as in boxes of those shapes around the minimum itself", found[widths]["above unmoved"]
            ),
        )
    yield Agrees(
        f"volume of the union of {BOXES} images over that of one, networks with $n_1 = n_2$",
        measured=found[EQUAL]["boxes"],
        predicted=BOXES,
        tolerance=1e-4,
        reason="sides are differences of large numbers, rounded",
        rival=Rival("one, all images being the same box", 1),
    )
    for widths, words in ((MORE, "$n_1 > n_2$"), (FEWER, "$n_1 < n_2$")):
        sizes = block_sizes(widths)
        power = abs(sizes[0] - sizes[1]) * np.log(FACTOR) * np.arange(BOXES)
        yield Agrees(
            f"logarithm of the volumes of the images, over that of the box, networks with {words}",
            measured=found[widths]["volumes"],
            predicted=np.broadcast_to(power, found[widths]["volumes"].shape),
            tolerance=1e-6,
            reason="sides are differences of large numbers, rounded",
            rival=Rival(
                "falling, with the other direction of alpha", -np.broadcast_to(power, found[widths]["volumes"].shape)
            ),
        )
    _draw(bench)


@claim(
    "flatness.box-volume-as-printed",
    title="Volume of a box, as printed",
    source=Source(printed=FLATNESS_CASE_1),
    assumptions=("the box holds all points whose $n_1 + n_2$ coordinates differ by less than $r$ from those of one",),
    expects={Verdict.REFUTED},
    right="$v = (2r)^{n_1 + n_2}$.",
)
def box_volume_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: the box of radius $r$ around a point has the volume $v = 2 r^{n_1 + n_2}$.

    (Each of its sides is $2r$ long: $v = (2r)^{n_1 + n_2}$. Nothing in the proof hangs on it.)
    """
    derivation = theory.growing_boxes()
    letters = {symbol.name: symbol for symbol in derivation.parts["box"].rhs.free_symbols}
    r, weights = letters["r"], letters["n_1"] + letters["n_2"]
    yield Identity(
        "volume of the box",
        derivation=derivation,
        part="box",
        claimed=2 * r**weights,
        rival=Rival("every side 2r long", (2 * r) ** weights),
    )


@claim(
    "flatness.growing-factor-as-printed",
    title="A larger factor makes a larger box, as printed",
    source=Source(printed=FLATNESS_CASE_1),
    assumptions=(*BOXED, "layer 2 has more weights than layer 1"),
    expects={Verdict.REFUTED},
    flaw="overstatement",
    right=(
        r"Let $\alpha$ grow if $n_1 > n_2$, and fall to zero if $n_1 < n_2$: then $v\,\alpha^{n_1 - n_2}$ has no "
        "bound."
    ),
)
def growing_factor_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: the image of the box has the volume $v\,\alpha^{n_1 - n_2}$ with $n_1 \neq n_2$, so that an
    arbitrarily large $\alpha$ makes it arbitrarily large.

    (Only if layer 1 has more weights. If $n_1 < n_2$ a large $\alpha$ makes it arbitrarily small, and it is $\alpha$
    near zero that makes it large. The region has no bound either way.)
    """
    sizes = block_sizes(FEWER)
    found = gathered(bench.map("growing", boxes_with_growing_factors, _items(bench, "growing")))
    growth = abs(sizes[0] - sizes[1]) * np.log(FACTOR) * np.arange(BOXES)
    power = np.broadcast_to(growth, found["volumes"].shape)
    yield Agrees(
        f"logarithm of the volumes of images at $\\alpha = 1, 2, 4, \\ldots$, over that of the box, $n_1 = {sizes[0]}$ "
        f"and $n_2 = {sizes[1]}$",
        measured=found["volumes"],
        predicted=power,
        tolerance=1e-6,
        reason="sides are differences of large numbers, rounded",
        rival=Rival("falling, as $n_1 - n_2$ is negative", -power),
    )


@claim(
    "flatness.disjoint-factor-as-printed",
    title="Factor between disjoint boxes, as printed",
    source=Source(printed=FLATNESS_CASE_2),
    assumptions=(
        *BOXED,
        "of each function the weights with $|\\theta_2|_\\infty = 2 |\\theta_1|_\\infty + 3r$ are taken, to which "
        "layers can always be rescaled",
    ),
    expects={Verdict.REFUTED},
    right=r"$\alpha = 2\,\frac{|\theta_1|_\infty + r}{|\theta_1|_\infty - r}$, where $r < |\theta_1|_\infty$.",
)
def disjoint_factor_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: for layers of equal sizes and

    $$\alpha = 2\,\frac{|\theta_1|_\infty + r}{|\theta_2|_\infty - r}$$

    the boxes $B, T_\alpha(B), T_\alpha^2(B), \ldots$ are disjoint.

    (The denominator must be $|\theta_1|_\infty - r$. With layer 2 there $\alpha$ may be 1, as for $\theta_1 = 1$,
    $\theta_2 = 2.3$, $r = 0.1$: then $T_\alpha$ moves nothing and all boxes are one. Every network has an equivalent
    one for which this happens.)
    """
    found = gathered(bench.map("printed", boxes_as_printed, _items(bench, "printed")))
    yield Agrees(
        "pairs of the first five boxes that have points in common",
        measured=found["pairs"],
        predicted=0,
        tolerance=0,
        reason="a count",
        rival=Rival("all ten, the boxes being one", 10),
    )


def _draw(bench: Workbench) -> None:
    """Draw boxes in the plane: one weight in each layer, along the valley of one function."""
    theta, radius = 1.0, 0.25
    factor = 2 * (theta + radius) / (theta - radius)
    figure = bench.figure(
        "boxes",
        title="One box and its images, one weight in each layer",
        x="$\\theta_1$",
        y="$\\theta_2$",
        x_scale="log",
        y_scale="log",
        caption="Along the curve $\\theta_1 \\theta_2 = 1$ the function is one. The images of the box around (1, 1) "
        "under powers of $T_\\alpha$ have the same area and do not overlap: their number has no end. (On logarithmic "
        "axes they have one shape.)",
    )
    line = np.logspace(-0.3, 2.2, 60)
    figure.line(line, 1 / line, "one function")
    for power in range(4):
        scale = factor**power
        left, right = scale * (theta - radius), scale * (theta + radius)
        low, high = (theta - radius) / scale, (theta + radius) / scale
        figure.segments(
            [left, right, right, left],
            [low, low, high, high],
            [right, right, left, left],
            [low, high, high, low],
            f"image {power}" if power else "box",
        )
