"""Minima of tanh networks and the least energy of linear ones on the same draws: what the workers run."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Workbench

Array = NDArray[np.float64]

DECAY: Final = 2.5e-4
RATIOS: Final = (Fraction(1, 4), Fraction(1, 2), Fraction(2, 3))  # 2n/m, with whole m for every n
TRAINED: Final = (
    f"weight decay {DECAY:g}, without which units saturate and minima run to infinity; energies leave it out"
)
TOGETHER: Final = 10  # draws in one batch
CUT: Final = 1e-10  # of the spectral radius: below it eigenvalues count as zero


def minima_of_draws(width: int, samples: int, decay: float, seed: int, draws: int, device: str) -> Mapping[str, Any]:
    """Train one n-n-n tanh network to a minimum on each draw of the data.

    Returns:
        ``energy`` of the minimum over that of the targets, without the decay; ``arrived``: training converged and no
        eigenvalue of the Hessian is negative; ``linear``: the least energy of a linear network on the same draw, exact.
    """
    import torch

    seeds = [seed + draw for draw in range(draws)]
    x, y = numerics.gaussian_memorisation(inputs=width, outputs=width, samples=samples, seeds=seeds, device=device)
    network = numerics.Mlp((width, width, width), "tanh", bias=False)
    loss = numerics.SquaredError(prefactor=0.5)
    start = network.init([seed + draws + draw for draw in range(draws)], device=device)
    end = numerics.levenberg_marquardt(network, start, x, y, loss, weight_decay=decay)
    hessian = numerics.dense_hessian(network, end.theta, x, y, loss).total
    identity = torch.eye(hessian.shape[-1], dtype=hessian.dtype, device=hessian.device)
    counts = numerics.inertia(hessian + decay * identity, tolerance=CUT)
    everything = np.ones((1, width), dtype=bool)
    linear = [
        float(theory.critical_table(inputs, targets, width, everything).relative_energy[0])
        for inputs, targets in zip(x.cpu().numpy(), y.cpu().numpy(), strict=True)
    ]
    return {
        "energy": end.loss / (width * y.square().mean(dim=(1, 2))),
        "arrived": end.converged & (counts.negative == 0),
        "linear": np.array(linear),
    }


def minima(
    bench: Workbench, width: int, ratio: Fraction, draws: int, decay: float = DECAY
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return the energies of tanh and linear minima of every draw, and where training arrived.

    The draws of a shape do not depend on the decay.

    Raises:
        ValueError: If the samples are no whole number or the draws no multiple of a batch.
    """
    samples = 2 * width / ratio
    if samples.denominator != 1 or draws % TOGETHER:
        raise ValueError(
            f"2 width/ratio must be whole and draws a multiple of {TOGETHER}, got width = {width}, ratio = {ratio}, "
            f"draws = {draws}."
        )
    fixed = {"width": width, "samples": int(samples), "decay": decay, "draws": TOGETHER, "device": bench.device}
    seeds = bench.seeds(f"minima of width {width} on {samples} samples", draws // TOGETHER)
    results = bench.map("minima", minima_of_draws, [{**fixed, "seed": seed} for seed in seeds])
    energy, linear, arrived = (
        np.concatenate([np.asarray(result[name]) for result in results]) for name in ("energy", "linear", "arrived")
    )
    return energy, linear, arrived
