"""``inhouse publish``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.gateway import Gateway
from tests.program import Command
from tests.published import Bench, vectors

from inhouse.storage.service_store import ServiceStore


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("INHOUSE_SERVICES__SIGNING_KEY", str(tmp_path / "key.pem"))
    return Bench.at(tmp_path)


def test_what_is_published_without_a_gateway_waits_for_one(command: Command, bench: Bench, tmp_path: Path) -> None:
    state = tmp_path / "state"
    told = command("publish", "embed", "--model", bench.artifact(), "--state", state, "--replicas", "2", "--note", "x")
    assert told.code == 0, told.stderr
    assert told.stdout == "embed version 1 is live.\n"
    assert "served when one starts" in told.stderr
    (version,) = ServiceStore(state / "services").read("embed").versions
    assert (version.replicas, version.note) == (2, "x")


def test_a_version_may_begin_with_a_share_or_a_copy_of_the_calls(
    command: Command, bench: Bench, tmp_path: Path
) -> None:
    artifact, state = bench.artifact(), tmp_path / "state"
    for _ in range(2):
        done = command("publish", "embed", "--model", artifact, "--canary", "5%", "--state", state, "--json").json
    assert (done["number"], done["live"], done["canary"], done["share"], done["running"]) == (2, 1, 2, 0.05, False)
    assert command("publish", "embed", "--model", artifact, "--shadow", "--state", state, "--json").json["shadow"] == 3
    idle = command("publish", "embed", "--model", artifact, "--idle", "--state", state).stdout
    assert idle == "embed version 4 is idle.\n"


def test_what_is_refused_is_said_with_its_exit_code(command: Command, bench: Bench, tmp_path: Path) -> None:
    artifact = bench.artifact()
    (artifact / "model.onnx").write_bytes(b"swapped")
    told = command("publish", "embed", "--model", artifact, "--state", tmp_path / "state")
    assert told.code == 4
    assert "not the file that was verified" in told.stderr
    assert not ServiceStore(tmp_path / "state" / "services").names()


FLOW = {
    "1": {"class_type": "PrimitiveInt", "inputs": {"value": 1}},
    "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
}


def test_a_workflow_is_published_with_its_inputs(command: Command, bench: Bench, tmp_path: Path) -> None:
    del bench
    flow, state = tmp_path / "flow.json", tmp_path / "state"
    flow.write_text(json.dumps(FLOW))
    told = command(
        "publish", "count", "--workflow", flow, "--expose", "1.value=n", "--output", "2=text", "--state", state
    )
    assert told.code == 0, told.stderr
    (version,) = ServiceStore(state / "services").read("count").versions
    assert dict(version.bindings) == {"n": "1.value", "text": "2"}
    unknown = command("publish", "count", "--workflow", flow, "--expose", "9.value", "--state", state)
    assert (unknown.code, "no node '9'" in unknown.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Publish one thing"),
        (["--model", "x", "--remote", "http://x"], "Publish one thing"),
        (["--model", "x", "--canary", "5%", "--shadow"], "one of canary, shadow and idle"),
        (["--model", "x", "--canary", "0"], "no share of the calls"),
        (["--remote", "http://x", "--url", "http://127.0.0.1:1"], "No gateway answers"),
        (["--remote", "http://x", "--url", "http://x", "--state", "y"], "Give one of them"),
    ],
)
def test_what_makes_no_sense_is_said(command: Command, options: list[str], said: str) -> None:
    told = command("publish", "x", *options)
    assert (told.code, said in told.stderr) == (2, True), told.stderr


def test_at_a_gateway_that_runs_it_answers_at_once(command: Command, bench: Bench, tmp_path: Path) -> None:
    settings = {"INHOUSE_WORKERS__COUNT": "0", "INHOUSE_SERVICES__SIGNING_KEY": str(tmp_path / "key.pem")}
    with Gateway(tmp_path / "house", settings=settings, workers_ready=False) as gateway:
        at = ("--url", f"http://127.0.0.1:{gateway.port}")
        told = command("publish", "unit", "--model", vectors(bench), *at)
        assert told.code == 0, told.stderr
        assert gateway.ask("POST", "/services/unit", {"inputs": {"vectors": [[0, 2, 0]]}}).json["outputs"] == {
            "unit": [[0.0, 1.0, 0.0]]
        }
        assert command("publish", "unit", "--model", tmp_path / "vectors", *at, "--json").json["live"] == 2
        assert command("services", "rollback", "unit", *at).stdout == "unit: version 1 is live.\n"
        shown = command("services", "show", "unit", *at).stdout.splitlines()
        assert [line.split("\t")[:2] for line in shown] == [["1", "live"], ["2", "-"]]
        assert command("services", "unload", "unit", "2", *at).stdout == "unit version 2 is unloaded.\n"
        assert command("services", "load", "unit", "2", *at).stdout == "unit version 2 is ready.\n"
        refused = command("services", "remove", "unit", "1", *at)
        assert (refused.code, "is its live version" in refused.stderr) == (2, True)
        assert command("services", "remove", "unit", "--all", *at).code == 0
        assert command("services", "list", *at, "--json").json["services"] == []
