"""Labels say what ran, and are never many."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inhouse.server.labels import Labels, workflow_label

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


def workflow(seed: int, text: str, *, first: str = "1") -> dict[str, Any]:
    return {
        first: {"class_type": "Prompt", "inputs": {"text": text}},
        "9": {"class_type": "Sampler", "inputs": {"seed": seed, "positive": [first, 0]}},
    }


def test_the_first_stand_for_themselves_and_the_others_for_other() -> None:
    labels = Labels(2)
    assert [labels(value) for value in "abcab"] == ["a", "b", "other", "a", "b"]


def test_a_name_is_a_workflows_label() -> None:
    assert workflow_label({}, " portraits ") == "portraits"
    assert workflow_label({}, "x" * 500) == "x" * 64


def test_runs_of_one_workflow_count_as_one_whatever_their_seeds_texts_and_ids() -> None:
    label = workflow_label(workflow(1, "a cat"))
    assert label.startswith("#")
    assert label == workflow_label(workflow(2, "a dog")) == workflow_label(workflow(2, "a dog", first="41:2"), " ")
    changed = workflow(1, "a cat")
    changed["9"]["inputs"]["positive"] = "a cat"
    assert workflow_label(changed) != label


@given(st.dictionaries(st.text(max_size=5), JSON | st.fixed_dictionaries({"inputs": JSON, "class_type": JSON})))
def test_any_workflow_has_a_label(given_workflow: dict[str, Any]) -> None:
    assert len(workflow_label(given_workflow)) == 9
