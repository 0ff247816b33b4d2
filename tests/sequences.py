"""Image sequences for tests, written frame by frame with libav's encoders."""

import struct
from fractions import Fraction

import av
import numpy as np

WIDTH, HEIGHT = 96, 64
_CODECS = {".exr": "exr", ".png": "png", ".tif": "tiff", ".jpg": "mjpeg", ".dpx": "dpx"}
_DTYPES = {8: np.uint8, 10: np.uint16, 12: np.uint16, 16: np.uint16}


def moving_codes(index, depth=8, low=0.1, high=0.9):
    """Return (64, 96) gray codes of a ramp that moves 2 pixels per frame."""
    x = (np.arange(WIDTH) + 2 * index) % WIDTH / WIDTH
    y = np.arange(HEIGHT)[:, None] / HEIGHT
    signal = low + (high - low) * (0.7 * x + 0.3 * y)
    return np.round(signal * ((1 << depth) - 1)).astype(_DTYPES[depth])


def gray_frame(codes, pix_fmt):
    """Return a libav frame whose planes all hold these codes."""
    frame = av.VideoFrame(codes.shape[1], codes.shape[0], pix_fmt)
    if pix_fmt.endswith("be"):
        codes = codes.astype(codes.dtype.newbyteorder(">"))
    planes = range(1) if pix_fmt.startswith(("gray", "yuvj")) else range(3)
    for number, plane in enumerate(frame.planes):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        data = codes if number in planes else np.full_like(codes, 128)
        data = np.ascontiguousarray(data).view(np.uint8).reshape(len(data), -1)
        rows[: len(data), : data.shape[1]] = data
    return frame


def _float_frame(codes):
    return gray_frame((codes / 255).astype(np.float32), "gbrpf32le")


def encode_picture(codes, extension, pix_fmt):
    """Return the file of one picture."""
    context = av.CodecContext.create(_CODECS[extension], "w")
    context.width, context.height, context.pix_fmt = codes.shape[1], codes.shape[0], pix_fmt
    context.time_base = Fraction(1, 24)
    frame = gray_frame(codes, pix_fmt) if extension != ".exr" else _float_frame(codes)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def write_sequence(
    folder, count, *, extension=".png", pix_fmt="gray", depth=8, first=1, name="scan_", **levels
):
    """Write frames `scan_0001.png` and so on; return their codes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for index in range(count):
        codes = moving_codes(index, depth, **levels)
        data = encode_picture(codes, extension, pix_fmt)
        (folder / f"{name}{first + index:04d}{extension}").write_bytes(data)
        written.append(codes)
    return written


def with_film_header(data, *, rate=None, transfer=None, frame=0, order=">"):
    """Return a DPX file with film and television headers, which libav does not write."""
    (offset,) = struct.unpack_from(f"{order}I", data, 4)
    head = bytearray(data[:1664].ljust(2048, b"\xff"))
    struct.pack_into(f"{order}I", head, 4, 2048)
    struct.pack_into(f"{order}I", head, 16, 2048 + len(data) - offset)
    struct.pack_into(f"{order}II", head, 24, 1664, 384)
    struct.pack_into(f"{order}I", head, 808, 2048)
    if rate is not None:
        struct.pack_into(f"{order}f", head, 1724, rate)
    if transfer is not None:
        head[801] = transfer
    struct.pack_into(f"{order}I", head, 1712, frame)
    head[1664:1680] = b"0123456789012345"  # film manufacturer, type, offset, prefix, count
    struct.pack_into(f"{order}I", head, 1920, 0x01020304)  # SMPTE time code
    return bytes(head) + data[offset:]


def cineon_picture(codes, *, rate=24.0, frame=0):
    """Return a Cineon file of three components with these 10-bit codes, written field by field."""
    height, width = codes.shape
    head = bytearray(b"\xff" * 2048)
    size = 2048 + 4 * codes.size
    struct.pack_into(">IIIIII8s", head, 0, 0x802A5FD7, 2048, 1024, 1024, 0, size, b"V4.5")
    head[32:132] = b"frame.cin".ljust(100, b"\0")
    struct.pack_into(">BB", head, 192, 0, 3)
    for channel in range(3):
        at = 196 + 28 * channel
        place = (0, channel + 1, 10, width, height)
        struct.pack_into(">BBBxIIffff", head, at, *place, 0, 0, 1023, 2.048)
    struct.pack_into(">BBBBII", head, 680, 0, 5, 0, 0, 0, 0)
    struct.pack_into(">If", head, 1068, frame, rate)
    word = codes.astype(np.uint32)
    return bytes(head) + (word << 22 | word << 12 | word << 2).astype(">u4").tobytes()


def gray_dpx(codes):
    """Return a DPX file of one 10-bit component; three codes share a word, the last one first."""
    words = codes.astype(np.uint32).reshape(len(codes), -1, 3)
    data = (words[..., 2] << 22 | words[..., 1] << 12 | words[..., 0] << 2).astype(">u4").tobytes()
    head = bytearray(b"\xff" * 2048)
    struct.pack_into(">II8sII", head, 0, 0x53445058, 2048, b"V2.0", 2048 + len(data), 1)
    struct.pack_into(">III", head, 24, 1664, 384, 0)
    struct.pack_into(">HHII", head, 768, 0, 1, codes.shape[1], codes.shape[0])
    struct.pack_into(">IIfIf", head, 780, 0, 0, 0.0, 1023, 2.046)
    struct.pack_into(">4BHHIII", head, 800, 6, 6, 6, 10, 1, 0, 2048, 0, 0)
    return bytes(head) + data
