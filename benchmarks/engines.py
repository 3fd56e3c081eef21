"""A step of a UNet by each engine: milliseconds, how long compiling takes, and how far the result is off.

python -m benchmarks.engines [tiny] [full]    (tiny by default, some minutes; exported networks are thrown away)
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import keep, measure
from tests.golden.models import FILES, make_models

ENGINES = ("eager", "torch.compile", "openvino", "onnxruntime")
DTYPES = ("float32", "bfloat16")
ROUNDS = 3
SIDE = 64


def one(name: str, kind: str, dtype: str) -> dict[str, Any]:
    """Run steps in this process."""
    import torch

    from inhouse.packs.diffusion.assembly import Placement
    from inhouse.packs.diffusion.engines.base import EngineNetwork
    from inhouse.packs.diffusion.loading import load_checkpoint
    from inhouse.packs.diffusion.networks.inputs import NetworkInputs

    network = load_checkpoint(FILES[kind], Placement(getattr(torch, dtype))).model.network.get()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, SIDE, SIDE, generator=generator).to(getattr(torch, dtype))
    inputs = NetworkInputs(torch.randn(2, 77, 768, generator=generator).to(x.dtype))
    timestep = torch.full((2,), 500.0)
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        expected = network(x, timestep, inputs)
        run = network if name == "eager" else EngineNetwork(network, _engine(name, Path(folder)))
        started = time.perf_counter()
        found = run(x, timestep, inputs)
        first = time.perf_counter() - started
        seconds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            run(x, timestep, inputs)
            seconds.append(time.perf_counter() - started)
    off = float((found.float() - expected.float()).abs().max() / expected.float().std())
    return {"milliseconds": min(seconds) * 1000, "first_seconds": first, "off": off}


def _engine(name: str, folder: Path) -> Any:
    from inhouse.packs.diffusion.engines.files import EngineFiles
    from inhouse.packs.diffusion.engines.onnxruntime import OnnxRuntime
    from inhouse.packs.diffusion.engines.openvino import OpenVino
    from inhouse.packs.diffusion.engines.torch_compile import TorchCompile

    files = EngineFiles(folder)
    return {
        "torch.compile": TorchCompile(),
        "openvino": OpenVino(files=files),
        "onnxruntime": OnnxRuntime(files=files),
    }[name]


def main(kinds: list[str]) -> int:
    """Print the table; return 1 if an engine gave nothing."""
    make_models(*kinds)
    figures: dict[str, Any] = {}
    failed = 0
    for kind in kinds:
        print(f"{kind}, batch 2, {SIDE * 8} x {SIDE * 8}      ms a step   first call s   off / std")
        for dtype in DTYPES:
            for name in ENGINES:
                ran = measure([sys.executable, "-m", "benchmarks.engines", "--one", name, kind, dtype])
                fell_back = "is not used" in ran.errors
                failed += bool(ran.status) or fell_back
                if ran.status or fell_back:
                    print(f"  {name:<16} {dtype:<10} failed: {ran.errors.strip().splitlines()[-1:]}")
                    continue
                found = json.loads(ran.output.splitlines()[-1])
                figures[f"{kind} {name} {dtype}"] = found
                print(
                    f"  {name:<16} {dtype:<10} {found['milliseconds']:10.1f} {found['first_seconds']:12.1f}"
                    f" {found['off']:12.1e}",
                    flush=True,
                )
    keep("engines", figures)
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(*sys.argv[2:5])))
        sys.exit(0)
    sys.exit(main(sys.argv[1:] or ["tiny"]))
