"""Films that lie about sizes, counts and times, expand without end, or are nested too deep."""

import struct
import zlib

from tests.filmfields import START, Bits
from tests.fuzz.hostilepictures import (
    ANY,
    DAMAGED,
    ORIGINALS,
    TOO_LARGE,
    after_name,
    deflated,
    patched,
)
from tests.fuzz.layouts import parts_of
from tests.fuzz.mutations import with_size

SEGMENT, CLUSTER, TAGS, TAG, SIMPLE_TAG = "18538067", "1F43B675", "1254C367", "7373", "67C8"
CHAPTERS, EDITION, ATOM = "1043A770", "45B9", "B6"
DEPTH = 20_000


def element(name: str, content: bytes) -> bytes:
    """Return an EBML element with a size of eight bytes."""
    return bytes.fromhex(name) + (1 << 56 | len(content)).to_bytes(8) + content


def nested(name: str, depth: int, around: bytes = b"") -> bytes:
    """Return an EBML element within itself, with 8 bytes of size at every level."""
    head, whole = bytes.fromhex(name), 0
    heads = []
    for _ in range(depth):
        heads.append(head + (1 << 56 | whole + len(around)).to_bytes(8) + around)
        whole += len(heads[-1])
    return b"".join(reversed(heads))


def matroska(more: bytes, name: str = "ffv1-gray.mkv") -> bytes:
    """Return a film with an element before all others of its segment."""
    data, wanted = ORIGINALS[name], bytes.fromhex(SEGMENT)
    segment = next(part for part in parts_of(data) if data[part.start :].startswith(wanted))
    data = with_size(data, segment, segment.end - segment.body + len(more))
    return data[: segment.body] + more + data[segment.body :]


def with_number(element_name: str, value: int, original: str) -> bytes:
    """Return a film whose first element of that name holds another number, as wide as before."""
    data, wanted = ORIGINALS[original], bytes.fromhex(element_name)
    part = next(p for p in parts_of(data) if data[p.start :].startswith(wanted))
    content = value.to_bytes(8)[-(part.end - part.body) :]
    return data[: part.body] + content + data[part.end :]


def box(name: bytes, content: bytes) -> bytes:
    """Return an MP4 box."""
    return struct.pack(">I4s", len(content) + 8, name) + content


def nested_boxes(name: bytes, depth: int) -> bytes:
    """Return an MP4 box within itself."""
    return b"".join(struct.pack(">I4s", 8 * (depth - level), name) for level in range(depth))


def mp4(word: bytes, skip: int, content: bytes, name: str = "h264-closed.mp4") -> bytes:
    """Return an MP4 with bytes changed behind the name of a box."""
    return after_name(name, word, skip, content)


ISOM, QUICKTIME = box(b"ftyp", b"isom\0\0\0\0isom"), box(b"ftyp", b"qt  \0\0\0\0qt  ")


def compressed_header(claimed: int, data: bytes) -> bytes:
    """Return a QuickTime film whose header is compressed, and claims to expand to some bytes."""
    inside = box(b"dcom", b"zlib") + box(b"cmvd", struct.pack(">I", claimed) + data)
    return QUICKTIME + box(b"moov", box(b"cmov", inside)) + box(b"mdat", b"")


def h264(width: int, height: int, frames: int = 8) -> bytes:
    """Return a stream whose pictures claim this size, with one slice of nothing."""
    sequence = Bits().fixed(100, 8).fixed(0, 8).fixed(62, 8).golomb(0, 1, 0, 0).fixed(0, 2)
    sequence.golomb(0, 0, 4, 16).fixed(0, 1)
    sequence.golomb(width // 16 - 1, height // 16 - 1).fixed(0b1_1_0_0, 4)
    picture = (
        Bits().golomb(0, 0).fixed(0, 2).golomb(0, 0, 0).fixed(0, 3).golomb(0, 0, 0).fixed(0, 3)
    )
    slices = [Bits().golomb(0, 7, 0).fixed(0, 4).golomb(n % 2).fixed(0, 8).fixed(0, 2).golomb(0)
              .raw(b"\x55" * 40).unit(5) for n in range(frames)]  # fmt: skip
    return b"".join((sequence.unit(7), picture.unit(8), *slices, START))


def avi(name: str, chunk: bytes, skip: int, *numbers: int) -> bytes:
    """Return an AVI with numbers of 32 bits changed behind the name of a chunk."""
    return after_name(name, chunk, skip, struct.pack(f"<{len(numbers)}I", *numbers))


def many_programs(tables: int) -> bytes:
    """Return a transport stream that begins with tables of 43 programs each."""
    made = []
    for number in range(tables):
        programs = range(number * 43 + 1, number * 43 + 44)
        rows = b"".join(struct.pack(">HH", n, 0xE000 | (n + 31) & 0x1FFF) for n in programs)
        made.append(b"\x47\x40\0\x10\0\0\xb0\xb1\0\1\xc1\0\0" + rows + b"\0\0\0\0" + b"\xff" * 3)
    return b"".join(made)


def y4m(head: str, frame: bytes = b"FRAME\n" + b"x" * 99) -> bytes:
    """Return raw pictures with this header."""
    return f"YUV4MPEG2 {head}\n".encode() + frame * 2


INFLATING = element(
    "AE",
    b"".join((
        element("D7", b"\2"), element("73C5", b"\2"), element("83", b"\1"),
        element("86", b"V_MJPEG"),
        element("E0", element("B0", b"\x40\0") + element("BA", b"\x40\0")),
        element("6D80", element("6240", element("5034", element("4254", b"\0")))),
    )),
)  # fmt: skip
"""A track whose packets are compressed with zlib."""


def inflating_packets() -> bytes:
    """Return a film of packets that expand to a gigabyte each."""
    packet = element("A3", b"\x82\0\0\x80" + deflated(64 << 20))
    head = element("1A45DFA3", element("4282", b"matroska"))
    info = element("1549A966", element("2AD7B1", b"\x0f\x42\x40"))
    return head + element(SEGMENT, info + element("1654AE6B", INFLATING)
                          + element(CLUSTER, element("E7", b"\0") + packet * 3))  # fmt: skip


POINTER = element(
    "114D9B74",
    element("4DBB", element("53AB", bytes.fromhex(TAGS)) + element("53AC", b"\xff" * 8)),
)
"""Says that tags lie where no file ends."""
SIMPLE = bytes.fromhex("45A3") + b"\x81a" + bytes.fromhex("4487") + b"\x81b"
UP = ANY | {"output_mismatch"}

FILMS = {
    "nested-tags.mkv": (
        lambda: matroska(element(TAGS, element(TAG, nested(SIMPLE_TAG, DEPTH, SIMPLE)))), UP),
    "nested-chapters.mkv": (
        lambda: matroska(element(CHAPTERS, element(EDITION, nested(ATOM, DEPTH)))), UP),
    "nested-segments.mkv": (
        lambda: ORIGINALS["ffv1-gray.mkv"][:40] + nested(SEGMENT, DEPTH), ANY),
    "tags-at-2-64.mkv": (lambda: matroska(POINTER), ANY),
    "huge-tags.mkv": (lambda: matroska(bytes.fromhex(TAGS) + b"\1" + b"\xff" * 6 + b"\0"), ANY),
    "huge-attachment.mkv": (
        lambda: matroska(bytes.fromhex("1941A469") + b"\1" + b"\x7f" + b"\xff" * 6), ANY),
    "many-tags.mkv": (
        lambda: matroska(element(TAGS, element(TAG, element(SIMPLE_TAG, SIMPLE)) * 20_000)), ANY),
    "inflating.mkv": (inflating_packets, ANY),
    "width-65535.mkv": (
        lambda: with_number("B0", 65_535, "ffv1-gray.mkv"), ANY),
    "time-scale-0.mkv": (lambda: with_number("2AD7B1", 0, "h264-open.mkv"), ANY),
    "time-scale-2-24.mkv": (lambda: with_number("2AD7B1", 2**24 - 1, "h264-open.mkv"), ANY),
    "nested-moov.mp4": (
        lambda: ISOM + nested_boxes(b"moov", DEPTH), DAMAGED),
    "nested-trak.mp4": (
        lambda: ORIGINALS["h264-closed.mp4"] + box(b"moov", nested_boxes(b"trak", DEPTH)), ANY),
    "nested-udta.mov": (
        lambda: QUICKTIME + box(b"moov", nested_boxes(b"udta", DEPTH)), DAMAGED),
    "box-of-2-63.mp4": (
        lambda: ISOM + b"\0\0\0\1moov" + b"\x7f" + b"\xff" * 7, DAMAGED),
    "language-of-2-62.mp4": (
        lambda: ISOM + b"\0\0\0\0moov" + b"\0\0\0\0trak"
        + b"\0\0\0\1elng" + b"\x3f" + b"\xff" * 7, DAMAGED),
    "4-billion-frames.mp4": (lambda: mp4(b"stts", 4, b"\0\0\0\1\xff\xff\xff\xff"), ANY),
    "4-billion-sizes.mp4": (lambda: mp4(b"stsz", 4, b"\0\0\0\1\xff\xff\xff\xff"), ANY),
    "4-billion-entries.mp4": (lambda: mp4(b"stts", 4, b"\xff\xff\xff\xff"), ANY),
    "4-billion-offsets.mp4": (lambda: mp4(b"ctts", 4, b"\xff\xff\xff\xff"), ANY),
    "4-billion-chunks.mp4": (lambda: mp4(b"stco", 4, b"\xff\xff\xff\xff"), ANY),
    "4-billion-per-chunk.mp4": (lambda: mp4(b"stsc", 12, b"\xff\xff\xff\xff"), ANY),
    "33-million-in-a-long-run.mp4": (
        lambda: mp4(b"trun", -8, b"\0\0\0\1", "h264-fragments.mp4"), DAMAGED),
    "33-million-in-a-fragment.mp4": (
        lambda: mp4(b"trun", 4, b"\2\0\0\3", "h264-fragments.mp4"), DAMAGED),
    "frame-of-a-century.mp4": (lambda: mp4(b"stts", 12, b"\x7f\xff\xff\xff"), ANY),
    "frame-of-0.mp4": (lambda: mp4(b"stts", 12, b"\0\0\0\0"), ANY),
    "time-scale-0.mp4": (lambda: mp4(b"mdhd", 12, b"\0\0\0\0"), ANY),
    "time-scale-1.mp4": (lambda: mp4(b"mdhd", 12, b"\0\0\0\1"), ANY),
    "time-scale-2-32.mp4": (lambda: mp4(b"mdhd", 12, b"\xff\xff\xff\xff"), ANY),
    "edit-of-2-31.mp4": (lambda: mp4(b"elst", 8, b"\xff\xff\xff\xff\x7f\xff\xff\xff"), ANY),
    "65535-square.mp4": (lambda: mp4(b"avc1", 24, b"\xff\xff\xff\xff"), ANY),
    "compressed-header.mov": (
        lambda: compressed_header(0xFFFFFFF0, zlib.compress(b"x" * 99)), DAMAGED),
    "expanding-header.mov": (
        lambda: compressed_header(64 << 20, deflated(64 << 20)), DAMAGED),
    "h264-16320-square.h264": (lambda: h264(16_320, 16_320), TOO_LARGE),
    "h264-4096-square.h264": (lambda: h264(4096, 4096, 1), ANY),
    "rate-0.avi": (lambda: avi("ffv1.avi", b"strh", 24, 0, 0), ANY),
    "rate-2-32.avi": (lambda: avi("ffv1.avi", b"strh", 24, 1, 2**32 - 1), ANY),
    "scale-2-32.avi": (lambda: avi("ffv1.avi", b"strh", 24, 2**32 - 1, 1), ANY),
    "4-billion-frames.avi": (lambda: avi("ffv1.avi", b"strh", 36, 2**32 - 1), ANY),
    "65535-square.avi": (
        lambda: avi("yuy2.avi", b"strf", 8, 65_535, 65_535), TOO_LARGE),
    "minus.avi": (lambda: avi("yuy2.avi", b"strf", 8, 2**31, 2**31), ANY),
    "65535-square.y4m": (lambda: y4m("W65535 H65535 F25:1 C420"), TOO_LARGE),
    "16000-square.y4m": (lambda: y4m("W16000 H16000 F25:1 C420"), DAMAGED),
    "rate-0.y4m": (lambda: y4m("W48 H32 F0:0 C420"), ANY),
    "rate-2-31.y4m": (lambda: y4m("W48 H32 F2147483647:1 C420"), ANY),
    "rate-1-per-68-years.y4m": (lambda: y4m("W48 H32 F1:2147483647 C420"), ANY),
    "endless-header.y4m": (lambda: y4m("W" + "9" * 2**20), ANY),
    "time-base-0.ivf": (lambda: after_name("av1.ivf", b"DKIF", 12, b"\0" * 8), ANY),
    "time-base-2-32.ivf": (lambda: after_name("av1.ivf", b"DKIF", 12, b"\xff" * 8), ANY),
    "packet-of-2-32.ivf": (lambda: after_name("av1.ivf", b"DKIF", 28, b"\xff" * 4), ANY),
    "item-of-2-63.mxf": (
        lambda: patched("ffv1.mxf", (16, b"\x88\x7f" + b"\xff" * 7)), ANY),
    "rate-0.flv": (lambda: after_name("h264.flv", b"framerate", 1, b"\0" * 8), ANY),
    "rate-nan.flv": (lambda: after_name("h264.flv", b"framerate", 1, b"\x7f\xf8" + b"\0" * 6), ANY),
    "430-programs.ts": (lambda: many_programs(10) + ORIGINALS["h264.ts"], ANY),
    "zeros.mpg": (lambda: b"\0\0\1\xba" + b"\0" * (1 << 20), ANY),
    "only-syncs.ts": (lambda: b"\x47" + b"\xff" * 187 + (b"\x47" + b"\0" * 187) * 5000, ANY),
    "nothing.mkv": (lambda: b"", ANY),
    "only-a-name.mkv": (lambda: b"\x1a\x45\xdf\xa3", ANY),
    "only-a-name.mp4": (lambda: b"\0\0\0\x18ftypmp42", ANY),
}  # fmt: skip
"""Name: (the file's bytes, how it may end)."""
