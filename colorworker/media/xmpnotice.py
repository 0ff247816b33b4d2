"""The notice of a color copy in XMP: digital source type, description, and an entry of the history.

The history says what was done, with what and to what, but not when: outputs are byte-reproducible,
and times are in the done-record and in sidecars.
"""

import re
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from colorworker import __version__
from colorworker.domain.label import Notice
from colorworker.domain.provenance import SOURCE_TYPE

HISTORY = b"xmpMM:History"
_TYPE_OF_SOURCE = re.compile(
    rb"""\s+Iptc4xmpExt:DigitalSourceType\s*=\s*("[^"]*"|'[^']*')"""
    rb"|<Iptc4xmpExt:DigitalSourceType\b.*?</Iptc4xmpExt:DigitalSourceType>",
    re.DOTALL,
)
_ENTRIES = re.compile(
    rb"<xmpMM:History\b[^>/]*>\s*<rdf:Seq\b[^>/]*>.*?(?=</rdf:Seq>\s*</xmpMM:History>)", re.DOTALL
)
_END = b"</rdf:RDF>"
_EMPTY = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta>'
)
_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""Of the box that holds XMP in MP4."""


def add_notice_to_xmp(
    xmp: bytes, notice: Notice, *, described: bool = False, has_history: bool = False
) -> bytes:
    """Return an XMP packet with the source type and the notice; unchanged if its form is unknown.

    The notice becomes the description unless there is one. A history that is there gets one more
    entry.

    Args:
        xmp: The packet; may be empty.
        notice: The notice.
        described: Whether there is a description outside of the packet.
        has_history: Whether there is a history outside of the packet, which stays as it is.

    Source:
        IPTC Photo Metadata Standard, Digital Source Type; XMP specification part 1, 7.4, and part
        2, 1.2.3.3 (xmpMM:History, ResourceEvent).
    """
    packet = _TYPE_OF_SOURCE.sub(b"", xmp or _EMPTY)
    if _END not in packet:
        return xmp
    entry = _entry(notice)
    if notice.history and (entries := _ENTRIES.search(packet)):
        packet = packet[: entries.end()] + entry.encode() + packet[entries.end() :]
    described = described or b"dc:description" in packet
    properties = "" if described else _description(notice.text)
    if notice.history and not has_history and HISTORY not in packet:
        properties += f"<xmpMM:History><rdf:Seq>{entry}</rdf:Seq></xmpMM:History>"
    block = (
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"'
        f" Iptc4xmpExt:DigitalSourceType={quoteattr(SOURCE_TYPE)}>{properties}</rdf:Description>"
    )
    head, end, tail = packet.rpartition(_END)
    return head + block.encode() + end + tail


def append_to_mp4(path: Path, xmp: bytes) -> None:
    """Append an XMP packet to an MP4 file.

    Source:
        XMP specification part 3, 1.2.7.1 (a box `uuid` at the top level).
    """
    with path.open("ab") as file:
        file.write((8 + len(_UUID) + len(xmp)).to_bytes(4, "big") + b"uuid" + _UUID + xmp)


def _entry(notice: Notice) -> str:
    return (
        '<rdf:li rdf:parseType="Resource" xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#">'
        "<stEvt:action>edited</stEvt:action>"
        f"<stEvt:parameters>{escape(notice.history)}</stEvt:parameters>"
        f"<stEvt:softwareAgent>colorworker {__version__}</stEvt:softwareAgent></rdf:li>"
    )


def _description(text: str) -> str:
    return (
        '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">'
        f"{escape(text)}</rdf:li></rdf:Alt></dc:description>"
    )
