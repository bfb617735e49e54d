"""Laws as a reader writes them: R(g), one fraction a jump or a pair of opposite jumps, with g last in every product."""

from collections.abc import Callable

import sympy as sp

from theory.free_probability.levy_triple import LevyTriple

__all__ = ["law_latex", "law_text"]

Term = tuple[sp.Expr, int, sp.Expr, sp.Expr]  # a, k, q, p of a g^k/(q - p g^(k + 1)); p = 0 without denominator


def law_text(law: LevyTriple) -> str:
    """Write R(g) on one line.

    Examples:
        >>> from theory.free_probability.laws import linear_hessian, wishart_wigner_hessian
        >>> print(law_text(wishart_wigner_hessian()))
        R(g) = 2*epsilon*g + 1/(1 - phi*g)
        >>> print(law_text(linear_hessian()))
        R(g) = 2*epsilon*phi*g/(2 - epsilon*phi**2*g**2) + 1/(1 - phi*g)
    """
    return "R(g) = " + _joined(law, sp.sstr, "*", "**{}", lambda top, bottom, plain: f"{top}/({bottom})")


def law_latex(law: LevyTriple) -> str:
    r"""Write R(g) as LaTeX without dollars.

    Examples:
        >>> from theory.free_probability.laws import wishart_wigner_hessian
        >>> print(law_latex(wishart_wigner_hessian()))
        R(g) = 2 \epsilon g + \frac{1}{1 - \phi g}
    """

    def fraction(_: str, bottom: str, plain: str) -> str:
        sign, top = ("- ", plain[2:]) if plain.startswith("- ") else ("", plain)
        return rf"{sign}\frac{{{top}}}{{{bottom}}}"

    return "R(g) = " + _joined(law, sp.latex, " ", "^{{{}}}", fraction)


def _joined(
    law: LevyTriple,
    printed: Callable[[sp.Expr], str],
    times: str,
    power: str,
    fraction: Callable[[str, str, str], str],
) -> str:
    def product(coefficient: sp.Expr, exponent: int, *, alone: bool) -> str:
        text = printed(coefficient)
        if coefficient.is_Add and (exponent or not alone):
            text = f"({text})"
        if not exponent:
            return text
        variable = "g" if exponent == 1 else "g" + power.format(exponent)
        return {"1": variable, "-1": f"-{variable}"}.get(text, f"{text}{times}{variable}")

    parts = []
    for a, exponent, q, p in _terms(law):
        if p == 0:
            parts.append(product(a, exponent, alone=True))
        else:
            tail = product(-p, exponent + 1, alone=True)
            top, plain = product(a, exponent, alone=False), product(a, exponent, alone=True)
            parts.append(fraction(top, f"{printed(q)} + {tail}", plain))
    return (" + ".join(parts) or "0").replace("+ - ", "- ").replace("+ -", "- ")


def _terms(law: LevyTriple) -> list[Term]:
    """The terms of R: the semicircle, pairs of opposite jumps, single jumps, the drift."""
    terms: list[Term] = []
    if law.variance != 0:
        terms.append((law.variance, 1, sp.Integer(1), sp.Integer(0)))
    left = list(law.jumps)
    pairs, single = [], []
    while left:
        rate, size = left.pop(0)
        twin = next((other for other in left if other[0] == rate and sp.expand(other[1] + size) == 0), None)
        if twin is None:
            single.append((rate, size, 0))
        else:
            left.remove(twin)
            pairs.append((2 * rate, sp.expand(size**2), 1))
    for rate, size, exponent in (*pairs, *single):
        p, q = sp.fraction(sp.together(size))
        terms.append((sp.cancel(rate * size) * q, exponent, q, p))
    if law.drift != 0:
        terms.append((law.drift, 0, sp.Integer(1), sp.Integer(0)))
    return terms
