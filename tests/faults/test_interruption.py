"""Ctrl-C: what was done is kept, and said."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

from tests.program import Terminal
from tests.tiny_model import text_to_image

from inhouse.packs.diffusion.latent_files import load

MANY = 10_000


def titled(document: dict[str, Any], **titles: str) -> dict[str, Any]:
    return {
        name: {**node, "_meta": {"title": titles[name]}} if name in titles else node for name, node in document.items()
    }


def put(folder: Path, document: dict[str, Any]) -> Path:
    path = folder / "workflow.json"
    path.write_text(json.dumps(document))
    return path


def test_ctrl_c_keeps_what_was_done_and_what_the_sampler_had(tmp_path: Path, tiny_models: Path) -> None:
    document = text_to_image(sampler={"steps": MANY})
    picture = {"width": 8, "height": 8, "batch_size": 1, "color": 0}
    first = {
        "before": {"class_type": "EmptyImage", "inputs": picture},
        "saved": {"class_type": "SaveImage", "inputs": {"images": ["before", 0], "filename_prefix": "before"}},
    }
    path = put(tmp_path, {**first, **titled(document, sampler="采样器")})
    with Terminal("run", path, "--models", tiny_models, "--json", cwd=tmp_path) as terminal:
        terminal.wait_for(rf"采样器.* [1-9]\d*/{MANY}")
        terminal.process.send_signal(signal.SIGINT)
        told = terminal.end()
    assert told.code == 130
    assert told.json["status"] == "interrupted"
    assert told.codes == ["interrupted"]
    assert load(tmp_path / told.json["salvaged"]["sampler"])["samples"].shape == (1, 4, 8, 8)
    assert [image["path"] for image in told.json["outputs"]["saved"]["images"]] == ["output/before_00001_.png"]
    names = sorted(entry.name for entry in (tmp_path / "output").iterdir())
    assert names == ["before_00001_.png", "interrupted_00001_.latent"]
    assert "Traceback" not in told.stderr
    assert "press Ctrl-C again" in told.stderr


def test_a_second_ctrl_c_gives_up_what_a_first_let_go_on(tmp_path: Path, tiny_models: Path) -> None:
    document = text_to_image(sampler={"steps": MANY})
    document["attempt"] = {"class_type": "TryExcept", "inputs": {"body": ["sampler", 0]}}
    second = {**document["sampler"]["inputs"], "latent_image": ["attempt", 0]}
    document["second"] = {"class_type": "KSampler", "inputs": second}
    document["decode"]["inputs"]["samples"] = ["second", 0]
    path = put(tmp_path, titled(document, sampler="FIRST", second="SECOND"))
    with Terminal("run", path, "--models", tiny_models, cwd=tmp_path) as terminal:
        terminal.wait_for(rf"FIRST.* [1-9]\d*/{MANY}")
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for(rf"SECOND.* [1-9]\d*/{MANY}")
        terminal.process.send_signal(signal.SIGINT)
        told = terminal.end()
    assert told.code == 130
    assert told.stdout == ""
    assert "Traceback" not in told.stderr
    assert re.search(r"What SECOND \(second\) had so far.*interrupted_00001_.latent", told.stderr, re.DOTALL)
    assert "Giving up the rest" in told.stderr
    assert re.search(r"Interrupted after [0-9.]+ s\.", told.stderr)
