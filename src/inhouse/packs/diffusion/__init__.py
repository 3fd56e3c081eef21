"""Stable Diffusion and its kin: loading, text, sampling, latents. The thin nodes over it lie in ``nodes``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.engine.node import NodeSpec
from inhouse.engine.registry import ChoiceSource
from inhouse.plugins import hookimpl

if TYPE_CHECKING:
    from inhouse.plugins import ComfyValue

NODE_MODULES = (
    "loaders",
    "conditioning",
    "text",
    "latents",
    "sampling",
    "vae",
    "control",
    "inpainting",
    "custom_sampling",
    "custom_samplers",
    "guiders",
    "sigmas",
    "noises",
    "merging",
    "saving",
    "model_sampling",
    "model_patches",
    "precision",
    "guidance",
    "transformers",
    "engines",
)
"""Modules of ``nodes``; each has its nodes in ``NODES``."""


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the diffusion nodes."""
    from importlib import import_module

    modules = (import_module(f"{__name__}.nodes.{name}") for name in NODE_MODULES)
    return [spec for module in modules for spec in module.NODES]


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
def register_comfy_values() -> Mapping[str, ComfyValue]:
    """Return models and guiders as custom ComfyUI packs hold them."""
    from inhouse.packs.diffusion.comfy_values import VALUES

    return VALUES


@hookimpl
def register_templates() -> Path:
    """Return the folder of ready-made diffusion workflows."""
    return Path(__file__).parent / "templates"
