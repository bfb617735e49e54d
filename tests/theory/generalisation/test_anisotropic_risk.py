"""The risk with unequal variances, against simulation, the case of equal ones, and limits."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import theory


def simulated(ratio: float, variances: list[float], signals: list[float], noise: float, penalty: float) -> np.ndarray:
    """Risks of fits to 80 examples, with equal shares of each variance."""
    source, examples = np.random.default_rng(3), 80
    inputs = round(ratio * examples)
    spread = np.repeat(variances, inputs // len(variances))
    beta = np.repeat(np.sqrt(np.array(signals) * len(variances) / inputs), inputs // len(variances))
    risks = []
    for _ in range(120):
        x = source.normal(size=(examples, inputs)) * np.sqrt(spread)
        y = x @ beta + noise * source.normal(size=examples)
        if penalty:
            fitted = np.linalg.solve(x.T @ x + examples * penalty * np.eye(inputs), x.T @ y)
        else:
            fitted = np.linalg.lstsq(x, y, rcond=None)[0]
        risks.append(((fitted - beta) ** 2 * spread).sum())
    return np.array(risks)


@pytest.mark.parametrize(("ratio", "penalty"), [(0.5, 0.0), (2.0, 0.0), (2.0, 0.3), (0.6, 0.2)])
def test_it_is_the_risk_of_simulated_fits(ratio: float, penalty: float) -> None:
    variances, signals = [2.0, 0.25], [0.4, 0.6]
    limit = sum(
        theory.anisotropic_risk(
            ratio, variances=variances, shares=[0.5, 0.5], signals=signals, noise=0.5, penalty=penalty
        )
    )
    risks = simulated(ratio, variances, signals, 0.5, penalty)
    assert abs(risks.mean() - limit) < 4 * risks.std() / np.sqrt(len(risks)) + 0.03 * limit


def test_three_variances_of_which_two_are_equal_are_two() -> None:
    two = theory.anisotropic_risk(3, variances=[1, 4], shares=[0.5, 0.5], signals=[1, 2], noise=1, penalty=0.1)
    three = theory.anisotropic_risk(
        3, variances=[1, 4, 4], shares=[0.5, 0.2, 0.3], signals=[1, 0.5, 1.5], noise=1, penalty=0.1
    )
    np.testing.assert_allclose(two, three, rtol=1e-12)


@settings(max_examples=15)
@given(ratio=st.floats(0.2, 4), v=st.floats(0.05, 3), a=st.floats(0.2, 3), b=st.floats(0.2, 3), w=st.floats(0.1, 0.9))
def test_floats_and_the_derivation_agree(ratio: float, v: float, a: float, b: float, w: float) -> None:
    derivation = theory.anisotropic_ridge_risk()
    values = {"gamma": ratio, "v": v, "a": a, "b": b, "w": w, "alpha": 0.3, "beta": 0.8, "sigma": 0.7}

    def at(equation: sp.Expr) -> float:
        return float(equation.subs({symbol: values[symbol.name] for symbol in equation.free_symbols}))

    penalty = at(derivation.parts["penalty"].rhs)
    if penalty > 1e-3:
        bias, variance = theory.anisotropic_risk(
            ratio, variances=[a, b], shares=[w, 1 - w], signals=[0.3, 0.8], noise=0.7, penalty=penalty
        )
        np.testing.assert_allclose(bias, at(derivation.parts["bias"].rhs), rtol=1e-6)
        np.testing.assert_allclose(variance, at(derivation.parts["variance"].rhs), rtol=1e-6)


@pytest.mark.parametrize("ratio", [0.3, 1.7, 5.0])
def test_equal_variances_give_the_risk_that_was_known(ratio: float) -> None:
    found = theory.anisotropic_risk(ratio, variances=[1, 1], shares=[0.3, 0.7], signals=[0.2, 0.8], noise=0.5)
    below, above = theory.underparameterised_risk(), theory.overparameterised_risk()
    known = below.at(gamma=ratio, sigma=0.5) if ratio < 1 else above.at(gamma=ratio, sigma=0.5, r=1)
    np.testing.assert_allclose(sum(found), float(known), rtol=1e-10)


def test_the_derivation_is_exact_and_refuses_what_no_penalty_gives() -> None:
    derivation = theory.anisotropic_ridge_risk()
    assert derivation.passed
    assert derivation.evidence == "exact"
    assert derivation.at(part="below", gamma="1/2", sigma=1) == 1
    with pytest.raises(ValueError, match=r"must lie in the domain .*, got "):
        derivation.at(part="penalty", gamma=2, v=3, a=1, b=1, w="1/2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signals": [1]}, "variances, shares and signals must be as many, got 2, 2 and 1"),
        ({"shares": [0.5, 0.6]}, r"shares must sum to 1, got the sum 1\.1"),
        ({"variances": [0, 1]}, "variances must be > 0, got 0"),
        ({"shares": [-0.5, 1.5]}, r"shares must be > 0, got -0\.5"),
        ({"signals": [-1, 1]}, "signals must be >= 0, got -1"),
        ({"signals": [np.inf, 1]}, "signals must be finite"),
        ({"ratio": 1}, "ratio must not be 1 without a penalty"),
        ({"ratio": np.inf}, "ratio must be finite, got inf"),
        ({"penalty": 5e-324}, "all numbers must be 0 or lie between 1e-12 and 1e\\+12, got 4.94066e-324 to 2"),
        ({"noise": 1e300}, "all numbers must be 0 or lie between"),
        ({"noise": np.inf}, "noise must be finite, got inf"),
        ({"penalty": -1}, "penalty must be >= 0, got -1"),
    ],
)
def test_what_is_out_of_range_is_refused(change: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"ratio": 2, "variances": [1, 2], "shares": [0.5, 0.5], "signals": [1, 1], "noise": 1}
    with pytest.raises(ValueError, match=message):
        theory.anisotropic_risk(**(good | change))  # type: ignore[arg-type]
