"""Copy a film's other streams (audio, subtitles, covers, attachments) into the output."""

import io
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import cast

import av
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer, OutputContainer
from av.error import ArgumentError, FFmpegError, InvalidDataError
from av.stream import AttachmentStream, Discard, Stream
from av.video.stream import VideoStream

from colorworker.domain.notes import Note
from colorworker.domain.streamfate import Fate, StreamFate
from colorworker.domain.timeline import Timeline
from colorworker.media.codecs.profiles import EncoderSpec
from colorworker.media.containers.attachments import Attachments, file_name, is_cover
from colorworker.media.containers.audio import transcode_audio
from colorworker.media.containers.audiocodecs import MATROSKA_PCM_LAYOUTS
from colorworker.media.containers.captions import CaptionTrack
from colorworker.media.containers.channellayout import channel_layout
from colorworker.media.containers.demux import ignore_new_streams
from colorworker.media.containers.discontinuities import continuous_packets
from colorworker.media.containers.latestreams import is_known
from colorworker.media.containers.outputtrack import AnyPacket, OutputTrack
from colorworker.media.containers.sourceheader import NO_HEADER, SourceHeader
from colorworker.media.containers.subtitles import PLAIN_TEXTS, transcode_subtitles
from colorworker.media.containers.tags import filter_tags, quicktime_language
from colorworker.media.containers.trim import TrimRange
from colorworker.media.sidedata import CAPTIONS, TIMECODES

logger = logging.getLogger(__name__)

STAND_IN = "subrip"
"""Codec under which Matroska's muxer writes subtitles that libav does not know. The header gets the
source's codec ID afterwards."""
KNOWN_IDS = {"S_TEXT/WEBVTT": "webvtt"}
"""Decoders of subtitles that libav's Matroska demuxer does not know."""
CAPTIONS_708 = "CEA-708 closed captions"


@dataclass
class CopiedStreams:
    """The source's other streams in the output, and what became of every stream."""

    tracks: dict[int, OutputTrack] = field(default_factory=dict)
    """Output tracks by the stream's index in the source."""
    fates: list[StreamFate] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """Sentences for the report about everything that changed or was lost; see `domain.notes`."""

    def note(
        self,
        stream: Stream,
        fate: Fate,
        detail: str = "",
        *,
        kind: str = "",
        harmless: bool = False,
    ) -> None:
        """Record what became of a stream, and say so in the report unless it is unchanged.

        That is a note if it is `harmless`, otherwise a warning.
        """
        codec, kind = codec_name(stream), kind or stream.type
        self.fates.append(
            StreamFate(stream.index, kind, codec, fate, detail, stream.metadata.get("language", ""))
        )
        if fate in {"left out", "recoded"}:
            described = f"{kind} stream {stream.index} ({codec or 'unknown codec'})"
            said = f"{described} {fate}: {detail}"
            self.warnings.append(Note(said) if harmless else said)

    def note_frame_data(
        self,
        film: Stream,
        spec: EncoderSpec,
        counts: Mapping[str, int],
        captions: CaptionTrack | None,
        *,
        keeps_start: bool = False,
    ) -> None:
        """Record what became of the side data inside the film's frames, such as captions.

        Args:
            film: The film's stream in the source.
            spec: How the film is encoded.
            counts: Number of frames with each kind of side data.
            captions: The track of captions that is written.
            keeps_start: Whether the output has the timecode of the film's start, from which those
                of the frames follow.
        """
        for kind, frames in counts.items():
            fate: Fate = "copied"
            detail = f"in {frames} frames"
            if kind == CAPTIONS and captions:
                fate = "kept" if captions.is_exact else "recoded"
                detail += f": {spec.codec} cannot store them, written as {captions.described}"
            elif kind not in spec.frame_data:
                fate = "left out"
                detail += f": {spec.codec} cannot store them"
            if kind == TIMECODES and fate == "left out" and keeps_start:
                detail += ", the film has that of its start"
                self.warnings.append(Note(f"{kind} {detail}"))
            elif fate in {"recoded", "left out"}:
                self.warnings.append(f"{kind} {detail}")
            self.fates.append(StreamFate(film.index, kind, "", fate, detail))
        if captions and captions.frames_of_708:
            detail = f"in {captions.frames_of_708} frames: only CEA-608 gets a track"
            self.warnings.append(f"{CAPTIONS_708} {detail}")
            self.fates.append(StreamFate(film.index, CAPTIONS_708, "", "left out", detail))

    def packets(
        self,
        source: InputContainer,
        timeline: Timeline,
        trimmed: TrimRange | None = None,
    ) -> Iterator[AnyPacket]:
        """Yield the output's packets of all tracks, in the order of the source file.

        Args:
            source: The source.
            timeline: Timeline of the whole film, which has the restarts of the source's clock.
            trimmed: The range to copy; None for all of it.
        """
        for stream in source.streams:
            if stream.index not in self.tracks:
                stream.discard = Discard.all
        chosen = [stream for stream in source.streams if stream.index in self.tracks]
        if not chosen:
            return
        for packet in continuous_packets(
            ignore_new_streams(source.demux(chosen)), timeline.restarts, timeline.time_base
        ):
            if trimmed is None or trimmed.clip_packet(packet):
                track = self.tracks[packet.stream.index]
                for converted in track.convert(packet):
                    track.written_packets += 1
                    yield converted
        for index, track in self.tracks.items():
            for packet in track.release():
                track.written_packets += 1
                yield packet
            self.warnings += track.warnings()
            if track.is_lost:
                self._mark_lost(index)

    def mux(self, output: OutputContainer, packet: AnyPacket) -> None:
        """Write a packet; a damaged one is left out, unless it is the film's."""
        index = packet.stream.index
        try:
            output.mux(packet)
        except (ArgumentError, InvalidDataError):
            track = next(
                (each for each in self.tracks.values() if each.output.index == index), None
            )
            if track is None:
                raise
            track.refused_packets += 1
            track.written_packets -= 1

    def _mark_lost(self, index: int) -> None:
        """Correct the record of a stream of which no packet could be written."""
        self.fates = [
            replace(fate, fate="left out", detail="all of its packets are damaged")
            if fate.index == index
            else fate
            for fate in self.fates
        ]


def copy_streams(
    source: InputContainer,
    film: VideoStream,
    output: OutputContainer,
    spec: EncoderSpec,
    shift_seconds: Fraction,
    late: Mapping[int, Stream] = MappingProxyType({}),
    *,
    header: SourceHeader = NO_HEADER,
) -> CopiedStreams:
    """Add a track to the output for every other stream of the source that it can hold.

    Audio and text subtitles that the container cannot hold are transcoded. Any other stream that
    it cannot hold is left out, with a warning.

    Args:
        source: The source.
        film: Its stream that is colored.
        output: The output, before its header is written.
        spec: The film's encoder.
        shift_seconds: Subtracted from all times.
        late: The parameters of audio streams that the source's beginning does not describe.
        header: What the source's header declares that libav does not pass on.
    """
    copied, attachments = CopiedStreams(), Attachments(output)
    for stream in source.streams:
        if stream.index == film.index:
            copied.note(stream, "colored", f"becomes {spec.codec}, {spec.pix_fmt}")
        elif stream.index in header.encrypted:
            copied.note(stream, "left out", "it is encrypted")
        elif stream.type == "attachment":
            _copy_attachment(cast(AttachmentStream, stream), attachments, copied)
        elif is_cover(stream) and output.format.name == "matroska":
            _copy_cover(stream, copied, attachments)
        elif stream.type == "data":
            _keep_data(stream, film, header.chapters, copied)
        else:
            described = late.get(stream.index, stream)
            codec_id = header.matroska.codec_id(stream.index) if header.matroska else ""
            _add_track(stream, described, output, spec, shift_seconds, copied, codec_id)
    return copied


def _add_track(
    stream: Stream,
    described: Stream,
    output: OutputContainer,
    spec: EncoderSpec,
    shift_seconds: Fraction,
    copied: CopiedStreams,
    codec_id: str,
) -> None:
    shift = round(shift_seconds / stream.time_base) if stream.time_base else 0
    codec = codec_name(stream)
    track: OutputTrack | None
    if not is_known(described):
        copied.note(stream, "left out", "no packet gives its sample rate")
        return
    name = output.format.name
    if can_hold(name, described) and stores_layout(name, described):
        is_adts = codec == "aac" and not described.codec_context.extradata
        track = OutputTrack(_from_template(output, described), shift, is_adts=is_adts)
        _note_copied(stream, copied)
    elif isinstance(stream, AudioStream) and codec:
        track = _transcode_audio(stream, cast(AudioStream, described), output, spec, shift, copied)
        if track is None:
            return
    elif not codec and codec_id and stream.type == "subtitle" and name == "matroska":
        track = OutputTrack(output.add_mux_stream(STAND_IN), shift)
        copied.note(stream, "copied", codec_id)
    else:
        track = transcode_subtitles(output, stream, codec or KNOWN_IDS.get(codec_id, ""), shift)
        if track is None:
            reason = f"{spec.container} does not hold it" if codec else "libav does not know it"
            kind = "cover" if is_cover(stream) else ""
            copied.note(stream, "left out", reason, kind=kind)
            return
        made = codec_name(track.output)
        detail = f"{spec.container} does not hold it, becomes {made}"
        copied.note(stream, "recoded", detail, harmless=codec in PLAIN_TEXTS)
    track.output.disposition = stream.disposition
    track.output.metadata.update(filter_tags(stream.metadata))
    if output.format.name == "mov":
        track.output.metadata["language"] = quicktime_language(stream.metadata)
    copied.tracks[stream.index] = track


def _transcode_audio(
    stream: AudioStream,
    described: AudioStream,
    output: OutputContainer,
    spec: EncoderSpec,
    shift: int,
    copied: CopiedStreams,
) -> OutputTrack | None:
    reason = f"{spec.container} does not hold it"
    name = output.format.name
    if not stores_layout(name, described) and can_hold(name, described):
        reason = f"{spec.container} does not store its channel layout"
    track = transcode_audio(output, stream, described, spec, shift)
    if track is None:
        copied.note(
            stream,
            "left out",
            f"{spec.container} does not hold it and no encoder takes it; extract it with ffmpeg",
        )
        return None
    # Lossless, or as lossy as the access profile's pictures.
    detail = f"{reason}, becomes {track.encoder.described}"
    copied.note(stream, "recoded", detail, harmless=True)
    if not track.encoder.keeps_layout:
        copied.warnings.append(
            f"audio stream {stream.index}: {track.encoder.described} keeps its "
            f"{track.layout.channels} channels, but not their layout {track.layout.described}"
        )
    return track


def _note_copied(stream: Stream, copied: CopiedStreams) -> None:
    if is_cover(stream):
        copied.note(stream, "copied", kind="cover")
    elif stream.type == "video":
        copied.note(stream, "copied", "only one video stream is colored")
        copied.warnings.append(Note(f"video stream {stream.index} copied: not colored"))
    else:
        copied.note(stream, "copied")


def can_hold(container: str, stream: Stream) -> bool:
    """Return whether a muxer accepts a stream unchanged, by writing a header to memory.

    PCM is legal in MP4 since ISO/IEC 23003-5 and libavformat writes it, but browsers and most
    players do not play it. So MP4 counts as unable to hold it. MOV has always supported it.
    """
    codec = codec_name(stream)
    if not codec or (container == "mp4" and codec.startswith("pcm_")):
        return False
    if container == "mov" and is_cover(stream):
        return False  # libavformat accepts covers there, but does not write them.
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            _from_template(trial, stream).disposition = stream.disposition
            trial.start_encoding()
    except (FFmpegError, ValueError) as error:
        logger.debug("%s does not hold stream %d: %s", container, stream.index, error)
        return False
    return True


def stores_layout(container: str, stream: Stream) -> bool:
    """Return whether a container keeps the channel layout of a stream that is copied into it.

    Matroska stores the number of channels only; codecs other than PCM carry their own layout.
    """
    codec = codec_name(stream)
    if container != "matroska" or not codec.startswith("pcm_"):
        return True
    layout = channel_layout(cast(AudioStream, stream).codec_context)
    return layout.name in MATROSKA_PCM_LAYOUTS and not layout.order


def codec_name(stream: Stream) -> str:
    """Return the name of a stream's codec; empty if libav knows none, contrary to PyAV's stubs."""
    context = cast("CodecContext | None", stream.codec_context)
    return "" if context is None else context.name


def _from_template(output: OutputContainer, stream: Stream) -> Stream:
    return output.add_stream_from_template(stream, opaque=True)


def _copy_cover(stream: Stream, copied: CopiedStreams, attachments: Attachments) -> None:
    name = attachments.add_cover(stream)
    if name:
        copied.note(stream, "kept", f"attached as {name}", kind="cover")
    else:
        copied.note(stream, "left out", "unknown kind of picture", kind="cover")


def _copy_attachment(
    stream: AttachmentStream, attachments: Attachments, copied: CopiedStreams
) -> None:
    if attachments.output.format.name != "matroska":
        copied.note(stream, "left out", f"{file_name(stream)}: only Matroska holds attachments")
    else:
        copied.note(stream, "copied", attachments.add_file(stream))


def _keep_data(
    stream: Stream, film: VideoStream, chapters: Collection[int], copied: CopiedStreams
) -> None:
    """Keep a data stream's content elsewhere: its timecode as a tag, its chapters as chapters.

    MP4 also stores chapter titles in a text track, and QuickTime the timecode in its own track.
    """
    timecode = stream.metadata.get("timecode")
    if timecode:
        film.metadata.setdefault("timecode", timecode)
        copied.note(stream, "kept", f"timecode {timecode}")
    elif stream.index in chapters:
        copied.note(stream, "kept", "chapters")
    else:
        kind = stream.metadata.get("handler_name") or stream.name or "unknown kind"
        copied.note(stream, "left out", f"data of {kind}, which no output holds")
