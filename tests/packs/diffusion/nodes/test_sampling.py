from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.backends.runs import Runs
from tests.program import Command
from tests.tiny_model import text_to_image

from inhouse.backends.compute import Compute
from inhouse.backends.sharing import SharedSteps
from inhouse.compat.prompt import read_prompt
from inhouse.engine.engine import Engine
from inhouse.packs.diffusion.latent_files import load
from inhouse.workers.session import Places, open_session


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


@pytest.mark.parametrize("reference", [False, True])
def test_runs_at_once_share_their_steps_but_for_reference(tmp_path: Path, models: Path, *, reference: bool) -> None:
    runs, asked = Runs(), []

    class Noted(SharedSteps):
        def _made(self, calls: Any) -> Any:
            asked.append(len(calls))
            return super()._made(calls)

    with open_session(Places(models, tmp_path, tmp_path)) as session:
        compute = Compute.for_reference() if reference else Compute()
        services = {**session.engine.services, SharedSteps: Noted(runs.turn), Compute: compute}
        with Engine(session.registry, services=services, turn=runs.turn) as engine:

            def run(seed: int) -> torch.Tensor:
                flow = read_prompt(text_to_image(sampler={"seed": seed, "steps": 4}))
                samples: torch.Tensor = engine.run(flow, targets=["sampler"]).values["sampler"][0][0]["samples"]
                return samples

            alone = [run(seed) for seed in (1, 2)]
            engine.cache.clear()
            asked.clear()
            got = runs.together(one=lambda: run(1), two=lambda: run(2))
    torch.testing.assert_close([got["one"], got["two"]], alone)
    assert asked == ([] if reference else [2, 2, 2, 2])
