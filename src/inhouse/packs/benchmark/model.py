"""What a benchmark knows: what was asked, what came of it, and the report of all of it, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

from inhouse.errors import FileError

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of a subject.

    Attributes:
        batch: rows a call.
        concurrency: calls on their way at once; what an open loop lets there be at most is not limited.
        rate: calls a second that arrive whether or not earlier ones were answered (an open loop); 0 for a closed loop,
            in which each caller waits for its answer before it asks again.

    """

    batch: int = 1
    concurrency: int = 1
    rate: float = 0.0

    def __str__(self) -> str:
        return f"batch {self.batch}, " + (f"{self.rate:g}/s" if self.rate else f"{self.concurrency} at once")


@dataclass(slots=True)
class Slice:
    """What a subject did in one round.

    Attributes:
        latencies: seconds of each call that was answered well.
        wall: seconds that all of it took.
        cpu: seconds of processor time, of the whole tree of processes; None where that cannot be read.
        joules: of the machine; None where that cannot be read.
        errors: how many calls failed, by kind: ``429``, ``500``, ``timeout``, or a code of `inhouse.errors`.
        parts: seconds by part, such as a workflow's nodes.

    """

    latencies: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: float | None = None
    joules: float | None = None
    errors: dict[str, int] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Cell:
    """All rounds of one variant under one load.

    Attributes:
        variant: its name.
        load: what was asked.
        slices: one a round.
        warm_up: calls before anything counted.
        steady: whether those became steady.

    """

    variant: str
    load: Load
    slices: list[Slice] = field(default_factory=list)
    warm_up: int = 0
    steady: bool = True

    @property
    def rounds(self) -> list[list[float]]:
        """Seconds a call, by round."""
        return [found.latencies for found in self.slices]

    @property
    def calls(self) -> int:
        """How many calls were answered well."""
        return sum(map(len, self.rounds))

    @property
    def errors(self) -> dict[str, int]:
        """How many calls failed, by kind."""
        found: dict[str, int] = {}
        for part in self.slices:
            for kind, count in part.errors.items():
                found[kind] = found.get(kind, 0) + count
        return found


@dataclass(slots=True)
class Variant:
    """One way to run one target.

    Attributes:
        name: how it is called in tables.
        kind: ``model``, ``workflow`` or ``service``.
        target: what was named.
        traits: ``runtime``, ``precision``, ``threads``, ``device``, ``protocol``, ...
        load_seconds: until it was ready.
        memory: ``grown`` and ``peak`` bytes of its processes.
        disk_bytes: of the model's files; 0 for none.
        fidelity: how its answers compare with the reference's.
        cost: ``flops``, ``bytes`` by batch, where they were counted.
        receipt: what the artifact's receipt says of its accuracy.
        error: why it could not be measured; empty where it could.

    """

    name: str
    kind: str
    target: str
    traits: Mapping[str, Any] = field(default_factory=dict)
    load_seconds: float = 0.0
    memory: Mapping[str, int] = field(default_factory=dict)
    disk_bytes: int = 0
    fidelity: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] = field(default_factory=dict)
    receipt: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(slots=True)
class Report:
    """Everything that a benchmark found.

    Attributes:
        id: of the measurement; reports with the same one were measured in the same rounds.
        created: when, in UTC (ISO 8601).
        seconds: how long it took.
        variants: what was measured.
        cells: figures, by variant and load.
        machine: processor, cores, memory, versions.
        roof: measured peaks, where they were measured.
        energy: where joules come from, or why there are none.
        notes: what whoever reads the figures should know.

    """

    id: str
    created: str
    seconds: float = 0.0
    variants: list[Variant] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    machine: Mapping[str, Any] = field(default_factory=dict)
    roof: Mapping[str, Any] = field(default_factory=dict)
    energy: str = ""
    notes: list[str] = field(default_factory=list)

    def cell(self, variant: str, load: Load) -> Cell | None:
        """Return the figures of one variant under one load."""
        return next((cell for cell in self.cells if cell.variant == variant and cell.load == load), None)

    def of(self, variant: str) -> list[Cell]:
        """Return a variant's cells that have figures."""
        return [cell for cell in self.cells if cell.variant == variant and cell.calls]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data: what was measured, call by call, and what it comes to."""
        from inhouse.packs.benchmark.summary import summarize

        data = {"schema": SCHEMA, **asdict(self)}
        for given in data["variants"]:
            if given["kind"] == "model":  # where it lies on this machine is nobody else's business
                given["target"] = PurePath(given["target"]).name
        for given, cell in zip(data["cells"], self.cells, strict=True):
            given["summary"] = summarize(cell).as_dict() if cell.calls else None
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """Return what ``as_dict`` was made from.

        Raises:
            FileError: it is no report, or of another version.

        """
        try:
            given = dict(data)
            if given.pop("schema") != SCHEMA:
                raise FileError("The report is of another version of Inhouse.", hint="Measure again.")
            cells = [_cell(item) for item in given.pop("cells")]
            return cls(**{**given, "variants": [Variant(**item) for item in given["variants"]], "cells": cells})
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise FileError("This is no report of inhouse bench.", hint="Give what --out wrote as .json.") from error


def _cell(data: Mapping[str, Any]) -> Cell:
    given = {name: value for name, value in data.items() if name != "summary"}
    slices = [Slice(**item) for item in given["slices"]]
    return Cell(**{**given, "load": Load(**given["load"]), "slices": slices})


def distinct(names: Sequence[str]) -> list[str]:
    """Return names that differ, numbering those that do not."""
    found: list[str] = []
    for name in names:
        number, told = 2, name
        while told in found:
            told, number = f"{name} #{number}", number + 1
        found.append(told)
    return found
