"""The README says what is: its table of claims is the ledger's."""

import importlib
from itertools import groupby
from pathlib import Path

from verify.ledger import discover

README = Path(__file__).parent.parent / "README.md"


def ledger_table() -> str:
    """Return the claims as the README prints them: for each theme a table that unfolds."""
    parts = []
    for theme, items in groupby(discover(), key=lambda item: item.id.partition(".")[0]):
        claims = list(items)
        package = importlib.import_module(f"verify.claims.{theme.replace('-', '_')}")
        about = (package.__doc__ or "").strip().partition("\n")[0].rstrip(".")
        parts += [f"<details><summary><code>{theme}</code> ({len(claims)}): {about}</summary>", ""]
        parts += ["| claim | what it says | expected |", "| --- | --- | --- |"]
        for item in claims:
            expected = "an open question" if item.open else str(min(item.expects))
            parts.append(f"| `{item.id}` | {item.title} | {expected} |")
        parts += ["", "</details>"]
    return "\n".join(parts)


def test_the_table_of_claims_is_the_ledger() -> None:
    text = README.read_text()
    table = text.partition("<!-- ledger: lossproof list -->\n")[2].partition("\n<!-- end of ledger -->")[0]
    assert table == ledger_table()


def test_every_file_that_the_readme_links_to_exists() -> None:
    import re

    targets = re.findall(r"\]\(([^)#:]+)\)", README.read_text())
    assert targets
    assert [target for target in targets if not (README.parent / target).exists()] == []
