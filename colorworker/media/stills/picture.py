"""A still opened with libvips: its header, its small L*a*b* proxy and its pixels."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Literal

import numpy as np
import pyvips

from colorworker.color.lab import Floats
from colorworker.color.resize import interpolate_bilinear
from colorworker.errors import SourceTooLarge, SourceUnsupported
from colorworker.media.stills.colorspace import (
    ColorConversion,
    choose_conversion,
    without_profile,
)
from colorworker.media.stills.icc import has_lookup_table
from colorworker.media.stills.lightness import can_convert, lab_from_codes, lightness_from_codes
from colorworker.media.stills.loaders import (
    ImageSource,
    check_content,
    decode_errors,
    open_image,
)
from colorworker.media.stills.metadata import ICC_FIELD, exif_orientation, icc_profile
from colorworker.media.stills.orientation import upright
from colorworker.media.stills.port import StillHeader

_DEPTHS: dict[str, Literal[8, 16]] = {"uchar": 8, "ushort": 16}
_TONES = frozenset(("b-w", "grey16", "srgb", "rgb", "rgb16", "cmyk", "multiband"))
"""Supported libvips interpretations."""


@dataclass(frozen=True)
class VipsPicture:
    """A still open for reading; implements `port.StillPicture`."""

    key: str
    info: StillHeader
    conversion: ColorConversion
    image_source: ImageSource

    @property
    def warnings(self) -> list[str]:
        """See `port.StillPicture`."""
        return self.image_source.warnings

    def proxy(self, height: int, width: int) -> Floats:
        """See `port.StillPicture`."""
        stored = (width, height) if self.info.orientation >= 5 else (height, width)
        with decode_errors(self.image_source):
            codes, _ = split_alpha(read_pixels(self))
            lab = small_lab(codes, self.conversion, *stored)
        return upright(lab, self.info.orientation)


def small_lab(codes: pyvips.Image, conversion: ColorConversion, height: int, width: int) -> Floats:
    """Return the L*a*b* of color bands (without alpha) at another size, (height, width, 3)."""
    across, down = min(1.0, width / codes.width), min(1.0, height / codes.height)
    small = codes.resize(across, vscale=down, kernel="linear")
    lab = np.asarray(lab_from_codes(small, conversion).numpy(), np.float32)
    # A picture smaller than its proxy is enlarged here, because resize() would shift it.
    return interpolate_bilinear(lab, height, width)


@contextmanager
def open_still(reader: BinaryIO, key: str, *, max_pixels: int) -> Iterator[VipsPicture]:
    """See `port.StillsBackend`."""
    image_source = ImageSource(reader, key)
    try:
        image, loader = open_image(image_source)
        _check_header(image, key, max_pixels)
        check_content(image_source)
        how = _conversion(image, image_source)
        info = StillHeader(
            image.width,
            image.height,
            _DEPTHS[image.format],
            bool(image.hasalpha()),
            exif_orientation(image),
            loader,
            "kept" if how.keeps_profile else "replaced" if how.embeds_srgb else "none",
        )
        del image
        yield VipsPicture(key, info, how, image_source)
    finally:
        image_source.close()


def read_lightness(picture: VipsPicture) -> pyvips.Image:
    """Return the picture's L*, which can be read once, from top to bottom."""
    codes, _ = split_alpha(read_pixels(picture))
    return lightness_from_codes(codes, picture.conversion)


def read_pixels(picture: VipsPicture) -> pyvips.Image:
    """Return the picture from its loader, which can be read once, from top to bottom."""
    return open_image(picture.image_source)[0]


def split_alpha(image: pyvips.Image) -> tuple[pyvips.Image, pyvips.Image | None]:
    """Return the color bands and the alpha band; None if there is no alpha."""
    if not image.hasalpha():
        return image, None
    last = image.bands - 1
    return image.extract_band(0, n=last), image.extract_band(last)


def _conversion(image: pyvips.Image, image_source: ImageSource) -> ColorConversion:
    """Return the conversion for the picture; warn if its profile cannot be used."""
    profile = icc_profile(image)
    color_bands = image.bands - int(image.hasalpha())
    conversion = choose_conversion(profile, color_bands)
    if profile is None:
        return conversion
    # Without a table, libvips takes its own CMYK profile instead, and does not say so.
    lacks_table = color_bands == 4 and not has_lookup_table(profile)
    if conversion.source is None and (lacks_table or not can_convert(_one_pixel(image))):
        conversion = without_profile(color_bands)
    if conversion.ignores_profile:
        image_source.warnings.append(
            "its ICC profile is damaged or does not fit its pixels: ignored, not kept"
        )
    return conversion


def _one_pixel(image: pyvips.Image) -> pyvips.Image:
    """Return a black pixel with the picture's bands and profile."""
    pixel = pyvips.Image.black(1, 1, bands=image.bands - int(image.hasalpha())).cast(image.format)
    pixel = pixel.copy(interpretation=image.interpretation)
    pixel.set_type(pyvips.GValue.blob_type, ICC_FIELD, image.get(ICC_FIELD))
    return pixel


def _check_header(image: pyvips.Image, key: str, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise SourceTooLarge(
            key,
            f"its header declares {image.width} x {image.height} pixels, {max_pixels} are allowed",
            "Raise COLORWORKER_MEDIA__MAX_PIXELS if you trust it",
        )
    pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
    if pages > 1:
        raise SourceUnsupported(
            key, f"it has {pages} pages; only single pictures are colored", "Split it first"
        )
    if image.format not in _DEPTHS or image.interpretation not in _TONES:
        raise SourceUnsupported(
            key,
            f"its pixels are {image.format} {image.interpretation}, not gray, RGB or CMYK of 8 or"
            " 16 bits",
            "Convert it to 16-bit gray first",
        )
    if image.bands - int(image.hasalpha()) not in (1, 3, 4):
        raise SourceUnsupported(
            key, f"its {image.bands} bands are not gray, RGB or CMYK", "Convert it first"
        )
