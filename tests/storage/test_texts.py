from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inhouse.storage.texts import is_storable, storable

TEXT = st.text(st.characters())


def test_what_no_database_holds() -> None:
    assert is_storable(None)
    assert is_storable("\u6f22 \U0001f600 \x01")
    assert not is_storable("a\0")
    assert not is_storable("\u00fc\0")
    assert not is_storable("\ud800")
    assert storable("a\0b\ud800\u00fc") == "a?b?\u00fc"


@given(TEXT)
def test_what_is_made_storable_is_and_what_was_stays(text: str) -> None:
    assert is_storable(storable(text))
    assert storable(text) == text or not is_storable(text)
