"""Whatever is sent to a gateway, it answers, never with a fault of its own, and works on."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway import Gateway, sink
from tests.soak.test_hostile_workflows import spoil

TRIES = 5_000
EXAMPLES = "25"
"""For each route and each way to spoil a request."""
PICTURE = {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}}
BODIES: list[tuple[str, dict[str, Any]]] = [
    *[
        (
            "/prompt",
            {
                "prompt": {
                    **sink(7),
                    "3": PICTURE,
                    "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}},
                },
                "client_id": "somebody",
                "number": 1,
                "front": True,
                "priority": 1,
                "extra_data": {"extra_pnginfo": {"workflow": {"nodes": []}}, "preview_method": "auto"},
                "partial_execution_targets": ["2", "4"],
            },
        )
    ]
    * 12,
    ("/queue", {"delete": ["a"], "clear": False}),
    ("/history", {"delete": ["a"], "clear": False}),
    ("/interrupt", {"prompt_id": "a"}),
    ("/free", {"unload_models": True, "free_memory": False}),
    ("/settings", {"a": 1}),
    ("/jobs/cancel", {"job_ids": ["a"]}),
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, probes: Path) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), "--custom-nodes", probes) as running:
        yield running


def works(gateway: Gateway) -> bool:
    """Whether a sound workflow still runs."""
    gateway.ask("POST", "/queue", {"clear": True})
    return gateway.over(gateway.submit(sink(1))) == "completed"


def torn(text: bytes, chance: random.Random) -> bytes:
    """Return a text with a few bytes in it replaced, or the end of it missing."""
    place = chance.randrange(len(text))
    return text[:place] + chance.choice([b"", bytes([chance.randrange(256)]) + text[place + 1 :]])


@pytest.mark.soak
def test_thousands_of_spoilt_bodies_are_answered(gateway: Gateway) -> None:
    chance = random.Random(11)
    failures = []
    for turn in range(TRIES):
        path, body = chance.choice(BODIES)
        text = json.dumps(spoil(body, chance)).encode("utf-8", "surrogatepass")
        sent = torn(text, chance) if chance.random() < 0.1 else text
        answer = gateway.ask("POST", path, sent)
        if answer.status >= 500:
            failures.append((path, answer.status, sent[:1000]))
        if turn % 50 == 0:
            gateway.ask("POST", "/queue", {"clear": True})
    assert failures == []
    assert works(gateway)


@pytest.mark.soak
def test_whatever_the_description_allows_or_forbids_is_answered(gateway: Gateway) -> None:
    command = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    command += [f"http://127.0.0.1:{gateway.port}/openapi.json", "--checks", "not_a_server_error"]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "1", "--no-shrink"]
    command += ["--continue-on-failure", "--suppress-health-check", "all", "--request-timeout", "30"]
    done = subprocess.run(command, cwd=gateway.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-10_000:]
    assert works(gateway)
