"""What sharpness-aware minimisation and weight averaging do on a quadratic, where it can be calculated."""

from collections.abc import Iterator

import numpy as np

import theory
from verify import Agrees, Comparison, Equals, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import FORET_2021, IZMAILOV_2018
from verify.claims.flatness.descents import (
    averaged_losses,
    sharpness_aware_ends,
    sharpness_aware_steps,
    uphill_losses,
)
from verify.claims.flatness.minima import TRAINED
from verify.lectures.flatness import ALGORITHMS

RADIUS = 0.3
CURVATURE = 2.0
RATES = (0.1, 0.25, 0.4, 0.7)
CYCLE_STEPS = 400
SHORT = 1e-4  # steps uphill, for the expansion
PRODUCTS = (0.1, 0.5, 1.5)
AVERAGED = 100


@claim(
    "flatness.sam-as-printed",
    title="What sharpness-aware minimisation minimises, as printed",
    source=Source(printed=ALGORITHMS),
    assumptions=("the loss is $a x^2/2$, at $x > 0$, and $\\epsilon' = \\rho$ points uphill",),
    expects={Verdict.REFUTED},
    right=r"$L(\theta) + [L(\theta + \epsilon') - L(\theta)] = L(\theta + \epsilon')$.",
)
def sam_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""Sharpness-aware minimisation minimises $L(\theta) + [L(\theta + \epsilon')\, L(\theta)]$, as the slide has it
    with no sign between the last two.

    A minus was lost. The sum of the loss and of its rise is $L(\theta) + [L(\theta + \epsilon') - L(\theta)] =
    L(\theta + \epsilon')$, the loss one step uphill. The product would be 0 at every minimum of loss 0, flat or sharp,
    and so could not tell them apart.
    """
    import sympy as sp

    a, x, rho = sp.symbols("a x rho", positive=True)
    derivation = theory.sam_objective()
    here, there = a * x**2 / 2, a * (x + rho) ** 2 / 2
    yield Identity(
        "objective in one weight",
        derivation=derivation,
        part="one weight",
        claimed=here + there * here,
        rival=Rival("with the difference", here + (there - here)),
    )
    yield Identity(
        "objective at the minimum",
        derivation=derivation,
        part="floor",
        claimed=sp.Integer(0),
        rival=Rival("with the difference", a * rho**2 / 2),
    )
    places = np.linspace(-1, 1, 401)
    figure = bench.figure(
        "objective",
        title="Two objectives at a flat and at a sharp minimum",
        x="$x$",
        y="objective",
        caption="For $a x^2/2$ with $a = 1/2$ and $a = 2$ and a step of $1/2$ uphill. With the difference, the "
        "sharp minimum is higher, by $a \\rho^2/2$; with the product, both are 0.",
    )
    for a_value, word in ((0.5, "flat"), (2.0, "sharp")):
        low, high = a_value * places**2 / 2, a_value * (np.abs(places) + 0.5) ** 2 / 2
        figure.line(places, high, f"difference, {word}").line(places, low * (1 + high), f"product, {word}")


@claim(
    "flatness.sam-objective",
    title="Sharpness-aware minimisation descends the loss one step uphill",
    source=Source(FORET_2021, "section 2", ALGORITHMS),
    assumptions=(
        "the gradient $g$ is not 0",
        "the step is $\\hat\\epsilon = \\rho g/|g|$, the worst of length $\\rho$ to first order",
        f"for the expansion: {TRAINED}, and then moved away from it",
    ),
    expects={Verdict.SUPPORTED},
    corrects="flatness.sam-as-printed",
)
def sam_objective(bench: Workbench) -> Iterator[Comparison]:
    r"""Sharpness-aware minimisation minimises the loss and its rise,

    $$L(\theta) + [L(\theta + \hat\epsilon) - L(\theta)] = L(\theta + \hat\epsilon)
      = L + \rho |g| + \frac{\rho^2}{2} \frac{g^T H g}{|g|^2} + O(\rho^3), \qquad \hat\epsilon = \rho \frac{g}{|g|}.$$

    To first order it adds the length of the gradient, to second order the curvature along it. It goes along
    $\nabla L$ taken uphill, on a quadratic $H (x + \rho H x/|H x|)$, and leaves out what the derivative of the
    step would add. That is of order $\rho^2$ and nothing in one weight; in general it is $\rho^2 H P H g/|g|^2$, $P$
    the projector across the gradient.

    It does not come to rest at the minimum. On $a x^2/2$ it goes along $a (x + \rho \operatorname{sign} x)$ and ends
    between two places,

    $$\pm x^* = \pm \frac{\eta a \rho}{2 - \eta a},$$

    the farther apart the sharper the minimum is.
    """
    import sympy as sp

    a, x, rho, eta = sp.symbols("a x rho eta", positive=True)
    yield Identity(
        "rise of the loss one step uphill, one weight",
        derivation=theory.sam_objective(),
        claimed=rho * a * x + rho**2 * a / 2,
        rival=Rival("the first order alone", rho * a * x),
    )
    yield Identity(
        "gradient in one weight",
        derivation=theory.sam_gradient(),
        claimed=a * (x + rho),
        rival=Rival("that of the loss", a * x),
    )
    b, y = sp.symbols("b y", positive=True)
    slopes = a * x, b * y
    yield Identity(
        "what it leaves out, first component, two weights with the curvatures a and b",
        derivation=theory.sam_gradient(),
        part="dropped",
        claimed=-(rho**2) * (b - a) * a * slopes[0] * slopes[1] ** 2 / (slopes[0] ** 2 + slopes[1] ** 2) ** 2,
        rival=Rival("nothing, as in one weight", sp.Integer(0)),
    )
    yield Identity(
        "places between which it ends, one weight",
        derivation=theory.sam_gradient(),
        part="cycle",
        claimed=eta * a * rho / (2 - eta * a),
        rival=Rival("the minimum", sp.Integer(0)),
    )
    members = bench.size(quick=12, standard=40, full=200)
    item = {"members": members, "radius": RADIUS, "device": bench.device}
    (steps,) = bench.map("steps", sharpness_aware_steps, [item | {"seed": bench.seeds("steps", 1)[0]}])
    pairs = list(zip(steps["hessians"], steps["displacement"], strict=True))
    yield Agrees(
        "gradient that a step goes along: quadratics of 8 weights",
        measured=steps["gradient"],
        predicted=np.array([theory.sam_gradient_of_a_quadratic(h, place, RADIUS) for h, place in pairs]),
        tolerance=1e-12,
        reason="rounding in sums over 16 samples",
        rival=Rival("that of the loss", np.array([h @ place for h, place in pairs])),
    )
    (losses,) = bench.map(
        "uphill",
        uphill_losses,
        [
            {
                "seed": bench.seeds("uphill", 1)[0],
                "members": members,
                "radii": str(SHORT),
                "device": bench.device,
            }
        ],
    )
    first = losses["loss"] + SHORT * losses["slope"]
    second = (losses["uphill"][:, 0] - first) / (SHORT**2 / 2)
    scale = np.abs(losses["curvature"]).max()
    yield Agrees(
        "second order of the loss one step uphill, against the curvature along the gradient: networks",
        measured=second / scale,
        predicted=losses["curvature"] / scale,
        tolerance=0.005,
        reason=f"the third order, for a step of {SHORT:g}, over the largest",
        rival=Rival("none", 0),
    )
    rates = " ".join(map(str, RATES))
    (ends,) = bench.map(
        "cycles",
        sharpness_aware_ends,
        [
            {
                "curvature": CURVATURE,
                "rates": rates,
                "radius": RADIUS,
                "steps": CYCLE_STEPS,
                "device": bench.device,
            }
        ],
    )
    cycles = np.array([theory.sam_cycle(CURVATURE, rate, RADIUS) for rate in RATES])
    last = ends["path"][:, -1]
    signs = np.sign(last)[:, None] * np.array([1, -1])
    yield Agrees(
        "the last place and the one before: $a = 2$, four learning rates",
        measured=ends["path"][:, :-3:-1],
        predicted=signs * cycles[:, None],
        tolerance=1e-12,
        reason="rounding",
        rival=Rival("the minimum", 0),
    )
    figure = bench.figure(
        "cycle",
        title="Sharpness-aware descent on a quadratic",
        x="step",
        y="$x$",
        caption="On $x^2$ with a step of 0.3 uphill. It does not come to rest at the minimum but ends between two "
        "places across it, whose distance the theory gives.",
    )
    for rate, path, cycle in zip(RATES[1:3], ends["path"][1:3], cycles[1:3], strict=True):
        figure.points(np.arange(25), path[:25], f"learning rate {rate:g}")
        figure.line([0, 24], [cycle, cycle], f"$x^*$, learning rate {rate:g}")


@claim(
    "flatness.weight-averaging",
    title="How much lower the average of the last iterates lies",
    source=Source(IZMAILOV_2018, "for the average", ALGORITHMS),
    assumptions=(
        "SGD with a constant learning rate $\\eta$ on $a x^2/2$ has forgotten its start; the noise of a step is the "
        "same everywhere and independent of that of the others",
        "this is about the loss, not about flatness: on a quadratic the curvature is the same everywhere",
    ),
    expects={Verdict.SUPPORTED},
)
def weight_averaging(bench: Workbench) -> Iterator[Comparison]:
    r"""Iterates of SGD with a constant learning rate surround a minimum, their average lies near its middle. For the
    average $\bar x$ of the last $T$ iterates, with $q = 1 - \eta a$,

    $$\frac{E L(\bar x)}{E L(x_T)} = \frac{T (1 - q^2) - 2 q (1 - q^T)}{T^2 (1 - q)^2} \approx
      \frac{2 - \eta a}{\eta a\, T} .$$

    It is not $1/T$, as it would be for independent iterates. In flat directions, with small $\eta a$, iterates are
    alike and averaging sets in late: at $T = 2/(\eta a)$ the average still has more than half of the loss; in sharp
    ones, $\eta a > 1$, they lie on either side, and it helps more than $1/T$. For iterates that lie $c$ steps apart, as
    the ends of cycles do, $q^c$ takes the place of $q$. The last iterate itself has the mean loss $\frac{\eta
    \sigma^2}{2 (2 - \eta a)}$, $\sigma^2$ the variance of the noise in the gradient.
    """
    import sympy as sp

    p, count, cycle, a, sigma = sp.symbols("p T c a sigma", positive=True)  # p = eta a
    derivation = theory.averaged_variance()
    q = 1 - p
    yield Identity(
        "loss of the average over that of the last iterate, $p = \\eta a$",
        derivation=derivation,
        claimed=(count * (1 - q**2) - 2 * q * (1 - q**count)) / (count**2 * (1 - q) ** 2),
        rival=Rival("that of independent iterates", 1 / count),
    )
    yield Identity(
        "its leading term for many iterates",
        derivation=derivation,
        part="limit",
        claimed=(2 - p) / (p * count),
        rival=Rival("that of independent iterates", 1 / count),
    )
    apart = q**cycle
    yield Identity(
        "loss of the average of iterates that lie c steps apart over that of the last iterate",
        derivation=derivation,
        part="cycles",
        claimed=(count * (1 - apart**2) - 2 * apart * (1 - q ** (cycle * count))) / (count**2 * (1 - apart) ** 2),
        rival=Rival(
            "that of iterates in a row",
            (count * (1 - q**2) - 2 * q * (1 - q**count)) / (count**2 * (1 - q) ** 2),
        ),
    )
    yield Identity(
        "mean loss of the last iterate, $\\sigma^2$ the variance of the noise in the gradient",
        derivation=theory.stationary_variance(),
        part="loss",
        claimed=p * sigma**2 / (2 * a * (2 - p)),
        rival=Rival("that of an infinitely small learning rate", p * sigma**2 / (4 * a)),
    )
    groups = bench.size(quick=40, standard=80, full=160)
    items = [
        {"seed": seed, "product": product, "steps": AVERAGED, "runs": 2000, "groups": groups}
        for seed, product in zip(bench.seeds("runs", len(PRODUCTS)), PRODUCTS, strict=True)
    ]
    found = bench.map("runs", averaged_losses, items)
    yield Equals(
        f"loss of the average of {AVERAGED} over that of the last, $\\eta a$ = 0.1, 0.5, 1.5",
        predicted=[theory.averaging_ratio(product, 1.0, AVERAGED) for product in PRODUCTS],
        replicates=np.array([each["ratio"] for each in found]).T,
        relative=0.1,
        rival=Rival("that of independent iterates", [1 / AVERAGED] * len(PRODUCTS)),
    )
    counts = np.unique(np.geomspace(1, 1000, 40).astype(int))
    figure = bench.figure(
        "ratio",
        title="Loss of the average over that of the last iterate",
        x="number $T$ of iterates in the average",
        y="ratio of mean losses",
        x_scale="log",
        y_scale="log",
        caption="On $a x^2/2$ with constant noise. The flatter the direction and the smaller the learning rate, the "
        "later averaging sets in.",
    )
    figure.line(counts, 1 / counts, "independent iterates")
    for product in PRODUCTS:
        ratios = [theory.averaging_ratio(product, 1.0, int(size)) for size in counts]
        figure.line(counts, ratios, f"$\\eta a$ = {product:g}")
    means = [float(each["ratio"].mean()) for each in found]
    figure.points([AVERAGED] * len(PRODUCTS), means, "measured")
