"""What the tests of single claims share: workbenches of their own, and trials at another root seed."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from verify import Finding, Status, Verdict, Workbench, discover


@pytest.fixture
def make_bench(tmp_path: Path) -> Callable[[str], Workbench]:
    """Return a maker of workbenches at the root seed 11, another than the ledger's."""
    return lambda claim: Workbench(claim, folder=tmp_path / claim, seed=11)


@pytest.fixture(scope="session")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[list[Finding], Workbench]]:
    """Return a trial of a claim at that root seed: it must come out as expected, with figures that can be read.

    A claim that several tests look at is tried once.
    """

    @cache
    def trial(name: str) -> tuple[list[Finding], Workbench]:
        (claim,) = (one for one in discover() if one.id == name)
        bench = Workbench(name, folder=tmp_path_factory.mktemp("tried") / name, seed=11)
        findings = list(claim.judge(bench, "quick"))
        outcome = claim.conclude(findings)
        assert outcome.as_expected, outcome.why_not
        assert {finding.status for finding in findings} == {Status.DECIDED}
        for figure in bench.figures.values():
            assert all((figure.x, figure.y, figure.title))
            assert figure.caption.endswith(".")
            assert len(figure.layers) >= 2
            assert all(layer.label for layer in figure.layers)
        return findings, bench

    return trial


@pytest.fixture
def deferred_in_quick(make_bench: Callable[[str], Workbench]) -> Callable[[str], int]:
    """Return a trial of a claim of which quick defers findings: as expected and drawn all the same. It counts them."""

    def trial(name: str) -> int:
        (claim,) = (one for one in discover() if one.id == name)
        bench = make_bench(name)
        findings = list(claim.judge(bench, "quick"))
        assert {finding.verdict for finding in findings if finding.status is Status.DECIDED} <= {
            Verdict.PROVED,
            Verdict.SUPPORTED,
        }
        assert claim.conclude(findings).as_expected
        assert all(figure.layers and figure.caption.endswith(".") for figure in bench.figures.values())
        return [finding.status for finding in findings].count(Status.DEFERRED)

    return trial
