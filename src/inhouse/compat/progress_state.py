"""The state of every node that a run has touched, as clients hear of it with each step."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from inhouse.compat.messages import Message
from inhouse.compat.plain_json import to_json

if TYPE_CHECKING:
    from inhouse.compat.node_places import Place

FULL_STATE = 64
"""Of so many nodes a state tells whenever one of them changes; of more, what runs and what has just changed.

The canvas draws what runs; told in full each time, two thousand nodes would cost it most of a gigabyte.
"""


class StateMessage(Message):
    """``progress_state``: the state of nodes, each as JSON already."""

    to_all_without_client = True

    def __init__(self, head: str, nodes: tuple[str, ...], *, droppable: bool) -> None:
        self._head = head
        self._nodes = nodes
        self.droppable = droppable
        self._text: str | None = None

    def frame(self, *, with_metadata: bool = False) -> str:  # noqa: ARG002 - as above
        """Return the message as JSON."""
        if self._text is None:
            self._text = f"{self._head}{','.join(self._nodes)}}}}}}}"
        return self._text


class ProgressState:
    """The state of every node that a run has touched.

    Args:
        run_id: the run.

    """

    def __init__(self, run_id: str) -> None:
        self._run = to_json(run_id)
        self._head = f'{{"type":"progress_state","data":{{"prompt_id":{self._run},"nodes":{{'
        self._nodes: dict[str, str] = {}
        self._fixed: dict[str, tuple[str, str]] = {}
        self._totals: dict[str, float] = {}
        self._running: dict[str, str] = {}

    def update(
        self, place: Place, value: float, total: float, state: str = "running", *, droppable: bool = False
    ) -> Message:
        """Note how far a node is, and return what to tell.

        Args:
            place: the node.
            value: steps done.
            total: steps there are.
            state: ``running`` or ``finished``.
            droppable: whether a slow client may miss it.

        """
        node_id = place.node_id
        self._totals[node_id] = total
        before, after = self._fixed.get(node_id) or self._fix(place)
        text = self._nodes[node_id] = f'{before}{value},"max":{total},"state":"{state}"{after}'
        if state == "running":
            self._running[node_id] = text
        else:
            self._running.pop(node_id, None)
        if len(self._nodes) <= FULL_STATE:
            told = tuple(self._nodes.values())
        else:
            told = tuple({**self._running, node_id: text}.values())
        return StateMessage(self._head, told, droppable=droppable)

    @property
    def finished(self) -> set[str]:
        """The nodes that are done."""
        return self._nodes.keys() - self._running.keys()

    @property
    def running(self) -> list[dict[str, Any]]:
        """How far each node is that runs, as clients are told."""
        return [state for text in self._running.values() for state in json.loads(f"{{{text}}}").values()]

    def finish(self, place: Place, *, cached: bool = False) -> Message:
        """Note that a node is done, and return what to tell."""
        total = 1 if cached else self._totals.get(place.node_id, 1.0)
        return self.update(place, total, total, "finished")

    def _fix(self, place: Place) -> tuple[str, str]:
        """Make the parts of a node's state that do not change."""
        node_id = to_json(place.node_id)
        before = f'{node_id}:{{"value":'
        after = (
            f',"node_id":{node_id},"prompt_id":{self._run},"display_node_id":{to_json(place.display_id)},'
            f'"parent_node_id":{to_json(place.parent_id)},"real_node_id":{to_json(place.real_id)}}}'
        )
        self._fixed[place.node_id] = (before, after)
        return before, after
