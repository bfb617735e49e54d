"""Two processes with a shard of the data each give the numbers of one process with all of them."""

import tempfile
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.multiprocessing import spawn
from torch.nn.functional import cross_entropy

from numerics import CrossEntropy, HessianOperator, Mlp
from numerics.curvature.sharded import agree_on_failure, agree_on_values, summed

PARTS = ("hessian", "gauss_newton", "residual")
RANKS = 2


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X, Y = _normal(20, 3), torch.arange(20) % 2
NETWORK = Mlp((3, 4, 2), "tanh", bias=True)
THETA = NETWORK.init([0], sigma_b=0.5)


def _module() -> nn.Module:
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    nn.utils.vector_to_parameters(THETA[0].clone(), module.parameters())
    return module


def _measure(data: object, group: object) -> dict[str, torch.Tensor]:
    """Everything that is summed over ranks."""
    found = {}
    vectors = _normal(NETWORK.parameters, 2, seed=1)
    for name, operator in (
        ("by hand", HessianOperator(NETWORK, CrossEntropy(), data, theta=THETA, group=group)),
        ("by graph", HessianOperator(_module(), cross_entropy, data, group=group)),
    ):
        found[f"{name} loss"] = torch.tensor(operator.loss()).double()
        found[f"{name} gradient"] = operator.gradient()
        found[f"{name} examples"] = torch.tensor(operator.examples)
        for part in PARTS:
            found[f"{name} {part}"] = operator.with_part(part) @ vectors
        found[f"{name} dense"] = operator.restricted("0.*").dense()
    return found


def _refusals(rank: int, group: object) -> dict[str, str]:
    """What each rank says where one of them has nothing, another model, or another subset."""
    attempts = {
        "empty": lambda: HessianOperator(NETWORK, CrossEntropy(), (X, Y) if rank else [], theta=THETA, group=group),
        "theta": lambda: HessianOperator(NETWORK, CrossEntropy(), (X, Y), theta=THETA + rank, group=group),
        "subset": lambda: HessianOperator(
            NETWORK, CrossEntropy(), (X, Y), theta=THETA, parameters=f"{rank}.*", group=group
        ),
        "length": lambda: agree_on_values("lengths", torch.zeros(rank + 1), group),
    }
    said = {}
    for name, attempt in attempts.items():
        try:
            attempt()
        except ValueError as error:
            said[name] = str(error)
    return said


def _rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=RANKS)
    group = torch.distributed.group.WORLD
    # rank 0 holds 13 examples in two batches, rank 1 seven in one
    data = [(X[:9], Y[:9]), (X[9:13], Y[9:13])] if rank == 0 else (X[13:], Y[13:])
    torch.save((_measure(data, group), _refusals(rank, group)), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def ranks() -> list[tuple[dict[str, torch.Tensor], dict[str, str]]]:
    with tempfile.TemporaryDirectory() as folder:
        spawn(_rank, args=(folder,), nprocs=RANKS)
        return [torch.load(Path(folder) / f"{rank}.pt") for rank in range(RANKS)]


def test_shards_of_unequal_size_give_the_numbers_of_one_process(
    ranks: list[tuple[dict[str, torch.Tensor], dict[str, str]]],
) -> None:
    alone = _measure((X, Y), None)
    for found, _ in ranks:
        assert found.keys() == alone.keys()
        for name, value in found.items():
            torch.testing.assert_close(value, alone[name], rtol=1e-12, atol=1e-13, msg=name)
    assert all(torch.equal(ranks[0][0][name], ranks[1][0][name]) for name in alone)


def test_a_rank_that_refuses_does_not_leave_the_others_waiting(
    ranks: list[tuple[dict[str, torch.Tensor], dict[str, str]]],
) -> None:
    said = [refusals for _, refusals in ranks]
    assert said[0]["empty"] == "data must hold at least one batch, got none."
    assert said[1]["empty"] == "model, loss and data must be accepted on every rank, but 1 of them refuse theirs."
    for one in said:
        assert one["theta"] == "theta must be the same on every rank, but some numbers differ."
        assert one["subset"] == "parameters and part must be the same on every rank, but some numbers differ."
        assert one["length"] == "lengths must be the same on every rank, but some numbers differ."


def test_without_a_group_there_is_nothing_to_agree_on() -> None:
    tensor = torch.ones(3)
    assert summed(tensor, None) is tensor
    agree_on_values("theta", tensor, None)
    agree_on_failure(None, None)
    with pytest.raises(ValueError, match="mine"):
        agree_on_failure(ValueError("mine"), None)
