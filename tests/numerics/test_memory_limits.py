"""Running out of memory is recognised on every device, and answered by smaller chunks."""

from collections.abc import Callable

import pytest
import torch

from numerics.curvature.memory_limits import halving, ran_out_of_memory, release_cached_memory

CPU = torch.device("cpu")
FULL = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"),
]


def _room_for(size: int, error: Exception, tried: list[int]) -> Callable[[int], int]:
    def work(chunk: int) -> int:
        tried.append(chunk)
        if chunk > size:
            raise error
        return 10 * chunk

    return work


@pytest.mark.parametrize("error", FULL)
def test_chunks_halve_until_they_fit(error: Exception) -> None:
    tried: list[int] = []
    assert halving(_room_for(3, error, tried), 17, CPU) == (2, 20)
    assert tried == [17, 8, 4, 2]


@pytest.mark.parametrize("error", FULL)
def test_what_does_not_fit_one_by_one_fails_as_it_did(error: Exception) -> None:
    tried: list[int] = []
    with pytest.raises(type(error)) as caught:
        halving(_room_for(0, error, tried), 4, CPU)
    assert caught.value is error
    assert tried == [4, 2, 1]


def test_what_the_allocator_of_this_machine_says_is_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert ran_out_of_memory(caught.value)


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), ValueError("can't allocate memory")])
def test_other_errors_are_not_taken_for_it(error: Exception) -> None:
    tried: list[int] = []
    assert not ran_out_of_memory(error)
    with pytest.raises(type(error), match=str(error)):
        halving(_room_for(0, error, tried), 4, CPU)
    assert tried == [4]


def test_a_cuda_device_is_asked_to_release_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    released = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: released.append(1))
    release_cached_memory(CPU)
    assert not released
    release_cached_memory(torch.device("cuda"))
    assert released == [1]
    assert halving(_room_for(1, torch.OutOfMemoryError(), []), 2, torch.device("cuda")) == (1, 10)
    assert released == [1, 1]
