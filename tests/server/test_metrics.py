"""Prometheus is told what happened."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from inhouse.server.metrics import CountRequests, Metrics, workflow_label


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def labels_of(metrics: Metrics, name: str, label: str) -> set[str]:
    text = metrics.exposition()[0].decode()
    families = text_string_to_metric_families(text)
    return {sample.labels[label] for family in families if family.name == name for sample in family.samples}


def test_a_run_is_followed_from_its_acceptance_to_its_end() -> None:
    metrics = Metrics()
    metrics.run_accepted()
    metrics.run_accepted()
    metrics.run_started(0.5)
    metrics.run_ended("portraits", "success", 2.0)
    metrics.runs_cancelled(1)
    assert value(metrics, "inhouse_runs_accepted_total") == 2
    assert value(metrics, "inhouse_run_wait_seconds_sum") == 0.5
    assert value(metrics, "inhouse_runs_ended_total", status="success") == 1
    assert value(metrics, "inhouse_runs_ended_total", status="cancelled") == 1
    assert value(metrics, "inhouse_run_seconds_count", workflow="portraits") == 1
    assert value(metrics, "inhouse_run_seconds_sum", workflow="portraits") == 2


def test_depths_are_those_of_the_moment() -> None:
    metrics = Metrics()
    waiting = [1, 2, 3]
    metrics.watch(queued=lambda: len(waiting), running=lambda: 1, sockets=lambda: 7)
    assert value(metrics, "inhouse_queue_depth", state="queued") == 3
    waiting.pop()
    assert value(metrics, "inhouse_queue_depth", state="queued") == 2
    assert value(metrics, "inhouse_queue_depth", state="running") == 1
    assert value(metrics, "inhouse_websockets") == 7


def test_nodes_count_by_class_if_there_is_such_a_class() -> None:
    metrics = Metrics()
    metrics.nodes_known(["KSampler"])
    metrics.node_finished("KSampler", 1.5)
    metrics.node_finished("KSampler", 9, cached=True)
    metrics.node_finished("Invented", 0.5)
    metrics.nodes_cached(4)
    assert value(metrics, "inhouse_node_seconds_count", node_class="KSampler") == 1
    assert value(metrics, "inhouse_node_seconds_sum", node_class="KSampler") == 1.5
    assert value(metrics, "inhouse_node_seconds_count", node_class="other") == 1
    assert value(metrics, "inhouse_node_seconds_count", node_class="Invented") is None
    assert value(metrics, "inhouse_cache_hits_total") == 4


def test_there_are_never_many_labels() -> None:
    metrics = Metrics()
    metrics.nodes_known(f"Node{number}" for number in range(2000))
    for number in range(2000):
        metrics.run_ended(f"name{number}", "success", 1)
        metrics.run_ended(workflow_label({"1": {"class_type": f"Node{number}"}}), "success", 1)
        metrics.node_finished(f"Node{number}", 1)
        metrics.worker_restarted(f"worker{number}")
        metrics.request_answered(f"METHOD{number}", "/x", 200)
    workflows = labels_of(metrics, "inhouse_run_seconds", "workflow")
    assert len(workflows - {"other"}) == 100
    assert len(labels_of(metrics, "inhouse_node_seconds", "node_class")) == 301
    assert len(labels_of(metrics, "inhouse_worker_restarts", "worker")) == 65
    assert labels_of(metrics, "inhouse_http_requests", "method") == {"other"}


def test_what_a_worker_counted_is_counted_once_and_again_after_its_restart() -> None:
    metrics = Metrics()
    for loads in (2, 2, 5, 1):
        named = dict.fromkeys(("model_loads", "model_evictions", "oom_backoffs"), loads)
        metrics.worker_totals("cpu", {**named, "something_else": 1})
    metrics.worker_restarted("cpu")
    assert value(metrics, "inhouse_model_loads_total", worker="cpu") == 6
    assert value(metrics, "inhouse_model_evictions_total", worker="cpu") == 6
    assert value(metrics, "inhouse_oom_backoffs_total", worker="cpu") == 6
    assert value(metrics, "inhouse_worker_restarts_total", worker="cpu") == 1


def test_devices_tell_their_memory_in_bytes() -> None:
    metrics = Metrics()
    metrics.devices("cuda-0", [{"name": "cuda:0", "vram_total": 24, "vram_free": 20, "torch_vram_free": None}])
    metrics.devices("cuda-0", [{"name": "cuda:0", "vram_total": 24, "vram_free": 4}])
    assert value(metrics, "inhouse_device_bytes", worker="cuda-0", device="cuda:0", kind="vram_free") == 4
    assert value(metrics, "inhouse_device_bytes", worker="cuda-0", device="cuda:0", kind="torch_vram_free") is None


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
    ],
)
def test_prometheus_gets_the_format_it_asks_for(accept: str, media_type: str) -> None:
    text, got = Metrics().exposition(accept)
    assert got.startswith(media_type)
    assert b"inhouse_runs_accepted_total 0.0" in text
    assert b"_created" not in text


def test_two_gateways_in_one_process_count_apart() -> None:
    one, two = Metrics(), Metrics()
    one.run_accepted()
    assert value(two, "inhouse_runs_accepted_total") == 0


async def pictures(scope: Scope, receive: Receive, send: Send) -> None:
    class Route:
        path = "/pictures/{name}"

    if scope["path"] == "/broken":
        raise RuntimeError
    if scope["path"].startswith("/pictures/"):
        scope["route"] = Route()
    await Response(status_code=200 if "route" in scope else 404)(scope, receive, send)


def test_requests_count_by_the_template_of_their_route() -> None:
    metrics = Metrics()
    client = TestClient(CountRequests(pictures, metrics), raise_server_exceptions=False)
    for path in ("/pictures/a", "/pictures/b", "/elsewhere/1", "/elsewhere/2", "/broken"):
        client.get(path)
    total = "inhouse_http_requests_total"
    assert value(metrics, total, method="GET", route="/pictures/{name}", status="200") == 2
    assert value(metrics, total, method="GET", route="other", status="404") == 2
    assert value(metrics, total, method="GET", route="other", status="500") == 1


def test_websockets_and_the_servers_start_pass() -> None:
    started = []

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        started.append(scope["type"])
        await Starlette()(scope, receive, send)

    with TestClient(CountRequests(behind, Metrics())):
        assert started == ["lifespan"]


def test_the_documentation_names_every_series_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs/monitoring.md").read_text(encoding="utf-8")
    documented = {name.removesuffix("_total") for name in re.findall(r"^\| `(inhouse_\w+)` \|", page, re.MULTILINE)}
    assert documented == {family.name for family in Metrics().registry.collect() if family.name.startswith("inhouse_")}
