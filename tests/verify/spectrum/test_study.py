import json
import re
import subprocess
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from torch import nn

import numerics
import verify
from verify.spectrum.settings import Settings

Command = Callable[..., "subprocess.CompletedProcess[str]"]

PROBLEM = """
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(40, 6), torch.randint(0, 3, (40,))

def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))

def problem():
    return net(), nn.CrossEntropyLoss(), (x, y)

def in_batches():
    data = torch.utils.data.TensorDataset(x, y)
    return net(), nn.CrossEntropyLoss(), torch.utils.data.DataLoader(data, batch_size=16)

def shuffling():
    data = torch.utils.data.TensorDataset(x, y)
    return net(), nn.CrossEntropyLoss(), torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)

def not_finite():
    return net(), nn.CrossEntropyLoss(), (x * float("inf"), y)

def frozen():
    return net().requires_grad_(False), nn.CrossEntropyLoss(), (x, y)

def dropping():
    return nn.Sequential(net(), nn.Dropout()), nn.CrossEntropyLoss(), (x, y)

class Stiff(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 3)

    def forward(self, x):
        return self.linear(x.float())

def stiff():
    return Stiff(), nn.CrossEntropyLoss(), (x, y)

def unfitting():
    return net(), nn.CrossEntropyLoss(), (x[:, :5], y)
"""


@pytest.fixture
def problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(PROBLEM)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mine.py"


def small() -> tuple[nn.Module, nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(60, 5, generator=draw, dtype=torch.float64)
    y = torch.randn(60, 2, generator=draw, dtype=torch.float64)
    net = nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 2)).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw, dtype=torch.float64) / 3)
    return net, nn.MSELoss(), (x, y)


def dense(net: nn.Module, loss: nn.Module, data: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """The Hessian by torch's own functions, as an oracle."""
    names = [name for name, _ in net.named_parameters()]
    shapes = [parameter.shape for parameter in net.parameters()]

    def value(flat: torch.Tensor) -> torch.Tensor:
        pieces = flat.split([shape.numel() for shape in shapes])
        named = {name: piece.reshape(shape) for name, piece, shape in zip(names, pieces, shapes, strict=True)}
        return loss(torch.func.functional_call(net, named, (data[0],)), data[1])

    flat = torch.cat([parameter.detach().flatten() for parameter in net.parameters()])
    return torch.autograd.functional.hessian(value, flat)


def test_an_exact_study_is_that_of_the_dense_hessian() -> None:
    net, loss, data = small()
    hessian = dense(net, loss, data)
    eigenvalues = torch.linalg.eigvalsh(hessian)
    spectrum = verify.network_spectrum(net, loss, data, top=5, density=True, per_layer=True)
    assert (spectrum.method, spectrum.size, spectrum.examples) == ("exact", 74, 60)
    assert [pair.value for pair in spectrum.largest] == pytest.approx(eigenvalues.flip(0)[:5].tolist(), rel=1e-9)
    assert [pair.value for pair in spectrum.smallest] == pytest.approx(eigenvalues[:5].tolist(), rel=1e-9)
    assert spectrum.trace.value == pytest.approx(float(hessian.trace()))
    assert spectrum.frobenius_norm.value == pytest.approx(float(hessian.norm()))
    cut = 1e-3 * float(eigenvalues.abs().max())
    assert spectrum.inertia.negative == int((eigenvalues < -cut).sum())
    assert spectrum.inertia.positive == int((eigenvalues > cut).sum())
    assert spectrum.density is not None
    assert sum(spectrum.density.whole.counts) == pytest.approx(74)
    blocks = {layer.name: layer for layer in spectrum.layers}
    assert [(layer.name, layer.size) for layer in spectrum.layers] == [("0", 54), ("2", 20)]
    for name, place in (("0", slice(0, 54)), ("2", slice(54, 74))):
        values = torch.linalg.eigvalsh(hessian[place, place])
        assert blocks[name].largest.value == pytest.approx(float(values[-1]), rel=1e-9)
        assert blocks[name].smallest.value == pytest.approx(float(values[0]), abs=1e-9)
        assert blocks[name].trace.value == pytest.approx(float(values.sum()), rel=1e-9)


def test_in_single_precision_a_residual_bounds_the_error_and_is_no_larger_than_it_has_to_be() -> None:
    net, loss, data = small()
    single, exact = (
        verify.network_spectrum(net.float(), loss, data, top=74, dtype=dtype, density=True)
        for dtype in ("float32", "float64")
    )
    assert (single.dtype, exact.dtype) == ("float32", "float64")
    residuals = {pair.residual for pair in single.largest}
    assert len(residuals) == 1
    (residual,) = residuals
    moved = [abs(one.value - other.value) for one, other in zip(single.largest, exact.largest, strict=True)]
    eps = torch.finfo(torch.float32).eps
    assert max(moved) < residual <= 16 * eps * single.frobenius_norm.value
    assert residual <= 74 * eps * single.radius
    assert single.density is not None
    assert single.density.fit.zero == residual


def test_the_inertia_of_the_page_is_that_of_numerics() -> None:
    net, loss, data = small()
    for dtype in (torch.float32, torch.float64):
        single = net.to(dtype)
        operator = numerics.HessianOperator(single, loss, (data[0].to(dtype), data[1].to(dtype)))
        for tolerance in (1e-4, 1e-3, 0.1):
            page = verify.network_spectrum(single, loss, data, tolerance=tolerance, dtype=str(dtype)[6:]).inertia
            counts = numerics.inertia(operator, tolerance=tolerance, method="exact")
            expected = [int(n) for n in (counts.negative, counts.unresolved, counts.positive)]
            assert [page.negative, page.unresolved, page.positive] == expected


@pytest.mark.parametrize("method", ["exact", "estimated"])
def test_how_many_are_listed_does_not_decide_what_is_searched(method: Any) -> None:
    net, loss, data = small()
    few, many = (
        verify.network_spectrum(net, loss, data, top=top, density=True, method=method, steps=20) for top in (1, 20)
    )
    assert len(few.largest) == 1
    assert few.density is not None
    assert many.density is not None
    expected = {"exact": [(37, 37), (37, 37)], "estimated": [(11, 8), (30, 8)]}[method]
    assert [few.density.fit.searched, many.density.fit.searched] == expected
    assert few.density.fit.unsearched_above == few.density.fit.unsearched_below == ""


def test_an_estimate_whose_products_do_not_suffice_searches_nothing_and_says_so() -> None:
    net, loss, data = small()
    found = verify.network_spectrum(net, loss, data, top=2, density=True, method="estimated", products=4, steps=10)
    assert found.density is not None
    assert "known, 7 or more are needed" in found.density.fit.unsearched_below
    assert found.density.fit.laws == ()
    assert "not searched" in str(found)


def test_a_layer_of_a_known_matrix_is_cut_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    net, loss, data = small()
    monkeypatch.setattr(numerics.HessianOperator, "restricted", lambda *_: pytest.fail("measured again"))
    spectrum = verify.network_spectrum(net, loss, data, per_layer=True)
    assert [(layer.title, layer.method) for layer in spectrum.layers] == [("0 Linear", "exact"), ("2 Linear", "exact")]
    own = verify.network_spectrum(nn.Linear(5, 2).double(), loss, data, per_layer=True)
    assert [layer.title for layer in own.layers] == ["weight", "bias"]


def test_an_estimated_study_agrees_with_the_exact_one_within_its_errors() -> None:
    net, loss, data = small()
    exact = verify.network_spectrum(net, loss, data, top=6, density=True)
    rough = verify.network_spectrum(net, loss, data, top=6, density=True, method="estimated", probes=4, steps=12)
    assert rough.method == "estimated"
    assert rough.products > 0
    for estimated, known in zip(rough.largest, exact.largest, strict=True):
        assert estimated.converged
        assert abs(estimated.value - known.value) <= estimated.residual + known.residual
    assert abs(rough.trace.value - exact.trace.value) <= 6 * rough.trace.error + 1e-9
    assert rough.inertia.negative <= exact.inertia.negative
    assert rough.inertia.positive <= exact.inertia.positive
    assert rough.density is not None
    assert sum(rough.density.whole.counts) == pytest.approx(74)
    assert "Estimated by" in rough._repr_html_()


def test_parts_and_chosen_parameters_are_those_of_the_operator() -> None:
    net, loss, data = small()
    gauss_newton = verify.network_spectrum(net, loss, data, part="gauss_newton")
    assert gauss_newton.smallest[0].value > -1e-9
    residual = verify.network_spectrum(net, loss, data, part="residual")
    whole = verify.network_spectrum(net, loss, data)
    assert gauss_newton.trace.value + residual.trace.value == pytest.approx(whole.trace.value)
    last = verify.network_spectrum(net, loss, data, parameters="2.*")
    assert last.size == 20
    assert "chosen by 2.*" in str(last)


def test_the_model_is_left_as_it_was() -> None:
    net, loss, data = small()
    before = [parameter.detach().clone() for parameter in net.parameters()]
    verify.network_spectrum(net, loss, data)
    assert all(torch.equal(one, other) for one, other in zip(before, net.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in net.parameters())


def test_the_command_writes_the_page_and_the_numbers_and_prints_a_table(
    lossproof: Command, problem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    words = ("spectrum", "mine.py:problem", "--top", "4", "--density", "--per-layer", "--dtype", "float64", "--open")
    ended = lossproof(*words)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("Hessian         of mine.py:problem: Sequential, 83 parameters\n")
    assert ended.stdout.endswith("page: spectrum.html\nnumbers: spectrum.json\n")
    assert opened == [(problem.parent / "spectrum.html").as_uri()]
    stored = json.loads(Path("spectrum.json").read_text())
    schema = Path(verify.spectrum.__file__).with_name("spectrum.schema.json")
    jsonschema.validate(stored, json.loads(schema.read_text()))
    assert (
        stored["command"] == "lossproof spectrum mine.py:problem --top 4 --density --per-layer --dtype float64 --open"
    )
    assert (stored["dtype"], len(stored["largest"]), len(stored["layers"])) == ("float64", 4, 2)


def test_batches_give_what_one_batch_gives_and_the_seed_moves_nothing_exact(lossproof: Command, problem: Path) -> None:
    found = []
    for name, seed in (("problem", "0"), ("in_batches", "7")):
        words = (f"mine.py:{name}", "--dtype", "float64", "--seed", seed, "--out", f"{name}.html")
        assert lossproof("spectrum", *words).returncode == 0
        found.append(json.loads(Path(f"{name}.json").read_text()))
    assert found[0]["examples"] == found[1]["examples"] == 40
    assert found[0]["trace"]["value"] == pytest.approx(found[1]["trace"]["value"], rel=1e-12)


def test_the_command_converts_to_double_precision_unless_told(lossproof: Command, problem: Path) -> None:
    for words, dtype in (((), "float64"), (("--dtype", "model"), "float32"), (("--dtype", "float32"), "float32")):
        assert lossproof("spectrum", "mine.py:problem", *words).returncode == 0
        assert json.loads(Path("spectrum.json").read_text())["dtype"] == dtype
    assert lossproof("spectrum", "mine.py:stiff", "--dtype", "model").returncode == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("mine.py:shuffling",), "shuffl"),
        (("mine.py:not_finite",), "finite"),
        (("mine.py:frozen",), "trainable parameters"),
        (("mine.py:dropping",), "[Dd]ropout"),
        (("mine.py:unfitting",), "model|run together"),
        (("mine.py:stiff",), r"must run in float64, .*\(--dtype model\) keeps their own"),
        (("mine.py:absent",), "problem must name a function of mine.py, got 'absent'"),
        (("absent:problem",), "problem must name a module that imports, got 'absent'"),
        (("mine.py:problem", "--parameters", "9.*"), "9"),
        (("mine.py:problem", "--out", "."), "out must be an .html file, got the folder ."),
        (("mine.py:problem", "--part", "half"), "part must be 'hessian', 'gauss_newton' or 'residual', got 'half'"),
        (("mine.py:problem", "--method", "guess"), "method must be 'auto', 'exact' or 'estimated', got 'guess'"),
        (("mine.py:problem", "--tolerance", "2"), r"tolerance must lie in \(0, 1\), got 2.0"),
        (("mine.py:problem", "--tolerance", "1e-15"), "tolerance must be at least .*, got 1e-15"),
        (("mine.py:problem", "--dtype", "float16"), "dtype must be 'float64', 'float32' or 'model', got 'float16'"),
        (("mine.py:problem", "--device", "tpu"), "device must be 'auto', 'cpu' or 'cuda', got 'tpu'"),
        (("mine.py:problem", "--top", "0"), "top must be a whole number >= 1, got 0"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    lossproof: Command, problem: Path, words: tuple[str, ...], sentence: str
) -> None:
    ended = lossproof("spectrum", *words)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert re.search(sentence, ended.stderr), ended.stderr
    assert ended.stderr.startswith("lossproof: ")
    assert ended.stderr.count("\n") == 1
    assert {path.name for path in problem.parent.iterdir()} <= {"mine.py", "__pycache__"}


def test_an_interrupt_writes_nothing(lossproof: Command, problem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("verify.spectrum.study.measured", stop)
    ended = lossproof("spectrum", "mine.py:problem")
    assert (ended.returncode, ended.stderr) == (130, "interrupted; nothing was written.\n")
    assert not Path("spectrum.html").exists()


def test_whole_numbers_of_numpy_count() -> None:
    assert Settings(top=np.int64(3)) == Settings(top=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"density": "no"}, "density must be True or False, got 'no'"),
        ({"parameters": (5,)}, r"parameters must be patterns for names, got \(5,\)"),
        ({"parameters": None}, "parameters must be patterns for names, got None"),
        ({"tolerance": "a"}, r"tolerance must lie in \(0, 1\), got 'a'"),
        ({"steps": 10**20}, r"steps must be a whole number below 2\^63, got 100000000000000000000"),
    ],
)
def test_settings_of_the_wrong_kind_are_refused(changes: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Settings(**changes)


@pytest.mark.parametrize("changes", [{"probes": 1}, {"steps": 1}, {"seed": -1}, {"products": 2.5}, {"top": True}])
def test_settings_that_make_no_sense_are_refused(changes: dict) -> None:
    (name,) = changes
    with pytest.raises(ValueError, match=f"{name} must be a whole number >= "):
        Settings(**changes)
