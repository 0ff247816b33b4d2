"""Measures a clip of the format matrix and its colored copy, as rows of the docs' table."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from colorworker.domain.timeline import Timeline
from colorworker.domain.units import Cut, cut_timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.codecs.decode import decode_segment, to_colorable
from colorworker.media.containers.packetindex import decode_numbered
from colorworker.media.containers.probe import scan
from colorworker.media.framescaling import fit_to_film
from colorworker.media.planes import luma_plane
from tests.filmclips import Clip

TABLE_CUT = 8
"""Target frames per segment in the table's last column."""
RANGES = {0: "", 1: "limited", 2: "full"}
FIELDS = {2: "top field first", 3: "bottom field first"}
MATRICES = {1: "BT.709", 5: "BT.470BG", 6: "BT.601", 9: "BT.2020"}


@dataclass(frozen=True)
class Film:
    """The results of scanning and decoding a film."""

    info: VideoInfo
    timeline: Timeline
    lumas: tuple[str, ...]
    """A hash of each frame's Y plane, from a decode of the whole film."""

    @property
    def seconds(self) -> list[Fraction]:
        """Time of each frame in seconds after the first."""
        ticks = (self.timeline.pts - self.timeline.pts[0]).tolist()
        return [tick * self.timeline.time_base for tick in ticks]


def luma_hash(frame: av.VideoFrame) -> str:
    """Return a hash of the frame's Y plane, without line padding."""
    return hashlib.blake2b(np.ascontiguousarray(luma_plane(frame)).tobytes()).hexdigest()


def scan_and_decode(path: Path) -> Film:
    """Scan a film, decode all of it, and return the results."""
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        lumas = tuple(
            luma_hash(fit_to_film(to_colorable(frame, path.name, info), info))
            for frame in decode_numbered(stream, container.demux(stream))
        )
    return Film(info, timeline, lumas)


def decode_in_segments(
    pieces: Iterable[Cut], path: Path, film: Film
) -> list[tuple[int | None, str]]:
    """Return pts and luma hash of all frames, decoded segment by segment."""
    with path.open("rb") as reader:
        return [
            (frame.pts, luma_hash(frame))
            for piece in pieces
            for frame in decode_segment(
                reader,
                path.name,
                film.info,
                film.timeline,
                piece.start_pts,
                piece.end_pts,
                scale=True,
            )
        ]


def largest_deviation(film: Film, truth: Sequence[Fraction]) -> Fraction:
    """Return the largest deviation of a frame from its true time, in seconds."""
    return max(abs(is_at - at) for is_at, at in zip(film.seconds, truth, strict=True))


def table_row(clip: Clip, source: Film, output: Film) -> str:
    """Return the table row of a clip and its archive copy."""
    frames, equal = len(output.lumas), sum(map(str.__eq__, source.lumas, output.lumas))
    aspect = output.info.sample_aspect_ratio
    cells = (
        clip.container,
        clip.codec,
        clip.about,
        source.info.rgb_format or source.info.pix_fmt,
        f"{frames} of {len(clip.seconds)}",
        f"{float(largest_deviation(output, clip.seconds) * 1000):.2g}",
        f"{equal} of {frames}",
        "unspecified" if aspect is None else f"{aspect.numerator}:{aspect.denominator}",
        ", ".join(_also_kept(output.info)),
        len(cut_timeline(source.timeline, TABLE_CUT)),
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _also_kept(info: VideoInfo) -> list[str]:
    rotated = f"rotated by {info.rotation}" if info.rotation else ""
    tags = (
        FIELDS.get(info.field_order, ""),
        "mirrored" if info.mirrored else "",
        rotated,
        "cropped by " + ", ".join(map(str, info.crop)) if any(info.crop) else "",
        MATRICES.get(info.colorspace, ""),
        RANGES[info.color_range],
    )
    return [tag for tag in tags if tag]
