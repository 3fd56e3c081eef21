"""Workflows that are none, or hostile: a sentence, an exit code, and nothing has run."""

from __future__ import annotations

import contextlib
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.program import Command
from tests.tiny_model import text_to_image

from inhouse.compat.canvas import write_canvas
from inhouse.compat.document import read_document
from inhouse.errors import Fault, WorkflowError
from inhouse.workers.session import Places, Session, open_session

SOUND = json.dumps(text_to_image())


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG file of these chunks after the header of a 1x1 picture."""
    header = (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    found = b"\x89PNG\r\n\x1a\n"
    for kind, data in (header, *chunks, (b"IEND", b"")):
        found += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return found


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(b" " * 2**20) for _ in range(size // 2**20)) + packer.flush()


UNREADABLE: dict[str, bytes | Callable[[], bytes]] = {
    "empty": b"",
    "truncated": SOUND[: len(SOUND) // 2].encode(),
    "a web page": b"<!DOCTYPE html><html></html>",
    "UTF-16": SOUND.encode("utf-16"),
    "Latin-1": b'{"1": "\xe9\xe8"}',
    "random bytes": bytes(range(256)) * 40,
    "zeros": bytes(10_000),
    "two documents": (SOUND + SOUND).encode(),
    "a key twice": b'{"1": {"class_type": "A", "inputs": {}}, "1": {"class_type": "B", "inputs": {}}}',
    "a list": b"[1, 2]",
    "a number": b"5",
    "null": b"null",
    "no nodes": b"{}",
    "something else": b'{"name": "x", "version": 3}',
    "nested without end": b"[" * 200_000,
    "nested objects": b'{"a":' * 100_000,
    "nested in a node": lambda: (
        b'{"1": {"class_type": "PreviewAny", "inputs": {"source": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}}}"
    ),
    "huge": lambda: b'{"1": "' + b"x" * (33 * 2**20) + b'"}',
    "a number of a million digits": lambda: b'{"1": ' + b"9" * 1_000_000 + b"}",
    "a JPEG": b"\xff\xd8\xff\xe0" + bytes(100),
    "a ZIP": b"PK\x03\x04" + bytes(100),
    "a picture without a workflow": png(),
    "a picture cut short": png((b"tEXt", b"prompt\0" + SOUND.encode()))[:80],
    "a picture with half a workflow": png((b"tEXt", b"prompt\0" + SOUND[:50].encode())),
    "a picture whose text explodes": lambda: png((b"zTXt", b"prompt\0\0" + bomb(2**26))),
    "a chunk whose length lies": b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXtprompt\0{}",
    "a WebP cut short": b"RIFF\x00\x00\x00\x10WEBPVP8X",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_workflow_is_said_to_be_none(command: Command, tmp_path: Path, name: str) -> None:
    content = UNREADABLE[name]
    (tmp_path / "file").write_bytes(content if isinstance(content, bytes) else content())
    for verb in ("run", "validate"):
        told = command(verb, "file", "--json")
        assert (told.code, told.codes) == (3, ["workflow_format"])
        assert len(told.stdout) < 1000
    assert not (tmp_path / "output").exists()


def node(kind: object, **inputs: object) -> dict[str, object]:
    return {"class_type": kind, "inputs": inputs}


FAULTY: dict[str, tuple[dict[str, Any], list[str]]] = {
    "NaN where a number belongs": (text_to_image(sampler={"cfg": float("nan")}), ["bad_linked_input"]),
    "infinity": (text_to_image(sampler={"denoise": float("inf")}), ["bad_linked_input"]),
    "NaN as text": (text_to_image(sampler={"cfg": "NaN"}), ["invalid_input_type"]),
    "a text for a number": (text_to_image(sampler={"steps": "many"}), ["invalid_input_type"]),
    "null for a number": (text_to_image(sampler={"steps": None}), ["invalid_input_type"]),
    "an object for a number": (text_to_image(sampler={"steps": {"a": [1]}}), ["invalid_input_type"]),
    "a huge number": (text_to_image(sampler={"seed": 10**4000}), ["value_bigger_than_max"]),
    "a huge picture": (text_to_image(empty={"width": 10**9}), ["value_bigger_than_max"]),
    "a list for a text": (text_to_image(positive={"text": ["a", "b", "c"]}), ["bad_linked_input"]),
    "a link to nowhere": (text_to_image(decode={"samples": ["nobody", 0]}), ["missing_node"]),
    "a negative output": (text_to_image(decode={"samples": ["sampler", -1]}), ["bad_slot"]),
    "an output beyond the last": (text_to_image(decode={"samples": ["sampler", 1e300]}), ["bad_slot"]),
    "a link of the wrong type": (text_to_image(decode={"samples": ["loader", 0]}), ["return_type_mismatch"]),
    "a value for a link": (text_to_image(decode={"vae": "vae"}), ["link_expected"]),
    "a circle": (text_to_image(sampler={"latent_image": ["sampler", 0]}), ["cycle"]),
    "no output": ({"1": node("EmptyLatentImage", width=64, height=64, batch_size=1)}, ["no_outputs"]),
    "an unknown node": ({"1": node("SavImage", images=["1", 0])}, ["unknown_node", "no_outputs"]),
    "a node that is a list": ({"1": node("SaveImage"), "2": [1]}, ["malformed_node"]),
    "a node without a class": ({"1": node("SaveImage"), "2": {"inputs": {}, "class_type": 5}}, ["missing_class_type"]),
    "inputs that are a list": ({"1": {"class_type": "SaveImage", "inputs": [1]}}, ["malformed_node"]),
    "a missing input": ({"1": node("SaveImage", filename_prefix="a")}, ["required_input_missing"]),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_workflow_is_told_its_faults(command: Command, tmp_path: Path, models: Path, name: str) -> None:
    document, codes = FAULTY[name]
    (tmp_path / "w.json").write_text(json.dumps(document))
    for verb in ("run", "validate"):
        told = command(verb, "w.json", "--models", models, "--json")
        assert (told.code, told.codes) == (3, codes)
    assert not (tmp_path / "output").exists()


def test_a_long_circle_is_drawn_short(command: Command, tmp_path: Path) -> None:
    nodes: dict[str, Any] = {
        str(i): node("StringTrim", string=[str((i + 1) % 5000), 0], mode="Both") for i in range(5000)
    }
    nodes["out"] = node("PreviewAny", source=["0", 0])
    (tmp_path / "w.json").write_text(json.dumps(nodes))
    told = command("run", "w.json")
    assert told.code == 3
    assert len(told.stderr) < 1000


def test_a_long_chain_is_no_fault(command: Command, tmp_path: Path) -> None:
    nodes: dict[str, Any] = {str(i): node("StringTrim", string=[str(i + 1), 0], mode="Both") for i in range(3000)}
    nodes["3000"] = node("StringTrim", string=" end ", mode="Both")
    nodes["out"] = node("PreviewAny", source=["0", 0])
    (tmp_path / "w.json").write_text(json.dumps(nodes))
    assert command("run", "w.json").stdout == "end\n"


def test_the_odd_half_of_a_surrogate_pair_is_text_like_any_other(command: Command, tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text('{"1": {"class_type": "PreviewAny", "inputs": {"source": "\\ud800"}}}')
    assert command("run", "w.json", "--json").json["outputs"]["1"]["text"] == ["\ud800"]


HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["loader", "sampler", "\ud800", "../x", "KSampler", "*", "__value__", -1, 0, 10**400, [], {}]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a document."""
    found = [path] if path else []
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        found += places(value, (*path, key))
    return found


def replaced(document: Any, path: tuple[Any, ...], value: object) -> Any:
    """Return a copy of a document with one value replaced."""
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = value if len(path) == 1 else replaced(copy[path[0]], path[1:], value)
    return copy


@pytest.fixture(scope="module")
def session(tiny_models: Path) -> Iterator[Session]:
    with open_session(Places(tiny_models)) as opened:
        yield opened


@pytest.mark.parametrize("form", ["api", "canvas"])
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_a_workflow_it_is_read_or_refused(session: Session, form: str, data: st.DataObject) -> None:
    document: Any = text_to_image()
    if form == "canvas":
        document = write_canvas(read_document(document, session.registry), session.registry)
    for _ in range(data.draw(st.integers(1, 3))):
        document = replaced(document, data.draw(st.sampled_from(places(document))), data.draw(HOSTILE))
    faults: tuple[Fault, ...] = ()
    with contextlib.suppress(WorkflowError):
        faults = session.engine.validate(read_document(document, session.registry)).faults
    assert all(fault.code and fault.message for fault in faults)
