"""Functions that travel: by name to any process, with JSON in and a flat dict of numbers and arrays out.

A function stands at the top of a module and travels as (module, name), or as (path, name) when its file was given by
``--claims``. Its keywords are JSON scalars, so that an item means the same in every process and on every machine. What
it returns is turned into numpy arrays and plain scalars where it was computed.
"""

import hashlib
import importlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.ledger import load_claim_file, loaded_claim_file
from verify.provenance import file_hash

Scalar = str | int | float | bool | None
Item = dict[str, Scalar]
Value = Scalar | NDArray[Any]
Result = dict[str, Any]
"""A flat dict of `Value`s; a claim knows what its own function returns."""


@dataclass(frozen=True, kw_only=True)
class FunctionName:
    """Where a function is found again: a module's import name or a file, and the name at its top."""

    module: str | None
    path: str | None
    name: str

    @classmethod
    def of(cls, function: Callable[..., Mapping[str, Any]]) -> "FunctionName":
        """Name a function.

        Raises:
            ValueError: If it is a lambda, stands inside another function or a class, or in ``__main__``.
        """
        rule = "function must stand at the top of a module that workers can import"
        if not isinstance(function, FunctionType):
            raise ValueError(f"{rule}, got {function!r}.")
        name, module = function.__qualname__, function.__module__
        if name.endswith("<lambda>"):
            raise ValueError(f"{rule}, got a lambda.")
        if module == "__main__":
            raise ValueError(f"{rule}, got {name} of __main__: put it into a file.")
        home = sys.modules.get(module)
        if "." in name or home is None or getattr(home, name, None) is not function:
            raise ValueError(f"{rule}, got {module}.{name}.")
        path = loaded_claim_file(module)
        return cls(module=None, path=str(path), name=name) if path else cls(module=module, path=None, name=name)

    def find(self) -> Callable[..., Mapping[str, Any]]:
        """Return the function, importing its module or loading its file if this process has not yet."""
        home = importlib.import_module(self.module) if self.module else load_claim_file(str(self.path))
        function: Callable[..., Mapping[str, Any]] = getattr(home, self.name)
        return function

    def identity(self) -> str:
        """Return what tells this function from others, wherever the file lies."""
        return f"{self.module or file_hash(Path(str(self.path)))}:{self.name}"

    def __str__(self) -> str:
        return f"{self.module or self.path}:{self.name}"


def checked_item(item: Mapping[str, Any], place: int) -> Item:
    """Return an item as a worker will see it.

    Raises:
        ValueError: If a value is no JSON scalar, or a number that is not finite.

    Examples:
        >>> checked_item({"width": 16, "phi": 0.25}, 0)
        {'width': 16, 'phi': 0.25}
    """
    for name, value in item.items():
        if not isinstance(value, Scalar) or (isinstance(value, float) and not math.isfinite(value)):
            kind = type(value).__name__
            raise ValueError(f"items must hold finite JSON scalars, got {name} = {value!r} ({kind}) in item {place}.")
    seen: Item = json.loads(json.dumps(dict(item)))
    return seen


def item_key(function: FunctionName, item: Item) -> str:
    """Return the key under which a result is stored: a hash of function and item."""
    text = json.dumps([function.identity(), item], sort_keys=True, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def perform(function: FunctionName, item: Item) -> Result:
    """Call a function on one item, in whichever process this is, and return plain scalars and numpy arrays.

    Raises:
        TypeError: If what it returns is not a flat dict of scalars and arrays.
    """
    returned = function.find()(**item)
    if not isinstance(returned, Mapping):
        raise TypeError(f"{function} must return a flat dict of scalars and arrays, got {type(returned).__name__}.")
    return {str(name): _plain(function, str(name), value) for name, value in returned.items()}


def _plain(function: FunctionName, name: str, value: Any) -> Value:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Scalar):
        return value
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return value
    found = f"{type(value).__name__} {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise TypeError(f"{function} must return a flat dict of scalars and real arrays, got {name} of type {found}.")
