r"""What deleting edges of a network can change in its outputs: a sum of products of norms.

Conventions: layers z_l = W_l h_(l-1), h_l = f(z_l) but for the last, h_0 = x, without biases; f has slopes of size at
most 1 and f(0) = 0, as ReLU and tanh. V_l is W_l with some edges set to zero and h'_l what the network with the V_l has
in the place of h_l. Small letters are norms, spectral ones of matrices: w_l = |W_l|, v_l = |V_l|, d_l = |W_l - V_l|,
X = |x|.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["deletion_bound_of_norms"]

_SOURCE = "Neyshabur, Bhojanapalli and Srebro (2018), arXiv:1707.09564, lemma 2"


@cache
def deletion_bound_of_norms() -> Derivation:
    r"""Derive how far the outputs of a network can move where edges are deleted, from norms alone.

    .. math:: |z_L - z_L'| \le X \sum_l w_L \cdots w_{l+1}\, d_l\, v_{l-1} \cdots v_1

    The same holds with w and v exchanged, so that the smaller of both is a bound.

    Returns:
        A derivation; the value is the bound where no norm of a layer exceeds s, in each layer at most k edges are
        deleted and none of them is larger than t. The part "three" is that for three layers, "exchanged" that for three
        layers with w and v exchanged, "layers" that for L
        layers with all d_l = d, "carried" the sharper one for three layers in the lengths c_l = |(W_l - V_l) h'_(l-1)|
        of what the deleted edges carry.

    Examples:
        >>> deletion_bound_of_norms().at(L=2, s=3, k=4, t="1/10", X=1)
        6/5
        >>> norms = {"X": 1, "w_1": 2, "w_2": 2, "w_3": 1, "v_1": 1, "v_2": 1, "d_1": 1, "d_2": 2, "d_3": 1}
        >>> deletion_bound_of_norms().at(part="three", **norms)
        5

    References:
        Neyshabur, Bhojanapalli and Srebro (2018), arXiv:1707.09564, lemma 2: the same for small perturbations.
    """
    before, other, whole, left = sp.symbols("h h' W V", commutative=False)
    w, v, d = (sp.symbols(f"{letter}_1:4", positive=True) for letter in "wvd")
    length, size, edge, positive, negative = sp.symbols("X s t p q", positive=True)
    layers, count = sp.symbols("L k", positive=True, integer=True)
    norm = sp.Symbol("d", positive=True)
    carried = sp.symbols("c_1:4", positive=True)
    change, reach, sharper = sp.Integer(0), length, sp.Integer(0)
    for one, two, three, load in zip(w, v, d, carried, strict=True):
        change, reach, sharper = sp.expand(one * change + three * reach), two * reach, one * sharper + load
    by_load = w[2] * w[1] * carried[0] + w[2] * carried[1] + carried[2]
    loads = {carried[0]: d[0] * length, carried[1]: d[1] * v[0] * length, carried[2]: d[2] * v[1] * v[0] * length}
    back, reach = sp.Integer(0), length
    for one, two, three in zip(w, v, d, strict=True):
        back, reach = sp.expand(two * back + three * reach), one * reach
    unrolled = length * (w[2] * w[1] * d[0] + w[2] * d[1] * v[0] + d[2] * v[1] * v[0])
    exchanged = length * (v[2] * v[1] * d[0] + v[2] * d[1] * w[0] + d[2] * w[1] * w[0])
    chain = {value: total - kept for value, total, kept in zip(d, w, v, strict=True)}
    equal = layers * size ** (layers - 1) * norm * length
    bound = layers * size ** (layers - 1) * edge * sp.sqrt(count) * length
    return Derivation(
        "What deleting edges can change",
        sp.Eq(sp.Symbol("B"), bound),
        (
            Step(
                "In one layer the change is that which comes in, and that which the deleted edges make of what is left",
                Relation(
                    sp.expand(whole * before - left * other),
                    "=",
                    sp.expand(whole * (before - other) + (whole - left) * other),
                ),
                "exact",
                shown=r"W h - V h' = W (h - h') + (W - V) h'",
            ),
            Step(
                "An activation with slopes of size at most 1 makes no difference longer: ReLU leaves p of p - (-q), p "
                "and q > 0,",
                Relation(positive, "<", positive + negative),
                "exact",
                shown=r"f(p) - f(-q) = p < p + q",
            ),
            Step(
                "so that the norms of the changes, e_l, obey e_l <= w_l e_(l-1) + c_l with e_0 = 0, where c_l is the "
                "length of what the deleted edges of the layer carry. For three layers:",
                Relation(sp.expand(sharper), "=", by_load),
                "exact",
                shown=r"e_3 \le w_3 (w_2 c_1 + c_2) + c_3",
            ),
            Step(
                "As f(0) = 0 no vector gets longer either. So c_l <= d_l r_(l-1) with r_l <= v_l r_(l-1) and r_0 = X:",
                Relation(sp.expand(by_load.subs(loads)), "=", unrolled),
                "exact",
                lambda: change,
                shown=r"e_3 \le X (w_3 w_2 d_1 + w_3 d_2 v_1 + d_3 v_2 v_1)",
            ),
            Step(
                "The change in one layer can be taken apart the other way round, too:",
                Relation(
                    sp.expand(whole * before - left * other),
                    "=",
                    sp.expand(left * (before - other) + (whole - left) * before),
                ),
                "exact",
                shown=r"W h - V h' = V (h - h') + (W - V) h",
            ),
            Step(
                "so that W and V may be exchanged, with d_l as before: e_l <= v_l e_(l-1) + d_l r_(l-1), where now r_l "
                "<= w_l r_(l-1). The smaller of both is a bound, whichever that is:",
                Relation(back, "=", exchanged),
                "exact",
                lambda: unrolled.subs(dict(zip((*w, *v), (*v, *w), strict=True)), simultaneous=True),
                shown=r"e_3 \le X (v_3 v_2 d_1 + v_3 d_2 w_1 + d_3 w_2 w_1)",
            ),
            Step(
                "Where all vectors stay parallel and w_l = v_l + d_l the first is the change itself: with one unit a "
                "layer, or with equal positive weights of which every unit loses equally many at both ends.",
                Relation(sp.expand(unrolled.subs(chain)), "=", sp.expand(length * (sp.Mul(*w) - sp.Mul(*v)))),
                "exact",
                shown=r"X (w_3 w_2 d_1 + w_3 d_2 v_1 + d_3 v_2 v_1) = X (w_3 w_2 w_1 - v_3 v_2 v_1)",
            ),
            Step(
                "So is the second. No factor below 1 can be put before either for all networks.",
                Relation(sp.expand(exchanged.subs(chain)), "=", sp.expand(length * (sp.Mul(*w) - sp.Mul(*v)))),
                "exact",
                shown=r"X (v_3 v_2 d_1 + v_3 d_2 w_1 + d_3 w_2 w_1) = X (w_3 w_2 w_1 - v_3 v_2 v_1)",
            ),
            Step(
                "Where no norm exceeds s and all d_l = d, one more layer adds one to the factor:",
                Relation(
                    sp.expand(size * equal + norm * size**layers * length),
                    "=",
                    sp.expand((layers + 1) * size**layers * norm * length),
                ),
                "exact",
                shown=r"s \cdot L s^{L - 1} d X + d \cdot s^L X = (L + 1) s^L d X",
            ),
            Step(
                "from one layer's d X on, so that for L layers",
                Relation(equal.subs(layers, 1) * layers * size ** (layers - 1), "=", equal),
                "exact",
                shown=r"e_L \le L s^{L - 1} d X",
            ),
            Step(
                "The largest singular value is at most the root of the sum of squares: k deleted edges of size at most "
                "t have d <= t sqrt(k).",
                Relation(equal.subs(norm, sp.sqrt(count * edge**2)), "=", bound),
                "exact",
                shown=r"e_L \le L s^{L - 1} t \sqrt{k}\, X",
            ),
        ),
        Domain(
            **{
                str(letter): (0, sp.oo)
                for letter in (*w, *v, *d, *carried, length, size, edge, positive, negative, norm)
            },
            L=(0, sp.oo),
            k=(0, sp.oo),
        ).with_integers("L", "k"),
        parts={
            "three": sp.Eq(sp.Symbol("e_3"), unrolled),
            "exchanged": sp.Eq(sp.Symbol("e_3"), exchanged),
            "layers": sp.Eq(sp.Symbol("e_L"), equal),
            "carried": sp.Eq(sp.Symbol("e_3"), by_load),
        },
        titles={
            "three": "bound for three layers",
            "exchanged": "another bound for three layers",
            "layers": "bound for equal layers",
            "carried": "bound by what the deleted edges carry",
        },
        assumptions=("no biases; an activation with slopes of size at most 1 that keeps 0",),
        source=_SOURCE,
        shown={
            "result": r"|z_L - z_L'| \le L s^{L - 1} t \sqrt{k}\, X",
            "three": r"e_3 \le X (w_3 w_2 d_1 + w_3 d_2 v_1 + d_3 v_2 v_1)",
            "exchanged": r"e_3 \le X (v_3 v_2 d_1 + v_3 d_2 w_1 + d_3 w_2 w_1)",
            "layers": r"e_L \le L s^{L - 1} d X",
            "carried": r"e_3 \le w_3 (w_2 c_1 + c_2) + c_3, \quad c_l = |(W_l - V_l) h'_{l - 1}|",
        },
    )
