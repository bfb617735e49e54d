"""Samples of critical points of two-layer networks on Gaussian memorisation data, from seeds and small numbers.

The one function here is what an executor maps: it takes what JSON can hold, draws everything from seeds, and hands
back flat arrays, so that a long sweep is many small calls whose results can be stored as they come. A network is
n0-n1-n2 without biases, L = |W2 f(W1 X) - Y|^2/(2m), and the energy is L/n2 over twice the draw's own mean square
target, 1/2 exactly for the zero network.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from numerics.arguments import checked_sizes, integer
from numerics.critical_points.decay_branches import checked_decays, decay_branches
from numerics.critical_points.eigenvector_following import follow_eigenvectors
from numerics.critical_points.gradient_norm import minimise_gradient_norm
from numerics.critical_points.gradient_solver import solve_gradient
from numerics.critical_points.landscape import Landscape, checked_landscape
from numerics.critical_points.starts import descent_starts
from numerics.data import gaussian_memorisation
from numerics.losses import SquaredError
from numerics.networks import Mlp
from numerics.seeded import checked_seeds, generators

METHODS = ("eigenvectors", "gradient", "gradient-norm")
AIMS = ("start", "below")


def sample_critical_points(
    *,
    widths: Sequence[int],
    samples: int,
    activation: str,
    weight_decay: float,
    seed: int,
    draws: int,
    starts: int,
    method: str = "eigenvectors",
    aim: str = "start",
    max_steps: int = 300,
    branch_decays: Sequence[float] = (),
    device: str = "cpu",
) -> dict[str, Tensor]:
    """Draw data and starts, search from each start, and return every end with its evidence.

    Data draw d depends on ``seed + d`` alone, start s of that draw on ``seed + d`` and s: descent from random weights
    N(0, 1/fan_in), stopped at a loss drawn uniformly from those it passes through (``descent_starts``).

    Args:
        widths: n0, n1, n2.
        samples: Examples of each draw of the data, m.
        activation: A smooth one, by name; "linear" is one.
        weight_decay: Factor of ``|theta|**2/2``, at least 0.
        seed: First of ``draws`` consecutive seeds below 2**63.
        draws: Draws of the data.
        starts: Searches on each.
        method: "eigenvectors" (``follow_eigenvectors``), "gradient" (``solve_gradient``) or "gradient-norm"
            (``minimise_gradient_norm``, which adds ``accepted`` and ``alignment``).
        aim: Index at which eigenvector following aims: that of the "start", or one drawn uniformly from those up to
            it, "below", which finds low saddles and minima as well.
        max_steps: Steps of each search.
        branch_decays: Further weight decays to which each critical point is followed (``decay_branches``), in order.
        device: Where to compute.

    Returns:
        One entry per search, draw by draw: ``CriticalPoints.record()``; ``draw``, the number of the data draw;
        ``energy`` and ``start_energy``; ``aim``, where eigenvectors are followed; ``fresh``, whether it is critical and
        no earlier critical point of its draw has its index, and its energy to 1e-9; ``theta``, (searches, parameters);
        and with ``branch_decays`` ``branch_energy``, ``branch_index`` and ``branch_converged``, (searches, decays),
        where a branch is lost from its first False on. Only where ``converged`` is an entry a critical point.

    Raises:
        ValueError: If there are not three widths, a name is unknown, or a number is out of range.

    Examples:
        >>> found = sample_critical_points(
        ...     widths=(2, 2, 2), samples=8, activation="linear", weight_decay=0.0, seed=0, draws=2, starts=3,
        ...     method="gradient",
        ... )
        >>> found["draw"], bool((found["energy"][found["converged"]] <= 0.5).all())
        (tensor([0, 0, 0, 1, 1, 1]), True)
    """
    if not isinstance(widths, Sequence) or len(widths) != 3:
        raise ValueError(f"widths must be n0, n1 and n2, got {widths!r}.")
    checked_sizes(draws=draws, starts=starts)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    if aim not in AIMS:
        raise ValueError(f"aim must be one of {', '.join(AIMS)}, got {aim!r}.")
    if integer(seed) is None or not 0 <= seed < 2**63:
        raise ValueError(f"seed must be an integer in [0, 2**63), got {seed!r}.")
    if seed + draws > 2**63:
        raise ValueError(f"seed must leave {draws} consecutive seeds below 2**63, got {seed!r}.")
    branches = checked_decays("branch_decays", branch_decays)
    network, loss = Mlp(tuple(widths), activation), SquaredError(prefactor=0.5)
    data_seeds = [seed + draw for draw in range(draws)]
    x, y = gaussian_memorisation(inputs=widths[0], outputs=widths[2], samples=samples, seeds=data_seeds, device=device)
    x, y = x.repeat_interleave(starts, dim=0), y.repeat_interleave(starts, dim=0)
    seeds = _start_seeds(data_seeds, starts)
    begin = descent_starts(network, network.init(seeds, device=device), x, y, loss, seeds=seeds)
    unit = widths[2] * y.square().mean(dim=(1, 2))
    record: dict[str, Tensor] = {
        "draw": torch.arange(draws, device=x.device).repeat_interleave(starts),
        "start_energy": loss.value(network.forward(begin, x), y) / unit,
    }
    if method == "eigenvectors":
        index = _indices(checked_landscape(network, begin, x, y, loss, weight_decay), begin)
        if aim == "below":
            share = torch.cat(
                [torch.rand(1, generator=one, dtype=torch.float64, device="cpu") for one in generators("aim", seeds)]
            )
            index = ((index + 1) * share.to(x.device)).to(torch.int64)
        points = follow_eigenvectors(
            network, begin, x, y, loss, index=index, weight_decay=weight_decay, max_steps=max_steps
        )
        record.update(points.record(), aim=index)
    elif method == "gradient":
        points = solve_gradient(network, begin, x, y, loss, weight_decay=weight_decay, max_steps=max_steps)
        record.update(points.record())
    else:
        minima = minimise_gradient_norm(network, begin, x, y, loss, weight_decay=weight_decay, max_steps=max_steps)
        points = minima.points
        record.update(minima.record())
    record["energy"] = points.loss / unit
    record["fresh"] = _fresh(record, starts)
    record["theta"] = points.theta
    if branches:
        decays = (weight_decay, *branches)
        ends = decay_branches(network, points.theta, x, y, loss, weight_decays=decays)[1:]
        record["branch_energy"] = torch.stack([end.loss / unit for end in ends], dim=1)
        record["branch_index"] = torch.stack([end.index for end in ends], dim=1)
        record["branch_converged"] = torch.stack([end.converged for end in ends], dim=1)
    return record


def _start_seeds(data_seeds: Sequence[int], starts: int) -> list[int]:
    """One seed per start, each a hash of its draw's seed and its number."""
    seeds = []
    for generator in generators("starts", checked_seeds(data_seeds)):
        seeds.extend(torch.randint(0, 2**63 - 1, (starts,), generator=generator, device="cpu").tolist())
    return seeds


def _indices(landscape: Landscape, theta: Tensor) -> Tensor:
    """Negative eigenvalues at points that need not be critical."""
    spectra = [torch.linalg.eigvalsh(landscape.of(some).hessian(theta[some])) for some in landscape.groups(len(theta))]
    return (torch.cat(spectra) < 0).sum(1)


def _fresh(record: dict[str, Tensor], starts: int) -> Tensor:
    """Critical points that none before them in their draw repeats."""
    energy, index, found = (torch.unflatten(record[name], 0, (-1, starts)) for name in ("energy", "index", "converged"))
    close = (energy[:, :, None] - energy[:, None, :]).abs() <= 1e-9
    same = close & (index[:, :, None] == index[:, None, :]) & found[:, None, :]
    earlier = torch.ones(starts, starts, dtype=torch.bool, device=energy.device).tril(-1)
    return (found & ~(same & earlier).any(dim=2)).flatten()
