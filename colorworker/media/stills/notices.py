"""Write the notice of a colored still into XMP and EXIF and, on request, into its corner."""

import re
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyvips

from colorworker.color.notice import Box, notice_box
from colorworker.domain.provenance import SOURCE_TYPE
from colorworker.media.burnin import notice_does_not_fit
from colorworker.media.stills.orientation import as_stored
from colorworker.media.stills.port import StillHeader

_TYPE_OF_SOURCE = re.compile(
    rb"""\s+Iptc4xmpExt:DigitalSourceType\s*=\s*("[^"]*"|'[^']*')"""
    rb"|<Iptc4xmpExt:DigitalSourceType\b.*?</Iptc4xmpExt:DigitalSourceType>",
    re.DOTALL,
)
_END = b"</rdf:RDF>"
_EMPTY = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta>'
)


def add_notice_to_xmp(xmp: bytes, text: str, *, described: bool = False) -> bytes:
    """Return an XMP packet with the source type and the notice; unchanged if its form is unknown.

    The notice becomes the description unless there is one.

    Args:
        xmp: The packet; may be empty.
        text: The notice.
        described: Whether there is a description outside of the packet.

    Source:
        IPTC Photo Metadata Standard, Digital Source Type; XMP specification part 1, 7.4.
    """
    packet = _TYPE_OF_SOURCE.sub(b"", xmp or _EMPTY)
    if _END not in packet:
        return xmp
    described = described or b"dc:description" in packet
    description = "" if described else _description(text)
    block = (
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/" Iptc4xmpExt:DigitalSourceType='
        f"{quoteattr(SOURCE_TYPE)}>{description}</rdf:Description>"
    )
    head, end, tail = packet.rpartition(_END)
    return head + block.encode() + end + tail


def _description(text: str) -> str:
    return (
        '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">'
        f"{escape(text)}</rdf:li></rdf:Alt></dc:description>"
    )


def notice_box_in_still(key: str, info: StillHeader) -> Box:
    """Return the box of the notice in the picture as it is stored.

    Raises:
        SourceUnsupported: If the picture is too small for the notice.
    """
    box = notice_box(info.upright_height, info.upright_width)
    if box is None:
        raise notice_does_not_fit(key, info.width, info.height)
    # Find where the lower right corner, as shown by viewers, is stored.
    corner = np.zeros((2, 2), np.float32)
    corner[1, 1] = 1
    low, right = np.argwhere(as_stored(corner, info.orientation))[0]
    mask = as_stored(box.mask.astype(np.float32), info.orientation) > 0
    below = info.upright_height - box.top - box.height
    beside = info.upright_width - box.left - box.width
    if info.orientation >= 5:
        below, beside = beside, below
    height, width = mask.shape
    top = info.height - below - height if low else below
    left = info.width - beside - width if right else beside
    return Box(top, left, mask)


def burn_in(rgb: pyvips.Image, box: Box) -> pyvips.Image:
    """Return the picture, 8 or 16 bits, with the notice drawn in; the rest is unchanged."""
    dtype = np.uint16 if rgb.format == "ushort" else np.uint8
    patch = np.repeat(
        np.where(box.mask, np.iinfo(dtype).max, 0).astype(dtype)[..., None], 3, axis=2
    )
    inserted = pyvips.Image.new_from_array(patch).copy(interpretation=rgb.interpretation)
    return rgb.insert(inserted, box.left, box.top)


def zero_box(image: pyvips.Image, box: Box) -> pyvips.Image:
    """Return a one-band picture set to 0 inside the box."""
    return image.insert(
        pyvips.Image.black(box.width, box.height).cast(image.format), box.left, box.top
    )
