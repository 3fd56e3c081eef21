"""A GGUF file becomes a model that talks; damaged ones are refused whatever their bytes are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inhouse.errors import InhouseError, ModelFormatError, ModelUnsupportedError
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources import open_source
from inhouse.packs.conversion.sources.gguf_file import fields_of, open_reader
from inhouse.packs.conversion.sources.tokens import load_tokenizer


def test_smollm_answers(smollm: SourceModel) -> None:
    tokenizer = load_tokenizer(smollm.assets["tokenizer.json"])
    prompt = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
    ids = tokenizer.encode(prompt).ids
    start = len(ids)
    for _ in range(6):
        given_ids = np.array([ids])
        logits = smollm.answer({"input_ids": given_ids, "attention_mask": np.ones_like(given_ids)})["logits"]
        ids.append(int(logits[0, -1].argmax()))
    assert "Paris" in tokenizer.decode(ids[start:])
    assert smollm.task == "chat"
    assert '"chat_template"' in smollm.assets["tokenizer_config.json"].read_text()


def small(path: Path, architecture: str = "llama") -> bytes:
    """Write a file with metadata and one tensor, of which a model lacks all others."""
    writer = GGUFWriter(path, architecture)
    for name in ("block_count", "embedding_length", "feed_forward_length", "context_length", "head_count"):
        getattr(writer, f"add_{name}")(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "b", "ab"])
    writer.add_tensor("token_embd.weight", np.zeros((3, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def test_a_file_that_lacks_weights_is_told(tmp_path: Path) -> None:
    small(tmp_path / "small.gguf")
    with pytest.raises(ModelFormatError, match="lacks weights"):
        open_source(str(tmp_path / "small.gguf"))


def test_an_unknown_architecture_is_told_what_is_known(tmp_path: Path) -> None:
    small(tmp_path / "small.gguf", "mamba")
    with pytest.raises(ModelUnsupportedError, match="Known: llama, qwen2"):
        open_source(str(tmp_path / "small.gguf"))


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_are_refused_with_an_error_of_ours(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "small.gguf")
        content = bytearray(small(path))
        content = content[: data.draw(st.integers(0, len(content)))]
        for _ in range(data.draw(st.integers(0, 4)) if content else 0):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            fields = fields_of(open_reader(path), path)
        except InhouseError:
            return
        assert isinstance(fields, dict)
