"""Nodes that make a model faster: fused operations, fewer bits, and the fastest route of all."""

from __future__ import annotations

from typing import Annotated

from inhouse import Choices, Context, Output, Range, node
from inhouse.packs.conversion.wires import Draft, Source
from inhouse.packs.conversion.workshop import Workshop

_CATEGORY = "conversion"
PRECISIONS = ("fp32", "bf16", "fp16", "int8", "int4")


@node("OptimizeModel", category=_CATEGORY, display_name="Optimize Model", cacheable=False)
def optimize_model(*, draft: Draft) -> Annotated[Draft, Output("draft")]:
    """Fuse operations and choose the runtime's settings, as far as answers stay and time is saved."""
    from inhouse.packs.conversion.optimising import optimise

    return optimise(draft)


@node("QuantizeModel", category=_CATEGORY, display_name="Quantize Model", cacheable=False)
def quantize_model(
    *,
    draft: Draft,
    precision: Annotated[str, Choices(PRECISIONS)] = "int8",
    max_drop: Annotated[float, Range(0.0, 1.0, step=0.001)] = 0.01,
) -> Annotated[Draft, Output("draft")]:
    """Use fewer bits; layers that would cost more accuracy than allowed go back to what they were."""
    from inhouse.packs.conversion.model import Metric
    from inhouse.packs.conversion.quantising import quantise

    return quantise(draft, precision, Metric(draft.source.metric, max_drop))  # type: ignore[arg-type] # a choice


@node("ConvertFastest", category=_CATEGORY, display_name="Convert By The Fastest Route", cacheable=False)
def convert_fastest(
    *,
    source: Source,
    precision: Annotated[str, Choices(PRECISIONS)] = "int8",
    max_drop: Annotated[float, Range(0.0, 1.0, step=0.001)] = 0.01,
    threads: Annotated[int, Range(0, 1024)] = 0,
    context: Context,
) -> Annotated[Draft, Output("draft")]:
    """Try every route that this machine has, and take the fastest that keeps the accuracy."""
    from inhouse.packs.conversion.choosing import fastest
    from inhouse.packs.conversion.model import Metric

    folder = (context.find(Workshop) or Workshop()).draft_folder(source)
    metric = Metric(source.metric, max_drop)
    return fastest(source, folder, precision, metric, threads=threads)  # type: ignore[arg-type] # a choice


NODES = (optimize_model, quantize_model, convert_fastest)
