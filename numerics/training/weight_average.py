r"""Stochastic weight averaging: the mean of the points that training passes through, for ensembles.

Model. Near a minimum of curvature lambda, SGD with learning rate h and gradient noise of variance s^2 a step,

    x <- (1 - h lambda) x + h s xi,     xi ~ N(0, 1),

has the stationary variance h s^2/(lambda (2 - h lambda)), while the mean of T successive points has variance
s^2/(lambda^2 T) + O(1/T^2): smaller by the factor (2 - h lambda)/(h lambda T), so averaging pays where
h lambda T > 2. Iterates of a constant learning rate surround a valley, their mean lies in its middle.

This is the equal average of ``torch.optim.swa_utils.AveragedModel``, which serves a single module, for all members of
an ensemble at once; the average of the last c of n points is that which starts c - 1 steps before the end.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_sizes, integer


@dataclass(frozen=True, kw_only=True)
class WeightAverage:
    """Which points of a training run are averaged.

    Args:
        start: The step whose point is the first of the average, at least 0; 0 is where training starts.
        every: Steps from one point of the average to the next.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> average = WeightAverage(start=10, every=5)
        >>> [average.count(step) for step in (9, 10, 14, 15)]
        [0, 1, 1, 2]

    References:
        Izmailov et al. (2018), arXiv:1803.05407, Algorithm 1, where the first point is the pretrained one.
    """

    start: int = 0
    every: int = 1

    def __post_init__(self) -> None:
        start = integer(self.start)
        if start is None or start < 0:
            raise ValueError(f"start must be an integer >= 0, got {self.start!r}.")
        checked_sizes(every=self.every)

    def count(self, step: int) -> int:
        """Points in the average after so many steps."""
        return 0 if step < self.start else (step - self.start) // self.every + 1

    def updated(
        self, mean: Float[Tensor, "members parameters"], point: Float[Tensor, "members parameters"], step: int
    ) -> Float[Tensor, "members parameters"]:
        """The average after a step that led to ``point``; before the first of its points, that point itself.

        Examples:
            >>> import torch
            >>> mean = torch.zeros(1, 1)
            >>> for step, place in enumerate([8.0, 4.0, 0.0]):
            ...     mean = WeightAverage(start=1).updated(mean, torch.full((1, 1), place), step)
            >>> mean
            tensor([[2.]])
        """
        if step <= self.start:
            return point
        if (step - self.start) % self.every:
            return mean
        return mean + (point - mean) / self.count(step)
