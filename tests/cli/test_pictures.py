"""Pictures in terminals that can show them."""

import base64
import re

import pytest

from inhouse.cli.pictures import escape_sequences

PNG = bytes(range(256)) * 40


@pytest.mark.parametrize("environment", [{"KITTY_WINDOW_ID": "1"}, {"TERM": "xterm-kitty"}, {"TERM": "xterm-ghostty"}])
def test_kitty_gets_the_picture_in_chunks(environment: dict[str, str]) -> None:
    sequences = re.findall("\x1b_G(.*?);(.*?)\x1b\\\\", escape_sequences(PNG, environment))
    controls, parts = zip(*sequences, strict=True)
    assert base64.b64decode("".join(parts)) == PNG
    assert controls[0] == "a=T,f=100,m=1"
    assert set(controls[1:-1]) == {"m=1"}
    assert controls[-1] == "m=0"
    assert max(map(len, parts)) == 4096


def test_a_small_picture_is_one_chunk() -> None:
    assert escape_sequences(b"PNG", {"KITTY_WINDOW_ID": "1"}).startswith("\x1b_Ga=T,f=100,m=0;")


@pytest.mark.parametrize("program", ["iTerm.app", "WezTerm"])
def test_iterm_gets_the_picture_inline(program: str) -> None:
    shown = escape_sequences(PNG, {"TERM_PROGRAM": program})
    found = re.fullmatch("\x1b\\]1337;File=inline=1;size=10240:(.*)\a\n", shown)
    assert found is not None
    assert base64.b64decode(found[1]) == PNG


@pytest.mark.parametrize("environment", [{}, {"TERM": "xterm-256color"}, {"TERM_PROGRAM": "Apple_Terminal"}])
def test_other_terminals_get_nothing(environment: dict[str, str]) -> None:
    assert escape_sequences(PNG, environment) == ""
