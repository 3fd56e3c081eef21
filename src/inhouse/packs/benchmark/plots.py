"""Plots of a report: latency, throughput, memory, and the roofline, each a figure of its own or all on one picture."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from inhouse.errors import OutputError
from inhouse.packs.benchmark.roofline import achieved
from inhouse.packs.benchmark.summary import Summary, summarize
from inhouse.packs.benchmark.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inhouse.packs.benchmark.model import Cell, Report

COLOURS = ("#3d6fb6", "#c9642e", "#5b8e7d", "#7a5ba8", "#c9a227", "#b5524a", "#4c4c4c", "#8aa6c9")
_MILLI, _GIGA, _MEGA = 1e3, 1e9, 1e6


def figures_of(report: Report, words: Words) -> Iterator[tuple[str, Callable[[Any], None]]]:
    """Yield the titles of the plots that there is something for, with what draws them on Matplotlib's axes."""
    measured = [cell for cell in report.cells if cell.calls]
    if not measured:
        return
    summaries = {id(cell): summarize(cell) for cell in measured}
    yield words("Latency of a call"), lambda axes: _latency(axes, measured, summaries, words)
    yield words("Throughput"), lambda axes: _throughput(axes, report, measured, summaries, words)
    if any(variant.memory for variant in report.variants):
        yield words("Memory and size"), lambda axes: _memory(axes, report, words)
    if any(summary.shares for summary in summaries.values()):
        yield words("Where the time goes"), lambda axes: _shares(axes, measured, summaries, words)
    if report.roof:
        yield words("Roofline"), lambda axes: _roofline(axes, report, words)


def svg(draw: Callable[[Any], None]) -> bytes:
    """Return one plot as SVG, whose text is text, so that whoever shows it has the letters for it.

    Raises:
        OutputError: Matplotlib is not installed.

    """
    matplotlib = _matplotlib()
    settings = {"svg.fonttype": "none", "svg.hashsalt": "inhouse"}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # it measures letters here, and draws none
        return _saved([draw], "svg", (8.0, 4.2))


def png(report: Report, words: Words | None = None) -> bytes:
    """Return all plots on one picture.

    Raises:
        OutputError: Matplotlib is not installed, or there is nothing to draw.

    """
    words = words or Words("en")
    drawn = [_titled(title, draw) for title, draw in figures_of(report, words)]
    if not drawn:
        raise OutputError("The report has no figures to draw.", hint="Every call failed; see its problems.")
    _matplotlib()
    return _saved(drawn, "png", (8.0, 4.2 * len(drawn)))


def pixels(report: Report) -> Any:
    """Return the picture as a canvas takes it: (1, height, width, 3), float32, 0 to 1."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(png(report))) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.float32)[None] / 255


def _titled(title: str, draw: Callable[[Any], None]) -> Callable[[Any], None]:
    def titled(axes: Any) -> None:
        draw(axes)
        axes.set_title(title, fontsize=10)

    return titled


def _matplotlib() -> Any:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise OutputError("Matplotlib is not installed.", hint="pip install 'inhouse[bench]'") from error
    return mpl


def _saved(draws: Sequence[Callable[[Any], None]], form: str, size: tuple[float, float]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    for number, draw in enumerate(draws):
        axes = figure.add_subplot(len(draws), 1, number + 1)
        draw(axes)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, format=form, dpi=110, metadata={"Date": None} if form == "svg" else None)
    return stream.getvalue()


def _latency(axes: Any, cells: list[Cell], summaries: dict[int, Summary], words: Words) -> None:
    """Draw a mark a quantile with the interval about it, a line a cell."""
    for row, cell in enumerate(cells):
        for name, marker in (("p50", "o"), ("p95", "|"), ("p99", "x")):
            found = summaries[id(cell)].latency[name]
            value, low, high = (part * _MILLI for part in (found.value, found.low, found.high))
            colour = COLOURS[("p50", "p95", "p99").index(name)]
            label = name if not row else None
            spread = [[value - low], [high - value]]
            axes.errorbar([value], [row], xerr=spread, fmt=marker, color=colour, capsize=2, label=label)
    axes.set_yticks(range(len(cells)), [f"{cell.variant}\n{words.load(cell.load)}" for cell in cells], fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel(words("milliseconds"))
    axes.legend(fontsize=8)


def _throughput(axes: Any, report: Report, cells: list[Cell], summaries: dict[int, Summary], words: Words) -> None:
    """Draw rows a second by batch size, or by callers where those vary more."""
    batches = {cell.load.batch for cell in cells}
    callers = {cell.load.concurrency for cell in cells}
    by_batch = len(batches) >= len(callers)
    lines: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if not cell.load.rate:
            fixed = words.callers(cell.load.concurrency) if by_batch else words.batch(cell.load.batch)
            many = len(callers) > 1 if by_batch else len(batches) > 1
            lines.setdefault((cell.variant, fixed if many else ""), []).append(cell)
    names = [variant.name for variant in report.variants]
    for (name, fixed), found in lines.items():
        found.sort(key=lambda cell: cell.load.batch if by_batch else cell.load.concurrency)
        figures = [summaries[id(cell)].throughput for cell in found]
        places = [cell.load.batch if by_batch else cell.load.concurrency for cell in found]
        values = [one.value for one in figures]
        spread = [[one.value - one.low for one in figures], [one.high - one.value for one in figures]]
        colour = COLOURS[names.index(name) % len(COLOURS)]
        label = f"{name}, {fixed}" if fixed else name
        axes.errorbar(places, values, yerr=spread, marker="o", capsize=3, color=colour, label=label)
    ticks = sorted(batches if by_batch else callers)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlabel(words("rows a call") if by_batch else words("calls at once"))
    axes.set_ylabel(words("rows a second"))
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7)


def _memory(axes: Any, report: Report, words: Words) -> None:
    variants = [variant for variant in report.variants if variant.memory or variant.disk_bytes]
    kinds = (
        (words("grown"), [variant.memory.get("grown", 0) for variant in variants]),
        (words("peak"), [variant.memory.get("peak", 0) for variant in variants]),
        (words("on disk"), [variant.disk_bytes for variant in variants]),
    )
    for number, (label, values) in enumerate(kinds):
        rows = [row + (number - 1) * 0.26 for row in range(len(variants))]
        axes.barh(rows, [value / _MEGA for value in values], 0.24, color=COLOURS[number], label=label)
    axes.set_yticks(range(len(variants)), [variant.name for variant in variants], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("MB")
    axes.legend(fontsize=8)


def _shares(axes: Any, cells: list[Cell], summaries: dict[int, Summary], words: Words) -> None:
    """Draw each node's part of a workflow's time."""
    cell = next(cell for cell in cells if summaries[id(cell)].shares)
    shares = summaries[id(cell)].shares
    names = list(shares)[:12]
    axes.barh(range(len(names)), [shares[name] * 100 for name in names], color=COLOURS[0])
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel(f"{cell.variant}: {words('percent of the nodes time')}")


def _roofline(axes: Any, report: Report, words: Words) -> None:
    """Draw a roof a precision, and a point a cell."""
    bandwidth, flops = report.roof["bandwidth"], report.roof["flops"]
    points = [
        (variant, cell, found)
        for variant in report.variants
        for cell in report.of(variant.name)
        if (found := achieved(variant, cell)) is not None
    ]
    ridges = [top / bandwidth for top in flops.values()]
    intensities = [found[0] for _, _, found in points] or ridges
    least, most = min([*intensities, *ridges]) / 4, max([*intensities, *ridges]) * 4
    for number, (precision, top) in enumerate(sorted(flops.items(), key=lambda item: item[1])):
        ridge = top / bandwidth
        line = [least * bandwidth / _GIGA, top / _GIGA, top / _GIGA]
        style = ("-", "--", "-.", ":")[number % 4]
        said = f"{precision}: {top / _GIGA:.0f} GFLOP/s ({report.roof['by'].get(precision, '')})"
        axes.plot([least, ridge, most], line, style, color="#4c4c4c", linewidth=1.2, label=said)
    names = [variant.name for variant in report.variants]
    for variant, cell, (intensity, speed) in points:
        colour = COLOURS[names.index(variant.name) % len(COLOURS)]
        axes.plot([intensity], [speed / _GIGA], "o", color=colour)
        said = f" {variant.name}, {words.batch(cell.load.batch)}"
        axes.annotate(said, (intensity, speed / _GIGA), fontsize=6, color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(words("operations a byte"))
    axes.set_ylabel("GFLOP/s")
    axes.legend(fontsize=7, loc="lower right")
