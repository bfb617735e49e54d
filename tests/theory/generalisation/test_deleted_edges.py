"""What deleting edges can change: the bound against matrices, chains and direct recursion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import theory

norms = st.floats(0.1, 3)


@settings(max_examples=5)
@given(w=st.tuples(norms, norms, norms), v=st.tuples(norms, norms, norms), d=st.tuples(norms, norms, norms))
def test_three_layers_are_one_after_the_other(w: tuple[float, ...], v: tuple[float, ...], d: tuple[float, ...]) -> None:
    change, reach = 0.0, 1.0
    for one, two, three in zip(w, v, d, strict=True):
        change, reach = one * change + three * reach, two * reach
    given_norms = {f"{letter}_{k + 1}": row[k] for letter, row in (("w", w), ("v", v), ("d", d)) for k in range(3)}
    used = {name: value for name, value in given_norms.items() if name not in {"w_1", "v_3"}}
    found = theory.deletion_bound_of_norms().at(part="three", X=1, **used)
    np.testing.assert_allclose(float(found), change, rtol=1e-12)
    change, reach = 0.0, 1.0
    for one, two, three in zip(w, v, d, strict=True):
        change, reach = two * change + three * reach, one * reach
    used = {name: value for name, value in given_norms.items() if name not in {"w_3", "v_1"}}
    found = theory.deletion_bound_of_norms().at(part="exchanged", X=1, **used)
    np.testing.assert_allclose(float(found), change, rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), layers=st.integers(1, 4), share=st.floats(0.1, 0.9))
def test_no_output_of_a_relu_network_moves_by_more(seed: int, layers: int, share: float) -> None:
    draws = np.random.default_rng(seed)
    whole = draws.normal(size=(layers, 5, 5))
    gone = np.abs(whole) < np.quantile(np.abs(whole), share)
    if not gone.any():
        return
    x = draws.normal(size=5)
    outputs = []
    for weights in (whole, np.where(gone, 0.0, whole)):
        z = x
        for layer, weight in enumerate(weights):
            z = weight @ z
            z = np.maximum(z, 0) if layer < layers - 1 else z
        outputs.append(z)
    size = max(np.linalg.norm(weight, 2) for each in (whole, np.where(gone, 0.0, whole)) for weight in each)
    bound = theory.deletion_bound_of_norms().at(
        L=layers, s=size, k=int(gone.sum(axis=(1, 2)).max()), t=np.abs(whole[gone]).max(), X=np.linalg.norm(x)
    )
    assert np.linalg.norm(outputs[0] - outputs[1]) <= float(bound) * (1 + 1e-12)


def test_it_is_exact_and_refuses_half_a_layer() -> None:
    bound = theory.deletion_bound_of_norms()
    assert bound.passed
    assert bound.evidence == "exact"
    with pytest.raises(ValueError, match=r"L must be integer|must lie in the domain"):
        bound.at(L="3/2", s=1, k=1, t=1, X=1)
