"""Clients from npm, as they come, submit a workflow, hear how it goes, and get the picture."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.gateway import Gateway
from tests.program import PATIENCE


@pytest.mark.parametrize("script", ["stable-canvas.js", "comfyui-sdk.js"])
def test_it_draws_a_picture(script: str, served: Gateway, npm_packages: Path, workflow: dict[str, Any]) -> None:
    said = subprocess.run(
        [shutil.which("node") or "node", script, f"127.0.0.1:{served.port}"],
        cwd=npm_packages,
        input=json.dumps(workflow),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert said.returncode == 0, said.stderr
    told = json.loads(said.stdout)
    steps = [step for step, _ in told["steps"]]
    assert steps == sorted(steps)
    assert told["steps"][-1] == [20, 20]
    [picture] = [base64.b64decode(picture) for picture in told["pictures"]]
    assert picture in [path.read_bytes() for path in (served.folder / "output").glob("*.png")]
