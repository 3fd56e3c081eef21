"""A run that is killed at any moment leaves whole pictures, or none."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from tests.program import start

KILLS = 100
PICTURES = 40
LATEST = 1.5
"""Seconds after which a run of this workflow is over here."""


def workflow() -> dict[str, object]:
    nodes: dict[str, object] = {}
    for number in range(PICTURES):
        size = {"width": 256, "height": 256, "batch_size": 1, "color": number}
        nodes[f"make{number}"] = {"class_type": "EmptyImage", "inputs": size}
        save = {"images": [f"make{number}", 0], "filename_prefix": f"picture{number:02}"}
        nodes[f"save{number}"] = {"class_type": "SaveImage", "inputs": save}
    return nodes


@pytest.mark.soak
def test_a_hundred_kills_leave_no_half_written_picture(tmp_path: Path) -> None:
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(workflow()))
    chance = random.Random(1)
    found = []
    for turn in range(KILLS):
        output = tmp_path / f"output{turn}"
        process = start("run", path, "--out", output, "--json", cwd=tmp_path, stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=chance.uniform(0.2, LATEST))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        pictures = sorted(output.glob("[!.]*")) if output.exists() else []
        for picture in pictures:
            with Image.open(picture) as image:
                image.load()
        found.append(len(pictures))
    assert any(0 < count < PICTURES for count in found), found
