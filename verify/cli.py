"""The command `lossproof`.

Exit codes: 0 everything as expected; 1 something is not, or not finished; 2 bad usage, told in one sentence, with
nothing touched; 130 interrupted, 143 terminated and 129 hung up, with the run intact. Progress goes to
the error stream, results to the output stream: a reader who has had enough of them changes no code, and a run keeps its
code even if they cannot be written.
"""

import contextlib
import json
import os
import shlex
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from verify import provenance
from verify.refusal import BadInputError

app = typer.Typer(
    name="lossproof",
    help="The theory of neural-network loss landscapes on trial.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _whole_number(text: str | int) -> int:
    """Read a whole number, or say that it is none."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"must be a whole number, got {text!r}.") from None


ClaimFiles = Annotated[
    list[Path] | None, typer.Option("--claims", metavar="FILE", help="A Python file of further claims.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]


@app.command("list")
def list_claims(
    patterns: Annotated[
        list[str] | None, typer.Argument(metavar="[ID-GLOB]...", help="Ids or globs; none means all claims.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, as JSON.")] = False,
    claims: ClaimFiles = None,
) -> None:
    """List claims: id, what is expected of it, title."""
    from verify.report.console import ledger_lines
    from verify.request import known_claims, selected

    known = known_claims(claims or ())
    if patterns:
        known = selected(known, patterns)
    if not as_json:
        _tell("\n".join(ledger_lines(known)))
        return
    entries = [
        {**claim.to_record(), "right": claim.right or None, "decided_from": claim.decided_from} for claim in known
    ]
    _tell(json.dumps(entries, ensure_ascii=False, indent=1))


@app.command()
def show(
    claim: Annotated[str, typer.Argument(metavar="ID", help="The id of a claim.")], claims: ClaimFiles = None
) -> None:
    """Show one claim: statement, source, assumptions, what is expected of it."""
    from verify.report.console import claim_lines
    from verify.request import known_claims, selected

    for found in selected(known_claims(claims or ()), [claim]):
        _tell("\n".join(claim_lines(found, claims or ())))


@app.command()
def run(
    patterns: Annotated[
        list[str] | None, typer.Argument(metavar="[ID-GLOB]...", help="Ids or globs; none means all claims.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="quick (the usual one), standard or full.")] = None,
    device: Annotated[str | None, typer.Option(help="auto (the usual one), cpu or cuda.")] = None,
    jobs: Annotated[
        int,
        typer.Option(
            parser=_whole_number, metavar="N", help="Number of processes that check claims or compute their items."
        ),
    ] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A dask scheduler whose workers compute the items.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(parser=_whole_number, metavar="N", help="Root seed, 0 if not given.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the run, runs/<time> if not given.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out, or with the newest.")] = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the outcome as JUnit XML too.")] = None,
    claims: ClaimFiles = None,
    strict: Annotated[bool, typer.Option("--strict", help="Count skipped checks as failures.")] = False,
    open_report: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
) -> None:
    """Check claims and write a report. With --claims and no ids, the claims of those files."""
    from verify.interruption import Terminated, terminable
    from verify.progress import listener_for
    from verify.report.console import summary_lines
    from verify.report.junit import write_junit
    from verify.request import Request
    from verify.runner import execute, exit_code

    if junit is not None and (junit.is_dir() or not junit.parent.is_dir()):
        raise BadInputError(f"junit must be a file in a folder that exists, got {junit}.")
    request = Request(
        patterns=tuple(patterns or ()),
        profile=profile,
        device=device,
        jobs=jobs,
        scheduler=scheduler,
        seed=seed,
        out=out,
        resume=resume,
        claim_files=tuple(claims or ()),
    )
    listener = listener_for()
    try:
        with terminable(last=True):
            folder = execute(request, listener)
    except (KeyboardInterrupt, Terminated) as interrupt:
        code = interrupt.exit_code if isinstance(interrupt, Terminated) else 130
        _end_interrupted(listener.folder.path if listener.folder else None, code)
    records = folder.records()
    unfinished = len(folder.claim_ids) - len(records)
    report = folder.path / "report.html"
    summary = [*summary_lines(records, unfinished=unfinished, folder=folder.path), f"report: {report}"]
    try:
        _tell("\n".join(summary))
    except BadInputError as error:  # all of it is stored
        _complain(f"lossproof: {error}")
    if junit is not None:
        write_junit(records, junit, strict=strict)
    if open_report:
        webbrowser.open(report.resolve().as_uri())
    raise typer.Exit(exit_code(records, strict=strict, unfinished=unfinished))


@app.command()
def report(
    run: RunArgument,
    open_report: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Write the report of a run again, from what it stored."""
    from verify.report.html import write_report
    from verify.store import RunFolder

    written = write_report(RunFolder.open(run).path)
    _tell(f"report: {written}")
    if open_report:
        webbrowser.open(written.resolve().as_uri())


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="The folder of a run.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The folder of another run.")],
) -> None:
    """Say what differs between two runs; exit code 1 if a verdict moved or regions do not meet."""
    from verify.differences import differences
    from verify.store import RunFolder

    found = differences(RunFolder.open(a), RunFolder.open(b))
    _tell(str(found))
    raise typer.Exit(0 if found.agree else 1)


@app.command()
def spectrum(
    problem: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FUNCTION", help="A function that returns model, loss and data; FILE.py:FUNCTION too."
        ),
    ],
    top: Annotated[int, typer.Option(parser=_whole_number, metavar="N", help="Largest eigenvalues wanted.")] = 20,
    density: Annotated[bool, typer.Option("--density", help="Measure the density, and fit laws to its bulk.")] = False,
    per_layer: Annotated[bool, typer.Option("--per-layer", help="Measure every layer's block too.")] = False,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page; JSON is written beside it.")] = Path(
        "spectrum.html"
    ),
    parameters: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only the block of the parameters of these names; can be repeated."),
    ] = None,
    part: Annotated[str, typer.Option(help="hessian, gauss_newton or residual.")] = "hessian",
    tolerance: Annotated[
        float | None, typer.Option(metavar="X", help="What counts as zero, relative to the largest eigenvalue.")
    ] = None,
    method: Annotated[str, typer.Option(help="auto (by measured cost), exact or estimated.")] = "auto",
    probes: Annotated[
        int, typer.Option(parser=_whole_number, metavar="N", help="Random vectors of an estimated density.")
    ] = 10,
    steps: Annotated[int, typer.Option(parser=_whole_number, metavar="N", help="Lanczos steps of each.")] = 80,
    products: Annotated[
        int, typer.Option(parser=_whole_number, metavar="N", help="Most products for each end of the spectrum.")
    ] = 400,
    seed: Annotated[int, typer.Option(parser=_whole_number, metavar="N", help="Seed of the random vectors.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    dtype: Annotated[
        str, typer.Option(help="float64 or float32, to which model and data are converted, or model: as they are.")
    ] = "float64",
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Draw the Hessian spectrum of a network of your own."""
    from verify.spectrum.loading import load_problem
    from verify.spectrum.page import check_target, write_spectrum
    from verify.spectrum.settings import Settings
    from verify.spectrum.study import measured_problem

    settings = Settings(
        top=top,
        density=density,
        per_layer=per_layer,
        parameters=tuple(parameters or ()),
        part=part,
        tolerance=tolerance,
        probes=probes,
        steps=steps,
        products=products,
        seed=seed,
        method=method,
    )
    check_target(out)
    command = shlex.join(["lossproof", *sys.argv[1:]])
    try:
        found = measured_problem(load_problem(problem), settings, device=device, dtype=dtype, command=command)
    except KeyboardInterrupt:
        _complain("interrupted; nothing was written.")
        raise typer.Exit(130) from None
    page, beside = write_spectrum(found, out)
    _tell(str(found))
    _tell(f"page: {page}\nnumbers: {beside}")
    if open_page:
        webbrowser.open(page.resolve().as_uri())


@app.command()
def repl() -> None:
    """Start IPython with theory, numerics and verify at hand."""
    from verify.shell import start

    start()


@app.command()
def doctor(claims: ClaimFiles = None) -> None:
    """Say what is installed, what the machine offers, and what is missing for which claim."""
    from verify.doctor import diagnosis

    _tell("\n".join(diagnosis(claims or ())))


def main() -> None:
    """Run the command and exit."""
    try:
        provenance.check_floors()
        app(prog_name="lossproof")
    except BadInputError as error:
        _complain(f"lossproof: {error}")
        sys.exit(2)
    finally:
        _forget_what_cannot_be_written()


def _tell(text: str) -> None:
    """Print a result; a reader who has had enough is none to complain about.

    Raises:
        BadInputError: If it cannot be written for another reason.
    """
    try:
        typer.echo(text)
    except BrokenPipeError:
        return
    except OSError as error:
        raise BadInputError(f"the output stream must be one that can be written: {error.strerror or error}.") from error


def _complain(text: str) -> None:
    """Print to the error stream, if that is possible."""
    with contextlib.suppress(OSError):
        typer.echo(text, err=True)


def _forget_what_cannot_be_written() -> None:
    """Give up what waits to be written to a closed pipe or a full disk: Python would try again, and exit by 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _end_interrupted(folder: Path | None, code: int) -> NoReturn:
    """Say how to go on, and exit at once even where a worker keeps a thread waiting."""
    if folder is None:
        _complain("interrupted before anything was run.")
    else:
        command = shlex.join(["lossproof", "run", "--resume", "--out", str(folder)])
        _complain(f"interrupted; the run is intact, go on with: {command}")
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if any(thread.is_alive() and not thread.daemon for thread in others):
        _forget_what_cannot_be_written()
        os._exit(code)
    raise typer.Exit(code)
