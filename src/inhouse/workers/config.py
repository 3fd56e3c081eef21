"""What a worker is to be: plain values, which cross to its process as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from inhouse.backends.attention import AUTO, AttentionName
from inhouse.engine.engine import CACHE_BYTES
from inhouse.workers.session import Places


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker is to be.

    Attributes:
        places: its folders, for all that no job brings.
        state: where its log (``logs``), the names that runs hold (``claims``) and its sockets (``sockets``) lie.
        reference: compute in float32, deterministically.
        cache_bytes: how much it remembers between runs.
        models_bytes: how much of its device's memory models may take; None for what is free.
        device: what it computes on, as torch calls it, or ``auto``.
        precision: a row of `inhouse.backends.compute.PRECISIONS`.
        attention: an implementation of `inhouse.backends.attention`, or ``auto``.
        grace: seconds that a cancelled run may go on before its process is killed.
        silence: seconds without a sign of life after which its process is killed.
        start_seconds: how long it may take to become ready; packs may do much when they are imported.
        warm: import what the first run will need as soon as it is ready.
        runs_at_once: how many runs it has on their way at once; one of them at a time executes nodes.
        trusted_keys: files of public keys, whose receipts are believed when a node publishes.
        signing_key: the machine's own key; empty for the user's.
        environment: variables for its process besides the gateway's own, such as those that show it one accelerator.

    """

    places: Places
    state: Path
    reference: bool = False
    cache_bytes: int = CACHE_BYTES
    models_bytes: int | None = None
    device: str = AUTO
    precision: str = AUTO
    attention: AttentionName = AUTO
    grace: float = 30.0
    silence: float = 120.0
    start_seconds: float = 600.0
    warm: bool = True
    runs_at_once: int = 1
    trusted_keys: tuple[str, ...] = ()
    signing_key: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data; paths become absolute."""
        paths = {"places": {name: _absolute(path) for name, path in asdict(self.places).items()}}
        return {item.name: getattr(self, item.name) for item in fields(self)} | paths | {"state": _absolute(self.state)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WorkerConfig:
        """Return what ``as_dict`` was made from."""
        given = data["places"]
        custom = given["custom_nodes"]
        places = Places(
            models=Path(given["models"]),
            input=Path(given["input"]),
            output=Path(given["output"]),
            custom_nodes=None if custom is None else Path(custom),
        )
        keys = tuple(data["trusted_keys"])
        return cls(**{**data, "places": places, "state": Path(data["state"]), "trusted_keys": keys})


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())
