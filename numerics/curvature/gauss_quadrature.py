r"""One vector's spectral measure as Lanczos sees it: a Gauss quadrature, and what it proves of the cdf.

A unit vector v and a symmetric H define the measure mu(f) = v' f(H) v. After m Lanczos steps the eigenvalues of the
tridiagonal matrix and the squared first entries of its eigenvectors integrate every polynomial of degree 2 m - 1
exactly. The last residual norm adds a moment: for every x there is one quadrature of m + 1 nodes, x among them, of
degree 2 m. By the inequalities of Chebyshev, Markov and Stieltjes no measure with these moments has less mass to the
left of x than that quadrature, and none has more in (-infinity, x]:

.. math:: L(x) \le \mu(-\infty, x) \le \mu(-\infty, x] \le L(x) + \rho(x),

and both ends are attained. rho(x), the weight at x, is what m steps cannot tell from x: it falls like 1/m inside a
smooth density, and stays where there is an atom.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

_CHUNK = 2**24  # numbers of the matrices that are diagonalised at a time
_FAR = 1e5  # radii: no mass of 1e-10 lies beyond, and no closer x is lost in the rounding of a matrix that has it


@dataclass(frozen=True, eq=False)
class GaussQuadrature:
    """The Jacobi matrix of a measure of total mass one.

    Attributes:
        diagonal: Of the Jacobi matrix.
        off_diagonal: Of the Jacobi matrix; its last entry couples to the step that was not taken, 0 if there is none.

    Examples:
        >>> half = torch.tensor([0.5, 0.5], dtype=torch.float64)
        >>> quadrature = GaussQuadrature(torch.zeros(2, dtype=torch.float64), half)  # of a semicircle on [-1, 1]
        >>> quadrature.nodes
        tensor([-0.5000,  0.5000], dtype=torch.float64)
        >>> below, at = quadrature.bounds(torch.zeros(1, dtype=torch.float64))
        >>> [round(float(bound), 3) for bound in (below, below + at)]
        [0.25, 0.75]
    """

    diagonal: Float[Tensor, " steps"]
    off_diagonal: Float[Tensor, " steps"]

    @classmethod
    def of_atoms(
        cls, nodes: Float[Tensor, " atoms"], weights: Float[Tensor, " atoms"], steps: int
    ) -> "GaussQuadrature":
        """The quadrature of a discrete measure: Lanczos on a diagonal matrix, orthogonalised twice.

        Args:
            nodes: Where the atoms are.
            weights: Their masses, not negative, whose sum is taken to be one.
            steps: How many steps, fewer if there are fewer atoms.
        """
        vector = (weights / weights.sum()).sqrt()
        rows: list[Tensor] = []
        diagonal, off_diagonal = [], []
        for _ in range(min(steps, len(nodes))):
            rows.append(vector)
            basis = torch.stack(rows)
            image = nodes * vector
            diagonal.append(float(image @ vector))
            for _ in range(2):
                image = image - basis.mT @ (basis @ image)
            left = float(torch.linalg.vector_norm(image))
            exhausted = len(rows) == len(nodes) or left <= 1e-14 * float(nodes.abs().max())
            off_diagonal.append(0.0 if exhausted else left)
            if exhausted:
                break
            vector = image / left
        return cls(nodes.new_tensor(diagonal), nodes.new_tensor(off_diagonal))

    @property
    def degree(self) -> float:
        """Polynomials up to this degree are integrated exactly."""
        return 2.0 * len(self.diagonal) - 1.0 if bool(self.off_diagonal[-1] > 0.0) else float("inf")

    @cached_property
    def eigen(self) -> tuple[Float[Tensor, " steps"], Float[Tensor, "steps steps"]]:
        """Eigenvalues of the Jacobi matrix, ascending, and its eigenvectors in columns."""
        values, vectors = torch.linalg.eigh(self._jacobi())
        return values, vectors

    @property
    def nodes(self) -> Float[Tensor, " steps"]:
        """Where the weights are, ascending."""
        return self.eigen[0]

    @property
    def weights(self) -> Float[Tensor, " steps"]:
        """Masses at the nodes, whose sum is one."""
        weights = self.eigen[1][0].square()
        return weights / weights.sum()

    def shortened(self, steps: int) -> "GaussQuadrature":
        """What fewer steps would have given."""
        return GaussQuadrature(self.diagonal[:steps], self.off_diagonal[:steps])

    def bounds(self, x: Float[Tensor, " points"]) -> tuple[Float[Tensor, " points"], Float[Tensor, " points"]]:
        """The proven lower bound L of the mass left of each x, and rho: L + rho bounds the mass up to and with x.

        Diagonalises a matrix of ``steps`` + 1 rows for each x. An x beyond ``_FAR`` radii is taken to be there.
        """
        coupling = self.off_diagonal[-1]
        scale = (self.nodes.abs().amax() + coupling).clamp(min=1e-300)
        x = x.clamp(min=-_FAR * float(scale), max=_FAR * float(scale))
        if not bool(coupling > 1e-15 * scale):  # the quadrature is the measure
            gap = self.nodes - x[:, None]
            same = gap.abs() <= 1e-13 * scale
            zero = self.weights.new_zeros(())
            below = torch.where((gap < 0) & ~same, self.weights, zero).sum(1)
            return below, torch.where(same, self.weights, zero).sum(1)
        unit = 2.0 ** max(math.frexp(float(scale))[1], -1000)  # squares must not over- or underflow
        steps = len(self.diagonal)
        chunk = max(1, _CHUNK // (steps + 1) ** 2)
        pieces = [self._radau(x[first : first + chunk], unit) for first in range(0, max(len(x), 1), chunk)]
        return torch.cat([below for below, _ in pieces]), torch.cat([at for _, at in pieces])

    def _radau(self, x: Tensor, unit: float) -> tuple[Tensor, Tensor]:
        values, vectors = self.eigen
        x, values, coupling = x / unit, values / unit, self.off_diagonal[-1] / unit
        last = coupling * vectors[-1]
        # beside a Gauss node the corner grows without limit, and its node leaves to infinity with no weight
        gaps = values - x[:, None]
        gaps = torch.where(gaps.abs() < 1e-15, 1e-15, gaps)
        corner = (x + (last.square() / gaps).sum(1)).clamp(min=-10 * _FAR, max=10 * _FAR)
        steps = len(values)
        matrices = x.new_zeros(len(x), steps + 1, steps + 1)
        matrices[:, :steps, :steps] = self._jacobi() / unit
        matrices[:, steps, steps - 1] = matrices[:, steps - 1, steps] = coupling
        matrices[:, steps, steps] = corner
        nodes, eigenvectors = torch.linalg.eigh(matrices)
        weights = eigenvectors[:, 0].square()
        place = (nodes - x[:, None]).abs().argmin(1)
        upto = weights.cumsum(1).gather(1, place[:, None])[:, 0]
        at = weights.gather(1, place[:, None])[:, 0]
        return (upto - at).clamp(0.0, 1.0), at

    def _jacobi(self) -> Float[Tensor, "steps steps"]:
        matrix = torch.diag(self.diagonal)
        if len(self.diagonal) > 1:
            inner = self.off_diagonal[:-1]
            matrix = matrix + torch.diag(inner, 1) + torch.diag(inner, -1)
        return matrix
