"""The set of parameters at which a network fits its data: when there are any, and how many dimensions it has."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Enclosure, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import COOPER_2021
from verify.claims.hessian.zero_loss import CUT, FITTED, GENERIC, NO_LOSS, fitted_networks, weights_of, widths_of
from verify.lectures.local_minima import GLOBAL_MANIFOLD

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

NETWORKS: Final = (("3 6 2", 5), ("4 8 3", 7), ("2 8 1", 10), ("3 10 2", 12))
ACTIVATIONS: Final = ("tanh", "softplus")
DISTANCE, STEP = 1.0, 0.05
FLOOR: Final = 1e-20
"""The largest loss that counts as zero on a walk; rounding leaves some 1e-30."""

RANK: Final = 1e-6
"""Singular values of J above this part of the largest count."""

RADIUS: Final = 1e-5
"""How far points are drawn from a fit before they are moved onto the set."""

LEAST: Final = Fraction(1, 10**12)


def zero_sets(seed: int, networks: int, widths: str, activation: str, samples: int, device: str) -> dict[str, Array]:
    """Fit networks to data of their own and measure the set of zero loss around each."""
    network, theta, x, y, losses = fitted_networks(seed, networks, widths, activation, samples, device)
    others = [seed + 2 * networks + member for member in range(networks)]
    jacobian = numerics.output_jacobian(network, theta, x).flatten(1, 2)
    hessian = numerics.dense_hessian(network, theta, x, y, numerics.SquaredError(prefactor=0.5)).total
    counts = numerics.inertia(hessian, tolerance=CUT)
    walk = numerics.walk_on_zero_set(network, theta, x, y, distance=DISTANCE, step=STEP, seeds=others)
    start, end = walk.points[:, 0], walk.points[:, -1]
    line = [_loss(network, start + share / 8 * (end - start), x, y) for share in range(1, 8)]
    values = _singular_values(jacobian)
    return {
        "fitted": (losses <= FITTED).cpu().numpy(),
        "rank": (values > RANK * values[:, :1]).sum(axis=1).astype(np.float64),
        "counts": np.stack(
            [part.cpu().numpy() for part in (counts.negative, counts.unresolved, counts.positive)], axis=1
        ).astype(np.float64),
        "walk": walk.losses.cpu().numpy(),
        "distances": walk.distances.cpu().numpy(),
        "line": np.stack(line, axis=1),
        "dimension": _dimensions(network, theta, x, y, others),
        "eigenvalues": np.linalg.eigvalsh(hessian[0].cpu().numpy())[::-1].copy(),
        "theta": theta[:1].cpu().numpy(),
        "x": x[:1].cpu().numpy(),
        "y": y[:1].cpu().numpy(),
    }


def exceptional_sets(seed: int, networks: int, device: str) -> dict[str, Array]:
    """The same dimension for data that are not generic, and the loss that two labels for one input leave."""
    import torch

    network, theta, x, y, losses = fitted_networks(seed, networks, "4 8 2", "linear", 8, device)
    fits = {"linear": losses}
    found = {"linear": _dimensions(network, theta, x, y, range(seed, seed + networks))}
    x, y = numerics.gaussian_memorisation(
        inputs=3, outputs=2, samples=5, seeds=range(seed + networks, seed + 2 * networks), device=device
    )
    network = numerics.Mlp((3, 6, 2), "tanh", bias=True)
    begin = network.init(range(seed + networks, seed + 2 * networks), device=device)
    twice = torch.cat([x, x[:, :1]], dim=1)
    loss = numerics.SquaredError(prefactor=0.5)
    for name, labels in (("equal", torch.cat([y, y[:, :1]], dim=1)), ("different", torch.cat([y, -y[:, :1]], dim=1))):
        end = numerics.levenberg_marquardt(network, begin, twice, labels, loss, tolerance=1e-13, max_steps=1000)
        fits[name] = end.loss
        if name == "equal":
            found[name] = _dimensions(network, end.theta, twice, labels, range(seed, seed + networks))
    return found | {
        "fitted": ((fits["linear"] <= FITTED) & (fits["equal"] <= FITTED)).cpu().numpy(),
        "left": (fits["different"] * 2 * 6).cpu().numpy(),  # the sum of squares
        "apart": (2 * y[:, 0]).cpu().numpy(),
    }


def _dimensions(
    network: "numerics.Mlp", theta: "Tensor", x: "Tensor", y: "Tensor", seeds: "list[int] | range"
) -> Array:
    counts = numerics.zero_set_dimension(network, theta, x, y, radius=RADIUS, seeds=seeds)[0]
    found: Array = counts.cpu().numpy().astype(np.float64)
    return found


def _loss(network: "numerics.Mlp", theta: "Tensor", x: "Tensor", y: "Tensor") -> Array:
    losses: Array = numerics.SquaredError().value(network.forward(theta, x), y).cpu().numpy()
    return losses


def _singular_values(jacobian: "Tensor") -> Array:
    values: Array = np.linalg.svd(jacobian.cpu().numpy(), compute_uv=False)
    return values


@claim(
    "minima.dimension",
    title="Networks with more parameters than labels fit their data on a manifold of known dimension",
    source=Source(COOPER_2021, "the main theorem, on the locus of global minima", GLOBAL_MANIFOLD),
    assumptions=(
        "the activation is smooth and not linear, the loss is the mean squared error",
        "more parameters than labels, $P > rN$, and labels that are regular values: all but a null set of them are",
        GENERIC,
        NO_LOSS,
    ),
    expects={Verdict.SUPPORTED},
)
def dimension(bench: Workbench) -> Iterator[Comparison]:
    r"""Let a network with $P$ parameters and $r$ outputs be trained on $N$ data, $P > rN$. For all labels but a null
    set the parameters of zero loss, if there are any, form a smooth manifold with

    $$\dim = P - rN,$$

    because they solve $rN$ equations that are independent there. At each of them the Hessian has exactly $rN$ positive
    eigenvalues, $P - rN$ zeros and none below. The dimension is proved in general, by Sard's theorem, and once more at
    single fits: next to the parameters found there is an exact zero of the loss, with a Jacobian of full rank. So one
    can walk away from a fit without losing it: walks in steps of 0.05, tried on all networks here, go a distance of 1.

    Labels that are not generic are exceptions. An input that occurs twice with two labels leaves no zero, one that
    occurs twice with the same label counts once. Linear units with more data than inputs fit only labels of a linear
    map, and these on a larger set. Labels that a smaller network fits leave all weights of a dead unit flat, however
    many data there are.
    """
    derivation = theory.zero_loss_dimension()
    symbols = derivation.symbols
    parameters, outputs, samples = (symbols[name] for name in ("P", "r", "N"))
    yield Identity(
        "dimension of the set of zero loss, for regular labels",
        derivation=derivation,
        claimed=parameters - outputs * samples,
        rival=Rival("one equation for each datum", parameters - samples),
    )
    networks = bench.size(quick=2, standard=64, full=256)
    kinds = [(widths, count, activation) for widths, count in NETWORKS for activation in ACTIVATIONS]
    items = [
        {"seed": seed, "networks": networks, "widths": widths, "activation": activation, "samples": count}
        | {"device": bench.device}
        for seed, (widths, count, activation) in zip(bench.seeds("networks", len(kinds)), kinds, strict=True)
    ]
    results = bench.map("zero sets", zero_sets, items)
    proved = [
        theory.certify_zero(
            widths_of(widths), result["theta"][0], result["x"][0], result["y"][0], activation=activation
        )
        for (widths, _, activation), result in zip(kinds, results, strict=True)
        if result["fitted"][0]
    ]
    yield Enclosure(
        "least eigenvalue of $JJ^T$ at an exact zero next to the parameters found, one network of each kind",
        values=[certificate.least_eigenvalue for certificate in proved],
        within=(LEAST, None),
        rival=Rival("zero, as where labels are not regular", [0]),
    )
    yield Enclosure(
        "distance of that zero from them, in every coordinate",
        values=[certificate.distance for certificate in proved],
        within=(None, Fraction(1, 10**6)),
        rival=Rival("as far as the walks go", [1]),
    )

    def all_fitted(name: str) -> Array:
        return np.concatenate([result[name][result["fitted"]] for result in results])

    fitted = [int(result["fitted"].sum()) for result in results]
    dropped = len(kinds) * networks - sum(fitted)
    labels = np.repeat([float(count * widths_of(widths)[-1]) for widths, count, _ in kinds], fitted)
    data = np.repeat([float(count) for _, count, _ in kinds], fitted)
    weights = np.repeat([float(weights_of(widths_of(widths))) for widths, _, _ in kinds], fitted)
    none = np.zeros_like(labels)
    yield Agrees(
        "rank of J at the fits",
        measured=all_fitted("rank"),
        predicted=labels,
        tolerance=0,
        reason=f"a count of singular values above {RANK:g} of the largest",
        rival=Rival("one for each datum", data),
        dropped=dropped,
    )
    yield Agrees(
        "negative, zero and positive eigenvalues of the Hessian there",
        measured=all_fitted("counts"),
        predicted=np.stack([none, weights - labels, labels], axis=1),
        tolerance=0,
        reason=f"a count of eigenvalues, with those below {CUT:g} of the largest as zeros",
        rival=Rival("one positive for each datum", np.stack([none, weights - data, data], axis=1)),
        dropped=dropped,
    )
    yield Agrees(
        "principal components of points of zero loss around the fits",
        measured=all_fitted("dimension"),
        predicted=weights - labels,
        tolerance=0,
        reason="a count of components above 0.03 of the largest; the others are 1000 times smaller",
        rival=Rival("none: fits are isolated points", none),
        dropped=dropped,
    )
    yield Agrees(
        "largest loss on a walk along the set",
        measured=all_fitted("walk").max(axis=1),
        predicted=0,
        tolerance=FLOOR,
        reason="rounding of the residuals, some 1e-15 each",
        rival=Rival("as on the straight line to its end", all_fitted("line").max(axis=1)),
        dropped=dropped,
    )
    yield Bounds(
        "a distance of 1 against that which the walk covers",
        smaller=np.full_like(labels, DISTANCE),
        larger=all_fitted("distances")[:, -1],
        tolerance=0,
        reason="the walk ends beyond the distance",
        rival=Rival("nowhere: fits are isolated points", none),
        dropped=dropped,
    )
    yield from _exceptions(bench, networks)
    figure = bench.figure(
        "gap",
        title="Eigenvalues of the Hessian at a fit, counted from $rN$ on",
        x="number of the eigenvalue, less $rN$",
        y="size, over the largest",
        y_scale="log",
        caption="One tanh network of each kind. Eigenvalues up to number $rN$ are positive, the others rounding.",
    )
    shown = [(kind, result) for kind, result in zip(kinds, results, strict=True) if kind[2] == "tanh"]
    for (widths, count, _), result in shown:
        sizes = np.sort(np.maximum(np.abs(result["eigenvalues"]), 1e-30))[::-1]
        last = count * widths_of(widths)[-1]
        places = np.arange(1, len(sizes) + 1) - last
        near = (places > -10) & (places <= 8)
        figure.points(
            places[near], np.maximum(sizes[near] / sizes[0], 1e-18), f"{widths.replace(' ', '-')}, {count} data"
        )
    figure.segments([0.5], [1e-18], [0.5], [1.0], "after number $rN$")
    walk = bench.figure(
        "walk",
        title="Loss on a walk along the set of zero loss, and on the straight line",
        x="distance from the start",
        y="loss",
        y_scale="log",
        caption="A tanh network 3-6-2 on 5 data. The line leads to the end of the walk, where it is a fit again.",
    )
    one = shown[0][1]
    walk.points(one["distances"][0], np.maximum(one["walk"][0], 1e-33), "on the walk")
    walk.points(np.arange(1, 8) / 8 * one["distances"][0, -1], one["line"][0], "on the line")


def _exceptions(bench: Workbench, networks: int) -> Iterator[Comparison]:
    """What is known of data that are not generic."""
    derivation = theory.repeated_inputs()
    first, second = sorted(derivation.value.free_symbols, key=str)
    yield Identity(
        "least sum of squares at an input with two labels",
        derivation=derivation,
        claimed=first**2 / 2 + second**2 / 2 - first * second,
        rival=Rival("zero: fitted", 0 * first),
    )
    rank = theory.linear_units_fit()
    symbols = rank.symbols
    yield Identity(
        "rank of J for linear units, with more data than inputs",
        derivation=rank,
        claimed=symbols["r"] * symbols["n_0"],
        rival=Rival("outputs times units, if these are one more than inputs", symbols["r"] * (symbols["n_0"] + 1)),
    )
    dead = theory.dead_unit_sheets()
    symbols = dead.symbols
    yield Identity(
        "flat directions that a dead unit adds at a fit, for any number of data",
        derivation=dead,
        claimed=symbols["n_0"] + symbols["r"],
        rival=Rival("none, with more labels than parameters", 0 * symbols["r"]),
    )
    (found,) = bench.map(
        "exceptions",
        exceptional_sets,
        [{"seed": bench.seeds("exceptions", 1)[0], "networks": networks, "device": bench.device}],
    )
    fitted = found["fitted"]
    measured = np.concatenate([found["equal"][fitted], found["linear"][fitted]])
    half = int(fitted.sum())
    yield Agrees(
        "principal components around fits: 3-6-2 on 5 data and one of them again; linear 4-8-2 on 8 data",
        measured=measured,
        predicted=np.repeat([38.0 - 2 * 5, 58.0 - 2 * 5], half),
        tolerance=0,
        reason="a count of components above 0.03 of the largest",
        rival=Rival("parameters less labels, as for generic ones", np.repeat([38.0 - 2 * 6, 58.0 - 2 * 8], half)),
        dropped=int((~fitted).sum()),
    )
    least = (found["apart"] ** 2).sum(axis=1) / 2
    yield Agrees(
        "sum of squares that training leaves where one of the inputs has two labels, over the least one",
        measured=found["left"] / least,
        predicted=1,
        tolerance=1e-9,
        reason="training ends at a critical point, to rounding",
        rival=Rival("zero: fitted", 0),
    )
