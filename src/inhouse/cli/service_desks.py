"""Desks: where a command publishes and routes, at a gateway that runs or in the store of one that will."""

from __future__ import annotations

import contextlib
import json
import tarfile
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from inhouse.errors import ModelNotFoundError, ServiceConflictError
from inhouse.models.artifact import open_artifact
from inhouse.server.services.administration import Change, rolled_back, routed
from inhouse.storage.publishing import Published, Routing, publish_artifact, publish_remote, publish_workflow
from inhouse.storage.services import Service, Version

if TYPE_CHECKING:
    from inhouse.cli.gateway_client import GatewayClient
    from inhouse.compat.service_fields import WorkflowFields
    from inhouse.models.signing import Trust
    from inhouse.storage.service_store import ServiceStore

_OPTIONS = ("note", "replicas", "max_delay_ms", "max_batch", "max_waiting", "deadline_ms")
_NOT_HERE = "Start a gateway with `inhouse up`, or name one with --url."


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be published, and how.

    Attributes:
        name: of the service.
        version: all that is known of the version.
        routing: what it gets at once.
        artifact: a folder; None for something else.
        workflow: in the API format; None for something else.
        fields: of the workflow.

    """

    name: str
    version: Version
    routing: Routing
    artifact: Path | None = None
    workflow: Mapping[str, Any] | None = None
    fields: WorkflowFields | None = None
    expose: Sequence[str] = ()
    outputs: Sequence[str] = field(default=())


class Desk(ABC):
    """Publishes and routes."""

    where: str
    """Where that is, for people."""

    @abstractmethod
    def publish(self, order: Order) -> dict[str, Any]:
        """Publish; return ``number``, ``notes`` and the routing."""

    @abstractmethod
    def services(self) -> list[dict[str, Any]]:
        """Return a summary of each service."""

    @abstractmethod
    def show(self, name: str) -> dict[str, Any]:
        """Return all that is known of a service."""

    @abstractmethod
    def route(self, name: str, change: Change) -> dict[str, Any]:
        """Change a service's routing, and return it."""

    @abstractmethod
    def migration(self, name: str) -> dict[str, Any]:
        """Return how a canary or a shadow does beside the live version."""

    @abstractmethod
    def rollback(self, name: str) -> dict[str, Any]:
        """Take the newest step back, and return the routing."""

    @abstractmethod
    def load(self, name: str, number: int, *, unload: bool = False) -> dict[str, Any]:
        """Load or unload a version."""

    @abstractmethod
    def remove(self, name: str, number: int | None) -> dict[str, Any]:
        """Remove a version or all."""


class GatewayDesk(Desk):
    """At a gateway that runs."""

    def __init__(self, client: GatewayClient) -> None:
        self.where = client.url
        self._client = client

    def publish(self, order: Order) -> dict[str, Any]:
        """Have the gateway publish; an artifact is sent to it if it does not see the folder."""
        path = f"{_path(order.name)}/versions"
        options = {name: getattr(order.version, name) for name in _OPTIONS}
        options |= {"role": order.routing.role, "share": order.routing.share}
        if order.workflow is not None:
            places = {"expose": list(order.expose), "outputs": list(order.outputs)}
            return self._client.ask("POST", path, {**options, **places, "workflow": order.workflow})
        if order.artifact is None:
            version = order.version
            remote = {"url": version.url, "protocol": version.protocol, "secret": version.secret}
            return self._client.ask("POST", path, {**options, **remote})
        if self._client.local:
            try:
                return self._client.ask("POST", path, {**options, "artifact": str(order.artifact.absolute())})
            except ModelNotFoundError:  # it runs in a container, or as a user who may not read that
                pass
        return self._send(order.artifact, path, options)

    def services(self) -> list[dict[str, Any]]:
        """Return a summary of each service."""
        return list(self._client.ask("GET", "/services").get("services", []))

    def show(self, name: str) -> dict[str, Any]:
        """Return all that the gateway knows of a service."""
        return self._client.ask("GET", _path(name))

    def route(self, name: str, change: Change) -> dict[str, Any]:
        """Change a service's routing."""
        wanted = {key: getattr(change, key) for key in ("live", "canary", "share", "shadow", "rule")}
        given = {key: value for key, value in wanted.items() if value is not None}
        return self._client.ask("POST", f"{_path(name)}/routing", given)

    def migration(self, name: str) -> dict[str, Any]:
        """Return what the gateway measured."""
        return self._client.ask("GET", f"{_path(name)}/migration")

    def rollback(self, name: str) -> dict[str, Any]:
        """Take the newest step back."""
        return self._client.ask("POST", f"{_path(name)}/rollback")

    def load(self, name: str, number: int, *, unload: bool = False) -> dict[str, Any]:
        """Load or unload a version."""
        return self._client.ask("POST", f"{_path(name)}/versions/{number}/{'unload' if unload else 'load'}")

    def remove(self, name: str, number: int | None) -> dict[str, Any]:
        """Remove a version or all."""
        return self._client.ask("DELETE", _path(name) if number is None else f"{_path(name)}/versions/{number}")

    def _send(self, artifact: Path, path: str, options: Mapping[str, Any]) -> dict[str, Any]:
        open_artifact(artifact)
        with tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                archive.add(artifact, arcname=".")
            file.seek(0)
            return self._client.ask("POST", path, file=file, media_type="application/x-tar", query=options)


class StoreDesk(Desk):
    """In the store of a gateway that does not run."""

    def __init__(self, store: ServiceStore, trust: Trust) -> None:
        self.where = str(store.root)
        self._store = store
        self._trust = trust

    def publish(self, order: Order) -> dict[str, Any]:
        """Publish; what cannot be loaded shows when a gateway starts."""
        if order.artifact is not None:
            done = publish_artifact(self._store, order.name, order.artifact, self._trust, order.version, order.routing)
        elif order.workflow is not None:
            done = publish_workflow(self._store, order.name, order.workflow, order.version, order.routing)
        else:
            done = publish_remote(self._store, order.name, order.version, order.routing)
        return _published(done)

    def services(self) -> list[dict[str, Any]]:
        """Return a summary of each service."""
        return [_summary(self._store.read(name)) for name in self._store.names()]

    def show(self, name: str) -> dict[str, Any]:
        """Return what is stored of a service."""
        return self._store.read(name).as_dict()

    def route(self, name: str, change: Change) -> dict[str, Any]:
        """Change a service's routing."""
        return _summary(self._store.change(name, lambda service: routed(service, change)))

    def migration(self, name: str) -> dict[str, Any]:
        """Return what the last gateway wrote down."""
        service = self._store.read(name)
        told: dict[str, Any] = {"service": name, "live": service.live, "candidate": None, "events": []}
        with contextlib.suppress(OSError, ValueError):
            told |= json.loads((self._store.root / name / "migration.json").read_bytes())
        return told

    def rollback(self, name: str) -> dict[str, Any]:
        """Take the newest step back."""
        return _summary(self._store.change(name, rolled_back))

    def load(self, name: str, number: int, *, unload: bool = False) -> dict[str, Any]:
        """Refuse: nothing is loaded where nothing runs.

        Raises:
            ServiceConflictError: always.

        """
        word = "unloaded" if unload else "loaded"
        raise ServiceConflictError(f"Version {number} of {name!r} cannot be {word}: no gateway runs.", hint=_NOT_HERE)

    def remove(self, name: str, number: int | None) -> dict[str, Any]:
        """Remove a version or all."""
        self._store.remove(name, number)
        return {"name": name, "removed": "all" if number is None else number}


def _published(done: Published) -> dict[str, Any]:
    return {"number": done.number, "notes": list(done.notes), **_summary(done.service)}


def _summary(service: Service) -> dict[str, Any]:
    data = service.as_dict()
    kept = {name: data[name] for name in ("name", "live", "previous", "canary", "share", "shadow", "rule")}
    return {**kept, "versions": [version.number for version in service.versions]}


def _path(name: str) -> str:
    return f"/services/{quote(name, safe='')}"
