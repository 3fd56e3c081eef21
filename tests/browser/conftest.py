"""What tests in a browser share: one browser, one gateway with the model in the box, a new page for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.browser.canvas import CHROMIUM, Canvas, browser
from tests.gateway import Gateway


@pytest.fixture(scope="module")  # Playwright keeps an event loop, which other tests must not find
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("No Chromium is installed.")
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("canvas")) as running:
        yield running


@pytest.fixture
def canvas(chromium: Browser, served: Gateway) -> Iterator[Canvas]:
    """Return a new visitor's canvas; whatever is done with it, it calls nobody else and complains of nothing."""
    served.ask("POST", "/settings", {"Comfy.TutorialCompleted": True})
    visited = Canvas(chromium, f"http://127.0.0.1:{served.port}/")
    yield visited
    visited.page.context.close()
    assert visited.strangers == []
    assert visited.complaints == []
