"""The REPL: IPython with the whole of `theory` in reach, and `verify` and `numerics` by name."""

from typing import Any

BANNER = """\
lossproof: theory at hand (from theory import *), numerics and verify by name.
  law = marchenko_pastur(phi) + semicircle(2*epsilon)      law.at(phi=.5, epsilon=.1).index()
  critical_energy(law)                                     verify.run("index.*")
  hessian = numerics.HessianOperator(model, loss, (x, y))  numerics.trace(hessian, generator=torch.Generator())
"""

LINES = ("from theory import *", "import numerics", "import theory", "import verify")


def start() -> None:
    """Start IPython; the working directory does not enter the import path."""
    from IPython.terminal.ipapp import TerminalIPythonApp
    from traitlets.config import Config

    config = Config()
    config.InteractiveShellApp.exec_lines = list(LINES)
    config.InteractiveShellApp.ignore_cwd = True
    config.TerminalInteractiveShell.banner1 = BANNER
    config.TerminalInteractiveShell.enable_tip = False
    app: Any = TerminalIPythonApp.instance(config=config)
    app.initialize(argv=[])
    app.start()
