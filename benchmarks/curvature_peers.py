"""What other packages compute of a Hessian, behind one shape each: a product, extreme eigenvalues, a spectral measure.

PyHessian calls ``torch.eig``, which torch has removed, and fills float32 tensors: ``pyhessian`` gets a shim for the
one and float64 as the default for the other while it runs. Nothing else of a peer is changed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from curvature_problems import Problem
from torch import Tensor, nn

PEERS = {"curvlinops": "curvlinops", "hessian-eigenthings": "hessian_eigenthings", "PyHessian": "pyhessian"}


def installed() -> set[str]:
    """The peers that are there; say of each other one that it is skipped."""
    found = {name for name, package in PEERS.items() if find_spec(package) is not None}
    for name in sorted(PEERS.keys() - found):
        print(f"{name} is not installed: skipped (extra 'peers')")
    return found


def curvlinops_operator(problem: Problem) -> Any:
    from curvlinops import HessianLinearOperator

    parameters = list(problem.module.parameters())
    return HessianLinearOperator(
        problem.module, nn.CrossEntropyLoss(), parameters, [problem.data], check_deterministic=False
    )


def eigenthings_operator(problem: Problem, batches: list[tuple[Tensor, Tensor]] | None = None) -> Any:
    from hessian_eigenthings import HessianOperator, supervised_loss

    return HessianOperator(problem.module, batches or [problem.data], supervised_loss(nn.CrossEntropyLoss()))


@contextmanager
def pyhessian(problem: Problem) -> Iterator[Any]:
    """PyHessian's object, which keeps the graph of the gradient. Leaves no gradient in the module."""
    from pyhessian import hessian

    def eig(matrix: Tensor, eigenvectors: bool) -> tuple[Tensor, Tensor]:
        values, vectors = torch.linalg.eigh(matrix)
        return torch.stack([values, torch.zeros_like(values)], dim=1), vectors

    before = torch.get_default_dtype()
    torch.set_default_dtype(problem.theta.dtype)
    torch.eig = eig
    try:
        yield hessian(problem.module, nn.CrossEntropyLoss(), data=problem.data, cuda=problem.theta.is_cuda)
    finally:
        del torch.eig
        torch.set_default_dtype(before)
        problem.module.zero_grad(set_to_none=True)


def cached_product(problem: Problem) -> Callable[[Tensor], Tensor]:
    """A product from a graph of the gradient that is kept: the least that double backward can cost."""
    parameters = list(problem.module.parameters())
    loss = nn.CrossEntropyLoss()(problem.module(problem.x), problem.labels)
    gradient = torch.autograd.grad(loss, parameters, create_graph=True)

    def product(vector: Tensor) -> Tensor:
        pieces = [
            piece.view_as(p) for piece, p in zip(vector.split([p.numel() for p in parameters]), parameters, strict=True)
        ]
        out = torch.autograd.grad(gradient, parameters, grad_outputs=pieces, retain_graph=True)
        return torch.cat([piece.flatten() for piece in out])

    return product


def eigsh_top(problem: Problem, count: int, tolerance: float) -> Tensor:
    """curvlinops' operator in scipy's ARPACK: largest magnitudes, descending."""
    from scipy.sparse.linalg import eigsh

    values = eigsh(curvlinops_operator(problem).to_scipy(), k=count, tol=tolerance, return_eigenvectors=False)
    return _by_magnitude(torch.as_tensor(values.copy()))


def eigenthings_top(problem: Problem, count: int, steps: int) -> tuple[Tensor, Tensor]:
    """hessian-eigenthings' Lanczos to 1e-3 with its reorthogonalisation switched on: eigenvalues and their flags."""
    from hessian_eigenthings import lanczos

    result = lanczos(eigenthings_operator(problem), k=count, max_iter=steps, tol=1e-3, reorthogonalize=True, seed=0)
    return _by_magnitude(result.eigenvalues.cpu()), result.converged.cpu()


def eigenthings_flags(problem: Problem, count: int, steps: int) -> tuple[Tensor, Tensor]:
    """hessian-eigenthings' eigenvalues as its defaults compute them, and its convergence flags."""
    from hessian_eigenthings import lanczos

    result = lanczos(eigenthings_operator(problem), k=count, max_iter=steps, seed=0)
    return result.eigenvalues.cpu(), result.converged.cpu()


def pyhessian_top(problem: Problem, count: int) -> Tensor:
    """PyHessian's power iteration with its defaults."""
    torch.manual_seed(0)  # it draws from the global generator
    with pyhessian(problem) as peer:
        values, _ = peer.eigenvalues(top_n=count)
    return _by_magnitude(torch.tensor(values, dtype=torch.float64))


Measure = tuple[Tensor, Tensor]


def pyhessian_measure(problem: Problem, probes: int, steps: int) -> Measure:
    torch.manual_seed(0)
    with pyhessian(problem) as peer:
        nodes, weights = peer.density(iter=steps, n_v=probes)
    return torch.tensor(nodes).flatten().double(), torch.tensor(weights).flatten().double() / probes


def eigenthings_measure(problem: Problem, probes: int, steps: int) -> Measure:
    from hessian_eigenthings import spectral_density

    result = spectral_density(eigenthings_operator(problem), num_runs=probes, lanczos_steps=steps, seed=0)
    return result.raw_eigenvalues.flatten().cpu().double(), result.raw_weights.flatten().cpu().double() / probes


def curvlinops_measure(problem: Problem, probes: int, steps: int) -> Measure:
    """The nodes of curvlinops' quadratures, before it smooths them onto its grid."""
    from curvlinops.papyan2020traces.spectrum import fast_lanczos

    torch.manual_seed(0)
    operator = curvlinops_operator(problem)
    runs = [fast_lanczos(operator, steps) for _ in range(probes)]
    nodes = torch.cat([values for values, _ in runs])
    return nodes.cpu().double(), torch.cat([vectors[0] ** 2 for _, vectors in runs]).cpu().double() / probes


def curvlinops_grid(problem: Problem, probes: int, steps: int, ends: tuple[float, float]) -> Measure:
    """curvlinops' public result: a smooth density on a grid, here as a measure on the grid's points."""
    from curvlinops.papyan2020traces.spectrum import lanczos_approximate_spectrum

    torch.manual_seed(0)
    grid, density = lanczos_approximate_spectrum(
        curvlinops_operator(problem), steps, num_repeats=probes, boundaries=ends, num_points=4096
    )
    return grid.cpu().double(), (density / density.sum()).cpu().double()


def _by_magnitude(values: Tensor) -> Tensor:
    return values[values.abs().argsort(descending=True)].double()
