from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from inhouse.packs.diffusion.text.embeddings import Embeddings
from inhouse.packs.diffusion.text.encoder import TextEncoder
from inhouse.packs.diffusion.text.tokenizer import END_TOKEN

LAYERS, WIDTH = 3, 4


class FakeTextModel:
    """Embeds a token as its id and adds 1 a layer, so that numbers can be foretold."""

    def __init__(self) -> None:
        self.spec = SimpleNamespace(
            width=WIDTH, layers=LAYERS, positions=77, default_layer=-1, pad_token=END_TOKEN, name="clip_l"
        )

    def token_embeddings(self, ids: Tensor) -> Tensor:
        with torch.inference_mode():
            return ids[..., None].float().expand(*ids.shape, WIDTH).clone()

    def hidden_states(self, embeddings: Tensor) -> tuple[Tensor, ...]:
        with torch.inference_mode():
            return tuple(embeddings + layer for layer in range(LAYERS + 1))

    def final_norm(self, hidden: Tensor) -> Tensor:
        with torch.inference_mode():
            return hidden / 2

    def project(self, pooled: Tensor) -> Tensor:
        with torch.inference_mode():
            return -pooled


def encoder(**changes: Any) -> TextEncoder:
    return TextEncoder(cast("Any", FakeTextModel()), **changes)


def test_conditioning_has_a_vector_a_token_and_the_pooled_output() -> None:
    ((vectors, options),) = encoder().encode("a cat")
    assert vectors.shape == (1, 77, WIDTH)
    assert options["pooled_output"].shape == (1, WIDTH)
    assert vectors[0, 1, 0] == (320 + LAYERS) / 2


def test_long_prompts_become_windows_side_by_side() -> None:
    ((vectors, _),) = encoder().encode("cat " * 80)
    assert vectors.shape == (1, 154, WIDTH)


def test_pooled_output_is_read_off_the_first_end_token_through_the_projection() -> None:
    ((_, options),) = encoder().encode("(cat:1.5)")
    assert options["pooled_output"][0, 0] == -(END_TOKEN + LAYERS) / 2


@pytest.mark.parametrize(("layer", "added"), [(-1, 3), (-2, 2), (-3, 1)])
def test_clip_skip_takes_an_earlier_layer_and_leaves_the_pooled_output(layer: int, added: int) -> None:
    ((vectors, options),) = encoder().with_layer(layer).encode("cat")
    assert vectors[0, 1, 0] == (2368 + added) / 2
    assert options["pooled_output"].equal(encoder().encode("cat")[0][1]["pooled_output"])


def test_clip_skip_deeper_than_the_model_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    ((vectors, _),) = encoder(layer=-24).encode("cat")
    assert vectors.equal(encoder().encode("cat")[0][0])
    assert "3 layers" in caplog.text


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.3, -0.5])
def test_weights_move_a_token_away_from_the_empty_prompt(weight: float) -> None:
    plain, empty = (encoder().encode(prompt)[0][0] for prompt in ("a cat", ""))
    ((vectors, _),) = encoder().encode(f"a (cat:{weight})")
    torch.testing.assert_close(vectors[0, 2], empty[0, 2] + (plain[0, 2] - empty[0, 2]) * weight)
    assert vectors[0, 1].equal(plain[0, 1])


def test_textual_inversions_replace_token_embeddings(tmp_path: Path) -> None:
    rows = torch.arange(8.0).reshape(2, WIDTH)
    save_file({"emb_params": rows}, tmp_path / "two.safetensors")
    ((vectors, _),) = encoder(embeddings=Embeddings((tmp_path,))).encode("a embedding:two")
    assert vectors[0, 2:4].equal((rows + LAYERS) / 2)


def test_nodes_may_write_into_what_they_receive() -> None:
    ((vectors, options),) = encoder().encode("a cat")
    vectors[0] = 0
    options["pooled_output"][0] = 0
    assert not vectors.any()


def test_another_model_keeps_the_settings() -> None:
    assert encoder(layer=-2).with_model(cast("Any", FakeTextModel())).layer == -2
