"""Measuring the Hessian spectrum of a network: what is computed, how, and with which error.

**Exactly or by estimates.** One choice is made for the whole study, by the measured cost of the matrix against that of
the products that the estimates would take; blocks of layers are chosen one by one. Exactly: the matrix is assembled and
diagonalised in float64, and a residual is the bound size x machine precision x radius on its rounding. By estimates:
Lanczos for both ends, XTrace for the trace, a search from both ends for the inertia, and stochastic Lanczos quadrature
for the density; every one of them with its error.

The lower end of a Hessian is crowded and costs most, so fewer of the smallest eigenvalues are sought.
"""

import datetime
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import numerics
from verify import provenance
from verify.refusal import BadInputError
from verify.spectrum.bulk_fit import bulk_and_outliers
from verify.spectrum.loading import Problem
from verify.spectrum.record import (
    Counts,
    Density,
    Eigenvalue,
    Histogram,
    LayerSpectrum,
    Method,
    NetworkSpectrum,
    Quantity,
)
from verify.spectrum.weighted import EXACT, Array, WeightedSpectrum

if TYPE_CHECKING:
    import torch

    from numerics import HessianOperator

TRACE_PRODUCTS = 100
"""Products for an estimate of the trace, and as many for that of the Frobenius norm."""
TOLERANCE = 1e-3
"""Which part of the spectral radius counts as zero in the inertia, unless told."""
LOW = 8
"""Smallest eigenvalues that are sought, at most: the lower end of a Hessian is crowded and costs most."""
_BINS = 80
_LAYER_BINS = 40


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
            rounding of the products leaves if that is more.
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
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise BadInputError(f"{name} must be a whole number >= {least}, got {value!r}.")
        if self.part not in ("hessian", "gauss_newton", "residual"):
            raise BadInputError(f"part must be 'hessian', 'gauss_newton' or 'residual', got {self.part!r}.")
        if self.method not in ("auto", "exact", "estimated"):
            raise BadInputError(f"method must be 'auto', 'exact' or 'estimated', got {self.method!r}.")
        if self.tolerance is not None and not 0 < self.tolerance < 1:
            raise BadInputError(f"tolerance must lie in (0, 1), got {self.tolerance!r}.")


def network_spectrum(
    model: "torch.nn.Module",
    loss: Callable[..., Any],
    data: Any,
    *,
    top: int = 20,
    density: bool = False,
    per_layer: bool = False,
    parameters: str | Sequence[str] = (),
    part: Literal["hessian", "gauss_newton", "residual"] = "hessian",
    tolerance: float | None = None,
    probes: int = 10,
    steps: int = 80,
    products: int = 400,
    seed: int = 0,
    method: Literal["auto", "exact", "estimated"] = "auto",
) -> NetworkSpectrum:
    """Measure the Hessian spectrum of a network, as ``lossproof spectrum`` does; the result shows itself.

    The model, its parameters and its mode are not touched; dtype and device are its own.

    Args:
        model: Any ``torch.nn.Module`` whose outputs are the same at every call (no active dropout).
        loss: One of `numerics`' losses, or a callable (outputs, targets) -> scalar that is a mean over examples.
        data: A pair of tensors, or something that gives the same batches of such pairs whenever it is iterated.
        top: Largest eigenvalues wanted, and of the smallest as many but at most `LOW`.
        density: Whether the spectral density is measured and laws are laid against its bulk.
        per_layer: Whether the blocks of the layers are measured too.
        parameters: Globs over the names of parameters, whose block is measured; none means all.
        part: Which part of the Hessian.
        tolerance: What counts as zero in the inertia, relative to the spectral radius.
        probes: Random vectors of an estimated density, at least 2.
        steps: Lanczos steps of each.
        products: Products that the search for either end, and for the inertia, may take at most.
        seed: Of the random vectors.
        method: Whether to diagonalise, to estimate, or to let the measured cost decide.

    Returns:
        A frozen record; ``verify.write_spectrum(it, "spectrum.html")`` writes its page and its JSON file.

    Raises:
        ValueError: If an argument is out of range, or model, loss and data do not fit together.
        TypeError: If one of them is nothing of the kind.

    Examples:
        >>> import torch
        >>> x, y = torch.linspace(-1, 1, 8, dtype=torch.float64)[:, None], torch.zeros(8, 1, dtype=torch.float64)
        >>> line = torch.nn.Linear(1, 1, dtype=torch.float64)
        >>> spectrum = network_spectrum(line, torch.nn.MSELoss(), (x, y))
        >>> [round(pair.value, 4) for pair in spectrum.largest], spectrum.method
        ([2.0, 0.8571], 'exact')
    """
    settings = Settings(
        top=top,
        density=density,
        per_layer=per_layer,
        parameters=(parameters,) if isinstance(parameters, str) else tuple(parameters),
        part=part,
        tolerance=tolerance,
        probes=probes,
        steps=steps,
        products=products,
        seed=seed,
        method=method,
    )
    return measured(model, loss, data, settings, name=type(model).__name__)


def measured_problem(
    problem: Problem, settings: Settings, *, device: str = "auto", dtype: str | None = None, command: str = ""
) -> NetworkSpectrum:
    """Measure a problem that was loaded, on a device.

    Raises:
        BadInputError: If the device is not there, or model, loss and data do not fit together, in one sentence.
    """
    place = provenance.resolve_device(device)
    try:
        model, loss, data = _moved(problem, place, dtype)
        return measured(model, loss, data, settings, name=problem.address, command=command)
    except BadInputError:
        raise
    except (TypeError, ValueError) as error:
        raise BadInputError(str(error)) from error
    except Exception as error:  # whatever the user's model, loss or loader raises when it is run
        text = " ".join(str(error).split())
        raise BadInputError(
            f"model, loss and data of {problem.address} must run together, got {type(error).__name__}: {text}"
        ) from error


def measured(model: Any, loss: Any, data: Any, settings: Settings, *, name: str, command: str = "") -> NetworkSpectrum:
    """Measure what the settings ask for."""
    began = time.perf_counter()
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    operator = numerics.HessianOperator(
        model,
        loss,
        data,
        parameters=settings.parameters or None,
        part=settings.part,  # type: ignore[arg-type]
    )
    relative = _tolerance(operator, settings)
    top, low = min(settings.top, operator.size), min(settings.top, LOW, operator.size)
    method, reason = _choice(operator, settings, top)
    at_work = _Exact if method == "exact" else _Estimated
    found = at_work(operator, settings)
    largest, smallest = found.ends(top, low)
    radius = max(abs(largest[0].value), abs(smallest[0].value))
    trace, frobenius_norm = found.sums()
    inertia = found.inertia(relative, radius)
    density = _density(found, largest, smallest, radius) if settings.density else None
    layers = tuple(_layers(operator, settings)) if settings.per_layer else ()
    return NetworkSpectrum(
        name=name,
        model=type(model).__name__,
        part=settings.part,
        parameters=settings.parameters,
        size=operator.size,
        examples=operator.examples,
        loss=operator.loss(),
        gradient_norm=float(operator.gradient().norm()),
        method=method,
        reason=reason,
        products=operator.products,
        seconds=time.perf_counter() - began,
        dtype=str(operator.dtype).removeprefix("torch."),
        device=str(operator.device),
        seed=settings.seed,
        largest=largest,
        smallest=smallest,
        trace=trace,
        frobenius_norm=frobenius_norm,
        inertia=inertia,
        density=density,
        layers=layers,
        versions=provenance.versions(),
        command=command,
        started=started,
    )


class _Exact:
    """A spectrum of which all eigenvalues are known."""

    method: Method = "exact"

    def __init__(self, operator: "HessianOperator", settings: Settings) -> None:
        measure = numerics.spectral_measure(
            operator, probes=2, steps=1, generator=_generator("density", settings), method="exact"
        )
        self.eigenvalues: Array = measure.eigenvalues.cpu().numpy()
        self.size = operator.size
        self.rounding = operator.size * _precision(operator)
        self.probes = self.steps = 0

    def ends(self, top: int, low: int) -> tuple[tuple[Eigenvalue, ...], tuple[Eigenvalue, ...]]:
        error = self.rounding * float(np.abs(self.eigenvalues).max())

        def known(values: Array) -> tuple[Eigenvalue, ...]:
            return tuple(Eigenvalue(value=float(value), residual=error, converged=True) for value in values)

        return known(self.eigenvalues[::-1][:top]), known(self.eigenvalues[:low])

    def sums(self) -> tuple[Quantity, Quantity]:
        squares = float(np.linalg.norm(self.eigenvalues))
        return Quantity(value=float(self.eigenvalues.sum())), Quantity(value=squares)

    def inertia(self, relative: float, radius: float) -> Counts:
        cut = relative * radius
        negative, positive = int((self.eigenvalues < -cut).sum()), int((self.eigenvalues > cut).sum())
        return Counts(
            negative=negative,
            unresolved=self.size - negative - positive,
            positive=positive,
            tolerance=cut,
            relative=relative,
            method="exact",
        )

    def weighted(self) -> WeightedSpectrum:
        return WeightedSpectrum.of_eigenvalues(self.eigenvalues)


class _Estimated:
    """A spectrum that is known by products."""

    method: Method = "estimated"

    def __init__(self, operator: "HessianOperator", settings: Settings) -> None:
        self.operator, self.settings = operator, settings
        self.size = operator.size
        self.rounding = operator.size * _precision(operator)
        self.probes, self.steps = 0, min(settings.steps, operator.size)

    def ends(self, top: int, low: int) -> tuple[tuple[Eigenvalue, ...], tuple[Eigenvalue, ...]]:
        return self._end("LA", top), self._end("SA", low)

    def _end(self, which: Literal["LA", "SA"], count: int) -> tuple[Eigenvalue, ...]:
        pairs = numerics.eigenpairs(
            self.operator,
            count,
            which=which,
            generator=_generator(which, self.settings),
            tol=max(1e-6, 256 * _precision(self.operator)),
            max_products=max(self.settings.products, count + 1),
            method="estimated",
        )
        return tuple(
            Eigenvalue(value=value, residual=residual, converged=converged and pairs.complete)
            for value, residual, converged in zip(
                pairs.values.tolist(), pairs.residuals.tolist(), pairs.converged.tolist(), strict=True
            )
        )

    def sums(self) -> tuple[Quantity, Quantity]:
        found = [
            estimate(self.operator, products=TRACE_PRODUCTS, generator=_generator(purpose, self.settings))
            for purpose, estimate in (("trace", numerics.trace), ("norm", numerics.frobenius_norm))
        ]
        trace, norm = (Quantity(value=one.value, error=one.error) for one in found)
        return trace, norm

    def inertia(self, relative: float, radius: float) -> Counts:
        counts = numerics.inertia(
            self.operator,
            tolerance=relative,
            generator=_generator("inertia", self.settings),
            method="estimated",
            max_products=self.settings.products,
        )
        return Counts(
            negative=int(counts.negative[0]),
            unresolved=int(counts.unresolved[0]),
            positive=int(counts.positive[0]),
            tolerance=float(counts.tolerance[0]),
            relative=relative,
            method=counts.method,
        )

    def weighted(self) -> WeightedSpectrum:
        measure = numerics.spectral_measure(
            self.operator,
            probes=self.settings.probes,
            steps=self.settings.steps,
            generator=_generator("density", self.settings),
            method="estimated",
        )
        known = measure.eigenvalues.cpu().numpy()
        share = measure.rest / measure.size / max(len(measure.quadratures), 1)
        nodes, weights = [known], [np.full(known.shape, 1 / measure.size)]
        groups = [np.full(known.shape, EXACT)]
        for probe, quadrature in enumerate(measure.quadratures):
            nodes.append(quadrature.nodes.cpu().numpy())
            weights.append(share * np.clip(quadrature.weights.cpu().numpy(), 0.0, None))
            groups.append(np.full(nodes[-1].shape, probe))
        self.probes = len(measure.quadratures)
        return WeightedSpectrum(np.concatenate(nodes), np.concatenate(weights), np.concatenate(groups))


def _moved(problem: Problem, device: str, dtype: str | None) -> tuple[Any, Any, Any]:
    """Return model, loss and data on a device, and in a dtype if one is named.

    Raises:
        BadInputError: If the dtype is none that is computed in.
    """
    import torch

    if dtype not in (None, "float32", "float64"):
        raise BadInputError(f"dtype must be 'float32' or 'float64', got {dtype!r}.")
    kind = None if dtype is None else getattr(torch, dtype)

    def there(tensor: Any) -> Any:
        if not isinstance(tensor, torch.Tensor):
            return tensor
        return tensor.to(device, kind if kind is not None and tensor.is_floating_point() else tensor.dtype)

    model = problem.model.to(device) if kind is None else problem.model.to(device, kind)
    loss = problem.loss
    if isinstance(loss, torch.nn.Module):
        loss = loss.to(device) if kind is None else loss.to(device, kind)
    data = problem.data
    if isinstance(data, tuple | list) and len(data) == 2 and all(isinstance(part, torch.Tensor) for part in data):
        return model, loss, (there(data[0]), there(data[1]))
    return model, loss, data if hasattr(data, "__next__") else _Moved(data, there)


class _Moved:
    """Batches of somebody's data, each moved when it is asked for."""

    def __init__(self, data: Iterable[Any], move: Callable[[Any], Any]) -> None:
        self.data, self.move = data, move

    def __iter__(self) -> Iterator[Any]:
        for batch in self.data:
            yield tuple(map(self.move, batch)) if isinstance(batch, tuple | list) else batch


def _tolerance(operator: "HessianOperator", settings: Settings) -> float:
    floor = operator.size * _precision(operator)
    if settings.tolerance is None:
        return max(TOLERANCE, 2 * floor)
    if settings.tolerance < floor:
        raise BadInputError(
            f"tolerance must be at least {floor:.1e}, the size times the precision of {operator.dtype}, "
            f"got {settings.tolerance!r}."
        )
    return settings.tolerance


def _choice(operator: "HessianOperator", settings: Settings, top: int) -> tuple[Method, str]:
    if settings.method != "auto":
        return settings.method, f"{settings.method}, as asked for"  # type: ignore[return-value]
    from numerics.curvature.cost import choose

    wanted = 8 * top + 2 * TRACE_PRODUCTS + 300
    wanted += settings.probes * settings.steps if settings.density else 0
    choice = choose(operator, products_if_estimated=wanted, basis=min(wanted, 300))
    return choice.method, choice.reason


def _density(
    found: "_Exact | _Estimated", largest: tuple[Eigenvalue, ...], smallest: tuple[Eigenvalue, ...], radius: float
) -> Density:
    spectrum = found.weighted()
    fit, bulk = bulk_and_outliers(
        spectrum,
        size=found.size,
        largest=_known(largest),
        smallest=_known(smallest),
        zero=found.rounding * radius,
    )
    return Density(
        whole=_histogram(spectrum, found.size, _BINS, largest[0].value, smallest[0].value),
        bulk=bulk,
        fit=fit,
        method=found.method,
        probes=found.probes,
        steps=found.steps,
    )


def _known(pairs: tuple[Eigenvalue, ...]) -> list[float]:
    """Return the eigenvalues before the first that has not converged, and one in any case."""
    count = next((place for place, pair in enumerate(pairs) if not pair.converged), len(pairs))
    return [pair.value for pair in pairs[: max(count, 1)]]


def _histogram(spectrum: WeightedSpectrum, size: int, bins: int, *ends: float) -> Histogram:
    low, high = min(*ends, float(spectrum.nodes[0])), max(*ends, float(spectrum.nodes[-1]))
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        margin = max(abs(low), abs(high), 1e-300) / 2
        low, high = low - margin, high + margin
    edges = np.linspace(low, high, bins + 1)
    counts, errors = spectrum.counts(edges, size=size)
    return Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()), errors=tuple(errors.tolist()))


def _layers(operator: "HessianOperator", settings: Settings) -> Iterator[LayerSpectrum]:
    from numerics.progress import progress

    members: dict[str, list[str]] = {}
    for parameter in operator.layers:
        members.setdefault(parameter.rpartition(".")[0] or parameter, []).append(parameter)
    for layer, names in progress(members.items(), "layers"):
        block = operator.restricted(*names)
        method, _ = _choice(block, settings, 1)
        found = _Exact(block, settings) if method == "exact" else _Estimated(block, settings)
        (largest, *_), (smallest, *_) = found.ends(1, 1)
        trace, _ = found.sums()
        histogram = None
        if settings.density:
            histogram = _histogram(found.weighted(), block.size, _LAYER_BINS, largest.value, smallest.value)
        yield LayerSpectrum(
            name=layer,
            size=block.size,
            largest=largest,
            smallest=smallest,
            trace=trace,
            method=method,
            histogram=histogram,
        )


def _generator(purpose: str, settings: Settings) -> "torch.Generator":
    from numerics.seeded import generators

    return next(generators(f"spectrum/{purpose}", [settings.seed]))


def _precision(operator: "HessianOperator") -> float:
    import torch

    return float(torch.finfo(operator.dtype).eps)
