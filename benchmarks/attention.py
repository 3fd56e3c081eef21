"""Memory and time of one step of SD 1.5's UNet at 768 x 768, by each implementation of attention.

python -m benchmarks.attention [NAME ...]    (plain, sliced and sdpa: some minutes, up to 16 GB for plain)
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import keep, measure, verdict

if TYPE_CHECKING:
    from torch import nn

    from inhouse.packs.diffusion.networks.unet import UNetSpec

NAMES = ("plain", "sliced", "sdpa")
BATCHES = (1, 2)
SIDE = 768 // 8
MOST_OF_PLAIN = 0.7
"""The share of the plain one's memory that others may take."""


def one(name: str, batch: int) -> dict[str, float]:
    """Run a step in this process; its bytes are those at its highest above what was there once it was loaded."""
    import torch

    from inhouse.backends.attention import implementation
    from inhouse.packs.diffusion.networks.attention import anywhere
    from inhouse.packs.diffusion.networks.inputs import NetworkInputs

    unet = random_unet()
    x, timestep = torch.randn(batch, 4, SIDE, SIDE), torch.full((batch,), 500.0)
    inputs, attend = NetworkInputs(torch.randn(batch, 77, 768)), anywhere(implementation(name).attend)
    with torch.inference_mode():
        unet(x[..., :8, :8], timestep, inputs, attend=attend)  # what libraries set up once
        Path("/proc/self/clear_refs").write_text("5")  # the highest so far is now
        loaded, started = _status("VmRSS"), time.perf_counter()
        unet(x, timestep, inputs, attend=attend)
        seconds = time.perf_counter() - started
    return {"bytes": _status("VmHWM") - loaded, "seconds": seconds}


def random_unet() -> nn.Module:
    """Return a UNet of Stable Diffusion 1.5's shape; its values do not matter."""
    import torch

    from inhouse.packs.diffusion.networks.unet import UNet

    with torch.device("meta"):
        unet = UNet(_spec())
    unet.to_empty(device="cpu")
    for parameter in unet.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    return unet.eval()


def _spec() -> UNetSpec:
    from inhouse.packs.diffusion.networks.unet import BlockSpec, UNetSpec

    widths = (320, 640, 1280, 1280)
    down, kept = [BlockSpec(4, 320, 0, "in")], [320]
    for level, width in enumerate(widths):
        for _ in range(2):
            down.append(BlockSpec(kept[-1], width, int(level < 3)))
            kept.append(width)
        if level < 3:
            down.append(BlockSpec(width, width, 0, "down"))
            kept.append(width)
    up, channels = [], widths[-1]
    for level, width in reversed(list(enumerate(widths))):
        for block in range(3):
            up.append(BlockSpec(channels + kept.pop(), width, int(level < 3), "up" if level and block == 2 else ""))
            channels = width
    return UNetSpec(320, 4, 768, None, False, None, tuple(down), tuple(up), 1)  # noqa: FBT003 - projections' layout


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def main(names: list[str]) -> int:
    """Print the table; return 1 if one takes more than it may."""
    figures: dict[str, dict[str, dict[str, float]]] = {}
    within = True
    for batch in BATCHES:
        for name in names:
            ran = measure([sys.executable, "-m", "benchmarks.attention", "--one", name, str(batch)])
            if ran.status:
                raise SystemExit(ran.errors)
            found = figures.setdefault(f"batch {batch}", {})[name] = json.loads(ran.output)
            what = f"batch {batch}, {name} ({found['seconds']:.1f} s)"
            plain = figures[f"batch {batch}"].get("plain", found)
            limit = plain["bytes"] * (1 if name == "plain" else MOST_OF_PLAIN)
            within &= verdict(what, found["bytes"] / 1e9, limit / 1e9, "GB")
    if names == list(NAMES):
        keep("attention", figures)
    return 0 if within else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], int(sys.argv[3]))))
        sys.exit(0)
    sys.exit(main(sys.argv[1:] or list(NAMES)))
