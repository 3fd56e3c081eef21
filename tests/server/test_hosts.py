"""What is a host, and whether a page is ours."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.server.hosts import Authority, Hosts, parse_authority, same_origin

NAMES = st.from_regex(r"\A[a-z0-9]([a-z0-9_-]{0,20}[a-z0-9])?(\.[a-z][a-z0-9-]{0,10})*\Z")
PORTS = st.none() | st.integers(1, 65535)


def written(host: str, port: int | None) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"


@given(st.text())
def test_any_text_is_a_host_or_none(text: str) -> None:
    found = parse_authority(text)
    assert found is None or parse_authority(written(found.host, found.port)) == found


@given(NAMES, PORTS)
def test_names_are_read_in_lower_case(name: str, port: int | None) -> None:
    assert parse_authority(written(name.upper(), port)) == Authority(name, port)
    assert parse_authority(written(f"{name}.", port)) == Authority(name, port)


@given(st.ip_addresses(), PORTS)
def test_addresses_are_read_in_their_shortest_form(address: ipaddress.IPv4Address, port: int | None) -> None:
    assert parse_authority(written(address.exploded, port)) == Authority(str(address), port)


@pytest.mark.parametrize(
    "text",
    [
        "a:",
        "a:b",
        "a:-1",
        "a:65536",
        "::1",
        "[::1",
        "[::1]x",
        "[1.2.3.4]",
        "[::g]",
        "a@b",
        "a/",
        "a b",
        "a\n",
        "ä",
        ".",
    ],
)
def test_what_is_no_host_is_none(text: str) -> None:
    assert parse_authority(text) is None


@given(st.text(), NAMES, PORTS)
def test_only_our_own_page_is_ours(origin: str, name: str, port: int | None) -> None:
    ours = Authority(name, port)
    assert same_origin(f"http://{written(name, port)}", "http", ours)
    assert not same_origin(f"https://{written(name, port)}", "http", ours)
    assert not same_origin(f"http://{written(f'x.{name}', port)}", "http", ours)
    assert not same_origin(f"http://{written(name, port)}.x", "http", ours)
    assert not same_origin(f"http://x@{written(name, port)}", "http", ours)
    assert not same_origin(f"http://{written(name, port)}/", "http", ours)
    assert not same_origin(origin, "http", ours)


@given(NAMES, st.integers(1, 65535), st.integers(1, 65535))
def test_another_port_is_another_page(name: str, one: int, two: int) -> None:
    assert same_origin(f"http://{name}:{one}", "http", Authority(name, two)) == (one == two)


def test_the_schemes_own_port_need_not_be_said() -> None:
    assert same_origin("http://studio:80", "http", Authority("studio"))
    assert same_origin("https://studio", "https", Authority("studio", 443))
    assert not same_origin("https://studio", "https", Authority("studio", 80))


@pytest.mark.parametrize("port", [0, 65535])
def test_any_port_number_can_stand_in_a_host(port: int) -> None:
    assert parse_authority(f"studio:{port}") == Authority("studio", port)


@given(NAMES, NAMES)
def test_a_name_is_known_if_it_is_listed(listed: str, asked: str) -> None:
    hosts = Hosts("127.0.0.1", [listed.upper()])
    assert hosts.know(listed)
    assert hosts.know(asked) == (asked in (listed, "localhost") or asked.startswith("127."))


@given(st.ip_addresses())
def test_an_address_is_known_if_it_is_loopback_or_listened_on(address: ipaddress.IPv4Address) -> None:
    assert Hosts(str(address)).know(str(address))
    assert Hosts("localhost").know(str(address)) == address.is_loopback
    assert Hosts("::").know(str(address))
    assert Hosts("0.0.0.0").know(str(address))


def test_the_name_listened_on_is_known() -> None:
    assert Hosts("Studio.lan").know("studio.lan")
    assert not Hosts("Studio.lan").know("10.0.0.1")
