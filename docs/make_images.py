"""Make the pictures at the top of the README from a run of the program over docs/demo.

    python docs/make_images.py               # colorizes docs/demo into a temporary folder first
    python docs/make_images.py color-demo    # uses the outputs of an earlier run

Writes docs/images/demo.jpg (photographs, gray above color) and docs/images/demo.webp (the film,
gray beside color, every second frame). Both show what the default options give, unretouched.
"""

# ruff: noqa: T201, S603, TID253 - a script, not a part of the package.
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import pyvips

DOCS = Path(__file__).parent
DEMO, IMAGES = DOCS / "demo", DOCS / "images"
PHOTOGRAPHS = ("camera.jpg", "summer-palace.png", "chelsea.png", "rocket.jpg", "astronaut.tif")
FILM = "reels/big-buck-bunny.mp4"
PHOTOGRAPH_HEIGHT = 220
FILM_WIDTH, FILM_HEIGHT = 400, 225
GAP = 4
EVERY = 2
"""Frames of the film per frame of the animation."""
FRAME_MILLISECONDS = 80
WEBP_QUALITY = 62


def main() -> None:
    """Write both pictures and print their sizes."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        color = Path(sys.argv[1]) if len(sys.argv) > 1 else colorize(Path(name) / "color")
        photographs(color).write_to_file(str(IMAGES / "demo.jpg"), Q=85, strip=True)
        write_animation(color, IMAGES / "demo.webp")
    for path in sorted(IMAGES.glob("demo.*")):
        print(f"{path.relative_to(DOCS)}: {path.stat().st_size / 1e6:.2f} MB")


def colorize(color: Path) -> Path:
    """Run the program over the demo and return the folder of the outputs."""
    command = [sys.executable, "-m", "colorworker", "colorize", str(DEMO), str(color)]
    subprocess.run([*command, "--quiet"], check=True, stdout=sys.stderr)
    return color


def photographs(color: Path) -> pyvips.Image:
    """Return the photographs side by side, gray above color."""
    pairs = [
        small(DEMO / "photographs" / name).join(
            small(color / "photographs" / name), "vertical", shim=GAP, background=255
        )
        for name in PHOTOGRAPHS
    ]
    joined = pairs[0]
    for pair in pairs[1:]:
        joined = joined.join(pair, "horizontal", shim=GAP, background=255)
    return joined


def small(path: Path) -> pyvips.Image:
    """Return a picture in 8-bit sRGB at the common height."""
    picture = pyvips.Image.thumbnail(str(path), 10_000, height=PHOTOGRAPH_HEIGHT)
    return picture.colourspace("srgb").cast("uchar").extract_band(0, n=3).copy_memory()


def write_animation(color: Path, path: Path) -> None:
    """Write the film, gray on the left and in color on the right, as an animated WebP."""
    frames = [
        gray.join(colored, "horizontal", shim=GAP, background=255)
        for gray, colored in zip(film_frames(DEMO / FILM), film_frames(color / FILM), strict=True)
    ]
    strip = pyvips.Image.arrayjoin(frames, across=1).copy()
    strip.set_type(pyvips.GValue.gint_type, "page-height", FILM_HEIGHT)
    strip.set_type(pyvips.GValue.array_int_type, "delay", [FRAME_MILLISECONDS] * len(frames))
    strip.write_to_file(str(path), Q=WEBP_QUALITY, effort=6)


def film_frames(path: Path) -> Iterator[pyvips.Image]:
    """Yield every second frame, small, as 8-bit RGB."""
    with av.open(str(path)) as film:
        for index, frame in enumerate(film.decode(video=0)):
            if index % EVERY == 0:
                rgb = frame.reformat(FILM_WIDTH, FILM_HEIGHT, "rgb24").to_ndarray()
                yield pyvips.Image.new_from_array(rgb).copy(interpretation="srgb")


if __name__ == "__main__":
    main()
