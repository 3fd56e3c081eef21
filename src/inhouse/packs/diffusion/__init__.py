"""Stable Diffusion and its kin: loading, text, sampling, latents. The thin nodes over it lie in ``nodes``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from inhouse.engine.node import NodeSpec
from inhouse.engine.registry import ChoiceSource
from inhouse.plugins import hookimpl


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the diffusion nodes."""
    from inhouse.packs.diffusion.nodes import conditioning, latents, loaders, sampling, vae

    return [*loaders.NODES, *conditioning.NODES, *latents.NODES, *sampling.NODES, *vae.NODES]


@hookimpl
def register_choices() -> Mapping[str, ChoiceSource]:
    """Return the names of samplers and schedules."""
    from inhouse.packs.diffusion.choices import SAMPLER_NAMES, SCHEDULE_NAMES

    return {
        "samplers": ChoiceSource(lambda _: SAMPLER_NAMES),
        "schedules": ChoiceSource(lambda _: SCHEDULE_NAMES),
    }


@hookimpl
def register_comfy_members() -> Mapping[str, Mapping[str, object]]:
    """Return sampling as custom ComfyUI packs call it."""
    from inhouse.packs.diffusion.comfy_calls import MEMBERS

    return MEMBERS


@hookimpl
def register_templates() -> Path:
    """Return the folder of ready-made diffusion workflows."""
    return Path(__file__).parent / "templates"
