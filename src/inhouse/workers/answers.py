"""Answers: what a worker can be asked while, or before, it runs something."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Any

from inhouse.backends.file_pool import FilePool
from inhouse.backends.residency import Residency
from inhouse.errors import UsageError
from inhouse.workers.base import Description, PackDescription
from inhouse.workers.devices import devices, versions
from inhouse.workers.loaded import models_in
from inhouse.workers.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inhouse.workers.loaded import Unloadable
    from inhouse.workers.session import Session


class Answers:
    """Answers questions about a session; safe to ask from any thread.

    ===========  ====================================  ============================================================
    question     details                               answer
    ===========  ====================================  ============================================================
    `describe`                                         a ``Description``
    `check`      ``node``, ``inputs``                  True, or what the node's own check has against the inputs
    `on_prompt`  ``body``                              the body of a request to run a workflow, as packs change it
    `free`       ``unload_models``, ``free_memory``    None, when it is done
    `stats`                                            ``devices``, ``versions``, ``counts``, ``cache``, ``models``, ...
    ===========  ====================================  ============================================================

    Args:
        session: what they are about.
        tally: counts what happens meanwhile.

    """

    def __init__(self, session: Session, tally: Tally | None = None) -> None:
        self._session = session
        self._tally = tally or Tally()
        self._answers: Mapping[str, Callable[..., Any]] = {
            "describe": self.describe,
            "check": self.check,
            "on_prompt": self.on_prompt,
            "free": self.free,
            "stats": self.stats,
        }

    def answer(self, question: str, details: Mapping[str, Any]) -> Any:
        """Return the answer to a question.

        Raises:
            UsageError: nobody knows it, or its details are others.

        """
        function = self._answers.get(question)
        if function is None:
            raise UsageError(f"A worker cannot be asked {question!r}.", hint=f"It knows: {', '.join(self._answers)}.")
        try:
            return function(**details)
        except TypeError as error:
            raise UsageError(f"The question {question!r} cannot be answered: {error}.") from error

    def describe(self) -> Description:
        """Return what the worker is; the routes of its packs are not in it."""
        packs: list[PackDescription] = []
        if self._session.custom is not None:
            from inhouse.compat.remote_nodes import described

            packs = [PackDescription(**pack) for pack in described(self._session.custom, self._session.registry)]
        return Description(os.getpid(), devices(), versions(), packs)

    def check(self, node: str, inputs: Mapping[str, Any]) -> bool | str:
        """Return what a node's own check says of literal inputs."""
        from inhouse.compat.remote_nodes import check

        return check(self._session.registry, node, inputs)

    def on_prompt(self, body: Any) -> Any:
        """Return the body of a request to run a workflow as custom packs change it."""
        custom = self._session.custom
        return body if custom is None else custom.host.on_prompt(body)

    def free(self, *, unload_models: bool = False, free_memory: bool = False) -> None:
        """Put models out of memory; they come back when they are used. ``free_memory`` forgets results as well."""
        if not (unload_models or free_memory):
            return
        for model in self._models():
            model.unload()
        if free_memory:
            self._session.engine.cache.clear()
            if pool := self._files():
                pool.clear()
        gc.collect()
        torch: Any = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()

    def stats(self) -> dict[str, Any]:
        """Return figures of memory and of what is remembered."""
        cache, models = self._session.engine.cache, self._models()
        remembered = {"entries": len(cache), "bytes": cache.bytes, "max_bytes": cache.max_bytes}
        return {
            "devices": devices(),
            "versions": versions(),
            "cache": {**remembered, "hits": cache.hits, "misses": cache.misses},
            "counts": dict(self._tally.counts),
            "models": {"loaded": len(models), "bytes": sum(model.nbytes for model in models), **self._traffic()},
            **({"loras": pool.stats()} if (pool := self._files()) else {}),
        }

    def _traffic(self) -> dict[str, int]:
        """Return how often models were there, came, made room, and came in parts."""
        figures = self._session.engine.services[Residency].figures()
        return {name: figures[name] for name in ("hits", "misses", "evictions", "streamed")}

    def _files(self) -> FilePool | None:
        pool: FilePool | None = self._session.engine.services.get(FilePool)
        return pool

    def _models(self) -> list[Unloadable]:
        return models_in(outcome.slots for outcome in self._session.engine.cache.outcomes())
