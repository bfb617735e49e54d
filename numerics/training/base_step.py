"""A step of a base optimiser along something else than the gradient, which takes the loss at several points.

What evaluates the loss more than once a step needs a closure, moves the parameters, and puts them back before the base
optimiser steps. Options, state and parameter groups are one and the same in both, so that schedulers and ``state_dict``
see all of them.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

from numerics.training.local_entropy import LocalEntropy
from numerics.training.sharpness_aware import SharpnessAware

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Closure = Callable[[], Any]
Evaluate = Callable[[list[Tensor]], list[Tensor]]
Rule = TypeVar("Rule", SharpnessAware, LocalEntropy)


class AroundBase(Optimizer, ABC, Generic[Rule]):
    """Lets a base optimiser step along something else than the gradient.

    Args:
        params: Parameters or parameter groups.
        base_optimizer: The class of the base optimiser, or anything that makes one from groups and options.
        own: Options of this optimiser and their defaults.
        options: The base optimiser's.

    Raises:
        TypeError: If the base optimiser is none or needs a closure itself, or an option is of the wrong kind.
        ValueError: If an option is out of range, the base optimiser has one of the same name or maximises, or a
            parameter is not real.
    """

    def __init__(
        self,
        params: Parameters,
        base_optimizer: Callable[..., Optimizer],
        own: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        if isinstance(base_optimizer, Optimizer) or not callable(base_optimizer):
            raise TypeError(f"base_optimizer must be an optimiser's class, got one {type(base_optimizer).__name__}.")
        self._own = own
        super().__init__(params, dict(own))
        base = base_optimizer(self.param_groups, **options)
        if not isinstance(base, Optimizer):
            raise TypeError(f"base_optimizer must make an optimiser, got {type(base).__name__}.")
        if isinstance(base, AroundBase) or _needs_closure(base):
            raise TypeError(
                f"base_optimizer must step along a gradient without evaluating the loss, which {type(base).__name__} "
                f"does not."
            )
        shared = own.keys() & base.defaults.keys()
        if shared:
            raise ValueError(f"base_optimizer must have no option named {min(shared)}, got {type(base).__name__}.")
        self.base_optimizer = base
        self.defaults |= base.defaults
        self.param_groups, self.state = base.param_groups, base.state
        for group in self.param_groups:
            self._check(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, with options of their own or the defaults, as in torch.

        Raises:
            TypeError: If an option is of the wrong kind.
            ValueError: If an option is out of range, a parameter is not real, or the base optimiser maximises.
        """
        super().add_param_group(param_group)
        if hasattr(self, "base_optimizer"):
            try:
                self._check(self.param_groups[-1])
            except (TypeError, ValueError):
                self.param_groups.pop()
                raise

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Closure) -> Any: ...

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        """Take one step; if the closure fails, the parameters are where they were and have no gradients.

        Args:
            closure: Computes the loss, calls ``backward()`` and returns the loss.

        Returns:
            What the closure returned where the step started.

        Raises:
            TypeError: If the closure is no function, or an option has been set to one of the wrong kind.
            ValueError: If an option has been set to something out of range, the closure leaves no gradient behind, or a
                gradient is sparse.
        """
        if not callable(closure):
            raise TypeError(
                f"closure must be a function that computes the loss, which {type(self).__name__} needs anew, got "
                f"{closure!r}."
            )
        for group in self.param_groups:  # options may have been set or loaded since
            self._check(group)
        groups = [(self._rule(group), self._loss_decay(group), group["params"]) for group in self.param_groups]
        places = [(rule, decay, one) for rule, decay, members in groups for one in members if one.requires_grad]
        parameters = [parameter for _, _, parameter in places]
        if not parameters:
            self.zero_grad()
            with torch.enable_grad():
                return closure()
        seats = [parameter.unsqueeze(0) for parameter in parameters]  # views, with an axis for the one member
        start = [seat.clone() for seat in seats]
        losses: list[Any] = []
        used = [False] * len(parameters)

        def evaluate(points: list[Tensor]) -> list[Tensor]:
            torch._foreach_copy_(seats, points)
            self.zero_grad()
            with torch.enable_grad():
                loss = closure()
            losses.extend([loss] if not losses else [])
            if all(parameter.grad is None for parameter in parameters):
                raise ValueError(
                    "closure must call backward() on the loss, but it leaves no parameter with a gradient."
                )
            gradients = []
            for place, (_, decay, parameter) in enumerate(places):
                gradient = parameter.grad
                if gradient is not None and gradient.layout != torch.strided:
                    raise ValueError(f"gradients must be dense, got one of layout {gradient.layout}.")
                used[place] |= gradient is not None
                if gradient is None:
                    gradient = torch.zeros_like(parameter)
                elif decay:
                    gradient = gradient.add(parameter, alpha=decay)
                gradients.append(gradient.unsqueeze(0))
            return gradients

        try:
            gradients = self._gradient(start, [rule for rule, _, _ in places], evaluate)
        except BaseException:
            self.zero_grad()  # those there are belong to another point
            raise
        finally:
            torch._foreach_copy_(seats, start)  # bit for bit
        for parameter, gradient, known in zip(parameters, gradients, used, strict=True):
            parameter.grad = gradient.squeeze(0) if known else None
        self._base_step([decay for _, decay, _ in groups])
        self._advance()
        return losses[0]

    def _base_step(self, already: list[float]) -> None:
        """Step the base optimiser, without the weight decay of groups in whose gradients it is already."""
        spared = [group for group, decay in zip(self.param_groups, already, strict=True) if decay]
        kept = [group["weight_decay"] for group in spared]
        try:
            for group in spared:
                group["weight_decay"] = 0 * group["weight_decay"]
            self.base_optimizer.step()
        finally:
            for group, decay in zip(spared, kept, strict=True):
                group["weight_decay"] = decay

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "base_optimizer": self.base_optimizer, "_own": self._own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self._own.items():
                group.setdefault(name, value)
        self.base_optimizer.__setstate__({"state": self.state, "param_groups": self.param_groups})

    @abstractmethod
    def _rule(self, group: dict[str, Any]) -> Rule:
        """What a group's options say; refuses those out of range."""

    @abstractmethod
    def _gradient(self, points: list[Tensor], rules: list[Rule], evaluate: Evaluate) -> list[Tensor]:
        """What stands in for the gradient at the points, of which each has its rule."""

    def _check(self, group: dict[str, Any]) -> None:
        """Refuse a group that this optimiser cannot take."""
        self._rule(group)
        if group.get("maximize"):
            raise ValueError("maximize must be False, as the loss is minimised, got True.")
        for parameter in group["params"]:
            if not parameter.is_floating_point():
                raise ValueError(f"params must be real floating point tensors, got {parameter.dtype}.")

    def _loss_decay(self, group: dict[str, Any]) -> float:
        """The weight decay that belongs to the gradient of the loss, not to the base optimiser's step."""
        return 0.0

    def _advance(self) -> None:
        """What changes from step to step beside the base optimiser."""


def _needs_closure(optimiser: Optimizer) -> bool:
    """Whether its step has an argument that cannot be left out, as that of ``torch.optim.LBFGS``."""
    try:
        asked = inspect.signature(optimiser.step).parameters.values()
    except (TypeError, ValueError):  # no signature to read
        return False
    return any(one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in asked)
