"""What a run's numbers depend on: the source, the versions, the machine, and where the three floors come from."""

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import runpy
import sys
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path

from verify.refusal import BadInputError

FLOORS = ("theory", "numerics", "verify")

NUMERICAL_PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "sympy",
    "mpmath",
    "python-flint",
    "scikit-learn",
    "mlxtend",
    "gudhi",
)
"""Distributions whose version can move a number; a run is resumed only under the same ones."""


def check_floors() -> None:
    """Check that theory, numerics and verify come from one place.

    Raises:
        BadInputError: If a folder or module of the same name shadows one of the floors, naming both places.
    """
    home = Path(__file__).resolve().parent.parent
    for floor in FLOORS:
        found = _place(importlib.util.find_spec(floor))
        if found is None:
            raise BadInputError(f"the package {floor} must stand beside verify in {home}, and nothing is found there.")
        if found != home / floor:
            raise BadInputError(
                f"the name {floor} must mean {home / floor}, but {found} shadows it:"
                " rename that one, or take its folder off the import path (PYTHONPATH)."
            )


def _place(spec: ModuleSpec | None) -> Path | None:
    """Return the folder of a package, or the file of a module."""
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin).resolve() if spec.origin else None


@cache
def source_hash() -> str:
    """Return a hash of every file of the three packages, by relative path and content."""
    home = Path(__file__).resolve().parent.parent
    digest = hashlib.blake2b(digest_size=16)
    for floor in FLOORS:
        for path in sorted((home / floor).rglob("*")):
            if "__pycache__" in path.parts or not path.is_file():
                continue
            content = path.read_bytes()
            digest.update(f"{path.relative_to(home).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Return a hash of one file's content."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the version of Python, of this package and of every package that can move a number.

    Examples:
        >>> "numpy" in versions()
        True
    """
    found = {"python": platform.python_version()}
    for name in ("lossproof", *NUMERICAL_PACKAGES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """Return the operating system and processor in words."""
    return f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} cores"


def thread_count() -> int:
    """Return how many threads array libraries use in this process by default."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resolve_device(device: str) -> str:
    """Return ``"cpu"`` or ``"cuda"`` for ``"auto"``, ``"cpu"`` or ``"cuda"``.

    torch is imported only where its build knows about CUDA at all.

    Raises:
        BadInputError: If the name is another one, or CUDA is asked for and not there.

    Examples:
        >>> resolve_device("cpu")
        'cpu'
    """
    if device not in {"auto", "cpu", "cuda"}:
        raise BadInputError(f"device must be 'auto', 'cpu' or 'cuda', got {device!r}.")
    if device == "cpu":
        return device
    available = _cuda_is_available()
    if device == "cuda" and not available:
        raise BadInputError("device must be there to be used, and torch finds no CUDA device: got 'cuda'.")
    return "cuda" if available else "cpu"


def _cuda_is_available() -> bool:
    if "torch" not in sys.modules:
        spec = importlib.util.find_spec("torch")
        if spec is None or spec.origin is None:
            return False
        build = runpy.run_path(str(Path(spec.origin).with_name("version.py")))
        if build.get("cuda") is None and build.get("hip") is None:
            return False
    import torch

    return torch.cuda.is_available()
