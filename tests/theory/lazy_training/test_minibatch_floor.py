"""The floor of minibatches: the noise by counting all batches, and the mean square by taking many steps."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

import theory


@pytest.mark.parametrize(("places", "size"), [(2, 1), (2, 3), (3, 2), (3, 6)])
def test_the_noise_is_the_variance_over_all_batches_and_that_of_two_outputs_is_independent(
    places: int, size: int
) -> None:
    samples, errors = 2 * places, {i: Fraction(-1 if i < places else 1) for i in range(2 * places)}
    batches = list(combinations(range(samples), size))

    def slope(batch: tuple[int, ...], place: int) -> Fraction:
        return Fraction(2, size) * sum((errors[i] for i in batch if i % places == place), Fraction(0))

    def common(first: int, second: int) -> Fraction:
        return sum((slope(one, first) * slope(one, second) for one in batches), Fraction(0)) / len(batches)

    noise = theory.minibatch_floor().parts["noise"].rhs
    named = {symbol.name: symbol for symbol in noise.free_symbols}
    value = noise.subs({named["m"]: samples, named["B"]: size, named["s"]: 1})
    assert common(0, 0) == Fraction(int(value.p), int(value.q))
    assert common(0, 1) == 0


@pytest.mark.parametrize("rate", [0.05, 0.8])
def test_the_mean_square_of_one_mode_comes_to_rest_where_the_derivation_says(rate: float) -> None:
    mode = theory.minibatch_floor().parts["mode"].rhs
    k, noise, places = 1.7, 0.3, 4
    given = {"eta": rate, "k": k, "v": noise, "G": places}
    value = float(mode.subs({symbol: given[symbol.name] for symbol in mode.free_symbols}))
    square = 5.0
    for _ in range(4000):
        square = (1 - 2 * rate * k / places) ** 2 * square + (rate * k) ** 2 * noise
    assert square == pytest.approx(value, rel=1e-12)


def test_a_batch_of_all_samples_has_no_floor() -> None:
    floor = theory.minibatch_floor().value
    named = {symbol.name: symbol for symbol in floor.free_symbols}
    assert floor.subs(named["B"], named["m"]) == 0


def test_where_all_labels_can_be_fitted_the_risk_falls_by_the_factor_on_average() -> None:
    """Least squares of three weights on three samples, a step with each of the batches of two."""
    x = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, -0.5], [0.3, 0.0, 1.0]])
    errors = np.array([1.0, -0.7, 0.4])
    m, size, rate = 3, 2, 0.05
    risk = np.mean(errors**2)
    slopes = 2 * errors[:, None] * x
    gradients = [slopes[list(batch)].mean(axis=0) for batch in combinations(range(m), size)]
    derivation = theory.minibatch_convergence()
    whole, each = np.sum(slopes.mean(axis=0) ** 2), np.mean(np.sum(slopes**2, axis=1))
    square = derivation.at(part="square", m=m, B=size, Q=str(each), G=str(whole))
    assert float(square) == pytest.approx(np.mean([gradient @ gradient for gradient in gradients]), rel=1e-12)
    values = np.linalg.eigvalsh(x @ x.T)
    given = {"mu": str(4 / m * values[0]), "L": str(2 / m * values[-1]), "k": str(np.max(np.sum(x**2, axis=1)))}
    factor = derivation.at(eta=str(rate), c="1/4", **given)
    after = np.mean([np.mean((errors - rate * x @ gradient) ** 2) for gradient in gradients])
    assert after <= float(factor) * risk < risk
    assert rate < float(derivation.at(part="largest rate", c="1/4", **given))
