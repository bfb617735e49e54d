"""A derivation as text for a terminal: title, steps, result, parts, theorems, assumptions and source.

Conventions: a step shows its formula as papers write it, where it has one, on one line; else the relation that is
checked, in two dimensions. Two sides that came out alike are written once. What is too wide for a terminal is told by
its size.
"""

from typing import Any

import sympy as sp

from theory.plain_text import plain_sentence, plain_text
from theory.proof import Relation

__all__ = ["printed_derivation"]

_SIGNS = {"=": "=", "<": "<", "!=": "≠"}
_WIDTH = 116
_HEIGHT = 24
_ENTRIES = 64  # of a matrix


def printed_derivation(derivation: Any) -> str:
    """Write a derivation as paragraphs of text.

    Examples:
        >>> from theory.derivation import Derivation, Step
        >>> from theory.domain import Domain
        >>> x, y = sp.Symbol("x", positive=True), sp.Symbol("y")
        >>> step = Step("Complete the square.", Relation((x + 1) ** 2 - 1, "=", x * (x + 2)), "exact")
        >>> print(printed_derivation(Derivation("A square", sp.Eq(y, x * (x + 2)), (step,), Domain(x=(0, 1)))))
        A square
        <BLANKLINE>
        Complete the square. [exact]
                 2
          (x + 1)  - 1
          =
          x⋅(x + 2)
        <BLANKLINE>
        Result, for 0 < x < 1:
          y = x⋅(x + 2)
    """
    where = f", for {derivation.domain}" if derivation.domain.names else ""
    blocks = [plain_sentence(derivation.title), *(_step(step, derivation.domain) for step in derivation.steps)]
    blocks.append(_equation(f"Result{where}", derivation.result, derivation.shown.get("result")))
    for name, equation in derivation.parts.items():
        title = derivation.titles.get(name, name)
        head = title if title == name else f'{title}, part "{name}"'
        blocks.append(_equation(f"{head[0].upper()}{head[1:]}", equation, derivation.shown.get(name)))
    blocks += [f"By {theorem.name}: {plain_sentence(theorem.statement)}" for theorem in derivation.theorems]
    blocks += [f"Assuming {plain_sentence(sentence)}" for sentence in derivation.assumptions]
    return "\n\n".join([*blocks, f"[{derivation.source}]"] if derivation.source else blocks)


def _step(step: Any, domain: Any) -> str:
    if step.relation is None:
        return plain_sentence(step.title)
    own = step.domain is not None and step.domain != domain
    head = f"{plain_sentence(step.title)} [{step.how}{f', for {step.domain}' if own else ''}]"
    return f"{head}\n{_indented(plain_text(step.shown)) if step.shown is not None else _relation(step.relation)}"


def _equation(name: str, equation: sp.Eq | sp.Le, shown: str | None) -> str:
    """A result in the letters in which it is evaluated, after the formula of the papers if that is another."""
    lines = [] if shown is None else [_indented(plain_text(shown))]
    text = _pretty(equation)
    left, sign, right = text.partition(" = ")
    written = f"{left} = {right}" if sign else text
    return "\n".join([f"{name}:", *(line for line in lines if line.strip() != written), _indented(written)])


def _relation(relation: Relation) -> str:
    left, right = _pretty(relation.left), _pretty(relation.right)
    if relation.kind == "=" and left == right:
        return f"{_indented(right)}\n  (by two routes)"
    sign = _SIGNS[relation.kind]
    if "\n" in left or "\n" in right:
        return f"{_indented(left)}\n  {sign}\n{_indented(right)}"
    return f"  {left} {sign} {right}"


def _pretty(expression: Any) -> str:
    """The expression in two dimensions, or its size if that does not fit."""
    if isinstance(expression, sp.MatrixBase) and expression.rows * expression.cols > _ENTRIES:
        return f"(a matrix of {expression.rows} x {expression.cols})"
    text = sp.pretty(expression, num_columns=10**4, use_unicode=True)
    lines = [line.rstrip() for line in text.splitlines()]
    if len(lines) <= _HEIGHT and max(map(len, lines)) <= _WIDTH:
        return "\n".join(lines)
    if isinstance(expression, sp.Eq | sp.Le):
        sign = "=" if isinstance(expression, sp.Eq) else "≤"
        return f"{_pretty(expression.lhs)} {sign} {_pretty(expression.rhs)}"
    if isinstance(expression, sp.MatrixBase):
        return f"(a matrix of {expression.rows} x {expression.cols})"
    if isinstance(expression, sp.Tuple):
        return f"({len(expression)} expressions)"
    return f"({sum(1 for _ in sp.preorder_traversal(expression))} symbols, numbers and operations)"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
