"""Lightness of single frames of a film, wherever they are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.luma import lightness_from_luma
from colorworker.domain.timeline import Timeline
from colorworker.domain.units import Segment
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.deinterlace import deinterlace_segment
from colorworker.media.planes import PlaneScaler, color_spec, luma_plane
from colorworker.pipeline.context import WorkerContext

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FilmLuma:
    """Reads frames of a segment's film."""

    context: WorkerContext
    unit: Segment
    info: VideoInfo
    timeline: Timeline
    working: tuple[int, int]
    """(height, width) that the network works at."""

    @property
    def first(self) -> int:
        """Index in the film of the segment's first frame."""
        return int(self.timeline.pts.searchsorted(self.unit.start_pts))

    def contains(self, frame: int) -> bool:
        """Return whether the segment has the frame with this index in the film."""
        return 0 <= frame - self.first < self.unit.frame_count

    def lightness(self, first: int, end: int) -> Iterator[Floats]:
        """Yield L* of frames first <= index < end of the film, at the working shape.

        Raises:
            SourceDamaged: If one of them does not decode.
        """
        deinterlaced = self.unit.options.deinterlace == "bwdif"
        decode = deinterlace_segment if deinterlaced else decode_segment
        pts, spec, scale = self.timeline.pts, color_spec(self.info), PlaneScaler(*self.working)
        end_pts = int(pts[end]) if end < len(pts) else None
        with self.context.source(self.unit.asset) as reader:
            for frame in decode(
                reader,
                self.unit.asset.key,
                self.info,
                self.timeline,
                int(pts[first]),
                end_pts,
                repeat=self.context.settings.repeat_damaged,
            ):
                yield lightness_from_luma(scale(luma_plane(frame))[None], spec)[0]
