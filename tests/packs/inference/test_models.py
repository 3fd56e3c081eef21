from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inhouse.errors import NodeInputError
from inhouse.packs.inference.models import named_tensor, run_model, select_tensor


class Doubling:
    inputs = {"x": (np.dtype(np.int32), ("batch",))}  # noqa: RUF012 - as a session has it
    outputs = ("y",)

    def run(self, feeds: dict[str, Any]) -> dict[str, Any]:
        assert feeds.keys() == {"x"}
        return {"y": feeds["x"] * 2}


def test_a_model_gets_what_it_takes_in_its_own_type() -> None:
    tensors = named_tensor(tensor=np.array([1, 2]), name="x", tensors={"other": np.array([0])})
    found = run_model(session=Doubling(), tensors=tensors)
    assert found["y"].tolist() == [2, 4]
    assert found["y"].dtype == np.int32
    assert select_tensor(tensors=found, name="y").tolist() == [2, 4]


def test_a_tensor_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(NodeInputError, match=r"takes 'x'.*There are z"):
        run_model(session=Doubling(), tensors={"z": np.array([1])})
    with pytest.raises(NodeInputError, match="no tensor 'q'"):
        select_tensor(tensors={"y": np.array([1])}, name="q")
