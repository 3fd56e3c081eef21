"""Administration: publishing to a running gateway, and routing what is published."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from inhouse.compat.document import read_workflow
from inhouse.compat.prompt import write_prompt
from inhouse.compat.service_fields import fields_of_workflow
from inhouse.errors import (
    InhouseError,
    ModelTooLargeError,
    OverloadedError,
    PublishError,
    ReceiptError,
    ServiceConflictError,
)
from inhouse.models.artifact import NAME as ARTIFACT
from inhouse.server.services.unpacking import only_folder, unpack
from inhouse.storage.publishing import Published, Routing, publish_artifact, publish_remote, publish_workflow
from inhouse.storage.service_store import find
from inhouse.storage.services import Rule, Service, Version

if TYPE_CHECKING:
    from inhouse.engine.registry import Registry
    from inhouse.models.signing import Trust
    from inhouse.server.services.directory import Services

_IDLE = Routing("idle")


@dataclass(frozen=True, slots=True)
class Change:
    """How a service's calls are to be routed; None leaves a thing as it is.

    Attributes:
        live: the version that answers.
        canary: the version that gets a share; 0 for none.
        share: of the calls that the canary gets, above 0 and at most 1.
        shadow: the version that gets a copy of every call; 0 for none.
        rule: by which a canary or shadow is promoted or taken back; empty for none.

    """

    live: int | None = None
    canary: int | None = None
    share: float | None = None
    shadow: int | None = None
    rule: Mapping[str, Any] | None = None


class Administration:
    """Changes what is published. A version is loaded before it gets calls; if it cannot be, all stays as it was.

    Args:
        services: of the gateway.
        registry: gives the nodes that there are.
        trust: gives whose receipts are believed; it reads files.
        unpacked: bytes that an archive may unpack to.

    """

    def __init__(
        self, services: Services, registry: Callable[[], Registry], trust: Callable[[], Trust], unpacked: int
    ) -> None:
        self._services = services
        self._store = services.store
        self._registry = registry
        self._trust = trust
        self._unpacked = unpacked

    async def publish_folder(self, name: str, folder: Path, version: Version, routing: Routing) -> Published:
        """Publish an artifact that lies on the gateway's disk.

        Raises:
            ModelError, ServiceError: it is refused, or cannot be loaded; why is said.

        """

        def publish() -> Published:
            return publish_artifact(self._store, name, folder, self._trust(), version, _IDLE)

        return await self._take_up(await asyncio.to_thread(publish), routing)

    async def publish_archive(self, name: str, archive: BinaryIO, version: Version, routing: Routing) -> Published:
        """Publish an artifact that was sent as a tar or zip archive.

        Raises:
            RequestError, PathEscapeError, TooLargeError: it is no archive of files.
            ModelError, ServiceError: it is refused, or cannot be loaded; why is said.

        """

        def publish() -> Published:
            self._store.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".upload-", dir=self._store.root) as folder:
                unpack(archive, Path(folder), self._unpacked)
                artifact = only_folder(Path(folder), ARTIFACT)
                return publish_artifact(self._store, name, artifact, self._trust(), version, _IDLE)

        return await self._take_up(await asyncio.to_thread(publish), routing)

    async def publish_document(
        self,
        name: str,
        document: bytes,
        version: Version,
        routing: Routing,
        expose: tuple[str, ...] = (),
        outputs: tuple[str, ...] = (),
    ) -> Published:
        """Publish a workflow, as a canvas saves it or in the API format.

        Raises:
            WorkflowError, UsageError, ServiceError: it is refused; why is said.

        """

        def publish() -> Published:
            registry = self._registry()
            workflow = read_workflow(document, registry)
            found = fields_of_workflow(workflow, registry, expose, outputs)
            described = replace(
                version, fields_in=found.fields_in, fields_out=found.fields_out, bindings=found.bindings
            )
            return publish_workflow(self._store, name, write_prompt(workflow), described, _IDLE)

        return await self._take_up(await asyncio.to_thread(publish), routing)

    async def publish_address(self, name: str, version: Version, routing: Routing) -> Published:
        """Publish an endpoint elsewhere; it takes and gives what the live version does, unless ``version`` says.

        Raises:
            ServiceError: it is refused; why is said.

        """
        route = self._services.routes.get(name)
        if not version.fields_out and route is not None and route.live is not None:
            card = route.live.target.card
            version = replace(version, fields_in=tuple(card.fields_in), fields_out=tuple(card.fields_out))
        published = await asyncio.to_thread(publish_remote, self._store, name, version, _IDLE)
        return await self._take_up(published, routing)

    async def route(self, name: str, change: Change) -> Service:
        """Route a service's calls otherwise, in one step.

        Raises:
            ServiceNotFoundError: there is no such service or version.
            ServiceConflictError: the change does not fit.
            InhouseError: a version cannot be loaded; why is said.

        """
        await self._services.refresh(name)
        for number in {change.live, change.canary, change.shadow} - {None, 0}:
            await self.load(name, number or 0)
        return await self._change(name, lambda service: routed(service, change))

    async def rollback(self, name: str) -> Service:
        """Take a canary or shadow away, or else let the version before answer again.

        Raises:
            ServiceNotFoundError: there is no such service.
            ServiceConflictError: there is nothing to take back.
            InhouseError: the version before cannot be loaded.

        """
        await self._services.refresh(name)
        service = self._services.route(name).service
        if service.canary is None and service.shadow is None and service.previous is not None:
            await self.load(name, service.previous)
        return await self._change(name, rolled_back)

    async def load(self, name: str, number: int) -> None:
        """Load a version.

        Raises:
            ServiceNotFoundError: there is no such service or version.
            InhouseError: it cannot be loaded; why is said.

        """
        await self._services.refresh(name)
        route = self._services.route(name)
        if number in route.problems and number not in route.slots:
            raise PublishError(route.problems[number])
        slot = self._services.slot(name, number)
        try:
            await self._services.memory.load(slot)
        except (OverloadedError, ReceiptError, ModelTooLargeError):
            raise
        except InhouseError as error:
            said = error.message.replace(str(self._store.root.absolute()), "services")
            raise PublishError(f"{slot.title} cannot be loaded: {said}", hint="The server's log says more.") from error

    async def unload(self, name: str, number: int) -> None:
        """Unload a version after its calls; the next call loads it again.

        Raises:
            ServiceNotFoundError: there is no such service or version.

        """
        await self._services.memory.unload(self._services.slot(name, number))

    async def remove(self, name: str, number: int | None = None) -> None:
        """Remove a version, or the whole service.

        Raises:
            ServiceNotFoundError: there is no such service or version.
            ServiceConflictError: the version gets calls.

        """
        await asyncio.to_thread(self._store.remove, name, number)
        await self._services.refresh(name)

    async def _take_up(self, published: Published, routing: Routing) -> Published:
        """Load what was published, and give it its part."""
        name, number = published.service.name, published.number
        if routing.role == "idle":
            await self._services.refresh(name)
            return published
        if published.service.live is None:
            routing = Routing()
        try:
            await self.load(name, number)
        except InhouseError:
            only = len(published.service.versions) == 1
            await asyncio.to_thread(self._store.remove, name, None if only else number)
            await self._services.refresh(name)
            raise
        service = await self._change(name, lambda service: routing.apply(service, number))
        return replace(published, service=service)

    async def _change(self, name: str, change: Callable[[Service], Service]) -> Service:
        service = await asyncio.to_thread(self._store.change, name, change)
        await self._services.refresh(name)
        return service


def routed(service: Service, change: Change) -> Service:
    """Return a service after a change of its routing.

    Raises:
        ServiceNotFoundError: it has no such version.
        ServiceConflictError: the change does not fit.
        PublishError: a share or a rule is none.

    """
    if change.live is not None:
        find(service, change.live)
        service = service.promoted(change.live)
    if change.canary == 0:
        service = replace(service, canary=None, share=0.0)
    elif change.canary is not None or change.share is not None:
        canary = change.canary or service.canary
        if canary is None:
            raise ServiceConflictError(f"{service.name!r} has no canary.", hint="Say which version is to be it.")
        share = service.share or 0.05 if change.share is None else change.share
        service = Routing("canary", share).apply(service, canary)
    if change.shadow == 0:
        service = replace(service, shadow=None)
    elif change.shadow is not None:
        service = Routing("shadow").apply(service, change.shadow)
    if change.rule is not None:
        service = replace(service, rule=_rule(change.rule) if change.rule else None)
    return service


def rolled_back(service: Service) -> Service:
    """Return a service without its canary and shadow, or else with the version before live.

    Raises:
        ServiceConflictError: there is nothing to take back.

    """
    if service.canary is not None or service.shadow is not None:
        return replace(service, canary=None, share=0.0, shadow=None, rule=None)
    if service.previous is None:
        raise ServiceConflictError(f"{service.name!r} has no version before this one.", hint="Switch to one by number.")
    return service.promoted(service.previous)


def _rule(given: Mapping[str, Any]) -> Rule:
    try:
        return Rule(**{**given, **({"steps": tuple(given["steps"])} if "steps" in given else {})})
    except TypeError as error:
        raise PublishError(
            "The rule has a name that there is not, or no steps.", hint="See docs/services.md."
        ) from error
