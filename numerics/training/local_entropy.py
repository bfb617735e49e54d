r"""Local entropy, the smoothed loss of Entropy-SGD, and its gradient by Langevin dynamics.

    F(x) = -log of the integral of exp(-L(x') - (gamma/2) |x' - x|^2) over x',    grad F(x) = gamma (x - E[x']),

E over the density under the integral. A wide valley has a lower F than a narrow one of the same depth. The mean is
estimated by a walk that starts at x and is tied to it by a spring of stiffness gamma:

    x' <- x' - h (g(x') + gamma (x' - x)) + sqrt(h) noise N(0, I),        mean <- (1 - weight) mean + weight x',

each time with the gradient g of a fresh batch. The walk samples at temperature noise^2/2: ``noise = sqrt(2)`` is F
itself, the usual 1e-4 is next to no noise, and then F is close to the Moreau envelope, min over x' of
L(x') + (gamma/2) |x' - x|^2. On the quadratic lambda x^2/2 both say the same at every temperature: E[x'] =
gamma x/(lambda + gamma), so that F has curvature lambda gamma/(lambda + gamma), at most gamma. Gamma is measured in
units of curvature.

**The learning rate is a share of the way to the mean.** What stands in for the gradient is grad F/gamma = x - E[x'],

    x <- x - eta (x - mean),

so that eta = 1 goes to the mean whatever gamma is. In the paper's words that is a step eta' gamma (x - mean) with
eta' = eta/gamma; where eta' is held fixed while gamma grows, the step passes the mean, then doubles the distance.

**Stability.** The walk comes to rest where h (lambda + gamma) < 2, and where h gamma >= 2 it diverges in every valley,
which is refused. On a quadratic the distance to the minimum is then multiplied by 1 - eta lambda/(lambda + gamma) a
step: any eta < 2 is stable, for every lambda >= 0.

Scoping lets gamma grow, gamma (1 + scoping)^t in step t = 0, 1, ..., so that F goes over into L, until h gamma = 1.
There a step of the walk is one of gradient descent from x itself, and a stiffer spring would hold it back no more.

The mathematics is written once, for ensembles (``sgd``) and for the optimiser ``EntropySGD``: a point is a list of
tensors with a members axis in front.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes

Point = list[Float[Tensor, "members ..."]]


@dataclass(frozen=True, kw_only=True)
class LocalEntropy:
    """How the gradient of the local entropy is estimated.

    Args:
        gamma: Stiffness of the spring, positive, in units of curvature. There is no default that suits every loss.
        scoping: Relative growth of gamma from step to step, at least 0; it ends where langevin_rate gamma = 1.
        langevin_steps: Steps of the walk, one gradient each.
        langevin_rate: Step size h of the walk, positive and below 2/gamma.
        noise: Its noise per square root of time, at least 0.
        weight: Of the newest point in the running mean, in (0, 1].

    Attributes:
        gradients_per_step: Gradients that a step takes: ``langevin_steps``.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> LocalEntropy(gamma=0.1, langevin_steps=5).gradients_per_step
        5

    References:
        Chaudhari et al. (2016), arXiv:1611.01838, Algorithm 1, whose outer step has a factor gamma. Their published
        code leaves it out, as here, weighs the newest point by 1/4 and draws its noise with variance 2 h noise^2.
    """

    gamma: float
    scoping: float = 0.0
    langevin_steps: int = 20
    langevin_rate: float = 0.1
    noise: float = 1e-4
    weight: float = 0.75

    def __post_init__(self) -> None:
        checked_number("gamma", self.gamma, above=0.0)
        checked_number("scoping", self.scoping, least=0.0)
        checked_sizes(langevin_steps=self.langevin_steps)
        checked_number("langevin_rate", self.langevin_rate, above=0.0)
        checked_number("noise", self.noise, least=0.0)
        if checked_number("weight", self.weight, above=0.0) > 1:
            raise ValueError(f"weight must lie in (0, 1], got {self.weight}.")
        if self.langevin_rate * self.gamma >= 2:
            raise ValueError(
                f"langevin_rate must be below 2/gamma = {2 / self.gamma:.3g}, or the walk diverges in every valley, "
                f"got {self.langevin_rate}."
            )

    @property
    def gradients_per_step(self) -> int:
        """Gradients that a step takes."""
        return self.langevin_steps

    def at(self, step: int) -> "LocalEntropy":
        """The rule of the step after so many: gamma has grown.

        Examples:
            >>> rule = LocalEntropy(gamma=0.5, scoping=1.0, langevin_rate=0.1)
            >>> rule.at(3).gamma, rule.at(5).gamma  # 16 would be beyond 1/langevin_rate
            (4.0, 10.0)
        """
        if self.scoping == 0 or step == 0:
            return self
        power, stiffest = step * math.log1p(self.scoping), min(1 / self.langevin_rate, math.exp(709.0))
        if power < 700:
            grown = self.gamma * (1 + self.scoping) ** step
        else:  # the growth alone may be beyond a float
            power += math.log(self.gamma)
            grown = math.exp(power) if power < math.log(stiffest) else stiffest
        return replace(self, gamma=max(self.gamma, min(grown, stiffest)))

    def walked(self, walker: Tensor, start: Tensor, gradient: Tensor, noise: Tensor | None) -> Tensor:
        """The walker one Langevin step later."""
        moved = (walker - start).mul_(self.gamma).add_(gradient).mul_(-self.langevin_rate).add_(walker)
        return moved if noise is None else moved.add_(noise, alpha=math.sqrt(self.langevin_rate) * self.noise)

    def averaged(self, mean: Tensor, walker: Tensor) -> Tensor:
        """The running mean with one more point."""
        return torch.lerp(mean, walker, self.weight)


def scaled_entropy_gradient(
    points: Point,
    rules: Sequence[LocalEntropy],
    evaluate: Callable[[Point], Point],
    draw: Callable[[], Point],
) -> Point:
    """Estimate x - E[x'], the gradient of the local entropy over gamma, by one walk from each member's point.

    Holds two more copies of the points, the walkers and their means.

    Args:
        points: Where the members are.
        rules: One for each tensor, with one number of Langevin steps.
        evaluate: Gives the gradient at a point, each time of a fresh batch.
        draw: Gives standard normal numbers in the shape of the points; not called if no rule has noise.

    Examples:
        >>> rule = LocalEntropy(gamma=0.5, langevin_steps=200, noise=0.0)
        >>> (way,) = scaled_entropy_gradient([torch.tensor([[3.0]])], [rule], lambda point: [point[0]], list)
        >>> way.round(decimals=4)  # to 1, the minimum of x^2/2 + (x - 3)^2/4
        tensor([[2.]])
    """
    walkers, means = points, points
    noisy = any(rule.noise > 0 for rule in rules)
    for _ in range(rules[0].langevin_steps):
        gradients = evaluate(walkers)
        noises: Sequence[Tensor | None] = draw() if noisy else [None] * len(points)
        walkers = [
            rule.walked(walker, point, gradient, noise)
            for rule, walker, point, gradient, noise in zip(rules, walkers, points, gradients, noises, strict=True)
        ]
        means = [rule.averaged(mean, walker) for rule, mean, walker in zip(rules, means, walkers, strict=True)]
    return [point - mean for point, mean in zip(points, means, strict=True)]
