"""Tensors are checked before a runtime sees them."""

from __future__ import annotations

import numpy as np
import pytest

from inhouse.backends.sessions.feeds import axes, fitting
from inhouse.errors import NodeInputError

IDS = np.dtype("int64")
DECLARED = {"ids": (IDS, ("batch", "tokens")), "mask": (IDS, ("batch", "tokens"))}


def test_what_fits_is_given_in_the_models_order_without_copying() -> None:
    ids, mask = np.zeros((2, 3), np.int64), np.ones((2, 3), np.int64)
    found = fitting(DECLARED, {"mask": mask, "ids": ids})
    assert found[0] is ids
    assert found[1] is mask
    turned = fitting(DECLARED, {"ids": ids.T, "mask": mask.T})
    assert all(array.flags.c_contiguous for array in turned)


def test_axes_of_one_name_have_one_length_and_all_faults_are_told() -> None:
    with pytest.raises(NodeInputError, match=r"mask has shape \[2, 4\]"):
        fitting(DECLARED, {"ids": np.zeros((2, 3), np.int64), "mask": np.zeros((2, 4), np.int64)})
    with pytest.raises(NodeInputError, match=r"ids is float32.*mask is missing"):
        fitting(DECLARED, {"ids": np.zeros((2, 3), np.float32)})


def test_free_axes_have_names() -> None:
    assert axes((-1, 3, None, "tokens")) == ("batch", 3, "axis2", "tokens")
