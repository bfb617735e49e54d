"""Random maps from a few coordinates into parameter space: Fastfood and sparse ones beside a dense matrix.

Run it from the root with one thread, ``OMP_NUM_THREADS=1 python benchmarks/random_projections.py``; ``--device cuda``
runs the same rows on a GPU. A time is that of one push and one pull, as one step of training takes them; the error is
the largest difference of <P z, g> and <z, P' g>, relative. Memory is that of what is drawn. The last rows are the
Walsh-Hadamard transform alone, beside that of the package hadamard-transform if it is installed.
"""

import argparse
import importlib
import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from table import by_turns, heading, row
from torch import Tensor

from numerics import Projection, random_projection, walsh_hadamard

DENSE = 2**27  # numbers that a dense matrix may have here: 1 GiB


def megabytes(projection: Projection) -> float:
    """What the tensors of a projection take."""
    tensors = [one for one in vars(projection).values() if isinstance(one, Tensor)]
    return sum(one.numel() * one.element_size() for one in tensors) / 1e6


def adjoint_error(projection: Projection, z: Tensor, gradient: Tensor) -> float:
    pushed, pulled = projection.push(z), projection.pull(gradient)
    scale = float(pushed.norm() * gradient.norm())
    return abs(float((pushed * gradient).sum() - (z * pulled).sum())) / scale


def projections(parameters: int, dimension: int, device: str) -> None:
    draws = torch.Generator().manual_seed(0)
    z, gradient = (torch.randn(1, n, generator=draws, dtype=torch.float64).to(device) for n in (dimension, parameters))
    dense = parameters * dimension <= DENSE
    kinds = {kind: random_projection(kind, parameters, dimension, seeds=[0]) for kind in ("fastfood", "sparse")}
    matrix = torch.randn(parameters, dimension if dense else 1, generator=draws, dtype=torch.float64).to(device)
    moved: dict[str, Any] = {kind: _moved(one, device) for kind, one in kinds.items()}

    def step(projection: Projection) -> tuple[Tensor, Tensor]:
        found = projection.push(z), projection.pull(gradient)
        if z.is_cuda:
            torch.cuda.synchronize()
        return found

    def multiplied() -> tuple[Tensor, Tensor]:
        found = torch.mv(matrix, z[0]), torch.mv(matrix.mT, gradient[0])
        if z.is_cuda:
            torch.cuda.synchronize()
        return found

    runs: dict[str, Any] = {kind: lambda one=one: step(one) for kind, one in moved.items()}
    if dense:
        runs["dense matrix"] = multiplied
    best, _ = by_turns(runs, 5)
    for kind, projection in moved.items():
        row(
            f"{kind}, {parameters:.0e} parameters, {dimension} coordinates",
            best[kind],
            adjoint_error(projection, z, gradient),
            peer="dense matrix" if dense else "",
            theirs=best.get("dense matrix"),
            target=f"{megabytes(projection):.3g} MB, dense {8e-6 * parameters * dimension:.3g} MB",
        )


def _moved(projection: Any, device: str) -> Any:
    fields = {name: one.to(device) if isinstance(one, Tensor) else one for name, one in vars(projection).items()}
    return type(projection)(**fields)


def transforms(rows: int, size: int, device: str) -> None:
    x = torch.randn(rows, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(device)
    runs: dict[str, Any] = {"ours": lambda: walsh_hadamard(x)}
    if importlib.util.find_spec("hadamard_transform") is not None:
        peer = importlib.import_module("hadamard_transform")
        runs["hadamard-transform"] = lambda: peer.hadamard_transform(x) * math.sqrt(size)
    else:
        print("hadamard-transform is not installed: skipped")
    if size <= 2**12:
        matrix = walsh_hadamard(torch.eye(size, dtype=x.dtype, device=x.device))
        runs["the matrix"] = lambda: x @ matrix
    best, results = by_turns(runs, 5)
    for name in list(runs)[1:]:
        error = float((results["ours"] - results[name]).abs().max() / results[name].abs().max())
        row(f"Walsh-Hadamard, {rows} rows of {size}", best["ours"], error, peer=name, theirs=best[name])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    name = torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"
    setting = f"torch {torch.__version__}, {name}, {torch.get_num_threads()} thread(s), float64"
    heading(f"random projections, {setting}, best of 5 by turns")
    for parameters, dimension in ((10**5, 10), (10**5, 100), (10**5, 1000), (10**6, 100), (10**6, 1000)):
        projections(parameters, dimension, device)
    for rows, size in ((1024, 128), (1024, 1024), (1, 2**20)):
        transforms(rows, size, device)


if __name__ == "__main__":
    main()
