"""The second set of golden models: LoRAs of every kind, under every style of names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import torch
from tests.golden.shapes import Tensors
from torch import Tensor

Layer: TypeAlias = "tuple[str, int, int, float]"
"""A layer's name, its output and input channels, the gain that its weight was drawn with."""

BLOCK = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_"
LINEAR: list[Layer] = [
    ("attn1_to_q", 320, 320, 1.3),
    ("attn1_to_out_0", 320, 320, 1.0),
    ("attn2_to_k", 320, 768, 1.3),
    ("attn2_to_v", 320, 768, 1.0),
    ("ff_net_0_proj", 2560, 320, 1.0),
    ("ff_net_2", 320, 1280, 1.0),
]
TEXT: list[Layer] = [
    ("self_attn_q_proj", 768, 768, 1.5),
    ("self_attn_v_proj", 768, 768, 0.8),
    ("mlp_fc1", 3072, 768, 1.0),
    ("mlp_fc2", 768, 3072, 0.8),
]
CONVOLUTIONS: list[Layer] = [
    ("down_blocks_0_resnets_0_conv1", 320, 320, 1.4),
    ("down_blocks_0_resnets_0_conv2", 320, 320, 0.7),
    ("mid_block_resnets_0_conv1", 320, 320, 1.4),
    ("up_blocks_0_resnets_0_conv_shortcut", 320, 640, 1.0),
    ("down_blocks_0_downsamplers_0_conv", 320, 320, 1.0),
]
DOTTED = [("attn1.to_q", 320, 320), ("attn1.to_out.0", 320, 320), ("attn2.to_k", 320, 768), ("attn2.to_v", 320, 768)]
OLD: Mapping[str, Any] = {"alpha": None, "up": "_lora.up.weight", "down": "_lora.down.weight", "spread": 0.2}
LINEAR_LAYER: Mapping[str, Any] = {
    "alpha": None,
    "up": ".lora_linear_layer.up.weight",
    "down": ".lora_linear_layer.down.weight",
    "spread": 0.2,
}
PEFT: Mapping[str, Any] = {"alpha": None, "up": ".lora_B.weight", "down": ".lora_A.weight", "spread": 0.2}


class Drawing:
    """Draws the tensors of a LoRA file one after another from one generator."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.tensors: Tensors = {}

    def normal(self, *shape: int, spread: float = 1.0) -> Tensor:
        return torch.randn(shape, generator=self.generator) * spread

    def lora(
        self,
        name: str,
        out: int,
        in_: int,
        *,
        rank: int = 4,
        alpha: float | None = 2.0,
        kernel: int | None = None,
        up: str = ".lora_up.weight",
        down: str = ".lora_down.weight",
        core: bool = False,
        spread: float = 0.3,
    ) -> None:
        size = kernel or 1
        axes = () if kernel is None else (1, 1)
        if core:
            self.tensors[name + down] = self.normal(rank, in_, 1, 1, spread=1 / math.sqrt(in_))
            mid = self.normal(rank, rank, size, size, spread=1 / size / math.sqrt(rank))
            self.tensors[f"{name}.lora_mid.weight"] = mid
        else:
            inner = () if kernel is None else (size, size)
            self.tensors[name + down] = self.normal(rank, in_, *inner, spread=1 / math.sqrt(in_ * size * size))
        self.tensors[name + up] = self.normal(out, rank, *axes, spread=spread)
        if alpha is not None:
            self.tensors[f"{name}.alpha"] = torch.tensor(alpha)

    def loha(self, name: str, out: int, in_: int, kernel: int | None = None) -> None:
        rank = 4
        for half in "12":
            spread = 0.5 if half == "1" else 1 / math.sqrt(in_ * (kernel or 1))
            if kernel is None:
                self.tensors[f"{name}.hada_w{half}_a"] = self.normal(out, rank, spread=0.5)
            else:
                self.tensors[f"{name}.hada_t{half}"] = self.normal(rank, rank, kernel, kernel, spread=0.5)
                self.tensors[f"{name}.hada_w{half}_a"] = self.normal(rank, out, spread=0.5)
            self.tensors[f"{name}.hada_w{half}_b"] = self.normal(rank, in_, spread=spread)
        self.tensors[f"{name}.alpha"] = torch.tensor(2.0)

    def lokr(self, name: str, out: int, in_: int, *, full: bool) -> None:
        rows, row, rank = 8, in_ // 40, 4
        self.tensors[f"{name}.lokr_w1"] = self.normal(rows, row, spread=0.5)
        if full:
            self.tensors[f"{name}.lokr_w2"] = self.normal(out // rows, in_ // row, spread=0.5 / math.sqrt(in_))
        else:
            self.tensors[f"{name}.lokr_w2_a"] = self.normal(out // rows, rank, spread=0.5)
            self.tensors[f"{name}.lokr_w2_b"] = self.normal(rank, in_ // row, spread=1 / math.sqrt(in_))
        self.tensors[f"{name}.alpha"] = torch.tensor(2.0)

    def dora(self, name: str, out: int, in_: int, gain: float, *, rows: bool, kernel: int | None = None) -> None:
        self.lora(name, out, in_, kernel=kernel)
        axes = () if kernel is None else (1, 1)
        if rows:
            scale = (gain * (1 + self.normal(out, 1, spread=0.3))).reshape(out, 1, *axes)
        else:
            scale = (gain * math.sqrt(out / in_) * (1 + self.normal(1, in_, spread=0.3))).reshape(1, in_, *axes)
        self.tensors[f"{name}.dora_scale"] = scale

    def text(self, prefix: str, width: int, inner: int, layers: Iterable[int]) -> None:
        """Draw every linear layer of some layers of a text model."""
        for layer in layers:
            name = f"{prefix}_text_model_encoder_layers_{layer}_"
            for part in ("q", "k", "v", "out"):
                self.lora(f"{name}self_attn_{part}_proj", width, width)
            self.lora(f"{name}mlp_fc1", inner, width)
            self.lora(f"{name}mlp_fc2", width, inner)

    def block(self, name: str, width: int, numbers: Iterable[int]) -> None:
        """Draw every linear layer of some of SDXL's transformer blocks."""
        for number in numbers:
            inner = f"lora_unet_{name}_transformer_blocks_{number}_"
            for attention, keys in (("attn1", width), ("attn2", 2048)):
                for part, in_ in (("to_q", width), ("to_k", keys), ("to_v", keys), ("to_out_0", width)):
                    self.lora(f"{inner}{attention}_{part}", width, in_)
            self.lora(f"{inner}ff_net_0_proj", 8 * width, width)
            self.lora(f"{inner}ff_net_2", width, 4 * width)


def _locon(d: Drawing) -> None:
    for name, out, in_, _ in LINEAR:
        d.lora(BLOCK + name, out, in_)
    for name, out, in_, _ in CONVOLUTIONS:
        d.lora(f"lora_unet_{name}", out, in_, kernel=1 if "shortcut" in name else 3)
    for name, out, in_, _ in TEXT:
        d.lora(f"lora_te_text_model_encoder_layers_5_{name}", out, in_)


def _locon_mid(d: Drawing) -> None:
    for name, out, in_, _ in CONVOLUTIONS[:3]:
        d.lora(f"lora_unet_{name}", out, in_, kernel=3, core=True)


def _noalpha(d: Drawing) -> None:
    for name, out, in_, _ in LINEAR:
        d.lora(BLOCK + name, out, in_, rank=8, alpha=None, spread=0.2)


def _loha(d: Drawing) -> None:
    for name, out, in_, _ in LINEAR:
        d.loha(BLOCK + name, out, in_)
    for name, out, in_, _ in TEXT:
        d.loha(f"lora_te_text_model_encoder_layers_3_{name}", out, in_)


def _loha_conv(d: Drawing) -> None:
    for name, out, in_, _ in CONVOLUTIONS[:3]:
        d.loha(f"lora_unet_{name}", out, in_, kernel=3)


def _lokr(d: Drawing) -> None:
    for number, (name, out, in_, _) in enumerate(LINEAR[:2] + LINEAR[4:]):
        d.lokr(BLOCK + name, out, in_, full=number % 2 == 0)


def _dora_out(d: Drawing) -> None:
    for name, out, in_, gain in LINEAR:
        d.dora(BLOCK + name, out, in_, gain, rows=True)
    for name, out, in_, gain in CONVOLUTIONS[:2]:
        d.dora(f"lora_unet_{name}", out, in_, gain, rows=True, kernel=3)
    for name, out, in_, gain in TEXT:
        d.dora(f"lora_te_text_model_encoder_layers_7_{name}", out, in_, gain, rows=True)


def _dora_in(d: Drawing) -> None:
    for name, out, in_, gain in LINEAR:
        d.dora(BLOCK + name, out, in_, gain, rows=False)


def _diff(d: Drawing) -> None:
    for name, out, in_, _ in LINEAR[:2]:
        d.tensors[f"{BLOCK}{name}.diff"] = d.normal(out, in_, spread=0.5 / math.sqrt(in_))
    d.tensors[f"{BLOCK}attn1_to_out_0.diff_b"] = d.normal(320, spread=0.3)
    norm = "lora_unet_down_blocks_0_resnets_0_norm1"
    d.tensors[f"{norm}.w_norm"] = d.normal(320, spread=0.2)
    d.tensors[f"{norm}.b_norm"] = d.normal(320, spread=0.2)


def _dotted(d: Drawing, head: str, style: Mapping[str, Any], *, processor: bool = False) -> None:
    for name, out, in_ in DOTTED:
        inner = name.replace(".to_", ".processor.to_").replace("to_out.0", "to_out") if processor else name
        d.lora(f"{head}.{inner}", out, in_, **style)


_DIFFUSERS = "unet.down_blocks.0.attentions.0.transformer_blocks.0"


def _diffusers_processor(d: Drawing) -> None:
    _dotted(d, _DIFFUSERS, OLD, processor=True)
    for name, out, in_, _ in TEXT:
        dotted = name.replace("self_attn_", "self_attn.").replace("mlp_", "mlp.")
        d.lora(f"text_encoder.text_model.encoder.layers.5.{dotted}", out, in_, **LINEAR_LAYER)


def _feed_forward(d: Drawing) -> None:
    d.lora(f"{_DIFFUSERS}.ff.net.0.proj", 2560, 320, **PEFT)
    d.lora(f"{_DIFFUSERS}.ff.net.2", 320, 1280, **PEFT)


def _peft_processor(d: Drawing) -> None:
    _dotted(d, _DIFFUSERS, PEFT, processor=True)
    _feed_forward(d)
    d.lora("text_encoder.text_model.encoder.layers.0.mlp.fc1", 3072, 768, **PEFT)


def _peft_plain(d: Drawing) -> None:
    _dotted(d, _DIFFUSERS, PEFT)


def _peft_plain_ff(d: Drawing) -> None:
    _peft_plain(d)
    _feed_forward(d)


def _generic(d: Drawing) -> None:
    _dotted(d, "diffusion_model.input_blocks.1.1.transformer_blocks.0", PEFT)


def _ldmnames(d: Drawing) -> None:
    for name, out, in_, _ in LINEAR:
        d.lora(f"lora_unet_middle_block_1_transformer_blocks_0_{name}", out, in_)
    d.lora("lora_unet_input_blocks_3_0_in_layers_2", 320, 320, kernel=3)
    d.lora("lora_unet_time_embed_0", 1280, 320)


def _xl_kohya(d: Drawing) -> None:
    for block, width, numbers in (
        ("input_blocks_4_1", 640, (0, 1)),
        ("input_blocks_8_1", 320, (0, 9)),
        ("middle_block_1", 320, (3,)),
        ("output_blocks_2_1", 320, (5,)),
        ("output_blocks_5_1", 640, (1,)),
    ):
        d.lora(f"lora_unet_{block}_proj_in", width, width)
        d.lora(f"lora_unet_{block}_proj_out", width, width)
        d.block(block, width, numbers)
    d.text("lora_te1", 768, 3072, (0, 6, 11))
    d.text("lora_te2", 1280, 5120, (0, 15, 31))


def _xl_kohya_te_only(d: Drawing) -> None:
    d.text("lora_te1", 768, 3072, (2, 9))
    d.text("lora_te2", 1280, 5120, (2, 30))


def _xl_kohya_diffnames(d: Drawing) -> None:
    for block, width, number in (
        ("down_blocks_1_attentions_1", 640, 1),
        ("down_blocks_2_attentions_0", 320, 7),
        ("mid_block_attentions_0", 320, 9),
        ("up_blocks_0_attentions_2", 320, 2),
        ("up_blocks_1_attentions_0", 640, 0),
    ):
        d.block(block, width, (number,))
    d.lora("lora_unet_down_blocks_0_resnets_1_conv1", 320, 320, kernel=3)
    d.lora("lora_unet_add_embedding_linear_1", 1280, 2816)


def _xl_peft(d: Drawing) -> None:
    block = "unet.down_blocks.1.attentions.0.transformer_blocks.0."
    for name, out, in_ in (
        ("attn1.processor.to_q", 640, 640),
        ("attn2.processor.to_v", 640, 2048),
        ("attn1.processor.to_out", 640, 640),
        ("ff.net.0.proj", 5120, 640),
    ):
        d.lora(block + name, out, in_, **PEFT)
    d.lora("text_encoder.text_model.encoder.layers.4.self_attn.q_proj", 768, 768, **PEFT)
    d.lora("text_encoder_2.text_model.encoder.layers.20.mlp.fc1", 5120, 1280, **PEFT)


def _sd2(d: Drawing) -> None:
    for name, out, in_, _ in LINEAR[:5]:
        d.lora(BLOCK + name, out, 1024 if name.startswith(("attn2_to_k", "attn2_to_v")) else in_)
    d.lora("lora_unet_down_blocks_0_attentions_0_proj_in", 320, 320)
    for layer in (0, 12, 23):
        for name, out, in_ in (("self_attn_q_proj", 1024, 1024), ("mlp_fc1", 4096, 1024), ("mlp_fc2", 1024, 4096)):
            d.lora(f"lora_te_text_model_encoder_layers_{layer}_{name}", out, in_)


def _sd3(d: Drawing) -> None:
    for name, out, in_ in (("x_block_attn_qkv", 1152, 384), ("x_block_mlp_fc1", 1536, 384)):
        for block in (0, 3):
            d.lora(f"lora_unet_joint_blocks_{block}_{name}", out, in_)
    for block in (0, 3):
        d.lora(f"lora_unet_joint_blocks_{block}_context_block_attn_proj", 384, 384)


def _sd3_diffusers(d: Drawing) -> None:
    for name in ("attn.to_q", "attn.to_k", "attn.add_v_proj", "attn.to_out.0"):
        d.lora(f"transformer.transformer_blocks.1.{name}", 384, 384, **PEFT)
    d.lora("transformer.transformer_blocks.1.ff.net.0.proj", 1536, 384, **PEFT)


_SEEDS: Mapping[str, tuple[int, Callable[[Drawing], None]]] = {
    "locon": (4001, _locon),
    "locon_mid": (4002, _locon_mid),
    "noalpha_r8": (4003, _noalpha),
    "loha": (4004, _loha),
    "loha_conv": (4005, _loha_conv),
    "lokr": (4006, _lokr),
    "dora_out": (4007, _dora_out),
    "dora_in": (4008, _dora_in),
    "diff": (4009, _diff),
    "diffusers_processor": (4010, _diffusers_processor),
    "peft_processor": (4011, _peft_processor),
    "peft_plain": (4012, _peft_plain),
    "peft_plain_ff": (4012, _peft_plain_ff),
    "generic": (4013, _generic),
    "ldmnames": (4014, _ldmnames),
    "xl_kohya": (4101, _xl_kohya),
    "xl_kohya_te_only": (4102, _xl_kohya_te_only),
    "xl_kohya_diffnames": (4103, _xl_kohya_diffnames),
    "xl_peft": (4104, _xl_peft),
    "sd2": (4201, _sd2),
    "sd3": (4301, _sd3),
    "sd3_diffusers": (4302, _sd3_diffusers),
}


def _draw(name: str) -> Tensors:
    seed, draw = _SEEDS[name]
    drawing = Drawing(seed)
    draw(drawing)
    return drawing.tensors


def _drawer(name: str) -> Callable[[], Tensors]:
    return lambda: _draw(name)


KINDS = {f"lora_{name}": (f"loras/lora_{name}.safetensors", _drawer(name)) for name in _SEEDS}
"""Kind -> its file, under a models folder, and what draws it."""
