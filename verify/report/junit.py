"""A run as JUnit XML, for continuous integration: one test case a claim, one suite a theme."""

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

from verify.refusal import BadInputError
from verify.store import Record, write_bytes

_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(records: Sequence[Record], target: Path, *, strict: bool = False) -> None:
    """Write claims as test cases: a failure where a claim is not as expected, an error where its check failed.

    Args:
        records: Finished claims, as stored.
        target: The file to write.
        strict: Whether a skipped check is a failure.

    Raises:
        BadInputError: If the file cannot be written.
    """
    suites = ET.Element("testsuites", name="lossproof")
    for theme, group in groupby(sorted(records, key=lambda record: record["theme"]), key=lambda r: r["theme"]):
        cases = [_case(record, strict=strict) for record in group]
        suite = ET.SubElement(suites, "testsuite", {"name": theme, **_totals(cases)})
        suite.extend(cases)
    for name, total in _totals(list(suites.iter("testcase"))).items():
        suites.set(name, total)
    ET.indent(suites)
    try:
        write_bytes(target, ET.tostring(suites, encoding="utf-8", xml_declaration=True))
    except OSError as error:
        raise BadInputError(f"junit must be a file that can be written, got {target}: {error.strerror}.") from error


def _case(record: Record, *, strict: bool) -> ET.Element:
    case = ET.Element("testcase", classname=record["theme"], name=record["id"], time=f"{record['seconds']:.3f}")
    skipped = [finding["message"] for finding in record["findings"] if finding["status"] == "SKIPPED"]
    if record["error"] is not None:
        error = ET.SubElement(case, "error", type=record["error"]["type"], message=_clean(record["error"]["message"]))
        error.text = _clean(record["error"]["traceback"])
    elif not record["as_expected"]:
        ET.SubElement(case, "failure", type=record["verdict"] or record["status"], message=_clean(record["why_not"]))
    elif skipped and strict:
        ET.SubElement(case, "failure", type="SKIPPED", message=_clean(skipped[0]))
    elif record["verdict"] is None:
        words = skipped or [finding["message"] for finding in record["findings"]]
        ET.SubElement(case, "skipped", message=_clean(words[0] if words else record["status"]))
    output = ET.SubElement(case, "system-out")
    output.text = _clean(
        "\n".join(f"{f['verdict'] or f['status']}  {f['title']}: {f['message']}" for f in record["findings"])
    )
    return case


def _totals(cases: Sequence[ET.Element]) -> dict[str, str]:
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    totals = {name: str(sum(case.find(tag) is not None for case in cases)) for name, tag in kinds.items()}
    seconds = sum(float(case.get("time", "0")) for case in cases)
    return {"tests": str(len(cases)), **totals, "time": f"{seconds:.3f}"}


def _clean(text: str) -> str:
    """Return text without the characters that XML cannot hold."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
