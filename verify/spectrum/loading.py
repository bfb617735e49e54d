"""Finding the network that a user means by ``my_module:problem`` or ``path/to/my_file.py:problem``.

The folder it lies in (for a module: the working directory) is searched last while it is imported and called, so that
a file of the user's can import its neighbours and can shadow nothing that is installed.
"""

import contextlib
import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.refusal import BadInputError

if TYPE_CHECKING:
    import torch

_FORM = "problem must be MODULE:FUNCTION or FILE.py:FUNCTION"
_MUST_RETURN = "must return a model, a loss and data, (model, loss, (x, y)) or (model, loss, loader)"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A network with its loss and data, and where it came from.

    Attributes:
        address: What the user typed.
        model: The network, with its parameters as they are.
        loss: A callable (outputs, targets) -> scalar, a mean over examples, or a loss of `numerics`.
        data: A pair of tensors (x, y), or something that yields such pairs again whenever it is iterated.
    """

    address: str
    model: "torch.nn.Module"
    loss: Callable[..., Any]
    data: Any


def load_problem(address: str) -> Problem:
    """Import what an address names, call it, and look at what it returns.

    Raises:
        BadInputError: If the address has another form, the module or file cannot be imported, there is no such
            function, it raises, or it returns something else than a model, a loss and data.
    """
    place, colon, name = address.rpartition(":")
    if not colon or not place or not name.isidentifier():
        raise BadInputError(f"{_FORM}, got {address!r}.")
    by_path = place.endswith(".py")
    folder = Path(place).resolve().parent if by_path else Path.cwd()
    with _searched_last(folder):
        module = _file(Path(place), address) if by_path else _module(place, address)
        function = getattr(module, name, None)
        if not callable(function):
            others = [known for known in _functions(module) if not known.startswith("_")]
            hint = f"; it has {', '.join(others[:6])}" if others else ""
            raise BadInputError(f"problem must name a function of {place}, got {name!r}, which is none{hint}.")
        try:
            returned = function()
        except (Exception, SystemExit) as error:
            raise BadInputError(f"problem must run, and {address} raised {_what(error, module)}.") from error
    return _checked(address, returned)


def _module(name: str, address: str) -> types.ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise BadInputError(f"{_FORM}, got {address!r}.")
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        where = " (neither installed nor in the working directory)" if _is_missing(error, name) else ""
        raise BadInputError(f"problem must name a module that imports, got {name!r}: {_what(error)}{where}.") from error


def _file(path: Path, address: str) -> types.ModuleType:
    file = path.resolve()
    if not file.is_file():
        raise BadInputError(f"problem must name a file that exists, got {str(path)!r} in {address!r}.")
    digest = hashlib.sha256(str(file).encode() + file.read_bytes()).hexdigest()[:8]  # an edited file is another module
    name = f"lossproof_problem_{re.sub(r'[^0-9A-Za-z]', '_', file.stem)}_{digest}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise BadInputError(f"problem must name a file that Python can import, got {str(path)!r}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look themselves up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise BadInputError(
            f"problem must name a file that imports, got {str(path)!r}: {_what(error, module)}."
        ) from error
    return module


@contextlib.contextmanager
def _searched_last(folder: Path) -> Iterator[None]:
    """Let imports find what lies in a folder, behind everything else."""
    sys.path.append(str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for place in range(len(sys.path) - 1, -1, -1):
            if sys.path[place] == str(folder):
                del sys.path[place]
                break


def _checked(address: str, returned: object) -> Problem:
    import torch

    if not isinstance(returned, tuple | list) or len(returned) != 3:
        kind = f"{len(returned)} things" if isinstance(returned, tuple | list) else type(returned).__name__
        raise BadInputError(f"{address} {_MUST_RETURN}, got {kind}.")
    model, loss, data = returned
    if not isinstance(model, torch.nn.Module):
        raise BadInputError(f"{address} {_MUST_RETURN}, got a model of type {type(model).__name__}, no torch module.")
    if isinstance(loss, type) or not (callable(loss) or hasattr(loss, "value")):
        what = f"the class {loss.__name__}, not an instance" if isinstance(loss, type) else type(loss).__name__
        raise BadInputError(f"{address} {_MUST_RETURN}, got a loss that cannot be called: {what}.")
    if isinstance(data, torch.Tensor) or not hasattr(data, "__iter__"):
        raise BadInputError(f"{address} {_MUST_RETURN}, got data of type {type(data).__name__}.")
    return Problem(address=address, model=model, loss=loss, data=data)


def _functions(module: types.ModuleType) -> list[str]:
    """Return the names of the functions that a module defines itself, in order."""
    own = ((name, value) for name, value in vars(module).items() if isinstance(value, types.FunctionType))
    return [name for name, value in own if value.__module__ == module.__name__]


def _is_missing(error: BaseException, name: str) -> bool:
    return isinstance(error, ModuleNotFoundError) and bool(error.name) and f"{name}.".startswith(f"{error.name}.")


def _what(error: BaseException, module: types.ModuleType | None = None) -> str:
    """Say an error in one line, with the line of the user's file where it arose."""
    text = " ".join(str(error).split())
    file = getattr(module, "__file__", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    place = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}{f': {text}' if text else ''}{place}".rstrip(".")
