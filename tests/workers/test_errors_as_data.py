"""Errors cross from process to process without a class being looked up by its name."""

from __future__ import annotations

import json

import pytest

from inhouse import errors
from inhouse.errors import (
    Fault,
    InhouseError,
    InputsError,
    InterruptedRunError,
    NodeInputError,
    WorkflowInvalidError,
)
from inhouse.workers.codec import Decoder, encode
from inhouse.workers.errors_as_data import read_error, write_error
from inhouse.workers.messages import Unready

CLASSES = [
    cls
    for cls in vars(errors).values()
    if isinstance(cls, type)
    and issubclass(cls, InhouseError)
    and cls not in (WorkflowInvalidError, InterruptedRunError, InputsError)
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_comes_back_as_what_it_was(cls: type[InhouseError]) -> None:
    error = cls("It is so.")
    error.hint, error.node_id, error.input_name = "Do that.", "3", "seed"
    back = read_error(json.loads(json.dumps(write_error(error))))
    assert type(back) is cls
    assert back.as_dict() == error.as_dict()


def test_an_invalid_workflow_keeps_its_faults() -> None:
    error = WorkflowInvalidError(
        [Fault("code", "No.", "1", "seed", "Do that.", {"type": "INT"}), Fault("other", "No.")]
    )
    [message] = Decoder().feed(encode([Unready(error)]))
    assert isinstance(message, Unready)
    assert isinstance(message.error, WorkflowInvalidError)
    assert message.error.faults == error.faults


def test_inputs_at_fault_keep_their_places() -> None:
    error = InputsError({"inputs.texts.0": "is no text."}, hint="Send a text.")
    back = read_error(json.loads(json.dumps(write_error(error))))
    assert isinstance(back, InputsError)
    assert (back.fields, str(back)) == (error.fields, str(error))


def test_an_interruption_comes_back_without_what_it_had() -> None:
    error = InterruptedRunError(partial=object())
    error.node_id = "4"
    back = read_error(json.loads(json.dumps(write_error(error))))
    assert isinstance(back, InterruptedRunError)
    assert (back.partial, back.node_id, str(back)) == (None, "4", "The run was interrupted.")


def test_a_packs_own_error_comes_back_as_the_one_it_derives_from() -> None:
    class PackError(NodeInputError):
        code = "mine"

    assert type(read_error(write_error(PackError("No.")))) is NodeInputError


def test_a_code_that_is_not_known_is_an_error_all_the_same() -> None:
    back = read_error({"code": "from_the_future", "message": "No."})
    assert (type(back), str(back)) == (InhouseError, "No.")
