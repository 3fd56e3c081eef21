"""A meeting: what several runs are about to compute alike is computed once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from inhouse.errors import InterruptedRunError

if TYPE_CHECKING:
    from inhouse.engine.turn import Seat, Turn

Q = TypeVar("Q")
A = TypeVar("A")


class _Place(Generic[Q, A]):
    """A run that waits for its answer."""

    def __init__(self, seat: Seat, question: Q) -> None:
        self.seat = seat
        self.question = question
        self.answers: list[A] = []
        self.error: Exception | None = None

    @property
    def settled(self) -> bool:
        return bool(self.answers) or self.error is not None

    def leave(self) -> A:
        """Return the answer, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.answers[0]


class Meeting:
    """Where runs that share a turn meet before each call that takes long.

    Who comes steps aside. So every other run computes what it can, until all wait: for the turn at a node that they
    cannot begin, or here. Then one of them answers for all that came with the same key, and each goes on by itself.
    Nobody waits longer than the turn's patience for others to come.

    Only the run that has the turn ever touches what is in here.

    Args:
        turn: what the runs share.

    """

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._places: dict[Hashable, list[_Place[Any, Any]]] = {}

    def ask(self, key: Hashable, question: Q, answer: Callable[[Sequence[Q]], Sequence[A]]) -> A:
        """Return the answer to a question, given at once where no other run waits or the thread has no turn.

        Args:
            key: equal for questions that may be answered together.
            question: what is asked.
            answer: answers all of several questions; whose it is, is left open.

        Raises:
            InterruptedRunError: the run was asked to stop meanwhile.
            Exception: what ``answer`` raises for this question.

        """
        seat = self._turn.mine()
        if seat is None or not self._turn.wanted:
            (one,) = answer([question])
            return one
        place: _Place[Q, A] = _Place(seat, question)
        places = self._places.setdefault(key, [])
        places.append(place)
        going_on = self._turn.step_aside(seat)
        if place.settled:
            return place.leave()
        others: list[_Place[Q, A]] = [other for other in self._places.pop(key) if other is not place]
        if not going_on:
            self._wait_again(key, others)
            seat.control.check()
            others = []
        return self._lead(key, place, others, answer)

    def _lead(
        self,
        key: Hashable,
        place: _Place[Q, A],
        others: list[_Place[Q, A]],
        answer: Callable[[Sequence[Q]], Sequence[A]],
    ) -> A:
        """Answer for all; what stops the one that answers leaves the others waiting for one of their own."""
        try:
            _settle([place, *others], answer)
        finally:
            self._wait_again(key, [other for other in others if not other.settled])
            for other in others:
                if other.settled:
                    self._turn.hurry(other.seat)
        return place.leave()

    def _wait_again(self, key: Hashable, places: list[_Place[Q, A]]) -> None:
        if places:
            self._places.setdefault(key, []).extend(places)


def _settle(places: Sequence[_Place[Q, A]], answer: Callable[[Sequence[Q]], Sequence[A]]) -> None:
    """Answer questions together; where that fails, one by one, so that only those at fault fail."""
    try:
        answers = answer([place.question for place in places])
    except InterruptedRunError:  # it is this run that is asked to stop
        raise
    except Exception as error:  # noqa: BLE001 - raised in the run that asked
        if len(places) == 1:
            places[0].error = error
    else:
        for place, one in zip(places, answers, strict=True):
            place.answers.append(one)
        return
    if len(places) > 1:
        for place in places:
            _settle([place], answer)
