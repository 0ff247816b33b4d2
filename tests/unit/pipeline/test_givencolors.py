"""Pictures with hints: the colors that people chose are in the output, at their places."""

import json
import re
import struct
import zlib

import numpy as np
import pytest
import pyvips

from colorworker.domain.hints import InputFile
from colorworker.domain.options import Asset, Options
from colorworker.domain.units import still
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.stillbatch import color_batch
from colorworker.store.memory import MemoryStore
from tests.jobharness import TOY_MODEL
from tests.toycolorizer import ToyColorizer

HEIGHT, WIDTH = 240, 360


def gray_picture():
    """Return a bright rectangle (rows 60 to 180, columns 90 to 270) on a darker ground."""
    picture = np.full((HEIGHT, WIDTH), 80, np.uint8)
    picture[60:180, 90:270] = 170
    return picture


def png(array, **options):
    image = pyvips.Image.new_from_array(array)
    if array.ndim == 3:
        image = image.copy(interpretation="srgb")
    return bytes(image.write_to_buffer(".png", **options))


def colored(hints=b"", overlay=b"", picture=None):
    """Return the (result, RGB) of a picture with hints."""
    source, destination = MemoryStore("source"), MemoryStore("destination")
    source.put("a.png", png(gray_picture()) if picture is None else picture)
    files = []
    for key, data in (("a.hints.png", overlay), ("a.hints.json", hints)):
        if data:
            info = source.put(key, data)
            files.append(InputFile(source.uri, key, info.etag, info.size_bytes))
    info = source.head("a.png")
    asset = Asset(source.uri, "a.png", "still", info.size_bytes, info.etag)
    unit = still(asset, "a.png", Options(hint_files=tuple(files)), TOY_MODEL)
    context = WorkerContext(
        destination, lambda _: source, lambda _: ToyColorizer(), TOY_MODEL, "test"
    )
    (result,) = color_batch(context, [unit], 1)
    if result.outcome != "succeeded":
        return result, None
    return result, pyvips.Image.new_from_buffer(destination.get("a.png"), "").numpy().astype(int)


def test_a_stroke_colors_its_object_and_nothing_else():
    _, plain = colored()

    result, rgb = colored(
        json.dumps([{"points": [[150, 120], [210, 130]], "color": "#a03030", "radius": 8}]).encode()
    )

    body, ground = rgb[70:170, 100:260], np.ones((HEIGHT, WIDTH), bool)
    ground[45:195, 75:285] = False
    assert result.outcome == "succeeded"
    assert (body[..., 0] - body[..., 1]).min() > 50
    assert np.abs(rgb[ground] - plain[ground]).max() <= 1


def test_a_point_has_its_own_color_and_gray_is_kept_gray():
    _, rgb = colored(
        json.dumps(
            [
                {"x": 180, "y": 120, "color": "#3050c0", "radius": 12},
                {"x": 40, "y": 30, "color": "gray", "radius": 12},
            ]
        ).encode()
    )

    assert rgb[120, 180, 2] - rgb[120, 180, 0] > 50
    assert np.ptp(rgb[30, 40]) <= 2


def test_a_painted_overlay_colors_its_object():
    painted = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    painted[110:125, 130:220] = (30, 160, 60, 255)

    _, rgb = colored(overlay=png(painted))

    body = rgb[70:170, 100:260]
    assert (body[..., 1] - body[..., 0]).min() > 40


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hints": b"[1"}, "a.hints.json: is not valid JSON"),
        ({"hints": b'[{"x": 360, "y": 0, "color": "gray"}]'}, "a.hints.json: hint 1 at .* outside"),
        ({"hints": b'{"version": 9}'}, "a.hints.json: has version 9"),
        ({"overlay": png(np.zeros((9, 9, 4), np.uint8))}, "a.hints.png: is 9 x 9 pixels"),
        ({"overlay": png(np.zeros((HEIGHT, WIDTH, 3), np.uint8))}, "a.hints.png: .*transparency"),
        ({"overlay": b"no picture"}, "a.hints.png: "),
        ({"overlay": png(np.zeros((HEIGHT, WIDTH, 4), np.uint8))[:90]}, "a.hints.png: "),
    ],
)
def test_hints_that_cannot_be_used_fail_their_picture_by_name(given, message):
    result, _ = colored(**given)

    assert (result.outcome, result.error_code) == ("failed", "hints_refused")
    assert re.search(message, result.error)


def test_a_huge_overlay_is_refused_by_its_header():
    small = png(np.zeros((9, 9, 4), np.uint8))
    header = b"IHDR" + struct.pack(">II", 40_000, 40_000) + small[24:29]
    huge = small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:]
    huge += bytes(200_000)  # with fewer, the header alone would be refused

    result, _ = colored(overlay=huge)

    assert "a.hints.png: is 40000 x 40000 pixels, the picture 360 x 240" in result.error
