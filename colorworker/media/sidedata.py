"""What a stream signals and PyAV has no attribute for: chroma's place, HDR's static metadata."""

import io
import struct
from collections.abc import Iterable
from fractions import Fraction

import av
from av.error import FFmpegError
from av.sidedata.sidedata import SideData, SideDataContainer, Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

SITINGS = {(1, 2): "left", (2, 2): "center", (1, 1): "topleft", (2, 1): "top"}
"""libav's chroma locations by Matroska's ChromaSitingHorz and ChromaSitingVert (RFC 9559)."""
SITING_HORZ, SITING_VERT = b"\x55\xb7\x81", b"\x55\xb8\x81"
"""Their element ids with a length of one byte, as libavformat writes them."""
CHROMATICITY_UNITS, LUMINANCE_UNITS = 50_000, 10_000
"""Of SMPTE ST 2086: 0.00002 and 0.0001 cd/m2."""

CAPTIONS, STEREO = "closed captions", "layouts of stereoscopic pictures"
FRAME_DATA = {
    Type.A53_CC: CAPTIONS,
    Type.AFD: "active format descriptions",
    Type.S12M_TIMECODE: "timecodes of single frames (SMPTE ST 12-1)",
    Type.DYNAMIC_HDR_PLUS: "HDR10+ metadata",
    Type.DOVI_RPU_BUFFER: "Dolby Vision metadata",
    Type.STEREO3D: STEREO,
    Type.SPHERICAL: "layouts of spherical pictures",
}
"""What frames carry for their viewers, in words. Left out is what every MPEG-2 frame has, and what
concerns decoders only."""


def frame_data(frame: VideoFrame) -> list[str]:
    """Return what a frame carries of `FRAME_DATA`, in words."""
    try:
        return [
            FRAME_DATA[item.type] for item in _side_data_items(frame) if item.type in FRAME_DATA
        ]
    except ValueError:  # a kind that this PyAV does not know
        return []


def chroma_location(stream: VideoStream) -> str:
    """Return where chroma samples lie, in libav's words; empty if the stream does not say.

    PyAV hides the field, libavformat's Matroska muxer does not: a header written to memory tells.
    """
    header = io.BytesIO()
    try:
        with av.open(header, "w", format="matroska") as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return ""
    data = header.getvalue()
    at = data.find(SITING_HORZ)
    if at < 0 or data[at + 4 : at + 7] != SITING_VERT:
        return ""
    return SITINGS.get((data[at + 3], data[at + 7]), "")


def mastering_display(frame: VideoFrame) -> str:
    """Return a frame's SMPTE ST 2086 metadata as encoders take it; empty where it has none.

    libav's AVMasteringDisplayMetadata: ten rationals (red, green and blue x and y, white x and y,
    least and most luminance), then whether primaries and luminances are there.
    """
    data = side_data(frame, Type.MASTERING_DISPLAY_METADATA)
    if len(data) < 88:
        return ""
    numbers = struct.unpack_from("20i", data)
    has_primaries, has_luminance = struct.unpack_from("2i", data, 80)
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    if not has_primaries or not has_luminance or any(not below for _, below in pairs):
        return ""
    values = [Fraction(above, below) for above, below in pairs]
    place = [round(value * CHROMATICITY_UNITS) for value in values[:8]]
    least, most = (round(value * LUMINANCE_UNITS) for value in values[8:])
    red, green, blue, white = (f"({place[at]},{place[at + 1]})" for at in range(0, 8, 2))
    return f"G{green}B{blue}R{red}WP{white}L({most},{least})"


def content_light(frame: VideoFrame) -> str:
    """Return a frame's MaxCLL and MaxFALL as `1000,400`; empty where it has none."""
    data = side_data(frame, Type.CONTENT_LIGHT_LEVEL)
    if len(data) < 8:
        return ""
    most, average = struct.unpack_from("2I", data)
    return f"{most},{average}"


def side_data(frame: VideoFrame, kind: Type) -> bytes:
    """Return what a frame carries of a kind, as libav's struct; empty where it has none."""
    try:
        return next((bytes(item) for item in _side_data_items(frame) if item.type == kind), b"")
    except ValueError:  # a kind that this PyAV does not know
        return b""


def _side_data_items(frame: VideoFrame) -> Iterable[SideData]:
    """Return a frame's side data, which `frame.side_data` would hang on the frame.

    They hold one another then, and stay in memory until Python looks for such rings: after a
    thousand frames.
    """
    return SideDataContainer(frame)  # type: ignore[call-arg]  # wrong in PyAV's stubs
