"""Barriers on the digits: learnt paths lie far below lines, and what is measured depends on seeds alone."""

import json

import pytest
import torch

from numerics import sample_digit_barriers
from numerics.paths.digit_pairs import METHODS

SMALL = json.loads(
    '{"hidden": [6], "samples": 60, "training_steps": 100, "training_rate": 0.05, "steps": 80, "examples": 20}'
)


@pytest.mark.usefixtures("unchecked")
def test_learnt_paths_lie_below_the_matched_line_and_that_below_the_line() -> None:
    found = sample_digit_barriers(seed=0, pairs=3, methods=METHODS, **{**SMALL, "steps": 200})
    barrier = {name: float(found[f"{name}.barrier"].median()) for name in METHODS}
    assert float(found["ends"].max()) < 0.05
    assert barrier["matched-line"] < 0.7 * barrier["line"]
    assert max(barrier["bezier"], barrier["band"]) < 0.3 * barrier["line"]
    assert all(bool((found[f"{name}.stretch"] >= 1 - 1e-12).all()) for name in METHODS)
    assert all(found[f"{name}.{what}"].shape == (3,) for name in METHODS for what in ("largest", "slack"))


def test_a_pair_is_the_same_alone_and_among_others() -> None:
    names = ("matched-line", "bezier", "band")
    together = sample_digit_barriers(seed=3, pairs=3, methods=names, **SMALL)
    alone = sample_digit_barriers(seed=4, pairs=1, methods=names, **SMALL)
    for name, values in alone.items():
        torch.testing.assert_close(together[name][1:2], values, rtol=1e-5, atol=1e-8)


def test_what_is_out_of_range_is_refused(unchecked: None) -> None:
    with pytest.raises(ValueError, match=r"seed must be an integer in \[0, 2\*\*62\), got -1"):
        sample_digit_barriers(seed=-1, pairs=1, **SMALL)
    with pytest.raises(ValueError, match=r"methods must be among line, .* got 'string'"):
        sample_digit_barriers(seed=0, pairs=1, methods=("string",), **SMALL)
    with pytest.raises(ValueError, match="pairs must be an integer >= 1, got 0"):
        sample_digit_barriers(seed=0, pairs=0, **SMALL)


def test_profiles_begin_and_end_at_the_networks_and_a_plane_is_that_of_the_curve() -> None:
    found = sample_digit_barriers(seed=0, pairs=2, methods=("line", "bezier"), profile=5, plane=True, **SMALL)
    for name in ("line", "bezier"):
        assert found[f"{name}.profile"].shape == (2, 5)
        torch.testing.assert_close(found[f"{name}.profile"][:, [0, -1]], found["ends"])
        assert bool((found[f"{name}.profile"].amax(dim=1) <= found[f"{name}.largest"] * (1 + 1e-9)).all())
    assert found["plane.losses"].shape == (2, 25, 25)
    assert found["plane.bend"].shape == (2, 2)


def test_profiles_and_planes_that_do_not_exist_are_refused(unchecked: None) -> None:
    with pytest.raises(ValueError, match="profile must be 0 or an integer >= 2, got 1"):
        sample_digit_barriers(seed=0, pairs=1, profile=1, **SMALL)
    with pytest.raises(ValueError, match="plane must be False where there is no curve among the methods, line"):
        sample_digit_barriers(seed=0, pairs=1, methods=("line",), plane=True, **SMALL)
