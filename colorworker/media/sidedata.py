"""Properties without PyAV attributes: captions, chroma location, cropping, display matrix, HDR."""

import io
import struct
from collections.abc import Iterable
from fractions import Fraction

import av
from av.error import FFmpegError
from av.sidedata.sidedata import SideData, SideDataContainer, Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorworker.domain.videoinfo import Crop
from colorworker.media.containers import ebml
from colorworker.media.containers.ebml import Node

SITINGS = {(1, 2): "left", (2, 2): "center", (1, 1): "topleft", (2, 1): "top"}
"""libav's chroma location for each ChromaSitingHorz and ChromaSitingVert of Matroska (RFC 9559)."""
COLOR, SITING_HORZ, SITING_VERT = 0x55B0, 0x55B7, 0x55B8
TRACK, VIDEO = 0xAE, 0xE0
CROPS = (0x54CC, 0x54BB, 0x54DD, 0x54AA)
"""PixelCropLeft, PixelCropTop, PixelCropRight and PixelCropBottom of Matroska."""
IDENTITY_MATRIX = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
"""The display matrix of a picture that is shown as it is stored (ISO/IEC 14496-12 6.2.2)."""
CHROMATICITY_UNITS, LUMINANCE_UNITS = 50_000, 10_000
"""Units per 1 (chromaticity) and per cd/m2 (luminance) in SMPTE ST 2086."""

CAPTIONS, STEREO = "closed captions", "stereoscopic layouts"
TIMECODES = "per-frame timecodes (SMPTE ST 12-1)"
FRAME_DATA = {
    Type.A53_CC: CAPTIONS,
    Type.AFD: "active format descriptions",
    Type.S12M_TIMECODE: TIMECODES,
    Type.DYNAMIC_HDR_PLUS: "HDR10+ metadata",
    Type.DOVI_RPU_BUFFER: "Dolby Vision metadata",
    Type.STEREO3D: STEREO,
    Type.SPHERICAL: "spherical layouts",
}
"""Names of the side data that matters to viewers. Omitted is what every MPEG-2 frame carries, and
what only decoders need."""


def frame_data(frame: VideoFrame) -> list[str]:
    """Return the names, from `FRAME_DATA`, of the side data that a frame carries."""
    try:
        return [
            FRAME_DATA[item.type]
            for item in _side_data_items(frame)
            if item.type in FRAME_DATA and not _says_2d(item)
        ]
    except ValueError:  # a kind that this PyAV does not know
        return []


def _says_2d(item: SideData) -> bool:
    """Return whether a stereoscopic layout (AVStereo3D) says that there is only one view."""
    return item.type == Type.STEREO3D and bytes(item)[:4] == bytes(4)


def chroma_location(stream: VideoStream) -> str:
    """Return the chroma location by libav's name; empty if the stream does not signal it."""
    video = _matroska_video(stream)
    color = video.find(COLOR) or Node(COLOR)
    return SITINGS.get((color.number(SITING_HORZ), color.number(SITING_VERT)), "")


def crop(stream: VideoStream) -> Crop:
    """Return the edges that the container crops (Matroska's PixelCrop, QuickTime's `clap`)."""
    video = _matroska_video(stream)
    return Crop(*(video.number(name) for name in CROPS))


def display_matrix(frame: VideoFrame) -> tuple[int, ...]:
    """Return a frame's display matrix, nine integers; empty if it has none or it does nothing."""
    data = side_data(frame, Type.DISPLAYMATRIX)
    if len(data) < 36:
        return ()
    matrix = struct.unpack_from("9i", data)
    return () if matrix == IDENTITY_MATRIX else matrix


def _matroska_video(stream: VideoStream) -> Node:
    """Return the Video element of a Matroska header for a stream, written to memory.

    It has properties of the stream that PyAV does not expose. Empty if Matroska does not take it.
    """
    header = io.BytesIO()
    try:
        with av.open(header, "w", format="matroska") as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return Node(VIDEO)
    for place in ebml.segment_children(header):
        if place.name == ebml.TRACKS and place.end:
            for tracks in ebml.parse(ebml.read_bytes(header, place.start, place.end)):
                for track in tracks.find_all(TRACK):
                    return track.find(VIDEO) or Node(VIDEO)
    return Node(VIDEO)


def mastering_display(frame: VideoFrame) -> str:
    """Return a frame's SMPTE ST 2086 metadata in the syntax of encoders; empty if it has none.

    libav's AVMasteringDisplayMetadata has ten rationals (red, green and blue x and y, white x and
    y, minimum and maximum luminance), then two flags: whether primaries and luminance are present.
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
    """Return a frame's MaxCLL and MaxFALL in cd/m2, such as `1000,400`; empty if it has none."""
    data = side_data(frame, Type.CONTENT_LIGHT_LEVEL)
    if len(data) < 8:
        return ""
    most, average = struct.unpack_from("2I", data)
    return f"{most},{average}"


def side_data(frame: VideoFrame, kind: Type) -> bytes:
    """Return a frame's side data of one type, as the bytes of libav's struct; empty if none."""
    try:
        return next((bytes(item) for item in _side_data_items(frame) if item.type == kind), b"")
    except ValueError:  # a kind that this PyAV does not know
        return b""


def _side_data_items(frame: VideoFrame) -> Iterable[SideData]:
    """Return a frame's side data without caching it on the frame, as `frame.side_data` does.

    The cache creates a reference cycle, which keeps frames in memory until Python's garbage
    collector runs: after a thousand frames.
    """
    return SideDataContainer(frame)  # type: ignore[call-arg]  # wrong in PyAV's stubs
