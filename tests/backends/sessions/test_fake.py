"""The runtime that tests use in the place of real ones keeps their contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.fake import FakeRuntime, FakeSession
from inhouse.backends.sessions.registry import best_runtime, open_session
from inhouse.errors import ModelNotFoundError, NodeInputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = {"x": (np.dtype("float32"), ("batch", 2))}


def test_a_function_answers_in_a_models_place(tmp_path: Path) -> None:
    (tmp_path / "it.fake").touch()
    runtime = FakeRuntime(lambda feeds: {"y": feeds["x"] * 2}, INPUTS, ("y",))
    assert best_runtime(tmp_path / "it.fake", runtimes={"fake": runtime}) == "fake"
    session = open_session("fake", tmp_path / "it.fake", SessionOptions(), {"fake": runtime})
    assert isinstance(session, FakeSession)
    np.testing.assert_array_equal(session.run({"x": np.ones((3, 2), np.float32)})["y"], np.full((3, 2), 2))
    with pytest.raises(NodeInputError, match="x is missing"):
        session.run({})
    session.close()
    assert (session.calls, session.closed) == (1, True)


def test_it_refuses_as_others_do(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        FakeRuntime(dict, INPUTS, ()).open(tmp_path / "it.fake", SessionOptions())
    with pytest.raises(UsageError, match="no such card"):
        FakeRuntime(dict, INPUTS, (), "no such card").open(tmp_path / "it.fake", SessionOptions())
