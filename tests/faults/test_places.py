"""Folders and files that are not there, or cannot be read or written."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.program import Command, Ran, start
from tests.tiny_model import text_to_image

Save = Callable[..., Ran]

PICTURE = {"class_type": "EmptyImage", "inputs": {"width": 512, "height": 512, "batch_size": 1, "color": 0x123456}}


@pytest.fixture
def save(command: Command, tmp_path: Path) -> Save:
    """Run a workflow that saves a picture."""

    def run_workflow(prefix: str = "made", *options: str, kind: str = "SaveImage") -> Ran:
        inputs = {"images": ["picture", 0]} | ({"filename_prefix": prefix} if kind == "SaveImage" else {})
        nodes = {"picture": PICTURE, "save": {"class_type": kind, "inputs": inputs}}
        (tmp_path / "workflow.json").write_text(json.dumps(nodes))
        return command("run", "workflow.json", "--json", *options)

    return run_workflow


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Let this process write no file longer than ``room`` bytes: the kernel then refuses as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_full_disk_leaves_nothing_half_written(save: Save, tmp_path: Path) -> None:
    assert save().code == 0
    before = files(tmp_path)
    with full_disk(500):
        told = save()
    assert (told.code, told.codes) == (5, ["output_unwritable"])
    assert told.json["errors"][0]["node_id"] == "save"
    assert "Free some space" in told.json["errors"][0]["hint"]
    assert files(tmp_path) == before


def test_a_preview_on_a_full_disk_is_told_as_well(save: Save) -> None:
    with full_disk(500):
        told = save(kind="PreviewImage")
    assert (told.code, told.codes) == (5, ["output_unwritable"])


@pytest.mark.parametrize("out", ["file", "file/deep", "/proc/nowhere", "/dev/null", "x" * 300])
def test_an_output_folder_that_cannot_be_written_is_named(save: Save, tmp_path: Path, out: str) -> None:
    (tmp_path / "file").write_text("in the way")
    told = save("made", "--out", out)
    assert (told.code, told.codes) == (5, ["output_unwritable"])
    assert out in told.json["errors"][0]["message"]
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("prefix", ["../made", "/tmp/made", "a/../../made", "\0", "..\\made/../../x", "\ud800"])
def test_a_prefix_stays_in_the_output_folder(save: Save, tmp_path: Path, prefix: str) -> None:
    told = save(prefix)
    assert (told.code, told.codes) == (5, ["path_escape"])
    assert files(tmp_path) == [tmp_path / "workflow.json"]


@pytest.mark.parametrize("prefix", ["", "a/b/c", "%date:yyyy%", "果" * 60, "a b", "-rf", "%width%x%height%", ".", "a%"])
def test_any_other_prefix_is_a_name(save: Save, tmp_path: Path, prefix: str) -> None:
    told = save(prefix)
    assert told.code == 0
    assert (tmp_path / told.json["outputs"]["save"]["images"][0]["path"]).is_file()


def test_a_prefix_longer_than_a_name_may_be_is_told(save: Save) -> None:
    told = save("x" * 500)
    assert (told.code, told.codes) == (5, ["output_unwritable"])


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (".", "Is a directory"),
        ("folder", "Is a directory"),
        ("nowhere.json", "no file 'nowhere.json', and no template"),
        ("text-to-imag", "text-to-image"),
        ("dangling", "no file"),
        ("circle", "no file"),
        ("/proc/self/mem", "Input/output error"),
        ("x" * 300, "File name too long"),
        ("workflow.json/deeper", "no file"),
        ("", "no file"),
    ],
)
def test_a_workflow_that_cannot_be_read_is_named(command: Command, tmp_path: Path, file: str, words: str) -> None:
    (tmp_path / "workflow.json").write_text("{}")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    for verb in ("run", "validate", "convert-workflow"):
        told = command(verb, file, "--json")
        assert (told.code, told.codes) == (3, ["workflow_format"])
        assert words in told.json["errors"][0]["message"] + told.json["errors"][0].get("hint", "")


@pytest.mark.parametrize("folder", ["nowhere", "file"])
def test_custom_nodes_that_are_not_there_are_named(command: Command, tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("in the way")
    told = command("nodes", "--custom-nodes", folder, "--json")
    assert (told.code, told.codes) == (5, ["file_error"])
    assert folder in told.json["errors"][0]["message"]


CUSTOM = {
    "raises": "raise RuntimeError('at import')",
    "exits": "import sys; sys.exit(3)",
    "is no Python": "def (",
    "lacks a library": "import no_such_library",
    "has no mapping": "NODE_CLASS_MAPPINGS = 5",
    "has bad nodes": "NODE_CLASS_MAPPINGS = {'A': 5, 'B': type('B', (), {})}",
    "prints": "print('loading ...')",
    "recurses": "def f(): f()\nf()",
}


@pytest.mark.parametrize("name", CUSTOM)
def test_a_bad_custom_pack_stops_nobody_else(command: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "bad.py").write_text(CUSTOM[name])
    told = command("nodes", "SaveImage", "--custom-nodes", "packs", "--json")
    assert told.code == 0
    assert "SaveImage" in told.json


@pytest.mark.parametrize("body", ["return 1 / 0", "import sys; sys.exit(9)", "raise KeyboardInterrupt"])
def test_a_custom_node_that_fails_is_named(command: Command, tmp_path: Path, body: str) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "bad.py").write_text(
        "class Bad:\n"
        "    INPUT_TYPES = classmethod(lambda s: {'required': {}})\n"
        "    RETURN_TYPES, FUNCTION, OUTPUT_NODE = ('STRING',), 'go', True\n"
        f"    def go(self):\n        print('working')\n        {body}\n"
        "NODE_CLASS_MAPPINGS = {'Bad': Bad}\n"
    )
    (tmp_path / "workflow.json").write_text(json.dumps({"7": {"class_type": "Bad", "inputs": {}}}))
    told = command("run", "workflow.json", "--custom-nodes", "packs", "--json")
    if body == "raise KeyboardInterrupt":
        assert told.code == 130
    else:
        assert (told.code, told.codes) == (1, ["node_failed"])
        assert told.json["errors"][0]["node_id"] == "7"


def finished(*arguments: str | Path, cwd: Path, **options: object) -> tuple[int, str, str]:
    """Run the program as a process of its own."""
    with start(*arguments, cwd=cwd, stderr=subprocess.PIPE, **options) as process:
        out, err = process.communicate(timeout=120)
    assert b"Traceback" not in err
    return process.returncode, (out or b"").decode(), err.decode()


def test_standard_output_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        code, _, err = finished("nodes", cwd=tmp_path, stdout=full)
    assert code == 5
    assert err == "error Cannot write the answer: No space left on device. Send it elsewhere.\n"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code, _, err = finished("nodes", cwd=tmp_path, stdout=writer)
    os.close(writer)
    assert (code, err) == (141, "")


def test_a_workflow_comes_through_a_pipe(tmp_path: Path, tiny_models: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, json.dumps(text_to_image()).encode())
    os.close(writer)
    code, out, err = finished(
        "validate", "-", "--models", tiny_models, cwd=tmp_path, stdin=reader, stdout=subprocess.PIPE
    )
    os.close(reader)
    assert (code, out, err) == (0, "Valid: 7 nodes, outputs save.\n", "")


@pytest.mark.parametrize("variable", ["NO_COLOR", "PYTHONIOENCODING"])
def test_plain_terminals_get_plain_text(tmp_path: Path, variable: str) -> None:
    env = {**os.environ, variable: {"NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}[variable]}
    code, _, err = finished("nodes", "苹果", cwd=tmp_path, stdout=subprocess.PIPE, env=env)
    assert code == 2
    assert "\x1b" not in err
    assert err.startswith("error There is no node '")
