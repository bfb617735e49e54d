"""Measuring the Hessian spectrum of a network: what is computed, how, and with which error.

**Exactly or by estimates.** One choice is made for the whole study, by the measured cost of the matrix against that of
the products that the estimates would take. Exactly: the matrix is assembled and diagonalised in float64, the blocks of
layers are cut out of it, and a residual is the rounding of its entries, at most 16 machine precisions of its Frobenius
norm. By estimates, which are then chosen for the block of each layer by its own cost:
Lanczos for both ends, XTrace for the trace, a search from both ends for the inertia, and stochastic Lanczos quadrature
for the density; every one of them with its error.

The lower end of a Hessian is crowded and costs most, so fewer of the smallest eigenvalues are sought.
"""

import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import numerics
from verify import provenance
from verify.refusal import BadInputError
from verify.spectrum.bulk_fit import bulk_and_outliers
from verify.spectrum.conversion import converted
from verify.spectrum.loading import Problem
from verify.spectrum.record import Density, Eigenvalue, Histogram, LayerSpectrum, Method
from verify.spectrum.result import NetworkSpectrum
from verify.spectrum.settings import LOW, TOLERANCE, Settings
from verify.spectrum.two_ways import TRACE_PRODUCTS, Estimated, Exact, precision
from verify.spectrum.weighted import WeightedSpectrum

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from numerics import HessianOperator

_BINS = 80
_LAYER_BINS = 40


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
    device: Literal["auto", "cpu", "cuda"] = "auto",
    dtype: Literal["float64", "float32", "model"] = "float64",
) -> NetworkSpectrum:
    """Measure the Hessian spectrum of a network, as ``lossproof spectrum`` does; the result shows itself.

    The model, its parameters and its mode are not touched: where device or dtype are others, a copy is measured.

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
        device: Where; ``"auto"`` is CUDA if there is one.
        dtype: In which the model, and all floating-point data, are converted; ``"model"`` leaves both as they are.

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
        parameters=(parameters,) if isinstance(parameters, str) else _as_tuple(parameters),
        part=part,
        tolerance=tolerance,
        probes=probes,
        steps=steps,
        products=products,
        seed=seed,
        method=method,
    )
    place = provenance.resolve_device(device)
    return measured(*converted(model, loss, data, device=place, dtype=dtype), settings, name=type(model).__name__)


def measured_problem(
    problem: Problem, settings: Settings, *, device: str = "auto", dtype: str = "float64", command: str = ""
) -> NetworkSpectrum:
    """Measure a problem that was loaded, on a device and in a dtype.

    Raises:
        BadInputError: If the device is not there, or model, loss and data do not fit together, in one sentence.
    """
    place = provenance.resolve_device(device)
    try:
        parts = converted(problem.model, problem.loss, problem.data, device=place, dtype=dtype)
        return measured(*parts, settings, name=problem.address, command=command)
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
    from numerics.curvature.lanczos import norm  # its squares stay within the range of floats

    began = time.perf_counter()
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    operator = numerics.HessianOperator(
        model,
        loss,
        data,
        parameters=settings.parameters or None,
        part=settings.part,  # type: ignore[arg-type]
    )
    top, low = min(settings.top, operator.size), min(settings.top, LOW, operator.size)
    method, reason = _choice(operator, settings, top)
    relative = _tolerance(operator, settings, method)
    matrix = operator.dense() if method == "exact" else None
    found = Estimated(operator, settings) if matrix is None else Exact(matrix, settings)
    largest, smallest = found.ends(top, low, search=settings.density)
    radius = max(abs(largest[0].value), abs(smallest[0].value))
    trace, frobenius_norm = found.sums()
    inertia = found.inertia(relative, radius)
    zero = found.zero(radius, frobenius_norm.value)
    density = _density(found, largest, smallest, zero) if settings.density else None
    layers = tuple(_layers(operator, settings, matrix, model)) if settings.per_layer else ()
    return NetworkSpectrum(
        name=name,
        model=type(model).__name__,
        part=settings.part,
        parameters=settings.parameters,
        size=operator.size,
        examples=operator.examples,
        loss=operator.loss(),
        gradient_norm=norm(operator.gradient().double()),
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


def _tolerance(operator: "HessianOperator", settings: Settings, method: Method) -> float:
    """What counts as zero in the inertia; at least what rounding leaves, in units of the radius."""
    from numerics.curvature.inertia import ROUNDING

    size = operator.size
    floor = precision(operator.dtype) * (min(size, ROUNDING * size**0.5) if method == "exact" else size)
    if settings.tolerance is None:
        return max(TOLERANCE, 2 * floor)
    if settings.tolerance < floor:
        raise BadInputError(
            f"tolerance must be at least {floor:.1e}, what rounding leaves of {size} parameters in "
            f"{str(operator.dtype).removeprefix('torch.')}, got {settings.tolerance!r}."
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
    found: Exact | Estimated, largest: tuple[Eigenvalue, ...], smallest: tuple[Eigenvalue, ...], zero: float
) -> Density:
    spectrum = found.weighted()
    upper, lower = found.searched()
    fit, bulk = bulk_and_outliers(spectrum, size=found.size, largest=upper, smallest=lower, zero=zero)
    return Density(
        whole=_histogram(spectrum, found.size, _BINS, largest[0].value, smallest[0].value),
        bulk=bulk,
        fit=fit,
        method=found.method,
        probes=found.probes,
        steps=found.steps,
    )


def _histogram(spectrum: WeightedSpectrum, size: int, bins: int, *ends: float) -> Histogram:
    low, high = min(*ends, float(spectrum.nodes[0])), max(*ends, float(spectrum.nodes[-1]))
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        margin = max(abs(low), abs(high), 1e-300) / 2
        low, high = low - margin, high + margin
    edges = np.linspace(low, high, bins + 1)
    counts, errors = spectrum.counts(edges, size=size)
    return Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()), errors=tuple(errors.tolist()))


def _layers(
    operator: "HessianOperator", settings: Settings, matrix: "Tensor | None", model: Any
) -> Iterator[LayerSpectrum]:
    """Measure the block of every layer: cut out of the whole matrix, or if that is not known by its own cost."""
    import torch

    from numerics.progress import progress

    places = operator.layers
    members: dict[str, list[str]] = {}
    for parameter in places:
        members.setdefault(parameter.rpartition(".")[0] or parameter, []).append(parameter)
    for layer, names in progress(members.items(), "layers"):
        found: Exact | Estimated
        if matrix is not None:
            own = [torch.arange(places[name].start, places[name].stop, device=matrix.device) for name in names]
            index = torch.cat(own)
            found = Exact(matrix[index][:, index], settings)
        else:
            block = operator.restricted(*names)
            method, _ = _choice(block, settings, 1)
            found = Exact(block.dense(), settings) if method == "exact" else Estimated(block, settings)
        (largest, *_), (smallest, *_) = found.ends(1, 1)
        trace, _ = found.sums()
        histogram = None
        if settings.density:
            histogram = _histogram(found.weighted(), found.size, _LAYER_BINS, largest.value, smallest.value)
        yield LayerSpectrum(
            name=layer,
            kind=_kind(model, layer),
            size=found.size,
            largest=largest,
            smallest=smallest,
            trace=trace,
            method=found.method,
            histogram=histogram,
        )


def _kind(model: Any, layer: str) -> str:
    """The class of a layer; nothing for a parameter that the model holds itself."""
    named = dict(model.named_modules()) if hasattr(model, "named_modules") else {}
    return type(named[layer]).__name__ if layer in named else ""


def _as_tuple(patterns: Sequence[str]) -> tuple[str, ...]:
    """Patterns as a tuple; what is no sequence as it is, for the settings to refuse."""
    return tuple(patterns) if isinstance(patterns, Sequence) else patterns
