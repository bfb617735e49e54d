"""What arguments of this floor have to be, and one sentence for those that are not.

A number is anything that ``float`` takes but truth values, text and tensors; a size is an integer by Python's own
index protocol, so that numpy's integers count. Arrays are dense torch tensors of float32 or float64.
"""

import math
import operator
from collections.abc import Sequence

import torch
from torch import Tensor


def integer(number: object) -> int | None:
    """Python's integer of that value, or None: truth values and floats are no integers.

    Examples:
        >>> integer(3), integer(3.0), integer(True)
        (3, None, None)
    """
    if isinstance(number, bool):
        return None
    try:
        return operator.index(number)  # type: ignore[arg-type]
    except TypeError:
        return None


def checked_sizes(**sizes: int) -> None:
    """Refuse a size that is not a positive integer.

    Args:
        sizes: The sizes by the name of their argument.

    Raises:
        ValueError: If one of them is not an integer of at least 1, or no machine has that many.

    Examples:
        >>> checked_sizes(width=3)
        >>> checked_sizes(width=0)
        Traceback (most recent call last):
        ...
        ValueError: width must be an integer >= 1, got 0.
    """
    for name, size in sizes.items():
        number = integer(size)
        if number is None or number < 1:
            raise ValueError(f"{name} must be an integer >= 1, got {size!r}.")
        if number >= 2**40:
            raise ValueError(f"{name} must be below 2**40, got {size!r}.")


def checked_steps(steps: int) -> int:
    """Refuse a number of steps that is no integer >= 0.

    Raises:
        ValueError: If it is none.
    """
    number = integer(steps)
    if number is None or number < 0:
        raise ValueError(f"steps must be an integer >= 0, got {steps!r}.")
    return number


def checked_number(name: str, number: object, *, above: float = -math.inf, least: float = -math.inf) -> float:
    """Refuse what is not a finite number above one bound and at least the other.

    Args:
        name: The name of the argument.
        number: Its value.
        above: A bound that the number must exceed.
        least: A bound that it may equal.

    Returns:
        The number as a float.

    Raises:
        ValueError: If it is no number, not finite, or out of range.

    Examples:
        >>> checked_number("sigma", 2, above=0.0)
        2.0
        >>> checked_number("sigma", 0.0, above=0.0)
        Traceback (most recent call last):
        ...
        ValueError: sigma must be a finite number > 0, got 0.0.
    """
    value = math.nan
    if not isinstance(number, (bool, str, bytes, Tensor)):
        try:
            value = float(number)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            value = math.nan
    if not (math.isfinite(value) and value > above and value >= least):
        bound = f" > {above:g}" if above > -math.inf else f" >= {least:g}" if least > -math.inf else ""
        raise ValueError(f"{name} must be a finite number{bound}, got {number!r}.")
    return value


def checked_tolerance(tolerance: object) -> None:
    """Refuse a tolerance that does not lie strictly between 0 and 1.

    Raises:
        ValueError: If it does not.
    """
    try:
        fits = checked_number("tolerance", tolerance, above=0.0) < 1
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"tolerance must lie in (0, 1), got {tolerance!r}.")


def checked_dtype(dtype: torch.dtype) -> None:
    """Refuse everything but the two real floating point types that this floor computes in.

    Raises:
        ValueError: If ``dtype`` is neither float32 nor float64.
    """
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}.")


def checked_device(device: object) -> torch.device:
    """Refuse a device that torch does not know or this machine does not have.

    Raises:
        ValueError: If it is one.

    Examples:
        >>> checked_device("cpu")
        device(type='cpu')
        >>> checked_device("gpu")
        Traceback (most recent call last):
        ...
        ValueError: device must be one of this machine such as "cpu", got 'gpu'.
    """
    try:
        if isinstance(device, str | torch.device):
            return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError):  # an unknown name, or no such accelerator
        pass
    raise ValueError(f'device must be one of this machine such as "cpu", got {device!r}.')


def checked_tensors(**tensors: object) -> None:
    """Refuse what is not a dense tensor of float32 or float64. No number is looked at.

    Raises:
        TypeError: If one is no tensor.
        ValueError: If one is sparse or of another dtype.

    Examples:
        >>> checked_tensors(x=[1.0])
        Traceback (most recent call last):
        ...
        TypeError: x must be a torch tensor, got list.
    """
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} must be a torch tensor, got {type(tensor).__name__}.")
        if tensor.layout != torch.strided or tensor.dtype not in (torch.float32, torch.float64):
            kind = "" if tensor.layout == torch.strided else " with a sparse layout"
            raise ValueError(
                f"{name} must be a dense tensor of torch.float32 or torch.float64, got {tensor.dtype}{kind}."
            )


def checked_mask(name: str, mask: object, shape: tuple[int, ...], device: torch.device | None = None) -> None:
    """Refuse what does not hold truth values of a shape, on a device if one is given.

    Raises:
        TypeError: If it is no tensor.
        ValueError: If its dtype, shape or device is another.

    Examples:
        >>> checked_mask("mask", torch.ones(2, 3), (2, 3))
        Traceback (most recent call last):
        ...
        ValueError: mask must be truth values of shape (2, 3), got torch.float32 of shape (2, 3).
    """
    if not isinstance(mask, Tensor):
        raise TypeError(f"{name} must be a torch tensor, got {type(mask).__name__}.")
    if mask.dtype != torch.bool or mask.shape != shape or device not in (None, mask.device):
        where, found = ("", "") if device is None else (f" on {device}", f" on {mask.device}")
        raise ValueError(
            f"{name} must be truth values of shape {tuple(shape)}{where}, got {mask.dtype} of shape "
            f"{tuple(mask.shape)}{found}."
        )


def checked_finite(**tensors: Tensor) -> None:
    """Refuse tensors that hold NaN or infinity, or, on the meta device, nothing at all.

    Raises:
        ValueError: If one does.
    """
    for name, tensor in tensors.items():
        if tensor.is_meta:
            raise ValueError(f"{name} must hold numbers, got a tensor on the meta device.")
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"{name} must be finite, got NaN or infinity.")


def checked_generator(generator: object) -> None:
    """Refuse what is not a random generator on the CPU.

    Raises:
        TypeError: If it is no generator.
        ValueError: If it is on another device.

    Examples:
        >>> checked_generator(5)
        Traceback (most recent call last):
        ...
        TypeError: generator must be a torch.Generator, got int.
    """
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}.")
    if generator.device.type != "cpu":
        raise ValueError(f"generator must be on the CPU, got one on {generator.device}.")


def checked_scale(name: str, scale: float, draws: Tensor) -> Tensor:
    """Hand draws back unless the scale with which they were multiplied has made one of them overflow.

    Raises:
        ValueError: If it has.
    """
    if not bool(draws.isfinite().all()):
        raise ValueError(f"{name} must leave entries that {draws.dtype} can hold, got {scale!r}.")
    return draws


def checked_integers(name: str, numbers: Sequence[int], last: int) -> tuple[int, ...]:
    """Refuse a sequence that holds anything but integers in 0..last; hand it back sorted, each number once.

    Raises:
        ValueError: If it does.

    Examples:
        >>> checked_integers("record_at", [4, 0, 4], 5)
        (0, 4)
    """
    try:
        found = [integer(number) for number in numbers]
    except TypeError:
        found = [None]
    if not all(number is not None and 0 <= number <= last for number in found):
        raise ValueError(f"{name} must lie in 0..{last}, the steps that are taken, got {numbers!r}.")
    return tuple(sorted({number for number in found if number is not None}))
