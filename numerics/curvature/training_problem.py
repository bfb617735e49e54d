"""Model, parameters, loss and data of which a curvature is wanted, and what has to be true of them.

The loss is a mean over examples, so that batches may be weighted by their size, and loss and data are the same at every
pass, since each product is one. What can be seen without running the model is checked here. Model and loss are handed
copies of the data, so that what they change in place is theirs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from fnmatch import fnmatchcase

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from numerics.arguments import checked_finite, checked_tensors
from numerics.functional_module import FunctionalModule, Network
from numerics.losses import Loss
from numerics.networks import Mlp

LossFunction = Loss | Callable[[Tensor, Tensor], Tensor]
Batch = tuple[Tensor, Tensor]
Data = Batch | Iterable[Batch]


class TrainingProblem:
    """A model, its parameters, a loss and data that fit together.

    Args:
        model: A module, whose parameters are those of today, a FunctionalModule or an Mlp.
        loss: One of this floor's losses, or any function (outputs, targets) -> scalar that is a mean over examples.
        data: Inputs and targets, or something that gives batches of them, the same at every pass.
        theta: The parameters, (parameters,) or (1, parameters); today's if None, which an Mlp does not have.

    Raises:
        TypeError: If one of them is nothing of that kind.
        ValueError: If the parameters do not fit or are not finite, or the data can be read only once.
    """

    def __init__(self, model: nn.Module | Network, loss: LossFunction, data: Data, theta: Tensor | None) -> None:
        if not isinstance(model, nn.Module | FunctionalModule | Mlp):
            raise TypeError(f"model must be a torch.nn.Module, FunctionalModule or Mlp, got {type(model).__name__}.")
        self.network: Network = FunctionalModule(model) if isinstance(model, nn.Module) else model
        if isinstance(loss, type) or not (isinstance(loss, Loss) or callable(loss)):
            raise TypeError(f"loss must be a loss such as SquaredError() or a function of two tensors, got {loss!r}.")
        self.loss = loss
        self.theta = self._checked_theta(theta)
        self.data = data
        self.paired = isinstance(data, tuple | list) and len(data) == 2 and all(isinstance(d, Tensor) for d in data)
        if isinstance(data, Tensor) or not (hasattr(data, "__iter__") or hasattr(data, "__getitem__")):
            raise TypeError(f"data must be (x, y) or give batches (x, y), got {type(data).__name__}.")
        if hasattr(data, "__next__"):
            raise ValueError(
                f"data must be readable again and again, but a {type(data).__name__} is used up by one pass: "
                f"give a list or a loader."
            )
        self._versions = self._data_versions()

    @property
    def analytic(self) -> bool:
        """Whether layers and loss have derivatives by hand."""
        return isinstance(self.network, Mlp) and isinstance(self.loss, Loss)

    def batches(self, chunk: int | None = None, expected: int | None = None) -> Iterator[Batch]:
        """The data, in batches of at most ``chunk`` examples.

        Args:
            chunk: Examples in a batch, at most.
            expected: Their number in all, if it is known.

        Raises:
            TypeError: If a batch is not a pair of tensors.
            ValueError: If a batch is empty, its two halves differ in length, one does not have the parameters' dtype
                and device, there are more or fewer examples than expected, or tensors were changed in place.
        """
        self.refuse_changed_data()
        examples = 0
        source = [self.data] if self.paired else self.data
        for number, batch in enumerate(source):
            x, y = self._checked_batch(f"batch {number}", batch)
            examples += len(x)
            step = len(x) if chunk is None else chunk
            for start in range(0, len(x), step):
                yield x[start : start + step], y[start : start + step]
        if expected is not None and examples != expected:
            raise ValueError(f"data must be the same at every pass, but {expected} examples became {examples}.")

    def refuse_changed_data(self) -> None:
        """Refuse tensors that were changed in place since this problem was made: what is kept of them would be old.

        Raises:
            ValueError: If some were.
        """
        if self._data_versions() != self._versions:
            raise ValueError(
                "data must stay as they were when the operator was made, but one of its tensors was changed in place."
            )

    def outputs(self, theta: Float[Tensor, " parameters"], x: Tensor) -> Float[Tensor, "batch ..."]:
        """The outputs of one batch."""
        with differentiable_twice():
            return self.network.forward(theta.unsqueeze(0), x).squeeze(0)

    def leaves(self, names: Iterable[str]) -> list[Tensor]:
        """Copies of some parameters, by name, that may be differentiated: in the module's shapes, flat for an Mlp."""
        with differentiable_twice():
            pieces = {name: self.theta[self.network.layers[name]].clone() for name in names}
            shaped = pieces if isinstance(self.network, Mlp) else self.network.shaped(pieces)
            return [piece.requires_grad_() for piece in shaped.values()]

    def outputs_through(self, leaves: Mapping[str, Tensor], x: Tensor) -> Float[Tensor, "batch ..."]:
        """The outputs of one batch with some parameters, by name, taken from ``leaves``: only they are differentiated.

        Args:
            leaves: The chosen parameters, in the shapes that ``leaves`` gives them.
            x: Inputs.
        """
        places = self.network.layers.items()
        others = {name: self.theta[place] for name, place in places if name not in leaves}
        with differentiable_twice():
            if isinstance(self.network, Mlp):
                flat = [leaves[name] if name in leaves else others[name] for name, _ in places]
                return self.network.forward(torch.cat(flat).unsqueeze(0), x).squeeze(0)
            return self.network.call({**self.network.shaped(others), **leaves}, x)

    def value(self, outputs: Float[Tensor, "batch ..."], y: Tensor) -> Float[Tensor, ""]:
        """The loss of one batch.

        Raises:
            TypeError: If a loss of one's own does not return a tensor.
            ValueError: If it fails, returns more than one number or a complex one, or one that cannot be
                differentiated.
        """
        if isinstance(self.loss, Loss):
            return self.loss.value(outputs[None], y)[0]
        try:
            value = self.loss(outputs.clone() if outputs.is_leaf else outputs, y.clone())
        except (RuntimeError, IndexError, MemoryError):  # torch's own: shapes that do not fit, or no memory
            raise
        except Exception as error:
            shapes = f"outputs {tuple(outputs.shape)} and targets {tuple(y.shape)}"
            raise ValueError(f"loss must take outputs and targets, but {shapes} fail: {said(error)}") from error
        if not isinstance(value, Tensor):
            raise TypeError(f"loss must return a tensor, got {type(value).__name__}.")
        if value.ndim:
            raise ValueError(f"loss must return one number, the mean over examples, got shape {tuple(value.shape)}.")
        if value.is_complex():
            raise ValueError(f"loss must return a real number, got {value.dtype}.")
        if outputs.requires_grad and not value.requires_grad:
            raise ValueError("loss must be differentiable in the outputs, but what it returns does not depend on them.")
        return value

    def _data_versions(self) -> list[tuple[int, int]]:
        """Which tensors the data are and how often each was changed in place, as far as they lie in a list."""
        pairs = [self.data] if self.paired else self.data if isinstance(self.data, tuple | list) else []
        tensors = [one for pair in pairs if isinstance(pair, tuple | list) for one in pair if isinstance(one, Tensor)]
        return [(id(one), 0 if one.is_inference() else one._version) for one in tensors]

    def _checked_theta(self, theta: Tensor | None) -> Float[Tensor, " parameters"]:
        if theta is None:
            if isinstance(self.network, Mlp):
                raise ValueError("theta must be given with an Mlp, which has no parameters of its own.")
            return self.network.theta[0]
        checked_tensors(theta=theta)
        size = self.network.parameters
        if theta.shape not in ((size,), (1, size)):
            raise ValueError(f"theta must have shape ({size},) or (1, {size}), got {tuple(theta.shape)}.")
        checked_finite(theta=theta)
        return theta.detach().reshape(size).clone()

    def _checked_batch(self, name: str, batch: object) -> Batch:
        if not isinstance(batch, tuple | list) or len(batch) != 2 or not all(isinstance(d, Tensor) for d in batch):
            raise TypeError(f"data must give batches (x, y) of two tensors, but {name} is a {type(batch).__name__}.")
        for one, tensor in zip("xy", batch, strict=True):
            if tensor.layout != torch.strided:
                raise ValueError(f"data must be dense tensors, but {one} of {name} is {tensor.layout}.")
        x, y = (tensor.clone() if tensor.is_inference() else tensor.detach() for tensor in batch)
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise ValueError(
                f"data must have one target per example along the first axis, but x and y of {name} have shapes "
                f"{tuple(x.shape)} and {tuple(y.shape)}."
            )
        if not x.numel():
            raise ValueError(f"data must not be empty, but x of {name} has shape {tuple(x.shape)}.")
        for one, tensor in (("x", x), ("y", y)):
            if tensor.device != self.theta.device or (tensor.is_floating_point() and tensor.dtype != self.theta.dtype):
                raise ValueError(
                    f"data must have the parameters' dtype and device, {self.theta.dtype} on {self.theta.device}, "
                    f"but {one} of {name} is {tensor.dtype} on {tensor.device}."
                )
        return x, y


def differentiable_twice() -> AbstractContextManager[object]:
    """A context in which gradients are recorded, at the parameters' precision, and attention has second derivatives."""
    stack = ExitStack()
    stack.enter_context(torch.inference_mode(False))
    stack.enter_context(torch.enable_grad())
    stack.enter_context(own_precision())
    stack.enter_context(sdpa_kernel(SDPBackend.MATH))
    return stack


def own_precision() -> AbstractContextManager[object]:
    """A context in which a caller's ``torch.autocast`` is off, which would round products to three digits."""
    stack = ExitStack()
    for kind in ("cpu", "cuda"):
        if torch.is_autocast_enabled(kind):
            stack.enter_context(torch.autocast(kind, enabled=False))
    return stack


def own_randomness(device: torch.device) -> AbstractContextManager[object]:
    """A context after which torch's global random numbers go on as if nothing had been drawn in it."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def said(error: Exception) -> str:
    """What an error says, in one line, with its kind unless that is torch's usual one."""
    lines = str(error).strip().splitlines() or ["no message"]
    return lines[0] if isinstance(error, RuntimeError | ValueError) else f"{type(error).__name__}: {lines[0]}"


def matching_names(patterns: str | tuple[str, ...] | list[str] | None, names: list[str]) -> list[str]:
    """The names, in order, that fit one of the patterns such as "0.*"; all without any.

    Raises:
        TypeError: If a pattern is no text.
        ValueError: If there are no patterns, or one fits no name.
    """
    if patterns is None:
        return names
    if not isinstance(patterns, str | tuple | list):
        raise TypeError(f"parameters must be names or patterns, got {type(patterns).__name__}.")
    asked = [patterns] if isinstance(patterns, str) else list(patterns)
    if not asked:
        raise ValueError(f"parameters must name at least one of {', '.join(names)}, got none.")
    for pattern in asked:
        if not isinstance(pattern, str):
            raise TypeError(f"parameters must be names or patterns, got {type(pattern).__name__}.")
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ValueError(f"parameters must name some of {', '.join(names)}, got {pattern!r}.")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in asked)]
