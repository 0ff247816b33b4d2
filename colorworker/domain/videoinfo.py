"""What a film is, as far as its output must repeat it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class VideoInfo:
    """The video stream of a film. Color values are code points of ITU-T H.273 (2: unspecified)."""

    container: str
    """libav's short name of the demuxer, such as `matroska,webm`."""
    codec: str
    width: int
    height: int
    pix_fmt: str
    """libav's name of the frames' format, once packed pictures are laid out in planes."""
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
    chroma_location: str = ""
    """Where chroma samples lie among those of luma (H.273 8.7), in libav's words: `left`, `center`,
    `topleft` or `top`; empty where nothing is signaled."""
    mastering_display: str = ""
    """Primaries, white point and luminances of the display a film was graded on (SMPTE ST 2086), as
    x265 writes them: `G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)`, in 1/50000 and 1/10000 cd/m2."""
    content_light: str = ""
    """MaxCLL and MaxFALL (CTA-861.3) in cd/m2, as `1000,400`."""

    @property
    def interlaced(self) -> bool:
        """Whether its frames are said to hold two fields, one after the other."""
        return self.field_order > 1


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
