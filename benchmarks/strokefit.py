"""Fit the likelihood of strokefill.py to objects of photographs, and measure strokes on others.

    python benchmarks/strokefit.py --train SHARD.tar... --test SHARD.tar... [--objects N]

Shards are tar files of color pictures. Objects are found by felzenszwalb on the true colors: even
in color, of 1.5 to 45 % of the picture, and bordered by other colors for at least 60 % of their
border. Each gets one straight stroke inside it. `inside` is the share of the object that is filled,
`outside` the filled area elsewhere, as a share of the object's; what has the object's color counts
as neither, and so do pixels within 2 of the border. The weights printed are strokefill.py's.
"""

import argparse
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
from skimage.segmentation import felzenszwalb

from colorworker.color.lab import lab_from_linear_rgb, srgb_to_linear
from colorworker.media.strokefill import StrokeFiller
from colorworker.model.colorizer import load_colorizer
from colorworker.model.weights import resolve
from colorworker.pipeline.givencolors import stroke_filler

SIDE = 150
"""Smaller pictures are left out, and so are those that the network sees longer than MOST."""
MOST = 448
PER_PICTURE = 2
CELLS = 300
"""Cells of each object and of its surroundings that count in a fit."""
RIDGE = 1.0


@dataclass
class Drawn:
    """An object of a picture with a stroke in it, at the network's size."""

    filler: StrokeFiller
    stroke: np.ndarray
    inside: np.ndarray
    like: np.ndarray
    """Pixels of nearly the object's color."""


def pictures(path: str, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the pictures of a shard as RGB codes, in random order."""
    with tarfile.open(path) as shard:
        members = [m for m in shard if m.name.lower().endswith((".jpg", ".jpeg", ".png", ".webp"))]
        for index in random.permutation(len(members)):
            data = np.frombuffer(shard.extractfile(members[index]).read(), np.uint8)
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
            if picture is not None and min(picture.shape[:2]) >= SIDE:
                yield picture[..., ::-1]


def drawn_objects(lab, filler, random) -> Iterator[Drawn]:
    """Yield the objects of a true picture."""
    height, width = lab.shape[:2]
    halved = np.dstack([lab[..., 0] / 2, lab[..., 1:]]) / 100
    labels = felzenszwalb(halved, scale=300, sigma=0.8, min_size=int(0.01 * height * width))
    for number in random.permutation(labels.max() + 1):
        inside = labels == number
        if not 0.015 < inside.mean() < 0.45:
            continue
        color = lab[inside][:, 1:].mean(0)
        distance = np.linalg.norm(lab[..., 1:] - color, axis=-1)
        mask = inside.astype(np.uint8)
        around = cv2.dilate(mask, np.ones((13, 13))) > cv2.dilate(mask, np.ones((5, 5)))
        is_even = np.sqrt((distance[inside] ** 2).mean()) <= 8
        if not is_even or around.sum() < 50 or (distance[around] > 10).mean() < 0.6:
            continue
        stroke = stroke_in(mask, random)
        if stroke is not None:
            yield Drawn(filler, stroke, inside, distance < 10)


def stroke_in(mask, random):
    """Return a straight line well inside an object, of any length; None: there is none."""
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    inner = np.argwhere(depth > max(4, 0.35 * depth.max()))[:, ::-1]
    for first, second in inner[random.integers(len(inner), size=(60, 2))] if len(inner) else ():
        line = np.zeros_like(mask)
        cv2.line(line, first.tolist(), second.tolist(), 1, 5)
        if line.sum() >= 60 and mask[line > 0].mean() > 0.99:
            return line > 0
    return None


def objects(paths, colorizer, wanted) -> Iterator[Drawn]:
    """Yield about `wanted` objects, from all shards alike."""
    random = np.random.default_rng(7)
    for path in paths:
        count = 0
        for rgb in pictures(path, random):
            if count >= wanted / len(paths):
                break
            height, width = colorizer.working_shape(*rgb.shape[:2])
            if max(height, width) > MOST:
                continue
            scaled = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
            lab = lab_from_linear_rgb(srgb_to_linear(scaled / np.float32(255)))
            filler = stroke_filler(np.ascontiguousarray(lab[..., 0]), colorizer)
            for drawn in islice(drawn_objects(lab, filler, random), PER_PICTURE):
                count += 1
                yield drawn


def cells(drawn, random):
    """Return traits and truth of some cells of an object and of what surrounds it."""
    traits = drawn.filler.traits(drawn.stroke)
    size = traits.shape[1::-1]
    inside, like, under = (
        cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA).ravel()
        for mask in (drawn.inside, drawn.like, drawn.stroke)
    )
    traits = traits.reshape(len(inside), -1)
    for truth, places in (
        (1, (inside > 0.95) & (under < 0.2)),
        (0, (inside < 0.05) & (like < 0.2)),
    ):
        taken = np.flatnonzero(places)
        taken = random.permutation(taken)[:CELLS]
        yield traits[taken], np.full(len(taken), truth)


def logistic(traits, truth):
    """Return weights and offset of a logistic regression, by Newton's method."""
    mean, deviation = traits.mean(0), traits.std(0) + 1e-6
    x = np.column_stack([(traits - mean) / deviation, np.ones(len(traits))])
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        share = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (share - truth) + RIDGE * weights
        hessian = (x * (share * (1 - share))[:, None]).T @ x + RIDGE * np.eye(len(weights))
        weights -= np.linalg.solve(hessian, gradient)
    scaled = weights[:-1] / deviation
    right = ((x @ weights > 0) == truth).mean()
    return scaled, weights[-1] - mean @ scaled, right


def fit(drawn):
    """Print the weights, with what the network sees and with luma only."""
    random = np.random.default_rng(0)
    parts = [part for each in drawn for part in cells(each, random)]
    traits = np.concatenate([part[0] for part in parts]).astype(np.float64)
    truth = np.concatenate([part[1] for part in parts])
    for name, columns in (("_SEEN", slice(None)), ("_LUMA", slice(3, None))):
        weights, offset, right = logistic(traits[:, columns], truth)
        print(f"{name}_WEIGHTS = ({', '.join(f'{weight:.3g}' for weight in weights)})")
        print(f"{name}_OFFSET = {offset:.3g}  # {right:.1%} of {len(truth)} cells right")


def measure(drawn):
    """Print what the strokes fill."""
    kernel = np.ones((5, 5), np.uint8)
    for name in ("with what the network sees", "with luma only"):
        shares = []
        for each in drawn:
            filler = each.filler
            if name == "with luma only":
                filler = StrokeFiller(filler.lightness)
            filled = filler.fill(each.stroke)
            mask = each.inside.astype(np.uint8)
            inner, outer = cv2.erode(mask, kernel) > 0, cv2.dilate(mask, kernel) == 0
            outside = filled[outer & ~each.like].sum() / mask.sum()
            shares.append((filled[inner].mean(), outside))
        inside, outside = np.array(shares).T
        good = (inside >= 0.9) & (outside < 0.05)
        print(
            f"{name}: {len(shares)} objects, inside {np.median(inside):.1%} (mean"
            f" {inside.mean():.1%}), outside {np.median(outside):.1%} (mean {outside.mean():.1%}),"
            f" at least 90 % and below 5 %: {good.mean():.0%}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", nargs="*", default=[])
    parser.add_argument("--test", nargs="*", default=[])
    parser.add_argument("--objects", type=int, default=120, help="objects of each set, about")
    arguments = parser.parse_args()
    colorizer = load_colorizer(resolve("lite"), threads=2)
    if arguments.train:
        fit(objects(arguments.train, colorizer, arguments.objects))
    if arguments.test:
        measure(list(objects(arguments.test, colorizer, arguments.objects)))


if __name__ == "__main__":
    main()
