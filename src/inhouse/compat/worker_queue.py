"""The queue as custom packs see it: the run that goes on here, as the gateway keeps the rest."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from inhouse.compat.unavailable import unavailable

if TYPE_CHECKING:
    from inhouse.compat.prompt_server import PackHost

_ELSEWHERE = "the gateway keeps the queue; send a request to {} instead"


class WorkerQueue:
    """``PromptServer.instance.prompt_queue``.

    Args:
        host: knows what runs.

    """

    def __init__(self, host: PackHost) -> None:
        self._host = host
        self.mutex = threading.RLock()

    @property
    def currently_running(self) -> dict[int, Any]:
        """What runs here: ``(number, id, workflow, extra data, targets)`` by number, with what is known here."""
        return {0: (0, self._host.run_id, {}, {}, [])} if self._host.run_id else {}

    def get_tasks_remaining(self) -> int:
        """Return how many runs there are here: one or none."""
        return len(self.currently_running)

    def get_current_queue(self) -> tuple[list[Any], list[Any]]:
        """Return what runs here, and that nothing waits here."""
        return list(self.currently_running.values()), []

    get_current_queue_volatile = get_current_queue

    def put(self, _item: Any) -> None:
        """Refuse: runs are accepted by the gateway."""
        raise unavailable("PromptQueue.put", _ELSEWHERE.format("POST /prompt"))

    def get_history(self, *_given: Any, **_named: Any) -> dict[str, Any]:
        """Refuse: the gateway keeps the history."""
        raise unavailable("PromptQueue.get_history", _ELSEWHERE.format("GET /history"))

    def wipe_queue(self) -> None:
        """Refuse: the gateway keeps the queue."""
        raise unavailable("PromptQueue.wipe_queue", _ELSEWHERE.format("POST /queue"))

    def delete_queue_item(self, _matches: Any) -> bool:
        """Refuse: the gateway keeps the queue."""
        raise unavailable("PromptQueue.delete_queue_item", _ELSEWHERE.format("POST /queue"))

    def wipe_history(self) -> None:
        """Refuse: the gateway keeps the history."""
        raise unavailable("PromptQueue.wipe_history", _ELSEWHERE.format("POST /history"))
