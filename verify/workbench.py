"""What a check is given: keyed randomness, sizes by profile, a device, a pool of workers, and figures to fill.

Conventions. Everything random is keyed by root seed, claim id, purpose and index through a hash, so that it depends
on no other claim, no order and no number of workers, and the first seeds of a longer list are the same.
"""

import hashlib
import importlib.util
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from verify.figure import Figure, Scale
from verify.functions import FunctionName, Result, checked_item, item_key
from verify.partial import PartialResults
from verify.pool import Pool, SerialPool
from verify.refusal import MissingRequirementError, install_command

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

Profile = Literal["quick", "standard", "full"]
Progress = Callable[[str, int, int], None]

_PURPOSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")


def key(root: int, claim: str, purpose: str, index: int) -> int:
    """Return the seed of one draw, an integer in [0, 2^63), from a hash of everything that names it.

    Examples:
        >>> key(0, "index.three-halves", "networks", 0) == key(0, "index.three-halves", "networks", 1)
        False
    """
    text = json.dumps([root, claim, purpose, index])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


class Workbench:
    """The bench on which one claim is checked.

    Args:
        claim: The claim's id.
        folder: Where results of single items are kept, one folder a purpose.
        profile: ``"quick"``, ``"standard"`` or ``"full"``.
        seed: The root seed of the run.
        device: ``"cpu"`` or ``"cuda"``.
        pool: Where items are computed; by default in this process.
        progress: Called as ``progress(purpose, done, total)`` while items are computed.

    Examples:
        >>> import tempfile
        >>> bench = Workbench("index.example", folder=Path(tempfile.mkdtemp()))
        >>> bench.size(quick=100, standard=1000, full=10_000)
        100
        >>> bench.seeds("networks", 5)[:2] == bench.seeds("networks", 2)
        True
    """

    def __init__(
        self,
        claim: str,
        *,
        folder: Path,
        profile: Profile = "quick",
        seed: int = 0,
        device: str = "cpu",
        pool: Pool | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.claim = claim
        self.profile: Profile = profile
        self.seed = seed
        self.device = device
        self.figures: dict[str, Figure] = {}
        self._folder = folder
        self._pool = pool or SerialPool()
        self._progress = progress or (lambda purpose, done, total: None)

    @property
    def dtype(self) -> "torch.dtype":
        """The precision of measurements, float64."""
        import torch

        return torch.float64

    def seeds(self, purpose: str, n: int) -> list[int]:
        """Return n seeds, one for each member of an ensemble; longer lists begin with the shorter ones.

        Raises:
            ValueError: If n is below 1.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}.")
        return [key(self.seed, self.claim, purpose, index) for index in range(n)]

    def generator(self, purpose: str, index: int = 0) -> "torch.Generator":
        """Return a generator on the CPU for a draw in one piece; equal purposes and indices give equal draws."""
        import torch

        return torch.Generator().manual_seed(key(self.seed, self.claim, f"generator of {purpose}", index))

    def size(self, *, quick: T, standard: T, full: T) -> T:
        """Return the size that belongs to this run's profile."""
        return {"quick": quick, "standard": standard, "full": full}[self.profile]

    def require(self, package: str, *, extra: str) -> None:
        """Go on only if a package can be imported; otherwise the claim is skipped. Stands first in a check.

        Args:
            package: The import name.
            extra: The extra of this project that installs it.
        """
        if importlib.util.find_spec(package) is None:
            raise MissingRequirementError(f"{package} is not installed ({install_command(extra)}).")

    def figure(
        self,
        name: str,
        *,
        title: str,
        x: str,
        y: str,
        caption: str = "",
        x_scale: Scale = "linear",
        y_scale: Scale = "linear",
        x_categories: Sequence[str] = (),
        x_limits: tuple[float, float] | None = None,
        y_limits: tuple[float, float] | None = None,
        square: bool = False,
    ) -> Figure:
        """Return a new figure of this claim, to be filled with layers; see `Figure`.

        Raises:
            ValueError: If the claim has a figure of this name already.
        """
        if name in self.figures:
            raise ValueError(f"name must be new in {self.claim}, got a second figure {name!r}.")
        scales: dict[str, Any] = {"x_scale": x_scale, "y_scale": y_scale, "x_categories": x_categories}
        ends: dict[str, Any] = {"x_limits": x_limits, "y_limits": y_limits, "square": square}
        figure = Figure(name=name, title=title, x=x, y=y, caption=caption, **scales, **ends)
        self.figures[name] = figure
        return figure

    def map(
        self, purpose: str, function: Callable[..., Mapping[str, Any]], items: Iterable[Mapping[str, Any]]
    ) -> list[Result]:
        """Call a function on every item, on the run's workers, and return the results in order.

        Each result is stored when it completes and read back from the store in the end, so that a fresh run and a
        resumed one see the same. Arrays come back as numpy arrays.

        Args:
            purpose: What the items are for; letters, digits, spaces, dots, hyphens.
            function: Stands at the top of a module; takes an item's entries as keywords; returns a flat dict of
                scalars and arrays.
            items: Dicts of JSON scalars. Send seeds and small configurations, never tensors.

        Raises:
            ValueError: If the purpose cannot name a folder, the function cannot travel by name, or an item holds
                anything but JSON scalars.
        """
        if not _PURPOSE.fullmatch(purpose):
            raise ValueError(f"purpose must be letters, digits, spaces, dots and hyphens, got {purpose!r}.")
        name = FunctionName.of(function)
        wanted = [checked_item(item, place) for place, item in enumerate(items)]
        keys = [item_key(name, item) for item in wanted]
        results = PartialResults(self._folder / purpose)
        missing = {key: item for key, item in zip(keys, wanted, strict=True) if not results.has(key)}
        total = len(set(keys))
        done = total - len(missing)
        self._progress(purpose, done, total)

        def completed() -> None:
            nonlocal done
            done += 1
            self._progress(purpose, done, total)

        if missing:
            self._pool.compute(name, missing, results, completed)
        return [results.load(key) for key in keys]
