"""How far random true hints improve colors: PSNR and CIEDE2000 by their number.

    python benchmarks/hints.py val-000.tar --pictures 100 --plot docs/images/hints.svg

Every picture is scaled to 256 x 256. Hints are squares of 7 x 7 pixels at random places, with the
mean true color of the square, as in Zhang 2017. More hints include the fewer ones. PSNR is of RGB
in 8 bits, CIEDE2000 the mean over pixels; both use the true lightness. `gray` is the same picture
without color.
"""

import argparse
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pyvips

from colorworker.color.knowncolors import KnownColors, apply_known_colors
from colorworker.evaluation.measures import compare, differences, lab_of, shown
from colorworker.model.colorizer import load_colorizer
from colorworker.model.weights import resolve

COUNTS = (0, 1, 2, 5, 10, 20, 50, 100)
SIDE = 256
HALF = 3


def pictures(path, count):
    """Yield (name, RGB) of evenly spaced pictures of a tar."""
    with tarfile.open(path) as tar:
        members = [each for each in tar.getmembers() if each.name.endswith((".jpg", ".png"))]
        for place in range(min(count, len(members))):
            member = members[place * len(members) // min(count, len(members))]
            image = pyvips.Image.new_from_buffer(tar.extractfile(member).read(), "")
            image = image.colourspace("srgb")[:3]
            scaled = image.resize(SIDE / image.width, vscale=SIDE / image.height, kernel="cubic")
            yield member.name, scaled.crop(0, 0, SIDE, SIDE).numpy()


def random_hints(name, chroma, count, seed):
    """Return `count` true hints; they depend on the picture's name and the seed only."""
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    places = random.integers(HALF, SIDE - HALF, (max(COUNTS), 2))[:count]
    ab, weight = np.zeros_like(chroma), np.zeros((SIDE, SIDE), np.float32)
    for row, column in places:
        square = np.s_[row - HALF : row + HALF + 1, column - HALF : column + HALF + 1]
        ab[square], weight[square] = chroma[square].mean((0, 1)), 1
    return KnownColors(ab, weight, "hint")


def measure(arguments):
    """Return scores by number of hints, and those of gray pictures."""
    colorizer = load_colorizer(resolve(arguments.model), threads=1)
    scores, gray = {count: [] for count in COUNTS}, []
    for number, (name, rgb) in enumerate(pictures(arguments.tar, arguments.pictures), 1):
        lab = lab_of(rgb)
        lightness, chroma = np.ascontiguousarray(lab[..., 0]), lab[..., 1:]
        (predicted,) = colorizer.predict(lightness[None])
        gray.append(score(lightness, np.zeros_like(chroma), chroma, rgb))
        for count in COUNTS:
            hints = random_hints(name, chroma, count, arguments.seed)
            ab = apply_known_colors(lightness, predicted, [hints])
            scores[count].append(score(lightness, ab, chroma, rgb))
        if number % 20 == 0:
            print(f"{number} pictures", flush=True)
    return scores, gray


def score(lightness, ab, chroma, rgb):
    """Return the scores of predicted colors."""
    colored = shown(lightness, ab)
    return compare(colored, chroma, rgb, differences(colored, lightness, chroma))


def row(name, scores, automatic):
    """Return a line of the table."""
    psnr = np.mean([each.psnr for each in scores])
    ciede = np.mean([each.ciede2000 for each in scores])
    error = np.std([each.ciede2000 for each in scores]) / len(scores) ** 0.5
    less = 1 - ciede / np.mean([each.ciede2000 for each in automatic])
    return f"| {name} | {psnr:.2f} | {ciede:.2f} +- {error:.2f} | {less:.0%} |"


def plot(scores, path):
    """Write the curves as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "colorworker"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    places = [count or 0.5 for count in COUNTS]
    other = axes.twinx()
    psnr = [np.mean([each.psnr for each in scores[count]]) for count in COUNTS]
    ciede = [np.mean([each.ciede2000 for each in scores[count]]) for count in COUNTS]
    (first,) = axes.plot(places, psnr, "o-", color="tab:blue", label="PSNR")
    (second,) = other.plot(places, ciede, "s--", color="tab:red", label="CIEDE2000")
    axes.set_xscale("log")
    axes.set_xticks(places, [str(count) for count in COUNTS])
    axes.minorticks_off()
    axes.set(xlabel="hints of 7 x 7 pixels", ylabel="PSNR, dB")
    other.set_ylabel("CIEDE2000 (lower is better)")
    axes.legend(handles=[first, second], loc="center right")
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tar", type=Path, help="tar of color pictures")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    scores, gray = measure(arguments)
    print("| hints | PSNR, dB | CIEDE2000 | less than automatic |\n|---|---|---|---|")
    for count in COUNTS:
        print(row(count, scores[count], scores[0]))
    print(row("gray", gray, scores[0]))
    if arguments.plot:
        plot(scores, arguments.plot)


if __name__ == "__main__":
    main()
