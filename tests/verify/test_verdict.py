"""The deciding function: its table, and the laws that follow from it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.verdict import OPEN, Evidence, Position, Verdict, decide, joint_position

positions = st.sampled_from(Position)
evidence = st.lists(st.sampled_from(Evidence), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        (Evidence.EXACT, Verdict.PROVED),
        (Evidence.BALL, Verdict.CERTIFIED),
        (Evidence.INTERVAL, Verdict.SUPPORTED),
        (Evidence.FLOAT, Verdict.SUPPORTED),
    ],
)
def test_inside_with_the_rival_disjoint_is_as_strong_as_the_evidence(kind: Evidence, verdict: Verdict) -> None:
    assert decide(Position.INSIDE, Position.DISJOINT, [kind]) is verdict


@given(rival=st.none() | positions, kinds=evidence)
def test_a_disjoint_claim_is_refuted_whatever_the_rival(rival: Position | None, kinds: list[Evidence]) -> None:
    assert decide(Position.DISJOINT, rival, kinds) is Verdict.REFUTED


@given(rival=st.none() | positions, kinds=evidence)
def test_a_straddling_claim_is_undecided_whatever_the_rival(rival: Position | None, kinds: list[Evidence]) -> None:
    assert decide(Position.STRADDLING, rival, kinds) is Verdict.UNDECIDED


@given(claim=positions, rival=st.none() | positions, kinds=evidence)
def test_a_claim_is_never_upheld_unless_its_rival_is_refuted(
    claim: Position, rival: Position | None, kinds: list[Evidence]
) -> None:
    if decide(claim, rival, kinds) >= Verdict.SUPPORTED:
        assert claim is Position.INSIDE
        assert rival is Position.DISJOINT


@given(kinds=evidence, more=evidence)
def test_more_cells_never_strengthen_the_evidence(kinds: list[Evidence], more: list[Evidence]) -> None:
    alone = decide(Position.INSIDE, Position.DISJOINT, kinds)
    assert decide(Position.INSIDE, Position.DISJOINT, kinds + more) <= alone


@given(st.lists(positions))
def test_the_joint_position_is_inside_if_all_are_and_disjoint_if_one_is(cells: list[Position]) -> None:
    joint = joint_position(cells)
    assert (joint is None) == (not cells)
    assert (joint is Position.DISJOINT) == (Position.DISJOINT in cells)
    assert (joint is Position.INSIDE) == (bool(cells) and set(cells) == {Position.INSIDE})


def test_verdicts_are_ordered_from_error_to_proved() -> None:
    order = [
        Verdict.ERROR,
        Verdict.REFUTED,
        Verdict.UNDECIDED,
        Verdict.SUPPORTED,
        Verdict.CERTIFIED,
        Verdict.PROVED,
    ]
    assert sorted([*order[3:], *order[:3]]) == order
    assert all(low < high for low, high in itertools.pairwise(order))


def test_verdicts_do_not_compare_with_numbers() -> None:
    with pytest.raises(TypeError):
        _ = Verdict.PROVED < 3


def test_an_open_question_may_be_supported_refuted_or_undecided() -> None:
    assert {Verdict.SUPPORTED, Verdict.REFUTED, Verdict.UNDECIDED} == OPEN
