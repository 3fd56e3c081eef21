from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.packs.diffusion.checkpoints import save, save_checkpoint
from tests.packs.diffusion.controls import control_tensors, original_layout, picture
from tests.tiny_model import text_to_image, write_checkpoint

from inhouse.compat.prompt import read_prompt
from inhouse.packs.diffusion.control_loading import load_control_net
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.nodes import control as nodes
from inhouse.packs.diffusion.sampling import sample
from inhouse.workers.session import Places, Session, open_session

TEXT: list[list[Any]] = [[torch.ones(1, 77, 64), {}]]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    write_checkpoint(tmp_path / "models")
    folder = tmp_path / "models" / "controlnet"
    folder.mkdir()
    tensors = original_layout(control_tensors())
    save(folder / "lines.safetensors", tensors)
    save(folder / "difference.safetensors", tensors | {"difference": torch.ones(1)})
    (tmp_path / "input").mkdir()
    Image.new("RGB", (64, 64), "red").save(tmp_path / "input" / "red.png")
    with open_session(Places(tmp_path / "models", tmp_path / "input", tmp_path / "output"), reference=True) as opened:
        yield opened


def steered(loader: str, file: str, **changes: Any) -> dict[str, Any]:
    """Return a workflow with a control on both sides."""
    model = {"model": ["loader", 0]} if loader == "DiffControlNetLoader" else {}
    added = {
        "picture": ("LoadImage", {"image": "red.png"}),
        "control": (loader, {"control_net_name": file, **model}),
        "apply": (
            "ControlNetApplyAdvanced",
            {
                "positive": ["positive", 0],
                "negative": ["negative", 0],
                "control_net": ["control", 0],
                "image": ["picture", 0],
                "strength": 1.0,
                "start_percent": 0.0,
                "end_percent": 1.0,
                **changes,
            },
        ),
    }
    workflow = text_to_image(sampler={"positive": ["apply", 0], "negative": ["apply", 1]})
    return workflow | {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in added.items()}


def pixels(session: Session, workflow: dict[str, Any]) -> bytes:
    result = session.engine.run(read_prompt(workflow))
    assert not result.failures
    ui = result.outputs["save"]["images"][0]
    with Image.open(Path(session.folders.output, ui["subfolder"], ui["filename"])) as made:
        return made.tobytes()


def test_a_workflow_is_steered_by_a_picture(session: Session) -> None:
    plain = pixels(session, text_to_image())
    lines = pixels(session, steered("ControlNetLoader", "lines.safetensors"))
    assert lines != plain
    assert pixels(session, steered("ControlNetLoader", "lines.safetensors", strength=0.0)) == plain
    assert pixels(session, steered("DiffControlNetLoader", "difference.safetensors")) not in (lines, plain)


def test_a_control_on_both_sides_is_what_the_older_node_does(tmp_path: Path) -> None:
    model = load_checkpoint(save_checkpoint(tmp_path / "small.safetensors")).model
    control, image = load_control_net(save(tmp_path / "a.safetensors", control_tensors())), picture()

    def latent(positive: Any, negative: Any) -> torch.Tensor:
        sampled: torch.Tensor = sample(
            model,
            seed=1,
            steps=2,
            cfg=3.0,
            sampler="euler",
            schedule="normal",
            positive=positive,
            negative=negative,
            latent={"samples": torch.zeros(1, 4, 8, 8)},
        )["samples"]
        return sampled

    older = nodes.apply(conditioning=TEXT, control_net=control, image=image, strength=0.5)
    both = nodes.apply_advanced(positive=TEXT, negative=TEXT, control_net=control, image=image, strength=0.5)
    with_vae = nodes.apply_with_vae(
        positive=TEXT, negative=TEXT, control_net=control, vae=None, image=image, strength=0.5
    )
    torch.testing.assert_close(latent(older, TEXT), latent(*both))
    torch.testing.assert_close(latent(*with_vae), latent(*both))
    assert not latent(both.positive, TEXT).allclose(latent(*both), atol=1e-3)
