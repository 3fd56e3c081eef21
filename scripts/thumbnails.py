"""Draws the pictures that the canvas's template browser shows, by running each template as it comes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from inhouse.plugins import load_packs

SIDE = 256
"""Of a thumbnail, in pixels."""


def main(names: list[str]) -> None:
    """Draw the pictures of some templates, or of all."""
    for folder in load_packs(installed=False).hook.register_templates():
        for path in sorted(folder.glob("*.json")):
            if not names or path.stem in names:
                for number, picture in enumerate(drawn(path), 1):
                    picture.save(path.with_name(f"{path.stem}-{number}.webp"), quality=85, method=6)


def drawn(template: Path) -> list[Image.Image]:
    """Run a template; return what it previews, then what it saves, each put together as one picture."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "inhouse", "run", str(template), "--out", folder, "--json"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours
        shown: list[list[dict[str, Any]]] = [
            node["images"] for node in json.loads(answer)["outputs"].values() if "images" in node
        ]
        shown.sort(key=lambda files: files[0]["type"] == "output")
        return [sheet([Image.open(file["path"]).convert("RGB") for file in files]) for files in shown]


def sheet(pictures: list[Image.Image]) -> Image.Image:
    """Lay pictures in a square."""
    across = 1
    while across * across < len(pictures):
        across += 1
    side = SIDE // across
    laid = Image.new("RGB", (SIDE, SIDE), "white")
    for place, picture in enumerate(pictures):
        scaled = picture.resize((side, side), Image.Resampling.LANCZOS)
        laid.paste(scaled, (place % across * side, place // across * side))
    return laid


if __name__ == "__main__":
    main(sys.argv[1:])
