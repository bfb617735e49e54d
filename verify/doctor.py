"""What is installed, what the machine offers, and which claims cannot be checked here, with the reason."""

import ast
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from verify import provenance
from verify.ledger import Check, Claim
from verify.refusal import install_command
from verify.request import known_claims

OPTIONAL = {
    "mlxtend": "data",
    "distributed": "distributed",
    "playwright": "browser",
}
"""Packages that some commands or claims use, and the extra that installs each."""


def diagnosis(claim_files: Sequence[Path] = ()) -> list[str]:
    """Return what `lossproof doctor` prints."""
    import torch

    home = Path(__file__).resolve().parent.parent
    lines = [f"floors        {', '.join(provenance.FLOORS)} from {home}"]
    lines += [f"{name:13} {version}" for name, version in provenance.versions().items()]
    for package, extra in OPTIONAL.items():
        if importlib.util.find_spec(package) is None:
            lines.append(f"{package:13} not installed ({install_command(extra, sys.executable)})")
    lines.append(f"machine       {provenance.machine()}")
    lines.append(f"threads       {provenance.thread_count()}, torch {torch.get_num_threads()}")
    cards = [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
    lines.append(f"devices       cpu{''.join(f', cuda:{place} ({name})' for place, name in enumerate(cards))}")
    claims = known_claims(claim_files)
    lines.append(f"claims        {len(claims)}")
    lacking = [line for claim in claims for line in missing(claim)]
    lines += lacking or ["              every claim can be checked here"]
    return lines


def missing(claim: Claim) -> list[str]:
    """Return a line for every package that a claim's check requires and that is not installed."""
    return [
        f"{claim.id}: needs {package} ({install_command(extra, sys.executable)})"
        for package, extra in requirements(claim.check)
        if importlib.util.find_spec(package) is None
    ]


def requirements(check: Check) -> Iterator[tuple[str, str]]:
    """Read off a check's source what it passes to ``bench.require``: (package, extra)."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(check)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "require":
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            package = node.args[0] if node.args else named.get("package")
            words = [part.value for part in (package, named.get("extra")) if isinstance(part, ast.Constant)]
            if len(words) == 2:
                yield str(words[0]), str(words[1])
