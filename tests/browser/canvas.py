"""The canvas in a real browser, as a person uses it; what it asks for and complains about is written down."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page, ViewportSize, WebSocket, expect, sync_playwright
from tests.gateway import eventually

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREEN = ViewportSize(width=1440, height=900)
PATIENCE = 30_000
"""Milliseconds until what does not come is taken for missing."""
_REPORT = """addEventListener('securitypolicyviolation', event => {
  if (event.blockedURI !== 'eval') console.error('Policy forbade', event.blockedURI);
})"""
"""A library of the canvas tries whether it may compile code. It may not, and does without."""
_PICTURE = "kind => app.graph._nodes.find(node => node.type === kind)?.imgs?.[0]?.naturalWidth ?? 0"

_SET = """([kind, name, value]) => {
  const node = app.graph._nodes.find(node => node.type === kind);
  node.widgets.find(widget => widget.name === name).value = value;
}"""


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser that calls nobody by itself."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield started
        finally:
            started.close()


class Canvas:
    """A page of its own, like a new visitor's.

    Attributes:
        page: it.
        requests: every address that was asked for, WebSockets' too, whether or not it was let.
        complaints: errors on the console, exceptions, and what the Content Security Policy forbade.
        frames: what came over WebSockets.

    """

    def __init__(self, browser: Browser, address: str) -> None:
        self.address = address
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.frames: list[str | bytes] = []
        context = browser.new_context(viewport=SCREEN)
        context.set_default_timeout(PATIENCE)
        context.add_init_script(_REPORT)
        context.on("request", lambda request: self.requests.append(request.url))
        self.page = context.new_page()
        self._watch(self.page)

    def _watch(self, page: Page) -> None:
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

        def opened(socket: WebSocket) -> None:
            self.requests.append(socket.url)
            socket.on("framereceived", lambda frame: self.frames.append(frame))  # noqa: PLW0108 - it gets an attribute

        page.on("websocket", opened)

    # -- what a person does ------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Come to the canvas."""
        self.page.goto(self.address)
        expect(self.page.get_by_test_id("side-toolbar")).to_be_visible(timeout=PATIENCE)

    def choose_template(self, name: str, *, browse: bool = True) -> None:
        """Take a template from the browser, which opens by itself for who comes for the first time."""
        if browse:
            self.page.locator(".templates-tab-button").click()
        card = self.page.get_by_test_id(f"template-workflow-{name}")
        card.click()
        expect(card).to_be_hidden(timeout=PATIENCE)

    def write_prompt(self, text: str) -> None:
        """Write into the first prompt."""
        self.page.locator("textarea.comfy-multiline-input").first.fill(text)

    def set_value(self, kind: str, name: str, value: float) -> None:
        """Change a widget of the first node of a kind: it is drawn, and cannot be found on the page."""
        self.page.evaluate(_SET, [kind, name, value])

    def run(self) -> None:
        """Press Run."""
        self.page.get_by_test_id("queue-button").click()

    def open_tab(self) -> Locator:
        """Show the Inhouse tab."""
        self.page.get_by_test_id("inhouse-tab-button").click()
        tab = self.page.locator(".inhouse")
        expect(tab.locator(".inhouse-ready, .inhouse-running").first).to_be_visible(timeout=PATIENCE)
        return tab

    def open_history(self) -> Locator:
        """Show what has run."""
        self.page.get_by_test_id("queue-overlay-toggle").click()
        return self.page.get_by_test_id("job-assets-list")

    def see_picture(self, kind: str) -> int:
        """Wait until a node of a kind shows a picture, and return its width in pixels."""
        width: int = eventually(lambda: self.page.evaluate(_PICTURE, kind))
        return width

    # -- what was noticed --------------------------------------------------------------------------------------------

    @property
    def strangers(self) -> list[str]:
        """What was asked of anybody but the gateway."""
        own = urlsplit(self.address).netloc
        return [url for url in self.requests if not url.startswith(("data:", "blob:")) and urlsplit(url).netloc != own]

    @property
    def previews(self) -> int:
        """How many previews came."""
        binary = [frame for frame in self.frames if isinstance(frame, bytes)]
        return sum(struct.unpack(">I", frame[:4])[0] in (1, 4) for frame in binary)
