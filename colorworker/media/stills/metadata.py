"""Copy a picture's metadata into its colored copy, without what would be stale there."""

import io
import itertools
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyvips

from colorworker.media.stills.colorspace import ColorConversion
from colorworker.media.stills.exifblock import (
    EXIF_HEAD,
    with_comment,
    with_orientation,
    without_thumbnail,
)
from colorworker.media.stills.loaders import ImageSource
from colorworker.media.stills.notices import add_notice_to_xmp
from colorworker.media.stills.pngchunks import exif_chunk, insert_chunks, xmp_chunk
from colorworker.media.stills.port import StillHeader
from colorworker.media.stills.tiffdirectories import Tag
from colorworker.media.stills.tifftags import (
    EXTRA_SAMPLES_TAG,
    IPTC_TAG,
    PHOTOSHOP_TAG,
    RESOLUTION_TAGS,
    TagTree,
    append_tags,
    bytes_tag,
    read_tags,
)

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
_WRONG_IN_TIFF = frozenset(("iptc-data", "image-description"))
"""Fields that libvips cuts or changes in TIFFs; `complete_tiff` writes them."""
_IPTC_RESOURCE = 1028
_KEPT_BEGINNINGS = ("exif-ifd0-", "exif-ifd2-", "exif-ifd3-", "exif-ifd4-", "png-comment-")
"""IFD 1 is omitted: it describes the embedded thumbnail, which still shows the gray picture."""

_XMP_THUMBNAILS = re.compile(rb"<xmp:Thumbnails\b.*?</xmp:Thumbnails>\s*", re.DOTALL)
_PNG_FIELDS = ("exif-data", "xmp-data", "orientation", "resolution-unit")
_TAG_NAMES = {37500: "MakerNote", 40965: "Interoperability"}
_JFIF = b"JFIF\0"
_JFIF_WITHIN = 64
"""JFIF's segment is the first one."""
_HEADER_BYTES = 1 << 16
_VERIFIED = {"xmp-data": "XMP", "exif-data": "EXIF"}
_XMP_END = b"<?xpacket end"
_MAX_JPEG_XMP_BYTES = 60_000
"""libvips silently leaves out more."""
_EXIF_HEAD = b"Exif\0\0"
_PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
_PHOTOSHOP_THUMBNAILS = frozenset((1033, 1036))
"""Image resources that hold a JPEG thumbnail (Adobe Photoshop file format specification)."""


def with_metadata(
    colored: pyvips.Image,
    source: pyvips.Image,
    image_source: ImageSource,
    conversion: ColorConversion,
    format_name: str,
) -> pyvips.Image:
    """Return the colored picture with the metadata of its source, without stale thumbnails."""
    dropped = _WRONG_IN_TIFF if format_name == "tiff" else frozenset()
    result = colored.copy()
    _remove_fields(result)
    # libvips derives EXIF and resolution tags from these two on writing.
    result = result.copy(xres=source.xres, yres=source.yres)
    # The names of a PNG's texts may not be UTF-8, and pyvips cannot list them then.
    fields = source.get_fields() if image_source.png is None else _PNG_FIELDS
    for field in fields:
        if not source.get_typeof(field):
            continue
        if field not in dropped and (field in _KEPT or field.startswith(_KEPT_BEGINNINGS)):
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


def complete_tiff(
    path: Path, image_source: ImageSource, source: pyvips.Image, info: StillHeader
) -> list[str]:
    """Write the tags that libvips does not, in place; return a warning if some cannot be kept.

    Args:
        path: The TIFF that libvips wrote.
        image_source: The source.
        source: Its pixels; only their metadata is read.
        info: The source's header.
    """
    tree = descriptive_tags(image_source, source, info.loader)
    first = {tag.number: tag for tag in tree.first} | _image_resources(source, info.loader)
    if info.extra_samples:
        codes = struct.pack(f"<{len(info.extra_samples)}H", *info.extra_samples)
        first[EXTRA_SAMPLES_TAG] = Tag(EXTRA_SAMPLES_TAG, 3, len(info.extra_samples), codes)
    known = info.loader != "tiff" and has_resolution(image_source, info.loader)
    append_tags(path, replace(tree, first=tuple(first.values())), () if known else RESOLUTION_TAGS)
    warnings = []
    if image_source.png and image_source.png.texts:
        warnings.append(f"TIFF has no place for the PNG's {image_source.png.texts} text chunks")
    if not tree.lost:
        return warnings
    numbers = ", ".join(_TAG_NAMES.get(number, str(number)) for number in sorted(tree.lost))
    return [*warnings, f"metadata that is damaged or cannot be moved is not kept: tags {numbers}"]


def complete_png(
    path: Path,
    image_source: ImageSource,
    source: pyvips.Image,
    info: StillHeader,
    conversion: ColorConversion,
    notice: str,
) -> None:
    """Write the source's metadata into the PNG that libvips wrote without any.

    Args:
        path: The PNG.
        image_source: The source.
        source: Its pixels; only their metadata is read.
        info: The source's header.
        conversion: How its codes were converted.
        notice: Text of the notice; empty for none.
    """
    png = image_source.png
    chunks = list(png.kept) if png else []
    if png and not conversion.embeds_srgb and not conversion.keeps_profile:
        chunks += png.color.values()
    exif, xmp = exif_and_xmp(source, info, notice)
    chunks += [exif_chunk(exif)] if exif else []
    chunks += [xmp_chunk(xmp)] if xmp else []
    known = png is None and has_resolution(image_source, info.loader)
    insert_chunks(path, chunks, keep_resolution=known)


def exif_and_xmp(source: pyvips.Image, info: StillHeader, notice: str) -> tuple[bytes, bytes]:
    """Return the source's EXIF block and XMP packet for the output; empty where there is none."""
    blocks = (_blob(source, name) for name in ("exif-data", "xmp-data"))
    exif, xmp = (bytes(block) for block in blocks)
    exif = with_orientation(without_thumbnail(exif.removeprefix(EXIF_HEAD)), info.orientation)
    xmp = _XMP_THUMBNAILS.sub(b"", xmp)
    if notice:
        exif, xmp = with_comment(exif, notice), add_notice_to_xmp(xmp, notice)
    return exif, xmp


def lost_metadata(path: Path, image_source: ImageSource, source: pyvips.Image) -> list[str]:
    """Return warnings about metadata that the written file does not have.

    Args:
        path: The written file.
        image_source: The source.
        source: Its pixels; only their metadata is read.
    """
    damaged = image_source.png is not None and image_source.png.damaged
    warnings = ["damaged metadata chunks of the PNG are not kept"] if damaged else []
    written = pyvips.Image.new_from_file(str(path))
    lost = [
        name
        for field, name in _VERIFIED.items()
        if source.get_typeof(field) and not written.get_typeof(field)
    ]
    return [*warnings, *(f"{name} is not kept: the format has no room for it" for name in lost)]


def fit_xmp(image: pyvips.Image) -> None:
    """Remove the padding of an XMP packet that is too large for a segment of a JPEG, in place."""
    xmp = _blob(image, "xmp-data")
    if len(xmp) > _MAX_JPEG_XMP_BYTES:
        # Not by a pattern, whose time would grow with the square of the padding.
        end = max(xmp.rfind(_XMP_END), 0)
        shorter = xmp[:end].rstrip() + b"\n" + xmp[end:]
        image.set_type(pyvips.GValue.blob_type, "xmp-data", shorter)


def _remove_fields(image: pyvips.Image) -> None:
    """Remove all metadata, also fields whose names are not UTF-8, which pyvips cannot list."""
    names = pyvips.vips_lib.vips_image_get_fields(image.pointer)
    for number in itertools.count():
        if names[number] == pyvips.ffi.NULL:
            break
        pyvips.vips_lib.vips_image_remove(image.pointer, names[number])
        pyvips.glib_lib.g_free(names[number])
    pyvips.glib_lib.g_free(names)


def _blob(source: pyvips.Image, name: str) -> bytes:
    return bytes(source.get(name)) if source.get_typeof(name) else b""


def has_resolution(image_source: ImageSource, loader: str) -> bool:
    """Return whether the file says how large its pixels are, outside of EXIF."""
    reader = image_source.reader
    if reader is None:
        return False
    reader.seek(0)
    head = reader.read(_HEADER_BYTES)
    if loader == "jpeg":
        place = head.find(_JFIF)
        return 0 < place < _JFIF_WITHIN and head[place + 7 : place + 8] not in (b"", b"\0")
    return image_source.png is not None and image_source.png.has_resolution


def _image_resources(source: pyvips.Image, loader: str) -> dict[int, Tag]:
    """Return the tags for a JPEG's image resources: IPTC, and all but stale thumbnails."""
    if loader != "jpeg" or not source.get_typeof("iptc-data"):
        return {}
    resources = without_photoshop_thumbnails(bytes(source.get("iptc-data")))
    resources = resources.removeprefix(_PHOTOSHOP_HEAD)
    tags = {PHOTOSHOP_TAG: bytes_tag(PHOTOSHOP_TAG, resources)} if resources else {}
    for number, start, end in _resources(resources):
        if number == _IPTC_RESOURCE:
            tags[IPTC_TAG] = bytes_tag(IPTC_TAG, resources[start:end])
    return tags


def descriptive_tags(image_source: ImageSource, source: pyvips.Image, loader: str) -> TagTree:
    """Return the tags that libvips does not write into a TIFF, from the source TIFF or its EXIF."""
    if loader == "tiff" and image_source.reader:
        page = image_source.page
        return read_tags(image_source.reader, own_offset=page.directory.offset if page else None)
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
    position = len(_PHOTOSHOP_HEAD) if resources.startswith(_PHOTOSHOP_HEAD) else 0
    kept = [resources[:position]]
    for number, _, data_end in _resources(resources, position):
        end = data_end + (data_end - position) % 2
        if number not in _PHOTOSHOP_THUMBNAILS:
            kept.append(resources[position:end])
        position = end
    kept.append(resources[position:])
    return b"".join(kept)


def _resources(resources: bytes, position: int = 0) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each image resource, and where its data begins and ends."""
    while resources[position : position + 4] == b"8BIM" and position + 12 <= len(resources):
        (number,) = struct.unpack_from(">H", resources, position + 4)
        start = position + 10 + ((resources[position + 6] + 2) & ~1)
        if start > len(resources):
            return
        (size,) = struct.unpack_from(">I", resources, start - 4)
        yield number, start, start + size
        position = start + size + size % 2
