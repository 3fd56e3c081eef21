from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.image.filenames import expand

NOW = datetime(2026, 3, 4, 15, 6, 7)  # noqa: DTZ001 - a clock on the wall


def lookup(node: str, name: str) -> Any:
    return {("KSampler", "seed"): 7, ("CLIP Text", "text"): "a/b: *c*"}.get((node, name))


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("ComfyUI", "ComfyUI"),
        ("%width%x%height%/a", "640x480/a"),
        ("%year%-%month%-%day% %hour%.%minute%.%second%", "2026-03-04 15.06.07"),
        ("%date:yyyy-MM-dd%", "2026-03-04"),
        ("%date:yy-M-d h-m-s%", "26-3-4 15-6-7"),
        ("%date:hhmmss%", "150607"),
        ("%date:yyy%", "yyy"),
        ("%date%", "20260304150607"),
        ("%KSampler.seed%_%CLIP Text.text%", "7_a_b_ _c_"),
        ("%KSampler.steps% %unknown% 100%", "%KSampler.steps% %unknown% 100%"),
    ],
)
def test_what_stands_between_percent_signs_is_filled_in(prefix: str, expected: str) -> None:
    assert expand(prefix, 640, 480, NOW, lookup) == expected


@given(st.text())
def test_any_prefix_can_be_expanded(prefix: str) -> None:
    expanded = expand(prefix, 1, 1, NOW, lookup)

    assert ("%" in prefix) or expanded == prefix
