"""The servers that are compared: how each is installed, started and asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from benchmarks.load import Ask

HERE = Path(__file__).parent
TEXT = "The quick brown fox jumps over the lazy dog near the river."
"""Twelve words."""
_PATCH = """
import threading  # benchmarks/serving.py: the lock of Python 3.11.7 lacks what this package asks it for
multiprocessing.resource_tracker._resource_tracker._lock = threading._PyRLock()
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server of others, in an environment of its own.

    Attributes:
        packages: to be installed, beside the runtimes.
        command: from the environment's programs and a port to what is started.
        ask: the request.

    """

    packages: Sequence[str]
    command: Callable[[Path, int], Sequence[str]]
    ask: Ask


def _json(path: str, value: object) -> Ask:
    return Ask(path, json.dumps(value).encode())


def _script(name: str) -> Callable[[Path, int], Sequence[str]]:
    return lambda programs, _: [str(programs / "python"), name]


def _granian(programs: Path, port: int) -> Sequence[str]:
    options = ["--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--no-access-log"]
    return [str(programs / "granian"), *options, "bare:app"]


def _bentoml(programs: Path, port: int) -> Sequence[str]:
    return [str(programs / "bentoml"), "serve", "-q", "bentoml_peer:Embed", "--host", "127.0.0.1", "--port", str(port)]


_TRITON = {"inputs": [{"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": [TEXT]}]}
PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        "bare loop": Peer(["granian", "uvloop"], _granian, _json("/", {"text": TEXT})),
        "LitServe": Peer(["litserve"], _script("litserve_peer.py"), _json("/predict", {"text": TEXT})),
        "BentoML": Peer(["bentoml"], _bentoml, _json("/embed", {"texts": [TEXT]})),
        "Ray Serve": Peer(["ray[serve]"], _script("ray_peer.py"), _json("/", {"text": TEXT})),
        "PyTriton": Peer(["nvidia-pytriton"], _script("pytriton_peer.py"), _json("/v2/models/embed/infer", _TRITON)),
    }
)
_FOLDERS = MappingProxyType(
    {"bare loop": "bare", "LitServe": "litserve", "BentoML": "bentoml", "Ray Serve": "ray", "PyTriton": "pytriton"}
)


def programs(name: str, folder: Path) -> Path:
    """Return where the programs of a peer's environment lie, after making it if it is not there."""
    place = folder / _FOLDERS[name]
    done = place / "installed"
    if not done.exists():
        print(f"Installing {name} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        runtimes = [f"{library}=={version(library)}" for library in ("openvino", "onnxruntime", "tokenizers")]
        wanted = [*PEERS[name].packages, *runtimes, "orjson"]
        subprocess.run([str(place / "bin" / "pip"), "install", "-q", *wanted], check=True)
        if name == "PyTriton" and sys.version_info < (3, 11, 8):
            with next(place.glob("lib/*/site-packages/pytriton/proxy/data.py")).open("a") as file:
                file.write(_PATCH)
        done.touch()
    return place / "bin"


def environment(artifact: Path, port: int, *, model: bool) -> dict[str, str]:
    """Return what a peer is told."""
    told = {"BENCH_ARTIFACT": str(artifact), "BENCH_PORT": str(port), "OMP_NUM_THREADS": "1"}
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "RAY_USAGE_STATS_ENABLED": "0", "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **told, **quiet, **({} if model else {"BENCH_NO_MODEL": "1"})}
