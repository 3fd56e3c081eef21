"""A published workflow: each call is a run of the caller's, as durable as any other."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from inhouse.compat.refusals import RefusedError
from inhouse.errors import (
    DeadlineError,
    InputsError,
    InterruptedRunError,
    NodeExecutionError,
    OverloadedError,
    ServiceConflictError,
    ServiceError,
)
from inhouse.server.identity import Identity
from inhouse.server.services.base import Answer, Card, Target
from inhouse.server.services.run_files import RunFiles
from inhouse.server.services.run_outputs import RunOutputs
from inhouse.server.services.run_story import RunStory

if TYPE_CHECKING:
    from inhouse.server.hub import Hub
    from inhouse.server.runs import Runs
    from inhouse.server.services.base import Call
    from inhouse.server.user_folders import UserFolders
    from inhouse.storage.services import Version

WORKFLOW: Final = "workflow.json"
"""The workflow in the API format, in the version's folder."""


class WorkflowTarget(Target):
    """Answers calls by runs.

    Args:
        service: its name.
        version: what was published.
        folder: of its files.
        runs: accepts runs.
        hub: through which they tell of themselves.
        folders: whose files lie where.

    """

    def __init__(
        self,
        service: str,
        version: Version,
        folder: Path,
        *,
        runs: Runs,
        hub: Hub,
        folders: UserFolders,
    ) -> None:
        self._service, self._version, self._runs, self._hub = service, version, runs, hub
        self._files, self._outputs = RunFiles(folders), RunOutputs(version, folders)
        self._workflow: Mapping[str, Any] = _read(folder / WORKFLOW, service)
        self._by_input = {place: name for name, place in version.bindings.items()}
        self._rowed = {field.name for field in version.fields_in if field.rows}
        self._calls = 0
        note = version.note or f"The workflow {service}"
        self.card = Card(version.fields_in, version.fields_out, "workflow", note, streams=True, max_batch=1)

    async def load(self) -> None:
        """Be ready: workers load what a run needs."""
        self.state = "ready"

    async def unload(self) -> None:
        """Have no calls any more."""
        self.state = "unloaded"

    @property
    def stats(self) -> Mapping[str, Any]:
        """How many calls are on their way."""
        return {"calls": self._calls}

    async def call(self, call: Call) -> Answer:
        """Answer a call; a caller that goes away cancels the run."""
        started = asyncio.get_running_loop().time()
        async with aclosing(self._told(call)) as pieces:
            async for piece in pieces:
                if (outputs := piece.get("outputs")) is not None:
                    seconds = asyncio.get_running_loop().time() - started
                    told = {name: orjson.dumps(value) for name, value in outputs.items()}
                    return Answer(told, self._version.number, seconds)
        raise ServiceError(f"Service {call.service!r} ended without an answer.")

    async def stream(self, call: Call) -> AsyncGenerator[Mapping[str, Any], None]:
        """Tell of the run: ``progress`` and ``preview``, at last ``outputs``; closing it cancels the run."""
        async with aclosing(self._told(call)) as pieces:
            async for piece in pieces:
                yield {**piece, "version": self._version.number} if "outputs" in piece else piece

    async def _told(self, call: Call) -> AsyncGenerator[Mapping[str, Any], None]:
        if self._calls >= self._version.max_waiting:
            raise OverloadedError(f"Service {call.service!r} has {self._calls} calls on their way.", seconds=5)
        self._calls += 1
        story = RunStory(call.user)
        self._hub.enter(story)
        kept: list[Path] = []
        over = False
        try:
            await self._accept(call, story, kept)
            yield {"run": story.run_id}
            async for piece in story.pieces(call.deadline):
                yield piece
            over = True
            yield {"outputs": await self._finished(call, story)}
        except TimeoutError:
            raise DeadlineError(f"A run of {call.service!r} could not begin in time.") from None
        finally:
            self._calls -= 1
            self._hub.leave(story)
            if not over and story.accepted:
                await asyncio.shield(self._runs.cancel(Identity(call.user), [story.run_id]))
            await asyncio.to_thread(self._files.forget, kept)

    async def _accept(self, call: Call, story: RunStory, kept: list[Path]) -> None:
        document = copy.deepcopy(dict(self._workflow))
        for name, given in call.inputs.items():
            value = given[0] if name in self._rowed else given
            node, _, entry = self._version.bindings[name].partition(".")
            document[node]["inputs"][entry] = await asyncio.to_thread(self._files.keep, call.user, value, kept)
        targets = [node for name, node in self._version.bindings.items() if name in self._outputs.names]
        body = {
            "prompt": document,
            "prompt_id": story.run_id,
            "client_id": story.sid,
            "extra_data": {"preview_method": "auto"},
            **({"partial_execution_targets": targets} if targets else {}),
        }
        try:
            accepted = await self._runs.accept(Identity(call.user), body)
        except RefusedError as error:
            raise self._mapped(error.body) from error
        story.accepted = True
        if accepted.node_errors:
            raise self._mapped({"node_errors": accepted.node_errors})

    def _mapped(self, body: Mapping[str, Any]) -> InputsError | ServiceError:
        """Return what is wrong with a workflow as what is wrong with the call's inputs, where it is theirs."""
        faults: dict[str, str] = {}
        for node, found in (body.get("node_errors") or {}).items():
            for each in found.get("errors", ()):
                name = self._by_input.get(f"{node}.{(each.get('extra_info') or {}).get('input_name')}")
                if name is not None:
                    faults[f"inputs.{name}"] = f"{each.get('message')}: {each.get('details')}"
        if faults:
            return InputsError(faults)
        problem = body.get("error") or {}
        said = problem.get("message") if isinstance(problem, Mapping) else problem
        return ServiceError(
            f"The workflow of {self._service!r} cannot run here: {said or 'a node is at fault'}.",
            hint="Whoever published it finds more by running it on the canvas.",
        )

    async def _finished(self, call: Call, story: RunStory) -> Mapping[str, Any]:
        if story.ended == "execution_interrupted":
            raise InterruptedRunError
        if story.ended == "execution_error":
            said = str(story.failure.get("exception_message", "")).strip()
            node = str(story.failure.get("node_id") or "")
            kind = story.failure.get("node_type") or "a node"
            raise NodeExecutionError(f"{kind} (node {node}) failed: {said}", node_id=node)
        record = await self._runs.record(Identity(call.user), story.run_id)
        found = record.conclusion.outputs if record.conclusion is not None else "{}"
        linked = call.parameters.get("images") == "url"
        return await asyncio.to_thread(self._outputs.read, call.user, orjson.loads(found), linked=linked)


def _read(path: Path, service: str) -> Mapping[str, Any]:
    try:
        workflow = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ServiceConflictError(f"The workflow of {service!r} cannot be read.", hint="Publish it again.") from error
    if not isinstance(workflow, dict):
        raise ServiceConflictError(f"The workflow of {service!r} is none.", hint="Publish it again.")
    return workflow
