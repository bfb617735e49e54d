r"""Every minimum lies in a region of infinite volume on which the loss stays as close as you like: by boxes.

Conventions: two layers, T_alpha (theta_1, theta_2) = (alpha theta_1, theta_2 / alpha). C is the largest connected set
that contains theta and on which L < L(theta) + epsilon (additive). By continuity it contains a box B, all points whose
coordinates differ from those of theta by less than r; its volume is v = (2r)^(n_1 + n_2). t is the largest |coordinate|
of theta_1. A box T_alpha(B) has the half-widths alpha r and r/alpha. In a network of more layers take two of them and
leave the others as they are.
"""

from functools import cache
from itertools import combinations

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.rescaling.parameter_box import ParameterBox, disjoint_factor

__all__ = ["disjoint_boxes", "growing_boxes"]

_SOURCE = "Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933, on volume flatness; corrected"
_alpha, _r, _t, _v, _x, _beta = sp.symbols("alpha r t v x beta", positive=True)
_n1, _n2, _k, _m = sp.symbols("n_1 n_2 k m", integer=True, positive=True)


@cache
def growing_boxes() -> Derivation:
    r"""Derive that for layers of different sizes images of one box have volumes without a bound, and where.

    .. math:: \mathrm{vol} \, T_\alpha(B) = (2r)^{n_1 + n_2} \, \alpha^{n_1 - n_2}

    Large alpha serves if n_1 > n_2, small alpha if n_1 < n_2. (2 r^(n_1 + n_2), as it is sometimes printed, is the
    volume of no such box but for one parameter.)

    Returns:
        A derivation; the value is that volume. The parts are "box", that of B, "alpha", the factor at which the volume
        is V, and "radius", an explicit r for L = (w_1 w_2 - 1)^2 at w = (1, 1).

    Examples:
        >>> growing_boxes().at(r="1/2", n_1=3, n_2=1, alpha=10)
        100
    """
    box = (2 * _r) ** (_n1 + _n2)
    volume = box * _alpha ** (_n1 - _n2)
    wanted, epsilon = sp.symbols("V epsilon", positive=True)
    factor = (wanted / box) ** (1 / (_n1 - _n2))
    radius = sp.sqrt(1 + sp.sqrt(epsilon)) - 1
    share = sp.Symbol("c", positive=True)
    shapes = ((2, 1), (1, 2), (3, 1))
    return Derivation(
        "A box around a minimum has images of any volume, for layers of different sizes",
        sp.Eq(sp.Symbol("vol"), volume),
        (
            Step(
                "The box has n_1 + n_2 sides of length 2r.",
                Relation(sp.Product(2 * _r, (_k, 1, _n1 + _n2)).doit(), "=", box),
                "exact",
                lambda: sp.powsimp(sp.Product(2 * _r, (_k, 1, _n1)).doit() * sp.Product(2 * _r, (_k, 1, _n2)).doit()),
                shown=r"v = \prod_{i=1}^{n_1 + n_2} 2 r = (2 r)^{n_1 + n_2}",
            ),
            Step(
                "Two parameters, by integrating: 4 r^2, not 2 r^2.",
                Relation(box.subs({_n1: 1, _n2: 1}), "=", 4 * _r**2),
                "exact",
                lambda: sp.integrate(sp.integrate(1, (_x, _t - _r, _t + _r)), (_v, _t - _r, _t + _r)),
                shown=r"\int \int 1 = (2 r)^2 = 4 r^2",
            ),
            Step(
                "As printed it would be less by 2^(n-1), for n = 2:",
                Relation(2 * _r**2, "<", 4 * _r**2),
                "exact",
                shown=r"2 r^2 < 4 r^2",
            ),
            Step(
                "Its image has n_1 sides alpha times as long, n_2 that are alpha times as short.",
                Relation(_image_volume(_n1, _n2), "=", volume),
                "exact",
                lambda: box * sp.Product(_alpha, (_k, 1, _n1 - _n2)).doit(),
                shown=r"\mathrm{vol} \, T_{\alpha}(B) = (2 \alpha r)^{n_1} \left(\frac{2 r}{\alpha}\right)^{n_2}"
                r" = v \, \alpha^{n_1 - n_2}",
            ),
            Step(
                "Instances: 2 and 1, 1 and 2, 3 and 1 weights, by the sides of the image.",
                Relation(
                    sp.Tuple(*(_sides(shape) for shape in shapes)),
                    "=",
                    sp.Tuple(*(volume.subs(dict(zip((_n1, _n2), shape, strict=True))) for shape in shapes)),
                ),
                "exact",
                lambda: sp.Tuple(*(8 * _r**3 * _alpha, 8 * _r**3 / _alpha, 16 * _r**4 * _alpha**2)),
                shown=r"8 r^3 \alpha, \quad \frac{8 r^3}{\alpha}, \quad 16 r^4 \alpha^2",
            ),
            Step(
                "The loss is the same at T_alpha(theta') as at theta': it is below L + epsilon on the image too. For "
                "n_1 > n_2 the volume grows with alpha (n_1 = 3, n_2 = 1),",
                Relation(0, "<", volume.subs({_n1: 3, _n2: 1}).diff(_alpha)),
                "exact",
                shown=r"\frac{d}{d \alpha} 16 r^4 \alpha^2 > 0",
            ),
            Step(
                "for n_1 < n_2 it falls: there alpha has to go to 0 (n_1 = 1, n_2 = 3).",
                Relation(volume.subs({_n1: 1, _n2: 3}).diff(_alpha), "<", 0),
                "exact",
                shown=r"\frac{d}{d \alpha} 16 r^4 \alpha^{-2} < 0",
            ),
            Step(
                "The volume is V at alpha = (V/v)^(1/(n_1 - n_2)), in either case (3 and 1, 1 and 3 weights),",
                Relation(
                    sp.Tuple(*(volume.subs(_alpha, factor).subs({_n1: a, _n2: b}) for a, b in ((3, 1), (1, 3)))),
                    "=",
                    sp.Tuple(wanted, wanted),
                ),
                "exact",
                shown=r"v \, \alpha^{n_1 - n_2} = V, \quad \alpha = \left(\frac{V}{v}\right)^{1/(n_1 - n_2)}",
            ),
            Step(
                "in logarithms for all sizes.",
                Relation((_n1 - _n2) * (sp.log(wanted) - sp.log(_v)) / (_n1 - _n2), "=", sp.log(wanted) - sp.log(_v)),
                "exact",
                shown=r"(n_1 - n_2) \log \alpha = \log V - \log v",
            ),
            Step(
                "The constant, from the formula itself.",
                Relation(sp.exp(sp.log(factor)), "=", factor),
                "exact",
                lambda: (sp.Integer(1) / (box / wanted)) ** (1 / (_n1 - _n2)),
                shown=r"\alpha = \left(\frac{V}{(2 r)^{n_1 + n_2}}\right)^{1/(n_1 - n_2)}",
            ),
            Step(
                "The radius is explicit where the loss is. For L = (w_1 w_2 - 1)^2 at (1, 1) the largest value on the "
                "box of radius r is at its corner, (2r + r^2)^2, which is epsilon at",
                Relation(((1 + radius) ** 2 - 1) ** 2, "=", epsilon),
                "exact",
                lambda: (2 * radius + radius**2) ** 2,
                shown=r"r = \sqrt{1 + \sqrt{\epsilon}} - 1: \quad \left((1 + r)^2 - 1\right)^2 = \epsilon",
            ),
            Step(
                "The other corners are lower: 1 - (1 - r)^2 is less than (1 + r)^2 - 1,",
                Relation(1 - (1 - _r) ** 2, "<", (1 + _r) ** 2 - 1),
                "exact",
                shown=r"2 r - r^2 < 2 r + r^2",
            ),
            Step(
                "and a smaller box, r times c with c < 1, has lower corners.",
                Relation((1 + share * _r) ** 2 - 1, "<", (1 + _r) ** 2 - 1),
                "exact",
                shown=r"(1 + c r)^2 - 1 < (1 + r)^2 - 1, \quad 0 < c < 1",
                domain=Domain(r=(0, sp.oo), c=(0, 1)),
            ),
            Step(
                "That radius:",
                Relation(sp.solve((1 + _x) ** 2 - 1 - sp.sqrt(epsilon), _x)[0], "=", radius),
                "exact",
                lambda: sp.sqrt(epsilon) / (sp.sqrt(1 + sp.sqrt(epsilon)) + 1),
                shown=r"r = \sqrt{1 + \sqrt{\epsilon}} - 1",
            ),
        ),
        Domain(r=(0, sp.oo), alpha=(0, sp.oo), V=(0, sp.oo), v=(0, sp.oo), t=(0, sp.oo), epsilon=(0, sp.oo)),
        parts={
            "box": sp.Eq(sp.Symbol("v"), box),
            "alpha": sp.Eq(sp.Symbol("alpha"), factor),
            "radius": sp.Eq(sp.Symbol("r"), radius),
        },
        titles={
            "box": "volume of the first box",
            "alpha": "rescaling that brings the volume",
            "radius": "half width of a box that serves",
        },
        assumptions=(
            "L is continuous at theta and does not change under T_alpha",
            "the union of the images is connected: see `disjoint_boxes`",
        ),
        source=_SOURCE,
        shown={
            "result": r"\mathrm{vol} \, T_{\alpha}(B) = (2 r)^{n_1 + n_2} \, \alpha^{n_1 - n_2}",
            "box": r"v = (2 r)^{n_1 + n_2}",
            "alpha": r"\alpha = \left(\frac{V}{(2 r)^{n_1 + n_2}}\right)^{1/(n_1 - n_2)}",
            "radius": r"r = \sqrt{1 + \sqrt{\epsilon}} - 1 \quad (L = (w_1 w_2 - 1)^2)",
        },
    )


@cache
def disjoint_boxes() -> Derivation:
    r"""Derive that for layers of equal sizes infinitely many disjoint images of one box lie in one connected region.

    .. math:: \alpha = 2 \, \frac{t + r}{t - r}, \quad 0 < r < t = |\theta_1|_\infty: \qquad
              B, T_\alpha(B), T_\alpha^2(B), \ldots \ \text{are disjoint, each of volume} \ (2r)^{2 n_1}

    With theta_2 in the denominator, as it is sometimes printed, alpha can be 1 and all images one box.

    Returns:
        A derivation; the value is alpha. The parts are "least", the least factor that serves, "gap", the distance of
        box l + k + 1 from box k in the largest coordinate, for alpha^k = beta and alpha^l = 1 + x, and "total", the
        volume of m boxes.

    Examples:
        >>> disjoint_boxes().at(t=1, r="1/10")
        22/9
    """
    share = sp.Symbol("c", positive=True)
    factor, least = 2 * (_t + _r) / (_t - _r), (_t + _r) / (_t - _r)
    gap = _beta * (_t + _r) * (1 + 2 * _x)
    inside = {_r: share * _t}
    total = _m * _v
    a, b, s = sp.symbols("a b s", real=True)
    below = Domain(t=(0, sp.oo), c=(0, 1), beta=(0, sp.oo), x=(0, sp.oo))
    pairs = sp.Integer(sum(first.meets(second) for first, second in combinations(_chain(corrected=True), 2)))
    return Derivation(
        "A box around a minimum has infinitely many disjoint images of one volume, for layers of equal sizes",
        sp.Eq(sp.Symbol("alpha"), factor),
        (
            Step(
                "With n_1 = n_2 every image has the volume of the box.",
                Relation(_image_volume(_n1, _n1), "=", (4 * _r**2) ** _n1),
                "exact",
                lambda: sp.Product((2 * _r * _alpha) * (2 * _r / _alpha), (_k, 1, _n1)).doit(),
                shown=r"(2 \alpha r)^{n_1} \left(\frac{2 r}{\alpha}\right)^{n_1} = (2 r)^{2 n_1}",
            ),
            Step(
                "In the coordinate in which |theta_1| is largest the box runs from t - r to t + r, its image from "
                "alpha (t - r). The factor puts that at 2(t + r),",
                Relation(sp.solve(_alpha * (_t - _r) - 2 * (_t + _r), _alpha)[0], "=", factor),
                "exact",
                lambda: 2 + 4 * _r / (_t - _r),
                shown=r"\alpha (t - r) = 2 (t + r) \quad \Leftrightarrow \quad \alpha = 2 \, \frac{t + r}{t - r}",
                domain=Domain(t=(0, sp.oo), r=(0, sp.oo)),
            ),
            Step(
                "beyond the box, if r < t, r = c t.",
                Relation((_t + _r).subs(inside), "<", (factor * (_t - _r)).subs(inside)),
                "exact",
                shown=r"t + r < 2 (t + r) = \alpha (t - r)",
                domain=below,
            ),
            Step(
                "alpha is above 1, even above 2, so that its powers are.",
                Relation(2, "<", factor.subs(inside)),
                "exact",
                shown=r"2 < 2 \, \frac{1 + c}{1 - c}, \quad r = c t",
                domain=below,
            ),
            Step(
                "Any two images, alpha^k = beta and alpha^(k+l+1) with alpha^l = 1 + x: the lower end of the later "
                "one less the upper end of the earlier one",
                Relation(_beta * (1 + _x) * factor * (_t - _r) - _beta * (_t + _r), "=", gap),
                "exact",
                lambda: _beta * (2 * (_t + _r) * (1 + _x) - (_t + _r)),
                shown=r"\alpha^{k+l+1} (t - r) - \alpha^k (t + r) = \alpha^k (t + r) (2 \alpha^l - 1)",
                domain=Domain(t=(0, sp.oo), r=(0, sp.oo), beta=(0, sp.oo), x=(0, sp.oo)),
            ),
            Step(
                "is positive: they are disjoint.",
                Relation(0, "<", gap.subs(inside)),
                "exact",
                shown=r"\alpha^k (t + r) (2 \alpha^l - 1) > 0 \quad (\alpha^l \ge 1)",
                domain=below,
            ),
            Step(
                "The least factor that does is half of it: there the open boxes touch.",
                Relation(sp.solve(_alpha * (_t - _r) - (_t + _r), _alpha)[0], "=", least),
                "exact",
                lambda: factor / 2,
                shown=r"\alpha (t - r) = t + r",
                domain=Domain(t=(0, sp.oo), r=(0, sp.oo)),
            ),
            Step(
                "m of them have m times the volume, which has no bound.",
                Relation(sp.Sum(_v, (_k, 1, _m)).doit(), "=", total),
                "exact",
                lambda: _v * sp.Sum(1, (_k, 0, _m - 1)).doit(),
                shown=r"\sum_{k=0}^{m-1} v = m v \to \infty",
            ),
            Step(
                "The union of T_beta(B) over all beta > 0 is connected: a box is convex (a, b the distances of two of "
                "its points from the centre, in units of the half-width, in one coordinate),",
                Relation((1 - s) * a + s * b, "<", 1),
                "exact",
                shown=r"(1 - s) a + s b < 1 \quad (|a|, |b| < 1, \ 0 < s < 1)",
                domain=Domain(a=(-1, 1), b=(-1, 1), s=(0, 1)),
            ),
            Step(
                "from below as well,",
                Relation(-1, "<", (1 - s) * a + s * b),
                "exact",
                shown=r"-1 < (1 - s) a + s b",
                domain=Domain(a=(-1, 1), b=(-1, 1), s=(0, 1)),
            ),
            Step(
                "and each holds its point T_beta(theta) of the path beta -> T_beta(theta), which passes theta at 1.",
                Relation(_beta * (_t - _r) + _beta * _r, "=", _beta * _t),
                "exact",
                lambda: (_beta * (_t - _r) + _beta * (_t + _r)) / 2,
                shown=r"\beta (t - r) < \beta t < \beta (t + r)",
            ),
            Step(
                "An instance: theta = (1, 2.3), r = 0.1. With theta_2 in the denominator the factor is 1, and T_alpha "
                "moves nothing;",
                Relation(_printed_factor(), "=", 1),
                "exact",
                lambda: sp.Rational(22, 10) / sp.Rational(22, 10),
                shown=r"\frac{2 (1 + 0.1)}{2.3 - 0.1} = 1",
            ),
            Step(
                "the first five boxes are then one and the same: all ten pairs meet.",
                Relation(
                    sp.Integer(sum(x.meets(y) for x, y in combinations(_chain(corrected=False), 2))),
                    "=",
                    sp.binomial(5, 2),
                ),
                "exact",
                shown=r"\#\{k < l: T_{\alpha}^k(B) \cap T_{\alpha}^l(B) \neq \emptyset\} = 10",
            ),
            Step(
                "With theta_1 it is 22/9, and no pair meets.",
                Relation(sp.Tuple(disjoint_factor([1], "0.1"), pairs), "=", sp.Tuple(sp.Rational(22, 9), 0)),
                "exact",
                lambda: sp.Tuple(factor.subs({_t: 1, _r: sp.Rational(1, 10)}), _overlaps()),
                shown=r"\alpha = \frac{22}{9}: \quad T_{\alpha}^k(B) \cap T_{\alpha}^l(B) = \emptyset",
            ),
        ),
        Domain(t=(0, sp.oo), r=(0, sp.oo), alpha=(0, sp.oo), beta=(0, sp.oo), v=(0, sp.oo), x=(0, sp.oo)).where(
            _r < _t
        ),
        parts={
            "least": sp.Eq(sp.Symbol("alpha"), least),
            "gap": sp.Eq(sp.Symbol("gap"), gap),
            "total": sp.Eq(sp.Symbol("vol"), total),
        },
        titles={
            "least": "least rescaling that separates",
            "gap": "distance of two boxes in the family",
            "total": "volume of m boxes",
        },
        assumptions=(
            "L is continuous at theta and does not change under T_alpha, so that it is below L + epsilon on all images",
            "theta_1 is not 0 and r < t; theta_2 may be 0",
        ),
        source=_SOURCE,
        shown={
            "result": r"\alpha = 2 \, \frac{t + r}{t - r}, \quad t = |\theta_1|_{\infty}",
            "least": r"\alpha \ge \frac{t + r}{t - r}",
            "gap": r"\alpha^k (t + r) (2 \alpha^l - 1)",
            "total": r"\mathrm{vol} = m v",
        },
    )


def _image_volume(first: sp.Expr, second: sp.Expr) -> sp.Expr:
    """The sides of T_alpha(B) multiplied: so many 2 alpha r, so many 2 r/alpha."""
    long = sp.Product(2 * _r, (_k, 1, first)).doit() * sp.Product(_alpha, (_k, 1, first)).doit()
    short = sp.Product(2 * _r, (_k, 1, second)).doit() * sp.Product(1 / _alpha, (_k, 1, second)).doit()
    return sp.powsimp(long * short)


def _sides(shape: tuple[int, int]) -> sp.Expr:
    """The product of the sides of an image, side by side."""
    upper = [_alpha * (_t + _r)] * shape[0] + [(_t + _r) / _alpha] * shape[1]
    lower = [_alpha * (_t - _r)] * shape[0] + [(_t - _r) / _alpha] * shape[1]
    return sp.prod([sp.expand(b - a) for a, b in zip(lower, upper, strict=True)])


_THETA = (sp.Integer(1), sp.Rational(23, 10))
_RADIUS = sp.Rational(1, 10)


def _printed_factor() -> sp.Rational:
    return 2 * (_THETA[0] + _RADIUS) / (_THETA[1] - _RADIUS)


def _chain(*, corrected: bool) -> list[ParameterBox]:
    """The first five images of the box of the instance."""
    factor = disjoint_factor([_THETA[0]], _RADIUS) if corrected else _printed_factor()
    return [ParameterBox.around(_THETA, _RADIUS, factor**power, (1, 1)) for power in range(5)]


def _overlaps() -> sp.Integer:
    """How many intervals of layer 1 start before one that is earlier ends."""
    ends = [(box.lower[0], box.upper[0]) for box in _chain(corrected=True)]
    return sp.Integer(sum(bool(later[0] < earlier[1]) for earlier, later in combinations(ends, 2)))
