"""Properties of a film that its output must have too."""

from dataclasses import dataclass
from fractions import Fraction


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
    """For encoders and headers only; the timeline has the times of the frames."""
    sample_aspect_ratio: Fraction | None
    color_range: int
    colorspace: int
    color_primaries: int
    color_trc: int
    rotation: int = 0
    """Degrees by which players rotate the picture."""
    field_order: int = 0
    """libav's AVFieldOrder: 0 unknown, 1 progressive, 2 and 4 top field first, 3 and 5 bottom
    field first."""
    chroma_location: str = ""
    """Position of chroma samples relative to luma (H.273 8.7), by libav's names: `left`, `center`,
    `topleft` or `top`; empty where nothing is signaled."""
    mastering_display: str = ""
    """Primaries, white point and luminances of the display a film was graded on (SMPTE ST 2086), as
    x265 writes them: `G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)`, in 1/50000 and 1/10000 cd/m2."""
    content_light: str = ""
    """MaxCLL and MaxFALL (CTA-861.3) in cd/m2, as `1000,400`."""

    @property
    def interlaced(self) -> bool:
        """Whether the stream is marked as having two fields per frame."""
        return self.field_order > 1
