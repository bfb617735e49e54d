"""The README says what is: its table of claims is the ledger's."""

from pathlib import Path

from verify.ledger import discover

README = Path(__file__).parent.parent / "README.md"


def ledger_table() -> str:
    """Return the table of claims as the README prints it."""
    rows = ["| claim | what it says | expected |", "| --- | --- | --- |"]
    for item in discover():
        expected = "an open question" if item.open else str(min(item.expects))
        rows.append(f"| `{item.id}` | {item.title} | {expected} |")
    return "\n".join(rows)


def test_the_table_of_claims_is_the_ledger() -> None:
    text = README.read_text()
    table = text.partition("<!-- ledger: lossproof list -->\n")[2].partition("\n<!-- end of ledger -->")[0]
    assert table == ledger_table()


def test_every_file_that_the_readme_links_to_exists() -> None:
    import re

    targets = re.findall(r"\]\(([^)#:]+)\)", README.read_text())
    assert targets
    assert [target for target in targets if not (README.parent / target).exists()] == []
