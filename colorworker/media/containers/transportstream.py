"""Packets of MPEG transport streams that libav does not pass on.

Source: ISO/IEC 13818-1, sections 2.4.3.2 (transport packets) and 2.4.3.6 (PES packets).
"""

from collections.abc import Iterator

SYNC, PACKET_BYTES, M2TS_BYTES = 0x47, 188, 192


def packets(data: bytes) -> Iterator[bytes]:
    """Yield the whole transport packets in these bytes, 188 bytes each, also of M2TS."""
    start = data.find(SYNC)
    while start >= 0:
        step = next(
            (
                size
                for size in (PACKET_BYTES, M2TS_BYTES)
                if data[start + size : start + size + 1] in (b"\x47", b"")
            ),
            0,
        )
        if not step:
            start = data.find(SYNC, start + 1)
            continue
        while data[start : start + 1] == b"\x47" and start + PACKET_BYTES <= len(data):
            yield data[start : start + PACKET_BYTES]
            start += step
        start = data.find(SYNC, start)
        if start + PACKET_BYTES > len(data):
            return


def pid_of(packet: bytes) -> int:
    """Return a transport packet's PID."""
    return (packet[1] & 0x1F) << 8 | packet[2]


def scrambling(data: bytes, pid: int) -> Iterator[bool]:
    """Yield for each packet of a PID whether it is scrambled."""
    return (bool(packet[3] & 0xC0) for packet in packets(data) if pid_of(packet) == pid)
