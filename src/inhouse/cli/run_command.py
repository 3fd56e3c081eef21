"""``inhouse run``: execute a workflow here and now."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inhouse.cli.exits import Exit, errors_for_people
from inhouse.cli.options import AsJson, CustomNodesDir, InputDir, ModelsDir, OutputDir, WorkflowFile
from inhouse.engine.control import Control

if TYPE_CHECKING:
    from types import FrameType

    from inhouse.cli.session import Session
    from inhouse.engine.result import RunResult
    from inhouse.engine.workflow import Workflow

SEED_MAX = 2**64 - 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", epilog="Example: inhouse run text-to-image --set 6.text='a red apple' --seed 7")(run)


def run(
    file: WorkflowFile,
    *,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NODE.INPUT=VALUE", help="Change an input; NODE is an id, a title or class#n."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=SEED_MAX, help="Set every seed.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Set every batch_size.")] = None,
    models: ModelsDir = Path("models"),
    input_dir: InputDir = Path("input"),
    out: OutputDir = Path("output"),
    custom_nodes: CustomNodesDir = None,
    reference: Annotated[bool, typer.Option(help="Compute in float32, deterministically.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a workflow and say where its results lie."""
    from inhouse.cli.changes import with_batch, with_changes, with_seed
    from inhouse.cli.session import Places, open_session
    from inhouse.cli.source import load_workflow

    with errors_for_people(as_json=as_json):
        places = Places(models, input_dir, out, custom_nodes)
        with open_session(places, reference=reference) as session:
            workflow = load_workflow(session, file)
            workflow = with_seed(workflow, seed) if seed is not None else workflow
            workflow = with_batch(workflow, batch) if batch is not None else workflow
            workflow = with_changes(workflow, session.registry, changes or ())
            result = _execute(session, workflow, as_json=as_json)
            code = _answer(session, workflow, result, as_json=as_json)
    sys.exit(code)


def _execute(session: Session, workflow: Workflow, *, as_json: bool) -> RunResult:
    from rich.console import Console

    from inhouse.cli.progress import ProgressBars

    control = Control()
    console = Console(stderr=True)
    with ExitStack() as stack:
        stack.enter_context(stop_on_signals(control))
        preview = session.folders.temp / "preview.png"
        bars = stack.enter_context(ProgressBars(console, workflow, preview)) if not as_json else None
        return session.engine.run(workflow, emit=bars, control=control)


def _answer(session: Session, workflow: Workflow, result: RunResult, *, as_json: bool) -> Exit:
    from inhouse.cli.exits import exit_code
    from inhouse.cli.report import RunReport
    from inhouse.cli.salvage import salvage

    answer = RunReport(session, workflow, result, salvage(result, session.folders.output))
    answer.print_json() if as_json else answer.print_text()
    if result.status == "success":
        return Exit.OK
    if result.status == "interrupted":
        return Exit.INTERRUPTED
    codes = {exit_code(failure.error) for failure in result.failures}
    return codes.pop() if len(codes) == 1 else Exit.FAILED


@contextmanager
def stop_on_signals(control: Control) -> Iterator[None]:
    """While inside, the first Ctrl-C interrupts the running node, the second cancels the run, the third kills it."""

    def stop(number: int, frame: FrameType | None) -> None:
        if control.cancelled:
            signal.default_int_handler(number, frame)
        elif control.requested:
            control.cancel()
        else:
            control.interrupt()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
