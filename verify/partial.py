"""Results of single items, kept as they complete and always read back from disk.

One item is ``<key>.json`` (function, item, scalars) and, if there are arrays, ``<key>.safetensors``. The JSON file is
written last: where it stands, the item is whole.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from verify.functions import FunctionName, Item, Result, Scalar
from verify.store import read_arrays, write_arrays, write_json

_NOT_FINITE = "not finite"


class PartialResults:
    """The items of one purpose of one claim."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, key: str) -> bool:
        """Tell whether an item is there, whole."""
        return (self.folder / f"{key}.json").exists()

    def save(self, key: str, function: FunctionName, item: Item, result: Result) -> None:
        """Keep one result."""
        arrays = {name: value for name, value in result.items() if isinstance(value, np.ndarray)}
        if arrays:
            write_arrays(self.folder / f"{key}.safetensors", arrays)
        values = {name: None if name in arrays else _to_json(value) for name, value in result.items()}
        record = {"function": str(function), "item": item, "values": values, "arrays": list(arrays)}
        write_json(self.folder / f"{key}.json", record)

    def load(self, key: str) -> Result:
        """Read one result, with its values in the order in which the function returned them."""
        record = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
        arrays = read_arrays(self.folder / f"{key}.safetensors") if record["arrays"] else {}
        return {name: arrays[name] if name in arrays else _from_json(value) for name, value in record["values"].items()}


def _to_json(value: Any) -> Any:
    """Return a scalar as JSON; a number that is not finite becomes an object that says so."""
    return {_NOT_FINITE: str(value)} if isinstance(value, float) and not math.isfinite(value) else value


def _from_json(value: Any) -> Scalar:
    if isinstance(value, dict):
        return float(value[_NOT_FINITE])
    scalar: Scalar = value
    return scalar
