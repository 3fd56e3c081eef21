from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from inhouse.errors import ModelFormatError
from inhouse.packs.diffusion.text.base import Encoded
from inhouse.packs.diffusion.text.clip import ClipEncoder
from inhouse.packs.diffusion.text.embeddings import Embeddings
from inhouse.packs.diffusion.text.tokenizer import END_TOKEN

LAYERS, WIDTH = 3, 4


class FakeTextModel:
    """Embeds a token as its id and adds 1 a layer, so that numbers can be foretold."""

    def __init__(self) -> None:
        self.spec = SimpleNamespace(
            width=WIDTH,
            layers=LAYERS,
            positions=77,
            default_layer=-1,
            pad_token=END_TOKEN,
            name="clip_l",
            normed=True,
            vocabulary=END_TOKEN + 1,
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


def encoded(prompt: str, **changes: Any) -> Encoded:
    encoder = ClipEncoder(cast("Any", FakeTextModel()), **changes)
    return encoder.encode_tokens(encoder.tokenize(prompt))


def test_conditioning_has_a_vector_a_token_and_the_pooled_output() -> None:
    vectors, pooled = encoded("a cat")
    assert vectors.shape == (1, 77, WIDTH)
    assert pooled is not None
    assert pooled.shape == (1, WIDTH)
    assert vectors[0, 1, 0] == (320 + LAYERS) / 2


def test_a_text_model_whose_vocabulary_was_cut_is_told() -> None:
    model = FakeTextModel()
    model.spec.vocabulary = 100
    encoder = ClipEncoder(cast("Any", model))
    with pytest.raises(ModelFormatError, match="knows 100 tokens; the prompt has token 49,407"):
        encoder.encode_tokens(encoder.tokenize("a cat"))


def test_long_prompts_become_windows_side_by_side() -> None:
    vectors, _ = encoded("cat " * 80)
    assert vectors.shape == (1, 154, WIDTH)


def test_pooled_output_is_read_off_the_first_end_token_through_the_projection() -> None:
    _, pooled = encoded("(cat:1.5)")
    assert pooled is not None
    assert pooled[0, 0] == -(END_TOKEN + LAYERS) / 2


@pytest.mark.parametrize(("layer", "added"), [(-1, 3), (-2, 2), (-3, 1)])
def test_clip_skip_takes_an_earlier_layer_and_leaves_the_pooled_output(layer: int, added: int) -> None:
    vectors, pooled = encoded("cat", layer=layer)
    plain = encoded("cat").pooled
    assert vectors[0, 1, 0] == (2368 + added) / 2
    assert pooled is not None
    assert plain is not None
    assert pooled.equal(plain)


def test_clip_skip_deeper_than_the_model_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    vectors, _ = encoded("cat", layer=-24)
    assert vectors.equal(encoded("cat").vectors)
    assert "3 layers" in caplog.text


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.3, -0.5])
def test_weights_move_a_token_away_from_the_empty_prompt(weight: float) -> None:
    plain, empty = (encoded(prompt).vectors for prompt in ("a cat", ""))
    vectors, _ = encoded(f"a (cat:{weight})")
    torch.testing.assert_close(vectors[0, 2], empty[0, 2] + (plain[0, 2] - empty[0, 2]) * weight)
    assert vectors[0, 1].equal(plain[0, 1])


def test_textual_inversions_replace_token_embeddings(tmp_path: Path) -> None:
    rows = torch.arange(8.0).reshape(2, WIDTH)
    save_file({"emb_params": rows}, tmp_path / "two.safetensors")
    vectors, _ = encoded("a embedding:two", embeddings=Embeddings((tmp_path,)))
    assert vectors[0, 2:4].equal((rows + LAYERS) / 2)


def test_nodes_may_write_into_what_they_receive() -> None:
    vectors, pooled = encoded("a cat")
    vectors[0] = 0
    assert pooled is not None
    pooled[0] = 0
    assert not vectors.any()


def test_families_differ_in_whether_the_layer_that_conditions_is_normed() -> None:
    model = FakeTextModel()
    model.spec.normed = False
    encoder = ClipEncoder(cast("Any", model), layer=-2)
    assert encoder.encode_tokens(encoder.tokenize("cat")).vectors[0, 1, 0] == 2368 + 2
