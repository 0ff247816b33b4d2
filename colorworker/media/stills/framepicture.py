"""Write a frame of an image sequence as TIFF, PNG or JPEG, with the metadata of its source."""

import io
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyvips

from colorworker.domain.label import Notice
from colorworker.errors import SourceDamaged
from colorworker.media.stills.icc import profile_space
from colorworker.media.stills.metadata import ICC_FIELD, icc_profile
from colorworker.media.stills.savers import format_for, saver_for
from colorworker.media.xmpnotice import add_notice_to_xmp

_KEPT = ("exif-data", "iptc-data", "photoshop-data", "resolution-unit")
_XMP = "xmp-data"


def frame_picture(
    source: BinaryIO,
    key: str,
    rgb: npt.NDArray[np.unsignedinteger[Any]],
    extension: str,
    notice: Notice | None,
) -> bytes:
    """Return the file of a frame, with resolution, EXIF, XMP and IPTC of its source.

    TIFF and PNG are lossless; JPEG is written as single pictures are. The ICC profile of a gray
    picture is left out: it does not describe colors.

    Args:
        source: The source's file.
        key: Its name, for errors.
        rgb: Codes to write, (height, width, 3), uint8 or uint16.
        extension: `.png`, `.tif`, `.tiff`, `.jpg` or `.jpeg`, in any case.
        notice: Notice to add to XMP.

    Raises:
        SourceDamaged: If the source does not open.
    """
    try:
        old = pyvips.Image.new_from_buffer(io.BytesIO(source.read()).getvalue(), "")
    except pyvips.Error as error:
        raise SourceDamaged(
            key,
            f"it does not open ({error.message.strip()})",
            "Restore it from another copy: frames are written with the metadata of their source",
        ) from error
    depth = 8 if rgb.dtype == np.uint8 else 16
    height, width, _ = rgb.shape
    image = pyvips.Image.new_from_memory(
        np.ascontiguousarray(rgb).data, width, height, 3, "uchar" if depth == 8 else "ushort"
    ).copy(interpretation="srgb" if depth == 8 else "rgb16", xres=old.xres, yres=old.yres)
    fields = old.get_fields()
    kept = [*_KEPT, ICC_FIELD] if profile_space(icc_profile(old) or b"") == "rgb" else _KEPT
    for name in kept:
        if name in fields:
            image.set_type(old.get_typeof(name), name, old.get(name))
    xmp = old.get(_XMP) if _XMP in fields else b""
    if notice:
        xmp = add_notice_to_xmp(xmp, notice)
    if xmp:
        image.set_type(pyvips.GValue.blob_type, _XMP, xmp)
    saver, options = saver_for(format_for(extension), width * height)
    return bytes(getattr(image, f"{saver}_buffer")(**options | {"keep": "all"}))
