"""From prompt to PNG against a plain diffusers pipeline with the same weights, steps and sampler.

python -m benchmarks.diffusers_peer [tiny] [full] [--rounds N]    (both: about ten minutes, up to 9 GB)

Each contender runs in a process of its own, and they take turns, so that what else the machine does meets all alike.
Loading is not counted; text, steps, decoding and saving are. The first picture of a process is not counted either.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.measure import keep, measure, verdict
from tests.golden.models import FILES, MODELS, make_models

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 512
STEPS = {"tiny": 10, "full": 4}
PICTURES = 2
CONTENDERS = ("diffusers float32", "inhouse float32", "inhouse")
"""The last computes in the precision that it chooses itself."""
FASTER = 2.0
"""How much faster our own precision is to be than the peer's float32; the same precision shall not be slower."""


def one(contender: str, kind: str) -> dict[str, Any]:
    """Make pictures in this process; return the seconds that each took."""
    with tempfile.TemporaryDirectory() as folder:
        draw = _peer(kind, Path(folder)) if contender.startswith("diffusers") else _ours(contender, kind, Path(folder))
        draw(0)
        seconds = []
        for number in range(1, PICTURES + 1):
            started = time.perf_counter()
            draw(number)
            seconds.append(time.perf_counter() - started)
    return {"seconds": seconds}


def _peer(kind: str, folder: Path) -> Callable[[int], object]:
    import torch
    from benchmarks.peer import pipeline

    pipe = pipeline(FILES[kind])

    def draw(number: int) -> None:
        noise = torch.Generator().manual_seed(number)
        made = pipe(
            f"picture {number}",
            negative_prompt=f"nothing {number}",
            width=SIZE,
            height=SIZE,
            num_inference_steps=STEPS[kind],
            guidance_scale=7.0,
            generator=noise,
        )
        made.images[0].save(folder / f"{number}.png", compress_level=4)

    return draw


def _ours(contender: str, kind: str, folder: Path) -> Callable[[int], object]:
    from inhouse.backends.compute import Compute
    from inhouse.compat.prompt import read_prompt
    from inhouse.engine.engine import Engine
    from inhouse.workers.session import Places, open_session

    session = open_session(Places(MODELS, folder, folder)).__enter__()  # the process ends with it
    services = dict(session.engine.services)
    if contender.endswith("float32"):
        services[Compute] = replace(services[Compute], dtype="float32")
    engine = Engine(session.registry, cache=session.engine.cache, services=services)

    def draw(number: int) -> None:
        result = engine.run(read_prompt(workflow(kind, number), {}))
        if result.failures:
            raise SystemExit(str(result.failures[0].error))

    return draw


def workflow(kind: str, number: int) -> dict[str, Any]:
    """Return the default workflow, different in every node but the loader."""
    sampler = {"seed": number, "steps": STEPS[kind], "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal"}
    links = {"model": ["load", 0], "positive": ["yes", 0], "negative": ["no", 0], "latent_image": ["empty", 0]}
    nodes = {
        "load": ("CheckpointLoaderSimple", {"ckpt_name": FILES[kind].name}),
        "yes": ("CLIPTextEncode", {"text": f"picture {number}", "clip": ["load", 1]}),
        "no": ("CLIPTextEncode", {"text": f"nothing {number}", "clip": ["load", 1]}),
        "empty": ("EmptyLatentImage", {"width": SIZE, "height": SIZE, "batch_size": 1}),
        "sample": ("KSampler", {**sampler, **links, "denoise": 1.0}),
        "decode": ("VAEDecode", {"samples": ["sample", 0], "vae": ["load", 2]}),
        "save": ("SaveImage", {"images": ["decode", 0], "filename_prefix": "peer"}),
    }
    return {name: {"class_type": kind_of, "inputs": inputs} for name, (kind_of, inputs) in nodes.items()}


def compare(kind: str, rounds: int) -> dict[str, float]:
    """Let all contenders take turns; return the median of each."""
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            ran = measure([sys.executable, "-m", "benchmarks.diffusers_peer", "--one", name, kind])
            if ran.status:
                raise SystemExit(ran.errors or ran.output)
            seconds[name] += json.loads(ran.output.splitlines()[-1])["seconds"]
    return {name: median(values) for name, values in seconds.items()}


def main(kinds: list[str], rounds: int) -> int:
    """Print the table; return 1 if we are slower than we ought to be."""
    make_models(*kinds)
    within, figures = True, {}
    for kind in kinds:
        found = figures[kind] = compare(kind, rounds)
        peer = found[CONTENDERS[0]]
        print(f"{kind}, {SIZE} x {SIZE}, {STEPS[kind]} steps: diffusers in float32 takes {peer:.2f} s")
        within &= verdict(f"{kind}: inhouse in float32", found[CONTENDERS[1]], peer, "s")
        within &= verdict(f"{kind}: inhouse in its own precision", found[CONTENDERS[2]], peer / FASTER, "s")
    if set(kinds) == set(STEPS):
        keep("diffusers_peer", {"median_seconds": figures, "rounds": rounds, "steps": STEPS, "size": SIZE})
    return 0 if within else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], sys.argv[3])))
        sys.exit(0)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[[], *STEPS])
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    sys.exit(main(given.kinds or list(STEPS), given.rounds))
