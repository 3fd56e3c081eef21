"""Where the golden checkpoints lie: made once, in a folder that git does not see, shared by tests and benchmarks."""

from __future__ import annotations

from pathlib import Path

from tests.golden.checkpoints import write

MODELS = Path(__file__).parents[2] / ".cache" / "golden"
FILES = {
    "tiny": MODELS / "checkpoints" / "tiny_sd15.safetensors",
    "full": MODELS / "checkpoints" / "full_sd15.safetensors",
    "lora": MODELS / "loras" / "tiny_lora.safetensors",
}


def make_models(*kinds: str) -> None:
    """Make the checkpoints that are not there yet; the largest takes a minute and 2.1 GB."""
    for kind in kinds:
        if not FILES[kind].exists():
            write(kind, FILES[kind])
