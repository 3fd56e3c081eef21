"""The voice of a command: text for people or one JSON object for programs, and never a stack trace."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TextIO

import typer

from inhouse.cli.exits import Exit, exit_code
from inhouse.cli.notices import Notices
from inhouse.errors import (
    Fault,
    InhouseError,
    InternalError,
    InterruptedRunError,
    OutputError,
    WorkflowInvalidError,
)

if TYPE_CHECKING:
    from collections.abc import Generator

DEBUG = "INHOUSE_DEBUG"
"""The environment variable that shows authors of nodes where something was raised."""

_DEEPEST = 100


class Voice:
    """Speaks for one command: the answer on standard output, everything else on standard error.

    Attributes:
        as_json: the answer is one JSON object.
        console: standard error.
        notices: the warnings so far.

    """

    def __init__(self, *, as_json: bool) -> None:
        from rich.console import Console

        self.as_json = as_json
        self.console = Console(stderr=True, highlight=False)
        self.notices = Notices(self._warn)
        self._stdout: TextIO | None = sys.stdout

    @property
    def on_terminal(self) -> bool:
        """Whether a person reads the answer as it comes."""
        return not self.as_json and self._stdout is not None and self._stdout.isatty()

    def answer(self, data: Mapping[str, Any]) -> None:
        """Print the JSON object, with the warnings if there were any."""
        whole = {**data, "warnings": self.notices.texts} if self.notices.texts else data
        self.write(json.dumps(_plain(whole), default=str))

    def write(self, text: str) -> None:
        """Print lines of the answer as they are, however long.

        Raises:
            OutputError: standard output cannot be written.
            BrokenPipeError: its reader went away.

        """
        if self._stdout is None:  # started with standard output closed
            return
        try:
            self._stdout.write(text + "\n")
            self._stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"Cannot write the answer: {error.strerror}.", hint="Send it elsewhere.") from error

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table for people, or for ``cut`` and ``grep`` lines with tabs between the cells."""
        if not self.on_terminal:
            for row in rows:
                self.write("\t".join(row))
            return
        from rich.console import Console
        from rich.table import Column, Table
        from rich.text import Text

        if title:
            self.write(title)
        shown = Table(*(Column(name, overflow="fold") for name in columns), box=None, pad_edge=False)
        for row in rows:
            shown.add_row(*map(Text, row))
        Console(file=self._stdout).print(shown)

    def note(self, text: str) -> None:
        """Say something in passing; paths in it can be copied, for no line is broken."""
        self._say("", "", text, "dim", whole=True)

    def fail(self, *errors: InhouseError, where: str = "", silent: bool = False) -> None:
        """Say what went wrong, and where it did; with ``silent`` only to who debugs."""
        for error in errors:
            lines = error.faults if isinstance(error, WorkflowInvalidError) and error.faults else (error,)
            for line in () if silent else lines:
                self._say("error ", "bold red", f"{where}{line}")
            if os.environ.get(DEBUG) and error.__cause__ is not None:
                self.note("".join(traceback.format_exception(error.__cause__)))

    def end(self, error: InhouseError) -> Exit:
        """Answer with an error and return the exit code that goes with it."""
        self.fail(error, silent=self.as_json)
        if self.as_json:
            status = "interrupted" if isinstance(error, InterruptedRunError) else "error"
            self.answer({"status": status, "errors": as_data(error)})
        return exit_code(error)

    def give_up(self) -> None:
        """Drop what standard output could not take; Python would try again at its end, and complain."""
        if self._stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stdout.fileno())

    def _warn(self, text: str) -> None:
        if not self.as_json or self.console.is_terminal:
            self._say("warning ", "yellow", text)

    def _say(self, kind: str, style: str, text: str, text_style: str = "", *, whole: bool = False) -> None:
        from rich.text import Text

        whole = whole or not self.console.is_terminal
        self.console.print(Text.assemble((kind, style), (text, text_style)), soft_wrap=whole)


@contextmanager
def speaking(*, as_json: bool) -> Iterator[Voice]:
    """Give a command its voice; whatever is raised inside becomes a message and an exit code.

    Inside, warnings of every logger reach the user, Python's own (of libraries, for their developers) do not, and what
    nodes print goes to standard error, so that standard output has the answer and nothing else.
    """
    voice = Voice(as_json=as_json)
    root = logging.getLogger()
    root.addHandler(voice.notices)
    try:
        with warnings.catch_warnings(), redirect_stdout(sys.stderr):
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            code = yield from _guarded(voice)
    finally:
        root.removeHandler(voice.notices)
    if code is not Exit.OK:
        raise typer.Exit(code)


def _guarded(voice: Voice) -> Generator[Voice, None, Exit]:
    try:
        try:
            yield voice
        except InhouseError as error:
            return voice.end(error)
        except KeyboardInterrupt:
            return voice.end(InterruptedRunError())
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - the one place where a fault of our own becomes a sentence
            return voice.end(internal(error))
    except BrokenPipeError:
        voice.give_up()
        return Exit.PIPE
    except OutputError as error:  # the answer itself could not be written
        voice.give_up()
        voice.fail(error)
        return exit_code(error)
    return Exit.OK


def internal(error: BaseException) -> InternalError:
    """Return an exception that nobody foresaw as ours."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    ours = InternalError(f"A fault in Inhouse: {said}.", hint=f"Set {DEBUG}=1 to see where, and report it.")
    ours.__cause__ = error
    return ours


def as_data(error: InhouseError) -> list[dict[str, Any]]:
    """Return an error as JSON-ready data, or each of its faults, without empty fields."""
    if isinstance(error, WorkflowInvalidError) and error.faults:
        return [fault_data(fault) for fault in error.faults]
    return [error.as_dict()]


def fault_data(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON-ready data, without empty fields."""
    return {field.name: value for field in fields(fault) if (value := getattr(fault, field.name))}


def _plain(value: Any, depth: int = 0) -> Any:
    """Return data with what JSON has no word for as text: NaN, infinity, keys that are no text, bottomless nesting."""
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, float) and value - value != 0:
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return value
