"""The catalogue of nodes: our own, and those of the custom packs that workers have loaded."""

from __future__ import annotations

import gzip
import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from inhouse.compat.leniency import take_literals
from inhouse.compat.object_info import object_info
from inhouse.compat.remote_nodes import PACKS, SEPARATOR, Check, RemoteNode
from inhouse.engine.registry import ChoiceSource, Registry
from inhouse.errors import InhouseError, WorkerError
from inhouse.server.folder_stamp import FolderStamp
from inhouse.server.upload_choices import Uploads, declared
from inhouse.workers.session import choice_sources

if TYPE_CHECKING:
    from inhouse.files import Folders
    from inhouse.models.catalogue import ModelCatalogue
    from inhouse.workers.base import PackDescription

_LOG = logging.getLogger(__name__)
_USERS = 16
"""For so many users the description of all nodes is kept."""
_RENEWAL_SECONDS = 60.0
"""Packs are asked to describe themselves anew so often at least: they may list what nobody else knows of."""
_PATIENCE_SECONDS = 1.0
"""They are not asked more often than this, unless a workflow has a value that was not among the choices."""


@dataclass(frozen=True, slots=True)
class _Packs:
    """Custom packs as they were described, and the registry of all nodes with theirs."""

    packs: tuple[PackDescription, ...]
    entries: Mapping[str, Any]
    registry: Registry
    stamp: FolderStamp
    at: float


@dataclass(frozen=True, slots=True)
class _Written:
    """The description of all nodes for one user, as bytes, and what it was made from."""

    packs: _Packs
    stamp: FolderStamp
    plain: bytes
    compressed: bytes


class NodeCatalogue:
    """Every node that workflows may have.

    Safe to use from any thread. What describes nodes, and the choices of a registry, read files and may ask a worker:
    on the event loop that would wait for itself.

    Args:
        registry: our own nodes.
        models: the model files.
        check: asks a worker for what a node's own check says of literal inputs; may block.
        renew: asks a worker to describe its packs anew; may block. None keeps what was described.
        clock: returns seconds.

    """

    def __init__(
        self,
        registry: Registry,
        models: ModelCatalogue,
        check: Check,
        renew: Callable[[], Sequence[PackDescription]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = registry
        self._models = models
        self._check = check
        self._renew = renew
        self._clock = clock
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self._written: OrderedDict[Folders, _Written] = OrderedDict()
        self._names: dict[str, tuple[FolderStamp, list[str]]] = {}
        self._packs = self._read(())

    @property
    def packs(self) -> tuple[PackDescription, ...]:
        """The custom packs, those that could not be loaded included."""
        return self._packs.packs

    @property
    def registry(self) -> Registry:
        """All nodes, with nobody's choices in particular."""
        return self._packs.registry

    def describe(self, packs: Sequence[PackDescription]) -> None:
        """Put custom packs in the place of those there were.

        Raises:
            RegistryError: a node's id is taken; both packs are named, and all stays as it was.

        """
        self._packs = self._read(packs)

    def registry_for(self, folders: Folders) -> Registry:
        """Return the registry of all nodes, with the choices that a user has. Asks nobody, and looks at no file.

        Args:
            folders: the user's.

        """
        return self._packs.registry.with_sources(self._sources(folders))

    def object_info(self, folders: Folders, *, compressed: bool = False) -> bytes:
        """Return the description of all nodes, as JSON.

        Args:
            folders: the user's; their uploads are among the choices.
            compressed: as gzip.

        """
        packs = self._fresh()
        with self._lock:
            written = self._written.get(folders)
        if written is None or written.packs is not packs or not written.stamp.holds():
            written = self._write(folders, packs)
            with self._lock:
                self._written[folders] = written
                self._written.move_to_end(folders)
                while len(self._written) > _USERS:
                    self._written.popitem(last=False)
        return written.compressed if compressed else written.plain

    def node_info(self, node_id: str, folders: Folders) -> bytes:
        """Return the description of one node, as JSON; an empty object for an unknown one."""
        return _json(dict(self._entries(self._fresh(), folders, node_id)))

    # -- what packs say ---------------------------------------------------------------------------------------------

    def _read(self, packs: Sequence[PackDescription]) -> _Packs:
        entries = {node_id: entry for pack in packs for node_id, entry in pack.nodes.items()}
        nodes = [
            RemoteNode(node_id, pack.name, entry, tuple(pack.checks.get(node_id, ()))).spec(self._asked)
            for pack in packs
            for node_id, entry in pack.nodes.items()
        ]
        registry = self._own.extended(take_literals(nodes, self._own))
        watched = [*self._model_folders(), *(folder for pack in packs for folder in pack.watches)] if nodes else []
        return _Packs(tuple(packs), entries, registry, FolderStamp.of(watched), self._clock())

    def _asked(self, node_id: str, inputs: Mapping[str, Any]) -> bool | str:
        """Ask a node's own check; where nobody can be asked, the worker that runs the workflow will ask it."""
        try:
            return self._check(node_id, inputs)
        except WorkerError as error:
            _LOG.warning("The check of node %s has to wait for a worker: %s", node_id, error)
            return True

    def _fresh(self, *, wanted: bool = False) -> _Packs:
        """Return what packs say, asked anew if it is old, or ``wanted``, or if files that they list have changed."""
        packs, asked = self._packs, self._clock()
        age = asked - packs.at
        soon = age < _PATIENCE_SECONDS or (age < _RENEWAL_SECONDS and packs.stamp.holds())
        if self._renew is None or not packs.entries or (soon and not wanted):
            return packs
        with self._renewing:
            if self._packs.at < asked:  # nobody has asked since
                self._ask_anew(self._renew)
            return self._packs

    def _ask_anew(self, renew: Callable[[], Sequence[PackDescription]]) -> None:
        begun = self._clock()
        try:
            renewed = self._read(renew())
        except InhouseError as error:
            _LOG.warning("Custom packs cannot be described anew: %s", error)
            renewed = self._packs
        self._packs = replace(renewed, at=begun)

    def _pack_choices(self, folders: Folders) -> ChoiceSource:
        def names(rest: str) -> Sequence[Any]:
            node_id, _, name = rest.partition(SEPARATOR)
            entry = self._packs.entries.get(node_id, {})
            return Uploads(folders).choices(declared(entry).get(name))

        def accepts(rest: str, value: str) -> bool:
            self._fresh(wanted=True)
            return value in names(rest)

        return ChoiceSource(names, accepts=accepts)

    # -- what is written --------------------------------------------------------------------------------------------

    def _write(self, folders: Folders, packs: _Packs) -> _Written:
        # The stamp is taken before the files are listed: a change between the two shows.
        stamp = FolderStamp.of(self._model_folders(), [folders.input])
        plain = _json(dict(self._entries(packs, folders)))
        return _Written(packs, stamp, plain, gzip.compress(plain, 6, mtime=0))

    def _entries(self, packs: _Packs, folders: Folders, node_id: str | None = None) -> Iterator[tuple[str, Any]]:
        registry = packs.registry.with_sources(self._sources(folders))
        uploads = Uploads(folders)
        for spec in registry if node_id is None else filter(None, [registry.get(node_id)]):
            entry = packs.entries.get(spec.id)
            yield spec.id, object_info(spec, registry) if entry is None else uploads.in_entry(entry)

    def _sources(self, folders: Folders) -> dict[str, ChoiceSource]:
        sources = choice_sources(self._models, folders)
        sources["models"] = replace(sources["models"], names=self._model_names)
        sources[PACKS] = self._pack_choices(folders)
        return sources

    def _model_folders(self) -> list[Path]:
        return [folder for kind in self._models.kinds() for folder in self._models.folders(kind)]

    def _model_names(self, kind: str) -> list[str]:
        known = self._names.get(kind)
        if known is None or not known[0].holds():
            stamp = FolderStamp.of(self._models.folders(kind))
            known = self._names[kind] = (stamp, self._models.names(kind))
        return known[1]


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str)
    except TypeError:  # an integer of more than 64 bits, half a surrogate pair
        return json.dumps(value, default=str, separators=(",", ":")).encode()
