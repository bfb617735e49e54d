r"""Rescalings of layers and of units are a group; by how much they change volumes.

Conventions: those of `theory.rescaling.diagonal_maps`. T_alpha multiplies the n_k weights of layer k by alpha_k > 0,
the product of all alpha_k being one; the rescaling of a unit multiplies its d incoming weights by c > 0 and divides
its u outgoing ones by it.
"""

from collections.abc import Sequence
from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.rescaling.diagonal_maps import layer_rescaling

__all__ = ["rescaling_group"]

_SOURCE = "Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933, on properties of rectified networks"


@cache
def rescaling_group() -> Derivation:
    r"""Derive that rescalings are a group, and by which factor they change volumes.

    .. math:: T_\alpha \circ T_\beta = T_{\alpha \beta}, \qquad
              \det D T_\alpha = \prod_k \alpha_k^{n_k} = \alpha^{n_1 - n_2} \quad (K = 2)

    Returns:
        A derivation; the value is the determinant for two layers. The parts are "layers", the logarithm of the
        determinant for K layers in terms of l_k = log alpha_k, "all but one", the same with the last alpha eliminated,
        and "unit", the determinant for one hidden unit with d incoming and u outgoing weights.

    Examples:
        >>> rescaling_group().at(alpha=2, n_1=6, n_2=3)
        8
    """
    a, b, c = sp.symbols("alpha beta c", positive=True)
    first, second = sp.symbols("theta_1 theta_2", real=True)
    n1, n2, d, u, depth = sp.symbols("n_1 n_2 d u K", integer=True, positive=True)
    k, i = sp.symbols("k i", integer=True, positive=True)
    log1, log2, size = (sp.Function(name, real=True)(k) for name in ("l", "m", "n"))
    layers = (k, 1, depth)
    last = sp.Function("n", real=True)(depth)
    determinant, unit = a ** (n1 - n2), c ** (d - u)
    log_determinant = sp.Sum(size * log1, layers)
    eliminated = sp.Sum((size - last) * log1, layers)
    shapes = ((2, 1), (1, 3), (2, 2))
    two, two_more = (layer_rescaling((x, 1 / x), (1, 1)) for x in (a, b))
    widths, logs = sp.symbols("w_0:5", positive=True), sp.symbols("l_1:4", real=True)
    return Derivation(
        "Rescalings of layers and units are a group of diagonal maps",
        sp.Eq(sp.Symbol("det"), determinant),
        (
            Step(
                "One rescaling after another is a rescaling, by the product,",
                Relation(
                    sp.Tuple(*two.moved(two_more.moved((first, second)))),
                    "=",
                    sp.Tuple(a * b * first, second / (a * b)),
                ),
                "exact",
                lambda: sp.Tuple(*(two * two_more).moved((first, second))),
                shown=r"T_{\alpha} \left(\beta \theta_1, \frac{\theta_2}{\beta}\right)"
                r" = \left(\alpha \beta \theta_1, \frac{\theta_2}{\alpha \beta}\right)"
                r" = T_{\alpha \beta} (\theta_1, \theta_2)",
            ),
            Step(
                "with the inverse 1/alpha.",
                Relation(sp.Tuple(*two.inverse().moved(two.moved((first, second)))), "=", sp.Tuple(first, second)),
                "exact",
                lambda: sp.Tuple(first, second),
                shown=r"T_{1 / \alpha} \circ T_{\alpha} = 1",
            ),
            Step(
                "With K layers the logarithms l_k, m_k of the factors add: if both sums are 0, so is that of the "
                "product, and K - 1 of them are free.",
                Relation(sp.Sum(log1 + log2, layers), "=", sp.Sum(log1, layers) + sp.Sum(log2, layers)),
                "exact",
                shown=r"\sum_{k=1}^{K} (l_k + m_k) = \sum_{k=1}^{K} l_k + \sum_{k=1}^{K} m_k = 0",
            ),
            Step(
                "The determinant for two layers: n_1 entries alpha and n_2 entries 1/alpha.",
                Relation(_product(a, n1, n2), "=", determinant),
                "exact",
                lambda: sp.Product(a, (i, 1, n1 - n2)).doit(),  # pairs of alpha and 1/alpha cancel
                shown=r"\det D T_{\alpha} = \alpha^{n_1} \left(\frac{1}{\alpha}\right)^{n_2} = \alpha^{n_1 - n_2}",
            ),
            Step(
                "Instances, by differentiating the map: layers of 2 and 1, of 1 and 3, of 2 and 2 weights.",
                Relation(
                    sp.Tuple(*(_jacobian_determinant(a, shape) for shape in shapes)),
                    "=",
                    sp.Tuple(*(determinant.subs(dict(zip((n1, n2), shape, strict=True))) for shape in shapes)),
                ),
                "exact",
                lambda: sp.Tuple(*(layer_rescaling((a, 1 / a), shape).determinant for shape in shapes)),
                shown=r"\alpha, \quad \alpha^{-2}, \quad 1",
            ),
            Step(
                "With K layers its logarithm is a sum over the layers.",
                Relation(sp.Sum(sp.Sum(log1, (i, 1, size)).doit(), layers), "=", log_determinant),
                "exact",
                shown=r"\log \det D T_{\alpha} = \sum_{k=1}^{K} \sum_{i=1}^{n_k} l_k = \sum_{k=1}^{K} n_k l_k",
            ),
            Step(
                "The sum of all l_k is 0, and so are its multiples. Volumes stay under all rescalings only if all "
                "layers have equally many weights.",
                Relation(log_determinant - last * sp.Sum(log1, layers), "=", eliminated),
                "exact",
                shown=r"\sum_{k=1}^{K} n_k l_k - n_K \sum_{k=1}^{K} l_k = \sum_{k=1}^{K-1} (n_k - n_K) l_k",
            ),
            Step(
                "One hidden unit: d entries c and u entries 1/c.",
                Relation(_product(c, d, u), "=", unit),
                "exact",
                lambda: sp.Product(c, (i, 1, d - u)).doit(),
                shown=r"\det = c^{d} c^{-u} = c^{d - u}",
            ),
            Step(
                "Units all of whose layer have c = alpha_1 ... alpha_k rescale layers: the determinants of four layers "
                "with the widths w_0, ..., w_4 agree.",
                Relation(_by_units(widths, logs), "=", _by_layers(widths, logs)),
                "exact",
                lambda: _by_weights(widths, logs),
                shown=r"\sum_{k=1}^{3} w_k (w_{k-1} - w_{k+1}) (l_1 + \ldots + l_k)"
                r" = \sum_{k=1}^{4} w_k w_{k-1} l_k, \quad l_4 = - l_1 - l_2 - l_3",
            ),
        ),
        Domain(alpha=(0, sp.oo), beta=(0, sp.oo), c=(0, sp.oo)),
        parts={
            "layers": sp.Eq(sp.Symbol("log det"), log_determinant),
            "all but one": sp.Eq(sp.Symbol("log det"), eliminated),
            "unit": sp.Eq(sp.Symbol("det"), unit),
        },
        titles={
            "layers": "log determinant for K layers",
            "all but one": "the same without the last factor",
            "unit": "determinant for one hidden unit",
        },
        assumptions=("all factors are positive, and those of layers have the product one",),
        source=_SOURCE,
        shown={
            "result": r"\det D T_{\alpha} = \alpha^{n_1 - n_2}",
            "layers": r"\log \det D T_{\alpha} = \sum_{k=1}^{K} n_k \log \alpha_k",
            "all but one": r"\log \det D T_{\alpha} = \sum_{k=1}^{K-1} (n_k - n_K) \log \alpha_k",
            "unit": r"\det = c^{d - u}",
        },
    )


def _product(factor: sp.Symbol, times: sp.Symbol, over: sp.Symbol) -> sp.Expr:
    """So many entries of a diagonal, and so many of their inverses, multiplied."""
    place = sp.Symbol("i", integer=True, positive=True)
    entries = sp.Product(factor, (place, 1, times)).doit() * sp.Product(1 / factor, (place, 1, over)).doit()
    return sp.powsimp(entries)


def _jacobian_determinant(a: sp.Symbol, shape: tuple[int, int]) -> sp.Expr:
    """The determinant of the derivatives of (theta_1, theta_2) -> (alpha theta_1, theta_2/alpha)."""
    weights = sp.symbols(f"x_1:{sum(shape) + 1}", real=True)
    image = [a * x if index < shape[0] else x / a for index, x in enumerate(weights)]
    return sp.Matrix(image).jacobian(weights).det()


def _by_layers(widths: Sequence[sp.Expr], logs: Sequence[sp.Expr]) -> sp.Expr:
    every = [*logs, -sum(logs, sp.Integer(0))]
    return sum((widths[k + 1] * widths[k] * log for k, log in enumerate(every)), sp.Integer(0))


def _by_units(widths: Sequence[sp.Expr], logs: Sequence[sp.Expr]) -> sp.Expr:
    terms = [
        widths[k] * (widths[k - 1] - widths[k + 1]) * sum(logs[:k], sp.Integer(0)) for k in range(1, len(widths) - 1)
    ]
    return sum(terms, sp.Integer(0))


def _by_weights(widths: Sequence[sp.Expr], logs: Sequence[sp.Expr]) -> sp.Expr:
    """Each layer's weights times the difference of the logarithms of c on either side of it."""
    depth = len(widths) - 1
    units = [sum(logs[:k], sp.Integer(0)) if k < depth else sp.Integer(0) for k in range(depth + 1)]
    return sum((widths[k] * widths[k - 1] * (units[k] - units[k - 1]) for k in range(1, depth + 1)), sp.Integer(0))
