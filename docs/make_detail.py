"""Measure --detail on 20 photographs, and make docs/images/detail.jpg of parts of them.

    git clone https://github.com/drewnoakes/metadata-extractor-images
    python docs/make_detail.py metadata-extractor-images/jpg [COLORIZED]

The photographs have 2,048 to 4,128 pixels and show people or objects that are small in them. All
are colorized once with every value of --detail, unretouched, into COLORIZED if that is given; an
earlier run in that folder is used again. Prints the table of docs/scans.md: CIEDE2000 to the
original where the short side has 1,024 pixels, and seconds of CPU of the whole job per photograph.
The sheet has two photographs in a row, each as the original, 1 and 4.
"""

# ruff: noqa: T201, S603, TID253 - a script, not a part of the package.
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pyvips

PARTS = {
    "Canon EOS 350D": (280, 520, 960),
    "Canon IXUS 750": (2210, 1560, 860),
    "Canon PowerShot A70": (640, 420, 1000),
    "Canon PowerShot G2 (2)": (700, 640, 1200),
    "Canon PowerShot S40 (1)": (1290, 450, 960),
    "Canon PowerShot SD850 IS": (1500, 480, 1000),
    "HTC TyTN II": (820, 880, 850),
    "Issue 525": (820, 900, 1900),
    "Kodak DX4900 Zoom": (1030, 480, 1000),
    "Minolta DiMAGE 7": (1270, 1010, 650),
    "Minolta DiMAGE 7Hi": (1050, 340, 1000),
    "Minolta DiMAGE A1": (840, 700, 900),
    "Nikon E5700": (0, 1850, 940),
    "Nikon E995 (iptc)": (330, 700, 800),
    "Panasonic DMC-FZ18": (600, 800, 1400),
    "Panasonic FZ5": (1150, 330, 1200),
    "Pentax Optio 430": (700, 660, 800),
    "Samsung SM-N900A (Galaxy Note 3)": (1370, 460, 1500),
    "Sony DSC-G1": (1560, 1300, 1050),
    "Sony DSC-T5": (560, 940, 700),
}
"""Left, top and width of the part shown, in pixels of the upright photograph; 4:3."""
VALUES = ("1", "2", "4")
SHOWN = ("1", "4")
WIDTH, HEIGHT = 224, 168
GAP = 3
ACROSS = 6
QUALITY = 54
SIDE = 1024
"""Pixels on the short side at which pictures are compared."""
SURROUNDINGS = 24
"""Standard deviation of the blur that gives the mean color of the surroundings, in pixels."""
APART = 12
"""Distance of a*b* from that mean above which a pixel belongs to a small colored thing."""


def main() -> None:
    """Colorize the photographs, print the table, write the sheet and print its size."""
    photographs = [Path(sys.argv[1]).resolve() / f"{name}.jpg" for name in PARTS]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(sys.argv[2] if len(sys.argv) > 2 else folder)
        seconds = {value: colorize(photographs, out / value, value) for value in VALUES}
        print_table(photographs, out, seconds)
        write_sheet(photographs, out)


def colorize(photographs: list[Path], out: Path, detail: str) -> float:
    """Colorize the photographs into a folder; return seconds of CPU per photograph."""
    took = out.with_suffix(".json")
    if not took.exists():
        command = [sys.executable, "-m", "colorworker", "colorize", *map(str, photographs)]
        options = ["--color-sources", "recolor", "--detail", detail, "--quiet"]
        subprocess.run([*command, str(out), *options], check=True, stdout=sys.stderr)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        before = sum(json.loads(each.read_text()) for each in out.parent.glob("[0-9].json"))
        took.write_text(json.dumps(used.ru_utime + used.ru_stime - before))
    return json.loads(took.read_text()) / len(photographs)


def print_table(photographs: list[Path], out: Path, seconds: dict[str, float]) -> None:
    """Print the differences for each photograph, and a row of means for each value."""
    differences: dict[str, list[tuple[float, float]]] = {value: [] for value in VALUES}
    for photograph in photographs:
        truth = lab(photograph)
        small = small_things(truth)
        for value, pairs in differences.items():
            pairs.append(compare(truth, small, out / value / photograph.name))
        numbers = (f"{pairs[-1][0]:.2f} {pairs[-1][1]:.2f}" for pairs in differences.values())
        print(f"{photograph.stem:34s}", "   ".join(numbers), flush=True)
    print("| `--detail` | all pixels | small colored things | seconds of CPU |")
    print("|--:|--:|--:|--:|")
    for value, pairs in differences.items():
        whole, small = (sum(numbers) / len(pairs) for numbers in zip(*pairs, strict=True))
        print(f"| {value} | {whole:.2f} | {small:.2f} | {seconds[value]:.1f} |")


def small_things(truth: pyvips.Image) -> pyvips.Image:
    """Return 1 where a pixel belongs to a small colored thing, else 0."""
    chroma = truth.extract_band(1, n=2)
    apart = (chroma - chroma.gaussblur(SURROUNDINGS)) ** 2
    return (apart[0] + apart[1] > APART**2).ifthenelse(1.0, 0.0).copy_memory()


def compare(truth: pyvips.Image, small: pyvips.Image, colorized: Path) -> tuple[float, float]:
    """Return the mean CIEDE2000 over all pixels, and over small colored things."""
    difference = truth.dE00(lab(colorized)).copy_memory()
    return difference.avg(), (difference * small).avg() / small.avg()


def lab(picture: Path) -> pyvips.Image:
    """Return a picture as CIELab, its short side `SIDE` pixels."""
    header = pyvips.Image.new_from_file(str(picture)).autorot()
    scale = SIDE / min(header.width, header.height)
    small = pyvips.Image.thumbnail(
        str(picture),
        round(header.width * scale),
        height=round(header.height * scale),
        size="force",
        export_profile="srgb",
    )
    return small.extract_band(0, n=3).colourspace("lab").copy_memory()


def write_sheet(photographs: list[Path], out: Path) -> None:
    """Write the parts of all photographs, and print the size of the file."""
    cells = []
    for photograph in photographs:
        place = PARTS[photograph.stem]
        pictures = (photograph, *(out / value / photograph.name for value in SHOWN))
        cells += [part(picture, *place) for picture in pictures]
    sheet = pyvips.Image.arrayjoin(cells, across=ACROSS, shim=GAP, background=255)
    path = Path(__file__).parent / "images" / "detail.jpg"
    sheet.write_to_file(str(path), Q=QUALITY, optimize_coding=True, strip=True)
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


def part(picture: Path, left: int, top: int, width: int) -> pyvips.Image:
    """Return a part of a picture, small, in 8-bit sRGB."""
    whole = pyvips.Image.new_from_file(str(picture)).autorot()
    cut = whole.colourspace("srgb").extract_band(0, n=3).crop(left, top, width, width * 3 // 4)
    return cut.thumbnail_image(WIDTH, height=HEIGHT, size="force").cast("uchar").copy_memory()


if __name__ == "__main__":
    main()
