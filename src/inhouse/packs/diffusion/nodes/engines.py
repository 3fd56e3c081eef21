"""Nodes that choose how a model is computed: its attention, and the runtime that runs it."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Annotated

from inhouse import Choices, Context, node
from inhouse.backends.attention import AUTO, NAMES
from inhouse.backends.compute import Compute
from inhouse.packs.diffusion.wires import Model

if TYPE_CHECKING:
    from inhouse.packs.diffusion.engines.base import Engine

_log = logging.getLogger(__name__)


@node("ModelAttention", category="model_patches/engines", display_name="Model Attention")
def model_attention(
    *, model: Model, attention: Annotated[str, Choices((AUTO, *NAMES))] = AUTO, context: Context
) -> Model:
    """Choose the implementation of attention; all give the same up to rounding, at other times and other memory."""
    from inhouse.packs.diffusion.attention import attention_of

    return model.with_attention(attention_of(context.service(Compute), model.device, attention))


@node("TorchCompileModel", category="_for_testing", flags={"experimental": True})
def torch_compile_model(
    *, model: Model, backend: Annotated[str, Choices(("inductor", "cudagraphs"))], context: Context
) -> Model:
    """Run a model as torch compiles it: slower to start, faster a step; where it cannot be, the model runs as it is."""
    from inhouse.packs.diffusion.engines.torch_compile import TorchCompile

    return _run_by(TorchCompile(backend, model.device), model, context)


@node("ModelEngine", category="model_patches/engines", display_name="Model Engine")
def model_engine(
    *, model: Model, engine: Annotated[str, Choices(("openvino", "onnxruntime"))], context: Context
) -> Model:
    """Run a model by another runtime: it is exported once and kept; where it cannot be, the model runs as it is."""
    from inhouse.packs.diffusion.engines.registry import ENGINES

    return _run_by(ENGINES[engine](model.device), model, context)


def _run_by(engine: Engine, model: Model, context: Context) -> Model:
    from inhouse.packs.diffusion.engines.base import EngineNetwork

    if context.service(Compute).reference:
        _log.warning("Engine %s is not used: a reference run computes everything with torch.", engine.name)
        return model
    if reason := engine.lacking():
        _log.warning("Engine %s is not used, the network itself runs: %s.", engine.name, reason)
        return model
    return model.with_engine(partial(EngineNetwork, engine=engine))


NODES = [model_attention, torch_compile_model, model_engine]
