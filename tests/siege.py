"""A siege: several people have pictures made while the gateway and its workers are killed again and again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from tests.gateway import Gateway, eventually

from inhouse.server.token_file import new_token

USERS = ("ann", "ben", "cleo")
AHEAD = 4
"""How many runs of each wait at a time."""


@dataclass
class Person:
    """Somebody who has pictures made, one workflow after another, and asks again until each is accepted."""

    name: str
    gateway: Gateway
    accepted: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def work(self, stop: threading.Event) -> None:
        number = 0
        while not stop.is_set():
            with contextlib.suppress(OSError):
                if self.gateway.remaining() < AHEAD:
                    self._submit(number)
                    number += 1
            stop.wait(0.01)

    def _submit(self, number: int) -> None:
        """Have a workflow accepted, however often the answer is lost."""
        headers = {"Idempotency-Key": f"number {number}"}
        while True:
            try:
                answer = self.gateway.ask("POST", "/prompt", {"prompt": workflow(number)}, headers=headers)
            except OSError:
                threading.Event().wait(0.05)
                continue
            if answer.status == 200:
                self.accepted[answer.json["prompt_id"]] = number
            elif answer.status < 500:
                self.problems.append(f"{answer.status} {answer.body!r}")
            if answer.status < 500:
                return


def workflow(number: int) -> dict[str, Any]:
    """Return a workflow that saves a picture under a name of its own and one under everybody's."""
    made = {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": number}}
    names = {"own": f"own{number}", "all": "all"}
    saved = {
        name: {"class_type": "SaveImage", "inputs": {"images": ["make", 0], "filename_prefix": prefix}}
        for name, prefix in names.items()
    }
    return {"make": made, **saved}


def besiege(folder: Path, *arguments: str, kills: int, seed: int) -> int:
    """Kill so often, then let all end and check that nothing was lost, done twice or broken; return how many ran.

    Args:
        folder: an empty one.
        arguments: more for the command line.
        kills: how often the gateway or one of its workers is killed.
        seed: of when and which.

    """
    folder.mkdir(parents=True, exist_ok=True)
    tokens = {user: new_token(folder / "tokens.toml", user) for user in USERS}
    settings = {"INHOUSE_WORKERS__ATTEMPTS": "1000", "INHOUSE_STORAGE__KEEP_RUNS": "0"}
    options = ("--tokens", str(folder / "tokens.toml"), "--workers", "2", *arguments)
    with Gateway(folder, *options, settings=settings, token=tokens["ann"], port=_free_port()) as gateway:
        people = [Person(user, gateway.by(token)) for user, token in tokens.items()]
        with _working(people):
            _kill(gateway, people, kills, random.Random(seed))
        for person in people:
            assert not person.problems
            _check(person)
        return _accepted(people)


def _accepted(people: list[Person]) -> int:
    return sum(len(person.accepted) for person in people)


def _reached(people: list[Person], goal: int) -> bool:
    return _accepted(people) >= goal


def _kill(gateway: Gateway, people: list[Person], kills: int, chance: random.Random) -> None:
    for _ in range(kills):
        goal = _accepted(people) + 1
        eventually(partial(_reached, people, goal))
        threading.Event().wait(chance.uniform(0, 0.4))
        pids = gateway.worker_pids()
        if not pids or chance.random() < 0.4:
            gateway.kill()
            gateway.start()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(pids), signal.SIGKILL)


@contextlib.contextmanager
def _working(people: list[Person]) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=person.work, args=(stop,)) for person in people]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _check(person: Person) -> None:
    """Check that each run that was accepted ended well, is told of once, and left its two pictures and no more."""
    for run_id in person.accepted:
        assert person.gateway.over(run_id) == "completed", run_id
    listed = list(person.gateway.ask("GET", "/history").json)
    assert Counter(listed) == Counter(person.accepted.keys())
    output = person.gateway.folder / "output" / person.name
    pictures = sorted(path for path in output.rglob("*") if path.is_file() and not path.name.startswith("."))
    for picture in pictures:
        with Image.open(picture) as image:
            image.load()
    numbers = sorted(person.accepted.values())
    assert sorted(p.name for p in pictures if p.name.startswith("own")) == sorted(f"own{n}_00001_.png" for n in numbers)
    assert len([p for p in pictures if p.name.startswith("all")]) == len(numbers)
    shown = [_shown(person.gateway.history(run_id)) for run_id in person.accepted]
    assert sorted(name for names in shown for name in names) == [picture.name for picture in pictures]


def _shown(entry: dict[str, Any]) -> list[str]:
    return [image["filename"] for output in entry["outputs"].values() for image in output["images"]]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
