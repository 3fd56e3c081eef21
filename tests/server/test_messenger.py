from collections.abc import Callable
from typing import Any

import orjson
import pytest
from starlette.websockets import WebSocket

from inhouse.compat.narration import Narrator
from inhouse.engine.events import NodeProgress, NodeStarted, Picture, RunStarted
from inhouse.server.hub import Hub, Socket
from inhouse.server.messenger import Messenger
from inhouse.storage.records import Submission
from inhouse.workers.base import PackMessage


async def _nothing(*_: Any) -> Any:
    """Do nothing: these sockets are never read."""


class Room:
    """A messenger, and sockets of two people."""

    def __init__(self, *, plain_previews: bool = True) -> None:
        self.hub = Hub()
        remaining = {"ann": 2, "ben": 0}.__getitem__
        self.messenger = Messenger(self.hub, remaining, plain_previews=plain_previews)
        places = (("ann", "a1"), ("ann", "a2"), ("ben", "b1"), ("ben", "a1"))
        self.sockets = [Socket(WebSocket({"type": "websocket"}, _nothing, _nothing), *place) for place in places]
        for socket in self.sockets:
            self.hub.enter(socket)

    def heard(self) -> list[list[Any]]:
        """Return what waits for each socket, and take it away."""
        found = [[_plain(frame) for frame, _ in socket._frames] for socket in self.sockets]
        for socket in self.sockets:
            socket._frames.clear()
        return found


def _plain(frame: str | bytes) -> Any:
    return orjson.loads(frame) if isinstance(frame, str) else frame


def _types(heard: list[list[Any]]) -> list[list[Any]]:
    return [[each["type"] if isinstance(each, dict) else each[3] for each in one] for one in heard]


def test_a_user_hears_how_many_of_their_own_runs_are_left() -> None:
    room = Room()
    room.messenger.status("ann")
    status = {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 2}}}}
    assert room.heard() == [[status], [status], [], []]


@pytest.mark.parametrize(("running", "types"), [(None, ["status"]), ("7", ["status", "executing"])])
def test_a_new_socket_is_told_its_name_and_what_runs_for_it(running: str | None, types: list[str]) -> None:
    room = Room()
    room.messenger.welcome(room.sockets[2], running)
    first, *rest = room.heard()[2]
    assert first["data"] == {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "b1"}
    assert [first["type"], *(each["type"] for each in rest)] == types
    assert all(each["data"] == {"node": "7"} for each in rest)


@pytest.mark.parametrize(
    ("client", "types"),
    [
        ("a1", [["execution_start", "progress_state", "executing"], [], [], []]),
        ("nobody", [[], [], [], []]),
        (None, [["progress_state"], ["progress_state"], [], []]),
    ],
)
def test_a_run_is_told_to_its_client_and_without_one_in_part_to_its_user(client: str | None, types: list[Any]) -> None:
    room = Room()
    run = Submission("run", "ann", 0, "{}", client_id=client)
    narrator = Narrator("run", client, {"1": {"class_type": "X"}})
    for event in (RunStarted("run"), NodeStarted("1", "1")):
        room.messenger.tell(run, narrator.hear(event))
    assert _types(room.heard()) == types


def test_a_preview_has_the_form_that_its_client_reads_and_may_be_dropped() -> None:
    room = Room()
    run = Submission("run", "ann", 0, "{}")
    room.sockets[0].previews_with_metadata = True
    narrator = Narrator("run", None, {"1": {"class_type": "X"}})
    narrator.hear(NodeStarted("1", "1"))
    room.messenger.tell(run, narrator.hear(NodeProgress("1", "1", 1, 2, Picture(b"\xff\xd8", "image/jpeg"))))
    droppable = [[flag for frame, flag in socket._frames if isinstance(frame, bytes)] for socket in room.sockets]
    assert all(flag for one in droppable for flag in one)
    kinds = {kind for one in _types(room.heard()) for kind in one}
    assert kinds >= {"progress", 1}


@pytest.mark.parametrize(
    ("extra", "heard"),
    [
        ("{}", [[4], []]),
        ('{"preview_method": "none"}', [[4], []]),
        ('{"preview_method": "default"}', [[4], []]),
        ('{"preview_method": "latent2rgb"}', [[4], [1]]),
    ],
)
def test_who_never_said_that_it_knows_previews_hears_none_unless_its_run_asks(extra: str, heard: list[Any]) -> None:
    """Clients that know none take them for results."""
    room = Room(plain_previews=False)
    room.sockets[0].previews_with_metadata = True
    narrator = Narrator("run", None, {"1": {"class_type": "X"}})
    narrator.hear(NodeStarted("1", "1"))
    told = narrator.hear(NodeProgress("1", "1", 1, 2, Picture(b"\xff\xd8", "image/jpeg")))
    room.messenger.tell(Submission("run", "ann", 0, "{}", extra), told)
    assert [[kind for kind in one if isinstance(kind, int)] for one in _types(room.heard()[:2])] == heard


@pytest.mark.parametrize(("client", "heard"), [("a1", [1, 0, 0, 0]), (None, [0, 0, 0, 0])])
def test_the_end_of_a_run_is_told_to_its_client(client: str | None, heard: list[int]) -> None:
    room = Room()
    room.messenger.idle(Submission("run", "ann", 0, "{}", client_id=client))
    assert [len(each) for each in room.heard()] == heard


def test_logs_go_to_who_asked_for_them() -> None:
    room = Room()
    room.messenger.log("a2", {"entries": []})
    assert _types(room.heard()) == [[], ["logs"], [], []]


@pytest.mark.parametrize(
    ("client", "user", "heard"),
    [
        (None, "ann", [1, 1, 0, 0]),
        ("a1", "ann", [1, 0, 0, 0]),
        (None, None, [1, 1, 1, 1]),
        ("b1", "ann", [0, 0, 0, 0]),
    ],
)
def test_a_pack_in_a_users_run_talks_to_that_user_only(client: str | None, user: str | None, heard: list[int]) -> None:
    room = Room()
    room.messenger.pack(PackMessage("weather", {"sun": True}, client), user)
    assert [len(each) for each in room.heard()] == heard


@pytest.mark.parametrize(
    ("message", "check"),
    [
        (PackMessage(3, b"text"), lambda frame: frame == b"\0\0\0\3text"),
        (PackMessage("odd", {"path": {1, 2}.__class__}), lambda frame: frame["type"] == "odd"),
    ],
)
def test_whatever_a_pack_says_can_be_sent(message: PackMessage, check: Callable[[Any], bool]) -> None:
    room = Room()
    room.messenger.pack(message, "ben")
    assert check(room.heard()[2][0])
