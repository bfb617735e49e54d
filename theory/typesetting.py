r"""LaTeX for expressions, with names as papers print them.

Conventions: ``g_star`` is g with an asterisk, ``lambda_min``, ``lambda_minus`` and ``lambda_plus`` have the
index min, - and +, a name in words is upright, and ``E(...)``, ``Var(...)``, ``Cov(...)`` are operators. A function of
places, x(j) with an integer j, has them as indices.
"""

import re
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

__all__ = ["latex"]

_INDICES = {"star": "*", "minus": "-", "plus": "+", "min": r"\min", "max": r"\max"}
_OPERATORS = {"E": r"\mathbb{E}", "Var": r"\mathrm{Var}", "Cov": r"\mathrm{Cov}"}
_CALL = re.compile(r"(E|Var|Cov)\((.*)\)\Z")
_INDEXED = re.compile(r"([A-Za-z]+)_([A-Za-z]+)\Z")
_NUMBERED = re.compile(r"([A-Za-z]{3,})_(\d+)\Z")


def latex(expression: Any) -> str:
    r"""Write an expression as LaTeX without dollars.

    Examples:
        >>> latex(sp.Symbol("g_star")), latex(sp.Symbol("Var(2 epsilon)")), latex(sp.Symbol("nullity"))
        ('g_{*}', '\\mathrm{Var}(2 \\epsilon)', '\\mathrm{nullity}')
        >>> j, n = sp.symbols("j n", integer=True)
        >>> latex(sp.Sum(sp.Function("x")(j) ** 2, (j, 1, n)))
        '\\sum_{j=1}^{n} x_{j}^{2}'
        >>> latex(sp.Symbol("Cov(g_i, g_j)")), latex(sp.Symbol("epsilon_c"))
        ('\\mathrm{Cov}(g_{i}, g_{j})', '\\epsilon_{c}')
    """
    if not isinstance(expression, sp.Basic | sp.MatrixBase):
        return str(sp.latex(expression))
    if expression.has(AppliedUndef):
        expression = expression.replace(_is_indexed, _indexed)
    names = {symbol: name for symbol in expression.atoms(sp.Symbol) if (name := _name(str(symbol.name)))}
    return str(sp.latex(expression, symbol_names=names, fold_frac_powers=True))


def _is_indexed(part: Any) -> bool:
    """Whether this is a function of places alone, each a letter or a digit."""
    places = part.args if isinstance(part, AppliedUndef) and "_" not in str(part.func) else ()
    return bool(places) and all(place.is_integer and len(str(place)) == 1 for place in places)


def _indexed(part: Any) -> sp.Symbol:
    return sp.Symbol(f"{part.func}_{''.join(map(str, part.args))}")


def _name(name: str) -> str:
    """LaTeX for a name that sympy would not print as meant; else nothing."""
    if call := _CALL.match(name):
        words = [_word(word) for word in re.findall(r"\w+|,", call[2])]
        return f"{_OPERATORS[call[1]]}({' '.join(words).replace(' ,', ',')})"
    if (indexed := _INDEXED.match(name)) and indexed[2] in _INDICES:
        return f"{_word(indexed[1])}_{{{_INDICES[indexed[2]]}}}"
    if numbered := _NUMBERED.match(name):
        return f"{_word(numbered[1])}_{{{numbered[2]}}}"
    if len(name) > 2 and name.isalpha() and name.isascii() and sp.latex(sp.Symbol(name)) == name:  # no Greek
        return rf"\mathrm{{{name}}}"
    return ""


def _word(word: str) -> str:
    return word if word == "," or word.isdigit() else latex(sp.Symbol(word))
