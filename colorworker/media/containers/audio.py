"""Transcode audio that the output's container cannot hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError

from colorworker.media.codecs.profiles import EncoderSpec
from colorworker.media.containers.audiocodecs import AudioEncoder, choose_encoder
from colorworker.media.containers.channellayout import (
    ChannelLayout,
    channel_layout,
    forget_layout,
)
from colorworker.media.containers.outputtrack import AnyPacket, OutputTrack

if TYPE_CHECKING:
    from av.packet import Packet

DTYPES: Mapping[str, npt.DTypeLike] = {
    "s16": np.int16,
    "s32": np.int32,
    "flt": np.float32,
    "dbl": np.float64,
}
GAP_SECONDS = Fraction(1, 10)
"""Jumps of the source's clock up to this length are rounding; longer ones become silence."""
GAP_AFTER_LOSS_SECONDS = Fraction(1, 100)
"""The same after packets that do not decode."""
LONGEST_GAP_SECONDS = 3600
"""Longer jumps are bad timestamps, not silence."""


@dataclass
class TranscodedAudio(OutputTrack):
    """An audio track that is decoded and encoded again.

    Its clock counts samples: decoders of some formats give frames without pts. Where the source's
    clock runs ahead, silence is inserted.
    """

    encoder: AudioEncoder = field(kw_only=True)
    layout: ChannelLayout = field(kw_only=True)
    rate: int = field(kw_only=True)
    """Samples per second of the source."""
    source_index: int = field(kw_only=True)
    position: int | None = None
    """Time of the next sample in samples of the source; None before the first."""
    first_seconds: Fraction | None = None
    """Time of the first packet that the decoder accepted: frames can come some packets later."""
    packet_seconds: Fraction = Fraction(0)
    """Duration of the last packet that decoded."""
    packets: int = 0
    lost_packets: int = 0
    lost_seconds: Fraction = Fraction(0)
    pending_seconds: Fraction = Fraction(0)
    """Duration of the undecodable packets since the last frame."""
    after_loss: bool = False
    resamplers: dict[tuple[str, str, int], AudioResampler] = field(default_factory=dict)
    changed: str = ""
    """Description of the first format change within the stream."""

    @property
    def is_lost(self) -> bool:
        """Whether the source has packets, and none of them decodes."""
        return bool(self.packets) and self.position is None

    def convert(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Yield encoded packets; the source's final empty packet flushes decoder and encoder."""
        self.packets += bool(packet.size)
        for frame in self._decode(packet):
            yield from self._encode_frame(frame)
        if not packet.size:
            yield from cast(AudioStream, self.output).encode(None)

    def warnings(self) -> list[str]:
        """Return sentences about sound that did not decode or changed its format."""
        found = super().warnings()
        name = f"audio stream {self.source_index}"
        if self.is_lost:
            found.append(f"{name}: none of its {self.packets} packets decodes")
        elif self.lost_packets:
            found.append(
                f"{name}: {self.lost_packets} of {self.packets} packets do not decode, "
                f"about {float(self.lost_seconds):.2f} s of sound are missing"
            )
        if self.changed:
            found.append(f"{name}: {self.changed}")
        return found

    def _decode(self, packet: AnyPacket) -> list[AudioFrame]:
        """Return a packet's frames; none if it does not decode, which is counted."""
        try:
            frames = cast("Packet[AudioStream]", packet).decode()
        except FFmpegError:
            if packet.size:
                self._note_loss(packet)
            return []
        if self.first_seconds is None and packet.size and packet.time_base:
            ticks = packet.pts if packet.pts is not None else packet.dts
            self.first_seconds = ((ticks or 0) - self.shift) * packet.time_base
        if frames:
            samples = sum(frame.samples for frame in frames)
            self.packet_seconds = Fraction(samples, frames[0].sample_rate)
        return frames

    def _note_loss(self, packet: AnyPacket) -> None:
        seconds = self.packet_seconds
        if packet.duration and packet.time_base:
            seconds = packet.duration * packet.time_base
        self.lost_packets += 1
        self.lost_seconds += seconds
        self.pending_seconds += seconds
        self.after_loss = True

    def _encode_frame(self, frame: AudioFrame) -> Iterator[AnyPacket]:
        start = self._seconds(frame)
        if self.position is None:
            self.position = round((start or 0) * self.rate)
        yield from self._fill_gap(start)
        own_order = frame.layout.channels[0].name != "NONE"
        for packed in self._resampler(frame).resample(frame):
            values = _samples(packed, self.encoder.samples, self.layout.channels)
            # A decoder that names the channels itself gives them in native order.
            yield from self._encode(values if own_order else self.layout.reorder(values))

    def _seconds(self, frame: AudioFrame) -> Fraction | None:
        """Return a frame's time in the output in seconds; None if the source gives none."""
        if frame.pts is None or not frame.time_base:
            return self.first_seconds if self.position is None else None
        # The shift is in ticks of the source stream, and so are decoded frames.
        return (frame.pts - self.shift) * frame.time_base

    def _fill_gap(self, start: Fraction | None) -> Iterator[AnyPacket]:
        """Encode silence up to a frame's time, if the source's clock jumps."""
        expected = Fraction(self.position or 0, self.rate)
        gap = self.pending_seconds if start is None else start - expected
        least = GAP_AFTER_LOSS_SECONDS if self.after_loss else GAP_SECONDS
        self.pending_seconds, self.after_loss = Fraction(0), False
        if not least < gap <= LONGEST_GAP_SECONDS:
            return
        missing = round(gap * self.rate)
        while missing:
            count = min(missing, self.rate)
            missing -= count
            silence = np.zeros((count, self.layout.channels), DTYPES[self.encoder.samples])
            yield from self._encode(silence)

    def _resampler(self, frame: AudioFrame) -> AudioResampler:
        """Return a converter to packed samples, which also undoes changes within the stream."""
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key not in self.resamplers:
            same = frame.layout.nb_channels == self.layout.channels
            if not (same and frame.sample_rate == self.rate) and not self.changed:
                self.changed = (
                    f"changes to {frame.layout.name} at {frame.sample_rate} Hz, converted to "
                    f"{self.layout.described} at {self.rate} Hz"
                )
            self.resamplers[key] = AudioResampler(
                format=self.encoder.samples,
                layout=None if same else self.encoder.layout,
                rate=self.rate,
            )
        return self.resamplers[key]

    def _encode(self, values: npt.NDArray[Any]) -> Iterator[AnyPacket]:
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(values).reshape(1, -1),
            format=self.encoder.samples,
            layout=self.encoder.layout,
        )
        frame.sample_rate, frame.time_base = self.rate, Fraction(1, self.rate)
        frame.pts = self.position
        self.position = (self.position or 0) + len(values)
        yield from cast(AudioStream, self.output).encode(frame)


def _samples(frame: AudioFrame, packed: str, channels: int) -> npt.NDArray[Any]:
    """Return a packed frame's samples, shape (samples, channels).

    PyAV 18.1's `to_ndarray` reads beyond the planes of planar frames with 8 or more channels.
    """
    count = frame.samples * channels
    values = np.frombuffer(cast(Any, frame.planes[0]), np.dtype(DTYPES[packed]), count)
    return values.reshape(-1, channels)


def transcode_audio(
    output: OutputContainer,
    stream: AudioStream,
    described: AudioStream,
    spec: EncoderSpec,
    shift: int,
) -> TranscodedAudio | None:
    """Add a transcoded track for an audio stream and return it; None if no encoder takes it.

    `described` is the stream with its parameters: the same one, or that of `late_streams`.
    """
    decoder = described.codec_context
    layout = channel_layout(decoder)
    encoder = choose_encoder(output.format.name, spec, decoder, layout)
    if encoder is None:
        return None
    forget_layout(stream.codec_context, layout)
    return TranscodedAudio(
        encoder.add_to(output),
        shift,
        encoder=encoder,
        layout=layout,
        rate=decoder.sample_rate,
        source_index=stream.index,
    )
