"""Random matrices of the Hessian's model: Wishart, Wigner, and the blocks of the residual part.

Conventions. A matrix is size x size and its law is that of the limit of large size.

- Wigner of scale sigma: off-diagonal entries of variance sigma^2/size, diagonal ones of twice that (GOE); edges -+2
  sigma.
- Wishart of ratio r and scale s: J J' with J of shape size x p, p = round(size/r), entries N(0, s/p);
  Marchenko-Pastur of ratio r, mean s, edges s (1 -+ sqrt r)^2, and for r > 1 an atom of weight 1 - 1/r at 0.
- Residual block of a hidden unit: M = (1/m) sum_mu e_mu D_mu x_mu'. The residual part of the Hessian of a network
  with one hidden layer is a direct sum of [[0, M], [M', 0]], one per unit, so that its eigenvalues are the -+singular
  values of M.

All draws take one seed per member (see ``numerics.seeded``), and the same seeds give independent matrices of different
kinds: CPU and CUDA, float32 and float64 see the same matrices.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import (
    checked_dtype,
    checked_finite,
    checked_number,
    checked_scale,
    checked_sizes,
    checked_tensors,
)
from numerics.seeded import generators


def sample_wigner(
    size: int,
    *,
    seeds: Sequence[int],
    sigma: float = 1.0,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "members size size"]:
    """Draw symmetric Gaussian matrices whose spectrum tends to the semicircle of variance ``sigma**2``.

    Allocates the result and, on the CPU, two size x size matrices.

    Args:
        size: Rows of each matrix, at least 1.
        seeds: One per matrix.
        sigma: Scale, positive: the spectrum's edges tend to ``-2*sigma`` and ``2*sigma``.
        dtype: float32 or float64.
        device: Where the result shall be.

    Returns:
        The matrices, exactly symmetric.

    Raises:
        ValueError: If the size or the scale is not positive, or there is no seed.

    Examples:
        >>> matrix = sample_wigner(300, seeds=[1])[0]
        >>> edge = float(torch.linalg.eigvalsh(matrix)[-1])
        >>> abs(edge - 2) < 0.1
        True
    """
    checked_sizes(size=size)
    checked_dtype(dtype)
    sigma = checked_number("sigma", sigma, above=0.0)
    draws = generators("wigner", seeds)
    result = torch.empty(len(seeds), size, size, dtype=dtype, device=device)
    for member, generator in enumerate(draws):
        square = torch.randn(size, size, generator=generator, dtype=torch.float64)
        result[member] = (square + square.T) * (sigma / math.sqrt(2 * size))
    return checked_scale("sigma", sigma, result)


def sample_wishart(
    size: int,
    *,
    ratio: float,
    seeds: Sequence[int],
    scale: float = 1.0,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "members size size"]:
    """Draw Gauss-Newton-like matrices J J' whose spectrum tends to Marchenko-Pastur.

    The number of columns is p = round(size/ratio), so the ratio in force is size/p. Allocates the result and one
    size x p matrix, rounded to ``dtype`` before it is multiplied.

    Args:
        size: Rows of each matrix, at least 1.
        ratio: Rows over columns of J, positive (phi = 2n/m in the model of the Hessian).
        seeds: One per matrix.
        scale: Mean of the spectrum, positive: the entries of J have variance scale/p.
        dtype: float32 or float64.
        device: Where the product is formed and the result shall be.

    Returns:
        The matrices, exactly symmetric.

    Raises:
        ValueError: If the size, ratio or scale is not positive, the ratio leaves no column, or there is no seed.

    Examples:
        >>> matrix = sample_wishart(200, ratio=2.0, seeds=[1])[0]
        >>> int((torch.linalg.eigvalsh(matrix) > 1e-10).sum())
        100
    """
    checked_sizes(size=size)
    checked_dtype(dtype)
    ratio, scale = checked_number("ratio", ratio, above=0.0), checked_number("scale", scale, above=0.0)
    if not size / ratio < 2**40:
        raise ValueError(f"ratio must leave fewer than 2**40 columns, got {size=} and {ratio=}.")
    columns = round(size / ratio)
    if columns < 1:
        raise ValueError(f"ratio must leave at least one column, round(size/ratio) >= 1, got {size=} and {ratio=}.")
    draws = generators("wishart", seeds)
    result = torch.empty(len(seeds), size, size, dtype=dtype, device=device)
    for member, generator in enumerate(draws):
        jacobian = torch.randn(size, columns, generator=generator, dtype=torch.float64).to(result)
        result[member] = _mirrored(jacobian @ jacobian.T) * (scale / columns)
    return checked_scale("scale", scale, result)


def sample_residual_blocks(
    width: int,
    *,
    samples: int,
    epsilon: float,
    active: Literal["linear", "relu"],
    seeds: Sequence[int],
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "members width width"]:
    """Draw the block M = (1/m) sum_mu e_mu D_mu x_mu' that couples one hidden unit's two weight vectors.

    e ~ N(0, 2 epsilon) and x ~ N(0, 1) independently in all coordinates. A linear unit is active on every sample; a
    ReLU unit on exactly half of them, independently of e and x. (Which half does not matter, so only the active
    samples are drawn.) Allocates the result and two samples x width matrices.

    Args:
        width: Inputs, and outputs, of the network: n.
        samples: Training examples m; even for ``active="relu"``. The model's ratio is phi = 2 n/m.
        epsilon: Energy L/n of the point, at least 0.
        active: ``"linear"`` (D = 1) or ``"relu"`` (D = 1 on half the samples).
        seeds: One per block.
        dtype: float32 or float64.
        device: Where the product is formed and the result shall be.

    Returns:
        One block per member.

    Raises:
        ValueError: If a size is not positive, the energy is negative, the unit's kind is unknown, the samples of a
            ReLU unit are odd, or there is no seed.

    Examples:
        >>> block = sample_residual_blocks(100, samples=400, epsilon=0.3, active="linear", seeds=[1])
        >>> abs(float(symmetric_spectrum(block).square().mean()) - 0.15) < 0.01  # epsilon * phi = 0.3/2
        True
    """
    checked_sizes(width=width, samples=samples)
    checked_dtype(dtype)
    epsilon = checked_number("epsilon", epsilon, least=0.0)
    if active not in ("linear", "relu"):
        raise ValueError(f"active must be 'linear' or 'relu', got {active!r}.")
    if active == "relu" and samples % 2:
        raise ValueError(f"samples must be even for active='relu', half of them being active, got {samples}.")
    seen = samples if active == "linear" else samples // 2
    draws = generators("residual blocks", seeds)
    result = torch.empty(len(seeds), width, width, dtype=dtype, device=device)
    for member, generator in enumerate(draws):
        pair = torch.randn(2, seen, width, generator=generator, dtype=torch.float64).to(result)
        result[member] = (pair[0].T @ pair[1]) * (math.sqrt(2 * epsilon) / samples)
    return checked_scale("epsilon", epsilon, result)


def symmetric_spectrum(blocks: Float[Tensor, "members rows columns"]) -> Float[Tensor, "members eigenvalues"]:
    """Eigenvalues of [[0, M], [M', 0]] in ascending order: the -+singular values of M, and zeros if M is not square.

    Symmetric about 0 to the last bit. Allocates no matrix of twice the size.

    Args:
        blocks: One matrix M per member.

    Returns:
        rows + columns eigenvalues per member, ascending.

    Raises:
        ValueError: If the blocks are not a stack of matrices or not finite.

    Examples:
        >>> symmetric_spectrum(torch.tensor([[[3.0, 0.0], [0.0, -1.0]]]))
        tensor([[-3., -1.,  1.,  3.]])
    """
    _check_matrices("blocks", blocks)
    singular = torch.linalg.svdvals(blocks)
    zeros = singular.new_zeros(len(blocks), abs(blocks.shape[1] - blocks.shape[2]))
    return torch.cat([-singular, zeros, singular.flip(-1)], dim=-1)


def threshold_spectrum(
    wishart: Float[Tensor, "members size size"], wigner: Float[Tensor, "members size size"]
) -> Float[Tensor, "members size"]:
    r"""Eigenvalues of -H0^(-1/2) W H0^(-1/2): one eigenproblem a draw gives the index of H0 + s W at every s.

    With H0 = L L' and T = -L^(-1) W L^(-T) one has H0 + s W = L (1 - s T) L', so by Sylvester's law of inertia

    .. math:: \mathrm{index}(H_0 + s W) = \#\{\tau \in \mathrm{spec}(T) : s \tau > 1\}.

    Only the lower triangle of ``wigner`` matters. Works one member at a time and allocates three matrices beside the
    input.

    Args:
        wishart: Positive definite matrices H0 (ratio below 1).
        wigner: Symmetric matrices W, of scale 1 if s = sqrt(2 epsilon).

    Returns:
        The eigenvalues of T, ascending.

    Raises:
        ValueError: If shapes, dtypes or devices differ, a matrix is not finite, or H0 is not positive definite or so
            near to singular that T overflows.

    Examples:
        >>> wishart, wigner = torch.diag(torch.tensor([1.0, 4.0])), torch.diag(torch.tensor([1.0, -1.0]))
        >>> threshold_spectrum(wishart[None], wigner[None])  # index 1 once s > 4
        tensor([[-1.0000,  0.2500]])
    """
    _check_square("wishart", wishart)
    _check_square("wigner", wigner)
    if wishart.shape != wigner.shape:
        raise ValueError(f"wigner must have the shape of wishart, {tuple(wishart.shape)}, got {tuple(wigner.shape)}.")
    if wishart.dtype != wigner.dtype or wishart.device != wigner.device:
        raise ValueError(
            f"wigner must have wishart's dtype and device, {wishart.dtype} on {wishart.device}, "
            f"got {wigner.dtype} on {wigner.device}."
        )
    result = wishart.new_empty(wishart.shape[:2])
    for member, (base, noise) in enumerate(zip(wishart, wigner, strict=True)):
        lower, info = torch.linalg.cholesky_ex(base)
        if int(info) != 0:
            raise ValueError(f"wishart must be positive definite, but member {member} is not.")
        half = torch.linalg.solve_triangular(lower, _mirrored(noise), upper=False)
        whole = torch.linalg.solve_triangular(lower, half.T, upper=False)
        if not bool(whole.isfinite().all()):
            raise ValueError(f"wishart must be far enough from singular, but member {member} overflows when inverted.")
        result[member] = torch.linalg.eigvalsh(whole.neg_())
    return result


def _mirrored(matrix: Float[Tensor, "size size"]) -> Float[Tensor, "size size"]:
    """The symmetric matrix with the given lower triangle."""
    lower = matrix.tril(-1)
    return lower + lower.T + torch.diag(matrix.diagonal())


def _check_matrices(name: str, matrices: Tensor) -> None:
    checked_tensors(**{name: matrices})
    if matrices.ndim != 3 or 0 in matrices.shape:
        raise ValueError(f"{name} must have shape (members, rows, columns), got {tuple(matrices.shape)}.")
    checked_finite(**{name: matrices})


def _check_square(name: str, matrices: Tensor) -> None:
    _check_matrices(name, matrices)
    if matrices.shape[1] != matrices.shape[2]:
        raise ValueError(f"{name} must be square matrices, got shape {tuple(matrices.shape)}.")
