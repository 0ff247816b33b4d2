"""Picture files that none of the installed libraries writes, made byte by byte."""

import struct

import numpy as np


def packbits(row: bytes) -> bytes:
    """Return bytes in PackBits, the run-length code of Apple, Adobe and the Amiga."""
    out, at = b"", 0
    while at < len(row):
        run = 1
        while row[at + run : at + run + 1] == row[at : at + 1] and run < 128:
            run += 1
        out += bytes((257 - run, row[at])) if run > 1 else bytes((0, row[at]))
        at += run
    return out


def photoshop(planes, mode, *, coded=False, resources=b"", layers=b"") -> bytes:
    """Return a Photoshop file.

    Args:
        planes: (channels, height, width), uint8, uint16, float32, or bool for bitmaps.
        mode: Color mode: 0 bitmap, 1 gray, 3 RGB, 4 CMYK, 7 multichannel, 8 duotone, 9 Lab.
        coded: Whether rows are coded with PackBits.
        resources: Image resources.
        layers: Layer and mask information.
    """
    channels, height, width = planes.shape
    bits = 1 if planes.dtype == bool else planes.dtype.itemsize * 8
    stored = planes.astype(planes.dtype.newbyteorder(">"))
    stored = np.packbits(planes, axis=2) if bits == 1 else stored
    head = b"8BPS" + struct.pack(">H6xHIIHH4x", 1, channels, height, width, bits, mode)
    for part in (resources, layers):
        head += struct.pack(">I", len(part)) + part
    if not coded:
        return head + b"\0\0" + stored.tobytes()
    rows = [packbits(row.tobytes()) for plane in stored for row in plane]
    sizes = b"".join(struct.pack(">H", len(row)) for row in rows)
    return head + b"\0\1" + sizes + b"".join(rows)


def one_layer(height: int, width: int) -> bytes:
    """Return layer and mask information with one empty gray layer."""
    channel = struct.pack(">HI", 0, 2 + height * width)
    layer = struct.pack(">4iH", 0, 0, height, width, 1) + channel
    layer += b"8BIMnorm" + bytes((255, 0, 0, 0)) + struct.pack(">III", 12, 0, 0) + bytes(4)
    info = struct.pack(">h", 1) + layer + b"\0\0" + bytes(height * width)
    info += b"\0" * (len(info) % 2)
    return struct.pack(">I", len(info)) + info + bytes(4)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack(">I", len(data)) + data + bytes(len(data) % 2)


def amiga(gray, *, coded=False, chunky=False) -> bytes:
    """Return an IFF file with 256 grays.

    Args:
        gray: (height, width), uint8.
        coded: Whether rows are coded with PackBits.
        chunky: Whether pixels are whole bytes (PBM) instead of bits of 8 planes (ILBM).
    """
    height, width = gray.shape
    head = struct.pack(
        ">HHhhBBBBHBBhh", width, height, 0, 0, 8, 0, int(coded), 0, 0, 1, 1, 320, 200
    )
    palette = bytes(code for gray_code in range(256) for code in (gray_code,) * 3)
    body = b""
    for row in gray:
        parts = [row] if chunky else [np.packbits(row >> bit & 1) for bit in range(8)]
        for part in parts:
            data = part.tobytes() + bytes(part.size % 2)
            body += packbits(data) if coded else data
    kind = b"PBM " if chunky else b"ILBM"
    parts = _chunk(b"BMHD", head) + _chunk(b"CMAP", palette) + _chunk(b"BODY", body)
    return _chunk(b"FORM", kind + parts)


def sun_raster(codes, *, kind=1, palette=b"") -> bytes:
    """Return a Sun Raster file.

    Args:
        codes: (height, width) or (height, width, 3), uint8, or bool for 1 bit.
        kind: 1 standard, 2 coded, 3 RGB instead of BGR.
        palette: All reds, then greens, then blues.
    """
    height, width = codes.shape[:2]
    depth = 1 if codes.dtype == bool else 8 * codes[0, 0].size
    rows = (np.packbits(codes, axis=1) if depth == 1 else codes).reshape(height, -1)
    data = b"".join(row.tobytes() + bytes(row.size % 2) for row in rows)
    if kind == 2:
        data = data.replace(b"\x80", b"\x80\0")
    form = 1 if palette else 0
    numbers = (0x59A66A95, width, height, depth, len(data), kind, form, len(palette))
    return struct.pack(">8I", *numbers) + palette + data


def photo_cd(luma) -> bytes:
    """Return a Photo CD with only its base picture, without color.

    Args:
        luma: (512, 768), uint8.
    """
    head = bytearray(96 * 2048)
    head[2048:2055] = b"PCD_IPI"
    neutral = bytes((156,)) * 384 + bytes((137,)) * 384
    return bytes(head) + b"".join(pair.tobytes() + neutral for pair in luma.reshape(256, 2 * 768))
