"""Animations are refused by name, whatever format they have: one picture of many is no copy."""

import io

import numpy as np
import pytest
from PIL import Image

from colorworker.errors import SourceUnsupported
from colorworker.media.stills.vips import open_still


def animation(format_name, frames):
    rows, columns = np.mgrid[0:48, 0:64]
    pictures = [
        Image.fromarray(((rows * 2 + columns * 3 + 40 * index) % 256).astype(np.uint8))
        for index in range(frames)
    ]
    made = io.BytesIO()
    pictures[0].save(
        made, format_name, save_all=True, append_images=pictures[1:], duration=100, lossless=True
    )
    return made.getvalue()


def opened(data):
    with open_still(io.BytesIO(data), "reel", max_pixels=10**6) as picture:
        return picture.info.width, picture.info.height


@pytest.mark.parametrize("format_name", ["PNG", "GIF", "WEBP"])
def test_animations_are_refused_by_name(format_name):
    with pytest.raises(SourceUnsupported) as raised:
        opened(animation(format_name, 5))

    said = "reel: it is an animation of 5 pictures. Convert it to a film first."
    assert str(raised.value) == said


@pytest.mark.parametrize("format_name", ["PNG", "GIF", "WEBP"])
def test_single_pictures_of_these_formats_are_opened(format_name):
    assert opened(animation(format_name, 1)) == (64, 48)
