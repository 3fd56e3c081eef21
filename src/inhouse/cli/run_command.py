"""``inhouse run``: execute a workflow here and now."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inhouse.backends.attention import AUTO, AttentionName
from inhouse.cli.exits import Exit, common, exit_code
from inhouse.cli.options import AsJson, CustomNodesDir, InputDir, ModelsDir, OutputDir, WorkflowFile
from inhouse.engine.control import Control

if TYPE_CHECKING:
    from types import FrameType

    from inhouse.cli.voice import Voice
    from inhouse.engine.events import Emit, Event
    from inhouse.engine.result import RunResult
    from inhouse.engine.workflow import Workflow
    from inhouse.workers.session import Session

SEED_MAX = 2**64 - 1

_INTERRUPTING = "Stopping after this step; press Ctrl-C again to give up the rest of the run."
_CANCELLING = "Giving up the rest of the run; press Ctrl-C again to stop at once."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", epilog="Example: inhouse run text-to-image --set prompt.text='a red apple' --seed 7")(run)


def run(  # noqa: PLR0913 - its options
    file: WorkflowFile,
    *,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NODE.INPUT=VALUE", help="Change an input; NODE is an id, a title, a class or class#n."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=SEED_MAX, metavar="N", help="Set every seed.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, metavar="N", help="Set every batch_size.")] = None,
    models: ModelsDir = Path("models"),
    input_dir: InputDir = Path("input"),
    out: OutputDir = Path("output"),
    custom_nodes: CustomNodesDir = None,
    reference: Annotated[bool, typer.Option("--reference", help="Compute in float32, deterministically.")] = False,
    precision: Annotated[
        str,
        typer.Option(
            metavar="TYPE",
            help="Compute in float32, bfloat16 or float16; auto takes the fastest that the device computes well in.",
        ),
    ] = AUTO,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="Compute on cpu, cuda, cuda:1 and the like; auto takes a card.")
    ] = AUTO,
    profile: Annotated[bool, typer.Option("--profile", help="Say where time and memory went.")] = False,
    profile_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw it as .png, .svg or .pdf (needs the extra plots), or write it as .json."
        ),
    ] = None,
    attention: Annotated[
        AttentionName,
        typer.Option(
            envvar="INHOUSE_COMPUTE__ATTENTION",
            help="Implementation of attention; auto tries each on the device, as inhouse doctor shows.",
        ),
    ] = AUTO,
    as_json: AsJson = False,
) -> None:
    """Run a workflow and say where its results lie."""
    from inhouse.cli.changes import Changes
    from inhouse.cli.profile_report import ProfileReport
    from inhouse.cli.source import load_workflow
    from inhouse.cli.voice import speaking
    from inhouse.workers.session import Places, open_session

    with speaking(as_json=as_json) as voice:
        places = Places(models, input_dir, out, custom_nodes)
        if profile_file is not None:
            ProfileReport.check(profile_file)
        profiled = profile or profile_file is not None
        how: dict[str, Any] = {
            "reference": reference,
            "device": device,
            "precision": precision,
            "attention": attention,
            "profiled": profiled,
        }
        with open_session(places, **how) as session:
            workflow = load_workflow(session, file)
            workflow = Changes(tuple(changes or ()), seed, batch).apply(workflow, session.registry)
            code = _run(voice, session, workflow, profile_file)
    raise typer.Exit(code)


def _run(voice: Voice, session: Session, workflow: Workflow, profile_file: Path | None) -> Exit:
    from inhouse.backends.profile import Profile
    from inhouse.cli.profile_report import ProfileReport
    from inhouse.cli.progress import ProgressBars
    from inhouse.cli.report import RunReport

    control, profile = Control(), session.engine.services.get(Profile)
    started = time.perf_counter()
    with stop_on_signals(control), ProgressBars(voice, workflow, session.folders.temp / "preview.png") as bars:
        result = session.engine.run(workflow, emit=_all(bars, profile), control=control)
    seconds = time.perf_counter() - started
    report = RunReport(session.folders, workflow, result, _salvaged(voice, session, result), seconds, profile)
    report.print_to(voice)
    if profile is not None:
        ProfileReport(profile, workflow, seconds).deliver(voice, profile_file)
    return verdict(result)


def _all(*listeners: Emit | None) -> Emit:
    def emit(event: Event) -> None:
        for listener in listeners:
            if listener is not None:
                listener(event)

    return emit


def _salvaged(voice: Voice, session: Session, result: RunResult) -> dict[str, Path]:
    from inhouse.cli.salvage import salvage
    from inhouse.errors import OutputError

    try:
        return salvage(result, session.folders.output)
    except OutputError as error:  # the report of the run matters more
        voice.notices.add(str(error))
        return {}


def verdict(result: RunResult) -> Exit:
    """Return the exit code of a run: that of its failures, where they agree."""
    if result.status == "success":
        return Exit.OK
    if result.status == "interrupted":
        return Exit.INTERRUPTED
    return common((exit_code(failure.error) for failure in result.failures), Exit.FAILED)


@contextmanager
def stop_on_signals(control: Control) -> Iterator[None]:
    """While inside, Ctrl-C interrupts the running node; a second cancels the run, as SIGTERM does; a third kills it."""
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if control.cancelled:
            signal.default_int_handler(number, frame)
        elif len(received) > 1 or number == signal.SIGTERM:
            control.cancel()
            _tell(_CANCELLING)
        else:
            control.interrupt()
            _tell(_INTERRUPTING)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(text: str) -> None:
    """Say something from a signal handler: past every buffer and lock, which who was interrupted may hold."""
    if sys.stderr is not None and sys.stderr.isatty():
        os.write(sys.stderr.fileno(), f"\r\x1b[K{text}\r\n".encode())
