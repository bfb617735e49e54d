"""Weight normalisation: one more symmetry, and what a trainable scale leaves of infinitely flat minima."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

import theory
from verify import Agrees, Bounds, Comparison, Exponent, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import DINH_2017
from verify.claims.rescaling.networks import Array, block_sizes, gathered, taught, widths_of
from verify.lectures.sharp_minima import WEIGHT_NORMALISATION, WEIGHT_NORMALISED

if TYPE_CHECKING:
    from torch import Tensor

WIDTHS: Final = "5 4 3"
SAMPLES: Final = 60
ALPHAS: Final = 10.0 ** np.arange(-3, 4)
END: Final = 3  # places at either end at which slopes are fitted
NORMALISED: Final = (
    "ReLU networks of two layers without biases; the weights of hidden unit $j$ are $w_j = s_j v_j/|v_j|$ with a "
    "trainable direction $v_j$ and a trainable scale $s_j > 0$",
    "half squared error; the networks fit the outputs of a teacher of their own shape",
    "$\\alpha > 0$ multiplies all directions",
    "neither $H_{vv}$ nor $H_{ss}$ is zero at the minimum, the blocks of the Hessian of directions and of all others",
)


def weights_of(parameters: "Tensor") -> "Tensor":
    """The plain weights of one network, from directions, output weights and scales in one row."""
    import torch

    inputs, units, _ = widths_of(WIDTHS)
    first, second = block_sizes(WIDTHS)
    directions = parameters[:first].reshape(units, inputs)
    rows = parameters[first + second :, None] * directions / directions.norm(dim=1, keepdim=True)
    return torch.cat([rows.flatten(), parameters[first : first + second]])


def normalised_minima(seed: int, networks: int, device: str) -> dict[str, Array]:
    """The largest eigenvalues of the Hessian and of its block of directions at (alpha v, s), and what is left of it.

    The Hessian is by (v, output weights, s), by automatic differentiation at each point.
    """
    import torch

    network, theta, x, y, _ = taught(seed, networks, WIDTHS, "relu", SAMPLES, device)
    inputs, units, outputs = widths_of(WIDTHS)
    first, second = block_sizes(WIDTHS)

    def risen(parameters: "Tensor", given: "Tensor", targets: "Tensor") -> "Tensor":
        hidden = torch.relu(given @ weights_of(parameters)[:first].reshape(units, inputs).T)
        errors = hidden @ parameters[first : first + second].reshape(outputs, units).T - targets
        return errors.square().sum(1).mean() / 2

    def curvature(place: "Tensor") -> "Tensor":
        hessians: Tensor = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(risen)))(place, x, y)
        return hessians

    def answers(weights: "Tensor") -> "Tensor":
        return network.forward(weights, x)

    scales = theta[:, :first].reshape(-1, units, inputs).norm(dim=2)
    largest, of_directions, given = [], [], []
    for alpha in ALPHAS:
        place = torch.cat([alpha * theta[:, :first], theta[:, first:], scales], dim=1)
        hessian = curvature(place)
        largest.append(torch.linalg.eigvalsh(hessian)[:, -1])
        of_directions.append(torch.linalg.eigvalsh(hessian[:, :first, :first])[:, -1])
        given.append(answers(torch.stack([weights_of(row) for row in place])))
    rest = curvature(torch.cat([theta, scales], dim=1))[:, first:, first:]
    opposite = torch.cat([-theta[:, :first], theta[:, first:], scales], dim=1)
    size = given[len(ALPHAS) // 2].abs().amax((1, 2))[:, None, None]
    found = {
        "largest": torch.stack(largest, 1),
        "directions": torch.stack(of_directions, 1),
        "rest": torch.linalg.eigvalsh(rest)[:, -1],
        "outputs": torch.stack(given, 1) / size[:, None],
        "negative": answers(torch.stack([weights_of(row) for row in opposite])) / size,
        "turned": answers(torch.cat([-theta[:, :first], theta[:, first:]], dim=1)) / size,
    }
    return {name: values.cpu().numpy() for name, values in found.items()}


def _found(bench: Workbench) -> dict[str, Array]:
    batches = bench.size(quick=2, standard=4, full=8)
    items = [{"seed": seed, "networks": 12, "device": bench.device} for seed in bench.seeds("networks", batches)]
    return gathered(bench.map("networks", normalised_minima, items))


@claim(
    "flatness.weight-normalised",
    title="Weight normalisation: sharp at will, flat only in the directions",
    source=Source(DINH_2017, "on reparametrisations of the model; with a trainable scale", WEIGHT_NORMALISED),
    assumptions=NORMALISED,
    expects={Verdict.SUPPORTED},
    corrects="flatness.infinitely-flat-as-printed",
)
def weight_normalised(bench: Workbench) -> Iterator[Comparison]:
    r"""Weight normalisation writes the weights of a unit as $w = s\,v/|v|$, a direction $v$ and a scale $s$.
    Multiplying $v$ by $\alpha > 0$ leaves $w$, and so the network, as it is, and this for any activation. It
    multiplies volumes by $\alpha^{n_v}$, with $n_v$ weights in $v$, without a bound: every minimum has a region of
    infinite volume around it. The Hessian becomes

    $$H(\alpha v, s) = \begin{pmatrix} H_{vv}/\alpha^2 & H_{vs}/\alpha \\ H_{sv}/\alpha & H_{ss} \end{pmatrix}.$$

    Small $\alpha$ makes the minimum as sharp as you like. Large $\alpha$ makes it flat in the directions, but the
    largest eigenvalue never falls below that of $H_{ss}$, and tends to it: if scales are trained, there are no
    infinitely flat minima. ($H_{ss}$ holds all parameters other than directions.)
    """
    import sympy as sp

    derivation = theory.weight_normalised_hessian()
    letters = derivation.symbols
    alpha, vv, vs, ss = (letters[name] for name in ("alpha", "H_vv", "H_vs", "H_ss"))
    yield Identity(
        "Hessian after the directions were multiplied by alpha",
        derivation=derivation,
        claimed=sp.Tuple(vv / alpha**2, vs / alpha, ss),
        rival=Rival("the scale's part falls as well", sp.Tuple(vv / alpha**2, vs / alpha, ss / alpha**2)),
    )
    volume = derivation.parts["volume"].rhs
    weights = next(symbol for symbol in volume.free_symbols if symbol.name == "n_v")
    yield Identity(
        "factor of volumes",
        derivation=derivation,
        part="volume",
        claimed=alpha**weights,
        rival=Rival("1, as for two layers of equal sizes", sp.Integer(1)),
    )
    found = _found(bench)
    centre = len(ALPHAS) // 2
    yield Agrees(
        "outputs at alpha from 1/1000 to 1000, over the largest",
        measured=found["outputs"],
        predicted=np.broadcast_to(found["outputs"][:, centre : centre + 1], found["outputs"].shape),
        tolerance=1e-10,
        reason="rounding in sums over 5 inputs and 4 units",
        rival=Rival("as if directions were weights", found["outputs"][:, centre : centre + 1] * ALPHAS[:, None, None]),
    )
    scaled = found["directions"] / found["directions"][:, centre : centre + 1]
    yield Agrees(
        "largest eigenvalue of the block of directions times alpha^2, over that at alpha = 1",
        measured=scaled * ALPHAS**2,
        predicted=1,
        tolerance=1e-9,
        reason="rounding",
        rival=Rival("one power of alpha, as for the gradient", np.broadcast_to(ALPHAS, scaled.shape)),
    )
    yield Exponent(
        "power of alpha in the largest eigenvalue, for small alpha",
        predicted=-2,
        x=ALPHAS[:END].tolist(),
        y=found["largest"][:, :END],
        absolute=0.05,
        rival=Rival("one power, as for the gradient", -1),
    )
    one = found["largest"][:, centre]
    yield Bounds(
        "largest eigenvalue of the block without directions at alpha = 1, against that of the Hessian at larger alpha",
        smaller=np.broadcast_to(found["rest"][:, None], found["largest"][:, centre:].shape) / one[:, None],
        larger=found["largest"][:, centre:] / one[:, None],
        tolerance=1e-9,
        reason="rounding, over the largest eigenvalue at alpha = 1",
        rival=Rival(
            "it falls like alpha^-2",
            np.minimum(ALPHAS[centre:] ** -2.0 * np.ones((len(one), 1)), found["largest"][:, centre:] / one[:, None]),
        ),
    )
    _draw(bench, found)


@claim(
    "flatness.infinitely-flat-as-printed",
    title="Infinitely flat minima under weight normalisation, as printed",
    source=Source(printed=WEIGHT_NORMALISED),
    assumptions=NORMALISED,
    expects={Verdict.REFUTED},
    flaw="overstatement",
    right=(
        "Every minimum is equivalent to one that is as flat as you like in the directions $v$. Its largest eigenvalue "
        r"never falls below that of $H_{ss}$, the block of all other parameters, and its $\epsilon$-sharpness never "
        "below what a step in the scales brings."
    ),
)
def infinitely_flat_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: with weight normalisation every minimum is equivalent to an infinitely flat one, as measured by the
    eigenvalues of the Hessian, and to one of arbitrarily low full-space $\epsilon$-sharpness.

    (By the directions alone: as $\alpha$ grows, the largest eigenvalue tends to that of the block of the other
    parameters, of which the scales are some. It would vanish only if these were fixed. Nor is the
    $\epsilon$-sharpness arbitrarily low: a step of $\epsilon$ in a scale raises the loss by the same amount for every
    $\alpha$.)
    """
    import sympy as sp

    derivation = theory.weight_normalised_hessian()
    (epsilon,) = derivation.parts["sharpness"].rhs.free_symbols
    yield Identity(
        "rise of the loss within epsilon of the minimum, by the scale alone, $L = |w - w^*|^2/2$, large alpha",
        derivation=derivation,
        part="sharpness",
        claimed=sp.Integer(0),
        rival=Rival("the same for every alpha", epsilon**2 / 2),
    )
    found = _found(bench)
    one = found["largest"][:, len(ALPHAS) // 2]
    yield Agrees(
        f"largest eigenvalue at alpha = {ALPHAS[-1]:g}, over that at alpha = 1",
        measured=found["largest"][:, -1] / one,
        predicted=0,
        tolerance=1e-4,
        reason="what is left of alpha^-2 is 1e-6",
        rival=Rival("that of the block without directions", found["rest"] / one),
    )


@claim(
    "flatness.any-factor-as-printed",
    title="Directions times any number other than zero, as printed",
    source=Source(printed=WEIGHT_NORMALISATION),
    assumptions=NORMALISED[:2],
    expects={Verdict.REFUTED},
    right=r"For every $\alpha > 0$.",
)
def any_factor_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: $T_\alpha: v \mapsto \alpha v$ leaves the weights $w = s\,v/|v|$ as they are for every $\alpha \neq
    0$.

    (For $\alpha > 0$. A negative $\alpha$ turns $w$ into $-w$.)
    """
    found = _found(bench)
    centre = len(ALPHAS) // 2
    yield Agrees(
        "outputs at alpha = -1, over the largest at alpha = 1",
        measured=found["negative"],
        predicted=found["outputs"][:, centre],
        tolerance=1e-10,
        reason="rounding in sums over 5 inputs and 4 units",
        rival=Rival("those of the network with -w", found["turned"]),
    )


def _draw(bench: Workbench, found: dict[str, Array]) -> None:
    """Draw the largest eigenvalue and that of the directions against alpha for one network."""
    figure = bench.figure(
        "orbit",
        title="Weight normalisation: largest eigenvalues as the directions grow",
        x="$\\alpha$",
        y="largest eigenvalue",
        x_scale="log",
        y_scale="log",
        caption="One trained network, at $(\\alpha v, s)$: one function. The curvature in the directions falls "
        "without end, that of the whole Hessian stops at what the scales and output weights contribute.",
    )
    figure.line(ALPHAS, found["largest"][0], "of the Hessian").line(
        ALPHAS, found["directions"][0], "of the block of directions"
    )
    figure.line(ALPHAS, np.full(len(ALPHAS), found["rest"][0]), "of the block of all others")
