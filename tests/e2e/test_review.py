"""The review page in a real browser: look, correct, save, and run the job again."""

import re
import shutil
import signal
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import av
import numpy as np
import pytest
import pyvips
from playwright.sync_api import expect, sync_playwright

from colorworker.media.synthetic import Recipe, make_film
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


def preview(page, action):
    """Do something that changes colors, and wait for the new preview."""
    page.evaluate("delete document.body.dataset.previewMs")
    action()
    until(page, "document.body.dataset.previewMs")


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
    first = command.run("colorize", archive, color.destination, "--exclude", "*.mp4")
    assert first.returncode == 0, first.stderr
    before = color.records

    with review_page(command, color.destination) as page:
        open_item(page, "a.png")
        page.keyboard.press("p")
        page.locator("#color").fill("#3050d0")
        automatic = page.locator("#after").get_attribute("src")
        box = page.locator("#paint").bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        preview(page, lambda: page.mouse.click(*middle))
        page.wait_for_selector("#suggestions button")
        assert page.locator("#after").get_attribute("src") != automatic
        assert page.locator("#suggestions button").count() == 5
        page.locator("#comment").fill("The wall was blue.")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#saved")).to_have_text("Saved.")
        page.keyboard.press("Escape")
        open_item(page, "c.tif")
        page.keyboard.press("v")
        until(page, "document.querySelectorAll('#variant-tiles img[src]').length == 9")
        preview(page, lambda: page.keyboard.press("4"))
        page.keyboard.press("a")
        expect(page.locator("#items button", has_text="c.tif")).to_contain_text("accepted")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

    second = command.run("colorize", archive, color.destination, "--exclude", "*.mp4")

    assert second.returncode == 0, second.stderr
    assert before.items() <= color.records.items()
    assert not color.lines["a.png"]["resumed"]
    assert color.lines["c.tif"]["own_options"]["variant"] == 4
    assert color.lines["sub/b.jpg"]["resumed"]
    lab = pyvips.Image.new_from_file(str(color.destination / "a.png")).colourspace("lab")
    _, _, b = lab(lab.width // 2, lab.height // 2)
    assert b < -15


SHOT = 12


def shots(index):
    """Return the luma of three shots of 12 frames, each of blocks that stand still."""
    shot = index // SHOT
    blocks = np.random.default_rng(shot).integers(-30, 30, (4, 6))
    return np.kron(70 + 50 * shot + blocks, np.ones((16, 16))).astype(np.uint16)


def frames_of(path):
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]


@pytest.mark.skipif(not BROWSER, reason="needs Chromium: apt install chromium")
def test_two_shots_of_a_film_are_corrected_and_the_third_stays_as_it_is(command, tmp_path):
    sources = tmp_path / "films"
    sources.mkdir()
    make_film(sources / "reel.mp4", Recipe(width=96, height=64, frames=3 * SHOT), shots)
    color = Outcome(tmp_path / "color")
    job = ["colorize", sources, color.destination, "--profile", "archive"]
    settings = {
        "COLORWORKER_MEDIA__SEGMENT_FRAMES": str(SHOT),
        "COLORWORKER_RUN__KEEP_PARTS": "true",
    }
    first = command.run(*job, **settings)
    assert first.returncode == 0, first.stderr
    records, before = color.records, frames_of(color.destination / "reel.mkv")
    rows = np.clip(shots(SHOT)[..., None] * [1.3, 0.9, 0.4], 0, 255).astype(np.uint8)
    colored = pyvips.Image.new_from_array(rows).copy(interpretation="srgb").pngsave_buffer()

    with review_page(command, color.destination) as page:
        open_item(page, "reel.mp4")
        expect(page.locator("#shots li")).to_have_count(3)
        page.keyboard.press("p")
        page.locator("#color").fill("#3050d0")
        preview(page, lambda: page.locator("#paint").press("Enter"))
        page.keyboard.press("Escape")
        page.keyboard.press("]")
        expect(page.locator("#frame-number")).to_have_text(str(SHOT + SHOT // 2))
        file = {"name": "frame.png", "mimeType": "image/png", "buffer": bytes(colored)}
        preview(page, lambda: page.locator("#file").set_input_files(file))
        expect(page.locator("#correction-list li")).to_have_count(2)
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#saved")).to_have_text("Saved.")

    second = command.run(*job, **settings)

    assert second.returncode == 0, second.stderr
    assert records.items() <= color.records.items()
    assert len(color.records) - len(records) == 3 + 2 + 1  # Searches for shots, segments, the join.
    after = frames_of(color.destination / "reel.mkv")
    blue = [(frame[..., 2] - frame[..., 0])[30:34, 46:50].mean() for frame in after]
    assert min(blue[:SHOT]) > 40
    assert max(blue[SHOT : 2 * SHOT]) < -40
    assert all((after[index] == before[index]).all() for index in range(2 * SHOT, 3 * SHOT))
