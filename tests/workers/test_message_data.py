"""Each message, and each event, becomes a list and comes back the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workers.kit import config, job

from inhouse.engine.events import (
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodesCached,
    NodeStarted,
    Picture,
    Raised,
    RunFinished,
    RunStarted,
)
from inhouse.errors import ModelNotFoundError, OutOfMemoryError, UsageError
from inhouse.workers import messages
from inhouse.workers.base import Description, PackDescription, PackMessage
from inhouse.workers.codec import Decoder, encode
from inhouse.workers.messages import Message

ROOT = Path("/somewhere")
DESCRIPTION = Description(
    pid=7,
    devices=({"name": "cpu", "index": None},),
    versions={"torch": "2"},
    packs=(
        PackDescription("a", {"A": {"input": {}}}, {"A": ("v",)}, ROOT / "web", ROOT, "", (ROOT / "watched",)),
        PackDescription("b", problem="it is broken"),
    ),
    routes=ROOT / "a.sock",
    endpoints=(("GET", "/a/{}"),),
    changes_prompts=True,
)


def crossed(message: Message) -> Message:
    [arrived] = Decoder().feed(encode([message]))
    return arrived


@pytest.mark.parametrize(
    "message",
    [
        messages.Run(job(ROOT, ("Echo", "a"), client_id="c", extra='{"a": [1]}', attempt=2, scope="s")),
        messages.Cancel("run"),
        messages.Ask(3, "check", {"node": "A", "inputs": {"v": 1}}),
        messages.Leave(),
        messages.Told(PackMessage("said", {"a": [1, None]}, "c")),
        messages.Told(PackMessage(4, b"\x00\xff", None)),
        messages.Answer(1, {"a": 1}),
        messages.Beat(),
        messages.Begin("cpu-0", config(ROOT, reference=True, grace=1.5)),
        messages.Begin("cpu-0", config(ROOT, places=config(ROOT).places.__class__(*[ROOT] * 3))),
    ],
    ids=lambda message: type(message).__name__,
)
def test_messages(message: Message) -> None:
    assert crossed(message) == message


@pytest.mark.parametrize(
    "event",
    [
        RunStarted("run"),
        NodesCached(("1", "2")),
        NodesCached(()),
        NodeStarted("1.0.2", "1"),
        NodeProgress("1", "1", 1, 20, None),
        NodeProgress("1", "1", 0.5, 1.0, Picture(b"\xff\xd8", "image/jpeg")),
        NodeFinished("1", "1", {"images": [{"filename": "a.png"}]}, 0.25),
        NodeFinished("1", "1", None, 0.0, cached=True),
        NodeBlocked("1", "1", "no"),
        RunFinished("run", "interrupted"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_events(event: object) -> None:
    message = messages.Happened("run", (event, event))  # type: ignore[arg-type] # one of each
    assert crossed(message) == message


def test_a_failure_keeps_its_error_and_what_was_raised() -> None:
    raised = Raised("ValueError", "no", ("  File ...",))
    sent = NodeFailed(
        "1.2",
        "1",
        OutOfMemoryError("Too large.", hint="Shrink it."),
        caught=True,
        inputs={"v": [1, "x"]},
        raised=raised,
    )
    message = crossed(messages.Happened("run", (sent,)))
    assert isinstance(message, messages.Happened)
    event = message.events[0]
    assert isinstance(event, NodeFailed)
    assert (event.node_id, event.display_id, event.caught) == ("1.2", "1", True)
    assert (event.inputs, event.raised) == ({"v": [1, "x"]}, raised)
    assert type(event.error) is OutOfMemoryError
    assert event.error.as_dict() == sent.error.as_dict()


def test_a_preview_that_nobody_made_a_picture_of_is_left_behind() -> None:
    message = crossed(messages.Happened("run", (NodeProgress("1", "1", 1, 2, lambda: None),)))
    assert message == messages.Happened("run", (NodeProgress("1", "1", 1, 2, None),))


@pytest.mark.parametrize(
    "sent", [messages.Unready(ModelNotFoundError("No a.")), messages.Refusal(4, UsageError("No."))]
)
def test_refusals(sent: messages.Unready | messages.Refusal) -> None:
    arrived = crossed(sent)
    assert isinstance(arrived, type(sent))
    assert type(arrived.error) is type(sent.error)
    assert str(arrived.error) == str(sent.error)


@pytest.mark.parametrize("wrap", [messages.Ready, lambda said: messages.Answer(1, said)], ids=["ready", "answer"])
def test_descriptions(wrap: type[messages.Ready]) -> None:
    arrived = crossed(wrap(DESCRIPTION))
    said = arrived.description if isinstance(arrived, messages.Ready) else arrived.value  # type: ignore[union-attr]
    assert isinstance(said, Description)
    assert said.packs[0] == PackDescription(
        "a", {"A": {"input": {}}}, {"A": ["v"]}, ROOT / "web", ROOT, "", (ROOT / "watched",)
    )
    assert said.packs[1] == DESCRIPTION.packs[1]
    assert (said.pid, said.routes, said.endpoints, said.changes_prompts) == (
        7,
        ROOT / "a.sock",
        (("GET", "/a/{}"),),
        True,
    )
