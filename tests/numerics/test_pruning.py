"""Masks, rounds and scores: laws of what is kept, torch's own derivatives, and what no optimiser may revive."""

from itertools import pairwise, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from numerics import (
    CrossEntropy,
    FunctionalModule,
    LocalEntropy,
    Mlp,
    SharpnessAware,
    TrainingResult,
    WeightAverage,
    adam,
    gradient_descent,
    grasp_scores,
    iterative_pruning,
    kept_shares,
    magnitude_mask,
    mask_of_largest,
    prune_module,
    random_mask,
    removed_shares,
    sgd,
    shuffled_mask,
    snip_scores,
    synflow_mask,
    synflow_scores,
)

NETWORK = Mlp((3, 5, 4, 2), "relu", bias=True)
WEIGHTS = 15 + 20 + 8


def _biases() -> Tensor:
    place = torch.ones(NETWORK.parameters, dtype=torch.bool)
    for start, middle, _ in NETWORK.spans:
        place[start:middle] = False
    return place


def _problem(members: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(members, 12, 3, generator=generator, dtype=torch.float64)
    theta = NETWORK.init(range(members), sigma_w=1.4, sigma_b=0.3)
    return theta, x, torch.randint(0, 2, (members, 12), generator=generator)


class TestMasks:
    @settings(max_examples=30)
    @given(sparsity=st.floats(0, 0.9), scope=st.sampled_from(["global", "layer"]), seed=st.integers(0, 2**40))
    def test_of_so_many_weights_the_same_share_is_left_and_every_bias(
        self, sparsity: float, scope: str, seed: int
    ) -> None:
        theta = NETWORK.init([seed, seed + 1])
        mask = magnitude_mask(NETWORK, theta, sparsity=sparsity, scope=scope)  # type: ignore[arg-type]
        assert mask[:, _biases()].all()
        sizes = [15, 20, 8]
        left = (kept_shares(NETWORK, mask) * torch.tensor(sizes)).round()
        if scope == "global":
            assert left.sum(1).tolist() == [WEIGHTS - round(sparsity * WEIGHTS)] * 2
        else:
            assert left.tolist() == [[size - round(sparsity * size) for size in sizes]] * 2

    def test_what_is_kept_is_larger_than_what_is_removed(self) -> None:
        theta = NETWORK.init([0, 1])
        mask = magnitude_mask(NETWORK, theta, sparsity=0.6)
        for own, kept in zip(theta.abs(), mask, strict=True):
            assert own[kept & ~_biases()].min() > own[~kept].max()

    @given(seed=st.integers(0, 2**40), one=st.floats(0, 0.9), other=st.floats(0, 0.9))
    @settings(max_examples=20)
    def test_masks_of_one_network_are_nested(self, seed: int, one: float, other: float) -> None:
        theta = NETWORK.init([seed])
        few, many = (magnitude_mask(NETWORK, theta, sparsity=share) for share in (max(one, other), min(one, other)))
        assert not (few & ~many).any()
        assert torch.equal(few, magnitude_mask(NETWORK, theta, sparsity=max(one, other), within=many))

    def test_removed_weights_stay_removed_even_if_they_are_the_largest(self) -> None:
        network = Mlp((2, 2))
        within = torch.tensor([[False, True, True, True]])
        mask = magnitude_mask(network, torch.tensor([[9.0, 1.0, 2.0, 3.0]]), sparsity=0.5, within=within)
        assert mask.tolist() == [[False, False, True, True]]

    def test_of_equal_scores_the_first_is_kept(self) -> None:
        assert mask_of_largest(Mlp((4, 1)), torch.ones(1, 4), sparsity=0.5).tolist() == [[True, True, False, False]]

    def test_random_masks_depend_on_their_seed_alone_and_keep_every_weight_alike(self, device: str) -> None:
        network = Mlp((5, 4, 5))
        masks = random_mask(network, sparsity=0.75, seeds=range(2000), device=device)
        assert masks.sum(1).unique().tolist() == [10]
        assert torch.equal(masks[3:4], random_mask(network, sparsity=0.75, seeds=[3], device=device))
        share = masks.double().mean(0)
        error = (0.25 * 0.75 / 2000) ** 0.5
        assert float((share - 0.25).abs().max()) < 5 * error

    def test_a_shuffled_mask_has_the_layers_of_the_other_and_nothing_else(self) -> None:
        network = Mlp((20, 20, 10))
        mask = magnitude_mask(network, network.init(range(40)), sparsity=0.9)
        shuffled = shuffled_mask(network, mask, seeds=range(40))
        assert torch.equal(kept_shares(network, shuffled), kept_shares(network, mask))
        common = float((mask & shuffled).sum()) / float(mask.sum())
        assert 0.05 < common < 0.2  # by chance about a tenth

    @pytest.mark.usefixtures("unchecked")
    def test_bad_input(self) -> None:
        theta, all_kept = NETWORK.init([0]), torch.ones(1, NETWORK.parameters, dtype=torch.bool)
        for sparsity in (-0.1, float("nan"), "a"):
            with pytest.raises(ValueError, match="sparsity must be a finite number >= 0, got"):
                magnitude_mask(NETWORK, theta, sparsity=sparsity)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"sparsity must be below 1 and leave the network a weight, got 1.0 of 43"):
            magnitude_mask(NETWORK, theta, sparsity=1.0)
        with pytest.raises(ValueError, match=r"leave every layer a weight, got 0.95 of 8 weights"):
            magnitude_mask(NETWORK, theta, sparsity=0.95, scope="layer")
        with pytest.raises(ValueError, match=r"scope must be \"global\" or \"layer\", got 'unit'"):
            magnitude_mask(NETWORK, theta, sparsity=0.5, scope="unit")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"theta must have shape \(members, 54\), got \(1, 4\)"):
            magnitude_mask(NETWORK, torch.ones(1, 4), sparsity=0.5)
        with pytest.raises(ValueError, match="scores must be finite"):
            mask_of_largest(NETWORK, theta * torch.nan, sparsity=0.5)
        with pytest.raises(ValueError, match=r"within must be truth values of shape .* on cpu, got torch.bool"):
            magnitude_mask(NETWORK, theta, sparsity=0.5, within=all_kept[:, :3])
        few = random_mask(NETWORK, sparsity=0.8, seeds=[0])
        with pytest.raises(ValueError, match=r"within must have 21 weights left to keep at sparsity 0.5, got 9"):
            magnitude_mask(NETWORK, theta, sparsity=0.5, within=few)
        with pytest.raises(TypeError, match="network must be an Mlp or a FunctionalModule, got Linear"):
            magnitude_mask(nn.Linear(2, 2), theta, sparsity=0.5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="network must be an Mlp or a FunctionalModule, got Linear"):
            random_mask(nn.Linear(2, 2), sparsity=0.5, seeds=[0])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="network must have weights, parameters with two or more axes, got none"):
            random_mask(FunctionalModule(nn.LayerNorm(3)), sparsity=0.5, seeds=[0])
        with pytest.raises(TypeError, match="within must be a torch tensor, got list"):
            magnitude_mask(NETWORK, theta, sparsity=0.5, within=[True])  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="mask must be a torch tensor, got list"):
            kept_shares(NETWORK, [True])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"mask must be truth values of shape \(1, 54\), got torch.float64"):
            kept_shares(NETWORK, theta)
        with pytest.raises(ValueError, match="seeds must hold one integer per member, 1, got 2"):
            shuffled_mask(NETWORK, all_kept, seeds=[0, 1])
        with pytest.raises(ValueError, match="seeds must be a sequence of one integer"):
            shuffled_mask(NETWORK, all_kept, seeds=None)  # type: ignore[arg-type]


class TestViewsOfModules:
    """A view of the module that is a perceptron has its masks, and any other the same number of weights."""

    def test_a_perceptron_as_a_module_has_the_masks_and_scores_of_the_perceptron(self) -> None:
        view = FunctionalModule(
            nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)).double()
        )
        theta, x, y = _problem()
        for scope in ("global", "layer"):
            masks = [magnitude_mask(net, theta, sparsity=0.6, scope=scope) for net in (NETWORK, view)]  # type: ignore[arg-type]
            assert torch.equal(*masks)
            assert torch.equal(kept_shares(NETWORK, masks[0]), kept_shares(view, masks[0]))
            shuffled = [shuffled_mask(net, masks[0], seeds=range(3)) for net in (NETWORK, view)]
            assert torch.equal(*shuffled)
        drawn = [random_mask(net, sparsity=0.6, seeds=[4]) for net in (NETWORK, view)]
        assert torch.equal(*drawn)
        problem = theta, x[0], y[0], CrossEntropy()
        for score in (snip_scores, grasp_scores):
            torch.testing.assert_close(*(score(net, *problem) for net in (NETWORK, view)), rtol=1e-9, atol=1e-14)
        flows = [synflow_scores(net, theta, masks[0], shape=(3,)) for net in (NETWORK, view)]
        torch.testing.assert_close(*flows, rtol=1e-12, atol=0)
        flows = [synflow_mask(net, theta, sparsity=0.7, rounds=3, shape=(3,)) for net in (NETWORK, view)]
        assert torch.equal(*flows)

    def test_a_module_with_a_norm_is_pruned_in_rounds_and_keeps_its_scales(self) -> None:
        module = nn.Sequential(nn.Conv1d(1, 4, 3), nn.Flatten(), nn.LayerNorm(16), nn.Linear(16, 2))
        view, x, y = FunctionalModule(module), torch.randn(8, 1, 6), torch.arange(8) % 2

        def train(start: Tensor, mask: Tensor) -> Tensor:
            return adam(view, start, x, y, CrossEntropy(), learning_rate=0.01, steps=2, mask=mask).theta

        found = iterative_pruning(view, view.theta, train, sparsity=0.5, rounds=2)
        assert list(view.weights) == ["0.weight", "3.weight"]
        assert prune_module(module, found.masks[-1][0]) == (12 + 32) // 2
        torch.testing.assert_close(module(x), view.forward(view.theta * found.masks[-1], x)[0])


class TestConvolutions:
    """Scores of a module with shared weights: derivatives with respect to one factor on each weight, by torch."""

    def test_snip_and_grasp_are_derivatives_by_factors_on_the_weights(self, device: str) -> None:
        module = nn.Sequential(nn.Conv2d(2, 3, 2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 3))
        view = FunctionalModule(module.double().to(device))
        theta = view.init([0, 1], sigma_w=1.5, sigma_b=0.3)
        x = torch.randn(6, 2, 5, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(device)
        y = torch.tensor([0, 1, 2, 2, 1, 0], device=device)
        factors = torch.ones_like(theta).requires_grad_()

        def half_square_of_gradient(temperature: float) -> Tensor:
            point = factors * theta
            value = CrossEntropy().value(view.forward(point, x) / temperature, y).sum()
            return torch.autograd.grad(value, point, create_graph=True)[0].square().sum() / 2

        counted = torch.zeros(view.parameters, device=device, dtype=torch.float64)
        for place in view.weights.values():
            counted[place] = 1
        value = CrossEntropy().value(view.forward(factors * theta, x), y).sum()
        expected = torch.autograd.grad(value, factors)[0].abs() * counted
        torch.testing.assert_close(snip_scores(view, theta, x, y, CrossEntropy()), expected, rtol=1e-9, atol=1e-15)
        for temperature in (1.0, 200.0):
            expected = torch.autograd.grad(half_square_of_gradient(temperature), factors)[0] * counted
            found = grasp_scores(view, theta, x, y, CrossEntropy(), temperature=temperature)
            torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-18)

    def test_synaptic_flow_counts_the_paths_of_every_place_and_is_conserved_by_channel(self) -> None:
        layers = nn.Conv1d(2, 3, 2), nn.ReLU(), nn.Conv1d(3, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)
        view = FunctionalModule(nn.Sequential(*layers).double())
        theta = view.init([0, 1], sigma_b=0.5)
        mask = random_mask(view, sparsity=0.3, seeds=[5, 6])
        scores = view.unflatten(synflow_scores(view, theta, mask, shape=(2, 5)))
        first, second, last = (scores[f"{place}.weight"] for place in (0, 2, 5))
        total = first.sum((1, 2, 3))
        for own in range(2):
            weights = {name: value[own].abs() for name, value in view.unflatten(theta * mask).items()}
            ones = torch.ones(1, 2, 5, dtype=torch.float64)
            inner = nn.functional.conv1d(nn.functional.conv1d(ones, weights["0.weight"]), weights["2.weight"])
            assert float(total[own]) == pytest.approx(float((weights["5.weight"] @ inner.flatten()).sum()), rel=1e-12)
        torch.testing.assert_close(first.sum((2, 3)), second.sum((1, 3)), rtol=1e-12, atol=0)  # into and out of each
        torch.testing.assert_close(second.sum((2, 3)), last.unflatten(2, (4, 3)).sum((1, 3)), rtol=1e-12, atol=0)
        assert not any(value.any() for name, value in scores.items() if name.endswith("bias"))

    def test_synaptic_flow_goes_through_pooling_and_norms_whose_scales_are_kept(self) -> None:
        norm = nn.BatchNorm1d(4)
        layers = nn.Conv1d(1, 4, 3), norm, nn.LeakyReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(8, 2)
        view = FunctionalModule(nn.Sequential(*layers).eval())
        theta = view.theta
        theta[0, view.layers["1.weight"]] = torch.tensor([-2.0, 1.0, 1.0, 0.0])
        scores = view.unflatten(synflow_scores(view, theta, shape=(1, 6)))
        assert scores["0.weight"][0].sum((1, 2)).gt(0).tolist() == [True, True, True, False]
        torch.testing.assert_close(scores["0.weight"].sum(), scores["5.weight"].sum())
        assert not scores["1.weight"].any()
        mask = synflow_mask(view, theta, sparsity=0.8, shape=(1, 6))
        assert kept_shares(view, mask).min() > 0
        assert mask[0, view.layers["1.weight"]].all()

    def test_the_stored_mean_of_a_norm_counts_as_a_bias_and_its_deviation_as_a_factor(self) -> None:
        module = nn.Sequential(nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
        module(torch.randn(9, 1, 6, generator=torch.Generator().manual_seed(0)) + 2)
        view = FunctionalModule(module.eval())
        scores = synflow_scores(view, view.theta, shape=(1, 6))
        module[1].running_mean.zero_()
        plain = FunctionalModule(module)
        assert torch.equal(scores, synflow_scores(plain, view.theta, shape=(1, 6)))
        module[1].running_var.mul_(4)
        less = synflow_scores(FunctionalModule(module), view.theta, shape=(1, 6))
        torch.testing.assert_close(less, scores / 2, rtol=1e-4, atol=0)
        assert kept_shares(view, synflow_mask(view, view.theta, sparsity=0.8, shape=(1, 6))).min() > 0

    @pytest.mark.usefixtures("unchecked")
    def test_bad_input(self) -> None:
        view = FunctionalModule(nn.Linear(3, 2))
        for shape in (None, 3, ()):
            with pytest.raises(ValueError, match="shape must be that of one example, a tuple, for a module, got"):
                synflow_scores(view, view.theta, shape=shape)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"shape\[0\] must be an integer >= 1, got 0"):
            synflow_scores(view, view.theta, shape=(0,))
        with pytest.raises(ValueError, match=r"shape must be that of an example that the module takes, got \(4,\)"):
            synflow_mask(view, view.theta, sparsity=0.5, shape=(4,))
        with pytest.raises(ValueError, match=r"shape must be None or \(3,\), the network's inputs, got \(4,\)"):
            synflow_scores(NETWORK, NETWORK.init([0]), shape=(4,))
        smooth = FunctionalModule(nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)))
        with pytest.raises(ValueError, match="network must double its outputs, with absolute weights and no biases"):
            synflow_scores(smooth, smooth.theta, shape=(3,))

        class Turned(nn.Linear):
            def forward(self, input: Tensor) -> Tensor:
                return (-super().forward(input)).relu()

        turned = FunctionalModule(nn.Sequential(Turned(3, 2), nn.Linear(2, 1)))
        with pytest.raises(ValueError, match="network must have outputs other than 0 with absolute weights and no"):
            synflow_mask(turned, turned.theta, sparsity=0.5, shape=(3,))


class TestRounds:
    @given(sparsity=st.floats(0, 0.99), rounds=st.integers(1, 20))
    def test_every_round_removes_the_same_share_of_what_is_left(self, sparsity: float, rounds: int) -> None:
        shares = removed_shares(sparsity, rounds)
        assert shares[-1] == sparsity
        assert len(shares) == rounds
        left = [1 - (1 - after) / (1 - before) for before, after in pairwise((0.0, *shares))]
        assert left == pytest.approx([1 - (1 - sparsity) ** (1 / rounds)] * rounds, abs=1e-9)

    def test_every_round_starts_from_the_same_weights_with_a_mask_inside_the_last(self) -> None:
        theta, x, y = _problem()
        starts: list[Tensor] = []

        def train(start: Tensor, mask: Tensor) -> Tensor:
            starts.append(start)
            return adam(NETWORK, start, x, y, CrossEntropy(), learning_rate=0.05, steps=5, mask=mask).theta

        found = iterative_pruning(NETWORK, theta, train, sparsity=0.8, rounds=3)
        assert repr(found) == "PruningRounds(3 rounds of 3 members)"
        for start, mask in zip(starts, found.masks[:3], strict=True):
            assert torch.equal(start, theta * mask)
        for before, after, trained in zip(found.masks, found.masks[1:], found.trained, strict=False):
            assert not (after & ~before).any()
            assert not trained[~before].any()
        assert kept_shares(NETWORK, found.masks[-1]).shape == (3, 3)
        assert found.masks[-1][:, ~_biases()].sum(1).tolist() == [WEIGHTS - round(0.8 * WEIGHTS)] * 3

    def test_one_round_is_one_shot(self) -> None:
        theta, *_ = _problem()
        found = iterative_pruning(NETWORK, theta, lambda start, mask: start.sin(), sparsity=0.7, rounds=1)
        assert torch.equal(found.masks[1], magnitude_mask(NETWORK, theta.sin(), sparsity=0.7))

    def test_what_is_handed_back_holds_no_graph(self) -> None:
        theta, *_ = _problem()
        found = iterative_pruning(
            NETWORK, theta, lambda start, mask: start.clone().requires_grad_(), sparsity=0.5, rounds=2
        )
        assert not found.trained.requires_grad

    def test_a_control_may_start_from_other_weights(self) -> None:
        theta, *_ = _problem()
        seen: list[Tensor] = []

        def train(start: Tensor, mask: Tensor) -> Tensor:
            seen.append(start)
            return start

        iterative_pruning(NETWORK, theta, train, sparsity=0.5, rounds=3, restart=lambda done: theta + done)
        assert torch.equal(seen[0], theta)
        assert [float((start - theta)[start != 0].mean().round()) for start in seen] == [0, 1, 2]

    @pytest.mark.usefixtures("unchecked")
    def test_bad_input(self) -> None:
        theta, *_ = _problem()
        with pytest.raises(ValueError, match=r"sparsity must lie in \[0, 1\), got 1"):
            removed_shares(1, 2)
        with pytest.raises(ValueError, match="rounds must be an integer >= 1, got 0"):
            removed_shares(0.5, 0)
        with pytest.raises(ValueError, match="rounds must be at most 100000, got 1000000000"):
            removed_shares(0.5, 10**9)
        with pytest.raises(ValueError, match=r"train must leave removed weights at 0, got 66 in round 2 that are not"):
            iterative_pruning(NETWORK, theta, lambda start, mask: start + 1.5, sparsity=0.75, rounds=2)
        with pytest.raises(TypeError, match="train must be a function, got NoneType"):
            iterative_pruning(NETWORK, theta, None, sparsity=0.5, rounds=1)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="theta must be a torch tensor, got list"):
            iterative_pruning(NETWORK, [1.0], torch.mul, sparsity=0.5, rounds=1)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="network must be an Mlp or a FunctionalModule, got Linear"):
            iterative_pruning(nn.Linear(2, 2), theta, torch.mul, sparsity=0.5, rounds=1)  # type: ignore[arg-type]
        answers = (("shape", theta[:1]), ("shape", theta * torch.nan), ("None", None), (r"float32", theta.float()))
        for name, answer in answers:
            with pytest.raises(ValueError, match=rf"train must hand back finite parameters of shape .*{name}"):
                iterative_pruning(
                    NETWORK,
                    theta,
                    lambda start, mask, answer=answer: answer,  # type: ignore[misc]
                    sparsity=0.5,
                    rounds=1,
                )


class TestScores:
    def test_synflow_counts_paths(self) -> None:
        """The score of a weight is the sum over paths through it of the product of absolute weights."""
        network = Mlp((2, 3, 2), "tanh")
        theta = network.init([4])
        (first, _), (second, _) = ((weight[0].abs(), bias) for weight, bias in network.unflatten(theta))
        paths = torch.zeros(2, 3, 2, dtype=torch.float64)
        for out, middle, start in product(range(2), range(3), range(2)):
            paths[out, middle, start] = second[out, middle] * first[middle, start]
        expected = torch.cat([paths.sum(0).flatten(), paths.sum(2).flatten()])
        torch.testing.assert_close(synflow_scores(network, theta)[0], expected, rtol=1e-13, atol=0)

    @settings(max_examples=20)
    @given(seed=st.integers(0, 2**40), sparsity=st.floats(0, 0.8))
    def test_synflow_scores_of_all_layers_have_one_sum(self, seed: int, sparsity: float) -> None:
        theta = NETWORK.init([seed], sigma_b=1.0)
        mask = random_mask(NETWORK, sparsity=sparsity, seeds=[seed])
        scores = synflow_scores(NETWORK, theta, mask)
        sums = torch.stack([scores[:, start:middle].sum(1) for start, middle, _ in NETWORK.spans])
        torch.testing.assert_close(sums, sums[:1].expand(3, -1), rtol=1e-12, atol=1e-300)
        assert not scores[:, _biases()].any()

    def test_in_many_rounds_no_layer_collapses_where_one_shot_empties_one(self) -> None:
        network = Mlp((30, 40, 40, 5), "relu")
        theta = network.init(range(5))
        left = 20
        sparsity = 1 - left / network.parameters
        assert kept_shares(network, synflow_mask(network, theta, sparsity=sparsity)).min() > 0
        assert kept_shares(network, synflow_mask(network, theta, sparsity=sparsity, rounds=1)).min() == 0

    def test_products_over_layers_that_leave_single_precision_do_no_harm_to_masks(self) -> None:
        network = Mlp((20,) * 25, "relu")
        theta = network.init([0], dtype=torch.float32)
        mask = synflow_mask(network, theta, sparsity=0.9, rounds=10)
        for factor in (1e-3, 1e3):
            assert torch.equal(synflow_mask(network, theta * factor, sparsity=0.9, rounds=10), mask)

    def test_snip_is_the_first_and_grasp_the_second_derivative_of_torch(self) -> None:
        network = Mlp((3, 4, 2), "tanh", bias=True)
        theta = network.init([0, 1], sigma_b=0.5)
        x = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        y = torch.tensor([[0, 1, 0, 1, 1, 0]] * 2)
        loss = CrossEntropy()
        point = theta.clone().requires_grad_()
        value = loss.value(network.forward(point, x), y).sum()
        cool = loss.value(network.forward(point, x) / 50, y).sum()
        (cool_gradient,) = torch.autograd.grad(cool, point, create_graph=True)
        (cool_slope,) = torch.autograd.grad(cool_gradient.square().sum() / 2, point)
        (gradient,) = torch.autograd.grad(value, point, create_graph=True)
        (half_slope,) = torch.autograd.grad(gradient.square().sum() / 2, point)
        weights = torch.cat([torch.ones(12), torch.zeros(4), torch.ones(8), torch.zeros(2)]).double()
        expected = (theta * gradient).abs().detach() * weights
        torch.testing.assert_close(snip_scores(network, theta, x, y, loss), expected, rtol=1e-10, atol=1e-15)
        for temperature, half in ((1.0, half_slope), (50.0, cool_slope)):
            found = grasp_scores(network, theta, x, y, loss, temperature=temperature)
            torch.testing.assert_close(found, theta * half * weights, rtol=1e-9, atol=1e-14)

    def test_members_and_devices_do_not_matter(self, device: str) -> None:
        theta, x, y = _problem()
        for scores in (snip_scores, grasp_scores):
            all_at_once = scores(NETWORK, theta.to(device), x.to(device), y.to(device), CrossEntropy())
            alone = scores(NETWORK, theta[1:2], x[1], y[1], CrossEntropy())
            torch.testing.assert_close(all_at_once[1:2].cpu(), alone, rtol=1e-9, atol=1e-15)
        assert torch.equal(
            synflow_mask(NETWORK, theta.to(device), sparsity=0.5).cpu()[2:],
            synflow_mask(NETWORK, theta[2:], sparsity=0.5),
        )

    @pytest.mark.usefixtures("unchecked")
    def test_bad_input(self) -> None:
        theta, x, y = _problem()
        with pytest.raises(TypeError, match="network must be an Mlp or a FunctionalModule, got Linear"):
            synflow_scores(nn.Linear(2, 2), theta)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="mask must be a torch tensor, got list"):
            synflow_scores(NETWORK, theta, [True])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="temperature must be a finite number > 0, got 0"):
            grasp_scores(NETWORK, theta, x, y, CrossEntropy(), temperature=0)
        with pytest.raises(ValueError, match="theta must be finite"):
            synflow_scores(NETWORK, theta * torch.inf)
        deep = Mlp((4,) * 25, "relu")
        with pytest.raises(ValueError, match=r"theta must be of a scale at which not all scores are 0 in"):
            synflow_scores(deep, deep.init([0], sigma_w=1e-3, dtype=torch.float32))
        with pytest.raises(ValueError, match="theta must be of a scale at which scores are finite, got"):
            synflow_scores(deep, deep.init([0], sigma_w=1e3, dtype=torch.float32))
        with pytest.raises(ValueError, match="theta must have a path whose weights have a product other than 0 in"):
            synflow_mask(NETWORK, theta * 0, sparsity=0.5)
        with pytest.raises(ValueError, match="theta must be of a scale at which scores are finite, got"):
            snip_scores(NETWORK, theta * 1e200, x, y, CrossEntropy())
        with pytest.raises(ValueError, match="theta over temperature must be of a scale at which scores are finite"):
            grasp_scores(NETWORK, theta, x, y, CrossEntropy(), temperature=1e-320)
        with pytest.raises(ValueError, match=r"mask must be truth values of shape .* on cpu, got torch.float64"):
            synflow_scores(NETWORK, theta, theta)


MASKED = {
    "gradient_descent": lambda **keywords: gradient_descent(**keywords, learning_rate=0.1, steps=20),
    "adam": lambda **keywords: adam(**keywords, learning_rate=0.02, steps=20),
    "sgd": lambda **keywords: sgd(
        **keywords, learning_rate=0.1, momentum=0.9, batch_size=5, seeds=range(3), steps=20, record_at=(20,)
    ),
    "sam": lambda **keywords: sgd(
        **keywords, learning_rate=0.1, rule=SharpnessAware(rho=0.1), batch_size=5, seeds=range(3), steps=20
    ),
    "entropy": lambda **keywords: sgd(
        **keywords,
        learning_rate=1.0,
        rule=LocalEntropy(gamma=0.5, langevin_steps=5),
        batch_size=5,
        seeds=range(3),
        steps=4,
    ),
    "average": lambda **keywords: sgd(
        **keywords, learning_rate=0.1, average=WeightAverage(start=5), batch_size=5, seeds=range(3), steps=20
    ),
    "members that arrive": lambda **keywords: sgd(
        **keywords, learning_rate=0.1, momentum=0.9, batch_size=5, seeds=range(3), steps=60, stop_at=0.5, check_every=1
    ),
}


class TestTrainingWithAMask:
    @pytest.mark.parametrize("method", MASKED)
    def test_removed_weights_stay_zero_and_the_others_move(self, method: str, device: str) -> None:
        theta, x, y = (each.to(device) for each in _problem())
        mask = random_mask(NETWORK, sparsity=0.4, seeds=range(3), device=device)
        end: TrainingResult = MASKED[method](network=NETWORK, theta=theta, x=x, y=y, loss=CrossEntropy(), mask=mask)
        assert not end.theta[~mask].any()
        assert float((end.theta != theta)[mask].double().mean()) > 0.5
        assert bool((end.relative_gradient <= 1).all())

    @pytest.mark.parametrize("method", MASKED)
    def test_a_mask_that_keeps_all_changes_nothing(self, method: str) -> None:
        theta, x, y = _problem()
        problem = {"network": NETWORK, "theta": theta, "x": x, "y": y, "loss": CrossEntropy()}
        whole = torch.ones_like(theta, dtype=torch.bool)
        with_mask, without = (MASKED[method](**problem, mask=mask) for mask in (whole, None))
        assert torch.equal(with_mask.theta, without.theta)
        assert torch.equal(with_mask.relative_gradient, without.relative_gradient)

    def test_it_is_the_training_of_the_smaller_network(self) -> None:
        """Without one unit's weights the others move as in the network that never had the unit."""
        wide, narrow = Mlp((3, 4, 2), "tanh"), Mlp((3, 3, 2), "tanh")
        theta = wide.init([0])
        mask = torch.ones_like(theta, dtype=torch.bool)
        mask[0, 9:12] = False  # into the fourth unit
        mask[0, [15, 19]] = False  # and out of it
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        y = torch.tensor([0, 1] * 4)
        ends = [
            adam(network, start, x, y, CrossEntropy(), learning_rate=0.05, steps=30, mask=own)
            for network, start, own in ((wide, theta, mask), (narrow, theta[mask][None], None))
        ]
        torch.testing.assert_close(ends[0].theta[mask][None], ends[1].theta, rtol=1e-9, atol=1e-12)

    @pytest.mark.usefixtures("unchecked")
    def test_bad_input(self) -> None:
        theta, x, y = _problem()
        for method in ("adam", "sgd"):
            problem = {"network": NETWORK, "theta": theta, "x": x, "y": y, "loss": CrossEntropy()}
            with pytest.raises(TypeError, match="mask must be a torch tensor, got list"):
                MASKED[method](**problem, mask=[True])
            with pytest.raises(ValueError, match=r"mask must be truth values of shape .* on cpu, got torch.float64"):
                MASKED[method](**problem, mask=theta)


class TestModules:
    @pytest.mark.parametrize("options", [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}])
    def test_momentum_of_the_past_does_not_revive_what_is_removed(self, options: dict[str, float]) -> None:
        torch_model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
        x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        optimiser = torch.optim.SGD(torch_model.parameters(), lr=0.1, **options)  # type: ignore[arg-type]

        def step() -> None:
            optimiser.zero_grad()
            torch_model(x).square().sum().backward()
            optimiser.step()

        step()
        generator = torch.Generator().manual_seed(5)
        mask = torch.rand(26, generator=generator) < 0.5
        mask[12:16] = True  # the first bias is whole
        assert prune_module(torch_model, mask) == int((~mask).sum())
        for _ in range(3):
            step()
        torch_model(x)
        layers = [torch_model[0], torch_model[2]]
        flat = torch.cat([value.detach().flatten() for layer in layers for value in (layer.weight, layer.bias)])
        assert not flat[~mask].any()
        assert flat[mask].all()
        assert isinstance(torch_model[0].bias, nn.Parameter)

    def test_it_is_the_mask_of_a_perceptron_of_that_layout(self) -> None:
        layers = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh(), nn.Linear(4, 2, bias=False)).double()
        network = Mlp((3, 4, 2), "tanh")
        theta = FunctionalModule(layers).theta
        mask = magnitude_mask(network, theta, sparsity=0.6)
        prune_module(layers, mask[0])
        x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        torch.testing.assert_close(layers(x), network.forward(theta * mask, x)[0], rtol=1e-13, atol=1e-15)

    @pytest.mark.usefixtures("unchecked")
    def test_bad_input(self) -> None:
        layer, none_kept = nn.Linear(2, 2), torch.zeros(6, dtype=torch.bool)
        with pytest.raises(TypeError, match=r"module must be a torch\.nn\.Module, got int"):
            prune_module(3, none_kept)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="mask must be a torch tensor, got list"):
            prune_module(layer, [True])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"mask must be truth values of shape \(6,\), got torch.bool of "):
            prune_module(layer, none_kept[:3])
        tied = nn.Module()
        tied.weight = nn.Parameter(torch.ones(2))
        tied.again = nn.Module()
        tied.again.weight = tied.weight
        with pytest.raises(ValueError, match=r"module must use weight in one layer alone, got weight, again\.weight"):
            prune_module(tied, none_kept[:2])
        prune_module(layer, none_kept)
        with pytest.raises(ValueError, match="module must hold weight_orig itself to lose entries of it"):
            prune_module(layer, none_kept)
        attention = nn.MultiheadAttention(2, 1)
        sizes = {name: value.numel() for name, value in attention.named_parameters()}
        mask = torch.cat([torch.full((size,), name != "out_proj.weight") for name, size in sizes.items()])
        with pytest.raises(ValueError, match=r"must call the layer of out_proj\.weight for a mask to be kept"):
            prune_module(attention, mask)
        assert prune_module(attention, mask.flip(0)) == 4  # of in_proj_weight, which is its own
