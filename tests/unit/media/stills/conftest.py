"""Fixtures: generated pictures and ICC profiles."""

import struct

import numpy as np
import pytest
import pyvips


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_fixed(value) for value in values)


def _gamma(exponent: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256)) + b"\0\0"


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    name = b"test\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + b"\0" * 81,
        b"wtpt": _xyz(0.9642, 1, 0.8249),
        **tags,
    }
    offset = 132 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for signature, data in tags.items():
        padded = data + b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", signature, offset + len(body), len(data))
        body += padded
    head = (
        struct.pack(
            ">I4xI4s4s4s12x4s28x", offset + len(body), 0x02100000, b"mntr", space, b"XYZ ", b"acsp"
        )
        + _fixed(0.9642)
        + _fixed(1)
        + _fixed(0.8249)
    )
    return head.ljust(128, b"\0") + table + body


@pytest.fixture(scope="session")
def adobe_rgb() -> bytes:
    """A profile with the primaries and the gamma of Adobe RGB (1998)."""
    curve = _gamma(563 / 256)
    return _profile(
        b"RGB ",
        {
            b"rXYZ": _xyz(0.60974, 0.31111, 0.01947),
            b"gXYZ": _xyz(0.20528, 0.62567, 0.06087),
            b"bXYZ": _xyz(0.14919, 0.06322, 0.74457),
            b"rTRC": curve,
            b"gTRC": curve,
            b"bTRC": curve,
        },
    )


@pytest.fixture(scope="session")
def gray_gamma() -> bytes:
    """A gray profile of gamma 2.2."""
    return _profile(b"GRAY", {b"kTRC": _gamma(563 / 256)})


@pytest.fixture
def textured() -> np.ndarray:
    """16-bit gray codes, (120, 160), with all lightnesses and with sharp edges."""
    ramp = np.linspace(0, 65535, 120 * 160).reshape(120, 160)
    ramp[30:60, 40:90] = 65535 - ramp[30:60, 40:90]
    return ramp.astype(np.uint16)


@pytest.fixture
def encode():
    """Return a function that encodes an array of codes as a picture in a format."""

    def run(codes, extension, *, icc=None, fields=None, **options) -> bytes:
        gray = codes.ndim == 2 or codes.shape[2] < 3
        wide = codes.dtype == np.uint16
        interpretation = ("grey16" if wide else "b-w") if gray else ("rgb16" if wide else "srgb")
        image = pyvips.Image.new_from_array(codes).copy(interpretation=interpretation)
        if icc:
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
        for name, value in (fields or {}).items():
            kind = {bytes: pyvips.GValue.blob_type, int: pyvips.GValue.gint_type}
            image.set_type(kind.get(type(value), pyvips.GValue.gstr_type), name, value)
        return image.write_to_buffer(extension, **options)

    return run


@pytest.fixture
def colorful():
    """Return a function that returns slope and offset of chroma that often leaves the gamut."""

    def run(height=24, width=32):
        y, x = np.mgrid[0:height, 0:width] / max(height, width)
        offset = np.stack((90 * np.sin(9 * x), 90 * np.cos(7 * y)), axis=-1).astype(np.float32)
        return np.full_like(offset, 0.1), offset

    return run
