"""Model files that are missing, damaged, something else, or an attack: a sentence that says which and what to do."""

from __future__ import annotations

import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.program import Command, Ran
from tests.tiny_model import NAME, text_to_image

Run = Callable[..., Ran]

NOISE = random.Random(1).randbytes(5000)


@pytest.fixture
def run(command: Command, tmp_path: Path, models: Path) -> Run:
    """Run a workflow with a models folder that has the tiny checkpoint and whatever a test puts there."""
    (tmp_path / "models" / "checkpoints").mkdir(parents=True)
    (tmp_path / "models" / "checkpoints" / NAME).symlink_to(models / "checkpoints" / NAME)

    def run_workflow(document: dict[str, Any], *options: str) -> Ran:
        (tmp_path / "workflow.json").write_text(json.dumps(document))
        return command("run", "workflow.json", "--json", *options)

    return run_workflow


class Attack:
    """A pickle that leaves a mark when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def header(text: bytes, length: int | None = None, data: bytes = b"") -> bytes:
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(**changes: object) -> bytes:
    return json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}).encode()


DAMAGED: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "model_format", "is empty"),
    "random bytes": (NOISE[:5000], "model_format", "does not begin with"),
    "zeros": (bytes(5000), "model_format", "does not begin with"),
    "a web page": (b"<!DOCTYPE html><title>Login</title>", "model_format", "is a web page"),
    "an error in JSON": (b'{"error": "not found"}', "model_format", "is a JSON text"),
    "a git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "model_format", "git lfs pull"),
    "a GGUF file": (b"GGUF" + bytes(100), "model_format", "is a GGUF file"),
    "a header longer than the file": (header(entry(), 10**6, bytes(8)), "model_format", "cut short"),
    "a header longer than memory": (header(entry(), 2**63, bytes(8)), "model_format", "does not begin with"),
    "a header cut short": (header(entry(), 20, bytes(8)), "model_format", "no valid JSON"),
    "a header nested without end": (header(b'{"a":' * 50_000), "model_format", "no valid JSON"),
    "a header that is a list": (header(b"{}"[:1] + b'"a":[]}'), "model_format", "malformed"),
    "data cut short": (header(entry(), None, bytes(4)), "model_format", "is cut short: "),
    "data that overlap": (header(entry(data_offsets=[4, 12]), None, bytes(12)), "model_format", "behind a hole"),
    "a shape that its bytes do not fit": (header(entry(shape=[2**62]), None, bytes(8)), "model_format", "cannot have"),
    "a negative shape": (header(entry(shape=[-2]), None, bytes(8)), "model_format", "malformed"),
    "an unknown type": (header(entry(dtype="F7"), None, bytes(8)), "model_format", "unknown type"),
    "bytes behind the end": (header(entry(), None, bytes(9)), "model_format", "follow the last tensor"),
    "some other model": (header(entry(), None, bytes(8)), "model_unsupported", "bad.safetensors"),
    "no tensors": (header(b"{}"), "model_format", ""),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_is_no_checkpoint_is_told_what_it_is(run: Run, tmp_path: Path, name: str) -> None:
    content, code, words = DAMAGED[name]
    (tmp_path / "models" / "checkpoints" / "bad.safetensors").write_bytes(content)
    told = run(text_to_image(loader={"ckpt_name": "bad.safetensors"}))
    assert told.code == 4
    assert told.codes[0] in (code, "model_unsupported")
    error = told.json["errors"][0]
    assert error["node_id"] == "loader"
    assert "bad.safetensors" in error["message"]
    assert words in error["message"] + error.get("hint", "")
    assert not (tmp_path / "output").exists()


def test_a_checkpoint_cut_short_is_said_to_be(run: Run, tmp_path: Path, models: Path) -> None:
    whole = (models / "checkpoints" / NAME).read_bytes()
    (tmp_path / "models" / "checkpoints" / "bad.safetensors").write_bytes(whole[: len(whole) // 2])
    told = run(text_to_image(loader={"ckpt_name": "bad.safetensors"}))
    assert (told.code, told.codes) == (4, ["model_format"])
    assert "cut short" in told.json["errors"][0]["message"]


def test_what_does_not_need_a_damaged_file_is_made_all_the_same(run: Run, tmp_path: Path) -> None:
    (tmp_path / "models" / "checkpoints" / "bad.safetensors").write_bytes(NOISE)
    document = text_to_image(loader={"ckpt_name": "bad.safetensors"})
    picture = {"width": 8, "height": 8, "batch_size": 1, "color": 0}
    document["picture"] = {"class_type": "EmptyImage", "inputs": picture}
    document["other"] = {"class_type": "SaveImage", "inputs": {"images": ["picture", 0], "filename_prefix": "other"}}
    told = run(document)
    assert (told.code, told.codes) == (4, ["model_format"])
    assert [image["path"] for image in told.json["outputs"]["other"]["images"]] == ["output/other_00001_.png"]
    assert (tmp_path / "output" / "other_00001_.png").is_file()


Weights = dict[str, torch.Tensor]

WEIGHT = "model.diffusion_model.middle_block.1.proj_in.weight"


def without(prefix: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name: weight for name, weight in weights.items() if not name.startswith(prefix)}


def replaced(weight: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Weights], Weights]:
    return lambda weights: {**weights, WEIGHT: weight(weights[WEIGHT]).contiguous()}


UNSOUND: dict[str, tuple[Callable[[Weights], Weights], int, str]] = {
    "a weight is missing": (without(WEIGHT), 4, "1 of 286 weights are missing"),
    "a weight has another shape": (replaced(lambda weight: weight[:10]), 4, "has the shape (10, 64, 1, 1)"),
    "a weight is empty": (replaced(lambda weight: weight[:0]), 4, "is empty, of shape (0, 64, 1, 1)"),
    "there is no VAE": (without("first_stage_model."), 1, "Load one with VAELoader."),
    "there is no text encoder": (without("cond_stage_model."), 1, "Load one with CLIPLoader or DualCLIPLoader."),
    "there is no UNet": (without("model."), 4, "bad.safetensors"),
    "a weight is not a number": (replaced(lambda weight: weight * float("nan")), 1, "its weights may be damaged"),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_a_checkpoint_of_unsound_weights_is_told(run: Run, tmp_path: Path, models: Path, name: str) -> None:
    change, code, words = UNSOUND[name]
    weights = change(load_file(models / "checkpoints" / NAME))
    save_file(weights, tmp_path / "models" / "checkpoints" / "bad.safetensors")
    told = run(text_to_image(loader={"ckpt_name": "bad.safetensors"}))
    assert told.code == code
    assert words in json.dumps([told.json["errors"], told.json.get("warnings")])


def test_a_lora_is_no_checkpoint(run: Run, tmp_path: Path) -> None:
    lora = {f"lora_unet_mid_block.lora_{way}.weight": torch.zeros(4, 4) for way in ("down", "up")}
    save_file(lora, tmp_path / "models" / "checkpoints" / "lora.safetensors")
    told = run(text_to_image(loader={"ckpt_name": "lora.safetensors"}))
    assert (told.code, told.codes) == (4, ["model_unsupported"])
    assert "LoRA" in json.dumps(told.json["errors"])


def test_a_missing_model_is_answered_with_those_there_are_and_where_it_looked(run: Run) -> None:
    told = run(text_to_image(loader={"ckpt_name": "tinny.safetensors"}))
    assert (told.code, told.codes) == (4, ["model_not_found"])
    hint = told.json["errors"][0]["hint"]
    assert "Did you mean tiny.safetensors?" in hint
    assert "models/checkpoints" in hint


def test_a_models_folder_that_is_not_there_is_said_to_be_missing(run: Run) -> None:
    told = run(text_to_image(), "--models", "nowhere")
    assert (told.code, told.codes) == (4, ["model_not_found"])
    assert "nowhere/checkpoints (no such folder)" in told.json["errors"][0]["hint"]


@pytest.mark.parametrize("name", ["bad.ckpt", "bad.safetensors", "bad.pt"])
@pytest.mark.parametrize("form", ["plain", "zip"])
def test_a_pickle_is_refused_and_never_loaded(run: Run, tmp_path: Path, name: str, form: str) -> None:
    data = pickle.dumps(Attack(tmp_path / "attacked"))
    path = tmp_path / "models" / "checkpoints" / name
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", data)
    else:
        path.write_bytes(data)
    told = run(text_to_image(loader={"ckpt_name": name}))
    assert (told.code, told.codes) == (4, ["model_unsafe"])
    assert "safetensors" in told.json["errors"][0]["hint"]
    assert not (tmp_path / "attacked").exists()


def test_a_folder_of_a_models_name_is_no_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "models" / "checkpoints" / "folder.safetensors").mkdir()
    assert run(text_to_image(loader={"ckpt_name": "folder.safetensors"})).codes == ["model_not_found"]


@pytest.mark.parametrize("name", ["x" * 3000, "\ud800", "x/" * 2000 + "x"])
def test_a_name_that_no_file_can_have_is_a_missing_model(run: Run, name: str) -> None:
    assert run(text_to_image(loader={"ckpt_name": name})).codes == ["model_not_found"]


@pytest.mark.parametrize("name", ["../../secret.safetensors", "/etc/passwd", "..\\..\\x.safetensors", "a\0b", ""])
def test_a_models_name_stays_in_its_folder(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.safetensors").write_bytes(header(entry(), None, bytes(8)))
    told = run(text_to_image(loader={"ckpt_name": name}))
    assert (told.code, told.codes) == (5, ["path_escape"])


def test_a_model_that_disappears_meanwhile_is_said_to_be_missing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "checkpoints" / "gone.safetensors").symlink_to(tmp_path / "nowhere")
    monkeypatch.setattr("inhouse.models.catalogue._walk", lambda *_: iter(["gone.safetensors"]))
    told = run(text_to_image(loader={"ckpt_name": "gone.safetensors"}))
    assert (told.code, told.codes) == (4, ["model_not_found"])


@pytest.mark.parametrize("content", [NOISE[:100], b"", header(entry(), 10**6)])
def test_a_damaged_lora_is_told(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "models" / "loras").mkdir()
    (tmp_path / "models" / "loras" / "bad.safetensors").write_bytes(content)
    document = text_to_image(sampler={"model": ["lora", 0]})
    inputs = {"model": ["loader", 0], "lora_name": "bad.safetensors", "strength_model": 1.0}
    document["lora"] = {"class_type": "LoraLoaderModelOnly", "inputs": inputs}
    told = run(document)
    assert (told.code, told.codes) == (4, ["model_format"])
    assert told.json["errors"][0]["node_id"] == "lora"


def test_a_lora_that_fits_nothing_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "models" / "loras").mkdir()
    lora = {f"lora_unet_down_blocks_9_proj.lora_{way}.weight": torch.zeros(4, 4) for way in ("down", "up")}
    save_file(lora, tmp_path / "models" / "loras" / "other.safetensors")
    document = text_to_image(sampler={"model": ["lora", 0]})
    inputs = {"model": ["loader", 0], "lora_name": "other.safetensors", "strength_model": 1.0}
    document["lora"] = {"class_type": "LoraLoaderModelOnly", "inputs": inputs}
    told = run(document)
    assert (told.code, told.codes) == (4, ["model_mismatch"])
    assert "other.safetensors" in told.json["errors"][0]["message"]


@pytest.mark.parametrize("name", ["../../secret", "nobody", "/etc/passwd", "a/../../../secret", "x" * 3000, "\ud800"])
def test_an_embedding_stays_in_its_folder_or_is_a_warning(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "models" / "embeddings").mkdir()
    save_file({"emb_params": torch.zeros(1, 64)}, tmp_path / "secret.safetensors")
    told = run(text_to_image(positive={"text": f"an apple embedding:{name}"}))
    assert told.code == 0
    assert len(told.json["warnings"]) == 1
    assert "goes on without it" in told.json["warnings"][0]


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".safetensors"])
def test_an_embedding_that_attacks_is_not_loaded(run: Run, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "models" / "embeddings").mkdir()
    (tmp_path / "models" / "embeddings" / f"bad{suffix}").write_bytes(pickle.dumps(Attack(tmp_path / "attacked")))
    told = run(text_to_image(positive={"text": "an apple embedding:bad"}))
    assert told.code == 0
    assert "goes on without it" in told.json["warnings"][0]
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize("text", ["", "\ud800 apple", "((((((", "a" * 20_000, "\\", "(:1e400)", "😀" * 200, "\0"])
def test_any_text_is_a_prompt(run: Run, text: str) -> None:
    told = run(text_to_image(positive={"text": text}, sampler={"steps": 1}))
    assert told.code == 0


@pytest.mark.parametrize("content", [NOISE[:100], b"", header(entry(), 10**6), header(entry(), None, bytes(8))])
def test_a_latent_that_is_none_is_told(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "bad.latent").write_bytes(content)
    document = text_to_image(decode={"samples": ["latent", 0]})
    document["latent"] = {"class_type": "LoadLatent", "inputs": {"latent": "bad.latent"}}
    told = run(document)
    assert (told.code, told.codes) == (4, ["model_format"])
