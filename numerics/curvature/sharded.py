"""Sums over the ranks of a ``torch.distributed`` process group, each of which holds a shard of the data.

Everything here is the identity without a group. Every rank has to take the same calls in the same order.
"""

import torch
from torch import Tensor
from torch.distributed import ProcessGroup, ReduceOp, all_reduce, get_backend


def summed(tensor: Tensor, group: ProcessGroup | None) -> Tensor:
    """The sum of the ranks' tensors, in place; every rank gets the same numbers.

    Args:
        tensor: One rank's share, of the same shape on every rank.
        group: The ranks; None for this process alone.
    """
    if group is not None:
        all_reduce(tensor, op=ReduceOp.SUM, group=group)
    return tensor


def agree_on_failure(error: Exception | None, group: ProcessGroup | None) -> None:
    """Raise this rank's error, or say that another rank has one, so that no rank waits for one that has given up.

    Args:
        error: What has gone wrong on this rank, if anything.
        group: The ranks; None for this process alone.

    Raises:
        Exception: The error itself.
        ValueError: If another rank has one.
    """
    failures = 0
    if group is not None:
        device = "cuda" if get_backend(group) == "nccl" else "cpu"
        failures = int(summed(torch.tensor(int(error is not None), device=device), group))
    if error is not None:
        raise error
    if failures:
        raise ValueError(f"model, loss and data must be accepted on every rank, but {failures} of them refuse theirs.")


def agree_on_values(name: str, tensor: Tensor, group: ProcessGroup | None) -> None:
    """Refuse a tensor that is not the same on every rank.

    Raises:
        ValueError: If shapes or numbers differ.
    """
    if group is None:
        return
    size = torch.tensor([tensor.numel(), -tensor.numel()], device=tensor.device)
    all_reduce(size, op=ReduceOp.MAX, group=group)
    largest, least = int(size[0]), -int(size[1])
    differs = largest != least
    if not differs:
        high, low = tensor.clone(), tensor.clone()
        all_reduce(high, op=ReduceOp.MAX, group=group)
        all_reduce(low, op=ReduceOp.MIN, group=group)
        differs = not torch.equal(high, low)
    if differs:
        raise ValueError(f"{name} must be the same on every rank, but some numbers differ.")
