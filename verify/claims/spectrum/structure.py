"""What holds exactly on real networks: the split of the Hessian, how its parts scale, and its zero modes."""

from collections.abc import Iterator

import numpy as np
from numpy.linalg import matrix_rank

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Identity, Rival, Slide, Source, Verdict, Workbench, claim
from verify.bibliography import PENNINGTON_BAHRI_2017
from verify.claims.spectrum.networks import Ensemble, random_networks, trained_networks
from verify.claims.spectrum.spectra import Array
from verify.sources import OXFORD_C65

HESSIAN_SLIDE = Slide(OXFORD_C65, "Hessian for two layer net (without activation)")
SHAPE_SLIDE = Slide(OXFORD_C65, "Local shape of loss landscape")
JOINT_SLIDE = Slide(OXFORD_C65, "Stieltjes and R Transform for joint spectra")
NETWORKS = 20
ZERO = 1e-11  # of the largest singular value; rounding leaves the zeros near 1e-16


@claim(
    "spectrum.hessian-split",
    title="The Hessian splits into Gauss-Newton and residual part",
    source=Source(PENNINGTON_BAHRI_2017, "the decomposition of the Hessian", printed=HESSIAN_SLIDE),
    assumptions=("squared error", "residuals are twice differentiable at the weights in question"),
    expects={Verdict.SUPPORTED},
)
def hessian_split(bench: Workbench) -> Iterator[Comparison]:
    r"""With the loss $L = \frac{1}{2m} \sum e^2$ the Hessian is $H = H_0 + H_1$,

    $$H_0 = \frac1m J J^T, \qquad H_1 = \frac1m \sum_{\mu, i} e_{i\mu} \nabla^2 \hat y_{i\mu},$$

    where $J$ holds the derivatives of the outputs. $H_0$ is positive semidefinite. Tried on trained networks with
    linear, ReLU and tanh units, against automatic differentiation.
    """
    import sympy as sp

    from theory.symbols import m

    a, b = sp.symbols("theta_i theta_j", real=True)
    residual, count = sp.symbols("mu M", integer=True, positive=True)
    e = sp.Function("e")(residual, a, b)
    gauss_newton, curved = e.diff(a) * e.diff(b), e * e.diff(a, b)
    split = (sp.Sum(gauss_newton, (residual, 1, count)) + sp.Sum(curved, (residual, 1, count))) / m
    yield Identity(
        "second derivative of the loss",
        derivation=theory.hessian_split(),
        claimed=split,
        rival=Rival("twice that, as for a loss without its 1/2", 2 * split),
    )
    items = [
        {"seed": seed, "width": 4, "samples": 12, "kind": kind}
        for kind, seed in zip(("linear", "relu", "tanh"), bench.seeds("networks", 3), strict=True)
    ]
    results = bench.map("trained networks", parts_and_whole, items)
    merged = {name: np.stack([result[name] for result in results]) for name in results[0]}
    yield Agrees(
        "H0 + H1 of trained networks against automatic differentiation, in units of the largest entry",
        measured=merged["parts"],
        predicted=merged["whole"],
        tolerance=1e-13,
        reason="rounding in sums over 48 residuals",
        rival=Rival("the Gauss-Newton part alone", merged["gauss_newton"]),
    )
    yield Agrees(
        "H0 of the same networks against J J'/m, in units of its largest entry",
        measured=merged["gauss_newton_in_units"],
        predicted=merged["jacobian"],
        tolerance=1e-13,
        reason="rounding in sums over 48 residuals",
        rival=Rival("a mean over outputs too", merged["jacobian"] / 4),
    )
    yield Bounds(
        "least eigenvalue of H0 over its largest is not negative",
        smaller=-merged["least"],
        larger=0.0,
        tolerance=1e-14,
        reason="rounding in eigenproblems of size 32",
        rival=Rival("H0 is positive definite, above a millionth of its radius", -1e-6),
    )


def parts_and_whole(seed: int, width: int, samples: int, kind: str) -> dict[str, Array]:
    """Train networks and return their Hessian by parts and by automatic differentiation, entries in units of the
    largest.
    """
    import torch

    end = trained_networks(width, samples, kind, seeds=range(seed, seed + NETWORKS)).end
    parts = end.hessian()

    def loss(theta: "torch.Tensor", x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        return end.loss.value(end.network.forward(theta[None], x), y)[0]

    whole = torch.stack([torch.func.hessian(loss)(*member) for member in zip(end.theta, end.x, end.y, strict=True)])
    jacobian = numerics.output_jacobian(end.network, end.theta, end.x).flatten(1, 2)
    gram = jacobian.mT @ jacobian / samples
    unit, own_unit = (matrix.abs().amax(dim=(1, 2), keepdim=True) for matrix in (whole, gram))
    eigenvalues = torch.linalg.eigvalsh(parts.gauss_newton)
    result = {
        "parts": parts.total / unit,
        "whole": whole / unit,
        "gauss_newton": parts.gauss_newton / unit,
        "gauss_newton_in_units": parts.gauss_newton / own_unit,
        "jacobian": gram / own_unit,
        "least": eigenvalues[:, 0] / eigenvalues[:, -1],
    }
    return {name: tensor.detach().numpy() for name, tensor in result.items()}


@claim(
    "spectrum.residual-scale",
    title="Scaling the residuals scales the residual part alone",
    source=Source(PENNINGTON_BAHRI_2017, "the decomposition of the Hessian", printed=SHAPE_SLIDE),
    assumptions=("squared error", "the weights and the inputs stay, the targets move"),
    expects={Verdict.SUPPORTED},
)
def residual_scale(bench: Workbench) -> Iterator[Comparison]:
    r"""$H_0$ does not depend on the size of the error and $H_1$ is proportional to it: at fixed weights, $e \to c\, e$
    gives $H_0 \to H_0$ and $H_1 \to c\, H_1$, while the loss is multiplied by $c^2$.
    """
    import sympy as sp

    from theory.symbols import m

    a, b, c = sp.symbols("theta_i theta_j c", real=True)
    residual, count = sp.symbols("mu M", integer=True, positive=True)
    output = sp.Function("f")(residual, a, b)
    error = output - sp.Function("y")(residual)
    first = sp.Sum(output.diff(a) * output.diff(b), (residual, 1, count)) / m
    second = sp.Sum(error * output.diff(a, b), (residual, 1, count)) / m
    yield Identity(
        "Hessian at residuals c e",
        derivation=theory.residual_scaling(),
        claimed=first + c * second,
        rival=Rival("the square of the factor, as for the loss", first + c**2 * second),
    )
    factor = 3.0
    items = [
        {"seed": seed, "width": 6, "samples": 18, "kind": kind, "factor": factor}
        for kind, seed in zip(("linear", "relu", "tanh"), bench.seeds("networks", 3), strict=True)
    ]
    results = bench.map("scaled residuals", parts_at_scaled_residuals, items)
    merged = {name: np.stack([result[name] for result in results]) for name in results[0]}
    reason = "rounding, also in the targets that are moved; in units of the largest entry"
    yield Agrees(
        "H1 at residuals three times as large, three kinds of networks",
        measured=merged["residual_moved"],
        predicted=factor * merged["residual"],
        tolerance=1e-12,
        reason=reason,
        rival=Rival("the square of the factor, as for the loss", factor**2 * merged["residual"]),
    )
    yield Agrees(
        "H0 at residuals three times as large, three kinds of networks",
        measured=merged["gauss_newton_moved"],
        predicted=merged["gauss_newton"],
        tolerance=1e-12,
        reason=reason,
        rival=Rival("multiplied by the factor too", factor * merged["gauss_newton"]),
    )


def parts_at_scaled_residuals(seed: int, width: int, samples: int, kind: str, factor: float) -> dict[str, Array]:
    """Return both parts of the Hessian of random networks, before and after their residuals are multiplied, each in
    units of its largest entry before.
    """
    net = random_networks(width, samples, kind, seeds=range(seed, seed + NETWORKS))
    outputs = net.y + net.residuals
    before = net.hessian()
    after = net.towards(outputs - factor * net.residuals).hessian()
    result = {}
    for name in ("gauss_newton", "residual"):
        unit = getattr(before, name).abs().amax(dim=(1, 2), keepdim=True)
        result[name] = (getattr(before, name) / unit).numpy()
        result[f"{name}_moved"] = (getattr(after, name) / unit).numpy()
    return result


@claim(
    "spectrum.gauge-zero-modes",
    title="Zero modes of the Gauss-Newton part are symmetries of the network",
    source=Source(PENNINGTON_BAHRI_2017, "the Wishart model of the Gauss-Newton part", printed=JOINT_SLIDE),
    assumptions=(
        "linear: $W_1$, $W_2$ invertible and inputs of full rank, so $m \\ge n$",
        "ReLU: no unit on its kink at a sample, none with all its weights zero; for the exact number, $W_2$ invertible",
    ),
    expects={Verdict.SUPPORTED},
)
def gauge_zero_modes(bench: Workbench) -> Iterator[Comparison]:
    r"""The Gauss-Newton part of an $n$-$n$-$n$ network has zero eigenvalues however many samples there are, because its
    weights can change without changing the function:

    - linear units: exactly $n^2$ for $m \ge n$, from $W_1 \to A W_1$, $W_2 \to W_2 A^{-1}$;
    - ReLU units: at least $n$, from the rescaling $w \to a w$, $v \to v/a$ of each unit, whose direction $(w, -v)$
      does not vanish (a unit with $w = v = 0$ has $2n$ zero modes of its own); and exactly $n$ once, for each unit, the
      inputs at which it is active have rank $n$ and the activations of the other units where it is not have rank
      $n - 1$. Counting samples is not enough for that: two units that are active on the same samples have more
      symmetries.

    A Wishart matrix with more columns than rows has none.
    """
    from theory.symbols import n

    linear, relu = theory.gauge_zero_modes(), theory.rescaling_zero_modes()
    yield Identity(
        "zero modes of a linear network",
        derivation=linear,
        claimed=n**2,
        rival=Rival("rotations of the hidden layer only", n * (n - 1) / 2),
    )
    yield Identity(
        "zero modes of a ReLU network",
        derivation=relu,
        claimed=n,
        rival=Rival("n^2, as for linear units", n**2),
    )
    widths = (4, 6, 8)
    cases = [("linear", False, 2), ("linear", True, 2), ("relu", False, 10), ("relu", False, 2)]
    items = [
        {"seed": seed, "width": width, "samples": factor * width, "kind": kind, "trained": trained}
        for kind, trained, factor in cases
        for width, seed in zip(widths, bench.seeds(f"{kind} {trained} {factor}", len(widths)), strict=True)
    ]
    results = bench.map("zero modes", count_zero_modes, items)
    counts = [np.stack([result["zeros"] for result in results[k : k + 3]], axis=1) for k in range(0, len(results), 3)]
    gauge = np.broadcast_to([float(linear.at(n=width)) for width in widths], counts[0].shape)
    rescaling = np.broadcast_to([float(relu.at(n=width)) for width in widths], counts[0].shape)
    exact = "a count: weights less the rank of J, with singular values below 1e-11 of the largest as zeros"
    for where, measured in (("random weights", counts[0]), ("the end of training", counts[1])):
        yield Agrees(
            f"linear networks at {where}, n = 4, 6, 8, m = 2n",
            measured=measured,
            predicted=gauge,
            tolerance=0.0,
            reason=exact,
            rival=Rival("none, as for a Wishart matrix with as many columns as rows or more", 0.0),
        )
    meets = np.stack([result["meets"] for result in results[6:9]], axis=1)
    yield Agrees(
        "ReLU networks that meet the two conditions on ranks, n = 4, 6, 8, m = 10n",
        measured=counts[2][meets],
        predicted=rescaling[meets],
        tolerance=0.0,
        reason=exact,
        rival=Rival("none, as for a Wishart matrix", 0.0),
    )
    ranks = [np.stack([result["by ranks"] for result in results[k : k + 3]], axis=1) for k in (6, 9)]
    yield Agrees(
        "all ReLU networks, m = 10n and m = 2n: the sum over units of 2n less their rank",
        measured=np.stack(counts[2:]),
        predicted=np.stack(ranks),
        tolerance=0.0,
        reason=exact,
        rival=Rival("always n, as with many samples", np.stack([rescaling, rescaling])),
    )
    yield Bounds(
        "ReLU networks with few samples have at least n, n = 4, 6, 8, m = 2n",
        smaller=-counts[3],
        larger=-rescaling,
        tolerance=0.0,
        reason=exact,
        rival=Rival("at least n^2, as linear networks", -gauge),
    )
    figure = bench.figure(
        "zero-modes",
        title="Zero eigenvalues of the Gauss-Newton part",
        x="width $n$",
        y="zero eigenvalues",
        caption="Counts on real networks; the lines are $n^2$ for linear units and $n$ for ReLU units. With twice "
        "as many samples as inputs some ReLU networks have more than $n$ (mean and standard deviation over "
        "networks).",
    )
    figure.line(widths, gauge[0], "$n^2$").line(widths, rescaling[0], "$n$")
    figure.points(widths, counts[1].mean(axis=0), "linear, trained")
    figure.points(widths, counts[2].mean(axis=0), "ReLU, $m = 10n$")
    figure.points(widths, counts[3].mean(axis=0), "ReLU, $m = 2n$", errors=counts[3].std(axis=0))


def count_zero_modes(seed: int, width: int, samples: int, kind: str, trained: bool) -> dict[str, Array]:
    """Count the zero eigenvalues of H0 = J'J/m at random weights or after training; for ReLU networks also by ranks."""
    seeds = range(seed, seed + NETWORKS)
    if trained:
        net = trained_networks(width, samples, kind, seeds=seeds).end
    else:
        net = random_networks(width, samples, kind, seeds=seeds)
    jacobian = numerics.output_jacobian(net.network, net.theta, net.x).flatten(1, 2).numpy()
    by_ranks, meets = zero_modes_by_ranks(net) if kind == "relu" else ([], [])
    return {
        "zeros": net.network.parameters - matrix_rank(jacobian, rtol=ZERO),
        "by ranks": np.array(by_ranks, dtype=np.float64),
        "meets": np.array(meets, dtype=bool),
    }


def zero_modes_by_ranks(net: Ensemble) -> tuple[list[int], list[bool]]:
    """Return, for each ReLU network, the sum over units k of 2n - rank B_k, and whether both conditions are met.

    B_k has a row per sample: the activations of all units, then the inputs if unit k is active, else zeros. The
    conditions: (a) the inputs where k is active have rank n, (b) the activations of the others where it is not, n - 1.
    """
    width = net.network.widths[0]
    (first, _), _ = net.network.unflatten(net.theta)
    sums, meets = [], []
    for weights, x, active in zip(first, net.x, net.active_samples().bool(), strict=True):
        activations = (x @ weights.T).relu().numpy()
        inputs, seen = x.numpy(), active.numpy()
        total, fine = 0, True
        for unit in range(width):
            on = seen[:, unit]
            matrix = np.concatenate([activations, inputs * on[:, None]], axis=1)
            total += 2 * width - int(matrix_rank(matrix, rtol=ZERO))
            others = np.delete(activations[~on], unit, axis=1)
            enough = on.sum() >= width and (~on).sum() >= width - 1
            full = enough and matrix_rank(inputs[on], rtol=ZERO) == width
            fine = fine and full and matrix_rank(others, rtol=ZERO) == width - 1
        sums.append(total)
        meets.append(fine)
    return sums, meets
