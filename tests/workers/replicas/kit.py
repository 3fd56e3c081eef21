"""What tests of replicas share: artifacts made by hand, and a pack whose nodes misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from inhouse.models.artifact import NAME, Artifact, Serving
from inhouse.models.signature import Field
from inhouse.workers.replicas.messages import Batch, Part
from inhouse.workers.replicas.process import ReplicaOptions

T = TypeVar("T")
DEADLINE = 60.0
_PACK = '''
"""Nodes that do what no node should."""
import os, time
from typing import Annotated, Any
from inhouse import Wire, hookimpl, node

Any_ = Annotated[Any, Wire("*")]

@node("Behave")
def behave(*, texts: Any_) -> Any_:
    for text in texts:
        if text == "kill":
            os.kill(os.getpid(), 9)
        if text == "hang":
            time.sleep(600)
        if text == "bad":
            raise ValueError("a bad row")
        if text == "exit":
            raise SystemExit(3)
        if text == "surrogate":
            return [chr(0xD800)]
    return [text.upper() for text in texts]

@node("Count")
def count(*, texts: Any_, parameters: Any_ = None) -> Any_:
    def pieces():
        total = (parameters or {}).get("most", 3)
        for number in range(total):
            if texts == "fail" and number == 2:
                raise ValueError("no more")
            yield {"text": f"{number}"}
            time.sleep(0.001)
        return {"text": "".join(map(str, range(total)))}
    return pieces()

@node("CannotLoad")
def cannot_load() -> Any_:
    raise ValueError("no such weights")

@node("ExitsAtLoad")
def exits() -> Any_:
    os._exit(7)

@hookimpl
def register_nodes():
    return [behave, count, cannot_load, exits]
'''


def go(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine; one that hangs fails."""
    return asyncio.run(asyncio.wait_for(work, DEADLINE))


def link(node: str, slot: int = 0) -> list[Any]:
    return [node, slot]


def pipeline(*nodes: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return nodes called 1, 2, ... in the API format."""
    return {str(number): {"class_type": kind, "inputs": dict(given)} for number, (kind, given) in enumerate(nodes, 1)}


def artifact(
    folder: Path,
    nodes: Mapping[str, Any],
    fields_in: Sequence[Field],
    fields_out: Sequence[Field],
    serving: Serving | None = None,
    **more: Any,
) -> Artifact:
    """Write an artifact's description, without a receipt, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Artifact(
        folder,
        "made-by-hand",
        "tensors",
        serving or Serving("onnxruntime", "model.onnx"),
        (),
        (),
        tuple(fields_in),
        tuple(fields_out),
        nodes,
        **more,
    )
    (folder / NAME).write_text(json.dumps(made.as_dict()))
    return made


TEXTS = Field("texts", "text")
ANSWERS = Field("answers", "json")


def behaving(root: Path, **more: Any) -> Path:
    """Return the folder of an artifact whose service answers in capitals, or misbehaves."""
    nodes = pipeline(
        ("ServiceInput", {"name": "texts", "kind": "text"}),
        ("Behave", {"texts": link("1")}),
        ("ServiceOutput", {"value": link("2"), "name": "answers"}),
    )
    return artifact(root / "artifact", nodes, [TEXTS], [ANSWERS], **more).folder


def counting(root: Path) -> Path:
    """Return the folder of an artifact whose service streams numbers."""
    nodes = pipeline(
        ("ServiceInput", {"name": "text", "kind": "text"}),
        ("ServiceParameters", {}),
        ("Count", {"texts": link("1"), "parameters": link("2")}),
        ("ServiceOutput", {"value": link("3"), "name": "answer"}),
    )
    fields = [Field("text", "text", rows=False)], [Field("answer", "json", rows=False)]
    return artifact(root / "artifact", nodes, *fields).folder


def batch(number: int, *texts: str, **more: Any) -> Batch:
    """Return a batch of calls of a row each."""
    return Batch(number, [Part(place, 1, {"texts": [text]}) for place, text in enumerate(texts)], **more)


def install_pack(root: Path) -> dict[str, str]:
    """Install the pack where no other process finds it; return the environment in which one does."""
    place = root / "site"
    about = place / "troublesome-1.0.dist-info"
    about.mkdir(parents=True)
    (place / "troublesome_pack.py").write_text(_PACK)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: troublesome\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[inhouse.packs]\ntroublesome = troublesome_pack\n")
    return {"PYTHONPATH": str(place), "OMP_NUM_THREADS": "1"}


def options(root: Path, **more: Any) -> ReplicaOptions:
    """Return options under which a replica knows the pack."""
    return ReplicaOptions(environment=install_pack(root), threads=1, **more)
