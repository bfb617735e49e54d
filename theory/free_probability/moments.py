r"""Moments from free cumulants, exactly.

With K(g) = 1/g + R(g) the functional inverse of the Stieltjes transform, Lagrange inversion of the resolvent gives

.. math:: m_n = \frac{1}{n+1} [g^n] \Bigl(1 + \sum_k \kappa_k g^k\Bigr)^{n+1},

one power of a truncated series, which satisfies a linear recurrence in its coefficients (Miller). The coefficients are
polynomials in the parameters, their inverses and the roots that occur; they are kept as flint polynomials.
"""

from collections.abc import Sequence
from typing import Any

import flint
import sympy as sp

__all__ = ["moment_from_cumulants"]


def moment_from_cumulants(order: int, cumulants: Sequence[sp.Expr]) -> sp.Expr:
    """Return the moment of that order from the free cumulants 1, ..., order.

    Examples:
        >>> v = sp.Symbol("v")
        >>> [moment_from_cumulants(n, [sp.Integer(0), v, *[sp.Integer(0)] * 4]) for n in (0, 2, 4, 6)]
        [1, v, 2*v**2, 5*v**3]
    """
    if order == 0:
        return sp.Integer(1)
    cumulants = [sp.sympify(cumulant) for cumulant in cumulants[:order]]
    if all(cumulant.is_Rational for cumulant in cumulants):
        exact = [flint.fmpq(int(c.p), int(c.q)) for c in cumulants]
        value = _series_power(order, exact, flint.fmpq(1))
        return sp.Rational(int(value.p), int(value.q))
    generators, polynomials = _as_polynomials(cumulants)
    names = tuple(f"x{position}" for position in range(len(generators)))
    context = flint.fmpq_mpoly_ctx.get(names, flint.Ordering.lex)
    flint_cumulants = [context.from_dict(terms) for terms in polynomials]
    value = _series_power(order, flint_cumulants, context.constant(1))
    terms = []
    for powers, coefficient in value.to_dict().items():
        factors = [base ** int(power) for base, power in zip(generators, powers, strict=True) if power]
        terms.append(sp.Mul(sp.Rational(int(coefficient.p), int(coefficient.q)), *factors))
    return sp.Add(*terms)


def _series_power(order: int, cumulants: Sequence[Any], one: Any) -> Any:
    """Return the coefficient of g^order in (1 + sum_k kappa_k g^k)^(order + 1) / (order + 1)."""
    power = order + 1
    coefficients = [one]
    nonzero = [k for k in range(1, order + 1) if cumulants[k - 1] != 0]
    for degree in range(1, order + 1):
        total = one * 0
        for k in nonzero:
            if k > degree:
                break
            total += flint.fmpq(k * power - degree + k, degree) * (cumulants[k - 1] * coefficients[degree - k])
        coefficients.append(total)
    return coefficients[order] * flint.fmpq(1, power)


def _as_polynomials(
    expressions: Sequence[sp.Expr],
) -> tuple[list[sp.Expr], list[dict[tuple[int, ...], flint.fmpq]]]:
    """Write expressions as polynomials with rational coefficients in common generators."""
    polys, options = sp.parallel_poly_from_expr([sp.expand(expression) for expression in expressions], expand=False)
    generators = list(options.gens)
    if not polys[0].domain.is_QQ:
        generators, polys = _rational_generators(expressions)
    return generators, [{powers: flint.fmpq(int(c.p), int(c.q)) for powers, c in poly.terms() if c} for poly in polys]


def _rational_generators(expressions: Sequence[sp.Expr]) -> tuple[list[sp.Expr], list[sp.Poly]]:
    """Collect every base that is no rational number, algebraic constants such as sqrt(2) included."""
    generators: dict[sp.Expr, None] = {}
    for expression in expressions:
        for term in sp.Add.make_args(sp.expand(expression)):
            for factor in sp.Mul.make_args(term):
                if not factor.is_Rational:
                    base, power = factor.as_base_exp()
                    simple = power.is_Integer and power > 0
                    generators[base if simple else factor] = None
    unique = list(generators)
    return unique, [sp.Poly(sp.expand(expression), *unique, domain="QQ") for expression in expressions]
