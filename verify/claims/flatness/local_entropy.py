"""Local entropy: what it makes of a quadratic, and whether it leads to flatter points than the loss itself."""

from collections.abc import Iterator

import numpy as np

import theory
from verify import (
    OPEN,
    Agrees,
    AtLeast,
    Bounds,
    Comparison,
    Identity,
    Rival,
    Source,
    Verdict,
    Workbench,
    claim,
)
from verify.bibliography import CHAUDHARI_2017
from verify.claims.flatness.descents import local_entropy_matrices, sampled_entropies
from verify.claims.flatness.pairs import draw_pairs, first_is_flatter
from verify.claims.flatness.training import SETTING, both_arrived, measured
from verify.lectures.flatness import ALGORITHMS

SCOPE = 1.0
PAIRS = 100_000  # of draws, at minima of quadratics


@claim(
    "flatness.local-entropy",
    title="Local entropy caps every curvature",
    source=Source(CHAUDHARI_2017, "for the local entropy", ALGORITHMS),
    assumptions=(
        "the loss is quadratic with all curvatures above $-\\gamma$; for the last part any loss for which the integral "
        "converges",
        "measured on quadratics of 8 weights, with a walk of 600 steps without noise; $F$ itself by independent draws, "
        "less what it is for a loss of 0",
    ),
    expects={Verdict.SUPPORTED},
)
def local_entropy(bench: Workbench) -> Iterator[Comparison]:
    r"""Entropy-SGD optimises a different function, the local entropy. With the sign of a loss it is

    $$F(x) = -\log \int e^{-L(x') - \frac{\gamma}{2} |x' - x|^2} \, dx', \qquad \nabla F(x) = \gamma\, (x - E x'),$$

    $E$ over the density under the integral. On a quadratic it has the same minimum, the same eigenvectors, and each
    curvature $\lambda$ becomes

    $$\frac{\lambda \gamma}{\lambda + \gamma} \le \min(\lambda, \gamma).$$

    Sharp directions are capped at $\gamma$, flat ones stay as they are. For any loss $F'' = \gamma - \gamma^2
    \operatorname{Var} x' \le \gamma$, in one weight. The entropy of a sharp minimum is the worse, as $F$ there is
    $\frac12 \log \frac{\lambda + \gamma}{2 \pi}$ for each direction: that is the pull to flat minima.
    """
    import sympy as sp

    curvature, scope = sp.symbols("lambda gamma", positive=True)
    variance = sp.Symbol("V", real=True)
    derivation = theory.local_entropy_of_a_quadratic()
    yield Identity(
        "curvature of the local entropy of a quadratic",
        derivation=derivation,
        part="curvature",
        claimed=1 / (1 / curvature + 1 / scope),
        rival=Rival("that of the loss", curvature),
    )
    yield Identity(
        "local entropy at the minimum of a quadratic of one weight",
        derivation=derivation,
        part="constant",
        claimed=sp.log((curvature + scope) / (2 * sp.pi)) / 2,
        rival=Rival("the volume of the minimum alone, without the spring", sp.log(curvature / (2 * sp.pi)) / 2),
    )
    yield Identity(
        "curvature of the local entropy of any loss of one weight, $V$ the variance of the walk",
        derivation=theory.local_entropy_gradient(),
        part="curvature",
        claimed=scope * (1 - scope * variance),
        rival=Rival("the stiffness of the spring", scope),
    )
    item = {
        "seed": bench.seeds("quadratics", 1)[0],
        "members": bench.size(quick=6, standard=12, full=40),
        "scope": SCOPE,
        "device": bench.device,
    }
    (found,) = bench.map("quadratics", local_entropy_matrices, [item])
    exact = np.array([theory.smoothed_hessian(hessian, SCOPE) for hessian in found["hessians"]])
    yield Agrees(
        "Hessian of the local entropy, from gradients that Entropy-SGD goes along",
        measured=found["found"],
        predicted=exact,
        tolerance=1e-9,
        reason="the walk has settled, up to rounding",
        rival=Rival("the Hessian of the loss", found["hessians"]),
    )
    before = np.linalg.eigvalsh(found["hessians"])
    (sampled,) = bench.map("sampled", sampled_entropies, [item | {"pairs": PAIRS}])
    nothing = 8 * np.log(SCOPE / (2 * np.pi)) / 2
    formula = [theory.negative_local_entropy(hessian, np.zeros(8), SCOPE) - nothing for hessian in found["hessians"]]
    yield Agrees(
        "local entropy at minima of quadratics of 8 weights, sampled, against that of the formula",
        measured=sampled["value"],
        predicted=np.array(formula),
        tolerance=0.04,
        reason=f"some six standard errors of {PAIRS} pairs of draws",
        rival=Rival("the mean loss under the noise", before.sum(axis=1) / SCOPE / 2),
    )
    after = np.linalg.eigvalsh((found["found"] + found["found"].transpose(0, 2, 1)) / 2)
    yield Bounds(
        "curvatures of the local entropy, at most $\\gamma$ and at most that of the loss",
        smaller=after,
        larger=np.minimum(before, SCOPE),
        tolerance=1e-9,
        reason="rounding",
        rival=Rival("half of that", np.minimum(before, SCOPE) / 2),
    )
    places = np.geomspace(0.02, 50, 100)
    figure = bench.figure(
        "cap",
        title="Curvature of the local entropy against that of the loss",
        x="$\\lambda$",
        y="curvature of the local entropy",
        x_scale="log",
        y_scale="log",
        caption="For $\\gamma = 1$. Directions much flatter than $\\gamma$ stay as they are, sharper ones all look "
        "alike. Points are eigenvalues of quadratics, measured from the gradients of Entropy-SGD.",
    )
    figure.line(places, places * SCOPE / (places + SCOPE), "$\\lambda \\gamma/(\\lambda + \\gamma)$")
    figure.line(places, places, "$\\lambda$").line(places, np.full_like(places, SCOPE), "$\\gamma$")
    figure.points(before.ravel(), after.ravel(), "measured")


@claim(
    "flatness.entropy-sgd-finds-flatter",
    title="Does Entropy-SGD end flatter than SGD, at the same training loss?",
    source=Source(CHAUDHARI_2017, "section 5 and figure 1", printed=ALGORITHMS),
    assumptions=(
        *SETTING,
        "batches of 32; SGD has learning rate 0.2; Entropy-SGD walks 20 steps at that rate with noise 0.0001, "
        "$\\gamma = 0.1$ without scoping, and goes to the mean of the walk",
    ),
    expects=OPEN,
)
def entropy_sgd_finds_flatter(bench: Workbench) -> Iterator[Comparison]:
    r"""Does Entropy-SGD, which descends the local entropy $-\log\int e^{-L(\theta') - \gamma|\theta'-\theta|^2/2}
    d\theta'$ in place of the loss, end flatter than SGD with the same step size and the same loss, a mean cross-entropy
    of 0.05 in the quick profile and 0.01 in the others?

    On a quadratic it caps every curvature $\lambda$ at $\lambda\gamma/(\lambda + \gamma)$, but that moves no minimum.
    The question is whether it ends flatter in more than half of all pairs, by the largest eigenvalue and by the trace.
    A comparison of its own asks how large a gain there could be: does the median trace stay above 19/20 of that of SGD?
    All this is for $\gamma = 0.1$ without scoping, and says nothing of other ways to run Entropy-SGD.
    """
    target = bench.size(quick=0.05, standard=0.01, full=0.01)
    pairs = bench.size(quick=20, standard=40, full=80)
    plain, entropic = (measured(bench, name, pairs=pairs, target=target) for name in ("SGD", "Entropy-SGD"))
    yield from first_is_flatter({"Entropy-SGD": entropic, "SGD": plain}, target=target)
    kept, dropped = both_arrived(plain, entropic)
    yield AtLeast(
        "trace after Entropy-SGD, over that after SGD: a gain of less than a twentieth",
        bound=0.95,
        replicates=(entropic["trace"] / plain["trace"])[kept],
        rival=Rival("smaller by a tenth", 0.9),
        dropped=dropped,
    )
    figure = bench.figure(
        "pairs",
        title="Where SGD and Entropy-SGD end",
        x="trace, SGD",
        y="trace, Entropy-SGD",
        square=True,
        caption=f"{np.count_nonzero(kept)} pairs at a training loss of {target:g}. Gradients in the median: SGD "
        f"{np.median(plain['gradients']):.0f}, Entropy-SGD {np.median(entropic['gradients']):.0f}.",
    )
    draw_pairs(figure, "trace", plain, {"pairs": entropic})
