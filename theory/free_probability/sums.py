r"""Free sums: R-transforms add, and a Wishart matrix drowned in noise becomes a semicircle.

Conventions: a standardised free cumulant is k_r/k_2^(r/2); the semicircle is the law whose cumulants beyond the second
vanish.
"""

from functools import cache, lru_cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.free_probability.law import SpectralLaw
from theory.free_probability.laws import wishart_wigner_hessian
from theory.proof import Relation
from theory.symbols import epsilon, g, phi, z

__all__ = ["free_sum_curve", "more_semicircular"]


@lru_cache(maxsize=64)
def free_sum_curve(first: SpectralLaw, second: SpectralLaw) -> Derivation:
    r"""Derive the curve R_1(g) + R_2(g) + 1/g = z of the free sum of two laws.

    The R-transforms are added; moments of the sum to order four, worked out from the definition of freeness, are the
    second route.

    Args:
        first: A law.
        second: A law, free of the first.

    Returns:
        A derivation of z as a function of the Stieltjes transform g.

    Raises:
        TypeError: If an argument is no SpectralLaw.

    Examples:
        >>> from theory.free_probability.laws import marchenko_pastur, semicircle
        >>> free_sum_curve(marchenko_pastur(phi), semicircle(2 * epsilon)).value
        2*epsilon*g + 1/(-g*phi + 1) + 1/g

    References:
        Voiculescu (1986), Addition of certain non-commuting random variables.
    """
    for name, law in (("first", first), ("second", second)):
        if not isinstance(law, SpectralLaw):
            raise TypeError(f"{name} must be a SpectralLaw, got {law!r}.")
    whole = first + second
    curve = first.r_transform(g) + second.r_transform(g) + 1 / g
    a = [first.moment(order) for order in range(5)]
    b = [second.moment(order) for order in range(5)]
    mixed = a[2] * b[1] ** 2 + a[1] ** 2 * b[2] - a[1] ** 2 * b[1] ** 2  # tr(A B A B) of free A, B
    by_freeness = sp.Tuple(
        a[1] + b[1],
        a[2] + 2 * a[1] * b[1] + b[2],
        a[3] + 3 * a[2] * b[1] + 3 * a[1] * b[2] + b[3],
        a[4] + 4 * a[3] * b[1] + 4 * a[2] * b[2] + 2 * mixed + 4 * a[1] * b[3] + b[4],
    )
    steps = (
        Step(
            "R-transforms add, and R(g) + 1/g inverts the Stieltjes transform",
            Relation(whole.r_transform(g) + 1 / g, "=", curve),
            "exact",
            shown=f"z = {sp.latex(curve)}",
        ),
        Step(
            "Second route: moments to order four from freeness, tr(ABAB) = a_2 b_1^2 + a_1^2 b_2 - a_1^2 b_1^2",
            Relation(sp.Tuple(*(whole.moment(order) for order in range(1, 5))), "=", by_freeness),
            "exact",
        ),
    )
    return Derivation(
        title=f"The curve of the free sum of {first} and {second}",
        result=sp.Eq(z, curve),
        steps=steps,
        domain=Domain(**{x.name: ((0 if x.is_positive else -sp.oo), sp.oo) for x in whole.parameters}),
        theorems=(
            Theorem(
                "Voiculescu's addition theorem",
                "the R-transform of a sum of free variables is the sum of their R-transforms",
                "Voiculescu (1986), Addition of certain non-commuting random variables",
            ),
        ),
        assumptions=("for random matrices: they are asymptotically free, and the curve is the limit as N grows",),
        source="Voiculescu (1986)",
    )


@cache
def more_semicircular() -> Derivation:
    r"""Derive that Wishart + Wigner becomes more semicircular as the energy grows.

    The result is the third standardised free cumulant, phi^2/(phi + 2 epsilon)^(3/2); the fourth,
    phi^3/(phi + 2 epsilon)^2, is a part. Both fall strictly in epsilon, and to 0.

    Examples:
        >>> more_semicircular().value
        phi**2/(2*epsilon + phi)**(3/2)
    """
    law = wishart_wigner_hessian()
    second, third, fourth = (law.free_cumulant(order) for order in (2, 3, 4))
    skew = phi**2 / (phi + 2 * epsilon) ** sp.Rational(3, 2)
    peak = phi**3 / (phi + 2 * epsilon) ** 2
    bound = sp.Symbol("t", positive=True)  # any positive level

    def from_series(order: int) -> sp.Expr:
        curve = 1 / (1 - phi * g) + 2 * epsilon * g
        return sp.diff(curve, g, order - 1).subs(g, 0) / sp.factorial(order - 1)

    scale = from_series(2)
    steps = (
        Step(
            "The third standardised free cumulant",
            Relation(third / second ** sp.Rational(3, 2), "=", skew),
            "exact",
            lambda: from_series(3) / scale ** sp.Rational(3, 2),
            shown=r"\frac{k_3}{k_2^{3/2}} = " + sp.latex(skew),
        ),
        Step(
            "The fourth",
            Relation(fourth / second**2, "=", peak),
            "exact",
            lambda: from_series(4) / scale**2,
            shown=r"\frac{k_4}{k_2^2} = " + sp.latex(peak),
        ),
        Step("The third falls as the energy grows", Relation(sp.diff(skew, epsilon), "<", 0), "exact"),
        Step("and so does the fourth", Relation(sp.diff(peak, epsilon), "<", 0), "exact"),
        Step(
            "The third falls below any level t > 0, once epsilon is large enough",
            Relation((skew**2).subs(epsilon, (phi + phi**4 / bound**2 + 1) / 2), "<", bound**2),
            "exact",
            shown=r"\frac{k_3}{k_2^{3/2}} \to 0",
        ),
        Step(
            "and the fourth likewise",
            Relation(peak.subs(epsilon, (phi + phi**3 / bound + 1) / 2), "<", bound),
            "exact",
            shown=r"\frac{k_4}{k_2^2} \to 0",
        ),
    )
    return Derivation(
        title="Wishart + Wigner becomes more semicircular as the energy grows",
        result=sp.Eq(sp.Symbol("k_3") / sp.Symbol("k_2") ** sp.Rational(3, 2), skew),
        steps=steps,
        domain=Domain(phi=(0, sp.oo), epsilon=(0, sp.oo)),
        parts={"fourth standardised free cumulant": sp.Eq(sp.Symbol("k_4") / sp.Symbol("k_2") ** 2, peak)},
        source="Pennington and Bahri (2017) for the law; derived here",
    )
