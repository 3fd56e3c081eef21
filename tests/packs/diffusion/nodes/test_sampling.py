from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tests.program import Command
from tests.tiny_model import text_to_image

from inhouse.packs.diffusion.latent_files import load


def sampled(command: Command, models: Path, nodes: dict[str, Any], last: str) -> torch.Tensor:
    """Run a workflow up to a sampler and return its latent."""
    kept = {name: node for name, node in nodes.items() if name not in ("decode", "save")}
    kept["keep"] = {"class_type": "SaveLatent", "inputs": {"samples": [last, 0], "filename_prefix": "x"}}
    Path("workflow.json").write_text(json.dumps(kept))
    ran = command("run", "workflow.json", "--models", models, "--reference", "--json")
    assert ran.code == 0, ran
    samples: torch.Tensor = load(Path(ran.json["outputs"]["keep"]["latents"][0]["path"]))["samples"]
    return samples


def advanced(nodes: dict[str, Any], source: str, **changes: Any) -> dict[str, Any]:
    inputs = {name: value for name, value in nodes["sampler"]["inputs"].items() if name not in ("seed", "denoise")}
    inputs |= {"noise_seed": nodes["sampler"]["inputs"]["seed"], "latent_image": [source, 0], "steps": 4, **changes}
    return {"class_type": "KSamplerAdvanced", "inputs": inputs}


def test_two_stages_of_the_advanced_sampler_are_one_sampling(command: Command, models: Path) -> None:
    nodes = text_to_image(sampler={"steps": 4})
    whole = sampled(command, models, nodes, "sampler")
    first = {"add_noise": "enable", "start_at_step": 0, "end_at_step": 2, "return_with_leftover_noise": "enable"}
    rest = {"add_noise": "disable", "start_at_step": 2, "end_at_step": 99, "return_with_leftover_noise": "disable"}
    nodes["first"] = advanced(nodes, "empty", **first)
    nodes["rest"] = advanced(nodes, "first", **rest)
    staged = sampled(command, models, nodes, "rest")
    assert torch.allclose(staged, whole, atol=1e-4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(command: Command, models: Path) -> None:
    runs = [sampled(command, models, text_to_image(sampler={"seed": seed}), "sampler") for seed in (5, 5, 6)]
    assert runs[0].equal(runs[1])
    assert not runs[0].equal(runs[2])
