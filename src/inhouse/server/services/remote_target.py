"""Remote targets: a version that is an endpoint elsewhere, called because somebody published it."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from inhouse.errors import DeadlineError, OverloadedError, RemoteError
from inhouse.server.services.base import Answer, Card, Target
from inhouse.server.services.tensors import FORMATS, TensorFaultError, pack, unpack_numbers
from inhouse.workers.replicas.messages import Blob

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiohttp

    from inhouse.models.signature import Field
    from inhouse.server.services.base import Call
    from inhouse.storage.services import Version

_SECONDS: Final = 60.0
_AT_ONCE: Final = 128
_LARGEST: Final = 256 * 1024 * 1024
_MAX_ROWS: Final = 1024
MODEL: Final = "model"
"""Under this name a version's bindings have the model that an endpoint of OpenAI's protocol is asked for."""


class RemoteTarget(Target):
    """Answers calls of one version by asking an endpoint elsewhere.

    Args:
        service: its name.
        version: how it was published: address, protocol, fields, and the variable that has its token.
        environment: where that variable is looked up.

    """

    def __init__(self, service: str, version: Version, environment: Mapping[str, str] = os.environ) -> None:
        self.card = Card(version.fields_in, version.fields_out, "remote", version.note, max_batch=_MAX_ROWS)
        self._service = service
        self._version = version
        self._environment = environment
        self._session: aiohttp.ClientSession | None = None
        self._calls = self._failed = 0

    async def load(self) -> None:
        """Get ready to connect; nothing is sent yet.

        Raises:
            RemoteError: its token is not among this process's variables.

        """
        import aiohttp

        token = self._environment.get(self._version.secret, "") if self._version.secret else ""
        if self._version.secret and not token:
            raise RemoteError(
                f"The token for {self._title} is not there.", hint=f"Start the gateway with {self._version.secret} set."
            )
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"Authorization": f"Bearer {token}"} if token else {},
                connector=aiohttp.TCPConnector(limit=_AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        self.state = "ready"

    async def unload(self) -> None:
        """Close connections."""
        self.state = "unloaded"
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(self, call: Call) -> Answer:
        """Ask the endpoint.

        Raises:
            OverloadedError: it says that it has too much to do.
            DeadlineError: it did not answer in time.
            RemoteError: it failed, cannot be reached, or answers what cannot be read.

        """
        now = asyncio.get_running_loop().time
        begun = now()
        self._calls += 1
        try:
            write, read = _PROTOCOLS[self._version.protocol]
            said = await self._ask(write(call, self._version), min(call.deadline - begun, _SECONDS))
            outputs = read(said, self.card.fields_out)
            return Answer(_encoded(outputs, self.card.fields_out, call), self._version.number, now() - begun)
        except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
            self._failed += 1
            raise RemoteError(f"{self._title} answered what cannot be read as its outputs.") from error
        except (OverloadedError, DeadlineError, RemoteError):
            self._failed += 1
            raise

    @property
    def stats(self) -> Mapping[str, Any]:
        """Return how often it was asked, and how often in vain."""
        return {"calls": self._calls, "failed": self._failed}

    @property
    def _title(self) -> str:
        return f"The endpoint of version {self._version.number} of {self._service!r}"

    async def _ask(self, body: Any, seconds: float) -> Any:
        import aiohttp

        if self._session is None:
            raise RemoteError(f"{self._title} is closed.")
        if seconds <= 0:
            raise DeadlineError("The call's time was over before it was sent.", hint="Give it more time.")
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.post(
                    self._version.url,
                    data=orjson.dumps(body),
                    headers={"Content-Type": "application/json"},
                    allow_redirects=False,
                ) as response,
            ):
                content = await response.content.read(_LARGEST)
                self._check(response.status, response.headers)
                return orjson.loads(content)
        except TimeoutError:
            raise DeadlineError(f"{self._title} gave no answer within {seconds:.3g} s.") from None
        except aiohttp.ClientError as error:
            raise RemoteError(f"{self._title} cannot be reached: {type(error).__name__}.") from error

    def _check(self, status: int, headers: Mapping[str, str]) -> None:
        if status == 429:
            after = headers.get("Retry-After", "")
            raise OverloadedError(f"{self._title} is overloaded.", seconds=float(after) if after.isdecimal() else 1)
        if status != 200:
            raise RemoteError(f"{self._title} answered with status {status}.")


def _encoded(outputs: Mapping[str, Any], fields: Sequence[Field], call: Call) -> dict[str, bytes | Blob]:
    """Return outputs as the call wants them."""
    found: dict[str, bytes | Blob] = {}
    for field in fields:
        value = outputs[field.name]
        if call.encoding == "binary" and field.kind == "tensor":
            axes = ("rows", *field.shape) if field.rows else field.shape
            try:
                found[field.name] = pack(value, field.dtype, axes)
            except TensorFaultError as fault:
                raise RemoteError(f"An endpoint's output {field.name!r} {fault}") from fault
        else:
            found[field.name] = orjson.dumps(value)
    return found


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: files as base64, tensors as nested lists."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, Blob):
        return value
    if value.dtype not in FORMATS:
        return base64.b64encode(value.data).decode()
    return _nested(list(unpack_numbers(value)), value.shape)


def _nested(numbers: list[Any], shape: Sequence[int]) -> Any:
    for size in reversed(shape[1:]):
        numbers = [numbers[at : at + size] for at in range(0, len(numbers), size)]
    return numbers if shape else numbers[0]


# -- protocols --------------------------------------------------------------------------------------------------------


def _write_native(call: Call, _: Version) -> Any:
    return {"inputs": {name: _plain(value) for name, value in call.inputs.items()}}


def _read_native(said: Any, _: Sequence[Field]) -> dict[str, Any]:
    outputs: dict[str, Any] = said["outputs"]
    return outputs


def _write_openai(call: Call, version: Version) -> Any:
    texts = next(call.inputs[field.name] for field in version.fields_in if field.kind == "text")
    return {"model": version.bindings.get(MODEL, call.service), "input": texts, "encoding_format": "float"}


def _read_openai(said: Any, fields: Sequence[Field]) -> dict[str, Any]:
    rows = sorted(said["data"], key=lambda item: item["index"])
    return {fields[0].name: [row["embedding"] for row in rows]}


def _write_oip(call: Call, version: Version) -> Any:
    inputs = []
    for field in version.fields_in:
        if field.name not in call.inputs:
            continue
        value = call.inputs[field.name]
        if isinstance(value, Blob) and value.dtype in FORMATS:
            data: Any = list(unpack_numbers(value))
            shape, datatype = list(value.shape), FORMATS[value.dtype].datatype
        else:
            data = _plain(value) if field.rows else [_plain(value)]
            shape, datatype = [len(data)], _DATATYPES.get(field.kind, "BYTES")
        inputs.append({"name": field.name, "shape": shape, "datatype": datatype, "data": data})
    return {"inputs": inputs}


def _read_oip(said: Any, fields: Sequence[Field]) -> dict[str, Any]:
    by_name = {field.name: field for field in fields}
    found: dict[str, Any] = {}
    for tensor in said["outputs"]:
        field = by_name.get(tensor["name"])
        if field is None:
            continue
        if field.kind == "tensor":
            found[field.name] = _nested(_flat(tensor["data"]), tensor["shape"])
            continue
        values = [orjson.loads(item) if field.kind in ("labels", "json") else item for item in tensor["data"]]
        found[field.name] = values if field.rows else values[0]
    return found


def _flat(data: list[Any]) -> list[Any]:
    while data and isinstance(data[0], list):
        data = [value for item in data for value in item]
    return data


_DATATYPES: Final = {"integer": "INT64", "number": "FP64", "boolean": "BOOL"}
_PROTOCOLS: Final = {
    "inhouse": (_write_native, _read_native),
    "openai": (_write_openai, _read_openai),
    "oip": (_write_oip, _read_oip),
}
