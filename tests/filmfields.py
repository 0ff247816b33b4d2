"""Makes H.264 films whose fields are coded as pictures of their own (PAFF); no encoder here does.

All macroblocks are I_PCM, so the film decodes to the given luma exactly. Written from ITU-T H.264,
sections 7.3.2.1.1 (sequence parameters), 7.3.2.2 (picture parameters), 7.3.3 (slice header) and
7.3.5 (macroblocks).
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 32, 32
PCM_MACROBLOCK = 25
START = b"\0\0\0\x01"


class Bits:
    """Collects bits, most significant first."""

    def __init__(self) -> None:
        self.text = ""

    def fixed(self, value: int, count: int) -> "Bits":
        self.text += f"{value:0{count}b}"
        return self

    def golomb(self, *values: int) -> "Bits":
        for value in values:
            self.text += "0" * ((value + 1).bit_length() - 1) + f"{value + 1:b}"
        return self

    def align(self) -> "Bits":
        self.text += "0" * (-len(self.text) % 8)
        return self

    def raw(self, data: bytes) -> "Bits":
        self.text += "".join(f"{byte:08b}" for byte in data)
        return self

    def unit(self, kind: int) -> bytes:
        """Return a NAL unit with these bits, a stop bit, and emulation prevention."""
        self.fixed(1, 1).align()
        payload = int(self.text, 2).to_bytes(len(self.text) // 8, "big")
        escaped, zeros = bytearray(), 0
        for byte in payload:
            if zeros == 2 and byte <= 3:
                escaped.append(3)
                zeros = 0
            escaped.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return START + bytes([3 << 5 | kind]) + bytes(escaped)


def parameter_sets() -> bytes:
    """Return the sequence and picture parameters of a Main-profile film with fields."""
    sequence = Bits().fixed(77, 8).fixed(0, 8).fixed(30, 8)
    sequence.golomb(0, 0, 0, 4, 1).fixed(0, 1)  # id, frame_num, POC type 0 with 8 bits, one ref
    sequence.golomb(WIDTH // 16 - 1, HEIGHT // 32 - 1).fixed(0b00100, 5)  # not frame_mbs_only
    picture = Bits().golomb(0, 0).fixed(0, 2).golomb(0, 0, 0).fixed(0, 3)
    picture.golomb(0, 0, 0).fixed(0b100, 3)  # deblocking can be switched off per slice
    return sequence.unit(7) + picture.unit(8)


def field(luma: np.ndarray, number: int, *, is_bottom: bool) -> bytes:
    """Return a slice with one field; the first field of every frame is an IDR picture."""
    bits = Bits().golomb(0, 7, 0).fixed(0, 4).fixed(1, 1).fixed(is_bottom, 1)
    if not is_bottom:
        bits.golomb(number % 2)  # successive IDR pictures have different ids
    bits.fixed(is_bottom, 8).fixed(0, 1 if is_bottom else 2)
    bits.golomb(0, 1)  # no change of QP, no deblocking
    for row in range(0, luma.shape[0], 16):
        for column in range(0, luma.shape[1], 16):
            block = luma[row : row + 16, column : column + 16].astype(np.uint8)
            bits.golomb(PCM_MACROBLOCK).align().raw(block.tobytes() + bytes([128]) * 128)
    return bits.unit(1 if is_bottom else 5)


def pictures(frames: int) -> list[np.ndarray]:
    """Return the luma of the frames, uint8 (32, 32) each, all different."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return [((rows * 3 + columns * 2 + 7 * n) % 200 + 20).astype(np.uint8) for n in range(frames)]


def make_film_of_fields(path: Path, frames: int) -> Path:
    """Write a transport stream of 25 frames per second with a packet per field."""
    raw = path.with_suffix(".h264")
    raw.write_bytes(
        b"".join(
            parameter_sets()
            + field(luma[0::2], number, is_bottom=False)
            + field(luma[1::2], number, is_bottom=True)
            for number, luma in enumerate(pictures(frames))
        )
    )
    with av.open(str(raw)) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(each for each in source.demux(video=0) if each.size):
            packet.pts = packet.dts = 1800 * number
            packet.time_base, packet.stream = Fraction(1, 90_000), stream
            output.mux(packet)
    raw.unlink()
    return path
