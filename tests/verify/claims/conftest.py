"""What the tests of single claims share: workbenches of their own, and a trial at another root seed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from verify import Finding, Status, Workbench, discover


@pytest.fixture
def make_bench(tmp_path: Path) -> Callable[[str], Workbench]:
    """Return a maker of workbenches at the root seed 11, another than the ledger's."""
    return lambda claim: Workbench(claim, folder=tmp_path / claim, seed=11)


@pytest.fixture
def tried(make_bench: Callable[[str], Workbench]) -> Callable[[str], tuple[list[Finding], Workbench]]:
    """Return a trial of a claim at that root seed: it must come out as expected, with figures that can be read."""

    def trial(name: str) -> tuple[list[Finding], Workbench]:
        (claim,) = (one for one in discover() if one.id == name)
        bench = make_bench(name)
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
