r"""A space that grows by products with a symmetric operator, and what Rayleigh and Ritz say of it.

.. math:: H Q = Q G + \sum_p f_p c_p', \qquad Q'Q = 1, \quad G = Q'HQ, \quad Q'f_p = 0

The columns of Q come from several random starts, and the space may be compressed to some of its Ritz vectors (thick
restart, Wu and Simon 2000; Stewart 2001) without losing the relation. There is one remainder f_p for each start that is
not exhausted; multiplying a normalised remainder is the Lanczos step of that start. G is kept whole: it is what the
double orthogonalisation of each product yields anyway. The residual of every Ritz pair follows without a product.

Everything is in float64 and in a unit, a power of two near the operator's norm, so that nothing over- or underflows.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.curvature.lanczos import norm, normalised, orthogonalised, random_direction
from numerics.curvature.linear_operator import SymmetricOperator, power_of_two, product

CONTRADICTION = 0.03
"""Part of the largest product by which one may contradict what symmetry says of it; less than that shows in residuals.
"""


@dataclass(frozen=True)
class Tilt:
    """What Ritz pairs add to the operator on the complement of a space (see :meth:`KrylovSpace.tilt`).

    Attributes:
        keys: Of the space's remainders, when it was taken.
        directions: These remainders, in rows D.
        coefficients: Their coefficients in the space, in rows.
        weights: A symmetric W: the tilt is D' W D.
        sign: It is added to this times the operator.
    """

    keys: tuple[int, ...]
    directions: Float[Tensor, "remainders size"]
    coefficients: Float[Tensor, "remainders dimension"]
    weights: Float[Tensor, "remainders remainders"]
    sign: int

    def norm_with(self, other: "Tilt") -> float:
        """Spectral norm of the sum of two tilts of one space."""
        if not self.keys:
            return 0.0
        triangular = torch.linalg.qr(self.directions.mT).R
        return float(torch.linalg.matrix_norm(triangular @ (self.weights + other.weights) @ triangular.mT, 2))

    def seen_from(self, rows: Float[Tensor, "n size"]) -> Float[Tensor, "n n"]:
        """The tilt as a matrix between vectors."""
        image = rows @ self.directions.mT
        return image @ self.weights @ image.mT


class KrylovSpace:
    """The space, its projected matrix and its remainders.

    Allocates ``dimension`` vectors, up to twice as many while it grows, and one for each start.

    Args:
        operator: A symmetric operator.
        limit: The largest dimension.
        generator: Draws the starts, on the CPU.

    Examples:
        >>> from numerics.curvature.linear_operator import as_operator
        >>> matrix = as_operator(torch.diag(torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)))
        >>> space = KrylovSpace(matrix, 3, torch.Generator().manual_seed(0))
        >>> for _ in range(3):
        ...     space.extend(space.latest)
        >>> space.ritz()[0] * space.unit
        tensor([1.0000, 2.0000, 4.0000], dtype=torch.float64)
    """

    def __init__(self, operator: SymmetricOperator, limit: int, generator: torch.Generator) -> None:
        self.operator = operator
        self.limit = limit
        self.generator = generator
        self.dimension = 0
        self.products = 0
        self.unit = 1.0
        self.scaled = False
        self.largest = 0.0  # norm of a product
        self.latest: int | None = None  # the remainder of the last product, if there is one
        self._clean: int | None = None  # the remainder that is known to be orthogonal to all vectors
        self._rows = torch.empty(0, operator.size, dtype=torch.float64, device=operator.device)
        self._matrix = torch.zeros(0, 0, dtype=torch.float64, device=operator.device)
        self._remainders: dict[int, tuple[Tensor, float, Tensor]] = {}  # unit vector, length, coefficients

    @property
    def rows(self) -> Float[Tensor, "dimension size"]:
        """The orthonormal vectors."""
        return self._rows[: self.dimension]

    @property
    def matrix(self) -> Float[Tensor, "dimension dimension"]:
        """The projected matrix G, in units of ``unit``."""
        return self._matrix[: self.dimension, : self.dimension]

    @property
    def full(self) -> bool:
        """Whether the space is the operator's whole space."""
        return self.dimension == self.operator.size

    def remainder_norm(self, key: int | None) -> float:
        """Length of a remainder, 0 if that start is exhausted."""
        return self._remainders[key][1] if key in self._remainders else 0.0

    def extend(self, key: int | None, tilt: Tilt | None = None) -> None:
        """Take one more product: with a remainder, or with a new random start if the key is of none.

        Args:
            key: Of the remainder.
            tilt: What is added to the product before its remainder is taken, for a Krylov space of the tilted operator;
                the relation remains that of the operator.

        Raises:
            ValueError: If there is no room left, or the product is not finite or contradicts symmetry.
        """
        if self.dimension >= min(self.limit, self.operator.size):
            raise ValueError(f"limit must exceed the dimension {self.dimension}, got {self.limit}.")
        self._reserve()
        vector, kept = None, 0.0
        remainders = list(self._remainders.values())
        if key is not None and key in self._remainders:
            vector, kept = self._remainders.pop(key)[0], 1.0
            if key != self._clean:
                vector, kept = normalised(vector, self.rows)
        if vector is None or kept < 0.5:
            key, vector = None, random_direction(self.rows, self.generator)
        self._rows[self.dimension] = vector
        self.dimension += 1
        self.products += 1
        image = product(self.operator, vector)
        if not self.scaled and (length := norm(image)) > 0.0:
            self.unit, self.scaled = power_of_two(length), True
        rest, coefficients, clean = orthogonalised(image / self.unit, self.rows)
        self._compare_halves(vector, coefficients, norm(image) / self.unit, remainders)
        self._matrix[self.dimension - 1, : self.dimension] = coefficients
        self._matrix[: self.dimension, self.dimension - 1] = coefficients
        self._deflate(vector)
        if tilt is not None:
            self._add(tilt, vector, rest)
        length = norm(rest)
        self.latest = None
        if length > 1e-200:
            weights = rest.new_zeros(self.dimension)
            weights[-1] = 1.0
            self.latest = max(self._remainders, default=-1) + 1 if key is None else key
            self._remainders[self.latest] = (rest / length, length, weights)
        self._clean = self.latest if clean and tilt is None else None

    def ritz(
        self,
    ) -> tuple[Float[Tensor, " dimension"], Float[Tensor, "dimension dimension"], Float[Tensor, " dimension"]]:
        """Ritz values in ascending order, coefficients of the Ritz vectors in columns, residual norms; in ``unit``."""
        values, vectors = torch.linalg.eigh(self.matrix)
        if not self._remainders:
            return values, vectors, torch.zeros_like(values)
        directions, coefficients = self._coupling()
        image = coefficients @ vectors
        return values, vectors, (image * (directions @ directions.mT @ image)).sum(0).clamp(min=0.0).sqrt()

    def strongest(self, coefficients: Float[Tensor, " dimension"]) -> int | None:
        """Which remainder contributes most to the residual of a Ritz vector; None if there is none."""
        weights = {key: length * float((c @ coefficients).abs()) for key, (_, length, c) in self._remainders.items()}
        return max(weights, key=weights.__getitem__) if weights else None

    def tilt(self, sign: int, level: float, values: Float[Tensor, " n"], vectors: Float[Tensor, "dimension n"]) -> Tilt:
        r"""What some of the Ritz pairs add to H on the complement of Q, seen from a level beyond their values.

        In a basis of their Ritz vectors and of the complement, ``sign`` times H is [[D, F'], [F, A]] with the Ritz
        values in D, all less than the level. By Sylvester's law it has as many eigenvalues above the level as

        .. math:: A + F (level - D)^{-1} F'

        has on the complement alone. The second term, of the rank of the remainders, is the tilt. All is in ``unit``.

        Args:
            sign: 1 or -1; the values are those of H itself.
            level: Greater than ``sign`` times each value.
            values: Ritz values.
            vectors: Their coefficients.
        """
        directions, coefficients = self._coupling()
        image = coefficients @ vectors
        return Tilt(
            tuple(self._remainders), directions, coefficients, (image / (level - sign * values)) @ image.mT, sign
        )

    def compress(self, vectors: Float[Tensor, "dimension kept"], values: Float[Tensor, " kept"]) -> None:
        """Keep the span of some Ritz vectors only: a thick restart."""
        kept = vectors.shape[1]
        self._rows[:kept] = vectors.mT @ self.rows
        self._clean = None  # rounding of the new vectors is in them, not in the remainders
        self._matrix[:kept, :kept] = torch.diag(values)
        self.dimension = kept
        self._remainders = {
            key: (direction, length, vectors.mT @ weights)
            for key, (direction, length, weights) in self._remainders.items()
        }

    def combined(self, coefficients: Float[Tensor, "dimension columns"]) -> Float[Tensor, "size columns"]:
        """Vectors of the space from their coefficients."""
        return (coefficients.mT @ self.rows).mT

    def _compare_halves(
        self,
        vector: Float[Tensor, " size"],
        coefficients: Float[Tensor, " dimension"],
        length: float,
        remainders: list[tuple[Tensor, float, Tensor]],
    ) -> None:
        """Hold the newest row of G against the newest column, which the relation knows without the last product."""
        self.largest = max(self.largest, length)
        contradiction = coefficients[:-1].clone()
        for direction, amount, weights in remainders:
            contradiction -= amount * float(direction @ vector) * weights
        skew = norm(contradiction)
        if skew > CONTRADICTION * self.largest:
            raise ValueError(f"operator must be symmetric, but differs from its transpose by {skew * self.unit:.1e}.")

    def _coupling(self) -> tuple[Float[Tensor, "remainders size"], Float[Tensor, "remainders dimension"]]:
        """The remainders in rows, and their coefficients in rows."""
        if not self._remainders:
            return self._rows.new_zeros(0, self.operator.size), self._rows.new_zeros(0, self.dimension)
        directions = torch.stack([length * direction for direction, length, _ in self._remainders.values()])
        return directions, torch.stack([weights for _, _, weights in self._remainders.values()])

    def _deflate(self, vector: Float[Tensor, " size"]) -> None:
        """Take the newest vector of the space out of the remainders: that part has become part of G."""
        for key, (direction, length, weights) in list(self._remainders.items()):
            rest = direction - (direction @ vector) * vector
            left = norm(rest)
            if left < 1e-8:
                del self._remainders[key]
            else:
                self._remainders[key] = (rest / left, length * left, torch.cat([weights, weights.new_zeros(1)]))

    def _add(self, tilt: Tilt, vector: Float[Tensor, " size"], rest: Float[Tensor, " size"]) -> None:
        """Add what a tilt makes of the newest vector to what is left of its product, and say so in the relation."""
        amounts = tilt.sign * (tilt.weights @ (tilt.directions @ vector))
        for key, amount in zip(tilt.keys, amounts, strict=True):
            if key in self._remainders:
                direction, length, weights = self._remainders[key]
                rest.add_(direction * (length * amount))
                weights[-1] -= amount

    def _reserve(self) -> None:
        """Make room for one more vector, doubling what there is."""
        if self.dimension < len(self._rows):
            return
        room = min(max(2 * self.dimension, 32), self.limit, self.operator.size)
        rows = self._rows.new_empty(room, self.operator.size)
        rows[: self.dimension] = self.rows
        matrix = self._matrix.new_zeros(room, room)
        matrix[: self.dimension, : self.dimension] = self.matrix
        self._rows, self._matrix = rows, matrix
