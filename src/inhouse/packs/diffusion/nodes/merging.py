"""Nodes that mix two models into one."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any

from inhouse import NodeSpec, Range, node
from inhouse.engine.sockets import InputSpec
from inhouse.engine.types import WireType
from inhouse.packs.diffusion.wires import Clip, Model

CATEGORY = "advanced/model_merging"
Ratio = Annotated[float, Range(0, 1, step=0.01)]
Factor = Annotated[float, Range(0, 10, step=0.01)]
Multiplier = Annotated[float, Range(-10, 10, step=0.01)]


@node("ModelMergeSimple", category=CATEGORY)
def merge(*, model1: Model, model2: Model, ratio: Ratio = 1.0) -> Model:
    """Mix two models, a share of the first with the rest of the second."""
    from inhouse.packs.diffusion import merging

    return merging.merge_models(model1, model2, merging.interpolated(ratio))


@node("ModelMergeBlocks", category=CATEGORY)
def merge_blocks(
    *,
    model1: Model,
    model2: Model,
    input: Ratio = 1.0,  # noqa: A002 - on the wire
    middle: Ratio = 1.0,
    out: Ratio = 1.0,
) -> Model:
    """Mix two models with a share of the first for each part of the U."""
    from inhouse.packs.diffusion import merging

    ratios = {"input": input, "middle": middle, "out": out}
    return merging.merge_models(model1, model2, merging.interpolated(ratios))


@node("ModelMergeAdd", category=CATEGORY)
def add(*, model1: Model, model2: Model) -> Model:
    """Add the weights of two models, of which one is usually a difference."""
    from inhouse.packs.diffusion import merging

    return merging.merge_models(model1, model2, merging.summed)


@node("ModelMergeSubtract", category=CATEGORY)
def subtract(*, model1: Model, model2: Model, multiplier: Multiplier = 1.0) -> Model:
    """Tell what the first model has more than the second, scaled."""
    from inhouse.packs.diffusion import merging

    return merging.merge_models(model1, model2, merging.difference(multiplier))


@node("CLIPMergeSimple", category=CATEGORY)
def merge_clip(*, clip1: Clip, clip2: Clip, ratio: Ratio = 1.0) -> Clip:
    """Mix two text encoders, a share of the first with the rest of the second."""
    from inhouse.packs.diffusion import merging

    mix = merging.interpolated(ratio)
    return clip1.with_models(merging.merge_text_models(clip1.models, clip2.models, mix))


@node("CLIPMergeAdd", category=CATEGORY)
def add_clip(*, clip1: Clip, clip2: Clip) -> Clip:
    """Add the weights of two text encoders."""
    from inhouse.packs.diffusion import merging

    return clip1.with_models(merging.merge_text_models(clip1.models, clip2.models, merging.summed))


@node("CLIPMergeSubtract", category=CATEGORY)
def subtract_clip(*, clip1: Clip, clip2: Clip, multiplier: Multiplier = 1.0) -> Clip:
    """Tell what the first text encoder has more than the second, scaled."""
    from inhouse.packs.diffusion import merging

    mix = merging.difference(multiplier)
    return clip1.with_models(merging.merge_text_models(clip1.models, clip2.models, mix))


@node("CLIPAttentionMultiply", category="_for_testing/attention_experiments", flags={"experimental": True})
def multiply_clip(*, clip: Clip, q: Factor = 1.0, k: Factor = 1.0, v: Factor = 1.0, out: Factor = 1.0) -> Clip:
    """Multiply the parts of a text encoder's attention."""
    from inhouse.packs.diffusion import merging

    factors = {f".self_attn.{name}_proj.": factor for name, factor in (("q", q), ("k", k), ("v", v), ("out", out))}
    return clip.with_models(merging.scaled_text_models(clip.models, factors))


def _numbered(name: str, count: int, end: str = ".") -> tuple[str, ...]:
    return tuple(f"{name}{index}{end}" for index in range(count))


_U = ("time_embed.", "label_emb.")
_SD1 = (
    *(*_U, *_numbered("input_blocks.", 12), *_numbered("middle_block.", 3)),
    *(*_numbered("output_blocks.", 12), "out."),
)
_XL = (
    *(*_U, *_numbered("input_blocks.", 9, ""), *_numbered("middle_block.", 3, "")),
    *(*_numbered("output_blocks.", 9, ""), "out."),
)
BLOCKS = MappingProxyType(
    {
        "ModelMergeSD1": _SD1,
        "ModelMergeSD2": _SD1,
        "ModelMergeSDXL": _XL,
    }
)
"""Nodes with a share of the first model for each of these beginnings of names."""


def _merge_named(*, model1: Any, model2: Any, **ratios: float) -> Any:
    from inhouse.packs.diffusion import merging

    return merging.merge_models(model1, model2, merging.interpolated(ratios))


def _block_node(node_id: str, names: tuple[str, ...]) -> NodeSpec:
    """Return a node whose inputs have dots in their names, as no parameter of a function can."""
    ratios = [InputSpec(name, WireType.parse("FLOAT"), default=1.0, range=Range(0, 1, step=0.01)) for name in names]
    models = [InputSpec(name, WireType.parse("MODEL")) for name in ("model1", "model2")]
    return NodeSpec(
        id=node_id,
        function=_merge_named,
        inputs=MappingProxyType({declared.name: declared for declared in (*models, *ratios)}),
        outputs=merge.outputs,
        category=f"{CATEGORY}/model_specific",
        display_name=node_id,
        description="Mix two models with a share of the first for each block.",
    )


NODES = [
    merge,
    merge_blocks,
    add,
    subtract,
    merge_clip,
    add_clip,
    subtract_clip,
    multiply_clip,
    *(_block_node(node_id, names) for node_id, names in BLOCKS.items()),
]
