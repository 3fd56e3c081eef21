from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.published import Bench, FakeProcesses, call

from inhouse.errors import ReceiptError, ServiceConflictError, WorkerStartError
from inhouse.models.signature import Field
from inhouse.server.services.crew import Crew
from inhouse.server.services.model_target import ModelTarget
from inhouse.storage.services import Version

pytestmark = pytest.mark.anyio


def target(folder: Path, processes: FakeProcesses, version: Version | None = None, **traits: Any) -> ModelTarget:
    bench = Bench.at(folder)
    place = bench.artifact(**traits)
    return ModelTarget("minilm", version or Version(3, "artifact"), place, Crew(processes, lambda: bench.trust))


async def test_it_loads_answers_and_unloads(tmp_path: Path) -> None:
    processes = FakeProcesses(answering=True)
    one = target(tmp_path, processes, Version(3, "artifact", replicas=2))
    assert (one.state, one.nbytes) == ("unloaded", 0)
    assert one.wanted > 0
    await one.load()
    assert (one.state, one.nbytes) == ("ready", 2_000_000)
    assert (await one.call(call())).version == 3
    assert one.stats["replicas"] == [1, 2]
    assert one.stats["rows"] == 1
    await one.unload()
    assert (one.state, one.nbytes, one.wanted) == ("unloaded", 0, 2_000_000)
    assert all(process.closed for process in processes.made)
    await one.load()
    assert (await one.call(call())).version == 3
    await one.unload()


async def test_its_card_is_known_before_it_is_loaded(tmp_path: Path) -> None:
    card = target(tmp_path, FakeProcesses(), max_batch=16).card
    assert (card.task, card.max_batch, card.streams) == ("embeddings", 16, False)
    assert [field.name for field in card.fields_in] == ["texts"]


async def test_it_is_checked_against_its_receipt_at_every_loading(tmp_path: Path) -> None:
    processes = FakeProcesses()
    one = target(tmp_path, processes)
    (tmp_path / "minilm" / "model.onnx").write_bytes(b"other")
    with pytest.raises(ReceiptError, match="not the file that was verified"):
        await one.load()
    assert (one.state, processes.made) == ("failed", [])


async def test_one_process_that_cannot_be_started_ends_the_others(tmp_path: Path) -> None:
    processes = FakeProcesses(refusals=[None, WorkerStartError("no memory")])
    one = target(tmp_path, processes, Version(1, "artifact", replicas=2))
    with pytest.raises(WorkerStartError, match="no memory"):
        await one.load()
    assert (one.state, [process.closed for process in processes.made]) == ("failed", [True, True])


async def test_only_a_chat_streams(tmp_path: Path) -> None:
    with pytest.raises(ServiceConflictError):
        target(tmp_path, FakeProcesses()).stream(call())
    chat = target(
        tmp_path, FakeProcesses(), name="smol", task="chat", fields_in=(Field("messages", "messages", rows=False),)
    )
    assert chat.card.streams
