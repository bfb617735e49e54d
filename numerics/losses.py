"""Losses with an explicit prefactor: prefactor x mean over examples x sum over outputs.

The lectures use four normalisations and a factor 2 moves every eigenvalue of a Hessian, so the factor is never implied:
L = (1/2m) sum |e|^2 over m examples is ``SquaredError(prefactor=0.5)``.

Every method takes outputs (members, batch, outputs). Targets are shared or one set per member. Derivatives are those
of the value, so they carry the 1/batch of the mean.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_number, checked_tensors

Targets = Float[Tensor, "*members batch outputs"] | Int[Tensor, "*members batch"]


@runtime_checkable
class Loss(Protocol):
    """What a loss has to offer: value and derivatives with respect to the outputs."""

    @property
    def prefactor(self) -> float:
        """The factor in front of the mean."""

    def value(self, outputs: Float[Tensor, "members batch outputs"], targets: Targets) -> Float[Tensor, " members"]:
        """The loss of every member."""

    def gradient(
        self, outputs: Float[Tensor, "members batch outputs"], targets: Targets
    ) -> Float[Tensor, "members batch outputs"]:
        """Derivative of the value with respect to each output."""

    def hessian(
        self, outputs: Float[Tensor, "members batch outputs"], targets: Targets
    ) -> Float[Tensor, "members batch outputs outputs"]:
        """Second derivative of the value with respect to the outputs of each example."""

    def check(self, outputs: Float[Tensor, "members batch outputs"], targets: Targets) -> None:
        """Raise ValueError if the targets are none for these outputs."""

    def part(self, targets: Targets, start: int, stop: int) -> Targets:
        """The targets of the examples start..stop-1."""


@dataclass(frozen=True)
class SquaredError:
    """prefactor x mean over examples of sum over outputs of (output - target)^2.

    Targets have shape (batch, outputs) or (members, batch, outputs).

    Args:
        prefactor: Positive; 0.5 for the loss of Pennington and Bahri (2017).

    Raises:
        ValueError: If the prefactor is not a finite positive number.

    Examples:
        >>> outputs, targets = torch.tensor([[[1.0, 2.0], [0.0, 0.0]]]), torch.zeros(2, 2)
        >>> SquaredError(prefactor=0.5).value(outputs, targets)
        tensor([1.2500])
    """

    prefactor: float = 1.0

    def __post_init__(self) -> None:
        checked_number("prefactor", self.prefactor, above=0.0)

    def value(
        self, outputs: Float[Tensor, "members batch outputs"], targets: Float[Tensor, "*members batch outputs"]
    ) -> Float[Tensor, " members"]:
        """The loss of every member."""
        self.check(outputs, targets)
        return (outputs - targets).square().sum(dim=(1, 2)) * (self.prefactor / outputs.shape[1])

    def gradient(
        self, outputs: Float[Tensor, "members batch outputs"], targets: Float[Tensor, "*members batch outputs"]
    ) -> Float[Tensor, "members batch outputs"]:
        """Derivative of the value with respect to each output: (2 prefactor/batch) (output - target)."""
        self.check(outputs, targets)
        return (outputs - targets) * (2 * self.prefactor / outputs.shape[1])

    def hessian(
        self, outputs: Float[Tensor, "members batch outputs"], targets: Float[Tensor, "*members batch outputs"]
    ) -> Float[Tensor, "members batch outputs outputs"]:
        """Second derivative per example: (2 prefactor/batch) times the identity, an expanded view."""
        self.check(outputs, targets)
        identity = torch.eye(outputs.shape[2], dtype=outputs.dtype, device=outputs.device)
        return (identity * (2 * self.prefactor / outputs.shape[1])).expand(*outputs.shape, -1)

    def check(self, outputs: Tensor, targets: Tensor) -> None:
        """Refuse targets that do not fit the outputs.

        Raises:
            TypeError: If one of the two is no tensor.
            ValueError: If the targets' shape is neither (batch, outputs) nor that of the outputs, or dtype or device
                is another one.
        """
        _check_outputs(outputs)
        checked_tensors(targets=targets)
        if targets.shape not in (outputs.shape, outputs.shape[1:]):
            raise ValueError(
                f"targets must have shape {tuple(outputs.shape[1:])} or {tuple(outputs.shape)}, "
                f"got {tuple(targets.shape)}."
            )
        if targets.dtype != outputs.dtype or targets.device != outputs.device:
            raise ValueError(
                f"targets must have the outputs' dtype and device, {outputs.dtype} on {outputs.device}, "
                f"got {targets.dtype} on {targets.device}."
            )

    def part(self, targets: Tensor, start: int, stop: int) -> Tensor:
        """The targets of the examples start..stop-1."""
        return targets[..., start:stop, :]


@dataclass(frozen=True)
class CrossEntropy:
    """prefactor x mean over examples of -log softmax(outputs)[label].

    Targets are integer labels of shape (batch,) or (members, batch).

    Args:
        prefactor: Positive.

    Raises:
        ValueError: If the prefactor is not a finite positive number.

    Examples:
        >>> CrossEntropy().value(torch.zeros(1, 3, 4), torch.tensor([0, 1, 3])).exp()
        tensor([4.])
    """

    prefactor: float = 1.0

    def __post_init__(self) -> None:
        checked_number("prefactor", self.prefactor, above=0.0)

    def value(
        self, outputs: Float[Tensor, "members batch outputs"], targets: Int[Tensor, "*members batch"]
    ) -> Float[Tensor, " members"]:
        """The loss of every member."""
        self.check(outputs, targets)
        chosen = outputs.gather(-1, targets.expand(outputs.shape[:2])[..., None]).squeeze(-1)
        return (outputs.logsumexp(dim=-1) - chosen).mean(dim=1) * self.prefactor

    def gradient(
        self, outputs: Float[Tensor, "members batch outputs"], targets: Int[Tensor, "*members batch"]
    ) -> Float[Tensor, "members batch outputs"]:
        """Derivative of the value with respect to each output: (prefactor/batch) (softmax - one-hot)."""
        self.check(outputs, targets)
        one_hot = torch.nn.functional.one_hot(targets, outputs.shape[2]).to(outputs.dtype)
        return (outputs.softmax(dim=-1) - one_hot) * (self.prefactor / outputs.shape[1])

    def hessian(
        self, outputs: Float[Tensor, "members batch outputs"], targets: Int[Tensor, "*members batch"]
    ) -> Float[Tensor, "members batch outputs outputs"]:
        """Second derivative per example: (prefactor/batch) (diag(p) - p p') with p the softmax."""
        self.check(outputs, targets)
        p = outputs.softmax(dim=-1)
        return (torch.diag_embed(p) - p[..., :, None] * p[..., None, :]) * (self.prefactor / outputs.shape[1])

    def check(self, outputs: Tensor, targets: Tensor) -> None:
        """Refuse targets that do not fit the outputs: a look at the least and the largest label.

        Raises:
            TypeError: If one of the two is no tensor.
            ValueError: If the targets are not integers of shape (batch,) or (members, batch), are on another device, or
                one is no output's number.
        """
        _check_outputs(outputs)
        if not isinstance(targets, Tensor):
            raise TypeError(f"targets must be a torch tensor, got {type(targets).__name__}.")
        if targets.dtype != torch.int64 or targets.shape not in (outputs.shape[:2], outputs.shape[1:2]):
            raise ValueError(
                f"targets must be int64 labels of shape {tuple(outputs.shape[1:2])} or {tuple(outputs.shape[:2])}, "
                f"got {targets.dtype} of shape {tuple(targets.shape)}."
            )
        if targets.device != outputs.device:
            raise ValueError(f"targets must be on the outputs' device, {outputs.device}, got {targets.device}.")
        if not targets.is_meta:
            least, largest = int(targets.min()), int(targets.max())
            if least < 0 or largest >= outputs.shape[2]:
                raise ValueError(f"targets must hold labels in [0, {outputs.shape[2]}), got {least}..{largest}.")

    def part(self, targets: Tensor, start: int, stop: int) -> Tensor:
        """The targets of the examples start..stop-1."""
        return targets[..., start:stop]


def _check_outputs(outputs: Tensor) -> None:
    checked_tensors(outputs=outputs)
    if outputs.ndim != 3 or 0 in outputs.shape:
        raise ValueError(f"outputs must have shape (members, batch, outputs), got {tuple(outputs.shape)}.")
