"""Where the test error peaks: random features with a linear read-out, and small networks trained as a whole."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Comparison, Equals, Identity, Ordering, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import BELKIN_2019
from verify.lectures.generalisation import DOUBLE_DESCENT

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

SAMPLES: Final = 60
"""Examples for training; digits are tested on a thousand others."""

OUTPUTS: Final = 10
FEATURES: Final = (6, 15, 30, 45, 54, 60, 66, 80, 120, 240)
"""Random features; the first is as many as make the weights of ten outputs as many as there are examples."""

AT_SAMPLES: Final = FEATURES.index(SAMPLES)
WIDEST: Final = 4.0
"""Features over examples, and parameters over examples times outputs, at which the fall beyond the peak is judged."""

CONSTANT: Final = (1 / OUTPUTS) * (1 - 1 / OUTPUTS)
"""The squared error of an output that is 1/10 for every image."""

RATIOS: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0)
"""Parameters of a trained network over examples times outputs; at the first there are as many as examples."""

AT_PRODUCT: Final = RATIOS.index(1.0)
WITHIN: Final = (0.5, 2.0)
FLIPPED: Final = 0.2
"""The share of the labels for training that are wrong."""

NOISE: Final = 0.5
INPUTS: Final = 20

MANY_INPUTS: Final = 240
LINEAR: Final = (30, 120)
"""Linear features of so many inputs, for SAMPLES examples: half as many, and twice."""

EXCHANGED: Final = "against that if inputs exchange what is right for them"

MARGIN: Final = 0.1
"""Relative: with this many examples the mean exceeds its limit by up to 3.4 %."""


def linear_feature_risks(seed: int, draws: int, features: int) -> dict[str, Array]:
    """Risks of read-outs of linear features, the mean over ten outputs, all drawn for each replicate.

    The features are the first inputs, and the parameters of the outputs have random directions and norm 1, which is the
    same as features that are random.

    Args:
        seed: Of the draws.
        draws: How many replicates.
        features: How many, not as many as there are examples.

    Returns:
        "risk", one per replicate.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(draws, *shape, generator=generator, dtype=torch.float64)

    x, beta = normal(SAMPLES, MANY_INPUTS), normal(MANY_INPUTS, OUTPUTS)
    beta = beta / torch.linalg.vector_norm(beta, dim=1, keepdim=True)
    y = x @ beta + NOISE * normal(SAMPLES, OUTPUTS)
    fitted = torch.zeros_like(beta)
    fitted[:, :features] = torch.linalg.lstsq(x[:, :, :features], y).solution
    return {"risk": (fitted - beta).square().sum(dim=1).mean(dim=1).numpy()}


def feature_errors(seed: int, draws: int, outputs: int, digits: bool) -> dict[str, Array]:
    """Test errors of least-norm read-outs of random ReLU features, all drawn for each replicate.

    Args:
        seed: Of the draws.
        draws: How many replicates.
        outputs: Numbers to be read out; 10 for digits.
        digits: Whether the data are digits with some labels wrong; else linear functions of normal inputs, with noise.

    Returns:
        "errors", one row a replicate and one column a number of features: the mean squared error of an output;
        "exchanged", that of the most features if the new inputs exchange what is right for them.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(draws, *shape, generator=generator, dtype=torch.float64)

    if digits:
        x, y, new, truth = noisy_digits(seed, draws)
    else:
        x, new, teacher = normal(SAMPLES, INPUTS), normal(300, INPUTS), normal(INPUTS, outputs) / INPUTS**0.5
        y, truth = x @ teacher + NOISE * normal(SAMPLES, outputs), new @ teacher
    weights = normal(x.shape[2], FEATURES[-1])
    seen, fresh = (x @ weights).relu(), (new @ weights).relu()
    errors = []
    for features in FEATURES:
        fitted = torch.linalg.lstsq(seen[:, :, :features], y).solution
        errors.append((fresh[:, :, :features] @ fitted - truth).square().mean(dim=(1, 2)))
    exchanged = (fresh @ fitted - truth.roll(1, dims=1)).square().mean(dim=(1, 2))
    return {"errors": torch.stack(errors, dim=1).numpy(), "exchanged": exchanged.numpy()}


def network_errors(seed: int, draws: int, steps: int, largest: float) -> dict[str, Array]:
    """Test errors of tanh networks trained on digits with some labels wrong, each on images of its own.

    Args:
        seed: Of the draws.
        draws: How many replicates.
        steps: Of Adam, with all images at once.
        largest: The largest ratio of parameters to examples times outputs that is trained.

    Returns:
        "errors", "exchanged" and "losses", one row a replicate and one column a ratio: mean squared errors of an output
        on other images, on these if they exchange their labels, and at the end of training; "parameters", how many.
    """
    import torch

    x, y, new, truth = noisy_digits(seed, draws)
    errors, exchanged, losses, parameters = [], [], [], []
    for ratio in RATIOS:
        if ratio > largest:
            break
        wanted = ratio * SAMPLES * OUTPUTS
        hidden = max(1, round((wanted - OUTPUTS) / (x.shape[2] + 1 + OUTPUTS)))
        network = numerics.Mlp((x.shape[2], hidden, OUTPUTS), "tanh", bias=True)
        end = numerics.adam(
            network,
            network.init(range(seed, seed + draws)),
            x,
            y,
            numerics.SquaredError(prefactor=1 / OUTPUTS),
            learning_rate=0.01,
            steps=steps,
        )
        answers = network.forward(end.theta, new)
        errors.append((answers - truth).square().mean(dim=(1, 2)))
        exchanged.append((answers - truth.roll(1, dims=1)).square().mean(dim=(1, 2)))
        losses.append(end.loss)
        parameters.append(network.parameters)
    return {
        "errors": torch.stack(errors, dim=1).numpy(),
        "exchanged": torch.stack(exchanged, dim=1).numpy(),
        "losses": torch.stack(losses, dim=1).numpy(),
        "parameters": np.array(parameters, dtype=np.float64),
    }


def noisy_digits(seed: int, draws: int) -> "tuple[Tensor, Tensor, Tensor, Tensor]":
    """Digits of 4 by 4 pixels, centred, with one-hot labels, some wrong for training: inputs, labels, twice."""
    import torch

    pixels, labels = numerics.digits()
    coarse = pixels.reshape(-1, 4, 2, 4, 2).mean(dim=(2, 4)).flatten(1)
    coarse = (coarse - coarse.mean(dim=0)) / coarse.std()
    generator = torch.Generator().manual_seed(seed)
    one_hot = torch.eye(OUTPUTS, dtype=torch.float64)
    rows = []
    for _ in range(draws):
        order = torch.randperm(len(labels), generator=generator)
        chosen, others = order[:SAMPLES], order[SAMPLES : SAMPLES + 1000]
        wrong = torch.rand(SAMPLES, generator=generator, dtype=torch.float64) < FLIPPED
        shift = torch.randint(1, OUTPUTS, (SAMPLES,), generator=generator)
        given = torch.where(wrong, (labels[chosen] + shift) % OUTPUTS, labels[chosen])
        rows.append((coarse[chosen], one_hot[given], coarse[others], one_hot[labels[others]]))
    x, y, new, truth = (torch.stack(column) for column in zip(*rows, strict=True))
    return x, y, new, truth


@claim(
    "generalisation.double-descent-networks",
    title="Random features peak at as many features as examples, trained networks near as many parameters as labels",
    source=Source(BELKIN_2019, "on random Fourier features and on fully connected networks", DOUBLE_DESCENT),
    assumptions=(
        "the limit of many examples, features and inputs, where the formula is meant",
        f"measured with {SAMPLES} examples; random features are linear, or ReLU units with random weights, and only "
        "the linear read-out is fitted, with the least norm among the fits with the least squared error",
        f"data: linear functions of {INPUTS} normal inputs with noise, one or ten outputs; handwritten digits of 4 by "
        "4 pixels with ten one-hot outputs, a fifth of the labels for training wrong",
        "trained networks: tanh, one hidden layer, biases, the same digits, squared error, all images in every step "
        "of Adam, no penalty and no early stopping; errors are those on other images, with right labels",
    ),
    expects={Verdict.SUPPORTED},
)
def double_descent_networks(bench: Workbench) -> Iterator[Comparison]:
    r"""With $n$ examples and $k$ outputs the test error of a linear read-out of random features peaks at $n$ features,
    for any $k$: each output has weights of its own, and as many examples. It does not peak where the $k$ weights of
    every feature add up to $n$ parameters. For $N = q n \le p$ random features that are linear in $p$ normal inputs,
    $s = N/p$, a target $x \cdot \beta$, $|\beta| = r$, and noise of variance $\sigma^2$, every output has the risk

    $$\frac{\tau^2}{1 - q} - \sigma^2 \quad (q < 1), \qquad
    \frac{q \tau^2}{q - 1} + s r^2\Bigl(1 - \frac1q\Bigr) - \sigma^2 \quad (q > 1),$$

    with $\tau^2 = \sigma^2 + (1 - s) r^2$.

    A network that is trained as a whole shares its parameters between the outputs. Its test error peaks within a
    factor of 2 of $n k$ parameters, as many as there are numbers to be fitted, and falls beyond; it does not peak at
    $n$ parameters.

    A fall is not yet a small error. With a fifth of the labels wrong neither does better, at four times the size at
    which it peaks, than predicting $1/10$ for every digit. It is no error of a model that has learned nothing either:
    both do better there than if inputs exchange what is right for them.
    """
    from sympy import symbols

    q, s, r, sigma = symbols("q s r sigma", positive=True)
    noise = sigma**2 + (1 - s) * r**2
    few, many = theory.projected_risk(), theory.wide_projected_risk()
    yield Identity(
        "risk with fewer linear features than examples",
        derivation=few,
        claimed=noise / (1 - q) - sigma**2,
        rival=Rival("what the features miss is no noise to them", (1 - s) * r**2 + sigma**2 * q / (1 - q)),
    )
    yield Identity(
        "risk with more linear features than examples",
        derivation=many,
        claimed=q * noise / (q - 1) + s * r**2 * (1 - 1 / q) - sigma**2,
        rival=Rival(
            "what the features miss is no noise to them",
            (1 - s) * r**2 + s * r**2 * (1 - 1 / q) + sigma**2 / (q - 1),
        ),
    )
    draws = bench.size(quick=160, standard=480, full=960)
    risks, limits, others = [], [], []
    for features, derivation in zip(LINEAR, (few, many), strict=True):
        purpose = f"linear {features}"
        items = [{"seed": seed, "draws": draws, "features": features} for seed in bench.seeds(purpose, 1)]
        risks.append(bench.map(purpose, linear_feature_risks, items)[0]["risk"])
        ratio, share = features / SAMPLES, features / MANY_INPUTS
        limits.append(float(derivation.at(q=ratio, s=share, r=1, sigma=NOISE)))
        least = max(1 - 1 / ratio, 0)
        others.append(1 - share + share * least + NOISE**2 * min(ratio, 1) / abs(1 - ratio))
    yield Equals(
        "risk with half and twice as many linear features as examples, mean over ten outputs",
        predicted=limits,
        replicates=np.stack(risks, axis=1),
        relative=MARGIN,
        rival=Rival("what the features miss is no noise to them", others),
    )
    draws = bench.size(quick=24, standard=48, full=48)
    batches = bench.size(quick=1, standard=2, full=8)
    read_out: dict[str, Array] = {}
    for title, outputs, digits in (
        ("one output", 1, False),
        ("ten outputs", OUTPUTS, False),
        ("digits, ten outputs", OUTPUTS, True),
    ):
        purpose = title.replace(",", "")
        items = [
            {"seed": seed, "draws": draws, "outputs": outputs, "digits": digits}
            for seed in bench.seeds(purpose, batches)
        ]
        results = bench.map(purpose, feature_errors, items)
        errors = read_out[title] = np.concatenate([result["errors"] for result in results])
        places = np.array(FEATURES)[errors.argmax(axis=1)]
        yield Proportion(
            f"random features, {title}: the largest error lies at {SAMPLES} features, neither at 54 nor at 66",
            successes=int(np.count_nonzero(places == SAMPLES)),
            trials=len(places),
            within=(0.5, 1),
            rival=Rival("elsewhere, as at a tenth fewer or more", (0, 0.4)),
        )
        if outputs > 1:
            yield Ordering(
                f"random features, {title}: error with as many weights as examples, against as many features",
                lower=errors[:, 0],
                higher=errors[:, AT_SAMPLES],
            )
        yield Ordering(
            f"random features, {title}: error with {FEATURES[-1]}, {EXCHANGED}",
            lower=errors[:, -1],
            higher=np.concatenate([result["exchanged"] for result in results]),
        )
    yield _no_better_than_a_constant("random features", read_out["digits, ten outputs"][:, -1])
    draws = bench.size(quick=2, standard=12, full=24)
    fixed: dict[str, Any] = {
        "draws": draws,
        "steps": bench.size(quick=5, standard=1000, full=1000),
        "largest": bench.size(quick=1.0, standard=4.0, full=8.0),
    }
    items = [{"seed": seed, **fixed} for seed in bench.seeds("networks", bench.size(quick=1, standard=2, full=4))]
    results = bench.map("networks", network_errors, items)
    errors = np.concatenate([result["errors"] for result in results])
    tried = np.array(RATIOS)[: errors.shape[1]]
    places = tried[errors.argmax(axis=1)]
    yield Proportion(
        "trained networks: the largest error lies within a factor of 2 of as many parameters as examples times outputs",
        successes=int(np.count_nonzero((places >= WITHIN[0]) & (places <= WITHIN[1]))),
        trials=len(places),
        within=(0.5, 1),
        rival=Rival("elsewhere, as at as many parameters as examples", (0, 0.4)),
        decided_from="standard",
    )
    for place, title in ((0, "as many parameters as examples"), (-1, "four times as many or more")):
        yield Ordering(
            f"trained networks: error at {title}, against as many as examples times outputs",
            lower=errors[:, place],
            higher=errors[:, AT_PRODUCT],
            decided_from="standard",
        )
    place = min(RATIOS.index(WIDEST), errors.shape[1] - 1)
    yield Ordering(
        f"trained networks: error at {WIDEST:g} times the place of the peak, {EXCHANGED}",
        lower=errors[:, place],
        higher=np.concatenate([result["exchanged"] for result in results])[:, place],
        decided_from="standard",
    )
    yield _no_better_than_a_constant("trained networks", errors[:, place], decided_from="standard")
    _draw(bench, read_out["digits, ten outputs"], results, errors)


def _no_better_than_a_constant(title: str, errors: Array, decided_from: str | None = None) -> Comparison:
    return Ordering(
        f"{title}, digits: error of predicting 1/10 always, against that at {WIDEST:g} times the place of the peak",
        lower=np.full(len(errors), CONSTANT),
        higher=errors,
        decided_from=decided_from,
    )


def _draw(bench: Workbench, read_out: Array, results: Sequence[Mapping[str, Any]], errors: Array) -> None:
    figure = bench.figure(
        "peaks",
        title="Test error on digits with some wrong labels",
        x="parameters / (examples x outputs)",
        y="squared error of an output",
        x_scale="log",
        y_scale="log",
        y_limits=(0.06, 1),
        caption="Medians over draws, and quartiles. The weights of a linear read-out are as many as features times "
        "outputs, so that the axis shows features over examples; "
        f"their error at 1, of {np.median(read_out[:, AT_SAMPLES]):.0f}, lies above the picture."
        + bench.size(
            quick=" Networks are trained from the profile standard on.",
            standard=" Trained networks peak lower and more broadly, a little before the numbers to be fitted.",
            full=" Trained networks peak lower and more broadly, a little before the numbers to be fitted.",
        ),
    )
    shown = [("random features", np.array(FEATURES) / SAMPLES, read_out)]
    if bench.profile != "quick":
        shown.append(("trained networks", results[0]["parameters"] / (SAMPLES * OUTPUTS), errors))
    for label, places, values in shown:
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        figure.line(places, middle, f"{label}, median")
        figure.band(places, low, high, f"{label}, quartiles")
    figure.line([RATIOS[0], WIDEST], [CONSTANT] * 2, "predicting 1/10 always")
