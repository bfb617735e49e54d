"""LaTeX becomes text that can be read without a renderer."""

import pytest

from theory.plain_text import plain_sentence, plain_text


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{1}{\alpha}", "1/α"),
        (r"\frac{n - B}{B (n - 1)} \, C", "(n - B)/(B (n - 1)) C"),
        (r"\frac{1}{2m} \sum_\mu e_\mu^2", "1/(2m) ∑_μ e_μ²"),
        (r"\frac{(a + b)}{(c)(d)}", "(a + b)/(c)(d)"),
        (r"\left(\alpha - \alpha^{-1}\right)^2 \ge 0", "(α - α⁻¹)² ≥ 0"),
        (r"\lambda_{i+j-n}(A B), \quad \lambda_1^{T}", "λ_(i+j-n)(A B),   λ₁ᵀ"),
        (r"\sqrt{2} + \sqrt{x + 1} + \sqrt[3]{y} + \sqrt[n]{z}", "√2 + √(x + 1) + ∛y + n-th root of z"),
        (r"\binom{n}{B}^{-1} \sum_{i=1}^{n} \hat{\epsilon}'", "C(n, B)⁻¹ ∑_(i=1)^n ε̂′"),
        (r"\mathrm{tr} H = \|H\|_F, \ \eta^* \to \infty", "tr H = ‖H‖_F, η^* → ∞"),
        (r"\begin{aligned} a &= 1 \\ b &= 2 \end{aligned}", "a = 1 ; b = 2"),
        (r"\left\{\begin{array}{cc} 0 & 1 \\ 1 & 0 \end{array}\right.", "{[0 , 1 ; 1 , 0]"),
        (r"\log x, \ \mathbb{E} z", "log x, E z"),
        (r"a \geq b \leq c, \ i \notin I, \ p \propto q \ne r", "a ≥ b ≤ c, i ∉ I, p ∝ q ≠ r"),
        ("", ""),
    ],
)
def test_formulas_are_written_on_one_line(latex: str, text: str) -> None:
    assert plain_text(latex) == text


def test_sentences_keep_their_words() -> None:
    assert plain_sentence(r"If $u^T A u \ge t$ then $A$.") == "If uᵀ A u ≥ t then A."
    assert plain_sentence("no formula") == "no formula"
