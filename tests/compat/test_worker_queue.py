import pytest

from inhouse.compat.prompt_server import PackHost
from inhouse.compat.worker_queue import WorkerQueue
from inhouse.errors import NotOfferedError


def test_packs_see_what_runs_here_and_nothing_that_waits() -> None:
    host = PackHost()
    queue = WorkerQueue(host)
    assert (queue.get_tasks_remaining(), queue.get_current_queue()) == (0, ([], []))
    host.run_id = "r"
    running, pending = queue.get_current_queue_volatile()
    assert ([item[1] for item in running], pending, queue.get_tasks_remaining()) == (["r"], [], 1)


@pytest.mark.parametrize("name", ["put", "get_history", "delete_queue_item", "wipe_queue", "wipe_history"])
def test_what_only_the_gateway_can_do_says_where_to_ask(name: str) -> None:
    arguments = () if name.startswith("wipe") else ("x",)
    with pytest.raises(NotOfferedError, match=f"PromptQueue.{name}.*send a request to"):
        getattr(WorkerQueue(PackHost()), name)(*arguments)
