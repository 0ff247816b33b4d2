"""Save pictures: the format for each extension, and libvips' options for it."""

from pathlib import Path
from typing import Any, Literal

import pyvips

from colorworker.errors import SourceUnsupported
from colorworker.media.stills.port import StillHeader

BIGTIFF_BYTES = 3_500_000_000
"""Pixel bytes beyond which a TIFF gets 64-bit offsets; classic TIFF is limited to 4 GiB."""
_WIDE = 4096
"""Width in pixels above which pictures are computed in tiles."""
_TILE = 128
_OPTIMIZED_PIXELS = 16_000_000
"""Pixels up to which the Huffman codes of a JPEG are optimized, which saves a few percent: libjpeg
keeps the whole picture in memory for that, 6 to 12 bytes per pixel."""
_MAX_JPEG_SIDE = 65535
_MAX_WEBP_SIDE = 16383

_SAVERS: dict[str, tuple[str, dict[str, Any]]] = {
    # 4:4:4, because with subsampled chroma the decoder's rounding would change luma at edges.
    "jpeg": (
        "jpegsave",
        {"Q": 95, "subsample_mode": "off", "optimize_coding": True, "keep": "icc"},
    ),
    "png": ("pngsave", {"compression": 6, "keep": "icc"}),
    "tiff": ("tiffsave", {"compression": "deflate", "predictor": "horizontal"}),
    # Lossless: lossy WebP is always 4:2:0.
    "webp": ("webpsave", {"lossless": True, "exact": True, "keep": "icc"}),
}
_FORMATS = {
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "jpe": "jpeg",
    "jfif": "jpeg",
    "png": "png",
    "tif": "tiff",
    "tiff": "tiff",
    "webp": "webp",
    "jp2": "jpeg2000",
    "jxl": "jpegxl",
}
OF_BOXES = frozenset(("jpeg2000", "jpegxl"))
"""Formats that libvips does not write."""
LOSSLESS = frozenset(("png", "tiff", "webp")) | OF_BOXES
_EIGHT_BITS = frozenset(("jpeg", "webp"))


def format_for(extension: str) -> str:
    """Return the output format for an extension, with or without its dot.

    Raises:
        ValueError: If stills are not written with this extension.
    """
    name = extension.lower().removeprefix(".")
    if name not in _FORMATS:
        raise ValueError(f"stills are not written as {extension!r}")
    return _FORMATS[name]


def output_depth(format_name: str, source_depth: Literal[8, 16, 32]) -> Literal[8, 16, 32]:
    """Return the bits per channel to write: the source's if the format supports them."""
    if format_name in _EIGHT_BITS:
        return 8
    return 16 if source_depth == 32 and format_name != "tiff" else source_depth


def check_format(key: str, format_name: str, info: StillHeader) -> None:
    """Check that the format can hold a picture of this size and orientation.

    Raises:
        SourceUnsupported: If a side is too long, or the format ignores how EXIF
            turns pictures.
    """
    width, height = info.width, info.height
    if format_name == "jpegxl" and info.orientation != 1:
        raise SourceUnsupported(
            key,
            f"its name says JPEG XL, but it is {info.loader} that is turned by its EXIF",
            "Rename it, or use --profile archive, which writes TIFF",
        )
    most = {"jpeg": _MAX_JPEG_SIDE, "webp": _MAX_WEBP_SIDE}.get(format_name)
    if most is not None and max(width, height) > most:
        raise SourceUnsupported(
            key,
            f"{width} x {height} pixels, {format_name} allows at most {most} per side",
            "Use --profile archive, which writes TIFF",
        )


def holds_extra(format_name: str, extra_samples: tuple[int, ...]) -> bool:
    """Return whether the format holds bands with these meanings beside those of color."""
    if format_name == "tiff" or not extra_samples:
        return True
    return format_name != "jpeg" and len(extra_samples) == 1 and extra_samples[0] != 0


def join_extra(rgb: pyvips.Image, extra: pyvips.Image | None) -> pyvips.Image:
    """Return the picture with the source's other bands, unchanged except for their depth."""
    if extra is None:
        return rgb
    if extra.format == "ushort" and rgb.format == "uchar":
        extra = (extra >> 8).cast("uchar")
    if extra.format == "float" and rgb.format != "float":
        highest = 255 if rgb.format == "uchar" else 65535
        extra = (extra.clamp() * highest + 0.5).cast(rgb.format)
    return rgb.bandjoin(extra).copy(interpretation=rgb.interpretation)


def save(
    image: pyvips.Image, path: Path, format_name: str, *, embed_srgb: bool, big: bool = False
) -> None:
    """Write the picture in one pass from top to bottom.

    Raises:
        pyvips.Error: If a pixel does not decode or the file cannot be written.
        StoreUnavailable: If another library than libvips cannot write the file.
    """
    if format_name in OF_BOXES:
        # Without a profile, both are sRGB.
        from colorworker.media.stills import oiiosaver

        oiiosaver.save(_in_tiles(image), path, format_name)
        return
    saver, options = saver_for(format_name, image.width * image.height)
    if embed_srgb:
        options["profile"] = "srgb"
    if format_name == "tiff":
        bytes_a_band = {"uchar": 1, "ushort": 2}.get(image.format, 4)
        raw_bytes = image.width * image.height * image.bands * bytes_a_band
        options["bigtiff"] = big or raw_bytes > BIGTIFF_BYTES
        if image.format == "float":
            # Many readers lack the predictor for floats.
            options["predictor"] = "none"
    getattr(_in_tiles(image), saver)(str(path), **options)


def saver_for(format_name: str, pixels: int) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of libvips' saver for a format that it writes."""
    saver, options = _SAVERS[format_name]
    options = dict(options)
    if format_name == "jpeg" and pixels > _OPTIMIZED_PIXELS:
        options["optimize_coding"] = False
    return saver, options


def _in_tiles(image: pyvips.Image) -> pyvips.Image:
    """Return a wide picture so that libvips computes it in tiles instead of strips of its width.

    Every operation before this one has a buffer per thread, and they add up to 0.4 GB for strips of
    a picture of 12,000 pixels.
    """
    if image.width <= _WIDE:
        return image
    rows = 2 * -(-image.width // _TILE)
    return image.tilecache(
        tile_width=_TILE, tile_height=_TILE, max_tiles=rows, access="sequential", threaded=True
    )
