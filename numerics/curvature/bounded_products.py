"""Products of a Hessian with vectors within a bound on memory: what is kept of the data, how much is taken at a time.

A batch is turned into what products with it need: its activations where derivatives are known by hand, a recorded graph
otherwise. How many bytes that takes is measured on a few examples, before the first product.
"""

from collections.abc import Mapping
from contextlib import nullcontext

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.curvature.batch_curvature import GraphCurvature, Part, PerceptronCurvature, probed_graph
from numerics.curvature.memory_limits import halving, ran_out_of_memory, release_cached_memory
from numerics.curvature.training_problem import TrainingProblem, own_precision, own_randomness
from numerics.curvature.verification import first_batch
from numerics.networks import Mlp

_PROBE = 64  # examples whose graph is measured
_CACHE_BYTES = 2**22  # of a block of products on a CPU: beyond its cache a block is slower than one at a time


class BoundedProducts:
    """Products of one part of a problem's Hessian with vectors, over the batches of this process.

    What products need is kept from the first one on if it fits into ``memory`` bytes, and made again batch by batch
    otherwise. If a device runs out of memory, chunks of examples and of vectors halve, nothing is kept, and the product
    goes on.

    Args:
        problem: Model, parameters, loss and data.
        part: "hessian", "gauss_newton" or "residual".
        places: Where the chosen parameters lie in the vectors, by name.
        memory: Bytes that may be kept between products.
        limit: Examples at a time, at most; as many as fit if None.

    Attributes:
        size: Number of chosen parameters.
        bytes_per_example: What products need of an example, measured.
        chunk: Examples at a time, at most.
        cached: Whether what products need is kept, known once the data are counted.

    Raises:
        ValueError: If the chosen parameters hold no number, there are no data, or a second derivative is missing.
    """

    def __init__(
        self,
        problem: TrainingProblem,
        *,
        part: Part,
        places: Mapping[str, slice],
        memory: int,
        limit: int | None,
    ) -> None:
        self.size: int = sum(place.stop - place.start for place in places.values())
        if not self.size:
            raise ValueError(f"parameters must hold at least one number, but {', '.join(places)} are empty.")
        self._problem, self._part, self._places, self._memory = problem, part, places, memory
        self._columns: int | None = None
        self._cache: list[tuple[int, PerceptronCurvature | GraphCurvature]] | None = None
        self.cached = False
        _, self.bytes_per_example = halving(self._probed_bytes, min(_PROBE, limit or _PROBE), problem.theta.device)
        room = max(1, int(memory / (4 * self.bytes_per_example)))
        self.chunk = min(limit or room, room)

    def count(self, examples: int, largest: int) -> None:
        """Take note of how many examples there are, of which batches hold at most ``largest``, and decide what is kept.

        Args:
            examples: Examples of this process.
            largest: Examples of its largest batch.
        """
        self._examples = examples
        self.cached = self.bytes_per_example * examples <= self._memory
        self.chunk = min(self.chunk, largest)

    def product(self, rows: Float[Tensor, "columns size"], total: int) -> Float[Tensor, "columns size"]:
        """The products with the rows, summed over batches.

        Args:
            rows: The vectors.
            total: Examples over all processes: a batch of n weighs n/total.

        Raises:
            ValueError: If the data have changed since they were counted.
        """
        device = self._problem.theta.device
        while True:
            try:
                with own_precision(), own_randomness(device) if self._cache is None else nullcontext():
                    return self._over_batches(rows, total)
            except (RuntimeError, MemoryError) as error:
                if (self.chunk == 1 and self._columns == 1) or not ran_out_of_memory(error):
                    raise
            self._cache, self.cached = None, False  # outside of the handler, which keeps what did not fit
            self._columns = max(1, (self._columns or len(rows)) // 2)
            self.chunk = max(1, self.chunk // 2)
            release_cached_memory(device)

    @torch.inference_mode(False)
    def _over_batches(self, rows: Tensor, total: int) -> Tensor:
        self._problem.refuse_changed_data()
        products = torch.zeros_like(rows)
        batches = self._problem.batches(self.chunk, self._examples)
        if self.cached and self._cache is None:
            self._cache = [(len(x), self._curvature(x, y)) for x, y in batches]
        if self._cache is not None:
            for count, curvature in self._cache:
                self._add(products, curvature, rows, count, count / total)
        else:
            for x, y in batches:
                self._add(products, self._curvature(x, y), rows, len(x), len(x) / total)
        return products

    def _add(
        self,
        products: Tensor,
        curvature: PerceptronCurvature | GraphCurvature,
        rows: Tensor,
        count: int,
        weight: float,
    ) -> None:
        """Add the weighted products of a batch, with as many rows at a time as there is room for."""
        if len(rows) == 1:
            products.add_(curvature.product(rows), alpha=weight)
            return
        each = count * self._per_column + self.size * rows.dtype.itemsize
        room = _CACHE_BYTES if rows.device.type == "cpu" else self._memory // 4
        columns = max(1, min(len(rows), room // each, self._columns or len(rows)))
        for some, into in zip(torch.split(rows, columns), torch.split(products, columns), strict=True):
            into.add_(curvature.product(some), alpha=weight)

    def _curvature(self, x: Tensor, y: Tensor) -> PerceptronCurvature | GraphCurvature:
        if self._problem.analytic:
            return PerceptronCurvature(self._problem, x, y, part=self._part, places=self._places)
        return GraphCurvature(self._problem, x, y, part=self._part, places=self._places, batched=self._batched)

    def _probed_bytes(self, examples: int) -> float:
        """Bytes that products need of an example, measured on a few; on the way, those of each vector of a block."""
        x, y = first_batch(self._problem, examples)
        network = self._problem.network
        if self._problem.analytic and isinstance(network, Mlp):
            self._per_column = 4 * sum(network.widths) * self._problem.theta.dtype.itemsize
            kept = PerceptronCurvature(self._problem, x, y, part=self._part, places=self._places)
            return max(1.0, kept.nbytes / len(x))
        probe = probed_graph(self._problem, x, y, part=self._part, places=self._places)
        self._batched, self._per_column = probe.batched, probe.nbytes // len(x)
        return max(1.0, probe.nbytes / len(x))
