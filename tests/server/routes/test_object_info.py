import gzip
import json

from tests.gateway import Gateway
from tests.server.conftest import People


def test_all_nodes_are_described_those_of_packs_too(gateway: Gateway) -> None:
    answer = gateway.ask("GET", "/object_info")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert {"KSampler", "SaveImage", "ProbeSink"} <= answer.json.keys()
    packed = gateway.ask("GET", "/api/object_info", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.body)) == answer.json


def test_one_node_is_described_alike_and_an_unknown_one_is_empty(gateway: Gateway) -> None:
    everything = gateway.ask("GET", "/object_info").json
    assert gateway.ask("GET", "/object_info/ProbeSink").json == {"ProbeSink": everything["ProbeSink"]}
    assert gateway.ask("GET", "/object_info/Nonsense").json == {}


def test_each_is_offered_their_own_uploads(people: People) -> None:
    picture = people.ann.folder / "input" / "ann" / "mine.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(b"")
    offers = [
        person.ask("GET", "/object_info/LoadImage").json["LoadImage"]["input"]["required"]["image"]
        for person in (people.ann, people.ben)
    ]
    assert ["mine.png" in json.dumps(offer) for offer in offers] == [True, False]
