import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests import wire

from inhouse import Registry
from inhouse.compat.admission import Admission, admit, read_body
from inhouse.compat.object_info import object_info, spec_from_object_info
from inhouse.compat.prompt import read_prompt
from inhouse.compat.refusals import RefusedError
from inhouse.compat.remote_nodes import RemoteNode, check
from inhouse.engine.validation import validate

BETTER = {
    "val_bad_extra_data": "a crash (500) there",
    "val_bad_number": "a crash (500) there",
    "val_body_is_null": "a crash (500) there",
    "val_bom_body": "a crash (500) there; here a byte order mark does no harm, and what is missing is a prompt",
    "val_custom_validation_type": "what fits none of an input's types is told before the node's own check is asked",
    "val_cycle_output_node": "no word of the circle there",
    "val_cycle_self": "no word of the circle there",
    "val_cycle_two_nodes": "no word of the circle there",
    "val_empty_body": "a crash (500) there",
    "val_invalid_json": "a crash (500) there",
    "val_link_negative_slot": "accepted there, and another output is used than anybody meant",
    "val_nan_body": "accepted there; NaN is no JSON, and would make the stored run unreadable",
    "val_node_not_dict_null": "a crash (500) there",
    "val_prompt_is_null": "a crash (500) there",
    "val_prompt_is_string": "a crash (500) there",
    "val_value_not_in_empty_list": "choices of new-style nodes are not looked at there, so the run fails later",
}
"""Where we answer otherwise than ComfyUI, and why."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Return the nodes of a server: ours, the probes, and by their descriptions those that only ComfyUI has."""
    with wire.open_probes(tmp_path_factory.mktemp("wire")) as session:
        entries: dict[str, Any] = wire.object_info()
        others = ("KSamplerSelect", "UpscaleModelLoader")
        session.registry.add(
            spec_from_object_info(name, entries[name]) for name in others if name not in session.registry
        )
        yield session.registry


@pytest.fixture
def send(registry: Registry) -> Any:
    """Return a function that admits a prompt, with whatever comes along."""
    return lambda prompt, **more: admit({"prompt": prompt, **more}, registry)


def _answer(raw: bytes, registry: Registry) -> tuple[int, Any]:
    try:
        admission = admit(read_body(raw), registry)
    except RefusedError as error:
        return error.status, json.loads(json.dumps(error.body))
    return 200, {"node_errors": admission.node_errors}


def _comparable(status: int, body: Any) -> Any:
    """Return an answer with all that ComfyUI keeps in sets in order."""
    if status == 500:
        return status, None
    settled = wire.settled(body)
    for entry in settled["node_errors"].values():
        entry["errors"].sort(key=str)
    if "error" in settled:
        settled["error"]["details"] = sorted(settled["error"]["details"].split("\n"))
    return status, {key: settled.get(key) for key in ("error", "node_errors")}


@pytest.mark.parametrize("name", [*wire.names("val_"), "exec_txt2img_bad_sampler_value"])
def test_answers_as_comfyui_does(name: str, registry: Registry) -> None:
    for raw, answered in wire.prompts(wire.capture(name)):
        status, body = _answer(raw, registry)
        ours, theirs = _comparable(status, body), _comparable(answered["status"], answered.get("body"))
        if name in BETTER:
            assert status == 400
            assert body["error"]["message"]
            assert ours != theirs, "no longer different: take it off the list"
        else:
            assert _without_box(ours) == _without_box(theirs)


def _without_box(answer: Any) -> Any:
    """Return an answer without the checkpoint that comes with the package."""
    return json.loads(json.dumps(answer).replace("'icons.safetensors', ", "").replace('"icons.safetensors", ', ""))


SINK = {"class_type": "ProbeIntSink", "inputs": {"v": 2}}


def _sink(**inputs: Any) -> dict[str, Any]:
    return {"1": {"class_type": "ProbeIntSink", "inputs": {"v": 1, **inputs}}}


def test_stores_literals_as_they_were_read(send: Any) -> None:
    prompt = {"1": {"class_type": "ProbeIntSink", "inputs": {"v": "5", "opt": 1, "s": None, "extra": 9}, "_meta": {}}}
    before = json.dumps(prompt)
    admission: Admission = send(prompt)
    inputs = {"v": 5, "opt": 1.0, "s": "None", "extra": 9}
    assert admission.document == {"1": {"class_type": "ProbeIntSink", "inputs": inputs, "_meta": {}}}
    assert type(admission.document["1"]["inputs"]["opt"]) is float
    assert json.dumps(prompt) == before
    assert admission.targets == ("1",)


def test_a_wrapped_list_stays_wrapped_so_that_it_can_be_sent_again(send: Any) -> None:
    prompt = {"1": {"class_type": "ProbeListWidget", "inputs": {"xs": {"__value__": [1, 2]}}}}
    admission = send(prompt)
    assert admission.workflow.nodes["1"].inputs["xs"] == [1, 2]
    assert admission.document == prompt
    assert send(admission.document).document == prompt


def test_keeps_what_comes_along_but_secrets(send: Any) -> None:
    given = {"extra_pnginfo": {"workflow": {"x": float("nan")}}, "auth_token_comfy_org": "s", "api_key_comfy_org": "s"}
    admission = send({"1": SINK}, client_id="A", extra_data=given, number=3, front=True, priority=7, prompt_id=12345)
    assert admission.extra == {"extra_pnginfo": {"workflow": {"x": None}}, "client_id": "A"}
    assert (admission.client_id, admission.number, admission.front, admission.priority) == ("A", 3.0, True, 7)
    assert admission.prompt_id == "12345"


def test_what_is_left_out_is_for_the_server_to_say(send: Any) -> None:
    admission = send({"1": SINK}, extra_data=None)
    assert (admission.prompt_id, admission.client_id, admission.number, admission.priority) == (None, None, None, 0)
    assert not admission.front
    assert admission.extra == {}


@pytest.mark.parametrize("chosen", ["", ".", "..", "../x", "a/b", "a\\b", "a\0b", "a\nb", "x" * 201])
def test_an_id_must_be_fit_for_an_address_and_a_file(send: Any, chosen: str) -> None:
    with pytest.raises(RefusedError, match="prompt_id"):
        send({"1": SINK}, prompt_id=chosen)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"number": float("inf")}, "number"),
        ({"number": []}, "number"),
        ({"priority": 1.5}, "priority"),
        ({"priority": 10**6}, "priority"),
        ({"partial_execution_targets": "1"}, "partial_execution_targets"),
        ({"extra_data": "x"}, "extra_data"),
    ],
)
def test_refuses_what_it_cannot_use(send: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(RefusedError, match=said) as caught:
        send({"1": SINK}, **more)
    assert caught.value.status == 400


def test_runs_only_the_outputs_asked_for(send: Any) -> None:
    prompt = {"1": SINK, "2": SINK, "3": SINK}
    assert send(prompt, partial_execution_targets=["3", "2", "99"]).targets == ("2", "3")
    for nothing in ([], ["99"]):
        with pytest.raises(RefusedError, match="no outputs"):
            send(prompt, partial_execution_targets=nothing)


def test_does_not_look_at_what_no_output_needs(send: Any) -> None:
    idle = {"class_type": "ProbeAdd", "inputs": {"v": [1], "add": ["nobody", 0]}}
    admission = send({"1": SINK, "2": idle, "3": {"class_type": "ProbeAdd"}})
    assert admission.node_errors == {}
    assert admission.targets == ("1",)


def test_a_key_that_comes_twice_is_refused() -> None:
    with pytest.raises(RefusedError, match="twice"):
        read_body(b'{"prompt": {"1": {}, "1": {}}}')


@pytest.mark.parametrize("value", ['"\\ud800"', "1" * 30, "[" * 400 + "]" * 400, "-" + "9" * 20])
def test_what_could_not_be_stored_is_refused(value: str) -> None:
    with pytest.raises(RefusedError, match="cannot be stored"):
        read_body(f'{{"prompt": {{}}, "extra_data": {{"x": {value}}}}}'.encode())


def test_a_check_that_fails_in_another_process_is_told_as_one_that_fails_here(registry: Registry) -> None:
    spec = registry["ProbeValidateRaises"]
    remote = RemoteNode(spec.id, "probes", object_info(spec, registry), ["v"])
    there = Registry([remote.spec(lambda node_id, inputs: check(registry, node_id, inputs))])
    prompt = {"1": {"class_type": spec.id, "inputs": {"v": 1}}}
    bodies = [_answer(json.dumps({"prompt": prompt}).encode(), nodes) for nodes in (registry, there)]
    assert bodies[0] == bodies[1]
    assert bodies[0][1]["node_errors"]["1"]["errors"][0]["extra_info"]["exception_type"] == "ValueError"


def test_two_nodes_read_no_folder(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(*_arguments: Any) -> None:
        raise AssertionError("a folder was read")

    monkeypatch.setattr(Path, "iterdir", listed)
    monkeypatch.setattr("os.scandir", listed)
    prompt = {"1": {"class_type": "ProbeAdd", "inputs": {"v": 1, "add": 1}}, "2": _sink(v=["1", 0])["1"]}
    assert admit({"prompt": prompt}, registry).targets == ("2",)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_LINK = st.tuples(st.sampled_from(["1", "2", "3", "77"]), st.integers(-1, 2)).map(list)
_NODE = st.fixed_dictionaries(
    {"class_type": st.sampled_from(["ProbeAdd", "ProbeIntSink", "ProbeSink", "TestLazyMixImages", "LoadImage"])},
    optional={
        "inputs": st.dictionaries(st.sampled_from(["v", "add", "opt", "mode", "image", "mask"]), _JSON | _LINK) | _JSON
    },
)


@settings(max_examples=300, deadline=None)
@given(
    prompt=st.dictionaries(st.sampled_from(["1", "2", "3"]), _NODE, min_size=1, max_size=3)
    | st.dictionaries(st.sampled_from(["1", "2", "3"]), _NODE | _JSON, max_size=3)
    | _JSON,
    more=st.dictionaries(
        st.sampled_from(["client_id", "prompt_id", "number", "front", "extra_data", "partial_execution_targets"]), _JSON
    ),
)
def test_admits_or_refuses_and_never_fails(registry: Registry, prompt: Any, more: dict[str, Any]) -> None:
    try:
        admission = admit({"prompt": prompt, **more}, registry)
    except RefusedError as error:
        event(error.body["error"]["type"])
        json.dumps(error.body)
    else:
        assert admission.targets


_SOME = st.sampled_from(
    [
        ("ProbeIntSink", {"v": 1}),
        ("ProbeIntSink", {"v": "x"}),
        ("ProbeIntSink", {"v": ["2"]}),
        ("ProbeIntSink", {"v": ["2", 0], "s": None, "opt": "0.5"}),
        ("ProbeAdd", {"v": ["1", 0], "add": 1}),
        ("ProbeAdd", {"v": ["3", 0], "add": 1.5}),
        ("ProbeAdd", {"v": ["3", 7], "add": 1}),
        ("ProbeAdd", {"v": 1, "add": 1}),
        ("ProbeSink", {"v": ["2", 0]}),
        ("ProbeSink", {"v": ["3", 0]}),
        ("ProbeSink", {"v": [None, 0]}),
        ("ProbeListWidget", {"xs": {"__value__": ["1", 0]}}),
    ]
).map(lambda node: {"class_type": node[0], "inputs": node[1]})


@settings(max_examples=300, deadline=None)
@given(prompt=st.dictionaries(st.sampled_from(["1", "2", "3", "4"]), _SOME, min_size=1))
def test_what_is_admitted_can_run_as_it_is_stored(registry: Registry, prompt: dict[str, Any]) -> None:
    try:
        admission = admit({"prompt": prompt}, registry)
    except RefusedError as error:
        event(error.body["error"]["type"])
        return
    event("admitted, some" if admission.node_errors else "admitted")
    stored = json.loads(json.dumps(admission.document))
    assert admit({"prompt": stored}, registry).targets == admission.targets
    found = validate(read_prompt(stored, lenient=True), registry, admission.targets)
    assert found.targets == admission.targets
    assert not found.faults
    for told in admission.node_errors.values():
        assert told["errors"]
        assert not set(told["dependent_outputs"]) & set(admission.targets)
