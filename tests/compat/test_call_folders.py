from pathlib import Path
from typing import Any

from inhouse import Context, Engine, Registry, Result, Workflow, WorkflowNode, node
from inhouse.compat.call_folders import folders_now
from inhouse.compat.calls_in_progress import Call, running
from inhouse.compat.dynamic_prompt import DynamicPrompt
from inhouse.files import Folders

OURS = Folders(Path("in"), Path("out"), Path("temp"))


def test_a_run_has_its_users_folders() -> None:
    theirs = Folders(Path("ann"), Path("ann"), Path("ann"))
    seen: list[Folders] = []

    @node("Look", output_node=True)
    def look(*, context: Context) -> Result:
        """See whose folders these are."""
        with running(Call(context, DynamicPrompt(context.workflow, {}))):
            seen.append(folders_now(OURS))
        return Result(ui={})

    services: dict[type[Any], Any] = {Folders: theirs}
    with Engine(Registry([look]), services=services) as engine:
        engine.run(Workflow({"1": WorkflowNode("Look", {})}))
    assert seen == [theirs]


def test_outside_of_a_run_and_without_folders_there_are_others(call: Call) -> None:
    assert folders_now(OURS) is OURS
    with running(call):
        assert folders_now(OURS) is OURS
