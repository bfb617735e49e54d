"""The basics of classifiers: verdicts at another root seed, and what the slides' misprints are."""

from collections.abc import Callable

import pytest

from verify import Finding, Verdict, Workbench
from verify.claims.classifier import outputs

Trial = Callable[[str], tuple[list[Finding], Workbench]]


@pytest.mark.parametrize(
    ("name", "verdicts"),
    [
        ("softmax", {Verdict.PROVED}),
        ("cross-entropy", {Verdict.PROVED}),
        ("step-has-no-gradient", {Verdict.PROVED, Verdict.SUPPORTED}),
        ("sigmoid-as-printed", {Verdict.REFUTED}),
        ("hard-max-as-printed", {Verdict.REFUTED}),
        ("regions", {Verdict.CERTIFIED, Verdict.PROVED}),
        ("capacity", {Verdict.CERTIFIED, Verdict.PROVED, Verdict.SUPPORTED}),
        ("activation-regions", {Verdict.CERTIFIED, Verdict.PROVED, Verdict.SUPPORTED}),
        ("relu-kinks", {Verdict.PROVED, Verdict.SUPPORTED}),
        ("empirical-risk", {Verdict.PROVED, Verdict.SUPPORTED}),
    ],
)
def test_what_is_exact_comes_out_so(tried: Trial, name: str, verdicts: set[Verdict]) -> None:
    assert {finding.verdict for finding in tried(f"classifier.{name}")[0]} == verdicts


def test_the_printed_indicator_is_one_entry_too_long_and_one_place_too_late() -> None:
    assert len(outputs.PRINTED) == len(outputs.EXAMPLE) + 1
    assert outputs.PRINTED.index(1) == outputs.EXAMPLE.index(max(outputs.EXAMPLE)) + 1


def test_the_colder_the_softmax_the_larger_its_largest_probability(tried: Trial) -> None:
    layers = tried("classifier.softmax")[1].figures["temperatures"].layers
    assert [layer.arrays["y"].argmax() for layer in layers] == [6] * 3
    tops = [layer.arrays["y"].max() for layer in layers]
    assert tops == sorted(tops, reverse=True)
