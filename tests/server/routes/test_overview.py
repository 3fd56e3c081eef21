from __future__ import annotations

from typing import Any

from tests.server.routes.conftest import Serve

from inhouse.server.identity import Identity
from inhouse.server.routes import overview


class Shown:
    async def of(self, caller: Identity) -> dict[str, Any]:
        return {"user": caller.user, "admin": caller.admin}


def test_the_overview_is_made_for_who_asks(serve: Serve) -> None:
    shown: Any = Shown()
    client = serve(overview.routes(shown))
    assert client.get("/inhouse/overview").json() == {"user": "default", "admin": True}
    told = client.get("/api/inhouse/overview", headers={"comfy-user": "ann"})
    assert told.json() == {"user": "ann", "admin": False}
