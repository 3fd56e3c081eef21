import socket

import pytest

from inhouse.errors import UsageError
from inhouse.server.serving import listen
from inhouse.settings import ServerSettings


def test_port_0_takes_a_free_one() -> None:
    with listen(ServerSettings(port=0)) as listening:
        address, port = listening.getsockname()
        assert (address, port > 0) == ("127.0.0.1", True)
        socket.create_connection((address, port)).close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_an_address_that_is_not_ours_is_refused_with_advice(host: str) -> None:
    with pytest.raises(UsageError) as refused:
        listen(ServerSettings(host=host, port=0))
    assert host in refused.value.message
    assert "--host" in refused.value.hint


def test_a_port_is_free_again_at_once_after_a_gateway_that_had_clients() -> None:
    with listen(ServerSettings(port=0)) as first:
        port = first.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = first.accept()
        accepted.close()
    client.close()
    listen(ServerSettings(port=port)).close()
