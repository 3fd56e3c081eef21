from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from inhouse.errors import ServiceConflictError, ServiceNotFoundError, StorageError
from inhouse.models.signature import Field
from inhouse.storage.service_store import ServiceStore
from inhouse.storage.services import Rule, Service, Version


@pytest.fixture
def store(tmp_path: Path) -> ServiceStore:
    return ServiceStore(tmp_path / "services")


def fill(folder: Path) -> None:
    (folder / "workflow.json").write_bytes(b"{}")


def add(store: ServiceStore, name: str = "minilm") -> Service:
    return store.add(
        name,
        Version(0, "workflow", fields_in=(Field("texts", "text"),)),
        fill,
        lambda service, number: service.promoted(number),
    )


def test_a_version_is_added_whole(store: ServiceStore) -> None:
    service = add(store)
    assert (service.live, service.last, store.names()) == (1, 1, ["minilm"])
    assert (store.folder("minilm", 1) / "workflow.json").read_bytes() == b"{}"
    assert store.read("minilm") == service
    assert service.versions[0].created > 0


def test_a_rule_survives_its_file(store: ServiceStore) -> None:
    add(store)
    changed = store.change("minilm", lambda service: replace(service, rule=Rule(calls=7)))
    assert store.read("minilm") == changed


def test_what_fails_while_it_is_written_leaves_nothing(store: ServiceStore) -> None:
    def fail(_: Path) -> None:
        raise ServiceConflictError("No.")

    with pytest.raises(ServiceConflictError):
        store.add("minilm", Version(0, "artifact"), fail, lambda service, _: service)
    assert store.names() == []
    assert list((store.root / "minilm" / "versions").iterdir()) == []


def test_numbers_are_never_used_again(store: ServiceStore) -> None:
    for _ in range(3):
        add(store)
    store.change("minilm", lambda service: service.promoted(1))
    store.remove("minilm", 3)
    assert add(store).live == 4
    assert [version.number for version in store.read("minilm").versions] == [1, 2, 4]


def test_a_version_that_gets_calls_is_not_removed(store: ServiceStore) -> None:
    add(store)
    add(store)
    with pytest.raises(ServiceConflictError, match="is its live version"):
        store.remove("minilm", 2)
    store.remove("minilm", 1)
    assert store.read("minilm").previous is None
    assert not store.folder("minilm", 1).exists()


def test_changes_show_in_stamps(store: ServiceStore) -> None:
    add(store)
    add(store, "other")
    before = store.stamps()
    assert store.stamps() == before
    store.change("minilm", lambda service: replace(service, share=0.5))
    after = store.stamps()
    assert (after["minilm"] == before["minilm"], after["other"] == before["other"]) == (False, True)
    store.remove("minilm")
    assert store.names() == ["other"]


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "a" * 101, "ä", "a\n"])
def test_names_stay_in_their_folder(store: ServiceStore, name: str) -> None:
    with pytest.raises(ServiceNotFoundError, match="No service can have the name"):
        store.read(name)
    with pytest.raises(ServiceNotFoundError):
        add(store, name)


def test_what_cannot_be_read_is_said(store: ServiceStore) -> None:
    add(store)
    (store.root / "minilm" / "service.json").write_text("{")
    with pytest.raises(StorageError, match="cannot be read"):
        store.read("minilm")
    with pytest.raises(ServiceNotFoundError, match="no service 'other'"):
        store.read("other")


def test_changes_made_at_once_are_all_made(store: ServiceStore) -> None:
    add(store)
    several = [threading.Thread(target=add, args=(store,)) for _ in range(8)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    assert [version.number for version in store.read("minilm").versions] == list(range(1, 10))
