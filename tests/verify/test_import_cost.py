"""Deciding needs no symbols and no networks: the rules and the ledger load neither sympy nor torch nor scipy.stats."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["verify", "verify.rules", "verify.ledger", "verify.statements"])
def test_the_rules_and_the_ledger_are_light(module: str) -> None:
    heavy = "('sympy', 'torch', 'flint', 'scipy.stats', 'matplotlib')"
    program = (
        f"import sys, {module}, verify; verify.Equals, verify.claim; print([n for n in {heavy} if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_deciding_a_comparison_of_numbers_stays_light() -> None:
    program = (
        "import sys, numpy as np; from verify import Equals, AtMost, Ordering, Rival;"
        "x = np.random.default_rng(0).normal(size=40);"
        "[r.decide() for r in (Equals('a', predicted=0, replicates=x, absolute=3, rival=Rival('b', 9)),"
        "AtMost('c', bound=3, replicates=x, rival=Rival('b', 9)), Ordering('d', lower=x, higher=x + 1))];"
        "print([n for n in ('sympy', 'torch', 'scipy.stats') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
