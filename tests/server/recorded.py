"""Plays a recorded session with ComfyUI against a running gateway, and sets side by side what each said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from tests import wire
from tests.gateway import Answer, Ear, Gateway

BETTER: Mapping[str, str] = {
    "exec_async_node_error": "an asynchronous node that fails is told with its inputs, as any other is",
    "exec_dynamic_cycle": "kept as a success there; here the circle is seen before anything of it runs, and named",
    "exec_empty_list": "a crash there; here no element means no call",
    "exec_numbers_coerced/2": 'there the text "false" is true',
    "exec_numbers_coerced/3": "likewise",
    "exec_numbers_coerced: what A heard": "likewise",
    "exec_value_wrapper/1": "a literal list stays wrapped in the history, so that it can be sent again",
    "exec_txt2img_bad_sampler_value/0: body": "the product's own model is among the choices",
    "exec_lazy: what A heard": "there a lazy node is announced twice, here once, when it has what it wants",
    "exec_expansion: what A heard": "likewise",
    "exec_node_error_other_output": "there a set says which of two outputs goes first, here the workflow does",
    "ws_reconnect_old_closes_late: what A2 heard": "there a client that came back goes deaf when its old socket closes",
    "(any that is 500 there)": "what a client does wrong is answered with 4xx",
    "(queue_pending)": "sorted; there it is in the order of a heap",
}
"""What goes otherwise here than there, by the beginning of its place, and why."""
BEFORE: Mapping[str, str] = {
    "exec_fully_cached": "exec_success",
    "exec_partially_cached": "exec_success",
    "exec_txt2img_preview_type4": "exec_txt2img_preview_type1",
    "exec_txt2img_seed_change": "exec_txt2img_preview_type1",
    "exec_txt2img_extra_preview_method": "exec_txt2img_preview_type1",
    "exec_txt2img_interrupt": "exec_txt2img_preview_type1",
}
"""Which session was before one, so that some nodes' results were remembered."""
BUSY = (
    "interrupt_global",
    "interrupt_no_client",
    "interrupt_with",
    "queue_",
    "exec_txt2img_interrupt",
    "ws_reconnect_w",
)
"""Here the first run is busy when the next request comes; elsewhere each run ends first."""
SIDE_BY_SIDE = ("exec_async_parallel", "exec_expansion", "exec_lazy", "exec_two_outputs", "exec_txt2img_p")
"""Here several nodes might run next: there a set says which, here the workflow does."""
Difference = tuple[str, Any, Any]


class Session:
    """One recorded session, played again.

    Args:
        gateway: against which; idle.
        name: of the capture.

    """

    def __init__(self, gateway: Gateway, name: str) -> None:
        self._gateway, self._name = gateway, name
        self._found = wire.capture(name)
        self._opened = {each["client"]: each["url"] for each in self._found.get("websocket_connect", ())}
        self._known = {f"<{client}>": f"{name}-{client[0]}" for client in self._opened}
        self._busy = name.startswith(BUSY)
        self._base: dict[str, float] = {}
        self._ears: dict[str, Ear] = {}
        self._heard: dict[str, list[Any]] = {}
        self._runs: list[str] = []

    def play(self) -> Iterator[Difference]:
        """Yield each thing that was otherwise there: what it is, how it was there, how it is here."""
        for thing, theirs, ours in self._play():
            if theirs != ours and not any(thing.startswith(place) for place in BETTER):
                yield _narrowed(thing, theirs, ours)

    def _play(self) -> Iterator[Difference]:
        for client in self._opened:
            if client != "A2":
                self._open(client)
        if self._name.startswith("ws_reconnect_old"):
            self._come_back()
        for place, exchange in enumerate(self._found["exchanges"]):
            self._wait(exchange["request"]["path"])
            yield from self._compared(f"{self._name}/{place}", exchange["response"], self._ask(exchange))
        if self._name.startswith("ws_reconnect_while"):
            self._ears["A"].until("progress")
            self._come_back()
        self._settle()
        self._heard |= {client: ear.close() for client, ear in self._ears.items()}
        yield from self._sockets()

    # -- speaking ----------------------------------------------------------------------------------------------------

    def _open(self, client: str) -> None:
        named = "clientId" in self._opened[client]
        ear = self._ears[client] = self._gateway.listen(self._known[f"<{client}>"] if named else None)
        sid = ear.until("status")["data"]["sid"]
        if not named:
            self._known[self._found["websocket"][0]["json"]["data"]["sid"]] = sid
        for entry in self._found["websocket"]:
            if entry.get("dir") == "client->server" and entry["client"] == client:
                ear.say(entry["text"] if "text" in entry else json.dumps(entry["json"]))
        if any(entry["json"]["type"] == "feature_flags" for entry in self._told(client) if "json" in entry):
            ear.until("feature_flags")

    def _come_back(self) -> None:
        """Open the second socket of the same client, and close the first as the recorder did."""
        if self._name == "ws_reconnect_old_closed_first":
            self._heard["A"] = self._ears.pop("A").close()
        self._open("A2")
        if self._name == "ws_reconnect_old_closes_late":
            self._heard["A"] = self._ears.pop("A").close()

    def _wait(self, path: str) -> None:
        if not self._busy or path.startswith("/history"):
            self._settle()
        elif len(self._runs) == 1:
            self._ears["A"].until("progress")

    def _ask(self, exchange: Mapping[str, Any]) -> Answer:
        request, wanted = exchange["request"], exchange["response"].get("body")
        body, path = request.get("body"), request["path"]
        if isinstance(body, dict) and str(body.get("prompt_id", "")).startswith("<"):
            self._known.setdefault(body["prompt_id"], f"{self._name}-chosen")
        raw = body["raw"] if isinstance(body, dict) and set(body) == {"raw"} else json.dumps(body)
        sent = self._filled(raw).encode() if "body" in request else None
        path = self._made() if path.startswith("/view?") else quote(self._filled(path), safe="/?=&")
        answer = self._gateway.ask(request["method"], path, sent, headers=request.get("headers"))
        if isinstance(wanted, dict) and "prompt_id" in wanted and answer.status == 200:
            self._known[wanted["prompt_id"]] = answer.json["prompt_id"]
            self._runs.append(answer.json["prompt_id"])
            if not self._base:
                self._base = {"there": wanted["number"], "here": answer.json["number"]}
        return answer

    def _made(self) -> str:
        """Return the address of the last run's picture."""
        outputs = self._gateway.history(self._runs[-1])["outputs"].values()
        return "/view?" + urlencode(next(image for output in outputs for image in output["images"]))

    def _settle(self) -> None:
        for run_id in self._runs:
            self._gateway.over(run_id)

    # -- comparing ---------------------------------------------------------------------------------------------------

    def _compared(self, place: str, wanted: Mapping[str, Any], answer: Answer) -> Iterator[Difference]:
        if wanted["status"] == 500:
            yield f"{place}: status", 4, answer.status // 100
            return
        yield f"{place}: status", wanted["status"], answer.status
        if "headers" in wanted:
            yield f"{place}: content type", wanted["headers"].get("content-type"), answer.headers.get("content-type")
        if "keys_in_order" in wanted:
            yield f"{place}: keys", wanted["keys_in_order"], list(self._named(answer.json))
        if "body" in wanted:
            theirs = self._numbered(_in_order(wanted["body"]), "there")
            ours = self._numbered(self._named(answer.json), "here")
            yield f"{place}: body", wire.settled(theirs), wire.settled(ours)
        elif wanted.get("length") == 0:
            yield f"{place}: body", b"", answer.body

    def _sockets(self) -> Iterator[Difference]:
        for client, heard in self._heard.items():
            entries = self._told(client)
            theirs = [_seen(each["binary"]) if "binary" in each else _same_client(each["json"]) for each in entries]
            ours = [self._named(_read(each) if isinstance(each, bytes) else each) for each in heard]
            for part in self._parts:
                yield f"{self._name}: what {client} heard", part(wire.settled(theirs)), part(wire.settled(ours))

    def _told(self, client: str) -> list[dict[str, Any]]:
        """Return what a client was told there."""
        entries = (each for each in self._found["websocket"] if each.get("dir") == "server->client")
        return [each for each in entries if each["client"] == client]

    @property
    def _parts(self) -> Sequence[Any]:
        """Return what of the messages is compared, each in its order."""
        if self._name.startswith(SIDE_BY_SIDE):
            return _in_any_order, _previews
        if self._name.startswith("queue_"):
            return (
                lambda heard: [each for each in heard if each["type"] == "status"],
                lambda heard: [each for each in _without_steps(heard) if each["type"] != "status"],
            )
        return (_without_steps,) if self._busy else (_without_previews, _previews)

    def _filled(self, text: str) -> str:
        for placeholder, real in self._known.items():
            text = text.replace(placeholder, real)
        return text

    def _named(self, data: Any) -> Any:
        text = json.dumps(data)
        for placeholder, real in self._known.items():
            text = text.replace(real, placeholder)
        return json.loads(text)

    def _numbered(self, data: Any, side: str) -> Any:
        """Return data in which places in the queue count from the session's first."""
        base = self._base.get(side, 0)

        def counted(number: float) -> float:
            return number if isinstance(number, float) else number - base if number >= 0 else number + base

        if isinstance(data, dict):
            changed = {key: self._numbered(value, side) for key, value in data.items()}
            return {**changed, "number": counted(data["number"])} if "number" in data else changed
        if isinstance(data, list) and len(data) == 5 and isinstance(data[1], str) and isinstance(data[4], list):
            return [counted(data[0]), *data[1:4], sorted(data[4])]
        return [self._numbered(each, side) for each in data] if isinstance(data, list) else data


def _narrowed(thing: str, theirs: Any, ours: Any) -> Difference:
    """Return a difference at the place where it begins."""
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        key: Any = next(key for key in theirs if theirs[key] != ours[key])
    elif isinstance(theirs, list) and isinstance(ours, list) and (both := list(zip(theirs, ours, strict=False))):
        different = [place for place, (their, our) in enumerate(both) if their != our]
        if not different:
            return thing, theirs[len(ours) :], ours[len(theirs) :]
        key = different[0]
    else:
        return thing, theirs, ours
    return _narrowed(f"{thing} [{key!r}]", theirs[key], ours[key])


def _in_order(body: Any) -> Any:
    if isinstance(body, dict) and "queue_pending" in body:
        return {**body, "queue_pending": sorted(body["queue_pending"], key=lambda item: item[0])}
    return body


def _same_client(message: Any) -> Any:
    return json.loads(json.dumps(message).replace("<A2>", "<A>"))


def _without_steps(heard: Sequence[Any]) -> list[Any]:
    """Return messages without those of single steps, of which there are as many as time allows."""
    return [each for each in heard if each["type"] not in ("progress", 1, 4) and not _is_step(each)]


def _without_previews(heard: Sequence[Any]) -> list[Any]:
    return [each for each in heard if each["type"] not in (1, 4)]


def _previews(heard: Sequence[Any]) -> list[Any]:
    """Return what kinds of previews there were: of fast steps only some come with one."""
    found = [each for each in heard if each["type"] in (1, 4)]
    return [each for place, each in enumerate(found) if each not in found[:place]]


def _in_any_order(heard: Sequence[Any]) -> list[Any]:
    told = [each for each in _without_previews(heard) if not str(each["type"]).startswith("progress")]
    return sorted(told, key=json.dumps)


def _is_step(message: Mapping[str, Any]) -> bool:
    if message["type"] != "progress_state":
        return False
    return any(node["state"] == "running" and node["value"] for node in message["data"]["nodes"].values())


def _seen(binary: Mapping[str, Any]) -> dict[str, Any]:
    return {key: binary[key] for key in ("type", "image_format", "metadata", "node_id", "text") if key in binary}


def _read(frame: bytes) -> dict[str, Any]:
    """Return a binary message as the captures tell it."""
    kind, number = int.from_bytes(frame[:4], "big"), int.from_bytes(frame[4:8], "big")
    first, rest = frame[8 : 8 + number], frame[8 + number :]
    if kind == 3:
        return {"type": kind, "node_id": first.decode(), "text": rest.decode()}
    picture = frame[8:] if kind == 1 else rest
    assert picture.startswith(b"\xff\xd8")
    return {"type": kind, "image_format": number} if kind == 1 else {"type": kind, "metadata": json.loads(first)}
