"""Where the test error peaks: random features with a linear read-out, and small networks trained as a whole."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Comparison, Equals, Identity, Ordering, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import BELKIN_2019
from verify.claims.generalisation.noisy_digits import (
    CONSTANT,
    OUTPUTS,
    RATIOS,
    SAMPLES,
    TIMES,
    network_errors,
    noisy_digits,
)
from verify.lectures.generalisation import DOUBLE_DESCENT

Array = NDArray[np.float64]

FEATURES: Final = (6, 15, 30, 45, 54, 60, 66, 80, 120, 240)
"""Random features; the first is as many as make the weights of ten outputs as many as there are examples."""

AT_SAMPLES: Final = FEATURES.index(SAMPLES)
WIDEST: Final = 4.0
"""Features over examples, and parameters over examples times outputs, at which the fall is judged."""

AT_PRODUCT: Final = RATIOS.index(1.0)
SHORTEST: Final = 100
"""The smallest number of steps of training; the others are TIMES as many."""

NOISE: Final = 0.5
INPUTS: Final = 20

MANY_INPUTS: Final = 240
LINEAR: Final = (30, 120)
"""Orthonormal features of so many inputs, for SAMPLES examples: half as many, and twice."""

EXCHANGED: Final = "that if inputs exchange what is right for them"

MARGIN: Final = 0.1
"""Relative: with this many examples the mean exceeds its limit by up to 3.4 %."""


def linear_feature_risks(seed: int, draws: int, features: int, orthonormal: bool) -> dict[str, Array]:
    """Risks of read-outs of linear features, the mean over ten outputs, all drawn for each replicate.

    The parameters of the outputs have random directions and norm 1, so that the first inputs are as good as the
    features of a random orthonormal frame.

    Args:
        seed: Of the draws.
        draws: How many replicates.
        features: How many, not as many as there are examples.
        orthonormal: Whether they are the first inputs; else sums of all inputs with independent normal weights.

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
    if orthonormal:
        fitted = torch.zeros_like(beta)
        fitted[:, :features] = torch.linalg.lstsq(x[:, :, :features], y).solution
    else:
        weights = normal(MANY_INPUTS, features)
        fitted = weights @ torch.linalg.lstsq(x @ weights, y).solution
    return {"risk": (fitted - beta).square().sum(dim=1).mean(dim=1).numpy()}


def normal_weights_limit(ratio: float, share: float) -> float:
    """The limit of the risk with more features than examples, N = qn and N = sp, and independent normal weights, r = 1.

    Given the inputs X, the weights are what they do to the examples, A = XW, and independent normal numbers G in the
    p - n directions that no example has: the fit is the one of least norm by all p inputs, X^+ y, and G A^+ y beside
    it. Its mean square is (p - n)/(N - n) y' (XX')^-1 y, and the mean of that form r^2 n/p + sigma^2 n/(p - n).

    Args:
        ratio: q = N/n, above 1.
        share: s = N/p, up to 1.

    Returns:
        What the error on a new example exceeds the noise by.
    """
    inputs = ratio / share
    by_all = 1 - 1 / inputs + NOISE**2 / (inputs - 1)
    return by_all + (inputs - 1) / (ratio - 1) * (1 / inputs + NOISE**2 / (inputs - 1))


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


@claim(
    "generalisation.double-descent-networks",
    title="The test error of random features peaks at as many features as examples, that of trained networks at a size "
    "that falls the longer they are trained",
    source=Source(BELKIN_2019, "on random Fourier features and on fully connected networks", DOUBLE_DESCENT),
    assumptions=(
        "the limit of many examples, features and inputs, where the formula is meant",
        f"measured with {SAMPLES} examples; random features are linear, or ReLU units with independent normal weights, "
        "and only the linear read-out is fitted, with the least norm among the fits with the least squared error",
        f"data: linear functions of {INPUTS} normal inputs with noise, one or ten outputs; handwritten digits of 4 by "
        "4 pixels with ten one-hot outputs, a fifth of the labels for training wrong",
        "trained networks: tanh, one hidden layer, biases, the same digits, squared error, no penalty, all images in "
        f"every step of Adam at the rate 0.01, {', '.join(str(SHORTEST * time) for time in TIMES[:-1])} or "
        f"{SHORTEST * TIMES[-1]} steps; {len(RATIOS)} sizes, from {RATIOS[0]:g} to {WIDEST:g} times as many "
        "parameters as examples times outputs; errors are those on other images, with right labels",
    ),
    expects={Verdict.SUPPORTED},
)
def double_descent_networks(bench: Workbench) -> Iterator[Comparison]:
    r"""With $n$ examples and $k$ outputs the test error of a linear read-out of random features peaks at $n$ features,
    for any $k$: each output has weights of its own, and as many examples. It does not peak where the $k$ weights of
    every feature add up to $n$ parameters. For $N = q n \le p$ features of $p$ normal inputs that are a random
    orthonormal frame, $s = N/p$, a target $x \cdot \beta$, $|\beta| = r$, and noise of variance $\sigma^2$, every
    output has the risk

    $$\frac{\tau^2}{1 - q} - \sigma^2 \quad (q < 1), \qquad
    \frac{q \tau^2}{q - 1} + s r^2\Bigl(1 - \frac1q\Bigr) - \sigma^2 \quad (q > 1),$$

    with $\tau^2 = \sigma^2 + (1 - s) r^2$. Features that are sums of the inputs with independent normal weights have
    the same risk for $q < 1$, where the fit does not depend on the basis, and another one for $q > 1$, where its norm
    does: with $N = p = 4 n$ and $r = 2 \sigma$ it is $7 r^2/6$ and not $5 r^2/6$.

    A network that is trained as a whole shares its parameters between the outputs. Its test error has no peak at $n$
    parameters, and the place where it peaks depends on how long one trains, as the effective model complexity of
    Nakkiran et al. (2020, arXiv:1912.02292) says. It lies at smaller networks after 3000 steps than after 300, and then
    at fewer than $n k$ parameters, as many as there are numbers to be fitted. After 300 steps networks of $n k/2$
    parameters do better than those of $2 n k$, after 3000 they do worse. Between these times the training error at the
    peak changes less than that of a network of $n k$ parameters. After 1000 and 3000 steps the test error at $4 n k$
    parameters is below that at $n k$.

    A fall is not yet a small error. With a fifth of the labels wrong neither random features nor networks after 1000
    and 3000 steps do better, at four times $n$ features or $n k$ parameters, than predicting $1/10$ for every digit.
    Most networks of $n k$ parameters that are stopped after 100 steps do. It is no error of a model that has learned
    nothing either: random features and networks do better there than if inputs exchange what is right for them.
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

    def drawn(features: int, orthonormal: bool, draws: int = draws) -> Array:
        purpose = f"{'linear' if orthonormal else 'normal'} {features}"
        fixed = {"draws": draws, "features": features, "orthonormal": orthonormal}
        items = [{"seed": seed, **fixed} for seed in bench.seeds(purpose, 1)]
        risk: Array = bench.map(purpose, linear_feature_risks, items)[0]["risk"]
        return risk

    limits, others = [], []
    for features, derivation in zip(LINEAR, (few, many), strict=True):
        ratio, share = features / SAMPLES, features / MANY_INPUTS
        limits.append(float(derivation.at(q=ratio, s=share, r=1, sigma=NOISE)))
        least = max(1 - 1 / ratio, 0)
        others.append(1 - share + share * least + NOISE**2 * min(ratio, 1) / abs(1 - ratio))
    yield Equals(
        "risk with half and twice as many orthonormal features as examples, and half as many with normal weights, mean "
        "over ten outputs",
        predicted=[*limits, limits[0]],
        replicates=np.stack([drawn(LINEAR[0], True), drawn(LINEAR[1], True), drawn(LINEAR[0], False)], axis=1),
        relative=MARGIN,
        rival=Rival("what the features miss is no noise to them", [*others, others[0]]),
    )
    ratio = MANY_INPUTS / SAMPLES
    yield Equals(
        "risk with as many features as inputs, and normal weights, mean over ten outputs",
        predicted=normal_weights_limit(ratio, 1),
        replicates=drawn(MANY_INPUTS, False, draws // 4),
        relative=MARGIN,
        rival=Rival(
            "as with orthonormal features", float(theory.overparameterised_risk().at(gamma=ratio, r=1, sigma=NOISE))
        ),
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
            f"random features, {title}: error with {FEATURES[-1]}, against {EXCHANGED}",
            lower=errors[:, -1],
            higher=np.concatenate([result["exchanged"] for result in results]),
        )
    yield Ordering(
        f"random features, digits: error of predicting 1/10 always, against that with {FEATURES[-1]}",
        lower=np.full(len(read_out["digits, ten outputs"]), CONSTANT),
        higher=read_out["digits, ten outputs"][:, -1],
    )
    fixed: dict[str, Any] = {
        "draws": bench.size(quick=2, standard=12, full=24),
        "shortest": bench.size(quick=1, standard=SHORTEST, full=SHORTEST),
        "largest": bench.size(quick=1.0, standard=WIDEST, full=WIDEST),
    }
    items = [{"seed": seed, **fixed} for seed in bench.seeds("networks", bench.size(quick=1, standard=3, full=4))]
    results = bench.map("networks", network_errors, items)
    trained = {name: np.concatenate([result[name] for result in results]) for name in ("errors", "exchanged", "losses")}
    yield from _trained_networks(trained)
    _draw(bench, read_out["digits, ten outputs"], results[0]["parameters"], trained["errors"])


def _trained_networks(trained: Mapping[str, Array]) -> Iterator[Comparison]:
    """What is said of networks that are trained as a whole; tables are indexed by replicate, time and ratio."""
    errors, losses = trained["errors"], trained["losses"]
    sizes = errors.argmax(axis=2)
    stopped, early, middle, late = range(len(TIMES))
    few, product, many = 0, AT_PRODUCT, errors.shape[2] - 1
    steps = [SHORTEST * time for time in TIMES]

    def ordered(title: str, lower: Array, higher: Array) -> Comparison:
        return Ordering(f"trained networks: {title}", lower=lower, higher=higher, decided_from="standard")

    yield ordered(
        f"size with the largest error after {steps[late]} steps, against that after {steps[early]}",
        sizes[:, late],
        sizes[:, early],
    )
    yield Proportion(
        f"trained networks: after {steps[late]} steps the largest error lies at fewer parameters than examples times "
        "outputs",
        successes=int(np.count_nonzero(sizes[:, late] < product)),
        trials=len(sizes),
        within=(0.5, 1),
        rival=Rival("there or at more, whatever the steps", (0, 0.4)),
        decided_from="standard",
    )
    half, twice = RATIOS.index(0.5), min(RATIOS.index(2.0), errors.shape[2] - 1)
    for time, lower, higher in ((early, half, twice), (late, twice, half)):
        yield ordered(
            f"error after {steps[time]} steps at {RATIOS[lower]:g} times examples times outputs, against that at "
            f"{RATIOS[higher]:g} times",
            errors[:, time, lower],
            errors[:, time, higher],
        )
    at_peak = np.log(np.take_along_axis(losses, sizes[:, :, None], axis=2)[:, :, 0])
    at_product = np.log(losses[:, :, product])
    yield ordered(
        f"change of the log of the training error from {steps[early]} to {steps[late]} steps, at the peak of each, "
        "against that at as many parameters as examples times outputs",
        np.abs(at_peak[:, late] - at_peak[:, early]),
        np.abs(at_product[:, late] - at_product[:, early]),
    )
    for title, size, since in (
        (f"as many parameters as examples, after {steps[early]}, {steps[middle]} and {steps[late]} steps", few, early),
        (f"{WIDEST:g} times examples times outputs, after {steps[middle]} and {steps[late]} steps", many, middle),
    ):
        yield ordered(
            f"error at {title}, over that at as many as examples times outputs, the largest, against 1",
            (errors[:, since:, size] / errors[:, since:, product]).max(axis=1),
            np.ones(len(errors)),
        )
    there = f"error at {WIDEST:g} times examples times outputs, after {steps[middle]} and {steps[late]} steps"
    yield ordered(
        f"{there}, over {EXCHANGED}, the larger, against 1",
        (errors[:, middle:, many] / trained["exchanged"][:, middle:, many]).max(axis=1),
        np.ones(len(errors)),
    )
    constant = np.full(len(errors), CONSTANT)
    yield ordered(
        f"error of predicting 1/10 always, against the {there}, the smaller",
        constant,
        errors[:, middle:, many].min(axis=1),
    )
    yield ordered(
        f"error after {steps[stopped]} steps at as many parameters as examples times outputs, against predicting 1/10",
        errors[:, stopped, product],
        constant,
    )


def _draw(bench: Workbench, read_out: Array, parameters: Array, errors: Array) -> None:
    figure = bench.figure(
        "peaks",
        title="Test error on digits with some wrong labels",
        x="parameters / (examples x outputs)",
        y="squared error of an output",
        x_scale="log",
        y_scale="log",
        y_limits=(0.06, 1),
        caption="Medians over draws, and quartiles of random features. The weights of a linear read-out are as many as "
        "features times outputs, so that the axis shows features over examples; "
        f"their error at 1, of {np.median(read_out[:, AT_SAMPLES]):.0f}, lies above the picture."
        + bench.size(
            quick=" Networks are trained from the profile standard on.",
            standard=" The peak of trained networks grows and moves to smaller ones as they are trained.",
            full=" The peak of trained networks grows and moves to smaller ones as they are trained.",
        ),
    )
    places = np.array(FEATURES) / SAMPLES
    low, middle, high = np.quantile(read_out, [0.25, 0.5, 0.75], axis=0)
    figure.line(places, middle, "random features")
    figure.band(places, low, high, "random features, quartiles")
    if bench.profile != "quick":
        for time, values in zip(TIMES, np.median(errors, axis=0), strict=True):
            figure.line(parameters / (SAMPLES * OUTPUTS), values, f"networks, {SHORTEST * time} steps")
    figure.line([RATIOS[0], WIDEST], [CONSTANT] * 2, "predicting 1/10 always")
