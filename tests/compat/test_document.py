import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from inhouse import InhouseError, Registry
from inhouse.compat.document import read_document, read_workflow
from inhouse.errors import WorkflowFormatError, WorkflowInvalidError

API = {"1": {"class_type": "Make", "inputs": {"n": 1}}}
CANVAS = {"nodes": [{"id": 7, "type": "Make", "widgets_values": [2]}], "links": [], "version": 0.4}
EMPTY = Registry()


def png(**texts: Any) -> bytes:
    info = PngInfo()
    for keyword, document in texts.items():
        info.add_text(keyword, document if isinstance(document, str) else json.dumps(document))
    sink = io.BytesIO()
    Image.new("RGB", (4, 4)).save(sink, "PNG", pnginfo=info)
    return sink.getvalue()


def webp(**texts: Any) -> bytes:
    image = Image.new("RGB", (4, 4))
    exif = image.getexif()
    for tag, (keyword, document) in zip((0x0110, 0x010F), texts.items(), strict=False):
        exif[tag] = f"{keyword}:{json.dumps(document)}"
    sink = io.BytesIO()
    image.save(sink, "WEBP", exif=exif)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("data", "node_id"),
    [
        (json.dumps(API).encode(), "1"),
        (b"\xef\xbb\xbf" + json.dumps(API).encode(), "1"),
        (json.dumps(CANVAS).encode(), "7"),
        (json.dumps({"prompt": API, "client_id": "x"}).encode(), "1"),
        (json.dumps({"workflow": CANVAS}).encode(), "7"),
        (png(prompt=API, workflow=CANVAS), "1"),
        (png(workflow=CANVAS), "7"),
        (png(prompt={}, workflow=CANVAS), "7"),
        (webp(prompt=API, workflow=CANVAS), "1"),
        (webp(workflow=CANVAS), "7"),
    ],
)
def test_every_kind_of_file_is_recognised(data: bytes, node_id: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    for source in (data, path, str(path)):
        assert list(read_workflow(source, EMPTY).nodes) == [node_id]


def test_a_picture_keeps_its_canvas_beside_the_prompt() -> None:
    assert read_workflow(png(prompt=API, workflow=CANVAS), EMPTY).source == {"prompt": API, "workflow": CANVAS}


def test_a_request_keeps_what_is_to_be_saved_in_pictures() -> None:
    body = {"prompt": API, "extra_data": {"extra_pnginfo": {"workflow": CANVAS, "note": float("nan")}}}
    assert read_document(body, EMPTY).source == {"prompt": API, "workflow": CANVAS, "note": None}


def test_nan_beside_the_nodes_of_an_old_picture_does_no_harm() -> None:
    old = '{"1": {"class_type": "Make", "inputs": {"n": 1}, "is_changed": [NaN]}}'
    assert read_workflow(png(prompt=old), EMPTY).nodes["1"].inputs == {"n": 1}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused_by_name(number: str) -> None:
    with pytest.raises(WorkflowInvalidError, match=r"node 1, input n: .* not a finite number"):
        read_workflow(f'{{"1": {{"class_type": "Make", "inputs": {{"n": {number}}}}}}}'.encode(), EMPTY)
    with pytest.raises(WorkflowFormatError, match="Node 7: a widget holds NaN or Infinity"):
        read_workflow(json.dumps(CANVAS).replace("[2]", f"[{number}]").encode(), EMPTY)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02\x80junk", "no UTF-8"),
        (b"<html>404", "web page"),
        (b"\xff\xd8\xff\xe0JFIF", "JPEG"),
        (b"PK\x03\x04zip", "ZIP"),
        (json.dumps(API).encode("utf-16"), "UTF-16"),
        (json.dumps(API).encode()[:-5], "no JSON"),
        (b"[1, 2]", "is a list"),
        (b'"text"', "single value"),
        (b"{}", "no nodes"),
        (b'{"settings": {"a": 1}}', "its keys are 'settings'"),
        (b'{"prompt": {}}', "no nodes"),
        (png(), "picture without a workflow"),
        (png(parameters="a cat, 20 steps"), "picture without a workflow"),
        (png(prompt="{"), "text 'prompt'.* no JSON"),
        (webp(), "picture without a workflow"),
        (png(prompt=API)[:60], "cut off"),
        (b'{"nodes": [], "links": []}', "No node"),
        (b'{"a": ' * 100_000, "too deep"),
        (b'{"nodes": [{"id": 1, "type": "A", "x": ' + b"[" * 400 + b"]" * 400 + b"}], " + b'"links": 3}', "no list"),
    ],
)
def test_a_refusal_says_what_the_file_is(data: bytes, message: str) -> None:
    with pytest.raises(WorkflowFormatError, match=message):
        read_workflow(data, EMPTY)


def test_a_document_nested_deeper_than_python_recurses_is_refused() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = {"x": deep}
    with pytest.raises(WorkflowFormatError, match="too deep"):
        read_document({"1": {"class_type": "A", "inputs": deep}}, EMPTY)
    with pytest.raises(WorkflowFormatError, match="too deep"):
        read_document({**CANVAS, "extra": deep}, EMPTY)


@pytest.mark.parametrize("path", ["nowhere.json", ".", "a\0b"])
def test_an_unreadable_path_is_named(path: str) -> None:
    with pytest.raises(WorkflowFormatError):
        read_workflow(path, EMPTY)


@given(st.binary() | st.sampled_from([png(prompt=API), webp(prompt=API), json.dumps(CANVAS).encode()]), st.data())
def test_any_bytes_are_read_or_refused(data: bytes, draw: st.DataObject) -> None:
    cut = draw.draw(st.integers(0, len(data)))
    patch = draw.draw(st.binary(max_size=4))
    damaged = data[:cut] + patch + data[cut + draw.draw(st.integers(0, 8)) :]
    with contextlib.suppress(InhouseError):
        assert read_workflow(damaged, EMPTY).nodes


def test_a_file_of_the_frontend_is_read(pair: Callable[[str], dict[str, Any]], registry: Registry) -> None:
    found = pair("01_txt2img")
    workflow = read_workflow(json.dumps(found["canvas"]).encode(), registry)
    assert workflow.source == {"prompt": found["api"], "workflow": found["canvas"]}
