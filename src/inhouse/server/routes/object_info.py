"""``/object_info``: the nodes there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import Response

from inhouse.server.identity import Caller

if TYPE_CHECKING:
    from inhouse.server.catalogue import NodeCatalogue
    from inhouse.server.user_folders import UserFolders

_JSON = "application/json; charset=utf-8"


def routes(catalogue: NodeCatalogue, folders: UserFolders) -> APIRouter:
    """Return the routes.

    Args:
        catalogue: the nodes.
        folders: whose files are among their choices.

    """
    router = APIRouter(tags=["nodes"])

    @router.get("/object_info", summary="Every node, with its inputs and outputs")
    def every(request: Request, caller: Caller) -> Response:
        compressed = "gzip" in request.headers.get("accept-encoding", "")
        body = catalogue.object_info(folders.of(caller.user), compressed=compressed)
        headers = {"vary": "accept-encoding", **({"content-encoding": "gzip"} if compressed else {})}
        return Response(body, media_type=_JSON, headers=headers)

    @router.get("/object_info/{node_class}", summary="One node; an empty object if there is none")
    def one(node_class: str, caller: Caller) -> Response:
        return Response(catalogue.node_info(node_class, folders.of(caller.user)), media_type=_JSON)

    return router
