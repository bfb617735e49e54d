"""What training hands back: where every member ended, and honestly whether it arrived."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from numerics.one_line import counted, spanned


@dataclass(frozen=True)
class TrainingResult:
    """The end of a training run, one entry per member.

    Attributes:
        theta: Final parameters, always finite.
        loss: Loss there, without weight decay.
        relative_gradient: Relative gradient norm there (``numerics.objective``), of what was minimised.
        converged: Whether it is at most the tolerance. Nothing else counts as converged: not a stall, not a small step.
        steps: Steps tried by each member.
        trajectory: Parameters at the recorded steps, (records, members, parameters); no records unless asked for.
        recorded_at: The steps at which the trajectory was recorded, ascending; 0 is the start.
        reached: Whether the member stopped because its loss was low enough; None where no such end was asked for.
        gradients: Gradients that the steps of each member took, of a batch where training is by batches; None where
            a step takes more than gradients.
    """

    theta: Float[Tensor, "members parameters"]
    loss: Float[Tensor, " members"]
    relative_gradient: Float[Tensor, " members"]
    converged: Bool[Tensor, " members"]
    steps: Int[Tensor, " members"]
    trajectory: Float[Tensor, "records members parameters"]
    recorded_at: tuple[int, ...] = ()
    reached: Bool[Tensor, " members"] | None = None
    gradients: Int[Tensor, " members"] | None = None

    def __repr__(self) -> str:
        ends = "converged" if self.reached is None else "low enough"
        arrived = int((self.converged if self.reached is None else self.reached).sum())
        members = counted(len(self.loss), "member")
        return f"TrainingResult({members}, {spanned(self.steps)} steps, loss {spanned(self.loss)}; {arrived} {ends})"
