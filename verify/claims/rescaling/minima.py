"""What rescaling says of the Hessian at a minimum itself: it is singular, so that no minimum is non-degenerate."""

from collections.abc import Iterator

import numpy as np

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import DINH_2017
from verify.claims.rescaling.networks import CUT, FITTED, NETWORK, UNCLEAR, Array, gathered, loss, taught, widths_of
from verify.lectures.rescaling import NON_DEGENERATE

SHAPES = {
    "two layers of ReLU": {"widths": "5 4 3", "activation": "relu", "samples": 80},
    "three layers of leaky ReLU": {"widths": "6 5 4 4", "activation": "leaky_relu", "samples": 200},
}
TAUGHT = (
    "the networks fit the outputs of a teacher of their own shape, on more samples than weights; those with a loss "
    "above "
    f"{FITTED:g} at the end of training, or with an eigenvalue between {CUT:g} and {UNCLEAR:g} of the largest, do not "
    "count"
)


def kernels(seed: int, networks: int, widths: str, activation: str, samples: int, device: str) -> dict[str, Array]:
    """Zero eigenvalues at trained minima, and the length of H v for the direction of each rescaling of two layers.

    The directions have the weights of one layer and minus those of the next; lengths are over |H| |v|. Beside them
    stand those of the same directions without the change of sign.
    """
    import torch

    network, theta, x, y, losses = taught(seed, networks, widths, activation, samples, device)
    hessian = numerics.dense_hessian(network, theta, x, y, loss()).total
    values = torch.linalg.eigvalsh(hessian)
    share = values.abs() / values[:, -1:]
    unclear = ((share > CUT) & (share < UNCLEAR)).any(dim=1) | (losses > FITTED)
    along: list[torch.Tensor] = []
    across: list[torch.Tensor] = []
    for (start, _, middle), (_, _, end) in zip(network.spans[:-1], network.spans[1:], strict=True):
        for sign, found in ((-1.0, along), (1.0, across)):
            direction = torch.zeros_like(theta)
            direction[:, start:middle] = theta[:, start:middle]
            direction[:, middle:end] = sign * theta[:, middle:end]
            image = (hessian @ direction[:, :, None])[:, :, 0]
            found.append(image.norm(dim=1) / values[:, -1] / direction.norm(dim=1))
    return {
        "zeros": (share <= CUT).sum(dim=1).cpu().numpy().astype(np.float64),
        "clear": (~unclear).cpu().numpy(),
        "along": torch.stack(along, 1).cpu().numpy(),
        "across": torch.stack(across, 1).cpu().numpy(),
    }


def _found(bench: Workbench, name: str) -> tuple[dict[str, Array], int, int]:
    """What was found on the networks that count, how many do not, and the number of hidden units."""
    batches = bench.size(quick=2, standard=4, full=8)
    items = [
        {**SHAPES[name], "seed": seed, "networks": 12, "device": bench.device} for seed in bench.seeds(name, batches)
    ]
    found = gathered(bench.map(name, kernels, items))
    clear = found["clear"].astype(bool)
    units = sum(widths_of(str(items[0]["widths"]))[1:-1])
    return {key: value[clear] for key, value in found.items()}, int((~clear).sum()), units


@claim(
    "rescaling.singular-hessian",
    title="At every minimum the Hessian is singular",
    source=Source(DINH_2017, "follows from the Hessian of a rescaled network", NON_DEGENERATE),
    assumptions=(NETWORK, "no unit is on its kink at a sample, and the weights are not all zero", TAUGHT),
    expects={Verdict.SUPPORTED},
    corrects="rescaling.non-degenerate-hessian-as-printed",
)
def singular_hessian(bench: Workbench) -> Iterator[Comparison]:
    r"""Because the loss does not change along $(t \theta_1, \theta_2/t)$, the Hessian is not free either: with the
    gradient $(g_1, g_2)$

    $$H \begin{pmatrix} \theta_1 \\ -\theta_2 \end{pmatrix} = \begin{pmatrix} -g_1 \\ g_2 \end{pmatrix}.$$

    At a minimum this is zero, and the Hessian singular. The results on the spectral norm need a Hessian other than
    zero, not an invertible one. The same holds for each hidden unit, so that there is at least one zero eigenvalue for
    each. (There can be more if, say, a unit is on one side of its kink at every sample.)
    """
    import sympy as sp

    derivation = theory.singular_hessian()
    letters = derivation.symbols
    first, second = letters["g_1"], letters["g_2"]
    yield Identity(
        "the Hessian times the direction of the orbit",
        derivation=derivation,
        claimed=sp.Tuple(-first, second),
        rival=Rival("zero at every place, not only at critical points", sp.Tuple(sp.Integer(0), sp.Integer(0))),
    )
    for name in SHAPES:
        found, dropped, units = _found(bench, name)
        yield Agrees(
            f"length of H times a layer and minus the next, over largest eigenvalue and length: {name}",
            measured=found["along"],
            predicted=0,
            tolerance=1e-6,
            reason="training ends where the gradient is about 1e-8 of what it was",
            dropped=dropped,
            rival=Rival("as without the minus", found["across"]),
        )
        yield Bounds(
            f"hidden units, against zero eigenvalues at minima: {name}",
            smaller=np.full(len(found["zeros"]), float(units)),
            larger=found["zeros"],
            tolerance=0,
            reason=f"a count of eigenvalues, with those below {CUT:g} of the largest as zeros",
            dropped=dropped,
            rival=Rival(
                "no more than from rescaling whole layers", np.full(len(found["zeros"]), float(found["along"].shape[1]))
            ),
        )


@claim(
    "rescaling.non-degenerate-hessian-as-printed",
    title="Minima with a non-degenerate Hessian, as printed",
    source=Source(printed=NON_DEGENERATE),
    assumptions=(NETWORK, TAUGHT),
    expects={Verdict.REFUTED},
    flaw="assumption",
    right=(
        "Take a minimum whose Hessian is not zero. It always has zero eigenvalues, at least one for each hidden unit."
    ),
)
def non_degenerate_hessian_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: take a minimum whose Hessian is non-degenerate, that is, without zero eigenvalues.

    (There is none: each hidden unit of a ReLU network brings one zero eigenvalue at least. What is needed is that the
    Hessian is not zero.)
    """
    for name in SHAPES:
        found, dropped, units = _found(bench, name)
        yield Agrees(
            f"zero eigenvalues at minima, counted up to one for each hidden unit: {name}",
            measured=np.minimum(found["zeros"], units),
            predicted=0,
            tolerance=0,
            reason=f"a count of eigenvalues, with those below {CUT:g} of the largest as zeros",
            dropped=dropped,
            rival=Rival("one for each hidden unit", units),
        )
