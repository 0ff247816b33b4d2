"""Parse ICC profiles of gray and of matrix-and-curve RGB exactly.

Little CMS, as libvips calls it, evaluates such profiles in 16-bit fixed point: dark grays are up to
0.18 L* off, and 16-bit codes do not survive the round trip. So the few tags needed are read here.
Profiles with lookup tables return None and are left to Little CMS.

Source:
    ICC.1:2022 (profile version 4.4): 7.2 header, 7.3 tag table, 8.3.3 and 8.3.4 required tags,
    10.6 curveType, 10.18 parametricCurveType, 10.31 XYZType, F.3 the model.
"""

import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
ProfileSpace = Literal["gray", "rgb", "other"]

CODES = 65536
"""Length of every curve: linear light for the 16-bit codes 0 to 65535."""

_SPACES: dict[bytes, ProfileSpace] = {b"GRAY": "gray", b"RGB ": "rgb"}
_TABLE_TYPES = (b"mft1", b"mft2", b"mAB ")
"""lut8Type, lut16Type and lutAToBType: 10.10 to 10.12."""
_TABLE_HEADER_BYTES = 32
_CURVE_POINTS = 4096
_PARAMETERS = (1, 3, 4, 5, 7)
"""Number of parameters of the parametric functions 0 to 4."""


@dataclass(frozen=True)
class Shaper:
    """A profile as curves and a matrix.

    Attributes:
        curves: (1, CODES) or (3, CODES), rising from 0 to 1.
        to_xyz: (3, 3), linear RGB to XYZ under the profile's D50; None for gray.
    """

    curves: Doubles
    to_xyz: Doubles | None


def profile_space(profile: bytes) -> ProfileSpace:
    """Return the kind of pixels a profile is for, from its header."""
    return _SPACES.get(profile[16:20], "other")


def parse(profile: bytes) -> Shaper | None:
    """Return the profile's curves and matrix; None if it has another form or is damaged."""
    try:
        tags = _tags(profile)
        if profile_space(profile) == "gray":
            shaper = Shaper(_curve(tags[b"kTRC"])[None], None)
        elif b"A2B0" in tags:
            return None
        else:
            curves = np.stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
            columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
            shaper = Shaper(curves, np.stack(columns, axis=1))
    except (KeyError, ValueError, IndexError, struct.error):
        return None
    return shaper if _is_sound(shaper) else None


def has_lookup_table(profile: bytes) -> bool:
    """Return whether the profile has a table from its codes to the connection space."""
    try:
        table = _tags(profile).get(b"A2B0", b"")
    except struct.error:
        return False
    return table[:4] in _TABLE_TYPES and len(table) > _TABLE_HEADER_BYTES


def rgb_profile(name: str, curve: Doubles, to_xyz: Doubles) -> bytes:
    """Return an RGB profile of one curve and a matrix (version 2.4, for displays).

    Args:
        name: Its description, ASCII.
        curve: (CODES,), linear light for codes; what is above 1 becomes 1, as profiles require.
        to_xyz: (3, 3), linear RGB to XYZ under D50.
    """
    points = np.interp(np.linspace(0, 1, _CURVE_POINTS), np.linspace(0, 1, CODES), curve)
    values = np.rint(np.clip(points, 0, 1) * 65535).astype(">u2")
    text = name.encode("ascii") + b"\0"
    tone = b"curv\0\0\0\0" + struct.pack(">I", _CURVE_POINTS) + values.tobytes()
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78,
        b"cprt": b"text\0\0\0\0public domain\0",
        b"wtpt": _xyz_tag(to_xyz.sum(axis=1)),
        b"rXYZ": _xyz_tag(to_xyz[:, 0]),
        b"gXYZ": _xyz_tag(to_xyz[:, 1]),
        b"bXYZ": _xyz_tag(to_xyz[:, 2]),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), tone),
    }
    table, body, places = struct.pack(">I", len(tags)), b"", {}
    start = 132 + 12 * len(tags)
    for signature, data in tags.items():
        if data not in places:
            places[data] = start + len(body)
            body += data + b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", signature, places[data], len(data))
    kind = struct.pack(">I4xI4s4s4s12x4s28x", start + len(body), 0x02400000, b"mntr", b"RGB ",
                       b"XYZ ", b"acsp")  # fmt: skip
    return (kind + _xyz_tag(to_xyz.sum(axis=1))[8:]).ljust(128, b"\0") + table + body


def _xyz_tag(values: Doubles) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *np.rint(values * 65536).astype(int).tolist())


def _is_sound(shaper: Shaper) -> bool:
    """Return whether the curves rise from black to white and the matrix is invertible."""
    ends = shaper.curves[:, [0, -1]]
    rising = bool(np.all(np.diff(shaper.curves, axis=1) >= 0))
    invertible = shaper.to_xyz is None or abs(float(np.linalg.det(shaper.to_xyz))) > 1e-4
    return rising and bool(np.allclose(ends, (0, 1), atol=1e-3)) and invertible


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    tags = {}
    for index in range(min(count, 100)):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        tags[name] = profile[offset : offset + size]
    return tags


def _xyz(tag: bytes) -> Doubles:
    if tag[:4] != b"XYZ ":
        raise ValueError("not an XYZ tag")
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> Doubles:
    code = np.linspace(0, 1, CODES)
    if tag[:4] == b"para":
        return np.clip(_parametric(tag, code), 0, 1)
    if tag[:4] != b"curv":
        raise ValueError("not a curve tag")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return code
    if count == 1:
        (gamma,) = struct.unpack_from(">H", tag, 12)
        return np.asarray(code ** (gamma / 256), np.float64)
    table = np.frombuffer(tag, ">u2", count, 12) / 65535
    return np.interp(code, np.linspace(0, 1, count), table)


def _parametric(tag: bytes, x: Doubles) -> Doubles:
    (function,) = struct.unpack_from(">H", tag, 8)
    count = _PARAMETERS[function]
    given = [value / 65536 for value in struct.unpack_from(f">{count}i", tag, 12)]
    g, a, b, c, d, e, f = given + [0.0] * (7 - count)
    if function == 0:
        return np.asarray(x**g, np.float64)
    if function in (1, 2):
        if a == 0:
            raise ValueError("a curve without a slope")
        # Function 2 adds its third parameter everywhere; function 1 has none, so c is 0.
        powered = np.maximum(a * x + b, 0) ** g + c
        return np.asarray(np.where(x >= -b / a, powered, c), np.float64)
    powered = np.maximum(a * x + b, 0) ** g + e
    return np.asarray(np.where(x >= d, powered, c * x + f), np.float64)
