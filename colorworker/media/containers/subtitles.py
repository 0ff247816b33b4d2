"""Text subtitles, written anew where the container wants them in other words."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from av.container import OutputContainer
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext

from colorworker.media.containers.track import AnyPacket, Track

MICROSECOND = Fraction(1, 1_000_000)
CAPTIONS = "cc_dec"
"""libav's decoder of CEA-608, by which name PyAV knows a track of it."""
TEXTS = frozenset({"subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text", CAPTIONS})
"""Codecs whose words libav can write as another codec; the others are pictures."""
ENCODERS = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip"}
"""What each container takes."""


@dataclass
class RecodedSubtitles(Track):
    """A stream of text that is decoded and encoded again; times stay the packets' own."""

    decoder: SubtitleCodecContext | None = None

    def take(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Yield the packet with its words encoded anew; none for one without words."""
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
            # A caption comes out of the decoder when it is erased, and says since when it was seen.
            ticks_per_second = 1 / packet.time_base
            made.pts = made.dts = round(shown.pts * MICROSECOND * ticks_per_second) - self.shift
            made.duration = round(shown.end_display_time * ticks_per_second / 1000)
        made.stream = self.output
        yield made


def recode_subtitles(
    output: OutputContainer, stream: Stream, codec: str, shift: int
) -> RecodedSubtitles | None:
    """Add a track for a stream's words; None where they are pictures or nothing can be written."""
    wanted = ENCODERS.get(output.format.name)
    if codec not in TEXTS or wanted is None:
        return None
    decoder = cast(SubtitleCodecContext, stream.codec_context)
    decoder.open(strict=False)
    if decoder.subtitle_header is None:
        return None
    made = output.add_stream(wanted)
    encoder = cast(SubtitleCodecContext, made.codec_context)
    encoder.subtitle_header = decoder.subtitle_header
    return RecodedSubtitles(made, shift, decoder=decoder)
