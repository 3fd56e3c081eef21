# ruff: noqa: T201 - nodes print
"""Nodes that do to a worker what nodes in the wild do."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from server import PromptServer  # type: ignore[import-not-found] # there while a worker has packs


class Node:
    """A node that takes one text and shows what its function makes of it."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "go"
    OUTPUT_NODE = True
    CATEGORY = "hostile"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        return {"required": {"v": ("STRING", {"default": ""})}}

    def go(self, v: str) -> dict[str, Any]:
        made = self.work(v)
        return {"ui": {"text": [made]}, "result": (made,)}

    def work(self, v: str) -> Any:
        return v


class Echo(Node):
    """Shows its text."""


class Greet(Node):
    """Prints, which must not get into the pipe."""

    def work(self, v: str) -> str:
        print(f"printed {v}")
        os.write(1, f"written {v}\n".encode())
        print(f"complained {v}", file=sys.stderr)
        return v


class Fail(Node):
    """Raises."""

    def work(self, v: str) -> str:
        raise ValueError(f"no {v}")


class Exit(Node):
    """Ends the process."""

    def work(self, v: str) -> None:
        os._exit(int(v))


class Segfault(Node):
    """Crashes the process."""

    def work(self, _v: str) -> None:
        ctypes.string_at(0)


class Wait(Node):
    """Says that it runs, by a file, and waits until another file is there; stops when it is asked to."""

    def work(self, v: str) -> str:
        from comfy.model_management import (  # type: ignore[import-not-found] # as above
            throw_exception_if_processing_interrupted,
        )

        Path(f"{v}.runs").write_text(str(os.getpid()))
        while not Path(f"{v}.go").exists():
            threading.Event().wait(0.005)
            throw_exception_if_processing_interrupted()
        return v


class Deaf(Node):
    """Says that it runs and then never ends, whatever is raised in it."""

    def work(self, v: str) -> None:
        Path(f"{v}.runs").write_text(str(os.getpid()))
        while True:
            try:
                threading.Event().wait(0.005)
            except BaseException:  # noqa: BLE001 - that is what it is for
                continue


class Frozen(Node):
    """Says that it runs and then lets no Python run in its process any more."""

    def work(self, v: str) -> None:
        Path(f"{v}.runs").write_text(str(os.getpid()))
        ctypes.PyDLL(None).pause()


class Greedy(Node):
    """Wants more memory than it may have."""

    def work(self, _v: str) -> int:
        import resource

        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (2**31, before[1]))
        try:
            return len(bytearray(2**40))
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)


class Parent(Node):
    """Starts a process that holds all it can inherit, writes down its id, and dies."""

    def work(self, v: str) -> None:
        child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], close_fds=False)
        Path(f"{v}.child").write_text(str(child.pid))
        os._exit(1)


class Odd(Node):
    """Shows what JSON does not know."""

    def work(self, _v: str) -> Any:
        return {"big": 2**70, "half": "\ud800", "set": {1}, "bytes": b"x", "nan": float("nan"), "object": object()}


class Say(Node):
    """Talks to a canvas."""

    def work(self, v: str) -> str:
        PromptServer.instance.send_sync("hostile.said", {"text": v})
        PromptServer.instance.send_sync("hostile.to", {"text": v}, "somebody")
        return v


class Checked(Node):
    """Has a check of its own."""

    @classmethod
    def VALIDATE_INPUTS(cls, v: str) -> Any:  # noqa: N802 - ComfyUI's name
        return True if v != "bad" else "v is bad"


@PromptServer.instance.routes.get("/hostile/{name}")  # type: ignore[untyped-decorator] # as above
async def hello(request: Any) -> Any:
    """Say hello, or let nothing else happen on the loop until a file is there."""
    from aiohttp import web

    if "wait" in request.query:
        Path(request.query["wait"]).with_suffix(".runs").touch()
        while not Path(request.query["wait"]).exists():  # noqa: ASYNC240 - that is what it is for
            threading.Event().wait(0.005)
    return web.json_response({"hello": request.match_info["name"]})


class Secret(Node):
    """Shows a variable of the environment."""

    def work(self, v: str) -> str:
        return os.environ.get(v, "nothing")


NODE_CLASS_MAPPINGS = {
    cls.__name__: cls
    for cls in (*(Echo, Greet, Fail, Exit, Segfault, Wait, Deaf, Frozen, Greedy, Parent, Odd, Say, Checked, Secret),)
}
