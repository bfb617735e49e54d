"""What was measured of a spectrum in sentences, for a terminal, a pipe and the page."""

import math

from verify.spectrum.bulk_fit import FITS_WITHIN
from verify.spectrum.record import BulkFit, Counts, Density, LawFit, Quantity

PARTS = {"hessian": "Hessian", "gauss_newton": "Gauss-Newton part", "residual": "residual part"}
"""What each part of the Hessian is called."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples:
        >>> counted(1, "parameter"), counted(5018, "parameter")
        ('1 parameter', '5018 parameters')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def inertia_sentence(inertia: Counts) -> str:
    """Say how many eigenvalues are negative, positive and neither, and at which tolerance."""
    unresolved = f"{inertia.unresolved} within {inertia.relative:.1g} of the radius of zero"
    if inertia.method == "estimated":
        unresolved = f"{inertia.unresolved} unresolved at {inertia.relative:.1g} of the radius"
        return f"at least {inertia.negative} negative, {unresolved}, at least {inertia.positive} positive"
    return f"{inertia.negative} negative, {unresolved}, {inertia.positive} positive"


def outlier_sentence(fit: BulkFit) -> str:
    """Say how many eigenvalues lie beyond the bulk, where its edges are, and what was put aside."""
    sides = []
    for side, outliers, gap, searched, unsearched in (
        ("above", fit.outliers_above, fit.gap_above, fit.searched[0], fit.unsearched_above),
        ("below", fit.outliers_below, fit.gap_below, fit.searched[1], fit.unsearched_below),
    ):
        if unsearched:
            sides.append(f"{side} the bulk not searched: {unsearched}")
        elif outliers:
            parted = f"beyond a gap of {gap:.3g} spacings" if gap and math.isfinite(gap) else "with zero behind them"
            sides.append(f"{outliers} {side} the bulk, {parted}")
        else:
            sides.append(f"none {side} the bulk")
            if side == "above" and gap is not None:
                sides[-1] += f" (the widest gap among the {searched} largest is {gap:.3g} spacings)"
    verb = "is" if fit.at_zero == 1 else "are"
    zero = f"; {counted(fit.at_zero, 'eigenvalue')} {verb} zero to rounding, {fit.zero:.1g}" if fit.at_zero else ""
    return f"{'; '.join(sides)}; the bulk is [{fit.edges[0]:.4g}, {fit.edges[1]:.4g}]{zero}"


def zeros_sentence(density: Density) -> str:
    """Say, for prose with formulas, what became of the eigenvalues that rounding cannot tell from zero."""
    fit = density.fit
    if density.method == "estimated":
        return "Eigenvalues that rounding cannot tell from zero cannot be counted in an estimate, and are left in."
    if not fit.at_zero:
        return ""
    verb = "is" if fit.at_zero == 1 else "are"
    mantissa, _, exponent = f"{fit.zero:.0e}".partition("e")
    power = f"10^{{{int(exponent)}}}"
    level = f"${power}$" if mantissa == "1" else rf"${mantissa} \times {power}$"
    return f"{counted(fit.at_zero, 'eigenvalue')} within {level} of zero {verb} left out."


def law_sentence(fit: BulkFit) -> str:
    """Say which law fits the bulk, or plainly that none does."""
    if fit.reason:
        return f"none was tried: {fit.reason}"
    best = fit.best
    if best is None or best.distance is None:
        return "none can be fitted to these edges"
    far = f"W1 = {_spread(best.distance)} standard deviations of the bulk"
    bound = f"{FITS_WITHIN:g} is the bound"
    if best.verdict == "fits":
        return f"{best.name} fits ({law_parameters(best)}): {far}, and {bound}"
    if best.verdict == "does not fit":
        return f"no law of the family fits; the nearest is {best.name}: {far}, and {bound}"
    return f"whether {best.name} fits cannot be told: {far}, and {bound}"


def law_parameters(law: LawFit) -> str:
    """Write a law's parameters in a line."""
    return ", ".join(f"{name} {value:.4g}" for name, value in law.parameters.items())


def _spread(distance: Quantity) -> str:
    if distance.error == 0:
        return f"{distance.value:.3g}"
    return f"{distance.value:.3g} +- {distance.error:.1g}" if math.isfinite(distance.error) else f"{distance.value:.3g}"
