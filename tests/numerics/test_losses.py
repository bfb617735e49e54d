"""Losses: prefactor x mean over examples x sum over outputs, with their derivatives."""

import pytest
import torch

from numerics import CrossEntropy, Loss, SquaredError


def _problem(loss: Loss) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(3, 5, 4, generator=generator, dtype=torch.float64)
    if isinstance(loss, SquaredError):
        return outputs, torch.randn(3, 5, 4, generator=generator, dtype=torch.float64)
    return outputs, torch.randint(0, 4, (3, 5), generator=generator)


def test_squared_error_is_a_mean_over_examples_of_a_sum_over_outputs() -> None:
    loss = SquaredError(prefactor=0.5)
    outputs, targets = _problem(loss)
    expected = [float(((o - t) ** 2).sum()) / (2 * 5) for o, t in zip(outputs, targets, strict=True)]
    assert loss.value(outputs, targets).tolist() == pytest.approx(expected, rel=1e-14)


def test_cross_entropy_is_torchs_mean_times_the_prefactor() -> None:
    loss = CrossEntropy(prefactor=3.0)
    outputs, labels = _problem(loss)
    expected = [3 * float(torch.nn.functional.cross_entropy(o, t)) for o, t in zip(outputs, labels, strict=True)]
    assert loss.value(outputs, labels).tolist() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("loss", [SquaredError(), SquaredError(0.5), CrossEntropy(), CrossEntropy(2.5)])
@pytest.mark.parametrize("shared", [False, True])
def test_gradient_and_hessian_are_the_derivatives_of_the_value(loss: Loss, shared: bool) -> None:
    outputs, targets = _problem(loss)
    if shared:
        targets = targets[0]
    gradient = torch.func.jacrev(lambda o: loss.value(o, targets).sum())(outputs)
    torch.testing.assert_close(loss.gradient(outputs, targets), gradient, rtol=1e-12, atol=1e-15)
    whole = torch.func.jacrev(torch.func.jacrev(lambda o: loss.value(o, targets).sum()))(outputs)
    blocks = torch.einsum("mbkmbl->mbkl", whole)
    torch.testing.assert_close(loss.hessian(outputs, targets), blocks, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("loss", [SquaredError(), CrossEntropy()])
def test_the_whole_is_the_weighted_mean_of_two_uneven_parts(loss: Loss) -> None:
    outputs, targets = _problem(loss)
    parts = [loss.value(outputs[:, a:b], loss.part(targets, a, b)) for a, b in ((0, 2), (2, 5))]
    torch.testing.assert_close(0.4 * parts[0] + 0.6 * parts[1], loss.value(outputs, targets), rtol=1e-14, atol=0.0)


@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    @pytest.mark.parametrize("kind", [SquaredError, CrossEntropy])
    @pytest.mark.parametrize("prefactor", [0.0, -1.0, float("nan"), float("inf")])
    def test_prefactors(self, kind: type, prefactor: float) -> None:
        with pytest.raises(ValueError, match="prefactor must be a finite number > 0, got"):
            kind(prefactor)

    def test_shapes(self) -> None:
        outputs = torch.zeros(2, 3, 4)
        with pytest.raises(ValueError, match=r"targets must have shape \(3, 4\) or \(2, 3, 4\), got \(4,\)"):
            SquaredError().value(outputs, torch.zeros(4))
        with pytest.raises(ValueError, match=r"targets must be int64 labels of shape \(3,\) or \(2, 3\), got"):
            CrossEntropy().gradient(outputs, torch.zeros(3))
        with pytest.raises(ValueError, match=r"outputs must have shape \(members, batch, outputs\), got \(3, 4\)"):
            SquaredError().hessian(outputs[0], outputs[0])
