r"""Products with the Hessian of one batch, and with its two parts, at a point that stays.

With outputs o, loss L, J = do/dtheta, the Hessian is H = J' L'' J + sum_k (dL/do_k) d^2 o_k: the Gauss-Newton part and
the residual part. Two ways to multiply by them:

- ``PerceptronCurvature``: the R-operator by hand (Pearlmutter, Neural Computation 6, 1994). With R the derivative along
  v, forwards R z_l = V_l h_(l-1) + W_l R h_(l-1) and R h_l = f'(z_l) R z_l; backwards, with delta_l = dL/dz_l,
  R delta_(l-1) = f'(z) (W_l' R delta_l + V_l' delta_l) + f''(z) (W_l' delta_l) R z. The Gauss-Newton part leaves out
  delta, the residual part leaves out L''.
- ``GraphCurvature``: automatic differentiation of a recorded graph. The Hessian is the derivative of (gradient . v),
  the residual part the same with dL/do held constant, and J v the derivative by u of (J' u) . v.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.curvature.memory_limits import ran_out_of_memory
from numerics.curvature.training_problem import TrainingProblem, differentiable_twice, own_precision, said
from numerics.losses import Loss
from numerics.networks import Mlp

Part = Literal["hessian", "gauss_newton", "residual"]


class PerceptronCurvature:
    """A batch of a perceptron with a loss that knows its derivatives.

    Holds, in numbers, examples x (all units, four times, and outputs^2).

    Args:
        problem: An analytic problem.
        x: Inputs.
        y: Targets.
        part: Which part of the Hessian.
        places: Where the chosen parameters lie in the vectors, by name.
    """

    def __init__(
        self, problem: TrainingProblem, x: Tensor, y: Tensor, *, part: Part, places: Mapping[str, slice]
    ) -> None:
        network, loss = problem.network, problem.loss
        if not isinstance(network, Mlp) or not isinstance(loss, Loss):
            raise TypeError("problem must be an Mlp with one of this floor's losses.")
        self.places, self.size = places, sum(place.stop - place.start for place in places.values())
        self.lowest = min(int(name.partition(".")[0]) for name in places)
        with torch.no_grad():
            trace, f = network.trace(problem.theta[None], x), network.nonlinearity
            self.weights = [weight[0] for weight in trace.weights]
            self.inputs = [h[0] for h in trace.inputs]
            self.slopes = [f.slope(z[0]) for z in trace.pre[:-1]]
            self.output_hessian = None
            if part != "residual":
                self.output_hessian = loss.hessian(trace.outputs, y)[0]
            self.deltas: list[Tensor] = []
            self.bends: list[Tensor | None] = []
            if part != "gauss_newton":
                self.deltas = [loss.gradient(trace.outputs, y)[0]]
                for layer in range(len(self.weights) - 1, self.lowest, -1):
                    back = self.deltas[0] @ self.weights[layer]
                    bend = None if f.piecewise_linear else f.bend(trace.pre[layer - 1][0]) * back
                    self.bends.insert(0, bend)
                    self.deltas.insert(0, back * self.slopes[layer - 1])
                self.deltas = [self.deltas[0]] * self.lowest + self.deltas  # one entry per layer
                self.bends = [*[None] * self.lowest, *self.bends]

    @property
    def nbytes(self) -> int:
        """Bytes that are held beside parameters and data."""
        held = [*self.inputs[1:], *self.slopes, *self.deltas[self.lowest :], *self.bends]
        held.append(self.output_hessian)
        return sum(tensor.untyped_storage().nbytes() for tensor in held if tensor is not None)

    def product(self, vectors: Float[Tensor, "columns size"]) -> Float[Tensor, "columns size"]:
        """The products with some vectors. Allocates columns x examples x (all units, three times) numbers."""
        with torch.no_grad():
            return self._pulled_back(vectors, *self._pushed_forward(vectors))

    def _pushed_forward(self, vectors: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """R z_l and R h_l of every layer from the lowest chosen one."""
        rates: list[Tensor] = []
        moves: list[Tensor] = []
        for layer in range(self.lowest, len(self.weights)):
            weight, bias = self._direction(vectors, layer, "weight"), self._direction(vectors, layer, "bias")
            columns = len(vectors)
            terms: list[Tensor] = []
            if moves:
                terms.append(moves[-1] @ self.weights[layer].mT)
            if weight is not None:
                h = self.inputs[layer].expand(columns, -1, -1)
                if terms:
                    terms = [terms[0].baddbmm_(h, weight.mT)]
                elif bias is not None:
                    terms, bias = [torch.baddbmm(bias[:, None, :], h, weight.mT)], None
                else:
                    terms = [h @ weight.mT]
            if bias is not None:
                wide = bias[:, None, :].expand(-1, len(self.inputs[layer]), -1)
                terms = [terms[0].add_(wide)] if terms else [wide]
            rates.append(terms[0])
            if layer < len(self.weights) - 1:
                moves.append(rates[-1] * self.slopes[layer])
        return rates, moves

    def _pulled_back(self, vectors: Tensor, rates: list[Tensor], moves: list[Tensor]) -> Tensor:
        """The gradient's derivative, from R z_l and R h_l."""
        columns, result = len(vectors), vectors.new_zeros(len(vectors), self.size)
        pull: Tensor | None = None  # R delta_l, None for 0
        if self.output_hessian is not None:
            pull = (rates[-1].transpose(0, 1) @ self.output_hessian).transpose(0, 1)
        for layer in range(len(self.weights) - 1, self.lowest - 1, -1):
            upper = layer > self.lowest
            weight_place, bias_place = self.places.get(f"{layer}.weight"), self.places.get(f"{layer}.bias")
            if bias_place is not None and pull is not None:
                result[:, bias_place] = pull.sum(1)
            if weight_place is not None:
                view = torch.unflatten(result[:, weight_place], 1, self.weights[layer].shape)
                if pull is not None:
                    torch.add(view, pull.mT @ self.inputs[layer], out=view)
                if upper and self.deltas:
                    view += self.deltas[layer].mT @ moves[layer - self.lowest - 1]
            if upper:
                back = None if pull is None else pull @ self.weights[layer]
                weight = self._direction(vectors, layer, "weight")
                if self.deltas and weight is not None:
                    delta = self.deltas[layer].expand(columns, -1, -1)
                    back = delta @ weight if back is None else back.baddbmm_(delta, weight)
                pull = None if back is None else back.mul_(self.slopes[layer - 1])
                bend = self.bends[layer - 1] if self.bends else None
                if bend is not None:
                    curved = rates[layer - self.lowest - 1]
                    pull = curved * bend if pull is None else pull.addcmul_(curved, bend)
        return result

    def _direction(self, vectors: Tensor, layer: int, kind: str) -> Tensor | None:
        """The vectors' entries for a weight (columns, out, in) or bias (columns, out), None if it is not chosen."""
        place = self.places.get(f"{layer}.{kind}")
        if place is None:
            return None
        piece = vectors[:, place]
        return torch.unflatten(piece, 1, self.weights[layer].shape) if kind == "weight" else piece


class GraphCurvature:
    """A batch of any model with any loss: its graph of derivatives, recorded once.

    Args:
        problem: The problem.
        x: Inputs.
        y: Targets.
        part: Which part of the Hessian.
        places: Where the chosen parameters lie in the vectors, by name.
        batched: Whether blocks of vectors are taken at once.
    """

    def __init__(
        self,
        problem: TrainingProblem,
        x: Tensor,
        y: Tensor,
        *,
        part: Part,
        places: Mapping[str, slice],
        batched: bool = False,
    ) -> None:
        grad = torch.autograd.grad
        self.batched = batched
        with differentiable_twice():
            self.leaves = problem.leaves(places)
            self.outputs = problem.outputs_through(dict(zip(places, self.leaves, strict=True)), x)
            self.pushed: Tensor | None = None
            self.slopes: tuple[Tensor, ...]
            if not self.outputs.requires_grad:  # the chosen parameters do not enter
                self.slopes = tuple(torch.zeros_like(leaf) for leaf in self.leaves)
            elif part == "hessian":
                value = problem.value(self.outputs, y)
                self.slopes = grad(value, self.leaves, create_graph=True, materialize_grads=True)
            else:
                at = self.outputs.detach().requires_grad_()
                (pull,) = grad(problem.value(at, y), at, create_graph=part == "gauss_newton")
                cotangent = pull
                if part == "gauss_newton":
                    self.at, self.pull = at, pull
                    cotangent = self.pushed = torch.zeros_like(at).requires_grad_()
                self.slopes = grad(self.outputs, self.leaves, cotangent, create_graph=True, materialize_grads=True)
        self.curved = [number for number, slope in enumerate(self.slopes) if slope.requires_grad]

    @property
    def size(self) -> int:
        """Number of chosen parameters."""
        return sum(leaf.numel() for leaf in self.leaves)

    def product(self, vectors: Float[Tensor, "columns size"]) -> Float[Tensor, "columns size"]:
        """The products with some vectors, at once or one after the other."""
        if not self.batched and len(vectors) > 1:
            return torch.cat([self.product(vector) for vector in torch.split(vectors, 1)])
        pieces = torch.split(vectors, [leaf.numel() for leaf in self.leaves], dim=1)
        found = self._through(self.curved, [pieces[number] for number in self.curved], self.leaves)
        flat = [
            vectors.new_zeros(len(vectors), leaf.numel()) if piece is None else piece.reshape(len(vectors), -1)
            for piece, leaf in zip(found, self.leaves, strict=True)
        ]
        return torch.cat(flat, dim=1)

    def rows(self, number: int, cotangents: Float[Tensor, "rows own"], columns: Sequence[int]) -> list[Tensor | None]:
        """Cotangents times some blocks of the rows of one parameter, (rows, numel) each; None is a block of zeros.

        Args:
            number: The parameter's number among the chosen ones.
            cotangents: Combinations of its rows.
            columns: Numbers of the parameters whose blocks are wanted; others are not computed.
        """
        if number not in self.curved:
            return [None] * len(columns)
        found = self._through([number], [cotangents], [self.leaves[column] for column in columns])
        return [None if piece is None else piece.reshape(len(cotangents), -1) for piece in found]

    def _through(self, numbers: list[int], pieces: list[Tensor], leaves: list[Tensor]) -> Sequence[Tensor | None]:
        """Cotangents of some slopes, (columns, numel) each, pulled back to some leaves."""
        if not numbers:  # linear in the parameters
            return [None] * len(leaves)
        slopes = [self.slopes[number] for number in numbers]
        many = len(pieces[0]) > 1
        shaped = [
            piece.reshape((len(piece), *slope.shape) if many else slope.shape)
            for piece, slope in zip(pieces, slopes, strict=True)
        ]
        if self.pushed is None:
            return _grad(slopes, leaves, shaped, many)
        if not self.pull.requires_grad:  # a loss that is linear in the outputs
            return [None] * len(leaves)
        (push,) = _grad(slopes, [self.pushed], shaped, many)
        if push is None:
            return [None] * len(leaves)
        (inner,) = _grad([self.pull], [self.at], [push], many)
        return [None] * len(leaves) if inner is None else _grad([self.outputs], leaves, [inner], many)


def _grad(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor], batched: bool
) -> tuple[Tensor | None, ...]:
    """One gradient for each cotangent; one cotangent unless batched."""
    with own_precision():
        return torch.autograd.grad(
            outputs, inputs, cotangents, retain_graph=True, allow_unused=True, is_grads_batched=batched
        )


@contextmanager
def second_derivatives() -> Iterator[None]:
    """A context in which torch's complaints about derivatives become one sentence.

    Raises:
        ValueError: If torch cannot differentiate a layer or the loss.
    """
    try:
        yield
    except RuntimeError as error:
        if ran_out_of_memory(error):
            raise
        if "checkpoint" in str(error):
            raise ValueError(
                "model must keep what its layers compute, but it checkpoints some: switch checkpointing off."
            ) from error
        raise ValueError(f"model and loss must have second derivatives, but torch says: {said(error)}") from error


@dataclass(frozen=True)
class GraphProbe:
    """What the graph of a few examples has shown.

    Attributes:
        nbytes: Bytes that it keeps beside parameters and data, each storage once.
        batched: Whether a block of vectors gives the products of each.
    """

    nbytes: int
    batched: bool


def probed_graph(
    problem: TrainingProblem, x: Tensor, y: Tensor, *, part: Part, places: Mapping[str, slice]
) -> GraphProbe:
    """Record the graph of a few examples, weigh it, and multiply by it.

    Raises:
        ValueError: If a layer or the loss has no second derivative, one that is not finite or vanishes by underflow,
            or a wrong one that makes products asymmetric.
    """
    known = {tensor.untyped_storage().data_ptr() for tensor in (problem.theta, x, y)}
    found: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with second_derivatives(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        curvature = GraphCurvature(problem, x, y, part=part, places=places)
        for leaf in curvature.leaves:
            found.pop(leaf.untyped_storage().data_ptr(), None)
    vectors, products = _checked_products(curvature)
    return GraphProbe(sum(found.values()), _blocks_agree(curvature, vectors, products))


def _checked_products(curvature: GraphCurvature) -> tuple[Tensor, Tensor]:
    """Two vectors u, v and their products, where u'(H v) is v'(H u): derivatives that torch has wrong show up here."""
    kind = curvature.leaves[0]
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(2, curvature.size, generator=generator, dtype=torch.float64, device="cpu")
    vectors = draws.to(dtype=kind.dtype).to(device=kind.device)
    with second_derivatives():
        products = curvature.product(vectors)
    largest, limits = float(products.abs().max()), torch.finfo(kind.dtype)
    if not math.isfinite(largest):
        raise ValueError("model and loss must have finite second derivatives, but a product holds NaN or infinity.")
    if 0 < largest < limits.tiny / limits.eps:
        raise ValueError(
            f"loss must have second derivatives that {kind.dtype} can hold, but the largest number of a product is "
            f"{largest:.1e}: multiply the loss by a constant."
        )
    unit = products / (largest or 1.0)  # whose squares neither overflow nor vanish
    skew = float((vectors[0] @ unit[1] - vectors[1] @ unit[0]).abs())
    scale = float(unit.norm() * vectors.norm())
    if skew > limits.eps**0.5 * scale:
        raise ValueError(
            f"model and loss must have symmetric second derivatives, but u'(H v) and v'(H u) differ by "
            f"{skew / scale:.1e} of their size: torch has those of a layer wrong."
        )
    return vectors, products


def _blocks_agree(curvature: GraphCurvature, vectors: Tensor, products: Tensor) -> bool:
    """Whether a block gives the products of its vectors: some layers have no batched derivative, some a wrong one."""
    curvature.batched = True
    try:
        together = curvature.product(vectors)
    except RuntimeError as error:
        if ran_out_of_memory(error):
            raise
        return False
    largest = float(products.abs().max()) or 1.0
    apart, size = ((together - products) / largest).norm(), (products / largest).norm()
    return bool(apart <= torch.finfo(vectors.dtype).eps ** 0.75 * size)
