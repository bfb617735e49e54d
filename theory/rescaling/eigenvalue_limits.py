r"""Why rescalings bring at least r - n_s eigenvalues above any bound, and exactly how many in the limit.

Conventions: those of `theory.rescaling.eigenvalue_control`. D is beta on the weights c of all layers but one, and
beta^-(K-1) on those of the special layer s. Eigenvalues descend, lambda_1 the largest. Capital letters in steps are
matrices of any size: their symbols do not commute.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_two_layer import exact_rank
from theory.proof import Relation
from theory.rescaling.block_matrix import principal
from theory.rescaling.diagonal_maps import controllable_eigenvalues, layer_rescaling
from theory.rescaling.eigenvalue_control import eigenvalue_fates
from theory.rescaling.layered_instances import (
    CASES,
    complement_of,
    counts_beyond,
    counts_in_windows,
    counts_of_fates,
    instances,
    surpluses,
)

__all__ = ["controllable_spectrum"]

_SOURCE = "Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933, on Hessian-based measures; the limit is ours"
_HORN_JOHNSON = "Horn and Johnson, Matrix Analysis"


@cache
def controllable_spectrum() -> Derivation:
    r"""Derive that at least r - n_s eigenvalues exceed any M after a rescaling, and how many do so in the limit.

    .. math:: \lambda_i(D H D) \ge \beta^2 \lambda_i(H_{cc}) \ge \beta^2 \lambda_{i + n_s}(H) > M, \qquad
              \beta > \sqrt{M / \lambda_r(H)}, \quad i \le r - n_s

    In the limit of large beta exactly rank(H_cc) eigenvalues grow like beta^2, r - rank(H_cc) fall like beta^(-2(K-1))
    and n - r stay 0. So the bound is tight if and only if the Schur complement H/H_cc has full rank n_s.

    Returns:
        A derivation; the value is r - n_s. The parts are "growing" and "decaying", the limits of the two eigenvalues of
        a matrix of size two over their powers of beta, and "complement", the Schur complement after rescaling.

    Examples:
        >>> controllable_spectrum().at(r=18, n_s=3)
        15
    """
    rank, special, depth = sp.symbols("r n_s K", integer=True, positive=True)
    k = sp.Symbol("k", integer=True, positive=True)
    log, share = sp.Symbol("l", real=True), sp.Symbol("c", positive=True)
    beta, bound, least = sp.symbols("beta M lambda_r", positive=True)
    x = sp.Symbol("x", positive=True)
    cc, cs, sc, ss, inverse = sp.symbols("H_cc H_cs H_sc H_ss E", commutative=False)
    level = sp.Symbol("t", positive=True)
    scale_c, scale_s = sp.symbols("b_c b_s", positive=True)
    complement = ss - sc * cc**-1 * cs
    hessian, moved = _three_by_three(beta)
    h11, h12, h22 = sp.symbols("h_11 h_12 h_22", positive=True)
    two = sp.ImmutableMatrix([[h11, h12], [h12, h22]])
    growing, decaying = h11, h22 - h12**2 / h11
    fates = [eigenvalue_fates(matrix, *case[:2]) for case, matrix in zip(CASES, instances(), strict=True)]
    guaranteed = [controllable_eigenvalues(sizes, full, place) for sizes, place, full, _ in CASES]
    return Derivation(
        "Rescalings bring at least r - n_s eigenvalues of the Hessian above any bound",
        sp.Eq(sp.Symbol("count"), rank - special),
        (
            Step(
                "The factors 1/beta of K - 1 layers and beta^(K-1) of one multiply to 1: the sum of their logarithms, "
                "l = log beta.",
                Relation(sp.Sum(-log, (k, 1, depth - 1)).doit() + (depth - 1) * log, "=", 0),
                "exact",
                shown=r"\sum_{k \neq s} (-l) + (K - 1) l = 0",
            ),
            Step(
                "The block of the other layers is multiplied by beta^2 (sizes 2 and 1, K = 2).",
                Relation(principal(moved, (0, 1)), "=", beta**2 * principal(hessian, (0, 1))),
                "exact",
                lambda: principal(layer_rescaling((1 / beta, beta), (2, 1)).hessian(hessian), (0, 1)),
                shown=r"(D H D)_{cc} = \beta^2 H_{cc}",
            ),
            Step(
                "By interlacing an eigenvalue of a principal block is at most that of the whole with the same number, "
                "and at least the one n_s later: lambda_i(DHD) >= beta^2 lambda_(i+n_s)(H). Exact instances: how many "
                "more lie above a threshold than that makes sure.",
                Relation(sp.Tuple(*([sp.Integer(-1)] * len(CASES))), "<", sp.Tuple(*surpluses())),
                "exact",
                shown=r"\#\{\lambda(D H D) > \beta^2 t\} - \#\{\lambda(H) > t\} + n_s = "
                + ", ".join(str(value) for value in surpluses())
                + r" \ge 0",
            ),
            Step(
                "The index i + n_s runs from n_s + 1 to r: r - n_s eigenvalues.",
                Relation(sp.Sum(1, (k, special + 1, rank)).doit(), "=", rank - special),
                "exact",
                lambda: -sp.Sum(1, (k, 1, special)).doit() + sp.Sum(1, (k, 1, rank)).doit(),
                shown=r"i \le r - n_s \quad \Leftrightarrow \quad i + n_s \le r",
            ),
            Step(
                "With beta above sqrt(M/lambda_r), c times it with c > 1, all of them exceed M.",
                Relation(bound, "<", (beta**2 * least).subs(beta, share * sp.sqrt(bound / least))),
                "exact",
                shown=r"\beta^2 \lambda_r = c^2 M > M, \quad \beta = c \sqrt{\frac{M}{\lambda_r}}, \quad c > 1",
                domain=Domain(c=(1, sp.oo), M=(0, sp.oo), lambda_r=(0, sp.oo)),
            ),
            Step(
                "Any layer may be special. The smallest leaves most: r - n_s falls by one with every weight of it.",
                Relation((rank - special).subs(special, special + 1) - (rank - special), "=", -1),
                "exact",
                lambda: (rank - special).diff(special),
                shown=r"\max_s (r - n_s) = r - \min_k n_k",
            ),
            Step(
                "Exact instances: at least as many exceed 10^4 after the rescaling with that beta.",
                Relation(sp.Tuple(*(sp.Integer(count - 1) for count in guaranteed)), "<", sp.Tuple(*counts_beyond())),
                "exact",
                shown=r"\#\{\lambda(D H D) > 10^4\} = "
                + ", ".join(map(str, counts_beyond()))
                + r" \ge r - n_s = "
                + ", ".join(map(str, guaranteed)),
            ),
            Step(
                "The limit: beta^-2 D H D tends to H_cc and zeros (K = 2, x = 1/beta).",
                Relation(
                    sp.ImmutableMatrix(sp.expand(moved.subs(beta, 1 / x) * x**2)).subs(x, 0),
                    "=",
                    sp.ImmutableMatrix(sp.diag(sp.Matrix(principal(hessian, (0, 1))), 0)),
                ),
                "exact",
                lambda: (
                    layer_rescaling((1 / beta, beta), (2, 1))
                    .hessian(hessian)
                    .applyfunc(lambda entry: sp.limit(entry / beta**2, beta, sp.oo))
                ),
                shown=r"\lim_{\beta \to \infty} \beta^{-2} D H D = \mathrm{diag}(H_{cc}, 0): \quad"
                r" \lambda_i(D H D) \sim \beta^2 \lambda_i(H_{cc})",
            ),
            Step(
                "For K layers the powers of beta in the other blocks, H_cs and H_ss, are negative.",
                Relation(sp.Tuple(1 - (depth - 1) - 2, -2 * (depth - 1) - 2), "=", sp.Tuple(-depth, -2 * depth)),
                "exact",
                lambda: sp.Tuple(*(_power_of_beta(depth, times) for times in (1, 2))),
                shown=r"\beta \cdot \beta^{-(K-1)} \cdot \beta^{-2} = \beta^{-K}, \quad"
                r" \beta^{-2 (K-1)} \cdot \beta^{-2} = \beta^{-2 K}",
            ),
            Step(
                "The rest: eliminating H_cs is a congruence,",
                Relation(
                    sp.Tuple(cs - cc * cc**-1 * cs, ss - sc * cc**-1 * cs - (sc - sc * cc**-1 * cc) * cc**-1 * cs),
                    "=",
                    sp.Tuple(0, complement),
                ),
                "exact",
                shown=r"S^{T} H S = \mathrm{diag}(H_{cc}, H / H_{cc}), \quad"
                r" H / H_{cc} = H_{ss} - H_{sc} H_{cc}^{-1} H_{cs}",
            ),
            Step(
                "and after rescaling, with b_c, b_s in the blocks of D, the complement has the factor b_s^2, "
                "beta^(-2(K-1)), only.",
                Relation(
                    scale_s**2 * ss - (scale_s * scale_c * sc) * cc**-1 / scale_c**2 * (scale_c * scale_s * cs),
                    "=",
                    scale_s**2 * complement,
                ),
                "exact",
                shown=r"(D H D) / (D H D)_{cc} = b_s^2 \, H / H_{cc} = \beta^{-2 (K - 1)} \, H / H_{cc}",
            ),
            Step(
                "The same for D H D less t b_s^2, E the inverse of H_cc - t (b_s/b_c)^2, which tends to that of H_cc: "
                "besides those that grow as many eigenvalues lie above t beta^(-2(K-1)) as of H/H_cc above t.",
                Relation(
                    scale_s**2 * (ss - level)
                    - (scale_s * scale_c * sc) * (inverse / scale_c**2) * (scale_c * scale_s * cs),
                    "=",
                    scale_s**2 * (ss - level - sc * inverse * cs),
                ),
                "exact",
                lambda: scale_s * (ss - level) * scale_s - scale_s * sc * inverse * cs * scale_s,
                shown=r"b_s^2 (H_{ss} - t) - b_s b_c H_{sc} (b_c^2 H_{cc} - t b_s^2)^{-1} b_c b_s H_{cs}"
                r" = b_s^2 (H_{ss} - H_{sc} E H_{cs} - t)",
            ),
            Step(
                "So ranks add, r = rank(H_cc) + rank(H/H_cc), and as many eigenvalues fall as the complement has rank. "
                "The same instances at beta = 1000: eigenvalues above 1, positive ones below 1, zeros.",
                Relation(
                    sp.Tuple(*(sp.Tuple(*counts) for counts in counts_of_fates())),
                    "=",
                    sp.Tuple(*(sp.Tuple(fate.growing, fate.decaying, fate.zero) for fate in fates)),
                ),
                "exact",
                lambda: sp.Tuple(*(sp.Tuple(*counts) for counts in counts_of_fates(by_signs=True))),
                shown=", ".join(f"({fate.growing}, {fate.decaying}, {fate.zero})" for fate in fates),
            ),
            Step(
                "They keep to their powers: with the least positive eigenvalue l and the trace u of H_cc or H/H_cc, as "
                "many lie between l/2 and 2u times beta^2 and beta^(-2(K-1)). Exact, at beta = 100 and 10000.",
                Relation(
                    sp.Tuple(*(sp.Tuple(*counts_in_windows(beta)) for beta in (100, 10_000))),
                    "=",
                    sp.Tuple(*[sp.Tuple(*(sp.Tuple(fate.growing, fate.decaying) for fate in fates))] * 2),
                ),
                "exact",
                lambda: sp.Tuple(*(sp.Tuple(*counts_in_windows(beta, by_signs=True)) for beta in (100, 10_000))),
                shown=", ".join(f"({fate.growing}, {fate.decaying})" for fate in fates),
            ),
            Step(
                "Two weights, K = 2: divided by beta^2 the larger root of the characteristic polynomial tends to h_11,",
                Relation(_large_root(two), "=", growing),
                "exact",
                lambda: _limit_of_root(two, largest=True),
                shown=r"\frac{\lambda_1(D H D)}{\beta^2} \to h_{11} = H_{cc}",
            ),
            Step(
                "and times beta^2 the smaller one to the Schur complement.",
                Relation(_small_root(two), "=", decaying),
                "exact",
                lambda: _limit_of_root(two, largest=False),
                shown=r"\beta^2 \lambda_2(D H D) \to h_{22} - \frac{h_{12}^2}{h_{11}} = H / H_{cc}",
            ),
            Step(
                "The bound is tight where the complement has full rank n_s. With an invertible H it has.",
                Relation(rank - (rank - special), "=", special),
                "exact",
                shown=r"\mathrm{rank} H_{cc} = r - n_s \quad \Leftrightarrow \quad \mathrm{rank}(H / H_{cc}) = n_s",
            ),
            Step(
                "In the same instances the complement, by its own definition, has the rank that is left.",
                Relation(
                    sp.Tuple(*(exact_rank(complement_of(m, case)) for m, case in zip(instances(), CASES, strict=True))),
                    "=",
                    sp.Tuple(*(fate.decaying for fate in fates)),
                ),
                "exact",
                shown=r"\mathrm{rank}(H / H_{cc}) = " + ", ".join(str(fate.decaying) for fate in fates),
            ),
        ),
        Domain(
            beta=(0, sp.oo),
            h_11=(0, sp.oo),
            h_12=(0, sp.oo),
            h_22=(0, sp.oo),
            b_c=(0, sp.oo),
            b_s=(0, sp.oo),
            r=(0, sp.oo),
            n_s=(0, sp.oo),
        )
        .with_integers("r", "n_s")
        .where(special <= rank),
        parts={
            "growing": sp.Eq(sp.Symbol("lambda_1"), growing),
            "decaying": sp.Eq(sp.Symbol("lambda_2"), decaying),
            "complement": sp.Eq(sp.Symbol("complement"), scale_s**2 * complement),
        },
        titles={
            "growing": "eigenvalue that grows",
            "decaying": "eigenvalue that decays",
            "complement": "Schur complement after rescaling",
        },
        assumptions=(
            "H is positive semidefinite of rank r, and r - n_s is not negative",
            "the Schur complement: where H_cc is singular its inverse is that on its range, which holds the columns of "
            "H_cs because H is positive semidefinite",
        ),
        theorems=(_interlacing(hessian, moved), _sylvester(beta)),
        source=_SOURCE,
        shown={
            "result": r"\#\{i: \lambda_i(D H D) > M\} \ge r - n_s",
            "growing": r"\frac{\lambda_1}{\beta^2} \to h_{11}",
            "decaying": r"\beta^2 \lambda_2 \to h_{22} - \frac{h_{12}^2}{h_{11}}",
            "complement": r"(D H D) / (D H D)_{cc} = \beta^{-2 (K - 1)} \, H / H_{cc}",
        },
    )


def _power_of_beta(depth: sp.Symbol, times: int) -> sp.Expr:
    """The power of beta in beta^-2 D H D for entries with so many weights in the special layer and the rest outside."""
    outside, inside = sp.Integer(1), 1 - depth
    return sp.expand((2 - times) * outside + times * inside - 2)


def _three_by_three(beta: sp.Symbol) -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
    """A symmetric matrix with free entries, and D H D with D = diag(beta, beta, 1/beta) by multiplication."""
    names = [["11", "12", "13"], ["12", "22", "23"], ["13", "23", "33"]]
    hessian = sp.ImmutableMatrix([[sp.Symbol(f"H_{name}", real=True) for name in row] for row in names])
    scale = sp.diag(beta, beta, 1 / beta)
    return hessian, sp.ImmutableMatrix(scale * hessian * scale)


_beta, _mu = sp.symbols("beta mu", positive=True)


def _scaled_two(two: sp.ImmutableMatrix) -> sp.ImmutableMatrix:
    return layer_rescaling((1 / _beta, _beta), (1, 1)).hessian(two)


def _large_root(two: sp.ImmutableMatrix) -> sp.Expr:
    """The root other than 0 of the limit of det(D H D - beta^2 mu)/beta^4."""
    determinant = (_scaled_two(two) - _beta**2 * _mu * sp.eye(2)).det() / _beta**4
    limit = sp.expand(determinant.subs(_beta, 1 / _beta)).subs(_beta, 0)
    return sp.solve(sp.cancel(limit / _mu), _mu)[0]


def _small_root(two: sp.ImmutableMatrix) -> sp.Expr:
    """The root of the limit of det(D H D - mu/beta^2)."""
    determinant = (_scaled_two(two) - _mu / _beta**2 * sp.eye(2)).det()
    limit = sp.expand(sp.expand(determinant).subs(_beta, 1 / _beta)).subs(_beta, 0)
    return sp.expand(sp.solve(limit, _mu)[0])


def _limit_of_root(two: sp.ImmutableMatrix, *, largest: bool) -> sp.Expr:
    """The limit of the root itself over its power of beta, from trace and determinant, by x = 1/beta to 0."""
    moved, x = _scaled_two(two), sp.Symbol("x", positive=True)
    trace, determinant = sp.expand(moved.trace() / _beta**2).subs(_beta, 1 / x), sp.expand(moved.det())
    half = (trace + sp.sqrt(sp.expand(trace**2 - 4 * determinant * x**4))) / 2  # the larger root over beta^2
    return sp.limit(half if largest else determinant / half, x, 0)


def _interlacing(hessian: sp.ImmutableMatrix, moved: sp.ImmutableMatrix) -> Theorem:
    x, y = sp.symbols("x_1 x_2", real=True)
    inside = sp.Matrix([x, y, 0])
    short = sp.Matrix([x, y])
    return Theorem(
        "Cauchy's interlacing theorem",
        "For a symmetric $A$ of size $n$ and a principal block $B$ of size $n - m$: $\\lambda_i(A) \\ge \\lambda_i(B) "
        "\\ge \\lambda_{i+m}(A)$.",
        f"{_HORN_JOHNSON}, section 4.3",
        (
            Step(
                "D H D is symmetric, as H is.",
                Relation(moved.T, "=", moved),
                "exact",
                lambda: layer_rescaling((1 / _beta, _beta), (2, 1)).hessian(hessian),
                shown=r"(D H D)^{T} = D H D",
            ),
            Step(
                "The block has the quadratic form of the whole on vectors that vanish elsewhere.",
                Relation(
                    sp.expand((inside.T * hessian * inside)[0]),
                    "=",
                    sp.expand((short.T * sp.Matrix(principal(hessian, (0, 1))) * short)[0]),
                ),
                "exact",
                shown=r"(x, 0)^{T} H (x, 0) = x^{T} H_{cc} x",
            ),
        ),
    )


def _sylvester(beta: sp.Symbol) -> Theorem:
    return Theorem(
        "Sylvester's law of inertia",
        "$S^T A S$ has as many positive, zero and negative eigenvalues as $A$ if $S$ is invertible: $D H D$ keeps the "
        "rank $r$, and its $n - r$ zeros stay.",
        f"{_HORN_JOHNSON}, section 4.5",
        (
            Step(
                "D is invertible: its determinant for the sizes 2 and 1.",
                Relation(sp.diag(beta, beta, 1 / beta).det(), "!=", 0),
                "exact",
                shown=r"\det D = \beta \neq 0",
            ),
        ),
    )
