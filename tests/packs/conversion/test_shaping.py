"""Which lengths may be any is found by trying, and proved of what was exported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inhouse.errors import ConversionError
from inhouse.models.signature import TensorSpec
from inhouse.packs.conversion.shaping import feeds_at, lengths_at, observed, prove_free

INPUTS = (TensorSpec("ids", "int64", ("batch", "tokens")), TensorSpec("mask", "int64", ("batch", "tokens")))
LIMITS = {"batch": (1, 8), "tokens": (2, 64)}
VALUES = {"ids": (0.0, 9.0), "mask": (0.0, 1.0)}


def twice(feeds: Any) -> dict[str, Any]:
    """Ids in rows twice as long, and a count a row."""
    return {"ids": np.concatenate([feeds["ids"]] * 2, axis=1), "count": feeds["mask"].sum(1)}


def test_axes_of_outputs_are_named_after_what_they_follow() -> None:
    found = {spec.name: spec.shape for spec in observed(twice, INPUTS, LIMITS, VALUES)}
    assert found == {"ids": ("batch", "ids_1"), "count": ("batch",)}


def test_made_up_tensors_keep_to_their_values() -> None:
    feeds = feeds_at(INPUTS, {"batch": 3, "tokens": 50}, VALUES)
    assert feeds["ids"].shape == (3, 50)
    assert set(np.unique(feeds["ids"])) <= set(range(10))
    assert (feeds["mask"] == 1).all()


def test_lengths_keep_to_their_limits_and_differ() -> None:
    assert lengths_at(INPUTS, {"batch": (1, 2), "tokens": (2, 64)}) == {"batch": 1, "tokens": 5}
    assert len(set(lengths_at(INPUTS, LIMITS).values())) == 2


def test_a_frozen_axis_is_found_by_its_failure_and_by_its_shape() -> None:
    outputs = observed(twice, INPUTS, LIMITS, VALUES)
    assert "batch 1, tokens 5" in prove_free(twice, INPUTS, outputs, LIMITS, VALUES)

    def fails(feeds: Any) -> dict[str, Any]:
        return {"ids": feeds["ids"].reshape(3, -1), "count": feeds["mask"].sum(1)}

    def constant(feeds: Any) -> dict[str, Any]:
        return {**twice(feeds), "count": np.zeros(3)}

    for broken in (fails, constant):
        with pytest.raises(ConversionError, match="An axis was frozen on the way"):
            prove_free(broken, INPUTS, outputs, LIMITS, VALUES)
