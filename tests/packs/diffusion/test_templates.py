"""The templates that come with the pack do what they say with the model that comes with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.program import Command

from inhouse.packs.diffusion import register_templates

TEMPLATES = sorted(register_templates().glob("*.json"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_it_draws_without_anything_else(template: Path, tmp_path: Path, command: Command) -> None:
    samplers = sum(node["type"] == "KSampler" for node in json.loads(template.read_text())["nodes"])
    quick = [word for number in range(1, samplers + 1) for word in ("--set", f"KSampler#{number}.steps=1")]
    ran = command("run", template.stem, "--out", str(tmp_path), "--json", *quick)
    assert (ran.code, ran.json["errors"]) == (0, [])
    assert list(tmp_path.glob("*.png"))
