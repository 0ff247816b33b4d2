"""Read and write raw profiles: metadata blocks in texts of PNG, as hexadecimal digits.

ImageMagick and ExifTool wrote EXIF and XMP like this before PNG had chunks for them, and both still
write IPTC like this, for which PNG has none.

Source:
    ExifTool's documentation of PNG tags, and its source, PNG.pm.
"""

import re
import textwrap

from colorworker.media.stills.exifblock import EXIF_HEAD
from colorworker.media.stills.imageresources import iptc_of, resource_of_iptc

KEYWORD = b"Raw profile type "
_FORM = re.compile(rb"\s*[^\n]*\n\s*(\d+)\n([0-9a-fA-F\s]*)", re.DOTALL)
"""The name, the number of bytes, and the bytes."""
_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_IPTC_MARK = b"\x1c"
_TIFF_HEADS = (b"II*\0", b"MM\0*")
_BYTES_A_LINE = 36


def read_raw_profile(keyword: bytes, text: bytes) -> tuple[str, bytes]:
    """Return what a text holds: `exif`, `xmp` or `iptc`, and the block; empty if it is another one.

    Args:
        keyword: Keyword of the text.
        text: The text.
    """
    found = _FORM.fullmatch(text)
    if not keyword.startswith(KEYWORD) or not found:
        return "", b""
    try:
        block = bytes.fromhex(found[2].decode("ascii"))
    except ValueError:
        return "", b""
    if len(block) != int(found[1]):
        return "", b""
    name = keyword.removeprefix(KEYWORD).lower()
    if name in (b"exif", b"app1") and block.removeprefix(EXIF_HEAD).startswith(_TIFF_HEADS):
        return "exif", block.removeprefix(EXIF_HEAD)
    if name in (b"xmp", b"app1") and (name == b"xmp" or block.startswith(_XMP_HEAD)):
        return "xmp", block.removeprefix(_XMP_HEAD)
    if name == b"iptc":
        return "iptc", block if block.startswith(_IPTC_MARK) else iptc_of(block)
    return "", b""


def iptc_text(iptc: bytes) -> bytes:
    """Return IPTC as a text with its keyword, for tEXt."""
    block = resource_of_iptc(iptc)
    lines = "\n".join(textwrap.wrap(block.hex(), 2 * _BYTES_A_LINE))
    return KEYWORD + b"iptc\0" + f"\niptc\n{len(block):8d}\n{lines}\n".encode("ascii")
