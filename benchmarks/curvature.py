"""Dense Hessians and ensembles of Hessians: this package beside its peers, in one process and alternating.

Run it from the root with one thread, ``OMP_NUM_THREADS=1 python benchmarks/curvature.py``. A peer that is not
installed (extra ``peers``) is skipped with a line that says so. Errors are largest differences from automatic
differentiation, relative to the largest entry of the matrix.
"""

import itertools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from table import by_turns, heading, row
from torch import Tensor

from numerics import CrossEntropy, Mlp, SquaredError, adam, dense_hessian, digits

warnings.filterwarnings("ignore", message=".*torch.jit.script.*")


def _report(item: str, best: dict[str, float], errors: dict[str, float], targets: dict[str, float]) -> None:
    """Print a row for each peer, with the ratio that is asked for."""
    ours = best["lossproof"]
    for name, seconds in best.items():
        if name != "lossproof":
            row(
                item,
                ours,
                errors["lossproof"],
                peer=name,
                theirs=seconds,
                their_error=errors[name],
                target=f"{targets[name]:.0f}x, 1e-13",
                holds=seconds >= targets[name] * ours and errors["lossproof"] <= 1e-13,
            )
    if len(best) == 1:
        row(item, ours, errors["lossproof"])


def _relative_error(mine: Tensor, truth: Tensor) -> float:
    return float((mine - truth).abs().max() / truth.abs().max())


def dense(widths: tuple[int, ...], rounds: int) -> None:
    """One tanh network on the first 1000 digits, mean cross-entropy, after 60 full-batch steps of Adam."""
    network, loss = Mlp(widths, "tanh", bias=True), CrossEntropy()
    x, labels = digits(samples=1000)
    theta = adam(network, network.init([0]), x, labels, loss, learning_rate=1e-2, steps=60).theta

    module = torch.nn.Sequential()
    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        if layer:
            module.append(torch.nn.Tanh())
        module.append(torch.nn.Linear(fan_in, fan_out, dtype=torch.float64))
    torch.nn.utils.vector_to_parameters(theta[0], module.parameters())

    runs: dict[str, Callable[[], Tensor]] = {
        "lossproof": lambda: dense_hessian(network, theta, x, labels, loss).total[0]
    }
    try:
        from curvlinops import HessianLinearOperator
    except ImportError as error:
        print(f"curvlinops is not installed ({error}): skipped")
    else:
        operator = HessianLinearOperator(
            module, torch.nn.CrossEntropyLoss(), list(module.parameters()), [(x, labels)], check_deterministic=False
        )
        identity = torch.eye(network.parameters, dtype=torch.float64)
        runs["curvlinops H @ I"] = lambda: (operator @ identity).detach()
    best, results = by_turns(runs, rounds)

    # the truth: double backward on some of the columns, spread over all layers
    columns = torch.arange(0, network.parameters, max(1, network.parameters // 200))
    flat = theta[0].clone().requires_grad_()
    value = loss.value(network.forward(flat[None], x), labels)[0]
    (gradient,) = torch.autograd.grad(value, flat, create_graph=True)
    truth = torch.stack([torch.autograd.grad(gradient[k], flat, retain_graph=True)[0] for k in columns], dim=1)
    errors = {name: _relative_error(result[:, columns], truth) for name, result in results.items()}
    item = f"dense Hessian, {network.parameters} parameters"
    _report(item, best, errors, {"curvlinops H @ I": 6})
    symmetric = torch.equal(results["lossproof"], results["lossproof"].T)
    row(item, "", target="exactly symmetric", holds=symmetric)


def ensemble(members: int, rounds: int) -> None:
    """64 networks 10-15-2 on 200 shared points, squared error."""
    network, loss = Mlp((10, 15, 2), "tanh", bias=True), SquaredError(0.5)
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(200, features, generator=generator, dtype=torch.float64) for features in (10, 2))
    theta = network.init(range(members))

    def value(flat: Tensor) -> Tensor:
        return loss.value(network.forward(flat[None], x), y)[0]

    hessian = torch.func.hessian(value)
    runs: dict[str, Callable[[], Tensor]] = {
        "lossproof": lambda: dense_hessian(network, theta, x, y, loss).total,
        "loop of torch.func.hessian": lambda: torch.stack([hessian(one) for one in theta]),
        "vmap of torch.func.hessian": lambda: torch.vmap(hessian)(theta),
    }
    best, results = by_turns(runs, rounds)
    truth = results["loop of torch.func.hessian"]
    errors = {name: _relative_error(result, truth) for name, result in results.items()}
    asked = {"loop of torch.func.hessian": 10.0, "vmap of torch.func.hessian": 25.0}
    _report(f"{members} Hessians, {network.parameters} parameters", best, errors, asked)


if __name__ == "__main__":
    heading(
        f"curvature, torch {torch.__version__}, {torch.get_num_threads()} thread(s), float64, best of rounds by turns"
    )
    ensemble(64, rounds=3)
    dense((64, 12, 12, 10), rounds=3)
    dense((64, 48, 32, 10), rounds=2)
