"""Every public derivation passes, can fail, and can be drawn."""

import inspect
import json
from collections.abc import Callable

import pytest

import theory
from theory.derivation import Derivation
from theory.plain_text import plain_sentence
from verify.report.formulas import refuse_bad_formula


def _public() -> dict[str, Callable[[], Derivation]]:
    """Every function of the public face that returns a Derivation, with each model law or unit where it needs one."""
    laws = {name: getattr(theory, name) for name in ("wishart_wigner_hessian", "linear_hessian", "relu_hessian")}
    found: dict[str, Callable[[], Derivation]] = {}
    for name in theory.__all__:
        thing = getattr(theory, name)
        if not inspect.isfunction(inspect.unwrap(thing)) or isinstance(thing, type):
            continue
        signature = inspect.signature(thing)
        if signature.return_annotation not in (Derivation, "Derivation"):
            continue
        needed = [key for key, parameter in signature.parameters.items() if parameter.default is parameter.empty]
        if not needed:
            found[name] = thing
        elif needed == ["law"]:
            for law, make in laws.items():
                found[f"{name}({law})"] = lambda thing=thing, make=make: thing(make())
        elif needed == ["active"]:
            for active in (1, "1/2"):
                found[f"{name}({active})"] = lambda thing=thing, active=active: thing(active)
    return found


PUBLIC = _public()


@pytest.fixture(params=PUBLIC, scope="module")
def derivation(request: pytest.FixtureRequest) -> Derivation:
    return PUBLIC[request.param]()


def test_the_hessian_and_the_linear_network_are_among_them() -> None:
    assert {
        "gauge_zero_modes",
        "gauss_newton_limit",
        "hessian_split",
        "index_formula",
        "interpolation_threshold",
        "linear_minimum_energy",
        "minimum_neighbourhood",
        "parts_overlap(1)",
        "parts_overlap(1/2)",
        "rescaling_zero_modes",
        "residual_block_structure",
        "residual_scaling",
        "residual_transform(1)",
        "residual_transform(1/2)",
        "residual_variance",
    } <= PUBLIC.keys()


def test_every_step_passes(derivation: Derivation) -> None:
    assert [record for record in derivation.check() if not record.passed] == []


def test_every_right_hand_side_that_is_off_by_a_thousandth_fails(derivation: Derivation) -> None:
    for step in derivation.checked_steps():
        errors = list(step.planted_errors())
        assert errors or step.how == "argued"
        for wrong in errors:
            assert not wrong.check(derivation.domain).passed, f"{step.title}: {wrong.relation}"


def test_no_step_states_one_expression_alone(derivation: Derivation) -> None:
    """Where both sides come out as one expression, the step shows what was evaluated."""
    for step in derivation.checked_steps():
        if step.relation is not None and step.relation.left == step.relation.right:
            assert step.shown is not None, step.title


def test_the_record_can_be_stored_and_drawn(derivation: Derivation) -> None:
    """Every formula is drawn as a page draws it, which refuses what cannot be drawn as it is meant."""
    record = derivation.record()
    json.dumps(record, allow_nan=False)
    for latex in (record["latex"], *(row["latex"] for row in (*record["steps"], *record["parts"]))):
        assert "$" not in latex
        if latex:  # a step argued in prose has none
            refuse_bad_formula(latex)


def test_what_is_shown_can_be_read(derivation: Derivation) -> None:
    """No step is longer than a line or two, and nothing shows how Python holds it."""
    record = derivation.record()
    for row in record["steps"]:
        assert len(row["latex"]) <= 400, row["title"]
    for text in (record["title"], record["latex"], *(row["latex"] for row in (*record["steps"], *record["parts"]))):
        assert not any(word in text for word in ("SpectralLaw", "star", "margin_", "_minus", "_plus", "lambda_min"))


def test_every_part_has_a_title_that_can_be_read(derivation: Derivation) -> None:
    """A phrase, and no two alike."""
    titles = [row["title"] for row in derivation.record()["parts"]]
    assert all(" " in title.strip() and "_" not in title for title in titles)
    assert len(set(titles)) == len(titles)


def test_it_prints_in_a_terminal_and_in_a_notebook(derivation: Derivation) -> None:
    text = str(derivation)
    assert text.startswith(plain_sentence(derivation.title))
    assert "\\" not in text
    assert "$" not in text
    for line in text.splitlines():
        left, sign, right = line.strip().partition(" = ")
        assert not sign or left != right, line
    assert not {"geq", "leq", "ne", "notin", "propto", "iint", "oint", "longrightarrow"} & set(text.split())
    assert not derivation.source.startswith(("derived here", "linear algebra"))  # it is read after the word "After"
    assert derivation._repr_latex_().startswith("$")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("mean_square_stability", {"a": 1, "s": 10, "n": 3, "B": 5}),
        ("batch_covariance", {"n": 3, "B": 5}),
        ("mean_square_matrix", {"a": 1, "s": 1, "eta": 1, "n": 3, "B": 4}),
        ("averaged_variance", {"p": 1, "a": 1, "sigma": 1, "T": 0.5, "c": 1}),
        ("box_sharpness", {"epsilon": 1, "L": 0, "theta_1": 0, "theta_2": 0, "H_11": -5, "H_12": 0, "H_22": 1}),
        ("horn_inequality", {"i": 1, "j": 1, "n": 5}),
        ("controllable_spectrum", {"r": 1, "n_s": 5}),
        ("subspace_curvature", {"n": "3/2", "t": 1}),
        ("width_and_rescaling", {"h": 9.5, "o": 1, "N": 10}),
        ("width_and_rescaling", {"h": 9, "o": 1, "N": 4}),
        ("disjoint_boxes", {"t": 1, "r": 2}),
        ("sam_gradient", {"part": "cycle", "eta": 2, "a": 2, "rho": 1}),
        ("same_function_other_flatness", {"part": "wanted", "m": 1}),
    ],
)
def test_a_derivation_refuses_what_its_assumptions_exclude(name: str, values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must lie in the domain .*, got "):
        getattr(theory, name)().at(**values)


def test_no_derivation_is_tried_at_a_point_outside_its_domain(derivation: Derivation) -> None:
    for box in {derivation.domain, *(step.domain for step in derivation.checked_steps() if step.domain)}:
        assert all(box.contains(**point) for point in box.points(3))
