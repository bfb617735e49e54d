"""Numbers, regions and outcomes in words, for a reader who knows the lecture and not the code.

Conventions: an infinite end is None in the store; ends are JSON numbers, or decimal strings where they bound a ball.
A region is written with three digits of its width; a minus is a real minus sign.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from markupsafe import Markup, escape

Record = Mapping[str, Any]

OUTCOMES = {
    "PROVED": "an identity: every step of its derivation leaves the exact remainder 0",
    "CERTIFIED": "shown in ball arithmetic, with rigorous bounds on every rounding error",
    "SUPPORTED": "measured: the data lie inside what is claimed and refute the rival",
    "UNDECIDED": "the data do not tell the claim from its rival, or were blocked",
    "REFUTED": "contradicted by the calculation or by the data",
    "ERROR": "the check itself failed",
    "DEFERRED": "run at toy size only; decided in a larger profile",
    "SKIPPED": "not run: something it needs is not installed here",
}
"""Every outcome of a claim, from the strongest verdict down to the two that are no verdict, and what it means."""

CHECKED = {
    "exact": "checked exactly",
    "certified": "checked in ball arithmetic",
    "numeric": "checked at random points to 50 digits",
    "argued": "argued in prose",
}
"""How a step of a derivation was checked."""

_GREEK = {
    name: letter
    for letter in "αβγδεζηθκλμνξπρστφχψω"
    for name in [unicodedata.name(letter).removeprefix("GREEK SMALL LETTER ").lower().replace("lamda", "lambda")]
}
_POSITIONS = {"inside": "contains the interval", "disjoint": "misses the interval", "straddling": "cuts the interval"}
_ONES = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def outcome(record: Record) -> str:
    """Return the verdict of a claim or finding as it is shown, or why it has none.

    The stored verdict of a claim is the weakest of its decided findings, which can be stronger than what is registered
    as long as the findings that it hangs on are deferred or skipped. Shown is then what is registered.

    Examples:
        >>> outcome({"verdict": None, "status": "DEFERRED"})
        'DEFERRED'
        >>> findings = [{"verdict": "PROVED", "status": "DECIDED"}, {"verdict": None, "status": "DEFERRED"}]
        >>> record = {"verdict": "PROVED", "status": "DECIDED", "as_expected": True, "expects": ["SUPPORTED"]}
        >>> outcome({**record, "open": False, "findings": findings})
        'SUPPORTED'
    """
    if so_far(record) and record["as_expected"] and not record["open"]:
        return str(record["expects"][0])
    return str(record["verdict"] or record["status"])


def so_far(claim: Record) -> str:
    """Say how many findings of a claim with a verdict have none; empty where all have one, or for a finding.

    Examples:
        >>> decided, later = {"status": "DECIDED"}, {"status": "DEFERRED", "decided_from": "standard"}
        >>> claim = {"verdict": "SUPPORTED", "findings": [decided, later, later]}
        >>> so_far(claim)
        'so far, 2 of 3 findings deferred to standard'
        >>> so_far({**claim, "findings": [decided, later, {"status": "SKIPPED"}]})
        'so far, 1 of 3 findings deferred to standard, 1 skipped'
        >>> so_far({**claim, "findings": [decided]}), so_far(decided)
        ('', '')
    """
    findings = claim.get("findings", ())
    fates = Counter(_fate(finding) for finding in findings if finding["status"] != "DECIDED")
    if not fates or not claim["verdict"]:
        return ""
    parts = [f"{number} {fate}" for fate, number in fates.items()]
    parts[0] = parts[0].replace(" ", f" of {len(findings)} findings ", 1)
    return f"so far, {', '.join(parts)}"


def _fate(finding: Record) -> str:
    """Say why a finding has no verdict."""
    if finding["status"] == "SKIPPED":
        return "skipped"
    return f"deferred to {finding.get('decided_from', 'a larger profile')}"


def counts(claims: Iterable[Record]) -> list[tuple[str, int]]:
    """Count the outcomes that occur, the strongest first."""
    found = Counter(outcome(claim) for claim in claims)
    return [(name, found[name]) for name in OUTCOMES if found[name]]


def headline(run: Record, claims: Sequence[Record]) -> str:
    """Say in one sentence how a run came out: of the claims that were decided, how many as expected.

    Examples:
        >>> good = {"verdict": "PROVED", "status": "DECIDED", "as_expected": True, "open": False}
        >>> bad, later = {**good, "as_expected": False}, {**good, "verdict": None, "status": "DEFERRED"}
        >>> headline({"claims": ["a", "b"]}, [good, good])
        'Both claims came out as expected.'
        >>> headline({"claims": ["a", "b", "c"]}, [good, good, later])
        'Both decided claims came out as expected, one is left to a larger profile.'
        >>> headline({"claims": ["a", "b", "c"]}, [good, bad])
        'One of two claims came out as expected, one did not; one more was not reached.'
        >>> partly = {**good, "findings": [{"status": "DECIDED"}, {"status": "DEFERRED"}]}
        >>> headline({"claims": ["a", "b"]}, [good, partly])
        'Both claims came out as expected, one of them on part of its findings.'
    """
    missing = len(run["claims"]) - len(claims)
    if not claims:
        return "No claim has been finished yet."
    answer = answers(claims)
    claims = [claim for claim in claims if not (claim["open"] and claim["as_expected"])]
    if not claims:
        text = f"{answer}; {_count(missing)} more {'was' if missing == 1 else 'were'} not reached" * (missing > 0)
        text = text or answer
        return f"{text[0].upper()}{text[1:]}."
    silent = Counter(claim["status"] for claim in claims if claim["as_expected"] and not claim["verdict"])
    total = len(claims) - silent.total()
    bad = sum(not claim["as_expected"] for claim in claims)
    kind = "decided claims" if silent else "claims"
    if not total:
        text = "no claim was decided"
    elif bad:
        text = f"{_count(total - bad)} of {_count(total)} {kind} came out as expected, {_count(bad)} did not"
    else:
        every = {1: f"the one {kind[:-1]}", 2: f"both {kind}"}.get(total, f"all {_count(total)} {kind}")
        text = f"{every} came out as expected"
        partly = sum(bool(so_far(claim)) for claim in claims)
        whose = f"{_count(partly)} of them " if total > 1 else ""
        text += f", {whose}on part of {'its' if partly == 1 else 'their'} findings" if partly else ""
    for status, fate in (("DEFERRED", "left to a larger profile"), ("SKIPPED", "skipped")):
        text += f", {_count(silent[status])} {_be(silent[status])} {fate}" if silent[status] else ""
    text += f"; {answer}" if answer else ""
    text += f"; {_count(missing)} more {'was' if missing == 1 else 'were'} not reached" if missing > 0 else ""
    return f"{text[0].upper()}{text[1:]}."


ANSWERS: Final = ("PROVED", "CERTIFIED", "SUPPORTED", "REFUTED")
"""The verdicts that answer an open question."""


def answers(claims: Iterable[Record]) -> str:
    """Say how many of the open questions were answered; empty if there are none.

    Examples:
        >>> question = {"verdict": "REFUTED", "open": True}
        >>> answers([question]), answers([question, question, {**question, "verdict": "UNDECIDED"}])
        ('the one open question was answered', 'two of three open questions were answered')
    """
    questions = [claim for claim in claims if claim["open"]]
    answered = sum(claim["verdict"] in ANSWERS for claim in questions)
    total = len(questions)
    if not total:
        return ""
    if total == 1:
        return f"the one open question was {'answered' if answered else 'not answered'}"
    if answered == total:
        return f"{'both' if total == 2 else f'all {_count(total)}'} open questions were answered"
    some = _count(answered) if answered else "none"
    return f"{some} of {_count(total)} open questions {'was' if answered < 2 else 'were'} answered"


def shown(finding: Record) -> dict[str, str]:
    """Return what was predicted, what was measured and what the rival predicts, formulas in LaTeX between dollars.

    Examples:
        >>> stored = {"predicted": "n_s", "measured": "20 balls", "rival": {"name": "none", "value": "0"}}
        >>> shown({**stored, "shown": {"predicted": "$n_{s}$"}})
        {'predicted': '$n_{s}$', 'measured': '20 balls', 'rival': '0'}
    """
    rival = finding["rival"]["value"] if finding["rival"] else ""
    plain = {"predicted": finding["predicted"], "measured": finding["measured"], "rival": rival}
    return {name: finding.get("shown", {}).get(name, text) for name, text in plain.items()}


def rule_name(rule: str) -> str:
    """Write the name of a rule for a reader.

    Examples:
        >>> rule_name("AtLeast"), rule_name("SameLaw"), rule_name("identity")
        ('at least', 'same law', 'identity')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", rule).lower()


def shares(findings: Sequence[Record]) -> str:
    """Say how many comparisons of an open question came out as what, for its verdict is the weakest; empty for one.

    Examples:
        >>> supported, undecided = {"verdict": "SUPPORTED"}, {"verdict": "UNDECIDED"}
        >>> shares([supported, undecided, undecided]), shares([undecided])
        ('of its three comparisons one is supported, two are undecided', '')
    """
    if len(findings) < 2:
        return ""
    parts = [f"{_count(number)} {_be(number)} {name.lower()}" for name, number in counts(findings)]
    every = parts[0].partition(" ")[2] if len(parts) == 1 else ""
    whole = "both comparisons" if len(findings) == 2 else f"all {_count(len(findings))} comparisons"
    return f"{whole} {every}" if every else f"of its {_count(len(findings))} comparisons {', '.join(parts)}"


def found_by(finding: Record) -> str:
    """Say how a finding came by what it holds against the prediction: an identity measures nothing.

    Examples:
        >>> [found_by({"rule": rule}) for rule in ("Identity", "Enclosure", "Agrees")]
        ['Derived', 'Computed', 'Measured']
    """
    return {"Identity": "Derived", "Enclosure": "Computed"}.get(finding["rule"], "Measured")


def found_column(findings: Iterable[Record]) -> str:
    """Head the column of what was found.

    Examples:
        >>> found_column([{"rule": "Agrees"}, {"rule": "Identity"}, {"rule": "Bounds"}])
        'Derived or measured'
        >>> found_column([{"rule": "Identity"}]), found_column([])
        ('Derived', 'Measured')
    """
    words = {found_by(finding) for finding in findings} or {"Measured"}
    return " or ".join(word for word in ("Derived", "Computed", "Measured") if word in words).capitalize()


FLAWS: Final = {
    "misprint": "a misprint",
    "overstatement": "an overstatement",
    "assumption": "a modelling assumption that fails",
}
"""What is wrong with an erratum, in words."""


def remarks(claims: Sequence[Record]) -> str:
    """Say which of the outcomes are errata and which are open questions; empty if there are none of either."""
    errata = [claim for claim in claims if claim["erratum"]]
    refuted = sum(claim["verdict"] == "REFUTED" for claim in errata)
    questions = sum(bool(claim["open"]) for claim in claims)
    parts = []
    if errata:
        what = "is a statement" if len(errata) == 1 else "are statements"
        known = {0: "none was", len(errata): "as it was" if len(errata) == 1 else "as all were"}
        found = known.get(refuted, f"{_count(refuted)} {'was' if refuted == 1 else 'were'}")
        parts.append(f"{_count(len(errata))} {what} tried as printed and expected to be refuted, {found}.")
    if questions:
        what = "is an open question" if questions == 1 else "are open questions"
        parts.append(f"{_count(questions)} {what}, where any honest outcome will do.")
    return " ".join(f"{part[0].upper()}{part[1:]}" for part in parts)


def corrections(findings: Iterable[Record]) -> list[dict[str, Any]]:
    """Gather the rivals of an erratum's comparisons, each once: what it says, and where it stands on the same data.

    Examples:
        >>> standing = {"rival": {"name": "none", "value": "0"}, "rival_position": "inside"}
        >>> corrections([{**standing, "title": "first"}, {**standing, "title": "second"}])
        [{'name': 'none', 'stands': True, 'values': ['0'], 'titles': ['first', 'second']}]
    """
    found: dict[tuple[str, bool], dict[str, Any]] = {}
    for finding in findings:
        if rival := finding["rival"]:
            key = (rival["name"], finding["rival_position"] == "inside")
            entry = found.setdefault(key, {"name": key[0], "stands": key[1], "values": [], "titles": []})
            value = finding.get("shown", {}).get("rival", rival["value"])
            if value and value not in (rival["name"], *entry["values"]):
                entry["values"].append(value)
            entry["titles"].append(finding["title"])
    return list(found.values())


def error_budget(claims: Iterable[Record]) -> str:
    """Say how many comparisons were statistical and how often they may err."""
    levels = [float(finding["level"]) for claim in claims for finding in claim["findings"] if finding["level"]]
    if not levels:
        return "No comparison of this run is statistical, so none of its verdicts depends on chance."
    noun = "comparison is statistical" if len(levels) == 1 else "comparisons are statistical"
    each = f"{max(levels):g}"
    return (
        f"{len(levels)} {noun}, each wrong by chance with probability at most {each}: "
        f"{len(levels)} x {each} = {sum(levels):.2g} bounds the chance that any verdict of this run is a fluke."
    )


def interval(ends: Record | None, kind: str = "interval") -> Markup:
    """Write a region, or a claimed or rival set (kind ``"set"``: fixed beforehand, so written out).

    Examples:
        >>> print(interval({"lower": 0.00713324, "upper": 0.00921781}), interval({"lower": None, "upper": -0.5}))
        [0.00713, 0.00922] ≤ −0.5
        >>> print(interval({"lower": "0.24999999", "upper": "0.25000003"}, "ball"))
        0.25000001 ± 2 × 10<sup>−8</sup>
        >>> print(interval({"lower": 0.5, "upper": 1, "lower_open": True}, "set"))
        (0.5, 1]
    """
    if ends is None:
        return Markup("&ndash;")
    lower, upper = _decimal(ends["lower"]), _decimal(ends["upper"])
    if lower is None or upper is None:
        if lower is not None:
            return Markup("&gt; " if ends.get("lower_open") else "≥ ") + number(lower)
        if upper is None:
            return Markup("any number")
        return Markup("&lt; " if ends.get("upper_open") else "≤ ") + number(upper)
    if lower == upper:
        return number(lower) + Markup(", exactly" if kind == "exact" else "")
    width = upper - lower
    if kind == "exact" and lower * upper > 0:
        return Markup("≈ ") + number((lower + upper) / 2, 8)  # a number known exactly, stored between two doubles
    left, right = "(" if ends.get("lower_open") else "[", ")" if ends.get("upper_open") else "]"
    if kind == "ball" or (lower == -upper and left + right == "[]"):
        middle = (lower + upper) / 2
        if abs(middle) < width:
            middle = Decimal(0)
        radius = max(upper - middle, middle - lower)
        digits = middle.adjusted() - radius.adjusted() + 1 if middle else 1
        return number(middle, min(max(digits, 2), 30)) + Markup(" ± ") + number(radius, 3 if lower == -upper else 2)
    largest = max(abs(lower), abs(upper))
    digits = min(largest.adjusted() - width.adjusted() + (7 if kind == "set" else 3), 30)
    return Markup("{}{}, {}{}").format(left, *(number(end, digits, largest) for end in (lower, upper)), right)


def number(value: Decimal, digits: int = 6, beside: Decimal | None = None) -> Markup:
    """Write a number to some significant digits (of a larger one ``beside`` it), by powers of ten if far from 1.

    Examples:
        >>> print(number(Decimal("-1234.5678"), 6), number(Decimal("3.2e-21"), 3))
        −1234.57 3.2 × 10<sup>−21</sup>
    """
    if not value:
        return Markup("0")
    scale = (beside or value).adjusted()
    if -5 < scale < 7:
        places = max(digits - 1 - scale, 0)
        text = f"{value:.{places}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return Markup("0" if text in ("-0", "0") else text.replace("-", "−"))
    mantissa, _, exponent = f"{value:.{max(digits - 1, 0)}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    factor = {"1": "", "-1": "-"}.get(mantissa, f"{mantissa} × ")
    return Markup(f"{factor}10<sup>{int(exponent)}</sup>".replace("-", "−"))


def powers(text: str) -> str:
    """Write the powers, the minus signs and the inequalities in an escaped text as such.

    Examples:
        >>> powers("-4t - 2t^2 in [-0.5, 1e-07], near-by 2-3")
        '−4t − 2t<sup>2</sup> in [−0.5, 10<sup>−7</sup>], near-by 2-3'
        >>> powers("8.61929e-19 in 20 balls, within 1e-15"), powers("margin 10**-15")
        ('8.61929 × 10<sup>−19</sup> in 20 balls, within 10<sup>−15</sup>', 'margin 10<sup>−15</sup>')
        >>> powers("12 &lt;= 20 to 28, like t^-2")
        '12 ≤ 20 to 28, like t<sup>−2</sup>'
    """
    text = str(text).replace("&lt;=", "≤").replace("&gt;=", "≥")  # a Markup would escape what is put in
    text = re.sub(r"(?<![\w.])10\*\*-(\d+)", r"10<sup>−\1</sup>", text)
    text = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]?\d+)(?![\w.])", _power_of_ten, text)
    text = re.sub(r"(?<=[\w)])\^(-?\d+)", r"<sup>\1</sup>", text)
    return re.sub(r"(?<= )-(?= )|(?<![\w.)*-])-(?=\d)", "−", text)


def duration(seconds: float) -> str:
    """Write a time as a reader would say it.

    Examples:
        >>> duration(0.031), duration(12.75), duration(754.0)
        ('0.03 s', '12.8 s', '12 min 34 s')
    """
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def position(name: str | None) -> str:
    """Say how a set lies to the region measured; empty where there is no set."""
    return _POSITIONS.get(name or "", "")


def domain(stored: str) -> Markup:
    """Write the domain of a derivation: letters as formulas have them, those with one bound from below together.

    Examples:
        >>> domain("0 < phi < 1, 0 < epsilon, 0 < w_1, 0 < B, B <= n, B and n integers")
        Markup('0 &lt; φ &lt; 1; 0 &lt; ε, w<sub>1</sub>, B; B ≤ n; B and n integers')
    """
    groups: list[str] = []
    bound = None  # the one of the last group, if it is one from below
    for part in re.findall(r"(?:\w+, )*[^ ,][^,]*", stored):  # a list of letters belongs to what is said after it
        found = re.fullmatch(r"(\S+ <) (\w+)", part)
        if found and found[1] == bound:
            groups[-1] += f", {found[2]}"
        else:
            groups.append(part)
        bound = found[1] if found else None
    text = str(escape("; ".join(groups))).replace("&lt;=", "≤").replace("&gt;=", "≥")
    return Markup(re.sub(r"(?<![\w&])([A-Za-z]+)(?:_(\w+))?(?!\w)", _letter, text))


def _letter(match: re.Match[str]) -> str:
    """A Greek letter for its name, and an index where one is."""
    index = f"<sub>{match[2]}</sub>" if match[2] else ""
    return f"{_GREEK.get(match[1], match[1])}{index}"


def _decimal(end: object) -> Decimal | None:
    return None if end is None else Decimal(str(end))


def _power_of_ten(match: re.Match[str]) -> str:
    return str(number(Decimal(match.group()), len(match[1].replace(".", "").lstrip("0")) or 1))


def _count(number: int) -> str:
    return _ONES[number] if 0 <= number < len(_ONES) else str(number)


def _be(number: int) -> str:
    return "is" if number == 1 else "are"
