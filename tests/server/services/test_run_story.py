"""What a run tells of itself, as a service passes it on."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Mapping
from typing import Any

import pytest
from tests.server.fakes import go

from inhouse.server.services.run_story import RunStory


def say(story: RunStory, kind: str, run_id: str | None = None, **data: Any) -> None:
    story.send(json.dumps({"type": kind, "data": {"prompt_id": run_id or story.run_id, **data}}))


async def told(story: RunStory, deadline: float = float("inf")) -> list[Mapping[str, Any]]:
    return [piece async for piece in story.pieces(deadline)]


def test_progress_and_previews_are_told_until_the_end() -> None:
    async def work() -> None:
        story = RunStory("ann")
        say(story, "execution_start")
        say(story, "progress", run_id="another", node="9", value=1, max=9)
        say(story, "progress", node="5", value=1, max=2)
        about = json.dumps({"node_id": "5", "image_type": "image/jpeg"}).encode()
        story.send(struct.pack(">II", 4, len(about)) + about + b"JPEG", droppable=True)
        story.send(b"\x00")
        say(story, "execution_success")
        picture = {"node": "5", "media_type": "image/jpeg", "data": base64.b64encode(b"JPEG").decode()}
        assert await told(story) == [
            {"progress": {"state": "started"}},
            {"progress": {"node": "5", "value": 1, "max": 2}},
            {"preview": picture},
        ]
        assert story.ended == "execution_success"

    go(work())


def test_a_failure_is_kept() -> None:
    async def work() -> None:
        story = RunStory("ann")
        say(story, "execution_error", exception_message="No.", node_id="5")
        assert await told(story) == []
        assert (story.ended, story.failure["exception_message"]) == ("execution_error", "No.")

    go(work())


def test_a_run_that_does_not_begin_in_time_is_given_up() -> None:
    async def work() -> None:
        with pytest.raises(TimeoutError):
            await told(RunStory("ann"), asyncio.get_running_loop().time() - 1)

    go(work())


def test_who_does_not_listen_loses_previews_only() -> None:
    story = RunStory("ann")
    for step in range(200):
        say(story, "progress", node="5", value=step, max=200)
    story.send(struct.pack(">II", 4, 2) + b"{}" + b"JPEG", droppable=True)
    say(story, "execution_success")
    assert all("preview" not in piece for piece in go(told(story)))
