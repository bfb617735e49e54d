r"""The Hessian of a training loss by its products with vectors, for a model of any size.

With outputs o, loss L and J = do/dtheta,

.. math:: H = J^\top L'' J + \sum_k \frac{\partial L}{\partial o_k} \nabla^2 o_k,

the Gauss-Newton part and the residual part. No matrix is formed: a product costs about two gradients and needs what a
backward pass keeps of the data. That is kept between products while it fits into ``memory`` bytes and made again batch
by batch otherwise. The loss is a mean over examples: batch b of n_b examples weighs n_b/N.
"""

import zlib
from collections.abc import Mapping
from typing import Any, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed import ProcessGroup

from numerics.arguments import checked_sizes, checked_tensors
from numerics.curvature.assembly import assemble
from numerics.curvature.batch_curvature import Part
from numerics.curvature.bounded_products import BoundedProducts
from numerics.curvature.cost import DenseCost
from numerics.curvature.dense_products import dense_part, dense_part_cost, mirrored
from numerics.curvature.memory_limits import halving
from numerics.curvature.sharded import agree_on_failure, agree_on_values, summed
from numerics.curvature.training_problem import (
    Data,
    LossFunction,
    TrainingProblem,
    matching_names,
    own_precision,
    own_randomness,
)
from numerics.curvature.verification import Passed, refuse_wrong_derivatives, verified
from numerics.functional_module import Network
from numerics.losses import Loss
from numerics.networks import Mlp


class HessianOperator:
    """The Hessian, or one of its two parts, of a training loss at fixed parameters, as a symmetric operator.

    The model is copied: its parameters, ``.grad``, buffers and mode are never touched, nor are the data, torch's global
    random numbers or a caller's autocast, and later training does not move the operator. Model, loss and data are
    verified once, by two passes over the data, the second in halves of the batches; in float64 a product for a few
    examples is compared with differences of the gradient, which finds derivatives that are grossly wrong.

    An Mlp with one of this floor's losses is multiplied by hand, everything else through a recorded graph of
    derivatives. If a device runs out of memory the chunks halve, nothing is kept, and the product goes on.

    Allocates at most ``memory`` bytes for what is kept, about half as much for a chunk of examples, and a
    few vectors; on a CPU a block of vectors takes 4 MiB at a time.

    Args:
        model: A ``torch.nn.Module``, a FunctionalModule or an Mlp. No layer may be random or keep statistics.
        loss: One of this floor's losses, or any function (outputs, targets) -> scalar that is a mean over examples.
        data: (x, y), or something that gives batches (x, y), the same at every pass; the first axis counts examples.
            With a group, this rank's shard.
        theta: The parameters, (parameters,) or (1, parameters). Fixes dtype and device. A module has its own.
        parameters: Names of the parameters to which the operator is restricted, or patterns such as "0.*"; all if None.
        part: "hessian", "gauss_newton" or "residual".
        chunk: Examples at a time, at most; chosen to fit into ``memory`` if None. Changes rounding only.
        memory: Bytes that may be kept between products.
        group: A process group over whose ranks loss, gradient and products are summed. Every rank has to multiply the
            same vectors in the same order.

    Raises:
        TypeError: If an argument is nothing of the kind.
        ValueError: If model, parameters, loss and data do not fit each other, the model is random or mixes examples,
            the loss is not finite or no mean over examples, torch lacks a second derivative or is found to have it
            wrong, the data are empty or change between two passes, a pattern names no parameter, or a size is not
            positive.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> x, y, theta = torch.ones(1, 1), torch.zeros(1, 1), torch.tensor([2.0, 3.0])
        >>> hessian = HessianOperator(Mlp((1, 1, 1), "linear"), SquaredError(prefactor=0.5), (x, y), theta=theta)
        >>> hessian @ torch.tensor([1.0, 0.0])
        tensor([ 9., 12.])
        >>> hessian.with_part("gauss_newton") @ torch.tensor([1.0, 0.0])
        tensor([9., 6.])
        >>> hessian.restricted("1.*").dense()
        tensor([[4.]])
    """

    _passed: Passed
    _bounded: BoundedProducts
    _dense_cost: DenseCost | None = None

    @torch.inference_mode(False)  # what is kept of it could not be differentiated
    def __init__(
        self,
        model: nn.Module | Network,
        loss: LossFunction,
        data: Data,
        *,
        theta: Float[Tensor, "..."] | None = None,
        parameters: str | tuple[str, ...] | list[str] | None = None,
        part: Part = "hessian",
        chunk: int | None = None,
        memory: int = 2**30,
        group: ProcessGroup | None = None,
    ) -> None:
        self.group, self._part, self.products = group, _checked_part(part), 0
        failure: Exception | None = None
        try:
            checked_sizes(memory=memory)
            if chunk is not None:
                checked_sizes(chunk=chunk)
            self._problem = TrainingProblem(model, loss, data, theta)
            self._memory = int(memory)
            self._all: Mapping[str, slice] = self._problem.network.layers
            self._names = matching_names(parameters, list(self._all))
            with own_precision(), own_randomness(self.device):
                self._verify(chunk)
        except Exception as error:
            failure = error
        agree_on_failure(failure, group)
        agree_on_values("theta", self._problem.theta, group)
        chosen = zlib.crc32(f"{part} {self._names}".encode())
        agree_on_values("parameters and part", torch.tensor([chosen], device=self.device), group)
        shares = [self._passed.examples, self._passed.loss * self._passed.examples]
        total = summed(torch.tensor(shares, dtype=torch.float64, device=self.device), group)
        self._examples = int(total[0])
        self._loss = float(total[1]) / self._examples
        self._gradient = summed(self._passed.gradient * (self._passed.examples / self._examples), group)

    @property
    def size(self) -> int:
        """Number of chosen parameters."""
        return self._bounded.size

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, both the number of chosen parameters."""
        return self.size, self.size

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the parameters and of the products."""
        return self._problem.theta.dtype

    @property
    def device(self) -> torch.device:
        """Where products are computed."""
        return self._problem.theta.device

    @property
    def part(self) -> Part:
        """Which part of the Hessian this is."""
        return self._part

    @property
    def layers(self) -> dict[str, slice]:
        """Where each chosen parameter lies in the vectors, by name."""
        places, start = {}, 0
        for name in self._names:
            end = start + self._all[name].stop - self._all[name].start
            places[name], start = slice(start, end), end
        return places

    @property
    def examples(self) -> int:
        """Number of examples, on all ranks together."""
        return self._examples

    @property
    def chunk(self) -> int:
        """Examples that are taken at a time, at most."""
        return self._bounded.chunk

    @property
    def cached(self) -> bool:
        """Whether what a product needs of the data is kept, or made again for every product."""
        return self._bounded.cached

    def loss(self) -> float:
        """The loss."""
        return self._loss

    def gradient(self) -> Float[Tensor, " size"]:
        """The gradient of the loss with respect to the chosen parameters."""
        return torch.cat([self._gradient[self._all[name]] for name in self._names])

    def with_part(self, part: Part) -> "HessianOperator":
        """The operator of another part, on the same problem, which is not verified again.

        Raises:
            ValueError: If there is no such part.
        """
        return self._sibling(_checked_part(part), self._names)

    def restricted(self, *parameters: str) -> "HessianOperator":
        """The operator on the block of some parameters, which is not verified again.

        Args:
            parameters: Names or patterns such as "0.*", among the names of this operator.

        Raises:
            TypeError: If a pattern is no text.
            ValueError: If a pattern names no parameter.
        """
        return self._sibling(self._part, matching_names(parameters, list(self._names)))

    def __matmul__(self, vectors: Float[Tensor, "size ..."]) -> Float[Tensor, "size ..."]:
        """The product with one vector, or with the columns of a matrix.

        Raises:
            TypeError: If it is no tensor.
            ValueError: If shape, dtype or device does not fit.
        """
        checked_tensors(vectors=vectors)
        if vectors.ndim not in (1, 2) or len(vectors) != self.size:
            raise ValueError(f"vectors must have shape ({self.size},) or ({self.size}, k), got {tuple(vectors.shape)}.")
        if vectors.dtype != self.dtype or vectors.device != self.device:
            raise ValueError(
                f"vectors must have the operator's dtype and device, {self.dtype} on {self.device}, "
                f"got {vectors.dtype} on {vectors.device}."
            )
        rows = vectors.detach()[None] if vectors.ndim == 1 else vectors.detach().mT.contiguous()
        product = self._product(rows)
        return product[0] if vectors.ndim == 1 else product.mT

    def to_scipy(self) -> Any:
        """The same as a ``scipy.sparse.linalg.LinearOperator`` on numpy arrays, for scipy's own solvers.

        Products are computed where this operator lies, and copied from and to the CPU.

        Examples:
            >>> from numerics.losses import SquaredError
            >>> x, y, theta = torch.ones(1, 1), torch.zeros(1, 1), torch.tensor([2.0, 3.0])
            >>> hessian = HessianOperator(Mlp((1, 1, 1), "linear"), SquaredError(prefactor=0.5), (x, y), theta=theta)
            >>> (hessian.to_scipy() @ [1.0, 0.0]).tolist()
            [9.0, 12.0]
        """
        from scipy.sparse.linalg import LinearOperator

        def product(vectors: Any) -> Any:
            return (self @ torch.tensor(vectors, dtype=self.dtype, device=self.device)).cpu().numpy()

        kind = torch.empty(0, dtype=self.dtype).numpy().dtype
        return LinearOperator(self.shape, matvec=product, rmatvec=product, matmat=product, rmatmat=product, dtype=kind)

    @torch.inference_mode(False)
    def dense(self) -> Float[Tensor, "size size"]:
        """The matrix itself, exactly symmetric; no products are counted.

        By assembly for an Mlp with one of this floor's losses, which allocates four times the matrix of all
        parameters, unless few of them are chosen; else as ``dense_products`` states, which allocates the result, a
        graph and at most 192 MiB.
        """
        with own_precision(), own_randomness(self.device):  # that of a loader
            matrix = self._assembled() if self._assembles else self._differentiated()
        return mirrored(summed(matrix, self.group))

    @torch.inference_mode(False)
    def dense_cost(self) -> DenseCost:
        """What ``dense`` takes on this rank: counted for an assembled matrix, else measured once on a few rows."""
        if self._assembles:
            everything = self._problem.network.parameters
            return DenseCost(0.0, 2.0 * self._passed.examples * everything * everything)
        if self._dense_cost is None:
            self._dense_cost = dense_part_cost(
                self._problem,
                part=self._part,
                places=self.layers,
                chunk=self.chunk,
                bytes_per_example=self._bounded.bytes_per_example,
                examples=self._passed.examples,
            )
        return self._dense_cost

    def __repr__(self) -> str:
        kept = "cached" if self.cached else f"rebuilt {self.chunk} examples at a time"
        return f"HessianOperator({self.part}, {self.size} parameters, {self.examples} examples, {kept})"

    def _verify(self, chunk: int | None) -> None:
        """Choose the chunk and verify the problem, with smaller chunks if a device runs out of memory."""
        self._limit = chunk
        self._bounded = self._bounded_products()
        fitted, self._passed = halving(lambda chunk: verified(self._problem, chunk), self.chunk, self.device)
        if fitted < self.chunk:
            self._limit = self._bounded.chunk = fitted
        halving(lambda few: refuse_wrong_derivatives(self._problem, few), self.chunk, self.device)
        self._bounded.count(self._passed.examples, self._passed.largest)

    def _bounded_products(self) -> BoundedProducts:
        return BoundedProducts(
            self._problem, part=self._part, places=self.layers, memory=self._memory, limit=self._limit
        )

    def _product(self, rows: Float[Tensor, "columns size"]) -> Float[Tensor, "columns size"]:
        """Products with the rows, summed over batches and ranks."""
        self.products += len(rows)
        if not len(rows):
            return torch.zeros_like(rows)
        return summed(self._bounded.product(rows, self._examples), self.group)

    @property
    def _assembles(self) -> bool:
        """Whether the dense matrix is cut out of that of all parameters, assembled by hand."""
        everything = self._problem.network.parameters
        few = 4 * self.size < everything and 4 * everything**2 * self.dtype.itemsize > self._memory
        return self._problem.analytic and not few

    def _assembled(self) -> Tensor:
        """This rank's share of the matrix of an analytic problem, cut to the chosen parameters."""
        network, loss = self._problem.network, self._problem.loss
        if not isinstance(network, Mlp) or not isinstance(loss, Loss):
            raise TypeError("model must be an Mlp with one of this floor's losses.")
        places = [self._all[name] for name in self._names]
        index = torch.cat([torch.arange(place.start, place.stop, device=self.device) for place in places])
        matrix = torch.zeros(self.size, self.size, dtype=self.dtype, device=self.device)
        with torch.no_grad():
            for x, y in self._problem.batches(None, self._passed.examples):
                parts = assemble(network, self._problem.theta[None], x, y, loss)
                for name, part in (("gauss_newton", parts.gauss_newton[0]), ("residual", parts.residual[0])):
                    if self._part in (name, "hessian"):
                        own = part if len(index) == len(part) else part[index][:, index]
                        matrix.add_(own, alpha=len(x) / self._examples)
        return matrix

    def _differentiated(self) -> Tensor:
        """The upper triangle of this rank's share of the matrix."""
        return dense_part(
            self._problem,
            part=self._part,
            places=self.layers,
            chunk=self.chunk,
            bytes_per_example=self._bounded.bytes_per_example,
            examples=self._passed.examples,
            total=self._examples,
        )

    def _sibling(self, part: Part, names: list[str]) -> "HessianOperator":
        sibling = object.__new__(HessianOperator)
        for name in ("group", "_problem", "_memory", "_all", "_passed", "_limit", "_examples", "_loss", "_gradient"):
            setattr(sibling, name, getattr(self, name))
        sibling._part, sibling._names, sibling.products = part, names, 0
        with own_precision(), own_randomness(self.device):
            sibling._bounded = sibling._bounded_products()
        sibling._bounded.count(self._passed.examples, self._passed.largest)
        return sibling


def _checked_part(part: Part) -> Part:
    if part not in get_args(Part):
        raise ValueError(f"part must be one of {', '.join(get_args(Part))}, got {part!r}.")
    return part
