"""Copy a picture's metadata into its colored copy, without what would be stale there."""

import io
import itertools
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import pyvips

from colorworker.domain.label import Notice
from colorworker.media.stills.boxes import BoxMetadata, read_boxes
from colorworker.media.stills.boxwriter import insert_boxes
from colorworker.media.stills.colorspace import ColorConversion
from colorworker.media.stills.exifblock import (
    EXIF_HEAD,
    with_comment,
    with_orientation,
    without_thumbnail,
)
from colorworker.media.stills.imageresources import (
    iptc_of,
    resource_of_iptc,
    without_photoshop_thumbnails,
)
from colorworker.media.stills.imagesource import ImageSource
from colorworker.media.stills.jpegsegments import (
    NO_RESOLUTION,
    fits_segment,
    insert_segments,
    metadata_segments,
)
from colorworker.media.stills.pngchunks import (
    exif_chunk,
    insert_chunks,
    iptc_chunk,
    read_png_metadata,
    xmp_chunk,
)
from colorworker.media.stills.port import StillHeader
from colorworker.media.stills.savers import OF_BOXES
from colorworker.media.stills.tiffdirectories import Tag
from colorworker.media.stills.tifftags import (
    EXTRA_SAMPLES_TAG,
    IPTC_TAG,
    PHOTOSHOP_TAG,
    RESOLUTION_TAGS,
    TagTree,
    append_tags,
    blobs_of,
    bytes_tag,
    read_tags,
)
from colorworker.media.stills.webpchunks import insert_webp_metadata
from colorworker.media.stills.xmppacket import for_jpeg, with_extended, without_stale_parts
from colorworker.media.xmpnotice import add_notice_to_xmp

ICC_FIELD = "icc-profile-data"

_TIFF_FIELDS = ("photoshop-data", "orientation", "resolution-unit")
"""Fields of a TIFF that libvips writes as they are; `_complete_tiff` writes the others."""
_TAG_NAMES = {37500: "MakerNote", 40965: "Interoperability"}


@dataclass(frozen=True)
class Blocks:
    """The metadata blocks of an output; empty ones are not written.

    Attributes:
        exif: EXIF block, from the header of TIFF on.
        xmp: XMP packet.
        extended_xmp: Extended XMP; only in JPEGs.
        image_resources: Photoshop's image resources, among them IPTC.
    """

    exif: bytes
    xmp: bytes
    extended_xmp: bytes
    image_resources: bytes


def output_blocks(
    image_source: ImageSource,
    source: pyvips.Image,
    info: StillHeader,
    format_name: str,
    notice: Notice | None,
) -> Blocks:
    """Return the source's metadata as the output gets it.

    Args:
        image_source: The source.
        source: Its pixels; only their metadata is read.
        info: The source's header.
        format_name: Format of the output.
        notice: The notice; None for none.
    """
    jpeg = image_source.jpeg
    own = jpeg or image_source.webp
    exif = own.exif if own else _blob(source, "exif-data").removeprefix(EXIF_HEAD)
    exif = with_orientation(without_thumbnail(exif), info.orientation)
    noted = with_comment(exif, notice.text) if notice else exif
    # The notice is in the XMP too; it must not cost an EXIF that fits without it.
    if format_name != "jpeg" or fits_segment(exif=noted) or not fits_segment(exif=exif):
        exif = noted
    xmp = without_stale_parts(own.xmp if own else _blob(source, "xmp-data"))
    extended = jpeg.extended_xmp if jpeg else b""
    if format_name == "jpeg":
        xmp, extended = for_jpeg(xmp, extended, notice)
    else:
        xmp = without_stale_parts(with_extended(xmp, extended)) if extended else xmp
        xmp = add_notice_to_xmp(xmp, notice) if notice else xmp
    return Blocks(exif, xmp, extended, _image_resources(image_source, source))


def with_metadata(
    colored: pyvips.Image,
    source: pyvips.Image,
    blocks: Blocks,
    conversion: ColorConversion,
    format_name: str,
) -> pyvips.Image:
    """Return the colored picture with the metadata that libvips is to write."""
    result = colored.copy()
    _remove_fields(result)
    # libvips derives resolution tags from these two on writing.
    result = result.copy(xres=source.xres, yres=source.yres)
    for field in _TIFF_FIELDS if format_name == "tiff" else ():
        if source.get_typeof(field):
            value = source.get(field)
            if field == "photoshop-data":
                value = without_photoshop_thumbnails(bytes(value))
            result.set_type(source.get_typeof(field), field, value)
    if format_name == "tiff" and blocks.xmp:
        result.set_type(pyvips.GValue.blob_type, "xmp-data", blocks.xmp)
    if conversion.keeps_profile:
        result.set_type(pyvips.GValue.blob_type, ICC_FIELD, source.get(ICC_FIELD))
    elif conversion.embeds:
        result.set_type(pyvips.GValue.blob_type, ICC_FIELD, conversion.embeds)
    return result


def complete(
    path: Path,
    format_name: str,
    image_source: ImageSource,
    source: pyvips.Image,
    info: StillHeader,
    conversion: ColorConversion,
    blocks: Blocks,
) -> list[str]:
    """Write the metadata that libvips does not into the file, in place.

    Args:
        path: The file that libvips wrote.
        format_name: Its format.
        image_source: The source.
        source: Its pixels; only their metadata is read.
        info: The source's header.
        conversion: How its codes were converted.
        blocks: Metadata of the output.

    Returns:
        Warnings about metadata that is not kept.
    """
    jpeg = image_source.jpeg
    warnings: list[str] = []
    if format_name == "tiff":
        warnings += _complete_tiff(path, image_source, source, info, blocks)
    elif format_name == "png":
        _complete_png(path, image_source, info, conversion, blocks)
    elif format_name == "webp":
        insert_webp_metadata(path, blocks.exif, blocks.xmp)
    elif format_name in OF_BOXES:
        known = has_resolution(image_source, info.loader)
        per_millimeter = (source.xres, source.yres) if known else (0.0, 0.0)
        boxes = BoxMetadata(
            blocks.exif, blocks.xmp, iptc_of(blocks.image_resources), per_millimeter
        )
        insert_boxes(path, boxes, has_alpha=bool(info.extra_samples))
    else:
        resolution = _jfif_resolution(image_source, source, info.loader)
        parts = (blocks.exif, blocks.xmp, blocks.extended_xmp, blocks.image_resources)
        comments = jpeg.comments if jpeg else ()
        insert_segments(path, metadata_segments(resolution, *parts, comments))
    return warnings + _lost_metadata(path, format_name, image_source, blocks)


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


def has_resolution(image_source: ImageSource, loader: str) -> bool:
    """Return whether the file says how large its pixels are, outside of EXIF."""
    if image_source.decoded:
        return image_source.decoded.has_resolution
    if image_source.jpeg:
        return image_source.jpeg.resolution[0] != 0
    if image_source.png:
        return image_source.png.has_resolution
    page = image_source.page
    return loader == "tiff" and page is not None and page.has_resolution


def _jfif_resolution(
    image_source: ImageSource, source: pyvips.Image, loader: str
) -> tuple[int, int, int]:
    """Return JFIF's unit and densities: those of a JPEG unchanged, others in pixels per inch."""
    if image_source.jpeg:
        return image_source.jpeg.resolution
    across, down = (min(round(each * 25.4), 65535) for each in (source.xres, source.yres))
    known = has_resolution(image_source, loader) and across > 0 and down > 0
    return (1, across, down) if known else NO_RESOLUTION


def _complete_tiff(
    path: Path,
    image_source: ImageSource,
    source: pyvips.Image,
    info: StillHeader,
    blocks: Blocks,
) -> list[str]:
    """Write the tags that libvips does not; return warnings about those that cannot be kept."""
    tree = _descriptive_tags(image_source, source, info.loader)
    first = {tag.number: tag for tag in tree.first}
    if info.loader != "tiff":
        first |= _resource_tags(blocks.image_resources)
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


def _complete_png(
    path: Path,
    image_source: ImageSource,
    info: StillHeader,
    conversion: ColorConversion,
    blocks: Blocks,
) -> None:
    """Write the source's metadata into the PNG that libvips wrote without any."""
    png = image_source.png
    chunks = list(png.kept) if png else []
    if png and not conversion.embeds_srgb and not conversion.keeps_profile:
        chunks += png.color.values()
    chunks += [exif_chunk(blocks.exif)] if blocks.exif else []
    chunks += [xmp_chunk(blocks.xmp)] if blocks.xmp else []
    if not png and (iptc := iptc_of(blocks.image_resources)):
        chunks.append(iptc_chunk(iptc))
    known = png is None and has_resolution(image_source, info.loader)
    insert_chunks(path, chunks, keep_resolution=known)


def _lost_metadata(
    path: Path, format_name: str, image_source: ImageSource, blocks: Blocks
) -> list[str]:
    """Return warnings about metadata of the source that the written file does not have."""
    warnings = []
    if image_source.png and image_source.png.damaged:
        warnings.append("damaged metadata chunks of the PNG are not kept")
    if jpeg := image_source.jpeg:
        if jpeg.incomplete:
            warnings.append("the JPEG's extended XMP is incomplete and not kept")
        if jpeg.others:
            warnings.append(f"segments of the JPEG are not kept: {', '.join(jpeg.others)}")
        if jpeg.comments and format_name != "jpeg":
            warnings.append(f"{format_name.upper()} has no place for the JPEG's comments")
    expected = [("xmp-data", "XMP", blocks.xmp)]
    if format_name != "tiff":
        expected.append(("exif-data", "EXIF", blocks.exif))
    expected.append(("iptc-data", "IPTC", iptc_of(blocks.image_resources)))
    written = _written_fields(path, format_name)
    lost = [name for field, name, block in expected if block and field not in written]
    return [*warnings, *(f"{name} is not kept: the format has no room for it" for name in lost)]


def _written_fields(path: Path, format_name: str) -> set[str]:
    """Return which blocks of metadata the written file has, by libvips' names."""
    if format_name in OF_BOXES:
        with path.open("rb") as file:
            boxes = read_boxes(file)
        blocks = {"xmp-data": boxes.xmp, "exif-data": boxes.exif, "iptc-data": boxes.iptc}
        return {name for name, block in blocks.items() if block}
    if format_name == "png":
        with path.open("rb") as file:
            png = read_png_metadata(file)
        parts = {"xmp-data": png.xmp, "exif-data": png.exif, "iptc-data": png.iptc}
        return {name for name, block in parts.items() if block}
    written = pyvips.Image.new_from_file(str(path))
    return {name for name in ("xmp-data", "exif-data", "iptc-data") if written.get_typeof(name)}


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


def _image_resources(image_source: ImageSource, source: pyvips.Image) -> bytes:
    """Return the source's image resources without stale thumbnails; IPTC alone becomes one."""
    if image_source.jpeg:
        return without_photoshop_thumbnails(image_source.jpeg.image_resources)
    resources = without_photoshop_thumbnails(_blob(source, "photoshop-data"))
    iptc = b"" if iptc_of(resources) else _iptc(image_source, source)
    return resources + (resource_of_iptc(iptc) if iptc else b"")


def _iptc(image_source: ImageSource, source: pyvips.Image) -> bytes:
    """Return the source's IPTC."""
    if image_source.png:
        return image_source.png.iptc
    page = image_source.page
    if page and image_source.reader:
        # libtiff swaps the bytes of IPTC that is stored as numbers, and libvips counts them as
        # numbers of 4 bytes.
        position = image_source.reader.tell()
        blobs = blobs_of(image_source.reader, page.directory.offset)
        image_source.reader.seek(position)
        return blobs.get("iptc-data", b"")
    return _blob(source, "iptc-data")


def _resource_tags(resources: bytes) -> dict[int, Tag]:
    """Return the TIFF tags for image resources: all of them, and IPTC once more."""
    tags = {PHOTOSHOP_TAG: bytes_tag(PHOTOSHOP_TAG, resources)} if resources else {}
    if iptc := iptc_of(resources):
        tags[IPTC_TAG] = bytes_tag(IPTC_TAG, iptc)
    return tags


def _descriptive_tags(image_source: ImageSource, source: pyvips.Image, loader: str) -> TagTree:
    """Return the tags that libvips does not write into a TIFF, from the source TIFF or its EXIF."""
    if loader in ("tiff", "raw") and image_source.reader:
        page = image_source.page
        own = page.directory.offset if page else None
        return read_tags(
            image_source.reader, own_offset=own, alone=bool(page and page.pictures > 1)
        )
    other = image_source.jpeg or image_source.webp
    exif = other.exif if other else _blob(source, "exif-data").removeprefix(EXIF_HEAD)
    return read_tags(io.BytesIO(exif)) if exif else TagTree((), {})
