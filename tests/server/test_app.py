from collections.abc import Iterator

import pytest
from tests import wire
from tests.gateway import Gateway, sink
from tests.server.recorded import BEFORE, Session

SESSIONS = [
    name for prefix in ("exec_", "free", "history_", "interrupt_", "queue_", "ws_") for name in wire.names(prefix)
]


@pytest.fixture
def fresh(gateway: Gateway) -> Iterator[Gateway]:
    """Return the gateway with nothing remembered, and see to it that nothing is left to do."""
    gateway.ask("POST", "/free", {"free_memory": True})
    yield gateway
    assert gateway.ask("GET", "/prompt").json == {"exec_info": {"queue_remaining": 0}}


@pytest.mark.parametrize("name", SESSIONS)
def test_answers_and_tells_as_comfyui_does(fresh: Gateway, name: str) -> None:
    if name == "queue_order":  # its numbers are told from places that a young queue has not reached
        for run_id in [fresh.submit(sink(0)) for _ in range(101)]:
            fresh.over(run_id)
    if name in BEFORE:
        list(Session(fresh, BEFORE[name]).play())
    found = [f"{thing}: {theirs!r} there, {ours!r} here" for thing, theirs, ours in Session(fresh, name).play()]
    assert not found, "\n".join(found)
