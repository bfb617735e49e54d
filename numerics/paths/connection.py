"""Connect pairs of networks by a path: one door for straight, matched, learnt, elastic and dynamic ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from numerics.functional_module import Network
from numerics.loss_of_rows import LossOfRows
from numerics.losses import Loss, Targets
from numerics.networks import Mlp
from numerics.objective import Inputs
from numerics.paths.curves import BezierCurve, PolygonalChain
from numerics.paths.dynamic_string import DynamicString
from numerics.paths.elastic_band import ElasticBand
from numerics.paths.matching import By, checked_ends, match_units
from numerics.paths.path import Path
from numerics.paths.refreshed_norms import refreshed
from numerics.seeded import checked_seeds


@runtime_checkable
class Method(Protocol):
    """What a way to connect two points has to offer."""

    @property
    def name(self) -> str:
        """How it is called."""

    def connect(self, problem: LossOfRows, begin: Tensor, end: Tensor, seeds: Sequence[int] | None) -> Path:
        """A path for every pair of ends."""


@dataclass(frozen=True, kw_only=True)
class StraightLine:
    """The straight line."""

    name: ClassVar[str] = "line"

    def connect(self, problem: LossOfRows, begin: Tensor, end: Tensor, seeds: Sequence[int] | None) -> Path:
        """The chord of every pair."""
        points = torch.stack([begin, end], dim=1)
        return Path(problem, points, points.new_tensor([0.0, 1.0]).expand(len(points), -1), self.name)


@dataclass(frozen=True, kw_only=True)
class MatchedLine:
    """The straight line to the second network with its hidden units in the order of the first: ``match_units``.

    For perceptrons and modules that are an ``nn.Sequential``.

    Args:
        by: "weights" or "activations", those at the training inputs.
        signs: Whether units may change their sign, too, where the activation is odd or even.

    Raises:
        ValueError: If an option is unknown.
    """

    by: By = "weights"
    signs: bool = True
    name: ClassVar[str] = "matched-line"

    def __post_init__(self) -> None:
        if self.by not in ("weights", "activations"):
            raise ValueError(f'by must be "weights" or "activations", got {self.by!r}.')
        if not isinstance(self.signs, bool):
            raise ValueError(f"signs must be True or False, got {self.signs!r}.")

    def connect(self, problem: LossOfRows, begin: Tensor, end: Tensor, seeds: Sequence[int] | None) -> Path:
        """The chord from the first network to the reordered second one."""
        matching = match_units(problem.network, begin, end, by=self.by, x=problem.x, signs=self.signs)
        points = torch.stack([begin, matching.theta], dim=1)
        knots = points.new_tensor([0.0, 1.0]).expand(len(points), -1)
        return Path(problem, points, knots, self.name, matching=matching)


_METHODS = {
    kind.name: kind for kind in (StraightLine, MatchedLine, BezierCurve, PolygonalChain, ElasticBand, DynamicString)
}


def connect(
    network: Network | nn.Module,
    theta_a: Float[Tensor, "pairs parameters"],
    theta_b: Float[Tensor, "pairs parameters"],
    x: Inputs,
    y: Targets,
    loss: Loss,
    *,
    method: str | Method = "line",
    seeds: Sequence[int] | None = None,
    chunk: int | None = None,
) -> Path:
    """Lay a path between the two networks of every pair, all pairs at once.

    ========================  ======================  ==========================================================
    method                    record                  source
    ========================  ======================  ==========================================================
    ``"line"``                ``StraightLine()``      -
    ``"matched-line"``        ``MatchedLine()``       Ainsworth et al. 2022, arXiv:2209.04836, Algorithm 1
    ``"bezier"``              ``BezierCurve()``       Garipov et al. 2018, arXiv:1802.10026, section 3.3
    ``"polygon"``             ``PolygonalChain()``    the same
    ``"band"``                ``ElasticBand()``       Draxler et al. 2018, arXiv:1803.00885, section 3
    ``"string"``              ``DynamicString()``     Freeman and Bruna 2017, arXiv:1611.01540, Algorithm 1
    ========================  ======================  ==========================================================

    Nothing is random but what ``seeds`` draw, and a pair's path depends on its own seed and ends alone (to rounding,
    which the number of pairs in a batch may move): a long run is cut into calls for some pairs each, the results of
    which can be kept by ``Path.record()`` and need not be computed again. Batch norms of a module take the statistics
    of the data at every point (``numerics.paths.refreshed_norms``).

    Args:
        network: A perceptron, a module or a view of one; a module and its parameters are left as they are.
        theta_a: Where the paths begin, one row of parameters per pair. Fixes dtype and device.
        theta_b: Where they end; a matched line ends at the same networks with their units reordered.
        x: Inputs, shared or one set per pair.
        y: Targets of the loss, shared or one set per pair.
        loss: The loss.
        method: One of the names above, or a record with numbers of its own.
        seeds: One per pair, for the methods that draw: "bezier", "polygon", and "band" where it draws examples.
        chunk: Parameter vectors whose losses are computed at a time; chosen for about 64 MiB if None.

    Returns:
        The paths: ``.at(t)``, ``.losses(grid)``, ``.barrier``, ``.length``.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the pieces do not fit or are not finite, the method is unknown, or a method that draws has no
            seeds.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> x, y = torch.ones(1, 1), torch.ones(1, 1)
        >>> one, other = torch.tensor([[1.0, 1.0]]), torch.tensor([[-1.0, -1.0]])
        >>> path = connect(Mlp((1, 1, 1), "linear"), one, other, x, y, SquaredError())
        >>> path.barrier, path.peak.place
        (tensor([1.]), tensor([0.5000]))
        >>> path
        Path(line, 1 pair, 2 vertices, 2 parameters, barrier median 1, largest 1)
    """
    view = network if isinstance(network, Mlp) else refreshed(network)
    checked_ends(view, theta_a, theta_b)
    problem = LossOfRows(view, theta_a, x, y, loss, chunk=chunk)
    if isinstance(method, str):
        if method not in _METHODS:
            raise ValueError(f"method must be one of {', '.join(_METHODS)}, got {method!r}.")
        method = _METHODS[method]()
    elif isinstance(method, type) or not isinstance(method, Method):
        raise TypeError(f"method must be a name or a record such as StraightLine(), got {method!r}.")
    if seeds is not None and len(checked_seeds(seeds)) != len(theta_a):
        raise ValueError(f"seeds must hold one integer per pair, {len(theta_a)}, got {len(seeds)}.")
    return method.connect(problem, theta_a.detach().clone(), theta_b.detach().clone(), seeds)
