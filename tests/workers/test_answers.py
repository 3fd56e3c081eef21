"""What a worker can be asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workers.kit import PACKS
from tests.workers.test_loaded import Holder, Model

from inhouse.engine.cache import Outcome
from inhouse.errors import UsageError
from inhouse.workers.answers import Answers
from inhouse.workers.session import Places, Session, open_session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    places = Places(tmp_path / "models", tmp_path / "input", tmp_path / "output", PACKS)
    with open_session(places, cache_bytes=10_000) as opened:
        yield opened


def test_figures_of_what_is_remembered(session: Session) -> None:
    cache, answers = session.engine.cache, Answers(session)
    cache.put(b"a", Outcome([[Holder(Model())]]))
    cache.get(b"a")
    cache.get(b"b")
    stats = answers.answer("stats", {})
    assert {name: stats["cache"][name] for name in ("entries", "max_bytes", "hits", "misses")} == {
        "entries": 1,
        "max_bytes": 10_000,
        "hits": 1,
        "misses": 1,
    }
    assert stats["cache"]["bytes"] > 0
    assert stats["models"] == {
            "loaded": 1, "bytes": 10, "hits": 0, "misses": 0, "evictions": 0, "streamed": 0,
        }  # fmt: skip
    assert stats["devices"][0]["type"] == "cpu"


def test_models_leave_memory_and_results_stay(session: Session) -> None:
    cache, model = session.engine.cache, Model()
    cache.put(b"a", Outcome([[Holder(model)]]))
    assert Answers(session).answer("free", {}) is None
    assert model.loaded
    Answers(session).answer("free", {"unload_models": True})
    assert (model.loaded, len(cache)) == (False, 1)


def test_memory_is_freed_of_results_as_well(session: Session) -> None:
    cache, model = session.engine.cache, Model()
    cache.put(b"a", Outcome([[Holder(model)]]))
    Answers(session).answer("free", {"free_memory": True})
    assert (model.loaded, len(cache), cache.bytes) == (False, 0, 0)


def test_a_nodes_own_check(session: Session) -> None:
    ask = Answers(session).answer
    assert ask("check", {"node": "Checked", "inputs": {"v": "bad"}}) == "v is bad"
    assert ask("check", {"node": "Checked", "inputs": {"v": "good"}}) is True
    assert ask("check", {"node": "NoSuchNode", "inputs": {}}) is True


def test_packs_may_change_a_request(session: Session) -> None:
    assert session.custom is not None
    session.custom.host.handlers.append(lambda body: {**body, "seen": True})
    assert Answers(session).answer("on_prompt", {"body": {"prompt": {}}}) == {"prompt": {}, "seen": True}


def test_without_packs_nothing_changes(tmp_path: Path) -> None:
    with open_session(Places(tmp_path)) as opened:
        assert Answers(opened).answer("on_prompt", {"body": 1}) == 1
        assert Answers(opened).describe().packs == []


@pytest.mark.parametrize(("question", "details"), [("weather", {}), ("check", {"nod": "Echo"}), ("stats", {"x": 1})])
def test_what_it_does_not_know_is_said(session: Session, question: str, details: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=question):
        Answers(session).answer(question, details)
