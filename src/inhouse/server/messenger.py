"""The messenger: what clients are told, and which of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from inhouse.compat.messages import PlainPreviewMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inhouse.compat.messages import Message
    from inhouse.server.hub import Hearer, Hub
    from inhouse.storage.records import Submission
    from inhouse.workers.base import PackMessage


class Messenger:
    """Tells each client what it may hear.

    Args:
        hub: the open sockets.
        remaining: how many runs of a user wait or run.
        plain_previews: whether clients hear previews that never said they know them, though the run does not ask.

    """

    def __init__(self, hub: Hub, remaining: Callable[[str], int], *, plain_previews: bool = True) -> None:
        self._hub = hub
        self._remaining = remaining
        self._plain_previews = plain_previews

    def status(self, user: str) -> None:
        """Tell all sockets of a user how many of their runs are left."""
        sockets = self._hub.of(user)
        if sockets:
            data = {"status": {"exec_info": {"queue_remaining": self._remaining(user)}}}
            _send(sockets, _text("status", data))

    def listens(self, user: str) -> bool:
        """Whether a user has a socket open."""
        return bool(self._hub.of(user))

    def welcome(self, socket: Hearer, running: str | None) -> None:
        """Tell a new socket who it is, how much is left, and which node runs for it."""
        exec_info = {"queue_remaining": self._remaining(socket.user)}
        data = {"status": {"exec_info": exec_info}, "sid": socket.sid}
        socket.send(_text("status", data))
        if running is not None:
            socket.send(_text("executing", {"node": running}))

    def idle(self, submission: Submission) -> None:
        """Tell the client of a run that nothing of it runs any more."""
        sockets = self._hub.of(submission.user, submission.client_id) if submission.client_id is not None else ()
        if sockets:
            _send(sockets, _text("executing", {"node": None, "prompt_id": submission.id}))

    def tell(self, submission: Submission, messages: Iterable[Message]) -> None:
        """Send what a run has to say: to the client that asked for it, or where that is told, to all of its user."""
        user, client = submission.user, submission.client_id
        for message in messages:
            if isinstance(message, PlainPreviewMessage) and not self._hears_plain(submission):
                continue
            if client is not None:
                sockets = self._hub.of(user, client)
            else:
                sockets = self._hub.of(user) if message.to_all_without_client else ()
            for socket in sockets:
                frame = message.frame(with_metadata=socket.previews_with_metadata)
                if frame is not None:
                    socket.send(frame, droppable=message.droppable)

    def _hears_plain(self, submission: Submission) -> bool:
        if self._plain_previews or "preview_method" not in submission.extra:  # most do not ask, and theirs may be long
            return self._plain_previews
        return orjson.loads(submission.extra).get("preview_method") not in (None, "none", "default")

    def log(self, client_id: str, data: Any) -> None:
        """Send new lines of the log to a client that asked for them."""
        for user in self._hub.users():
            _send(self._hub.of(user, client_id), _text("logs", data))

    def pack(self, message: PackMessage, user: str | None) -> None:
        """Send what a custom pack has to say."""
        frame = _pack_frame(message)
        for one in (user,) if user is not None else self._hub.users():
            _send(self._hub.of(one, message.client_id), frame)


def _send(sockets: Iterable[Hearer], frame: str | bytes) -> None:
    for socket in sockets:
        socket.send(frame)


def _text(kind: str, data: Any) -> str:
    return orjson.dumps({"type": kind, "data": data}).decode()


def _pack_frame(message: PackMessage) -> str | bytes:
    if isinstance(message.event, int):
        data: Any = message.data
        return message.event.to_bytes(4, "big") + (data if isinstance(data, bytes) else bytes(data))
    return orjson.dumps({"type": message.event, "data": message.data}, default=str).decode()
