"""Small transformers of diffusers, made from a seed, and how the original files name their parameters."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from tests.packs.diffusion.checkpoints import seeded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor


@cache
def sd3(*, newer: bool = False) -> Any:
    """Return diffusers' transformer of Stable Diffusion 3, or with ``newer`` of 3.5 medium."""
    from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel

    return _whole(
        SD3Transformer2DModel(
            sample_size=16,
            num_layers=3,
            attention_head_dim=16 if newer else 64,
            num_attention_heads=2,
            joint_attention_dim=48,
            caption_projection_dim=32 if newer else 128,
            pooled_projection_dim=40,
            pos_embed_max_size=12,
            dual_attention_layers=(0, 1) if newer else (),
            qk_norm="rms_norm" if newer else None,
        )
    )


@cache
def flux(*, guided: bool = True) -> Any:
    """Return diffusers' transformer of Flux.1 dev, or of schnell."""
    from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel

    return _whole(
        FluxTransformer2DModel(
            num_layers=2,
            num_single_layers=2,
            attention_head_dim=32,
            num_attention_heads=2,
            joint_attention_dim=48,
            pooled_projection_dim=40,
            guidance_embeds=guided,
            axes_dims_rope=(4, 14, 14),
        )
    )


def _whole(network: Any) -> Any:
    network = seeded(network)
    # Whole layers of ones and zeros hide a wrong order.
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "norm_q" in name or "norm_k" in name or "norm_added" in name:
                parameter.copy_(torch.linspace(0.5, 1.5, parameter.numel()))
    return network


def _swapped(tensor: Tensor) -> Tensor:
    return torch.cat(tensor.chunk(2)[::-1])


def sd3_original(tensors: Mapping[str, Tensor], blocks: int) -> dict[str, Tensor]:
    """Rename diffusers' tensors as Stability AI's files do."""
    plain = {
        "pos_embed.proj": "x_embedder.proj",
        "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
        "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
        "context_embedder": "context_embedder",
        "proj_out": "final_layer.linear",
    }
    named = {"pos_embed": tensors["pos_embed.pos_embed"]}
    for ours, theirs in plain.items():
        named |= {f"{theirs}.{leaf}": tensors[f"{ours}.{leaf}"] for leaf in ("weight", "bias")}
    for leaf in ("weight", "bias"):
        named[f"final_layer.adaLN_modulation.1.{leaf}"] = _swapped(tensors[f"norm_out.linear.{leaf}"])
    inner = {
        "attn.to_out.0": "x_block.attn.proj",
        "attn.norm_q": "x_block.attn.ln_q",
        "attn.norm_k": "x_block.attn.ln_k",
        "attn2.to_out.0": "x_block.attn2.proj",
        "attn2.norm_q": "x_block.attn2.ln_q",
        "attn2.norm_k": "x_block.attn2.ln_k",
        "attn.to_add_out": "context_block.attn.proj",
        "attn.norm_added_q": "context_block.attn.ln_q",
        "attn.norm_added_k": "context_block.attn.ln_k",
        "ff.net.0.proj": "x_block.mlp.fc1",
        "ff.net.2": "x_block.mlp.fc2",
        "ff_context.net.0.proj": "context_block.mlp.fc1",
        "ff_context.net.2": "context_block.mlp.fc2",
        "norm1.linear": "x_block.adaLN_modulation.1",
        "norm1_context.linear": "context_block.adaLN_modulation.1",
    }
    fused = {
        "x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
        "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
        "context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    }
    named |= _blocks(tensors, blocks, "transformer_blocks", "joint_blocks", inner, fused)
    for leaf in ("weight", "bias"):
        last = f"joint_blocks.{blocks - 1}.context_block.adaLN_modulation.1.{leaf}"
        named[last] = _swapped(named[last])
    return named


def flux_original(tensors: Mapping[str, Tensor], doubles: int, singles: int) -> dict[str, Tensor]:
    """Rename diffusers' tensors as Black Forest Labs' files do."""
    plain = {"x_embedder": "img_in", "context_embedder": "txt_in", "proj_out": "final_layer.linear"}
    for ours, theirs in (("timestep", "time_in"), ("text", "vector_in"), ("guidance", "guidance_in")):
        plain[f"time_text_embed.{ours}_embedder.linear_1"] = f"{theirs}.in_layer"
        plain[f"time_text_embed.{ours}_embedder.linear_2"] = f"{theirs}.out_layer"
    named = {}
    for ours, theirs in plain.items():
        for leaf in ("weight", "bias"):
            if f"{ours}.{leaf}" in tensors:
                named[f"{theirs}.{leaf}"] = tensors[f"{ours}.{leaf}"]
    for leaf in ("weight", "bias"):
        named[f"final_layer.adaLN_modulation.1.{leaf}"] = _swapped(tensors[f"norm_out.linear.{leaf}"])
    double = {
        "norm1.linear": "img_mod.lin",
        "norm1_context.linear": "txt_mod.lin",
        "attn.norm_q": "img_attn.norm.query_norm",
        "attn.norm_k": "img_attn.norm.key_norm",
        "attn.norm_added_q": "txt_attn.norm.query_norm",
        "attn.norm_added_k": "txt_attn.norm.key_norm",
        "attn.to_out.0": "img_attn.proj",
        "attn.to_add_out": "txt_attn.proj",
        "ff.net.0.proj": "img_mlp.0",
        "ff.net.2": "img_mlp.2",
        "ff_context.net.0.proj": "txt_mlp.0",
        "ff_context.net.2": "txt_mlp.2",
    }
    fused = {
        "img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
        "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    }
    single = {
        "norm.linear": "modulation.lin",
        "attn.norm_q": "norm.query_norm",
        "attn.norm_k": "norm.key_norm",
        "proj_out": "linear2",
    }
    joined = {"linear1": ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")}
    named |= _blocks(tensors, doubles, "transformer_blocks", "double_blocks", double, fused)
    named |= _blocks(tensors, singles, "single_transformer_blocks", "single_blocks", single, joined)
    return {name.replace("_norm.weight", "_norm.scale"): tensor for name, tensor in named.items()}


def _blocks(
    tensors: Mapping[str, Tensor],
    count: int,
    ours: str,
    theirs: str,
    inner: Mapping[str, str],
    fused: Mapping[str, tuple[str, ...]],
) -> dict[str, Tensor]:
    named = {}
    for index in range(count):
        for leaf in ("weight", "bias"):
            for one, other in inner.items():
                if (name := f"{ours}.{index}.{one}.{leaf}") in tensors:
                    named[f"{theirs}.{index}.{other}.{leaf}"] = tensors[name]
            for other, parts in fused.items():
                names = [f"{ours}.{index}.{part}.{leaf}" for part in parts]
                if names[0] in tensors:
                    named[f"{theirs}.{index}.{other}.{leaf}"] = torch.cat([tensors[name] for name in names])
    return named


@cache
def t5(*, gated: bool = True) -> Any:
    """Return transformers' encoder of T5, of a few tokens."""
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=64,
        d_model=48,
        d_kv=12,
        d_ff=96,
        num_layers=2,
        num_heads=4,
        relative_attention_num_buckets=8,
        feed_forward_proj="gated-gelu" if gated else "relu",
        dropout_rate=0.0,
    )
    network = T5EncoderModel(config)
    seeded(network)
    network.shared.weight.data = torch.randn(64, 48, generator=torch.Generator().manual_seed(1))
    network.encoder.embed_tokens = network.shared
    return network.eval()


def save_t5_tokenizer(path: Path) -> Path:
    """Write a tokenizer of T5's kind that knows a few words, some of them in pieces."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["▁a", "▁photo", "▁of", "▁cat", "▁dog", "▁", "s", "▁in", "▁the", "▁rain"]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(word, -float(place + 1)) for place, word in enumerate(words)]
    backend = Tokenizer(models.Unigram(pieces, 2, byte_fallback=False))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    backend.save(str(path))
    return path


@cache
def vae16() -> Any:
    """Return diffusers' autoencoder of 16 latent channels, without convolutions around the latent."""
    from diffusers import AutoencoderKL

    return seeded(
        AutoencoderKL(
            block_out_channels=(32, 32, 64),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            latent_channels=16,
            use_quant_conv=False,
            use_post_quant_conv=False,
            scaling_factor=0.3611,
            shift_factor=0.1159,
        )
    )


@cache
def clip_l() -> Any:
    """Return transformers' text model of CLIP, narrow, with all of its tokens."""
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        hidden_size=40,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=1,
        eos_token_id=49407,
        bos_token_id=49406,
        pad_token_id=49407,
    )
    return seeded(CLIPTextModel(config))
