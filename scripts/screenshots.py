"""Takes the pictures of the canvas for the documentation, in the steps of the browser tests.

It takes a Chromium, and fonts with Chinese characters (Debian: ``fonts-wqy-microhei``).
"""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect
from tests.browser.canvas import PATIENCE, Canvas, browser
from tests.gateway import Gateway

IMAGES = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    """Draw something, and take pictures meanwhile."""
    with tempfile.TemporaryDirectory() as folder, Gateway(Path(folder)) as served, browser() as chromium:
        canvas = Canvas(chromium, f"http://127.0.0.1:{served.port}/")
        canvas.open()
        expect(canvas.page.get_by_test_id("template-workflow-try-except")).to_be_visible(timeout=PATIENCE)
        canvas.page.wait_for_load_state("networkidle")
        take(canvas, "templates")
        canvas.choose_template("text-to-image", browse=False)
        canvas.write_prompt("a green dragon")
        tab = canvas.open_tab()
        canvas.run()
        canvas.see_picture("SaveImage")
        expect(tab.locator(".inhouse-success")).to_have_count(1, timeout=PATIENCE)
        canvas.write_prompt("a blue fish")
        canvas.set_value("KSampler", "steps", 120)
        for _ in range(3):
            canvas.run()
        expect(tab).to_contain_text(re.compile(r"KSampler [4-9]\d/120"), timeout=PATIENCE)
        take(canvas, "canvas")
        served.ask("POST", "/settings", {"Comfy.ColorPalette": "light", "Comfy.Locale": "zh"})
        again = Canvas(chromium, canvas.address)
        again.open()
        again.choose_template("try-except")
        tab = again.open_tab()
        again.run()
        expect(tab).to_contain_text(re.compile(r"KSampler [3-9]\d/200"), timeout=2 * PATIENCE)
        take(again, "canvas-zh")


def take(canvas: Canvas, name: str) -> None:
    """Write what is on the screen."""
    shot = Image.open(io.BytesIO(canvas.page.screenshot())).convert("RGB")
    shot.quantize(128).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
