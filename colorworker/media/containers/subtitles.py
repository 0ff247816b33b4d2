"""Transcode text subtitles to the codec that the output's container takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
from av.container import OutputContainer
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext

from colorworker.media.containers.outputtrack import AnyPacket, OutputTrack

MICROSECOND = Fraction(1, 1_000_000)
CAPTIONS = "cc_dec"
"""libav's CEA-608 decoder; PyAV reports a CEA-608 track under this name."""
TEXTS = frozenset({"subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text", CAPTIONS})
"""Text subtitle codecs, which libav can transcode; the others are bitmaps."""
PLAIN_TEXTS = frozenset({"subrip", "srt", "mov_text", "text"})
"""Those without positions and styles that would be lost in another one of them."""
ENCODERS = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip"}
"""The text subtitle codec of each container."""


@dataclass
class TranscodedSubtitles(OutputTrack):
    """A text subtitle track that is decoded and encoded again, with the source's times."""

    decoder: SubtitleCodecContext | None = None

    def convert(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Yield the packet with its text encoded again; nothing for a packet without text."""
        if not packet.size or self.decoder is None or packet.pts is None:
            return
        shown = self.decoder.decode2(packet)
        if not shown:
            return
        encoder = cast(SubtitleCodecContext, self.output.codec_context)
        made = cast(AnyPacket, encoder.encode_subtitle(shown))
        made.pts = made.dts = packet.pts - self.shift
        made.duration, made.time_base = packet.duration, packet.time_base
        if self.decoder.name == CAPTIONS:
            # The decoder returns a caption when it is erased, with the time since it was shown.
            ticks_per_second = 1 / packet.time_base
            made.pts = made.dts = round(shown.pts * MICROSECOND * ticks_per_second) - self.shift
            made.duration = round(shown.end_display_time * ticks_per_second / 1000)
        made.stream = self.output
        yield made


def transcode_subtitles(
    output: OutputContainer, stream: Stream, codec: str, shift: int
) -> TranscodedSubtitles | None:
    """Add a transcoded track for a text subtitle stream.

    Returns None if the stream holds bitmaps or the container takes no text subtitles.
    """
    wanted = ENCODERS.get(output.format.name)
    if codec not in TEXTS or wanted is None:
        return None
    known: object = stream.codec_context
    decoder = cast(SubtitleCodecContext, known or av.CodecContext.create(codec, "r"))
    decoder.open(strict=False)
    if decoder.subtitle_header is None:
        return None
    made = output.add_stream(wanted)
    encoder = cast(SubtitleCodecContext, made.codec_context)
    encoder.subtitle_header = decoder.subtitle_header
    return TranscodedSubtitles(made, shift, decoder=decoder)
