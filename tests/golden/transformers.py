"""Random transformers in the original key layouts: CLIP's text models, and Stable Diffusion 3's network."""

from __future__ import annotations

import math
from collections.abc import Container

from tests.golden.shapes import TEXT_WIDTH, Shapes


class ClipShapes(Shapes):
    """A CLIP text model: ViT-L/14's by default."""

    def __init__(
        self, width: int = TEXT_WIDTH, layers: int = 12, inner: int = 3072, projection: int | None = None
    ) -> None:
        super().__init__()
        self.entries["text_model.embeddings.token_embedding.weight"] = ((49408, width), "1.0")
        self.entries["text_model.embeddings.position_embedding.weight"] = ((77, width), "0.5")
        damped = str(0.8 * math.sqrt(12 / layers))
        for layer in range(layers):
            name = f"text_model.encoder.layers.{layer}"
            self.norm(f"{name}.layer_norm1", width)
            self.norm(f"{name}.layer_norm2", width)
            for part, gain in (("q_proj", "1.5"), ("k_proj", "1.5"), ("v_proj", damped), ("out_proj", damped)):
                self.linear(f"{name}.self_attn.{part}", width, width, gain)
            self.linear(f"{name}.mlp.fc1", inner, width)
            self.linear(f"{name}.mlp.fc2", width, inner, damped)
        self.norm("text_model.final_layer_norm", width)
        if projection:
            self.linear("text_projection", projection, width, bias=False)


class MmditShapes(Shapes):
    """The network of Stable Diffusion 3.

    Args:
        depth: joint blocks; 64 channels each.
        normed: whether queries and keys are normed (3.5).
        twice: the blocks in which the picture has a second attention, to itself (3.5 medium).

    """

    def __init__(self, depth: int = 6, *, normed: bool = False, twice: Container[int] = ()) -> None:
        super().__init__()
        self.width, self.normed = depth * 64, normed
        width = self.width
        self.entries["x_embedder.proj.weight"] = ((width, 16, 2, 2), "w")
        self.entries["x_embedder.proj.bias"] = ((width,), "b")
        self.entries["pos_embed"] = ((1, 192 * 192, width), str(0.3 * math.sqrt(192 * 192 * width)))
        for name, in_ in (("t_embedder.mlp", 256), ("y_embedder.mlp", 2048)):
            self.linear(f"{name}.0", width, in_)
            self.linear(f"{name}.2", width, width)
        self.linear("context_embedder", width, 4096)
        for number in range(depth):
            name = f"joint_blocks.{number}"
            self._stream(f"{name}.context_block", last=number == depth - 1, twice=False)
            self._stream(f"{name}.x_block", last=False, twice=number in twice)
        self.linear("final_layer.linear", 64, width, "0.7")
        self.linear("final_layer.adaLN_modulation.1", 2 * width, width, "0.8")

    def _stream(self, name: str, *, last: bool, twice: bool) -> None:
        width = self.width
        self.linear(f"{name}.adaLN_modulation.1", (2 if last else 9 if twice else 6) * width, width, "0.8")
        for attention in ("attn", "attn2") if twice else ("attn",):
            self.linear(f"{name}.{attention}.qkv", 3 * width, width, "1.2")
            if not last:
                self.linear(f"{name}.{attention}.proj", width, width)
            if self.normed:
                for part in ("ln_q", "ln_k"):
                    self.entries[f"{name}.{attention}.{part}.weight"] = ((64,), "norm_w")
        if not last:
            self.linear(f"{name}.mlp.fc1", 4 * width, width)
            self.linear(f"{name}.mlp.fc2", width, 4 * width)
