"""Change XMP packets as text: join extended XMP, split it off again, remove stale thumbnails.

Source:
    XMP specification part 1, 7.3 (packet wrapper), and part 3, 1.1.3.1 (extended XMP in JPEG).
"""

import hashlib
import re

from colorworker.domain.label import Notice
from colorworker.media.stills.jpegsegments import fits_segment
from colorworker.media.xmpnotice import HISTORY, add_notice_to_xmp

_THUMBNAILS = re.compile(rb"<xmp:Thumbnails\b.*?</xmp:Thumbnails>\s*", re.DOTALL)
_EXTENDED = re.compile(
    rb"""\s+xmpNote:HasExtendedXMP\s*=\s*("[^"]*"|'[^']*')"""
    rb"|<xmpNote:HasExtendedXMP\b.*?</xmpNote:HasExtendedXMP>",
    re.DOTALL,
)
_DECLARATION = re.compile(rb"""\bxmlns:([\w.-]+)\s*=\s*("[^"]*"|'[^']*')""")
_ROOT = re.compile(rb"<rdf:RDF\b[^>]*>")
_META = re.compile(rb"<x:xmpmeta\b[^>]*>")
_ROOT_END = b"</rdf:RDF>"
_META_END = b"</x:xmpmeta>"
_PACKET_END = b"<?xpacket end"
_WITH_EXTENDED = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
    b' xmpNote:HasExtendedXMP="%s"/></rdf:RDF></x:xmpmeta>'
)


def without_stale_parts(xmp: bytes) -> bytes:
    """Return the packet without embedded thumbnails, which show the gray picture."""
    return _THUMBNAILS.sub(b"", xmp)


def without_padding(xmp: bytes) -> bytes:
    """Return the packet without the spaces that editors leave in front of its end."""
    # Not by a pattern, whose time would grow with the square of the padding.
    end = max(xmp.rfind(_PACKET_END), 0)
    return xmp[:end].rstrip() + b"\n" + xmp[end:]


def with_extended(xmp: bytes, extended: bytes) -> bytes:
    """Return one packet with the properties of a JPEG's packet and of its extended XMP.

    The packet stays as it is if the extended XMP has another form than the specification's, or
    uses a prefix of the packet for another namespace.
    """
    root, other = _ROOT.search(xmp), _ROOT.search(extended)
    end, other_end = xmp.rfind(_ROOT_END), extended.rfind(_ROOT_END)
    if not root or not other or end < 0 or other_end < 0:
        return xmp
    declared = dict(_DECLARATION.findall(xmp[: root.end()]))
    needed = dict(_DECLARATION.findall(extended[: other.end()]))
    if any(declared.get(name, value) != value for name, value in needed.items()):
        return xmp
    missing = b"".join(b" xmlns:%s=%s" % item for item in needed.items() if item[0] not in declared)
    close = root.end() - 1
    body = xmp[:close] + missing + xmp[close:end] + extended[other.end() : other_end] + xmp[end:]
    return _EXTENDED.sub(b"", body)


def for_jpeg(xmp: bytes, extended: bytes, notice: Notice | None) -> tuple[bytes, bytes]:
    """Return packet and extended XMP for a JPEG, with the notice if there is one.

    A packet that does not fit into a segment of 64 kB first loses its padding. If it is still too
    large, all of it becomes extended XMP, and the packet only refers to it.

    Args:
        xmp: The source's packet; may be empty.
        extended: The source's extended XMP; may be empty.
        notice: The notice; None for none.
    """
    has_history = HISTORY in extended
    packet = add_notice_to_xmp(xmp, notice, has_history=has_history) if notice else xmp
    if not fits_segment(xmp=packet):
        packet = without_padding(packet)
    if fits_segment(xmp=packet):
        return packet, extended
    whole = without_padding(with_extended(xmp, extended) if extended else xmp)
    meta, end = _META.search(whole), whole.rfind(_META_END)
    if not meta or end < 0:
        return packet, extended
    whole = whole[meta.start() : end] + _META_END
    packet = _WITH_EXTENDED % hashlib.md5(whole, usedforsecurity=False).hexdigest().upper().encode()
    if notice:
        packet = add_notice_to_xmp(
            packet,
            notice,
            described=b"dc:description" in whole,
            has_history=HISTORY in whole,
        )
    return packet, whole
