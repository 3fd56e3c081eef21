"""Stop words end a text, however its pieces are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.inference.stops import Stops

LETTERS = st.text("ab", max_size=12)


def told(pieces: list[str], words: list[str]) -> tuple[str, bool]:
    """Return all that is let through, and whether a stop word came."""
    stops = Stops(words)
    said = "".join(stops.add(piece) for piece in pieces)
    return said + stops.rest(), stops.found


@given(pieces=st.lists(LETTERS, max_size=6), words=st.lists(st.text("ab", min_size=1, max_size=3), max_size=3))
def test_what_is_told_is_the_text_up_to_the_first_stop_word(pieces: list[str], words: list[str]) -> None:
    text = "".join(pieces)
    places = [place for word in words if (place := text.find(word)) >= 0]
    said, found = told(pieces, words)
    assert found is bool(places)
    if len(words) <= 1:
        assert said == (text[: min(places)] if places else text)
    assert text.startswith(said)
    assert not any(word in said for word in words)


def test_a_stop_word_may_come_in_pieces() -> None:
    assert told(["one, t", "wo, three"], ["two"]) == ("one, ", True)
    assert told(["one, t", "en"], ["two"]) == ("one, ten", False)
