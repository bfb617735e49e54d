from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import verify
from verify.spectrum.conversion import converted

Pair = tuple[Tensor, Tensor]


def data(kind: torch.dtype = torch.float32) -> Pair:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(30, 4, generator=draw, dtype=kind), torch.randint(0, 3, (30,), generator=draw)


class Stiff(nn.Module):
    """A dtype is written into it, where ``place`` says."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x.float() if self.place == "inside" else x)
        return out.float() if self.place == "outputs" else out


def test_a_copy_is_converted_with_its_data_and_the_original_stays() -> None:
    net, loss = nn.Linear(4, 3), nn.CrossEntropyLoss(weight=torch.ones(3))
    x, y = data()
    twin, criterion, moved = converted(net, loss, (x, y), device="cpu", dtype="float64")
    assert twin is not net
    assert (net.weight.dtype, twin.weight.dtype) == (torch.float32, torch.float64)
    assert torch.equal(twin.weight, net.weight.double())
    assert (loss.weight.dtype, criterion.weight.dtype) == (torch.float32, torch.float64)
    assert (moved[0].dtype, moved[1].dtype, x.dtype) == (torch.float64, torch.int64, torch.float32)


def test_what_is_there_already_is_not_copied() -> None:
    net, loss, (x, y) = nn.Linear(4, 3).double(), nn.CrossEntropyLoss(), data(torch.float64)
    for dtype in ("float64", "model"):
        parts = converted(net, loss, (x, y), device="cpu", dtype=dtype)
        assert parts[0] is net
        assert parts[1] is loss
        assert parts[2][0] is x


def test_batches_are_converted_at_every_pass() -> None:
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*data()), batch_size=7)
    batches = converted(nn.Linear(4, 3), nn.CrossEntropyLoss(), loader, device="cpu", dtype="float64")[2]
    for _ in range(2):
        assert [x.dtype for x, _ in batches] == [torch.float64] * 5


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("inside", r"model and loss must run in float64, .*: RuntimeError: .*dtype.*; dtype 'model' \(--dtype model\)"),
        ("outputs", "must run in float64, .*: the outputs came out as float32; dtype 'model'"),
    ],
)
def test_a_model_with_a_dtype_written_into_it_is_told_of_the_option(place: str, sentence: str) -> None:
    net = Stiff(place)
    with pytest.raises(ValueError, match=sentence):
        verify.network_spectrum(net, nn.CrossEntropyLoss(), data())
    found = verify.network_spectrum(net, nn.CrossEntropyLoss(), data(), dtype="model")
    assert (found.dtype, found.size) == ("float32", 15)


def test_a_loss_with_a_dtype_written_into_it_is_told_of_the_option() -> None:
    def loss(outputs: Tensor, y: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs, y, weight=torch.ones(3))

    with pytest.raises(ValueError, match=r"model and loss must run in float64, .*; dtype 'model' \(--dtype model\)"):
        converted(nn.Linear(4, 3), loss, data(), device="cpu", dtype="float64")


def test_what_runs_in_no_dtype_is_told_by_its_own_sentence() -> None:
    x, y = data()
    assert converted(nn.Linear(5, 3), nn.CrossEntropyLoss(), (x, y), device="cpu", dtype="float64")[0].in_features == 5


def test_looking_whether_a_model_runs_changes_neither_its_buffers_nor_the_random_state() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout())
    before, state = {name: value.clone() for name, value in net.state_dict().items()}, torch.get_rng_state()
    twin = converted(net, nn.CrossEntropyLoss(), data(), device="cpu", dtype="float64")[0]
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in before.items())
    assert all(torch.equal(value.double(), twin.state_dict()[name].double()) for name, value in before.items())
    assert torch.equal(torch.get_rng_state(), state)


def test_one_pass_over_the_data_is_left_whole_for_who_refuses_it() -> None:
    def once() -> Iterator[Pair]:
        yield data()

    batches = once()
    assert converted(nn.Linear(4, 3), nn.CrossEntropyLoss(), batches, device="cpu", dtype="float64")[2] is batches


def test_what_cannot_be_converted_is_refused() -> None:
    with pytest.raises(ValueError, match="dtype must be 'float64', 'float32' or 'model', got 'half'"):
        converted(nn.Linear(4, 3), nn.CrossEntropyLoss(), data(), device="cpu", dtype="half")
    net = nn.Linear(4, 3)
    net.product = net.weight * 2  # a tensor that torch refuses to copy
    with pytest.raises(ValueError, match=r"modules that can be copied, to be computed in float64 .*; dtype 'model'"):
        converted(net, nn.CrossEntropyLoss(), data(), device="cpu", dtype="float64")
    assert verify.network_spectrum(nn.Linear(4, 3), nn.CrossEntropyLoss(), data(), device="cpu").dtype == "float64"
    with pytest.raises(ValueError, match="device must be 'auto', 'cpu' or 'cuda', got 'tpu'"):
        verify.network_spectrum(nn.Linear(4, 3), nn.CrossEntropyLoss(), data(), device="tpu")
