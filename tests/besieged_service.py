"""A service under load, while its routing changes and its replicas are killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.load import Ask, Load, press
from tests.gateway import Gateway, eventually
from tests.published import Bench

from inhouse.models.signature import Field

ECHO = {
    "1": {"class_type": "ServiceInput", "inputs": {"name": "texts", "kind": "text"}},
    "2": {"class_type": "ServiceOutput", "inputs": {"value": ["1", 0], "name": "answers"}},
}
ASK = Ask("/services/echo", json.dumps({"inputs": {"texts": ["a"]}}).encode())


@contextmanager
def echoing(folder: Path) -> Iterator[Gateway]:
    """Give a gateway with a service of two versions that answer with what they are asked."""
    bench = Bench.at(folder)
    fields_in, fields_out = (Field("texts", "text"),), (Field("answers", "json"),)
    artifact = bench.artifact("echo", task="tensors", pipeline=ECHO, fields_in=fields_in, fields_out=fields_out)
    settings = {"INHOUSE_SERVICES__SIGNING_KEY": str(folder / "key.pem")}
    with Gateway(folder / "gateway", settings=settings, workers_ready=False) as gateway:
        for role in ("live", "idle"):
            answer = gateway.ask("POST", "/services/echo/versions", {"artifact": str(artifact), "role": role})
            assert answer.status in (200, 201), answer.body
        yield gateway


@contextmanager
def loaded(gateway: Gateway, at_once: int) -> Iterator[list[Load]]:
    """Ask as long as the block lasts; give what came of it afterwards."""
    over: list[bool] = []
    found: list[Load] = []
    with ThreadPoolExecutor(1) as thread:
        pressing = thread.submit(press, gateway.port, ASK, at_once, 600, end=lambda: bool(over))
        try:
            yield found
        finally:
            over.append(True)
            found.append(pressing.result(60))


def reroute(gateway: Gateway, turns: int) -> None:
    """Make a canary of the second version, raise its share to all, make it live, and take it back; so many times."""
    for _ in range(turns):
        shares: list[dict[str, float]] = [{"canary": 2, "share": share} for share in (0.05, 0.5, 1.0)]
        for change in (*shares, {"canary": 0, "live": 2}, {"live": 1}, {"live": 2}):
            assert gateway.ask("POST", "/services/echo/routing", change).status == 200
        answer = gateway.ask("POST", "/services/echo/rollback")
        assert (answer.status, answer.json["live"]) == (200, 1), answer.body


def kill_replica(gateway: Gateway) -> float:
    """Kill a process that answers, and return the seconds until another one does in its place."""
    victims = replicas(gateway)
    begun = time.monotonic()
    os.kill(min(victims), signal.SIGKILL)
    eventually(lambda: len(replicas(gateway)) == len(victims) and min(victims) not in replicas(gateway))
    assert gateway.ask("POST", ASK.path, ASK.body).status == 200
    return time.monotonic() - begun


def replicas(gateway: Gateway) -> set[int]:
    """Return the processes that are ready."""
    pids: list[int] = gateway.ask("GET", "/services/echo").json["versions"][0]["stats"]["replicas"]
    return set(pids)
