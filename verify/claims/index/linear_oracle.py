"""Linear networks as an exact oracle: every critical point is known, and so is its index at every size.

Conventions: widths n0-n1-n2, p = min(n0, n2), no biases; outputs of a sample x are W2 W1 x, the loss is the sum of
squared residuals over 2m, energies are L/n2 over the draw's own mean square target. A critical set fits r of the p
singular directions of the least-squares map; alpha = index/(n1 (n0 + n2)).
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Comparison, Equals, Exponent, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import BALDI_HORNIK_1989
from verify.claims.index.found_points import FIGURE_6

Array = NDArray[np.float64]

GENERIC: Final = "inputs and targets are independent standard normal numbers, no biases, no weight decay"
EQUAL: Final = 1e-12  # of relative energies, which are at most 1/2
SAME_MAP: Final = 1e-6  # of a map W2 W1, over the norm of the least-squares map
SHARES: Final = np.geomspace(0.01, 0.08, 6)  # of directions that uniform sets leave out
GREEDY_SHARES: Final = np.geomspace(0.1, 0.5, 6)


def points_and_sets(
    inputs: int, hidden: int, outputs: int, samples: int, seed: int, draws: int, starts: int, device: str
) -> Mapping[str, Any]:
    """Find critical points of linear networks, and look each up in the list of all by its energy alone.

    Returns:
        Per found point: the error of its energy against the nearest of the list, the distance of the second nearest,
        the same two of its map W2 W1 (in units of the least-squares map), index and zero modes as counted and as
        listed, and what two wrong formulae say. And ``searches``, how many were started.
    """
    found = numerics.sample_critical_points(
        widths=(inputs, hidden, outputs),
        samples=samples,
        activation="linear",
        weight_decay=0.0,
        seed=seed,
        draws=draws,
        starts=starts,
        method="gradient",
        device=device,
    )
    x, y = numerics.gaussian_memorisation(
        inputs=inputs, outputs=outputs, samples=samples, seeds=[seed + draw for draw in range(draws)]
    )
    tables = [theory.critical_table(x[draw].numpy(), y[draw].numpy(), hidden) for draw in range(draws)]
    names = (
        "error",
        "second",
        "off_map",
        "second_map",
        "index",
        "listed_index",
        "no_inversions",
        "zeros",
        "listed_zeros",
        "gauge",
    )
    rows: list[tuple[float, ...]] = []
    for place in np.flatnonzero(found["converged"].cpu().numpy()):
        table = tables[int(found["draw"][place])]
        distances = np.abs(table.relative_energy - float(found["energy"][place]))
        row, second = np.argsort(distances, kind="stable")[:2]
        rank = int(table.chosen[row].sum())
        here = map_of(found["theta"][place].cpu().numpy(), inputs, hidden)
        listed, other = (map_of(table.weights(int(number)), inputs, hidden) for number in (row, second))
        unit = np.linalg.norm(map_of(table.weights(int(table.energy.argmin())), inputs, hidden))
        rows.append(
            (
                distances[row],
                distances[second],
                float(np.linalg.norm(here - listed) / unit),
                float(np.linalg.norm(here - other) / unit),
                int(found["index"][place]),
                table.index[row],
                (hidden - rank) * (min(inputs, outputs) - rank),
                int(found["zero_modes"][place]),
                table.zero_modes[row],
                hidden**2,
            )
        )
    columns = np.array(rows, dtype=np.float64).reshape(-1, len(names)).T
    return {**dict(zip(names, columns, strict=True)), "searches": draws * starts}


def map_of(theta: Array, inputs: int, hidden: int) -> Array:
    """Return W2 W1 of flat weights, W1 first."""
    first, second = theta[: inputs * hidden], theta[inputs * hidden :]
    return np.asarray(second.reshape(-1, hidden) @ first.reshape(hidden, inputs))


@claim(
    "index.linear-oracle",
    title="The critical points of linear networks are known",
    source=Source(BALDI_HORNIK_1989, "the critical points; index and zero modes are derived here", FIGURE_6),
    assumptions=(GENERIC, "the singular values are distinct and not zero"),
    expects={Verdict.SUPPORTED},
)
def linear_oracle(bench: Workbench) -> Iterator[Comparison]:
    r"""Let $s_1 > \dots > s_p > 0$ be the singular values of $\frac1m Y X^T S_{xx}^{-1/2}$, $S_{xx} = XX^T/m$,
    $p = \min(n_0, n_2)$. The critical points of the loss $L = |W_2 W_1 X - Y|^2/(2m)$ of a linear network
    $n_0$-$n_1$-$n_2$ are one set for each choice $I$ of $r \le \min(n_1, p)$ directions, with $\epsilon = L/n_2$,

    $$\epsilon_I = \frac{1}{2 n_2}\left(\mathrm{tr}\,\frac{Y Y^T}{m} - \sum_{i \in I} s_i^2\right),$$

    $$\mathrm{index}_I = (n_1 - r)(p - r) + \#\{i \in I,\ j \notin I,\ j \le p:\ s_j > s_i\},$$

    and $n_1^2 - (n_1 - r)^2 + (n_1 - r)\,|n_0 - n_2|$ zero modes. Every critical point that searches found is on the
    one that its energy picks: the energy agrees to $10^{-12}$ of the targets', the map $W_2 W_1$ to $10^{-6}$, index
    and zero modes exactly. Searches that ended at no critical point are counted and left out.
    """
    sets = theory.linear_critical_sets()
    names = sets.symbols
    width, fitted, more = (names[name] for name in ("n1", "r", "k"))
    yield Identity(
        "the critical sets are the subsets of directions: their dimension, k = |n0 - n2|",
        derivation=sets,
        claimed=width**2 - (width - fitted) ** 2 + (width - fitted) * more,
        rival=Rival("that of the orbits of a change of basis in the hidden layer", width**2 - (width - fitted) ** 2),
    )
    derivation = theory.critical_set_index()
    symbols = derivation.symbols
    hidden, p, r, inversions = (symbols[name] for name in ("n1", "p", "r", "inversions"))
    yield Identity(
        "the index, from the second variation of the loss",
        derivation=derivation,
        claimed=(hidden - r) * (p - r) + inversions,
        rival=Rival("without inversions", (hidden - r) * (p - r)),
    )
    zeros = derivation.parts["nullity"].rhs
    (extra,) = (symbol for symbol in zeros.free_symbols if symbol.name == "k")
    yield Identity(
        "the number of zero modes, k = |n0 - n2|",
        derivation=derivation,
        part="nullity",
        claimed=hidden**2 - (hidden - r) ** 2 + (hidden - r) * extra,
        rival=Rival("changes of basis in the hidden layer alone", hidden**2 - (hidden - r) ** 2),
    )
    shapes, draws, starts = bench.size(
        quick=(((3, 3, 3, 12), (4, 3, 2, 10), (2, 5, 4, 12), (5, 5, 5, 20)), 5, 5),
        standard=(((3, 3, 3, 12), (6, 6, 6, 24), (8, 8, 8, 32), (8, 5, 4, 32), (3, 8, 6, 24), (6, 4, 8, 20)), 12, 8),
        full=(((6, 6, 6, 24), (8, 8, 8, 32), (10, 10, 10, 40), (8, 5, 4, 32), (3, 8, 6, 24), (6, 4, 8, 20)), 40, 20),
    )
    seeds = bench.seeds("data", len(shapes))
    items = [
        {
            **dict(zip(("inputs", "hidden", "outputs", "samples"), shape, strict=True)),
            "seed": seed,
            "draws": draws,
            "starts": starts,
            "device": bench.device,
        }
        for shape, seed in zip(shapes, seeds, strict=True)
    ]
    results = bench.map("points", points_and_sets, items)
    searches = sum(result["searches"] for result in results)
    column = {name: np.concatenate([result[name] for result in results]) for name in results[0] if name != "searches"}
    ended = len(column["error"])
    count = f"{ended} critical points, where {ended} of {searches} searches ended, {searches - ended} at none"
    yield Agrees(
        f"energy of {count}: distance from the nearest one listed",
        measured=column["error"],
        predicted=0.0,
        tolerance=EQUAL,
        reason="rounding in sums of squares of order one",
        rival=Rival("the second nearest one listed", column["second"]),
    )
    yield Agrees(
        "map W2 W1 of the same points: distance from that of the set, over the norm of the least-squares map",
        measured=column["off_map"],
        predicted=0.0,
        tolerance=SAME_MAP,
        reason="a relative gradient norm of at most 1e-9, over singular values that are distinct",
        rival=Rival("the map of the set second nearest in energy", column["second_map"]),
    )
    yield Agrees(
        "index of the same points",
        measured=column["index"],
        predicted=column["listed_index"],
        tolerance=0,
        reason="a count of eigenvalues",
        rival=Rival("without inversions", column["no_inversions"]),
    )
    yield Agrees(
        "zero modes of the same points",
        measured=column["zeros"],
        predicted=column["listed_zeros"],
        tolerance=0,
        reason="a count of eigenvalues",
        rival=Rival("n1^2 everywhere, as where W1 and W2 are invertible", column["gauge"]),
    )


def index_and_excess(width: int, samples: int, seed: int, sets: int) -> Mapping[str, Any]:
    """Enumerate critical points of one large linear network: greedy sets of every size, and random sets of some.

    Returns:
        ``greedy`` and ``greedy_excess``: alpha and the energy above the minimum for sets of the largest singular
        values, least first; ``uniform`` and ``uniform_excess``: means over random sets at each share of ``SHARES``.
    """
    x, y = numerics.gaussian_memorisation(inputs=width, outputs=width, samples=samples, seeds=[seed])
    left_out = np.rint(np.concatenate([[0], SHARES * width])).astype(int)
    generator = np.random.default_rng(seed)
    greedy = np.arange(width)[None, :] < width - np.arange(1, width * 6 // 10 + 1)[:, None]
    uniform = [
        generator.permuted(np.tile(np.arange(width) >= count, (sets, 1)), axis=1) for count in left_out.tolist()[1:]
    ]
    table = theory.critical_table(
        x[0].numpy(), y[0].numpy(), width, np.concatenate([np.ones((1, width), dtype=bool), greedy, *uniform])
    )
    excess, split = table.energy - table.energy[0], 1 + len(greedy)
    return {
        "greedy": table.alpha[1:split],
        "greedy_excess": excess[1:split],
        "uniform": table.alpha[split:].reshape(len(SHARES), sets).mean(axis=1),
        "uniform_excess": excess[split:].reshape(len(SHARES), sets).mean(axis=1),
    }


@claim(
    "index.linear-exponents",
    title="Index against energy of linear networks",
    source=Source(BALDI_HORNIK_1989, "the critical points; the limits are derived here", FIGURE_6),
    assumptions=(
        GENERIC,
        "all widths $n$, $0 < \\phi = 2n/m < 2$",
        "$n \\to \\infty$: Marchenko and Pastur's law for the squares of singular values",
    ),
    expects={Verdict.SUPPORTED},
)
def linear_exponents(bench: Workbench) -> Iterator[Comparison]:
    r"""Above the least energy by a small $d$, the index of critical points of wide linear networks is a power of $d$
    that depends on which critical points are counted:

    $$\alpha = \tfrac12 \left(\frac{48\, d}{\pi^2 \phi}\right)^{2/3}$$

    to first order if the largest singular values are fitted (the sets that gradient descent from infinitesimal weights
    is known to pass, Saxe, McClelland and Ganguli, arXiv:1312.6120; not tried here), and

    $$\alpha = \frac{d}{\phi} + \frac{4 d^2}{\phi^2},$$

    of power $1$, on average over all sets of one size. Neither power is $3/2$. At $n = 300$ and more, sampled networks
    have these exponents to $0.1$, and in the middle of the fit's window the index of the limiting curve to a tenth.
    """
    from sympy import Symbol, pi

    d, phi = Symbol("d", positive=True), theory.phi
    greedy_law, uniform_law = theory.greedy_index_law(), theory.uniform_index_law()
    root, line = (48 * d / (pi**2 * phi)) ** Fraction(2, 3) / 2, d / phi + 4 * d**2 / phi**2
    for name, law, power, index, other in (
        ("largest singular values", greedy_law, "2/3", root, line),
        ("all sets of a size", uniform_law, "1", line, root),
    ):
        yield Identity(
            f"the index to first order, {name}" if law is greedy_law else f"the index, {name}",
            derivation=law,
            claimed=index,
            rival=Rival("that of the other sets", other),
        )
        yield Identity(
            f"the exponent, {name}",
            derivation=law,
            part="exponent",
            claimed=Fraction(power),
            rival=Rival("the random-matrix model's 3/2", Fraction(3, 2)),
        )
    width, draws, sets = bench.size(quick=(300, 24, 400), standard=(800, 24, 400), full=(1600, 40, 800))
    ratio = 1
    items = [
        {"width": width, "samples": 2 * width // ratio, "seed": seed, "sets": sets}
        for seed in bench.seeds("networks", draws)
    ]
    results = bench.map("networks", index_and_excess, items)
    figure = bench.figure(
        "linear-exponents",
        title=f"Index against energy, linear networks, φ = {ratio}",
        x="energy above the minimum, d",
        y="index α",
        x_scale="log",
        y_scale="log",
        caption=f"Points: exact critical points of one network of width {width}, every fifth size. Lines: the limits.",
    )
    greedy = theory.linear_index_curve(ratio, np.geomspace(0.01, 1, 80), "greedy")
    uniform = theory.linear_index_curve(ratio, np.geomspace(0.01, 1, 80), "uniform")
    figure.line(*greedy, "limit, largest singular values").line(*uniform, "limit, mean over sets of a size")
    one = results[0]
    figure.points(one["greedy_excess"][4::5], one["greedy"][4::5], "largest singular values")
    figure.points(one["uniform_excess"], one["uniform"], "mean over sets of a size")
    for name, predicted, other_power, window, label in (
        ("greedy", 2 / 3, 1.0, theory.linear_index_curve(ratio, GREEDY_SHARES)[0], "largest singular values"),
        ("uniform", 1.0, 2 / 3, ratio * SHARES[1:-1] / 4, "all sets of a size"),
    ):
        rows = [
            np.exp(np.interp(np.log(window), np.log(result[f"{name}_excess"]), np.log(result[name])))
            for result in results
        ]
        yield Exponent(
            f"index against energy at n = {width}, {label}",
            predicted=predicted,
            x=window.tolist(),
            y=rows,
            absolute=0.1,
            rival=Rival("the exponent of the other sets", other_power),
        )
        middle, limits = window[len(window) // 2], {"greedy": greedy, "uniform": uniform}
        at_middle = {key: float(np.exp(np.interp(np.log(middle), *np.log(curve)))) for key, curve in limits.items()}
        mine = at_middle.pop(name)
        yield Equals(
            f"index at the energy {middle:.3g} above the least, n = {width}, {label}",
            predicted=mine,
            replicates=np.array([row[len(window) // 2] for row in rows]),
            relative=0.1,
            rival=Rival("the limit for the other sets", *at_middle.values()),
        )
