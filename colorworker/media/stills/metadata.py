"""Copy a picture's metadata into its colored copy, without what would be stale there."""

import io
import re
import struct

import pyvips

from colorworker.media.stills.colorspace import ColorConversion
from colorworker.media.stills.loaders import ImageSource
from colorworker.media.stills.tifftags import TagTree, read_tags

ICC_FIELD = "icc-profile-data"

_KEPT = frozenset(
    (
        "exif-data",
        "xmp-data",
        "iptc-data",
        "photoshop-data",
        "orientation",
        "resolution-unit",
        "image-description",
        "jpeg-comment",
    )
)
_KEPT_BEGINNINGS = ("exif-ifd0-", "exif-ifd2-", "exif-ifd3-", "exif-ifd4-", "png-comment-")
"""IFD 1 is omitted: it describes the embedded thumbnail, which still shows the gray picture."""

_XMP_THUMBNAILS = re.compile(rb"<xmp:Thumbnails\b.*?</xmp:Thumbnails>\s*", re.DOTALL)
_EXIF_HEAD = b"Exif\0\0"
_PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
_PHOTOSHOP_THUMBNAILS = frozenset((1033, 1036))
"""Image resources that hold a JPEG thumbnail (Adobe Photoshop file format specification)."""


def with_metadata(
    colored: pyvips.Image, source: pyvips.Image, conversion: ColorConversion
) -> pyvips.Image:
    """Return the colored picture with the metadata of its source, without stale thumbnails."""
    result = colored.copy()
    for field in result.get_fields():
        result.remove(field)
    # libvips derives EXIF and resolution tags from these two on writing.
    result = result.copy(xres=source.xres, yres=source.yres)
    for field in source.get_fields():
        if field in _KEPT or field.startswith(_KEPT_BEGINNINGS):
            value = source.get(field)
            result.set_type(source.get_typeof(field), field, _without_thumbnails(field, value))
    if conversion.keeps_profile:
        result.set_type(pyvips.GValue.blob_type, ICC_FIELD, source.get(ICC_FIELD))
    return result


def icc_profile(source: pyvips.Image) -> bytes | None:
    """Return the embedded ICC profile; None if there is none."""
    if source.get_typeof(ICC_FIELD) == 0:
        return None
    return bytes(source.get(ICC_FIELD))


def exif_orientation(source: pyvips.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if it is missing or invalid."""
    if source.get_typeof("orientation") == 0:
        return 1
    orientation = int(source.get("orientation"))
    return orientation if 1 <= orientation <= 8 else 1


def descriptive_tags(image_source: ImageSource, source: pyvips.Image, loader: str) -> TagTree:
    """Return the tags that libvips does not write into a TIFF, from the source TIFF or its EXIF."""
    if loader == "tiff" and image_source.reader:
        return read_tags(image_source.reader)
    if source.get_typeof("exif-data") == 0:
        return TagTree((), {})
    exif = bytes(source.get("exif-data"))
    return read_tags(io.BytesIO(exif), len(_EXIF_HEAD) if exif.startswith(_EXIF_HEAD) else 0)


def _without_thumbnails(field: str, value: object) -> object:
    if field == "exif-data" and isinstance(value, bytes):
        return without_exif_thumbnail(value)
    if field == "xmp-data" and isinstance(value, bytes):
        return _XMP_THUMBNAILS.sub(b"", value)
    if field in ("photoshop-data", "iptc-data") and isinstance(value, bytes):
        return without_photoshop_thumbnails(value)
    return value


def without_exif_thumbnail(exif: bytes) -> bytes:
    """Return the EXIF block without IFD 1, which holds the thumbnail and its description.

    Removing libvips' fields is not enough: it restores IFD 1 from the block.

    Source:
        TIFF 6.0, section 2: the link to the next IFD follows the entries of each IFD.
    """
    start = len(_EXIF_HEAD) if exif.startswith(_EXIF_HEAD) else 0
    order = ">" if exif[start : start + 2] == b"MM" else "<"
    try:
        (offset,) = struct.unpack_from(f"{order}I", exif, start + 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, start + offset)
    except struct.error:
        return exif
    link = start + offset + 2 + 12 * entries
    return exif[:link] + b"\0" * 4 + exif[link + 4 :] if link + 4 <= len(exif) else exif


def without_photoshop_thumbnails(resources: bytes) -> bytes:
    """Return Photoshop's image resources without thumbnails; unchanged if they do not parse."""
    head = _PHOTOSHOP_HEAD if resources.startswith(_PHOTOSHOP_HEAD) else b""
    kept = [head]
    position = len(head)
    while position + 12 <= len(resources):
        if resources[position : position + 4] != b"8BIM":
            return resources
        (number,) = struct.unpack_from(">H", resources, position + 4)
        name_bytes = (resources[position + 6] + 2) & ~1
        if position + 10 + name_bytes > len(resources):
            return resources
        (size,) = struct.unpack_from(">I", resources, position + 6 + name_bytes)
        end = position + 10 + name_bytes + ((size + 1) & ~1)
        if number not in _PHOTOSHOP_THUMBNAILS:
            kept.append(resources[position:end])
        position = end
    kept.append(resources[position:])
    return b"".join(kept)
