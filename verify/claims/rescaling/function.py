"""One function, many flatnesses: networks trained on digits, rescaled; and one training loss, many errors."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import DINH_2017
from verify.claims.rescaling.networks import Array, gathered
from verify.lectures.rescaling import METHODOLOGY, NAVIGATING

if TYPE_CHECKING:
    import torch

WIDTHS: Final = (64, 10, 10)
TRAINED_ON: Final = 300  # digits; the others are the test set
TRAINING_STEPS: Final = 400
ALPHA: Final = 1e-3
RADIUS: Final = 1e-3  # of the ball of eps-sharpness
ADAPTIVE_RADIUS: Final = 1e-2  # of the ball in units of the weights themselves
NEAR: Final = np.geomspace(1e-3, 0.04, 8)
STEPS: Final = np.unique(np.concatenate([np.linspace(-1, 1, 41), -NEAR, NEAR]))  # fine where ravines are
ROUNDING: Final = 1e-10


def trained_on_digits(
    seed: int, networks: int, device: str
) -> tuple["numerics.Mlp", "torch.Tensor", "torch.Tensor", "torch.Tensor", "numerics.Loss"]:
    """ReLU networks without biases, trained on digits: network, weights, all images and labels, loss."""
    x, labels = numerics.digits(device=device)
    network, loss = numerics.Mlp(WIDTHS, "relu"), numerics.CrossEntropy()
    start = network.init([seed + member for member in range(networks)], sigma_w=2**0.5, device=device)
    seen = x[:TRAINED_ON], labels[:TRAINED_ON]
    end = numerics.gradient_descent(network, start, *seen, loss, learning_rate=0.5, steps=TRAINING_STEPS)
    return network, end.theta, x, labels, loss


def before_and_after(seed: int, networks: int, device: str) -> dict[str, Array]:
    """Train, rescale layers by ``ALPHA`` and units by random factors, and measure everything at each of the three.

    Of each array the first axis counts networks, the second one the three: as trained, layers and units rescaled. A
    fourth entry of outputs and test scores belongs to a random step as long as that from the first to the second.
    """
    import torch

    network, theta, x, labels, loss = trained_on_digits(seed, networks, device)
    draw = torch.Generator().manual_seed(seed)
    units = torch.exp(2 * torch.randn(WIDTHS[1], generator=draw, dtype=torch.float64))
    by_layer = numerics.rescaling_factors(network, (ALPHA, 1 / ALPHA)).to(theta)
    by_unit = numerics.unit_rescaling_factors(network, [units]).to(theta)
    places = [theta, by_layer * theta, by_unit * theta]
    seen, unseen = (x[:TRAINED_ON], labels[:TRAINED_ON]), (x[TRAINED_ON:], labels[TRAINED_ON:])
    seeds = [seed + member for member in range(networks)]
    away = network.init([each + networks for each in seeds], device=device)
    length = (places[1] - theta).norm(dim=1, keepdim=True)
    astray = theta + length * torch.nn.functional.normalize(away, dim=1)
    found: dict[str, list[torch.Tensor]] = {}
    for place in [*places, astray]:
        outputs = network.forward(place, unseen[0])
        found.setdefault("outputs", []).append(outputs)
        found.setdefault("right", []).append((outputs.argmax(2) == unseen[1]).sum(1).double())
    largest_output = found["outputs"][0].abs().amax((1, 2))
    found["outputs"] = [outputs / largest_output[:, None, None] for outputs in found["outputs"]]
    steps = torch.as_tensor(STEPS).to(theta)
    for place in places:
        hessian = numerics.dense_hessian(network, place, *seen, loss).total
        eigenvalues = torch.linalg.eigvalsh(hessian)
        weighted = hessian * place[:, :, None].abs() * place[:, None, :].abs()
        plain = numerics.epsilon_sharpness(
            network, place, *seen, loss, epsilon=RADIUS, seeds=seeds, restarts=2, steps=100
        )
        own = numerics.epsilon_sharpness(
            network, place, *seen, loss, epsilon=ADAPTIVE_RADIUS, seeds=seeds, restarts=2, steps=100, adaptive=True
        )
        measured = {
            "largest": eigenvalues[:, -1],
            "trace": hessian.diagonal(dim1=1, dim2=2).sum(1),
            "relative": torch.linalg.eigvalsh(weighted)[:, -1],
            "sharpness": plain.value,
            "adaptive": own.value,
        }
        for kind in ("none", "filter"):
            line = numerics.random_directions(network, place, seeds=seeds, normalisation=kind)
            if kind == "none":  # as long as the weights that were trained
                line = line / line.norm(dim=2, keepdim=True) * theta.norm(dim=1, keepdim=True)
            measured[f"slice {kind}"] = numerics.loss_slice(network, place, line, *seen, loss, steps=steps).losses
        for name, values in measured.items():
            found.setdefault(name, []).append(values)
    return {name: torch.stack(values, 1).cpu().numpy() for name, values in found.items()}


@claim(
    "rescaling.same-function",
    title="The same function and test error, a thousand times as sharp",
    source=Source(DINH_2017, "on rectified networks; filter normalisation: Li et al. (2018)", METHODOLOGY),
    assumptions=(
        f"networks {'-'.join(map(str, WIDTHS))} of ReLU units without biases, trained by gradient descent on the first "
        f"{TRAINED_ON} of scikit-learn's digits under cross-entropy; the other digits are the test set",
        f"layers: $\\alpha = {ALPHA:g}$; units: factors $e^{{2z}}$ with independent standard normal $z$",
        f"sharpness is what projected ascent finds, in the ball of radius {RADIUS:g}, or of {ADAPTIVE_RADIUS:g} in "
        "units of each weight's own size",
        "2 networks in the quick profile, 6 in the standard and 20 in the full one",
    ),
    expects={Verdict.SUPPORTED},
    corrects="rescaling.same-loss-same-error-as-printed",
)
def same_function(bench: Workbench) -> Iterator[Comparison]:
    r"""The same function has the same generalisation error, and does not have the same flatness. Networks trained on
    digits and then rescaled to $(\alpha \theta_1, \theta_2/\alpha)$ give the same outputs and the same test accuracy,
    while the largest eigenvalue of the Hessian, its trace and the $\epsilon$-sharpness

    $$\max_{|\theta' - \theta| \le \epsilon} \frac{L(\theta') - L(\theta)}{1 + L(\theta)}$$

    grow by more than a factor of 1000. Measures in units of the weights themselves are another matter. A slice of the
    loss along a random direction of which each filter (the weights into one unit) is as long as that of the network
    does not change if whole layers are rescaled; it does if units are rescaled one by one. At a minimum the mean
    curvature of such a slice is the sum of $|\theta_f|^2 \operatorname{tr} H_{ff}/n_f$ over filters $f$ of $n_f$
    weights each, and a unit's factor moves length from one filter to several others. Sharpness in units of each single
    weight, as ASAM has it with $\eta = 0$, changes in neither case: at first order it is $|T g|$ with $T =
    \operatorname{diag}(|\theta_i|)$ and the gradient $g$, and at a minimum the largest eigenvalue of $|\theta_i| H_{ij}
    |\theta_j|$ counts. (ASAM's default $\eta = 0.01$ adds to every $|\theta_i|$ what no rescaling changes.)
    """
    derivation = theory.same_function_other_flatness()
    letters = derivation.symbols
    alpha = letters["alpha"]
    yield Identity(
        "largest eigenvalue along the orbit of the function relu(x) + c relu(-x)",
        derivation=derivation,
        claimed=alpha**2 + alpha**-2,
        rival=Rival("2, that of a property of the function", 2 * alpha**0),
    )
    yield from _in_units_of_the_weights()
    networks = bench.size(quick=2, standard=6, full=20)
    items = [{"seed": seed, "networks": 1, "device": bench.device} for seed in bench.seeds("networks", networks)]
    found = gathered(bench.map("digits", before_and_after, items))
    outputs, right = found["outputs"], found["right"]
    for place, name in ((1, "layers"), (2, "units")):
        yield Agrees(
            f"outputs at the test images after rescaling {name}, over the largest one",
            measured=outputs[:, place],
            predicted=outputs[:, 0],
            tolerance=ROUNDING,
            reason="rounding in sums over 64 pixels and 10 units",
            rival=Rival("those after a random step of the same length", outputs[:, 3]),
        )
    yield Agrees(
        "test images that are classified rightly, after either rescaling",
        measured=right[:, 1:3],
        predicted=right[:, :1].repeat(2, axis=1),
        tolerance=0,
        reason="a count",
        rival=Rival("as many as after a random step of the same length", right[:, 3:].repeat(2, axis=1)),
    )
    for name, label in (
        ("largest", "largest eigenvalue"),
        ("trace", "trace"),
        ("sharpness", "sharpness in the ball"),
    ):
        ratios = found[name][:, 1] / found[name][:, 0]
        yield Bounds(
            f"1000, against the factor by which rescaling the layers multiplies the {label}",
            smaller=np.full(len(ratios), 1e3),
            larger=ratios,
            tolerance=1e-6,
            reason="rounding",
            rival=Rival("a property of the function, which stays", np.ones(len(ratios))),
        )
    plain, filtered = found["slice none"], found["slice filter"]
    yield Agrees(
        "slices in filter-normalised directions, after the layers were rescaled",
        measured=filtered[:, 1],
        predicted=filtered[:, 0],
        tolerance=ROUNDING,
        reason="rounding in a loss of at most about 100",
        rival=Rival("slices that change as plain ones do", plain[:, 1]),
    )
    change = np.abs(filtered[:, 2] - filtered[:, 0]).max(axis=1)
    yield Bounds(
        "0.1, against the largest change of filter-normalised slices by rescaling the units",
        smaller=np.full(len(change), 0.1),
        larger=change,
        tolerance=1e-6,
        reason="rounding",
        rival=Rival("none, as after the layers were rescaled", np.zeros(len(change))),
    )
    for name, label, tolerance, reason, plain_name in (
        ("relative", "largest eigenvalue of $|\\theta_i| H_{ij} |\\theta_j|$", 1e-9, "rounding", "largest"),
        ("adaptive", "sharpness in units of each weight", 1e-6, "ascents that end at one point", "sharpness"),
    ):
        yield Agrees(
            f"{label} after either rescaling, over that before",
            measured=found[name][:, 1:] / found[name][:, :1],
            predicted=np.ones((networks, 2)),
            tolerance=tolerance,
            reason=reason,
            rival=Rival("as without these units", found[plain_name][:, 1:] / found[plain_name][:, :1]),
        )
    _draw(bench, found)


@claim(
    "rescaling.same-loss-same-error-as-printed",
    title="The same loss, and so the same generalisation error, as printed",
    source=Source(printed=NAVIGATING),
    assumptions=("the truth is $\\operatorname{relu}(x)$, inputs are uniform on $(-1, 1)$, the loss is squared error",),
    expects={Verdict.REFUTED},
    flaw="overstatement",
    right=(
        "The same function has the same generalisation error. The same loss does not imply it: at training loss 0 it "
        r"is $c^2/6$ here, any number $\ge 0$."
    ),
)
def same_loss_same_error_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: the same loss value, network architecture and input imply the same generalisation error.

    (The same function does. Of one architecture, $f_c(x) = \operatorname{relu}(x) + c \operatorname{relu}(-x)$ has
    training loss 0 at the sample $f(1) = 1$ for every $c$, since the second unit is silent there, and the Hessian of
    the training loss is the same too; but its generalisation error is $c^2/6$, any number $\ge 0$.)
    """
    derivation = theory.interpolating_pair()
    (c,) = derivation.value.free_symbols
    yield Identity(
        "generalisation error of networks with the same training loss",
        derivation=derivation,
        claimed=0 * c,
        rival=Rival("what the second unit adds, c^2/6", c**2 / 6),
    )
    figure = bench.figure(
        "functions",
        title="Networks of one architecture and one training loss",
        x="input",
        y="output",
        caption="All fit the sample at 1 exactly, with the same Hessian of the training loss. The truth is the one "
        "with c = 0; the generalisation error is $c^2/6$.",
    )
    grid = np.linspace(-1, 1, 81)
    for value in (-1, 0, 1, 2):
        figure.line(grid, np.maximum(grid, 0) + value * np.maximum(-grid, 0), f"c = {value}")
    figure.points([1.0], [1.0], "sample")


def _in_units_of_the_weights() -> Iterator[Comparison]:
    """What is left of measures in units of the weights after a rescaling, exactly."""
    import sympy as sp

    slices = theory.filter_normalised_slice()
    letters = slices.symbols
    first, second = (letters["H_11"] + letters["H_22"]) / 2, (letters["H_33"] + letters["H_44"]) / 2
    yield Identity(
        "mean curvature of a filter-normalised slice at a minimum: two filters of two weights",
        derivation=slices,
        claimed=letters["r_1"] ** 2 * first + letters["r_2"] ** 2 * second,
        rival=Rival("without the lengths of the filters", first + second),
    )
    yield Identity(
        "mean curvature of such a slice of a network of six weights after one unit was multiplied by 9/5",
        derivation=slices,
        part="after",
        claimed=sp.Rational(34789, 90),
        rival=Rival("that before, as after a rescaling of layers", sp.Rational(625, 2)),
    )
    relative = theory.relative_trace()
    letters = relative.symbols
    yield Identity(
        "trace in units of each weight, which no rescaling changes: two weights",
        derivation=relative,
        claimed=letters["theta_1"] ** 2 * letters["H_11"] + letters["theta_2"] ** 2 * letters["H_22"],
        rival=Rival("the trace itself", letters["H_11"] + letters["H_22"]),
    )
    adaptive = theory.asam_objective()
    letters = {symbol.name: symbol for symbol in adaptive.parts["rescaled"].rhs.free_symbols}
    weights, slopes = (sp.Matrix([letters[f"{name}_1"], letters[f"{name}_2"]]) for name in ("theta", "g"))
    rise = sp.sqrt((weights[0] * slopes[0]) ** 2 + (weights[1] * slopes[1]) ** 2)
    yield Identity(
        "rise of the loss over the radius, to first order, of ASAM: two weights",
        derivation=adaptive,
        claimed=rise,
        rival=Rival("that of SAM", sp.sqrt(slopes[0] ** 2 + slopes[1] ** 2)),
    )
    step = letters["rho"] * weights[0] ** 2 * slopes[0] / rise
    yield Identity(
        "step of ASAM in a weight after that was multiplied by t",
        derivation=adaptive,
        part="rescaled",
        claimed=letters["t"] * step,
        rival=Rival("as before, which would be another place", step),
    )


def _draw(bench: Workbench, found: dict[str, Array]) -> None:
    """Draw slices of the loss of one network before and after, and what either rescaling does to each measure."""
    every = np.stack([found["slice none"][0], found["slice filter"][0]])
    for kind, title in (("none", "Plain slices"), ("filter", "Filter-normalised slices")):
        slices = found[f"slice {kind}"][0]
        figure = bench.figure(
            f"slices-{kind}",
            title=f"{title} of the loss of one function",
            x="step along a random direction",
            y="training loss",
            y_scale="log",
            y_limits=(float(every.min()) / 1.5, float(every.max()) * 1.5),
            caption="The same trained network at three places of its orbit, along the same random draw. "
            + (
                "The direction is as long as the trained weights. Rescaling makes a ravine of the minimum."
                if kind == "none"
                else "The slice after the layers were rescaled lies on that of the trained network; that after the "
                "units were rescaled does not."
            ),
        )
        for place, label in enumerate(("as trained", "layers rescaled", "units rescaled")):
            figure.line(STEPS, slices[place], label)
    names = {
        "largest": "largest eigenvalue",
        "trace": "trace",
        "sharpness": "sharpness",
        "relative": "eigenvalue, own units",
        "adaptive": "sharpness, own units",
    }
    figure = bench.figure(
        "measures",
        title="Measures of flatness after a rescaling, over those before",
        x="",
        y="ratio",
        y_scale="log",
        x_categories=tuple(names.values()),
        caption=f"Each point is one of {len(found['largest'])} networks, which compute what they computed before. In "
        "own units: the largest eigenvalue of $|\\theta_i| H_{ij} |\\theta_j|$, and the sharpness in a ball measured "
        "by each weight's own size.",
    )
    for place, label in ((1, "layers rescaled"), (2, "units rescaled")):
        words = [word for word in names.values() for _ in found["largest"]]
        ratios = [found[name][:, place] / found[name][:, 0] for name in names]
        figure.points(words, np.concatenate(ratios), label)
