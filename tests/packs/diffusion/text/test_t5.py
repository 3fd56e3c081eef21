from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.packs.diffusion.checkpoints import save, seeded
from tests.packs.diffusion.transformers import save_t5_tokenizer, t5

from inhouse.errors import ModelNotFoundError, ModelUnsupportedError
from inhouse.packs.diffusion.assembly import Placement
from inhouse.packs.diffusion.families.t5 import T5_OF_FLUX, T5_OF_SD3
from inhouse.packs.diffusion.layouts import read_components
from inhouse.packs.diffusion.text.embeddings import Embeddings
from inhouse.packs.diffusion.text.t5 import T5Encoder


@pytest.fixture
def encoder(tmp_path: Path) -> T5Encoder:
    save_t5_tokenizer(tmp_path / "t5_tokenizer.json")
    path = save(tmp_path / "t5.safetensors", {"shared.weight": torch.zeros(1), **t5().state_dict()})
    embedding = torch.arange(96.0).reshape(2, 48) / 96
    save_file({"t5xxl": embedding}, tmp_path / "mine.safetensors")
    model = T5_OF_SD3.build(read_components(path).text, Placement())
    return model.encoder(Embeddings((tmp_path,)), None)


def test_a_prompt_is_one_window_that_is_closed_and_filled_up(encoder: T5Encoder) -> None:
    (window,) = encoder.tokenize("a photo of cats")
    assert [token for token, _ in window[:6]] == [3, 4, 5, 6, 9, 1]
    assert len(window) == 77
    assert {token for token, _ in window[6:]} == {0}


def test_flux_fills_up_to_256_and_nothing_is_cut(tmp_path: Path) -> None:
    save_t5_tokenizer(tmp_path / "t5_tokenizer.json")
    path = save(tmp_path / "t5.safetensors", t5().state_dict())
    flux = T5_OF_FLUX.build(read_components(path).text, Placement()).encoder(Embeddings(), None)
    assert [len(flux.tokenize(prompt)[0]) for prompt in ("", "cat " * 300)] == [256, 301]


def test_it_says_what_transformers_says(encoder: T5Encoder) -> None:
    chunks = encoder.tokenize("a photo of a cat in the rain")
    ids = torch.tensor([[token for token, _ in chunks[0]]])
    vectors, pooled = encoder.encode_tokens(chunks)
    with torch.inference_mode():
        torch.testing.assert_close(vectors, t5()(ids).last_hidden_state, rtol=1e-4, atol=1e-5)
    assert pooled is None


def test_a_weight_scales_away_from_the_empty_prompt(encoder: T5Encoder) -> None:
    (weighted,) = encoder.tokenize("a (cat:1.5)")
    assert [weight for _, weight in weighted[:3]] == [1.0, 1.5, 1.0]
    (plain,) = encoder.tokenize("a cat")
    louder, normal, empty = (encoder.encode_tokens(chunks)[0] for chunks in ([weighted], [plain], encoder.tokenize("")))
    torch.testing.assert_close(louder[:, 1], empty[:, 1] + (normal[:, 1] - empty[:, 1]) * 1.5)
    torch.testing.assert_close(louder[:, 0], normal[:, 0])


def test_textual_inversions_stand_in_for_words(encoder: T5Encoder) -> None:
    (window,) = encoder.tokenize("a embedding:mine cat embedding:none")
    kinds = ["row" if isinstance(token, torch.Tensor) else token for token, _ in window[:5]]
    assert kinds == [3, "row", "row", 6, 1]
    assert encoder.encode_tokens([window])[0].shape == (1, 77, 48)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "t5.safetensors", t5().state_dict())
    without = T5_OF_SD3.build(read_components(path).text, Placement()).encoder(Embeddings(), None)
    with pytest.raises(ModelNotFoundError, match="tokenizer"):
        without.tokenize("a cat")
    tensors = {**t5().state_dict(), "encoder.block.0.layer.0.SelfAttention.q.scale_weight": torch.ones(())}
    scaled = save(tmp_path / "scaled.safetensors", tensors)
    with pytest.raises(ModelUnsupportedError, match="scale"):
        T5_OF_SD3.build(read_components(scaled).text, Placement())


def test_half_precision_is_replaced_by_a_type_of_more_range(tmp_path: Path) -> None:
    path = save(tmp_path / "t5.safetensors", t5().state_dict())
    assert T5_OF_SD3.build(read_components(path).text, Placement(torch.float16)).dtype == torch.bfloat16


def test_weights_of_eight_bits_stay_so_and_say_the_same(tmp_path: Path) -> None:
    from transformers import T5Config, T5EncoderModel

    save_t5_tokenizer(tmp_path / "t5_tokenizer.json")
    config = T5Config(
        vocab_size=64, d_model=128, d_kv=64, d_ff=512, num_layers=1, num_heads=2, feed_forward_proj="gated-gelu"
    )
    stored = {
        name: tensor.to(torch.float8_e4m3fn) for name, tensor in seeded(T5EncoderModel(config)).state_dict().items()
    }
    weights = read_components(save(tmp_path / "t5.safetensors", stored)).text
    models = [T5_OF_SD3.build(weights, Placement(compact=compact)) for compact in (False, True)]
    encoders = [model.encoder(Embeddings(), None) for model in models]
    vectors = [encoder.encode_tokens(encoder.tokenize("a cat")).vectors for encoder in encoders]
    assert torch.float8_e4m3fn in {parameter.dtype for parameter in models[1].network.get().parameters()}
    torch.testing.assert_close(vectors[1], vectors[0], rtol=1e-4, atol=1e-5)
