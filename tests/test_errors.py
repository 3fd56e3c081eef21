"""The error tree: what callers catch, what users read, what programs branch on."""

from __future__ import annotations

import inspect
import json
import pickle
import re
from typing import Any

import pytest

from inhouse import errors
from inhouse.errors import (
    Fault,
    InhouseError,
    InputsError,
    InterruptedRunError,
    NodeExecutionError,
    WorkflowInvalidError,
)

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, InhouseError)]


def test_every_class_is_drawn_in_the_docstring_under_its_parent() -> None:
    assert errors.__doc__ is not None
    drawn: list[tuple[int, str]] = []
    parents: dict[str, str] = {}
    for line in errors.__doc__.splitlines():
        match = re.match(r"^ {4}([│├└─ ]*)(\w+Error)\b", line)
        if match:
            depth = len(match[1])
            while drawn and drawn[-1][0] >= depth:
                drawn.pop()
            parents[match[2]] = drawn[-1][1] if drawn else "Exception"
            drawn.append((depth, match[2]))
    assert parents == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


def test_codes_are_unique_and_stable_in_form() -> None:
    codes = [kind.code for kind in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def made(kind: type[InhouseError]) -> InhouseError:
    others: dict[type[InhouseError], Any] = {
        WorkflowInvalidError: [Fault("c", "It is wrong.", "n", "i", "Mend it.")],
        InputsError: {"inputs.texts.0": "is no text"},
    }
    error = kind(others.get(kind, "It broke."))
    error.node_id, error.input_name, error.hint = "n", "i", "Mend it."
    return error


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_travel_between_processes(kind: type[InhouseError]) -> None:
    error = made(kind)
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is kind
    assert (str(there), vars(there)) == (str(error), vars(error))


@pytest.mark.parametrize("kind", CLASSES)
def test_as_dict_is_ready_for_json(kind: type[InhouseError]) -> None:
    found = json.loads(json.dumps(made(kind).as_dict()))
    assert found["code"] == kind.code
    assert (found["node_id"], found["input_name"], found["hint"]) == ("n", "i", "Mend it.")


def test_empty_fields_are_left_out() -> None:
    assert NodeExecutionError("It broke.").as_dict() == {"code": "node_failed", "message": "It broke."}


def test_the_text_is_the_message_and_what_to_do() -> None:
    assert str(NodeExecutionError("It broke.", hint="Mend it.")) == "It broke. Mend it."
    assert str(NodeExecutionError("It broke.")) == "It broke."


def test_an_interrupt_carries_what_there_was() -> None:
    assert InterruptedRunError(partial=[1]).partial == [1]
    assert str(InterruptedRunError()) == "The run was interrupted."


def test_all_faults_of_a_workflow_are_in_its_error() -> None:
    faults = [Fault("a", "It is wrong.", "1", "x", "Mend it."), Fault("b", "There is none.")]
    error = WorkflowInvalidError(faults)
    assert error.faults == tuple(faults)
    assert str(error) == "node 1, input x: It is wrong. Mend it.\nworkflow: There is none."
    assert str(Fault("c", "It is gone.", "4")) == "node 4: It is gone."
