"""Changes to the bytes of films that no muxer would write."""

from fractions import Fraction
from pathlib import Path

import av

from colorworker.media.matroska import set_display_aspect

PES_START = b"\0\0\x01\xe0"
KEPT_EVERY = 9
ASPECT = Fraction(16, 15)
HIDDEN, SHOWN = 10, 0x10
BOTH_TIMES = 0b1100_0000


def clock_on_keyframes_only(path: Path) -> None:
    """Take pts and dts from all but every ninth packet of pictures, as broadcasters do.

    The flags go and the bytes become stuffing, so that nothing moves (ISO/IEC 13818-1, 2.4.3.7).
    """
    data = path.read_bytes()
    changed = bytearray(data)
    number = -1
    start = data.find(PES_START)
    while start >= 0:
        number += 1
        if number % KEPT_EVERY:
            length = changed[start + 8]
            changed[start + 7] &= ~BOTH_TIMES & 0xFF
            changed[start + 9 : start + 9 + length] = b"\xff" * length
        start = data.find(PES_START, start + 4)
    path.write_bytes(changed)


def with_display_aspect(path: Path) -> None:
    """Write the aspect into the header of a Matroska film, as other muxers do and PyAV does not."""
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        width, height = context.width, context.height
    set_display_aspect(path, width, height, ASPECT)


def with_a_hidden_frame(path: Path) -> None:
    """Make the eleventh frame of a VP8 film one that is decoded and not shown (RFC 6386, 9.1)."""
    with av.open(str(path)) as container:
        packet = [bytes(packet) for packet in container.demux(video=0)][HIDDEN]
    data = bytearray(path.read_bytes())
    data[data.index(packet)] &= ~SHOWN & 0xFF
    path.write_bytes(data)
    with_display_aspect(path)
