"""A gateway as its users start it: a process of its own, spoken to by HTTP and by WebSocket."""

from __future__ import annotations

import contextlib
import copy
import http.client
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

from tests.program import PATIENCE, environment, start
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

PROBES = Path(__file__).parent / "data" / "custom_nodes"
"""Packs that do one thing each that a client can see."""


@dataclass(frozen=True)
class Answer:
    """What a request was answered with."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)


class Ear:
    """A WebSocket, and all that was heard on it: dicts, and bytes of binary messages."""

    def __init__(self, opening: AbstractContextManager[ClientConnection]) -> None:
        self._connection = opening.__enter__()
        self.heard: list[Any] = []

    def say(self, message: str | bytes) -> None:
        self._connection.send(message)

    def until(self, kind: str, **data: Any) -> dict[str, Any]:
        """Read up to the next message of a kind that has these data, and return it."""
        while True:
            message = self._take(PATIENCE)
            if isinstance(message, dict) and message["type"] == kind and data.items() <= message["data"].items():
                return message

    def close(self) -> list[Any]:
        """Say goodbye, and return all that was heard: whatever was sent before the other's goodbye is among it."""
        self._connection.close()
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._take(0)
        return self.heard

    def _take(self, seconds: float) -> Any:
        frame = self._connection.recv(timeout=seconds)
        self.heard.append(json.loads(frame) if isinstance(frame, str) else frame)
        return self.heard[-1]


class Gateway:
    """A running ``inhouse up`` on a free port, with its folders below one. Leave it to have it ended.

    Args:
        folder: of its state, its files and its log.
        arguments: more for the command line.
        settings: more for the environment.
        token: with which it is spoken to.
        port: on which; 0 takes a free one.
        workers_ready: wait for them, not only for the gateway.

    """

    def __init__(
        self,
        folder: Path,
        *arguments: str | Path,
        settings: Mapping[str, str] | None = None,
        token: str | None = None,
        port: int = 0,
        workers_ready: bool = True,
    ) -> None:
        self.folder, self._token, self._workers_ready = folder, token, workers_ready
        folder.mkdir(parents=True, exist_ok=True)
        places = [part for name in ("state", "output", "input") for part in (f"--{name}", folder / name)]
        self._command = ("up", "--json", "--port", str(port), *places, *arguments)
        self._environment = environment(**(settings or {}))
        self._log = (folder / "log").open("ab")
        self.start()

    def start(self) -> None:
        """Start it, also again after its end."""
        self.process = start(
            *self._command, cwd=self.folder, stdout=subprocess.PIPE, stderr=self._log, env=self._environment
        )
        assert self.process.stdout is not None
        try:
            self._wait_until_up(self.process.stdout.readline())
        except BaseException:
            self.kill()
            raise

    def _wait_until_up(self, said: bytes) -> None:
        assert said, f"The gateway ended with {self.process.wait()}: {self.log()[-3000:]}"
        self.port = int(urlsplit(json.loads(said)["url"]).port or 0)
        if self._workers_ready:
            eventually(lambda: self.ask("GET", "/readyz").status == 200)

    # -- speaking ----------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask on a connection of its own; a body that is neither bytes nor None is sent as JSON."""
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        own = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, sent, {**own, **(headers or {})})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        except http.client.HTTPException as error:  # it ended in the middle of its answer
            raise ConnectionError from error
        finally:
            connection.close()

    def listen(self, client_id: str | None = None) -> Ear:
        """Open a WebSocket."""
        query = "" if client_id is None else f"?clientId={quote(client_id)}"
        return Ear(
            connect(
                f"ws://127.0.0.1:{self.port}/ws{query}",
                additional_headers={"Authorization": f"Bearer {self._token}"} if self._token else None,
                compression=None,
                max_size=None,
                max_queue=None,
                ping_interval=None,
            )
        )

    def submit(self, prompt: Mapping[str, Any], **body: Any) -> str:
        """Have a workflow accepted, and return its run's id."""
        answer = self.ask("POST", "/prompt", {"prompt": prompt, **body})
        assert answer.status == 200, answer.body
        run_id: str = answer.json["prompt_id"]
        return run_id

    def over(self, run_id: str) -> str:
        """Wait until a run is over, and return how it ended."""
        ends = ("completed", "failed", "cancelled")
        return str(eventually(lambda: (status := self.status(run_id)) in ends and status))

    def history(self, run_id: str) -> dict[str, Any]:
        """Return a run's entry, empty if there is none."""
        found: dict[str, Any] = self.ask("GET", f"/history/{run_id}").json
        entry: dict[str, Any] = found.get(run_id, {})
        return entry

    def status(self, run_id: str) -> str:
        """Return where a run stands."""
        return str(self.ask("GET", f"/jobs/{run_id}").json["status"])

    def remaining(self) -> int:
        """Return how many runs are left."""
        return int(self.ask("GET", "/prompt").json["exec_info"]["queue_remaining"])

    def by(self, token: str) -> Self:
        """Return the same gateway, as the owner of a token speaks to it."""
        other = copy.copy(self)
        other._token = token
        return other

    # -- ending ------------------------------------------------------------------------------------------------------

    def worker_pids(self) -> list[int]:
        """Return the processes that it started."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]

    def terminate(self) -> int:
        """Ask it to end as an operator does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()


def eventually(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait until something is so, and return what it is."""
    deadline, wait = time.monotonic() + seconds, 0.002
    while not (found := condition()):
        assert time.monotonic() < deadline, "It did not become so."
        time.sleep(wait)
        wait = min(1.5 * wait, 0.1)
    return found


def is_dead(pid: int) -> bool:
    """Whether a process has ended, perhaps without anybody having looked."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def sink(value: int) -> dict[str, Any]:
    """Return a workflow that shows a number and runs no time."""
    return {
        "1": {"class_type": "ProbeAdd", "inputs": {"v": value, "add": 1}},
        "2": {"class_type": "ProbeSink", "inputs": {"v": ["1", 0]}},
    }


def loop(seconds: float, tag: str = "") -> dict[str, Any]:
    """Return a workflow that runs so long, four steps a second."""
    return {"1": {"class_type": "ProbeLoop", "inputs": {"seconds": seconds, "tag": tag}}}


def texts(heard: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Yield what was heard but for what is binary."""
    return (message for message in heard if isinstance(message, dict))
