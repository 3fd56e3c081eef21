"""What ``inhouse bench`` does: measures with a bar, tells, writes, and judges."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.cli.exits import Exit
from inhouse.errors import UsageError

if TYPE_CHECKING:
    from inhouse.cli.voice import Voice
    from inhouse.engine.workflow import Workflow
    from inhouse.packs.benchmark.comparing import Verdict
    from inhouse.packs.benchmark.gathering import Workflows
    from inhouse.packs.benchmark.model import Report
    from inhouse.packs.benchmark.rounds import Progress
    from inhouse.packs.benchmark.service_subject import Caller
    from inhouse.packs.benchmark.targets import Wishes
    from inhouse.workers.session import Places


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for.

    Attributes:
        targets: what is measured, or the reports that are compared.
        seconds: how long to measure.
        reference: a model to compare answers with; empty for the first target.
        roofline: whether to measure the machine's peaks.
        out: files to write the report to.
        language: of the page.
        metric: what is compared.
        allowed: the part by which something may be slower; None if it does not matter.

    """

    targets: tuple[str, ...]
    seconds: float = 30.0
    reference: str = ""
    roofline: bool = False
    out: tuple[Path, ...] = ()
    language: str = "en"
    metric: str = "latency"
    allowed: float | None = None


def measure(voice: Voice, asked: Asked, wishes: Wishes, caller: Caller, places: Places) -> Exit:
    """Measure, tell and write.

    Raises:
        InhouseError: nothing can be measured, or the report cannot be written.

    """
    from inhouse.packs.benchmark.gathering import gather
    from inhouse.packs.benchmark.writing import check_formats

    check_formats(asked.out)
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(_bar(voice))
        bench = gather(
            asked.targets,
            wishes,
            seconds=asked.seconds,
            reference=asked.reference,
            caller=caller,
            workflows=_workflows(stack, places),
            progress=progress,
        )
        report = bench.run()
        if asked.roofline:
            from inhouse.packs.benchmark.roofline import add_roof

            add_roof(report, wishes.questions, progress)
    return deliver(voice, asked, report)


def judge(voice: Voice, asked: Asked) -> Exit:
    """Say whether two reports really differ.

    Raises:
        UsageError: there are not two, or they have nothing in common.
        FileError: one cannot be read.

    """
    from inhouse.packs.benchmark.comparing import compare_reports
    from inhouse.packs.benchmark.writing import read

    if len(asked.targets) != 2:
        raise UsageError("Two reports are compared.", hint="inhouse bench --compare before.json after.json")
    before, after = (read(Path(name)) for name in asked.targets)
    verdicts = compare_reports(before, after, asked.metric)
    code = _verdict(asked, verdicts)
    if voice.as_json:
        status = "slower" if code is Exit.SLOWER else "success"
        voice.answer({"status": status, "comparisons": [one.as_dict() for one in verdicts]})
        return code
    for one in verdicts:
        voice.write(str(one))
    if before.id != after.id:
        voice.note(
            "They were measured one after the other: what changed in the machine meanwhile counts as a difference."
        )
    return code


def deliver(voice: Voice, asked: Asked, report: Report) -> Exit:
    """Tell what came of it, write the report, and return the exit code."""
    from inhouse.packs.benchmark.comparing import within
    from inhouse.packs.benchmark.tables import FIGURES, SHARES, VARIANTS, figures, problems, remarks, shares, variants
    from inhouse.packs.benchmark.writing import write

    verdicts = within(report, asked.metric)
    for file in asked.out:
        write(report, file, asked.language)
    nothing = not any(cell.calls for cell in report.cells)
    code = Exit.FAILED if nothing or problems(report) else _verdict(asked, verdicts)
    if voice.as_json:
        status = "error" if code is Exit.FAILED else "slower" if code is Exit.SLOWER else "success"
        told = {"comparisons": [one.as_dict() for one in verdicts], "files": [str(file) for file in asked.out]}
        voice.answer({"status": status, "problems": problems(report), **told, "report": _small(report)})
        return code
    voice.table("", FIGURES, list(figures(report)))
    for columns, rows in ((VARIANTS, list(variants(report))), (SHARES, list(shares(report)))):
        if rows:
            voice.write("")
            voice.table("", columns, rows)
    for one in verdicts:
        voice.write(str(one))
    for text in remarks(report):
        voice.note(text)
    for text in problems(report):
        voice.notices.add(text)
    for file in asked.out:
        voice.note(f"The report: {file}")
    return code


def _small(report: Report) -> dict[str, object]:
    """Return the report without each single call, which is what files are for."""
    data = report.as_dict()
    for cell in data["cells"]:
        del cell["slices"]
    return data


def _verdict(asked: Asked, verdicts: list[Verdict]) -> Exit:
    if asked.allowed is None:
        return Exit.OK
    return Exit.SLOWER if any(one.real and one.slower > asked.allowed for one in verdicts) else Exit.OK


@contextlib.contextmanager
def _bar(voice: Voice) -> Iterator[Progress]:
    """Draw how far it is, on a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        BarColumn(20),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.description}", markup=False),
        console=voice.console,
        transient=True,
        disable=not voice.console.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=None)

        def tell(done: float, total: float, text: str) -> None:
            bar.update(task, completed=done, total=total, description=text)

        yield tell


def _workflows(stack: contextlib.ExitStack, places: Places) -> Workflows:
    """Return what makes a subject of a workflow; its engine is put together when the first one comes."""
    from inhouse.packs.benchmark.subject import Subject

    def make(name: str) -> Subject:
        from inhouse.cli.changes import SEEDS, Changes
        from inhouse.cli.source import load_workflow
        from inhouse.engine.workflow import Link
        from inhouse.packs.benchmark.workflow_subject import WorkflowSubject
        from inhouse.workers.session import open_session

        session = stack.enter_context(open_session(places))
        workflow = load_workflow(session, name)
        seeded = any(
            key in SEEDS and not isinstance(value, Link)
            for node in workflow.nodes.values()
            for key, value in node.inputs.items()
        )

        def vary(seed: int) -> Workflow:
            return Changes((), seed).apply(workflow, session.registry) if seeded else workflow

        return WorkflowSubject(name, session.engine, vary, cached=seeded)

    return make
