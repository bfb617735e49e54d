r"""Formulas in LaTeX as text that a terminal can show, on one line.

Conventions: the subset of LaTeX that derivations use. Fractions are quotients with parentheses where they are needed,
digits, T and signs are raised and digits lowered where Unicode has them, other indices follow ^ and _; a matrix is its
rows between brackets. A command without a sign of its own is its name.
"""

import re

__all__ = ["plain_sentence", "plain_text"]

_WIDE = "\u2003"
_LETTERS = """
    Delta Δ Gamma Γ Lambda Λ Omega Ω Phi Φ Sigma Σ Theta Θ alpha α beta β chi χ delta δ ell ℓ epsilon ε eta η gamma γ
    kappa κ lambda λ mu μ nu ν omega ω partial ∂ phi φ pi π psi ψ rho ρ sigma σ tau τ theta θ varphi φ xi ξ zeta ζ
    nabla ∇ approx ≈ cap ∩ cdot · cdots ⋯ circ ∘ dots … emptyset ∅ ge ≥ in ∈ infty ∞ int ∫ ldots … le ≤ mapsto ↦ mp ∓
    neq ≠ otimes ⊗ perp ⊥ pm ± prod ∏ sim ~ sum ∑ times × to → Leftrightarrow ⇔ Rightarrow ⇒
    ne ≠ geq ≥ leq ≤ notin ∉ subset ⊂ setminus ∖ equiv ≡ propto ∝ iint ∬ oint ∮ Leftarrow ⇐ longrightarrow ⟶
"""
_PAIRS = _LETTERS.split()
_SIGNS = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True)) | {"quad": _WIDE, "qquad": _WIDE, "|": "‖", "\\": "; "}
_SIGNS |= {",": " ", ";": " ", " ": " ", ":": " ", "!": ""}
_NOTHING = {"left", "right", "displaystyle", "limits", "bigl", "bigr", "Bigl", "Bigr", "big", "Big"}
_UPRIGHT = {"mathrm", "text", "mathbb", "mathcal", "operatorname", "mathbf"}
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303"}
_RAISED = str.maketrans("0123456789+-T", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀ")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
_ONE = re.compile(r"[^\s+\-*/=<>·,≤≥]+\Z")


def plain_text(latex: str) -> str:
    r"""Write LaTeX without dollars as one line of text.

    Examples:
        >>> print(plain_text(r"\alpha^{-2} H_{11} = \frac{n - B}{B (n - 1)} \, \sqrt{2}, \quad \lambda_{i+j} \ge 0"))
        α⁻² H₁₁ = (n - B)/(B (n - 1)) √2,   λ_(i+j) ≥ 0
    """
    tokens = _TOKEN.findall(latex)
    text = re.sub(r" {2,}", " ", _run(tokens[::-1], None))
    return re.sub(rf" *{_WIDE}[ {_WIDE}]*", "   ", text).strip(" ")


def plain_sentence(text: str) -> str:
    r"""Write a sentence with LaTeX between dollars as text.

    Examples:
        >>> print(plain_sentence(r"$G^T H G$ has the signs of $H$."))
        Gᵀ H G has the signs of H.
    """
    return re.sub(r"\$([^$]+)\$", lambda match: plain_text(match[1]), text)


def _run(rest: list[str], end: str | None) -> str:
    """Read tokens, the next one last in the list, up to a closing one."""
    parts: list[str] = []
    while rest:
        token = rest.pop()
        if token == end:
            break
        if token in "^_":
            parts.append(_index(token, _argument(rest)))
        elif token == "\\end":
            _argument(rest)
            break
        else:
            parts.append(_one(token, rest))
    return "".join(parts)


def _one(token: str, rest: list[str]) -> str:
    if token == "{":
        return _run(rest, "}")
    if token == "'":
        return "′"
    if token == "&":
        return ""
    if not token.startswith("\\"):
        return " " if token.isspace() else token
    return _command(token[1:], rest)


def _command(name: str, rest: list[str]) -> str:
    if name in ("frac", "tfrac", "dfrac"):
        above, below = _argument(rest), _argument(rest)
        product = below[:1].isdigit() and not below.isdigit()  # 1/2m would be read as m/2
        return f"{_grouped(above)}/{f'({below})' if product else _grouped(below)}"
    if name == "binom":
        return f"C({_argument(rest)}, {_argument(rest)})"
    if name == "sqrt":
        order = _bracketed(rest)
        root = {"": "√", "3": "∛", "4": "∜"}.get(order, f"{order}-th root of ")
        return root + _grouped(_argument(rest))
    if name in _ACCENTS:
        base = _argument(rest)
        return base[0] + _ACCENTS[name] + base[1:]
    if name in _UPRIGHT:
        return _argument(rest)
    if name == "begin":
        return _table(rest)
    if name in _NOTHING:
        if rest and rest[-1] == ".":
            rest.pop()
        return ""
    return _SIGNS.get(name, name)


def _table(rest: list[str]) -> str:
    """The rows of a matrix between brackets; aligned lines one after another."""
    kind = _argument(rest)
    if kind == "array":
        _argument(rest)
    if kind == "aligned":
        return _run(rest, None)
    cells = "".join(", " if token == "&" else token for token in _until_end(rest))
    return f"[{plain_text(cells)}]"


def _until_end(rest: list[str]) -> list[str]:
    tokens: list[str] = []
    while rest and (token := rest.pop()) != "\\end":
        tokens.append(token)
    _argument(rest)
    return tokens


def _argument(rest: list[str]) -> str:
    """The next group, or the next single sign."""
    while rest and rest[-1].isspace():
        rest.pop()
    if not rest:
        return ""
    token = rest.pop()
    return _one(token, rest).strip()


def _bracketed(rest: list[str]) -> str:
    if not rest or rest[-1] != "[":
        return ""
    rest.pop()
    return _run(rest, "]")


def _index(token: str, index: str) -> str:
    letters = _RAISED if token == "^" else _LOWERED
    if all(ord(letter) in letters for letter in index):
        return index.translate(letters)
    return token + (index if _ONE.match(index) or not index.strip("*") else f"({index})")


def _grouped(text: str) -> str:
    return text if _ONE.match(text) or _is_closed(text) else f"({text})"


def _is_closed(text: str) -> bool:
    """Whether one pair of parentheses holds all of it."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return letter == ")" and place == len(text) - 1
    return False
