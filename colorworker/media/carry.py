"""Carry a film's other streams (sound, subtitles, covers, attachments) into the output."""

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import AttachmentStream, Discard, Disposition, Stream
from av.video.stream import VideoStream

from colorworker.media.profiles import EncoderSpec

logger = logging.getLogger(__name__)

AnyPacket: TypeAlias = "Packet[Stream]"
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
COVER_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}


@dataclass
class Track:
    """One stream on its way from the source into the output."""

    output: Stream
    shift: int = 0
    """Ticks of the source stream that are taken off every time."""
    last_dts: int | None = None
    moved_packets: int = 0
    """Packets whose decoding time went backwards in the source."""

    def take(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Yield what the output gets for a packet of the source; the same bytes."""
        if not packet.size:
            return
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is None:
            dts = 0 if self.last_dts is None else self.last_dts + 1 + self.shift
        dts -= self.shift
        if self.last_dts is not None and dts <= self.last_dts and self.output.type == "audio":
            dts, self.moved_packets = self.last_dts + 1, self.moved_packets + 1
        packet.pts = dts if packet.pts is None else max(dts, packet.pts - self.shift)
        packet.dts = self.last_dts = dts
        packet.stream = self.output
        yield packet


@dataclass
class RecodedTrack(Track):
    """A stream of sound that is decoded and encoded again."""

    def take(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Yield encoded packets; the source's last, empty packet flushes both codecs."""
        encoder = cast(AudioStream, self.output)
        for frame in cast("Packet[AudioStream]", packet).decode():
            if frame.pts is not None:
                frame.pts -= self.shift
            yield from encoder.encode(frame)
        if not packet.size:
            yield from encoder.encode(None)


@dataclass
class Carried:
    """What of the source goes along, by stream index, and what a report must say about the rest."""

    tracks: dict[int, Track] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def packets(self, source: InputContainer) -> Iterator[AnyPacket]:
        """Yield the output's packets of all tracks, in the order of the source file."""
        for stream in source.streams:
            if stream.index not in self.tracks:
                stream.discard = Discard.all
        chosen = [stream for stream in source.streams if stream.index in self.tracks]
        if not chosen:
            return
        for packet in source.demux(chosen):
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

    Sound that the container cannot hold is encoded anew; other streams it cannot hold stay behind,
    and a warning says so.
    """
    carried = Carried()
    for stream in source.streams:
        if stream.index == film.index:
            continue
        if stream.type == "attachment":
            _carry_attachment(cast(AttachmentStream, stream), output, carried)
        elif _is_cover(stream) and output.format.name == "matroska":
            _carry_cover(stream, carried, output)
        elif stream.type == "data":
            _note_data(stream, source, carried)
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
    described = f"{stream.type} stream {stream.index} ({codec_name(stream) or 'unknown codec'})"
    if can_hold(output.format.name, stream):
        track = Track(_from_template(output, stream), shift)
    elif isinstance(stream, AudioStream) and codec_name(stream):
        track = RecodedTrack(_sound_encoder(output, stream, spec), shift)
        rate = f" at {spec.sound_bit_rate // 1000} kbit/s" if spec.sound_codec == "aac" else ""
        carried.warnings.append(
            f"{described} cannot be held by {spec.container}: encoded as {spec.sound_codec}{rate}"
        )
    else:
        carried.warnings.append(f"{described} cannot be held by {spec.container}: left out")
        return
    track.output.disposition = stream.disposition
    track.output.metadata.update(stream.metadata)
    carried.tracks[stream.index] = track


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


def _sound_encoder(output: OutputContainer, stream: AudioStream, spec: EncoderSpec) -> AudioStream:
    decoder = stream.codec_context
    codec = av.Codec(spec.sound_codec, "w")
    rates = codec.audio_rates or [decoder.sample_rate]
    rate = decoder.sample_rate if decoder.sample_rate in rates else 48_000
    encoder = cast(AudioStream, output.add_stream(spec.sound_codec, rate=rate))
    context: AudioCodecContext = encoder.codec_context
    # Containers often tell only how many channels there are; AAC wants to know where they stand.
    context.layout = LAYOUTS.get(decoder.layout.nb_channels, decoder.layout)
    if spec.sound_codec == "flac":
        context.format = "s16" if decoder.format.bytes <= 2 else "s32"
    else:
        context.bit_rate = spec.sound_bit_rate
    context.time_base = Fraction(1, rate)
    return encoder


def _is_cover(stream: Stream) -> bool:
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def _carry_cover(stream: Stream, carried: Carried, output: OutputContainer) -> None:
    """Attach a cover picture: as a stream of video, Matroska players would play it as a film."""
    name, mime_type = COVER_TYPES.get(stream.codec_context.name, ("", ""))
    if not name:
        carried.warnings.append(f"cover picture ({stream.codec_context.name}): left out")
        return
    source = cast(InputContainer, stream.container)
    data = next((bytes(packet) for packet in source.demux(stream) if packet.size), b"")
    output.add_attachment(f"cover.{name}", mime_type, data)


def _carry_attachment(stream: AttachmentStream, output: OutputContainer, carried: Carried) -> None:
    name = stream.metadata.get("filename", f"attachment-{stream.index}")
    if output.format.name != "matroska":
        carried.warnings.append(f"attachment {name}: only Matroska holds it, left out")
        return
    output.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)


def _note_data(stream: Stream, source: InputContainer, carried: Carried) -> None:
    """Say what is lost with a data stream: nothing, where it repeats chapters or the timecode.

    MP4 keeps chapter titles in a text track as well, and MOV the timecode of the film's metadata.
    """
    if source.chapters() or "timecode" in stream.metadata:
        return
    kind = stream.metadata.get("handler_name") or stream.name or "of unknown kind"
    carried.warnings.append(f"data stream {stream.index} ({kind}): left out")
