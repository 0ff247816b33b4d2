"""Join the parts of a film by stream copy and publish the result."""

from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from colorworker import __version__
from colorworker.domain.excerpt import Excerpt, clip_timeline
from colorworker.domain.framelists import LIST_EXTENSION
from colorworker.domain.label import notice_of
from colorworker.domain.notes import Note, split_notes
from colorworker.domain.records import FilmInfo, PartFacts, Record, ScanInfo, SegmentInfo, info_of
from colorworker.domain.shots import Shot, ShotSheet, merge_shots
from colorworker.domain.streamfate import StreamFate
from colorworker.domain.timeline import Timeline
from colorworker.domain.units import Assembly, shown_segments
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import KeyMissing, OutputMismatch, SourceDamaged
from colorworker.media.codecs.nvenc import require_encoder
from colorworker.media.codecs.profiles import encoder_for
from colorworker.media.containers.assemble import Part, assemble
from colorworker.media.framefiles import is_jpeg
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.framelist import (
    commit_list,
    finished_frames,
    list_digest,
    publish_frames,
)
from colorworker.pipeline.hashing import sha256_of_file
from colorworker.pipeline.phasetimer import PhaseTimer
from colorworker.pipeline.provenance.credentials import embeds, sign_file
from colorworker.pipeline.scan import read_scan
from colorworker.pipeline.shotsheets import cell_shape, film_sheet, sheet_of
from colorworker.state import attempt_key, commit, now, read_record
from colorworker.store.objectstore import ObjectInfo, ObjectStore


def join_film(context: WorkerContext, unit: Assembly, attempt: int) -> tuple[Record, bool]:
    """Join and publish a film; return its record and whether the film existed already.

    The parts are deleted afterwards, unless the settings or the options keep them.

    Raises:
        HardwareMissing: If this worker lacks the hardware encoder of the film.
        KeyMissing: If a part or its record is gone; running the job again makes it anew.
        OutputMismatch: If the joined film does not have every frame at its time.
        SourceChanged: If the source has changed since it was colored.
    """
    store = context.destination
    if found := finished_frames(store, unit):
        return found, True
    info, whole = read_scan(store, unit.scan_id)
    excerpt = unit.options.excerpt
    timeline = clip_timeline(whole, excerpt and Excerpt(*excerpt), unit.asset.key)
    scanned = _record(context, unit.scan_id)
    segments = [_record(context, identity) for identity in unit.segment_ids]
    if not context.settings.repeat_damaged:
        _check_damage(segments, unit.asset.key)
    timer = context.timer(unit.unit_id)
    if unit.options.frames_out:
        joined = _list_frames(context, unit, segments, timer)
    else:
        source_sha256 = info_of(scanned, ScanInfo).source_sha256
        joined = _join_parts(context, unit, segments, info, whole, source_sha256, timer)
    # Shots that were adjusted once will be adjusted again: the other parts can then be reused.
    by_hand = bool(unit.options.adjustments) or unit.options.gives_frames
    # Lists of frames are small, and tell later jobs that the frames are there.
    keeps_parts = context.settings.keep_parts or by_hand or unit.options.frames_out
    with_picture = [part.thumbnail_key for part in segments if part.thumbnail_key]
    record = Record(
        unit.unit_id,
        "assembly",
        "succeeded",
        unit.asset.key,
        unit.asset.etag,
        joined.stored.key,
        unit.output_key,
        etag=joined.stored.etag,
        size_bytes=joined.stored.size_bytes,
        sha256=joined.sha256,
        weights_sha256=context.model.hashes,
        attempt=attempt,
        worker=context.worker,
        source_root=unit.asset.root,
        software=__version__,
        created_at=now(),
        seconds=_all_seconds([scanned, *segments], timer),
        signed=joined.is_signed,
        info=FilmInfo(
            info_of(scanned, ScanInfo).source_sha256,
            info.width,
            info.height,
            joined.frame_count,
            round(timeline.seconds, 3),
            tuple(with_picture[index] for index in shown_segments(len(with_picture))),
            # If this worker dies before it removes the parts, the sweep does.
            () if keeps_parts else unit.segment_ids,
            *_shots(store, unit, segments, info, timeline),
            joined.streams,
            *split_notes(
                [
                    *scanned.warnings,
                    *map(Note, scanned.notes),
                    *_part_warnings(segments),
                    *joined.warnings,
                ]
            ),
        ),
    )
    winner = (commit_list if unit.options.frames_out else commit)(store, record)
    if not keeps_parts:
        for part in segments:
            store.delete(part.attempt_key)
    return winner, False


@dataclass(frozen=True)
class _Joined:
    """The output of a film, stored under the key of this attempt."""

    stored: ObjectInfo
    sha256: str
    frame_count: int
    streams: tuple[StreamFate, ...] = ()
    warnings: tuple[str, ...] = ()
    is_signed: bool = False


def _list_frames(
    context: WorkerContext, unit: Assembly, segments: list[Record], timer: PhaseTimer
) -> _Joined:
    """Publish the frames of a sequence and store the list of them."""
    store = context.destination
    with timer.phase("write"):
        listed, count, size = publish_frames(store, unit.output_key, unit.asset.key, segments)
        stored = store.put(attempt_key(unit.unit_id, LIST_EXTENSION), listed)
    expected = sum(_part_facts(part).frame_count for part in segments)
    if count != expected:
        raise OutputMismatch(unit.asset.key, f"{count} of {expected} frames are in the parts")
    said = [Note(f"{count} frames of {size} bytes are written; the output is their list")]
    if is_jpeg(unit.asset.key):
        said.append(Note("JPEG rounds luma; --sequences film --profile archive keeps its codes"))
    return _Joined(stored, list_digest(listed), count, warnings=tuple(said))


def _join_parts(
    context: WorkerContext,
    unit: Assembly,
    segments: list[Record],
    info: VideoInfo,
    whole: Timeline,
    source_sha256: str,
    timer: PhaseTimer,
) -> _Joined:
    """Join the parts of a film into a file and store it."""
    store = context.destination
    excerpt = unit.options.excerpt
    timeline = clip_timeline(whole, excerpt and Excerpt(*excerpt), unit.asset.key)
    extension = PurePosixPath(unit.output_key).suffix.lower()
    spec = encoder_for(unit.asset.key, info, unit.options, extension)
    # The film's header comes from the encoder, which is opened for that purpose.
    require_encoder(spec.codec, spec.layout or spec.pix_fmt, context.worker)
    parts = [
        Part(partial(store.open, part.attempt_key, etag=part.etag), _part_facts(part))
        for part in segments
    ]
    with context.temporary(extension) as path:
        with timer.phase("assemble"), context.source(unit.asset) as reader:
            film = assemble(
                reader,
                unit.asset.key,
                parts,
                path,
                info,
                timeline,
                spec,
                notice_of(unit.options, context.model, source_sha256),
                whole=whole if excerpt else None,
            )
        is_signed = unit.options.c2pa and embeds(unit.output_key)
        if is_signed:
            with timer.phase("write"):
                sign_file(context, unit.asset, unit.options, source_sha256, path, unit.output_key)
        with timer.phase("read"):
            sha256 = sha256_of_file(path)
        with timer.phase("write"):
            stored = store.put_file(attempt_key(unit.unit_id, extension), path)
    return _Joined(stored, sha256, film.frame_count, film.streams, film.warnings, is_signed)


def _shots(
    store: ObjectStore,
    unit: Assembly,
    segments: list[Record],
    info: VideoInfo,
    timeline: Timeline,
) -> tuple[tuple[Shot, ...], ShotSheet]:
    """Return the film's shots and the sheet with their pictures."""
    starts = [start for each in segments for start in info_of(each, SegmentInfo).shot_starts]
    shots = merge_shots(starts, timeline)
    shape = cell_shape(info)
    key = film_sheet(store, unit.unit_id, shots, map(sheet_of, segments), shape)
    return tuple(shots), ShotSheet(key, *shape)


def _check_damage(segments: list[Record], key: str) -> None:
    """Check that fewer than half of the frames are damaged.

    Raises:
        SourceDamaged: If more are. Encrypted films look like this, and so do the wrong decoders.
    """
    frames = sum(_part_facts(segment).frame_count for segment in segments)
    damaged = sum(info_of(segment, SegmentInfo).damaged_frames for segment in segments)
    if damaged * 2 >= frames:
        raise SourceDamaged(
            key,
            f"{damaged} of {frames} frames are damaged; it may be encrypted",
            "Restore it from another copy, or set COLORWORKER_MEDIA__REPEAT_DAMAGED=true to color"
            " it anyway",
        )


def _record(context: WorkerContext, unit_id: str) -> Record:
    record = read_record(context.destination, unit_id)
    if record is None:
        raise KeyMissing(
            unit_id, "the record of this part of the film is gone", "Run the same command again"
        )
    return record


def _part_facts(segment: Record) -> PartFacts:
    facts = info_of(segment, SegmentInfo).part
    if facts is None:
        raise KeyMissing(segment.unit_id, "this segment has no part", "Run the same command again")
    return facts


def _all_seconds(units: list[Record], timer: PhaseTimer) -> dict[str, float]:
    """Return the film's seconds per phase, summed over its scan, segments and assembly."""
    total = timer.rounded()
    for unit in units:
        for phase, seconds in unit.seconds.items():
            total[phase] = round(total.get(phase, 0.0) + seconds, 3)
    return total


def _part_warnings(segments: list[Record]) -> list[str]:
    infos = [info_of(segment, SegmentInfo) for segment in segments]
    beyond = sum(info.pixels_beyond_gamut for info in infos)
    pixels = sum(info.pixels for info in infos)
    warnings: list[str] = []
    if beyond:
        share = f"{100 * beyond / pixels:.2f}" if beyond / pixels >= 1e-4 else "less than 0.01"
        warnings.append(
            Note(
                f"luma of {share} % of all pixels lies outside EBU R 103 in the source and was not"
                " changed"
            )
        )
    if by_nvdec := sum(info.nvdec_frames for info in infos):
        warnings.append(
            Note(f"{by_nvdec} frames were decoded by NVDEC, which does not report damage")
        )
    for index, info in enumerate(infos):
        warnings += [f"segment {index}: {warning}" for warning in info.warnings]
        warnings += [Note(f"segment {index}: {note}") for note in info.notes]
    return warnings
