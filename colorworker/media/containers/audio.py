"""Transcode audio that the output's container cannot hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import OutputContainer

from colorworker.media.codecs.profiles import EncoderSpec
from colorworker.media.containers.outputtrack import AnyPacket, OutputTrack

if TYPE_CHECKING:
    from av.packet import Packet

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}


@dataclass
class TranscodedAudio(OutputTrack):
    """An audio track that is decoded and encoded again."""

    def convert(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Yield encoded packets; the source's final empty packet flushes decoder and encoder."""
        encoder = cast(AudioStream, self.output)
        for frame in cast("Packet[AudioStream]", packet).decode():
            if frame.pts is not None:
                frame.pts -= self.shift
            yield from encoder.encode(frame)
        if not packet.size:
            yield from encoder.encode(None)


def transcode_audio(
    output: OutputContainer, stream: AudioStream, spec: EncoderSpec, shift: int
) -> tuple[TranscodedAudio, str]:
    """Add a transcoded track for an audio stream; return it and a description of its codec."""
    decoder = stream.codec_context
    shallow = decoder.format.bytes <= 2
    name = spec.sound_codec
    if name.startswith("pcm_"):
        name = "pcm_s16le" if shallow else "pcm_s24le"
    codec = av.Codec(name, "w")
    rates = codec.audio_rates or [decoder.sample_rate]
    rate = decoder.sample_rate if decoder.sample_rate in rates else 48_000
    encoder = cast(AudioStream, output.add_stream(name, rate=rate))
    context: AudioCodecContext = encoder.codec_context
    # Containers often give only the number of channels; AAC needs their layout.
    context.layout = LAYOUTS.get(decoder.layout.nb_channels, decoder.layout)
    context.time_base = Fraction(1, rate)
    described = name
    if name == "aac":
        context.bit_rate = spec.sound_bit_rate
        described = f"aac at {spec.sound_bit_rate // 1000} kbit/s"
    else:
        context.format = "s16" if shallow else "s32"
    return TranscodedAudio(encoder, shift), described
