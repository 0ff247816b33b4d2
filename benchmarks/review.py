"""How long a preview takes on the review page, from the end of a stroke to the new picture.

    python benchmarks/review.py
    python benchmarks/review.py --picture photograph.jpg --strokes 20

Colors a picture, starts `colorworker review`, and draws strokes in Chromium: each is longer than
the one before and lies elsewhere. The time runs from the event of the released pointer until the
decoded preview is on the page. Prints the median and the 90th percentile, the server's CPU time per
stroke, and the machine's load. Needs Chromium and the package playwright.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parents[1] / "docs" / "demo" / "photographs" / "astronaut.tif"
MEASURE = """
window.times = [];
addEventListener("pointerup", () => { window.begun = performance.now(); }, true);
new MutationObserver(() => requestAnimationFrame(() => {
  window.times.push(performance.now() - window.begun);
})).observe(document.body, { attributes: true, attributeFilter: ["data-preview-ms"] });
"""


def cpu_seconds(pid):
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(page, condition):
    """Wait for a condition in JavaScript; the page's policy forbids Playwright's own way."""
    while not page.evaluate(condition):
        time.sleep(0.01)


def draw(page, number):
    """Draw a stroke with the mouse."""
    box = page.locator("#paint").bounding_box()
    random = np.random.default_rng(number)
    x, y = random.uniform(0.1, 0.8, 2) * (box["width"], box["height"]) + (box["x"], box["y"])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20 + 5 * number, y + 15, steps=6)
    page.mouse.up()


def measure(page, pid, strokes):
    """Return the milliseconds of each preview, and the server's CPU milliseconds."""
    page.locator("#items button").first.click()
    until(page, "document.getElementById('after').naturalWidth > 0")
    page.evaluate(MEASURE)
    page.keyboard.press("p")
    draw(page, 0)  # The network may still be loading.
    until(page, "window.times.length == 1 && document.querySelector('#suggestions button')")
    used = []
    for number in range(1, strokes + 1):
        before = cpu_seconds(pid)
        draw(page, number)
        until(page, f"window.times.length == {number + 1}")
        used.append(1000 * (cpu_seconds(pid) - before))
        until(page, "document.querySelector('#suggestions button')")
    return page.evaluate("window.times")[1:], used


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--strokes", type=int, default=10)
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "colorworker"]
    with tempfile.TemporaryDirectory() as folder:
        color = str(Path(folder) / "color")
        run = [*command, "colorize", str(arguments.picture), color]
        subprocess.run([*run, "--color-sources", "recolor"], check=True, capture_output=True)
        review = subprocess.Popen(
            [*command, "review", color],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            address = re.search(r"http://\S+", review.stdout.readline())[0]
            with sync_playwright() as driver:
                path = shutil.which("chromium") or shutil.which("google-chrome")
                browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(address)
                until(page, "document.querySelectorAll('#items button').length")
                times, used = measure(page, review.pid, arguments.strokes)
                browser.close()
        finally:
            review.send_signal(signal.SIGINT)
            review.wait(60)
    print(
        f"{arguments.strokes} strokes on {arguments.picture.name}, short side 256 for the network"
    )
    for name, values in (("time, ms", times), ("server CPU, ms", used)):
        print(f"{name:15} median {np.median(values):6.0f}   90th {np.percentile(values, 90):6.0f}")
    print(f"load average    {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
