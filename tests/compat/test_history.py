import json

import pytest
from tests import wire

from inhouse.compat.history import history, history_entry, queue_item


@pytest.mark.parametrize("name", ["history_entry_full", "exec_success", "exec_node_error"])
def test_an_entry_reads_as_comfyui_writes_it(name: str) -> None:
    ((run_id, told),) = wire.history_entries(wire.capture(name)).items()
    number, _, workflow, extra, targets = told["prompt"]
    item = queue_item(number, run_id, json.dumps(workflow), json.dumps(extra), targets)
    parts = [json.dumps(told[part]) for part in ("outputs", "status", "meta")]
    assert json.loads(history([(run_id, history_entry(item, *parts))])) == {run_id: told}


def test_ids_and_targets_may_have_any_characters() -> None:
    assert json.loads(queue_item(-1.5, 'a"b\u00e9', "{}", "{}", ['"', "12:3"])) == [
        -1.5,
        'a"b\u00e9',
        {},
        {},
        ['"', "12:3"],
    ]


def test_the_order_of_entries_is_kept() -> None:
    assert list(json.loads(history([("b", "1"), ("a", "2")]))) == ["b", "a"]
    assert history([]) == "{}"
