from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.packs.diffusion.transformers import save_t5_tokenizer

from inhouse.errors import ModelError, ModelFormatError, ModelNotFoundError
from inhouse.packs.diffusion.text.t5_tokenizer import T5Tokenizer, find_tokenizer, load_tokenizer


def field(number: int, value: bytes | float) -> bytes:
    """Encode a field of a protocol buffer."""
    if isinstance(value, bytes):
        return bytes([number << 3 | 2, len(value)]) + value
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 5]) + struct.pack("<f", value)


def sentencepiece(path: Path) -> Path:
    pieces = [("<pad>", 0.0, 3), ("</s>", 0.0, 3), ("<unk>", 0.0, 2)]
    pieces += [("▁a", -1.0, 1), ("▁cat", -2.0, 1), ("▁", -3.0, 1), ("s", -4.0, 1), ("c", -9.0, 1)]
    pieces += [("a", -9.0, 1), ("t", -9.0, 1)]
    model = b"".join(
        field(1, field(1, piece.encode()) + field(2, score) + field(3, kind)) for piece, score, kind in pieces
    )
    path.write_bytes(model + field(2, field(4, b"ignored") + field(3, 7)) + field(3, field(1, b"nmt_nfkc")))
    return path


def test_the_likeliest_pieces_are_chosen(tmp_path: Path) -> None:
    for path in (save_t5_tokenizer(tmp_path / "t5_tokenizer.json"), sentencepiece(tmp_path / "spiece.model")):
        tokenizer = load_tokenizer(path)
        cat, s = tokenizer.encode("cat")[0], tokenizer.encode("cats")[-1]
        assert tokenizer.encode("a cats cat") == [3, cat, s, cat]
        assert tokenizer.encode("") == []
        assert load_tokenizer(path) is tokenizer


def test_white_space_counts_once(tmp_path: Path) -> None:
    tokenizer = T5Tokenizer(sentencepiece(tmp_path / "spiece.model"))
    assert tokenizer.encode("  a \n\t cat ") == tokenizer.encode("a cat")


@given(text=st.text(st.characters()))
def test_any_text_has_tokens(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "spiece.model"
    if not path.exists():
        sentencepiece(path)
    assert all(0 <= token < 110 for token in load_tokenizer(path).encode(text))


@given(raw=st.binary(max_size=60))
def test_rubbish_is_no_tokenizer(raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("rubbish.model", "rubbish.json"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(raw)
        with pytest.raises(ModelFormatError):
            T5Tokenizer(path)


def test_it_is_found_in_the_folder_of_the_model_or_among_the_text_encoders(tmp_path: Path) -> None:
    folder = tmp_path / "flux"
    for name in ("text_encoder_2", "tokenizer_2", "tokenizer"):
        (folder / name).mkdir(parents=True)
    weights = folder / "text_encoder_2" / "model.safetensors"
    assert find_tokenizer(weights) is None
    (folder / "tokenizer_2" / "spiece.model").touch()
    assert find_tokenizer(weights) == folder / "tokenizer_2" / "spiece.model"
    models = tmp_path / "models"
    for name in ("checkpoints/mine", "text_encoders"):
        (models / name).mkdir(parents=True)
    own = models / "text_encoders" / "t5_tokenizer.json"
    own.touch()
    assert find_tokenizer(models / "checkpoints" / "mine" / "flux.safetensors") == own
    assert find_tokenizer(models / "text_encoders" / "t5xxl.safetensors") == own


def test_without_one_the_error_says_where_to_put_it() -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        load_tokenizer(None)
    assert isinstance(caught.value, ModelError)
    assert "t5_tokenizer.json" in str(caught.value.hint)
