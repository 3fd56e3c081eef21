"""Whatever is done to a workflow, it is read and checked, or refused with an error of ours."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.tiny_model import text_to_image

from inhouse.compat.canvas import write_canvas
from inhouse.compat.document import read_workflow
from inhouse.errors import InhouseError
from inhouse.workers.session import Places, Session, open_session

TRIES = 5_000
JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**80,
    1e308,
    "",
    "../../etc/passwd",
    "\ud800",
    "\0",
    [],
    [[]],
    ["1", 0, 0],
    ["loader", -1],
    ["loader", 99],
    ["sampler", 0],
    ["sampler", "0"],
    [{}, 0],
    {},
    {"__value__": [1]},
    {"class_type": "KSampler"},
    "x" * 10_000,
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    empty = tmp_path_factory.mktemp("empty")
    with open_session(Places(empty, empty, empty)) as opened:
        yield opened


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a document: a container and the key or index in it."""
    found = []
    stack = [value]
    while stack:
        current = stack.pop()
        keys = current if isinstance(current, dict) else range(len(current))
        for key in keys:
            found.append((current, key))
            if isinstance(current[key], dict | list):
                stack.append(current[key])
    return found


def spoil(document: Any, chance: random.Random) -> Any:
    """Return a document with one to four places replaced, removed or doubled."""
    spoilt = json.loads(json.dumps(document))
    for _ in range(chance.randint(1, 4)):
        found = places(spoilt)
        if not found:
            return spoilt
        container, key = chance.choice(found)
        act = chance.random()
        if act < 0.6:
            container[key] = copy.deepcopy(chance.choice(JUNK))
        elif act < 0.8:
            del container[key]
        elif isinstance(container, dict):
            container[f"{key}x"] = copy.deepcopy(container[key])
        else:
            container.append(copy.deepcopy(container[key]))
    return spoilt


def check(session: Session, document: Any) -> bool:
    """Return whether a document is a sound workflow; anything but an error of ours escapes."""
    try:
        workflow = read_workflow(json.dumps(document).encode("utf-8", "surrogatepass"), session.registry)
        return not session.engine.validate(workflow).faults
    except InhouseError as error:
        return not str(error)


@pytest.mark.soak
@pytest.mark.parametrize("make", [lambda _: text_to_image(), None], ids=["api", "canvas"])
def test_thousands_of_spoilt_workflows(session: Session, make: Callable[[Session], Any] | None, tmp_path: Path) -> None:
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(text_to_image()))
    document = make(session) if make else write_canvas(read_workflow(path, session.registry), session.registry)
    chance = random.Random(7)
    verdicts = [check(session, spoil(document, chance)) for _ in range(TRIES)]
    assert not all(verdicts)
