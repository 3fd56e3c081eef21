"""The official canvas works, calls nobody, and has a tab of ours."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect
from tests.browser.canvas import PATIENCE, Canvas
from tests.gateway import Gateway

PLAIN = {
    "Comfy.Locale": "en",
    "Comfy.ColorPalette": "dark",
    "LiteGraph.Canvas.MaximumFps": 5,  # without a graphics card each picture costs as much as a step of sampling
    "Comfy.Minimap.Visible": False,
}
_CONTRAST = """element => {
  const light = color => color.match(/[\\d.]+/g).slice(0, 3)
    .map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  let behind = element;
  while (/^rgba\\(.*, 0\\)$/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const [less, more] = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor]
    .map(light).sort((one, other) => one - other);
  return (more + 0.05) / (less + 0.05);
}"""
"""The contrast ratio of a text (WCAG 2.2, 1.4.3)."""
_TEXTS = """async () => {
  const { wordsFor } = await import('/extensions/inhouse/words.js');
  const shape = text => typeof text === 'string' ? [...text.matchAll(/{\\w+}/g)].map(String).sort()
    : Object.fromEntries(Object.entries(text).map(([name, part]) => [name, shape(part)]));
  return [shape(wordsFor('en')), shape(wordsFor('zh-TW'))];
}"""
"""Which texts there are in each language, and what is put into them."""


def ended(tab: Locator, state: str) -> Locator:
    return tab.locator(f"section li .inhouse-{state}")


def test_from_a_template_to_a_picture_that_is_still_there_later(canvas: Canvas, served: Gateway) -> None:
    served.ask("POST", "/settings", {**PLAIN, "Comfy.TutorialCompleted": False})
    canvas.open()
    canvas.choose_template("text-to-image", browse=False)
    canvas.write_prompt("a green dragon")
    canvas.set_value("KSampler", "steps", 60)  # enough to be watched
    tab = canvas.open_tab()
    canvas.run()
    expect(tab.locator("progress")).to_be_visible(timeout=PATIENCE)
    expect(tab).to_contain_text(re.compile(r"KSampler \d+/60"), timeout=PATIENCE)
    assert canvas.see_picture("KSampler") > 0
    assert canvas.see_picture("SaveImage") == 128
    assert canvas.previews > 0
    expect(ended(tab, "success")).to_have_count(1, timeout=PATIENCE)

    canvas.page.reload()
    expect(canvas.page.get_by_test_id("side-toolbar")).to_be_visible(timeout=PATIENCE)
    expect(canvas.page.locator("textarea.comfy-multiline-input").first).to_have_value(
        "a green dragon", timeout=PATIENCE
    )
    expect(canvas.open_history()).to_contain_text("inhouse_00001_.png", timeout=PATIENCE)
    expect(canvas.page.get_by_test_id("login-button")).to_be_hidden()


def test_a_canvas_with_nothing_to_show_shows_a_workflow_that_runs_here(canvas: Canvas, served: Gateway) -> None:
    served.ask("POST", "/settings", PLAIN)
    canvas.open()
    prompt = canvas.page.locator("textarea.comfy-multiline-input").first
    expect(prompt).to_have_value("a red apple", timeout=PATIENCE)
    canvas.run()
    assert canvas.see_picture("SaveImage") == 128


def test_the_tab_cancels_what_runs_and_what_waits(canvas: Canvas, served: Gateway) -> None:
    served.ask("POST", "/settings", PLAIN)
    canvas.open()
    canvas.choose_template("try-except")
    tab = canvas.open_tab()
    canvas.run()
    cancel = tab.get_by_role("button", name=re.compile("^Cancel run"))
    expect(cancel).to_have_count(1, timeout=PATIENCE)
    canvas.write_prompt("a red house")
    canvas.run()
    expect(tab).to_contain_text("1 running, 1 waiting", timeout=PATIENCE)
    cancel.last.click()
    expect(tab).to_contain_text("1 running, 0 waiting", timeout=PATIENCE)
    cancel.first.click()
    expect(tab).to_contain_text("0 running, 0 waiting", timeout=PATIENCE)
    expect(ended(tab, "cancelled")).to_have_count(1, timeout=PATIENCE)


def test_the_tab_asks_only_while_it_is_open(canvas: Canvas, served: Gateway) -> None:
    served.ask("POST", "/settings", PLAIN)

    def asked() -> int:
        return sum(url.endswith("/inhouse/overview") for url in canvas.requests)

    canvas.open()
    assert asked() == 0
    with canvas.page.expect_request("**/inhouse/overview"):
        tab = canvas.open_tab()
    with canvas.page.expect_request("**/inhouse/overview"):
        pass
    canvas.page.get_by_test_id("inhouse-tab-button").click()
    expect(tab).to_be_hidden()
    before = asked()
    canvas.page.wait_for_timeout(1500)  # longer than from one question to the next
    assert asked() == before


def test_everything_of_ours_is_in_chinese_for_who_reads_that(canvas: Canvas, served: Gateway) -> None:
    served.ask("POST", "/settings", {**PLAIN, "Comfy.Locale": "zh"})
    canvas.open()
    tab = canvas.open_tab()
    expect(tab).to_contain_text(re.compile("0 个运行中.+0 个等待中"))
    expect(tab).to_contain_text("没有正在运行的任务。")
    english, chinese = canvas.page.evaluate(_TEXTS)
    assert english == chinese
    expect(tab.get_by_role("img", name=re.compile("^队列.+当前 0"))).to_be_visible()
    canvas.page.locator(".templates-tab-button").click()
    expect(canvas.page.get_by_test_id("template-workflow-inpainting")).to_contain_text("局部重绘", timeout=PATIENCE)


def test_the_tab_can_be_read_in_every_palette(canvas: Canvas, served: Gateway) -> None:
    served.ask("POST", "/settings", PLAIN)
    canvas.open()
    tab = canvas.open_tab()
    texts = [tab.locator(part).first for part in ("h2", ".inhouse-summary", "h3", "dt", "dd", ".inhouse-state", "code")]
    for palette in ("dark", "light", "solarized", "nord", "github", "arc"):
        canvas.page.evaluate("name => app.extensionManager.setting.set('Comfy.ColorPalette', name)", palette)
        for text in texts:
            assert text.evaluate(_CONTRAST) >= 4.5, (palette, text.inner_text())
