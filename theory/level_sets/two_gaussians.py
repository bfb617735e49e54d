r"""Two tight clusters and two hidden ReLU units: swapping the units costs a risk of 1/2.

Conventions: X in R^2 comes with probability 1/2 each from N(e_1, sigma^2 I) and N(e_2, sigma^2 I), Z in {1, 2} is the
component, networks are W_2 relu(W_1 X) with two hidden units and two outputs, the risk is E |W_2 relu(W_1 X) - Y|^2
without a half. F is the matrix of mean features, its column z is E(relu(W_1 X) | Z = z).
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["two_gaussians", "two_gaussians_as_published"]


@cache
def two_gaussians() -> Derivation:
    r"""Derive that two configurations of risk <= 3 sigma^2/2 are separated by a wall of risk 1/2, for Y = e_Z.

    The configurations are W_1 = W_2 = I and the same with the two units exchanged. On a path between them the
    determinant of the mean features changes its sign; where it vanishes the mean outputs are on one line through 0, and

    .. math:: E |W_2 h - e_Z|^2 \ge \tfrac{1}{2} \|W_2 F - I\|^2 \ge \tfrac{1}{2}

    whatever sigma is. As sigma falls to 0 a path attains 1/2. It is the features that must become singular, not W_1:
    with the weights of rank 1 whose rows are e_1 - e_2 and e_2 - e_1 the risk falls to 0 as well.

    Returns:
        A derivation; the value is the wall 1/2, the parts are the bound on the risk of both "ends", and the tight
        limit of the risk of the weights of "rank one".

    Examples:
        >>> two_gaussians().value, two_gaussians().at(part="ends", sigma="1/10")
        (1/2, 3/200)

    References:
        Freeman and Bruna (2017), arXiv:1611.01540, section 2.3.1, with other targets.
    """
    sigma, tau, extra = sp.symbols("sigma tau d", positive=True)
    mean, place = sp.Symbol("m", real=True), sp.Symbol("g", real=True)
    p, q, r, s, v = (sp.Symbol(name, real=True) for name in ("p", "q", "r", "s", "v"))
    own, other = sp.symbols("A B", positive=True)
    density = sp.exp(-(place**2) / 2) / sp.sqrt(2 * sp.pi)
    mean_feature = mean * (1 + sp.erf(mean / (sigma * sp.sqrt(2)))) / 2 + sigma * density.subs(place, mean / sigma)
    active = (1 + sp.erf(mean / (sigma * sp.sqrt(2)))) / 2
    silent_square = sigma**2 * sp.integrate(place**2 * density, (place, 0, sp.oo))
    bound = sigma**2 * sp.integrate(place**2 * density, (place, -sp.oo, sp.oo))
    outer = sp.Matrix([[p * r, p * s], [q * r, q * s]]) - sp.eye(2)  # outputs on one line through 0
    excess = sum(entry**2 for entry in outer) - 1
    features = sp.Matrix([[own, other], [other, own]])
    swapped = sp.Matrix([[other, own], [own, other]])
    half = sp.Rational(1, 2)
    stages = _stages(tau)
    opposite = sp.Matrix([[1, -1], [-1, 1]])
    return Derivation(
        "Two tight clusters and two hidden units, exchanged",
        sp.Eq(sp.Symbol("wall"), half),
        (
            Step(
                "By sigma relu(g) and |relu(1 + t) - 1| <= |t|, with equality for t >= -1, and 1 < t^2 = (1 + d)^2 "
                "below, the unit of its own cluster errs by at most sigma^2 and the other one by",
                Relation(silent_square, "=", sigma**2 / 2),
                "exact",
                shown=r"E (\sigma \, \mathrm{relu}(g))^2 = \frac{\sigma^2}{2}",
            ),
            Step("where indeed", Relation(1, "<", (1 + extra) ** 2), "exact", shown=r"1 < (1 + d)^2"),
            Step(
                "So both configurations have a risk of at most",
                Relation(bound + silent_square, "=", 3 * sigma**2 / 2),
                "exact",
                shown=r"\sigma^2 + \frac{\sigma^2}{2} = \frac{3 \sigma^2}{2}",
            ),
            Step(
                "A mean feature is E relu(m + sigma g), with the slope P(m + sigma g > 0) > 0 in m: its own cluster, "
                "m = 1, gives more than the other one, m = 0.",
                Relation(sp.expand(sp.diff(mean_feature, mean)), "=", sp.expand(active)),
                "exact",
                shown=r"\frac{d}{dm} E \, \mathrm{relu}(m + \sigma g) = P(m + \sigma g > 0)",
                domain=Domain(m=(0, 1), sigma=(0, sp.oo)),
            ),
            Step(
                "With A = B + d for own and other the determinant of F is positive at one end,",
                Relation(0, "<", features.subs(own, other + extra).det()),
                "exact",
                shown=r"0 < (B + d)^2 - B^2",
            ),
            Step(
                "and negative at the other, where the rows of F are exchanged. In between it vanishes.",
                Relation(swapped.det(), "=", -features.det()),
                "exact",
                shown=r"\det F_{\mathrm{swapped}} = -\det F",
            ),
            Step(
                "The mean of a square is at least the square of the mean, for each output and cluster.",
                Relation(((p - v) ** 2 + (q - v) ** 2) / 2 - ((p + q) / 2 - v) ** 2, "=", ((p - q) / 2) ** 2),
                "exact",
                shown=r"\frac{(p - v)^2 + (q - v)^2}{2} = \left(\frac{p + q}{2} - v\right)^2"
                r" + \left(\frac{p - q}{2}\right)^2",
            ),
            Step(
                "Where det F = 0 the mean outputs are W_2 F = (p, q)'(r, s), and |W_2 F - I|^2 is 1 and two squares:",
                Relation(sp.expand(excess), "=", sp.expand((p * r + q * s - 1) ** 2 + (p * s - q * r) ** 2)),
                "exact",
                shown=r"|(p, q)^T (r, s) - I|^2 = 1 + (p r + q s - 1)^2 + (p s - q r)^2",
            ),
            Step(
                "The two clusters have the probability 1/2 each: the risk is at least 1/2 there. In the tight limit "
                "the first unit alone attains it:",
                Relation(_tight_risk(sp.eye(2), sp.diag(1, 0)), "=", half),
                "exact",
                shown=r"\frac{1}{2} |\mathrm{diag}(1, 0) - I|^2 = \frac{1}{2}",
            ),
            Step(
                "and on the way from one end to the other by that, 0 < tau < 1, the risk is lower or equal: the second "
                "outer weight is taken away, that unit turned to the first cluster, handed the output, and back.",
                Relation(sp.Tuple(*stages), "=", sp.Tuple(tau**2 / 2, half, half, half, (1 - tau) ** 2 / 2)),
                "exact",
                shown=r"\frac{\tau^2}{2}, \ \frac{1}{2}, \ \frac{1}{2}, \ \frac{1}{2}, \ \frac{(1 - \tau)^2}{2}",
                domain=Domain(tau=(0, 1)),
            ),
            Step(
                "W_1 of rank 1 is no obstacle: with the rows e_1 - e_2 and e_2 - e_1 the determinant of W_1 and the "
                "risk in the tight limit are both",
                Relation(sp.Tuple(opposite.det(), _tight_risk(opposite, sp.eye(2))), "=", sp.Tuple(0, 0)),
                "exact",
                shown=r"\det W_1 = 0, \quad \frac{1}{2} |\mathrm{relu}(W_1) - I|^2 = 0",
            ),
            Step("So it is", Relation(_tight_risk(opposite, sp.eye(2)), "=", 0), "exact", shown=r"0"),
        ),
        Domain(sigma=(0, sp.oo), d=(0, sp.oo), tau=(0, 1)),
        parts={
            "ends": sp.Eq(sp.Symbol("R_ends"), 3 * sigma**2 / 2),
            "rank one": sp.Eq(sp.Symbol("R_rank_one"), sp.Integer(0)),
        },
        titles={
            "ends": "bound on the risk of both ends",
            "rank one": "limit of the risk at rank one",
        },
        assumptions=("both components equally likely, means e_1 and e_2, targets Y = e_Z; no biases",),
        source="Freeman and Bruna (2017), arXiv:1611.01540, section 2.3.1, with targets of unit length",
        shown={
            "result": r"\mathrm{wall} = \frac{1}{2}",
            "ends": r"R \leq \frac{3 \sigma^2}{2}",
            "rank one": r"R \to 0",
        },
    )


@cache
def two_gaussians_as_published() -> Derivation:
    r"""Derive that with the published targets Y = (X - mu_Z) Z no wall remains as the clusters get tight.

    There Z is 1 or -1, mu_Z the mean of the component, and the covariance sigma^2 I. Shrink the outer weights to 0,
    move the first ones, of rank 1 or of any other, and grow the outer weights again: the risk is convex along both
    straight pieces and E |Y|^2 = 2 sigma^2 between them, which falls to 0 with sigma. Small targets are all that there
    is to fit, which is also why both configurations have a small risk, as has the network that is 0.

    Returns:
        A derivation; the value is the risk that such a path need not exceed, beyond that of its ends.

    Examples:
        >>> two_gaussians_as_published().at(sigma="1/10")
        1/50

    References:
        Freeman and Bruna (2017), arXiv:1611.01540, section 2.3.1.
    """
    sigma, tau = sp.symbols("sigma tau", positive=True)
    place, output, target = sp.Symbol("g", real=True), sp.Symbol("h", real=True), sp.Symbol("y", real=True)
    density = sp.exp(-(place**2) / 2) / sp.sqrt(2 * sp.pi)
    moment = sigma**2 * sp.integrate(place**2 * density, (place, -sp.oo, sp.oo))
    return Derivation(
        "Two clusters with targets that shrink with them",
        sp.Eq(sp.Symbol("bound"), 2 * sigma**2),
        (
            Step(
                "Each coordinate of Y = (X - mu_Z) Z has the second moment sigma^2, as Z^2 = 1. Without outer weights "
                "the risk is",
                Relation(2 * moment, "=", 2 * sigma**2),
                "exact",
                shown=r"E |Y|^2 = 2 \sigma^2",
            ),
            Step(
                "With outer weights tau W_2 it is at most the mean of both ends, for any output h and target y:",
                Relation(
                    sp.expand(tau * (output - target) ** 2 + (1 - tau) * target**2 - (tau * output - target) ** 2),
                    "=",
                    sp.expand(tau * (1 - tau) * output**2),
                ),
                "exact",
                shown=r"\tau (h - y)^2 + (1 - \tau) y^2 - (\tau h - y)^2 = \tau (1 - \tau) h^2",
                domain=Domain(tau=(0, 1)),
            ),
            Step("Less than 1/2 once sigma is less than 1/2:", Relation(2 * sigma**2, "<", sp.Rational(1, 2)), "exact"),
        ),
        Domain(sigma=(0, sp.Rational(1, 2))),
        assumptions=("covariance sigma^2 I in both components; targets (X - mu_Z) Z as published",),
        source="Freeman and Bruna (2017), arXiv:1611.01540, section 2.3.1",
        shown={"result": r"R \leq \max(R_{\mathrm{ends}}, 2 \sigma^2)"},
    )


def _tight_risk(first: sp.Matrix, outer: sp.Matrix) -> sp.Expr:
    """The risk at sigma = 0, |W_2 relu(W_1) - I|^2/2; entries with letters are >= 0."""
    features = first.applyfunc(lambda entry: max(entry, sp.Integer(0)) if entry.is_number else entry)
    return sp.expand(sum(entry**2 for entry in outer * features - sp.eye(2)) / 2)


def _stages(tau: sp.Symbol) -> list[sp.Expr]:
    """The risks at sigma = 0 on the five pieces of the way; on the first one tau is how much is taken away."""
    first, second = sp.Matrix([[1, 0]]), sp.Matrix([[0, 1]])
    between = (1 - tau) * second + tau * first
    return [
        _tight_risk(sp.eye(2), sp.diag(1, 1 - tau)),
        _tight_risk(first.col_join(between), sp.diag(1, 0)),
        _tight_risk(first.col_join(first), sp.Matrix([[1 - tau, tau], [0, 0]])),
        _tight_risk(((1 - tau) * first + tau * second).col_join(first), sp.Matrix([[0, 1], [0, 0]])),
        _tight_risk(second.col_join(first), sp.Matrix([[0, 1], [tau, 0]])),
    ]
