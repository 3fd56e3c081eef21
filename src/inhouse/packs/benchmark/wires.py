"""Names of the benchmark wires. For a type checker they are the Python types, at run time the wire's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from inhouse.engine.markers import Wire

if TYPE_CHECKING:
    from inhouse.packs.benchmark import model

    BenchReport: TypeAlias = model.Report
else:
    BenchReport = Annotated[Any, Wire("BENCH_REPORT")]
    """What a benchmark found."""
