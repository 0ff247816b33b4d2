"""Read a film's properties from its header alone, by a few ranged reads; for estimates."""

from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream

from colorworker.media.containers.demux import decode_errors, open_source
from colorworker.media.containers.maintrack import film_stream

_USUAL_RATE = Fraction(25)
"""Assumed frame rate if the header has none."""


@dataclass(frozen=True)
class FilmHeader:
    """A film as its header describes it, unchecked."""

    codec: str
    """libav's codec name, such as `h264`, whichever decoder is used."""
    pix_fmt: str
    width: int
    height: int
    rate: Fraction
    """Frames per second."""
    frames: int
    seconds: float
    other_bit_rate: int = 0
    """Total bit rate of the audio streams in bit/s, as far as the header says."""


def film_header(reader: BinaryIO, key: str) -> FilmHeader:
    """Return the film's header; frames and seconds are 0 if it does not declare a duration.

    libav reads the beginning until it knows the streams, and for some containers also the end.

    Raises:
        SourceDamaged: If there is no film in the file.
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
    # Contrary to PyAV's stubs, there is no context if libav has no decoder.
    context = cast("AudioCodecContext | None", sound.codec_context)
    return (context.bit_rate or 0) if context else 0
