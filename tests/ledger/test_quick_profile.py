"""The whole ledger at the quick profile: every verdict is pinned, and every comparison has refuted its rival."""

import json
from pathlib import Path
from typing import Any

import pytest

import verify

EXPECTED: dict[str, str | None] = {
    "classifier.activation-regions": "SUPPORTED",
    "classifier.capacity": "SUPPORTED",
    "classifier.cross-entropy": "PROVED",
    "classifier.empirical-risk": "SUPPORTED",
    "classifier.hard-max-as-printed": "REFUTED",
    "classifier.outlier": None,  # decided from the standard profile on
    "classifier.regions": "CERTIFIED",
    "classifier.relu-kinks": "SUPPORTED",
    "classifier.sigmoid-as-printed": "REFUTED",
    "classifier.softmax": "PROVED",
    "classifier.step-has-no-gradient": "SUPPORTED",
    "connectivity.learnt-paths": None,  # decided from the standard profile on
    "connectivity.permutation-recovery": "SUPPORTED",
    "connectivity.width-helps": "SUPPORTED",
    "flatness.any-factor-as-printed": "REFUTED",
    "flatness.bits": "SUPPORTED",
    "flatness.box-volume-as-printed": "REFUTED",
    "flatness.confident-error": "SUPPORTED",
    "flatness.cost-per-step": "SUPPORTED",
    "flatness.disjoint-factor-as-printed": "REFUTED",
    "flatness.entropy-sgd-finds-flatter": "UNDECIDED",
    "flatness.epsilon-sharpness": "SUPPORTED",
    "flatness.escapes-sharp": "SUPPORTED",
    "flatness.growing-factor-as-printed": "REFUTED",
    "flatness.infinite-volume": "SUPPORTED",
    "flatness.infinitely-flat-as-printed": "REFUTED",
    "flatness.local-entropy": "SUPPORTED",
    "flatness.no-prediction-after-rescaling": "SUPPORTED",
    "flatness.noise-covariance": "PROVED",
    "flatness.noise-robust": "SUPPORTED",
    "flatness.predicts-generalisation": "UNDECIDED",
    "flatness.random-subspaces": "SUPPORTED",
    "flatness.sam-as-printed": "REFUTED",
    "flatness.sam-finds-flatter": "SUPPORTED",
    "flatness.sam-objective": "SUPPORTED",
    "flatness.sharp-equivalent": "SUPPORTED",
    "flatness.sharper-equivalent-as-printed": "REFUTED",
    "flatness.small-batch-is-flatter": "UNDECIDED",
    "flatness.stability-edge": "SUPPORTED",
    "flatness.swa-finds-flatter": "SUPPORTED",
    "flatness.weight-averaging": "SUPPORTED",
    "flatness.weight-normalised": "SUPPORTED",
    "flatness.winner-by-rescaling": "SUPPORTED",
    "generalisation.double-descent": "SUPPORTED",
    "generalisation.double-descent-networks": "SUPPORTED",
    "generalisation.functional-dimension": "SUPPORTED",
    "generalisation.gap": None,  # decided from the standard profile on
    "generalisation.implicit-bias": "SUPPORTED",
    "generalisation.intrinsic-dimension": "SUPPORTED",
    "generalisation.layer-collapse": "SUPPORTED",  # and more from the standard profile on
    "generalisation.lottery-ticket": None,  # decided from the standard profile on
    "generalisation.max-margin-bias": "SUPPORTED",
    "generalisation.pruned-quadratics": "SUPPORTED",
    "generalisation.pruning": None,  # decided from the standard profile on
    "generalisation.pruning-nine-tenths": None,  # decided from the standard profile on
    "generalisation.pruning-rate-as-printed": "REFUTED",
    "generalisation.pruning-sometimes-better": None,  # decided from the standard profile on
    "generalisation.second-descent": "SUPPORTED",
    "generalisation.small-weights-small-effect": "SUPPORTED",  # and more from the standard profile on
    "generalisation.start-over-as-printed": None,  # decided from the standard profile on
    "generalisation.strong-ticket": "SUPPORTED",
    "generalisation.tickets-without-data": None,  # decided from the standard profile on
    "generalisation.weights-concentrate": None,  # decided from the standard profile on
    "generalisation.why-large": None,  # decided from the standard profile on
    "hessian.bulk-and-outliers": "SUPPORTED",
    "hessian.large-batch-is-sharper-at-scaled-rates": None,  # decided from the standard profile on
    "hessian.large-batch-is-sharper": None,  # decided from the standard profile on
    "hessian.negative-eigenvalues-are-small": "SUPPORTED",
    "hessian.one-wider-layer-top-eigenvalue": "SUPPORTED",
    "hessian.one-wider-layer": "SUPPORTED",
    "hessian.outliers-count-clusters": "SUPPORTED",
    "hessian.principal-curvatures": "SUPPORTED",
    "hessian.rank-at-interpolation": "SUPPORTED",
    "hessian.width-grows-the-bulk": "SUPPORTED",
    "index.absolute-value-as-printed": "REFUTED",
    "index.certified-points": "SUPPORTED",
    "index.closed-form": "CERTIFIED",
    "index.critical-energy-linear": "PROVED",
    "index.critical-energy-relu": "CERTIFIED",
    "index.critical-energy-relu-scale": "REFUTED",
    "index.critical-energy-toy": "CERTIFIED",
    "index.dead-unit-chain": "SUPPORTED",
    "index.gradient-flat": None,  # decided from the standard profile on
    "index.grows-with-energy": "SUPPORTED",
    "index.interpolation-threshold": "PROVED",
    "index.linear-exponents": "SUPPORTED",
    "index.linear-minimum": "SUPPORTED",
    "index.linear-minimum-as-printed": "REFUTED",
    "index.linear-oracle": "SUPPORTED",
    "index.model-is-qualitative": "REFUTED",
    "index.near-a-minimum-as-printed": "REFUTED",
    "index.nonlinear-benefit": "SUPPORTED",
    "index.nonlinear-benefit-size": None,  # decided from the standard profile on
    "index.sampled-curve": "SUPPORTED",
    "index.tanh-minimum": "REFUTED",
    "index.tanh-threshold": None,  # decided from the standard profile on
    "index.three-halves": "CERTIFIED",
    "index.three-halves-on-networks": "UNDECIDED",
    "lazy.descent-not-sgd": "SUPPORTED",
    "lazy.exponential-convergence": "SUPPORTED",
    "lazy.gradient-bound": "SUPPORTED",
    "lazy.kernel-invertible": "SUPPORTED",
    "lazy.lambda-min-as-printed": "REFUTED",
    "lazy.lambda-min-grows": "SUPPORTED",
    "lazy.mean-kernels": "SUPPORTED",
    "lazy.minibatch-gradient-is-unbiased": "SUPPORTED",
    "lazy.parameters-stay": "SUPPORTED",
    "lazy.polyak-lojasiewicz": "SUPPORTED",
    "lazy.second-derivatives": "SUPPORTED",
    "lazy.shifted-gradient-bound": "SUPPORTED",
    "lazy.strictly-positive-kernels": "PROVED",
    "level-sets.bisector-bound": "CERTIFIED",
    "level-sets.connected-at-every-level-as-printed": "REFUTED",
    "level-sets.convexity-classes": "PROVED",
    "level-sets.descent-stalls": "SUPPORTED",
    "level-sets.example-midpoint": "PROVED",
    "level-sets.fixed-output-signs": "SUPPORTED",
    "level-sets.freeman-bruna-gap": "SUPPORTED",
    "level-sets.grid-persistence": "SUPPORTED",
    "level-sets.linear-connected": "SUPPORTED",
    "level-sets.linear-equality-as-printed": "REFUTED",
    "level-sets.monotone-path-as-printed": "REFUTED",
    "level-sets.nearly-connected-as-printed": "REFUTED",
    "level-sets.not-a-quotient": "PROVED",
    "level-sets.not-closed": "PROVED",
    "level-sets.not-convex": "PROVED",
    "level-sets.positive-definite-as-printed": "REFUTED",
    "level-sets.positive-semidefinite-as-printed": "REFUTED",
    "level-sets.quadratic": "SUPPORTED",
    "level-sets.quadratic-deep": "PROVED",
    "level-sets.quadratic-deep-strings": "SUPPORTED",
    "level-sets.quadratic-width-as-printed": "REFUTED",
    "level-sets.relu-valleys": "CERTIFIED",
    "level-sets.slice-minima": "SUPPORTED",
    "level-sets.strings": "SUPPORTED",
    "level-sets.two-gaussians": "CERTIFIED",
    "level-sets.two-gaussians-as-printed": "REFUTED",
    "level-sets.two-sided-barrier": "CERTIFIED",
    "level-sets.two-sided-search": "SUPPORTED",
    "level-sets.valleys-are-low": "SUPPORTED",
    "level-sets.weight-decay-as-printed": "REFUTED",
    "minima.dimension": "SUPPORTED",
    "minima.dimension-as-printed": "REFUTED",
    "minima.fit-exists": "PROVED",
    "minima.gradient-does-not-always-arrive": "SUPPORTED",
    "minima.logistic-count": "CERTIFIED",
    "minima.more-data-than-sizes-as-printed": "REFUTED",
    "minima.np-hard": "CERTIFIED",
    "minima.relu-teacher": "CERTIFIED",
    "minima.relu-teacher-hits": None,  # decided from the standard profile on
    "minima.relu-teacher-random-targets": None,  # decided from the standard profile on
    "minima.slow-saddles": "SUPPORTED",
    "minima.square-activation-as-printed": "REFUTED",
    "minima.wide-layer": "PROVED",
    "minima.wide-layer-on-networks": "SUPPORTED",
    "rescaling.any-coordinates": "PROVED",
    "rescaling.controllable-eigenvalues": "SUPPORTED",
    "rescaling.counts-are-not-invariant": "PROVED",
    "rescaling.curved-first-layer-as-printed": "REFUTED",
    "rescaling.evidence-is-invariant": "PROVED",
    "rescaling.hessian-transform": "SUPPORTED",
    "rescaling.layer-sizes": "PROVED",
    "rescaling.non-degenerate-hessian-as-printed": "REFUTED",
    "rescaling.same-function": "SUPPORTED",
    "rescaling.same-loss-same-error-as-printed": "REFUTED",
    "rescaling.singular-hessian": "SUPPORTED",
    "rescaling.spectral-norm": "SUPPORTED",
    "rescaling.symmetry-orbit": "PROVED",
    "rescaling.up-to-so-many-eigenvalues-as-printed": "REFUTED",
    "spectrum.assumptions-after-descent": "REFUTED",
    "spectrum.assumptions-on-trained-nets": "REFUTED",
    "spectrum.free-sum": "SUPPORTED",
    "spectrum.gauge-zero-modes": "SUPPORTED",
    "spectrum.gauss-newton-is-wishart": "REFUTED",
    "spectrum.gauss-newton-linear": "SUPPORTED",
    "spectrum.hessian-split": "SUPPORTED",
    "spectrum.marchenko-pastur": "SUPPORTED",
    "spectrum.more-semicircular": "CERTIFIED",
    "spectrum.parts-are-free": "REFUTED",
    "spectrum.parts-are-not-free": "SUPPORTED",
    "spectrum.residual-along-training": "REFUTED",
    "spectrum.residual-is-indefinite": "PROVED",
    "spectrum.residual-is-wigner": "REFUTED",
    "spectrum.residual-linear": "SUPPORTED",
    "spectrum.residual-relu": "SUPPORTED",
    "spectrum.residual-scale": "SUPPORTED",
    "spectrum.residual-variance": "SUPPORTED",
    "spectrum.semicircle": "SUPPORTED",
    "spectrum.wigner-scale-as-printed": "REFUTED",
    "spectrum.wishart-scale-as-printed": "REFUTED",
    "spin-glass.complexity": "CERTIFIED",
    "spin-glass.descent-reaches-the-threshold": None,  # decided from the standard profile on
    "spin-glass.index-energy": "SUPPORTED",
    "spin-glass.mean-number": "SUPPORTED",
    "spin-glass.minima-band": "SUPPORTED",
    "spin-glass.paths-are-independent-of-inputs": "REFUTED",
    "spin-glass.paths-are-independent": "REFUTED",
    "spin-glass.thresholds": "CERTIFIED",
    "spin-glass.weights-are-redundant": "SUPPORTED",
    "spin-glass.weights-are-uniform": "REFUTED",
    "spin-glass.weights-on-a-sphere": "REFUTED",
}

OPEN_QUESTIONS = {
    "flatness.entropy-sgd-finds-flatter",
    "flatness.predicts-generalisation",
    "flatness.small-batch-is-flatter",
    "generalisation.pruning-nine-tenths",
    "hessian.large-batch-is-sharper",
    "hessian.large-batch-is-sharper-at-scaled-rates",
    "hessian.one-wider-layer-top-eigenvalue",
    "index.nonlinear-benefit-size",
    "index.tanh-minimum",
    "index.tanh-threshold",
    "spectrum.assumptions-after-descent",
    "spectrum.assumptions-on-trained-nets",
    "spectrum.residual-along-training",
    "spin-glass.descent-reaches-the-threshold",
    "spin-glass.paths-are-independent",
    "spin-glass.paths-are-independent-of-inputs",
    "spin-glass.weights-are-redundant",
    "spin-glass.weights-are-uniform",
    "spin-glass.weights-on-a-sphere",
}

DECIDED_LATER = {  # no open questions, but too small in quick
    "classifier.outlier": "SUPPORTED",
    "connectivity.learnt-paths": "SUPPORTED",
    "generalisation.gap": "SUPPORTED",
    "generalisation.lottery-ticket": "SUPPORTED",
    "generalisation.pruning": "SUPPORTED",
    "generalisation.pruning-sometimes-better": "SUPPORTED",
    "generalisation.start-over-as-printed": "REFUTED",
    "generalisation.tickets-without-data": "SUPPORTED",
    "generalisation.weights-concentrate": "SUPPORTED",
    "generalisation.why-large": "SUPPORTED",
    "index.gradient-flat": "SUPPORTED",
    "minima.relu-teacher-hits": "SUPPORTED",
    "minima.relu-teacher-random-targets": "SUPPORTED",
}


def test_every_expectation_is_pinned() -> None:
    """What is registered beforehand is the verdict that comes out, and nothing where a question is left open."""
    assert {claim.id: claim.expects for claim in verify.discover()} == {
        name: verify.OPEN if name in OPEN_QUESTIONS else frozenset({verify.Verdict[str(verdict)]})
        for name, verdict in (EXPECTED | DECIDED_LATER).items()
    }


@pytest.fixture(scope="module")
def claims(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a quick run stores, by claim id."""
    folder = tmp_path_factory.mktemp("runs") / "quick"
    verify.run(profile="quick", seed=0, out=folder, jobs=2)
    records = [json.loads(path.read_text()) for path in sorted((Path(folder) / "claims").glob("*.json"))]
    return {record["id"]: record for record in records}


def test_every_verdict_is_pinned(claims: dict[str, dict[str, Any]]) -> None:
    assert {name: _verdict(record) for name, record in claims.items()} == EXPECTED


def _verdict(record: dict[str, Any]) -> str | None:
    """The verdict, and of a check that failed where and why, which would otherwise be gone with the run."""
    verdict: str | None = record["verdict"]
    return verdict if record["error"] is None else f"{verdict}: {record['error']['traceback'][-800:]}"


def test_every_claim_came_out_as_expected(claims: dict[str, dict[str, Any]]) -> None:
    assert {name: record["why_not"] for name, record in claims.items() if not record["as_expected"]} == {}


def test_every_comparison_refutes_its_rival_or_is_refuted_by_it(
    claims: dict[str, dict[str, Any]],
) -> None:
    for name, record in claims.items():
        if record["open"] or record["expects"] == ["UNDECIDED"]:
            continue
        for finding in record["findings"]:
            if finding["status"] == "DEFERRED":  # says in which profile it is decided
                continue
            outcome = finding["verdict"], finding["rival_position"]
            if record["erratum"]:
                assert outcome == ("REFUTED", "inside"), (name, finding["title"])
            else:
                assert outcome[0] in {"PROVED", "CERTIFIED", "SUPPORTED"}, (name, finding["title"])
                assert outcome[1] == "disjoint", (name, finding["title"])


def test_every_picture_is_labelled_and_its_caption_is_whole(claims: dict[str, dict[str, Any]]) -> None:
    for name, record in claims.items():
        for figure in record["figures"]:
            assert figure["title"], (name, figure["name"])
            assert figure["x"]["label"] or figure["y"]["label"], (name, figure["name"])
            assert figure["caption"].endswith((".", ".)")), (name, figure["name"])
            assert figure["layers"], (name, figure["name"])
            assert all(layer["label"] for layer in figure["layers"]), (name, figure["name"])
