"""Decode Photoshop files: the picture of all layers that is stored beside them.

Source:
    Adobe Photoshop File Formats Specification, "Photoshop File Format": header and color modes;
    in bitmap mode, 1 is black.
"""

import struct
from dataclasses import replace
from pathlib import Path

from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.stills import oiiodecoder, pillowdecoder
from colorworker.media.stills.decoded import DecodedStill, Layout, inverted
from colorworker.media.stills.labpixels import lab_from_codes_of

_HEADER = struct.Struct(">4sH6xHIIHH")
_BITMAP, _MULTICHANNEL, _LAB = 0, 7, 9
_LAB_BANDS = 3
_CONVERT = "Convert it to TIFF first"


def decode(path: Path, key: str, folder: Path, max_pixels: int, page: int) -> DecodedStill:
    """Decode the picture at `path`; see `decoders.decode`."""
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise SourceDamaged(key, "its header is not complete", "Compare it with the original")
    _, _, channels, _, _, bits, mode = _HEADER.unpack(head)
    if mode == _MULTICHANNEL or (mode == _LAB and bits != 8):
        kind = "Multichannel, inks whose colors it does not say"
        kind = kind if mode == _MULTICHANNEL else f"L*a*b* of {bits} bits"
        raise SourceUnsupported(key, f"its Photoshop mode is {kind}", _CONVERT)
    whole = path, key, folder, max_pixels, page
    if mode == _LAB:
        return _as_lab(oiiodecoder.decode(*whole))
    if mode == _BITMAP:
        still = pillowdecoder.decode(*whole)
        # Pillow reads 1 as white.
        return replace(still, image=inverted(still.image))
    try:
        # Pillow first: OpenImageIO changes the colors of transparent pixels.
        still = pillowdecoder.decode(*whole)
    except (SourceDamaged, SourceUnsupported) as first:
        try:
            still = oiiodecoder.decode(*whole)
        except (SourceDamaged, SourceUnsupported):
            raise first from None
    lost = still.layout.bands < channels
    warnings = (f"of its {channels} channels, {still.layout.bands} are kept",) if lost else ()
    return replace(still, warnings=(*still.warnings, *warnings))


def _as_lab(still: DecodedStill) -> DecodedStill:
    """Return the picture, whose bands are read as codes, as L*a*b*."""
    image = lab_from_codes_of(still.image, "icclab")
    others = image.bands - _LAB_BANDS
    layout = Layout(image.width, image.height, "float32", _LAB_BANDS, (0,) * others)
    return replace(still, image=image, layout=layout, conversion=None)
