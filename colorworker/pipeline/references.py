"""The references of a segment: read, registered to their frames, and ready to be carried."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.knowncolors import KnownColors
from colorworker.color.luma import lightness_from_luma
from colorworker.domain.references import ReferenceFrame
from colorworker.domain.timeline import Timeline
from colorworker.domain.units import Segment
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import ItemError, KeyMissing
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.deinterlace import deinterlace_segment
from colorworker.media.planes import PlaneScaler, color_spec, luma_plane
from colorworker.media.registration import (
    Registration,
    apply_registration,
    correlation_of,
    register,
    stretching,
)
from colorworker.media.stills.referencepicture import no_color, reference_lab
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.propagation.carrying import ColorCarrier, KnownFrame, KnownPlace

Floats = npt.NDArray[np.float32]

_POOR = 0.85
"""Correlation of lightness below which a picture and its frame are reported as not matching. True
references have 0.98 and more, mirrored ones less than 0.77."""
_BETTER = 0.05
"""Correlation that another frame must have more to be named."""
_NEIGHBORS = 24
"""Frames before and after a frame that are compared with a picture that does not match it."""
_GRAY = 4.0
"""Chroma that a thousandth of a picture must exceed, or it is gray."""


@dataclass
class _Loading:
    """What loading needs, and the warnings so far."""

    context: WorkerContext
    unit: Segment
    info: VideoInfo
    timeline: Timeline
    working: tuple[int, int]
    warnings: list[str]

    @property
    def first(self) -> int:
        """Index in the film of the segment's first frame."""
        return int(self.timeline.pts.searchsorted(self.unit.start_pts))

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


def load_references(
    context: WorkerContext,
    unit: Segment,
    info: VideoInfo,
    timeline: Timeline,
    working: tuple[int, int],
    warnings: list[str],
) -> ColorCarrier:
    """Return what carries the colors of the unit's references.

    A reference is read when a frame needs it. One that cannot be used is left out with a warning.
    Of the segments that use one, only the segment with its frame warns about it.

    Args:
        context: The worker's context.
        unit: The segment.
        info: The film's video stream.
        timeline: The film's timeline.
        working: (height, width) that the network works at.
        warnings: Receives a sentence for each problem, until the segment is colored.

    Later, the carrier raises SourceDamaged if the frame of a reference does not decode, and
    StoreUnavailable if the store of the references does not answer.
    """
    loading = _Loading(context, unit, info, timeline, working, warnings)
    frames = len(timeline.pts)
    by_place = {}
    for reference in unit.options.reference_frames:
        if reference.frame >= frames:
            warnings.append(
                f"reference {reference.key} is for frame {reference.frame}, but the film has frames"
                f" 0 to {frames - 1}; it is not used"
            )
        elif reference.end is None or reference.first < reference.end:
            place = KnownPlace(reference.frame, reference.first, reference.end)
            by_place[place] = reference
    return ColorCarrier(
        list(by_place), lambda place: _known_frame(loading, by_place[place]), loading.first
    )


def _known_frame(loading: _Loading, reference: ReferenceFrame) -> KnownFrame | None:
    """Return a reference registered to its frame; None, with a warning, if it cannot be used."""
    try:
        lab = _read(loading, reference)
    except (ItemError, KeyMissing) as error:
        unused = "" if "not used" in error.seen else "; it is not used"
        _warn(loading, reference, f"reference {error.subject}: {error.seen}{unused}")
        return None
    (lightness,) = loading.lightness(reference.frame, reference.frame + 1)
    known, match = register_reference(lightness, lab)
    if match.correlation < _POOR and _is_reported_here(loading, reference):
        _warn(loading, reference, _poor_match(loading, reference, lightness, lab, match))
    return known


def _warn(loading: _Loading, reference: ReferenceFrame, warning: str) -> None:
    if _is_reported_here(loading, reference) and warning not in loading.warnings:
        loading.warnings.append(warning)


def _is_reported_here(loading: _Loading, reference: ReferenceFrame) -> bool:
    return 0 <= reference.frame - loading.first < loading.unit.frame_count


def register_reference(lightness: Floats, lab: Floats) -> tuple[KnownFrame, Registration]:
    """Return a reference moved onto its frame, and how well it matches.

    Args:
        lightness: L* of the frame in [0, 100], (h, w).
        lab: The reference as L*a*b*, (h', w', 3), of any size.
    """
    match = register(lightness, np.ascontiguousarray(lab[..., 0]))
    moved, covered = apply_registration(match.matrix, lab, lightness.shape)
    colors = KnownColors(np.ascontiguousarray(moved[..., 1:]), covered, "reference")
    return KnownFrame(lightness, colors), match


def _read(loading: _Loading, reference: ReferenceFrame) -> Floats:
    """Return the picture as L*a*b*.

    Raises:
        ItemError: If it cannot be used.
        KeyMissing: If it is gone.
    """
    store = loading.context.open_source(reference.root or loading.unit.options.references)
    limit = loading.context.settings.max_pixels
    with store.open(reference.key, etag=reference.etag) as reader:
        lab = reference_lab(reader, reference.key, limit, min(loading.working))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    if np.percentile(chroma, 99.9) < _GRAY:
        raise no_color(reference.key)
    return lab


def _poor_match(
    loading: _Loading,
    reference: ReferenceFrame,
    lightness: Floats,
    lab: Floats,
    match: Registration,
) -> str:
    """Return the warning about a picture that does not match its frame."""
    text = (
        f"reference {reference.key} matches frame {reference.frame} poorly (correlation"
        f" {match.correlation:.2f})"
    )
    mirrored = np.ascontiguousarray(lab[:, ::-1, 0])
    if register(lightness, mirrored).correlation >= max(_POOR, match.correlation + _BETTER):
        return f"{text}: it is mirrored"
    best, correlation = _best_neighbor(loading, reference, np.ascontiguousarray(lab[..., 0]))
    if correlation >= match.correlation + _BETTER:
        return f"{text}; frame {best} matches better ({correlation:.2f})"
    return f"{text}; no frame near it matches better"


def _best_neighbor(
    loading: _Loading, reference: ReferenceFrame, picture: Floats
) -> tuple[int, float]:
    """Return the frame near a reference's that its picture matches best, and the correlation."""
    first = max(0, reference.frame - _NEIGHBORS)
    end = min(len(loading.timeline.pts), reference.frame + _NEIGHBORS + 1)
    best = (reference.frame, -1.0)
    for index, lightness in enumerate(loading.lightness(first, end), first):
        rough = correlation_of(lightness, picture, stretching(lightness.shape, picture.shape))
        if rough > best[1]:
            best = (index, max(rough, register(lightness, picture).correlation))
    return best
