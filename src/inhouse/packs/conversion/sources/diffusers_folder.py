"""Parts of diffusion models as diffusers saves them: UNets and autoencoders, a folder each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from inhouse.errors import ModelFormatError, ModelUnsupportedError
from inhouse.models.signature import BATCH, TensorSpec
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources.modules import frozen
from inhouse.packs.conversion.sources.request import Request, files_of, must_fit, read_json, weights_size
from inhouse.packs.conversion.sources.samples import read_tensors
from inhouse.packs.conversion.sources.transformers_folder import build, random_rows

if TYPE_CHECKING:
    from torch import Tensor, nn

_ROWS = 8
_TOKENS = 77
_STEPS = 999


class Denoiser(torch.nn.Module):
    """A UNet as a function of tensors: latents, steps, text states (and what SDXL adds) in, predictions out."""

    def __init__(self, unet: nn.Module, *, adds: bool) -> None:
        super().__init__()
        self.unet = unet
        self._adds = adds

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, *more: Tensor) -> Tensor:
        """Predict."""
        added = {"text_embeds": more[0], "time_ids": more[1]} if self._adds else None
        told = {"added_cond_kwargs": added} if added else {}
        out: Tensor = self.unet(sample, timestep, encoder_hidden_states, **told, return_dict=False)[0]
        return out


class Decoder(torch.nn.Module):
    """An autoencoder's second half: latents in, pictures out."""

    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, latents: Tensor) -> Tensor:
        """Decode."""
        out: Tensor = self.vae.decode(latents, return_dict=False)[0]  # type: ignore[operator] # its method
        return out


def open_source(request: Request) -> SourceModel:
    """Open a folder of one part of a diffusion model.

    Raises:
        ModelUnsupportedError: it is a whole pipeline, or another part.
        ModelFormatError: it is damaged.
        ModelTooLargeError: memory would not do.

    """
    if not (request.path / "config.json").is_file():
        parts = ", ".join(sorted(f.parent.name for f in request.path.glob("*/config.json"))) or "none here"
        raise ModelUnsupportedError(
            f"{request.name} is a whole pipeline; its parts are converted one at a time.",
            hint=f"Give one of its folders: {parts}.",
        )
    config = read_json(request.path / "config.json")
    name = str(config.get("_class_name"))
    if name not in _PARTS:
        raise ModelUnsupportedError(
            f"{request.name} is a {name}, which is not converted.", hint=f"There are: {', '.join(_PARTS)}."
        )
    must_fit(weights_size(files_of(request.path), (".safetensors",)), request.name, request.memory)
    return _PARTS[name](request, config, _load(request, name))


def _load(request: Request, name: str) -> nn.Module:
    import diffusers

    try:
        model: nn.Module = getattr(diffusers, name).from_pretrained(
            request.path,
            local_files_only=True,
            use_safetensors=True,
            torch_dtype=torch.float32,
            low_cpu_mem_usage=False,
        )
    except Exception as error:  # diffusers raises whatever it meets
        line = (str(error).strip().splitlines() or ["no reason given"])[0][:200]
        raise ModelFormatError(f"{request.name} cannot be loaded: {line}", hint="Download the whole folder.") from error
    if hasattr(model, "set_attn_processor"):
        from diffusers.models.attention_processor import AttnProcessor

        model.set_attn_processor(AttnProcessor())  # type: ignore[operator] # attention written out, which runtimes fuse
    return model


def _unet(request: Request, config: dict[str, Any], model: nn.Module) -> SourceModel:
    side, channels = int(config.get("sample_size") or 64), int(config.get("in_channels") or 4)
    width = config.get("cross_attention_dim")
    width = int(width[0] if isinstance(width, list) else width or 768)
    inputs = [
        TensorSpec("sample", "float32", (BATCH, channels, side, side)),
        TensorSpec("timestep", "int64", (BATCH,)),
        TensorSpec("encoder_hidden_states", "float32", (BATCH, _TOKENS, width)),
    ]
    adds = config.get("addition_embed_type") == "text_time"
    if adds:
        pooled = int(config["projection_class_embeddings_input_dim"]) - 6 * int(config["addition_time_embed_dim"])
        inputs.append(TensorSpec("text_embeds", "float32", (BATCH, pooled)))
        inputs.append(TensorSpec("time_ids", "float32", (BATCH, 6)))
    return _part(request, Denoiser(model, adds=adds), tuple(inputs), "prediction", {"timestep": (0, _STEPS)})


def _vae(request: Request, config: dict[str, Any], model: nn.Module) -> SourceModel:
    shrink = 2 ** (len(config.get("block_out_channels") or (1,)) - 1)
    side = max(1, int(config.get("sample_size") or 512) // shrink)
    channels = int(config.get("latent_channels") or 4)
    inputs = (TensorSpec("latents", "float32", (BATCH, channels, side, side)),)
    return _part(request, Decoder(model), inputs, "pictures", {})


def _part(
    request: Request,
    module: nn.Module,
    inputs: tuple[TensorSpec, ...],
    output: str,
    values: dict[str, tuple[float, float]],
) -> SourceModel:
    given = request.data
    return build(
        request,
        frozen(module),
        format_="diffusers",
        task="diffusion",
        inputs=inputs,
        outputs=(output,),
        samples=read_tensors(given, inputs) if given is not None else random_rows(inputs, {}),
        limits={BATCH: (1, _ROWS)},
        values=values,
    )


_PARTS = {"UNet2DConditionModel": _unet, "AutoencoderKL": _vae}
