"""The risk with random linear features, against simulation and against the risk without them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import theory


@pytest.mark.parametrize("features", [20, 90])
def test_it_is_the_risk_of_simulated_fits_to_a_random_frame(features: int) -> None:
    source, examples, inputs = np.random.default_rng(2), 40, 120
    beta = source.normal(size=inputs)
    beta /= np.linalg.norm(beta)
    risks = []
    for _ in range(150):
        frame = np.linalg.qr(source.normal(size=(inputs, features)))[0]
        x = source.normal(size=(examples, inputs))
        y = x @ beta + 0.5 * source.normal(size=examples)
        fitted = frame @ np.linalg.lstsq(x @ frame, y, rcond=None)[0]
        risks.append(np.sum((fitted - beta) ** 2))
    few = features < examples
    ratio, share = features / examples, features / inputs
    limit = float((theory.projected_risk if few else theory.wide_projected_risk)().at(q=ratio, s=share, r=1, sigma=0.5))
    assert abs(np.mean(risks) - limit) < 4 * np.std(risks) / np.sqrt(150) + 0.05 * limit


@settings(max_examples=12)
@given(q=st.floats(0.05, 0.95), sigma=st.floats(0.1, 2))
def test_features_that_miss_nothing_leave_the_risk_of_least_squares(q: float, sigma: float) -> None:
    few, many = theory.projected_risk().value, theory.wide_projected_risk().value

    def at(expression: object, **values: float) -> float:
        return float(expression.subs({one: values[one.name] for one in expression.free_symbols}))  # type: ignore[attr-defined]

    below, above = theory.underparameterised_risk(), theory.overparameterised_risk()
    known = float(below.value.subs({one: {"gamma": q, "sigma": sigma}[one.name] for one in below.value.free_symbols}))
    np.testing.assert_allclose(at(few, q=q, s=1, r=1, sigma=sigma), known, rtol=1e-9)
    places = {"gamma": 1 / q, "sigma": sigma, "r": 1}
    known = float(above.value.subs({one: places[one.name] for one in above.value.free_symbols}))
    np.testing.assert_allclose(at(many, q=1 / q, s=1, r=1, sigma=sigma), known, rtol=1e-9)


def test_both_sides_meet_in_one_peak_and_each_refuses_the_other() -> None:
    few, many = theory.projected_risk(), theory.wide_projected_risk()
    values = {"s": "1/3", "r": 2, "sigma": 1}
    assert few.at(part="peak", **values) == many.at(part="peak", **values)
    near = few.at(q="999/1000", **values) / 1000, many.at(q="1001/1000", **values) / 1000
    np.testing.assert_allclose([float(value) for value in near], float(few.at(part="peak", **values)), rtol=1e-2)
    for one, ratio in ((few, 2), (many, "1/2")):
        with pytest.raises(ValueError, match=r"q must lie in the domain"):
            one.at(q=ratio, **values)
