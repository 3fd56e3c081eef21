"""The crew: what runs the models of a gateway."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from inhouse.models.signing import Trust
from inhouse.workers.accelerators import accelerators

if TYPE_CHECKING:
    from inhouse.server.services.replica_set import Process
    from inhouse.settings import Settings

ProcessOf: TypeAlias = "Callable[[str, Path, int], Process]"
"""From a version's name, its artifact's folder and a place in the set to a process that is not started."""


@dataclass(frozen=True, slots=True)
class Crew:
    """What runs models.

    Attributes:
        process: makes a process for an artifact.
        trust: gives whose receipts are believed; it reads files.

    """

    process: ProcessOf
    trust: Callable[[], Trust]

    @classmethod
    def of(cls, settings: Settings) -> Crew:
        """Return the crew that the settings describe: processes share the machine's accelerators in turn."""
        state, services = settings.folders.state, settings.services
        shown = [device.environment() for device in accelerators(os.environ)] or [{}]

        def process(name: str, folder: Path, place: int) -> Process:
            from inhouse.workers.replicas.process import Replica, ReplicaOptions

            options = ReplicaOptions(shown[place % len(shown)], cache=state / "cache" / "sessions")
            return Replica(f"{name}-{place + 1}", folder, state, options)

        return cls(process, lambda: Trust.of(services.trusted_keys, own=services.signing_key))
