"""Model, loss and data on another device and in another dtype, as copies: what somebody brought is not touched."""

import copy
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from verify.refusal import BadInputError

if TYPE_CHECKING:
    import torch

DTYPES = ("float64", "float32", "model")
_KEEP = "dtype 'model' (--dtype model) keeps their own"
_EXAMPLES = 8  # that are run to see whether a dtype is written into the model


def converted(model: Any, loss: Any, data: Any, *, device: str, dtype: str) -> tuple[Any, Any, Any]:
    """Return model, loss and data on a device and in a dtype; what is there already is returned as it is.

    Floating-point parameters, buffers and tensors of the data are converted, whole numbers are not. If anything of the
    model or the loss had to be converted, a few examples are run, for some models have a dtype written into them.

    Args:
        model: A module; anything else is returned untouched.
        loss: A module or a function.
        data: A pair of tensors, or an iterable of such pairs.
        device: ``"cpu"`` or ``"cuda"``.
        dtype: ``"float64"``, ``"float32"``, or ``"model"``, which converts nothing.

    Raises:
        BadInputError: If the dtype is none of these, a module cannot be copied, or does not run in the dtype.
    """
    import torch

    if dtype not in DTYPES:
        raise BadInputError(f"dtype must be 'float64', 'float32' or 'model', got {dtype!r}.")
    if not isinstance(model, torch.nn.Module):
        return model, loss, data
    kind = None if dtype == "model" else getattr(torch, dtype)
    place = next((tensor.device for tensor in _tensors(model) if tensor.device.type == device), torch.device(device))

    def there(tensor: Any) -> Any:
        if not isinstance(tensor, torch.Tensor):
            return tensor
        return tensor.to(place, kind if kind is not None and tensor.is_floating_point() else tensor.dtype)

    def copied(module: Any) -> Any:
        if not isinstance(module, torch.nn.Module) or all(there(one) is one for one in _tensors(module)):
            return module
        try:
            twin = copy.deepcopy(module)
        except Exception as error:
            raise BadInputError(
                f"model and loss must be modules that can be copied, to be computed in {dtype} on {device}, "
                f"got {_what(error)}; {_KEEP}."
            ) from error
        return twin.to(place) if kind is None else twin.to(place, kind)

    moved: Any
    once = hasattr(data, "__next__")  # a pass over it would leave nothing
    if _is_pair(data):
        moved = tuple(map(there, data))
    else:
        moved = data if once else _Moved(data, there)
    parts = copied(model), copied(loss), moved
    if kind is not None and not once and (parts[0] is not model or parts[1] is not loss):
        why = _fault(*parts, kind)
        if why and not _fault(model, loss, data, None):
            raise BadInputError(f"model and loss must run in {dtype}, to which they are converted: {why}; {_KEEP}.")
    return parts


def _fault(model: Any, loss: Any, data: Any, kind: "torch.dtype | None") -> str:
    """Say why copies of model and loss do not run on a few examples, or run in another dtype; nothing if they do."""
    import torch

    try:
        batch = data if _is_pair(data) else next(iter(data))
        x, y = (part[:_EXAMPLES] for part in batch)
    except Exception:  # other data than is asked for, which is told elsewhere
        return ""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            outputs = copy.deepcopy(model)(x)
            value = copy.deepcopy(loss)(outputs, y) if callable(loss) else outputs
    except Exception as error:
        return _what(error)
    for what, result in (("outputs", outputs), ("loss", value)):
        if kind is not None and isinstance(result, torch.Tensor) and result.dtype != kind:
            return f"the {what} came out as {str(result.dtype).removeprefix('torch.')}"
    return ""


class _Moved:
    """Batches of somebody's data, each moved when it is asked for."""

    def __init__(self, data: Iterable[Any], move: Any) -> None:
        self.data, self.move = data, move

    def __iter__(self) -> Iterator[Any]:
        for batch in self.data:
            yield tuple(map(self.move, batch)) if isinstance(batch, tuple | list) else batch


def _is_pair(data: Any) -> bool:
    import torch

    return isinstance(data, tuple | list) and len(data) == 2 and all(isinstance(part, torch.Tensor) for part in data)


def _tensors(module: Any) -> "list[torch.Tensor]":
    return [*module.parameters(), *module.buffers()]


def _what(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{f': {text}' if text else ''}".rstrip(".")
