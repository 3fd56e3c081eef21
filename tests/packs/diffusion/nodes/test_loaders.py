from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.program import Command
from tests.tiny_model import NAME, text_to_image

from inhouse.backends.file_pool import FilePool
from inhouse.compat.prompt import read_prompt
from inhouse.errors import ModelMismatchError
from inhouse.packs.diffusion.nodes import loaders
from inhouse.workers.session import Places, open_session

PREFIX = "model.diffusion_model."


@pytest.fixture
def parts(models: Path, tmp_path: Path) -> Path:
    """Return a models folder with the tiny checkpoint whole, in parts, and a LoRA for it."""
    whole = models / "checkpoints" / NAME
    tensors = load_file(whole)
    folders = {
        "diffusion_models": PREFIX,
        "vae": "first_stage_model.",
        "text_encoders": "cond_stage_model.transformer.",
    }
    for folder, prefix in folders.items():
        (tmp_path / "parts" / folder).mkdir(parents=True)
        chosen = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        save_file(chosen, tmp_path / "parts" / folder / "part.safetensors")
    (tmp_path / "parts" / "checkpoints").mkdir()
    (tmp_path / "parts" / "checkpoints" / NAME).symlink_to(whole)
    (tmp_path / "parts" / "loras").mkdir()
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    lora = {f"{layer}.lora_down.weight": torch.ones(2, 32), f"{layer}.lora_up.weight": torch.ones(32, 2)}
    save_file(lora, tmp_path / "parts" / "loras" / "style.safetensors")
    return tmp_path / "parts"


def pixels(command: Command, models: Path, nodes: dict[str, Any]) -> bytes:
    Path("workflow.json").write_text(json.dumps(nodes))
    ran = command("run", "workflow.json", "--models", models, "--reference", "--json")
    assert not ran.json["errors"]
    from PIL import Image

    with Image.open(ran.json["outputs"]["save"]["images"][0]["path"]) as picture:
        return picture.tobytes()


def test_parts_of_their_own_make_the_picture_of_the_whole(command: Command, parts: Path) -> None:
    whole = pixels(command, parts, text_to_image())
    nodes = text_to_image(
        positive={"clip": ["clip", 0]},
        negative={"clip": ["clip", 0]},
        sampler={"model": ["unet", 0]},
        decode={"vae": ["vae", 0]},
    )
    del nodes["loader"]
    unet = {"unet_name": "part.safetensors", "weight_dtype": "default"}
    nodes["unet"] = {"class_type": "UNETLoader", "inputs": unet}
    nodes["clip"] = {
        "class_type": "CLIPLoader",
        "inputs": {"clip_name": "part.safetensors", "type": "stable_diffusion"},
    }
    nodes["vae"] = {"class_type": "VAELoader", "inputs": {"vae_name": "part.safetensors"}}
    assert pixels(command, parts, nodes) == whole
    nodes["unet"]["inputs"] = {**unet, "weight_dtype": "fp8_e5m2"}
    assert pixels(command, parts, nodes) != whole


def test_a_lora_changes_the_picture_by_its_strength(command: Command, parts: Path) -> None:
    def with_lora(strength: float) -> bytes:
        nodes = text_to_image(sampler={"model": ["lora", 0]}, positive={"clip": ["lora", 1]})
        inputs = {"model": ["loader", 0], "clip": ["loader", 1], "lora_name": "style.safetensors"}
        strengths = {"strength_model": strength, "strength_clip": strength}
        nodes["lora"] = {"class_type": "LoraLoader", "inputs": inputs | strengths}
        return pixels(command, parts, nodes)

    assert with_lora(0.0) == pixels(command, parts, text_to_image())
    assert with_lora(1.0) != with_lora(0.0)


def test_a_deeper_layer_of_the_text_encoder_may_be_asked_for(command: Command, parts: Path) -> None:
    nodes = text_to_image(positive={"clip": ["last", 0]})
    nodes["last"] = {"class_type": "CLIPSetLastLayer", "inputs": {"clip": ["loader", 1], "stop_at_clip_layer": -1}}
    assert pixels(command, parts, nodes) == pixels(command, parts, text_to_image())


def test_a_lora_file_is_read_once_for_all_nodes_and_runs(parts: Path, tmp_path: Path) -> None:
    with open_session(Places(parts, tmp_path, tmp_path / "output"), reference=True) as session:
        for strength in (0.5, 1.0):
            nodes = text_to_image(sampler={"model": ["lora", 0]})
            inputs = {"model": ["loader", 0], "lora_name": "style.safetensors", "strength_model": strength}
            nodes["lora"] = {"class_type": "LoraLoaderModelOnly", "inputs": inputs}
            assert not session.engine.run(read_prompt(nodes)).failures
        pool = session.engine.services[FilePool]
    assert (pool.misses, pool.hits) == (1, 1)


@pytest.fixture
def loaded(parts: Path, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """Yield a context for loaders, over text encoders of three widths."""
    tensors = load_file(parts / "text_encoders" / "part.safetensors")
    name = "text_model.embeddings.token_embedding.weight"
    for title, width in (("l", 64), ("h", 1024), ("g", 1280)):
        save_file({**tensors, name: torch.zeros(2, width)}, parts / "text_encoders" / f"{title}.safetensors")
    with open_session(Places(parts, tmp_path, tmp_path / "output"), reference=True) as session:
        services = session.engine.services
        yield SimpleNamespace(service=services.__getitem__, find=services.get)


def test_the_text_encoders_of_a_family_come_in_any_order(loaded: Any) -> None:
    for names in (("l.safetensors", "g.safetensors"), ("g.safetensors", "l.safetensors")):
        clip = loaders.load_clip_pair(clip_name1=names[0], clip_name2=names[1], type="sdxl", context=loaded)
        assert set(clip.parts) == {"l", "g"}
    alone = loaders.load_clip(clip_name="g.safetensors", type="sd3", context=loaded)
    assert set(alone.parts) == {"g"}


def test_a_text_encoder_that_a_family_has_not_is_refused(loaded: Any) -> None:
    names = {f"clip_name{place}": f"{title}.safetensors" for place, title in enumerate("lgh", 1)}
    with pytest.raises(ModelMismatchError, match=r"h\.safetensors is OpenCLIP-H, and Stable Diffusion 3"):
        loaders.load_clip_triple(**names, context=loaded)
    with pytest.raises(ModelMismatchError, match=r"g\.safetensors is OpenCLIP-G, and Flux\.1"):
        loaders.load_clip_pair(clip_name1="l.safetensors", clip_name2="g.safetensors", type="flux", context=loaded)
