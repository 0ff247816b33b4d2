"""What a film's header promises, by a few ranged reads: for estimates, not for the work."""

from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream

from colorworker.media.containers.demux import decode_errors, film_stream, open_source

_USUAL_RATE = Fraction(25)
"""Where the header does not say."""


@dataclass(frozen=True)
class FilmHeader:
    """A film as its header describes it; nothing of it is checked."""

    codec: str
    """libav's name of the codec, such as `h264`, whichever decoder is used."""
    pix_fmt: str
    width: int
    height: int
    rate: Fraction
    """Frames a second."""
    frames: int
    seconds: float
    other_bit_rate: int = 0
    """Of its sound, bits a second, as far as the header says."""


def film_header(reader: BinaryIO, key: str) -> FilmHeader:
    """Return what the header says; where it does not say how long, frames and seconds are 0.

    libav reads the beginning until it knows the streams, and of some containers the end.

    Raises:
        SourceDamaged: If no film is in it.
        SourceUnsupported: If there is no decoder for it.
    """
    with open_source(reader, key) as container, decode_errors(key, "at its start"):
        stream = film_stream(container, key)
        context = stream.codec_context
        rate = stream.average_rate or stream.guessed_rate or _USUAL_RATE
        if stream.duration and stream.time_base:
            seconds = stream.duration * stream.time_base
        else:
            seconds = Fraction(container.duration or 0, av.time_base)
        return FilmHeader(
            context.codec.canonical_name,
            context.pix_fmt or "yuv420p",
            context.width,
            context.height,
            rate,
            stream.frames or round(seconds * rate),
            float(seconds),
            sum(_bit_rate(sound) for sound in container.streams.audio),
        )


def _bit_rate(sound: AudioStream) -> int:
    # Contrary to PyAV's stubs there is no context where libav has no decoder.
    context = cast("AudioCodecContext | None", sound.codec_context)
    return (context.bit_rate or 0) if context else 0
