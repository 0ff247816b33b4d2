"""Animations are refused by name, whatever format they have: one picture of many is no copy."""

import base64
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


# OpenImageIO needs 128 bytes to recognize the format.
JXL = base64.b64decode("/wpBBE0AICYIBAEAHABLGIsVggMACAQFADwASxiLFYBd1P8AGJKumvgD").ljust(128, b"\0")
"""Two pictures of 8 x 8, made with libjxl."""
JXL_BOXES = b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl "


@pytest.mark.parametrize(
    "data", [JXL, JXL_BOXES + b"\0\0\0\x88jxlc" + JXL], ids=["plain", "in boxes"]
)
def test_a_jpeg_xl_of_two_pictures_is_refused(data):
    with pytest.raises(SourceUnsupported, match=r"^reel: it is an animation \(JPEG XL\)\. Conv"):
        opened(data)


def test_an_avif_sequence_is_refused_as_an_animation():
    with pytest.raises(SourceUnsupported, match=r"^reel: it is an animation \(AVIF\)\. Convert"):
        opened(animation("AVIF", 2))


def test_a_single_avif_is_opened():
    assert opened(animation("AVIF", 1)) == (64, 48)
