r"""In how many random directions one has to search: a toy problem whose solutions are an affine set.

Conventions: D parameters theta in m blocks of D/m; block k shall sum to the level y_k, so that A theta = y for the
m x D matrix A of blocks; the loss is |A theta - y|^2. One searches theta_0 + P z, z of d coordinates, P random with
a density. The *intrinsic dimension at 100 %* is the least d at which almost every P leaves a solution; the loss that
the best z leaves, as a share of the loss at theta_0, is called s. theta_0 itself is no solution.
"""

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import flint
import mpmath
import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["intrinsic_dimension", "meets_solutions"]

_CONSTRAINTS, _BLOCK = 10, 100
_DIMENSIONS = (1, 5, 9, 10, 11, 20)
_codimension, _dimension, _parameters = sp.symbols("m d D", integer=True, positive=True)


def meets_solutions(
    constraints: Sequence[Sequence[int]], gap: Sequence[int], directions: Sequence[Sequence[int]]
) -> bool:
    r"""Tell exactly whether a search in some directions meets the solutions of linear equations.

    A (theta_0 + P z) = y has a solution z if and only if P' A' and the gap y - A theta_0 have no more rank together
    than A P has alone.

    Args:
        constraints: A, integers, one row an equation.
        gap: y - A theta_0, integers.
        directions: P, integers, one row a parameter.

    Raises:
        ValueError: If the shapes do not fit.

    Examples:
        >>> meets_solutions([[1, 1]], [3], [[1], [0]]), meets_solutions([[1, 1]], [3], [[1], [-1]])
        (True, False)
    """
    rows, columns = len(directions), len(directions[0]) if directions else 0
    if not columns or len(gap) != len(constraints) or any(len(row) != rows for row in constraints):
        raise ValueError(
            f"constraints, gap and directions must fit together, got {len(constraints)} equations, {len(gap)} gaps and "
            f"{rows} x {columns} directions."
        )
    seen = flint.fmpz_mat([list(row) for row in constraints]) * flint.fmpz_mat([list(row) for row in directions])
    both = flint.fmpz_mat([[*row, target] for row, target in zip(seen.tolist(), gap, strict=True)])
    return bool(both.rank() == seen.rank())


@cache
def intrinsic_dimension() -> Derivation:
    r"""Derive the intrinsic dimension of the toy problem: the number of equations, m, and not that of parameters.

    The solutions are an affine set of dimension D - m, which almost every subspace of d dimensions meets if d >= m and
    misses if d < m. In fewer dimensions the best z leaves on average the share 1 - d/m of the loss, so that m - 1
    dimensions remove 90 % of it on average for m = 10.

    Returns:
        A derivation; the value is m. The parts are "manifold", the dimension of the solutions, and "left", the mean
        share of the loss that is left at d <= m.

    Examples:
        >>> intrinsic_dimension().at(m=10), intrinsic_dimension().at(part="manifold", m=10, D=1000)
        (10, 990)
        >>> intrinsic_dimension().at(part="left", m=10, d=9)
        1/10

    References:
        Li, Farkhoor, Liu and Yosinski (2018), arXiv:1804.08838, section 2.
    """
    blocks = _blocks()
    units = flint.fmpz_mat([[int(i == k * _BLOCK) for k in range(_CONSTRAINTS)] for i in range(_CONSTRAINTS * _BLOCK)])
    seen = sp.Matrix(_CONSTRAINTS, _CONSTRAINTS, [int(entry) for entry in (blocks * units).entries()])
    gap = sp.Symbol("r", positive=True)
    others = sp.symbols(f"r_1:{_CONSTRAINTS}", real=True)
    through = seen[:, : _CONSTRAINTS - 1].row_join(sp.Matrix([*others, gap]))
    left = 1 - _dimension / _codimension
    half, rest = _dimension / 2, (_codimension - _dimension) / 2
    met = sp.Tuple(*(sp.Integer(_is_met(dimension)) for dimension in _DIMENSIONS))
    return Derivation(
        "The intrinsic dimension of a toy problem",
        sp.Eq(sp.Symbol("d_100"), _codimension),
        (
            Step(
                "The toy has D = 1000 parameters in ten blocks. Its equations are independent:",
                Relation(sp.Integer(int(blocks.rank())), "=", _CONSTRAINTS),
                "exact",
                shown=r"\mathrm{rank}\, A = 10",
            ),
            Step(
                "so that the solutions are an affine set of D less as many dimensions, 990; in general",
                Relation(
                    _parameters - sp.Sum(1, (sp.Symbol("k", integer=True), 1, _codimension)).doit(),
                    "=",
                    _parameters - _codimension,
                ),
                "exact",
                shown=r"\dim \{\theta : A \theta = y\} = D - \mathrm{rank}\, A = D - m",
            ),
            Step(
                "d = m directions meet them if A P is invertible. Its determinant is a polynomial in P, which is not "
                "0 everywhere: for one unit vector out of each block it is",
                Relation(seen.det(), "=", 1),
                "exact",
                shown=r"\det A (e_1, e_{101}, \dots, e_{901}) = 1",
            ),
            Step(
                "Fewer miss them: m - 1 are enough to look at. Where they meet them, det (A P, y - A theta_0) is 0, a "
                "polynomial in P. For the unit vectors of all blocks but one it is the gap r in that block, and some "
                "block has one, up to its sign positive:",
                Relation(through.det(), "=", gap),
                "exact",
                shown=r"\det \left(A (e_1, \dots, e_{801}), \ y - A \theta_0\right) = r_{10}",
            ),
            Step(
                "Hence the intrinsic dimension is the number of equations.",
                Relation(_parameters - (_parameters - _codimension), "=", _codimension),
                "exact",
                shown=r"d_{100} = D - (D - m) = m",
            ),
            Step(
                "Integers drawn for P, D = 1000: whether d = 1, 5, 9, 10, 11 and 20 directions meet the solutions, "
                "by exact ranks.",
                Relation(met, "=", sp.Tuple(*(sp.Integer(d >= _CONSTRAINTS) for d in _DIMENSIONS))),
                "exact",
                shown=r"0, \ 0, \ 0, \ 1, \ 1, \ 1",
            ),
            Step(
                "A P has independent Gaussian entries for Gaussian P, as the rows of A are orthogonal and of one "
                "length: its range is a random subspace of m dimensions, and the best z removes the projection of the "
                "gap on it. The shares of m orthonormal gaps that are left sum to the trace of the projection on the "
                "other m - d dimensions, and have one mean:",
                Relation((_codimension - _dimension) / _codimension, "=", left),
                "exact",
                lambda m, d: _mean_left(int(m), int(d)),
                shown=r"E s = \frac{m - d}{m} = 1 - \frac{d}{m}",
                domain=Domain(m=(1, 20), d=(0, 20)).with_integers("m", "d").where(_dimension < _codimension),
            ),
            Step(
                "A single share has the beta law of parameters (m - d)/2 and d/2, with this mean.",
                Relation(sp.simplify(rest / (rest + half)), "=", left),
                "exact",
                shown=r"s \sim \mathrm{Beta}\left(\frac{m - d}{2}, \frac{d}{2}\right)",
            ),
        ),
        Domain(m=(0, sp.oo), d=(0, sp.oo), D=(0, sp.oo))
        .with_integers("m", "d", "D")
        .where(_codimension < _parameters, _dimension <= _codimension),
        parts={
            "manifold": sp.Eq(sp.Symbol("dim"), _parameters - _codimension),
            "left": sp.Eq(sp.Symbol("s"), left),
        },
        titles={
            "manifold": "dimension of the solutions",
            "left": "mean share of the loss that is left",
        },
        assumptions=(
            "the directions are drawn with a density, for the mean share from a Gaussian, and the start is no solution",
        ),
        theorems=(
            Theorem(
                "Null sets of polynomials",
                "A polynomial that is not zero everywhere is zero only on a set of measure 0.",
                "Okamoto (1973), Distinctness of the eigenvalues of a quadratic form in a multivariate sample, Annals "
                "of Statistics 1(4), lemma",
                (
                    Step(
                        "The determinant for as many directions is not 0 somewhere,",
                        Relation(seen.det(), "!=", 0),
                        "exact",
                        shown=r"\det A (e_1, e_{101}, \dots, e_{901}) \neq 0",
                    ),
                    Step(
                        "nor is that for one less and the gap.",
                        Relation(through.det(), "!=", 0),
                        "exact",
                        shown=r"\det \left(A (e_1, \dots, e_{801}), \ y - A \theta_0\right) \neq 0",
                    ),
                ),
            ),
        ),
        source="Li, Farkhoor, Liu and Yosinski (2018), arXiv:1804.08838, section 2",
        shown={"result": r"d_{100} = m", "manifold": r"\dim = D - m", "left": r"E s = 1 - \frac{d}{m}"},
    )


def _blocks() -> flint.fmpz_mat:
    """A of the toy: ten rows, each with ones at a hundred parameters."""
    return flint.fmpz_mat([[int(i // _BLOCK == k) for i in range(_CONSTRAINTS * _BLOCK)] for k in range(_CONSTRAINTS)])


def _is_met(dimension: int) -> bool:
    """Whether random directions meet the solutions of the toy with the levels 1, ..., 10, from theta = 0."""
    source = random.Random(dimension)
    directions = [[source.randint(-9, 9) for _ in range(dimension)] for _ in range(_CONSTRAINTS * _BLOCK)]
    constraints = [[int(entry) for entry in row] for row in _blocks().tolist()]
    return meets_solutions(constraints, range(1, _CONSTRAINTS + 1), directions)


def _mean_left(codimension: int, dimension: int) -> Any:
    """The mean share that is left, by integration over two independent chi-squared lengths in polar form.

    The share is |u|^2/(|u|^2 + |v|^2) for Gaussian u, v of m - d and d entries: with angle t it is sin^2 t, and t has
    a density in proportion to sin^(m - d - 1) t cos^(d - 1) t.
    """
    with mpmath.workdps(40):

        def weighted(extra: int) -> Any:
            return mpmath.quad(
                lambda t: mpmath.sin(t) ** (codimension - dimension - 1 + extra) * mpmath.cos(t) ** (dimension - 1),
                [0, mpmath.pi / 4, mpmath.pi / 2],
            )

        return weighted(2) / weighted(0)
