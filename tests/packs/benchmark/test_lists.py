from __future__ import annotations

from collections.abc import Callable

import pytest

from inhouse.errors import UsageError
from inhouse.packs.benchmark.lists import chosen, integers, lengths, names, numbers, share


def test_lists_have_commas_and_each_thing_once() -> None:
    assert names("--runtime", " openvino, onnxruntime,openvino ") == ("openvino", "onnxruntime")
    assert integers("--batch", "1,8,8") == (1, 8)
    assert numbers("--rate", "0.5,10") == (0.5, 10)
    assert names("--runtime", "") == ()


def test_shares_and_lengths() -> None:
    assert (share("--f", "5%"), share("--f", "0.05"), share("--f", "")) == (0.05, 0.05, None)
    assert lengths("--size", ["tokens=128"]) == {"tokens": 128}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: integers("--batch", "0"),
        lambda: integers("--batch", "1,x"),
        lambda: integers("--batch", "1.5"),
        lambda: numbers("--rate", "-1"),
        lambda: numbers("--rate", "nan"),
        lambda: share("--f", "much"),
        lambda: share("--f", "-5%"),
        lambda: lengths("--size", ["tokens"]),
        lambda: lengths("--size", ["=3"]),
        lambda: chosen("--language", "fr", ("en", "zh")),
        lambda: names("--runtime", " , "),
    ],
)
def test_what_is_none_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(UsageError, match="--"):
        wrong()
