# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ARG001, PTH118, PTH120, TID252 - written as packs of third parties are
"""What the panel asks: the book as JSON, uploads, a stream, a live connection, and files."""

import asyncio
import os

from aiohttp import WSMsgType, web
from server import PromptServer

from .book import NOTES

routes = PromptServer.instance.routes
PromptServer.instance.app.router.add_static(
    "/gallery_notes/static", os.path.join(os.path.dirname(os.path.realpath(__file__)), "web")
)


@routes.get("/gallery_notes/notes")
async def listed(request):
    return web.json_response({"notes": NOTES, "query": dict(request.query)})


@routes.post("/gallery_notes/notes")
async def added(request):
    body = await request.json()
    NOTES.append(body["note"])
    PromptServer.instance.send_sync("gallery_notes.added", {"note": body["note"]}, body.get("client_id"))
    return web.json_response({"count": len(NOTES)}, status=201)


@routes.delete("/gallery_notes/notes/{index}")
async def removed(request):
    index = int(request.match_info["index"])
    if index >= len(NOTES):
        return web.Response(status=404, text="no such note")
    return web.json_response({"removed": NOTES.pop(index)})


@routes.post("/gallery_notes/upload")
async def uploaded(request):
    form = await request.post()
    file = form["file"]
    return web.json_response({"name": file.filename, "size": len(file.file.read()), "kind": form.get("kind")})


@routes.get("/gallery_notes/echo")
async def echoed(request):
    user = PromptServer.instance.user_manager.get_request_user_id(request)
    response = web.json_response({"headers": dict(request.headers), "user": user, "path": request.path_qs})
    response.set_cookie("session", "stolen")
    return response


@routes.get("/gallery_notes/stream")
async def streamed(request):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number in range(3):
        await response.write(f"data: {number}\n\n".encode())
        await asyncio.sleep(0)
    return response


@routes.post("/gallery_notes/back")
async def sent_back(request):
    response = web.StreamResponse()
    await response.prepare(request)
    async for chunk in request.content.iter_any():
        await response.write(chunk)
    return response


@routes.get("/gallery_notes/live")
async def live(request):
    socket = web.WebSocketResponse(protocols=("notes",))
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT and message.data == "bye":
            await socket.close(code=4001)
        elif message.type == WSMsgType.TEXT:
            await socket.send_json({"heard": message.data})
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data[::-1])
    return socket


@routes.get("/gallery_notes/broken")
async def broken(request):
    raise ValueError("the book is torn")


def on_prompt(json_data):
    for node in json_data.get("prompt", {}).values():
        if node.get("class_type") == "GalleryNote" and node["inputs"].get("text") == "{{today}}":
            node["inputs"]["text"] = "a fine day"
    return json_data


PromptServer.instance.add_on_prompt_handler(on_prompt)
