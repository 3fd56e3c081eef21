"""Draws the README's picture: the default workflow with the model in the box, once a prompt.

python scripts/sheet.py docs/images/demo.png
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from inhouse.cli.source import load_workflow
from inhouse.workers.session import Places, open_session

PROMPTS = (
    "a red apple",
    "a rocket",
    "a blue star",
    "a penguin",
    "a house",
    "pizza",
    "a sunflower",
    "a crown",
    "apple, blue",
    "draw me a rocket please",
    "a green car",
    "a purple balloon on a black background",
    "an orange cat",
    "a guitar",
    "a pink star on a black background",
    "a mushroom",
)
COLUMNS, SIDE = 8, 128


def main(path: Path) -> None:
    """Draw the prompts and put them side by side."""
    sheet = Image.new("RGB", (COLUMNS * SIDE, (len(PROMPTS) + COLUMNS - 1) // COLUMNS * SIDE))
    with tempfile.TemporaryDirectory() as out, open_session(Places(output=Path(out))) as session:
        workflow = load_workflow(session, "text-to-image")
        prompt = next(node_id for node_id, node in workflow.nodes.items() if node.title == "prompt")
        for number, text in enumerate(PROMPTS):
            result = session.engine.run(workflow.with_inputs({(prompt, "text"): text}))
            shown = next(iter(result.outputs.values()))["images"][0]
            with Image.open(Path(out, shown["subfolder"], shown["filename"])) as picture:
                sheet.paste(picture, (number % COLUMNS * SIDE, number // COLUMNS * SIDE))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
