r"""Optimisers that seek flat minima, for one's own module: SAM, ASAM and Entropy-SGD around any torch optimiser.

Each is a ``torch.optim.Optimizer`` that evaluates the loss more than once a step, so that ``step`` needs a closure, as
that of ``torch.optim.LBFGS`` does: a function that computes the loss, calls ``backward()`` and returns the loss. It
need not clear gradients, that is done before every call. What comes out stands in for the gradient, and a base
optimiser steps along it from exactly where the parameters were. Options, state and parameter groups are one and the
same in both, so that schedulers and ``state_dict`` see all of them; the checkpoint of a bare base optimiser loads too.

Weight decay of the base optimiser acts as usual in ``SAM`` and ``ASAM``: on the step, not on the climb. In
``EntropySGD`` it belongs to the loss in which the walk is.

Parameters without gradient stay out, as everywhere in torch, and where all are frozen a step is a call of the closure.
Dropout draws a new mask, and batch norm updates its running statistics, at every evaluation. For a stochastic weight
average there is ``torch.optim.swa_utils.AveragedModel``, which goes with any of these optimisers.

``torch.amp.GradScaler`` cannot step with a closure. Where a loss has to be scaled against underflow, the closure scales
it and divides the gradients by the scale after ``backward()``; the climb of ``SAM`` and ``ASAM`` does not depend on how
long a gradient is, the step of the base optimiser does. Under bfloat16 there is nothing to scale.

The mathematics is in ``sharpness_aware`` and ``local_entropy``, where ``sgd`` finds it for whole ensembles.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer

from numerics.arguments import checked_generator
from numerics.training.base_step import AroundBase, Evaluate, Parameters
from numerics.training.local_entropy import LocalEntropy, scaled_entropy_gradient
from numerics.training.sharpness_aware import SharpnessAware, sharpness_aware_gradient


class SAM(AroundBase[SharpnessAware]):
    r"""Sharpness-aware minimisation: a base optimiser's step along the gradient at w + e, e = rho g/|g|.

    The norm is that of the whole gradient over all parameter groups; each group has its own rho, adaptive and eta, so
    that weights may climb adaptively and biases plainly. A zero gradient is no climb. Two evaluations a step, which
    should be of the same batch; holds up to three more copies of the parameters, and one of the gradients.

    Args:
        params: Parameters or parameter groups.
        base_optimizer: The class of the base optimiser, or anything that makes one from groups and options.
        rho: Length of the climb, at least 0.
        adaptive: Whether to climb by rho s^2 g/|s g| with s = |w| + eta instead, as ``ASAM`` does.
        eta: Added to the size of a weight where adaptive, at least 0.
        **options: The base optimiser's.

    Raises:
        TypeError: If the base optimiser is none or needs a closure itself, or an option is of the wrong kind.
        ValueError: If an option is out of range, the base optimiser has one of the same name or maximises, or a
            parameter is not real.

    Examples:
        >>> x = torch.tensor([2.0], requires_grad=True)
        >>> optimiser = SAM([x], torch.optim.SGD, rho=0.5, lr=0.1)
        >>> def closure():
        ...     loss = 1.5 * x.square().sum()
        ...     loss.backward()
        ...     return loss
        >>> optimiser.step(closure).item(), x.grad.item(), x.item()
        (6.0, 7.5, 1.25)

    References:
        Foret et al. (2020), arXiv:2010.01412, Algorithm 1 with p = 2; rho = 0.05 is theirs.
    """

    def __init__(
        self,
        params: Parameters,
        base_optimizer: Callable[..., Optimizer] = SGD,
        *,
        rho: float = 0.05,
        adaptive: bool = False,
        eta: float = 0.01,
        **options: Any,
    ) -> None:
        super().__init__(params, base_optimizer, {"rho": rho, "adaptive": adaptive, "eta": eta}, options)

    def _gradient(self, points: list[Tensor], rules: list[SharpnessAware], evaluate: Evaluate) -> list[Tensor]:
        return sharpness_aware_gradient(points, rules, evaluate)

    def _rule(self, group: dict[str, Any]) -> SharpnessAware:
        return SharpnessAware(rho=group["rho"], adaptive=group["adaptive"], eta=group["eta"])


class ASAM(SAM):
    r"""Adaptive sharpness-aware minimisation: ``SAM`` with a climb in proportion to the size of each weight.

    e = rho s^2 g/|s g|, s = |w| + eta elementwise. The published code takes s = 1 for biases: give them a group with
    ``adaptive=False``.

    Args:
        params: As for ``SAM``.
        base_optimizer: As for ``SAM``.
        rho: Length of the climb relative to the weights, at least 0.
        eta: Added to the size of a weight, at least 0; with 0 the climb does not depend on how a rectifier's scale is
            shared between layers, and zero weights do not climb.
        **options: The base optimiser's.

    Raises:
        TypeError: As ``SAM``, or if ``adaptive`` is given.
        ValueError: As ``SAM``.

    Examples:
        >>> x = torch.tensor([2.0], requires_grad=True)
        >>> optimiser = ASAM([x], rho=0.5, eta=0.0, lr=0.1)
        >>> def closure():
        ...     loss = 1.5 * x.square().sum()
        ...     loss.backward()
        ...     return loss
        >>> optimiser.step(closure).item(), x.grad.item()
        (6.0, 9.0)

    References:
        Kwon et al. (2021), arXiv:2102.11600; rho = 0.5 and eta = 0.01 are theirs.
    """

    def __init__(
        self,
        params: Parameters,
        base_optimizer: Callable[..., Optimizer] = SGD,
        *,
        rho: float = 0.5,
        eta: float = 0.01,
        **options: Any,
    ) -> None:
        if "adaptive" in options:
            raise TypeError(
                f"adaptive must be left to ASAM, which is SAM with adaptive=True, or be set in a parameter group, got "
                f"{options['adaptive']!r}."
            )
        super().__init__(params, base_optimizer, rho=rho, adaptive=True, eta=eta, **options)


class EntropySGD(AroundBase[LocalEntropy]):
    r"""Entropy-SGD: a base optimiser's step from x towards the mean of a walk around it.

    What stands in for the gradient is x - E[x'], that of the local entropy over gamma. With plain SGD the learning rate
    is therefore a share of the way to the mean, whatever gamma is: 1, the default there, goes to it, and every rate
    below 2 is stable on a valley as far as the walk is. In the paper's words it is the product of learning rate and
    gamma.

    The mean is that of a Langevin walk, one evaluation a step, so the closure should take a fresh batch every time it
    is called. If it fails, the generator is where it was. Learning-rate schedulers act on the outer step; the walk has
    its own ``langevin_rate``, in the parameter groups. Gamma grows there by the factor 1 + scoping after every step,
    until ``langevin_rate`` gamma = 1.

    The ``weight_decay`` of the base optimiser is that of the loss: it enters each gradient of the walk and not the
    outer step. Decoupled decay, that of ``AdamW``, stays with the outer step.

    Holds three more copies of the parameters and one of the noise.

    Args:
        params: Parameters or parameter groups.
        base_optimizer: The class of the base optimiser, or anything that makes one from groups and options.
        gamma: Stiffness of the spring between walker and start, positive, in units of curvature.
        generator: Where the noise comes from, a generator on the CPU; part of ``state_dict``. None if there is none.
        scoping: Relative growth of gamma from step to step, at least 0.
        langevin_steps: Steps of the walk; the same in all groups.
        langevin_rate: Step size of the walk, positive and below 2/gamma.
        noise: Its noise per square root of time, at least 0.
        weight: Of the newest point in the running mean, in (0, 1].
        **options: The base optimiser's.

    Raises:
        TypeError: If the base optimiser is none or needs a closure itself, or the generator no generator where there is
            noise.
        ValueError: If an option is out of range, the base optimiser has one of the same name or maximises, a
            parameter is not real, or the generator is not on the CPU.

    Examples:
        >>> x = torch.tensor([3.0], requires_grad=True)
        >>> optimiser = EntropySGD([x], gamma=1.0, langevin_steps=200, noise=0.0, generator=None)
        >>> def closure():
        ...     loss = x.square().sum()
        ...     loss.backward()
        ...     return loss
        >>> optimiser.step(closure).item(), round(x.item(), 4)  # the minimum of x^2 + (x - 3)^2/2
        (9.0, 1.0)

    References:
        Chaudhari et al. (2016), arXiv:1611.01838, Algorithm 1.
    """

    def __init__(
        self,
        params: Parameters,
        base_optimizer: Callable[..., Optimizer] = SGD,
        *,
        gamma: float,
        generator: torch.Generator | None,
        scoping: float = 0.0,
        langevin_steps: int = 20,
        langevin_rate: float = 0.1,
        noise: float = 1e-4,
        weight: float = 0.75,
        **options: Any,
    ) -> None:
        own = {
            "gamma": gamma,
            "scoping": scoping,
            "langevin_steps": langevin_steps,
            "langevin_rate": langevin_rate,
            "noise": noise,
            "weight": weight,
        }
        if generator is not None:
            checked_generator(generator)
        self.generator = generator
        super().__init__(params, base_optimizer, own, {"lr": 1.0, **options} if base_optimizer is SGD else options)

    def state_dict(self) -> dict[str, Any]:
        """The state as in torch, and under ``generator`` that of the noise."""
        state: dict[str, Any] = super().state_dict()
        return state if self.generator is None else {**state, "generator": self.generator.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a ``state_dict`` was taken; one without noise leaves the generator as it is."""
        super().load_state_dict(state_dict)
        if self.generator is not None and "generator" in state_dict:
            self.generator.set_state(state_dict["generator"].cpu())

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "generator": self.generator}

    def _gradient(self, points: list[Tensor], rules: list[LocalEntropy], evaluate: Evaluate) -> list[Tensor]:
        sizes = [point.numel() for point in points]

        def draw() -> list[Tensor]:
            """One draw for all parameters, in the order of the flat layout."""
            flat = torch.randn(sum(sizes), generator=self.generator, dtype=torch.float64)
            return [
                piece.reshape(point.shape).to(dtype=point.dtype).to(device=point.device)
                for piece, point in zip(torch.split(flat, sizes), points, strict=True)
            ]

        before = None if self.generator is None else self.generator.get_state()
        try:
            return scaled_entropy_gradient(points, rules, evaluate, draw)
        except BaseException:
            if self.generator is not None and before is not None:
                self.generator.set_state(before)
            raise

    def _loss_decay(self, group: dict[str, Any]) -> float:
        decoupled = isinstance(self.base_optimizer, AdamW) or group.get("decoupled_weight_decay", False)
        return 0.0 if decoupled else float(group.get("weight_decay", 0.0))

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        rule, first = self._rule(group), self.param_groups[0]
        if rule.langevin_steps != first["langevin_steps"]:
            raise ValueError(
                f"langevin_steps must be the same in all groups, got {first['langevin_steps']}, {rule.langevin_steps}."
            )
        if rule.noise > 0 and self.generator is None:
            raise TypeError(f"generator must be a torch.Generator where noise > 0, got None for noise {rule.noise}.")

    def _advance(self) -> None:
        for group in self.param_groups:
            group["gamma"] = self._rule(group).at(1).gamma

    def _rule(self, group: dict[str, Any]) -> LocalEntropy:
        return LocalEntropy(**{name: group[name] for name in self._own})
