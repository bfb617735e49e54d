"""The two parts of the Hessian share the inputs: exact means, against networks with real gates."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sympy as sp

from theory.shared_inputs import parts_overlap
from theory.symbols import m, n, phi


@pytest.mark.parametrize(("active", "limit"), [(1, 1 + phi / 2), ("1/2", 1 + phi)])
def test_the_limit_is_the_second_moment_of_the_inputs_covariance(active: object, limit: sp.Expr) -> None:
    result = parts_overlap(active)
    assert result.evidence == "exact"
    assert result.passed
    assert sp.expand(result.value - limit) == 0
    finite = result.parts["at finite size"].rhs
    gaps = [abs(float(finite.subs({n: k, m: 4 * k}) - limit.subs(phi, sp.Rational(1, 2)))) for k in (8, 16, 32, 64)]
    assert all(later < 0.6 * earlier for earlier, later in pairwise(gaps))


def test_the_parts_become_free_only_when_samples_abound() -> None:
    for active in (1, "1/2", "1/3"):
        assert sp.limit(parts_overlap(active).value, phi, 0) == 1


def _overlaps(relu: bool, width: int, samples: int, draws: int) -> Any:
    """tr H0 H1 H0 H1, tr H0, tr H1^2 over N of networks at random weights, ideal residuals, dense matrices."""
    source = np.random.default_rng(3)
    first, second = (source.standard_normal((draws, width, width)) / width**0.5 for _ in range(2))
    x, e = (source.standard_normal((draws, width, samples)) for _ in range(2))
    before = first @ x
    gate = (before > 0).astype(float) if relu else np.ones_like(before)
    by_first = np.einsum("dki,dis,djs->dskij", second, gate, x).reshape(draws, samples * width, width**2)
    by_second = np.einsum("kl,dis->dskli", np.eye(width), gate * before).reshape(draws, samples * width, width**2)
    jacobian = np.concatenate([by_first, by_second], axis=2)
    gauss_newton = jacobian.transpose(0, 2, 1) @ jacobian / samples
    block = np.einsum("dks,dis,djs,il->dijkl", e, gate, x, np.eye(width)).reshape(draws, width**2, width**2) / samples
    residual = np.zeros_like(gauss_newton)
    residual[:, : width**2, width**2 :] = block
    residual[:, width**2 :, : width**2] = block.transpose(0, 2, 1)
    both = gauss_newton @ residual
    size = 2 * width**2
    return (
        np.einsum("dab,dba->d", both, both) / size,
        np.einsum("daa->d", gauss_newton) / size,
        np.einsum("dab,dab->d", residual, residual) / size,
    )


@pytest.mark.parametrize(("relu", "active"), [(False, "1"), (True, "1/2")])
def test_networks_with_real_gates_have_the_exact_mean_at_finite_size(relu: bool, active: str) -> None:
    """At n = 3 and m = 5 with residuals of variance 1, within four standard errors."""
    width, samples = 3, 5
    words, traces, squares = _overlaps(relu, width, samples, 20000)
    result = parts_overlap(active)
    a1 = float(sp.Rational(active))
    b2 = a1 * width / samples  # q epsilon phi at epsilon = 1/2
    expected = float(result.parts["at finite size"].rhs.subs({n: width, m: samples})) * a1**2 * b2
    for found, mean in ((traces, a1), (squares, b2), (words, expected)):
        assert abs(found.mean() - mean) < 4 * found.std() / len(found) ** 0.5
    assert abs(words.mean() - a1**2 * b2) > 20 * words.std() / len(words) ** 0.5  # as it were for free parts


def test_a_fraction_outside_zero_and_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"active must be a fraction in \(0, 1\], got 3/2"):
        parts_overlap("3/2")
    with pytest.raises(TypeError, match="active"):
        parts_overlap(None)
