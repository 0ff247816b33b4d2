"""The review page in a real browser: look, paint, save, and run the job again."""

import re
import shutil
import signal
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import pyvips
from playwright.sync_api import expect, sync_playwright

from tests.archives import Outcome

BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or ""


@contextmanager
def review_page(command, destination):
    """Start the server and open its page in Chromium."""
    server = command.start("review", destination, "--author", "Ada")
    try:
        address = re.search(r"http://\S+", server.stdout.readline())[0]
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(120_000)
            expect.set_options(timeout=60_000)
            problems, asked = [], []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(address)
            yield page
            assert problems == []
            assert {urlsplit(url).hostname for url in asked} <= {"127.0.0.1", None}
            browser.close()
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)


def open_item(page, name):
    page.get_by_role("button", name=re.compile(re.escape(name))).first.click()
    expect(page.locator("#name")).to_have_text(name)
    until(page, "document.getElementById('after').naturalWidth > 0")


def until(page, condition):
    """Wait for a condition in JavaScript; the page forbids Playwright's own way of waiting."""
    end = time.monotonic() + 120
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.05)


@pytest.mark.skipif(not BROWSER, reason="needs Chromium: apt install chromium")
def test_a_painted_color_is_previewed_saved_and_applied_to_that_item_only(
    command, archive, tmp_path
):
    color = Outcome(tmp_path / "color")
    first = command.run(
        "colorize", archive, color.destination, "--include", "*.png", "--include", "*.tif"
    )
    assert first.returncode == 0, first.stderr
    before = color.records

    with review_page(command, color.destination) as page:
        open_item(page, "a.png")
        page.keyboard.press("p")
        page.locator("#color").fill("#3050d0")
        automatic = page.locator("#after").get_attribute("src")
        box = page.locator("#paint").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_selector("#suggestions button")
        until(page, "document.body.dataset.previewMs")
        assert page.locator("#after").get_attribute("src") != automatic
        assert page.locator("#suggestions button").count() == 5
        page.locator("#comment").fill("The wall was blue.")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#saved")).to_have_text("Saved.")
        page.keyboard.press("Escape")
        open_item(page, "c.tif")
        page.keyboard.press("a")
        expect(page.locator("#items button", has_text="c.tif")).to_contain_text("accepted")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

    second = command.run(
        "colorize", archive, color.destination, "--include", "*.png", "--include", "*.tif"
    )

    assert second.returncode == 0, second.stderr
    assert before.items() <= color.records.items()
    assert not color.lines["a.png"]["resumed"]
    assert color.lines["c.tif"]["resumed"]
    lab = pyvips.Image.new_from_file(str(color.destination / "a.png")).colourspace("lab")
    _, _, b = lab(lab.width // 2, lab.height // 2)
    assert b < -15
