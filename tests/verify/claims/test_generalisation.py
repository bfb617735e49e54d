"""Double descent and implicit bias: what the workers measure, and the claims at another seed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import numerics
from verify import Finding, Workbench
from verify.claims.generalisation import double_descent, implicit_bias, max_margin, poisoned_digits, second_descent

Tried = Callable[[str], tuple[list[Finding], Workbench]]


@pytest.mark.parametrize(
    "name", ["generalisation.double-descent", "generalisation.max-margin-bias", "generalisation.second-descent"]
)
def test_it_holds_at_another_seed_and_every_rival_falls(tried: Tried, name: str) -> None:
    findings, bench = tried(name)
    assert {str(finding.rival_position) for finding in findings} == {"disjoint"}
    assert bench.figures


def test_what_implicit_bias_says_of_digits_is_deferred_in_quick(deferred_in_quick: Callable[[str], int]) -> None:
    assert deferred_in_quick("generalisation.implicit-bias") == 10


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_without_a_penalty_the_fit_is_the_least_norm_solution_of_least_squares(
    ratio: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, torch.Tensor] = {}
    solve = torch.linalg.solve

    def spy(gram: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        seen["gram"], seen["right"] = gram, right
        solved: torch.Tensor = solve(gram, right)
        return solved

    monkeypatch.setattr(torch.linalg, "solve", spy)
    free = double_descent.excess_risks(3, examples=20, ratio=ratio, penalty=0.0, draws=5)["risk"]
    gram = seen["gram"]
    tiny = double_descent.excess_risks(3, examples=20, ratio=ratio, penalty=1e-9, draws=5)["risk"]
    np.testing.assert_allclose(free, tiny, rtol=1e-5)
    shift = seen["gram"] - gram
    np.testing.assert_allclose(shift[0].diagonal(), 20e-9, rtol=1e-3)
    assert gram.shape == (5, 10, 10) if ratio < 1 else (5, 20, 20)


def test_the_mean_risk_is_that_of_gaussian_inputs_at_every_size() -> None:
    """p sigma^2/(n - p - 1) below, r^2 (1 - n/p) + n sigma^2/(p - n - 1) above: inverse Wishart means."""
    for inputs, exact in ((10, 10 / 19 / 4), (60, 1 - 30 / 60 + 30 / 29 / 4)):
        risks = double_descent.excess_risks(7, examples=30, ratio=inputs / 30, penalty=0.0, draws=1500)["risk"]
        assert abs(risks.mean() - exact) < 4 * risks.std() / np.sqrt(len(risks))


def test_with_unequal_variances_errors_count_as_they_show_in_predictions() -> None:
    """Below the peak the variances do not matter, whatever they are: p sigma^2/(n - p - 1)."""
    risks = double_descent.excess_risks(7, examples=30, ratio=1 / 3, penalty=0.0, draws=1500, unequal=True)["risk"]
    assert abs(risks.mean() - 10 / 19 / 4) < 4 * risks.std() / np.sqrt(len(risks))


def test_a_model_that_grows_pays_for_what_it_misses_as_for_noise() -> None:
    """The means of inverse Wishart matrices at every size, with 30 examples and 10 or 45 inputs."""
    risks = second_descent.growing_risks(5, examples=30, draws=400)
    assert risks.keys() == second_descent.CASES.keys()
    for name, (decay, noise) in second_descent.CASES.items():
        few, many = ((1 + inputs / 30) ** -decay for inputs in (10, 45))
        exact = {
            0.35: few + (few + noise**2) * 10 / 19,
            1.5: many + (1 - many) * (1 - 30 / 45) + (many + noise**2) * 30 / 14,
        }
        for ratio, mean in exact.items():
            column = risks[name][:, second_descent.RATIOS.index(ratio)]
            assert abs(column.mean() - mean) < 4 * column.std() / 20


def test_the_best_ridge_risk_solves_its_equation() -> None:
    np.testing.assert_allclose(double_descent.best_ridge([1.0]), (np.sqrt(17) - 1) / 8, rtol=1e-9)


def test_ends_fit_all_examples_and_what_is_kept_is_orthogonal_to_the_least_fit() -> None:
    found = implicit_bias.ends(5, draws=4)
    products = (found["least"] * found["kept"]).sum(axis=1)
    np.testing.assert_allclose(products, 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(found["truth"], axis=1), 1, rtol=1e-12)
    assert (np.linalg.norm(found["kept"], axis=1) < 1).all()


def test_regressions_have_noise_of_a_quarter_and_sgd_begins_with_an_example_at_random(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = []
    inverse = torch.linalg.pinv

    def spy(x: torch.Tensor) -> torch.Tensor:
        inputs.append(x.numpy())
        return inverse(x)

    monkeypatch.setattr(torch.linalg, "pinv", spy)
    monkeypatch.setattr(implicit_bias, "STEPS", 0)
    monkeypatch.setattr(implicit_bias, "SINGLE_STEPS", 1)
    found = implicit_bias.ends(5, draws=100)
    (x,) = inputs
    assert abs(x.std() - 1) < 4 / np.sqrt(2 * x.size)
    assert not found["descent"].any()
    np.testing.assert_allclose(np.linalg.norm(found["elsewhere"], axis=1), 1, rtol=1e-12)  # that is, the other start
    products = (found["elsewhere"] * found["truth"]).sum(axis=1)
    assert abs(products.mean()) < 4 / np.sqrt(products.size * x.shape[2])
    noise = (x @ (found["least"] - found["truth"])[:, :, None])[:, :, 0]
    assert abs(noise.std() - 0.25) < 4 * 0.25 / np.sqrt(2 * noise.size)
    targets = (x @ found["least"][:, :, None])[:, :, 0]
    steps = targets[:, :, None] / np.square(x).sum(axis=2, keepdims=True) * x  # that of each example
    taken = np.abs(steps - found["sgd"][:, None]).max(axis=2) < 1e-12
    assert (taken.sum(axis=1) == 1).all()
    assert taken.any(axis=0).all()


def test_the_flow_of_one_example_is_where_its_equation_says() -> None:
    """In one dimension e^u + u = 1 + c^2 t for u = c w."""
    c, times = 1.5, np.array([0.5, 3.0, 30.0])
    u = c * max_margin.flow(np.array([[c]]), times)[:, 0]
    np.testing.assert_allclose(np.exp(u) + u, 1 + c**2 * np.exp(times), rtol=1e-8)


def test_descent_begins_at_zero_where_every_slope_is_a_half() -> None:
    examples = max_margin.separable_examples(5, sets=2)
    first = max_margin.flows(5, sets=2, steps=1)["descent"]
    rates = 4 / np.linalg.norm(examples, 2, axis=(1, 2)) ** 2
    np.testing.assert_allclose(first, rates[:, None] * examples.sum(axis=1) / 2, rtol=1e-12)


def test_descent_in_small_steps_is_beside_the_flow_and_longer_examples_are_separated_sooner() -> None:
    found = max_margin.flows(5, sets=2, steps=400)
    apart = np.linalg.norm(found["descent"] - found["beside"], axis=1)
    assert (apart < 0.1 * np.linalg.norm(found["beside"], axis=1)).all()
    examples = max_margin.separable_examples(5, sets=2)
    np.testing.assert_array_equal(examples, np.round(examples * 2**20) / 2**20)
    assert ((examples @ found["descent"][:, :, None]) > 0).all()


def test_fits_share_their_images_and_start_and_a_small_loss_leaves_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poisoned_digits, "POISON", (0, 25))
    runs, train = [], numerics.sgd

    def spy(network: numerics.Mlp, *problem: torch.Tensor, **options: Any) -> numerics.TrainingResult:
        result = train(network, *problem, **options)  # type: ignore[arg-type]
        runs.append((network, *problem[:3], result.theta))
        return result

    bent, operator = [], numerics.HessianOperator

    def listed(*problem: Any, theta: torch.Tensor) -> numerics.HessianOperator:
        bent.append((theta, problem[2]))
        return operator(*problem, theta=theta)

    monkeypatch.setattr(numerics, "sgd", spy)
    monkeypatch.setattr(numerics, "HessianOperator", listed)
    found = poisoned_digits.poisoned_fits(3, sets=2, steps=400, device="cpu")
    np.testing.assert_array_equal(found["right"][:, 0], poisoned_digits.TRAINING)
    assert (found["poison"][:, 0] == 1).all()
    assert (found["accuracy"][:, 0] > found["accuracy"][:, 1]).all()
    assert (found["distance"][:, 0] < found["distance"][:, 1]).all()
    np.testing.assert_allclose(found["loss"][:, 0], found["loss"][:, 1], rtol=0.1)
    assert (found["largest"] < found["trace"]).all()

    (network, start, shared, right_labels, clean), (_, again, x, given, worst), *longer = runs
    assert torch.equal(start, again)
    assert torch.equal(shared, x[:, : poisoned_digits.TRAINING])
    alike = torch.cat([end for *_, end in longer])
    for column, end in enumerate((alike, worst)):
        np.testing.assert_allclose(found["distance"][:, column], (end - start).norm(dim=1), rtol=1e-12)
        np.testing.assert_allclose(
            found["trace"][:, column], poisoned_digits.hessian_trace(network, end, shared), rtol=1e-12
        )
    for (theta, (seen_by_it, classes)), end, member in zip(bent, (*alike, *worst), (0, 1, 0, 1), strict=True):
        assert torch.equal(theta, end)
        assert torch.equal(seen_by_it, shared[member])
        assert torch.equal(classes, right_labels[member])
    images, labels = numerics.digits()
    places = {tuple(image): place for place, image in enumerate(images.tolist())}
    for member in range(2):
        seen = [places[tuple(image)] for image in x[member].tolist()]
        right = given[member] == labels[seen]
        assert right.tolist() == [True] * poisoned_digits.TRAINING + [False] * 25
        new = sorted(set(places.values()) - set(seen))
        assert len(new) == len(images) - len(x[member])
        for column, end in enumerate((clean, worst)):
            named = network.forward(end[member, None], images[new])[0].argmax(-1)
            assert found["accuracy"][member, column] == pytest.approx(float((named == labels[new]).double().mean()))


def test_the_trace_of_the_hessian_is_that_of_all_second_derivatives() -> None:
    network, loss = numerics.Mlp((3, 5, 4), "relu"), numerics.CrossEntropy()
    theta = network.init([0, 1])
    x = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for member in range(2):

        def value(own: torch.Tensor, x: torch.Tensor = x[member]) -> torch.Tensor:
            return loss.value(network.forward(own[None], x), torch.arange(6) % 4)[0]

        second = torch.autograd.functional.hessian(value, theta[member])
        found = poisoned_digits.hessian_trace(network, theta, x)[member]
        torch.testing.assert_close(found, second.trace())
