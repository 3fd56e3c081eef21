from __future__ import annotations

import io
import sys

import pytest
from PIL import Image

from inhouse.backends.profile import Profile, Span
from inhouse.cli.profile_plot import draw
from inhouse.errors import OutputError


@pytest.fixture
def profile() -> Profile:
    profile = Profile()
    profile.spans += [Span("3", "", 0.5, 2.0, 1000), Span("3", "steps", 1.0, 1.0, 900), Span("4", "", 2.5, 1.0)]
    profile.steps["3"] = [1.25, 1.5, 2.0]
    return profile


def test_nodes_are_drawn_over_time_with_their_names_and_figures(profile: Profile) -> None:
    pytest.importorskip("matplotlib")
    picture = draw(profile, {"3": "KSampler (3)", "4": "VAE Decode (4)"}, "png")
    with Image.open(io.BytesIO(picture)) as opened:
        assert opened.format == "PNG"
        assert opened.width > 1000
        assert len(opened.convert("RGB").getcolors(2**24) or ()) > 10
    small = draw(Profile(), {}, "png")
    assert small != picture


@pytest.mark.parametrize(("form", "magic"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_other_formats_are_drawn_too(profile: Profile, form: str, magic: bytes) -> None:
    pytest.importorskip("matplotlib")
    assert draw(profile, {}, form).startswith(magic)


def test_what_cannot_be_drawn_is_refused(profile: Profile) -> None:
    with pytest.raises(OutputError, match=r"cannot be drawn as \.gif"):
        draw(profile, {}, "gif")


def test_without_what_draws_the_user_is_told_what_to_install(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(OutputError, match=r"inhouse\[plots\]"):
        draw(profile, {}, "png")
