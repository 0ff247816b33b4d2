"""Pictures for the review page: sources and outputs as JPEG, frames of films by index."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvips
from av.video.frame import VideoFrame

from colorworker.color.lab import lab_from_linear_rgb, srgb_to_linear
from colorworker.color.transfer import srgb_codes_from_signal
from colorworker.domain.framelists import LIST_EXTENSION
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Asset, Options
from colorworker.domain.timeline import Timeline
from colorworker.domain.units import scan
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import KeyMissing, SourceUnsupported
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.containers.demux import decode_errors, open_source, select_stream
from colorworker.media.containers.maintrack import film_stream
from colorworker.media.planes import color_spec, luma_proxy
from colorworker.media.repack import small_rgb, to_planar
from colorworker.media.rgbluma import is_rgb
from colorworker.media.stills.picture import open_still
from colorworker.media.stills.thumbnail import preview_rgb
from colorworker.pipeline.scan import read_scan
from colorworker.pipeline.sequenceframes import open_asset
from colorworker.runs.review.items import ReviewItem
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore, OpenStore
from colorworker.store.sequencefile import version_info

_ROUNDING = Fraction(1, 500)
"""Seconds by which a container may round times."""
Codes = npt.NDArray[np.uint8]

MAX_SIDE = 8192
"""Pixels on the long side of the largest picture that is sent; larger ones are scaled down."""
MAX_PIXELS = 1_000_000_000
_QUALITY = 92


@dataclass(frozen=True)
class Size:
    """The full size of a picture as people see it, in pixels."""

    height: int
    width: int

    def fitting(self, side: int) -> "Size":
        """Return the size scaled down so that the long side is at most `side` pixels."""
        scale = min(1.0, side / max(self.height, self.width))
        return Size(max(1, round(self.height * scale)), max(1, round(self.width * scale)))


class Pictures:
    """Reads the sources and outputs of items; nothing else can be reached through it."""

    def __init__(self, destination: ObjectStore, opened: OpenStore) -> None:
        """Prepare reading.

        Args:
            destination: Where the outputs are.
            opened: Opens the store of a source.
        """
        self._destination = destination
        self._sources = lru_cache(maxsize=16)(opened)
        self._job_options = lru_cache(maxsize=16)(self._read_job_options)
        self._timelines = lru_cache(maxsize=8)(self._read_timeline)

    def size(self, item: ReviewItem) -> Size:
        """Return the full size of an item's source, upright and with square pixels."""
        if item.line.kind == "film":
            info, _ = self._timelines(_film_key(item))
            aspect = info.sample_aspect_ratio or 1
            return Size(info.height, round(info.width * aspect))
        with self._still(item, "source") as picture:
            return Size(picture.info.upright_height, picture.info.upright_width)

    def jpeg(self, item: ReviewItem, which: str, frame: int, side: int = MAX_SIDE) -> bytes:
        """Return an item as a JPEG.

        Args:
            item: The item.
            which: `source`, shown in gray, or `output`, in color.
            frame: Index of the frame of a film; ignored for pictures.
            side: Maximum number of pixels on the long side.

        Raises:
            KeyMissing: If it is gone.
            SourceDamaged: If it does not decode.
        """
        if item.line.kind == "film":
            codes = self._frame_codes(item, which, frame, side)
        else:
            codes = self._still_codes(item, which, side)
        image = pyvips.Image.new_from_array(np.ascontiguousarray(codes))
        return bytes(image.copy(interpretation="srgb").jpegsave_buffer(Q=_QUALITY, keep="none"))

    def lab(self, item: ReviewItem, frame: int, shape: Callable[[int, int], Any]) -> Any:
        """Return the L*a*b* of a source at a network's size, float32 (h, w, 3).

        A film has no a* and b*. A negative is positive here, as in its output.

        Args:
            item: The item.
            frame: Index of the frame of a film; ignored for pictures.
            shape: Returns the (h, w) for a height and width.
        """
        if item.line.kind != "film":
            with self._still(item, "source") as picture:
                size = picture.info
                return picture.proxy(*shape(size.upright_height, size.upright_width))
        info, _ = self._timelines(_film_key(item))
        height, width = shape(info.height, round(info.width * (info.sample_aspect_ratio or 1)))
        gray = self._gray(self._source_frame(item, frame), info, height, width)
        linear = srgb_to_linear(gray.astype(np.float32) / np.float32(255))
        lab = lab_from_linear_rgb(linear)
        lab[..., 1:] = 0
        return lab

    def timeline(self, item: ReviewItem) -> Timeline:
        """Return the timeline of a film, also if only an excerpt of it was colored."""
        return self._timelines(_film_key(item))[1]

    def job_options(self, item: ReviewItem) -> Options:
        """Return the options of the job that colored an item."""
        return self._job_options(item.job_id)

    def options(self, item: ReviewItem) -> Options:
        """Return the options that an item was colored with."""
        own = json.loads(json.dumps(dict(item.line.own_options)))
        return replace(self._job_options(item.job_id), **_hashable(own))

    def _still_codes(self, item: ReviewItem, which: str, side: int) -> Codes:
        with self._still(item, which) as picture:
            info = picture.info
            size = Size(info.upright_height, info.upright_width).fitting(side)
            lab = picture.proxy(size.height, size.width)
        if which == "source":
            lab[..., 1:] = 0
        return preview_rgb(lab)

    @contextmanager
    def _still(self, item: ReviewItem, which: str) -> Iterator[Any]:
        line = item.line
        store = self._sources(line.root) if which == "source" else self._destination
        key = line.key if which == "source" else line.output_key
        version = line.version if which == "source" else ""
        with store.open(key, version=version) as reader:  # noqa: SIM117
            with open_still(reader, key, max_pixels=MAX_PIXELS) as picture:
                is_negative = which == "source" and self.options(item).polarity == "negative"
                yield replace(picture, is_negative=True) if is_negative else picture

    def _frame_codes(self, item: ReviewItem, which: str, frame: int, side: int) -> Codes:
        info, timeline = self._timelines(_film_key(item))
        size = self.size(item).fitting(side)
        if which == "source":
            return self._gray(self._source_frame(item, frame), info, size.height, size.width)
        index = min(max(frame, 0), len(timeline.pts) - 1)
        # The output begins with the first shot: in an excerpt, not with the film's first frame.
        first = item.line.shots[0].start_pts if item.line.shots else int(timeline.pts[0])
        ticks = max(0, int(timeline.pts[index]) - first)
        since_start = Fraction(ticks) * timeline.time_base
        key, version = item.line.output_key, ""
        if key.endswith(LIST_EXTENSION):
            # Frames have the keys of the source's frames.
            key, version = item.line.key, item.line.version
        with open_asset(self._destination, key, etag=None, version=version) as reader:
            decoded = _frame_at(reader, key, since_start)
            return small_rgb(decoded, size.height, size.width, is_log=info.is_log)

    @staticmethod
    def _gray(frame: VideoFrame, info: VideoInfo, height: int, width: int) -> Codes:
        spec = color_spec(info)
        luma = luma_proxy(frame, height, width).astype(np.float32)
        signal = np.clip((luma - spec.black) / spec.luma_span * 255 + 0.5, 0, 255)
        gray = np.repeat(signal.astype(np.uint8)[..., None], 3, axis=2)
        return srgb_codes_from_signal(gray, spec.transfer)

    def _source_frame(self, item: ReviewItem, frame: int) -> VideoFrame:
        info, timeline = self._timelines(_film_key(item))
        index = min(max(frame, 0), len(timeline.pts) - 1)
        pts = int(timeline.pts[index])
        source = self._sources(item.line.root)
        with open_asset(source, item.line.key, etag=None, version=item.line.version) as reader:
            (decoded,) = decode_segment(
                reader, item.line.key, info, timeline, pts, pts + 1, repeat=True
            )
        return decoded

    def _read_job_options(self, job_id: str) -> Options:
        with self._destination.open(f"{STATE}/jobs/{job_id}/plan.jsonl") as plan:
            head = json.loads(plan.readline())
        return replace(Options(), **_hashable(head["options"]))

    def _read_timeline(self, film: tuple[str, str, str, str, str]) -> tuple[VideoInfo, Timeline]:
        job_id, root, key, version, own_options = film
        options = replace(self._job_options(job_id), **_hashable(json.loads(own_options)))
        found = version_info(self._sources(root), key, version)
        asset = Asset(root, key, "film", found.size_bytes, found.etag, version)
        unit = scan(asset, "", options, ModelRef("", ""))
        try:
            return read_scan(self._destination, unit.unit_id)
        except KeyMissing as error:
            raise KeyMissing(
                key,
                "has changed since it was colored, or the record of its scan was swept",
                "Run the job again",
            ) from error


def _frame_at(reader: Any, key: str, since_start: Fraction) -> VideoFrame:
    """Return the frame that an output film shows at a time."""
    with open_source(reader, key) as container, decode_errors(key, "at a frame"):
        stream = select_stream(container, film_stream(container, key))
        base = stream.time_base or Fraction(1, 1000)
        first = stream.start_time or 0
        wanted = first + int(since_start / base)
        # Times in containers of coarse ticks are rounded; a tick of a sequence is a whole frame.
        tolerance = max(1, int(_ROUNDING / base)) if base < 2 * _ROUNDING else 0
        container.seek(max(first, wanted - tolerance), stream=stream, backward=True)
        last = None
        for frame in container.decode(stream):
            last = frame
            if frame.pts is not None and frame.pts >= wanted - tolerance:
                break
        if last is None:
            raise SourceUnsupported(key, "no frame of it decodes", "Look at it in a player")
        # Of RGB, planar is only the luma.
        return last if is_rgb(last.format.name) else to_planar(last)


def _film_key(item: ReviewItem) -> tuple[str, str, str, str, str]:
    line = item.line
    own = json.dumps(dict(line.own_options), sort_keys=True)
    return item.job_id, line.root, line.key, line.version, own


def _hashable(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(tuple(each) if isinstance(each, list) else each for each in value)
        if isinstance(value, list)
        else value
        for name, value in values.items()
    }
