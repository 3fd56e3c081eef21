from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from tests.program import Command

LOADER = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny.safetensors"}}


def written(command: Command, models: Path, kind: str, **inputs: Any) -> list[Path]:
    nodes = {"loader": LOADER, "save": {"class_type": kind, "inputs": {"filename_prefix": "made/it", **inputs}}}
    Path("workflow.json").write_text(json.dumps(nodes))
    ran = command("run", "workflow.json", "--models", models, "--reference", "--json")
    assert ran.code == 0, ran
    return sorted(Path().rglob("it*.safetensors"))


def test_a_checkpoint_comes_with_its_workflow_and_holds_all_parts(command: Command, models: Path) -> None:
    parts = {"model": ["loader", 0], "clip": ["loader", 1], "vae": ["loader", 2]}
    (path,) = written(command, models, "CheckpointSave", **parts)
    with safe_open(path, "pt") as file:
        names, metadata = list(file.keys()), file.metadata()
    assert "CheckpointLoaderSimple" in metadata["prompt"]
    for prefix in ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."):
        assert any(name.startswith(prefix) for name in names)


def test_a_text_encoder_and_an_autoencoder_have_files_of_their_own(command: Command, models: Path) -> None:
    (clip,) = written(command, models, "CLIPSave", clip=["loader", 1])
    with safe_open(clip, "pt") as file:
        assert "text_model.final_layer_norm.weight" in file.keys()  # noqa: SIM118 - the file is no mapping
    clip.unlink()
    (vae,) = written(command, models, "VAESave", vae=["loader", 2])
    with safe_open(vae, "pt") as file:
        assert "decoder.conv_in.weight" in file.keys()  # noqa: SIM118 - as above
