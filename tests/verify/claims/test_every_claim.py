"""What holds for every claim of the ledger: it is complete, can be drawn, and a lecture's statement leads to it."""

import subprocess
import sys

import pytest

from verify import STATEMENTS, Claim, discover
from verify.report.prose import Prose, refuse_bad_texts

CLAIMS = {claim.id: claim for claim in discover()}
WITHOUT_ASSUMPTION = {"index.near-a-minimum-as-printed"}
ERRATA_BY_ANOTHER_NAME = {
    "index.critical-energy-relu-scale",
    "index.model-is-qualitative",
    "spectrum.gauss-newton-is-wishart",
    "spectrum.parts-are-free",
    "spectrum.residual-is-wigner",
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_is_complete_and_all_its_formulas_can_be_drawn(claim: Claim) -> None:
    assert claim.statement.rstrip(")$").endswith((".", "?"))
    assert bool(claim.assumptions) is (claim.id not in WITHOUT_ASSUMPTION)
    assert claim.source.locator or claim.source.reference is None
    refuse_bad_texts(claim)
    prose = Prose()
    for text in (claim.title, claim.statement, *claim.assumptions, claim.source.locator, claim.right):
        assert "$" not in prose.block(text)  # every dollar opened or closed a formula that was drawn


def test_a_statement_of_a_lecture_leads_to_every_claim_and_only_to_claims() -> None:
    covered = [statement.covered for statement in STATEMENTS if isinstance(statement.covered, tuple)]
    assert {name for names in covered for name in names} == CLAIMS.keys()


def test_what_is_tried_as_printed_is_an_erratum_and_only_errata_are_corrected() -> None:
    errata = {name for name, claim in CLAIMS.items() if claim.erratum}
    assert errata == {name for name in CLAIMS if name.endswith("as-printed")} | ERRATA_BY_ANOTHER_NAME
    assert {claim.corrects for claim in CLAIMS.values() if claim.corrects} <= errata
    assert errata == {name for name, claim in CLAIMS.items() if claim.right.endswith(".")}


def test_importing_every_claim_loads_neither_torch_nor_sympy() -> None:
    program = (
        "import sys; from verify import discover; discover();"
        "print([name for name in ('torch', 'sympy', 'scipy.stats') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
