"""The inside of a replica: ``python -m inhouse.workers.replicas.host SOCKET PARENT``.

The main thread reads a batch, computes it and writes what came of it, one after another. What comes piece by piece is
computed in a thread of its own, a piece at a time in turns with all else, so that it can be halted.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.errors import InhouseError, InternalError, OutOfMemoryError, ServiceConflictError
from inhouse.workers.errors_as_data import write_error
from inhouse.workers.mortality import die_with, go_first, leave_signals_to_the_gateway
from inhouse.workers.replicas.frames import Link
from inhouse.workers.replicas.messages import Batch, Done, Failed, Halt, Loaded, Open, Outcome, Part, Piece

if TYPE_CHECKING:
    from inhouse.workers.replicas.frames import Message
    from inhouse.workers.replicas.pipeline import Pipeline

_LOG = logging.getLogger(__name__)


class Answerer:
    """Answers batches by a pipeline.

    Attributes:
        streams: whether the pipeline is known to give pieces.

    """

    def __init__(self, pipeline: Pipeline) -> None:
        from inhouse.workers.replicas import rows  # which imports NumPy

        self._rows = rows
        self._pipeline = pipeline
        self._fields_in = pipeline.artifact.fields_in
        self._fields_out = pipeline.artifact.fields_out
        self._turn = threading.Lock()
        self.streams = False

    def answer(self, batch: Batch) -> Done:
        """Return what came of each part. One that is at fault does not spoil the others."""
        begun = time.perf_counter()
        groups = self._rows.alike(batch.parts, self._fields_in)
        found: list[Outcome] = [outcome for group in groups for outcome in self._attempt(group)]
        if len(groups) > 1:
            by_id = {outcome.id: outcome for outcome in found}
            found = [by_id[part.id] for part in batch.parts]
        return Done(batch.id, found, time.perf_counter() - begun)

    def pieces(self, part: Part) -> Generator[Mapping[str, Any], None, Any]:
        """Yield the pieces of a stream, and return what the iterator returns at its end.

        Raises:
            InhouseError: it failed, or there are no pieces.

        """
        outputs = self._outputs([part])
        found = [value for value in outputs.values() if isinstance(value, Iterator)]
        if not found:
            raise ServiceConflictError("This service does not stream.", hint="Ask for the whole answer.")
        return (yield from self._taken(found[0]))

    def warm_up(self, most: int) -> None:
        """Answer once with one row, and once with the most.

        Raises:
            InhouseError: the service cannot answer its own examples.

        """
        from inhouse.workers.replicas.warming import example_part

        for rows in sorted({1, most}):
            part = example_part(self._fields_in, rows)
            if part is None:
                return
            outputs = self._outputs([part])
            for value in outputs.values():
                if isinstance(value, Iterator):
                    self.streams = True
                    next(value, None)
                    _close(value)
            if self.streams:
                return
            self._rows.split(outputs, [part], self._fields_out)

    def _attempt(self, parts: Sequence[Part]) -> list[Outcome]:
        try:
            outputs = self._outputs(parts)
            for name, value in outputs.items():
                if isinstance(value, Iterator):
                    outputs[name] = self._whole(value)
            shares = self._rows.split(outputs, parts, self._fields_out)
            return [Outcome(part.id, share) for part, share in zip(parts, shares, strict=True)]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a node does must not end the replica
            if len(parts) == 1:
                return [Outcome(parts[0].id, error=write_error(_ours(error)))]
        return [outcome for part in parts for outcome in self._attempt([part])]

    def _outputs(self, parts: Sequence[Part]) -> dict[str, Any]:
        inputs = self._rows.join(parts, self._fields_in)
        with self._turn:
            return self._pipeline.run(inputs, parts[0].parameters)

    def _taken(self, pieces: Iterator[Any]) -> Generator[Any, None, Any]:
        """Take pieces in turns with whatever else is computed; return what the iterator returns."""
        try:
            while True:
                try:
                    with self._turn:
                        piece = next(pieces)
                except StopIteration as end:
                    return end.value
                yield piece
        finally:
            _close(pieces)

    def _whole(self, pieces: Iterator[Any]) -> Any:
        """Return what an iterator returns at its end."""
        taken = self._taken(pieces)
        while True:
            try:
                next(taken)
            except StopIteration as end:
                return end.value


class Host:
    """Serves one gateway until it hangs up."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._sending = threading.Lock()
        self._halted: dict[int, threading.Event] = {}
        self._answerer: Answerer

    def serve(self) -> None:
        """Become what the gateway asks for, and do what it says."""
        opened = self._link.receive()
        if not isinstance(opened, Open):
            return
        try:
            self._send(self._load(opened))
        except Exception as error:  # noqa: BLE001 - whatever a pack's nodes raise, the gateway is to hear of it
            _LOG.exception("The service cannot be loaded.")
            self._send(Failed(write_error(_ours(error))))
            return
        while (message := self._link.receive()) is not None:
            self._obey(message)

    def _load(self, opened: Open) -> Loaded:
        begun = time.perf_counter()
        from inhouse.workers.replicas.loading import load_pipeline

        cache = Path(opened.cache) if opened.cache else None
        pipeline = load_pipeline(Path(opened.folder), threads=opened.threads, cache=cache)
        self._answerer = Answerer(pipeline)
        if opened.warm:
            self._answerer.warm_up(pipeline.artifact.max_batch)
        gc.collect()
        gc.freeze()  # what is there now stays; looking through it again and again would only cost time
        return Loaded(os.getpid(), _resident_bytes(), time.perf_counter() - begun)

    def _obey(self, message: Message) -> None:
        match message:
            case Batch(number, _, stream) if stream or self._answerer.streams:
                self._halted[number] = threading.Event()
                work = self._stream if stream else self._compute
                threading.Thread(target=work, args=(message,), name=f"stream-{number}", daemon=True).start()
            case Batch():
                self._compute(message)
            case Halt(number):
                if number in self._halted:
                    self._halted[number].set()
            case _:
                _LOG.warning("A replica does not know what to do with %s.", type(message).__name__)

    def _compute(self, batch: Batch) -> None:
        done = self._answerer.answer(batch)
        self._halted.pop(batch.id, None)
        try:
            self._send(done)
        except ValueError as error:  # larger than a frame may be, or no text that can be sent
            refused = write_error(_ours(error))
            self._send(replace(done, outcomes=[Outcome(part.id, error=refused) for part in batch.parts]))

    def _stream(self, batch: Batch) -> None:
        pieces = self._answerer.pieces(batch.parts[0])
        whole: Mapping[str, Any] = {}
        halted = self._halted[batch.id]
        try:
            while not halted.is_set():
                try:
                    self._send(Piece(batch.id, next(pieces)))
                except StopIteration as end:
                    whole = end.value if isinstance(end.value, Mapping) else {}
                    break
            self._finish(Piece(batch.id, whole, last=True))
        except OSError:
            pass  # nobody is there any more
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - a node's own code; the caller is told
            self._finish(Piece(batch.id, {}, last=True, error=write_error(_ours(raised))))
        finally:
            _close(pieces)

    def _finish(self, piece: Piece) -> None:
        self._halted.pop(piece.id, None)
        self._send(piece)

    def _send(self, message: Message) -> None:
        with self._sending:
            self._link.send(message)


def _close(iterator: Iterator[Any]) -> None:
    close = getattr(iterator, "close", None)
    if close is not None:
        close()


def _ours(error: BaseException) -> InhouseError:
    if isinstance(error, InhouseError):
        return error
    _LOG.error("A service failed.", exc_info=error)
    if isinstance(error, MemoryError):
        return OutOfMemoryError("The memory does not suffice for this call.", hint="Send less at once.")
    return InternalError(f"The service failed: {type(error).__name__}: {error}")


def _resident_bytes() -> int:
    """Return how much memory this process has."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def main() -> None:
    """Serve a model over the socket that this process was given."""
    handle, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with(parent)
    go_first()
    leave_signals_to_the_gateway()
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a process that dies loses what it kept
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a batch of sentences is no work for several threads
    connection = socket.socket(fileno=handle)
    connection.set_inheritable(False)
    try:
        Host(Link(connection)).serve()
    except OSError:
        _LOG.info("The gateway is gone.")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
