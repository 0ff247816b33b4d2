"""Pictures that lie about their size, expand without end, or refer to themselves."""

import io
import struct
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from tests.fuzz.originals import EXIF, GRAY, originals
from tests.unit.media.stills.test_png import packed

LARGE = 65_535
"""More than a thousand million pixels as width and height."""
BELOW_THE_LIMIT = 31_000
"""Just less than the default limit on pixels as width and height."""
EXPANDED_BYTES = 256 << 20


def deflated(count: int, byte: bytes = b"\0") -> bytes:
    """Return zlib data that expands to this many equal bytes."""
    packer, piece = zlib.compressobj(9), byte * (1 << 20)
    return b"".join(packer.compress(piece) for _ in range(count >> 20)) + packer.flush()


def png(width: int, height: int, data: bytes, before: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """Return a gray PNG of 8 bits whose pixels are this zlib data."""
    head = packed(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    more = b"".join(packed(*chunk) for chunk in before)
    return b"\x89PNG\r\n\x1a\n" + head + more + packed(b"IDAT", data) + packed(b"IEND", b"")


def small_png(*before: tuple[bytes, bytes]) -> bytes:
    """Return an intact PNG with these chunks before its pixels."""
    rows = b"".join(b"\0" + row.tobytes() for row in GRAY)
    return png(GRAY.shape[1], GRAY.shape[0], zlib.compress(rows), before)


def tiff(tags: dict[int, tuple[int, int, int]], more: bytes = b"", following: int = 0) -> bytes:
    """Return a little-endian TIFF of one directory at byte 8, with `more` after it.

    Args:
        tags: Type, count, and value or offset by number.
        more: Bytes that follow; they begin at `after(tags)`.
        following: Offset of the next directory.
    """
    entries = b"".join(struct.pack("<HHII", number, *tags[number]) for number in sorted(tags))
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags))
    return head + entries + struct.pack("<I", following) + more


def after(tags: dict[int, tuple[int, int, int]]) -> int:
    """Return where `more` begins in a TIFF of these tags."""
    return 8 + 2 + 12 * len(tags) + 4


def gray_tags(width: int, height: int, **changes: tuple[int, int, int]) -> dict:
    """Return the tags of a gray TIFF of 8 bits in one strip right after the directory."""
    tags = {
        256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1),
        273: (4, 1, 0), 277: (3, 1, 1), 278: (4, 1, height),
        279: (4, 1, width * height & 0xFFFFFFFF),
    }  # fmt: skip
    tags |= {int(name.removeprefix("t")): value for name, value in changes.items()}
    kind, count, _ = tags[273]
    return tags | {273: (kind, count, after(tags))}


def small_tiff(**changes: tuple[int, int, int]) -> bytes:
    """Return an intact TIFF with these tags changed."""
    return tiff(gray_tags(GRAY.shape[1], GRAY.shape[0], **changes), GRAY.tobytes())


def pages(count: int) -> bytes:
    """Return a TIFF of many directories that share one strip."""
    tags = gray_tags(GRAY.shape[1], GRAY.shape[0])
    size = after(tags) - 8
    tags[273] = (4, 1, 8 + count * size)
    directories = (
        tiff(tags, following=8 + (number + 1) * size if number + 1 < count else 0)[8:]
        for number in range(count)
    )
    return b"II*\0\x08\0\0\0" + b"".join(directories) + GRAY.tobytes()


def jpeg(width: int, height: int, *, progressive: bool = False, scans: int = 1) -> bytes:
    """Return a JPEG that claims this size, with its one intact scan repeated."""
    buffer = io.BytesIO()
    Image.fromarray(GRAY).save(buffer, "JPEG", progressive=progressive)
    data = bytearray(buffer.getvalue())
    frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    struct.pack_into(">HH", data, frame + 5, height, width)
    if scans == 1:
        return bytes(data)
    start = data.index(b"\xff\xda")
    second = data.find(b"\xff\xda", start + 2)
    end = second if second > 0 else len(data) - 2
    return bytes(data[:start] + data[start:end] * scans + data[end:])


def with_segment(data: bytes, name: int, content: bytes) -> bytes:
    """Return a JPEG with one more segment at its beginning."""
    return data[:2] + bytes((0xFF, name)) + struct.pack(">H", len(content) + 2) + content + data[2:]


def circular_exif() -> bytes:
    """Return EXIF whose directories refer to themselves: next, EXIF, GPS and interoperability."""
    tags = dict.fromkeys((34665, 34853, 40965), (4, 1, 8)) | {270: (2, 0xFFFFFFFF, 8)}
    return b"Exif\0\0" + tiff(tags, following=8)


def deep_xmp(depth: int) -> bytes:
    """Return XMP whose elements are nested, with a document type that expands itself."""
    entities = "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)
    )  # a billion laughs
    head = f'<!DOCTYPE x [<!ENTITY a0 "ha">{entities}]><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    return (head + "<a>" * depth + "&a9;" + "</a>" * depth + "</x:xmpmeta>").encode()


def window(*corners: int) -> bytes:
    """Return an OpenEXR with this data window."""
    return after_name("gray.exr", b"dataWindow\0box2i\0", 4, struct.pack("<4i", *corners))


def patched(name: str, *changes: tuple[int, bytes]) -> bytes:
    """Return an intact file with bytes changed at places."""
    data = bytearray(ORIGINALS[name])
    for place, content in changes:
        data[place : place + len(content)] = content
    return bytes(data)


def after_name(name: str, word: bytes, skip: int, content: bytes) -> bytes:
    """Return an intact file with bytes changed behind a word that is in it."""
    return patched(name, (ORIGINALS[name].index(word) + len(word) + skip, content))


class _Originals(dict):
    def __missing__(self, name: str) -> bytes:
        original = next(each for each in originals() if each.name == name)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            original.write(path)
            self[name] = path.read_bytes()
        return self[name]


ORIGINALS = _Originals()
"""Bytes of intact files by name, made when they are first needed."""
BIG, LITTLE = struct.pack(">II", LARGE, LARGE), struct.pack("<II", LARGE, LARGE)
CLOSE = struct.pack(">II", BELOW_THE_LIMIT, BELOW_THE_LIMIT)
CLOSE_LITTLE = struct.pack("<II", BELOW_THE_LIMIT, BELOW_THE_LIMIT)
XMP_HEAD = b"XML:com.adobe.xmp\0\1\0\0\0"
HUGE = b"\x7f\xff\xff\xff" * 2
TOO_LARGE = {"source_too_large", "source_damaged", "source_unsupported"}
DAMAGED = {"source_damaged", "source_unsupported"}
FINE = {"succeeded"}
ANY = TOO_LARGE | FINE | {"already_color", "two_tones", "not_media"}

PICTURES = {
    "claims-65535.png": (lambda: png(LARGE, LARGE, b"x" * 99), TOO_LARGE),
    "claims-31000.png": (lambda: png(BELOW_THE_LIMIT, BELOW_THE_LIMIT, b"x" * 99), DAMAGED),
    "claims-2-31.png": (lambda: png(2**31 - 1, 2**31 - 1, b"x"), TOO_LARGE),
    "one-line.png": (lambda: png(900_000_000, 1, b"x" * 99), ANY),
    "one-column.png": (lambda: png(1, 900_000_000, b"x" * 99), ANY),
    "expanding-pixels.png": (
        lambda: png(BELOW_THE_LIMIT, BELOW_THE_LIMIT, deflated(64 << 20)), DAMAGED),
    "expanding-profile.png": (
        lambda: small_png((b"iCCP", b"a\0\0" + deflated(EXPANDED_BYTES))), ANY),
    "expanding-text.png": (lambda: small_png((b"zTXt", b"a\0\0" + deflated(EXPANDED_BYTES))), ANY),
    "expanding-itext.png": (
        lambda: small_png((b"iTXt", b"a\0\1\0\0\0" + deflated(EXPANDED_BYTES))), ANY),
    "expanding-xmp.png": (
        lambda: small_png((b"iTXt", XMP_HEAD + deflated(EXPANDED_BYTES))), ANY),
    "many-texts.png": (lambda: small_png(*[(b"tEXt", b"a\0b")] * 50_000), ANY),
    "circular-exif.png": (lambda: small_png((b"eXIf", circular_exif()[6:])), ANY),
    "claims-65535.tif": (lambda: tiff(gray_tags(LARGE, LARGE), b"x" * 99), TOO_LARGE),
    "claims-31000.tif": (
        lambda: tiff(gray_tags(BELOW_THE_LIMIT, BELOW_THE_LIMIT), b"x" * 99), DAMAGED),
    "claims-4-billion-rows.tif": (lambda: tiff(gray_tags(1, 2**32 - 1), b"x" * 99), TOO_LARGE),
    "claims-65535-samples.tif": (lambda: small_tiff(t277=(3, 1, 65_535)), DAMAGED),
    "claims-4-billion-strips.tif": (
        lambda: small_tiff(t273=(4, 2**32 - 1, 8), t278=(4, 1, 1)), ANY),
    "claims-4-billion-counts.tif": (lambda: small_tiff(t279=(4, 2**32 - 1, 8)), ANY),
    "claims-4-billion-words.tif": (lambda: small_tiff(t270=(2, 2**32 - 1, 8)), ANY),
    "claims-4-billion-xmp.tif": (lambda: small_tiff(t700=(1, 2**32 - 1, 8)), ANY),
    "claims-4-billion-icc.tif": (lambda: small_tiff(t34675=(7, 2**32 - 1, 8)), ANY),
    "no-rows-per-strip.tif": (lambda: small_tiff(t278=(4, 1, 0)), ANY),
    "no-width.tif": (lambda: small_tiff(t256=(4, 1, 0)), DAMAGED),
    "tiles-of-nothing.tif": (
        lambda: small_tiff(t322=(4, 1, 0), t323=(4, 1, 0), t324=(4, 1, 8), t325=(4, 1, 8)), ANY),
    "tiles-of-65535.tif": (
        lambda: small_tiff(
            t322=(4, 1, 65_520), t323=(4, 1, 65_520), t324=(4, 1, 8), t325=(4, 1, 8)), ANY),
    "expanding-strip.tif": (
        lambda: tiff(
            gray_tags(BELOW_THE_LIMIT, BELOW_THE_LIMIT, t259=(3, 1, 8), t279=(4, 1, 60_000)),
            deflated(32 << 20)), DAMAGED),
    "next-is-itself.tif": (
        lambda: tiff(gray_tags(48, 32), GRAY.tobytes(), following=8), ANY),
    "sub-directory-is-itself.tif": (lambda: small_tiff(t330=(4, 1, 8)), ANY),
    "exif-is-itself.tif": (lambda: small_tiff(t34665=(4, 1, 8), t34853=(4, 1, 8)), ANY),
    "many-pages.tif": (lambda: pages(40), ANY),
    "claims-65535.jpg": (lambda: jpeg(LARGE, LARGE), TOO_LARGE),
    "claims-31000.jpg": (lambda: jpeg(BELOW_THE_LIMIT, BELOW_THE_LIMIT), DAMAGED),
    "claims-31000-progressive.jpg": (
        lambda: jpeg(BELOW_THE_LIMIT, BELOW_THE_LIMIT, progressive=True), DAMAGED),
    "many-scans.jpg": (lambda: jpeg(3000, 3000, progressive=True, scans=800), DAMAGED),
    "circular-exif.jpg": (lambda: with_segment(jpeg(48, 32), 0xE1, circular_exif()), ANY),
    "deep-xmp.jpg": (
        lambda: with_segment(
            jpeg(48, 32), 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + deep_xmp(8000)), ANY),
    "claims-profile-of-255.jpg": (
        lambda: with_segment(jpeg(48, 32), 0xE2, b"ICC_PROFILE\0\x01\xff" + b"x" * 99), ANY),
    "claims-65535.gif": (lambda: patched("gray.gif", (6, b"\xff" * 4)), ANY),
    "claims-65535.bmp": (lambda: patched("gray.bmp", (18, LITTLE)), TOO_LARGE),
    "claims-31000.bmp": (
        lambda: patched("gray.bmp", (18, CLOSE_LITTLE)), DAMAGED),
    "claims-minus.bmp": (lambda: patched("gray.bmp", (18, b"\0\0\0\x80" * 2)), TOO_LARGE),
    "claims-2-31.jp2": (lambda: after_name("gray.jp2", b"\xff\x51", 4, HUGE), TOO_LARGE),
    "claims-31000.jp2": (
        lambda: after_name(
            "gray.jp2", b"\xff\x51", 4, CLOSE), DAMAGED),
    "claims-31000-tiles-of-1.j2k": (
        lambda: after_name(
            "gray.j2k", b"\xff\x51", 4,
            struct.pack(">8I", *[BELOW_THE_LIMIT] * 2, 0, 0, 1, 1, 0, 0)), DAMAGED),
    "claims-65535.dpx": (lambda: patched("gray.dpx", (772, BIG)), TOO_LARGE),
    "claims-31000.dpx": (
        lambda: patched("gray.dpx", (772, CLOSE)), DAMAGED),
    "claims-65535.cin": (
        lambda: patched("gray.cin", *[(200 + 28 * n, BIG) for n in range(3)]), TOO_LARGE),
    "claims-2-31.exr": (
        lambda: window(0, 0, 2**30, 2**30),
        TOO_LARGE),
    "claims-31000.exr": (
        lambda: window(0, 0, 30_999, 30_999),
        ANY),
    "claims-minus.exr": (
        lambda: after_name(
            "gray.exr", b"dataWindow\0box2i\0", 4,
            struct.pack("<4i", -(2**31), -(2**31), 2**31 - 1, 2**31 - 1)), TOO_LARGE),
    "channel-without-a-name.exr": (
        lambda: after_name("gray.exr", b"chlist\0", 4, b"\xb1\0\3\0\0\0"), DAMAGED),
    "claims-65535.psd": (lambda: patched("gray.psd", (14, BIG)), TOO_LARGE),
    "claims-31000.psd": (
        lambda: patched("gray.psd", (14, CLOSE)), DAMAGED),
    "claims-2-31.pgm": (lambda: b"P5\n2147483647 2147483647\n255\n" + b"x" * 99, TOO_LARGE),
    "claims-31000.pgm": (lambda: b"P5\n31000 31000\n255\n" + b"x" * 99, DAMAGED),
    "claims-31000-plain.pgm": (lambda: b"P2\n31000 31000\n255\n" + b"1 " * 99, DAMAGED),
    "claims-31000.pfm": (lambda: b"PF\n31000 31000\n-1.0\n" + b"x" * 99, DAMAGED),
    "claims-31000.pam": (
        lambda: b"P7\nWIDTH 31000\nHEIGHT 31000\nDEPTH 1\nMAXVAL 255\nENDHDR\n" + b"x" * 99,
        DAMAGED),
    "endless-header.pam": (lambda: b"P7\n" + b"# x\n" * 2**20, DAMAGED),
    "endless-number.pgm": (lambda: b"P5\n" + b"9" * 2**20, DAMAGED),
    "claims-31000.hdr": (
        lambda: b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 31000 +X 31000\n\2\2\x79\x18\2\2",
        DAMAGED),
    "claims-65535.tga": (lambda: patched("rle.tga", (12, b"\xff" * 4)), TOO_LARGE),
    "claims-31000.tga": (
        lambda: patched("rle.tga", (12, struct.pack("<HH", *[BELOW_THE_LIMIT] * 2))), DAMAGED),
    "claims-31000.sgi": (
        lambda: patched("gray.sgi", (6, struct.pack(">HH", *[BELOW_THE_LIMIT] * 2))), DAMAGED),
    "claims-65535.pcx": (lambda: patched("gray.pcx", (8, b"\xff" * 4)), TOO_LARGE),
    "claims-31000.pcx": (
        lambda: patched("gray.pcx", (8, struct.pack("<HH", *[BELOW_THE_LIMIT] * 2))), DAMAGED),
    "claims-2-31.qoi": (lambda: patched("gray.qoi", (4, HUGE)), TOO_LARGE),
    "claims-31000.qoi": (
        lambda: patched("gray.qoi", (4, CLOSE)), DAMAGED),
    "claims-31000.ras": (
        lambda: patched("gray.ras", (4, CLOSE)), DAMAGED),
    "claims-31000.dds": (
        lambda: patched("gray.dds", (12, CLOSE_LITTLE)), DAMAGED),
    "claims-31000.iff": (lambda: after_name("gray.iff", b"TBHD", 4, b"\0\0\x79\x18" * 2), ANY),
    "claims-2-24.webp": (
        lambda: patched("lossy.webp", (24, b"\xff" * 6)), ANY),
    "claims-31000.avif": (
        lambda: after_name("gray.avif", b"ispe", 4, CLOSE), ANY),
    "claims-31000.heic": (
        lambda: after_name("gray.heic", b"ispe", 4, CLOSE), ANY),
    "user-data-of-4-gib.cin": (
        lambda: patched("gray.cin", (16, struct.pack(">I", 0xFFFF0000))), DAMAGED),
    "no-depth.tif": (lambda: small_tiff(t258=(3, 0, 0), t277=(3, 1, 3)), DAMAGED),
    "no-decoder-settings.heic": (
        lambda: ORIGINALS["gray.heic"].replace(b"hvcC", b"free"), DAMAGED),
    "claims-65535-icons.ico": (lambda: patched("gray.ico", (4, b"\xff\xff")), ANY),
    "exif-of-4-billion.webp": (
        lambda: ORIGINALS["lossy.webp"] + b"EXIF\xff\xff\xff\xff" + EXIF, ANY),
    "nothing.png": (lambda: b"", ANY),
    "zeros.tif": (lambda: b"\0" * 4096, ANY),
    "only-a-name.jpg": (lambda: b"\xff\xd8\xff", ANY),
}  # fmt: skip
"""Name: (the file's bytes, how it may end)."""
