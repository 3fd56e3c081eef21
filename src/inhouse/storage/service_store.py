"""The store of services: each a folder with its description, which is replaced whole, and the versions' files."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from inhouse.errors import OutputError, ServiceConflictError, ServiceNotFoundError, StorageError, StorageOwnedError
from inhouse.files import write_atomic
from inhouse.storage.ownership import FileLock
from inhouse.storage.services import Service, Version

NAME = "service.json"
Stamp: TypeAlias = tuple[int, int]
"""What the disk says of a description: number and time of change; another one means another content."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
RESERVED = frozenset({"openapi.json"})
"""What lies beside services under their address."""
_LOCK_SECONDS = 10.0
_PAUSE_SECONDS = 0.01


class ServiceStore:
    """Published services below a folder. Several processes may work with one; readers never wait.

    Args:
        root: the folder, ``<state>/services``.

    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """Return the names of all services, sorted."""
        return sorted(self.stamps())

    def stamps(self) -> Mapping[str, Stamp]:
        """Return each service's stamp, by name."""
        found: dict[str, Stamp] = {}
        try:
            entries = [entry.name for entry in os.scandir(self.root) if _NAME.fullmatch(entry.name)]
        except OSError:  # nothing was ever published
            return found
        for name in entries:
            try:
                status = os.stat(self.root / name / NAME)  # noqa: PTH116 - asked for once a second, for all
            except OSError:
                continue
            found[name] = (status.st_ino, status.st_mtime_ns)
        return found

    def folder(self, name: str, number: int) -> Path:
        """Return the place of a version's files."""
        return self.root / checked_name(name) / "versions" / str(number)

    def read(self, name: str) -> Service:
        """Return a service.

        Raises:
            ServiceNotFoundError: there is none of that name.
            StorageError: its description cannot be read.

        """
        try:
            return Service.from_dict(json.loads((self.root / checked_name(name) / NAME).read_bytes()))
        except FileNotFoundError as error:
            raise ServiceNotFoundError(
                f"There is no service {name!r}.", hint="`inhouse services list` shows which there are."
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"The description of service {name!r} cannot be read.", hint="Restore its service.json, or publish it."
            ) from error

    def change(self, name: str, change: Callable[[Service], Service]) -> Service:
        """Replace a service's description by what ``change`` returns for it; nobody else's change comes between.

        Raises:
            ServiceNotFoundError: there is no such service.
            StorageError: it cannot be read or written, or others keep it locked.

        """
        with self._locked():
            return self._write(change(self.read(name)))

    def add(
        self, name: str, version: Version, fill: Callable[[Path], None], route: Callable[[Service, int], Service]
    ) -> Service:
        """Add a version; whole or not at all.

        Args:
            name: of the service, which is made if there is none.
            version: all about it but its number, which is the next one.
            fill: writes its files into an empty folder; what it raises ends it.
            route: from the service with the version, and its number, to the service as it is to be.

        Raises:
            ServiceNotFoundError: no service can have that name.
            OutputError: the disk is full.
            StorageError: as ``change``.

        """
        versions = self.root / checked_name(name) / "versions"
        try:
            versions.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = Path(tempfile.mkdtemp(prefix=".new-", dir=versions))
        except OSError as error:
            raise OutputError(f"Cannot write {versions}: {error.strerror}.", hint="Free some space there.") from error
        try:
            fill(beside)
            with self._locked():
                service = self.read(name) if (self.root / name / NAME).exists() else Service(name)
                number = max(service.last, *(item.number for item in service.versions), 0) + 1
                place = versions / str(number)
                shutil.rmtree(place, ignore_errors=True)  # of somebody who died before it had a number
                beside.rename(place)
                kept = (*service.versions, replace(version, number=number, created=version.created or time.time()))
                return self._write(route(replace(service, versions=kept, last=number), number))
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def remove(self, name: str, number: int | None = None) -> None:
        """Remove a version, or the whole service.

        Raises:
            ServiceNotFoundError: there is no such service or version.
            ServiceConflictError: the version gets calls.
            StorageError: as ``change``.

        """
        with self._locked():
            service = self.read(name)
            if number is None:
                (self.root / name / NAME).unlink()
                shutil.rmtree(self.root / name, ignore_errors=True)
                return
            find(service, number)
            role = service.roles.get(number, "")
            if role and role != "previous":
                raise ServiceConflictError(
                    f"Version {number} of {name!r} is its {role} version.", hint="Route its calls elsewhere before."
                )
            kept = tuple(item for item in service.versions if item.number != number)
            self._write(replace(service, versions=kept, previous=None if role else service.previous))
            shutil.rmtree(self.folder(name, number), ignore_errors=True)

    def _write(self, service: Service) -> Service:
        content = json.dumps(service.as_dict(), indent=1).encode() + b"\n"
        write_atomic(self.root / service.name / NAME, lambda file: file.write(content), mode=0o600)
        return service

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the store's lock, which nobody holds for longer than a description takes to write."""
        until = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                lock = FileLock(self.root / ".lock")
                break
            except StorageOwnedError as error:
                if time.monotonic() > until:
                    raise StorageError("Somebody else keeps the services locked.", hint="Try again.") from error
                time.sleep(_PAUSE_SECONDS)
        try:
            yield
        finally:
            lock.release()


def checked_name(name: str) -> str:
    """Return a name that a service can have.

    Raises:
        ServiceNotFoundError: none can have it.

    """
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise ServiceNotFoundError(
            f"No service can have the name {name[:100]!r}.",
            hint="Use up to 100 letters, digits, -, _ and dots, of which none comes first.",
        )
    return name


def find(service: Service, number: int | None) -> Version:
    """Return a version of a service.

    Raises:
        ServiceNotFoundError: it has none of that number.

    """
    version = service.version(number)
    if version is None:
        there = ", ".join(str(item.number) for item in service.versions) or "none"
        asked = "live version" if number is None else f"version {number}"
        raise ServiceNotFoundError(f"Service {service.name!r} has no {asked}.", hint=f"There are: {there}.")
    return version
