"""Load ControlNets and T2I-adapters from files: headers at once, weights when they are first used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inhouse.errors import ModelUnsupportedError, NodeInputError
from inhouse.models.detection import Family, detect, unsupported
from inhouse.models.formats import open_model
from inhouse.packs.diffusion.assembly import Placement, handle_of, read_spec
from inhouse.packs.diffusion.control_names import adapter_from_original, control_net_from_diffusers, without_prefix
from inhouse.packs.diffusion.control_net import Adapter, ControlNet
from inhouse.packs.diffusion.networks.control_net import ControlNetSpec, ControlNetwork
from inhouse.packs.diffusion.weights import Weights, shapes, weights_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import nn

    from inhouse.models.detection import Shapes
    from inhouse.packs.diffusion.control import ControlModel
    from inhouse.packs.diffusion.unet import DiffusionModel

    Build = Callable[[str, Weights, Placement, DiffusionModel | None], ControlModel]

DIFFERENCE = "difference"
"""The mark of a file that holds the difference to a model's own weights."""
_POOLED = "_shuffle"
_UNION = "task_embedding"
_DEFAULT = Placement()


def load_control_net(path: Path, placement: Placement = _DEFAULT, model: DiffusionModel | None = None) -> ControlModel:
    """Load a ControlNet or a T2I-adapter.

    Args:
        path: a .safetensors file.
        placement: where it computes.
        model: what a file that holds differences is a difference to.

    Raises:
        ModelError: it is missing, damaged, a pickle, or nothing that steers a model.
        NodeInputError: it holds differences, and no model was given.

    """
    weights = without_prefix(weights_of([open_model(path)]))
    family = detect(shapes(weights), FAMILIES)
    if family is None:
        raise unsupported(path.name, "a ControlNet or a T2I-adapter", shapes(weights))
    return family.build(path.name, weights, placement, model)


def _control_net(name: str, weights: Weights, placement: Placement, model: DiffusionModel | None) -> ControlNet:
    spec = read_spec(weights, ControlNetSpec.from_shapes)
    if "lora_controlnet" in weights:
        raise ModelUnsupportedError(
            f"{name} is a Control-LoRA, which is not supported.", hint="Use the whole ControlNet that it was made of."
        )
    handle = handle_of(lambda: ControlNetwork(spec), weights, placement)
    if DIFFERENCE in weights:
        if model is None:
            raise NodeInputError(
                f"{name} holds the difference to a model.",
                hint="Load it with DiffControlNetLoader.",
                input_name="control_net_name",
            )
        base = model.network
        handle = handle.derived(lambda network: _on_top_of(network, base.get()))
    pooled = name.rpartition(".")[0].endswith(_POOLED)
    return ControlNet(name, handle, spec, placement.dtype, placement.device, pooled, placement.batches)


def _from_diffusers(name: str, weights: Weights, placement: Placement, model: DiffusionModel | None) -> ControlNet:
    if _UNION in weights:
        raise ModelUnsupportedError(
            f"{name} is a union of several ControlNets, which is not supported.",
            hint="Use one for the kind of picture.",
        )
    return _control_net(name, control_net_from_diffusers(weights), placement, model)


def _on_top_of(network: ControlNetwork, base: nn.Module) -> ControlNetwork:
    """Return a network of differences with the parameters of the same names of another added."""
    import copy

    from inhouse.packs.diffusion.beside import folded

    whole, known = copy.deepcopy(network), dict(base.named_parameters())
    for name, parameter in whole.named_parameters():
        if name in known and known[name].shape == parameter.shape:
            parameter.data += folded(base, name).to(parameter)
    return whole


def _adapter(name: str, weights: Weights, placement: Placement, _: DiffusionModel | None) -> Adapter:
    shaped = shapes(weights)
    light = "adapter.body.0.resnets.1.block2.weight" in shaped and "adapter.conv_in.weight" not in shaped
    taken = shaped["adapter.body.0.in_conv.weight" if light else "adapter.conv_in.weight"][1]
    wide = taken % 256 == 0
    channels = tuple(_adapter_channels(shaped, light=light))
    blocks = sum(name.startswith("adapter.body.0.resnets.") and name.endswith("block1.weight") for name in shaped)

    def make() -> nn.Module:
        from diffusers.models.adapter import T2IAdapter

        kind = "light_adapter" if light else "full_adapter_xl" if wide else "full_adapter"
        levels = [channels[0], *channels[1:]] if not light else list(channels[:-1])
        adapter: nn.Module = T2IAdapter(taken // (256 if wide else 64), levels, blocks, 16 if wide else 8, kind)
        return adapter

    return Adapter(
        name,
        handle_of(make, weights, replace(placement, rounded=None)),
        picture_channels=taken // (256 if wide else 64),
        places=(3, 5, 8, None) if wide else (2, 5, 8, 11),
        channels=channels,
        dtype=placement.dtype,
        device=placement.device,
    )


def _adapter_channels(shaped: Shapes, *, light: bool) -> list[int]:
    last = "out_conv.weight" if light else "resnets.0.block1.weight"
    levels = sorted(name for name in shaped if name.startswith("adapter.body.") and name.endswith(last))
    return [shaped[name][0] for name in levels]


def _original_adapter(name: str, weights: Weights, placement: Placement, model: DiffusionModel | None) -> Adapter:
    return _adapter(name, adapter_from_original(weights), placement, model)


def _any_of(*marks: str) -> Callable[[Shapes], bool]:
    return lambda shapes: any(mark in shapes for mark in marks)


FAMILIES: tuple[Family[Build], ...] = (
    Family("controlnet", "ControlNet", _any_of("zero_convs.0.0.weight"), _control_net),
    Family("controlnet", "ControlNet", _any_of("controlnet_cond_embedding.conv_in.weight"), _from_diffusers),
    Family("t2i", "T2I-adapter", _any_of("adapter.body.0.resnets.0.block1.weight"), _adapter),
    Family("t2i", "T2I-adapter", _any_of("body.0.block1.weight", "body.0.body.0.block1.weight"), _original_adapter),
)
"""What steers models, by names that only it has."""
