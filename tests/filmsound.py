"""Films with audio tracks of any codec and channel layout, and the samples of written films."""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler

from colorworker.media.containers.channellayout import channel_layout, forget_layout

DTYPES = {"s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}
LAYOUTS = (
    "mono", "stereo", "2.1", "3.0", "3.0(back)", "4.0", "quad", "quad(side)", "3.1", "5.0",
    "5.0(side)", "4.1", "5.1", "5.1(side)", "6.0", "6.0(front)", "hexagonal", "6.1", "6.1(back)",
    "6.1(front)", "7.0", "7.0(front)", "7.1", "7.1(wide)", "octagonal", "10C", "16C",
)  # fmt: skip
LFE_HERTZ = 60
XBOX_BLOCKS = 400


@dataclass(frozen=True)
class Track:
    """An audio track to write: its codec, its layout, and its samples of shape (n, channels)."""

    codec: str
    layout: str
    samples: np.ndarray
    rate: int = 48_000
    start_seconds: Fraction = Fraction(0)
    damaged: Sequence[int] = ()
    """Numbers of the packets whose first four bytes are zeroed."""

    @property
    def packed(self) -> str:
        return next(name for name, dtype in DTYPES.items() if dtype == self.samples.dtype)


def frequencies(layout: str) -> list[int]:
    """Return a frequency per channel, all different; AAC keeps only low ones in LFE channels."""
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    return [LFE_HERTZ if name == "LFE" else 300 + 150 * i for i, name in enumerate(names)]


def tones(layout: str, dtype: Any = np.float32, seconds: float = 0.5, rate: int = 48_000) -> Any:
    """Return a tone of its own for each channel, shape (n, channels); integers use 24 bits."""
    times = np.arange(round(seconds * rate))[:, None] / rate
    waves = 0.2 * np.sin(2 * np.pi * times * np.array(frequencies(layout)))
    if dtype == np.int16:
        return np.round(waves * 32767).astype(dtype)
    if dtype == np.int32:
        return np.round(waves * (2**23 - 1)).astype(dtype) << 8
    return waves.astype(dtype)


def make_film_with_sound(
    path: Path, tracks: Sequence[Track], frames: int = 13, **options: Any
) -> Path:
    """Write a film of 25 frames per second with audio tracks, and return its path."""
    with av.open(str(path), "w", **options) as output:
        video = output.add_stream("mpeg2video" if path.suffix == ".ts" else "mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        streams = []
        for track in tracks:
            stream = output.add_stream(track.codec, rate=track.rate)
            stream.codec_context.layout = track.layout
            if track.codec == "wmav2":
                stream.codec_context.bit_rate = 128_000
            if track.codec == "s302m":
                stream.codec_context.options = {"strict": "-2"}
            streams.append(stream)
        output.start_encoding()
        for number in range(frames):
            picture = np.full((96, 96), 16 + 8 * number % 200, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = number
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for track, stream in zip(tracks, streams, strict=True):
            packets = []
            for start in range(0, len(track.samples), 1024):
                values = np.ascontiguousarray(track.samples[start : start + 1024])
                frame = av.AudioFrame.from_ndarray(
                    values.reshape(1, -1), format=track.packed, layout=track.layout
                )
                frame.sample_rate, frame.time_base = track.rate, Fraction(1, track.rate)
                frame.pts = start + round(track.start_seconds * track.rate)
                packets += stream.encode(frame)
            packets += stream.encode(None)
            for number, packet in enumerate(packets):
                output.mux(damage(packet) if number in track.damaged else packet)
    return path


def make_film_with_xbox_adpcm(path: Path) -> Path:
    """Write an AVI film with mono Xbox ADPCM (format tag 0x69), for which libav has no encoder."""
    random = np.random.default_rng(1)
    blocks = b"".join(
        struct.pack("<hBB", number * 5 - 500, 20, 0) + random.bytes(32)
        for number in range(XBOX_BLOCKS)
    )
    rate, bytes_a_block, samples_a_block = 22_050, 36, 64
    rate_bytes = rate * bytes_a_block // samples_a_block
    form = struct.pack("<HHIIHHHH", 0x69, 1, rate, rate_bytes, bytes_a_block, 4, 2, samples_a_block)
    chunks = b"".join(
        name + struct.pack("<I", len(data)) + data
        for name, data in ((b"fmt ", form), (b"data", blocks))
    )
    wave = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
    film = make_film_with_sound(path.with_suffix(".nut"), [], 30)
    with (
        av.open(str(film)) as pictures,
        av.open(io.BytesIO(wave), "r", format="wav") as sound,
        av.open(str(path), "w") as output,
    ):
        for source in (pictures, sound):
            output.add_stream_from_template(source.streams[0], opaque=True)
        for source, made in zip((pictures, sound), output.streams, strict=True):
            for packet in source.demux(source.streams[0]):
                if packet.size:
                    packet.stream = made
                    output.mux(packet)
    return path


def damage(packet: av.Packet) -> av.Packet:
    """Return the packet with its first four bytes zeroed."""
    made = av.Packet(bytes(4) + bytes(packet)[4:])
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.time_base, made.stream = packet.time_base, packet.stream
    return made


def read_sound(path: Path, number: int = 0, dtype: Any = np.float32) -> tuple[str, Any, float]:
    """Return a track's layout, its samples of shape (n, channels), and its start in seconds.

    The channels are in libav's native order; the layout is empty if the file does not give one.
    """
    packed = next(name for name, each in DTYPES.items() if each == dtype)
    with av.open(str(path)) as container:
        stream = container.streams.audio[number]
        layout = channel_layout(stream.codec_context)
        forget_layout(stream.codec_context, layout)
        resampler, found, name, first = AudioResampler(format=packed), [], layout.name, None
        for frame in container.decode(stream):
            if frame.layout.channels[0].name != "NONE":
                name = frame.layout.name
            first = frame.time if first is None else first
            for each in resampler.resample(frame):
                count = each.samples * layout.channels
                values = np.frombuffer(each.planes[0], dtype, count)
                found.append(values.reshape(-1, layout.channels).copy())
    return name, layout.reorder(np.concatenate(found)), first or 0.0


def loudest_hertz(samples: np.ndarray, rate: int = 48_000) -> list[float]:
    """Return the frequency of the loudest tone of each channel."""
    window = np.hanning(len(samples))[:, None]
    spectrum = np.abs(np.fft.rfft(samples * window, axis=0))
    return list(spectrum.argmax(0) * rate / len(samples))
