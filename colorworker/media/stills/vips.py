"""The libvips backend for stills: open, write in color, verify. Implements `port.StillsBackend`.

Every pass streams the picture from top to bottom, so memory does not grow with its height.
"""

from dataclasses import replace
from pathlib import Path

import pyvips

from colorworker.color.lab import Floats
from colorworker.color.notice import Box
from colorworker.domain.label import Notice
from colorworker.errors import (
    OutputMismatch,
    SourceDamaged,
    SourceTooLarge,
    SourceUnsupported,
    StoreUnavailable,
)
from colorworker.media.stills.colorspace import ColorConversion
from colorworker.media.stills.icc import CODES
from colorworker.media.stills.lightness import (
    chroma_from_lightness,
    codes_from_lab,
    gray_codes,
)
from colorworker.media.stills.loaders import decode_errors, vips_message
from colorworker.media.stills.metadata import complete, icc_profile, output_blocks, with_metadata
from colorworker.media.stills.notices import (
    burn_in,
    notice_box_in_still,
    zero_box,
)
from colorworker.media.stills.orientation import as_stored
from colorworker.media.stills.picture import (
    VipsPicture,
    lightness_of,
    open_still,
    read_lightness,
    read_pixels,
    split_bands,
)
from colorworker.media.stills.port import UNSPECIFIED, StillHeader
from colorworker.media.stills.savers import (
    LOSSLESS,
    check_format,
    format_for,
    holds_extra,
    join_extra,
    output_depth,
    save,
)

_UNSEEN = 0.001
"""Difference of L* caused by float32 alone. It is less than a 16-bit code value, except in the
deepest shadows of curves without a linear segment, where a code value can be a millionth of L*."""

__all__ = ["open_still", "verify_still", "write_still", "write_unchanged"]


def write_still(
    picture: VipsPicture,
    slope: Floats,
    offset: Floats,
    path: Path,
    extension: str,
    notice: Notice | None = None,
    *,
    big: bool = False,
) -> None:
    """See `port.StillsBackend`. A TIFF gets 64-bit offsets if `big`, whatever its size."""
    info = picture.info
    format_name = format_for(extension)
    conversion = picture.conversion.for_format(format_name)
    check_format(picture.key, format_name, info)
    try:
        with decode_errors(picture.image_source):
            source = read_pixels(picture)
            codes, extra = split_bands(picture, source)
            if not holds_extra(format_name, info.extra_samples):
                extra = None
                picture.warnings.append(f"{format_name.upper()} cannot keep its {_named(info)}")
            lightness = lightness_of(picture, codes, conversion)
            chroma = chroma_from_lightness(
                lightness, as_stored(slope, info.orientation), as_stored(offset, info.orientation)
            )
            depth = output_depth(format_name, info.bit_depth)
            if depth < info.bit_depth:
                picture.warnings.append(
                    f"its {info.bit_depth} bits are written with {depth}:"
                    f" {format_name.upper()} holds no more"
                )
            rgb = codes_from_lab(lightness, chroma, conversion.output, depth)
            if notice and notice.burned:
                rgb = burn_in(rgb, notice_box_in_still(picture.key, info))
            colored = join_extra(rgb, extra)
            blocks = output_blocks(picture.image_source, source, info, format_name, notice)
            colored = with_metadata(colored, source, blocks, conversion, format_name)
            save(colored, path, format_name, embed_srgb=conversion.embeds_srgb, big=big)
            picture.warnings.extend(
                complete(path, format_name, picture.image_source, source, info, conversion, blocks)
            )
    except SourceDamaged as error:
        path.unlink(missing_ok=True)
        _blame_output_if_source_decodes(picture, error)
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def write_unchanged(picture: VipsPicture, path: Path, *, big: bool = False) -> None:
    """Write a picture, gray or RGB, as a TIFF with its own codes and metadata.

    Args:
        picture: From `open_still`, still open.
        path: File to write; removed if anything fails.
        big: Whether offsets have 64 bits whatever the size.

    Raises:
        SourceDamaged: If the picture does not decode completely.
    """
    try:
        with decode_errors(picture.image_source):
            source = read_pixels(picture)
            keeps = icc_profile(source) is not None
            conversion = replace(picture.conversion, keeps_profile=keeps)
            blocks = output_blocks(picture.image_source, source, picture.info, "tiff", None)
            same = with_metadata(source, source, blocks, conversion, "tiff")
            save(same, path, "tiff", embed_srgb=False, big=big)
            found = picture.image_source, source, picture.info, conversion, blocks
            picture.warnings.extend(complete(path, "tiff", *found))
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def verify_still(
    picture: VipsPicture, path: Path, notice: Notice | None = None, page: int = 0
) -> None:
    """See `port.StillsBackend`."""
    info = picture.info
    try:
        with (
            path.open("rb") as file,
            open_still(file, str(path), max_pixels=info.width * info.height, page=page) as written,
        ):
            _compare_headers(picture, written)
            if written.info.loader in LOSSLESS:
                burned = notice is not None and notice.burned
                _compare_lightness(
                    picture, written, notice_box_in_still(picture.key, info) if burned else None
                )
            else:
                _decode(written)
    except (SourceDamaged, SourceTooLarge, SourceUnsupported) as error:
        if error.subject == picture.key:
            raise
        raise OutputMismatch(picture.key, f"the written file is unusable ({error.seen})") from error


def _compare_headers(picture: VipsPicture, written: VipsPicture) -> None:
    expected, seen = picture.info, written.info
    depth = output_depth(seen.loader, expected.bit_depth)
    if (seen.width, seen.height, seen.bit_depth) != (expected.width, expected.height, depth):
        raise OutputMismatch(
            picture.key,
            f"written as {seen.width} x {seen.height} at {seen.bit_depth} bits instead of"
            f" {expected.width} x {expected.height} at {depth}",
        )


def _compare_lightness(picture: VipsPicture, written: VipsPicture, burned: Box | None) -> None:
    conversion = picture.conversion.for_format(written.info.loader)
    space = conversion.output
    if conversion.embeds:
        # Its profile, as all profiles, ends at white.
        written = replace(written, conversion=ColorConversion(space, space))
    before, after = read_lightness(picture), read_lightness(written)
    codes_before, codes_after = (gray_codes(image, space).cast("int") for image in (before, after))
    seen = (before - after).abs() > _UNSEEN
    if burned:
        seen = zero_box(seen, burned)
    try:
        light = codes_before.abs() / (CODES - 1)
        # Floats have no more digits for light far above white, or below black.
        apart = (codes_before - codes_after).abs() / (light > 1).ifthenelse(light, 1)
        difference = seen.ifthenelse(apart, 0).max()
    except pyvips.Error as error:
        # Two readers in one pass: read each alone to find out which one failed.
        _decode(written)
        with decode_errors(picture.image_source):
            raise error from None
    one_code = 257 if written.info.bit_depth == 8 else 1
    if difference > one_code:
        raise OutputMismatch(
            picture.key,
            f"lightness changed by {difference / one_code:.2f} code values of"
            f" {written.info.bit_depth} bits",
        )


def _named(info: StillHeader) -> str:
    return "transparency" if UNSPECIFIED not in info.extra_samples else "extra samples"


def _decode(picture: VipsPicture) -> None:
    with decode_errors(picture.image_source):
        read_pixels(picture).avg()


def _blame_output_if_source_decodes(picture: VipsPicture, error: SourceDamaged) -> None:
    """Raise StoreUnavailable if the source decodes completely after all: then writing failed."""
    _decode(picture)
    cause = error.__cause__
    words = vips_message(cause) if isinstance(cause, pyvips.Error) else str(error)
    raise StoreUnavailable(
        picture.key, f"its output cannot be written ({words})", "Check the space on the disk"
    ) from error
