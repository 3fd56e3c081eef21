"""A plain diffusers pipeline with the weights of a checkpoint in the original layout, to compare with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from inhouse.packs.diffusion.names import diffusers_unet_name, unet_prefixes_of_spec, vae_from_diffusers
from inhouse.packs.diffusion.networks.unet import UNetSpec
from inhouse.packs.diffusion.text.tokenizer import END_TOKEN, START_TOKEN, load_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

LENGTH = 77


class PeerTokenizer:
    """Our tokens under the name that the pipeline calls; its own vocabulary is not in its package."""

    model_max_length = LENGTH

    def __call__(self, text: str | list[str], **_: object) -> SimpleNamespace:
        """Return the padded ids of texts."""
        rows = [self._row(one) for one in ([text] if isinstance(text, str) else text)]
        return SimpleNamespace(input_ids=torch.tensor(rows), attention_mask=None)

    def tokenize(self, text: str) -> list[str]:
        """Return nothing in which the pipeline could find a textual inversion."""
        del text
        return []

    def _row(self, text: str) -> list[int]:
        ids = [START_TOKEN, *load_tokenizer().encode(text)[: LENGTH - 2], END_TOKEN]
        return ids + [END_TOKEN] * (LENGTH - len(ids))


def pipeline(path: Path) -> Any:
    """Return the pipeline, in float32, with Euler's sampler."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

    tensors = load_file(path)
    found = StableDiffusionPipeline(
        vae=_vae(_part(tensors, "first_stage_model.")),
        text_encoder=_text(_part(tensors, "cond_stage_model.transformer.")),
        tokenizer=PeerTokenizer(),
        unet=_unet(_part(tensors, "model.diffusion_model.")),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    found.set_progress_bar_config(disable=True)
    return found


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t.float() for name, t in tensors.items() if name.startswith(prefix)}


def _unet(tensors: dict[str, Tensor]) -> Any:
    from diffusers import UNet2DConditionModel

    spec = UNetSpec.from_shapes({name: tuple(t.shape) for name, t in tensors.items()}, head_channels=None)
    levels: list[list[Any]] = [[]]
    for block in spec.input[1:]:
        if block.resample == "down":
            levels.append([])
        else:
            levels[-1].append(block)
    attended = [bool(level[0].depth) for level in levels]
    network = UNet2DConditionModel(
        block_out_channels=tuple(level[0].out_channels for level in levels),
        layers_per_block=len(levels[0]),
        cross_attention_dim=spec.context,
        attention_head_dim=8,  # by which diffusers means the number of heads
        down_block_types=tuple("CrossAttnDownBlock2D" if yes else "DownBlock2D" for yes in attended),
        up_block_types=tuple("CrossAttnUpBlock2D" if yes else "UpBlock2D" for yes in reversed(attended)),
    )
    inverse = {ours: theirs for theirs, ours in unet_prefixes_of_spec(spec).items()}
    split = (name.rpartition(".") for name in tensors)
    names = {f"{diffusers_unet_name(layer, inverse)}.{leaf}": f"{layer}.{leaf}" for layer, _, leaf in split}
    network.load_state_dict({theirs: tensors[ours] for theirs, ours in names.items()})
    return network.eval()


def _vae(tensors: dict[str, Tensor]) -> Any:
    from diffusers import AutoencoderKL

    network = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )
    wanted: dict[str, Tensor] = network.state_dict()
    names: Any = {name: name for name in wanted}  # they stand for the weights that are renamed
    renamed: dict[str, Any] = dict(vae_from_diffusers(names))
    network.load_state_dict({theirs: tensors[ours].reshape(wanted[theirs].shape) for ours, theirs in renamed.items()})
    return network.eval()


def _text(tensors: dict[str, Tensor]) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    sizes = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12}
    network = CLIPTextModel(CLIPTextConfig(**sizes, projection_dim=768))
    if not any(name.startswith("text_model.") for name in network.state_dict()):
        tensors = {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}
    missing = network.load_state_dict(tensors, strict=False).missing_keys
    if missing:
        raise SystemExit(f"The text encoder lacks {missing}.")
    return network.eval()
