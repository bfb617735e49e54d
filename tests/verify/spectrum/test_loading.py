import sys
from pathlib import Path

import pytest

from verify.spectrum.loading import load_problem

GOOD = """
import torch
from neighbour import WIDTH

def problem():
    x = torch.ones(4, WIDTH)
    return torch.nn.Linear(WIDTH, 1), torch.nn.MSELoss(), (x, torch.zeros(4, 1))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a network of one's own and a file that it imports."""
    (tmp_path / "neighbour.py").write_text("WIDTH = 3\n")
    (tmp_path / "my_network.py").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    for name in ("my_network", "neighbour"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_a_module_of_the_working_directory_and_a_file_are_found(folder: Path) -> None:
    before = list(sys.path)
    for address in ("my_network:problem", "my_network.py:problem", f"{folder}/my_network.py:problem"):
        problem = load_problem(address)
        assert problem.address == address
        assert problem.model.in_features == 3
    assert sys.path == before


def test_a_file_shadows_nothing_that_is_installed(folder: Path) -> None:
    (folder / "json.py").write_text("raise RuntimeError('shadowed')")
    (folder / "my_network.py").write_text("import json\n" + GOOD)
    assert load_problem("my_network.py:problem").model.in_features == 3


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("my_network", "problem must be MODULE:FUNCTION or FILE.py:FUNCTION, got 'my_network'"),
        ("my_network:", "problem must be MODULE:FUNCTION"),
        (":problem", "problem must be MODULE:FUNCTION"),
        ("my network:problem", "problem must be MODULE:FUNCTION"),
        ("nowhere:problem", r"module that imports, got 'nowhere': ModuleNotFoundError.*nor in the working directory"),
        ("nowhere.py:problem", "problem must name a file that exists, got 'nowhere.py'"),
        ("my_network:promblem", "problem must name a function of my_network, got 'promblem', which is none; it has pr"),
        ("my_network:torch", "problem must name a function of my_network, got 'torch', which is none"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(folder: Path, address: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        load_problem(address)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def problem(:", "must name a file that imports, got 'mine.py': SyntaxError"),
        ("import absent_package", "must name a file that imports, got 'mine.py': ModuleNotFoundError"),
        ("raise SystemExit(3)", "must name a file that imports, got 'mine.py': SystemExit"),
        ("\n1 / 0", r"ZeroDivisionError: division by zero \(line 2\)"),
        ("def problem():\n    return 1 / 0", r"problem must run, and mine.py:problem raised ZeroDivision.* \(line 2\)"),
        ("def problem(x):\n    return x", "problem must run, and mine.py:problem raised TypeError"),
        ("def problem():\n    return 1", "must return a model, a loss and data.*, got int"),
        ("def problem():\n    return 1, 2", "must return a model, a loss and data.*, got 2 things"),
        ("def problem():\n    return 1, 2, 3", "got a model of type int, no torch module"),
        (
            "import torch\ndef problem():\n    return torch.nn.Linear(1, 1), 2, 3",
            "got a loss that cannot be called: int",
        ),
        (
            "import torch\ndef problem():\n    return torch.nn.Linear(1, 1), torch.nn.MSELoss, 3",
            "got a loss that cannot be called: the class MSELoss, not an instance",
        ),
        (
            "import torch\ndef problem():\n    return torch.nn.Linear(1, 1), torch.nn.MSELoss(), torch.ones(3)",
            "got data of type Tensor",
        ),
    ],
)
def test_a_problem_that_is_none_is_told_in_a_sentence(folder: Path, text: str, sentence: str) -> None:
    (folder / "mine.py").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        load_problem("mine.py:problem")


def test_a_module_that_fails_for_another_reason_is_not_called_missing(folder: Path) -> None:
    (folder / "half_done.py").write_text("import absent_package\n")
    with pytest.raises(ValueError, match=r"got 'half_done': ModuleNotFoundError: No module named 'absent_package'\.$"):
        load_problem("half_done:problem")
