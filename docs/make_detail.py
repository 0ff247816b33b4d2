"""Make docs/images/detail.jpg: parts of a large photograph with every value of --detail.

    python docs/make_detail.py PHOTOGRAPH

PHOTOGRAPH is examples/scaledown/test.jpg of https://github.com/image-rs/image (4032 x 3024 pixels).
It is colorized three times, unretouched. The columns are the original, 1, 2 and 4.
"""

# ruff: noqa: T201, S603, TID253 - a script, not a part of the package.
import subprocess
import sys
import tempfile
from pathlib import Path

import pyvips

PARTS = ((1700, 1650), (2500, 1720), (950, 60))
"""Left and top of the parts shown, in pixels of the photograph."""
WIDTH, HEIGHT = 900, 660
SHOWN = 1 / 3
GAP = 4
VALUES = ("1", "2", "4")


def main() -> None:
    """Colorize the photograph, write the sheet and print its size."""
    photograph = Path(sys.argv[1]).resolve()
    out = Path(__file__).parent / "images" / "detail.jpg"
    with tempfile.TemporaryDirectory() as name:
        pictures = [
            photograph,
            *(colorized(photograph, Path(name) / each, each) for each in VALUES),
        ]
        cells = [part(picture, *place) for place in PARTS for picture in pictures]
        sheet = pyvips.Image.arrayjoin(cells, across=len(pictures), shim=GAP, background=255)
        sheet.write_to_file(str(out), Q=82, strip=True)
    print(f"{out.name}: {out.stat().st_size / 1e3:.0f} kB")


def colorized(photograph: Path, color: Path, detail: str) -> Path:
    """Colorize the photograph into a folder and return the output."""
    command = [sys.executable, "-m", "colorworker", "colorize", str(photograph), str(color)]
    options = ["--color-sources", "recolor", "--detail", detail, "--quiet"]
    subprocess.run([*command, *options], check=True, stdout=sys.stderr)
    return color / photograph.name


def part(picture: Path, left: int, top: int) -> pyvips.Image:
    """Return a part of a picture, small, in 8-bit sRGB."""
    whole = pyvips.Image.new_from_file(str(picture)).colourspace("srgb").extract_band(0, n=3)
    return whole.crop(left, top, WIDTH, HEIGHT).resize(SHOWN).cast("uchar").copy_memory()


if __name__ == "__main__":
    main()
