"""Choose an encoder for audio that the output's container cannot hold."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.format import AudioFormat
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError

from colorworker.media.codecs.profiles import EncoderSpec
from colorworker.media.containers.channellayout import ASSUMED, ChannelLayout

SAMPLES = {"u8": "s16", "s16": "s16", "s32": "s32", "flt": "flt", "dbl": "dbl"}
"""Packed sample format that holds a decoder's samples exactly, by the decoder's packed format."""
# fmt: off
CODECS_OF_24_BITS = frozenset({
    "pcm_s24le", "pcm_s24be", "pcm_u24le", "pcm_u24be", "pcm_s24daud", "pcm_bluray", "pcm_dvd",
    "s302m", "truehd", "mlp", "tta",
})
# fmt: on
"""Codecs that decode to 32 bits of which the lowest 8 are 0."""
PCM = {"s16": "pcm_s16le", "s32": "pcm_s32le", "flt": "pcm_f32le", "dbl": "pcm_f64le"}
MATROSKA_PCM_LAYOUTS = frozenset({"", "mono", "stereo", "5.1", "7.1"})
"""Layouts that players assume for PCM in Matroska, which stores only the number of channels."""
AAC_LAYOUTS: Mapping[str, str] = {
    "mono": "mono",
    "stereo": "stereo",
    "2.1": "2.1",
    "3.0": "3.0",
    "3.0(back)": "3.0(back)",
    "4.0": "4.0",
    "quad": "quad",
    "5.0": "5.0",
    "5.1": "5.1",
    "7.1": "7.1",
    # MPEG-4's configurations 5 and 6: its surround channels are the side channels of others.
    "5.0(side)": "5.0",
    "5.1(side)": "5.1",
}
"""Layouts that libav's AAC decoder reads as they were written (measured with libav 62.28)."""
AAC_REORDERS = frozenset({"6.0(front)"})
"""Layouts of which libav's AAC encoder swaps channels (measured with libav 62.28)."""
BITS_PER_CHANNEL = 64_000
OPUS_DISCRETE = {"mapping_family": "255"}
"""Opus with channels that have no positions (RFC 7845, section 5.1.1.3)."""


@dataclass(frozen=True)
class AudioEncoder:
    """An encoder of one audio track and its settings."""

    codec: str
    """libav's name of the encoder."""
    samples: str
    """Packed format of the samples that are given to the encoder."""
    layout: str
    """libav's name of the channel layout."""
    rate: int
    """Samples per second."""
    keeps_layout: bool
    format: str = ""
    """The encoder's own sample format; empty for its first."""
    bit_rate: int = 0
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def described(self) -> str:
        """The codec's name, with the bit rate of lossy codecs."""
        name = self.codec.removeprefix("lib")
        return f"{name} at {self.bit_rate // 1000} kbit/s" if self.bit_rate else name

    def add_to(self, output: OutputContainer) -> AudioStream:
        """Add a track for this encoder to an output, and return it."""
        stream = cast(AudioStream, output.add_stream(self.codec, rate=self.rate))
        context = stream.codec_context
        context.layout = self.layout
        context.time_base = Fraction(1, self.rate)
        if self.format:
            context.format = self.format
        if self.bit_rate:
            context.bit_rate = self.bit_rate
        if self.options:
            context.options = dict(self.options)
        return stream


def choose_encoder(
    container: str, spec: EncoderSpec, decoder: AudioCodecContext, layout: ChannelLayout
) -> AudioEncoder | None:
    """Return the encoder for an audio stream; None if no encoder takes it.

    Archive and mezzanine films get a lossless encoder for the decoder's samples: 16 and 24 bits,
    32 bits, or floating point. The first encoder that keeps the channel layout is taken.
    """
    sample_format = cast("AudioFormat | None", decoder.format)
    packed = sample_format.name.removesuffix("p") if sample_format else ""
    if not layout.channels or not decoder.sample_rate or packed not in SAMPLES:
        return None
    samples = SAMPLES[packed]
    deep = samples == "s32" and decoder.name not in CODECS_OF_24_BITS
    candidates = (
        _lossy(spec, decoder.sample_rate, layout)
        if spec.sound_codec == "aac"
        else _lossless(container, spec, samples, deep, decoder.sample_rate, layout)
    )
    fitting = [candidate for candidate in candidates if _is_accepted(container, candidate)]
    return next((each for each in fitting if each.keeps_layout), next(iter(fitting), None))


def _lossless(
    container: str,
    spec: EncoderSpec,
    samples: str,
    deep: bool,
    rate: int,
    layout: ChannelLayout,
) -> Iterator[AudioEncoder]:
    named = layout.name or f"{layout.channels}C"
    # Without a layout, decoders of FLAC and WavPack would make one up.
    compressed = bool(layout.name)
    pcm = "pcm_s24le" if samples == "s32" and not deep else PCM[samples]
    stored = container != "matroska" or layout.name in MATROSKA_PCM_LAYOUTS
    plain = AudioEncoder(pcm, samples, named, rate, stored)
    if spec.sound_codec == "flac" and not deep and samples in {"s16", "s32"} and compressed:
        # In MP4, FLAC has no place for any layout but its own.
        own = container == "matroska" or layout.name == ASSUMED.get(layout.channels)
        yield AudioEncoder("flac", samples, named, rate, own, samples)
    yield plain
    if samples in {"s16", "s32"} and not deep and compressed:
        yield AudioEncoder("flac", samples, named, rate, container == "matroska", samples)
    if samples != "dbl" and compressed:
        keeps = layout.channels <= max(ASSUMED)
        yield AudioEncoder("wavpack", samples, named, rate, keeps, samples + "p")


def _lossy(spec: EncoderSpec, rate: int, layout: ChannelLayout) -> Iterator[AudioEncoder]:
    bit_rate = max(spec.sound_bit_rate, BITS_PER_CHANNEL * layout.channels)
    named = layout.name or ASSUMED.get(layout.channels, "")
    if named and named not in AAC_REORDERS and layout.channels <= max(ASSUMED):
        keeps = not layout.name or named in AAC_LAYOUTS
        named = AAC_LAYOUTS.get(named, named)
        yield AudioEncoder("aac", "flt", named, _rate("aac", rate), keeps, bit_rate=bit_rate)
    yield AudioEncoder(
        "libopus",
        "flt",
        f"{layout.channels}C",
        _rate("libopus", rate),
        not layout.name,
        "flt",
        bit_rate,
        OPUS_DISCRETE,
    )


def _rate(codec: str, rate: int) -> int:
    rates = av.Codec(codec, "w").audio_rates or [rate]
    return rate if rate in rates else 48_000


def _is_accepted(container: str, encoder: AudioEncoder) -> bool:
    """Return whether encoder and muxer take these settings, by writing a header to memory."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            encoder.add_to(trial)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True
