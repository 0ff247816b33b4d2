"""Carry a film's other streams (sound, subtitles, covers, attachments) into the output."""

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import av
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import AttachmentStream, Discard, Disposition, Stream
from av.video.stream import VideoStream

from colorworker.domain.streamfate import Fate, StreamFate
from colorworker.media.codecs.profiles import EncoderSpec
from colorworker.media.containers.captions import CaptionTrack
from colorworker.media.containers.demux import of_known_streams
from colorworker.media.containers.discontinuities import going_on
from colorworker.media.containers.sound import recode_sound
from colorworker.media.containers.subtitles import recode_subtitles
from colorworker.media.containers.tags import kept_tags, quicktime_language
from colorworker.media.containers.track import AnyPacket, Track
from colorworker.media.containers.trim import Span
from colorworker.media.sidedata import CAPTIONS

logger = logging.getLogger(__name__)

CAPTIONS_708 = "closed captions of CEA-708"
COVER_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}


@dataclass
class Carried:
    """What of the source goes along, and the account of all its streams."""

    tracks: dict[int, Track] = field(default_factory=dict)
    """By stream index in the source."""
    fates: list[StreamFate] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What a report must say about what is not as it was."""

    def note(self, stream: Stream, fate: Fate, detail: str = "", *, kind: str = "") -> None:
        """Enter a stream into the account, and into the warnings what is lost or changed of it."""
        codec, kind = codec_name(stream), kind or stream.type
        self.fates.append(
            StreamFate(stream.index, kind, codec, fate, detail, stream.metadata.get("language", ""))
        )
        if fate in {"left out", "recoded"}:
            described = f"{kind} stream {stream.index} ({codec or 'unknown codec'})"
            self.warnings.append(f"{described} {fate}: {detail}")

    def note_frame_data(
        self,
        film: Stream,
        spec: EncoderSpec,
        counts: Mapping[str, int],
        captions: CaptionTrack | None,
    ) -> None:
        """Enter what lies inside the film's own frames: captions and the like."""
        for kind, frames in counts.items():
            fate: Fate = "copied"
            detail = f"of {frames} frames"
            if kind == CAPTIONS and captions:
                fate = "kept" if captions.is_exact else "recoded"
                detail += f": {spec.codec} has no place for them, become {captions.described}"
            elif kind not in spec.frame_data:
                fate = "left out"
                detail += f": {spec.codec} has no place for them"
            if fate in {"recoded", "left out"}:
                self.warnings.append(f"{kind} {detail}")
            self.fates.append(StreamFate(film.index, kind, "", fate, detail))
        if captions and captions.frames_of_708:
            detail = f"of {captions.frames_of_708} frames: only those of CEA-608 have a track"
            self.warnings.append(f"{CAPTIONS_708} {detail}")
            self.fates.append(StreamFate(film.index, CAPTIONS_708, "", "left out", detail))

    def packets(
        self,
        source: InputContainer,
        span: Span | None = None,
        restarts: Sequence[Fraction] = (),
    ) -> Iterator[AnyPacket]:
        """Yield the output's packets of all tracks, in the order of the source file.

        Args:
            source: The source.
            span: What of it goes along; None for all.
            restarts: Seconds that are added where its clock starts anew, as `going_on` takes them.
        """
        for stream in source.streams:
            if stream.index not in self.tracks:
                stream.discard = Discard.all
        chosen = [stream for stream in source.streams if stream.index in self.tracks]
        if not chosen:
            return
        for packet in going_on(of_known_streams(source.demux(chosen)), restarts):
            if span is None or span.keeps(packet):
                yield from self.tracks[packet.stream.index].take(packet)
        for track in self.tracks.values():
            if track.moved_packets:
                self.warnings.append(
                    f"{track.moved_packets} packets of {track.output.type} went back in time in "
                    "the source and were moved"
                )


def carry_streams(
    source: InputContainer,
    film: VideoStream,
    output: OutputContainer,
    spec: EncoderSpec,
    shift_seconds: Fraction,
) -> Carried:
    """Add a stream to the output for everything of the source that it can hold besides the film.

    Sound and words that the container cannot hold are encoded anew; other streams it cannot hold
    stay behind, and a warning says so.
    """
    carried = Carried()
    for stream in source.streams:
        if stream.index == film.index:
            carried.note(stream, "colored", f"becomes {spec.codec}, {spec.pix_fmt}")
        elif stream.type == "attachment":
            _carry_attachment(cast(AttachmentStream, stream), output, carried)
        elif _is_cover(stream) and output.format.name == "matroska":
            _carry_cover(stream, carried, output)
        elif stream.type == "data":
            _carry_data(stream, source, film, carried)
        else:
            _carry_packets(stream, output, spec, shift_seconds, carried)
    return carried


def _carry_packets(
    stream: Stream,
    output: OutputContainer,
    spec: EncoderSpec,
    shift_seconds: Fraction,
    carried: Carried,
) -> None:
    shift = round(shift_seconds / stream.time_base) if stream.time_base else 0
    codec = codec_name(stream)
    track: Track | None
    if can_hold(output.format.name, stream):
        track = Track(_from_template(output, stream), shift)
        _note_copied(stream, carried)
    elif isinstance(stream, AudioStream) and codec:
        track, made = recode_sound(output, stream, spec, shift)
        carried.note(stream, "recoded", f"{spec.container} does not hold it, becomes {made}")
    else:
        track = recode_subtitles(output, stream, codec, shift)
        if track is None:
            carried.note(stream, "left out", f"{spec.container} does not hold it")
            return
        made = codec_name(track.output)
        carried.note(stream, "recoded", f"{spec.container} does not hold it, becomes {made}")
    track.output.disposition = stream.disposition
    track.output.metadata.update(kept_tags(stream.metadata))
    if output.format.name == "mov":
        track.output.metadata["language"] = quicktime_language(stream.metadata)
    carried.tracks[stream.index] = track


def _note_copied(stream: Stream, carried: Carried) -> None:
    if _is_cover(stream):
        carried.note(stream, "copied", kind="cover")
    elif stream.type == "video":
        carried.note(stream, "copied", "not colored, only the first stream of pictures is")
        carried.warnings.append(f"video stream {stream.index} copied: not colored")
    else:
        carried.note(stream, "copied")


def can_hold(container: str, stream: Stream) -> bool:
    """Return whether a muxer takes a stream as it is, found out by writing a header to memory.

    PCM is legal in MP4 since ISO/IEC 23003-5 and libavformat writes it, but browsers and most
    players stay silent over it; so MP4 counts as unable. MOV has always had it.
    """
    codec = codec_name(stream)
    if not codec or (container == "mp4" and codec.startswith("pcm_")):
        return False
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            _from_template(trial, stream).disposition = stream.disposition
            trial.start_encoding()
    except (FFmpegError, ValueError) as error:
        logger.debug("%s does not hold stream %d: %s", container, stream.index, error)
        return False
    return True


def codec_name(stream: Stream) -> str:
    """Return the name of a stream's codec; empty where libav knows none, contrary to its stubs."""
    context = cast("CodecContext | None", stream.codec_context)
    return "" if context is None else context.name


def _from_template(output: OutputContainer, stream: Stream) -> Stream:
    return output.add_stream_from_template(stream, opaque=True)


def _is_cover(stream: Stream) -> bool:
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def _carry_cover(stream: Stream, carried: Carried, output: OutputContainer) -> None:
    """Attach a cover picture: as a stream of video, Matroska players would play it as a film."""
    name, mime_type = COVER_TYPES.get(stream.codec_context.name, ("", ""))
    if not name:
        carried.note(stream, "left out", "neither JPEG nor PNG", kind="cover")
        return
    source = cast(InputContainer, stream.container)
    data = next((bytes(packet) for packet in source.demux(stream) if packet.size), b"")
    output.add_attachment(f"cover.{name}", mime_type, data)
    carried.note(stream, "kept", f"attached as cover.{name}", kind="cover")


def _carry_attachment(stream: AttachmentStream, output: OutputContainer, carried: Carried) -> None:
    name = stream.metadata.get("filename", f"attachment-{stream.index}")
    if output.format.name != "matroska":
        carried.note(stream, "left out", f"{name}: only Matroska holds attachments")
        return
    output.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
    carried.note(stream, "copied", name)


def _carry_data(
    stream: Stream, source: InputContainer, film: VideoStream, carried: Carried
) -> None:
    """Keep what a data stream says elsewhere: the timecode with the film, chapters as chapters.

    MP4 keeps chapter titles in a text track as well, and QuickTime the timecode in one of its own.
    """
    timecode = stream.metadata.get("timecode")
    if timecode:
        film.metadata.setdefault("timecode", timecode)
        carried.note(stream, "kept", f"timecode {timecode}")
    elif source.chapters():
        carried.note(stream, "kept", "chapters")
    else:
        kind = stream.metadata.get("handler_name") or stream.name or "unknown kind"
        carried.note(stream, "left out", f"data of {kind}, which no output holds")
