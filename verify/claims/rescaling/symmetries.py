"""Many parameters, one function: the orbit of symmetries, other coordinates, and what a Bayesian makes of them."""

from collections.abc import Iterator
from typing import Final

import numpy as np

import theory
from verify import Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import DINH_2017
from verify.lectures.flat_minima import BAYESIAN
from verify.lectures.rescaling import METHODOLOGY, OTHER_COORDINATES

HIDDEN: Final = (1, 2, 3, 4, 5, 6, 7, 8)


@claim(
    "rescaling.symmetry-orbit",
    title="How many networks the symmetries make of one",
    source=Source(DINH_2017, "for the rescalings", METHODOLOGY),
    assumptions=(
        "two layers without biases, $h$ hidden units none of which is zero",
        "units are distinct: up to sign for odd activations, up to rescaling for ReLU; what is counted is the orbit of "
        "these symmetries: for ReLU other networks may compute the same function, as $\\sum_j v_j w_j = 0$ lets all "
        "$w_j$ change sign",
    ),
    expects={Verdict.PROVED},
)
def symmetry_orbit(bench: Workbench) -> Iterator[Comparison]:
    r"""The hidden units of a network may stand in any order: $h!$ points of parameter space have one function, for
    every activation. If the activation is odd, such as tanh, each unit may also change the sign of all its weights,
    which makes $2^h h!$ of them. If it is homogeneous, such as ReLU, each unit may be rescaled, its incoming weights
    by $c > 0$ and its outgoing ones by $1/c$: then they are no points but $h!$ surfaces of $h$ dimensions. All of this
    is counted by enumeration for $h = 2, 3, 4, 5$.
    """
    import sympy as sp

    derivation = theory.unit_symmetries()
    (hidden,) = derivation.value.free_symbols
    yield Identity(
        "points with one function, odd activation",
        derivation=derivation,
        claimed=2**hidden * sp.factorial(hidden),
        rival=Rival("two signs for the whole network", 2 * sp.factorial(hidden)),
    )
    yield Identity(
        "points with one function, any activation; connected pieces, ReLU",
        derivation=derivation,
        part="permutations",
        claimed=sp.factorial(hidden),
        rival=Rival("cyclic orders only", hidden),
    )
    yield Identity(
        "dimensions of the orbit, ReLU",
        derivation=derivation,
        part="dimension",
        claimed=hidden,
        rival=Rival("one, that of rescaling whole layers", sp.Integer(1)),
    )
    figure = bench.figure(
        "orbit",
        title="Networks that symmetries make of one",
        x="hidden units $h$",
        y="number",
        y_scale="log",
        caption="Points for tanh; for ReLU connected pieces, each of $h$ dimensions.",
    )
    orders = np.cumprod(np.array(HIDDEN, dtype=float))
    figure.points(HIDDEN, orders * 2.0 ** np.array(HIDDEN), "tanh: $2^h h!$").points(HIDDEN, orders, "ReLU: $h!$")


@claim(
    "rescaling.any-coordinates",
    title="In other coordinates a minimum is as sharp as you like",
    source=Source(DINH_2017, "on reparametrisations of the model", OTHER_COORDINATES),
    assumptions=("the loss is twice differentiable at a critical point, and the change of coordinates is smooth",),
    expects={Verdict.PROVED},
)
def any_coordinates(bench: Workbench) -> Iterator[Comparison]:
    r"""Nothing says in which coordinates a model has to be written. With $\theta = g(\eta)$ for a bijection $g$ of
    Jacobian $G$ the Hessian at a critical point becomes $G^T H G$. The bijection

    $$g(\eta) = \theta^* + t\,(|t|^2 + b), \qquad t = \eta - \theta^*, \quad b > 0,$$

    leaves the minimum $\theta^*$ where it is and multiplies every eigenvalue of its Hessian by $b^2$. So with $b =
    \sqrt{S/\lambda}$ a curvature $\lambda$ becomes any $S > 0$, for the same set of functions, of values of the loss
    and of minima. No activation is needed for this, and no symmetry.
    """
    import sympy as sp

    derivation = theory.any_sharpness()
    letters = derivation.symbols
    b, curvature = letters["b"], letters["lambda"]
    yield Identity(
        "an eigenvalue of the Hessian in the new coordinates",
        derivation=derivation,
        claimed=b**2 * curvature,
        rival=Rival("one power of b, as for the gradient", b * curvature),
    )
    wanted = next(symbol for symbol in derivation.parts["b"].rhs.free_symbols if symbol.name == "S")
    yield Identity(
        "b for which a curvature becomes S",
        derivation=derivation,
        part="b",
        claimed=sp.sqrt(wanted / curvature),
        rival=Rival("without the root", wanted / curvature),
    )
    figure = bench.figure(
        "coordinates",
        title="One loss in three systems of coordinates",
        x="coordinate",
        y="loss",
        caption="A loss with minima of equal height and curvature at -1 and 1, $(\\theta^2 - 1)^2/4$. In the new "
        "coordinates around the minimum at 1 that one is made 25 times as sharp or 25 times as flat. Every value of "
        "the loss is still taken, and every function that the model had it still has.",
    )
    place = np.linspace(-1.6, 1.6, 241)
    for scale, name in ((1.0, "as it was"), (5.0, "b = 5"), (0.2, "b = 1/5")):
        moved = place - 1
        theta = place if scale == 1 else 1 + moved * (moved**2 + scale)
        height = (theta**2 - 1) ** 2 / 4
        seen = height <= 1
        figure.line(place[seen], height[seen], name)


@claim(
    "rescaling.evidence-is-invariant",
    title="The Bayesian evidence of a minimum does not change under rescaling, if the prior moves along",
    source=Source(DINH_2017, "on reparametrisations of the model", BAYESIAN),
    assumptions=(
        "$Z$ is the evidence of a minimum by Laplace's method, $\\int e^{-L} p$ with $L$ quadratic around it",
        "the example: $y = v \\operatorname{relu}(w x)$, one sample $x = y = 1$, half squared error",
    ),
    expects={Verdict.PROVED},
)
def evidence_is_invariant(bench: Workbench) -> Iterator[Comparison]:
    r"""The Bayesian argument for flat minima weighs the functions near a minimum by their prior probability, and does
    not depend on coordinates. So it must not change under rescaling; nor does it, if the prior is moved along with the
    parameters: the evidence of the minimum $(\alpha \theta_1, \theta_2/\alpha)$ is then that of $(\theta_1, \theta_2)$,
    for networks of any size. With one fixed Gaussian prior it changes. For two weights $w = \alpha$, $v = 1/\alpha$ and
    a standard Gaussian it is

    $$Z(\alpha) = \frac{1}{\sqrt{1 + \sigma}}\, e^{-2/(1 + \sigma)}, \qquad \sigma = \alpha^2 + \alpha^{-2},$$

    and with the prior moved along $Z(1) = e^{-2/3}/\sqrt 3$ throughout. Flatness counts for the evidence only together
    with a prior, which says what is near.
    """
    import sympy as sp

    derivation = theory.evidence_along_orbit()
    (alpha,) = derivation.value.free_symbols
    spread = alpha**2 + alpha**-2
    fixed, moved = sp.exp(-2 / (1 + spread)) / sp.sqrt(1 + spread), sp.exp(-sp.Rational(2, 3)) / sp.sqrt(3)
    yield Identity(
        "evidence with the prior moved along",
        derivation=derivation,
        part="moved",
        claimed=moved,
        rival=Rival("that with a fixed prior", fixed),
    )
    yield Identity(
        "evidence with a fixed Gaussian prior",
        derivation=derivation,
        claimed=fixed,
        rival=Rival("constant", moved),
    )
    region = (1 - (1 + alpha) * sp.exp(-alpha)) * (1 - (1 + 1 / alpha) * sp.exp(-1 / alpha))
    yield Identity(
        "evidence of a region without Laplace's method: weight w v on the images of the unit square, prior exp(-w - v)",
        derivation=derivation,
        part="exact",
        claimed=region,
        rival=Rival("constant, as with the prior moved along", (1 - 2 * sp.exp(-1)) ** 2),
    )
    figure = bench.figure(
        "evidence",
        title="Evidence of one function along its orbit",
        x="$\\alpha$",
        y="evidence $Z$",
        x_scale="log",
        y_scale="log",
        caption="The network with two weights. A fixed prior prefers some of these weights to others: here most those "
        "with $\\alpha^2 + \\alpha^{-2} = 3$, not the balanced ones, and less and less those far from balance. That is "
        "a statement on the prior and none on the function.",
    )
    grid = np.logspace(-2, 2, 81)
    sigma = grid**2 + grid**-2
    figure.line(grid, np.exp(-2 / (1 + sigma)) / np.sqrt(1 + sigma), "fixed standard Gaussian prior")
    figure.line(grid, np.full(len(grid), np.exp(-2 / 3) / 3**0.5), "prior moved along")
