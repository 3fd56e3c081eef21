"""Published services, as files: ``services/<name>/service.json`` and a folder a version beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

from inhouse.models.signature import Field

Source: TypeAlias = Literal["artifact", "workflow", "remote"]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a service.

    Attributes:
        number: 1 and up, never used again.
        source: what answers: a model or a workflow in the version's folder, or an endpoint elsewhere.
        created: when, seconds since 1970.
        note: a sentence of whoever published it.
        replicas: processes of a model.
        max_delay_ms: how long the first row of a batch may wait for others.
        max_batch: rows of a batch; 0 for the artifact's own.
        max_waiting: rows that may wait; more are refused.
        deadline_ms: a call's time if it names none; 0 for no end.
        url: of an endpoint elsewhere.
        protocol: of that endpoint: ``inhouse``, ``oip``, ``openai``.
        secret: name of the environment variable with its token; empty for none.
        fields_in: of a workflow or an endpoint elsewhere (an artifact has its own).
        fields_out: likewise.
        bindings: of a workflow: for each field, the ``node.input`` that it sets, or the node whose output it is.

    """

    number: int
    source: Source
    created: float = 0.0
    note: str = ""
    replicas: int = 1
    max_delay_ms: float = 2.0
    max_batch: int = 0
    max_waiting: int = 1024
    deadline_ms: float = 30_000
    url: str = ""
    protocol: str = "inhouse"
    secret: str = ""
    fields_in: tuple[Field, ...] = ()
    fields_out: tuple[Field, ...] = ()
    bindings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """When a canary or a shadow is promoted or taken back by itself.

    Attributes:
        calls: answered by it before it is promoted.
        min_agreement: of its answers with the live version's, 0 to 1.
        max_error_rate: of its calls that fail, 0 to 1.
        max_slowdown: its p95 latency against the live version's.
        steps: shares of the traffic that a canary goes through, each for ``calls`` calls; the last one promotes it.

    """

    calls: int = 200
    min_agreement: float = 0.99
    max_error_rate: float = 0.01
    max_slowdown: float = 1.5
    steps: tuple[float, ...] = (0.05, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Service:
    """A service: its versions, and which of them gets what.

    Attributes:
        name: letters, digits, ``-``, ``_`` and ``.``.
        versions: by number, in order.
        last: the number of the newest version that there ever was.
        live: the version that answers; None for none yet.
        previous: the one that did before, for a rollback.
        canary: the version that gets a share of the calls.
        share: of the calls that the canary gets, 0 to 1.
        shadow: the version that gets a copy of every call, whose answers are compared only.
        rule: by which a canary or shadow is promoted or taken back; None for by hand.

    """

    name: str
    versions: tuple[Version, ...] = ()
    last: int = 0
    live: int | None = None
    previous: int | None = None
    canary: int | None = None
    share: float = 0.0
    shadow: int | None = None
    rule: Rule | None = None

    def version(self, number: int | None) -> Version | None:
        """Return a version; None if there is none of that number."""
        return next((version for version in self.versions if version.number == number), None)

    @property
    def roles(self) -> dict[int, str]:
        """What each version that gets calls is: ``live``, ``canary``, ``shadow``; or ``previous``, for a rollback."""
        named = {"previous": self.previous, "shadow": self.shadow, "canary": self.canary, "live": self.live}
        return {number: role for role, number in named.items() if number is not None}

    def promoted(self, number: int) -> Service:
        """Return the service with that version live, and nothing beside it."""
        previous = self.previous if self.live == number else self.live
        return replace(self, live=number, previous=previous, canary=None, share=0.0, shadow=None, rule=None)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        versions = [
            asdict(version)
            | {"fields_in": [f.as_dict() for f in version.fields_in]}
            | {"fields_out": [f.as_dict() for f in version.fields_out]}
            for version in self.versions
        ]
        return asdict(self) | {"versions": versions}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Service:
        """Return what ``as_dict`` was made from."""
        versions = tuple(
            Version(
                **item
                | {"fields_in": tuple(map(Field.from_dict, item["fields_in"]))}
                | {"fields_out": tuple(map(Field.from_dict, item["fields_out"]))}
            )
            for item in data["versions"]
        )
        rule = None if data["rule"] is None else Rule(**data["rule"] | {"steps": tuple(data["rule"]["steps"])})
        return cls(**{**data, "versions": versions, "rule": rule})
