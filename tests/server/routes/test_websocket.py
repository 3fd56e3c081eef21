import pytest
from tests.gateway import Ear, Gateway, sink, texts
from tests.server.conftest import People
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


def test_each_hears_of_their_own_runs_even_under_the_same_client_id(people: People) -> None:
    ann, ben, admin = (person.listen("canvas") for person in (people.ann, people.ben, people.admin))
    run_id = people.ann.submit(sink(31), client_id="canvas")
    silent = people.ann.submit(sink(32))
    ann.until("executing", node=None, prompt_id=run_id)
    people.ann.over(silent)
    own = people.ben.submit(sink(33), client_id="canvas")
    ben.until("executing", node=None, prompt_id=own)
    assert {each["data"]["prompt_id"] for each in texts(ann.close()) if each["type"] != "status"} == {run_id, silent}
    heard = [each for each in texts(ben.close()) if "sid" not in each["data"]]
    assert {each["data"]["prompt_id"] for each in heard if each["type"] != "status"} == {own}
    counts = [each["data"]["status"]["exec_info"]["queue_remaining"] for each in heard if each["type"] == "status"]
    assert counts == [1, 1, 0]
    assert [each["type"] for each in texts(admin.close())] == ["status"]


def test_nobody_connects_without_a_token(people: People) -> None:
    with pytest.raises(InvalidStatus) as refused:
        people.nobody.listen("canvas")
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    "message",
    [
        b"\0\1\2",
        "",
        "{",
        "[]",
        "null",
        '{"type": "feature_flags", "data": 5}',
        '{"type": 5}',
        "\ud7ff" * 1000,
        '"' + "[" * 100_000,
    ],
)
def test_what_a_client_babbles_harms_nothing(gateway: Gateway, message: str | bytes) -> None:
    ear = gateway.listen("babbler")
    ear.say(message)
    run_id = gateway.submit(sink(34), client_id="babbler")
    ear.until("executing", node=None, prompt_id=run_id)
    ear.close()


def test_a_socket_needs_no_name_and_a_plain_request_gets_none(gateway: Gateway) -> None:
    ear = gateway.listen()
    assert len(ear.until("status")["data"]["sid"]) == 32
    ear.close()
    assert gateway.ask("GET", "/ws?clientId=x").status in (400, 404, 426)


def test_the_prefixed_address_is_the_same_socket(gateway: Gateway) -> None:
    ear = Ear(connect(f"ws://127.0.0.1:{gateway.port}/api/ws?clientId=prefixed", compression=None))
    assert ear.until("status")["data"]["sid"] == "prefixed"
    ear.close()
