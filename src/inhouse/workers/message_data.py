"""Messages as JSON-ready lists and back: a message's name, then its fields; pictures stand apart, as blobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.engine import events
from inhouse.engine.events import NodeFailed, NodeProgress, NodesCached, Picture, Raised
from inhouse.files import Folders
from inhouse.workers import messages
from inhouse.workers.base import Description, Job, PackDescription, PackMessage
from inhouse.workers.config import WorkerConfig
from inhouse.workers.errors_as_data import read_error, write_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inhouse.engine.events import Event
    from inhouse.workers.messages import Message

_EVENTS: Mapping[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        events.RunStarted,
        events.NodesCached,
        events.NodeStarted,
        events.NodeProgress,
        events.NodeFinished,
        events.NodeFailed,
        events.NodeBlocked,
        events.RunFinished,
    )
}


def write_message(message: Message, blobs: list[bytes]) -> list[Any]:
    """Return a message as a list.

    Args:
        message: the message.
        blobs: gets what is no JSON; the list has its place there.

    """
    cls = type(message)
    writer = _WRITERS.get(cls)
    values = _fields(message).values() if writer is None else writer(message, blobs)
    return [cls.__name__, *values]


def read_message(written: Sequence[Any], blobs: Sequence[bytes]) -> Message:
    """Return the message that ``write_message`` wrote; raises LookupError, TypeError or the like if it wrote none."""
    name, *values = written
    return _READERS[name](*values, blobs)


# -- writing ----------------------------------------------------------------------------------------------------------


def _write_answer(message: messages.Answer, _: list[bytes]) -> list[Any]:
    if isinstance(message.value, Description):
        return [message.number, None, _write_said(message.value)]
    return [message.number, message.value, None]


def _write_said(said: Description) -> dict[str, Any]:
    return _fields(said, packs=[_fields(pack) for pack in said.packs])


def _write_happened(message: messages.Happened, blobs: list[bytes]) -> list[Any]:
    return [message.run_id, [_write_event(event, blobs) for event in message.events]]


def _write_told(message: messages.Told, blobs: list[bytes]) -> list[Any]:
    told = message.message
    if isinstance(told.data, bytes | bytearray | memoryview):
        return [told.event, None, told.client_id, told.run_id, _blob(bytes(told.data), blobs)]
    return [told.event, told.data, told.client_id, told.run_id, None]


def _write_event(event: Event, blobs: list[bytes]) -> list[Any]:
    values = [getattr(event, name) for name in event.__slots__]
    if isinstance(event, NodeProgress):
        picture = event.preview
        values[-1] = [_blob(picture.data, blobs), picture.media_type] if isinstance(picture, Picture) else None
    elif isinstance(event, NodeFailed):
        values[2] = write_error(event.error)
        values[-1] = None if event.raised is None else _fields(event.raised)
    return [type(event).__name__, *values]


def _fields(value: Any, **instead: Any) -> dict[str, Any]:
    return {name: instead[name] if name in instead else getattr(value, name) for name in value.__slots__}


def _folders(folders: Folders) -> dict[str, str]:
    return {"input": str(folders.input), "output": str(folders.output), "temp": str(folders.temp)}


def _blob(data: bytes, blobs: list[bytes]) -> int:
    blobs.append(data)
    return len(blobs) - 1


_WRITERS: Mapping[type[Any], Callable[[Any, list[bytes]], Sequence[Any]]] = {
    messages.Begin: lambda message, _: [message.name, message.config.as_dict()],
    messages.Run: lambda message, _: [_fields(message.job, folders=_folders(message.job.folders))],
    messages.Ready: lambda message, _: [_write_said(message.description)],
    messages.Answer: _write_answer,
    messages.Unready: lambda message, _: [write_error(message.error)],
    messages.Happened: _write_happened,
    messages.Told: _write_told,
    messages.Refusal: lambda message, _: [message.number, write_error(message.error)],
}

# -- reading ----------------------------------------------------------------------------------------------------------


def _read_happened(run_id: str, happened: list[list[Any]], blobs: Sequence[bytes]) -> Message:
    return messages.Happened(run_id, tuple(_read_event(event, blobs) for event in happened))


def _read_event(written: list[Any], blobs: Sequence[bytes]) -> Event:
    name, *values = written
    cls = _EVENTS[name]
    if cls is NodesCached:
        values[0] = tuple(values[0])
    elif cls is NodeProgress and values[-1] is not None:
        values[-1] = Picture(blobs[values[-1][0]], values[-1][1])
    elif cls is NodeFailed:
        values[2] = read_error(values[2])
        if (raised := values[-1]) is not None:
            values[-1] = Raised(raised["kind"], raised["message"], tuple(raised["traceback"]))
    event: Event = cls(*values)
    return event


def _read_run(job: dict[str, Any], _: Sequence[bytes]) -> Message:
    given = job["folders"]
    folders = Folders(Path(given["input"]), Path(given["output"]), Path(given["temp"]))
    return messages.Run(Job(**{**job, "folders": folders, "targets": tuple(job["targets"])}))


def _read_said(said: dict[str, Any]) -> Description:
    packs = tuple(_read_pack(pack) for pack in said["packs"])
    endpoints = tuple((method, path) for method, path in said["endpoints"])
    return Description(**{**said, "packs": packs, "routes": _path(said["routes"]), "endpoints": endpoints})


def _read_pack(pack: dict[str, Any]) -> PackDescription:
    paths = {"web": _path(pack["web"]), "folder": _path(pack["folder"])}
    return PackDescription(**{**pack, **paths, "watches": tuple(map(Path, pack["watches"]))})


def _read_told(
    event: str | int, data: Any, client: str | None, run_id: str | None, blob: int | None, blobs: Sequence[bytes]
) -> Message:
    return messages.Told(PackMessage(event, data if blob is None else blobs[blob], client, run_id))


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)


_READERS: Mapping[str, Callable[..., Message]] = {
    "Begin": lambda name, config, _: messages.Begin(name, WorkerConfig.from_dict(config)),
    "Run": _read_run,
    "Cancel": lambda run_id, _: messages.Cancel(run_id),
    "Ask": lambda number, question, details, _: messages.Ask(number, question, details),
    "Leave": lambda _: messages.Leave(),
    "Ready": lambda said, _: messages.Ready(_read_said(said)),
    "Unready": lambda error, _: messages.Unready(read_error(error)),
    "Happened": _read_happened,
    "Told": _read_told,
    "Answer": lambda number, value, said, _: messages.Answer(number, value if said is None else _read_said(said)),
    "Refusal": lambda number, error, _: messages.Refusal(number, read_error(error)),
    "Beat": lambda _: messages.Beat(),
}
