"""Shapes in signatures are checked while these tests run; devices grow with CUDA."""

from collections.abc import Iterator

import pytest
from jaxtyping import config, install_import_hook

install_import_hook("numerics", "beartype.beartype")


def _devices() -> list[object]:
    import torch

    return ["cpu", *([pytest.param("cuda", marks=pytest.mark.gpu)] if torch.cuda.is_available() else [])]


@pytest.fixture(params=_devices())
def device(request: pytest.FixtureRequest) -> str:
    """Every device there is."""
    return str(request.param)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """What a user meets: no runtime shape checking in front of the library's own messages."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", before)
