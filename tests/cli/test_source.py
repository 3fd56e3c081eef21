"""Where a workflow comes from."""

import io
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from inhouse.cli.source import load_workflow, templates
from inhouse.errors import WorkflowFormatError
from inhouse.workers.session import Places, Session, open_session

NODES = {"1": {"class_type": "PreviewAny", "inputs": {"source": "hello"}}}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.chdir(tmp_path)
    with open_session(Places()) as opened:
        yield opened


class Stdin:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def test_a_file(session: Session) -> None:
    Path("工作流 1.json").write_text(json.dumps(NODES))
    assert list(load_workflow(session, "工作流 1.json").nodes) == ["1"]


def test_standard_input(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Stdin(json.dumps(NODES).encode()))
    assert list(load_workflow(session, "-").nodes) == ["1"]


def test_standard_input_without_an_end_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inhouse.cli.source.MAX_BYTES", 1000)
    monkeypatch.setattr("sys.stdin", Stdin(b" " * 1001))
    with pytest.raises(WorkflowFormatError, match="more than 1,000 bytes"):
        load_workflow(session, "-")


def test_closed_standard_input_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(WorkflowFormatError, match="closed"):
        load_workflow(session, "-")


def test_a_pipe_as_shells_make_them_for_a_command(session: Session) -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=(json.dumps(NODES),))
    writer.start()
    assert list(load_workflow(session, "pipe").nodes) == ["1"]
    writer.join()


def test_every_template_is_a_workflow(session: Session) -> None:
    found = templates(session.templates)
    assert "text-to-image" in found
    for name in found:
        assert load_workflow(session, name).nodes


def test_a_folder_of_a_templates_name_does_not_hide_it(session: Session) -> None:
    Path("text-to-image").mkdir()
    assert load_workflow(session, "text-to-image").nodes


def test_a_file_of_a_templates_name_does(session: Session) -> None:
    Path("text-to-image").write_text(json.dumps(NODES))
    assert list(load_workflow(session, "text-to-image").nodes) == ["1"]


@pytest.mark.parametrize("name", ["nothing", "", "nothing.json", "a/b"])
def test_what_is_nowhere_is_answered_with_the_templates(session: Session, name: str) -> None:
    with pytest.raises(WorkflowFormatError, match=r"no template of that name.*text-to-image"):
        load_workflow(session, name)


@pytest.mark.parametrize("name", [".", "x" * 5000])
def test_what_is_no_file_is_said_to_be_none(session: Session, name: str) -> None:
    with pytest.raises(WorkflowFormatError, match="Cannot read"):
        load_workflow(session, name)
