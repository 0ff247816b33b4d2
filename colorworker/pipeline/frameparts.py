"""Write the frames of a segment of an image sequence, each as a file of its own.

A part is a list of files. They lie beside the list, until the whole sequence is done.
"""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from colorworker.domain.frameheaders import HEADER_BYTES, read_frame_header
from colorworker.domain.framelists import (
    PART_EXTENSION,
    StoredFrame,
    frame_folder,
    frames_to_json,
)
from colorworker.domain.label import Notice, notice_of
from colorworker.domain.records import PartFacts, Record, ScanInfo, info_of
from colorworker.domain.sequences import FILM_SCANS, is_light, sequence_rate
from colorworker.domain.timeline import Timeline
from colorworker.domain.units import Segment
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import KeyMissing, OutputMismatch
from colorworker.media.framefiles import (
    check_jpeg_luma,
    film_frame_file,
    is_jpeg,
    luma_of_file,
    rgb_of_frame,
)
from colorworker.media.planes import Frame, color_spec, luma_plane
from colorworker.media.rgbluma import Codes
from colorworker.pipeline.beforeafter import film_thumbnail
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.lumacheck import SegmentTally, luma_checksum
from colorworker.pipeline.phasetimer import PhaseTimer
from colorworker.state import attempt_key, read_record
from colorworker.store.keys import printable
from colorworker.store.sequencefile import SequenceTable, sequence_table

if TYPE_CHECKING:
    from colorworker.media.stills.exrframes import ExrFrame

_CREATOR = "colorized by colorworker"


@dataclass(frozen=True)
class FramePart:
    """A segment whose frames are written."""

    context: WorkerContext
    unit: Segment
    info: VideoInfo
    timeline: Timeline
    timer: PhaseTimer
    tally: SegmentTally

    def write(self, record: Record, frames: Iterator[Frame]) -> tuple[Record, PartFacts]:
        """Write and check the frames; return the record that points to their list, and facts.

        Raises:
            OutputMismatch: If a written frame does not have the luma of its source.
            SourceUnsupported: If the frames' format cannot be written.
        """
        context, unit = self.context, self.unit
        asset = unit.asset
        store = context.open_source(asset.root)
        rate = sequence_rate(asset.version)
        if rate is None:
            raise KeyMissing(asset.key, "it is no image sequence")
        table = sequence_table(store, asset.key, rate, asset.etag)
        first = int(self.timeline.pts.searchsorted(unit.start_pts))
        notice = notice_of(unit.options, context.model, self._source_sha256())
        list_key = attempt_key(unit.unit_id, PART_EXTENSION)
        stored: list[StoredFrame] = []
        for index, frame in enumerate(frames):
            if record.thumbnail_key and index == unit.frame_count // 2:
                context.destination.put(record.thumbnail_key, film_thumbnail(frame, self.info))
            data = self._checked_file(table, first, index, frame, notice)
            with self.timer.phase("write"):
                stored.append(self._store(table, first + index, list_key, data))
        listed = frames_to_json(stored)
        put = context.destination.put(list_key, listed)
        record = replace(
            record,
            attempt_key=list_key,
            etag=put.etag,
            size_bytes=put.size_bytes,
            sha256=hashlib.sha256(listed).hexdigest(),
        )
        return record, PartFacts(len(stored), 0, "")

    def _checked_file(
        self, table: SequenceTable, first: int, index: int, frame: Frame, notice: Notice | None
    ) -> bytes:
        """Return the file of a frame, after decoding it again if the settings say so."""
        key = table.key(first + index)
        light = self._light(table, first + index) if is_light(key) else None
        with self.timer.phase("encode"):
            if light:
                rgb = rgb_of_frame(frame, color_spec(self.info))
                data = light.colored(rgb, _CREATOR if notice else "")
            else:
                data = self._file(table, first + index, frame, notice)
        if self.context.settings.verify_parts:
            with self.timer.phase("verify"):
                if light:
                    light.check(data)
                else:
                    self._check(key, data, index, frame)
        return data

    def _source_sha256(self) -> str:
        scanned = read_record(self.context.destination, self.unit.scan_id)
        if scanned is None:
            raise KeyMissing(
                self.unit.scan_id, "the record of this scan is gone", "Run the job again"
            )
        return info_of(scanned, ScanInfo).source_sha256

    def _light(self, table: SequenceTable, place: int) -> "ExrFrame":
        """Return a frame of light of the source."""
        # Jobs without such frames need no OpenImageIO here.
        from colorworker.media.stills.exrframes import ExrFrame

        key = table.key(place)
        store = self.context.open_source(self.unit.asset.root)
        with closing(store.open(key, etag=table.etags[place])) as source:
            return ExrFrame(source.read(), printable(key), self.context.temporary)

    def _file(self, table: SequenceTable, place: int, frame: Frame, notice: Notice | None) -> bytes:
        key = table.key(place)
        rgb: Codes = rgb_of_frame(frame, color_spec(self.info))
        store = self.context.open_source(self.unit.asset.root)
        with closing(store.open(key, etag=table.etags[place])) as source:
            if table.pattern.suffix.lower() not in FILM_SCANS:
                # Jobs without such frames need no libvips here.
                from colorworker.media.stills.framepicture import frame_picture

                return frame_picture(source, key, rgb, table.pattern.suffix, notice)
            head = source.read(HEADER_BYTES)
            header = read_frame_header(head)
            if header and header.image_offset > len(head):
                head += source.read(header.image_offset - len(head))
        return film_frame_file(head, rgb, key, _CREATOR if notice else "")

    def _check(self, key: str, data: bytes, index: int, frame: Frame) -> None:
        """Decode a written frame and compare its luma with the source's."""
        luma = luma_of_file(data, key, self.info)
        if is_jpeg(key):
            check_jpeg_luma(luma, luma_plane(frame), key)
        elif luma_checksum(luma) != self.tally.luma[index]:
            raise OutputMismatch(key, "the written frame decodes to different luma")

    def _store(self, table: SequenceTable, place: int, list_key: str, data: bytes) -> StoredFrame:
        name = f"{table.numbers[place]:09d}{table.pattern.suffix.lower()}"
        key = f"{frame_folder(list_key)}{name}"
        put = self.context.destination.put(key, data)
        sha256 = hashlib.sha256(data).hexdigest()
        return StoredFrame(table.key(place), key, put.etag, put.size_bytes, sha256)
