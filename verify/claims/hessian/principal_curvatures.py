"""Curvature along directions: the eigenvalues of the Hessian are its extremes, the trace their sum."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import (
    Agrees,
    Bounds,
    Comparison,
    Equals,
    Identity,
    Proportion,
    Rival,
    Source,
    Verdict,
    Workbench,
    claim,
)
from verify.bibliography import HUTCHINSON_1989
from verify.lectures.curvature import CURVATURE_DIRECTIONS

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]

ROUNDING = 1e-11
"""Over the largest eigenvalue; sums over 200 images and 460 weights round to about 1e-14."""

WIDTHS = (64, 6, 10)
IMAGES = 200
STEPS = 40  # of gradient descent: far from a minimum, so that some eigenvalues are negative
PUSHES = 4  # products with the Hessian that turn a direction
AT_ONCE = 32  # lines along which second derivatives are taken together: each needs a network of its own in memory


def curvatures(seed: int, networks: int, device: str) -> dict[str, Array]:
    """Train networks on digits and return second derivatives along directions, eigenvalues and the diagonal.

    The second derivatives are those of the loss along a line, by automatic differentiation in one variable, and know
    nothing of the Hessian. All numbers are over the spectral radius of their network.
    """
    import torch

    network, theta, x, labels, loss = trained_on_digits(seed, networks, device)
    hessian = numerics.dense_hessian(network, theta, x, labels, loss).total
    eigenvalues, vectors = torch.linalg.eigh(hessian)
    starts = network.init([seed + 2 * networks + member for member in range(4 * networks)], device=device)
    random = torch.nn.functional.normalize(starts.reshape(networks, 4, -1), dim=2)
    pushed = [random]
    for _ in range(PUSHES):
        pushed.append(torch.nn.functional.normalize(pushed[-1] @ hessian, dim=2))
    diagonal = hessian.diagonal(dim1=1, dim2=2)
    strongest = diagonal.topk(4, dim=1).indices
    axes = torch.eye(network.parameters, dtype=x.dtype, device=x.device)[strongest]
    ends = torch.cat([vectors[..., :4], vectors[..., -4:]], dim=2).mT
    basis = torch.linalg.qr(random_squares(seed, networks, network.parameters, device)).Q
    groups = {"random": random, "axes": axes, "once": pushed[1], "pushed": pushed[-1], "ends": ends, "basis": basis.mT}

    def along(member: int, directions: "torch.Tensor") -> "torch.Tensor":
        """Second derivatives along lines: one step length for each line, and no line knows another's."""
        steps = torch.zeros(len(directions), 1, dtype=x.dtype, device=x.device, requires_grad=True)
        values = loss.value(network.forward(theta[member] + steps * directions, x), labels)
        (slopes,) = torch.autograd.grad(values.sum(), steps, create_graph=True)
        return torch.autograd.grad(slopes.sum(), steps)[0][:, 0]

    radius = eigenvalues.abs().amax(dim=1)
    result = {"eigenvalues": eigenvalues, "diagonal": diagonal}
    for name, directions in groups.items():
        rows = [torch.cat([along(k, some) for some in lines.split(AT_ONCE)]) for k, lines in enumerate(directions)]
        result[name] = torch.stack(rows)
    return {name: (tensor / radius[:, None]).cpu().numpy() for name, tensor in result.items()}


def random_squares(seed: int, networks: int, size: int, device: str) -> "torch.Tensor":
    """Square matrices of independent normal numbers, one for each network."""
    import torch

    draws = [torch.Generator().manual_seed(seed + member) for member in range(networks)]
    return torch.stack([torch.randn(size, size, generator=draw, dtype=torch.float64) for draw in draws]).to(device)


def trained_on_digits(
    seed: int, networks: int, device: str
) -> tuple["numerics.Mlp", "torch.Tensor", "torch.Tensor", "torch.Tensor", "numerics.Loss"]:
    """Networks after some steps of gradient descent on digits: the network, weights, images, labels, loss."""
    x, labels = numerics.digits(samples=IMAGES, device=device)
    network, loss = numerics.Mlp(WIDTHS, "tanh", bias=True), numerics.CrossEntropy()
    start = network.init([seed + member for member in range(networks)], device=device)
    end = numerics.gradient_descent(network, start, x, labels, loss, learning_rate=0.5, steps=STEPS)
    return network, end.theta, x, labels, loss


def traces(seed: int, repeats: int, probes: int, products: int, device: str) -> dict[str, Array]:
    """Estimate the trace of the Hessian of one trained network many times, from random signs and by ``trace``."""
    import torch

    network, theta, x, labels, loss = trained_on_digits(seed, 1, device)
    hessian = numerics.dense_hessian(network, theta, x, labels, loss).total[0]
    exact, diagonal = hessian.trace(), hessian.diagonal()
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(repeats):
        signs = torch.randint(0, 2, (probes, len(hessian)), generator=generator).to(hessian) * 2 - 1
        rows.append(((signs @ hessian) * signs).sum(dim=1))
    forms = torch.stack(rows)
    variance = 2 * (hessian.square().sum() - diagonal.square().sum())
    estimates = [numerics.trace(hessian, products=products, generator=generator) for _ in range(repeats)]
    eigenvalues = torch.linalg.eigvalsh(hessian)
    return {
        "means": (forms.mean(dim=1) / exact).cpu().numpy(),
        "variances": ((forms - exact).square().mean(dim=1) / variance).cpu().numpy(),
        "largest": (eigenvalues[-1:] / exact).cpu().numpy(),
        "estimates": np.array([float(estimate) for estimate in estimates]) / float(exact),
        "errors": np.array([estimate.error for estimate in estimates]) / float(exact),
    }


@claim(
    "hessian.principal-curvatures",
    title="Eigenvalues are the principal curvatures",
    source=Source(HUTCHINSON_1989, "for the trace from random signs", CURVATURE_DIRECTIONS),
    assumptions=("the loss is twice continuously differentiable at the weights in question",),
    expects={Verdict.SUPPORTED},
)
def principal_curvatures(bench: Workbench) -> Iterator[Comparison]:
    r"""The second derivative of the loss along a unit direction $u$ in the space of weights is $\kappa(u) = u^T H u$.
    Its largest and its least value over all directions are the largest and the least eigenvalue of the Hessian, taken
    along the eigenvectors. For two weights with the second derivatives $a$, $b$, $c$

    $$\lambda_{1, 2} = \frac{a + c}{2} \pm \sqrt{\left(\frac{a - c}{2}\right)^2 + b^2}, \qquad
      \tan 2t = \frac{2b}{a - c},$$

    with $t$ the angle of an eigenvector to the first axis. The axes need not show the strongest curvature: with
    $a = b = c = 2$ both have 2, the diagonal has 4. With $n$ weights it may be $n$ times that along each axis, as for
    $(w_1 + \ldots + w_n)^2/2$.

    The curvatures along any orthonormal directions add up to the trace, $\sum_j \kappa(u_j) = \operatorname{tr} H =
    \sum_i \lambda_i$, which at a minimum is the trace norm. So it can be had without eigenvalues: for independent
    random signs $z$ the mean of $z^T H z$ is the trace, with the variance $2 \sum_{i \ne j} H_{ij}^2$.
    """
    import sympy as sp

    plane, general = theory.plane_curvatures(), theory.principal_curvatures()
    a, b, c = (sp.Symbol(name, real=True) for name in "abc")
    root = sp.sqrt((a - c) ** 2 + 4 * b**2)
    yield Identity(
        "the extreme curvatures of a function of two weights",
        derivation=plane,
        claimed=sp.Tuple((a + c + root) / 2, (a + c - root) / 2),
        rival=Rival("those along the axes", sp.Tuple(a, c)),
    )
    yield Identity(
        "the sum of the curvatures along two perpendicular directions",
        derivation=plane,
        part="sum",
        claimed=a + c,
        rival=Rival("the sum of the sizes of eigenvalues of opposite signs", root),
    )
    from theory.symbols import n

    yield Identity(
        "the largest curvature of (w_1 + ... + w_n)^2/2",
        derivation=general,
        part="one neuron",
        claimed=n,
        rival=Rival("that along each axis", sp.Integer(1)),
    )
    networks = bench.size(quick=2, standard=8, full=24)
    items = [{"seed": seed, "networks": 2, "device": bench.device} for seed in bench.seeds("networks", networks // 2)]
    results = bench.map("directions", curvatures, items)
    found = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    eigenvalues, diagonal = found["eigenvalues"], found["diagonal"]
    tried = np.concatenate([found[name] for name in ("random", "axes", "once", "pushed", "ends")], axis=1)
    reason = "rounding in sums over images and weights, over the largest eigenvalue"
    yield Bounds(
        "curvature along directions, at most the largest eigenvalue: 460 weights, networks in training on digits",
        smaller=tried,
        larger=np.broadcast_to(eigenvalues[:, -1:], tried.shape),
        tolerance=ROUNDING,
        reason=reason,
        rival=Rival("at most the largest along an axis", np.broadcast_to(diagonal.max(1, keepdims=True), tried.shape)),
    )
    yield Bounds(
        "curvature along directions, at least the least eigenvalue (signs changed)",
        smaller=-tried,
        larger=np.broadcast_to(-eigenvalues[:, :1], tried.shape),
        tolerance=ROUNDING,
        reason=reason,
        rival=Rival("at least the least along an axis", np.broadcast_to(-diagonal.min(1, keepdims=True), tried.shape)),
    )
    ordered = np.sort(diagonal, axis=1)
    yield Agrees(
        "curvature along the first and the last four eigenvectors against the eigenvalues",
        measured=found["ends"],
        predicted=np.concatenate([eigenvalues[:, :4], eigenvalues[:, -4:]], axis=1),
        tolerance=ROUNDING,
        reason=reason,
        rival=Rival("the extreme curvatures along axes", np.concatenate([ordered[:, :4], ordered[:, -4:]], axis=1)),
    )
    yield Agrees(
        "curvatures along a random orthonormal basis, added up, against the sum of the eigenvalues",
        measured=found["basis"].sum(axis=1),
        predicted=eigenvalues.sum(axis=1),
        tolerance=100 * ROUNDING,
        reason="rounding in 460 curvatures, over the largest eigenvalue",
        rival=Rival("the sum of their sizes", np.abs(eigenvalues).sum(axis=1)),
    )
    repeats = bench.size(quick=480, standard=960, full=1920)
    (estimated,) = bench.map(
        "traces",
        traces,
        [
            {
                "seed": bench.seeds("traces", 1)[0],
                "repeats": repeats,
                "probes": 50,
                "products": 40,
                "device": bench.device,
            }
        ],
    )
    yield Equals(
        "mean of z'Hz over random signs, over the trace; 50 probes each",
        predicted=1,
        replicates=estimated["means"],
        absolute=0.1,
        rival=Rival("the largest eigenvalue", float(estimated["largest"][0])),
    )
    yield Equals(
        "variance of z'Hz, over twice the sum of squares off the diagonal; 50 probes each",
        predicted=1,
        replicates=estimated["variances"],
        absolute=0.2,
        rival=Rival("half of it, the sum of squares itself", 0.5),
    )
    within = np.abs(estimated["estimates"] - 1) <= 3 * estimated["errors"]
    yield Proportion(
        "estimates of the trace from 40 products with H that lie within three of their standard errors",
        successes=int(within.sum()),
        trials=repeats,
        within=(0.9, 1),
        rival=Rival("87 in 100, as if the true errors were twice as large", 0.866),
    )
    _draw_plane(bench)
    _draw_directions(bench, found)


def _draw_plane(bench: Workbench) -> None:
    """Draw the curvature against the direction for a = b = c = 2."""
    angle = np.linspace(0, 180, 181)
    turned = np.radians(angle)
    largest, least = (float(value) for value in theory.plane_curvatures().at(a=2, b=2, c=2))
    figure = bench.figure(
        "two-weights",
        title="Curvature against direction, two weights",
        x="angle to the first axis, degrees",
        y="second derivative",
        caption="All second derivatives are 2. Along both axes the curvature is 2; the eigenvectors, at 45 and 135 "
        "degrees, have the extremes 4 and 0. Any two directions that are 90 degrees apart add up to 4.",
    )
    figure.line(angle, 2 + 2 * np.sin(2 * turned), "curvature")
    figure.points([0, 90, 180], [2, 2, 2], "axes").points([45, 135], [largest, least], "eigenvectors")


def _draw_directions(bench: Workbench, found: dict[str, Array]) -> None:
    """Draw the curvatures along the directions that were tried, for the first network."""
    groups = {
        "random": "random",
        "axes": "strongest axes",
        "once": "one product with H",
        "pushed": f"{PUSHES} products",
        "ends": "eigenvectors",
    }
    figure = bench.figure(
        "directions",
        title="Curvature along directions, a network in training on digits",
        x="",
        y="second derivative, over the largest eigenvalue",
        x_categories=tuple(groups.values()),
        caption="A random direction has hardly any curvature. Each product with the Hessian turns it towards the "
        "strongest one, past every axis. No direction leaves the interval from the least to the largest eigenvalue.",
    )
    ends = [0, len(groups) - 1]
    for label, level in (
        ("largest eigenvalue", found["eigenvalues"][0, -1]),
        ("least eigenvalue", found["eigenvalues"][0, 0]),
        ("strongest axis", found["diagonal"][0].max()),
    ):
        figure.line(ends, [level, level], label)
    words = [word for name, word in groups.items() for _ in found[name][0]]
    figure.points(words, np.concatenate([found[name][0] for name in groups]), "directions")
