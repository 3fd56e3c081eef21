"""Places: folders, models, disks, and the port that a gateway would take."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.cli.doctor.check import Check, State

if TYPE_CHECKING:
    from inhouse.models.catalogue import ModelCatalogue

GIGA = 10**9
LITTLE, TOO_LITTLE = 5 * GIGA, GIGA // 2
"""Free space of a disk that warns, and that is not enough for a day of pictures."""


def models(catalogue: ModelCatalogue, folder: Path) -> Iterator[Check]:
    """Yield how many models of each kind are found."""
    if not folder.is_dir():
        advice = "Name another with --models, or put models there, in folders named as ComfyUI names them."
        yield Check("folder models", f"there is no {folder}", State.WARN, advice)
    for kind in catalogue.kinds():
        if names := catalogue.names(kind):
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            yield Check(f"models {kind}", f"{len(names)}: {shown}")


def folders(places: Mapping[str, Path]) -> Iterator[Check]:
    """Yield whether each folder can be written, or made."""
    for name, folder in places.items():
        existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
        if not os.access(existing, os.W_OK) or not existing.is_dir():
            advice = f"Give it to whoever runs Inhouse, or name another folder for {name}."
            yield Check(f"folder {name}", f"{existing} cannot be written", State.FAIL, advice)
            continue
        here = "can be written" if existing == folder.absolute() else "can be made"
        yield Check(f"folder {name}", f"{folder} {here}")


def disk(folder: Path) -> Check:
    """Return how much room there is where results go."""
    existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    usage = shutil.disk_usage(existing)
    found = f"{usage.free / GIGA:.1f} of {usage.total / GIGA:.1f} GB are free at {existing}"
    if usage.free < LITTLE:
        state = State.FAIL if usage.free < TOO_LITTLE else State.WARN
        return Check("disk", found, state, "Delete what is not needed, or set storage.keep_days or storage.keep_gb.")
    return Check("disk", found)


def port(host: str, number: int) -> Check:
    """Return whether a gateway could listen on a port."""
    if number == 0:
        return Check("port", "a free one will be taken")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
        except OSError as error:
            advice = "Stop what listens there, which may be a gateway, or choose another: inhouse up --port N"
            return Check("port", f"{host}:{number}: {error.strerror or error}", State.WARN, advice)
    return Check("port", f"{host}:{number} is free")
