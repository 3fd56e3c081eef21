"""Replicas as real processes: what they answer, how they die, and who hears of it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.workers.replicas.kit import (
    ANSWERS,
    DEADLINE,
    TEXTS,
    artifact,
    batch,
    behaving,
    counting,
    go,
    link,
    options,
    pipeline,
)

from inhouse.errors import RequestError, WorkerLostError, WorkerStartError
from inhouse.workers.replicas.messages import Batch, Done, Part
from inhouse.workers.replicas.process import Replica


def _answers(done: Done) -> list[Any]:
    return [outcome.outputs.get("answers", outcome.error) for outcome in done.outcomes]


def test_batches_are_answered_several_on_their_way_and_a_bad_row_spoils_no_other(tmp_path: Path) -> None:
    async def work() -> None:
        replica = Replica("one", behaving(tmp_path), tmp_path / "state", options(tmp_path))
        loaded = await replica.start()
        assert loaded.pid == replica.pid
        assert loaded.bytes > 1e6
        first, second = await asyncio.gather(replica.run(batch(1, "a", "bad", "b")), replica.run(batch(2, "c")))
        leaving = _answers(await replica.run(batch(3, "exit", "surrogate", "d")))
        assert [leaving[0]["code"], leaving[1]["code"], leaving[2]] == ["internal_error", "internal_error", b'["D"]']
        with pytest.raises(RequestError, match="cannot be passed on"):
            await replica.run(batch(4, "\ud800"))
        assert replica.given == 0
        found = _answers(first)
        assert (found[0], found[2], _answers(second)) == (b'["A"]', b'["B"]', [b'["C"]'])
        assert found[1]["code"] == "node_failed"
        assert "a bad row" in found[1]["message"]
        await replica.close(5)
        assert "exit code 0" in await replica.ended
        with pytest.raises(WorkerLostError, match="not there"):
            await replica.run(batch(4, "e"))

    go(work())


def test_a_replica_killed_in_a_batch_is_lost_to_all_that_it_had_and_another_starts_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        folder, wanted = behaving(tmp_path), options(tmp_path)
        replica = Replica("one", folder, tmp_path / "state", wanted)
        await replica.start()
        flying = [asyncio.ensure_future(replica.run(batch(number, "hang"))) for number in range(2)]
        await asyncio.sleep(0)
        assert replica.given == 2
        os.kill(replica.pid, signal.SIGKILL)
        ends = await asyncio.gather(*flying, return_exceptions=True)
        assert [type(end) for end in ends] == [WorkerLostError] * 2
        assert "was killed" in str(ends[0])
        assert "killed" in await replica.ended
        assert not replica.ready
        successor = Replica("one", folder, tmp_path / "state", wanted)
        await successor.start()
        assert _answers(await successor.run(batch(9, "again"))) == [b'["AGAIN"]']
        await successor.close(1)

    go(work())


def test_a_batch_that_kills_its_process_and_one_that_hangs_both_end_as_lost(tmp_path: Path) -> None:
    async def work() -> None:
        folder, wanted = behaving(tmp_path), options(tmp_path, batch_seconds=0.4)
        for text, said in (("kill", "was killed"), ("hang", "gave no answer for 0.4 seconds")):
            replica = Replica(text, folder, tmp_path / "state", wanted)
            await replica.start()
            with pytest.raises(WorkerLostError, match=said):
                await replica.run(batch(1, text))
            assert said in await replica.ended

    go(work())


def test_a_stream_comes_in_pieces_can_be_halted_and_says_how_it_failed(tmp_path: Path) -> None:
    async def work() -> None:
        replica = Replica("one", counting(tmp_path), tmp_path / "state", options(tmp_path))
        await replica.start()

        def asked(number: int, text: str, most: int, *, stream: bool = True) -> Batch:
            return Batch(number, [Part(number, 1, {"text": text}, parameters={"most": most})], stream=stream)

        pieces = [piece async for piece in replica.stream(asked(1, "", 3))]
        assert [piece.data["text"] for piece in pieces] == ["0", "1", "2", "012"]
        assert [piece.last for piece in pieces] == [False, False, False, True]
        whole = await replica.run(asked(2, "", 4, stream=False))
        assert whole.outcomes[0].outputs["answer"] == b'{"text":"0123"}'
        failing = [piece async for piece in replica.stream(asked(3, "fail", 9))]
        assert failing[-1].error is not None
        assert "no more" in str(failing[-1].error["message"])
        endless = replica.stream(asked(4, "", 10**9))
        assert (await anext(endless)).data["text"] == "0"
        await endless.aclose()  # type: ignore[attr-defined]
        await replica.close(DEADLINE)
        assert "exit code 0" in await replica.ended

    go(work())


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (("CannotLoad", {}), "no such weights"),
        (("ExitsAtLoad", {}), "exit code 7"),
        (("NoSuchNode", {}), "There is no node 'NoSuchNode'"),
    ],
)
def test_a_replica_that_cannot_be_ready_says_why(tmp_path: Path, first: tuple[str, dict[str, Any]], said: str) -> None:
    nodes = pipeline(
        first, ("Behave", {"texts": link("1")}), ("ServiceOutput", {"value": link("2"), "name": "answers"})
    )
    folder = artifact(tmp_path / "artifact", nodes, [TEXTS], [ANSWERS]).folder

    async def work() -> None:
        replica = Replica("one", folder, tmp_path / "state", options(tmp_path))
        with pytest.raises(WorkerStartError, match=said):
            await replica.start()
        await replica.ended

    go(work())


def test_a_folder_that_holds_no_artifact_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        with pytest.raises(WorkerStartError, match="no converted model"):
            await Replica("one", tmp_path, tmp_path / "state", options(tmp_path)).start()

    go(work())
