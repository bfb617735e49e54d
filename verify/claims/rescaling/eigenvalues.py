"""How many eigenvalues of the Hessian a rescaling can make large, and what that says of counting them."""

from collections.abc import Iterator
from typing import Final

import numpy as np

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import DINH_2017
from verify.claims.rescaling.networks import (
    CUT,
    FITTED,
    NETWORK,
    UNCLEAR,
    Array,
    along_the_orbit,
    block_sizes,
    gathered,
    loss,
    taught,
)
from verify.lectures.curvature import HESSIAN_MEASURES, OPEN_QUESTIONS
from verify.lectures.rescaling import FULL_SPECTRUM, SUMMARY

NETWORKS: Final = {
    "two layers, ReLU": {"widths": "5 4 3", "activation": "relu", "samples": 80},
    "three layers, leaky ReLU": {"widths": "6 5 4 4", "activation": "leaky_relu", "samples": 200},
}
BLOCKS: Final = ((6, 4, 3, 5), (4, 7), (5, 2, 4))
BOUND: Final = 1e3
"""M over the largest eigenvalue before the rescaling."""

BEYOND: Final = 10.0  # beta^2, over what brings the least positive eigenvalue of H and of its blocks above M
COUNT: Final = f"a count of eigenvalues, with those below {CUT:g} of the largest as zeros"
ASSUMED: Final = (
    NETWORK,
    "the Hessian at the minimum is positive semidefinite",
    f"the networks fit the outputs of a teacher of their own shape; those with a loss above {FITTED:g} at the end of "
    f"training, or with an eigenvalue between {CUT:g} and {UNCLEAR:g} of the largest, do not count",
    f"$M$ is {BOUND:g} times the largest eigenvalue before",
)


def counted(hessian: Array, rescaled: Array, sizes: tuple[int, ...], bound: float) -> dict[str, int]:
    """Rank, rank without the smallest layer, and eigenvalues beyond a bound after the rescaling."""
    smallest = int(np.argmin(sizes))
    place = np.concatenate([np.full(size, layer) for layer, size in enumerate(sizes)])
    others = place != smallest
    return {
        "rank": rank_of(hessian),
        "others": rank_of(hessian[np.ix_(others, others)]),
        "beyond": int((np.linalg.eigvalsh(rescaled) > bound).sum()),
    }


def rank_of(matrix: Array) -> int:
    """The number of eigenvalues above ``CUT`` of the largest.

    Examples:
        >>> rank_of(np.diag([2.0, 1.0, 1e-15]))
        2
    """
    values = np.linalg.eigvalsh(matrix)
    return int((values > CUT * values[-1]).sum())


def growing_factors(hessian: Array, sizes: tuple[int, ...], bound: float) -> Array:
    """One factor per layer: 1/beta for all but the smallest one, beta^(K-1) for that, with a beta that is enough.

    It brings every positive eigenvalue of H and of the block of the other layers, times beta^2, above the bound.
    """
    smallest = int(np.argmin(sizes))
    place = np.concatenate([np.full(size, layer) for layer, size in enumerate(sizes)])
    others = place != smallest
    least = min(_least_positive(hessian), _least_positive(hessian[np.ix_(others, others)]))
    beta = (BEYOND * bound / least) ** 0.5
    factors = np.full(len(sizes), 1 / beta)
    factors[smallest] = beta ** (len(sizes) - 1)
    return factors


def _least_positive(matrix: Array) -> float:
    values = np.linalg.eigvalsh(matrix)
    return float(values[values > CUT * values[-1]][0])


def counts_on_networks(
    seed: int, networks: int, widths: str, activation: str, samples: int, device: str
) -> dict[str, Array]:
    """Train networks to zero loss and count eigenvalues before and after the rescaling, assembled at both points."""
    import torch

    network, theta, x, y, losses = taught(seed, networks, widths, activation, samples, device)
    sizes = block_sizes(widths)
    before = numerics.dense_hessian(network, theta, x, y, loss()).total.cpu().numpy()
    found = []
    for member, hessian in enumerate(before):
        values = np.linalg.eigvalsh(hessian)
        bound = BOUND * float(values[-1])
        factors = torch.as_tensor(growing_factors(hessian, sizes, bound))
        scale = numerics.rescaling_factors(network, factors).to(theta)
        one = slice(member, member + 1)
        there = numerics.dense_hessian(network, scale * theta[one], x[one], y[one], loss()).total[0].cpu().numpy()
        share = np.abs(values) / values[-1]
        clear = not ((share > CUT) & (share < UNCLEAR)).any() and float(losses[member]) <= FITTED
        spectrum = {"before": values[::-1], "after": np.linalg.eigvalsh(there)[::-1], "bound": bound}
        found.append({**counted(hessian, there, sizes, bound), "clear": clear, **spectrum})
    return {name: np.array([row[name] for row in found]) for name in found[0]}


def counts_on_matrices(seed: int, matrices: int, device: str) -> dict[str, Array]:
    """Random positive definite matrices in blocks and the same counts: A A'/2n for a standard normal A, n x 2n.

    Twice as many columns as rows keep the least eigenvalue away from zero, where no count could tell it from one.
    """
    import torch

    draw = torch.Generator().manual_seed(seed)
    rows = []
    for sizes in BLOCKS:
        for _ in range(matrices):
            factor = torch.randn(sum(sizes), 2 * sum(sizes), generator=draw, dtype=torch.float64).numpy()
            hessian = factor @ factor.T / factor.shape[1]
            bound = BOUND * float(np.linalg.eigvalsh(hessian)[-1])
            alphas = np.concatenate(
                [np.full(size, one) for size, one in zip(sizes, growing_factors(hessian, sizes, bound), strict=True)]
            )
            rows.append([*counted(hessian, hessian / np.outer(alphas, alphas), sizes, bound).values(), min(sizes)])
    table = np.array(rows)
    return {name: table[:, place] for place, name in enumerate(("rank", "others", "beyond", "smallest"))}


def network_counts(bench: Workbench, name: str) -> tuple[dict[str, Array], int, int]:
    """Counts of the networks of one shape, how many did not count, and the weights of the smallest layer."""
    batches = bench.size(quick=2, standard=4, full=8)
    items = [
        {**NETWORKS[name], "seed": seed, "networks": 12, "device": bench.device} for seed in bench.seeds(name, batches)
    ]
    found = gathered(bench.map(name.replace(",", ""), counts_on_networks, items))
    clear = found["clear"].astype(bool)
    return (
        {key: value[clear] for key, value in found.items()},
        int((~clear).sum()),
        min(block_sizes(str(items[0]["widths"]))),
    )


@claim(
    "rescaling.controllable-eigenvalues",
    title="At least r - min n_k of the r positive eigenvalues can be made large at once",
    source=Source(DINH_2017, "on Hessian-based measures", FULL_SPECTRUM),
    assumptions=ASSUMED,
    expects={Verdict.SUPPORTED},
    corrects="rescaling.up-to-so-many-eigenvalues-as-printed",
)
def controllable_eigenvalues(bench: Workbench) -> Iterator[Comparison]:
    r"""Let the Hessian $H$ at a minimum of a network of $K$ layers with $n_1, \ldots, n_K$ weights have rank $r$. For
    every bound $M$ there is a minimum with the same function at which

    $$\text{at least} \quad r - \min_k n_k$$

    eigenvalues are above $M$: not one sharp direction but many. The bound is empty where the rank is no larger than the
    smallest layer. Divide all layers by $\beta$ except for the smallest, $s$, which takes $\beta^{K-1}$. As $\beta$
    grows, exactly $\operatorname{rank}(H_{cc})$ eigenvalues grow like $\beta^2$, with $H_{cc}$ the block of $H$ without
    layer $s$; the other $r - \operatorname{rank}(H_{cc}) \le n_s$ fall to zero, and the $n - r$ zeros stay.

    The bound is met by invertible matrices, of which exactly $r - n_s$ eigenvalues grow. The Hessian at a minimum of a
    ReLU network is never one of them (*rescaling.singular-hessian*): its kernel has vectors that do not vanish in
    layer $s$, and there more eigenvalues grow than the bound promises.
    """
    derivation = theory.controllable_spectrum()
    letters = derivation.symbols
    rank, size = letters["r"], letters["n_s"]
    yield Identity(
        "eigenvalues that are sure to grow",
        derivation=derivation,
        claimed=rank - size,
        rival=Rival("all r of them", rank),
    )
    for name in NETWORKS:
        found, dropped, smallest = network_counts(bench, name)
        if name == "two layers, ReLU":
            _draw(bench, found)
        yield Bounds(
            f"eigenvalues of trained networks that stay below M, of the r positive ones: {name}",
            smaller=found["rank"] - found["beyond"],
            larger=smallest,
            tolerance=0,
            reason=COUNT,
            dropped=dropped,
            rival=Rival("none, all r grow", 0),
        )
        yield Agrees(
            f"eigenvalues of trained networks beyond M, against the rank of H without the smallest layer: {name}",
            measured=found["beyond"],
            predicted=found["others"],
            tolerance=0,
            reason=COUNT,
            dropped=dropped,
            rival=Rival("all r", found["rank"]),
        )
    matrices = bench.size(quick=40, standard=200, full=1000)
    (found,) = bench.map(
        "matrices",
        counts_on_matrices,
        [{"seed": bench.seeds("matrices", 1)[0], "matrices": matrices, "device": bench.device}],
    )
    yield Agrees(
        "eigenvalues of random invertible matrices beyond M, against the rank less the smallest block",
        measured=found["beyond"],
        predicted=found["rank"] - found["smallest"],
        tolerance=0,
        reason=COUNT,
        rival=Rival("all r", found["rank"]),
    )


@claim(
    "rescaling.up-to-so-many-eigenvalues-as-printed",
    title="At most so many eigenvalues, as printed",
    source=Source(printed=SUMMARY),
    assumptions=ASSUMED,
    expects={Verdict.REFUTED},
    right="At least $r - n_k$ eigenvalues can be made arbitrarily large.",
)
def up_to_so_many_eigenvalues_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: for a positive semidefinite Hessian of rank $r$, up to $r - n_k$ eigenvalues can be made arbitrarily
    large.

    (At least so many can. The theorem gives a number that is sure, not the largest one: what grows is the rank of $H$
    without layer $k$, and that is more wherever the kernel of $H$ has a vector that does not vanish in layer $k$, as
    $(\theta_1, -\theta_2)$ does at minima of ReLU networks.)
    """
    for name in NETWORKS:
        found, dropped, smallest = network_counts(bench, name)
        sure = found["rank"] - smallest
        yield Agrees(
            f"eigenvalues of trained networks beyond M, in excess of r - n_k: {name}",
            measured=np.maximum(found["beyond"] - sure, 0),
            predicted=0,
            tolerance=0,
            reason=COUNT,
            dropped=dropped,
            rival=Rival("the rank of H without layer k, less r - n_k", found["others"] - sure),
        )


@claim(
    "rescaling.counts-are-not-invariant",
    title="Trace, largest eigenvalue and counts are no properties of the function",
    source=Source(DINH_2017, "on Hessian-based measures", HESSIAN_MEASURES),
    assumptions=(NETWORK, "the loss is the mean squared error, halved"),
    expects={Verdict.PROVED},
)
def counts_are_not_invariant(bench: Workbench) -> Iterator[Comparison]:
    r"""Flatness is read off the eigenvalues of the Hessian: the largest one, their sum, how many lie above a threshold.
    None of them is a property of the function that the network computes. The net $y = v \operatorname{relu}(wx)$ with
    $vw = 1$ and a sample at $x = 1$ has along all $w = \alpha$ one function and, for half the squared error, the
    largest eigenvalue and trace

    $$\lambda_1 = \operatorname{tr} H = \alpha^2 + \alpha^{-2} \ge 2,$$

    without an upper bound, so that for every threshold above 2 the number above it is 0 or 1 as you like. A ReLU
    network with three hidden units that fits four samples, with all numbers exact, has along its orbit other numbers of
    eigenvalues above a threshold, too, and other traces. The number of positive eigenvalues alone stays.
    """
    derivation = theory.orbit_counts()
    (alpha,) = derivation.value.free_symbols
    yield Identity(
        "largest eigenvalue and trace of the net with two weights",
        derivation=derivation,
        claimed=alpha**2 + alpha**-2,
        rival=Rival("2, at every point of the orbit", 2 * alpha**0),
    )
    yield Identity(
        "least value along the orbit",
        derivation=derivation,
        part="least",
        claimed=2,
        rival=Rival("as small as you like", 0),
    )
    _draw_orbit(bench)


@claim(
    "rescaling.layer-sizes",
    title="Wider layers: fewer eigenvalues are sure to become large",
    source=Source(DINH_2017, "follows from the bound on controllable eigenvalues", OPEN_QUESTIONS),
    assumptions=(
        "two layers without biases: $d$ inputs, $h$ hidden units, $o \\le d$ outputs",
        "the network fits its $N$ samples exactly under squared error, with a Jacobian of full rank",
    ),
    expects={Verdict.PROVED},
)
def layer_sizes(bench: Workbench) -> Iterator[Comparison]:
    r"""What geometry do the sizes of the layers induce? With $n_1 = hd$ and $n_2 = ho$ weights the rescaling $(\alpha
    \theta_1, \theta_2/\alpha)$ multiplies volumes by $\alpha^{h(d - o)}$: each hidden unit adds to the power, and
    there is none for as many outputs as inputs. At an exact fit of $N$ samples the Hessian has rank $No$, so that

    $$r - \min(n_1, n_2) = o\,(N - h)$$

    eigenvalues are sure to become as large as you like: $o$ fewer with every hidden unit, and none once there are as
    many units as samples. That is the bound, and not what happens: in wide layers all $No$ positive eigenvalues can
    grow, as the derivation counts in an example.
    """
    derivation = theory.width_and_rescaling()
    letters = derivation.symbols
    hidden, outputs, samples = letters["h"], letters["o"], letters["N"]
    yield Identity(
        "eigenvalues that are sure to grow",
        derivation=derivation,
        claimed=outputs * (samples - hidden),
        rival=Rival("all positive ones", outputs * samples),
    )
    power = derivation.parts["volume"].rhs
    inputs = next(symbol for symbol in power.free_symbols if symbol.name == "d")
    yield Identity(
        "power of alpha in volumes",
        derivation=derivation,
        part="volume",
        claimed=hidden * (inputs - outputs),
        rival=Rival("without the number of hidden units", inputs - outputs),
    )


def _draw(bench: Workbench, found: dict[str, Array]) -> None:
    """Draw the spectrum of the first network before and after."""
    before, after, bound = found["before"][0], found["after"][0], found["bound"][0]
    rank, beyond = int(found["rank"][0]), int(found["beyond"][0])
    figure = bench.figure(
        "spectrum",
        title="Spectrum of one minimum, and of another one of the same function",
        x="number of the eigenvalue",
        y="eigenvalue",
        y_scale="log",
        caption=f"A network of {len(before)} weights. Of the {rank} positive eigenvalues {beyond} are brought above "
        f"the line; {rank - beyond} fall. The {len(before) - rank} zeros are left out.",
    )
    number = np.arange(1, rank + 1)
    figure.points(number, before[:rank], "as trained")
    shown = after[:rank] > 0
    figure.points(number[shown], after[:rank][shown], "rescaled")
    figure.line([1, rank], [bound, bound], "M")


def _draw_orbit(bench: Workbench) -> None:
    """Draw numbers of eigenvalues above some thresholds along the orbit of a trained network."""
    exponents = np.linspace(-2, 2, 41)
    item = {
        **NETWORKS["two layers, ReLU"],
        "seed": bench.seeds("network", 1)[0],
        "networks": 1,
        "exponents": " ".join(map(str, exponents)),
        "device": bench.device,
    }
    (found,) = bench.map("orbit", along_the_orbit, [item])
    spectra = found["spectra"][0]
    figure = bench.figure(
        "counts",
        title="Eigenvalues above a threshold, along the orbit of one trained network",
        x="$\\alpha$",
        y="number of eigenvalues above",
        x_scale="log",
        caption="A network of 32 weights that fits its data, rescaled to $(\\alpha\\theta_1, \\theta_2/\\alpha)$. The "
        "function is the same all along; as trained, the network is at $\\alpha = 1$.",
    )
    for threshold in (0.1, 1.0, 10.0):
        figure.line(found["alphas"], (spectra > threshold).sum(axis=1).astype(float), f"above {threshold:g}")
