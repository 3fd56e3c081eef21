"""Pickles, where the user allows them: each is read by a child process that has no network and nothing of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from inhouse.errors import ModelFormatError, ModelNotFoundError

_SECONDS = 900
_ORDER = "order.json"
_KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")


def weights_of_pickle(path: Path, scratch: Path) -> Path:
    """Return a .safetensors with the weights of a pickle that torch saved; torch refuses code in it.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: it holds something else than weights.

    """
    target = scratch / "weights.safetensors"
    _child("weights", path, target, scratch / _ORDER)
    return target


def order_beside(scratch: Path) -> list[str]:
    """Return the names of a pickle's weights as they stood in it; none where there was no pickle."""
    path = scratch / _ORDER
    return [str(name) for name in json.loads(path.read_bytes())] if path.exists() else []


def onnx_of_pickle(path: Path, scratch: Path) -> Path:
    """Return the ONNX file of a scikit-learn model in a pickle, whose code runs in the child process.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: it is no scikit-learn model, or one that cannot be written as ONNX.

    """
    target = scratch / "sklearn.onnx"
    _child("sklearn", path, target, scratch / "sklearn.json")
    return target


def _child(what: str, path: Path, *targets: Path) -> None:
    if not path.is_file():
        raise ModelNotFoundError(f"{path} does not exist.", hint="Check the name.")
    command = [sys.executable, "-m", "inhouse.packs.conversion.sources.pickle_child", what, str(path.resolve())]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    places = os.pathsep.join(place for place in sys.path if place)
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, on a file that the user allowed
            [*command, *map(str, targets)],
            env={**environment, "PYTHONPATH": places, "OMP_NUM_THREADS": "1"},
            cwd=targets[0].parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelFormatError(f"{path.name} was not read in {_SECONDS} s.", hint="Is it a model?") from error
    if done.returncode:
        told = (done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"])[-1][:300]
        raise ModelFormatError(f"{path.name} cannot be read: {told}", hint="Save it as .safetensors or ONNX.")
