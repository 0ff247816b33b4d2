"""Tell packets without a shown frame: VP8, VP9 and AV1 store frames that are only references.

Most files keep such a frame in one packet with the next shown one. Some keep it in a packet of its
own, which gives no frame, although nothing is missing.
"""

from collections.abc import Callable, Iterator

_VP8_SHOWN = 0x10
_VP9_EXISTING, _VP9_SHOWN = 0x8, 0x2
_VP9_PROFILE_3 = 0x30
_VP9_INDEX, _VP9_INDEX_MASK = 0xC0, 0xE0
_AV1_EXTENDED, _AV1_SIZED = 0x4, 0x2
_AV1_SEQUENCE, _AV1_FRAME_HEADER, _AV1_FRAME = 1, 3, 6
_AV1_SHOWN = 0x90
"""Bits of a frame header: show_existing_frame and show_frame."""
_AV1_STILL = 0x8
"""Bit of a sequence header, reduced_still_picture_header; frame headers then lack those bits."""


def is_hidden(codec: str, packet: memoryview) -> bool:
    """Return whether no frame of a packet is shown.

    Args:
        codec: The codec's name. Packets of other codecs than vp8, vp9 and av1 are never hidden.
        packet: Its bytes, at least one. Of AV1, with sizes in all units, as containers store them.

    Source:
        RFC 6386, section 9.1; VP9 Bitstream Specification 0.6, sections 6.2 and Annex B; AV1
        Bitstream & Decoding Process Specification, sections 5.3 and 5.9.2.
    """
    frames = _FRAMES.get(codec)
    if frames is None:
        return False
    shown = list(frames(packet))
    return bool(shown) and not any(shown)


def _vp8_frames(packet: memoryview) -> Iterator[bool]:
    yield bool(packet[0] & _VP8_SHOWN)


def _vp9_frames(packet: memoryview) -> Iterator[bool]:
    """Yield for every frame of a packet whether it is shown."""
    start = 0
    for size in _vp9_sizes(packet):
        if 0 < size <= len(packet) - start:
            first = packet[start]
            if first & _VP9_PROFILE_3 == _VP9_PROFILE_3:
                first <<= 1  # A reserved bit comes before the flags.
            yield bool(first & (_VP9_EXISTING | _VP9_SHOWN))
        start += size


def _vp9_sizes(packet: memoryview) -> list[int]:
    """Return the sizes of the frames in a packet, from the index at its end if there is one."""
    last = packet[-1]
    count, width = (last & 7) + 1, (last >> 3 & 3) + 1
    start = len(packet) - 2 - count * width
    if last & _VP9_INDEX_MASK != _VP9_INDEX or start < 0 or packet[start] != last:
        return [len(packet)]
    index = packet[start + 1 : -1]
    return [
        int.from_bytes(index[place : place + width], "little")
        for place in range(0, count * width, width)
    ]


def _av1_frames(packet: memoryview) -> Iterator[bool]:
    """Yield for every frame header of a packet whether its frame is shown."""
    place = 0
    while place < len(packet):
        header = packet[place]
        place += 2 if header & _AV1_EXTENDED else 1
        size = len(packet) - place
        if header & _AV1_SIZED:
            size, place = _leb128(packet, place)
        kind = header >> 3 & 15
        if place < len(packet) and kind in {_AV1_FRAME_HEADER, _AV1_FRAME}:
            yield bool(packet[place] & _AV1_SHOWN)
        elif place < len(packet) and kind == _AV1_SEQUENCE:
            yield bool(packet[place] & _AV1_STILL)
        place += size


def _leb128(data: memoryview, place: int) -> tuple[int, int]:
    """Return the number at a place and the place after it; data that ends too early is 0."""
    value = 0
    for shift in range(0, 56, 7):
        if place >= len(data):
            return 0, place
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            break
    return value, place


_FRAMES: dict[str, Callable[[memoryview], Iterator[bool]]] = {
    "vp8": _vp8_frames,
    "vp9": _vp9_frames,
    "av1": _av1_frames,
}
