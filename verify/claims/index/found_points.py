"""Critical points of tanh networks for the claims on index against energy: what a worker runs, and points by draw.

Conventions: networks n-n-n without biases on m samples, inputs and targets independent N(0, 1), phi = 2n/m; the loss
L is |W2 f(W1 X) - Y|^2/(2m), energies are L/n over the draw's own mean square target: the zero network has 1/2;
alpha = index/(2 n^2). A draw is one set of data; several searches are started on each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import Slide, Workbench
from verify.sources import OXFORD_C65

Array = NDArray[np.float64]

FIGURE_6: Final = Slide(OXFORD_C65, "Empirical values of ε_c and α (Pennington et al. 17')")
DECAY: Final = 1e-3
MEMORISATION: Final = "inputs and targets are independent standard normal numbers, all widths are $n$, no biases"
RESCALED: Final = (
    "energies are $\\epsilon = |\\mathrm{residuals}|^2/(2mn)$ over the draw's mean square target: the zero network has "
    "$1/2$"
)
ENERGY_AXIS: Final = "energy ε (zero network: 1/2)"
DECAYED: Final = (
    f"weight decay {DECAY:g}, without which units saturate and critical points run to infinity; energies leave it out"
)
EVIDENCE: Final = (
    "a point counts as critical if its relative gradient norm is at most $10^{-9}$, its weights are bounded, Newton's "
    "step from it is short and no eigenvalue of its Hessian is zero to rounding; other ends of searches are left out"
)
MEASURE: Final = (
    "the points are those that searches find: gradient descent from weights $N(0, 1/n)$ is stopped at an energy drawn "
    "uniformly from those it passes, and eigenvectors are followed to an index drawn uniformly from $0$ to that of the "
    "start; another choice weighs the points differently"
)
AIMED: Final = (
    "the points are those that searches find: gradient descent from weights $N(0, 1/n)$ is stopped at an energy drawn "
    "uniformly from those it passes, and eigenvectors are followed to an index drawn uniformly from $0$ to $n^2$, "
    "independently of the start, so that the search puts no order into the points; another choice weighs them "
    "differently"
)
TOGETHER: Final = 5  # draws in one batch
STEPS: Final = 300  # of a search at most


@dataclass(frozen=True)
class Cloud:
    """Distinct critical points on some draws of the data, all of one shape of network.

    Args:
        width: n.
        samples: m.
        searches: How many were started.
        draw: Number of the draw of each point, increasing.
        index: Negative eigenvalues of the Hessian.
        energy: As the module's heading has it.
        draws: How many there are, with or without points.
    """

    width: int
    samples: int
    searches: int
    draw: NDArray[np.int64]
    index: NDArray[np.int64]
    energy: Array
    draws: int

    @property
    def ratio(self) -> Fraction:
        """Parameters per residual, phi."""
        return Fraction(2 * self.width, self.samples)

    @property
    def alpha(self) -> Array:
        """The index as a fraction of all eigenvalues."""
        return np.asarray(self.index / (2 * self.width**2))

    def of_draw(self, draw: int) -> tuple[Array, Array]:
        """Return alpha and energy of the points of one draw."""
        here = self.draw == draw
        return self.alpha[here], self.energy[here]

    def mean_energies(self, bins: int) -> tuple[Array, Array, Array]:
        """Return mean index, mean energy and its standard error over draws, for points in bins of equal numbers."""
        order = np.argsort(self.index, kind="stable")
        rows = []
        for part in np.array_split(order, bins):
            draws = np.unique(self.draw[part])
            means = np.array([self.energy[part][self.draw[part] == draw].mean() for draw in draws])
            error = means.std(ddof=1) / len(means) ** 0.5 if len(means) > 1 else 0.0
            rows.append((self.alpha[part].mean(), self.energy[part].mean(), error))
        alpha, energy, errors = np.array(rows).T
        return alpha, energy, errors


def found_points(
    width: int,
    samples: int,
    decay: float,
    seed: int,
    draws: int,
    starts: int,
    method: str,
    device: str,
    max_steps: int = STEPS,
) -> Mapping[str, Any]:
    """Search for critical points of n-n-n tanh networks, and return every end with its evidence."""
    return numerics.sample_critical_points(
        widths=(width, width, width),
        samples=samples,
        activation="tanh",
        weight_decay=decay,
        seed=seed,
        draws=draws,
        starts=starts,
        method=method,
        aim="below",
        max_steps=max_steps,
        device=device,
    )


def independently_aimed_points(
    width: int, samples: int, decay: float, seed: int, draws: int, starts: int, device: str
) -> Mapping[str, Any]:
    """Follow eigenvectors to indices drawn uniformly from 0 to n^2, whatever the index and the energy of the start.

    Returns:
        What ``cloud`` takes, one entry per search: ``draw``, ``index``, ``energy`` and ``fresh``, whether the end is
        critical and no earlier one of its draw has its index, and its energy to 1e-9.
    """
    import torch

    x, y = numerics.gaussian_memorisation(
        inputs=width, outputs=width, samples=samples, seeds=[seed + draw for draw in range(draws)], device=device
    )
    x, y = x.repeat_interleave(starts, dim=0), y.repeat_interleave(starts, dim=0)
    generator = np.random.default_rng(seed)
    seeds = generator.integers(0, 2**62, draws * starts).tolist()
    aims = torch.as_tensor(generator.integers(0, width**2 + 1, draws * starts), device=device)
    network, loss = numerics.Mlp((width, width, width), "tanh", bias=False), numerics.SquaredError(prefactor=0.5)
    begin = numerics.descent_starts(network, network.init(seeds, device=device), x, y, loss, seeds=seeds)
    ends = numerics.follow_eigenvectors(network, begin, x, y, loss, index=aims, weight_decay=decay, max_steps=STEPS)
    energy = (ends.loss / (width * y.square().mean(dim=(1, 2)))).cpu().numpy()
    index, draw = ends.index.cpu().numpy(), np.repeat(np.arange(draws), starts)
    fresh = ends.converged.cpu().numpy().copy()
    for place in np.flatnonzero(fresh):
        before = np.flatnonzero(fresh[:place] & (draw[:place] == draw[place]) & (index[:place] == index[place]))
        fresh[place] = not (np.abs(energy[before] - energy[place]) <= 1e-9).any()
    return {"draw": draw, "index": index, "energy": energy, "fresh": fresh}


def searched(
    bench: Workbench,
    width: int,
    samples: int,
    draws: int,
    starts: int,
    *,
    decay: float = DECAY,
    method: str = "eigenvectors",
    max_steps: int = STEPS,
    together: int = TOGETHER,
) -> list[dict[str, Any]]:
    """Search on a number of draws, in batches; the data of a shape and a batch do not depend on decay and method.

    Raises:
        ValueError: If the draws are no multiple of a batch.
    """
    seeds = batch_seeds(bench, width, samples, draws, together)
    fixed = {
        "width": width,
        "samples": samples,
        "decay": decay,
        "draws": together,
        "starts": starts,
        "max_steps": max_steps,
    }
    items = [{**fixed, "seed": seed, "method": method, "device": bench.device} for seed in seeds]
    return bench.map("critical points", found_points, items)


def searched_with_independent_aims(
    bench: Workbench, width: int, samples: int, draws: int, starts: int
) -> list[dict[str, Any]]:
    """Search on a number of draws, in batches, with aims that are independent of the starts.

    Raises:
        ValueError: If the draws are no multiple of a batch.
    """
    together = aimed_together(width)
    fixed = {"width": width, "samples": samples, "decay": DECAY, "draws": together, "starts": starts}
    seeds = batch_seeds(bench, width, samples, draws, together)
    items = [{**fixed, "seed": seed, "device": bench.device} for seed in seeds]
    return bench.map("critical points", independently_aimed_points, items)


def aimed_together(width: int) -> int:
    """Draws in one batch where aims are independent of starts: as many as take some ten seconds.

    A run that is killed loses the batch in hand. Small networks are searched faster in larger batches.
    """
    if width > 6:
        return TOGETHER
    return 25 if width > 4 else 20


def batch_seeds(bench: Workbench, width: int, samples: int, draws: int, together: int = TOGETHER) -> list[int]:
    """Return one seed per batch of draws of the data of a shape.

    Raises:
        ValueError: If the draws are no multiple of a batch.
    """
    if draws % together:
        raise ValueError(f"draws must be a multiple of {together}, got {draws}.")
    return bench.seeds(f"data for width {width} and {samples} samples", draws // together)


def cloud(results: Sequence[Mapping[str, Any]], width: int, samples: int, together: int = TOGETHER) -> Cloud:
    """Collect the distinct critical points of batches of so many draws together."""
    fresh = [np.asarray(result["fresh"]) for result in results]
    numbers = [np.asarray(result["draw"]) + together * place for place, result in enumerate(results)]

    def kept(columns: Sequence[Any]) -> NDArray[Any]:
        return np.concatenate([np.asarray(column)[mask] for column, mask in zip(columns, fresh, strict=True)])

    return Cloud(
        width=width,
        samples=samples,
        searches=sum(mask.size for mask in fresh),
        draw=kept(numbers),
        index=kept([result["index"] for result in results]),
        energy=kept([result["energy"] for result in results]),
        draws=together * len(results),
    )
