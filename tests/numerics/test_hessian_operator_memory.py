"""What a Hessian operator keeps between products, and what it does where that does not fit."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from numerics import CrossEntropy, HessianOperator, Mlp
from numerics.curvature import batch_curvature

PARTS = ("hessian", "gauss_newton", "residual")


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-13 * float(expected.abs().max()))


def _module() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    module = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Sigmoid(), nn.Linear(5, 3)).double().eval()
    size = sum(parameter.numel() for parameter in module.parameters())
    nn.utils.vector_to_parameters(_normal(size, seed=3), module.parameters())
    return module, _normal(7, 4), torch.arange(7) % 3


NETWORK = Mlp((3, 5, 4, 2), "tanh", bias=True)
THETA, LOSS = NETWORK.init([0], sigma_b=0.4), CrossEntropy(prefactor=1.5)
X, Y = _normal(20, 3, seed=1), torch.arange(20) % 2


@pytest.mark.parametrize("part", PARTS)
def test_what_does_not_fit_into_memory_is_made_again_and_changes_rounding_only(part: str) -> None:
    module, x, y = _module()
    network, theta, inputs, labels, loss = NETWORK, THETA, X, Y, LOSS
    for build in (
        lambda memory: HessianOperator(module, cross_entropy, (x, y), part=part, memory=memory),
        lambda memory: HessianOperator(network, loss, (inputs, labels), theta=theta, part=part, memory=memory),
    ):
        kept, rebuilt = build(2**30), build(600)
        assert kept.cached
        assert not rebuilt.cached
        assert rebuilt.chunk < kept.chunk == kept.examples
        assert "cached" in repr(kept)
        assert f"rebuilt {rebuilt.chunk} examples at a time" in repr(rebuilt)
        vector = _normal(kept.size)
        for _ in range(2):
            _close(rebuilt @ vector, kept @ vector)


def test_the_graph_is_recorded_once_while_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x, y = _module()
    built = []
    original = batch_curvature.GraphCurvature.__init__

    def counted(self: object, *args: object, **options: object) -> None:
        built.append(1)
        original(self, *args, **options)

    operator = HessianOperator(module, cross_entropy, [(x[:4], y[:4]), (x[4:], y[4:])])
    monkeypatch.setattr(batch_curvature.GraphCurvature, "__init__", counted)
    for _ in range(3):
        operator @ torch.ones(operator.size).double()
    assert len(built) == 2
    assert operator.products == 3


def test_the_bytes_of_a_graph_grow_with_its_examples() -> None:
    module, x, y = _module()
    operator = HessianOperator(module, cross_entropy, (x.repeat(8, 1), y.repeat(8)))
    problem = operator._problem
    sizes = [
        batch_curvature.probed_graph(
            problem, *next(problem.batches(count)), part="hessian", places=operator.layers
        ).nbytes
        for count in (7, 14, 28)
    ]
    assert sizes[0] > 7 * 8 * (5 + 5 + 3)  # at least the activations
    assert sizes[0] < sizes[1] < sizes[2] <= 4 * sizes[0]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("full"), RuntimeError("full: can't allocate memory")])
@pytest.mark.parametrize("analytic", [True, False])
def test_out_of_memory_halves_the_chunks_and_goes_on(
    analytic: bool, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that holds three examples: everything larger runs out of memory, in verifying as in multiplying."""
    network, theta, x, y, loss = NETWORK, THETA, X, Y, LOSS
    own = loss if analytic else cross_entropy
    expected = HessianOperator(network, own, (x, y), theta=theta) @ torch.ones(network.parameters, 5).double()
    fits = 20

    def small(original: Callable[..., object]) -> Callable[..., object]:
        def guarded(self: object, theta: torch.Tensor, inputs: torch.Tensor, **options: object) -> object:
            if inputs.shape[-2] > fits:
                raise error
            return original(self, theta, inputs, **options)

        return guarded

    for method in ("forward", "trace"):
        monkeypatch.setattr(Mlp, method, small(getattr(Mlp, method)))
    operator = HessianOperator(network, own, (x, y), theta=theta)
    assert (operator.cached, operator.chunk) == (True, 20)
    fits = 3
    _close(operator @ torch.ones(network.parameters, 5).double(), expected)
    assert (operator.cached, operator.chunk) == (False, 2)
    from_the_start = HessianOperator(network, own, (x, y), theta=theta)
    assert from_the_start.chunk <= 3
    _close(from_the_start @ torch.ones(network.parameters, 5).double(), expected)
    fits = 0
    for attempt in (
        lambda: operator @ torch.ones(network.parameters).double(),
        lambda: HessianOperator(network, own, (x, y), theta=theta),
    ):
        with pytest.raises(type(error), match="full"):
            attempt()
