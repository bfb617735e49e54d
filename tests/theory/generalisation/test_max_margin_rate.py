"""How slowly the largest margin is approached, against the flow of two orthogonal examples in many digits."""

import mpmath
import numpy as np
import pytest

import theory


def missing_share(b: float, r: float, log_time: float) -> tuple[float, float, float]:
    """Solve e^u + u = 1 + c^2 t for both examples: the missing share of the margin, the angle, the norm over log t."""
    with mpmath.workdps(60):
        time = mpmath.exp(log_time)

        def product(length: float) -> mpmath.mpf:
            end = 1 + mpmath.mpf(length) ** 2 * time
            return mpmath.findroot(lambda u: u - mpmath.log(end - u), mpmath.log(end))

        long, short = product(b * r), product(b)
        w = (long / (b * r), short / b)
        norm, most = mpmath.hypot(*w), mpmath.hypot(1 / (b * r), 1 / b)
        angle = mpmath.atan2(w[1], w[0]) - mpmath.atan2(1 / b, 1 / (b * r))
        return float(1 - most * min(long, short) / norm), float(abs(angle)), float(norm / log_time)


@pytest.mark.parametrize(("b", "r"), [(1.0, 2.0), (0.5, 3.0)])
def test_what_is_missing_falls_like_the_constants_over_log_t(b: float, r: float) -> None:
    rate, log_time = theory.max_margin_rate(), 1e6
    margin, angle, growth = missing_share(b, r, log_time)
    np.testing.assert_allclose(margin * log_time, float(rate.at(r=r)), rtol=1e-4)
    np.testing.assert_allclose(angle * log_time, float(rate.at(part="angle", r=r)), rtol=1e-4)
    np.testing.assert_allclose(growth, float(rate.at(part="growth", b=b, r=r)), rtol=1e-4)


def test_the_multipliers_tell_the_constant() -> None:
    rate = theory.max_margin_rate()
    found = theory.hard_margin_separator([(3, 0), (0, 1)])
    few, many = sorted(found.multipliers)
    np.testing.assert_allclose(float(rate.at(part="multipliers", p=many, q=few)), float(rate.at(r=3)), rtol=1e-12)


def test_it_is_exact() -> None:
    assert theory.max_margin_rate().passed
    assert theory.max_margin_rate().evidence == "exact"
