"""Refusals: bad input that ends a command with one clear sentence, and what a claim lacks on this machine."""

from pathlib import Path


def install_command(extra: str, python: str = "python") -> str:
    """Return the command that installs an extra: from the clone this package lies in, otherwise from the index.

    Examples:
        >>> install_command("data").startswith("python -m pip install ")
        True
    """
    clone = (Path(__file__).resolve().parent.parent / "pyproject.toml").is_file()
    what = f"-e '.[{extra}]'" if clone else f"'lossproof[{extra}]'"
    return f"{python} -m pip install {what}"


class BadInputError(ValueError):
    """What was asked for cannot be done; the message is one sentence naming the argument, the rule and the value."""


class MissingRequirementError(Exception):
    """A claim needs something that is not installed here; its finding is skipped, not failed."""
