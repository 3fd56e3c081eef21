"""A picture of a profile: when each node ran, what it was at, and how long its steps took."""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inhouse.backends.memory import said
from inhouse.errors import OutputError

if TYPE_CHECKING:
    from inhouse.backends.profile import Profile, Span

FORMATS = ("png", "svg", "pdf")

_COLOURS = MappingProxyType(
    {"load": "#c9a227", "text": "#5b8e7d", "steps": "#3d6fb6", "vae": "#b5524a", "control": "#7a5ba8", "": "#d9d9d9"}
)
_UNNAMED = "#888888"


def check_format(form: str) -> None:
    """Say whether a profile could be drawn in a format.

    Raises:
        OutputError: it is none of `FORMATS`.

    """
    if form not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise OutputError(f"A profile cannot be drawn as .{form}.", hint=f"End the file's name in {known} or .json.")


def draw(profile: Profile, names: Mapping[str, str], form: str) -> bytes:
    """Return a picture: a bar for each node over time, its stages in it, a tick for each step, its memory beside it.

    Args:
        profile: what was recorded.
        names: of the nodes, by id.
        form: one of `FORMATS`.

    Raises:
        OutputError: the format is none of these, or what draws is not installed.

    """
    check_format(form)
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise OutputError("Matplotlib is not installed.", hint="pip install 'inhouse[plots]'") from error
    nodes = [span for span in profile.spans if not span.stage]
    figure = Figure(figsize=(10, 1.6 + 0.45 * max(1, len(nodes))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    rows = {span.node_id: row for row, span in enumerate(nodes)}
    for span in sorted(profile.spans, key=lambda span: bool(span.stage)):
        _bar(axes, rows[span.node_id], span)
    for span in nodes:
        _beside(axes, rows[span.node_id], span, profile.steps.get(span.node_id, []))
    _label(axes, [names.get(span.node_id, span.node_id) for span in nodes], profile)
    picture = io.BytesIO()
    figure.savefig(picture, format=form, dpi=150)
    return picture.getvalue()


def _bar(axes: Any, row: int, span: Span) -> None:
    height = 0.5 if span.stage else 0.7
    colour = _COLOURS.get(span.stage, _UNNAMED)
    axes.broken_barh([(span.start, span.seconds)], (row - height / 2, height), facecolors=colour)


def _beside(axes: Any, row: int, span: Span, steps: list[float]) -> None:
    """Mark a node's steps, and write its figures behind its bar."""
    axes.vlines(steps, row - 0.35, row + 0.35, colors="white", linewidth=0.8)
    words = [f"{span.seconds:.2f} s"]
    between = sorted(later - before for before, later in pairwise(steps))
    if between:
        words.append(f"{between[len(between) // 2]:.3f} s a step")
    if span.peak_bytes:
        words.append(said(span.peak_bytes))
    axes.text(span.start + span.seconds, row, "  " + ", ".join(words), va="center", fontsize=8)


def _label(axes: Any, names: list[str], profile: Profile) -> None:
    from matplotlib.patches import Patch

    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    axes.margins(x=0)
    end = max((span.start + span.seconds for span in profile.spans), default=1.0)
    axes.set_xlim(0, end * 1.35)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    shown = [*dict.fromkeys(span.stage for span in profile.spans if span.stage)]
    patches = [Patch(color=_COLOURS.get(name, _UNNAMED), label=name) for name in shown]
    axes.legend(handles=[*patches, Patch(color=_COLOURS[""], label="other")], fontsize=8, loc="lower right")
