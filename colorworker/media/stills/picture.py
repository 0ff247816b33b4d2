"""A still opened with libvips: its header, its small L*a*b* proxy and its pixels."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import pyvips

from colorworker.color.lab import Floats
from colorworker.color.resize import interpolate_bilinear
from colorworker.domain.notes import Note
from colorworker.errors import SourceUnsupported
from colorworker.media.stills.colorspace import (
    ColorConversion,
    choose_conversion,
    conversion_from_chunks,
    from_lab,
    linear_light,
    without_profile,
)
from colorworker.media.stills.decoded import check_pixels
from colorworker.media.stills.findpicture import check_content, find_picture, refuse_animation
from colorworker.media.stills.icc import has_lookup_table
from colorworker.media.stills.imagesource import ImageSource, size_of
from colorworker.media.stills.jpegcheck import BAD_PROFILE
from colorworker.media.stills.lightness import can_convert, lab_from_codes, lightness_from_codes
from colorworker.media.stills.loaders import decode_errors, open_image
from colorworker.media.stills.metadata import ICC_FIELD, exif_orientation, icc_profile
from colorworker.media.stills.orientation import upright
from colorworker.media.stills.port import ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA, StillHeader

_DEPTHS: dict[str, Literal[8, 16, 32]] = {"uchar": 8, "ushort": 16, "float": 32}
_TONES = frozenset(("b-w", "grey16", "srgb", "rgb", "rgb16", "scrgb", "lab", "cmyk", "multiband"))
"""Supported libvips interpretations."""
_CMYK = 4
_GENERIC_INKS = Note("it is CMYK without a profile; its inks are read as those of a generic press")


@dataclass(frozen=True)
class VipsPicture:
    """A still open for reading; implements `port.StillPicture`."""

    key: str
    info: StillHeader
    conversion: ColorConversion
    image_source: ImageSource
    is_negative: bool = False
    """Whether its lightness is read inverted; see `positive`."""

    @property
    def is_bilevel(self) -> bool:
        """See `port.StillPicture`."""
        return self.image_source.is_bilevel

    @property
    def warnings(self) -> list[str]:
        """See `port.StillPicture`."""
        return self.image_source.warnings

    def proxy(self, height: int, width: int) -> Floats:
        """See `port.StillPicture`."""
        stored = (width, height) if self.info.orientation >= 5 else (height, width)
        with decode_errors(self.image_source):
            codes, _ = split_bands(self, read_pixels(self))
            lab = small_lab(codes, self.conversion, *stored)
        space = self.conversion.source
        if space and not space.has_limits:
            # The network knows no light brighter than white.
            lab[..., 0] = lab[..., 0].clip(0, 100)
        lab = upright(lab, self.info.orientation)
        return positive(lab) if self.is_negative else lab


def positive(lab: Floats) -> Floats:
    """Return the positive of a black-and-white negative: L* is 100 - L*, the base's color is gone.

    Args:
        lab: L*a*b*, (h, w, 3).
    """
    inverted = np.zeros_like(lab)
    inverted[..., 0] = 100 - lab[..., 0]
    return inverted


def small_lab(codes: pyvips.Image, conversion: ColorConversion, height: int, width: int) -> Floats:
    """Return the L*a*b* of color bands (without alpha) at another size, (height, width, 3)."""
    across, down = min(1.0, width / codes.width), min(1.0, height / codes.height)
    small = codes.resize(across, vscale=down, kernel="linear")
    lab = np.asarray(lab_from_codes(small, conversion).numpy(), np.float32)
    # A picture smaller than its proxy is enlarged here, because resize() would shift it.
    return interpolate_bilinear(lab, height, width)


@contextmanager
def open_still(
    reader: BinaryIO, key: str, *, max_pixels: int, scratch: Path | None = None, page: int = 0
) -> Iterator[VipsPicture]:
    """See `port.StillsBackend`."""
    image_source = ImageSource(reader, key)
    try:
        find_picture(image_source, max_pixels, scratch, page)
        image, loader = open_image(image_source)
        color_bands = _color_bands(image, image_source)
        _check_header(image, loader, image_source, max_pixels, color_bands)
        check_content(image_source, image.width * image.height)
        how = _conversion(image, image_source, color_bands)
        extra = _extra_samples(image, image_source, color_bands)
        info = StillHeader(
            image.width,
            image.height,
            16 if image.interpretation == "lab" else _DEPTHS[image.format],
            extra,
            exif_orientation(image),
            loader,
            color_bands,
            "kept" if how.keeps_profile else "replaced" if how.embeds_profile else "none",
            image_source.page.pictures if image_source.page else 1,
        )
        image_source.is_bilevel = _is_bilevel(image, image_source)
        del image
        yield VipsPicture(key, info, how, image_source)
    finally:
        image_source.close()


def read_lightness(picture: VipsPicture) -> pyvips.Image:
    """Return the picture's L*, which can be read once, from top to bottom."""
    codes, _ = split_bands(picture, read_pixels(picture))
    return lightness_of(picture, codes, picture.conversion)


def lightness_of(
    picture: VipsPicture, codes: pyvips.Image, conversion: ColorConversion
) -> pyvips.Image:
    """Return L* in [0, 100] for a picture's color bands, that of the positive for a negative."""
    lightness = lightness_from_codes(codes, conversion)
    if not picture.is_negative:
        return lightness
    # Light brighter than white, which only floats have, becomes black.
    return (lightness > 100).ifthenelse(0, 100 - lightness)


def read_pixels(picture: VipsPicture) -> pyvips.Image:
    """Return the picture from its loader, which can be read once, from top to bottom."""
    return open_image(picture.image_source)[0]


def split_bands(
    picture: VipsPicture, image: pyvips.Image
) -> tuple[pyvips.Image, pyvips.Image | None]:
    """Return the bands of color and the other ones, such as transparency; None if there are none.

    Args:
        picture: The picture.
        image: Its pixels.
    """
    color_bands, extra = picture.info.color_bands, len(picture.info.extra_samples)
    if image.bands == color_bands:
        return image, None
    codes = image.extract_band(0, n=color_bands)
    return codes, image.extract_band(color_bands, n=extra) if extra else None


def _color_bands(image: pyvips.Image, image_source: ImageSource) -> int:
    """Return the number of bands before transparency and other extra samples."""
    if image_source.decoded:
        return image_source.decoded.layout.color_bands
    declared = image_source.page.directory.color_bands if image_source.page else 0
    if 0 < declared <= image.bands:
        return declared
    return int(image.bands) - int(image.hasalpha())


def _extra_samples(
    image: pyvips.Image, image_source: ImageSource, color_bands: int
) -> tuple[int, ...]:
    """Return what the bands after color mean, as TIFF's ExtraSamples."""
    if image_source.decoded:
        return image_source.decoded.layout.extra_samples
    if image_source.page and image_source.page.directory.color_bands == color_bands:
        # libvips adds transparency to some TIFFs that have none.
        kinds = image_source.page.directory.extra_samples[: int(image.bands) - color_bands]
        # libvips divides colors by associated alpha.
        return tuple(UNASSOCIATED_ALPHA if kind == ASSOCIATED_ALPHA else kind for kind in kinds)
    return (UNASSOCIATED_ALPHA,) * (int(image.bands) - color_bands)


def _is_bilevel(image: pyvips.Image, image_source: ImageSource) -> bool:
    if image_source.decoded:
        return image_source.decoded.is_bilevel
    name = "bits-per-sample"
    return bool(image.get_typeof(name) and image.get(name) == 1)


def _conversion(
    image: pyvips.Image, image_source: ImageSource, color_bands: int
) -> ColorConversion:
    """Return the conversion for the picture; warn if its profile cannot be used."""
    if image_source.decoded and image_source.decoded.conversion:
        return image_source.decoded.conversion
    if image.interpretation == "lab":
        return from_lab()
    if image.format == "float":
        return linear_light()
    profile = icc_profile(image)
    conversion = choose_conversion(profile, color_bands)
    png = image_source.png
    if profile is None and png and png.color:
        return conversion_from_chunks({kind: chunk.data for kind, chunk in png.color.items()})
    if profile is None and png and png.has_profile:
        conversion = without_profile(color_bands)
    if profile is None and not conversion.ignores_profile:
        if color_bands == _CMYK:
            image_source.warnings.append(_GENERIC_INKS)
        return conversion
    # Without a table, libvips takes its own CMYK profile instead, and does not say so.
    lacks_table = color_bands == _CMYK and not has_lookup_table(profile or b"")
    by_little_cms = conversion.source is None
    if by_little_cms and (lacks_table or not can_convert(_white_pixel(image, color_bands))):
        conversion = without_profile(color_bands)
    if conversion.ignores_profile:
        image_source.warnings.append(BAD_PROFILE)
    return conversion


def _white_pixel(image: pyvips.Image, color_bands: int) -> pyvips.Image:
    """Return a white pixel with the picture's bands of color and its profile."""
    white = 0 if color_bands == _CMYK else 65535 if image.format == "ushort" else 255
    pixel = (pyvips.Image.black(1, 1, bands=color_bands) + white).cast(image.format)
    pixel = pixel.copy(interpretation=image.interpretation)
    pixel.set_type(pyvips.GValue.blob_type, ICC_FIELD, image.get(ICC_FIELD))
    return pixel


def _check_header(
    image: pyvips.Image, loader: str, source: ImageSource, max_pixels: int, color_bands: int
) -> None:
    key = source.key
    check_pixels(key, image.width, image.height, max_pixels, size_of(source))
    pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
    if loader in ("gif", "webp"):
        refuse_animation(key, pages)
    if pages > 1 and loader != "tiff":
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
    if color_bands not in (1, 3, 4):
        raise SourceUnsupported(
            key, f"its {image.bands} bands are not gray, RGB or CMYK", "Convert it first"
        )
