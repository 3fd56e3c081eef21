"""Nodes that measure models, write reports and compare them; they leave the work to the library beside them."""

from pathlib import Path
from typing import Annotated, NamedTuple

from inhouse import Choices, Context, Image, Output, Range, Result, Widget, node
from inhouse.errors import PathEscapeError
from inhouse.files import Folders, write_numbered
from inhouse.packs.benchmark.wires import BenchReport

_CATEGORY = "benchmark"
_METRICS = ("latency", "cpu", "throughput")
_FORMATS = ("html", "json", "md")
_LANGUAGES = ("en", "zh")


class Measured(NamedTuple):
    """What was found, and a picture of it."""

    report: BenchReport
    plot: Image


class Roof(NamedTuple):
    """The report with the machine's peaks, and a picture of it."""

    report: BenchReport
    plot: Image


class Compared(NamedTuple):
    """What two reports say of each other."""

    text: str
    slower: bool


@node("BenchModel", category=_CATEGORY, display_name="Measure Models", cacheable=False)
def bench_model(
    *,
    artifact: Annotated[
        str, Widget({"multiline": True, "tooltip": "A folder or a file a line, below output or input."})
    ],
    runtimes: str = "",
    precisions: str = "",
    threads: str = "",
    batch_sizes: str = "1,8,32",
    concurrency: str = "1",
    seconds: Annotated[float, Range(0.1, 3600)] = 20.0,
    reference: str = "",
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    context: Context,
) -> Measured:
    """Measure latency, throughput, memory and fidelity of models, in interleaved rounds; lists have commas."""
    from inhouse.packs.benchmark.feeds import Questions
    from inhouse.packs.benchmark.gathering import gather
    from inhouse.packs.benchmark.lists import integers, names
    from inhouse.packs.benchmark.plots import pixels
    from inhouse.packs.benchmark.targets import Wishes

    wishes = Wishes(
        names("runtimes", runtimes),
        names("precisions", precisions),
        integers("threads", threads, least=0),
        integers("batch_sizes", batch_sizes) or (1,),
        integers("concurrency", concurrency) or (1,),
        questions=Questions(seed=seed),
    )
    targets = [str(_place(line.strip(), context)) for line in artifact.splitlines() if line.strip()]
    against = str(_place(reference, context)) if reference else ""
    bench = gather(
        targets,
        wishes,
        seconds=seconds,
        reference=against,
        progress=lambda done, total, _: context.progress(done, total),
    )
    report = bench.run()
    return Measured(report, pixels(report))


@node("Roofline", category=_CATEGORY, display_name="Roofline", cacheable=False)
def roofline(*, report: BenchReport, context: Context) -> Roof:
    """Measure this machine's peaks, and show what the measured models achieve of them."""
    import copy

    from inhouse.packs.benchmark.plots import pixels
    from inhouse.packs.benchmark.roofline import add_roof

    roofed = copy.deepcopy(report)  # what came over the wire belongs to others, too
    add_roof(roofed, progress=lambda done, total, _: context.progress(done, total))
    return Roof(roofed, pixels(roofed))


@node("BenchReport", category=_CATEGORY, display_name="Save Benchmark Report", output_node=True)
def bench_report(
    *,
    report: BenchReport,
    filename_prefix: str = "benchmark",
    format: Annotated[str, Choices(_FORMATS)] = "html",  # noqa: A002 - the name of the widget
    language: Annotated[str, Choices(_LANGUAGES)] = "en",
    context: Context,
) -> Annotated[str, Output("file")]:
    """Write a report into the output folder, and show its plots."""
    from inhouse.packs.benchmark.plots import png
    from inhouse.packs.benchmark.writing import content

    written = _write(content(report, f".{format}", language), filename_prefix, f".{format}", context, "output")
    shown = _write(png(report), "benchmark", ".png", context, "temp")
    folders = context.service(Folders)
    place = shown.parent.relative_to(folders.temp.resolve()).as_posix()
    picture = {"filename": shown.name, "subfolder": "" if place == "." else place, "type": "temp"}
    ui = {"images": [picture], "text": (written.name,)}
    return Result((str(written),), ui=ui)  # type: ignore[return-value] # and what a canvas shows


@node("CompareReports", category=_CATEGORY, display_name="Compare Benchmark Reports", output_node=True)
def compare_reports(
    *,
    before: BenchReport,
    after: BenchReport,
    metric: Annotated[str, Choices(_METRICS)] = "latency",
    allowed_percent: Annotated[float, Range(0, 1000)] = 5.0,
) -> Compared:
    """Say whether two reports really differ, and whether the second is slower by more than is allowed."""
    from inhouse.packs.benchmark.comparing import compare_reports as compared

    verdicts = compared(before, after, metric)
    text = "\n".join(map(str, verdicts))
    slower = any(one.real and one.slower * 100 > allowed_percent for one in verdicts)
    return Result((text, slower), ui={"text": (text,)})  # type: ignore[return-value] # and what a canvas shows


def _place(name: str, context: Context) -> Path:
    """Return the place of a model below the output or the input folder; a run reaches no others."""
    folders = context.service(Folders)
    try:
        found = folders.path(name, "output")
    except PathEscapeError:
        return folders.path(name, "input")
    return found if found.exists() else folders.path(name, "input")


def _write(data: bytes, prefix: str, suffix: str, context: Context, kind: str) -> Path:
    folders = context.service(Folders)
    folder: Path = getattr(folders, kind)
    claim = folders.claim(context.node_id, folder, suffix)
    return write_numbered(folder, prefix, suffix, lambda file: file.write(data), claim=claim)


NODES = (bench_model, roofline, bench_report, compare_reports)
