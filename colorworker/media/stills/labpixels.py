"""TIFFs whose pixels are L*a*b*: their codes, which libvips does not always read, as floats.

Source:
    TIFF 6.0, section 23 (CIELab of 8 bits); Adobe TIFF Technical Notes for Photoshop (ICCLab, and
    16 bits); ICC.1:2001-04, annex A (L* of 16 bits ends at 0xFF00).
"""

import io
from typing import BinaryIO, Literal

import pyvips

LabKind = Literal["", "cielab", "icclab"]
_ICC_WHITE = 0xFF00


class PatchedReader(io.RawIOBase):
    """A reader in which a few bytes are others."""

    def __init__(self, reader: BinaryIO, offset: int, data: bytes) -> None:
        self._reader, self._offset, self._data = reader, offset, data

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek and return the new position."""
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._reader.tell()

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; all if it is negative."""
        start = self._reader.tell()
        data = self._reader.read(size)
        first, last = self._offset - start, self._offset - start + len(self._data)
        if last <= 0 or first >= len(data):
            return data
        patched = bytearray(data)
        for place in range(max(first, 0), min(last, len(data))):
            patched[place] = self._data[place - first]
        return bytes(patched)


def lab_from_codes_of(image: pyvips.Image, kind: LabKind) -> pyvips.Image:
    """Return L*a*b* as floats, with further bands unchanged except for their type.

    Args:
        image: The codes as libvips reads them if they are called RGB, uchar or ushort.
        kind: How they are meant; not empty.
    """
    wide = image.format == "ushort"
    codes = image.extract_band(0, n=3)
    if kind == "icclab":
        white = _ICC_WHITE if wide else 255
        chroma = codes.extract_band(1, n=2) / (256 if wide else 1) - 128
    else:
        white = 65535 if wide else 255
        signed = codes.extract_band(1, n=2).copy(format="short" if wide else "char")
        chroma = signed / (256 if wide else 1)
    lab = (codes[0] * (100 / white)).bandjoin(chroma).cast("float")
    if image.bands > 3:
        # Other bands are floats as well: up to 1.
        others = image.extract_band(3, n=image.bands - 3)
        lab = lab.bandjoin((others / (65535 if wide else 255)).cast("float"))
    return lab.copy(interpretation="lab")
