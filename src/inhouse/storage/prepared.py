"""Prepared statements: put into a driver's words once, then given rows and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Executable


class Prepared:
    """Executes statements with many rows. SQLAlchemy's own way costs as much for each row as the database does.

    It is for statements that are there for good (their words are kept), and whose values are as the driver takes them.
    """

    def __init__(self) -> None:
        self._known: dict[Executable, tuple[str, tuple[str, ...] | None, dict[str, Any]]] = {}

    def execute(self, connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute a statement once for each row; all rows have the same keys."""
        known = self._known.get(statement)
        if known is None:
            compiled: Any = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))  # type: ignore[attr-defined] # every statement has it
            names = tuple(compiled.positiontup) if compiled.positiontup is not None else None
            known = self._known[statement] = (compiled.string, names, dict(compiled.params))
        text, names, constants = known
        whole = [{**constants, **row} for row in rows]
        if names is None:
            connection.exec_driver_sql(text, whole)
        else:
            connection.exec_driver_sql(text, [tuple([row[name] for name in names]) for row in whole])
