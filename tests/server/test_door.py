"""The door lets in who is known, and an office is not locked out by one colleague."""

from __future__ import annotations

import logging

import pytest
from starlette.types import Scope

from inhouse.errors import TooManyAttemptsError, UnauthenticatedError
from inhouse.server.attempts import Attempts
from inhouse.server.auth import Authenticator, token_in
from inhouse.server.door import Door
from inhouse.server.identity import Identity


class Book(Authenticator):
    """Knows people by tokens that are their names."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)

    def identify(self, scope: Scope) -> Identity | None:
        name = (token_in(scope) or b"").decode()
        return Identity(name) if name in self.names else None


def request(token: str | None, address: str | None = "10.0.0.1") -> Scope:
    headers = [] if token is None else [(b"authorization", b"Bearer " + token.encode())]
    return {"type": "http", "path": "/", "headers": headers, "client": address and (address, 1)}


def door(*names: str) -> Door:
    return Door(Book(*names), Attempts(limit=2, seconds=60, clock=lambda: 0.0))


def lock(locked: Door) -> None:
    for _ in range(2):
        with pytest.raises(UnauthenticatedError, match="not known"):
            locked.enter(request("guess"))


def test_who_is_known_comes_in() -> None:
    assert door("ann").enter(request("ann")) == Identity("ann")


def test_who_says_nothing_is_told_how_to_and_may_ask_again() -> None:
    for _ in range(5):
        with pytest.raises(UnauthenticatedError, match=r"wants an access token.*Bearer"):
            door("ann").enter(request(None))


def test_who_guesses_has_to_wait_even_with_a_right_guess() -> None:
    house = door("ann")
    lock(house)
    with pytest.raises(TooManyAttemptsError) as refused:
        house.enter(request("ann"))
    assert refused.value.seconds == 60
    assert house.enter(request("ann", "10.0.0.2")) == Identity("ann")


def test_who_was_in_before_comes_in_while_others_guess() -> None:
    house = door("ann")
    house.enter(request("ann"))
    lock(house)
    assert house.enter(request("ann")) == Identity("ann")


def test_a_token_that_was_taken_back_is_a_guess_from_then_on() -> None:
    book = Book("ann")
    house = Door(book, Attempts(limit=1, seconds=60, clock=lambda: 0.0))
    house.enter(request("ann"))
    book.names.clear()
    with pytest.raises(UnauthenticatedError):
        house.enter(request("ann"))
    with pytest.raises(TooManyAttemptsError):
        house.enter(request("ann"))


def test_who_comes_without_an_address_is_counted_as_one() -> None:
    house = Door(Book("ann"), Attempts(limit=1, seconds=60, clock=lambda: 0.0))
    with pytest.raises(UnauthenticatedError):
        house.enter(request("guess", None))
    with pytest.raises(TooManyAttemptsError):
        house.enter(request("guess", None))


def test_a_wrong_token_is_logged_with_its_address_and_not_itself(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(UnauthenticatedError):
        door().enter(request("inhouse_secret"))
    assert "10.0.0.1" in caplog.text
    assert "inhouse_secret" not in caplog.text


def test_only_so_many_right_tokens_are_remembered() -> None:
    house = door(*map(str, range(3000)))
    for number in range(3000):
        house.enter(request(str(number)))
    assert len(house._right) == 1024
