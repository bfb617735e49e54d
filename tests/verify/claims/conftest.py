"""What the tests of single claims share: workbenches of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from verify import Workbench


@pytest.fixture
def make_bench(tmp_path: Path) -> Callable[[str], Workbench]:
    """Return a maker of workbenches at the root seed 11, another than the ledger's."""
    return lambda claim: Workbench(claim, folder=tmp_path / claim, seed=11)
