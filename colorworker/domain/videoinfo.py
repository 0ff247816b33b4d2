"""Properties of a film that its output must have too."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple


class Crop(NamedTuple):
    """Pixels at the edges of the stored picture that players do not show."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


NO_CROP = Crop()


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
    display_matrix: tuple[int, ...] = ()
    """How players map the stored picture to the screen: the nine numbers a, b, u, c, d, v, x, y, w
    of ISO/IEC 14496-12 section 6.2.2, in row order; empty if it is shown as it is stored."""
    crop: Crop = NO_CROP
    stream_index: int | None = None
    """Index of the stream in its container; None for the one that its header suggests."""
    field_order: int = 0
    """libav's AVFieldOrder: 0 unknown, 1 progressive, 2 and 4 top field first, 3 and 5 bottom
    field first."""
    chroma_location: str = ""
    """Position of chroma samples relative to luma (H.273 8.7), by libav's names: `left`, `center`,
    `topleft` or `top`; empty where nothing is signaled."""
    mastering_display: str = ""
    """Primaries, white point and luminances of the display a film was graded on (SMPTE ST 2086), as
    x265 writes them: `G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)`, in 1/50000 and 1/10000 cd/m2."""
    rgb_format: str = ""
    """libav's name of the format of RGB frames, of which `pix_fmt` holds the luma; else empty."""
    content_light: str = ""
    """MaxCLL and MaxFALL (CTA-861.3) in cd/m2, as `1000,400`."""
    is_log: bool = False
    """Whether codes are printing density, as in Cineon; H.273 has no code point for it."""

    @property
    def interlaced(self) -> bool:
        """Whether the stream is marked as having two fields per frame."""
        return self.field_order > 1

    @property
    def mirrored(self) -> bool:
        """Whether players mirror the picture."""
        if not self.display_matrix:
            return False
        a, b, _, c, d = self.display_matrix[:5]
        return a * d < b * c

    @property
    def rotation(self) -> int:
        """Degrees counterclockwise by which players rotate the picture.

        If it is `mirrored`, they first swap left and right.
        """
        if not self.display_matrix:
            return 0
        a, b = self.display_matrix[:2]
        if self.mirrored:
            a, b = -a, -b
        # Counterclockwise although y points down; half a turn is 180, not -180.
        return 180 - round(180 + math.degrees(math.atan2(b, a))) % 360
