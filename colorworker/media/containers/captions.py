"""Closed captions that the encoder cannot write into frames: a separate track instead."""

import base64
import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.subtitles.codeccontext import SubtitleCodecContext

from colorworker.media.containers.outputtrack import AnyPacket
from colorworker.media.containers.subtitles import ENCODERS, MICROSECOND

CEA_608 = "eia_608"
HEAD = struct.Struct("<qH")
"""pts, and the number of bytes that follow."""
VALID_608 = (0xFC, 0xFD)
"""First bytes of CEA-608 triplets, field 1 and 2; others are padding or CEA-708."""
VALID_708 = (0xFE, 0xFF)
"""First bytes of CEA-708 triplets: continuation and start of a packet."""
ERASE = bytes((0xFC, 0x94, 0x2C))
"""Erase displayed memory. The decoder returns a caption only when it is erased."""

Caption = tuple[int, bytes]
"""pts of a frame, and its caption triplets (cc_data of ATSC A/53 part 4)."""


def pack_captions(captions: Sequence[Caption]) -> str:
    """Return the captions as text (zlib, base64) for a record; empty if there are none."""
    if not captions:
        return ""
    data = b"".join(HEAD.pack(pts, len(triplets)) + triplets for pts, triplets in captions)
    return base64.b64encode(zlib.compress(data)).decode()


def unpack_captions(packed: str) -> Iterator[Caption]:
    """Yield the captions that `pack_captions` packed."""
    data = zlib.decompress(base64.b64decode(packed)) if packed else b""
    at = 0
    while at < len(data):
        pts, length = HEAD.unpack_from(data, at)
        at += HEAD.size
        yield pts, data[at : at + length]
        at += length


@dataclass(frozen=True)
class CaptionTrack:
    """A caption track of the output. Its packets are made after the header is written."""

    output: Stream
    captions: tuple[Caption, ...]
    """CEA-608 only; times count from the output's start."""
    time_base: Fraction
    step: int
    """Duration of a frame in ticks."""
    is_exact: bool
    """Whether the track holds the same CEA-608 data, not only its text."""
    frames_of_708: int = 0
    """Frames that also carry CEA-708, which no track holds."""

    @property
    def described(self) -> str:
        """The kind of track, for messages."""
        return "a CEA-608 track" if self.is_exact else "a text subtitle track"

    def packets(self) -> Iterator[AnyPacket]:
        """Yield the track's packets in order."""
        if self.is_exact:
            yield from _caption_packets(self.captions, self.output, self.time_base, self.step)
        else:
            yield from _text_packets(self)


def add_caption_track(
    output: OutputContainer, captions: Sequence[Caption], time_base: Fraction, step: int
) -> CaptionTrack | None:
    """Add a track for the captions; None if they hold no CEA-608, or the container no captions.

    QuickTime stores CEA-608 as it is. Matroska has no codec for it and gets the text instead.

    Args:
        output: The output, before its header is written.
        captions: Captions of all frames, in display order, with times from the output's start.
        time_base: Time base of those times.
        step: Duration of a frame in ticks.
    """
    line21 = tuple(
        (pts, pairs)
        for pts, triplets in captions
        if (pairs := _select_triplets(VALID_608, triplets))
    )
    if not any(pair[1:3] != b"\x80\x80" for _, pair in line21):
        return None
    is_exact = output.format.name == "mov"
    if is_exact:
        made = output.add_mux_stream(CEA_608)
    elif output.format.name == "matroska":
        made = output.add_stream(ENCODERS["matroska"])
        header = _decoder().subtitle_header
        cast(SubtitleCodecContext, made.codec_context).subtitle_header = header
    else:
        return None
    made.metadata["title"] = "Closed captions"
    made.disposition = Disposition.hearing_impaired
    frames_of_708 = sum(bool(_select_triplets(VALID_708, triplets)) for _, triplets in captions)
    return CaptionTrack(made, line21, time_base, step, is_exact, frames_of_708)


def _select_triplets(first_bytes: tuple[int, ...], triplets: bytes) -> bytes:
    groups = (triplets[at : at + 3] for at in range(0, len(triplets) - 2, 3))
    return b"".join(group for group in groups if group[0] in first_bytes)


def _caption_packets(
    captions: Sequence[Caption], output: Stream, time_base: Fraction, step: int
) -> Iterator[AnyPacket]:
    for pts, triplets in captions:
        packet: AnyPacket = Packet(triplets)
        packet.pts = packet.dts = pts
        packet.duration, packet.time_base, packet.stream = step, time_base, output
        yield packet


def _decoder() -> SubtitleCodecContext:
    decoder = cast(SubtitleCodecContext, av.CodecContext.create(CEA_608, "r"))
    decoder.open(strict=False)
    return decoder


def _text_packets(track: CaptionTrack) -> Iterator[AnyPacket]:
    """Yield the captions as text.

    They are decoded through a QuickTime file in memory, because the decoder needs the time base of
    a stream.
    """
    memory = io.BytesIO()
    with av.open(memory, "w", format="mov") as film:
        stream = film.add_mux_stream(CEA_608)
        end = track.captions[-1][0] + track.step
        for packet in _caption_packets(
            [*track.captions, (end, ERASE)], stream, track.time_base, track.step
        ):
            film.mux(packet)
    memory.seek(0)
    encoder = cast(SubtitleCodecContext, track.output.codec_context)
    with av.open(memory, "r") as film:
        decoder = cast(SubtitleCodecContext, film.streams[0].codec_context)
        for packet in film.demux(film.streams[0]):
            shown = decoder.decode2(packet) if packet.size else None
            if not shown:
                continue
            made = cast(AnyPacket, encoder.encode_subtitle(shown))
            made.pts = made.dts = shown.pts
            made.duration = shown.end_display_time * 1000
            made.time_base, made.stream = MICROSECOND, track.output
            yield made
