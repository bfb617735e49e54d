"""Why large networks: what their targets are, and what they are trained on and judged by."""

import pytest
import torch

import numerics
from verify.claims.generalisation import why_large


def test_targets_are_those_of_small_networks_that_no_run_starts_from() -> None:
    x, y, starts = why_large._tasks(4, 3, "cpu")
    assert not set(range(4, 7)) & set(starts)
    assert torch.allclose(y.square().mean(dim=(1, 2)), torch.ones(3))
    small = numerics.Mlp((why_large.INPUTS, why_large.UNITS, 1), "relu")
    teacher = small.init(range(4, 7), sigma_w=2**0.5, dtype=torch.float32)
    targets = small.forward(teacher, x)
    assert torch.allclose(targets / targets.square().mean(dim=(1, 2), keepdim=True).sqrt(), y, atol=1e-4)
    found = why_large.arrivals(4, teachers=3, width=16, steps=1, longer=40, device="cpu")
    assert (found["early"] > 0.1).all()
    assert (found["late"] < found["early"]).all()


def test_runs_are_judged_on_inputs_that_they_are_not_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def spy(network: numerics.Mlp, theta: torch.Tensor, *rest: torch.Tensor, **options: object) -> object:
        seen.extend(rest[:2])
        return adam(network, theta, *rest, **options)  # type: ignore[arg-type]

    adam = numerics.adam
    monkeypatch.setattr(why_large.numerics, "adam", spy)
    x, y, _ = why_large._tasks(4, 2, "cpu")
    why_large.arrivals(4, teachers=2, width=8, steps=1, longer=1, device="cpu")
    why_large.memorised(4, teachers=2, steps=1, device="cpu")
    trained, known, again, shuffled = seen
    assert torch.equal(trained, x[:, : why_large.EXAMPLES])
    assert torch.equal(again, trained)
    assert torch.equal(known, y[:, : why_large.EXAMPLES])
    assert not torch.equal(shuffled, known)
    assert torch.equal(shuffled.sort(dim=1).values, known.sort(dim=1).values)
    assert x.shape[1] == 2 * why_large.EXAMPLES
