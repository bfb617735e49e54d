"""The claims on principal curvatures, the rank at zero loss and a wider layer: registry, measurements, outcomes."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

import numerics
from verify import OPEN, STATEMENTS, Claim, Status, Verdict, Workbench, discover
from verify.claims.hessian import principal_curvatures, zero_loss
from verify.report.formulas import refuse_bad_formula

EXPECTED = {
    "principal-curvatures": Verdict.SUPPORTED,
    "rank-at-interpolation": Verdict.SUPPORTED,
    "one-wider-layer": Verdict.SUPPORTED,
    "one-wider-layer-top-eigenvalue": None,
}
CLAIMS = {claim.id: claim for claim in discover() if claim.id.removeprefix("hessian.") in EXPECTED}

MakeBench = Callable[[str], Workbench]


def test_they_are_registered_with_their_expectations() -> None:
    assert {id_: claim.expects for id_, claim in CLAIMS.items()} == {
        f"hessian.{name}": OPEN if verdict is None else frozenset({verdict}) for name, verdict in EXPECTED.items()
    }


def test_a_statement_of_a_lecture_leads_to_each() -> None:
    named = {name for statement in STATEMENTS if isinstance(statement.covered, tuple) for name in statement.covered}
    assert CLAIMS.keys() <= named


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=str)
def test_statements_are_complete_and_their_formulas_can_be_drawn(claim: Claim) -> None:
    assert claim.statement.endswith((".", "?"))
    assert claim.assumptions
    for text in (claim.statement, *claim.assumptions):
        pieces = text.split("$")
        assert len(pieces) % 2 == 1
        for formula in pieces[1::2]:
            if formula:
                refuse_bad_formula(formula)


def test_importing_them_loads_neither_torch_nor_sympy() -> None:
    program = (
        "import sys, verify.claims.hessian.interpolation, verify.claims.hessian.wider_layer;"
        "import verify.claims.hessian.principal_curvatures;"
        "print([name for name in ('torch', 'sympy', 'scipy.stats') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_training_reaches_zero_loss_and_a_member_depends_on_its_own_seed_alone() -> None:
    first = zero_loss.fitted_networks(5, 2, "4 12 2", "tanh", 12, "cpu")
    network, theta, x, y, losses = first
    assert (losses <= zero_loss.FITTED).all()
    torch.testing.assert_close(network.forward(theta, x), y, rtol=0, atol=1e-8)
    assert torch.equal(first[2], zero_loss.fitted_networks(5, 2, "4 30 2", "tanh", 12, "cpu")[2])


def test_the_counts_add_up_to_the_number_of_weights() -> None:
    found = zero_loss.counts_at_zero_loss(7, 3, "4 10 8 2", "tanh", 12, "cpu")
    total = found["negative"] + found["zero"] + found["positive"]
    assert (total == zero_loss.weights_of((4, 10, 8, 2))).all()
    assert (found["positive"] == 24).all()


def test_the_largest_eigenvalue_at_zero_loss_is_that_of_the_whole_hessian() -> None:
    network, theta, x, y, _ = zero_loss.fitted_networks(3, 2, "4 12 2", "tanh", 12, "cpu")
    whole = numerics.dense_hessian(network, theta, x, y, numerics.SquaredError(prefactor=0.5)).total
    found = zero_loss.largest_at_zero_loss(3, 2, "4 12 2", "tanh", 12, "cpu")["largest"]
    np.testing.assert_allclose(found, torch.linalg.eigvalsh(whole)[:, -1].numpy(), rtol=1e-8)


def test_second_derivatives_along_axes_are_the_diagonal_of_the_hessian() -> None:
    found = principal_curvatures.curvatures(2, 1, "cpu")
    strongest = np.sort(found["diagonal"], axis=1)[:, ::-1][:, :4]
    np.testing.assert_allclose(found["axes"], strongest, rtol=0, atol=1e-13)
    assert found["pushed"].max() > strongest.max()


@pytest.mark.parametrize("name", ["rank-at-interpolation", "one-wider-layer"])
def test_a_claim_comes_out_as_expected_at_another_root_seed(name: str, make_bench: MakeBench) -> None:
    claim = CLAIMS[f"hessian.{name}"]
    bench = make_bench(claim.id)
    findings = list(claim.judge(bench, "quick"))
    outcome = claim.conclude(findings)
    assert outcome.as_expected, outcome.why_not
    assert {finding.status for finding in findings} == {Status.DECIDED}
    assert Verdict.PROVED in {finding.verdict for finding in findings}
    for figure in bench.figures.values():
        assert all((figure.x, figure.y, figure.title))
        assert figure.caption.endswith(".")
        assert len(figure.layers) >= 2
        assert all(layer.label for layer in figure.layers)
