"""The gateway, put together: what it keeps, what waits, who works, who listens."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.engine.markers import Choices
from inhouse.errors import InhouseError, StorageError
from inhouse.files import Claims
from inhouse.plugins import build_registry, load_packs
from inhouse.server.catalogue import NodeCatalogue
from inhouse.server.dispatcher import Dispatcher
from inhouse.server.fair_queue import FairQueue
from inhouse.server.housekeeping import Housekeeping
from inhouse.server.hub import Hub
from inhouse.server.logbook import Logbook
from inhouse.server.machine import memory
from inhouse.server.messenger import Messenger
from inhouse.server.metrics import Metrics
from inhouse.server.pack_desk import PackDesk
from inhouse.server.runs import Runs
from inhouse.server.services.counting import ServiceSeries
from inhouse.server.services.crew import Crew
from inhouse.server.services.directory import Services
from inhouse.server.services.jobs import Jobs
from inhouse.server.services.model_target import ModelTarget
from inhouse.server.services.remote_target import RemoteTarget
from inhouse.server.services.rules import Migrations
from inhouse.server.services.targets import Targets
from inhouse.server.services.workflow_target import WorkflowTarget
from inhouse.server.user_folders import UserFolders
from inhouse.storage.ledger import open_ledger
from inhouse.storage.retention import Limits, Retention
from inhouse.storage.service_jobs import ServiceJobs
from inhouse.storage.service_store import ServiceStore
from inhouse.workers.accelerators import accelerators
from inhouse.workers.config import WorkerConfig
from inhouse.workers.inline import InlineWorker
from inhouse.workers.pool import Pool
from inhouse.workers.process import ProcessWorker
from inhouse.workers.session import Places, choice_sources, open_catalogue, temporary_folder

if TYPE_CHECKING:
    from inhouse.engine.registry import Registry
    from inhouse.models.catalogue import ModelCatalogue
    from inhouse.server.services.targets import Maker
    from inhouse.settings import Settings, StorageSettings
    from inhouse.storage.ledger import Ledger
    from inhouse.storage.services import Source
    from inhouse.workers.base import Description, Worker

_LOG = logging.getLogger(__name__)
_MB = 1024 * 1024


@dataclass(slots=True)
class Gateway:
    """Everything that the routes are made of. ``start`` it on the event loop; ``stop`` it there."""

    settings: Settings
    folders: UserFolders
    models: ModelCatalogue
    templates: Sequence[Path]
    ledger: Ledger
    hub: Hub
    messenger: Messenger
    metrics: Metrics
    desk: PackDesk
    catalogue: NodeCatalogue
    queue: FairQueue
    dispatcher: Dispatcher
    runs: Runs
    pool: Pool
    logbook: Logbook
    housekeeping: Housekeeping
    services: Services
    service_jobs: Jobs
    migrations: Migrations
    _starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Let stored runs wait again, and have workers started, for which nobody waits here."""
        self.desk.open(self.pool)
        logging.getLogger("inhouse").addHandler(self.logbook)
        await self.runs.restore()
        self.dispatcher.serve(self.pool)
        self._starting = asyncio.create_task(self._start_workers())
        self.housekeeping.start()
        await self.services.start()
        await self.service_jobs.start()

    async def stop(self) -> None:
        """Let what runs end for a while, store it, and close."""
        logging.getLogger("inhouse").removeHandler(self.logbook)
        await self.housekeeping.stop()
        await self.service_jobs.stop()
        await self.services.stop()
        await self.migrations.settle()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        self.dispatcher.stop_giving()
        await self.pool.close(self.settings.workers.grace_seconds)
        await self.dispatcher.settle()
        await self.ledger.close()

    async def free(self, unload_models: bool, free_memory: bool) -> None:  # noqa: FBT001 - as the request has it
        """Let every worker unload its models, or forget all it remembers."""
        asked = [
            worker.ask("free", unload_models=unload_models, free_memory=free_memory)
            for worker in self.pool.workers
            if worker.ready
        ]
        await asyncio.gather(*asked, return_exceptions=True)

    @property
    def stats(self) -> Mapping[str, Mapping[str, Any]]:
        """What each worker said last of its memory and of what it remembers, by name."""
        return self.housekeeping.stats

    async def devices(self) -> Sequence[Mapping[str, Any]]:
        """Return the devices of all workers, as they last said."""
        found: list[Mapping[str, Any]] = []
        for name, description in self.pool.descriptions.items():
            found += self.stats.get(name, {}).get("devices") or description.devices
        return found

    def versions(self) -> Mapping[str, str]:
        """Return the versions of what workers run on."""
        return {name: v for found in self.pool.descriptions.values() for name, v in found.versions.items()}

    async def storage_problem(self) -> str:
        """Return why runs cannot be stored; empty if they can."""
        try:
            await self.ledger.counts()
        except StorageError as error:
            return error.code
        return ""

    async def worker_problem(self) -> str:
        """Return why no run can be executed; empty if one can."""
        return "" if any(worker.ready for worker in self.pool.workers) else "no worker is ready"

    async def _start_workers(self) -> None:
        try:
            await self.pool.start()
        except InhouseError as error:
            _LOG.error("No worker could be started; trying again: %s", error)


def open_gateway(settings: Settings) -> Gateway:
    """Put a gateway together, and own its database. Blocks.

    Raises:
        StorageError: the database cannot be opened, or another gateway has it.
        RegistryError: a pack of our own cannot be loaded.

    """
    places, state = settings.folders, settings.folders.state
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    folders = UserFolders(places.input, places.output, temporary_folder(), state)
    manager = load_packs()
    models = open_catalogue(places.models)
    registry = build_registry(manager, choice_sources(models, folders.of("")))
    desk = PackDesk()
    catalogue = NodeCatalogue(registry, models, desk.check, desk.renew if places.custom_nodes else None)
    metrics, hub, queue = Metrics(), Hub(), FairQueue()
    ledger = open_ledger(settings.storage.url, state)

    def remaining(user: str) -> int:
        return queue.count(user) + sum(1 for _ in dispatcher.held(user))

    messenger = Messenger(hub, remaining, plain_previews=settings.server.plain_previews)
    dispatcher = Dispatcher(ledger, queue, messenger, folders, metrics, attempts=settings.workers.attempts)
    dispatcher.endings.on_end = lambda run_id: Claims(folders.claims, run_id).forget()
    runs = Runs(ledger, queue, dispatcher, messenger, catalogue, folders, metrics, light_nodes(registry), desk.changed)

    services = _services(settings, {"workflow": partial(WorkflowTarget, runs=runs, hub=hub, folders=folders)})
    metrics.registry.register(ServiceSeries(services))
    jobs = Jobs(services, ServiceJobs(ledger), settings.storage.keep_days)
    pool = Pool(_workers(settings), dispatcher, ready=_introduction(desk, catalogue, metrics, dispatcher))
    retention = Retention(ledger, folders.path, _limits(settings.storage))
    metrics.nodes_known(spec.id for spec in registry)
    metrics.watch(
        queued=lambda: len(queue) + sum(not run.begun for run in dispatcher.held()),
        running=lambda: sum(1 for _ in dispatcher.live()),
        sockets=lambda: len(hub),
    )
    return Gateway(
        settings=settings,
        folders=folders,
        models=models,
        templates=list(manager.hook.register_templates()),
        ledger=ledger,
        hub=hub,
        messenger=messenger,
        metrics=metrics,
        desk=desk,
        catalogue=catalogue,
        queue=queue,
        dispatcher=dispatcher,
        runs=runs,
        pool=pool,
        services=services,
        service_jobs=jobs,
        migrations=Migrations(services),
        housekeeping=Housekeeping(ledger, dispatcher, pool, metrics, retention, [jobs.sweep]),
        logbook=Logbook(lambda client, data: desk.on_loop(messenger.log, client, data)),
    )


def _introduction(
    desk: PackDesk, catalogue: NodeCatalogue, metrics: Metrics, dispatcher: Dispatcher
) -> Callable[[Worker, Description], None]:
    """Return what is done when a worker says what it has."""

    def ready(worker: Worker, description: Description) -> None:
        desk.introduce(worker, description)
        try:
            catalogue.describe(description.packs)
        except InhouseError as error:
            _LOG.error("The custom packs of worker %s are left out: %s", worker.name, error)
        metrics.nodes_known(spec.id for spec in catalogue.registry)
        dispatcher.dispatch()

    return ready


def light_nodes(registry: Registry) -> frozenset[str]:
    """Return ids of nodes that are checked without looking at a file or running code of theirs."""
    return frozenset(
        spec.id
        for spec in registry
        if spec.check is None
        and not any(
            isinstance(declared.choices, Choices) and isinstance(declared.choices.source, str)
            for declared in spec.inputs.values()
        )
    )


def _services(settings: Settings, makers: Mapping[Source, Maker]) -> Services:
    given = settings.services.models_mb
    budget = (memory()[0] // 2 or sys.maxsize) if given is None else given * _MB
    crew = Crew.of(settings)
    targets = Targets(
        {
            **makers,
            "artifact": lambda service, version, folder: ModelTarget(service, version, folder, crew),
            "remote": lambda service, version, _: RemoteTarget(service, version),
        }
    )
    return Services(ServiceStore(settings.folders.state / "services"), targets, budget=budget)


def _limits(storage: StorageSettings) -> Limits:
    return Limits(storage.keep_days, storage.keep_runs, int(storage.keep_gb * 1000**3))


def _workers(settings: Settings) -> list[Worker]:
    own, folders, compute = settings.workers, settings.folders, settings.compute
    config = WorkerConfig(
        Places(folders.models, folders.input, folders.output, folders.custom_nodes),
        folders.state,
        reference=own.reference,
        cache_bytes=own.cache_mb * _MB,
        models_bytes=None if own.models_mb is None else own.models_mb * _MB,
        device=compute.device,
        precision=compute.precision,
        attention=compute.attention,
        grace=own.grace_seconds,
        runs_at_once=own.runs_at_once,
        trusted_keys=tuple(str(path.absolute()) for path in settings.services.trusted_keys),
        signing_key=str(settings.services.signing_key.absolute()) if settings.services.signing_key else "",
    )
    if own.count == 0:
        return [InlineWorker("inline", config)]
    devices = accelerators(os.environ)
    # Where there are more workers than devices, they share these in turn; without any, all share the processor.
    shown = [device.environment() for device in devices] or [{}]
    return [
        ProcessWorker(f"worker-{number + 1}", replace(config, environment=shown[number % len(shown)]))
        for number in range(own.count or len(shown))
    ]
