"""Paths of deep linear networks: the loss never exceeds the larger end."""

import itertools
from typing import Any

import numpy as np
import pytest

from theory.level_sets import linear_path
from theory.level_sets.parameter_path import layers_of

_SHAPES = [(1, 2, 1), (2, 3, 3), (3, 3, 2), (2, 4, 3, 3), (3, 2, 1), (3, 4, 4, 5, 3), (1, 2, 2, 2, 2), (4, 5, 4)]


def _product(theta: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
    product = np.eye(widths[0])
    for weight in layers_of(theta, widths):
        product = weight @ product
    return product


def _parameter(widths: tuple[int, ...], seed: int, kind: str) -> np.ndarray:
    """Random weights; some layers 0, of rank one, or deficient but for rounding."""
    source = np.random.default_rng(seed)
    weights = [source.normal(size=(b, a)) for a, b in itertools.pairwise(widths)]
    if kind == "zero":
        weights[0][:] = 0
    if kind == "all zero":
        weights = [0 * weight for weight in weights]
    if kind == "rank one":
        weights = [np.outer(weight[:, 0], weight[0]) for weight in weights]
    if kind == "annihilating":  # no layer is 0, the end-to-end matrix is
        weights[0][1:] = 0
        weights[1][:, 0] = 0
    if kind == "nearly deficient":
        for weight in weights:
            weight[-1] = weight[0] * (1 + 1e-9)
    return np.concatenate([weight.ravel() for weight in weights])


@pytest.mark.parametrize(
    "kinds",
    [
        ("full", "full"),
        ("zero", "full"),
        ("rank one", "all zero"),
        ("full", "nearly deficient"),
        ("annihilating", "full"),
    ],
)
@pytest.mark.parametrize("widths", _SHAPES)
def test_no_convex_loss_exceeds_the_larger_end(widths: tuple[int, ...], kinds: tuple[str, str]) -> None:
    start, end = (_parameter(widths, seed, kind) for seed, kind in enumerate(kinds))
    source = np.random.default_rng(7)
    x, y = source.normal(size=(widths[0], 6)), source.normal(size=(widths[-1], 6))
    sample = linear_path(widths, start, end).sample(8)
    assert np.array_equal(sample[0], start)
    assert np.array_equal(sample[-1], end)
    products = [_product(theta, widths) for theta in sample]
    for losses in (
        [float(((product @ x - y) ** 2).sum()) for product in products],
        [float(abs(product @ x - y).sum()) for product in products],
        [float(np.exp(product).sum()) for product in products],
    ):
        assert max(losses) - max(losses[0], losses[-1]) <= 1e-12 * max(1.0, losses[0], losses[-1])


@pytest.mark.parametrize("widths", _SHAPES)
def test_the_end_to_end_matrix_runs_straight(widths: tuple[int, ...]) -> None:
    start, end = _parameter(widths, 1, "rank one"), _parameter(widths, 2, "full")
    first, last = _product(start, widths), _product(end, widths)
    for theta in linear_path(widths, start, end).sample(8):
        moved = _product(theta, widths) - first
        share = (moved * (last - first)).sum() / ((last - first) ** 2).sum()
        np.testing.assert_allclose(
            moved, share * (last - first), atol=1e-12 * max(1, abs(last).max(), abs(first).max())
        )


@pytest.mark.parametrize(
    "scales",
    [(1e-60, 1e-60, 1e-60), (1e-150, 1e-150, 1e-150), (1e-110, 1e55, 1e55), (1e90, 1e90, 1e90), (1e250, 1e-300, 1e40)],
)
@pytest.mark.parametrize("widths", [(2, 3, 3, 2), (4, 3, 4, 2)])
def test_no_scale_of_a_layer_takes_the_path_off(widths: tuple[int, ...], scales: tuple[float, ...]) -> None:
    """From where the layers are scaled to random weights times the mean scale: the outputs run straight."""
    mean = 10 ** float(np.log10(scales).mean())
    start, end = (
        np.concatenate([c * w.ravel() for c, w in zip(factors, layers_of(theta, widths), strict=True)])
        for factors, theta in ((scales, _parameter(widths, 5, "full")), ([mean] * 3, _parameter(widths, 6, "rank one")))
    )

    def product(theta: np.ndarray) -> np.ndarray:
        """In units of the scales' product."""
        weights = layers_of(theta, widths)
        sizes = [max(abs(weight).max(), 1e-300) for weight in weights]
        whole = _product(np.concatenate([(w / c).ravel() for w, c in zip(weights, sizes, strict=True)]), widths)
        return np.asarray(whole * np.exp(np.log(sizes).sum() - np.log(scales).sum()))

    path = linear_path(widths, start, end)
    first, last = product(start), product(end)
    for theta in path.sample(3):
        moved = product(theta) - first
        share = (moved * (last - first)).sum() / ((last - first) ** 2).sum()
        assert -1e-11 <= share <= 1 + 1e-11
        np.testing.assert_allclose(moved, share * (last - first), atol=1e-11 * abs(last - first).max())
    assert abs(path.sample(3)).max() <= 100 * max(abs(start).max(), abs(end).max())


def test_large_weights_that_annihilate_each_other_are_joined() -> None:
    widths = (2, 3, 3, 2)
    start = 1e150 * _parameter(widths, 1, "annihilating")
    path = linear_path(widths, start, 1e150 * _parameter(widths, 2, "annihilating"))
    assert max(abs(_product(theta / 1e150, widths)).max() for theta in path.sample(4)) < 1e-13


def test_the_pieces_join_and_are_continuous() -> None:
    path = linear_path((2, 3, 4, 3), _parameter((2, 3, 4, 3), 3, "rank one"), _parameter((2, 3, 4, 3), 4, "full"))
    for before, after in zip(path.pieces[:-1], path.pieces[1:], strict=True):
        np.testing.assert_allclose(before(1.0), after(0.0), atol=1e-12)
    for piece in path.pieces:
        steps = [abs(np.diff([piece(k / count) for k in range(count + 1)], axis=0)).max() for count in (64, 256)]
        assert steps[1] <= steps[0] / 2 + 1e-12


def test_two_factorisations_of_one_scalar_are_joined_at_loss_zero() -> None:
    """w1 w2 = 1 has two components with one hidden unit, and one with two."""
    path = linear_path((1, 2, 1), [1, 0, 1, 0], [-1, 0, -1, 0])
    assert max(abs(theta[:2] @ theta[2:] - 1) for theta in path.sample(16)) <= 1e-14


def test_without_hidden_layers_the_path_is_straight() -> None:
    np.testing.assert_array_equal(linear_path((2, 1), [0, 0], [2, 4]).at(0.5), [1, 2])


@pytest.mark.parametrize(
    ("widths", "start", "message"),
    [
        ((2, 2, 2), [0] * 8, "widths must exceed min\\(n_0, n_L\\) = 2 in every hidden layer, got 2 in 1"),
        ((2,), [0] * 8, "widths must be at least two integers >= 1"),
        ((2, 0, 2), [0] * 8, "widths must be at least two integers >= 1"),
        ((1, 2, 1), [0] * 3, "start must be a vector of 4 parameters, got the shape \\(3,\\)"),
        ((1, 2, 1), [0, 0, 0, np.nan], "start must be finite"),
        ((1, 2, 1), ["a"] * 4, "start must hold real numbers"),
        ((1, 2, 1), [[1], [1, 2]], "start must hold real numbers in equal rows"),
        (5, [0] * 4, "widths must be at least two integers >= 1, got 5"),
        ((1, 2, 1), [1e305] * 4, "start must have weights below 2\\^1000, got one of 2\\^1013"),
        ((1, 2, 1), [1e200] * 4, "start must have an end-to-end matrix below 2\\^1000, got one of 2\\^13"),
    ],
)
def test_bad_input_is_refused(widths: Any, start: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        linear_path(widths, start, start)
