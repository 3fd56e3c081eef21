"""Joining: neighbouring events of one run become one message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.workers.messages import Happened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inhouse.engine.events import Event
    from inhouse.workers.messages import Message


def joined(messages: Iterable[Message]) -> list[Message]:
    """Return the messages in their order, with neighbouring events of one run in one."""
    done: list[Message] = []
    run_id = ""
    events: list[Event] = []
    for message in messages:
        if events and not (isinstance(message, Happened) and message.run_id == run_id):
            done.append(Happened(run_id, tuple(events)))
            events = []
        if isinstance(message, Happened):
            run_id = message.run_id
            events += message.events
        else:
            done.append(message)
    return [*done, Happened(run_id, tuple(events))] if events else done
