"""What a user may ask of a spectrum, and what is taken unless told."""

from dataclasses import dataclass
from operator import index
from typing import SupportsIndex

from verify.refusal import BadInputError

TOLERANCE = 1e-3
"""Which part of the spectral radius counts as zero in the inertia, unless told."""
LOW = 8
"""Smallest eigenvalues that are sought, at most: the lower end of a Hessian is crowded and costs most."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is measured, and at which expense.

    Args:
        top: Largest eigenvalues wanted, and of the smallest as many but at most `LOW`.
        density: Whether the spectral density is measured and laws are laid against its bulk.
        per_layer: Whether the blocks of the layers are measured too.
        parameters: Globs over the names of parameters, whose block is measured; none means all.
        part: ``"hessian"``, ``"gauss_newton"`` or ``"residual"``.
        tolerance: What counts as zero in the inertia, relative to the spectral radius; None: `TOLERANCE`, or what the
            rounding leaves if that is more.
        probes: Random vectors of an estimated density, at least 2.
        steps: Lanczos steps of each.
        products: Products that the search for either end, and for the inertia, may take at most.
        seed: Of the random vectors.
        method: ``"exact"``, ``"estimated"``, or ``"auto"``: by the measured cost.

    Raises:
        ValueError: If a number or a word is out of range.
    """

    top: int = 20
    density: bool = False
    per_layer: bool = False
    parameters: tuple[str, ...] = ()
    part: str = "hessian"
    tolerance: float | None = None
    probes: int = 10
    steps: int = 80
    products: int = 400
    seed: int = 0
    method: str = "auto"

    def __post_init__(self) -> None:
        for name, least in (("top", 1), ("probes", 2), ("steps", 2), ("products", 4), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, SupportsIndex) or index(value) < least:
                raise BadInputError(f"{name} must be a whole number >= {least}, got {value!r}.")
            if index(value) >= 2**63:
                raise BadInputError(f"{name} must be a whole number below 2^63, got {value!r}.")
            object.__setattr__(self, name, index(value))  # numpy's integers count
        for name in ("density", "per_layer"):
            if not isinstance(getattr(self, name), bool):
                raise BadInputError(f"{name} must be True or False, got {getattr(self, name)!r}.")
        if not isinstance(self.parameters, tuple) or not all(isinstance(one, str) for one in self.parameters):
            raise BadInputError(f"parameters must be patterns for names, got {self.parameters!r}.")
        if self.part not in ("hessian", "gauss_newton", "residual"):
            raise BadInputError(f"part must be 'hessian', 'gauss_newton' or 'residual', got {self.part!r}.")
        if self.method not in ("auto", "exact", "estimated"):
            raise BadInputError(f"method must be 'auto', 'exact' or 'estimated', got {self.method!r}.")
        if self.tolerance is not None and not (isinstance(self.tolerance, float) and 0 < self.tolerance < 1):
            raise BadInputError(f"tolerance must lie in (0, 1), got {self.tolerance!r}.")
