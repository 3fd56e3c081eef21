"""Publishing: what may become a version of a service, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from inhouse.errors import OutputError, PublishError, ReceiptError, ServiceConflictError
from inhouse.files import inside, is_file, write_atomic
from inhouse.models.artifact import Artifact, open_artifact, verify_artifact
from inhouse.models.signature import Field
from inhouse.models.signing import Trust
from inhouse.storage.service_store import ServiceStore, find
from inhouse.storage.services import Service, Version

LABELS = "labels.txt"
WORKFLOW = "workflow.json"
_LONGEST_URL = 2000
Role: TypeAlias = Literal["live", "canary", "shadow", "idle"]


@dataclass(frozen=True, slots=True)
class Routing:
    """What a new version gets at once.

    Attributes:
        role: all calls, a share of them, a copy of each, or none.
        share: of the calls that a canary gets, 0 to 1.

    """

    role: Role = "live"
    share: float = 0.05

    def apply(self, service: Service, number: int) -> Service:
        """Return the service with that version in its role; the first version is live whatever was asked for.

        Raises:
            ServiceConflictError: there is no live version beside which it could be.
            PublishError: the share is none.

        """
        find(service, number)
        if self.role == "idle":
            return service
        if self.role == "live":
            return service.promoted(number)
        if service.live is None or service.live == number:
            raise ServiceConflictError(
                f"{service.name!r} has no other live version beside which {number} could be a {self.role}.",
                hint="Make one live before.",
            )
        if self.role == "shadow":
            return replace(service, shadow=number, canary=None if service.canary == number else service.canary)
        if not 0 < self.share <= 1:
            raise PublishError(f"A canary's share is above 0 and at most 1, not {self.share}.")
        return replace(
            service, canary=number, share=self.share, shadow=None if service.shadow == number else service.shadow
        )


LIVE = Routing()


@dataclass(frozen=True, slots=True)
class Publisher:
    """Where a node publishes, and whose receipts are believed there.

    Attributes:
        store: what is published.
        keys: files of public keys.
        own: the machine's own key; None for the user's.

    """

    store: ServiceStore
    keys: tuple[Path, ...] = ()
    own: Path | None = None

    def publish(self, name: str, artifact: Path, version: Version, routing: Routing = LIVE) -> Published:
        """Publish a converted model; see ``publish_artifact``."""
        return publish_artifact(self.store, name, artifact, Trust.of(self.keys, own=self.own), version, routing)


@dataclass(frozen=True, slots=True)
class Published:
    """What was published.

    Attributes:
        service: as it is now.
        number: of the new version.
        notes: what its callers may stumble over, as sentences.

    """

    service: Service
    number: int
    notes: tuple[str, ...] = ()


def publish_artifact(
    store: ServiceStore, name: str, artifact: Path, trust: Trust, version: Version, routing: Routing = LIVE
) -> Published:
    """Publish a converted model: its folder is copied, and the copy is checked against its receipt.

    Raises:
        ModelNotFoundError: there is no artifact.
        ReceiptError: it is not what its receipt says, or nobody trusted signed it.
        PublishError: it lacks what its task needs.
        ServiceError: as `ServiceStore.add` and `Routing.apply`.

    """
    described = open_artifact(artifact)

    def fill(place: Path) -> None:
        _copy(artifact, place)
        verify_artifact(place, trust)
        check_artifact(open_artifact(place))

    return _add(store, name, version, fill, routing, (described.fields_in, described.fields_out))


def publish_workflow(
    store: ServiceStore, name: str, workflow: Mapping[str, Any], version: Version, routing: Routing = LIVE
) -> Published:
    """Publish a workflow in the API format; ``version`` has its fields and what they are bound to.

    Raises:
        PublishError: it has no output.
        ServiceError: as `ServiceStore.add` and `Routing.apply`.

    """
    if not version.fields_out:
        raise PublishError("The workflow gives nothing.", hint="Name an output with --output NODE.")
    content = json.dumps(workflow, indent=1).encode() + b"\n"

    def fill(place: Path) -> None:
        write_atomic(place / WORKFLOW, lambda file: file.write(content))

    return _add(store, name, version, fill, routing, (version.fields_in, version.fields_out))


def publish_remote(store: ServiceStore, name: str, version: Version, routing: Routing = LIVE) -> Published:
    """Publish an endpoint elsewhere, whose address and fields ``version`` has.

    Raises:
        PublishError: it is no address.
        ServiceError: as `ServiceStore.add` and `Routing.apply`.

    """
    _check_address(version.url)
    return _add(store, name, version, lambda _: None, routing, (version.fields_in, version.fields_out))


def _check_address(url: str) -> None:
    """Refuse what nothing can be asked at, and what would store a password.

    Raises:
        PublishError: it is no address of HTTP (RFC 3986), or holds a user's name.

    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound, parts = False, urlsplit("")
    if not sound or len(url) > _LONGEST_URL or any(letter <= " " or letter == "\x7f" for letter in url):
        raise PublishError(f"{url[:200]!r} is no address.", hint="Write https://host/path.")
    if parts.username is not None:
        raise PublishError(
            "The address holds a name or a password, which would be stored.", hint="Name a variable with --token-env."
        )


def fields_of(store: ServiceStore, name: str, version: Version) -> tuple[Sequence[Field], Sequence[Field]]:
    """Return what a stored version takes and gives.

    Raises:
        ModelError: the artifact's description cannot be read.

    """
    if version.source != "artifact":
        return version.fields_in, version.fields_out
    artifact = open_artifact(store.folder(name, version.number))
    return artifact.fields_in, artifact.fields_out


def check_artifact(artifact: Artifact) -> Artifact:
    """Return an artifact that has what its task needs.

    Raises:
        PublishError: it has not.
        PathEscapeError: its model lies elsewhere.

    """
    if not is_file(inside(artifact.folder, artifact.serving.model)):
        raise PublishError(f"The artifact has no file {artifact.serving.model!r}.", hint="Convert the model again.")
    if not artifact.fields_out:
        raise PublishError("The artifact does not say what it gives.", hint="Convert the model again.")
    if artifact.task.endswith("-classification"):
        _check_labels(artifact)
    return artifact


def incompatibilities(before: Sequence[Field], after: Sequence[Field], *, outputs: bool = False) -> list[str]:
    """Return what callers of one signature stumble over when they meet the other, as sentences."""
    old, new = {field.name: field for field in before}, {field.name: field for field in after}
    what = "Output" if outputs else "Input"
    said = [f"{what} {name!r} is gone." for name in old if name not in new]
    if not outputs:
        said += [f"Input {name!r} is new and required." for name in new if name not in old and new[name].required]
    for name in (name for name in old if name in new):
        was, now = old[name], new[name]
        if (was.kind, was.rows) != (now.kind, now.rows):
            said.append(f"{what} {name!r} was {_kind(was)} and is {_kind(now)}.")
        elif (was.dtype, was.shape) != (now.dtype, now.shape):
            said.append(f"{what} {name!r} was {_tensor(was)} and is {_tensor(now)}.")
        elif not outputs and now.required and not was.required:
            said.append(f"Input {name!r} is required now.")
        elif lost := [choice for choice in was.choices if now.choices and choice not in now.choices]:
            said.append(f"{what} {name!r} no longer has {', '.join(lost)}.")
    return said


def _check_labels(artifact: Artifact) -> None:
    path = artifact.folder / LABELS
    try:
        labels = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise PublishError(
            f"The artifact has no {LABELS}: its answers would be numbers without names.",
            hint="Convert the model again with --labels FILE, one name a line.",
        ) from error
    count = len(labels) - (labels[-1] == "")
    classes = artifact.outputs[0].shape[-1] if artifact.outputs and artifact.outputs[0].shape else None
    if count == 0 or (isinstance(classes, int) and count != classes):
        raise PublishError(
            f"{LABELS} has {count} names, and the model has {classes} classes.",
            hint="Convert the model again with the file that belongs to it.",
        )


def _add(
    store: ServiceStore,
    name: str,
    version: Version,
    fill: Callable[[Path], None],
    routing: Routing,
    fields: tuple[Sequence[Field], Sequence[Field]],
) -> Published:
    notes: list[str] = []

    def route(service: Service, number: int) -> Service:
        if (live := service.version(service.live)) is None:
            return service if routing.role == "idle" else service.promoted(number)
        before = fields_of(store, name, live)
        notes.extend(incompatibilities(before[0], fields[0]) + incompatibilities(before[1], fields[1], outputs=True))
        return routing.apply(service, number)

    service = store.add(name, version, fill, route)
    return Published(service, service.last, tuple(notes))


def _copy(folder: Path, place: Path) -> None:
    """Copy files and folders and nothing else: what a link leads to may be another thing tomorrow."""
    try:
        for root, folders, files in os.walk(folder):
            beside = place / Path(root).relative_to(folder)
            for name in (*folders, *files):
                kind = (Path(root) / name).lstat().st_mode
                if stat.S_ISDIR(kind):
                    (beside / name).mkdir()
                elif stat.S_ISREG(kind):
                    shutil.copyfile(Path(root) / name, beside / name)
                else:
                    raise ReceiptError(f"The artifact has {name}, which is no file.", hint="Replace it by a copy.")
    except OSError as error:
        raise OutputError(f"The artifact cannot be copied: {error.strerror or error}.") from error


def _kind(field: Field) -> str:
    return f"{field.kind}, a list of rows" if field.rows else f"{field.kind}, one value"


def _tensor(field: Field) -> str:
    return f"{field.dtype} {list(field.shape)}"
