"""The floors stand on one another in one direction only, and their doors are light."""

import ast
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "theory": {"torch", "numerics", "verify"},
    "numerics": {"sympy", "flint", "mpmath", "theory", "verify"},
}
HEAVY = ("torch", "sympy", "flint", "scipy.stats", "matplotlib", "sklearn", "IPython")


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level name of everything that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("floor", sorted(FORBIDDEN))
def test_a_floor_imports_nothing_from_above_or_beside(floor: str) -> None:
    files = [path for pattern in ("*.py", "*.pyi") for path in (ROOT / floor).rglob(pattern)]
    assert len(files) > 2
    found = {
        f"{path.relative_to(ROOT)}: {name}" for path in files for name in imported(path) if name in FORBIDDEN[floor]
    }
    assert found == set()


@pytest.mark.parametrize("floor", ["theory", "numerics", "verify"])
def test_no_public_name_is_that_of_a_module(floor: str) -> None:
    """A lazy face would hand out the module, once it was imported."""
    package = import_module(floor)
    modules = {module.name for module in pkgutil.walk_packages(package.__path__)}
    assert set(package.__all__) & modules == set()


@pytest.mark.parametrize("floor", ["theory", "numerics", "verify"])
def test_every_public_name_is_there_and_none_is_common_in_sympy(floor: str) -> None:
    package = import_module(floor)
    missing = [name for name in package.__all__ if not hasattr(package, name)]
    assert missing == []
    assert set(package.__all__) & {"gamma", "beta", "zeta", "N", "S", "I", "E", "O", "Q"} == set()


def test_listing_loads_nothing_heavy() -> None:
    """One process a command, for what one loads must not excuse another."""
    commands = (["--help"], ["list"], ["show", "spectrum.semicircle"])
    program = (
        "import json, sys\n"
        "sys.argv = ['lossproof', *sys.argv[1:]]\n"
        "from verify.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as ended:\n"
        f"    print(json.dumps([ended.code or 0, [name for name in {HEAVY!r} if name in sys.modules]]))\n"
    )
    for words in commands:
        ended = subprocess.run(
            [sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert json.loads(ended.stdout.splitlines()[-1]) == [0, []], (words, ended.stderr)
