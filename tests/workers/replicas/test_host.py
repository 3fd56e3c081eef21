"""The inside of a replica: what its answerer does with batches, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from tests.workers.replicas.kit import ANSWERS, TEXTS, artifact, batch, link, pipeline

from inhouse import Wire, node
from inhouse.errors import NodeInputError, ServiceConflictError
from inhouse.plugins import build_registry, load_packs
from inhouse.workers.replicas.host import Answerer
from inhouse.workers.replicas.messages import Part
from inhouse.workers.replicas.pipeline import Pipeline

_Rows = Annotated[Any, Wire("*")]


@pytest.fixture
def calls() -> list[int]:
    return []


@pytest.fixture
def answerer(tmp_path: Path, calls: list[int]) -> Answerer:
    @node("Check")
    def check(*, texts: _Rows) -> _Rows:
        calls.append(len(texts))
        if "bad" in texts:
            raise NodeInputError("A row is bad.", input_name="texts")
        return texts

    nodes = pipeline(
        ("ServiceInput", {"name": "texts", "kind": "text"}),
        ("Check", {"texts": link("1")}),
        ("ServiceOutput", {"value": link("2"), "name": "answers"}),
    )
    registry = build_registry(load_packs(["inhouse.packs.inference"], installed=False)).extended([check])
    return Answerer(Pipeline(artifact(tmp_path, nodes, [TEXTS], [ANSWERS], max_batch=4), registry))


def test_a_batch_is_one_call_and_one_with_a_bad_row_is_tried_part_by_part(answerer: Answerer, calls: list[int]) -> None:
    good = answerer.answer(batch(1, "a", "b", "c"))
    assert calls == [3]
    assert [outcome.outputs["answers"] for outcome in good.outcomes] == [b'["a"]', b'["b"]', b'["c"]']
    mixed = answerer.answer(batch(2, "a", "bad"))
    assert calls == [3, 2, 1, 1]
    assert mixed.outcomes[0].error is None
    assert mixed.outcomes[1].error == {
        "code": "node_input_invalid",
        "message": "A row is bad.",
        "node_id": "2",
        "input_name": "texts",
    }


def test_warming_up_asks_for_one_row_and_for_the_most(answerer: Answerer, calls: list[int]) -> None:
    answerer.warm_up(4)
    assert calls == [1, 4]
    assert not answerer.streams


def test_what_does_not_stream_says_so(answerer: Answerer) -> None:
    with pytest.raises(ServiceConflictError, match="does not stream"):
        list(answerer.pieces(Part(1, 1, {"texts": ["a"]})))


def test_a_replica_whose_parent_is_another_process_ends_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "inhouse.workers.replicas.host", "0", "1"],
        timeout=60,
        check=False,
        stdin=subprocess.PIPE,
    )
    assert done.returncode == 0
