"""The saddle of a product of weights, against numerical integration of the flow."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

import theory


def _time(layers: int, size: float, target: float) -> float:
    """Time from weights of one size to half the target, by quadrature in log w."""
    end = math.log((target / 2) ** (1 / layers))

    def spent(log_w: float) -> float:
        w = math.exp(log_w)
        return w / (w ** (layers - 1) * (target - w**layers))

    return float(quad(spent, math.log(size), end, epsabs=0, epsrel=1e-11, limit=200)[0])


@pytest.mark.parametrize("name", ["product_saddle", "two_layer_escape_time", "deep_escape_time"])
def test_each_is_proved_exactly(name: str) -> None:
    assert getattr(theory, name)().passed
    assert getattr(theory, name)().evidence == "exact"


@pytest.mark.parametrize(("size", "target"), [("1/10", "1"), ("1/1000", "2"), ("1/100000", "1/2")])
def test_the_time_from_two_weights_is_that_of_the_quadrature(size: str, target: str) -> None:
    exact = float(theory.two_layer_escape_time().at(delta=size, y=target))
    np.testing.assert_allclose(exact, _time(2, float(Fraction(size)), float(Fraction(target))), rtol=1e-10)


@pytest.mark.parametrize("layers", [3, 4, 5, 7])
@pytest.mark.parametrize("target", [0.5, 1.0, 3.0])
def test_the_rest_of_the_time_from_more_weights_is_within_its_bounds(layers: int, target: float) -> None:
    derivation = theory.deep_escape_time()
    end = (target / 2) ** (1 / layers)
    symbols = derivation.parts["below"].rhs.free_symbols | derivation.value.free_symbols
    values = {str(symbol): symbol for symbol in symbols}
    place = {values["K"]: layers, values["y"]: target, values["w"]: end}
    below, above = (float(derivation.parts[part].rhs.subs(place)) for part in ("below", "above"))
    for size in (0.3, 0.1, 0.05):
        leading = float(derivation.value.subs({values["K"]: layers, values["y"]: target, values["delta"]: size}))
        rest = _time(layers, size * end, target) - leading * end ** (2 - layers)
        assert -below < rest < above


def test_the_flow_of_all_weights_takes_the_time_of_one() -> None:
    def flow(_: float, w: np.ndarray) -> np.ndarray:
        return np.asarray((1 - w.prod()) * w.prod() / w)

    def half(_: float, w: np.ndarray) -> float:
        return float(w.prod() - 0.5)

    half.terminal = True  # type: ignore[attr-defined]
    way = solve_ivp(flow, (0, 1e4), np.full(3, 0.05), events=half, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(way.t_events[0][0], _time(3, 0.05, 1.0), rtol=1e-7)
    np.testing.assert_allclose(way.y[0], way.y[2], rtol=1e-9)


def test_the_loss_on_a_ray_has_no_power_below_the_number_of_layers() -> None:
    v, y = np.array([1.0, 2.0, 0.5, 3.0]), 1.5
    for s in (0.1, 0.3):
        change = ((s * v).prod() - y) ** 2 / 2 - y**2 / 2
        exact = theory.product_saddle().at(K=4, V=3, y="3/2", s=str(s))
        np.testing.assert_allclose(change, float(exact), rtol=1e-12)
    assert theory.product_saddle().parts["gradient"].rhs == 0


def test_times_need_small_weights() -> None:
    with pytest.raises(ValueError, match=r"must lie in the domain .*, got "):
        theory.two_layer_escape_time().at(delta=1, y=1)
    with pytest.raises(ValueError, match=r"K must lie in the domain .*, got K = 2"):
        theory.deep_escape_time().at(K=2, y=1, delta="1/10")
