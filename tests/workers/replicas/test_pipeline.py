"""Pipelines: compiled once, called once a batch; what cannot be one is named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from tests.workers.replicas.kit import ANSWERS, TEXTS, artifact, link, pipeline

from inhouse import Context, Lazy, Registry, Result, Wire, node
from inhouse.errors import NodeExecutionError, OutOfMemoryError, WorkflowInvalidError
from inhouse.models.artifact import Artifact
from inhouse.plugins import build_registry, load_packs
from inhouse.workers.replicas.pipeline import Pipeline

_Rows = Annotated[Any, Wire("TEXTS")]


class _Log(list[str]):
    """What ran, in order."""


@node("Suffix")
def _suffix(*, context: Context) -> str:
    context.service(_Log).append("suffix")
    return context.service(Artifact).name


@node("Add")
def _add(*, texts: _Rows, suffix: str) -> _Rows:
    if texts == ["bad"]:
        raise ValueError("no good")
    if texts == ["large"]:
        raise MemoryError
    return [text + suffix for text in texts]


@node("Wrapped")
def _wrapped(*, texts: _Rows) -> _Rows:
    return Result((texts,))


@node("LazyOne")
def _lazy(*, texts: Annotated[Any, Wire("TEXTS"), Lazy()]) -> _Rows:
    return texts


@node("Later")
async def _later(*, texts: _Rows) -> _Rows:
    return texts


@node("Listed")
def _listed(*, texts: _Rows) -> list[str]:
    return list(texts)


@pytest.fixture(scope="module")
def registry() -> Registry:
    own = build_registry(load_packs(["inhouse.packs.inference"], installed=False))
    return own.extended([_suffix, _add, _wrapped, _lazy, _later, _listed])


def _made(root: Path, *nodes: tuple[str, Any]) -> Artifact:
    return artifact(root, pipeline(*nodes), [TEXTS], [ANSWERS])


_IN = ("ServiceInput", {"name": "texts", "kind": "text"})


def _out(source: str, name: str = "answers") -> tuple[str, Any]:
    return ("ServiceOutput", {"value": link(source), "name": name})


def test_what_depends_on_no_input_runs_once_and_all_else_once_a_batch(tmp_path: Path, registry: Registry) -> None:
    log = _Log()
    nodes: tuple[tuple[str, Any], ...] = (
        _IN,
        ("Suffix", {}),
        ("Add", {"texts": link("1"), "suffix": link("2")}),
        ("Wrapped", {"texts": link("3")}),
        _out("4"),
    )
    compiled = Pipeline(_made(tmp_path, *nodes), registry, {_Log: log})
    assert compiled.run({"texts": ["a", "b"]}) == {"answers": ["amade-by-hand", "bmade-by-hand"]}
    assert compiled.run({"texts": ["c"]}) == {"answers": ["cmade-by-hand"]}
    assert log == ["suffix"]


def test_a_node_that_fails_is_named(tmp_path: Path, registry: Registry) -> None:
    compiled = Pipeline(_made(tmp_path, _IN, ("Add", {"texts": link("1"), "suffix": "!"}), _out("2")), registry)
    with pytest.raises(NodeExecutionError, match=r"Node 2 \(Add\) failed: ValueError: no good") as failed:
        compiled.run({"texts": ["bad"]})
    assert failed.value.node_id == "2"
    with pytest.raises(OutOfMemoryError):
        compiled.run({"texts": ["large"]})


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ((_IN, ("LazyOne", {"texts": link("1")}), _out("2")), "only when it asks"),
        ((_IN, ("Later", {"texts": link("1")}), _out("2")), "asynchronous"),
        ((_IN, ("Listed", {"texts": link("1")}), _out("2")), "lists that are mapped"),
        ((_IN, _out("1", "answer")), "no field 'answer'"),
        ((_IN, _out("1"), _out("1")), "two nodes for the field 'answers'"),
        ((_IN,), "No ServiceOutput gives the field 'answers'"),
        ((_IN, _out("1"), ("Add", {"texts": link("9"), "suffix": ""}), _out("3")), "node '9', which is not there"),
        ((("ServiceInput", {"name": "words", "kind": "text"}), _out("1")), "no field 'words'"),
        ((_IN, ("Nothing", {}), _out("2")), "There is no node 'Nothing'"),
        ((_IN, ("ServiceOutput", {"value": "typed", "name": "answers"})), "comes from a node"),
    ],
)
def test_a_workflow_that_is_no_pipeline_is_refused_with_its_faults(
    tmp_path: Path, registry: Registry, nodes: tuple[tuple[str, Any], ...], said: str
) -> None:
    with pytest.raises(WorkflowInvalidError, match=said):
        Pipeline(_made(tmp_path, *nodes), registry)
