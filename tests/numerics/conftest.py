"""Shapes in signatures are checked while these tests run, and only then; devices grow with CUDA.

The check costs several times what a small function does. Where a whole claim is tried, or a statistic of thousands of
calls whose shapes other tests have checked, it is left out.
"""

from collections.abc import Iterator

import pytest
from jaxtyping import config, install_import_hook

install_import_hook("numerics", "beartype.beartype")
config.update("jaxtyping_disable", True)  # for the tests of other folders that this process runs


def _devices() -> list[object]:
    import torch

    return ["cpu", *([pytest.param("cuda", marks=pytest.mark.gpu)] if torch.cuda.is_available() else [])]


@pytest.fixture(params=_devices())
def device(request: pytest.FixtureRequest) -> str:
    """Every device there is."""
    return str(request.param)


@pytest.fixture(scope="module", autouse=True)
def checked() -> Iterator[None]:
    """Check shapes in all tests of this folder."""
    config.update("jaxtyping_disable", False)
    yield
    config.update("jaxtyping_disable", True)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """What a user meets: no runtime shape checking, which is slow, and stands in front of the library's messages."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", before)
