"""Sound that the container cannot hold as it is, encoded anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import OutputContainer

from colorworker.media.codecs.profiles import EncoderSpec
from colorworker.media.containers.track import AnyPacket, Track

if TYPE_CHECKING:
    from av.packet import Packet

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}


@dataclass
class RecodedSound(Track):
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


def recode_sound(
    output: OutputContainer, stream: AudioStream, spec: EncoderSpec, shift: int
) -> tuple[RecodedSound, str]:
    """Add a track for a stream's sound; returns it and what it becomes, in words."""
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
    # Containers often tell only how many channels there are; AAC wants to know where they stand.
    context.layout = LAYOUTS.get(decoder.layout.nb_channels, decoder.layout)
    context.time_base = Fraction(1, rate)
    described = name
    if name == "aac":
        context.bit_rate = spec.sound_bit_rate
        described = f"aac at {spec.sound_bit_rate // 1000} kbit/s"
    else:
        context.format = "s16" if shallow else "s32"
    return RecodedSound(encoder, shift), described
