"""What a film is, as far as its output must repeat it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class VideoInfo:
    """The video stream of a film. Colour values are code points of ITU-T H.273 (2: unspecified)."""

    container: str
    """libav's short name of the demuxer, such as `matroska,webm`."""
    codec: str
    width: int
    height: int
    pix_fmt: str
    frame_rate: Fraction
    """For encoders and headers only; the timeline says when frames are shown."""
    sample_aspect_ratio: Fraction | None
    color_range: int
    colorspace: int
    color_primaries: int
    color_trc: int
    rotation: int = 0
    """Degrees by which players turn the picture."""
    field_order: int = 0
    """libav's AVFieldOrder: 0 nobody says, 1 progressive, 2 and 4 top field first, 3 and 5 bottom
    field first."""


def video_info_to_json(info: VideoInfo) -> dict[str, Any]:
    """Return the info as JSON values; fractions as `n/d` strings."""
    values = dict(vars(info))
    values["frame_rate"] = str(info.frame_rate)
    aspect = info.sample_aspect_ratio
    values["sample_aspect_ratio"] = None if aspect is None else str(aspect)
    return values


def video_info_from_json(values: dict[str, Any]) -> VideoInfo:
    """Return the info that `video_info_to_json` wrote."""
    aspect = values["sample_aspect_ratio"]
    return VideoInfo(
        **{
            **values,
            "frame_rate": Fraction(values["frame_rate"]),
            "sample_aspect_ratio": None if aspect is None else Fraction(aspect),
        }
    )
